/*
 * dsl_lower_pattern -- a pattern statement becomes a node: inputs and their unified columns, keys, variables with
 * their conditions, the sequence, measures, and the schemas of what it gives.
 */
#include "dsl/dsl_sem.h"

/* -- inputs and columns ------------------------------------------------------------------------------------------- */

static int32_t add_col(struct dsl_sem *c, struct dsl_pat *p, const struct evt_column *of, int32_t same) {
    p->cols = base_arena_grow(&c->tmp, p->cols, p->n_cols, &p->cap_cols, sizeof *p->cols);
    struct dsl_pcol *col = &p->cols[p->n_cols];
    *col = (struct dsl_pcol){
        .name = of->name, .type = of->type, .map = BASE_ARENA_ARRAY(c->a, int32_t, p->n_inputs), .same = same
    };
    for (uint32_t k = 0; k < p->n_inputs; k++)
        col->map[k] = -1;
    base_map_put(&p->col_names, of->name, p->n_cols);
    return (int32_t)p->n_cols++;
}

static void unify(struct dsl_sem *c, struct dsl_pat *p, uint32_t input, const struct evt_schema *s) {
    for (uint32_t i = 0; i < s->n_visible; i++) {
        int32_t first = dsl_pat_first_col(p, s->cols[i].name), k = first;
        while (k >= 0 && !(evt_type_eq(p->cols[k].type, s->cols[i].type) && p->cols[k].map[input] < 0))
            k = p->cols[k].same;
        if (k < 0)
            k = add_col(c, p, &s->cols[i], first);
        p->cols[k].map[input] = (int32_t)i;
    }
}

static void lower_inputs(struct dsl_sem *c, struct dsl_pat *p) {
    const struct dsl_pattern *st = &p->stmt->pattern;
    p->inputs = BASE_ARENA_ARRAY(&c->tmp, struct dsl_rows, st->n_from + 1);
    for (size_t i = 0; i < st->n_from; i++) {
        struct dsl_rows r;
        if (i >= DSL_MAX_FROM) {
            dsl_diag_error(c->diag, st->from[i].span, CEP_ELIMIT, "a pattern reads at most %d streams",
                (int)DSL_MAX_FROM);
            break;
        }
        if (!dsl_rows_find(c, &st->from[i], DSL_USE_READ, &r)) {
            p->open = true;
            p->sym->bad = true;
            r = (struct dsl_rows){ .name = dsl_path_str(&st->from[i], &c->tmp), .open = true };
        }
        p->sym->bad |= !dsl_changes_refused(c, &r, st->from[i].span, "a pattern");
        for (uint32_t k = 0; k < p->n_inputs; k++)
            if (base_str_eq(p->inputs[k].name, r.name)) {
                dsl_diag_error(c->diag, st->from[i].span, CEP_EINVAL,
                    "stream \"%.*s\" stands in \"from\" twice", BASE_STR_FMT(r.name));
                p->sym->bad = true;
            }
        p->open |= r.open;
        p->inputs[p->n_inputs++] = r;
    }
    for (uint32_t i = 0; i < p->n_inputs; i++)
        if (p->inputs[i].schema)
            unify(c, p, i, p->inputs[i].schema);
    for (size_t k = 0; k < p->n_cols; k++) {
        p->cols[k].everywhere = true;
        for (uint32_t i = 0; i < p->n_inputs; i++)
            p->cols[k].everywhere &= p->cols[k].map[i] >= 0;
    }
}

/* Columns of one name but different types are told apart by their stream. */
static struct evt_schema column_schema(struct dsl_sem *c, const struct dsl_pat *p) {
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, p->n_cols ? p->n_cols : 1);
    for (size_t i = 0; i < p->n_cols; i++) {
        bool alone = dsl_pat_first_col(p, p->cols[i].name) == (int32_t)i && p->cols[i].same < 0;
        cols[i] = (struct evt_column){ .name = dsl_keep(c, p->cols[i].name), .type = p->cols[i].type };
        for (uint32_t in = 0; !alone && in < p->n_inputs; in++)
            if (p->cols[i].map[in] >= 0) {
                cols[i].name = base_str_of(base_arena_printf(
                    c->a, "%.*s.%.*s", BASE_STR_FMT(p->inputs[in].name), BASE_STR_FMT(p->cols[i].name)));
                break;
            }
    }
    return (struct evt_schema){ (uint32_t)p->n_cols, (uint32_t)p->n_cols, cols };
}

