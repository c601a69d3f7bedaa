/*
 * clu_job -- see clu_job.h: a job's state, how far its operators are, and its calls; as JSON: clu_job_write.c.
 */
#include "cluster/clu_job_internal.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "event/evt_type.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

/* -- the object ---------------------------------------------------------------------------------------------- */

struct clu_job *clu_job_new(const struct clu_job_opts *opts) {
    struct clu_job *j = base_calloc(1, sizeof *j);
    unsigned char bytes[CLU_JOB_ID / 2];
    j->opts = *opts;
    CEP_INSIST(pthread_mutex_init(&j->mutex, NULL) == 0);
    CEP_INSIST(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(j->id + 2 * i, 3, "%02x", bytes[i]);
    if (opts->id)
        (void)snprintf(j->id, sizeof j->id, "%s", opts->id);
    j->created_us = opts->created_us ? opts->created_us : clk_now(opts->clk);
    j->state = RT_STATE_CREATED;
    j->since_us[RT_STATE_CREATED] = j->created_us;
    return j;
}

void clu_job_free(struct clu_job *j) {
    if (!j)
        return;
    clu_savepoints_free(j);
    base_free(j->note);
    (void)pthread_mutex_destroy(&j->mutex);
    base_free(j);
}

const char *clu_job_id(const struct clu_job *j) {
    return j->id;
}

void clu_job_set(struct clu_job *j, struct rt_job *job) {
    (void)pthread_mutex_lock(&j->mutex);
    j->job = job;
    if (job && j->cancelled)
        rt_job_stop(job);
    (void)pthread_mutex_unlock(&j->mutex);
}

/* Requires: the lock. A state that cannot follow (a cancel that came in between) is left out. */
static void go_to(struct clu_job *j, enum rt_state state) {
    if (!rt_state_may(j->state, state))
        return;
    j->state = state;
    j->since_us[state] = clk_now(j->opts.clk);
}

void clu_job_state(struct clu_job *j, enum rt_state state) {
    (void)pthread_mutex_lock(&j->mutex);
    go_to(j, state);
    (void)pthread_mutex_unlock(&j->mutex);
}

void clu_job_failed(struct clu_job *j, const struct cep_err *err) {
    (void)pthread_mutex_lock(&j->mutex);
    struct clu_failure *f = &j->failures[j->n_failures++ % CLU_FAILURES];
    f->at_us = clk_now(j->opts.clk);
    memcpy(f->message, err->message, sizeof f->message);
    (void)pthread_mutex_unlock(&j->mutex);
}

void clu_job_was(struct clu_job *j, enum rt_state state, int64_t since_us, const char *failure) {
    (void)pthread_mutex_lock(&j->mutex);
    j->state = state;
    j->since_us[state] = since_us;
    j->over = rt_state_is_final(state);
    if (failure) {
        struct clu_failure *f = &j->failures[j->n_failures++ % CLU_FAILURES];
        f->at_us = since_us;
        (void)snprintf(f->message, sizeof f->message, "%s", failure);
    }
    (void)pthread_mutex_unlock(&j->mutex);
}

void clu_job_attempts(struct clu_job *j, uint32_t before) {
    (void)pthread_mutex_lock(&j->mutex);
    j->before = before;
    (void)pthread_mutex_unlock(&j->mutex);
}

void clu_job_rescaled(struct clu_job *j, uint32_t parallelism) {
    (void)pthread_mutex_lock(&j->mutex);
    j->opts.parallelism = parallelism;
    (void)pthread_mutex_unlock(&j->mutex);
}

void clu_job_note(struct clu_job *j, const char *text) {
    (void)pthread_mutex_lock(&j->mutex);
    base_free(j->note);
    j->note = text && text[0] ? base_strdup(text) : NULL;
    (void)pthread_mutex_unlock(&j->mutex);
}

enum rt_state clu_job_state_now(struct clu_job *j) {
    (void)pthread_mutex_lock(&j->mutex);
    enum rt_state state = j->state;
    (void)pthread_mutex_unlock(&j->mutex);
    return state;
}

bool clu_job_is_cancelled(struct clu_job *j) {
    (void)pthread_mutex_lock(&j->mutex);
    bool cancelled = j->cancelled;
    (void)pthread_mutex_unlock(&j->mutex);
    return cancelled;
}

/* -- operators ----------------------------------------------------------------------------------------------- */

uint32_t clu_job_n_ops(const struct clu_job *j) {
    return j->opts.plan->n_nodes + j->opts.plan->n_sinks;
}

uint64_t clu_op_errors(const struct clu_op *op) {
    return op->info.metrics.undecodable + op->info.metrics.failed + op->info.metrics.no_time;
}

static uint32_t op_input(const struct plan *p, uint32_t i, uint32_t k) {
    return i < p->n_nodes ? plan_node_input(p->nodes[i], k).node : p->sinks[i - p->n_nodes].input.node;
}

/* Of an operator's inputs the one whose watermark it waits for: those that are idle or have ended hold nothing. */
static uint32_t slowest_input(const struct plan *p, const struct clu_op *ops, uint32_t i) {
    uint32_t n = i < p->n_nodes ? plan_node_n_inputs(p->nodes[i]) : 1, best = UINT32_MAX;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t in = op_input(p, i, k);
        if (!ops[in].known || ops[in].info.idle || ops[in].info.ended)
            continue;
        if (best == UINT32_MAX || ops[in].info.watermark < ops[best].info.watermark)
            best = in;
    }
    return best;
}

