/*
 * clu_link -- see clu_link.h.
 *
 * Life of a link: IDLE (a client between two attempts) ─▶ FINDING (a name) ─▶ OPENING ─▶ GREETING (Hello is out, or awaited) ─▶ UP, and
 * back to IDLE for a client; OVER when it is closed, or was refused for good. References: one of the loop's while a link is not
 * OVER, one of clu_link_connect()'s caller, one for each post that is under way, those of others.
 */
#include "cluster/clu_link.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_finding.h"
#include "cluster/clu_frame.h"
#include "cluster/clu_link_internal.h"
#include "cluster/clu_tls.h"
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
    ACCEPTS = 64 /* in one go */
};

enum link_state { IDLE = 0, FINDING, OPENING, GREETING, UP, OVER };

struct clu_link {
    atomic_uint refs;
    struct clu_loop *loop;          /* borrowed */
    struct clu_link_opts opts;      /* strings owned */
    struct clu_link_server *server; /* borrowed; NULL: a client's */
    struct clu_link *before, *next; /* of the server's */
    /* The client's. */
    char *address;                /* owned */
    struct clu_link_client hello; /* strings owned */
    struct clu_finding *finding;  /* owned */
    int64_t retry_us;
    /* The loop's. */
    enum link_state state;
    struct clu_stream *stream; /* owned */
    struct event *timer;       /* owned: heartbeats, time-outs, the next attempt */
    void *user;
    int64_t interval_us, since_us; /* since: the attempt began */
    int64_t echo_us;               /* the last heartbeat's time of the other end */
    char peer[CLU_ADDRESS_MAX];    /* set before anybody else has the link; a client's is its address */
    /* Shared. */
    atomic_bool up;
    atomic_int_fast64_t heard_us, confirmed_us, timeout_us;
    pthread_mutex_t mutex; /* of the two below */
    struct base_buf queue; /* frames from other threads */
    bool posted;           /* somebody will empty it */
};

struct clu_link_server {
    struct clu_loop *loop;     /* borrowed */
    struct clu_link_opts opts; /* strings owned */
    int fd;                    /* owned */
    uint16_t port;
    struct event *readable; /* owned */
    /* The loop's. */
    struct clu_link *links;
    struct clu_link_stats stats; /* bytes: of links that are gone */
};

/* -- messages ---------------------------------------------------------------------------------------------------------- */

static void *pb_alloc(void *data, size_t size) {
    (void)data;
    return base_alloc(size);
}

static void pb_free(void *data, void *p) {
    (void)data;
    base_free(p);
}

static const ProtobufCAllocator pb_allocator = { .alloc = pb_alloc, .free = pb_free };

Clu__Msg *clu_link_decode(struct base_str payload, struct cep_err *err) {
    Clu__Msg *msg = clu__msg__unpack((ProtobufCAllocator *)(uintptr_t)&pb_allocator, payload.len,
        (const uint8_t *)(payload.p ? payload.p : ""));
    if (msg && msg->body_case != CLU__MSG__BODY__NOT_SET)
        return msg;
    clu_link_decoded_free(msg);
    (void)base_err_set(err, CEP_EDECODE, "a frame of %zu bytes is no message", payload.len);
    return NULL;
}

void clu_link_decoded_free(Clu__Msg *msg) {
    if (msg)
        clu__msg__free_unpacked(msg, (ProtobufCAllocator *)(uintptr_t)&pb_allocator);
}

static void append_msg(struct base_buf *b, const Clu__Msg *msg) {
    size_t begin = clu_frame_begin(b), n = clu__msg__get_packed_size(msg);
    (void)clu__msg__pack(msg, (uint8_t *)base_buf_reserve(b, n));
    b->len += n;
    clu_frame_end(b, begin);
}

void clu_link_pack_error(const struct cep_err *err, Clu__Error *pb) {
    clu__error__init(pb);
    pb->rc = (uint32_t)err->rc;
    pb->message = err->message;
    pb->hint = err->hint;
    pb->retriable = err->retriable;
    pb->fatal = err->fatal;
}

