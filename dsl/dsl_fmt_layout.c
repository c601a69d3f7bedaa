/*
 * dsl_fmt_layout -- where lines begin, and what is aligned.
 *
 * Statements begin at the margin. Clauses have a line each, two columns in; a list stands on its clause's line where
 * it fits, and else, as do the lists of `define` and `measures` always, one item a line under the first, the `as` in
 * one column. Columns of a stream and rows of a test have lines of their own, in columns.
 */
#include "dsl/dsl_build.h"
#include "dsl/dsl_fmt_internal.h"

#include "dsl/dsl_gram.h"

enum { ALIGN_MAX = 40 /* wider items do not take part in an alignment */ };

/* The token that begins at a place: exact. */
static size_t at(const struct dsl_fmt *f, uint32_t off) {
    size_t lo = 0, hi = f->toks->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->toks->items[mid].span.off < off)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static size_t first_of(const struct dsl_fmt *f, const struct cep_span *s) {
    return at(f, s->off);
}

/* Behind the last token of a span. */
static size_t behind(const struct dsl_fmt *f, const struct cep_span *s) {
    return at(f, s->end_off);
}

static void line(struct dsl_fmt *f, size_t tok, size_t indent) {
    f->lay[tok].newline = true;
    f->lay[tok].indent = (uint16_t)indent;
}

static void clause(struct dsl_fmt *f, const struct cep_span *s) {
    if (dsl_span_given(s))
        line(f, first_of(f, s), DSL_FMT_STEP);
}

/* Of an expression in parentheses: the outermost opening one that belongs to it, not before `min`. */
static size_t expr_first(const struct dsl_fmt *f, const struct dsl_expr *e, size_t min) {
    size_t i = first_of(f, &e->span);
    while (e->parens && i > min && f->toks->items[i - 1].kind == TOK_LPAREN && !f->lay[i - 1].tight)
        i--;
    return i;
}

/* ---- blanks that the grammar knows better than the tokens ---- */

static void mark_expr(const struct dsl_expr *e, void *arg);
static void mark_query(struct dsl_fmt *f, const struct dsl_query *q);

static void tight(struct dsl_fmt *f, size_t i) {
    f->lay[i].tight = true;
}

static void mark_type(struct dsl_fmt *f, const struct dsl_type *t) {
    size_t i = first_of(f, &t->span), end = behind(f, &t->span);
    for (i++; i < end; i++)
        if (f->toks->items[i].kind == TOK_LPAREN && f->toks->items[i - 1].kind != TOK_RPAREN)
            tight(f, i);
}

static void mark_exprs(struct dsl_fmt *f, struct dsl_expr *const *items, size_t n) {
    for (size_t i = 0; i < n; i++)
        mark_expr(items[i], f);
}

