/*
 * rt_job -- see rt_job.h: the loop that reads, pushes, waits and drains.
 */
#include "runtime/rt_job.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "runtime/rt_graph.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    HOUSEKEEPING_STEPS = 32,        /* batches between two looks at the clock, sockets and sinks */
    MAX_WAIT_US = 200 * 1000,       /* so that progress is shown and a stop is seen */
    DRAIN_WAIT_US = 20 * 1000
};

struct source {
    struct rt_job *job;       /* borrowed */
    struct rt_op *op;         /* borrowed: the graph's */
    struct con_source *con;   /* owned */
    struct evt_batch *batch;  /* owned; filled by the next poll, recycled when nobody keeps it */
    int64_t next_poll_us;     /* after CEP_AGAIN: wall clock */
    int64_t silent_since_us;  /* monotonic; of the partition that holds a full buffer */
    bool done;
};

struct rt_job {
    const struct plan *plan;
    struct rt_opts opts;
    struct rt_trace trace;
    struct rt_graph graph;
    struct source *sources;   /* owned */
    uint32_t n_sources;
    struct rt_op **sinks;     /* owned */
    uint32_t n_sinks;
    struct event_base *loop;  /* owned */
    struct event *timer, *stop_event; /* owned */
    int stop_fd;              /* eventfd: written by rt_job_stop() */
    atomic_bool stop;
    bool woken;
    int64_t started_us, flushed_us, progress_us;
    enum cep_rc failed;       /* by a callback, in the midst of something else */
    struct cep_err failure;
};

void rt_opts_init(struct rt_opts *opts) {
    *opts = (struct rt_opts){
        .clk = clk_system(),
        .batch_rows = EVT_BATCH_ROWS,
        .linger_us = 5 * 1000,
        .max_buffered = UINT64_C(16) << 20,
        .held_patience_us = INT64_C(30) * 1000 * 1000,
        .drain_us = INT64_C(30) * 1000 * 1000,
        .stdin_fd = STDIN_FILENO,
        .stdout_fd = STDOUT_FILENO,
        .stderr_fd = STDERR_FILENO,
    };
}

/* -- what connectors call ------------------------------------------------------------------------------------ */

static void on_log(void *arg, enum con_level level, const char *text) {
    struct rt_job *job = ((struct source *)arg)->job;
    if (job->opts.log)
        job->opts.log(job->opts.arg, level, text);
}

static void on_sink_log(void *arg, enum con_level level, const char *text) {
    struct rt_job *job = arg;
    if (job->opts.log)
        job->opts.log(job->opts.arg, level, text);
}

static void on_wake(void *arg) {
    struct source *s = arg;
    s->next_poll_us = 0;
    s->job->woken = true;
}

static void on_sink_wake(void *arg) {
    ((struct rt_job *)arg)->woken = true;
}

static void on_bad(void *arg, const struct con_bad *bad) {
    struct source *s = arg;
    if (s->job->failed == CEP_OK)
        s->job->failed = rt_source_bad(s->op, bad, &s->job->failure);
}

static int64_t wall_clock(void *arg) {
    return clk_now(((struct source *)arg)->job->opts.clk);
}

static int64_t sink_wall_clock(void *arg) {
    return clk_now(((struct rt_job *)arg)->opts.clk);
}

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    ((struct rt_job *)arg)->woken = true;
}

static void on_stop(evutil_socket_t fd, short what, void *arg) {
    uint64_t n;
    (void)what;
    ((struct rt_job *)arg)->woken = true;
    if (read(fd, &n, sizeof n) < 0)
        return; /* already drained: the flag is what counts */
}

static struct con_env env_of(struct rt_job *job) {
    struct con_env env;
    con_env_init(&env);
    env.base_dir = job->opts.base_dir;
    env.loop = job->loop;
    env.stdin_fd = job->opts.stdin_fd;
    env.stdout_fd = job->opts.stdout_fd;
    env.stderr_fd = job->opts.stderr_fd;
    return env;
}

