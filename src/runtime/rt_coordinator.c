/*
 * rt_coordinator -- see rt_coordinator.h.
 */
#include "runtime/rt_coordinator.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "runtime/rt_db.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_master.h"
#include "runtime/rt_relay.h"
#include "state/sto_work.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LOOK_US = 100 * 1000 };

/* A savepoint that was asked for. */
struct asked {
    struct asked *next; /* owned */
    struct rt_savepoint is;
    char *dir; /* owned; is.dir */
};

/* A checkpoint under way. */
struct pending {
    struct rt_checkpoint_stat stat;
    struct asked *savepoint; /* owned; NULL: it is none */
    int64_t begun_mono_us;
    struct rt_saved **of; /* owned; by task; NULL: not yet */
    uint32_t n_missing;
};

struct rt_coordinator {
    /* Set once. */
    struct rt_job *job;
    uint32_t max_in_flight;
    struct rt_relay *relay; /* owned; NULL: tasks run elsewhere, each process has one */
    int wake_fd;            /* eventfd: something was acknowledged, or the end */
    pthread_t thread;
    bool started; /* the owner's */
    /* The coordinator's. */
    struct pending *pending; /* owned; ascending ids */
    size_t n_pending, cap_pending;
    bool *alone;     /* owned; by task: does not run, so its relay saves it */
    uint64_t *heard; /* owned; by task: the last checkpoint it acknowledged, dropped or not */
    int64_t next_us, pause_until_us;
    uint64_t last_id, last_complete;
    /* Shared. */
    atomic_bool stop;
    pthread_mutex_t mutex;               /* of those below */
    struct rt_saved *saved, **saved_end; /* owned; from elsewhere, not looked at yet, in order of arrival */
    bool *ended;                         /* owned; by task: elsewhere */
    struct asked *asked, **asked_end;    /* owned; not begun yet */
    bool stopping;                       /* I3: there is one that stops */
    bool closed;                         /* the job has ended */
    struct rt_checkpoint_stats stats;
};

static int64_t mono(const struct rt_coordinator *co) {
    return clk_mono(co->job->opts.clk);
}

static uint32_t n_tasks(const struct rt_coordinator *co) {
    return co->job->exec.n_tasks;
}

static void wake(struct rt_coordinator *co) {
    uint64_t one = 1;
    if (write(co->wake_fd, &one, sizeof one) < 0)
        return; /* full: it will wake up anyway */
}

/* -- tasks elsewhere ------------------------------------------------------------------------------------------------- */

void rt_coordinator_acknowledge(struct rt_coordinator *co, struct rt_saved *s) {
    (void)pthread_mutex_lock(&co->mutex);
    *co->saved_end = s;
    co->saved_end = &s->next;
    (void)pthread_mutex_unlock(&co->mutex);
    wake(co);
}

void rt_coordinator_ended(struct rt_coordinator *co, uint32_t task) {
    (void)pthread_mutex_lock(&co->mutex);
    co->ended[task] = true;
    (void)pthread_mutex_unlock(&co->mutex);
    wake(co);
}

/* -- telling tasks ---------------------------------------------------------------------------------------------------- */

static void tell_begun(struct rt_coordinator *co, uint64_t id, struct rt_barrier how) {
    if (co->relay)
        rt_relay_begin(co->relay, id, how);
    else
        rt_master_barrier(co->job, id, how);
}

static void tell_complete(struct rt_coordinator *co, uint64_t id) {
    co->last_complete = id;
    if (co->relay)
        rt_relay_complete(co->relay, id);
    else
        rt_master_complete(co->job, id);
}

/* `stop`: the job was told to. Elsewhere that is on its way, and sources wait until it is there. */
static void tell_resume(struct rt_coordinator *co, bool stop) {
    if (co->relay)
        rt_relay_resume(co->relay);
    else if (!stop)
        rt_master_resume(co->job);
}

