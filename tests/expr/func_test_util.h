#pragma once
/*
 * func_test_util -- calls written as text, for tables of tests and for the examples in doc/functions.md.
 *
 *     func_text(a, "round(2.675, 2)", false)  gives "2.68"
 *
 * The text: a call, or an argument `like`, `ilike` or `similar to` another. Arguments are calls, numbers (with a point:
 * double), 'strings', true, false, null, durations (`5 s`), timestamp '...', decimal '12.50' and bytes '68656c6c6f' (in hex; the
 * last two are not of the language). The result: the value as text; "fails: why"; "error: message" when it does not compile.
 * With `late` the arguments are columns, so that nothing is prepared or folded.
 */
#include "tests/expr/expr_test_util.h"

#include "base/base_num.h"

struct func_parse {
    struct base_arena *a;
    const char *p;
    bool late;
    struct evt_val cols[64];
    uint32_t n_cols;
    struct cep_err err;
};

static const struct expr *func_parse_expr(struct func_parse *f);

static inline void func_blank(struct func_parse *f) {
    while (*f->p == ' ')
        f->p++;
}

static inline bool func_word(struct func_parse *f, const char *word) {
    size_t n = strlen(word);
    if (strncmp(f->p, word, n) != 0)
        return false;
    f->p += n;
    func_blank(f);
    return true;
}

static inline const struct expr *func_leaf(struct func_parse *f, const struct evt_type *t, struct evt_val v) {
    if (!f->late || t->kind == EVT_NULL)
        return expr_const(f->a, t, v, tu_span);
    CEP_INSIST(f->n_cols < CEP_COUNT_OF(f->cols));
    f->cols[f->n_cols] = v;
    return expr_col(f->a, f->n_cols++, t, tu_span);
}

/* After the opening quote. */
static inline struct base_str func_quoted(struct func_parse *f) {
    char *to = base_arena_alloc(f->a, strlen(f->p) + 1);
    size_t n = 0;
    while (*f->p && !(f->p[0] == '\'' && f->p[1] != '\'')) {
        f->p += *f->p == '\'';
        to[n++] = *f->p++;
    }
    CEP_INSIST(*f->p == '\'');
    f->p++;
    return (struct base_str){ to, n };
}

static inline struct evt_val func_unhex(struct base_arena *a, struct base_str s) {
    char *to = base_arena_alloc(a, s.len / 2 + 1);
    for (size_t i = 0; i + 1 < s.len; i += 2) {
        unsigned byte = 0;
        CEP_INSIST(sscanf(s.p + i, "%2x", &byte) == 1);
        to[i / 2] = (char)byte;
    }
    return (struct evt_val){ .s = { to, (uint32_t)(s.len / 2) } };
}

static inline const struct expr *func_number(struct func_parse *f) {
    size_t n = strspn(f->p, "-0123456789.e+");
    struct base_str s = { f->p, n };
    struct evt_val v = { .null = false };
    f->p += n;
    size_t blank = strspn(f->p, " "), unit = strspn(f->p + blank, "abcdefghijklmnopqrstuvwxyz");
    struct base_str d = { s.p, n + blank + unit };
    if (unit && base_parse_duration(d, &v.i)) {
        f->p += blank + unit;
        return func_leaf(f, evt_type_of(EVT_DURATION), v);
    }
    if (base_parse_i64(s, &v.i))
        return func_leaf(f, evt_type_of(EVT_INT), v);
    CEP_INSIST(base_parse_f64(s, &v.d));
    return func_leaf(f, evt_type_of(EVT_DOUBLE), v);
}

static inline const struct expr *func_call(struct func_parse *f) {
    size_t n = strspn(f->p, "abcdefghijklmnopqrstuvwxyz_0123456789");
    struct base_str name = { f->p, n };
    CEP_INSIST(n > 0);
    f->p += n;
    const struct expr *args[16], *out = NULL;
    uint32_t n_args = 0;
    if (func_word(f, "("))
        while (!func_word(f, ")")) {
            CEP_INSIST(*f->p && n_args < CEP_COUNT_OF(args));
            args[n_args] = func_parse_expr(f);
            if (!args[n_args++])
                return NULL;
            func_blank(f);
            func_word(f, ",");
        }
    if (expr_call_new(f->a, name, args, n_args, tu_span, &out, &f->err) != CEP_OK)
        return NULL;
    return out;
}

