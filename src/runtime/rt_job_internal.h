#pragma once
/*
 * rt_job_internal -- what a job consists of, for its own files: rt_job_open.c makes it, rt_job.c runs its tasks.
 *
 *     rt_job ─┬─ rt_task 0: sources, operators     ══ rt_channel ══▶ rt_task 2 ...
 *             └─ rt_task 1: sources, operators     ══ rt_channel ══▶
 *
 * A job of many processes has a master, which has no tasks but what is shown of them, and parts, in which some tasks are made and the others
 * are names.
 *
 * Threads: tasks run at the same time; what they share is here, and is atomic or says which lock guards it. One task alone
 * runs in the thread that called rt_job_run().
 */
#include "runtime/rt_exec.h"
#include "runtime/rt_job.h"
#include "runtime/rt_ring.h"
#include "runtime/rt_task.h"

#include <pthread.h>

struct rt_coordinator;
struct rt_master;
struct rt_part_run;
struct rt_relay;
struct rt_restore;
struct sto_work;

/* Between two tasks. */
struct rt_channel {
    struct rt_ring *ring; /* owned; NULL: neither end is here */
    struct rt_task *from, *to;
    uint32_t index;           /* in rt_exec.channels */
    bool out, in;             /* its reader, its writer is in another process: that end is the network's */
    atomic_bool writer_waits; /* for room */
};

struct rt_job {
    /* Set once. */
    const struct plan *plan;
    struct rt_opts opts;
    struct rt_trace trace;
    struct plan_job *graph; /* owned */
    struct rt_exec exec;
    struct rt_task *tasks;         /* owned; exec.n_tasks of them */
    struct rt_channel *channels;   /* owned; exec.n_channels of them */
    struct rt_source_run *sources; /* owned; of all tasks, by node */
    uint32_t n_sources;
    bool sinks_open;
    /*
     * Nodes that are connected, whichever way, are one group, named by its lowest node. Sources of a group stay together in
     * event time; groups have nothing to do with each other and take turns.
     */
    uint32_t *group;                /* owned; by node */
    struct sto_work *work;          /* owned; of databases; NULL: none was needed yet */
    int done_fd;                    /* eventfd: written when a task has ended */
    atomic_int_fast64_t started_us; /* monotonic; 0 = not yet */
    struct rt_restore *restore;     /* borrowed; while the job is made: what it goes on from */
    bool
        is_kept; /* what it went on from is all that it is: every source and every sink has its place there */
    struct rt_coordinator *coordinator; /* owned; NULL: neither checkpoints nor savepoints, or a part */
    struct rt_relay *relay;     /* borrowed from the coordinator, or the part; NULL: as above, or a master */
    struct rt_part_run *part;   /* owned; NULL: all tasks are here */
    struct rt_master *master;   /* owned; NULL: tasks are here */
    struct rt_restart *restart; /* borrowed; of the thread of rt_job_run(); NULL: nothing goes back */
    /* Shared. */
    atomic_int_fast64_t *buffered; /* owned; by group: rows that wait for watermarks, as last counted */
    atomic_int_fast64_t
        *buffered_elsewhere; /* owned; by group: the same of the job's tasks in other processes */
    atomic_uint attempt;     /* how often its tasks were made; of a job whose tasks are here */
    atomic_bool stop;        /* rt_job_stop() */
    atomic_bool halt;        /* a task failed, or nobody reads the sinks any more */
    atomic_bool cut;         /* a part that failed or was given up: tasks end where they stand */
    atomic_uint running;     /* tasks that have not ended */
    pthread_mutex_t mutex;   /* of the three below, and of the callbacks in opts */
    pthread_cond_t begin;
    enum { RT_GATHERING = 0, RT_GO, RT_NO_GO } signal; /* threads wait until all of them are there */
    enum cep_rc failed;                                /* the first failure of a task */
    struct cep_err failure;
};

