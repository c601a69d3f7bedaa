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
    uint32_t input;          /* of its rows */
    uint64_t since;          /* n_takes when it came */
};

struct rt_wait {
    struct clk_reorder reorder;
    int64_t taken_to; /* the last watermark that rows were taken up to, and how often they have been */
    uint64_t n_takes;
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
/* As clk_reorder_take(). Each row that was taken is the caller's until rt_wait_done(). Requires: watermarks do not go back. */
static inline size_t rt_wait_take(struct rt_wait *w, int64_t wm, struct clk_row *out, size_t max) {
    w->taken_to = wm;
    w->n_takes++;
    return clk_reorder_take(&w->reorder, wm, out, max);
}
static inline struct evt_batch *rt_wait_batch(const struct rt_wait *w, const struct clk_row *row) {
    return w->held[row->batch].batch;
}
void rt_wait_done(struct rt_wait *w, const struct clk_row *row);

/*
 * The rows that wait at one moment, gone through later: they do not change, and their batches are held until then. What is copied at the
 * moment is a line a batch: of one that came before rows were taken last, those wait that are behind what was taken.
 */
struct rt_wait_copy {
    struct rt_wait_part {
        struct evt_batch *batch; /* counted */
        uint32_t input, waiting; /* rows that are still to be given */
        int64_t taken_to;        /* its rows up to that time are gone; EVT_TIME_MIN: none is */
    } * parts;                   /* owned */
    size_t n, at;
    uint32_t row; /* of parts[at]: where the next one is looked for */
};

/* Requires: all rows up to the last watermark were taken. */
void rt_wait_copy_init(struct rt_wait_copy *c, const struct rt_wait *w);
void rt_wait_copy_release(struct rt_wait_copy *c);
/* The next row. Returns: its batch, borrowed until the call after; NULL when that was all. */
const struct evt_batch *rt_wait_copy_next(struct rt_wait_copy *c, uint32_t *input, uint32_t *row);

static inline size_t rt_wait_bytes(const struct rt_wait *w) {
    return clk_reorder_bytes(&w->reorder);
}
