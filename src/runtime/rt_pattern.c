/*
 * rt_pattern -- the matcher as an operator; in a group (rt_patterns.c) only what comes out of it.
 *
 * The matcher keeps rows until the watermark passes them; what it lets go is sent on at once, before the watermark is.
 */
#include "runtime/rt_pattern.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "state/sto_tier.h"

enum { BEYOND_BYTES = 256 << 20 /* with a database: how far beyond its budget a pattern fails, at least */ };

static struct rt_pattern *pattern_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_pattern, op);
}

static void pass_on(struct rt_pattern *p, enum plan_port port, struct evt_batch *b) {
    if (p->failed == CEP_OK)
        p->failed = rt_emit(&p->op, port, b, &p->failure);
    evt_batch_unref(b);
}

static void on_matches(void *arg, struct evt_batch *b) {
    pass_on(arg, PLAN_PORT_MAIN, b);
}

static void on_timeouts(void *arg, struct evt_batch *b) {
    pass_on(arg, PLAN_PORT_TIMEOUTS, b);
}

static void on_failure(
    void *arg, uint32_t input, const struct evt_batch *b, uint32_t row, const char *reason) {
    struct rt_pattern *p = arg;
    (void)input;
    if (p->group)
        p->op.watermark = rt_patterns_watermark(p->group);
    if (p->failed == CEP_OK)
        p->failed = rt_op_row_failed(&p->op, b, row, reason, &p->failure);
}

enum cep_rc rt_pattern_outcome(struct rt_pattern *p, enum cep_rc rc, struct cep_err *err) {
    if (rc != CEP_OK) {
        base_err_prefix(err, "pattern \"%.*s\"", BASE_STR_FMT(p->op.name));
        return rc;
    }
    if (p->failed != CEP_OK && err)
        *err = p->failure;
    return p->failed;
}

static enum cep_rc pattern_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    /* What comes to all of a group comes to rt_op.entry. */
    if (p->group)
        return rt_patterns_batch_of(p->group, p->number, input, b, err);
    return rt_pattern_outcome(p, nfa_matcher_batch(p->matcher, input, b, clk_now(op->clk), err), err);
}

static enum cep_rc pattern_watermark(struct rt_op *op, int64_t wm, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    return rt_pattern_outcome(p, nfa_matcher_advance(p->matcher, wm, err), err);
}

static void pattern_gauges(struct rt_op *op) {
    struct rt_pattern *p = pattern_of(op);
    struct nfa_stats st;
    struct rt_metrics *m = &op->metrics;
    if (p->group) {
        rt_patterns_stats(p->group, p->number, &st);
        m->rows_in = st.events;
        m->bytes_in = rt_patterns_bytes_in(p->group);
    } else {
        nfa_matcher_stats(p->matcher, &st);
    }
    m->irrelevant = st.irrelevant;
    m->matches = st.matches;
    m->timed_out = st.timed_out;
    m->pruned = st.pruned;
    m->limit_open = st.limit_open;
    m->limit_matches = st.limit_matches;
    m->open = st.open + st.waiting;
    m->keys = st.keys;
    m->unread = st.unread;
    m->state_bytes = st.bytes;
    m->buffered = st.buffered;
    m->spilled = st.spilled;
}

static void pattern_traced(struct rt_op *op) {
    struct rt_pattern *p = pattern_of(op);
    if (p->group)
        rt_patterns_trace(p->group, p->number, op->trace);
    else
        nfa_matcher_trace(p->matcher, op->trace->line, op->trace->arg);
}

static enum cep_rc pattern_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    enum cep_rc rc = p->group ? rt_patterns_save(p->group, p->number, out, err)
                              : nfa_matcher_save_begin(p->matcher, out, err);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

static enum cep_rc pattern_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    return p->group ? rt_patterns_save_some(p->group, p->number, bytes, err)
                    : nfa_matcher_save_some(p->matcher, bytes, err);
}

static void pattern_save_cancel(struct rt_op *op) {
    struct rt_pattern *p = pattern_of(op);
    if (p->group)
        rt_patterns_save_cancel(p->group, p->number);
    else
        nfa_matcher_save_cancel(p->matcher);
}

static void pattern_save_taken(struct rt_op *op) {
    if (pattern_of(op)->tier)
        nfa_matcher_save_taken(pattern_of(op)->matcher);
}

