/*
 * clu_link_greet -- how a control connection begins: who may come, and whether it goes on with a session that is there.
 */
#include "cluster/clu_link_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_probe.h"
#include "cluster/clu_tls.h"
#include "time/clk.h"

#include <unistd.h>

/* Server. Returns: why the client may not come. */
static enum cep_rc judge(
    struct clu_link *l, const Clu__Hello *hello, Clu__Welcome *welcome, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    if (hello->magic != CLU_MAGIC)
        rc = base_err_set(err, CEP_EDECODE, "this is no cepd");
    else if (hello->protocol != CLU_PROTOCOL)
        rc = base_err_set(err, CEP_EVERSION,
            "the worker speaks version %u of the protocol, the coordinator %d", hello->protocol,
            CLU_PROTOCOL);
    else if (!clu_token_eq(hello->token, l->opts.token))
        rc = base_err_set(err, CEP_EINVAL, "the worker's token (security.token) is not the coordinator's");
    else if (strcmp(hello->build, l->opts.build) != 0)
        rc = base_err_set(err, CEP_EVERSION, "the worker is of build \"%s\", the coordinator of \"%s\"",
            hello->build, l->opts.build);
    if (rc != CEP_OK) {
        if (err)
            err->fatal = true; /* the same worker will not do better */
        return rc;
    }
    return l->opts.fns.hello ? l->opts.fns.hello(l->opts.arg, l, hello, welcome, err) : CEP_OK;
}

static struct clu_link *find_worker(const struct clu_link_server *s, const char *worker) {
    for (struct clu_link *l = s->links; l; l = l->next)
        if (l->in_session && strcmp(l->hello.worker, worker) == 0)
            return l;
    return NULL;
}

/* Who was at that address before has made room for this one. */
static void replaced(struct clu_link_server *s, const Clu__Hello *hello) {
    for (struct clu_link *l = s->links, *next; l; l = next) {
        next = l->next;
        if (l->state != LINK_AWAY || strcmp(l->hello.data_address, hello->data_address) != 0)
            continue;
        l->dead = true;
        link_went_down_text(
            l, false, "its process has ended: another one listens at %s", l->hello.data_address);
        next = s->links; /* others may have gone with it */
    }
}

/* The link that goes on with this connection; NULL: it is one of its own, and what was left of the worker's before is over. */
static struct clu_link *find_resumed(struct clu_link *l, const Clu__Hello *hello) {
    struct clu_link *old = find_worker(l->server, hello->worker);
    if (!old) {
        replaced(l->server, hello);
        return NULL;
    }
    bool may = old->state == LINK_UP || (old->state == LINK_AWAY && old->comes_again);
    if (hello->resume && may && link_is_in_time(old) && clu_session_ack(&old->session, hello->received))
        return old;
    link_went_down_text(old, true, "the worker has come again, and not to go on");
    return NULL;
}

/* `old` goes on over the connection of `l`, which is nobody's then. */
static void take_over(struct clu_link *old, struct clu_link *l) {
    link_close_connection(old, NULL);
    clu_probe_drop(old->probe);
    old->probe = NULL;
    old->stream = l->stream;
    l->stream = NULL;
    clu_stream_hand_over(old->stream, old);
    link_over(l);
    link_resume(old);
}

static void welcome_worker(struct clu_link *l, const Clu__Hello *hello, Clu__Welcome *welcome) {
    Clu__Msg msg = CLU__MSG__INIT;
    struct clu_link *old = find_resumed(l, hello);
    if (l->state != LINK_GREETING)
        return; /* a callback has dropped it */
    welcome->build = l->opts.build;
    welcome->heartbeat_interval_us = (uint64_t)l->interval_us;
    welcome->heartbeat_timeout_us = (uint64_t)atomic_load(&l->timeout_us);
    welcome->resumed = old != NULL;
    welcome->received = old ? old->session.received : 0;
    msg.body_case = CLU__MSG__BODY_WELCOME;
    msg.welcome = welcome;
    link_send_now(l, &msg);
    if (old) {
        take_over(old, l);
        return;
    }
    l->hello = (struct clu_link_client){ .worker = base_strdup(hello->worker),
        .data_address = base_strdup(hello->data_address),
        .host = base_strdup(hello->host),
        .slots = hello->slots };
    link_came_up(l, hello, NULL);
}