/* -- making ------------------------------------------------------------------------------------------------------ */

static enum cep_rc open_loop(struct rt_job *job, struct cep_err *err) {
    job->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (job->stop_fd < 0)
        return base_err_set(err, CEP_EIO, "could not make an event descriptor: %s", strerror(errno));
    job->loop = event_base_new();
    if (!job->loop)
        return base_err_set(err, CEP_EIO, "could not make an event loop");
    job->timer = event_new(job->loop, -1, 0, on_timer, job);
    job->stop_event = event_new(job->loop, job->stop_fd, EV_READ | EV_PERSIST, on_stop, job);
    if (!job->timer || !job->stop_event || event_add(job->stop_event, NULL) != 0)
        return base_err_set(err, CEP_EIO, "could not register with the event loop");
    return CEP_OK;
}

static enum cep_rc open_sources(struct rt_job *job, struct cep_err *err) {
    const struct plan *plan = job->plan;
    job->sources = base_calloc(plan->n_nodes ? plan->n_nodes : 1, sizeof *job->sources);
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        const struct plan_node *n = plan->nodes[i];
        if (n->kind != PLAN_NODE_SOURCE)
            continue;
        struct source *s = &job->sources[job->n_sources++];
        *s = (struct source){ .job = job, .op = job->graph.ops[i] };
        struct con_env env = env_of(job);
        env.now_us = wall_clock;
        env.log = on_log;
        env.wake = on_wake;
        env.bad = on_bad;
        env.arg = s;
        enum cep_rc rc = con_source_open(n, &env, &s->con, err);
        if (rc != CEP_OK) {
            base_err_prefix(err, "stream \"%.*s\"", BASE_STR_FMT(n->name));
            return rc;
        }
        rt_source_partitions(s->op, con_source_n_partitions(s->con));
    }
    return CEP_OK;
}

static enum cep_rc open_sinks(struct rt_job *job, struct cep_err *err) {
    const struct plan *plan = job->plan;
    job->sinks = base_calloc(plan->n_sinks ? plan->n_sinks : 1, sizeof(struct rt_op *));
    for (uint32_t i = 0; i < plan->n_sinks; i++) {
        struct con_env env = env_of(job);
        env.now_us = sink_wall_clock;
        env.log = on_sink_log;
        env.wake = on_sink_wake;
        env.arg = job;
        struct rt_op *op;
        enum cep_rc rc = rt_sink_new(plan, &plan->sinks[i], &env, job->opts.clk, &op, err);
        if (rc != CEP_OK)
            return rc;
        job->sinks[job->n_sinks++] = op;
        rt_graph_listen(&job->graph, plan->sinks[i].input, op, 0);
    }
    return CEP_OK;
}

enum cep_rc rt_job_new(const struct plan *plan, const struct rt_opts *opts, struct rt_job **out, struct cep_err *err) {
    struct rt_job *job = base_calloc(1, sizeof *job);
    job->plan = plan;
    job->opts = *opts;
    job->stop_fd = -1;
    enum cep_rc rc = open_loop(job, err);
    if (rc == CEP_OK)
        rc = rt_graph_init(&job->graph, plan, opts->clk, err);
    if (rc == CEP_OK)
        rc = open_sinks(job, err);
    if (rc == CEP_OK)
        rc = open_sources(job, err);
    if (rc != CEP_OK) {
        rt_job_free(job);
        return rc;
    }
    job->trace = (struct rt_trace){ opts->trace, opts->arg };
    for (uint32_t i = 0; opts->trace && i < plan->n_nodes; i++)
        job->graph.ops[i]->trace = &job->trace;
    *out = job;
    return CEP_OK;
}

