/*
 * dsl_check_expr -- expressions as written become typed ones.
 *
 * NULL stands for "already reported": whatever has a NULL argument is NULL and silent, so that one mistake is told
 * once. Recursion is bounded by DSL_LIMIT_DEPTH (dsl_ast.h).
 */
#include "dsl/dsl_sem.h"

#include "base/base_num.h"

void dsl_report(struct dsl_sem *c, struct cep_span fallback, const struct cep_err *err) {
    dsl_diag_error(c->diag, err->span.line ? err->span : fallback, err->rc, "%s", err->message);
    if (err->hint[0])
        dsl_diag_note(c->diag, "%s", err->hint);
}

const struct expr *dsl_call_func(
    struct dsl_sem *c, const char *name, const struct expr *const *args, uint32_t n, struct cep_span span) {
    const struct expr *out = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (expr_call_new(c->a, base_str_of(name), args, n, span, &out, &err) != CEP_OK) {
        dsl_report(c, span, &err);
        return NULL;
    }
    return out;
}

const struct expr *dsl_node(struct dsl_sem *c, enum expr_kind kind, bool flag, const struct expr *const *args,
    uint32_t n, struct cep_span span) {
    const struct expr *out = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (expr_node_new(c->a, kind, flag, args, n, span, &out, &err) != CEP_OK) {
        dsl_report(c, span, &err);
        return NULL;
    }
    return out;
}

/* -- literals ---------------------------------------------------------------------------------------------------- */

static const struct expr *check_literal(struct dsl_sem *c, const struct dsl_expr *e) {
    struct evt_val v = { 0 };
    enum evt_kind kind = EVT_NULL;
    switch (e->lit.kind) {
    case DSL_LIT_NULL: v.null = true; break;
    case DSL_LIT_BOOL:
        kind = EVT_BOOL;
        v.b = e->lit.b;
        break;
    case DSL_LIT_INT:
        kind = EVT_INT;
        v.i = e->lit.i;
        break;
    case DSL_LIT_DOUBLE:
        kind = EVT_DOUBLE;
        v.d = e->lit.d;
        break;
    case DSL_LIT_STRING: {
        struct base_str s = dsl_keep(c, e->lit.s);
        kind = EVT_STRING;
        v.s.p = s.p;
        v.s.len = (uint32_t)s.len;
        break;
    }
    case DSL_LIT_TIMESTAMP:
        kind = EVT_TIMESTAMP;
        v.i = e->lit.i;
        break;
    case DSL_LIT_DURATION:
        kind = EVT_DURATION;
        v.i = e->lit.i;
        break;
    case DSL_LIT_MAX: return NULL;
    }
    return expr_const(c->a, evt_type_of(kind), v, e->span);
}

/* `1.50` beside a decimal is the decimal 1.50, with all its digits. */
static const struct expr *decimal_literal(struct dsl_sem *c, const struct dsl_expr *e) {
    struct base_str t = e->lit.text;
    unsigned digits = 0, scale = 0;
    bool dot = false;
    for (size_t i = 0; i < t.len; i++) {
        if (t.p[i] == '.')
            dot = true;
        else if (t.p[i] >= '0' && t.p[i] <= '9')
            digits++, scale += dot;
        else if (i > 0 || t.p[i] != '-')
            return NULL;
    }
    if (digits == 0 || digits > 38)
        return NULL;
    const struct evt_type *type = evt_type_decimal(c->a, digits, scale);
    struct evt_val v;
    return dsl_val_of_text(c->a, type, t, &v) ? expr_const(c->a, type, v, e->span) : NULL;
}

static bool adapts(enum evt_kind k) {
    return k == EVT_TIMESTAMP || k == EVT_DURATION || k == EVT_DECIMAL;
}

