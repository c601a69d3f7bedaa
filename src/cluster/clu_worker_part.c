/*
 * clu_worker_part -- one part of a job in a worker: see clu_worker.h.
 */
#include "cluster/clu_keep.h"
#include "cluster/clu_saved.h"
#include "cluster/clu_settings.h"
#include "cluster/clu_worker_internal.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "runtime/rt_part.h"
#include "runtime/rt_report.h"

#include <time.h>

enum { REPORT_MS = 200 };

/* A message that waits. */
struct told {
    struct told *next; /* owned */
    Clu__Msg *msg;     /* owned */
};

struct clu_worker_part {
    struct clu_worker *worker; /* borrowed */
    struct clu_worker_part *next;
    Clu__Msg *deploy;    /* owned */
    const Clu__Part *is; /* in it */
    /* The thread's. */
    struct base_arena arena;
    struct clu_config config;
    struct plan *plan; /* owned */
    struct rt_snap from;
    struct clu_saver *saver; /* owned */
    struct sto_losses losses;
    bool *here;                /* owned; by task */
    struct rt_job *run;        /* owned; NULL: not made, or gone */
    struct clu_part *channels; /* owned; the same */
    bool started;
    /* The worker's lock. */
    pthread_cond_t cond;
    struct told *first, **last; /* owned */
    bool cancelled;
    uint32_t answer;          /* the attempt up to which none is to be left; 0 = nobody wants to know */
    bool all_regions;         /* of the job; else of the region */
    struct rt_job *to_cancel; /* `run`, while it may be cancelled */
};

static Clu__Msg *copy_of(const Clu__Msg *msg) {
    size_t n = clu__msg__get_packed_size(msg);
    uint8_t *bytes = base_alloc(n ? n : 1);
    (void)clu__msg__pack(msg, bytes);
    Clu__Msg *copy = clu__msg__unpack(NULL, n, bytes);
    base_free(bytes);
    return copy;
}

/* -- for the worker -------------------------------------------------------------------------------------------------- */

void clu_worker_part_tell(struct clu_worker_part *p, const Clu__Msg *msg) {
    struct told *t = base_calloc(1, sizeof *t);
    t->msg = copy_of(msg);
    *p->last = t;
    p->last = &t->next;
    (void)pthread_cond_signal(&p->cond);
}

void clu_worker_part_cancel(struct clu_worker_part *p, const Clu__Part *answer, bool all_regions) {
    p->cancelled = true;
    if (answer && answer->attempt > p->answer)
        p->answer = answer->attempt;
    p->all_regions |= all_regions;
    if (p->to_cancel)
        rt_part_cancel(p->to_cancel);
    (void)pthread_cond_signal(&p->cond);
}

bool clu_worker_part_is(const struct clu_worker_part *p, const Clu__Part *up_to, bool all_regions) {
    return p->is->attempt <= up_to->attempt && (all_regions || p->is->region == up_to->region) &&
           strcmp(p->is->job, up_to->job) == 0;
}

bool clu_worker_part_is_of(const struct clu_worker_part *p, const Clu__Part *part) {
    return p->is->attempt == part->attempt && clu_worker_part_is(p, part, false);
}

struct clu_worker_part *clu_worker_part_next(const struct clu_worker_part *p) {
    return p->next;
}

/* -- what the part says ---------------------------------------------------------------------------------------------- */

static void wake(void *arg, uint32_t channel) {
    clu_data_wake(((struct clu_worker_part *)arg)->channels, channel);
}

static void announce(void *arg, uint32_t channel, uint64_t id) {
    clu_data_announce(((struct clu_worker_part *)arg)->channels, channel, id);
}

static void saved(void *arg, struct rt_saved *s) {
    struct clu_worker_part *p = arg;
    clu_saved_send(p->worker->link, p->is, p->saver, s);
    rt_saved_free(s);
}

static void committed(void *arg, uint32_t task, uint64_t id) {
    struct clu_worker_part *p = arg;
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Committed c = CLU__COMMITTED__INIT;
    c.task = task;
    c.id = id;
    msg.body_case = CLU__MSG__BODY_COMMITTED;
    msg.committed = &c;
    clu_worker_send(p->worker, p->is, &msg);
}

