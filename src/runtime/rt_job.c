/*
 * rt_job -- see rt_job.h: tasks are started and waited for; what can be seen of them.
 */
#include "runtime/rt_coordinator.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_master.h"
#include "runtime/rt_part.h"

#include "base/base_err.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { LOOK_MS = 100 };

static void ring(int fd) {
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* full: it will wake up anyway */
}

static void ring_all(struct rt_job *job) {
    for (uint32_t i = 0; i < job->exec.n_tasks; i++)
        ring(job->tasks[i].bell_fd);
    ring(job->done_fd);
}

void rt_job_wake(struct rt_job *job) {
    ring(job->done_fd);
}

void rt_job_stop(struct rt_job *job) {
    atomic_store(&job->stop, true);
    ring_all(job);
}

void rt_job_halt(struct rt_job *job) {
    if (!atomic_exchange(&job->halt, true))
        ring_all(job);
}

void rt_job_fail(struct rt_job *job, enum cep_rc rc, const struct cep_err *err) {
    (void)pthread_mutex_lock(&job->mutex);
    bool first = job->failed == CEP_OK;
    if (first) {
        job->failed = rc;
        job->failure = *err;
    }
    (void)pthread_mutex_unlock(&job->mutex);
    if (job->part)
        rt_part_failed(job, first ? err : NULL);
    rt_job_halt(job);
}

bool rt_job_has_failed(struct rt_job *job) {
    (void)pthread_mutex_lock(&job->mutex);
    bool failed = job->failed != CEP_OK;
    (void)pthread_mutex_unlock(&job->mutex);
    return failed;
}

void rt_job_log(struct rt_job *job, enum con_level level, const char *text) {
    if (!job->opts.log)
        return;
    (void)pthread_mutex_lock(&job->mutex);
    job->opts.log(job->opts.arg, level, text);
    (void)pthread_mutex_unlock(&job->mutex);
}

uint64_t rt_job_buffered(const struct rt_job *job) {
    int64_t n = 0;
    for (uint32_t g = 0; g < job->plan->n_nodes; g++)
        n += rt_job_group_buffered(job, g);
    return n > 0 ? (uint64_t)n : 0;
}

bool rt_job_has(const struct rt_job *job, uint32_t task) {
    return !job->master && (!job->part || rt_part_has(job->part, task));
}

bool rt_job_keeps(const struct rt_job *job) {
    return job->part ? rt_part_keeps(job->part) : job->opts.keep != NULL;
}

bool rt_job_keeps_savepoints(const struct rt_job *job) {
    return job->part ? rt_part_keeps_savepoints(job->part) : job->opts.keep_savepoint != NULL;
}

/* -- threads ------------------------------------------------------------------------------------------------------ */

/* All or none: a task that could not be started would let the others wait for ever. */
static bool wait_for_signal(struct rt_job *job) {
    (void)pthread_mutex_lock(&job->mutex);
    while (job->signal == RT_GATHERING)
        (void)pthread_cond_wait(&job->begin, &job->mutex);
    bool go = job->signal == RT_GO;
    (void)pthread_mutex_unlock(&job->mutex);
    return go;
}

static void *run_task(void *arg) {
    struct rt_task *task = arg;
    struct rt_job *job = task->job;
    if (wait_for_signal(job)) {
        rt_task_run(task);
        atomic_fetch_sub(&job->running, 1);
        ring(job->done_fd);
    }
    return NULL;
}

static uint32_t n_here(const struct rt_job *job) {
    uint32_t n = 0;
    for (uint32_t t = 0; t < job->exec.n_tasks; t++)
        n += rt_job_has(job, t);
    return n;
}

enum cep_rc rt_job_start_threads(struct rt_job *job, uint32_t *n, struct cep_err *err) {
    int rc = 0;
    atomic_store(&job->running, n_here(job));
    for (*n = 0; *n < job->exec.n_tasks; (*n)++) {
        struct rt_task *task = &job->tasks[*n];
        if (rt_job_has(job, *n) && (rc = pthread_create(&task->thread, NULL, run_task, task)) != 0)
            break;
    }
    (void)pthread_mutex_lock(&job->mutex);
    job->signal = rc == 0 ? RT_GO : RT_NO_GO;
    (void)pthread_cond_broadcast(&job->begin);
    (void)pthread_mutex_unlock(&job->mutex);
    return rc == 0 ? CEP_OK
                   : base_err_set(err, CEP_EIO, "could not start thread %u of %u: %s", *n + 1,
                         job->exec.n_tasks, strerror(rc));
}

