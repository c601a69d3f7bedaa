/*
 * expr_eval -- the scalar evaluator: a walk over the tree.
 *
 * Nulls and failures. A node that fails is null and leaves its reason in env->failure (the first stays). "and", "or" and
 * "in" take back the failures of operands that did not matter, whatever their order; "case" and "coalesce" do not
 * evaluate what is not needed. expr_vec does the same a batch at a time; a property test holds the two together.
 */
#include "expr/expr_eval.h"

#include "base/base_check.h"
#include "expr/expr_agg.h"
#include "expr/expr_build.h"
#include "expr/expr_cast.h"

/* Kept out of eval_node(), which is entered for every leaf and must not save registers for the rest. */
#define EVAL_NODE static __attribute__((noinline)) void

/* `event` is the event that COL nodes speak of: inside an aggregate one of its variable's, else NULL (the one under test). */
static void eval_node(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out);

static void eval_fail(struct expr_env *env, const char *failure) {
    if (!env->failure)
        env->failure = failure;
}

EVAL_NODE eval_call(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    struct evt_val few[EXPR_FUNC_ARGS];
    struct evt_val *args = e->n_args <= EXPR_FUNC_ARGS
                               ? few
                               : BASE_ARENA_ARRAY(env->scratch, struct evt_val, e->n_args);
    bool null_arg = false;
    for (uint32_t i = 0; i < e->n_args; i++) {
        eval_node(e->args[i], env, event, &args[i]);
        null_arg |= args[i].null;
    }
    if (null_arg && !e->func->null_ok) {
        *out = EVT_VAL_NULL;
        return;
    }
    struct expr_call call = { .func = e->func,
        .state = e->func_state,
        .scratch = env->scratch,
        .type = e->type,
        .arg_types = e->arg_types,
        .n_args = e->n_args,
        .now_us = env->now_us };
    *out = (struct evt_val){ .null = false };
    e->func->fn(&call, args, out);
    if (call.failure) {
        eval_fail(env, call.failure);
        *out = EVT_VAL_NULL;
    }
}

/* and, or */
EVAL_NODE eval_logic(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    bool absorbing = e->kind == EXPR_OR, null = false;
    const char *before = env->failure;
    for (uint32_t i = 0; i < e->n_args; i++) {
        struct evt_val v;
        eval_node(e->args[i], env, event, &v);
        if (v.null) {
            null = true;
        } else if (v.b == absorbing) {
            env->failure = before;
            *out = (struct evt_val){ .b = absorbing };
            return;
        }
    }
    *out = null ? EVT_VAL_NULL : (struct evt_val){ .b = !absorbing };
}

EVAL_NODE eval_not(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    eval_node(e->args[0], env, event, out);
    if (!out->null)
        out->b = !out->b;
}

EVAL_NODE eval_is_null(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    struct evt_val v;
    eval_node(e->args[0], env, event, &v);
    *out = (struct evt_val){ .b = v.null != e->flag };
}

EVAL_NODE eval_in(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    struct evt_val x;
    eval_node(e->args[0], env, event, &x);
    const char *before = env->failure;
    bool null = false;
    for (uint32_t i = 1; i < e->n_args; i++) {
        struct evt_val v;
        eval_node(e->args[i], env, event, &v);
        if (x.null || v.null) {
            null = true;
        } else if (expr_op_eq(e->args[0]->type, &x, &v)) {
            env->failure = before;
            *out = (struct evt_val){ .b = !e->flag };
            return;
        }
    }
    *out = null ? EVT_VAL_NULL : (struct evt_val){ .b = e->flag };
}

EVAL_NODE eval_case(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    uint32_t i = 0;
    for (; i + 1 < e->n_args; i += 2) {
        struct evt_val cond;
        eval_node(e->args[i], env, event, &cond);
        if (!cond.null && cond.b) {
            eval_node(e->args[i + 1], env, event, out);
            return;
        }
    }
    *out = EVT_VAL_NULL;
    if (i < e->n_args)
        eval_node(e->args[i], env, event, out);
}

EVAL_NODE eval_coalesce(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    *out = EVT_VAL_NULL;
    for (uint32_t i = 0; i < e->n_args && out->null; i++)
        eval_node(e->args[i], env, event, out);
}

EVAL_NODE eval_cast(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    struct evt_val v;
    eval_node(e->args[0], env, event, &v);
    *out = EVT_VAL_NULL;
    if (v.null)
        return;
    const char *failure = NULL;
    if (!expr_cast_val(env->scratch, e->args[0]->type, e->type, &v, out, &failure)) {
        *out = EVT_VAL_NULL;
        if (!e->flag)
            eval_fail(env, failure);
    }
}

EVAL_NODE eval_field(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    struct evt_val row;
    eval_node(e->args[0], env, event, &row);
    *out = row.null ? EVT_VAL_NULL : row.list.v[e->index];
}

/* Beyond the end there is nothing: null, as in SQL. */
EVAL_NODE eval_element(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    struct evt_val array, index;
    eval_node(e->args[0], env, event, &array);
    eval_node(e->args[1], env, event, &index);
    *out = EVT_VAL_NULL;
    if (!array.null && !index.null && index.i >= 0 && index.i < array.list.n)
        *out = array.list.v[index.i];
}

