/*
 * clu_batch_read -- batches from bytes; see clu_batch.h. Whatever the bytes say is checked before memory is taken for it.
 */
#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"
#include "cluster/clu_batch.h"

/* Elements of all arrays of one column: more than any frame has. */
enum { MOST_ELEMENTS = 1 << 28 };

#define UNPACK_LOOP(type)                                                    \
    for (uint32_t i = 0; i < n; i++) {                                       \
        type narrow;                                                         \
        memcpy(&narrow, bytes.p + (size_t)i * sizeof narrow, sizeof narrow); \
        out[i] = (int64_t)((uint64_t)low + narrow);                          \
    }

static void unpack_ints(struct base_unpack *u, int64_t *out, uint32_t n, unsigned least) {
    unsigned width = base_unpack_u8(u);
    int64_t low = base_unpack_zigzag(u);
    u->bad |= width < least || width > 8 || (width & (width - 1)) != 0;
    struct base_str bytes = base_unpack_bytes(u, u->bad ? 0 : (size_t)width * n);
    if (u->bad)
        return;
    switch (width) {
    case 0:
        for (uint32_t i = 0; i < n; i++)
            out[i] = low;
        return;
    case 1: UNPACK_LOOP(uint8_t) return;
    case 2: UNPACK_LOOP(uint16_t) return;
    case 4: UNPACK_LOOP(uint32_t) return;
    default: UNPACK_LOOP(uint64_t) return;
    }
}

/* Lengths as offsets from 0. Returns: their sum, at most `most`. */
static uint32_t unpack_offsets(
    struct base_unpack *u, uint32_t *off, uint32_t n, unsigned least, uint64_t most) {
    unsigned width = base_unpack_u8(u);
    int64_t low = base_unpack_zigzag(u);
    u->bad |= width < least || width > 4 || (width & (width - 1)) != 0 || low < 0 || low > UINT32_MAX;
    struct base_str bytes = base_unpack_bytes(u, u->bad ? 0 : (size_t)width * n);
    uint64_t sum = 0;
    off[0] = 0;
    for (uint32_t i = 0; !u->bad && i < n; i++) {
        uint32_t more = 0;
        memcpy(&more, bytes.p + (size_t)i * width, width);
        sum += (uint64_t)low + more;
        u->bad |= sum > most;
        off[i + 1] = (uint32_t)sum;
    }
    return u->bad ? 0 : (uint32_t)sum;
}

static size_t left(const struct base_unpack *u) {
    return (size_t)(u->end - u->p);
}

static void unpack_bits(struct base_unpack *u, uint8_t *out, uint32_t n) {
    struct base_str bits = base_unpack_bytes(u, (n + 7) / 8);
    for (uint32_t i = 0; !u->bad && i < n; i++)
        out[i] = (bits.p[i >> 3] >> (i & 7)) & 1;
}

static void unpack_doubles(struct base_unpack *u, double *out, uint32_t n, unsigned least) {
    bool same = base_unpack_max(u, least == 0) == 1;
    struct base_str bytes = base_unpack_bytes(u, (size_t)(same ? 1 : n) * 8);
    if (u->bad)
        return;
    if (!same)
        memcpy(out, bytes.p, bytes.len);
    for (uint32_t i = 0; same && i < n; i++)
        memcpy(&out[i], bytes.p, 8);
}

static void unpack_decimals(struct base_unpack *u, __int128 *out, uint32_t n, unsigned least) {
    bool narrow = base_unpack_max(u, 1) == 1;
    if (!narrow) {
        struct base_str bytes = base_unpack_bytes(u, (size_t)n * 16);
        if (!u->bad && n > 0)
            memcpy(out, bytes.p, bytes.len);
        return;
    }
    int64_t *v = base_alloc((n ? n : 1) * sizeof *v);
    unpack_ints(u, v, n, least);
    for (uint32_t i = 0; !u->bad && i < n; i++)
        out[i] = v[i];
    base_free(v);
}

