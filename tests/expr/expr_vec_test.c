/*
 * Vectorised evaluation: agreement with the scalar evaluator on random expressions and batches, with every build of the loops
 * that this machine runs, and a few cases by hand.
 */
#include "tests/expr/expr_test_util.h"

#include "base/base_bits.h"
#include "base/base_mem.h"
#include "expr/expr_row.h"
#include "expr/expr_vec.h"
#include "expr/expr_vec_internal.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

/* -- a schema with two columns of each type, and random batches of it -------------------------------------------- */

enum { N_TYPES = 10, N_COLS = 2 * N_TYPES };

struct world {
    struct base_arena arena;
    struct evt_schema schema;
    uint64_t seed;
};

static uint64_t rnd(struct world *w) {
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return w->seed;
}

static uint32_t below(struct world *w, uint32_t n) {
    return (uint32_t)(rnd(w) >> 20) % n;
}

static int start(void **state) {
    struct world *w = calloc(1, sizeof *w);
    base_arena_init(&w->arena, 0);
    w->seed = 88172645463325252u;
    struct evt_column *f = BASE_ARENA_ARRAY(&w->arena, struct evt_column, 3);
    f[0] = (struct evt_column){ BASE_STR("x"), evt_type_of(EVT_INT), false };
    f[1] = (struct evt_column){ BASE_STR("y"), evt_type_of(EVT_STRING), false };
    f[2] = (struct evt_column){ BASE_STR("z"), evt_type_of(EVT_BOOL), false };
    const struct evt_type *types[N_TYPES] = { evt_type_of(EVT_BOOL), evt_type_of(EVT_INT),
        evt_type_of(EVT_DOUBLE), evt_type_of(EVT_STRING), evt_type_of(EVT_TIMESTAMP),
        evt_type_of(EVT_DURATION), evt_type_decimal(&w->arena, 12, 3), evt_type_of(EVT_BYTES),
        evt_type_array(&w->arena, evt_type_of(EVT_INT)), evt_type_row(&w->arena, 3, f) };
    struct evt_column *cols = BASE_ARENA_ARRAY(&w->arena, struct evt_column, N_COLS);
    for (int i = 0; i < N_COLS; i++)
        cols[i] = (struct evt_column){ base_str_of(base_arena_printf(&w->arena, "c%d", i)), types[i / 2],
            false };
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

static struct evt_val rnd_val(struct world *w, struct base_arena *a, const struct evt_type *t);

static struct evt_val rnd_str(struct world *w, struct base_arena *a) {
    static const char *const some[] = { "", "a", "ab", "abc", "DE", "BR", "de", "12", "-3.5", "true",
        "2026-01-01", "abcdefgh", "abcdefghijklmnopqrstuvwxyz", "gr\xc3\xbc\xc3\x9f", "a%b", "10 min",
        "abcdefghijklmnop", "abcdefghijklmnoq", "abcdefg", "abcdefgi", "bcdefgh", "fgh", "ghi", "a%", "%bc%",
        "%fgh", "abcdefgh%", "abc%gh", "_b%", "%" };
    const char *z = some[below(w, sizeof some / sizeof some[0])];
    uint32_t len = (uint32_t)strlen(z);
    switch (below(w, 12)) {
    case 0: { /* long, so that its length does not fit a key; or with zeros, that look like the end of a key */
        uint32_t n = below(w, 2) ? 254 + below(w, 4) : 1 + below(w, 10);
        char *p = base_arena_alloc(a, n + 1);
        memset(p, n > 200 ? 'x' : 0, n);
        p[below(w, n)] = 'a';
        p[0] = 'a';
        return (struct evt_val){ .s = { p, n } };
    }
    case 1:
        return (struct evt_val){ .s = { z, below(w, len + 1) < 8 && len < 20 ? below(w, len + 1) : len } };
    default: return (struct evt_val){ .s = { z, len } };
    }
}

static int64_t rnd_int(struct world *w) {
    static const int64_t some[] = { 0, 1, -1, 2, 3, 7, -5, 100, INT64_MAX, INT64_MIN, INT64_MAX - 1,
        INT64_MIN + 1, 2147483647, -2147483648, 2147483648, 1125899906842624, -1125899906842625, 4000000000,
        86400000000, 1767261600000000 };
    return below(w, 3) ? some[below(w, sizeof some / sizeof some[0])] : (int64_t)below(w, 20) - 10;
}

static struct evt_val rnd_val(struct world *w, struct base_arena *a, const struct evt_type *t) {
    static const double doubles[] = { 0, -0.0, 1, 1.5, -2.25, 1e300, 1e-300, 500, 1e18, -3, DBL_MAX, -DBL_MAX,
        4.9e-324, INFINITY, -INFINITY, NAN };
    switch (t->kind) {
    case EVT_BOOL: return (struct evt_val){ .b = below(w, 2) };
    case EVT_INT:
    case EVT_DURATION: return (struct evt_val){ .i = rnd_int(w) };
    case EVT_TIMESTAMP: return (struct evt_val){ .i = rnd_int(w) / 1000 };
    case EVT_DOUBLE: return (struct evt_val){ .d = doubles[below(w, 16)] };
    case EVT_STRING:
    case EVT_BYTES: return rnd_str(w, a);
    case EVT_DECIMAL: return evt_val_of_dec(below(w, 2) ? (int64_t)below(w, 5000) - 2500 : 999999999999);
    case EVT_ARRAY:
    case EVT_ROW: {
        uint32_t n = t->kind == EVT_ROW ? t->n_fields : below(w, 4);
        struct evt_val *v = BASE_ARENA_ARRAY(a, struct evt_val, n ? n : 1);
        for (uint32_t i = 0; i < n; i++)
            v[i] = below(w, 4) ? rnd_val(w, a, t->kind == EVT_ROW ? t->fields[i].type : t->elem)
                               : EVT_VAL_NULL;
        return (struct evt_val){ .list = { v, n } };
    }
    case EVT_NULL:
    case EVT_KIND_MAX: break;
    }
    return EVT_VAL_NULL;
}

static void rnd_batch(struct world *w, struct base_arena *a, struct evt_batch *b) {
    evt_batch_clear(b);
    uint32_t sizes[] = { 0, 1, 63, 64, 65, 100, 300, EVT_BATCH_ROWS }, n = sizes[below(w, 8)];
    uint32_t nulls[N_COLS];
    for (int c = 0; c < N_COLS; c++)
        nulls[c] = below(w, 3) == 0 ? 0 : below(w, 101);
    for (uint32_t i = 0; i < n; i++) {
        for (int c = 0; c < N_COLS; c++) {
            struct evt_val v = below(w, 100) < nulls[c] / 2 ? EVT_VAL_NULL
                                                            : rnd_val(w, a, w->schema.cols[c].type);
            evt_col_set_val(&b->cols[c], i, &v);
        }
        evt_batch_end_row(b);
    }
}

/* -- random expressions -------------------------------------------------------------------------------------- */

static const struct expr *rnd_expr(struct world *w, struct base_arena *a, int depth);

static const struct expr *rnd_const(struct world *w, struct base_arena *a, const struct evt_type *t) {
    return expr_const(a, t, below(w, 10) ? rnd_val(w, a, t) : EVT_VAL_NULL, tu_span);
}

static const struct expr *rnd_leaf(struct world *w, struct base_arena *a) {
    uint32_t c = below(w, N_COLS);
    const struct evt_type *t = w->schema.cols[c].type;
    if (below(w, 3))
        return expr_col(a, c, t, tu_span);
    return rnd_const(w, a, t);
}

/* Of one type: most calls need arguments that go together. */
static const struct expr *rnd_typed(struct world *w, struct base_arena *a, int depth, uint32_t type) {
    const struct evt_type *t = w->schema.cols[2 * type].type;
    for (int tries = 0; tries < 3 && depth > 0; tries++) {
        const struct expr *e = rnd_expr(w, a, depth);
        if (evt_type_eq(e->type, t))
            return e;
    }
    return below(w, 4) ? expr_col(a, 2 * type + below(w, 2), t, tu_span) : rnd_const(w, a, t);
}

/* Arguments of one type, or of any. */
static void rnd_args(struct world *w, struct base_arena *a, int depth, const struct expr **args, uint32_t n) {
    uint32_t type = below(w, N_TYPES);
    bool same = below(w, 4) != 0;
    for (uint32_t i = 0; i < n; i++)
        args[i] = same ? rnd_typed(w, a, depth - 1, type) : rnd_expr(w, a, depth - 1);
}

static const struct expr *rnd_call(struct world *w, struct base_arena *a, int depth) {
    uint32_t n_names = 0;
    while (expr_func_at(n_names))
        n_names++;
    const struct expr_func *f;
    do
        f = expr_func_at(below(w, 2) ? below(w, 16) : below(w, n_names));
    while (strcmp(f->name, "random") == 0 || strcmp(f->name, "rand") == 0); /* never twice the same */
    uint32_t most = f->max_args > 4 ? 4 : f->max_args,
             n = f->min_args + (most > f->min_args ? below(w, most - f->min_args + 1) : 0);
    const struct expr *args[8], *e;
    rnd_args(w, a, depth, args, n);
    return expr_call_new(a, base_str_of(f->name), args, n, tu_span, &e, NULL) == CEP_OK ? e : NULL;
}

static const struct expr *rnd_node(struct world *w, struct base_arena *a, int depth) {
    static const enum expr_kind kinds[] = { EXPR_AND, EXPR_OR, EXPR_NOT, EXPR_IS_NULL, EXPR_IN, EXPR_CASE,
        EXPR_COALESCE, EXPR_ARRAY, EXPR_ELEM };
    enum expr_kind kind = kinds[below(w, sizeof kinds / sizeof kinds[0])];
    uint32_t n = kind == EXPR_NOT || kind == EXPR_IS_NULL ? 1 : kind == EXPR_ELEM ? 2 : 2 + below(w, 3);
    const struct expr *args[8], *e;
    bool consts = below(w, 3) != 0;
    rnd_args(w, a, depth, args, n);
    for (uint32_t i = 1; kind == EXPR_IN && i < n && consts; i++)
        args[i] = rnd_const(w, a, args[0]->type);
    return expr_node_new(a, kind, (kind == EXPR_IS_NULL || kind == EXPR_IN) && below(w, 2), args, n, tu_span,
               &e, NULL) == CEP_OK
               ? e
               : NULL;
}

static const struct expr *rnd_expr(struct world *w, struct base_arena *a, int depth) {
    if (depth <= 0)
        return rnd_leaf(w, a);
    for (int tries = 0; tries < 20; tries++) {
        const struct expr *e = NULL, *x;
        switch (below(w, 8)) {
        case 0: return rnd_leaf(w, a);
        case 1:
        case 2:
        case 3: e = rnd_node(w, a, depth); break;
        case 4:
            x = rnd_expr(w, a, depth - 1);
            if (expr_cast_new(a, x, w->schema.cols[below(w, N_COLS)].type, below(w, 2), tu_span, &e, NULL) !=
                CEP_OK)
                e = NULL;
            break;
        case 5:
            x = rnd_expr(w, a, depth - 1);
            e = x->type->kind == EVT_ROW ? expr_field_new(a, x, below(w, x->type->n_fields), tu_span) : NULL;
            break;
        default: e = rnd_call(w, a, depth); break;
        }
        if (e)
            return e;
    }
    return rnd_leaf(w, a);
}

/* -- the property ---------------------------------------------------------------------------------------------- */

static void say(const struct world *w, const struct expr *e, const struct evt_val *x, const struct evt_val *y,
    uint32_t row, bool xf, bool yf) {
    struct base_buf b = BASE_BUF_INIT;
    expr_write(&b, e, &w->schema, NULL);
    base_buf_puts(&b, "\nrow ");
    base_buf_printf(&b, "%u: scalar ", row);
    evt_val_write_json(&b, e->type, x);
    base_buf_puts(&b, xf ? " failed, vectorised " : ", vectorised ");
    evt_val_write_json(&b, e->type, y);
    base_buf_puts(&b, yf ? " failed\n" : "\n");
    printf("%s", base_buf_cstr(&b));
    base_buf_release(&b);
}

static void check_agreement(
    struct world *w, const struct expr *e, struct expr_vec *v, const struct evt_batch *b) {
    uint64_t sel[EVT_BATCH_ROWS / 64];
    bool all = below(w, 2);
    for (uint32_t i = 0; i < EVT_BATCH_ROWS / 64; i++)
        sel[i] = rnd(w);
    struct expr_fails fails = { .n = 0 }, fails2 = { .n = 0 };
    uint64_t hits[EVT_BATCH_ROWS / 64] = { 0 };
    if (e->type->kind == EVT_BOOL)
        expr_vec_filter(v, b, all ? NULL : sel, 1234567, hits, &fails2);
    const struct evt_col *c = expr_vec_eval(v, b, all ? NULL : sel, 1234567, &fails);
    assert_int_equal(fails.n, base_bits_count(fails.rows, EVT_BATCH_ROWS));
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    struct expr_row row;
    expr_row_init(&row, &scratch, 1234567);
    for (uint32_t i = 0; i < b->n_rows; i++) {
        bool failed = base_bits_get(fails.rows, i);
        if (!all && !base_bits_get(sel, i)) {
            assert_false(failed);
            assert_false(base_bits_get(hits, i));
            continue;
        }
        struct evt_val x, y;
        expr_row_at(&row, b, i);
        expr_eval(e, &row.env, &x);
        evt_col_get(c, i, &scratch, &y);
        if (!evt_val_eq(e->type, &x, &y) || (row.env.failure != NULL) != failed) {
            say(w, e, &x, &y, i, row.env.failure, failed);
            assert_true(false);
        }
        if (e->type->kind == EVT_BOOL) {
            assert_int_equal(base_bits_get(hits, i), !x.null && x.b);
            assert_int_equal(base_bits_get(fails2.rows, i), failed);
        }
    }
    base_arena_release(&scratch);
}

/* By every build of the loops, alone and with what another evaluator has left of the batch. */
static void check_builds(struct world *w, const struct expr *e, const struct evt_batch *b) {
    const struct expr_kern *kern;
    for (uint32_t i = 0; (kern = expr_kern_at(i)); i++) {
        struct expr_share *share = expr_share_new_on(kern);
        struct expr_vec *v = expr_vec_new_in(share, e, NULL), *again = expr_vec_new_in(share, e, NULL);
        check_agreement(w, e, v, b);
        expr_share_open(share, b);
        check_agreement(w, e, v, b);
        check_agreement(w, e, again, b);
        expr_share_close(share);
        expr_vec_free(v);
        expr_vec_free(again);
        expr_share_free(share);
    }
}

static void both_evaluators_agree(void **state) {
    struct world *w = *state;
    const char *more = getenv("EXPR_VEC_ROUNDS"), *seed = getenv("EXPR_VEC_SEED");
    if (seed)
        w->seed = strtoull(seed, NULL, 10) * 2654435761u + 1;
    int rounds = more ? atoi(more) : 400, n_calls = 0;
    struct evt_batch *b = evt_batch_new(&w->schema, 0);
    for (int round = 0; round < rounds; round++) {
        struct base_arena a;
        base_arena_init(&a, 0);
        if (round % 20 == 0) {
            base_arena_clear(&w->arena);
            base_arena_release(&w->arena);
            uint64_t now = w->seed;
            evt_batch_unref(b);
            free(w);
            start(state);
            w = *state;
            w->seed = now;
            b = evt_batch_new(&w->schema, 0);
        }
        const struct expr *e = rnd_expr(w, &a, 1 + (int)below(w, 3));
        n_calls += e->kind != EXPR_CONST && e->kind != EXPR_COL;
        for (int i = 0; i < 3; i++) {
            rnd_batch(w, &a, b);
            check_builds(w, e, b);
        }
        base_arena_release(&a);
    }
    evt_batch_unref(b);
    assert_true(n_calls > rounds / 3);
}

/* -- by hand --------------------------------------------------------------------------------------------------- */

static struct evt_batch *payments(const struct evt_schema *schema, uint32_t n) {
    struct evt_batch *b = evt_batch_new(schema, 0);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t c = 0; c < N_COLS; c++)
            evt_col_set_null(&b->cols[c], i);
        evt_col_set_val(&b->cols[4], i, &(struct evt_val){ .d = i / 2.0 });
        evt_col_set_val(&b->cols[2], i, &(struct evt_val){ .i = i % 7 });
        evt_col_set_val(&b->cols[6], i, &(struct evt_val){ .s = { i % 3 ? "DE" : "BR", 2 } });
        evt_batch_end_row(b);
    }
    return b;
}

