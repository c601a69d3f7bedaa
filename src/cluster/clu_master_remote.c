/*
 * clu_master_remote -- what a job asks of its workers (rt_remote): parts are deployed, told of checkpoints, cancelled.
 */
#include "cluster/clu_master_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_saved.h"

#include <string.h>

static uint32_t number_of(const struct clu_master *m, uint32_t attempt) {
    return m->before + attempt;
}

/* -- to those that run ------------------------------------------------------------------------------------------------------- */

static void start(void *arg, const bool *regions) {
    Clu__Start s = CLU__START__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    msg.body_case = CLU__MSG__BODY_START;
    msg.start = &s;
    clu_attempts_send(arg, regions, &msg);
}

static void stop(void *arg) {
    Clu__Stop s = CLU__STOP__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    msg.body_case = CLU__MSG__BODY_STOP;
    msg.stop = &s;
    clu_attempts_send(arg, NULL, &msg);
}

static void barrier(void *arg, uint64_t id, struct rt_barrier how) {
    Clu__Barrier b = CLU__BARRIER__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    b.id = id;
    b.aligned = how.aligned;
    b.stop = how.stop;
    msg.body_case = CLU__MSG__BODY_BARRIER;
    msg.barrier = &b;
    clu_attempts_send(arg, NULL, &msg);
}

/* Nothing of that checkpoint and of those before it is needed any more. */
static void complete(void *arg, uint64_t id) {
    struct clu_master *m = arg;
    Clu__Complete c = CLU__COMPLETE__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    c.id = id;
    msg.body_case = CLU__MSG__BODY_COMPLETE;
    msg.complete = &c;
    clu_attempts_send(m, NULL, &msg);
    clu_saved_remove(m->keep.dir, NULL, 0, id);
}

static void resume(void *arg) {
    Clu__Resume r = CLU__RESUME__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    msg.body_case = CLU__MSG__BODY_RESUME;
    msg.resume = &r;
    clu_attempts_send(arg, NULL, &msg);
}

/* -- deploying ---------------------------------------------------------------------------------------------------------------- */

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

/* Where the region's tasks are. */
static void fill_places(
    struct clu_master *m, const struct rt_exec *x, uint32_t region, struct base_arena *a, Clu__Deploy *d) {
    const struct clu_attempt *at = &m->attempts[region];
    d->n_peers = at->on.n_workers;
    d->peers = BASE_ARENA_ARRAY(a, Clu__Peer *, at->on.n_workers + (size_t)1);
    for (uint32_t i = 0; i < at->on.n_workers; i++) {
        d->peers[i] = BASE_ARENA_ARRAY(a, Clu__Peer, 1);
        clu__peer__init(d->peers[i]);
        d->peers[i]->worker = text(at->on.workers[i].id);
        d->peers[i]->data_address = text(at->on.workers[i].address);
    }
    d->n_placement = x->n_tasks;
    d->placement = BASE_ARENA_ARRAY(a, uint32_t, x->n_tasks + (size_t)1);
    for (uint32_t t = 0; t < x->n_tasks; t++)
        d->placement[t] = x->tasks[t].region != region
                              ? 0
                              : clu_attempt_member(
                                    at, m->slots.workers[m->slots.worker_of[m->slot_of[t]]].id);
}

/* Requires: the lock. The worker went before it was known that it is on the attempt: nobody else will tell. */
static enum cep_rc is_gone(struct clu_master *m, struct clu_attempt *a, uint32_t who, struct cep_err *err) {
    const struct clu_worker_info *w = &a->on.workers[who];
    if (!a->members[who].gone)
        a->members[who].heard_us = clk_mono(clk_system());
    a->members[who].gone = true;
    for (uint32_t s = 0; s < m->slots.n; s++)
        m->lost[s] |= strcmp(m->slots.workers[m->slots.worker_of[s]].id, w->id) == 0;
    (void)base_err_set(err, CEP_EIO, "worker %.6s (%s) is gone", w->id, w->host);
    err->retriable = true;
    return CEP_EIO;
}

