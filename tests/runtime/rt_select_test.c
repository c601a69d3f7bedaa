/* rt_select: conditions, computed columns, union all, failures; chains of them share their batches. */
#include "tests/runtime/rt_kit.h"

static void rows_are_left_out_and_columns_made(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k,
        RT_KIT_STREAM("s") "ascending;"
                           "stream big as select k, v * 2 as twice, upper(k) as big, at from s where v > 1;"
                           "stream bigger as select twice + 1 as n, big from big where twice <> 6;");
    struct base_buf *big = rt_kit_listen(&k, "big", PLAN_PORT_MAIN),
                    *bigger = rt_kit_listen(&k, "bigger", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, 1 }, { "b", 2, 2 }, { "c", 3, 3 }, { "d", 4, 4 });
    CAME(big, "b|4|B|2\nc|6|C|3\nd|8|D|4\n");
    CAME(bigger, "5|B\n9|D\n");
    assert_int_equal(rt_kit_watermark(&k, 1), 3);
    PUSH(&k, "s", 0, { "a", 1, 9 });
    CAME(big, "");
    assert_int_equal(rt_kit_watermark(&k, 1), 8);
    rt_kit_release(&k);
}

static void a_union_waits_for_its_slowest_branch(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k, RT_KIT_STREAM("s") "ascending;" RT_KIT_STREAM(
                        "t") "ascending;"
                             "stream both as select k, v from s union all select k, -v from t where v > 0;");
    struct base_buf *both = rt_kit_listen(&k, "both", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, 10 });
    assert_int_equal(rt_kit_watermark(&k, 0), EVT_TIME_MIN);
    PUSH(&k, "t", 0, { "b", 2, 5 }, { "b", 0, 6 });
    CAME(both, "a|1\nb|-2\n");
    assert_int_equal(rt_kit_watermark(&k, 0), 5);
    rt_kit_finish(&k);
    assert_int_equal(rt_kit_watermark(&k, 0), EVT_TIME_MAX);
    rt_kit_release(&k);
}

static void failures_are_null_and_reported_row_by_row(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k, RT_KIT_STREAM("s") "ascending; stream q as select k, 10 / v as n from s;");
    struct base_buf *q = rt_kit_listen(&k, "q", PLAN_PORT_MAIN),
                    *errors = rt_kit_listen(&k, "q", PLAN_PORT_ERRORS);
    PUSH(&k, "s", 0, { "a", 5, 1 }, { "b", 0, 2 }, { "c", 2, 3 });
    CAME(q, "a|2\nb|null\nc|5\n");
    assert_non_null(strstr(base_buf_cstr(errors), "division by zero"));
    assert_ptr_equal(strchr(base_buf_cstr(errors), '\n'), errors->p + errors->len - 1); /* one row */
    assert_int_equal(rt_kit_op(&k, "q")->metrics.failed, 1);
    rt_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_left_out_and_columns_made),
        cmocka_unit_test(a_union_waits_for_its_slowest_branch),
        cmocka_unit_test(failures_are_null_and_reported_row_by_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
