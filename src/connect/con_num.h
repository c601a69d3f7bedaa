#pragma once
/*
 * con_num -- numbers and calendar times in text, the short way, for the decoders' inner loops.
 *
 * What these functions take they read exactly as base_num.h does; what is unusual (more digits than fit, large exponents,
 * offsets from UTC) they leave to it.
 */
#include "base/base_num.h"

/*
 * An integer at p: '-', digits. *end is behind it. Returns: false when there is none or it has more than 18 digits.
 * Requires: *end < p + CON_PAD readable bytes, and a byte behind that is no digit.
 */
static inline bool con_scan_i64(const char *p, const char **end, int64_t *out) {
    bool neg = *p == '-';
    const char *first = p + neg;
    p = first;
    uint64_t v = 0;
    unsigned d;
    while ((d = (unsigned)(unsigned char)*p - '0') < 10) {
        v = v * 10 + d;
        p++;
    }
    if (p == first || p - first > 18)
        return false;
    *end = p;
    *out = neg ? -(int64_t)v : (int64_t)v;
    return true;
}

/*
 * Clinger's fast path: up to 15 digits and a power of ten up to 22 are exact in doubles, so one division or
 * multiplication rounds once. Returns: false for anything else (which may still be a number).
 */
static inline bool con_scan_f64(const char *p, const char *limit, double *out) {
    static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13,
        1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    bool neg = p < limit && *p == '-';
    p += neg;
    uint64_t v = 0;
    unsigned d;
    const char *first = p;
    while (p < limit && (d = (unsigned)(unsigned char)*p - '0') < 10) {
        v = v * 10 + d;
        p++;
    }
    int64_t n_digits = p - first;
    if (n_digits == 0)
        return false;
    int64_t n_fraction = 0;
    if (p < limit && *p == '.') {
        first = ++p;
        while (p < limit && (d = (unsigned)(unsigned char)*p - '0') < 10) {
            v = v * 10 + d;
            p++;
        }
        n_fraction = p - first;
        if (n_fraction == 0)
            return false;
    }
    if (p != limit || n_digits + n_fraction > 15)
        return false;
    double x = (double)v / tens[n_fraction];
    *out = neg ? -x : x;
    return true;
}

static inline bool con_two_digits(const char *p, unsigned *out) {
    unsigned a = (unsigned)(unsigned char)p[0] - '0', b = (unsigned)(unsigned char)p[1] - '0';
    *out = a * 10 + b;
    return a < 10 && b < 10;
}

/* Days from 1970-01-01, proleptic Gregorian (years counted from March, so that the leap day comes last). */
static inline int64_t con_days(int64_t year, unsigned month, unsigned day) {
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "T10:00:00[.fraction][Z]", a blank for the T, as microseconds of the day. Returns: false for anything else. */
static inline bool con_scan_iso_time(const char *p, size_t len, int64_t *out_us) {
    unsigned h, mi, s;
    if (len < 9 || (p[0] != 'T' && p[0] != ' ') || !con_two_digits(p + 1, &h) || p[3] != ':' ||
        !con_two_digits(p + 4, &mi) || p[6] != ':' || !con_two_digits(p + 7, &s) || h > 23 || mi > 59 ||
        s > 59)
        return false;
    size_t i = 9;
    int64_t us = 0;
    if (i < len && p[i] == '.') {
        static const int unit[] = { 1000000, 100000, 10000, 1000, 100, 10, 1 };
        size_t first = ++i, last = len < first + 6 ? len : first + 6;
        unsigned digit;
        for (; i < last && (digit = (unsigned)(unsigned char)p[i] - '0') < 10; i++)
            us = us * 10 + digit;
        us *= unit[i - first];
        if (i == first)
            return false;
        while (i < len && (unsigned)(unsigned char)p[i] - '0' < 10) /* below a microsecond */
            i++;
    }
    if (i < len && p[i] == 'Z')
        i++;
    *out_us = (int64_t)(h * 3600 + mi * 60 + s) * INT64_C(1000000) + us;
    return i == len;
}

/* "2026-01-01T10:00:00[.fraction][Z]". Returns: false for anything else, the last days of months included:
 * base_parse_timestamp() decides about those. */
static inline bool con_scan_iso(const char *p, size_t len, int64_t *out_us) {
    unsigned c1, c2, mo, d;
    int64_t us;
    if (len < 19 || !con_two_digits(p, &c1) || !con_two_digits(p + 2, &c2) || p[4] != '-' ||
        !con_two_digits(p + 5, &mo) || p[7] != '-' || !con_two_digits(p + 8, &d) ||
        !con_scan_iso_time(p + 10, len - 10, &us))
        return false;
    unsigned year = c1 * 100 + c2;
    if (year == 0 || mo - 1 > 11 || d - 1 > 27)
        return false;
    *out_us = con_days(year, mo, d) * (INT64_C(86400) * 1000000) + us;
    return true;
}

static inline char *con_put_digits(char *to, unsigned v, unsigned n) {
    for (unsigned i = n; i-- > 0; v /= 10)
        to[i] = (char)('0' + v % 10);
    return to + n;
}

/* As base_write_timestamp(), without printf. */
static inline void con_write_timestamp(struct base_buf *b, int64_t us) {
    struct base_civil c = base_civil_of(us);
    if (c.year < 1 || c.year > 9999) {
        base_write_timestamp(b, us);
        return;
    }
    char *start = base_buf_reserve(b, 32), *to = start;
    to = con_put_digits(to, (unsigned)c.year, 4);
    *to++ = '-';
    to = con_put_digits(to, (unsigned)c.month, 2);
    *to++ = '-';
    to = con_put_digits(to, (unsigned)c.day, 2);
    *to++ = 'T';
    to = con_put_digits(to, (unsigned)c.hour, 2);
    *to++ = ':';
    to = con_put_digits(to, (unsigned)c.minute, 2);
    *to++ = ':';
    to = con_put_digits(to, (unsigned)c.second, 2);
    if (c.us % 1000 != 0) {
        *to++ = '.';
        to = con_put_digits(to, (unsigned)c.us, 6);
    } else if (c.us != 0) {
        *to++ = '.';
        to = con_put_digits(to, (unsigned)c.us / 1000, 3);
    }
    *to++ = 'Z';
    b->len += (size_t)(to - start);
    b->p[b->len] = '\0';
}

static inline void con_write_i64(struct base_buf *b, int64_t v) {
    char text[24];
    unsigned n = sizeof text;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        text[--n] = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        text[--n] = '-';
    base_buf_add(b, text + n, sizeof text - n);
}
