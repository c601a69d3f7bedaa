/*
 * evt_pack -- see evt_pack.h.
 */
#include "event/evt_pack.h"

/* -- types ---------------------------------------------------------------------------------------------------- */

static void pack_columns(struct base_buf *b, uint32_t n, const struct evt_column *cols) {
    for (uint32_t i = 0; i < n; i++) {
        base_pack_str(b, cols[i].name);
        base_pack_u8(b, cols[i].not_null);
        evt_pack_type(b, cols[i].type);
    }
}

void evt_pack_type(struct base_buf *b, const struct evt_type *t) {
    base_pack_u8(b, (uint8_t)t->kind);
    if (t->kind == EVT_DECIMAL) {
        base_pack_u8(b, t->precision);
        base_pack_u8(b, t->scale);
    } else if (t->kind == EVT_ARRAY) {
        evt_pack_type(b, t->elem);
    } else if (t->kind == EVT_ROW) {
        base_pack_varint(b, t->n_fields);
        pack_columns(b, t->n_fields, t->fields);
    }
}

static const struct evt_type *bad_type(struct base_unpack *u) {
    u->bad = true;
    return NULL;
}

static const struct evt_type *unpack_type(struct base_unpack *u, struct base_arena *a, unsigned depth);

enum { COLUMN_LEAST = 3 }; /* bytes of a column: length of its name, flag, kind */

static const struct evt_column *unpack_columns(
    struct base_unpack *u, struct base_arena *a, size_t n, unsigned depth) {
    struct evt_column *cols = BASE_ARENA_ARRAY(a, struct evt_column, n ? n : 1);
    for (size_t i = 0; i < n && !u->bad; i++) {
        struct base_str name = base_unpack_str(u);
        cols[i].name = (struct base_str){ base_arena_strndup(a, name.p, name.len), name.len };
        uint8_t not_null = base_unpack_u8(u);
        u->bad = u->bad || not_null > 1;
        cols[i].not_null = not_null != 0;
        cols[i].type = unpack_type(u, a, depth);
    }
    return u->bad ? NULL : cols;
}

static const struct evt_type *unpack_type(struct base_unpack *u, struct base_arena *a, unsigned depth) {
    uint8_t kind = base_unpack_u8(u);
    if (u->bad || kind >= EVT_KIND_MAX || depth >= EVT_PACK_DEPTH)
        return bad_type(u);
    if (kind == EVT_DECIMAL) {
        uint8_t precision = base_unpack_u8(u), scale = base_unpack_u8(u);
        return precision < 1 || precision > 38 || scale > precision ? bad_type(u)
                                                                    : evt_type_decimal(a, precision, scale);
    }
    if (kind == EVT_ARRAY) {
        const struct evt_type *elem = unpack_type(u, a, depth + 1);
        return elem ? evt_type_array(a, elem) : NULL;
    }
    if (kind == EVT_ROW) {
        size_t n = base_unpack_count(u, COLUMN_LEAST);
        const struct evt_column *fields = unpack_columns(u, a, n, depth + 1);
        return fields ? evt_type_row(a, (uint32_t)n, fields) : NULL;
    }
    return evt_type_of((enum evt_kind)kind);
}

const struct evt_type *evt_unpack_type(struct base_unpack *u, struct base_arena *a) {
    return unpack_type(u, a, 0);
}

void evt_pack_schema(struct base_buf *b, const struct evt_schema *s) {
    base_pack_varint(b, s->n_cols);
    base_pack_varint(b, s->n_visible);
    pack_columns(b, s->n_cols, s->cols);
}

const struct evt_schema *evt_unpack_schema(struct base_unpack *u, struct base_arena *a) {
    size_t n = base_unpack_count(u, COLUMN_LEAST);
    uint64_t n_visible = base_unpack_max(u, n);
    const struct evt_column *cols = unpack_columns(u, a, n, 0);
    if (!cols)
        return NULL;
    struct evt_schema *s = BASE_ARENA_NEW(a, struct evt_schema);
    *s = (struct evt_schema){ (uint32_t)n, (uint32_t)n_visible, cols };
    return s;
}

