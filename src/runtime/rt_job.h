#pragma once
/*
 * rt_job -- a plan at work in this process: operators made and connected, sources read, sinks flushed.
 *
 *     struct rt_opts opts;
 *     rt_opts_init(&opts);
 *     if (rt_job_new(plan, &opts, &job, &err) == CEP_OK)
 *         rc = rt_job_run(job, &err);
 *     rt_job_free(job);
 *
 * The plan becomes a job graph (plan_job), that an execution graph (rt_exec), that tasks (rt_task). With parallelism 1 it is
 * one task, run by the thread that calls rt_job_run(): the loop reads the source that is furthest behind in event time,
 * pushes its rows through the chains, and lets libevent handle sockets and timers in between. With more, each source,
 * each subtask of the keyed operators and the sinks have a thread; what they give is the same, in the same order for each key.
 * Sources of unequal speed stay together, so little waits in reorder buffers. Sources that no operator brings together
 * have nothing to do with each other.
 *
 * Memory: rows that wait for a watermark are bounded by opts.max_buffered. When it is reached only the partition that holds
 * the watermark is read; when that one has nothing to say for opts.held_patience_us, the job fails and names it.
 */
#include "connect/con.h"
#include "plan/plan_job.h"
#include "runtime/rt_op.h"
#include "runtime/rt_restart.h"
#include "runtime/rt_snap.h"

struct rt_exec;
struct rt_job;
struct rt_part_opts;
struct rt_remote;

enum { RT_CHANNEL_CAPACITY = 64 };

struct rt_opts {
    const struct clk *clk;     /* clk_system() */
    uint32_t parallelism;      /* 1..PLAN_PARALLELISM_MAX */
    uint32_t channel_capacity; /* `channel.capacity`: elements (batches, watermarks) between two tasks */
    const char *base_dir;      /* folder of the .pattern file; NULL = the current one */
    const char *writer;        /* con_env.writer: the job's id in a cluster; NULL = none */
    uint32_t batch_rows;       /* `batch.size`, 1..EVT_BATCH_ROWS */
    int64_t linger_us;         /* `batch.linger`: sinks are flushed at least this often */
    uint64_t max_buffered;     /* rows waiting for watermarks, over all operators */
    /*
     * `state.memory`; 0 = no limit. Of backend memory a limit on each pattern's partial matches, which its subtasks share; of backend
     * rocksdb a budget for all of them, beyond which keys go to the databases in work_dir.
     */
    uint64_t state_bytes;
    bool rocksdb; /* `state.backend` */
    const char
        *work_dir; /* of this job alone (sto_work.h); NULL = a temporary folder. Used only when needed */
    int64_t held_patience_us;  /* how long a silent partition may hold back a full buffer */
    int64_t drain_us;          /* how long sinks may take to get rid of what they hold at the end */
    int64_t progress_every_us; /* 0 = progress() is never called */
    int stdin_fd, stdout_fd, stderr_fd;
    /*
     * Checkpoints, when there is keep(). It makes the snapshot durable; sinks commit when it has returned CEP_OK. No task waits
     * for it; calls come one at a time: at the start, every so often, and at the end.
     */
    enum cep_rc (*keep)(void *arg, uint64_t id, const struct rt_snap *snap, struct cep_err *err);
    /*
     * What a job that failed goes back to: appends the last snapshot that was kept; NULL = it does not go back. Called by the
     * thread of rt_job_run().
     */
    enum cep_rc (*latest)(void *arg, struct rt_snap *out, struct cep_err *err);
    /*
     * Whether and when; needs keep() and latest(). A failure that the same input brings about again (cep_err.fatal) is not
     * tried again.
     */
    struct rt_restart_spec restart;
    /* The job goes back: RESTARTING with what failed, before it waits; then RUNNING. By the thread of rt_job_run(). NULL = nobody. */
    void (*state)(void *arg, enum rt_state state, const struct cep_err *why);
    /*
     * Savepoints, when there is keep_savepoint(): it makes the snapshot a folder of its own somewhere in `dir`, and appends the
     * folder's path. May be there without keep(). Called by the same thread as keep().
     */
    enum cep_rc (*keep_savepoint)(
        void *arg, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err);
    int64_t checkpoint_every_us;   /* 0 = only at the start and at the end */
    int64_t checkpoint_timeout_us; /* one that takes longer is dropped */
    int64_t
        alignment_timeout_us; /* a task that has waited so long for barriers waits no more; < 0 = it does */
    int64_t checkpoint_pause_us;    /* between the end of one and the begin of the next, at least */
    uint32_t checkpoints_in_flight; /* at the same time, at most */
    int64_t save_slice_us;          /* how long a task with input saves itself between two elements */
    uint64_t next_checkpoint;       /* the id of the first one */
    const struct rt_snap
        *restore; /* what the job goes on from; NULL = from the beginning. Borrowed by rt_job_new() */
    bool
        restore_is_latest; /* it is what latest() gives: where all of the job is in it, no checkpoint is taken at the start */
    struct sto_losses *losses; /* what of it found no place; NULL = nobody asks */
    /*
     * All of them are known: may it go on without? Before sinks are opened, and so before anything that was written is taken back. By
     * rt_job_new(); NULL = yes. Not asked of a part.
     */
    enum cep_rc (*judge)(void *arg, struct cep_err *err);
    /*
     * History is read again: sources end where they ended when the job was made, or when their watermark is `until_us`, beyond which none
     * goes (EVT_TIME_MAX = no such limit); without the watermark at the end of time, so that nothing is timed out that
     * might still go on. A source without positions is refused.
     */
    bool replay;
    int64_t until_us;
    /* One job in many processes: at most one of these. See rt_part.h, rt_master.h. */
    const struct rt_part_opts *part; /* only some tasks are here; copied by rt_job_new() */
    const struct rt_remote *remote;  /* none is: they run elsewhere; borrowed for the job's life */
    /* Called by any thread, one at a time. */
    void (*log)(void *arg, enum con_level level, const char *text); /* NULL = nobody listens */
    void (*progress)(void *arg, struct rt_job *job);
    void (*trace)(void *arg, const char *line); /* every row and watermark of every operator; NULL = none */
    void *arg;
};

