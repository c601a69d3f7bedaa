/*
 * con_tcp_sink -- connects out and writes records; reconnects with growing waits.
 *
 * Records wait in a con_outbox. TCP does not
 * say what the other side has read: after a lost connection writing goes on with the first record that was not handed
 * to the kernel whole, so a record may come twice or, if the other side died with unread data, be lost there.
 */
#include "connect/con_outbox.h"
#include "connect/con_tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

struct tcp_sink {
    struct con_sink sink;
    struct con_encoder *enc; /* borrowed */
    char host[256];
    uint16_t port;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    int fd; /* -1 = none */
    bool connected, said;
    struct event *writable; /* owned; of fd */
    struct event *timer;    /* owned; the next attempt */
    uint64_t tries;         /* since a connection stood */
    struct con_outbox box;
    size_t done; /* of the box: handed to the kernel, within the first record */
};

static struct tcp_sink *tcp_of(struct con_sink *sink) {
    return (struct tcp_sink *)sink;
}

static void tcp_connect(struct tcp_sink *ts);

static void tcp_cut(struct tcp_sink *ts, int e) {
    if (ts->writable)
        event_free(ts->writable);
    ts->writable = NULL;
    if (ts->fd >= 0)
        close(ts->fd);
    ts->fd = -1;
    ts->connected = false;
    ts->done = 0; /* the other side gets a torn record whole */
    if (!ts->said)
        con_log(&ts->sink.env, CON_LEVEL_WARNING, "sink \"%.*s\": no connection to %s:%u: %s: trying again",
            BASE_STR_FMT(ts->sink.sink->name), ts->host, (unsigned)ts->port, strerror(e));
    ts->said = true;
    ts->sink.stats.retries++;
    int64_t wait = con_outbox_wait(&ts->box, ts->tries++);
    struct timeval tv = { .tv_sec = wait / 1000000, .tv_usec = wait % 1000000 };
    event_add(ts->timer, &tv);
}

static void tcp_push(struct tcp_sink *ts) {
    struct con_outbox *box = &ts->box;
    while (ts->connected && con_outbox_rows(box) > 0) {
        ssize_t n = send(ts->fd, con_outbox_first(box).p + ts->done, con_outbox_len(box) - ts->done,
            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(ts->writable, NULL);
            break;
        }
        if (n < 0) {
            tcp_cut(ts, errno);
            return;
        }
        ts->done += (size_t)n;
        ts->sink.stats.bytes += (uint64_t)n;
        while (con_outbox_rows(box) > 0 && ts->done >= con_outbox_first(box).len) {
            ts->done -= con_outbox_first(box).len;
            con_outbox_take(box);
            ts->sink.stats.pending--;
        }
    }
    con_outbox_turn(box, 0);
}

