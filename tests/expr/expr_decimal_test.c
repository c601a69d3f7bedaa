/*
 * Decimals: against a slow arithmetic on digit strings, at every size, and the edges of 38 digits.
 */
#include "expr/expr_decimal.h"

#include "base/base_num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

/* Numbers of up to 256 digits, least significant first: obviously right, slow. */
enum { DIGITS = 256 };
struct big {
    int d[DIGITS];
};

static struct big big_of(__int128 v) {
    struct big b = { { 0 } };
    unsigned __int128 u = v < 0 ? 0 - (unsigned __int128)v : (unsigned __int128)v;
    for (int i = 0; u; i++, u /= 10)
        b.d[i] = (int)(u % 10);
    return b;
}
static struct big big_shift(struct big b, int by) {
    struct big r = { { 0 } };
    for (int i = 0; i < DIGITS; i++)
        if (i + by >= 0 && i + by < DIGITS)
            r.d[i + by] = b.d[i];
    return r;
}
static int big_cmp(const struct big *a, const struct big *b) {
    for (int i = DIGITS - 1; i >= 0; i--)
        if (a->d[i] != b->d[i])
            return a->d[i] - b->d[i];
    return 0;
}
static struct big big_add(struct big a, const struct big *b) {
    for (int i = 0, carry = 0; i < DIGITS; i++) {
        carry += a.d[i] + b->d[i];
        a.d[i] = carry % 10;
        carry /= 10;
    }
    return a;
}
static struct big big_sub(struct big a, const struct big *b) {
    for (int i = 0, borrow = 0; i < DIGITS; i++) {
        int x = a.d[i] - b->d[i] - borrow;
        borrow = x < 0;
        a.d[i] = x + 10 * borrow;
    }
    return a;
}
static struct big big_mul(const struct big *a, const struct big *b) {
    struct big r = { { 0 } };
    for (int i = 0; i < DIGITS / 2; i++)
        if (b->d[i]) {
            struct big s = big_shift(*a, i);
            for (int k = 0; k < b->d[i]; k++)
                r = big_add(r, &s);
        }
    return r;
}
/* Quotient by long division; the rest stays in *a. */
static struct big big_div(struct big *a, const struct big *b) {
    struct big q = { { 0 } };
    for (int i = DIGITS / 2; i >= 0; i--) {
        struct big s = big_shift(*b, i);
        while (big_cmp(a, &s) >= 0) {
            *a = big_sub(*a, &s);
            q.d[i]++;
        }
    }
    return q;
}
/* To 128 bits if below 10^precision. */
static bool big_fits(const struct big *b, unsigned precision, bool neg, __int128 *out) {
    __int128 v = 0;
    for (int i = DIGITS - 1; i >= 0; i--) {
        if (i >= (int)precision && b->d[i])
            return false;
        if (i < (int)precision)
            v = v * 10 + b->d[i];
    }
    *out = neg ? -v : v;
    return true;
}
/* n / 10^down (down may be negative), half away from zero. */
static bool big_round(struct big n, int down, unsigned precision, bool neg, __int128 *out) {
    bool up = down > 0 && n.d[down - 1] >= 5;
    n = big_shift(n, -down);
    struct big one = big_of(1);
    if (up)
        n = big_add(n, &one);
    return big_fits(&n, precision, neg, out);
}

static uint64_t rnd(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}
/* Of a random number of digits, negative half the time. */
static __int128 rnd_dec(uint64_t *s) {
    __int128 v = (__int128)(((unsigned __int128)rnd(s) << 64 | rnd(s)) >> 1) %
                 expr_pow10(1 + (unsigned)(rnd(s) >> 33) % 38);
    if ((rnd(s) >> 40) % 8 == 0)
        v = v / 1000 * 1000 + 500;
    return rnd(s) & 4096 ? v : -v;
}

static void agrees(bool ok, const __int128 *got, bool expect_ok, __int128 expect) {
    assert_int_equal(ok, expect_ok);
    if (ok)
        assert_true(*got == expect);
}

