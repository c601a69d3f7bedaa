/* Sketches: their error bounds, that merging and bytes change nothing, that hostile bytes do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "base/base_map.h"
#include "expr/expr_dds.h"
#include "expr/expr_hll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_PARTS = 5, N_NUMBERS = 20000 };

static uint64_t hash_of(uint64_t x) {
    return base_hash(&x, sizeof x);
}

static double error_of(const struct expr_hll *h, double n) {
    return fabs(expr_hll_estimate(h) - n) / n;
}

/* Five standard errors at any of many sizes, and less than one on average. */
static void distinct_counts_are_within_their_bounds(void **state) {
    (void)state;
    double sum = 0;
    int n_sums = 0;
    for (uint64_t run = 0; run < 6; run++) {
        struct expr_hll *h = expr_hll_new();
        for (uint64_t i = 1, look = 1; i <= 1000000; i++) {
            expr_hll_add(h, hash_of(run << 32 | i));
            if (i != look)
                continue;
            double error = error_of(h, (double)i);
            assert_true(error < (i <= EXPR_HLL_SPARSE ? 0.002 : 5 * 0.0081));
            if (i > EXPR_HLL_SPARSE) {
                sum += error;
                n_sums++;
            }
            look += look / 8 + 1;
        }
        expr_hll_free(h);
    }
    assert_true(sum / n_sums < 0.0081);
}

static void write_hll(struct base_buf *b, const struct expr_hll *h) {
    base_buf_clear(b);
    expr_hll_pack(b, h);
}

static void a_merge_of_parts_is_the_whole(void **state) {
    (void)state;
    struct base_buf one = BASE_BUF_INIT, other = BASE_BUF_INIT;
    for (uint64_t n = 10; n < 200000; n *= 3) {
        struct expr_hll *whole = expr_hll_new(), *merged = expr_hll_new(), *parts[N_PARTS];
        for (int p = 0; p < N_PARTS; p++)
            parts[p] = expr_hll_new();
        for (uint64_t i = 0; i < n; i++) {
            expr_hll_add(whole, hash_of(i % (n * 3 / 4 + 1)));
            /* Uneven: some stay sparse. */
            expr_hll_add(parts[i % 100 < 60 ? 0 : i % N_PARTS], hash_of(i % (n * 3 / 4 + 1)));
        }
        for (int p = 0; p < N_PARTS; p++) {
            write_hll(&one, parts[p]);
            struct base_unpack u = base_unpack_of(base_buf_view(&one));
            struct expr_hll *back = expr_hll_unpack(&u);
            assert_true(base_unpack_ok(&u));
            expr_hll_merge(merged, back);
            expr_hll_free(back);
            expr_hll_free(parts[p]);
        }
        write_hll(&one, whole);
        write_hll(&other, merged);
        assert_int_equal(one.len, other.len);
        assert_memory_equal(one.p, other.p, one.len);
        assert_true(expr_hll_bytes(whole) > 0);
        expr_hll_free(whole);
        expr_hll_free(merged);
    }
    base_buf_release(&one);
    base_buf_release(&other);
}

/* -- quantiles ------------------------------------------------------------------------------------------------------ */

static double number(uint32_t *seed, int kind) {
    *seed = *seed * 1664525 + 1013904223;
    double u = ((*seed >> 8) + 0.5) / (1 << 24);
    switch (kind) {
    case 0: return u;                             /* even */
    case 1: return -log(u) * 1e6;                 /* exponential */
    case 2: return pow(u, -2);                    /* a heavy tail */
    case 3: return u < 0.1 ? 0 : (u - 0.5) * 400; /* both signs, and zeros */
    default: return -exp(u * 20);                 /* negative, over nine powers of ten */
    }
}

static int by_size(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static void quantiles_are_within_one_percent(void **state) {
    (void)state;
    static const double qs[] = { 0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1 };
    double *v = calloc(N_NUMBERS, sizeof *v);
    for (int kind = 0; kind < 5; kind++) {
        uint32_t seed = 7 + (uint32_t)kind;
        struct expr_dds *s = expr_dds_new();
        for (int i = 0; i < N_NUMBERS; i++)
            expr_dds_add(s, v[i] = number(&seed, kind));
        qsort(v, N_NUMBERS, sizeof *v, by_size);
        for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
            double exact = v[(size_t)(qs[i] * (N_NUMBERS - 1))], got = expr_dds_quantile(s, qs[i]);
            assert_true(fabs(got - exact) <= fabs(exact) * EXPR_DDS_ACCURACY * 1.0001);
        }
        assert_true(expr_dds_quantile(s, 0) <= v[0] && expr_dds_quantile(s, 1) >= v[N_NUMBERS - 1]);
        expr_dds_free(s);
    }
    free(v);
}

static void quantiles_of_parts_are_those_of_the_whole(void **state) {
    (void)state;
    struct base_buf one = BASE_BUF_INIT, other = BASE_BUF_INIT;
    for (int kind = 0; kind < 5; kind++) {
        struct expr_dds *whole = expr_dds_new(), *merged = expr_dds_new(), *parts[N_PARTS];
        uint32_t seed = 3;
        for (int p = 0; p < N_PARTS; p++)
            parts[p] = expr_dds_new();
        for (int i = 0; i < N_NUMBERS; i++) {
            /* Now and then so large that small bins are folded. */
            double x = number(&seed, kind) * (i % 1000 == 999 ? 1e60 : 1);
            expr_dds_add(whole, x);
            expr_dds_add(parts[i * 7 % N_PARTS], x);
        }
        for (int p = N_PARTS - 1; p >= 0; p--) {
            base_buf_clear(&one);
            expr_dds_pack(&one, parts[p]);
            struct base_unpack u = base_unpack_of(base_buf_view(&one));
            struct expr_dds *back = expr_dds_unpack(&u);
            assert_true(base_unpack_ok(&u));
            expr_dds_merge(merged, back);
            expr_dds_free(back);
            expr_dds_free(parts[p]);
        }
        base_buf_clear(&one);
        base_buf_clear(&other);
        expr_dds_pack(&one, whole);
        expr_dds_pack(&other, merged);
        assert_int_equal(one.len, other.len);
        assert_memory_equal(one.p, other.p, one.len);
        assert_true(expr_dds_bytes(whole) < 4 * EXPR_DDS_BINS * 16);
        expr_dds_free(whole);
        expr_dds_free(merged);
    }
    base_buf_release(&one);
    base_buf_release(&other);
}

static void hostile_bytes_do_no_harm(void **state) {
    (void)state;
    uint32_t seed = 11;
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[60];
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (unsigned char)(seed >> 24 & 1 ? seed >> 8 : seed >> 8 & 3);
        }
        bytes[0] = round % 2 ? EXPR_HLL_BITS : bytes[0];
        struct base_str text = { (const char *)bytes, (seed >> 12) % sizeof bytes };
        struct base_unpack u = base_unpack_of(text), w = u;
        struct expr_hll *h = expr_hll_unpack(&u);
        struct expr_dds *s = expr_dds_unpack(&w);
        assert_true(expr_hll_estimate(h) >= 0);
        expr_hll_free(h);
        expr_dds_free(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_counts_are_within_their_bounds),
        cmocka_unit_test(a_merge_of_parts_is_the_whole),
        cmocka_unit_test(quantiles_are_within_one_percent),
        cmocka_unit_test(quantiles_of_parts_are_those_of_the_whole),
        cmocka_unit_test(hostile_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
