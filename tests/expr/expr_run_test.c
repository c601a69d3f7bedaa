/* Functions of rows in order: what they keep goes through bytes at any row and comes back the same; sorted numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "expr/expr_agg.h"
#include "expr/expr_func.h"
#include "expr/expr_run.h"
#include "tests/expr/expr_test_util.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static struct expr_acc_fn function(struct base_arena *a, enum expr_agg agg, const struct evt_type *t) {
    struct expr_acc_fn f = { .agg = agg, .arg = t, .type = expr_agg_type(a, agg, t) };
    uint32_t n;
    const struct expr_agg_opt *opts = expr_agg_opts(agg, &n);
    expr_agg_usual(agg, f.opts);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(opts[i].name, "warm_up") == 0)
            f.opts[i] = 7;
        else if (strcmp(opts[i].name, "rows") == 0 || strcmp(opts[i].name, "keep") == 0)
            f.opts[i] = 9;
        else if (opts[i].needed)
            f.opts[i] = opts[i].kind == EXPR_OPT_DURATION ? 50 : 5;
    return f;
}

static void write_result(struct base_buf *b, const struct expr_acc_fn *f, const struct expr_acc *acc) {
    struct base_arena scratch;
    struct evt_val v;
    const char *failure = NULL;
    base_arena_init(&scratch, 0);
    expr_acc_result(f, acc, &scratch, &v, &failure);
    if (failure)
        base_buf_puts(b, failure);
    else
        evt_val_write_json(b, f->type, &v);
    base_buf_putc(b, ' ');
    base_arena_release(&scratch);
}

/* One goes through bytes after each row, one does not. */
static void bytes_change_nothing(struct base_arena *a, enum expr_agg agg, const struct evt_type *t) {
    struct expr_acc_fn f = function(a, agg, t);
    struct expr_acc whole, saved, back;
    struct base_buf one = BASE_BUF_INIT, other = BASE_BUF_INIT, bytes = BASE_BUF_INIT;
    uint32_t seed = 1 + (uint32_t)agg;
    expr_acc_start(&whole);
    expr_acc_start(&saved);
    for (uint64_t i = 0; i < 80; i++) {
        struct evt_val v = { .null = next(&seed) % 9 == 0 };
        struct expr_place at = { (int64_t)i * 11, 0, i };
        char text[16];
        if (t->kind == EVT_STRING && !v.null) {
            v.s.len = (uint32_t)snprintf(text, sizeof text, "%u", next(&seed) % 13);
            v.s.p = text;
        } else if (t->kind == EVT_DOUBLE && !v.null) {
            v.d = next(&seed) % 17 ? (double)(next(&seed) % 1000) / 7 : NAN;
        } else if (!v.null) {
            v.i = (int64_t)(next(&seed) % 100) - 50;
        }
        expr_acc_step(&f, &whole, &v, &at);
        expr_acc_step(&f, &saved, &v, &at);
        base_buf_clear(&bytes);
        expr_acc_pack(&bytes, &f, &saved);
        struct base_unpack u = base_unpack_of(base_buf_view(&bytes));
        expr_acc_unpack(&u, &f, a, &back);
        assert_true(base_unpack_ok(&u));
        expr_acc_clear(&f, &saved);
        saved = back;
        write_result(&one, &f, &whole);
        write_result(&other, &f, &saved);
    }
    assert_string_equal(base_buf_cstr(&one), base_buf_cstr(&other));
    assert_int_equal(expr_acc_bytes(&f, &whole) > 0, 1);
    /* Bytes that are cut short are refused, wherever. */
    for (size_t n = 0; n < bytes.len; n++) {
        struct base_unpack u = base_unpack_of((struct base_str){ bytes.p, n });
        expr_acc_unpack(&u, &f, a, &back);
        assert_false(base_unpack_ok(&u));
        expr_acc_clear(&f, &back);
    }
    expr_acc_clear(&f, &whole);
    expr_acc_clear(&f, &saved);
    base_buf_release(&one);
    base_buf_release(&other);
    base_buf_release(&bytes);
}

static void what_is_kept_goes_through_bytes(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    const enum evt_kind kinds[] = { EVT_INT, EVT_DOUBLE, EVT_STRING, EVT_TIMESTAMP };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (int agg = 0; agg < EXPR_AGG_LIST_MAX; agg++)
            if (expr_run_is((enum expr_agg)agg) &&
                expr_agg_type(&a, (enum expr_agg)agg, evt_type_of(kinds[k])))
                bytes_change_nothing(&a, (enum expr_agg)agg, evt_type_of(kinds[k]));
    base_arena_release(&a);
}

static int by_size(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static double median_of(double *v, size_t n) {
    qsort(v, n, sizeof *v, by_size);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void medians_are_those_of_sorting(void **state) {
    (void)state;
    uint32_t seed = 3;
    double ring[40], v[40];
    struct expr_sorted s = { .v = NULL };
    for (size_t i = 0; i < 4000; i++) {
        size_t keep = 1 + i / 100;
        while (s.n >= keep)
            expr_sorted_remove(&s, ring[(i - s.n) % 40]);
        ring[i % 40] = (double)(next(&seed) % 20) - 10;
        expr_sorted_add(&s, ring[i % 40]);
        memcpy(v, s.v, s.n * sizeof *v);
        double mid = median_of(v, s.n);
        assert_true(fabs(mid - expr_sorted_quantile(&s, 0.5)) < 1e-12);
        for (size_t k = 0; k < s.n; k++)
            v[k] = fabs(s.v[k] - mid);
        assert_true(fabs(median_of(v, s.n) - expr_sorted_deviation(&s, mid)) < 1e-12);
    }
    expr_sorted_release(&s);
}

/* A value that never varied, then does; and back. */
static void scores_are_bounded(void **state) {
    (void)state;
    assert_true(expr_run_score(5, 5, 0) >= 0 && expr_run_score(5, 5, 0) <= 0);
    assert_true(expr_run_score(6, 5, 0) >= EXPR_SCORE_MAX && expr_run_score(6, 5, 0) <= EXPR_SCORE_MAX);
    assert_true(expr_run_score(-1e300, 5, 1e-300) <= -EXPR_SCORE_MAX);
    assert_true(fabs(expr_run_score(8, 5, 2) - 1.5) < 1e-12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_goes_through_bytes),
        cmocka_unit_test(medians_are_those_of_sorting),
        cmocka_unit_test(scores_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
