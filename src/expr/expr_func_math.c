/*
 * expr_func_math -- numbers: rounding, roots, logarithms, trigonometry, bits, distances on the globe.
 *
 * A double result that is not a number, of arguments that are, fails ("outside the domain"); so does one that is infinite
 * of finite ones ("out of range"). NaN and infinities that come in go through. Decimals stay decimals where that is exact.
 */
#include "expr/expr_decimal.h"
#include "expr/expr_func_util.h"

#include <math.h>
#include <sys/random.h>

static const char math_range[] = "result out of range";
static const char math_domain[] = "argument is outside the function's domain";

static void math_put(struct expr_call *call, const struct evt_val *args, struct evt_val *out, double r) {
    bool nan_in = false, inf_in = false;
    for (uint32_t i = 0; i < call->n_args; i++)
        if (call->arg_types[i]->kind == EVT_DOUBLE) {
            nan_in |= isnan(args[i].d) != 0;
            inf_in |= isinf(args[i].d) != 0;
        }
    if (isnan(r) && !nan_in)
        expr_fail(call, out, math_domain);
    else if (isinf(r) && !inf_in)
        expr_fail(call, out, math_range);
    else
        expr_put_f64(out, r);
}

/* One function a line, for the coverage report. */
#define MATH_UNARY(name, expression)                                                                   \
    static void math_##name(struct expr_call *call, const struct evt_val *args, struct evt_val *out) { \
        double x = args[0].d;                                                                          \
        math_put(call, args, out, (expression));                                                       \
    }
MATH_UNARY(ceil, ceil(x))
MATH_UNARY(floor, floor(x))
MATH_UNARY(sqrt, sqrt(x))
MATH_UNARY(exp, exp(x))
MATH_UNARY(ln, x == 0 ? (double)NAN : log(x))
MATH_UNARY(log10, x == 0 ? (double)NAN : log10(x))
MATH_UNARY(log2, x == 0 ? (double)NAN : log2(x))
MATH_UNARY(sin, sin(x))
MATH_UNARY(cos, cos(x))
MATH_UNARY(tan, tan(x))
MATH_UNARY(cot, x == 0 ? (double)NAN : 1.0 / tan(x))
MATH_UNARY(asin, asin(x))
MATH_UNARY(acos, acos(x))
MATH_UNARY(atan, atan(x))
MATH_UNARY(sinh, sinh(x))
MATH_UNARY(cosh, cosh(x))
MATH_UNARY(tanh, tanh(x))
MATH_UNARY(degrees, x *(180.0 / M_PI))
MATH_UNARY(radians, x *(M_PI / 180.0))
MATH_UNARY(abs_f64, fabs(x))

static void math_cbrt(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    double x = args[0].d, r = cbrt(x);
    if (isfinite(r) && r != 0) /* libm's is one unit off even for 27: one step of Newton's */
        r -= (r - x / r / r) / 3;
    math_put(call, args, out, r);
}

static void math_atan2(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_put(call, args, out, atan2(args[0].d, args[1].d));
}

static void math_power(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[0].d == 0 && args[1].d < 0)
        expr_fail(call, out, math_domain);
    else
        math_put(call, args, out, pow(args[0].d, args[1].d));
}

static void math_log(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    double base = args[0].d, x = args[1].d;
    if (base <= 0 || base == 1 || x <= 0)
        expr_fail(call, out, math_domain);
    else
        math_put(call, args, out, base == 2 ? log2(x) : base == 10 ? log10(x) : log(x) / log(base));
}

static void math_pi(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    (void)args;
    expr_put_f64(out, M_PI);
}

static void math_e(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    (void)args;
    expr_put_f64(out, M_E);
}

static void math_random(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)args;
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        expr_fail(call, out, "no random bytes");
    else
        expr_put_f64(out, (double)(bits >> 11) * 0x1p-53);
}

