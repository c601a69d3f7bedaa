/*
 * expr_build -- nodes: their types, the casts that unify their arguments, and constant folding.
 * Calls are made in expr_func.c.
 */
#include "expr/expr_build.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "expr/expr_cast.h"
#include "expr/expr_decimal.h"
#include "expr/expr_eval.h"

struct expr *expr_node_alloc(struct base_arena *a, enum expr_kind kind, const struct evt_type *type,
    const struct expr *const *args, uint32_t n_args, struct cep_span span) {
    struct expr *e = BASE_ARENA_NEW(a, struct expr);
    *e = (struct expr){ .kind = kind, .type = type, .n_args = n_args, .agg_slot = UINT32_MAX, .span = span };
    if (n_args > 0) {
        const struct expr **copy = BASE_ARENA_ARRAY(a, const struct expr *, n_args);
        memcpy(copy, args, n_args * sizeof *copy);
        e->args = copy;
    }
    return e;
}

const struct expr *expr_const(
    struct base_arena *a, const struct evt_type *t, struct evt_val v, struct cep_span span) {
    struct expr *e = expr_node_alloc(a, EXPR_CONST, t, NULL, 0, span);
    e->val = evt_val_copy(a, t, &v);
    return e;
}

const struct expr *expr_col(
    struct base_arena *a, uint32_t index, const struct evt_type *t, struct cep_span span) {
    struct expr *e = expr_node_alloc(a, EXPR_COL, t, NULL, 0, span);
    e->index = index;
    return e;
}

/* Evaluates a constant tree. Returns: the constant, or NULL when it fails. */
static const struct expr *build_eval(struct base_arena *a, const struct expr *e) {
    struct expr_env env = { .scratch = a };
    struct expr *c = expr_node_alloc(a, EXPR_CONST, e->type, NULL, 0, e->span);
    expr_eval(e, &env, &c->val);
    return env.failure ? NULL : c;
}

const struct expr *expr_try_fold(struct base_arena *a, const struct expr *e) {
    if (e->kind == EXPR_CONST || !expr_is_const(e))
        return e;
    const struct expr *c = build_eval(a, e);
    return c ? c : e;
}

/* and/or: constants that decide are the result, others are left out; nested ones of the same kind are spliced in. */
static const struct expr *build_logic(struct base_arena *a, const struct expr *e) {
    bool absorbing = e->kind == EXPR_OR;
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->n_args; i++)
        n += e->args[i]->kind == e->kind ? e->args[i]->n_args : 1;
    const struct expr **args = BASE_ARENA_ARRAY(a, const struct expr *, n ? n : 1);
    n = 0;
    for (uint32_t i = 0; i < e->n_args; i++) {
        const struct expr *arg = e->args[i];
        bool nested = arg->kind == e->kind;
        for (uint32_t k = 0; k < (nested ? arg->n_args : 1); k++) {
            const struct expr *one = nested ? arg->args[k] : arg;
            if (one->kind == EXPR_CONST && !one->val.null && one->val.b == absorbing)
                return one;
            if (one->kind == EXPR_CONST && !one->val.null)
                continue;
            args[n++] = one;
        }
    }
    if (n == 0)
        return expr_const(a, e->type, (struct evt_val){ .b = !absorbing }, e->span);
    return n == 1 ? args[0] : expr_node_alloc(a, e->kind, e->type, args, n, e->span);
}

static const struct expr *build_simplify(struct base_arena *a, const struct expr *e) {
    if (e->kind == EXPR_AND || e->kind == EXPR_OR)
        e = build_logic(a, e);
    return expr_try_fold(a, e);
}

