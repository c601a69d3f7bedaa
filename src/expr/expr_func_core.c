/*
 * expr_func_core -- the operators: comparison, arithmetic of numbers and of times, ||, is distinct from.
 *
 * An int result that does not fit fails, as does a double one that is not finite though its operands were, a decimal
 * one beyond its precision, a timestamp outside the years 0001 to 9999, and any division by zero. int / int cuts the
 * fraction, % has the sign of its left side. Decimal results follow SQL Server and Flink: see core_cap().
 */
#include "base/base_check.h"
#include "expr/expr_build.h"
#include "expr/expr_decimal.h"

#include <math.h>

static const char core_zero[] = "division by zero";
static const char core_int[] = "int overflow";
static const char core_double[] = "double overflow";
static const char core_decimal[] = "decimal overflow";
static const char core_duration[] = "duration overflow";
static const char core_timestamp[] = "timestamp out of range";

/* The first and the last microsecond that a timestamp can be. */
#define CORE_TIME_FIRST INT64_C(-62135596800000000)
#define CORE_TIME_LAST  INT64_C(253402300799999999)

/* -- comparison -------------------------------------------------------------------------------------------- */

bool expr_op_eq(const struct evt_type *t, const struct evt_val *a, const struct evt_val *b) {
    if (t->kind == EVT_DOUBLE)
        return a->d == b->d;
    return evt_val_eq(t, a, b);
}

static bool core_unordered(const struct expr_call *c, const struct evt_val *v) {
    return c->arg_types[0]->kind == EVT_DOUBLE && isunordered(v[0].d, v[1].d);
}

static void core_eq(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = expr_op_eq(c->arg_types[0], &v[0], &v[1]);
}
static void core_ne(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = !expr_op_eq(c->arg_types[0], &v[0], &v[1]);
}
static void core_lt(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = !core_unordered(c, v) && evt_val_cmp(c->arg_types[0], &v[0], &v[1]) < 0;
}
static void core_le(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = !core_unordered(c, v) && evt_val_cmp(c->arg_types[0], &v[0], &v[1]) <= 0;
}
static void core_gt(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = !core_unordered(c, v) && evt_val_cmp(c->arg_types[0], &v[0], &v[1]) > 0;
}
static void core_ge(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = !core_unordered(c, v) && evt_val_cmp(c->arg_types[0], &v[0], &v[1]) >= 0;
}
/* Nulls are equal here, and so are NaNs. */
static void core_distinct(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = !evt_val_eq(c->arg_types[0], &v[0], &v[1]);
}
static void core_not_distinct(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    out->b = evt_val_eq(c->arg_types[0], &v[0], &v[1]);
}

/* -- int, duration, timestamp ------------------------------------------------------------------------------ */

static const char *core_overflow_text(const struct expr_call *c) {
    return c->type->kind == EVT_DURATION ? core_duration : core_int;
}

static void core_add_i(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (__builtin_add_overflow(v[0].i, v[1].i, &out->i))
        c->failure = core_overflow_text(c);
}
static void core_sub_i(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (__builtin_sub_overflow(v[0].i, v[1].i, &out->i))
        c->failure = core_overflow_text(c);
}
static void core_mul_i(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (__builtin_mul_overflow(v[0].i, v[1].i, &out->i))
        c->failure = core_overflow_text(c);
}
static void core_div_i(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (v[1].i == 0)
        c->failure = core_zero;
    else if (v[1].i == -1 && v[0].i == INT64_MIN)
        c->failure = core_overflow_text(c);
    else
        out->i = v[0].i / v[1].i;
}
static void core_mod_i(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (v[1].i == 0)
        c->failure = core_zero;
    else
        out->i = v[1].i == -1 ? 0 : v[0].i % v[1].i;
}
static void core_neg_i(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (__builtin_sub_overflow(INT64_C(0), v[0].i, &out->i))
        c->failure = core_overflow_text(c);
}

static void core_time_set(struct expr_call *c, bool overflow, int64_t us, struct evt_val *out) {
    if (overflow || us < CORE_TIME_FIRST || us > CORE_TIME_LAST)
        c->failure = core_timestamp;
    else
        out->i = us;
}
static void core_add_time(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    int64_t us = 0;
    bool overflow = __builtin_add_overflow(v[0].i, v[1].i, &us);
    core_time_set(c, overflow, us, out);
}
static void core_sub_time(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    int64_t us = 0;
    bool overflow = __builtin_sub_overflow(v[0].i, v[1].i, &us);
    core_time_set(c, overflow, us, out);
}

