#pragma once
/*
 * expr_acc -- what an aggregate over the rows of a group keeps: one accumulator a group, stepped by each row, merged with
 * others, asked for its result as often as wanted, packed and unpacked.
 *
 *     struct expr_acc acc;                    24 bytes, in the owner's memory
 *     expr_acc_start(&acc);
 *     for each row: expr_acc_step(&f, &acc, &val, &place);
 *     expr_acc_merge(&f, &whole, &acc);       two panes of a sliding window, two sessions that became one
 *     expr_acc_result(&f, &whole, scratch, &out, &failure);
 *     expr_acc_clear(&f, &acc);               gives back what it owns
 *
 * The result does not depend on the order in which rows came or accumulators were merged (but for the last digits of doubles):
 * first, last and array_agg go by the row's place, (time, origin, seq).
 *
 *     count                       n                                                                     constant
 *     sum, avg                    128-bit integers (exact); doubles by Neumaier's compensated sum
 *                                 (A. Neumaier, ZAMM 54, 1974)                                          constant
 *     stddev, var                 Welford (Technometrics 4(3), 1962), merged as Chan, Golub and LeVeque
 *                                 (COMPSTAT 1982) have it; of a sample (n - 1)                          constant
 *     min, max, first, last       the value, with its place, but for min and max of numbers             one value
 *     count(distinct)             the set of values                                                     all values
 *     array_agg                   the values with their places                                          all values
 *     approx_count_distinct       expr/expr_hll.h, 0.81 %                                               12 or 16 KiB at most
 *     approx_quantile             expr/expr_dds.h, 1 % of the value                                     some hundred bins
 *     min, max, count(distinct) of rows that can be taken back    expr/expr_bag.h                       all values
 *     ewma and the others             see expr/expr_run.h: they must see rows in order, and are not merged  some values
 *
 * Nulls are left out, but array_agg, first and last keep them (SQL's "respect nulls").
 *
 * Cost: constant a row; a merge of sets and lists, and their result, in the number of values.
 * Threads: none.
 */
#include "base/base_pack.h"
#include "event/evt_batch.h"
#include "expr/expr_eval.h"

/* An aggregate that somebody else has (plan/plan_user.h). An accumulator is `size` bytes, zeros at first. */
struct expr_acc_user {
    const char *name, *failure; /* what a step says that failed */
    size_t size;
    bool merges, takes_back;
    /* Return: false when it failed. */
    bool (*step)(const struct expr_acc_user *u, void *acc, const struct evt_val *v, bool back);
    bool (*merge)(const struct expr_acc_user *u, void *acc, const void *from);
    void (*result)(const struct expr_acc_user *u, const void *acc, struct base_arena *scratch,
        struct evt_val *out, const char **failure);
    void (*clear)(const struct expr_acc_user *u, void *acc);
    void (*pack)(const struct expr_acc_user *u, const void *acc, struct base_buf *b);
    bool (*unpack)(const struct expr_acc_user *u, void *acc, struct base_str bytes);
};

/* An aggregate: set once. */
struct expr_acc_fn {
    enum expr_agg agg;
    const struct evt_type *arg;       /* of the argument; NULL: count without one */
    const struct evt_type *type;      /* of the result: expr_agg_type() */
    bool whole;                       /* DELTA, RATE: of the window as a whole, not from row to row */
    bool back;                        /* rows can be taken back: expr_acc_back() */
    const struct expr_acc_user *user; /* USER; else NULL */
    double opts[EXPR_AGG_OPTS];       /* see expr/expr_run.h */
};

/* Where a row stands among all rows. */
struct expr_place {
    int64_t time;
    uint32_t origin;
    uint64_t seq;
};

struct expr_acc_more;
struct expr_run;
struct expr_hll;
struct expr_dds;
struct expr_bag;

enum { EXPR_QUANTILE_Q = 0 }; /* of opts */