static void filters_take_what_is_true(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = payments(&w->schema, 100);
    const struct expr *amount = expr_col(a, 4, evt_type_of(EVT_DOUBLE), tu_span),
                      *country = expr_col(a, 6, evt_type_of(EVT_STRING), tu_span);
    const struct expr *e = TU_NODE(
        a, EXPR_AND, false, tu_op(a, "<", amount, tu_d(a, 10)), tu_op(a, "=", country, tu_s(a, "BR")));
    struct expr_vec *v = expr_vec_new(e, NULL);
    uint64_t hits[EVT_BATCH_ROWS / 64];
    struct expr_fails fails = { .n = 0 };
    expr_vec_filter(v, b, NULL, 0, hits, &fails);
    assert_int_equal(base_bits_count(hits, 100), 7); /* 0, 3, ..., 18 */
    assert_true(base_bits_get(hits, 18));
    assert_int_equal(fails.n, 0);
    uint64_t *sel = evt_batch_need_sel(b);
    base_bits_unset(sel, 18);
    expr_vec_filter(v, b, NULL, 0, hits, NULL);
    assert_int_equal(base_bits_count(hits, 100), 6);
    expr_vec_free(v);
    evt_batch_unref(b);
}

static void failures_are_counted_where_they_matter(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = payments(&w->schema, 70);
    const struct expr *n = expr_col(a, 2, evt_type_of(EVT_INT), tu_span);
    const struct expr *big = tu_op(a, ">", tu_op(a, "/", tu_i(a, 12), n), tu_i(a, 3)); /* fails for 0 */
    struct expr_vec *v = expr_vec_new(big, NULL);
    uint64_t hits[EVT_BATCH_ROWS / 64];
    struct expr_fails fails = { .n = 0 };
    expr_vec_filter(v, b, NULL, 0, hits, &fails);
    assert_int_equal(fails.n, 10);
    assert_string_equal(fails.reason, "division by zero");
    assert_int_equal(base_bits_count(hits, 70), 30); /* 1, 2, 3 */
    expr_vec_free(v);
    v = expr_vec_new(TU_NODE(a, EXPR_AND, false, big, tu_op(a, "<>", n, tu_i(a, 0))), NULL);
    fails = (struct expr_fails){ .n = 0 };
    expr_vec_filter(v, b, NULL, 0, hits, &fails);
    assert_int_equal(fails.n, 0);
    assert_int_equal(base_bits_count(hits, 70), 30);
    expr_vec_free(v);
    evt_batch_unref(b);
}