void rt_job_join_threads(struct rt_job *job, uint32_t n) {
    for (uint32_t t = 0; t < n; t++)
        if (rt_job_has(job, t))
            (void)pthread_join(job->tasks[t].thread, NULL);
}

static void show_progress(struct rt_job *job) {
    (void)pthread_mutex_lock(&job->mutex);
    job->opts.progress(job->opts.arg, job);
    (void)pthread_mutex_unlock(&job->mutex);
}

void rt_job_wait(struct rt_job *job, int64_t *shown_us) {
    bool wanted = job->opts.progress && job->opts.progress_every_us > 0;
    struct pollfd p = { .fd = job->done_fd, .events = POLLIN };
    uint64_t n;
    if (poll(&p, 1, LOOK_MS) > 0 && read(job->done_fd, &n, sizeof n) < 0)
        return; /* somebody was faster */
    int64_t now = clk_mono(job->opts.clk);
    if (wanted && now - *shown_us >= job->opts.progress_every_us) {
        *shown_us = now;
        show_progress(job);
    }
}

static enum cep_rc run_threads(struct rt_job *job, struct cep_err *err) {
    uint32_t n;
    int64_t shown = atomic_load(&job->started_us);
    enum cep_rc rc = rt_job_start_threads(job, &n, err);
    while (rc == CEP_OK && atomic_load(&job->running) > 0)
        rt_job_wait(job, &shown);
    rt_job_join_threads(job, n);
    return rc;
}

static enum cep_rc run_tasks(struct rt_job *job, struct cep_err *err) {
    if (job->exec.n_tasks > 1)
        return run_threads(job, err);
    rt_task_run(&job->tasks[0]);
    return CEP_OK;
}

/* Until all tasks have ended, with checkpoints meanwhile. */
static enum cep_rc run_once(struct rt_job *job, struct cep_err *err) {
    struct rt_coordinator *co = job->coordinator;
    enum cep_rc rc = co ? rt_coordinator_start(co, err) : CEP_OK;
    if (rc == CEP_OK)
        rc = run_tasks(job, err);
    if (co)
        rt_coordinator_stop(co);
    if (rc == CEP_OK && job->failed != CEP_OK) {
        if (err)
            *err = job->failure;
        return job->failed;
    }
    return rc;
}

/* To the end, and a last checkpoint of it. */
static enum cep_rc run_to_the_end(struct rt_job *job, struct cep_err *err) {
    enum cep_rc rc = run_once(job, err);
    return rc == CEP_OK && job->opts.keep ? rt_coordinator_take(job->coordinator, err) : rc;
}

static enum cep_rc run_attempt(struct rt_job *job, struct cep_err *err) {
    return job->master ? rt_master_run(job, err) : run_to_the_end(job, err);
}

/* Returns: false when the job was told to stop meanwhile. */
static bool wait_for_restart(struct rt_job *job, int64_t us) {
    int64_t until = clk_mono(job->opts.clk) + us, left;
    while (!atomic_load(&job->stop) && (left = until - clk_mono(job->opts.clk)) > 0)
        (void)poll(NULL, 0, left < LOOK_MS * 1000 ? (int)((left + 999) / 1000) : LOOK_MS);
    return !atomic_load(&job->stop);
}

static void say_state(struct rt_job *job, enum rt_state state, const struct cep_err *why) {
    if (job->opts.state)
        job->opts.state(job->opts.arg, state, why);
}

enum cep_rc rt_job_interrupted(struct cep_err *err) {
    *err = (struct cep_err)CEP_ERR_INIT;
    return base_err_set(err, CEP_EINTERRUPTED, "interrupted");
}

/* `fatal`: the failure is one that does not pass. */
static void say_no_restart(struct rt_job *job, bool fatal) {
    char text[192], limit[128];
    if (!fatal)
        rt_restart_write_limit(job->restart, limit, sizeof limit);
    (void)snprintf(text, sizeof text, "no restart: %s", fatal ? "what failed would fail again" : limit);
    rt_job_log(job, CON_LEVEL_ERROR, text);
}