static void report(struct clu_worker_part *p, struct rt_job *run) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Report r = CLU__REPORT__INIT;
    struct base_buf b = BASE_BUF_INIT;
    rt_part_report(run, &b);
    r.bytes = (ProtobufCBinaryData){ b.len, (uint8_t *)b.p };
    msg.body_case = CLU__MSG__BODY_REPORT;
    msg.report = &r;
    clu_worker_send(p->worker, p->is, &msg);
    base_buf_release(&b);
}

static void ended(void *arg, uint32_t task) {
    struct clu_worker_part *p = arg;
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Ended e = CLU__ENDED__INIT;
    report(p, p->run);
    e.task = task;
    msg.body_case = CLU__MSG__BODY_ENDED;
    msg.ended = &e;
    clu_worker_send(p->worker, p->is, &msg);
}

static void failed(void *arg, const struct cep_err *err) {
    struct clu_worker_part *p = arg;
    clu_worker_send_failed(p->worker, p->is, err);
}

static int64_t lease(void *arg) {
    return clu_worker_lease(((struct clu_worker_part *)arg)->worker);
}

static void log_line(void *arg, enum con_level level, const char *text) {
    struct clu_worker_part *p = arg;
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "job %.6s: %s", p->is->job, text);
    p->worker->opts.log(p->worker->opts.arg, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

/* -- its channels: in the loop's thread ------------------------------------------------------------------------------ */

static const struct evt_elem *out_peek(void *arg, uint32_t channel) {
    return rt_part_out_peek(((struct clu_worker_part *)arg)->run, channel);
}

static void out_pop(void *arg, uint32_t channel, struct evt_elem *out) {
    rt_part_out_pop(((struct clu_worker_part *)arg)->run, channel, out);
}

static uint32_t in_room(void *arg, uint32_t channel) {
    return rt_part_in_room(((struct clu_worker_part *)arg)->run, channel);
}

static void in_push(void *arg, uint32_t channel, const struct evt_elem *e) {
    rt_part_in_push(((struct clu_worker_part *)arg)->run, channel, e);
}

static void announced(void *arg, uint32_t channel, uint64_t id) {
    rt_part_announced(((struct clu_worker_part *)arg)->run, channel, id);
}

static const struct evt_schema *schema(void *arg, uint32_t channel, uint32_t stream) {
    return rt_part_schema(((struct clu_worker_part *)arg)->run, channel, stream);
}

static void broken(void *arg, const struct cep_err *why) {
    struct cep_err err = *why;
    err.retriable = true;
    rt_part_fail(((struct clu_worker_part *)arg)->run, &err);
}

/* -- making ---------------------------------------------------------------------------------------------------------- */

/* Which tasks are here. Returns: CEP_ESTATE when not every task of the plan has its place. */
static enum cep_rc find_tasks(struct clu_worker_part *p, struct cep_err *err) {
    const Clu__Deploy *d = p->deploy->deploy;
    struct rt_exec x;
    if (d->parallelism == 0 || d->parallelism > PLAN_PARALLELISM_MAX)
        return base_err_set(err, CEP_EINVAL, "a parallelism of %u", d->parallelism);
    struct plan_job *graph = plan_job_new(p->plan, d->parallelism);
    rt_exec_init(&x, graph);
    bool all = x.n_tasks == d->n_placement && p->is->region < x.n_regions;
    for (size_t i = 0; i < d->n_placement; i++)
        all &= d->placement[i] < d->n_peers;
    p->here = base_calloc(d->n_placement + 1, sizeof *p->here);
    for (size_t i = 0; all && i < d->n_placement; i++)
        p->here[i] = x.tasks[i].region == p->is->region &&
                     strcmp(d->peers[d->placement[i]]->worker, p->worker->name) == 0;
    rt_exec_release(&x);
    plan_job_free(graph);
    return all ? CEP_OK
               : base_err_set(err, CEP_ESTATE, "the coordinator and this worker do not have the same tasks");
}

static enum cep_rc read_restore(struct clu_worker_part *p, const Clu__Restore *r, struct cep_err *err) {
    struct sto_manifest m;
    enum cep_rc rc = sto_manifest_read(r->path, &m, err);
    if (rc == CEP_NONE)
        return base_err_set(err, CEP_EIO, "there is no checkpoint \"%s\" on this machine", r->path);
    if (rc != CEP_OK)
        return rc;
    rc = rt_snap_read(&p->from, &m, err);
    sto_manifest_release(&m);
    return rc;
}

static enum cep_rc settings(struct clu_worker_part *p, struct rt_opts *opts, struct cep_err *err) {
    const Clu__Deploy *d = p->deploy->deploy;
    struct clu_keep keep;
    clu_config_init(&p->config, &p->arena);
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < d->n_settings && rc == CEP_OK; i++)
        rc = clu_config_set(&p->config, d->settings[i]->key, d->settings[i]->value, "settings", err);
    rt_opts_init(opts);
    if (rc == CEP_OK)
        rc = clu_settings_opts(&p->config, opts, err);
    if (rc != CEP_OK)
        return rc;
    rc = clu_keep_config(&keep, &p->config, err);
    opts->alignment_timeout_us = keep.alignment_us;
    clu_keep_release(&keep);
    opts->parallelism = d->parallelism;
    opts->base_dir = d->base_dir[0] ? d->base_dir : NULL;
    opts->writer = p->is->job;
    if (p->worker->dir)
        opts->work_dir = base_arena_printf(&p->arena, "%s/%.6s-r%u-a%u", clu_worker_dir_path(p->worker->dir),
            p->is->job, p->is->region, p->is->attempt);
    opts->next_checkpoint = d->next_checkpoint;
    opts->losses = &p->losses;
    opts->log = log_line;
    opts->arg = p;
    return rc;
}

