/*
 * expr_bench -- what conditions over a batch of 1,024 rows cost, filtered into bitmaps, by each build of the loops: each alone,
 * ten of them that share the batch's columns, the ten as one condition; and the scalar evaluator for comparison. The best of
 * several rounds, in time of this thread.
 */
#include "base/base_check.h"
#include "expr/expr_func.h"
#include "expr/expr_row.h"
#include "expr/expr_vec.h"
#include "expr/expr_vec_internal.h"

#include <stdio.h>
#include <time.h>

static const struct cep_span no_span = { .line = 0 };

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others may be using the machine */
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static const struct expr *bench_call(
    struct base_arena *a, const char *name, const struct expr *x, const struct expr *y) {
    const struct expr *e = NULL;
    enum cep_rc rc = expr_call_new(
        a, base_str_of(name), (const struct expr *const[]){ x, y }, y ? 2 : 1, no_span, &e, NULL);
    CEP_INSIST(rc == CEP_OK);
    return e;
}

static const struct expr *bench_node(
    struct base_arena *a, enum expr_kind kind, const struct expr *const *args, uint32_t n) {
    const struct expr *e = NULL;
    enum cep_rc rc = expr_node_new(a, kind, false, args, n, no_span, &e, NULL);
    CEP_INSIST(rc == CEP_OK);
    return e;
}

static const struct expr *num(struct base_arena *a, double d) {
    return expr_const(a, evt_type_of(EVT_DOUBLE), (struct evt_val){ .d = d }, no_span);
}
static const struct expr *whole(struct base_arena *a, int64_t i) {
    return expr_const(a, evt_type_of(EVT_INT), (struct evt_val){ .i = i }, no_span);
}
static const struct expr *str(struct base_arena *a, const char *z) {
    return expr_const(
        a, evt_type_of(EVT_STRING), (struct evt_val){ .s = { z, (uint32_t)strlen(z) } }, no_span);
}

static void fill(struct evt_batch *b) {
    static const char *const countries[] = { "DE", "BR", "FR", "US" };
    uint64_t x = 88172645463325252u;
    for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        char card[16];
        int n = snprintf(card, sizeof card, "card-%u", (unsigned)(x >> 32) % 1000);
        evt_col_set_bytes(&b->cols[0], i, card, (uint32_t)n);
        evt_col_set_d(&b->cols[1], i, (double)(x >> 40 & 0xfff) / 8);
        evt_col_set_bytes(&b->cols[2], i, countries[x & 3], 2);
        evt_col_set_i(&b->cols[3], i, (int64_t)i * 1000000);
        if (x >> 8 & 15)
            evt_col_set_i(&b->cols[4], i, (int64_t)(x >> 20 & 0xff));
        else
            evt_col_set_null(&b->cols[4], i);
        evt_batch_end_row(b);
    }
}

enum { ROUNDS = 40, PER_ROUND = 50, MAX_CONDS = 16 };

/* ns for evaluating all conditions on the batch, with one build of the loops: the best of several rounds. */
static double bench_filter(const struct expr_kern *kern, const struct expr *const *e, size_t n,
    const struct evt_batch *b, unsigned *hits) {
    struct expr_share *share = expr_share_new_on(kern);
    struct expr_vec *v[MAX_CONDS];
    uint64_t out[EVT_BATCH_ROWS / 64];
    int64_t best = INT64_MAX;
    CEP_INSIST(n <= MAX_CONDS);
    for (size_t k = 0; k < n; k++)
        v[k] = expr_vec_new_in(share, e[k], NULL);
    for (int r = 0; r < ROUNDS; r++) {
        int64_t from = now_ns();
        for (int i = 0; i < PER_ROUND; i++) {
            struct expr_fails fails = { .n = 0 };
            expr_share_open(share, b);
            for (size_t k = 0; k < n; k++)
                expr_vec_filter(v[k], b, NULL, 0, out, &fails);
            expr_share_close(share);
        }
        int64_t took = now_ns() - from;
        best = took < best ? took : best;
    }
    *hits = 0;
    for (int w = 0; w < EVT_BATCH_ROWS / 64; w++)
        *hits += (unsigned)__builtin_popcountll(out[w]);
    for (size_t k = 0; k < n; k++)
        expr_vec_free(v[k]);
    expr_share_free(share);
    return (double)best / PER_ROUND;
}

static const struct expr_kern *bench_build(const char *name) {
    const struct expr_kern *kern = NULL;
    for (uint32_t i = 0; (kern = expr_kern_at(i)); i++)
        if (strcmp(kern->name, name) == 0)
            return kern;
    return NULL;
}

/* A row of the table: the builds in columns, how much faster v3 is than v2, and what was evaluated. */
static void bench_row(
    const struct expr *const *e, size_t n, const struct evt_batch *b, const char *what, double per) {
    static const char *const names[] = { "v3", "v2", "plain" };
    unsigned hits = 0;
    double ns[3] = { 0, 0, 0 };
    for (int i = 0; i < 3; i++) {
        const struct expr_kern *kern = bench_build(names[i]);
        if (kern)
            ns[i] = bench_filter(kern, e, n, b, &hits) / per;
        printf(kern ? "%8.3f" : "       -", ns[i]);
    }
    printf(ns[0] > 0 ? "%7.2f" : "      -", ns[1] / ns[0]);
    printf("%7u  %s\n", hits, what);
}