const struct expr *expr_fold(struct base_arena *a, const struct expr *e, const struct expr **failed) {
    if (e->kind == EXPR_CONST)
        return e;
    bool is_const = expr_is_const(e);
    if (is_const) {
        const struct expr *c = build_eval(a, e);
        if (c)
            return c;
    }
    const struct expr *inner = NULL;
    const struct expr **args = e->n_args ? BASE_ARENA_ARRAY(a, const struct expr *, e->n_args) : NULL;
    bool changed = false;
    for (uint32_t i = 0; i < e->n_args; i++) {
        args[i] = expr_fold(a, e->args[i], &inner);
        changed |= args[i] != e->args[i];
    }
    if (changed) {
        struct expr *copy = BASE_ARENA_NEW(a, struct expr);
        *copy = *e;
        copy->args = args;
        e = build_simplify(a, copy);
    }
    /* Outside and/or, which may do without the failing part. */
    if (failed && !*failed && e->kind != EXPR_CONST)
        *failed = inner ? inner : is_const ? e : NULL;
    return e;
}

/* -- types ------------------------------------------------------------------------------------------------- */

static const struct evt_type *type_unify_decimal(
    struct base_arena *a, const struct evt_type *x, const struct evt_type *y) {
    int xi = x->precision - x->scale, yi = y->precision - y->scale;
    int whole = xi > yi ? xi : yi, scale = x->scale > y->scale ? x->scale : y->scale;
    if (whole + scale > EXPR_DEC_DIGITS)
        scale = EXPR_DEC_DIGITS - whole;
    return evt_type_decimal(a, (unsigned)(whole + scale > 0 ? whole + scale : 1), (unsigned)scale);
}

const struct evt_type *expr_type_unify(
    struct base_arena *a, const struct evt_type *x, const struct evt_type *y) {
    if (x->kind == EVT_NULL || evt_type_eq(x, y))
        return y;
    if (y->kind == EVT_NULL)
        return x;
    if (x->kind == EVT_ARRAY && y->kind == EVT_ARRAY)
        return x->elem->kind == EVT_NULL ? y : y->elem->kind == EVT_NULL ? x : NULL;
    if (!evt_kind_is_numeric(x->kind) || !evt_kind_is_numeric(y->kind))
        return NULL;
    if (x->kind == EVT_DOUBLE || y->kind == EVT_DOUBLE)
        return evt_type_of(EVT_DOUBLE);
    enum { INT_DIGITS = 19 };
    if (x->kind == EVT_INT)
        x = evt_type_decimal(a, INT_DIGITS, 0);
    if (y->kind == EVT_INT)
        y = evt_type_decimal(a, INT_DIGITS, 0);
    return type_unify_decimal(a, x, y);
}

const struct evt_type *expr_decimal_of(struct base_arena *a, const struct expr *e) {
    if (e->type->kind == EVT_DECIMAL)
        return e->type;
    unsigned digits = e->type->kind == EVT_NULL ? 1 : 19;
    if (e->kind == EXPR_CONST && !e->val.null)
        digits = expr_dec_digits(e->val.i);
    return evt_type_decimal(a, digits, 0);
}

const struct evt_type *expr_unify_args(
    struct base_arena *a, const struct expr *const *args, uint32_t n, uint32_t step) {
    bool decimal = false;
    for (uint32_t i = 0; i < n; i += step)
        decimal |= args[i]->type->kind == EVT_DECIMAL;
    const struct evt_type *t = evt_type_of(EVT_NULL);
    for (uint32_t i = 0; i < n && t; i += step)
        t = expr_type_unify(
            a, t, decimal && args[i]->type->kind == EVT_INT ? expr_decimal_of(a, args[i]) : args[i]->type);
    return t;
}

static enum cep_rc type_error(struct cep_err *err, struct cep_span span, const char *what,
    const struct evt_type *x, const struct evt_type *y) {
    struct base_buf xb = BASE_BUF_INIT, yb = BASE_BUF_INIT;
    evt_type_write(&xb, x);
    evt_type_write(&yb, y);
    enum cep_rc rc = base_err_at(err, span, CEP_ETYPE, what, base_buf_cstr(&xb), base_buf_cstr(&yb));
    base_buf_release(&xb);
    base_buf_release(&yb);
    return rc;
}

