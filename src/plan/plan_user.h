#pragma once
/*
 * plan_user -- functions and aggregates of shared libraries (cep/operator.h), as the engine's own.
 *
 * Values cross the border as they are laid out on both sides; what comes back is held against its type, and is a failure when it does not
 * fit. Threads: what is made here is never changed; a library's functions are called by all threads.
 */
#include "expr/expr_acc.h"
#include "expr/expr_func.h"
#include "plan/plan_library.h"

/* Requires: plan_library_load() looked it over; n_args types. Returns: a row as those of the language; its calls have *state. */
const struct expr_func *plan_user_function(struct base_arena *a, const struct cep_function *f, void **state);
const struct expr_acc_user *plan_user_aggregate(struct base_arena *a, const struct cep_aggregate *g);
