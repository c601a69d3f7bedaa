#pragma once
/*
 * rt_checkpoint -- the coordinator of a job's checkpoints: a thread of its own beside the tasks.
 *
 *     coordinator         source task            task with channels            coordinator
 *     trigger(7) ─ bell ─▶ between two reads:      7 on every channel:           all tasks: begin, put ..., complete(7)
 *                          7 to its channels ════▶ 7 to its channels             ─ bell ─▶ tasks commit their sinks
 *                          save ─ acknowledge      save ─ acknowledge
 *
 * Aligned barriers (Chandy and Lamport 1985, as in "Lightweight Asynchronous Snapshots for Distributed Dataflows", arXiv
 * 1506.08603): a channel whose barrier has come is not read until the barrier has come on all. So the states together are those
 * of one cut: all that came before the barrier is in them, nothing that came after it. Several checkpoints may be under way; their
 * barriers follow each other in every channel, and none is left out.
 *
 * A task only copies its state out; storing it is the coordinator's. A task that has not started or has ended is saved by
 * the coordinator in its place: so the first checkpoint (before anything is read, unless the job comes from one) and the last
 * one (when all have ended) are like any other.
 *
 * A checkpoint that is not complete in time, or could not be saved or stored, is dropped and counted; a sink that says
 * that only a restore helps fails the job.
 *
 * Invariants
 *   I1  acknowledgements of a task come with ascending ids
 *   I2  completed ids ascend
 *
 * Threads: the counts are for any thread.
 */
#include "runtime/rt_restart.h"
#include "runtime/rt_snapshot.h"

struct rt_checkpoint_opts {
    const struct rt_checkpoint_store *store; /* NULL = no checkpoints; outlives the job */
    const struct rt_snapshot
        *restore;           /* where the job begins; NULL = at the beginning; outlives rt_job_new() */
    bool restore_is_latest; /* `restore` is what store->latest() would give: no first checkpoint is needed */
    int64_t interval_us;    /* `checkpoint.interval`; 0 = the first and the last only */
    int64_t timeout_us;     /* one that takes longer is dropped */
    uint32_t max_in_flight; /* at least 1 */
    struct sto_losses *losses; /* receives what found no place; NULL = not counted */
    struct rt_restart_spec restart;
};

/* Of one checkpoint. */
struct rt_checkpoint_stat {
    uint64_t id;          /* 0 = there was none */
    int64_t begun_us;     /* wall clock */
    int64_t duration_us;  /* from the trigger until it was complete */
    int64_t alignment_us; /* the longest that a task waited between its first and its last barrier */
    int64_t pause_us;     /* the longest that a task took to save itself */
    uint64_t bytes, entries;
};

struct rt_checkpoint_stats {
    uint64_t triggered, completed;
    uint64_t timed_out, failed; /* dropped */
    uint32_t in_flight;
    uint32_t restarts;
    struct rt_checkpoint_stat last; /* complete */
    char last_failure[256];         /* "" = none */
};
