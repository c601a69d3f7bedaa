#pragma once
/*
 * plan_combine -- which aggregations have their rows gathered before these travel, and what travels instead.
 *
 *     rows ─▶ gathered by key and pane ══ hash by key ══▶ the aggregation merges what was gathered
 *
 * Where it may be: windows of time that give results when they end, so that nobody asks what a window has before; aggregates that
 * can be merged without any difference (sums and deviations of doubles depend on the order of what is added, in their last
 * digits; lists travel as they are either way); rows that are not taken back. Results are those of the rows, to the last bit.
 *
 * What travels is a row for a key and a pane: `$key` for each key; `$rows`, how many rows of the stream it stands for; and the
 * accumulators as bytes (expr_acc_pack()), in a column whose name says what they are of. Its time is the pane's start.
 */
#include "plan/plan.h"

/* What the state of an aggregate means, as text: state of another one is not its. */
void plan_agg_write(struct base_buf *b, const struct plan_agg *a, const struct evt_schema *in);

bool plan_combines(const struct plan *p, const struct plan_node *n);
/* The input of the aggregation at which that arrives: behind those of plan_node_input(). */
static inline uint32_t plan_combined_input(const struct plan_node *n) {
    return plan_node_n_inputs(n);
}
/* Places of its columns. */
static inline uint32_t plan_combined_rows(const struct plan_aggregate *a) {
    return a->n_keys;
}
static inline uint32_t plan_combined_accs(const struct plan_aggregate *a) {
    return a->n_keys + 1;
}
/* In `a`. Requires: plan_combines(). */
const struct evt_schema *plan_combined_schema(
    struct base_arena *a, const struct plan *p, const struct plan_node *n);
/* The key's columns of such rows, as an exchange wants them. */
const struct expr *const *plan_combined_keys(
    struct base_arena *a, const struct evt_schema *s, uint32_t n_keys);
