/*
 * expr_kern_arith -- arithmetic on columns of int64 and double. A block is computed first and looked at for failures
 * together; only a block that has one is gone through by rows.
 */
#include "expr/expr_kern.h"

#include "base/base_check.h"

#include <float.h>
#include <math.h>

/* -- int64: sums wrap and betray overflow by their sign --------------------------------------------------------- */

static EXPR_KERN uint64_t arith_i_add(const int64_t *a, const int64_t *b, int64_t *out) {
    int64_t over = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        int64_t s = (int64_t)((uint64_t)a[i] + (uint64_t)b[i]);
        over |= (a[i] ^ s) & (b[i] ^ s);
        out[i] = s;
    }
    if (over >= 0)
        return 0;
    uint64_t bits = 0;
    for (int i = 0; i < EXPR_BLOCK; i++)
        bits |= (uint64_t)(((a[i] ^ out[i]) & (b[i] ^ out[i])) < 0) << i;
    return bits;
}

static EXPR_KERN uint64_t arith_i_sub(const int64_t *a, const int64_t *b, int64_t *out) {
    int64_t over = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        int64_t s = (int64_t)((uint64_t)a[i] - (uint64_t)b[i]);
        over |= (a[i] ^ b[i]) & (a[i] ^ s);
        out[i] = s;
    }
    if (over >= 0)
        return 0;
    uint64_t bits = 0;
    for (int i = 0; i < EXPR_BLOCK; i++)
        bits |= (uint64_t)(((a[i] ^ b[i]) & (a[i] ^ out[i])) < 0) << i;
    return bits;
}

static uint64_t arith_i_mul(const int64_t *a, const int64_t *b, int64_t *out) {
    uint64_t bits = 0;
    for (int i = 0; i < EXPR_BLOCK; i++)
        bits |= (uint64_t)__builtin_mul_overflow(a[i], b[i], &out[i]) << i;
    return bits;
}

static uint64_t arith_i_div(const int64_t *a, const int64_t *b, int64_t *out) {
    uint64_t bits = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        bool bad = b[i] == 0 || (b[i] == -1 && a[i] == INT64_MIN);
        bits |= (uint64_t)bad << i;
        out[i] = bad ? 0 : a[i] / b[i];
    }
    return bits;
}

static uint64_t arith_i_mod(const int64_t *a, const int64_t *b, int64_t *out) {
    uint64_t bits = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        bits |= (uint64_t)(b[i] == 0) << i;
        out[i] = b[i] == 0 || b[i] == -1 ? 0 : a[i] % b[i];
    }
    return bits;
}

typedef uint64_t (*arith_i_fn)(const int64_t *a, const int64_t *b, int64_t *out);

bool expr_kern_arith_i(enum expr_arith op, const int64_t *a, const int64_t *b, uint32_t n_blocks,
    int64_t *out, uint64_t *failed) {
    static const arith_i_fn fns[EXPR_ARITH_MAX] = { arith_i_add, arith_i_sub, arith_i_mul, arith_i_div,
        arith_i_mod };
    CEP_REQUIRE(op < EXPR_ARITH_MAX);
    bool any = false;
    for (uint32_t k = 0; k < n_blocks; k++) {
        uint64_t bits = fns[op](a + k * EXPR_BLOCK, b + k * EXPR_BLOCK, out + k * EXPR_BLOCK);
        if (bits && !any)
            memset(failed, 0, n_blocks * sizeof *failed);
        any |= bits != 0;
        if (any)
            failed[k] = bits;
    }
    return any;
}

/* -- double: a result that is not finite of operands that were ------------------------------------------------- */

#define ARITH_D(name, OP)                                                       \
    static EXPR_KERN bool name(const double *a, const double *b, double *out) { \
        uint64_t bad = 0;                                                       \
        for (int i = 0; i < EXPR_BLOCK; i++) {                                  \
            double r = a[i] OP b[i];                                            \
            out[i] = r;                                                         \
            bad |= !(fabs(r) <= DBL_MAX);                                       \
        }                                                                       \
        return bad;                                                             \
    }
ARITH_D(arith_d_add, +)
ARITH_D(arith_d_sub, -)
ARITH_D(arith_d_mul, *)
ARITH_D(arith_d_quot, /)

static bool arith_d_mod(const double *a, const double *b, double *out) {
    bool bad = false;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        out[i] = fmod(a[i], b[i]); /* NaN where b is 0 */
        bad |= !isfinite(out[i]);
    }
    return bad;
}

/* x / infinity is finite, x / 0 never: a zero divisor fails even where x was not finite. */
static uint64_t arith_d_failed(enum expr_arith op, const double *a, const double *b, const double *out) {
    uint64_t bits = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        bool fail = !isfinite(out[i]) && isfinite(a[i]) && isfinite(b[i]);
        if (op >= EXPR_ARITH_DIV && b[i] == 0)
            fail = true;
        bits |= (uint64_t)fail << i;
    }
    return bits;
}

typedef bool (*arith_d_fn)(const double *a, const double *b, double *out);

bool expr_kern_arith_d(
    enum expr_arith op, const double *a, const double *b, uint32_t n_blocks, double *out, uint64_t *failed) {
    static const arith_d_fn fns[EXPR_ARITH_MAX] = { arith_d_add, arith_d_sub, arith_d_mul, arith_d_quot,
        arith_d_mod };
    CEP_REQUIRE(op < EXPR_ARITH_MAX);
    bool any = false;
    for (uint32_t k = 0; k < n_blocks; k++) {
        const double *x = a + k * EXPR_BLOCK, *y = b + k * EXPR_BLOCK;
        double *r = out + k * EXPR_BLOCK;
        uint64_t bits = fns[op](x, y, r) ? arith_d_failed(op, x, y, r) : 0;
        if (bits && !any)
            memset(failed, 0, n_blocks * sizeof *failed);
        any |= bits != 0;
        if (any)
            failed[k] = bits;
    }
    return any;
}

void expr_kern_i_to_d(const int64_t *a, uint32_t n_blocks, double *out) {
    for (uint32_t i = 0; i < n_blocks * EXPR_BLOCK; i++)
        out[i] = (double)a[i];
}
