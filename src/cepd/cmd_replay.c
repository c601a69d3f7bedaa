/*
 * cmd_replay -- `cepd replay FILE --from SAVEPOINT`: history read again, with this file, or with two of them.
 *
 * A replay is a job that goes on from the savepoint with one task, whose sources end where they ended when it was made, and whose
 * alerts go to standard output instead of where the file says. The savepoint's states of sinks are left alone: nothing that
 * was written is cut back.
 */
#include "cepd/cmd_replay.h"

#include "base/base_arena.h"
#include "base/base_err.h"
#include "base/base_num.h"
#include "cepd/cmd_compile.h"
#include "cepd/cmd_config.h"
#include "cluster/clu_keep.h"
#include "connect/con.h"
#include "runtime/rt_job.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* One file being replayed. */
struct side {
    struct cmd_log *log;
    const char *file;
    struct cmd_compiled compiled;
    struct clu_keep keep;
    struct rt_job *job; /* owned */
    int fd;             /* its alerts; -1 = not open */
};

struct what {
    const char *from;
    int64_t until_us;
    const char *other; /* NULL: no comparison */
    bool live, allow_dropped;
    uint64_t state_bytes;
};

static void on_log(void *arg, enum con_level level, const char *text) {
    const struct side *s = arg;
    cmd_log_line(s->log, level, text);
}

static enum cep_rc on_judge(void *arg, struct cep_err *err) {
    struct side *s = arg;
    return clu_keep_judge(&s->keep, err);
}

/* -- options ---------------------------------------------------------------------------------------------------------- */

static enum cep_rc what_of(
    struct what *w, const struct cmd_args *args, struct base_arena *a, struct cep_err *err) {
    const char *until = cmd_args_get(args, "until"), *sinks = cmd_args_get(args, "sinks");
    struct clu_config config;
    *w = (struct what){ .from = cmd_args_get(args, "from"),
        .until_us = EVT_TIME_MAX,
        .other = cmd_args_get(args, "compare"),
        .live = sinks && strcmp(sinks, "live") == 0,
        .allow_dropped = cmd_args_has(args, "allow-dropped-state") };
    if (!w->from) {
        base_err_set(err, CEP_EINVAL, "--from does not say which savepoint to begin at");
        base_err_hint(err, "cepd savepoint ID takes one of a job that runs; a checkpoint will do too");
        return CEP_EINVAL;
    }
    if (until && !base_parse_timestamp(base_str_of(until), &w->until_us))
        return base_err_set(
            err, CEP_EINVAL, "--until: \"%s\" is no timestamp as 2026-01-01T10:00:00Z", until);
    if (sinks && !w->live)
        return base_err_set(err, CEP_EINVAL, "--sinks: \"%s\" is not \"live\"", sinks);
    if (w->live && w->other)
        return base_err_set(
            err, CEP_EINVAL, "--compare runs two files, and --sinks live would have both write");
    enum cep_rc rc = cmd_config_load(&config, args, a, err);
    return rc == CEP_OK ? clu_config_bytes(&config, CLU_CFG_STATE_MEMORY, &w->state_bytes, err) : rc;
}

/* -- the plan ----------------------------------------------------------------------------------------------------------- */

static const struct plan_connector_spec *connector(const char *name) {
    const struct plan_connector_spec *const *c = con_catalog()->connectors;
    while (strcmp((*c)->name, name) != 0)
        c++;
    return *c;
}

static const struct plan_format_spec *format(const char *name) {
    const struct plan_format_spec *const *f = con_catalog()->formats;
    while (strcmp((*f)->name, name) != 0)
        f++;
    return *f;
}

/* Alerts go to standard output; of the file's own sinks only those that are to write stay. Returns: how many alerts there are. */
static uint32_t divert(struct plan *p, bool live) {
    struct plan_sink *sinks = BASE_ARENA_ARRAY(&p->arena, struct plan_sink, p->n_nodes + p->n_sinks + 1);
    uint32_t n = 0, n_alerts = 0;
    for (uint32_t i = 0; i < p->n_sinks; i++)
        if (live && !p->sinks[i].implied)
            sinks[n++] = p->sinks[i];
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        if (p->nodes[i]->kind != PLAN_NODE_ALERT)
            continue;
        sinks[n++] = (struct plan_sink){ .name = base_str_of(base_arena_printf(
                                             &p->arena, "replay of %.*s", BASE_STR_FMT(p->nodes[i]->name))),
            .input = { i, PLAN_PORT_MAIN },
            .connector = connector("stdout"),
            .format = format("json"),
            .implied = true,
            .span = p->nodes[i]->span };
        n_alerts++;
    }
    p->sinks = sinks;
    p->n_sinks = n;
    plan_seal(p);
    return n_alerts;
}

