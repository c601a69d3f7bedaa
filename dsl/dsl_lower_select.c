/*
 * dsl_lower_select -- `stream ... as select` becomes nodes: projections and unions here; groups, orders, tables and what is read have files of
 * their own.
 */
#include "dsl/dsl_sem.h"

#include "base/base_mem.h"

/* -- stream ... as select: what this version does not have ---------------------------------------------------------------- */

/* `joined`: as the right side of a join, or behind a comma. */
static bool from_supported(struct dsl_sem *c, const struct dsl_from *f, bool joined) {
    switch (f->kind) {
    case DSL_FROM_NAME:
    case DSL_FROM_QUERY: return true;
    case DSL_FROM_FUNCTION: {
        struct base_str name = f->call->kind == DSL_EXPR_CALL ? f->call->call.name.text : BASE_STR("");
        if (f->told)
            return false;
        if (joined && dsl_is_unnest(f))
            return true;
        if (dsl_is_unnest(f)) {
            dsl_diag_error(c->diag, f->span, CEP_EINVAL,
                "an array is one of a stream's events: from STREAM cross join unnest(...)");
            return false;
        }
        if (name.len > 0) {
            dsl_diag_error(
                c->diag, f->span, CEP_ENAME, "unknown table function \"%.*s\"", BASE_STR_FMT(name));
            dsl_diag_note(c->diag, "there are tumble, hop and session, and unnest in a join");
        }
        return false;
    }
    case DSL_FROM_MATCH_RECOGNIZE: return from_supported(c, f->match.input, false);
    case DSL_FROM_JOIN: {
        bool ok = from_supported(c, f->join.left, false);
        return from_supported(c, f->join.right, true) && ok;
    }
    }
    return false;
}

static bool select_supported(struct dsl_sem *c, const struct dsl_select *s) {
    bool ok = true, commas = true;
    for (size_t i = 0; i < s->n_from; i++) {
        commas &= i == 0 || dsl_is_unnest(s->from[i]);
        ok &= from_supported(c, s->from[i], i > 0);
    }
    if (ok && !commas) {
        dsl_diag_error(c->diag, s->from_span, CEP_EINVAL, "streams are joined by \"join\", not by commas");
        dsl_diag_note(c->diag, "write: from a join b on a.k = b.k within D");
        ok = false;
    }
    return ok;
}

static bool aggregates(const struct dsl_sem *c, const struct dsl_query *q) {
    return q->n_selects == 1 && q->selects[0]->n_from > 0 && dsl_select_aggregates(c, q->selects[0]);
}

/* What speaks of groups means nothing where there are none. */
static bool rows_only(struct dsl_sem *c, const struct dsl_query *q) {
    const struct {
        bool there;
        struct cep_span span;
        const char *word;
    } clauses[] = {
        { q->lateness != NULL, q->lateness_span, "allowed lateness" },
        { q->n_emits > 0, q->n_emits ? q->emits[0].span : q->span, "emit" },
        { q->accumulation != DSL_ACC_DEFAULT, q->accumulation_span, "accumulation" },
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++)
        if (clauses[i].there) {
            dsl_diag_error(c->diag, clauses[i].span, CEP_EINVAL,
                "\"%s\" speaks of groups, and this select has none", clauses[i].word);
            dsl_diag_note(c->diag, "add a window, \"group by\" or an aggregate");
            ok = false;
        }
    return ok;
}

static bool query_supported(struct dsl_sem *c, const struct dsl_query *q) {
    bool ok = q->set_op_span.line == 0;
    if (!ok)
        dsl_diag_error(c->diag, q->set_op_span, CEP_EUNSUPPORTED,
            "a set operation other than \"union all\" is not in this version");
    for (size_t i = 0; i < q->n_selects; i++)
        ok &= select_supported(c, q->selects[i]);
    return ok;
}

/* -- branches ----------------------------------------------------------------------------------------------------------------- */

struct branch {
    struct plan_select_branch out;
    const struct expr **items;
    struct dsl_name *names;
    struct cep_span *spans;
    size_t n, cap, cap_names, cap_spans;
    struct dsl_overs overs;
    bool ok, open;
    int mark;      /* column of the input that says what a row is; -1: none */
    bool unmarked; /* it was given another name */
};

static void add_item(struct dsl_sem *c, struct branch *b, const struct expr *e, const struct dsl_name *name,
    struct cep_span span) {
    b->items = base_arena_grow(c->a, b->items, b->n, &b->cap, sizeof(struct expr *));
    b->names = base_arena_grow(&c->tmp, b->names, b->n, &b->cap_names, sizeof *b->names);
    b->spans = base_arena_grow(&c->tmp, b->spans, b->n, &b->cap_spans, sizeof *b->spans);
    b->items[b->n] = e;
    b->names[b->n] = *name;
    b->spans[b->n++] = span;
}

