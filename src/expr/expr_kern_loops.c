/*
 * expr_kern_loops -- the loops themselves; see expr_kern.h. Compiled once for each kind of processor, with EXPR_KERN_BUILD
 * as the name of the build, so there is nothing in it but static functions and one table.
 *
 * A loop whose line says VEC has to be vectorised by gcc in the builds for x86-64-v2 and v3, one that says VEC3 in the latter:
 * SSE has no shifts by different amounts. tests/tree/vectorised.sh looks at what gcc says of those lines.
 */
#include "expr/expr_kern.h"

#include <float.h>
#include <math.h>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#ifndef EXPR_KERN_BUILD
#define EXPR_KERN_BUILD plain
#endif
#define KERN_JOIN2(x, y) x##y
#define KERN_JOIN(x, y)  KERN_JOIN2(x, y)
#define KERN_TEXT2(x)    #x
#define KERN_TEXT(x)     KERN_TEXT2(x)

/* A value that the compiler does not know. */
#if defined(__GNUC__)
#define KERN_OPAQUE(x) __asm__("" : "+r"(x))
#else
#define KERN_OPAQUE(x) ((void)(x))
#endif

#define BITS_4(x)  (x), (x) << 1, (x) << 2, (x) << 3
#define BITS_16(x) BITS_4(x), BITS_4((x) << 4), BITS_4((x) << 8), BITS_4((x) << 12)
static const _Alignas(64) uint64_t bit[EXPR_BLOCK] = { BITS_16(UINT64_C(1)), BITS_16(UINT64_C(1) << 16),
    BITS_16(UINT64_C(1) << 32), BITS_16(UINT64_C(1) << 48) };

/* -- byte masks to words ------------------------------------------------------------------------------------- */

/* Bytes whose lowest bit counts. */
static inline uint64_t kern_pack(const uint8_t *m) {
    uint64_t bits = 0;
#if defined(__AVX2__)
    for (int i = 0; i < 2; i++) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(m + 32 * i));
        bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(x, 7)) << (32 * i);
    }
#elif defined(__SSE2__)
    for (int i = 0; i < 4; i++) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(m + 16 * i));
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_slli_epi16(x, 7)) << (16 * i);
    }
#else
    for (int i = 0; i < 8; i++) {
        uint64_t w;
        memcpy(&w, m + 8 * i, 8);
        /* The product moves byte k's bit to bit 56 + k; no two of its terms meet. */
        bits |= ((w & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080)) >> 56 << (8 * i);
    }
#endif
    return bits;
}

static void bools_pack(const uint8_t *a, uint32_t n_blocks, uint64_t *out) {
    for (uint32_t k = 0; k < n_blocks; k++)
        out[k] = kern_pack(a + k * EXPR_BLOCK);
}

/* Eight bits to eight bytes: each byte keeps one bit, adding 0x7f carries it to the top, from where it comes down. */
static void bools_unpack(const uint64_t *bits, uint32_t n_blocks, uint8_t *out) {
    for (uint32_t i = 0; i < n_blocks * 8; i++) {
        uint64_t w = (bits[i / 8] >> (i % 8 * 8) & 0xff) * UINT64_C(0x0101010101010101);
        w = (w & UINT64_C(0x8040201008040201)) + UINT64_C(0x007f7f7f7f7f7f7f);
        w = (w >> 7) & UINT64_C(0x0101010101010101);
        memcpy(out + 8 * i, &w, 8);
    }
}

/* -- comparisons --------------------------------------------------------------------------------------------- */

/* A word for each block that has a selected row: bit i is what `holds` says of the block's row i, at x (and y). */
#define KERN_WORDS(holds)                        \
    for (uint32_t k = 0; k < n_blocks; k++) {    \
        uint64_t w = 0;                          \
        if (sel[k])                              \
            for (int i = 0; i < EXPR_BLOCK; i++) \
                w |= -(uint64_t)(holds)&bit[i];  \
        out[k] = w;                              \
    }
#define A ((a + (size_t)k * EXPR_BLOCK)[i])
#define B ((b + (size_t)k * EXPR_BLOCK)[i])

#define CMP_CONST(name, T, OP)                                                                               \
    static void name(                                                                                        \
        const T *restrict a, T c, const uint64_t *restrict sel, uint32_t n_blocks, uint64_t *restrict out) { \
        KERN_WORDS(A OP c)                                                                                   \
    }
