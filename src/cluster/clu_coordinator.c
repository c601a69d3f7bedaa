/*
 * clu_coordinator -- see clu_coordinator.h.
 */
#include "cluster/clu_coordinator.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_dispatcher.h"
#include "cluster/clu_link.h"
#include "cluster/clu_tls.h"
#include "state/sto_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { BODY_MAX = 64 << 20, NAME = 16 /* hex digits of the process's name */ };

struct clu_coordinator {
    struct clu_coordinator_opts opts;
    struct clu_masters all;
    char name[NAME + 1];          /* drawn anew by each process */
    char *state_dir;              /* owned; from the root */
    struct clu_security security; /* borrowed from the configuration */
    struct clu_tls *tls;          /* owned; NULL = plain */
    struct clu_loop *loop;
    struct clu_link_server *links;
    struct clu_dispatcher *dispatcher;
    struct clu_http *http;
};

static void say(struct clu_coordinator *c, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct clu_coordinator *c, enum con_level level, const char *fmt, ...) {
    struct base_buf b = BASE_BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    base_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    c->opts.log(c->opts.arg, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

/* -- workers: in the loop's thread ---------------------------------------------------------------------------------------- */

struct worker {
    char *id, *shown; /* owned; shown: for messages */
};

static enum cep_rc on_hello(
    void *arg, struct clu_link *link, const Clu__Hello *hello, Clu__Welcome *welcome, struct cep_err *err) {
    struct clu_coordinator *c = arg;
    (void)link;
    welcome->coordinator = c->name;
    if (hello->slots == 0)
        return base_err_set(err, CEP_EINVAL, "a worker without slots");
    return CEP_OK;
}

struct come {
    const char *worker, *address;
    struct clu_link *link;
};

static void come(void *arg, struct clu_master *m) {
    const struct come *c = arg;
    clu_master_came(m, c->worker, c->address, c->link);
}

static void on_up(void *arg, struct clu_link *link, const Clu__Hello *hello, const Clu__Welcome *welcome) {
    struct clu_coordinator *c = arg;
    (void)welcome;
    struct worker *w = base_calloc(1, sizeof *w);
    struct base_buf shown = BASE_BUF_INIT;
    base_buf_printf(&shown, "%.6s (%s, pid %u)", hello->worker, hello->host, hello->pid);
    w->id = base_strdup(hello->worker);
    w->shown = base_strdup(base_buf_cstr(&shown));
    base_buf_release(&shown);
    clu_link_set_user(link, w);
    struct clu_worker_info info = { .id = w->id,
        .host = hello->host,
        .address = hello->data_address,
        .pid = hello->pid,
        .slots = hello->slots,
        .since_us = clk_now(clk_system()),
        .link = link };
    clu_resources_add(c->all.resources, &info);
    say(c, CON_LEVEL_INFO, "worker %s has come, with %u slot%s", w->shown, hello->slots,
        hello->slots == 1 ? "" : "s");
    clu_dispatcher_each(c->dispatcher, come, &(struct come){ w->id, hello->data_address, link });
}

struct lost {
    const char *worker;
    int64_t heard_us;
    bool dead;
    const struct cep_err *why;
};

static void lose(void *arg, struct clu_master *m) {
    const struct lost *l = arg;
    clu_master_lost(m, l->worker, l->heard_us, l->dead, l->why);
}

static void on_down(void *arg, struct clu_link *link, bool was_up, const struct cep_err *why) {
    struct clu_coordinator *c = arg;
    struct worker *w = clu_link_user(link);
    (void)was_up;
    if (!w)
        return;
    struct lost l = { w->id, clu_link_heard_us(link), clu_link_is_dead(link), why };
    clu_link_set_user(link, NULL);
    say(c, CON_LEVEL_WARNING, "worker %s is gone: %s", w->shown, why->message);
    clu_resources_remove(c->all.resources, w->id);
    clu_dispatcher_each(c->dispatcher, lose, &l);
    base_free(w->id);
    base_free(w->shown);
    base_free(w);
}

static void on_away(void *arg, struct clu_link *link, const struct cep_err *why) {
    struct clu_coordinator *c = arg;
    const struct worker *w = clu_link_user(link);
    if (w && why)
        say(c, CON_LEVEL_WARNING, "worker %s is away: %s", w->shown, why->message);
    else if (w)
        say(c, CON_LEVEL_INFO, "worker %s is connected again", w->shown);
}

static void move(void *arg, struct clu_master *m) {
    clu_master_move(m, arg);
}

struct said {
    const char *worker;
    const Clu__Msg *msg;
};

static void hear(void *arg, struct clu_master *m) {
    const struct said *s = arg;
    clu_master_heard(m, s->worker, s->msg);
}

static void on_message(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    struct clu_coordinator *c = arg;
    struct worker *w = clu_link_user(link);
    if (!w)
        return;
    if (msg->part) {
        struct said s = { w->id, msg };
        (void)clu_dispatcher_with(c->dispatcher, msg->part->job, hear, &s);
    } else if (msg->body_case == CLU__MSG__BODY_WIRE) {
        struct clu_wire wire;
        clu_wire_read(msg->wire, &wire);
        clu_resources_heard_wire(c->all.resources, w->id, &wire);
        clu_wire_release(&wire);
    } else if (msg->body_case == CLU__MSG__BODY_LEAVE) {
        say(c, CON_LEVEL_INFO, "worker %s wants to go: %s", w->shown, msg->leave->reason);
        clu_resources_leave(c->all.resources, w->id);
        clu_dispatcher_each(c->dispatcher, move, w->id);
    }
}

static enum cep_rc listen_to_workers(struct clu_coordinator *c, struct cep_err *err) {
    const struct clu_config *config = c->opts.config;
    const char *address = config->values[CLU_CFG_COORDINATOR];
    struct clu_link_opts opts = { .fns = { on_hello, on_up, on_message, on_down, on_away },
        .arg = c,
        .tls = c->tls,
        .token = c->security.token };
    enum cep_rc rc = clu_security_check(&c->security, "coordinator.address", address, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(config, CLU_CFG_HB_INTERVAL, &opts.heartbeat_interval_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(config, CLU_CFG_HB_TIMEOUT, &opts.heartbeat_timeout_us, err);
    if (rc == CEP_OK && opts.heartbeat_timeout_us <= opts.heartbeat_interval_us)
        rc = base_err_set(err, CEP_EINVAL,
            "heartbeat.timeout (%s) is not longer than heartbeat.interval (%s)",
            config->values[CLU_CFG_HB_TIMEOUT], config->values[CLU_CFG_HB_INTERVAL]);
    if (rc == CEP_OK)
        rc = clu_link_listen(c->loop, address, &opts, &c->links, err);
    return rc;
}

/* -- put together ------------------------------------------------------------------------------------------------------------ */

static enum cep_rc open_folder(struct clu_coordinator *c, struct cep_err *err) {
    const char *dir = c->opts.config->values[CLU_CFG_STATE_DIR];
    struct base_buf path = BASE_BUF_INIT;
    if (!dir[0]) {
        (void)base_err_set(err, CEP_EINVAL,
            "a coordinator needs a folder for the registry of its jobs and their checkpoints");
        base_err_hint(err, "--state-dir DIR (state.dir) names it; workers have to reach it by the same path");
        return CEP_EINVAL;
    }
    enum cep_rc rc = sto_path_make(dir, err);
    char *real = rc == CEP_OK ? realpath(dir, NULL) : NULL;
    if (rc == CEP_OK && !real)
        rc = base_err_set(err, CEP_EIO, "could not tell where \"%s\" is", dir);
    if (rc == CEP_OK) {
        c->state_dir = base_strdup(real);
        c->all.state_dir = c->state_dir;
        base_buf_printf(&path, "%s/coordinator", real);
        rc = clu_registry_open(base_buf_cstr(&path), &c->all.registry, err);
    }
    free(real);
    base_buf_release(&path);
    return rc;
}

static enum cep_rc call(void *arg, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err) {
    struct clu_coordinator *c = arg;
    struct clu_link_stats links;
    if (op == CLU_REST_METRICS) {
        clu_link_server_stats(c->links, &links);
        clu_wire_write_control(&links, out);
    }
    return clu_dispatcher_call(c->dispatcher, op, args, out, err);
}

static enum cep_rc serve(struct clu_coordinator *c, struct cep_err *err) {
    const char *address = c->opts.config->values[CLU_CFG_HTTP];
    struct clu_http_opts http = { .address = address[0] ? address : "127.0.0.1:8081",
        .call = call,
        .arg = c,
        .max_body = BODY_MAX,
        .tls = c->tls,
        .token = c->security.token,
        .loopback_only = !c->security.none };
    enum cep_rc rc = clu_http_start(&http, &c->http, err);
    if (rc != CEP_OK)
        base_err_prefix(err, "http.address");
    return rc;
}

enum cep_rc clu_coordinator_start(
    const struct clu_coordinator_opts *opts, struct clu_coordinator **out, struct cep_err *err) {
    struct clu_coordinator *c = base_calloc(1, sizeof *c);
    unsigned char bytes[NAME / 2];
    c->opts = *opts;
    CEP_INSIST(getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(c->name + 2 * i, 3, "%02x", bytes[i]);
    c->all = (struct clu_masters){
        .resources = clu_resources_new(), .config = opts->config, .log = opts->log, .log_arg = opts->arg
    };
    enum cep_rc rc = clu_config_security(opts->config, &c->security, err);
    if (rc == CEP_OK)
        rc = clu_tls_new(&c->security, &c->tls, err);
    if (rc == CEP_OK)
        rc = open_folder(c, err);
    if (rc == CEP_OK)
        rc = clu_loop_start(&c->loop, err);
    if (rc == CEP_OK)
        rc = clu_dispatcher_new(&c->all, &c->dispatcher, err);
    if (rc == CEP_OK)
        rc = listen_to_workers(c, err);
    if (rc == CEP_OK)
        rc = serve(c, err);
    if (rc != CEP_OK)
        clu_coordinator_stop(c);
    else
        *out = c;
    return rc;
}

uint16_t clu_coordinator_http_port(const struct clu_coordinator *c) {
    return clu_http_port(c->http);
}

uint16_t clu_coordinator_port(const struct clu_coordinator *c) {
    return clu_link_server_port(c->links);
}

void clu_coordinator_stop(struct clu_coordinator *c) {
    if (!c)
        return;
    clu_http_stop(c->http);
    clu_dispatcher_stop(c->dispatcher);
    clu_link_server_close(c->links);
    clu_dispatcher_free(c->dispatcher);
    clu_loop_stop(c->loop);
    clu_resources_free(c->all.resources);
    clu_registry_close(c->all.registry);
    clu_tls_free(c->tls);
    base_free(c->state_dir);
    base_free(c);
}