const struct expr *expr_cast_node(struct base_arena *a, const struct expr *e, const struct evt_type *to,
    bool try_cast, struct cep_span span) {
    if (evt_type_eq(e->type, to))
        return e;
    if (e->kind == EXPR_CONST && e->val.null)
        return expr_const(a, to, EVT_VAL_NULL, e->span);
    struct expr *cast = expr_node_alloc(a, EXPR_CAST, to, &e, 1, span);
    cast->flag = try_cast;
    return expr_try_fold(a, cast);
}

enum cep_rc expr_cast_new(struct base_arena *a, const struct expr *e, const struct evt_type *to,
    bool try_cast, struct cep_span span, const struct expr **out, struct cep_err *err) {
    if (!expr_cast_exists(e->type, to))
        return type_error(err, span, "cannot cast %s to %s", e->type, to);
    *out = expr_cast_node(a, e, to, try_cast, span);
    return CEP_OK;
}

enum cep_rc expr_coerce(struct base_arena *a, const struct expr *e, const struct evt_type *to,
    const struct expr **out, struct cep_err *err) {
    if (!expr_cast_is_implicit(e->type, to))
        return type_error(err, e->span, "type mismatch: %s where %s is needed", e->type, to);
    *out = expr_cast_node(a, e, to, false, e->span);
    return CEP_OK;
}

/* Casts args[from], args[from + step], ... to one type. */
static enum cep_rc build_unify(struct base_arena *a, const struct expr **args, uint32_t n, uint32_t from,
    uint32_t step, struct cep_span span, const char *what, const struct evt_type **out, struct cep_err *err) {
    const struct evt_type *t = expr_unify_args(a, args + from, n - from, step);
    if (!t) {
        /* Name the first two that do not go together. */
        const struct evt_type *seen = evt_type_of(EVT_NULL);
        for (uint32_t i = from; i < n; i += step) {
            const struct evt_type *next = expr_type_unify(a, seen, args[i]->type);
            if (!next)
                return type_error(err, args[i]->span.line ? args[i]->span : span, what, seen, args[i]->type);
            seen = next;
        }
        return base_err_at(err, span, CEP_ETYPE, "the types do not go together");
    }
    for (uint32_t i = from; i < n; i += step)
        args[i] = expr_cast_node(a, args[i], t, false, args[i]->span);
    *out = t;
    return CEP_OK;
}

static enum cep_rc build_bool(struct base_arena *a, const struct expr **arg, const char *what,
    struct cep_span span, struct cep_err *err) {
    const struct evt_type *t = (*arg)->type;
    if (t->kind != EVT_BOOL && t->kind != EVT_NULL) {
        struct base_buf b = BASE_BUF_INIT;
        evt_type_write(&b, t);
        enum cep_rc rc = base_err_at(err, (*arg)->span.line ? (*arg)->span : span, CEP_ETYPE,
            "%s needs a condition (bool), not %s", what, base_buf_cstr(&b));
        base_buf_release(&b);
        return rc;
    }
    *arg = expr_cast_node(a, *arg, evt_type_of(EVT_BOOL), false, (*arg)->span);
    return CEP_OK;
}

static enum cep_rc build_element(struct base_arena *a, const struct expr **args, struct cep_span span,
    const struct evt_type **type, struct cep_err *err) {
    if (args[0]->type->kind != EVT_ARRAY)
        return type_error(err, args[0]->span.line ? args[0]->span : span, "[ ] needs an array, not %s",
            args[0]->type, args[0]->type);
    *type = args[0]->type->elem;
    return expr_coerce(a, args[1], evt_type_of(EVT_INT), &args[1], err);
}