struct star {
    struct dsl_sem *c;
    struct branch *b;
    struct cep_span span;
};

static void add_star_item(void *arg, const struct expr *item, struct base_str text) {
    struct star *st = arg;
    struct dsl_name name = { .text = text, .span = st->span };
    add_item(st->c, st->b, item, &name, st->span);
}

/* Columns of two inputs may have one name. */
static bool star_names_ok(struct dsl_sem *c, const struct branch *b, size_t from, struct cep_span span) {
    for (size_t i = from; i < b->n; i++)
        for (size_t k = 0; k < i; k++)
            if (base_str_eq(b->names[i].text, b->names[k].text)) {
                dsl_diag_error(c->diag, span, CEP_ENAME, "two columns are called \"%.*s\"",
                    BASE_STR_FMT(b->names[i].text));
                dsl_diag_note(c->diag, "name the columns of one of the streams: a.*, b.%.*s as other",
                    BASE_STR_FMT(b->names[i].text));
                return false;
            }
    return true;
}

static void add_star(struct dsl_sem *c, struct branch *b, struct dsl_scope *s, const struct dsl_expr *e) {
    if (s->joins) {
        struct star st = { c, b, e->span };
        b->open |= s->open;
        b->ok &= dsl_join_star(c, s, e, add_star_item, &st);
        return;
    }
    if (dsl_name_given(&e->star.of) && !base_str_eq(e->star.of.text, s->name) &&
        !(s->alias.p && base_str_eq(e->star.of.text, s->alias))) {
        dsl_diag_error(
            c->diag, e->star.of.span, CEP_ENAME, "unknown stream \"%.*s\"", BASE_STR_FMT(e->star.of.text));
        dsl_diag_note(c->diag, "this selects from \"%.*s\"", BASE_STR_FMT(s->name));
        b->ok = false;
        return;
    }
    b->open |= s->open;
    for (uint32_t i = 0; s->schema && i < s->schema->n_visible; i++) {
        if ((int)i == b->mark)
            continue;
        struct dsl_name name = { .text = s->schema->cols[i].name, .span = e->span };
        add_item(c, b, expr_col(c->a, i, s->schema->cols[i].type, e->span), &name, e->span);
    }
}

/* Names come from the first branch of a union; those of later ones need none. */
static void lower_items(
    struct dsl_sem *c, struct branch *b, struct dsl_scope *s, const struct dsl_select *sel, bool first) {
    for (size_t i = 0; i < sel->n_items; i++) {
        if (b->n > DSL_MAX_COLUMNS) {
            dsl_diag_error(c->diag, sel->items[i].span, CEP_ELIMIT, "a stream has at most %d columns",
                (int)DSL_MAX_COLUMNS);
            b->ok = false;
            break;
        }
        const struct dsl_alias *al = &sel->items[i];
        struct dsl_name name = { 0 };
        if (al->expr->kind == DSL_EXPR_STAR) {
            size_t from = b->n;
            add_star(c, b, s, al->expr);
            b->ok &= !first || star_names_ok(c, b, from, al->expr->span);
            continue;
        }
        if (b->mark >= 0 && dsl_is_mark(al->expr)) {
            if (!dsl_name_given(&al->name))
                continue;
            b->unmarked = true;
        }
        bool named = !first || dsl_alias_name(c, al, &name);
        const struct expr *e = dsl_fold(c, dsl_check_expr(c, s, al->expr));
        if (first && e && e->type->kind == EVT_NULL) {
            dsl_diag_error(c->diag, al->expr->span, CEP_ETYPE, "the type of this column is not known");
            dsl_diag_note(c->diag, "write cast(null as TYPE)");
            e = NULL;
        }
        for (size_t k = 0; first && named && k < b->n; k++)
            if (base_str_eq(b->names[k].text, name.text)) {
                dsl_diag_error(c->diag, name.span, CEP_ENAME, "two columns are called \"%.*s\"",
                    BASE_STR_FMT(name.text));
                b->ok = false;
                break;
            }
        if (!e || !named)
            b->ok = false;
        add_item(c, b, e, &name, al->expr->span); /* e may be NULL: counts as a column of unknown type */
    }
}

