/*
 * Types, casts and folding of expressions as they are built, and what they say when they cannot be.
 */
#include "tests/expr/expr_test_util.h"

#include "expr/expr_cast.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

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

static const char *text(struct base_arena *a, const struct expr *e) {
    static const char *const names[] = { "card", "amount", "n", "at" };
    struct evt_column cols[4];
    for (int i = 0; i < 4; i++)
        cols[i] = (struct evt_column){ base_str_of(names[i]), evt_type_of(EVT_INT), false };
    const struct evt_schema schema = { 4, 4, cols };
    const struct base_str vars[] = { BASE_STR("probe"), BASE_STR("charge") };
    struct base_buf b = BASE_BUF_INIT;
    expr_write(&b, e, &schema, vars);
    const char *z = base_arena_strndup(a, b.p, b.len);
    base_buf_release(&b);
    return z;
}

static const char *type_text(struct base_arena *a, const struct evt_type *t) {
    struct base_buf b = BASE_BUF_INIT;
    evt_type_write(&b, t);
    const char *z = base_arena_strndup(a, b.p, b.len);
    base_buf_release(&b);
    return z;
}

static const struct expr *col(struct base_arena *a, uint32_t i, enum evt_kind kind) {
    return expr_col(a, i, evt_type_of(kind), tu_span);
}

static void constants_fold(void **state) {
    struct base_arena *a = *state;
    assert_string_equal(text(a, tu_op(a, "+", tu_i(a, 2), tu_op(a, "*", tu_i(a, 3), tu_i(a, 4)))), "14");
    assert_string_equal(text(a, tu_op(a, "/", tu_i(a, -7), tu_i(a, 2))), "-3");
    assert_string_equal(text(a, tu_op(a, "%", tu_i(a, -7), tu_i(a, 2))), "-1");
    assert_string_equal(text(a, tu_op(a, "/", tu_i(a, 7), tu_d(a, 2))), "3.5");
    assert_string_equal(text(a, tu_op(a, "||", tu_s(a, "it's"), tu_s(a, "!"))), "'it''s!'");
    assert_string_equal(text(a, tu_op(a, "=", tu_i(a, 1), tu_d(a, 1))), "true");
    assert_string_equal(text(a, tu_op(a, "<", tu_s(a, "a"), tu_null(a))), "null");
    assert_int_equal(tu_op(a, "<", tu_s(a, "a"), tu_null(a))->type->kind, EVT_BOOL);
    assert_string_equal(text(a, tu_op(a, "is not distinct from", tu_null(a), tu_null(a))), "true");
    assert_string_equal(text(a, tu_op(a, "-", tu_op(a, "-", tu_i(a, 5), NULL), NULL)), "5");
    /* a column keeps its sum from folding, its own constants do fold */
    assert_string_equal(
        text(a, tu_op(a, ">", col(a, 1, EVT_DOUBLE), tu_op(a, "+", tu_i(a, 1), tu_i(a, 1)))), "amount > 2.0");
    assert_string_equal(text(a, TU_NODE(a, EXPR_IN, false, tu_i(a, 3), tu_i(a, 1), tu_d(a, 3))), "true");
    assert_string_equal(
        text(a, TU_NODE(a, EXPR_CASE, false, tu_b(a, false), tu_i(a, 1), tu_d(a, 2.5))), "2.5");
    assert_string_equal(text(a, TU_NODE(a, EXPR_COALESCE, false, tu_null(a), tu_i(a, 1))), "1");
    assert_string_equal(text(a, TU_NODE(a, EXPR_IS_NULL, true, tu_null(a))), "false");
}

