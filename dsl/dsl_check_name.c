/*
 * dsl_check_name -- what a name in an expression means.
 *
 * A bare name is a column, then a parameter; one that is both is a mistake. `X.y`: X is a pattern variable first, then a
 * stream, then a column that is a row. In the condition of a variable, the variable itself is the event under test.
 */
#include "dsl/dsl_sem.h"

int dsl_pat_var(const struct dsl_pat *p, struct base_str name) {
    uint64_t i;
    return base_map_get(&p->var_names, name, &i) ? (int)i : -1;
}

struct expr *dsl_new_expr(
    struct dsl_sem *c, enum expr_kind kind, const struct evt_type *t, struct cep_span span) {
    struct expr *e = BASE_ARENA_NEW(c->a, struct expr);
    e->kind = kind;
    e->type = t;
    e->span = span;
    e->agg_slot = UINT32_MAX;
    return e;
}

/* -- parameters ------------------------------------------------------------------------------------------------ */

static struct dsl_sym *find_param(const struct dsl_sem *c, struct base_str name) {
    struct dsl_sym *s = dsl_sym_find(c, name);
    return s && s->kind == DSL_SYM_PARAM ? s : NULL;
}

static const struct expr *param_value(struct dsl_sem *c, struct dsl_sym *s, const struct dsl_expr *e) {
    s->read = true;
    if (c->in_params) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL,
            "the value of a parameter is a literal, not the parameter \"%.*s\"", BASE_STR_FMT(s->name));
        return NULL;
    }
    return s->has_val ? expr_const(c->a, s->type, s->val, e->span) : NULL;
}

static void both_mistake(struct dsl_sem *c, const struct dsl_name *name, const struct dsl_sym *param,
    const char *of_word, struct base_str of) {
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "\"%.*s\" is a column of %s \"%.*s\" and a parameter",
        BASE_STR_FMT(name->text), of_word, BASE_STR_FMT(of));
    dsl_diag_note_at(c->diag, param->stmt->name.span, "the parameter is defined here");
    dsl_diag_note(c->diag, "write %.*s.%.*s for the column, or rename the parameter", BASE_STR_FMT(of),
        BASE_STR_FMT(name->text));
}

static void try_params(const struct dsl_sem *c, struct dsl_nearest *near) {
    for (size_t i = 0; i < c->n_syms; i++)
        if (c->syms[i].kind == DSL_SYM_PARAM)
            dsl_nearest_try(near, c->syms[i].name);
}

/* `name = "bob"`: in SQL double quotes make a name. */
static void quoted_note(struct dsl_sem *c, const struct dsl_name *name, const struct dsl_nearest *near) {
    if (near && near->best.len)
        dsl_nearest_note(c->diag, near);
    else if (name->quoted)
        dsl_diag_note(c->diag, "text stands in single quotes: '%.*s'", BASE_STR_FMT(name->text));
}

/* `current_timestamp` is a function that is written like a column. */
static const struct expr *niladic(struct dsl_sem *c, const struct dsl_name *name) {
    char low[40];
    if (name->quoted || name->text.len >= sizeof low)
        return NULL;
    for (size_t i = 0; i < name->text.len; i++)
        low[i] = (char)(name->text.p[i] >= 'A' && name->text.p[i] <= 'Z' ? name->text.p[i] + 32
                                                                         : name->text.p[i]);
    low[name->text.len] = '\0';
    uint32_t n;
    const struct expr_func *f = expr_func_find(base_str_of(low), &n);
    return f && f->min_args == 0 && f->is_volatile ? dsl_call_func(c, low, NULL, 0, name->span) : NULL;
}

/* -- columns of one schema ------------------------------------------------------------------------------------- */

static int row_find(const struct dsl_scope *s, struct base_str name) {
    if (s->joins)
        return dsl_join_sees(s, name) ? 0 : -1;
    return s->schema ? evt_schema_find(s->schema, name) : -1;
}

