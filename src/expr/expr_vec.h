#pragma once
/*
 * expr_vec -- event-only expressions, a batch at a time.
 *
 * An expr_vec is compiled once (a tree of kernels with their result columns, allocated then) and evaluated many times
 * without allocation, except for strings that outgrow their column's buffer. Rows outside `sel` need not be computed;
 * their results are unspecified.
 *
 * Threads: one expr_vec belongs to one thread; the expr it came from may be shared.
 */
#include "event/evt_batch.h"
#include "expr/expr.h"

struct expr_vec;

/* What failed in the last evaluation. */
struct expr_fails {
    uint64_t rows[EVT_BATCH_ROWS / 64]; /* bit set: the expression failed on that row */
    uint32_t n;                         /* rows */
    const char *reason;                 /* of the first; valid until what evaluated it is called again */
};

/*
 * Requires: expr_is_event_only(e). `col_map` (may be NULL) maps the expression's column indices to the batch's
 * columns: patterns over several streams share one expression.
 */
struct expr_vec *expr_vec_new(const struct expr *e, const int32_t *col_map);
void expr_vec_free(struct expr_vec *v);

/*
 * What the evaluators of one stream have in common: the processor they run on, and, between open and close, what was
 * computed of the batch's columns (keys of strings, expr_kern.h). Without open each evaluation computes them for itself.
 * Requires: between open and close all its evaluators are given that batch.
 */
struct expr_share;
struct expr_share *expr_share_new(void);
void expr_share_free(struct expr_share *s); /* after its evaluators; NULL is fine */
void expr_share_open(struct expr_share *s, const struct evt_batch *b);
void expr_share_close(struct expr_share *s);
struct expr_vec *expr_vec_new_in(struct expr_share *s, const struct expr *e, const int32_t *col_map);

/* Returns: the result column, n_rows rows, owned by v and valid until its next call (or a column of the batch
 * itself). sel NULL: the batch's own selection. Requires: at most EVT_BATCH_ROWS rows. Adds to *fails (may be NULL), which the caller has zeroed. */
const struct evt_col *expr_vec_eval(struct expr_vec *v, const struct evt_batch *b, const uint64_t *sel,
    int64_t now_us, struct expr_fails *fails);
/* For boolean expressions. Ensures: bit of `out` set exactly for rows in sel where it is true (not null). */
void expr_vec_filter(struct expr_vec *v, const struct evt_batch *b, const uint64_t *sel, int64_t now_us,
    uint64_t *out, struct expr_fails *fails);