void rt_job_free(struct rt_job *job) {
    if (!job)
        return;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        con_source_close(job->sources[i].con);
        evt_batch_unref(job->sources[i].batch);
    }
    for (uint32_t i = 0; i < job->n_sinks; i++)
        job->sinks[i]->vt->free(job->sinks[i]);
    if (job->graph.ops)
        rt_graph_release(&job->graph);
    base_free(job->sources);
    base_free(job->sinks);
    if (job->timer)
        event_free(job->timer);
    if (job->stop_event)
        event_free(job->stop_event);
    if (job->loop)
        event_base_free(job->loop);
    if (job->stop_fd >= 0)
        (void)close(job->stop_fd);
    base_free(job);
}

void rt_job_stop(struct rt_job *job) {
    uint64_t one = 1;
    atomic_store(&job->stop, true);
    if (write(job->stop_fd, &one, sizeof one) < 0)
        return; /* full: it will wake up anyway */
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

static enum cep_rc push_chunk(struct source *s, const struct con_chunk *chunk, struct cep_err *err) {
    enum cep_rc rc = rt_source_push(s->op, chunk->partition, s->batch, err);
    if (rc == CEP_OK && chunk->partition_done)
        rc = rt_source_partition_end(s->op, chunk->partition, err);
    return rc;
}

/*
 * One batch from a source. `only_behind`: of the partition that holds the watermark, nothing else.
 * Returns: CEP_OK when something came, CEP_AGAIN when nothing did.
 */
static enum cep_rc read_source(struct source *s, bool only_behind, struct cep_err *err) {
    struct rt_job *job = s->job;
    if (s->batch && atomic_load_explicit(&s->batch->refs, memory_order_acquire) == 1) {
        evt_batch_clear(s->batch);
    } else {
        evt_batch_unref(s->batch);
        s->batch = evt_batch_new(s->op->node->schema, job->opts.batch_rows);
    }
    struct con_chunk chunk = { .batch = s->batch, .next_poll_us = INT64_MAX };
    uint32_t behind = rt_source_behind(s->op);
    enum cep_rc rc = con_source_poll(s->con, behind, &chunk, err);
    if (rc == CEP_AGAIN && behind != CON_ANY && !only_behind)
        rc = con_source_poll(s->con, CON_ANY, &chunk, err);
    if (job->failed != CEP_OK) {
        if (err)
            *err = job->failure;
        return job->failed;
    }
    switch ((int)rc) {
    case CEP_OK:
        rt_source_partitions(s->op, con_source_n_partitions(s->con));
        return push_chunk(s, &chunk, err);
    case CEP_AGAIN:
        s->next_poll_us = chunk.next_poll_us;
        return CEP_AGAIN;
    case CEP_NONE:
        s->done = true;
        rc = rt_source_finish(s->op, err);
        return rc;
    default: base_err_prefix(err, "stream \"%.*s\"", BASE_STR_FMT(s->op->name)); return rc;
    }
}

/* The source to read next: the one furthest behind that may have something. */
static struct source *next_source(struct rt_job *job, int64_t wall_us) {
    struct source *best = NULL;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        struct source *s = &job->sources[i];
        if (!s->done && s->next_poll_us <= wall_us && (!best || s->op->watermark < best->op->watermark))
            best = s;
    }
    return best;
}

/* `drift at most D`: a source that is more than D ahead of the slowest other one waits. */
static bool drifted(const struct rt_job *job, const struct source *s) {
    int64_t drift = s->op->node->source.time.drift_us;
    if (drift == 0 || s->op->watermark == EVT_TIME_MIN)
        return false;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        const struct source *o = &job->sources[i];
        if (o == s || o->done || o->op->idle)
            continue;
        if (o->op->watermark == EVT_TIME_MIN || s->op->watermark - drift > o->op->watermark)
            return true;
    }
    return false;
}

static struct source *slowest(struct rt_job *job) {
    struct source *best = NULL;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        struct source *s = &job->sources[i];
        if (!s->done && !s->op->idle && (!best || s->op->watermark < best->op->watermark))
            best = s;
    }
    return best;
}

