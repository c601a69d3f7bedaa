/*
 * cmd_cluster -- `cepd cluster`: a coordinator and workers on this machine, as processes of their own, in the foreground.
 *
 * The processes are `cepd coordinator` and `cepd worker`. One that ends by itself is started again after a while. SIGINT and SIGTERM end the
 * coordinator first, which stops its jobs with a checkpoint, and then the workers. They are in process groups of their own, so that
 * ^C of a terminal reaches this one alone, and end when it does, however that came.
 */
#include "cepd/cmd_config.h"
#include "cepd/cmd_daemon.h"

#include "base/base_arena.h"
#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "cluster/clu_data.h"
#include "time/clk.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 2, WORKERS_MAX = 64, ARGS_MAX = 32, AGAIN_S = 1 };

struct process {
    const char *what;
    const char *args[ARGS_MAX]; /* NULL at the end */
    pid_t pid;                  /* 0 = it does not run */
    int64_t since_us;           /* monotonic */
};

struct cluster {
    struct cmd_daemon *daemon;
    struct process *processes; /* in the arena; the coordinator first */
    size_t n;
};

static void say(struct cluster *c, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct cluster *c, enum con_level level, const char *fmt, ...) {
    struct base_buf b = BASE_BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    base_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    cmd_daemon_log(c->daemon, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

/* In the child, between fork and exec. */
static void become(const struct process *p, pid_t parent) {
    if (setpgid(0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(CMD_FAILED);
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)p->args);
    _exit(CMD_FAILED);
}

static enum cep_rc begin(struct process *p, struct cep_err *err) {
    pid_t parent = getpid();
    p->pid = fork();
    if (p->pid == 0)
        become(p, parent);
    p->since_us = clk_mono(clk_system());
    if (p->pid > 0)
        return CEP_OK;
    p->pid = 0;
    return base_err_set(err, CEP_EIO, "could not start the %s: %s", p->what, strerror(errno));
}

static void end(struct process *p) {
    int status;
    if (p->pid == 0)
        return;
    (void)kill(p->pid, SIGTERM);
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    p->pid = 0;
}

/* One that did not live for a second had a mistake in what it was given: it has said so itself. */
static bool ended_at_once(const struct process *p, int status) {
    return WIFEXITED(status) && WEXITSTATUS(status) == CMD_MISTAKE &&
           clk_mono(clk_system()) - p->since_us <= 1000000;
}

/* Returns: false when it is no use to go on. */
static bool look_after(struct cluster *c) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < c->n; i++) {
            struct process *p = &c->processes[i];
            if (p->pid != pid)
                continue;
            p->pid = 0;
            if (ended_at_once(p, status))
                return false;
            if (WIFSIGNALED(status))
                say(c, CON_LEVEL_WARNING, "the %s (pid %d) was ended by signal %d; it is started again",
                    p->what, (int)pid, WTERMSIG(status));
            else
                say(c, CON_LEVEL_WARNING, "the %s (pid %d) has ended with status %d; it is started again",
                    p->what, (int)pid, WEXITSTATUS(status));
        }
    return true;
}

static void begin_again(struct cluster *c) {
    struct cep_err err = CEP_ERR_INIT;
    for (size_t i = 0; i < c->n; i++)
        if (c->processes[i].pid == 0 && begin(&c->processes[i], &err) != CEP_OK)
            say(c, CON_LEVEL_ERROR, "%s", err.message);
}

static int run(struct cluster *c, const struct cmd_args *args) {
    struct cep_err err = CEP_ERR_INIT;
    sigset_t set;
    int sig = 0;
    bool on = true;
    CEP_INSIST(sigemptyset(&set) == 0 && sigaddset(&set, SIGINT) == 0 && sigaddset(&set, SIGTERM) == 0 &&
               sigaddset(&set, SIGCHLD) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < c->n && rc == CEP_OK; i++)
        rc = begin(&c->processes[i], &err);
    while (rc == CEP_OK && on && sig != SIGINT && sig != SIGTERM) {
        struct timespec again = { AGAIN_S, 0 };
        sig = sigtimedwait(&set, NULL, &again);
        on = look_after(c);
        if (on && sig < 0)
            begin_again(c);
    }
    for (size_t i = 0; i < c->n; i++)
        end(&c->processes[i]);
    if (rc != CEP_OK)
        return cmd_fail(args, CMD_FAILED, &err);
    return !on ? CMD_MISTAKE : sig == SIGINT ? CMD_SIGINT : CMD_SIGTERM;
}

