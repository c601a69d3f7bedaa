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
    assert_true(clk_timers_bytes(&t) < 1000 * 3 * sizeof(uint64_t));
    clk_timers_check(&t);
    clk_timers_release(&t);
}

/* Against a look at all of them: times that ascend, as time-outs do, others between, cancelled ones among both. */
static void the_earliest_of_line_and_heap(void **state) {
    (void)state;
    enum { FEW = 200 };
    struct clk_timers t;
    struct clk_timer timers[FEW] = { { 0 } };
    int64_t at[FEW], now = 0;
    uint64_t serial[FEW] = { 0 }, n = 0, seed = 11, fired = 0;
    clk_timers_init(&t);
    for (int round = 0; round < 50000; round++) {
        size_t i = next(&seed) % FEW;
        now += (int64_t)(next(&seed) % 3);
        if (serial[i] && next(&seed) % 2) {
            clk_timer_cancel(&t, &timers[i]);
            serial[i] = 0;
        } else if (!serial[i]) {
            at[i] = now + (next(&seed) % 3 ? 500 : (int64_t)(next(&seed) % 700));
            serial[i] = ++n;
            clk_timer_add(&t, &timers[i], at[i]);
        }
        for (;;) {
            size_t first = FEW;
            for (size_t k = 0; k < FEW; k++) {
                if (serial[k] && at[k] <= now &&
                    (first == FEW || at[k] < at[first] || (at[k] == at[first] && serial[k] < serial[first])))
                    first = k;
            }
            int64_t when;
            struct clk_timer *f = clk_timers_pop(&t, now, &when);
            assert_ptr_equal(f, first == FEW ? NULL : &timers[first]);
            if (!f)
                break;
            assert_int_equal(when, at[first]);
            assert_false(clk_timer_waits(f));
            serial[first] = 0;
            fired++;
        }
        if (round % 64 == 0)
            clk_timers_check(&t);
    }
    assert_true(fired > 1000);
    assert_true(clk_timers_bytes(&t) < 100000);
    clk_timers_release(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fire_in_order),
        cmocka_unit_test(cancelled_ones_do_not_pile_up),
        cmocka_unit_test(the_earliest_of_line_and_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