/* Opens the folder for databases and spools when it is not open yet. Threads: the one that makes the job. */
enum cep_rc rt_job_need_work(struct rt_job *job, struct cep_err *err);

/*
 * Sources, operators, sinks and channels are made anew, as the last complete checkpoint has them. Requires: no task runs, nor
 * the coordinator.
 */
enum cep_rc rt_job_go_back(struct rt_job *job, struct cep_err *err);

/* The task is in this process. */
bool rt_job_has(const struct rt_job *job, uint32_t task);
/* It has checkpoints; it may have savepoints. */
bool rt_job_keeps(const struct rt_job *job);
bool rt_job_keeps_savepoints(const struct rt_job *job);
/* Its operators are such as can be saved: it has checkpoints, may have savepoints, or goes on from one of these. */
static inline bool rt_job_is_saved(const struct rt_job *job) {
    return rt_job_keeps(job) || rt_job_keeps_savepoints(job) || job->restore;
}

/* A thread for each task that is here. `*n`: tasks to wait for, also after a failure. */
enum cep_rc rt_job_start_threads(struct rt_job *job, uint32_t *n, struct cep_err *err);
void rt_job_join_threads(struct rt_job *job, uint32_t n);
/* Whoever waits for the tasks looks again. */
void rt_job_wake(struct rt_job *job);
/* For that thread: sleeps until then, or for a while; shows progress. */
void rt_job_wait(struct rt_job *job, int64_t *shown_us);
/* All of its tasks, and what belongs to them, made from a snapshot; NULL: from the beginning. */
enum cep_rc rt_job_open(struct rt_job *job, const struct rt_snap *snap, struct cep_err *err);
/* Of the tasks that are here. Requires: they are made and not open; rt_job_open() does it but for a part that goes on from a snapshot. */
enum cep_rc rt_job_open_sinks(struct rt_job *job, struct cep_err *err);
/* A failure is forgotten: what comes is another attempt. */
void rt_job_begin_again(struct rt_job *job);
/*
 * `failed`, with `err`: told, with `who` goes back and what `others` do; then the time that the strategy wants goes by. By the thread of
 * rt_job_run(). Returns: CEP_OK: now they begin again, and `err` is empty; CEP_EINTERRUPTED: the job was told to stop; `failed`: it stands.
 */
enum cep_rc rt_job_wait_for_restart(
    struct rt_job *job, const char *who, const char *others, enum cep_rc failed, struct cep_err *err);
/* All that was to begin again runs. */
void rt_job_runs(struct rt_job *job);
enum cep_rc rt_job_interrupted(struct cep_err *err);

/* -- what tasks need of the job; any thread ------------------------------------------------------------------------ */

/* Rows that wait for watermarks in all operators, as last counted. */
uint64_t rt_job_buffered(const struct rt_job *job);
static inline int64_t rt_job_group_buffered(const struct rt_job *job, uint32_t group) {
    return atomic_load_explicit(&job->buffered[group], memory_order_relaxed) +
           atomic_load_explicit(&job->buffered_elsewhere[group], memory_order_relaxed);
}
/* Stops all sources; tasks then end in their order. */
void rt_job_halt(struct rt_job *job);
bool rt_job_has_failed(struct rt_job *job);
/* The first one counts. Halts the job. */
void rt_job_fail(struct rt_job *job, enum cep_rc rc, const struct cep_err *err);
/* Reading is over: asked to stop, or halted. */
static inline bool rt_job_ending(const struct rt_job *job) {
    return atomic_load_explicit(&job->stop, memory_order_relaxed) ||
           atomic_load_explicit(&job->halt, memory_order_relaxed);
}
/* Nobody waits for what tasks have: they end at once. */
static inline bool rt_job_is_cut(const struct rt_job *job) {
    return atomic_load_explicit(&job->cut, memory_order_relaxed);
}
void rt_job_log(struct rt_job *job, enum con_level level, const char *text);
