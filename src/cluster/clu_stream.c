/*
 * clu_stream -- see clu_stream.h.
 *
 * Life: CONNECTING ─▶ GREETING (TLS only) ─▶ OPEN ─▶ BROKEN; FINISHING when its owner has let go of it. A callback may free the
 * stream while it is being read: `busy` counts those who still stand in it, the last one frees.
 */
#include "cluster/clu_stream.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "cluster/clu_frame.h"
#include "cluster/clu_tls_internal.h"
#include "time/clk.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <unistd.h>

enum {
    IN_BYTES = 256 << 10,
    ROUND_BYTES = 4 << 20,  /* read in one go before others have their turn */
    KEEP_BYTES = 8 << 20,   /* buffers that grew larger than this for one frame are given back */
    FINISH_US = 1000 * 1000 /* for what waits when the owner has let go */
};

enum stream_state { CONNECTING = 0, GREETING, OPEN, BROKEN, FINISHING };

struct clu_stream {
    struct clu_stream_opts opts;
    struct clu_loop *loop; /* borrowed */
    enum stream_state state;
    int fd;   /* owned */
    SSL *ssl; /* owned; NULL = plain */
    struct event *readable, *writable,
        *tell; /* owned; tell: what `why` says; FINISHING: the end of patience */
    bool write_armed;
    bool shut;  /* FINISHING: all is out */
    bool sound; /* BROKEN: by what came, the socket itself still works */
    bool freed;
    unsigned busy;
    char *in; /* owned */
    size_t in_len, in_cap;
    struct base_buf out;
    size_t out_at; /* sent already */
    uint64_t n_in, n_out;
    int64_t heard_us;
    struct clu_leftover leftover; /* FINISHING */
    struct cep_err why;           /* BROKEN */
    char peer[CLU_ADDRESS_MAX];
};

/* -- life ------------------------------------------------------------------------------------------------------------ */

static void release(struct clu_stream *s) {
    event_free(s->readable);
    event_free(s->writable);
    event_free(s->tell);
    if (s->ssl)
        SSL_free(s->ssl);
    close(s->fd);
    base_free(s->in);
    base_buf_release(&s->out);
    base_free(s);
}

static void enter(struct clu_stream *s) {
    s->busy++;
}

/* Returns: whether it is still there. */
static bool leave(struct clu_stream *s) {
    if (--s->busy > 0 || !s->freed)
        return !s->freed;
    release(s);
    return false;
}

void clu_stream_free(struct clu_stream *s) {
    if (!s)
        return;
    s->freed = true;
    event_del(s->readable);
    event_del(s->writable);
    event_del(s->tell);
    if (s->busy == 0)
        release(s);
}

static void drop_leftover(void *arg) {
    clu_stream_free(arg);
}

/* Nothing more goes either way. The owner hears of it from the loop, not in the midst of a call of its own. */
static void broke(struct clu_stream *s, const struct cep_err *why) {
    if (s->freed || s->state == BROKEN)
        return;
    if (s->state == FINISHING) {
        clu_loop_forget(s->loop, &s->leftover);
        return;
    }
    s->state = BROKEN;
    s->why = *why;
    event_del(s->readable);
    event_del(s->writable);
    event_active(s->tell, EV_TIMEOUT, 1);
}

static void broke_errno(struct clu_stream *s, const char *what, int e) {
    struct cep_err why = CEP_ERR_INIT;
    (void)base_err_set(&why, CEP_EIO, "%s %s: %s", what, s->peer, strerror(e));
    broke(s, &why);
}

static void broke_text(struct clu_stream *s, const char *text) {
    struct cep_err why = CEP_ERR_INIT;
    (void)base_err_set(&why, CEP_EIO, "%s %s", s->peer, text);
    broke(s, &why);
}

static void broke_tls(struct clu_stream *s, const char *what) {
    struct cep_err why = CEP_ERR_INIT;
    (void)clu_tls_error(&why, CEP_EIO, what);
    base_err_prefix(&why, "%s", s->peer);
    broke(s, &why);
}

