/*
 * expr_func_time -- functions of timestamps and durations. Times are UTC; convert_tz() moves them to a zone's clock.
 */
#include "base/base_err.h"
#include "base/base_num.h"
#include "expr/expr_calendar.h"
#include "expr/expr_func_util.h"
#include "expr/expr_timefmt.h"
#include "expr/expr_zone.h"

#include <math.h>

static const char time_range[] = "timestamp out of range (years 0001 to 9999)";
static const char time_no_unit[] = "unknown unit of time";

static void time_put(struct expr_call *call, struct evt_val *out, bool ok, int64_t us) {
    if (!ok || !expr_timestamp_in_range(us))
        expr_fail(call, out, time_range);
    else
        expr_put_int(out, us);
}

/* Does the argument lie where the calendar can be asked? Else the call has failed. */
static bool time_check(struct expr_call *call, const struct evt_val *arg, struct evt_val *out) {
    if (expr_timestamp_in_range(arg->i))
        return true;
    expr_fail(call, out, time_range);
    return false;
}

/* -- fields ------------------------------------------------------------------------------------------------------------------ */

static void time_put_field(
    struct expr_call *call, const struct evt_val *arg, struct evt_val *out, enum expr_unit field) {
    if (time_check(call, arg, out))
        expr_put_int(out, expr_field(field, arg->i));
}

/* One function a line, for the coverage report. */
#define TIME_FIELD(name, field)                                                                        \
    static void time_##name(struct expr_call *call, const struct evt_val *args, struct evt_val *out) { \
        time_put_field(call, args, out, EXPR_UNIT_##field);                                            \
    }
TIME_FIELD(year, YEAR)
TIME_FIELD(quarter, QUARTER)
TIME_FIELD(month, MONTH)
TIME_FIELD(week, WEEK)
TIME_FIELD(day, DAY)
TIME_FIELD(hour, HOUR)
TIME_FIELD(minute, MINUTE)
TIME_FIELD(second, SECOND)
TIME_FIELD(dayofweek, DOW)
TIME_FIELD(dayofyear, DOY)

/* Constant units are checked when the expression is built. `last` is the last one that is allowed. */
static enum cep_rc time_prepare_unit(const struct expr *arg, enum expr_unit last, struct cep_err *err) {
    if (!arg)
        return CEP_OK;
    enum expr_unit u = expr_unit_of(evt_val_str(&arg->val));
    if (u <= last)
        return CEP_OK;
    base_err_set(err, CEP_EINVAL, "\"%.*s\" is no unit of time", BASE_STR_FMT(evt_val_str(&arg->val)));
    base_err_hint(err,
        "units: microsecond, millisecond, second, minute, hour, day, week, month, quarter, year, decade, "
        "century%s",
        last == EXPR_UNIT_EPOCH ? "; dow, isodow, doy, isoyear, epoch" : "");
    return CEP_EINVAL;
}

static enum cep_rc time_prepare_field(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    (void)a;
    (void)n_args;
    (void)state;
    return time_prepare_unit(args[0], EXPR_UNIT_EPOCH, err);
}

static enum cep_rc time_prepare_whole(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    (void)a;
    (void)n_args;
    (void)state;
    return time_prepare_unit(args[0], EXPR_UNIT_CENTURY, err);
}

static void time_extract(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    enum expr_unit field = expr_unit_of(evt_val_str(&args[0]));
    if (field == EXPR_UNIT_MAX)
        expr_fail(call, out, time_no_unit);
    else
        time_put_field(call, &args[1], out, field);
}

/* The unit of a call, or EXPR_UNIT_MAX after failing it. */
static enum expr_unit time_unit(struct expr_call *call, const struct evt_val *arg, struct evt_val *out) {
    enum expr_unit u = expr_unit_of(evt_val_str(arg));
    if (u <= EXPR_UNIT_CENTURY)
        return u;
    expr_fail(call, out, time_no_unit);
    return EXPR_UNIT_MAX;
}

