#pragma once
/*
 * expr_hll -- how many different values there are, about: HyperLogLog++ (S. Heule, M. Nunkesser, A. Hall, EDBT 2013) in its two forms.
 *
 *     sparse   up to 3,072 pairs (25 bits of the hash, zeros behind them), ascending, 4 bytes each: as good as exact there
 *     dense    16,384 registers, the longest run of zeros each has seen; 16 KiB
 *
 * The dense estimate is O. Ertl's ("New cardinality estimation algorithms for HyperLogLog sketches", 2017): from the histogram of the
 * registers, without tables and without a bias to be corrected, for all sizes. Standard error 1.04 / sqrt(16384) = 0.81 %; the
 * sparse one's is below 0.02 %.
 *
 * The result depends on the set of values alone: not on their order, not on how sketches were merged.
 *
 * Cost: dense constant a value; sparse O(log n) and a move of up to 12 KiB. Threads: none.
 */
#include "base/base_pack.h"

enum { EXPR_HLL_BITS = 14, EXPR_HLL_REGISTERS = 1 << EXPR_HLL_BITS, EXPR_HLL_SPARSE = 3072 };

struct expr_hll;

struct expr_hll *expr_hll_new(void);
void expr_hll_free(struct expr_hll *h); /* NULL is fine */
void expr_hll_add(struct expr_hll *h, uint64_t hash);
void expr_hll_merge(struct expr_hll *to, const struct expr_hll *from);
double expr_hll_estimate(const struct expr_hll *h);
size_t expr_hll_bytes(const struct expr_hll *h);
/* u8 14; u8 0: varint n, n * varint difference to the pair before; u8 1: 16,384 * u8. */
void expr_hll_pack(struct base_buf *b, const struct expr_hll *h);
/* Malformed bytes set u->bad. Returns: never NULL. */
struct expr_hll *expr_hll_unpack(struct base_unpack *u);
