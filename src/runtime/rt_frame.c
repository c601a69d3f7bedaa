/*
 * rt_frame -- see rt_frame.h.
 *
 * Rows are numbered from the first one on; a ring holds those of numbers [first, next).
 *
 * Invariants
 *   I1  STACKS: rows [first, split) have in `older` the merge of their own and all rows up to split; `acc` is of rows [split, next)
 *   I2  BEST: numbers in `best` ascend; all are in [first, next)
 *   I3  an empty frame is as a new one
 */
#include "runtime/rt_frame.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_agg.h"
#include "expr/expr_kept.h"
#include "expr/expr_run.h"
#include "runtime/rt_groups.h"

#include <math.h>

struct frame_row {
    struct expr_kept kept; /* null when the call has no argument */
    struct expr_acc older; /* STACKS */
    bool in, bare;         /* bare: there is no argument */
};

struct rt_frame {
    struct expr_acc acc;
    struct frame_row *rows; /* owned; a ring; cap is a power of two */
    uint64_t first, next, split;
    size_t cap;
    uint64_t *best; /* owned; a ring of as many places */
    uint64_t best_first, best_next;
    struct base_map counts;
    struct expr_sorted sorted;
    size_t bytes; /* that values own */
};

/* -- ways ---------------------------------------------------------------------------------------------------------- */

static bool whole_numbers(const struct expr_acc_fn *f) {
    return f->arg->kind != EVT_DOUBLE;
}

static enum rt_frame_way way_of(const struct expr_acc_fn *f) {
    switch (f->agg) {
    case EXPR_AGG_COUNT: return RT_FRAME_SUBTRACT;
    case EXPR_AGG_SUM:
    case EXPR_AGG_AVG: return whole_numbers(f) ? RT_FRAME_SUBTRACT : RT_FRAME_STACKS;
    case EXPR_AGG_STDDEV:
    case EXPR_AGG_VAR:
    case EXPR_AGG_ZSCORE: return RT_FRAME_STACKS;
    case EXPR_AGG_USER: return RT_FRAME_SUBTRACT;
    case EXPR_AGG_MIN:
    case EXPR_AGG_MAX:
    case EXPR_AGG_FIRST:
    case EXPR_AGG_LAST:
    case EXPR_AGG_RATE:
    case EXPR_AGG_DELTA: return RT_FRAME_BEST;
    case EXPR_AGG_COUNT_DISTINCT:
    case EXPR_AGG_APPROX_DISTINCT: return RT_FRAME_COUNTS;
    case EXPR_AGG_MAD_SCORE:
    case EXPR_AGG_APPROX_QUANTILE: return RT_FRAME_SORTED;
    case EXPR_AGG_ARRAY: return RT_FRAME_LIST;
    case EXPR_AGG_EWMA:
    case EXPR_AGG_LAG:
    case EXPR_AGG_HOLT_WINTERS:
    case EXPR_AGG_HOLT_FORECAST:
    case EXPR_AGG_CHANGED:
    case EXPR_AGG_CUSUM:
    case EXPR_AGG_SEASONAL_BAND:
    case EXPR_AGG_RARITY:
    case EXPR_AGG_LIST_MAX: break;
    }
    CEP_INSIST(!"an aggregate that has frames");
    return RT_FRAME_ALL;
}

void rt_frame_kind_init(struct rt_frame_kind *k, const struct plan_over_call *call) {
    struct expr_acc_fn fn = rt_group_acc_fn(&call->agg);
    bool score = fn.agg == EXPR_AGG_ZSCORE || fn.agg == EXPR_AGG_MAD_SCORE, all = call->frame.unbounded;
    *k = (struct rt_frame_kind){ .fn = fn,
        .frame = call->frame,
        .way = all ? RT_FRAME_ALL : way_of(&fn),
        .before = score && !all,
        .peers = call->frame.kind == PLAN_FRAME_RANGE && !expr_run_is(fn.agg) };
    /* What zscore keeps is what var does. */
    if (k->way == RT_FRAME_STACKS && fn.agg == EXPR_AGG_ZSCORE)
        k->fn.agg = EXPR_AGG_VAR;
}

