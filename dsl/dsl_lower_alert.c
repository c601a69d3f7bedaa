/*
 * dsl_lower_alert -- alert statements become nodes.
 *
 * An alert sees the measures and the key of its pattern: names are columns of what it reads, then fields of the hidden
 * key. Its identity (`by`) is the key unless it says otherwise.
 */
#include "dsl/dsl_sem.h"

static int32_t hidden_col(const struct evt_schema *s, const char *name) {
    for (uint32_t i = s ? s->n_visible : 0; s && i < s->n_cols; i++)
        if (base_str_eq(s->cols[i].name, base_str_of(name)))
            return (int32_t)i;
    return -1;
}

/* -- templates ------------------------------------------------------------------------------------------------------ */

const struct plan_template *dsl_template(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_part *parts, size_t n) {
    struct plan_template *t = BASE_ARENA_NEW(c->a, struct plan_template);
    struct base_str *texts = BASE_ARENA_ARRAY(c->a, struct base_str, n + 1);
    const struct expr **holes = BASE_ARENA_ARRAY(c->a, const struct expr *, n + 1);
    struct base_buf text = BASE_BUF_INIT;
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        if (!parts[i].expr) {
            base_buf_str(&text, parts[i].text);
            continue;
        }
        const struct expr *e = dsl_fold(c, dsl_check_expr(c, s, parts[i].expr));
        ok &= e != NULL;
        texts[t->n_holes] = dsl_keep(c, base_buf_view(&text));
        holes[t->n_holes++] = e;
        base_buf_clear(&text);
    }
    texts[t->n_holes] = dsl_keep(c, base_buf_view(&text));
    base_buf_release(&text);
    t->texts = texts;
    t->holes = holes;
    return ok ? t : NULL;
}

/* -- by ---------------------------------------------------------------------------------------------------------------- */

static void key_as_by(
    struct dsl_sem *c, const struct evt_schema *on, int32_t key_col, struct plan_alert *out) {
    const struct evt_type *row = on->cols[key_col].type;
    struct plan_measure *by = BASE_ARENA_ARRAY(c->a, struct plan_measure, row->n_fields + 1);
    for (uint32_t i = 0; i < row->n_fields; i++) {
        struct expr *f = dsl_new_expr(c, EXPR_FIELD, row->fields[i].type, (struct cep_span){ 0 });
        const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, 1);
        args[0] = expr_col(c->a, (uint32_t)key_col, row, f->span);
        f->args = args;
        f->n_args = 1;
        f->index = i;
        by[i] = (struct plan_measure){ row->fields[i].name, f };
    }
    out->by = by;
    out->n_by = row->n_fields;
}

static struct base_str plain_name(struct dsl_sem *c, const struct dsl_expr *e, size_t i) {
    if (e->kind == DSL_EXPR_NAME)
        return dsl_keep(c, e->name.text);
    if (e->kind == DSL_EXPR_FIELD)
        return dsl_keep(c, e->field.name.text);
    return base_str_of(base_arena_printf(c->a, "by%zu", i + 1));
}

static bool lower_by(
    struct dsl_sem *c, const struct dsl_alert *st, struct dsl_scope *s, struct plan_alert *out) {
    size_t n = dsl_capped(c, st->by_span, st->n_by, "expressions in \"by\"");
    struct plan_measure *by = BASE_ARENA_ARRAY(c->a, struct plan_measure, n + 1);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        const struct expr *e = dsl_fold(c, dsl_check_expr(c, s, st->by[i]));
        ok &= e != NULL;
        struct base_str name = plain_name(c, st->by[i], i);
        for (size_t k = 0; k < i; k++)
            if (base_str_eq(by[k].name, name)) {
                dsl_diag_error(
                    c->diag, st->by[i]->span, CEP_ENAME, "\"by\" names \"%.*s\" twice", BASE_STR_FMT(name));
                ok = false;
                break;
            }
        by[i] = (struct plan_measure){ name, e };
    }
    out->by = by;
    out->n_by = (uint32_t)n;
    return ok;
}

/* -- resolve -------------------------------------------------------------------------------------------------------------- */

