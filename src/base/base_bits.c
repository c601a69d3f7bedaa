/*
 * base_bits -- what does not fit inline about bitmaps.
 */
#include "base/base_bits.h"

#include <string.h>

void base_bits_fill(uint64_t *w, size_t n) {
    size_t words = BASE_BITS_WORDS(n);
    if (words == 0)
        return;
    memset(w, 0xff, words * sizeof *w);
    if (n & 63)
        w[words - 1] = (UINT64_C(1) << (n & 63)) - 1;
}

size_t base_bits_count(const uint64_t *w, size_t n) {
    size_t words = n / 64, cnt = 0;
    for (size_t i = 0; i < words; i++)
        cnt += (size_t)__builtin_popcountll(w[i]);
    if (n & 63)
        cnt += (size_t)__builtin_popcountll(w[words] & ((UINT64_C(1) << (n & 63)) - 1));
    return cnt;
}

size_t base_bits_next(const uint64_t *w, size_t n, size_t from) {
    if (from >= n)
        return n;
    size_t i = from >> 6, words = BASE_BITS_WORDS(n);
    uint64_t word = w[i] & (~UINT64_C(0) << (from & 63));
    while (word == 0) {
        if (++i == words)
            return n;
        word = w[i];
    }
    size_t at = i * 64 + (size_t)__builtin_ctzll(word);
    return at < n ? at : n;
}
