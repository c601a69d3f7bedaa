#pragma once
/*
 * expr_agg -- the aggregates that cannot run along in a fixed state: count(distinct x) and array(x).
 *
 * Whoever evaluates them walks the events, hands each value over and asks for the result:
 *
 *     struct expr_agg_gather g;
 *     expr_agg_gather_start(&g, scratch);
 *     for each event: expr_agg_gather_step(&g, agg, &val);
 *     expr_agg_gather_result(&g, agg, arg_type, &out);
 *
 * Cost: memory for every value in `scratch`; count(distinct) sorts them. The others: expr/expr_eval.h.
 */
#include "expr/expr_eval.h"

struct expr_agg_gather {
    struct base_arena *scratch; /* borrowed */
    struct evt_val *vals;       /* in scratch; what they point to is the caller's until the result was used */
    size_t n, cap;
};

/* Is it one of those that are gathered? */
bool expr_agg_is_gathered(enum expr_agg agg);
void expr_agg_gather_start(struct expr_agg_gather *g, struct base_arena *scratch);
/* array keeps nulls, count(distinct) leaves them out. */
void expr_agg_gather_step(struct expr_agg_gather *g, enum expr_agg agg, const struct evt_val *v);
/* Ensures: an array borrows g's memory; count(distinct) has reordered it. */
void expr_agg_gather_result(
    struct expr_agg_gather *g, enum expr_agg agg, const struct evt_type *arg_type, struct evt_val *out);
/* A number as a double. Requires: INT, DOUBLE or DECIMAL, not null. */
double expr_agg_real(const struct evt_type *t, const struct evt_val *v);

/* -- what an aggregate is told besides its argument ---------------------------------------------------------------- */

enum expr_agg_opt_kind { EXPR_OPT_COUNT = 0, EXPR_OPT_NUMBER, EXPR_OPT_DURATION /* µs */ };

struct expr_agg_opt {
    const char *name;
    enum expr_agg_opt_kind kind;
    bool positional; /* may stand without its name */
    bool needed;
    double usual, min, max;
};
/* Returns: *n of them, by place in `opts`; NULL for none. */
const struct expr_agg_opt *expr_agg_opts(enum expr_agg agg, uint32_t *n);
/* Fills in what is not said. */
void expr_agg_usual(enum expr_agg agg, double opts[EXPR_AGG_OPTS]);