static enum cep_rc buffer_held(struct rt_job *job, struct source *s, uint64_t buffered, struct cep_err *err) {
    struct base_buf who = BASE_BUF_INIT;
    uint32_t behind = rt_source_behind(s->op);
    if (con_source_n_partitions(s->con) == 0) {
        base_buf_puts(&who, "nobody has sent anything yet");
    } else {
        struct con_partition part;
        con_source_partition(s->con, behind == CON_ANY ? 0 : behind, &part);
        base_buf_printf(&who, "partition \"%.*s\" is silent", BASE_STR_FMT(part.name));
    }
    enum cep_rc rc = base_err_set(err, CEP_ELIMIT,
                                  "stream \"%.*s\": %s and has held the watermark back for %lld s while %llu events wait for it "
                                  "(limit %llu)",
                                  BASE_STR_FMT(s->op->name), base_buf_cstr(&who), (long long)(job->opts.held_patience_us / 1000000),
                                  (unsigned long long)buffered, (unsigned long long)job->opts.max_buffered);
    base_err_hint(err, "let silent partitions fall idle (watermark ... idle after 30 s), or raise --buffer-rows");
    base_buf_release(&who);
    return rc;
}

/* The buffers are full: only what holds the watermark is read. Returns: as read_source(). */
static enum cep_rc read_held(struct rt_job *job, uint64_t buffered, struct cep_err *err) {
    struct source *s = slowest(job);
    if (!s)
        return CEP_AGAIN;
    int64_t now = clk_mono(job->opts.clk);
    enum cep_rc rc = read_source(s, true, err);
    if (rc != CEP_AGAIN) {
        s->silent_since_us = 0;
        return rc;
    }
    if (s->silent_since_us == 0)
        s->silent_since_us = now;
    return now - s->silent_since_us < job->opts.held_patience_us ? CEP_AGAIN : buffer_held(job, s, buffered, err);
}

/* One batch from wherever there is one. Returns: CEP_OK, CEP_AGAIN, an error. */
static enum cep_rc read_once(struct rt_job *job, bool full, uint64_t buffered, struct cep_err *err) {
    if (full)
        return read_held(job, buffered, err);
    int64_t wall = clk_now(job->opts.clk);
    for (uint32_t tries = 0; tries < job->n_sources; tries++) {
        struct source *s = next_source(job, wall);
        if (!s)
            return CEP_AGAIN;
        if (drifted(job, s)) {
            s->next_poll_us = wall + 1000; /* look again in a millisecond: the others are being read meanwhile */
            continue;
        }
        enum cep_rc rc = read_source(s, false, err);
        if (rc != CEP_AGAIN)
            return rc;
        if (s->next_poll_us <= wall)
            s->next_poll_us = wall + 1;
    }
    return CEP_AGAIN;
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

static enum cep_rc flush_sinks(struct rt_job *job, bool final, bool *again, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    *again = false;
    for (uint32_t i = 0; i < job->n_sinks && rc == CEP_OK; i++) {
        rc = rt_sink_flush(job->sinks[i], final, err);
        if (rc == CEP_AGAIN) {
            *again = true;
            rc = CEP_OK;
        }
    }
    job->flushed_us = clk_mono(job->opts.clk);
    return rc;
}

static bool sinks_busy(const struct rt_job *job) {
    for (uint32_t i = 0; i < job->n_sinks; i++)
        if (rt_sink_busy(job->sinks[i]))
            return true;
    return false;
}

/* Every sink's reader is gone: nobody will see what comes. */
static bool sinks_gone(const struct rt_job *job) {
    for (uint32_t i = 0; i < job->n_sinks; i++)
        if (!rt_sink_gone(job->sinks[i]))
            return false;
    return job->n_sinks > 0;
}

static enum cep_rc tick_sources(struct rt_job *job, int64_t *next_us, struct cep_err *err) {
    *next_us = INT64_MAX;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        int64_t next;
        if (job->sources[i].done)
            continue;
        enum cep_rc rc = rt_source_tick(job->sources[i].op, &next, err);
        if (rc != CEP_OK)
            return rc;
        if (next < *next_us)
            *next_us = next;
    }
    return CEP_OK;
}

