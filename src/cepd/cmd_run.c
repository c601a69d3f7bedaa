/*
 * cmd_run -- `cepd run FILE...`: the whole runtime in this process.
 */
#include "cepd/cmd_compile.h"
#include "cepd/cmd_config.h"
#include "cluster/clu_keep.h"

#include "base/base_arena.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "cluster/clu_job.h"
#include "cluster/clu_settings.h"
#include "cluster/clu_tls.h"
#include "plan/plan_job.h"
#include "runtime/rt_job.h"
#include "time/clk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

enum {
    PROGRESS_US = 250 * 1000,
    SAME_SIGNAL_US =
        500 * 1000, /* timeout(1) and others signal the process and its group: two signals that mean one */
    SEEN_US = 3 * 1000 * 1000, /* who asked for a savepoint asks this often, at least, what became of it */
    THREAD_STACK = 128 * 1024
};

/* -- signals: a thread waits for them, so that no handler needs a global ------------------------------------- */

struct watcher {
    _Atomic(struct rt_job *) job; /* borrowed; NULL: it is still being made */
    sigset_t set;
    atomic_int caught; /* signal number, 0 = none */
    atomic_bool over;  /* the job has ended: the next signal is watcher_stop()'s */
    pthread_t thread;
};

static void *watch(void *arg) {
    struct watcher *w = arg;
    int64_t first_us = 0;
    for (;;) {
        int sig;
        if (sigwait(&w->set, &sig) != 0)
            return NULL;
        if (atomic_load(&w->over))
            return NULL;
        int before = 0;
        int64_t now_us = clk_mono(clk_system());
        if (atomic_compare_exchange_strong(&w->caught, &before, sig)) {
            first_us = now_us;
            struct rt_job *job = atomic_load(&w->job);
            if (job)
                rt_job_stop(job);
        } else if (now_us - first_us >= SAME_SIGNAL_US) {
            /* The second one: the user does not want to wait for a clean stop. */
            _Exit(sig == SIGINT ? CMD_SIGINT : CMD_SIGTERM);
        }
    }
}

/* Before the job is made: reading a large state takes a while. */
static enum cep_rc watcher_start(struct watcher *w, struct cep_err *err) {
    pthread_attr_t attr;
    atomic_init(&w->job, NULL);
    atomic_init(&w->caught, 0);
    atomic_init(&w->over, false);
    int rc = pthread_attr_init(&attr);
    if (rc == 0) {
        rc = pthread_attr_setstacksize(&attr, THREAD_STACK);
        if (rc == 0)
            rc = pthread_create(&w->thread, &attr, watch, w);
        (void)pthread_attr_destroy(&attr);
    }
    return rc == 0 ? CEP_OK : base_err_set(err, CEP_EIO, "could not start a thread: %s", strerror(rc));
}

/* From now on a signal stops it; one that came before does so now. */
static void watcher_has(struct watcher *w, struct rt_job *job) {
    atomic_store(&w->job, job);
    if (atomic_load(&w->caught))
        rt_job_stop(job);
}

static void watcher_stop(struct watcher *w) {
    atomic_store(&w->over, true);
    if (pthread_kill(w->thread, SIGTERM) == 0)
        (void)pthread_join(w->thread, NULL);
}

