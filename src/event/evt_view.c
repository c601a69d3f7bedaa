/*
 * evt_view -- see evt_view.h. A shared column is a shallow copy whose cap_rows is 0: evt_batch_unref() leaves its
 * buffers to the parent.
 */
#include "event/evt_view.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

struct evt_batch *evt_view_new(const struct evt_schema *schema, struct evt_batch *parent) {
    struct evt_batch *v = base_calloc(1, sizeof *v);
    atomic_init(&v->refs, 1);
    v->schema = schema;
    v->cap_rows = parent->cap_rows;
    v->n_rows = parent->n_rows;
    v->cols = base_calloc(schema->n_cols ? schema->n_cols : 1, sizeof *v->cols);
    v->time = parent->time;
    v->seq = parent->seq;
    v->origin = parent->origin;
    v->parent = evt_batch_ref(parent);
    v->sel = parent->sel;
    return v;
}

void evt_view_share(struct evt_batch *v, uint32_t col, uint32_t from) {
    v->cols[col] = v->parent->cols[from];
    v->cols[col].cap_rows = 0;
    v->cols[col].valid_buf = NULL;
}

void evt_view_copy(struct evt_batch *v, uint32_t col, const struct evt_col *from) {
    const struct evt_type *type = v->schema->cols[col].type;
    evt_col_init(&v->cols[col], type, v->cap_rows);
    bool wide = type->kind == EVT_INT || type->kind == EVT_DOUBLE || type->kind == EVT_TIMESTAMP ||
                type->kind == EVT_DURATION;
    if (wide) {
        memcpy(v->cols[col].i, from->i, v->n_rows * sizeof *from->i);
        if (from->valid) {
            evt_col_need_valid(&v->cols[col]);
            memcpy(v->cols[col].valid, from->valid, BASE_BITS_WORDS(v->n_rows) * sizeof *from->valid);
        }
        return;
    }
    for (uint32_t i = 0; i < v->n_rows; i++) {
        if (evt_batch_has(v, i))
            evt_col_copy(&v->cols[col], i, from, i);
        else
            evt_col_set_null(&v->cols[col], i); /* keeps offsets in order */
    }
}

void evt_view_select(struct evt_batch *v, const uint64_t *sel) {
    v->sel = NULL;
    memcpy(evt_batch_need_sel(v), sel, BASE_BITS_WORDS(v->n_rows) * sizeof *sel);
}

struct evt_batch *evt_view_part(
    const struct evt_schema *schema, struct evt_batch *parent, const uint64_t *sel) {
    struct evt_batch *v = evt_view_new(schema, parent);
    for (uint32_t c = 0; c < schema->n_cols; c++)
        evt_view_share(v, c, c);
    evt_view_select(v, sel);
    return v;
}