static void time_dayname(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (time_check(call, args, out))
        expr_put_str(out, base_str_of(expr_day_name((int)expr_field(EXPR_UNIT_ISODOW, args[0].i) - 1)));
}

static void time_monthname(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (time_check(call, args, out))
        expr_put_str(out, base_str_of(expr_month_name((int)expr_field(EXPR_UNIT_MONTH, args[0].i) - 1)));
}

/* -- arithmetic ------------------------------------------------------------------------------------------------------------ */

static void time_trunc(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    enum expr_unit u = time_unit(call, &args[0], out);
    if (u != EXPR_UNIT_MAX && time_check(call, &args[1], out))
        time_put(call, out, true, expr_trunc_time(u, args[1].i));
}

static void time_add(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    enum expr_unit u = time_unit(call, &args[0], out);
    int64_t us = 0;
    if (u != EXPR_UNIT_MAX && time_check(call, &args[2], out)) {
        bool ok = expr_add_time(u, args[1].i, args[2].i, &us);
        time_put(call, out, ok, us);
    }
}

static void time_diff(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    enum expr_unit u = time_unit(call, &args[0], out);
    if (u != EXPR_UNIT_MAX && time_check(call, &args[1], out) && time_check(call, &args[2], out))
        expr_put_int(out, expr_diff_time(u, args[1].i, args[2].i));
}

static void time_floor(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[1].i <= 0)
        expr_fail(call, out, "step is not longer than 0");
    else if (time_check(call, args, out))
        time_put(call, out, true, expr_floor_to(args[0].i, args[1].i));
}

static void time_ceil(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[1].i <= 0)
        expr_fail(call, out, "step is not longer than 0");
    else if (time_check(call, args, out)) {
        int64_t low = expr_floor_to(args[0].i, args[1].i), high = low;
        bool ok = low == args[0].i || !__builtin_add_overflow(low, args[1].i, &high);
        time_put(call, out, ok, high);
    }
}

static void time_last_day(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (!time_check(call, args, out))
        return;
    struct base_civil c = base_civil_of(args[0].i);
    struct base_civil last = { .year = c.year, .month = c.month, .day = expr_days_of_month(c.year, c.month) };
    expr_put_int(out, base_civil_to_us(&last));
}

static void time_make(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    int64_t y = args[0].i, mo = args[1].i, d = args[2].i;
    int64_t h = call->n_args > 3 ? args[3].i : 0, mi = call->n_args > 4 ? args[4].i : 0;
    double s = call->n_args > 5 ? args[5].d : 0;
    bool ok = y >= 1 && y <= 9999 && mo >= 1 && mo <= 12 && d >= 1 && d <= expr_days_of_month(y, (int)mo) &&
              h >= 0 && h <= 23 && mi >= 0 && mi <= 59 && s >= 0 && s < 60;
    if (!ok) {
        expr_fail(call, out, "no such date or time");
        return;
    }
    struct base_civil c = { .year = y, .month = (int)mo, .day = (int)d, .hour = (int)h, .minute = (int)mi };
    time_put(call, out, true, base_civil_to_us(&c) + (int64_t)floor(s * 1e6 + 0.5));
}

/* -- numbers ---------------------------------------------------------------------------------------------------------------- */

static void time_of_units(
    struct expr_call *call, const struct evt_val *arg, struct evt_val *out, int64_t unit) {
    int64_t us = 0;
    bool ok = !__builtin_mul_overflow(arg->i, unit, &us);
    time_put(call, out, ok, us);
}

static void time_of_seconds(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    time_of_units(call, args, out, 1000000);
}

static void time_of_ms(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    time_of_units(call, args, out, 1000);
}

static void time_of_us(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    time_of_units(call, args, out, 1);
}