/* Signals must be blocked before any thread starts. SIGPIPE: writes answer EPIPE instead. */
static enum cep_rc block_signals(struct watcher *w, struct cep_err *err) {
    if (sigemptyset(&w->set) != 0 || sigaddset(&w->set, SIGINT) != 0 || sigaddset(&w->set, SIGTERM) != 0 ||
        pthread_sigmask(SIG_BLOCK, &w->set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return base_err_set(err, CEP_EIO, "could not set up signals: %s", strerror(errno));
    return CEP_OK;
}

/* -- what is said ------------------------------------------------------------------------------------------------ */

struct context {
    struct cmd_log log;
    struct clu_keep keep;
    const struct plan *plan;
    bool trace;
    struct base_arena arena; /* of config */
    struct clu_config config;
    struct clu_job *shown; /* owned; NULL: there is no REST interface */
    struct clu_http *http; /* owned */
    struct clu_tls *tls;   /* owned; http's */
    char *name;            /* owned; of the job */
    uint64_t last_events;
    int64_t last_us;
};

static void on_log(void *arg, enum con_level level, const char *text) {
    struct context *c = arg;
    cmd_log_line(&c->log, level, text);
}

static enum cep_rc on_keep(void *arg, uint64_t id, const struct rt_snap *snap, struct cep_err *err) {
    struct context *c = arg;
    return clu_keep_put(&c->keep, id, snap, err);
}

static enum cep_rc on_latest(void *arg, struct rt_snap *out, struct cep_err *err) {
    struct context *c = arg;
    return clu_keep_latest(&c->keep, out, err);
}

static enum cep_rc on_judge(void *arg, struct cep_err *err) {
    struct context *c = arg;
    return clu_keep_judge(&c->keep, err);
}

static void on_state(void *arg, enum rt_state state, const struct cep_err *why) {
    struct context *c = arg;
    if (!c->shown)
        return;
    if (why) {
        clu_job_failed(c->shown, why);
        clu_job_state(c->shown, RT_STATE_FAILING);
    }
    clu_job_state(c->shown, state);
}

static enum cep_rc on_keep_savepoint(
    void *arg, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err) {
    const struct context *c = arg;
    return clu_keep_savepoint(clu_job_id(c->shown), dir, snap, path, err);
}

static void on_trace(void *arg, const char *line) {
    struct context *c = arg;
    if (c->log.json) {
        cmd_log_printf(&c->log, c->log.level, "trace: %s", line);
        return;
    }
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "trace: %s\n", line);
    cmd_log_text(&c->log, &b);
    base_buf_release(&b);
}

static void write_rate(struct base_buf *b, double per_s) {
    if (per_s >= 1e6)
        base_buf_printf(b, "%.1f M/s", per_s / 1e6);
    else if (per_s >= 1e3)
        base_buf_printf(b, "%.1f k/s", per_s / 1e3);
    else
        base_buf_printf(b, "%.0f/s", per_s);
}

static const char *plural(uint64_t n, const char *one, const char *many) {
    return n == 1 ? one : many;
}

static void write_counts(struct base_buf *b, const struct rt_totals *t) {
    base_buf_printf(b, ", %llu %s, %llu %s, %llu late, %llu %s", (unsigned long long)t->matches,
        plural(t->matches, "match", "matches"), (unsigned long long)t->alerts,
        plural(t->alerts, "alert", "alerts"), (unsigned long long)t->late, (unsigned long long)t->errors,
        plural(t->errors, "error", "errors"));
}

static void on_progress(void *arg, struct rt_job *job) {
    struct context *c = arg;
    struct rt_totals t;
    struct base_buf b = BASE_BUF_INIT;
    rt_job_totals(job, &t);
    double seconds = (double)(t.now_us - c->last_us) / 1e6;
    base_buf_printf(&b, "%llu events, ", (unsigned long long)t.events);
    write_rate(&b, seconds > 0 ? (double)(t.events - c->last_events) / seconds : 0);
    if (t.watermark != EVT_TIME_MIN && t.watermark != EVT_TIME_MAX) {
        int64_t lag;
        base_buf_puts(&b, ", watermark ");
        base_write_timestamp(&b, t.watermark - t.watermark % 1000000);
        if (!__builtin_sub_overflow(clk_now(clk_system()), t.watermark, &lag)) {
            base_buf_puts(&b, " (");
            base_write_duration(&b, lag - lag % 1000000);
            base_buf_puts(&b, " behind)");
        }
    }
    write_counts(&b, &t);
    c->last_events = t.events;
    c->last_us = t.now_us;
    cmd_log_progress(&c->log, base_buf_cstr(&b));
    base_buf_release(&b);
}

/* One line for each count that explains a missing alert, with what to do to see the rows.
 * Returns: how many rows no sink could deliver. */
static uint64_t say_losses(struct context *c, struct rt_job *job) {
    uint64_t undelivered = 0;
    for (uint32_t i = 0; i < rt_job_n_ops(job); i++) {
        struct rt_op_info info;
        rt_job_op_info(job, i, &info);
        const struct rt_metrics *m = &info.metrics;
        struct base_str shown = info.is_sink ? info.name : c->plan->nodes[i]->statement;
        int len = (int)shown.len;
        const char *word = info.is_sink ? "sink" : plan_node_word(c->plan->nodes[i]->kind);
        const char *name = shown.p;
        bool late_read = !info.is_sink && plan_is_read(c->plan, (struct plan_ref){ i, PLAN_PORT_LATE });
        bool errors_read = !info.is_sink && plan_is_read(c->plan, (struct plan_ref){ i, PLAN_PORT_ERRORS });
        const char *unseen_late = late_read ? "" : ", dropped: no sink reads them";
        const char *unseen_error = errors_read ? "" : ", dropped: no sink reads them";
        if (m->late && plan_late_node(c->plan->nodes, c->plan->n_nodes, shown) == c->plan->nodes[i])
            cmd_log_printf(&c->log, CON_LEVEL_WARNING, "stream \"%.*s\": %llu late %s%s (%.*s.late)", len,
                name, (unsigned long long)m->late, plural(m->late, "event", "events"), unseen_late, len,
                name);
        else if (m->late)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING,
                "stream \"%.*s\": %llu late %s in its %s, dropped (%.*s.late is of what follows; make the %s "
                "a stream of its own)",
                len, name, (unsigned long long)m->late, plural(m->late, "event", "events"), info.kind, len,
                name, info.kind);
        if (m->undecodable)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING,
                "stream \"%.*s\": %llu %s could not be decoded%s (%.*s.errors); the first: %s", len, name,
                (unsigned long long)m->undecodable, plural(m->undecodable, "record", "records"), unseen_error,
                len, name, info.first_undecodable);
        if (m->no_time)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING,
                "stream \"%.*s\": %llu %s without a time%s (%.*s.errors)", len, name,
                (unsigned long long)m->no_time, plural(m->no_time, "event", "events"), unseen_error, len,
                name);
        if (m->failed && strcmp(info.kind, "process") == 0)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING,
                "stream \"%.*s\": its library rejected %llu %s (%.*s.errors); the first: %s", len, name,
                (unsigned long long)m->failed, plural(m->failed, "event or timer", "events or timers"), len,
                name, info.first_failure);
        else if (m->failed)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING,
                "%s \"%.*s\": an expression failed on %llu %s and was null there (%.*s.errors); the first: "
                "%s",
                word, len, name, (unsigned long long)m->failed, plural(m->failed, "event", "events"), len,
                name, info.first_failure);
        if (m->limit_open)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING,
                "pattern \"%.*s\": its limit on open events dropped %llu partial %s", len, name,
                (unsigned long long)m->limit_open, plural(m->limit_open, "match", "matches"));
        if (m->limit_matches)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING, "pattern \"%.*s\": its limit on matches dropped %llu",
                len, name, (unsigned long long)m->limit_matches);
        if (m->timed_out)
            cmd_log_printf(&c->log, CON_LEVEL_INFO,
                "pattern \"%.*s\": %llu partial %s ran out of time (%.*s.timeouts)", len, name,
                (unsigned long long)m->timed_out, plural(m->timed_out, "match", "matches"), len, name);
        if (m->buffered)
            cmd_log_printf(&c->log, CON_LEVEL_INFO, "%s \"%.*s\": %llu %s still waited for the watermark",
                word, len, name, (unsigned long long)m->buffered, plural(m->buffered, "event", "events"));
        if (m->suppressed)
            cmd_log_printf(&c->log, CON_LEVEL_INFO, "alert \"%.*s\": %llu suppressed", len, name,
                (unsigned long long)m->suppressed);
        if (info.is_source && info.source.duplicate_keys)
            cmd_log_printf(&c->log, CON_LEVEL_WARNING,
                "stream \"%.*s\": %llu %s came twice in %s record; the last one was taken", len, name,
                (unsigned long long)info.source.duplicate_keys,
                plural(info.source.duplicate_keys, "key", "keys"),
                plural(info.source.duplicate_keys, "its", "their"));
        if (info.is_sink && info.sink.failed)
            cmd_log_printf(&c->log, CON_LEVEL_ERROR, "sink \"%.*s\": %llu %s could not be delivered", len,
                name, (unsigned long long)info.sink.failed, plural(info.sink.failed, "row", "rows"));
        undelivered += info.is_sink ? info.sink.failed : 0;
    }
    return undelivered;
}

