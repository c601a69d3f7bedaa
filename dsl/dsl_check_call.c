/*
 * dsl_check_call -- calls: what speaks of a partial match (aggregates, first, last, prev, match_...), and
 * functions of values.
 */
#include "dsl/dsl_sem.h"

/* Functions of later versions, refused by name wherever they stand. */
static const char *const later[] = { "lead", "tumble", "hop", "session", "cumulate", "unnest", "row_number",
    "window_start", "window_end", "session_start", "session_end", "tumble_start", "tumble_end" };

static const struct {
    const char *name;
    enum expr_agg agg;
} agg_names[] = {
    { "count", EXPR_AGG_COUNT },
    { "sum", EXPR_AGG_SUM },
    { "avg", EXPR_AGG_AVG },
    { "min", EXPR_AGG_MIN },
    { "max", EXPR_AGG_MAX },
    { "stddev", EXPR_AGG_STDDEV },
    { "var", EXPR_AGG_VAR },
    { "variance", EXPR_AGG_VAR },
    { "array", EXPR_AGG_ARRAY },
    { "array_agg", EXPR_AGG_ARRAY },
};

bool dsl_agg_of_name(struct base_str name, enum expr_agg *out) {
    for (size_t i = 0; i < sizeof agg_names / sizeof *agg_names; i++)
        if (base_str_ieq(name, base_str_of(agg_names[i].name))) {
            *out = agg_names[i].agg;
            return true;
        }
    return false;
}

static bool is_name(const struct dsl_expr *e, const char *name) {
    return base_str_ieq(e->call.name.text, base_str_of(name));
}

static bool in_pattern(const struct dsl_scope *s) {
    return s->kind == DSL_SCOPE_DEFINE || s->kind == DSL_SCOPE_UNTIL || s->kind == DSL_SCOPE_MEASURES ||
           s->kind == DSL_SCOPE_KEY;
}

/* -- slots: what a condition reads of the partial match beside single events ------------------------------------------ */

void dsl_note_slot(struct dsl_sem *c, struct dsl_scope *s, struct expr *e) {
    struct dsl_pat *p = s->pat;
    if (s->kind == DSL_SCOPE_DEFINE && (size_t)s->own >= p->n_seq_vars)
        return;
    bool agg = e->kind == EXPR_AGG;
    if (agg && s->kind != DSL_SCOPE_DEFINE && s->kind != DSL_SCOPE_UNTIL)
        return;
    struct expr ***list = agg ? &p->aggs : &p->prevs;
    size_t *n = agg ? &p->n_aggs : &p->n_prevs, *cap = agg ? &p->cap_aggs : &p->cap_prevs;
    uint64_t key[2] = { expr_hash(e), agg }, found;
    struct base_str name = { (const char *)key, sizeof key };
    size_t i = 0;
    if (!base_map_get(&p->slot_names, name, &found))
        i = *n;
    else if (expr_eq((*list)[found], e))
        i = found;
    else /* two that only their hash makes equal */
        while (i < *n && !expr_eq((*list)[i], e))
            i++;
    if (i == *n && *n == DSL_MAX_SLOTS) {
        dsl_diag_error(c->diag, e->span, CEP_ELIMIT,
            "more than %d different aggregates in one pattern's conditions", (int)DSL_MAX_SLOTS);
        i = 0;
    } else if (i == *n) {
        *list = base_arena_grow(&c->tmp, *list, *n, cap, sizeof **list);
        base_map_put(&p->slot_names, name, *n);
        (*list)[(*n)++] = e;
    }
    if (agg)
        e->agg_slot = (uint32_t)i;
}

/* -- aggregates over a variable's events ------------------------------------------------------------------------------- */

struct find_var {
    const struct dsl_pat *pat;
    int32_t var;
};

static void find_var(const struct dsl_expr *e, void *arg) {
    struct find_var *f = arg;
    if (f->var >= 0)
        return;
    if (e->kind == DSL_EXPR_FIELD && e->field.base->kind == DSL_EXPR_NAME)
        f->var = dsl_pat_var(f->pat, e->field.base->name.text);
    if (f->var < 0)
        dsl_expr_children(e, find_var, f);
}

int32_t dsl_agg_variable(const struct dsl_pat *p, const struct dsl_expr *e) {
    struct find_var f = { p, -1 };
    find_var(e, &f);
    return f.var;
}

