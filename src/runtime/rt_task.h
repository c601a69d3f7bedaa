#pragma once
/*
 * rt_task -- one subtask at work: chained operators, run by one thread.
 *
 * A task has sources, or channels to read, never both; operators; channels to write; the sinks, if it is theirs. Its loop
 * takes one thing at a time (a batch from a source, an element from a channel), pushes it through the chain, and between
 * two of them looks after its sockets, sinks and counts. No operator needs a lock.
 *
 *     rt_task_read()  a batch from the source furthest behind ─┐
 *     rt_task_take()  an element from the next channel ────────┴─▶ operators ─▶ sends ─▶ rt_task_push() ─▶ channel
 *
 * Waiting. A task without anything to do sleeps in its event loop; a task whose channel is full sleeps where it stands (its
 * readers always go on, since channels have no cycle). Both are woken by the task's bell, an eventfd. To wake a thread costs as
 * much as some hundred rows, so a writer rings only when a quarter of the ring is new, when it looks after its sockets
 * (HOUSEKEEPING_STEPS), and before it sleeps itself; a reader rings when half of a full ring is free again.
 *
 * The end. A task that has finished its sources, or was told to stop, or failed, sends STOP, the last element of each channel; a
 * task ends when all of its channels have brought one. A task that failed goes on emptying its channels until then, so that
 * nobody waits for it.
 *
 * Internal to src/runtime.
 */
#include "runtime/rt_flight.h"
#include "runtime/rt_graph.h"
#include "runtime/rt_job.h"
#include "runtime/rt_later.h"
#include "runtime/rt_op.h"

#include <pthread.h>

struct event;
struct event_base;
struct rt_channel;
struct rt_saving;
struct rt_snap_db;
struct rt_task;
struct sto_db;

enum {
    HOUSEKEEPING_STEPS = 32, /* batches between two looks at the clock, sockets, sinks and buffers */
    HOUSEKEEPING_ROWS = HOUSEKEEPING_STEPS * EVT_BATCH_ROWS,
    BATCH_POOL = 16 /* batches of a source that are filled again when nobody keeps them */
};

/* A source being read. */
struct rt_source_run {
    /* Set once. */
    struct rt_task *task;   /* borrowed: who reads it */
    struct rt_op *op;       /* borrowed: the task's graph's */
    struct con_source *con; /* owned */
    uint32_t group;         /* see rt_job.group */
    /* The task's. */
    struct evt_batch *pool[BATCH_POOL]; /* owned */
    uint32_t next_in_pool;
    struct evt_batch *batch; /* borrowed from the pool; filled by the next poll */
    int64_t next_poll_us;    /* after CEP_AGAIN: monotonic; INT64_MAX = when it wakes us */
    int64_t
        silent_since_us; /* monotonic; of the partition that holds a full buffer; INT64_MIN = it is not silent */
    int64_t
        drifted_since_us; /* monotonic; it waits for sources behind it, and the time before that is counted; INT64_MIN = it does not */
    bool done;
    /* Shared: how far it is, for the sources that wait for it. */
    atomic_int_fast64_t shown_watermark;
    atomic_bool shown_idle, shown_done;
    atomic_bool shown_empty; /* had nothing when it was last asked */
};

/* A channel this task reads. */
struct rt_task_in {
    struct rt_channel *channel; /* borrowed */
    uint32_t writer;            /* subtask: the input of the gates */
    uint32_t taken;             /* the writer is elsewhere: elements since it was told of room */
    bool stopped;               /* STOP came */
    bool blocked;               /* its barrier came, others' have not */
    bool logging;  /* the task was saved before its barrier came: rows go into the snapshot too */
    uint32_t seen; /* logging: of the elements that wait, the first so many are in it already */
};

/* A channel this task writes. */
struct rt_task_out {
    struct rt_channel *channel; /* borrowed */
    uint32_t unannounced;       /* elements the reader was not woken for */
};

/* Where the sends of one exchange put their elements. */
struct rt_task_send {
    struct rt_task *task;
    uint32_t first_out; /* outs of the reading vertex's subtasks stand together */
    struct rt_op *op;   /* owned */
    struct rt_op
        *combine; /* owned; what gathers rows before they go to `op`: rt_combine.h; NULL = nothing does */
};

