/*
 * rt_job_open -- a job is made from its plan: job graph, execution graph, channels, tasks, sources; and taken apart.
 */
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_coordinator.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_master.h"
#include "runtime/rt_part.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "state/sto_work.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

void rt_opts_init(struct rt_opts *opts) {
    *opts = (struct rt_opts){
        .clk = clk_system(),
        .parallelism = 1,
        .channel_capacity = RT_CHANNEL_CAPACITY,
        .batch_rows = EVT_BATCH_ROWS,
        .linger_us = 5 * 1000,
        .max_buffered = UINT64_C(16) << 20,
        .held_patience_us = INT64_C(30) * 1000 * 1000,
        .drain_us = INT64_C(30) * 1000 * 1000,
        .checkpoint_timeout_us = INT64_C(600) * 1000 * 1000,
        .checkpoints_in_flight = 1,
        .alignment_timeout_us = -1,
        .until_us = EVT_TIME_MAX,
        .save_slice_us = 1000,
        .stdin_fd = STDIN_FILENO,
        .stdout_fd = STDOUT_FILENO,
        .stderr_fd = STDERR_FILENO,
    };
}

/* -- what sources call ------------------------------------------------------------------------------------------ */

static void on_log(void *arg, enum con_level level, const char *text) {
    rt_job_log(((struct rt_source_run *)arg)->task->job, level, text);
}

static void on_wake(void *arg) {
    struct rt_source_run *s = arg;
    s->next_poll_us = INT64_MIN;
}

static void on_bad(void *arg, const struct con_bad *bad) {
    struct rt_source_run *s = arg;
    if (s->task->failed == CEP_OK)
        s->task->failed = rt_source_bad(s->op, bad, &s->task->failure);
}

static int64_t wall_clock(void *arg) {
    return clk_now(((struct rt_source_run *)arg)->task->job->opts.clk);
}

static int64_t mono_clock(void *arg) {
    return clk_mono(((struct rt_source_run *)arg)->task->job->opts.clk);
}

/* Lines come from every thread; whoever prints them sees one at a time. */
static void on_trace(void *arg, const char *text) {
    struct rt_job *job = arg;
    (void)pthread_mutex_lock(&job->mutex);
    job->opts.trace(job->opts.arg, text);
    (void)pthread_mutex_unlock(&job->mutex);
}

/* -- making ------------------------------------------------------------------------------------------------------ */

/* The lowest node of a group; paths are halved on the way. */
static uint32_t group_root(uint32_t *group, uint32_t n) {
    for (; group[n] != n; n = group[n])
        group[n] = group[group[n]];
    return n;
}

