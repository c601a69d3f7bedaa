/* Rows come out in order, whatever order they went in. */
#include "time/clk_reorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t next(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static int by_order(const void *a, const void *b) {
    return clk_row_before(a, b) ? -1 : clk_row_before(b, a);
}

enum { N = 20000, CHUNK = 257 };

/* Times wander ahead with a jitter; the watermark follows behind it. */
static void shuffled(uint64_t jitter) {
    struct clk_row *in = calloc(N, sizeof *in), *out = calloc(N, sizeof *out);
    struct clk_reorder r;
    uint64_t seed = 42 + jitter;
    size_t got = 0;
    clk_reorder_init(&r);
    for (size_t i = 0; i < N; i++)
        in[i] = (struct clk_row){ .time = (int64_t)(i / 3 + (jitter ? next(&seed) % jitter : 0)),
            .seq = i,
            .input = (uint32_t)(next(&seed) % 2),
            .origin = (uint32_t)(next(&seed) % 3) };
    for (size_t i = 0; i < N; i += CHUNK) {
        size_t n = i + CHUNK < N ? CHUNK : N - i;
        clk_reorder_add(&r, in + i, n);
        clk_reorder_check(&r);
        int64_t watermark = (int64_t)((i + n) / 3) - 1;
        for (size_t k; (k = clk_reorder_take(&r, watermark, out + got, 100));)
            got += k;
        clk_reorder_check(&r);
        assert_true(clk_reorder_first(&r) > watermark);
    }
    for (size_t k; (k = clk_reorder_take(&r, INT64_MAX, out + got, 1000));)
        got += k;
    assert_int_equal(got, N);
    assert_int_equal(r.n_rows, 0);
    qsort(in, N, sizeof *in, by_order);
    assert_memory_equal(in, out, N * sizeof *in);
    clk_reorder_release(&r);
    free(in);
    free(out);
}

static void in_order(void **state) {
    (void)state;
    shuffled(0);
}
static void nearly_in_order(void **state) {
    (void)state;
    shuffled(20);
}
static void far_out_of_order(void **state) {
    (void)state;
    shuffled(3000);
}

static void memory_does_not_grow_with_time(void **state) {
    (void)state;
    struct clk_reorder r;
    struct clk_row rows[64], out[64];
    clk_reorder_init(&r);
    for (int64_t t = 0; t < 10000; t += 64) {
        for (int i = 0; i < 64; i++)
            rows[i] = (struct clk_row){ .time = t + i };
        clk_reorder_add(&r, rows, 64);
        (void)clk_reorder_take(&r, t + 31, out, 64);
    }
    assert_true(clk_reorder_bytes(&r) < 64 * 1024);
    clk_reorder_release(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(nearly_in_order),
        cmocka_unit_test(far_out_of_order),
        cmocka_unit_test(memory_does_not_grow_with_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
