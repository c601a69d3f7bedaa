/*
 * dsl_lower_stream -- streams with a source become nodes: their columns and their time.
 */
#include "dsl/dsl_sem.h"

#include "base/base_mem.h"

struct plan_node *dsl_add_node(struct dsl_sem *c, struct dsl_sym *sym, enum plan_node_kind kind) {
    struct plan_node *n = BASE_ARENA_NEW(c->a, struct plan_node);
    n->kind = kind;
    n->index = (uint32_t)c->n_nodes;
    n->name = dsl_keep(c, sym->name);
    n->statement = dsl_keep(c, dsl_sym_statement(sym)->name);
    n->errors_schema = plan_errors_schema();
    n->span = sym->stmt->span;
    sym->node = n->index;
    c->nodes = base_arena_grow(c->a, c->nodes, c->n_nodes, &c->cap_nodes, sizeof(struct plan_node *));
    c->nodes[c->n_nodes++] = n;
    return n;
}

/* -- sources --------------------------------------------------------------------------------------------------------- */

const struct evt_schema *dsl_columns_of(struct dsl_sem *c, struct dsl_sym *sym,
    const struct dsl_column *columns, size_t n_columns, struct cep_span span) {
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, n_columns + 1);
    struct base_map seen;
    uint32_t n = 0;
    base_map_init(&seen);
    if (n_columns > DSL_MAX_COLUMNS) {
        dsl_diag_error(c->diag, span, CEP_ELIMIT, "a stream has at most %d columns, not %zu",
            (int)DSL_MAX_COLUMNS, n_columns);
        sym->bad = true;
    }
    for (size_t i = 0; i < n_columns && i < DSL_MAX_COLUMNS; i++) {
        const struct dsl_column *col = &columns[i];
        const struct evt_type *t = dsl_type_of(c, col->type);
        uint64_t first;
        if (base_map_get(&seen, col->name.text, &first)) {
            dsl_diag_error(c->diag, col->name.span, CEP_ENAME, "column \"%.*s\" is declared twice",
                BASE_STR_FMT(col->name.text));
            dsl_diag_note_at(c->diag, columns[first].name.span, "first here");
            sym->bad = true;
            continue;
        }
        base_map_put(&seen, col->name.text, i);
        if (col->name.text.len > 0 && col->name.text.p[0] == '$') {
            dsl_diag_error(c->diag, col->name.span, CEP_ENAME,
                "the name \"%.*s\" begins with \"$\", which is reserved", BASE_STR_FMT(col->name.text));
            sym->bad = true;
        }
        if (!t) {
            sym->bad = sym->open = true;
            continue;
        }
        cols[n++] =
            (struct evt_column){ .name = dsl_keep(c, col->name.text), .type = t, .not_null = col->not_null };
    }
    base_map_release(&seen);
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    *s = (struct evt_schema){ n, n, cols };
    return s;
}

static const struct evt_schema *source_columns(
    struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_stream *st) {
    return dsl_columns_of(c, sym, st->columns, st->n_columns, st->columns_span);
}

static bool time_column(
    struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_stream *st, struct plan_time *out) {
    int i = evt_schema_find(sym->schema, st->time_column.text);
    if (i < 0) {
        bool declared = false;
        for (size_t k = 0; k < st->n_columns; k++)
            declared |= base_str_eq(st->columns[k].name.text, st->time_column.text);
        if (declared)
            return false; /* its type was a mistake */
        struct dsl_nearest near;
        dsl_near(c, &near, st->time_column.text);
        for (uint32_t k = 0; k < sym->schema->n_visible; k++)
            dsl_nearest_try(&near, sym->schema->cols[k].name);
        dsl_diag_error(c->diag, st->time_column.span, CEP_ENAME, "unknown column \"%.*s\" of stream \"%.*s\"",
            BASE_STR_FMT(st->time_column.text), BASE_STR_FMT(sym->name));
        dsl_nearest_note(c->diag, &near);
        return false;
    }
    const struct evt_type *t = sym->schema->cols[i].type;
    if (t->kind != EVT_TIMESTAMP) {
        dsl_diag_error(c->diag, st->time_column.span, CEP_ETYPE,
            "the event time \"%.*s\" is %s, not timestamp", BASE_STR_FMT(st->time_column.text),
            dsl_type_name(c, t));
        if (t->kind == EVT_STRING || t->kind == EVT_INT || t->kind == EVT_DOUBLE)
            dsl_diag_note(c->diag, "declare it so: the format reads text and numbers as timestamps");
        return false;
    }
    out->col = (uint32_t)i;
    return true;
}