/* Lists long enough for a table, and short ones, of ints and strings, long strings among them. */
static void sets_hold_their_constants(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = evt_batch_new(&w->schema, 0);
    for (uint32_t n_list = 1; n_list < 300; n_list += 1 + n_list / 8) {
        const struct expr *ints[301] = { expr_col(a, 2, evt_type_of(EVT_INT), tu_span) },
                          *strs[301] = { expr_col(a, 6, evt_type_of(EVT_STRING), tu_span) };
        bool longs = below(w, 2);
        for (uint32_t i = 1; i <= n_list; i++) {
            ints[i] = below(w, 8) ? tu_i(a, (int64_t)below(w, 400) << (below(w, 2) * 40))
                                  : tu_i(a, rnd_int(w));
            strs[i] = tu_s(a, base_arena_printf(a, longs ? "card-000-%u" : "c%u", below(w, 400)));
        }
        evt_batch_clear(b);
        for (uint32_t i = 0; i < 500; i++) {
            for (uint32_t c = 0; c < N_COLS; c++)
                evt_col_set_null(&b->cols[c], i);
            if (below(w, 9)) {
                evt_col_set_val(&b->cols[2], i, &ints[1 + below(w, n_list)]->val);
                evt_col_set_val(&b->cols[6], i, &strs[1 + below(w, n_list)]->val);
            } else {
                evt_col_set_val(&b->cols[2], i, &(struct evt_val){ .i = below(w, 400) });
            }
            evt_batch_end_row(b);
        }
        for (int k = 0; k < 2; k++)
            check_builds(w, tu_noden(a, EXPR_IN, n_list & 1, k ? ints : strs, n_list + 1), b);
    }
    evt_batch_unref(b);
}