/* -- keys ---------------------------------------------------------------------------------------------------------------- */

static void lower_keys(struct dsl_sem *c, struct dsl_pat *p) {
    const struct dsl_pattern *st = &p->stmt->pattern;
    p->n_keys = dsl_capped(c, st->partition_span, st->n_partition, "parts of a key");
    p->keys = BASE_ARENA_ARRAY(c->a, const struct expr *, p->n_keys + 1);
    p->key_names = BASE_ARENA_ARRAY(c->a, struct base_str, p->n_keys + 1);
    size_t n_keys = p->n_keys;
    p->n_keys = 0; /* a key does not see the keys before it */
    for (size_t i = 0; i < n_keys; i++) {
        const struct dsl_expr *e = st->partition[i];
        struct dsl_scope s = {
            .kind = DSL_SCOPE_KEY, .pat = p, .own = -1, .input = -1, .agg_var = -1, .key_col = -1
        };
        p->keys[i] = dsl_fold(c, dsl_check_expr(c, &s, e));
        p->sym->bad |= !p->keys[i];
        if (p->keys[i] && p->keys[i]->type->kind == EVT_NULL) {
            dsl_diag_error(c->diag, e->span, CEP_ETYPE, "the type of this key is not known");
            p->keys[i] = NULL;
        }
        if (p->keys[i] && p->keys[i]->kind == EXPR_CONST)
            dsl_diag_warning(c->diag, e->span, "the key is the same for every event");
        struct base_str name = e->kind == DSL_EXPR_NAME    ? e->name.text
                               : e->kind == DSL_EXPR_FIELD ? e->field.name.text
                                                           : (struct base_str){ 0 };
        for (size_t k = 0; name.p && k < i; k++)
            if (base_str_eq(p->key_names[k], name))
                name.p = NULL;
        p->key_names[i] = name.p ? dsl_keep(c, name) : base_str_of(base_arena_printf(c->a, "key%zu", i + 1));
    }
    p->n_keys = n_keys;
}

/* -- variables ------------------------------------------------------------------------------------------------------------ */

static int32_t input_of_path(struct dsl_sem *c, const struct dsl_pat *p, const struct dsl_expr *e) {
    struct dsl_path path;
    if (!dsl_expr_as_path(e, &c->tmp, &path))
        return -1;
    struct base_str text = dsl_path_str(&path, &c->tmp);
    for (uint32_t i = 0; i < p->n_inputs; i++)
        if (base_str_eq(p->inputs[i].name, text))
            return (int32_t)i;
    return -1;
}

static void not_an_input(struct dsl_sem *c, struct dsl_pat *p, const struct dsl_expr *e) {
    struct dsl_path path;
    struct dsl_nearest near;
    struct base_str text = dsl_expr_as_path(e, &c->tmp, &path) ? dsl_path_str(&path, &c->tmp)
                                                               : (struct base_str){ 0 };
    if (!text.p) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "before \"where\" stands the name of a stream");
        return;
    }
    dsl_near(c, &near, text);
    for (uint32_t i = 0; i < p->n_inputs; i++)
        dsl_nearest_try(&near, p->inputs[i].name);
    dsl_diag_error(c->diag, e->span, CEP_ENAME, "pattern \"%.*s\" does not read a stream \"%.*s\"",
        BASE_STR_FMT(p->sym->name), BASE_STR_FMT(text));
    if (near.best.len)
        dsl_nearest_note(c->diag, &near);
    else
        dsl_diag_note(c->diag, "add it to \"from\"");
}

