/*
 * plan -- life and look-up of plans: finding nodes, schemas of ports, options by name.
 */
#include "plan/plan.h"

#include "base/base_check.h"
#include "base/base_mem.h"

void plan_free(struct plan *p) {
    if (!p)
        return;
    base_arena_release(&p->arena);
    base_free(p);
}

const struct plan_node *plan_late_node(
    const struct plan_node *const *nodes, size_t n_nodes, struct base_str statement) {
    const struct plan_node *other = NULL;
    for (size_t i = 0; i < n_nodes; i++) {
        if (!nodes[i]->late_schema || !base_str_eq(nodes[i]->statement, statement))
            continue;
        if (base_str_eq(nodes[i]->name, statement))
            return nodes[i];
        other = nodes[i];
    }
    return other;
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
    case PLAN_PORT_SIDE:
    case PLAN_PORT_MAX: break;
    }
    return n->kind == PLAN_NODE_PROCESS && ref.port >= PLAN_PORT_SIDE &&
                   (uint32_t)ref.port - PLAN_PORT_SIDE < n->process.n_sides
               ? &n->process.sides[ref.port - PLAN_PORT_SIDE]
               : NULL;
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

const char *plan_port_text(const struct plan_node *n, enum plan_port p) {
    static const char *const texts[PLAN_PORT_SIDE] = { "", "late", "errors", "timeouts" };
    if (p < PLAN_PORT_SIDE)
        return texts[p];
    CEP_REQUIRE(n && n->kind == PLAN_NODE_PROCESS && (uint32_t)p - PLAN_PORT_SIDE < n->process.n_sides);
    return n->process.side_names[p - PLAN_PORT_SIDE];
}

const char *plan_node_word(enum plan_node_kind k) {
    static const char *const texts[PLAN_NODE_MAX] = { "stream", "stream", "stream", "stream", "stream",
        "stream", "pattern", "stream", "alert", "stream" };
    return texts[k];
}

static bool same_ref(struct plan_ref a, struct plan_ref b) {
    return a.node == b.node && a.port == b.port;
}

uint32_t plan_node_n_inputs(const struct plan_node *n) {
    switch (n->kind) {
    case PLAN_NODE_SOURCE: return 0;
    case PLAN_NODE_SELECT: return n->select.n_branches;
    case PLAN_NODE_AGGREGATE: return n->aggregate.takes_late ? 2 : 1;
    case PLAN_NODE_OVER:
    case PLAN_NODE_RECOGNIZE: return 1;
    case PLAN_NODE_JOIN: return 2;
    case PLAN_NODE_TOP: return 1;
    case PLAN_NODE_PATTERN: return n->pattern.n_inputs;
    case PLAN_NODE_ALERT: return n->alert.has_resolve_when ? 2 : 1;
    case PLAN_NODE_PROCESS: return n->process.n_inputs;
    case PLAN_NODE_MAX: break;
    }
    return 0;
}

struct plan_ref plan_node_input(const struct plan_node *n, uint32_t input) {
    CEP_REQUIRE(input < plan_node_n_inputs(n));
    switch (n->kind) {
    case PLAN_NODE_SELECT: return n->select.branches[input].input;
    case PLAN_NODE_AGGREGATE:
        return input == 0 ? n->aggregate.input : (struct plan_ref){ n->aggregate.input.node, PLAN_PORT_LATE };
    case PLAN_NODE_OVER: return n->over.input;
    case PLAN_NODE_RECOGNIZE: return n->recognize.input;
    case PLAN_NODE_JOIN: return n->join.sides[input].input;
    case PLAN_NODE_TOP: return n->top.input;
    case PLAN_NODE_PATTERN: return n->pattern.inputs[input];
    case PLAN_NODE_ALERT: return input == 0 ? n->alert.on : n->alert.resolve_when;
    case PLAN_NODE_PROCESS: return n->process.inputs[input];
    case PLAN_NODE_SOURCE:
    case PLAN_NODE_MAX: break;
    }
    return (struct plan_ref){ 0, PLAN_PORT_MAX };
}

bool plan_node_reads(const struct plan_node *n, struct plan_ref ref) {
    for (uint32_t i = 0; i < plan_node_n_inputs(n); i++)
        if (same_ref(plan_node_input(n, i), ref))
            return true;
    return false;
}

void plan_seal(struct plan *p) {
    uint8_t *read = BASE_ARENA_ARRAY(&p->arena, uint8_t, p->n_nodes + 1);
#define READS(ref) read[(ref).node] |= (uint8_t)(1u << (ref).port)
    for (uint32_t n = 0; n < p->n_nodes; n++)
        for (uint32_t i = 0; i < plan_node_n_inputs(p->nodes[n]); i++)
            READS(plan_node_input(p->nodes[n], i));
    for (uint32_t i = 0; i < p->n_sinks; i++)
        READS(p->sinks[i].input);
    for (uint32_t t = 0; t < p->n_tests; t++)
        for (uint32_t i = 0; i < p->tests[t].n_expects; i++)
            READS(p->tests[t].expects[i].of);
#undef READS
    p->read = read;
}

bool plan_is_read(const struct plan *p, struct plan_ref ref) {
    CEP_REQUIRE(p->read);
    return p->read[ref.node] >> ref.port & 1;
}

bool plan_windows_apart(const struct plan_aggregate *ag) {
    return ag->window == PLAN_WINDOW_SLIDING && ag->slide_us < ag->size_us &&
           (ag->emit == PLAN_EMIT_AFTER ||
               (ag->discarding && (ag->emit != PLAN_EMIT_WATERMARK || ag->takes_late)));
}

int64_t plan_pane(int64_t size, int64_t slide) {
    while (slide != 0) {
        int64_t rest = size % slide;
        size = slide;
        slide = rest;
    }
    return size;
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
        if (n->kind == PLAN_NODE_SOURCE)
            ok &= n->source.connector->replayable;
        for (uint32_t k = 0; k < plan_node_n_inputs(n); k++)
            reads[plan_node_input(n, k).node] = true;
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
