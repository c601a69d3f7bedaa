/*
 * con_time -- timestamps in the formats that sources write. Locale-free, so that a log reads the same everywhere.
 */
#include "connect/con_time.h"

#include "base/base_err.h"
#include "connect/con_internal.h"
#include "connect/con_num.h"

#include <stdio.h>

#define US_PER_DAY (INT64_C(86400) * 1000000)

static const char conversions[] = "YymdejbBhaAHIkpMSfzZsTDFRnt%";

enum cep_rc con_time_init(
    struct con_time *t, const struct plan_opt *opts, uint32_t n_opts, int64_t now_us, struct cep_err *err) {
    static const char *const names[] = { [CON_TIME_ISO] = "iso8601",
        [CON_TIME_S] = "epoch_s",
        [CON_TIME_MS] = "epoch_ms",
        [CON_TIME_US] = "epoch_us" };
    *t = (struct con_time){ .now_us = now_us, .year = plan_opt_int(opts, n_opts, "timestamp_year", 0) };
    const struct plan_opt *opt = plan_opt_find(opts, n_opts, "timestamp_format");
    if (!opt)
        return CEP_OK;
    struct base_str s = evt_val_str(&opt->val);
    for (size_t i = 0; i < CEP_COUNT_OF(names); i++)
        if (base_str_ieq(s, base_str_of(names[i]))) {
            t->kind = (enum con_time_kind)i;
            return CEP_OK;
        }
    if (s.len >= sizeof t->text)
        return con_opt_err(err, opt, "timestamp format is longer than %zu bytes", sizeof t->text - 1);
    memcpy(t->text, s.p, s.len);
    t->kind = CON_TIME_PATTERN;
    bool any = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] != '%')
            continue;
        if (i + 1 == s.len || !strchr(conversions, s.p[i + 1]))
            return con_opt_err(err, opt, "timestamp format has an unknown conversion \"%%%.*s\"",
                (int)(i + 1 < s.len), s.p + i + 1);
        i++;
        any = true;
    }
    if (any)
        return CEP_OK;
    con_opt_err(err, opt, "unknown timestamp format \"%.*s\"", BASE_STR_FMT(s));
    base_err_hint(
        err, "iso8601, epoch_s, epoch_ms, epoch_us, or a pattern such as '%%Y-%%m-%%d %%H:%%M:%%S'");
    return CEP_EINVAL;
}

/* What a pattern has found so far. */
struct time_scan {
    const char *p, *end;
    struct base_civil c;
    int64_t epoch_us, zone_us;
    int yday;
    bool has_year, has_epoch, has_yday, pm, has_half;
};

static bool scan_int(struct time_scan *s, int max_digits, int *out) {
    int v = 0, n = 0;
    for (; n < max_digits && s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++)
        v = v * 10 + (*s->p++ - '0');
    *out = v;
    return n > 0;
}

static bool scan_name(struct time_scan *s, const char *const *names, int n, int *out) {
    for (int i = 0; i < n; i++) {
        size_t full = strlen(names[i]), left = (size_t)(s->end - s->p);
        size_t lens[] = { full, 3 };
        for (int k = 0; k < 2; k++)
            if (left >= lens[k] &&
                base_str_ieq((struct base_str){ s->p, lens[k] }, (struct base_str){ names[i], lens[k] })) {
                s->p += lens[k];
                *out = i;
                return true;
            }
    }
    return false;
}

static void scan_blanks(struct time_scan *s) {
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
        s->p++;
}

static bool scan_fraction(struct time_scan *s) {
    int unit = 100000, n = 0;
    s->c.us = 0;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; n++, unit /= 10)
        s->c.us += (*s->p++ - '0') * unit;
    return n > 0;
}

static bool scan_zone(struct time_scan *s) {
    if (s->p < s->end && (*s->p == 'Z' || *s->p == 'z')) {
        s->p++;
        return true;
    }
    if (s->p == s->end || (*s->p != '+' && *s->p != '-'))
        return false;
    int sign = *s->p++ == '-' ? -1 : 1, h, m = 0;
    if (!scan_int(s, 2, &h))
        return false;
    if (s->p < s->end && *s->p == ':')
        s->p++;
    (void)scan_int(s, 2, &m); /* may be left out */
    s->zone_us = sign * (h * INT64_C(3600) + m * INT64_C(60)) * 1000000;
    return h <= 18 && m < 60;
}

