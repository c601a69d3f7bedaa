/* base_num: integers, doubles and decimals as text. */
#include "base/base_num.h"

#include "tests/base/base_test.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void integers_at_the_edges(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t v;
    } cases[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "+7", true, 7 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "00000000000000000000000000012", true, 12 },
        { "99999999999999999999999999999", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "+", false, 0 },
        { "--1", false, 0 },
        { "1 ", false, 0 },
        { " 1", false, 0 },
        { "1.0", false, 0 },
        { "0x1", false, 0 },
        { "1e3", false, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t v = 0;
        assert_int_equal(base_parse_i64(base_str_of(cases[i].text), &v), cases[i].ok);
        assert_true(!cases[i].ok || v == cases[i].v);
    }
    uint64_t u = 0;
    assert_true(base_parse_u64(BASE_STR("18446744073709551615"), &u));
    assert_true(u == UINT64_MAX);
    assert_false(base_parse_u64(BASE_STR("18446744073709551616"), &u));
    assert_false(base_parse_u64(BASE_STR("-1"), &u));
    assert_false(base_parse_u64((struct base_str){ NULL, 0 }, &u));
    struct base_buf b = BASE_BUF_INIT;
    base_write_i64(&b, INT64_MIN);
    base_buf_putc(&b, ' ');
    base_write_i64(&b, INT64_MAX);
    base_buf_putc(&b, ' ');
    base_write_i64(&b, 0);
    assert_string_equal(base_buf_cstr(&b), "-9223372036854775808 9223372036854775807 0");
    base_buf_release(&b);
}

static void doubles_are_written_in_their_shortest_form(void **state) {
    (void)state;
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        { 0.0, "0.0" },
        { -0.0, "-0.0" },
        { 1.0, "1.0" },
        { 0.1, "0.1" },
        { -2.5, "-2.5" },
        { 100000.0, "100000.0" },
        { 123456.789, "123456.789" },
        { 0.0001, "0.0001" },
        { 0.00012, "0.00012" },
        { 0.00001, "1e-05" },
        { 9007199254740993.0, "9007199254740992.0" },
        { 1e15, "1000000000000000.0" },
        { 1e16, "1e+16" },
        { 1.5e16, "1.5e+16" },
        { 1e300, "1e+300" },
        { 5e-324, "5e-324" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { 0.30000000000000004, "0.30000000000000004" },
        { 1.0 / 3.0, "0.3333333333333333" },
    };
    struct base_buf b = BASE_BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_buf_clear(&b);
        base_write_f64(&b, cases[i].v);
        assert_string_equal(base_buf_cstr(&b), cases[i].text);
    }
    base_buf_clear(&b);
    base_write_f64(&b, (double)NAN);
    base_write_f64(&b, (double)INFINITY);
    base_write_f64(&b, -(double)INFINITY);
    assert_string_equal(base_buf_cstr(&b), "naninf-inf");
    base_buf_release(&b);
}

static void doubles_come_back_as_they_were(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        double v, back;
        memcpy(&v, &x, sizeof v);
        if (v != v || v - v != 0)
            continue;
        base_buf_clear(&b);
        base_write_f64(&b, v);
        assert_true(base_parse_f64(base_buf_view(&b), &back));
        assert_memory_equal(&v, &back, sizeof v);
        /* The C library is the judge of reading. */
        back = strtod(base_buf_cstr(&b), NULL);
        assert_memory_equal(&v, &back, sizeof v);
    }
    base_buf_release(&b);
}

static void doubles_read_whole_or_not_at_all(void **state) {
    (void)state;
    static const char *const good[] = { "1", "+1", "-1", "1.", ".5", "-.5", "1e5", "1E+5", "1.25e-3",
        "0.1000000000000000055511151231257827021181583404541015625", "179769313486231570000e288" };
    static const char *const bad[] = { "", "-", "+", ".", "e5", "1e", "1e+", "1 ", " 1", "1,5", "inf", "nan",
        "-inf", "0x10", "1.2.3", "+-1", "--1", "1e400", "1_000", "infinity" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        double v = 0;
        assert_true(base_parse_f64(base_str_of(good[i]), &v));
        assert_true(v == strtod(good[i], NULL));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        double v = 0;
        assert_false(base_parse_f64(base_str_of(bad[i]), &v));
    }
    double v = 0;
    assert_false(base_parse_f64((struct base_str){ NULL, 0 }, &v));
}

static void the_locale_does_not_matter(void **state) {
    (void)state;
    /* Where German is not installed this shows nothing, and does no harm. */
    if (!setlocale(LC_ALL, "de_DE.UTF-8"))
        skip();
    double v = 0;
    struct base_buf b = BASE_BUF_INIT;
    assert_true(base_parse_f64(BASE_STR("1.5"), &v));
    assert_true(v == 1.5);
    base_write_f64(&b, v);
    assert_string_equal(base_buf_cstr(&b), "1.5");
    base_buf_release(&b);
    setlocale(LC_ALL, "C");
}

static void check_decimal(const char *text, unsigned p, unsigned s, const char *expect) {
    __int128 v = 0;
    bool ok = base_parse_decimal(base_str_of(text), p, s, &v);
    if (!expect) {
        assert_false(ok);
        return;
    }
    assert_true(ok);
    struct base_buf b = BASE_BUF_INIT;
    base_write_decimal(&b, v, s);
    assert_string_equal(base_buf_cstr(&b), expect);
    base_buf_release(&b);
}

static void decimals(void **state) {
    (void)state;
    check_decimal("0", 5, 0, "0");
    check_decimal("0", 5, 2, "0.00");
    check_decimal("12.5", 5, 2, "12.50");
    check_decimal("-12.5", 5, 2, "-12.50");
    check_decimal("+.5", 5, 2, "0.50");
    check_decimal("5.", 5, 2, "5.00");
    check_decimal("-0.05", 5, 2, "-0.05");
    check_decimal("0.005", 5, 2, "0.01");
    check_decimal("0.0049999", 5, 2, "0.00");
    check_decimal("-0.005", 5, 2, "-0.01");
    check_decimal("999.99", 5, 2, "999.99");
    check_decimal("999.994", 5, 2, "999.99");
    check_decimal("999.995", 5, 2, NULL);
    check_decimal("1000", 5, 2, NULL);
    check_decimal("0001000", 5, 1, "1000.0");
    check_decimal("1e2", 5, 2, "100.00");
    check_decimal("1.5E-1", 5, 2, "0.15");
    check_decimal("1e9", 5, 2, NULL);
    check_decimal("1e-9", 5, 2, "0.00");
    check_decimal("0e99999", 5, 2, "0.00");
    check_decimal("99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999");
    check_decimal(
        "-9999999999999999999.9999999999999999999", 38, 19, "-9999999999999999999.9999999999999999999");
    check_decimal(
        "0.00000000000000000000000000000000000001", 38, 38, "0.00000000000000000000000000000000000001");
    check_decimal("", 5, 2, NULL);
    check_decimal("-", 5, 2, NULL);
    check_decimal(".", 5, 2, NULL);
    check_decimal("1.2.3", 5, 2, NULL);
    check_decimal("1 ", 5, 2, NULL);
    check_decimal("1e", 5, 2, NULL);
    check_decimal("1e123456789", 5, 2, NULL);
    check_decimal("abc", 5, 2, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_at_the_edges),
        cmocka_unit_test(doubles_are_written_in_their_shortest_form),
        cmocka_unit_test(doubles_come_back_as_they_were),
        cmocka_unit_test(doubles_read_whole_or_not_at_all),
        cmocka_unit_test(the_locale_does_not_matter),
        cmocka_unit_test(decimals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
