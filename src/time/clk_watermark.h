#pragma once
/*
 * clk_watermark -- how far event time has come: one partition's generator, and the minimum over many.
 *
 * A watermark W says: no more events with time <= W. Generators (Flink's terms: bounded out-of-orderness, ascending,
 * punctuated) move with every event; an event is late when its time is not after its own partition's watermark
 * *before* it. The merge takes the minimum over partitions that are neither idle nor ended and never goes back: a
 * partition that appears late starts at the merged watermark, so that what it brings from before is late there. When all
 * that have not ended are idle, what the furthest of them saw stands.
 *
 * A partition falls idle when it has brought nothing for idle_us and had nothing when it was last asked: one that waits its
 * turn, because others are behind it or a sink is slow, is not idle, however long that takes.
 *
 * Picture: partitions 0..n-1, each {generator, last activity}; merged = min over active ones.
 * Cost: an event O(1); merge O(partitions), done once a batch.
 * Threads: none; one source subtask owns it.
 */
#include "event/evt_batch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum clk_wm_kind { CLK_WM_DELAY = 0, CLK_WM_PUNCTUATED, CLK_WM_MAX };

/* Ascending is DELAY with delay 0: the largest time - 1 µs. */
struct clk_wm_spec {
    enum clk_wm_kind kind;
    int64_t delay_us;
    int64_t idle_us; /* 0 = never idle */
};

struct clk_wm_part {
    int64_t watermark; /* EVT_TIME_MIN before the first event */
    int64_t active_at; /* mono clock, of the last event */
    bool silent;       /* had nothing when it was last asked, and has been heard all the time since */
    bool idle, ended;
};

struct clk_wm {
    struct clk_wm_spec spec;
    struct clk_wm_part *parts; /* owned */
    size_t n_parts, cap_parts;
    int64_t merged; /* never goes back */
};

void clk_wm_init(struct clk_wm *w, const struct clk_wm_spec *spec);
void clk_wm_release(struct clk_wm *w);
/* Ensures: partitions [0, part] exist; new ones start at the merged watermark. */
void clk_wm_need(struct clk_wm *w, size_t part, int64_t mono_us);

/*
 * Takes n events of a partition in their order. `skip` (may be NULL): rows to leave out (no time). `mark` (PUNCTUATED):
 * rows for which the condition is true. Ensures: bits of `late` (zeroed by the caller) set for late rows.
 * Returns: how many are late.
 */
uint32_t clk_wm_events(struct clk_wm *w, size_t part, const int64_t *time, uint32_t n, const uint64_t *skip,
    const uint64_t *mark, uint64_t *late, int64_t mono_us);
/* The partition (CLK_WM_ALL: each of them) was asked and had nothing; it is listened to until clk_wm_unheard(). */
#define CLK_WM_ALL SIZE_MAX
void clk_wm_silent(struct clk_wm *w, size_t part);
/* Nobody listens for a while: what partitions have by now is not known before they are asked again. */
void clk_wm_unheard(struct clk_wm *w);
/* The partition has said its last word: it holds nothing back any more. */
void clk_wm_end(struct clk_wm *w, size_t part);
/* Lets partitions fall idle by the clock, then merges. *all_idle: every partition that is left is idle (false when
 * there is none). Returns: the merged watermark. */
int64_t clk_wm_merge(struct clk_wm *w, int64_t mono_us, bool *all_idle);
/* Moves every partition forward to `us` at least (tests' "advance to"). */
void clk_wm_advance(struct clk_wm *w, int64_t us);
/* Returns: the partition that holds the watermark back (lowest, first), or SIZE_MAX when none does. */
size_t clk_wm_holder(const struct clk_wm *w);
/* Returns: when (mono clock) the next silent partition falls idle, or INT64_MAX. */
int64_t clk_wm_next_idle(const struct clk_wm *w);
