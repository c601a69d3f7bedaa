/*
 * clu_link -- see clu_link.h.
 *
 * Life of a link's connection: IDLE (a client between two attempts) ─▶ FINDING (a name) ─▶ OPENING ─▶ GREETING (Hello is out, or awaited) ─▶
 * UP, and back to IDLE for a client; OVER when it is closed, or was refused for good. References: one of the loop's while a link is not
 * OVER, one of clu_link_connect()'s caller, one for each post that is under way, those of others.
 *
 * The link itself is up from its first connection until link_end_session(), over as many connections as that takes. A connection of the server's is a
 * link of its own until its greeting says that it goes on for another one, which then takes it over. One whose connection broke is AWAY
 * meanwhile.
 */
#include "cluster/clu_link_internal.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_finding.h"
#include "cluster/clu_frame.h"
#include "cluster/clu_probe.h"
#include "time/clk.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum {
    FIRST_RETRY_US = 100 * 1000,
    LAST_RETRY_US = 5 * 1000 * 1000,
    INTERVAL_US = 1000 * 1000,
    TIMEOUT_US = 10 * 1000 * 1000,
    PROBE_FIRST_US = 5 * 1000, /* a process that ends has closed all its sockets by then, mostly */
    PROBE_AGAIN_US = 100 * 1000,
    CONFIRM_BYTES =
        1 << 20, /* that came: they are confirmed at once, so that the other end need not keep them */
    ACCEPTS = 64 /* in one go */
};

/* -- life ------------------------------------------------------------------------------------------------------------- */

static void opts_copy(struct clu_link_opts *to, const struct clu_link_opts *from) {
    *to = *from;
    to->build = base_strdup(from->build ? from->build : PACKAGE_VERSION);
    to->token = base_strdup(from->token ? from->token : "");
    to->heartbeat_interval_us = from->heartbeat_interval_us > 0 ? from->heartbeat_interval_us : INTERVAL_US;
    to->heartbeat_timeout_us = from->heartbeat_timeout_us > 0 ? from->heartbeat_timeout_us : TIMEOUT_US;
    to->max_frame = from->max_frame > 0 ? from->max_frame : CLU_FRAME_MAX;
}

static void free_text(const char *text) {
    base_free((char *)(uintptr_t)text);
}

static void on_link_timer(evutil_socket_t fd, short what, void *arg);

static struct clu_link *new_link(struct clu_loop *loop, const struct clu_link_opts *opts) {
    struct clu_link *l = base_calloc(1, sizeof *l);
    atomic_init(&l->refs, 1);
    l->loop = loop;
    opts_copy(&l->opts, opts);
    l->interval_us = l->opts.heartbeat_interval_us;
    atomic_init(&l->timeout_us, l->opts.heartbeat_timeout_us);
    pthread_mutex_init(&l->mutex, NULL);
    l->timer = event_new(clu_loop_base(loop), -1, 0, on_link_timer, l);
    CEP_INSIST(l->timer);
    return l;
}

struct clu_link *clu_link_ref(struct clu_link *link) {
    atomic_fetch_add_explicit(&link->refs, 1, memory_order_relaxed);
    return link;
}

void clu_link_unref(struct clu_link *link) {
    if (!link || atomic_fetch_sub_explicit(&link->refs, 1, memory_order_acq_rel) != 1)
        return;
    free_text(link->opts.build);
    free_text(link->opts.token);
    free_text(link->hello.worker);
    free_text(link->hello.data_address);
    free_text(link->hello.host);
    base_free(link->address);
    clu_session_release(&link->session);
    base_buf_release(&link->queue);
    pthread_mutex_destroy(&link->mutex);
    base_free(link);
}

static void wake_in(struct clu_link *l, int64_t us) {
    struct timeval t = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
    CEP_INSIST(event_add(l->timer, &t) == 0);
}

/* What other threads have queued is dropped with the session, and so is what they would send now. */
static void set_up(struct clu_link *l, bool up) {
    pthread_mutex_lock(&l->mutex);
    atomic_store(&l->up, up);
    base_buf_clear(&l->queue);
    pthread_mutex_unlock(&l->mutex);
}