static bool all_done(const struct rt_job *job) {
    for (uint32_t i = 0; i < job->n_sources; i++)
        if (!job->sources[i].done)
            return false;
    return true;
}

/* Lets libevent work: at once, or until something happens, at most `us`. */
static enum cep_rc run_loop(struct rt_job *job, int64_t us, struct cep_err *err) {
    job->woken = false;
    if (us > 0) {
        struct timeval tv = { us / 1000000, us % 1000000 };
        if (event_add(job->timer, &tv) != 0)
            return base_err_set(err, CEP_EIO, "could not set a timer");
    }
    if (event_base_loop(job->loop, us > 0 ? EVLOOP_ONCE : EVLOOP_NONBLOCK) < 0)
        return base_err_set(err, CEP_EIO, "the event loop failed: %s", strerror(errno));
    return CEP_OK;
}

/* How long there is nothing to do: until a source wants to be polled, an idle time-out, a flush. */
static int64_t wait_us(const struct rt_job *job, int64_t next_tick_us) {
    int64_t wait = MAX_WAIT_US, wall = clk_now(job->opts.clk);
    for (uint32_t i = 0; i < job->n_sources; i++) {
        const struct source *s = &job->sources[i];
        if (!s->done && s->next_poll_us != INT64_MAX && s->next_poll_us - wall < wait)
            wait = s->next_poll_us - wall;
    }
    if (next_tick_us != INT64_MAX && next_tick_us - clk_mono(job->opts.clk) < wait)
        wait = next_tick_us - clk_mono(job->opts.clk);
    return wait < 100 ? 100 : wait;
}

static void show_progress(struct rt_job *job) {
    int64_t now = clk_mono(job->opts.clk);
    if (job->opts.progress && job->opts.progress_every_us > 0 && now - job->progress_us >= job->opts.progress_every_us) {
        job->progress_us = now;
        job->opts.progress(job->opts.arg, job);
    }
}

static enum cep_rc undelivered(const struct rt_job *job, struct cep_err *err) {
    struct base_buf which = BASE_BUF_INIT;
    for (uint32_t i = 0; i < job->n_sinks; i++) {
        struct con_sink_stats st;
        rt_sink_stats(job->sinks[i], &st);
        if (st.pending > 0)
            base_buf_printf(&which, "%s\"%.*s\" still holds %llu row%s", which.len ? ", " : "", BASE_STR_FMT(job->sinks[i]->name),
                            (unsigned long long)st.pending, st.pending == 1 ? "" : "s");
    }
    enum cep_rc rc = base_err_set(err, CEP_EIO, "sinks could not deliver everything within %.1f s of the end: %s",
                                  (double)job->opts.drain_us / 1e6, base_buf_cstr(&which));
    base_err_hint(err, "--sink-drain gives them more time");
    base_buf_release(&which);
    return rc;
}

static enum cep_rc drain(struct rt_job *job, struct cep_err *err) {
    int64_t until = clk_mono(job->opts.clk) + job->opts.drain_us;
    bool again = true;
    enum cep_rc rc = CEP_OK;
    while (rc == CEP_OK && again) {
        rc = flush_sinks(job, true, &again, err);
        if (rc == CEP_OK && again) {
            if (clk_mono(job->opts.clk) >= until) {
                return undelivered(job, err);
            }
            rc = run_loop(job, DRAIN_WAIT_US, err);
        }
    }
    return rc;
}

/* Between batches: sockets, sinks, the clock. *busy: sinks want no more now. */
static enum cep_rc housekeeping(struct rt_job *job, bool *busy, struct cep_err *err) {
    bool again;
    int64_t next_tick;
    enum cep_rc rc = run_loop(job, 0, err);
    if (rc == CEP_OK)
        rc = tick_sources(job, &next_tick, err);
    if (rc == CEP_OK && (sinks_busy(job) || clk_mono(job->opts.clk) - job->flushed_us >= job->opts.linger_us))
        rc = flush_sinks(job, false, &again, err);
    *busy = sinks_busy(job);
    show_progress(job);
    return rc;
}

