/* Timestamps and durations as text, and the calendar against the C library's. */
#include "base/base_num.h"

#include "tests/base/base_test.h"

#include <time.h>

static void check_timestamp(const char *text, const char *written) {
    int64_t us = 0;
    bool ok = base_parse_timestamp(base_str_of(text), &us);
    if (!written) {
        if (ok)
            fail_msg("\"%s\" was read as a timestamp", text);
        return;
    }
    if (!ok)
        fail_msg("\"%s\" was not read", text);
    struct base_buf b = BASE_BUF_INIT;
    base_write_timestamp(&b, us);
    assert_string_equal(base_buf_cstr(&b), written);
    int64_t back = 0;
    assert_true(base_parse_timestamp(base_buf_view(&b), &back));
    assert_int_equal(back, us);
    base_buf_release(&b);
}

static void timestamps(void **state) {
    (void)state;
    check_timestamp("2026-01-01", "2026-01-01T00:00:00Z");
    check_timestamp("2026-01-01 10:00", "2026-01-01T10:00:00Z");
    check_timestamp("2026-01-01T10:00:00.123456Z", "2026-01-01T10:00:00.123456Z");
    check_timestamp("2026-01-01T10:00:00.123000Z", "2026-01-01T10:00:00.123Z");
    check_timestamp("2026-01-01t10:00:00.5z", "2026-01-01T10:00:00.500Z");
    check_timestamp("2026-01-01 10:00:00.123456789", "2026-01-01T10:00:00.123456Z");
    check_timestamp("2026-01-01 10:00:00+02:00", "2026-01-01T08:00:00Z");
    check_timestamp("2026-01-01 10:00:00-0230", "2026-01-01T12:30:00Z");
    check_timestamp("2026-01-01 10:00+02", "2026-01-01T08:00:00Z");
    check_timestamp("2024-02-29 23:59:59", "2024-02-29T23:59:59Z");
    check_timestamp("2000-02-29", "2000-02-29T00:00:00Z");
    check_timestamp("0001-01-01", "0001-01-01T00:00:00Z");
    check_timestamp("9999-12-31 23:59:59.999999", "9999-12-31T23:59:59.999999Z");
    check_timestamp("1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999Z");
    static const char *const bad[] = { "", "2026", "2026-1-1", "2026-13-01", "2026-00-01", "2026-01-00",
        "2026-02-29", "1900-02-29", "2026-04-31", "2026-01-01 ", "2026-01-01 10", "2026-01-01 24:00",
        "2026-01-01 10:60", "2026-01-01 10:00:60", "2026-01-01 10:00:00.", "2026-01-01 10:00:00+",
        "2026-01-01Z", "2026-01-01 10:00:00+19:00", "2026-01-01 10:00:00+02:60", "2026-01-01 10:00:00Zx",
        "0000-01-01", "-001-01-01", "0001-01-01 00:00+01:00", "9999-12-31 23:59-01:00", "2026/01/01",
        " 2026-01-01", "2026-01-01  10:00", "20260101" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_timestamp(bad[i], NULL);
    int64_t us = -1;
    assert_true(base_parse_timestamp(BASE_STR("1970-01-01"), &us));
    assert_int_equal(us, 0);
    assert_true(base_parse_timestamp(BASE_STR("2026-01-01T00:00:00Z"), &us));
    assert_true(us == INT64_C(1767225600000000));
}

static void the_calendar_agrees_with_the_c_library(void **state) {
    (void)state;
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int64_t us = (int64_t)(x % UINT64_C(600000000000000000)) - INT64_C(300000000000000000);
        int64_t s = us / 1000000 - (us % 1000000 < 0);
        time_t t = (time_t)s;
        struct tm tm;
        assert_non_null(gmtime_r(&t, &tm));
        struct base_civil c = base_civil_of(us);
        assert_int_equal(c.year, tm.tm_year + 1900);
        assert_int_equal(c.month, tm.tm_mon + 1);
        assert_int_equal(c.day, tm.tm_mday);
        assert_int_equal(c.hour, tm.tm_hour);
        assert_int_equal(c.minute, tm.tm_min);
        assert_int_equal(c.second, tm.tm_sec);
        assert_int_equal(c.us, us - s * 1000000);
        assert_true(base_civil_to_us(&c) == us);
    }
    /* The far ends do not overflow. */
    struct base_civil low = base_civil_of(INT64_MIN), high = base_civil_of(INT64_MAX);
    assert_true(low.year < -290000);
    assert_true(high.year > 290000);
}

static void check_duration(const char *text, bool ok, int64_t us) {
    int64_t v = 0;
    if (base_parse_duration(base_str_of(text), &v) != ok)
        fail_msg("\"%s\" was %s", text, ok ? "not read" : "read");
    assert_true(!ok || v == us);
}

static void durations_are_read(void **state) {
    (void)state;
    check_duration("250 ms", true, 250000);
    check_duration("5s", true, 5000000);
    check_duration("5 s", true, 5000000);
    check_duration("10 min", true, 600000000);
    check_duration("1 h", true, INT64_C(3600000000));
    check_duration("2 d", true, INT64_C(172800000000));
    check_duration("1 week", true, INT64_C(604800000000));
    check_duration("3 Seconds", true, 3000000);
    check_duration("1 minute", true, 60000000);
    check_duration("7 us", true, 7);
    check_duration("7 \xc2\xb5s", true, 7);
    check_duration("1 h 30 min", true, INT64_C(5400000000));
    check_duration("1h30min", true, INT64_C(5400000000));
    check_duration("1.5 h", true, INT64_C(5400000000));
    check_duration("0.25 s", true, 250000);
    check_duration("-5 s", true, -5000000);
    check_duration("0 s", true, 0);
    static const char *const bad[] = { "", " ", "5", "s", "5 x", "5 s ", " 5 s", "5  ", "- 5 s", "5 s 3",
        "1..5 s", ".5 s", "1.5 us", "0.0000001 d", "5 m", "99999999999999 d", "9223372036854775807 s", "5s,",
        "--5 s" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        check_duration(bad[i], false, 0);
}

static void durations_are_written_and_read_back(void **state) {
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        { 0, "0 s" },
        { 1, "1 us" },
        { 250000, "250 ms" },
        { 5000000, "5 s" },
        { INT64_C(5400000000), "1 h 30 min" },
        { INT64_C(172800000000), "2 d" },
        { INT64_C(90061001001), "1 d 1 h 1 min 1 s 1 ms 1 us" },
        { -5000000, "-5 s" },
        { INT64_MAX, "106751991 d 4 h 54 s 775 ms 807 us" },
    };
    struct base_buf b = BASE_BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        base_buf_clear(&b);
        base_write_duration(&b, cases[i].us);
        assert_string_equal(base_buf_cstr(&b), cases[i].text);
        int64_t back = 0;
        assert_true(base_parse_duration(base_buf_view(&b), &back));
        assert_true(back == cases[i].us);
    }
    base_buf_clear(&b);
    base_write_duration(&b, INT64_MIN);
    assert_string_equal(base_buf_cstr(&b), "-106751991 d 4 h 54 s 775 ms 808 us");
    base_buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamps),
        cmocka_unit_test(the_calendar_agrees_with_the_c_library),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(durations_are_written_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