/* The loop has nothing to do with it any more. */
void link_over(struct clu_link *l) {
    l->state = LINK_OVER;
    event_free(l->timer);
    if (l->server) {
        if (l->before)
            l->before->next = l->next;
        else
            l->server->links = l->next;
        if (l->next)
            l->next->before = l->before;
    }
    clu_link_unref(l);
}

void link_end_session(struct clu_link *l) {
    l->in_session = false;
    set_up(l, false);
    clu_session_release(&l->session);
    clu_probe_drop(l->probe);
    l->probe = NULL;
}

static void count_bytes(const struct clu_link *l, struct clu_link_stats *to) {
    uint64_t in = 0, out = 0;
    if (l->stream)
        clu_stream_counts(l->stream, &in, &out);
    to->bytes_in += in;
    to->bytes_out += out;
}

void link_close_connection(struct clu_link *l, const char *bye) {
    clu_finding_drop(l->finding);
    l->finding = NULL;
    if (l->server)
        count_bytes(l, &l->server->stats);
    if (l->stream && bye) {
        Clu__Bye farewell = CLU__BYE__INIT;
        Clu__Msg msg = CLU__MSG__INIT;
        farewell.reason = bye;
        msg.body_case = CLU__MSG__BODY_BYE;
        msg.bye = &farewell;
        link_append(clu_stream_out(l->stream), &msg);
        clu_stream_finish(l->stream);
    } else {
        clu_stream_free(l->stream);
    }
    l->stream = NULL;
}

static void try_again(struct clu_link *l, bool at_first) {
    l->state = LINK_IDLE;
    l->retry_us = at_first || l->retry_us == 0      ? FIRST_RETRY_US
                  : l->retry_us * 2 < LAST_RETRY_US ? l->retry_us * 2
                                                    : LAST_RETRY_US;
    wake_in(l, l->retry_us);
}

/* With its session, if there is one. */
void link_went_down(struct clu_link *l, const struct cep_err *why, const char *bye) {
    bool was_up = l->in_session;
    if ((l->state == LINK_IDLE && !was_up) || l->state == LINK_OVER)
        return;
    link_close_connection(l, bye);
    link_end_session(l);
    if (l->server) {
        l->server->stats.lost += was_up;
        l->server->stats.open -= was_up;
        l->server->stats.refused += !was_up || why->rc == CEP_EDECODE;
    }
    l->state = LINK_IDLE;
    bool again = !l->server && !why->fatal;
    if (again)
        try_again(l, was_up);
    clu_link_ref(l);
    if (l->opts.fns.down)
        l->opts.fns.down(l->opts.arg, l, was_up, why);
    if (!again && l->state != LINK_OVER)
        link_over(l);
    clu_link_unref(l);
}

void link_went_down_text(struct clu_link *l, bool tell, const char *fmt, ...) {
    struct cep_err why = CEP_ERR_INIT;
    va_list ap;
    va_start(ap, fmt);
    (void)base_err_vset(&why, CEP_EIO, fmt, ap);
    va_end(ap);
    link_went_down(l, &why, tell ? why.message : NULL);
}

/* Its other end may not have given it up yet. */
bool link_is_in_time(const struct clu_link *l) {
    return clk_mono(clk_system()) - atomic_load(&l->heard_us) <= atomic_load(&l->timeout_us);
}

static void on_probed(void *arg, bool refused) {
    struct clu_link *l = arg;
    clu_probe_drop(l->probe);
    l->probe = NULL;
    if (!refused)
        return;
    l->dead = true;
    link_went_down_text(l, false, "its process has ended: nobody listens at %s", l->hello.data_address);
}

static void probe(struct clu_link *l) {
    if (!l->probe)
        l->probe = clu_probe_new(l->loop, l->hello.data_address, PROBE_AGAIN_US, on_probed, l);
}

/* Server. What it said may still be under way here; nothing comes from it until it is back. */
static void go_away(struct clu_link *l, bool comes_again) {
    link_close_connection(l, NULL);
    l->state = LINK_AWAY;
    l->comes_again = comes_again;
    wake_in(l, PROBE_FIRST_US);
}