static void bench_conditions(const struct expr *const *e, size_t n, const struct evt_batch *b) {
    for (size_t i = 0; i < n; i++) {
        struct base_buf text = BASE_BUF_INIT;
        expr_write(&text, e[i], b->schema, NULL);
        bench_row(&e[i], 1, b, base_buf_cstr(&text), EVT_BATCH_ROWS);
        base_buf_release(&text);
    }
}

static double bench_scalar(const struct expr *e, const struct evt_batch *b) {
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    struct expr_row row;
    expr_row_init(&row, &scratch, 0);
    int64_t best = INT64_MAX;
    unsigned hits = 0;
    for (int r = 0; r < ROUNDS; r++) {
        int64_t from = now_ns();
        for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++) {
            expr_row_at(&row, b, i);
            hits += expr_eval_bool(e, &row.env);
        }
        int64_t took = now_ns() - from;
        best = took < best ? took : best;
        base_arena_clear(&scratch);
    }
    base_arena_release(&scratch);
    return hits ? (double)best / EVT_BATCH_ROWS : 0;
}

int main(void) {
    struct base_arena a;
    base_arena_init(&a, 0);
    const struct evt_column cols[] = { { BASE_STR("card"), evt_type_of(EVT_STRING), false },
        { BASE_STR("amount"), evt_type_of(EVT_DOUBLE), false },
        { BASE_STR("country"), evt_type_of(EVT_STRING), false },
        { BASE_STR("at"), evt_type_of(EVT_TIMESTAMP), false },
        { BASE_STR("n"), evt_type_of(EVT_INT), false } };
    const struct evt_schema schema = { 5, 5, cols };
    struct evt_batch *b = evt_batch_new(&schema, 0);
    fill(b);
    const struct expr *c[5];
    for (uint32_t i = 0; i < 5; i++)
        c[i] = expr_col(&a, i, cols[i].type, no_span);
    const struct expr *small = bench_call(&a, "<", c[1], num(&a, 2.0)),
                      *brazil = bench_call(&a, "=", c[2], str(&a, "BR"));
    const struct expr *in3[] = { c[2], str(&a, "BR"), str(&a, "FR"), str(&a, "CN") };
    const struct expr *in20[21] = { c[4] };
    for (int i = 1; i <= 20; i++)
        in20[i] = whole(&a, i * 11);
    const struct expr *between = bench_node(&a, EXPR_AND,
        (const struct expr *const[]){
            bench_call(&a, ">=", c[1], num(&a, 100)), bench_call(&a, "<=", c[1], num(&a, 400)) },
        2);
    const struct expr *ten[] = {
        small,
        between,
        bench_call(&a, ">", c[4], whole(&a, 100)),
        bench_node(&a, EXPR_IN, in20, 21),
        bench_call(&a, ">=", c[3],
            expr_const(&a, evt_type_of(EVT_TIMESTAMP), (struct evt_val){ .i = 500000000 }, no_span)),
        brazil,
        bench_node(&a, EXPR_IN, in3, 4),
        bench_call(&a, "<>", c[2], str(&a, "DE")),
        bench_call(&a, "=", c[0], str(&a, "card-77")),
        bench_call(&a, "like", c[0], str(&a, "card-9%")),
    };
    const struct expr *more[] = {
        bench_call(&a, "=", c[0], str(&a, "card-777")),
        bench_call(&a, "like", c[0], str(&a, "%77")),
        bench_call(&a, "like", c[0], str(&a, "%d-7%")),
        bench_call(&a, "<", c[0], str(&a, "card-5")),
        bench_call(&a, "=", c[0], c[2]),
        bench_node(&a, EXPR_AND,
            (const struct expr *const[]){
                bench_call(&a, ">", c[1], num(&a, 400)), bench_call(&a, "<>", c[2], str(&a, "DE")) },
            2),
        bench_node(&a, EXPR_OR,
            (const struct expr *const[]){ small, brazil, bench_node(&a, EXPR_IS_NULL, &c[4], 1) }, 3),
        bench_call(&a, ">", bench_call(&a, "+", bench_call(&a, "*", c[1], num(&a, 1.19)), num(&a, 5)), c[4]),
        bench_call(&a, ">", bench_call(&a, "*", c[4], whole(&a, 3)), whole(&a, 300)),
        bench_call(&a, "=", bench_call(&a, "%", c[4], whole(&a, 7)), whole(&a, 0)),
        bench_node(&a, EXPR_AND,
            (const struct expr *const[]){
                small, bench_call(&a, "=", bench_call(&a, "lower", c[2], NULL), str(&a, "br")) },
            2),
        bench_call(&a, "=", bench_call(&a, "lower", c[2], NULL), str(&a, "br")),
    };
    printf("ns a row, a condition alone\n%8s%8s%8s%7s%7s  condition\n", "v3", "v2", "plain", "v2/v3", "hits");
    bench_conditions(ten, CEP_COUNT_OF(ten), b);
    bench_conditions(more, CEP_COUNT_OF(more), b);
    printf("us a batch of 1,024 rows\n");
    bench_row(ten, CEP_COUNT_OF(ten), b, "the first ten conditions, one after the other", 1000);
    const struct expr *all = bench_node(&a, EXPR_AND, ten, CEP_COUNT_OF(ten));
    bench_row(&all, 1, b, "the first ten as one conjunction", 1000);
    printf("%8.3f ns a row for the first, by the scalar evaluator\n", bench_scalar(small, b));
    evt_batch_unref(b);
    base_arena_release(&a);
    return 0;
}
