/*
 * expr_run -- see expr_run.h.
 */
#include "expr/expr_run.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_agg.h"
#include "expr/expr_kept.h"

#include <math.h>
#include <stdlib.h>

#define MAD_OF_NORMAL  1.482602218505602  /* deviation of a normal variable over its median deviation */
#define MEAN_OF_NORMAL 1.2533141373155001 /* the same over its mean deviation: sqrt(pi / 2) */

enum { RARE_WORDS = 3 };

/* One value that rarity knows. */
struct rare {
    uint64_t hash, count, seen; /* seen: number of the row that had it last */
};

struct expr_run {
    uint64_t n;   /* values taken */
    int64_t time; /* of the last one */
    double out;   /* of the last row; NaN: null */
    double *d;    /* owned; n_d numbers, see count_of() */
    size_t n_d;
    struct expr_kept *kept; /* owned; LAG: a ring of its n + 1 last; DELTA, RATE, CHANGED: two */
    size_t n_kept, kept_bytes;
    struct expr_sorted sorted; /* MAD_SCORE: what d has, in order */
    struct rare *rare;         /* owned; RARITY: by hash */
    size_t n_rare, cap_rare;
};

/* Numbers of a function, in d. */
enum { EWMA_MEAN = 0, EWMA_N };
enum { Z_WEIGHT = 0, Z_MEAN, Z_M2, Z_N };
enum {
    HOLT_LEVEL = 0,
    HOLT_TREND,
    HOLT_VAR,
    HOLT_FORECAST,
    HOLT_N /* then 2 seasons: the first values; later one season's indexes */
};
enum { CUSUM_MEAN = 0, CUSUM_M2, CUSUM_UP, CUSUM_DOWN, CUSUM_N };
enum { BAND_LOW = 0, BAND_MID, BAND_HIGH, BAND_N /* then by slot: how many came, the last `keep` of them */ };
enum { PREVIOUS = 0, LAST, N_PAIR };

static size_t opt(const struct expr_acc_fn *f, int i) {
    return (size_t)f->opts[i];
}

static size_t count_of(const struct expr_acc_fn *f) {
    if (f->agg == EXPR_AGG_EWMA)
        return EWMA_N;
    if (f->agg == EXPR_AGG_ZSCORE)
        return Z_N;
    if (f->agg == EXPR_AGG_MAD_SCORE)
        return opt(f, EXPR_MAD_ROWS);
    if (f->agg == EXPR_AGG_HOLT_WINTERS || f->agg == EXPR_AGG_HOLT_FORECAST)
        return HOLT_N + 2 * opt(f, EXPR_HOLT_SEASON);
    if (f->agg == EXPR_AGG_CUSUM)
        return CUSUM_N;
    if (f->agg == EXPR_AGG_SEASONAL_BAND)
        return BAND_N + opt(f, EXPR_BAND_SLOTS) * (1 + opt(f, EXPR_BAND_KEEP));
    return 0;
}

static size_t kept_of(const struct expr_acc_fn *f) {
    if (f->agg == EXPR_AGG_LAG)
        return opt(f, EXPR_LAG_N) + 1;
    return f->agg == EXPR_AGG_DELTA || f->agg == EXPR_AGG_RATE || f->agg == EXPR_AGG_CHANGED ? N_PAIR : 0;
}

static struct expr_run *run_new(const struct expr_acc_fn *f) {
    struct expr_run *r = base_calloc(1, sizeof *r);
    r->out = NAN;
    r->n_d = count_of(f);
    r->d = base_calloc(r->n_d + 1, sizeof *r->d);
    r->n_kept = kept_of(f);
    r->kept = base_calloc(r->n_kept + 1, sizeof *r->kept);
    for (size_t i = 0; i < r->n_kept; i++)
        r->kept[i].val = EVT_VAL_NULL;
    return r;
}

void expr_run_free(struct expr_run *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->n_kept; i++)
        expr_kept_release(&r->kept[i]);
    base_free(r->kept);
    base_free(r->d);
    base_free(r->rare);
    expr_sorted_release(&r->sorted);
    base_free(r);
}

size_t expr_run_bytes(const struct expr_run *r) {
    return r ? sizeof *r + r->n_d * sizeof *r->d + r->n_kept * sizeof *r->kept + r->kept_bytes +
                   r->sorted.cap * sizeof *r->sorted.v + r->cap_rare * sizeof *r->rare
             : 0;
}

