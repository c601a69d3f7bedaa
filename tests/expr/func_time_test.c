/* Functions of times: leap years, weeks, times before 1970, patterns, zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "tests/expr/func_test_util.h"

#include <unistd.h>

#define T "timestamp '2026-11-21 03:04:05.678901'"

static void fields(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "year(" T ")", "2026" },
        { "quarter(" T ")", "4" },
        { "month(" T ")", "11" },
        { "day(" T ")", "21" },
        { "dayofmonth(" T ")", "21" },
        { "hour(" T ")", "3" },
        { "minute(" T ")", "4" },
        { "second(" T ")", "5" },
        { "dayofweek(" T ")", "7" },
        { "dayofyear(" T ")", "325" },
        { "dayname(" T ")", "Saturday" },
        { "monthname(" T ")", "November" },
        { "extract('millisecond', " T ")", "678" },
        { "extract('MICROSECONDS', " T ")", "678901" },
        { "extract('isodow', timestamp '2026-11-22')", "7" },
        { "dayofweek(timestamp '2026-11-22')", "1" },
        { "date_part('epoch', timestamp '1969-12-31 23:59:59.5')", "-1" },
        { "extract('century', timestamp '2000-06-01')", "20" },
        { "extract('decade', timestamp '1999-06-01')", "199" },
        { "week(timestamp '2021-01-03')", "53" },
        { "extract('isoyear', timestamp '2021-01-03')", "2020" },
        { "week(timestamp '2021-01-04')", "1" },
        { "week(timestamp '2024-12-30')", "1" },
        { "extract('isoyear', timestamp '2024-12-30')", "2025" },
        { "week(timestamp '2026-12-31')", "53" },
        { "dayofyear(timestamp '2024-12-31')", "366" },
        { "hour(timestamp '1969-12-31 23:00:00')", "23" },
        { "dayofweek(timestamp '1969-12-31')", "4" },
        { "year(timestamp '0001-01-01')", "1" },
        { "extract('fortnight', " T ")", "error: \"fortnight\" is no unit of time" },
        { "year(null)", "null" },
        { "extract('hour', null)", "null" },
    };
    FUNC_CASES(cases);
}

static void arithmetic(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "date_trunc('hour', " T ")", "2026-11-21T03:00:00Z" },
        { "date_trunc('week', " T ")", "2026-11-16T00:00:00Z" },
        { "date_trunc('month', " T ")", "2026-11-01T00:00:00Z" },
        { "date_trunc('quarter', " T ")", "2026-10-01T00:00:00Z" },
        { "date_trunc('year', " T ")", "2026-01-01T00:00:00Z" },
        { "date_trunc('decade', " T ")", "2020-01-01T00:00:00Z" },
        { "date_trunc('century', " T ")", "2001-01-01T00:00:00Z" },
        { "date_trunc('millisecond', " T ")", "2026-11-21T03:04:05.678Z" },
        { "date_trunc('day', timestamp '1969-12-31 23:59:59')", "1969-12-31T00:00:00Z" },
        { "date_trunc('week', timestamp '0001-01-01')", "0001-01-01T00:00:00Z" },
        { "date_trunc('epoch', " T ")", "error: \"epoch\" is no unit of time" },
        { "timestampadd('month', 1, timestamp '2024-01-31')", "2024-02-29T00:00:00Z" },
        { "timestampadd('month', -1, timestamp '2023-03-31 10:00')", "2023-02-28T10:00:00Z" },
        { "timestampadd('year', 1, timestamp '2024-02-29')", "2025-02-28T00:00:00Z" },
        { "timestampadd('day', -1, timestamp '2024-03-01')", "2024-02-29T00:00:00Z" },
        { "timestampadd('hour', 9223372036854775807, " T ")",
            "fails: timestamp out of range (years 0001 to 9999)" },
        { "timestampadd('year', 9000, " T ")", "fails: timestamp out of range (years 0001 to 9999)" },
        { "timestampadd('century', 9223372036854775807, " T ")",
            "fails: timestamp out of range (years 0001 to 9999)" },
        { "timestampdiff('day', timestamp '2024-02-28', timestamp '2024-03-01')", "2" },
        { "timestampdiff('hour', timestamp '2024-01-01 01:30', timestamp '2024-01-01')", "-1" },
        { "timestampdiff('month', timestamp '2024-01-31', timestamp '2024-02-29')", "1" },
        { "timestampdiff('month', timestamp '2024-01-15', timestamp '2024-02-14 23:59')", "0" },
        { "timestampdiff('year', timestamp '2026-01-01', timestamp '2020-01-02')", "-5" },
        { "time_floor(" T ", 15 min)", "2026-11-21T03:00:00Z" },
        { "time_ceil(" T ", 15 min)", "2026-11-21T03:15:00Z" },
        { "time_ceil(timestamp '2026-01-01', 1 h)", "2026-01-01T00:00:00Z" },
        { "time_floor(timestamp '1969-12-31 23:59:59', 1 h)", "1969-12-31T23:00:00Z" },
        { "time_floor(" T ", 0 s)", "fails: step is not longer than 0" },
        { "last_day(timestamp '2024-02-10 12:00')", "2024-02-29T00:00:00Z" },
        { "make_timestamp(2026, 2, 28, 23, 59, 59.5)", "2026-02-28T23:59:59.500Z" },
        { "make_timestamp(2026, 2, 29)", "fails: no such date or time" },
        { "make_interval(1, 2, 3, 4.5)", "1 d 2 h 3 min 4 s 500 ms" },
        { "make_interval(9223372036854775807)", "fails: duration out of range" },
        { "seconds(1500 ms)", "1.5" },
        { "minutes(90 s)", "1.5" },
        { "hours(90 min)", "1.5" },
        { "days(36 h)", "1.5" },
        { "millis(1500 us)", "1" },
        { "micros(1 ms)", "1000" },
    };
    FUNC_CASES(cases);
}

static void numbers(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "to_timestamp(1767225600)", "2026-01-01T00:00:00Z" },
        { "to_timestamp(1767225600.25)", "2026-01-01T00:00:00.250Z" },
        { "to_timestamp(-1)", "1969-12-31T23:59:59Z" },
        { "to_timestamp(9223372036854775807)", "fails: timestamp out of range (years 0001 to 9999)" },
        { "to_timestamp(1e300)", "fails: timestamp out of range (years 0001 to 9999)" },
        { "from_unixtime(0)", "1970-01-01T00:00:00Z" },
        { "to_timestamp_ms(1767225600123)", "2026-01-01T00:00:00.123Z" },
        { "to_timestamp_us(-1)", "1969-12-31T23:59:59.999999Z" },
        { "epoch_s(timestamp '1969-12-31 23:59:59.5')", "-1" },
        { "to_unixtime(timestamp '2026-01-01')", "1767225600" },
        { "epoch_ms(timestamp '1970-01-01 00:00:01.5')", "1500" },
        { "epoch_us(timestamp '1970-01-01')", "0" },
        { "now()", "2026-01-01T00:00:00Z" },
        { "current_timestamp", "2026-01-01T00:00:00Z" },
        { "localtimestamp", "2026-01-01T00:00:00Z" },
    };
    FUNC_CASES(cases);
}

static void patterns(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "date_format(" T ", 'yyyy-MM-dd HH:mm:ss.SSS')", "2026-11-21 03:04:05.678" },
        { "date_format(" T ", 'EEE, d MMM yy h:mm a')", "Sat, 21 Nov 26 3:04 AM" },
        { "date_format(" T ", 'EEEE d. MMMM, DDD')", "Saturday 21. November, 325" },
        { "date_format(timestamp '2026-01-01 00:30', 'hh:mm a X')", "12:30 AM Z" },
        { "date_format(timestamp '2026-01-02 13:00', 'h ''o''''clock''')", "1 o'clock" },
        { "date_format(" T ", '')", "" },
        { "date_format(" T ", 'yyyy Q')", "error: the time pattern has a letter of no meaning (y M d D H h a "
                                          "m s S E X have; others stand in quotes)" },
        { "date_format(" T ", 'HHH')", "error: a letter of the time pattern is repeated too often" },
        { "date_format(" T ", '''x')", "error: a quote in the time pattern is not closed" },
        { "to_timestamp('2026-01-01 10:00:00.5+02:00')", "2026-01-01T08:00:00.500Z" },
        { "to_timestamp('tomorrow')", "fails: text is no timestamp of this form" },
        { "to_timestamp('21/11/2026 3:04 PM', 'dd/MM/yyyy h:mm a')", "2026-11-21T15:04:00Z" },
        { "to_timestamp('12:30 am', 'h:mm a')", "1970-01-01T00:30:00Z" },
        { "to_timestamp('Nov  1 03:10:11', 'MMM d HH:mm:ss')", "1970-11-01T03:10:11Z" },
        { "to_timestamp('20260102', 'yyyyMMdd')", "2026-01-02T00:00:00Z" },
        { "to_timestamp('2026-060', 'yyyy-DDD')", "2026-03-01T00:00:00Z" },
        { "to_timestamp('2026-366', 'yyyy-DDD')", "fails: text is no timestamp of this form" },
        { "to_timestamp('10:00:00.123456789', 'HH:mm:ss.S')", "1970-01-01T10:00:00.123456Z" },
        { "to_timestamp('21/Nov/2026:10:00:00 +0100', 'dd/MMM/yyyy:HH:mm:ss X')", "2026-11-21T09:00:00Z" },
        { "to_timestamp('10:00 -05:30', 'HH:mm XXX')", "1970-01-01T15:30:00Z" },
        { "to_timestamp('10:00 +1', 'HH:mm X')", "fails: text is no timestamp of this form" },
        { "to_timestamp('2026-02-29', 'yyyy-MM-dd')", "fails: text is no timestamp of this form" },
        { "to_timestamp('2026-01-01x', 'yyyy-MM-dd')", "fails: text is no timestamp of this form" },
        { "to_timestamp('', 'yyyy')", "fails: text is no timestamp of this form" },
        { "to_timestamp('Sunday 2026', 'EEEE yyyy')", "2026-01-01T00:00:00Z" },
        { "to_timestamp(null, 'yyyy')", "null" },
    };
    FUNC_CASES(cases);
}

static void zones(void **state) {
    (void)state;
    static const struct func_case fixed[] = {
        { "convert_tz(timestamp '2026-01-01 10:00', 'UTC', '+02:00')", "2026-01-01T12:00:00Z" },
        { "convert_tz(timestamp '2026-01-01 10:00', '-05:30', 'Z')", "2026-01-01T15:30:00Z" },
        { "convert_tz(timestamp '2026-01-01', 'UTC', 'Mars/Olympus')",
            "error: there is no time zone \"Mars/Olympus\"" },
        { "convert_tz(timestamp '2026-01-01', 'UTC', '../../../etc/passwd')",
            "error: there is no time zone \"../../../etc/passwd\"" },
    };
    static const struct func_case named[] = {
        { "convert_tz(timestamp '2026-07-01 10:00', 'UTC', 'Europe/Berlin')", "2026-07-01T12:00:00Z" },
        { "convert_tz(timestamp '2026-01-01 10:00', 'UTC', 'Europe/Berlin')", "2026-01-01T11:00:00Z" },
        { "convert_tz(timestamp '2026-03-29 00:59:59', 'UTC', 'Europe/Berlin')", "2026-03-29T01:59:59Z" },
        { "convert_tz(timestamp '2026-03-29 01:00', 'UTC', 'Europe/Berlin')", "2026-03-29T03:00:00Z" },
        { "convert_tz(timestamp '2026-10-25 02:30', 'Europe/Berlin', 'UTC')", "2026-10-25T00:30:00Z" },
        { "convert_tz(timestamp '2026-03-29 02:30', 'Europe/Berlin', 'UTC')", "2026-03-29T01:30:00Z" },
        { "convert_tz(timestamp '2060-07-01 10:00', 'UTC', 'Europe/Berlin')", "2060-07-01T12:00:00Z" },
        { "convert_tz(timestamp '2060-12-01 10:00', 'UTC', 'America/New_York')", "2060-12-01T05:00:00Z" },
        { "convert_tz(timestamp '2060-12-01 10:00', 'UTC', 'Australia/Sydney')", "2060-12-01T21:00:00Z" },
        { "convert_tz(timestamp '2026-06-01 10:00', 'Asia/Tokyo', 'Asia/Kolkata')", "2026-06-01T06:30:00Z" },
        { "convert_tz(timestamp '1850-01-01', 'UTC', 'Europe/London')", "1850-01-01T00:00:00Z" },
    };
    size_t bad = 0;
    bool tzdata = access("/usr/share/zoneinfo/Europe/Berlin", R_OK) == 0;
    for (size_t i = 0; i < CEP_COUNT_OF(fixed) + (tzdata ? CEP_COUNT_OF(named) : 0); i++) {
        const struct func_case *c = i < CEP_COUNT_OF(fixed) ? &fixed[i] : &named[i - CEP_COUNT_OF(fixed)];
        struct base_arena a;
        base_arena_init(&a, 0);
        const char *got = func_text(&a, c->text, false);
        if (strcmp(got, c->want) != 0) {
            bad++;
            printf("%s\n  want %s\n  got  %s\n", c->text, c->want, got);
        }
        base_arena_release(&a);
    }
    assert_int_equal(bad, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(numbers),
        cmocka_unit_test(patterns),
        cmocka_unit_test(zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
