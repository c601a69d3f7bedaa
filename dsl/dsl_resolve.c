/*
 * dsl_resolve -- pass 1 behind the parser: which statement has which name, what reads what, and in which order they can
 * be checked (inputs first).
 *
 * Law: after it, every entry of `order` stands behind all that it reads, unless a cycle was reported.
 */
#include "dsl/dsl_sem.h"

struct dsl_sym *dsl_sym_find(const struct dsl_sem *c, struct base_str name) {
    uint64_t i;
    return base_map_get(&c->by_name, name, &i) ? &c->syms[i] : NULL;
}

const char *dsl_sym_word(const struct dsl_sym *s) {
    return dsl_stmt_word(s->stmt->kind);
}

void dsl_unsupported(struct dsl_sem *c, struct cep_span span, const char *what) {
    dsl_diag_error(c->diag, span, CEP_EUNSUPPORTED, "\"%s\" is not in this version", what);
}

bool dsl_over_budget(struct dsl_sem *c, struct cep_span at) {
    if (c->over || c->a->used + c->tmp.used <= DSL_MAX_BYTES)
        return c->over;
    c->over = true;
    dsl_diag_error(
        c->diag, at, CEP_ELIMIT, "compiling takes more than %d MB from here on", DSL_MAX_BYTES >> 20);
    return true;
}

size_t dsl_capped(struct dsl_sem *c, struct cep_span at, size_t n, const char *what) {
    if (n <= DSL_MAX_COLUMNS)
        return n;
    dsl_diag_error(c->diag, at, CEP_ELIMIT, "at most %d %s, not %zu", (int)DSL_MAX_COLUMNS, what, n);
    return DSL_MAX_COLUMNS;
}

void dsl_near(const struct dsl_sem *c, struct dsl_nearest *near, struct base_str name) {
    dsl_nearest_init(near, name);
    if (c->diag->n_errors > DSL_MAX_NEAREST)
        near->distance = 0;
}

static bool gives_rows(const struct dsl_sym *s) {
    switch (s->kind) {
    case DSL_SYM_SOURCE:
    case DSL_SYM_SELECT:
    case DSL_SYM_PATTERN:
    case DSL_SYM_ALERT:
    case DSL_SYM_PROCESS: return true;
    case DSL_SYM_PARAM:
    case DSL_SYM_SINK:
    case DSL_SYM_FUNCTION:
    case DSL_SYM_MAX: break;
    }
    return false;
}

/* -- side outputs ---------------------------------------------------------------------------------------------- */

static bool port_of_name(struct base_str name, enum plan_port *out) {
    for (int p = PLAN_PORT_LATE; p < PLAN_PORT_SIDE; p++)
        if (base_str_eq(name, base_str_of(plan_port_text(NULL, (enum plan_port)p)))) {
            *out = (enum plan_port)p;
            return true;
        }
    return false;
}

static bool has_late(const struct dsl_sem *c, const struct dsl_sym *s) {
    return s->kind == DSL_SYM_SOURCE ||
           (s->kind == DSL_SYM_SELECT && (!s->schema || plan_late_node(c->nodes, c->n_nodes, s->name)));
}

/* Rows on which expressions failed, in whichever of the statement's operators. Requires: all producers are lowered. */
static const struct plan_node *all_errors(struct dsl_sem *c, struct dsl_sym *s) {
    size_t n = 0, n_nodes = c->n_nodes;
    for (size_t i = 0; i < n_nodes; i++)
        n += base_str_eq(c->nodes[i]->statement, s->name);
    if (n < 2 || s->all_errors)
        return s->all_errors;
    const struct evt_schema *schema = plan_errors_schema();
    struct plan_select_branch *branches = BASE_ARENA_ARRAY(c->a, struct plan_select_branch, n);
    const struct expr **items = BASE_ARENA_ARRAY(c->a, const struct expr *, schema->n_cols);
    for (uint32_t k = 0; k < schema->n_cols; k++)
        items[k] = expr_col(c->a, k, schema->cols[k].type, s->stmt->name.span);
    n = 0;
    for (size_t i = 0; i < n_nodes; i++)
        if (base_str_eq(c->nodes[i]->statement, s->name))
            branches[n++] = (struct plan_select_branch){ .input = { (uint32_t)i, PLAN_PORT_ERRORS },
                .items = items };
    struct plan_node *node = dsl_add_hidden_node(c, s, PLAN_NODE_SELECT);
    node->name = base_str_of(base_arena_printf(c->a, "$%.*s.errors", BASE_STR_FMT(s->name)));
    node->statement = base_str_of(base_arena_printf(c->a, "%.*s.errors", BASE_STR_FMT(s->name)));
    node->schema = schema;
    node->select.n_branches = (uint32_t)n;
    node->select.branches = branches;
    return s->all_errors = node;
}

