#pragma once
/*
 * rt_join_keys -- the keys of a join: each with the latest row of either side, from which its older ones hang.
 *
 *     slots (open addressing: half of the hash, place) ──▶ keys[place]: hash, bytes, newest[left], newest[right]
 *
 * A key is its values' canonical bytes (evt_val_write_key()); short ones lie in the entry itself. Places stay; pointers to entries
 * do until the next one is made. A key without rows is kept for a while, since rows of it may come again: until there are more of
 * them than of others.
 *
 * Cost: a look-up one slot and, when the key is there, one entry, which is a line. Internal to src/runtime. Threads: the task's.
 */
#include "base/base_str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RT_JOIN_KEY_INSIDE = 16 };

struct rt_join_key {
    uint64_t hash;
    uint64_t newest[2]; /* 1 + number of the side's latest row; 0 = none */
    int64_t given_at;   /* time of the last result, and how many there were of that time */
    uint32_t n_given;
    uint32_t len; /* of its bytes */
    bool null;    /* it has a null, or what else equals nothing */
    bool idle;    /* no row hangs on it */
    union {
        char in[RT_JOIN_KEY_INSIDE];
        char *out; /* owned */
    };
};

struct rt_join_slot {
    uint32_t half, place; /* place + 1; 0 = empty */
};

struct rt_join_keys {
    struct rt_join_key *keys; /* owned; each on a line */
    size_t n, cap, n_idle;
    uint32_t *free; /* owned: places */
    size_t n_free, cap_free;
    struct rt_join_slot *slots; /* owned */
    uint32_t n_slots;
    size_t out_bytes;
};

void rt_join_keys_release(struct rt_join_keys *t);
/* Returns: its place; UINT32_MAX when there is none. */
uint32_t rt_join_keys_find(const struct rt_join_keys *t, uint64_t hash, struct base_str bytes);
/* Finds or makes. Returns: its place. */
uint32_t rt_join_keys_get(struct rt_join_keys *t, uint64_t hash, struct base_str bytes, bool null);
/* No row hangs on it any more. Ensures: those that idle and are not asked for again go in the end; the place may be another key's. */
void rt_join_keys_idle(struct rt_join_keys *t, uint32_t place);
static inline struct rt_join_key *rt_join_key_at(const struct rt_join_keys *t, uint32_t place) {
    return &t->keys[place];
}
static inline struct base_str rt_join_key_bytes(const struct rt_join_key *k) {
    return (struct base_str){ k->len <= RT_JOIN_KEY_INSIDE ? k->in : k->out, k->len };
}
static inline size_t rt_join_keys_live(const struct rt_join_keys *t) {
    return t->n - t->n_free - t->n_idle;
}
/* Fetches what a look-up will read. */
static inline void rt_join_keys_fetch(const struct rt_join_keys *t, uint64_t hash) {
    if (t->n_slots)
        __builtin_prefetch(&t->slots[(uint32_t)(hash >> 7) & (t->n_slots - 1)]);
}
/* The same, once the slot is there: of the key that is in it. */
static inline void rt_join_keys_fetch_key(const struct rt_join_keys *t, uint64_t hash) {
    uint32_t place = t->n_slots ? t->slots[(uint32_t)(hash >> 7) & (t->n_slots - 1)].place : 0;
    if (place)
        __builtin_prefetch(&t->keys[place - 1]);
}
/* The key that is likely to have that hash; NULL when none is in sight. */
static inline const struct rt_join_key *rt_join_keys_glance(const struct rt_join_keys *t, uint64_t hash) {
    uint32_t place = t->n_slots ? t->slots[(uint32_t)(hash >> 7) & (t->n_slots - 1)].place : 0;
    return place && t->keys[place - 1].hash == hash ? &t->keys[place - 1] : NULL;
}
size_t rt_join_keys_bytes(const struct rt_join_keys *t);
