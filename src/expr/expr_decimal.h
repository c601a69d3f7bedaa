#pragma once
/*
 * expr_decimal -- decimal arithmetic: 128-bit counts of 10^-scale, at most 38 digits.
 *
 * Results are rounded half away from zero to the scale of the result type; false means that they do not fit its
 * precision (or that a divisor is 0). Intermediate results have 256 bits, so nothing is lost on the way.
 */
#include "event/evt_type.h"

enum { EXPR_DEC_DIGITS = 38 };

/* 10^n for n in 0..38. */
__int128 expr_pow10(unsigned n);
/* Decimal digits of |v|, 1 for 0. */
unsigned expr_dec_digits(__int128 v);
bool expr_dec_rescale(__int128 v, unsigned from_scale, const struct evt_type *to, __int128 *out);
/* x + y of one scale each. For x - y negate y: |y| < 10^38 always has a negative. */
bool expr_dec_add(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out);
bool expr_dec_mul(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out);
bool expr_dec_div(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out);
/* Sign of x. Requires: y is not 0 (false when it is). */
bool expr_dec_mod(
    __int128 x, unsigned x_scale, __int128 y, unsigned y_scale, const struct evt_type *to, __int128 *out);
/* Compares numbers of different scales: < 0, 0, > 0. */
int expr_dec_cmp(__int128 x, unsigned x_scale, __int128 y, unsigned y_scale);
double expr_dec_to_f64(__int128 v, unsigned scale);
/* The decimal nearest to the shortest text of d. */
bool expr_dec_of_f64(double d, const struct evt_type *to, __int128 *out);