static bool has_port(const struct dsl_sem *c, const struct dsl_sym *s, enum plan_port p) {
    return p == PLAN_PORT_LATE ? has_late(c, s) : p == PLAN_PORT_TIMEOUTS ? s->kind == DSL_SYM_PATTERN : true;
}

/* Returns: false when it has none of that name. One that could not be loaded may have any. */
static bool side_of_name(
    const struct dsl_sem *c, const struct dsl_sym *s, struct base_str name, enum plan_port *out) {
    if (s->kind != DSL_SYM_PROCESS)
        return false;
    const struct plan_process *pr = s->schema ? &c->nodes[s->node]->process : NULL;
    *out = PLAN_PORT_SIDE;
    if (!pr || !pr->op)
        return true;
    for (uint32_t i = 0; i < pr->n_sides; i++)
        if (base_str_eq(base_str_of(pr->side_names[i]), name)) {
            *out = (enum plan_port)(PLAN_PORT_SIDE + i);
            return true;
        }
    return false;
}

static const char *sides_of(struct dsl_sem *c, const struct dsl_sym *s) {
    const struct plan_process *pr = &c->nodes[s->node]->process;
    const char *all = "";
    for (uint32_t i = 0; i < pr->n_sides; i++)
        all = base_arena_printf(
            &c->tmp, "%s%s%s", all, pr->side_names[i], i + 1 < pr->n_sides ? ", " : " and ");
    return base_arena_printf(&c->tmp, "%serrors", all);
}

static bool find_port(
    struct dsl_sem *c, const struct dsl_sym *s, const struct dsl_name *name, enum plan_port *out) {
    static const char *const known[DSL_SYM_MAX] = { [DSL_SYM_SOURCE] = "late and errors",
        [DSL_SYM_SELECT] = "errors",
        [DSL_SYM_PATTERN] = "timeouts and errors",
        [DSL_SYM_ALERT] = "errors" };
    if ((port_of_name(name->text, out) && has_port(c, s, *out)) || side_of_name(c, s, name->text, out))
        return true;
    dsl_diag_error(c->diag, name->span, CEP_ENAME, "%s \"%.*s\" has no side output \"%.*s\"", dsl_sym_word(s),
        BASE_STR_FMT(s->name), BASE_STR_FMT(name->text));
    dsl_diag_note(c->diag, "a%s %s has: %s", s->kind == DSL_SYM_ALERT ? "n" : "", dsl_sym_word(s),
        s->kind == DSL_SYM_PROCESS ? sides_of(c, s) : known[s->kind]);
    return false;
}

/* -- look-up ---------------------------------------------------------------------------------------------------- */

static bool sym_kind_of(enum dsl_stmt_kind k, enum dsl_sym_kind *out) {
    switch (k) {
    case DSL_STMT_PARAMETER: *out = DSL_SYM_PARAM; return true;
    case DSL_STMT_STREAM: *out = DSL_SYM_SOURCE; return true;
    case DSL_STMT_SELECT:
    case DSL_STMT_TABLE: *out = DSL_SYM_SELECT; return true;
    case DSL_STMT_PROCESS: *out = DSL_SYM_PROCESS; return true;
    case DSL_STMT_PATTERN: *out = DSL_SYM_PATTERN; return true;
    case DSL_STMT_ALERT: *out = DSL_SYM_ALERT; return true;
    case DSL_STMT_SINK: *out = DSL_SYM_SINK; return true;
    case DSL_STMT_FUNCTION:
    case DSL_STMT_AGGREGATE: *out = DSL_SYM_FUNCTION; return true;
    case DSL_STMT_INCLUDE:
    case DSL_STMT_TEST:
    case DSL_STMT_MAX: break;
    }
    return false;
}

