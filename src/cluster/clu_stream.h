#pragma once
/*
 * clu_stream -- a socket in the loop, plain or TLS, as frames in both directions.
 *
 *     out: frames appended to clu_stream_out(), sent by clu_stream_flush() as far as the socket takes them, the rest as it can
 *     in:  256 KiB at a time; whole frames go to fns.frame() where they lie
 *
 * It reads and writes the socket itself, since libevent's bufferevents read 4 KiB at a time.
 *
 * Threads: the loop's alone. Any callback may free the stream.
 */
#include "base/base_buf.h"
#include "cluster/clu_address.h"
#include "cluster/clu_loop.h"

struct clu_stream;
struct clu_tls;

struct clu_stream_fns {
    void (*opened)(void *arg);                         /* connected, and greeted in TLS: frames may go */
    void (*frame)(void *arg, struct base_str payload); /* borrowed */
    void (*drained)(void *arg);                        /* all is sent that was waiting; NULL = nobody asks */
    void (*closed)(void *arg,
        const struct cep_err *why); /* broken, or ended by the other side; it is still to be freed */
};

struct clu_stream_opts {
    struct clu_stream_fns fns;
    void *arg;
    struct clu_tls *tls; /* borrowed; NULL = plain */
    size_t max_frame;    /* of what comes */
    int buffer_bytes;    /* of the socket, each way; 0 = the system's default */
};

/* opened() comes later. An address that cannot be reached comes as closed(). */
struct clu_stream *clu_stream_connect(
    struct clu_loop *loop, const struct clu_address *to, const struct clu_stream_opts *opts);
/* Takes over the socket. */
struct clu_stream *clu_stream_accept(struct clu_loop *loop, int fd, const struct clu_stream_opts *opts);
/* At once, whatever waits. NULL is fine. */
void clu_stream_free(struct clu_stream *s);
/* What waits is sent still (a second at most), what comes is thrown away; no callback comes any more. Owns it from here on. */
void clu_stream_finish(struct clu_stream *s);
void clu_stream_limit(struct clu_stream *s, size_t max_frame);
/* Callbacks are called with that from now on. */
void clu_stream_hand_over(struct clu_stream *s, void *arg);

/* Where frames are appended. */
struct base_buf *clu_stream_out(struct clu_stream *s);
void clu_stream_flush(struct clu_stream *s);
size_t clu_stream_unsent(const struct clu_stream *s);

/* Bytes, both ways, since it was made. */
void clu_stream_counts(const struct clu_stream *s, uint64_t *in, uint64_t *out);
/* Monotonic; of the last byte that came; 0 = none. */
int64_t clu_stream_heard_us(const struct clu_stream *s);
/* "10.0.0.1:4711" */
const char *clu_stream_peer(const struct clu_stream *s);