bool dsl_adapt_literals(
    struct dsl_sem *c, const struct dsl_expr *const *src, const struct expr **args, uint32_t n) {
    const struct evt_type *want = NULL;
    for (uint32_t i = 0; i < n && !want; i++)
        if (args[i] && adapts(args[i]->type->kind) && args[i]->kind != EXPR_CONST)
            want = args[i]->type;
    for (uint32_t i = 0; i < n && !want; i++)
        if (args[i] && adapts(args[i]->type->kind))
            want = args[i]->type;
    bool ok = true;
    for (uint32_t i = 0; want && i < n; i++) {
        const struct dsl_expr *e = src[i];
        if (!args[i] || e->kind != DSL_EXPR_LITERAL)
            continue;
        if (want->kind == EVT_DECIMAL && e->lit.kind == DSL_LIT_DOUBLE) {
            const struct expr *d = decimal_literal(c, e);
            if (d)
                args[i] = d;
        }
        if (e->lit.kind != DSL_LIT_STRING)
            continue;
        struct evt_val v;
        if (dsl_val_of_text(c->a, want, e->lit.s, &v)) {
            args[i] = expr_const(c->a, want, v, e->span);
            continue;
        }
        dsl_diag_error(c->diag, e->span, CEP_ETYPE, "'%.*s' is not a %s", BASE_STR_FMT(e->lit.s),
            dsl_type_name(c, want));
        if (want->kind == EVT_TIMESTAMP)
            dsl_diag_note(c->diag, "timestamps are written '2026-01-31 10:00:00'");
        args[i] = NULL;
        ok = false;
    }
    return ok;
}

/* -- operators ------------------------------------------------------------------------------------------------------ */

static const struct expr *must_be_bool(struct dsl_sem *c, const struct expr *x, const char *op) {
    if (!x || x->type->kind == EVT_BOOL || x->type->kind == EVT_NULL)
        return x;
    dsl_diag_error(c->diag, x->span, CEP_ETYPE, "\"%s\" takes bool, not %s", op, dsl_type_name(c, x->type));
    return NULL;
}

static bool comparable(const struct evt_type *a, const struct evt_type *b) {
    if (a->kind == EVT_NULL || b->kind == EVT_NULL)
        return true;
    if (evt_kind_is_numeric(a->kind) && evt_kind_is_numeric(b->kind))
        return true;
    return a->kind == b->kind;
}

static bool must_compare(
    struct dsl_sem *c, const struct expr *a, const struct expr *b, struct cep_span span) {
    if (comparable(a->type, b->type))
        return true;
    dsl_diag_error(c->diag, span, CEP_ETYPE, "cannot compare %s with %s", dsl_type_name(c, a->type),
        dsl_type_name(c, b->type));
    if (a->type->kind == EVT_STRING || b->type->kind == EVT_STRING) {
        const struct expr *text = a->type->kind == EVT_STRING ? a : b, *other = text == a ? b : a;
        if (text->kind == EXPR_CONST && evt_kind_is_numeric(other->type->kind))
            dsl_diag_note(c->diag, "numbers stand without quotes");
        else if (other->kind == EXPR_CONST && evt_kind_is_numeric(other->type->kind))
            dsl_diag_note(c->diag, "text stands in single quotes");
    }
    return false;
}

const struct expr *dsl_compare(
    struct dsl_sem *c, const char *op, const struct expr *a, const struct expr *b, struct cep_span span) {
    if (!a || !b || !must_compare(c, a, b, span))
        return NULL;
    const struct expr *args[2] = { a, b };
    return dsl_call_func(c, op, args, 2, span);
}

static const struct expr *not_of(struct dsl_sem *c, const struct expr *x, struct cep_span span) {
    return x ? dsl_node(c, EXPR_NOT, false, &x, 1, span) : NULL;
}

static const struct expr *check_unary(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct expr *x = dsl_check_expr(c, s, e->unary.arg);
    if (!x)
        return NULL;
    switch (e->unary.op) {
    case DSL_UNARY_NOT: return not_of(c, must_be_bool(c, x, "not"), e->span);
    case DSL_UNARY_MINUS: return dsl_call_func(c, "-", &x, 1, e->span);
    case DSL_UNARY_PLUS: return x;
    case DSL_UNARY_MAX: break;
    }
    return NULL;
}