/* -- savepoints that were asked for -------------------------------------------------------------------------------- */

/* The end of one. Sources that it held go on, or stop. */
static void answer(struct rt_coordinator *co, struct asked *a, const char *path, const struct cep_err *why) {
    if (a->is.stop && path)
        rt_job_stop(co->job);
    if (a->is.stop) {
        (void)pthread_mutex_lock(&co->mutex);
        co->stopping = false;
        (void)pthread_mutex_unlock(&co->mutex);
        tell_resume(co, path != NULL);
    }
    a->is.done(a->is.arg, path ? CEP_OK : why->rc, path, why);
    base_free(a->dir);
    base_free(a);
}

static void answer_failed(struct rt_coordinator *co, struct asked *a, const struct cep_err *why) {
    struct cep_err err = *why;
    char text[sizeof err.message + 64];
    base_err_prefix(&err, "savepoint");
    (void)snprintf(
        text, sizeof text, "%s%s", err.message, rt_job_has_failed(co->job) ? "" : "; the job goes on");
    rt_job_log(co->job, CON_LEVEL_ERROR, text);
    answer(co, a, NULL, why);
}

static struct asked *take_asked(struct rt_coordinator *co) {
    (void)pthread_mutex_lock(&co->mutex);
    struct asked *a = co->asked;
    if (a && !(co->asked = a->next))
        co->asked_end = &co->asked;
    (void)pthread_mutex_unlock(&co->mutex);
    return a;
}

enum cep_rc rt_coordinator_ask(struct rt_coordinator *co, const struct rt_savepoint *s, struct cep_err *err) {
    struct asked *a = base_calloc(1, sizeof *a);
    enum cep_rc rc = CEP_OK;
    a->is = *s;
    a->is.dir = a->dir = base_strdup(s->dir);
    (void)pthread_mutex_lock(&co->mutex);
    if (co->closed)
        rc = base_err_set(err, CEP_ESTATE, "the job has ended");
    else if (co->stopping && s->stop)
        rc = base_err_set(err, CEP_ESTATE, "the job is being stopped already, with a savepoint");
    if (rc == CEP_OK) {
        co->stopping |= s->stop;
        *co->asked_end = a;
        co->asked_end = &a->next;
    }
    (void)pthread_mutex_unlock(&co->mutex);
    if (rc == CEP_OK) {
        wake(co);
    } else {
        base_free(a->dir);
        base_free(a);
    }
    return rc;
}

/* -- checkpoints under way --------------------------------------------------------------------------------------- */

/* Requires: the lock. As long as it is remembered. */
static void show(struct rt_coordinator *co, const struct rt_checkpoint_stat *stat) {
    for (uint32_t i = 0; i < co->stats.n_history; i++)
        if (co->stats.history[i].id == stat->id)
            co->stats.history[i] = *stat;
}

/* Requires: the lock. */
static void show_begun(struct rt_coordinator *co, const struct rt_checkpoint_stat *stat) {
    struct rt_checkpoint_stat *h = co->stats.history;
    if (co->stats.n_history < RT_CHECKPOINT_HISTORY)
        co->stats.n_history++;
    memmove(h + 1, h, (co->stats.n_history - 1) * sizeof *h);
    h[0] = *stat;
}

/* Requires: the lock. */
static void show_failed(struct rt_coordinator *co, struct pending *p, const char *why) {
    p->stat.status = RT_CHECKPOINT_FAILED;
    p->stat.duration_us = mono(co) - p->begun_mono_us;
    p->stat.n_acknowledged = p->stat.n_tasks - p->n_missing;
    (void)snprintf(p->stat.failure, sizeof p->stat.failure, "%s", why);
    show(co, &p->stat);
}