static enum cep_rc send_deploy(struct clu_master *m, const struct rt_exec *x, uint32_t region,
    const Clu__Deploy *job, struct cep_err *err) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Part part = CLU__PART__INIT;
    Clu__Deploy d = *job;
    struct base_arena a;
    enum cep_rc rc = CEP_OK;
    base_arena_init(&a, 0);
    (void)pthread_mutex_lock(&m->attempt_mutex);
    struct clu_attempt *at = &m->attempts[region];
    fill_places(m, x, region, &a, &d);
    part.job = m->record.id;
    part.region = region;
    part.attempt = at->number;
    msg.part = &part;
    msg.body_case = CLU__MSG__BODY_DEPLOY;
    msg.deploy = &d;
    for (uint32_t i = 0; i < at->on.n_workers && rc == CEP_OK; i++)
        if (at->members[i].gone || !clu_link_send(at->on.workers[i].link, &msg))
            rc = is_gone(m, at, i, err);
    (void)pthread_mutex_unlock(&m->attempt_mutex);
    base_arena_release(&a);
    return rc;
}

static enum cep_rc send_all(struct clu_master *m, const struct rt_exec *x, const bool *regions,
    const struct rt_snap *from, uint64_t next_checkpoint, struct cep_err *err) {
    struct base_arena a;
    Clu__Deploy d = CLU__DEPLOY__INIT;
    Clu__Restore restore = CLU__RESTORE__INIT;
    enum cep_rc rc = CEP_OK;
    base_arena_init(&a, 0);
    d.parallelism = m->opts.parallelism;
    d.before = m->before;
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
    for (uint32_t r = 0; r < x->n_regions && rc == CEP_OK; r++)
        if (regions[r])
            rc = send_deploy(m, x, r, &d, err);
    base_arena_release(&a);
    return rc;
}

static enum cep_rc deploy(void *arg, uint32_t attempt, const bool *regions, const struct rt_snap *from,
    uint64_t next_checkpoint, struct cep_err *err) {
    struct clu_master *m = arg;
    const struct rt_exec *x = rt_job_exec(m->job);
    if (m->slots.n == 0) {
        clu_job_note(m->shown, "waits for what the coordinator before had deployed to end");
        clu_attempts_end(m, NULL);
        clu_attempts_forget(m);
        clu_saved_remove(m->keep.dir, NULL, 0, UINT64_MAX);
        clu_job_note(m->shown, NULL);
    }
    if (clu_attempts_take_slots(m, x, regions) != CEP_OK) {
        (void)base_err_set(err, CEP_EINTERRUPTED, "interrupted");
        err->fatal = true;
        return CEP_EINTERRUPTED;
    }
    clu_attempts_begin(m, number_of(m, attempt), x, regions);
    return send_all(m, x, regions, from, next_checkpoint, err);
}

static enum cep_rc judge(void *arg, const struct sto_losses *losses, struct cep_err *err) {
    struct clu_master *m = arg;
    for (size_t i = 0; i < losses->n; i++)
        sto_lose(
            &m->keep.losses, base_str_of(losses->v[i].op), base_str_of(losses->v[i].what), losses->v[i].n);
    clu_keep_begun(&m->keep);
    return clu_keep_judge(&m->keep, err);
}

/* -- giving up ------------------------------------------------------------------------------------------------------------------ */

static bool are_all(const struct rt_exec *x, const bool *regions) {
    bool all = true;
    for (uint32_t r = 0; r < x->n_regions; r++)
        all &= regions[r];
    return all;
}

static void remove_saved(const struct clu_master *m, const struct rt_exec *x, const bool *regions) {
    bool *tasks = base_calloc(x->n_tasks + (size_t)1, sizeof *tasks);
    for (uint32_t t = 0; t < x->n_tasks; t++)
        tasks[t] = regions[x->tasks[t].region];
    clu_saved_remove(m->keep.dir, tasks, x->n_tasks, UINT64_MAX);
    base_free(tasks);
}

static void cancel(void *arg, const bool *regions) {
    struct clu_master *m = arg;
    const struct rt_exec *x = rt_job_exec(m->job);
    clu_attempts_end(m, regions);
    remove_saved(m, x, regions);
    clu_master_keep_record(m);
    if (!are_all(x, regions))
        return;
    clu_attempts_forget(m);
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
