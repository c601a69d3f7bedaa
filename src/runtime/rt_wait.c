/*
 * rt_wait -- see rt_wait.h.
 */
#include "runtime/rt_wait.h"

#include "base/base_check.h"
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
    w->held[place] = (struct rt_wait_batch){ evt_batch_ref(b), count, input, w->n_takes };
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

/* -- as of a moment ---------------------------------------------------------------------------------------------------- */

void rt_wait_copy_init(struct rt_wait_copy *c, const struct rt_wait *w) {
    *c = (struct rt_wait_copy){ .n = 0 };
    if (w->reorder.n_rows == 0)
        return;
    c->parts = base_alloc(base_mul(w->n_held - w->n_free, sizeof *c->parts));
    for (size_t i = 0; i < w->n_held; i++) {
        const struct rt_wait_batch *h = &w->held[i];
        if (!h->batch)
            continue;
        c->parts[c->n++] = (struct rt_wait_part){ evt_batch_ref(h->batch), h->input, h->waiting,
            h->since == w->n_takes ? EVT_TIME_MIN : w->taken_to };
    }
}

static void part_is_over(struct rt_wait_copy *c) {
    evt_batch_unref(c->parts[c->at++].batch);
    c->row = 0;
}

void rt_wait_copy_release(struct rt_wait_copy *c) {
    while (c->at < c->n)
        part_is_over(c);
    base_free(c->parts);
    *c = (struct rt_wait_copy){ .n = 0 };
}

static bool waits(const struct rt_wait_part *p, uint32_t row) {
    return evt_batch_has(p->batch, row) && (p->taken_to == EVT_TIME_MIN || p->batch->time[row] > p->taken_to);
}

const struct evt_batch *rt_wait_copy_next(struct rt_wait_copy *c, uint32_t *input, uint32_t *row) {
    if (c->at < c->n && c->parts[c->at].waiting == 0)
        part_is_over(c);
    if (c->at == c->n)
        return NULL;
    struct rt_wait_part *p = &c->parts[c->at];
    while (c->row < p->batch->n_rows && !waits(p, c->row))
        c->row++;
    CEP_INSIST(c->row < p->batch->n_rows);
    p->waiting--;
    *input = p->input;
    *row = c->row++;
    return p->batch;
}
