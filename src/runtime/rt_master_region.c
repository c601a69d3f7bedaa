/*
 * rt_master_region -- see rt_master.h: a region that failed goes back to the last checkpoint, the others go on.
 */
#include "runtime/rt_master_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"

#include <stdio.h>

bool master_region_failed(struct rt_job *job) {
    struct rt_master *m = job->master;
    bool any = false;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t i = 0; i < master_n_regions(job); i++)
        any |= m->regions[i].open && m->regions[i].failed != CEP_OK;
    (void)pthread_mutex_unlock(&m->mutex);
    return any;
}

/* Adds those that have failed, and hears nothing of them any more. Returns: the first failure that was not known yet; CEP_OK: there is none. */
static enum cep_rc take_failed(struct rt_job *job, bool *which, struct cep_err *err) {
    struct rt_master *m = job->master;
    enum cep_rc rc = CEP_OK;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t i = 0; i < master_n_regions(job); i++) {
        struct master_region *r = &m->regions[i];
        if (!r->open || r->failed == CEP_OK)
            continue;
        if (rc == CEP_OK) {
            rc = r->failed;
            *err = r->failure;
        }
        which[i] = true;
        r->open = false;
    }
    (void)pthread_mutex_unlock(&m->mutex);
    return rc;
}

static bool of_these_failed(struct rt_job *job, const bool *which) {
    struct rt_master *m = job->master;
    bool any = false;
    (void)pthread_mutex_lock(&m->mutex);
    for (uint32_t i = 0; i < master_n_regions(job); i++)
        any |= which[i] && m->regions[i].failed != CEP_OK;
    (void)pthread_mutex_unlock(&m->mutex);
    return any;
}

static uint32_t n_tasks_of(const struct rt_job *job, const bool *which) {
    uint32_t n = 0;
    for (uint32_t t = 0; t < master_n_tasks(job); t++)
        n += which[job->exec.tasks[t].region];
    return n;
}

/* As the strategy says. Returns: CEP_OK: they begin again now; CEP_EINTERRUPTED; else `failed`, which stands. */
static enum cep_rc wait_for_restart(
    struct rt_job *job, const bool *which, enum cep_rc failed, struct cep_err *err) {
    char whose[64];
    (void)snprintf(whose, sizeof whose, "%u of %u tasks go back to the last checkpoint",
        n_tasks_of(job, which), master_n_tasks(job));
    bool all = n_tasks_of(job, which) == master_n_tasks(job);
    return rt_job_wait_for_restart(job, all ? "the job goes back to its last checkpoint" : whose,
        all ? "" : ", the others go on", failed, err);
}

/* Until all of their tasks are ready. An error is theirs, unless it is the whole job's. */
static enum cep_rc deploy(
    struct rt_job *job, const bool *which, const struct rt_snap *from, struct cep_err *err) {
    struct rt_master *m = job->master;
    int64_t shown = clk_mono(job->opts.clk);
    master_open(job, which);
    enum cep_rc rc = m->remote->deploy(
        m->remote->arg, m->attempt, which, from, rt_coordinator_next(job->coordinator), err);
    while (rc == CEP_OK && (rc = master_failure_of(job, err)) == CEP_OK && !of_these_failed(job, which) &&
           !master_all_ready(job, which)) {
        rt_job_wait(job, &shown);
        if (atomic_load(&job->stop))
            rc = rt_job_interrupted(err);
    }
    return rc;
}

/* They run again. Requires: the coordinator is paused, and they are ready. */
static void start(struct rt_job *job, const bool *which, const struct rt_snap *from) {
    struct rt_master *m = job->master;
    for (uint32_t t = 0; t < master_n_tasks(job); t++)
        if (which[job->exec.tasks[t].region])
            rt_coordinator_renew(job->coordinator, t);
    rt_coordinator_restored(job->coordinator, from);
    m->remote->start(m->remote->arg, which);
}

/*
 * Once. Returns: CEP_OK: they run, and `which` is empty; or of these (master_region_failed()) or others one has failed; CEP_AGAIN: they could not be
 * deployed this time (`err`); else the job's end.
 */
static enum cep_rc begin_again(struct rt_job *job, bool *which, struct cep_err *err) {
    struct rt_master *m = job->master;
    struct rt_snap latest;
    m->remote->cancel(m->remote->arg, which);
    rt_snap_init(&latest);
    enum cep_rc rc = job->opts.latest(job->opts.arg, &latest, err);
    if (rc == CEP_OK)
        rc = deploy(job, which, &latest, err);
    if (rc == CEP_OK && !of_these_failed(job, which)) {
        start(job, which, &latest);
        memset(which, 0, master_n_regions(job) * sizeof *which);
    } else if (rc != CEP_OK) {
        master_close(job, which);
    }
    rt_snap_release(&latest);
    return rc;
}

/* A failure of a deployment that others than these regions have no part in is tried again like any other. */
static enum cep_rc mend(struct rt_job *job, bool *which, struct cep_err *err) {
    enum cep_rc failed = take_failed(job, which, err), rc;
    while (failed != CEP_OK) {
        rc = wait_for_restart(job, which, failed, err);
        if (rc != CEP_OK)
            return rc;
        struct cep_err meanwhile = CEP_ERR_INIT;
        (void)take_failed(job, which, &meanwhile);
        failed = begin_again(job, which, err);
        if (failed != CEP_OK && (master_failure_of(job, NULL) != CEP_OK || failed == CEP_EINTERRUPTED))
            return failed;
        if (failed == CEP_OK)
            failed = take_failed(job, which, err);
    }
    return CEP_OK;
}

enum cep_rc master_mend(struct rt_job *job, struct cep_err *err) {
    struct cep_err why = CEP_ERR_INIT;
    bool *which = base_calloc(master_n_regions(job) + (size_t)1, sizeof *which);
    (void)base_err_set(&why, CEP_EIO, "some of the job's tasks have failed");
    why.retriable = true;
    rt_coordinator_pause(job->coordinator, &why);
    enum cep_rc rc = mend(job, which, &why);
    if (rc == CEP_OK)
        rc = rt_coordinator_go_on(job->coordinator, &why);
    if (rc == CEP_OK)
        rt_job_runs(job);
    if (rc != CEP_OK && err)
        *err = why;
    base_free(which);
    return rc;
}