/* -- values --------------------------------------------------------------------------------------------------- */

static uint64_t bits_of(double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

void evt_pack_val(struct base_buf *b, const struct evt_type *t, const struct evt_val *v) {
    base_pack_u8(b, !v->null);
    if (v->null)
        return;
    switch (t->kind) {
    case EVT_BOOL: base_pack_u8(b, v->b); return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: base_pack_zigzag(b, v->i); return;
    case EVT_DOUBLE: base_pack_u64(b, bits_of(v->d)); return;
    case EVT_DECIMAL:
        base_pack_u64(b, v->dec.lo);
        base_pack_u64(b, (uint64_t)v->dec.hi);
        return;
    case EVT_STRING:
    case EVT_BYTES: base_pack_str(b, evt_val_str(v)); return;
    case EVT_ARRAY:
        base_pack_varint(b, v->list.n);
        for (uint32_t i = 0; i < v->list.n; i++)
            evt_pack_val(b, t->elem, &v->list.v[i]);
        return;
    case EVT_ROW:
        for (uint32_t i = 0; i < t->n_fields; i++)
            evt_pack_val(b, t->fields[i].type, &v->list.v[i]);
        return;
    case EVT_NULL:
    case EVT_KIND_MAX: return;
    }
}

static void unpack_list(
    struct base_unpack *u, const struct evt_type *t, size_t n, struct base_arena *a, struct evt_val *out) {
    struct evt_val *v = BASE_ARENA_ARRAY(a, struct evt_val, n ? n : 1);
    for (size_t i = 0; i < n && !u->bad; i++)
        evt_unpack_val(u, t->kind == EVT_ARRAY ? t->elem : t->fields[i].type, a, &v[i]);
    out->list.v = v;
    out->list.n = (uint32_t)n;
}

void evt_unpack_val(
    struct base_unpack *u, const struct evt_type *t, struct base_arena *a, struct evt_val *out) {
    uint8_t there = base_unpack_u8(u);
    *out = EVT_VAL_NULL;
    if (there > 1)
        u->bad = true;
    if (there != 1 || u->bad)
        return;
    struct evt_val v = { .null = false };
    switch (t->kind) {
    case EVT_BOOL: {
        uint8_t x = base_unpack_u8(u);
        u->bad = u->bad || x > 1;
        v.b = x != 0;
        break;
    }
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: v.i = base_unpack_zigzag(u); break;
    case EVT_DOUBLE: {
        uint64_t bits = base_unpack_u64(u);
        memcpy(&v.d, &bits, sizeof v.d);
        break;
    }
    case EVT_DECIMAL: {
        v.dec.lo = base_unpack_u64(u);
        v.dec.hi = (int64_t)base_unpack_u64(u);
        /* 10^38: what 38 digits stay below. */
        const __int128 limit = (__int128)INT64_C(10000000000000000) * INT64_C(10000000000000000) * 1000000;
        __int128 d = evt_val_dec(&v);
        u->bad = u->bad || d >= limit || d <= -limit;
        break;
    }
    case EVT_STRING:
    case EVT_BYTES: {
        struct base_str s = base_unpack_str(u);
        u->bad = u->bad || s.len > UINT32_MAX;
        v.s.p = s.p;
        v.s.len = (uint32_t)s.len;
        break;
    }
    case EVT_ARRAY: unpack_list(u, t, base_unpack_count(u, 1), a, &v); break;
    case EVT_ROW: unpack_list(u, t, t->n_fields, a, &v); break;
    case EVT_NULL:
    case EVT_KIND_MAX: u->bad = true; break;
    }
    if (!u->bad)
        *out = v;
}

static void unpack_key_list(
    struct base_unpack *u, const struct evt_type *t, size_t n, struct base_arena *a, struct evt_val *out) {
    u->bad = u->bad || n > (size_t)(u->end - u->p); /* a byte each, at least */
    struct evt_val *v = BASE_ARENA_ARRAY(a, struct evt_val, u->bad ? 1 : n + 1);
    for (size_t i = 0; i < n && !u->bad; i++)
        evt_unpack_key(u, t->kind == EVT_ARRAY ? t->elem : t->fields[i].type, a, &v[i]);
    out->list.v = v;
    out->list.n = (uint32_t)n;
}

void evt_unpack_key(
    struct base_unpack *u, const struct evt_type *t, struct base_arena *a, struct evt_val *out) {
    uint8_t there = base_unpack_u8(u);
    uint64_t bits;
    *out = EVT_VAL_NULL;
    u->bad = u->bad || there > 1;
    if (there != 1 || u->bad)
        return;
    struct evt_val v = { .null = false };
    switch (t->kind) {
    case EVT_BOOL: v.b = base_unpack_u8(u) != 0; break;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: v.i = (int64_t)base_unpack_u64(u); break;
    case EVT_DOUBLE:
        bits = base_unpack_u64(u);
        memcpy(&v.d, &bits, sizeof v.d);
        break;
    case EVT_DECIMAL:
        v.dec.lo = base_unpack_u64(u);
        v.dec.hi = (int64_t)base_unpack_u64(u);
        break;
    case EVT_STRING:
    case EVT_BYTES:
        v.s.len = base_unpack_u32(u);
        v.s.p = base_unpack_bytes(u, v.s.len).p;
        break;
    case EVT_ARRAY: unpack_key_list(u, t, base_unpack_u32(u), a, &v); break;
    case EVT_ROW: unpack_key_list(u, t, t->n_fields, a, &v); break;
    case EVT_NULL:
    case EVT_KIND_MAX: u->bad = true; break;
    }
    if (!u->bad)
        *out = v;
}

/* -- rows ------------------------------------------------------------------------------------------------------ */

void evt_pack_row(
    struct base_buf *b, const struct evt_batch *batch, uint32_t row, struct base_arena *scratch) {
    struct evt_val v;
    base_pack_zigzag(b, batch->time[row]);
    base_pack_varint(b, batch->origin[row]);
    base_pack_varint(b, batch->seq[row]);
    for (uint32_t c = 0; c < batch->schema->n_cols; c++) {
        evt_col_get(&batch->cols[c], row, scratch, &v);
        evt_pack_val(b, batch->schema->cols[c].type, &v);
    }
}

bool evt_unpack_row(struct base_unpack *u, struct evt_batch *to, struct base_arena *scratch) {
    uint32_t row = to->n_rows;
    struct evt_val v;
    to->time[row] = base_unpack_zigzag(u);
    to->origin[row] = (uint32_t)base_unpack_max(u, UINT32_MAX);
    to->seq[row] = base_unpack_varint(u);
    for (uint32_t c = 0; c < to->schema->n_cols; c++) {
        evt_unpack_val(u, to->schema->cols[c].type, scratch, &v);
        evt_col_set_val(&to->cols[c], row, &v);
    }
    if (u->bad)
        evt_batch_drop_row(to);
    else
        evt_batch_end_row(to);
    return !u->bad;
}

void evt_pack_batch(struct base_buf *b, const struct evt_batch *batch) {
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    base_pack_varint(b, evt_batch_count(batch));
    for (uint32_t i = 0; i < batch->n_rows; i++) {
        if (!evt_batch_has(batch, i))
            continue;
        evt_pack_row(b, batch, i, &scratch);
        base_arena_clear(&scratch);
    }
    base_arena_release(&scratch);
}

struct evt_batch *evt_unpack_batch(struct base_unpack *u, const struct evt_schema *schema) {
    uint32_t n = (uint32_t)base_unpack_max(u, EVT_BATCH_ROWS);
    struct base_arena scratch;
    if (u->bad)
        return NULL;
    base_arena_init(&scratch, 0);
    struct evt_batch *b = evt_batch_new(schema, n ? n : 1);
    for (uint32_t i = 0; i < n && evt_unpack_row(u, b, &scratch); i++)
        base_arena_clear(&scratch);
    base_arena_release(&scratch);
    if (u->bad) {
        evt_batch_unref(b);
        return NULL;
    }
    return b;
}
