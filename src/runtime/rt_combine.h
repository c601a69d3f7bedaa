#pragma once
/*
 * rt_combine -- rows of a window gathered by key and pane before they travel to the aggregation that takes them.
 *
 *     writer's chain ─▶ combine ─ rows as they are ─▶ send ══╗
 *                          │                                 ╠═▶ aggregation: takes rows, merges what was gathered
 *                          └───── what was gathered ─▶ send ══╝
 *
 * A key that most rows have is so added up by all who write, and one subtask merges a row of theirs for each of its panes
 * (plan/plan_combine.h: which aggregations, and what travels).
 *
 * Nothing differs from what the rows would have given:
 *   - A row is gathered only when its time is behind every watermark that the aggregation can have: it is not late there, and no window
 *     with it has ended. That is what the writer passed on last (the aggregation has the minimum of its writers), or what the
 *     aggregation had when the job was saved. Once an idle writer has told so, others may be further than it: where there are others,
 *     nothing is gathered any more.
 *   - What was gathered of a pane goes before the watermark that ends it, before a barrier, idleness and the end. So it is in time,
 *     and there is nothing here to be saved.
 *   - Rows of which an expression fails, or whose time is too far for a window, go as they are: the aggregation says what is
 *     wrong with them.
 *
 * What is gathered. Making a row of accumulators, and merging it, costs what some rows do, so only rows of frequent keys are gathered: they
 * are counted by a part of their keys' hashes, and every 4,096 rows it is said anew which counters have one in 512 or more. Before it is
 * known all are. Where no key is frequent, or a row stands for less than four (panes are short), rows go as they are for 256 batches, and
 * then it is tried again. Groups that are held are bounded (COMBINE_GROUPS), and rows where aggregates do not keep constant state.
 *
 * Internal to src/runtime. Threads: the writing task's; rt_combine_take() the reading one's.
 */
#include "runtime/rt_op.h"

struct rt_aggregate;

/*
 * An operator whose main output is the rows that go as they are. `send`: what takes the others, of `schema`. `alone`: nobody else
 * writes to the aggregation.
 */
struct rt_op *rt_combine_new(const struct plan *plan, const struct plan_node *node,
    const struct evt_schema *schema, struct rt_op *send, bool alone, const struct clk *clk);
/* All that was gathered goes. */
enum cep_rc rt_combine_flush(struct rt_op *op, struct cep_err *err);

/* The aggregation's side: a batch of what was gathered. Returns: CEP_EDAMAGED for bytes that mean nothing. */
enum cep_rc rt_combine_take(struct rt_aggregate *ag, const struct evt_batch *b, struct cep_err *err);
