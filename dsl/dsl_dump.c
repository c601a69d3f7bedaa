/*
 * dsl_dump -- statements and sequences of the dump.
 */
#include "dsl/dsl_dump.h"

#include "dsl/dsl_dump_internal.h"

#include <inttypes.h>

/* ---- lines ---- */

static void indent(struct dsl_dumper *d) {
    base_buf_printf(d->out, "%*s", (int)(2 * d->indent), "");
}

void dsl_dump_line(struct dsl_dumper *d, const char *fmt, ...) {
    va_list ap;
    indent(d);
    va_start(ap, fmt);
    base_buf_vprintf(d->out, fmt, ap);
    va_end(ap);
    base_buf_putc(d->out, '\n');
}

void dsl_dump_open(struct dsl_dumper *d, const struct cep_span *at, const char *fmt, ...) {
    va_list ap;
    indent(d);
    va_start(ap, fmt);
    base_buf_vprintf(d->out, fmt, ap);
    va_end(ap);
    dsl_dump_at(d, at);
    base_buf_putc(d->out, '\n');
    d->indent++;
}

static void head(struct dsl_dumper *d, const char *word) {
    indent(d);
    base_buf_puts(d->out, word);
}

static void end(struct dsl_dumper *d) {
    base_buf_putc(d->out, '\n');
}

/* ---- parts that several statements have ---- */

void dsl_dump_clause(struct dsl_dumper *d, const char *word, const struct dsl_expr *e) {
    if (!e)
        return;
    head(d, word);
    base_buf_putc(d->out, ' ');
    dsl_dump_e(d, e);
    end(d);
}

void dsl_dump_exprs(struct dsl_dumper *d, const char *word, struct dsl_expr *const *items, size_t n) {
    for (size_t i = 0; i < n; i++)
        dsl_dump_clause(d, word, items[i]);
}

void dsl_dump_aliases(struct dsl_dumper *d, const char *word, const struct dsl_alias *items, size_t n) {
    if (n == 0)
        return;
    dsl_dump_line(d, "%s", word);
    for (size_t i = 0; i < n; i++) {
        d->indent++;
        indent(d);
        d->indent--;
        dsl_dump_name(d, &items[i].name);
        base_buf_puts(d->out, " = ");
        dsl_dump_e(d, items[i].expr);
        end(d);
    }
}

static void path_line(struct dsl_dumper *d, const char *word, const struct dsl_path *p) {
    head(d, word);
    base_buf_putc(d->out, ' ');
    dsl_dump_path(d, p);
    dsl_dump_at(d, &p->span);
    end(d);
}

static void columns(struct dsl_dumper *d, const struct dsl_column *cols, size_t n) {
    for (size_t i = 0; i < n; i++) {
        head(d, "column ");
        dsl_dump_name(d, &cols[i].name);
        base_buf_putc(d->out, ' ');
        dsl_dump_type(d, cols[i].type);
        base_buf_puts(d->out, cols[i].not_null ? " not null" : "");
        dsl_dump_at(d, &cols[i].span);
        end(d);
    }
}

static void options(struct dsl_dumper *d, const struct dsl_option *o, size_t n) {
    d->indent++;
    for (size_t i = 0; i < n; i++) {
        head(d, "option ");
        dsl_dump_text(d, o[i].name);
        base_buf_puts(d->out, " = ");
        dsl_dump_e(d, o[i].value);
        end(d);
    }
    d->indent--;
}

static void endpoint(struct dsl_dumper *d, const char *word, const struct dsl_endpoint *e) {
    if (!dsl_name_given(&e->name))
        return;
    head(d, word);
    base_buf_putc(d->out, ' ');
    dsl_dump_name(d, &e->name);
    dsl_dump_at(d, &e->span);
    end(d);
    options(d, e->options, e->n_options);
}

static void labels(struct dsl_dumper *d, const char *word, const struct dsl_label *l, size_t n) {
    for (size_t i = 0; i < n; i++) {
        head(d, word);
        base_buf_putc(d->out, ' ');
        dsl_dump_name(d, &l[i].name);
        base_buf_puts(d->out, " = ");
        dsl_dump_e(d, l[i].value);
        end(d);
    }
}