/* `define v as STREAM`, where STREAM is a stream that the pattern does not read. */
static bool names_other_stream(struct dsl_sem *c, const struct dsl_pat *p, const struct dsl_expr *e) {
    if (e->kind != DSL_EXPR_NAME || p->open)
        return false;
    struct dsl_sym *s = dsl_sym_find(c, e->name.text);
    if (!s || s->kind == DSL_SYM_PARAM || s->kind == DSL_SYM_SINK)
        return false;
    return dsl_pat_first_col(p, e->name.text) < 0;
}

static void bind_define(struct dsl_sem *c, struct dsl_pat *p, const struct dsl_define *d) {
    int v = dsl_pat_var(p, d->var.text);
    if (v < 0) {
        dsl_diag_warning(c->diag, d->var.span,
            "variable \"%.*s\" is defined, but does not stand in the sequence", BASE_STR_FMT(d->var.text));
        struct dsl_nearest near;
        dsl_near(c, &near, d->var.text);
        for (size_t i = 0; i < p->n_seq_vars; i++)
            dsl_nearest_try(&near, p->vars[i].name);
        dsl_nearest_note(c->diag, &near);
        p->vars = base_arena_grow(&c->tmp, p->vars, p->n_vars, &p->cap_vars, sizeof *p->vars);
        p->vars[p->n_vars] = (struct dsl_pvar){ .name = d->var.text, .span = d->var.span, .input = -1 };
        v = (int)p->n_vars++;
        base_map_put(&p->var_names, d->var.text, (uint64_t)v);
    }
    if (p->vars[v].define) {
        dsl_diag_error(
            c->diag, d->var.span, CEP_ENAME, "variable \"%.*s\" is defined twice", BASE_STR_FMT(d->var.text));
        dsl_diag_note_at(c->diag, p->vars[v].define->var.span, "first here");
        p->sym->bad = true;
        return;
    }
    p->vars[v].define = d;
    int32_t in = input_of_path(c, p, d->expr);
    if (in >= 0) {
        p->vars[v].input = in;
        return;
    }
    if (d->where || names_other_stream(c, p, d->expr)) {
        not_an_input(c, p, d->expr);
        p->vars[v].bad = true;
        p->sym->bad = true;
    }
}

static void lower_condition(struct dsl_sem *c, struct dsl_pat *p, size_t v) {
    struct dsl_pvar *var = &p->vars[v];
    const struct dsl_define *d = var->define;
    if (!d)
        return;
    const struct dsl_expr *e = d->where ? d->where : var->input >= 0 || var->bad ? NULL : d->expr;
    if (!e)
        return;
    struct dsl_scope s = { .kind = DSL_SCOPE_DEFINE,
        .pat = p,
        .own = (int32_t)v,
        .input = var->input,
        .agg_var = -1,
        .key_col = -1 };
    const char *what = base_arena_printf(
        &c->tmp, "the condition of variable \"%.*s\"", BASE_STR_FMT(var->name));
    var->cond = dsl_check_cond(c, &s, e, what);
    p->sym->bad |= !var->cond;
    var->never = !dsl_warn_cond(c, var->cond, &p->schema, what);
    if (var->cond && var->cond->kind == EXPR_CONST && !var->cond->val.null && var->cond->val.b)
        var->cond = NULL; /* takes every event */
}

static const struct plan_var *final_vars(struct dsl_sem *c, const struct dsl_pat *p) {
    struct plan_var *vars = BASE_ARENA_ARRAY(c->a, struct plan_var, p->n_seq_vars + 1);
    for (size_t i = 0; i < p->n_seq_vars; i++)
        vars[i] = (struct plan_var){ dsl_keep(c, p->vars[i].name), p->n_inputs > 1 ? p->vars[i].input : -1,
            p->vars[i].cond, p->vars[i].negated, p->vars[i].span };
    return vars;
}

/* -- clauses -------------------------------------------------------------------------------------------------------------- */

