/*
 * rt_job_open -- a job is made from its plan: operators, the event loop, sinks, sources; and taken apart.
 */
#include "runtime/rt_job_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

void rt_opts_init(struct rt_opts *opts) {
    *opts = (struct rt_opts){
        .clk = clk_system(),
        .batch_rows = EVT_BATCH_ROWS,
        .linger_us = 5 * 1000,
        .max_buffered = UINT64_C(16) << 20,
        .held_patience_us = INT64_C(30) * 1000 * 1000,
        .drain_us = INT64_C(30) * 1000 * 1000,
        .stdin_fd = STDIN_FILENO,
        .stdout_fd = STDOUT_FILENO,
        .stderr_fd = STDERR_FILENO,
    };
}

/* -- what connectors call ------------------------------------------------------------------------------------ */

static void on_log(void *arg, enum con_level level, const char *text) {
    struct rt_job *job = ((struct rt_input_source *)arg)->job;
    if (job->opts.log)
        job->opts.log(job->opts.arg, level, text);
}

static void on_sink_log(void *arg, enum con_level level, const char *text) {
    struct rt_job *job = arg;
    if (job->opts.log)
        job->opts.log(job->opts.arg, level, text);
}

static void on_wake(void *arg) {
    struct rt_input_source *s = arg;
    s->next_poll_us = INT64_MIN;
}

static void on_bad(void *arg, const struct con_bad *bad) {
    struct rt_input_source *s = arg;
    if (s->job->failed == CEP_OK)
        s->job->failed = rt_source_bad(s->op, bad, &s->job->failure);
}

static int64_t wall_clock(void *arg) {
    return clk_now(((struct rt_input_source *)arg)->job->opts.clk);
}

static int64_t sink_wall_clock(void *arg) {
    return clk_now(((struct rt_job *)arg)->opts.clk);
}

/* Nothing to do but to end the wait. */
static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
}

static void on_stop(evutil_socket_t fd, short what, void *arg) {
    uint64_t n;
    (void)what;
    (void)arg;
    if (read(fd, &n, sizeof n) < 0)
        return; /* already drained: the flag is what counts */
}

static struct con_env env_of(struct rt_job *job) {
    struct con_env env;
    con_env_init(&env);
    env.base_dir = job->opts.base_dir;
    env.loop = job->loop;
    env.stdin_fd = job->opts.stdin_fd;
    env.stdout_fd = job->opts.stdout_fd;
    env.stderr_fd = job->opts.stderr_fd;
    return env;
}

/* -- making ------------------------------------------------------------------------------------------------------ */

static enum cep_rc open_loop(struct rt_job *job, struct cep_err *err) {
    job->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (job->stop_fd < 0)
        return base_err_set(err, CEP_EIO, "could not make an event descriptor: %s", strerror(errno));
    job->loop = event_base_new();
    if (!job->loop)
        return base_err_set(err, CEP_EIO, "could not make an event loop");
    job->timer = event_new(job->loop, -1, 0, on_timer, job);
    job->stop_event = event_new(job->loop, job->stop_fd, EV_READ | EV_PERSIST, on_stop, job);
    if (!job->timer || !job->stop_event || event_add(job->stop_event, NULL) != 0)
        return base_err_set(err, CEP_EIO, "could not register with the event loop");
    return CEP_OK;
}

/* The lowest node of a group; paths are halved on the way. */
static uint32_t group_root(uint32_t *group, uint32_t n) {
    for (; group[n] != n; n = group[n])
        group[n] = group[group[n]];
    return n;
}

static void find_groups(struct rt_job *job) {
    const struct plan *plan = job->plan;
    job->group = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->group);
    job->turn = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->turn);
    for (uint32_t n = 0; n < plan->n_nodes; n++) {
        job->group[n] = n;
        for (uint32_t i = 0; i < plan_node_n_inputs(plan->nodes[n]); i++) {
            uint32_t a = group_root(job->group, plan_node_input(plan->nodes[n], i).node);
            uint32_t b = group_root(job->group, n);
            job->group[a > b ? a : b] = a < b ? a : b;
        }
    }
    for (uint32_t n = 0; n < plan->n_nodes; n++)
        job->group[n] = group_root(job->group, n);
}

