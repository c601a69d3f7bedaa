#pragma once
/*
 * expr_run -- functions that read the rows of a key one after the other: smoothed means, scores of how unusual a row is, what was
 * before.
 *
 *     row ──▶ result from what was kept, and the row ──▶ the row is added to what is kept
 *
 * A score compares a row with those before it, never with itself. All scores have one scale: standard deviations of what is usual.
 * 0 is what is expected, beyond 3 or so is rare, the sign says which way; they are cut off at EXPR_SCORE_MAX, which is also what a
 * row gets that differs from values that never varied. Until `warm_up` values were seen there is no score (null). Values that are
 * null, NaN or infinite get none and change nothing.
 *
 *     function               kept                  formula
 *     ewma                   mean                  m += (1 - 2^(-dt / half_life)) (x - m)
 *     zscore                 weight, mean, m2      (x - mean) / stddev, all before, or weighted by 2^(-age / half_life)
 *     mad_score              the last `rows`       (x - median) / (1.4826 * median |y - median|)
 *     rate, delta            two values            x - the one before (whole: last - first); rate: a second
 *     lag                    the last n            the value n rows back
 *     changed                the one before        x is distinct from it
 *     holt_winters           level, trend, season  (x - forecast) / sqrt(mean of squared errors)
 *     cusum                  mean, stddev, sums    z = (x - mean) / stddev; up = max(0, up + z - drift), down likewise
 *     seasonal_band          the last `keep` of    quantiles q, 1/2, 1 - q; (x - median) / distance of the band * z(1 - q)
 *                            each slot of a period
 *     rarity                 how often each value  p = (1 + n of rows whose value is as rare) / (n + 1); z(1 - p / 2)
 *
 * Sources: doc/language.md names each. The numbers follow from the rows' order alone; nothing here can be merged.
 *
 * Cost: constant a row; mad_score and seasonal_band in the number of values kept, rarity in the number of different values kept.
 * Threads: none.
 */
#include "expr/expr_acc.h"
#include "expr/expr_sorted.h"

#define EXPR_SCORE_MAX 1000.0

/* What opts mean, by function; warm_up is the first where there is one. */
enum { EXPR_OPT_WARM_UP = 0 };
enum { EXPR_EWMA_HALF_LIFE = 0 };
enum { EXPR_ZSCORE_HALF_LIFE = 1 /* 0: all rows weigh the same */ };
enum { EXPR_MAD_ROWS = 1 };
enum { EXPR_LAG_N = 0 };
enum { EXPR_HOLT_SEASON = 0, EXPR_HOLT_ALPHA, EXPR_HOLT_BETA, EXPR_HOLT_GAMMA };
enum { EXPR_CUSUM_DRIFT = 1, EXPR_CUSUM_MEAN /* NaN: of the first rows */, EXPR_CUSUM_SIGMA };
enum { EXPR_BAND_PERIOD = 1, EXPR_BAND_SLOTS, EXPR_BAND_QUANTILE, EXPR_BAND_KEEP };
enum { EXPR_RARITY_KEEP = 1 };

/* Is it one of these? They must see rows in order, and cannot be merged. */
bool expr_run_is(enum expr_agg agg);

struct expr_run;

/* *r may be NULL: nothing was seen. */
void expr_run_step(
    const struct expr_acc_fn *f, struct expr_run **r, const struct evt_val *v, const struct expr_place *at);
/* The last row's. Ensures: as expr_acc_result(). */
void expr_run_result(const struct expr_acc_fn *f, const struct expr_run *r, struct base_arena *scratch,
    struct evt_val *out, const char **failure);
void expr_run_free(struct expr_run *r);
size_t expr_run_bytes(const struct expr_run *r);
/* See expr_acc_pack(), form 7. */
void expr_run_pack(struct base_buf *b, const struct expr_acc_fn *f, const struct expr_run *r);
/* Malformed bytes set u->bad. Returns: never NULL. */
struct expr_run *expr_run_unpack(
    struct base_unpack *u, const struct expr_acc_fn *f, struct base_arena *scratch);

/* (x - mid) / deviation on the scale of scores. */
double expr_run_score(double x, double mid, double deviation);
/* Of numbers without x, which are not none. */
double expr_run_mad_score(const struct expr_sorted *s, double x);
/* last - first, by type, over `seconds` for a rate; null where there are not two. */
void expr_run_difference(const struct expr_acc_fn *f, const struct evt_val *first, int64_t first_time,
    const struct evt_val *last, int64_t last_time, struct evt_val *out, const char **failure);
