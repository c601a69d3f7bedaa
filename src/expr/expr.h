#pragma once
/*
 * expr -- typed expressions: what conditions, measures, projections and templates are made of.
 *
 * A tree of immutable nodes in the plan's arena, made by dsl's lowering: names are resolved, types are checked, casts
 * are explicit, constants folded. Two ways to evaluate it:
 *   expr_vec  (expr/expr_vec.h)  event-only expressions, a batch at a time, in typed loops over columns;
 *   expr_eval (expr/expr_eval.h) one value for one event and one partial match, through an `expr_env`.
 *
 * An expression that fails on an event (overflow, division by zero, a cast) is null there and the failure is
 * reported beside it; AND, OR, CASE and COALESCE do not evaluate (or do not report) what cannot matter.
 *
 * Two expressions are the same when expr_eq() says so; expr_hash() agrees. Conditions are shared by that.
 */
#include "event/evt_type.h"

#include <stdint.h>

/* KIND(enumerator, name in dumps) */
#define EXPR_KIND_LIST(KIND)                                                                                 \
    KIND(CONST, "const") /* val */                                                                           \
    KIND(COL, "col")     /* column `index` of the event under test */                                        \
    KIND(CALL, "call")   /* func over args (expr/expr_func.h); strict in nulls unless its row says so */     \
    KIND(AND, "and")     /* args, three-valued */                                                            \
    KIND(OR, "or")       /* args, three-valued */                                                            \
    KIND(NOT, "not")                                                                                         \
    KIND(IS_NULL, "is null")   /* flag: negated */                                                           \
    KIND(IN, "in")             /* args[0] in args[1..]; flag: negated; three-valued */                       \
    KIND(CASE, "case")         /* args: cond, value, cond, value, ..., [else if odd count] */                \
    KIND(COALESCE, "coalesce") /* args */                                                                    \
    KIND(CAST, "cast")         /* args[0] to `type`; flag: try_cast (null, no failure) */                    \
    KIND(FIELD, "field")       /* field `index` of the row args[0] */                                        \
    KIND(ELEM, "element")      /* element args[1] (from 0) of the array args[0] */                           \
    KIND(ARRAY, "array")       /* array of args */                                                           \
    /* Of a partial match; only in conditions, until, measures: */                                           \
    KIND(VAR_COL, "var")   /* column `index` of an event of variable `var`: the n-th from the last
                                  (from_last) or from the first, n from 0; null when there is none */           \
    KIND(AGG, "agg")       /* aggregate `agg` over the events of `var`; args[0] (may be absent for count)
                                  is evaluated on each of them: its COL nodes mean that event; flag: final */    \
    KIND(EVENTS, "events") /* array(row(...)) of all columns of the events of `var` */                       \
    KIND(PREV, "prev")     /* column `index` of the key's n-th previous event of the same stream (n from 1),
                                  younger than within_us when that is > 0 */ \
    KIND(KEY, "key")       /* value `index` of partition by */                                               \
    KIND(MATCH, "match")   /* `match`: number, start, end, duration, timed_out_at */                         \
    KIND(NAV, "navigation") /* match_recognize: column `index` of the row that is `shift` rows behind
                                  (negative: before) the n-th from the last (from_last) or the first of `var`;
                                  flag: final, of the whole match */

enum expr_kind {
#define EXPR_KIND_ENUM(name, text) EXPR_##name,
    EXPR_KIND_LIST(EXPR_KIND_ENUM)
#undef EXPR_KIND_ENUM
        EXPR_KIND_MAX
};

/* AGG(enumerator, name in the language) -- over the events of a variable, or the rows of a group */
#define EXPR_AGG_LIST(AGG)                                                                 \
    AGG(COUNT, "count") /* without argument: events; with one: values that are not null */ \
    AGG(SUM, "sum")     /* int -> int (overflow fails), double, decimal, duration */       \
    AGG(AVG, "avg")     /* double; decimal; duration */                                    \
    AGG(MIN, "min")                                                                        \
    AGG(MAX, "max")                                                                        \
    AGG(STDDEV, "stddev")                                                                  \
    AGG(VAR, "var")                                                                        \
    AGG(COUNT_DISTINCT, "count distinct")                                                  \
    AGG(ARRAY, "array") /* keeps nulls; [] over no events */                               \
    EXPR_AGG_ROWS_LIST(AGG)