/* Values that all fall into one bucket under the first multiplier: another one, or none, is as right. */
static void sets_stand_values_that_collide(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = payments(&w->schema, 200);
    const struct expr *args[65] = { expr_col(a, 2, evt_type_of(EVT_INT), tu_span) };
    uint64_t inverse = UINT64_C(0x9e3779b97f4a7c15);
    for (int i = 0; i < 6; i++) /* Newton's iteration for the inverse of an odd number */
        inverse *= 2 - UINT64_C(0x9e3779b97f4a7c15) * inverse;
    for (uint64_t i = 1; i < 65; i++)
        args[i] = tu_i(a, (int64_t)(i * inverse));
    for (uint32_t i = 0; i < 200; i++)
        b->cols[2].i[i] = (int64_t)(i * inverse);
    check_builds(w, tu_noden(a, EXPR_IN, false, args, 65), b);
    evt_batch_unref(b);
}

/* Every pair of bounds: those that belong to it and those that do not, at the ends of the types too. */
static void ranges_keep_their_bounds(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = evt_batch_new(&w->schema, 0);
    static const char *const low[] = { ">", ">=" }, *const high[] = { "<", "<=" };
    for (int round = 0; round < 60; round++) {
        uint32_t col = below(w, 2) ? 2 : 4, other = col + 1;
        const struct evt_type *t = w->schema.cols[col].type;
        const struct expr *x = expr_col(a, col, t, tu_span), *y = expr_col(a, other, t, tu_span),
                          *lo = expr_const(a, t, rnd_val(w, a, t), tu_span),
                          *hi = expr_const(a, t, rnd_val(w, a, t), tu_span);
        const struct expr *e[] = { tu_op(a, low[below(w, 2)], x, lo), tu_op(a, ">=", y, lo),
            tu_op(a, high[below(w, 2)], hi, x), tu_op(a, high[below(w, 2)], x, hi) };
        rnd_batch(w, a, b);
        check_builds(w, tu_noden(a, EXPR_AND, false, e, 2 + below(w, 3)), b);
        check_builds(w, TU_NODE(a, EXPR_AND, false, e[0], e[3]), b);
        check_builds(w, TU_NODE(a, EXPR_NOT, false, TU_NODE(a, EXPR_AND, false, e[3], e[0])), b);
    }
    evt_batch_unref(b);
}