static bool is_comparison(enum dsl_binary_op op) {
    return op >= DSL_BINARY_EQ && op <= DSL_BINARY_NOT_DISTINCT;
}

static const struct expr *check_binary(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct dsl_expr *const src[2] = { e->binary.left, e->binary.right };
    const struct expr *args[2] = { dsl_check_expr(c, s, src[0]), dsl_check_expr(c, s, src[1]) };
    const char *op = dsl_binary_text(e->binary.op);
    if (!args[0] || !args[1])
        return NULL;
    if (is_comparison(e->binary.op)) {
        dsl_adapt_literals(c, src, args, 2);
        return dsl_compare(c, op, args[0], args[1], e->span);
    }
    bool decimal = args[0]->type->kind == EVT_DECIMAL || args[1]->type->kind == EVT_DECIMAL;
    if (decimal && args[0]->type->kind != EVT_STRING && args[1]->type->kind != EVT_STRING)
        dsl_adapt_literals(c, src, args, 2);
    return dsl_call_func(c, op, args, 2, e->span);
}

static const struct expr *check_logic(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const char *op = e->kind == DSL_EXPR_AND ? "and" : "or";
    const struct expr **args = BASE_ARENA_ARRAY(&c->tmp, const struct expr *, e->logic.n_args);
    bool ok = true;
    for (size_t i = 0; i < e->logic.n_args; i++) {
        args[i] = must_be_bool(c, dsl_check_expr(c, s, e->logic.args[i]), op);
        ok &= args[i] != NULL;
    }
    return ok ? dsl_node(c, e->kind == DSL_EXPR_AND ? EXPR_AND : EXPR_OR, false, args,
                    (uint32_t)e->logic.n_args, e->span)
              : NULL;
}

static const struct expr *check_between(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct dsl_expr *const src[3] = { e->between.arg, e->between.low, e->between.high };
    const struct expr *x[3];
    for (int i = 0; i < 3; i++)
        x[i] = dsl_check_expr(c, s, src[i]);
    dsl_adapt_literals(c, src, x, 3);
    const struct expr *both[2] = { dsl_compare(c, ">=", x[0], x[1], e->span),
        dsl_compare(c, "<=", x[0], x[2], e->span) };
    if (!both[0] || !both[1])
        return NULL;
    const struct expr *r = dsl_node(c, EXPR_AND, false, both, 2, e->span);
    return e->between.negated ? not_of(c, r, e->span) : r;
}

static const struct expr *check_in(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    if (e->in.query) {
        dsl_unsupported(c, e->span, "in (select ...)");
        return NULL;
    }
    size_t n = e->in.n_items + 1;
    const struct dsl_expr **src = BASE_ARENA_ARRAY(&c->tmp, const struct dsl_expr *, n);
    const struct expr **args = BASE_ARENA_ARRAY(&c->tmp, const struct expr *, n);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        src[i] = i ? e->in.items[i - 1] : e->in.arg;
        args[i] = dsl_check_expr(c, s, src[i]);
        ok &= args[i] != NULL;
    }
    ok &= dsl_adapt_literals(c, src, args, (uint32_t)n);
    for (size_t i = 1; i < n && args[0]; i++)
        ok &= !args[i] || must_compare(c, args[0], args[i], src[i]->span);
    return ok ? dsl_node(c, EXPR_IN, e->in.negated, args, (uint32_t)n, e->span) : NULL;
}

static const struct expr *check_like(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct expr *args[3] = { dsl_check_expr(c, s, e->like.arg), dsl_check_expr(c, s, e->like.pattern),
        NULL };
    uint32_t n = 2;
    if (e->like.escape) {
        args[2] = dsl_check_expr(c, s, e->like.escape);
        n = 3;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!args[i])
            return NULL;
    static const char *const names[] = {
        [DSL_LIKE_LIKE] = "like", [DSL_LIKE_ILIKE] = "ilike", [DSL_LIKE_SIMILAR] = "similar to"
    };
    const struct expr *r = dsl_call_func(c, names[e->like.op], args, n, e->span);
    return e->like.negated ? not_of(c, r, e->span) : r;
}

