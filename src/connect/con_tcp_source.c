/*
 * con_tcp_source -- listens; each connection is a producer and a partition of its own.
 *
 * The loop only says that a socket has something; it is read when the runtime polls, straight into the partition's
 * buffer. A runtime that does not poll so makes the kernel's buffers fill and the producer wait. A record cut off by a lost
 * connection is a bad record with that reason, as the decoder finds it.
 */
#include "connect/con_tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

enum { TCP_READ = 64 * 1024, TCP_BACKLOG = 128 };

struct tcp_conn {
    struct tcp_source *ts;
    int fd;
    struct event *ready; /* owned; added while the socket had nothing */
};

struct tcp_source {
    struct con_source src;
    struct evconnlistener *listener; /* owned; NULL after stop */
    uint64_t max_open, n_open;
    uint64_t want, n_seen; /* connections in all; want 0 = no end */
    uint16_t port;
    bool said_full;
};

static struct tcp_source *tcp_of(struct con_source *src) {
    return (struct tcp_source *)src;
}

static void conn_ready(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    con_wake(&((struct tcp_conn *)arg)->ts->src.env);
}

static void tcp_accept(
    struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr, int len, void *arg) {
    struct tcp_source *ts = arg;
    char name[128];
    (void)listener;
    con_tcp_name(addr, (socklen_t)len, name, sizeof name);
    bool enough = ts->want > 0 && ts->n_seen == ts->want;
    if (enough || ts->n_open == ts->max_open) {
        ts->src.stats.refused++;
        if (!ts->said_full)
            con_log(&ts->src.env, CON_LEVEL_WARNING,
                "refused a connection from %s: %llu are open (max_connections)", name,
                (unsigned long long)ts->n_open);
        ts->said_full = true;
        close(fd);
        return;
    }
    struct tcp_conn *conn = base_calloc(1, sizeof *conn);
    conn->ts = ts;
    conn->fd = fd;
    conn->ready = event_new(ts->src.env.loop, fd, EV_READ, conn_ready, conn);
    struct con_part *part = conn->ready ? con_source_add(&ts->src, name, conn, NULL) : NULL;
    if (!part || event_add(conn->ready, NULL) != 0) {
        if (part) { /* the partition ends at its first poll */
            close(conn->fd);
            conn->fd = -1;
            con_wake(&ts->src.env);
            return;
        }
        if (conn->ready)
            event_free(conn->ready);
        close(fd);
        base_free(conn);
        return;
    }
    ts->n_open++;
    ts->n_seen++;
    ts->src.stats.connections++;
    con_wake(&ts->src.env);
}

static enum cep_rc tcp_fill(struct con_source *src, struct con_part *part, struct cep_err *err) {
    struct tcp_conn *conn = part->own;
    (void)err;
    if (conn->fd < 0)
        return CEP_NONE;
    size_t room;
    char *to = con_reader_room(&part->rd, TCP_READ, &room);
    ssize_t n;
    do
        n = recv(conn->fd, to, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        con_reader_added(&part->rd, (size_t)n);
        return CEP_OK;
    }
    if (n == 0)
        return CEP_NONE;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return event_add(conn->ready, NULL) == 0 ? CEP_AGAIN : CEP_NONE;
    con_log(&src->env, CON_LEVEL_WARNING, "lost the connection from %s: %s", part->name, strerror(errno));
    return CEP_NONE;
}

static void tcp_part_done(struct con_source *src, struct con_part *part) {
    struct tcp_conn *conn = part->own;
    if (!conn)
        return;
    event_free(conn->ready);
    if (conn->fd >= 0) {
        close(conn->fd);
        tcp_of(src)->n_open--;
    }
    base_free(conn);
}

static enum cep_rc tcp_look(struct con_source *src, struct cep_err *err) {
    struct tcp_source *ts = tcp_of(src);
    (void)err;
    return ts->want > 0 && ts->n_seen == ts->want ? CEP_NONE : CEP_OK;
}

/* A connection of an earlier run is over; one that had ended by itself counts for `connections`. */
static enum cep_rc tcp_restore(struct con_source *src, struct con_part *part,
    const struct con_partition *saved, struct base_unpack *note, struct cep_err *err) {
    (void)part;
    (void)note;
    (void)err;
    tcp_of(src)->n_seen += saved->done;
    return CEP_NONE;
}

static void tcp_stop(struct con_source *src) {
    struct tcp_source *ts = tcp_of(src);
    if (ts->listener)
        evconnlistener_free(ts->listener);
    ts->listener = NULL;
}

static void tcp_close(struct con_source *src) {
    tcp_stop(src);
    base_free(tcp_of(src));
}

uint16_t con_tcp_source_port(const struct con_source *src) {
    return ((const struct tcp_source *)src)->port;
}

static enum cep_rc tcp_open(const struct plan_node *node, const struct con_env *env,
    const struct con_format *format, struct con_source **out, struct cep_err *err) {
    const struct plan_opt *opts = node->source.opts;
    uint32_t n = node->source.n_opts;
    char host[256], name[128];
    struct sockaddr_storage addr;
    socklen_t len;
    if (!env->loop)
        return base_err_set(err, CEP_ESTATE, "connector \"tcp\" needs an event loop");
    con_opt_text(opts, n, "host", "127.0.0.1", host, sizeof host);
    uint16_t port = (uint16_t)plan_opt_int(opts, n, "port", 0);
    enum cep_rc rc = con_tcp_address(host, port, true, &addr, &len, err);
    if (rc != CEP_OK)
        return rc;
    struct tcp_source *ts = base_calloc(1, sizeof *ts);
    con_source_init(&ts->src, &con_tcp_source, node, env, format);
    ts->max_open = (uint64_t)plan_opt_int(opts, n, "max_connections", 1000);
    ts->want = (uint64_t)plan_opt_int(opts, n, "connections", 0);
    ts->src.bounded = ts->want > 0;
    ts->listener = evconnlistener_new_bind(env->loop, tcp_accept, ts,
        LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, TCP_BACKLOG,
        (struct sockaddr *)&addr, (int)len);
    if (!ts->listener) {
        base_err_set(err, CEP_EIO, "could not listen on %s:%u: %s", host, (unsigned)port, strerror(errno));
        con_source_close(&ts->src);
        return CEP_EIO;
    }
    len = sizeof addr;
    if (getsockname(evconnlistener_get_fd(ts->listener), (struct sockaddr *)&addr, &len) == 0) {
        con_tcp_name((struct sockaddr *)&addr, len, name, sizeof name);
        ts->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                                    : ((struct sockaddr_in *)&addr)->sin_port);
        con_log(env, CON_LEVEL_INFO, "stream \"%.*s\" listens on %s", BASE_STR_FMT(node->name), name);
    }
    *out = &ts->src;
    return CEP_OK;
}

const struct con_source_vt con_tcp_source = { .open = tcp_open,
    .restore = tcp_restore,
    .fill = tcp_fill,
    .look = tcp_look,
    .part_done = tcp_part_done,
    .stop = tcp_stop,
    .close = tcp_close };
