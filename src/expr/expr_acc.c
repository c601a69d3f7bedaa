/*
 * expr_acc -- see expr_acc.h.
 */
#include "expr/expr_acc.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_agg.h"
#include "expr/expr_bag.h"
#include "expr/expr_dds.h"
#include "expr/expr_hll.h"
#include "expr/expr_kept.h"
#include "expr/expr_run.h"

#include <math.h>
#include <stdlib.h>

struct expr_acc_more {
    struct expr_kept one;   /* MIN, MAX, FIRST, LAST */
    struct base_map set;    /* COUNT_DISTINCT: canonical bytes */
    struct expr_kept *list; /* ARRAY: owned, n of them, as they came */
    size_t n, cap;
    size_t bytes; /* that values own */
};

enum shape {
    SHAPE_COUNT = 0,
    SHAPE_SUM,
    SHAPE_REAL,
    SHAPE_MOMENTS,
    SHAPE_ONE,
    SHAPE_LEAST,
    SHAPE_SET,
    SHAPE_LIST,
    SHAPE_RUN,
    SHAPE_HLL,
    SHAPE_DDS,
    SHAPE_BAG,
    SHAPE_USER
};

static bool is_wide(const struct evt_type *t) {
    return t->kind == EVT_INT || t->kind == EVT_TIMESTAMP || t->kind == EVT_DURATION || t->kind == EVT_DOUBLE;
}

static enum shape shape_of(const struct expr_acc_fn *f) {
    if (expr_run_is(f->agg))
        return SHAPE_RUN;
    switch (f->agg) {
    case EXPR_AGG_COUNT: return SHAPE_COUNT;
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG: return f->arg->kind == EVT_DOUBLE ? SHAPE_REAL : SHAPE_SUM;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR: return SHAPE_MOMENTS;
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX: return f->back ? SHAPE_BAG : is_wide(f->arg) ? SHAPE_LEAST : SHAPE_ONE;
    case EXPR_AGG_FIRST:
    case EXPR_AGG_LAST: return SHAPE_ONE;
    case EXPR_AGG_COUNT_DISTINCT: return f->back ? SHAPE_BAG : SHAPE_SET;
    case EXPR_AGG_APPROX_DISTINCT: return SHAPE_HLL;
    case EXPR_AGG_APPROX_QUANTILE: return SHAPE_DDS;
    case EXPR_AGG_USER: return SHAPE_USER;
    case EXPR_AGG_ARRAY: return SHAPE_LIST; EXPR_AGG_RUN_CASES
    case EXPR_AGG_LIST_MAX: break;
    }
    CEP_INSIST(!"an aggregate");
    return SHAPE_COUNT;
}

static struct expr_acc_more *more_of(struct expr_acc *a) {
    if (!a->more) {
        a->more = base_calloc(1, sizeof *a->more);
        a->more->one.val = EVT_VAL_NULL;
        base_map_init(&a->more->set);
    }
    return a->more;
}

/* -- steps --------------------------------------------------------------------------------------------------------- */

static void add_whole(struct expr_acc *a, __int128 x) {
    __int128 sum = (__int128)((unsigned __int128)(uint64_t)a->sum.hi << 64 | a->sum.lo);
    if (__builtin_add_overflow(sum, x, &sum))
        a->failed = 1;
    a->sum.lo = (uint64_t)sum;
    a->sum.hi = (int64_t)(sum >> 64);
}

/* Neumaier: what a sum of doubles loses is kept beside it. Infinities and NaN go through the sum alone. */
static void add_real(struct expr_acc *a, double x) {
    double sum = a->real.sum + x;
    if (isfinite(sum))
        a->real.lost += fabs(a->real.sum) >= fabs(x) ? (a->real.sum - sum) + x : (x - sum) + a->real.sum;
    a->real.sum = sum;
}

