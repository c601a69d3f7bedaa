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
 * A task only copies its state out (rt_save.h); keeping it is the coordinator's work. It reaches tasks by their relay (rt_relay.h), which
 * also saves, in its place, a task that has not started yet or has ended. So the first checkpoint, before anything is read, and the last one, when
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

struct rt_coordinator;
struct rt_saved;

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
enum cep_rc rt_coordinator_ask(struct rt_coordinator *co, const struct rt_savepoint *s, struct cep_err *err);
/* The job has ended (`why`; NULL: by itself): what was asked for and was not begun will not be. Requires: it is stopped. */
void rt_coordinator_close(struct rt_coordinator *co, const struct cep_err *why);
/* The job, or a region of it, has what it goes on from: at its start, or after a failure. */
void rt_coordinator_restored(struct rt_coordinator *co, const struct rt_snap *snap);
/* It is about to go back after a failure. Any thread; NULL is fine. */
void rt_coordinator_restarts(struct rt_coordinator *co);
/* Any thread. */
void rt_coordinator_stats(struct rt_coordinator *co, struct rt_checkpoint_stats *out);

/* The last one that is complete, as tasks know it. Requires: it is stopped. */
uint64_t rt_coordinator_complete(const struct rt_coordinator *co);
/* The id of the next one. Requires: it is stopped. */
uint64_t rt_coordinator_next(const struct rt_coordinator *co);

/* -- of tasks that run elsewhere (rt_master); any thread -------------------------------------------------------------- */

/* Takes over `s`. */
void rt_coordinator_acknowledge(struct rt_coordinator *co, struct rt_saved *s);
void rt_coordinator_ended(struct rt_coordinator *co, uint32_t task);

/* -- some of them begin again while the others run (rt_master); the thread that starts and stops --------------------------- */

/*
 * What is under way is forgotten, for `why`, and nothing begins. Tasks that run may bring what they saved; it is nobody's. Requires: it
 * is started.
 */
void rt_coordinator_pause(struct rt_coordinator *co, const struct cep_err *why);
/* That task will be started: it has the state of the last checkpoint, and hears of barriers from rt_coordinator_next() on. Requires: it is paused. */
void rt_coordinator_renew(struct rt_coordinator *co, uint32_t task);
enum cep_rc rt_coordinator_go_on(struct rt_coordinator *co, struct cep_err *err);