/* like in all its simple forms, of texts shorter and longer than what kernels look at first. */
static void parts_of_strings_are_found(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = evt_batch_new(&w->schema, 0);
    static const char *const forms[] = { "%s", "%s%%", "%%%s", "%%%s%%", "%s\\%%", "%%\\_%s", "%s_" };
    static const char *const funcs[] = { "starts_with", "ends_with", "contains", "=", "<", ">=" };
    const struct expr *x = expr_col(a, 6, evt_type_of(EVT_STRING), tu_span);
    for (int round = 0; round < 120; round++) {
        struct evt_val part = rnd_str(w, a);
        const char *text = base_arena_strndup(a, part.s.p, part.s.len);
        const struct expr *e;
        if (below(w, 2)) {
            char pattern[600];
            snprintf(pattern, sizeof pattern, forms[below(w, sizeof forms / sizeof forms[0])], text);
            e = tu_op(a, "like", x, tu_s(a, base_arena_strdup(a, pattern)));
        } else {
            e = tu_op(a, funcs[below(w, 6)], x, expr_const(a, evt_type_of(EVT_STRING), part, tu_span));
        }
        rnd_batch(w, a, b);
        check_builds(w, e, b);
    }
    evt_batch_unref(b);
}

/* Strings that end where their buffer does: nothing is read behind it (the sanitizers look). */
static void keys_stay_within_the_buffer(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = evt_batch_new(&w->schema, 0);
    for (uint32_t i = 0; i < 128; i++) {
        for (uint32_t c = 0; c < N_COLS; c++)
            evt_col_set_null(&b->cols[c], i);
        evt_col_set_bytes(&b->cols[6], i, "abcdefghijklmnopqrstuvwxyz012345", 32);
        evt_batch_end_row(b);
    }
    assert_int_equal(b->cols[6].cap_bytes, b->cols[6].off[128]);
    const struct expr *x = expr_col(a, 6, evt_type_of(EVT_STRING), tu_span);
    const char *parts[] = { "a", "45", "345", "abcdefghijklmnopqrstuvwxyz012345", "2345a", "" };
    for (int i = 0; i < 6; i++) {
        check_builds(w, tu_op(a, "=", x, tu_s(a, parts[i])), b);
        check_builds(w, tu_op(a, "ends_with", x, tu_s(a, parts[i])), b);
        check_builds(w, tu_op(a, "contains", x, tu_s(a, parts[i])), b);
        check_builds(w, tu_op(a, "starts_with", x, tu_s(a, parts[i])), b);
    }
    evt_batch_unref(b);
}

