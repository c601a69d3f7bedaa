/*
 * dsl_check_type -- types as written become evt_types; constants are read as a type: parameters, options,
 * durations, rows of tests.
 */
#include "dsl/dsl_sem.h"

#include "base/base_num.h"

#include <math.h>

/* TYPE names and SQL's synonyms; ARGS: how many numbers in parentheses it takes. */
static const struct {
    const char *name;
    enum evt_kind kind;
    unsigned max_args;
} type_names[] = {
    { "bool", EVT_BOOL, 0 },
    { "boolean", EVT_BOOL, 0 },
    { "int", EVT_INT, 0 },
    { "integer", EVT_INT, 0 },
    { "bigint", EVT_INT, 0 },
    { "smallint", EVT_INT, 0 },
    { "tinyint", EVT_INT, 0 },
    { "long", EVT_INT, 0 },
    { "double", EVT_DOUBLE, 0 },
    { "double precision", EVT_DOUBLE, 0 },
    { "float", EVT_DOUBLE, 1 },
    { "real", EVT_DOUBLE, 0 },
    { "string", EVT_STRING, 0 },
    { "varchar", EVT_STRING, 1 },
    { "character varying", EVT_STRING, 1 },
    { "char", EVT_STRING, 1 },
    { "char varying", EVT_STRING, 1 },
    { "clob", EVT_STRING, 1 },
    { "character", EVT_STRING, 1 },
    { "text", EVT_STRING, 0 },
    { "bytes", EVT_BYTES, 0 },
    { "varbinary", EVT_BYTES, 1 },
    { "binary", EVT_BYTES, 1 },
    { "binary varying", EVT_BYTES, 1 },
    { "blob", EVT_BYTES, 1 },
    { "bytea", EVT_BYTES, 0 },
    { "timestamp", EVT_TIMESTAMP, 1 },
    { "timestamptz", EVT_TIMESTAMP, 1 },
    { "timestamp_ltz", EVT_TIMESTAMP, 1 },
    { "timestamp with time zone", EVT_TIMESTAMP, 1 },
    { "timestamp without time zone", EVT_TIMESTAMP, 1 },
    { "timestamp with local time zone", EVT_TIMESTAMP, 1 },
    { "duration", EVT_DURATION, 0 },
    { "interval", EVT_DURATION, 0 },
    { "decimal", EVT_DECIMAL, 2 },
    { "numeric", EVT_DECIMAL, 2 },
    { "dec", EVT_DECIMAL, 2 },
};

/* What other systems call them. */
static const char *const foreign_types[][2] = { { "str", "string" }, { "nvarchar", "string" },
    { "uuid", "string" }, { "json", "row(name type, ...)" }, { "struct", "row(name type, ...)" },
    { "object", "row(name type, ...)" }, { "map", "row(name type, ...)" }, { "list", "array(T)" },
    { "number", "double or decimal(p,s)" }, { "money", "decimal(p,s)" }, { "int2", "int" }, { "int4", "int" },
    { "int8", "int" }, { "int16", "int" }, { "int32", "int" }, { "int64", "int" }, { "uint32", "int" },
    { "uint64", "int" }, { "float4", "double" }, { "float8", "double" }, { "float32", "double" },
    { "float64", "double" }, { "datetime", "timestamp" }, { "date", "timestamp" }, { "time", "timestamp" },
    { "instant", "timestamp" } };

static bool foreign_note(struct dsl_sem *c, struct base_str name) {
    for (size_t i = 0; i < sizeof foreign_types / sizeof *foreign_types; i++)
        if (base_str_ieq(name, base_str_of(foreign_types[i][0]))) {
            dsl_diag_note(c->diag, "here it is called %s", foreign_types[i][1]);
            return true;
        }
    return false;
}