static void math_abs_int(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[0].i == INT64_MIN)
        expr_fail(call, out, math_range);
    else
        expr_put_int(out, args[0].i < 0 ? -args[0].i : args[0].i);
}

static void math_abs_dec(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    __int128 x = evt_val_dec(&args[0]);
    *out = evt_val_of_dec(x < 0 ? -x : x);
}

static void math_sign_int(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, (args[0].i > 0) - (args[0].i < 0));
}

static void math_sign_f64(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (isnan(args[0].d))
        expr_fail(call, out, math_domain);
    else
        expr_put_int(out, (args[0].d > 0) - (args[0].d < 0));
}

static void math_sign_dec(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    __int128 x = evt_val_dec(&args[0]);
    expr_put_int(out, (x > 0) - (x < 0));
}

/* -- rounding: half away from zero, of the digits that a person sees (2.675 to two digits is 2.68) ----------------------- */

enum { MATH_DIGITS = 17 }; /* a double has no more */

/* x rounded or cut to n digits behind the point. */
static double math_round_f64(double x, int64_t n, bool cut) {
    if (!isfinite(x) || x == 0)
        return x;
    if (n < 0) {
        if (n < -308)
            return 0;
        double unit = pow(10, (double)-n);
        return (cut ? trunc(x / unit) : round(x / unit)) * unit;
    }
    if (n == 0)
        return cut ? trunc(x) : round(x);
    struct evt_type to = { .kind = EVT_DECIMAL, .precision = EXPR_DEC_DIGITS };
    to.scale = (uint8_t)(n > 2 * MATH_DIGITS ? 2 * MATH_DIGITS : n);
    __int128 v;
    if (n > 300 || fabs(x) >= 1e15 || !expr_dec_of_f64(x, &to, &v))
        return x; /* no digits are left to round */
    double r = expr_dec_to_f64(v, to.scale);
    if (cut && fabs(r) > fabs(x))
        r = expr_dec_to_f64(v < 0 ? v + 1 : v - 1, to.scale);
    return r;
}

static int64_t math_digits(struct expr_call *call, const struct evt_val *args) {
    return call->n_args > 1 ? args[1].i : 0;
}

static void math_round(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_put(call, args, out, math_round_f64(args[0].d, math_digits(call, args), false));
}

static void math_trunc(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_put(call, args, out, math_round_f64(args[0].d, math_digits(call, args), true));
}

enum math_towards { MATH_NEAREST = 0, MATH_ZERO, MATH_DOWN, MATH_UP };

/* x, a count of `unit`s' parts, to a whole number of units. */
static __int128 math_to_unit(__int128 x, __int128 unit, enum math_towards how) {
    __int128 q = x / unit, rem = x % unit;
    __int128 far = rem < 0 ? -rem : rem;
    switch (how) {
    case MATH_NEAREST: q += far >= unit - far ? (x < 0 ? -1 : 1) : 0; break;
    case MATH_ZERO: break;
    case MATH_DOWN: q -= rem < 0; break;
    case MATH_UP: q += rem > 0; break;
    }
    return q * unit;
}

static void math_dec_to(struct expr_call *call, const struct evt_val *args, struct evt_val *out,
    int64_t digits, enum math_towards how) {
    __int128 x = evt_val_dec(&args[0]);
    int64_t cut = (int64_t)call->arg_types[0]->scale - digits;
    if (cut > EXPR_DEC_DIGITS -
                  1) /* the unit is larger than any value: only nearest could be it, and it is not held */
        x = 0;
    else if (cut > 0)
        x = math_to_unit(x, expr_pow10((unsigned)cut), how);
    if (expr_dec_digits(x) > call->type->precision)
        expr_fail(call, out, math_range);
    else
        *out = evt_val_of_dec(x);
}

static void math_round_dec(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_dec_to(call, args, out, math_digits(call, args), MATH_NEAREST);
}

static void math_trunc_dec(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_dec_to(call, args, out, math_digits(call, args), MATH_ZERO);
}