/* -- the scale ----------------------------------------------------------------------------------------------------- */

double expr_run_score(double x, double mid, double deviation) {
    double z = deviation > 0 ? (x - mid) / deviation : x > mid ? INFINITY : x < mid ? -INFINITY : 0;
    return z > EXPR_SCORE_MAX ? EXPR_SCORE_MAX : z < -EXPR_SCORE_MAX ? -EXPR_SCORE_MAX : z;
}

/* How many deviations out a normal variable is with probability p on that side (Abramowitz and Stegun 26.2.23, then Newton). */
static double deviations_of(double p) {
    if (p >= 0.5)
        return 0;
    double t = sqrt(-2 * log(p));
    double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                       (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int i = 0; i < 3; i++)
        x += (0.5 * erfc(x * M_SQRT1_2) - p) * sqrt(2 * M_PI) * exp(x * x / 2);
    return x;
}

/* -- functions ------------------------------------------------------------------------------------------------------ */

static double decay(const struct expr_run *r, int64_t now, double half_life_us) {
    return exp2(-((double)now - (double)r->time) / half_life_us);
}

/* What a row brings. */
struct row {
    const struct evt_val *val;
    const struct expr_place *at;
    double x; /* finite; 0 for functions of any type */
};

static void step_ewma(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    double x = row->x;
    int64_t now = row->at->time;
    double *mean = &r->d[EWMA_MEAN];
    *mean = r->n == 0 ? x : *mean + (1 - decay(r, now, f->opts[EXPR_EWMA_HALF_LIFE])) * (x - *mean);
    r->out = *mean;
}

/* Welford's recurrence; with weights: D. West, CACM 22(9), 1979. */
static void step_zscore(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    double x = row->x;
    int64_t now = row->at->time;
    double half_life = f->opts[EXPR_ZSCORE_HALF_LIFE], *d = r->d;
    bool weighted = half_life > 0;
    if (weighted && r->n > 0) {
        double keep = decay(r, now, half_life);
        d[Z_WEIGHT] *= keep;
        d[Z_M2] *= keep;
    }
    if (r->n >= 2 && (double)r->n >= f->opts[EXPR_OPT_WARM_UP])
        r->out = expr_run_score(x, d[Z_MEAN], sqrt(d[Z_M2] / (weighted ? d[Z_WEIGHT] : d[Z_WEIGHT] - 1)));
    double delta = x - d[Z_MEAN];
    d[Z_WEIGHT] += 1;
    d[Z_MEAN] += delta / d[Z_WEIGHT];
    d[Z_M2] += delta * (x - d[Z_MEAN]);
}

double expr_run_mad_score(const struct expr_sorted *s, double x) {
    double mid = expr_sorted_quantile(s, 0.5), deviation = expr_sorted_deviation(s, mid) * MAD_OF_NORMAL;
    if (!(deviation > 0)) /* more than half of them are equal */
        deviation = expr_sorted_mean_deviation(s, mid) * MEAN_OF_NORMAL;
    return expr_run_score(x, mid, deviation);
}

static void step_mad(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    double x = row->x;
    if (r->n > 0 && (double)r->n >= f->opts[EXPR_OPT_WARM_UP])
        r->out = expr_run_mad_score(&r->sorted, x);
    double *place = &r->d[r->n % r->n_d];
    if (r->n >= r->n_d)
        expr_sorted_remove(&r->sorted, *place);
    *place = x;
    expr_sorted_add(&r->sorted, x);
}

/* From two whole seasons: the line through their means, the mean distance of each place in the season from it. */
static void start_holt(double *d, size_t m) {
    double *y = d + HOLT_N, a = 0, b = 0, sq = 0;
    for (size_t i = 0; i < m; i++) {
        a += y[i] / (double)m;
        b += y[m + i] / (double)m;
    }
    double trend = (b - a) / (double)m, at_0 = a - trend * ((double)m - 1) / 2;
    for (size_t i = 0; i < m; i++) {
        double e0 = y[i] - (at_0 + trend * (double)i), e1 = y[m + i] - (at_0 + trend * (double)(m + i));
        double index = (e0 + e1) / 2;
        sq += (e0 - index) * (e0 - index) + (e1 - index) * (e1 - index);
        y[i] = index;
    }
    d[HOLT_LEVEL] = at_0 + trend * (double)(2 * m - 1);
    d[HOLT_TREND] = trend;
    d[HOLT_VAR] = sq / (double)(2 * m);
}