/* An alert sees the fields of its pattern's key too. */
static const struct expr *row_key_field(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name) {
    if (s->key_col < 0 || !s->schema)
        return NULL;
    const struct evt_type *row = s->schema->cols[s->key_col].type;
    for (uint32_t i = 0; i < row->n_fields; i++)
        if (base_str_eq(row->fields[i].name, name->text)) {
            struct expr *f = dsl_new_expr(c, EXPR_FIELD, row->fields[i].type, name->span);
            const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, 1);
            args[0] = expr_col(c->a, (uint32_t)s->key_col, row, name->span);
            f->args = args;
            f->n_args = 1;
            f->index = i;
            return f;
        }
    return NULL;
}

static const struct expr *row_column(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_name *name) {
    if (s->joins)
        return dsl_join_column(c, s, name);
    int i = row_find(s, name->text);
    if (i >= 0)
        return expr_col(c->a, (uint32_t)i, s->schema->cols[i].type, name->span);
    return row_key_field(c, s, name);
}

static void unknown_column(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name, bool params) {
    if ((s->joins && dsl_join_ambiguous(c, s, name)) || s->open)
        return;
    struct dsl_nearest near;
    dsl_near(c, &near, name->text);
    if (s->joins)
        dsl_join_near(s, &near);
    for (uint32_t i = 0; s->schema && i < s->schema->n_visible; i++)
        dsl_nearest_try(&near, s->schema->cols[i].name);
    if (s->key_col >= 0 && s->schema) {
        const struct evt_type *row = s->schema->cols[s->key_col].type;
        for (uint32_t i = 0; i < row->n_fields; i++)
            dsl_nearest_try(&near, row->fields[i].name);
    }
    if (params)
        try_params(c, &near);
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "unknown %s \"%.*s\" of %s \"%.*s\"",
        s->key_col >= 0 ? "measure" : "column", BASE_STR_FMT(name->text), s->word, BASE_STR_FMT(s->name));
    if (s->key_col >= 0 && !near.best.len && !name->quoted)
        dsl_diag_note(c->diag, "an alert sees the measures and the key of its pattern");
    else
        quoted_note(c, name, &near);
}

static const struct expr *check_row_name(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct expr *bound = dsl_check_group_bound(c, s, &e->name);
    if (bound)
        return bound;
    struct dsl_sym *param = find_param(c, e->name.text);
    const struct expr *col = row_column(c, s, &e->name);
    if (col && param) {
        both_mistake(c, &e->name, param, s->word, s->name);
        return NULL;
    }
    if (col)
        return s->mr ? dsl_mr_column(c, s, s->mr->mr->n_vars - 1, col->index, e->span) : col;
    if (param)
        return param_value(c, param, e);
    if (s->mr && dsl_mr_var(s->mr->mr, e->name.text) >= 0) {
        dsl_diag_error(c->diag, e->span, CEP_ENAME, "\"%.*s\" is a variable: say which column of it",
            BASE_STR_FMT(e->name.text));
        dsl_diag_note(c->diag, "write %.*s.COLUMN", BASE_STR_FMT(e->name.text));
        return NULL;
    }
    if (!s->open) {
        const struct expr *f = niladic(c, &e->name);
        if (f)
            return f;
    }
    unknown_column(c, s, &e->name, true);
    return NULL;
}

static const struct expr *check_const_name(struct dsl_sem *c, const struct dsl_expr *e) {
    struct dsl_sym *param = find_param(c, e->name.text);
    if (param)
        return param_value(c, param, e);
    struct dsl_nearest near;
    dsl_near(c, &near, e->name.text);
    try_params(c, &near);
    dsl_diag_error(c->diag, e->span, CEP_ENAME, "unknown parameter \"%.*s\"", BASE_STR_FMT(e->name.text));
    if (near.best.len)
        dsl_nearest_note(c->diag, &near);
    else
        dsl_diag_note(c->diag, "text stands in single quotes: '%.*s'", BASE_STR_FMT(e->name.text));
    return NULL;
}

/* -- columns of a pattern -------------------------------------------------------------------------------------------- */

int32_t dsl_pat_first_col(const struct dsl_pat *p, struct base_str name) {
    uint64_t i;
    return base_map_get(&p->col_names, name, &i) ? (int32_t)i : -1;
}