/* After a clean stop: how to go on. `savepoint`: the path of the one that it was stopped with; "" = none. */
static void say_how_to_go_on(struct context *c, const char *savepoint) {
    const struct clu_keep *k = &c->keep;
    if (savepoint[0])
        cmd_log_printf(&c->log, CON_LEVEL_INFO,
            "the savepoint holds where it stopped: --restore %s goes on from there", savepoint);
    else if (!k->store)
        cmd_log_line(&c->log, CON_LEVEL_INFO,
            "nothing is kept of this run: the same command starts again from the beginning of its sources");
    else
        cmd_log_printf(&c->log, CON_LEVEL_INFO,
            "checkpoint %llu holds where it stopped: the same command with --restore latest goes on from "
            "there",
            (unsigned long long)k->last_id);
}

/* The other counts begin anew with each. */
static void write_restarts(struct base_buf *b, struct rt_job *job) {
    struct rt_checkpoint_stats stats;
    rt_job_checkpoints(job, &stats);
    if (stats.restarts > 0)
        base_buf_printf(b, ", all since the last of %u %s", stats.restarts,
            plural(stats.restarts, "restart", "restarts"));
}

/* Returns: how many rows no sink could deliver. */
static uint64_t say_end(struct context *c, struct rt_job *job, const char *how) {
    struct rt_totals t;
    struct base_buf b = BASE_BUF_INIT;
    rt_job_totals(job, &t);
    double seconds = (double)(t.now_us - t.started_us) / 1e6;
    uint64_t undelivered = say_losses(c, job);
    base_buf_printf(&b, "%s: %llu %s in %.2f s", how, (unsigned long long)t.events,
        plural(t.events, "event", "events"), seconds);
    if (seconds >= 0.1) {
        base_buf_puts(&b, " (");
        write_rate(&b, (double)t.events / seconds);
        base_buf_puts(&b, ")");
    }
    write_counts(&b, &t);
    write_restarts(&b, job);
    cmd_log_line(&c->log, CON_LEVEL_INFO, base_buf_cstr(&b));
    base_buf_release(&b);
    return undelivered;
}