static void mark_expr(const struct dsl_expr *e, void *arg) {
    struct dsl_fmt *f = arg;
    if (!e)
        return;
    size_t first = first_of(f, &e->span);
    switch (e->kind) {
    case DSL_EXPR_CALL: {
        size_t bracket = at(f, e->call.name.span.off) + 1;
        if (f->toks->items[bracket].kind == TOK_LPAREN) /* not: t at time zone 'UTC' */
            tight(f, bracket);
        break;
    }
    case DSL_EXPR_CAST:
        mark_type(f, e->cast.type);
        if (f->toks->items[first].kind == TOK_CAST || f->toks->items[first].kind == TOK_TRY_CAST)
            tight(f, first + 1);
        break;
    case DSL_EXPR_ARRAY:
        if (f->toks->items[first].kind == TOK_ARRAY)
            tight(f, first + 1);
        break;
    case DSL_EXPR_INDEX: {
        size_t i = expr_first(f, e->index.index, 0);
        while (i > 0 && f->toks->items[i].kind != TOK_LBRACKET)
            i--;
        tight(f, i);
        break;
    }
    case DSL_EXPR_UNARY:
        if (e->unary.op != DSL_UNARY_NOT)
            f->lay[first].tight_next = true;
        break;
    case DSL_EXPR_LITERAL:
        if (f->toks->items[first].kind == TOK_MINUS)
            f->lay[first].tight_next = true;
        break;
    case DSL_EXPR_IN:
        if (e->in.query)
            mark_query(f, e->in.query);
        break;
    case DSL_EXPR_QUERY: mark_query(f, e->query.query); break;
    case DSL_EXPR_ERROR:
    case DSL_EXPR_NAME:
    case DSL_EXPR_FIELD:
    case DSL_EXPR_STAR:
    case DSL_EXPR_NAMED_ARG:
    case DSL_EXPR_TABLE_ARG:
    case DSL_EXPR_BINARY:
    case DSL_EXPR_AND:
    case DSL_EXPR_OR:
    case DSL_EXPR_BETWEEN:
    case DSL_EXPR_LIKE:
    case DSL_EXPR_IS:
    case DSL_EXPR_CASE:
    case DSL_EXPR_MAX: break;
    }
    dsl_expr_children(e, mark_expr, f);
}

static void mark_loop(struct dsl_fmt *f, const struct dsl_quant *q) {
    size_t first = first_of(f, &q->span), end = behind(f, &q->span);
    for (size_t i = first; i < end; i++)
        tight(f, i);
    if (q->reluctant)
        tight(f, end);
    mark_expr(q->until, f);
    mark_expr(q->gap, f);
}

static void mark_seq(struct dsl_fmt *f, const struct dsl_seq *s) {
    switch (s->kind) {
    case DSL_SEQ_CHAIN:
        for (size_t i = 0; i < s->chain.n_steps; i++) {
            mark_expr(s->chain.steps[i].low, f);
            mark_expr(s->chain.steps[i].high, f);
            mark_seq(f, s->chain.steps[i].item);
        }
        break;
    case DSL_SEQ_ALL: tight(f, first_of(f, &s->span) + 1); /* fall through */
    case DSL_SEQ_ALT:
    case DSL_SEQ_EXCLUDE:
        for (size_t i = 0; i < s->list.n_items; i++)
            mark_seq(f, s->list.items[i]);
        break;
    case DSL_SEQ_LOOP:
        mark_loop(f, &s->loop.quant);
        mark_seq(f, s->loop.body);
        break;
    case DSL_SEQ_VAR:
    case DSL_SEQ_NOT:
    case DSL_SEQ_EMPTY:
    case DSL_SEQ_START:
    case DSL_SEQ_END:
    case DSL_SEQ_MAX: break;
    }
}

static void mark_window(struct dsl_fmt *f, const struct dsl_window *w) {
    if (w) {
        mark_expr(w->size, f);
        mark_expr(w->slide, f);
        mark_expr(w->offset, f);
    }
}

static void mark_from(struct dsl_fmt *f, const struct dsl_from *from) {
    switch (from->kind) {
    case DSL_FROM_NAME: break;
    case DSL_FROM_QUERY: mark_query(f, from->query); break;
    case DSL_FROM_FUNCTION:
        if (f->toks->items[first_of(f, &from->span)].kind == TOK_TABLE)
            tight(f, first_of(f, &from->span) + 1);
        mark_expr(from->call, f);
        break;
    case DSL_FROM_MATCH_RECOGNIZE: {
        const struct dsl_match_recognize *m = from->match.mr;
        mark_from(f, from->match.input);
        mark_exprs(f, m->partition, m->n_partition);
        mark_exprs(f, m->order, m->n_order);
        for (size_t i = 0; i < m->n_measures; i++)
            mark_expr(m->measures[i].expr, f);
        if (m->pattern)
            mark_seq(f, m->pattern);
        mark_expr(m->within, f);
        for (size_t i = 0; i < m->n_defines; i++)
            mark_expr(m->defines[i].expr, f);
        break;
    }
    case DSL_FROM_JOIN:
        mark_from(f, from->join.left);
        mark_from(f, from->join.right);
        mark_expr(from->join.on, f);
        mark_expr(from->join.within, f);
        break;
    }
    mark_window(f, from->window);
}

