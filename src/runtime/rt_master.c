/*
 * rt_master -- see rt_master.h.
 */
#include "runtime/rt_master.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "runtime/rt_coordinator.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_report.h"

struct rt_master {
    /* Set once. */
    const struct rt_remote *remote; /* borrowed */
    const struct rt_job *job;       /* borrowed */
    struct rt_reports *reports;     /* owned */
    struct rt_snap first;           /* where the job began: without parts */
    bool from_beginning;
    /* The thread's of rt_job_run(). */
    bool has_first; /* the first checkpoint is complete: there is something to go back to */
    bool was_ready; /* once */
    /* Shared. */
    pthread_mutex_t mutex; /* of those below */
    uint32_t attempt;
    bool open; /* what comes of it is heard */
    struct master_task {
        bool ready, ended;
        uint64_t committed;
    } * tasks; /* owned */
    uint32_t n_ready, n_ended;
    struct sto_losses losses;
};

static uint32_t n_tasks(const struct rt_job *job) {
    return job->exec.n_tasks;
}

struct rt_master *rt_master_new(struct rt_job *job, const struct rt_snap *restore) {
    struct rt_master *m = base_calloc(1, sizeof *m);
    m->remote = job->opts.remote;
    m->job = job;
    m->reports = rt_reports_new(job);
    m->tasks = base_calloc(n_tasks(job) + (size_t)1, sizeof *m->tasks);
    rt_snap_init(&m->first);
    m->from_beginning = !restore;
    if (restore) {
        m->first.id = restore->id;
        m->first.is_savepoint = restore->is_savepoint;
    }
    sto_losses_init(&m->losses);
    (void)pthread_mutex_init(&m->mutex, NULL);
    return m;
}

void rt_master_free(struct rt_master *m) {
    if (!m)
        return;
    (void)pthread_mutex_destroy(&m->mutex);
    sto_losses_release(&m->losses);
    rt_reports_free(m->reports, m->job);
    base_free(m->tasks);
    base_free(m);
}

/* -- what comes ------------------------------------------------------------------------------------------------------ */

/* Takes the lock when it is of the attempt. */
static struct rt_master *enter(struct rt_job *job, uint32_t attempt) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    if (m->open && m->attempt == attempt)
        return m;
    (void)pthread_mutex_unlock(&m->mutex);
    return NULL;
}

static void leave(struct rt_job *job) {
    (void)pthread_mutex_unlock(&job->master->mutex);
    rt_job_wake(job);
}

bool rt_master_hears(struct rt_job *job, uint32_t attempt) {
    bool hears = enter(job, attempt) != NULL;
    if (hears)
        (void)pthread_mutex_unlock(&job->master->mutex);
    return hears;
}

void rt_master_ready(struct rt_job *job, uint32_t attempt, uint32_t task, const struct sto_losses *losses) {
    struct rt_master *m = enter(job, attempt);
    if (!m)
        return;
    m->n_ready += !m->tasks[task].ready;
    m->tasks[task].ready = true;
    for (size_t i = 0; losses && i < losses->n; i++)
        sto_lose(&m->losses, base_str_of(losses->v[i].op), base_str_of(losses->v[i].what), losses->v[i].n);
    leave(job);
}

/* Under the lock, so that none comes after the attempt was closed. */
void rt_master_saved(struct rt_job *job, uint32_t attempt, struct rt_saved *s) {
    bool heard = job->coordinator && enter(job, attempt);
    if (!heard) {
        rt_saved_free(s);
        return;
    }
    rt_coordinator_acknowledge(job->coordinator, s);
    leave(job);
}

void rt_master_committed(struct rt_job *job, uint32_t attempt, uint32_t task, uint64_t id) {
    struct rt_master *m = enter(job, attempt);
    if (!m)
        return;
    if (m->tasks[task].committed < id)
        m->tasks[task].committed = id;
    leave(job);
}