static void arm_write(struct clu_stream *s, bool on) {
    if (s->write_armed == on)
        return;
    s->write_armed = on;
    if (on)
        CEP_INSIST(event_add(s->writable, NULL) == 0);
    else
        event_del(s->writable);
}

/* -- sending --------------------------------------------------------------------------------------------------------- */

/* Returns: bytes taken; 0 when the socket is full; -1 when it broke. */
static ssize_t send_some(struct clu_stream *s, const char *p, size_t n) {
    if (!s->ssl) {
        ssize_t got = send(s->fd, p, n, MSG_NOSIGNAL);
        if (got >= 0)
            return got;
        if (errno == EAGAIN || errno == EINTR)
            return 0;
        broke_errno(s, "could not send to", errno);
        return -1;
    }
    ERR_clear_error();
    int got = SSL_write(s->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
    if (got > 0)
        return got;
    int e = SSL_get_error(s->ssl, got);
    if (e == SSL_ERROR_WANT_WRITE || e == SSL_ERROR_WANT_READ)
        return 0;
    broke_tls(s, "could not send");
    return -1;
}

static bool may_send(const struct clu_stream *s) {
    return s->state == OPEN || (s->state == FINISHING && !s->shut);
}

static void all_is_out(struct clu_stream *s) {
    base_buf_clear(&s->out);
    s->out_at = 0;
    if (s->out.cap > KEEP_BYTES)
        base_buf_release(&s->out);
    arm_write(s, false);
    if (s->state != FINISHING) {
        if (s->opts.fns.drained)
            s->opts.fns.drained(s->opts.arg);
        return;
    }
    s->shut = true;
    if (s->ssl) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl); /* a farewell; nobody waits for the answer */
    }
    if (shutdown(s->fd, SHUT_WR) != 0)
        clu_loop_forget(s->loop, &s->leftover);
}

void clu_stream_flush(struct clu_stream *s) {
    if (!may_send(s) || s->freed)
        return;
    bool had = s->out.len > s->out_at;
    while (s->out_at < s->out.len) {
        ssize_t n = send_some(s, s->out.p + s->out_at, s->out.len - s->out_at);
        if (n < 0)
            return;
        if (n == 0)
            break;
        s->out_at += (size_t)n;
        s->n_out += (uint64_t)n;
    }
    if (s->out_at < s->out.len) {
        arm_write(s, true);
        if (s->out_at > s->out.len / 2) { /* what is sent makes room */
            memmove(s->out.p, s->out.p + s->out_at, s->out.len - s->out_at);
            s->out.len -= s->out_at;
            s->out_at = 0;
        }
        return;
    }
    if (had || s->state == FINISHING)
        all_is_out(s);
}

struct base_buf *clu_stream_out(struct clu_stream *s) {
    return &s->out;
}

size_t clu_stream_unsent(const struct clu_stream *s) {
    return s->out.len - s->out_at;
}

/* -- receiving ------------------------------------------------------------------------------------------------------- */