static int32_t find_pcol(const struct dsl_pat *p, int32_t input, struct base_str name) {
    int32_t i = dsl_pat_first_col(p, name);
    while (i >= 0 && !(input >= 0 ? p->cols[i].map[input] >= 0 : p->cols[i].everywhere))
        i = p->cols[i].same;
    return i;
}

static bool has_pcol(const struct dsl_pat *p, struct base_str name) {
    return dsl_pat_first_col(p, name) >= 0;
}

static void unknown_pcol(struct dsl_sem *c, const struct dsl_scope *s, int32_t input,
    const struct dsl_name *name, const struct dsl_pvar *of) {
    const struct dsl_pat *p = s->pat;
    if (p->open || (of && of->bad))
        return;
    if (input < 0 && p->n_inputs > 1 && has_pcol(p, name->text)) {
        dsl_diag_error(c->diag, name->span, CEP_ENAME,
            "column \"%.*s\" is not in every stream of the pattern with one type", BASE_STR_FMT(name->text));
        if (of)
            dsl_diag_note(
                c->diag, "say which stream: define %.*s as STREAM where ...", BASE_STR_FMT(of->name));
        return;
    }
    struct dsl_nearest near;
    dsl_near(c, &near, name->text);
    for (size_t i = 0; i < p->n_cols; i++)
        if (input < 0 || p->cols[i].map[input] >= 0)
            dsl_nearest_try(&near, p->cols[i].name);
    if (!of)
        try_params(c, &near);
    struct base_str stream = p->inputs[input >= 0 ? input : 0].name;
    if (input >= 0 || p->n_inputs == 1)
        dsl_diag_error(c->diag, name->span, CEP_ENAME, "unknown column \"%.*s\" of stream \"%.*s\"",
            BASE_STR_FMT(name->text), BASE_STR_FMT(stream));
    else
        dsl_diag_error(c->diag, name->span, CEP_ENAME, "unknown column \"%.*s\" of the pattern's streams",
            BASE_STR_FMT(name->text));
    quoted_note(c, name, &near);
}

int32_t dsl_pat_col(struct dsl_sem *c, struct dsl_scope *s, int32_t input, const struct dsl_name *name,
    const struct dsl_pvar *of) {
    int32_t i = find_pcol(s->pat, s->pat->n_inputs == 1 ? 0 : input, name->text);
    if (i < 0)
        unknown_pcol(c, s, input, name, of);
    return i;
}

static const struct expr *key_of_name(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name) {
    const struct dsl_pat *p = s->pat;
    for (size_t i = 0; i < p->n_keys; i++)
        if (p->keys[i] && p->keys[i]->kind == EXPR_COL &&
            base_str_eq(p->cols[p->keys[i]->index].name, name->text)) {
            struct expr *k = dsl_new_expr(c, EXPR_KEY, p->keys[i]->type, name->span);
            k->index = (uint32_t)i;
            return k;
        }
    return NULL;
}

/* A bare column in measures that is no key, or in an aggregate: which event's? */
static void needs_variable(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name) {
    if (s->agg_var >= 0) {
        struct base_str var = s->pat->vars[s->agg_var].name;
        dsl_diag_error(c->diag, name->span, CEP_ENAME,
            "an aggregate speaks of the events of a variable: \"%.*s\" needs one", BASE_STR_FMT(name->text));
        dsl_diag_note(c->diag, "write %.*s.%.*s", BASE_STR_FMT(var), BASE_STR_FMT(name->text));
        return;
    }
    dsl_diag_error(c->diag, name->span, CEP_ENAME,
        "column \"%.*s\" is not in \"partition by\": say of which variable", BASE_STR_FMT(name->text));
    if (s->pat->n_seq_vars > 0)
        dsl_diag_note(
            c->diag, "write %.*s.%.*s", BASE_STR_FMT(s->pat->vars[0].name), BASE_STR_FMT(name->text));
}