static void step_holt(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    double x = row->x, *d = r->d, alpha = f->opts[EXPR_HOLT_ALPHA], beta = f->opts[EXPR_HOLT_BETA],
           gamma = f->opts[EXPR_HOLT_GAMMA];
    size_t m = opt(f, EXPR_HOLT_SEASON);
    if (r->n < 2 * m) {
        d[HOLT_N + r->n] = x;
        if (r->n + 1 == 2 * m)
            start_holt(d, m);
        return;
    }
    double *season = &d[HOLT_N + r->n % m], forecast = d[HOLT_LEVEL] + d[HOLT_TREND] + *season;
    double level = alpha * (x - *season) + (1 - alpha) * (d[HOLT_LEVEL] + d[HOLT_TREND]);
    r->out = f->agg == EXPR_AGG_HOLT_FORECAST ? forecast : expr_run_score(x, forecast, sqrt(d[HOLT_VAR]));
    d[HOLT_TREND] = beta * (level - d[HOLT_LEVEL]) + (1 - beta) * d[HOLT_TREND];
    d[HOLT_LEVEL] = level;
    *season = gamma * (x - level) + (1 - gamma) * *season;
    d[HOLT_VAR] = gamma * (x - forecast) * (x - forecast) + (1 - gamma) * d[HOLT_VAR];
}

static void step_cusum(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    double x = row->x;
    double *d = r->d, mean = f->opts[EXPR_CUSUM_MEAN], sigma = f->opts[EXPR_CUSUM_SIGMA];
    double drift = f->opts[EXPR_CUSUM_DRIFT], warm_up = f->opts[EXPR_OPT_WARM_UP];
    if (isnan(mean)) {
        if ((double)r->n < warm_up) {
            double delta = x - d[CUSUM_MEAN];
            d[CUSUM_MEAN] += delta / (double)(r->n + 1);
            d[CUSUM_M2] += delta * (x - d[CUSUM_MEAN]);
            return;
        }
        mean = d[CUSUM_MEAN];
        sigma = sqrt(d[CUSUM_M2] / (warm_up - 1));
    }
    double z = expr_run_score(x, mean, sigma);
    d[CUSUM_UP] = fmin(fmax(0, d[CUSUM_UP] + z - drift), EXPR_SCORE_MAX);
    d[CUSUM_DOWN] = fmin(fmax(0, d[CUSUM_DOWN] - z - drift), EXPR_SCORE_MAX);
    r->out = d[CUSUM_UP] >= d[CUSUM_DOWN] ? d[CUSUM_UP] : -d[CUSUM_DOWN];
}

static void step_band(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    double x = row->x;
    int64_t now = row->at->time;
    double *d = r->d, q = f->opts[EXPR_BAND_QUANTILE];
    size_t slots = opt(f, EXPR_BAND_SLOTS), keep = opt(f, EXPR_BAND_KEEP);
    int64_t period = (int64_t)f->opts[EXPR_BAND_PERIOD], rest = now % period;
    rest = rest < 0 ? rest + period : rest;
    size_t slot = (size_t)((__int128)rest * (__int128)slots / period);
    double *n = &d[BAND_N + slot * (1 + keep)], *values = n + 1;
    uint64_t seen = (uint64_t)*n, has = seen < keep ? seen : keep;
    if (has > 0 && (double)seen >= f->opts[EXPR_OPT_WARM_UP]) {
        r->sorted.n = 0;
        for (uint64_t i = 0; i < has; i++)
            expr_sorted_add(&r->sorted, values[i]);
        d[BAND_LOW] = expr_sorted_quantile(&r->sorted, q);
        d[BAND_MID] = expr_sorted_quantile(&r->sorted, 0.5);
        d[BAND_HIGH] = expr_sorted_quantile(&r->sorted, 1 - q);
        double width = x < d[BAND_MID] ? d[BAND_MID] - d[BAND_LOW] : d[BAND_HIGH] - d[BAND_MID];
        r->out = expr_run_score(x, d[BAND_MID], width / deviations_of(q));
    }
    values[seen % keep] = x;
    *n += 1;
}

/* -- rare values ---------------------------------------------------------------------------------------------------- */