/* A batch whose columns 2 (int), 4 (double) and 6 (string) go through the values given, over and over. */
static struct evt_batch *limits(const struct evt_schema *schema, const int64_t *ints, const double *doubles,
    const struct base_str *strs, uint32_t n) {
    struct evt_batch *b = evt_batch_new(schema, 0);
    for (uint32_t i = 0; i < 200; i++) {
        for (uint32_t c = 0; c < N_COLS; c++)
            evt_col_set_null(&b->cols[c], i);
        if (ints)
            evt_col_set_val(&b->cols[2], i, &(struct evt_val){ .i = ints[i % n] });
        if (doubles)
            evt_col_set_val(&b->cols[4], i, &(struct evt_val){ .d = doubles[i % n] });
        if (strs)
            evt_col_set_bytes(&b->cols[6], i, strs[i % n].p, (uint32_t)strs[i % n].len);
        evt_batch_end_row(b);
    }
    return b;
}

/* Where numbers are too wide for the short way: products beyond 32 bits, conversions beyond 51. */
static void numbers_at_the_limits_of_kernels(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    const struct expr *x = expr_col(a, 2, evt_type_of(EVT_INT), tu_span), *d;
    assert_int_equal(expr_cast_new(a, x, evt_type_of(EVT_DOUBLE), false, tu_span, &d, NULL), CEP_OK);
    for (int bits = 29; bits < 63; bits++) {
        int64_t p = INT64_C(1) << bits;
        const int64_t around[] = { p, p - 1, p + 1, -p, -p - 1, -p + 1, 3, -1 };
        struct evt_batch *b = limits(&w->schema, around, NULL, NULL, 8);
        check_builds(w, tu_op(a, "*", x, x), b);
        check_builds(w, tu_op(a, "*", x, tu_i(a, 3)), b);
        check_builds(w, tu_op(a, "*", tu_i(a, p), x), b);
        check_builds(w, tu_op(a, "+", d, tu_d(a, 0)), b);
        evt_batch_unref(b);
    }
}