static const struct expr *check_pat_name(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    struct dsl_pat *p = s->pat;
    const struct dsl_name *name = &e->name;
    struct dsl_sym *param = find_param(c, name->text);
    bool is_col = has_pcol(p, name->text);
    if (is_col && param) {
        both_mistake(c, name, param, "stream", p->inputs[0].name);
        return NULL;
    }
    if (param)
        return param_value(c, param, e);
    if (!is_col && dsl_pat_var(p, name->text) >= 0) {
        dsl_diag_error(c->diag, name->span, CEP_ENAME, "\"%.*s\" is a variable: say which column of it",
            BASE_STR_FMT(name->text));
        dsl_diag_note(c->diag, "write %.*s.COLUMN", BASE_STR_FMT(name->text));
        return NULL;
    }
    if (is_col && (s->kind == DSL_SCOPE_MEASURES || s->agg_var >= 0)) {
        const struct expr *key = s->agg_var < 0 ? key_of_name(c, s, name) : NULL;
        if (!key)
            needs_variable(c, s, name);
        return key;
    }
    if (!is_col && !p->open) {
        const struct expr *f = niladic(c, name);
        if (f)
            return f;
    }
    if (s->kind == DSL_SCOPE_MEASURES && p->open)
        return NULL;
    const struct dsl_pvar *own = s->kind == DSL_SCOPE_DEFINE && is_col ? &p->vars[s->own] : NULL;
    int32_t i = dsl_pat_col(c, s, s->input, name, own);
    return i < 0 ? NULL : expr_col(c->a, (uint32_t)i, p->cols[i].type, name->span);
}

const struct expr *dsl_check_name(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    switch (s->kind) {
    case DSL_SCOPE_CONST: return check_const_name(c, e);
    case DSL_SCOPE_ROW: return check_row_name(c, s, e);
    case DSL_SCOPE_KEY:
    case DSL_SCOPE_DEFINE:
    case DSL_SCOPE_UNTIL:
    case DSL_SCOPE_MEASURES: break;
    }
    return check_pat_name(c, s, e);
}

/* -- X.y ---------------------------------------------------------------------------------------------------------------- */

static const struct expr *row_field(
    struct dsl_sem *c, const struct expr *base, const struct dsl_name *name, struct cep_span span) {
    if (!base)
        return NULL;
    if (base->type->kind != EVT_ROW) {
        dsl_diag_error(c->diag, name->span, CEP_ETYPE, "%s has no fields, so no \"%.*s\"",
            dsl_type_name(c, base->type), BASE_STR_FMT(name->text));
        return NULL;
    }
    struct dsl_nearest near;
    dsl_near(c, &near, name->text);
    for (uint32_t i = 0; i < base->type->n_fields; i++) {
        if (base_str_eq(base->type->fields[i].name, name->text)) {
            struct expr *f = dsl_new_expr(c, EXPR_FIELD, base->type->fields[i].type, span);
            const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, 1);
            args[0] = base;
            f->args = args;
            f->n_args = 1;
            f->index = i;
            return f;
        }
        dsl_nearest_try(&near, base->type->fields[i].name);
    }
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "the row has no field \"%.*s\"", BASE_STR_FMT(name->text));
    dsl_nearest_note(c->diag, &near);
    return NULL;
}

/* Reports when a variable's events cannot be spoken of here. */
static bool var_usable(struct dsl_sem *c, const struct dsl_scope *s, int32_t var, struct cep_span span) {
    const struct dsl_pvar *v = &s->pat->vars[var];
    if (s->kind == DSL_SCOPE_KEY) {
        dsl_diag_error(c->diag, span, CEP_EINVAL,
            "\"partition by\" looks at the event alone, not at variable \"%.*s\"", BASE_STR_FMT(v->name));
        return false;
    }
    if (!v->in_seq) {
        dsl_diag_error(c->diag, span, CEP_ENAME, "variable \"%.*s\" does not stand in the sequence",
            BASE_STR_FMT(v->name));
        return false;
    }
    if (v->negated) {
        dsl_diag_error(c->diag, span, CEP_EINVAL, "variable \"%.*s\" stands behind \"!\" and has no events",
            BASE_STR_FMT(v->name));
        return false;
    }
    return true;
}