/* Is the new one to be kept instead? Equal values: the earlier row's, whichever came first. */
static bool replaces(const struct expr_acc_fn *f, const struct expr_kept *old, const struct evt_val *v,
    const struct expr_place *at) {
    if (f->agg == EXPR_AGG_FIRST)
        return expr_place_before(at, &old->at);
    if (f->agg == EXPR_AGG_LAST)
        return expr_place_before(&old->at, at);
    int cmp = evt_val_cmp(f->arg, v, &old->val);
    return f->agg == EXPR_AGG_MIN ? cmp < 0 : cmp > 0;
}

static void step_one(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at) {
    struct expr_acc_more *m = more_of(a);
    if (a->n == 0 || replaces(f, &m->one, v, at))
        m->bytes = expr_kept_set(&m->one, f->arg, v, at);
    a->n++;
}

/* Of doubles that are equal (0.0 and -0.0) the one whose bits are less, as a number with a sign. */
static bool is_less(const struct expr_acc_fn *f, int64_t x, int64_t y) {
    if (f->arg->kind == EVT_DOUBLE) {
        struct evt_val a = { .i = x }, b = { .i = y };
        int cmp = evt_val_cmp(f->arg, &a, &b);
        if (cmp != 0)
            return cmp < 0;
    }
    return x < y;
}

static void step_least(const struct expr_acc_fn *f, struct expr_acc *a, int64_t x) {
    if (a->n == 0 || (f->agg == EXPR_AGG_MIN ? is_less(f, x, a->least) : is_less(f, a->least, x)))
        a->least = x;
    a->n++;
}

static void step_moments(struct expr_acc *a, double x) {
    double delta = x - a->moments.mean;
    a->n++;
    a->moments.mean += delta / (double)a->n;
    a->moments.m2 += delta * (x - a->moments.mean);
}

static void step_set(struct expr_acc *a, struct base_str canonical) {
    struct expr_acc_more *m = more_of(a);
    a->n++;
    if (base_map_put(&m->set, canonical, 0))
        m->bytes += canonical.len + sizeof(struct base_map_entry);
}

static void step_list(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at) {
    struct expr_acc_more *m = more_of(a);
    m->list = base_grow(m->list, m->n, &m->cap, sizeof *m->list);
    m->list[m->n] = (struct expr_kept){ .val = EVT_VAL_NULL };
    m->bytes += expr_kept_set(&m->list[m->n++], f->arg, v, at) + sizeof *m->list;
    a->n++;
}

static void step_hll(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v) {
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_key(&b, f->arg, v);
    a->hll = a->hll ? a->hll : expr_hll_new();
    expr_hll_add(a->hll, base_hash(b.p, b.len));
    a->n++;
    base_buf_release(&b);
}

static void step_dds(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v) {
    double x = expr_agg_real(f->arg, v);
    if (!isfinite(x))
        return;
    a->dds = a->dds ? a->dds : expr_dds_new();
    expr_dds_add(a->dds, x);
    a->n++;
}

static enum expr_bag_order bag_order(const struct expr_acc_fn *f) {
    return f->agg == EXPR_AGG_MIN ? EXPR_BAG_LEAST : f->agg == EXPR_AGG_MAX ? EXPR_BAG_MOST : EXPR_BAG_NONE;
}

static void step_bag(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, int64_t by) {
    a->bag = a->bag ? a->bag : expr_bag_new(f->arg, bag_order(f));
    expr_bag_add(a->bag, v, by);
}

static void step_user(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, bool back) {
    a->user = a->user ? a->user : base_calloc(1, f->user->size);
    if (!f->user->step(f->user, a->user, v, back))
        a->failed = 1;
}

static void step_distinct(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v) {
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_key(&b, f->arg, v);
    step_set(a, base_buf_view(&b));
    base_buf_release(&b);
}

