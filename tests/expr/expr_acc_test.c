/* Accumulators: the order of rows and merges does not matter, nothing is lost in bytes, hostile bytes do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "expr/expr_acc.h"
#include "expr/expr_agg.h"
#include "expr/expr_func.h"
#include "expr/expr_run.h"
#include "tests/expr/expr_test_util.h"

#include <string.h>

enum { N_ROWS = 200, N_PARTS = 7 };

struct fixture {
    struct base_arena a;
    uint32_t seed;
};

static uint32_t next(struct fixture *f) {
    f->seed = f->seed * 1664525 + 1013904223;
    return f->seed >> 8;
}

static struct evt_val value(struct fixture *f, const struct evt_type *t) {
    struct evt_val v = { .null = next(f) % 9 == 0 };
    if (v.null)
        return v;
    if (t->kind == EVT_DOUBLE) {
        v.d = (double)(next(f) % 1000) / 8 - 60; /* sums of these are exact */
    } else if (t->kind == EVT_STRING) {
        const char *text = base_arena_printf(&f->a, "%u", next(f) % 50);
        v.s.p = text;
        v.s.len = (uint32_t)strlen(text);
    } else if (t->kind == EVT_DECIMAL) {
        v = evt_val_of_dec((__int128)(next(f) % 100000) - 50000);
    } else {
        v.i = (int64_t)(next(f) % 100) - 50;
    }
    return v;
}

static void write_result(struct base_buf *b, const struct expr_acc_fn *fn, const struct expr_acc *acc) {
    struct base_arena scratch;
    struct evt_val v;
    const char *failure = NULL;
    base_arena_init(&scratch, 0);
    base_buf_clear(b);
    expr_acc_result(fn, acc, &scratch, &v, &failure);
    if (failure)
        base_buf_puts(b, failure);
    else if (!v.null && fn->type->kind == EVT_DOUBLE)
        base_buf_printf(b, "%.9g", v.d); /* moments are merged in another order */
    else
        evt_val_write_json(b, fn->type, &v);
    base_arena_release(&scratch);
}

/* All rows in one accumulator; dealt out to several in any order, packed, unpacked, merged: the same result. */
static void parts_make_the_whole(struct fixture *f, enum expr_agg agg, const struct evt_type *t) {
    struct expr_acc_fn fn = { .agg = agg, .arg = t, .type = expr_agg_type(&f->a, agg, t) };
    struct expr_acc whole, parts[N_PARTS], merged;
    struct base_buf one = BASE_BUF_INIT, other = BASE_BUF_INIT, bytes = BASE_BUF_INIT;
    assert_non_null(fn.type);
    expr_acc_start(&whole);
    expr_acc_start(&merged);
    for (int p = 0; p < N_PARTS; p++)
        expr_acc_start(&parts[p]);
    for (int i = 0; i < N_ROWS; i++) {
        struct evt_val v = value(f, t);
        struct expr_place at = { (int64_t)(next(f) % 40), next(f) % 2, (uint64_t)i };
        expr_acc_step(&fn, &whole, &v, &at);
        expr_acc_step(&fn, &parts[next(f) % N_PARTS], &v, &at);
    }
    write_result(&one, &fn, &whole);
    for (int p = N_PARTS - 1; p >= 0; p--) {
        struct expr_acc back;
        base_buf_clear(&bytes);
        expr_acc_pack(&bytes, &fn, &parts[p]);
        struct base_unpack u = base_unpack_of(base_buf_view(&bytes));
        expr_acc_unpack(&u, &fn, &f->a, &back);
        assert_true(base_unpack_ok(&u));
        expr_acc_merge(&fn, &merged, &back);
        expr_acc_clear(&fn, &back);
        expr_acc_clear(&fn, &parts[p]);
    }
    assert_int_equal(merged.n, whole.n);
    write_result(&other, &fn, &merged);
    assert_string_equal(base_buf_cstr(&one), base_buf_cstr(&other));
    expr_acc_clear(&fn, &whole);
    expr_acc_clear(&fn, &merged);
    base_buf_release(&one);
    base_buf_release(&other);
    base_buf_release(&bytes);
}

