/*
 * evt_batch -- columns and batches: their buffers, filling and reading them.
 *
 * Buffers are zeroed when they are made, so that kernels which run over the padding read defined bytes. Clearing
 * keeps them; a recycled batch allocates nothing.
 */
#include "event/evt_batch.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"

enum { EVT_ALIGN = 64, EVT_FIRST_BYTES = 4096 };

static size_t col_round(size_t n) {
    return (n + EVT_ALIGN - 1) & ~(size_t)(EVT_ALIGN - 1);
}

static void *col_alloc(size_t size) {
    size = col_round(size ? size : 1);
    return memset(base_aligned_alloc(EVT_ALIGN, size), 0, size);
}

/* A larger buffer with the old one's first `used` bytes. */
static void *col_regrow(void *old, size_t used, size_t size) {
    char *p = col_alloc(size);
    if (used)
        memcpy(p, old, used);
    base_free(old);
    return p;
}

/* Bytes of a column's fixed-width buffer, 0 for rows, which have none. */
static size_t col_width_bytes(enum evt_kind kind, size_t rows) {
    switch (kind) {
    case EVT_NULL:
    case EVT_BOOL: return rows;
    case EVT_INT:
    case EVT_DOUBLE:
    case EVT_TIMESTAMP:
    case EVT_DURATION: return rows * 8;
    case EVT_DECIMAL: return rows * 16;
    case EVT_STRING:
    case EVT_BYTES:
    case EVT_ARRAY: return (rows + 1) * 4;
    case EVT_ROW: return 0;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
    return 0;
}

void evt_col_init(struct evt_col *c, const struct evt_type *type, uint32_t cap_rows) {
    *c = (struct evt_col){ .type = type, .cap_rows = (cap_rows + 63) & ~63u };
    size_t bytes = col_width_bytes(type->kind, c->cap_rows);
    if (bytes)
        c->b = col_alloc(bytes);
    if (type->kind == EVT_STRING || type->kind == EVT_BYTES) { /* never NULL: empty strings point at it */
        c->bytes = col_alloc(EVT_ALIGN);
        c->cap_bytes = EVT_ALIGN;
    }
    c->n_children = type->kind == EVT_ARRAY ? 1 : type->kind == EVT_ROW ? type->n_fields : 0;
    if (c->n_children)
        c->children = base_calloc(c->n_children, sizeof *c->children);
    for (uint32_t i = 0; i < c->n_children; i++)
        evt_col_init(
            &c->children[i], type->kind == EVT_ARRAY ? type->elem : type->fields[i].type, c->cap_rows);
}

void evt_col_release(struct evt_col *c) {
    for (uint32_t i = 0; i < c->n_children; i++)
        evt_col_release(&c->children[i]);
    base_free(c->children);
    base_free(c->valid_buf);
    base_free(c->b);
    base_free(c->bytes);
    *c = (struct evt_col){ .type = NULL };
}

/* Offset 0 of strings and arrays is 0 from the start and never changes, so there is nothing else to reset. */
void evt_col_clear(struct evt_col *c) {
    c->valid = NULL;
    for (uint32_t i = 0; i < c->n_children; i++)
        evt_col_clear(&c->children[i]);
}

void evt_col_need_valid(struct evt_col *c) {
    if (c->valid)
        return;
    size_t bytes = BASE_BITS_WORDS(c->cap_rows) * 8;
    if (!c->valid_buf)
        c->valid_buf = col_alloc(bytes);
    memset(c->valid_buf, 0xff, bytes);
    c->valid = c->valid_buf;
}

/* Room for rows [0, rows): elements of arrays. */
static void col_grow_rows(struct evt_col *c, uint32_t rows) {
    if (rows <= c->cap_rows)
        return;
    uint32_t old = c->cap_rows, cap = old;
    while (cap < rows) {
        CEP_INSIST(cap < UINT32_C(1) << 31);
        cap = cap ? cap * 2 : 64;
    }
    c->cap_rows = cap;
    size_t used = col_width_bytes(c->type->kind, old);
    if (used)
        c->b = col_regrow(c->b, used, col_width_bytes(c->type->kind, cap));
    if (c->valid_buf) {
        bool live = c->valid != NULL;
        c->valid_buf = col_regrow(c->valid_buf, old / 8, cap / 8);
        memset((char *)c->valid_buf + old / 8, 0xff, (cap - old) / 8);
        c->valid = live ? c->valid_buf : NULL;
    }
    if (c->type->kind == EVT_ROW)
        for (uint32_t i = 0; i < c->n_children; i++)
            col_grow_rows(&c->children[i], cap);
}

char *evt_col_room(struct evt_col *c, uint32_t row, uint32_t len) {
    uint32_t off = c->off[row];
    uint64_t need = (uint64_t)off + len;
    if (need > c->cap_bytes) {
        CEP_INSIST(need <= UINT32_MAX - EVT_ALIGN);
        uint64_t cap = c->cap_bytes < EVT_FIRST_BYTES ? EVT_FIRST_BYTES : (uint64_t)c->cap_bytes * 2;
        cap = cap < need ? need : cap;
        cap = cap > UINT32_MAX - EVT_ALIGN ? UINT32_MAX - EVT_ALIGN : cap;
        cap = col_round(cap);
        c->bytes = col_regrow(c->bytes, off, cap);
        c->cap_bytes = (uint32_t)cap;
    }
    return c->bytes + off;
}

static void col_mark_valid(struct evt_col *c, uint32_t row) {
    if (c->valid)
        base_bits_set(c->valid, row);
}

void evt_col_set_bytes(struct evt_col *c, uint32_t row, const char *p, uint32_t len) {
    col_mark_valid(c, row);
    if (len)
        memcpy(evt_col_room(c, row, len), p, len);
    evt_col_took_bytes(c, row, len);
}

/* Nulls hold zeros: kernels compute on them, and batches with equal values have equal bytes. */
static void col_zero(struct evt_col *c, uint32_t row) {
    switch (c->type->kind) {
    case EVT_NULL:
    case EVT_BOOL: c->b[row] = 0; return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: c->i[row] = 0; return;
    case EVT_DOUBLE: c->d[row] = 0; return;
    case EVT_DECIMAL: c->dec[row] = 0; return;
    case EVT_STRING:
    case EVT_BYTES:
    case EVT_ARRAY: c->off[row + 1] = c->off[row]; return;
    case EVT_ROW:
        for (uint32_t i = 0; i < c->n_children; i++)
            col_zero(&c->children[i], row);
        return;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

void evt_col_set_null(struct evt_col *c, uint32_t row) {
    evt_col_need_valid(c);
    base_bits_unset(c->valid, row);
    col_zero(c, row);
}

void evt_col_set_val(struct evt_col *c, uint32_t row, const struct evt_val *v) {
    if (v->null) {
        evt_col_set_null(c, row);
        return;
    }
    col_mark_valid(c, row);
    switch (c->type->kind) {
    case EVT_NULL: return;
    case EVT_BOOL: c->b[row] = v->b; return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: c->i[row] = v->i; return;
    case EVT_DOUBLE: c->d[row] = v->d; return;
    case EVT_DECIMAL: c->dec[row] = evt_val_dec(v); return;
    case EVT_STRING:
    case EVT_BYTES: evt_col_set_bytes(c, row, v->s.p, v->s.len); return;
    case EVT_ARRAY: {
        uint32_t from = c->off[row];
        col_grow_rows(&c->children[0], from + v->list.n);
        for (uint32_t i = 0; i < v->list.n; i++)
            evt_col_set_val(&c->children[0], from + i, &v->list.v[i]);
        c->off[row + 1] = from + v->list.n;
        return;
    }
    case EVT_ROW:
        CEP_REQUIRE(v->list.n == c->n_children);
        for (uint32_t i = 0; i < c->n_children; i++)
            evt_col_set_val(&c->children[i], row, &v->list.v[i]);
        return;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

void evt_col_copy(struct evt_col *to, uint32_t row, const struct evt_col *from, uint32_t from_row) {
    if (evt_col_is_null(from, from_row)) {
        evt_col_set_null(to, row);
        return;
    }
    col_mark_valid(to, row);
    switch (to->type->kind) {
    case EVT_NULL: return;
    case EVT_BOOL: to->b[row] = from->b[from_row]; return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION:
    case EVT_DOUBLE: to->i[row] = from->i[from_row]; return;
    case EVT_DECIMAL: to->dec[row] = from->dec[from_row]; return;
    case EVT_STRING:
    case EVT_BYTES: {
        struct base_str s = evt_col_str(from, from_row);
        evt_col_set_bytes(to, row, s.p, (uint32_t)s.len);
        return;
    }
    case EVT_ARRAY: {
        uint32_t at = to->off[row], first = from->off[from_row], n = from->off[from_row + 1] - first;
        col_grow_rows(&to->children[0], at + n);
        for (uint32_t i = 0; i < n; i++)
            evt_col_copy(&to->children[0], at + i, &from->children[0], first + i);
        to->off[row + 1] = at + n;
        return;
    }
    case EVT_ROW:
        for (uint32_t i = 0; i < to->n_children; i++)
            evt_col_copy(&to->children[i], row, &from->children[i], from_row);
        return;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

void evt_col_get(const struct evt_col *c, uint32_t row, struct base_arena *scratch, struct evt_val *out) {
    /* Most cells are eight bytes wide: without a jump through a table. */
    enum { WIDE = 1 << EVT_INT | 1 << EVT_DOUBLE | 1 << EVT_TIMESTAMP | 1 << EVT_DURATION };
    out->null = evt_col_is_null(c, row) || c->type->kind == EVT_NULL;
    if (out->null)
        return;
    if (1 << c->type->kind & WIDE) {
        out->i = c->i[row];
        return;
    }
    switch (c->type->kind) {
    case EVT_NULL: return;
    case EVT_BOOL: out->b = c->b[row]; return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: out->i = c->i[row]; return;
    case EVT_DOUBLE: out->d = c->d[row]; return;
    case EVT_DECIMAL: *out = evt_val_of_dec(c->dec[row]); return;
    case EVT_STRING:
    case EVT_BYTES:
        out->s.p = c->bytes + c->off[row];
        out->s.len = c->off[row + 1] - c->off[row];
        return;
    case EVT_ARRAY:
    case EVT_ROW: {
        bool row_kind = c->type->kind == EVT_ROW;
        uint32_t n = row_kind ? c->n_children : c->off[row + 1] - c->off[row];
        struct evt_val *v = BASE_ARENA_ARRAY(scratch, struct evt_val, n ? n : 1);
        for (uint32_t i = 0; i < n; i++)
            evt_col_get(&c->children[row_kind ? i : 0], row_kind ? row : c->off[row] + i, scratch, &v[i]);
        out->list.v = v;
        out->list.n = n;
        return;
    }
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

void evt_col_write_key(
    struct base_buf *b, const struct evt_col *c, uint32_t row, struct base_arena *scratch) {
    enum evt_kind kind = c->type->kind;
    bool is_int = kind == EVT_INT || kind == EVT_TIMESTAMP, is_text = kind == EVT_STRING;
    struct evt_val v = { .null = true };
    if (evt_col_is_null(c, row) || (!is_int && !is_text)) {
        evt_col_get(c, row, scratch, &v);
        evt_val_write_key(b, c->type, &v);
        return;
    }
    uint32_t len = is_text ? c->off[row + 1] - c->off[row] : 8;
    size_t head = is_text ? 5 : 1, all = head + len;
    char *to = base_buf_reserve(b, all);
    to[0] = 1;
    if (is_text)
        memcpy(to + 1, &len, 4);
    memcpy(to + head, is_text ? c->bytes + c->off[row] : (const char *)&c->i[row], len);
    to[all] = '\0';
    b->len += all;
}

struct evt_batch *evt_batch_new(const struct evt_schema *schema, uint32_t cap_rows) {
    struct evt_batch *b = base_calloc(1, sizeof *b);
    atomic_init(&b->refs, 1);
    b->schema = schema;
    b->cap_rows = ((cap_rows ? cap_rows : EVT_BATCH_ROWS) + 63) & ~63u;
    b->cols = base_calloc(schema->n_cols ? schema->n_cols : 1, sizeof *b->cols);
    for (uint32_t i = 0; i < schema->n_cols; i++)
        evt_col_init(&b->cols[i], schema->cols[i].type, b->cap_rows);
    b->time = col_alloc(b->cap_rows * sizeof *b->time);
    b->seq = col_alloc(b->cap_rows * sizeof *b->seq);
    b->origin = col_alloc(b->cap_rows * sizeof *b->origin);
    return b;
}

struct evt_batch *evt_batch_ref(struct evt_batch *b) {
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void evt_batch_unref(struct evt_batch *b) {
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < b->schema->n_cols; i++)
        if (!b->parent || b->cols[i].cap_rows > 0)
            evt_col_release(&b->cols[i]);
    base_free(b->cols);
    if (!b->parent) {
        base_free(b->time);
        base_free(b->seq);
        base_free(b->origin);
    }
    base_free(b->sel_buf);
    evt_batch_unref(b->parent);
    base_free(b);
}

void evt_batch_clear(struct evt_batch *b) {
    CEP_REQUIRE(atomic_load_explicit(&b->refs, memory_order_acquire) == 1 && !b->parent);
    for (uint32_t i = 0; i < b->schema->n_cols; i++)
        evt_col_clear(&b->cols[i]);
    b->n_rows = 0;
    b->sel = NULL;
}

static size_t col_bytes(const struct evt_col *c) {
    size_t n = col_round(col_width_bytes(c->type->kind, c->cap_rows)) + c->cap_bytes +
               (c->valid_buf ? col_round(c->cap_rows / 8) : 0) + c->n_children * sizeof *c->children;
    for (uint32_t i = 0; i < c->n_children; i++)
        n += col_bytes(&c->children[i]);
    return n;
}

size_t evt_batch_bytes(const struct evt_batch *b) {
    size_t n = sizeof *b + b->schema->n_cols * sizeof *b->cols + (size_t)b->cap_rows * 20;
    for (uint32_t i = 0; i < b->schema->n_cols; i++)
        n += col_bytes(&b->cols[i]);
    return n + (b->sel_buf ? b->cap_rows / 8 : 0);
}

static uint64_t col_data_bytes(const struct evt_col *c, uint32_t rows) {
    uint64_t n = col_width_bytes(c->type->kind, rows);
    bool places = c->type->kind == EVT_STRING || c->type->kind == EVT_BYTES || c->type->kind == EVT_ARRAY;
    if (places && c->type->kind != EVT_ARRAY && rows > 0)
        n += c->off[rows] - c->off[0];
    for (uint32_t i = 0; i < c->n_children; i++)
        n += col_data_bytes(&c->children[i], places ? c->off[rows] : rows);
    return n;
}

uint64_t evt_batch_data_bytes(const struct evt_batch *b) {
    uint64_t n = 0;
    if (b->n_rows == 0)
        return 0;
    for (uint32_t i = 0; i < b->schema->n_cols; i++)
        n += col_data_bytes(&b->cols[i], b->n_rows);
    return b->sel ? n * evt_batch_count(b) / b->n_rows : n;
}

static void col_unset(struct evt_col *c, uint32_t row) {
    col_mark_valid(c, row);
    if (c->type->kind == EVT_ROW)
        for (uint32_t i = 0; i < c->n_children; i++)
            col_unset(&c->children[i], row);
}

void evt_batch_drop_row(struct evt_batch *b) {
    for (uint32_t i = 0; i < b->schema->n_cols; i++)
        col_unset(&b->cols[i], b->n_rows);
}

uint64_t *evt_batch_need_sel(struct evt_batch *b) {
    if (b->sel)
        return b->sel;
    if (!b->sel_buf)
        b->sel_buf = col_alloc(BASE_BITS_WORDS(b->cap_rows) * 8);
    memset(b->sel_buf, 0, BASE_BITS_WORDS(b->cap_rows) * 8);
    base_bits_fill(b->sel_buf, b->n_rows);
    b->sel = b->sel_buf;
    return b->sel;
}

uint32_t evt_batch_count(const struct evt_batch *b) {
    return b->sel ? (uint32_t)base_bits_count(b->sel, b->n_rows) : b->n_rows;
}

void evt_batch_append(struct evt_batch *to, const struct evt_batch *from, uint32_t row) {
    CEP_REQUIRE(to->n_rows < to->cap_rows && to->schema->n_cols == from->schema->n_cols);
    uint32_t at = to->n_rows;
    for (uint32_t i = 0; i < to->schema->n_cols; i++)
        evt_col_copy(&to->cols[i], at, &from->cols[i], row);
    to->time[at] = from->time[row];
    to->seq[at] = from->seq[row];
    to->origin[at] = from->origin[row];
    to->n_rows++;
}