static void find_groups(struct rt_job *job) {
    const struct plan *plan = job->plan;
    job->group = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->group);
    job->buffered = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->buffered);
    job->buffered_elsewhere = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->buffered_elsewhere);
    for (uint32_t n = 0; n < plan->n_nodes; n++) {
        atomic_init(&job->buffered[n], 0);
        atomic_init(&job->buffered_elsewhere[n], 0);
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

static struct con_env env_of(const struct rt_job *job) {
    struct con_env env;
    con_env_init(&env);
    env.base_dir = job->opts.base_dir;
    env.stdin_fd = job->opts.stdin_fd;
    env.stdout_fd = job->opts.stdout_fd;
    env.stderr_fd = job->opts.stderr_fd;
    return env;
}

/* Can what it brought be had again, and does that end? */
static enum cep_rc check_replay(
    const struct rt_job *job, const struct plan_node *n, const struct con_source *con, struct cep_err *err) {
    const char *connector = n->source.connector->name;
    if (!n->source.connector->replayable)
        return base_err_set(err, CEP_EINVAL,
            "connector \"%s\" has no positions: what it brought cannot be read again", connector);
    if (n->source.time.kind == PLAN_WM_PROCESSING)
        return base_err_set(err, CEP_EINVAL, "in processing time its rows would get the time of now");
    if (con_source_ends(con) || job->opts.until_us != EVT_TIME_MAX)
        return CEP_OK;
    base_err_set(err, CEP_EINVAL, "connector \"%s\" never ends here", connector);
    base_err_hint(err, "--until says where");
    return CEP_EINVAL;
}

static enum cep_rc open_source(
    struct rt_job *job, struct rt_task *task, const struct plan_node *n, struct cep_err *err) {
    struct rt_source_run *s = &job->sources[job->n_sources++];
    bool here = rt_job_has(job, task->index);
    *s = (struct rt_source_run){ .task = task,
        .op = here ? task->graph.ops[n->index] : NULL,
        .group = job->group[n->index],
        .next_poll_us = INT64_MIN,
        .silent_since_us = INT64_MIN,
        .drifted_since_us = INT64_MIN };
    atomic_init(&s->shown_watermark, EVT_TIME_MIN);
    if (!here)
        return CEP_OK;
    task->sources[task->n_sources++] = s;
    struct con_env env = env_of(job);
    env.loop = task->loop;
    env.now_us = wall_clock;
    env.mono_us = mono_clock;
    env.log = on_log;
    env.wake = on_wake;
    env.bad = on_bad;
    env.arg = s;
    env.ends_now = job->opts.replay;
    rt_source_until(s->op, job->opts.until_us);
    struct con_partition *saved = NULL;
    uint32_t n_saved = 0;
    enum cep_rc rc = job->restore ? rt_restore_source(job->restore, n->name, &saved, &n_saved, err) : CEP_OK;
    if (rc == CEP_OK)
        rc = n_saved > 0 ? con_source_restore(n, &env, saved, n_saved, &s->con, err)
                         : con_source_open(n, &env, &s->con, err);
    base_free(saved);
    if (rc == CEP_OK && job->opts.replay)
        rc = check_replay(job, n, s->con, err);
    if (rc != CEP_OK) {
        base_err_prefix(err, "stream \"%.*s\"", BASE_STR_FMT(n->name));
        return rc;
    }
    rt_source_partitions(s->op, con_source_n_partitions(s->con));
    return CEP_OK;
}

static enum cep_rc open_sources(struct rt_job *job, struct cep_err *err) {
    const struct plan *plan = job->plan;
    enum cep_rc rc = CEP_OK;
    job->sources = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->sources);
    for (uint32_t i = 0; i < plan->n_nodes && rc == CEP_OK; i++) {
        struct rt_task *task = &job->tasks[job->exec.first_task[job->graph->vertex_of_node[i]]];
        if (plan->nodes[i]->kind == PLAN_NODE_SOURCE)
            rc = open_source(job, task, plan->nodes[i], err);
    }
    return rc;
}

static void open_channels(struct rt_job *job) {
    struct rt_exec *x = &job->exec;
    job->channels = base_calloc(x->n_channels ? x->n_channels : 1, sizeof *job->channels);
    for (uint32_t i = 0; i < x->n_channels; i++) {
        struct rt_channel *c = &job->channels[i];
        bool from = rt_job_has(job, x->channels[i].from), to = rt_job_has(job, x->channels[i].to);
        c->index = i;
        c->out = from && !to;
        c->in = to && !from;
        c->ring = from || to ? rt_ring_new(job->opts.channel_capacity) : NULL;
        c->from = &job->tasks[x->channels[i].from];
        c->to = &job->tasks[x->channels[i].to];
        atomic_init(&c->writer_waits, false);
    }
    for (uint32_t i = 0; i < x->n_tasks; i++)
        if (rt_job_has(job, i))
            rt_task_connect(&job->tasks[i]);
}

static enum cep_rc load_ops(struct rt_job *job, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t t = 0; t < job->exec.n_tasks; t++) {
        struct rt_task *task = &job->tasks[t];
        for (uint32_t i = 0; rt_job_has(job, t) && i < task->vertex->n_nodes && rc == CEP_OK; i++)
            rc = rt_restore_op(
                job->restore, task, task->graph.ops[task->vertex->nodes[i]], job->opts.losses, err);
        for (uint32_t i = 0; rt_job_has(job, t) && i < job->graph->n_exchanges && rc == CEP_OK; i++)
            if (task->sends[i].combine)
                rc = rt_restore_op(job->restore, task, task->sends[i].combine, job->opts.losses, err);
    }
    if (rc == CEP_OK)
        rc = rt_flights_restore(job, job->opts.losses, err);
    return rc == CEP_OK ? rt_restore_rest(job->restore, job, job->opts.losses, err) : rc;
}

