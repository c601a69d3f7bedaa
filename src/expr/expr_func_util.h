#pragma once
/*
 * expr_func_util -- what the families of functions share: rows, failures, strings by code points.
 *
 * Results that need memory are made in call->scratch and are at most EXPR_RESULT_MAX bytes: a function that multiplies its
 * input (repeat, lpad, replace) fails instead of filling the memory.
 */
#include "expr/expr_func.h"

enum { EXPR_RESULT_MAX = 16 * 1024 * 1024 };

/* A row of a table. RESULT and the sigs of the arguments are written without EXPR_SIG_. */
#define EXPR_ROW(NAME, RESULT, FN, MIN, MAX, HELP, ...)                                \
    {                                                                                  \
        .name = (NAME), .args = { __VA_ARGS__ }, .min_args = (MIN), .max_args = (MAX), \
        .result = EXPR_SIG_##RESULT, .fn = (FN), .help = (HELP)                        \
    }
/* With a prepare step for constant arguments. */
#define EXPR_ROW_PREPARED(NAME, RESULT, FN, PREPARE, MIN, MAX, HELP, ...)              \
    {                                                                                  \
        .name = (NAME), .args = { __VA_ARGS__ }, .min_args = (MIN), .max_args = (MAX), \
        .result = EXPR_SIG_##RESULT, .fn = (FN), .prepare = (PREPARE), .help = (HELP)  \
    }
/* That sees nulls. */
#define EXPR_ROW_NULLS(NAME, RESULT, FN, MIN, MAX, HELP, ...)                          \
    {                                                                                  \
        .name = (NAME), .args = { __VA_ARGS__ }, .min_args = (MIN), .max_args = (MAX), \
        .result = EXPR_SIG_##RESULT, .null_ok = true, .fn = (FN), .help = (HELP)       \
    }
/* Whose result type is computed. */
#define EXPR_ROW_TYPED(NAME, RESULT_TYPE, FN, MIN, MAX, HELP, ...)                                 \
    {                                                                                              \
        .name = (NAME), .args = { __VA_ARGS__ }, .min_args = (MIN), .max_args = (MAX), .fn = (FN), \
        .help = (HELP), .result_type = (RESULT_TYPE)                                               \
    }
#define EXPR_ROWS_END \
    { .name = NULL }
enum { EXPR_ANY_NUMBER = UINT8_MAX }; /* max_args: the last sig repeats */

static inline void expr_fail(struct expr_call *call, struct evt_val *out, const char *why) {
    call->failure = why;
    *out = EVT_VAL_NULL;
}
static inline void expr_put_int(struct evt_val *out, int64_t i) {
    *out = (struct evt_val){ .i = i };
}
static inline void expr_put_bool(struct evt_val *out, bool b) {
    *out = (struct evt_val){ .b = b };
}
static inline void expr_put_f64(struct evt_val *out, double d) {
    *out = (struct evt_val){ .d = d };
}
/* Borrows the bytes. Requires: s.len <= UINT32_MAX. */
static inline void expr_put_str(struct evt_val *out, struct base_str s) {
    *out = (struct evt_val){ .s = { s.p, (uint32_t)s.len } };
}

/* Room for a result in scratch. Returns: NULL after failing the call when len > EXPR_RESULT_MAX. */
char *expr_result_alloc(struct expr_call *call, struct evt_val *out, size_t len);

/* The first of an array of strings that equals s in any case, or -1. For names of units and fields. */
int expr_name_index(const char *const *names, size_t n, struct base_str s);

/* Bytes of the character that begins with byte c: 1 for what begins none, so that walking always ends. */
static inline size_t expr_utf8_width(char c) {
    unsigned char u = (unsigned char)c;
    return u < 0xc0 ? 1 : u < 0xe0 ? 2 : u < 0xf0 ? 3 : 4;
}
/* Offset of the n-th character (from 0), s.len when there are fewer. */
size_t expr_utf8_off(struct base_str s, int64_t n);
/* Reads the character at *off and moves on; a byte that is none of UTF-8 counts as U+FFFD. Requires: *off < s.len. */
uint32_t expr_utf8_next(struct base_str s, size_t *off);
/* Writes c (a code point, not a surrogate). Returns: bytes, at most 4. */
size_t expr_utf8_put(char *to, uint32_t c);

/* Offset of the first `what` in s at or after `from`, or -1. An empty one is found at `from`. */
int64_t expr_str_find(struct base_str s, struct base_str what, size_t from);
