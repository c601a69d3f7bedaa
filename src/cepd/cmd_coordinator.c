/*
 * cmd_coordinator -- `cepd coordinator`: takes jobs and hands them to workers.
 */
#include "cepd/cmd_config.h"
#include "cepd/cmd_daemon.h"

#include "base/base_arena.h"
#include "cluster/clu_coordinator.h"

#include <signal.h>

static int serve(struct cmd_daemon *d, const struct cmd_args *args, const struct clu_config *config,
    struct base_arena *a) {
    (void)a;
    struct cep_err err = CEP_ERR_INIT;
    struct clu_coordinator *c = NULL;
    struct clu_coordinator_opts opts = { .config = config, .log = cmd_daemon_log, .arg = d };
    enum cep_rc rc = clu_coordinator_start(&opts, &c, &err);
    if (rc != CEP_OK)
        return cmd_fail(args, rc == CEP_EINVAL ? CMD_MISTAKE : CMD_FAILED, &err);
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "coordinator: REST interface on port %u, workers on port %u",
        (unsigned)clu_coordinator_http_port(c), (unsigned)clu_coordinator_port(c));
    cmd_daemon_log(d, CON_LEVEL_INFO, base_buf_cstr(&b));
    base_buf_release(&b);
    int sig = cmd_daemon_wait();
    clu_coordinator_stop(c);
    cmd_daemon_log(d, CON_LEVEL_INFO, "coordinator: stopped; its jobs go on when it is started again");
    return sig == SIGINT ? CMD_SIGINT : CMD_SIGTERM;
}

int cmd_coordinator(const struct cmd_args *args) {
    return cmd_daemon_serve(args, serve);
}