/* Every operator that has state must be able to save it, or a restore would give something else. */
static enum cep_rc check_saves(const struct rt_job *job, struct cep_err *err) {
    if (!rt_job_keeps(job) && !rt_job_keeps_savepoints(job))
        return CEP_OK;
    for (uint32_t i = 0; i < job->plan->n_nodes; i++) {
        uint32_t t = job->exec.first_task[job->graph->vertex_of_node[i]];
        const struct rt_op *op = rt_job_has(job, t) ? job->tasks[t].graph.ops[i] : NULL;
        if (op && !op->vt->save && job->plan->nodes[i]->kind != PLAN_NODE_SELECT)
            return base_err_set(err, CEP_EUNSUPPORTED,
                "%s \"%.*s\": its state cannot be kept in this version", op->vt->kind,
                BASE_STR_FMT(op->name));
    }
    return CEP_OK;
}

enum cep_rc rt_job_open_sinks(struct rt_job *job, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < job->exec.n_tasks && rc == CEP_OK; i++)
        if (rt_job_has(job, i))
            rc = rt_task_open_sinks(&job->tasks[i], err);
    job->sinks_open = true;
    return rc;
}

/* A part of a job is judged by the master. */
static enum cep_rc load(struct rt_job *job, struct cep_err *err) {
    const struct rt_opts *opts = &job->opts;
    enum cep_rc rc = load_ops(job, err);
    if (rc == CEP_OK && opts->judge && opts->losses)
        rc = opts->judge(opts->arg, err);
    return rc == CEP_OK && !job->part ? rt_job_open_sinks(job, err) : rc;
}

/*
 * Sinks before sources: a sink that cannot be opened should not cost a source its first connection. After a restore they come last: to open
 * them changes what they have written.
 */
static enum cep_rc open_tasks(struct rt_job *job, struct cep_err *err) {
    struct con_env where = env_of(job);
    enum cep_rc rc = con_check_ends(job->plan, &where, err);
    for (uint32_t i = 0; i < job->exec.n_tasks && rc == CEP_OK; i++)
        if (rt_job_has(job, i))
            rc = rt_task_open(&job->tasks[i], err);
    if (rc != CEP_OK)
        return rc;
    open_channels(job);
    rc = check_saves(job, err);
    if (rc == CEP_OK && !job->restore)
        rc = rt_job_open_sinks(job, err);
    if (rc == CEP_OK)
        rc = open_sources(job, err);
    if (rc == CEP_OK && job->restore)
        rc = load(job, err);
    for (uint32_t i = 0; i < job->exec.n_tasks && rc == CEP_OK; i++)
        if (rt_job_has(job, i))
            rt_task_show(&job->tasks[i]);
    return rc;
}

static void close_tasks(struct rt_job *job) {
    for (uint32_t i = 0; i < job->n_sources; i++) {
        con_source_close(job->sources[i].con);
        for (uint32_t k = 0; k < BATCH_POOL; k++)
            evt_batch_unref(job->sources[i].pool[k]);
    }
    for (uint32_t i = 0; job->tasks && i < job->exec.n_tasks; i++)
        if (job->tasks[i].job)
            rt_task_close(&job->tasks[i]);
    for (uint32_t i = 0; job->channels && i < job->exec.n_channels; i++)
        rt_ring_free(job->channels[i].ring);
    base_free(job->channels);
    base_free(job->sources);
    job->sinks_open = false;
    job->channels = NULL;
    job->sources = NULL;
    job->n_sources = 0;
    for (uint32_t n = 0; n < job->plan->n_nodes; n++)
        atomic_store(&job->buffered[n], 0);
}

enum cep_rc rt_job_open(struct rt_job *job, const struct rt_snap *snap, struct cep_err *err) {
    struct rt_restore restore;
    enum cep_rc rc = CEP_OK;
    atomic_fetch_add(&job->attempt, 1);
    if (snap) {
        rc = rt_restore_init(&restore, snap, err);
        job->restore = &restore;
    }
    if (rc == CEP_OK)
        rc = open_tasks(job, err);
    job->is_kept = rc == CEP_OK && snap && (!job->opts.losses || sto_losses_total(job->opts.losses) == 0) &&
                   rt_restore_has_ends(&restore, job->plan);
    if (snap)
        rt_restore_release(&restore);
    job->restore = NULL;
    return rc;
}

