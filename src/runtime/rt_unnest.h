#pragma once
/*
 * rt_unnest -- a row for each element of an array: `from s cross join unnest(s.xs) as t (x)`; or for each window that it is in:
 * `from hop(table s, ...)` without groups.
 *
 * Rows of one event keep its time and the order of the elements; each has a position of its own, so that they are told apart like
 * any events.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "expr/expr_vec.h"
#include "runtime/rt_op.h"

struct rt_unnest {
    const struct plan_unnest *plan; /* borrowed */
    struct expr_vec *array;         /* owned; NULL when it is a plain column */
};

void rt_unnest_init(struct rt_unnest *u, const struct plan_unnest *plan);
void rt_unnest_release(struct rt_unnest *u);
/* Calls send with batches of pairs. Rows on which the array's expression fails go to the operator's ERRORS port. */
enum cep_rc rt_unnest_batch(const struct rt_unnest *u, struct rt_op *op, struct evt_batch *b,
    enum cep_rc (*send)(void *arg, struct evt_batch *pairs, struct cep_err *err), void *arg,
    struct cep_err *err);