static void failures_are_left_and_told(void **state) {
    struct base_arena *a = *state;
    const struct expr *bad = tu_op(a, "/", tu_i(a, 1), tu_i(a, 0)), *failed = NULL;
    assert_int_equal(bad->kind, EXPR_CALL);
    const struct expr *sum = tu_op(a, "+", bad, tu_i(a, 1));
    assert_ptr_equal(expr_fold(a, sum, &failed), sum);
    assert_ptr_equal(failed, bad);
    failed = NULL;
    const struct expr *either = TU_NODE(a, EXPR_CASE, false, tu_b(a, true), tu_i(a, 1), bad);
    assert_string_equal(text(a, expr_fold(a, either, &failed)), "1");
    assert_null(failed);
    assert_int_equal(tu_op(a, "+", tu_i(a, INT64_MAX), tu_i(a, 1))->kind, EXPR_CALL);
    assert_int_equal(tu_op(a, "/", tu_i(a, INT64_MIN), tu_i(a, -1))->kind, EXPR_CALL);
    assert_int_equal(tu_op(a, "*", tu_d(a, 1e200), tu_d(a, 1e200))->kind, EXPR_CALL);
    assert_int_equal(tu_op(a, "/", tu_d(a, 1), tu_d(a, 0))->kind, EXPR_CALL);
    assert_int_equal(
        tu_op(a, "-", tu_us(a, EVT_TIMESTAMP, 0), tu_us(a, EVT_DURATION, INT64_MAX))->kind, EXPR_CALL);
}

static void logic_is_simplified(void **state) {
    struct base_arena *a = *state;
    const struct expr *x = tu_op(a, ">", col(a, 2, EVT_INT), tu_i(a, 1)),
                      *y = tu_op(a, "<", col(a, 2, EVT_INT), tu_i(a, 9));
    assert_ptr_equal(TU_NODE(a, EXPR_AND, false, tu_b(a, true), x), x);
    assert_string_equal(text(a, TU_NODE(a, EXPR_AND, false, x, tu_b(a, false))), "false");
    assert_string_equal(text(a, TU_NODE(a, EXPR_OR, false, x, tu_b(a, true))), "true");
    const struct expr *both = TU_NODE(a, EXPR_AND, false, x, TU_NODE(a, EXPR_AND, false, y, x));
    assert_int_equal(both->n_args, 3);
    assert_string_equal(text(a, both), "n > 1 and n < 9 and n > 1");
    assert_string_equal(text(a, TU_NODE(a, EXPR_AND, false, tu_null(a), x)), "null and n > 1");
    assert_string_equal(text(a, TU_NODE(a, EXPR_NOT, false, TU_NODE(a, EXPR_OR, false, x, both))),
        "not (n > 1 or n > 1 and n < 9 and n > 1)");
}

static void times_have_their_arithmetic(void **state) {
    struct base_arena *a = *state;
    const struct expr *t = tu_us(a, EVT_TIMESTAMP, 60000000), *u = tu_us(a, EVT_TIMESTAMP, 0),
                      *d = tu_us(a, EVT_DURATION, 1500000);
    assert_string_equal(text(a, tu_op(a, "-", t, u)), "1 min");
    assert_string_equal(text(a, tu_op(a, "-", t, d)), "timestamp '1970-01-01T00:00:58.500Z'");
    assert_string_equal(text(a, tu_op(a, "+", d, u)), "timestamp '1970-01-01T00:00:01.500Z'");
    assert_string_equal(text(a, tu_op(a, "*", d, tu_i(a, 4))), "6 s");
    assert_string_equal(text(a, tu_op(a, "*", tu_d(a, 0.5), d)), "750 ms");
    assert_string_equal(text(a, tu_op(a, "/", d, tu_us(a, EVT_DURATION, 500000))), "3.0");
    assert_string_equal(text(a, tu_op(a, "/", d, tu_i(a, 3))), "500 ms");
    assert_string_equal(text(a, tu_op(a, "<", d, tu_us(a, EVT_DURATION, 2000000))), "true");
}