static void fill_op(struct clu_job *j, struct clu_op *ops, uint32_t i, int64_t now_us) {
    const struct plan *p = j->opts.plan;
    const struct plan_job *g = rt_job_graph(j->job);
    struct clu_op *op = &ops[i];
    rt_job_op_info(j->job, i, &op->info);
    op->known = op->info.kind != NULL;
    op->vertex = i < p->n_nodes ? g->vertex_of_node[i] : g->vertex_of_sink[i - p->n_nodes];
    op->held_by = UINT32_MAX;
    if (!op->known)
        return;
    op->has_watermark = op->info.watermark != EVT_TIME_MIN && op->info.watermark != EVT_TIME_MAX;
    if (op->has_watermark && __builtin_sub_overflow(now_us, op->info.watermark, &op->lag_us))
        op->has_watermark = false;
    if (op->info.is_source) {
        op->held_by = op->info.ended || op->info.idle ? UINT32_MAX : i;
        return;
    }
    uint32_t in = slowest_input(p, ops, i);
    op->held_by = in == UINT32_MAX ? UINT32_MAX : ops[in].held_by;
}

struct clu_op *clu_job_ops(struct clu_job *j) {
    uint32_t n = clu_job_n_ops(j);
    struct clu_op *ops = base_calloc(n + (size_t)1, sizeof *ops);
    int64_t now_us = clk_now(j->opts.clk);
    for (uint32_t i = 0; i < n; i++)
        fill_op(j, ops, i, now_us);
    return ops;
}

const struct clu_op *clu_job_furthest_behind(const struct clu_job *j, const struct clu_op *ops) {
    const struct clu_op *best = NULL;
    for (uint32_t i = 0; i < j->opts.plan->n_nodes; i++)
        if (ops[i].known && ops[i].info.is_source && !ops[i].info.ended && ops[i].has_watermark &&
            (!best || ops[i].info.watermark < best->info.watermark))
            best = &ops[i];
    return best;
}

/* -- calls ------------------------------------------------------------------------------------------------------ */

