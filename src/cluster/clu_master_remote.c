/*
 * clu_master_remote -- a job and its workers: what it asks of them (rt_remote), what they say.
 *
 * An attempt has its number over all of the job's life, and the number is in the registry before a worker hears of it. What a worker says
 * of another attempt is not heard. An attempt is over when each of its workers has said so, or is known not to run it any more: its
 * process is gone, or its lease is (clu_link.h).
 */
#include "cluster/clu_master_internal.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_probe.h"
#include "cluster/clu_saved.h"
#include "runtime/rt_report.h"

#include <errno.h>
#include <string.h>

enum { PROBE_US = 300 * 1000, CANCEL_LOOK_US = 100 * 1000 };

/* -- sending -------------------------------------------------------------------------------------------------------------- */

/* To all workers of the attempt. One that does not get it is lost, and that is told by its link. */
static void send_all(struct clu_master *m, const Clu__Msg *msg) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    for (uint32_t i = 0; i < m->attempt.slots.n_workers; i++)
        if (!m->attempt.members[i].gone)
            (void)clu_link_send(m->attempt.slots.workers[i].link, msg);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

static uint32_t number_of(const struct clu_master *m, uint32_t attempt) {
    return m->before + attempt;
}

static void start(void *arg, uint32_t attempt) {
    struct clu_master *m = arg;
    Clu__Start s = CLU__START__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    s.job = m->record.id;
    s.attempt = number_of(m, attempt);
    msg.body_case = CLU__MSG__BODY_START;
    msg.start = &s;
    send_all(m, &msg);
}

static void stop(void *arg, uint32_t attempt) {
    struct clu_master *m = arg;
    Clu__Stop s = CLU__STOP__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    s.job = m->record.id;
    s.attempt = number_of(m, attempt);
    msg.body_case = CLU__MSG__BODY_STOP;
    msg.stop = &s;
    send_all(m, &msg);
}

static void barrier(void *arg, uint32_t attempt, uint64_t id, struct rt_barrier how) {
    struct clu_master *m = arg;
    Clu__Barrier b = CLU__BARRIER__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    b.job = m->record.id;
    b.attempt = number_of(m, attempt);
    b.id = id;
    b.aligned = how.aligned;
    b.stop = how.stop;
    msg.body_case = CLU__MSG__BODY_BARRIER;
    msg.barrier = &b;
    send_all(m, &msg);
}

static void complete(void *arg, uint32_t attempt, uint64_t id) {
    struct clu_master *m = arg;
    Clu__Complete c = CLU__COMPLETE__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    c.job = m->record.id;
    c.attempt = number_of(m, attempt);
    c.id = id;
    msg.body_case = CLU__MSG__BODY_COMPLETE;
    msg.complete = &c;
    send_all(m, &msg);
    clu_saved_remove(m->keep.dir, c.attempt, id);
}

static void resume(void *arg, uint32_t attempt) {
    struct clu_master *m = arg;
    Clu__Resume r = CLU__RESUME__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    r.job = m->record.id;
    r.attempt = number_of(m, attempt);
    msg.body_case = CLU__MSG__BODY_RESUME;
    msg.resume = &r;
    send_all(m, &msg);
}

/* -- deploying ---------------------------------------------------------------------------------------------------------------- */

void clu_master_forget_attempt(struct clu_master *m) {
    struct clu_attempt *a = &m->attempt;
    clu_slots_release(&a->slots);
    base_free(a->members);
    base_free(a->member_of);
    *a = (struct clu_attempt){ .number = 0 };
}

/* Takes over the slots. */
static void begin_attempt(
    struct clu_master *m, uint32_t number, const struct rt_exec *x, struct clu_slots *slots) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    struct clu_attempt *a = &m->attempt;
    *a = (struct clu_attempt){ .number = number, .slots = *slots, .n_tasks = x->n_tasks };
    a->members = base_calloc(a->slots.n_workers + (size_t)1, sizeof *a->members);
    a->member_of = base_calloc(x->n_tasks + (size_t)1, sizeof *a->member_of);
    clu_placement(x, a->slots.n, a->member_of);
    for (uint32_t t = 0; t < x->n_tasks; t++)
        a->member_of[t] = a->slots.worker_of[a->member_of[t]];
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

