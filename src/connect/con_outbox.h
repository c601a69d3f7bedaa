#pragma once
/*
 * con_outbox -- records that wait for the other side of a network: what `tcp` and `http` share.
 *
 *     buf:    [ gone | first record that has not left ... '\n' | ... '\n' ]
 *                    ^ at                                        ^ len
 *     sizes:  [ gone | of the first | of the next | ... ]
 *                    ^ sizes_at
 *
 * Over the bound the sink is busy, and the runtime holds its sources back until it has eased. Waits between attempts double. At
 * the end of the job the rest may be tried for `drain`; what is left then is given up, counted and said.
 *
 * A checkpoint keeps what waits (con_outbox_save()), so it does not wait for the other side: after a restore those records are
 * sent again, at least once.
 */
#include "connect/con_internal.h"

/* The options that go with it, as rows of a plan_opt_spec table. */
#define CON_OUTBOX_OPTS(min_text, min_help, max_text)                                          \
    { .name = "retry_min",                                                                     \
        .kind = EVT_DURATION,                                                                  \
        .default_text = min_text,                                                              \
        .min = 1000,                                                                           \
        .max = INT64_C(3600) * 1000000,                                                        \
        .help = min_help },                                                                    \
        { .name = "retry_max",                                                                 \
            .kind = EVT_DURATION,                                                              \
            .default_text = max_text,                                                          \
            .min = 1000,                                                                       \
            .max = INT64_C(86400) * 1000000,                                                   \
            .help = "the longest wait between attempts" },                                     \
        { .name = "buffer",                                                                    \
            .kind = EVT_INT,                                                                   \
            .default_text = "8388608",                                                         \
            .min = 4096,                                                                       \
            .max = INT64_C(1) << 32,                                                           \
            .help = "bytes of records that may wait; then the sources are held back" },        \
    {                                                                                          \
        .name = "drain", .kind = EVT_DURATION, .default_text = "30 s", .min = 0,               \
        .max = INT64_C(86400) * 1000000,                                                       \
        .help = "at the end: how long to go on trying; what is left then is counted as failed" \
    }

struct con_outbox {
    struct con_sink *sink;   /* borrowed: its stats and env */
    struct con_encoder *enc; /* borrowed */
    struct base_buf buf;
    size_t at;
    size_t n_sizes, cap_sizes, sizes_at; /* n_sizes - sizes_at records are there */
    size_t *sizes;                       /* owned; of each record with its '\n' */
    size_t bound;
    bool was_busy;
    int64_t retry_min_us, retry_max_us;
    int64_t drain_us, deadline_us; /* deadline 0 = not draining */
};

/* Reads the options. The sink's env is set. */
void con_outbox_init(struct con_outbox *ob, struct con_sink *sink, struct con_encoder *enc,
    const struct plan_sink *ps, int64_t retry_min_us, int64_t retry_max_us);
void con_outbox_release(struct con_outbox *ob);
static inline size_t con_outbox_len(const struct con_outbox *ob) {
    return ob->buf.len - ob->at;
}
static inline size_t con_outbox_rows(const struct con_outbox *ob) {
    return ob->n_sizes - ob->sizes_at;
}
/* The first record, with its '\n'; borrowed until the next call. Requires: there is one. */
static inline struct base_str con_outbox_first(const struct con_outbox *ob) {
    return (struct base_str){ ob->buf.p + ob->at, ob->sizes[ob->sizes_at] };
}
/* The batch's rows go behind the rest, and are pending. */
void con_outbox_add(struct con_outbox *ob, const struct evt_batch *batch);
/* The first record has left the box (it is pending until the caller says otherwise). Requires: there is one. */
void con_outbox_take(struct con_outbox *ob);
/* `held`: bytes that have left the box but not our hands. */
bool con_outbox_busy(const struct con_outbox *ob, size_t held);
/* Remembers that it is busy, or wakes the runtime when it is no more, or when nothing is left. */
void con_outbox_turn(struct con_outbox *ob, size_t held);
/* How long to wait before attempt tries + 2. */
int64_t con_outbox_wait(const struct con_outbox *ob, uint64_t tries);
/* Starts the drain. Returns: true when it is over. */
bool con_outbox_drained(struct con_outbox *ob);
/* Gives up all that is pending. Returns: CEP_EIO, "3 records could not be sent to HOST:1 before the end". */
enum cep_rc con_outbox_give_up(struct con_outbox *ob, const char *to, struct cep_err *err);
/* Appends the records that wait to `to`, each as base_pack_str() has it. */
void con_outbox_save(const struct con_outbox *ob, struct base_buf *to);
/* What that says, in words. Returns: false for other bytes. */
bool con_outbox_tell(struct base_str state, struct base_buf *words);
/* For open(): takes the share of this subtask from the states of all. Returns: CEP_EDAMAGED. */
enum cep_rc con_outbox_restore(struct con_outbox *ob, const struct con_sink_how *how, struct cep_err *err);
