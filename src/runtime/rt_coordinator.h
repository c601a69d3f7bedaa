#pragma once
/*
 * rt_coordinator -- a job's checkpoints: when they begin, when they are complete; a thread of its own beside the tasks.
 *
 *     coordinator           source task             task with channels        coordinator
 *     begins 7 ─── bell ───▶ between two reads:       7 on every channel:       all have saved: keep(7)
 *                            7 to its channels ═════▶ 7 to its channels         ─── bell ──▶ tasks commit their sinks
 *                            saves ─ acknowledges     saves ─ acknowledges
 *
 * Aligned barriers (Chandy and Lamport 1985, as in "Lightweight Asynchronous Snapshots for Distributed Dataflows", arXiv
 * 1506.08603): a channel whose barrier has come is not read until it has come on all. So the states together are those of one cut:
 * all that came before the barrier is in them, nothing that came after it. Several checkpoints may be under way: their barriers
 * follow each other in every channel, and none is left out. A channel whose writer has stopped has brought all it ever will.
 *
 * Unaligned: after rt_opts.alignment_timeout_us a task waits no longer. It saves itself at once and goes on with all channels; rows that
 * come on a channel before its barrier are put into the snapshot where they wait, or as they are taken (rt_flight.h). So that a barrier need not
 * go through channels that are full, who passes one tells its readers so at once (rt_task_announce_barrier()), and their time begins
 * then. While a task waits for the last of these rows the next barrier is aligned, or waits its turn. Savepoints are
 * always aligned: what they hold is the state of one cut and no more.
 *
 * A task only copies its state out (rt_save.h); keeping it is the coordinator's work. A task that has not started yet, or has ended,
 * is saved by the coordinator in its place. So the first checkpoint, before anything is read, and the last one, when
 * everything has ended, are like any other.
 *
 * A savepoint is a checkpoint that somebody asked for: taken at once, whatever else is under way, kept elsewhere, and not what the job
 * goes back to; so sinks do not commit with it (with no checkpoints at all they do: nothing goes back). One that stops the
 * job holds its sources: what was read before it is in it, and nothing is read behind it until it is known whether it is there.
 * When it is, the job stops; else the sources go on.
 *
 * A checkpoint that takes too long, or could not be saved or kept, is dropped and counted: the next one covers its rows. When the
 * error says that trying again is no use, the job fails.
 *
 * Invariants
 *   I1  checkpoints under way have ascending ids; a task acknowledges in that order
 *   I2  ids of complete ones ascend
 *   I3  at most one savepoint that stops is under way or waits to begin
 *
 * Internal to src/runtime. Threads: marked.
 */
#include "runtime/rt_job.h"
#include "runtime/rt_snap.h"

#include <stdatomic.h>

struct rt_coordinator;
struct rt_task;

/* What a task has to say about one checkpoint. */
struct rt_saved {
    struct rt_saved *next; /* owned */
    uint64_t id;
    uint32_t task;
    struct rt_snap snap; /* its parts */
    bool unaligned;        /* it overtook its barrier on some channels */
    uint64_t flight_bytes; /* of the rows that were under way there */
    int64_t align_us;    /* between its first barrier and its last */
    int64_t pause_us;    /* the longest that its rows waited for the save */
    int64_t save_us;     /* from its barrier until all was out */
    bool dropped;        /* the task gave up: nobody else is told */
    atomic_size_t queued; /* bytes that wait to be written to files */
    enum cep_rc rc;
    struct cep_err err;
};

struct rt_saved *rt_saved_new(uint64_t id, uint32_t task);
void rt_saved_free(struct rt_saved *s); /* and those behind it; NULL is fine */

/* Requires: the job's execution graph is made. Owns: the caller frees it. */
enum cep_rc rt_coordinator_new(struct rt_job *job, struct rt_coordinator **out, struct cep_err *err);
void rt_coordinator_free(struct rt_coordinator *co); /* NULL is fine */

/* Between start and stop a thread works. Requires: tasks are made. What is under way at stop is forgotten. */
enum cep_rc rt_coordinator_start(struct rt_coordinator *co, struct cep_err *err);
void rt_coordinator_stop(struct rt_coordinator *co); /* does no harm when it is not started */
/*
 * A whole checkpoint with its commit, by the calling thread. Requires: no task runs, nor the coordinator's thread.
 * Returns: any failure, whether it could be tried again or not.
 */
enum cep_rc rt_coordinator_take(struct rt_coordinator *co, struct cep_err *err);
/* See rt_job_savepoint(). Any thread. */
enum cep_rc rt_coordinator_ask(
    struct rt_coordinator *co, const struct rt_savepoint *s, struct cep_err *err);
/* The job has ended (`why`; NULL: by itself): what was asked for and was not begun will not be. Requires: it is stopped. */
void rt_coordinator_close(struct rt_coordinator *co, const struct cep_err *why);
/* The job has what it goes on from: at its start, or (`again`) after a failure. */
void rt_coordinator_restored(struct rt_coordinator *co, const struct rt_snap *snap, bool again);
/* Any thread. */
void rt_coordinator_stats(struct rt_coordinator *co, struct rt_checkpoint_stats *out);

/* -- for tasks; any thread ------------------------------------------------------------------------------------------- */

/* The last checkpoint that was begun; that is complete. */
uint64_t rt_coordinator_begun(const struct rt_coordinator *co);
uint64_t rt_coordinator_complete(const struct rt_coordinator *co);
/* The barrier behind which sources wait to be stopped; 0 = none. */
uint64_t rt_coordinator_stops_at(const struct rt_coordinator *co);
/* This one and those before it are to be aligned. */
uint64_t rt_coordinator_aligned_to(const struct rt_coordinator *co);
/*
 * What there is of a part goes to its file; `bytes` are empty then. spool: at once, by the coordinator's thread; queue: by that
 * thread later, but before what is acknowledged after it.
 */
void rt_coordinator_spool(struct rt_coordinator *co, struct rt_part *part);
void rt_coordinator_queue(struct rt_coordinator *co, struct rt_saved *s, struct rt_part *part);
/* Takes over `s`. */
void rt_coordinator_acknowledge(struct rt_coordinator *co, struct rt_saved *s);
/* The task has done all it will do: it is the coordinator's to save. */
void rt_coordinator_ended(struct rt_coordinator *co, const struct rt_task *task);