/* A statement has lost its name: any unknown one may be meant to be it. */
static bool name_lost(const struct dsl_sem *c) {
    for (size_t i = 0; i < c->prog->n_stmts; i++) {
        const struct dsl_stmt *st = c->prog->stmts[i];
        enum dsl_sym_kind kind;
        if (st->broken && sym_kind_of(st->kind, &kind) && kind != DSL_SYM_PARAM && kind != DSL_SYM_SINK &&
            !dsl_name_given(&st->name))
            return true;
    }
    return false;
}

static void unknown_rows(struct dsl_sem *c, const struct dsl_name *name, enum dsl_use use) {
    if (name_lost(c))
        return;
    struct dsl_nearest near;
    dsl_near(c, &near, name->text);
    for (size_t i = 0; i < c->n_syms; i++)
        if (gives_rows(&c->syms[i]))
            dsl_nearest_try(&near, c->syms[i].name);
    dsl_diag_error(c->diag, name->span, CEP_ENAME,
        use == DSL_USE_READ ? "unknown stream \"%.*s\"" : "unknown stream, pattern or alert \"%.*s\"",
        BASE_STR_FMT(name->text));
    dsl_nearest_note(c->diag, &near);
}

static bool port_readable(
    struct dsl_sem *c, const struct dsl_path *p, enum plan_port port, enum dsl_use use) {
    if (use != DSL_USE_READ || port != PLAN_PORT_ERRORS)
        return true;
    struct base_str text = dsl_path_str(p, &c->tmp);
    dsl_diag_error(
        c->diag, p->span, CEP_EINVAL, "\"%.*s\" can only be written to a sink", BASE_STR_FMT(text));
    dsl_diag_note(c->diag, "its records have no event time");
    return false;
}

static const struct evt_schema *side_schema(
    const struct dsl_sem *c, const struct dsl_sym *s, enum plan_port port) {
    const struct plan_process *pr = s->schema ? &c->nodes[s->node]->process : NULL;
    uint32_t i = (uint32_t)port - PLAN_PORT_SIDE;
    return pr && i < pr->n_sides ? &pr->sides[i] : NULL;
}

bool dsl_rows_find(struct dsl_sem *c, const struct dsl_path *p, enum dsl_use use, struct dsl_rows *out) {
    if (p->n_parts == 0)
        return false;
    const struct dsl_name *name = &p->parts[0];
    struct dsl_sym *s = dsl_sym_find(c, name->text);
    if (!s) {
        unknown_rows(c, name, use);
        return false;
    }
    if (!gives_rows(s)) {
        dsl_diag_error(c->diag, name->span, CEP_ENAME, "\"%.*s\" is a %s, not a stream",
            BASE_STR_FMT(s->name), dsl_sym_word(s));
        dsl_diag_note_at(c->diag, s->stmt->name.span, "defined here");
        return false;
    }
    *out = (struct dsl_rows){ .sym = s, .name = dsl_path_str(p, &c->tmp) };
    if (p->n_parts > 2) {
        dsl_diag_error(c->diag, p->span, CEP_ENAME, "unknown stream \"%.*s\"", BASE_STR_FMT(out->name));
        return false;
    }
    if (p->n_parts == 2 && !find_port(c, s, &p->parts[1], &out->port))
        return false;
    if (!port_readable(c, p, out->port, use))
        return false;
    if (out->port == PLAN_PORT_LATE && s->kind == DSL_SYM_SELECT && s->schema) {
        out->node = plan_late_node(c->nodes, c->n_nodes, s->name);
        out->of_node = PLAN_PORT_LATE;
    }
    if (out->port == PLAN_PORT_ERRORS && s->kind == DSL_SYM_SELECT && s->schema)
        out->node = all_errors(c, s);
    if (use == DSL_USE_READ)
        s->read = true;
    if (use == DSL_USE_SINK) {
        s->read = true;
        s->sunk |= out->port == PLAN_PORT_MAIN;
    }
    out->open = s->open;
    out->schema = out->port == PLAN_PORT_TIMEOUTS ? s->timeouts
                  : out->port == PLAN_PORT_ERRORS ? plan_errors_schema()
                  : out->port >= PLAN_PORT_SIDE   ? side_schema(c, s, out->port)
                  : out->port == PLAN_PORT_LATE   ? out->node   ? out->node->late_schema
                                                    : s->schema ? c->nodes[s->node]->late_schema
                                                                : NULL
                                                  : s->schema;
    if (!out->schema)
        out->open = true;
    return true;
}

