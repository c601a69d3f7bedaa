/*
 * cmd_daemon -- see cmd_daemon.h.
 */
#include "cepd/cmd_daemon.h"

#include "base/base_check.h"
#include "base/base_err.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static bool ends(sigset_t *set) {
    return sigemptyset(set) == 0 && sigaddset(set, SIGINT) == 0 && sigaddset(set, SIGTERM) == 0;
}

static enum cep_rc init(struct cmd_daemon *d, const struct cmd_args *args, struct cep_err *err) {
    sigset_t set;
    cmd_log_init(&d->log, args);
    CEP_INSIST(pthread_mutex_init(&d->mutex, NULL) == 0);
    if (!ends(&set) || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return base_err_set(err, CEP_EIO, "could not set up signals: %s", strerror(errno));
    return CEP_OK;
}

void cmd_daemon_log(void *arg, enum con_level level, const char *text) {
    struct cmd_daemon *d = arg;
    (void)pthread_mutex_lock(&d->mutex);
    cmd_log_line(&d->log, level, text);
    (void)pthread_mutex_unlock(&d->mutex);
}

int cmd_daemon_wait(void) {
    sigset_t set;
    int sig = 0;
    CEP_INSIST(ends(&set));
    while (sigwait(&set, &sig) != 0)
        ;
    return sig;
}

int cmd_daemon_serve(
    const struct cmd_args *args, int (*serve)(struct cmd_daemon *d, const struct cmd_args *args,
                                     const struct clu_config *config, struct base_arena *a)) {
    struct cmd_daemon d;
    struct base_arena a;
    struct clu_config config;
    struct cep_err err = CEP_ERR_INIT;
    base_arena_init(&a, 0);
    enum cep_rc rc = init(&d, args, &err);
    if (rc == CEP_OK)
        rc = cmd_config_load(&config, args, &a, &err);
    int status = rc == CEP_OK ? serve(&d, args, &config, &a) : cmd_fail(args, CMD_MISTAKE, &err);
    (void)pthread_mutex_destroy(&d.mutex);
    base_arena_release(&a);
    return status;
}
