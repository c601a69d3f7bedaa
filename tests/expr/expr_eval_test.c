/*
 * The scalar evaluator over a partial match: variables, aggregates, prev, key, match; and what failures it reports.
 */
#include "tests/expr/expr_test_util.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

/* Events of two int columns; variable 0 has three of them, variable 1 none. The event under test is {100, 7}. */
struct event {
    struct evt_val cols[2];
};

static const struct event taken[3] = {
    { { { .i = 5 }, { .i = 10 } } },
    { { { .i = 5 }, { .null = true } } },
    { { { .i = 8 }, { .i = 30 } } },
};
static const struct event under_test = { { { .i = 100 }, { .i = 7 } } };

static void env_col(struct expr_env *env, uint32_t index, struct evt_val *out) {
    (void)env;
    *out = under_test.cols[index];
}
static const void *env_var_event(struct expr_env *env, uint32_t var, bool from_last, uint32_t n) {
    (void)env;
    if (var != 0 || n >= 3)
        return NULL;
    return &taken[from_last ? 2 - n : n];
}
static const void *env_next_event(struct expr_env *env, uint32_t var, void **it) {
    (void)env;
    if (var != 0)
        return NULL;
    uintptr_t i = (uintptr_t)*it;
    *it = (void *)(i + 1);
    return i < 3 ? &taken[i] : NULL;
}
static void env_event_col(struct expr_env *env, const void *event, uint32_t index, struct evt_val *out) {
    (void)env;
    *out = ((const struct event *)event)->cols[index];
}
static bool env_agg(struct expr_env *env, const struct expr *e, struct evt_val *out) {
    (void)env;
    if (e->agg_slot == UINT32_MAX)
        return false;
    *out = (struct evt_val){ .i = 4242 };
    return true;
}
static void env_prev(struct expr_env *env, const struct expr *e, struct evt_val *out) {
    (void)env;
    *out = (struct evt_val){ .i = 1000 + e->n };
}
static void env_key(struct expr_env *env, uint32_t index, struct evt_val *out) {
    (void)env;
    *out = (struct evt_val){ .i = 2000 + index };
}
static void env_match(struct expr_env *env, enum expr_match what, struct evt_val *out) {
    (void)env;
    *out = (struct evt_val){ .i = 3000 + what };
}
static const struct expr_env_ops env_ops = {
    .col = env_col,
    .var_event = env_var_event,
    .next_event = env_next_event,
    .event_col = env_event_col,
    .agg = env_agg,
    .prev = env_prev,
    .key = env_key,
    .match = env_match,
};

static int start(void **state) {
    struct base_arena *a = malloc(sizeof *a);
    base_arena_init(a, 0);
    *state = a;
    return 0;
}

static int stop(void **state) {
    base_arena_release(*state);
    free(*state);
    return 0;
}

/* The value as JSON, with "!reason" behind it when something failed. */
static const char *value(struct base_arena *a, const struct expr *e) {
    struct expr_env env = { .ops = &env_ops, .scratch = a };
    struct evt_val v;
    expr_eval(e, &env, &v);
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_json(&b, e->type, &v);
    if (env.failure)
        base_buf_printf(&b, "!%s", env.failure);
    const char *z = base_arena_strndup(a, b.p, b.len);
    base_buf_release(&b);
    return z;
}

static const struct expr *node(struct base_arena *a, struct expr e) {
    struct expr *n = BASE_ARENA_NEW(a, struct expr);
    if (!e.type)
        e.type = evt_type_of(EVT_INT);
    *n = e;
    return n;
}

static const struct expr *col(struct base_arena *a, uint32_t i) {
    return expr_col(a, i, evt_type_of(EVT_INT), tu_span);
}

static const struct expr *agg(
    struct base_arena *a, enum expr_agg what, uint32_t var, const struct expr *arg) {
    const struct expr **args = BASE_ARENA_ARRAY(a, const struct expr *, 1);
    args[0] = arg;
    const struct evt_type *t = expr_agg_type(a, what, arg ? arg->type : NULL);
    return node(a, (struct expr){ .kind = EXPR_AGG,
                       .agg = what,
                       .var = var,
                       .agg_slot = UINT32_MAX,
                       .type = t,
                       .n_args = arg != NULL,
                       .args = args });
}

