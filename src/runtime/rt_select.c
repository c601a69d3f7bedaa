/*
 * rt_select -- `stream ... as select`: filter, projection (rt_project.h), union all, unnest. Each branch is an input.
 */
#include "runtime/rt_ops.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "runtime/rt_project.h"
#include "runtime/rt_unnest.h"

struct branch {
    struct rt_op *op; /* the select */
    struct rt_project project;
    struct rt_unnest unnest; /* plan NULL = none */
};

struct rt_select {
    struct rt_op op;
    struct branch *branches; /* owned; one per input */
};

static enum cep_rc send_pairs(void *arg, struct evt_batch *pairs, struct cep_err *err) {
    struct branch *b = arg;
    return rt_project_send(&b->project, b->op, pairs, err);
}

static enum cep_rc select_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct branch *br = &CEP_CONTAINER_OF(op, struct rt_select, op)->branches[input];
    return br->unnest.plan ? rt_unnest_batch(&br->unnest, op, b, send_pairs, br, err)
                           : rt_project_send(&br->project, op, b, err);
}

static void select_free(struct rt_op *op) {
    struct rt_select *s = CEP_CONTAINER_OF(op, struct rt_select, op);
    for (uint32_t i = 0; i < op->n_inputs; i++) {
        rt_project_release(&s->branches[i].project);
        rt_unnest_release(&s->branches[i].unnest);
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
        s->branches[i].op = &s->op;
        rt_project_init(&s->branches[i].project, ps->branches[i].where, ps->branches[i].items, node->schema);
        if (ps->branches[i].unnest)
            rt_unnest_init(&s->branches[i].unnest, ps->branches[i].unnest);
    }
    return &s->op;
}