/* ---- sequences ---- */

static void quantifier(struct dsl_dumper *d, const struct dsl_quant *q) {
    base_buf_printf(d->out, " {%" PRId64 ",", q->min);
    if (q->max >= 0)
        base_buf_printf(d->out, "%" PRId64, q->max);
    base_buf_putc(d->out, '}');
    base_buf_puts(d->out, q->inner == DSL_INNER_STRICT ? " consecutive"
                          : q->inner == DSL_INNER_ANY  ? " combinations"
                                                       : "");
    base_buf_puts(d->out, q->greedy ? " greedy" : "");
    base_buf_puts(d->out, q->reluctant ? " reluctant" : "");
    if (q->until) {
        base_buf_puts(d->out, " until ");
        dsl_dump_e(d, q->until);
    }
    if (q->gap) {
        base_buf_puts(d->out, " gap ");
        dsl_dump_e(d, q->gap);
    }
}

static void bound(struct dsl_dumper *d, const struct dsl_step *s) {
    if (!s->high)
        return;
    base_buf_putc(d->out, '[');
    if (s->low) {
        dsl_dump_e(d, s->low);
        base_buf_puts(d->out, " to ");
    }
    dsl_dump_e(d, s->high);
    base_buf_puts(d->out, "] ");
}

/* Shows how the item is joined, then the item. */
static void step(struct dsl_dumper *d, const struct dsl_step *s) {
    static const char *const joins[] = { "", "next ", "-> ", "->> " };
    struct base_buf b = BASE_BUF_INIT, *out = d->out;
    base_buf_puts(&b, joins[s->join]);
    d->out = &b;
    bound(d, s);
    d->out = out;
    dsl_dump_seq(d, s->item, base_buf_cstr(&b));
    base_buf_release(&b);
}

void dsl_dump_seq(struct dsl_dumper *d, const struct dsl_seq *s, const char *prefix) {
    head(d, prefix);
    if (!s) {
        base_buf_puts(d->out, "-\n");
        return;
    }
    base_buf_puts(d->out, dsl_seq_word(s->kind));
    if (s->kind == DSL_SEQ_VAR || s->kind == DSL_SEQ_NOT) {
        base_buf_putc(d->out, ' ');
        dsl_dump_name(d, &s->var);
    }
    if (s->kind == DSL_SEQ_LOOP)
        quantifier(d, &s->loop.quant);
    dsl_dump_at(d, &s->span);
    end(d);
    d->indent++;
    switch (s->kind) {
    case DSL_SEQ_CHAIN:
        for (size_t i = 0; i < s->chain.n_steps; i++)
            step(d, &s->chain.steps[i]);
        break;
    case DSL_SEQ_ALT:
    case DSL_SEQ_ALL:
    case DSL_SEQ_EXCLUDE:
        for (size_t i = 0; i < s->list.n_items; i++)
            dsl_dump_seq(d, s->list.items[i], "");
        break;
    case DSL_SEQ_LOOP: dsl_dump_seq(d, s->loop.body, ""); break;
    case DSL_SEQ_VAR:
    case DSL_SEQ_NOT:
    case DSL_SEQ_EMPTY:
    case DSL_SEQ_START:
    case DSL_SEQ_END:
    case DSL_SEQ_MAX: break;
    }
    d->indent--;
}

void dsl_dump_defines(struct dsl_dumper *d, const struct dsl_define *items, size_t n) {
    for (size_t i = 0; i < n; i++) {
        head(d, "define ");
        dsl_dump_name(d, &items[i].var);
        base_buf_puts(d->out, " as ");
        dsl_dump_e(d, items[i].expr);
        if (items[i].where) {
            base_buf_puts(d->out, " where ");
            dsl_dump_e(d, items[i].where);
        }
        end(d);
    }
}

void dsl_dump_after(struct dsl_dumper *d, const struct dsl_after *a) {
    static const char *const words[] = { "", "skip past last", "no skip", "skip to next", "skip to first ",
        "skip to last " };
    if (a->skip == DSL_SKIP_DEFAULT)
        return;
    head(d, "after match ");
    base_buf_puts(d->out, words[a->skip]);
    if (dsl_name_given(&a->var))
        dsl_dump_name(d, &a->var);
    base_buf_puts(d->out, a->or_error ? " or error" : "");
    dsl_dump_at(d, &a->span);
    end(d);
}