void expr_acc_step(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at) {
    enum shape shape = shape_of(f);
    bool keeps_nulls = shape == SHAPE_LIST || shape == SHAPE_RUN || f->agg == EXPR_AGG_FIRST ||
                       f->agg == EXPR_AGG_LAST;
    if (v && v->null && !keeps_nulls)
        return;
    switch (shape) {
    case SHAPE_COUNT: a->n++; return;
    case SHAPE_SUM:
        a->n++;
        add_whole(a, f->arg->kind == EVT_DECIMAL ? evt_val_dec(v) : (__int128)v->i);
        return;
    case SHAPE_REAL:
        a->n++;
        add_real(a, v->d);
        return;
    case SHAPE_MOMENTS: step_moments(a, expr_agg_real(f->arg, v)); return;
    case SHAPE_ONE: step_one(f, a, v, at); return;
    case SHAPE_LEAST: step_least(f, a, v->i); return;
    case SHAPE_SET: step_distinct(f, a, v); return;
    case SHAPE_LIST: step_list(f, a, v, at); return;
    case SHAPE_RUN:
        expr_run_step(f, &a->run, v, at);
        a->n++;
        return;
    case SHAPE_HLL: step_hll(f, a, v); return;
    case SHAPE_DDS: step_dds(f, a, v); return;
    case SHAPE_BAG:
        a->n++;
        step_bag(f, a, v, 1);
        return;
    case SHAPE_USER:
        a->n++;
        step_user(f, a, v, false);
        return;
    }
}

/* -- taking back ---------------------------------------------------------------------------------------------------- */

bool expr_acc_takes_back(enum expr_agg agg) {
    switch (agg) {
    case EXPR_AGG_COUNT:
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG:
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR:
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX:
    case EXPR_AGG_COUNT_DISTINCT: return true;
    case EXPR_AGG_FIRST:
    case EXPR_AGG_LAST:
    case EXPR_AGG_APPROX_DISTINCT:
    case EXPR_AGG_APPROX_QUANTILE:
    case EXPR_AGG_USER:
    case EXPR_AGG_ARRAY: EXPR_AGG_RUN_CASES
    case EXPR_AGG_LIST_MAX: break;
    }
    return false;
}

/* Welford's recurrence from behind. */
static void back_moments(struct expr_acc *a, double x) {
    double before = a->moments.mean, n = (double)a->n;
    if (a->n == 0) {
        a->moments.mean = a->moments.m2 = 0;
        return;
    }
    a->moments.mean += (before - x) / n;
    a->moments.m2 -= (x - before) * (x - a->moments.mean);
    a->moments.m2 = a->moments.m2 > 0 ? a->moments.m2 : 0;
}

/* `n` goes round below 0, and comes back when the row that is taken back before it came does. */
void expr_acc_back(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v) {
    CEP_REQUIRE(f->back);
    if (v && v->null)
        return;
    a->n--;
    switch (shape_of(f)) {
    case SHAPE_COUNT: return;
    case SHAPE_SUM: add_whole(a, -(f->arg->kind == EVT_DECIMAL ? evt_val_dec(v) : (__int128)v->i)); return;
    case SHAPE_REAL:
        add_real(a, -v->d);
        if (a->n == 0 && isfinite(a->real.sum))
            a->real.sum = a->real.lost = 0;
        return;
    case SHAPE_MOMENTS: back_moments(a, expr_agg_real(f->arg, v)); return;
    case SHAPE_BAG: step_bag(f, a, v, -1); return;
    case SHAPE_USER: step_user(f, a, v, true); return;
    case SHAPE_ONE:
    case SHAPE_LEAST:
    case SHAPE_SET:
    case SHAPE_LIST:
    case SHAPE_RUN:
    case SHAPE_HLL:
    case SHAPE_DDS: break;
    }
    CEP_INSIST(!"an aggregate whose rows can be taken back");
}

/* -- steps of many rows, a loop each ------------------------------------------------------------------------------ */

static struct expr_acc *acc_at(char *const *to, size_t off, uint32_t i) {
    return (struct expr_acc *)(void *)(to[i] + off);
}

static void step_rows_whole(
    const struct evt_col *col, const uint16_t *rows, char *const *to, size_t off, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        struct expr_acc *a = acc_at(to, off, i);
        a->n++;
        add_whole(a, col->type->kind == EVT_DECIMAL ? col->dec[rows[i]] : (__int128)col->i[rows[i]]);
    }
}