/* A branch of a union that has groups: a hidden node of its own, whose columns are taken as they are. */
static void lower_group_branch(
    struct dsl_sem *c, struct dsl_sym *sym, struct branch *b, const struct dsl_select *sel) {
    struct dsl_query *q = BASE_ARENA_NEW(&c->tmp, struct dsl_query);
    struct dsl_select **one = BASE_ARENA_ARRAY(&c->tmp, struct dsl_select *, 1);
    struct dsl_rows in;
    one[0] = (struct dsl_select *)(uintptr_t)sel;
    *q = (struct dsl_query){ .span = sel->span, .selects = one, .n_selects = 1, .depth = sel->depth + 1 };
    dsl_lower_inner(c, sym, q, sel->span, &in);
    b->ok &= !in.sym->bad;
    b->open |= in.open;
    b->mark = dsl_mark_of(in.schema);
    for (uint32_t i = 0; in.schema && i < in.schema->n_visible; i++) {
        if ((int)i == b->mark)
            continue;
        struct dsl_name name = { .text = in.schema->cols[i].name, .span = sel->span };
        add_item(c, b, expr_col(c->a, i, in.schema->cols[i].type, sel->span), &name, sel->span);
    }
    b->out.input = dsl_rows_ref(&in);
}

/* `only`: it has no sister. `fused`: what it reads, when it is a join, is the statement's node. */
static void lower_branch(struct dsl_sem *c, struct dsl_sym *sym, struct branch *b,
    const struct dsl_select *sel, bool first, bool only, bool fused) {
    struct dsl_rows in;
    b->ok = true;
    b->mark = -1;
    if (sel->n_from == 0) {
        dsl_diag_error(c->diag, sel->span, CEP_EINVAL, "a select of a stream needs a \"from\"");
        b->ok = false;
        b->open = true;
        return;
    }
    struct dsl_scope s;
    if (dsl_select_aggregates(c, sel)) {
        lower_group_branch(c, sym, b, sel);
        return;
    }
    if (!dsl_select_scope(c, sym, sel, fused, &in, &s)) {
        b->ok = false;
        b->open |= in.sym == NULL && in.node == NULL;
    }
    b->mark = s.joins ? -1 : dsl_mark_of(in.schema);
    b->overs = (struct dsl_overs){ .in = &in, .n_input_cols = dsl_scope_n_columns(&s) };
    s.overs = only ? &b->overs : NULL;
    lower_items(c, b, &s, sel, first);
    s.overs = NULL;
    if (b->overs.n_calls > 0)
        b->ok &= dsl_changes_refused(c, &in, sel->from[0]->span, "\"over\"");
    if (sel->where && !b->unmarked && dsl_is_upsert(c, &in)) {
        dsl_diag_error(c->diag, sel->where->span, CEP_EINVAL,
            "rows of \"%.*s\" are replaced by key: one that is left out here would leave the one before it "
            "in force",
            BASE_STR_FMT(in.name));
        dsl_diag_note(
            c->diag, "write \"having\" where they are made, or \"retracting\" there instead of \"upsert\"");
        b->ok = false;
    }
    b->out.where = dsl_select_where_of(c, &s, sel, &b->ok);
    dsl_scope_close(c, &s, &in);
    b->out.input = dsl_rows_ref(&in);
}

/* Where rows of one branch can be taken back the mark is the last column of all; rows of the others are new. */
static void add_marks(struct dsl_sem *c, struct branch *bs, size_t n, const struct dsl_query *q) {
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= bs[i].mark >= 0 && !bs[i].unmarked;
    for (size_t i = 0; i < n && any; i++) {
        struct cep_span at = q->selects[i]->span;
        struct dsl_name name = { .text = BASE_STR(EVT_MARK_NAME), .span = at };
        const struct evt_type *type = evt_type_of(EVT_STRING);
        struct expr *fixed = dsl_new_expr(c, EXPR_CONST, type, at);
        fixed->val = (struct evt_val){ .s = { EVT_MARK_NEW, sizeof EVT_MARK_NEW - 1 } };
        bool marked = bs[i].mark >= 0 && !bs[i].unmarked;
        add_item(c, &bs[i], marked ? expr_col(c->a, (uint32_t)bs[i].mark, type, at) : fixed, &name, at);
    }
}

/* The branches of a union have one row type: that of the first, widened where a later one is wider. */
static bool unite(
    struct dsl_sem *c, struct branch *bs, size_t n, const struct dsl_query *q, struct evt_column *cols) {
    bool ok = true;
    for (size_t k = 0; k < bs[0].n; k++) {
        cols[k] = (struct evt_column){ .name = dsl_keep(c, bs[0].names[k].text),
            .type = bs[0].items[k] ? bs[0].items[k]->type : NULL };
    }
    for (size_t i = 1; i < n; i++) {
        if (bs[i].open || bs[0].open)
            continue;
        if (bs[i].n != bs[0].n) {
            dsl_diag_error(c->diag, q->selects[i]->span, CEP_ETYPE,
                "this select has %zu columns, the first one %zu", bs[i].n, bs[0].n);
            ok = false;
            continue;
        }
        for (size_t k = 0; k < bs[i].n; k++) {
            const struct expr *e = bs[i].items[k];
            if (!e || !cols[k].type)
                continue;
            bool widen = cols[k].type->kind == EVT_INT &&
                         (e->type->kind == EVT_DOUBLE || e->type->kind == EVT_DECIMAL);
            if (widen)
                cols[k].type = e->type;
            struct cep_err err = CEP_ERR_INIT;
            const struct expr *out = NULL;
            if (expr_coerce(c->a, e, cols[k].type, &out, &err) == CEP_OK)
                continue;
            dsl_diag_error(c->diag, bs[i].spans[k], CEP_ETYPE,
                "column \"%.*s\" is %s here and %s in the first select", BASE_STR_FMT(bs[0].names[k].text),
                dsl_type_name(c, e->type), dsl_type_name(c, cols[k].type));
            ok = false;
        }
    }
    for (size_t i = 0; i < n && ok; i++)
        for (size_t k = 0; k < bs[i].n && k < bs[0].n; k++) /* of one that is open more may be known */
            if (bs[i].items[k] && cols[k].type) {
                struct cep_err err = CEP_ERR_INIT;
                if (expr_coerce(c->a, bs[i].items[k], cols[k].type, &bs[i].items[k], &err) != CEP_OK)
                    ok = false;
            }
    return ok;
}