static void the_order_of_rows_and_merges_does_not_matter(void **state) {
    (void)state;
    struct fixture f = { .seed = 1 };
    base_arena_init(&f.a, 0);
    const struct evt_type *types[] = { evt_type_of(EVT_INT), evt_type_of(EVT_DOUBLE), evt_type_of(EVT_STRING),
        evt_type_decimal(&f.a, 12, 2), evt_type_of(EVT_TIMESTAMP) };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int agg = 0; agg < EXPR_AGG_LIST_MAX; agg++)
            if (expr_agg_type(&f.a, (enum expr_agg)agg, types[t]) && !expr_run_is((enum expr_agg)agg))
                for (int round = 0; round < 20; round++)
                    parts_make_the_whole(&f, (enum expr_agg)agg, types[t]);
    base_arena_release(&f.a);
}

/* A column at once gives what its rows give one by one. */
static void columns_give_what_rows_give(void **state) {
    struct fixture f = { .seed = 5 };
    static const enum expr_agg aggs[] = { EXPR_AGG_COUNT, EXPR_AGG_SUM, EXPR_AGG_AVG, EXPR_AGG_MIN,
        EXPR_AGG_MAX, EXPR_AGG_STDDEV, EXPR_AGG_FIRST, EXPR_AGG_COUNT_DISTINCT, EXPR_AGG_APPROX_DISTINCT,
        EXPR_AGG_APPROX_QUANTILE };
    (void)state;
    base_arena_init(&f.a, 0);
    const struct evt_type *types[] = { evt_type_of(EVT_INT), evt_type_of(EVT_DOUBLE),
        evt_type_decimal(&f.a, 18, 2) };
    uint32_t n_loops = 0;
    for (size_t k = 0; k < CEP_COUNT_OF(types) * CEP_COUNT_OF(aggs); k++) {
        const struct evt_type *t = types[k % CEP_COUNT_OF(types)];
        enum expr_agg agg = aggs[k / CEP_COUNT_OF(types)];
        struct expr_acc_fn fn = { .agg = agg, .arg = t, .type = expr_agg_type(&f.a, agg, t) };
        struct expr_acc one[3], each[3];
        struct base_buf want = BASE_BUF_INIT, got = BASE_BUF_INIT;
        struct evt_col col;
        uint16_t rows[N_ROWS];
        char *to[N_ROWS];
        uint32_t n = 0;
        evt_col_init(&col, t, N_ROWS);
        for (int i = 0; i < 3; i++) {
            expr_acc_start(&one[i]);
            expr_acc_start(&each[i]);
        }
        for (uint32_t i = 0; i < N_ROWS; i++) {
            struct expr_place at = { (int64_t)i, 0, i };
            struct evt_val v = value(&f, t);
            uint32_t which = next(&f) % 3;
            evt_col_set_val(&col, i, &v);
            expr_acc_step(&fn, &one[which], &v, &at);
            if (v.null)
                continue;
            rows[n] = (uint16_t)i;
            to[n++] = (char *)&each[which] - 8;
        }
        bool loop = expr_acc_step_rows(&fn, &col, rows, to, 8, n);
        for (int i = 0; i < 3; i++) {
            write_result(&want, &fn, &one[i]);
            write_result(&got, &fn, &each[i]);
            if (loop)
                assert_string_equal(base_buf_cstr(&got), base_buf_cstr(&want));
            expr_acc_clear(&fn, &one[i]);
            expr_acc_clear(&fn, &each[i]);
        }
        n_loops += loop;
        evt_col_release(&col);
        base_buf_release(&want);
        base_buf_release(&got);
    }
    /* count, sum, avg and the different ones of all three; min, max, stddev and quantiles of two; first of none */
    assert_int_equal(n_loops, 5 * 3 + 4 * 2);
    base_arena_release(&f.a);
}