static enum cep_rc wait_for_input(struct rt_job *job, struct cep_err *err) {
    bool again;
    int64_t next_tick;
    enum cep_rc rc = flush_sinks(job, false, &again, err);
    if (rc == CEP_OK)
        rc = tick_sources(job, &next_tick, err);
    if (rc == CEP_OK)
        rc = run_loop(job, again ? DRAIN_WAIT_US : wait_us(job, next_tick), err);
    show_progress(job);
    return rc;
}

enum cep_rc rt_job_run(struct rt_job *job, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    bool busy = false;
    uint64_t buffered = 0;
    job->started_us = job->flushed_us = job->progress_us = clk_mono(job->opts.clk);
    for (uint32_t step = 1; rc == CEP_OK && !all_done(job) && !atomic_load(&job->stop) && !sinks_gone(job); step++) {
        if (step % HOUSEKEEPING_STEPS == 0 || busy) {
            rc = housekeeping(job, &busy, err);
            buffered = rt_graph_buffered(&job->graph);
            if (rc == CEP_OK && busy)
                rc = run_loop(job, DRAIN_WAIT_US, err);
            if (rc != CEP_OK || busy)
                continue;
        }
        rc = read_once(job, buffered >= job->opts.max_buffered, buffered, err);
        if (rc == CEP_AGAIN) {
            rc = wait_for_input(job, err);
            buffered = rt_graph_buffered(&job->graph);
        }
    }
    if (rc != CEP_OK)
        return rc;
    bool stopped = atomic_load(&job->stop) && !all_done(job);
    rc = drain(job, err);
    if (rc == CEP_OK && stopped)
        rc = base_err_set(err, CEP_EINTERRUPTED, "interrupted");
    return rc;
}

/* -- looking at it ------------------------------------------------------------------------------------------------- */

uint32_t rt_job_n_ops(const struct rt_job *job) {
    return job->plan->n_nodes + job->n_sinks;
}

void rt_job_op_info(struct rt_job *job, uint32_t i, struct rt_op_info *out) {
    bool is_sink = i >= job->plan->n_nodes;
    struct rt_op *op = is_sink ? job->sinks[i - job->plan->n_nodes] : job->graph.ops[i];
    if (op->vt->gauges)
        op->vt->gauges(op);
    *out = (struct rt_op_info){ .name = op->name, .kind = op->vt->kind, .watermark = op->watermark, .metrics = op->metrics,
                                  .first_undecodable = op->first_undecodable, .first_failure = op->first_failure };
    out->is_sink = is_sink;
    if (is_sink)
        rt_sink_stats(op, &out->sink);
    for (uint32_t s = 0; s < job->n_sources; s++)
        if (job->sources[s].op == op) {
            out->is_source = true;
            con_source_stats(job->sources[s].con, &out->source);
        }
}

void rt_job_totals(struct rt_job *job, struct rt_totals *out) {
    *out = (struct rt_totals){ .watermark = EVT_TIME_MAX, .started_us = job->started_us, .now_us = clk_mono(job->opts.clk) };
    for (uint32_t i = 0; i < job->plan->n_nodes; i++) {
        struct rt_op *op = job->graph.ops[i];
        const struct rt_metrics *m = &op->metrics;
        if (op->vt->gauges)
            op->vt->gauges(op);
        if (op->node->kind == PLAN_NODE_SOURCE) {
            out->events += m->rows_in;
            if (op->watermark < out->watermark)
                out->watermark = op->watermark;
        }
        out->matches += m->matches;
        out->alerts += m->alerts;
        out->late += m->late;
        out->errors += m->undecodable + m->failed + m->no_time;
        out->suppressed += m->suppressed;
        out->timed_out += m->timed_out;
    }
}