EVAL_NODE eval_array(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    struct evt_val *v = BASE_ARENA_ARRAY(env->scratch, struct evt_val, e->n_args ? e->n_args : 1);
    for (uint32_t i = 0; i < e->n_args; i++)
        eval_node(e->args[i], env, event, &v[i]);
    *out = (struct evt_val){ .list = { v, e->n_args } };
}

/* -- of the partial match ---------------------------------------------------------------------------------- */

EVAL_NODE eval_var_col(const struct expr *e, struct expr_env *env, struct evt_val *out) {
    const void *event = env->ops->var_event(env, e->var, e->from_last, e->n);
    *out = EVT_VAL_NULL;
    if (event)
        env->ops->event_col(env, event, e->index, out);
}

EVAL_NODE eval_events(const struct expr *e, struct expr_env *env, struct evt_val *out) {
    struct evt_val *rows = NULL;
    size_t n = 0, cap = 0;
    void *it = NULL;
    const void *event;
    uint32_t n_fields = e->type->elem->n_fields;
    while ((event = env->ops->next_event(env, e->var, &it))) {
        rows = base_arena_grow(env->scratch, rows, n, &cap, sizeof *rows);
        struct evt_val *f = BASE_ARENA_ARRAY(env->scratch, struct evt_val, n_fields ? n_fields : 1);
        for (uint32_t i = 0; i < n_fields; i++)
            env->ops->event_col(env, event, i, &f[i]);
        rows[n++] = (struct evt_val){ .list = { f, n_fields } };
    }
    *out = (struct evt_val){ .list = { rows, (uint32_t)n } };
}

/* An event's value of an aggregate's argument; not null when there is none: count(x) counts events. */
static void eval_agg_arg(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    *out = (struct evt_val){ .null = false };
    if (e->n_args)
        eval_node(e->args[0], env, event, out);
}

static void eval_gathered(const struct expr *e, struct expr_env *env, struct evt_val *out) {
    struct expr_agg_gather gather;
    expr_agg_gather_start(&gather, env->scratch);
    void *it = NULL;
    const void *event;
    while ((event = env->ops->next_event(env, e->var, &it))) {
        struct evt_val v;
        eval_agg_arg(e, env, event, &v);
        expr_agg_gather_step(&gather, e->agg, &v);
    }
    expr_agg_gather_result(&gather, e->agg, e->args[0]->type, out);
}

EVAL_NODE eval_agg(const struct expr *e, struct expr_env *env, struct evt_val *out) {
    if (env->ops->agg && env->ops->agg(env, e, out))
        return;
    if (expr_agg_is_gathered(e->agg)) {
        eval_gathered(e, env, out);
        return;
    }
    const struct evt_type *arg_type = e->n_args ? e->args[0]->type : NULL;
    struct expr_agg_state state;
    expr_agg_start(&state);
    void *it = NULL;
    const void *event;
    while ((event = env->ops->next_event(env, e->var, &it))) {
        struct evt_val v;
        eval_agg_arg(e, env, event, &v);
        expr_agg_step(&state, e->agg, arg_type, &v);
    }
    const char *failure = NULL;
    expr_agg_result(&state, e->agg, arg_type, e->type, out, &failure);
    if (failure)
        eval_fail(env, failure);
}

static void eval_node(const struct expr *e, struct expr_env *env, const void *event, struct evt_val *out) {
    switch (e->kind) {
    case EXPR_CONST: *out = e->val; return;
    case EXPR_COL:
        if (event)
            env->ops->event_col(env, event, e->index, out);
        else
            env->ops->col(env, e->index, out);
        return;
    case EXPR_CALL: eval_call(e, env, event, out); return;
    case EXPR_AND:
    case EXPR_OR: eval_logic(e, env, event, out); return;
    case EXPR_NOT: eval_not(e, env, event, out); return;
    case EXPR_IS_NULL: eval_is_null(e, env, event, out); return;
    case EXPR_IN: eval_in(e, env, event, out); return;
    case EXPR_CASE: eval_case(e, env, event, out); return;
    case EXPR_COALESCE: eval_coalesce(e, env, event, out); return;
    case EXPR_CAST: eval_cast(e, env, event, out); return;
    case EXPR_FIELD: eval_field(e, env, event, out); return;
    case EXPR_ELEM: eval_element(e, env, event, out); return;
    case EXPR_ARRAY: eval_array(e, env, event, out); return;
    case EXPR_VAR_COL: eval_var_col(e, env, out); return;
    case EXPR_AGG: eval_agg(e, env, out); return;
    case EXPR_EVENTS: eval_events(e, env, out); return;
    case EXPR_PREV: env->ops->prev(env, e, out); return;
    case EXPR_KEY: env->ops->key(env, e->index, out); return;
    case EXPR_MATCH: env->ops->match(env, e->match, out); return;
    case EXPR_NAV: env->ops->nav(env, e, out); return;
    case EXPR_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of expression");
}

void expr_eval(const struct expr *e, struct expr_env *env, struct evt_val *out) {
    eval_node(e, env, NULL, out);
}

bool expr_eval_bool(const struct expr *e, struct expr_env *env) {
    struct evt_val v;
    eval_node(e, env, NULL, &v);
    return !v.null && v.b;
}
