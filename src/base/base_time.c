/*
 * base_time -- the calendar, and timestamps and durations as text (declared in base_num.h).
 *
 * The calendar counts days in eras of 400 years (146,097 days) that begin on 1 March, so that the leap day is the
 * last day of its year and month lengths follow one formula.
 */
#include "base/base_num.h"

#include "base/base_check.h"

#define US_PER_S   INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_S)

enum { DAYS_PER_ERA = 146097, DAYS_TO_1970 = 719468 /* from 0000-03-01 */ };

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

static int64_t days_of(int64_t year, int month, int day) {
    int64_t y = year - (month <= 2);
    int64_t era = floor_div(y, 400);
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

struct base_civil base_civil_of(int64_t us) {
    int64_t days = floor_div(us, US_PER_DAY);
    int64_t rest = us % US_PER_DAY;
    if (rest < 0)
        rest += US_PER_DAY;
    int64_t z = days + DAYS_TO_1970;
    int64_t era = floor_div(z, DAYS_PER_ERA);
    int64_t day_of_era = z - era * DAYS_PER_ERA;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return (struct base_civil){
        .year = year_of_era + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .hour = (int)(rest / (3600 * US_PER_S)),
        .minute = (int)(rest / (60 * US_PER_S) % 60),
        .second = (int)(rest / US_PER_S % 60),
        .us = (int)(rest % US_PER_S),
    };
}

int64_t base_civil_to_us(const struct base_civil *c) {
    int64_t seconds = (int64_t)c->hour * 3600 + (int64_t)c->minute * 60 + c->second;
    return days_of(c->year, c->month, c->day) * US_PER_DAY + seconds * US_PER_S + c->us;
}

/* Reads exactly n digits at *i. */
static bool time_digits(struct base_str s, size_t *i, size_t n, int *out) {
    if (s.len - *i < n)
        return false;
    int v = 0;
    for (size_t end = *i + n; *i < end; (*i)++) {
        char c = s.p[*i];
        if (c < '0' || c > '9')
            return false;
        v = v * 10 + (c - '0');
    }
    *out = v;
    return true;
}

static bool time_char(struct base_str s, size_t *i, char c) {
    if (*i >= s.len || s.p[*i] != c)
        return false;
    ++*i;
    return true;
}

static int days_in_month(int64_t year, int month) {
    static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool time_date(struct base_str s, size_t *i, struct base_civil *c) {
    int year;
    if (!time_digits(s, i, 4, &year) || !time_char(s, i, '-') || !time_digits(s, i, 2, &c->month) ||
        !time_char(s, i, '-') || !time_digits(s, i, 2, &c->day))
        return false;
    c->year = year;
    return year >= 1 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(year, c->month);
}

/* "10:00", "10:00:00", "10:00:00.123456789". */
static bool time_of_day(struct base_str s, size_t *i, struct base_civil *c) {
    if (!time_digits(s, i, 2, &c->hour) || !time_char(s, i, ':') || !time_digits(s, i, 2, &c->minute))
        return false;
    if (time_char(s, i, ':')) {
        if (!time_digits(s, i, 2, &c->second))
            return false;
        if (time_char(s, i, '.')) {
            size_t first = *i;
            int unit = 100000;
            for (; *i < s.len && s.p[*i] >= '0' && s.p[*i] <= '9'; ++*i, unit /= 10)
                c->us += (s.p[*i] - '0') * unit;
            if (*i == first)
                return false;
        }
    }
    return c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

/* "Z", "+02:00", "+0200", "+02"; nothing is UTC. */
static bool time_offset(struct base_str s, size_t *i, int64_t *out_us) {
    *out_us = 0;
    if (*i == s.len)
        return true;
    if (time_char(s, i, 'Z') || time_char(s, i, 'z'))
        return *i == s.len;
    bool west = time_char(s, i, '-');
    int hours, minutes = 0;
    if ((!west && !time_char(s, i, '+')) || !time_digits(s, i, 2, &hours))
        return false;
    if (*i < s.len) {
        (void)time_char(s, i, ':'); /* optional */
        if (!time_digits(s, i, 2, &minutes))
            return false;
    }
    if (*i != s.len || hours > 18 || minutes > 59)
        return false;
    *out_us = (hours * INT64_C(3600) + minutes * INT64_C(60)) * US_PER_S * (west ? -1 : 1);
    return true;
}

bool base_parse_timestamp(struct base_str s, int64_t *out_us) {
    struct base_civil c = { .us = 0 };
    size_t i = 0;
    int64_t offset = 0;
    if (!time_date(s, &i, &c))
        return false;
    if (i < s.len) {
        if (!time_char(s, &i, ' ') && !time_char(s, &i, 'T') && !time_char(s, &i, 't'))
            return false;
        if (!time_of_day(s, &i, &c) || !time_offset(s, &i, &offset))
            return false;
    }
    int64_t us = base_civil_to_us(&c) - offset;
    int64_t year = base_civil_of(us).year;
    if (year < 1 || year > 9999)
        return false;
    *out_us = us;
    return true;
}

/* Returns: behind the two digits of v. */
static inline char *time_put2(char *to, unsigned v) {
    to[0] = (char)('0' + v / 10);
    to[1] = (char)('0' + v % 10);
    return to + 2;
}

static inline char *time_put3(char *to, unsigned v) {
    to[0] = (char)('0' + v / 100);
    return time_put2(to + 1, v % 100);
}

/* Sinks write one or two of these for every row: no printf, unless the year has not four digits. */
void base_write_timestamp(struct base_buf *b, int64_t us) {
    struct base_civil c = base_civil_of(us);
    char text[40], *p = text;
    if (c.year >= 0 && c.year <= 9999)
        p = time_put2(time_put2(p, (unsigned)c.year / 100), (unsigned)c.year % 100);
    else
        base_buf_printf(b, "%04lld", (long long)c.year);
    *p++ = '-';
    p = time_put2(p, (unsigned)c.month);
    *p++ = '-';
    p = time_put2(p, (unsigned)c.day);
    *p++ = 'T';
    p = time_put2(p, (unsigned)c.hour);
    *p++ = ':';
    p = time_put2(p, (unsigned)c.minute);
    *p++ = ':';
    p = time_put2(p, (unsigned)c.second);
    if (c.us != 0) {
        *p++ = '.';
        p = time_put3(p, (unsigned)c.us / 1000);
        if (c.us % 1000 != 0)
            p = time_put3(p, (unsigned)c.us % 1000);
    }
    *p++ = 'Z';
    base_buf_add(b, text, (size_t)(p - text));
}

/* Written with `name`, largest first; weeks are read only. */
static const struct time_unit {
    const char *name;
    int64_t us;
    const char *more[4];
} time_units[] = {
    { "d", US_PER_DAY, { "day", "days" } },
    { "h", 3600 * US_PER_S, { "hour", "hours" } },
    { "min", 60 * US_PER_S, { "minute", "minutes", "mins" } },
    { "s", US_PER_S, { "sec", "second", "seconds", "secs" } },
    { "ms", 1000, { "millisecond", "milliseconds", "milli", "millis" } },
    { "us", 1, { "microsecond", "microseconds", "\xc2\xb5s", "\xce\xbcs" } },
    { "w", 7 * US_PER_DAY, { "week", "weeks" } },
};

static const struct time_unit *time_unit_of(struct base_str name) {
    for (size_t i = 0; i < CEP_COUNT_OF(time_units); i++) {
        const struct time_unit *u = &time_units[i];
        if (base_str_ieq(name, base_str_of(u->name)))
            return u;
        for (size_t k = 0; k < CEP_COUNT_OF(u->more) && u->more[k]; k++)
            if (base_str_ieq(name, base_str_of(u->more[k])))
                return u;
    }
    return NULL;
}

static void time_blanks(struct base_str s, size_t *i) {
    while (*i < s.len && s.p[*i] == ' ')
        ++*i;
}

/* One "1.5 h" at *i, added to *sum. */
static bool time_part(struct base_str s, size_t *i, int64_t *sum) {
    size_t first = *i, point = 0;
    while (
        *i < s.len && ((s.p[*i] >= '0' && s.p[*i] <= '9') || (s.p[*i] == '.' && point == 0 && *i > first))) {
        if (s.p[*i] == '.')
            point = *i;
        ++*i;
    }
    size_t end = *i;
    time_blanks(s, i);
    size_t name = *i;
    while (*i < s.len && s.p[*i] != ' ' && !(s.p[*i] >= '0' && s.p[*i] <= '9'))
        ++*i;
    const struct time_unit *u = time_unit_of((struct base_str){ s.p + name, *i - name });
    int64_t whole, us;
    if (!u || !base_parse_i64((struct base_str){ s.p + first, (point ? point : end) - first }, &whole) ||
        __builtin_mul_overflow(whole, u->us, &us) || __builtin_add_overflow(*sum, us, sum))
        return false;
    if (point == 0)
        return true;
    /* The fraction has to be whole microseconds. */
    int64_t fraction, scale = 1;
    if (end - point - 1 > 6 ||
        !base_parse_i64((struct base_str){ s.p + point + 1, end - point - 1 }, &fraction))
        return false;
    for (size_t k = point + 1; k < end; k++)
        scale *= 10;
    if (fraction * u->us % scale != 0)
        return false;
    return !__builtin_add_overflow(*sum, fraction * u->us / scale, sum);
}

bool base_parse_duration(struct base_str s, int64_t *out_us) {
    size_t i = 0;
    bool neg = time_char(s, &i, '-');
    int64_t sum = 0;
    do {
        if (!time_part(s, &i, &sum))
            return false;
        if (i < s.len && s.p[i] == ' ' && i + 1 == s.len)
            return false;
        time_blanks(s, &i);
    } while (i < s.len);
    *out_us = neg ? -sum : sum;
    return true;
}

void base_write_duration(struct base_buf *b, int64_t us) {
    if (us == 0) {
        base_buf_puts(b, "0 s");
        return;
    }
    uint64_t left = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    const char *before = us < 0 ? "-" : "";
    for (size_t i = 0; time_units[i].us != 7 * US_PER_DAY; i++) {
        uint64_t n = left / (uint64_t)time_units[i].us;
        if (n == 0)
            continue;
        left %= (uint64_t)time_units[i].us;
        base_buf_printf(b, "%s%llu %s", before, (unsigned long long)n, time_units[i].name);
        before = " ";
    }
}
