#pragma once
/*
 * clk_timer -- deadlines, the earliest first.
 *
 * A four-ary heap. Almost all timers here are cancelled, or pushed out, before they fire: a cancelled one is only marked
 * and swept out when more than half are, so that cancelling is O(1); adding times that ascend (which is what time-outs of a
 * fixed length do) is O(1) too. Timers of one time fire in the order in which they were added.
 *
 * Invariants (clk_timers_check() tests them):
 *   I1  no entry is earlier than its parent
 *   I2  an entry with a timer is at the position that the timer says
 *   I3  n_dead entries have no timer
 *
 * Threads: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what waits. Zeroed = not waiting. */
struct clk_timer {
    size_t pos; /* position in the heap + 1; 0 = not waiting */
};

struct clk_timer_entry {
    int64_t at;              /* µs */
    uint64_t serial;         /* breaks ties */
    struct clk_timer *timer; /* borrowed; NULL = cancelled */
};

struct clk_timers {
    struct clk_timer_entry *heap; /* owned */
    size_t n, cap, n_dead;
    uint64_t serial;
};

void clk_timers_init(struct clk_timers *t);
void clk_timers_release(struct clk_timers *t);
/* Requires: the timer is not waiting. */
void clk_timer_add(struct clk_timers *t, struct clk_timer *timer, int64_t at);
/* Nothing happens when it is not waiting. */
void clk_timer_cancel(struct clk_timers *t, struct clk_timer *timer);
static inline bool clk_timer_waits(const struct clk_timer *timer) {
    return timer->pos != 0;
}
/* When it fires. Requires: it waits. */
int64_t clk_timer_at(const struct clk_timers *t, const struct clk_timer *timer);
/* Returns: the earliest time at which a timer waits; INT64_MAX and *any = false when none does. */
int64_t clk_timers_next(struct clk_timers *t, bool *any);
/* Takes the earliest timer out if its time is <= now. Returns: it, or NULL. */
struct clk_timer *clk_timers_pop(struct clk_timers *t, int64_t now, int64_t *at);
void clk_timers_check(const struct clk_timers *t);
