/*
 * clu_worker -- see clu_worker.h: the link to the coordinator, and whose a message is.
 */
#include "cluster/clu_worker_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_address.h"
#include "cluster/clu_wire.h"
#include "time/clk.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { LEASE_LOOK_US = 50 * 1000, WIRE_US = 1000 * 1000, HOST_MAX = 256, PORT_MAX = 65535 };

/* -- parts ----------------------------------------------------------------------------------------------------------- */

static void cancel_all(struct clu_worker *w) {
    (void)pthread_mutex_lock(&w->mutex);
    for (struct clu_worker_part *p = w->parts; p; p = clu_worker_part_next(p))
        clu_worker_part_cancel(p, NULL, false);
    (void)pthread_mutex_unlock(&w->mutex);
}

static void wait_until_none(struct clu_worker *w) {
    (void)pthread_mutex_lock(&w->mutex);
    while (w->parts)
        (void)pthread_cond_wait(&w->gone, &w->mutex);
    (void)pthread_mutex_unlock(&w->mutex);
}

uint32_t clu_worker_n_parts(struct clu_worker *w) {
    uint32_t n = 0;
    (void)pthread_mutex_lock(&w->mutex);
    for (struct clu_worker_part *p = w->parts; p; p = clu_worker_part_next(p))
        n++;
    (void)pthread_mutex_unlock(&w->mutex);
    return n;
}

void clu_worker_send(struct clu_worker *w, const Clu__Part *part, Clu__Msg *msg) {
    msg->part = (Clu__Part *)(uintptr_t)part;
    (void)clu_link_send(w->link, msg);
}

void clu_worker_send_cancelled(struct clu_worker *w, const Clu__Part *part, bool all_regions) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Cancelled cancelled = CLU__CANCELLED__INIT;
    cancelled.all_regions = all_regions;
    msg.body_case = CLU__MSG__BODY_CANCELLED;
    msg.cancelled = &cancelled;
    clu_worker_send(w, part, &msg);
}

void clu_worker_send_failed(struct clu_worker *w, const Clu__Part *part, const struct cep_err *err) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Failed failed = CLU__FAILED__INIT;
    Clu__Error error = CLU__ERROR__INIT;
    clu_link_pack_error(err, &error);
    failed.error = &error;
    msg.body_case = CLU__MSG__BODY_FAILED;
    msg.failed = &failed;
    clu_worker_send(w, part, &msg);
}

/* The last part of those that go says so; none: at once. */
static void cancel(struct clu_worker *w, const Clu__Part *part, bool all_regions) {
    bool any = false;
    (void)pthread_mutex_lock(&w->mutex);
    for (struct clu_worker_part *p = w->parts; p; p = clu_worker_part_next(p)) {
        if (!clu_worker_part_is(p, part, all_regions))
            continue;
        clu_worker_part_cancel(p, part, all_regions);
        any = true;
    }
    (void)pthread_mutex_unlock(&w->mutex);
    if (!any)
        clu_worker_send_cancelled(w, part, all_regions);
}

/* Requires: the lock. Parts of attempts that are over: the coordinator has given them up long since. */
static void cancel_older(struct clu_worker *w, const Clu__Part *part, uint32_t before) {
    Clu__Part other_run = *part;
    other_run.attempt = before;
    for (struct clu_worker_part *p = w->parts; p; p = clu_worker_part_next(p))
        if (clu_worker_part_is(p, part, false) || clu_worker_part_is(p, &other_run, true))
            clu_worker_part_cancel(p, NULL, false);
}

static void deploy(struct clu_worker *w, const Clu__Msg *msg) {
    struct cep_err err = CEP_ERR_INIT;
    (void)pthread_mutex_lock(&w->mutex);
    cancel_older(w, msg->part, msg->deploy->before);
    bool made = clu_worker_part_new(w, msg) != NULL;
    (void)pthread_mutex_unlock(&w->mutex);
    if (made)
        return;
    (void)base_err_set(&err, CEP_EIO, "could not start a thread for a part of the job");
    err.retriable = true;
    clu_worker_send_failed(w, msg->part, &err);
}

/* To the part of that attempt; one that is not here any more has nothing to hear. */
static void pass_on(struct clu_worker *w, const Clu__Msg *msg) {
    (void)pthread_mutex_lock(&w->mutex);
    for (struct clu_worker_part *p = w->parts; p; p = clu_worker_part_next(p))
        if (clu_worker_part_is_of(p, msg->part))
            clu_worker_part_tell(p, msg);
    (void)pthread_mutex_unlock(&w->mutex);
}