bool expr_acc_step_rows(const struct expr_acc_fn *f, const struct evt_col *col, const uint16_t *rows,
    char *const *to, size_t off, uint32_t n) {
    switch (shape_of(f)) {
    case SHAPE_COUNT:
        for (uint32_t i = 0; i < n; i++)
            acc_at(to, off, i)->n++;
        return true;
    case SHAPE_SUM: step_rows_whole(col, rows, to, off, n); return true;
    case SHAPE_REAL:
        for (uint32_t i = 0; i < n; i++) {
            struct expr_acc *a = acc_at(to, off, i);
            a->n++;
            add_real(a, col->d[rows[i]]);
        }
        return true;
    case SHAPE_LEAST:
        for (uint32_t i = 0; i < n; i++)
            step_least(f, acc_at(to, off, i), col->i[rows[i]]);
        return true;
    case SHAPE_MOMENTS:
        if (col->type->kind != EVT_INT && col->type->kind != EVT_DOUBLE)
            return false;
        for (uint32_t i = 0; i < n; i++)
            step_moments(
                acc_at(to, off, i), col->type->kind == EVT_INT ? (double)col->i[rows[i]] : col->d[rows[i]]);
        return true;
    case SHAPE_ONE:
    case SHAPE_SET:
    case SHAPE_LIST:
    case SHAPE_RUN:
    case SHAPE_HLL:
    case SHAPE_DDS:
    case SHAPE_BAG:
    case SHAPE_USER: break;
    }
    return false;
}

bool expr_acc_merges(const struct expr_acc_fn *f) {
    return f->user ? f->user->merges : !expr_run_is(f->agg);
}

/* -- merging ------------------------------------------------------------------------------------------------------- */

static void merge_moments(struct expr_acc *to, const struct expr_acc *from) {
    double n = (double)to->n, k = (double)from->n, delta = from->moments.mean - to->moments.mean;
    to->moments.m2 += from->moments.m2 + delta * delta * n * k / (n + k);
    to->moments.mean += delta * k / (n + k);
}

void expr_acc_merge(const struct expr_acc_fn *f, struct expr_acc *to, const struct expr_acc *from) {
    to->failed |= from->failed;
    if (from->n == 0)
        return;
    switch (shape_of(f)) {
    case SHAPE_COUNT: break;
    case SHAPE_SUM:
        add_whole(to, (__int128)((unsigned __int128)(uint64_t)from->sum.hi << 64 | from->sum.lo));
        break;
    case SHAPE_REAL:
        add_real(to, from->real.sum);
        add_real(to, from->real.lost);
        break;
    case SHAPE_MOMENTS: merge_moments(to, from); break;
    case SHAPE_LEAST:
        step_least(f, to, from->least);
        to->n--;
        break;
    case SHAPE_ONE: {
        uint64_t n = to->n;
        step_one(f, to, &from->more->one.val, &from->more->one.at);
        to->n = n;
        break;
    }
    case SHAPE_SET: {
        const struct base_map_entry *e;
        uint64_t n = to->n;
        for (size_t it = 0; (e = base_map_next(&from->more->set, &it));)
            step_set(to, e->key);
        to->n = n;
        break;
    }
    case SHAPE_LIST: {
        uint64_t n = to->n;
        for (size_t i = 0; i < from->more->n; i++)
            step_list(f, to, &from->more->list[i].val, &from->more->list[i].at);
        to->n = n;
        break;
    }
    case SHAPE_HLL:
        to->hll = to->hll ? to->hll : expr_hll_new();
        expr_hll_merge(to->hll, from->hll);
        break;
    case SHAPE_DDS:
        to->dds = to->dds ? to->dds : expr_dds_new();
        expr_dds_merge(to->dds, from->dds);
        break;
    case SHAPE_BAG:
        to->bag = to->bag ? to->bag : expr_bag_new(f->arg, bag_order(f));
        expr_bag_merge(to->bag, from->bag);
        break;
    case SHAPE_USER:
        to->user = to->user ? to->user : base_calloc(1, f->user->size);
        if (!f->user->merge(f->user, to->user, from->user))
            to->failed = 1;
        break;
    case SHAPE_RUN: CEP_INSIST(!"a function of rows in order cannot be merged");
    }
    to->n += from->n;
}

