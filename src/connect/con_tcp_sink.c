/*
 * con_tcp_sink -- connects out and writes records; reconnects with growing waits.
 *
 * Records wait in a bounded buffer; over the bound the sink is busy and the runtime holds its sources back. TCP does not
 * say what the other side has read: after a lost connection writing goes on with the first record that was not handed
 * to the kernel whole, so a record may come twice or, if the other side died with unread data, be lost there.
 */
#include "connect/con_tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

struct tcp_sink {
    struct con_sink sink;
    struct con_encoder *enc; /* borrowed */
    char host[256];
    uint16_t port;
    struct sockaddr_storage addr;
    socklen_t addr_len;
    int fd; /* -1 = none */
    bool connected, said, was_busy;
    struct event *writable; /* owned; of fd */
    struct event *timer;    /* owned; the next attempt */
    int64_t wait_us, retry_min_us, retry_max_us;
    size_t bound;
    struct base_buf out;
    size_t out_done;               /* handed to the kernel */
    size_t record_at;              /* where the record begins that out_done is in */
    int64_t drain_us, deadline_us; /* deadline 0 = not draining */
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
    ts->out_done = ts->record_at; /* the other side gets a torn record whole */
    if (!ts->said)
        con_log(&ts->sink.env, CON_LEVEL_WARNING, "sink \"%.*s\": no connection to %s:%u: %s: trying again",
            BASE_STR_FMT(ts->sink.sink->name), ts->host, (unsigned)ts->port, strerror(e));
    ts->said = true;
    ts->sink.stats.retries++;
    struct timeval tv = { .tv_sec = ts->wait_us / 1000000, .tv_usec = ts->wait_us % 1000000 };
    event_add(ts->timer, &tv);
    ts->wait_us = ts->wait_us * 2 < ts->retry_max_us ? ts->wait_us * 2 : ts->retry_max_us;
}

/* Counts the records that have gone and moves the rest to the front now and then. */
static void tcp_advance(struct tcp_sink *ts) {
    while (ts->record_at < ts->out_done) {
        const char *nl = memchr(ts->out.p + ts->record_at, '\n', ts->out_done - ts->record_at);
        if (!nl)
            break;
        ts->record_at = (size_t)(nl + 1 - ts->out.p);
        if (ts->sink.stats.pending > 0)
            ts->sink.stats.pending--;
    }
    if (ts->record_at == ts->out.len) {
        base_buf_clear(&ts->out);
        ts->out_done = ts->record_at = 0;
    } else if (ts->record_at > ts->bound / 2) {
        memmove(ts->out.p, ts->out.p + ts->record_at, ts->out.len - ts->record_at);
        ts->out.len -= ts->record_at;
        ts->out_done -= ts->record_at;
        ts->record_at = 0;
    }
}

static bool tcp_is_busy(const struct tcp_sink *ts) {
    return ts->out.len - ts->out_done > ts->bound;
}

static void tcp_push(struct tcp_sink *ts) {
    while (ts->connected && ts->out_done < ts->out.len) {
        ssize_t n = send(
            ts->fd, ts->out.p + ts->out_done, ts->out.len - ts->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);
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
        ts->out_done += (size_t)n;
        ts->sink.stats.bytes += (uint64_t)n;
        tcp_advance(ts);
    }
    if (ts->out.len == 0 || (ts->was_busy && !tcp_is_busy(ts))) {
        ts->was_busy = false;
        con_wake(&ts->sink.env);
    }
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
        ts->wait_us = ts->retry_min_us;
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
    for (uint32_t row = con_next_row(batch, 0); row < batch->n_rows; row = con_next_row(batch, row + 1)) {
        ts->enc->vt->row(ts->enc, batch, row, &ts->out);
        sink->stats.rows++;
        sink->stats.pending++;
    }
    tcp_push(ts);
    ts->was_busy |= tcp_is_busy(ts);
    return CEP_OK;
}

static bool tcp_busy(const struct con_sink *sink) {
    return tcp_is_busy((const struct tcp_sink *)sink);
}

static enum cep_rc tcp_flush(struct con_sink *sink, bool final, struct cep_err *err) {
    struct tcp_sink *ts = tcp_of(sink);
    tcp_push(ts);
    if (ts->out.len == 0)
        return CEP_OK;
    if (!final)
        return CEP_AGAIN;
    int64_t now = con_now(&sink->env);
    if (ts->deadline_us == 0)
        ts->deadline_us = now + ts->drain_us;
    if (now < ts->deadline_us)
        return CEP_AGAIN;
    uint64_t left = sink->stats.pending;
    sink->stats.failed += left;
    sink->stats.pending = 0;
    base_buf_clear(&ts->out);
    ts->out_done = ts->record_at = 0;
    return base_err_set(err, CEP_EIO, "%llu records could not be sent to %s:%u before the end",
        (unsigned long long)left, ts->host, (unsigned)ts->port);
}

static void tcp_close(struct con_sink *sink) {
    struct tcp_sink *ts = tcp_of(sink);
    if (ts->writable)
        event_free(ts->writable);
    if (ts->timer)
        event_free(ts->timer);
    if (ts->fd >= 0)
        close(ts->fd);
    base_buf_release(&ts->out);
}

static enum cep_rc tcp_open(const struct plan_sink *ps, const struct con_env *env, struct con_encoder *enc,
    struct con_sink **out, struct cep_err *err) {
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
    ts->bound = (size_t)plan_opt_int(opts, n, "buffer", 8 << 20);
    ts->retry_min_us = ts->wait_us = plan_opt_int(opts, n, "retry_min", 100000);
    ts->retry_max_us = plan_opt_int(opts, n, "retry_max", 10000000);
    ts->drain_us = plan_opt_int(opts, n, "drain", 30000000);
    enum cep_rc rc = con_tcp_address(ts->host, ts->port, false, &ts->addr, &ts->addr_len, err);
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

const struct con_sink_vt con_tcp_sink = {
    .open = tcp_open, .write = tcp_write, .busy = tcp_busy, .flush = tcp_flush, .close = tcp_close
};
