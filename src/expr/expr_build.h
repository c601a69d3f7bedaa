#pragma once
/*
 * expr_build -- what the files that make expressions share. Others use the constructors in expr_func.h.
 */
#include "expr/expr_func.h"

/* A node with a copy of `args`; the caller fills in what the kind needs besides. */
struct expr *expr_node_alloc(struct base_arena *a, enum expr_kind kind, const struct evt_type *type,
    const struct expr *const *args, uint32_t n_args, struct cep_span span);
/* The constant that e is, or e itself: it is none, or it fails. */
const struct expr *expr_try_fold(struct base_arena *a, const struct expr *e);
/* A cast whose existence is known; e itself when it has the type. */
const struct expr *expr_cast_node(struct base_arena *a, const struct expr *e, const struct evt_type *to,
    bool try_cast, struct cep_span span);
/* The type of args[0], args[step], ... after implicit casts, or NULL. Int constants are decimals of their own digits
 * where they meet decimals. */
const struct evt_type *expr_unify_args(
    struct base_arena *a, const struct expr *const *args, uint32_t n, uint32_t step);
/* The decimal type an int, decimal or null argument has as a decimal. */
const struct evt_type *expr_decimal_of(struct base_arena *a, const struct expr *e);
/* What "=" says of two values that are not null: evt_val_eq(), but a NaN equals nothing. */
bool expr_op_eq(const struct evt_type *t, const struct evt_val *a, const struct evt_val *b);
