/* Timers fire in order, cancelled ones do not. */
#include "time/clk_timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint64_t next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

enum { N = 5000 };

static void fire_in_order(void **state) {
    (void)state;
    struct clk_timers t;
    struct clk_timer *timers = calloc(N, sizeof *timers);
    uint64_t seed = 7;
    clk_timers_init(&t);
    for (size_t i = 0; i < N; i++)
        clk_timer_add(&t, &timers[i], (int64_t)(next(&seed) % 1000));
    clk_timers_check(&t);
    for (size_t i = 0; i < N; i += 3)
        clk_timer_cancel(&t, &timers[i]);
    clk_timers_check(&t);
    int64_t at, last = -1;
    size_t n = 0;
    struct clk_timer *f, *before = NULL;
    while ((f = clk_timers_pop(&t, 499, &at))) {
        assert_true(at >= last && at <= 499);
        /* Of one time: in the order in which they were added. */
        if (at == last)
            assert_true(f > before);
        assert_int_not_equal((f - timers) % 3, 0);
        last = at;
        before = f;
        n++;
    }
    bool any;
    assert_true(clk_timers_next(&t, &any) >= 500 && any);
    while (clk_timers_pop(&t, INT64_MAX, &at))
        n++;
    assert_int_equal(n, N - (N + 2) / 3);
    assert_int_equal(clk_timers_next(&t, &any), INT64_MAX);
    assert_false(any);
    clk_timers_release(&t);
    free(timers);
}

static void cancelled_ones_do_not_pile_up(void **state) {
    (void)state;
    struct clk_timers t;
    struct clk_timer timer = { 0 };
    clk_timers_init(&t);
    for (int64_t i = 0; i < 100000; i++) {
        clk_timer_add(&t, &timer, i + 1000000);
        assert_int_equal(clk_timer_at(&t, &timer), i + 1000000);
        clk_timer_cancel(&t, &timer);
    }
    assert_true(t.cap < 1000);
    clk_timers_check(&t);
    clk_timers_release(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fire_in_order),
        cmocka_unit_test(cancelled_ones_do_not_pile_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
