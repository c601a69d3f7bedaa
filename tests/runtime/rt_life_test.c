/* rt_life: deadlines that move, identities that are forgotten. */
#include "runtime/rt_life.h"

#include "tests/base/base_test.h"

#include <stdio.h>

static void a_deadline_pushed_out_fires_once_and_late(void **state) {
    (void)state;
    struct rt_lives l;
    int64_t at = 0;
    rt_lives_init(&l);
    struct rt_life *a = rt_lives_make(&l, BASE_STR("a"));
    for (int64_t t = 10; t <= 1000; t += 10)
        rt_lives_set_deadline(&l, a, t);
    assert_int_equal(l.n_heap, 1); /* a thousand pushes, one entry */
    assert_null(rt_lives_due(&l, 999, &at));
    assert_ptr_equal(rt_lives_due(&l, 1000, &at), a);
    assert_int_equal(at, 1000);
    assert_null(rt_lives_due(&l, INT64_MAX, &at));
    rt_lives_release(&l);
}

static void an_earlier_deadline_counts(void **state) {
    (void)state;
    struct rt_lives l;
    int64_t at = 0;
    rt_lives_init(&l);
    struct rt_life *a = rt_lives_make(&l, BASE_STR("a"));
    rt_lives_set_deadline(&l, a, 100);
    rt_lives_set_deadline(&l, a, 50);
    assert_ptr_equal(rt_lives_due(&l, 60, &at), a);
    assert_int_equal(at, 50);
    assert_null(rt_lives_due(&l, 1000, &at));
    rt_lives_release(&l);
}

static void due_ones_come_in_order_of_time(void **state) {
    (void)state;
    struct rt_lives l;
    int64_t at = 0, last = 0;
    rt_lives_init(&l);
    for (int64_t i = 0; i < 500; i++) {
        char name[16];
        int n = snprintf(name, sizeof name, "k%d", (int)i);
        rt_lives_set_deadline(&l, rt_lives_make(&l, (struct base_str){ name, (size_t)n }), (i * 7919) % 500);
    }
    size_t n = 0;
    for (struct rt_life *x; (x = rt_lives_due(&l, 400, &at)) != NULL; n++) {
        assert_true(at >= last);
        last = at;
        rt_lives_forget(&l, x);
    }
    assert_int_equal(n, 401);
    assert_int_equal(l.index.n_live, 99);
    rt_lives_release(&l);
}

static void a_forgotten_place_is_used_again(void **state) {
    (void)state;
    struct rt_lives l;
    int64_t at = 0;
    rt_lives_init(&l);
    rt_lives_set_deadline(&l, rt_lives_make(&l, BASE_STR("a")), 10);
    rt_lives_forget(&l, rt_lives_find(&l, BASE_STR("a")));
    assert_null(rt_lives_find(&l, BASE_STR("a")));
    struct rt_life *b = rt_lives_make(&l, BASE_STR("b"));
    assert_int_equal(l.n_lives, 1);
    rt_lives_set_deadline(&l, b, 20);
    assert_null(rt_lives_due(&l, 15, &at)); /* a's entry does not count for b */
    assert_ptr_equal(rt_lives_due(&l, 20, &at), b);
    rt_lives_release(&l);
}

/* An alert that fires and is resolved over and over, long before its deadline, leaves no trail. */
static void memory_follows_what_goes_on(void **state) {
    (void)state;
    struct rt_lives l;
    int64_t at = 0, last = 0;
    size_t n = 0, most = 0;
    rt_lives_init(&l);
    for (int64_t i = 0; i < 40; i++) {
        char name[16];
        int len = snprintf(name, sizeof name, "k%d", (int)i);
        rt_lives_set_deadline(&l, rt_lives_make(&l, (struct base_str){ name, (size_t)len }), 1000000 - i * 7);
    }
    for (int64_t i = 0; i < 100000; i++) {
        struct rt_life *life = rt_lives_make(&l, BASE_STR("flaps"));
        rt_lives_set_deadline(&l, life, 2000000 + i);
        rt_lives_forget(&l, life);
        most = l.n_heap > most ? l.n_heap : most;
    }
    assert_true(most < 200);
    for (struct rt_life *x; (x = rt_lives_due(&l, 3000000, &at)) != NULL; n++) {
        assert_true(at >= last);
        last = at;
        rt_lives_forget(&l, x);
    }
    assert_int_equal(n, 40);
    assert_int_equal(l.n_heap, 0);
    rt_lives_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_pushed_out_fires_once_and_late),
        cmocka_unit_test(an_earlier_deadline_counts),
        cmocka_unit_test(due_ones_come_in_order_of_time),
        cmocka_unit_test(a_forgotten_place_is_used_again),
        cmocka_unit_test(memory_follows_what_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
