/*
 * dsl_lower_top -- `select ... window tumbling D order by x desc limit N`: the first rows of each window, in order.
 *
 * What is put in order comes from a hidden node: the same select without its order, with a column for each expression of `order by`
 * behind its own. Without groups it has no window either: rows are dealt out to windows here. The groups of a window all have the time
 * of its end, so they are in a window of a microsecond of that time.
 */
#include "dsl/dsl_sem.h"

enum { MAX_TOP = 1000000 };

static bool is_bound(const struct dsl_expr *e) {
    return e->kind == DSL_EXPR_NAME && !e->name.quoted &&
           (base_str_eq(e->name.text, BASE_STR("window_start")) ||
               base_str_eq(e->name.text, BASE_STR("window_end")));
}

static bool mistake(struct dsl_sem *c, struct cep_span span, const char *what, const char *note) {
    dsl_diag_error(c->diag, span, CEP_EINVAL, "%s", what);
    if (note)
        dsl_diag_note(c->diag, "%s", note);
    return false;
}

static bool shape_ok(struct dsl_sem *c, const struct dsl_query *q) {
    const struct dsl_window *w = q->selects[0]->window;
    if (q->n_order == 0)
        return mistake(c, q->limit_span, "\"limit\" without \"order by\" does not say which rows", NULL);
    if (q->n_selects > 1)
        return mistake(c, q->order_span, "a union has no window to put in order",
            "write: select ... from (select ... union all select ...) as u window ... order by ...");
    if (!w)
        return mistake(c, q->order_span, "rows are put in order when a window ends, and this select has none",
            "add: window tumbling D");
    if (w->kind != DSL_WINDOW_TUMBLING && w->kind != DSL_WINDOW_SLIDING)
        return mistake(c, w->span, "a window whose rows are put in order is tumbling or sliding", NULL);
    for (size_t i = 0; i < q->n_emits; i++)
        if (q->emits[i].kind != DSL_EMIT_WATERMARK && q->emits[i].kind != DSL_EMIT_DEFAULT)
            return mistake(c, q->emits[i].span,
                "rows are put in order when the window ends: there are no early results", NULL);
    if (q->lateness)
        return mistake(c, q->lateness_span, "what was put in order is not corrected by late rows", NULL);
    if (q->accumulation != DSL_ACC_DEFAULT)
        return mistake(c, q->accumulation_span, "rows are put in order once, when the window ends", NULL);
    return true;
}

struct top {
    struct dsl_sem *c;
    const struct dsl_query *q;
    const struct dsl_select *sel;
    bool grouped;
    size_t n_extra, n_plain, n_stars, n_bounds; /* items of the hidden select */
};

/* The name of a column that is selected, or NULL: then the expression gets a column of its own. */
static const struct dsl_name *selected_as(const struct dsl_select *sel, const struct dsl_expr *e) {
    for (size_t i = 0; e->kind == DSL_EXPR_NAME && i < sel->n_items; i++)
        if (dsl_name_given(&sel->items[i].name) && base_str_eq(sel->items[i].name.text, e->name.text))
            return &sel->items[i].name;
    return NULL;
}

static struct dsl_query *hidden_query(struct top *t) {
    struct dsl_sem *c = t->c;
    struct dsl_query *q = BASE_ARENA_NEW(&c->tmp, struct dsl_query);
    struct dsl_select *s = BASE_ARENA_NEW(&c->tmp, struct dsl_select);
    struct dsl_select **one = BASE_ARENA_ARRAY(&c->tmp, struct dsl_select *, 1);
    *s = *t->sel;
    s->items = BASE_ARENA_ARRAY(&c->tmp, struct dsl_alias, t->sel->n_items + t->q->n_order);
    s->n_items = 0;
    for (size_t i = 0; i < t->sel->n_items; i++) {
        const struct dsl_alias *al = &t->sel->items[i];
        bool bound = !t->grouped && is_bound(al->expr);
        t->n_bounds += bound;
        t->n_stars += al->expr->kind == DSL_EXPR_STAR;
        t->n_plain += !bound && al->expr->kind != DSL_EXPR_STAR;
        if (!bound)
            s->items[s->n_items++] = *al;
    }
    for (size_t i = 0; i < t->q->n_order; i++) {
        struct dsl_expr *e = t->q->order[i];
        if (selected_as(t->sel, e))
            continue;
        struct dsl_name name = { .text = base_str_of(base_arena_printf(c->a, "order %zu", ++t->n_extra)),
            .span = e->span };
        s->items[s->n_items++] = (struct dsl_alias){ e, name, e->span };
    }
    if (!t->grouped)
        s->window = NULL;
    one[0] = s;
    *q = (struct dsl_query){ .span = t->q->span, .selects = one, .n_selects = 1, .depth = t->q->depth };
    return q;
}

