/*
 * clu_master_run -- the thread of a job: from its submission, or where an earlier run left it, to its end.
 *
 *     opened (what it goes on from) ─▶ rt_job (rt_master.h) ─▶ over
 *                  ▲                        │ stopped, to have other slots
 *                  └────────────────────────┘
 */
#include "cluster/clu_master_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "state/sto_path.h"

enum { SEEN_US = 2 * 1000 * 1000 };

bool clu_master_is_to_end(struct clu_master *m) {
    return atomic_load(&m->stopping) || clu_job_is_cancelled(m->shown);
}

/* -- what the job calls ------------------------------------------------------------------------------------------------------ */

static enum cep_rc on_keep(void *arg, uint64_t id, const struct rt_snap *snap, struct cep_err *err) {
    return clu_keep_put(&((struct clu_master *)arg)->keep, id, snap, err);
}

static enum cep_rc on_latest(void *arg, struct rt_snap *out, struct cep_err *err) {
    return clu_keep_latest(&((struct clu_master *)arg)->keep, out, err);
}

static enum cep_rc on_savepoint(
    void *arg, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err) {
    return clu_keep_savepoint(((struct clu_master *)arg)->record.id, dir, snap, path, err);
}

/* With what to do about it: who looks at the job has not seen the log. */
static void remember(struct clu_master *m, const struct cep_err *why) {
    struct cep_err with_hint = *why;
    if (why->hint[0])
        (void)base_err_set(&with_hint, why->rc, "%s (%s)", why->message, why->hint);
    clu_job_failed(m->shown, &with_hint);
    base_free(m->record.failure);
    m->record.failure = base_strdup(with_hint.message);
}

static void on_state(void *arg, enum rt_state state, const struct cep_err *why) {
    struct clu_master *m = arg;
    if (why) {
        remember(m, why);
        clu_job_state(m->shown, RT_STATE_FAILING); /* on the way */
    }
    clu_master_go_to(m, state);
}

static void on_log(void *arg, enum con_level level, const char *text) {
    clu_master_say(arg, level, "%s", text);
}

static void on_keep_log(void *arg, enum con_level level, const char *text) {
    clu_master_say(arg, level, "%s", text);
}

/* -- one run ------------------------------------------------------------------------------------------------------------------ */

/* A job that ran before goes on from its last checkpoint, else from what it was submitted with. */
static enum cep_rc open_keep(struct clu_master *m, struct cep_err *err) {
    m->keep.restore = sto_store_is_used(m->keep.dir) ? "latest" : m->spec.restore;
    m->keep.allow_dropped = m->spec.allow_dropped;
    m->keep.log = on_keep_log;
    m->keep.log_arg = m;
    return clu_keep_open(&m->keep, &m->opts, err);
}

static void set_opts(struct clu_master *m) {
    m->opts.parallelism = atomic_load(&m->parallelism);
    m->opts.work_dir = base_arena_printf(&m->arena, "%s/scratch/%s", m->all->state_dir, m->record.id);
    m->opts.remote = &m->remote;
    m->opts.keep = on_keep;
    m->opts.latest = on_latest;
    m->opts.keep_savepoint = on_savepoint;
    m->opts.state = on_state;
    m->opts.log = on_log;
    m->opts.arg = m;
}

static void set_job(struct clu_master *m, struct rt_job *job) {
    (void)pthread_mutex_lock(&m->mutex);
    m->job = job;
    if (job && (atomic_load(&m->stopping) || atomic_load(&m->again)))
        rt_job_stop(job);
    (void)pthread_mutex_unlock(&m->mutex);
    clu_job_set(m->shown, job);
}

/* Returns: what rt_job_run() says, or why it could not be made. */
static enum cep_rc run_once(struct clu_master *m, struct cep_err *err) {
    struct rt_job *job = NULL;
    m->before = m->record.attempt;
    clu_keep_release(&m->keep); /* what said whether the settings fit together */
    enum cep_rc rc = clu_keep_config(&m->keep, &m->config, err);
    if (rc == CEP_OK)
        rc = open_keep(m, err);
    set_opts(m);
    clu_job_rescaled(m->shown, m->opts.parallelism);
    clu_job_attempts(m->shown, m->before);
    if (rc == CEP_OK)
        rc = rt_job_new(m->plan, &m->opts, &job, err);
    if (rc == CEP_OK) {
        set_job(m, job);
        rc = rt_job_run(job, err);
        set_job(m, NULL);
    }
    rt_job_free(job);
    m->opts.restore = NULL;
    m->opts.losses = NULL;
    clu_keep_release(&m->keep);
    return rc;
}

/* -- to the end ----------------------------------------------------------------------------------------------------------------- */

/* It was stopped; or what failed while it was would have been tried again. */
static bool may_go_on(enum cep_rc rc, const struct cep_err *err) {
    return rc == CEP_EINTERRUPTED || (rc != CEP_OK && !err->fatal);
}

static void end(struct clu_master *m, enum cep_rc rc, const struct cep_err *err) {
    struct base_buf savepoint = BASE_BUF_INIT;
    bool failed = rc != CEP_OK && rc != CEP_EINTERRUPTED &&
                  !(clu_job_is_cancelled(m->shown) && may_go_on(rc, err));
    bool stopped = !failed && clu_job_stopped_with(m->shown, &savepoint);
    if (atomic_load(&m->stopping) && may_go_on(rc, err) && !stopped && !clu_job_is_cancelled(m->shown))
        return; /* the next coordinator goes on with it */
    enum rt_state state = failed                    ? RT_STATE_FAILED
                          : stopped || rc == CEP_OK ? RT_STATE_FINISHED
                                                    : RT_STATE_CANCELLED;
    if (failed) {
        remember(m, err);
        clu_master_say(m, CON_LEVEL_ERROR, "failed: %s%s%s%s", err->message, err->hint[0] ? " (" : "",
            err->hint, err->hint[0] ? ")" : "");
    } else if (stopped) {
        base_free(m->record.savepoint);
        m->record.savepoint = base_strdup(base_buf_cstr(&savepoint));
        clu_master_say(m, CON_LEVEL_INFO, "stopped with savepoint \"%s\"", m->record.savepoint);
    } else {
        clu_master_say(m, CON_LEVEL_INFO, "%s", rc == CEP_OK ? "finished" : "cancelled");
    }
    if (state != RT_STATE_FINISHED)
        clu_job_state(m->shown, failed ? RT_STATE_FAILING : RT_STATE_CANCELLING);
    clu_job_is_over(m->shown, state, failed ? err : NULL);
    clu_master_go_to(m, state);
    clu_master_note_savepoint(m);
    base_buf_release(&savepoint);
}

void *clu_master_run(void *arg) {
    struct clu_master *m = arg;
    struct cep_err err = CEP_ERR_INIT;
    enum cep_rc rc;
    do {
        atomic_store(&m->again, false);
        m->record.parallelism = atomic_load(&m->parallelism);
        clu_master_keep_record(m);
        err = (struct cep_err)CEP_ERR_INIT;
        rc = run_once(m, &err);
        clu_resources_give_back(m->all->resources, m->record.id);
    } while (may_go_on(rc, &err) && atomic_load(&m->again) && !clu_master_is_to_end(m));
    end(m, rc, &err);
    clu_job_wait_seen(m->shown, SEEN_US);
    return NULL;
}