/* Counted and told; when trying again is no use the job fails. */
static void not_complete(
    struct rt_coordinator *co, struct pending *p, const struct cep_err *why, bool timed_out) {
    struct cep_err err = *why;
    base_err_prefix(&err, "checkpoint %llu", (unsigned long long)p->stat.id);
    (void)pthread_mutex_lock(&co->mutex);
    if (timed_out)
        co->stats.timed_out++;
    else
        co->stats.failed++;
    show_failed(co, p, err.message);
    co->stats.last_failed = p->stat;
    (void)pthread_mutex_unlock(&co->mutex);
    if (!why->retriable) {
        rt_job_fail(co->job, why->rc, &err);
        return;
    }
    char text[sizeof err.message + sizeof err.hint + 64];
    (void)snprintf(text, sizeof text, "%s%s%s%s; the job goes on without it", err.message,
        err.hint[0] ? " (" : "", err.hint, err.hint[0] ? ")" : "");
    rt_job_log(co->job, CON_LEVEL_ERROR, text);
}

/* Forgets the i-th, which is complete or dropped. Requires: a savepoint's answer was given. */
static void forget(struct rt_coordinator *co, size_t i) {
    struct pending *p = &co->pending[i];
    co->pause_until_us = mono(co) + co->job->opts.checkpoint_pause_us;
    for (uint32_t t = 0; t < n_tasks(co); t++)
        rt_saved_free(p->of[t]);
    base_free(p->of);
    memmove(p, p + 1, (--co->n_pending - i) * sizeof *p);
    (void)pthread_mutex_lock(&co->mutex);
    co->stats.in_flight = (uint32_t)co->n_pending;
    (void)pthread_mutex_unlock(&co->mutex);
}

/* `savepoint`: taken over; NULL: a checkpoint. */
static void begin(struct rt_coordinator *co, struct asked *savepoint) {
    co->pending = base_grow(co->pending, co->n_pending, &co->cap_pending, sizeof *co->pending);
    struct pending *p = &co->pending[co->n_pending++];
    *p = (struct pending){ .stat = { .id = ++co->last_id,
                               .begun_us = clk_now(co->job->opts.clk),
                               .n_tasks = n_tasks(co),
                               .is_savepoint = savepoint != NULL },
        .savepoint = savepoint,
        .begun_mono_us = mono(co),
        .of = base_calloc(n_tasks(co), sizeof(struct rt_saved *)),
        .n_missing = n_tasks(co) };
    (void)pthread_mutex_lock(&co->mutex);
    co->stats.begun += !savepoint;
    co->stats.in_flight = (uint32_t)co->n_pending;
    show_begun(co, &p->stat);
    (void)pthread_mutex_unlock(&co->mutex);
    tell_begun(co, co->last_id, (struct rt_barrier){ savepoint != NULL, savepoint && savepoint->is.stop });
}

static void begin_asked(struct rt_coordinator *co) {
    struct asked *a;
    while ((a = take_asked(co)))
        begin(co, a);
}

static struct pending *find(struct rt_coordinator *co, uint64_t id, size_t *at) {
    for (*at = 0; *at < co->n_pending; (*at)++)
        if (co->pending[*at].stat.id == id)
            return &co->pending[*at];
    return NULL;
}

/* The i-th will not be. */
static void drop(struct rt_coordinator *co, size_t i, const struct cep_err *why, bool timed_out) {
    struct pending *p = &co->pending[i];
    if (!p->savepoint) {
        not_complete(co, p, why, timed_out);
    } else {
        (void)pthread_mutex_lock(&co->mutex);
        show_failed(co, p, why->message);
        (void)pthread_mutex_unlock(&co->mutex);
        if (!why->retriable)
            rt_job_fail(co->job, why->rc, why);
        answer_failed(co, p->savepoint, why);
    }
    forget(co, i);
}

static void keep_max(int64_t *most, int64_t v) {
    *most = v > *most ? v : *most;
}