static void mark_query(struct dsl_fmt *f, const struct dsl_query *q) {
    for (size_t i = 0; i < q->n_selects; i++) {
        const struct dsl_select *s = q->selects[i];
        for (size_t k = 0; k < s->n_items; k++)
            mark_expr(s->items[k].expr, f);
        for (size_t k = 0; k < s->n_from; k++)
            mark_from(f, s->from[k]);
        mark_expr(s->where, f);
        mark_exprs(f, s->group, s->n_group);
        mark_expr(s->having, f);
        mark_window(f, s->window);
    }
    mark_exprs(f, q->order, q->n_order);
    mark_expr(q->limit, f);
    mark_expr(q->lateness, f);
    for (size_t i = 0; i < q->n_emits; i++)
        mark_expr(q->emits[i].arg, f);
}

/* ---- lists ---- */

/* One line each, but the first stays where it is. */
static void stack_items(struct dsl_fmt *f, const size_t *firsts, size_t n, size_t indent) {
    for (size_t i = 1; i < n; i++)
        line(f, firsts[i], indent);
}

/* Puts the tokens `marks` into one column; widths are those of what stands before them in their lines. */
static void align(struct dsl_fmt *f, const size_t *marks, const size_t *widths, size_t n) {
    size_t max = 0;
    for (size_t i = 0; i < n; i++)
        if (widths[i] <= ALIGN_MAX && widths[i] > max)
            max = widths[i];
    for (size_t i = 0; i < n; i++)
        if (widths[i] <= max)
            f->lay[marks[i]].pad = (uint16_t)(max - widths[i]);
}

/* The condition of a define, a where: over several lines when it is too long for one, before each and, or. */
static void wrap_logic(struct dsl_fmt *f, const struct dsl_expr *e, size_t column) {
    if ((e->kind != DSL_EXPR_AND && e->kind != DSL_EXPR_OR) || e->parens)
        return;
    size_t first = first_of(f, &e->span), end = behind(f, &e->span);
    if (column + dsl_fmt_width(f, first, end) <= DSL_FMT_WIDTH)
        return;
    int word = e->kind == DSL_EXPR_AND ? TOK_AND : TOK_OR;
    for (size_t i = 1; i < e->logic.n_args; i++) {
        size_t op = first_of(f, &e->logic.args[i]->span);
        while (op > first && f->toks->items[op].kind != word)
            op--;
        line(f, op, column);
    }
}

/* `define` and its like: items with an `as` in the middle. */
struct item {
    size_t first, as, end;
    const struct dsl_expr *wrap; /* behind the `as`; may be NULL */
};

static void as_list(struct dsl_fmt *f, const struct item *items, size_t n, size_t indent) {
    size_t *firsts = BASE_ARENA_ARRAY(f->arena, size_t, n), *marks = BASE_ARENA_ARRAY(f->arena, size_t, n),
           *widths = BASE_ARENA_ARRAY(f->arena, size_t, n), n_marks = 0;
    for (size_t i = 0; i < n; i++) {
        firsts[i] = items[i].first;
        if (items[i].as == 0)
            continue;
        marks[n_marks] = items[i].as;
        widths[n_marks++] = dsl_fmt_width(f, items[i].first, items[i].as);
    }
    stack_items(f, firsts, n, indent);
    align(f, marks, widths, n_marks);
    for (size_t i = 0; i < n; i++)
        if (items[i].wrap)
            wrap_logic(f, items[i].wrap,
                indent + dsl_fmt_width(f, items[i].first, items[i].as) + f->lay[items[i].as].pad +
                    strlen(" as "));
}

