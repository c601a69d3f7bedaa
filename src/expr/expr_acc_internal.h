#pragma once
/*
 * expr_acc_internal -- what the files of accumulators share: what they keep, by shape, and the steps that are a few instructions.
 *
 * Internal to src/expr/expr_acc*.c. Threads: none.
 */
#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_acc.h"
#include "expr/expr_agg.h"
#include "expr/expr_bag.h"
#include "expr/expr_dds.h"
#include "expr/expr_hll.h"
#include "expr/expr_ints.h"
#include "expr/expr_kept.h"
#include "expr/expr_run.h"

#include <math.h>

struct expr_acc_more {
    struct expr_kept one;   /* MIN, MAX, FIRST, LAST */
    struct base_map set;    /* COUNT_DISTINCT: canonical bytes */
    struct expr_ints ints;  /* COUNT_DISTINCT of 64-bit values */
    struct expr_kept *list; /* ARRAY: owned, n of them, as they came */
    size_t n, cap;
    size_t bytes; /* that values own */
};

enum expr_acc_shape {
    SHAPE_COUNT = 0,
    SHAPE_SUM,
    SHAPE_REAL,
    SHAPE_MOMENTS,
    SHAPE_ONE,
    SHAPE_LEAST,
    SHAPE_SET,
    SHAPE_INTS, /* a set of what is 64 bits wide and no double: those have bits that differ and are equal */
    SHAPE_LIST,
    SHAPE_RUN,
    SHAPE_HLL,
    SHAPE_DDS,
    SHAPE_BAG,
    SHAPE_USER
};

static inline bool expr_acc_is_wide(const struct evt_type *t) {
    return t->kind == EVT_INT || t->kind == EVT_TIMESTAMP || t->kind == EVT_DURATION || t->kind == EVT_DOUBLE;
}

static inline enum expr_acc_shape expr_acc_shape_of(const struct expr_acc_fn *f) {
    switch (f->agg) {
    case EXPR_AGG_COUNT: return SHAPE_COUNT;
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG: return f->arg->kind == EVT_DOUBLE ? SHAPE_REAL : SHAPE_SUM;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR: return SHAPE_MOMENTS;
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX: return f->back ? SHAPE_BAG : expr_acc_is_wide(f->arg) ? SHAPE_LEAST : SHAPE_ONE;
    case EXPR_AGG_FIRST:
    case EXPR_AGG_LAST: return SHAPE_ONE;
    case EXPR_AGG_COUNT_DISTINCT:
        return f->back                                                  ? SHAPE_BAG
               : expr_acc_is_wide(f->arg) && f->arg->kind != EVT_DOUBLE ? SHAPE_INTS
                                                                        : SHAPE_SET;
    case EXPR_AGG_APPROX_DISTINCT: return SHAPE_HLL;
    case EXPR_AGG_APPROX_QUANTILE: return SHAPE_DDS;
    case EXPR_AGG_USER: return SHAPE_USER;
    case EXPR_AGG_ARRAY: return SHAPE_LIST; EXPR_AGG_RUN_CASES return SHAPE_RUN;
    case EXPR_AGG_LIST_MAX: break;
    }
    CEP_INSIST(!"an aggregate");
    return SHAPE_COUNT;
}

static inline struct expr_acc_more *expr_acc_more_of(struct expr_acc *a) {
    if (!a->more) {
        a->more = base_calloc(1, sizeof *a->more);
        a->more->one.val = EVT_VAL_NULL;
        base_map_init(&a->more->set);
    }
    return a->more;
}

static inline void expr_acc_add_whole(struct expr_acc *a, __int128 x) {
    __int128 sum = (__int128)((unsigned __int128)(uint64_t)a->sum.hi << 64 | a->sum.lo);
    if (__builtin_add_overflow(sum, x, &sum))
        a->failed = 1;
    a->sum.lo = (uint64_t)sum;
    a->sum.hi = (int64_t)(sum >> 64);
}

/* Neumaier: what a sum of doubles loses is kept beside it. Infinities and NaN go through the sum alone. */
static inline void expr_acc_add_real(struct expr_acc *a, double x) {
    double sum = a->real.sum + x;
    if (isfinite(sum))
        a->real.lost += fabs(a->real.sum) >= fabs(x) ? (a->real.sum - sum) + x : (x - sum) + a->real.sum;
    a->real.sum = sum;
}

/* Of doubles that are equal (0.0 and -0.0) the one whose bits are less, as a number with a sign. */
static inline bool expr_acc_is_less(const struct expr_acc_fn *f, int64_t x, int64_t y) {
    if (f->arg->kind == EVT_DOUBLE) {
        struct evt_val a = { .i = x }, b = { .i = y };
        int cmp = evt_val_cmp(f->arg, &a, &b);
        if (cmp != 0)
            return cmp < 0;
    }
    return x < y;
}

static inline void expr_acc_step_least(const struct expr_acc_fn *f, struct expr_acc *a, int64_t x) {
    if (a->n == 0 ||
        (f->agg == EXPR_AGG_MIN ? expr_acc_is_less(f, x, a->least) : expr_acc_is_less(f, a->least, x)))
        a->least = x;
    a->n++;
}

static inline void expr_acc_step_moments(struct expr_acc *a, double x) {
    double delta = x - a->moments.mean;
    a->n++;
    a->moments.mean += delta / (double)a->n;
    a->moments.m2 += delta * (x - a->moments.mean);
}

static inline enum expr_bag_order expr_acc_bag_order(const struct expr_acc_fn *f) {
    return f->agg == EXPR_AGG_MIN ? EXPR_BAG_LEAST : f->agg == EXPR_AGG_MAX ? EXPR_BAG_MOST : EXPR_BAG_NONE;
}

/* -- expr_acc.c: steps that own memory -------------------------------------------------------------------------------- */

void expr_acc_step_one(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at);
void expr_acc_step_list(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at);
void expr_acc_step_set(struct expr_acc *a, struct base_str canonical);
void expr_acc_step_ints(struct expr_acc *a, int64_t x);
void expr_acc_step_hll(struct expr_acc *a, struct base_str canonical);
void expr_acc_step_dds(struct expr_acc *a, double x);