#define CMP_COLS(name, T, OP)                                                                \
    static void name(const T *restrict a, const T *restrict b, const uint64_t *restrict sel, \
        uint32_t n_blocks, uint64_t *restrict out) {                                         \
        KERN_WORDS(A OP B)                                                                   \
    }
CMP_CONST(ic_eq, int64_t, ==) /* VEC */
CMP_CONST(ic_ne, int64_t, !=) /* VEC */
CMP_CONST(ic_lt, int64_t, <)  /* VEC */
CMP_CONST(ic_le, int64_t, <=) /* VEC */
CMP_CONST(ic_gt, int64_t, >)  /* VEC */
CMP_CONST(ic_ge, int64_t, >=) /* VEC */
CMP_COLS(ii_eq, int64_t, ==)  /* VEC */
CMP_COLS(ii_ne, int64_t, !=)  /* VEC */
CMP_COLS(ii_lt, int64_t, <)   /* VEC */
CMP_COLS(ii_le, int64_t, <=)  /* VEC */
CMP_COLS(ii_gt, int64_t, >)   /* VEC */
CMP_COLS(ii_ge, int64_t, >=)  /* VEC */
CMP_CONST(dc_eq, double, ==)  /* VEC */
CMP_CONST(dc_ne, double, !=)  /* VEC */
CMP_CONST(dc_lt, double, <)   /* VEC */
CMP_CONST(dc_le, double, <=)  /* VEC */
CMP_CONST(dc_gt, double, >)   /* VEC */
CMP_CONST(dc_ge, double, >=)  /* VEC */
CMP_COLS(dd_eq, double, ==)   /* VEC */
CMP_COLS(dd_ne, double, !=)   /* VEC */
CMP_COLS(dd_lt, double, <)    /* VEC */
CMP_COLS(dd_le, double, <=)   /* VEC */
CMP_COLS(dd_gt, double, >)    /* VEC */
CMP_COLS(dd_ge, double, >=)   /* VEC */

static void between_i(const int64_t *restrict a, int64_t lo, int64_t hi, const uint64_t *restrict sel,
    uint32_t n_blocks, uint64_t *restrict out) {
    KERN_WORDS((A >= lo) & (A <= hi)) /* VEC */
}

static void between_d(const double *restrict a, double lo, double hi, const uint64_t *restrict sel,
    uint32_t n_blocks, uint64_t *restrict out) {
    KERN_WORDS((A >= lo) & (A <= hi)) /* VEC */
}

static void same_ic(const int64_t *restrict a, int64_t c, int64_t mask, const uint64_t *restrict sel,
    uint32_t n_blocks, uint64_t *restrict out) {
    KERN_WORDS(((A ^ c) & mask) == 0) /* VEC */
}

static void same_ii(const int64_t *restrict a, const int64_t *restrict b, int64_t mask,
    const uint64_t *restrict sel, uint32_t n_blocks, uint64_t *restrict out) {
    KERN_WORDS(((A ^ B) & mask) == 0) /* VEC */
}

static __attribute__((noinline)) uint64_t kern_equal(const int64_t *restrict a, int64_t c) {
    uint64_t w = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) /* VEC */
        w |= -(uint64_t)(a[i] == c) & bit[i];
    return w;
}

/* A block against all values while it is in the nearest cache. */
static void in_few(const int64_t *restrict a, const int64_t *restrict c, uint32_t n,
    const uint64_t *restrict sel, uint32_t n_blocks, uint64_t *restrict out) {
    for (uint32_t k = 0; k < n_blocks; k++) {
        uint64_t w = 0;
        for (uint32_t v = 0; sel[k] && v < n; v++)
            w |= kern_equal(a + (size_t)k * EXPR_BLOCK, c[v]);
        out[k] = w;
    }
}

static inline bool kern_in_bucket(const int64_t *s, int64_t x) {
#if defined(__AVX2__)
    __m256i y = _mm256_cmpeq_epi64(
        _mm256_loadu_si256((const __m256i *)(const void *)s), _mm256_set1_epi64x(x));
    return !_mm256_testz_si256(y, y);
#else
    return (s[0] == x) | (s[1] == x) | (s[2] == x) | (s[3] == x);
#endif
}