static void lay_aliases(struct dsl_fmt *f, const struct dsl_alias *list, size_t n, size_t indent) {
    struct item *items = BASE_ARENA_ARRAY(f->arena, struct item, n);
    for (size_t i = 0; i < n; i++) {
        items[i].first = first_of(f, &list[i].span);
        items[i].end = behind(f, &list[i].span);
        if (dsl_name_given(&list[i].name))
            items[i].as = at(f, list[i].name.span.off) - 1;
    }
    as_list(f, items, n, indent);
}

static void lay_defines(struct dsl_fmt *f, const struct dsl_define *list, size_t n, size_t indent) {
    struct item *items = BASE_ARENA_ARRAY(f->arena, struct item, n);
    for (size_t i = 0; i < n; i++)
        items[i] = (struct item){
            .first = first_of(f, &list[i].span),
            .as = at(f, list[i].var.span.off) + 1,
            .end = behind(f, &list[i].span),
            .wrap = list[i].where ? NULL : list[i].expr,
        };
    as_list(f, items, n, indent);
}

/* `file (path = 'x', ...)`: the options a line each when the clause is too long. */
static void lay_endpoint(struct dsl_fmt *f, const struct dsl_endpoint *e, size_t indent) {
    for (size_t i = 0; i < e->n_options; i++)
        mark_expr(e->options[i].value, f);
    if (e->n_options == 0)
        return;
    size_t first = first_of(f, &e->span), end = behind(f, &e->span);
    if (indent + dsl_fmt_width(f, first, end) <= DSL_FMT_WIDTH)
        return;
    for (size_t i = 0; i < e->n_options; i++)
        line(f, first_of(f, &e->options[i].span), indent + DSL_FMT_STEP);
    line(f, end - 1, indent);
}

static void lay_columns(struct dsl_fmt *f, const struct dsl_column *cols, size_t n) {
    size_t *marks = BASE_ARENA_ARRAY(f->arena, size_t, n), *widths = BASE_ARENA_ARRAY(f->arena, size_t, n);
    for (size_t i = 0; i < n; i++) {
        size_t name = first_of(f, &cols[i].span);
        mark_type(f, cols[i].type);
        line(f, name, DSL_FMT_STEP);
        marks[i] = name + 1;
        widths[i] = dsl_fmt_width(f, name, name + 1);
    }
    align(f, marks, widths, n);
}

/* ---- statements ---- */

static void lay_stream(struct dsl_fmt *f, const struct dsl_stream *s) {
    lay_columns(f, s->columns, s->n_columns);
    line(f, behind(f, &s->columns_span) - 1, 0);
    line(f, first_of(f, &s->source.span), 0);
    lay_endpoint(f, &s->source, 0);
    if (dsl_name_given(&s->format.name)) {
        line(f, first_of(f, &s->format.span), 0);
        lay_endpoint(f, &s->format, 0);
    }
    line(f, first_of(f, &s->time_span), 0);
    mark_expr(s->delay, f);
    mark_expr(s->when, f);
}

/* The clauses of match_recognize: its own words, not those in brackets inside it. */
static void lay_match_recognize(struct dsl_fmt *f, const struct dsl_from *from) {
    size_t first = behind(f, &from->match.input->span), end = behind(f, &from->span), depth = 0;
    for (size_t i = first; i < end; i++) {
        const struct dsl_token *t = &f->toks->items[i];
        int k = t->kind;
        if (k == TOK_LPAREN || k == TOK_LBRACKET || k == TOK_LBRACE || k == TOK_EXCLUDE)
            depth++;
        else if (k == TOK_RPAREN || k == TOK_RBRACKET || k == TOK_RBRACE)
            depth--;
        if (depth == 0 && k == TOK_RPAREN) {
            line(f, i, DSL_FMT_STEP);
            break;
        }
        if (depth == 1 && !t->name &&
            (k == TOK_PARTITION || k == TOK_ORDER || k == TOK_MEASURES || k == TOK_ONE || k == TOK_ALL ||
                k == TOK_AFTER || k == TOK_PATTERN || k == TOK_WITHIN || k == TOK_SUBSET || k == TOK_DEFINE))
            line(f, i, (size_t)2 * DSL_FMT_STEP);
    }
    const struct dsl_match_recognize *mr = from->match.mr;
    lay_aliases(f, mr->measures, mr->n_measures, 2 * DSL_FMT_STEP + strlen("measures "));
    lay_defines(f, mr->defines, mr->n_defines, 2 * DSL_FMT_STEP + strlen("define "));
}