/* -- a run ---------------------------------------------------------------------------------------------------------------- */

static int compile_side(struct side *s, const struct cmd_args *args, const char *file, bool live) {
    struct cmd_args one = *args;
    struct cep_err err = CEP_ERR_INIT;
    s->file = file;
    one.operands = &s->file;
    one.n_operands = 1;
    int status = cmd_compile(&s->compiled, &one, s->log);
    if (status != CMD_DONE)
        return status;
    for (uint32_t i = 0; i < s->compiled.plan->n_nodes; i++) {
        const struct plan_node *n = s->compiled.plan->nodes[i];
        if (n->kind != PLAN_NODE_SOURCE || n->source.connector->replayable)
            continue;
        (void)base_err_set(&err, CEP_EINVAL,
            "stream \"%.*s\": connector \"%s\" has no positions: what it brought cannot be read again",
            BASE_STR_FMT(n->name), n->source.connector->name);
        return cmd_fail(args, CMD_MISTAKE, &err);
    }
    if (divert(s->compiled.plan, live) > 0)
        return CMD_DONE;
    (void)base_err_set(&err, CEP_EINVAL, "there is no alert in \"%s\": nothing would be seen", file);
    return cmd_fail(args, CMD_MISTAKE, &err);
}

/* The job is made, so that its sources know where they end. */
static int open_side(struct side *s, const struct cmd_args *args, const struct what *w) {
    struct rt_opts opts;
    struct cep_err err = CEP_ERR_INIT;
    rt_opts_init(&opts);
    opts.base_dir = s->compiled.base_dir;
    opts.stdout_fd = s->fd;
    opts.replay = true;
    opts.until_us = w->until_us;
    opts.state_bytes = w->state_bytes;
    opts.log = on_log;
    opts.judge = on_judge;
    opts.arg = s;
    s->keep.log = on_log;
    s->keep.log_arg = s;
    s->keep.restore = w->from;
    s->keep.allow_dropped = w->allow_dropped;
    enum cep_rc rc = clu_keep_open(&s->keep, &opts, &err);
    if (rc == CEP_OK) {
        rt_snap_drop(&s->keep.snap, BASE_STR("sink"));
        rc = rt_job_new(s->compiled.plan, &opts, &s->job, &err);
    }
    clu_keep_begun(&s->keep);
    return rc == CEP_OK ? CMD_DONE : cmd_fail(args, rc == CEP_EINVAL ? CMD_MISTAKE : CMD_FAILED, &err);
}

static int run_side(struct side *s, const struct cmd_args *args) {
    struct cep_err err = CEP_ERR_INIT;
    struct rt_totals t;
    struct base_buf b = BASE_BUF_INIT;
    enum cep_rc rc = rt_job_run(s->job, &err);
    if (rc != CEP_OK)
        return cmd_fail(args, CMD_FAILED, &err);
    rt_job_totals(s->job, &t);
    base_buf_printf(&b, "%s: %llu event%s replayed, %llu alert%s", s->file, (unsigned long long)t.events,
        t.events == 1 ? "" : "s", (unsigned long long)t.alerts, t.alerts == 1 ? "" : "s");
    cmd_log_line(s->log, CON_LEVEL_INFO, base_buf_cstr(&b));
    base_buf_release(&b);
    return CMD_DONE;
}

static void side_init(struct side *s, struct cmd_log *log) {
    *s = (struct side){ .log = log, .fd = -1 };
    rt_snap_init(&s->keep.snap);
    sto_losses_init(&s->keep.losses);
}

