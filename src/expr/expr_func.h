#pragma once
/*
 * expr_func -- the scalar functions and operators of the language, one row each.
 *
 * The rows stand in tables by family (expr_func_math.c, expr_func_string.c, expr_func_time.c, expr_func_core.c: the
 * operators). Operators are functions with names such as "+", "=", "like". Adding a function: write it in its
 * family's file, add its row there, document it in doc/functions.md.
 *
 * Resolution: expr_func_find() gives all rows of a name; expr_func_resolve() picks the row for argument types and says which
 * casts the arguments need (int -> double, int -> decimal, decimal -> double, null -> anything are implicit; nothing else
 * is). Of several rows that fit, the one with the cheapest casts is taken, then the first. Names are found in any case.
 */
#include "expr/expr.h"

struct expr_call {
    const struct expr_func *func;
    void *state; /* from prepare(), or NULL */
    struct base_arena
        *scratch; /* for results that need memory; emptied by the evaluator's owner after the event */
    const struct evt_type *type; /* of the result */
    const struct evt_type *const *arg_types;
    uint32_t n_args;
    int64_t now_us;      /* processing time, for current_timestamp */
    const char *failure; /* set by a function that fails on its arguments, e.g. "division by zero" */
};

/* Fills *out. When it sets call->failure the result is null. Strict functions never see a null. */
typedef void (*expr_func_fn)(struct expr_call *call, const struct evt_val *args, struct evt_val *out);
/* Compile time: checks constant arguments and prepares state in the arena (args[i] is NULL where it is no constant). */
typedef enum cep_rc (*expr_prepare_fn)(
    struct base_arena *a, const struct expr *const *args, uint32_t n_args, void **state, struct cep_err *err);

/*
 * For results that depend on more than the row says: decimals, arrays. arg_types are those after casts.
 * Returns: NULL when the row does not take these types after all.
 */
typedef const struct evt_type *(*expr_result_fn)(
    struct base_arena *a, const struct evt_type *const *arg_types, uint32_t n_args);

enum { EXPR_FUNC_ARGS = 8 };

/* Argument and result types of a row: fixed kinds, or rules. */
enum expr_sig {
    EXPR_SIG_NONE = 0,
    EXPR_SIG_BOOL,
    EXPR_SIG_INT,
    EXPR_SIG_DOUBLE,
    EXPR_SIG_STRING,
    EXPR_SIG_BYTES,
    EXPR_SIG_TIMESTAMP,
    EXPR_SIG_DURATION,
    EXPR_SIG_DECIMAL, /* any decimal; result: see the row's rule */
    EXPR_SIG_ANY,     /* any type */
    EXPR_SIG_ORDERED, /* any ordered type; all ORDERED arguments of a call have one type after casts */
    EXPR_SIG_SAME,    /* any type; all SAME arguments have one type; as result: that type */
    EXPR_SIG_ARRAY,   /* any array */
    EXPR_SIG_ELEM,    /* as result: the element type of the ARRAY argument */
    EXPR_SIG_MAX
};

struct expr_func {
    const char *name; /* lower case */
    enum expr_sig args[EXPR_FUNC_ARGS];
    uint8_t min_args, max_args; /* max 255: the last sig repeats */
    enum expr_sig result;
    bool null_ok;     /* sees nulls; else null in, null out */
    bool is_volatile; /* random(), current_timestamp: never folded */
    bool is_operator; /* written infix or prefix */
    expr_func_fn fn;
    expr_prepare_fn prepare; /* NULL = none */
    const char *help;        /* one line for the reference: "lower(s): s in lower case" */
    expr_result_fn
        result_type; /* NULL = `result` says it (DECIMAL: the type of the first decimal argument) */
};

/*
 * The families: one table each, expr_funcs_NAME, that ends with a row whose name is NULL; rows of a name stand together, in
 * one table. FAMILY(name, what the reference calls it)
 */
#define EXPR_FAMILY_LIST(FAMILY)      \
    FAMILY(core, "Operators")         \
    FAMILY(math, "Numbers")           \
    FAMILY(string, "Text")            \
    FAMILY(regex, "Patterns of text") \
    FAMILY(time, "Times")             \
    FAMILY(array, "Arrays")           \
    FAMILY(data, "Encodings, hashes, JSON, addresses")

#define EXPR_FAMILY_EXTERN(name, title) extern const struct expr_func expr_funcs_##name[];
EXPR_FAMILY_LIST(EXPR_FAMILY_EXTERN)
#undef EXPR_FAMILY_EXTERN

/* Returns: the first row of that name and how many follow it with the same name (rows of a name are adjacent), or NULL. */
const struct expr_func *expr_func_find(struct base_str name, uint32_t *n_rows);
/* All names, for "did you mean" and `cepd help functions`; i from 0; NULL at the end. */
const struct expr_func *expr_func_at(uint32_t i);

/*
 * Builds a CALL node in `a`: picks the row, inserts casts, computes the result type, runs prepare.
 * Returns: CEP_ENAME (no such function), CEP_ETYPE (no row takes these types; the message lists what it takes),
 *          CEP_EINVAL (a constant argument is wrong, e.g. a bad regular expression).
 */
enum cep_rc expr_call_new(struct base_arena *a, struct base_str name, const struct expr *const *args,
    uint32_t n_args, struct cep_span span, const struct expr **out, struct cep_err *err);

/*
 * The one type that values of both can be cast to implicitly (case, coalesce, in, comparisons): int, decimal and double
 * widen in that order; null gives way to anything. Returns: NULL when there is none.
 */
const struct evt_type *expr_type_unify(
    struct base_arena *a, const struct evt_type *x, const struct evt_type *y);

/* Constructors used by dsl's lowering and by tests; each computes its type and folds constants. */
const struct expr *expr_const(
    struct base_arena *a, const struct evt_type *t, struct evt_val v, struct cep_span span);
const struct expr *expr_col(
    struct base_arena *a, uint32_t index, const struct evt_type *t, struct cep_span span);
/* and/or/not/is_null/in/case/coalesce: unify argument types, CEP_ETYPE when they cannot be. */
enum cep_rc expr_node_new(struct base_arena *a, enum expr_kind kind, bool flag,
    const struct expr *const *args, uint32_t n_args, struct cep_span span, const struct expr **out,
    struct cep_err *err);
/* Also for array (args: its elements) and element (array, index). A row's field: */
const struct expr *expr_field_new(
    struct base_arena *a, const struct expr *row, uint32_t index, struct cep_span span);
/* Explicit cast; CEP_ETYPE when there is none between the types. */
enum cep_rc expr_cast_new(struct base_arena *a, const struct expr *e, const struct evt_type *to,
    bool try_cast, struct cep_span span, const struct expr **out, struct cep_err *err);
/* Implicit cast where one is allowed (int -> double/decimal, null -> t, decimal -> wider decimal or double); else CEP_ETYPE. */
enum cep_rc expr_coerce(struct base_arena *a, const struct expr *e, const struct evt_type *to,
    const struct expr **out, struct cep_err *err);
/* Replaces constant subtrees by their value. A failure (1/0) is left as it is and told through *failed (span of the node). */
const struct expr *expr_fold(struct base_arena *a, const struct expr *e, const struct expr **failed);
/* The result type of an aggregate over values of type t (NULL for count without argument), or NULL when there is none. */
const struct evt_type *expr_agg_type(struct base_arena *a, enum expr_agg agg, const struct evt_type *t);