/* What is not finite may go in and come out, but not by a zero or as an overflow. */
static void doubles_that_are_not_finite(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    static const double doubles[] = { INFINITY, -INFINITY, NAN, DBL_MAX, -DBL_MAX, 0, -0.0, 4.9e-324 };
    static const char *const ops[] = { "+", "-", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=" };
    struct evt_batch *b = limits(&w->schema, NULL, doubles, NULL, 8);
    for (uint32_t i = 0; i < 200; i++)
        evt_col_set_val(&b->cols[5], i, &(struct evt_val){ .d = doubles[i / 8 % 8] });
    const struct expr *x = expr_col(a, 4, evt_type_of(EVT_DOUBLE), tu_span),
                      *y = expr_col(a, 5, evt_type_of(EVT_DOUBLE), tu_span);
    for (int op = 0; op < 11; op++) {
        check_builds(w, tu_op(a, ops[op], x, y), b);
        for (int i = 0; i < 8; i++) {
            check_builds(w, tu_op(a, ops[op], x, tu_d(a, doubles[i])), b);
            check_builds(w, tu_op(a, ops[op], tu_d(a, doubles[i]), x), b);
        }
    }
    evt_batch_unref(b);
}

/* Beyond the last value there is none: x > MAX is false of MAX, whatever it is joined with. */
static void ranges_end_where_types_end(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    static const int64_t ints[] = { INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1 };
    static const double doubles[] = { INFINITY, -INFINITY, DBL_MAX, -DBL_MAX };
    struct evt_batch *b = limits(&w->schema, ints, doubles, NULL, 4);
    const struct expr *x = expr_col(a, 2, evt_type_of(EVT_INT), tu_span),
                      *y = expr_col(a, 4, evt_type_of(EVT_DOUBLE), tu_span);
    for (int i = 0; i < 16; i++) {
        const struct expr *lo = tu_i(a, ints[i % 4]), *hi = tu_i(a, ints[i / 4]);
        check_builds(w, TU_NODE(a, EXPR_AND, false, tu_op(a, ">", x, lo), tu_op(a, "<=", x, hi)), b);
        check_builds(w, TU_NODE(a, EXPR_AND, false, tu_op(a, "<", x, hi), tu_op(a, ">=", x, lo)), b);
        lo = tu_d(a, doubles[i % 4]), hi = tu_d(a, doubles[i / 4]);
        check_builds(w, TU_NODE(a, EXPR_AND, false, tu_op(a, ">", y, lo), tu_op(a, "<=", y, hi)), b);
        check_builds(w, TU_NODE(a, EXPR_AND, false, tu_op(a, "<", y, hi), tu_op(a, ">=", y, lo)), b);
    }
    evt_batch_unref(b);
}

/* Zeros that look like padding, and lengths around those that a key can tell. */
static void strings_at_the_limits_of_keys(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    char x[600];
    memset(x, 'x', sizeof x);
    const struct base_str strs[] = { BASE_STR("a"), BASE_STR("a\0"), BASE_STR("a\0b"), BASE_STR(""),
        BASE_STR("\0"), BASE_STR("aaaaaaa"), BASE_STR("aaaaaaaa"), BASE_STR("aaaaaa\0"), BASE_STR("aaaaaa"),
        { x, 253 }, { x, 254 }, { x, 255 }, { x, 256 }, { x, 257 }, { x, 511 }, { x, 512 } };
    enum { N = sizeof strs / sizeof strs[0] };
    static const char *const funcs[] = { "starts_with", "ends_with", "contains", "=", "<", ">=", "<>" };
    struct evt_batch *b = limits(&w->schema, NULL, NULL, strs, N);
    const struct expr *s = expr_col(a, 6, evt_type_of(EVT_STRING), tu_span), *all[N + 1] = { s };
    for (uint32_t i = 0; i < N; i++) {
        all[i + 1] = expr_const(a, evt_type_of(EVT_STRING),
            (struct evt_val){ .s = { strs[i].p, (uint32_t)strs[i].len } }, tu_span);
        for (int f = 0; f < 7; f++)
            check_builds(w, tu_op(a, funcs[f], s, all[i + 1]), b);
        check_builds(w, tu_noden(a, EXPR_IN, false, all, i + 2), b);
    }
    evt_batch_unref(b);
}

static void columns_are_mapped(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = payments(&w->schema, 10);
    const int32_t map[2] = { 4, -1 };
    const struct expr *e = TU_NODE(a, EXPR_OR, false,
        tu_op(a, "<", expr_col(a, 0, evt_type_of(EVT_DOUBLE), tu_span), tu_d(a, 1)),
        TU_NODE(a, EXPR_IS_NULL, false, expr_col(a, 1, evt_type_of(EVT_STRING), tu_span)));
    struct expr_vec *v = expr_vec_new(e, map);
    const struct evt_col *c = expr_vec_eval(v, b, NULL, 0, NULL);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(c->b[i], 1);
    expr_vec_free(v);
    evt_batch_unref(b);
}

static void evaluating_again_allocates_nothing(void **state) {
    struct world *w = *state;
    struct base_arena *a = &w->arena;
    struct evt_batch *b = payments(&w->schema, 1000);
    const struct expr *amount = expr_col(a, 4, evt_type_of(EVT_DOUBLE), tu_span),
                      *country = expr_col(a, 6, evt_type_of(EVT_STRING), tu_span);
    const struct expr *text;
    assert_int_equal(expr_cast_new(a, amount, evt_type_of(EVT_STRING), false, tu_span, &text, NULL), CEP_OK);
    const struct expr *e = TU_NODE(a, EXPR_CASE, false,
        tu_op(a, "<", tu_op(a, "+", amount, amount), tu_d(a, 1)), tu_op(a, "||", country, text), country);
    struct expr_vec *v = expr_vec_new(e, NULL);
    for (int i = 0; i < 3; i++) {
        uint64_t before = base_mem_n_allocs();
        (void)expr_vec_eval(v, b, NULL, 0, NULL);
        if (i > 0)
            assert_int_equal(base_mem_n_allocs(), before);
    }
    expr_vec_free(v);
    evt_batch_unref(b);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)
    const struct CMUnitTest tests[] = { T(filters_take_what_is_true),
        T(failures_are_counted_where_they_matter), T(sets_hold_their_constants),
        T(sets_stand_values_that_collide), T(ranges_keep_their_bounds), T(parts_of_strings_are_found),
        T(keys_stay_within_the_buffer), T(numbers_at_the_limits_of_kernels), T(doubles_that_are_not_finite),
        T(ranges_end_where_types_end), T(strings_at_the_limits_of_keys), T(columns_are_mapped),
        T(evaluating_again_allocates_nothing), T(both_evaluators_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