/* protobuf-c takes texts that it does not change as if it might. */
static char *text(const char *s) {
    return (char *)(uintptr_t)s;
}

static Clu__Setting **settings_of(struct base_arena *a, const struct clu_pair *v, size_t n) {
    Clu__Setting **out = BASE_ARENA_ARRAY(a, Clu__Setting *, n + 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = BASE_ARENA_ARRAY(a, Clu__Setting, 1);
        clu__setting__init(out[i]);
        out[i]->key = text(v[i].name);
        out[i]->value = text(v[i].value);
    }
    return out;
}

static void fill_spec(const struct clu_master *m, struct base_arena *a, Clu__Deploy *d) {
    const char *names[CLU_CFG_MAX], *values[CLU_CFG_MAX];
    const struct clu_spec *s = &m->spec;
    d->name = text(s->name);
    d->main = text(s->main);
    d->base_dir = text(s->base_dir);
    d->n_files = s->n_files;
    d->files = BASE_ARENA_ARRAY(a, Clu__File *, s->n_files + 1);
    for (size_t i = 0; i < s->n_files; i++) {
        d->files[i] = BASE_ARENA_ARRAY(a, Clu__File, 1);
        clu__file__init(d->files[i]);
        d->files[i]->name = text(s->files[i].name);
        d->files[i]->text.data = (uint8_t *)(uintptr_t)s->files[i].text.p;
        d->files[i]->text.len = s->files[i].text.len;
    }
    d->n_set = s->set.n;
    d->set = settings_of(a, s->set.v, s->set.n);
    size_t n = clu_config_of_tasks(&m->config, names, values);
    struct clu_pair *pairs = BASE_ARENA_ARRAY(a, struct clu_pair, n + 1);
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct clu_pair){ names[i], values[i] };
    d->n_settings = n;
    d->settings = settings_of(a, pairs, n);
}

/* Where each task is. Requires: nobody else changes the attempt. */
static void fill_places(const struct clu_master *m, struct base_arena *a, Clu__Deploy *d) {
    const struct clu_attempt *at = &m->attempt;
    d->n_peers = at->slots.n_workers;
    d->peers = BASE_ARENA_ARRAY(a, Clu__Peer *, at->slots.n_workers + (size_t)1);
    for (uint32_t i = 0; i < at->slots.n_workers; i++) {
        d->peers[i] = BASE_ARENA_ARRAY(a, Clu__Peer, 1);
        clu__peer__init(d->peers[i]);
        d->peers[i]->worker = text(at->slots.workers[i].id);
        d->peers[i]->data_address = text(at->slots.workers[i].address);
    }
    d->n_placement = at->n_tasks;
    d->placement = at->member_of;
}

static enum cep_rc send_deploy(struct clu_master *m, const Clu__Deploy *d, struct cep_err *err) {
    Clu__Msg msg = CLU__MSG__INIT;
    enum cep_rc rc = CEP_OK;
    msg.body_case = CLU__MSG__BODY_DEPLOY;
    msg.deploy = (Clu__Deploy *)(uintptr_t)d;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    for (uint32_t i = 0; i < m->attempt.slots.n_workers && rc == CEP_OK; i++) {
        const struct clu_worker_info *w = &m->attempt.slots.workers[i];
        if (!m->attempt.members[i].gone && clu_link_send(w->link, &msg))
            continue;
        rc = base_err_set(err, CEP_EIO, "worker %.6s (%s) is gone", w->id, w->host);
        err->retriable = true;
    }
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    return rc;
}

static void wait_for_end(struct clu_master *m);

