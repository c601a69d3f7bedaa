/*
 * rt_master -- see rt_master.h: attempts of the whole job, and what comes from its parts.
 */
#include "runtime/rt_master_internal.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

struct rt_master *rt_master_new(struct rt_job *job, const struct rt_snap *restore) {
    struct rt_master *m = base_calloc(1, sizeof *m);
    m->remote = job->opts.remote;
    m->job = job;
    m->reports = rt_reports_new(job);
    m->tasks = base_calloc(master_n_tasks(job) + (size_t)1, sizeof *m->tasks);
    m->regions = base_calloc(master_n_regions(job) + (size_t)1, sizeof *m->regions);
    m->all = base_calloc(master_n_regions(job) + (size_t)1, sizeof *m->all);
    for (uint32_t t = 0; t < master_n_tasks(job); t++)
        m->regions[job->exec.tasks[t].region].n_tasks++;
    for (uint32_t r = 0; r < master_n_regions(job); r++)
        m->all[r] = true;
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
    base_free(m->regions);
    base_free(m->all);
    base_free(m);
}

/* -- what comes ------------------------------------------------------------------------------------------------------ */

/* Takes the lock when it is of the region's attempt. */
static struct master_region *enter(struct rt_job *job, uint32_t attempt, uint32_t region) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    if (region < master_n_regions(job) && m->regions[region].open && m->regions[region].attempt == attempt)
        return &m->regions[region];
    (void)pthread_mutex_unlock(&m->mutex);
    return NULL;
}

static struct master_region *enter_task(struct rt_job *job, uint32_t attempt, uint32_t task) {
    return enter(job, attempt, job->exec.tasks[task].region);
}

static void leave(struct rt_job *job) {
    (void)pthread_mutex_unlock(&job->master->mutex);
    rt_job_wake(job);
}

bool rt_master_hears(struct rt_job *job, uint32_t attempt, uint32_t region) {
    bool hears = enter(job, attempt, region) != NULL;
    if (hears)
        (void)pthread_mutex_unlock(&job->master->mutex);
    return hears;
}

void rt_master_ready(struct rt_job *job, uint32_t attempt, uint32_t task, const struct sto_losses *losses) {
    struct rt_master *m = job->master;
    struct master_region *r = enter_task(job, attempt, task);
    if (!r)
        return;
    r->n_ready += !m->tasks[task].ready;
    m->tasks[task].ready = true;
    for (size_t i = 0; losses && i < losses->n; i++)
        sto_lose(&m->losses, base_str_of(losses->v[i].op), base_str_of(losses->v[i].what), losses->v[i].n);
    leave(job);
}

/* Under the lock, so that none comes after the attempt was closed. */
void rt_master_saved(struct rt_job *job, uint32_t attempt, struct rt_saved *s) {
    bool heard = job->coordinator && enter_task(job, attempt, s->task);
    if (!heard) {
        rt_saved_free(s);
        return;
    }
    rt_coordinator_acknowledge(job->coordinator, s);
    leave(job);
}

void rt_master_committed(struct rt_job *job, uint32_t attempt, uint32_t task, uint64_t id) {
    struct rt_master *m = job->master;
    if (!enter_task(job, attempt, task))
        return;
    if (m->tasks[task].committed < id)
        m->tasks[task].committed = id;
    leave(job);
}

void rt_master_ended(struct rt_job *job, uint32_t attempt, uint32_t task) {
    struct rt_master *m = job->master;
    struct master_region *r = enter_task(job, attempt, task);
    if (!r)
        return;
    r->n_ended += !m->tasks[task].ended;
    m->tasks[task].ended = true;
    if (job->coordinator)
        rt_coordinator_ended(job->coordinator, task);
    leave(job);
}

void rt_master_failed(struct rt_job *job, uint32_t attempt, uint32_t region, const struct cep_err *err) {
    struct master_region *r = enter(job, attempt, region);
    if (!r)
        return;
    if (!job->master->apart || err->fatal) {
        rt_job_fail(job, err->rc, err);
    } else if (r->failed == CEP_OK) {
        r->failed = err->rc;
        r->failure = *err;
    }
    leave(job);
}

uint32_t rt_master_attempt(struct rt_job *job, uint32_t task) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    uint32_t attempt = m->regions[job->exec.tasks[task].region].attempt;
    (void)pthread_mutex_unlock(&m->mutex);
    return attempt;
}

struct rt_reports *rt_master_reports(struct rt_job *job) {
    return job->master->reports;
}

/* -- to the parts ---------------------------------------------------------------------------------------------------- */

void rt_master_start(struct rt_job *job) {
    job->master->remote->start(job->master->remote->arg, job->master->all);
}

void rt_master_barrier(struct rt_job *job, uint64_t id, struct rt_barrier how) {
    job->master->remote->barrier(job->master->remote->arg, id, how);
}

void rt_master_complete(struct rt_job *job, uint64_t id) {
    job->master->remote->complete(job->master->remote->arg, id);
}

void rt_master_resume(struct rt_job *job) {
    job->master->remote->resume(job->master->remote->arg);
}

/* -- an attempt ------------------------------------------------------------------------------------------------------ */