/* One that was dropped in the meantime is nobody's any more. */
static void acknowledged(struct rt_coordinator *co, struct rt_saved *s) {
    size_t at;
    struct pending *p = find(co, s->id, &at);
    co->heard[s->task] = s->id;
    if (!p || s->rc != CEP_OK) {
        if (p)
            drop(co, at, &s->err, false);
        rt_saved_free(s);
        return;
    }
    CEP_INSIST(!p->of[s->task]);
    p->of[s->task] = s;
    p->n_missing--;
    p->stat.bytes += rt_snap_bytes(&s->snap);
    p->stat.new_bytes += co->relay ? rt_snap_bytes(&s->snap) : s->new_bytes;
    p->stat.is_unaligned |= s->unaligned;
    p->stat.flight_bytes += s->flight_bytes;
    keep_max(&p->stat.alignment_us, s->align_us);
    keep_max(&p->stat.pause_us, s->pause_us);
    keep_max(&p->stat.pause_cpu_us, s->pause_cpu_us);
    keep_max(&p->stat.barrier_us, s->barrier_us);
    keep_max(&p->stat.barrier_cpu_us, s->barrier_cpu_us);
    keep_max(&p->stat.save_us, s->save_us);
    p->stat.n_acknowledged = p->stat.n_tasks - p->n_missing;
    (void)pthread_mutex_lock(&co->mutex);
    show(co, &p->stat);
    (void)pthread_mutex_unlock(&co->mutex);
}

/* Takes what tasks said and who has ended. */
static void listen(struct rt_coordinator *co) {
    if (co->relay) {
        rt_relay_listen(co->relay);
        return;
    }
    (void)pthread_mutex_lock(&co->mutex);
    struct rt_saved *s = co->saved;
    co->saved = NULL;
    co->saved_end = &co->saved;
    for (uint32_t t = 0; t < n_tasks(co); t++)
        co->alone[t] |= co->ended[t];
    (void)pthread_mutex_unlock(&co->mutex);
    while (s) {
        struct rt_saved *next = s->next;
        s->next = NULL;
        acknowledged(co, s);
        s = next;
    }
}

/* -- what the relay says --------------------------------------------------------------------------------------------- */

static void on_saved(void *arg, struct rt_saved *s) {
    acknowledged(arg, s);
}

static bool on_wanted(void *arg, uint64_t id) {
    size_t at;
    return find(arg, id, &at) != NULL;
}

static void on_ended(void *arg, uint32_t task) {
    ((struct rt_coordinator *)arg)->alone[task] = true;
}

static enum cep_rc commit_alone(struct rt_coordinator *co, struct cep_err *err) {
    return co->relay ? rt_relay_commit(co->relay, err) : CEP_OK;
}

/* -- completing --------------------------------------------------------------------------------------------------- */

/* `path`: of a savepoint. */
static enum cep_rc keep(
    struct rt_coordinator *co, struct pending *p, struct base_buf *path, struct cep_err *err) {
    const struct rt_opts *opts = &co->job->opts;
    struct rt_snap all;
    rt_snap_init(&all);
    for (uint32_t t = 0; t < n_tasks(co); t++)
        rt_snap_move(&all, &p->of[t]->snap);
    /* A savepoint needs no database to be read. */
    bool dissolve = p->savepoint && all.n_dbs > 0;
    enum cep_rc rc = dissolve ? rt_job_need_work(co->job, err) : CEP_OK;
    if (rc == CEP_OK && dissolve)
        rc = rt_db_dissolve(&all, sto_work_path(co->job->work), err);
    if (rc == CEP_OK)
        rc = p->savepoint ? opts->keep_savepoint(opts->arg, p->savepoint->dir, &all, path, err)
                          : opts->keep(opts->arg, p->stat.id, &all, err);
    rt_snap_release(&all);
    return rc;
}

static void add_to(struct rt_checkpoint_range *r, int64_t v, bool first) {
    r->min = first || v < r->min ? v : r->min;
    r->max = first || v > r->max ? v : r->max;
    r->sum += v;
}

