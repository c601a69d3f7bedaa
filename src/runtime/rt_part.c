/*
 * rt_part -- see rt_part.h.
 */
#include "runtime/rt_part.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "runtime/rt_job_internal.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOK_MS = 100 };

struct rt_part_run {
    /* Set once. */
    struct rt_job *job; /* borrowed */
    struct rt_part_opts opts;
    bool *here;             /* owned; by task */
    struct rt_relay *relay; /* owned */
    int wake_fd;            /* eventfd: the relay has something to do */
    pthread_t thread;       /* the relay's owner */
    bool opened;            /* it runs */
    /* Shared. */
    atomic_bool over;      /* the thread ends */
    atomic_bool told;      /* that it failed, or was given up */
    pthread_mutex_t mutex; /* held by who works for the relay */
    uint32_t n_threads;    /* of tasks, to be waited for */
};

/* -- what the relay says --------------------------------------------------------------------------------------------- */

static void on_saved(void *arg, struct rt_saved *s) {
    struct rt_part_run *p = arg;
    p->opts.fns.saved(p->opts.arg, s);
}

static void on_committed(void *arg, uint32_t task, uint64_t id) {
    struct rt_part_run *p = arg;
    p->opts.fns.committed(p->opts.arg, task, id);
}

static void on_ended(void *arg, uint32_t task) {
    struct rt_part_run *p = arg;
    p->opts.fns.ended(p->opts.arg, task);
}

/* -- its thread ------------------------------------------------------------------------------------------------------ */

/* Returns: false when there is nothing to do any more: the part is over. */
static bool turn(struct rt_part_run *p) {
    struct cep_err err = CEP_ERR_INIT;
    enum cep_rc rc = CEP_OK;
    (void)pthread_mutex_lock(&p->mutex);
    rt_relay_listen(p->relay);
    if (!rt_job_is_cut(p->job))
        rt_relay_save(p->relay);
    if (!rt_job_is_cut(p->job))
        rc = rt_relay_commit(p->relay, &err);
    (void)pthread_mutex_unlock(&p->mutex);
    if (rc != CEP_OK)
        rt_job_fail(p->job, rc, &err);
    return !atomic_load(&p->over);
}

static void *run(void *arg) {
    struct rt_part_run *p = arg;
    while (turn(p)) {
        struct pollfd fd = { .fd = p->wake_fd, .events = POLLIN };
        uint64_t n;
        if (poll(&fd, 1, LOOK_MS) > 0 && read(p->wake_fd, &n, sizeof n) < 0)
            continue; /* somebody was faster */
    }
    return NULL;
}

/* -- making ---------------------------------------------------------------------------------------------------------- */

enum cep_rc rt_part_new(
    struct rt_job *job, const struct rt_part_opts *opts, struct rt_part_run **out, struct cep_err *err) {
    struct rt_part_run *p = *out = base_calloc(1, sizeof *p);
    uint32_t n = job->exec.n_tasks;
    p->job = job;
    p->opts = *opts;
    p->here = base_calloc(n + (size_t)1, sizeof *p->here);
    memcpy(p->here, opts->here, n * sizeof *p->here);
    p->opts.here = p->here;
    (void)pthread_mutex_init(&p->mutex, NULL);
    atomic_init(&p->over, false);
    atomic_init(&p->told, false);
    p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->wake_fd < 0)
        return base_err_set(err, CEP_EIO, "could not make an event descriptor: %s", strerror(errno));
    struct rt_relay_to to = {
        .saved = on_saved, .committed = on_committed, .ended = on_ended, .arg = p, .wake_fd = p->wake_fd
    };
    uint64_t next = job->opts.next_checkpoint;
    job->relay = p->relay = rt_relay_new(job, next > 0 ? next - 1 : 0, &to);
    return CEP_OK;
}

enum cep_rc rt_part_opened(struct rt_job *job, struct cep_err *err) {
    struct rt_part_run *p = job->part;
    rt_relay_start(p->relay);
    rt_relay_stand_in(p->relay);
    int rc = pthread_create(&p->thread, NULL, run, p);
    p->opened = rc == 0;
    return rc == 0
               ? CEP_OK
               : base_err_set(err, CEP_EIO, "could not start the thread for checkpoints: %s", strerror(rc));
}

/* The master has judged what was lost: sinks may take back what they wrote behind the snapshot. */
static void need_sinks(struct rt_job *job) {
    struct cep_err err = CEP_ERR_INIT;
    if (job->sinks_open || rt_job_is_cut(job) || rt_job_open_sinks(job, &err) == CEP_OK)
        return;
    err.retriable = false;
    rt_part_fail(job, &err);
}

enum cep_rc rt_part_start(struct rt_job *job, struct cep_err *err) {
    struct rt_part_run *p = job->part;
    enum cep_rc rc = CEP_OK;
    CEP_REQUIRE(p->n_threads == 0);
    need_sinks(job);
    (void)turn(p); /* what was begun and completed before is not the tasks' */
    (void)pthread_mutex_lock(&p->mutex);
    atomic_store(&job->started_us, clk_mono(job->opts.clk));
    rt_relay_start(p->relay);
    if (!rt_job_is_cut(job))
        rc = rt_job_start_threads(job, &p->n_threads, err);
    (void)pthread_mutex_unlock(&p->mutex);
    return rc;
}