/* The connection is lost, or an attempt to replace it. The session stays while the other end may know it. */
static void lost(struct clu_link *l, const struct cep_err *why) {
    bool stood = l->state == LINK_UP;
    if (!l->in_session || !link_is_in_time(l)) {
        link_went_down(l, why, NULL);
        return;
    }
    if (l->server) {
        go_away(l, true);
    } else {
        link_close_connection(l, NULL);
        try_again(l, stood);
    }
    if (stood && l->opts.fns.away)
        l->opts.fns.away(l->opts.arg, l, why);
    else if (!stood && l->opts.fns.down)
        l->opts.fns.down(l->opts.arg, l, false, why);
}

/* -- what comes --------------------------------------------------------------------------------------------------------- */

void link_send_now(struct clu_link *l, const Clu__Msg *msg) {
    link_append(clu_stream_out(l->stream), msg);
    clu_stream_flush(l->stream);
}

static void send_heartbeat(struct clu_link *l) {
    Clu__Heartbeat beat = CLU__HEARTBEAT__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    beat.sent_us = clk_mono(clk_system());
    beat.echo_us = l->echo_us;
    beat.received = l->session.received;
    l->unconfirmed = 0;
    msg.body_case = CLU__MSG__BODY_HEARTBEAT;
    msg.heartbeat = &beat;
    link_send_now(l, &msg);
}

static void stands(struct clu_link *l) {
    l->state = LINK_UP;
    if (l->server)
        l->server->stats.connections++;
    clu_stream_limit(l->stream, l->opts.max_frame);
    atomic_store(&l->heard_us, clk_mono(clk_system()));
    wake_in(l, l->interval_us);
}

/* On another connection: what the other end lacks is sent again. */
void link_resume(struct clu_link *l) {
    stands(l);
    base_buf_str(clu_stream_out(l->stream), clu_session_kept(&l->session));
    send_heartbeat(l);
    if (l->opts.fns.away)
        l->opts.fns.away(l->opts.arg, l, NULL);
}

void link_came_up(struct clu_link *l, const Clu__Hello *hello, const Clu__Welcome *welcome) {
    stands(l);
    l->echo_us = 0;
    l->in_session = true;
    if (l->server)
        l->server->stats.open++;
    set_up(l, true);
    send_heartbeat(l);
    if (l->opts.fns.up)
        l->opts.fns.up(l->opts.arg, l, hello, welcome);
}

static void take_heartbeat(struct clu_link *l, const Clu__Heartbeat *beat) {
    int64_t now = clk_mono(clk_system());
    l->echo_us = beat->sent_us;
    if (beat->echo_us > atomic_load(&l->confirmed_us) && beat->echo_us <= now)
        atomic_store(&l->confirmed_us, beat->echo_us);
    if (!clu_session_ack(&l->session, beat->received))
        link_went_down_text(l, true, "messages were confirmed that were not sent");
}

static void take_bye(struct clu_link *l, const Clu__Bye *bye) {
    if (l->server && l->in_session) {
        struct cep_err why = CEP_ERR_INIT;
        (void)base_err_set(&why, CEP_EIO, "it has closed the connection: %s", bye->reason);
        go_away(l, false);
        if (l->opts.fns.away)
            l->opts.fns.away(l->opts.arg, l, &why);
        return;
    }
    link_went_down_text(l, false, "%s has closed the connection: %s", l->peer, bye->reason);
}

static void take_msg(struct clu_link *l, const Clu__Msg *msg) {
    switch ((int)msg->body_case) {
    case CLU__MSG__BODY_HEARTBEAT: take_heartbeat(l, msg->heartbeat); return;
    case CLU__MSG__BODY_BYE: take_bye(l, msg->bye); return;
    case CLU__MSG__BODY_HELLO:
    case CLU__MSG__BODY_WELCOME:
    case CLU__MSG__BODY_REFUSED:
        link_went_down_text(l, true, "a greeting came in the midst of a connection");
        return;
    default:
        l->session.received++;
        if (l->opts.fns.message)
            l->opts.fns.message(l->opts.arg, l, msg);
        return;
    }
}