static void lay_matches(struct dsl_fmt *f, const struct dsl_from *from) {
    for (; from->kind == DSL_FROM_MATCH_RECOGNIZE; from = from->match.input)
        lay_match_recognize(f, from);
}

static void lay_from(struct dsl_fmt *f, const struct dsl_from *from) {
    /* Joins lean to the left, one a line: walk down that side. */
    for (; from->kind == DSL_FROM_JOIN; from = from->join.left) {
        line(f, behind(f, &from->join.left->span), DSL_FMT_STEP);
        lay_matches(f, from->join.right);
    }
    lay_matches(f, from);
}

static void lay_select(struct dsl_fmt *f, const struct dsl_select *s) {
    clause(f, &s->span);
    clause(f, &s->from_span);
    size_t items = s->n_items ? first_of(f, &s->items[0].span) : 0, from = first_of(f, &s->from_span);
    size_t indent = DSL_FMT_STEP + dsl_fmt_width(f, first_of(f, &s->span), items) + 1;
    if (indent + dsl_fmt_width(f, items, from) > DSL_FMT_WIDTH)
        lay_aliases(f, s->items, s->n_items, indent);
    for (size_t i = 0; i < s->n_from; i++)
        lay_from(f, s->from[i]);
    clause(f, &s->where_span);
    clause(f, &s->group_span);
    clause(f, &s->having_span);
    if (s->where)
        wrap_logic(f, s->where, DSL_FMT_STEP + strlen("where "));
    if (s->window)
        clause(f, &s->window->span);
}

static void lay_query(struct dsl_fmt *f, const struct dsl_query *q) {
    mark_query(f, q);
    for (size_t i = 0; i < q->n_selects; i++) {
        if (i > 0) /* union all, on a line of its own */
            line(f, behind(f, &q->selects[i - 1]->span), DSL_FMT_STEP);
        lay_select(f, q->selects[i]);
    }
    clause(f, &q->order_span);
    clause(f, &q->limit_span);
    clause(f, &q->lateness_span);
    clause(f, &q->accumulation_span);
    for (size_t i = 0; i < q->n_emits; i++) {
        size_t word = first_of(f, &q->emits[i].span) - 1;
        if (f->toks->items[word].kind == TOK_EMIT)
            line(f, word, DSL_FMT_STEP);
    }
}

/* Before operators, where the next item would run over the edge. */
static void wrap_sequence(struct dsl_fmt *f, const struct dsl_seq *s, size_t indent) {
    size_t first = first_of(f, &s->span), end = behind(f, &s->span);
    if (s->parens || indent + dsl_fmt_width(f, first, end) <= DSL_FMT_WIDTH)
        return;
    size_t n = s->kind == DSL_SEQ_CHAIN ? s->chain.n_steps : s->kind == DSL_SEQ_ALT ? s->list.n_items : 0;
    size_t last = first, begin = first;
    for (size_t i = 1; i < n; i++) {
        size_t op = s->kind == DSL_SEQ_CHAIN ? first_of(f, &s->chain.steps[i].join_span)
                                             : first_of(f, &s->list.items[i]->span);
        while (s->kind == DSL_SEQ_ALT && op > first && f->toks->items[op].kind != TOK_BAR)
            op--;
        if (op > last && indent + dsl_fmt_width(f, begin, op) > DSL_FMT_WIDTH && last > begin) {
            line(f, last, indent);
            begin = last;
        }
        last = op;
    }
    if (last > begin && indent + dsl_fmt_width(f, begin, end) > DSL_FMT_WIDTH)
        line(f, last, indent);
}