static void show_complete(struct rt_coordinator *co, struct pending *p) {
    struct rt_checkpoint_stats *st = &co->stats;
    p->stat.status = RT_CHECKPOINT_COMPLETE;
    p->stat.duration_us = mono(co) - p->begun_mono_us;
    (void)pthread_mutex_lock(&co->mutex);
    bool first = st->complete++ == 0;
    st->unaligned += p->stat.is_unaligned;
    st->last = p->stat;
    add_to(&st->duration_us, p->stat.duration_us, first);
    add_to(&st->alignment_us, p->stat.alignment_us, first);
    add_to(&st->pause_us, p->stat.pause_us, first);
    add_to(&st->pause_cpu_us, p->stat.pause_cpu_us, first);
    add_to(&st->barrier_us, p->stat.barrier_us, first);
    add_to(&st->barrier_cpu_us, p->stat.barrier_cpu_us, first);
    add_to(&st->bytes, (int64_t)p->stat.bytes, first);
    add_to(&st->new_bytes, (int64_t)p->stat.new_bytes, first);
    add_to(&st->flight_bytes, (int64_t)p->stat.flight_bytes, first);
    show(co, &p->stat);
    (void)pthread_mutex_unlock(&co->mutex);
}

static void show_savepoint(struct rt_coordinator *co, struct pending *p, const char *path) {
    p->stat.status = RT_CHECKPOINT_COMPLETE;
    p->stat.duration_us = mono(co) - p->begun_mono_us;
    (void)pthread_mutex_lock(&co->mutex);
    co->stats.last_savepoint = p->stat;
    (void)snprintf(co->stats.last_savepoint_path, sizeof co->stats.last_savepoint_path, "%s", path);
    show(co, &p->stat);
    (void)pthread_mutex_unlock(&co->mutex);
}

/* Nothing goes back to it, so that its sinks need not wait for a checkpoint when there are none. */
static void complete_savepoint(struct rt_coordinator *co, struct pending *p, const char *path) {
    char text[sizeof(((struct cep_err *)0)->message)];
    (void)snprintf(text, sizeof text, "savepoint \"%s\" is complete", path);
    rt_job_log(co->job, CON_LEVEL_INFO, text);
    if (!co->job->opts.keep)
        tell_complete(co, p->stat.id);
    show_savepoint(co, p, path);
    answer(co, p->savepoint, path, NULL);
}

/* The first one, of which all tasks have been heard. */
static enum cep_rc complete_first(struct rt_coordinator *co, struct cep_err *err) {
    struct pending *p = &co->pending[0];
    struct cep_err why = CEP_ERR_INIT;
    struct base_buf path = BASE_BUF_INIT;
    enum cep_rc rc = keep(co, p, &path, &why);
    if (p->savepoint) {
        why.retriable = true; /* the user's folder is not the job's trouble */
        if (rc == CEP_OK) {
            complete_savepoint(co, p, base_buf_cstr(&path));
            forget(co, 0);
        } else {
            drop(co, 0, &why, false);
        }
        base_buf_release(&path);
        return rc;
    }
    if (rc != CEP_OK) {
        drop(co, 0, &why, false);
        if (err)
            *err = why;
        return rc;
    }
    show_complete(co, p);
    tell_complete(co, p->stat.id);
    forget(co, 0);
    return CEP_OK;
}

/* -- the thread ------------------------------------------------------------------------------------------------------ */

static void drop_late(struct rt_coordinator *co, int64_t now) {
    int64_t limit = co->job->opts.checkpoint_timeout_us;
    while (co->n_pending > 0 && now - co->pending[0].begun_mono_us >= limit) {
        struct cep_err why = CEP_ERR_INIT;
        (void)base_err_set(&why, CEP_EIO, "was not complete after %.1f s", (double)limit / 1e6);
        why.retriable = true;
        drop(co, 0, &why, true);
    }
}

