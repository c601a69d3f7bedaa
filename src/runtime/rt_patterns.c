/*
 * rt_patterns -- patterns that read the same, as one operator: what they have in common is done once (nfa/nfa_many.h).
 *
 *     source ──▶ group ── matcher of p1 ──▶ p1 ──▶ its alerts and sinks
 *                      ── matcher of p2 ──▶ p2 ──▶ ...
 *
 * Each pattern keeps its operator, with its name, metrics, outputs and errors; only its inputs are the group's (rt_op.entry). In
 * a watermark those patterns are served that have something to do, in the order of the plan: results, then the
 * watermark. The others' readers get no watermark: alerts and sinks that have nothing waiting (rt_op_vt.wakes_at) do not
 * miss it. A reader that wants every watermark gets every one, as does everybody at the end of time.
 */
#include "runtime/rt_pattern.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

struct rt_patterns {
    struct rt_op op;
    struct nfa_many *many;       /* owned */
    struct rt_pattern **members; /* owned array; borrowed: the graph's */
    uint32_t n;
    size_t cap;
    bool sealed; /* it is known who wants every watermark */
    enum cep_rc failed;
    struct cep_err failure;
};

static struct rt_patterns *patterns_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_patterns, op);
}

/* True when the operator and all behind it may do without watermarks at which nothing is due. */
static bool may_sleep(const struct rt_op *op) {
    if (op->trace || op->n_inputs > 1 || !op->vt->wakes_at)
        return false;
    for (int port = 0; port < PLAN_PORT_MAX; port++)
        for (size_t i = 0; i < op->n_outs[port]; i++)
            if (!may_sleep(op->outs[port][i].to))
                return false;
    return true;
}

static bool readers_may_sleep(const struct rt_op *op) {
    for (int port = 0; port < PLAN_PORT_MAX; port++)
        for (size_t i = 0; i < op->n_outs[port]; i++)
            if (!may_sleep(op->outs[port][i].to))
                return false;
    return !op->trace;
}

/* When the first of those behind has something to do. */
static int64_t readers_wake_at(const struct rt_op *op) {
    int64_t first = EVT_TIME_MAX;
    for (int port = 0; port < PLAN_PORT_MAX; port++)
        for (size_t i = 0; i < op->n_outs[port]; i++) {
            struct rt_op *to = op->outs[port][i].to;
            int64_t at = to->vt->wakes_at ? to->vt->wakes_at(to) : EVT_TIME_MIN;
            int64_t behind = readers_wake_at(to);
            at = behind < at ? behind : at;
            first = at < first ? at : first;
        }
    return first;
}

/* Everything is connected by now. */
static void seal(struct rt_patterns *g) {
    if (g->sealed)
        return;
    g->sealed = true;
    for (uint32_t i = 0; i < g->n; i++)
        if (!readers_may_sleep(&g->members[i]->op))
            nfa_many_wake_always(g->many, i);
}

static enum cep_rc tell(struct rt_pattern *p, int64_t watermark, struct cep_err *err) {
    if (watermark <= p->told)
        return CEP_OK;
    p->told = watermark;
    return rt_emit_watermark(&p->op, watermark, err);
}

/* A pattern's results are out: its readers get the watermark that goes with them. */
static int64_t on_served(void *arg, uint32_t number, int64_t watermark) {
    struct rt_patterns *g = arg;
    struct rt_pattern *p = g->members[number];
    enum cep_rc rc = rt_pattern_outcome(p, CEP_OK, &g->failure);
    if (g->failed == CEP_OK && rc == CEP_OK)
        rc = tell(p, watermark, &g->failure);
    if (g->failed == CEP_OK)
        g->failed = rc;
    return readers_wake_at(&p->op);
}

static enum cep_rc outcome(struct rt_patterns *g, enum cep_rc rc, uint32_t who, struct cep_err *err) {
    if (rc != CEP_OK) {
        base_err_prefix(err, "pattern \"%.*s\"", BASE_STR_FMT(g->members[who]->op.name));
        return rc;
    }
    if (g->failed != CEP_OK && err)
        *err = g->failure;
    return g->failed;
}

static enum cep_rc patterns_batch(
    struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_patterns *g = patterns_of(op);
    uint32_t who = 0;
    seal(g);
    return outcome(g, nfa_many_batch(g->many, input, b, clk_now(op->clk), &who, err), who, err);
}

enum cep_rc rt_patterns_batch_of(
    struct rt_patterns *g, uint32_t number, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    seal(g);
    nfa_many_batch_of(g->many, number, input, b, clk_now(g->op.clk));
    return rt_pattern_outcome(g->members[number], CEP_OK, err);
}