/* A duration from a product or quotient in double, rounded to a microsecond. */
static void core_duration_set(struct expr_call *c, double us, struct evt_val *out) {
    us = round(us);
    if (!(us >= -0x1p63 && us < 0x1p63))
        c->failure = core_duration;
    else
        out->i = (int64_t)us;
}
static void core_mul_duration_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_duration_set(c, (double)v[0].i * v[1].d, out);
}
static void core_mul_d_duration(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_duration_set(c, v[0].d * (double)v[1].i, out);
}
static void core_div_duration_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (v[1].d == 0)
        c->failure = core_zero;
    else
        core_duration_set(c, (double)v[0].i / v[1].d, out);
}
static void core_div_durations(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (v[1].i == 0)
        c->failure = core_zero;
    else
        out->d = (double)v[0].i / (double)v[1].i;
}

/* -- double ------------------------------------------------------------------------------------------------ */

/* What is not finite came from operands that were not, or is an overflow. */
static void core_double_set(struct expr_call *c, const struct evt_val *v, double d, struct evt_val *out) {
    out->d = d;
    if (!isfinite(d) && isfinite(v[0].d) && isfinite(v[1].d))
        c->failure = core_double;
}
static void core_add_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_double_set(c, v, v[0].d + v[1].d, out);
}
static void core_sub_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_double_set(c, v, v[0].d - v[1].d, out);
}
static void core_mul_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_double_set(c, v, v[0].d * v[1].d, out);
}
static void core_div_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (v[1].d == 0)
        c->failure = core_zero;
    else
        core_double_set(c, v, v[0].d / v[1].d, out);
}
static void core_mod_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    if (v[1].d == 0)
        c->failure = core_zero;
    else
        core_double_set(c, v, fmod(v[0].d, v[1].d), out);
}
static void core_neg_d(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    (void)c;
    out->d = -v[0].d;
}

/* -- decimal ----------------------------------------------------------------------------------------------- */

/*
 * A result of more than 38 digits gives up digits behind the point, down to 6 of them (or as many as it has), to keep
 * those before it.
 */
static const struct evt_type *core_cap(struct base_arena *a, int precision, int scale) {
    if (precision > EXPR_DEC_DIGITS) {
        int whole = precision - scale, least = scale < 6 ? scale : 6;
        scale = EXPR_DEC_DIGITS - whole > least ? EXPR_DEC_DIGITS - whole : least;
        precision = EXPR_DEC_DIGITS;
    }
    return evt_type_decimal(a, (unsigned)precision, (unsigned)scale);
}

static int core_max(int x, int y) {
    return x > y ? x : y;
}

static const struct evt_type *core_add_type(
    struct base_arena *a, const struct evt_type *const *t, uint32_t n) {
    (void)n;
    int scale = core_max(t[0]->scale, t[1]->scale);
    return core_cap(
        a, core_max(t[0]->precision - t[0]->scale, t[1]->precision - t[1]->scale) + scale + 1, scale);
}
static const struct evt_type *core_mul_type(
    struct base_arena *a, const struct evt_type *const *t, uint32_t n) {
    (void)n;
    return core_cap(a, t[0]->precision + t[1]->precision + 1, t[0]->scale + t[1]->scale);
}
static const struct evt_type *core_div_type(
    struct base_arena *a, const struct evt_type *const *t, uint32_t n) {
    (void)n;
    int scale = core_max(6, t[0]->scale + t[1]->precision + 1);
    return core_cap(a, t[0]->precision - t[0]->scale + t[1]->scale + scale, scale);
}
static const struct evt_type *core_mod_type(
    struct base_arena *a, const struct evt_type *const *t, uint32_t n) {
    (void)n;
    int scale = core_max(t[0]->scale, t[1]->scale);
    int x = t[0]->precision - t[0]->scale, y = t[1]->precision - t[1]->scale;
    return core_cap(a, core_max((x < y ? x : y) + scale, 1), scale);
}

typedef bool (*core_dec_fn)(
    __int128 x, unsigned xs, __int128 y, unsigned ys, const struct evt_type *to, __int128 *out);