static enum cep_rc deploy(
    void *arg, uint32_t attempt, const struct rt_snap *from, uint64_t next_checkpoint, struct cep_err *err) {
    struct clu_master *m = arg;
    struct clu_slots slots;
    struct base_arena a;
    Clu__Deploy d = CLU__DEPLOY__INIT;
    Clu__Restore restore = CLU__RESTORE__INIT;
    clu_job_note(m->shown, "waits for what the coordinator before had deployed to end");
    wait_for_end(m);
    clu_job_note(m->shown, NULL);
    if (clu_master_take_slots(m, m->opts.parallelism, &slots) != CEP_OK) {
        (void)base_err_set(err, CEP_EINTERRUPTED, "interrupted");
        err->fatal = true;
        return CEP_EINTERRUPTED;
    }
    m->record.attempt = number_of(m, attempt);
    for (uint32_t i = 0; i < slots.n_workers; i++)
        clu_record_add_worker(&m->record, slots.workers[i].id, slots.workers[i].address);
    clu_master_keep_record(m);
    begin_attempt(m, m->record.attempt, rt_job_exec(m->job), &slots);
    base_arena_init(&a, 0);
    d.job = m->record.id;
    d.attempt = m->record.attempt;
    d.parallelism = m->opts.parallelism;
    d.next_checkpoint = next_checkpoint;
    d.plan_hash = clu_plan_hash(m->plan);
    d.checkpoint_dir = m->keep.dir;
    if (from) {
        restore.path = m->keep.from;
        restore.id = from->id;
        restore.savepoint = from->is_savepoint;
        restore.allow_dropped_state = m->spec.allow_dropped;
        d.restore = &restore;
    }
    fill_spec(m, &a, &d);
    fill_places(m, &a, &d);
    enum cep_rc rc = send_deploy(m, &d, err);
    base_arena_release(&a);
    return rc;
}

static enum cep_rc judge(void *arg, const struct sto_losses *losses, struct cep_err *err) {
    struct clu_master *m = arg;
    for (size_t i = 0; i < losses->n; i++)
        sto_lose(
            &m->keep.losses, base_str_of(losses->v[i].op), base_str_of(losses->v[i].what), losses->v[i].n);
    return clu_keep_judge(&m->keep, err);
}

/* -- giving an attempt up --------------------------------------------------------------------------------------------------------- */

/* Requires: the lock. Something of it may still run. */
static bool is_alive(const struct clu_master *m) {
    int64_t now = clk_mono(clk_system());
    for (uint32_t i = 0; i < m->attempt.slots.n_workers; i++) {
        const struct clu_member *b = &m->attempt.members[i];
        if (!b->cancelled && !(b->gone && now - b->heard_us >= m->heartbeat_timeout_us))
            return true;
    }
    return false;
}

/* Requires: the lock, which is let go of meanwhile. */
static void wait_a_while(struct clu_master *m) {
    int64_t until_us = clk_mono(clk_system()) + CANCEL_LOOK_US;
    struct timespec until = { (time_t)(until_us / 1000000), (long)(until_us % 1000000 * 1000) };
    (void)pthread_cond_timedwait(&m->changed, &m->attempt_mutex, &until);
}

/* Those whose links are down: is the process there? Requires: the lock, which is let go of meanwhile. */
static void probe(struct clu_master *m) {
    for (uint32_t i = 0; i < m->attempt.slots.n_workers; i++) {
        if (m->attempt.members[i].cancelled || !m->attempt.members[i].gone)
            continue;
        char *address = base_strdup(m->attempt.slots.workers[i].address);
        (void)pthread_mutex_unlock(&m->attempt_mutex);
        bool refused = clu_probe_refuses(address, PROBE_US);
        (void)pthread_mutex_lock(&m->attempt_mutex);
        m->attempt.members[i].cancelled |= refused;
        base_free(address);
    }
}

/* Until nothing of the attempt runs any more. By the job's thread, which alone makes and forgets attempts. */
static void wait_for_end(struct clu_master *m) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    while (is_alive(m)) {
        wait_a_while(m);
        probe(m);
    }
    clu_master_forget_attempt(m);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    clu_record_no_workers(&m->record);
}

static void cancel_msg(const struct clu_master *m, uint32_t number, Clu__Msg *msg, Clu__Cancel *c) {
    clu__msg__init(msg);
    clu__cancel__init(c);
    c->job = m->record.id;
    c->attempt = number;
    msg->body_case = CLU__MSG__BODY_CANCEL;
    msg->cancel = c;
}

