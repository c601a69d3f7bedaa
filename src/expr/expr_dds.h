#pragma once
/*
 * expr_dds -- quantiles, about: DDSketch (C. Masson, J. Rim, H. Lee, PVLDB 12(12), 2019).
 *
 * A number falls into the bin of its logarithm to the base g = (1 + a) / (1 - a), a = 1 %; a quantile is the middle of its bin, which
 * is at most 1 % from every number in it. Negative numbers have bins of their own, 0 is counted apart, the least and the greatest number
 * are exact.
 *
 *     x      -3.0   0   0.5   0.502   20            bins are kept as ascending (number, count)
 *     bin    55-    0   -34   -34     150
 *
 * At most EXPR_DDS_BINS bins below the greatest are kept apart (35 powers of ten): what is smaller is counted in the smallest.
 *
 * The result depends on the numbers alone: not on their order, not on how sketches were merged.
 *
 * Cost: O(log n) a number, n bins in use (some hundreds). Threads: none.
 */
#include "base/base_pack.h"

#define EXPR_DDS_ACCURACY 0.01
enum { EXPR_DDS_BINS = 4096 };

struct expr_dds;

struct expr_dds *expr_dds_new(void);
void expr_dds_free(struct expr_dds *s); /* NULL is fine */
/* Requires: x is finite. */
void expr_dds_add(struct expr_dds *s, double x);
void expr_dds_merge(struct expr_dds *to, const struct expr_dds *from);
/* Of the numbers so far, of which there is one at least: that of rank floor(q * (n - 1)). */
double expr_dds_quantile(const struct expr_dds *s, double q);
size_t expr_dds_bytes(const struct expr_dds *s);
/* u64 least, u64 greatest (bits of doubles), varint zeros, then positive and negative bins: varint n, n * (zigzag number, varint count). */
void expr_dds_pack(struct base_buf *b, const struct expr_dds *s);
/* Malformed bytes set u->bad. Returns: never NULL. */
struct expr_dds *expr_dds_unpack(struct base_unpack *u);
