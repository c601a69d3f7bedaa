/*
 * clu_master -- see clu_master.h.
 */
#include "cluster/clu_master_internal.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "cluster/clu_settings.h"
#include "event/evt_type.h"

#include <stdio.h>

enum { LOOK_US = 500 * 1000 };

/* -- made, freed ---------------------------------------------------------------------------------------------------------- */

static void record_copy(struct clu_record *to, const struct clu_record *from) {
    *to = *from;
    to->failure = from->failure ? base_strdup(from->failure) : NULL;
    to->savepoint = from->savepoint ? base_strdup(from->savepoint) : NULL;
    to->workers = NULL;
    to->n_workers = 0;
    for (uint32_t i = 0; i < from->n_workers; i++)
        clu_record_add_worker(to, from->workers[i].id, from->workers[i].address);
}

/* checkpoint.dir is where the jobs' folders are; each has its own, by its id. */
static enum cep_rc configure(struct clu_master *m, struct cep_err *err) {
    enum cep_rc rc = clu_spec_config(&m->spec, m->all->config, &m->arena, &m->config, err);
    if (rc != CEP_OK)
        return rc;
    const char *dir = m->config.values[CLU_CFG_CP_DIR];
    m->config.values[CLU_CFG_CP_DIR] = dir[0] ? base_arena_printf(&m->arena, "%s/%s", dir, m->record.id)
                                              : base_arena_printf(&m->arena, "%s/checkpoints/%s",
                                                    m->all->state_dir, m->record.id);
    m->config.values[CLU_CFG_STATE_DIR] = "";
    if (!m->config.values[CLU_CFG_SAVEPOINT_DIR][0])
        m->config.values[CLU_CFG_SAVEPOINT_DIR] = base_arena_printf(
            &m->arena, "%s/savepoints", m->all->state_dir);
    rt_opts_init(&m->opts);
    rc = clu_settings_opts(&m->config, &m->opts, err);
    if (rc == CEP_OK)
        rc = clu_keep_config(&m->keep, &m->config, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(m->all->config, CLU_CFG_HB_TIMEOUT, &m->heartbeat_timeout_us, err);
    if (m->record.parallelism > 0)
        m->opts.parallelism = m->record.parallelism;
    atomic_store(&m->parallelism, m->opts.parallelism);
    return rc;
}

void clu_master_note_savepoint(struct clu_master *m) {
    struct base_buf b = BASE_BUF_INIT;
    if (m->record.savepoint && m->record.state == RT_STATE_FINISHED) {
        base_buf_printf(&b, "stopped with savepoint %s", m->record.savepoint);
        clu_job_note(m->shown, base_buf_cstr(&b));
    }
    base_buf_release(&b);
}

static void show(struct clu_master *m) {
    const char *names[CLU_CFG_MAX], *values[CLU_CFG_MAX];
    size_t n = clu_config_list(&m->config, names, values);
    struct clu_job_key *keys = BASE_ARENA_ARRAY(&m->arena, struct clu_job_key, n + 1);
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct clu_job_key){ names[i], values[i] };
    m->shown = clu_job_new(&(struct clu_job_opts){ .id = m->record.id,
        .created_us = m->record.created_us,
        .name = m->spec.name,
        .plan = m->plan,
        .clk = clk_system(),
        .parallelism = m->opts.parallelism,
        .restart = rt_restart_name(m->keep.restart.kind),
        .savepoint_dir = m->config.values[CLU_CFG_SAVEPOINT_DIR],
        .checkpoint_dir = m->config.values[CLU_CFG_CP_DIR],
        .keys = keys,
        .n_keys = n,
        .put_workers = clu_attempts_put_workers,
        .arg = m });
    if (rt_state_is_final(m->record.state))
        clu_job_was(m->shown, m->record.state, m->record.since_us, m->record.failure);
    clu_master_note_savepoint(m);
}

enum cep_rc clu_master_new(const struct clu_masters *all, const struct clu_spec *spec, struct plan *plan,
    const struct clu_record *record, struct clu_master **out, struct cep_err *err) {
    struct clu_master *m = base_calloc(1, sizeof *m);
    m->all = all;
    m->plan = plan;
    base_arena_init(&m->arena, 0);
    clu_spec_init(&m->spec);
    clu_spec_copy(&m->spec, spec);
    record_copy(&m->record, record);
    pthread_condattr_t monotonic;
    CEP_INSIST(pthread_mutex_init(&m->mutex, NULL) == 0 && pthread_mutex_init(&m->attempt_mutex, NULL) == 0 &&
               pthread_condattr_init(&monotonic) == 0 &&
               pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&m->changed, &monotonic) == 0);
    (void)pthread_condattr_destroy(&monotonic);
    clu_master_remote_init(m);
    enum cep_rc rc = configure(m, err);
    if (rc != CEP_OK) {
        clu_master_free(m);
        return rc;
    }
    clu_attempts_remember(m);
    show(m);
    *out = m;
    return CEP_OK;
}

void clu_master_free(struct clu_master *m) {
    if (!m)
        return;
    clu_attempts_forget(m);
    clu_job_free(m->shown);
    clu_keep_release(&m->keep);
    plan_free(m->plan);
    clu_record_release(&m->record);
    clu_spec_release(&m->spec);
    base_arena_release(&m->arena);
    (void)pthread_cond_destroy(&m->changed);
    (void)pthread_mutex_destroy(&m->attempt_mutex);
    (void)pthread_mutex_destroy(&m->mutex);
    base_free(m);
}

