/*
 * dsl_build -- makers of lists, names, types and statements, for the grammar's actions.
 */
#include "dsl/dsl_build.h"

#include "dsl/dsl_gram.h"

/* ---- lists ---- */

void dsl_vec_add(struct dsl_parse *p, struct dsl_vec *v, const void *item, size_t size) {
    v->items = base_arena_grow(p->arena, v->items, v->n, &v->cap, size);
    memcpy((char *)v->items + v->n * size, item, size);
    v->n++;
}

void *dsl_more(struct dsl_parse *p, void *items, size_t n, size_t size) {
    enum { FIRST = 4 };
    if (n == 0)
        return base_arena_calloc(p->arena, FIRST, size);
    if (n < FIRST || (n & (n - 1)) != 0)
        return items;
    void *more = base_arena_calloc(p->arena, 2 * n, size);
    memcpy(more, items, n * size);
    return more;
}

bool dsl_depth_ok(struct dsl_parse *p, struct cep_span span, uint32_t depth) {
    if (depth <= DSL_LIMIT_DEPTH)
        return true;
    if (!p->too_deep)
        dsl_mistake(p, span, CEP_ELIMIT, "nested deeper than %d levels", DSL_LIMIT_DEPTH);
    p->too_deep = true;
    p->broken = true;
    return false;
}

/* ---- names and types ---- */

struct dsl_name dsl_mk_name(struct dsl_token *t, bool quoted) {
    t->name = true;
    return (struct dsl_name){ t->s, quoted, t->span };
}

struct dsl_path dsl_mk_path(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *left, struct dsl_name name) {
    struct dsl_path path = left ? *left : (struct dsl_path){ 0 };
    path.parts = dsl_more(p, path.parts, path.n_parts, sizeof *path.parts);
    path.parts[path.n_parts++] = name;
    path.span = span;
    return path;
}

static struct dsl_type *mk_type(
    struct dsl_parse *p, enum dsl_type_kind k, struct cep_span span, uint32_t depth) {
    struct dsl_type *t = BASE_ARENA_NEW(p->arena, struct dsl_type);
    t->kind = k;
    t->span = span;
    t->depth = depth;
    if (!dsl_depth_ok(p, span, depth)) {
        t->kind = DSL_TYPE_NAMED;
        t->name = BASE_STR("?");
        t->depth = 1;
    }
    return t;
}

