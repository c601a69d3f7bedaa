#pragma once
/*
 * rt_job_internal -- what a job consists of, for its own files: rt_job_open.c makes it, rt_job_read.c reads its sources,
 * rt_job.c turns the loop.
 */
#include "runtime/rt_graph.h"
#include "runtime/rt_job.h"

#include <stdatomic.h>

struct event;
struct event_base;

enum {
    HOUSEKEEPING_STEPS = 32, /* batches between two looks at the clock, sockets, sinks and buffers */
    HOUSEKEEPING_ROWS = HOUSEKEEPING_STEPS * EVT_BATCH_ROWS
};

struct rt_input_source {
    struct rt_job *job;      /* borrowed */
    struct rt_op *op;        /* borrowed: the graph's */
    struct con_source *con;  /* owned */
    struct evt_batch *batch; /* owned; filled by the next poll, recycled when nobody keeps it */
    uint32_t group;          /* see rt_job.group */
    int64_t next_poll_us;    /* after CEP_AGAIN: monotonic; INT64_MAX = when it wakes us */
    int64_t
        silent_since_us; /* monotonic; of the partition that holds a full buffer; INT64_MIN = it is not silent */
    bool done;
};

struct rt_job {
    const struct plan *plan;
    struct rt_opts opts;
    struct rt_trace trace;
    struct rt_graph graph;
    struct rt_input_source *sources; /* owned */
    uint32_t n_sources;
    struct rt_op **sinks; /* owned */
    uint32_t n_sinks;
    /*
     * Nodes that are connected, whichever way, are one group, named by its lowest node. Sources of a group stay together in
     * event time; groups have nothing to do with each other and take turns.
     */
    uint32_t *group; /* owned; by node */
    uint64_t *turn;  /* owned; by group: number of its last read */
    uint64_t n_reads;
    struct event_base *loop;          /* owned */
    struct event *timer, *stop_event; /* owned */
    int stop_fd;                      /* eventfd: written by rt_job_stop() */
    atomic_bool stop;
    int64_t started_us, flushed_us, progress_us;
    enum cep_rc failed; /* by a callback, in the midst of something else */
    struct cep_err failure;
};

/*
 * One batch from wherever there is one; `full`: from what holds the watermark back, nothing else.
 * Returns: CEP_OK, CEP_AGAIN when there is nothing now, an error.
 */
enum cep_rc rt_job_read(struct rt_job *job, bool full, struct cep_err *err);
/* Nothing is read for a while: a sink is slow. */
void rt_job_unheard(struct rt_job *job);
/* When (monotonic) the next source wants to be read; `full` as above. INT64_MAX: when it wakes us. */
int64_t rt_job_next_poll(const struct rt_job *job, bool full);
