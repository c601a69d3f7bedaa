/*
 * dsl_dump_query -- queries and match_recognize of the dump.
 */
#include "dsl/dsl_dump_internal.h"

static void line_head(struct dsl_dumper *d, const char *word) {
    base_buf_printf(d->out, "%*s%s", (int)(2 * d->indent), "", word);
}

static void line_end(struct dsl_dumper *d) {
    base_buf_putc(d->out, '\n');
}

static void window(struct dsl_dumper *d, const struct dsl_window *w) {
    static const char *const kinds[] = { "tumbling", "sliding", "session", "count", "global" };
    if (!w)
        return;
    line_head(d, "window ");
    base_buf_puts(d->out, kinds[w->kind]);
    struct dsl_expr *const args[] = { w->size, w->slide, w->offset };
    static const char *const words[] = { "", "every ", "offset " };
    for (int i = 0; i < 3; i++)
        if (args[i]) {
            base_buf_printf(d->out, " %s", words[i]);
            dsl_dump_e(d, args[i]);
        }
    line_end(d);
}

static void match_recognize(struct dsl_dumper *d, const struct dsl_match_recognize *m) {
    dsl_dump_exprs(d, "partition by", m->partition, m->n_partition);
    dsl_dump_exprs(d, "order by", m->order, m->n_order);
    dsl_dump_aliases(d, "measures", m->measures, m->n_measures);
    if (m->all_rows)
        dsl_dump_line(d, "all rows per match");
    dsl_dump_after(d, &m->after);
    dsl_dump_line(d, "pattern");
    d->indent++;
    dsl_dump_seq(d, m->pattern, "");
    d->indent--;
    dsl_dump_clause(d, "within", m->within);
    for (size_t i = 0; i < m->n_subsets; i++) {
        line_head(d, "subset ");
        dsl_dump_name(d, &m->subsets[i].name);
        dsl_dump_names(d, "=", m->subsets[i].vars, m->subsets[i].n_vars);
        line_end(d);
    }
    dsl_dump_defines(d, m->defines, m->n_defines);
}

static void from(struct dsl_dumper *d, const struct dsl_from *f) {
    static const char *const joins[] = { "inner", "left", "right", "full", "cross" };
    switch (f->kind) {
    case DSL_FROM_NAME:
        line_head(d, f->table ? "table " : "from ");
        dsl_dump_path(d, &f->path);
        break;
    case DSL_FROM_QUERY: line_head(d, "from query"); break;
    case DSL_FROM_FUNCTION:
        line_head(d, "from ");
        dsl_dump_e(d, f->call);
        break;
    case DSL_FROM_MATCH_RECOGNIZE: line_head(d, "match_recognize"); break;
    case DSL_FROM_JOIN:
        line_head(d, "join ");
        base_buf_puts(d->out, joins[f->join.kind]);
        break;
    }
    if (dsl_name_given(&f->alias)) {
        base_buf_puts(d->out, " as ");
        dsl_dump_name(d, &f->alias);
        dsl_dump_names(d, "columns", f->columns, f->n_columns);
    }
    line_end(d);
    d->indent++;
    if (f->kind == DSL_FROM_QUERY)
        dsl_dump_query(d, f->query);
    if (f->kind == DSL_FROM_MATCH_RECOGNIZE) {
        from(d, f->match.input);
        match_recognize(d, f->match.mr);
    }
    if (f->kind == DSL_FROM_JOIN) {
        from(d, f->join.left);
        from(d, f->join.right);
        dsl_dump_clause(d, "on", f->join.on);
        if (f->join.n_using) {
            line_head(d, "join");
            dsl_dump_names(d, "using", f->join.using_, f->join.n_using);
            line_end(d);
        }
        dsl_dump_clause(d, "within", f->join.within);
    }
    window(d, f->window);
    d->indent--;
}

static void dump_select(struct dsl_dumper *d, const struct dsl_select *s) {
    dsl_dump_open(d, &s->span, s->distinct ? "select distinct" : "select");
    dsl_dump_aliases(d, "items", s->items, s->n_items);
    for (size_t i = 0; i < s->n_from; i++)
        from(d, s->from[i]);
    dsl_dump_clause(d, "where", s->where);
    dsl_dump_exprs(d, "group by", s->group, s->n_group);
    dsl_dump_clause(d, "having", s->having);
    window(d, s->window);
    d->indent--;
}

void dsl_dump_query(struct dsl_dumper *d, const struct dsl_query *q) {
    static const char *const emits[] = { "default", "on watermark", "every", "each event", "after" };
    static const char *const modes[] = { "", "accumulating", "discarding", "retracting", "upsert" };
    if (!q)
        return;
    for (size_t i = 0; i < q->n_selects; i++)
        dump_select(d, q->selects[i]);
    if (q->set_op_span.line)
        dsl_dump_line(d, "set operation other than union all");
    dsl_dump_exprs(d, "order by", q->order, q->n_order);
    dsl_dump_clause(d, "limit", q->limit);
    dsl_dump_clause(d, "allowed lateness", q->lateness);
    for (size_t i = 0; i < q->n_emits; i++) {
        line_head(d, "emit ");
        base_buf_puts(d->out, emits[q->emits[i].kind]);
        if (q->emits[i].arg) {
            base_buf_putc(d->out, ' ');
            dsl_dump_e(d, q->emits[i].arg);
        }
        line_end(d);
    }
    if (q->accumulation)
        dsl_dump_line(d, "%s", modes[q->accumulation]);
}