/* Types and casts of a node's arguments. */
static enum cep_rc build_check(struct base_arena *a, enum expr_kind kind, const struct expr **args,
    uint32_t n, struct cep_span span, const struct evt_type **type, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    const struct evt_type *t;
    *type = evt_type_of(EVT_BOOL);
    switch (kind) {
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT: {
        const char *what = kind == EXPR_AND ? "\"and\"" : kind == EXPR_OR ? "\"or\"" : "\"not\"";
        for (uint32_t i = 0; i < n && rc == CEP_OK; i++)
            rc = build_bool(a, &args[i], what, span, err);
        return rc;
    }
    case EXPR_IS_NULL: CEP_REQUIRE(n == 1); return CEP_OK;
    case EXPR_IN: return build_unify(a, args, n, 0, 1, span, "\"in\" cannot compare %s with %s", &t, err);
    case EXPR_CASE:
        for (uint32_t i = 0; i + 1 < n && rc == CEP_OK; i += 2)
            rc = build_bool(a, &args[i], "\"when\"", span, err);
        if (rc != CEP_OK)
            return rc;
        {
            /* The values: 1, 3, ... and the last one when it is an else. */
            const struct expr **vals = BASE_ARENA_ARRAY(a, const struct expr *, n);
            uint32_t n_vals = 0;
            for (uint32_t i = 0; i < n; i++)
                if (i % 2 == 1 || i == n - 1)
                    vals[n_vals++] = args[i];
            rc = build_unify(a, vals, n_vals, 0, 1, span,
                "the results of \"case\" have different types: %s and %s", type, err);
            n_vals = 0;
            for (uint32_t i = 0; i < n; i++)
                if (i % 2 == 1 || i == n - 1)
                    args[i] = vals[n_vals++];
        }
        return rc;
    case EXPR_COALESCE:
        return build_unify(a, args, n, 0, 1, span,
            "the arguments of \"coalesce\" have different types: %s and %s", type, err);
    case EXPR_ARRAY:
        rc = build_unify(
            a, args, n, 0, 1, span, "the elements of an array have different types: %s and %s", &t, err);
        if (rc == CEP_OK)
            *type = evt_type_array(a, t);
        return rc;
    case EXPR_ELEM: CEP_REQUIRE(n == 2); return build_element(a, args, span, type, err);
    case EXPR_CONST:
    case EXPR_COL:
    case EXPR_CALL:
    case EXPR_CAST:
    case EXPR_FIELD:
    case EXPR_VAR_COL:
    case EXPR_AGG:
    case EXPR_EVENTS:
    case EXPR_PREV:
    case EXPR_KEY:
    case EXPR_MATCH:
    case EXPR_NAV:
    case EXPR_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind that expr_node_new() makes");
    return CEP_EINVAL;
}

enum cep_rc expr_node_new(struct base_arena *a, enum expr_kind kind, bool flag,
    const struct expr *const *args, uint32_t n_args, struct cep_span span, const struct expr **out,
    struct cep_err *err) {
    CEP_REQUIRE(n_args >= 1 || kind == EXPR_ARRAY);
    const struct expr **copy = BASE_ARENA_ARRAY(a, const struct expr *, n_args ? n_args : 1);
    if (n_args)
        memcpy(copy, args, n_args * sizeof *copy);
    const struct evt_type *type;
    enum cep_rc rc = build_check(a, kind, copy, n_args, span, &type, err);
    if (rc != CEP_OK)
        return rc;
    struct expr *e = expr_node_alloc(a, kind, type, copy, n_args, span);
    e->flag = flag;
    *out = build_simplify(a, e);
    return CEP_OK;
}

const struct expr *expr_field_new(
    struct base_arena *a, const struct expr *row, uint32_t index, struct cep_span span) {
    CEP_REQUIRE(row->type->kind == EVT_ROW && index < row->type->n_fields);
    struct expr *e = expr_node_alloc(a, EXPR_FIELD, row->type->fields[index].type, &row, 1, span);
    e->index = index;
    return expr_try_fold(a, e);
}