/* Barriers of dropped ones are under way too: tasks that cannot keep up get no more of them. */
static bool may_begin(const struct rt_coordinator *co) {
    if (!co->job->opts.keep || co->job->opts.checkpoint_every_us <= 0 || co->n_pending >= co->max_in_flight)
        return false;
    if (co->job->opts.checkpoint_pause_us > 0 && co->n_pending > 0)
        return false;
    for (uint32_t t = 0; t < n_tasks(co); t++)
        if (!co->alone[t] && co->last_id - co->heard[t] >= co->max_in_flight)
            return false;
    return true;
}

static int64_t next_begin(const struct rt_coordinator *co) {
    return co->next_us > co->pause_until_us ? co->next_us : co->pause_until_us;
}

static void save_alone(struct rt_coordinator *co) {
    if (co->relay && !rt_job_has_failed(co->job))
        rt_relay_save(co->relay);
}

/* Those of which all tasks have been heard. */
static void complete_all(struct rt_coordinator *co) {
    while (co->n_pending > 0 && co->pending[0].n_missing == 0 && !rt_job_has_failed(co->job))
        (void)complete_first(co, NULL);
}

static void turn(struct rt_coordinator *co) {
    struct cep_err err = CEP_ERR_INIT;
    listen(co);
    save_alone(co);
    complete_all(co);
    enum cep_rc rc = commit_alone(co, &err);
    if (rc != CEP_OK)
        rt_job_fail(co->job, rc, &err);
    int64_t now = mono(co);
    drop_late(co, now);
    begin_asked(co);
    if (rt_job_ending(co->job) || !may_begin(co) || now < next_begin(co))
        return;
    co->next_us = now + co->job->opts.checkpoint_every_us;
    begin(co, NULL);
}

static int wait_ms(const struct rt_coordinator *co) {
    int64_t us = LOOK_US;
    if (may_begin(co) && next_begin(co) - mono(co) < us)
        us = next_begin(co) - mono(co);
    return us <= 0 ? 0 : (int)((us + 999) / 1000);
}

static void wait_for_wake(struct rt_coordinator *co, int ms) {
    struct pollfd p = { .fd = co->wake_fd, .events = POLLIN };
    uint64_t n;
    if (poll(&p, 1, ms) > 0 && read(co->wake_fd, &n, sizeof n) < 0)
        return; /* somebody was faster */
}

static void *run(void *arg) {
    struct rt_coordinator *co = arg;
    while (!atomic_load(&co->stop)) {
        turn(co);
        wait_for_wake(co, wait_ms(co));
    }
    return NULL;
}

static enum cep_rc start_thread(struct rt_coordinator *co, struct cep_err *err) {
    atomic_store(&co->stop, false);
    co->next_us = mono(co) + co->job->opts.checkpoint_every_us;
    int rc = pthread_create(&co->thread, NULL, run, co);
    co->started = rc == 0;
    return rc == 0
               ? CEP_OK
               : base_err_set(err, CEP_EIO, "could not start the thread for checkpoints: %s", strerror(rc));
}

enum cep_rc rt_coordinator_start(struct rt_coordinator *co, struct cep_err *err) {
    memset(co->alone, 0, n_tasks(co) * sizeof *co->alone);
    memset(co->ended, 0, n_tasks(co) * sizeof *co->ended);
    for (uint32_t t = 0; t < n_tasks(co); t++)
        co->heard[t] = co->last_id;
    if (co->relay)
        rt_relay_start(co->relay);
    else
        rt_master_start(co->job);
    return start_thread(co, err);
}

static void stop_thread(struct rt_coordinator *co) {
    atomic_store(&co->stop, true);
    wake(co);
    (void)pthread_join(co->thread, NULL);
    co->started = false;
}

