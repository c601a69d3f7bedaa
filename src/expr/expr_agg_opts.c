/*
 * expr_agg_opts -- what aggregates are told besides their argument: one table for the checker, for dumps and for messages.
 */
#include "expr/expr_agg.h"

#include "expr/expr_run.h"

#include <math.h>

#define WARM_UP(least, n) \
    [EXPR_OPT_WARM_UP] = { "warm_up", EXPR_OPT_COUNT, .usual = (n), .min = (least), .max = 1000000 }
#define ALL_TIME 9e15 /* µs: doubles hold whole numbers so far */

static const struct expr_agg_opt ewma[] = {
    [EXPR_EWMA_HALF_LIFE] = { "half_life", EXPR_OPT_DURATION, .needed = true, .min = 1, .max = ALL_TIME },
};
static const struct expr_agg_opt zscore[] = {
    WARM_UP(2, 30),
    [EXPR_ZSCORE_HALF_LIFE] = { "half_life", EXPR_OPT_DURATION, .min = 1, .max = ALL_TIME },
};
static const struct expr_agg_opt mad_score[] = {
    WARM_UP(2, 30),
    [EXPR_MAD_ROWS] = { "rows", EXPR_OPT_COUNT, .usual = 100, .min = 3, .max = 10000 },
};
static const struct expr_agg_opt lag[] = {
    [EXPR_LAG_N] = { "n", EXPR_OPT_COUNT, .positional = true, .usual = 1, .min = 1, .max = 10000 },
};
static const struct expr_agg_opt holt[] = {
    [EXPR_HOLT_SEASON] = { "season", EXPR_OPT_COUNT, .positional = true, .needed = true, .min = 2,
        .max = 10000 },
    [EXPR_HOLT_ALPHA] = { "alpha", EXPR_OPT_NUMBER, .usual = 0.3, .min = 0, .max = 1 },
    [EXPR_HOLT_BETA] = { "beta", EXPR_OPT_NUMBER, .usual = 0.05, .min = 0, .max = 1 },
    [EXPR_HOLT_GAMMA] = { "gamma", EXPR_OPT_NUMBER, .usual = 0.2, .min = 0, .max = 1 },
};
static const struct expr_agg_opt cusum[] = {
    WARM_UP(2, 30),
    [EXPR_CUSUM_DRIFT] = { "drift", EXPR_OPT_NUMBER, .usual = 0.5, .min = 0, .max = EXPR_SCORE_MAX },
    [EXPR_CUSUM_MEAN] = { "mean", EXPR_OPT_NUMBER, .usual = NAN, .min = -INFINITY, .max = INFINITY },
    [EXPR_CUSUM_SIGMA] = { "sigma", EXPR_OPT_NUMBER, .usual = NAN, .min = 0, .max = INFINITY },
};
static const struct expr_agg_opt band[] = {
    WARM_UP(1, 5),
    [EXPR_BAND_PERIOD] = { "period", EXPR_OPT_DURATION, .positional = true, .needed = true, .min = 1,
        .max = ALL_TIME },
    [EXPR_BAND_SLOTS] = { "slots", EXPR_OPT_COUNT, .usual = 24, .min = 1, .max = 1440 },
    [EXPR_BAND_QUANTILE] = { "quantile", EXPR_OPT_NUMBER, .usual = 0.05, .min = 0.001, .max = 0.499 },
    [EXPR_BAND_KEEP] = { "keep", EXPR_OPT_COUNT, .usual = 50, .min = 2, .max = 1000 },
};
static const struct expr_agg_opt rarity[] = {
    WARM_UP(1, 30),
    [EXPR_RARITY_KEEP] = { "keep", EXPR_OPT_COUNT, .usual = 1000, .min = 2, .max = 10000 },
};

static const struct expr_agg_opt quantile[] = {
    [EXPR_QUANTILE_Q] = { "q", EXPR_OPT_NUMBER, .positional = true, .needed = true, .min = 0, .max = 1 },
};

#define OPTS(list) \
    { list, sizeof list / sizeof *list }

static const struct {
    const struct expr_agg_opt *opts;
    uint32_t n;
} all[EXPR_AGG_LIST_MAX] = {
    [EXPR_AGG_EWMA] = OPTS(ewma),
    [EXPR_AGG_ZSCORE] = OPTS(zscore),
    [EXPR_AGG_MAD_SCORE] = OPTS(mad_score),
    [EXPR_AGG_LAG] = OPTS(lag),
    [EXPR_AGG_HOLT_WINTERS] = OPTS(holt),
    [EXPR_AGG_HOLT_FORECAST] = OPTS(holt),
    [EXPR_AGG_CUSUM] = OPTS(cusum),
    [EXPR_AGG_SEASONAL_BAND] = OPTS(band),
    [EXPR_AGG_RARITY] = OPTS(rarity),
    [EXPR_AGG_APPROX_QUANTILE] = OPTS(quantile),
};

const struct expr_agg_opt *expr_agg_opts(enum expr_agg agg, uint32_t *n) {
    *n = all[agg].n;
    return all[agg].opts;
}

void expr_agg_usual(enum expr_agg agg, double opts[EXPR_AGG_OPTS]) {
    for (uint32_t i = 0; i < EXPR_AGG_OPTS; i++)
        opts[i] = i < all[agg].n ? all[agg].opts[i].usual : 0;
}