void link_take_hello(struct clu_link *l, const Clu__Hello *hello) {
    Clu__Welcome welcome = CLU__WELCOME__INIT;
    Clu__Refused refused = CLU__REFUSED__INIT;
    Clu__Error error;
    Clu__Msg msg = CLU__MSG__INIT;
    struct cep_err err = CEP_ERR_INIT;
    clu_link_ref(l);
    enum cep_rc rc = judge(l, hello, &welcome, &err);
    if (l->state != LINK_GREETING) {
        /* hello() has dropped it */
    } else if (rc != CEP_OK) {
        clu_link_pack_error(&err, &error);
        refused.error = &error;
        msg.body_case = CLU__MSG__BODY_REFUSED;
        msg.refused = &refused;
        link_append(clu_stream_out(l->stream), &msg);
        base_err_prefix(&err, "%s was refused", l->peer);
        clu_stream_finish(l->stream);
        l->stream = NULL;
        link_went_down(l, &err, NULL);
    } else {
        welcome_worker(l, hello, &welcome);
    }
    clu_link_unref(l);
}

/* The other end knows nothing of the session. Returns: false when the link has been closed meanwhile. */
static bool begin_anew(struct clu_link *l) {
    struct cep_err why = CEP_ERR_INIT;
    (void)base_err_set(&why, CEP_EIO, "%s has given the connection before up", l->peer);
    link_end_session(l);
    if (l->opts.fns.down)
        l->opts.fns.down(l->opts.arg, l, true, &why);
    return l->state == LINK_GREETING;
}

void link_take_welcome(struct clu_link *l, const Clu__Welcome *welcome) {
    int64_t interval = (int64_t)welcome->heartbeat_interval_us,
            limit = (int64_t)welcome->heartbeat_timeout_us;
    if (interval > 0 && limit > interval && limit < INT64_C(86400) * 1000000) {
        l->interval_us = interval;
        atomic_store(&l->timeout_us, limit);
    }
    l->retry_us = 0;
    if (l->said_us > atomic_load(&l->confirmed_us)) /* who welcomes has heard the hello: the lease begins */
        atomic_store(&l->confirmed_us, l->said_us);
    if (welcome->resumed && l->in_session && clu_session_ack(&l->session, welcome->received)) {
        link_resume(l);
        return;
    }
    if (welcome->resumed) {
        link_went_down_text(l, true, "%s goes on with what is over here", l->peer);
        return;
    }
    if (l->in_session && !begin_anew(l))
        return;
    link_came_up(l, NULL, welcome);
}

void link_take_refused(struct clu_link *l, const Clu__Refused *refused) {
    struct cep_err why = CEP_ERR_INIT;
    (void)clu_link_unpack_error(refused->error, &why);
    base_err_prefix(&why, "the coordinator %s does not take this worker", l->peer);
    link_went_down(l, &why, NULL);
}

void link_say_hello(struct clu_link *l) {
    l->said_us = clk_mono(clk_system());
    Clu__Hello hello = CLU__HELLO__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    hello.magic = CLU_MAGIC;
    hello.protocol = CLU_PROTOCOL;
    hello.build = l->opts.build;
    hello.worker = l->hello.worker;
    hello.slots = l->hello.slots;
    hello.data_address = l->hello.data_address;
    hello.token = l->opts.token;
    hello.host = l->hello.host;
    hello.pid = (uint32_t)getpid();
    hello.resume = l->in_session;
    hello.received = l->session.received;
    msg.body_case = CLU__MSG__BODY_HELLO;
    msg.hello = &hello;
    link_send_now(l, &msg);
}