/* -- results ------------------------------------------------------------------------------------------------------- */

static const char *sum_result(const struct expr_acc_fn *f, const struct expr_acc *a, struct evt_val *out) {
    struct expr_agg_state s = { .n = a->n };
    const char *failure = a->failed ? "sum out of range" : NULL;
    if (failure)
        return failure;
    if (f->arg->kind == EVT_DOUBLE)
        s.acc.d = isfinite(a->real.sum) ? a->real.sum + a->real.lost : a->real.sum;
    else
        s.acc = evt_val_of_dec((__int128)((unsigned __int128)(uint64_t)a->sum.hi << 64 | a->sum.lo));
    expr_agg_result(&s, f->agg, f->arg, f->type, out, &failure);
    return failure;
}

static void moments_result(const struct expr_acc_fn *f, const struct expr_acc *a, struct evt_val *out) {
    struct expr_agg_state s = { .n = a->n, .mean = a->moments.mean, .m2 = a->moments.m2 };
    const char *failure = NULL;
    expr_agg_result(&s, f->agg, f->arg, f->type, out, &failure);
}

static int cmp_kept(const void *a, const void *b) {
    const struct expr_kept *const *x = a, *const *y = b;
    return expr_place_before(&(*x)->at, &(*y)->at) ? -1 : expr_place_before(&(*y)->at, &(*x)->at);
}

static void list_result(const struct expr_acc *a, struct base_arena *scratch, struct evt_val *out) {
    size_t n = a->more ? a->more->n : 0;
    const struct expr_kept **order = BASE_ARENA_ARRAY(scratch, const struct expr_kept *, n + 1);
    struct evt_val *vals = BASE_ARENA_ARRAY(scratch, struct evt_val, n + 1);
    for (size_t i = 0; i < n; i++)
        order[i] = &a->more->list[i];
    qsort(order, n, sizeof *order, cmp_kept);
    for (size_t i = 0; i < n; i++)
        vals[i] = order[i]->val;
    *out = (struct evt_val){ .list = { vals, (uint32_t)n } };
}

void expr_acc_result(const struct expr_acc_fn *f, const struct expr_acc *a, struct base_arena *scratch,
    struct evt_val *out, const char **failure) {
    *out = EVT_VAL_NULL;
    switch (shape_of(f)) {
    case SHAPE_COUNT: *out = (struct evt_val){ .i = (int64_t)a->n }; return;
    case SHAPE_SUM:
    case SHAPE_REAL: {
        const char *why = a->n ? sum_result(f, a, out) : NULL;
        if (why)
            *failure = why;
        return;
    }
    case SHAPE_MOMENTS: moments_result(f, a, out); return;
    case SHAPE_ONE:
        if (a->n)
            *out = a->more->one.val;
        return;
    case SHAPE_LEAST:
        if (a->n)
            *out = (struct evt_val){ .i = a->least };
        return;
    case SHAPE_SET: *out = (struct evt_val){ .i = a->more ? (int64_t)a->more->set.n_live : 0 }; return;
    case SHAPE_LIST: list_result(a, scratch, out); return;
    case SHAPE_RUN: expr_run_result(f, a->run, scratch, out, failure); return;
    case SHAPE_HLL: *out = (struct evt_val){ .i = a->n ? llround(expr_hll_estimate(a->hll)) : 0 }; return;
    case SHAPE_DDS:
        if (a->n)
            *out = (struct evt_val){ .d = expr_dds_quantile(a->dds, f->opts[EXPR_QUANTILE_Q]) };
        return;
    case SHAPE_BAG:
        if (f->agg == EXPR_AGG_COUNT_DISTINCT)
            *out = (struct evt_val){ .i = a->bag ? (int64_t)expr_bag_n(a->bag) : 0 };
        else if (a->bag && expr_bag_first(a->bag))
            *out = *expr_bag_first(a->bag);
        return;
    case SHAPE_USER:
        if (a->failed)
            *failure = f->user->failure;
        else if (a->n)
            f->user->result(f->user, a->user, scratch, out, failure);
        return;
    }
}

