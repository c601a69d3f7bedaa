#pragma once
/*
 * con -- the outside: sources that fill batches, sinks that write them, formats between bytes and columns.
 *
 * Everything runs in the one thread that runs env->loop; nothing blocks (but for local files). A source is pulled:
 *
 *     con_source_open()                        partitions 0..n-1 are there (tcp: none yet)
 *     loop: con_source_poll(src, CON_ANY, &c)  CEP_OK     rows of one partition were appended to c.batch
 *                                              CEP_AGAIN  nothing now: poll after env.wake() or at c.next_poll_us
 *                                              CEP_NONE   the end: every partition is done and none will come
 *                                              else       the source cannot go on (err says why)
 *
 * A source has partitions: a file each, a connection each. Their numbers count from 0 in the order in which ties
 * break (files: sorted by path) and never change; new ones get the next number. A partition has a name that is the
 * same in the next run (a path, "stdin") and positions that only grow (evt_batch.seq: the byte offset at which the record
 * begins, in the decompressed bytes; generate: the row's number).
 *
 * A source goes on where it was by con_source_save() of each partition and, in another run, con_source_restore() with what
 * that gave: rows and bad records up to there do not come again, and partitions keep their numbers.
 *
 * A record that cannot be decoded never stops a source: it goes to env.bad() and is counted.
 *
 * A sink takes a batch whole, whatever it takes to keep it, and says with con_sink_busy() that it wants no more now: the
 * runtime then stops reading its sources until env.wake() or the next turn of the loop.
 *
 * A job with checkpoints opens its sinks by con_sink_open_as() and, at each checkpoint:
 *
 *     con_sink_prepare(sink, id, &state)   all rows written so far are on disk, or in `state`
 *     ... the checkpoint, with every sink's state in it, is complete ...
 *     con_sink_commit(sink, state)         what can wait for it becomes visible
 *
 * A checkpoint that fails is forgotten: the next one covers its rows. The job's last rows: flush(final), prepare, commit. After
 * a crash the states of the last complete checkpoint go to con_sink_open_as(): its commit is made up for, what was written
 * after it is undone (exactly once) or comes again (at least once). A checkpoint taken right after open gives a job that has
 * not written anything yet something to go back to.
 *
 * Errors do not name the stream or sink: the caller does. Lines for the log do.
 *
 * Threads: none; sources, sinks and callbacks belong to the thread of the loop.
 */
#include "event/evt_batch.h"
#include "plan/plan.h"

struct event_base;
struct con_source;
struct con_sink;

enum con_level { CON_LEVEL_INFO = 0, CON_LEVEL_WARNING, CON_LEVEL_ERROR, CON_LEVEL_MAX };

enum {
    CON_BAD_RECORD_MAX = 65536, /* bytes of a bad record that env.bad() gets to see */
};

/* A record that could not be decoded: a row for NAME.errors. Everything is borrowed for the call. */
struct con_bad {
    uint32_t partition;
    struct base_str partition_name;
    uint64_t offset;        /* where the record begins in the partition */
    struct base_str record; /* at most CON_BAD_RECORD_MAX bytes of it */
    const char *reason;     /* "column \"amount\": not a double: \"abc\"" */
};

/*
 * What a source or sink needs of the world. Copied by open(): give each source its own `arg` if the callbacks have to tell
 * them apart. Callbacks may be NULL (but the clocks). They must not call back into the source or sink.
 */
struct con_env {
    const char
        *base_dir; /* folder of the .pattern file, where relative paths start; NULL = the current one */
    /*
     * The job, where another writer of the same name can only be one that the job has given up, and that may not be waited for
     * (a cluster's): what it holds is taken from it. NULL = others are not to be disturbed.
     */
    const char *writer;
    struct event_base *loop;       /* libevent; NULL = no connectors with a network, stdin is polled */
    int64_t (*now_us)(void *arg);  /* processing time, microseconds since the epoch */
    int64_t (*mono_us)(void *arg); /* for whatever is waited for or lasts: nobody sets this clock */
    void (*log)(void *arg, enum con_level level, const char *text); /* one line, said once for each cause */
    void (*wake)(void *arg); /* a source has something, or a sink has room or has drained */
    void (*bad)(void *arg, const struct con_bad *bad);
    /*
     * History is read: a source goes through what is there when it is opened, as fast as it is taken, and then ends. Of a file that is
     * followed an unfinished last record is left out; `generate` does without its rate.
     */
    bool ends_now;
    int stdin_fd, stdout_fd, stderr_fd; /* con_env_init(): 0, 1, 2 */
    void *arg;
};
/* Ensures: the system's clocks, the three descriptors, no callbacks. */
void con_env_init(struct con_env *env);

