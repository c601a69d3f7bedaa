/*
 * dsl_dump_expr -- names, types and expressions of the dump.
 */
#include "base/base_num.h"
#include "dsl/dsl_dump_internal.h"

void dsl_dump_at(struct dsl_dumper *d, const struct cep_span *at) {
    if (d->spans && at && at->line)
        base_buf_printf(d->out, "@%u:%u", at->line, at->col);
}

static void quoted(struct base_buf *b, struct base_str s, char quote) {
    base_buf_putc(b, quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\n') {
            base_buf_puts(b, "\\n");
            continue;
        }
        if (s.p[i] == '\\')
            base_buf_putc(b, '\\');
        if (s.p[i] == quote)
            base_buf_putc(b, quote);
        base_buf_putc(b, s.p[i]);
    }
    base_buf_putc(b, quote);
}

void dsl_dump_text(struct dsl_dumper *d, struct base_str s) {
    quoted(d->out, s, '\'');
}

void dsl_dump_name(struct dsl_dumper *d, const struct dsl_name *n) {
    if (!dsl_name_given(n))
        base_buf_putc(d->out, '-');
    else if (n->quoted)
        quoted(d->out, n->text, '"');
    else
        base_buf_str(d->out, n->text);
}

void dsl_dump_names(struct dsl_dumper *d, const char *word, const struct dsl_name *names, size_t n) {
    if (n == 0)
        return;
    base_buf_printf(d->out, " %s", word);
    for (size_t i = 0; i < n; i++) {
        base_buf_putc(d->out, ' ');
        dsl_dump_name(d, &names[i]);
    }
}

void dsl_dump_path(struct dsl_dumper *d, const struct dsl_path *p) {
    if (p->n_parts == 0)
        base_buf_putc(d->out, '-');
    for (size_t i = 0; i < p->n_parts; i++) {
        if (i)
            base_buf_putc(d->out, '.');
        dsl_dump_name(d, &p->parts[i]);
    }
}

void dsl_dump_type(struct dsl_dumper *d, const struct dsl_type *t) {
    if (!t) {
        base_buf_putc(d->out, '-');
        return;
    }
    switch (t->kind) {
    case DSL_TYPE_NAMED:
        base_buf_str(d->out, t->name);
        for (size_t i = 0; i < t->n_args; i++)
            base_buf_printf(d->out, "%c%lld", i ? ',' : '(', (long long)t->args[i]);
        if (t->n_args)
            base_buf_putc(d->out, ')');
        break;
    case DSL_TYPE_ARRAY:
        base_buf_puts(d->out, "array(");
        dsl_dump_type(d, t->elem);
        base_buf_putc(d->out, ')');
        break;
    case DSL_TYPE_ROW:
        base_buf_puts(d->out, "row(");
        for (size_t i = 0; i < t->n_fields; i++) {
            base_buf_puts(d->out, i ? ", " : "");
            dsl_dump_name(d, &t->fields[i].name);
            base_buf_putc(d->out, ' ');
            dsl_dump_type(d, t->fields[i].type);
            base_buf_puts(d->out, t->fields[i].not_null ? " not null" : "");
        }
        base_buf_putc(d->out, ')');
        break;
    }
}

static void literal(struct dsl_dumper *d, const struct dsl_expr *e) {
    switch (e->lit.kind) {
    case DSL_LIT_NULL: base_buf_puts(d->out, "null"); break;
    case DSL_LIT_BOOL: base_buf_puts(d->out, e->lit.b ? "true" : "false"); break;
    case DSL_LIT_INT: base_write_i64(d->out, e->lit.i); break;
    case DSL_LIT_DOUBLE: base_write_f64(d->out, e->lit.d); break;
    case DSL_LIT_STRING: dsl_dump_text(d, e->lit.s); break;
    case DSL_LIT_TIMESTAMP:
        base_buf_puts(d->out, "timestamp:");
        base_write_timestamp(d->out, e->lit.i);
        break;
    case DSL_LIT_DURATION:
        base_buf_puts(d->out, "duration:");
        base_write_i64(d->out, e->lit.i);
        base_buf_puts(d->out, "us");
        break;
    case DSL_LIT_MAX: break;
    }
}

static void list(struct dsl_dumper *d, struct dsl_expr *const *items, size_t n) {
    for (size_t i = 0; i < n; i++) {
        base_buf_putc(d->out, ' ');
        dsl_dump_e(d, items[i]);
    }
}

static void word_list(struct dsl_dumper *d, const char *word, struct dsl_expr *const *items, size_t n) {
    if (n == 0)
        return;
    base_buf_printf(d->out, " (%s", word);
    list(d, items, n);
    base_buf_putc(d->out, ')');
}

/* A query inside an expression: its lines, between braces. */
static void query(struct dsl_dumper *d, const struct dsl_query *q) {
    base_buf_puts(d->out, " {\n");
    d->indent += 2;
    dsl_dump_query(d, q);
    d->indent -= 2;
    base_buf_printf(d->out, "%*s}", (int)(2 * d->indent), "");
}

static void call(struct dsl_dumper *d, const struct dsl_expr *e) {
    base_buf_puts(d->out, e->call.final ? "final " : e->call.running ? "running " : "");
    base_buf_puts(d->out, "call ");
    dsl_dump_name(d, &e->call.name);
    base_buf_puts(d->out, e->call.star ? " *" : e->call.distinct ? " distinct" : "");
    list(d, e->call.args, e->call.n_args);
    if (e->call.filter)
        word_list(d, "filter", &e->call.filter, 1);
    const struct dsl_over *o = e->call.over;
    if (!o)
        return;
    base_buf_puts(d->out, " (over");
    word_list(d, "partition", o->partition, o->n_partition);
    word_list(d, "order", o->order, o->n_order);
    if (o->rows || o->range) {
        base_buf_puts(d->out, o->rows ? " (rows " : " (range ");
        dsl_dump_e(d, o->preceding);
        base_buf_putc(d->out, ')');
    }
    base_buf_putc(d->out, ')');
}