const char *clu_master_id(const struct clu_master *m) {
    return m->record.id;
}

struct clu_job *clu_master_shown(struct clu_master *m) {
    return m->shown;
}

/* -- what is said and kept -------------------------------------------------------------------------------------------------- */

void clu_master_say(struct clu_master *m, enum con_level level, const char *fmt, ...) {
    struct base_buf b = BASE_BUF_INIT;
    va_list ap;
    base_buf_printf(&b, "job %.6s (%s): ", m->record.id, m->spec.name);
    va_start(ap, fmt);
    base_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    m->all->log(m->all->log_arg, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

/* A registry that cannot be written is said; the job goes on, and a coordinator that comes back knows an older state. */
void clu_master_keep_record(struct clu_master *m) {
    struct cep_err err = CEP_ERR_INIT;
    if (clu_registry_put(m->all->registry, &m->record, &err) != CEP_OK)
        clu_master_say(m, CON_LEVEL_ERROR, "%s", err.message);
}

void clu_master_go_to(struct clu_master *m, enum rt_state state) {
    m->record.state = state;
    m->record.since_us = clk_now(clk_system());
    clu_master_keep_record(m);
    clu_job_state(m->shown, state);
}

/* -- slots -------------------------------------------------------------------------------------------------------------------- */

enum cep_rc clu_master_take_slots(struct clu_master *m, uint32_t n, struct clu_slots *out) {
    uint32_t free, said = UINT32_MAX;
    enum cep_rc rc = CEP_AGAIN;
    for (int64_t wait_us = 0; rc == CEP_AGAIN && !clu_master_is_to_end(m); wait_us = LOOK_US) {
        rc = clu_resources_take(m->all->resources, m->record.id, n, wait_us, out, &free);
        if (rc == CEP_OK || free == said)
            continue;
        char text[96];
        (void)snprintf(text, sizeof text, "waits for %u slot%s, %u %s free", n, n == 1 ? "" : "s", free,
            free == 1 ? "is" : "are");
        clu_job_note(m->shown, text);
        clu_master_say(m, CON_LEVEL_WARNING, "%s", text);
        said = free;
    }
    clu_job_note(m->shown, NULL);
    return rc == CEP_OK ? CEP_OK : CEP_EINTERRUPTED;
}

/* -- its thread ----------------------------------------------------------------------------------------------------------------- */

enum cep_rc clu_master_start(struct clu_master *m, struct cep_err *err) {
    if (!m->plan)
        return CEP_OK;
    int e = pthread_create(&m->thread, NULL, clu_master_run, m);
    m->started = e == 0;
    return e == 0 ? CEP_OK : base_err_set(err, CEP_EIO, "could not start a thread: %s", strerror(e));
}

void clu_master_stop(struct clu_master *m) {
    if (!m->started)
        return;
    atomic_store(&m->stopping, true);
    clu_resources_wake(m->all->resources);
    (void)pthread_mutex_lock(&m->mutex);
    if (m->job)
        rt_job_stop(m->job);
    (void)pthread_mutex_unlock(&m->mutex);
    (void)pthread_join(m->thread, NULL);
    m->started = false;
}

/* -- calls ------------------------------------------------------------------------------------------------------------------------ */

/* The run ends with a checkpoint, from which the next one goes on with other slots. */
static void run_again(struct clu_master *m) {
    atomic_store(&m->again, true);
    (void)pthread_mutex_lock(&m->mutex);
    if (m->job)
        rt_job_stop(m->job);
    (void)pthread_mutex_unlock(&m->mutex);
}

void clu_master_move(struct clu_master *m, const char *worker) {
    bool is_on = false;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    for (uint32_t r = 0; r < m->n_attempts; r++)
        is_on |= clu_attempt_member(&m->attempts[r], worker) != UINT32_MAX;
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    if (is_on)
        run_again(m);
}

static enum cep_rc rescale(struct clu_master *m, const struct clu_rest_args *args, struct cep_err *err) {
    char *text;
    int64_t n = 0;
    if (!clu_http_query(args->query, "parallelism", &text))
        return base_err_set(err, CEP_EINVAL, "\"parallelism\" is missing");
    bool is_number = base_parse_i64(base_str_of(text), &n);
    base_free(text);
    if (!is_number || n < 1 || n > PLAN_PARALLELISM_MAX)
        return base_err_set(
            err, CEP_EINVAL, "\"parallelism\" is a number from 1 to %d", PLAN_PARALLELISM_MAX);
    if (rt_state_is_final(clu_job_state_now(m->shown)))
        return base_err_set(err, CEP_ESTATE, "the job is over");
    atomic_store(&m->parallelism, (uint32_t)n);
    run_again(m);
    return CEP_OK;
}

enum cep_rc clu_master_call(struct clu_master *m, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err) {
    if (op == CLU_REST_RESCALE)
        return rescale(m, args, err);
    enum cep_rc rc = clu_job_call(m->shown, op, args, out, err);
    if (op == CLU_REST_CANCEL && rc == CEP_OK)
        clu_resources_wake(m->all->resources);
    return rc;
}
