#pragma once
/*
 * rt_frame -- what one call with `over` keeps for one key, row by row: the rows of its frame, and its result over them.
 *
 *     rows of the frame, oldest first:   [ r7 | r8 | r9 | r10 | r11 ]        a row that comes: out with those that have left, in with it
 *
 *     way        calls                             kept beside the rows              a row costs
 *     ALL        without a frame's beginning       one accumulator, no rows          a step
 *     SUBTRACT   count, sums of whole numbers,     one accumulator                   a step and what it takes back: exact
 *                aggregates of libraries                                             as far as the library's back() is
 *     STACKS     sums of doubles, stddev, var,     accumulators of the older rows,   a step, a merge, amortised: nothing is taken
 *                zscore                            from each to the last of them;    back, so nothing is lost to rounding
 *                                                  one of the newer rows
 *     BEST       min, max, first, last,            rows that may still be it         constant, amortised
 *                rate, delta
 *     COUNTS     count(distinct), approx_...       how often each value is there     a look-up
 *     SORTED     mad_score, approx_quantile        the numbers in order              O(log n), and a move (expr/expr_sorted.h)
 *     LIST       array_agg                         nothing                           constant; its result n
 *
 * STACKS is the queue of two stacks (K. Tangwongsan et al., "General incremental sliding-window aggregation", PVLDB 8(7), 2015, name
 * its history); BEST the monotone queue. What a frame gives depends on the rows that came since it was last empty, in their order,
 * and on nothing else: it is the same after a restore.
 *
 * The approximate aggregates are exact here: their rows are kept anyway. zscore and mad_score compare a row with those before it in the frame: they are asked before the row is in.
 *
 * Internal to src/runtime. Threads: none.
 */
#include "expr/expr_acc.h"
#include "plan/plan.h"

enum rt_frame_way {
    RT_FRAME_ALL = 0,
    RT_FRAME_SUBTRACT,
    RT_FRAME_STACKS,
    RT_FRAME_BEST,
    RT_FRAME_COUNTS,
    RT_FRAME_SORTED,
    RT_FRAME_LIST,
    RT_FRAME_WAY_MAX
};

/* Of a call: set once. */
struct rt_frame_kind {
    struct expr_acc_fn fn;
    struct plan_frame frame;
    enum rt_frame_way way;
    bool before; /* its result is asked for before the row is in */
    bool peers;  /* rows of one time see each other: all of them are in before one is asked for */
};

void rt_frame_kind_init(struct rt_frame_kind *k, const struct plan_over_call *call);

struct rt_frame;

struct rt_frame *rt_frame_new(void);
void rt_frame_free(const struct rt_frame_kind *k, struct rt_frame *f);
/* The row comes. v is NULL for count without an argument; `in`: it passed the call's filter. *out: its result, when k->before. */
void rt_frame_add(const struct rt_frame_kind *k, struct rt_frame *f, const struct evt_val *v, bool in,
    const struct expr_place *at, struct evt_val *out);
/* Of the row that came last. Ensures: *out lives until the next row, and as long as scratch. */
void rt_frame_result(const struct rt_frame_kind *k, const struct rt_frame *f, struct base_arena *scratch,
    struct evt_val *out, const char **failure);
size_t rt_frame_bytes(const struct rt_frame_kind *k, const struct rt_frame *f);
/*
 * ALL: an accumulator (expr_acc_pack()). Else varint n, n * (u8 1 = it passed the filter, place, u8 1 = has a value: value),
 * varint how many of them are older (STACKS).
 */
void rt_frame_pack(const struct rt_frame_kind *k, struct base_buf *b, const struct rt_frame *f);
/* Requires: f is new. Malformed bytes set u->bad. */
void rt_frame_unpack(
    const struct rt_frame_kind *k, struct base_unpack *u, struct base_arena *scratch, struct rt_frame *f);
