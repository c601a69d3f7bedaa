/*
 * rt_select -- `stream ... as select`: filter, projection, union all.
 *
 * Each branch is an input. Rows that fail the condition are only deselected; columns that are passed on as they are
 * are shared with the input batch, computed ones are copied out of their kernels.
 */
#include "runtime/rt_ops.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"
#include "event/evt_view.h"
#include "expr/expr_row.h"
#include "expr/expr_vec.h"

struct branch {
    struct expr_vec *where;  /* owned; NULL = all rows */
    struct expr_vec **items; /* owned; NULL where the item is a plain column */
};

struct rt_select {
    struct rt_op op;
    struct branch *branches; /* owned; one per input */
};

/* A batch's kernels keep one reason; the row's own is found by evaluating it again, alone. */
static const char *reason_of(const struct evt_batch *b, uint32_t row, const struct expr *const *exprs,
    uint32_t n, int64_t now_us, struct base_arena *scratch) {
    struct expr_row env;
    struct evt_val val;
    expr_row_init(&env, scratch, now_us);
    for (uint32_t i = 0; i < n; i++) {
        expr_row_at(&env, b, row);
        expr_eval(exprs[i], &env.env, &val);
        if (env.env.failure)
            return env.env.failure;
    }
    return NULL;
}

/* Each failed row goes to the errors port once, with the reason of the first expression that fails on it. */
static enum cep_rc report(struct rt_op *op, const struct evt_batch *b, const uint64_t *sel,
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

static enum cep_rc select_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_select *s = CEP_CONTAINER_OF(op, struct rt_select, op);
    const struct plan_select_branch *pb = &op->node->select.branches[input];
    struct branch *br = &s->branches[input];
    const struct evt_schema *schema = op->node->schema;
    struct expr_fails fails = { .n = 0 };
    uint64_t bits[EVT_BATCH_ROWS / 64];
    const uint64_t *sel = b->sel;
    int64_t now_us = clk_now(op->clk);

    if (br->where) {
        expr_vec_filter(br->where, b, b->sel, now_us, bits, &fails);
        sel = bits;
    }
    struct evt_batch *v = evt_view_new(schema, b);
    if (br->where)
        evt_view_select(v, bits);
    enum cep_rc rc = CEP_OK;
    if (evt_batch_count(v) > 0) {
        struct expr_fails item_fails = { .n = 0 };
        for (uint32_t i = 0; i < schema->n_cols; i++) {
            if (!br->items[i])
                evt_view_share(v, i, pb->items[i]->index);
            else
                evt_view_copy(v, i, expr_vec_eval(br->items[i], b, sel, now_us, &item_fails));
        }
        rc = report(op, b, sel, &item_fails, pb->items, schema->n_cols, err);
        if (rc == CEP_OK)
            rc = rt_emit(op, PLAN_PORT_MAIN, v, err);
    }
    evt_batch_unref(v);
    return rc == CEP_OK ? report(op, b, b->sel, &fails, &pb->where, 1, err) : rc;
}

static void select_free(struct rt_op *op) {
    struct rt_select *s = CEP_CONTAINER_OF(op, struct rt_select, op);
    for (uint32_t i = 0; i < op->n_inputs; i++) {
        expr_vec_free(s->branches[i].where);
        for (uint32_t c = 0; c < op->node->schema->n_cols; c++)
            expr_vec_free(s->branches[i].items[c]);
        base_free(s->branches[i].items);
    }
    base_free(s->branches);
    rt_op_release(op);
    base_free(s);
}

static const struct rt_op_vt select_vt = { .kind = "select", .batch = select_batch, .free = select_free };

struct rt_op *rt_select_new(const struct plan_node *node, const struct clk *clk) {
    const struct plan_select *ps = &node->select;
    struct rt_select *s = base_calloc(1, sizeof *s);
    rt_op_init(&s->op, &select_vt, node, node->name, ps->n_branches, clk);
    s->branches = base_calloc(ps->n_branches, sizeof *s->branches);
    for (uint32_t i = 0; i < ps->n_branches; i++) {
        const struct plan_select_branch *pb = &ps->branches[i];
        struct branch *br = &s->branches[i];
        br->where = pb->where ? expr_vec_new(pb->where, NULL) : NULL;
        br->items = base_calloc(node->schema->n_cols, sizeof(struct expr_vec *));
        for (uint32_t c = 0; c < node->schema->n_cols; c++)
            if (pb->items[c]->kind != EXPR_COL)
                br->items[c] = expr_vec_new(pb->items[c], NULL);
    }
    return &s->op;
}