static void time_of_f64(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    double us = floor(args[0].d * 1e6 + 0.5);
    bool ok = us > -1e17 && us < 1e18; /* wider than the years allow, and within 64 bits */
    time_put(call, out, ok, ok ? (int64_t)us : 0);
}

static void time_epoch_s(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i / 1000000 - (args[0].i % 1000000 < 0));
}

static void time_epoch_ms(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i / 1000 - (args[0].i % 1000 < 0));
}

static void time_epoch_us(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i);
}

static void time_now(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)args;
    expr_put_int(out, call->now_us);
}

/* Parts of a duration: a double of the unit, or a whole count. */
#define TIME_IN(name, unit)                                                                            \
    static void time_##name(struct expr_call *call, const struct evt_val *args, struct evt_val *out) { \
        (void)call;                                                                                    \
        expr_put_f64(out, (double)args[0].i / (unit));                                                 \
    }
TIME_IN(seconds, 1e6)
TIME_IN(minutes, 60e6)
TIME_IN(hours, 3600e6)
TIME_IN(days, 86400e6)

static void time_millis(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i / 1000);
}

static void time_micros(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i);
}

static void time_make_interval(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    static const int64_t units[] = { INT64_C(86400000000), INT64_C(3600000000), INT64_C(60000000) };
    __int128 us = 0;
    for (uint32_t i = 0; i < call->n_args && i < 3; i++)
        us += (__int128)args[i].i * units[i];
    double s = call->n_args > 3 ? args[3].d * 1e6 : 0;
    bool ok = s > -9e18 && s < 9e18;
    us += ok ? (int64_t)(s < 0 ? ceil(s - 0.5) : floor(s + 0.5)) : 0;
    if (!ok || us != (int64_t)us)
        expr_fail(call, out, "duration out of range");
    else
        expr_put_int(out, (int64_t)us);
}

/* -- text --------------------------------------------------------------------------------------------------------------------- */

static enum cep_rc time_prepare_format(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    (void)a;
    (void)state;
    const char *why = n_args > 1 && args[1] ? expr_timefmt_check(evt_val_str(&args[1]->val)) : NULL;
    return why ? base_err_set(err, CEP_EINVAL, "%s", why) : CEP_OK;
}

static void time_format(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str pattern = evt_val_str(&args[1]);
    const char *why = expr_timefmt_check(pattern);
    if (why)
        expr_fail(call, out, why);
    else if (time_check(call, args, out)) {
        char *to = expr_result_alloc(call, out, pattern.len * 9 + 32);
        if (to)
            expr_put_str(out, (struct base_str){ to, expr_timefmt_write(to, pattern, args[0].i) });
    }
}

static void time_read(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    struct base_str s = evt_val_str(&args[0]);
    const char *why = call->n_args > 1 ? expr_timefmt_check(evt_val_str(&args[1])) : NULL;
    int64_t us = 0;
    bool ok = !why && (call->n_args > 1 ? expr_timefmt_read(evt_val_str(&args[1]), s, &us)
                                        : base_parse_timestamp(s, &us));
    if (ok)
        expr_put_int(out, us);
    else
        expr_fail(call, out, why ? why : "text is no timestamp of this form");
}

/* -- zones -------------------------------------------------------------------------------------------------------------------- */

struct time_zones {
    struct expr_zone *from, *to;
};

static enum cep_rc time_prepare_zones(struct base_arena *a, const struct expr *const *args, uint32_t n_args,
    void **state, struct cep_err *err) {
    (void)n_args;
    if (!args[1] || !args[2])
        return base_err_set(err, CEP_EINVAL, "the zones of convert_tz are not constant");
    struct time_zones *z = BASE_ARENA_NEW(a, struct time_zones);
    enum cep_rc rc = expr_zone_load(a, evt_val_str(&args[1]->val), &z->from, err);
    if (rc == CEP_OK)
        rc = expr_zone_load(a, evt_val_str(&args[2]->val), &z->to, err);
    *state = z;
    return rc;
}