static void take_up(struct clu_link *l, const Clu__Msg *msg, size_t bytes) {
    take_msg(l, msg);
    l->unconfirmed += bytes;
    if (l->state == LINK_UP && l->unconfirmed >= CONFIRM_BYTES)
        send_heartbeat(l);
}

static void on_frame(void *arg, struct base_str payload) {
    struct clu_link *l = arg;
    struct cep_err err = CEP_ERR_INIT;
    Clu__Msg *msg = clu_link_decode(payload, &err);
    atomic_store(&l->heard_us, clk_mono(clk_system()));
    clu_link_ref(l);
    if (!msg)
        link_went_down(l, &err, err.message);
    else if (l->state == LINK_UP)
        take_up(l, msg, payload.len);
    else if (l->server && msg->body_case == CLU__MSG__BODY_HELLO)
        link_take_hello(l, msg->hello);
    else if (!l->server && msg->body_case == CLU__MSG__BODY_WELCOME)
        link_take_welcome(l, msg->welcome);
    else if (!l->server && msg->body_case == CLU__MSG__BODY_REFUSED)
        link_take_refused(l, msg->refused);
    else if (msg->body_case == CLU__MSG__BODY_BYE)
        take_bye(l, msg->bye);
    else
        link_went_down_text(l, true, "the first message is no greeting");
    clu_link_decoded_free(msg);
    clu_link_unref(l);
}

static void on_opened(void *arg) {
    struct clu_link *l = arg;
    l->state = LINK_GREETING;
    if (!l->server)
        link_say_hello(l);
}

static void on_closed(void *arg, const struct cep_err *why) {
    struct cep_err copy = *why;
    if (why->rc == CEP_EDECODE)
        link_went_down(arg, &copy, copy.message); /* damaged bytes: the other end gets to know */
    else
        lost(arg, &copy);
}

static const struct clu_stream_fns stream_fns = {
    .opened = on_opened, .frame = on_frame, .closed = on_closed
};

static struct clu_stream_opts stream_opts(struct clu_link *l) {
    return (struct clu_stream_opts){
        .fns = stream_fns, .arg = l, .tls = l->opts.tls, .max_frame = CLU_FRAME_FIRST_MAX
    };
}

/* -- time ------------------------------------------------------------------------------------------------------------- */

static void on_found(void *arg, enum cep_rc rc, const struct clu_address *at, const struct cep_err *err) {
    struct clu_link *l = arg;
    clu_finding_drop(l->finding);
    l->finding = NULL;
    if (rc != CEP_OK) {
        lost(l, err);
        return;
    }
    struct clu_stream_opts opts = stream_opts(l);
    l->state = LINK_OPENING;
    l->stream = clu_stream_connect(l->loop, at, &opts);
}

static void begin_attempt(struct clu_link *l) {
    l->state = LINK_FINDING;
    l->since_us = clk_mono(clk_system());
    /* In a session, no longer than that may last. */
    int64_t left_us = atomic_load(&l->heard_us) + atomic_load(&l->timeout_us) - l->since_us;
    wake_in(l, l->in_session && left_us > 0 ? left_us : atomic_load(&l->timeout_us));
    l->finding = clu_finding_new(l->loop, l->address, "the coordinator", on_found, l);
}

static void went_silent(struct clu_link *l) {
    link_went_down_text(l, true, "nothing was heard from %s for %.1f s (heartbeat.timeout)", l->peer,
        (double)atomic_load(&l->timeout_us) / 1e6);
}