/* -- the command ----------------------------------------------------------------------------------------------------- */

static enum cep_rc options_of(
    struct context *ctx, const struct cmd_args *args, struct rt_opts *opts, struct cep_err *err) {
    struct clu_config *c = &ctx->config;
    enum cep_rc rc = cmd_config_load(c, args, &ctx->arena, err);
    if (rc == CEP_OK)
        rc = clu_settings_opts(c, opts, err);
    if (rc == CEP_OK)
        rc = clu_keep_config(&ctx->keep, c, err);
    ctx->keep.restore = cmd_args_get(args, "restore");
    ctx->keep.fresh = cmd_args_has(args, "fresh");
    ctx->keep.allow_dropped = cmd_args_has(args, "allow-dropped-state");
    if (rc == CEP_OK)
        rc = clu_keep_check(&ctx->keep, c, err);
    return rc;
}

/* "dir/card-testing.pattern" -> "card-testing" */
static char *name_of(const char *path) {
    static const char suffix[] = ".pattern";
    const char *slash = strrchr(path, '/');
    struct base_str s = base_str_of(slash ? slash + 1 : path);
    size_t n = sizeof suffix - 1;
    if (s.len > n && memcmp(s.p + s.len - n, suffix, n) == 0)
        s.len -= n;
    return base_strndup(s.p, s.len);
}

