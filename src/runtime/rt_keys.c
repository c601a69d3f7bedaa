/*
 * rt_keys -- see rt_keys.h.
 */
#include "runtime/rt_keys.h"

#include "base/base_map.h"

#include <string.h>

enum { WIDE = 1 << EVT_INT | 1 << EVT_TIMESTAMP | 1 << EVT_DURATION, WIDE_BYTES = 9, STRING_HEAD = 5 };

void rt_keys_init(struct rt_keys *k) {
    base_buf_init(&k->bytes);
    k->off[0] = 0;
}

void rt_keys_release(struct rt_keys *k) {
    base_buf_release(&k->bytes);
}

static bool is_wide(const struct evt_col *c) {
    return 1 << c->type->kind & WIDE && !c->valid;
}

static void make_wide(struct rt_keys *k, const struct evt_batch *b, uint32_t n_cols) {
    size_t width = n_cols * (size_t)WIDE_BYTES;
    char *to = base_buf_reserve(&k->bytes, b->n_rows * width);
    for (uint32_t c = 0; c < n_cols; c++) {
        const int64_t *from = b->cols[c].i;
        char *p = to + c * (size_t)WIDE_BYTES;
        for (uint32_t i = 0; i < b->n_rows; i++, p += width) {
            *p = 1;
            memcpy(p + 1, &from[i], sizeof from[i]);
        }
    }
    for (uint32_t i = 0; i < b->n_rows; i++)
        k->off[i + 1] = (uint32_t)((i + 1) * width);
    k->bytes.len = b->n_rows * width;
    k->bytes.p[k->bytes.len] = '\0';
}

static void put_cell(struct base_buf *to, const struct evt_col *c, uint32_t row, struct base_arena *scratch) {
    struct evt_val v;
    if (c->type->kind == EVT_STRING && !evt_col_is_null(c, row)) {
        struct base_str s = evt_col_str(c, row);
        uint32_t len = (uint32_t)s.len;
        char *p = base_buf_reserve(to, STRING_HEAD + s.len);
        *p = 1;
        memcpy(p + 1, &len, sizeof len);
        memcpy(p + STRING_HEAD, s.p, s.len);
        to->len += STRING_HEAD + s.len;
        to->p[to->len] = '\0';
        return;
    }
    evt_col_get(c, row, scratch, &v);
    evt_val_write_key(to, c->type, &v);
}

void rt_keys_make(struct rt_keys *k, const struct evt_batch *b, uint32_t n_cols, struct base_arena *scratch) {
    uint32_t n_wide = 0;
    base_buf_clear(&k->bytes);
    while (n_wide < n_cols && is_wide(&b->cols[n_wide]))
        n_wide++;
    if (n_wide == n_cols && n_cols > 0) {
        make_wide(k, b, n_cols);
        base_hash_wide(k->bytes.p, n_cols * (size_t)WIDE_BYTES, b->n_rows, k->hash);
        return;
    }
    for (uint32_t i = 0; i < b->n_rows; i++) {
        for (uint32_t c = 0; c < n_cols && evt_batch_has(b, i); c++)
            put_cell(&k->bytes, &b->cols[c], i, scratch);
        k->off[i + 1] = (uint32_t)k->bytes.len;
    }
    base_arena_clear(scratch);
    base_hash_each(k->bytes.p ? k->bytes.p : "", k->off, b->n_rows, k->hash);
}