static bool find_sorts(struct top *t, const struct dsl_rows *in, struct plan_top *out) {
    struct plan_sort *sorts = BASE_ARENA_ARRAY(t->c->a, struct plan_sort, t->q->n_order);
    uint32_t extra = in->schema->n_visible - (uint32_t)t->n_extra;
    for (size_t i = 0; i < t->q->n_order; i++) {
        const struct dsl_name *name = selected_as(t->sel, t->q->order[i]);
        uint32_t col = name ? (uint32_t)evt_schema_find(in->schema, name->text) : extra++;
        const struct evt_type *type = in->schema->cols[col].type;
        if (!evt_kind_is_ordered(type->kind)) {
            dsl_diag_error(
                t->c->diag, t->q->order[i]->span, CEP_ETYPE, "%s has no order", dsl_type_name(t->c, type));
            return false;
        }
        sorts[i] = (struct plan_sort){ col, t->q->order[i]->desc };
    }
    out->n_sorts = (uint32_t)t->q->n_order;
    out->sorts = sorts;
    return true;
}

/* Columns of the hidden node in the order of the select list, the window's bounds between them. */
static const struct evt_schema *find_columns(struct top *t, const struct dsl_rows *in, struct plan_top *out) {
    uint32_t given = in->schema->n_visible - (uint32_t)t->n_extra, n = 0, at = 0;
    uint32_t of_star = t->n_stars ? (given - (uint32_t)t->n_plain) / (uint32_t)t->n_stars : 0;
    struct plan_pair_col *from = BASE_ARENA_ARRAY(t->c->a, struct plan_pair_col, given + t->n_bounds + 1);
    struct evt_column *cols = BASE_ARENA_ARRAY(t->c->a, struct evt_column, given + t->n_bounds + 1);
    struct evt_schema *s = BASE_ARENA_NEW(t->c->a, struct evt_schema);
    for (size_t i = 0; i < t->sel->n_items; i++) {
        const struct dsl_alias *al = &t->sel->items[i];
        if (!t->grouped && is_bound(al->expr)) {
            struct base_str name = dsl_name_given(&al->name) ? al->name.text : al->expr->name.text;
            bool start = base_str_eq(al->expr->name.text, BASE_STR("window_start"));
            from[n] = (struct plan_pair_col){ PLAN_PAIR_WINDOW, start ? 0 : 1 };
            cols[n++] = (struct evt_column){ .name = dsl_keep(t->c, name),
                .type = evt_type_of(EVT_TIMESTAMP) };
            continue;
        }
        for (uint32_t k = al->expr->kind == DSL_EXPR_STAR ? of_star : 1; k > 0 && at < given; k--) {
            from[n] = (struct plan_pair_col){ PLAN_PAIR_LEFT, at };
            cols[n++] = in->schema->cols[at++];
        }
    }
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < i; k++)
            if (base_str_eq(cols[i].name, cols[k].name)) {
                dsl_diag_error(t->c->diag, t->sel->span, CEP_ENAME, "two columns are called \"%.*s\"",
                    BASE_STR_FMT(cols[i].name));
                return NULL;
            }
    out->cols = from;
    *s = (struct evt_schema){ n, n, cols };
    return s;
}

/* Of late rows: what is selected, without the window's bounds and what is only there for the order. */
static const struct evt_schema *late_columns(const struct top *t, const struct dsl_rows *in) {
    struct evt_schema *s = BASE_ARENA_NEW(t->c->a, struct evt_schema);
    uint32_t n = in->schema->n_visible - (uint32_t)t->n_extra;
    *s = (struct evt_schema){ n, n, in->schema->cols };
    return s;
}

void dsl_lower_top(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_query *q = sym->stmt->select;
    struct top t = { .c = c, .q = q, .sel = q->selects[0] };
    bool ok = shape_ok(c, q);
    struct dsl_rows in = { .open = true };
    t.grouped = dsl_select_aggregates_rows(c, t.sel) || t.sel->distinct;
    if (ok && !t.grouped && dsl_from_joins(t.sel) && t.sel->n_items > 1)
        for (size_t i = 0; i < t.sel->n_items && ok; i++)
            if (t.sel->items[i].expr->kind == DSL_EXPR_STAR)
                ok = mistake(c, t.sel->items[i].expr->span,
                    "\"*\" of a join stands alone where rows are put in order", NULL);
    if (ok)
        dsl_lower_inner(c, sym, hidden_query(&t), q->span, &in);
    else
        for (size_t i = 0; i < sym->n_deps; i++)
            sym->deps[i]->read = true;
    if (in.sym && t.sel->from[0]->kind == DSL_FROM_NAME)
        in.name = dsl_path_str(&t.sel->from[0]->path, &c->tmp);
    ok = ok && dsl_changes_refused(c, &in, q->n_order ? q->order_span : q->limit_span, "\"order by\"");
    struct plan_node *node = dsl_add_node(c, sym, PLAN_NODE_TOP);
    struct plan_top *top = &node->top;
    int64_t limit = INT64_MAX;
    top->input = dsl_rows_ref(&in);
    top->size_us = top->slide_us = 1;
    if (ok && !t.grouped)
        ok = dsl_window_bounds(c, t.sel->window, &top->size_us, &top->slide_us, &top->offset_us);
    if (ok && q->limit)
        ok = dsl_count_of(c, q->limit, "\"limit\"", MAX_TOP, &limit);
    top->limit = (uint64_t)limit;
    ok = ok && !sym->bad && !in.open;
    ok = ok && find_sorts(&t, &in, top);
    sym->schema = node->schema = ok ? find_columns(&t, &in, top) : NULL;
    if (ok && !t.grouped)
        node->late_schema = late_columns(&t, &in);
    sym->bad |= !sym->schema;
    sym->open |= sym->bad;
}