static void lower_within(struct dsl_sem *c, struct dsl_pat *p, struct plan_pattern *out) {
    const struct dsl_pattern *st = &p->stmt->pattern;
    if (!st->within)
        return;
    if (!dsl_duration_of(c, st->within, "\"within\"", false, &out->within_us)) {
        p->sym->bad = true;
        out->within_us = INT64_MAX;
    }
    p->has_within = true;
    p->within_us = out->within_us;
    out->within_kind = st->between_events ? PLAN_WITHIN_BETWEEN : PLAN_WITHIN_FIRST_LAST;
}

enum plan_skip dsl_skip_of(const struct dsl_after *af) {
    static const enum plan_skip kinds[] = { [DSL_SKIP_DEFAULT] = PLAN_SKIP_PAST_LAST,
        [DSL_SKIP_PAST_LAST] = PLAN_SKIP_PAST_LAST,
        [DSL_SKIP_NONE] = PLAN_SKIP_NONE,
        [DSL_SKIP_TO_NEXT] = PLAN_SKIP_TO_NEXT,
        [DSL_SKIP_TO_FIRST] = PLAN_SKIP_TO_FIRST,
        [DSL_SKIP_TO_LAST] = PLAN_SKIP_TO_LAST };
    return kinds[af->skip];
}

static bool lower_skip(struct dsl_sem *c, struct dsl_pat *p, struct plan_pattern *out) {
    const struct dsl_after *af = &p->stmt->pattern.after;
    out->skip = dsl_skip_of(af);
    out->skip_or_error = af->or_error;
    if (af->skip != DSL_SKIP_TO_FIRST && af->skip != DSL_SKIP_TO_LAST)
        return true;
    int v = dsl_pat_var(p, af->var.text);
    if (v < 0 || !p->vars[v].in_seq) {
        struct dsl_nearest near;
        dsl_near(c, &near, af->var.text);
        for (size_t i = 0; i < p->n_seq_vars; i++)
            if (!p->vars[i].negated)
                dsl_nearest_try(&near, p->vars[i].name);
        dsl_diag_error(c->diag, af->var.span, CEP_ENAME,
            "the variable to skip to, \"%.*s\", does not stand in the sequence", BASE_STR_FMT(af->var.text));
        dsl_nearest_note(c->diag, &near);
        return false;
    }
    if (p->vars[v].negated) {
        dsl_diag_error(c->diag, af->var.span, CEP_EINVAL,
            "the variable to skip to, \"%.*s\", stands behind \"!\" and has no events",
            BASE_STR_FMT(af->var.text));
        return false;
    }
    out->skip_var = (uint32_t)v;
    return true;
}

static bool lower_limits(struct dsl_sem *c, struct dsl_pat *p, struct plan_pattern *out) {
    const struct dsl_pattern *st = &p->stmt->pattern;
    bool ok = true;
    const struct dsl_limit *seen[2] = { NULL, NULL };
    for (size_t i = 0; i < st->n_limits; i++) {
        const struct dsl_limit *l = &st->limits[i];
        int64_t n;
        if (seen[l->matches]) {
            dsl_diag_error(c->diag, l->span, CEP_EINVAL, "\"limit ... %s\" is given twice",
                l->matches ? "matches" : "open");
            ok = false;
            continue;
        }
        seen[l->matches] = l;
        if (!dsl_count_of(c, l->n, "the limit", l->matches ? INT64_MAX : UINT32_MAX - 1, &n)) {
            ok = false;
        } else if (l->matches) {
            out->limit_matches = (uint64_t)n;
        } else {
            out->limit_open = (uint32_t)n;
            out->limit_refuse_new = l->refuse_new;
        }
    }
    return ok;
}

/* -- measures -------------------------------------------------------------------------------------------------------------- */

bool dsl_alias_name(struct dsl_sem *c, const struct dsl_alias *al, struct dsl_name *out) {
    if (dsl_name_given(&al->name)) {
        *out = al->name;
    } else if (al->expr->kind == DSL_EXPR_NAME) {
        *out = al->expr->name;
    } else if (al->expr->kind == DSL_EXPR_FIELD) {
        *out = al->expr->field.name;
    } else {
        dsl_diag_error(c->diag, al->span, CEP_EINVAL, "this needs a name: ... as NAME");
        return false;
    }
    if (out->text.len > 0 && out->text.p[0] == '$') {
        dsl_diag_error(c->diag, out->span, CEP_ENAME,
            "the name \"%.*s\" begins with \"$\", which is reserved", BASE_STR_FMT(out->text));
        return false;
    }
    return true;
}

