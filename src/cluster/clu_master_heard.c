/*
 * clu_master_heard -- what workers say of a job's parts. What is of another attempt than the one that is deployed is not heard.
 */
#include "cluster/clu_master_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_saved.h"
#include "runtime/rt_report.h"

#include <string.h>

/* "OP\tWHAT" of each. */
static void read_losses(const Clu__Ready *r, struct sto_losses *out) {
    sto_losses_init(out);
    for (size_t i = 0; i < r->n_losses; i++) {
        const char *what = strchr(r->losses[i]->what, '\t');
        if (what)
            sto_lose(out, (struct base_str){ r->losses[i]->what, (size_t)(what - r->losses[i]->what) },
                base_str_of(what + 1), r->losses[i]->entries);
    }
}

/* The attempt as the job numbers it. */
static uint32_t attempt_of(const struct clu_master *m, const Clu__Part *part) {
    return part->attempt - m->before;
}

/* Requires: m->mutex, a job. */
static void heard_ready(struct clu_master *m, const char *worker, const Clu__Msg *msg) {
    const struct rt_exec *x = rt_job_exec(m->job);
    struct sto_losses losses;
    uint32_t n = 0, *tasks = base_calloc(x->n_tasks + (size_t)1, sizeof *tasks);
    (void)pthread_mutex_lock(&m->attempt_mutex);
    const struct clu_attempt *a = clu_attempt_of(m, msg->part);
    for (uint32_t t = 0; a && t < x->n_tasks; t++)
        if (x->tasks[t].region == msg->part->region &&
            strcmp(m->slots.workers[m->slots.worker_of[m->slot_of[t]]].id, worker) == 0)
            tasks[n++] = t;
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    read_losses(msg->ready, &losses);
    for (uint32_t i = 0; i < n; i++)
        rt_master_ready(m->job, attempt_of(m, msg->part), tasks[i], i == 0 ? &losses : NULL);
    sto_losses_release(&losses);
    base_free(tasks);
}

static void heard_cancelled(struct clu_master *m, const char *worker, const Clu__Msg *msg) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    for (uint32_t r = 0; r < m->n_attempts; r++) {
        struct clu_attempt *a = &m->attempts[r];
        uint32_t who = clu_attempt_member(a, worker);
        if (who != UINT32_MAX && a->number <= msg->part->attempt &&
            (msg->cancelled->all_regions || r == msg->part->region))
            a->members[who].cancelled = true;
    }
    (void)pthread_cond_broadcast(&m->changed);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

/* Requires: m->mutex, a job. How far all parts of the region are goes back with each report. */
static void heard_report(struct clu_master *m, const char *worker, const Clu__Msg *msg) {
    struct base_str bytes = { (const char *)msg->report->bytes.data, msg->report->bytes.len };
    struct base_buf others = BASE_BUF_INIT;
    Clu__Others o = CLU__OTHERS__INIT;
    Clu__Msg back = CLU__MSG__INIT;
    if (!rt_master_report(m->job, attempt_of(m, msg->part), msg->part->region, bytes))
        return;
    rt_master_others(m->job, msg->part->region, &others);
    o.bytes.data = (uint8_t *)others.p;
    o.bytes.len = others.len;
    back.part = msg->part;
    back.body_case = CLU__MSG__BODY_OTHERS;
    back.others = &o;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    const struct clu_attempt *a = clu_attempt_of(m, msg->part);
    uint32_t who = a ? clu_attempt_member(a, worker) : UINT32_MAX;
    if (who != UINT32_MAX && !a->members[who].gone)
        (void)clu_link_send(a->on.workers[who].link, &back);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    base_buf_release(&others);
}

static void heard_failed(struct clu_master *m, const char *worker, const Clu__Msg *msg) {
    struct cep_err err = CEP_ERR_INIT;
    (void)clu_link_unpack_error(msg->failed->error, &err);
    base_err_prefix(&err, "worker %.6s", worker);
    rt_master_failed(m->job, attempt_of(m, msg->part), msg->part->region, &err);
}

/* Requires: m->mutex, a job. Numbers up to m->before are of another run: what is left of it is nobody's. */
static void heard(struct clu_master *m, const char *worker, const Clu__Msg *msg) {
    uint32_t attempt = attempt_of(m, msg->part);
    switch ((int)msg->body_case) {
    case CLU__MSG__BODY_READY: heard_ready(m, worker, msg); break;
    case CLU__MSG__BODY_REPORT: heard_report(m, worker, msg); break;
    case CLU__MSG__BODY_SAVED: rt_master_saved(m->job, attempt, clu_saved_read(msg->saved)); break;
    case CLU__MSG__BODY_COMMITTED:
        rt_master_committed(m->job, attempt, msg->committed->task, msg->committed->id);
        break;
    case CLU__MSG__BODY_ENDED: rt_master_ended(m->job, attempt, msg->ended->task); break;
    case CLU__MSG__BODY_FAILED: heard_failed(m, worker, msg); break;
    default: break; /* of a later version */
    }
}

/* A task's number that the job has not comes from no worker of ours. */
static bool is_task(struct clu_master *m, const Clu__Msg *msg) {
    uint32_t n = rt_job_n_tasks(m->job);
    return !(msg->body_case == CLU__MSG__BODY_SAVED && msg->saved->task >= n) &&
           !(msg->body_case == CLU__MSG__BODY_ENDED && msg->ended->task >= n) &&
           !(msg->body_case == CLU__MSG__BODY_COMMITTED && msg->committed->task >= n);
}

void clu_master_heard(struct clu_master *m, const char *worker, const Clu__Msg *msg) {
    if (msg->body_case == CLU__MSG__BODY_CANCELLED) {
        heard_cancelled(m, worker, msg);
        return;
    }
    if (msg->body_case == CLU__MSG__BODY_LOG) {
        clu_master_say(m,
            msg->log->level <= CON_LEVEL_ERROR ? (enum con_level)msg->log->level : CON_LEVEL_ERROR,
            "worker %.6s: %s", worker, msg->log->text);
        return;
    }
    (void)pthread_mutex_lock(&m->mutex);
    if (m->job && msg->part->attempt > m->before && is_task(m, msg))
        heard(m, worker, msg);
    (void)pthread_mutex_unlock(&m->mutex);
}