/* ---- statements ---- */

static void stream(struct dsl_dumper *d, const struct dsl_stream *s) {
    static const char *const times[] = { "missing", "event", "processing" };
    static const char *const marks[] = { "none", "delay", "ascending", "punctuated" };
    columns(d, s->columns, s->n_columns);
    endpoint(d, "from", &s->source);
    endpoint(d, "format", &s->format);
    dsl_dump_open(d, &s->time_span, "time %s", times[s->time]);
    if (s->time == DSL_TIME_EVENT) {
        head(d, "column ");
        dsl_dump_name(d, &s->time_column);
        end(d);
        dsl_dump_line(d, "watermark %s", marks[s->watermark]);
        dsl_dump_clause(d, "delay", s->delay);
        dsl_dump_clause(d, "when", s->when);
        dsl_dump_clause(d, "idle after", s->idle);
        dsl_dump_clause(d, "emit every", s->emit_every);
        dsl_dump_clause(d, "drift at most", s->drift);
    }
    d->indent--;
}

static void process(struct dsl_dumper *d, const struct dsl_process *p) {
    columns(d, p->columns, p->n_columns);
    head(d, "library ");
    dsl_dump_text(d, p->library);
    end(d);
    options(d, p->options, p->n_options);
    for (size_t i = 0; i < p->n_inputs; i++)
        path_line(d, "from", &p->inputs[i]);
    dsl_dump_exprs(d, "partition by", p->partition, p->n_partition);
}

static void function(struct dsl_dumper *d, const struct dsl_function *f) {
    columns(d, f->args, f->n_args);
    head(d, "result ");
    dsl_dump_type(d, f->result);
    end(d);
    head(d, "library ");
    dsl_dump_text(d, f->library);
    end(d);
}

static void pattern(struct dsl_dumper *d, const struct dsl_pattern *p) {
    for (size_t i = 0; i < p->n_from; i++)
        path_line(d, "from", &p->from[i]);
    dsl_dump_exprs(d, "partition by", p->partition, p->n_partition);
    dsl_dump_open(d, &p->match_span, "match");
    dsl_dump_seq(d, p->match, "");
    d->indent--;
    dsl_dump_defines(d, p->defines, p->n_defines);
    dsl_dump_clause(d, p->between_events ? "within between events" : "within", p->within);
    dsl_dump_after(d, &p->after);
    for (size_t i = 0; i < p->n_limits; i++)
        dsl_dump_clause(d,
            p->limits[i].matches      ? "limit matches"
            : p->limits[i].refuse_new ? "limit open refuse new"
                                      : "limit open drop oldest",
            p->limits[i].n);
    if (p->measures_star)
        dsl_dump_line(d, "measures *");
    dsl_dump_aliases(d, "measures", p->measures, p->n_measures);
}

static void alert(struct dsl_dumper *d, const struct dsl_alert *a) {
    path_line(d, "on", &a->on);
    dsl_dump_clause(d, "where", a->where);
    if (a->has_severity)
        dsl_dump_line(d, "severity %s", dsl_severity_text(a->severity));
    if (a->has_message) {
        dsl_dump_open(d, &a->message_span, "message");
        for (size_t i = 0; i < a->n_parts; i++) {
            indent(d);
            if (a->parts[i].expr)
                dsl_dump_e(d, a->parts[i].expr);
            else
                dsl_dump_text(d, a->parts[i].text);
            end(d);
        }
        d->indent--;
    }
    labels(d, "label", a->labels, a->n_labels);
    dsl_dump_exprs(d, "by", a->by, a->n_by);
    dsl_dump_clause(d, "suppress for", a->suppress);
    dsl_dump_clause(d, "resolve after", a->resolve_after);
    if (a->resolve == DSL_RESOLVE_WHEN)
        path_line(d, "resolve when", &a->resolve_when);
    dsl_dump_clause(d, "resolve where", a->resolve_where);
    if (a->with_events)
        dsl_dump_line(d, "with events");
}