static const struct evt_type *events_type(struct dsl_sem *c, const struct evt_schema *cols) {
    return evt_type_array(c->a, evt_type_row(c->a, cols->n_cols, cols->cols));
}

static void all_events(
    struct dsl_sem *c, struct dsl_pat *p, struct plan_pattern *out, struct plan_measure *items) {
    const struct evt_type *t = events_type(c, &out->cols);
    for (size_t i = 0; i < p->n_seq_vars; i++) {
        if (p->vars[i].negated)
            continue;
        struct expr *e = dsl_new_expr(c, EXPR_EVENTS, t, p->vars[i].span);
        e->var = (uint32_t)i;
        items[out->n_measures++] = (struct plan_measure){ dsl_keep(c, p->vars[i].name), e };
    }
}

static bool measure_name_ok(
    struct dsl_sem *c, const struct dsl_alias *list, size_t i, const struct dsl_name *names) {
    (void)list;
    const struct dsl_name *name = &names[i];
    if (base_str_eq(name->text, BASE_STR("timed_out_at"))) {
        dsl_diag_error(c->diag, name->span, CEP_ENAME,
            "\"timed_out_at\" is the name of a column of \".timeouts\", not of a measure");
        return false;
    }
    for (size_t k = 0; k < i; k++)
        if (base_str_eq(names[k].text, name->text)) {
            dsl_diag_error(
                c->diag, name->span, CEP_ENAME, "two measures are called \"%.*s\"", BASE_STR_FMT(name->text));
            dsl_diag_note_at(c->diag, names[k].span, "the first is here");
            return false;
        }
    return true;
}

static void lower_measures(struct dsl_sem *c, struct dsl_pat *p, struct plan_pattern *out) {
    const struct dsl_pattern *st = &p->stmt->pattern;
    size_t n = dsl_capped(c, st->measures_span, st->n_measures, "measures");
    struct plan_measure *items = BASE_ARENA_ARRAY(
        c->a, struct plan_measure, (n > p->n_seq_vars ? n : p->n_seq_vars) + 1);
    out->measures = items;
    if (n == 0) {
        all_events(c, p, out, items);
        p->sym->open |= p->open;
        return;
    }
    struct dsl_name *names = BASE_ARENA_ARRAY(&c->tmp, struct dsl_name, n);
    struct dsl_scope s = {
        .kind = DSL_SCOPE_MEASURES, .pat = p, .own = -1, .input = -1, .agg_var = -1, .key_col = -1
    };
    for (size_t i = 0; i < n; i++) {
        bool named = dsl_alias_name(c, &st->measures[i], &names[i]);
        if (named)
            named = measure_name_ok(c, st->measures, i, names);
        const struct expr *e = dsl_fold(c, dsl_check_expr(c, &s, st->measures[i].expr));
        if (e && e->type->kind == EVT_NULL) {
            dsl_diag_error(
                c->diag, st->measures[i].expr->span, CEP_ETYPE, "the type of this measure is not known");
            dsl_diag_note(c->diag, "write cast(null as TYPE)");
            e = NULL;
        }
        if (e && named)
            items[out->n_measures++] = (struct plan_measure){ dsl_keep(c, names[i].text), e };
        else
            p->sym->bad = p->sym->open = true;
    }
}

/* -- schemas ----------------------------------------------------------------------------------------------------------------- */

static const struct evt_type *key_row(struct dsl_sem *c, const struct dsl_pat *p) {
    struct evt_column *f = BASE_ARENA_ARRAY(c->a, struct evt_column, p->n_keys + 1);
    uint32_t n = 0;
    for (size_t i = 0; i < p->n_keys; i++)
        if (p->keys[i])
            f[n++] = (struct evt_column){ .name = p->key_names[i], .type = p->keys[i]->type };
    return evt_type_row(c->a, n, f);
}