/* `shown`: why, to who looks at it. */
static void forget_pending(struct rt_coordinator *co, const struct cep_err *why, const char *shown) {
    while (co->n_pending > 0) {
        struct pending *p = &co->pending[co->n_pending - 1];
        (void)pthread_mutex_lock(&co->mutex);
        co->stats.abandoned += !p->savepoint;
        show_failed(co, p, shown);
        (void)pthread_mutex_unlock(&co->mutex);
        if (p->savepoint)
            answer_failed(co, p->savepoint, why);
        forget(co, co->n_pending - 1);
    }
}

static void forget_all(struct rt_coordinator *co, const struct cep_err *why) {
    forget_pending(co, why, "the job ended, or failed, before it was complete");
    if (co->relay)
        rt_relay_forget(co->relay);
    (void)pthread_mutex_lock(&co->mutex);
    rt_saved_free(co->saved);
    co->saved = NULL;
    co->saved_end = &co->saved;
    (void)pthread_mutex_unlock(&co->mutex);
}

/* What is under way is complete, or dropped: no task runs. Elsewhere that takes a while. */
static void settle(struct rt_coordinator *co) {
    listen(co);
    if (co->relay) {
        rt_relay_stand_in(co->relay);
        save_alone(co);
        return;
    }
    while (co->n_pending > 0 && co->pending[0].n_missing > 0 && !rt_job_has_failed(co->job)) {
        wait_for_wake(co, LOOK_US / 1000);
        listen(co);
        drop_late(co, mono(co));
    }
}

/* All tasks have ended: nothing is missing of a savepoint that their relays cannot bring. */
static void finish_savepoints(struct rt_coordinator *co) {
    (void)pthread_mutex_lock(&co->mutex);
    bool any = co->asked != NULL;
    (void)pthread_mutex_unlock(&co->mutex);
    for (size_t i = 0; i < co->n_pending; i++)
        any |= co->pending[i].savepoint != NULL;
    if (!any)
        return;
    begin_asked(co);
    do {
        settle(co);
        complete_all(co);
    } while (co->n_pending > 0 && !co->relay && !rt_job_has_failed(co->job));
}

void rt_coordinator_stop(struct rt_coordinator *co) {
    if (!co->started)
        return;
    stop_thread(co);
    struct cep_err why = CEP_ERR_INIT;
    if (!rt_job_has_failed(co->job))
        finish_savepoints(co);
    if (rt_job_has_failed(co->job))
        why = co->job->failure;
    else
        (void)base_err_set(&why, CEP_ESTATE, "the job ended before it was complete");
    forget_all(co, &why);
}

/* What tasks said until now is taken note of: a checkpoint begins only when those that run have come up with the last one. */
void rt_coordinator_pause(struct rt_coordinator *co, const struct cep_err *why) {
    CEP_REQUIRE(co->started && !co->relay);
    stop_thread(co);
    listen(co);
    forget_pending(co, why, why->message);
}

void rt_coordinator_renew(struct rt_coordinator *co, uint32_t task) {
    CEP_REQUIRE(!co->started);
    (void)pthread_mutex_lock(&co->mutex);
    co->ended[task] = co->alone[task] = false;
    co->heard[task] = co->last_id;
    (void)pthread_mutex_unlock(&co->mutex);
}

enum cep_rc rt_coordinator_go_on(struct rt_coordinator *co, struct cep_err *err) {
    return start_thread(co, err);
}

void rt_coordinator_close(struct rt_coordinator *co, const struct cep_err *why) {
    struct cep_err ended = CEP_ERR_INIT;
    struct asked *a;
    (void)pthread_mutex_lock(&co->mutex);
    co->closed = true;
    (void)pthread_mutex_unlock(&co->mutex);
    (void)base_err_set(&ended, CEP_ESTATE, "the job ended before it was begun");
    while ((a = take_asked(co)))
        answer_failed(co, a, why ? why : &ended);
}

