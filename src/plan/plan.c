/*
 * plan -- life and look-up of plans: finding nodes, schemas of ports, options by name.
 */
#include "plan/plan.h"

#include "base/base_mem.h"

void plan_free(struct plan *p) {
    if (!p)
        return;
    base_arena_release(&p->arena);
    base_free(p);
}

const struct plan_node *plan_find(const struct plan *p, struct base_str name) {
    for (uint32_t i = 0; i < p->n_nodes; i++)
        if (base_str_eq(p->nodes[i]->name, name))
            return p->nodes[i];
    return NULL;
}

const struct evt_schema *plan_schema_of(const struct plan *p, struct plan_ref ref) {
    const struct plan_node *n = p->nodes[ref.node];
    switch (ref.port) {
    case PLAN_PORT_MAIN: return n->schema;
    case PLAN_PORT_LATE: return n->late_schema;
    case PLAN_PORT_ERRORS: return n->errors_schema;
    case PLAN_PORT_TIMEOUTS: return n->kind == PLAN_NODE_PATTERN ? n->pattern.timeouts_schema : NULL;
    case PLAN_PORT_MAX: break;
    }
    return NULL;
}

const struct plan_opt *plan_opt_find(const struct plan_opt *opts, uint32_t n, const char *name) {
    for (uint32_t i = 0; i < n; i++)
        if (base_str_eq(opts[i].name, base_str_of(name)))
            return &opts[i];
    return NULL;
}

int64_t plan_opt_int(const struct plan_opt *opts, uint32_t n, const char *name, int64_t fallback) {
    const struct plan_opt *o = plan_opt_find(opts, n, name);
    return o && !o->val.null ? o->val.i : fallback;
}

bool plan_opt_bool(const struct plan_opt *opts, uint32_t n, const char *name, bool fallback) {
    const struct plan_opt *o = plan_opt_find(opts, n, name);
    return o && !o->val.null ? o->val.b : fallback;
}

struct base_str plan_opt_str(
    const struct plan_opt *opts, uint32_t n, const char *name, const char *fallback) {
    const struct plan_opt *o = plan_opt_find(opts, n, name);
    return o && !o->val.null ? evt_val_str(&o->val) : base_str_of(fallback);
}

const char *plan_severity_text(enum plan_severity s) {
    static const char *const texts[PLAN_SEV_MAX] = { "info", "low", "medium", "high", "critical" };
    return texts[s];
}

const char *plan_port_text(enum plan_port p) {
    static const char *const texts[PLAN_PORT_MAX] = { "", "late", "errors", "timeouts" };
    return texts[p];
}

const char *plan_node_word(enum plan_node_kind k) {
    static const char *const texts[PLAN_NODE_MAX] = { "stream", "stream", "pattern", "alert" };
    return texts[k];
}

static bool same_ref(struct plan_ref a, struct plan_ref b) {
    return a.node == b.node && a.port == b.port;
}

bool plan_node_reads(const struct plan_node *n, struct plan_ref ref) {
    switch (n->kind) {
    case PLAN_NODE_SOURCE: return false;
    case PLAN_NODE_SELECT:
        for (uint32_t i = 0; i < n->select.n_branches; i++)
            if (same_ref(n->select.branches[i].input, ref))
                return true;
        return false;
    case PLAN_NODE_PATTERN:
        for (uint32_t i = 0; i < n->pattern.n_inputs; i++)
            if (same_ref(n->pattern.inputs[i], ref))
                return true;
        return false;
    case PLAN_NODE_ALERT:
        return same_ref(n->alert.on, ref) ||
               (n->alert.has_resolve_when && same_ref(n->alert.resolve_when, ref));
    case PLAN_NODE_MAX: break;
    }
    return false;
}

bool plan_is_read(const struct plan *p, struct plan_ref ref) {
    for (uint32_t i = 0; i < p->n_nodes; i++)
        if (plan_node_reads(p->nodes[i], ref))
            return true;
    for (uint32_t i = 0; i < p->n_sinks; i++)
        if (same_ref(p->sinks[i].input, ref))
            return true;
    for (uint32_t t = 0; t < p->n_tests; t++)
        for (uint32_t i = 0; i < p->tests[t].n_expects; i++)
            if (same_ref(p->tests[t].expects[i].of, ref))
                return true;
    return false;
}

/* -- delivery ---------------------------------------------------------------------------------------------------- */

/* Nodes refer to lower indexes, so one walk from the sink's input down is enough. */
static bool all_replayable(const struct plan *p, uint32_t from) {
    bool *reads = base_calloc((size_t)from + 1, sizeof *reads);
    bool ok = true;
    reads[from] = true;
    for (uint32_t i = from + 1; i-- > 0;) {
        const struct plan_node *n = p->nodes[i];
        if (!reads[i])
            continue;
        switch (n->kind) {
        case PLAN_NODE_SOURCE: ok &= n->source.connector->replayable; break;
        case PLAN_NODE_SELECT:
            for (uint32_t k = 0; k < n->select.n_branches; k++)
                reads[n->select.branches[k].input.node] = true;
            break;
        case PLAN_NODE_PATTERN:
            for (uint32_t k = 0; k < n->pattern.n_inputs; k++)
                reads[n->pattern.inputs[k].node] = true;
            break;
        case PLAN_NODE_ALERT:
            reads[n->alert.on.node] = true;
            if (n->alert.has_resolve_when)
                reads[n->alert.resolve_when.node] = true;
            break;
        case PLAN_NODE_MAX: break;
        }
    }
    base_free(reads);
    return ok;
}

enum plan_delivery plan_delivery_of(const struct plan *p, const struct plan_sink *s) {
    if (s->delivery != PLAN_DELIVERY_DEFAULT)
        return s->delivery;
    return s->connector->exactly_once && all_replayable(p, s->input.node) ? PLAN_EXACTLY_ONCE
                                                                          : PLAN_AT_LEAST_ONCE;
}