static const struct evt_type *decimal_of(struct dsl_sem *c, const struct dsl_type *t) {
    int64_t p = t->n_args > 0 ? t->args[0] : 38, s = t->n_args > 1 ? t->args[1] : 0;
    if (p < 1 || p > 38) {
        dsl_diag_error(c->diag, t->span, CEP_ETYPE, "a decimal has 1 to 38 digits, not %lld", (long long)p);
        return NULL;
    }
    if (s < 0 || s > p) {
        dsl_diag_error(c->diag, t->span, CEP_ETYPE,
            "the scale of a decimal(%lld, ...) is 0 to %lld, not %lld", (long long)p, (long long)p,
            (long long)s);
        return NULL;
    }
    return evt_type_decimal(c->a, (unsigned)p, (unsigned)s);
}

static const struct evt_type *named_type(struct dsl_sem *c, const struct dsl_type *t) {
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (!base_str_ieq(t->name, base_str_of(type_names[i].name)))
            continue;
        if (t->n_args > type_names[i].max_args) {
            dsl_diag_error(c->diag, t->span, CEP_ETYPE, "type \"%s\" takes no %s in parentheses",
                type_names[i].name, type_names[i].max_args ? "second number" : "number");
            return NULL;
        }
        return type_names[i].kind == EVT_DECIMAL ? decimal_of(c, t) : evt_type_of(type_names[i].kind);
    }
    struct dsl_nearest near;
    dsl_near(c, &near, t->name);
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        dsl_nearest_try(&near, base_str_of(type_names[i].name));
    dsl_diag_error(c->diag, t->span, CEP_ETYPE, "unknown type \"%.*s\"", BASE_STR_FMT(t->name));
    if (foreign_note(c, t->name))
        return NULL;
    if (near.best.len)
        dsl_nearest_note(c->diag, &near);
    else
        dsl_diag_note(c->diag,
            "types are bool, int, double, string, bytes, timestamp, duration, decimal(p,s), array(T), "
            "row(name type, ...)");
    return NULL;
}

static const struct evt_type *row_type(struct dsl_sem *c, const struct dsl_type *t) {
    struct evt_column *f = BASE_ARENA_ARRAY(c->a, struct evt_column, t->n_fields ? t->n_fields : 1);
    bool ok = true;
    for (size_t i = 0; i < t->n_fields; i++) {
        f[i] = (struct evt_column){ .name = dsl_keep(c, t->fields[i].name.text),
            .type = dsl_type_of(c, t->fields[i].type),
            .not_null = t->fields[i].not_null };
        ok &= f[i].type != NULL;
        for (size_t k = 0; k < i; k++)
            if (base_str_eq(f[k].name, f[i].name)) {
                dsl_diag_error(c->diag, t->fields[i].name.span, CEP_ENAME, "the row has two fields \"%.*s\"",
                    BASE_STR_FMT(f[i].name));
                ok = false;
                break;
            }
    }
    return ok ? evt_type_row(c->a, (uint32_t)t->n_fields, f) : NULL;
}

const struct evt_type *dsl_type_of(struct dsl_sem *c, const struct dsl_type *t) {
    if (!t)
        return NULL;
    switch (t->kind) {
    case DSL_TYPE_NAMED: return named_type(c, t);
    case DSL_TYPE_ARRAY: {
        const struct evt_type *elem = dsl_type_of(c, t->elem);
        return elem ? evt_type_array(c->a, elem) : NULL;
    }
    case DSL_TYPE_ROW: return row_type(c, t);
    }
    return NULL;
}

const char *dsl_type_name(struct dsl_sem *c, const struct evt_type *t) {
    struct base_buf b = BASE_BUF_INIT;
    evt_type_write(&b, t);
    const char *s = base_arena_strndup(&c->tmp, base_buf_cstr(&b), b.len);
    base_buf_release(&b);
    return s;
}

/* -- text as a value ----------------------------------------------------------------------------------------------- */