static enum cep_rc patterns_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_patterns *g = patterns_of(op);
    uint32_t who = 0;
    seal(g);
    for (uint32_t i = 0; wm == EVT_TIME_MAX && i < g->n; i++)
        nfa_many_wake(g->many, i);
    return outcome(g, nfa_many_advance(g->many, wm, &who, err), who, err);
}

/* Who slept is told where time stands before anything else is said. */
static enum cep_rc patterns_idle(struct rt_op *op, bool idle, struct cep_err *err) {
    struct rt_patterns *g = patterns_of(op);
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < g->n && rc == CEP_OK; i++) {
        rc = tell(g->members[i], g->op.watermark, err);
        if (rc == CEP_OK)
            rc = rt_emit_idle(&g->members[i]->op, idle, err);
    }
    return rc;
}

static enum cep_rc patterns_end(struct rt_op *op, struct cep_err *err) {
    struct rt_patterns *g = patterns_of(op);
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < g->n && rc == CEP_OK; i++) {
        rc = tell(g->members[i], g->op.watermark, err);
        if (rc == CEP_OK)
            rc = rt_emit_end(&g->members[i]->op, err);
    }
    return rc;
}

static void patterns_free(struct rt_op *op) {
    struct rt_patterns *g = patterns_of(op);
    nfa_many_free(g->many);
    base_free(g->members);
    rt_op_release(op);
    base_free(g);
}

static const struct rt_op_vt patterns_vt = {
    .kind = "patterns",
    .batch = patterns_batch,
    .watermark = patterns_watermark,
    .idle = patterns_idle,
    .end = patterns_end,
    .free = patterns_free,
};

struct rt_op *rt_patterns_new(uint32_t n_inputs, const struct clk *clk) {
    struct rt_patterns *g = base_calloc(1, sizeof *g);
    rt_op_init(&g->op, &patterns_vt, NULL, BASE_STR("patterns"), n_inputs, clk);
    g->many = nfa_many_new(n_inputs, &(struct nfa_many_opts){ .served = on_served, .arg = g });
    return &g->op;
}

enum cep_rc rt_patterns_add(struct rt_op *op, const struct plan *plan, const struct plan_node *node,
    uint64_t state_bytes, struct rt_op **out, struct cep_err *err) {
    struct rt_patterns *g = patterns_of(op);
    struct rt_pattern *p;
    enum cep_rc rc = rt_pattern_compile(plan, node, op->clk, &p, err);
    if (rc != CEP_OK)
        return rc;
    struct nfa_out sink = rt_pattern_out(p);
    p->group = g;
    p->told = EVT_TIME_MIN;
    p->number = nfa_many_add(g->many, p->prog, &sink, &(struct nfa_matcher_opts){ .max_bytes = state_bytes });
    p->op.entry = op;
    g->members = base_grow(g->members, g->n, &g->cap, sizeof(struct rt_pattern *));
    g->members[g->n++] = p;
    *out = &p->op;
    return CEP_OK;
}

int64_t rt_patterns_watermark(const struct rt_patterns *g) {
    return g->op.watermark;
}

void rt_patterns_trace(struct rt_patterns *g, uint32_t number, const struct rt_trace *trace) {
    nfa_many_trace(g->many, number, trace->line, trace->arg);
}

uint64_t rt_patterns_bytes_in(const struct rt_patterns *g) {
    return g->op.metrics.bytes_in;
}

void rt_patterns_stats(const struct rt_patterns *g, uint32_t number, struct nfa_stats *out) {
    nfa_many_stats(g->many, number, out);
}

/* -- what survives ---------------------------------------------------------------------------------------------- */

enum cep_rc rt_patterns_save(
    struct rt_patterns *g, uint32_t number, const struct sto_out *out, struct cep_err *err) {
    return nfa_many_save_begin(g->many, number, out, err);
}

enum cep_rc rt_patterns_save_some(struct rt_patterns *g, uint32_t number, size_t bytes, struct cep_err *err) {
    return nfa_many_save_some(g->many, number, bytes, err);
}

void rt_patterns_save_cancel(struct rt_patterns *g, uint32_t number) {
    nfa_many_save_cancel(g->many, number);
}

/* All readers are connected before the first entry. */
enum cep_rc rt_patterns_load(struct rt_patterns *g, uint32_t number, const struct sto_entry *e,
    struct sto_losses *losses, struct cep_err *err) {
    seal(g);
    return nfa_many_load(g->many, number, e, losses, err);
}

enum cep_rc rt_patterns_loaded(
    struct rt_patterns *g, uint32_t number, struct sto_losses *losses, struct cep_err *err) {
    return nfa_many_loaded(g->many, number, losses, err);
}

enum cep_rc rt_patterns_load_some(struct rt_patterns *g, uint32_t number, size_t bytes, struct cep_err *err) {
    return nfa_many_load_some(g->many, number, bytes, err);
}