static const struct expr *check_is(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct expr *x = dsl_check_expr(c, s, e->is.arg);
    if (!x)
        return NULL;
    if (e->is.what == DSL_IS_NULL)
        return dsl_node(c, EXPR_IS_NULL, e->is.negated, &x, 1, e->span);
    x = must_be_bool(c, x,
        e->is.what == DSL_IS_TRUE    ? "is true"
        : e->is.what == DSL_IS_FALSE ? "is false"
                                     : "is unknown");
    if (!x)
        return NULL;
    if (e->is.what == DSL_IS_UNKNOWN)
        return dsl_node(c, EXPR_IS_NULL, e->is.negated, &x, 1, e->span);
    if (e->is.what == DSL_IS_FALSE)
        x = not_of(c, x, e->span);
    const struct expr *args[2] = { x,
        expr_const(c->a, evt_type_of(EVT_BOOL), (struct evt_val){ .b = false }, e->span) };
    const struct expr *r = x ? dsl_node(c, EXPR_COALESCE, false, args, 2, e->span) : NULL;
    return e->is.negated ? not_of(c, r, e->span) : r;
}

static const struct expr *check_case(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    size_t n_whens = e->cases.n_whens, n = 2 * n_whens + (e->cases.otherwise != NULL);
    const struct expr **args = BASE_ARENA_ARRAY(&c->tmp, const struct expr *, n);
    const struct dsl_expr **values = BASE_ARENA_ARRAY(&c->tmp, const struct dsl_expr *, n_whens + 1);
    const struct expr **vals = BASE_ARENA_ARRAY(&c->tmp, const struct expr *, n_whens + 1);
    const struct expr *operand = e->cases.operand ? dsl_check_expr(c, s, e->cases.operand) : NULL;
    bool ok = !e->cases.operand || operand;
    for (size_t i = 0; i < n_whens; i++) {
        const struct expr *w = dsl_check_expr(c, s, e->cases.whens[i].when);
        if (e->cases.operand) {
            const struct dsl_expr *const src[2] = { e->cases.operand, e->cases.whens[i].when };
            const struct expr *both[2] = { operand, w };
            dsl_adapt_literals(c, src, both, 2);
            args[2 * i] = dsl_compare(c, "=", both[0], both[1], e->cases.whens[i].when->span);
        } else {
            args[2 * i] = must_be_bool(c, w, "when");
        }
        values[i] = e->cases.whens[i].then;
        vals[i] = dsl_check_expr(c, s, values[i]);
        ok &= args[2 * i] && vals[i];
    }
    size_t n_vals = n_whens;
    if (e->cases.otherwise) {
        values[n_vals] = e->cases.otherwise;
        vals[n_vals] = dsl_check_expr(c, s, e->cases.otherwise);
        ok &= vals[n_vals++] != NULL;
    }
    if (!ok || !dsl_adapt_literals(c, values, vals, (uint32_t)n_vals))
        return NULL;
    for (size_t i = 0; i < n_whens; i++)
        args[2 * i + 1] = vals[i];
    if (e->cases.otherwise)
        args[n - 1] = vals[n_whens];
    return dsl_node(c, EXPR_CASE, false, args, (uint32_t)n, e->span);
}

static const struct expr *check_cast(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct expr *x = dsl_check_expr(c, s, e->cast.arg);
    const struct evt_type *t = dsl_type_of(c, e->cast.type);
    if (!x || !t)
        return NULL;
    const struct expr *out = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (expr_cast_new(c->a, x, t, e->cast.try_cast, e->span, &out, &err) != CEP_OK) {
        dsl_report(c, e->span, &err);
        return NULL;
    }
    return out;
}