/* Returns: bytes; 0 when there are none now; -1 when it broke. */
static ssize_t receive_some(struct clu_stream *s, char *p, size_t n) {
    if (!s->ssl) {
        ssize_t got = recv(s->fd, p, n, 0);
        if (got > 0)
            return got;
        if (got == 0)
            broke_text(s, "has closed the connection");
        else if (errno == EAGAIN || errno == EINTR)
            return 0;
        else
            broke_errno(s, "could not read from", errno);
        return -1;
    }
    ERR_clear_error();
    int got = SSL_read(s->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
    if (got > 0)
        return got;
    switch (SSL_get_error(s->ssl, got)) {
    case SSL_ERROR_WANT_READ: return 0;
    case SSL_ERROR_WANT_WRITE: arm_write(s, true); return 0;
    case SSL_ERROR_ZERO_RETURN: broke_text(s, "has closed the connection"); return -1;
    default: broke_tls(s, "could not read"); return -1;
    }
}

/* Whole frames go to the owner. Returns: false when the stream is gone or broken. */
static bool take_frames(struct clu_stream *s) {
    struct base_str left = { s->in, s->in_len };
    size_t need = CLU_FRAME_HEAD;
    for (;;) {
        struct base_str payload;
        struct cep_err err = CEP_ERR_INIT;
        enum cep_rc rc = clu_frame_next(&left, s->opts.max_frame, &payload, &need, &err);
        if (rc == CEP_AGAIN)
            break;
        if (rc != CEP_OK) {
            base_err_prefix(&err, "%s", s->peer);
            broke(s, &err);
            s->sound = true;
            return false;
        }
        s->opts.fns.frame(s->opts.arg, payload);
        if (s->freed || s->state != OPEN)
            return false;
    }
    if (left.len > 0 && left.p != s->in)
        memmove(s->in, left.p, left.len);
    s->in_len = left.len;
    size_t want = need > IN_BYTES ? need : IN_BYTES;
    if (want > s->in_cap || (s->in_cap > KEEP_BYTES && want <= IN_BYTES)) {
        s->in = base_realloc(s->in, want);
        s->in_cap = want;
    }
    return true;
}

static void receive(struct clu_stream *s) {
    size_t sum = 0;
    for (;;) {
        if (s->state == FINISHING)
            s->in_len = 0;
        size_t room = s->in_cap - s->in_len;
        ssize_t n = receive_some(s, s->in + s->in_len, room);
        if (n <= 0)
            return;
        s->n_in += (uint64_t)n;
        sum += (size_t)n;
        s->heard_us = clk_mono(clk_system());
        if (s->state == FINISHING)
            continue;
        s->in_len += (size_t)n;
        if (!take_frames(s))
            return;
        if (!s->ssl && (size_t)n < room)
            return; /* the socket was empty */
        if (sum >= ROUND_BYTES && (!s->ssl || SSL_pending(s->ssl) == 0))
            return;
    }
}

/* -- beginning --------------------------------------------------------------------------------------------------------- */

static void open_now(struct clu_stream *s) {
    s->state = OPEN;
    s->heard_us = clk_mono(clk_system());
    s->opts.fns.opened(s->opts.arg);
    if (!s->freed)
        clu_stream_flush(s);
}

static void greet(struct clu_stream *s) {
    ERR_clear_error();
    int got = SSL_do_handshake(s->ssl);
    if (got == 1) {
        arm_write(s, false);
        open_now(s);
        return;
    }
    int e = SSL_get_error(s->ssl, got);
    arm_write(s, e == SSL_ERROR_WANT_WRITE);
    if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ)
        broke_tls(s, "no TLS connection");
}