void dsl_lower_select(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_query *q = sym->stmt->select;
    if (!query_supported(c, q) || !(aggregates(c, q) || sym->stmt->kind == DSL_STMT_TABLE || q->n_order > 0 ||
                                      q->limit || rows_only(c, q))) {
        dsl_add_node(c, sym, PLAN_NODE_SELECT);
        for (size_t i = 0; i < sym->n_deps; i++)
            sym->deps[i]->read = true;
        sym->bad = sym->open = true;
        return;
    }
    if (sym->stmt->kind == DSL_STMT_TABLE) {
        dsl_lower_table(c, sym);
        return;
    }
    if (q->n_order > 0 || q->limit) {
        dsl_lower_top(c, sym);
        return;
    }
    if (aggregates(c, q)) {
        dsl_lower_aggregate(c, sym);
        return;
    }
    bool fused = q->n_selects == 1 && q->selects[0]->n_from > 0 && dsl_from_joins(q->selects[0]) &&
                 !dsl_select_has_over(q->selects[0]);
    struct branch *bs = BASE_ARENA_ARRAY(&c->tmp, struct branch, q->n_selects + 1);
    struct plan_select_branch *out = BASE_ARENA_ARRAY(c->a, struct plan_select_branch, q->n_selects + 1);
    for (size_t i = 0; i < q->n_selects && !dsl_over_budget(c, q->selects[i]->span); i++) {
        lower_branch(c, sym, &bs[i], q->selects[i], i == 0, q->n_selects == 1, fused);
        sym->bad |= !bs[i].ok;
        sym->open |= bs[i].open;
    }
    if (c->over)
        return;
    add_marks(c, bs, q->n_selects, q);
    struct plan_node *node = fused ? (struct plan_node *)(uintptr_t)c->nodes[sym->node]
                                   : dsl_add_node(c, sym, PLAN_NODE_SELECT);
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, bs[0].n + 1);
    sym->bad |= !unite(c, bs, q->n_selects, q, cols);
    struct evt_column *known = BASE_ARENA_ARRAY(c->a, struct evt_column, bs[0].n + 1);
    uint32_t n = 0;
    for (size_t k = 0; k < bs[0].n; k++) {
        if (cols[k].type && cols[k].name.len)
            known[n++] = cols[k];
        else
            sym->bad = sym->open = true;
    }
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    *s = (struct evt_schema){ n, n, known };
    for (size_t i = 0; i < q->n_selects; i++) {
        out[i] = bs[i].out;
        out[i].items = bs[i].items;
    }
    sym->schema = node->schema = s;
    if (bs[0].overs.n_calls > 0 && !sym->bad) {
        dsl_lower_over(c, node, &bs[0].overs, &out[0], bs[0].items, n);
        return;
    }
    if (fused && node->kind == PLAN_NODE_JOIN) {
        node->join.where = out[0].where;
        node->join.items = out[0].items;
        node->late_schema = s;
        return;
    }
    if (fused) {
        out[0].input = node->select.branches[0].input;
        out[0].unnest = node->select.branches[0].unnest;
    }
    node->select.n_branches = (uint32_t)q->n_selects;
    node->select.branches = out;
}

/* Each branch by itself: how many columns they have is not known. */
void dsl_check_broken_select(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_query *q = sym->stmt->select;
    sym->bad = sym->open = true;
    if (!query_supported(c, q))
        return;
    for (size_t i = 0; i < q->n_selects && !dsl_over_budget(c, q->selects[i]->span); i++) {
        struct branch b = { 0 };
        if (q->selects[i]->n_from > 0 && !dsl_select_aggregates(c, q->selects[i]))
            lower_branch(c, sym, &b, q->selects[i], i == 0, q->n_selects == 1, false);
    }
}
