/*
 * expr_decimal -- decimal arithmetic on sign and magnitude, in 256 bits where 128 do not do.
 */
#include "expr/expr_decimal.h"

#include "base/base_check.h"
#include "base/base_float.h"
#include "base/base_num.h"

#include <math.h>

typedef unsigned __int128 dec_u128;

struct dec_u256 {
    dec_u128 lo, hi;
};

static const uint64_t dec_pow10[20] = { UINT64_C(1), UINT64_C(10), UINT64_C(100), UINT64_C(1000),
    UINT64_C(10000), UINT64_C(100000), UINT64_C(1000000), UINT64_C(10000000), UINT64_C(100000000),
    UINT64_C(1000000000), UINT64_C(10000000000), UINT64_C(100000000000), UINT64_C(1000000000000),
    UINT64_C(10000000000000), UINT64_C(100000000000000), UINT64_C(1000000000000000),
    UINT64_C(10000000000000000), UINT64_C(100000000000000000), UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000) };

__int128 expr_pow10(unsigned n) {
    CEP_REQUIRE(n <= EXPR_DEC_DIGITS);
    return n < 20 ? (__int128)dec_pow10[n] : (__int128)dec_pow10[19] * dec_pow10[n - 19];
}

static dec_u128 dec_abs(__int128 v) {
    return v < 0 ? 0 - (dec_u128)v : (dec_u128)v;
}

unsigned expr_dec_digits(__int128 v) {
    dec_u128 u = dec_abs(v);
    unsigned n = 1;
    while (n < EXPR_DEC_DIGITS && u >= (dec_u128)expr_pow10(n))
        n++;
    return n;
}

static struct dec_u256 u256_mul(dec_u128 a, dec_u128 b) {
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    dec_u128 p00 = (dec_u128)a0 * b0, p01 = (dec_u128)a0 * b1, p10 = (dec_u128)a1 * b0,
             p11 = (dec_u128)a1 * b1;
    dec_u128 mid = (p00 >> 64) + (uint64_t)p01 + (uint64_t)p10;
    return (struct dec_u256){ .lo = (uint64_t)p00 | mid << 64,
        .hi = p11 + (p01 >> 64) + (p10 >> 64) + (mid >> 64) };
}

static int u256_cmp(struct dec_u256 a, struct dec_u256 b) {
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return (a.lo > b.lo) - (a.lo < b.lo);
}

static struct dec_u256 u256_add(struct dec_u256 a, struct dec_u256 b) {
    dec_u128 lo = a.lo + b.lo;
    return (struct dec_u256){ lo, a.hi + b.hi + (lo < a.lo) };
}

static struct dec_u256 u256_sub(struct dec_u256 a, struct dec_u256 b) {
    return (struct dec_u256){ a.lo - b.lo, a.hi - b.hi - (a.lo < b.lo) };
}

/* n / d and the remainder. Requires: 0 < d < 2^127 (one bit free for the shift). */
static struct dec_u256 u256_div(struct dec_u256 n, dec_u128 d, dec_u128 *rem) {
    struct dec_u256 q = { 0, 0 };
    if (n.hi == 0) {
        q.lo = n.lo / d;
        *rem = n.lo % d;
        return q;
    }
    q.hi = n.hi / d;
    dec_u128 r = n.hi % d;
    for (int i = 127; i >= 0; i--) {
        r = r << 1 | (n.lo >> i & 1);
        if (r >= d) {
            r -= d;
            q.lo |= (dec_u128)1 << i;
        }
    }
    *rem = r;
    return q;
}

/* Rounds n / d half up into *out with a sign, if it fits the precision. */
static bool dec_finish(struct dec_u256 n, dec_u128 d, bool neg, const struct evt_type *to, __int128 *out) {
    dec_u128 rem;
    struct dec_u256 q = u256_div(n, d, &rem);
    if (q.hi != 0 || q.lo > (dec_u128)expr_pow10(to->precision))
        return false;
    if (rem * 2 >= d && rem != 0)
        q.lo++;
    if (q.lo >= (dec_u128)expr_pow10(to->precision))
        return false;
    *out = neg ? -(__int128)q.lo : (__int128)q.lo;
    return true;
}

/* n has scale `from`: brings it to to->scale. */
static bool dec_scale(struct dec_u256 n, unsigned from, bool neg, const struct evt_type *to, __int128 *out) {
    if (from >= to->scale) {
        unsigned down = from - to->scale;
        if (down >
            EXPR_DEC_DIGITS) { /* products: up to 76 digits behind the point. What is cut first cannot lift the rest over a half. */
            dec_u128 rem;
            n = u256_div(n, (dec_u128)expr_pow10(EXPR_DEC_DIGITS - 1), &rem);
            down -= EXPR_DEC_DIGITS - 1;
        }
        return dec_finish(n, (dec_u128)expr_pow10(down), neg, to, out);
    }
    if (n.hi != 0)
        return false;
    return dec_finish(u256_mul(n.lo, (dec_u128)expr_pow10(to->scale - from)), 1, neg, to, out);
}

