#pragma once
/*
 * expr_index_internal -- the parts of an index: tests of a row, and the two tables of a column.
 *
 * Numbers of all kinds are compared as int64 keys: ints and times as they are, bools as 0 and 1, doubles by their bits in
 * the order of their values (-0.0 is 0.0; a NaN has no key and is found by nobody). So each range of numbers is an interval
 * [lo, hi] of keys, and < is <= of the key before.
 */
#include "base/base_arena.h"
#include "base/base_bits.h"
#include "expr/expr_index.h"

/* A comparison of one column with constants. */
struct expr_test {
    uint32_t col;
    enum evt_kind kind;
    uint32_t n_vals; /* strings, decimals, `in`: equal to one of these; 0 = the interval below */
    int64_t lo, hi;
    const struct evt_val *vals;
};

/* The key of a cell. Returns: false when it has none (NaN). Requires: not null, a kind with keys. */
static inline bool expr_key_of_double(double d, int64_t *key) {
    int64_t bits;
    if (d != d)
        return false;
    if (d == 0)
        d = 0;
    memcpy(&bits, &d, sizeof bits);
    *key = bits < 0 ? bits ^ INT64_MAX : bits;
    return true;
}
static inline bool expr_key_of(const struct evt_col *c, enum evt_kind kind, uint32_t row, int64_t *key) {
    if (kind == EVT_DOUBLE)
        return expr_key_of_double(c->d[row], key);
    *key = kind == EVT_BOOL ? c->b[row] : c->i[row];
    return true;
}
static inline bool expr_kind_has_key(enum evt_kind kind) {
    return kind == EVT_INT || kind == EVT_DOUBLE || kind == EVT_BOOL || kind == EVT_TIMESTAMP ||
           kind == EVT_DURATION;
}

/* Fills *t when e compares a column with constants. Memory for `in` comes from the arena. */
bool expr_test_of(struct base_arena *a, const struct expr *e, struct expr_test *t);
/* Both on one column and intervals: *t becomes their intersection. Returns: false when they are not. */
bool expr_test_meet(struct expr_test *t, const struct expr_test *also);
/* Requires: the cell is not null. */
bool expr_test_holds(const struct expr_test *t, const struct evt_batch *b, uint32_t row);

/* -- equality: constant -> conditions ------------------------------------------------------------------------- */

struct expr_eq_slot {
    uint64_t hash;
    int64_t key; /* of kinds with keys */
    struct evt_val val;
    uint32_t first, n; /* into items */
    uint32_t last;     /* while building: the chain's end */
};

struct expr_eq {
    uint32_t col;
    enum evt_kind kind;
    struct expr_eq_slot *slots; /* owned; n == 0 = free */
    size_t n_slots;
    uint32_t *items;      /* owned; conditions, those of a constant together */
    struct expr_eq_pair { /* while building */
        struct evt_val val;
        int64_t key;
        uint64_t hash;
        uint32_t cond;
    } * pairs; /* owned */
    size_t n_pairs, cap_pairs;
};

void expr_eq_init(struct expr_eq *t, uint32_t col, enum evt_kind kind);
void expr_eq_release(struct expr_eq *t);
void expr_eq_add(struct expr_eq *t, const struct evt_val *val, uint32_t cond);
void expr_eq_add_key(struct expr_eq *t, int64_t key, uint32_t cond);
void expr_eq_seal(struct expr_eq *t);
/* Returns: the conditions of the cell's value, *n of them. Requires: sealed, not null. */
const uint32_t *expr_eq_find(const struct expr_eq *t, const struct evt_col *c, uint32_t row, uint32_t *n);

/* -- ranges: a tree of segments over the gaps between sorted constants ---------------------------------------------- */

/*
 * n bounds b0 < b1 < ... cut the line into 2n + 1 places: 0 before b0, 1 at b0, 2 between b0 and b1, ... Each interval is
 * a run of places and stands at O(log n) nodes of a binary tree over them; the conditions of a value stand on the path
 * from its place to the root. `up` leads from a node to the next one above it that anybody stands at.
 */
struct expr_ranges {
    uint32_t col;
    enum evt_kind kind;
    int64_t *bounds; /* owned; ascending */
    size_t n_bounds;
    uint32_t size; /* leaves: a power of two */
    uint32_t *off; /* owned; 2 * size + 1: into items */
    uint32_t *up;  /* owned; 2 * size: 0 = nobody above */
    uint32_t *items;
    struct expr_range {
        int64_t lo, hi;
        uint32_t cond;
    } * all; /* owned; while building */
    size_t n_all, cap_all;
};

void expr_ranges_init(struct expr_ranges *t, uint32_t col, enum evt_kind kind);
void expr_ranges_release(struct expr_ranges *t);
void expr_ranges_add(struct expr_ranges *t, int64_t lo, int64_t hi, uint32_t cond);
void expr_ranges_seal(struct expr_ranges *t);
/* The leaf of a key: its conditions stand at it and at up[] of it, and so on until 0. */
uint32_t expr_ranges_leaf(const struct expr_ranges *t, int64_t key);