static bool scan_all(struct time_scan *s, const char *pattern);

static bool scan_conversion(struct time_scan *s, char conv) {
    static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July",
        "August", "September", "October", "November", "December" };
    static const char *const days[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
        "Saturday" };
    int v = 0;
    bool ok = true;
    if (strchr("demHIkMSyj", conv))
        scan_blanks(s); /* as strptime: " 1" for "01" */
    switch (conv) {
    case 'Y':
        ok = scan_int(s, 4, &v) && v > 0;
        s->c.year = v;
        s->has_year = true;
        return ok;
    case 'y':
        ok = scan_int(s, 2, &v);
        s->c.year = v < 69 ? 2000 + v : 1900 + v;
        s->has_year = true;
        return ok;
    case 'm': return scan_int(s, 2, &s->c.month);
    case 'd':
    case 'e': return scan_int(s, 2, &s->c.day);
    case 'j': s->has_yday = true; return scan_int(s, 3, &s->yday);
    case 'b':
    case 'h':
    case 'B':
        ok = scan_name(s, months, 12, &v);
        s->c.month = v + 1;
        return ok;
    case 'a':
    case 'A': return scan_name(s, days, 7, &v);
    case 'H':
    case 'k':
    case 'I': return scan_int(s, 2, &s->c.hour);
    case 'p':
        if (s->end - s->p < 2 || !strchr("aApP", s->p[0]) || (s->p[1] != 'm' && s->p[1] != 'M'))
            return false;
        s->pm = s->p[0] == 'p' || s->p[0] == 'P';
        s->has_half = true;
        s->p += 2;
        return true;
    case 'M': return scan_int(s, 2, &s->c.minute);
    case 'S': return scan_int(s, 2, &s->c.second);
    case 'f': return scan_fraction(s);
    case 'z': return scan_zone(s);
    case 'Z': /* a name; UTC is all that it can mean here */
        while (s->p < s->end && ((*s->p | 32) >= 'a' && (*s->p | 32) <= 'z'))
            s->p++;
        return true;
    case 's': {
        const char *first = s->p;
        while (s->p < s->end && ((*s->p >= '0' && *s->p <= '9') || (s->p == first && *s->p == '-')))
            s->p++;
        s->has_epoch = true;
        return base_parse_i64((struct base_str){ first, (size_t)(s->p - first) }, &s->epoch_us) &&
               !__builtin_mul_overflow(s->epoch_us, INT64_C(1000000), &s->epoch_us);
    }
    case 'T': return scan_all(s, "%H:%M:%S");
    case 'D': return scan_all(s, "%m/%d/%y");
    case 'F': return scan_all(s, "%Y-%m-%d");
    case 'R': return scan_all(s, "%H:%M");
    case 'n':
    case 't': scan_blanks(s); return true;
    case '%': return s->p < s->end && *s->p++ == '%';
    default: return false;
    }
}

/* The one level of recursion is that of %T, %D, %F and %R. */
static bool scan_all(struct time_scan *s, const char *pattern) {
    for (const char *f = pattern; *f; f++) {
        if (*f == '%') {
            if (!scan_conversion(s, *++f))
                return false;
        } else if (*f == ' ') {
            scan_blanks(s);
        } else if (s->p == s->end || *s->p++ != *f) {
            return false;
        }
    }
    return true;
}

