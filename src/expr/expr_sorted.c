/*
 * expr_sorted -- see expr_sorted.h.
 */
#include "expr/expr_sorted.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <math.h>
#include <string.h>

void expr_sorted_release(struct expr_sorted *s) {
    base_free(s->v);
    *s = (struct expr_sorted){ .v = NULL };
}

/* The first place whose number is not less than x. */
static size_t place_of(const struct expr_sorted *s, double x) {
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid] < x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void expr_sorted_add(struct expr_sorted *s, double x) {
    size_t i = place_of(s, x);
    s->v = base_grow(s->v, s->n, &s->cap, sizeof *s->v);
    memmove(s->v + i + 1, s->v + i, (s->n - i) * sizeof *s->v);
    s->v[i] = x;
    s->n++;
}

void expr_sorted_remove(struct expr_sorted *s, double x) {
    size_t i = place_of(s, x);
    CEP_INSIST(i < s->n && !(s->v[i] > x));
    s->n--;
    memmove(s->v + i, s->v + i + 1, (s->n - i) * sizeof *s->v);
}

double expr_sorted_quantile(const struct expr_sorted *s, double q) {
    double at = q * (double)(s->n - 1);
    size_t i = (size_t)at;
    if (i + 1 >= s->n)
        return s->v[s->n - 1];
    return s->v[i] + (at - (double)i) * (s->v[i + 1] - s->v[i]);
}

double expr_sorted_rank(const struct expr_sorted *s, double q) {
    return s->v[(size_t)(q * (double)(s->n - 1))];
}

/*
 * The k-th smallest distance (k from 0). Distances of the numbers below mid grow to the left, those of the others to the right:
 * two ascending sequences, of whose first k + 1 the left one has as many as a search by halving finds.
 */
static double kth_distance(const struct expr_sorted *s, double mid, size_t k) {
    size_t below = place_of(s, mid), above = s->n - below, take = k + 1;
    size_t lo = take > above ? take - above : 0, hi = take < below ? take : below;
    while (lo < hi) {
        size_t left = lo + (hi - lo) / 2, right = take - left;
        /* Too few of the left when its next one is nearer than the last of the right. */
        if (mid - s->v[below - left - 1] < s->v[below + right - 1] - mid)
            lo = left + 1;
        else
            hi = left;
    }
    double from_left = lo > 0 ? mid - s->v[below - lo] : -INFINITY;
    double from_right = take - lo > 0 ? s->v[below + (take - lo) - 1] - mid : -INFINITY;
    return from_left > from_right ? from_left : from_right;
}

double expr_sorted_deviation(const struct expr_sorted *s, double mid) {
    double upper = kth_distance(s, mid, s->n / 2);
    return s->n % 2 ? upper : (kth_distance(s, mid, s->n / 2 - 1) + upper) / 2;
}

double expr_sorted_mean_deviation(const struct expr_sorted *s, double mid) {
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        sum += fabs(s->v[i] - mid);
    return sum / (double)s->n;
}