/* -- names ------------------------------------------------------------------------------------------------------- */

static void collect_names(struct dsl_sem *c) {
    c->syms = BASE_ARENA_ARRAY(&c->tmp, struct dsl_sym, c->prog->n_stmts + 1);
    for (size_t i = 0; i < c->prog->n_stmts; i++) {
        const struct dsl_stmt *st = c->prog->stmts[i];
        enum dsl_sym_kind kind;
        if (!sym_kind_of(st->kind, &kind) || !dsl_name_given(&st->name))
            continue;
        const struct dsl_sym *first = dsl_sym_find(c, st->name.text);
        if (first) {
            dsl_diag_error(c->diag, st->name.span, CEP_ENAME, "the name \"%.*s\" is taken by %s %s",
                BASE_STR_FMT(st->name.text), first->stmt->kind == DSL_STMT_ALERT ? "an" : "a",
                dsl_sym_word(first));
            dsl_diag_note_at(c->diag, first->stmt->name.span, "first defined here");
            continue;
        }
        if (st->name.text.len > 0 && st->name.text.p[0] == '$')
            dsl_diag_error(c->diag, st->name.span, CEP_ENAME,
                "the name \"%.*s\" begins with \"$\", which is reserved", BASE_STR_FMT(st->name.text));
        c->syms[c->n_syms] = (struct dsl_sym){
            .kind = kind, .name = st->name.text, .stmt = st, .bad = st->broken, .open = st->broken
        };
        base_map_put(&c->by_name, st->name.text, c->n_syms);
        c->n_syms++;
    }
}

/* -- who reads whom ------------------------------------------------------------------------------------------------ */

static void add_dep(struct dsl_sem *c, struct dsl_sym *s, const struct dsl_path *p) {
    if (p->n_parts == 0)
        return;
    struct dsl_sym *d = dsl_sym_find(c, p->parts[0].text);
    if (!d)
        return;
    s->deps = base_arena_grow(&c->tmp, s->deps, s->n_deps, &s->cap_deps, sizeof(struct dsl_sym *));
    s->deps[s->n_deps++] = d;
}

/* Depth is that of the text, which is bounded. */
static void add_query_deps(struct dsl_sem *c, struct dsl_sym *s, const struct dsl_query *q);

static void add_from_deps(struct dsl_sem *c, struct dsl_sym *s, const struct dsl_from *f) {
    switch (f->kind) {
    case DSL_FROM_NAME: add_dep(c, s, &f->path); return;
    case DSL_FROM_QUERY: add_query_deps(c, s, f->query); return;
    case DSL_FROM_JOIN:
        add_from_deps(c, s, f->join.left);
        add_from_deps(c, s, f->join.right);
        return;
    case DSL_FROM_MATCH_RECOGNIZE: add_from_deps(c, s, f->match.input); return;
    case DSL_FROM_FUNCTION: return;
    }
}

static void add_query_deps(struct dsl_sem *c, struct dsl_sym *s, const struct dsl_query *q) {
    for (size_t i = 0; i < q->n_selects; i++)
        for (size_t k = 0; k < q->selects[i]->n_from; k++)
            add_from_deps(c, s, q->selects[i]->from[k]);
}