static int month_days(int64_t year, int month) {
    static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool time_pattern(const struct con_time *t, struct base_str text, int64_t *out_us) {
    struct time_scan s = {
        .p = text.p, .end = text.p + text.len, .c = { .year = t->year, .month = 1, .day = 1 }
    };
    if (!scan_all(&s, t->text) || s.p != s.end)
        return false;
    if (s.has_epoch) {
        *out_us = s.epoch_us + s.c.us;
        return true;
    }
    if (s.has_half) {
        if (s.c.hour < 1 || s.c.hour > 12)
            return false;
        s.c.hour = s.c.hour % 12 + (s.pm ? 12 : 0);
    }
    bool guess = !s.has_year && t->year == 0;
    if (guess)
        s.c.year = base_civil_of(t->now_us).year;
    if (s.has_yday) {
        if (s.yday < 1 || s.yday > 366)
            return false;
        s.c.month = 1;
        s.c.day = 1;
    }
    if (s.c.month < 1 || s.c.month > 12 || s.c.day < 1 || s.c.day > month_days(s.c.year, s.c.month) ||
        s.c.hour > 23 || s.c.minute > 59 || s.c.second > 60)
        return false;
    int64_t us = base_civil_to_us(&s.c) - s.zone_us + (s.has_yday ? (s.yday - 1) * US_PER_DAY : 0);
    if (guess && us > t->now_us + US_PER_DAY) {
        s.c.year--;
        if (s.c.day > month_days(s.c.year, s.c.month))
            return false;
        us = base_civil_to_us(&s.c) - s.zone_us + (s.has_yday ? (s.yday - 1) * US_PER_DAY : 0);
    }
    *out_us = us;
    return true;
}

/* A number with a fraction, times `unit` microseconds; digits below a microsecond are cut. */
static bool time_epoch(struct base_str s, int64_t unit, int64_t *out_us) {
    size_t point = 0;
    while (point < s.len && s.p[point] != '.' && s.p[point] != 'e' && s.p[point] != 'E')
        point++;
    if (point < s.len && s.p[point] != '.') { /* 1.7e9: a double will do */
        double d;
        if (!base_parse_f64(s, &d) || !(d * (double)unit < 9.2e18 && d * (double)unit > -9.2e18))
            return false;
        *out_us = (int64_t)(d * (double)unit);
        return true;
    }
    int64_t whole, fraction = 0;
    if (!base_parse_i64((struct base_str){ s.p, point }, &whole))
        return false;
    if (point < s.len) {
        if (point + 1 == s.len)
            return false;
        int64_t place = unit;
        for (size_t i = point + 1; i < s.len; i++) {
            if (memchr(s.p + i, 'e', s.len - i) || memchr(s.p + i, 'E', s.len - i)) {
                double d;
                if (!base_parse_f64(s, &d) || !(d * (double)unit < 9.2e18 && d * (double)unit > -9.2e18))
                    return false;
                *out_us = (int64_t)(d * (double)unit);
                return true;
            }
            if (s.p[i] < '0' || s.p[i] > '9')
                return false;
            place /= 10;
            fraction += (s.p[i] - '0') * place;
        }
    }
    if (s.p[0] == '-')
        fraction = -fraction;
    return !__builtin_mul_overflow(whole, unit, out_us) && !__builtin_add_overflow(*out_us, fraction, out_us);
}

/* ISO 8601 of the same day as the last one. */
static inline bool time_same_day(const struct con_time *t, struct base_str s, int64_t *out_us) {
    int64_t us;
    if (s.len < 19 || memcmp(s.p, t->date, 10) != 0 || !con_scan_iso_time(s.p + 10, s.len - 10, &us))
        return false;
    *out_us = t->date_us + us;
    return true;
}

bool con_time_parse(struct con_time *t, struct base_str s, int64_t *out_us) {
    int64_t us = 0;
    bool ok = false;
    switch (t->kind) {
    case CON_TIME_ISO:
        if (time_same_day(t, s, out_us))
            return true;
        if (con_scan_iso(s.p, s.len, out_us)) {
            memcpy(t->date, s.p, 10);
            t->date_us = *out_us - ((*out_us % US_PER_DAY) + US_PER_DAY) % US_PER_DAY;
            return true;
        }
        return base_parse_timestamp(s, out_us);
    case CON_TIME_S: ok = time_epoch(s, 1000000, &us); break;
    case CON_TIME_MS: ok = time_epoch(s, 1000, &us); break;
    case CON_TIME_US: ok = time_epoch(s, 1, &us); break;
    case CON_TIME_PATTERN: ok = time_pattern(t, s, &us); break;
    case CON_TIME_MAX: break;
    }
    /* Years 1 to 9999, as everywhere. */
    if (!ok || us < INT64_C(-62135596800000000) || us > INT64_C(253402300799999999))
        return false;
    *out_us = us;
    return true;
}