/* -- the link: in the loop's thread ---------------------------------------------------------------------------------- */

static void say(struct clu_worker *w, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct clu_worker *w, enum con_level level, const char *fmt, ...) {
    struct base_buf b = BASE_BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    base_buf_vprintf(&b, fmt, ap);
    va_end(ap);
    w->opts.log(w->opts.arg, level, base_buf_cstr(&b));
    base_buf_release(&b);
}

static void on_up(void *arg, struct clu_link *link, const Clu__Hello *hello, const Clu__Welcome *welcome) {
    struct clu_worker *w = arg;
    (void)hello;
    (void)welcome;
    say(w, CON_LEVEL_INFO, "worker %.6s: the coordinator %s has welcomed it", w->name, clu_link_peer(link));
}

static void on_message(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    struct clu_worker *w = arg;
    (void)link;
    if (!msg->part)
        return; /* of a later version */
    switch ((int)msg->body_case) {
    case CLU__MSG__BODY_DEPLOY: deploy(w, msg); break;
    case CLU__MSG__BODY_CANCEL: cancel(w, msg->part, msg->cancel->all_regions); break;
    default: pass_on(w, msg); break;
    }
}

static void on_down(void *arg, struct clu_link *link, bool was_up, const struct cep_err *why) {
    struct clu_worker *w = arg;
    (void)link;
    if (was_up) {
        uint32_t n = clu_worker_n_parts(w);
        say(w, CON_LEVEL_WARNING, "worker %.6s: the coordinator is out of reach: %s%s", w->name, why->message,
            n > 0 ? "; its tasks end" : "");
        cancel_all(w);
    }
    if (!was_up && why->fatal && w->opts.refused)
        w->opts.refused(w->opts.arg, why);
}

static void on_away(void *arg, struct clu_link *link, const struct cep_err *why) {
    struct clu_worker *w = arg;
    (void)link;
    if (why)
        say(w, CON_LEVEL_WARNING,
            "worker %.6s: the connection to the coordinator broke, its tasks go on meanwhile: %s", w->name,
            why->message);
    else
        say(w, CON_LEVEL_INFO, "worker %.6s: the coordinator is connected again", w->name);
}

/* -- the lease ------------------------------------------------------------------------------------------------------- */

int64_t clu_worker_lease(const struct clu_worker *w) {
    int64_t confirmed = clu_link_confirmed_us(w->link);
    return confirmed == 0 ? INT64_MAX : confirmed + clu_link_timeout_us(w->link);
}

static void look_at_lease(void *arg) {
    struct clu_worker *w = arg;
    if (!w->link || clk_mono(clk_system()) < clu_worker_lease(w) || clu_worker_n_parts(w) == 0)
        return;
    cancel_all(w);
    /* The coordinator may still take it for alive: it has to know that the tasks are gone. */
    clu_link_drop(w->link, "the lease of its tasks has run out");
}

/* -- what goes over the wire, for those who ask the coordinator -------------------------------------------------------- */

static void tell_wire(void *arg) {
    struct clu_worker *w = arg;
    struct clu_wire wire;
    if (!w->link || !clu_link_is_up(w->link))
        return;
    clu_wire_look(w->data, &wire);
    clu_wire_send(w->link, &wire);
    clu_wire_release(&wire);
}

/* -- made, stopped --------------------------------------------------------------------------------------------------- */