/* -- the ring ------------------------------------------------------------------------------------------------------- */

static struct frame_row *row_at(const struct rt_frame *f, uint64_t number) {
    return &f->rows[number & (f->cap - 1)];
}

static void grow(struct rt_frame *f) {
    size_t cap = f->cap ? f->cap * 2 : 4;
    struct frame_row *rows = base_calloc(cap, sizeof *rows);
    uint64_t *best = base_calloc(cap, sizeof *best);
    for (uint64_t i = f->first; i < f->next; i++)
        rows[i & (cap - 1)] = *row_at(f, i);
    for (uint64_t i = f->best_first; i < f->best_next; i++)
        best[i & (cap - 1)] = f->best[i & (f->cap - 1)];
    base_free(f->rows);
    base_free(f->best);
    f->rows = rows;
    f->best = best;
    f->cap = cap;
}

static struct frame_row *push(const struct rt_frame_kind *k, struct rt_frame *f, const struct evt_val *v,
    bool in, const struct expr_place *at) {
    if (f->next - f->first == f->cap)
        grow(f);
    struct frame_row *row = row_at(f, f->next++);
    *row = (struct frame_row){ .in = in, .bare = v == NULL, .kept = { .val = EVT_VAL_NULL, .at = *at } };
    if (v)
        f->bytes += expr_kept_set(&row->kept, k->fn.arg, v, at);
    return row;
}

static size_t bytes_of(const struct frame_row *row) {
    if (row->kept.nested)
        return sizeof *row->kept.nested + row->kept.nested->used;
    return row->kept.bytes ? row->kept.val.s.len + (size_t)1 : 0;
}

/* The row takes part: it passed the filter, and its value is not null where nulls are left out. */
static bool takes_part(const struct rt_frame_kind *k, const struct frame_row *row) {
    bool nulls = k->fn.agg == EXPR_AGG_FIRST || k->fn.agg == EXPR_AGG_LAST || k->fn.agg == EXPR_AGG_ARRAY;
    return row->in && (row->bare || nulls || !row->kept.val.null);
}

static void step(const struct rt_frame_kind *k, struct expr_acc *acc, const struct frame_row *row) {
    if (row->in)
        expr_acc_step(&k->fn, acc, row->bare ? NULL : &row->kept.val, &row->kept.at);
}

static bool finite_number(const struct rt_frame_kind *k, const struct frame_row *row, double *x) {
    if (!takes_part(k, row))
        return false;
    *x = expr_agg_real(k->fn.arg, &row->kept.val);
    return isfinite(*x);
}

/* -- each way: a row comes, a row goes ------------------------------------------------------------------------------- */

/* A count or a sum of whole numbers without the row. */
static void subtract(const struct rt_frame_kind *k, struct rt_frame *f, const struct frame_row *row) {
    if (!takes_part(k, row))
        return;
    struct expr_acc one, *acc = &f->acc;
    if (k->fn.user) {
        expr_acc_back(&k->fn, acc, &row->kept.val);
        return;
    }
    expr_acc_start(&one);
    step(k, &one, row);
    acc->n--;
    if (k->fn.agg == EXPR_AGG_COUNT)
        return;
    __int128 sum = (__int128)((unsigned __int128)(uint64_t)acc->sum.hi << 64 | acc->sum.lo);
    sum -= (__int128)((unsigned __int128)(uint64_t)one.sum.hi << 64 | one.sum.lo);
    acc->sum.lo = (uint64_t)sum;
    acc->sum.hi = (int64_t)(sum >> 64);
}

/* All rows become older ones. */
static void turn_over(const struct rt_frame_kind *k, struct rt_frame *f) {
    for (uint64_t i = f->next; i-- > f->first;) {
        struct frame_row *row = row_at(f, i);
        expr_acc_start(&row->older);
        step(k, &row->older, row);
        if (i + 1 < f->next)
            expr_acc_merge(&k->fn, &row->older, &row_at(f, i + 1)->older);
    }
    expr_acc_start(&f->acc);
    f->split = f->next;
}