static bool events_usable(struct dsl_sem *c, struct dsl_scope *s, int32_t var, struct cep_span span) {
    const struct dsl_pvar *v = &s->pat->vars[var];
    if (s->kind == DSL_SCOPE_KEY)
        dsl_diag_error(c->diag, span, CEP_EINVAL,
            "\"partition by\" looks at the event alone, not at variable \"%.*s\"", BASE_STR_FMT(v->name));
    else if (!v->in_seq)
        dsl_diag_error(c->diag, span, CEP_ENAME, "variable \"%.*s\" does not stand in the sequence",
            BASE_STR_FMT(v->name));
    else if (v->negated)
        dsl_diag_error(c->diag, span, CEP_EINVAL, "variable \"%.*s\" stands behind \"!\" and has no events",
            BASE_STR_FMT(v->name));
    else
        return true;
    return false;
}

static const struct expr *new_agg(struct dsl_sem *c, struct dsl_scope *s, enum expr_agg agg, int32_t var,
    const struct expr *arg, struct cep_span span) {
    const struct evt_type *t = expr_agg_type(c->a, agg, arg ? arg->type : NULL);
    if (!t) {
        const char *name = "count";
        for (size_t i = 0; i < sizeof agg_names / sizeof *agg_names; i++)
            if (agg_names[i].agg == agg) {
                name = agg_names[i].name;
                break;
            }
        dsl_diag_error(
            c->diag, span, CEP_ETYPE, "aggregate \"%s\" does not take %s", name, dsl_type_name(c, arg->type));
        return NULL;
    }
    struct expr *x = dsl_new_expr(c, EXPR_AGG, t, span);
    x->agg = agg;
    x->var = (uint32_t)var;
    if (arg) {
        const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, 1);
        args[0] = arg;
        x->args = args;
        x->n_args = 1;
    }
    dsl_note_slot(c, s, x);
    return x;
}

static const struct expr *whole_events(
    struct dsl_sem *c, struct dsl_scope *s, enum expr_agg agg, int32_t var, const struct dsl_expr *e) {
    if (agg == EXPR_AGG_COUNT && !e->call.distinct)
        return new_agg(c, s, EXPR_AGG_COUNT, var, NULL, e->span);
    if (agg == EXPR_AGG_ARRAY && s->kind == DSL_SCOPE_MEASURES) {
        const struct evt_type *row = evt_type_row(c->a, s->pat->schema.n_cols, s->pat->schema.cols);
        struct expr *x = dsl_new_expr(c, EXPR_EVENTS, evt_type_array(c->a, row), e->span);
        x->var = (uint32_t)var;
        return x;
    }
    struct base_str name = s->pat->vars[var].name;
    dsl_diag_error(c->diag, e->call.args[0]->span, CEP_EINVAL, "\"%.*s\" takes a column of variable \"%.*s\"",
        BASE_STR_FMT(e->call.name.text), BASE_STR_FMT(name));
    dsl_diag_note(c->diag, "write %.*s(%.*s.COLUMN)", BASE_STR_FMT(e->call.name.text), BASE_STR_FMT(name));
    return NULL;
}

struct find_owner {
    const struct dsl_name *name;
};

static void find_owner(const struct dsl_expr *e, void *arg) {
    struct find_owner *f = arg;
    if (f->name)
        return;
    if (e->kind == DSL_EXPR_FIELD && e->field.base->kind == DSL_EXPR_NAME)
        f->name = &e->field.base->name;
    else
        dsl_expr_children(e, find_owner, f);
}

/* count(c), sum(c.amount) where there is no variable c. */
static bool unknown_agg_variable(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e) {
    struct find_owner f = { NULL };
    if (e->call.star || e->call.n_args != 1)
        return false;
    const struct dsl_expr *arg = e->call.args[0];
    if (arg->kind == DSL_EXPR_NAME)
        f.name = &arg->name;
    else
        find_owner(arg, &f);
    if (!f.name)
        return false;
    if (dsl_pat_first_col(s->pat, f.name->text) >= 0)
        return false;
    struct dsl_nearest near;
    dsl_near(c, &near, f.name->text);
    for (size_t i = 0; i < s->pat->n_vars; i++)
        dsl_nearest_try(&near, s->pat->vars[i].name);
    dsl_diag_error(c->diag, f.name->span, CEP_ENAME, "unknown variable \"%.*s\"", BASE_STR_FMT(f.name->text));
    dsl_nearest_note(c->diag, &near);
    return true;
}