static void time_convert(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    const struct time_zones *z = call->state;
    if (!time_check(call, args, out))
        return;
    int64_t utc = expr_zone_to_utc(z->from, args[0].i);
    time_put(call, out, true, utc + expr_zone_offset_us(z->to, utc));
}

#define STRING    EXPR_SIG_STRING
#define INT       EXPR_SIG_INT
#define DOUBLE    EXPR_SIG_DOUBLE
#define TIMESTAMP EXPR_SIG_TIMESTAMP
#define DURATION  EXPR_SIG_DURATION

/* One line a row reads best. */
/* clang-format off */
#define TIME_NOW(NAME, HELP) { .name = (NAME), .result = EXPR_SIG_TIMESTAMP, .is_volatile = true, .fn = time_now, .help = (HELP) }

const struct expr_func expr_funcs_time[] = {
    EXPR_ROW_PREPARED("extract", INT, time_extract, time_prepare_field, 2, 2, "extract(field, t): a field of t by its name, e.g. 'hour'", STRING, TIMESTAMP),
    EXPR_ROW_PREPARED("date_part", INT, time_extract, time_prepare_field, 2, 2, "date_part(field, t): extract(field, t)", STRING, TIMESTAMP),
    EXPR_ROW("year", INT, time_year, 1, 1, "year(t): the year", TIMESTAMP),
    EXPR_ROW("quarter", INT, time_quarter, 1, 1, "quarter(t): 1 to 4", TIMESTAMP),
    EXPR_ROW("month", INT, time_month, 1, 1, "month(t): 1 to 12", TIMESTAMP),
    EXPR_ROW("week", INT, time_week, 1, 1, "week(t): the week of ISO 8601, 1 to 53", TIMESTAMP),
    EXPR_ROW("day", INT, time_day, 1, 1, "day(t): the day of the month", TIMESTAMP),
    EXPR_ROW("dayofmonth", INT, time_day, 1, 1, "dayofmonth(t): day(t)", TIMESTAMP),
    EXPR_ROW("hour", INT, time_hour, 1, 1, "hour(t): 0 to 23", TIMESTAMP),
    EXPR_ROW("minute", INT, time_minute, 1, 1, "minute(t): 0 to 59", TIMESTAMP),
    EXPR_ROW("second", INT, time_second, 1, 1, "second(t): 0 to 59", TIMESTAMP),
    EXPR_ROW("dayofweek", INT, time_dayofweek, 1, 1, "dayofweek(t): 1 (Sunday) to 7", TIMESTAMP),
    EXPR_ROW("dayofyear", INT, time_dayofyear, 1, 1, "dayofyear(t): 1 to 366", TIMESTAMP),
    EXPR_ROW("dayname", STRING, time_dayname, 1, 1, "dayname(t): Monday to Sunday", TIMESTAMP),
    EXPR_ROW("monthname", STRING, time_monthname, 1, 1, "monthname(t): January to December", TIMESTAMP),
    EXPR_ROW_PREPARED("date_trunc", TIMESTAMP, time_trunc, time_prepare_whole, 2, 2, "date_trunc(unit, t): the start of the hour, day, ... that t is in", STRING, TIMESTAMP),
    EXPR_ROW_PREPARED("timestampadd", TIMESTAMP, time_add, time_prepare_whole, 3, 3, "timestampadd(unit, n, t): t and n units", STRING, INT, TIMESTAMP),
    EXPR_ROW_PREPARED("timestampdiff", INT, time_diff, time_prepare_whole, 3, 3, "timestampdiff(unit, t, u): whole units from t to u", STRING, TIMESTAMP, TIMESTAMP),
    EXPR_ROW("time_floor", TIMESTAMP, time_floor, 2, 2, "time_floor(t, d): t down to a multiple of d", TIMESTAMP, DURATION),
    EXPR_ROW("time_ceil", TIMESTAMP, time_ceil, 2, 2, "time_ceil(t, d): t up to a multiple of d", TIMESTAMP, DURATION),
    EXPR_ROW("last_day", TIMESTAMP, time_last_day, 1, 1, "last_day(t): the last day of the month that t is in", TIMESTAMP),
    EXPR_ROW("make_timestamp", TIMESTAMP, time_make, 3, 6, "make_timestamp(year, month, day[, hour[, minute[, second]]]): the time", INT, INT, INT, INT, INT, DOUBLE),
    EXPR_ROW_PREPARED("to_timestamp", TIMESTAMP, time_read, time_prepare_format, 1, 2, "to_timestamp(s[, pattern]): the time that s says; of a number: seconds since 1970", STRING, STRING),
    EXPR_ROW("to_timestamp", TIMESTAMP, time_of_seconds, 1, 1, "to_timestamp(s[, pattern]): the time that s says; of a number: seconds since 1970", INT),
    EXPR_ROW("to_timestamp", TIMESTAMP, time_of_f64, 1, 1, "to_timestamp(s[, pattern]): the time that s says; of a number: seconds since 1970", DOUBLE),
    EXPR_ROW("from_unixtime", TIMESTAMP, time_of_seconds, 1, 1, "from_unixtime(n): the time n seconds after 1970", INT),
    EXPR_ROW("to_timestamp_ms", TIMESTAMP, time_of_ms, 1, 1, "to_timestamp_ms(n): the time n milliseconds after 1970", INT),
    EXPR_ROW("to_timestamp_us", TIMESTAMP, time_of_us, 1, 1, "to_timestamp_us(n): the time n microseconds after 1970", INT),
    EXPR_ROW("epoch_s", INT, time_epoch_s, 1, 1, "epoch_s(t): seconds since 1970", TIMESTAMP),
    EXPR_ROW("to_unixtime", INT, time_epoch_s, 1, 1, "to_unixtime(t): epoch_s(t)", TIMESTAMP),
    EXPR_ROW("epoch_ms", INT, time_epoch_ms, 1, 1, "epoch_ms(t): milliseconds since 1970", TIMESTAMP),
    EXPR_ROW("epoch_us", INT, time_epoch_us, 1, 1, "epoch_us(t): microseconds since 1970", TIMESTAMP),
    EXPR_ROW_PREPARED("date_format", STRING, time_format, time_prepare_format, 2, 2, "date_format(t, pattern): t as text", TIMESTAMP, STRING),
    EXPR_ROW_PREPARED("convert_tz", TIMESTAMP, time_convert, time_prepare_zones, 3, 3, "convert_tz(t, from, to): what the clock of a zone shows when another's shows t", TIMESTAMP, STRING, STRING),
    TIME_NOW("current_timestamp", "current_timestamp: the time of processing"),
    TIME_NOW("now", "now(): current_timestamp"),
    TIME_NOW("localtimestamp", "localtimestamp: current_timestamp"),
    EXPR_ROW("seconds", DOUBLE, time_seconds, 1, 1, "seconds(d): d in seconds", DURATION),
    EXPR_ROW("minutes", DOUBLE, time_minutes, 1, 1, "minutes(d): d in minutes", DURATION),
    EXPR_ROW("hours", DOUBLE, time_hours, 1, 1, "hours(d): d in hours", DURATION),
    EXPR_ROW("days", DOUBLE, time_days, 1, 1, "days(d): d in days of 24 hours", DURATION),
    EXPR_ROW("millis", INT, time_millis, 1, 1, "millis(d): d in whole milliseconds", DURATION),
    EXPR_ROW("micros", INT, time_micros, 1, 1, "micros(d): d in microseconds", DURATION),
    EXPR_ROW("make_interval", DURATION, time_make_interval, 1, 4, "make_interval(days[, hours[, minutes[, seconds]]]): the duration", INT, INT, INT, DOUBLE),
    EXPR_ROWS_END
};