static bool resolve_columns(
    struct dsl_sem *c, const struct dsl_alert *st, const struct dsl_rows *when, struct plan_alert *out) {
    uint32_t *cols = BASE_ARENA_ARRAY(c->a, uint32_t, out->n_by + 1);
    bool ok = true;
    for (uint32_t i = 0; i < out->n_by; i++) {
        int k = when->schema ? evt_schema_find(when->schema, out->by[i].name) : -1;
        if (k < 0) {
            if (!when->open) {
                dsl_diag_error(c->diag, st->resolve_when.span, CEP_ENAME,
                    "stream \"%.*s\" has no column \"%.*s\", which tells the alerts apart",
                    BASE_STR_FMT(when->name), BASE_STR_FMT(out->by[i].name));
                dsl_diag_note(c->diag, "\"by\" says what does; without it the key of the pattern");
            }
            ok = false;
            continue;
        }
        const struct evt_type *t = when->schema->cols[k].type;
        if (out->by[i].expr && !evt_type_eq(t, out->by[i].expr->type)) {
            dsl_diag_error(c->diag, st->resolve_when.span, CEP_ETYPE,
                "column \"%.*s\" is %s in stream \"%.*s\" and %s in the alert", BASE_STR_FMT(out->by[i].name),
                dsl_type_name(c, t), BASE_STR_FMT(when->name), dsl_type_name(c, out->by[i].expr->type));
            ok = false;
        }
        cols[i] = (uint32_t)k;
    }
    out->resolve_cols = cols;
    return ok;
}

/* by_known: the alert's identity is. */
static bool lower_resolve(
    struct dsl_sem *c, const struct dsl_alert *st, bool by_known, struct plan_alert *out) {
    if (st->resolve == DSL_RESOLVE_NONE)
        return true;
    if (st->resolve == DSL_RESOLVE_AFTER)
        return dsl_duration_of(c, st->resolve_after, "\"resolve after\"", false, &out->resolve_after_us);
    struct dsl_rows when;
    if (!dsl_rows_find(c, &st->resolve_when, DSL_USE_READ, &when) ||
        !dsl_changes_refused(c, &when, st->resolve_when.span, "\"resolve when\""))
        return false;
    out->has_resolve_when = true;
    out->resolve_when = dsl_rows_ref(&when);
    bool ok = !by_known || resolve_columns(c, st, &when, out);
    if (st->resolve_where) {
        struct dsl_scope s = { .kind = DSL_SCOPE_ROW,
            .schema = when.schema,
            .open = when.open,
            .name = when.name,
            .word = "stream",
            .own = -1,
            .input = -1,
            .agg_var = -1,
            .key_col = -1 };
        out->resolve_where = dsl_check_cond(c, &s, st->resolve_where, "the condition of \"resolve when\"");
        dsl_warn_cond(c, out->resolve_where, when.schema, "the condition of \"resolve when\"");
        ok &= out->resolve_where != NULL;
    }
    return ok;
}

/* -- the whole --------------------------------------------------------------------------------------------------------------- */

static bool lower_labels(
    struct dsl_sem *c, const struct dsl_alert *st, struct dsl_scope *s, struct plan_alert *out) {
    size_t n = dsl_capped(c, st->labels_span, st->n_labels, "labels");
    struct plan_measure *labels = BASE_ARENA_ARRAY(c->a, struct plan_measure, n + 1);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        const struct expr *e = dsl_fold(c, dsl_check_expr(c, s, st->labels[i].value));
        if (e && e->type->kind == EVT_NULL) {
            dsl_diag_error(
                c->diag, st->labels[i].value->span, CEP_ETYPE, "the type of this label is not known");
            e = NULL;
        }
        ok &= e != NULL;
        for (size_t k = 0; k < i; k++)
            if (base_str_eq(labels[k].name, st->labels[i].name.text)) {
                dsl_diag_error(c->diag, st->labels[i].name.span, CEP_ENAME, "label \"%.*s\" is given twice",
                    BASE_STR_FMT(labels[k].name));
                ok = false;
                break;
            }
        labels[i] = (struct plan_measure){ dsl_keep(c, st->labels[i].name.text), e };
    }
    out->labels = labels;
    out->n_labels = (uint32_t)n;
    return ok;
}