void rt_opts_init(struct rt_opts *opts);

/*
 * Opens sources and sinks, and gives them and the operators what opts.restore has of them. Requires: plan outlives the job.
 * Returns: CEP_EIO, CEP_EINVAL when one of them cannot be opened; the message names it. CEP_EDAMAGED, CEP_ESTATE for state
 *          that cannot be read or that does not fit what is there.
 */
enum cep_rc rt_job_new(
    const struct plan *plan, const struct rt_opts *opts, struct rt_job **out, struct cep_err *err);
void rt_job_free(struct rt_job *job); /* NULL is fine */

/*
 * Until every source has ended (the watermark is then at the end of time and sinks are drained), or rt_job_stop().
 * Returns: CEP_OK; CEP_EINTERRUPTED after a stop (sinks are drained; open partial matches are not timed out); else what
 *          went wrong, with the operator's name (sinks are drained as far as they can be).
 */
enum cep_rc rt_job_run(struct rt_job *job, struct cep_err *err);
/* Asks a running job to stop. May be called from a signal handler or another thread. */
void rt_job_stop(struct rt_job *job);

/* -- savepoints ---------------------------------------------------------------------------------------------- */

/* One that somebody asks for. */
struct rt_savepoint {
    const char *dir; /* where; copied */
    bool stop;       /* sources stop at it, and when it is there the job ends as by rt_job_stop() */
    /* What became of it, once: rc CEP_OK and its path, or what went wrong. Called by a thread of the job. */
    void (*done)(void *arg, enum cep_rc rc, const char *path, const struct cep_err *err);
    void *arg;
};

/*
 * Asks for a savepoint: a checkpoint outside the interval, which is the user's and of which the job takes no note. Its sinks are
 * prepared by it and do not commit: that is for the next checkpoint. Any thread.
 * A savepoint that fails leaves the job running, also with `stop`: its sources then go on.
 * Returns: CEP_OK: done() will be called, at the job's end at the latest. CEP_ESTATE: the job has ended, is being stopped, or takes
 *          no savepoints; done() is not called.
 */
enum cep_rc rt_job_savepoint(struct rt_job *job, const struct rt_savepoint *s, struct cep_err *err);

/* -- looking at it ------------------------------------------------------------------------------------------- */

/* Any thread may look while the job lives; what is seen is some 100 ms old at most while it works. */

enum { RT_HELD_BY_MAX = 64 };

/* Counts of one operator, its subtasks added up; brought up to date a few times a second and at the end; `name` and `kind` are borrowed from the job. */
struct rt_op_info {
    struct base_str name;
    const char *kind;
    int64_t watermark; /* EVT_TIME_MIN = none yet */
    struct rt_metrics metrics;
    const char *first_undecodable,
        *first_failure; /* borrowed; "" = none; to be read when the job has ended */
    bool idle, ended;
    bool is_source, is_sink;
    char held_by
        [RT_HELD_BY_MAX]; /* is_source: of its partitions the one furthest behind; "" = it has only one */
    struct con_source_stats source; /* is_source */
    struct con_sink_stats sink;     /* is_sink */
};

