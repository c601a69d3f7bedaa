/*
 * rt_graph -- see rt_graph.h.
 */
#include "runtime/rt_graph.h"

#include "base/base_err.h"
#include "base/base_mem.h"

static void connect(struct rt_graph *g, struct plan_ref ref, uint32_t node, uint32_t input) {
    if (g->ops[ref.node])
        rt_op_connect(g->ops[ref.node], ref.port, g->ops[node], input);
}

static void connect_inputs(struct rt_graph *g, const struct plan_node *n) {
    switch (n->kind) {
    case PLAN_NODE_SOURCE: return;
    case PLAN_NODE_SELECT:
        for (uint32_t i = 0; i < n->select.n_branches; i++)
            connect(g, n->select.branches[i].input, n->index, i);
        return;
    case PLAN_NODE_PATTERN:
        for (uint32_t i = 0; i < n->pattern.n_inputs; i++)
            connect(g, n->pattern.inputs[i], n->index, i);
        return;
    case PLAN_NODE_ALERT:
        connect(g, n->alert.on, n->index, 0);
        if (n->alert.has_resolve_when)
            connect(g, n->alert.resolve_when, n->index, 1);
        return;
    case PLAN_NODE_MAX: return;
    }
}

/* The source's place among all of the plan: part of every event's origin. */
static uint32_t ordinal_of(const struct plan *plan, uint32_t node) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < node; i++)
        n += plan->nodes[i]->kind == PLAN_NODE_SOURCE;
    return n;
}

enum cep_rc rt_graph_init_part(struct rt_graph *g, const struct plan *plan, const uint32_t *nodes,
    uint32_t n_nodes, const struct clk *clk, uint64_t state_bytes, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    *g = (struct rt_graph){ .plan = plan,
        .ops = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof(struct rt_op *)) };
    for (uint32_t k = 0; k < n_nodes && rc == CEP_OK; k++) {
        uint32_t i = nodes ? nodes[k] : k;
        const struct plan_node *n = plan->nodes[i];
        switch (n->kind) {
        case PLAN_NODE_SOURCE: g->ops[i] = rt_source_new(n, ordinal_of(plan, i), clk); break;
        case PLAN_NODE_SELECT: g->ops[i] = rt_select_new(n, clk); break;
        case PLAN_NODE_PATTERN: rc = rt_pattern_new(plan, n, clk, state_bytes, &g->ops[i], err); break;
        case PLAN_NODE_ALERT: g->ops[i] = rt_alert_new(plan, n, clk); break;
        case PLAN_NODE_MAX: break;
        }
    }
    for (uint32_t k = 0; k < n_nodes && rc == CEP_OK; k++)
        connect_inputs(g, plan->nodes[nodes ? nodes[k] : k]);
    if (rc != CEP_OK)
        rt_graph_release(g);
    return rc;
}

enum cep_rc rt_graph_init(struct rt_graph *g, const struct plan *plan, const struct clk *clk,
    uint64_t state_bytes, struct cep_err *err) {
    return rt_graph_init_part(g, plan, NULL, plan->n_nodes, clk, state_bytes, err);
}

void rt_graph_release(struct rt_graph *g) {
    for (uint32_t i = 0; g->ops && i < g->plan->n_nodes; i++)
        if (g->ops[i])
            g->ops[i]->vt->free(g->ops[i]);
    base_free(g->ops);
    g->ops = NULL;
}

void rt_graph_listen(struct rt_graph *g, struct plan_ref ref, struct rt_op *op, uint32_t input) {
    rt_op_connect(g->ops[ref.node], ref.port, op, input);
}

uint64_t rt_graph_buffered(struct rt_graph *g) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < g->plan->n_nodes; i++) {
        struct rt_op *op = g->ops[i];
        if (!op)
            continue;
        if (op->vt->gauges)
            op->vt->gauges(op);
        n += op->metrics.buffered;
    }
    return n;
}