static enum cep_rc cancel(struct clu_job *j, struct cep_err *err) {
    if (rt_state_is_final(j->state))
        return base_err_set(err, CEP_ESTATE, "job \"%s\" has %s already: there is nothing to cancel", j->id,
            j->state == RT_STATE_CANCELLED ? "been cancelled" : rt_state_name(j->state));
    j->cancelled = true;
    if (j->state == RT_STATE_CREATED)
        return CEP_OK; /* clu_job_set() stops it */
    go_to(j, RT_STATE_CANCELLING);
    if (j->job)
        rt_job_stop(j->job);
    return CEP_OK;
}

void clu_job_write_item(struct clu_job *j, enum clu_rest_op op, struct base_buf *b) {
    (void)pthread_mutex_lock(&j->mutex);
    clu_job_put_item(j, op, b);
    (void)pthread_mutex_unlock(&j->mutex);
}

/* Calls about the job. Requires: the lock. */
static enum cep_rc job_call(struct clu_job *j, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *b, struct cep_err *err) {
    if (!base_str_eq(args->id, base_str_of(j->id)))
        return base_err_set(err, CEP_ENAME, "there is no job \"%.*s\"", BASE_STR_FMT(args->id));
    bool looks = op == CLU_REST_PLAN || op == CLU_REST_VERTEX;
    if (looks && !j->job) {
        (void)base_err_set(err, CEP_EIO, "job \"%s\" is %s, try again", j->id, rt_state_name(j->state));
        err->retriable = true;
        return CEP_EIO;
    }
    switch ((int)op) {
    case CLU_REST_JOB: clu_job_write_job(j, b); return CEP_OK;
    case CLU_REST_CANCEL: return cancel(j, err);
    case CLU_REST_PLAN:
        base_buf_puts(b, "{\"plan\":");
        clu_job_put_plan(b, j, rt_job_graph(j->job));
        base_buf_puts(b, "}\n");
        return CEP_OK;
    case CLU_REST_VERTEX: return clu_job_write_vertex(j, args->sub, b, err);
    case CLU_REST_CHECKPOINTS: clu_job_write_checkpoints(j, b); return CEP_OK;
    case CLU_REST_EXCEPTIONS: clu_job_write_exceptions(j, b); return CEP_OK;
    case CLU_REST_CONFIG: clu_job_write_config(j, b); return CEP_OK;
    case CLU_REST_SAVEPOINT:
    case CLU_REST_STOP: return clu_savepoint_ask(j, args->body, op == CLU_REST_STOP, b, err);
    case CLU_REST_SAVEPOINT_STATUS: return clu_savepoint_status(j, args->sub, b, err);
    default: return base_err_set(err, CEP_EUNSUPPORTED, "a job of cepd run cannot be rescaled");
    }
}

enum cep_rc clu_job_call(void *arg, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err) {
    struct clu_job *j = arg;
    enum cep_rc rc = CEP_OK;
    (void)pthread_mutex_lock(&j->mutex);
    switch (op) {
    case CLU_REST_OVERVIEW: clu_job_write_overview(j, out); break;
    case CLU_REST_JOBS:
    case CLU_REST_JOBS_OVERVIEW: clu_job_write_items(j, op, out); break;
    case CLU_REST_TASKMANAGERS: clu_job_write_taskmanagers(j, out); break;
    case CLU_REST_METRICS: clu_job_write_metrics(j, out); break;
    case CLU_REST_SUBMIT:
        rc = base_err_set(err, CEP_EUNSUPPORTED, "cepd run has one job, the one it was started with");
        break;
    case CLU_REST_JOB:
    case CLU_REST_CANCEL:
    case CLU_REST_PLAN:
    case CLU_REST_VERTEX:
    case CLU_REST_CHECKPOINTS:
    case CLU_REST_EXCEPTIONS:
    case CLU_REST_CONFIG:
    case CLU_REST_SAVEPOINT:
    case CLU_REST_SAVEPOINT_STATUS:
    case CLU_REST_STOP:
    case CLU_REST_RESCALE: rc = job_call(j, op, args, out, err); break;
    case CLU_REST_MAX: break;
    }
    (void)pthread_mutex_unlock(&j->mutex);
    return rc;
}