static enum cep_rc open_sources(struct rt_job *job, struct cep_err *err) {
    const struct plan *plan = job->plan;
    job->sources = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->sources);
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const struct plan_node *n = plan->nodes[i];
        if (n->kind != PLAN_NODE_SOURCE)
            continue;
        struct rt_input_source *s = &job->sources[job->n_sources++];
        *s = (struct rt_input_source){ .job = job,
            .op = job->graph.ops[i],
            .group = job->group[i],
            .next_poll_us = INT64_MIN,
            .silent_since_us = INT64_MIN };
        struct con_env env = env_of(job);
        env.now_us = wall_clock;
        env.log = on_log;
        env.wake = on_wake;
        env.bad = on_bad;
        env.arg = s;
        enum cep_rc rc = con_source_open(n, &env, &s->con, err);
        if (rc != CEP_OK) {
            base_err_prefix(err, "stream \"%.*s\"", BASE_STR_FMT(n->name));
            return rc;
        }
        rt_source_partitions(s->op, con_source_n_partitions(s->con));
    }
    return CEP_OK;
}

static enum cep_rc open_sinks(struct rt_job *job, struct cep_err *err) {
    const struct plan *plan = job->plan;
    struct con_env where = env_of(job);
    enum cep_rc checked = con_check_ends(plan, &where, err);
    if (checked != CEP_OK)
        return checked;
    job->sinks = base_calloc(plan->n_sinks ? plan->n_sinks : 1, sizeof(struct rt_op *));
    for (uint32_t i = 0; i < plan->n_sinks; i++) {
        struct con_env env = env_of(job);
        env.now_us = sink_wall_clock;
        env.log = on_sink_log;
        env.arg = job;
        struct rt_op *op;
        enum cep_rc rc = rt_sink_new(plan, &plan->sinks[i], &env, job->opts.clk, &op, err);
        if (rc != CEP_OK)
            return rc;
        job->sinks[job->n_sinks++] = op;
        rt_graph_listen(&job->graph, plan->sinks[i].input, op, 0);
    }
    return CEP_OK;
}

enum cep_rc rt_job_new(
    const struct plan *plan, const struct rt_opts *opts, struct rt_job **out, struct cep_err *err) {
    struct rt_job *job = base_calloc(1, sizeof *job);
    job->plan = plan;
    job->opts = *opts;
    job->stop_fd = -1;
    enum cep_rc rc = open_loop(job, err);
    if (rc == CEP_OK)
        rc = rt_graph_init(&job->graph, plan, opts->clk, opts->state_bytes, err);
    find_groups(job);
    if (rc == CEP_OK)
        rc = open_sinks(job, err);
    if (rc == CEP_OK)
        rc = open_sources(job, err);
    if (rc != CEP_OK) {
        rt_job_free(job);
        return rc;
    }
    job->trace = (struct rt_trace){ opts->trace, opts->arg };
    for (uint32_t i = 0; opts->trace && i < plan->n_nodes; i++)
        job->graph.ops[i]->trace = &job->trace;
    *out = job;
    return CEP_OK;
}

void rt_job_free(struct rt_job *job) {
    if (!job)
        return;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        con_source_close(job->sources[i].con);
        evt_batch_unref(job->sources[i].batch);
    }
    for (uint32_t i = 0; i < job->n_sinks; i++)
        job->sinks[i]->vt->free(job->sinks[i]);
    if (job->graph.ops)
        rt_graph_release(&job->graph);
    base_free(job->group);
    base_free(job->turn);
    base_free(job->sources);
    base_free(job->sinks);
    if (job->timer)
        event_free(job->timer);
    if (job->stop_event)
        event_free(job->stop_event);
    if (job->loop)
        event_base_free(job->loop);
    if (job->stop_fd >= 0)
        (void)close(job->stop_fd);
    base_free(job);
}