static void decimals_follow_the_usual_rules(void **state) {
    struct base_arena *a = *state;
    const struct expr *x = tu_dec(a, 1050, 10, 2), *y = tu_dec(a, 3, 5, 1); /* 10.50, 0.3 */
    const struct expr *sum = tu_op(a, "+", x, y), *prod = tu_op(a, "*", x, y), *quot = tu_op(a, "/", x, y),
                      *mod = tu_op(a, "%", x, y);
    assert_string_equal(text(a, sum), "10.80");
    assert_string_equal(type_text(a, sum->type), "decimal(11,2)");
    assert_string_equal(text(a, prod), "3.150");
    assert_string_equal(type_text(a, prod->type), "decimal(16,3)");
    assert_string_equal(text(a, quot), "35.00000000");
    assert_string_equal(type_text(a, quot->type), "decimal(17,8)");
    assert_string_equal(text(a, mod), "0.00");
    assert_string_equal(text(a, tu_op(a, "-", y, x)), "-10.20");
    /* an int constant is as wide as it is written; a double makes it a double */
    assert_string_equal(type_text(a, tu_op(a, "*", x, tu_i(a, 2))->type), "decimal(12,2)");
    assert_string_equal(type_text(a, tu_op(a, "*", x, tu_d(a, 2))->type), "double");
    assert_string_equal(
        type_text(a, tu_op(a, "*", expr_col(a, 0, x->type, tu_span), col(a, 1, EVT_INT))->type),
        "decimal(30,2)");
    assert_string_equal(text(a, tu_op(a, ">", x, tu_i(a, 10))), "true");
    assert_string_equal(text(a, tu_op(a, "=", x, tu_dec(a, 10500, 6, 3))), "true");
    /* 38 digits: the point gives way down to 6 */
    const struct expr *big = expr_col(a, 0, evt_type_decimal(a, 38, 10), tu_span);
    assert_string_equal(type_text(a, tu_op(a, "*", big, big)->type), "decimal(38,6)");
    assert_string_equal(type_text(a, tu_op(a, "/", big, big)->type), "decimal(38,6)");
    assert_string_equal(type_text(a, tu_op(a, "+", big, big)->type), "decimal(38,9)");
}

static void types_are_unified(void **state) {
    struct base_arena *a = *state;
    assert_string_equal(
        type_text(a, TU_NODE(a, EXPR_COALESCE, false, col(a, 2, EVT_INT), tu_d(a, 1))->type), "double");
    assert_string_equal(
        type_text(a, TU_NODE(a, EXPR_CASE, false, tu_null(a), tu_null(a), col(a, 0, EVT_STRING))->type),
        "string");
    assert_string_equal(text(a, TU_NODE(a, EXPR_IN, true, col(a, 1, EVT_DOUBLE), tu_i(a, 1), tu_null(a))),
        "amount not in (1.0, null)");
    assert_string_equal(
        type_text(a, TU_NODE(a, EXPR_ARRAY, false, tu_i(a, 1), tu_d(a, 1))->type), "array(double)");
    assert_string_equal(text(a, TU_NODE(a, EXPR_ELEM, false,
                                    TU_NODE(a, EXPR_ARRAY, false, tu_i(a, 7), tu_i(a, 8)), tu_i(a, 1))),
        "8");
    assert_string_equal(
        text(a, TU_NODE(a, EXPR_ELEM, false, TU_NODE(a, EXPR_ARRAY, false, tu_i(a, 7)), tu_i(a, 1))), "null");
    assert_string_equal(
        type_text(a, expr_type_unify(a, evt_type_decimal(a, 10, 2), evt_type_decimal(a, 12, 6))),
        "decimal(14,6)");
    assert_string_equal(
        type_text(a, expr_type_unify(a, evt_type_of(EVT_INT), evt_type_decimal(a, 5, 2))), "decimal(21,2)");
    assert_null(expr_type_unify(a, evt_type_of(EVT_INT), evt_type_of(EVT_STRING)));
}