static void sink(struct dsl_dumper *d, const struct dsl_sink *s) {
    path_line(d, "from", &s->from);
    endpoint(d, "to", &s->to);
    endpoint(d, "format", &s->format);
    if (s->delivery)
        dsl_dump_line(
            d, "delivery %s", s->delivery == DSL_DELIVERY_AT_LEAST_ONCE ? "at least once" : "exactly once");
}

static void rows(struct dsl_dumper *d, const struct dsl_row *r, size_t n) {
    d->indent++;
    for (size_t i = 0; i < n; i++) {
        head(d, "row");
        for (size_t k = 0; k < r[i].n_values; k++) {
            base_buf_putc(d->out, ' ');
            if (r[i].names) {
                dsl_dump_name(d, &r[i].names[k]);
                base_buf_putc(d->out, '=');
            }
            dsl_dump_e(d, r[i].values[k]);
        }
        end(d);
    }
    d->indent--;
}

static void test(struct dsl_dumper *d, const struct dsl_test *t) {
    head(d, "title ");
    dsl_dump_text(d, t->title);
    end(d);
    labels(d, "with parameter", t->parameters, t->n_parameters);
    for (size_t i = 0; i < t->n_steps; i++) {
        if (t->steps[i].kind == DSL_TEST_ADVANCE) {
            dsl_dump_clause(d, "advance to", t->steps[i].to);
            continue;
        }
        path_line(d, "given", &t->steps[i].stream);
        rows(d, t->steps[i].rows, t->steps[i].n_rows);
    }
    for (size_t i = 0; i < t->n_expects; i++) {
        path_line(d, t->expects[i].none ? "expect no" : "expect", &t->expects[i].name);
        rows(d, t->expects[i].rows, t->expects[i].n_rows);
    }
}

static void statement(struct dsl_dumper *d, const struct dsl_stmt *s) {
    head(d, dsl_stmt_word(s->kind));
    base_buf_putc(d->out, ' ');
    dsl_dump_name(d, &s->name);
    base_buf_puts(d->out, s->broken ? " (broken)" : "");
    dsl_dump_at(d, &s->span);
    end(d);
    d->indent++;
    switch (s->kind) {
    case DSL_STMT_PARAMETER:
        head(d, "type ");
        dsl_dump_type(d, s->parameter.type);
        end(d);
        dsl_dump_clause(d, "default", s->parameter.value);
        break;
    case DSL_STMT_INCLUDE:
        head(d, "path ");
        dsl_dump_text(d, s->include.path);
        end(d);
        break;
    case DSL_STMT_STREAM: stream(d, &s->stream); break;
    case DSL_STMT_SELECT:
    case DSL_STMT_TABLE: dsl_dump_query(d, s->select); break;
    case DSL_STMT_PROCESS: process(d, &s->process); break;
    case DSL_STMT_FUNCTION:
    case DSL_STMT_AGGREGATE: function(d, &s->function); break;
    case DSL_STMT_PATTERN: pattern(d, &s->pattern); break;
    case DSL_STMT_ALERT: alert(d, &s->alert); break;
    case DSL_STMT_SINK: sink(d, &s->sink); break;
    case DSL_STMT_TEST: test(d, &s->test); break;
    case DSL_STMT_MAX: break;
    }
    d->indent--;
}

static struct dsl_dumper dumper(const struct dsl_dump_opts *opts, struct base_buf *out) {
    return (struct dsl_dumper){ .out = out, .spans = opts && opts->spans };
}

void dsl_dump_stmt(const struct dsl_stmt *s, const struct dsl_dump_opts *opts, struct base_buf *out) {
    struct dsl_dumper d = dumper(opts, out);
    statement(&d, s);
}

void dsl_dump_expr(const struct dsl_expr *e, const struct dsl_dump_opts *opts, struct base_buf *out) {
    struct dsl_dumper d = dumper(opts, out);
    dsl_dump_e(&d, e);
}

void dsl_dump(const struct dsl_program *prog, const struct dsl_dump_opts *opts, struct base_buf *out) {
    struct dsl_dumper d = dumper(opts, out);
    for (size_t i = 0; i < prog->n_stmts; i++)
        statement(&d, prog->stmts[i]);
}