enum cep_rc rt_coordinator_take(struct rt_coordinator *co, struct cep_err *err) {
    CEP_REQUIRE(!co->started && co->n_pending == 0);
    begin(co, NULL);
    settle(co);
    if (co->n_pending == 0)
        return base_err_set(err, CEP_EIO, "%s", co->stats.last_failed.failure);
    if (co->pending[0].n_missing > 0) {
        struct cep_err why = co->job->failure;
        forget_all(co, &why);
        if (err)
            *err = why;
        return why.rc;
    }
    enum cep_rc rc = complete_first(co, err);
    if (rc != CEP_OK)
        base_err_prefix(err, "checkpoint %llu", (unsigned long long)co->last_id);
    return rc == CEP_OK ? commit_alone(co, err) : rc;
}

/* -- making ------------------------------------------------------------------------------------------------------ */

enum cep_rc rt_coordinator_new(struct rt_job *job, struct rt_coordinator **out, struct cep_err *err) {
    struct rt_coordinator *co = base_calloc(1, sizeof *co);
    *out = co;
    co->job = job;
    co->last_id = co->last_complete = job->opts.next_checkpoint > 0 ? job->opts.next_checkpoint - 1 : 0;
    co->max_in_flight = job->opts.checkpoints_in_flight > 0 ? job->opts.checkpoints_in_flight : 1;
    (void)pthread_mutex_init(&co->mutex, NULL);
    co->alone = base_calloc(n_tasks(co) + 1, sizeof *co->alone);
    co->ended = base_calloc(n_tasks(co) + 1, sizeof *co->ended);
    co->heard = base_calloc(n_tasks(co) + 1, sizeof *co->heard);
    co->saved_end = &co->saved;
    co->asked_end = &co->asked;
    atomic_init(&co->stop, false);
    co->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (co->wake_fd < 0)
        return base_err_set(err, CEP_EIO, "could not make an event descriptor: %s", strerror(errno));
    struct rt_relay_to to = {
        .saved = on_saved, .wanted = on_wanted, .ended = on_ended, .arg = co, .wake_fd = co->wake_fd
    };
    if (!job->master)
        job->relay = co->relay = rt_relay_new(job, co->last_id, &to);
    return CEP_OK;
}

void rt_coordinator_free(struct rt_coordinator *co) {
    if (!co)
        return;
    rt_coordinator_stop(co);
    rt_coordinator_close(co, NULL);
    forget_all(co, &(struct cep_err)CEP_ERR_INIT);
    rt_relay_free(co->relay);
    if (co->wake_fd >= 0)
        (void)close(co->wake_fd);
    (void)pthread_mutex_destroy(&co->mutex);
    base_free(co->pending);
    base_free(co->alone);
    base_free(co->ended);
    base_free(co->heard);
    base_free(co);
}

uint64_t rt_coordinator_complete(const struct rt_coordinator *co) {
    return co->last_complete;
}

uint64_t rt_coordinator_next(const struct rt_coordinator *co) {
    return co->last_id + 1;
}

void rt_coordinator_restarts(struct rt_coordinator *co) {
    if (!co)
        return;
    (void)pthread_mutex_lock(&co->mutex);
    co->stats.restarts++;
    (void)pthread_mutex_unlock(&co->mutex);
}

void rt_coordinator_restored(struct rt_coordinator *co, const struct rt_snap *snap) {
    (void)pthread_mutex_lock(&co->mutex);
    co->stats.n_restored++;
    co->stats.restored_id = snap->id;
    co->stats.restored_us = clk_now(co->job->opts.clk);
    co->stats.restored_savepoint = snap->is_savepoint;
    (void)pthread_mutex_unlock(&co->mutex);
}

void rt_coordinator_stats(struct rt_coordinator *co, struct rt_checkpoint_stats *out) {
    (void)pthread_mutex_lock(&co->mutex);
    *out = co->stats;
    (void)pthread_mutex_unlock(&co->mutex);
}