/* The REST interface comes before sinks are opened: a port that is taken costs no file. */
static enum cep_rc serve(struct context *c, const struct rt_opts *opts, struct cep_err *err) {
    const char *address = c->config.values[CLU_CFG_HTTP], *names[CLU_CFG_MAX], *values[CLU_CFG_MAX];
    if (!address[0])
        return CEP_OK;
    size_t n = clu_config_list(&c->config, names, values);
    struct clu_job_key *keys = BASE_ARENA_ARRAY(&c->arena, struct clu_job_key, n ? n : 1);
    for (size_t i = 0; i < n; i++)
        keys[i] = (struct clu_job_key){ names[i], values[i] };
    c->shown = clu_job_new(&(struct clu_job_opts){ .name = c->name,
        .plan = c->plan,
        .clk = opts->clk,
        .parallelism = opts->parallelism,
        .restart = rt_restart_name(opts->restart.kind),
        .savepoint_dir = c->config.values[CLU_CFG_SAVEPOINT_DIR],
        .checkpoint_dir = c->keep.dir,
        .keys = keys,
        .n_keys = n });
    struct clu_security security;
    enum cep_rc rc = clu_config_security(&c->config, &security, err);
    if (rc == CEP_OK)
        rc = clu_tls_new(&security, &c->tls, err);
    if (rc != CEP_OK)
        return rc;
    struct clu_http_opts http = { .address = address,
        .call = clu_job_call,
        .arg = c->shown,
        .tls = c->tls,
        .token = security.token,
        .loopback_only = !security.none };
    rc = clu_http_start(&http, &c->http, err);
    if (rc != CEP_OK) {
        base_err_prefix(err, "http.address");
        return rc;
    }
    cmd_log_printf(&c->log, CON_LEVEL_INFO, "job %s, REST interface on port %u (%s)", clu_job_id(c->shown),
        (unsigned)clu_http_port(c->http), address);
    return CEP_OK;
}

static void serve_state(struct context *c, enum rt_state state) {
    if (c->shown)
        clu_job_state(c->shown, state);
}

static void serve_end(struct context *c) {
    clu_http_stop(c->http);
    clu_job_free(c->shown);
    clu_tls_free(c->tls);
    c->tls = NULL;
    c->http = NULL;
    c->shown = NULL;
}

/* A clean stop, whoever asked for it. Returns: the exit status. */
static int say_stopped(struct context *c, struct rt_job *job, int sig) {
    struct base_buf savepoint = BASE_BUF_INIT;
    bool stopped = c->shown && !sig && clu_job_stopped_with(c->shown, &savepoint);
    bool over_rest = stopped || (c->shown && !sig && clu_job_is_cancelled(c->shown));
    uint64_t undelivered = say_end(c, job,
        stopped         ? "stopped with a savepoint"
        : over_rest     ? "cancelled over the REST interface"
        : sig == SIGINT ? "stopped by SIGINT"
                        : "stopped by SIGTERM");
    say_how_to_go_on(c, base_buf_cstr(&savepoint));
    base_buf_release(&savepoint);
    if (over_rest)
        return undelivered > 0 ? CMD_FAILED : CMD_DONE;
    return sig == SIGINT ? CMD_SIGINT : CMD_SIGTERM;
}

/* Returns: the exit status. */
static int say_outcome(
    struct context *c, struct rt_job *job, enum cep_rc rc, int sig, const struct cep_err *err) {
    if (rc == CEP_EINTERRUPTED)
        return say_stopped(c, job, sig);
    if (rc ==
        CEP_OK) /* The stream went on when a sink gave rows up, but who started the job wants to know. */
        return say_end(c, job, "done") > 0 ? CMD_FAILED : CMD_DONE;
    (void)say_end(c, job, "failed");
    size_t n = c->keep.store ? sto_store_n(c->keep.store) : 0;
    if (n > 0)
        cmd_log_printf(&c->log, CON_LEVEL_INFO,
            "checkpoint %llu is the newest: the same command with --restore latest goes on from it",
            (unsigned long long)sto_store_id(c->keep.store, n - 1));
    cmd_log_err(&c->log, err);
    return CMD_FAILED;
}

/* Lets go of all that the job held, and then tells those who asked for a savepoint what became of it. */
static void end_job(struct context *c, struct rt_job *job, enum cep_rc rc, const struct cep_err *err) {
    struct base_buf savepoint = BASE_BUF_INIT;
    bool failed = rc != CEP_OK && rc != CEP_EINTERRUPTED;
    bool stopped = !failed && c->shown && clu_job_stopped_with(c->shown, &savepoint);
    if (rc == CEP_EINTERRUPTED && !stopped)
        serve_state(c, RT_STATE_CANCELLING);
    if (c->shown)
        clu_job_set(c->shown, NULL);
    rt_job_free(job);
    clu_keep_close(&c->keep);
    if (c->shown) {
        clu_job_is_over(c->shown,
            failed                    ? RT_STATE_FAILED
            : stopped || rc == CEP_OK ? RT_STATE_FINISHED
                                      : RT_STATE_CANCELLED,
            failed ? err : NULL);
        clu_job_wait_seen(c->shown, SEEN_US);
    }
    base_buf_release(&savepoint);
    serve_end(c);
}

