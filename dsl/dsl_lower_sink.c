/*
 * dsl_lower_sink -- sink statements; the sinks that alerts without one get; what exactly once needs; sinks that write what is
 * read, or what another one writes.
 */
#include "dsl/dsl_sem.h"

/* -- delivery -------------------------------------------------------------------------------------------------------- */

/* The first source under a producer that cannot be read again, or NULL. Producers have marks; inputs come first in
 * `order`, so a walk over deps ends; a work list keeps it off the stack. */
static const struct dsl_sym *unreplayable(struct dsl_sem *c, const struct dsl_sym *s) {
    const struct dsl_sym **list = BASE_ARENA_ARRAY(&c->tmp, const struct dsl_sym *, c->n_syms + 1);
    bool *seen = BASE_ARENA_ARRAY(&c->tmp, bool, c->n_syms + 1);
    size_t n = 0;
    list[n++] = s;
    seen[s - c->syms] = true;
    for (size_t i = 0; i < n; i++) {
        if (list[i]->kind == DSL_SYM_SOURCE && list[i]->schema && !list[i]->bad) {
            const struct plan_connector_spec *k = c->nodes[list[i]->node]->source.connector;
            if (k && !k->replayable)
                return list[i];
        }
        for (size_t d = 0; d < list[i]->n_deps; d++)
            if (!seen[list[i]->deps[d] - c->syms]) {
                seen[list[i]->deps[d] - c->syms] = true;
                list[n++] = list[i]->deps[d];
            }
    }
    return NULL;
}

static bool delivery_possible(struct dsl_sem *c, const struct dsl_sink *st, const struct dsl_rows *in,
    const struct plan_connector_spec *k) {
    if (st->delivery != DSL_DELIVERY_EXACTLY_ONCE)
        return true;
    bool ok = true;
    if (k && !k->exactly_once) {
        dsl_diag_error(
            c->diag, st->delivery_span, CEP_EINVAL, "connector \"%s\" cannot deliver exactly once", k->name);
        ok = false;
    }
    const struct dsl_sym *src = in->sym ? unreplayable(c, in->sym) : NULL;
    if (src) {
        dsl_diag_error(c->diag, st->delivery_span, CEP_EINVAL,
            "exactly once needs sources that can be read again, which stream \"%.*s\" cannot",
            BASE_STR_FMT(src->name));
        dsl_diag_note_at(c->diag, src->stmt->stream.source.name.span, "its source is here");
        ok = false;
    }
    return ok;
}

/* -- format text (template = '...') -------------------------------------------------------------------------------------- */

static const struct plan_template *text_template(
    struct dsl_sem *c, const struct dsl_endpoint *f, const struct dsl_rows *in, bool *ok) {
    for (size_t i = 0; i < f->n_options; i++) {
        const struct dsl_expr *v = f->options[i].value;
        if (!base_str_eq(f->options[i].name, BASE_STR("template")) || v->kind != DSL_EXPR_LITERAL ||
            v->lit.kind != DSL_LIT_STRING)
            continue;
        struct dsl_part *parts = NULL;
        size_t n = 0;
        bool read = dsl_template_text(c, v, &parts, &n);
        struct dsl_scope s = { .kind = DSL_SCOPE_ROW,
            .schema = in->schema,
            .open = in->open,
            .name = in->name,
            .word = in->sym ? dsl_sym_word(in->sym) : "stream",
            .own = -1,
            .input = -1,
            .agg_var = -1,
            .key_col = -1 };
        const struct plan_template *t = read ? dsl_template(c, &s, parts, n) : NULL;
        *ok &= t != NULL;
        return t;
    }
    return NULL;
}

/* -- the whole ------------------------------------------------------------------------------------------------------------ */

static struct plan_sink *add_sink(struct dsl_sem *c) {
    c->sinks = base_arena_grow(c->a, c->sinks, c->n_sinks, &c->cap_sinks, sizeof *c->sinks);
    struct plan_sink *s = &c->sinks[c->n_sinks++];
    *s = (struct plan_sink){ 0 };
    return s;
}

/* "card_tested_sink_1": state is addressed by it, so it depends on nothing but the sinks of the same thing. */
static struct base_str made_name(struct dsl_sem *c, struct base_str of) {
    const char *counter = base_arena_printf(&c->tmp, "%.*s#", BASE_STR_FMT(of)); /* no name that is made */
    uint64_t last = 0;
    base_map_get(&c->sink_names, base_str_of(counter), &last);
    for (;;) {
        char *text = base_arena_printf(c->a, "%.*s_sink_%llu", BASE_STR_FMT(of), (unsigned long long)++last);
        for (char *p = text; *p; p++)
            if (*p == '.')
                *p = '_';
        struct base_str name = base_str_of(text);
        if (dsl_sym_find(c, name) || base_map_get(&c->sink_names, name, NULL))
            continue;
        base_map_put(&c->sink_names, name, 0);
        base_map_put(&c->sink_names, base_str_of(counter), last);
        return name;
    }
}