static enum plan_severity severity_of(const struct dsl_alert *st) {
    static const enum plan_severity map[DSL_SEVERITY_MAX] = { [DSL_SEVERITY_INFO] = PLAN_SEV_INFO,
        [DSL_SEVERITY_LOW] = PLAN_SEV_LOW,
        [DSL_SEVERITY_MEDIUM] = PLAN_SEV_MEDIUM,
        [DSL_SEVERITY_HIGH] = PLAN_SEV_HIGH,
        [DSL_SEVERITY_CRITICAL] = PLAN_SEV_CRITICAL };
    return st->has_severity ? map[st->severity] : PLAN_SEV_MEDIUM;
}

static bool lower_clauses(
    struct dsl_sem *c, const struct dsl_alert *st, struct dsl_scope *s, struct plan_alert *out) {
    bool ok = true;
    if (st->where) {
        out->where = dsl_check_cond(c, s, st->where, "the condition of \"where\"");
        dsl_warn_cond(c, out->where, s->schema, "the condition of \"where\"");
        ok &= out->where != NULL;
    }
    out->severity = severity_of(st);
    if (st->has_message) {
        out->message = dsl_template(c, s, st->parts, st->n_parts);
        ok &= out->message != NULL;
    }
    ok &= lower_labels(c, st, s, out);
    if (st->n_by > 0)
        ok &= lower_by(c, st, s, out);
    else if (s->key_col >= 0)
        key_as_by(c, s->schema, s->key_col, out);
    if (st->suppress)
        ok &= dsl_duration_of(c, st->suppress, "\"suppress for\"", false, &out->suppress_us);
    return ok;
}

/* All that is said about an alert. Ensures: *on is what it reads. Returns: that nothing was wrong. */
static bool lower_all(
    struct dsl_sem *c, const struct dsl_stmt *stmt, struct dsl_rows *on, struct plan_alert *out) {
    const struct dsl_alert *st = &stmt->alert;
    bool ok = dsl_rows_find(c, &st->on, DSL_USE_READ, on);
    if (!ok)
        *on = (struct dsl_rows){ .open = true, .name = dsl_path_str(&st->on, &c->tmp) };
    ok = ok && dsl_changes_refused(c, on, st->on.span, "an alert");
    out->on_pattern = on->sym && on->sym->kind == DSL_SYM_PATTERN;
    if (on->sym)
        out->on = dsl_rows_ref(on);
    struct dsl_scope s = { .kind = DSL_SCOPE_ROW,
        .schema = on->schema,
        .open = on->open,
        .name = on->name,
        .word = out->on_pattern ? "pattern" : "stream",
        .own = -1,
        .input = -1,
        .agg_var = -1,
        .key_col = out->on_pattern ? hidden_col(on->schema, "$key") : -1 };
    ok &= lower_clauses(c, st, &s, out);
    /* Of a broken one no "by" may be one that was lost. */
    ok &= lower_resolve(c, st, !stmt->broken || st->n_by > 0, out);
    out->with_events = st->with_events;
    if (st->with_events && on->sym && !out->on_pattern) {
        dsl_diag_error(c->diag, st->with_span, CEP_EINVAL,
            "\"with events\" needs a pattern: \"%.*s\" is a stream", BASE_STR_FMT(on->name));
        out->with_events = false;
        ok = false;
    }
    return ok;
}

void dsl_check_broken_alert(struct dsl_sem *c, struct dsl_sym *sym) {
    struct plan_alert out = { 0 };
    struct dsl_rows on;
    (void)lower_all(c, sym->stmt, &on, &out);
    sym->bad = sym->open = true;
}

void dsl_lower_alert(struct dsl_sem *c, struct dsl_sym *sym) {
    struct plan_node *n = dsl_add_node(c, sym, PLAN_NODE_ALERT);
    struct plan_alert *out = &n->alert;
    struct dsl_rows on;
    sym->bad |= !lower_all(c, sym->stmt, &on, out);
    if (!on.schema || sym->bad) {
        sym->open = true;
        return;
    }
    sym->schema = n->schema = plan_alert_schema(c->a, out, on.schema);
}