enum cep_rc clu_link_unpack_error(const Clu__Error *pb, struct cep_err *err) {
    bool known = pb && pb->rc != CEP_OK && pb->rc < CEP_RC_MAX;
    enum cep_rc rc = known ? (enum cep_rc)pb->rc : CEP_EIO;
    (void)base_err_set(err, rc, "%s", pb && pb->message[0] ? pb->message : cep_rc_text(rc));
    if (err && pb) {
        err->retriable = pb->retriable;
        err->fatal = pb->fatal;
        if (pb->hint[0])
            base_err_hint(err, "%s", pb->hint);
    }
    return rc;
}

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
    base_buf_release(&link->queue);
    pthread_mutex_destroy(&link->mutex);
    base_free(link);
}

static void wake_in(struct clu_link *l, int64_t us) {
    struct timeval t = { .tv_sec = us / 1000000, .tv_usec = us % 1000000 };
    CEP_INSIST(event_add(l->timer, &t) == 0);
}

/* What other threads have queued is dropped with the connection, and so is what they would send now. */
static void set_up(struct clu_link *l, bool up) {
    pthread_mutex_lock(&l->mutex);
    atomic_store(&l->up, up);
    base_buf_clear(&l->queue);
    pthread_mutex_unlock(&l->mutex);
}

