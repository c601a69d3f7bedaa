#pragma once
/*
 * expr_kern -- the loops of expr_vec: over whole columns, without nulls or failures of rows that do not count in them.
 *
 * The loops stand in expr_kern_loops.c, written so that gcc vectorises them (tests/tree/vectorised.sh holds it to that). The
 * file is compiled three times, for x86-64-v3 (AVX2), x86-64-v2 (SSE4.2) and as the rest of the program is, each giving one
 * table of functions; on other machines only the last. expr_kern_best() asks the processor; nothing is chosen by the loader.
 *
 * All work in blocks of 64 rows and may read and write up to the end of the last block: columns are padded to that. Results
 * are bitmaps (a word a block) or values. Where `sel` is given, a block that has none of its rows is skipped, its word is 0;
 * otherwise what rows mean (null, not selected) is settled by the caller with operations on bitmaps.
 *
 *     a[64 k .. 64 k + 63]  --compare-->  all ones or zeros a row  --and with the row's bit, or together-->  word k
 *
 * A comparison costs one compare, one `and`, one `or` for each vector of rows that way (four with AVX2), and no shuffles.
 *
 * Strings become numbers first. The key of a string is its first 7 bytes, most significant first and padded with zeros, then
 * its length, at most 255, with the top bit turned over:
 *
 *     "BR"        42 52 00 00 00 00 00 02  ^ 80 00 00 00 00 00 00 00
 *     "card-1234" 63 61 72 64 2d 31 32 09  ^ 80 00 00 00 00 00 00 00
 *
 *   K1  equal strings have equal keys; equal keys of strings of at most 7 bytes belong to equal strings
 *   K2  key(x) < key(y) as int64: x < y, unless both are longer than 7 bytes and agree in the first 7: then nothing is said
 *
 * So `=`, `<`, `in` and prefixes of strings are comparisons of int64, and only rows longer than 7 bytes that agree that far are
 * looked at again (expr_kern_str.c). A column's keys are computed once a batch, whatever number of conditions reads them.
 */
#include "event/evt_batch.h"

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

/* Values of a set, four to a bucket: see expr_kern_set.c. */
struct expr_kern_table {
    uint64_t mul;
    unsigned shift;       /* 64 - log2 of the buckets */
    const int64_t *slots; /* 4 a bucket; empty ones hold a value of another bucket */
};

/* INT, TIMESTAMP, DURATION and keys of strings are int64; double as IEEE 754 has it. */
struct expr_kern {
    const char *name;
    bool (*runs_here)(void);

