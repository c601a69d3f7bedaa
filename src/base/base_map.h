#pragma once
/*
 * base_map -- open-addressing hash map from bytes to a 64-bit value.
 *
 * Keys are copied into the map. Order of iteration is the order of insertion (deletions keep the order of the
 * rest), so dumps are stable. Used by the compiler and for configuration; the matcher has its own key table.
 * Cost: get, put, delete O(1) expected (XXH3). Threads: none.
 */
#include "base/base_str.h"

struct base_map_entry {
    struct base_str key; /* owned by the map; NUL-terminated */
    uint64_t hash;
    uint64_t value;
    bool dead;
};

struct base_map {
    struct base_map_entry *entries; /* owned, in order of insertion, with dead ones */
    size_t n_entries, cap_entries;
    uint32_t *slots; /* owned; index + 1 into entries, 0 = empty */
    size_t n_slots;  /* power of two */
    size_t n_live;
    uint64_t n_rebuilds; /* how often the entries behind dead ones have moved up */
};

void base_map_init(struct base_map *m);
void base_map_release(struct base_map *m);
/* Returns: true and *value (may be NULL) when the key is there. */
bool base_map_get(const struct base_map *m, struct base_str key, uint64_t *value);
/* Sets or replaces. Returns: true when the key is new. */
bool base_map_put(struct base_map *m, struct base_str key, uint64_t value);
/* Returns: true when it was there. */
bool base_map_del(struct base_map *m, struct base_str key);
/* for (size_t it = 0; (e = base_map_next(m, &it)); ) */
const struct base_map_entry *base_map_next(const struct base_map *m, size_t *it);

/* XXH3 of the bytes; the one hash of the engine (key groups, tables). */
uint64_t base_hash(const void *p, size_t len);
uint64_t base_hash_seed(const void *p, size_t len, uint64_t seed);
/* base_hash() of n texts of `width` bytes that follow each other in p. */
void base_hash_wide(const char *p, size_t width, size_t n, uint64_t *out);
/* The same of texts of any length: [off[i], off[i + 1]). */
void base_hash_each(const char *p, const uint32_t *off, size_t n, uint64_t *out);