/* The type that all elements have after implicit casts, or NULL. */
static const struct evt_type *common_type(const struct expr *const *args, size_t n) {
    const struct evt_type *t = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct evt_type *x = args[i]->type;
        if (x->kind == EVT_NULL)
            continue;
        if (!t || (t->kind == EVT_INT && (x->kind == EVT_DOUBLE || x->kind == EVT_DECIMAL)) ||
            (t->kind == EVT_DECIMAL && x->kind == EVT_DOUBLE))
            t = x;
        else if (!evt_type_eq(t, x) && !(x->kind == EVT_INT && evt_kind_is_numeric(t->kind)) &&
                 !(x->kind == EVT_DECIMAL && t->kind == EVT_DOUBLE))
            return NULL;
    }
    return t;
}

static const struct expr *check_array(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    size_t n = e->array.n_items;
    const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, n ? n : 1);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        args[i] = dsl_check_expr(c, s, e->array.items[i]);
        ok &= args[i] != NULL;
    }
    if (!ok)
        return NULL;
    const struct evt_type *elem = common_type(args, n);
    if (!elem) {
        dsl_diag_error(c->diag, e->span, CEP_ETYPE,
            n ? "the elements of an array have one type" : "the type of an empty array is not known");
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        struct cep_err err = CEP_ERR_INIT;
        if (expr_coerce(c->a, args[i], elem, &args[i], &err) != CEP_OK) {
            dsl_report(c, e->array.items[i]->span, &err);
            return NULL;
        }
    }
    struct expr *x = dsl_new_expr(c, EXPR_ARRAY, evt_type_array(c->a, elem), e->span);
    x->args = args;
    x->n_args = (uint32_t)n;
    return x;
}

const struct expr *dsl_check_expr(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    if (!e)
        return NULL;
    switch (e->kind) {
    case DSL_EXPR_ERROR: return NULL;
    case DSL_EXPR_LITERAL: return check_literal(c, e);
    case DSL_EXPR_NAME: return dsl_check_name(c, s, e);
    case DSL_EXPR_FIELD: return dsl_check_field(c, s, e);
    case DSL_EXPR_INDEX: return dsl_check_index(c, s, e);
    case DSL_EXPR_STAR:
        dsl_diag_error(c->diag, e->span, CEP_EINVAL,
            "\"*\" stands only in a select list, alone in measures and in count(*)");
        return NULL;
    case DSL_EXPR_CALL: return dsl_check_call(c, s, e);
    case DSL_EXPR_NAMED_ARG:
        dsl_diag_error(
            c->diag, e->span, CEP_EINVAL, "unexpected argument \"%.*s\"", BASE_STR_FMT(e->named.label.text));
        return NULL;
    case DSL_EXPR_TABLE_ARG: dsl_unsupported(c, e->span, "table"); return NULL;
    case DSL_EXPR_UNARY: return check_unary(c, s, e);
    case DSL_EXPR_BINARY: return check_binary(c, s, e);
    case DSL_EXPR_AND:
    case DSL_EXPR_OR: return check_logic(c, s, e);
    case DSL_EXPR_BETWEEN: return check_between(c, s, e);
    case DSL_EXPR_IN: return check_in(c, s, e);
    case DSL_EXPR_LIKE: return check_like(c, s, e);
    case DSL_EXPR_IS: return check_is(c, s, e);
    case DSL_EXPR_CASE: return check_case(c, s, e);
    case DSL_EXPR_CAST: return check_cast(c, s, e);
    case DSL_EXPR_ARRAY: return check_array(c, s, e);
    case DSL_EXPR_QUERY:
        dsl_unsupported(c, e->span, e->query.exists ? "exists (select ...)" : "(select ...)");
        return NULL;
    case DSL_EXPR_MAX: break;
    }
    return NULL;
}

const struct expr *dsl_check_cond(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, const char *what) {
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, s, e));
    if (!x || x->type->kind == EVT_BOOL)
        return x;
    if (x->type->kind == EVT_NULL)
        return expr_const(c->a, evt_type_of(EVT_BOOL), EVT_VAL_NULL, e->span);
    dsl_diag_error(c->diag, e->span, CEP_ETYPE, "%s is %s, not bool", what, dsl_type_name(c, x->type));
    return NULL;
}