static void lay_pattern(struct dsl_fmt *f, const struct dsl_pattern *p) {
    clause(f, &p->from_span);
    clause(f, &p->partition_span);
    clause(f, &p->match_span);
    clause(f, &p->define_span);
    clause(f, &p->within_span);
    clause(f, &p->after.span);
    clause(f, &p->measures_span);
    mark_exprs(f, p->partition, p->n_partition);
    mark_seq(f, p->match);
    wrap_sequence(f, p->match, DSL_FMT_STEP + strlen("match "));
    for (size_t i = 0; i < p->n_defines; i++) {
        mark_expr(p->defines[i].expr, f);
        mark_expr(p->defines[i].where, f);
    }
    for (size_t i = 0; i < p->n_measures; i++)
        mark_expr(p->measures[i].expr, f);
    lay_defines(f, p->defines, p->n_defines, DSL_FMT_STEP + strlen("define "));
    lay_aliases(f, p->measures, p->n_measures, DSL_FMT_STEP + strlen("measures "));
    for (size_t i = 0; i < p->n_limits; i++) {
        size_t word = first_of(f, &p->limits[i].span) - 1;
        if (f->toks->items[word].kind == TOK_LIMIT)
            line(f, word, DSL_FMT_STEP);
    }
}

static void lay_alert(struct dsl_fmt *f, const struct dsl_alert *a) {
    clause(f, &a->where_span);
    clause(f, &a->severity_span);
    clause(f, &a->message_span);
    clause(f, &a->labels_span);
    clause(f, &a->by_span);
    clause(f, &a->suppress_span);
    clause(f, &a->resolve_span);
    clause(f, &a->with_span);
    mark_expr(a->where, f);
    mark_exprs(f, a->by, a->n_by);
    mark_expr(a->resolve_where, f);
    for (size_t i = 0; i < a->n_labels; i++)
        mark_expr(a->labels[i].value, f);
    if (a->where)
        wrap_logic(f, a->where, DSL_FMT_STEP + strlen("where "));
    if (a->n_labels == 0)
        return;
    size_t first = first_of(f, &a->labels_span), end = behind(f, &a->labels_span);
    if (DSL_FMT_STEP + dsl_fmt_width(f, first, end) > DSL_FMT_WIDTH)
        for (size_t i = 1; i < a->n_labels; i++)
            line(f, first_of(f, &a->labels[i].span), DSL_FMT_STEP + strlen("labels "));
}

/* Rows: a line each, values in columns where all rows have as many. */
static void lay_rows(struct dsl_fmt *f, const struct dsl_row *rows, size_t n) {
    size_t n_values = n ? rows[0].n_values : 0;
    bool even = true;
    for (size_t i = 0; i < n; i++) {
        line(f, first_of(f, &rows[i].span), (size_t)2 * DSL_FMT_STEP);
        mark_exprs(f, rows[i].values, rows[i].n_values);
        even &= rows[i].n_values == n_values;
    }
    if (!even || n < 2)
        return;
    size_t *marks = BASE_ARENA_ARRAY(f->arena, size_t, n), *widths = BASE_ARENA_ARRAY(f->arena, size_t, n);
    for (size_t v = 1; v < n_values; v++) {
        for (size_t i = 0; i < n; i++) {
            size_t before = rows[i].names
                                ? first_of(f, &rows[i].names[v - 1].span)
                                : expr_first(f, rows[i].values[v - 1], first_of(f, &rows[i].span) + 1);
            marks[i] = rows[i].names ? first_of(f, &rows[i].names[v].span)
                                     : expr_first(f, rows[i].values[v], before + 1);
            widths[i] = dsl_fmt_width(f, before, marks[i]);
        }
        align(f, marks, widths, n);
    }
}