/* -- what the processes are given ---------------------------------------------------------------------------------------- */

static void add(struct process *p, const char *arg) {
    size_t n = 0;
    while (p->args[n])
        n++;
    CEP_INSIST(n + 1 < ARGS_MAX);
    p->args[n] = arg;
}

static void add_option(struct process *p, const char *name, const char *value) {
    add(p, name);
    add(p, value);
}

/* Options of theirs that are options here; the token is not shown to whoever looks at processes twice. */
static const char *const handed_on[] = { "security", "security-tls-cert", "security-tls-key",
    "security-tls-ca" };

static enum cep_rc hand_on_token(const struct cmd_args *args, struct cep_err *err) {
    const char *token = cmd_args_get(args, "security-token");
    if (!token || setenv("CEPD_SECURITY_TOKEN", token, 1) == 0)
        return CEP_OK;
    return base_err_set(err, CEP_EIO, "could not set the environment of processes: %s", strerror(errno));
}

/* What the configuration says the processes read themselves; what was an option here is one of theirs. */
static void set_up(struct cluster *c, const struct cmd_args *args, const struct clu_config *config,
    struct base_arena *a, uint32_t workers) {
    const char *dir = cmd_args_get(args, "dir"), *file = cmd_args_get(args, "config");
    const char *http = cmd_args_get(args, "http"), *level = cmd_args_get(args, "log-level");
    c->n = workers + (size_t)1;
    c->processes = BASE_ARENA_ARRAY(a, struct process, c->n);
    for (size_t i = 0; i < c->n; i++) {
        struct process *p = &c->processes[i];
        *p = (struct process){ .what = i == 0 ? "coordinator" : base_arena_printf(a, "worker %zu", i),
            .args = { "cepd", i == 0 ? "coordinator" : "worker" } };
        if (file)
            add_option(p, "--config", file);
        if (level)
            add_option(p, "--log-level", level);
        add_option(
            p, i == 0 ? "--coordinator-address" : "--coordinator", config->values[CLU_CFG_COORDINATOR]);
        for (size_t k = 0; k < sizeof handed_on / sizeof *handed_on; k++)
            if (cmd_args_get(args, handed_on[k]))
                add_option(p, base_arena_printf(a, "--%s", handed_on[k]), cmd_args_get(args, handed_on[k]));
        if (!dir)
            dir = "cepd-cluster";
        add_option(p, "--state-dir", i == 0 ? dir : base_arena_printf(a, "%s/workers", dir));
        if (i > 0) {
            add_option(p, "--slots", config->values[CLU_CFG_WORKER_SLOTS]);
            add_option(p, "--wire-compression", config->values[CLU_CFG_COMPRESSION]);
        }
        if (i == 0 && http)
            add_option(p, "--http", http);
    }
}

static int start(struct cmd_daemon *d, const struct cmd_args *args, const struct clu_config *config,
    struct base_arena *a) {
    struct cluster c = { .daemon = d };
    const char *text = cmd_args_get(args, "workers");
    int64_t workers = WORKERS;
    if (text && (!base_parse_i64(base_str_of(text), &workers) || workers < 1 || workers > WORKERS_MAX))
        return cmd_usage(args, "--workers takes a number from 1 to %d", WORKERS_MAX);
    struct cep_err err = CEP_ERR_INIT;
    enum clu_codec codec;
    if (!clu_codec_find(config->values[CLU_CFG_COMPRESSION], &codec)) {
        (void)clu_config_bad(config, CLU_CFG_COMPRESSION, "none, lz4 or zstd", &err);
        return cmd_fail(args, CMD_MISTAKE, &err);
    }
    if (hand_on_token(args, &err) != CEP_OK)
        return cmd_fail(args, CMD_FAILED, &err);
    set_up(&c, args, config, a, (uint32_t)workers);
    const char *http = config->values[CLU_CFG_HTTP];
    say(&c, CON_LEVEL_INFO,
        "cluster: %lld worker%s; cepd submit FILE --coordinator %s://%s runs a job, ^C ends the cluster",
        (long long)workers, workers == 1 ? "" : "s", config->values[CLU_CFG_TLS_CERT][0] ? "https" : "http",
        http[0] ? http : "127.0.0.1:8081");
    int status = run(&c, args);
    say(&c, CON_LEVEL_INFO, "cluster: stopped; its jobs go on when it is started again");
    return status;
}

int cmd_cluster(const struct cmd_args *args) {
    return cmd_daemon_serve(args, start);
}