/* The statement with windows in the place of table functions. */
static const struct dsl_stmt *expanded(struct dsl_sem *c, const struct dsl_stmt *st) {
    struct dsl_query *q = dsl_expand_windows(c, st->select);
    if (q == st->select)
        return st;
    struct dsl_stmt *out = BASE_ARENA_NEW(&c->tmp, struct dsl_stmt);
    *out = *st;
    out->select = q;
    return out;
}

static void collect_deps(struct dsl_sem *c, struct dsl_sym *s) {
    if (s->kind == DSL_SYM_SELECT && s->stmt->select)
        s->stmt = expanded(c, s->stmt);
    const struct dsl_stmt *st = s->stmt;
    if (s->kind == DSL_SYM_SELECT && st->select) {
        add_query_deps(c, s, st->select);
    } else if (s->kind == DSL_SYM_PROCESS) {
        for (size_t i = 0; i < st->process.n_inputs; i++)
            add_dep(c, s, &st->process.inputs[i]);
    } else if (s->kind == DSL_SYM_PATTERN) {
        for (size_t i = 0; i < st->pattern.n_from; i++)
            add_dep(c, s, &st->pattern.from[i]);
    } else if (s->kind == DSL_SYM_ALERT) {
        add_dep(c, s, &st->alert.on);
        if (st->alert.resolve == DSL_RESOLVE_WHEN)
            add_dep(c, s, &st->alert.resolve_when);
        if (st->alert.with_events && s->n_deps > 0)
            s->deps[0]->want_events = true;
    }
}

static void report_cycle(struct dsl_sem *c, struct dsl_sym **path, size_t from, size_t depth) {
    struct base_buf text = BASE_BUF_INIT;
    for (size_t i = from; i < depth; i++) {
        base_buf_str(&text, path[i]->name);
        base_buf_puts(&text, " -> ");
        path[i]->bad = path[i]->open = true;
    }
    base_buf_str(&text, path[from]->name);
    dsl_diag_error(c->diag, path[from]->stmt->name.span, CEP_EINVAL, "%s \"%.*s\" reads itself",
        dsl_sym_word(path[from]), BASE_STR_FMT(path[from]->name));
    dsl_diag_note(c->diag, "the way is %s", base_buf_cstr(&text));
    base_buf_release(&text);
}

/* Depth first with a stack of its own: a chain of streams may be as long as the file. */
static void visit(struct dsl_sem *c, struct dsl_sym *root, struct dsl_sym **path, size_t *next) {
    size_t depth = 1;
    path[0] = root;
    next[0] = 0;
    root->mark = 1;
    while (depth > 0) {
        struct dsl_sym *s = path[depth - 1];
        if (next[depth - 1] == s->n_deps) {
            s->mark = 2;
            depth--;
            if (gives_rows(s))
                c->order[c->n_order++] = s;
            continue;
        }
        struct dsl_sym *d = s->deps[next[depth - 1]++];
        if (d->mark == 1) {
            size_t from = depth - 1;
            while (path[from] != d)
                from--;
            report_cycle(c, path, from, depth);
        } else if (d->mark == 0) {
            d->mark = 1;
            path[depth] = d;
            next[depth++] = 0;
        }
    }
}

void dsl_resolve(struct dsl_sem *c) {
    collect_names(c);
    for (size_t i = 0; i < c->n_syms; i++)
        collect_deps(c, &c->syms[i]);
    c->order = BASE_ARENA_ARRAY(&c->tmp, struct dsl_sym *, c->n_syms + 1);
    struct dsl_sym **path = BASE_ARENA_ARRAY(&c->tmp, struct dsl_sym *, c->n_syms + 1);
    size_t *next = BASE_ARENA_ARRAY(&c->tmp, size_t, c->n_syms + 1);
    for (size_t i = 0; i < c->n_syms; i++)
        if (c->syms[i].mark == 0)
            visit(c, &c->syms[i], path, next);
}
