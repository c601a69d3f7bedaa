/* rt_alert: suppression, firing and resolved, identities, records. */
#include "tests/runtime/rt_kit.h"

#define VIEW " stream seen as select status, message, at from al;"

static void suppressed_for_a_time_per_identity(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(
        &k, RT_KIT_STREAM("s") "ascending; alert al on s message '{k}{v}' by k suppress for 10 us;" VIEW);
    struct base_buf *out = rt_kit_listen(&k, "seen", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, 100 }, { "a", 2, 109 }, { "b", 3, 109 }, { "a", 4, 110 }, { "a", 5, 119 },
        { "a", 6, 200 });
    CAME(out, "firing|a1|100\nfiring|b3|109\nfiring|a4|110\n"); /* 200 waits for the watermark */
    rt_kit_finish(&k);
    CAME(out, "firing|a6|200\n");
    assert_int_equal(rt_kit_op(&k, "al")->metrics.suppressed, 2);
    rt_kit_release(&k);
}

static void fires_until_it_is_resolved_by_time(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(
        &k, RT_KIT_STREAM(
                "s") "ascending; alert al on s where v > 0 message '{v}' by k resolve after 10 us;" VIEW);
    struct base_buf *out = rt_kit_listen(&k, "seen", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, 100 }, { "a", 2, 105 }, { "a", 0, 112 }, { "a", 3, 115 }, { "a", 0, 300 });
    CAME(out, "firing|1|100\nresolved|1|115\nfiring|3|115\nresolved|3|125\n");
    rt_kit_release(&k);
}

static void resolved_by_another_stream(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k, RT_KIT_STREAM("s") "ascending;" RT_KIT_STREAM(
                        "ok") "ascending;"
                              "alert al on s message '{k}' by k resolve when ok where v = 1;" VIEW);
    struct base_buf *out = rt_kit_listen(&k, "seen", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, 10 }, { "b", 1, 11 }, { "a", 1, 40 });
    PUSH(&k, "ok", 0, { "a", 0, 12 }, { "a", 1, 20 }, { "c", 1, 21 });
    rt_kit_finish(&k);
    CAME(out, "firing|a|10\nfiring|b|11\nresolved|a|20\nfiring|a|40\n");
    rt_kit_release(&k);
}

static void ties_go_by_origin_however_they_are_read(void **state) {
    (void)state;
    for (int first = 0; first < 2; first++) {
        struct rt_kit k;
        rt_kit_init(&k, RT_KIT_STREAM("s") "ascending; alert al on s message '{k}' suppress for 1 h;" VIEW);
        struct base_buf *out = rt_kit_listen(&k, "seen", PLAN_PORT_MAIN);
        rt_source_partitions(rt_kit_op(&k, "s"), 2);
        PUSH(&k, "s", (uint32_t)first, { first ? "second" : "first", 1, 10 });
        PUSH(&k, "s", (uint32_t)!first, { first ? "first" : "second", 1, 10 });
        rt_kit_finish(&k);
        CAME(out, "firing|first|10\n");
        rt_kit_release(&k);
    }
}

static void times_at_the_end_of_the_range_do_not_overflow(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(
        &k, RT_KIT_STREAM(
                "s") "ascending; alert al on s message '{v}' by k suppress for 1 d resolve after 1 d;" VIEW);
    struct base_buf *out = rt_kit_listen(&k, "seen", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, INT64_MIN + 10 }, { "a", 2, INT64_MAX - 5 }, { "a", 3, INT64_MAX });
    rt_kit_finish(&k);
    CAME(out,
        "firing|1|-9223372036854775798\nresolved|1|-9223371950454775798\nfiring|2|9223372036854775802\n");
    rt_kit_release(&k);
}

static void a_failed_label_is_null_and_the_row_is_reported(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k,
        RT_KIT_STREAM(
            "s") "ascending; alert al on s where v = 0 or 1 / v > 0 message '{k}' labels share = 1 / v;"
                 "stream seen as select message, labels from al;");
    struct base_buf *out = rt_kit_listen(&k, "seen", PLAN_PORT_MAIN),
                    *errors = rt_kit_listen(&k, "al", PLAN_PORT_ERRORS);
    PUSH(&k, "s", 0, { "a", 0, 10 }, { "b", 1, 11 });
    rt_kit_finish(&k);
    assert_non_null(strstr(base_buf_cstr(out), "a|"));
    assert_non_null(strstr(base_buf_cstr(out), "b|"));
    assert_true(errors->len > 0);
    assert_int_equal(rt_kit_op(&k, "al")->metrics.failed, 1);
    rt_kit_release(&k);
}

static void records_are_told_apart_by_their_ids(void **state) {
    (void)state;
    struct rt_kit k;
    rt_kit_init(&k, RT_KIT_STREAM("s") "ascending; alert al on s by k resolve after 10 us; stream ids as "
                                       "select id, status from al;");
    struct base_buf *out = rt_kit_listen(&k, "ids", PLAN_PORT_MAIN);
    PUSH(&k, "s", 0, { "a", 1, 10 }, { "b", 1, 11 });
    rt_kit_finish(&k);
    const char *text = base_buf_cstr(out);
    assert_int_equal(strlen(text), 2 * (32 + 1 + 6 + 1) + 2 * (32 + 1 + 8 + 1));
    assert_memory_equal(text, text + 80, 32); /* a firing, b firing, a resolved, b resolved */
    assert_memory_not_equal(text, text + 40, 32);
    rt_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suppressed_for_a_time_per_identity),
        cmocka_unit_test(fires_until_it_is_resolved_by_time),
        cmocka_unit_test(resolved_by_another_stream),
        cmocka_unit_test(ties_go_by_origin_however_they_are_read),
        cmocka_unit_test(times_at_the_end_of_the_range_do_not_overflow),
        cmocka_unit_test(a_failed_label_is_null_and_the_row_is_reported),
        cmocka_unit_test(records_are_told_apart_by_their_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