static void agg_without_variable(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e) {
    struct base_str var = s->pat->n_seq_vars ? s->pat->vars[s->kind == DSL_SCOPE_DEFINE ? s->own : 0].name
                                             : BASE_STR("VAR");
    if (s->pat->open || unknown_agg_variable(c, s, e))
        return;
    dsl_diag_error(c->diag, e->span, CEP_EINVAL, "aggregate \"%.*s\" speaks of no variable",
        BASE_STR_FMT(e->call.name.text));
    if (e->call.n_args == 1 && e->call.args[0]->kind == DSL_EXPR_NAME)
        dsl_diag_note(c->diag, "write %.*s(%.*s.%.*s)", BASE_STR_FMT(e->call.name.text), BASE_STR_FMT(var),
            BASE_STR_FMT(e->call.args[0]->name.text));
    else
        dsl_diag_note(c->diag, "write %.*s(%.*s%s)", BASE_STR_FMT(e->call.name.text), BASE_STR_FMT(var),
            e->call.star ? "" : ".COLUMN");
}

static int32_t named_stream_var(const struct dsl_pat *p, const struct dsl_expr *e) {
    if (e->kind != DSL_EXPR_NAME)
        return -1;
    int32_t only = -1;
    for (uint32_t i = 0; i < p->n_inputs; i++)
        if (base_str_eq(p->inputs[i].name, e->name.text))
            for (size_t v = 0; v < p->n_seq_vars; v++)
                if (!p->vars[v].negated && (p->n_inputs == 1 || p->vars[v].input == (int32_t)i))
                    only = only == -1 ? (int32_t)v : -2;
    return only;
}

static const struct expr *check_agg(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, enum expr_agg agg) {
    if (s->agg_var >= 0) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "an aggregate cannot stand in an aggregate");
        return NULL;
    }
    enum expr_agg inner;
    if (e->call.n_args == 1 && e->call.args[0]->kind == DSL_EXPR_CALL &&
        dsl_agg_of_name(e->call.args[0]->call.name.text, &inner)) {
        dsl_diag_error(
            c->diag, e->call.args[0]->span, CEP_EINVAL, "an aggregate cannot stand in an aggregate");
        return NULL;
    }
    if (e->call.star || e->call.n_args != 1) {
        if (e->call.star)
            agg_without_variable(c, s, e);
        else
            dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%.*s\" takes one argument, not %zu",
                BASE_STR_FMT(e->call.name.text), e->call.n_args);
        return NULL;
    }
    const struct dsl_expr *arg = e->call.args[0];
    int32_t var = arg->kind == DSL_EXPR_NAME ? dsl_pat_var(s->pat, arg->name.text) : -1;
    if (var < 0)
        var = named_stream_var(s->pat, arg);
    if (var >= 0)
        return events_usable(c, s, var, arg->span) ? whole_events(c, s, agg, var, e) : NULL;
    var = dsl_agg_variable(s->pat, arg);
    if (var < 0) {
        agg_without_variable(c, s, e);
        return NULL;
    }
    if (!events_usable(c, s, var, arg->span))
        return NULL;
    if (e->call.distinct && agg == EXPR_AGG_COUNT)
        agg = EXPR_AGG_COUNT_DISTINCT;
    else if (e->call.distinct) {
        dsl_unsupported(c, e->span, "distinct in an aggregate other than count");
        return NULL;
    }
    struct dsl_scope in = *s;
    in.agg_var = var;
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, &in, arg));
    return x ? new_agg(c, s, agg, var, x, e->span) : NULL;
}

/* -- first, last, prev -------------------------------------------------------------------------------------------------------- */

static bool step_number(
    struct dsl_sem *c, const struct dsl_expr *e, const char *what, int64_t min, uint32_t *out) {
    struct dsl_scope cs = { .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1 };
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, &cs, e));
    if (!x)
        return false;
    if (x->kind != EXPR_CONST || x->type->kind != EVT_INT || x->val.null || x->val.i < min ||
        x->val.i > 1000000) {
        dsl_diag_error(
            c->diag, e->span, CEP_EINVAL, "%s is a whole number from %lld to 1000000", what, (long long)min);
        return false;
    }
    *out = (uint32_t)x->val.i;
    return true;
}

