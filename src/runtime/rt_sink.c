/*
 * rt_sink -- the last operator of a chain: hands batches to a connector.
 *
 * It is made with the other operators and opened when all that a job goes on from has found its place: who opens a file that was written
 * cuts it back, and a restore that is refused must not have done so.
 */
#include "runtime/rt_ops.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

/* For a checkpoint of which it is not known yet whether it will be complete. */
struct prepared {
    uint64_t id;
    struct base_buf state; /* owned */
};

struct rt_sink {
    struct rt_op op;
    const struct evt_schema *schema; /* borrowed from the plan, like `is` */
    const struct plan_sink *is;
    struct con_env env;
    bool has_how;
    struct con_sink_how how; /* its states are those below, until it is open */
    struct base_str *states; /* owned */
    struct base_buf bytes;   /* owned; of states */
    struct con_sink *sink;   /* owned; NULL: it is not open */
    bool gone;
    struct prepared *prepared; /* owned; ascending ids */
    size_t n_prepared, cap_prepared;
};

static enum cep_rc name_it(struct rt_op *op, enum cep_rc rc, struct cep_err *err) {
    base_err_prefix(err, "sink \"%.*s\"", BASE_STR_FMT(op->name));
    return rc;
}

static enum cep_rc sink_batch(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err) {
    struct rt_sink *s = CEP_CONTAINER_OF(op, struct rt_sink, op);
    (void)input;
    if (s->gone)
        return CEP_OK;
    enum cep_rc rc = con_sink_write(s->sink, b, err);
    if (rc == CEP_NONE) {
        s->gone = true;
        return CEP_OK;
    }
    return rc == CEP_OK ? CEP_OK : name_it(op, rc, err);
}

static void forget_states(struct rt_sink *s) {
    base_free(s->states);
    base_buf_release(&s->bytes);
    s->states = NULL;
}

static void sink_free(struct rt_op *op) {
    struct rt_sink *s = CEP_CONTAINER_OF(op, struct rt_sink, op);
    con_sink_close(s->sink);
    forget_states(s);
    for (size_t i = 0; i < s->n_prepared; i++)
        base_buf_release(&s->prepared[i].state);
    base_free(s->prepared);
    rt_op_release(op);
    base_free(s);
}

static int64_t sink_wakes_at(const struct rt_op *op) {
    (void)op;
    return EVT_TIME_MAX;
}

static const struct rt_op_vt sink_vt = {
    .kind = "sink", .batch = sink_batch, .wakes_at = sink_wakes_at, .free = sink_free
};

static void keep_states(struct rt_sink *s, const struct con_sink_how *how) {
    s->states = base_calloc(how->n_states + (size_t)1, sizeof *s->states);
    for (uint32_t i = 0; i < how->n_states; i++)
        base_buf_str(&s->bytes, how->states[i]);
    const char *at = s->bytes.p;
    for (uint32_t i = 0; i < how->n_states; at += how->states[i++].len)
        s->states[i] = (struct base_str){ at, how->states[i].len };
    s->how = *how;
    s->how.states = s->states;
    s->has_how = true;
}

struct rt_op *rt_sink_new(const struct plan *plan, const struct plan_sink *sink, const struct con_env *env,
    const struct con_sink_how *how, const struct clk *clk) {
    struct rt_sink *s = base_calloc(1, sizeof *s);
    rt_op_init(&s->op, &sink_vt, NULL, sink->name, 1, clk);
    s->schema = plan_schema_of(plan, sink->input);
    s->is = sink;
    s->env = *env;
    if (how)
        keep_states(s, how);
    return &s->op;
}

enum cep_rc rt_sink_open(struct rt_op *op, struct cep_err *err) {
    struct rt_sink *s = CEP_CONTAINER_OF(op, struct rt_sink, op);
    CEP_REQUIRE(!s->sink);
    enum cep_rc rc = s->has_how ? con_sink_open_as(s->is, s->schema, &s->env, &s->how, &s->sink, err)
                                : con_sink_open(s->is, s->schema, &s->env, &s->sink, err);
    forget_states(s);
    return rc == CEP_OK ? CEP_OK : name_it(op, rc, err);
}

bool rt_sink_busy(const struct rt_op *op) {
    const struct rt_sink *s = CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_sink, op);
    return !s->gone && con_sink_busy(s->sink);
}

enum cep_rc rt_sink_flush(struct rt_op *op, bool final, struct cep_err *err) {
    struct rt_sink *s = CEP_CONTAINER_OF(op, struct rt_sink, op);
    if (s->gone)
        return CEP_OK;
    enum cep_rc rc = con_sink_flush(s->sink, final, err);
    if (rc == CEP_NONE) {
        s->gone = true;
        return CEP_OK;
    }
    return rc == CEP_OK || rc == CEP_AGAIN ? rc : name_it(op, rc, err);
}

enum cep_rc rt_sink_prepare(struct rt_op *op, uint64_t id, struct base_str *state, struct cep_err *err) {
    struct rt_sink *s = CEP_CONTAINER_OF(op, struct rt_sink, op);
    if (s->gone)
        return CEP_NONE;
    struct base_buf b = BASE_BUF_INIT;
    enum cep_rc rc = con_sink_prepare(s->sink, id, &b, err);
    if (rc != CEP_OK) {
        base_buf_release(&b);
        s->gone |= rc == CEP_NONE;
        return rc == CEP_NONE ? rc : name_it(op, rc, err);
    }
    s->prepared = base_grow(s->prepared, s->n_prepared, &s->cap_prepared, sizeof *s->prepared);
    s->prepared[s->n_prepared++] = (struct prepared){ id, b };
    *state = base_buf_view(&b);
    return CEP_OK;
}

enum cep_rc rt_sink_commit(struct rt_op *op, uint64_t id, struct cep_err *err) {
    struct rt_sink *s = CEP_CONTAINER_OF(op, struct rt_sink, op);
    enum cep_rc rc = CEP_OK;
    size_t n = 0;
    for (; n < s->n_prepared && s->prepared[n].id <= id; n++) {
        if (s->prepared[n].id == id && !s->gone)
            rc = con_sink_commit(s->sink, base_buf_view(&s->prepared[n].state), err);
        base_buf_release(&s->prepared[n].state);
    }
    s->n_prepared -= n;
    if (s->n_prepared > 0)
        memmove(s->prepared, s->prepared + n, s->n_prepared * sizeof *s->prepared);
    return rc == CEP_OK ? CEP_OK : name_it(op, rc, err);
}

void rt_sink_stats(const struct rt_op *op, struct con_sink_stats *out) {
    const struct rt_sink *s = CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_sink, op);
    *out = (struct con_sink_stats){ .rows = 0 };
    if (s->sink)
        con_sink_stats(s->sink, out);
}

bool rt_sink_gone(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_sink, op)->gone;
}
