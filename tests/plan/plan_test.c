/*
 * The plan's own functions: look-up of options, fixed schemas, literals and terms as text.
 */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_text(struct base_buf *b, const char *want) {
    assert_string_equal(base_buf_cstr(b), want);
    base_buf_clear(b);
}

static void options_are_found_by_name(void **state) {
    (void)state;
    const struct plan_opt opts[] = {
        { .name = BASE_STR("port"), .type = evt_type_of(EVT_INT), .val = { .i = 80 } },
        { .name = BASE_STR("follow"), .type = evt_type_of(EVT_BOOL), .val = { .b = true } },
        { .name = BASE_STR("path"), .type = evt_type_of(EVT_STRING), .val = { .s = { "x", 1 } } },
    };
    assert_int_equal(plan_opt_int(opts, 3, "port", 1), 80);
    assert_int_equal(plan_opt_int(opts, 3, "ports", 1), 1);
    assert_true(plan_opt_bool(opts, 3, "follow", false));
    assert_false(plan_opt_bool(opts, 3, "other", false));
    assert_true(base_str_eq(plan_opt_str(opts, 3, "path", "y"), BASE_STR("x")));
    assert_true(base_str_eq(plan_opt_str(opts, 3, "paths", "y"), BASE_STR("y")));
    assert_null(plan_opt_find(opts, 3, ""));
    assert_null(plan_opt_find(NULL, 0, "path"));
}

static void errors_have_one_schema(void **state) {
    (void)state;
    const struct evt_schema *s = plan_errors_schema();
    assert_int_equal(s->n_cols, PLAN_ERRORS_MAX);
    assert_int_equal(evt_schema_find(s, BASE_STR("offset")), PLAN_ERRORS_OFFSET);
    assert_int_equal(evt_schema_find(s, BASE_STR("record")), PLAN_ERRORS_RECORD);
    assert_int_equal(s->cols[PLAN_ERRORS_RECORD].type->kind, EVT_BYTES);
    assert_int_equal(s->cols[PLAN_ERRORS_TIME].type->kind, EVT_TIMESTAMP);
}

static void alerts_show_what_they_are_on(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    const struct evt_column cols[] = { { BASE_STR("n"), evt_type_of(EVT_INT), false },
        { BASE_STR("$id"), evt_type_of(EVT_STRING), false } };
    const struct evt_schema on = { 2, 1, cols };
    const struct plan_alert alert = { .on_pattern = true };
    const struct evt_schema *s = plan_alert_schema(&a, &alert, &on);
    assert_int_equal(s->n_visible, PLAN_ALERT_EVENTS);
    assert_int_equal(evt_schema_find(s, BASE_STR("measures")), PLAN_ALERT_MEASURES);
    assert_int_equal(s->cols[PLAN_ALERT_MEASURES].type->n_fields, 1);
    base_arena_release(&a);
}

/* -- terms ------------------------------------------------------------------------------------------------------ */

static struct plan_term var(uint32_t v, uint32_t min, uint32_t max) {
    return (
        struct plan_term){ .kind = PLAN_TERM_VAR, .var = v, .min = min, .max = max, .inner = PLAN_FOLLOWED };
}