static const struct evt_schema *events_schema(struct dsl_sem *c, const struct plan_pattern *pt) {
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, pt->n_vars + 1);
    const struct evt_type *t = events_type(c, &pt->cols);
    uint32_t n = 0;
    for (uint32_t i = 0; i < pt->n_vars; i++)
        if (!pt->vars[i].negated)
            cols[n++] = (struct evt_column){ .name = pt->vars[i].name, .type = t };
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    *s = (struct evt_schema){ n, n, cols };
    return s;
}

static const struct evt_schema *output_schema(
    struct dsl_sem *c, const struct dsl_pat *p, const struct plan_pattern *pt, bool timeouts) {
    static const char *const hidden[PLAN_HIDDEN_MAX] = {
#define HIDDEN_NAME(name, text) [PLAN_HIDDEN_##name] = text,
        PLAN_HIDDEN_LIST(HIDDEN_NAME)
#undef HIDDEN_NAME
    };
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, pt->n_measures + 1 + PLAN_HIDDEN_MAX);
    uint32_t n = 0;
    for (uint32_t i = 0; i < pt->n_measures; i++)
        cols[n++] = (struct evt_column){ .name = pt->measures[i].name, .type = pt->measures[i].expr->type };
    if (timeouts)
        cols[n++] = (struct evt_column){ .name = BASE_STR("timed_out_at"),
            .type = evt_type_of(EVT_TIMESTAMP) };
    uint32_t n_visible = n;
    const struct evt_type *types[PLAN_HIDDEN_MAX] = { [PLAN_HIDDEN_ID] = evt_type_of(EVT_STRING),
        [PLAN_HIDDEN_STARTED_AT] = evt_type_of(EVT_TIMESTAMP),
        [PLAN_HIDDEN_KEY] = key_row(c, p),
        [PLAN_HIDDEN_EVENTS] = pt->events_schema
                                   ? evt_type_row(c->a, pt->events_schema->n_cols, pt->events_schema->cols)
                                   : NULL };
    for (int i = 0; i < PLAN_HIDDEN_MAX; i++)
        if (types[i])
            cols[n++] = (struct evt_column){ .name = base_str_of(hidden[i]), .type = types[i] };
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    *s = (struct evt_schema){ n, n_visible, cols };
    return s;
}

/* -- the whole ----------------------------------------------------------------------------------------------------------------- */

static const int32_t *const *col_maps(struct dsl_sem *c, const struct dsl_pat *p) {
    const int32_t **maps = BASE_ARENA_ARRAY(c->a, const int32_t *, p->n_inputs + 1);
    for (uint32_t i = 0; i < p->n_inputs; i++) {
        int32_t *m = BASE_ARENA_ARRAY(c->a, int32_t, p->n_cols + 1);
        for (size_t k = 0; k < p->n_cols; k++)
            m[k] = p->cols[k].map[i];
        maps[i] = m;
    }
    return maps;
}

static const struct expr *const *keep_exprs(struct dsl_sem *c, struct expr **list, size_t n) {
    const struct expr **out = BASE_ARENA_ARRAY(c->a, const struct expr *, n + 1);
    for (size_t i = 0; i < n; i++)
        out[i] = list[i];
    return out;
}

static void finish(struct dsl_sem *c, struct dsl_pat *p, struct plan_pattern *pt) {
    struct plan_ref *refs = BASE_ARENA_ARRAY(c->a, struct plan_ref, p->n_inputs + 1);
    for (uint32_t i = 0; i < p->n_inputs; i++)
        if (p->inputs[i].sym)
            refs[i] = dsl_rows_ref(&p->inputs[i]);
    pt->n_inputs = p->n_inputs;
    pt->inputs = refs;
    pt->col_map = col_maps(c, p);
    pt->n_keys = (uint32_t)p->n_keys;
    pt->keys = p->keys;
    pt->key_names = p->key_names;
    pt->n_aggs = (uint32_t)p->n_aggs;
    pt->aggs = keep_exprs(c, p->aggs, p->n_aggs);
    pt->n_prevs = (uint32_t)p->n_prevs;
    pt->prevs = keep_exprs(c, p->prevs, p->n_prevs);
    if (p->sym->want_events)
        pt->events_schema = events_schema(c, pt);
    p->sym->timeouts = pt->timeouts_schema = output_schema(c, p, pt, true);
    p->sym->schema = output_schema(c, p, pt, false);
}

