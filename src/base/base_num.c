/*
 * base_num -- integers, doubles and decimals as text. Times are in base_time.c.
 */
#include "base/base_num.h"

#include "base/base_check.h"
#include "base/base_float.h"

static bool num_is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Digits only, at least one. */
static bool num_digits(const char *p, size_t len, uint64_t *out) {
    if (len == 0)
        return false;
    uint64_t v = 0;
    size_t i = 0;
    /* Nineteen digits fit without a check. */
    for (; i < len && i < 19; i++) {
        if (!num_is_digit(p[i]))
            return false;
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    for (; i < len; i++)
        if (!num_is_digit(p[i]) || __builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(p[i] - '0'), &v))
            return false;
    *out = v;
    return true;
}

bool base_parse_u64(struct base_str s, uint64_t *out) {
    if (s.len == 0)
        return false;
    size_t sign = s.p[0] == '+';
    return num_digits(s.p + sign, s.len - sign, out);
}

bool base_parse_i64(struct base_str s, int64_t *out) {
    if (s.len == 0)
        return false;
    bool neg = s.p[0] == '-';
    size_t sign = neg || s.p[0] == '+';
    uint64_t v;
    if (!num_digits(s.p + sign, s.len - sign, &v) || v > (uint64_t)INT64_MAX + neg)
        return false;
    *out = neg ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

bool base_parse_f64(struct base_str s, double *out) {
    if (s.len > 0 && s.p[0] == '+') {
        s.p++;
        s.len--;
        if (s.len > 0 && s.p[0] == '-')
            return false;
    }
    /* from_chars() would also take "inf" and "nan". */
    size_t first = s.len > 0 && s.p[0] == '-';
    if (s.len <= first || !(num_is_digit(s.p[first]) || s.p[first] == '.'))
        return false;
    double v;
    if (!base_float_read(s.p, s.len, &v))
        return false;
    *out = v;
    return true;
}

/* A decimal number split up: 0.DIGITS * 10^point, leading zeros cut. */
struct num_parts {
    char digits[64];
    size_t n;      /* digits kept */
    bool more;     /* a digit other than 0 did not fit; only rounding could see it */
    int64_t point; /* place of the point, from the first digit kept */
    bool neg;
};

static bool num_exponent(const char *p, size_t len, int64_t *out) {
    return len > 0 && len <= 8 && base_parse_i64((struct base_str){ p, len }, out);
}

static bool num_split(struct base_str s, struct num_parts *parts) {
    *parts = (struct num_parts){ .n = 0 };
    size_t i = 0, n_seen = 0;
    bool in_fraction = false;
    if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
        parts->neg = s.p[0] == '-';
        i = 1;
    }
    for (; i < s.len; i++) {
        char c = s.p[i];
        if (c == '.' && !in_fraction) {
            in_fraction = true;
            continue;
        }
        if (!num_is_digit(c))
            break;
        n_seen++;
        if (c == '0' && parts->n == 0) {
            parts->point -= in_fraction;
            continue;
        }
        if (parts->n < sizeof parts->digits)
            parts->digits[parts->n++] = c;
        else
            parts->more |= c != '0';
        parts->point += !in_fraction;
    }
    if (n_seen == 0)
        return false;
    if (i < s.len) {
        int64_t exponent;
        if ((s.p[i] != 'e' && s.p[i] != 'E') || !num_exponent(s.p + i + 1, s.len - i - 1, &exponent))
            return false;
        parts->point += exponent;
    }
    return true;
}

/*
 * Digits beyond the scale are rounded half away from zero, as a cast in SQL does.
 * 38 digits fit __int128 with room for the carry.
 */
bool base_parse_decimal(struct base_str s, unsigned precision, unsigned scale, __int128 *out) {
    CEP_REQUIRE(precision >= 1 && precision <= 38 && scale <= precision);
    struct num_parts parts;
    if (!num_split(s, &parts))
        return false;
    __int128 v = 0;
    if (parts.n > 0) {
        int64_t keep = parts.point + (int64_t)scale;
        if (keep > (int64_t)precision)
            return false;
        for (int64_t i = 0; i < keep; i++)
            v = v * 10 + ((size_t)i < parts.n ? parts.digits[i] - '0' : 0);
        if (keep >= 0 && (size_t)keep < parts.n && parts.digits[keep] >= '5')
            v++;
        __int128 limit = 1;
        for (unsigned i = 0; i < precision; i++)
            limit *= 10;
        if (v >= limit)
            return false;
    }
    *out = parts.neg ? -v : v;
    return true;
}

void base_write_decimal(struct base_buf *b, __int128 v, unsigned scale) {
    char text[48];
    size_t at = sizeof text;
    unsigned __int128 u = v < 0 ? 0 - (unsigned __int128)v : (unsigned __int128)v;
    unsigned n = 0;
    do {
        if (n > 0 && n == scale)
            text[--at] = '.';
        text[--at] = (char)('0' + (int)(u % 10));
        u /= 10;
        n++;
    } while (u > 0 || n <= scale);
    if (v < 0)
        text[--at] = '-';
    base_buf_add(b, text + at, sizeof text - at);
}

void base_write_i64(struct base_buf *b, int64_t v) {
    char text[24];
    size_t at = sizeof text;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do {
        text[--at] = (char)('0' + (int)(u % 10));
        u /= 10;
    } while (u > 0);
    if (v < 0)
        text[--at] = '-';
    base_buf_add(b, text + at, sizeof text - at);
}

/*
 * Plain digits from 1e-4 up to 1e16, an exponent outside: what people expect of money and of physics.
 */
void base_write_f64(struct base_buf *b, double v) {
    if (v != v) {
        base_buf_puts(b, "nan");
        return;
    }
    if (v - v != 0) {
        base_buf_puts(b, v < 0 ? "-inf" : "inf");
        return;
    }
    char *to = base_buf_reserve(b, BASE_FLOAT_MAX + 2);
    double size = v < 0 ? -v : v;
    bool plain = (size >= 1e-4 && size < 1e16) || v == 0;
    size_t len = plain ? base_float_write_plain(to, v) : base_float_write(to, v);
    CEP_INSIST(len > 0);
    if (plain && !memchr(to, '.', len)) {
        memcpy(to + len, ".0", 2);
        len += 2;
    }
    b->len += len;
    b->p[b->len] = '\0';
}