static void core_dec(struct expr_call *c, const struct evt_val *v, struct evt_val *out, core_dec_fn fn,
    bool negate, bool divides) {
    __int128 x = evt_val_dec(&v[0]), y = evt_val_dec(&v[1]), r = 0;
    if (divides && y == 0)
        c->failure = core_zero;
    else if (!fn(x, c->arg_types[0]->scale, negate ? -y : y, c->arg_types[1]->scale, c->type, &r))
        c->failure = core_decimal;
    *out = evt_val_of_dec(r);
}
static void core_add_dec(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_dec(c, v, out, expr_dec_add, false, false);
}
static void core_sub_dec(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_dec(c, v, out, expr_dec_add, true, false);
}
static void core_mul_dec(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_dec(c, v, out, expr_dec_mul, false, false);
}
static void core_div_dec(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_dec(c, v, out, expr_dec_div, false, true);
}
static void core_mod_dec(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    core_dec(c, v, out, expr_dec_mod, false, true);
}
static void core_neg_dec(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    (void)c;
    *out = evt_val_of_dec(-evt_val_dec(&v[0]));
}

static void core_plus(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    (void)c;
    *out = v[0];
}

/* -- strings ----------------------------------------------------------------------------------------------- */

static void core_concat(struct expr_call *c, const struct evt_val *v, struct evt_val *out) {
    uint64_t len = (uint64_t)v[0].s.len + v[1].s.len;
    if (len > UINT32_MAX) {
        c->failure = "string too long";
        return;
    }
    char *p = base_arena_alloc(c->scratch, len + 1);
    if (v[0].s.len)
        memcpy(p, v[0].s.p, v[0].s.len);
    if (v[1].s.len)
        memcpy(p + v[0].s.len, v[1].s.p, v[1].s.len);
    out->s.p = p;
    out->s.len = (uint32_t)len;
}