struct expr_acc {
    uint64_t failed : 1;
    uint64_t n : 63; /* values taken; of functions of rows in order: rows */
    union {
        struct {
            uint64_t lo;
            int64_t hi;
        } sum; /* SUM, AVG of whole numbers */
        struct {
            double sum, lost; /* SUM, AVG of doubles */
        } real;
        struct {
            double mean, m2;
        } moments;            /* STDDEV, VAR */
        int64_t least;        /* MIN, MAX of what is eight bytes wide: the value, or its bits */
        struct expr_run *run; /* owned; functions of rows in order; NULL while n == 0 */
        struct expr_hll *hll; /* owned; APPROX_DISTINCT; NULL while n == 0 */
        struct expr_dds *dds; /* owned; APPROX_QUANTILE; NULL while n == 0 */
        struct expr_bag
            *bag;   /* owned; MIN, MAX, COUNT_DISTINCT of rows that can be taken back; may be NULL */
        void *user; /* owned; USER; NULL while nothing was told */
        struct expr_acc_more *more; /* owned; the others but COUNT; NULL while n == 0 */
    };
};

static inline void expr_acc_start(struct expr_acc *a) {
    *a = (struct expr_acc){ .n = 0 };
}
/* v may be NULL for count without an argument. `at` is only read for first, last and array_agg. */
void expr_acc_step(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at);
/* Can its rows be taken back? (EXPR_AGG_USER: its user knows.) */
bool expr_acc_takes_back(enum expr_agg agg);
/* Can two be merged? */
bool expr_acc_merges(const struct expr_acc_fn *f);
/*
 * Takes back a row that was told, or will be: in the end only what is left counts. Deviations lose digits by it, sums of doubles that
 * met an infinity stay what they are. Requires: f->back, expr_acc_takes_back().
 */
void expr_acc_back(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v);
/*
 * The same for rows of a column (NULL: count without an argument), none of them null: rows[i] goes to the accumulator that lies `off`
 * bytes behind to[i].
 * Returns: false when this aggregate has no loop for it: nothing was done.
 */
bool expr_acc_step_rows(const struct expr_acc_fn *f, const struct evt_col *col, const uint16_t *rows,
    char *const *to, size_t off, uint32_t n);
/* Takes over all that `from` was told; `from` stays as it is. Requires: expr_acc_merges(). */
void expr_acc_merge(const struct expr_acc_fn *f, struct expr_acc *to, const struct expr_acc *from);
/* Ensures: strings, arrays of *out live as long as the accumulator is not touched and scratch not cleared; a failure is null. */
void expr_acc_result(const struct expr_acc_fn *f, const struct expr_acc *a, struct base_arena *scratch,
    struct evt_val *out, const char **failure);
/* Owns it nothing, whatever it was told? Then its bytes are all of it, and may be copied. */
bool expr_acc_is_flat(const struct expr_acc_fn *f);
/* Gives back what it owns; it may be started again. */
void expr_acc_clear(const struct expr_acc_fn *f, struct expr_acc *a);
/* Bytes it owns beside itself. */
size_t expr_acc_bytes(const struct expr_acc_fn *f, const struct expr_acc *a);

/*
 * varint n, u8 failed; then, unless n is 0, by its form:
 *
 *     0  count            nothing
 *     1  sum, avg         u64 low, u64 high
 *     2  of doubles       u64 sum, u64 what rounding lost (IEEE 754 bits)
 *     3  stddev, var      u64 mean, u64 m2 (IEEE 754 bits)
 *     4  min, max, first, last     place, value; the place of min and max of numbers is 0
 *     5  count distinct   varint n, n * str
 *     6  array            varint n, n * (place, value)         place: zigzag time, varint origin, varint seq
 *     7  rows in order    varint values taken, zigzag time, u64 result (IEEE 754 bits, NaN: none), varint n, n * u64 number (bits),
 *                         varint n, n * (place, value), varint n, n * (u64 hash, varint count, varint last seen)
 *     8  approx distinct  expr_hll_pack()
 *     9  approx quantile  expr_dds_pack()
 *     10 taken back       expr_bag_pack()
 *     11 of a library     str: what it says
 */
uint8_t expr_acc_form(const struct expr_acc_fn *f);
void expr_acc_pack(struct base_buf *b, const struct expr_acc_fn *f, const struct expr_acc *a);
/* Malformed bytes set u->bad; the accumulator is then in order and is cleared as any other. */
void expr_acc_unpack(
    struct base_unpack *u, const struct expr_acc_fn *f, struct base_arena *scratch, struct expr_acc *a);