/* The loop has nothing to do with it any more. */
static void over(struct clu_link *l) {
    l->state = OVER;
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

/* What a server counts of a link that goes. */
static void count_end(struct clu_link *l, bool was_up, const struct cep_err *why) {
    struct clu_link_stats *s = &l->server->stats;
    uint64_t in = 0, out = 0;
    if (l->stream)
        clu_stream_counts(l->stream, &in, &out);
    s->bytes_in += in;
    s->bytes_out += out;
    s->lost += was_up;
    s->open -= was_up;
    s->refused += !was_up || why->rc == CEP_EDECODE;
}

static void went_down(struct clu_link *l, const struct cep_err *why, const char *bye) {
    bool was_up = l->state == UP;
    if (l->state == IDLE || l->state == OVER)
        return;
    clu_finding_drop(l->finding);
    l->finding = NULL;
    set_up(l, false);
    if (l->server)
        count_end(l, was_up, why);
    if (l->stream && bye) {
        Clu__Bye farewell = CLU__BYE__INIT;
        Clu__Msg msg = CLU__MSG__INIT;
        farewell.reason = bye;
        msg.body_case = CLU__MSG__BODY_BYE;
        msg.bye = &farewell;
        append_msg(clu_stream_out(l->stream), &msg);
        clu_stream_finish(l->stream);
    } else {
        clu_stream_free(l->stream);
    }
    l->stream = NULL;
    l->state = IDLE;
    bool again = !l->server && !why->fatal;
    if (again) {
        l->retry_us = was_up || l->retry_us == 0        ? FIRST_RETRY_US
                      : l->retry_us * 2 < LAST_RETRY_US ? l->retry_us * 2
                                                        : LAST_RETRY_US;
        wake_in(l, l->retry_us);
    }
    clu_link_ref(l);
    if (l->opts.fns.down)
        l->opts.fns.down(l->opts.arg, l, was_up, why);
    if (!again && l->state != OVER)
        over(l);
    clu_link_unref(l);
}

static void went_down_text(struct clu_link *l, bool tell, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void went_down_text(struct clu_link *l, bool tell, const char *fmt, ...) {
    struct cep_err why = CEP_ERR_INIT;
    va_list ap;
    va_start(ap, fmt);
    (void)base_err_vset(&why, CEP_EIO, fmt, ap);
    va_end(ap);
    went_down(l, &why, tell ? why.message : NULL);
}

/* -- what comes --------------------------------------------------------------------------------------------------------- */

static void send_now(struct clu_link *l, const Clu__Msg *msg) {
    append_msg(clu_stream_out(l->stream), msg);
    clu_stream_flush(l->stream);
}

static void send_heartbeat(struct clu_link *l) {
    Clu__Heartbeat beat = CLU__HEARTBEAT__INIT;
    Clu__Msg msg = CLU__MSG__INIT;
    beat.sent_us = clk_mono(clk_system());
    beat.echo_us = l->echo_us;
    msg.body_case = CLU__MSG__BODY_HEARTBEAT;
    msg.heartbeat = &beat;
    send_now(l, &msg);
}

static void came_up(struct clu_link *l, const Clu__Hello *hello, const Clu__Welcome *welcome) {
    l->state = UP;
    if (l->server) {
        l->server->stats.connections++;
        l->server->stats.open++;
    }
    l->echo_us = 0;
    clu_stream_limit(l->stream, l->opts.max_frame);
    atomic_store(&l->heard_us, clk_mono(clk_system()));
    set_up(l, true);
    send_heartbeat(l);
    wake_in(l, l->interval_us);
    if (l->opts.fns.up)
        l->opts.fns.up(l->opts.arg, l, hello, welcome);
}

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

static void take_hello(struct clu_link *l, const Clu__Hello *hello) {
    Clu__Welcome welcome = CLU__WELCOME__INIT;
    Clu__Refused refused = CLU__REFUSED__INIT;
    Clu__Error error;
    Clu__Msg msg = CLU__MSG__INIT;
    struct cep_err err = CEP_ERR_INIT;
    clu_link_ref(l);
    enum cep_rc rc = judge(l, hello, &welcome, &err);
    if (l->state != GREETING) {
        /* hello() has dropped it */
    } else if (rc != CEP_OK) {
        clu_link_pack_error(&err, &error);
        refused.error = &error;
        msg.body_case = CLU__MSG__BODY_REFUSED;
        msg.refused = &refused;
        append_msg(clu_stream_out(l->stream), &msg);
        base_err_prefix(&err, "%s was refused", l->peer);
        clu_stream_finish(l->stream);
        l->stream = NULL;
        went_down(l, &err, NULL);
    } else {
        welcome.build = l->opts.build;
        welcome.heartbeat_interval_us = (uint64_t)l->interval_us;
        welcome.heartbeat_timeout_us = (uint64_t)atomic_load(&l->timeout_us);
        msg.body_case = CLU__MSG__BODY_WELCOME;
        msg.welcome = &welcome;
        send_now(l, &msg);
        came_up(l, hello, NULL);
    }
    clu_link_unref(l);
}

static void take_welcome(struct clu_link *l, const Clu__Welcome *welcome) {
    int64_t interval = (int64_t)welcome->heartbeat_interval_us,
            limit = (int64_t)welcome->heartbeat_timeout_us;
    if (interval > 0 && limit > interval && limit < INT64_C(86400) * 1000000) {
        l->interval_us = interval;
        atomic_store(&l->timeout_us, limit);
    }
    l->retry_us = 0;
    came_up(l, NULL, welcome);
}

static void take_refused(struct clu_link *l, const Clu__Refused *refused) {
    struct cep_err why = CEP_ERR_INIT;
    (void)clu_link_unpack_error(refused->error, &why);
    base_err_prefix(&why, "the coordinator %s does not take this worker", l->peer);
    went_down(l, &why, NULL);
}

static void take_heartbeat(struct clu_link *l, const Clu__Heartbeat *beat) {
    int64_t now = clk_mono(clk_system());
    l->echo_us = beat->sent_us;
    if (beat->echo_us > atomic_load(&l->confirmed_us) && beat->echo_us <= now)
        atomic_store(&l->confirmed_us, beat->echo_us);
}

static void take_msg(struct clu_link *l, const Clu__Msg *msg) {
    switch ((int)msg->body_case) {
    case CLU__MSG__BODY_HEARTBEAT: take_heartbeat(l, msg->heartbeat); return;
    case CLU__MSG__BODY_BYE:
        went_down_text(l, false, "%s has closed the connection: %s", l->peer, msg->bye->reason);
        return;
    case CLU__MSG__BODY_HELLO:
    case CLU__MSG__BODY_WELCOME:
    case CLU__MSG__BODY_REFUSED:
        went_down_text(l, true, "a greeting came in the midst of a connection");
        return;
    default:
        if (l->opts.fns.message)
            l->opts.fns.message(l->opts.arg, l, msg);
        return;
    }
}

static void on_frame(void *arg, struct base_str payload) {
    struct clu_link *l = arg;
    struct cep_err err = CEP_ERR_INIT;
    Clu__Msg *msg = clu_link_decode(payload, &err);
    atomic_store(&l->heard_us, clk_mono(clk_system()));
    clu_link_ref(l);
    if (!msg)
        went_down(l, &err, err.message);
    else if (l->state == UP)
        take_msg(l, msg);
    else if (l->server && msg->body_case == CLU__MSG__BODY_HELLO)
        take_hello(l, msg->hello);
    else if (!l->server && msg->body_case == CLU__MSG__BODY_WELCOME)
        take_welcome(l, msg->welcome);
    else if (!l->server && msg->body_case == CLU__MSG__BODY_REFUSED)
        take_refused(l, msg->refused);
    else if (msg->body_case == CLU__MSG__BODY_BYE)
        went_down_text(l, false, "%s has closed the connection: %s", l->peer, msg->bye->reason);
    else
        went_down_text(l, true, "the first message is no greeting");
    clu_link_decoded_free(msg);
    clu_link_unref(l);
}

static void on_opened(void *arg) {
    struct clu_link *l = arg;
    l->state = GREETING;
    if (l->server)
        return;
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
    msg.body_case = CLU__MSG__BODY_HELLO;
    msg.hello = &hello;
    send_now(l, &msg);
}

static void on_closed(void *arg, const struct cep_err *why) {
    struct cep_err copy = *why;
    /* Damaged bytes: the other end gets to know why. */
    went_down(arg, &copy, why->rc == CEP_EDECODE ? why->message : NULL);
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
        went_down(l, err, NULL);
        return;
    }
    struct clu_stream_opts opts = stream_opts(l);
    l->state = OPENING;
    l->stream = clu_stream_connect(l->loop, at, &opts);
}

static void begin_attempt(struct clu_link *l) {
    l->state = FINDING;
    l->since_us = clk_mono(clk_system());
    wake_in(l, atomic_load(&l->timeout_us));
    l->finding = clu_finding_new(l->loop, l->address, "the coordinator", on_found, l);
}

static void on_link_timer(evutil_socket_t fd, short what, void *arg) {
    struct clu_link *l = arg;
    int64_t now = clk_mono(clk_system()), limit = atomic_load(&l->timeout_us);
    (void)fd;
    (void)what;
    switch (l->state) {
    case IDLE: begin_attempt(l); return;
    case FINDING:
    case OPENING:
    case GREETING:
        went_down_text(l, true, "no greeting from %s in %.1f s", l->peer, (double)limit / 1e6);
        return;
    case UP:
        if (now - atomic_load(&l->heard_us) > limit) {
            went_down_text(l, true, "nothing was heard from %s for %.1f s (heartbeat.timeout)", l->peer,
                (double)limit / 1e6);
            return;
        }
        send_heartbeat(l);
        wake_in(l, l->interval_us);
        return;
    case OVER: return;
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
    if (l->state == UP && queue.len > 0) {
        base_buf_add(clu_stream_out(l->stream), queue.p, queue.len);
        clu_stream_flush(l->stream);
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
        append_msg(&link->queue, msg);
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
    if (d->link->state == UP || d->link->state == GREETING)
        went_down_text(d->link, true, "%s", d->reason);
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
    if (l->state == OVER)
        return;
    (void)base_err_set(&why, CEP_EINTERRUPTED, "the connection was closed here");
    why.fatal = true; /* not again */
    if (l->state == IDLE)
        over(l);
    else
        went_down(l, &why, "the worker ends");
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
        l->state = OPENING;
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
    for (const struct clu_link *link = l->server->links; link; link = link->next) {
        uint64_t in = 0, out = 0;
        if (link->stream)
            clu_stream_counts(link->stream, &in, &out);
        l->out->bytes_in += in;
        l->out->bytes_out += out;
    }
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
        if (s->links->state == IDLE) /* it is going down this moment: its callback calls */
            over(s->links);
        else
            went_down_text(s->links, true, "the coordinator stops");
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
const char *clu_link_peer(const struct clu_link *link) {
    return link->peer;
}
