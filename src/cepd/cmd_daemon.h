#pragma once
/*
 * cmd_daemon -- what the programs of a cluster have in common: signals, and lines from several threads.
 */
#include "base/base_arena.h"
#include "cepd/cmd_config.h"
#include "cepd/cmd_log.h"

#include <pthread.h>

struct cmd_daemon {
    struct cmd_log log;
    pthread_mutex_t mutex; /* of the lines */
};

/*
 * The life of such a program: SIGINT and SIGTERM are blocked, in threads that are made later too, SIGPIPE is ignored, the configuration is
 * read, then serve() does the rest. `a` lives as long. Returns: the exit status, serve()'s or that of a mistake in the configuration.
 */
int cmd_daemon_serve(
    const struct cmd_args *args, int (*serve)(struct cmd_daemon *d, const struct cmd_args *args,
                                     const struct clu_config *config, struct base_arena *a));
/* Any thread; arg is the cmd_daemon. */
void cmd_daemon_log(void *arg, enum con_level level, const char *text);
/* Until SIGINT or SIGTERM comes. Returns: which. */
int cmd_daemon_wait(void);