enum cep_rc rt_job_need_work(struct rt_job *job, struct cep_err *err) {
    if (job->work)
        return CEP_OK;
    if (job->opts.work_dir)
        return sto_work_open(job->opts.work_dir, &job->work, err);
    struct base_buf b = BASE_BUF_INIT;
    const char *tmp = getenv("TMPDIR");
    base_buf_printf(&b, "%s/cepd-state-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    enum cep_rc rc = mkdtemp(b.p) ? sto_work_open(b.p, &job->work, err)
                                  : base_err_set(err, CEP_EIO, "could not make a folder for state \"%s\": %s",
                                        b.p, strerror(errno));
    base_buf_release(&b);
    return rc;
}

void rt_job_begin_again(struct rt_job *job) {
    (void)pthread_mutex_lock(&job->mutex);
    job->failed = CEP_OK;
    job->signal = RT_GATHERING;
    (void)pthread_mutex_unlock(&job->mutex);
    atomic_store(&job->halt, false);
}

enum cep_rc rt_job_go_back(struct rt_job *job, struct cep_err *err) {
    struct rt_snap latest;
    rt_snap_init(&latest);
    close_tasks(job);
    enum cep_rc rc = job->opts.latest(job->opts.arg, &latest, err);
    if (rc == CEP_OK)
        rc = rt_job_open(job, &latest, err);
    if (rc == CEP_OK)
        rt_coordinator_restored(job->coordinator, &latest);
    rt_snap_release(&latest);
    rt_job_begin_again(job);
    return rc;
}

enum cep_rc rt_job_new(
    const struct plan *plan, const struct rt_opts *opts, struct rt_job **out, struct cep_err *err) {
    struct rt_job *job = base_calloc(1, sizeof *job);
    job->plan = plan;
    job->opts = *opts;
    job->opts.restore = NULL; /* the caller may free it before the job ends */
    (void)pthread_mutex_init(&job->mutex, NULL);
    (void)pthread_cond_init(&job->begin, NULL);
    job->trace = (struct rt_trace){ on_trace, job };
    job->graph = plan_job_new(plan, opts->parallelism);
    rt_exec_init(&job->exec, job->graph);
    find_groups(job);
    enum cep_rc rc = CEP_OK;
    job->done_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (job->done_fd < 0)
        rc = base_err_set(err, CEP_EIO, "could not make an event descriptor: %s", strerror(errno));
    job->tasks = base_calloc(job->exec.n_tasks, sizeof *job->tasks);
    for (uint32_t i = 0; i < job->exec.n_tasks && rc == CEP_OK; i++)
        rc = rt_task_init(&job->tasks[i], job, i, err);
    if (rc == CEP_OK && opts->part)
        rc = rt_part_new(job, opts->part, &job->part, err);
    if (opts->remote)
        job->master = rt_master_new(job, opts->restore);
    if (rc == CEP_OK && !opts->part && (opts->keep || opts->keep_savepoint))
        rc = rt_coordinator_new(job, &job->coordinator, err);
    if (rc == CEP_OK && !opts->remote)
        rc = rt_job_open(job, opts->restore, err);
    if (rc == CEP_OK && opts->part)
        rc = rt_part_opened(job, err);
    if (rc == CEP_OK && job->coordinator && opts->restore)
        rt_coordinator_restored(job->coordinator, opts->restore);
    if (!opts->remote)
        job->opts.losses = NULL;
    if (rc != CEP_OK && opts->part && err)
        err->retriable = false; /* it is for the master to know: as it begins there is nobody who goes back */
    if (rc != CEP_OK) {
        rt_job_free(job);
        return rc;
    }
    *out = job;
    return CEP_OK;
}

void rt_job_free(struct rt_job *job) {
    if (!job)
        return;
    if (job->part)
        rt_part_stop(job->part);
    rt_coordinator_free(job->coordinator);
    close_tasks(job);
    rt_part_free(job->part);
    rt_master_free(job->master);
    for (uint32_t i = 0; job->tasks && i < job->exec.n_tasks; i++)
        rt_task_release(&job->tasks[i]);
    if (job->done_fd >= 0)
        (void)close(job->done_fd);
    sto_work_close(job->work);
    base_free(job->tasks);
    base_free(job->group);
    base_free((void *)(uintptr_t)job->buffered);
    base_free((void *)(uintptr_t)job->buffered_elsewhere);
    rt_exec_release(&job->exec);
    plan_job_free(job->graph);
    (void)pthread_cond_destroy(&job->begin);
    (void)pthread_mutex_destroy(&job->mutex);
    base_free(job);
}