static enum cep_rc make_run(
    struct clu_worker_part *p, struct rt_opts *opts, struct rt_job **run, struct cep_err *err) {
    const Clu__Deploy *d = p->deploy->deploy;
    struct rt_part_opts how = { .here = p->here,
        .checkpoints = d->checkpoint_dir[0] != '\0',
        .savepoints = true,
        .fns = { wake, announce, saved, committed, ended, failed, lease },
        .arg = p };
    opts->part = &how;
    opts->restore = d->restore && d->restore->path[0] ? &p->from : NULL;
    return rt_job_new(p->plan, opts, run, err);
}

/* Those that lead to other workers, or come from there. */
static enum cep_rc attach(struct clu_worker_part *p, struct rt_job *run, struct cep_err *err) {
    const Clu__Deploy *d = p->deploy->deploy;
    const struct rt_exec *x = rt_job_exec(run);
    struct clu_data_channel *channels = base_calloc(x->n_channels + (size_t)1, sizeof *channels);
    struct clu_part_opts opts = { .job = p->is->job,
        .attempt = p->is->attempt,
        .channels = channels,
        .fns = { out_peek, out_pop, in_room, in_push, announced, schema, broken },
        .arg = p };
    for (uint32_t i = 0; i < x->n_channels; i++) {
        bool from = p->here[x->channels[i].from], to = p->here[x->channels[i].to];
        const Clu__Peer *peer = d->peers[d->placement[from ? x->channels[i].to : x->channels[i].from]];
        if (from != to)
            channels[opts.n_channels++] = (struct clu_data_channel){ i, from, peer->worker,
                peer->data_address };
    }
    enum cep_rc rc = clu_data_attach(p->worker->data, &opts, &p->channels, err);
    base_free(channels);
    return rc;
}

/* Is it still to be made? It may be cancelled from now on. */
static bool show_run(struct clu_worker_part *p, struct rt_job *run) {
    p->run = run;
    (void)pthread_mutex_lock(&p->worker->mutex);
    p->to_cancel = run;
    if (p->cancelled)
        rt_part_cancel(run);
    bool go_on = !p->cancelled;
    (void)pthread_mutex_unlock(&p->worker->mutex);
    return go_on;
}

static enum cep_rc make(struct clu_worker_part *p, struct cep_err *err) {
    const Clu__Deploy *d = p->deploy->deploy;
    struct rt_opts opts;
    struct rt_job *run = NULL;
    enum cep_rc rc = p->worker->opts.compile(p->worker->opts.arg, d, &p->plan, err);
    if (rc == CEP_OK)
        rc = find_tasks(p, err);
    if (rc == CEP_OK)
        rc = settings(p, &opts, err);
    if (rc == CEP_OK && d->restore && d->restore->path[0])
        rc = read_restore(p, d->restore, err);
    if (rc == CEP_OK)
        rc = make_run(p, &opts, &run, err);
    if (rc != CEP_OK)
        return rc;
    return show_run(p, run) ? attach(p, run, err) : CEP_OK;
}