struct rt_task {
    /* Set once, for all attempts of the job. */
    struct rt_job *job; /* borrowed */
    uint32_t index;     /* in rt_exec.tasks */
    const struct plan_vertex *vertex;
    int bell_fd; /* eventfd */
    /* Set once by rt_task_open(): from here on things begin anew with each attempt. */
    struct sto_db *db; /* owned; keys that do not fit into memory; NULL: backend memory, or no keys */
    const struct rt_snap_db *served; /* borrowed; the saved one that db began with; NULL: it was empty */
    uint16_t *numbers;               /* owned; by node: the operator's in db */
    struct rt_graph graph;
    struct rt_source_run **sources; /* owned array; the job's */
    uint32_t n_sources;
    struct rt_op **sinks; /* owned; in the order of the vertex */
    uint32_t n_sinks;
    struct rt_op **gates;       /* owned; by exchange; NULL: not read here */
    struct rt_task_send *sends; /* owned; by exchange; op NULL: not written here */
    struct rt_task_in *ins;
    struct rt_task_out *outs; /* owned */
    uint32_t n_ins, n_outs;
    struct event_base *loop; /* owned */
    struct event *timer, *bell_event;
    pthread_t thread;
    /* The thread's. */
    uint64_t *turn; /* owned; by group: number of its last read */
    uint64_t n_reads;
    uint32_t in_turn, in_burst; /* the channel being read, elements taken from it in a row */
    uint32_t n_stopped;         /* channels that brought STOP */
    bool held_back;             /* a source waits for the others: look again soon */
    int64_t flushed_us, progress_us, shown_us;
    uint64_t barrier;          /* the last one that went on */
    uint64_t committed;        /* the last checkpoint that its sinks committed */
    struct rt_saving *saving;  /* owned; what is not out yet of the last checkpoint; NULL: all is */
    uint64_t untaken;          /* the checkpoint for which the relay has not copied db yet; 0 = none */
    uint32_t n_blocked;        /* channels that wait for the others' barriers */
    uint32_t n_logging;        /* channels whose rows go into the snapshot */
    uint64_t aligning;         /* the barrier that it knows to be on its way; `barrier` or less: none */
    int64_t aligning_since_us; /* of that */
    struct rt_later later;     /* owned; what a restore left to be read */
    struct rt_flights flights; /* owned; to be taken before anything else */
    int64_t *counted;          /* owned; by node: what job->buffered has of it */
    enum cep_rc failed;        /* by a callback, in the midst of something else */
    struct cep_err failure;
    int64_t started_us;          /* monotonic; 0 = not yet */
    int64_t idle_us, blocked_us; /* slept for input; for room in a channel, or for a sink */
    bool ended;
    /* Shared; stays. */
    atomic_bool asleep;
    atomic_uint_fast64_t
        announced; /* the last barrier that a writer has passed, wherever in its channel that is */
    atomic_uint_fast64_t taken; /* the last checkpoint that has its copy of db, or needs none */
    pthread_mutex_t mutex;      /* of what is shown */
    struct rt_op_info *shown;   /* owned; by operator of the job (nodes, then sinks); kind NULL: not here */
    struct rt_task_info shown_task;
};

/* Requires: memory is zeroed. What is seen from outside: it stays when the job begins again. Safe to release after a failure. */
enum cep_rc rt_task_init(struct rt_task *task, struct rt_job *job, uint32_t index, struct cep_err *err);
/*
 * Operators, and sinks that are not open yet; its sources are opened by the job. Requires: it is not open. Safe to close after a failure.
 */
enum cep_rc rt_task_open(struct rt_task *task, struct cep_err *err);
/* After that; once. */
enum cep_rc rt_task_open_sinks(struct rt_task *task, struct cep_err *err);
void rt_task_close(struct rt_task *task); /* does no harm when it is not open */
/* Connects sends and gates to the job's channels. Requires: all tasks are initialised. */
void rt_task_connect(struct rt_task *task);
void rt_task_release(struct rt_task *task);
/* Until it ends; failures are the job's (rt_job_fail). */
void rt_task_run(struct rt_task *task);
/* What waits within its chain, to the errors ports of its operators and to be gathered with more, goes. */
enum cep_rc rt_task_flush(struct rt_task *task, struct cep_err *err);
/* Brings `shown` up to date. */
void rt_task_show(struct rt_task *task);
/* Requires: it is the task's. */
struct rt_op *rt_task_sink(const struct rt_task *task, uint32_t sink);
/* Only what is shown of the task itself. */
void rt_task_show_self(struct rt_task *task);
/* Brings its part of job->buffered up to date. */
void rt_task_count(struct rt_task *task);

/* -- rt_task_read.c: sources ---------------------------------------------------------------------------------------- */

/*
 * One batch from wherever there is one; `full`: from what holds the watermark back, nothing else.
 * Returns: CEP_OK, CEP_AGAIN when there is nothing now, an error.
 */
enum cep_rc rt_task_read(struct rt_task *task, bool full, struct cep_err *err);
/* Nothing is read for a while: a sink is slow. */
void rt_task_unheard(struct rt_task *task);
/* When (monotonic) the next source wants to be read; `full` as above. INT64_MAX: when it wakes us. */
int64_t rt_task_next_poll(const struct rt_task *task, bool full);
/* Lets the clock act on its sources. *next_us (monotonic): when to call again at the latest. */
enum cep_rc rt_task_tick(struct rt_task *task, int64_t *next_us, struct cep_err *err);

/* -- rt_task_channel.c: channels ------------------------------------------------------------------------------------ */

/* One element of one channel, into the chain. Returns: CEP_OK, CEP_AGAIN when there is none now, an error. */
enum cep_rc rt_task_take(struct rt_task *task, struct cep_err *err);
/* All channels are read again. */
void rt_task_unblock(struct rt_task *task);
/* Throws away what its channels hold, until each has brought its last element. */
void rt_task_discard(struct rt_task *task);
/* Puts an element in a channel; waits for room. Takes over the batch reference. */
void rt_task_push(struct rt_task *task, uint32_t out, const struct evt_elem *e);
/* Readers that sleep get to know of all that was pushed. */
void rt_task_announce(struct rt_task *task);
/* Readers get to know of a barrier before it has gone through the channel. */
void rt_task_announce_barrier(struct rt_task *task, uint64_t id);
/* A writer has passed that barrier. Any thread. */
void rt_task_announced(struct rt_task *task, uint64_t id);
/* To all of its channels: this was the last. */
void rt_task_push_stop(struct rt_task *task);
/* Sleeps until the bell rings, or for a while. Sockets and timers wait. */
void rt_task_wait_for_bell(struct rt_task *task);
/* True when something waits in a channel. Ordered after what the thread wrote before. */
bool rt_task_has_input(const struct rt_task *task);
/* Any thread: wakes the task when it sleeps, or will. */
void rt_task_ring_bell(struct rt_task *task);