static void variables_are_read(void **state) {
    struct base_arena *a = *state;
    assert_string_equal(value(a, col(a, 0)), "100");
    assert_string_equal(
        value(a, node(a, (struct expr){ .kind = EXPR_VAR_COL, .from_last = true, .index = 0 })), "8");
    assert_string_equal(
        value(a, node(a, (struct expr){ .kind = EXPR_VAR_COL, .from_last = true, .index = 1, .n = 1 })),
        "null");
    assert_string_equal(value(a, node(a, (struct expr){ .kind = EXPR_VAR_COL, .index = 1 })), "10");
    assert_string_equal(value(a, node(a, (struct expr){ .kind = EXPR_VAR_COL, .index = 1, .n = 3 })), "null");
    assert_string_equal(value(a, node(a, (struct expr){ .kind = EXPR_VAR_COL, .var = 1 })), "null");
    assert_string_equal(value(a, node(a, (struct expr){ .kind = EXPR_PREV, .n = 2 })), "1002");
    assert_string_equal(value(a, node(a, (struct expr){ .kind = EXPR_KEY, .index = 1 })), "2001");
    assert_string_equal(
        value(a, node(a, (struct expr){ .kind = EXPR_MATCH, .match = EXPR_MATCH_START })), "3001");
}

static void aggregates_walk_the_events(void **state) {
    struct base_arena *a = *state;
    assert_string_equal(value(a, agg(a, EXPR_AGG_COUNT, 0, NULL)), "3");
    assert_string_equal(value(a, agg(a, EXPR_AGG_COUNT, 0, col(a, 1))), "2");
    assert_string_equal(value(a, agg(a, EXPR_AGG_COUNT, 1, NULL)), "0");
    assert_string_equal(value(a, agg(a, EXPR_AGG_SUM, 0, col(a, 1))), "40");
    assert_string_equal(value(a, agg(a, EXPR_AGG_SUM, 1, col(a, 1))), "null");
    assert_string_equal(value(a, agg(a, EXPR_AGG_AVG, 0, col(a, 0))), "6.0");
    assert_string_equal(value(a, agg(a, EXPR_AGG_MIN, 0, col(a, 1))), "10");
    assert_string_equal(value(a, agg(a, EXPR_AGG_MAX, 0, col(a, 0))), "8");
    assert_string_equal(value(a, agg(a, EXPR_AGG_COUNT_DISTINCT, 0, col(a, 0))), "2");
    assert_string_equal(value(a, agg(a, EXPR_AGG_ARRAY, 0, col(a, 1))), "[10,null,30]");
    assert_string_equal(value(a, agg(a, EXPR_AGG_ARRAY, 1, col(a, 1))), "[]");
    /* columns in the argument are the variable's; outside they are the event's under test */
    const struct expr *sum = agg(a, EXPR_AGG_SUM, 0, tu_op(a, "*", col(a, 0), col(a, 1)));
    assert_string_equal(value(a, tu_op(a, "+", sum, col(a, 1))), "297");
}

static void running_aggregates_come_from_the_environment(void **state) {
    struct base_arena *a = *state;
    struct expr e = *agg(a, EXPR_AGG_SUM, 0, col(a, 1));
    e.agg_slot = 0;
    assert_string_equal(value(a, node(a, e)), "4242");
}

static void events_are_rows(void **state) {
    struct base_arena *a = *state;
    const struct evt_column f[2] = { { BASE_STR("x"), evt_type_of(EVT_INT), false },
        { BASE_STR("y"), evt_type_of(EVT_INT), false } };
    const struct evt_type *t = evt_type_array(a, evt_type_row(a, 2, f));
    assert_string_equal(value(a, node(a, (struct expr){ .kind = EXPR_EVENTS, .type = t })),
        "[{\"x\":5,\"y\":10},{\"x\":5,\"y\":null},{\"x\":8,\"y\":30}]");
    assert_string_equal(value(a, node(a, (struct expr){ .kind = EXPR_EVENTS, .var = 1, .type = t })), "[]");
}

