/* rt_source: lateness, rows without a time, punctuation, idleness, processing time. */
#include "tests/runtime/rt_kit.h"

static void late_rows_and_rows_without_a_time_go_their_own_ways(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k, RT_KIT_STREAM("s") "delay 5 us;");
    struct base_buf *on = rt_kit_listen(&k, "s", PLAN_PORT_MAIN),
                    *late = rt_kit_listen(&k, "s", PLAN_PORT_LATE);
    struct base_buf *errors = rt_kit_listen(&k, "s", PLAN_PORT_ERRORS);
    PUSH(&k, "s", 0, { "a", 1, 100 }, { "a", 2, 94 }, { "a", 3, 95 }, { "a", 4, INT64_MIN });
    assert_int_equal(rt_kit_watermark(&k, 0), 94);
    PUSH(&k, "s", 0, { "a", 5, 94 }, { "a", 6, 200 });
    CAME(on, "a|1|100\na|3|95\na|6|200\n");
    CAME(late, "a|2|94\na|5|94\n");
    assert_non_null(strstr(base_buf_cstr(errors), "the event time is null"));
    assert_int_equal(rt_kit_op(&k, "s")->metrics.late, 2);
    assert_int_equal(rt_kit_op(&k, "s")->metrics.no_time, 1);
    rt_kit_finish(&k);
    assert_int_equal(rt_kit_watermark(&k, 1), EVT_TIME_MAX);
    rt_kit_release(&k);
}

static void punctuation_moves_the_watermark_and_its_failure_is_counted(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k, RT_KIT_STREAM("s") "punctuated when 10 / v = 5;");
    struct base_buf *on = rt_kit_listen(&k, "s", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, 100 }, { "a", 2, 50 }, { "a", 0, 60 });
    assert_int_equal(rt_kit_watermark(&k, 0), 50);
    CAME(on, "a|1|100\na|2|50\na|0|60\n");
    assert_int_equal(rt_kit_op(&k, "s")->metrics.failed, 1);
    rt_kit_release(&k);
}

static void only_a_partition_that_had_nothing_when_asked_falls_idle(void **state) {
    (void)state;
    struct rt_kit k;
    int64_t next;
    rt_kit_init(&k, RT_KIT_STREAM("s") "ascending idle after 10 us;");
    (void)rt_kit_listen(&k, "s", PLAN_PORT_MAIN);
    struct rt_op *s = rt_kit_op(&k, "s");
    rt_source_partitions(s, 2);
    PUSH(&k, "s", 0, { "a", 1, 100 });
    assert_int_equal(rt_source_behind(s), 1);
    clk_manual_set(&k.clk, 50);
    assert_int_equal(rt_source_tick(s, &next, NULL), CEP_OK);
    assert_int_equal(rt_kit_watermark(&k, 0), EVT_TIME_MIN); /* 1 waits its turn */
    rt_source_silent(s, 1);
    assert_int_equal(rt_source_tick(s, &next, NULL), CEP_OK);
    assert_int_equal(rt_kit_watermark(&k, 0), 99);
    assert_false(rt_kit_idle(&k, 0));
    rt_source_silent(s, CON_ANY);
    assert_int_equal(rt_source_tick(s, &next, NULL), CEP_OK);
    assert_true(rt_kit_idle(&k, 0));
    PUSH(&k, "s", 1, { "b", 1, 99 }, { "b", 2, 100 });
    assert_false(rt_kit_idle(&k, 0));
    assert_int_equal(s->metrics.late, 1); /* what the others did meanwhile stands */
    rt_kit_release(&k);
}

static void processing_time_goes_on_without_rows(void **state) {
    (void)state;
    struct rt_kit k;
    int64_t next;
    rt_kit_init(
        &k, "stream s (k string, v int, at timestamp) from file (path = 'x') format json processing time;");
    struct base_buf *on = rt_kit_listen(&k, "s", PLAN_PORT_MAIN);
    clk_manual_set(&k.clk, 1000);
    PUSH(&k, "s", 0, { "a", 1, 5 });
    PUSH(&k, "s", 0, { "a", 2, 4 }); /* no time has passed: a microsecond later all the same */
    assert_int_equal(rt_kit_watermark(&k, 0), 1001);
    CAME(on, "a|1|5\na|2|4\n");
    clk_manual_set(&k.clk, 5000);
    assert_int_equal(rt_source_tick(rt_kit_op(&k, "s"), &next, NULL), CEP_OK);
    assert_int_equal(rt_kit_watermark(&k, 0), 4999);
    rt_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_rows_and_rows_without_a_time_go_their_own_ways),
        cmocka_unit_test(punctuation_moves_the_watermark_and_its_failure_is_counted),
        cmocka_unit_test(only_a_partition_that_had_nothing_when_asked_falls_idle),
        cmocka_unit_test(processing_time_goes_on_without_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
