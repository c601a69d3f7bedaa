#pragma once
/*
 * expr_vec_internal -- the tree of kernels behind an expr_vec.
 *
 * Every node of the expression is a vec_node; its eval() leaves the result for the selected rows in it. Bools are two
 * bitmaps, everything else is a column:
 *
 *     t   bit set = true        v   bit set = not null (NULL = none is null)      t is a subset of v
 *     col the column; `out` when the node owns it, a column of the batch or of a child when it only hands it on
 *
 * Rows outside `sel` hold anything. Failures are added for selected rows only.
 */
#include "expr/expr_kern.h"
#include "expr/expr_vec.h"

enum { VEC_WORDS = EVT_BATCH_ROWS / 64 };

/* Keys of a string column; done: a bit for each block that has them. */
struct vec_keys {
    uint64_t done;
    int64_t *keys; /* owned; NULL until they are asked for */
};

struct expr_share {
    const struct expr_kern *kern;
    const struct evt_batch *batch; /* NULL = closed */
    struct vec_keys *cols;         /* by the batch's columns */
    uint32_t n_cols;
};

/* For tests and benches: with another build of the loops than the best. */
struct expr_share *expr_share_new_on(const struct expr_kern *kern);

struct vec_run {
    const struct expr_kern *kern;
    struct expr_share *share; /* open */
    const struct evt_batch *batch;
    uint32_t n_rows, n_words;
    struct base_arena *scratch; /* emptied now and then by row loops: nothing in it outlives a row */
    struct base_arena *reasons; /* of failures: they are read when the evaluation is over */
    int64_t now_us;
};

struct vec_node;
typedef void (*vec_eval_fn)(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);

struct vec_node {
    const struct expr *e;
    vec_eval_fn eval;
    uint32_t n_kids;
    struct vec_node **kids;
    unsigned cost; /* of a row, roughly; and/or evaluate the cheap ones first */

    /* Set once, by kinds. */
    int32_t batch_col; /* COL; -1 = the batch has none, all null */
    enum expr_cmp cmp;
    enum expr_arith arith;
    const struct expr_kern_set *set;
    bool set_has_null;
    struct base_str text; /* what a string starts with, ends with, contains */
    union {
        struct {
            int64_t lo, hi;
        } i;
        struct {
            double lo, hi;
        } d;
    } between;            /* both ends belong to it */
    struct evt_val *args; /* row loops: one row's arguments, constants filled in */
    uint32_t *choice;     /* CASE, COALESCE: which child's value each row takes, UINT32_MAX = null */

    /* The result. */
    const uint64_t *t, *v;     /* bool */
    const struct evt_col *col; /* others; of a bool only after vec_as_col() */
    struct evt_col out;        /* owned when out.type != NULL */
    struct evt_col shared;     /* a child's buffers with another validity */
    struct vec_keys keys;      /* of a string that is no column of the batch */
    bool filled;               /* CONST: out holds the value in every row */
    uint64_t tb[VEC_WORDS], vb[VEC_WORDS];
};

static inline bool vec_is_bool(const struct vec_node *n) {
    return n->e->type->kind == EVT_BOOL;
}
static inline bool vec_is_const(const struct vec_node *n) {
    return n->e->kind == EXPR_CONST;
}
/* The result as a column, whatever it is kept as. */
const struct evt_col *vec_as_col(struct vec_node *n, const struct vec_run *run);
/* The column's own buffer, empty. */
struct evt_col *vec_out(struct vec_node *n);
/* What is not null of a column, a bool's bits, ...: NULL = all. */
const uint64_t *vec_valid(const struct vec_node *n);
/* Keys of a string's rows in sel, after its evaluation. */
const int64_t *vec_str_keys(struct vec_node *n, struct vec_run *run, const uint64_t *sel);
/* Not null where both are: into `to`, or one of them when the other has no nulls. */
const uint64_t *vec_and_valid(const struct vec_run *run, const uint64_t *x, const uint64_t *y, uint64_t *to);
/* Settles t and v of a bool that was computed for every row: not null where the operands were not. */
void vec_set_bool(struct vec_node *n, const struct vec_run *run, const uint64_t *valid);
/* Adds the failures of `rows`. */
void vec_fail(struct expr_fails *fails, const struct vec_run *run, const uint64_t *rows, const char *reason);

/* expr_vec_kern.c: nodes that call a kernel. */
void vec_eval_cmp_const(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_cmp(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_cmp_bool(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_between(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_in_set(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_prefix(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_suffix(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_contains(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_str_equal(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_arith(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_int_to_double(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);

/* expr_vec_logic.c: nodes that are operations on bitmaps, and those that choose between children. */
void vec_eval_const(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_col(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_and_or(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_not(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_is_null(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_field(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_case(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
void vec_eval_coalesce(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
/* expr_vec_rows.c: a row at a time, for what has no kernel. */
void vec_eval_rows(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails);