static void math_floor_dec(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_dec_to(call, args, out, 0, MATH_DOWN);
}

static void math_ceil_dec(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_dec_to(call, args, out, 0, MATH_UP);
}

/* Rounding up may need one digit more: ceil(9.9) is 10.0. */
static const struct evt_type *math_wider(
    struct base_arena *a, const struct evt_type *const *arg_types, uint32_t n_args) {
    (void)n_args;
    unsigned p = arg_types[0]->precision;
    return evt_type_decimal(a, p < EXPR_DEC_DIGITS ? p + 1u : p, arg_types[0]->scale);
}

static void math_same_int(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    *out = args[0];
}

static void math_int_to(
    struct expr_call *call, const struct evt_val *args, struct evt_val *out, enum math_towards how) {
    if (args[1].i >= 0) {
        *out = args[0];
        return;
    }
    __int128 r = args[1].i < -19 ? 0 : math_to_unit(args[0].i, expr_pow10((unsigned)-args[1].i), how);
    if (r != (int64_t)r)
        expr_fail(call, out, math_range);
    else
        expr_put_int(out, (int64_t)r);
}

static void math_round_int(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_int_to(call, args, out, MATH_NEAREST);
}

static void math_trunc_int(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_int_to(call, args, out, MATH_ZERO);
}

/* -- division and bits ---------------------------------------------------------------------------------------------------- */

static const char math_zero[] = "division by zero";

static void math_mod_int(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[1].i == 0)
        expr_fail(call, out, math_zero);
    else
        expr_put_int(out, args[1].i == -1 ? 0 : args[0].i % args[1].i);
}

static void math_mod_f64(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[1].d == 0)
        expr_fail(call, out, math_zero);
    else
        math_put(call, args, out, fmod(args[0].d, args[1].d));
}

static void math_mod_dec(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    __int128 x = evt_val_dec(&args[0]), y = evt_val_dec(&args[1]), r;
    if (y == 0)
        expr_fail(call, out, math_zero);
    else if (!expr_dec_mod(x, call->arg_types[0]->scale, y, call->arg_types[1]->scale, call->type, &r))
        expr_fail(call, out, math_range);
    else
        *out = evt_val_of_dec(r);
}

static const struct evt_type *math_mod_type(
    struct base_arena *a, const struct evt_type *const *arg_types, uint32_t n_args) {
    (void)n_args;
    const struct evt_type *x = arg_types[0], *y = arg_types[1];
    unsigned scale = x->scale > y->scale ? x->scale : y->scale;
    unsigned whole_x = x->precision - x->scale, whole_y = y->precision - y->scale;
    unsigned p = scale + (whole_x > whole_y ? whole_x : whole_y);
    return evt_type_decimal(a, p < 1 ? 1 : p > EXPR_DEC_DIGITS ? EXPR_DEC_DIGITS : p, scale);
}

static void math_div(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[1].i == 0)
        expr_fail(call, out, math_zero);
    else if (args[1].i == -1 && args[0].i == INT64_MIN)
        expr_fail(call, out, math_range);
    else
        expr_put_int(out, args[0].i / args[1].i);
}

static uint64_t math_magnitude(int64_t x) {
    return x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
}

static uint64_t math_gcd_of(int64_t a, int64_t b) {
    uint64_t x = math_magnitude(a), y = math_magnitude(b);
    while (y) {
        uint64_t r = x % y;
        x = y;
        y = r;
    }
    return x;
}

static void math_gcd(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    uint64_t g = math_gcd_of(args[0].i, args[1].i);
    if (g > INT64_MAX)
        expr_fail(call, out, math_range);
    else
        expr_put_int(out, (int64_t)g);
}

static void math_lcm(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    uint64_t g = math_gcd_of(args[0].i, args[1].i), r = 0;
    if (g && (__builtin_mul_overflow(math_magnitude(args[0].i) / g, math_magnitude(args[1].i), &r) ||
                 r > INT64_MAX))
        expr_fail(call, out, math_range);
    else
        expr_put_int(out, (int64_t)r);
}

