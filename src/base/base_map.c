/*
 * base_map -- entries in order of insertion, and an index of slots over them.
 *
 * Invariants: every live entry has exactly one slot; a dead entry keeps its slot (a tombstone) until the index is
 * rebuilt; the index is at most three quarters full.
 */
#include "base/base_map.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t base_hash(const void *p, size_t len) {
    return XXH3_64bits(p, len);
}

uint64_t base_hash_seed(const void *p, size_t len, uint64_t seed) {
    return XXH3_64bits_withSeed(p, len, seed);
}

void base_hash_wide(const char *p, size_t width, size_t n, uint64_t *out) {
    if (width == 9) { /* a key of one int, the most usual: what depends on the length is done once */
        for (size_t i = 0; i < n; i++)
            out[i] = XXH3_64bits(p + i * 9, 9);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = XXH3_64bits(p + i * width, width);
}

void base_hash_each(const char *p, const uint32_t *off, size_t n, uint64_t *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = XXH3_64bits(p + off[i], off[i + 1] - off[i]);
}

void base_map_init(struct base_map *m) {
    *m = (struct base_map){ .entries = NULL };
}

static void map_free_key(struct base_map_entry *e) {
    /* The map allocated it; the field is const for everybody else. */
    base_free((void *)(uintptr_t)e->key.p);
    e->key = (struct base_str){ NULL, 0 };
}

void base_map_release(struct base_map *m) {
    for (size_t i = 0; i < m->n_entries; i++)
        if (!m->entries[i].dead)
            map_free_key(&m->entries[i]);
    base_free(m->entries);
    base_free(m->slots);
    base_map_init(m);
}

/* Drops the dead entries and builds the index anew, for at least one more entry. */
static void map_rebuild(struct base_map *m) {
    size_t n = 0;
    for (size_t i = 0; i < m->n_entries; i++)
        if (!m->entries[i].dead)
            m->entries[n++] = m->entries[i];
    CEP_INSIST(n == m->n_live);
    m->n_rebuilds += n < m->n_entries;
    m->n_entries = n;
    size_t n_slots = 16;
    while (n_slots / 2 < n + 1)
        n_slots = base_mul(n_slots, 2);
    CEP_INSIST(n_slots <= UINT32_MAX);
    base_free(m->slots);
    m->slots = base_calloc(n_slots, sizeof *m->slots);
    m->n_slots = n_slots;
    for (size_t i = 0; i < n; i++) {
        size_t at = m->entries[i].hash & (n_slots - 1);
        while (m->slots[at] != 0)
            at = (at + 1) & (n_slots - 1);
        m->slots[at] = (uint32_t)i + 1;
    }
}

static struct base_map_entry *map_find(const struct base_map *m, struct base_str key, uint64_t hash) {
    if (m->n_slots == 0)
        return NULL;
    for (size_t at = hash & (m->n_slots - 1); m->slots[at] != 0; at = (at + 1) & (m->n_slots - 1)) {
        struct base_map_entry *e = &m->entries[m->slots[at] - 1];
        if (e->hash == hash && !e->dead && base_str_eq(e->key, key))
            return e;
    }
    return NULL;
}

bool base_map_get(const struct base_map *m, struct base_str key, uint64_t *value) {
    const struct base_map_entry *e = map_find(m, key, base_hash(key.p, key.len));
    if (!e)
        return false;
    if (value)
        *value = e->value;
    return true;
}

bool base_map_put(struct base_map *m, struct base_str key, uint64_t value) {
    uint64_t hash = base_hash(key.p, key.len);
    struct base_map_entry *e = map_find(m, key, hash);
    if (e) {
        e->value = value;
        return false;
    }
    if ((m->n_entries + 1) * 4 > m->n_slots * 3)
        map_rebuild(m);
    m->entries = base_grow(m->entries, m->n_entries, &m->cap_entries, sizeof *m->entries);
    m->entries[m->n_entries] = (struct base_map_entry){
        .key = { base_strndup(key.p, key.len), key.len },
        .hash = hash,
        .value = value,
    };
    size_t at = hash & (m->n_slots - 1);
    while (m->slots[at] != 0)
        at = (at + 1) & (m->n_slots - 1);
    m->slots[at] = (uint32_t)++m->n_entries;
    m->n_live++;
    return true;
}

bool base_map_del(struct base_map *m, struct base_str key) {
    struct base_map_entry *e = map_find(m, key, base_hash(key.p, key.len));
    if (!e)
        return false;
    map_free_key(e);
    e->dead = true;
    m->n_live--;
    return true;
}

const struct base_map_entry *base_map_next(const struct base_map *m, size_t *it) {
    while (*it < m->n_entries) {
        const struct base_map_entry *e = &m->entries[(*it)++];
        if (!e->dead)
            return e;
    }
    return NULL;
}
