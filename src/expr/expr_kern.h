#pragma once
/*
 * expr_kern -- the loops of expr_vec: over whole columns, without nulls, selection or failures in them.
 *
 * All work in blocks of 64 rows and may read and write up to the end of the last block: columns are padded to that. Their
 * results are bitmaps (a word a block) or values. What rows mean (null, not selected) is settled by the caller with
 * operations on bitmaps.
 *
 * Hot loops are compiled twice, for x86-64-v3 (AVX2) and for any x86-64, and chosen when the program is loaded. Byte masks
 * are what gcc vectorises; they are packed into words at once, while they are in registers or L1.
 */
#include "event/evt_batch.h"

#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* Not under sanitizers: choosing runs before their run time is up. */
#define EXPR_KERN __attribute__((target_clones("arch=x86-64-v3", "default"), optimize("O3")))
#elif defined(__GNUC__) && !defined(__clang__)
#define EXPR_KERN __attribute__((optimize("O3")))
#else
#define EXPR_KERN
#endif

enum { EXPR_BLOCK = 64 };

enum expr_cmp {
    EXPR_CMP_EQ = 0,
    EXPR_CMP_NE,
    EXPR_CMP_LT,
    EXPR_CMP_LE,
    EXPR_CMP_GT,
    EXPR_CMP_GE,
    EXPR_CMP_MAX
};
enum expr_arith {
    EXPR_ARITH_ADD = 0,
    EXPR_ARITH_SUB,
    EXPR_ARITH_MUL,
    EXPR_ARITH_DIV,
    EXPR_ARITH_MOD,
    EXPR_ARITH_MAX
};

/* Bytes that are 0 or 1 as bits. */
static inline __attribute__((always_inline)) uint64_t expr_kern_pack(const uint8_t *m) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++) {
        uint64_t w;
        memcpy(&w, m + 8 * i, 8);
        /* The product moves byte k's bit to bit 56 + k; no two of its terms meet. */
        bits |= (w * UINT64_C(0x0102040810204080)) >> 56 << (8 * i);
    }
    return bits;
}

/* out = a OP c, out = a OP b; INT, TIMESTAMP and DURATION as int64, double as IEEE 754 has it. */
void expr_kern_cmp_i_const(enum expr_cmp op, const int64_t *a, int64_t c, uint32_t n_blocks, uint64_t *out);
void expr_kern_cmp_i(enum expr_cmp op, const int64_t *a, const int64_t *b, uint32_t n_blocks, uint64_t *out);
void expr_kern_cmp_d_const(enum expr_cmp op, const double *a, double c, uint32_t n_blocks, uint64_t *out);
void expr_kern_cmp_d(enum expr_cmp op, const double *a, const double *b, uint32_t n_blocks, uint64_t *out);
/* Bytes that are 0 or 1. */
void expr_kern_pack_bools(const uint8_t *a, uint32_t n_blocks, uint64_t *out);
void expr_kern_unpack_bools(const uint64_t *bits, uint32_t n_blocks, uint8_t *out);

/* Strings: rows of the last block past n_rows are 0 in out. */
void expr_kern_str_eq_const(const struct evt_col *a, struct base_str c, uint32_t n_rows, uint64_t *out);
void expr_kern_str_prefix(const struct evt_col *a, struct base_str c, uint32_t n_rows, uint64_t *out);
void expr_kern_str_cmp_const(
    enum expr_cmp op, const struct evt_col *a, struct base_str c, uint32_t n_rows, uint64_t *out);
void expr_kern_str_cmp(
    enum expr_cmp op, const struct evt_col *a, const struct evt_col *b, uint32_t n_rows, uint64_t *out);

/*
 * out = a OP b. Returns: false when no row failed (then *failed is untouched), else the rows that did are set in *failed:
 * overflow, or a zero divisor. Values of failed rows are unspecified.
 */
bool expr_kern_arith_i(enum expr_arith op, const int64_t *a, const int64_t *b, uint32_t n_blocks,
    int64_t *out, uint64_t *failed);
bool expr_kern_arith_d(
    enum expr_arith op, const double *a, const double *b, uint32_t n_blocks, double *out, uint64_t *failed);
void expr_kern_i_to_d(const int64_t *a, uint32_t n_blocks, double *out);

/* Sets of constants, for `in`. */
struct expr_kern_set;
/* vals: not null; type: INT, TIMESTAMP, DURATION, STRING or BYTES. Borrows their bytes; lives in `a`. */
const struct expr_kern_set *expr_kern_set_new(
    struct base_arena *a, const struct evt_type *t, const struct evt_val *vals, uint32_t n);
void expr_kern_set_has(
    const struct expr_kern_set *s, const struct evt_col *a, uint32_t n_rows, uint64_t *out);
