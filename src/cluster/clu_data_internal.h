#pragma once
/*
 * clu_data_internal -- what clu_data consists of: clu_data.c has parts and peers, clu_data_conn.c what goes through a connection.
 *
 *     clu_data ─┬─ data_peer "w2" ── data_conn ─┬─ subs: channels that are read there    (each with its data_chan, out, or waiting for one)
 *               │                               └─ ins: channels that are read here     (data_chan, in)
 *               └─ clu_part "job" 3 ─── data_chan ...
 *
 * All of it is the loop's, but for what says so. Handles ascend, so subs and ins are in their order.
 */
#include "cluster/clu_data_wire.h"
#include "cluster/clu_stream.h"

#include <stdatomic.h>

struct data_peer;
struct data_sub;

/* One end of a channel. */
struct data_chan {
    struct clu_part *part; /* borrowed */
    uint32_t channel;      /* of the job */
    bool out;
    struct data_peer *peer; /* borrowed; NULL: cut off for good */
    /* Shared. */
    atomic_bool woken; /* it is in clu_data.woken */
    struct data_chan *next_woken;
    atomic_uint_fast64_t announce; /* out: the newest barrier to be announced */
    /* Out. */
    struct data_sub *sub; /* borrowed; NULL: nobody reads it yet */
    uint32_t row;         /* of the batch that is next: what is sent already */
    uint64_t announced;
    bool ready; /* it is in its connection's list */
    struct data_chan *next_ready, *before_ready;
    /* In. */
    uint32_t handle;  /* 0 = not asked for yet */
    uint32_t granted; /* credits that are not used up */
    struct clu_data_channel_stat stat;
};

/* What the other end wants to read. */
struct data_sub {
    uint32_t handle;
    char *job; /* owned */
    uint32_t attempt, channel;
    uint64_t credits;
    struct data_chan *chan; /* borrowed; NULL: that part is not here (yet) */
};

struct data_conn {
    struct clu_data *data;     /* borrowed */
    struct data_peer *peer;    /* borrowed; NULL: it has not said who it is */
    struct clu_stream *stream; /* owned */
    bool up;                   /* greeted in both directions */
    bool pumping;
    int64_t since_us;
    struct clu_data_counts counts, seen; /* since it was made; what is in the sums already */
    struct data_sub **subs;              /* owned, by handle */
    size_t n_subs, cap_subs;
    uint32_t last_sub;      /* handle */
    struct data_chan **ins; /* owned array, by handle */
    size_t n_ins, cap_ins;
    uint32_t last_in;                     /* handle */
    struct data_chan *ready, *last_ready; /* out, with credits and something to send */
    struct data_conn *before, *next;      /* of those that have not said who they are */
};

struct data_peer {
    struct clu_data *data;       /* borrowed; set when it is dialled */
    char *name, *address;        /* owned */
    struct data_conn *conn;      /* owned; NULL = none */
    struct clu_finding *finding; /* owned */
    int64_t next_try_us, retry_us;
    uint32_t n_chans;              /* that it has with us */
    struct clu_data_counts counts; /* of its connections */
    uint64_t connections;
    struct cep_err why; /* why the last attempt failed */
    struct data_peer *next;
};

struct clu_part {
    struct clu_data *data; /* borrowed */
    char *job;             /* owned */
    uint32_t attempt;
    struct clu_data_fns fns;
    void *arg;
    struct data_chan *chans; /* owned; n_chans */
    uint32_t n_chans;
    struct data_chan **by_channel; /* owned array; n_by: channel numbers */
    uint32_t n_by;
    bool broken; /* told */
    int64_t since_us;
    struct clu_part *next;
};

struct clu_data {
    struct clu_loop *loop;     /* borrowed */
    struct clu_data_opts opts; /* strings owned */
    int fd;                    /* owned */
    uint16_t port;
    struct event *readable;  /* owned */
    struct event *again;     /* owned; a pump stopped for others to have their turn */
    struct clu_timer *timer; /* owned */
    int64_t beat_us;         /* the next keep-alive */
    struct data_peer *peers;
    struct data_conn *strangers;
    struct clu_part *parts;
    struct clu_codec_room *room; /* owned */
    struct clu_data_stats stats;
    _Atomic(struct data_chan *) woken; /* shared: pushed by any thread, taken whole by the loop */
};

/* -- clu_data.c --------------------------------------------------------------------------------------------------------- */

/* It has said who it is, and is what was wanted: elements may flow. */
void data_conn_named(struct data_conn *c, struct base_str name);
/* What it counted since goes into the sums. */
void data_conn_count(struct data_conn *c);
/* A connection is lost, or never came to be: every part that needs it breaks when `lost`; else it is tried again. Frees it. `bye`: what
 * the other end is told; NULL = nothing. */
void data_conn_lost(struct data_conn *c, const struct cep_err *why, const char *bye);
/* The part cannot go on. */
void data_part_broke(struct clu_part *part, const struct cep_err *why);

/* -- clu_data_conn.c ---------------------------------------------------------------------------------------------------- */

struct clu_stream_opts data_stream_opts(struct data_conn *c);
/* Tells the other end, unless `bye` is NULL. Its channels have let go of it. */
void data_conn_free(struct data_conn *c, const char *bye);
/* In: asks for the channel; or grants what room there is. */
void data_subscribe(struct data_chan *chan);
void data_grant(struct data_chan *chan);
/* Out: takes the subscription that waits for it, if there is one. */
void data_match(struct data_chan *chan);
/* The channel has nothing to do with its connection any more. */
void data_unlink(struct data_chan *chan);
/* Out: it has something to send, maybe. */
void data_chan_ready(struct data_chan *chan);
/* Sends what may be sent. */
void data_pump(struct data_conn *c);
