/*
 * expr_agg -- aggregates over the events of a variable: their types, running state and results.
 *
 * Sums of ints, durations and decimals are kept in 128 bits, so that only a result that does not fit fails, whatever
 * the order of the events. stddev and var are of a sample (divided by n - 1) and follow Welford, Technometrics 4(3), 1962:
 * mean and m2, no sums of squares that cancel.
 */
#include "expr/expr_agg.h"

#include "base/base_check.h"
#include "expr/expr_decimal.h"
#include "expr/expr_func.h"

#include <math.h>
#include <stdlib.h>

enum { AGG_AVG_SCALE = 6 }; /* digits behind the point that avg(decimal) has at least */

static const struct evt_type *agg_sum_type(struct base_arena *a, const struct evt_type *t) {
    if (t->kind == EVT_DECIMAL)
        return evt_type_decimal(a, EXPR_DEC_DIGITS, t->scale);
    return evt_kind_is_numeric(t->kind) || t->kind == EVT_DURATION ? t : NULL;
}

static const struct evt_type *agg_avg_type(struct base_arena *a, const struct evt_type *t) {
    if (t->kind == EVT_DECIMAL)
        return evt_type_decimal(a, EXPR_DEC_DIGITS, t->scale < AGG_AVG_SCALE ? AGG_AVG_SCALE : t->scale);
    if (t->kind == EVT_DURATION)
        return t;
    return evt_kind_is_numeric(t->kind) ? evt_type_of(EVT_DOUBLE) : NULL;
}