static void on_link_timer(evutil_socket_t fd, short what, void *arg) {
    struct clu_link *l = arg;
    int64_t limit = atomic_load(&l->timeout_us);
    (void)fd;
    (void)what;
    switch (l->state) {
    case LINK_IDLE:
        if (l->in_session && !link_is_in_time(l))
            went_silent(l);
        else
            begin_attempt(l);
        return;
    case LINK_FINDING:
    case LINK_OPENING:
    case LINK_GREETING:
        link_went_down_text(l, true, "no greeting from %s in %.1f s", l->peer, (double)limit / 1e6);
        return;
    case LINK_UP:
        if (!link_is_in_time(l)) {
            went_silent(l);
            return;
        }
        send_heartbeat(l);
        wake_in(l, l->interval_us);
        return;
    case LINK_AWAY:
        if (!link_is_in_time(l)) {
            went_silent(l);
            return;
        }
        probe(l);
        wake_in(l, PROBE_AGAIN_US);
        return;
    case LINK_OVER: return;
    }
}

/* -- sending ------------------------------------------------------------------------------------------------------------ */

static void flush_queue(void *arg) {
    struct clu_link *l = arg;
    struct base_buf queue = BASE_BUF_INIT;
    pthread_mutex_lock(&l->mutex);
    queue = l->queue;
    l->queue = (struct base_buf)BASE_BUF_INIT;
    l->posted = false;
    pthread_mutex_unlock(&l->mutex);
    if (l->in_session && queue.len > 0) {
        clu_session_add(&l->session, base_buf_view(&queue));
        if (l->state == LINK_UP) {
            base_buf_add(clu_stream_out(l->stream), queue.p, queue.len);
            clu_stream_flush(l->stream);
        }
    }
    base_buf_release(&queue);
    clu_link_unref(l);
}

bool clu_link_send(struct clu_link *link, const Clu__Msg *msg) {
    if (clu__msg__get_packed_size(msg) > link->opts.max_frame)
        return false;
    pthread_mutex_lock(&link->mutex);
    bool up = atomic_load(&link->up), post = up && !link->posted;
    if (up)
        link_append(&link->queue, msg);
    if (post) {
        link->posted = true;
        clu_link_ref(link);
    }
    pthread_mutex_unlock(&link->mutex);
    if (post)
        clu_loop_post(link->loop, flush_queue, link);
    return up;
}

struct dropping {
    struct clu_link *link;
    char *reason;
};

static void do_drop(void *arg) {
    struct dropping *d = arg;
    if (d->link->in_session || d->link->state == LINK_GREETING)
        link_went_down_text(d->link, true, "%s", d->reason);
    clu_link_unref(d->link);
    base_free(d->reason);
    base_free(d);
}

void clu_link_drop(struct clu_link *link, const char *reason) {
    struct dropping *d = base_alloc(sizeof *d);
    *d = (struct dropping){ clu_link_ref(link), base_strdup(reason) };
    clu_loop_post(link->loop, do_drop, d);
}

/* -- the client --------------------------------------------------------------------------------------------------------- */

static void do_begin(void *arg) {
    begin_attempt(arg);
}

enum cep_rc clu_link_connect(struct clu_loop *loop, const char *address, const struct clu_link_client *client,
    const struct clu_link_opts *opts, struct clu_link **out, struct cep_err *err) {
    char host[256];
    uint16_t port;
    if (!clu_address_split(address, host, sizeof host, &port))
        return base_err_set(err, CEP_EINVAL, "not an address: \"%s\", want HOST:PORT", address);
    struct clu_link *l = new_link(loop, opts);
    l->address = base_strdup(address);
    snprintf(l->peer, sizeof l->peer, "%s", address);
    l->hello = (struct clu_link_client){ .worker = base_strdup(client->worker ? client->worker : ""),
        .data_address = base_strdup(client->data_address ? client->data_address : ""),
        .host = base_strdup(client->host ? client->host : ""),
        .slots = client->slots };
    *out = clu_link_ref(l);
    clu_loop_post(loop, do_begin, l);
    return CEP_OK;
}

static void do_close(void *arg) {
    struct clu_link *l = arg;
    struct cep_err why = CEP_ERR_INIT;
    if (l->state == LINK_OVER)
        return;
    (void)base_err_set(&why, CEP_EINTERRUPTED, "the connection was closed here");
    why.fatal = true; /* not again */
    if (l->state == LINK_IDLE && !l->in_session)
        link_over(l);
    else
        link_went_down(l, &why, "the worker ends");
}

