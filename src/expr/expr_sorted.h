#pragma once
/*
 * expr_sorted -- numbers in ascending order: what medians, quantiles and median deviations are read from.
 *
 *     1.0  2.0  2.5  4.0  9.0          add 3.0: found by halving, the rest moves by one
 *
 * Cost: add and remove O(log n) comparisons and a move of up to 8 n bytes (for windows of thousands, well under a microsecond);
 * a quantile constant; a median deviation O(log n). Wrong for millions.
 *
 * Internal to src/expr. Threads: none.
 */
#include <stddef.h>

struct expr_sorted {
    double *v; /* owned */
    size_t n, cap;
};

void expr_sorted_release(struct expr_sorted *s);
void expr_sorted_add(struct expr_sorted *s, double x);
/* Requires: x is in it. */
void expr_sorted_remove(struct expr_sorted *s, double x);
/* By linear interpolation between neighbours (R. Hyndman and Y. Fan, The American Statistician 50(4), 1996: type 7). Requires: n > 0. */
double expr_sorted_quantile(const struct expr_sorted *s, double q);
/* The number of rank floor(q * (n - 1)). Requires: n > 0. */
double expr_sorted_rank(const struct expr_sorted *s, double q);
/* The median of |x - mid|. Requires: n > 0. */
double expr_sorted_deviation(const struct expr_sorted *s, double mid);
/* The mean of |x - mid|. Requires: n > 0. */
double expr_sorted_mean_deviation(const struct expr_sorted *s, double mid);