static void cancel(void *arg, uint32_t attempt) {
    struct clu_master *m = arg;
    Clu__Cancel c;
    Clu__Msg msg;
    cancel_msg(m, number_of(m, attempt), &msg, &c);
    send_all(m, &msg);
    wait_for_end(m);
    clu_master_keep_record(m);
    clu_saved_remove(m->keep.dir, c.attempt, UINT64_MAX);
    clu_resources_give_back(m->all->resources, m->record.id);
}

void clu_master_remote_init(struct clu_master *m) {
    m->remote = (struct rt_remote){ .deploy = deploy,
        .judge = judge,
        .start = start,
        .stop = stop,
        .cancel = cancel,
        .barrier = barrier,
        .complete = complete,
        .resume = resume,
        .arg = m };
}

/* -- what workers say ---------------------------------------------------------------------------------------------------------------- */

/* Requires: the lock. Returns: its place among the attempt's; UINT32_MAX: it is not on it. */
static uint32_t member(const struct clu_master *m, const char *worker) {
    for (uint32_t i = 0; i < m->attempt.slots.n_workers; i++)
        if (strcmp(m->attempt.slots.workers[i].id, worker) == 0)
            return i;
    return UINT32_MAX;
}

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

/* Requires: m->mutex, a job. */
static void heard_ready(struct clu_master *m, const char *worker, const Clu__Ready *r) {
    struct sto_losses losses;
    uint32_t n = 0, *tasks = NULL;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    uint32_t who = m->attempt.number == r->attempt ? member(m, worker) : UINT32_MAX;
    if (who != UINT32_MAX)
        tasks = base_calloc(m->attempt.n_tasks + (size_t)1, sizeof *tasks);
    for (uint32_t t = 0; tasks && t < m->attempt.n_tasks; t++)
        if (m->attempt.member_of[t] == who)
            tasks[n++] = t;
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    read_losses(r, &losses);
    for (uint32_t i = 0; i < n; i++)
        rt_master_ready(m->job, r->attempt - m->before, tasks[i], i == 0 ? &losses : NULL);
    sto_losses_release(&losses);
    base_free(tasks);
}