static void send_ready(struct clu_worker_part *p) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Ready ready = CLU__READY__INIT;
    size_t n = p->losses.n;
    Clu__Loss *losses = base_calloc(n + 1, sizeof *losses), **list = base_calloc(n + 1, sizeof(Clu__Loss *));
    for (size_t i = 0; i < n; i++) {
        list[i] = &losses[i];
        clu__loss__init(list[i]);
        losses[i].what = base_arena_printf(&p->arena, "%s\t%s", p->losses.v[i].op, p->losses.v[i].what);
        losses[i].entries = p->losses.v[i].n;
    }
    ready.n_losses = n;
    ready.losses = list;
    msg.body_case = CLU__MSG__BODY_READY;
    msg.ready = &ready;
    clu_worker_send(p->worker, p->is, &msg);
    base_free(losses);
    base_free(list);
}

/* -- its thread ------------------------------------------------------------------------------------------------------ */

static void start(struct clu_worker_part *p) {
    struct cep_err err = CEP_ERR_INIT;
    if (p->started)
        return;
    p->started = true;
    if (rt_part_start(p->run, &err) != CEP_OK)
        rt_part_fail(p->run, &err);
}

static void obey(struct clu_worker_part *p, const Clu__Msg *msg) {
    switch ((int)msg->body_case) {
    case CLU__MSG__BODY_START: start(p); break;
    case CLU__MSG__BODY_BARRIER:
        rt_part_barrier(
            p->run, msg->barrier->id, (struct rt_barrier){ msg->barrier->aligned, msg->barrier->stop });
        break;
    case CLU__MSG__BODY_COMPLETE: rt_part_complete(p->run, msg->complete->id); break;
    case CLU__MSG__BODY_RESUME: rt_part_resume(p->run); break;
    case CLU__MSG__BODY_STOP: rt_job_stop(p->run); break;
    case CLU__MSG__BODY_OTHERS: {
        const ProtobufCBinaryData *b = &msg->others->bytes;
        (void)rt_part_others(
            p->run, (struct base_str){ (const char *)b->data, b->len }); /* the next ones may do */
        break;
    }
    default: break;
    }
}

static struct told *next_told(struct clu_worker_part *p) {
    struct told *t = p->first;
    if (t && !(p->first = t->next))
        p->last = &p->first;
    return t;
}

/* A few times a second, however much it is told meanwhile. */
static void report_if_due(struct clu_worker_part *p, int64_t *next_us) {
    int64_t now = clk_mono(clk_system());
    if (now < *next_us)
        return;
    *next_us = now + REPORT_MS * 1000;
    if (p->started)
        report(p, p->run);
}