/* `w` watches for signals from here on. `*mistake`: what is wrong is the user's to mend. */
static enum cep_rc make_job(struct context *c, const struct cmd_compiled *compiled, struct rt_opts *opts,
    struct watcher *w, struct rt_job **job, bool *mistake, struct cep_err *err) {
    enum cep_rc rc = clu_keep_open(&c->keep, opts, err);
    opts->keep = c->keep.store ? on_keep : NULL;
    opts->latest = c->keep.store ? on_latest : NULL;
    if (rc == CEP_OK)
        rc = serve(c, opts, err);
    *mistake = rc == CEP_EINVAL;
    if (rc == CEP_OK)
        rc = rt_job_new(compiled->plan, opts, job, err);
    clu_keep_begun(&c->keep);
    if (rc == CEP_OK)
        watcher_has(w, *job);
    return rc;
}

/* Returns: the exit status. */
static int run_job(struct context *c, const struct cmd_compiled *compiled, struct rt_opts *opts) {
    struct rt_job *job = NULL;
    struct watcher w;
    struct cep_err err = CEP_ERR_INIT;
    bool mistake = false;
    opts->base_dir = compiled->base_dir;
    opts->log = on_log;
    opts->progress = on_progress;
    opts->progress_every_us = PROGRESS_US;
    opts->arg = c;
    opts->trace = c->trace ? on_trace : NULL;
    opts->state = on_state;
    opts->judge = on_judge;
    opts->keep_savepoint = c->config.values[CLU_CFG_HTTP][0] ? on_keep_savepoint : NULL;
    c->keep.log = on_log;
    c->keep.log_arg = c;
    enum cep_rc rc = block_signals(&w, &err);
    if (rc == CEP_OK)
        rc = watcher_start(&w, &err);
    if (rc != CEP_OK) {
        cmd_log_err(&c->log, &err);
        return CMD_FAILED;
    }
    rc = make_job(c, compiled, opts, &w, &job, &mistake, &err);
    if (rc != CEP_OK) {
        watcher_stop(&w);
        cmd_log_err(&c->log, &err);
        serve_end(c);
        rt_job_free(job);
        return mistake ? CMD_MISTAKE : CMD_FAILED;
    }
    if (c->shown)
        clu_job_set(c->shown, job);
    serve_state(c, RT_STATE_RUNNING);
    rc = rt_job_run(job, &err);
    watcher_stop(&w);
    int sig = atomic_load(&w.caught);
    if (rc != CEP_OK && rc != CEP_EINTERRUPTED && c->shown)
        clu_job_failed(c->shown, &err);
    if (rc != CEP_OK && rc != CEP_EINTERRUPTED)
        serve_state(c, RT_STATE_FAILING);
    int status = say_outcome(c, job, rc, sig, &err);
    end_job(c, job, rc, &err);
    return status;
}

int cmd_run(const struct cmd_args *args) {
    struct context c = { .last_us = clk_mono(clk_system()), .trace = cmd_args_has(args, "trace") };
    struct rt_opts opts;
    struct cmd_compiled compiled;
    struct cep_err err = CEP_ERR_INIT;
    cmd_log_init(&c.log, args);
    rt_opts_init(&opts);
    base_arena_init(&c.arena, 0);
    if (options_of(&c, args, &opts, &err) != CEP_OK) {
        clu_keep_release(&c.keep);
        base_arena_release(&c.arena);
        return cmd_fail(args, CMD_MISTAKE, &err);
    }
    int status = cmd_compile(&compiled, args, &c.log);
    if (status == CMD_DONE && compiled.plan->n_sinks == 0) {
        (void)base_err_set(
            &err, CEP_EINVAL, "there is nothing to run: no sink and no alert in \"%s\"", args->operands[0]);
        base_err_hint(&err, "say where results go: sink NAME to stdout format json;");
        status = cmd_fail(args, CMD_MISTAKE, &err);
    } else if (status == CMD_DONE) {
        c.plan = compiled.plan;
        c.name = name_of(args->operands[0]);
        status = run_job(&c, &compiled, &opts);
    }
    cmd_compiled_release(&compiled);
    clu_keep_release(&c.keep);
    base_arena_release(&c.arena);
    base_free(c.name);
    return status;
}