/* -- sources ------------------------------------------------------------------------------------------------- */

enum { CON_ANY = UINT32_MAX };

struct con_chunk {
    struct evt_batch *batch; /* in: of the source's schema, with room; rows are appended. time[] is not set */
    uint32_t partition;      /* out, with CEP_OK: whose rows (or end) these are */
    uint32_t first_row;      /* out: batch->n_rows before the call */
    bool partition_done;     /* out: nothing more will come from `partition` (may come with no rows) */
    int64_t
        next_poll_us; /* out, with CEP_AGAIN: poll again at this time (mono_us) at the latest; INT64_MAX = wake() will come */
};

struct con_partition {
    struct base_str name; /* borrowed until the source is closed */
    uint64_t
        position; /* of the next record: behind the rows and bad records handed out, whatever is buffered */
    bool done;
    /* con_source_save(): what the source needs besides, in a form of its own, to be kept with the position. "" else. */
    struct base_str note;
};

struct con_source_stats {
    uint64_t rows, bytes;    /* decoded; bytes before decompression are not counted */
    uint64_t bad;            /* records that went to env.bad() */
    uint64_t duplicate_keys; /* json: keys that came twice in an object; the last one wins */
    uint64_t unmatched;      /* text: lines left out by unmatched = 'ignore' */
    uint64_t vanished, unreadable, rotations, truncations; /* file */
    uint64_t connections, refused;                         /* tcp */
};

/*
 * Requires: `node` is a PLAN_NODE_SOURCE and outlives the source.
 * Returns: CEP_EIO when it is not there, CEP_EINVAL for options that do not fit together.
 */
enum cep_rc con_source_open(
    const struct plan_node *node, const struct con_env *env, struct con_source **out, struct cep_err *err);
/*
 * One step: at most a batch full of rows of one partition. `partition` CON_ANY takes turns among those that have rows;
 * a number reads that one only (so that the caller can hold back partitions whose time is ahead): CEP_AGAIN when it has
 * nothing now or is done.
 */
enum cep_rc con_source_poll(
    struct con_source *src, uint32_t partition, struct con_chunk *chunk, struct cep_err *err);
uint32_t con_source_n_partitions(const struct con_source *src); /* grows */
void con_source_partition(const struct con_source *src, uint32_t i, struct con_partition *out);
/* True when it ends by itself (so that the program ends when all sources have). */
/*
 * What another run needs to go on with partition i: con_source_partition(), with a name that does not hold the folder of
 * the .pattern file, with a note, and `done` only when it was read to its end (not by con_source_stop()).
 * Side effects: `note` is borrowed until the next call for this source.
 */
void con_source_save(struct con_source *src, uint32_t i, struct con_partition *out);
/*
 * con_source_open() for a source that was saved: saved[0..n) in the order of their numbers become partitions 0..n-1. Those
 * that are done stay so and are not told of again; files that are there and were not get the next numbers.
 *
 *     file      goes on at the byte. Read once: a file that is missing, shorter, or another one is an error. Followed: a
 *               file rotated in the meantime is read to its end under its other name, then those after it; what is
 *               lost by truncation or removal is said and counted.
 *     generate  the same rows go on.
 *     stdin     goes on with what comes now.
 *     tcp       the connections are over.
 *
 * Returns: as con_source_open(); CEP_ESTATE when a file is not the one that was read, CEP_EDAMAGED for a bad note.
 */
enum cep_rc con_source_restore(const struct plan_node *node, const struct con_env *env,
    const struct con_partition *saved, uint32_t n, struct con_source **out, struct cep_err *err);
bool con_source_bounded(const struct con_source *src);
/* The same, with env.ends_now taken into account. */
bool con_source_ends(const struct con_source *src);
void con_source_stats(const struct con_source *src, struct con_source_stats *out);
/* Stops accepting and reading: whole records that are buffered still come, then CEP_NONE. */
void con_source_stop(struct con_source *src);
void con_source_close(struct con_source *src); /* NULL is fine */