/* Until it is cancelled. */
static void serve(struct clu_worker_part *p) {
    struct clu_worker *w = p->worker;
    int64_t next_us = clk_mono(clk_system()) + REPORT_MS * 1000;
    (void)pthread_mutex_lock(&w->mutex);
    while (!p->cancelled) {
        struct told *t = next_told(p);
        struct timespec until = { (time_t)(next_us / 1000000), (long)(next_us % 1000000 * 1000) };
        if (!t)
            (void)pthread_cond_timedwait(&p->cond, &w->mutex, &until);
        (void)pthread_mutex_unlock(&w->mutex);
        if (t) {
            obey(p, t->msg);
            clu__msg__free_unpacked(t->msg, NULL);
            base_free(t);
        }
        report_if_due(p, &next_us);
        (void)pthread_mutex_lock(&w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
}

/* Nothing of the runtime is left. */
static void unmake(struct clu_worker_part *p) {
    (void)pthread_mutex_lock(&p->worker->mutex);
    p->to_cancel = NULL;
    (void)pthread_mutex_unlock(&p->worker->mutex);
    if (p->run)
        rt_part_cancel(p->run);
    if (p->channels)
        clu_data_detach(p->channels);
    rt_job_free(p->run);
    clu_part_free(p->channels);
    p->channels = NULL;
    p->run = NULL;
}

/* Its tasks may be those of `o`, in an attempt before. */
static bool is_older(const struct clu_worker_part *p, const struct clu_worker_part *o) {
    Clu__Part other_run = *p->is;
    other_run.attempt = p->deploy->deploy->before;
    return clu_worker_part_is(o, &other_run, true) ||
           (o->is->attempt < p->is->attempt && clu_worker_part_is(o, p->is, false));
}

/* One before it of the same job is still here: its sinks are not to be opened twice. */
static void wait_for_older(struct clu_worker_part *p) {
    struct clu_worker *w = p->worker;
    (void)pthread_mutex_lock(&w->mutex);
    for (bool any = true; any;) {
        any = false;
        for (struct clu_worker_part *o = w->parts; o; o = o->next)
            any |= o != p && is_older(p, o);
        if (any)
            (void)pthread_cond_wait(&w->gone, &w->mutex);
    }
    (void)pthread_mutex_unlock(&w->mutex);
}

static void free_part(struct clu_worker_part *p) {
    for (struct told *t; (t = next_told(p));) {
        clu__msg__free_unpacked(t->msg, NULL);
        base_free(t);
    }
    clu__msg__free_unpacked(p->deploy, NULL);
    rt_snap_release(&p->from);
    clu_saver_free(p->saver);
    sto_losses_release(&p->losses);
    plan_free(p->plan);
    base_arena_release(&p->arena);
    (void)pthread_cond_destroy(&p->cond);
    base_free(p->here);
    base_free(p);
}

/* Requires: the lock. `asked`: what is to be gone. */
static bool is_last(const struct clu_worker_part *p, const Clu__Part *asked) {
    for (const struct clu_worker_part *o = p->worker->parts; o; o = o->next)
        if (o != p && clu_worker_part_is(o, asked, p->all_regions))
            return false;
    return true;
}

/* The last of those that the coordinator wants to be gone tells it so; also when it is asked only now, or for more. */
static void go(struct clu_worker_part *p) {
    struct clu_worker *w = p->worker;
    Clu__Part asked = *p->is;
    bool all = false;
    (void)pthread_mutex_lock(&w->mutex);
    for (uint32_t told = 0; p->answer > told || (told > 0 && p->all_regions && !all);) {
        asked.attempt = told = p->answer;
        all = p->all_regions;
        if (!is_last(p, &asked))
            break;
        (void)pthread_mutex_unlock(&w->mutex);
        clu_worker_send_cancelled(w, &asked, all);
        (void)pthread_mutex_lock(&w->mutex);
    }
    for (struct clu_worker_part **at = &w->parts; *at; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    free_part(p);
    (void)pthread_cond_broadcast(&w->gone);
    (void)pthread_mutex_unlock(&w->mutex);
}

static void *run_part(void *arg) {
    struct clu_worker_part *p = arg;
    struct cep_err err = CEP_ERR_INIT;
    wait_for_older(p);
    enum cep_rc rc = make(p, &err);
    if (rc == CEP_OK && p->run)
        send_ready(p);
    else if (rc != CEP_OK)
        clu_worker_send_failed(p->worker, p->is, &err);
    if (rc == CEP_OK)
        serve(p);
    unmake(p);
    go(p);
    return NULL;
}

struct clu_worker_part *clu_worker_part_new(struct clu_worker *w, const Clu__Msg *deploy) {
    struct clu_worker_part *p = base_calloc(1, sizeof *p);
    p->worker = w;
    p->deploy = copy_of(deploy);
    p->is = p->deploy->part;
    p->last = &p->first;
    base_arena_init(&p->arena, 0);
    rt_snap_init(&p->from);
    p->saver = clu_saver_new(
        p->deploy->deploy->checkpoint_dir, p->is->attempt, (uint32_t)p->deploy->deploy->n_placement);
    sto_losses_init(&p->losses);
    pthread_condattr_t monotonic;
    CEP_INSIST(pthread_condattr_init(&monotonic) == 0 &&
               pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
               pthread_cond_init(&p->cond, &monotonic) == 0);
    (void)pthread_condattr_destroy(&monotonic);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_part, p) != 0) {
        free_part(p);
        return NULL;
    }
    (void)pthread_detach(thread);
    p->next = w->parts;
    w->parts = p;
    return p;
}
