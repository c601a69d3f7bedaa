/*
 * cmd_worker -- `cepd worker`: runs the tasks that the coordinator gives it.
 */
#include "cepd/cmd_config.h"
#include "cepd/cmd_daemon.h"

#include "base/base_arena.h"
#include "base/base_err.h"
#include "cluster/clu_spec.h"
#include "cluster/clu_tls.h"
#include "cluster/clu_worker.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

enum { LEAVE_MS = 10 * 1000, LOOK_MS = 50 };

/* As the coordinator has done it: its text, its parameters; the two have to come to the same. */
static enum cep_rc compile(void *arg, const Clu__Deploy *d, struct plan **out, struct cep_err *err) {
    struct clu_spec spec;
    struct dsl_diag diag;
    (void)arg;
    clu_spec_init(&spec);
    dsl_diag_init(&diag);
    for (size_t i = 0; i < d->n_files; i++)
        clu_spec_add_file(&spec, d->files[i]->name,
            (struct base_str){ (const char *)d->files[i]->text.data, d->files[i]->text.len });
    for (size_t i = 0; i < d->n_set; i++)
        clu_pairs_add(&spec.set, &spec.arena, base_str_of(d->set[i]->key), base_str_of(d->set[i]->value));
    spec.main = base_arena_strdup(&spec.arena, d->main);
    spec.base_dir = base_arena_strdup(&spec.arena, d->base_dir);
    enum cep_rc rc = clu_spec_compile(&spec, con_catalog(), &diag, out);
    if (rc != CEP_OK) {
        struct cep_err first = CEP_ERR_INIT;
        (void)dsl_diag_first(&diag, &first);
        (void)base_err_set(err, CEP_ESTATE,
            "the file compiles on the coordinator, and not on this worker: %s", first.message);
    } else if (clu_plan_hash(*out) != d->plan_hash) {
        plan_free(*out);
        *out = NULL;
        rc = base_err_set(
            err, CEP_ESTATE, "the file becomes another plan on this worker than on the coordinator");
    }
    if (rc != CEP_OK)
        base_err_hint(err, "do both have the same files, where it names some?");
    dsl_diag_release(&diag);
    clu_spec_release(&spec);
    return rc;
}

/* Refused for good: there is nothing to wait for. */
static void on_refused(void *arg, const struct cep_err *why) {
    cmd_daemon_log(arg, CON_LEVEL_ERROR, why->message);
    (void)raise(SIGTERM);
}

/* Its tasks are given other places, if there are any. */
static void leave(struct clu_worker *w) {
    clu_worker_leave(w, "the worker is being stopped");
    for (int ms = 0; ms < LEAVE_MS && clu_worker_n_parts(w) > 0; ms += LOOK_MS)
        (void)poll(NULL, 0, LOOK_MS);
}

static int serve(struct cmd_daemon *d, const struct cmd_args *args, const struct clu_config *config,
    struct base_arena *a) {
    (void)a;
    struct cep_err err = CEP_ERR_INIT;
    struct clu_worker *w = NULL;
    struct clu_security security;
    struct clu_tls *tls = NULL;
    enum cep_rc rc = clu_config_security(config, &security, &err);
    if (rc == CEP_OK)
        rc = clu_security_check(&security, "worker.address", config->values[CLU_CFG_WORKER_ADDRESS], &err);
    if (rc == CEP_OK)
        rc = clu_tls_new(&security, &tls, &err);
    struct clu_worker_opts opts = { .config = config,
        .tls = tls,
        .token = security.token,
        .compile = compile,
        .log = cmd_daemon_log,
        .refused = on_refused,
        .arg = d };
    if (rc == CEP_OK)
        rc = clu_worker_start(&opts, &w, &err);
    if (rc != CEP_OK) {
        clu_tls_free(tls);
        return cmd_fail(args, rc == CEP_EINVAL ? CMD_MISTAKE : CMD_FAILED, &err);
    }
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "worker %.6s: rows on port %u, goes to the coordinator at %s", clu_worker_name(w),
        (unsigned)clu_worker_port(w), config->values[CLU_CFG_COORDINATOR]);
    cmd_daemon_log(d, CON_LEVEL_INFO, base_buf_cstr(&b));
    base_buf_release(&b);
    int sig = cmd_daemon_wait();
    leave(w);
    clu_worker_stop(w);
    clu_tls_free(tls);
    cmd_daemon_log(d, CON_LEVEL_INFO, "worker: stopped");
    return sig == SIGINT ? CMD_SIGINT : CMD_SIGTERM;
}

int cmd_worker(const struct cmd_args *args) {
    return cmd_daemon_serve(args, serve);
}
