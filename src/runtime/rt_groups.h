#pragma once
/*
 * rt_groups -- the groups of an aggregation: by key, what its aggregates have gathered.
 *
 *     slots (open addressing: half of the hash, place) ──▶ group: hash, key bytes and values, accumulators, its window's own
 *
 * A key is its values' canonical bytes (evt_val_write_key()). A table is made for each pane of a window of time and thrown
 * away as a whole; tables whose groups go one by one (sessions, counts) remove them.
 *
 * Cost: a look-up one slot and, when the key is there, one line of its group: what a row needs of it lies together (but for long keys
 * and the accumulators behind the first ones). Walks are in order of making, but for what removal moved.
 *
 * Internal to src/runtime. Threads: none.
 */
#include "expr/expr_acc.h"
#include "plan/plan.h"
#include "runtime/rt_keys.h"

enum { RT_GROUPS_AT_ONCE = 256 };

struct rt_group {
    /* Needed when it is made, given out, saved. */
    const struct evt_val *vals; /* of the key, in its memory; NULL when it has none */
    uint64_t hash;              /* of the key's bytes: its key group too */
    uint64_t n_rows;            /* taken since it was last given out early */
    int64_t last_time;          /* the latest of its rows */
    int64_t live;               /* rows less those taken back; counted where rows can be */
    void *own;                  /* of whoever has the table: its sessions, its panes */
    struct rt_given *given;     /* owned; rt_given.h: what was given out last, where changes are told */
    int64_t given_at;           /* time of the last result */
    /* Needed for each row: on one line. */
    struct base_str bytes; /* of the key, canonical: behind the accumulators */
    uint32_t n_given;      /* how many results there were at given_at: their order */
    bool changed;          /* since it was last given out */
    uint16_t saved; /* number of the last save that it is in, or that it came after (rt_aggregate_slice.c) */
    struct expr_acc accs[];
};

/* What all tables of one aggregation have in common. */
struct rt_group_kind {
    const struct plan_aggregate *plan;
    uint32_t n_keys, n_accs;
    bool nested;                       /* a key has arrays or rows */
    bool flat;                         /* groups own nothing that would have to be given back one by one */
    const struct evt_type **key_types; /* owned */
    struct expr_acc_fn *fns;           /* owned */
};

struct rt_group_slot {
    uint32_t half, place; /* of the hash; place + 1, 0 = empty */
};

struct rt_groups {
    const struct rt_group_kind *kind;
    struct rt_group **groups; /* owned */
    uint32_t n, cap;
    struct rt_group_slot *slots; /* owned */
    uint32_t n_slots;
    struct base_arena arena; /* of a table that goes as a whole */
    bool whole;
    size_t bytes; /* of groups with memory of their own */
};

struct expr_acc_fn rt_group_acc_fn(const struct plan_agg *a);

void rt_group_kind_init(struct rt_group_kind *k, const struct plan_aggregate *plan);
void rt_group_kind_release(struct rt_group_kind *k);

/* `whole`: groups are not removed one by one. */
void rt_groups_init(struct rt_groups *t, const struct rt_group_kind *kind, bool whole);
void rt_groups_release(struct rt_groups *t);
/* Empties a table that goes as a whole; it keeps some of its memory for the next groups. */
void rt_groups_clear(struct rt_groups *t);
struct rt_group *rt_groups_find(const struct rt_groups *t, uint64_t hash, struct base_str bytes);
/* Finds or makes; *made may be NULL. `vals` are copied. */
struct rt_group *rt_groups_get(
    struct rt_groups *t, uint64_t hash, struct base_str bytes, const struct evt_val *vals, bool *made);
/*
 * The groups of rows of a batch, by its keys; NULL where there is none. Slots and groups are fetched ahead.
 * Requires: n <= RT_GROUPS_AT_ONCE.
 */
void rt_groups_find_rows(const struct rt_groups *t, const struct rt_keys *keys, const uint16_t *rows,
    uint32_t n, struct rt_group **out);
/* Room for so many groups. */
void rt_groups_expect(struct rt_groups *t, uint32_t n);
/* What a look-up will read: the slot, then, once that is there, the group. */
static inline void rt_groups_fetch(const struct rt_groups *t, uint64_t hash) {
    if (t->n_slots)
        __builtin_prefetch(&t->slots[(uint32_t)(hash >> 32) & (t->n_slots - 1)]);
}
static inline void rt_groups_fetch_group(const struct rt_groups *t, uint64_t hash) {
    uint32_t place = t->n_slots ? t->slots[(uint32_t)(hash >> 32) & (t->n_slots - 1)].place : 0;
    if (place)
        __builtin_prefetch(&t->groups[place - 1]->bytes, 1);
}
/* Requires: not `whole`. `own` was seen to. */
void rt_groups_remove(struct rt_groups *t, struct rt_group *g);
size_t rt_groups_bytes(const struct rt_groups *t);

/* The number of a result among those of the group and that time. */
static inline uint32_t rt_group_nth(struct rt_group *g, int64_t time) {
    g->n_given = g->given_at == time ? g->n_given + 1 : 0;
    g->given_at = time;
    return g->n_given;
}

/* -- the accumulators of one group -------------------------------------------------------------------------------- */

void rt_accs_start(const struct rt_group_kind *k, struct expr_acc *accs);
void rt_accs_merge(const struct rt_group_kind *k, struct expr_acc *to, const struct expr_acc *from);
void rt_accs_clear(const struct rt_group_kind *k, struct expr_acc *accs);
void rt_accs_pack(const struct rt_group_kind *k, struct base_buf *b, const struct expr_acc *accs);
/* Requires: they are started. */
void rt_accs_unpack(
    const struct rt_group_kind *k, struct base_unpack *u, struct base_arena *scratch, struct expr_acc *accs);