static void lay_test(struct dsl_fmt *f, const struct dsl_test *t) {
    clause(f, &t->with_span);
    for (size_t i = 0; i < t->n_parameters; i++)
        mark_expr(t->parameters[i].value, f);
    for (size_t i = 0; i < t->n_steps; i++) {
        clause(f, &t->steps[i].span);
        mark_expr(t->steps[i].to, f);
        lay_rows(f, t->steps[i].rows, t->steps[i].n_rows);
    }
    for (size_t i = 0; i < t->n_expects; i++) {
        clause(f, &t->expects[i].span);
        lay_rows(f, t->expects[i].rows, t->expects[i].n_rows);
    }
}

static void lay_process(struct dsl_fmt *f, const struct dsl_process *p) {
    size_t library = first_of(f, &p->library_span);
    for (size_t i = 0; i < p->n_options; i++)
        mark_expr(p->options[i].value, f);
    mark_exprs(f, p->partition, p->n_partition);
    lay_columns(f, p->columns, p->n_columns);
    if (p->n_columns > 0) {
        line(f, library - 3, 0); /* ) as process 'library' */
        line(f, library - 2, 0);
    }
    if (p->n_inputs > 0)
        line(f, first_of(f, &p->inputs[0].span) - 1, 0);
    if (p->n_partition > 0)
        line(f, first_of(f, &p->partition[0]->span) - 2, 0);
}

static void lay_sink(struct dsl_fmt *f, const struct dsl_sink *s) {
    size_t indent = DSL_FMT_STEP;
    size_t first = first_of(f, &s->to.span);
    size_t end = dsl_name_given(&s->format.name) ? behind(f, &s->format.span) : behind(f, &s->to.span);
    size_t head = dsl_fmt_width(f, first_of(f, &s->from.span) - 1, first) + 1;
    for (size_t i = 0; i < s->to.n_options; i++)
        mark_expr(s->to.options[i].value, f);
    for (size_t i = 0; i < s->format.n_options; i++)
        mark_expr(s->format.options[i].value, f);
    if (head + dsl_fmt_width(f, first, end) <= DSL_FMT_WIDTH)
        return;
    line(f, first, indent);
    lay_endpoint(f, &s->to, indent);
    if (dsl_name_given(&s->format.name)) {
        line(f, first_of(f, &s->format.span), indent);
        lay_endpoint(f, &s->format, indent);
    }
    clause(f, &s->delivery_span);
}

static void lay_stmt(struct dsl_fmt *f, const struct dsl_stmt *s) {
    switch (s->kind) {
    case DSL_STMT_PARAMETER:
        mark_type(f, s->parameter.type);
        mark_expr(s->parameter.value, f);
        break;
    case DSL_STMT_INCLUDE: break;
    case DSL_STMT_STREAM: lay_stream(f, &s->stream); break;
    case DSL_STMT_SELECT:
    case DSL_STMT_TABLE: lay_query(f, s->select); break;
    case DSL_STMT_PROCESS: lay_process(f, &s->process); break;
    case DSL_STMT_FUNCTION:
    case DSL_STMT_AGGREGATE:
        for (size_t i = 0; i < s->function.n_args; i++)
            mark_type(f, s->function.args[i].type);
        mark_type(f, s->function.result);
        break;
    case DSL_STMT_PATTERN: lay_pattern(f, &s->pattern); break;
    case DSL_STMT_ALERT: lay_alert(f, &s->alert); break;
    case DSL_STMT_SINK: lay_sink(f, &s->sink); break;
    case DSL_STMT_TEST: lay_test(f, &s->test); break;
    case DSL_STMT_MAX: break;
    }
}