static inline const struct expr *func_arg(struct func_parse *f) {
    struct evt_val v = { .null = false };
    func_blank(f);
    if (func_word(f, "null"))
        return tu_null(f->a);
    if (func_word(f, "true"))
        return func_leaf(f, evt_type_of(EVT_BOOL), (struct evt_val){ .b = true });
    if (func_word(f, "false"))
        return func_leaf(f, evt_type_of(EVT_BOOL), v);
    if (func_word(f, "timestamp '")) {
        CEP_INSIST(base_parse_timestamp(func_quoted(f), &v.i));
        return func_leaf(f, evt_type_of(EVT_TIMESTAMP), v);
    }
    if (func_word(f, "bytes '"))
        return func_leaf(f, evt_type_of(EVT_BYTES), func_unhex(f->a, func_quoted(f)));
    if (func_word(f, "decimal '")) {
        struct base_str s = func_quoted(f);
        const char *dot = memchr(s.p, '.', s.len);
        unsigned scale = dot ? (unsigned)(s.p + s.len - dot - 1) : 0, digits = 0;
        for (size_t i = 0; i < s.len; i++)
            digits += s.p[i] >= '0' && s.p[i] <= '9';
        __int128 x;
        CEP_INSIST(base_parse_decimal(s, digits, scale, &x));
        return func_leaf(f, evt_type_decimal(f->a, digits, scale), evt_val_of_dec(x));
    }
    if (*f->p == '\'') {
        f->p++;
        struct base_str s = func_quoted(f);
        return func_leaf(f, evt_type_of(EVT_STRING), (struct evt_val){ .s = { s.p, (uint32_t)s.len } });
    }
    return strchr("-0123456789", *f->p) ? func_number(f) : func_call(f);
}

static const struct expr *func_parse_expr(struct func_parse *f) {
    const struct expr *args[3] = { func_arg(f), NULL, NULL }, *out = NULL;
    func_blank(f);
    const char *op = func_word(f, "like ")         ? "like"
                     : func_word(f, "ilike ")      ? "ilike"
                     : func_word(f, "similar to ") ? "similar to"
                                                   : NULL;
    if (!op || !args[0])
        return args[0];
    args[1] = func_arg(f);
    func_blank(f);
    bool escape = args[1] && func_word(f, "escape ");
    if (escape)
        args[2] = func_arg(f);
    if (!args[1] || (escape && !args[2]))
        return NULL;
    return expr_call_new(f->a, base_str_of(op), args, escape ? 3 : 2, tu_span, &out, &f->err) == CEP_OK
               ? out
               : NULL;
}

struct func_env {
    struct expr_env env;
    const struct func_parse *f;
};

static inline void func_col(struct expr_env *env, uint32_t index, struct evt_val *out) {
    *out = ((struct func_env *)env)->f->cols[index];
}

/* Returns: text in `a`. */
static inline const char *func_text(struct base_arena *a, const char *text, bool late) {
    static const struct expr_env_ops ops = { .col = func_col };
    struct func_parse f = { .a = a, .p = text, .late = late };
    const struct expr *e = func_parse_expr(&f);
    if (!e)
        return base_arena_printf(a, "error: %s", f.err.message);
    func_blank(&f);
    CEP_INSIST(*f.p == '\0');
    struct func_env env = { .env = { .ops = &ops, .scratch = a, .now_us = 1767225600000000 }, .f = &f };
    struct evt_val v;
    expr_eval(e, &env.env, &v);
    if (env.env.failure)
        return base_arena_printf(a, "fails: %s", env.env.failure);
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_text(&b, e->type, &v);
    const char *z = base_arena_strndup(a, base_buf_cstr(&b), b.len);
    base_buf_release(&b);
    return z;
}

struct func_case {
    const char *text, *want;
};

/* Runs a table both ways: constant arguments and columns. */
static inline void func_cases(const struct func_case *cases, size_t n) {
    size_t bad = 0;
    for (size_t i = 0; i < n; i++)
        for (int late = 0; late < 2; late++) {
            struct base_arena a;
            base_arena_init(&a, 0);
            const char *got = func_text(&a, cases[i].text, late);
            bool compile_time = strncmp(cases[i].want, "error: ", 7) == 0;
            if (strcmp(got, cases[i].want) != 0 && !(late && compile_time)) {
                bad++;
                printf("%s%s\n  want %s\n  got  %s\n", cases[i].text, late ? " (of columns)" : "",
                    cases[i].want, got);
            }
            base_arena_release(&a);
        }
    assert_int_equal(bad, 0);
}
#define FUNC_CASES(cases) func_cases((cases), CEP_COUNT_OF(cases))
