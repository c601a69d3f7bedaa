#pragma once
/*
 * rt_op -- an operator of the dataflow and the edges between operators.
 *
 * Operators of one task are chained: rt_emit() calls the next operator's batch function at once, on the same thread
 * (Flink's operator chains). Each operator has numbered inputs and outputs by port (enum plan_port); an output goes to any
 * number of inputs. Watermarks are merged by minimum over the inputs that are neither idle nor ended, and an operator
 * handles all that a watermark fires before it is passed on:
 *
 *     source ─batch, batch, W(10)─▶ [input 0]
 *                                    pattern ── matches, W(10) ─▶ alert ─▶ sink
 *     source ─batch, W(12)───────▶ [input 1]      └─ timeouts ─▶ sink
 *
 * An error that an operator returns ends the job; what is wrong with single events goes to its ERRORS port instead.
 *
 * Threads: all operators of a chain belong to one thread.
 */
#include "event/evt_batch.h"
#include "plan/plan.h"
#include "state/sto.h"
#include "time/clk.h"

struct rt_op;

/* METRIC(field, name, help): counted by every operator that the count makes sense for; see rt_job_metrics(). */
#define RT_METRIC_LIST(METRIC)                                                         \
    METRIC(rows_in, "rows_in", "rows taken in")                                        \
    METRIC(rows_out, "rows_out", "rows sent on by the main output")                    \
    METRIC(bytes_in, "bytes_in", "bytes of rows taken in; of a source, read")          \
    METRIC(bytes_out, "bytes_out", "bytes of rows sent on; of a sink, delivered")      \
    METRIC(late, "late", "events behind the watermark of their partition or operator") \
    METRIC(drift_wait_us, "drift_wait_us", "µs that it waited for sources behind it")  \
    METRIC(undecodable, "undecodable", "records that could not be decoded")            \
    METRIC(failed, "expression_failures", "events on which an expression failed")      \
    METRIC(no_time, "no_time", "events without an event time")                         \
    METRIC(irrelevant, "irrelevant", "rows dropped before their key was looked up")    \
    METRIC(matches, "matches", "matches emitted")                                      \
    METRIC(timed_out, "timed_out", "partial matches whose time was over")              \
    METRIC(pruned, "pruned", "matches and partial matches dropped by the skip policy") \
    METRIC(limit_open, "limit_open", "partial matches dropped by `limit ... open`")    \
    METRIC(limit_matches, "limit_matches", "matches dropped by `limit ... matches`")   \
    METRIC(alerts, "alerts", "alerts let through")                                     \
    METRIC(suppressed, "suppressed", "alerts suppressed or already firing")            \
    METRIC(resolved, "resolved", "alerts resolved")                                    \
    METRIC(open, "open", "partial matches open now")                                   \
    METRIC(keys, "keys", "keys with state now")                                        \
    METRIC(unread, "unread", "of these, keys that a restore has not read yet")         \
    METRIC(state_bytes, "state_bytes", "bytes of state now")                           \
    METRIC(buffered, "buffered", "events waiting for the watermark now")               \
    METRIC(spilled, "spilled", "of these, events in the database")

struct rt_metrics {
#define RT_METRIC_FIELD(field, name, help) uint64_t field;
    RT_METRIC_LIST(RT_METRIC_FIELD)
#undef RT_METRIC_FIELD
};

enum { RT_REASON_MAX = 240 };