static void cases(struct dsl_dumper *d, const struct dsl_expr *e) {
    base_buf_puts(d->out, "case ");
    dsl_dump_e(d, e->cases.operand);
    for (size_t i = 0; i < e->cases.n_whens; i++) {
        struct dsl_expr *const pair[] = { e->cases.whens[i].when, e->cases.whens[i].then };
        word_list(d, "when", pair, 2);
    }
    if (e->cases.otherwise)
        word_list(d, "else", &e->cases.otherwise, 1);
}

/* What stands in the parentheses of everything that is no leaf. */
static void inner(struct dsl_dumper *d, const struct dsl_expr *e) {
    static const char *const like_words[] = { "like", "ilike", "similar" };
    static const char *const is_words[] = { "null", "true", "false", "unknown" };
    struct base_buf *b = d->out;
    switch (e->kind) {
    case DSL_EXPR_ERROR:
    case DSL_EXPR_LITERAL:
    case DSL_EXPR_NAME:
    case DSL_EXPR_STAR:
    case DSL_EXPR_MAX: break;
    case DSL_EXPR_FIELD:
        base_buf_puts(b, ". ");
        dsl_dump_e(d, e->field.base);
        base_buf_putc(b, ' ');
        dsl_dump_name(d, &e->field.name);
        break;
    case DSL_EXPR_INDEX:
        base_buf_puts(b, "[]");
        list(d, (struct dsl_expr *const[]){ e->index.base, e->index.index }, 2);
        break;
    case DSL_EXPR_CALL: call(d, e); break;
    case DSL_EXPR_NAMED_ARG:
        base_buf_puts(b, "arg ");
        dsl_dump_name(d, &e->named.label);
        list(d, &e->named.value, 1);
        break;
    case DSL_EXPR_TABLE_ARG:
        base_buf_puts(b, "table ");
        dsl_dump_path(d, &e->table.path);
        for (size_t i = 0; i < e->table.n_by; i++) {
            base_buf_puts(b, i ? ", " : " partition by ");
            dsl_dump_name(d, &e->table.by[i]);
        }
        break;
    case DSL_EXPR_UNARY:
        base_buf_puts(b, dsl_unary_text(e->unary.op));
        list(d, &e->unary.arg, 1);
        break;
    case DSL_EXPR_BINARY:
        base_buf_puts(b, dsl_binary_text(e->binary.op));
        list(d, (struct dsl_expr *const[]){ e->binary.left, e->binary.right }, 2);
        break;
    case DSL_EXPR_AND:
    case DSL_EXPR_OR:
        base_buf_puts(b, dsl_expr_word(e->kind));
        list(d, e->logic.args, e->logic.n_args);
        break;
    case DSL_EXPR_BETWEEN:
        base_buf_puts(b, e->between.negated ? "not between" : "between");
        list(d, (struct dsl_expr *const[]){ e->between.arg, e->between.low, e->between.high }, 3);
        break;
    case DSL_EXPR_IN:
        base_buf_puts(b, e->in.negated ? "not in" : "in");
        list(d, &e->in.arg, 1);
        list(d, e->in.items, e->in.n_items);
        if (e->in.query)
            query(d, e->in.query);
        break;
    case DSL_EXPR_LIKE:
        base_buf_printf(b, "%s%s", e->like.negated ? "not " : "", like_words[e->like.op]);
        list(d, (struct dsl_expr *const[]){ e->like.arg, e->like.pattern }, 2);
        if (e->like.escape)
            list(d, &e->like.escape, 1);
        break;
    case DSL_EXPR_IS:
        base_buf_printf(b, "is %s%s", e->is.negated ? "not " : "", is_words[e->is.what]);
        list(d, &e->is.arg, 1);
        break;
    case DSL_EXPR_CASE: cases(d, e); break;
    case DSL_EXPR_CAST:
        base_buf_puts(b, e->cast.try_cast ? "try_cast" : "cast");
        list(d, &e->cast.arg, 1);
        base_buf_putc(b, ' ');
        dsl_dump_type(d, e->cast.type);
        break;
    case DSL_EXPR_ARRAY:
        base_buf_puts(b, "array");
        list(d, e->array.items, e->array.n_items);
        break;
    case DSL_EXPR_QUERY:
        base_buf_puts(b, e->query.exists ? "exists" : "query");
        query(d, e->query.query);
        break;
    }
}

void dsl_dump_e(struct dsl_dumper *d, const struct dsl_expr *e) {
    if (!e) {
        base_buf_putc(d->out, '-');
        return;
    }
    if (e->kind == DSL_EXPR_LITERAL) {
        literal(d, e);
    } else if (e->kind == DSL_EXPR_NAME) {
        dsl_dump_name(d, &e->name);
    } else if (e->kind == DSL_EXPR_ERROR) {
        base_buf_puts(d->out, "<error>");
    } else if (e->kind == DSL_EXPR_STAR) {
        if (dsl_name_given(&e->star.of)) {
            dsl_dump_name(d, &e->star.of);
            base_buf_putc(d->out, '.');
        }
        base_buf_putc(d->out, '*');
    } else {
        base_buf_putc(d->out, '(');
        inner(d, e);
        base_buf_putc(d->out, ')');
    }
    dsl_dump_at(d, &e->span);
}
