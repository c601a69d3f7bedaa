/*
 * expr_calendar -- fields, truncation and arithmetic of timestamps.
 */
#include "expr/expr_calendar.h"

#include "base/base_num.h"

static const int64_t cal_second = INT64_C(1000000), cal_day = INT64_C(86400000000);

static const char *const cal_names[EXPR_UNIT_MAX] = {
#define CAL_NAME(name, text) [EXPR_UNIT_##name] = text,
    EXPR_UNIT_LIST(CAL_NAME)
#undef CAL_NAME
};

enum expr_unit expr_unit_of(struct base_str name) {
    for (unsigned u = 0; u < EXPR_UNIT_MAX; u++) {
        struct base_str one = base_str_of(cal_names[u]);
        struct base_str cut = name;
        if (cut.len == one.len + 1 && (cut.p[cut.len - 1] | 0x20) == 's')
            cut.len--;
        if (base_str_ieq(cut, one))
            return (enum expr_unit)u;
    }
    if (base_str_ieq(name, BASE_STR("centuries")))
        return EXPR_UNIT_CENTURY;
    return EXPR_UNIT_MAX;
}

int64_t expr_unit_us(enum expr_unit unit) {
    static const int64_t us[] = { [EXPR_UNIT_MICROSECOND] = 1,
        [EXPR_UNIT_MILLISECOND] = 1000,
        [EXPR_UNIT_SECOND] = INT64_C(1000000),
        [EXPR_UNIT_MINUTE] = INT64_C(60000000),
        [EXPR_UNIT_HOUR] = INT64_C(3600000000),
        [EXPR_UNIT_DAY] = INT64_C(86400000000),
        [EXPR_UNIT_WEEK] = INT64_C(604800000000) };
    return unit <= EXPR_UNIT_WEEK ? us[unit] : 0;
}

bool expr_timestamp_in_range(int64_t us) {
    /* 0001-01-01 00:00:00 and 9999-12-31 23:59:59.999999 */
    return us >= INT64_C(-62135596800000000) && us <= INT64_C(253402300799999999);
}

int64_t expr_floor_to(int64_t us, int64_t step) {
    int64_t rest = us % step;
    if (rest < 0)
        rest += step;
    int64_t r;
    return __builtin_sub_overflow(us, rest, &r) ? INT64_MIN : r;
}

static int64_t cal_days(int64_t us) {
    return expr_floor_to(us, cal_day) / cal_day;
}

static int64_t cal_us_of(int64_t year, int month, int day) {
    struct base_civil c = { .year = year, .month = month, .day = day };
    return base_civil_to_us(&c);
}

/* Monday is 0; 1970-01-01 was a Thursday. */
static int cal_weekday(int64_t us) {
    int64_t d = (cal_days(us) + 3) % 7;
    return (int)(d < 0 ? d + 7 : d);
}

int expr_days_of_month(int64_t year, int month) {
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && leap ? 29 : days[month - 1];
}

/* A week belongs to the year that its Thursday is in. */
static int64_t cal_thursday(int64_t us) {
    return (cal_days(us) - cal_weekday(us) + 3) * cal_day;
}

static int64_t cal_day_of_year(int64_t us) {
    return cal_days(us) - cal_days(cal_us_of(base_civil_of(us).year, 1, 1)) + 1;
}

int64_t expr_field(enum expr_unit field, int64_t us) {
    struct base_civil c = base_civil_of(us);
    switch (field) {
    case EXPR_UNIT_MICROSECOND: return c.us;
    case EXPR_UNIT_MILLISECOND: return c.us / 1000;
    case EXPR_UNIT_SECOND: return c.second;
    case EXPR_UNIT_MINUTE: return c.minute;
    case EXPR_UNIT_HOUR: return c.hour;
    case EXPR_UNIT_DAY: return c.day;
    case EXPR_UNIT_WEEK: return (cal_day_of_year(cal_thursday(us)) - 1) / 7 + 1;
    case EXPR_UNIT_MONTH: return c.month;
    case EXPR_UNIT_QUARTER: return (c.month - 1) / 3 + 1;
    case EXPR_UNIT_YEAR: return c.year;
    case EXPR_UNIT_DECADE: return c.year / 10;
    case EXPR_UNIT_CENTURY: return (c.year - 1) / 100 + 1;
    case EXPR_UNIT_DOW: return (cal_weekday(us) + 1) % 7 + 1;
    case EXPR_UNIT_ISODOW: return cal_weekday(us) + 1;
    case EXPR_UNIT_DOY: return cal_day_of_year(us);
    case EXPR_UNIT_ISOYEAR: return base_civil_of(cal_thursday(us)).year;
    case EXPR_UNIT_EPOCH: return expr_floor_to(us, cal_second) / cal_second;
    case EXPR_UNIT_MAX: break;
    }
    return 0;
}