/* Over the rows of a group or a frame only (expr/expr_acc.h). */
#define EXPR_AGG_ROWS_LIST(AGG) \
    AGG(FIRST, "first")         \
    AGG(LAST, "last")           \
    EXPR_AGG_RUN_LIST(AGG)      \
    EXPR_AGG_ABOUT_LIST(AGG)    \
    AGG(USER, "user aggregate") /* of a compiled library: expr_acc_user */

/* They read rows in order (expr/expr_run.h). */
#define EXPR_AGG_RUN_LIST(AGG)                  \
    AGG(EWMA, "ewma")                           \
    AGG(ZSCORE, "zscore")                       \
    AGG(MAD_SCORE, "mad_score")                 \
    AGG(RATE, "rate")                           \
    AGG(DELTA, "delta")                         \
    AGG(LAG, "lag")                             \
    AGG(HOLT_WINTERS, "holt_winters")           \
    AGG(HOLT_FORECAST, "holt_winters_forecast") \
    AGG(CHANGED, "changed")                     \
    AGG(CUSUM, "cusum")                         \
    AGG(SEASONAL_BAND, "seasonal_band")         \
    AGG(RARITY, "rarity")

/* They are right to within a few percent, in little memory. */
#define EXPR_AGG_ABOUT_LIST(AGG)                  \
    AGG(APPROX_DISTINCT, "approx_count_distinct") \
    AGG(APPROX_QUANTILE, "approx_quantile")

enum expr_agg {
#define EXPR_AGG_ENUM(name, text) EXPR_AGG_##name,
    EXPR_AGG_LIST(EXPR_AGG_ENUM)
#undef EXPR_AGG_ENUM
        EXPR_AGG_LIST_MAX
};

/* case labels of all that patterns do not have */
#define EXPR_AGG_CASE(name, text) case EXPR_AGG_##name:
#define EXPR_AGG_ROWS_CASES       EXPR_AGG_ROWS_LIST(EXPR_AGG_CASE)
#define EXPR_AGG_RUN_CASES        EXPR_AGG_RUN_LIST(EXPR_AGG_CASE)

/* What an aggregate is told besides its argument: half_life, season, ... (see expr/expr_run.h); durations in µs. */
enum { EXPR_AGG_OPTS = 5 };

enum expr_match {
    EXPR_MATCH_NUMBER = 0,
    EXPR_MATCH_START,
    EXPR_MATCH_END,
    EXPR_MATCH_DURATION,
    EXPR_MATCH_TIMED_OUT_AT,
    EXPR_MATCH_ID,
    EXPR_MATCH_MAX
};

struct expr_func; /* expr/expr_func.h */

struct expr {
    enum expr_kind kind;
    bool flag;             /* see the list above */
    bool from_last;        /* VAR_COL, NAV */
    enum expr_agg agg;     /* AGG */
    enum expr_match match; /* MATCH */
    uint32_t index;        /* COL, VAR_COL, NAV, PREV, FIELD, KEY */
    uint32_t var; /* VAR_COL, AGG, EVENTS: index into plan_pattern.vars; NAV, AGG: into plan_recognize.vars */
    uint32_t n;   /* VAR_COL, PREV, NAV: how far */
    int32_t shift;                /* NAV */
    uint32_t agg_slot;            /* AGG in a condition: index into plan_pattern.aggs; UINT32_MAX elsewhere */
    int64_t within_us;            /* PREV */
    const struct evt_type *type;  /* never NULL */
    struct evt_val val;           /* CONST */
    const struct expr_func *func; /* CALL */
    const struct evt_type *const *arg_types; /* CALL: n_args of them */
    void *
        func_state; /* CALL: prepared at compile time from constant arguments (pcre2 code); owned by the arena */
    uint32_t n_args;
    const struct expr *const *args;
    struct cep_span span; /* where the user wrote it */
};

/* Structural equality; spans do not count. */
bool expr_eq(const struct expr *a, const struct expr *b);
uint64_t expr_hash(const struct expr *e);
/* Reads nothing but COL, CONST and functions of them: can be evaluated a batch at a time. */
bool expr_is_event_only(const struct expr *e);
/* Evaluates to the same value always (no COL, no pattern reference, no volatile function). */
bool expr_is_const(const struct expr *e);
/* Calls fn for every node, parents first. */
void expr_walk(const struct expr *e, void (*fn)(const struct expr *e, void *arg), void *arg);
/* Appends the expression as a person would write it, e.g. `amount > 500.0 and country <> last(probe.country)`.
 * Columns are named from `schema`, variables from `var_names` (both may be NULL: #2). */
void expr_write(struct base_buf *b, const struct expr *e, const struct evt_schema *schema,
    const struct base_str *var_names);