enum cep_rc rt_job_wait_for_restart(
    struct rt_job *job, const char *who, const char *others, enum cep_rc failed, struct cep_err *err) {
    char text[sizeof err->message + sizeof err->hint + 192];
    int64_t wait = err->fatal ? -1 : rt_restart_failed(job->restart, clk_mono(job->opts.clk));
    if (wait < 0) {
        say_no_restart(job, err->fatal);
        err->fatal = true;
        return failed;
    }
    (void)snprintf(text, sizeof text, "%s%s%s%s; %s in %.1f s%s (restart %u)", err->message,
        err->hint[0] ? " (" : "", err->hint, err->hint[0] ? ")" : "", who, (double)wait / 1e6, others,
        job->restart->n_restarts);
    rt_job_log(job, CON_LEVEL_ERROR, text);
    rt_coordinator_restarts(job->coordinator);
    say_state(job, RT_STATE_RESTARTING, err);
    if (!wait_for_restart(job, wait))
        return rt_job_interrupted(err);
    *err = (struct cep_err)CEP_ERR_INIT;
    return CEP_OK;
}

void rt_job_runs(struct rt_job *job) {
    rt_restart_running(job->restart, clk_mono(job->opts.clk));
    say_state(job, RT_STATE_RUNNING, NULL);
}

/*
 * After a failure, as often as the strategy says. Returns: CEP_OK = the job may begin again; CEP_EINTERRUPTED = it was told to
 * stop meanwhile; else what stands.
 */
static enum cep_rc go_back(struct rt_job *job, enum cep_rc failed, struct cep_err *err) {
    while (failed != CEP_OK) {
        enum cep_rc rc = rt_job_wait_for_restart(
            job, "the job goes back to its last checkpoint", "", failed, err);
        if (rc != CEP_OK)
            return rc;
        failed = job->master ? rt_master_go_back(job, err) : rt_job_go_back(job, err);
    }
    say_state(job, RT_STATE_RUNNING, NULL);
    return CEP_OK;
}

/* `rc`, `why`: how its first attempt began. */
static enum cep_rc run_with_restarts(struct rt_job *job, enum cep_rc rc, struct cep_err *why) {
    struct rt_restart r;
    bool may = job->opts.keep && job->opts.latest;
    rt_restart_init(&r, &job->opts.restart);
    job->restart = may ? &r : NULL;
    do {
        rt_restart_running(&r, clk_mono(job->opts.clk));
        if (rc == CEP_OK)
            rc = run_attempt(job, why);
    } while (rc != CEP_OK && may && !atomic_load(&job->stop) && (rc = go_back(job, rc, why)) == CEP_OK);
    job->restart = NULL;
    rt_restart_release(&r);
    return rc;
}

/* There is something to go back to before the first row is read. Elsewhere tasks may fail to begin, and that may pass. */
static enum cep_rc run_all(struct rt_job *job, struct cep_err *why) {
    enum cep_rc rc = CEP_OK;
    if (job->master)
        rc = rt_master_begin(job, why);
    else if (job->opts.keep && !(job->opts.restore_is_latest && job->is_kept))
        rc = rt_coordinator_take(job->coordinator, why);
    if (rc != CEP_OK && !(job->master && why->retriable))
        return rc;
    if (rc == CEP_OK && job->master)
        say_state(job, RT_STATE_RUNNING, NULL);
    return run_with_restarts(job, rc, why);
}

static bool all_read(struct rt_job *job) {
    bool all_done = true;
    for (uint32_t i = 0; i < job->n_sources; i++)
        all_done &= job->sources[i].done;
    return job->master ? rt_master_all_read(job) : all_done;
}

enum cep_rc rt_job_run(struct rt_job *job, struct cep_err *err) {
    struct cep_err why = CEP_ERR_INIT;
    atomic_store(&job->started_us, clk_mono(job->opts.clk));
    enum cep_rc rc = run_all(job, &why);
    if (job->coordinator)
        rt_coordinator_close(job->coordinator, rc == CEP_OK ? NULL : &why);
    if (rc != CEP_OK && err)
        *err = why;
    if (rc == CEP_OK && atomic_load(&job->stop) && !all_read(job))
        return base_err_set(err, CEP_EINTERRUPTED, "interrupted");
    return rc;
}