static const struct expr *check_first_last(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, bool last) {
    const char *name = last ? "last" : "first";
    if (s->agg_var >= 0) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" cannot stand in an aggregate", name);
        return NULL;
    }
    if (e->call.star || e->call.n_args < 1 || e->call.n_args > 2) {
        dsl_diag_error(
            c->diag, e->span, CEP_EINVAL, "\"%s\" takes a variable's column and, if need be, a number", name);
        return NULL;
    }
    const struct dsl_expr *arg = e->call.args[0];
    uint32_t n = 0;
    if (e->call.n_args == 2 && !step_number(c, e->call.args[1], "the second argument", 0, &n))
        return NULL;
    if (arg->kind != DSL_EXPR_FIELD || arg->field.base->kind != DSL_EXPR_NAME ||
        dsl_pat_var(s->pat, arg->field.base->name.text) < 0) {
        if (arg->kind == DSL_EXPR_FIELD && !s->pat->open) {
            const struct dsl_expr *b = arg->field.base;
            if (b->kind == DSL_EXPR_NAME) {
                struct dsl_nearest near;
                dsl_near(c, &near, b->name.text);
                for (size_t i = 0; i < s->pat->n_vars; i++)
                    dsl_nearest_try(&near, s->pat->vars[i].name);
                dsl_diag_error(
                    c->diag, b->span, CEP_ENAME, "unknown variable \"%.*s\"", BASE_STR_FMT(b->name.text));
                dsl_nearest_note(c->diag, &near);
                return NULL;
            }
        }
        dsl_diag_error(c->diag, arg->span, CEP_EINVAL, "\"%s\" takes a column of a variable", name);
        dsl_diag_note(c->diag, "write %s(VAR.COLUMN)", name);
        return NULL;
    }
    int32_t var = dsl_pat_var(s->pat, arg->field.base->name.text);
    bool own = s->kind == DSL_SCOPE_DEFINE && s->own == var;
    const struct dsl_pvar *v = &s->pat->vars[var];
    if (!(own && last && n == 0) && !events_usable(c, s, var, arg->span))
        return NULL;
    int32_t col = dsl_pat_col(c, s, v->input, &arg->field.name, v);
    if (col < 0)
        return NULL;
    const struct evt_type *t = s->pat->cols[col].type;
    if (own && last && n == 0)
        return expr_col(c->a, (uint32_t)col, t, e->span);
    struct expr *x = dsl_new_expr(c, EXPR_VAR_COL, t, e->span);
    x->var = (uint32_t)var;
    x->index = (uint32_t)col;
    x->from_last = last;
    x->n = n;
    return x;
}

static const struct expr *check_prev(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    if ((s->kind != DSL_SCOPE_DEFINE && s->kind != DSL_SCOPE_UNTIL) || s->agg_var >= 0) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"prev\" stands only in conditions of a pattern");
        return NULL;
    }
    uint32_t n = 1;
    int64_t within = 0;
    size_t n_args = e->call.n_args;
    for (size_t i = 1; i < n_args; i++) {
        const struct dsl_expr *a = e->call.args[i];
        if (a->kind == DSL_EXPR_NAMED_ARG && base_str_ieq(a->named.label.text, BASE_STR("within"))) {
            if (!dsl_duration_of(c, a->named.value, "the time of \"prev\"", false, &within))
                return NULL;
        } else if (i > 1 || !step_number(c, a, "the second argument of \"prev\"", 1, &n)) {
            if (i > 1)
                dsl_diag_error(
                    c->diag, a->span, CEP_EINVAL, "\"prev\" takes a column, a number and \"within D\"");
            return NULL;
        }
    }
    const struct dsl_expr *col = n_args ? e->call.args[0] : NULL;
    if (col && col->kind == DSL_EXPR_NAMED_ARG)
        col = NULL;
    const struct expr *x = col ? dsl_check_expr(c, s, col) : NULL;
    if (col && !x)
        return NULL;
    if (!x || x->kind != EXPR_COL) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"prev\" takes a column of the event under test");
        return NULL;
    }
    struct expr *p = dsl_new_expr(c, EXPR_PREV, x->type, e->span);
    p->index = x->index;
    p->n = n;
    p->within_us = within;
    dsl_note_slot(c, s, p);
    return p;
}

/* -- match_number() and its kin --------------------------------------------------------------------------------------------- */