/* What does not depend on the clauses behind it. pat_release() frees what p holds. */
static void pat_begin(struct dsl_sem *c, struct dsl_pat *p, struct dsl_sym *sym, struct plan_pattern *pt) {
    const struct dsl_pattern *st = &sym->stmt->pattern;
    *p = (struct dsl_pat){ .sym = sym, .stmt = sym->stmt };
    *pt = (struct plan_pattern){ 0 };
    base_map_init(&p->var_names);
    base_map_init(&p->col_names);
    base_map_init(&p->slot_names);
    lower_inputs(c, p);
    pt->cols = p->schema = column_schema(c, p);
    dsl_seq_vars(c, p, st->match);
    for (size_t i = 0; i < st->n_defines; i++)
        bind_define(c, p, &st->defines[i]);
    lower_keys(c, p);
    lower_within(c, p, pt);
}

static void pat_release(struct dsl_pat *p) {
    base_map_release(&p->var_names);
    base_map_release(&p->col_names);
    base_map_release(&p->slot_names);
}

void dsl_lower_pattern(struct dsl_sem *c, struct dsl_sym *sym) {
    struct dsl_pat p;
    struct plan_pattern pt;
    pat_begin(c, &p, sym, &pt);
    pt.root = dsl_check_seq(c, &p, sym->stmt->pattern.match);
    sym->bad |= !pt.root;
    for (size_t i = 0; i < p.n_vars; i++)
        lower_condition(c, &p, i);
    pt.n_vars = (uint32_t)p.n_seq_vars;
    pt.vars = final_vars(c, &p);
    sym->bad |= !lower_skip(c, &p, &pt);
    sym->bad |= !lower_limits(c, &p, &pt);
    lower_measures(c, &p, &pt);
    finish(c, &p, &pt);
    if (pt.root)
        dsl_warn_pattern(c, &p, &pt);
    struct plan_node *n = dsl_add_node(c, sym, PLAN_NODE_PATTERN);
    n->schema = sym->schema;
    n->pattern = pt;
    pat_release(&p);
}

/* ---- after a syntax mistake -------------------------------------------------------------------------------------- */

/* A group that could not be read leaves a hole: its variables are not known. */
static bool is_whole(const struct dsl_seq *s) {
    bool whole = s->kind != DSL_SEQ_EMPTY;
    if (s->kind == DSL_SEQ_LOOP)
        return is_whole(s->loop.body);
    if (s->kind == DSL_SEQ_CHAIN)
        for (size_t i = 0; i < s->chain.n_steps; i++)
            whole &= is_whole(s->chain.steps[i].item);
    if (s->kind == DSL_SEQ_ALT || s->kind == DSL_SEQ_ALL)
        for (size_t i = 0; i < s->list.n_items; i++)
            whole &= is_whole(s->list.items[i]);
    return whole;
}

void dsl_check_broken_pattern(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_pattern *st = &sym->stmt->pattern;
    struct dsl_pat p;
    struct plan_pattern pt;
    if (st->n_from == 0 || !st->match || !is_whole(st->match))
        return;
    pat_begin(c, &p, sym, &pt);
    /* Not the rules of the sequence: what they need may be what was lost, or they are what was told already. */
    for (size_t i = 0; i < p.n_vars; i++)
        lower_condition(c, &p, i);
    (void)lower_skip(c, &p, &pt);
    (void)lower_limits(c, &p, &pt);
    bool keys_lost = dsl_span_given(&st->partition_span) && st->n_partition == 0;
    if (!keys_lost)
        lower_measures(c, &p, &pt);
    sym->bad = sym->open = true;
    pat_release(&p);
}