static bool bool_of_text(struct base_str s, bool *out) {
    static const char *const yes[] = { "true", "t", "yes", "on", "1" }, *const no[] = { "false", "f", "no",
        "off", "0" };
    for (size_t i = 0; i < 5; i++) {
        if (base_str_ieq(s, base_str_of(yes[i]))) {
            *out = true;
            return true;
        }
        if (base_str_ieq(s, base_str_of(no[i]))) {
            *out = false;
            return true;
        }
    }
    return false;
}

bool dsl_val_of_text(
    struct base_arena *a, const struct evt_type *t, struct base_str text, struct evt_val *out) {
    *out = (struct evt_val){ 0 };
    switch (t->kind) {
    case EVT_BOOL: return bool_of_text(text, &out->b);
    case EVT_INT: return base_parse_i64(text, &out->i);
    case EVT_DOUBLE: return base_parse_f64(text, &out->d);
    case EVT_STRING:
    case EVT_BYTES: {
        if (text.len > UINT32_MAX)
            return false;
        struct base_str k = base_arena_str(a, text);
        out->s.p = k.p;
        out->s.len = (uint32_t)k.len;
        return true;
    }
    case EVT_TIMESTAMP: return base_parse_timestamp(text, &out->i);
    case EVT_DURATION: return base_parse_duration(text, &out->i);
    case EVT_DECIMAL: {
        __int128 d;
        if (!base_parse_decimal(text, t->precision, t->scale, &d))
            return false;
        *out = evt_val_of_dec(d);
        return true;
    }
    case EVT_NULL:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    return false;
}

/* -- constant expressions -------------------------------------------------------------------------------------------- */

static bool val_of_expr(
    struct dsl_sem *c, const struct expr *x, const struct evt_type *t, struct evt_val *out) {
    if (x->kind != EXPR_CONST)
        return false;
    if (x->val.null) {
        *out = EVT_VAL_NULL;
        return true;
    }
    if (evt_type_eq(x->type, t)) {
        *out = evt_val_copy(c->a, t, &x->val);
        return true;
    }
    if (x->type->kind == EVT_STRING)
        return dsl_val_of_text(c->a, t, evt_val_str(&x->val), out);
    const struct expr *cast = NULL;
    struct cep_err err = CEP_ERR_INIT;
    bool to_fits = evt_kind_is_numeric(x->type->kind) && evt_kind_is_numeric(t->kind) && t->kind != EVT_INT;
    if (to_fits ? expr_cast_new(c->a, x, t, false, x->span, &cast, &err) != CEP_OK
                : expr_coerce(c->a, x, t, &cast, &err) != CEP_OK)
        return false;
    const struct expr *failed = NULL;
    cast = expr_fold(c->a, cast, &failed);
    if (!cast || cast->kind != EXPR_CONST || failed)
        return false;
    *out = evt_val_copy(c->a, t, &cast->val);
    return true;
}

/* row(1, 'x') and [..] against a row or array type, part by part. */
static bool nested_const(struct dsl_sem *c, const struct dsl_expr *e, const struct evt_type *t,
    const char *what, struct evt_val *out, bool *is_nested) {
    bool row = t->kind == EVT_ROW && e->kind == DSL_EXPR_CALL &&
               base_str_ieq(e->call.name.text, BASE_STR("row"));
    bool array = t->kind == EVT_ARRAY && e->kind == DSL_EXPR_ARRAY;
    *is_nested = row || array;
    if (!*is_nested)
        return false;
    size_t n = row ? e->call.n_args : e->array.n_items;
    struct dsl_expr **parts = row ? e->call.args : e->array.items;
    if (row && n != t->n_fields) {
        dsl_diag_error(
            c->diag, e->span, CEP_ETYPE, "%s has %zu fields, its type %u", what, n, (unsigned)t->n_fields);
        return false;
    }
    struct evt_val *v = BASE_ARENA_ARRAY(c->a, struct evt_val, n ? n : 1);
    bool ok = true;
    for (size_t i = 0; i < n; i++)
        ok &= dsl_const_of(c, parts[i], row ? t->fields[i].type : t->elem, what, &v[i]);
    *out = (struct evt_val){ 0 };
    out->list.v = v;
    out->list.n = (uint32_t)n;
    return ok;
}

bool dsl_const_of(struct dsl_sem *c, const struct dsl_expr *e, const struct evt_type *t, const char *what,
    struct evt_val *out) {
    bool nested;
    bool ok = nested_const(c, e, t, what, out, &nested);
    if (nested)
        return ok;
    /* A number as it was written keeps all its digits as a decimal. */
    if (e->kind == DSL_EXPR_LITERAL && t->kind == EVT_DECIMAL &&
        (e->lit.kind == DSL_LIT_DOUBLE || e->lit.kind == DSL_LIT_INT) &&
        dsl_val_of_text(c->a, t, e->lit.text, out))
        return true;
    struct dsl_scope s = { .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1 };
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, &s, e));
    if (!x)
        return false;
    if (x->kind != EXPR_CONST) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "%s is not a constant", what);
        return false;
    }
    if (val_of_expr(c, x, t, out))
        return true;
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_literal(&b, x->type, &x->val);
    dsl_diag_error(c->diag, e->span, CEP_ETYPE, "%s is %s, and %s is not one", what, dsl_type_name(c, t),
        base_buf_cstr(&b));
    base_buf_release(&b);
    return false;
}

