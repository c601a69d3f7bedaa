#pragma once
/*
 * rt_part -- some tasks of a job in this process, the others in others: what a worker runs.
 *
 *     rt_job_new() with rt_opts.part: opened and restored     ready; barriers may come: what does not run is saved all the same
 *     rt_part_start()                                         rows flow
 *
 * Sinks of a part that goes on from a snapshot are opened by the first barrier or the start: until then the master may find that too much was
 * lost, and what they wrote behind the snapshot has to stay.
 *
 *     rt_part_barrier(), rt_part_complete(), rt_job_stop() ...  as the master says (rt_master.h)
 *     rt_job_free()                                           also in the midst of it
 *
 * The plan, the job graph and the execution graph are those of the whole job, so tasks and channels have the same numbers
 * everywhere. A channel between a task here and one elsewhere is a ring of which the network has the other end:
 *
 *     task here ─▶ ring ─▶ rt_part_out_pop() ═══ network ═══ rt_part_in_push() ─▶ ring ─▶ task there
 *
 * A part does not go back by itself. When a task of it fails, or it was told that something else has (rt_part_fail()), it is over: all
 * its tasks end where they stand, and nothing they hold goes anywhere.
 *
 * What rt_job_new() says is not cep_err.retriable: a job whose parts cannot be made at its start fails.
 *
 * The snapshot that it begins with (rt_opts.restore) is the whole job's: each part takes what is its own. Of what has no place
 * any more the part counts what its own operators lose; of operators that are in the plan no more, the part with task 0.
 */
#include "runtime/rt_exec.h"
#include "runtime/rt_job.h"
#include "runtime/rt_relay.h"

/* What a part tells. By its threads, never under a lock of its own, never after rt_job_free() has returned. */
struct rt_part_fns {
    /* Out: there is something to send. In: a quarter of the ring or more is free again since the last time. Must not be missed or block. */
    void (*wake)(void *arg, uint32_t channel);
    /* Out: that barrier was passed; it overtakes what waits. */
    void (*announce)(void *arg, uint32_t channel, uint64_t id);
    /* Takes over `s`; rc != CEP_OK: it could not be saved. By one thread that has nothing else to do: may block. */
    void (*saved)(void *arg, struct rt_saved *s);
    /* Sinks of a task that does not run have committed: now, or while it still ran. */
    void (*committed)(void *arg, uint32_t task, uint64_t id);
    /* The task has done all it will, and all it saved was told; what is shown of it is final. */
    void (*ended)(void *arg, uint32_t task);
    /* Once at most: the part is over. */
    void (*failed)(void *arg, const struct cep_err *err);
    /* Until when (monotonic) it may write to sinks; a part that is beyond fails. NULL = for ever. */
    int64_t (*lease)(void *arg);
};

struct rt_part_opts {
    const bool *here; /* by task; copied */
    bool
        checkpoints; /* the job keeps checkpoints; it may have savepoints: what rt_opts.keep, .keep_savepoint say of a whole one */
    bool savepoints;
    struct rt_part_fns fns;
    void *arg;
};

/* Its tasks begin; does not wait for them. */
enum cep_rc rt_part_start(struct rt_job *job, struct cep_err *err);

/* What was decided of checkpoints; any thread, in order with each other and with the start. */

/* Ids follow each other from rt_opts.next_checkpoint on; none is left out. */
void rt_part_barrier(struct rt_job *job, uint64_t id, struct rt_barrier how);
void rt_part_complete(struct rt_job *job, uint64_t id); /* sinks commit */
void rt_part_resume(struct rt_job *job);                /* sources that were stopped by a barrier go on */

/* It is given up: its tasks end where they stand. failed() does not come any more. Any thread. */
void rt_part_cancel(struct rt_job *job);
/* Something that it cannot do without has failed: a connection, its lease. Any thread. */
void rt_part_fail(struct rt_job *job, const struct cep_err *err);

/* -- channels with one end here, by number; the network's thread ------------------------------------------------------- */

/* The next element to send, left where it is; NULL = none waits. */
const struct evt_elem *rt_part_out_peek(struct rt_job *job, uint32_t channel);
/* Takes it; its batch is the caller's. Requires: there is one. */
void rt_part_out_pop(struct rt_job *job, uint32_t channel, struct evt_elem *out);
/* Elements that find room now. */
uint32_t rt_part_in_room(struct rt_job *job, uint32_t channel);
/* Takes over the batch. Requires: there is room. */
void rt_part_in_push(struct rt_job *job, uint32_t channel, const struct evt_elem *e);
/* A barrier was passed by who writes the channel. */
void rt_part_announced(struct rt_job *job, uint32_t channel, uint64_t id);
/* Of a stream's batches; NULL: the channel has no such stream. Any thread. */
const struct evt_schema *rt_part_schema(const struct rt_job *job, uint32_t channel, uint32_t stream);

/* -- for src/runtime ------------------------------------------------------------------------------------------------- */

struct rt_part_run;

enum cep_rc rt_part_new(
    struct rt_job *job, const struct rt_part_opts *opts, struct rt_part_run **out, struct cep_err *err);
/* Its tasks are open: what comes of checkpoints is worked on from now on. */
enum cep_rc rt_part_opened(struct rt_job *job, struct cep_err *err);
/* Gives it up and waits for its threads. */
void rt_part_stop(struct rt_part_run *p);
void rt_part_free(struct rt_part_run *p); /* NULL is fine */
bool rt_part_has(const struct rt_part_run *p, uint32_t task);
bool rt_part_keeps(const struct rt_part_run *p);
bool rt_part_keeps_savepoints(const struct rt_part_run *p);
/* A task failed; NULL: not the first one. */
void rt_part_failed(struct rt_job *job, const struct cep_err *err);
/* Its lease has not run out. Any thread. */
bool rt_part_may_write(struct rt_job *job);
void rt_part_wake(struct rt_job *job, uint32_t channel);
void rt_part_announce(struct rt_job *job, uint32_t channel, uint64_t id);