static void zero_null(struct evt_col *c, uint32_t row) {
    switch (c->type->kind) {
    case EVT_BOOL: c->b[row] = 0; return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION:
    case EVT_DOUBLE: c->i[row] = 0; return;
    case EVT_DECIMAL: c->dec[row] = 0; return;
    case EVT_NULL:
    case EVT_STRING:
    case EVT_BYTES:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: return; /* they are empty, or their fields are seen to */
    }
}

static void unpack_nulls(struct base_unpack *u, struct evt_col *c, uint32_t n) {
    if (base_unpack_max(u, 1) == 0)
        return;
    struct base_str bits = base_unpack_bytes(u, (n + 7) / 8);
    if (u->bad)
        return;
    evt_col_need_valid(c);
    memcpy(c->valid, bits.p, bits.len);
}

static void unpack_col(struct base_unpack *u, struct evt_col *c, uint32_t n, unsigned least);

static void unpack_arrays(struct base_unpack *u, struct evt_col *c, uint32_t n, unsigned least) {
    uint64_t most = (uint64_t)left(u) * 8;
    uint32_t sum = unpack_offsets(u, c->off, n, least, most < MOST_ELEMENTS ? most : MOST_ELEMENTS);
    if (u->bad)
        return;
    struct evt_col *elems = &c->children[0];
    if (elems->cap_rows < sum) { /* empty so far: made anew, as large as it has to be */
        const struct evt_type *type = elems->type;
        evt_col_release(elems);
        evt_col_init(elems, type, sum);
    }
    unpack_col(u, elems, sum, 1);
}

static void unpack_strings(struct base_unpack *u, struct evt_col *c, uint32_t n, unsigned least) {
    uint32_t sum = unpack_offsets(u, c->off, n, least, left(u));
    struct base_str bytes = base_unpack_bytes(u, sum);
    if (!u->bad && sum > 0)
        memcpy(evt_col_room(c, 0, sum), bytes.p, sum);
}

static void unpack_col(struct base_unpack *u, struct evt_col *c, uint32_t n, unsigned least) {
    unpack_nulls(u, c, n);
    if (u->bad)
        return;
    switch (c->type->kind) {
    case EVT_NULL: return;
    case EVT_BOOL: unpack_bits(u, c->b, n); break;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: unpack_ints(u, c->i, n, least); break;
    case EVT_DOUBLE: unpack_doubles(u, c->d, n, least); break;
    case EVT_DECIMAL: unpack_decimals(u, c->dec, n, least); break;
    case EVT_STRING:
    case EVT_BYTES: unpack_strings(u, c, n, least); return;
    case EVT_ARRAY: unpack_arrays(u, c, n, least); return;
    case EVT_ROW:
        for (uint32_t i = 0; i < c->n_children && !u->bad; i++)
            unpack_col(u, &c->children[i], n, least);
        return;
    case EVT_KIND_MAX: CEP_INSIST(!"a kind of type");
    }
    for (uint32_t i = 0; c->valid && !u->bad && i < n; i++)
        if (evt_col_is_null(c, i))
            zero_null(c, i);
}

static void unpack_times(struct base_unpack *u, struct evt_batch *b, uint32_t n) {
    int64_t v[EVT_BATCH_ROWS];
    unpack_ints(u, b->time, n, 0);
    unpack_ints(u, v, n, 0);
    for (uint32_t i = 0; !u->bad && i < n; i++) {
        u->bad |= v[i] < 0 || v[i] > UINT32_MAX;
        b->origin[i] = (uint32_t)v[i];
    }
    unpack_ints(u, v, n, 0);
    if (!u->bad)
        memcpy(b->seq, v, n * sizeof *v);
}

struct evt_batch *clu_batch_unpack(struct base_str bytes, const struct evt_schema *schema) {
    struct base_unpack u = base_unpack_of(bytes);
    uint32_t n = (uint32_t)base_unpack_max(&u, EVT_BATCH_ROWS);
    if (u.bad || n == 0)
        return NULL;
    struct evt_batch *b = evt_batch_new(schema, n);
    unpack_times(&u, b, n);
    for (uint32_t i = 0; i < schema->n_cols && !u.bad; i++)
        unpack_col(&u, &b->cols[i], n, 0);
    if (!base_unpack_ok(&u)) {
        evt_batch_unref(b);
        return NULL;
    }
    b->n_rows = n;
    return b;
}