static void in_table(const int64_t *restrict a, const struct expr_kern_table *t, const uint64_t *restrict sel,
    uint32_t n_blocks, uint64_t *restrict out) {
    const int64_t *restrict slots = t->slots;
    uint64_t mul = t->mul;
    unsigned shift = t->shift;
    for (uint32_t k = 0; k < n_blocks; k++) {
        uint64_t w = 0;
        for (int i = 0; sel[k] && i < EXPR_BLOCK; i++)
            w |= (uint64_t)kern_in_bucket(slots + ((uint64_t)A * mul >> shift) * 4, A) << i;
        out[k] = w;
    }
}

/* -- int64: sums wrap and betray overflow by their sign --------------------------------------------------------- */

static uint64_t arith_i_add(const int64_t *restrict a, const int64_t *restrict b, int64_t *restrict out) {
    int64_t over = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) { /* VEC */
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

static uint64_t arith_i_sub(const int64_t *restrict a, const int64_t *restrict b, int64_t *restrict out) {
    int64_t over = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) { /* VEC */
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

/* Does a block of one of the operands leave the 32 bits whose products need no look at overflow? */
static inline bool kern_is_wide(const int64_t *restrict a) {
    uint64_t wide = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) /* VEC */
        wide |= ((uint64_t)a[i] + (UINT64_C(1) << 31)) >> 32;
    return wide != 0;
}

static uint64_t arith_i_mul(const int64_t *restrict a, const int64_t *restrict b, int64_t *restrict out) {
    uint64_t bits = 0;
    if (!kern_is_wide(a) && !kern_is_wide(b)) {
        for (int i = 0; i < EXPR_BLOCK; i++) /* VEC */
            out[i] = (int64_t)(int32_t)a[i] * (int32_t)b[i];
        return 0;
    }
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

/* Whole numbers below 2^51 fit the fraction of 3 * 2^51: adding it there and taking it off again converts. */
static void i_to_d(const int64_t *restrict a, uint32_t n_blocks, double *restrict out) {
    const double magic = 0x1.8p52;
    int64_t magic_bits;
    memcpy(&magic_bits, &magic, 8);
    for (uint32_t k = 0; k < n_blocks; k++, a += EXPR_BLOCK, out += EXPR_BLOCK) {
        uint64_t wide = 0;
        for (int i = 0; i < EXPR_BLOCK; i++) /* VEC */
            wide |= ((uint64_t)a[i] + (UINT64_C(1) << 50)) >> 51;
        for (int i = 0; !wide && i < EXPR_BLOCK; i++) { /* VEC */
            union {
                int64_t i;
                double d;
            } x = { .i = a[i] + magic_bits };
            out[i] = x.d - magic;
        }
        for (int i = 0; wide && i < EXPR_BLOCK; i++)
            out[i] = (double)a[i];
    }
}

/* -- double: a result that is not finite of operands that were ------------------------------------------------- */

/* x / infinity is finite, x / 0 never: a zero divisor fails even where x was not finite. */
static uint64_t arith_d_failed(bool divides, const double *a, const double *b, const double *out) {
    uint64_t bits = 0;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        bool fail = !isfinite(out[i]) && isfinite(a[i]) && isfinite(b[i]);
        bits |= (uint64_t)(fail || (divides && b[i] == 0)) << i;
    }
    return bits;
}

#define ARITH_D(name, OP, divides)                                                                   \
    static uint64_t name(const double *restrict a, const double *restrict b, double *restrict out) { \
        uint64_t bad = 0;                                                                            \
        for (int i = 0; i < EXPR_BLOCK; i++) {                                                       \
            double r = a[i] OP b[i];                                                                 \
            out[i] = r;                                                                              \
            bad |= fabs(r) <= DBL_MAX ? 0 : ~UINT64_C(0);                                            \
        }                                                                                            \
        return bad ? arith_d_failed(divides, a, b, out) : 0;                                         \
    }
ARITH_D(arith_d_add, +, false) /* VEC */
ARITH_D(arith_d_sub, -, false) /* VEC */
ARITH_D(arith_d_mul, *, false) /* VEC */
ARITH_D(arith_d_div, /, true)  /* VEC */

static uint64_t arith_d_mod(const double *a, const double *b, double *out) {
    bool bad = false;
    for (int i = 0; i < EXPR_BLOCK; i++) {
        out[i] = fmod(a[i], b[i]); /* NaN where b is 0 */
        bad |= !isfinite(out[i]);
    }
    return bad ? arith_d_failed(true, a, b, out) : 0;
}

/* -- strings ------------------------------------------------------------------------------------------------- */

static void str_keys(const char *restrict bytes, const uint32_t *restrict off, int64_t *restrict keys) {
    uint64_t first[EXPR_BLOCK], data = ~UINT64_C(0xff);
    uint32_t lens[EXPR_BLOCK], cut[EXPR_BLOCK];
    for (int i = 0; i < EXPR_BLOCK; i++) {
        memcpy(&first[i], bytes + off[i], 8);
        first[i] = __builtin_bswap64(first[i]);
    }
    for (int i = 0; i < EXPR_BLOCK; i++) { /* VEC */
        uint32_t len = off[i + 1] - off[i];
        lens[i] = len < 255 ? len : 255;
        cut[i] = 56 - 8 * (len < 7 ? len : 7);
    }
    KERN_OPAQUE(data);                   /* gcc 12 does not vectorise shifts of constants */
    for (int i = 0; i < EXPR_BLOCK; i++) /* VEC3 */
        keys[i] = (int64_t)(((first[i] & data << cut[i]) | lens[i]) ^ UINT64_C(1) << 63);
}

static uint64_t str_lens(const uint32_t *off, uint32_t len) {
    uint32_t halves[2] = { 0, 0 };
    for (int h = 0; h < 2; h++, off += 32) {
        uint32_t w = 0;
        for (int i = 0; i < 32; i++) /* VEC */
            w |= -(uint32_t)(off[i + 1] - off[i] >= len) & (uint32_t)bit[i];
        halves[h] = w;
    }
    return halves[0] | (uint64_t)halves[1] << 32;
}

static uint64_t str_tails(
    const char *restrict bytes, const uint32_t *restrict off, uint64_t c, uint64_t mask) {
    uint64_t last[EXPR_BLOCK], w = 0;
    for (int i = 0; i < EXPR_BLOCK; i++)
        memcpy(&last[i], bytes + off[i + 1] - 8, 8);
    for (int i = 0; i < EXPR_BLOCK; i++) /* VEC */
        w |= -(uint64_t)(((last[i] ^ c) & mask) == 0) & bit[i];
    return w;
}

static uint64_t str_pairs(const char *restrict p, char c, const char *restrict q, char d) {
    uint8_t m[EXPR_BLOCK];
    for (int i = 0; i < EXPR_BLOCK; i++) /* VEC */
        m[i] = (p[i] == c) & (q[i] == d);
    return kern_pack(m);
}

/* -- the table ----------------------------------------------------------------------------------------------- */

#if defined(__x86_64__) && defined(EXPR_KERN_LEVEL)
static bool runs_here(void) {
    return __builtin_cpu_supports(EXPR_KERN_LEVEL);
}
#else
static bool runs_here(void) {
    return true;
}
#endif

#define CMP_ROWS(t) \
    { t##_eq, t##_ne, t##_lt, t##_le, t##_gt, t##_ge }

extern const struct expr_kern KERN_JOIN(expr_kern_, EXPR_KERN_BUILD);
const struct expr_kern KERN_JOIN(expr_kern_, EXPR_KERN_BUILD) = {
    .name = KERN_TEXT(EXPR_KERN_BUILD),
    .runs_here = runs_here,
    .cmp_ic = CMP_ROWS(ic),
    .cmp_ii = CMP_ROWS(ii),
    .cmp_dc = CMP_ROWS(dc),
    .cmp_dd = CMP_ROWS(dd),
    .between_i = between_i,
    .between_d = between_d,
    .in_few = in_few,
    .in_table = in_table,
    .same_ic = same_ic,
    .same_ii = same_ii,
    .pack = bools_pack,
    .unpack = bools_unpack,
    .arith_i = { arith_i_add, arith_i_sub, arith_i_mul, arith_i_div, arith_i_mod },
    .arith_d = { arith_d_add, arith_d_sub, arith_d_mul, arith_d_div, arith_d_mod },
    .i_to_d = i_to_d,
    .str_keys = str_keys,
    .str_lens = str_lens,
    .str_tails = str_tails,
    .str_pairs = str_pairs,
};
