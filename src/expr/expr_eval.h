#pragma once
/*
 * expr_eval -- one value for one event and one partial match.
 *
 * The environment answers what the expression asks of the world; the matcher, the alert operator and the tests
 * each have theirs. Callbacks an environment's users never need may be NULL.
 */
#include "expr/expr.h"

struct expr_env;

struct expr_env_ops {
    /* Column of the event under test (EXPR_COL at top level). */
    void (*col)(struct expr_env *env, uint32_t index, struct evt_val *out);
    /* An event of a variable, n-th from the last or first. Returns: a handle, or NULL when there is none. The event
     * under test counts as the last of its own variable where LANGUAGE.md says so: the environment's business. */
    const void *(*var_event)(struct expr_env *env, uint32_t var, bool from_last, uint32_t n);
    /* Events of a variable from first to last: starts with *it == NULL. Returns: handle or NULL at the end. */
    const void *(*next_event)(struct expr_env *env, uint32_t var, void **it);
    /* Column of such an event. */
    void (*event_col)(struct expr_env *env, const void *event, uint32_t index, struct evt_val *out);
    /* A running aggregate kept by the environment (agg_slot != UINT32_MAX). Returns: false when it keeps none; the
     * evaluator then walks next_event(). */
    bool (*agg)(struct expr_env *env, const struct expr *e, struct evt_val *out);
    void (*prev)(struct expr_env *env, const struct expr *e, struct evt_val *out);
    void (*key)(struct expr_env *env, uint32_t index, struct evt_val *out);
    void (*match)(struct expr_env *env, enum expr_match what, struct evt_val *out);
    void (*nav)(struct expr_env *env, const struct expr *e, struct evt_val *out);
};

struct expr_env {
    const struct expr_env_ops *ops;
    struct base_arena *scratch; /* results that need memory; cleared by the owner after the event */
    int64_t now_us;
    const char *failure; /* first failure of this evaluation, or NULL; reset by the caller */
};

void expr_eval(const struct expr *e, struct expr_env *env, struct evt_val *out);
/* Returns: true when the condition is true (neither false nor null). */
bool expr_eval_bool(const struct expr *e, struct expr_env *env);

/*
 * Running aggregates: state of fixed size for COUNT, SUM, AVG, MIN, MAX, STDDEV, VAR (strings of MIN/MAX are
 * kept by reference into memory that outlives the state: the caller's). Copyable with memcpy.
 */
struct expr_agg_state {
    uint64_t n;
    struct evt_val acc;
    double m2, mean;
    const char *failure;
};
void expr_agg_start(struct expr_agg_state *s);
void expr_agg_step(
    struct expr_agg_state *s, enum expr_agg agg, const struct evt_type *arg_type, const struct evt_val *v);
void expr_agg_result(const struct expr_agg_state *s, enum expr_agg agg, const struct evt_type *arg_type,
    const struct evt_type *type, struct evt_val *out, const char **failure);