void rt_master_ended(struct rt_job *job, uint32_t attempt, uint32_t task) {
    struct rt_master *m = enter(job, attempt);
    if (!m)
        return;
    m->n_ended += !m->tasks[task].ended;
    m->tasks[task].ended = true;
    if (job->coordinator)
        rt_coordinator_ended(job->coordinator, task);
    leave(job);
}

void rt_master_failed(struct rt_job *job, uint32_t attempt, const struct cep_err *err) {
    if (!enter(job, attempt))
        return;
    rt_job_fail(job, err->rc, err);
    leave(job);
}

uint32_t rt_master_attempt(struct rt_job *job) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    uint32_t attempt = m->attempt;
    (void)pthread_mutex_unlock(&m->mutex);
    return attempt;
}

struct rt_reports *rt_master_reports(struct rt_job *job) {
    return job->master->reports;
}

/* -- to the parts ---------------------------------------------------------------------------------------------------- */

/* None but the thread of rt_job_run() changes the attempt, and then nobody else sends. */

void rt_master_start(struct rt_job *job) {
    job->master->remote->start(job->master->remote->arg, job->master->attempt);
}

void rt_master_barrier(struct rt_job *job, uint64_t id, struct rt_barrier how) {
    job->master->remote->barrier(job->master->remote->arg, job->master->attempt, id, how);
}

void rt_master_complete(struct rt_job *job, uint64_t id) {
    job->master->remote->complete(job->master->remote->arg, job->master->attempt, id);
}

void rt_master_resume(struct rt_job *job) {
    job->master->remote->resume(job->master->remote->arg, job->master->attempt);
}

/* -- an attempt ------------------------------------------------------------------------------------------------------ */

static void open_attempt(struct rt_job *job) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    m->attempt++;
    m->open = true;
    m->n_ready = m->n_ended = 0;
    memset(m->tasks, 0, n_tasks(job) * sizeof *m->tasks);
    sto_losses_release(&m->losses);
    sto_losses_init(&m->losses);
    (void)pthread_mutex_unlock(&m->mutex);
    rt_reports_begin(m->reports, job);
}

/* Nothing of it is heard any more. */
static void close_attempt(struct rt_job *job) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    m->open = false;
    (void)pthread_mutex_unlock(&m->mutex);
}

static enum cep_rc failure_of(struct rt_job *job, struct cep_err *err) {
    (void)pthread_mutex_lock(&job->mutex);
    enum cep_rc rc = job->failed;
    if (rc != CEP_OK && err)
        *err = job->failure;
    (void)pthread_mutex_unlock(&job->mutex);
    return rc;
}

static bool all_ready(struct rt_job *job) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    bool all = m->n_ready == n_tasks(job);
    (void)pthread_mutex_unlock(&m->mutex);
    return all;
}

static bool all_ended(struct rt_job *job) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    bool all = m->n_ended == n_tasks(job);
    (void)pthread_mutex_unlock(&m->mutex);
    return all;
}

static bool all_committed(struct rt_job *job, uint64_t id) {
    struct rt_master *m = job->master;
    bool all = true;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t t = 0; t < n_tasks(job); t++)
        all &= m->tasks[t].committed >= id;
    (void)pthread_mutex_unlock(&m->mutex);
    return all;
}

/* Nobody reports while it is looked at: the attempt is not started yet. */
static enum cep_rc judge(struct rt_job *job, struct cep_err *err) {
    struct rt_master *m = job->master;
    if (m->was_ready)
        return CEP_OK;
    m->was_ready = true;
    return m->remote->judge ? m->remote->judge(m->remote->arg, &m->losses, err) : CEP_OK;
}

/* Until all of its tasks are ready. Ensures: after an error nothing of it is left. */
static enum cep_rc deploy(struct rt_job *job, const struct rt_snap *from, struct cep_err *err) {
    struct rt_master *m = job->master;
    uint64_t next = job->coordinator ? rt_coordinator_next(job->coordinator) : 1;
    int64_t shown = clk_mono(job->opts.clk);
    rt_job_begin_again(job);
    open_attempt(job);
    enum cep_rc rc = m->remote->deploy(m->remote->arg, m->attempt, from, next, err);
    while (rc == CEP_OK && (rc = failure_of(job, err)) == CEP_OK && !all_ready(job)) {
        rt_job_wait(job, &shown);
        if (atomic_load(&job->stop))
            rc = base_err_set(err, CEP_EINTERRUPTED, "interrupted");
    }
    if (rc == CEP_OK)
        rc = judge(job, err);
    if (rc != CEP_OK) {
        close_attempt(job);
        m->remote->cancel(m->remote->arg, m->attempt);
    }
    return rc;
}

