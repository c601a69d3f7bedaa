/*
 * An index of conditions against each condition alone: random conditions, random batches, the same rows and failures.
 */
#include "tests/expr/expr_test_util.h"

#include "base/base_bits.h"
#include "base/base_mem.h"
#include "expr/expr_index.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

enum { N_COLS = 8, N_CONDS = 60, WORDS = EVT_BATCH_ROWS / 64 };

struct world {
    struct base_arena arena;
    struct evt_schema schema;
    uint64_t seed;
};

static uint32_t below(struct world *w, uint32_t n) {
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return (uint32_t)(w->seed >> 20) % n;
}

static int start(void **state) {
    struct world *w = calloc(1, sizeof *w);
    base_arena_init(&w->arena, 0);
    w->seed = 88172645463325252u;
    const struct evt_type *types[N_COLS] = { evt_type_of(EVT_INT), evt_type_of(EVT_DOUBLE),
        evt_type_of(EVT_STRING), evt_type_of(EVT_BOOL), evt_type_of(EVT_TIMESTAMP),
        evt_type_decimal(&w->arena, 20, 2), evt_type_of(EVT_INT), evt_type_of(EVT_BYTES) };
    struct evt_column *cols = BASE_ARENA_ARRAY(&w->arena, struct evt_column, N_COLS);
    for (int i = 0; i < N_COLS; i++)
        cols[i] = (struct evt_column){ base_str_of(base_arena_printf(&w->arena, "c%d", i)), types[i], false };
    w->schema = (struct evt_schema){ N_COLS, N_COLS, cols };
    *state = w;
    return 0;
}

static int stop(void **state) {
    struct world *w = *state;
    base_arena_release(&w->arena);
    free(w);
    return 0;
}

static struct evt_val rnd_val(struct world *w, const struct evt_type *t) {
    static const double doubles[] = { 0, -0.0, 1.5, 2, -2.25, 1e300, -1e300, INFINITY, -INFINITY, 3 };
    static const int64_t ints[] = { INT64_MAX, INT64_MIN, 0, 1 };
    static const char *const texts[] = { "", "a", "ab", "DE", "BR", "abcdefghijklmnop", "abcdefghijklmnoq" };
    switch ((int)t->kind) {
    case EVT_BOOL: return (struct evt_val){ .b = below(w, 2) };
    case EVT_DOUBLE: return (struct evt_val){ .d = doubles[below(w, 10)] };
    case EVT_STRING:
    case EVT_BYTES: {
        const char *z = texts[below(w, 7)];
        return (struct evt_val){ .s = { z, (uint32_t)strlen(z) } };
    }
    case EVT_DECIMAL: return evt_val_of_dec((int64_t)below(w, 7) - 3);
    default: return (struct evt_val){ .i = below(w, 9) == 0 ? ints[below(w, 4)] : (int64_t)below(w, 12) - 4 };
    }
}

static const struct expr *rnd_const(struct world *w, struct base_arena *a, uint32_t col, bool may_null) {
    const struct evt_type *t = w->schema.cols[col].type;
    return expr_const(a, t, may_null && below(w, 12) == 0 ? EVT_VAL_NULL : rnd_val(w, t), tu_span);
}

static const struct expr *rnd_col(struct world *w, struct base_arena *a, uint32_t col) {
    return expr_col(a, col, w->schema.cols[col].type, tu_span);
}

/* Something that may fail: division by a column, overflow. */
static const struct expr *rnd_rest(struct world *w, struct base_arena *a) {
    switch (below(w, 5)) {
    case 0:
        return tu_op(a, ">", tu_op(a, "/", tu_i(a, 6), rnd_col(w, a, 0)), tu_i(a, (int64_t)below(w, 4) - 1));
    case 1: return tu_op(a, ">", tu_op(a, "+", rnd_col(w, a, 0), rnd_col(w, a, 6)), tu_i(a, 2));
    case 2: return TU_NODE(a, EXPR_IS_NULL, below(w, 2), rnd_col(w, a, below(w, N_COLS)));
    case 3: return tu_op(a, "like", rnd_col(w, a, 2), tu_s(a, "%b%"));
    default: return tu_op(a, "<", rnd_col(w, a, 0), rnd_col(w, a, 6));
    }
}

