#pragma once
/*
 * rt_relay -- what the tasks of one process have to do with checkpoints: what has begun and what is complete, told by who decides
 * (rt_coordinator), and what they saved, handed on to it.
 *
 *     one process:     rt_coordinator ── begin, complete, resume ──▶ rt_relay ─ bell ─▶ tasks
 *                                     ◀── saved, ended ──────────            ◀──────── save, end
 *     many processes:  the same, with the network between coordinator and relays (rt_part, rt_master)
 *
 * A task only copies its state out (rt_save.h); writing it to files is the relay's work. A task that has not started yet, or
 * has ended, is saved by the relay in its place, and its sinks commit here.
 *
 * Invariants
 *   I1  a task's saves are handed on by ascending ids
 *   I2  all that a task saved is handed on before its end is
 *
 * Internal to src/runtime, but for rt_saved. Threads: marked; "the owner's" is the one thread that works for it.
 */
#include "runtime/rt_snap.h"

#include <stdatomic.h>

struct rt_job;
struct rt_relay;
struct rt_task;

/* What a task has to say about one checkpoint. */
struct rt_saved {
    struct rt_saved *next; /* owned */
    uint64_t id;
    uint32_t task;
    struct rt_snap snap;   /* its parts */
    bool unaligned;        /* it overtook its barrier on some channels */
    uint64_t flight_bytes; /* of the rows that were under way there */
    uint64_t new_bytes;    /* of a worker: what it had to write; the rest was in the checkpoints' storage */
    int64_t align_us;      /* between its first barrier and its last */
    int64_t pause_us;      /* the longest that its rows waited for the save: at the barrier, or for a slice */
    int64_t barrier_us;    /* what they waited at the barrier */
    int64_t pause_cpu_us, barrier_cpu_us; /* the same in processor time of its thread */
    int64_t save_us;                      /* from its barrier until all was out */
    bool dropped;                         /* the task gave up: nobody else is told */
    atomic_size_t queued;                 /* bytes that wait to be written to files */
    enum cep_rc rc;
    struct cep_err err;
};

struct rt_saved *rt_saved_new(uint64_t id, uint32_t task);
void rt_saved_free(struct rt_saved *s); /* and those behind it; NULL is fine */

/* What goes with a barrier. */
struct rt_barrier {
    bool aligned; /* it may not be overtaken: a savepoint's */
    bool stop;    /* sources wait behind it until it is known what becomes of it */
};

/* Who hears of it; called by the owner's thread. */
struct rt_relay_to {
    void (*saved)(void *arg, struct rt_saved *s); /* takes it over */
    bool (*wanted)(void *arg, uint64_t id);       /* is that one still under way? NULL = they all are */
    void (*committed)(void *arg, uint32_t task,
        uint64_t id); /* of a task that does not run, whenever it did; NULL = nobody asks */
    void (*ended)(void *arg, uint32_t task);
    void *arg;
    int wake_fd; /* eventfd, borrowed: written when there is something to do */
};

/* `last`: the id before the first one. Requires: the execution graph is made. Owns: the caller frees it. */
struct rt_relay *rt_relay_new(struct rt_job *job, uint64_t last, const struct rt_relay_to *to);
void rt_relay_free(struct rt_relay *r); /* NULL is fine */

/* -- what was decided; any thread ------------------------------------------------------------------------------------ */

/* Ids follow each other, none is left out. */
void rt_relay_begin(struct rt_relay *r, uint64_t id, struct rt_barrier how);
void rt_relay_complete(struct rt_relay *r, uint64_t id);
void rt_relay_resume(struct rt_relay *r); /* sources that wait behind a barrier go on */

/* -- the owner's ----------------------------------------------------------------------------------------------------- */

/* Tasks are about to run; none of them does yet. */
void rt_relay_start(struct rt_relay *r);
/* No task runs: they are all saved here. */
void rt_relay_stand_in(struct rt_relay *r);
/* Hands on what tasks said and who has ended. */
void rt_relay_listen(struct rt_relay *r);
/* Saves the tasks that do not run; hands that on too. */
void rt_relay_save(struct rt_relay *r);
/* Their sinks commit what is complete. */
enum cep_rc rt_relay_commit(struct rt_relay *r, struct cep_err *err);
/* What was not handed on yet will not be. */
void rt_relay_forget(struct rt_relay *r);

/* -- for tasks; any thread ------------------------------------------------------------------------------------------- */

/* The last checkpoint that was begun; that is complete. */
uint64_t rt_relay_begun(const struct rt_relay *r);
uint64_t rt_relay_completed(const struct rt_relay *r);
/* The barrier behind which sources wait to be stopped; 0 = none. */
uint64_t rt_relay_stops_at(const struct rt_relay *r);
/* This one and those before it are to be aligned. */
uint64_t rt_relay_aligned_to(const struct rt_relay *r);
/*
 * What there is of a part goes to its file; `bytes` are empty then. spool: at once, by the owner's thread; queue: by that
 * thread later, but before what is acknowledged after it.
 */
void rt_relay_spool(struct rt_relay *r, struct rt_part *part);
void rt_relay_queue(struct rt_relay *r, struct rt_saved *s, struct rt_part *part);
/* Takes over `s`. */
void rt_relay_acknowledge(struct rt_relay *r, struct rt_saved *s);
/* The task has done all it will do: it is the relay's to save. */
void rt_relay_ended(struct rt_relay *r, const struct rt_task *task);