uint32_t rt_job_n_ops(const struct rt_job *job);
void rt_job_op_info(struct rt_job *job, uint32_t i, struct rt_op_info *out);

/* One task: a subtask of a vertex of the job graph. What is left of the time since its start, it worked. */
struct rt_task_info {
    uint32_t vertex, subtask, region;
    uint32_t attempt; /* how often it was deployed, or a task of the job that goes back without it; from 1 */
    bool started, ended;
    int64_t ran_us;     /* from its start to its end, or to when this was brought up to date */
    int64_t idle_us;    /* waiting for input */
    int64_t blocked_us; /* backpressured: waiting for room in a channel, or for a sink */
};

/* Both live as long as the job. */
const struct plan_job *rt_job_graph(const struct rt_job *job);
const struct rt_exec *rt_job_exec(const struct rt_job *job);
uint32_t rt_job_n_tasks(const struct rt_job *job);
void rt_job_task_info(struct rt_job *job, uint32_t task, struct rt_task_info *out);
/* Operator `i` as that task alone has it. Returns: false when it is not part of the task. */
bool rt_job_task_op(struct rt_job *job, uint32_t task, uint32_t i, struct rt_op_info *out);

enum { RT_CHECKPOINT_HISTORY = 10, RT_CHECKPOINT_REASON_MAX = 512 };

enum rt_checkpoint_status { RT_CHECKPOINT_IN_PROGRESS = 0, RT_CHECKPOINT_COMPLETE, RT_CHECKPOINT_FAILED };

struct rt_checkpoint_stat {
    uint64_t id; /* 0 = there was none yet */
    enum rt_checkpoint_status status;
    bool is_savepoint;
    int64_t begun_us;     /* wall clock */
    int64_t duration_us;  /* until it was complete, or had failed */
    int64_t alignment_us; /* the longest that a task waited between its first barrier and its last */
    int64_t
        pause_us; /* the longest that the rows of a task waited for it to save itself: at the barrier, or for a slice */
    int64_t barrier_us;                   /* the longest at a barrier */
    int64_t pause_cpu_us, barrier_cpu_us; /* the same in processor time of the task's thread */
    int64_t save_us; /* the longest from a task's barrier until all of its state was out */
    uint64_t bytes;
    uint64_t
        new_bytes; /* of `bytes`: what workers had to write for it, on a cluster; all of it in one process */
    bool is_unaligned;     /* a task or more did not wait for all barriers */
    uint64_t flight_bytes; /* of `bytes`: rows that were under way between tasks */
    uint32_t n_tasks, n_acknowledged;
    char failure[RT_CHECKPOINT_REASON_MAX]; /* FAILED */
};

/* Of all complete ones. */
struct rt_checkpoint_range {
    int64_t min, max, sum;
};

struct rt_checkpoint_stats {
    uint64_t begun, complete;
    uint64_t unaligned;         /* of the complete ones */
    uint64_t timed_out, failed; /* dropped; the job went on, or went back to the one before */
    uint64_t abandoned;         /* under way when the job ended or went back */
    uint32_t in_flight;
    uint32_t restarts; /* of the job, or of a region of it: that were begun */
    struct rt_checkpoint_stat last, last_failed;
    struct rt_checkpoint_stat last_savepoint; /* that is complete; savepoints are in no count */
    char last_savepoint_path[RT_CHECKPOINT_REASON_MAX];
    struct rt_checkpoint_range duration_us, alignment_us, pause_us, pause_cpu_us, barrier_us, barrier_cpu_us,
        bytes, new_bytes, flight_bytes;
    /* What the job went on from last, at the start or at a restart; restored_us 0 = it began at the beginning. */
    uint32_t n_restored;
    uint64_t restored_id;
    int64_t restored_us; /* wall clock */
    bool restored_savepoint;
    /* The newest is history[0]. */
    struct rt_checkpoint_stat history[RT_CHECKPOINT_HISTORY];
    uint32_t n_history;
};
/* Any thread. All zero without checkpoints. */
void rt_job_checkpoints(struct rt_job *job, struct rt_checkpoint_stats *out);

struct rt_totals {
    uint64_t events; /* rows decoded by all sources */
    uint64_t matches, alerts, late, errors, suppressed, timed_out;
    int64_t watermark;          /* the lowest of the sources that have not ended; EVT_TIME_MIN = none yet */
    int64_t started_us, now_us; /* monotonic clock */
};
void rt_job_totals(struct rt_job *job, struct rt_totals *out);