static enum cep_rc pattern_fits(
    struct rt_op *op, const struct sto_entry *meta, bool *fits, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    return rt_pattern_outcome(p, nfa_matcher_fits(p->matcher, meta, fits, err), err);
}

static enum cep_rc pattern_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    enum cep_rc rc = p->group ? rt_patterns_load(p->group, p->number, e, losses, err)
                              : nfa_matcher_load(p->matcher, e, losses, err);
    return rt_pattern_outcome(p, rc, err);
}

static enum cep_rc pattern_loaded(struct rt_op *op, struct sto_losses *losses, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    enum cep_rc rc = p->group ? rt_patterns_loaded(p->group, p->number, losses, err)
                              : nfa_matcher_loaded(p->matcher, losses, err);
    return rc == CEP_AGAIN ? rc : rt_pattern_outcome(p, rc, err);
}

static enum cep_rc pattern_load_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_pattern *p = pattern_of(op);
    enum cep_rc rc = p->group ? rt_patterns_load_some(p->group, p->number, bytes, err)
                              : nfa_matcher_load_some(p->matcher, bytes, err);
    return rc == CEP_AGAIN ? rc : rt_pattern_outcome(p, rc, err);
}

static void pattern_free(struct rt_op *op) {
    struct rt_pattern *p = pattern_of(op);
    nfa_matcher_free(p->matcher);
    sto_tier_free(p->tier);
    nfa_prog_free(p->prog);
    rt_op_release(op);
    base_free(p);
}

static const struct rt_op_vt pattern_vt = {
    .kind = "pattern",
    .batch = pattern_batch,
    .watermark = pattern_watermark,
    .gauges = pattern_gauges,
    .traced = pattern_traced,
    .save = pattern_save,
    .save_some = pattern_save_some,
    .save_cancel = pattern_save_cancel,
    .save_taken = pattern_save_taken,
    .fits = pattern_fits,
    .load = pattern_load,
    .loaded = pattern_loaded,
    .load_some = pattern_load_some,
    .free = pattern_free,
};

enum cep_rc rt_pattern_compile(const struct plan *plan, const struct plan_node *node, const struct clk *clk,
    struct rt_pattern **out, struct cep_err *err) {
    struct rt_pattern *p = base_calloc(1, sizeof *p);
    rt_op_init(&p->op, &pattern_vt, node, node->name, node->pattern.n_inputs, clk);
    struct nfa_opts opts = { .no_timeouts = !plan_is_read(
                                 plan, (struct plan_ref){ node->index, PLAN_PORT_TIMEOUTS }) };
    enum cep_rc rc = rt_pattern_outcome(p, nfa_compile(node, plan, &opts, &p->prog, err), err);
    if (rc != CEP_OK) {
        pattern_free(&p->op);
        return rc;
    }
    *out = p;
    return CEP_OK;
}

struct nfa_out rt_pattern_out(struct rt_pattern *p) {
    return (
        struct nfa_out){ .arg = p, .matches = on_matches, .timeouts = on_timeouts, .failure = on_failure };
}

enum cep_rc rt_pattern_new(const struct plan *plan, const struct plan_node *node,
    const struct rt_pattern_memory *memory, const struct clk *clk, struct rt_op **out, struct cep_err *err) {
    struct rt_pattern *p;
    enum cep_rc rc = rt_pattern_compile(plan, node, clk, &p, err);
    if (rc != CEP_OK)
        return rc;
    struct nfa_out sink = rt_pattern_out(p);
    struct nfa_matcher_opts opts = { .max_bytes = memory->bytes };
    if (memory->db) {
        /* What changes while a save is under way stays in memory, and so does a key that is larger than all of it. */
        uint64_t more = memory->bytes > BEYOND_BYTES ? memory->bytes : BEYOND_BYTES;
        opts.max_bytes = memory->bytes ? memory->bytes + more : 0;
        p->tier = sto_tier_new(memory->db, memory->number, NFA_NS_KEY);
        opts.tier = p->tier;
        opts.budget = memory->bytes ? memory->bytes : UINT64_MAX;
    }
    p->matcher = nfa_matcher_new(p->prog, &sink, &opts);
    *out = &p->op;
    return CEP_OK;
}
