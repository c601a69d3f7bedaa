#pragma once
/*
 * rt_keys -- the keys of a batch's rows: their canonical bytes (evt_val_write_key()), one after the other, and the hashes of those
 * (base_hash()), a column at a time where columns allow it.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "event/evt_batch.h"

struct rt_keys {
    struct base_buf bytes; /* of row i: [off[i], off[i + 1]); of rows that are not there: nothing */
    uint32_t off[EVT_BATCH_ROWS + 1];
    uint64_t hash[EVT_BATCH_ROWS];
};

void rt_keys_init(struct rt_keys *k);
void rt_keys_release(struct rt_keys *k);
/* The first n_cols columns of b are the key. */
void rt_keys_make(struct rt_keys *k, const struct evt_batch *b, uint32_t n_cols, struct base_arena *scratch);

static inline struct base_str rt_keys_bytes(const struct rt_keys *k, uint32_t row) {
    return (struct base_str){ k->bytes.p ? k->bytes.p + k->off[row] : "", k->off[row + 1] - k->off[row] };
}

/* Equal bytes? Keys are mostly 8 to 16 of them: those are compared without a call. */
static inline bool rt_keys_same(struct base_str a, struct base_str b) {
    uint64_t x[2], y[2];
    if (a.len != b.len)
        return false;
    if (a.len < sizeof x[0] || a.len > sizeof x)
        return a.len == 0 || memcmp(a.p, b.p, a.len) == 0;
    memcpy(&x[0], a.p, sizeof x[0]);
    memcpy(&x[1], a.p + a.len - sizeof x[1], sizeof x[1]);
    memcpy(&y[0], b.p, sizeof y[0]);
    memcpy(&y[1], b.p + b.len - sizeof y[1], sizeof y[1]);
    return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}
