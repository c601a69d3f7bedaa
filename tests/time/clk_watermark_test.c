/* clk_watermark: lateness by a partition's own watermark, the minimum over partitions, idleness, the end. */
#include "time/clk_watermark.h"

#include "base/base_bits.h"
#include "tests/base/base_test.h"

static uint32_t take(
    struct clk_wm *w, size_t part, const int64_t *time, uint32_t n, uint64_t *late, int64_t mono) {
    *late = 0;
    return clk_wm_events(w, part, time, n, NULL, NULL, late, mono);
}

static void delay_judges_by_the_watermark_before_the_event(void **state) {
    (void)state;
    struct clk_wm w;
    clk_wm_init(&w, &(struct clk_wm_spec){ .kind = CLK_WM_DELAY, .delay_us = 5 });
    uint64_t late;
    bool idle;
    /* 100 -> W 94; 94 is late (not after it), 95 is not; 200 -> W 194. */
    const int64_t t[] = { 100, 94, 95, 200, 194, 195 };
    assert_int_equal(take(&w, 0, t, 6, &late, 0), 2);
    assert_int_equal(late, 1u << 1 | 1u << 4);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), 194);
    assert_false(idle);
    clk_wm_release(&w);
}

static void ascending_lets_equal_times_pass(void **state) {
    (void)state;
    struct clk_wm w;
    clk_wm_init(&w, &(struct clk_wm_spec){ .kind = CLK_WM_DELAY });
    uint64_t late;
    const int64_t t[] = { 7, 7, 6, 8, 7 };
    assert_int_equal(take(&w, 0, t, 5, &late, 0), 2);
    assert_int_equal(late, 1u << 2 | 1u << 4);
    clk_wm_release(&w);
}

static void punctuation_moves_it_to_the_marked_time(void **state) {
    (void)state;
    struct clk_wm w;
    clk_wm_init(&w, &(struct clk_wm_spec){ .kind = CLK_WM_PUNCTUATED });
    bool idle;
    const int64_t t[] = { 5, 100, 10, 10, 11 };
    uint64_t mark = 1u << 2, late = 0;
    assert_int_equal(clk_wm_events(&w, 0, t, 5, NULL, &mark, &late, 0), 1);
    assert_int_equal(late, 1u << 3); /* the second 10 is at the watermark that the first one set */
    assert_int_equal(clk_wm_merge(&w, 0, &idle), 10);
    clk_wm_release(&w);
}

static void the_slowest_partition_holds_it_back(void **state) {
    (void)state;
    struct clk_wm w;
    clk_wm_init(&w, &(struct clk_wm_spec){ .kind = CLK_WM_DELAY });
    uint64_t late;
    bool idle;
    clk_wm_need(&w, 1, 0);
    assert_int_equal(clk_wm_holder(&w), 0);
    (void)take(&w, 0, (const int64_t[]){ 50 }, 1, &late, 0);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), EVT_TIME_MIN); /* partition 1 has said nothing yet */
    assert_int_equal(clk_wm_holder(&w), 1);
    (void)take(&w, 1, (const int64_t[]){ 20 }, 1, &late, 0);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), 19);
    clk_wm_end(&w, 1);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), 49);
    /* A newcomer cannot bring the past back. */
    (void)take(&w, 2, (const int64_t[]){ 49, 50 }, 2, &late, 0);
    assert_int_equal(late, 1);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), 49);
    clk_wm_end(&w, 0);
    clk_wm_end(&w, 2);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), 49);
    assert_false(idle);
    assert_int_equal(clk_wm_holder(&w), SIZE_MAX);
    clk_wm_release(&w);
}

static void an_idle_partition_is_left_out_until_it_speaks(void **state) {
    (void)state;
    struct clk_wm w;
    clk_wm_init(&w, &(struct clk_wm_spec){ .kind = CLK_WM_DELAY, .idle_us = 10 });
    uint64_t late;
    bool idle;
    (void)take(&w, 0, (const int64_t[]){ 100 }, 1, &late, 0);
    (void)take(&w, 1, (const int64_t[]){ 5 }, 1, &late, 3);
    assert_int_equal(clk_wm_merge(&w, 3, &idle), 4);
    assert_int_equal(clk_wm_next_idle(&w), INT64_MAX); /* nobody has been asked in vain */
    clk_wm_silent(&w, CLK_WM_ALL);
    assert_int_equal(clk_wm_next_idle(&w), 10);
    (void)take(&w, 0, (const int64_t[]){ 120 }, 1, &late, 9);
    assert_int_equal(clk_wm_next_idle(&w), 13);
    assert_int_equal(clk_wm_merge(&w, 13, &idle), 119); /* 1 fell idle at 13 */
    assert_false(idle);
    assert_int_equal(take(&w, 1, (const int64_t[]){ 119, 120 }, 2, &late, 14), 1);
    assert_int_equal(clk_wm_merge(&w, 14, &idle), 119);
    clk_wm_silent(&w, CLK_WM_ALL);
    assert_int_equal(clk_wm_merge(&w, 100, &idle), 119);
    assert_true(idle);
    clk_wm_release(&w);
}

static void one_that_waits_its_turn_is_not_idle(void **state) {
    (void)state;
    struct clk_wm w;
    clk_wm_init(&w, &(struct clk_wm_spec){ .kind = CLK_WM_DELAY, .idle_us = 10 });
    uint64_t late;
    bool idle;
    (void)take(&w, 0, (const int64_t[]){ 100 }, 1, &late, 0);
    (void)take(&w, 1, (const int64_t[]){ 50 }, 1, &late, 0);
    clk_wm_silent(&w, 0);
    assert_int_equal(clk_wm_merge(&w, 100, &idle), 49); /* 0 is idle; 1 has not been asked for long */
    assert_false(idle);
    clk_wm_silent(&w, 1);
    clk_wm_unheard(&w);
    assert_int_equal(clk_wm_merge(&w, 200, &idle), 49);
    assert_false(idle);
    clk_wm_silent(&w, 1);
    assert_int_equal(clk_wm_merge(&w, 200, &idle), 99); /* what the furthest saw stands */
    assert_true(idle);
    clk_wm_release(&w);
}

static void times_at_the_ends_of_the_range_do_not_overflow(void **state) {
    (void)state;
    struct clk_wm w;
    clk_wm_init(&w, &(struct clk_wm_spec){ .kind = CLK_WM_DELAY, .delay_us = 1000 });
    uint64_t late;
    bool idle;
    (void)take(&w, 0, (const int64_t[]){ INT64_MIN + 2, INT64_MIN + 500 }, 2, &late, 0);
    assert_int_equal(late, 0);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), INT64_MIN + 1);
    (void)take(&w, 0, (const int64_t[]){ INT64_MAX }, 1, &late, 0);
    assert_int_equal(clk_wm_merge(&w, 0, &idle), INT64_MAX - 1001);
    clk_wm_release(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delay_judges_by_the_watermark_before_the_event),
        cmocka_unit_test(ascending_lets_equal_times_pass),
        cmocka_unit_test(punctuation_moves_it_to_the_marked_time),
        cmocka_unit_test(the_slowest_partition_holds_it_back),
        cmocka_unit_test(an_idle_partition_is_left_out_until_it_speaks),
        cmocka_unit_test(one_that_waits_its_turn_is_not_idle),
        cmocka_unit_test(times_at_the_ends_of_the_range_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