static void arithmetic_is_exact(void **state) {
    (void)state;
    uint64_t s = 424242;
    for (int round = 0; round < 4000; round++) {
        __int128 x = rnd_dec(&s), y = rnd_dec(&s), got = 0, expect = 0;
        unsigned xs = (unsigned)(rnd(&s) >> 33) % 39, ys = (unsigned)(rnd(&s) >> 33) % 39;
        struct evt_type to = { .kind = EVT_DECIMAL, .precision = (uint8_t)(1 + (rnd(&s) >> 33) % 38) };
        to.scale = (uint8_t)((rnd(&s) >> 33) % (to.precision + 1u));
        struct big bx = big_of(x), by = big_of(y), up;
        bool neg = (x < 0) != (y < 0), ok;

        ok = big_round(bx, (int)xs - to.scale, to.precision, x < 0, &expect);
        agrees(expr_dec_rescale(x, xs, &to, &got), &got, ok, expect);

        ok = big_round(big_mul(&bx, &by), (int)(xs + ys) - to.scale, to.precision, neg, &expect);
        agrees(expr_dec_mul(x, xs, y, ys, &to, &got), &got, ok, expect);

        unsigned m = xs > ys ? xs : ys;
        struct big ax = big_shift(bx, (int)(m - xs)), ay = big_shift(by, (int)(m - ys));
        bool swap = big_cmp(&ax, &ay) < 0;
        struct big sum = !neg ? big_add(ax, &ay) : swap ? big_sub(ay, &ax) : big_sub(ax, &ay);
        ok = big_round(sum, (int)m - to.scale, to.precision, (x < 0) != (neg && swap), &expect);
        agrees(expr_dec_add(x, xs, y, ys, &to, &got), &got, ok, expect);
        int c = expr_dec_cmp(x, xs, y, ys),
            ec = neg ? (x < 0 ? -1 : 1) : (x < 0 ? -1 : 1) * big_cmp(&ax, &ay);
        if (x != 0 && y != 0)
            assert_int_equal((c > 0) - (c < 0), (ec > 0) - (ec < 0));

        if (y != 0) {
            up = ax;
            (void)big_div(&up, &ay);
            ok = big_round(up, (int)m - to.scale, to.precision, x < 0, &expect);
            agrees(expr_dec_mod(x, xs, y, ys, &to, &got), &got, ok, expect);
        }
    }
}

/* As types make them: the scale of the result is at least 6 and the operands' are what their types allow. */
static void division_is_exact(void **state) {
    (void)state;
    uint64_t s = 777;
    for (int round = 0; round < 2000; round++) {
        __int128 x = rnd_dec(&s), y = rnd_dec(&s), got = 0, expect = 0;
        unsigned xs = (unsigned)(rnd(&s) >> 33) % 39, ys = (unsigned)(rnd(&s) >> 33) % 39;
        struct evt_type to = {
            .kind = EVT_DECIMAL, .precision = 38, .scale = (uint8_t)(6 + (rnd(&s) >> 33) % 33)
        };
        if (y == 0)
            continue;
        int k = (int)to.scale - (int)xs + (int)ys;
        struct big n = k > 0 ? big_shift(big_of(x), k) : big_of(x),
                   d = k < 0 ? big_shift(big_of(y), -k) : big_of(y);
        struct big q = big_div(&n, &d), twice = big_add(n, &n), one = big_of(1);
        if (big_cmp(&twice, &d) >= 0)
            q = big_add(q, &one);
        bool ok = big_fits(&q, 38, (x < 0) != (y < 0), &expect);
        agrees(expr_dec_div(x, xs, y, ys, &to, &got), &got, ok, expect);
    }
    struct evt_type to = { .kind = EVT_DECIMAL, .precision = 38, .scale = 6 };
    __int128 out;
    assert_false(expr_dec_div(1, 0, 0, 0, &to, &out));
    assert_false(expr_dec_mod(1, 0, 0, 0, &to, &out));
}

static void digits_and_doubles(void **state) {
    (void)state;
    assert_int_equal(expr_dec_digits(0), 1);
    assert_int_equal(expr_dec_digits(-9), 1);
    assert_int_equal(expr_dec_digits(10), 2);
    assert_int_equal(expr_dec_digits(expr_pow10(38) - 1), 38);
    assert_true(expr_dec_to_f64(-1255, 2) == -12.55);
    assert_true(expr_dec_to_f64(expr_pow10(38) - 1, 0) == 1e38);
    assert_true(expr_dec_to_f64(1, 38) == 1e-38);
    struct evt_type to = { .kind = EVT_DECIMAL, .precision = 5, .scale = 2 };
    __int128 v;
    assert_true(expr_dec_of_f64(1.005, &to, &v) && v == 101);
    assert_true(expr_dec_of_f64(-999.994, &to, &v) && v == -99999);
    assert_false(expr_dec_of_f64(999.995, &to, &v));
    assert_false(expr_dec_of_f64(1.0 / 0.0, &to, &v));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(division_is_exact), cmocka_unit_test(digits_and_doubles) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
