#pragma once
/*
 * clu_link -- a control connection: messages of proto/cepd.proto between the coordinator and a worker.
 *
 *     worker (client)                                  coordinator (server)
 *     connects, Hello ───────────────────────────────▶ version, token; fns.hello() ── no ──▶ Refused, closed
 *     fns.up(Welcome) ◀─────────────────────────────── Welcome, fns.up(Hello)
 *     fns.message() ◀═════════ messages, heartbeats ═════════▶ fns.message()
 *     fns.down(why), connects again after a while      fns.down(why), the link is gone
 *
 * A connection that breaks is not the end of the link: the worker connects again, each end is sent what it has not received
 * (clu_session.h), and fns.message() has every message once, in order. The link goes down when that has not happened within the heartbeat
 * time-out, or, for the server, when nobody listens at the worker's data address any more: its process is gone.
 *
 * A frame that is too long, damaged, no message, or out of turn ends the link with a reason that both ends see; nothing
 * else comes to harm. A silent end is given up after the heartbeat time-out.
 *
 * Lease. A heartbeat carries the sender's time and echoes the last one of the other end; a welcome answers the hello. So clu_link_confirmed_us() is a time of
 * this end's own clock after which the other end certainly heard from it: until confirmed + timeout the coordinator cannot
 * have given this worker up. A worker whose lease has run out may not write anything any more.
 *
 * Threads: fns run in the loop's thread, may not block, may send and close. Sending and looking: any thread that has a reference.
 */
#include "cluster/clu_loop.h"
#include "proto/cepd.pb-c.h"

#define CLU_MAGIC UINT32_C(0x43455057) /* "WPEC" in bytes, "CEPW" as a number */
enum { CLU_PROTOCOL = 3 };

struct clu_link;
struct clu_tls;

struct clu_link_fns {
    /*
     * Server: may that worker come? *welcome is filled in for it (strings are borrowed until the call returns to the loop; build and
     * heartbeats are the link's). CEP_OK, or the reason why not, which the client gets. NULL = everybody may.
     */
    enum cep_rc (*hello)(void *arg, struct clu_link *link, const Clu__Hello *hello, Clu__Welcome *welcome,
        struct cep_err *err);
    /* The connection stands: messages may be sent. Server: `hello` is what came, welcome NULL; client: the other way round. */
    void (*up)(void *arg, struct clu_link *link, const Clu__Hello *hello, const Clu__Welcome *welcome);
    /* None of the connection's own. Borrowed. */
    void (*message)(void *arg, struct clu_link *link, const Clu__Msg *msg);
    /*
     * It stood and does not any more; once for each up(). Client: also for each attempt that failed (was_up false); it goes on trying unless
     * the server refused it for good (why->fatal): then it is over.
     */
    void (*down)(void *arg, struct clu_link *link, bool was_up, const struct cep_err *why);
    /* It stands, but its connection broke (why), or has been replaced (NULL). Nothing has to be done; NULL = nobody asks. */
    void (*away)(void *arg, struct clu_link *link, const struct cep_err *why);
};

struct clu_link_opts {
    struct clu_link_fns fns;
    void *arg;
    const char *build;             /* NULL = the program's version; both ends have to have the same */
    const char *token;             /* security.token; NULL = none. Copied, as all strings here */
    struct clu_tls *tls;           /* borrowed, outlives the links; NULL = plain */
    int64_t heartbeat_interval_us; /* 0 = 1 s. Of the server; clients get it with the welcome */
    int64_t heartbeat_timeout_us;  /* 0 = 10 s */
    size_t max_frame;              /* 0 = 64 MiB */
};

/* -- the server ------------------------------------------------------------------------------------------------------ */

struct clu_link_server;
/* `address`: HOST:PORT, port 0 = any. Returns: CEP_EINVAL, CEP_EIO. Any thread but the loop's. */
enum cep_rc clu_link_listen(struct clu_loop *loop, const char *address, const struct clu_link_opts *opts,
    struct clu_link_server **out, struct cep_err *err);
uint16_t clu_link_server_port(const struct clu_link_server *s);
struct clu_link_stats {
    uint64_t bytes_in, bytes_out;
    uint64_t connections; /* greetings that went well */
    uint64_t lost;        /* links that went down */
    uint64_t refused;     /* closed before the greeting was over, or for bytes that are no message */
    uint32_t open;        /* links that are up */
};
/* Any thread. */
void clu_link_server_stats(const struct clu_link_server *s, struct clu_link_stats *out);
/* Its links go down first ("the coordinator stops"). No callback comes after it. Any thread. NULL is fine. */
void clu_link_server_close(struct clu_link_server *s);

/* -- the client ------------------------------------------------------------------------------------------------------ */

struct clu_link_client {
    const char *worker, *data_address, *host; /* of the Hello; copied */
    uint32_t slots;
};
/* Connects, and again whenever it is down: after 100 ms at first, 5 s at most. Any thread. Returns: CEP_EINVAL for an address. */
enum cep_rc clu_link_connect(struct clu_loop *loop, const char *address, const struct clu_link_client *client,
    const struct clu_link_opts *opts, struct clu_link **out, struct cep_err *err);

/* -- both ------------------------------------------------------------------------------------------------------------ */

/*
 * Sends a message; the caller keeps it. Returns: false when the link is not up (the message is dropped) or the message is longer than a
 * frame may be. While the connection is away it waits. Messages of one thread arrive in their order, or the link goes down. Any thread.
 */
bool clu_link_send(struct clu_link *link, const Clu__Msg *msg);
/* Says why, and closes: down() comes. A client connects again. Any thread. */
void clu_link_drop(struct clu_link *link, const char *reason);
/* The client's end of it all: down() if it was up, then no callback any more; waits for that unless called in the loop. Lets go of the
 * reference that clu_link_connect() gave. NULL is fine. */
void clu_link_close(struct clu_link *link);
struct clu_link *clu_link_ref(struct clu_link *link);
void clu_link_unref(struct clu_link *link); /* NULL is fine */
/* Whatever the owner wants to find again: loop's thread. */
void clu_link_set_user(struct clu_link *link, void *user);
void *clu_link_user(const struct clu_link *link);

/* Any thread. */
bool clu_link_is_up(const struct clu_link *link);
int64_t clu_link_heard_us(
    const struct clu_link *link); /* monotonic; of the last byte that came; 0 = none yet */
int64_t clu_link_confirmed_us(const struct clu_link *link); /* monotonic; see Lease; 0 = never */
int64_t clu_link_timeout_us(const struct clu_link *link);   /* the heartbeat time-out in force */
/* The server's, in down(): the worker's process is known to be gone, nothing of it runs any more. */
bool clu_link_is_dead(const struct clu_link *link);
/* The other end's address, for messages; stays while the link lives. */
const char *clu_link_peer(const struct clu_link *link);

/* Errors as messages carry them. `pb` borrows from `err`. */
void clu_link_pack_error(const struct cep_err *err, Clu__Error *pb);
enum cep_rc clu_link_unpack_error(
    const Clu__Error *pb, struct cep_err *err); /* NULL: an error without words */