static void tcp_writable(evutil_socket_t fd, short what, void *arg) {
    struct tcp_sink *ts = arg;
    (void)what;
    if (!ts->connected) {
        int e = 0;
        socklen_t len = sizeof e;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
            e = errno;
        if (e != 0) {
            tcp_cut(ts, e);
            return;
        }
        ts->connected = true;
        if (ts->said)
            con_log(&ts->sink.env, CON_LEVEL_INFO, "sink \"%.*s\": connected to %s:%u",
                BASE_STR_FMT(ts->sink.sink->name), ts->host, (unsigned)ts->port);
        ts->said = false;
        ts->tries = 0;
        if (ts->enc->vt->begin) { /* each connection gets its header; it is not kept, as it is short */
            struct base_buf head = BASE_BUF_INIT;
            ts->enc->vt->begin(ts->enc, &head);
            ssize_t n = head.len ? send(fd, head.p, head.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
            bool torn = n != (ssize_t)head.len;
            base_buf_release(&head);
            if (torn) {
                tcp_cut(ts, n < 0 ? errno : EPIPE);
                return;
            }
        }
    }
    tcp_push(ts);
}

static void tcp_retry(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    tcp_connect(arg);
}

static void tcp_connect(struct tcp_sink *ts) {
    int one = 1;
    ts->fd = socket(ts->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (ts->fd < 0) {
        tcp_cut(ts, errno);
        return;
    }
    (void)setsockopt(ts->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* batches are our own */
    if (connect(ts->fd, (struct sockaddr *)&ts->addr, ts->addr_len) != 0 && errno != EINPROGRESS) {
        tcp_cut(ts, errno);
        return;
    }
    ts->writable = event_new(ts->sink.env.loop, ts->fd, EV_WRITE, tcp_writable, ts);
    if (!ts->writable || event_add(ts->writable, NULL) != 0)
        tcp_cut(ts, ENOMEM);
}

static enum cep_rc tcp_write(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err) {
    struct tcp_sink *ts = tcp_of(sink);
    (void)err;
    con_outbox_add(&ts->box, batch);
    tcp_push(ts);
    return CEP_OK;
}

static bool tcp_busy(const struct con_sink *sink) {
    return con_outbox_busy(&((const struct tcp_sink *)sink)->box, 0);
}

static enum cep_rc tcp_flush(struct con_sink *sink, bool final, struct cep_err *err) {
    struct tcp_sink *ts = tcp_of(sink);
    char to[300];
    tcp_push(ts);
    if (con_outbox_rows(&ts->box) == 0)
        return CEP_OK;
    if (!final || !con_outbox_drained(&ts->box))
        return CEP_AGAIN;
    ts->done = 0;
    snprintf(to, sizeof to, "%s:%u", ts->host, (unsigned)ts->port);
    return con_outbox_give_up(&ts->box, to, err);
}

/* A record of which a part was sent is in it whole. */
static enum cep_rc tcp_prepare(
    struct con_sink *sink, uint64_t checkpoint, struct base_buf *state, struct cep_err *err) {
    struct tcp_sink *ts = tcp_of(sink);
    (void)checkpoint;
    (void)err;
    tcp_push(ts);
    con_outbox_save(&ts->box, state);
    return CEP_OK;
}

static void tcp_close(struct con_sink *sink) {
    struct tcp_sink *ts = tcp_of(sink);
    if (ts->writable)
        event_free(ts->writable);
    if (ts->timer)
        event_free(ts->timer);
    if (ts->fd >= 0)
        close(ts->fd);
    con_outbox_release(&ts->box);
}

static bool tcp_parallel(const struct plan_sink *ps) {
    (void)ps;
    return true;
}

static enum cep_rc tcp_open(const struct plan_sink *ps, const struct con_env *env,
    const struct con_sink_how *how, struct con_encoder *enc, struct con_sink **out, struct cep_err *err) {
    const struct plan_opt *opts = ps->opts;
    uint32_t n = ps->n_opts;
    if (!env->loop)
        return base_err_set(err, CEP_ESTATE, "connector \"tcp\" needs an event loop");
    struct tcp_sink *ts = base_calloc(1, sizeof *ts);
    ts->sink.env = *env;
    ts->sink.sink = ps;
    ts->enc = enc;
    ts->fd = -1;
    con_opt_text(opts, n, "host", "127.0.0.1", ts->host, sizeof ts->host);
    ts->port = (uint16_t)plan_opt_int(opts, n, "port", 0);
    con_outbox_init(&ts->box, &ts->sink, enc, ps, 100000, 10000000);
    enum cep_rc rc = con_outbox_restore(&ts->box, how, err);
    if (rc == CEP_OK)
        rc = con_tcp_address(ts->host, ts->port, false, &ts->addr, &ts->addr_len, err);
    if (rc == CEP_OK && !(ts->timer = event_new(env->loop, -1, 0, tcp_retry, ts)))
        rc = base_err_set(err, CEP_EIO, "could not make a timer");
    if (rc != CEP_OK) {
        tcp_close(&ts->sink);
        base_free(ts);
        return rc;
    }
    tcp_connect(ts);
    *out = &ts->sink;
    return CEP_OK;
}

const struct con_sink_vt con_tcp_sink = { .open = tcp_open,
    .write = tcp_write,
    .busy = tcp_busy,
    .flush = tcp_flush,
    .prepare = tcp_prepare,
    .tell = con_outbox_tell,
    .parallel = tcp_parallel,
    .close = tcp_close };