void clu_link_close(struct clu_link *link) {
    if (!link)
        return;
    clu_loop_call(link->loop, do_close, link);
    clu_link_unref(link);
}

/* -- the server --------------------------------------------------------------------------------------------------------- */

static void on_accept(evutil_socket_t fd, short what, void *arg) {
    struct clu_link_server *s = arg;
    (void)what;
    for (int i = 0; i < ACCEPTS; i++) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (client < 0)
            return; /* none waits; or no room for it now: it goes on waiting */
        struct clu_link *l = new_link(s->loop, &s->opts);
        l->server = s;
        l->next = s->links;
        if (l->next)
            l->next->before = l;
        s->links = l;
        struct clu_stream_opts opts = stream_opts(l);
        l->state = LINK_OPENING;
        l->stream = clu_stream_accept(s->loop, client, &opts);
        snprintf(l->peer, sizeof l->peer, "%s", clu_stream_peer(l->stream));
        wake_in(l, s->opts.heartbeat_timeout_us);
    }
}

static void do_listen(void *arg) {
    struct clu_link_server *s = arg;
    s->readable = event_new(clu_loop_base(s->loop), s->fd, EV_READ | EV_PERSIST, on_accept, s);
    CEP_INSIST(s->readable && event_add(s->readable, NULL) == 0);
}

enum cep_rc clu_link_listen(struct clu_loop *loop, const char *address, const struct clu_link_opts *opts,
    struct clu_link_server **out, struct cep_err *err) {
    int fd;
    uint16_t port;
    enum cep_rc rc = clu_address_listen(address, &fd, &port, err);
    if (rc != CEP_OK)
        return rc;
    struct clu_link_server *s = base_calloc(1, sizeof *s);
    *s = (struct clu_link_server){ .loop = loop, .fd = fd, .port = port };
    opts_copy(&s->opts, opts);
    clu_loop_call(loop, do_listen, s);
    *out = s;
    return CEP_OK;
}

uint16_t clu_link_server_port(const struct clu_link_server *s) {
    return s->port;
}

struct looking {
    const struct clu_link_server *server;
    struct clu_link_stats *out;
};

static void do_stats(void *arg) {
    struct looking *l = arg;
    *l->out = l->server->stats;
    for (const struct clu_link *link = l->server->links; link; link = link->next)
        count_bytes(link, l->out);
}

void clu_link_server_stats(const struct clu_link_server *s, struct clu_link_stats *out) {
    struct looking l = { s, out };
    clu_loop_call(s->loop, do_stats, &l);
}

static void do_close_server(void *arg) {
    struct clu_link_server *s = arg;
    event_free(s->readable);
    close(s->fd);
    while (s->links) {
        if (s->links->state == LINK_IDLE) /* it is going down this moment: its callback calls */
            link_over(s->links);
        else
            link_went_down_text(s->links, true, "the coordinator stops");
    }
}

void clu_link_server_close(struct clu_link_server *s) {
    if (!s)
        return;
    clu_loop_call(s->loop, do_close_server, s);
    free_text(s->opts.build);
    free_text(s->opts.token);
    base_free(s);
}

/* -- looking ------------------------------------------------------------------------------------------------------------ */

void clu_link_set_user(struct clu_link *link, void *user) {
    link->user = user;
}
void *clu_link_user(const struct clu_link *link) {
    return link->user;
}
bool clu_link_is_up(const struct clu_link *link) {
    return atomic_load(&link->up);
}
int64_t clu_link_heard_us(const struct clu_link *link) {
    return atomic_load(&link->heard_us);
}
int64_t clu_link_confirmed_us(const struct clu_link *link) {
    return atomic_load(&link->confirmed_us);
}
int64_t clu_link_timeout_us(const struct clu_link *link) {
    return atomic_load(&link->timeout_us);
}
bool clu_link_is_dead(const struct clu_link *link) {
    return link->dead;
}
const char *clu_link_peer(const struct clu_link *link) {
    return link->peer;
}