bool dsl_match_property(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e, const struct expr **out) {
    enum {
        PATTERN = 1,
        ROWS = 2,
        DEFINE = 4
    }; /* where it may stand; DEFINE: of ROWS, not in measures alone */
    static const struct {
        const char *name;
        enum expr_match what;
        enum evt_kind type;
        unsigned in;
    } all[] = {
        { "match_number", EXPR_MATCH_NUMBER, EVT_INT, PATTERN | ROWS | DEFINE },
        { "match_start", EXPR_MATCH_START, EVT_TIMESTAMP, PATTERN | ROWS },
        { "match_end", EXPR_MATCH_END, EVT_TIMESTAMP, PATTERN | ROWS },
        { "match_rowtime", EXPR_MATCH_END, EVT_TIMESTAMP, ROWS },
        { "match_duration", EXPR_MATCH_DURATION, EVT_DURATION, PATTERN | ROWS },
        { "match_id", EXPR_MATCH_ID, EVT_STRING, PATTERN },
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!(all[i].in & (s->mr ? ROWS : PATTERN)) || !is_name(e, all[i].name))
            continue;
        bool measures = s->mr ? s->mr->own < 0 || all[i].in & DEFINE : s->kind == DSL_SCOPE_MEASURES;
        *out = NULL;
        if (!measures) {
            dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" stands only in measures", all[i].name);
        } else if (e->call.n_args > 0 || e->call.star) {
            dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" takes no arguments", all[i].name);
        } else {
            struct expr *x = dsl_new_expr(c, EXPR_MATCH, evt_type_of(all[i].type), e->span);
            x->match = all[i].what;
            *out = x;
        }
        return true;
    }
    return false;
}

/* -- functions of values ------------------------------------------------------------------------------------------------------ */

static void unknown_function(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e, struct base_str low) {
    struct dsl_nearest near;
    dsl_near(c, &near, low);
    const struct expr_func *f;
    for (uint32_t i = 0; (f = expr_func_at(i)) != NULL; i++)
        if (!f->is_operator)
            dsl_nearest_try(&near, base_str_of(f->name));
    if (in_pattern(s))
        for (size_t i = 0; i < sizeof agg_names / sizeof *agg_names; i++)
            dsl_nearest_try(&near, base_str_of(agg_names[i].name));
    dsl_nearest_try(&near, BASE_STR("coalesce"));
    dsl_diag_error(
        c->diag, e->call.name.span, CEP_ENAME, "unknown function \"%.*s\"", BASE_STR_FMT(e->call.name.text));
    dsl_nearest_note(c->diag, &near);
}

static const char *lower_name(struct dsl_sem *c, struct base_str name) {
    char *low = base_arena_strndup(&c->tmp, name.p, name.len);
    for (char *p = low; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    return low;
}

/* extract(hour from at): the first argument is a word, not a column. */
static bool is_unit_word(const char *function, const struct dsl_expr *arg) {
    static const char *const functions[] = { "extract", "timestampadd", "timestampdiff" };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(function, functions[i]) == 0)
            return arg->kind == DSL_EXPR_NAME && !arg->name.quoted;
    return false;
}

static const struct expr *unit_word(struct dsl_sem *c, const struct dsl_expr *arg) {
    struct base_str word = base_str_of(lower_name(c, arg->name.text));
    struct evt_val v = { 0 };
    word = dsl_keep(c, word);
    v.s.p = word.p;
    v.s.len = (uint32_t)word.len;
    return expr_const(c->a, evt_type_of(EVT_STRING), v, arg->span);
}

/* nullif(a, b) is case when a = b then null else a end. */
static const struct expr *nullif(struct dsl_sem *c, const struct dsl_expr *e,
    const struct dsl_expr *const *src, const struct expr **args) {
    if (e->call.n_args != 2) {
        dsl_diag_error(
            c->diag, e->span, CEP_EINVAL, "\"nullif\" takes two arguments, not %zu", e->call.n_args);
        return NULL;
    }
    dsl_adapt_literals(c, src, args, 2);
    const struct expr *eq = dsl_compare(c, "=", args[0], args[1], e->span);
    if (!eq)
        return NULL;
    const struct expr *parts[3] = { eq, expr_const(c->a, evt_type_of(EVT_NULL), EVT_VAL_NULL, e->span),
        args[0] };
    return dsl_node(c, EXPR_CASE, false, parts, 3, e->span);
}