static void heard_cancelled(struct clu_master *m, const char *worker, const Clu__Cancelled *c) {
    (void)pthread_mutex_lock(&m->attempt_mutex);
    uint32_t who = m->attempt.number <= c->attempt ? member(m, worker) : UINT32_MAX;
    if (who != UINT32_MAX)
        m->attempt.members[who].cancelled = true;
    (void)pthread_cond_broadcast(&m->changed);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

/* Requires: m->mutex, a job. How far all parts are goes back with each report. */
static void heard_report(struct clu_master *m, const char *worker, const Clu__Report *r) {
    struct base_str bytes = { (const char *)r->bytes.data, r->bytes.len };
    struct base_buf others = BASE_BUF_INIT;
    Clu__Others o = CLU__OTHERS__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    if (!rt_master_report(m->job, r->attempt - m->before, bytes))
        return;
    rt_master_others(m->job, &others);
    o.job = m->record.id;
    o.attempt = r->attempt;
    o.bytes.data = (uint8_t *)others.p;
    o.bytes.len = others.len;
    msg.body_case = CLU__MSG__BODY_OTHERS;
    msg.others = &o;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    uint32_t who = m->attempt.number == r->attempt ? member(m, worker) : UINT32_MAX;
    if (who != UINT32_MAX && !m->attempt.members[who].gone)
        (void)clu_link_send(m->attempt.slots.workers[who].link, &msg);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    base_buf_release(&others);
}

/* Requires: m->mutex, a job. Numbers below m->before are of another run: what is left of it is nobody's. */
static void heard(struct clu_master *m, const char *worker, const Clu__Msg *msg) {
    struct cep_err err = CEP_ERR_INIT;
    if (msg->body_case == CLU__MSG__BODY_READY) {
        heard_ready(m, worker, msg->ready);
    } else if (msg->body_case == CLU__MSG__BODY_REPORT) {
        heard_report(m, worker, msg->report);
    } else if (msg->body_case == CLU__MSG__BODY_SAVED) {
        rt_master_saved(m->job, msg->saved->attempt - m->before, clu_saved_read(msg->saved));
    } else if (msg->body_case == CLU__MSG__BODY_COMMITTED) {
        const Clu__Committed *c = msg->committed;
        rt_master_committed(m->job, c->attempt - m->before, c->task, c->id);
    } else if (msg->body_case == CLU__MSG__BODY_ENDED) {
        rt_master_ended(m->job, msg->ended->attempt - m->before, msg->ended->task);
    } else if (msg->body_case == CLU__MSG__BODY_FAILED) {
        (void)clu_link_unpack_error(msg->failed->error, &err);
        base_err_prefix(&err, "worker %.6s", worker);
        rt_master_failed(m->job, msg->failed->attempt - m->before, &err);
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
        heard_cancelled(m, worker, msg->cancelled);
        return;
    }
    if (msg->body_case == CLU__MSG__BODY_LOG) {
        clu_master_say(m,
            msg->log->level <= CON_LEVEL_ERROR ? (enum con_level)msg->log->level : CON_LEVEL_ERROR,
            "worker %.6s: %s", worker, msg->log->text);
        return;
    }
    (void)pthread_mutex_lock(&m->mutex);
    if (m->job && is_task(m, msg))
        heard(m, worker, msg);
    (void)pthread_mutex_unlock(&m->mutex);
}

void clu_master_came(struct clu_master *m, const char *worker, const char *address, struct clu_link *link) {
    Clu__Cancel c;
    Clu__Msg msg;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    uint32_t who = member(m, worker);
    cancel_msg(m, m->attempt.number, &msg, &c);
    if (who != UINT32_MAX && m->attempt.members[who].gone)
        (void)clu_link_send(link, &msg);
    for (uint32_t i = 0; i < m->attempt.slots.n_workers; i++)
        if (i != who && m->attempt.members[i].gone &&
            strcmp(m->attempt.slots.workers[i].address, address) == 0)
            m->attempt.members[i].cancelled = true;
    (void)pthread_cond_broadcast(&m->changed);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
}

void clu_master_remember_attempt(struct clu_master *m) {
    struct clu_attempt *a = &m->attempt;
    const struct clu_record *r = &m->record;
    int64_t now = clk_mono(clk_system());
    *a = (struct clu_attempt){ .number = r->attempt };
    a->slots.workers = base_calloc(r->n_workers + (size_t)1, sizeof *a->slots.workers);
    a->members = base_calloc(r->n_workers + (size_t)1, sizeof *a->members);
    for (uint32_t i = 0; i < r->n_workers; i++) {
        a->members[i] = (struct clu_member){ .gone = true, .heard_us = now };
        a->slots.workers[i] = (struct clu_worker_info){ .id = base_strdup(r->workers[i].id),
            .host = base_strdup(""),
            .address = base_strdup(r->workers[i].address) };
    }
    a->slots.n_workers = r->n_workers;
}

void clu_master_lost(
    struct clu_master *m, const char *worker, int64_t heard_us, bool dead, const struct cep_err *why) {
    struct cep_err err = *why;
    (void)pthread_mutex_lock(&m->attempt_mutex);
    uint32_t who = member(m, worker), number = m->attempt.number;
    if (who != UINT32_MAX) {
        m->attempt.members[who].gone = true;
        m->attempt.members[who].cancelled |= dead;
        m->attempt.members[who].heard_us = heard_us;
    }
    (void)pthread_cond_broadcast(&m->changed);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    if (who == UINT32_MAX)
        return;
    base_err_prefix(&err, "worker %.6s is gone", worker);
    err.rc = CEP_EIO;
    err.retriable = true;
    err.fatal = false;
    (void)pthread_mutex_lock(&m->mutex);
    if (m->job)
        rt_master_failed(m->job, number - m->before, &err);
    (void)pthread_mutex_unlock(&m->mutex);
}
