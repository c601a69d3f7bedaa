/* Functions of numbers: values, domains, ranges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "tests/expr/func_test_util.h"

static void signs_and_sizes(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "abs(-3)", "3" },
        { "abs(-2.5)", "2.5" },
        { "abs(decimal '-1.50')", "1.50" },
        { "abs(-5 s)", "5 s" },
        { "abs(-9223372036854775808)", "fails: result out of range" },
        { "abs(null)", "null" },
        { "abs('x')", "error: function \"abs\" cannot take (string)" },
        { "sign(-7)", "-1" },
        { "sign(0.0)", "0" },
        { "sign(decimal '0.01')", "1" },
        { "greatest(1, null, 3, 2)", "3" },
        { "greatest(1, 2.5)", "2.5" },
        { "least('b', 'a', null)", "a" },
        { "least(null, null)", "null" },
        { "clamp(12, 0, 10)", "10" },
        { "clamp(-1.5, 0.0, 1.0)", "0.0" },
        { "clamp(5, 10, 0)", "fails: lower bound is above the upper bound" },
        { "is_nan(0.0)", "false" },
        { "is_finite(1.5)", "true" },
        { "width_bucket(5.35, 0.024, 10.06, 5)", "3" },
        { "width_bucket(-1, 0, 10, 5)", "0" },
        { "width_bucket(10, 0, 10, 5)", "6" },
        { "width_bucket(9, 10, 0, 5)", "1" },
        { "width_bucket(1, 0, 0, 5)", "fails: argument is outside the function's domain" },
        { "width_bucket(1, 0, 1, 0)", "fails: argument is outside the function's domain" },
    };
    FUNC_CASES(cases);
}

static void rounding(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "ceil(1.2)", "2.0" },
        { "ceil(-1.2)", "-1.0" },
        { "ceiling(3)", "3" },
        { "ceil(decimal '9.9')", "10.0" },
        { "ceil(decimal '-9.9')", "-9.0" },
        { "floor(-1.2)", "-2.0" },
        { "floor(decimal '-0.01')", "-1.00" },
        { "round(2.5)", "3.0" },
        { "round(-2.5)", "-3.0" },
        { "round(2.675, 2)", "2.68" },
        { "round(1.005, 2)", "1.01" },
        { "round(1234.5, -2)", "1200.0" },
        { "round(1250, -2)", "1300" },
        { "round(-1250, -2)", "-1300" },
        { "round(7, 3)", "7" },
        { "round(7, -30)", "0" },
        { "round(9223372036854775807, -1)", "fails: result out of range" },
        { "round(decimal '2.675', 2)", "2.680" },
        { "round(decimal '-2.5')", "-3.0" },
        { "round(decimal '99.9', -3)", "0.0" },
        { "round(1.0e300, 2)", "1e+300" },
        { "round(1.5, 400)", "1.5" },
        { "trunc(2.999, 2)", "2.99" },
        { "trunc(-2.7)", "-2.0" },
        { "trunc(-0.29, 1)", "-0.2" },
        { "truncate(1999, -3)", "1000" },
        { "trunc(decimal '-1.99', 1)", "-1.90" },
        { "round(null, 2)", "null" },
    };
    FUNC_CASES(cases);
}

static void division(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "mod(7, 3)", "1" },
        { "mod(-7, 3)", "-1" },
        { "mod(-9223372036854775808, -1)", "0" },
        { "mod(7, 0)", "fails: division by zero" },
        { "mod(7.5, 2)", "1.5" },
        { "mod(7.5, 0.0)", "fails: division by zero" },
        { "mod(decimal '7.25', decimal '2.0')", "1.25" },
        { "mod(65 s, 1 min)", "5 s" },
        { "div(-7, 2)", "-3" },
        { "div(1, 0)", "fails: division by zero" },
        { "div(-9223372036854775808, -1)", "fails: result out of range" },
        { "gcd(12, -18)", "6" },
        { "gcd(0, 0)", "0" },
        { "gcd(-9223372036854775808, 0)", "fails: result out of range" },
        { "lcm(4, 6)", "12" },
        { "lcm(9223372036854775807, 2)", "fails: result out of range" },
        { "bit_and(12, 10)", "8" },
        { "bit_or(12, 10)", "14" },
        { "bit_xor(12, 10)", "6" },
        { "bit_not(0)", "-1" },
        { "bit_count(-1)", "64" },
        { "shift_left(1, 10)", "1024" },
        { "shift_left(1, 64)", "0" },
        { "shift_right(-8, 1)", "-4" },
        { "shift_right(-8, 100)", "-1" },
        { "shift_left(1, -1)", "fails: argument is outside the function's domain" },
    };
    FUNC_CASES(cases);
}

static void powers_and_angles(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "power(2, 10)", "1024.0" },
        { "pow(10.0, 400)", "fails: result out of range" },
        { "power(0, -1)", "fails: argument is outside the function's domain" },
        { "power(-8.0, 0.5)", "fails: argument is outside the function's domain" },
        { "sqrt(16)", "4.0" },
        { "sqrt(-1)", "fails: argument is outside the function's domain" },
        { "cbrt(-27)", "-3.0" },
        { "exp(0)", "1.0" },
        { "exp(1000)", "fails: result out of range" },
        { "ln(e())", "1.0" },
        { "ln(0)", "fails: argument is outside the function's domain" },
        { "ln(-1)", "fails: argument is outside the function's domain" },
        { "log10(1000)", "3.0" },
        { "log2(8)", "3.0" },
        { "log(2, 8)", "3.0" },
        { "log(1, 8)", "fails: argument is outside the function's domain" },
        { "sin(0)", "0.0" },
        { "cos(pi())", "-1.0" },
        { "tan(0.0)", "0.0" },
        { "cot(0.0)", "fails: argument is outside the function's domain" },
        { "asin(2)", "fails: argument is outside the function's domain" },
        { "acos(1)", "0.0" },
        { "atan(0)", "0.0" },
        { "atan2(0, -1)", "3.141592653589793" },
        { "sinh(0)", "0.0" },
        { "cosh(0)", "1.0" },
        { "tanh(0)", "0.0" },
        { "degrees(pi())", "180.0" },
        { "radians(180)", "3.141592653589793" },
        { "sqrt(null)", "null" },
    };
    FUNC_CASES(cases);
}

static void distance_on_the_globe(void **state) {
    (void)state;
    static const struct func_case globe[] = {
        { "round(geo_distance(52.52, 13.405, 48.1371, 11.5754), -3)", "504000.0" }, /* Berlin to Munich */
        { "geo_distance(1.0, 2.0, 1.0, 2.0)", "0.0" },
        { "round(geo_distance(0, 0, 0, 180))", "20015114.0" },
        { "round(geo_distance(0, 179.5, 0, -179.5), -2)", "111200.0" },
        { "geo_distance(91, 0, 0, 0)", "fails: not a latitude (-90 to 90) or a longitude (-360 to 360)" },
    };
    FUNC_CASES(globe);
}

static void random_is_in_range_and_never_folded(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    const struct expr *e = tu_calln(&a, "random", NULL, 0);
    assert_int_equal(e->kind, EXPR_CALL);
    struct expr_env env = { .scratch = &a };
    struct evt_val x, y;
    expr_eval(e, &env, &x);
    expr_eval(e, &env, &y);
    assert_true(x.d >= 0 && x.d < 1 && y.d >= 0 && y.d < 1);
    assert_true(x.d != y.d); /* once in 2^53 they are equal */
    base_arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_sizes),
        cmocka_unit_test(rounding),
        cmocka_unit_test(division),
        cmocka_unit_test(powers_and_angles),
        cmocka_unit_test(distance_on_the_globe),
        cmocka_unit_test(random_is_in_range_and_never_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