static const struct expr *rnd_compare(struct world *w, struct base_arena *a) {
    static const char *const ops[] = { "=", "=", "<", "<=", ">", ">=", "<>" };
    uint32_t col = below(w, N_COLS);
    const struct expr *x = rnd_col(w, a, col);
    if (col == 3 && below(w, 2))
        return below(w, 2) ? x : TU_NODE(a, EXPR_NOT, false, x);
    if (below(w, 4) == 0)
        return TU_NODE(a, EXPR_IN, below(w, 6) == 0, x, rnd_const(w, a, col, true),
            rnd_const(w, a, col, true), rnd_const(w, a, col, true));
    const char *op = ops[below(w, col == 3 || col == 7 ? 2 : 7)];
    return below(w, 4) ? tu_op(a, op, x, rnd_const(w, a, col, true))
                       : tu_op(a, op, rnd_const(w, a, col, true), x);
}

static const struct expr *rnd_cond(struct world *w, struct base_arena *a, int depth) {
    uint32_t what = below(w, depth ? 8 : 5);
    if (what < 4)
        return rnd_compare(w, a);
    if (what == 4)
        return rnd_rest(w, a);
    const struct expr *args[4];
    uint32_t n = 2 + below(w, 3);
    for (uint32_t i = 0; i < n; i++)
        args[i] = rnd_cond(w, a, depth - 1);
    return tu_noden(a, what == 5 ? EXPR_OR : EXPR_AND, false, args, n);
}

static void rnd_batch(struct world *w, struct evt_batch *b) {
    static const uint32_t sizes[] = { 1, 5, 64, 65, 300, EVT_BATCH_ROWS };
    uint32_t n = sizes[below(w, 6)], nulls = below(w, 3) ? below(w, 40) : 0;
    evt_batch_clear(b);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < N_COLS; c++) {
            struct evt_val v = below(w, 100) < nulls ? EVT_VAL_NULL : rnd_val(w, w->schema.cols[c].type);
            if (!v.null && w->schema.cols[c].type->kind == EVT_DOUBLE && below(w, 20) == 0)
                v.d = NAN;
            evt_col_set_val(&b->cols[c], i, &v);
        }
        evt_batch_end_row(b);
    }
    if (below(w, 2)) {
        uint64_t *sel = evt_batch_need_sel(b);
        for (uint32_t i = 0; i < n; i++)
            base_bits_put(sel, i, below(w, 3));
    }
}

static void compare(struct world *w, struct expr_index *ix, const uint32_t *number,
    struct expr_vec *const *alone, const struct evt_batch *b) {
    struct expr_index_out out;
    static const uint64_t none[WORDS];
    (void)w;
    expr_index_eval(ix, b, NULL, 0, &out);
    for (uint32_t i = 0; i < N_CONDS; i++) {
        uint64_t want[WORDS] = { 0 };
        struct expr_fails fails = { .n = 0 };
        const uint64_t *got = none, *failed = none;
        expr_vec_filter(alone[i], b, NULL, 0, want, &fails);
        for (uint32_t h = 0; h < out.n_hits; h++)
            if (out.hits[h].cond == number[i]) {
                assert_ptr_equal(got, none);
                got = expr_index_rows(ix, &out.hits[h]);
            }
        for (uint32_t f = 0; f < out.n_failed; f++)
            if (out.failed[f].cond == number[i]) {
                assert_non_null(out.failed[f].fails.reason);
                assert_int_equal(out.failed[f].fails.n, fails.n);
                failed = out.failed[f].fails.rows;
            }
        for (uint32_t r = 0; r < b->n_rows; r++) {
            assert_int_equal(base_bits_get(got, r), base_bits_get(want, r));
            assert_int_equal(base_bits_get(failed, r), base_bits_get(fails.rows, r));
        }
        if (got != none)
            assert_true(base_bits_count(got, b->n_rows) > 0);
    }
}

static void random_conditions_hold_where_they_hold_alone(void **state) {
    struct world *w = *state;
    struct base_arena a;
    base_arena_init(&a, 0);
    struct evt_batch *b = evt_batch_new(&w->schema, 0);
    uint32_t n_how[EXPR_INDEX_HOW_MAX] = { 0 };
    for (int round = 0; round < 60; round++) {
        struct expr_index *ix = expr_index_new(round % 3 == 0 ? 0 : 1);
        struct expr_vec *alone[N_CONDS];
        uint32_t number[N_CONDS], col;
        for (int i = 0; i < N_CONDS; i++) {
            const struct expr *e = rnd_cond(w, &a, 2);
            number[i] = expr_index_add(ix, e, NULL);
            alone[i] = expr_vec_new(e, NULL);
        }
        expr_index_seal(ix);
        for (uint32_t i = 0; i < expr_index_count(ix); i++)
            n_how[expr_index_how(ix, i, &col)]++;
        for (int k = 0; k < 4; k++) {
            rnd_batch(w, b);
            compare(w, ix, number, alone, b);
        }
        for (int i = 0; i < N_CONDS; i++)
            expr_vec_free(alone[i]);
        expr_index_free(ix);
        base_arena_clear(&a);
    }
    for (int i = 0; i < EXPR_INDEX_HOW_MAX; i++)
        assert_true(n_how[i] > 100);
    evt_batch_unref(b);
    base_arena_release(&a);
}

