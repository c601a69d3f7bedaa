#pragma once
/*
 * clk_reorder -- rows that wait for the watermark, given out in (time, input, origin, seq) order.
 *
 * Input is nearly sorted. Each row goes to the end of the ascending run whose last row is the largest one not after it
 * (patience sorting); rows in order all go to one run, and giving out is a copy. With k runs giving out a row costs
 * O(log k); k grows with the disorder, not with the number of rows.
 *
 * A row is a handle: what `batch` and `row` mean is the owner's business.
 *
 * Threads: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clk_row {
    int64_t time; /* µs */
    uint64_t seq;
    uint32_t input, origin;
    uint32_t batch, row;
};

struct clk_run {
    struct clk_row *rows; /* owned */
    size_t head, n, cap;  /* rows [head, n) wait */
};

struct clk_reorder {
    struct clk_run *runs; /* the last rows of the runs descend */
    size_t n_runs, cap_runs;
    struct clk_run *spare; /* emptied runs, their buffers kept */
    size_t n_spare, cap_spare;
    uint32_t *heap; /* while giving out: runs by first row */
    size_t cap_heap;
    size_t n_rows;
};

void clk_reorder_init(struct clk_reorder *r);
void clk_reorder_release(struct clk_reorder *r);
void clk_reorder_add(struct clk_reorder *r, const struct clk_row *rows, size_t n);
/* Gives out up to max rows with time <= watermark, in order. Returns: how many. */
size_t clk_reorder_take(struct clk_reorder *r, int64_t watermark, struct clk_row *out, size_t max);
/* The earliest time that waits; INT64_MAX when none does. */
int64_t clk_reorder_first(const struct clk_reorder *r);
size_t clk_reorder_bytes(const struct clk_reorder *r);
void clk_reorder_check(const struct clk_reorder *r);

static inline bool clk_row_before(const struct clk_row *a, const struct clk_row *b) {
    if (a->time != b->time)
        return a->time < b->time;
    if (a->input != b->input)
        return a->input < b->input;
    if (a->origin != b->origin)
        return a->origin < b->origin;
    return a->seq < b->seq;
}
