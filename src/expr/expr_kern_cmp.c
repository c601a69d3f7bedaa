/*
 * expr_kern_cmp -- comparisons of numbers and times, and bools between bytes and bits.
 */
#include "expr/expr_kern.h"

#include "base/base_check.h"

#define CMP_LOOPS(name, T, OP)                                                              \
    static EXPR_KERN void name##_const(const T *a, T c, uint32_t n_blocks, uint64_t *out) { \
        for (uint32_t k = 0; k < n_blocks; k++, a += EXPR_BLOCK) {                          \
            uint8_t m[EXPR_BLOCK];                                                          \
            for (int i = 0; i < EXPR_BLOCK; i++)                                            \
                m[i] = a[i] OP c;                                                           \
            out[k] = expr_kern_pack(m);                                                     \
        }                                                                                   \
    }                                                                                       \
    static EXPR_KERN void name(const T *a, const T *b, uint32_t n_blocks, uint64_t *out) {  \
        for (uint32_t k = 0; k < n_blocks; k++, a += EXPR_BLOCK, b += EXPR_BLOCK) {         \
            uint8_t m[EXPR_BLOCK];                                                          \
            for (int i = 0; i < EXPR_BLOCK; i++)                                            \
                m[i] = a[i] OP b[i];                                                        \
            out[k] = expr_kern_pack(m);                                                     \
        }                                                                                   \
    }

CMP_LOOPS(cmp_i_eq, int64_t, ==)
CMP_LOOPS(cmp_i_lt, int64_t, <)
CMP_LOOPS(cmp_i_gt, int64_t, >)
CMP_LOOPS(cmp_d_eq, double, ==)
CMP_LOOPS(cmp_d_lt, double, <)
CMP_LOOPS(cmp_d_le, double, <=)
CMP_LOOPS(cmp_d_gt, double, >)
CMP_LOOPS(cmp_d_ge, double, >=)

static void cmp_invert(uint32_t n_blocks, uint64_t *out) {
    for (uint32_t k = 0; k < n_blocks; k++)
        out[k] = ~out[k];
}

void expr_kern_cmp_i_const(enum expr_cmp op, const int64_t *a, int64_t c, uint32_t n_blocks, uint64_t *out) {
    switch (op) {
    case EXPR_CMP_EQ: cmp_i_eq_const(a, c, n_blocks, out); return;
    case EXPR_CMP_NE: cmp_i_eq_const(a, c, n_blocks, out); break;
    case EXPR_CMP_LT: cmp_i_lt_const(a, c, n_blocks, out); return;
    case EXPR_CMP_LE: cmp_i_gt_const(a, c, n_blocks, out); break;
    case EXPR_CMP_GT: cmp_i_gt_const(a, c, n_blocks, out); return;
    case EXPR_CMP_GE: cmp_i_lt_const(a, c, n_blocks, out); break;
    case EXPR_CMP_MAX: CEP_INSIST(!"a comparison");
    }
    cmp_invert(n_blocks, out);
}

void expr_kern_cmp_i(enum expr_cmp op, const int64_t *a, const int64_t *b, uint32_t n_blocks, uint64_t *out) {
    switch (op) {
    case EXPR_CMP_EQ: cmp_i_eq(a, b, n_blocks, out); return;
    case EXPR_CMP_NE: cmp_i_eq(a, b, n_blocks, out); break;
    case EXPR_CMP_LT: cmp_i_lt(a, b, n_blocks, out); return;
    case EXPR_CMP_LE: cmp_i_gt(a, b, n_blocks, out); break;
    case EXPR_CMP_GT: cmp_i_gt(a, b, n_blocks, out); return;
    case EXPR_CMP_GE: cmp_i_lt(a, b, n_blocks, out); break;
    case EXPR_CMP_MAX: CEP_INSIST(!"a comparison");
    }
    cmp_invert(n_blocks, out);
}

/* A NaN compares false to everything, so "less or equal" is not "not greater". */
void expr_kern_cmp_d_const(enum expr_cmp op, const double *a, double c, uint32_t n_blocks, uint64_t *out) {
    switch (op) {
    case EXPR_CMP_EQ: cmp_d_eq_const(a, c, n_blocks, out); return;
    case EXPR_CMP_NE:
        cmp_d_eq_const(a, c, n_blocks, out);
        cmp_invert(n_blocks, out);
        return;
    case EXPR_CMP_LT: cmp_d_lt_const(a, c, n_blocks, out); return;
    case EXPR_CMP_LE: cmp_d_le_const(a, c, n_blocks, out); return;
    case EXPR_CMP_GT: cmp_d_gt_const(a, c, n_blocks, out); return;
    case EXPR_CMP_GE: cmp_d_ge_const(a, c, n_blocks, out); return;
    case EXPR_CMP_MAX: break;
    }
    CEP_INSIST(!"a comparison");
}

void expr_kern_cmp_d(enum expr_cmp op, const double *a, const double *b, uint32_t n_blocks, uint64_t *out) {
    switch (op) {
    case EXPR_CMP_EQ: cmp_d_eq(a, b, n_blocks, out); return;
    case EXPR_CMP_NE:
        cmp_d_eq(a, b, n_blocks, out);
        cmp_invert(n_blocks, out);
        return;
    case EXPR_CMP_LT: cmp_d_lt(a, b, n_blocks, out); return;
    case EXPR_CMP_LE: cmp_d_le(a, b, n_blocks, out); return;
    case EXPR_CMP_GT: cmp_d_gt(a, b, n_blocks, out); return;
    case EXPR_CMP_GE: cmp_d_ge(a, b, n_blocks, out); return;
    case EXPR_CMP_MAX: break;
    }
    CEP_INSIST(!"a comparison");
}

EXPR_KERN void expr_kern_pack_bools(const uint8_t *a, uint32_t n_blocks, uint64_t *out) {
    for (uint32_t k = 0; k < n_blocks; k++, a += EXPR_BLOCK)
        out[k] = expr_kern_pack(a);
}

EXPR_KERN void expr_kern_unpack_bools(const uint64_t *bits, uint32_t n_blocks, uint8_t *out) {
    for (uint32_t k = 0; k < n_blocks; k++, out += EXPR_BLOCK)
        for (int i = 0; i < EXPR_BLOCK; i++)
            out[i] = bits[k] >> i & 1;
}