static size_t rare_place(const struct expr_run *r, uint64_t hash) {
    size_t lo = 0, hi = r->n_rare;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->rare[mid].hash < hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* The one that is least often and longest not seen gives way. */
static void rare_forget(struct expr_run *r) {
    size_t least = 0;
    for (size_t i = 1; i < r->n_rare; i++)
        if (r->rare[i].count < r->rare[least].count ||
            (r->rare[i].count == r->rare[least].count && r->rare[i].seen < r->rare[least].seen))
            least = i;
    r->n_rare--;
    memmove(r->rare + least, r->rare + least + 1, (r->n_rare - least) * sizeof *r->rare);
}

static void rare_add(struct expr_run *r, size_t keep, uint64_t hash) {
    if (r->n_rare >= keep)
        rare_forget(r);
    size_t at = rare_place(r, hash);
    r->rare = base_grow(r->rare, r->n_rare, &r->cap_rare, sizeof *r->rare);
    memmove(r->rare + at + 1, r->rare + at, (r->n_rare - at) * sizeof *r->rare);
    r->rare[at] = (struct rare){ .hash = hash, .count = 1, .seen = r->n };
    r->n_rare++;
}

/*
 * The share of rows whose value is seen as seldom as this one. A value that was never seen is as likely as those seen once
 * (I. J. Good, Biometrika 40, 1953): where most values are new, a new one is nothing.
 */
static void step_rarity(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_key(&b, f->arg, row->val);
    uint64_t hash = base_hash(b.p, b.len);
    base_buf_release(&b);
    size_t at = rare_place(r, hash);
    bool known = at < r->n_rare && r->rare[at].hash == hash;
    uint64_t often = known ? r->rare[at].count : 1, as_rare = 0;
    for (size_t i = 0; i < r->n_rare; i++)
        as_rare += r->rare[i].count <= often ? r->rare[i].count : 0;
    double p = (1 + (double)as_rare) / (1 + (double)r->n);
    if (r->n > 0 && (double)r->n >= f->opts[EXPR_OPT_WARM_UP])
        r->out = expr_run_score(deviations_of(p < 1 ? p / 2 : 0.5), 0, 1);
    if (known) {
        r->rare[at].count++;
        r->rare[at].seen = r->n;
    } else {
        rare_add(r, opt(f, EXPR_RARITY_KEEP), hash);
    }
}

/* -- values that are kept as they are ------------------------------------------------------------------------------- */

static void keep(struct expr_run *r, size_t i, const struct expr_acc_fn *f, const struct evt_val *v,
    const struct expr_place *at) {
    size_t had = r->kept[i].bytes ? r->kept[i].val.s.len + (size_t)1 : 0;
    if (r->kept[i].nested)
        had = sizeof *r->kept[i].nested + r->kept[i].nested->used;
    r->kept_bytes += expr_kept_set(&r->kept[i], f->arg, v, at);
    r->kept_bytes -= had;
}

static void step_lag(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    const struct evt_val *v = row->val;
    const struct expr_place *at = row->at;
    keep(r, r->n % r->n_kept, f, v, at);
}

static void step_changed(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    const struct evt_val *v = row->val;
    const struct expr_place *at = row->at;
    if (r->n > 0)
        r->out = !evt_val_eq(f->arg, &r->kept[LAST].val, v);
    keep(r, LAST, f, v, at);
}

/* Of a window or frame as a whole: from its first value; else from the one before. */
static void step_pair(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row) {
    const struct evt_val *v = row->val;
    const struct expr_place *at = row->at;
    if (!f->whole || r->n == 0) {
        if (r->n == 0) {
            keep(r, PREVIOUS, f, v, at);
        } else {
            struct expr_kept was = r->kept[PREVIOUS];
            r->kept[PREVIOUS] = r->kept[LAST];
            r->kept[LAST] = was;
        }
    }
    keep(r, LAST, f, v, at);
    r->out = 0;
}

void expr_run_difference(const struct expr_acc_fn *f, const struct evt_val *first, int64_t first_time,
    const struct evt_val *last, int64_t last_time, struct evt_val *out, const char **failure) {
    *out = EVT_VAL_NULL;
    if (first->null || last->null)
        return;
    struct evt_val v = { .null = false };
    if (f->agg == EXPR_AGG_RATE) {
        v.d = (expr_agg_real(f->arg, last) - expr_agg_real(f->arg, first)) /
              (((double)last_time - (double)first_time) / 1e6);
        v.null = last_time == first_time;
    } else if (f->type->kind == EVT_DOUBLE) {
        v.d = expr_agg_real(f->arg, last) - expr_agg_real(f->arg, first);
    } else if (__builtin_sub_overflow(last->i, first->i, &v.i)) {
        *failure = "delta out of range";
        return;
    }
    *out = v;
}

/* -- results -------------------------------------------------------------------------------------------------------- */

static struct evt_val real(double d) {
    return (struct evt_val){ .null = isnan(d), .d = d };
}

/* Where a result is made. */
struct result {
    struct base_arena *scratch;
    struct evt_val *out; /* null */
    const char **failure;
};

static void real_result(const struct expr_acc_fn *f, const struct expr_run *r, const struct result *to) {
    (void)f;
    *to->out = real(r->out);
}

static void lag_result(const struct expr_acc_fn *f, const struct expr_run *r, const struct result *to) {
    (void)f;
    if (r->n >= r->n_kept)
        *to->out = r->kept[r->n % r->n_kept].val;
}

static void changed_result(const struct expr_acc_fn *f, const struct expr_run *r, const struct result *to) {
    (void)f;
    if (!isnan(r->out))
        *to->out = (struct evt_val){ .b = r->out > 0 };
}

static void pair_result(const struct expr_acc_fn *f, const struct expr_run *r, const struct result *to) {
    const struct expr_kept *first = &r->kept[PREVIOUS], *last = &r->kept[LAST];
    if (r->n > 1 && !isnan(r->out))
        expr_run_difference(f, &first->val, first->at.time, &last->val, last->at.time, to->out, to->failure);
}

static void band_result(const struct expr_acc_fn *f, const struct expr_run *r, const struct result *to) {
    (void)f;
    if (isnan(r->out))
        return;
    struct evt_val *fields = BASE_ARENA_ARRAY(to->scratch, struct evt_val, BAND_N + 1);
    fields[BAND_LOW] = real(r->d[BAND_LOW]);
    fields[BAND_MID] = real(r->d[BAND_MID]);
    fields[BAND_HIGH] = real(r->d[BAND_HIGH]);
    fields[BAND_N] = real(r->out);
    *to->out = (struct evt_val){ .list = { fields, BAND_N + 1 } };
}

/* -- all of them ---------------------------------------------------------------------------------------------------- */

enum takes {
    TAKES_NUMBERS = 0, /* finite ones */
    TAKES_VALUES,      /* that are not null */
    TAKES_ALL
};

static const struct {
    enum takes takes;
    bool stays; /* a row it does not take leaves the result as it was; else there is none */
    void (*step)(const struct expr_acc_fn *f, struct expr_run *r, const struct row *row);
    void (*result)(const struct expr_acc_fn *f, const struct expr_run *r, const struct result *to);
} functions[EXPR_AGG_LIST_MAX] = {
    [EXPR_AGG_EWMA] = { TAKES_NUMBERS, true, step_ewma, real_result },
    [EXPR_AGG_ZSCORE] = { TAKES_NUMBERS, false, step_zscore, real_result },
    [EXPR_AGG_MAD_SCORE] = { TAKES_NUMBERS, false, step_mad, real_result },
    [EXPR_AGG_RATE] = { TAKES_NUMBERS, false, step_pair, pair_result },
    [EXPR_AGG_DELTA] = { TAKES_VALUES, false, step_pair, pair_result },
    [EXPR_AGG_LAG] = { TAKES_ALL, false, step_lag, lag_result },
    [EXPR_AGG_HOLT_WINTERS] = { TAKES_NUMBERS, false, step_holt, real_result },
    [EXPR_AGG_HOLT_FORECAST] = { TAKES_NUMBERS, false, step_holt, real_result },
    [EXPR_AGG_CHANGED] = { TAKES_ALL, false, step_changed, changed_result },
    [EXPR_AGG_CUSUM] = { TAKES_NUMBERS, false, step_cusum, real_result },
    [EXPR_AGG_SEASONAL_BAND] = { TAKES_NUMBERS, false, step_band, band_result },
    [EXPR_AGG_RARITY] = { TAKES_VALUES, false, step_rarity, real_result },
};

bool expr_run_is(enum expr_agg agg) {
    return functions[agg].step != NULL;
}

void expr_run_step(const struct expr_acc_fn *f, struct expr_run **run, const struct evt_val *v,
    const struct expr_place *at) {
    if (!*run)
        *run = run_new(f);
    struct expr_run *r = *run;
    struct row row = { .val = v, .at = at };
    enum takes takes = functions[f->agg].takes;
    if (!functions[f->agg].stays)
        r->out = NAN;
    if (v->null && takes != TAKES_ALL)
        return;
    if (takes == TAKES_NUMBERS) {
        row.x = expr_agg_real(f->arg, v);
        if (!isfinite(row.x))
            return;
    }
    functions[f->agg].step(f, r, &row);
    r->time = at->time;
    r->n++;
}

void expr_run_result(const struct expr_acc_fn *f, const struct expr_run *r, struct base_arena *scratch,
    struct evt_val *out, const char **failure) {
    *out = EVT_VAL_NULL;
    if (r)
        functions[f->agg].result(f, r, &(struct result){ scratch, out, failure });
}

/* -- as bytes ------------------------------------------------------------------------------------------------------- */

static void pack_real(struct base_buf *b, double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    base_pack_u64(b, bits);
}

static double unpack_real(struct base_unpack *u) {
    uint64_t bits = base_unpack_u64(u);
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

void expr_run_pack(struct base_buf *b, const struct expr_acc_fn *f, const struct expr_run *r) {
    base_pack_varint(b, r->n);
    base_pack_zigzag(b, r->time);
    pack_real(b, r->out);
    base_pack_varint(b, r->n_d);
    for (size_t i = 0; i < r->n_d; i++)
        pack_real(b, r->d[i]);
    base_pack_varint(b, r->n_kept);
    for (size_t i = 0; i < r->n_kept; i++)
        expr_kept_pack(b, f->arg, &r->kept[i]);
    base_pack_varint(b, r->n_rare);
    for (size_t i = 0; i < r->n_rare; i++) {
        base_pack_u64(b, r->rare[i].hash);
        base_pack_varint(b, r->rare[i].count);
        base_pack_varint(b, r->rare[i].seen);
    }
}

/* Numbers that are places in memory must be such. */
static bool numbers_ok(const struct expr_acc_fn *f, struct expr_run *r) {
    if (f->agg == EXPR_AGG_SEASONAL_BAND)
        for (size_t i = BAND_N; i < r->n_d; i += 1 + opt(f, EXPR_BAND_KEEP))
            if (!(r->d[i] >= 0 && r->d[i] < 9e15 && r->d[i] == floor(r->d[i])))
                return false;
    for (size_t i = 0; f->agg == EXPR_AGG_MAD_SCORE && i < r->n_d && i < r->n; i++) {
        if (!isfinite(r->d[i]))
            return false;
        expr_sorted_add(&r->sorted, r->d[i]);
    }
    for (size_t i = 1; i < r->n_rare; i++)
        if (r->rare[i - 1].hash >= r->rare[i].hash)
            return false;
    return true;
}

struct expr_run *expr_run_unpack(
    struct base_unpack *u, const struct expr_acc_fn *f, struct base_arena *scratch) {
    struct expr_run *r = run_new(f);
    struct expr_place at;
    struct evt_val v;
    r->n = base_unpack_varint(u);
    r->time = base_unpack_zigzag(u);
    r->out = unpack_real(u);
    u->bad |= base_unpack_count(u, sizeof(uint64_t)) != r->n_d;
    for (size_t i = 0; i < r->n_d && !u->bad; i++)
        r->d[i] = unpack_real(u);
    u->bad |= base_unpack_count(u, 4) != r->n_kept;
    for (size_t i = 0; i < r->n_kept && !u->bad; i++) {
        expr_kept_unpack(u, f->arg, scratch, &at, &v);
        if (!u->bad)
            keep(r, i, f, &v, &at);
    }
    size_t n = base_unpack_count(u, sizeof(uint64_t) + RARE_WORDS - 1);
    u->bad |= n > (f->agg == EXPR_AGG_RARITY ? opt(f, EXPR_RARITY_KEEP) : 0);
    for (; n > 0 && !u->bad; n--) {
        r->rare = base_grow(r->rare, r->n_rare, &r->cap_rare, sizeof *r->rare);
        struct rare *x = &r->rare[r->n_rare++];
        x->hash = base_unpack_u64(u);
        x->count = base_unpack_varint(u);
        x->seen = base_unpack_varint(u);
    }
    if (!u->bad && !numbers_ok(f, r))
        u->bad = true;
    return r;
}