/* The new row is preferred to one that will leave before it. */
static bool outlives(
    const struct rt_frame_kind *k, const struct frame_row *row, const struct frame_row *old) {
    if (k->fn.agg == EXPR_AGG_MIN)
        return evt_val_cmp(k->fn.arg, &row->kept.val, &old->kept.val) < 0;
    if (k->fn.agg == EXPR_AGG_MAX)
        return evt_val_cmp(k->fn.arg, &row->kept.val, &old->kept.val) > 0;
    return k->fn.agg == EXPR_AGG_LAST;
}

static void add_best(const struct rt_frame_kind *k, struct rt_frame *f, uint64_t number) {
    const struct frame_row *row = row_at(f, number);
    if (!takes_part(k, row))
        return;
    while (f->best_next > f->best_first &&
           outlives(k, row, row_at(f, f->best[(f->best_next - 1) & (f->cap - 1)])))
        f->best_next--;
    f->best[f->best_next++ & (f->cap - 1)] = number;
}

static void count_value(
    const struct rt_frame_kind *k, struct rt_frame *f, const struct frame_row *row, int by) {
    struct base_buf b = BASE_BUF_INIT;
    uint64_t n = 0;
    if (!takes_part(k, row))
        return;
    evt_val_write_key(&b, k->fn.arg, &row->kept.val);
    (void)base_map_get(&f->counts, base_buf_view(&b), &n);
    if (by < 0 && n == 1)
        (void)base_map_del(&f->counts, base_buf_view(&b));
    else
        (void)base_map_put(&f->counts, base_buf_view(&b), n + (uint64_t)by);
    base_buf_release(&b);
}

static void arrive(const struct rt_frame_kind *k, struct rt_frame *f, uint64_t number) {
    const struct frame_row *row = row_at(f, number);
    double x;
    switch (k->way) {
    case RT_FRAME_SUBTRACT:
    case RT_FRAME_STACKS: step(k, &f->acc, row); return;
    case RT_FRAME_BEST: add_best(k, f, number); return;
    case RT_FRAME_COUNTS: count_value(k, f, row, 1); return;
    case RT_FRAME_SORTED:
        if (finite_number(k, row, &x))
            expr_sorted_add(&f->sorted, x);
        return;
    case RT_FRAME_ALL:
    case RT_FRAME_LIST:
    case RT_FRAME_WAY_MAX: return;
    }
}

static void leave(const struct rt_frame_kind *k, struct rt_frame *f) {
    struct frame_row *row = row_at(f, f->first);
    double x;
    switch (k->way) {
    case RT_FRAME_SUBTRACT: subtract(k, f, row); break;
    case RT_FRAME_STACKS:
        if (f->split <= f->first)
            turn_over(k, f);
        break;
    case RT_FRAME_BEST:
        if (f->best_first < f->best_next && f->best[f->best_first & (f->cap - 1)] == f->first)
            f->best_first++;
        break;
    case RT_FRAME_COUNTS: count_value(k, f, row, -1); break;
    case RT_FRAME_SORTED:
        if (finite_number(k, row, &x))
            expr_sorted_remove(&f->sorted, x);
        break;
    case RT_FRAME_ALL:
    case RT_FRAME_LIST:
    case RT_FRAME_WAY_MAX: break;
    }
    f->bytes -= bytes_of(row);
    expr_kept_release(&row->kept);
    f->first++;
    if (f->first == f->next)
        f->first = f->next = f->split = f->best_first = f->best_next = 0;
}

/* -- results --------------------------------------------------------------------------------------------------------- */

/* Of the older and the newer rows together; of shapes that own nothing. */
static struct expr_acc together(const struct rt_frame_kind *k, const struct rt_frame *f) {
    struct expr_acc all;
    expr_acc_start(&all);
    if (f->first < f->split)
        expr_acc_merge(&k->fn, &all, &row_at(f, f->first)->older);
    expr_acc_merge(&k->fn, &all, &f->acc);
    return all;
}