void master_open(struct rt_job *job, const bool *which) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    m->attempt++;
    for (uint32_t i = 0; i < master_n_regions(job); i++) {
        struct master_region *r = &m->regions[i];
        if (which[i])
            *r = (struct master_region){ .n_tasks = r->n_tasks, .attempt = m->attempt, .open = true };
    }
    for (uint32_t t = 0; t < master_n_tasks(job); t++)
        if (which[job->exec.tasks[t].region])
            m->tasks[t] = (struct master_task){ .ready = false };
    sto_losses_release(&m->losses);
    sto_losses_init(&m->losses);
    (void)pthread_mutex_unlock(&m->mutex);
    rt_reports_begin(m->reports, job, which);
}

void master_close(struct rt_job *job, const bool *which) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t i = 0; i < master_n_regions(job); i++)
        m->regions[i].open &= !which[i];
    (void)pthread_mutex_unlock(&m->mutex);
}

enum cep_rc master_failure_of(struct rt_job *job, struct cep_err *err) {
    (void)pthread_mutex_lock(&job->mutex);
    enum cep_rc rc = job->failed;
    if (rc != CEP_OK && err)
        *err = job->failure;
    (void)pthread_mutex_unlock(&job->mutex);
    return rc;
}

bool master_all_ready(struct rt_job *job, const bool *which) {
    struct rt_master *m = job->master;
    bool all = true;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t i = 0; i < master_n_regions(job); i++)
        all &= !which[i] || m->regions[i].n_ready == m->regions[i].n_tasks;
    (void)pthread_mutex_unlock(&m->mutex);
    return all;
}

static bool all_ended(struct rt_job *job) {
    struct rt_master *m = job->master;
    bool all = true;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t i = 0; i < master_n_regions(job); i++)
        all &= m->regions[i].n_ended == m->regions[i].n_tasks;
    (void)pthread_mutex_unlock(&m->mutex);
    return all;
}

static bool all_committed(struct rt_job *job, uint64_t id) {
    struct rt_master *m = job->master;
    bool all = true;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t t = 0; t < master_n_tasks(job); t++)
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
    master_open(job, m->all);
    enum cep_rc rc = m->remote->deploy(m->remote->arg, m->attempt, m->all, from, next, err);
    while (rc == CEP_OK && (rc = master_failure_of(job, err)) == CEP_OK && !master_all_ready(job, m->all)) {
        rt_job_wait(job, &shown);
        if (atomic_load(&job->stop))
            rc = base_err_set(err, CEP_EINTERRUPTED, "interrupted");
    }
    if (rc == CEP_OK)
        rc = judge(job, err);
    if (rc != CEP_OK) {
        master_close(job, m->all);
        m->remote->cancel(m->remote->arg, m->all);
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
        rt_coordinator_restored(job->coordinator, &latest);
    rt_snap_release(&latest);
    return rc;
}

static void set_apart(struct rt_job *job, bool apart) {
    struct rt_master *m = job->master;
    (void)pthread_mutex_lock(&m->mutex);
    m->apart = apart;
    (void)pthread_mutex_unlock(&m->mutex);
}

/* Until all tasks have ended, or something has failed; a stop is passed on, once. */
static enum cep_rc wait_for_change(struct rt_job *job, bool *stopped, struct cep_err *err) {
    struct rt_master *m = job->master;
    int64_t shown = atomic_load(&job->started_us);
    enum cep_rc rc;
    while ((rc = master_failure_of(job, err)) == CEP_OK && !all_ended(job) && !master_region_failed(job)) {
        rt_job_wait(job, &shown);
        if (!*stopped && atomic_load(&job->stop)) {
            *stopped = true;
            m->remote->stop(m->remote->arg);
        }
    }
    return rc;
}

/*
 * Until all tasks have ended, or the job has failed. What fails once all have ended is the whole job's: a failure that came before
 * that is looked at is a region's, so the order below matters.
 */
static enum cep_rc wait_for_tasks(struct rt_job *job, struct cep_err *err) {
    bool stopped = false;
    enum cep_rc rc;
    while ((rc = wait_for_change(job, &stopped, err)) == CEP_OK) {
        if (all_ended(job))
            set_apart(job, false);
        if (!master_region_failed(job))
            break;
        set_apart(job, true);
        if ((rc = master_mend(job, err)) != CEP_OK)
            break;
    }
    return rc;
}

/* Sinks have committed what is complete. */
static enum cep_rc wait_for_commits(struct rt_job *job, uint64_t id, struct cep_err *err) {
    int64_t shown = clk_mono(job->opts.clk);
    enum cep_rc rc;
    while ((rc = master_failure_of(job, err)) == CEP_OK && !all_committed(job, id))
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
    set_apart(job, job->restart && master_n_regions(job) > 1); /* from the first row on */
    if (co)
        rc = rt_coordinator_start(co, err);
    else
        rt_master_start(job);
    rc = rc == CEP_OK ? wait_for_tasks(job, err) : rc;
    set_apart(job, false);
    if (rc != CEP_OK)
        master_close(job, job->master->all);
    if (co)
        rt_coordinator_stop(co);
    if (rc == CEP_OK && (rc = master_failure_of(job, err)) == CEP_OK)
        rc = take(job, err);
    if (rc == CEP_OK && co && rt_coordinator_complete(co) != before)
        rc = wait_for_commits(job, rt_coordinator_complete(co), err);
    return rc;
}

enum cep_rc rt_master_run(struct rt_job *job, struct cep_err *err) {
    struct rt_master *m = job->master;
    enum cep_rc rc = run(job, err);
    master_close(job, m->all);
    m->remote->cancel(m->remote->arg, m->all);
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
