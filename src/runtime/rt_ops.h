#pragma once
/*
 * rt_ops -- the kinds of operators, one file each: how each is made from its plan node.
 *
 * Every constructor returns an operator that the caller frees through op->vt->free().
 */
#include "connect/con.h"
#include "runtime/rt_op.h"

struct plan;

/* Namespaces of what they save, besides STO_NS_META; those of patterns are src/nfa's, positions rt_save.h's. */
enum { RT_PROC_NS_KEY = 1, RT_PROC_NS_ROW = 2 }; /* process: a key's state and timers; a row that waits */
enum { RT_NS_PART = 1 };                         /* source: the watermark of a partition */
enum { RT_NS_LIFE = 1, RT_NS_ROW = 2 };          /* alert: an identity; a row that waits */
enum { RT_TOP_NS_ROW = 1 };                      /* rows in order: one of a window that has not ended */

struct rt_op *rt_select_new(const struct plan_node *node, const struct clk *clk);

struct rt_op *rt_aggregate_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk);

struct rt_op *rt_over_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk);
struct rt_op *rt_recognize_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk);

struct rt_op *rt_top_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk);

struct rt_op *rt_join_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk);

struct rt_op *rt_alert_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk);

/* Calls the library's open(). */
enum cep_rc rt_process_new(const struct plan *plan, const struct plan_node *node, const struct clk *clk,
    struct rt_op **out, struct cep_err *err);

struct rt_pattern_memory {
    uint64_t bytes;    /* of partial matches, at most; with a database: in memory. 0 = no limit */
    struct sto_db *db; /* borrowed; where keys go beyond that; NULL = nowhere */
    uint16_t number;   /* the operator's in the database */
};
enum cep_rc rt_pattern_new(const struct plan *plan, const struct plan_node *node,
    const struct rt_pattern_memory *memory, const struct clk *clk, struct rt_op **out, struct cep_err *err);

/* -- patterns that read the same ------------------------------------------------------------------------------ */

/* A group, empty. It is no node of the plan; it is freed before its patterns, which are used with it only. */
struct rt_op *rt_patterns_new(uint32_t n_inputs, const struct clk *clk);
/* *out: the pattern's own operator, which the caller frees; who connects to its inputs connects to the group's. */
enum cep_rc rt_patterns_add(struct rt_op *group, const struct plan *plan, const struct plan_node *node,
    uint64_t state_bytes, struct rt_op **out, struct cep_err *err);

/* -- source: decoded rows get their time, lateness is judged, watermarks are made ------------------------- */

/* `ordinal`: place among the job's sources, part of every event's origin. Rows are pushed by rt_source_push(). */
struct rt_op *rt_source_new(const struct plan_node *node, uint32_t ordinal, const struct clk *clk);
/*
 * Rows of one partition, in order of position: sets time and origin, sends late rows to LATE, rows without a time to
 * ERRORS, the rest on, and then the watermark they moved.
 */
enum cep_rc rt_source_push(struct rt_op *op, uint32_t partition, struct evt_batch *b, struct cep_err *err);
/* The partition will bring nothing more. */
enum cep_rc rt_source_partition_end(struct rt_op *op, uint32_t partition, struct cep_err *err);
/* Ensures: partitions [0, n) hold the watermark back until they have brought something. */
void rt_source_partitions(struct rt_op *op, uint32_t n);
/* Lets the clock act: idleness, processing time; sends errors that wait. *next_us (monotonic): when to call again at the latest. */
enum cep_rc rt_source_tick(struct rt_op *op, int64_t *next_us, struct cep_err *err);
/* Watermark to `us` at least (a test's "advance to"). */
enum cep_rc rt_source_advance(struct rt_op *op, int64_t us, struct cep_err *err);
/* The end of time, then the end of input. */
enum cep_rc rt_source_finish(struct rt_op *op, struct cep_err *err);
/* No watermark above `us` is sent. */
void rt_source_until(struct rt_op *op, int64_t us);
/* Returns: true when that one was sent. */
bool rt_source_is_there(const struct rt_op *op);
/* The partition (CON_ANY: each) was asked and had nothing. Only who has nothing to say falls idle. */
void rt_source_silent(struct rt_op *op, uint32_t partition);
/* The source is not read for a while, because others are behind it or a sink is slow. */
void rt_source_unheard(struct rt_op *op);
/* The partition with the lowest watermark, or CON_ANY when none is held to be lower. */
uint32_t rt_source_behind(const struct rt_op *op);
/* After a restore, before the first row: those behind are told how far time has come. */
enum cep_rc rt_source_resume(struct rt_op *op, struct cep_err *err);
/* A record that could not be decoded. */
enum cep_rc rt_source_bad(struct rt_op *op, const struct con_bad *bad, struct cep_err *err);

/* -- sink ----------------------------------------------------------------------------------------------------- */

/*
 * Not open yet: it can be connected, and nothing else. `how`: of a job with checkpoints, copied with its states; NULL = one without.
 */
struct rt_op *rt_sink_new(const struct plan *plan, const struct plan_sink *sink, const struct con_env *env,
    const struct con_sink_how *how, const struct clk *clk);
/* Side effects: what it wrote behind the snapshot that it goes on from is taken back (con_sink_open_as()). */
enum cep_rc rt_sink_open(struct rt_op *op, struct cep_err *err);
bool rt_sink_busy(const struct rt_op *op);
enum cep_rc rt_sink_flush(struct rt_op *op, bool final, struct cep_err *err);
void rt_sink_stats(const struct rt_op *op, struct con_sink_stats *out);
/* As con_sink_prepare(); the state is the sink's until its commit. CEP_NONE: the reader is gone, there is nothing to keep. */
enum cep_rc rt_sink_prepare(struct rt_op *op, uint64_t id, struct base_str *state, struct cep_err *err);
/* The checkpoint is complete: commits what was prepared for it, forgets what was for those before. */
enum cep_rc rt_sink_commit(struct rt_op *op, uint64_t id, struct cep_err *err);
/* The reader is gone for good (a closed pipe): the job should end cleanly. */
bool rt_sink_gone(const struct rt_op *op);