int64_t expr_trunc_time(enum expr_unit unit, int64_t us) {
    struct base_civil c = base_civil_of(us);
    switch (unit) {
    case EXPR_UNIT_MICROSECOND:
    case EXPR_UNIT_MILLISECOND:
    case EXPR_UNIT_SECOND:
    case EXPR_UNIT_MINUTE:
    case EXPR_UNIT_HOUR:
    case EXPR_UNIT_DAY: return expr_floor_to(us, expr_unit_us(unit));
    case EXPR_UNIT_WEEK: return (cal_days(us) - cal_weekday(us)) * cal_day;
    case EXPR_UNIT_MONTH: return cal_us_of(c.year, c.month, 1);
    case EXPR_UNIT_QUARTER: return cal_us_of(c.year, (c.month - 1) / 3 * 3 + 1, 1);
    case EXPR_UNIT_YEAR: return cal_us_of(c.year, 1, 1);
    case EXPR_UNIT_DECADE: return cal_us_of(c.year / 10 * 10, 1, 1);
    case EXPR_UNIT_CENTURY: return cal_us_of((c.year - 1) / 100 * 100 + 1, 1, 1);
    case EXPR_UNIT_DOW:
    case EXPR_UNIT_ISODOW:
    case EXPR_UNIT_DOY:
    case EXPR_UNIT_ISOYEAR:
    case EXPR_UNIT_EPOCH:
    case EXPR_UNIT_MAX: break;
    }
    return us;
}

/* Months of a unit that is a number of them. */
static int64_t cal_months(enum expr_unit unit) {
    return unit == EXPR_UNIT_MONTH     ? 1
           : unit == EXPR_UNIT_QUARTER ? 3
           : unit == EXPR_UNIT_YEAR    ? 12
           : unit == EXPR_UNIT_DECADE  ? 120
                                       : 1200;
}

bool expr_add_time(enum expr_unit unit, int64_t n, int64_t us, int64_t *out) {
    int64_t add, len = expr_unit_us(unit);
    if (len > 0)
        return !__builtin_mul_overflow(n, len, &add) && !__builtin_add_overflow(us, add, out) &&
               expr_timestamp_in_range(*out);
    struct base_civil c = base_civil_of(us);
    if (__builtin_mul_overflow(n, cal_months(unit), &add) || add > 12 * 20000 || add < -12 * 20000)
        return false;
    int64_t months = c.year * 12 + c.month - 1 + add;
    if (months < 12 || months >= 12 * INT64_C(10000))
        return false;
    c.year = months / 12;
    c.month = (int)(months % 12) + 1;
    int last = expr_days_of_month(c.year, c.month);
    c.day = c.day > last ? last : c.day;
    *out = base_civil_to_us(&c);
    return true;
}

int64_t expr_diff_time(enum expr_unit unit, int64_t a, int64_t b) {
    int64_t len = expr_unit_us(unit);
    if (len > 0)
        return (int64_t)(((__int128)b - a) / len);
    bool back = b < a;
    if (back) {
        int64_t t = a;
        a = b;
        b = t;
    }
    struct base_civil x = base_civil_of(a), y = base_civil_of(b);
    int64_t months = (y.year - x.year) * 12 + y.month - x.month, at;
    /* The last one is whole only when its day and time were reached. */
    if (months > 0 && (!expr_add_time(EXPR_UNIT_MONTH, months, a, &at) || at > b))
        months--;
    return (back ? -months : months) / cal_months(unit);
}