static void score(const struct rt_frame_kind *k, const struct rt_frame *f, const struct evt_val *v, bool in,
    struct evt_val *out) {
    *out = EVT_VAL_NULL;
    if (!in || v->null)
        return;
    double x = expr_agg_real(k->fn.arg, v), least = k->fn.opts[EXPR_OPT_WARM_UP];
    if (!isfinite(x))
        return;
    if (k->way == RT_FRAME_SORTED) {
        if (f->sorted.n > 0 && (double)f->sorted.n >= least)
            *out = (struct evt_val){ .d = expr_run_mad_score(&f->sorted, x) };
        return;
    }
    struct expr_acc all = together(k, f);
    if (all.n > 1 && (double)all.n >= least)
        *out = (struct evt_val){ .d = expr_run_score(
                                     x, all.moments.mean, sqrt(all.moments.m2 / (double)(all.n - 1))) };
}

/* Rows ascend by time. */
static bool older_than(
    const struct rt_frame_kind *k, const struct frame_row *row, const struct expr_place *at) {
    return (uint64_t)at->time - (uint64_t)row->kept.at.time > (uint64_t)k->frame.us;
}

void rt_frame_add(const struct rt_frame_kind *k, struct rt_frame *f, const struct evt_val *v, bool in,
    const struct expr_place *at, struct evt_val *out) {
    if (k->way == RT_FRAME_ALL) {
        if (in)
            expr_acc_step(&k->fn, &f->acc, v, at);
        return;
    }
    if (k->frame.kind == PLAN_FRAME_ROWS)
        while (f->next - f->first > k->frame.n)
            leave(k, f);
    else
        while (f->next > f->first && older_than(k, row_at(f, f->first), at))
            leave(k, f);
    if (k->before) {
        score(k, f, v, in, out);
        in = in && (v->null || isfinite(expr_agg_real(k->fn.arg, v)));
    }
    (void)push(k, f, v, in, at);
    arrive(k, f, f->next - 1);
}

static void best_result(
    const struct rt_frame_kind *k, const struct rt_frame *f, struct evt_val *out, const char **failure) {
    if (f->best_first == f->best_next)
        return;
    const struct frame_row *best = row_at(f, f->best[f->best_first & (f->cap - 1)]);
    const struct frame_row *last = row_at(f, f->next - 1);
    if (k->fn.agg != EXPR_AGG_RATE && k->fn.agg != EXPR_AGG_DELTA)
        *out = best->kept.val;
    else if (best != last && takes_part(k, last))
        expr_run_difference(
            &k->fn, &best->kept.val, best->kept.at.time, &last->kept.val, last->kept.at.time, out, failure);
}

static void list_result(const struct rt_frame_kind *k, const struct rt_frame *f, struct base_arena *scratch,
    struct evt_val *out) {
    struct evt_val *vals = BASE_ARENA_ARRAY(scratch, struct evt_val, f->next - f->first + 1);
    uint32_t n = 0;
    for (uint64_t i = f->first; i < f->next; i++)
        if (takes_part(k, row_at(f, i)))
            vals[n++] = row_at(f, i)->kept.val;
    *out = (struct evt_val){ .list = { vals, n } };
}

void rt_frame_result(const struct rt_frame_kind *k, const struct rt_frame *f, struct base_arena *scratch,
    struct evt_val *out, const char **failure) {
    *out = EVT_VAL_NULL;
    switch (k->way) {
    case RT_FRAME_ALL:
    case RT_FRAME_SUBTRACT: expr_acc_result(&k->fn, &f->acc, scratch, out, failure); return;
    case RT_FRAME_STACKS: {
        struct expr_acc all = together(k, f);
        expr_acc_result(&k->fn, &all, scratch, out, failure);
        return;
    }
    case RT_FRAME_BEST: best_result(k, f, out, failure); return;
    case RT_FRAME_COUNTS: *out = (struct evt_val){ .i = (int64_t)f->counts.n_live }; return;
    case RT_FRAME_LIST: list_result(k, f, scratch, out); return;
    case RT_FRAME_SORTED:
        if (f->sorted.n > 0)
            *out = (struct evt_val){ .d = expr_sorted_rank(&f->sorted, k->fn.opts[EXPR_QUANTILE_Q]) };
        return;
    case RT_FRAME_WAY_MAX: break;
    }
}