static void side_release(struct side *s) {
    rt_job_free(s->job);
    clu_keep_release(&s->keep);
    if (s->compiled.base_dir || s->compiled.plan)
        cmd_compiled_release(&s->compiled);
    if (s->fd >= 0 && s->fd != STDOUT_FILENO)
        (void)close(s->fd); /* nobody reads it any more */
}

/* -- the command ------------------------------------------------------------------------------------------------------- */

static int replay(struct side *s, const struct cmd_args *args, const struct what *w) {
    s->fd = STDOUT_FILENO;
    int status = compile_side(s, args, args->operands[0], w->live);
    if (status == CMD_DONE)
        status = open_side(s, args, w);
    return status == CMD_DONE ? run_side(s, args) : status;
}

static enum cep_rc read_back(int fd, struct base_buf *out, struct cep_err *err) {
    off_t at = 0;
    for (;;) {
        char *room = base_buf_reserve(out, 1 << 20);
        ssize_t n = pread(fd, room, 1 << 20, at);
        if (n < 0)
            return base_err_set(err, CEP_EIO, "could not read the alerts back: %s", strerror(errno));
        if (n == 0)
            return CEP_OK;
        out->len += (size_t)n;
        at += n;
    }
}

static int print_difference(const struct side sides[2], const struct cmd_args *args) {
    struct base_buf records[2] = { BASE_BUF_INIT, BASE_BUF_INIT }, out = BASE_BUF_INIT;
    struct cep_err err = CEP_ERR_INIT;
    enum cep_rc rc = CEP_OK;
    for (int i = 0; i < 2 && rc == CEP_OK; i++)
        rc = read_back(sides[i].fd, &records[i], &err);
    int status = CMD_FAILED;
    if (rc == CEP_OK) {
        struct cmd_replay_diff d = cmd_replay_compare(&out, records);
        base_buf_printf(&out, "%llu alert%s in both, %llu only in %s, %llu only in %s\n",
            (unsigned long long)d.both, d.both == 1 ? "" : "s", (unsigned long long)d.only[0], sides[0].file,
            (unsigned long long)d.only[1], sides[1].file);
        status = cmd_print(stdout, &out);
    } else {
        status = cmd_fail(args, CMD_FAILED, &err);
    }
    base_buf_release(&records[0]);
    base_buf_release(&records[1]);
    base_buf_release(&out);
    return status;
}

/* Both are opened before one runs: they read the same. */
static int compare(struct side sides[2], const struct cmd_args *args, const struct what *w) {
    const char *files[2] = { args->operands[0], w->other };
    int status = CMD_DONE;
    for (int i = 0; i < 2 && status == CMD_DONE; i++) {
        struct cep_err err = CEP_ERR_INIT;
        sides[i].fd = memfd_create("alerts", MFD_CLOEXEC);
        if (sides[i].fd < 0) {
            (void)base_err_set(&err, CEP_EIO, "could not make a file for alerts: %s", strerror(errno));
            return cmd_fail(args, CMD_FAILED, &err);
        }
        status = compile_side(&sides[i], args, files[i], false);
    }
    for (int i = 0; i < 2 && status == CMD_DONE; i++)
        status = open_side(&sides[i], args, w);
    for (int i = 0; i < 2 && status == CMD_DONE; i++)
        status = run_side(&sides[i], args);
    return status == CMD_DONE ? print_difference(sides, args) : status;
}

int cmd_replay(const struct cmd_args *args) {
    struct cmd_log log;
    struct side sides[2];
    struct what what;
    struct base_arena a;
    struct cep_err err = CEP_ERR_INIT;
    cmd_log_init(&log, args);
    base_arena_init(&a, 0);
    if (what_of(&what, args, &a, &err) != CEP_OK) {
        base_arena_release(&a);
        return cmd_fail(args, CMD_MISTAKE, &err);
    }
    int status = CMD_FAILED;
    for (int i = 0; i < 2; i++)
        side_init(&sides[i], &log);
    /* A pipe that nobody reads any more ends the replay by its error. */
    if (signal(SIGPIPE, SIG_IGN) != SIG_ERR)
        status = what.other ? compare(sides, args, &what) : replay(&sides[0], args, &what);
    for (int i = 0; i < 2; i++)
        side_release(&sides[i]);
    base_arena_release(&a);
    return status;
}
