#pragma once
/*
 * rt_slide -- overlapping windows that end one after the other, each from the one before: two stacks of panes.
 *
 *     window      [ p3 | p4 | p5 ‖ p6 | p7 ]          ‖ the middle
 *     front         each group: the merge of itself and its key's later groups up to the middle, and which is the next of them
 *     back                          by key: the merge of its groups behind the middle
 *
 *     a key's result:     front of its first group, and its back
 *     a pane comes:       its groups are merged into the backs
 *     a pane leaves:      its keys' first groups are the next ones
 *     the front is empty: all panes become the front, from the last to the first; no key has a back
 *
 * So a group of a pane is merged three times on average, however many panes a window has (two stacks as a queue; see K. Tangwongsan,
 * M. Hirzel, S. Schneider, "Sliding-Window Aggregation Algorithms", 2019). Nothing is taken away from an aggregate: all that can be
 * merged and is of one size (expr_acc_is_flat()) can be used.
 *
 * All of it follows from the panes: nothing is saved, and it is built anew after a restore or a gap.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "runtime/rt_panes.h"

struct rt_slide {
    const struct rt_group_kind *kind;
    struct rt_groups keys; /* accs: the back; changed: it has one; own: the key's first group in the front */
    struct expr_acc *accs; /* owned, scratch */
    bool there;            /* else all is built anew */
    int64_t next;          /* start of the window that comes next */
    int64_t middle, end;   /* panes before are in the front; panes before are in it at all */
};

/* Can the aggregates' windows be made so? */
bool rt_slide_can(const struct rt_group_kind *kind);
void rt_slide_init(struct rt_slide *s, const struct rt_group_kind *kind);
void rt_slide_release(struct rt_slide *s);
/* Forgets all. */
void rt_slide_clear(struct rt_slide *s);
/* Moves to the window [start, start + size). `panes`: its own, n of them, ascending; they stay where they are. */
void rt_slide_to(struct rt_slide *s, struct rt_pane *const *panes, size_t n, int64_t start, int64_t size);
/*
 * The accumulators of a key of that window, s->keys.groups[i]; NULL when it has no rows in it. Good until the next call.
 */
const struct expr_acc *rt_slide_accs(struct rt_slide *s, uint32_t i);
/* The next window starts at `next`. `panes`: those of this one. */
void rt_slide_leave(struct rt_slide *s, struct rt_pane *const *panes, size_t n, int64_t next);
/*
 * A row came late to a group of a pane, and is in it: adds it to what was made of the pane. `one`: accumulators of that row alone.
 */
void rt_slide_late(struct rt_slide *s, struct rt_pane *pane, struct rt_group *g, const struct expr_acc *one);