static void math_bit_and(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i & args[1].i);
}

static void math_bit_or(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i | args[1].i);
}

static void math_bit_xor(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, args[0].i ^ args[1].i);
}

static void math_bit_not(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, ~args[0].i);
}

static void math_bit_count(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_int(out, __builtin_popcountll((unsigned long long)args[0].i));
}

static void math_shift_left(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[1].i < 0)
        expr_fail(call, out, math_domain);
    else
        expr_put_int(out, args[1].i > 63 ? 0 : (int64_t)((uint64_t)args[0].i << args[1].i));
}

static void math_shift_right(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    if (args[1].i < 0)
        expr_fail(call, out, math_domain);
    else /* keeps the sign: gcc and clang shift arithmetically */
        expr_put_int(out, args[0].i >> (args[1].i > 63 ? 63 : args[1].i));
}

/* -- choosing ------------------------------------------------------------------------------------------------------------ */

/* The first argument that is not null and before (by < 0) or after all others. */
static void math_extreme(struct expr_call *call, const struct evt_val *args, struct evt_val *out, int by) {
    *out = EVT_VAL_NULL;
    for (uint32_t i = 0; i < call->n_args; i++)
        if (!args[i].null && (out->null || evt_val_cmp(call->type, &args[i], out) * by > 0))
            *out = args[i];
}

static void math_greatest(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_extreme(call, args, out, 1);
}

static void math_least(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    math_extreme(call, args, out, -1);
}

static void math_clamp(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    const struct evt_type *t = call->type;
    if (evt_val_cmp(t, &args[1], &args[2]) > 0)
        expr_fail(call, out, "lower bound is above the upper bound");
    else if (evt_val_cmp(t, &args[0], &args[1]) < 0)
        *out = args[1];
    else
        *out = evt_val_cmp(t, &args[0], &args[2]) > 0 ? args[2] : args[0];
}

static void math_width_bucket(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    double x = args[0].d, low = args[1].d, high = args[2].d;
    int64_t n = args[3].i;
    if (n <= 0 || n == INT64_MAX || !isfinite(low) || !isfinite(high) || low == high || isnan(x)) {
        expr_fail(call, out, math_domain);
        return;
    }
    double at = (x - low) / (high - low); /* the same whichever way the buckets run */
    if (at < 0)
        expr_put_int(out, 0);
    else if (at >= 1)
        expr_put_int(out, n + 1);
    else {
        double i = floor(at * (double)n);
        expr_put_int(out, i >= (double)n ? n : (int64_t)i + 1);
    }
}

static void math_is_nan(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_bool(out, isnan(args[0].d) != 0);
}

static void math_is_finite(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    (void)call;
    expr_put_bool(out, isfinite(args[0].d) != 0);
}

/* -- the globe ------------------------------------------------------------------------------------------------------------ */

/* Haversine on a sphere of the mean radius of the Earth (IUGG); within 0.6 % of the ellipsoid. */
static void math_geo_distance(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    static const double radius_m = 6371008.8, rad = M_PI / 180.0;
    double lat1 = args[0].d, lon1 = args[1].d, lat2 = args[2].d, lon2 = args[3].d;
    if (!(fabs(lat1) <= 90 && fabs(lat2) <= 90 && fabs(lon1) <= 360 && fabs(lon2) <= 360)) {
        expr_fail(call, out, "not a latitude (-90 to 90) or a longitude (-360 to 360)");
        return;
    }
    double u = sin((lat2 - lat1) * rad / 2), v = sin((lon2 - lon1) * rad / 2);
    double h = u * u + cos(lat1 * rad) * cos(lat2 * rad) * v * v;
    expr_put_f64(out, 2 * radius_m * asin(sqrt(h > 1 ? 1 : h)));
}

