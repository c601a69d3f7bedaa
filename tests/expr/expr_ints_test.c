/* expr_ints: a value is in the set once, whichever it is, and a walk meets each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "expr/expr_ints.h"

#include <stdlib.h>

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* `step`: values that differ in some bits only must not fall together. */
static void add_all(int64_t step) {
    enum { N = 3000 };
    struct expr_ints s = { .slots = NULL };
    static int64_t got[N];
    size_t n = 0;
    for (int round = 0; round < 2; round++)
        for (int64_t i = 0; i < N; i++) {
            int64_t x = (int64_t)((uint64_t)(i - N / 2) * (uint64_t)step);
            expr_ints_fetch(&s, x);
            expr_ints_add(&s, x);
        }
    assert_int_equal(expr_ints_n(&s), N);
    assert_true(expr_ints_bytes(&s) <= (size_t)N * 24);
    int64_t x;
    for (size_t it = 0; expr_ints_next(&s, &it, &x);) {
        assert_true(n < N);
        got[n++] = x;
    }
    assert_int_equal(n, N);
    qsort(got, N, sizeof *got, by_value);
    for (int64_t i = 0; i < N; i++)
        assert_int_equal(got[i], (i - N / 2) * step);
    expr_ints_release(&s);
    assert_int_equal(expr_ints_n(&s), 0);
}

static void each_value_is_in_it_once(void **state) {
    (void)state;
    add_all(1);
    add_all(1000000);
    add_all(INT64_C(1) << 20);
    add_all(INT64_C(1) << 40);
}

static void the_ends_and_nothing(void **state) {
    (void)state;
    struct expr_ints s = { .slots = NULL };
    int64_t x;
    size_t it = 0;
    assert_false(expr_ints_next(&s, &it, &x));
    expr_ints_add(&s, 0);
    expr_ints_add(&s, 0);
    assert_int_equal(expr_ints_n(&s), 1);
    it = 0;
    assert_true(expr_ints_next(&s, &it, &x));
    assert_int_equal(x, 0);
    assert_false(expr_ints_next(&s, &it, &x));
    expr_ints_add(&s, INT64_MIN);
    expr_ints_add(&s, INT64_MAX);
    expr_ints_add(&s, INT64_MIN);
    assert_int_equal(expr_ints_n(&s), 3);
    expr_ints_release(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_value_is_in_it_once),
        cmocka_unit_test(the_ends_and_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