static const struct expr *var_column(struct dsl_sem *c, struct dsl_scope *s, int32_t var,
    const struct dsl_expr *e, bool from_last, uint32_t n) {
    const struct dsl_pvar *v = &s->pat->vars[var];
    const struct dsl_name *name = &e->field.name;
    bool own = s->kind == DSL_SCOPE_DEFINE && s->own == var;
    if (s->agg_var >= 0 && s->agg_var != var) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL,
            "an aggregate speaks of the events of one variable, here of \"%.*s\"",
            BASE_STR_FMT(s->pat->vars[s->agg_var].name));
        return NULL;
    }
    if (!(own && from_last && n == 0) && !var_usable(c, s, var, e->span))
        return NULL;
    int32_t col = dsl_pat_col(c, s, v->input, name, v);
    if (col < 0)
        return NULL;
    const struct evt_type *t = s->pat->cols[col].type;
    if (s->agg_var == var || (own && from_last && n == 0))
        return expr_col(c->a, (uint32_t)col, t, e->span);
    struct expr *x = dsl_new_expr(c, EXPR_VAR_COL, t, e->span);
    x->var = (uint32_t)var;
    x->index = (uint32_t)col;
    x->from_last = from_last;
    x->n = n;
    return x;
}

/* `payments.amount` in a pattern: the event under test, or the one variable that takes events of that stream. */
static const struct expr *stream_column(
    struct dsl_sem *c, struct dsl_scope *s, int32_t input, const struct dsl_expr *e) {
    struct dsl_pat *p = s->pat;
    bool under_test = s->kind == DSL_SCOPE_DEFINE || s->kind == DSL_SCOPE_UNTIL || s->kind == DSL_SCOPE_KEY;
    if (under_test && s->agg_var < 0) {
        if (p->n_inputs > 1 && s->input != input) {
            dsl_diag_error(c->diag, e->span, CEP_ENAME,
                "the event under test is not always of stream \"%.*s\"", BASE_STR_FMT(p->inputs[input].name));
            return NULL;
        }
        int32_t col = dsl_pat_col(c, s, input, &e->field.name, NULL);
        return col < 0 ? NULL : expr_col(c->a, (uint32_t)col, p->cols[col].type, e->span);
    }
    int32_t only = -1;
    for (size_t i = 0; i < p->n_seq_vars; i++)
        if (!p->vars[i].negated && (p->n_inputs == 1 || p->vars[i].input == input || p->vars[i].input < 0))
            only = only == -1 ? (int32_t)i : -2;
    if (only >= 0)
        return var_column(c, s, only, e, true, 0);
    dsl_diag_error(c->diag, e->span, CEP_ENAME,
        "say which variable's \"%.*s\": %s takes events of stream \"%.*s\"", BASE_STR_FMT(e->field.name.text),
        only == -1 ? "none" : "more than one", BASE_STR_FMT(p->inputs[input].name));
    return NULL;
}

static int32_t find_input(const struct dsl_pat *p, struct base_str name) {
    for (uint32_t i = 0; i < p->n_inputs; i++)
        if (base_str_eq(p->inputs[i].name, name))
            return (int32_t)i;
    return -1;
}

static void unknown_owner(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_name *name) {
    struct dsl_pat *p = s->pat;
    struct dsl_nearest near;
    dsl_near(c, &near, name->text);
    for (size_t i = 0; i < p->n_vars; i++)
        dsl_nearest_try(&near, p->vars[i].name);
    for (uint32_t i = 0; i < p->n_inputs; i++)
        dsl_nearest_try(&near, p->inputs[i].name);
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "unknown variable \"%.*s\"", BASE_STR_FMT(name->text));
    dsl_nearest_note(c->diag, &near);
}

