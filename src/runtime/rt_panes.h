#pragma once
/*
 * rt_panes -- tables of groups by the time at which they begin: the panes of windows, and what overlapping windows gave out.
 *
 * A table goes as a whole, the earliest first, when nobody can ask for it any more. One that a save in slices has yet to write stays
 * until then.
 *
 *     v         [ 10:00 | 10:02 | 10:04 | ... ]      looked up, filled
 *     leaving   [ 09:58 ]                            only the save that is under way still looks at it
 *
 * Invariants
 *   I1  tables ascend by start
 *   I2  without a save none is leaving
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "runtime/rt_groups.h"

struct rt_slices;

struct rt_pane {
    int64_t start;
    uint16_t saved;          /* number of the last save that has all of it, or that it came after */
    struct rt_groups groups; /* their `own`: struct rt_slide's while the pane is in the front */
};

struct rt_panes {
    const struct rt_group_kind *kind;
    struct rt_pane **v; /* owned */
    size_t n, cap;
    size_t last_used;      /* what was asked for last */
    struct rt_pane *spare; /* owned, empty; NULL = none */
    /* Of a save. */
    struct rt_pane *saving; /* borrowed: the one that it is at, up to `at`; NULL = at none */
    uint32_t at;
    bool all_saved;
    struct rt_pane **leaving; /* owned */
    size_t n_leaving, cap_leaving;
};

void rt_panes_init(struct rt_panes *p, const struct rt_group_kind *kind);
void rt_panes_release(struct rt_panes *p);
/* The first with start >= t. */
size_t rt_panes_from(const struct rt_panes *p, int64_t t);
/* The one that starts there, made when it is not there. */
struct rt_pane *rt_panes_get(struct rt_panes *p, int64_t start, const struct rt_slices *s);
/* The first n go. */
void rt_panes_drop(struct rt_panes *p, size_t n, const struct rt_slices *s);
uint64_t rt_panes_n_groups(const struct rt_panes *p);
size_t rt_panes_bytes(const struct rt_panes *p);

void rt_panes_save_begin(struct rt_panes *p);
/* The next group that may have to be written, of the pane that starts at *start; NULL: that was all. */
struct rt_group *rt_panes_save_next(struct rt_panes *p, const struct rt_slices *s, int64_t *start);
void rt_panes_save_end(struct rt_panes *p);