/* 1e16 + 1 - 1e16 is 1, however often. */
static void sums_of_doubles_lose_nothing_that_cancels(void **state) {
    (void)state;
    struct expr_acc_fn fn = {
        .agg = EXPR_AGG_SUM, .arg = evt_type_of(EVT_DOUBLE), .type = evt_type_of(EVT_DOUBLE)
    };
    struct expr_acc acc;
    struct base_buf b = BASE_BUF_INIT;
    struct expr_place at = { 0, 0, 0 };
    const double rows[] = { 1e16, 1, -1e16, 1e300, 3, -1e300 };
    expr_acc_start(&acc);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        expr_acc_step(&fn, &acc, &(struct evt_val){ .d = rows[i] }, &at);
    write_result(&b, &fn, &acc);
    assert_string_equal(base_buf_cstr(&b), "4");
    base_buf_release(&b);
}

static void nothing_is_null_and_too_much_fails(void **state) {
    (void)state;
    struct expr_acc_fn sum = {
        .agg = EXPR_AGG_SUM, .arg = evt_type_of(EVT_INT), .type = evt_type_of(EVT_INT)
    };
    struct expr_acc_fn count = { .agg = EXPR_AGG_COUNT, .type = evt_type_of(EVT_INT) };
    struct expr_acc acc;
    struct base_buf b = BASE_BUF_INIT;
    struct expr_place at = { 0, 0, 0 };
    expr_acc_start(&acc);
    write_result(&b, &sum, &acc);
    assert_string_equal(base_buf_cstr(&b), "null");
    write_result(&b, &count, &acc);
    assert_string_equal(base_buf_cstr(&b), "0");
    expr_acc_step(&sum, &acc, &(struct evt_val){ .i = INT64_MAX }, &at);
    expr_acc_step(&sum, &acc, &(struct evt_val){ .i = 1 }, &at);
    write_result(&b, &sum, &acc);
    assert_string_equal(base_buf_cstr(&b), "sum out of range");
    expr_acc_step(&sum, &acc, &(struct evt_val){ .i = -1 }, &at); /* the sum itself fits again */
    write_result(&b, &sum, &acc);
    assert_string_equal(base_buf_cstr(&b), "9223372036854775807");
    base_buf_release(&b);
}

static void hostile_bytes_do_no_harm(void **state) {
    (void)state;
    struct fixture f = { .seed = 5 };
    base_arena_init(&f.a, 0);
    for (int round = 0; round < 20000; round++) {
        enum expr_agg agg = (enum expr_agg)(next(&f) % EXPR_AGG_LIST_MAX);
        const struct evt_type *t = evt_type_of(next(&f) % 2 ? EVT_STRING : EVT_INT);
        struct expr_acc_fn fn = { .agg = agg, .arg = t, .type = expr_agg_type(&f.a, agg, t) };
        expr_agg_usual(agg, fn.opts);
        if (agg == EXPR_AGG_HOLT_WINTERS || agg == EXPR_AGG_HOLT_FORECAST)
            fn.opts[EXPR_HOLT_SEASON] = 2;
        struct expr_acc acc;
        unsigned char bytes[40];
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (unsigned char)(next(&f) % 5 ? next(&f) % 6 : next(&f));
        if (!fn.type)
            continue;
        struct base_unpack u = base_unpack_of(
            (struct base_str){ (const char *)bytes, next(&f) % sizeof bytes });
        expr_acc_unpack(&u, &fn, &f.a, &acc);
        expr_acc_clear(&fn, &acc);
        base_arena_clear(&f.a);
    }
    base_arena_release(&f.a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_rows_and_merges_does_not_matter),
        cmocka_unit_test(columns_give_what_rows_give),
        cmocka_unit_test(sums_of_doubles_lose_nothing_that_cancels),
        cmocka_unit_test(nothing_is_null_and_too_much_fails),
        cmocka_unit_test(hostile_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