static void terms_need_few_parentheses(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    const struct plan_var vars[] = { { .name = BASE_STR("a") }, { .name = BASE_STR("b") },
        { .name = BASE_STR("c") }, { .name = BASE_STR("d") } };
    const struct plan_pattern p = { .n_vars = 4, .vars = vars };
    struct plan_term a = var(0, 1, 1), bb = var(1, 0, 1), c = var(2, 3, 3), d = var(3, 1, PLAN_UNBOUNDED);
    d.greedy = true;
    d.inner = PLAN_NEXT;
    d.gap_us = 5000000;
    const struct plan_step inner_steps[] = { { .op = PLAN_FOLLOWED, .hi_us = -1, .term = &bb },
        { .op = PLAN_NEXT, .hi_us = -1, .term = &c } };
    struct plan_term inner = { .kind = PLAN_TERM_CHAIN,
        .steps = inner_steps,
        .n_steps = 2,
        .min = 2,
        .max = 5,
        .inner = PLAN_FOLLOWED_ANY };
    const struct plan_term *alts[] = { &inner, &d };
    struct plan_term alt = { .kind = PLAN_TERM_ALT, .alts = alts, .n_alts = 2, .min = 1, .max = 1 };
    struct plan_term neg = var(0, 1, 1);
    const struct plan_step steps[] = { { .op = PLAN_FOLLOWED, .hi_us = -1, .term = &a },
        { .op = PLAN_FOLLOWED_ANY, .lo_us = 1000000, .hi_us = 30000000, .term = &alt },
        { .op = PLAN_FOLLOWED, .negated = true, .hi_us = 600000000, .term = &neg } };
    struct plan_term root = { .kind = PLAN_TERM_CHAIN, .steps = steps, .n_steps = 3, .min = 1, .max = 1 };
    plan_write_term(&b, &p, &root);
    assert_text(
        &b, "a ->>[1 s to 30 s] ((b? c{3}){2,5} combinations | d+ consecutive greedy gap 5 s) ->[10 min] !a");
    plan_write_term(&b, &p, &inner);
    assert_text(&b, "(b? c{3}){2,5} combinations");
    struct plan_term all = { .kind = PLAN_TERM_ALL,
        .alts = alts,
        .n_alts = 2,
        .min = 0,
        .max = PLAN_UNBOUNDED,
        .inner = PLAN_FOLLOWED };
    plan_write_term(&b, &p, &all);
    assert_text(&b, "all((b? c{3}){2,5} combinations, d+ consecutive greedy gap 5 s)*");
    base_buf_release(&b);
}

static void who_reads_what_is_known(void **state) {
    (void)state;
    struct plan_node s = { .kind = PLAN_NODE_SOURCE, .index = 0 };
    struct plan_ref inputs[] = { { 0, PLAN_PORT_MAIN } };
    struct plan_node p = {
        .kind = PLAN_NODE_PATTERN, .index = 1, .pattern = { .n_inputs = 1, .inputs = inputs }
    };
    struct plan_node a = { .kind = PLAN_NODE_ALERT,
        .index = 2,
        .alert = { .on = { 1, PLAN_PORT_TIMEOUTS },
            .has_resolve_when = true,
            .resolve_when = { 0, PLAN_PORT_LATE } } };
    const struct plan_node *nodes[] = { &s, &p, &a };
    const struct plan_sink sinks[] = { { .input = { 2, PLAN_PORT_MAIN } } };
    struct plan plan = { .n_nodes = 3, .nodes = nodes, .n_sinks = 1, .sinks = sinks };
    base_arena_init(&plan.arena, 0);
    plan_seal(&plan);
    const bool want[3][PLAN_PORT_MAX] = { { true, true, false, false }, { false, false, false, true },
        { true, false, false, false } };
    for (uint32_t n = 0; n < 3; n++)
        for (int port = 0; port < PLAN_PORT_MAX; port++)
            assert_int_equal(
                plan_is_read(&plan, (struct plan_ref){ n, (enum plan_port)port }), want[n][port]);
    assert_int_equal(plan_node_n_inputs(&s), 0);
    assert_int_equal(plan_node_n_inputs(&a), 2);
    assert_true(plan_node_reads(&a, (struct plan_ref){ 0, PLAN_PORT_LATE }));
    assert_false(plan_node_reads(&a, (struct plan_ref){ 0, PLAN_PORT_MAIN }));
    base_arena_release(&plan.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_found_by_name),
        cmocka_unit_test(errors_have_one_schema),
        cmocka_unit_test(alerts_show_what_they_are_on),
        cmocka_unit_test(terms_need_few_parentheses),
        cmocka_unit_test(who_reads_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