    /* out = a OP c, out = a OP b */
    void (*cmp_ic[EXPR_CMP_MAX])(
        const int64_t *a, int64_t c, const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
    void (*cmp_ii[EXPR_CMP_MAX])(
        const int64_t *a, const int64_t *b, const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
    void (*cmp_dc[EXPR_CMP_MAX])(
        const double *a, double c, const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
    void (*cmp_dd[EXPR_CMP_MAX])(
        const double *a, const double *b, const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
    /* out = lo <= a and a <= hi */
    void (*between_i)(
        const int64_t *a, int64_t lo, int64_t hi, const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
    void (*between_d)(
        const double *a, double lo, double hi, const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
    /* out = a is one of the n values of c; of those in t */
    void (*in_few)(const int64_t *a, const int64_t *c, uint32_t n, const uint64_t *sel, uint32_t n_blocks,
        uint64_t *out);
    void (*in_table)(const int64_t *a, const struct expr_kern_table *t, const uint64_t *sel,
        uint32_t n_blocks, uint64_t *out);
    /* out = a and c agree in the bits of mask; a and b do */
    void (*same_ic)(
        const int64_t *a, int64_t c, int64_t mask, const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
    void (*same_ii)(const int64_t *a, const int64_t *b, int64_t mask, const uint64_t *sel, uint32_t n_blocks,
        uint64_t *out);

    /* Bools: bytes that are 0 or 1. */
    void (*pack)(const uint8_t *a, uint32_t n_blocks, uint64_t *out);
    void (*unpack)(const uint64_t *bits, uint32_t n_blocks, uint8_t *out);

    /*
     * A block of out = a OP b. Returns: bits of the rows that failed: overflow, or a zero divisor. Their values are
     * unspecified.
     */
    uint64_t (*arith_i[EXPR_ARITH_MAX])(const int64_t *a, const int64_t *b, int64_t *out);
    uint64_t (*arith_d[EXPR_ARITH_MAX])(const double *a, const double *b, double *out);
    void (*i_to_d)(const int64_t *a, uint32_t n_blocks, double *out);

    /* Keys of a block; reads 8 bytes at each string, whatever its length. */
    void (*str_keys)(const char *bytes, const uint32_t *off, int64_t *keys);
    /* A block: which strings have at least len bytes. */
    uint64_t (*str_lens)(const uint32_t *off, uint32_t len);
    /* Of a block: which strings end as c does, in the bits of mask; reads the 8 bytes before each string's end. */
    uint64_t (*str_tails)(const char *bytes, const uint32_t *off, uint64_t c, uint64_t mask);
    /* Bit i = p[i] is c and q[i] is d, of 64 places. */
    uint64_t (*str_pairs)(const char *p, char c, const char *q, char d);
};

/* Returns: the tables that run on this machine, best first, i from 0; NULL at the end. The first never is. */
const struct expr_kern *expr_kern_at(uint32_t i);
static inline const struct expr_kern *expr_kern_best(void) {
    return expr_kern_at(0);
}

/*
 * Arithmetic on columns. A step is 1, or 0 for an operand whose first block holds its value in every row.
 * Returns: false when no row failed (then *failed is untouched), else the rows that did are set in *failed.
 */
bool expr_kern_arith_i(const struct expr_kern *kern, enum expr_arith op, const int64_t *a, uint32_t a_step,
    const int64_t *b, uint32_t b_step, const uint64_t *sel, uint32_t n_blocks, int64_t *out,
    uint64_t *failed);
bool expr_kern_arith_d(const struct expr_kern *kern, enum expr_arith op, const double *a, uint32_t a_step,
    const double *b, uint32_t b_step, const uint64_t *sel, uint32_t n_blocks, double *out, uint64_t *failed);

/* -- strings: expr_kern_str.c -- */

/* A column of strings and the rows that are asked about. */
struct expr_kern_strs {
    const struct expr_kern *kern;
    const struct evt_col *col;
    const int64_t *keys;
    const uint64_t *sel; /* no bits from n_rows on */
    uint32_t n_rows;
};

int64_t expr_kern_key(struct base_str s);
/* Computes keys[] for each block with a row in sel whose bit in *done is not set, and sets it. */
void expr_kern_keys(const struct expr_kern *kern, const struct evt_col *col, const uint64_t *sel,
    uint32_t n_rows, uint64_t *done, int64_t *keys);

/* Bits of `out` outside sel are unspecified. Only str_suffix and str_contains do without keys. */
void expr_kern_str_cmp_const(
    const struct expr_kern_strs *a, enum expr_cmp op, struct base_str c, uint64_t *out);
/* b: its keys and column; sel and n_rows are those of a. */
void expr_kern_str_cmp(
    const struct expr_kern_strs *a, enum expr_cmp op, const struct expr_kern_strs *b, uint64_t *out);
void expr_kern_str_prefix(const struct expr_kern_strs *a, struct base_str c, uint64_t *out);
void expr_kern_str_suffix(const struct expr_kern_strs *a, struct base_str c, uint64_t *out);
void expr_kern_str_contains(const struct expr_kern_strs *a, struct base_str c, uint64_t *out);

/* -- sets of constants, for `in`: expr_kern_set.c -- */

struct expr_kern_set;
/* vals: not null; type: INT, TIMESTAMP, DURATION, STRING or BYTES. Borrows their bytes; lives in `a`. */
const struct expr_kern_set *expr_kern_set_new(
    struct base_arena *a, const struct evt_type *t, const struct evt_val *vals, uint32_t n);
void expr_kern_set_has_i(const struct expr_kern_set *s, const struct expr_kern *kern, const int64_t *a,
    const uint64_t *sel, uint32_t n_blocks, uint64_t *out);
void expr_kern_set_has_str(const struct expr_kern_set *s, const struct expr_kern_strs *a, uint64_t *out);
