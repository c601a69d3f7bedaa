/* rt_restart: the strategies by the clock; the states of a job. */
#include "runtime/rt_restart.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { S = 1000000 };

static void begin(struct rt_restart *r, enum rt_restart_kind kind, struct rt_restart_spec *spec) {
    rt_restart_defaults(spec, kind);
    rt_restart_init(r, spec);
    rt_restart_running(r, 0);
}

static void none_gives_up_at_once(void **state) {
    struct rt_restart r;
    struct rt_restart_spec spec;
    (void)state;
    begin(&r, RT_RESTART_NONE, &spec);
    assert_int_equal(rt_restart_failed(&r, S), -1);
    rt_restart_release(&r);
}

static void fixed_delay_counts_attempts(void **state) {
    struct rt_restart r;
    struct rt_restart_spec spec;
    (void)state;
    begin(&r, RT_RESTART_FIXED_DELAY, &spec);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rt_restart_failed(&r, i * 100 * S), S);
    assert_int_equal(rt_restart_failed(&r, 1000 * S), -1);
    assert_int_equal(r.n_restarts, 3);
    rt_restart_release(&r);
}

static void exponential_delay_grows_and_begins_anew(void **state) {
    struct rt_restart r;
    struct rt_restart_spec spec;
    (void)state;
    begin(&r, RT_RESTART_EXPONENTIAL_DELAY, &spec);
    assert_int_equal(rt_restart_failed(&r, 1), S);
    assert_int_equal(rt_restart_failed(&r, 2), S * 3 / 2);
    assert_int_equal(rt_restart_failed(&r, 3), S * 9 / 4);
    for (int i = 0; i < 50; i++)
        (void)rt_restart_failed(&r, 4);
    assert_int_equal(rt_restart_failed(&r, 5), 60 * (int64_t)S);
    rt_restart_running(&r, 10);
    assert_int_equal(rt_restart_failed(&r, 10 + 3600 * (int64_t)S), S);
    rt_restart_release(&r);
}

static void failure_rate_looks_at_an_interval(void **state) {
    struct rt_restart r;
    struct rt_restart_spec spec;
    (void)state;
    begin(&r, RT_RESTART_FAILURE_RATE, &spec);
    for (int i = 0; i < 10; i++) /* never four in a minute */
        assert_int_equal(rt_restart_failed(&r, i * 20 * (int64_t)S), S);
    assert_int_equal(rt_restart_failed(&r, 181 * (int64_t)S), -1);
    rt_restart_release(&r);
}

static void a_strategy_says_what_it_allows(void **state) {
    static const struct {
        enum rt_restart_kind kind;
        const char *text;
    } all[] = { { RT_RESTART_NONE, "restart.strategy is none" },
        { RT_RESTART_FIXED_DELAY, "restart.strategy fixed-delay allows 3 in all (restart.attempts)" },
        { RT_RESTART_FAILURE_RATE,
            "restart.strategy failure-rate allows 3 failures in 60.0 s (restart.attempts, "
            "restart.interval)" } };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct rt_restart r;
        struct rt_restart_spec spec;
        char text[128];
        begin(&r, all[i].kind, &spec);
        rt_restart_write_limit(&r, text, sizeof text);
        assert_string_equal(text, all[i].text);
        rt_restart_release(&r);
    }
}

static void strategies_have_names(void **state) {
    enum rt_restart_kind k;
    (void)state;
    assert_true(rt_restart_find("failure-rate", &k));
    assert_int_equal(k, RT_RESTART_FAILURE_RATE);
    assert_true(rt_restart_find("none", &k));
    assert_int_equal(k, RT_RESTART_NONE);
    assert_false(rt_restart_find("sometimes", &k));
}

static void states_lead_where_they_may(void **state) {
    (void)state;
    assert_string_equal(rt_state_name(RT_STATE_RESTARTING), "restarting");
    assert_true(rt_state_may(RT_STATE_RUNNING, RT_STATE_FAILING));
    assert_true(rt_state_may(RT_STATE_FAILING, RT_STATE_RESTARTING));
    assert_true(rt_state_may(RT_STATE_RESTARTING, RT_STATE_RUNNING));
    assert_false(rt_state_may(RT_STATE_RUNNING, RT_STATE_RESTARTING));
    assert_false(rt_state_may(RT_STATE_CANCELLING, RT_STATE_FINISHED));
    for (int from = 0; from < RT_STATE_MAX; from++) {
        bool any = false;
        for (int to = 0; to < RT_STATE_MAX; to++)
            any |= rt_state_may((enum rt_state)from, (enum rt_state)to);
        assert_int_equal(any, !rt_state_is_final((enum rt_state)from));
        assert_false(rt_state_may((enum rt_state)from, (enum rt_state)from));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none_gives_up_at_once),
        cmocka_unit_test(fixed_delay_counts_attempts),
        cmocka_unit_test(exponential_delay_grows_and_begins_anew),
        cmocka_unit_test(failure_rate_looks_at_an_interval),
        cmocka_unit_test(a_strategy_says_what_it_allows),
        cmocka_unit_test(strategies_have_names),
        cmocka_unit_test(states_lead_where_they_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
