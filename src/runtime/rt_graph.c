/*
 * rt_graph -- see rt_graph.h.
 */
#include "runtime/rt_graph.h"

#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"

static void connect(struct rt_graph *g, struct plan_ref ref, uint32_t node, uint32_t input) {
    if (g->ops[ref.node])
        rt_op_connect(g->ops[ref.node], ref.port, g->ops[node], input);
}

static void connect_inputs(struct rt_graph *g, const struct plan_node *n) {
    for (uint32_t i = 0; i < plan_node_n_inputs(n); i++)
        connect(g, plan_node_input(n, i), n->index, i);
}

static bool same_inputs(const struct plan_pattern *a, const struct plan_pattern *b) {
    if (a->n_inputs != b->n_inputs)
        return false;
    for (uint32_t i = 0; i < a->n_inputs; i++)
        if (a->inputs[i].node != b->inputs[i].node || a->inputs[i].port != b->inputs[i].port)
            return false;
    return true;
}

/* Its columns are those of its one input: only then patterns share an exchange (plan/plan_job.c). */
static bool keeps_columns(const struct plan_pattern *p) {
    for (uint32_t c = 0; c < p->cols.n_cols; c++)
        if (p->n_inputs > 1 || p->col_map[0][c] != (int32_t)c)
            return false;
    return true;
}

/* Rows that come from other tasks are distributed by the key: each set of keys has a stream of its own. */
static bool same_keys(const struct rt_graph *g, const struct plan_pattern *a, const struct plan_pattern *b) {
    bool local = true;
    for (uint32_t i = 0; i < a->n_inputs; i++)
        local = local && g->in_part[a->inputs[i].node];
    if (local)
        return true;
    if (a->n_keys != b->n_keys || !keeps_columns(a) || !keeps_columns(b))
        return false;
    for (uint32_t k = 0; k < a->n_keys; k++)
        if (!expr_eq(a->keys[k], b->keys[k]))
            return false;
    return true;
}

/*
 * Deals the part's patterns out to groups by what they read: group_of[node] is 1 + the group, 0 for a pattern that reads
 * what no other one does. `first`: of each group a pattern. Returns: how many groups.
 */
static uint32_t find_groups(const struct rt_graph *g, uint32_t *group_of, uint32_t *first) {
    const struct plan *plan = g->plan;
    struct base_map memo;
    uint32_t n = 0;
    base_map_init(&memo);
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const struct plan_pattern *pat = &plan->nodes[i]->pattern;
        if (plan->nodes[i]->kind != PLAN_NODE_PATTERN || !g->in_part[i])
            continue;
        uint64_t hash = 0, earlier;
        for (uint32_t k = 0; k < pat->n_inputs; k++)
            hash = hash * 1000003 + pat->inputs[k].node * PLAN_PORT_MAX + pat->inputs[k].port + 1;
        for (;; hash++) {
            struct base_str key = { (const char *)&hash, sizeof hash };
            if (!base_map_get(&memo, key, &earlier)) {
                (void)base_map_put(&memo, key, i);
                break;
            }
            const struct plan_pattern *other = &plan->nodes[earlier]->pattern;
            if (!same_inputs(other, pat) || !same_keys(g, other, pat))
                continue;
            if (!group_of[earlier]) {
                first[n] = (uint32_t)earlier;
                group_of[earlier] = ++n;
            }
            group_of[i] = group_of[earlier];
            break;
        }
    }
    base_map_release(&memo);
    return n;
}

static enum cep_rc make_pattern(struct rt_graph *g, const struct plan_node *n, uint32_t group,
    const struct rt_memory *memory, const struct clk *clk, struct cep_err *err) {
    struct rt_op **out = &g->ops[n->index];
    struct rt_pattern_memory own = {
        .bytes = memory->bytes, .db = memory->db, .number = memory->db ? memory->numbers[n->index] : 0
    };
    return group ? rt_patterns_add(g->groups[group - 1], g->plan, n, memory->bytes, out, err)
                 : rt_pattern_new(g->plan, n, &own, clk, out, err);
}