static const struct expr *const_expr(struct dsl_sem *c, const struct dsl_expr *e) {
    struct dsl_scope s = { .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1 };
    return dsl_fold(c, dsl_check_expr(c, &s, e));
}

bool dsl_duration_of(
    struct dsl_sem *c, const struct dsl_expr *e, const char *what, bool zero_ok, int64_t *out) {
    const struct expr *x = e ? const_expr(c, e) : NULL;
    if (!x)
        return false;
    if (x->kind != EXPR_CONST || x->type->kind != EVT_DURATION || x->val.null) {
        dsl_diag_error(c->diag, e->span, CEP_ETYPE, "%s is %s, not a duration", what,
            x->kind == EXPR_CONST && x->val.null ? "null" : dsl_type_name(c, x->type));
        dsl_diag_note(c->diag, "durations are written 250 ms, 5 s, 10 min, 1 h, 2 d");
        return false;
    }
    if (x->val.i < 0 || (x->val.i == 0 && !zero_ok)) {
        struct base_buf b = BASE_BUF_INIT;
        base_write_duration(&b, x->val.i);
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "%s must be %s, not %s", what,
            zero_ok ? "0 or longer" : "longer than 0", base_buf_cstr(&b));
        base_buf_release(&b);
        return false;
    }
    *out = x->val.i;
    return true;
}

bool dsl_count_of(struct dsl_sem *c, const struct dsl_expr *e, const char *what, int64_t max, int64_t *out) {
    const struct expr *x = e ? const_expr(c, e) : NULL;
    if (!x)
        return false;
    if (x->kind != EXPR_CONST || x->type->kind != EVT_INT || x->val.null) {
        dsl_diag_error(
            c->diag, e->span, CEP_ETYPE, "%s is %s, not a whole number", what, dsl_type_name(c, x->type));
        return false;
    }
    if (x->val.i < 1) {
        dsl_diag_error(
            c->diag, e->span, CEP_EINVAL, "%s must be 1 or more, not %lld", what, (long long)x->val.i);
        return false;
    }
    if (x->val.i > max) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "%s must be 1 to %lld, not %lld", what, (long long)max,
            (long long)x->val.i);
        return false;
    }
    *out = x->val.i;
    return true;
}

/* -- parameters --------------------------------------------------------------------------------------------------------- */

/* The place-less mistakes of --set: there is no file to point into. */
static const struct cep_span no_place;