static void connected(struct clu_stream *s) {
    int e = 0;
    socklen_t len = sizeof e;
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
        e = errno;
    arm_write(s, false);
    if (e != 0) {
        broke_errno(s, "could not connect to", e);
        return;
    }
    CEP_INSIST(event_add(s->readable, NULL) == 0);
    if (s->ssl) {
        s->state = GREETING;
        greet(s);
    } else {
        open_now(s);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct clu_stream *s = arg;
    (void)fd;
    (void)what;
    enter(s);
    if (s->state == GREETING)
        greet(s);
    if (!s->freed && (s->state == OPEN || s->state == FINISHING)) {
        receive(s);
        if (!s->freed && s->ssl && s->write_armed)
            clu_stream_flush(s); /* what TLS had to read before it could write */
    }
    (void)leave(s);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct clu_stream *s = arg;
    (void)fd;
    (void)what;
    enter(s);
    switch (s->state) {
    case CONNECTING: connected(s); break;
    case GREETING: greet(s); break;
    case OPEN:
    case FINISHING:
        if (s->ssl && s->out_at == s->out.len)
            arm_write(s, false);
        clu_stream_flush(s);
        if (!s->freed && s->ssl && (s->state == OPEN || s->state == FINISHING))
            receive(s);
        break;
    case BROKEN: break;
    }
    (void)leave(s);
}

static void on_tell(evutil_socket_t fd, short what, void *arg) {
    struct clu_stream *s = arg;
    (void)fd;
    (void)what;
    if (s->state == FINISHING) {
        clu_loop_forget(s->loop, &s->leftover);
        return;
    }
    enter(s);
    s->opts.fns.closed(s->opts.arg, &s->why);
    (void)leave(s);
}

static struct clu_stream *new_stream(struct clu_loop *loop, int fd, const struct clu_stream_opts *opts) {
    struct clu_stream *s = base_calloc(1, sizeof *s);
    int one = 1, bytes = opts->buffer_bytes;
    s->opts = *opts;
    s->loop = loop;
    s->fd = fd;
    s->in = base_alloc(IN_BYTES);
    s->in_cap = IN_BYTES;
    /* What a socket cannot be told costs speed, no more. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bytes > 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    struct event_base *base = clu_loop_base(loop);
    s->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, s);
    s->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, s);
    s->tell = event_new(base, -1, 0, on_tell, s);
    CEP_INSIST(s->readable && s->writable && s->tell);
    if (opts->tls) {
        s->ssl = SSL_new(opts->tls->peers);
        CEP_INSIST(s->ssl && SSL_set_fd(s->ssl, fd) == 1);
        SSL_set_mode(s->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    }
    return s;
}

struct clu_stream *clu_stream_connect(
    struct clu_loop *loop, const struct clu_address *to, const struct clu_stream_opts *opts) {
    int fd = socket(to->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int e = fd < 0 ? errno : 0;
    if (fd < 0) /* a stream that tells so */
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CEP_INSIST(fd >= 0);
    struct clu_stream *s = new_stream(loop, fd, opts);
    clu_address_write(&to->at, s->peer, sizeof s->peer);
    if (s->ssl)
        SSL_set_connect_state(s->ssl);
    if (e == 0 && connect(fd, (const struct sockaddr *)&to->at, to->len) != 0 && errno != EINPROGRESS)
        e = errno;
    if (e != 0)
        broke_errno(s, "could not connect to", e);
    else
        arm_write(s, true);
    return s;
}

struct clu_stream *clu_stream_accept(struct clu_loop *loop, int fd, const struct clu_stream_opts *opts) {
    struct clu_stream *s = new_stream(loop, fd, opts);
    struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof at;
    if (getpeername(fd, (struct sockaddr *)&at, &len) != 0)
        at.ss_family = AF_UNSPEC;
    clu_address_write(&at, s->peer, sizeof s->peer);
    if (s->ssl)
        SSL_set_accept_state(s->ssl);
    arm_write(s, true);
    return s;
}

void clu_stream_finish(struct clu_stream *s) {
    struct timeval patience = { .tv_usec = FINISH_US - 1 };
    if (!s)
        return;
    if (s->state != OPEN && !s->sound) {
        clu_stream_free(s);
        return;
    }
    CEP_INSIST(event_add(s->readable, NULL) == 0);
    s->state = FINISHING;
    s->leftover = (struct clu_leftover){ .drop = drop_leftover, .arg = s };
    clu_loop_keep(s->loop, &s->leftover);
    CEP_INSIST(event_add(s->tell, &patience) == 0);
    enter(s);
    clu_stream_flush(s);
    (void)leave(s);
}

void clu_stream_hand_over(struct clu_stream *s, void *arg) {
    s->opts.arg = arg;
}

void clu_stream_limit(struct clu_stream *s, size_t max_frame) {
    s->opts.max_frame = max_frame;
}

void clu_stream_counts(const struct clu_stream *s, uint64_t *in, uint64_t *out) {
    *in = s->n_in;
    *out = s->n_out;
}

int64_t clu_stream_heard_us(const struct clu_stream *s) {
    return s->heard_us;
}

const char *clu_stream_peer(const struct clu_stream *s) {
    return s->peer;
}