#define INT      EXPR_SIG_INT
#define DOUBLE   EXPR_SIG_DOUBLE
#define DECIMAL  EXPR_SIG_DECIMAL
#define DURATION EXPR_SIG_DURATION
#define ORDERED  EXPR_SIG_ORDERED

/* The table is long, and one line a row reads best. */
/* clang-format off */
const struct expr_func expr_funcs_math[] = {
    EXPR_ROW("abs", INT, math_abs_int, 1, 1, "abs(x): x without its sign", INT),
    EXPR_ROW("abs", DOUBLE, math_abs_f64, 1, 1, "abs(x): x without its sign", DOUBLE),
    EXPR_ROW("abs", DECIMAL, math_abs_dec, 1, 1, "abs(x): x without its sign", DECIMAL),
    EXPR_ROW("abs", DURATION, math_abs_int, 1, 1, "abs(x): x without its sign", DURATION),
    EXPR_ROW("sign", INT, math_sign_int, 1, 1, "sign(x): -1, 0 or 1", INT),
    EXPR_ROW("sign", INT, math_sign_f64, 1, 1, "sign(x): -1, 0 or 1", DOUBLE),
    EXPR_ROW("sign", INT, math_sign_dec, 1, 1, "sign(x): -1, 0 or 1", DECIMAL),
    EXPR_ROW("sign", INT, math_sign_int, 1, 1, "sign(x): -1, 0 or 1", DURATION),
    EXPR_ROW("ceil", INT, math_same_int, 1, 1, "ceil(x): the smallest whole number not below x", INT),
    EXPR_ROW("ceil", DOUBLE, math_ceil, 1, 1, "ceil(x): the smallest whole number not below x", DOUBLE),
    EXPR_ROW_TYPED("ceil", math_wider, math_ceil_dec, 1, 1, "ceil(x): the smallest whole number not below x", DECIMAL),
    EXPR_ROW("ceiling", INT, math_same_int, 1, 1, "ceiling(x): ceil(x)", INT),
    EXPR_ROW("ceiling", DOUBLE, math_ceil, 1, 1, "ceiling(x): ceil(x)", DOUBLE),
    EXPR_ROW_TYPED("ceiling", math_wider, math_ceil_dec, 1, 1, "ceiling(x): ceil(x)", DECIMAL),
    EXPR_ROW("floor", INT, math_same_int, 1, 1, "floor(x): the largest whole number not above x", INT),
    EXPR_ROW("floor", DOUBLE, math_floor, 1, 1, "floor(x): the largest whole number not above x", DOUBLE),
    EXPR_ROW_TYPED("floor", math_wider, math_floor_dec, 1, 1, "floor(x): the largest whole number not above x", DECIMAL),
    EXPR_ROW("round", INT, math_same_int, 1, 1, "round(x[, n]): x to n digits behind the point", INT),
    EXPR_ROW("round", INT, math_round_int, 2, 2, "round(x[, n]): x to n digits behind the point", INT, INT),
    EXPR_ROW("round", DOUBLE, math_round, 1, 2, "round(x[, n]): x to n digits behind the point", DOUBLE, INT),
    EXPR_ROW_TYPED("round", math_wider, math_round_dec, 1, 2, "round(x[, n]): x to n digits behind the point", DECIMAL, INT),
    EXPR_ROW("trunc", INT, math_same_int, 1, 1, "trunc(x[, n]): x cut to n digits behind the point", INT),
    EXPR_ROW("trunc", INT, math_trunc_int, 2, 2, "trunc(x[, n]): x cut to n digits behind the point", INT, INT),
    EXPR_ROW("trunc", DOUBLE, math_trunc, 1, 2, "trunc(x[, n]): x cut to n digits behind the point", DOUBLE, INT),
    EXPR_ROW("trunc", DECIMAL, math_trunc_dec, 1, 2, "trunc(x[, n]): x cut to n digits behind the point", DECIMAL, INT),
    EXPR_ROW("truncate", INT, math_same_int, 1, 1, "truncate(x[, n]): trunc(x, n)", INT),
    EXPR_ROW("truncate", INT, math_trunc_int, 2, 2, "truncate(x[, n]): trunc(x, n)", INT, INT),
    EXPR_ROW("truncate", DOUBLE, math_trunc, 1, 2, "truncate(x[, n]): trunc(x, n)", DOUBLE, INT),
    EXPR_ROW("truncate", DECIMAL, math_trunc_dec, 1, 2, "truncate(x[, n]): trunc(x, n)", DECIMAL, INT),
    EXPR_ROW("mod", INT, math_mod_int, 2, 2, "mod(x, y): the rest of x / y, with the sign of x", INT, INT),
    EXPR_ROW("mod", DOUBLE, math_mod_f64, 2, 2, "mod(x, y): the rest of x / y, with the sign of x", DOUBLE, DOUBLE),
    EXPR_ROW_TYPED("mod", math_mod_type, math_mod_dec, 2, 2, "mod(x, y): the rest of x / y, with the sign of x", DECIMAL, DECIMAL),
    EXPR_ROW("mod", DURATION, math_mod_int, 2, 2, "mod(x, y): the rest of x / y, with the sign of x", DURATION, DURATION),
    EXPR_ROW("div", INT, math_div, 2, 2, "div(x, y): the whole part of x / y", INT, INT),
    EXPR_ROW("power", DOUBLE, math_power, 2, 2, "power(x, y): x to the power of y", DOUBLE, DOUBLE),
    EXPR_ROW("pow", DOUBLE, math_power, 2, 2, "pow(x, y): power(x, y)", DOUBLE, DOUBLE),
    EXPR_ROW("sqrt", DOUBLE, math_sqrt, 1, 1, "sqrt(x): the square root", DOUBLE),
    EXPR_ROW("cbrt", DOUBLE, math_cbrt, 1, 1, "cbrt(x): the cube root", DOUBLE),
    EXPR_ROW("exp", DOUBLE, math_exp, 1, 1, "exp(x): e to the power of x", DOUBLE),
    EXPR_ROW("ln", DOUBLE, math_ln, 1, 1, "ln(x): the natural logarithm", DOUBLE),
    EXPR_ROW("log10", DOUBLE, math_log10, 1, 1, "log10(x): the logarithm to base 10", DOUBLE),
    EXPR_ROW("log2", DOUBLE, math_log2, 1, 1, "log2(x): the logarithm to base 2", DOUBLE),
    EXPR_ROW("log", DOUBLE, math_log, 2, 2, "log(b, x): the logarithm of x to base b", DOUBLE, DOUBLE),
    EXPR_ROW("sin", DOUBLE, math_sin, 1, 1, "sin(x): the sine of x radians", DOUBLE),
    EXPR_ROW("cos", DOUBLE, math_cos, 1, 1, "cos(x): the cosine of x radians", DOUBLE),
    EXPR_ROW("tan", DOUBLE, math_tan, 1, 1, "tan(x): the tangent of x radians", DOUBLE),
    EXPR_ROW("cot", DOUBLE, math_cot, 1, 1, "cot(x): the cotangent of x radians", DOUBLE),
    EXPR_ROW("asin", DOUBLE, math_asin, 1, 1, "asin(x): the arc sine in radians", DOUBLE),
    EXPR_ROW("acos", DOUBLE, math_acos, 1, 1, "acos(x): the arc cosine in radians", DOUBLE),
    EXPR_ROW("atan", DOUBLE, math_atan, 1, 1, "atan(x): the arc tangent in radians", DOUBLE),
    EXPR_ROW("atan2", DOUBLE, math_atan2, 2, 2, "atan2(y, x): the angle of the point (x, y) in radians", DOUBLE, DOUBLE),
    EXPR_ROW("sinh", DOUBLE, math_sinh, 1, 1, "sinh(x): the hyperbolic sine", DOUBLE),
    EXPR_ROW("cosh", DOUBLE, math_cosh, 1, 1, "cosh(x): the hyperbolic cosine", DOUBLE),
    EXPR_ROW("tanh", DOUBLE, math_tanh, 1, 1, "tanh(x): the hyperbolic tangent", DOUBLE),
    EXPR_ROW("degrees", DOUBLE, math_degrees, 1, 1, "degrees(x): x radians in degrees", DOUBLE),
    EXPR_ROW("radians", DOUBLE, math_radians, 1, 1, "radians(x): x degrees in radians", DOUBLE),
    EXPR_ROW("pi", DOUBLE, math_pi, 0, 0, "pi(): 3.141592653589793", EXPR_SIG_NONE),
    EXPR_ROW("e", DOUBLE, math_e, 0, 0, "e(): 2.718281828459045", EXPR_SIG_NONE),
    { .name = "random", .result = EXPR_SIG_DOUBLE, .is_volatile = true, .fn = math_random, .help = "random(): a number from 0 to below 1" },
    { .name = "rand", .result = EXPR_SIG_DOUBLE, .is_volatile = true, .fn = math_random, .help = "rand(): random()" },
    EXPR_ROW_NULLS("greatest", ORDERED, math_greatest, 1, EXPR_ANY_NUMBER, "greatest(x, ...): the largest that is not null", ORDERED),
    EXPR_ROW_NULLS("least", ORDERED, math_least, 1, EXPR_ANY_NUMBER, "least(x, ...): the smallest that is not null", ORDERED),
    EXPR_ROW("clamp", ORDERED, math_clamp, 3, 3, "clamp(x, low, high): x, or the bound that it is beyond", ORDERED, ORDERED, ORDERED),
    EXPR_ROW("width_bucket", INT, math_width_bucket, 4, 4, "width_bucket(x, low, high, n): which of n equal buckets from low to high holds x", DOUBLE, DOUBLE, DOUBLE, INT),
    EXPR_ROW("is_nan", BOOL, math_is_nan, 1, 1, "is_nan(x): is x no number?", DOUBLE),
    EXPR_ROW("is_finite", BOOL, math_is_finite, 1, 1, "is_finite(x): is x neither infinite nor no number?", DOUBLE),
    EXPR_ROW("gcd", INT, math_gcd, 2, 2, "gcd(x, y): the greatest common divisor", INT, INT),
    EXPR_ROW("lcm", INT, math_lcm, 2, 2, "lcm(x, y): the least common multiple", INT, INT),
    EXPR_ROW("bit_and", INT, math_bit_and, 2, 2, "bit_and(x, y): the bits set in both", INT, INT),
    EXPR_ROW("bit_or", INT, math_bit_or, 2, 2, "bit_or(x, y): the bits set in either", INT, INT),
    EXPR_ROW("bit_xor", INT, math_bit_xor, 2, 2, "bit_xor(x, y): the bits set in one of them", INT, INT),
    EXPR_ROW("bit_not", INT, math_bit_not, 1, 1, "bit_not(x): the bits not set", INT),
    EXPR_ROW("bit_count", INT, math_bit_count, 1, 1, "bit_count(x): how many bits are set", INT),
    EXPR_ROW("shift_left", INT, math_shift_left, 2, 2, "shift_left(x, n): x moved n bits up", INT, INT),
    EXPR_ROW("shift_right", INT, math_shift_right, 2, 2, "shift_right(x, n): x moved n bits down, keeping the sign", INT, INT),
    EXPR_ROW("geo_distance", DOUBLE, math_geo_distance, 4, 4, "geo_distance(lat1, lon1, lat2, lon2): metres between two places in degrees", DOUBLE, DOUBLE, DOUBLE, DOUBLE),
    EXPR_ROWS_END
};