struct dsl_type *dsl_mk_named_type(struct dsl_parse *p, struct cep_span span, const struct dsl_token *word,
    const char *more, const struct dsl_vec *args) {
    struct dsl_type *t = mk_type(p, DSL_TYPE_NAMED, span, 1);
    char *name = more ? base_arena_printf(p->arena, "%.*s %s", BASE_STR_FMT(word->s), more)
                      : base_arena_strndup(p->arena, word->s.p, word->s.len);
    for (char *c = name; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    t->name = base_str_of(name);
    for (size_t i = 0; args && i < args->n; i++) {
        struct dsl_token *arg = ((struct dsl_token **)args->items)[i];
        if (i == 2) {
            dsl_mistake(p, arg->span, CEP_ESYNTAX, "a type has at most two numbers");
            break;
        }
        if (arg->u > 1000000)
            dsl_mistake(p, arg->span, CEP_EINVAL, "%.*s is out of range in a type",
                BASE_STR_FMT(dsl_token_text(p, arg)));
        t->args[t->n_args++] = (int64_t)(arg->u > 1000000 ? 1 : arg->u);
    }
    return t;
}

struct dsl_type *dsl_mk_array_type(struct dsl_parse *p, struct cep_span span, struct dsl_type *elem) {
    struct dsl_type *t = mk_type(p, DSL_TYPE_ARRAY, span, elem->depth + 1);
    t->elem = elem;
    return t;
}

struct dsl_type *dsl_mk_row_type(struct dsl_parse *p, struct cep_span span, const struct dsl_vec *columns) {
    struct dsl_column *fields = columns->items;
    uint32_t depth = 0;
    for (size_t i = 0; i < columns->n; i++)
        depth = fields[i].type->depth > depth ? fields[i].type->depth : depth;
    struct dsl_type *t = mk_type(p, DSL_TYPE_ROW, span, depth + 1);
    t->fields = fields;
    t->n_fields = columns->n;
    return t;
}

/* ---- parts of statements ---- */

struct dsl_endpoint *dsl_mk_endpoint(
    struct dsl_parse *p, struct cep_span span, struct dsl_name name, const struct dsl_vec *options) {
    struct dsl_endpoint *e = BASE_ARENA_NEW(p->arena, struct dsl_endpoint);
    /* Was the last mistake behind the name? */
    bool lost = p->broken && p->recovered_at < p->toks->n &&
                p->toks->items[p->recovered_at].span.off > name.span.off;
    *e = (struct dsl_endpoint){ name, options->items, options->n, span, lost };
    return e;
}

struct dsl_option *dsl_mk_option(struct dsl_parse *p, struct cep_span span, const struct dsl_path *path,
    const struct dsl_token *quoted, struct dsl_expr *value) {
    struct dsl_option *o = BASE_ARENA_NEW(p->arena, struct dsl_option);
    o->name = path ? dsl_path_str(path, p->arena) : quoted->s;
    o->name_span = path ? path->span : quoted->span;
    o->value = value;
    o->span = span;
    return o;
}

struct dsl_label *dsl_mk_label(
    struct dsl_parse *p, struct cep_span span, struct dsl_name name, struct dsl_expr *value) {
    struct dsl_label *l = BASE_ARENA_NEW(p->arena, struct dsl_label);
    *l = (struct dsl_label){ name, value, span };
    return l;
}

struct dsl_define *dsl_mk_define(struct dsl_parse *p, struct cep_span span, struct dsl_name var,
    struct dsl_expr *expr, struct dsl_expr *where) {
    struct dsl_define *d = BASE_ARENA_NEW(p->arena, struct dsl_define);
    *d = (struct dsl_define){ var, expr, where, span };
    return d;
}

struct dsl_after *dsl_mk_after(struct dsl_parse *p, enum dsl_skip skip, struct dsl_name var) {
    struct dsl_after *a = BASE_ARENA_NEW(p->arena, struct dsl_after);
    a->skip = skip;
    a->var = var;
    return a;
}

struct dsl_limit *dsl_mk_limit(
    struct dsl_parse *p, struct cep_span span, struct dsl_expr *n, bool matches, bool refuse_new) {
    struct dsl_limit *l = BASE_ARENA_NEW(p->arena, struct dsl_limit);
    *l = (struct dsl_limit){ matches, refuse_new, n, span };
    return l;
}

void dsl_add_limit(struct dsl_parse *p, const struct dsl_limit *l) {
    struct dsl_pattern *pat = &p->cur->pattern;
    for (size_t i = 0; i < pat->n_limits; i++)
        dsl_twice(p, l->span, pat->limits[i].matches == l->matches,
            l->matches ? "limit ... matches" : "limit ... open per key");
    pat->limits = dsl_more(p, pat->limits, pat->n_limits, sizeof *pat->limits);
    pat->limits[pat->n_limits++] = *l;
}

struct dsl_process *dsl_mk_process(
    struct dsl_parse *p, const struct dsl_token *lib, const struct dsl_vec *options) {
    struct dsl_process *pr = BASE_ARENA_NEW(p->arena, struct dsl_process);
    pr->library = lib->s;
    pr->library_span = lib->span;
    pr->options = options->items;
    pr->n_options = options->n;
    return pr;
}

/* ---- tests ---- */

struct dsl_row *dsl_mk_row(
    struct dsl_parse *p, struct cep_span span, const struct dsl_vec *labels, const struct dsl_vec *values) {
    struct dsl_row *r = BASE_ARENA_NEW(p->arena, struct dsl_row);
    r->span = span;
    if (values) {
        r->values = values->items;
        r->n_values = values->n;
    }
    if (labels && labels->n) {
        r->names = BASE_ARENA_ARRAY(p->arena, struct dsl_name, labels->n);
        r->values = BASE_ARENA_ARRAY(p->arena, struct dsl_expr *, labels->n);
        r->n_values = labels->n;
        for (size_t i = 0; i < labels->n; i++) {
            r->names[i] = ((struct dsl_label *)labels->items)[i].name;
            r->values[i] = ((struct dsl_label *)labels->items)[i].value;
        }
    }
    return r;
}

static struct dsl_test_step *more_steps(
    struct dsl_parse *p, enum dsl_test_step_kind k, struct cep_span span) {
    struct dsl_test *t = &p->cur->test;
    t->steps = dsl_more(p, t->steps, t->n_steps, sizeof *t->steps);
    struct dsl_test_step *s = &t->steps[t->n_steps++];
    *s = (struct dsl_test_step){ .kind = k, .span = span };
    return s;
}

void dsl_add_given(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *stream, const struct dsl_vec *rows) {
    struct dsl_test_step *s = more_steps(p, DSL_TEST_GIVEN, span);
    s->stream = *stream;
    s->rows = rows->items;
    s->n_rows = rows->n;
}

void dsl_add_advance(struct dsl_parse *p, struct cep_span span, struct dsl_expr *to) {
    more_steps(p, DSL_TEST_ADVANCE, span)->to = to;
}

void dsl_add_expect(
    struct dsl_parse *p, struct cep_span span, const struct dsl_path *name, const struct dsl_vec *rows) {
    struct dsl_test *t = &p->cur->test;
    t->expects = dsl_more(p, t->expects, t->n_expects, sizeof *t->expects);
    struct dsl_expect *e = &t->expects[t->n_expects++];
    *e = (struct dsl_expect){ .none = !rows, .name = *name, .span = span };
    if (rows) {
        e->rows = rows->items;
        e->n_rows = rows->n;
    }
}

/* ---- statements ---- */

void dsl_stmt_begin(struct dsl_parse *p, enum dsl_stmt_kind kind, struct dsl_name name) {
    p->cur = BASE_ARENA_NEW(p->arena, struct dsl_stmt);
    p->cur->kind = kind;
    p->cur->name = name;
}

void dsl_stmt_turn(struct dsl_parse *p, enum dsl_stmt_kind kind) {
    dsl_stmt_begin(p, kind, p->cur->name);
}

void dsl_process_columns(struct dsl_parse *p, const struct dsl_process *body) {
    struct dsl_stream s = p->cur->stream;
    dsl_stmt_turn(p, DSL_STMT_PROCESS);
    p->cur->process = *body;
    p->cur->process.columns = s.columns;
    p->cur->process.n_columns = s.n_columns;
}

/* `stream (a int)`, `pattern from s`: what stands in the place of the name is none. */
static bool may_name(const struct dsl_token *t) {
    const char *word;
    int token;
    bool reserved;
    for (size_t i = 0; (word = dsl_keyword_at(i, &token, &reserved)); i++)
        if (token == t->kind)
            return !reserved;
    return dsl_token_is_name(t);
}

/*
 * The first word of a statement is misspelt or missing. What it was to be is guessed from its neighbours, so that what
 * uses its name is not wrong as well.
 */
void dsl_stmt_guess(struct dsl_parse *p, size_t at, const char *nearest) {
    const struct dsl_token *t = &p->toks->items[at];
    size_t left = p->toks->n - at;
    enum dsl_stmt_kind kind = DSL_STMT_MAX;
    const struct dsl_token *name = NULL;
    for (int k = 0; nearest && left > 1 && k < DSL_STMT_MAX; k++)
        if (strcmp(nearest, dsl_stmt_word((enum dsl_stmt_kind)k)) == 0 && may_name(&t[1])) {
            kind = (enum dsl_stmt_kind)k;
            name = &t[1];
            break;
        }
    /* The word is missing, or nothing like one. */
    for (size_t skip = 0; kind == DSL_STMT_MAX && skip < 2 && skip + 2 < left && may_name(&t[skip]); skip++) {
        int next = t[skip + 1].kind;
        kind = next == TOK_LPAREN || next == TOK_AS ? DSL_STMT_STREAM
               : next == TOK_FROM                   ? DSL_STMT_PATTERN
               : next == TOK_ON                     ? DSL_STMT_ALERT
               : t[skip + 2].kind == TOK_EQ && (skip > 0 || left < 4 || t[3].kind != TOK_EQ)
                   ? DSL_STMT_PARAMETER
                   : DSL_STMT_MAX;
        name = &t[skip];
    }
    if (kind == DSL_STMT_STREAM || kind == DSL_STMT_PATTERN || kind == DSL_STMT_ALERT ||
        kind == DSL_STMT_PARAMETER)
        dsl_stmt_begin(p, kind, dsl_mk_name((struct dsl_token *)(uintptr_t)name, false));
}

void dsl_stmt_lost(struct dsl_parse *p, enum dsl_stmt_kind kind) {
    struct dsl_name name = { 0 };
    if (p->cur && p->cur->kind == kind && kind == DSL_STMT_STREAM && dsl_name_given(&p->cur->name))
        return; /* its columns may have been read */
    bool named = kind != DSL_STMT_SINK && kind != DSL_STMT_TEST && kind != DSL_STMT_INCLUDE;
    if (named && p->semi_first + 1 <= p->semi_last) {
        struct dsl_token *word = &p->toks->items[p->semi_first + 1];
        if (may_name(word))
            name = dsl_mk_name(word, false);
    }
    dsl_stmt_begin(p, kind, name);
}

static void missing(struct dsl_parse *p, const char *clause, const char *note) {
    const struct dsl_stmt *s = p->cur;
    const struct dsl_token *first = &p->toks->items[p->semi_first];
    if (dsl_name_given(&s->name))
        dsl_mistake(p, s->name.span, CEP_ESYNTAX, "%s \"%.*s\" has no \"%s\"", dsl_stmt_word(s->kind),
            BASE_STR_FMT(s->name.text), clause);
    else
        dsl_mistake(p, first->span, CEP_ESYNTAX, "this %s has no \"%s\"", dsl_stmt_word(s->kind), clause);
    dsl_diag_note(p->diag, "%s", note);
}

/* The clauses that cannot be left out; the grammar lets them, see there. */
static void want_clauses(struct dsl_parse *p) {
    const struct dsl_stmt *s = p->cur;
    switch (s->kind) {
    case DSL_STMT_STREAM:
        if (!dsl_name_given(&s->stream.source.name))
            missing(p, "from", "add the source: from file (path = 'events.ndjson') format json");
        if (s->stream.time == DSL_TIME_MISSING)
            missing(p, "event time", "add: event time COLUMN watermark delay 5 s, or: processing time");
        break;
    case DSL_STMT_PATTERN:
        if (s->pattern.n_from == 0)
            missing(p, "from", "add the streams whose events it looks at: from STREAM");
        if (!s->pattern.match)
            missing(p, "match", "add the sequence of events that it looks for: match a -> b");
        break;
    case DSL_STMT_ALERT:
        if (s->alert.on.n_parts == 0)
            missing(p, "on", "add the pattern or stream that it speaks of: on PATTERN");
        break;
    case DSL_STMT_SINK:
        if (!dsl_name_given(&s->sink.to.name))
            missing(p, "to", "add where the results go: to stdout format json");
        break;
    case DSL_STMT_TEST:
        if (s->test.n_steps == 0)
            missing(p, "given", "add the events: given STREAM (value, ...), ...");
        if (s->test.n_expects == 0)
            missing(p, "expect",
                "add what comes of them: expect PATTERN (column = value), or: expect no PATTERN");
        break;
    case DSL_STMT_PARAMETER:
    case DSL_STMT_INCLUDE:
    case DSL_STMT_SELECT:
    case DSL_STMT_TABLE:
    case DSL_STMT_PROCESS:
    case DSL_STMT_FUNCTION:
    case DSL_STMT_AGGREGATE:
    case DSL_STMT_MAX: break;
    }
}

void dsl_stmt_end(struct dsl_parse *p) {
    const struct dsl_token *first = &p->toks->items[p->semi_first], *last = &p->toks->items[p->semi_last];
    if (p->cur && !p->broken)
        want_clauses(p);
    /* Where an opening bracket is missing, the mistake was told there. */
    for (size_t i = p->semi_first, told = p->broken; !told && i < p->pos; i++)
        if (p->toks->items[i].stray)
            dsl_lex_stray(p, &p->toks->items[i]);
    bool said = p->n_reported && p->reported >= p->semi_last; /* that the statement does not end here */
    if (p->last->synthetic && p->cur && !said) {              /* all of it was read: that does not break it */
        struct cep_span behind = dsl_diag_span(
            p->diag, last->span.file, last->span.end_off, last->span.end_off);
        dsl_diag_error(p->diag, behind, CEP_ESYNTAX, "expected \";\" at the end of the statement");
    }
    if (p->cur) {
        p->cur->broken = p->broken;
        p->cur->span = dsl_span_join(first->span, p->last->synthetic ? last->span : p->last->span);
        DSL_ADD(p, &p->stmts, p->cur);
    }
    p->cur = NULL;
    p->broken = false;
    p->too_deep = false;
    p->recovering = false;
}

void dsl_set_severity(struct dsl_parse *p, struct cep_span clause, struct dsl_name level) {
    struct dsl_alert *a = &p->cur->alert;
    struct dsl_nearest near;
    dsl_nearest_init(&near, level.text);
    a->severity_span = clause;
    for (int i = 0; i < DSL_SEVERITY_MAX; i++) {
        struct base_str word = base_str_of(dsl_severity_text((enum dsl_severity)i));
        if (base_str_ieq(word, level.text)) {
            a->has_severity = true;
            a->severity = (enum dsl_severity)i;
            return;
        }
        dsl_nearest_try(&near, word);
    }
    dsl_diag_error(p->diag, level.span, CEP_EINVAL, "unknown severity \"%.*s\"", BASE_STR_FMT(level.text));
    dsl_nearest_note(p->diag, &near);
    dsl_diag_note(p->diag, "severities are info, low, medium, high and critical");
}

void dsl_set_message(struct dsl_parse *p, struct cep_span clause, const struct dsl_token *text) {
    struct dsl_alert *a = &p->cur->alert;
    a->has_message = true;
    a->message = text->s;
    a->message_span = clause;
    if (!text->bad)
        dsl_parse_template(p, text, &a->parts, &a->n_parts);
}

void dsl_twice(struct dsl_parse *p, struct cep_span span, bool given, const char *what) {
    if (given)
        dsl_diag_error(p->diag, span, CEP_ESYNTAX, "\"%s\" is given twice", what);
}
