#pragma once
/*
 * rt_groups -- the groups of an aggregation: by key, what its aggregates have gathered.
 *
 *     slots (open addressing, by hash) ──▶ group: hash, key bytes and values, accumulators, room for its window's own
 *
 * A key is its values' canonical bytes (evt_val_write_key()). A table is made for each pane of a window of time and thrown
 * away as a whole; tables whose groups go one by one (sessions, counts) remove them.
 *
 * Cost: a look-up one hash and, when the key is there, one comparison of its bytes. Walks are in order of making, but for what
 * removal moved.
 *
 * Internal to src/runtime. Threads: none.
 */
#include "expr/expr_acc.h"
#include "plan/plan.h"

struct rt_group {
    uint64_t hash;              /* of the key's bytes: its key group too */
    const struct evt_val *vals; /* of the key, in `mem`; NULL when it has none */
    struct base_str bytes;      /* canonical, in `mem` */
    struct base_arena *mem;     /* owned; NULL: in the table's arena */
    uint32_t at;                /* its place in the table */
    bool changed;               /* since it was last given out */
    uint64_t n_rows;            /* taken since it was last given out early */
    int64_t last_time;          /* the latest of its rows */
    int64_t
        given_at; /* time of the last result, and how many there were of that time: the order of results that */
    uint32_t n_given; /* have one time */
    int64_t live;     /* rows less those taken back; counted where rows can be */
    void *own;        /* of whoever has the table: its sessions, its panes */
    struct rt_given *given; /* owned; rt_given.h: what was given out last, where changes are told */
    struct expr_acc accs[];
};

/* What all tables of one aggregation have in common. */
struct rt_group_kind {
    const struct plan_aggregate *plan;
    uint32_t n_keys, n_accs;
    const struct evt_type **key_types; /* owned */
    struct expr_acc_fn *fns;           /* owned */
};

struct rt_groups {
    const struct rt_group_kind *kind;
    struct rt_group **groups; /* owned */
    uint32_t n, cap;
    uint32_t *slots; /* owned; place + 1 */
    uint32_t n_slots;
    struct base_arena arena; /* of a table that goes as a whole */
    bool whole;
    size_t bytes; /* of groups with memory of their own */
};

struct expr_acc_fn rt_group_acc_fn(const struct plan_agg *a);
/* What its state means, as text: state of another aggregate is not its. */
void rt_group_write_agg(struct base_buf *b, const struct plan_agg *a, const struct evt_schema *in);

void rt_group_kind_init(struct rt_group_kind *k, const struct plan_aggregate *plan);
void rt_group_kind_release(struct rt_group_kind *k);

/* `whole`: groups are not removed one by one. */
void rt_groups_init(struct rt_groups *t, const struct rt_group_kind *kind, bool whole);
void rt_groups_release(struct rt_groups *t);
struct rt_group *rt_groups_find(const struct rt_groups *t, uint64_t hash, struct base_str bytes);
/* Finds or makes; *made may be NULL. `vals` are copied. */
struct rt_group *rt_groups_get(
    struct rt_groups *t, uint64_t hash, struct base_str bytes, const struct evt_val *vals, bool *made);
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