static bool lower_time(
    struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_stream *st, struct plan_time *out) {
    bool ok = true;
    if (st->time == DSL_TIME_MISSING) {
        dsl_diag_error(c->diag, sym->stmt->name.span, CEP_EINVAL, "stream \"%.*s\" has no time",
            BASE_STR_FMT(sym->name));
        dsl_diag_note(c->diag, "add: event time COLUMN watermark delay 5 s, or: processing time");
        return false;
    }
    if (st->time == DSL_TIME_PROCESSING)
        return true;
    ok = time_column(c, sym, st, out);
    switch (st->watermark) {
    case DSL_WM_NONE:
        dsl_diag_error(c->diag, dsl_span_given(&st->time_span) ? st->time_span : st->time_column.span,
            CEP_EINVAL, "event time needs a watermark");
        dsl_diag_note(c->diag, "add: watermark delay 5 s, or: watermark ascending");
        return false;
    case DSL_WM_DELAY:
        out->kind = PLAN_WM_DELAY;
        ok &= dsl_duration_of(c, st->delay, "the delay of the watermark", true, &out->delay_us);
        break;
    case DSL_WM_ASCENDING: out->kind = PLAN_WM_ASCENDING; break;
    case DSL_WM_PUNCTUATED: {
        struct dsl_scope s = { .kind = DSL_SCOPE_ROW,
            .schema = sym->schema,
            .open = sym->open,
            .name = sym->name,
            .word = "stream",
            .own = -1,
            .input = -1,
            .agg_var = -1,
            .key_col = -1 };
        out->kind = PLAN_WM_PUNCTUATED;
        out->punctuated = dsl_check_cond(c, &s, st->when, "the condition of \"punctuated when\"");
        ok &= out->punctuated != NULL;
        dsl_warn_cond(c, out->punctuated, sym->schema, "the condition of \"punctuated when\"");
        break;
    }
    }
    return ok;
}

static bool lower_time_words(struct dsl_sem *c, const struct dsl_stream *st, struct plan_time *out) {
    bool ok = true;
    if (st->idle)
        ok &= dsl_duration_of(c, st->idle, "\"idle after\"", false, &out->idle_us);
    if (st->emit_every)
        ok &= dsl_duration_of(c, st->emit_every, "\"emit every\"", false, &out->emit_us);
    if (st->drift)
        ok &= dsl_duration_of(c, st->drift, "\"drift at most\"", false, &out->drift_us);
    return ok;
}

void dsl_check_broken_source(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_stream *st = &sym->stmt->stream;
    struct dsl_endpoint_out ep;
    struct plan_time time = { 0 };
    sym->bad = true;
    if (st->columns_whole) {
        sym->open = false;
        sym->schema = source_columns(c, sym, st);
    }
    dsl_check_broken_endpoint(c, &st->source, &st->format, true, sym->open ? NULL : sym->schema, &ep);
    if (st->time == DSL_TIME_EVENT && !sym->open)
        (void)time_column(c, sym, st, &time);
}

void dsl_lower_source(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_stream *st = &sym->stmt->stream;
    struct dsl_endpoint_out ep;
    sym->schema = source_columns(c, sym, st);
    if (st->n_columns == 0) {
        dsl_diag_error(c->diag, sym->stmt->name.span, CEP_EINVAL, "stream \"%.*s\" has no columns",
            BASE_STR_FMT(sym->name));
        sym->bad = sym->open = true;
    }
    struct plan_node *n = dsl_add_node(c, sym, PLAN_NODE_SOURCE);
    sym->bad |= !dsl_check_endpoint(
        c, &st->source, &st->format, true, sym->open ? NULL : sym->schema, sym->stmt->name.span, &ep);
    sym->bad |= !lower_time(c, sym, st, &n->source.time);
    sym->bad |= !lower_time_words(c, st, &n->source.time);
    n->schema = n->late_schema = sym->schema;
    n->source.connector = ep.connector;
    n->source.format = ep.format;
    n->source.opts = ep.opts;
    n->source.n_opts = ep.n_opts;
    n->source.format_opts = ep.format_opts;
    n->source.n_format_opts = ep.n_format_opts;
}