static void draw_name(struct clu_worker *w) {
    unsigned char bytes[8];
    while (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        continue;
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(w->name + 2 * i, 3, "%02x", bytes[i]);
}

/* Where the others reach it: the address it listens on, with the port that it was given. */
static enum cep_rc public_address(
    struct clu_worker *w, const char *address, struct base_buf *out, struct cep_err *err) {
    char host[HOST_MAX];
    uint16_t port;
    if (!clu_address_split(address, host, sizeof host, &port))
        return base_err_set(err, CEP_EINVAL, "\"%s\" is no HOST:PORT", address);
    base_buf_printf(out, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, (unsigned)clu_data_port(w->data));
    return CEP_OK;
}

static void start_timer(void *arg) {
    struct clu_worker *w = arg;
    w->timer = clu_timer_new(w->loop, LEASE_LOOK_US, look_at_lease, w);
    w->teller = clu_timer_new(w->loop, WIRE_US, tell_wire, w);
}

static void stop_timer(void *arg) {
    struct clu_worker *w = arg;
    clu_timer_free(w->timer);
    clu_timer_free(w->teller);
    w->timer = w->teller = NULL;
}

static enum cep_rc listen_for_rows(struct clu_worker *w, const char *address, struct cep_err *err) {
    const struct clu_config *config = w->opts.config;
    struct clu_data_opts opts = {
        .worker = w->name, .address = address, .token = w->opts.token, .tls = w->opts.tls
    };
    enum cep_rc rc = clu_config_duration(config, CLU_CFG_HB_INTERVAL, &opts.heartbeat_interval_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(config, CLU_CFG_HB_TIMEOUT, &opts.heartbeat_timeout_us, err);
    if (rc == CEP_OK && !clu_codec_find(config->values[CLU_CFG_COMPRESSION], &opts.codec))
        rc = clu_config_bad(config, CLU_CFG_COMPRESSION, "none, lz4 or zstd", err);
    if (rc != CEP_OK)
        return rc;
    rc = clu_data_start(w->loop, &opts, &w->data, err);
    if (rc != CEP_OK)
        base_err_prefix(err, "worker.address");
    return rc;
}

static enum cep_rc go_to_coordinator(struct clu_worker *w, const char *address, struct cep_err *err) {
    const struct clu_config *config = w->opts.config;
    char host[HOST_MAX] = "";
    struct base_buf at = BASE_BUF_INIT;
    int64_t slots = 1;
    (void)gethostname(host, sizeof host - 1);
    struct clu_link_opts opts = {
        .fns = { .up = on_up, .message = on_message, .down = on_down, .away = on_away },
        .arg = w,
        .token = w->opts.token,
        .tls = w->opts.tls
    };
    enum cep_rc rc = clu_config_int(config, CLU_CFG_WORKER_SLOTS, 1, PORT_MAX, &slots, err);
    if (rc == CEP_OK)
        rc = public_address(w, address, &at, err);
    struct clu_link_client me = {
        .worker = w->name, .data_address = base_buf_cstr(&at), .host = host, .slots = (uint32_t)slots
    };
    if (rc == CEP_OK)
        rc = clu_link_connect(w->loop, config->values[CLU_CFG_COORDINATOR], &me, &opts, &w->link, err);
    base_buf_release(&at);
    if (rc == CEP_OK)
        (void)clu_link_ref(w->link); /* parts say their last words when it is closed already */
    return rc;
}

enum cep_rc clu_worker_start(
    const struct clu_worker_opts *opts, struct clu_worker **out, struct cep_err *err) {
    struct clu_worker *w = base_calloc(1, sizeof *w);
    const char *address = opts->config->values[CLU_CFG_WORKER_ADDRESS];
    w->opts = *opts;
    draw_name(w);
    (void)pthread_mutex_init(&w->mutex, NULL);
    (void)pthread_cond_init(&w->gone, NULL);
    const char *dir = opts->config->values[CLU_CFG_STATE_DIR];
    enum cep_rc rc = dir[0] ? clu_worker_dir_open(dir, w->name, &w->dir, err) : CEP_OK;
    if (rc == CEP_OK)
        rc = clu_loop_start(&w->loop, err);
    if (rc == CEP_OK)
        rc = listen_for_rows(w, address, err);
    if (rc == CEP_OK)
        rc = go_to_coordinator(w, address, err);
    if (rc != CEP_OK) {
        clu_worker_stop(w);
        return rc;
    }
    clu_loop_call(w->loop, start_timer, w);
    *out = w;
    return CEP_OK;
}

const char *clu_worker_name(const struct clu_worker *w) {
    return w->name;
}

uint16_t clu_worker_port(const struct clu_worker *w) {
    return clu_data_port(w->data);
}

void clu_worker_leave(struct clu_worker *w, const char *reason) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Leave leave = CLU__LEAVE__INIT;
    leave.reason = reason;
    msg.body_case = CLU__MSG__BODY_LEAVE;
    msg.leave = &leave;
    (void)clu_link_send(w->link, &msg);
}

void clu_worker_stop(struct clu_worker *w) {
    if (!w)
        return;
    if (w->loop)
        clu_loop_call(w->loop, stop_timer, w);
    cancel_all(w);
    wait_until_none(w);
    clu_link_close(w->link);
    wait_until_none(w); /* one that was deployed meanwhile was cancelled by the link's end */
    clu_link_unref(w->link);
    clu_data_stop(w->data);
    if (w->loop)
        clu_loop_stop(w->loop);
    clu_worker_dir_close(w->dir);
    (void)pthread_mutex_destroy(&w->mutex);
    (void)pthread_cond_destroy(&w->gone);
    base_free(w);
}
