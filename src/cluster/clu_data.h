#pragma once
/*
 * clu_data -- rows between workers: one connection for each pair of workers, all channels of all jobs in it.
 *
 *     task here ─▶ ring ─▶ network thread ═══ one connection: frames of many channels ═══▶ network thread ─▶ ring ─▶ task there
 *                                        ◀══ credits, subscriptions ══
 *
 * Credits. The reading end grants as many elements as its ring has room for; the writing end sends no more than it was granted. So what arrives always
 * finds room, the connection is always read, and a channel whose reader is slow holds up nobody but itself. A channel begins
 * with its reader's subscription (job, attempt, channel), which waits at the writing end until that part is attached; so parts may be deployed
 * in any order, and what belongs to another attempt is never mixed in.
 *
 * Who is who: workers have names; of two, the one whose name is smaller connects. A connection that breaks takes along every part that
 * has a channel in it (fns.broken), for what was under way in it is lost. It is made anew when the next part needs it.
 *
 * Barriers that are announced overtake all that waits: they go in front of rows and need no credit.
 *
 * Threads: fns run in the loop's thread and may not block. wake() and announce() by any thread.
 */
#include "cluster/clu_loop.h"
#include "event/evt_batch.h"

struct clu_data;
struct clu_part;
struct clu_tls;

/* CODEC(enumerator, name in the configuration: wire.compression) */
#define CLU_CODEC_LIST(CODEC) \
    CODEC(NONE, "none")       \
    CODEC(LZ4, "lz4")         \
    CODEC(ZSTD, "zstd")
enum clu_codec {
#define CLU_CODEC_ENUM(name, text) CLU_CODEC_##name,
    CLU_CODEC_LIST(CLU_CODEC_ENUM)
#undef CLU_CODEC_ENUM
        CLU_CODEC_MAX
};
/* Returns: false when there is no such codec. */
bool clu_codec_find(const char *name, enum clu_codec *out);

struct clu_data_opts {
    const char *worker;            /* this one's name; copied, as all strings here */
    const char *address;           /* HOST:PORT to listen on; port 0 = any */
    const char *token;             /* security.token; NULL = none */
    struct clu_tls *tls;           /* borrowed; NULL = plain */
    enum clu_codec codec;          /* of what is sent; any is understood */
    int64_t heartbeat_interval_us; /* keep-alive; 0 = 1 s */
    int64_t heartbeat_timeout_us;  /* 0 = 10 s; also the time a connection may take to be made */
    size_t max_frame;              /* 0 = 64 MiB; batches are split so as to fit */
};

/* Any thread but the loop's. Returns: CEP_EINVAL, CEP_EIO. */
enum cep_rc clu_data_start(
    struct clu_loop *loop, const struct clu_data_opts *opts, struct clu_data **out, struct cep_err *err);
uint16_t clu_data_port(const struct clu_data *d);
/* Requires: all parts are freed. Any thread. NULL is fine. */
void clu_data_stop(struct clu_data *d);

/* What the runtime does for its channels (rt_part_…); channels are indexes of rt_exec.channels. */
struct clu_data_fns {
    const struct evt_elem *(*out_peek)(void *arg, uint32_t channel);    /* NULL = nothing waits */
    void (*out_pop)(void *arg, uint32_t channel, struct evt_elem *out); /* the batch is the caller's */
    uint32_t (*in_room)(void *arg, uint32_t channel);                   /* elements that find room now */
    void (*in_push)(
        void *arg, uint32_t channel, const struct evt_elem *e); /* takes over the batch; there is room */
    void (*announced)(void *arg, uint32_t channel, uint64_t id);
    const struct evt_schema *(*schema)(
        void *arg, uint32_t channel, uint32_t stream); /* NULL = no such stream */
    /* Once at most: a channel is lost, or what came in it cannot be read. Nothing is sent or pushed after it. */
    void (*broken)(void *arg, const struct cep_err *why);
};

struct clu_data_channel {
    uint32_t channel;
    bool out;            /* written here, read there */
    const char *worker;  /* the other end */
    const char *address; /* its data address */
};

struct clu_part_opts {
    const char *job;
    uint32_t attempt;
    const struct clu_data_channel *channels;
    uint32_t n_channels; /* those with another worker at the other end */
    struct clu_data_fns fns;
    void *arg;
};
/* From now on elements flow (in: at once; out: when the other end asks for them). Any thread. Returns: CEP_EINVAL for an address. */
enum cep_rc clu_data_attach(
    struct clu_data *d, const struct clu_part_opts *opts, struct clu_part **out, struct cep_err *err);
/* No callback runs or comes any more when it returns; wake() and announce() are heard by nobody from then on. Any thread but inside a
 * callback. */
void clu_data_detach(struct clu_part *part);
/* Detaches it, if that is not done. Requires: nobody calls wake() or announce() any more. NULL is fine. */
void clu_part_free(struct clu_part *part);

/* Any thread, never blocking. Out: there is something to send; in: there is room again. */
void clu_data_wake(struct clu_part *part, uint32_t channel);
void clu_data_announce(struct clu_part *part, uint32_t channel, uint64_t id);

/* -- looking ----------------------------------------------------------------------------------------------------------- */

struct clu_data_channel_stat {
    uint32_t channel;
    bool out;
    uint64_t elements, rows, bytes; /* bytes: of frames, as they are on the wire before TLS */
    uint64_t credits;               /* out: that are left; in: that are granted and not used */
};
/* Returns: how many there are; at most `max` are written. Any thread. */
uint32_t clu_data_part_stats(struct clu_part *part, struct clu_data_channel_stat *out, uint32_t max);

enum { CLU_DATA_NAME_SHOWN = 63 };

/* COUNT(name, what): each of them in and out. */
#define CLU_DATA_COUNT_LIST(COUNT)                    \
    COUNT(bytes, "bytes, as they are on the wire")    \
    COUNT(frames, "frames of all kinds")              \
    COUNT(batches, "frames that are batches of rows") \
    COUNT(rows, "rows in them")
struct clu_data_counts {
#define CLU_DATA_COUNT_FIELDS(name, what) uint64_t name##_in, name##_out;
    CLU_DATA_COUNT_LIST(CLU_DATA_COUNT_FIELDS)
#undef CLU_DATA_COUNT_FIELDS
};

struct clu_data_stats {
    struct clu_data_counts counts; /* of all connections, ever */
    uint64_t connections, broken;  /* made; lost */
    uint64_t refused;              /* closed for bytes that were no frames, wrong versions, wrong tokens */
    uint32_t open;
};
void clu_data_stats(struct clu_data *d, struct clu_data_stats *out);

/* One of the workers that there are channels with. */
struct clu_data_peer_stat {
    char worker[CLU_DATA_NAME_SHOWN + 1]; /* its name, or the beginning of it */
    bool open;
    struct clu_data_counts counts;
    uint64_t connections; /* made since it is known: more than one are reconnects */
    uint32_t channels;    /* there are now, both ways */
    uint32_t waiting;     /* of those out: they have something to send and no credit */
    uint64_t credits;     /* of those out: that are left */
};
/* Returns: how many there are; at most `max` are written. Any thread. */
uint32_t clu_data_peer_stats(struct clu_data *d, struct clu_data_peer_stat *out, uint32_t max);