bool expr_dec_rescale(__int128 v, unsigned from_scale, const struct evt_type *to, __int128 *out) {
    return dec_scale((struct dec_u256){ dec_abs(v), 0 }, from_scale, v < 0, to, out);
}

static struct dec_u256 dec_up(__int128 v, unsigned by) {
    return u256_mul(dec_abs(v), (dec_u128)expr_pow10(by));
}

bool expr_dec_add(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out) {
    if (x_scale == y_scale &&
        x_scale == to->scale) { /* |x| + |y| < 2 * 10^38 needs 128 bits; signed has 127 */
        if (__builtin_add_overflow(x, y, out))
            return false;
        return dec_abs(*out) < (dec_u128)expr_pow10(to->precision);
    }
    unsigned scale = x_scale > y_scale ? x_scale : y_scale;
    struct dec_u256 a = dec_up(x, scale - x_scale), b = dec_up(y, scale - y_scale);
    if ((x < 0) == (y < 0))
        return dec_scale(u256_add(a, b), scale, x < 0, to, out);
    bool swap = u256_cmp(a, b) < 0;
    return dec_scale(swap ? u256_sub(b, a) : u256_sub(a, b), scale, (x < 0) != swap, to, out);
}

bool expr_dec_mul(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out) {
    if (x_scale + y_scale == to->scale && !__builtin_mul_overflow(x, y, out))
        return dec_abs(*out) < (dec_u128)expr_pow10(to->precision);
    return dec_scale(u256_mul(dec_abs(x), dec_abs(y)), x_scale + y_scale, (x < 0) != (y < 0), to, out);
}

bool expr_dec_div(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out) {
    if (y == 0)
        return false;
    bool neg = (x < 0) != (y < 0);
    int up = (int)to->scale - (int)x_scale + (int)y_scale;
    if (up > EXPR_DEC_DIGITS) { /* only where scales near 38 meet: more digits than a result can hold */
        if (x == 0) {
            *out = 0;
            return true;
        }
        int more = up - EXPR_DEC_DIGITS;
        __int128 scaled;
        if (more > EXPR_DEC_DIGITS || __builtin_mul_overflow(x, expr_pow10((unsigned)more), &scaled))
            return false;
        x = scaled;
        up = EXPR_DEC_DIGITS;
    }
    if (up >= 0)
        return dec_finish(dec_up(x, (unsigned)up), dec_abs(y), neg, to, out);
    struct dec_u256 d = dec_up(y, (unsigned)-up);
    if (d.hi == 0 && d.lo < (dec_u128)1 << 127)
        return dec_finish((struct dec_u256){ dec_abs(x), 0 }, d.lo, neg, to, out);
    /* |x / d| < 1: one unit in the last place, or nothing. */
    struct dec_u256 twice = { dec_abs(x) * 2, 0 };
    *out = u256_cmp(twice, d) >= 0 ? neg ? -1 : 1 : 0;
    return true;
}

bool expr_dec_mod(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out) {
    if (y == 0)
        return false;
    unsigned scale = x_scale > y_scale ? x_scale : y_scale;
    struct dec_u256 n = dec_up(x, scale - x_scale), d = dec_up(y, scale - y_scale);
    if (u256_cmp(n, d) < 0)
        return dec_scale(n, scale, x < 0, to, out);
    dec_u128 rem;
    if (d.hi != 0 || d.lo >> 127) /* n >= d > 2^127 > |x|: x was scaled up, so y was not, and |y| < 2^127 */
        CEP_INSIST(!"a divisor of 38 digits");
    (void)u256_div(n, d.lo, &rem);
    return dec_scale((struct dec_u256){ rem, 0 }, scale, x < 0, to, out);
}

int expr_dec_cmp(__int128 x, unsigned x_scale, __int128 y, unsigned y_scale) {
    if (x_scale == y_scale || (x < 0) != (y < 0))
        return (x > y) - (x < y);
    unsigned scale = x_scale > y_scale ? x_scale : y_scale;
    int c = u256_cmp(dec_up(x, scale - x_scale), dec_up(y, scale - y_scale));
    return x < 0 ? -c : c;
}

double expr_dec_to_f64(__int128 v, unsigned scale) {
    /* Both exact as doubles: the quotient is the nearest double. */
    if (dec_abs(v) <= (dec_u128)1 << 53 && scale <= 22)
        return (double)v / (double)expr_pow10(scale);
    char text[64];
    struct base_buf b = { .p = text, .cap = sizeof text }; /* 41 bytes at most: never grows */
    base_write_decimal(&b, v, scale);
    double d = 0;
    CEP_INSIST(base_parse_f64(base_buf_view(&b), &d));
    return d;
}

bool expr_dec_of_f64(double d, const struct evt_type *to, __int128 *out) {
    if (!isfinite(d))
        return false;
    char text[BASE_FLOAT_MAX];
    size_t len = base_float_write(text, d);
    return base_parse_decimal((struct base_str){ text, len }, to->precision, to->scale, out);
}