static void casts_convert(void **state) {
    struct base_arena *a = *state;
    const struct {
        const struct expr *e;
        const struct evt_type *to;
        const char *expect; /* NULL: fails */
    } cases[] = {
        { tu_s(a, " 42 "), evt_type_of(EVT_INT), "42" },
        { tu_s(a, "4x"), evt_type_of(EVT_INT), NULL },
        { tu_s(a, "TRUE"), evt_type_of(EVT_BOOL), "true" },
        { tu_s(a, "10 min"), evt_type_of(EVT_DURATION), "10 min" },
        { tu_s(a, "2026-01-01 10:00:00"), evt_type_of(EVT_TIMESTAMP), "timestamp '2026-01-01T10:00:00Z'" },
        { tu_d(a, -2.9), evt_type_of(EVT_INT), "-2" },
        { tu_d(a, 1e19), evt_type_of(EVT_INT), NULL },
        { tu_d(a, 1.005), evt_type_decimal(a, 5, 2), "1.01" },
        { tu_i(a, 1000), evt_type_decimal(a, 3, 0), NULL },
        { tu_dec(a, -1255, 10, 2), evt_type_decimal(a, 10, 1), "-12.6" },
        { tu_dec(a, -1255, 10, 2), evt_type_of(EVT_INT), "-12" },
        { tu_dec(a, -1255, 10, 2), evt_type_of(EVT_DOUBLE), "-12.55" },
        { tu_d(a, 2), evt_type_of(EVT_STRING), "'2.0'" },
        { tu_b(a, true), evt_type_of(EVT_INT), "1" },
        { tu_i(a, 3), evt_type_of(EVT_BOOL), "true" },
        { tu_null(a), evt_type_of(EVT_STRING), "null" },
        { TU_NODE(a, EXPR_ARRAY, false, tu_i(a, 7), tu_null(a)), evt_type_array(a, evt_type_of(EVT_STRING)),
            "['7', null]" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int try_cast = 0; try_cast < 2; try_cast++) {
            const struct expr *e, *failed = NULL;
            assert_int_equal(expr_cast_new(a, cases[i].e, cases[i].to, try_cast, tu_span, &e, NULL), CEP_OK);
            e = expr_fold(a, e, &failed);
            if (cases[i].expect)
                assert_string_equal(text(a, e), cases[i].expect);
            else if (try_cast)
                assert_string_equal(text(a, e), "null");
            else
                assert_ptr_equal(failed, e);
        }
    struct cep_err err = CEP_ERR_INIT;
    const struct expr *e;
    assert_int_equal(
        expr_cast_new(a, tu_i(a, 1), evt_type_of(EVT_TIMESTAMP), false, tu_span, &e, &err), CEP_ETYPE);
    assert_string_equal(err.message, "cannot cast int to timestamp");
    assert_int_equal(expr_coerce(a, tu_s(a, "1"), evt_type_of(EVT_INT), &e, &err), CEP_ETYPE);
    assert_string_equal(err.message, "type mismatch: string where int is needed");
    assert_int_equal(expr_coerce(a, tu_i(a, 1), evt_type_of(EVT_DOUBLE), &e, &err), CEP_OK);
    assert_string_equal(text(a, e), "1.0");
}

static void mistakes_are_explained(void **state) {
    struct base_arena *a = *state;
    struct cep_err err = CEP_ERR_INIT;
    const struct expr *e, *args[2] = { tu_s(a, "x"), tu_i(a, 1) };
    assert_int_equal(expr_call_new(a, BASE_STR("-"), args, 2, tu_span, &e, &err), CEP_ETYPE);
    assert_string_equal(err.message, "operator \"-\" cannot take (string, int)");
    assert_non_null(strstr(err.hint, "(timestamp, duration)"));
    assert_int_equal(expr_call_new(a, BASE_STR("="), args, 2, tu_span, &e, &err), CEP_ETYPE);
    assert_int_equal(expr_call_new(a, BASE_STR("no_such_thing"), args, 2, tu_span, &e, &err), CEP_ENAME);
    assert_string_equal(err.message, "there is no function \"no_such_thing\"");
    assert_int_equal(expr_node_new(a, EXPR_AND, false, args, 2, tu_span, &e, &err), CEP_ETYPE);
    assert_string_equal(err.message, "\"and\" needs a condition (bool), not string");
    assert_int_equal(expr_node_new(a, EXPR_IN, false, args, 2, tu_span, &e, &err), CEP_ETYPE);
    assert_string_equal(err.message, "\"in\" cannot compare string with int");
    assert_int_equal(err.span.line, 1);
}

static void same_expressions_are_equal(void **state) {
    struct base_arena *a = *state;
    const struct expr *x = tu_op(a, ">", col(a, 2, EVT_INT), tu_i(a, 1)),
                      *y = tu_op(a, ">", col(a, 2, EVT_INT), tu_i(a, 1));
    assert_true(expr_eq(x, y));
    assert_int_equal(expr_hash(x), expr_hash(y));
    assert_false(expr_eq(x, tu_op(a, ">=", col(a, 2, EVT_INT), tu_i(a, 1))));
    assert_false(expr_eq(x, tu_op(a, ">", col(a, 3, EVT_INT), tu_i(a, 1))));
    assert_false(expr_eq(x, tu_op(a, ">", col(a, 2, EVT_INT), tu_i(a, 2))));
    assert_false(expr_eq(tu_d(a, 0.0), tu_d(a, -0.0)));
    assert_true(expr_is_event_only(x));
    assert_false(expr_is_const(x));
}

static void patterns_are_written(void **state) {
    struct base_arena *a = *state;
    struct expr last = {
        .kind = EXPR_VAR_COL, .from_last = true, .var = 0, .index = 0, .type = evt_type_of(EVT_STRING)
    };
    const struct expr *e = TU_NODE(a, EXPR_AND, false, tu_op(a, ">", col(a, 1, EVT_DOUBLE), tu_d(a, 500)),
        tu_op(a, "<>", col(a, 0, EVT_STRING), &last));
    assert_string_equal(text(a, e), "amount > 500.0 and card <> last(probe.card)");
    assert_false(expr_is_event_only(e));
    const struct expr *arg = col(a, 1, EVT_DOUBLE);
    struct expr sum = { .kind = EXPR_AGG,
        .agg = EXPR_AGG_SUM,
        .var = 1,
        .n_args = 1,
        .args = &arg,
        .type = evt_type_of(EVT_DOUBLE) };
    struct expr count = { .kind = EXPR_AGG, .agg = EXPR_AGG_COUNT, .var = 0, .type = evt_type_of(EVT_INT) };
    assert_string_equal(
        text(a, tu_op(a, "<", &sum, &count)), "sum(charge.amount) < cast(count(probe) as double)");
    struct expr prev = {
        .kind = EXPR_PREV, .index = 2, .n = 1, .within_us = 60000000, .type = evt_type_of(EVT_INT)
    };
    assert_string_equal(
        text(a,
            tu_op(a, "*", tu_op(a, "-", &prev, tu_op(a, "-", col(a, 2, EVT_INT), tu_i(a, 1))), tu_i(a, 2))),
        "(prev(n within 1 min) - (n - 1)) * 2");
    assert_string_equal(text(a, tu_op(a, "-", tu_op(a, "-", col(a, 2, EVT_INT), NULL), NULL)), "-(-n)");
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = { T(constants_fold), T(failures_are_left_and_told),
        T(logic_is_simplified), T(times_have_their_arithmetic), T(decimals_follow_the_usual_rules),
        T(types_are_unified), T(casts_convert), T(mistakes_are_explained), T(same_expressions_are_equal),
        T(patterns_are_written) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