static const struct expr *check_pat_field(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct dsl_expr *base = e->field.base;
    if (base->kind == DSL_EXPR_NAME) {
        int var = dsl_pat_var(s->pat, base->name.text);
        if (var >= 0)
            return var_column(c, s, var, e, true, 0);
        int32_t input = find_input(s->pat, base->name.text);
        if (input >= 0)
            return stream_column(c, s, input, e);
        if (!has_pcol(s->pat, base->name.text)) {
            if (!s->pat->open)
                unknown_owner(c, s, &base->name);
            return NULL;
        }
    }
    if (base->kind == DSL_EXPR_INDEX && base->index.base->kind == DSL_EXPR_NAME) {
        int var = dsl_pat_var(s->pat, base->index.base->name.text);
        int64_t n;
        if (var >= 0) {
            struct dsl_scope cs = {
                .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1
            };
            const struct expr *x = dsl_fold(c, dsl_check_expr(c, &cs, base->index.index));
            if (!x)
                return NULL;
            if (x->kind != EXPR_CONST || x->type->kind != EVT_INT || x->val.null || (n = x->val.i) < 0 ||
                n > UINT32_MAX) {
                dsl_diag_error(c->diag, base->index.index->span, CEP_EINVAL,
                    "the number in \"%.*s[...]\" is 0 or more and known beforehand",
                    BASE_STR_FMT(s->pat->vars[var].name));
                return NULL;
            }
            return var_column(c, s, var, e, false, (uint32_t)n);
        }
    }
    return row_field(c, dsl_check_expr(c, s, base), &e->field.name, e->span);
}

/* The whole path is one stream's name with a side output: `from p.timeouts`, `p.timeouts.x`. */
static bool names_scope(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *base) {
    if (base->kind == DSL_EXPR_NAME && s->alias.p && base_str_eq(base->name.text, s->alias))
        return true;
    struct dsl_path path;
    return s->name.p && dsl_expr_as_path(base, &c->tmp, &path) &&
           base_str_eq(dsl_path_str(&path, &c->tmp), s->name);
}

static bool seq_has_var(const struct dsl_seq *s, struct base_str name) {
    switch (s->kind) {
    case DSL_SEQ_VAR: return base_str_eq(s->var.text, name);
    case DSL_SEQ_CHAIN:
        for (size_t i = 0; i < s->chain.n_steps; i++)
            if (seq_has_var(s->chain.steps[i].item, name))
                return true;
        return false;
    case DSL_SEQ_ALT:
    case DSL_SEQ_ALL:
        for (size_t i = 0; i < s->list.n_items; i++)
            if (seq_has_var(s->list.items[i], name))
                return true;
        return false;
    case DSL_SEQ_LOOP: return seq_has_var(s->loop.body, name);
    case DSL_SEQ_NOT:
    case DSL_SEQ_EMPTY:
    case DSL_SEQ_EXCLUDE:
    case DSL_SEQ_START:
    case DSL_SEQ_END:
    case DSL_SEQ_MAX: break;
    }
    return false;
}

/* `{charge.amount}` in an alert: variables end where the pattern ends. */
static void unknown_row_owner(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *base,
    const struct dsl_name *column) {
    struct base_str of = base->name.text;
    const struct dsl_sym *on = dsl_sym_find(c, s->name);
    bool is_var = on && on->kind == DSL_SYM_PATTERN && !on->stmt->broken &&
                  seq_has_var(on->stmt->pattern.match, of);
    if (is_var) {
        dsl_diag_error(c->diag, base->span, CEP_ENAME, "variable \"%.*s\" is known only in pattern \"%.*s\"",
            BASE_STR_FMT(of), BASE_STR_FMT(s->name));
        dsl_diag_note(c->diag, "add it to the measures: %.*s.%.*s as NAME", BASE_STR_FMT(of),
            BASE_STR_FMT(column->text));
        return;
    }
    dsl_diag_error(c->diag, base->span, CEP_ENAME, "unknown stream or column \"%.*s\"", BASE_STR_FMT(of));
    dsl_diag_note(c->diag, "here are columns of %s \"%.*s\"", s->word, BASE_STR_FMT(s->name));
}

/* `a.price` in a match_recognize, where `a` is a variable or the stream. */
static const struct expr *mr_field(
    struct dsl_sem *c, struct dsl_scope *s, uint32_t var, const struct dsl_expr *e) {
    const struct expr *col = row_column(c, s, &e->field.name);
    if (col)
        return dsl_mr_column(c, s, var, col->index, e->span);
    unknown_column(c, s, &e->field.name, false);
    return NULL;
}

