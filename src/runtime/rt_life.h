#pragma once
/*
 * rt_life -- what an alert remembers of its identities: when it last let one through, and which ones fire.
 *
 * An identity is a run of canonical bytes (evt_val_write_key() of the `by` values). Its life:
 *
 *     (unknown) ──match──▶ firing ──match──▶ firing, deadline pushed out ──deadline or resolve when──▶ (suppressed or unknown)
 *
 * An identity that neither fires nor is suppressed any more is forgotten, so memory follows what is going on, not what
 * has ever been. A life has at most one entry that counts in the heap of deadlines; a deadline pushed out moves that entry only
 * when it comes up, so a thousand matches of a firing alert cost one entry. Entries that do not count go when they are most of all.
 *
 * Cost: match O(1) expected plus O(log n) for its deadline. Threads: none.
 */
#include "base/base_map.h"
#include "event/evt_batch.h"

struct rt_life {
    struct base_str identity; /* owned */
    int64_t last_let;         /* event time of the last one let through; EVT_TIME_MIN = none */
    int64_t deadline;         /* when it is resolved (firing) or forgotten; EVT_TIME_MAX = never */
    int64_t queued;           /* time of its one entry in the heap that counts; EVT_TIME_MAX = it has none */
    bool firing;
    bool in_use;
    uint16_t saved; /* number of the last save that it is in, or that it came after (rt_alert_save.c) */
    struct evt_batch *record; /* owned; the firing alert as one row, for the record that resolves it */
};

struct rt_deadline {
    int64_t at;
    uint32_t life;
};

struct rt_lives {
    struct base_map index; /* identity -> place in lives */
    struct rt_life *lives; /* owned */
    size_t n_lives, cap_lives;
    uint32_t *free_list; /* owned; places to be used again */
    size_t n_free, cap_free;
    struct rt_deadline *heap; /* owned; smallest first */
    size_t n_heap, cap_heap;
    uint16_t saved; /* of those that come */
};

void rt_lives_init(struct rt_lives *l);
void rt_lives_release(struct rt_lives *l);
/* Returns: the identity's life, or NULL. Valid until the next rt_lives_make(). */
struct rt_life *rt_lives_find(struct rt_lives *l, struct base_str identity);
struct rt_life *rt_lives_make(struct rt_lives *l, struct base_str identity);
void rt_lives_forget(struct rt_lives *l, struct rt_life *life);
/* Sets or moves the deadline. */
void rt_lives_set_deadline(struct rt_lives *l, struct rt_life *life, int64_t at);
/* Returns: a time before which none is due; EVT_TIME_MAX when none will be. */
static inline int64_t rt_lives_next(const struct rt_lives *l) {
    return l->n_heap ? l->heap[0].at : EVT_TIME_MAX;
}
/* Returns: the life with the earliest deadline (*at) <= now, or NULL. The caller sets another one, or forgets it. */
struct rt_life *rt_lives_due(struct rt_lives *l, int64_t now, int64_t *at);