struct rt_op_vt {
    const char *kind; /* "source", "select", "pattern", "alert", "sink" */
    /* A batch on an input; the operator takes its own reference when it keeps it. */
    enum cep_rc (*batch)(struct rt_op *op, uint32_t input, struct evt_batch *b, struct cep_err *err);
    /* The merged watermark moved to `wm`. NULL = nothing to do but to pass it on. */
    enum cep_rc (*watermark)(struct rt_op *op, int64_t wm, struct cep_err *err);
    /* Every input has ended (after a watermark at the end of time, when there was one). NULL = nothing to do. */
    enum cep_rc (*end)(struct rt_op *op, struct cep_err *err);
    /* The output falls idle, or is not any more. NULL = nothing to do but to pass it on. */
    enum cep_rc (*idle)(struct rt_op *op, bool idle, struct cep_err *err);
    /*
     * The earliest watermark at which the operator has something to do if no row comes before; EVT_TIME_MAX = none. Those
     * before it need not be told to it. NULL = it wants every watermark.
     */
    int64_t (*wakes_at)(const struct rt_op *op);
    /*
     * What the clock has brought; called between batches, from time to time. *next_us (monotonic): when it wants to be called again
     * at the latest, INT64_MAX = whenever. NULL = the clock is nothing to it.
     */
    enum cep_rc (*tick)(struct rt_op *op, int64_t *next_us, struct cep_err *err);
    /* Brings gauges (open, keys, ...) up to date in op->metrics. NULL = there are none. */
    void (*gauges)(struct rt_op *op);
    /*
     * The whole state at this instant, as entries; runs between two elements of the input, in the task's thread, and
     * changes nothing that could be seen. NULL = the operator has no state.
     * Returns: CEP_AGAIN: the rest of the state of this instant follows in save_some(); until then `out` stays, and the operator
     *          may put to it whenever it is called, before it changes what it has not saved yet.
     */
    enum cep_rc (*save)(struct rt_op *op, const struct sto_out *out, struct cep_err *err);
    /*
     * Goes on for about `bytes` bytes. Returns: CEP_AGAIN: there is more. Anything else ends the save: CEP_OK: all is out.
     * NULL = save() never returns CEP_AGAIN.
     */
    enum cep_rc (*save_some)(struct rt_op *op, size_t bytes, struct cep_err *err);
    void (*save_cancel)(struct rt_op *op); /* ends a save that is under way */
    /*
     * Of an operator with keys in the task's database: after a save has ended, whichever way, it leaves the database as the save
     * has it until this call. NULL = it has none there.
     */
    void (*save_taken)(struct rt_op *op);
    /*
     * *fits: keys that were saved with this META can be served from a copy of the database they are in. NULL = they cannot.
     * Requires: nothing was loaded yet.
     */
    enum cep_rc (*fits)(struct rt_op *op, const struct sto_entry *meta, bool *fits, struct cep_err *err);
    /*
     * One entry back, before the first element. They come by namespace, META first; those of a key group are the subtask's
     * own, those of none are all there were. What has no place any more is counted in `losses` (may be NULL).
     * Returns: CEP_EDAMAGED, CEP_EVERSION for bytes that cannot be read; a NULL for an operator with save is a bug.
     */
    enum cep_rc (*load)(
        struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err);
    /* All are in: indexes and timers are rebuilt. Returns: CEP_AGAIN: what stays (sto_entry.stays) is read from now on. NULL = nothing to do. */
    enum cep_rc (*loaded)(struct rt_op *op, struct sto_losses *losses, struct cep_err *err);
    /*
     * Reads on for about `bytes` bytes. Returns: CEP_AGAIN: there is more; CEP_OK: what stayed is needed no more. NULL = loaded() never returns
     * CEP_AGAIN.
     */
    enum cep_rc (*load_some)(struct rt_op *op, size_t bytes, struct cep_err *err);
    void (*traced)(
        struct rt_op *op);          /* op->trace is set now; NULL = only its rows and watermarks are shown */
    void (*free)(struct rt_op *op); /* releases what is the operator's own, then the memory */
};

/* Who wants to see everything that flows (`--trace`). */
struct rt_trace {
    void (*line)(void *arg, const char *text);
    void *arg;
};

struct rt_edge {
    struct rt_op *to; /* borrowed: the job owns all operators */
    uint32_t input;
};

struct rt_input {
    int64_t watermark;
    bool idle, ended;
};

