#pragma once
/*
 * base_bits -- bitmaps in 64-bit words, least significant bit first (Apache Arrow's order on little endian).
 * Words beyond the last bit are kept zero by whoever writes them.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE_BITS_WORDS(n) (((size_t)(n) + 63) / 64)

static inline bool base_bits_get(const uint64_t *w, size_t i) {
    return (w[i >> 6] >> (i & 63)) & 1;
}
static inline void base_bits_set(uint64_t *w, size_t i) {
    w[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline void base_bits_unset(uint64_t *w, size_t i) {
    w[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}
static inline void base_bits_put(uint64_t *w, size_t i, bool v) {
    w[i >> 6] = (w[i >> 6] & ~(UINT64_C(1) << (i & 63))) | ((uint64_t)v << (i & 63));
}
/* Sets bits [0, n) and clears the rest of the last word. */
void base_bits_fill(uint64_t *w, size_t n);
size_t base_bits_count(const uint64_t *w, size_t n);
/* Returns: the first set bit at or after `from`, or n. */
size_t base_bits_next(const uint64_t *w, size_t n, size_t from);