static void wake(struct rt_part_run *p) {
    uint64_t one = 1;
    if (write(p->wake_fd, &one, sizeof one) < 0)
        return; /* full: it will wake up anyway */
}

void rt_part_stop(struct rt_part_run *p) {
    rt_part_cancel(p->job);
    rt_job_join_threads(p->job, p->n_threads);
    p->n_threads = 0;
    atomic_store(&p->over, true);
    if (!p->opened)
        return;
    wake(p);
    (void)pthread_join(p->thread, NULL);
    p->opened = false;
}

void rt_part_free(struct rt_part_run *p) {
    if (!p)
        return;
    rt_relay_free(p->relay);
    if (p->wake_fd >= 0)
        (void)close(p->wake_fd);
    (void)pthread_mutex_destroy(&p->mutex);
    base_free(p->here);
    base_free(p);
}

bool rt_part_has(const struct rt_part_run *p, uint32_t task) {
    return p->here[task];
}

bool rt_part_keeps(const struct rt_part_run *p) {
    return p->opts.checkpoints;
}

bool rt_part_keeps_savepoints(const struct rt_part_run *p) {
    return p->opts.savepoints;
}

/* -- what was decided ------------------------------------------------------------------------------------------------ */

void rt_part_barrier(struct rt_job *job, uint64_t id, struct rt_barrier how) {
    CEP_INSIST(id == rt_relay_begun(job->relay) + 1);
    need_sinks(job);
    rt_relay_begin(job->relay, id, how);
}

void rt_part_complete(struct rt_job *job, uint64_t id) {
    rt_relay_complete(job->relay, id);
}

void rt_part_resume(struct rt_job *job) {
    rt_relay_resume(job->relay);
}

void rt_part_failed(struct rt_job *job, const struct cep_err *err) {
    struct rt_part_run *p = job->part;
    atomic_store(&job->cut, true);
    if (err && !atomic_exchange(&p->told, true))
        p->opts.fns.failed(p->opts.arg, err);
}

void rt_part_fail(struct rt_job *job, const struct cep_err *err) {
    rt_job_fail(job, err->rc, err);
}

void rt_part_cancel(struct rt_job *job) {
    struct cep_err err = CEP_ERR_INIT;
    atomic_store(&job->part->told, true);
    (void)base_err_set(&err, CEP_EINTERRUPTED, "cancelled");
    rt_job_fail(job, CEP_EINTERRUPTED, &err);
}

bool rt_part_may_write(struct rt_job *job) {
    const struct rt_part_opts *o = &job->part->opts;
    struct cep_err err = CEP_ERR_INIT;
    if (rt_job_is_cut(job))
        return false;
    if (!o->fns.lease || clk_mono(job->opts.clk) < o->fns.lease(o->arg))
        return true;
    (void)base_err_set(
        &err, CEP_EIO, "the coordinator has not been heard of for longer than heartbeat.timeout");
    err.retriable = true;
    rt_part_fail(job, &err);
    return false;
}

/* -- channels -------------------------------------------------------------------------------------------------------- */

void rt_part_wake(struct rt_job *job, uint32_t channel) {
    const struct rt_part_opts *o = &job->part->opts;
    o->fns.wake(o->arg, channel);
}

void rt_part_announce(struct rt_job *job, uint32_t channel, uint64_t id) {
    const struct rt_part_opts *o = &job->part->opts;
    o->fns.announce(o->arg, channel, id);
}

const struct evt_elem *rt_part_out_peek(struct rt_job *job, uint32_t channel) {
    CEP_REQUIRE(job->channels[channel].out);
    return rt_ring_peek(job->channels[channel].ring);
}

/* A task that waits goes on when half of the ring is free. */
void rt_part_out_pop(struct rt_job *job, uint32_t channel, struct evt_elem *out) {
    struct rt_channel *c = &job->channels[channel];
    bool any = rt_ring_pop(c->ring, out);
    CEP_INSIST(any);
    if (rt_ring_sync_reader(c->ring) <= c->ring->cap / 2 && atomic_load(&c->writer_waits))
        rt_task_ring_bell(c->from);
}

uint32_t rt_part_in_room(struct rt_job *job, uint32_t channel) {
    const struct rt_ring *r = job->channels[channel].ring;
    CEP_REQUIRE(job->channels[channel].in);
    return r->cap - rt_ring_n(r);
}

void rt_part_in_push(struct rt_job *job, uint32_t channel, const struct evt_elem *e) {
    struct rt_channel *c = &job->channels[channel];
    bool room = rt_ring_push(c->ring, e);
    CEP_INSIST(room);
    (void)rt_ring_sync_writer(c->ring);
    rt_task_ring_bell(c->to);
}

void rt_part_announced(struct rt_job *job, uint32_t channel, uint64_t id) {
    rt_task_announced(job->channels[channel].to, id);
}

const struct evt_schema *rt_part_schema(const struct rt_job *job, uint32_t channel, uint32_t stream) {
    const struct rt_exec_channel *c = &job->exec.channels[channel];
    if (stream >= job->graph->n_exchanges)
        return NULL;
    const struct plan_exchange *x = &job->graph->exchanges[stream];
    if (x->from != job->exec.tasks[c->from].vertex || x->to != job->exec.tasks[c->to].vertex)
        return NULL;
    return x->schema;
}