struct rt_op {
    /* Set once. */
    const struct rt_op_vt *vt;
    const struct plan_node *node; /* NULL: a sink or a test's probe */
    struct base_str name;
    const struct clk *clk;
    const struct rt_trace *trace; /* borrowed; NULL = nobody */
    struct rt_op *entry;          /* borrowed; takes its inputs for it: a group of patterns; NULL = itself */
    struct rt_edge *outs[PLAN_PORT_MAX]; /* owned arrays */
    size_t n_outs[PLAN_PORT_MAX], cap_outs[PLAN_PORT_MAX];
    struct rt_input *inputs; /* owned */
    uint32_t n_inputs;
    /* Changes as data flow. */
    int64_t watermark; /* merged, last passed on */
    bool idle, ended;
    bool was_saved;           /* rt_op_was_at() has been told of its key groups */
    struct evt_batch *errors; /* owned; rows of plan_errors_schema() not sent yet, NULL when nobody listens */
    struct rt_metrics metrics;
    char first_undecodable[RT_REASON_MAX],
        first_failure[RT_REASON_MAX]; /* why the first row did not go on; "" = none did */
};

/* Fills the common part. Owns: nothing yet. */
void rt_op_init(struct rt_op *op, const struct rt_op_vt *vt, const struct plan_node *node,
    struct base_str name, uint32_t n_inputs, const struct clk *clk);
/* Releases the common part. */
void rt_op_release(struct rt_op *op);
/*
 * Of a load: `e` is META of a subtask that had passed on `saved` before. *passed: the least of those whose key groups are the
 * operator's. They differ in an unaligned checkpoint, whose rows under way are late to nobody who has them yet to take.
 */
void rt_op_was_at(struct rt_op *op, const struct sto_entry *e, int64_t saved, int64_t *passed);
/* Requires: nothing has flowed yet. trace is borrowed. */
void rt_op_trace(struct rt_op *op, const struct rt_trace *trace);
void rt_op_connect(struct rt_op *from, enum plan_port port, struct rt_op *to, uint32_t input);
static inline bool rt_op_has_out(const struct rt_op *op, enum plan_port port) {
    return op->n_outs[port] > 0;
}

/* Sends a batch to all that listen at the port. The caller keeps its reference; empty batches are not sent. */
enum cep_rc rt_emit(struct rt_op *op, enum plan_port port, struct evt_batch *b, struct cep_err *err);
/* Tells every output the watermark (never goes back), idleness, the end. */
enum cep_rc rt_emit_watermark(struct rt_op *op, int64_t wm, struct cep_err *err);
enum cep_rc rt_emit_idle(struct rt_op *op, bool idle, struct cep_err *err);
enum cep_rc rt_emit_end(struct rt_op *op, struct cep_err *err);

/* What an edge calls at the receiving side. */
enum cep_rc rt_op_watermark(struct rt_op *op, uint32_t input, int64_t wm, struct cep_err *err);
enum cep_rc rt_op_idle(struct rt_op *op, uint32_t input, bool idle, struct cep_err *err);
enum cep_rc rt_op_end(struct rt_op *op, uint32_t input, struct cep_err *err);

/*
 * Puts a record on the ERRORS port (counted by the caller). rt_op_errors_flush() sends what waits; it is called
 * before every watermark and at the end. Nothing is kept when nobody listens. `partition` with p == NULL and `time`
 * EVT_TIME_MIN become nulls.
 */
enum cep_rc rt_op_error(struct rt_op *op, int64_t offset, struct base_str record, struct base_str reason,
    struct base_str partition, int64_t time, struct cep_err *err);
/* The row of a batch, as JSON text, for an expression that failed on it. */
enum cep_rc rt_op_row_failed(
    struct rt_op *op, const struct evt_batch *b, uint32_t row, const char *reason, struct cep_err *err);
enum cep_rc rt_op_errors_flush(struct rt_op *op, struct cep_err *err);

/* The end of time is as far as sums go. */
static inline int64_t rt_time_plus(int64_t t, int64_t d) {
    int64_t sum;
    return __builtin_add_overflow(t, d, &sum) ? EVT_TIME_MAX : sum;
}