static void equal_conditions_get_one_number(void **state) {
    struct world *w = *state;
    struct base_arena a;
    base_arena_init(&a, 0);
    struct expr_index *ix = expr_index_new(1);
    const struct expr *x = tu_op(&a, "=", rnd_col(w, &a, 0), tu_i(&a, 7));
    const struct expr *same = tu_op(&a, "=", rnd_col(w, &a, 0), tu_i(&a, 7));
    const struct expr *other = tu_op(&a, "=", rnd_col(w, &a, 6), tu_i(&a, 7));
    static const int32_t map[] = { 6, 1, 2, 3, 4, 5, -1, 7 };
    assert_int_equal(expr_index_add(ix, x, NULL), 0);
    assert_int_equal(expr_index_add(ix, same, NULL), 0);
    assert_int_equal(expr_index_add(ix, other, NULL), 1);
    assert_int_equal(expr_index_add(ix, x, map), 1); /* column 0 is the batch's column 6 */
    uint32_t gone = expr_index_add(ix, other, map);  /* column 6 is none of the batch's */
    assert_int_equal(gone, 2);
    expr_index_seal(ix);
    struct evt_batch *b = evt_batch_new(&w->schema, 0);
    for (uint32_t i = 0; i < 3; i++) {
        for (uint32_t c = 0; c < N_COLS; c++)
            evt_col_set_null(&b->cols[c], i);
        struct evt_val v = { .i = 6 + (int64_t)i };
        evt_col_set_val(&b->cols[6], i, &v);
        evt_batch_end_row(b);
    }
    struct expr_index_out out;
    expr_index_eval(ix, b, NULL, 0, &out);
    assert_int_equal(out.n_hits, 1);
    assert_int_equal(out.hits[0].cond, 1);
    assert_int_equal(expr_index_rows(ix, &out.hits[0])[0], 2);
    evt_batch_unref(b);
    expr_index_free(ix);
    base_arena_release(&a);
}

/* A conjunction is looked up by the part that tells most apart. */
static void the_most_selective_part_is_the_anchor(void **state) {
    struct world *w = *state;
    struct base_arena a;
    base_arena_init(&a, 0);
    struct expr_index *ix = expr_index_new(1);
    for (int i = 0; i < 100; i++)
        (void)expr_index_add(ix,
            TU_NODE(&a, EXPR_AND, false, tu_op(&a, ">", rnd_col(w, &a, 1), tu_d(&a, i)),
                tu_op(&a, "=", rnd_col(w, &a, 2), tu_s(&a, i % 2 ? "DE" : "BR")),
                tu_op(&a, "=", rnd_col(w, &a, 0), tu_i(&a, i))),
            NULL);
    for (int i = 0; i < 100; i++)
        (void)expr_index_add(ix,
            TU_NODE(&a, EXPR_AND, false, tu_op(&a, "=", rnd_col(w, &a, 2), tu_s(&a, "DE")),
                tu_op(&a, ">=", rnd_col(w, &a, 6), tu_i(&a, i)),
                tu_op(&a, "<", rnd_col(w, &a, 6), tu_i(&a, i + 1))),
            NULL);
    expr_index_seal(ix);
    for (uint32_t i = 0, col; i < 200; i++) {
        assert_int_equal(expr_index_how(ix, i, &col), EXPR_INDEX_EQUAL);
        assert_int_equal(col, i < 100 ? 0 : 6); /* [i, i + 1) of ints is one value */
    }
    expr_index_free(ix);
    base_arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(random_conditions_hold_where_they_hold_alone, start, stop),
        cmocka_unit_test_setup_teardown(equal_conditions_get_one_number, start, stop),
        cmocka_unit_test_setup_teardown(the_most_selective_part_is_the_anchor, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
