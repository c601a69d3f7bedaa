/*
 * rt_unnest -- see rt_unnest.h.
 */
#include "runtime/rt_unnest.h"

#include "base/base_bits.h"
#include "base/base_map.h"
#include "runtime/rt_project.h"

enum { NTH_BITS = 12 };

void rt_unnest_init(struct rt_unnest *u, const struct plan_unnest *plan) {
    *u = (struct rt_unnest){ plan,
        !plan->array || plan->array->kind == EXPR_COL ? NULL : expr_vec_new(plan->array, NULL) };
}

void rt_unnest_release(struct rt_unnest *u) {
    expr_vec_free(u->array);
}

/* Positions of a source's events are small numbers: the element's goes below. Those of matches hold a hash already. */
static uint64_t seq_of(uint32_t origin, uint64_t seq, uint32_t nth) {
    uint64_t low = nth < (1u << NTH_BITS) ? nth : (1u << NTH_BITS) - 1;
    if (!(origin & EVT_ORIGIN_MATCH) && seq >> (64 - NTH_BITS) == 0)
        return seq << NTH_BITS | low;
    uint64_t upper = seq >> EVT_MATCH_NTH_SHIFT << EVT_MATCH_NTH_SHIFT;
    return upper | base_hash(&seq, sizeof seq) >> (64 - EVT_MATCH_NTH_SHIFT + NTH_BITS) << NTH_BITS | low;
}

/* A row's place among those of one row, and its window. */
static void add_windowed(const struct rt_unnest *u, struct evt_batch *to, const struct evt_batch *b,
    uint32_t row, int64_t start, uint32_t nth) {
    const struct plan_unnest *p = u->plan;
    uint32_t at = to->n_rows;
    for (uint32_t c = 0; c < p->n_cols; c++) {
        if (p->cols[c].of == PLAN_PAIR_LEFT)
            evt_col_copy(&to->cols[c], at, &b->cols[p->cols[c].col], row);
        else
            evt_col_set_i(&to->cols[c], at, start + (p->cols[c].col == 0 ? 0 : p->size_us));
    }
    to->time[at] = b->time[row];
    to->origin[at] = b->origin[row];
    to->seq[at] = seq_of(b->origin[row], b->seq[row], nth);
    evt_batch_end_row(to);
}

/* `element`: its place among all of the array's column; UINT32_MAX = none. */
static void add_row(const struct rt_unnest *u, struct evt_batch *to, const struct evt_batch *b, uint32_t row,
    const struct evt_col *elements, uint32_t element, uint32_t nth) {
    const struct plan_unnest *p = u->plan;
    uint32_t at = to->n_rows;
    for (uint32_t c = 0; c < p->n_cols; c++) {
        if (p->cols[c].of == PLAN_PAIR_LEFT)
            evt_col_copy(&to->cols[c], at, &b->cols[p->cols[c].col], row);
        else if (element == UINT32_MAX || (p->fields && evt_col_is_null(elements, element)))
            evt_col_set_null(&to->cols[c], at);
        else
            evt_col_copy(
                &to->cols[c], at, p->fields ? &elements->children[p->cols[c].col] : elements, element);
    }
    to->time[at] = b->time[row];
    to->origin[at] = b->origin[row];
    to->seq[at] = seq_of(b->origin[row], b->seq[row], nth);
    evt_batch_end_row(to);
}

static enum cep_rc flush(struct evt_batch **to,
    enum cep_rc (*send)(void *arg, struct evt_batch *pairs, struct cep_err *err), void *arg,
    struct cep_err *err) {
    enum cep_rc rc = *to && (*to)->n_rows > 0 ? send(arg, *to, err) : CEP_OK;
    evt_batch_unref(*to);
    *to = NULL;
    return rc;
}

/* The first window that the time is in. */
static int64_t first_start(const struct plan_unnest *p, int64_t time) {
    int64_t x = time - p->size_us - p->offset_us, rest = x % p->slide_us;
    return x - (rest < 0 ? rest + p->slide_us : rest) + p->offset_us + p->slide_us;
}

static enum cep_rc windows_batch(const struct rt_unnest *u, struct evt_batch *b,
    enum cep_rc (*send)(void *arg, struct evt_batch *pairs, struct cep_err *err), void *arg,
    struct cep_err *err) {
    struct evt_batch *to = NULL;
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < b->n_rows && rc == CEP_OK; i++) {
        uint32_t nth = 0;
        if (!evt_batch_has(b, i))
            continue;
        for (int64_t start = first_start(u->plan, b->time[i]); start <= b->time[i] && rc == CEP_OK;
             start += u->plan->slide_us) {
            if (!to)
                to = evt_batch_new(u->plan->pairs, 0);
            add_windowed(u, to, b, i, start, nth++);
            if (evt_batch_is_full(to))
                rc = flush(&to, send, arg, err);
        }
    }
    if (rc == CEP_OK)
        return flush(&to, send, arg, err);
    evt_batch_unref(to);
    return rc;
}

enum cep_rc rt_unnest_batch(const struct rt_unnest *u, struct rt_op *op, struct evt_batch *b,
    enum cep_rc (*send)(void *arg, struct evt_batch *pairs, struct cep_err *err), void *arg,
    struct cep_err *err) {
    if (!u->plan->array)
        return windows_batch(u, b, send, arg, err);
    struct expr_fails fails = { .n = 0 };
    const struct evt_col *arrays = u->array ? expr_vec_eval(u->array, b, b->sel, clk_now(op->clk), &fails)
                                            : &b->cols[u->plan->array->index];
    struct evt_batch *to = NULL;
    enum cep_rc rc = rt_project_report(op, b, b->sel, &fails, &u->plan->array, 1, err);
    for (uint32_t i = 0; i < b->n_rows && rc == CEP_OK; i++) {
        if (!evt_batch_has(b, i))
            continue;
        bool null = evt_col_is_null(arrays, i);
        uint32_t first = null ? 0 : arrays->off[i], n = null ? 0 : arrays->off[i + 1] - first;
        uint32_t rows = n == 0 && u->plan->outer ? 1 : n;
        for (uint32_t k = 0; k < rows && rc == CEP_OK; k++) {
            if (!to)
                to = evt_batch_new(u->plan->pairs, 0);
            add_row(u, to, b, i, &arrays->children[0], n ? first + k : UINT32_MAX, k);
            if (evt_batch_is_full(to))
                rc = flush(&to, send, arg, err);
        }
    }
    if (rc == CEP_OK)
        return flush(&to, send, arg, err);
    evt_batch_unref(to);
    return rc;
}