static const struct expr *check_row_field(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct dsl_expr *base = e->field.base;
    int var = s->mr && base->kind == DSL_EXPR_NAME ? dsl_mr_var(s->mr->mr, base->name.text) : -1;
    if (var >= 0 || (s->mr && names_scope(c, s, base)))
        return mr_field(c, s, var >= 0 ? (uint32_t)var : s->mr->mr->n_vars - 1, e);
    if (s->mr && base->kind == DSL_EXPR_NAME && row_find(s, base->name.text) < 0 && !s->open) {
        struct dsl_nearest near;
        dsl_near(c, &near, base->name.text);
        for (uint32_t i = 0; i + 1 < s->mr->mr->n_vars; i++)
            dsl_nearest_try(&near, s->mr->mr->vars[i].name);
        dsl_diag_error(
            c->diag, base->span, CEP_ENAME, "unknown variable \"%.*s\"", BASE_STR_FMT(base->name.text));
        dsl_nearest_note(c->diag, &near);
        return NULL;
    }
    int input = s->joins ? dsl_join_input(c, s, base) : -1;
    if (input >= 0)
        return dsl_join_field(c, s, input, &e->field.name);
    if (!s->joins && names_scope(c, s, base)) {
        const struct expr *col = row_column(c, s, &e->field.name);
        if (!col)
            unknown_column(c, s, &e->field.name, false);
        return col;
    }
    if (base->kind == DSL_EXPR_NAME && row_find(s, base->name.text) < 0 &&
        !row_key_field(c, s, &base->name) && !find_param(c, base->name.text)) {
        if (s->open)
            return NULL;
        unknown_row_owner(c, s, base, &e->field.name);
        return NULL;
    }
    return row_field(c, dsl_check_expr(c, s, base), &e->field.name, e->span);
}

/* `path = alerts.json`: not a parameter's field, but text without quotes. */
static const struct expr *check_const_field(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    struct dsl_path path;
    if (dsl_expr_as_path(e, &c->tmp, &path) && !find_param(c, path.parts[0].text)) {
        struct base_str text = dsl_path_str(&path, &c->tmp);
        dsl_diag_error(
            c->diag, e->span, CEP_ENAME, "unknown parameter \"%.*s\"", BASE_STR_FMT(path.parts[0].text));
        dsl_diag_note(c->diag, "text stands in single quotes: '%.*s'", BASE_STR_FMT(text));
        return NULL;
    }
    return row_field(c, dsl_check_expr(c, s, e->field.base), &e->field.name, e->span);
}

const struct expr *dsl_check_field(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    if (s->kind == DSL_SCOPE_ROW)
        return check_row_field(c, s, e);
    if (s->kind == DSL_SCOPE_CONST)
        return check_const_field(c, s, e);
    return check_pat_field(c, s, e);
}

const struct expr *dsl_check_index(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct dsl_expr *b = e->index.base;
    if (s->pat && b->kind == DSL_EXPR_NAME && dsl_pat_var(s->pat, b->name.text) >= 0 &&
        !has_pcol(s->pat, b->name.text)) {
        dsl_diag_error(c->diag, e->span, CEP_ENAME, "\"%.*s[...]\" is an event: say which column of it",
            BASE_STR_FMT(b->name.text));
        dsl_diag_note(c->diag, "write %.*s[0].COLUMN", BASE_STR_FMT(b->name.text));
        return NULL;
    }
    const struct expr *base = dsl_check_expr(c, s, b), *index = dsl_check_expr(c, s, e->index.index);
    if (!base || !index)
        return NULL;
    if (base->type->kind != EVT_ARRAY) {
        dsl_diag_error(
            c->diag, b->span, CEP_ETYPE, "%s is no array, it has no elements", dsl_type_name(c, base->type));
        return NULL;
    }
    if (index->type->kind != EVT_INT && index->type->kind != EVT_NULL) {
        dsl_diag_error(c->diag, e->index.index->span, CEP_ETYPE, "the number of an element is int, not %s",
            dsl_type_name(c, index->type));
        return NULL;
    }
    struct expr *x = dsl_new_expr(c, EXPR_ELEM, base->type->elem, e->span);
    const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, 2);
    args[0] = base;
    args[1] = index;
    x->args = args;
    x->n_args = 2;
    return x;
}
