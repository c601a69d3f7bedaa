/*
 * expr_acc -- see expr_acc.h: steps, merges, results.
 */
#include "expr/expr_acc_internal.h"

#include <stdlib.h>

/* -- steps --------------------------------------------------------------------------------------------------------- */

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

void expr_acc_step_one(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at) {
    struct expr_acc_more *m = expr_acc_more_of(a);
    if (a->n == 0 || replaces(f, &m->one, v, at))
        m->bytes = expr_kept_set(&m->one, f->arg, v, at);
    a->n++;
}

void expr_acc_step_set(struct expr_acc *a, struct base_str canonical) {
    struct expr_acc_more *m = expr_acc_more_of(a);
    a->n++;
    if (base_map_put(&m->set, canonical, 0))
        m->bytes += canonical.len + sizeof(struct base_map_entry);
}

void expr_acc_step_list(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at) {
    struct expr_acc_more *m = expr_acc_more_of(a);
    m->list = base_grow(m->list, m->n, &m->cap, sizeof *m->list);
    m->list[m->n] = (struct expr_kept){ .val = EVT_VAL_NULL };
    m->bytes += expr_kept_set(&m->list[m->n++], f->arg, v, at) + sizeof *m->list;
    a->n++;
}

void expr_acc_step_ints(struct expr_acc *a, int64_t x) {
    struct expr_ints *s = &expr_acc_more_of(a)->ints;
    size_t before = expr_ints_bytes(s);
    a->n++;
    expr_ints_add(s, x);
    a->more->bytes += expr_ints_bytes(s) - before;
}

void expr_acc_step_hll(struct expr_acc *a, struct base_str canonical) {
    a->hll = a->hll ? a->hll : expr_hll_new();
    expr_hll_add(a->hll, base_hash(canonical.p, canonical.len));
    a->n++;
}

void expr_acc_step_dds(struct expr_acc *a, double x) {
    if (!isfinite(x))
        return;
    a->dds = a->dds ? a->dds : expr_dds_new();
    expr_dds_add(a->dds, x);
    a->n++;
}

static void step_bag(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, int64_t by) {
    a->bag = a->bag ? a->bag : expr_bag_new(f->arg, expr_acc_bag_order(f));
    expr_bag_add(a->bag, v, by);
}

static void step_user(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, bool back) {
    a->user = a->user ? a->user : base_calloc(1, f->user->size);
    if (!f->user->step(f->user, a->user, v, back))
        a->failed = 1;
}

/* What the value is known by. */
static void step_canonical(const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v,
    void (*step)(struct expr_acc *a, struct base_str canonical)) {
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_key(&b, f->arg, v);
    step(a, base_buf_view(&b));
    base_buf_release(&b);
}