/* The source's place among all of the plan: part of every event's origin. */
static uint32_t ordinal_of(const struct plan *plan, uint32_t node) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < node; i++)
        n += plan->nodes[i]->kind == PLAN_NODE_SOURCE;
    return n;
}

enum cep_rc rt_graph_init_part(struct rt_graph *g, const struct plan *plan, const uint32_t *nodes,
    uint32_t n_nodes, const struct rt_memory *memory, const struct clk *clk, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    *g = (struct rt_graph){ .plan = plan,
        .ops = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof(struct rt_op *)),
        .groups = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof(struct rt_op *)),
        .in_part = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *g->in_part) };
    for (uint32_t k = 0; k < n_nodes; k++)
        g->in_part[nodes ? nodes[k] : k] = true;
    uint32_t *group_of = base_calloc(plan->n_nodes + (size_t)1, sizeof *group_of);
    uint32_t *first = base_calloc(plan->n_nodes + (size_t)1, sizeof *first);
    g->n_groups = memory->db ? 0 : find_groups(g, group_of, first);
    for (uint32_t i = 0; i < g->n_groups; i++)
        g->groups[i] = rt_patterns_new(plan->nodes[first[i]]->pattern.n_inputs, clk);
    for (uint32_t k = 0; k < n_nodes && rc == CEP_OK; k++) {
        uint32_t i = nodes ? nodes[k] : k;
        const struct plan_node *n = plan->nodes[i];
        switch (n->kind) {
        case PLAN_NODE_SOURCE: g->ops[i] = rt_source_new(n, ordinal_of(plan, i), clk); break;
        case PLAN_NODE_SELECT: g->ops[i] = rt_select_new(n, clk); break;
        case PLAN_NODE_AGGREGATE: g->ops[i] = rt_aggregate_new(plan, n, clk); break;
        case PLAN_NODE_OVER: g->ops[i] = rt_over_new(plan, n, clk); break;
        case PLAN_NODE_RECOGNIZE: g->ops[i] = rt_recognize_new(plan, n, clk); break;
        case PLAN_NODE_JOIN: g->ops[i] = rt_join_new(plan, n, clk); break;
        case PLAN_NODE_TOP: g->ops[i] = rt_top_new(plan, n, clk); break;
        case PLAN_NODE_PATTERN: rc = make_pattern(g, n, group_of[i], memory, clk, err); break;
        case PLAN_NODE_ALERT: g->ops[i] = rt_alert_new(plan, n, clk); break;
        case PLAN_NODE_PROCESS: rc = rt_process_new(plan, n, clk, &g->ops[i], err); break;
        case PLAN_NODE_MAX: break;
        }
    }
    for (uint32_t k = 0; k < n_nodes && rc == CEP_OK; k++)
        connect_inputs(g, plan->nodes[nodes ? nodes[k] : k]);
    base_free(group_of);
    base_free(first);
    if (rc != CEP_OK)
        rt_graph_release(g);
    return rc;
}

enum cep_rc rt_graph_init(struct rt_graph *g, const struct plan *plan, const struct clk *clk,
    uint64_t state_bytes, struct cep_err *err) {
    struct rt_memory memory = { .bytes = state_bytes };
    return rt_graph_init_part(g, plan, NULL, plan->n_nodes, &memory, clk, err);
}

void rt_graph_release(struct rt_graph *g) {
    /* Before the patterns: their matchers run the patterns' programs. */
    for (uint32_t i = 0; g->groups && i < g->n_groups; i++)
        g->groups[i]->vt->free(g->groups[i]);
    for (uint32_t i = 0; g->ops && i < g->plan->n_nodes; i++)
        if (g->ops[i])
            g->ops[i]->vt->free(g->ops[i]);
    base_free(g->groups);
    base_free(g->in_part);
    g->in_part = NULL;
    base_free(g->ops);
    g->groups = NULL;
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