#define CORE_OP2(op, x, y, r, f, text)                                                    \
    {                                                                                     \
        .name = op, .args = { EXPR_SIG_##x, EXPR_SIG_##y }, .min_args = 2, .max_args = 2, \
        .result = EXPR_SIG_##r, .is_operator = true, .fn = f, .help = text                \
    }
#define CORE_DEC2(op, f, t, text)                                                                 \
    {                                                                                             \
        .name = op, .args = { EXPR_SIG_DECIMAL, EXPR_SIG_DECIMAL }, .min_args = 2, .max_args = 2, \
        .result = EXPR_SIG_DECIMAL, .is_operator = true, .fn = f, .result_type = t, .help = text  \
    }
#define CORE_OP1(op, x, f, text)                                                                    \
    {                                                                                               \
        .name = op, .args = { EXPR_SIG_##x }, .min_args = 1, .max_args = 1, .result = EXPR_SIG_##x, \
        .is_operator = true, .fn = f, .help = text                                                  \
    }

const struct expr_func expr_funcs_core[] = {
    CORE_OP2("=", SAME, SAME, BOOL, core_eq, "x = y: equal"),
    CORE_OP2("<>", SAME, SAME, BOOL, core_ne, "x <> y: not equal"),
    CORE_OP2("<", ORDERED, ORDERED, BOOL, core_lt, "x < y: less; strings are compared byte by byte"),
    CORE_OP2("<=", ORDERED, ORDERED, BOOL, core_le, "x <= y: less or equal"),
    CORE_OP2(">", ORDERED, ORDERED, BOOL, core_gt, "x > y: greater"),
    CORE_OP2(">=", ORDERED, ORDERED, BOOL, core_ge, "x >= y: greater or equal"),
    { .name = "is distinct from",
        .args = { EXPR_SIG_SAME, EXPR_SIG_SAME },
        .min_args = 2,
        .max_args = 2,
        .result = EXPR_SIG_BOOL,
        .null_ok = true,
        .is_operator = true,
        .fn = core_distinct,
        .help = "x is distinct from y: not equal, where null equals null" },
    { .name = "is not distinct from",
        .args = { EXPR_SIG_SAME, EXPR_SIG_SAME },
        .min_args = 2,
        .max_args = 2,
        .result = EXPR_SIG_BOOL,
        .null_ok = true,
        .is_operator = true,
        .fn = core_not_distinct,
        .help = "x is not distinct from y: equal, where null equals null" },

    CORE_OP2("+", INT, INT, INT, core_add_i, "x + y: sum"),
    CORE_DEC2("+", core_add_dec, core_add_type, "x + y: sum of decimals"),
    CORE_OP2("+", DOUBLE, DOUBLE, DOUBLE, core_add_d, "x + y: sum"),
    CORE_OP2("+", DURATION, DURATION, DURATION, core_add_i, "d + e: both durations together"),
    CORE_OP2("+", TIMESTAMP, DURATION, TIMESTAMP, core_add_time, "t + d: a time later by a duration"),
    CORE_OP2("+", DURATION, TIMESTAMP, TIMESTAMP, core_add_time, "d + t: a time later by a duration"),
    CORE_OP1("+", INT, core_plus, "+x: x"),
    CORE_OP1("+", DECIMAL, core_plus, "+x: x"),
    CORE_OP1("+", DOUBLE, core_plus, "+x: x"),
    CORE_OP1("+", DURATION, core_plus, "+d: d"),

    CORE_OP2("-", INT, INT, INT, core_sub_i, "x - y: difference"),
    CORE_DEC2("-", core_sub_dec, core_add_type, "x - y: difference of decimals"),
    CORE_OP2("-", DOUBLE, DOUBLE, DOUBLE, core_sub_d, "x - y: difference"),
    CORE_OP2("-", DURATION, DURATION, DURATION, core_sub_i, "d - e: a duration less another"),
    CORE_OP2("-", TIMESTAMP, TIMESTAMP, DURATION, core_sub_i, "t - u: time from u to t"),
    CORE_OP2("-", TIMESTAMP, DURATION, TIMESTAMP, core_sub_time, "t - d: a time earlier by a duration"),
    CORE_OP1("-", INT, core_neg_i, "-x: x negated"),
    CORE_OP1("-", DECIMAL, core_neg_dec, "-x: x negated"),
    CORE_OP1("-", DOUBLE, core_neg_d, "-x: x negated"),
    CORE_OP1("-", DURATION, core_neg_i, "-d: d negated"),

    CORE_OP2("*", INT, INT, INT, core_mul_i, "x * y: product"),
    CORE_DEC2("*", core_mul_dec, core_mul_type, "x * y: product of decimals"),
    CORE_OP2("*", DOUBLE, DOUBLE, DOUBLE, core_mul_d, "x * y: product"),
    CORE_OP2("*", DURATION, INT, DURATION, core_mul_i, "d * x: a duration x times"),
    CORE_OP2("*", INT, DURATION, DURATION, core_mul_i, "x * d: a duration x times"),
    CORE_OP2("*", DURATION, DOUBLE, DURATION, core_mul_duration_d,
        "d * x: a duration x times, to the microsecond"),
    CORE_OP2("*", DOUBLE, DURATION, DURATION, core_mul_d_duration,
        "x * d: a duration x times, to the microsecond"),

    CORE_OP2("/", INT, INT, INT, core_div_i, "x / y: quotient, its fraction cut"),
    CORE_DEC2("/", core_div_dec, core_div_type, "x / y: quotient of decimals"),
    CORE_OP2("/", DOUBLE, DOUBLE, DOUBLE, core_div_d, "x / y: quotient"),
    CORE_OP2("/", DURATION, DURATION, DOUBLE, core_div_durations, "d / e: how many times e fits d"),
    CORE_OP2("/", DURATION, INT, DURATION, core_div_i, "d / x: the x-th part of a duration"),
    CORE_OP2("/", DURATION, DOUBLE, DURATION, core_div_duration_d,
        "d / x: a duration divided, to the microsecond"),

    CORE_OP2("%", INT, INT, INT, core_mod_i, "x % y: rest of the division, with the sign of x"),
    CORE_DEC2("%", core_mod_dec, core_mod_type, "x % y: rest of the division of decimals"),
    CORE_OP2("%", DOUBLE, DOUBLE, DOUBLE, core_mod_d, "x % y: rest of the division, with the sign of x"),

    CORE_OP2("||", STRING, STRING, STRING, core_concat, "s || t: one string after the other"),
    CORE_OP2("||", BYTES, BYTES, BYTES, core_concat, "b || c: one run of bytes after the other"),
    { .name = NULL },
};
