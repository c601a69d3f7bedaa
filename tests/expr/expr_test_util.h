#pragma once
/*
 * expr_test_util -- short constructors for expressions in tests. Every test is one file with one arena.
 */
#include "base/base_check.h"
#include "expr/expr_eval.h"
#include "expr/expr_func.h"

#include <stdio.h>

static const struct cep_span tu_span = { .line = 1, .col = 1 };

static inline const struct expr *tu_i(struct base_arena *a, int64_t i) {
    return expr_const(a, evt_type_of(EVT_INT), (struct evt_val){ .i = i }, tu_span);
}
static inline const struct expr *tu_d(struct base_arena *a, double d) {
    return expr_const(a, evt_type_of(EVT_DOUBLE), (struct evt_val){ .d = d }, tu_span);
}
static inline const struct expr *tu_b(struct base_arena *a, bool b) {
    return expr_const(a, evt_type_of(EVT_BOOL), (struct evt_val){ .b = b }, tu_span);
}
static inline const struct expr *tu_s(struct base_arena *a, const char *z) {
    return expr_const(
        a, evt_type_of(EVT_STRING), (struct evt_val){ .s = { z, (uint32_t)strlen(z) } }, tu_span);
}
static inline const struct expr *tu_null(struct base_arena *a) {
    return expr_const(a, evt_type_of(EVT_NULL), EVT_VAL_NULL, tu_span);
}
static inline const struct expr *tu_us(struct base_arena *a, enum evt_kind kind, int64_t us) {
    return expr_const(a, evt_type_of(kind), (struct evt_val){ .i = us }, tu_span);
}
static inline const struct expr *tu_dec(struct base_arena *a, int64_t v, unsigned p, unsigned s) {
    return expr_const(a, evt_type_decimal(a, p, s), evt_val_of_dec(v), tu_span);
}
/* A call; says what is wrong and stops when there is none. */
static inline const struct expr *tu_calln(
    struct base_arena *a, const char *name, const struct expr *const *args, uint32_t n) {
    const struct expr *e = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (expr_call_new(a, base_str_of(name), args, n, tu_span, &e, &err) != CEP_OK)
        printf("%s: %s (%s)\n", name, err.message, err.hint);
    CEP_INSIST(e);
    return e;
}
static inline const struct expr *tu_op(
    struct base_arena *a, const char *op, const struct expr *x, const struct expr *y) {
    return tu_calln(a, op, (const struct expr *const[]){ x, y }, y ? 2 : 1);
}
static inline const struct expr *tu_noden(
    struct base_arena *a, enum expr_kind kind, bool flag, const struct expr *const *args, uint32_t n) {
    const struct expr *e = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (expr_node_new(a, kind, flag, args, n, tu_span, &e, &err) != CEP_OK)
        printf("node %d: %s (%s)\n", (int)kind, err.message, err.hint);
    CEP_INSIST(e);
    return e;
}
#define TU_NODE(a, kind, flag, ...)                                            \
    tu_noden((a), (kind), (flag), (const struct expr *const[]){ __VA_ARGS__ }, \
        sizeof((const struct expr *const[]){ __VA_ARGS__ }) / sizeof(struct expr *))
