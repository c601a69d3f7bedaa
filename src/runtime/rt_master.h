#pragma once
/*
 * rt_master -- a job whose tasks run in other processes: when they are deployed, what becomes of their checkpoints, whether and when the
 * whole begins again.
 *
 *     rt_job_run(): deploy ── ready (all tasks) ── first checkpoint ── start ═══ rows, checkpoints ═══ ended (all tasks) ── last
 *                   checkpoint ── committed (all tasks) ── cancel
 *                     ▲                                                │ failed
 *                     └──────────── wait, as the strategy says ◀── cancel
 *
 * A job with rt_opts.remote is made by rt_job_new(), which opens nothing, and used like any other: rt_job_run(), rt_job_stop(),
 * rt_job_savepoint(), and all that looks at it. keep(), latest(), keep_savepoint(), restart and state() are what they are to a job in one process;
 * state() says RUNNING also when all parts are ready for the first time.
 *
 * Regions (rt_exec.h) fail by themselves. When one does while the job runs, its tasks alone go back to the last checkpoint; those of
 * the others keep their attempt and go on:
 *
 *     region 0   ═══ rows ═══╳ failed ── cancel ── deploy, from checkpoint 7 ── ready ── start ═══ rows, checkpoints ═══
 *     region 1   ═══ rows ════════════════════════ rows, no checkpoints ════════════════════ rows, checkpoints ═══
 *
 * What was under way of checkpoints and savepoints then is given up, and none begins until all regions run: a checkpoint is of the whole
 * job, so that any region can go back to any. Before the first checkpoint and from the last one on the whole job goes back. A failure that
 * ends the job (cep_err.fatal, or the strategy says so) ends all regions.
 *
 * Attempts are numbered from 1: each deployment, of all regions or of some, has the next number. A region is deployed as parts of its own, with its
 * tasks only. All that is sent and all that comes carries region and number; what is of another one is
 * ignored. Parts that were cancelled may not write anything any more when cancel() has returned.
 *
 * A failure before all parts are ready for the first time fails the job, as rt_job_new() would have, unless it may be tried again
 * (cep_err.retriable). Until the first checkpoint is complete the job goes back to where it began.
 */
#include "runtime/rt_exec.h"
#include "runtime/rt_job.h"
#include "runtime/rt_relay.h"

/* What a master asks for. None of it may call back into the master. `regions`: by region, those that it is about. */
struct rt_remote {
    /*
     * Makes parts of their tasks, each with opts.next_checkpoint as given. `from`: its id and is_savepoint say which snapshot; NULL = from
     * the beginning. What comes of it is told by rt_master_ready() and rt_master_failed(). By the thread of rt_job_run(); may block.
     */
    enum cep_rc (*deploy)(void *arg, uint32_t attempt, const bool *regions, const struct rt_snap *from,
        uint64_t next_checkpoint, struct cep_err *err);
    /* All are ready for the first time; `losses`: what found no place. An error ends the job. May be NULL. The same thread. */
    enum cep_rc (*judge)(void *arg, const struct sto_losses *losses, struct cep_err *err);
    void (*start)(void *arg, const bool *regions);
    void (*stop)(void *arg); /* rt_job_stop(), of all */
    /* Until no part of theirs, of whatever attempt, runs or can write. It may be that none was made. The same thread; may block. */
    void (*cancel)(void *arg, const bool *regions);
    /* To all parts of all regions in the order of the calls, start() among them. By one thread at a time. */
    void (*barrier)(void *arg, uint64_t id, struct rt_barrier how);
    void (*complete)(void *arg, uint64_t id);
    void (*resume)(void *arg);
    void *arg;
};

/* -- what comes from the parts; any thread, while the job lives ---------------------------------------------------------- */

/* `losses` of its part, once a part: with any of its tasks; NULL with the others. */
void rt_master_ready(struct rt_job *job, uint32_t attempt, uint32_t task, const struct sto_losses *losses);
/* Takes over `s`. */
void rt_master_saved(struct rt_job *job, uint32_t attempt, struct rt_saved *s);
void rt_master_committed(struct rt_job *job, uint32_t attempt, uint32_t task, uint64_t id);
/* Requires: the last report of its part was given before. */
void rt_master_ended(struct rt_job *job, uint32_t attempt, uint32_t task);
void rt_master_failed(struct rt_job *job, uint32_t attempt, uint32_t region, const struct cep_err *err);
/* The attempt of the task that is deployed or runs; 0 = none was yet. */
uint32_t rt_master_attempt(struct rt_job *job, uint32_t task);

/* -- for src/runtime ------------------------------------------------------------------------------------------------- */

struct rt_master;

/* `restore`: NULL: from the beginning. */
struct rt_master *rt_master_new(struct rt_job *job, const struct rt_snap *restore);
void rt_master_free(struct rt_master *m); /* NULL is fine */
/* Deploys the first attempt and waits until it is ready. */
enum cep_rc rt_master_begin(struct rt_job *job, struct cep_err *err);
/* The next one, from the last checkpoint. */
enum cep_rc rt_master_go_back(struct rt_job *job, struct cep_err *err);
/* The attempt that is ready, to its end. Ensures: none of its parts is left. */
enum cep_rc rt_master_run(struct rt_job *job, struct cep_err *err);
/* Every source has come to its end. */
bool rt_master_all_read(struct rt_job *job);
/* To the parts: to those of all regions. */
void rt_master_start(struct rt_job *job);
void rt_master_barrier(struct rt_job *job, uint64_t id, struct rt_barrier how);
void rt_master_complete(struct rt_job *job, uint64_t id);
void rt_master_resume(struct rt_job *job);
struct rt_reports;
struct rt_reports *rt_master_reports(struct rt_job *job);
/* Is that the attempt of the region of which things are heard? */
bool rt_master_hears(struct rt_job *job, uint32_t attempt, uint32_t region);