void expr_acc_step(
    const struct expr_acc_fn *f, struct expr_acc *a, const struct evt_val *v, const struct expr_place *at) {
    enum expr_acc_shape shape = expr_acc_shape_of(f);
    bool keeps_nulls = shape == SHAPE_LIST || shape == SHAPE_RUN || f->agg == EXPR_AGG_FIRST ||
                       f->agg == EXPR_AGG_LAST;
    if (v && v->null && !keeps_nulls)
        return;
    switch (shape) {
    case SHAPE_COUNT: a->n++; return;
    case SHAPE_SUM:
        a->n++;
        expr_acc_add_whole(a, f->arg->kind == EVT_DECIMAL ? evt_val_dec(v) : (__int128)v->i);
        return;
    case SHAPE_REAL:
        a->n++;
        expr_acc_add_real(a, v->d);
        return;
    case SHAPE_MOMENTS: expr_acc_step_moments(a, expr_agg_real(f->arg, v)); return;
    case SHAPE_ONE: expr_acc_step_one(f, a, v, at); return;
    case SHAPE_LEAST: expr_acc_step_least(f, a, v->i); return;
    case SHAPE_SET: step_canonical(f, a, v, expr_acc_step_set); return;
    case SHAPE_INTS: expr_acc_step_ints(a, v->i); return;
    case SHAPE_LIST: expr_acc_step_list(f, a, v, at); return;
    case SHAPE_RUN:
        expr_run_step(f, &a->run, v, at);
        a->n++;
        return;
    case SHAPE_HLL: step_canonical(f, a, v, expr_acc_step_hll); return;
    case SHAPE_DDS: expr_acc_step_dds(a, expr_agg_real(f->arg, v)); return;
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
    switch (expr_acc_shape_of(f)) {
    case SHAPE_COUNT: return;
    case SHAPE_SUM:
        expr_acc_add_whole(a, -(f->arg->kind == EVT_DECIMAL ? evt_val_dec(v) : (__int128)v->i));
        return;
    case SHAPE_REAL:
        expr_acc_add_real(a, -v->d);
        if (a->n == 0 && isfinite(a->real.sum))
            a->real.sum = a->real.lost = 0;
        return;
    case SHAPE_MOMENTS: back_moments(a, expr_agg_real(f->arg, v)); return;
    case SHAPE_BAG: step_bag(f, a, v, -1); return;
    case SHAPE_USER: step_user(f, a, v, true); return;
    case SHAPE_ONE:
    case SHAPE_LEAST:
    case SHAPE_SET:
    case SHAPE_INTS:
    case SHAPE_LIST:
    case SHAPE_RUN:
    case SHAPE_HLL:
    case SHAPE_DDS: break;
    }
    CEP_INSIST(!"an aggregate whose rows can be taken back");
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
    switch (expr_acc_shape_of(f)) {
    case SHAPE_COUNT: break;
    case SHAPE_SUM:
        expr_acc_add_whole(to, (__int128)((unsigned __int128)(uint64_t)from->sum.hi << 64 | from->sum.lo));
        break;
    case SHAPE_REAL:
        expr_acc_add_real(to, from->real.sum);
        expr_acc_add_real(to, from->real.lost);
        break;
    case SHAPE_MOMENTS: merge_moments(to, from); break;
    case SHAPE_LEAST:
        expr_acc_step_least(f, to, from->least);
        to->n--;
        break;
    case SHAPE_ONE: {
        uint64_t n = to->n;
        expr_acc_step_one(f, to, &from->more->one.val, &from->more->one.at);
        to->n = n;
        break;
    }
    case SHAPE_SET: {
        const struct base_map_entry *e;
        uint64_t n = to->n;
        for (size_t it = 0; (e = base_map_next(&from->more->set, &it));)
            expr_acc_step_set(to, e->key);
        to->n = n;
        break;
    }
    case SHAPE_INTS: {
        uint64_t n = to->n;
        int64_t x;
        for (size_t it = 0; expr_ints_next(&from->more->ints, &it, &x);)
            expr_acc_step_ints(to, x);
        to->n = n;
        break;
    }
    case SHAPE_LIST: {
        uint64_t n = to->n;
        for (size_t i = 0; i < from->more->n; i++)
            expr_acc_step_list(f, to, &from->more->list[i].val, &from->more->list[i].at);
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
        to->bag = to->bag ? to->bag : expr_bag_new(f->arg, expr_acc_bag_order(f));
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
    switch (expr_acc_shape_of(f)) {
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
    case SHAPE_INTS:
        *out = (struct evt_val){ .i = a->more ? (int64_t)expr_ints_n(&a->more->ints) : 0 };
        return;
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
    enum expr_acc_shape shape = expr_acc_shape_of(f);
    return shape == SHAPE_COUNT || shape == SHAPE_SUM || shape == SHAPE_REAL || shape == SHAPE_MOMENTS ||
           shape == SHAPE_LEAST;
}

static bool has_more(const struct expr_acc_fn *f) {
    enum expr_acc_shape shape = expr_acc_shape_of(f);
    return shape == SHAPE_ONE || shape == SHAPE_SET || shape == SHAPE_INTS || shape == SHAPE_LIST;
}

void expr_acc_clear(const struct expr_acc_fn *f, struct expr_acc *a) {
    if (has_more(f) && a->more) {
        expr_kept_release(&a->more->one);
        base_map_release(&a->more->set);
        expr_ints_release(&a->more->ints);
        for (size_t i = 0; i < a->more->n; i++)
            expr_kept_release(&a->more->list[i]);
        base_free(a->more->list);
        base_free(a->more);
    } else if (expr_acc_shape_of(f) == SHAPE_RUN) {
        expr_run_free(a->run);
    } else if (expr_acc_shape_of(f) == SHAPE_HLL) {
        expr_hll_free(a->hll);
    } else if (expr_acc_shape_of(f) == SHAPE_DDS) {
        expr_dds_free(a->dds);
    } else if (expr_acc_shape_of(f) == SHAPE_BAG) {
        expr_bag_free(a->bag);
    } else if (expr_acc_shape_of(f) == SHAPE_USER && a->user) {
        f->user->clear(f->user, a->user);
        base_free(a->user);
    }
    expr_acc_start(a);
}

size_t expr_acc_bytes(const struct expr_acc_fn *f, const struct expr_acc *a) {
    if (expr_acc_shape_of(f) == SHAPE_RUN)
        return expr_run_bytes(a->run);
    if (expr_acc_shape_of(f) == SHAPE_HLL)
        return a->hll ? expr_hll_bytes(a->hll) : 0;
    if (expr_acc_shape_of(f) == SHAPE_DDS)
        return a->dds ? expr_dds_bytes(a->dds) : 0;
    if (expr_acc_shape_of(f) == SHAPE_BAG)
        return a->bag ? expr_bag_bytes(a->bag) : 0;
    if (expr_acc_shape_of(f) == SHAPE_USER)
        return a->user ? f->user->size : 0;
    return has_more(f) && a->more ? sizeof *a->more + a->more->bytes : 0;
}
