#pragma once
/*
 * rt_wait -- rows that an operator keeps until the watermark passes them, and takes in (time, input, origin, position) order
 * then: what it does with them does not depend on the order of arrival.
 *
 * A batch is held as long as one of its rows waits; rows are known by their place in it.
 *
 * Internal to src/runtime. Threads: the task's. Cost: clk_reorder's.
 */
#include "event/evt_batch.h"
#include "time/clk_reorder.h"

struct rt_wait_batch {
    struct evt_batch *batch; /* counted; NULL = free */
    uint32_t waiting;        /* rows */
};

struct rt_wait {
    struct clk_reorder reorder;
    struct rt_wait_batch *held; /* owned */
    size_t n_held, cap_held;
    uint32_t *free; /* owned: places in `held` */
    size_t n_free, cap_free;
};

enum { RT_WAIT_AT_ONCE = 256 };

void rt_wait_init(struct rt_wait *w);
void rt_wait_release(struct rt_wait *w);
/* Keeps the rows that are there; takes its own reference. */
void rt_wait_add(struct rt_wait *w, uint32_t input, struct evt_batch *b);
/* As clk_reorder_take(). Each row that was taken is the caller's until rt_wait_done(). */
static inline size_t rt_wait_take(struct rt_wait *w, int64_t wm, struct clk_row *out, size_t max) {
    return clk_reorder_take(&w->reorder, wm, out, max);
}
static inline struct evt_batch *rt_wait_batch(const struct rt_wait *w, const struct clk_row *row) {
    return w->held[row->batch].batch;
}
void rt_wait_done(struct rt_wait *w, const struct clk_row *row);
/* Calls fn for every row that waits, until it fails. */
enum cep_rc rt_wait_each(const struct rt_wait *w,
    enum cep_rc (*fn)(void *arg, const struct clk_row *row, const struct evt_batch *b, struct cep_err *err),
    void *arg, struct cep_err *err);

/* The rows that wait at one moment, gone through later: they do not change, and their batches are held until then. */
struct rt_wait_copy {
    struct evt_batch **batches; /* owned; by place, counted; NULL: no row of it waited */
    uint32_t *inputs;           /* owned; by place */
    struct rt_wait_place {
        uint32_t batch, row;
    } * rows; /* owned */
    size_t n_batches, n, at;
};

void rt_wait_copy_init(struct rt_wait_copy *c, const struct rt_wait *w);
void rt_wait_copy_release(struct rt_wait_copy *c);
/* The next row; borrowed until the call after. Fills in its input and place. Returns: false when that was all. */
bool rt_wait_copy_next(struct rt_wait_copy *c, struct clk_row *row, const struct evt_batch **b);

static inline size_t rt_wait_bytes(const struct rt_wait *w) {
    return clk_reorder_bytes(&w->reorder);
}
