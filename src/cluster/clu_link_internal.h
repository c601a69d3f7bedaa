#pragma once
/*
 * clu_link_internal -- a control link, for its own files; messages from bytes, for what tests and fuzzes them too.
 *
 * Threads: the loop's, but for what is marked.
 */
#include "base/base_str.h"
#include "cluster/clu_link.h"
#include "cluster/clu_session.h"
#include "cluster/clu_stream.h"

#include <pthread.h>
#include <stdatomic.h>

/* Returns: a message with a body; NULL when the bytes are none. Owns: the caller frees it. */
Clu__Msg *clu_link_decode(struct base_str payload, struct cep_err *err);
void clu_link_decoded_free(Clu__Msg *msg); /* NULL is fine */
/* A frame of it. */
void link_append(struct base_buf *b, const Clu__Msg *msg);

struct clu_probe;
struct clu_finding;
struct event;

enum link_state { LINK_IDLE = 0, LINK_FINDING, LINK_OPENING, LINK_GREETING, LINK_UP, LINK_AWAY, LINK_OVER };

struct clu_link {
    atomic_uint refs;
    struct clu_loop *loop;          /* borrowed */
    struct clu_link_opts opts;      /* strings owned */
    struct clu_link_server *server; /* borrowed; NULL: a client's */
    struct clu_link *before, *next; /* of the server's */
    struct clu_link_client hello;   /* of the worker; strings owned. Server: NULL before its greeting */
    /* The client's. */
    char *address;               /* owned */
    struct clu_finding *finding; /* owned */
    int64_t retry_us;
    /* The server's. */
    struct clu_probe *probe; /* owned; AWAY */
    bool comes_again;        /* AWAY: it may */
    bool dead;
    /* The loop's. */
    enum link_state state;
    struct clu_stream *stream; /* owned */
    struct event *timer;       /* owned: heartbeats, time-outs, the next attempt */
    void *user;
    int64_t interval_us, since_us; /* since: the attempt began */
    int64_t said_us;               /* the client's hello went out */
    int64_t echo_us;               /* the last heartbeat's time of the other end */
    bool in_session;
    struct clu_session session;
    size_t unconfirmed;         /* bytes that came since the last heartbeat */
    char peer[CLU_ADDRESS_MAX]; /* set before anybody else has the link; a client's is its address */
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
    struct clu_link_stats stats; /* bytes: of connections that are gone */
};

/* -- clu_link.c ----------------------------------------------------------------------------------------------------------- */

/* The end of the link, for a client until the next attempt. `bye`, `tell`: the other end is told why. */
void link_went_down(struct clu_link *l, const struct cep_err *why, const char *bye);
void link_went_down_text(struct clu_link *l, bool tell, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Of that connection alone. */
void link_close_connection(struct clu_link *l, const char *bye);
/* What was sent and not confirmed is forgotten; nothing is told. */
void link_end_session(struct clu_link *l);
/* The loop has nothing to do with it any more. */
void link_over(struct clu_link *l);
void link_send_now(struct clu_link *l, const Clu__Msg *msg);
/* Its other end may not have given it up yet. */
bool link_is_in_time(const struct clu_link *l);
/* The greeting is over: with a session that begins; on another connection, where what the other end lacks is sent again. */
void link_came_up(struct clu_link *l, const Clu__Hello *hello, const Clu__Welcome *welcome);
void link_resume(struct clu_link *l);

/* -- clu_link_greet.c ------------------------------------------------------------------------------------------------------- */

void link_say_hello(struct clu_link *l);
void link_take_hello(struct clu_link *l, const Clu__Hello *hello);
void link_take_welcome(struct clu_link *l, const Clu__Welcome *welcome);
void link_take_refused(struct clu_link *l, const Clu__Refused *refused);