bool expr_acc_is_flat(const struct expr_acc_fn *f) {
    enum shape shape = shape_of(f);
    return shape == SHAPE_COUNT || shape == SHAPE_SUM || shape == SHAPE_REAL || shape == SHAPE_MOMENTS ||
           shape == SHAPE_LEAST;
}

static bool has_more(const struct expr_acc_fn *f) {
    enum shape shape = shape_of(f);
    return shape == SHAPE_ONE || shape == SHAPE_SET || shape == SHAPE_LIST;
}

void expr_acc_clear(const struct expr_acc_fn *f, struct expr_acc *a) {
    if (has_more(f) && a->more) {
        expr_kept_release(&a->more->one);
        base_map_release(&a->more->set);
        for (size_t i = 0; i < a->more->n; i++)
            expr_kept_release(&a->more->list[i]);
        base_free(a->more->list);
        base_free(a->more);
    } else if (shape_of(f) == SHAPE_RUN) {
        expr_run_free(a->run);
    } else if (shape_of(f) == SHAPE_HLL) {
        expr_hll_free(a->hll);
    } else if (shape_of(f) == SHAPE_DDS) {
        expr_dds_free(a->dds);
    } else if (shape_of(f) == SHAPE_BAG) {
        expr_bag_free(a->bag);
    } else if (shape_of(f) == SHAPE_USER && a->user) {
        f->user->clear(f->user, a->user);
        base_free(a->user);
    }
    expr_acc_start(a);
}

size_t expr_acc_bytes(const struct expr_acc_fn *f, const struct expr_acc *a) {
    if (shape_of(f) == SHAPE_RUN)
        return expr_run_bytes(a->run);
    if (shape_of(f) == SHAPE_HLL)
        return a->hll ? expr_hll_bytes(a->hll) : 0;
    if (shape_of(f) == SHAPE_DDS)
        return a->dds ? expr_dds_bytes(a->dds) : 0;
    if (shape_of(f) == SHAPE_BAG)
        return a->bag ? expr_bag_bytes(a->bag) : 0;
    if (shape_of(f) == SHAPE_USER)
        return a->user ? f->user->size : 0;
    return has_more(f) && a->more ? sizeof *a->more + a->more->bytes : 0;
}

/* -- as bytes ------------------------------------------------------------------------------------------------------ */

