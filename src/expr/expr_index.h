#pragma once
/*
 * expr_index -- many conditions on the events of one stream: for each row of a batch, those that hold.
 *
 * Conditions are taken apart at their top `and`. Of the parts that compare one column with constants the most selective
 * becomes the *anchor*; the others are *tests* of a row, checked where the anchor holds; what is left is the *rest*, evaluated
 * where all of them hold. Anchors live in one table a column:
 *
 *     country = 'DE' and sku = 'x17' and amount > 5.5 and length(note) > 3
 *       anchor   sku = 'x17'      hash table of column sku: 'x17' -> conditions 3, 90
 *       tests    country = 'DE', amount > 5.5
 *       rest     length(note) > 3
 *
 *     equality, in    hash table: constant -> conditions                        one look-up a row and column
 *     <, <=, >, >=, between    the column's constants sorted, and between them intervals in a tree of segments: one binary
 *                     search a row and column, then only nodes that somebody asks for
 *     anything else   evaluated for the whole batch (expr_vec), each distinct condition once
 *
 * Cost of a batch: rows x indexed columns look-ups, and work for each (row, condition) where an anchor holds; the number of
 * indexed conditions does not come into it. Wrong choice for a handful of conditions: typed kernels are faster then.
 *
 * Which anchor is the most selective is told by the constants alone: they are taken as a sample of the column's values.
 * Strings and decimals are indexed for equality only, as are bytes; ranges of them are evaluated as tests or as the rest.
 *
 * Results are exactly those of expr_vec_filter() on each condition, failures included.
 *
 * Threads: an index belongs to one thread. It lives as long as the batches of its stream come; conditions are added before
 * the first.
 */
#include "expr/expr_vec.h"

struct expr_index;

/* A table with fewer conditions than `fewest` is not built: they are evaluated for every batch. 0 = what pays off. */
struct expr_index *expr_index_new(uint32_t fewest);
void expr_index_free(struct expr_index *ix); /* NULL is fine */
/*
 * Adds a condition. `col_map` (may be NULL) maps its columns to the batch's; -1 = the batch has none: null.
 * Requires: expr_is_event_only(e), a bool; e outlives the index. Returns: its number, from 0; equal conditions get one.
 */
uint32_t expr_index_add(struct expr_index *ix, const struct expr *e, const int32_t *col_map);
/* No more are added: tables are built. */
void expr_index_seal(struct expr_index *ix);
uint32_t expr_index_count(const struct expr_index *ix);

/* A condition that holds for some rows. */
struct expr_index_hit {
    uint32_t cond;
    uint32_t slot; /* of its bitmap, see expr_index_rows() */
};

struct expr_index_failed {
    uint32_t cond;
    struct expr_fails fails;
};

struct expr_index_out {
    const struct expr_index_hit *hits; /* each condition once, in no order */
    uint32_t n_hits;
    const struct expr_index_failed *failed;
    uint32_t n_failed;
};

/* Evaluates all for the rows of `sel` (NULL: the batch's own). Ensures: *out is valid until the next call. */
void expr_index_eval(struct expr_index *ix, const struct evt_batch *b, const uint64_t *sel, int64_t now_us,
    struct expr_index_out *out);
/* The rows on which a hit's condition is true: EVT_BATCH_ROWS bits. */
const uint64_t *expr_index_rows(const struct expr_index *ix, const struct expr_index_hit *hit);

/* How a condition is found, for `explain`. */
enum expr_index_how {
    EXPR_INDEX_EQUAL = 0, /* by a look-up of its constant */
    EXPR_INDEX_RANGE,     /* by its bounds among those of the column */
    EXPR_INDEX_SCAN,      /* evaluated for every batch */
    EXPR_INDEX_HOW_MAX
};
/* *col: the batch's column of the anchor (not for SCAN). Requires: sealed. */
enum expr_index_how expr_index_how(const struct expr_index *ix, uint32_t cond, uint32_t *col);