void dsl_lower_sink(struct dsl_sem *c, const struct dsl_stmt *stmt) {
    const struct dsl_sink *st = &stmt->sink;
    struct dsl_endpoint_out ep;
    struct dsl_rows in;
    bool known = dsl_rows_find(c, &st->from, DSL_USE_SINK, &in);
    if (!known)
        in = (struct dsl_rows){ .open = true, .name = dsl_path_str(&st->from, &c->tmp) };
    bool ok = dsl_check_endpoint(
        c, &st->to, &st->format, false, in.open ? NULL : in.schema, st->from.span, &ep);
    ok &= delivery_possible(c, st, &in, ep.connector);
    const struct plan_template *t = text_template(c, &st->format, &in, &ok);
    ok = ok && dsl_changes_written(c, st, &in, ep.format, t);
    if (!ok || !known)
        return;
    static const enum plan_delivery deliveries[] = { [DSL_DELIVERY_DEFAULT] = PLAN_DELIVERY_DEFAULT,
        [DSL_DELIVERY_AT_LEAST_ONCE] = PLAN_AT_LEAST_ONCE,
        [DSL_DELIVERY_EXACTLY_ONCE] = PLAN_EXACTLY_ONCE };
    struct base_str name = dsl_name_given(&stmt->name) ? dsl_keep(c, stmt->name.text) : made_name(c, in.name);
    *add_sink(c) = (struct plan_sink){ .name = name,
        .input = dsl_rows_ref(&in),
        .connector = ep.connector,
        .format = ep.format,
        .opts = ep.opts,
        .n_opts = ep.n_opts,
        .format_opts = ep.format_opts,
        .n_format_opts = ep.n_format_opts,
        .delivery = deliveries[st->delivery],
        .text_template = t,
        .span = stmt->span };
}

void dsl_check_broken_sink(struct dsl_sem *c, const struct dsl_stmt *stmt) {
    const struct dsl_sink *st = &stmt->sink;
    struct dsl_endpoint_out ep;
    struct dsl_rows in;
    bool ok = true;
    if (!dsl_rows_find(c, &st->from, DSL_USE_SINK, &in))
        in = (struct dsl_rows){ .open = true, .name = dsl_path_str(&st->from, &c->tmp) };
    dsl_check_broken_endpoint(c, &st->to, &st->format, false, in.open ? NULL : in.schema, &ep);
    (void)delivery_possible(c, st, &in, ep.connector);
    (void)text_template(c, &st->format, &in, &ok);
}

void dsl_lower_implied_sinks(struct dsl_sem *c) {
    struct dsl_endpoint to = { .name = { .text = BASE_STR("stdout") } },
                        format = { .name = { .text = BASE_STR("json") } };
    for (size_t i = 0; i < c->n_order; i++) {
        struct dsl_sym *s = c->order[i];
        struct dsl_endpoint_out ep;
        if (s->kind != DSL_SYM_ALERT || s->sunk || s->bad)
            continue;
        if (!dsl_check_endpoint(c, &to, &format, false, s->schema, s->stmt->name.span, &ep))
            continue;
        *add_sink(c) = (struct plan_sink){ .name = made_name(c, s->name),
            .input = { s->node, PLAN_PORT_MAIN },
            .connector = ep.connector,
            .format = ep.format,
            .opts = ep.opts,
            .n_opts = ep.n_opts,
            .format_opts = ep.format_opts,
            .n_format_opts = ep.n_format_opts,
            .implied = true,
            .span = s->stmt->span };
    }
}

/* -- ends that meet --------------------------------------------------------------------------------------------------------- */

static struct plan_end end_of(const struct plan_sink *s) {
    return (struct plan_end){ false, s->opts, s->n_opts };
}

static bool meets_source(struct dsl_sem *c, const struct plan_sink *s) {
    struct plan_end b = end_of(s);
    for (size_t i = 0; i < c->n_nodes; i++) {
        const struct plan_node *n = c->nodes[i];
        if (n->kind != PLAN_NODE_SOURCE || n->source.connector != s->connector)
            continue;
        struct plan_end a = { true, n->source.opts, n->source.n_opts };
        const struct plan_opt *read, *written = s->connector->meet(&a, &b, &read);
        if (!written)
            continue;
        dsl_diag_error(c->diag, written->span, CEP_EINVAL, "this sink would write what stream \"%.*s\" reads",
            BASE_STR_FMT(n->name));
        dsl_diag_note_at(c->diag, read->span, "it is read here");
        dsl_diag_note(c->diag, "give the sink a file that no stream of the program reads");
        return true;
    }
    return false;
}

static void meets_sink(struct dsl_sem *c, size_t at) {
    struct plan_end b = end_of(&c->sinks[at]);
    for (size_t i = 0; i < at; i++) {
        struct plan_end a = end_of(&c->sinks[i]);
        const struct plan_opt *first, *second;
        if (c->sinks[i].connector != c->sinks[at].connector)
            continue;
        second = c->sinks[at].connector->meet(&a, &b, &first);
        if (!second)
            continue;
        dsl_diag_error(
            c->diag, second->span, CEP_EINVAL, "this sink would write where another sink writes already");
        dsl_diag_note_at(c->diag, first->span, "the other one is here");
        dsl_diag_note(c->diag, "give each sink a file of its own");
        return;
    }
}

void dsl_check_meeting_sinks(struct dsl_sem *c) {
    for (size_t i = 0; i < c->n_sinks; i++)
        if (c->sinks[i].connector->meet && !meets_source(c, &c->sinks[i]))
            meets_sink(c, i);
}
