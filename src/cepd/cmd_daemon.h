#pragma once
/*
 * cmd_daemon -- what the programs of a cluster have in common: signals, and lines from several threads.
 */
#include "cepd/cmd_log.h"

#include <pthread.h>

struct cmd_daemon {
    struct cmd_log log;
    pthread_mutex_t mutex; /* of the lines */
};

/* SIGINT and SIGTERM are blocked from now on, in threads that are made later too; SIGPIPE is ignored. */
enum cep_rc cmd_daemon_init(struct cmd_daemon *d, const struct cmd_args *args, struct cep_err *err);
void cmd_daemon_release(struct cmd_daemon *d);
/* Any thread; arg is the cmd_daemon. */
void cmd_daemon_log(void *arg, enum con_level level, const char *text);
/* Until SIGINT or SIGTERM comes. Returns: which. */
int cmd_daemon_wait(void);