static const struct dsl_set *find_set(const struct dsl_sem *c, struct base_str name) {
    if (!c->params)
        return NULL;
    for (size_t i = c->params->n_sets; i-- > 0;)
        if (base_str_eq(base_str_of(c->params->sets[i].name), name))
            return &c->params->sets[i];
    return NULL;
}

static const struct dsl_label *find_variant(const struct dsl_sem *c, struct base_str name) {
    if (!c->variant)
        return NULL;
    for (size_t i = c->variant->n_parameters; i-- > 0;)
        if (base_str_eq(c->variant->parameters[i].name.text, name))
            return &c->variant->parameters[i];
    return NULL;
}

static void param_value(struct dsl_sem *c, struct dsl_sym *s) {
    const struct dsl_parameter *p = &s->stmt->parameter;
    s->type = dsl_type_of(c, p->type);
    if (!s->type)
        return;
    const char *what = base_arena_printf(&c->tmp, "parameter \"%.*s\"", BASE_STR_FMT(s->name));
    const struct dsl_label *test = find_variant(c, s->name);
    const struct dsl_set *set = find_set(c, s->name);
    struct evt_val def;
    bool has_default = p->value && dsl_const_of(c, p->value, s->type, what, &def);
    if (test) {
        s->has_val = dsl_const_of(c, test->value, s->type, what, &s->val);
    } else if (set) {
        s->has_val = dsl_val_of_text(c->a, s->type, base_str_of(set->value), &s->val);
        if (!s->has_val)
            dsl_diag_error(c->diag, no_place, CEP_EINVAL,
                "--set %s: parameter \"%s\" is %s, and \"%s\" is not one", set->name, set->name,
                dsl_type_name(c, s->type), set->value);
    } else if (p->value) {
        s->val = has_default ? def : EVT_VAL_NULL;
        s->has_val = has_default;
    } else {
        dsl_diag_error(c->diag, s->stmt->name.span, CEP_EINVAL, "parameter \"%.*s\" has no value",
            BASE_STR_FMT(s->name));
        dsl_diag_note(c->diag, "give it a default, or one with --set %.*s=...", BASE_STR_FMT(s->name));
    }
}

static void check_sets(struct dsl_sem *c) {
    for (size_t i = 0; c->params && i < c->params->n_sets; i++) {
        struct base_str name = base_str_of(c->params->sets[i].name);
        const struct dsl_sym *s = dsl_sym_find(c, name);
        if (s && s->kind == DSL_SYM_PARAM)
            continue;
        struct dsl_nearest near;
        dsl_near(c, &near, name);
        for (size_t k = 0; k < c->n_syms; k++)
            if (c->syms[k].kind == DSL_SYM_PARAM)
                dsl_nearest_try(&near, c->syms[k].name);
        dsl_diag_error(c->diag, no_place, CEP_ENAME, "--set %.*s: unknown parameter \"%.*s\"",
            BASE_STR_FMT(name), BASE_STR_FMT(name));
        dsl_nearest_note(c->diag, &near);
    }
}

void dsl_param_values(struct dsl_sem *c) {
    check_sets(c);
    c->in_params = true;
    uint32_t n = 0;
    for (size_t i = 0; i < c->n_syms; i++)
        if (c->syms[i].kind == DSL_SYM_PARAM && !c->syms[i].bad) {
            param_value(c, &c->syms[i]);
            n++;
        }
    struct plan_param *out = BASE_ARENA_ARRAY(c->a, struct plan_param, n ? n : 1);
    uint32_t k = 0;
    for (size_t i = 0; i < c->n_syms; i++) {
        const struct dsl_sym *s = &c->syms[i];
        if (s->kind == DSL_SYM_PARAM && s->has_val)
            out[k++] = (struct plan_param){ dsl_keep(c, s->name), s->type, s->val };
    }
    c->in_params = false;
    c->plan->params = out;
    c->plan->n_params = k;
}