static const struct evt_type *agg_delta_type(const struct evt_type *t) {
    switch (t->kind) {
    case EVT_INT:
    case EVT_DOUBLE: return t;
    case EVT_DECIMAL: return evt_type_of(EVT_DOUBLE);
    case EVT_TIMESTAMP:
    case EVT_DURATION: return evt_type_of(EVT_DURATION);
    case EVT_NULL:
    case EVT_BOOL:
    case EVT_STRING:
    case EVT_BYTES:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    return NULL;
}

static const struct evt_type *agg_band_type(struct base_arena *a) {
    static const char *const names[] = { "low", "mid", "high", "score" };
    struct evt_column *fields = BASE_ARENA_ARRAY(a, struct evt_column, 4);
    for (int i = 0; i < 4; i++)
        fields[i] = (struct evt_column){ .name = base_str_of(names[i]), .type = evt_type_of(EVT_DOUBLE) };
    return evt_type_row(a, 4, fields);
}

const struct evt_type *expr_agg_type(struct base_arena *a, enum expr_agg agg, const struct evt_type *t) {
    if (agg == EXPR_AGG_COUNT)
        return evt_type_of(EVT_INT);
    if (!t)
        return NULL;
    switch (agg) {
    case EXPR_AGG_COUNT:
    case EXPR_AGG_COUNT_DISTINCT: return evt_type_of(EVT_INT);
    case EXPR_AGG_SUM: return agg_sum_type(a, t);
    case EXPR_AGG_AVG: return agg_avg_type(a, t);
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX: return t->kind != EVT_NULL && evt_kind_is_ordered(t->kind) ? t : NULL;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR: return evt_kind_is_numeric(t->kind) ? evt_type_of(EVT_DOUBLE) : NULL;
    case EXPR_AGG_ARRAY: return evt_type_array(a, t);
    case EXPR_AGG_FIRST:
    case EXPR_AGG_LAST:
    case EXPR_AGG_LAG: return t->kind == EVT_NULL ? NULL : t;
    case EXPR_AGG_EWMA:
    case EXPR_AGG_ZSCORE:
    case EXPR_AGG_MAD_SCORE:
    case EXPR_AGG_RATE:
    case EXPR_AGG_HOLT_WINTERS:
    case EXPR_AGG_HOLT_FORECAST:
    case EXPR_AGG_CUSUM: return evt_kind_is_numeric(t->kind) ? evt_type_of(EVT_DOUBLE) : NULL;
    case EXPR_AGG_APPROX_DISTINCT: return t->kind == EVT_NULL ? NULL : evt_type_of(EVT_INT);
    case EXPR_AGG_APPROX_QUANTILE: return evt_kind_is_numeric(t->kind) ? evt_type_of(EVT_DOUBLE) : NULL;
    case EXPR_AGG_DELTA: return agg_delta_type(t);
    case EXPR_AGG_CHANGED: return t->kind == EVT_NULL ? NULL : evt_type_of(EVT_BOOL);
    case EXPR_AGG_RARITY: return t->kind == EVT_NULL ? NULL : evt_type_of(EVT_DOUBLE);
    case EXPR_AGG_SEASONAL_BAND: return evt_kind_is_numeric(t->kind) ? agg_band_type(a) : NULL;
    case EXPR_AGG_USER: return NULL; /* its library says it */
    case EXPR_AGG_LIST_MAX: break;
    }
    CEP_INSIST(!"an aggregate");
    return NULL;
}

double expr_agg_real(const struct evt_type *t, const struct evt_val *v) {
    if (t->kind == EVT_DOUBLE)
        return v->d;
    return t->kind == EVT_INT ? (double)v->i : expr_dec_to_f64(evt_val_dec(v), t->scale);
}

static void agg_step_sum(struct expr_agg_state *s, const struct evt_type *t, const struct evt_val *v) {
    if (t->kind == EVT_DOUBLE) {
        s->acc.d = (s->n == 1 ? 0.0 : s->acc.d) + v->d;
        return;
    }
    __int128 x = t->kind == EVT_DECIMAL ? evt_val_dec(v) : (__int128)v->i, sum = 0;
    if (__builtin_add_overflow(s->n == 1 ? 0 : evt_val_dec(&s->acc), x, &sum))
        s->failure = "sum out of range";
    else
        s->acc = evt_val_of_dec(sum);
}

static void agg_step_welford(struct expr_agg_state *s, double x) {
    double delta = x - s->mean;
    s->mean += delta / (double)s->n;
    s->m2 += delta * (x - s->mean);
}

void expr_agg_start(struct expr_agg_state *s) {
    *s = (struct expr_agg_state){ .acc = EVT_VAL_NULL };
}

void expr_agg_step(
    struct expr_agg_state *s, enum expr_agg agg, const struct evt_type *arg_type, const struct evt_val *v) {
    if (v && v->null)
        return;
    s->n++;
    switch (agg) {
    case EXPR_AGG_COUNT: return;
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG: agg_step_sum(s, arg_type, v); return;
    case EXPR_AGG_MIN:
        if (s->n == 1 || evt_val_cmp(arg_type, v, &s->acc) < 0)
            s->acc = *v;
        return;
    case EXPR_AGG_MAX:
        if (s->n == 1 || evt_val_cmp(arg_type, v, &s->acc) > 0)
            s->acc = *v;
        return;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR: agg_step_welford(s, expr_agg_real(arg_type, v)); return;
    case EXPR_AGG_COUNT_DISTINCT:
    case EXPR_AGG_ARRAY: EXPR_AGG_ROWS_CASES
    case EXPR_AGG_LIST_MAX: break;
    }
    CEP_INSIST(!"an aggregate with a running state");
}

static const char *agg_sum(const struct expr_agg_state *s, const struct evt_type *t,
    const struct evt_type *type, struct evt_val *out) {
    if (t->kind == EVT_DOUBLE) {
        out->d = s->acc.d;
        return NULL;
    }
    __int128 sum = evt_val_dec(&s->acc);
    if (t->kind == EVT_DECIMAL) {
        if (!expr_dec_rescale(sum, t->scale, type, &sum))
            return "sum out of range";
        *out = evt_val_of_dec(sum);
        return NULL;
    }
    if (sum != (int64_t)sum)
        return "sum out of range";
    out->i = (int64_t)sum;
    return NULL;
}

static const char *agg_avg(const struct expr_agg_state *s, const struct evt_type *t,
    const struct evt_type *type, struct evt_val *out) {
    if (t->kind == EVT_DOUBLE) {
        out->d = s->acc.d / (double)s->n;
        return NULL;
    }
    __int128 sum = evt_val_dec(&s->acc);
    if (t->kind == EVT_INT) {
        out->d = (double)sum / (double)s->n;
        return NULL;
    }
    if (t->kind == EVT_DURATION) { /* half away from zero, as decimals are */
        __int128 n = (__int128)s->n, half = n / 2;
        out->i = (int64_t)((sum < 0 ? sum - half : sum + half) / n);
        return NULL;
    }
    if (!expr_dec_div(sum, t->scale, (__int128)s->n, 0, type, &sum))
        return "average out of range";
    *out = evt_val_of_dec(sum);
    return NULL;
}

void expr_agg_result(const struct expr_agg_state *s, enum expr_agg agg, const struct evt_type *arg_type,
    const struct evt_type *type, struct evt_val *out, const char **failure) {
    *out = EVT_VAL_NULL;
    if (agg == EXPR_AGG_COUNT) {
        *out = (struct evt_val){ .i = (int64_t)s->n };
        return;
    }
    const char *why = s->failure;
    if (s->n == 0 || why) {
        if (why)
            *failure = why;
        return;
    }
    struct evt_val v = { .null = false };
    switch (agg) {
    case EXPR_AGG_SUM: why = agg_sum(s, arg_type, type, &v); break;
    case EXPR_AGG_AVG: why = agg_avg(s, arg_type, type, &v); break;
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX: v = s->acc; break;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR:
        v.null = s->n < 2;
        if (!v.null)
            v.d = s->m2 / (double)(s->n - 1);
        if (!v.null && agg == EXPR_AGG_STDDEV)
            v.d = sqrt(v.d);
        break;
    case EXPR_AGG_COUNT:
    case EXPR_AGG_COUNT_DISTINCT:
    case EXPR_AGG_ARRAY: EXPR_AGG_ROWS_CASES
    case EXPR_AGG_LIST_MAX: CEP_INSIST(!"an aggregate with a running state");
    }
    if (why)
        *failure = why;
    else
        *out = v;
}

bool expr_agg_is_gathered(enum expr_agg agg) {
    return agg == EXPR_AGG_COUNT_DISTINCT || agg == EXPR_AGG_ARRAY;
}

void expr_agg_gather_start(struct expr_agg_gather *g, struct base_arena *scratch) {
    *g = (struct expr_agg_gather){ .scratch = scratch };
}

void expr_agg_gather_step(struct expr_agg_gather *g, enum expr_agg agg, const struct evt_val *v) {
    if (v->null && agg == EXPR_AGG_COUNT_DISTINCT)
        return;
    g->vals = base_arena_grow(g->scratch, g->vals, g->n, &g->cap, sizeof *g->vals);
    g->vals[g->n++] = *v;
}

static int agg_cmp(const void *a, const void *b, void *type) {
    return evt_val_cmp(type, a, b);
}

void expr_agg_gather_result(
    struct expr_agg_gather *g, enum expr_agg agg, const struct evt_type *arg_type, struct evt_val *out) {
    CEP_REQUIRE(expr_agg_is_gathered(agg));
    if (agg == EXPR_AGG_ARRAY) {
        *out = (struct evt_val){ .list = { g->vals, (uint32_t)g->n } };
        return;
    }
    int64_t n = g->n > 0;
    if (g->n > 1) {
        struct evt_type type = *arg_type; /* qsort_r hands on what it may not change */
        qsort_r(g->vals, g->n, sizeof *g->vals, agg_cmp, &type);
        for (size_t i = 1; i < g->n; i++)
            n += evt_val_cmp(arg_type, &g->vals[i - 1], &g->vals[i]) != 0;
    }
    *out = (struct evt_val){ .i = n };
}