enum cep_rc rt_master_begin(struct rt_job *job, struct cep_err *err) {
    struct rt_master *m = job->master;
    return deploy(job, m->from_beginning ? NULL : &m->first, err);
}

enum cep_rc rt_master_go_back(struct rt_job *job, struct cep_err *err) {
    struct rt_master *m = job->master;
    struct rt_snap latest;
    if (!m->has_first)
        return rt_master_begin(job, err);
    rt_snap_init(&latest);
    enum cep_rc rc = job->opts.latest(job->opts.arg, &latest, err);
    if (rc == CEP_OK)
        rc = deploy(job, &latest, err);
    if (rc == CEP_OK)
        rt_coordinator_restored(job->coordinator, &latest, true);
    rt_snap_release(&latest);
    return rc;
}

/* Until all tasks have ended, or one has failed; a stop is passed on. */
static enum cep_rc wait_for_tasks(struct rt_job *job, struct cep_err *err) {
    struct rt_master *m = job->master;
    int64_t shown = atomic_load(&job->started_us);
    bool stopped = false;
    enum cep_rc rc;
    while ((rc = failure_of(job, err)) == CEP_OK && !all_ended(job)) {
        rt_job_wait(job, &shown);
        if (!stopped && atomic_load(&job->stop)) {
            stopped = true;
            m->remote->stop(m->remote->arg, m->attempt);
        }
    }
    return rc;
}

/* Sinks have committed what is complete. */
static enum cep_rc wait_for_commits(struct rt_job *job, uint64_t id, struct cep_err *err) {
    int64_t shown = clk_mono(job->opts.clk);
    enum cep_rc rc;
    while ((rc = failure_of(job, err)) == CEP_OK && !all_committed(job, id))
        rt_job_wait(job, &shown);
    return rc;
}

static enum cep_rc take(struct rt_job *job, struct cep_err *err) {
    return job->opts.keep ? rt_coordinator_take(job->coordinator, err) : CEP_OK;
}

static enum cep_rc run(struct rt_job *job, struct cep_err *err) {
    struct rt_coordinator *co = job->coordinator;
    uint64_t before = co ? rt_coordinator_complete(co) : 0;
    enum cep_rc rc = CEP_OK;
    if (!job->master->has_first)
        rc = take(job, err);
    if (rc != CEP_OK)
        return rc;
    job->master->has_first = true;
    if (co)
        rc = rt_coordinator_start(co, err);
    else
        rt_master_start(job);
    if (rc == CEP_OK)
        rc = wait_for_tasks(job, err);
    if (rc != CEP_OK)
        close_attempt(job);
    if (co)
        rt_coordinator_stop(co);
    if (rc == CEP_OK && (rc = failure_of(job, err)) == CEP_OK)
        rc = take(job, err);
    if (rc == CEP_OK && co && rt_coordinator_complete(co) != before)
        rc = wait_for_commits(job, rt_coordinator_complete(co), err);
    return rc;
}

enum cep_rc rt_master_run(struct rt_job *job, struct cep_err *err) {
    struct rt_master *m = job->master;
    enum cep_rc rc = run(job, err);
    close_attempt(job);
    m->remote->cancel(m->remote->arg, m->attempt);
    return rc;
}

bool rt_master_all_read(struct rt_job *job) {
    for (uint32_t i = 0; i < job->plan->n_nodes; i++) {
        struct rt_op_info info;
        rt_job_op_info(job, i, &info);
        if (info.is_source && !info.ended)
            return false;
    }
    return true;
}
