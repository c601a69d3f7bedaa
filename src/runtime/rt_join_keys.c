/*
 * rt_join_keys -- see rt_join_keys.h.
 */
#include "runtime/rt_join_keys.h"

#include "base/base_mem.h"
#include "runtime/rt_keys.h"

#include <string.h>

enum { FIRST_SLOTS = 64, FIRST_KEYS = 16, IDLE_LEAST = 1024, LINE = 64 };

_Static_assert(sizeof(struct rt_join_key) == LINE, "a key is a line");

void rt_join_keys_release(struct rt_join_keys *t) {
    for (uint32_t i = 0; i < t->n_slots; i++) {
        struct rt_join_key *k = t->slots[i].place ? &t->keys[t->slots[i].place - 1] : NULL;
        if (k && k->len > RT_JOIN_KEY_INSIDE)
            base_free(k->out);
    }
    base_free(t->keys);
    base_free(t->free);
    base_free(t->slots);
    *t = (struct rt_join_keys){ .n = 0 };
}

static uint32_t home_of(const struct rt_join_keys *t, uint64_t hash) {
    return (uint32_t)(hash >> 7) & (t->n_slots - 1);
}

static bool is_key(
    const struct rt_join_keys *t, const struct rt_join_slot *s, uint64_t hash, struct base_str bytes) {
    if (s->half != (uint32_t)(hash >> 32))
        return false;
    const struct rt_join_key *k = &t->keys[s->place - 1];
    return k->hash == hash && rt_keys_same(rt_join_key_bytes(k), bytes);
}

static uint32_t slot_of(const struct rt_join_keys *t, uint64_t hash, struct base_str bytes) {
    uint32_t mask = t->n_slots - 1, i = home_of(t, hash);
    while (t->slots[i].place && !is_key(t, &t->slots[i], hash, bytes))
        i = (i + 1) & mask;
    return i;
}

static void grow(struct rt_join_keys *t) {
    struct rt_join_slot *old = t->slots;
    uint32_t n_old = t->n_slots;
    t->n_slots = n_old ? n_old * 2 : FIRST_SLOTS;
    t->slots = base_calloc(t->n_slots, sizeof *t->slots);
    for (uint32_t k = 0; k < n_old; k++) {
        if (!old[k].place)
            continue;
        uint32_t i = home_of(t, t->keys[old[k].place - 1].hash);
        while (t->slots[i].place)
            i = (i + 1) & (t->n_slots - 1);
        t->slots[i] = old[k];
    }
    base_free(old);
}

uint32_t rt_join_keys_find(const struct rt_join_keys *t, uint64_t hash, struct base_str bytes) {
    return t->n_slots ? t->slots[slot_of(t, hash, bytes)].place - 1 : UINT32_MAX;
}

static void grow_keys(struct rt_join_keys *t) {
    size_t cap = t->cap ? base_mul(t->cap, 2) : FIRST_KEYS;
    struct rt_join_key *keys = base_aligned_alloc(LINE, base_mul(cap, sizeof *keys));
    if (t->n > 0)
        memcpy(keys, t->keys, t->n * sizeof *keys);
    base_free(t->keys);
    t->keys = keys;
    t->cap = cap;
}

uint32_t rt_join_keys_get(struct rt_join_keys *t, uint64_t hash, struct base_str bytes, bool null) {
    if ((t->n - t->n_free + 1) * 4 > (uint64_t)t->n_slots * 3)
        grow(t);
    uint32_t i = slot_of(t, hash, bytes);
    if (t->slots[i].place) {
        struct rt_join_key *there = &t->keys[t->slots[i].place - 1];
        t->n_idle -= there->idle;
        there->idle = false;
        return t->slots[i].place - 1;
    }
    uint32_t place = (uint32_t)t->n;
    if (t->n_free > 0) {
        place = t->free[--t->n_free];
    } else {
        if (t->n == t->cap)
            grow_keys(t);
        t->n++;
    }
    struct rt_join_key *k = &t->keys[place];
    *k =
        (struct rt_join_key){ .hash = hash, .given_at = INT64_MIN, .len = (uint32_t)bytes.len, .null = null };
    if (bytes.len > RT_JOIN_KEY_INSIDE) {
        k->out = base_alloc(bytes.len);
        t->out_bytes += bytes.len;
    }
    memcpy(bytes.len > RT_JOIN_KEY_INSIDE ? k->out : k->in, bytes.p, bytes.len);
    t->slots[i] = (struct rt_join_slot){ (uint32_t)(hash >> 32), place + 1 };
    return place;
}

/* Backward shift (Knuth 6.4, algorithm R). */
static void remove_key(struct rt_join_keys *t, uint32_t place) {
    struct rt_join_key *k = &t->keys[place];
    uint32_t mask = t->n_slots - 1, hole = home_of(t, k->hash);
    while (t->slots[hole].place != place + 1)
        hole = (hole + 1) & mask;
    for (uint32_t i = (hole + 1) & mask; t->slots[i].place; i = (i + 1) & mask) {
        uint32_t home = home_of(t, t->keys[t->slots[i].place - 1].hash);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = (struct rt_join_slot){ 0, 0 };
    if (k->len > RT_JOIN_KEY_INSIDE) {
        t->out_bytes -= k->len;
        base_free(k->out);
    }
    k->idle = false;
    t->n_idle--;
    t->free = base_grow(t->free, t->n_free, &t->cap_free, sizeof *t->free);
    t->free[t->n_free++] = place;
}

void rt_join_keys_idle(struct rt_join_keys *t, uint32_t place) {
    struct rt_join_key *k = &t->keys[place];
    k->idle = true;
    k->given_at = INT64_MIN; /* as of a new one */
    k->n_given = 0;
    t->n_idle++;
    if (t->n_idle < IDLE_LEAST || t->n_idle < rt_join_keys_live(t))
        return;
    for (uint32_t i = 0; i < t->n && t->n_idle > 0; i++)
        if (t->keys[i].idle)
            remove_key(t, i);
}

size_t rt_join_keys_bytes(const struct rt_join_keys *t) {
    return t->cap * sizeof *t->keys + t->n_slots * sizeof *t->slots + t->cap_free * sizeof *t->free +
           t->out_bytes;
}
