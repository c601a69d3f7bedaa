/*
 * rt_project -- see rt_project.h.
 */
#include "runtime/rt_project.h"

#include "base/base_bits.h"
#include "base/base_mem.h"
#include "event/evt_view.h"
#include "expr/expr_row.h"

/* A batch's kernels keep one reason; the row's own is found by evaluating it again, alone. */
static const char *reason_of(const struct evt_batch *b, uint32_t row, const struct expr *const *exprs,
    uint32_t n, int64_t now_us, struct base_arena *scratch) {
    struct expr_row env;
    struct evt_val val;
    expr_row_init(&env, scratch, now_us);
    for (uint32_t i = 0; i < n; i++) {
        if (!exprs[i])
            continue;
        expr_row_at(&env, b, row);
        expr_eval(exprs[i], &env.env, &val);
        if (env.env.failure)
            return env.env.failure;
    }
    return NULL;
}

enum cep_rc rt_project_report(struct rt_op *op, const struct evt_batch *b, const uint64_t *sel,
    const struct expr_fails *fails, const struct expr *const *exprs, uint32_t n_exprs, struct cep_err *err) {
    if (fails->n == 0)
        return CEP_OK;
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    enum cep_rc rc = CEP_OK;
    for (size_t i = base_bits_next(fails->rows, b->n_rows, 0); i < b->n_rows && rc == CEP_OK;
         i = base_bits_next(fails->rows, b->n_rows, i + 1)) {
        if (sel && !base_bits_get(sel, i))
            continue;
        const char *reason = reason_of(b, (uint32_t)i, exprs, n_exprs, clk_now(op->clk), &scratch);
        rc = rt_op_row_failed(op, b, (uint32_t)i, reason ? reason : fails->reason, err);
        base_arena_clear(&scratch);
    }
    base_arena_release(&scratch);
    return rc;
}

void rt_project_init(struct rt_project *p, const struct expr *where, const struct expr *const *items,
    const struct evt_schema *schema) {
    *p = (struct rt_project){ .where = where,
        .items = items,
        .schema = schema,
        .where_vec = where ? expr_vec_new(where, NULL) : NULL,
        .item_vecs = base_calloc(schema->n_cols + (size_t)1, sizeof *p->item_vecs) };
    for (uint32_t c = 0; c < schema->n_cols; c++)
        if (items[c]->kind != EXPR_COL)
            p->item_vecs[c] = expr_vec_new(items[c], NULL);
}

void rt_project_release(struct rt_project *p) {
    expr_vec_free(p->where_vec);
    for (uint32_t c = 0; p->item_vecs && c < p->schema->n_cols; c++)
        expr_vec_free(p->item_vecs[c]);
    base_free(p->item_vecs);
}

/* Rows that are left, of a view whose columns are yet to be given. Returns: the rows that items are evaluated on. */
static const uint64_t *choose(const struct rt_project *p, struct evt_batch *b, int64_t now_us,
    struct evt_batch **out, uint64_t *bits, struct expr_fails *fails) {
    *out = evt_view_new(p->schema, b);
    if (!p->where_vec)
        return b->sel;
    expr_vec_filter(p->where_vec, b, b->sel, now_us, bits, fails);
    evt_view_select(*out, bits);
    return bits;
}

static void fill(const struct rt_project *p, struct evt_batch *b, const uint64_t *sel, int64_t now_us,
    struct evt_batch *v, struct expr_fails *fails) {
    for (uint32_t i = 0; i < p->schema->n_cols; i++) {
        if (!p->item_vecs[i])
            evt_view_share(v, i, p->items[i]->index);
        else
            evt_view_copy(v, i, expr_vec_eval(p->item_vecs[i], b, sel, now_us, fails));
    }
}

static void add_failed(uint64_t *to, const struct expr_fails *fails, const uint64_t *sel, uint32_t n_rows) {
    for (size_t w = 0; fails->n > 0 && w < BASE_BITS_WORDS(n_rows); w++)
        to[w] |= fails->rows[w] & (sel ? sel[w] : UINT64_MAX);
}

struct evt_batch *rt_project_try(
    const struct rt_project *p, struct evt_batch *b, int64_t now_us, uint64_t *failed) {
    struct expr_fails fails = { .n = 0 }, item_fails = { .n = 0 };
    uint64_t bits[EVT_BATCH_ROWS / 64];
    struct evt_batch *v;
    const uint64_t *sel = choose(p, b, now_us, &v, bits, &fails);
    add_failed(failed, &fails, b->sel, b->n_rows);
    if (evt_batch_count(v) == 0)
        return v;
    fill(p, b, sel, now_us, v, &item_fails);
    add_failed(failed, &item_fails, sel, b->n_rows);
    return v;
}

enum cep_rc rt_project_view(const struct rt_project *p, struct rt_op *op, struct evt_batch *b,
    struct evt_batch **out, struct cep_err *err) {
    struct expr_fails fails = { .n = 0 }, item_fails = { .n = 0 };
    uint64_t bits[EVT_BATCH_ROWS / 64];
    int64_t now_us = clk_now(op->clk);
    const uint64_t *sel = choose(p, b, now_us, out, bits, &fails);
    enum cep_rc rc = rt_project_report(op, b, b->sel, &fails, &p->where, 1, err);
    if (rc != CEP_OK || evt_batch_count(*out) == 0)
        return rc;
    fill(p, b, sel, now_us, *out, &item_fails);
    return rt_project_report(op, b, sel, &item_fails, p->items, p->schema->n_cols, err);
}

enum cep_rc rt_project_send(
    const struct rt_project *p, struct rt_op *op, struct evt_batch *b, struct cep_err *err) {
    struct evt_batch *v;
    enum cep_rc rc = rt_project_view(p, op, b, &v, err);
    if (rc == CEP_OK)
        rc = rt_emit(op, PLAN_PORT_MAIN, v, err);
    evt_batch_unref(v);
    return rc;
}

enum cep_rc rt_project_refuse_far(
    struct rt_op *op, struct evt_batch *v, const struct evt_batch *b, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    uint64_t far = 0;
    for (uint32_t i = 0; i < b->n_rows; i++)
        far |= (uint64_t)b->time[i] + RT_FAR > 2 * (uint64_t)RT_FAR;
    for (uint32_t i = 0; far && i < b->n_rows && rc == CEP_OK; i++) {
        if ((b->time[i] >= -RT_FAR && b->time[i] <= RT_FAR) || !evt_batch_has(v, i))
            continue;
        base_bits_unset(evt_batch_need_sel(v), i);
        rc = rt_op_row_failed(op, b, i, "the time is too far from 1970 for a window", err);
    }
    return rc;
}
