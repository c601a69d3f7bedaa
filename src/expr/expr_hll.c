/*
 * expr_hll -- see expr_hll.h.
 *
 * A pair is index << 6 | run: the first 25 bits of the hash, and 1 + the zeros behind them (up to 40). Of a register: the first 14
 * bits, up to 51.
 */
#include "expr/expr_hll.h"

#include "base/base_mem.h"

#include <math.h>
#include <string.h>

enum {
    SPARSE_BITS = 25,
    RUN_BITS = 6,
    MAX_RUN = 64 - EXPR_HLL_BITS + 1,
    MAX_SPARSE_RUN = 64 - SPARSE_BITS + 1
};

struct expr_hll {
    uint32_t *pairs; /* owned; ascending, one an index */
    size_t n, cap;
    uint8_t *registers; /* owned; NULL: sparse */
};

struct expr_hll *expr_hll_new(void) {
    return base_calloc(1, sizeof(struct expr_hll));
}

void expr_hll_free(struct expr_hll *h) {
    if (!h)
        return;
    base_free(h->pairs);
    base_free(h->registers);
    base_free(h);
}

/* 1 + zeros in front, of the `bits` lowest bits of w. */
static uint32_t run_of(uint64_t w, unsigned bits) {
    return w == 0 ? bits + 1 : (uint32_t)__builtin_clzll(w) - (64 - bits) + 1;
}

static void put_register(struct expr_hll *h, uint32_t index, uint32_t run) {
    if (run > h->registers[index])
        h->registers[index] = (uint8_t)run;
}

static void put_pair_dense(struct expr_hll *h, uint32_t pair) {
    enum { MORE = SPARSE_BITS - EXPR_HLL_BITS };
    uint32_t index = pair >> RUN_BITS, low = index & ((1u << MORE) - 1);
    uint32_t run = low ? run_of(low, MORE) : MORE + (pair & ((1u << RUN_BITS) - 1));
    put_register(h, index >> MORE, run);
}

static void make_dense(struct expr_hll *h) {
    h->registers = base_calloc(EXPR_HLL_REGISTERS, 1);
    for (size_t i = 0; i < h->n; i++)
        put_pair_dense(h, h->pairs[i]);
    base_free(h->pairs);
    h->pairs = NULL;
    h->n = h->cap = 0;
}

static void put_pair(struct expr_hll *h, uint32_t pair) {
    if (h->registers) {
        put_pair_dense(h, pair);
        return;
    }
    uint32_t index = pair >> RUN_BITS;
    size_t lo = 0, hi = h->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (h->pairs[mid] >> RUN_BITS < index)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < h->n && h->pairs[lo] >> RUN_BITS == index) {
        h->pairs[lo] = h->pairs[lo] < pair ? pair : h->pairs[lo];
        return;
    }
    h->pairs = base_grow(h->pairs, h->n, &h->cap, sizeof *h->pairs);
    memmove(h->pairs + lo + 1, h->pairs + lo, (h->n - lo) * sizeof *h->pairs);
    h->pairs[lo] = pair;
    if (++h->n > EXPR_HLL_SPARSE)
        make_dense(h);
}

void expr_hll_add(struct expr_hll *h, uint64_t hash) {
    if (h->registers) {
        put_register(h, (uint32_t)(hash >> (64 - EXPR_HLL_BITS)),
            run_of(hash & (UINT64_MAX >> EXPR_HLL_BITS), 64 - EXPR_HLL_BITS));
        return;
    }
    uint32_t index = (uint32_t)(hash >> (64 - SPARSE_BITS));
    put_pair(h, index << RUN_BITS | run_of(hash & (UINT64_MAX >> SPARSE_BITS), 64 - SPARSE_BITS));
}

void expr_hll_merge(struct expr_hll *to, const struct expr_hll *from) {
    for (size_t i = 0; i < from->n; i++)
        put_pair(to, from->pairs[i]);
    if (!from->registers)
        return;
    if (!to->registers)
        make_dense(to);
    for (uint32_t i = 0; i < EXPR_HLL_REGISTERS; i++)
        put_register(to, i, from->registers[i]);
}

/* Ertl's algorithm 6 and its two series. */
static double sigma(double x) {
    double y = 1, z = x, before;
    if (x >= 1)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z > before);
    return z;
}

static double tau(double x) {
    double y = 1, z = 1 - x, before;
    if (x <= 0 || x >= 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z < before);
    return z / 3;
}

double expr_hll_estimate(const struct expr_hll *h) {
    const double m = EXPR_HLL_REGISTERS, slots = 1u << SPARSE_BITS;
    uint32_t counts[MAX_RUN + 1] = { 0 };
    if (!h->registers)
        return slots * log(slots / (slots - (double)h->n));
    for (uint32_t i = 0; i < EXPR_HLL_REGISTERS; i++)
        counts[h->registers[i]]++;
    double z = m * tau(1 - counts[MAX_RUN] / m);
    for (int k = MAX_RUN - 1; k >= 1; k--)
        z = 0.5 * (z + counts[k]);
    z += m * sigma(counts[0] / m);
    return m * m / (2 * M_LN2 * z);
}

size_t expr_hll_bytes(const struct expr_hll *h) {
    return sizeof *h + h->cap * sizeof *h->pairs + (h->registers ? EXPR_HLL_REGISTERS : 0);
}

void expr_hll_pack(struct base_buf *b, const struct expr_hll *h) {
    base_pack_u8(b, EXPR_HLL_BITS);
    base_pack_u8(b, h->registers != NULL);
    if (h->registers) {
        base_pack_bytes(b, h->registers, EXPR_HLL_REGISTERS);
        return;
    }
    base_pack_varint(b, h->n);
    for (size_t i = 0; i < h->n; i++)
        base_pack_varint(b, h->pairs[i] - (i ? h->pairs[i - 1] : 0));
}

static void unpack_dense(struct base_unpack *u, struct expr_hll *h) {
    struct base_str bytes = base_unpack_bytes(u, EXPR_HLL_REGISTERS);
    if (u->bad)
        return;
    h->registers = base_calloc(EXPR_HLL_REGISTERS, 1);
    memcpy(h->registers, bytes.p, EXPR_HLL_REGISTERS);
    for (uint32_t i = 0; i < EXPR_HLL_REGISTERS; i++)
        u->bad |= h->registers[i] > MAX_RUN;
    if (u->bad)
        memset(h->registers, 0, EXPR_HLL_REGISTERS);
}

struct expr_hll *expr_hll_unpack(struct base_unpack *u) {
    struct expr_hll *h = expr_hll_new();
    uint64_t last = 0;
    u->bad |= base_unpack_u8(u) != EXPR_HLL_BITS;
    if (base_unpack_max(u, 1)) {
        unpack_dense(u, h);
        return h;
    }
    size_t n = base_unpack_count(u, 1);
    u->bad |= n > EXPR_HLL_SPARSE;
    for (size_t i = 0; i < n && !u->bad; i++) {
        uint64_t pair = last + base_unpack_max(u, UINT32_MAX), run = pair & ((1u << RUN_BITS) - 1);
        u->bad |= pair >> (SPARSE_BITS + RUN_BITS) || run < 1 || run > MAX_SPARSE_RUN ||
                  (i && pair >> RUN_BITS <= last >> RUN_BITS);
        if (!u->bad)
            put_pair(h, (uint32_t)pair);
        last = pair;
    }
    return h;
}