/* Of one line by nature: may follow each other without a blank line. */
static bool is_short(const struct dsl_stmt *s) {
    return s->kind == DSL_STMT_PARAMETER || s->kind == DSL_STMT_INCLUDE || s->kind == DSL_STMT_SINK ||
           s->kind == DSL_STMT_FUNCTION || s->kind == DSL_STMT_AGGREGATE;
}

/* Comments that stand before tokens (from, to]: is there one, but for a short one at the end of the line before? */
static bool commented(const struct dsl_fmt *f, size_t from, size_t to, bool trailing_too) {
    size_t lo = 0, hi = f->toks->n_comments;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->toks->comments[mid].token <= from)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t i = lo; i < f->toks->n_comments && f->toks->comments[i].token <= to; i++) {
        const struct dsl_comment *c = &f->toks->comments[i];
        bool trails = !c->own_line && !memchr(f->file->text.p + c->off, '\n', c->end_off - c->off);
        if (trailing_too || !trails)
            return true;
    }
    return false;
}

/* On a line of its own, whatever the input looked like. */
static bool is_plain_sink(const struct dsl_fmt *f, const struct dsl_stmt *s) {
    return s->kind == DSL_STMT_SINK && !f->lay[first_of(f, &s->sink.to.span)].newline &&
           !commented(f, first_of(f, &s->span), behind(f, &s->span) - 1, true);
}

/* Nothing between them, no blank line either: the sinks of a block have their `to` in one column. */
static bool follows(const struct dsl_fmt *f, const struct dsl_stmt *a, const struct dsl_stmt *b) {
    size_t n = 0, next = behind(f, &a->span);
    for (uint32_t i = a->span.end_off; i < b->span.off; i++)
        n += f->file->text.p[i] == '\n';
    return n <= 1 && next == first_of(f, &b->span) && !commented(f, next - 1, next, false);
}

static void align_sinks(struct dsl_fmt *f, const struct dsl_program *prog) {
    size_t *marks = BASE_ARENA_ARRAY(f->arena, size_t, prog->n_stmts + 1),
           *widths = BASE_ARENA_ARRAY(f->arena, size_t, prog->n_stmts + 1);
    for (size_t i = 0; i < prog->n_stmts;) {
        size_t n = 0;
        while (i < prog->n_stmts && is_plain_sink(f, prog->stmts[i]) &&
               (n == 0 || follows(f, prog->stmts[i - 1], prog->stmts[i]))) {
            const struct dsl_sink *s = &prog->stmts[i++]->sink;
            marks[n] = first_of(f, &s->to.span);
            widths[n] = dsl_fmt_width(f, first_of(f, &s->from.span), marks[n]);
            n++;
        }
        if (n > 1)
            align(f, marks, widths, n);
        i += n == 0;
    }
}

/* Tokens within a line go on, after a comment that breaks it, under the line's own indent. */
static void spread_indents(struct dsl_fmt *f) {
    uint16_t indent = 0;
    for (size_t i = 0; i < f->toks->n; i++) {
        if (f->lay[i].newline)
            indent = f->lay[i].indent;
        else
            f->lay[i].indent = indent;
    }
}

void dsl_fmt_lay_out(struct dsl_fmt *f, const struct dsl_program *prog) {
    f->lay = BASE_ARENA_ARRAY(f->arena, struct dsl_fmt_lay, f->toks->n);
    for (size_t i = 0; i < prog->n_stmts; i++) {
        const struct dsl_stmt *s = prog->stmts[i];
        size_t first = first_of(f, &s->span);
        line(f, first, 0);
        f->lay[first].stmt = true;
        f->lay[first].wants_blank = i > 0 && (!is_short(s) || !is_short(prog->stmts[i - 1]));
        lay_stmt(f, s);
    }
    align_sinks(f, prog);
    struct dsl_fmt_lay *end = &f->lay[f->toks->n - 1];
    end->stmt = end->newline = true;
    spread_indents(f);
}