static const struct expr *check_function(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const char *name = lower_name(c, e->call.name.text);
    bool coalesce = strcmp(name, "coalesce") == 0;
    uint32_t n_rows;
    const struct expr_func *f = coalesce ? NULL : expr_func_find(base_str_of(name), &n_rows);
    bool is_nullif = !f && strcmp(name, "nullif") == 0;
    bool known = coalesce || is_nullif || (f && !f->is_operator);
    size_t n = e->call.n_args;
    const struct expr **args = BASE_ARENA_ARRAY(&c->tmp, const struct expr *, n ? n : 1);
    const struct dsl_expr **src = BASE_ARENA_ARRAY(&c->tmp, const struct dsl_expr *, n ? n : 1);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        src[i] = e->call.args[i];
        args[i] = i == 0 && is_unit_word(name, src[i]) ? unit_word(c, src[i]) : dsl_check_expr(c, s, src[i]);
        ok &= args[i] != NULL;
    }
    if (!known) {
        unknown_function(c, s, e, base_str_of(name));
        return NULL;
    }
    if (e->call.star || e->call.distinct) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "function \"%s\" takes no \"%s\"", name,
            e->call.star ? "*" : "distinct");
        return NULL;
    }
    if (!ok)
        return NULL;
    if (is_nullif)
        return nullif(c, e, src, args);
    if (coalesce && n == 0) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"coalesce\" takes one argument or more");
        return NULL;
    }
    if (coalesce)
        return dsl_adapt_literals(c, src, args, (uint32_t)n)
                   ? dsl_node(c, EXPR_COALESCE, false, args, (uint32_t)n, e->span)
                   : NULL;
    return dsl_call_func(c, name, args, (uint32_t)n, e->span);
}

/* An aggregate where there are no events to gather. */
static void agg_out_of_place(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e) {
    enum expr_agg agg;
    dsl_diag_error(c->diag, e->span, CEP_EINVAL, "aggregate \"%.*s\" cannot stand here",
        BASE_STR_FMT(e->call.name.text));
    if (s->kind == DSL_SCOPE_ROW && s->word && strcmp(s->word, "pattern") == 0)
        dsl_diag_note(c->diag, "make it a measure of pattern \"%.*s\"", BASE_STR_FMT(s->name));
    else if (!dsl_agg_of_name(e->call.name.text, &agg) && in_pattern(s))
        dsl_diag_note(c->diag,
            "make it a column of a stream that the pattern reads: %.*s(...) over (partition by ... order by "
            "...)",
            BASE_STR_FMT(e->call.name.text));
}

static bool refused(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e) {
    uint32_t n;
    enum expr_agg agg;
    if (e->call.over && !s->overs)
        dsl_over_out_of_place(c, s, e);
    else if (e->call.filter && !e->call.over &&
             !(s->group && dsl_group_agg_of_name(c, e->call.name.text, &agg)))
        dsl_unsupported(c, e->call.filter->span, "filter");
    else {
        for (size_t i = 0; i < sizeof later / sizeof *later; i++)
            if (is_name(e, later[i]) && !expr_func_find(base_str_of(later[i]), &n)) {
                dsl_unsupported(c, e->call.name.span, later[i]);
                return true;
            }
        return false;
    }
    return true;
}

const struct expr *dsl_check_call(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct expr *x;
    enum expr_agg agg;
    bool first = is_name(e, "first"), last = is_name(e, "last");
    if (refused(c, s, e))
        return NULL;
    if (s->mr && dsl_mr_call(c, s, e, &x))
        return x;
    if (e->call.final || e->call.running) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL,
            s->mr ? "\"%s\" stands before first, last or an aggregate"
                  : "\"%s\" stands only in \"match_recognize\"",
            e->call.final ? "final" : "running");
        return NULL;
    }
    if (e->call.over)
        return dsl_check_over(c, s, e);
    if (dsl_match_property(c, s, e, &x))
        return x;
    if (is_name(e, "prev"))
        return check_prev(c, s, e);
    if (s->group && dsl_group_agg_of_name(c, e->call.name.text, &agg))
        return dsl_check_group_agg(c, s, e, agg);
    bool is_agg = dsl_agg_of_name(e->call.name.text, &agg);
    enum expr_agg rows_only;
    if (!is_agg && !first && !last && dsl_group_agg_of_name(c, e->call.name.text, &rows_only)) {
        agg_out_of_place(c, s, e);
        return NULL;
    }
    const struct dsl_sym *user = dsl_user_function(c, e->call.name.text);
    if (user)
        return dsl_check_user_call(c, s, e, user);
    if (!is_agg && !first && !last)
        return check_function(c, s, e);
    if (!in_pattern(s)) {
        agg_out_of_place(c, s, e);
        return NULL;
    }
    return is_agg ? check_agg(c, s, e, agg) : check_first_last(c, s, e, last);
}