static uint64_t bits_of(double d) {
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

static double real_of(uint64_t u) {
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

uint8_t expr_acc_form(const struct expr_acc_fn *f) {
    static const uint8_t forms[] = { [SHAPE_COUNT] = 0,
        [SHAPE_SUM] = 1,
        [SHAPE_REAL] = 2,
        [SHAPE_MOMENTS] = 3,
        [SHAPE_ONE] = 4,
        [SHAPE_LEAST] = 4,
        [SHAPE_SET] = 5,
        [SHAPE_LIST] = 6,
        [SHAPE_RUN] = 7,
        [SHAPE_HLL] = 8,
        [SHAPE_DDS] = 9,
        [SHAPE_BAG] = 10,
        [SHAPE_USER] = 11 };
    return forms[shape_of(f)];
}

void expr_acc_pack(struct base_buf *b, const struct expr_acc_fn *f, const struct expr_acc *a) {
    base_pack_varint(b, a->n);
    base_pack_u8(b, a->failed);
    if (a->n == 0)
        return;
    switch (shape_of(f)) {
    case SHAPE_COUNT: return;
    case SHAPE_SUM:
        base_pack_u64(b, a->sum.lo);
        base_pack_u64(b, (uint64_t)a->sum.hi);
        return;
    case SHAPE_REAL:
        base_pack_u64(b, bits_of(a->real.sum));
        base_pack_u64(b, bits_of(a->real.lost));
        return;
    case SHAPE_MOMENTS:
        base_pack_u64(b, bits_of(a->moments.mean));
        base_pack_u64(b, bits_of(a->moments.m2));
        return;
    case SHAPE_ONE: expr_kept_pack(b, f->arg, &a->more->one); return;
    case SHAPE_LEAST: {
        struct expr_kept k = { .val = { .i = a->least } };
        expr_kept_pack(b, f->arg, &k);
        return;
    }
    case SHAPE_SET: {
        const struct base_map_entry *e;
        base_pack_varint(b, a->more->set.n_live);
        for (size_t it = 0; (e = base_map_next(&a->more->set, &it));)
            base_pack_str(b, e->key);
        return;
    }
    case SHAPE_LIST:
        base_pack_varint(b, a->more->n);
        for (size_t i = 0; i < a->more->n; i++)
            expr_kept_pack(b, f->arg, &a->more->list[i]);
        return;
    case SHAPE_RUN: expr_run_pack(b, f, a->run); return;
    case SHAPE_HLL: expr_hll_pack(b, a->hll); return;
    case SHAPE_DDS: expr_dds_pack(b, a->dds); return;
    case SHAPE_BAG: expr_bag_pack(b, a->bag); return;
    case SHAPE_USER: {
        struct base_buf bytes = BASE_BUF_INIT;
        f->user->pack(f->user, a->user, &bytes);
        base_pack_str(b, base_buf_view(&bytes));
        base_buf_release(&bytes);
        return;
    }
    }
}

static void unpack_more(
    struct base_unpack *u, const struct expr_acc_fn *f, struct base_arena *scratch, struct expr_acc *a) {
    struct expr_place at;
    struct evt_val v;
    enum shape shape = shape_of(f);
    size_t n = shape == SHAPE_ONE ? 1 : base_unpack_count(u, shape == SHAPE_SET ? 1 : 4);
    for (size_t i = 0; i < n && !u->bad; i++) {
        if (shape == SHAPE_SET) {
            step_set(a, base_unpack_str(u));
            continue;
        }
        expr_kept_unpack(u, f->arg, scratch, &at, &v);
        if (!u->bad)
            (shape == SHAPE_ONE ? step_one : step_list)(f, a, &v, &at);
    }
    /* Nothing that says it has values may be without. */
    u->bad |= a->n == 0;
}

void expr_acc_unpack(
    struct base_unpack *u, const struct expr_acc_fn *f, struct base_arena *scratch, struct expr_acc *a) {
    expr_acc_start(a);
    uint64_t n = base_unpack_max(u, UINT64_MAX >> 1);
    bool failed = base_unpack_max(u, 1) != 0;
    if (n == 0 || u->bad) {
        a->failed = failed;
        return;
    }
    switch (shape_of(f)) {
    case SHAPE_COUNT: break;
    case SHAPE_SUM:
        a->sum.lo = base_unpack_u64(u);
        a->sum.hi = (int64_t)base_unpack_u64(u);
        break;
    case SHAPE_REAL:
        a->real.sum = real_of(base_unpack_u64(u));
        a->real.lost = real_of(base_unpack_u64(u));
        break;
    case SHAPE_MOMENTS:
        a->moments.mean = real_of(base_unpack_u64(u));
        a->moments.m2 = real_of(base_unpack_u64(u));
        break;
    case SHAPE_LEAST: {
        struct expr_place at;
        struct evt_val v = { .null = true };
        expr_kept_unpack(u, f->arg, scratch, &at, &v);
        u->bad |= v.null;
        a->least = v.null ? 0 : v.i;
        break;
    }
    case SHAPE_ONE:
    case SHAPE_SET:
    case SHAPE_LIST: unpack_more(u, f, scratch, a); break;
    case SHAPE_RUN: a->run = expr_run_unpack(u, f, scratch); break;
    case SHAPE_HLL: a->hll = expr_hll_unpack(u); break;
    case SHAPE_DDS: a->dds = expr_dds_unpack(u); break;
    case SHAPE_BAG: a->bag = expr_bag_unpack(u, f->arg, bag_order(f), scratch); break;
    case SHAPE_USER:
        a->user = base_calloc(1, f->user->size);
        u->bad |= !f->user->unpack(f->user, a->user, base_unpack_str(u));
        break;
    }
    if (!u->bad) {
        a->n = n & (UINT64_MAX >> 1); /* tells the compiler what base_unpack_max() promised */
        a->failed = failed;
    }
}
