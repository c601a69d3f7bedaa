#pragma once
/*
 * rt_project -- a filter and a projection over batches of one schema: what `select ... where` does to rows, and `having` to
 * groups.
 *
 * Rows that fail the condition are only deselected; columns that are passed on as they are are shared with the input batch,
 * computed ones are copied out of their kernels. A row on which an expression fails is null there and goes to the operator's
 * ERRORS port, once.
 *
 * Internal to src/runtime. Threads: that of the operator.
 */
#include "expr/expr_vec.h"
#include "runtime/rt_op.h"

struct rt_project {
    const struct expr *where;        /* borrowed; NULL = all rows */
    const struct expr *const *items; /* borrowed; one per column of `schema` */
    const struct evt_schema *schema; /* of what comes out */
    struct expr_vec *where_vec;      /* owned */
    struct expr_vec **item_vecs;     /* owned; NULL where the item is a plain column */
};

void rt_project_init(struct rt_project *p, const struct expr *where, const struct expr *const *items,
    const struct evt_schema *schema);
void rt_project_release(struct rt_project *p);
/*
 * *out: what is left of the batch; with no row left its columns are not given. Rows that fail are reported. Owns: the caller, after an
 * error too.
 */
enum cep_rc rt_project_view(const struct rt_project *p, struct rt_op *op, struct evt_batch *b,
    struct evt_batch **out, struct cep_err *err);
/*
 * The same without a report: rows on which an expression fails are set in `failed`, whether `where` lets them through or not.
 * Owns: the caller.
 */
struct evt_batch *rt_project_try(
    const struct rt_project *p, struct evt_batch *b, int64_t now_us, uint64_t *failed);
/* Sends what is left of the batch to the operator's main output. */
enum cep_rc rt_project_send(
    const struct rt_project *p, struct rt_op *op, struct evt_batch *b, struct cep_err *err);
/* The furthest from 1970 that a row's time may be, some 73,000 years, where durations are added to it. */
#define RT_FAR (INT64_MAX / 4)
/* Rows of a view of b with a time further away are taken out of it and go to the ERRORS port. */
enum cep_rc rt_project_refuse_far(
    struct rt_op *op, struct evt_batch *v, const struct evt_batch *b, struct cep_err *err);
/*
 * Rows on which one of the expressions failed, among those in `sel`, go to the ERRORS port, each once with the reason of the first
 * expression that fails on it. `exprs` may hold NULLs.
 */
enum cep_rc rt_project_report(struct rt_op *op, const struct evt_batch *b, const uint64_t *sel,
    const struct expr_fails *fails, const struct expr *const *exprs, uint32_t n_exprs, struct cep_err *err);
