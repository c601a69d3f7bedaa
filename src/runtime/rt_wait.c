/*
 * rt_wait -- see rt_wait.h.
 */
#include "runtime/rt_wait.h"

#include "base/base_mem.h"

void rt_wait_init(struct rt_wait *w) {
    *w = (struct rt_wait){ .n_held = 0 };
    clk_reorder_init(&w->reorder);
}

void rt_wait_release(struct rt_wait *w) {
    for (size_t i = 0; i < w->n_held; i++)
        evt_batch_unref(w->held[i].batch);
    base_free(w->held);
    base_free(w->free);
    clk_reorder_release(&w->reorder);
}

void rt_wait_add(struct rt_wait *w, uint32_t input, struct evt_batch *b) {
    struct clk_row rows[RT_WAIT_AT_ONCE];
    size_t n = 0;
    uint32_t place = (uint32_t)w->n_held, count = evt_batch_count(b);
    if (count == 0)
        return;
    if (w->n_free > 0) {
        place = w->free[--w->n_free];
    } else {
        w->held = base_grow(w->held, w->n_held, &w->cap_held, sizeof *w->held);
        w->n_held++;
    }
    w->held[place] = (struct rt_wait_batch){ evt_batch_ref(b), count };
    for (uint32_t i = 0; i < b->n_rows; i++) {
        if (!evt_batch_has(b, i))
            continue;
        rows[n++] = (struct clk_row){ .time = b->time[i],
            .seq = b->seq[i],
            .input = input,
            .origin = b->origin[i],
            .batch = place,
            .row = i };
        if (n == RT_WAIT_AT_ONCE) {
            clk_reorder_add(&w->reorder, rows, n);
            n = 0;
        }
    }
    clk_reorder_add(&w->reorder, rows, n);
}

void rt_wait_done(struct rt_wait *w, const struct clk_row *row) {
    struct rt_wait_batch *h = &w->held[row->batch];
    if (--h->waiting > 0)
        return;
    evt_batch_unref(h->batch);
    h->batch = NULL;
    w->free = base_grow(w->free, w->n_free, &w->cap_free, sizeof *w->free);
    w->free[w->n_free++] = row->batch;
}

enum cep_rc rt_wait_each(const struct rt_wait *w,
    enum cep_rc (*fn)(void *arg, const struct clk_row *row, const struct evt_batch *b, struct cep_err *err),
    void *arg, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < w->reorder.n_runs; i++) {
        const struct clk_run *run = &w->reorder.runs[i];
        for (size_t k = run->head; k < run->n && rc == CEP_OK; k++)
            rc = fn(arg, &run->rows[k], rt_wait_batch(w, &run->rows[k]), err);
    }
    return rc;
}

/* -- as of a moment ---------------------------------------------------------------------------------------------------- */

void rt_wait_copy_init(struct rt_wait_copy *c, const struct rt_wait *w) {
    *c = (struct rt_wait_copy){ .n_batches = w->n_held };
    if (w->reorder.n_rows == 0)
        return;
    c->batches = base_calloc(w->n_held, sizeof(struct evt_batch *));
    c->inputs = base_calloc(w->n_held, sizeof *c->inputs);
    c->rows = base_calloc(w->reorder.n_rows, sizeof *c->rows);
    for (size_t i = 0; i < w->reorder.n_runs; i++) {
        const struct clk_run *run = &w->reorder.runs[i];
        for (size_t k = run->head; k < run->n; k++) {
            const struct clk_row *r = &run->rows[k];
            if (!c->batches[r->batch])
                c->batches[r->batch] = evt_batch_ref(w->held[r->batch].batch);
            c->inputs[r->batch] = r->input;
            c->rows[c->n++] = (struct rt_wait_place){ r->batch, r->row };
        }
    }
}

void rt_wait_copy_release(struct rt_wait_copy *c) {
    for (size_t i = 0; c->batches && i < c->n_batches; i++)
        evt_batch_unref(c->batches[i]);
    base_free(c->batches);
    base_free(c->inputs);
    base_free(c->rows);
    *c = (struct rt_wait_copy){ .n = 0 };
}

bool rt_wait_copy_next(struct rt_wait_copy *c, struct clk_row *row, const struct evt_batch **b) {
    if (c->at == c->n)
        return false;
    const struct rt_wait_place *p = &c->rows[c->at++];
    *b = c->batches[p->batch];
    *row = (struct clk_row){ .time = (*b)->time[p->row],
        .seq = (*b)->seq[p->row],
        .input = c->inputs[p->batch],
        .origin = (*b)->origin[p->row],
        .batch = p->batch,
        .row = p->row };
    return true;
}