/* -- life ------------------------------------------------------------------------------------------------------------ */

struct rt_frame *rt_frame_new(void) {
    struct rt_frame *f = base_calloc(1, sizeof *f);
    base_map_init(&f->counts);
    return f;
}

void rt_frame_free(const struct rt_frame_kind *k, struct rt_frame *f) {
    if (k->way == RT_FRAME_ALL || k->fn.user)
        expr_acc_clear(&k->fn, &f->acc);
    for (uint64_t i = f->first; i < f->next; i++)
        expr_kept_release(&row_at(f, i)->kept);
    base_free(f->rows);
    base_free(f->best);
    base_map_release(&f->counts);
    expr_sorted_release(&f->sorted);
    base_free(f);
}

size_t rt_frame_bytes(const struct rt_frame_kind *k, const struct rt_frame *f) {
    return sizeof *f + f->cap * (sizeof *f->rows + sizeof *f->best) + f->bytes +
           f->counts.n_live * sizeof(struct base_map_entry) + f->sorted.cap * sizeof *f->sorted.v +
           (k->way == RT_FRAME_ALL || k->fn.user ? expr_acc_bytes(&k->fn, &f->acc) : 0);
}

void rt_frame_pack(const struct rt_frame_kind *k, struct base_buf *b, const struct rt_frame *f) {
    if (k->way == RT_FRAME_ALL) {
        expr_acc_pack(b, &k->fn, &f->acc);
        return;
    }
    base_pack_varint(b, f->next - f->first);
    for (uint64_t i = f->first; i < f->next; i++) {
        const struct frame_row *row = row_at(f, i);
        base_pack_u8(b, row->in);
        base_pack_u8(b, !row->bare);
        if (row->bare) {
            base_pack_zigzag(b, row->kept.at.time);
            base_pack_varint(b, row->kept.at.origin);
            base_pack_varint(b, row->kept.at.seq);
        } else {
            expr_kept_pack(b, k->fn.arg, &row->kept);
        }
    }
    base_pack_varint(b, f->split > f->first ? f->split - f->first : 0);
}

void rt_frame_unpack(
    const struct rt_frame_kind *k, struct base_unpack *u, struct base_arena *scratch, struct rt_frame *f) {
    if (k->way == RT_FRAME_ALL) {
        expr_acc_unpack(u, &k->fn, scratch, &f->acc);
        return;
    }
    size_t n = base_unpack_count(u, 5);
    for (size_t i = 0; i < n && !u->bad; i++) {
        bool in = base_unpack_max(u, 1) != 0, bare = base_unpack_max(u, 1) == 0;
        struct expr_place at = { .time = 0 };
        struct evt_val v = EVT_VAL_NULL;
        if (bare) {
            at.time = base_unpack_zigzag(u);
            at.origin = (uint32_t)base_unpack_max(u, UINT32_MAX);
            at.seq = base_unpack_varint(u);
        } else if (k->fn.arg) {
            expr_kept_unpack(u, k->fn.arg, scratch, &at, &v);
        }
        u->bad |= bare != !k->fn.arg;
        if (!u->bad)
            (void)push(k, f, bare ? NULL : &v, in, &at);
    }
    uint64_t older = base_unpack_max(u, n);
    if (u->bad)
        return;
    uint64_t all = f->next;
    if (k->way == RT_FRAME_STACKS && older > 0) {
        f->next = older;
        turn_over(k, f);
        f->next = all;
    }
    for (uint64_t i = k->way == RT_FRAME_STACKS ? older : 0; i < all; i++)
        arrive(k, f, i);
}