static void failures_that_do_not_matter_are_taken_back(void **state) {
    struct base_arena *a = *state;
    const struct expr *one = tu_op(
        a, ">", tu_op(a, "/", col(a, 0), tu_op(a, "-", col(a, 1), tu_i(a, 7))), tu_i(a, 1)); /* 100 / 0 */
    const struct expr *yes = tu_op(a, "=", col(a, 1), tu_i(a, 7)),
                      *no = tu_op(a, "<>", col(a, 1), tu_i(a, 7));
    assert_string_equal(value(a, one), "null!division by zero");
    assert_string_equal(value(a, TU_NODE(a, EXPR_AND, false, one, no)), "false");
    assert_string_equal(value(a, TU_NODE(a, EXPR_AND, false, no, one)), "false");
    assert_string_equal(value(a, TU_NODE(a, EXPR_AND, false, one, yes)), "null!division by zero");
    assert_string_equal(value(a, TU_NODE(a, EXPR_OR, false, one, yes)), "true");
    assert_string_equal(value(a, TU_NODE(a, EXPR_OR, false, one, no)), "null!division by zero");
    assert_string_equal(value(a, TU_NODE(a, EXPR_CASE, false, yes, yes, one)), "true");
    assert_string_equal(value(a, TU_NODE(a, EXPR_COALESCE, false, yes, one)), "true");
    assert_string_equal(value(a, TU_NODE(a, EXPR_IS_NULL, false, one)), "true!division by zero");
    assert_string_equal(value(a, TU_NODE(a, EXPR_NOT, false, one)), "null!division by zero");
    const struct expr *quot = tu_op(a, "/", col(a, 0), tu_op(a, "-", col(a, 1), tu_i(a, 7)));
    assert_string_equal(value(a, TU_NODE(a, EXPR_IN, false, col(a, 1), quot, tu_i(a, 7))), "true");
    assert_string_equal(
        value(a, TU_NODE(a, EXPR_IN, true, col(a, 1), quot, tu_i(a, 8))), "null!division by zero");
}

static void logic_has_three_values(void **state) {
    struct base_arena *a = *state;
    const struct expr *null = tu_op(
        a, "=", node(a, (struct expr){ .kind = EXPR_VAR_COL, .var = 1 }), tu_i(a, 1));
    const struct expr *vals[3] = { tu_op(a, "<>", col(a, 1), tu_i(a, 7)),
        tu_op(a, "=", col(a, 1), tu_i(a, 7)), null };
    static const char *const and[3][3] = { { "false", "false", "false" }, { "false", "true", "null" },
        { "false", "null", "null" } };
    static const char *const or [3][3] = { { "false", "true", "null" }, { "true", "true", "true" },
        { "null", "true", "null" } };
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            assert_string_equal(value(a, TU_NODE(a, EXPR_AND, false, vals[i], vals[k])), and[i][k]);
            assert_string_equal(value(a, TU_NODE(a, EXPR_OR, false, vals[i], vals[k])), or [i][k]);
        }
    struct expr_env env = { .ops = &env_ops, .scratch = a };
    assert_false(expr_eval_bool(null, &env));
    assert_true(expr_eval_bool(vals[1], &env));
    assert_string_equal(value(a, TU_NODE(a, EXPR_CASE, false, null, tu_i(a, 1), vals[1], tu_i(a, 2))), "2");
    assert_string_equal(value(a, TU_NODE(a, EXPR_CASE, false, null, tu_i(a, 1))), "null");
    assert_string_equal(value(a, TU_NODE(a, EXPR_IN, false, col(a, 1), tu_i(a, 1), tu_null(a))), "null");
    assert_string_equal(value(a, TU_NODE(a, EXPR_IN, true, col(a, 1), tu_i(a, 7), tu_null(a))), "false");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = { T(variables_are_read), T(aggregates_walk_the_events),
        T(running_aggregates_come_from_the_environment), T(events_are_rows),
        T(failures_that_do_not_matter_are_taken_back), T(logic_has_three_values) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
