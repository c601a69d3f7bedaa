#pragma once
/*
 * clk_timer -- deadlines, the earliest first.
 *
 * Almost all timers here are cancelled, or pushed out, before they fire, and most are added with times that ascend, which is what
 * time-outs of a fixed length do. Those are a *line*: added at its end, taken from its front. Those that are earlier than its end go into
 * a four-ary heap. What lies there refers to a timer by its slot, so that nothing but the heap is touched when it moves; a cancelled
 * one is only marked in its slot and swept out when more than half are.
 *
 *     slots   0: at 50, serial 1   1: at 70, serial 3   2: free       line  (50, 1, slot 0) (70, 3, slot 1)
 *                                                                    heap  (60, 2, slot 2): cancelled, its slot has another serial
 *
 * Cost: O(1) to add to the line, take from it and cancel; O(log n) else. Timers of one time fire in the order in which they were added.
 *
 * Invariants (clk_timers_check() tests them):
 *   I1  no entry of the heap is earlier than its parent, none of the line than the one before
 *   I2  a waiting timer's slot has the serial of one entry, and refers to the timer
 *   I3  n_dead entries have a serial that their slot has not
 *
 * Threads: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what waits. Zeroed = not waiting. */
struct clk_timer {
    size_t slot; /* + 1; 0 = not waiting */
};

struct clk_timer_slot {
    int64_t at;              /* µs; of a free one: the next free one + 1 */
    uint64_t serial;         /* of its entry; 0 = free */
    struct clk_timer *timer; /* borrowed */
};

struct clk_timer_entry {
    int64_t at;      /* µs */
    uint64_t serial; /* breaks ties */
    size_t slot;
};

struct clk_timers {
    struct clk_timer_entry *heap; /* owned */
    size_t n_heap, cap_heap;
    struct clk_timer_entry *line;         /* owned; a ring */
    size_t head, n_line, cap_line;        /* cap_line: 0 or a power of two */
    struct clk_timer_slot *slots;         /* owned */
    size_t n_slots, cap_slots, free_slot; /* free_slot: + 1; 0 = none */
    size_t n_dead;
    uint64_t serial;
};

void clk_timers_init(struct clk_timers *t);
void clk_timers_release(struct clk_timers *t);
/* Requires: the timer is not waiting. */
void clk_timer_add(struct clk_timers *t, struct clk_timer *timer, int64_t at);
/* Nothing happens when it is not waiting. */
void clk_timer_cancel(struct clk_timers *t, struct clk_timer *timer);
static inline bool clk_timer_waits(const struct clk_timer *timer) {
    return timer->slot != 0;
}
/* When it fires. Requires: it waits. */
int64_t clk_timer_at(const struct clk_timers *t, const struct clk_timer *timer);
/* Returns: the earliest time at which a timer waits; INT64_MAX and *any = false when none does. */
int64_t clk_timers_next(struct clk_timers *t, bool *any);
/* Is one due by then? Says yes, too, for one that was cancelled. */
static inline bool clk_timers_are_due(const struct clk_timers *t, int64_t now) {
    return (t->n_line && t->line[t->head].at <= now) || (t->n_heap && t->heap[0].at <= now);
}
/* The timer that fires first if nothing was cancelled, when it is due by then; else NULL. Changes nothing. */
struct clk_timer *clk_timers_peek(const struct clk_timers *t, int64_t now);
/* Takes the earliest timer out if its time is <= now. Returns: it, or NULL. */
struct clk_timer *clk_timers_pop(struct clk_timers *t, int64_t now, int64_t *at);
/* That wait. */
static inline size_t clk_timers_n(const struct clk_timers *t) {
    return t->n_heap + t->n_line - t->n_dead;
}
size_t clk_timers_bytes(const struct clk_timers *t);
void clk_timers_check(const struct clk_timers *t);
