/*
 * expr_digest -- MD5 and SHA-256, block by block.
 */
#include "expr/expr_digest.h"

enum { DIGEST_BLOCK = 64 };

/* The last one or two blocks: the rest of the text, a bit, zeros, the length in bits. Returns: their number. */
static size_t digest_tail(struct base_str s, unsigned char tail[2 * DIGEST_BLOCK], bool big_endian) {
    size_t rest = s.len % DIGEST_BLOCK, n = rest + 9 > DIGEST_BLOCK ? 2 : 1;
    memset(tail, 0, 2 * DIGEST_BLOCK);
    if (rest)
        memcpy(tail, s.p + s.len - rest, rest);
    tail[rest] = 0x80;
    uint64_t bits = (uint64_t)s.len * 8;
    for (size_t i = 0; i < 8; i++)
        tail[n * DIGEST_BLOCK - 8 + i] = (unsigned char)(bits >> (big_endian ? 56 - 8 * i : 8 * i));
    return n;
}

static void digest_run(struct base_str s, uint32_t *state, bool big_endian,
    void (*block)(uint32_t *state, const unsigned char *p)) {
    unsigned char tail[2 * DIGEST_BLOCK];
    size_t n_tail = digest_tail(s, tail, big_endian);
    for (size_t i = 0; i + DIGEST_BLOCK <= s.len; i += DIGEST_BLOCK)
        block(state, (const unsigned char *)s.p + i);
    for (size_t i = 0; i < n_tail; i++)
        block(state, tail + i * DIGEST_BLOCK);
}

static uint32_t digest_left(uint32_t x, unsigned n) {
    return x << n | x >> (32 - n);
}

static uint32_t digest_right(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

/* Entry i is floor(2^32 * |sin(i + 1)|). */
static const uint32_t md5_sines[64] = { 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf,
    0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122,
    0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
    0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905,
    0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44,
    0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039,
    0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3,
    0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82,
    0xbd3af235, 0x2ad7d2bb, 0xeb86d391 };

static void md5_block(uint32_t *state, const unsigned char *p) {
    static const uint8_t shifts[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 },
        { 6, 10, 15, 21 } };
    uint32_t w[16], a = state[0], b = state[1], c = state[2], d = state[3];
    memcpy(w, p, sizeof w); /* the machine is little endian, as MD5 is */
    for (unsigned i = 0; i < 64; i++) {
        uint32_t f;
        unsigned g;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d), g = i; break;
        case 1: f = (d & b) | (~d & c), g = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d, g = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d), g = 7 * i % 16; break;
        }
        f += a + md5_sines[i] + w[g];
        a = d;
        d = c;
        c = b;
        b += digest_left(f, shifts[i / 16][i % 4]);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

void expr_md5(struct base_str s, unsigned char out[EXPR_MD5_LEN]) {
    uint32_t state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
    digest_run(s, state, false, md5_block);
    memcpy(out, state, EXPR_MD5_LEN);
}

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t sha256_roots[64] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
    0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
    0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
    0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3,
    0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
    0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
    0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
    0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
    0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

static void sha256_block(uint32_t *state, const unsigned char *p) {
    uint32_t w[64], v[8];
    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 |
               p[4 * i + 3];
    for (unsigned i = 16; i < 64; i++) {
        uint32_t x = w[i - 15], y = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (digest_right(x, 7) ^ digest_right(x, 18) ^ x >> 3) +
               (digest_right(y, 17) ^ digest_right(y, 19) ^ y >> 10);
    }
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t a = v[0], e = v[4];
        uint32_t t1 = v[7] + (digest_right(e, 6) ^ digest_right(e, 11) ^ digest_right(e, 25)) +
                      ((e & v[5]) ^ (~e & v[6])) + sha256_roots[i] + w[i];
        uint32_t t2 = (digest_right(a, 2) ^ digest_right(a, 13) ^ digest_right(a, 22)) +
                      ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (unsigned i = 0; i < 8; i++)
        state[i] += v[i];
}

void expr_sha256(struct base_str s, unsigned char out[EXPR_SHA256_LEN]) {
    uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
        0x5be0cd19 };
    digest_run(s, state, true, sha256_block);
    for (unsigned i = 0; i < EXPR_SHA256_LEN; i++)
        out[i] = (unsigned char)(state[i / 4] >> (24 - 8 * (i % 4)));
}