enum cep_rc rt_job_savepoint(struct rt_job *job, const struct rt_savepoint *s, struct cep_err *err) {
    return job->opts.keep_savepoint ? rt_coordinator_ask(job->coordinator, s, err)
                                    : base_err_set(err, CEP_ESTATE, "the job takes no savepoints");
}

/* -- looking at it ------------------------------------------------------------------------------------------------- */

uint32_t rt_job_n_ops(const struct rt_job *job) {
    return job->plan->n_nodes + job->plan->n_sinks;
}

static void add_metrics(struct rt_metrics *to, const struct rt_metrics *m) {
#define ADD_METRIC(field, name, help) to->field += m->field;
    RT_METRIC_LIST(ADD_METRIC)
#undef ADD_METRIC
}

void rt_job_op_info(struct rt_job *job, uint32_t i, struct rt_op_info *out) {
    *out = (struct rt_op_info){ .kind = NULL };
    for (uint32_t t = 0; t < job->exec.n_tasks; t++) {
        struct rt_task *task = &job->tasks[t];
        (void)pthread_mutex_lock(&task->mutex);
        const struct rt_op_info *info = &task->shown[i];
        if (info->kind && !out->kind) {
            *out = *info;
        } else if (info->kind) {
            if (out->metrics.undecodable == 0)
                out->first_undecodable = info->first_undecodable;
            if (out->metrics.failed == 0)
                out->first_failure = info->first_failure;
            if (info->watermark < out->watermark)
                out->watermark = info->watermark;
            out->idle &= info->idle;
            out->ended &= info->ended;
            add_metrics(&out->metrics, &info->metrics);
        }
        (void)pthread_mutex_unlock(&task->mutex);
    }
}

const struct plan_job *rt_job_graph(const struct rt_job *job) {
    return job->graph;
}

const struct rt_exec *rt_job_exec(const struct rt_job *job) {
    return &job->exec;
}

uint32_t rt_job_n_tasks(const struct rt_job *job) {
    return job->exec.n_tasks;
}

void rt_job_task_info(struct rt_job *job, uint32_t i, struct rt_task_info *out) {
    struct rt_task *task = &job->tasks[i];
    (void)pthread_mutex_lock(&task->mutex);
    *out = task->shown_task;
    (void)pthread_mutex_unlock(&task->mutex);
    out->vertex = job->exec.tasks[i].vertex;
    out->subtask = job->exec.tasks[i].subtask;
    out->region = job->exec.tasks[i].region;
    out->attempt = job->master ? rt_master_attempt(job, i) : atomic_load(&job->attempt);
}

bool rt_job_task_op(struct rt_job *job, uint32_t i, uint32_t op, struct rt_op_info *out) {
    struct rt_task *task = &job->tasks[i];
    (void)pthread_mutex_lock(&task->mutex);
    *out = task->shown[op];
    (void)pthread_mutex_unlock(&task->mutex);
    return out->kind != NULL;
}

void rt_job_totals(struct rt_job *job, struct rt_totals *out) {
    *out = (struct rt_totals){ .watermark = EVT_TIME_MAX,
        .started_us = atomic_load(&job->started_us),
        .now_us = clk_mono(job->opts.clk) };
    for (uint32_t i = 0; i < job->plan->n_nodes; i++) {
        struct rt_op_info info;
        rt_job_op_info(job, i, &info);
        const struct rt_metrics *m = &info.metrics;
        if (info.is_source) {
            out->events += m->rows_in;
            if (info.watermark < out->watermark)
                out->watermark = info.watermark;
        }
        out->matches += m->matches;
        out->alerts += m->alerts;
        out->late += m->late;
        out->errors += m->undecodable + m->failed + m->no_time;
        out->suppressed += m->suppressed;
        out->timed_out += m->timed_out;
    }
}

void rt_job_checkpoints(struct rt_job *job, struct rt_checkpoint_stats *out) {
    *out = (struct rt_checkpoint_stats){ .begun = 0 };
    if (job->coordinator)
        rt_coordinator_stats(job->coordinator, out);
}