/* -- sinks --------------------------------------------------------------------------------------------------- */

struct con_sink_stats {
    uint64_t rows, bytes;
    uint64_t retries;   /* requests or connections tried again */
    uint64_t failed;    /* rows given up: refused for good by the other side, or the drain's deadline */
    uint64_t rotations; /* file */
    uint64_t pending;   /* rows taken but not yet out of our hands */
};

/* How a job with checkpoints opens a sink. Zeroed: a job without. */
struct con_sink_how {
    uint32_t subtask, n_subtasks; /* which writer of how many; 0 of 0 is 0 of 1 */
    bool exactly_once;            /* plan_delivery_of() says so */
    uint32_t n_states;            /* what con_sink_prepare() gave to ALL writers of then, in any number */
    const struct base_str *states;
};

/* May there be several writers of it? (Part files; connections.) A file is one writer's. */
bool con_sink_parallel(const struct plan_sink *sink);
/*
 * Requires: `how` with n_subtasks above 1 only when con_sink_parallel(). Side effects: see above; the first writer's
 * open tells of states that nobody can use. Returns: CEP_ESTATE when files are not what they were (retriable false).
 */
enum cep_rc con_sink_open_as(const struct plan_sink *sink, const struct evt_schema *schema,
    const struct con_env *env, const struct con_sink_how *how, struct con_sink **out, struct cep_err *err);
/* Requires: `sink` and `schema` (plan_schema_of(plan, sink->input)) outlive the sink. */
enum cep_rc con_sink_open(const struct plan_sink *sink, const struct evt_schema *schema,
    const struct con_env *env, struct con_sink **out, struct cep_err *err);
/*
 * Takes the batch's rows (those of sel, visible columns).
 * Returns: CEP_EIO when they could not be written now; they are kept and tried again by the next write or flush, so the
 * caller must not write them again. CEP_NONE: the reader is gone for good (stdout into a closed pipe): end cleanly.
 */
enum cep_rc con_sink_write(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err);
/* True: holds more than its bound; stop reading until it is false again. */
bool con_sink_busy(const struct con_sink *sink);
/*
 * Pushes on what is buffered. Call it when a batch's worth of time has passed (batch.linger) and, with `final`, at the end
 * until it stops saying CEP_AGAIN (the loop has to run in between).
 * Returns: CEP_OK = all of it is out of our hands; CEP_AGAIN = under way; CEP_EIO.
 */
enum cep_rc con_sink_flush(struct con_sink *sink, bool final, struct cep_err *err);
/*
 * Appends to `state`, does not wait for anybody but the disk.
 * Returns: CEP_EIO: this checkpoint cannot be; retriable: the rows are kept and the next one may be (a full disk); not
 * retriable: only a restore helps (a sync that failed). CEP_NONE: the reader is gone for good.
 */
enum cep_rc con_sink_prepare(
    struct con_sink *sink, uint64_t checkpoint, struct base_buf *state, struct cep_err *err);
/* Requires: a state of this sink's prepare. A state whose commit was made, or that a later one covers, does no harm. */
enum cep_rc con_sink_commit(struct con_sink *sink, struct base_str state, struct cep_err *err);
/* What a state says, in words, for who looks at a checkpoint: "file \"a.ndjson\": 1200 bytes". Returns: CEP_EDAMAGED, CEP_EVERSION. */
enum cep_rc con_sink_tell(struct base_str state, struct base_buf *words, struct cep_err *err);
void con_sink_stats(const struct con_sink *sink, struct con_sink_stats *out);
void con_sink_close(struct con_sink *sink); /* NULL is fine. Drops what is still pending: flush first */

/*
 * Looks at the disk, before anything is opened: a sink must not write a file that a source of the plan reads (by whatever
 * name, through a link, a folder or a glob), nor two sinks one file. Returns: CEP_EINVAL, and err names both.
 */
enum cep_rc con_check_ends(const struct plan *plan, const struct con_env *env, struct cep_err *err);

/* -- what there is ------------------------------------------------------------------------------------------- */

/* Every connector and format of this version, for the compiler and `cepd help connectors`. */
const struct plan_catalog *con_catalog(void);
