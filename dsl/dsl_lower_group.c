/*
 * dsl_lower_group -- `stream ... as select` with group by, a window or aggregates: an aggregation.
 *
 * Items and `having` are first typed over the input's columns, with aggregates as they stand; then rewritten over the columns of
 * the group, which are its keys, its aggregates and the bounds of its window:
 *
 *     select card, sum(amount) * 2 as twice, window_end ... group by card window tumbling 1 h
 *       input columns:  card #0, amount #1                window_end is #3 here: behind the input's
 *       typed:          #0, sum(#1) * 2, #3
 *       group columns:  card #0, sum(amount) #1, window_start #2, window_end #3
 *       rewritten:      #0, #1 * 2, #3
 *
 * What is left of the input's columns then is a mistake: it has no one value in a group.
 */
#include "dsl/dsl_sem.h"

#include "base/base_mem.h"
#include "expr/expr_acc.h"
#include "expr/expr_run.h"

enum { MAX_PANES = 1 << 20, MAX_APART = 4096 };

/* -- does it aggregate? ------------------------------------------------------------------------------------------- */

struct find_agg {
    const struct dsl_sem *c;
    bool found;
};

static void find_agg(const struct dsl_expr *e, void *arg) {
    struct find_agg *f = arg;
    enum expr_agg agg;
    if (f->found)
        return;
    if (e->kind == DSL_EXPR_CALL && !e->call.over && dsl_group_agg_of_name(f->c, e->call.name.text, &agg))
        f->found = true;
    else
        dsl_expr_children(e, find_agg, f);
}

static void find_over(const struct dsl_expr *e, void *arg) {
    bool *found = arg;
    *found |= e->kind == DSL_EXPR_CALL && e->call.over;
    if (!*found)
        dsl_expr_children(e, find_over, found);
}

bool dsl_select_has_over(const struct dsl_select *s) {
    bool found = false;
    for (size_t i = 0; i < s->n_items; i++)
        find_over(s->items[i].expr, &found);
    return found;
}

bool dsl_select_aggregates(const struct dsl_sem *c, const struct dsl_select *s) {
    return s->window || s->distinct || dsl_select_aggregates_rows(c, s);
}

bool dsl_select_aggregates_rows(const struct dsl_sem *c, const struct dsl_select *s) {
    struct find_agg f = { c, s->n_group > 0 || s->having };
    for (size_t i = 0; i < s->n_items; i++)
        find_agg(s->items[i].expr, &f);
    return f.found;
}

/* -- aggregates --------------------------------------------------------------------------------------------------- */

static uint32_t slot_of(
    struct dsl_sem *c, struct dsl_group *g, const struct plan_agg *agg, struct cep_span span) {
    for (uint32_t i = 0; i < g->n_aggs; i++)
        if (dsl_agg_eq(&g->aggs[i], agg))
            return i;
    if (g->n_aggs == DSL_MAX_SLOTS) {
        dsl_diag_error(
            c->diag, span, CEP_ELIMIT, "more than %d different aggregates in one select", (int)DSL_MAX_SLOTS);
        return 0;
    }
    g->aggs = base_arena_grow(c->a, g->aggs, g->n_aggs, &g->cap_aggs, sizeof *g->aggs);
    g->aggs[g->n_aggs] = *agg;
    return g->n_aggs++;
}

const struct expr *dsl_check_group_agg(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, enum expr_agg agg) {
    struct dsl_group *g = s->group;
    struct plan_agg out = { .agg = agg };
    if (g->inside) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "an aggregate cannot stand in an aggregate");
        return NULL;
    }
    g->inside = true;
    bool ok = dsl_check_agg(c, s, e, &out);
    g->inside = false;
    if (!ok)
        return NULL;
    out.whole = g->windowed;
    out.back = dsl_mark_of(s->schema) >= 0;
    if (out.back && !(out.user ? out.user->takes_back : expr_acc_takes_back(out.agg))) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL,
            "rows of \"%.*s\" can be taken back, and \"%s\" cannot forget one", BASE_STR_FMT(s->name),
            out.user ? out.user->name : dsl_agg_name(agg));
        dsl_diag_note(c->diag, "count, sum, avg, stddev, var, min, max and count(distinct) can");
        return NULL;
    }
    struct expr *x = dsl_new_expr(c, EXPR_AGG, out.type, e->span);
    x->agg = out.agg;
    x->agg_slot = slot_of(c, g, &out, e->span);
    return x;
}

/* An input's column of that name is STREAM.window_start then, or, inside an aggregate, what the name means. */
const struct expr *dsl_check_group_bound(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_name *name) {
    const struct dsl_group *g = s->group;
    bool start = base_str_eq(name->text, BASE_STR("window_start"));
    if (!g || !g->windowed || g->inside || (!start && !base_str_eq(name->text, BASE_STR("window_end"))))
        return NULL;
    uint32_t more = start ? PLAN_GROUP_START : PLAN_GROUP_END;
    return expr_col(c->a, g->n_input_cols + more, evt_type_of(EVT_TIMESTAMP), name->span);
}

/* -- over the group's columns ------------------------------------------------------------------------------------- */

struct rewrite {
    struct dsl_sem *c;
    const struct dsl_group *g;
    const struct evt_schema *in;
    const struct expr *const *keys;
    uint32_t n_keys;
    bool ok;
};

static const struct expr *ungrouped(struct rewrite *r, const struct expr *e) {
    struct base_str name = r->in->cols[e->index].name;
    r->ok = false;
    dsl_diag_error(r->c->diag, e->span, CEP_EINVAL,
        "column \"%.*s\" stands neither in \"group by\" nor in an aggregate", BASE_STR_FMT(name));
    dsl_diag_note(r->c->diag, "add it to \"group by\", or write last(%.*s)", BASE_STR_FMT(name));
    return e;
}

static const struct expr *rewrite(struct rewrite *r, const struct expr *e) {
    struct base_arena *a = r->c->a;
    uint32_t n_cols = r->g->n_input_cols;
    for (uint32_t k = 0; k < r->n_keys; k++)
        if (r->keys[k] && expr_eq(e, r->keys[k]))
            return expr_col(a, k, e->type, e->span);
    if (e->kind == EXPR_AGG)
        return expr_col(a, r->n_keys + e->agg_slot, e->type, e->span);
    if (e->kind == EXPR_COL && e->index >= n_cols)
        return expr_col(a, r->n_keys + r->g->n_aggs + e->index - n_cols, e->type, e->span);
    if (e->kind == EXPR_COL)
        return ungrouped(r, e);
    if (e->n_args == 0)
        return e;
    struct expr *copy = BASE_ARENA_NEW(a, struct expr);
    const struct expr **args = BASE_ARENA_ARRAY(a, const struct expr *, e->n_args);
    *copy = *e;
    for (uint32_t i = 0; i < e->n_args && r->ok; i++)
        args[i] = rewrite(r, e->args[i]);
    copy->args = args;
    return copy;
}

static const struct evt_schema *group_columns(struct dsl_sem *c, const struct dsl_group *g,
    const struct expr *const *keys, uint32_t n_keys, const struct evt_schema *in, bool changes) {
    struct evt_column *cols = BASE_ARENA_ARRAY(
        c->a, struct evt_column, n_keys + g->n_aggs + PLAN_GROUP_MORE + 1);
    struct base_buf text = BASE_BUF_INIT;
    uint32_t n = 0;
    for (uint32_t k = 0; k < n_keys; k++) {
        bool col = keys[k]->kind == EXPR_COL;
        base_buf_clear(&text);
        if (!col)
            expr_write(&text, keys[k], in, NULL);
        cols[n++] = (struct evt_column){ .name = col ? in->cols[keys[k]->index].name
                                                     : dsl_keep(c, base_buf_view(&text)),
            .type = keys[k]->type };
    }
    for (uint32_t i = 0; i < g->n_aggs; i++) {
        base_buf_clear(&text);
        plan_write_agg(&text, &g->aggs[i], in);
        cols[n++] = (struct evt_column){ .name = dsl_keep(c, base_buf_view(&text)), .type = g->aggs[i].type };
    }
    base_buf_release(&text);
    cols[n++] = (struct evt_column){ .name = BASE_STR("window_start"), .type = evt_type_of(EVT_TIMESTAMP) };
    cols[n++] = (struct evt_column){ .name = BASE_STR("window_end"), .type = evt_type_of(EVT_TIMESTAMP) };
    if (changes)
        cols[n++] = (struct evt_column){ .name = BASE_STR(EVT_MARK_NAME), .type = evt_type_of(EVT_STRING) };
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    *s = (struct evt_schema){ n, n, cols };
    return s;
}

/* -- the window --------------------------------------------------------------------------------------------------- */

static bool sliding_bounds(struct dsl_sem *c, const struct dsl_window *w, int64_t *size, int64_t *slide) {
    if (!dsl_duration_of(c, w->size, "the size of the window", false, size) ||
        !dsl_duration_of(c, w->slide, "\"every\"", false, slide))
        return false;
    if (*slide > *size) {
        dsl_diag_error(c->diag, w->slide->span, CEP_EINVAL,
            "the window slides further than it is long: events between two of them would be in none");
        dsl_diag_note(c->diag, "\"every\" is at most the size of the window");
        return false;
    }
    if (*size / plan_pane(*size, *slide) > MAX_PANES) {
        dsl_diag_error(c->diag, w->span, CEP_ELIMIT,
            "the window is made of more than %d panes: its size and \"every\" have too small a common "
            "divisor",
            (int)MAX_PANES);
        return false;
    }
    return true;
}

bool dsl_window_bounds(
    struct dsl_sem *c, const struct dsl_window *w, int64_t *size, int64_t *slide, int64_t *offset) {
    bool ok = true;
    if (w->kind == DSL_WINDOW_SLIDING) {
        ok = sliding_bounds(c, w, size, slide);
    } else {
        ok = dsl_duration_of(c, w->size, "the size of the window", false, size);
        *slide = *size;
    }
    if (ok && w->offset) {
        ok = dsl_duration_of(c, w->offset, "the offset of the window", true, offset);
        if (ok)
            *offset %= *slide;
    }
    return ok;
}

static bool lower_count(struct dsl_sem *c, const struct dsl_window *w, struct plan_aggregate *out) {
    int64_t size = 0, slide = 0;
    if (!dsl_count_of(c, w->size, "the size of the window", MAX_PANES, &size))
        return false;
    if (w->slide && !dsl_count_of(c, w->slide, "\"every\"", MAX_PANES, &slide))
        return false;
    if (slide > size) {
        dsl_diag_error(c->diag, w->slide->span, CEP_EINVAL,
            "the window slides further than it is long: events between two of them would be in none");
        return false;
    }
    out->window = PLAN_WINDOW_COUNT;
    out->size_n = (uint32_t)size;
    out->slide_n = (uint32_t)(slide ? slide : size);
    return true;
}

static bool lower_window(struct dsl_sem *c, const struct dsl_window *w, struct plan_aggregate *out) {
    switch (w->kind) {
    case DSL_WINDOW_TUMBLING:
    case DSL_WINDOW_SLIDING:
        out->window = w->kind == DSL_WINDOW_TUMBLING ? PLAN_WINDOW_TUMBLING : PLAN_WINDOW_SLIDING;
        return dsl_window_bounds(c, w, &out->size_us, &out->slide_us, &out->offset_us);
    case DSL_WINDOW_SESSION:
        out->window = PLAN_WINDOW_SESSION;
        return dsl_duration_of(c, w->size, "the gap of the session", false, &out->size_us);
    case DSL_WINDOW_COUNT: return lower_count(c, w, out);
    case DSL_WINDOW_GLOBAL: out->window = PLAN_WINDOW_GLOBAL; break;
    }
    return true;
}

/* -- the select --------------------------------------------------------------------------------------------------- */

static bool is_bound_name(const struct dsl_expr *e) {
    return e->kind == DSL_EXPR_NAME && !e->name.quoted &&
           (base_str_eq(e->name.text, BASE_STR("window_start")) ||
               base_str_eq(e->name.text, BASE_STR("window_end")));
}

static bool lower_keys(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_select *sel,
    const struct expr **keys, uint32_t *n_keys) {
    bool ok = true;
    struct dsl_scope plain = *s;
    plain.group = NULL;
    *n_keys = 0;
    for (size_t i = 0; i < sel->n_group; i++) {
        if (s->group->windowed && is_bound_name(sel->group[i]))
            continue; /* the window is part of the group anyway; Flink's SQL wants it said */
        const struct expr *e = dsl_fold(c, dsl_check_expr(c, &plain, sel->group[i]));
        if (e && expr_is_const(e)) {
            dsl_diag_error(
                c->diag, sel->group[i]->span, CEP_EINVAL, "\"group by\" a constant makes one group");
            dsl_diag_note(c->diag, "columns are named: group by card");
            e = NULL;
        }
        ok &= e != NULL;
        if (e)
            keys[(*n_keys)++] = e;
    }
    return ok;
}

struct items {
    const struct expr **exprs;
    struct evt_column *cols;
    uint32_t n;
    bool ok;
};

static void lower_item(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_alias *al, struct items *out) {
    struct dsl_name name = { 0 };
    if (al->expr->kind == DSL_EXPR_STAR) {
        dsl_diag_error(c->diag, al->expr->span, CEP_EINVAL, "\"*\" cannot stand in a select that aggregates");
        dsl_diag_note(c->diag, "name the columns of \"group by\" and the aggregates");
        out->ok = false;
        return;
    }
    bool named = dsl_alias_name(c, al, &name);
    const struct expr *e = dsl_fold(c, dsl_check_expr(c, s, al->expr));
    if (e && e->type->kind == EVT_NULL) {
        dsl_diag_error(c->diag, al->expr->span, CEP_ETYPE, "the type of this column is not known");
        dsl_diag_note(c->diag, "write cast(null as TYPE)");
        e = NULL;
    }
    for (uint32_t k = 0; named && k < out->n; k++)
        if (base_str_eq(out->cols[k].name, name.text)) {
            dsl_diag_error(
                c->diag, name.span, CEP_ENAME, "two columns are called \"%.*s\"", BASE_STR_FMT(name.text));
            named = false;
        }
    out->ok &= e && named;
    if (e && named) {
        out->exprs[out->n] = e;
        out->cols[out->n++] = (struct evt_column){ .name = dsl_keep(c, name.text), .type = e->type };
    }
}

static void lower_items(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_select *sel, struct items *out) {
    size_t n = dsl_capped(c, sel->span, sel->n_items, "columns");
    *out = (struct items){ .exprs = BASE_ARENA_ARRAY(c->a, const struct expr *, n + 1),
        .cols = BASE_ARENA_ARRAY(c->a, struct evt_column, n + 1), /* one more: the mark */
        .ok = true };
    for (size_t i = 0; i < n; i++)
        lower_item(c, s, &sel->items[i], out);
}

static bool rewrite_all(struct rewrite *r, struct plan_aggregate *out, struct items *items) {
    if (out->having) {
        r->ok = true;
        out->having = rewrite(r, out->having);
        items->ok &= r->ok;
    }
    for (uint32_t i = 0; i < items->n; i++) {
        r->ok = true; /* one mistake an item */
        items->exprs[i] = rewrite(r, items->exprs[i]);
        items->ok &= r->ok;
    }
    return items->ok;
}

static bool apart_ok(struct dsl_sem *c, const struct dsl_query *q, const struct plan_aggregate *ag) {
    if (ag->slide_us == 0 || !plan_windows_apart(ag) || ag->size_us / ag->slide_us <= MAX_APART)
        return true;
    dsl_diag_error(c->diag, q->selects[0]->window->span, CEP_ELIMIT,
        "each event would be put into more than %d windows: those that %s share nothing", (int)MAX_APART,
        ag->discarding ? "forget what they gave" : "count their events");
    return false;
}

/* Windows that share rows, and sessions, put parts together. */
static bool merges_ok(struct dsl_sem *c, const struct dsl_query *q, const struct plan_aggregate *ag) {
    bool parts = (ag->window == PLAN_WINDOW_SLIDING && ag->slide_us < ag->size_us) ||
                 (ag->window == PLAN_WINDOW_COUNT && ag->slide_n < ag->size_n) ||
                 ag->window == PLAN_WINDOW_SESSION;
    for (uint32_t i = 0; i < ag->n_aggs && parts; i++)
        if (ag->aggs[i].user && !ag->aggs[i].user->merges) {
            dsl_diag_error(c->diag, q->selects[0]->window->span, CEP_EINVAL,
                "%s is put together from parts, and \"%s\" has no merge()", dsl_window_word(ag->window),
                ag->aggs[i].user->name);
            dsl_diag_note(c->diag, "its library could add one; tumbling windows need none");
            return false;
        }
    return true;
}

/* Functions of rows in order cannot be put together from parts, and no row may come behind those they have seen. */
static bool in_order_ok(struct dsl_sem *c, const struct dsl_query *q, const struct plan_aggregate *ag) {
    bool parts = (ag->window == PLAN_WINDOW_SLIDING && ag->slide_us < ag->size_us) ||
                 (ag->window == PLAN_WINDOW_COUNT && ag->slide_n < ag->size_n);
    for (uint32_t i = 0; i < ag->n_aggs; i++) {
        const char *name = dsl_agg_name(ag->aggs[i].agg);
        if (!expr_run_is(ag->aggs[i].agg) || (!parts && !ag->takes_late))
            continue;
        if (parts) {
            dsl_diag_error(c->diag, q->selects[0]->window->span, CEP_EINVAL,
                "\"%s\" reads rows in order, and windows that share rows are put together from parts", name);
            dsl_diag_note(
                c->diag, "write %s(...) over (partition by ... order by ...), or windows end to end", name);
        } else {
            dsl_diag_error(c->diag, q->lateness_span, CEP_EINVAL,
                "\"%s\" reads rows in order, and a late row would come behind those it has seen", name);
        }
        return false;
    }
    return true;
}

/* What is kept for ever: a group for each key that ever came. A table says so by its name. */
static void warn_unbounded(struct dsl_sem *c, const struct dsl_sym *sym, const struct plan_aggregate *ag) {
    if (ag->n_keys == 0 || ag->window == PLAN_WINDOW_TUMBLING || ag->window == PLAN_WINDOW_SLIDING ||
        ag->window == PLAN_WINDOW_SESSION || sym->stmt->kind == DSL_STMT_TABLE)
        return;
    dsl_diag_warning(c->diag, sym->stmt->name.span, "stream \"%.*s\" keeps %s, for ever",
        BASE_STR_FMT(dsl_sym_statement(sym)->name),
        ag->first_only ? "every different row" : "a group for every key");
    dsl_diag_note(c->diag, "windows of time (tumbling, sliding, session) let groups go");
}

/* -- distinct: a group by all that is selected -------------------------------------------------------------------- */

static bool add_group(struct dsl_sem *c, struct dsl_select *to, const struct dsl_alias *item, size_t max) {
    if (to->n_items == max) {
        dsl_diag_error(
            c->diag, item->expr->span, CEP_ELIMIT, "a stream has at most %d columns", (int)DSL_MAX_COLUMNS);
        return false;
    }
    to->items[to->n_items++] = *item;
    if (!(to->window && is_bound_name(item->expr)))
        to->group[to->n_group++] = item->expr;
    return true;
}

/* `*` as the columns it stands for. */
static bool add_star_groups(struct dsl_sem *c, const struct dsl_scope *s, struct dsl_select *to,
    const struct dsl_alias *star, size_t max) {
    bool ok = true;
    if (s->joins) {
        dsl_diag_error(
            c->diag, star->expr->span, CEP_EINVAL, "\"*\" cannot stand in a distinct select from a join");
        dsl_diag_note(c->diag, "name the columns");
        return false;
    }
    for (uint32_t i = 0; s->schema && i < s->schema->n_visible && ok; i++) {
        struct dsl_expr *e = BASE_ARENA_NEW(&c->tmp, struct dsl_expr);
        *e = (struct dsl_expr){ .kind = DSL_EXPR_NAME, .depth = 1, .span = star->expr->span };
        e->name =
            (struct dsl_name){ .text = s->schema->cols[i].name, .span = star->expr->span, .quoted = true };
        ok = add_group(c, to, &(struct dsl_alias){ .expr = e, .span = e->span }, max);
    }
    return ok;
}

static const struct dsl_select *distinct_as_groups(
    struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_select *sel, bool *ok) {
    struct dsl_select *out = BASE_ARENA_NEW(&c->tmp, struct dsl_select);
    if (dsl_select_aggregates_rows(c, sel)) {
        dsl_diag_error(c->diag, sel->distinct_span, CEP_EINVAL,
            "groups are different already: \"distinct\" cannot stand with aggregates");
        dsl_diag_note(c->diag, "for different results, select distinct from the stream of them");
        *ok = false;
        return sel;
    }
    *out = *sel;
    size_t max = DSL_MAX_COLUMNS;
    out->items = BASE_ARENA_ARRAY(&c->tmp, struct dsl_alias, max);
    out->group = BASE_ARENA_ARRAY(&c->tmp, struct dsl_expr *, max);
    out->n_items = 0;
    for (size_t i = 0; i < sel->n_items && *ok; i++)
        *ok = sel->items[i].expr->kind == DSL_EXPR_STAR ? add_star_groups(c, s, out, &sel->items[i], max)
                                                        : add_group(c, out, &sel->items[i], max);
    return out;
}

uint32_t dsl_scope_n_columns(const struct dsl_scope *s) {
    uint32_t n = s->schema ? s->schema->n_cols : 0;
    for (size_t i = 0; s->joins && i <= s->joins->n_steps; i++)
        n += (s->joins->inputs[i].rows.schema ? s->joins->inputs[i].rows.schema->n_cols : 0) +
             PLAN_GROUP_MORE;
    return n;
}

void dsl_lower_aggregate(struct dsl_sem *c, struct dsl_sym *sym) {
    const struct dsl_query *q = sym->stmt->select;
    const struct dsl_select *sel = q->selects[0];
    struct dsl_group group = { .windowed = sel->window != NULL };
    struct dsl_rows in;
    struct dsl_scope s;
    bool ok = dsl_select_scope(c, sym, sel, false, &in, &s);
    struct plan_node *node = dsl_add_node(c, sym, PLAN_NODE_AGGREGATE);
    if (sel->distinct)
        sel = distinct_as_groups(c, &s, sel, &ok);
    struct plan_aggregate *ag = &node->aggregate;
    ag->where = dsl_select_where_of(c, &s, sel, &ok);
    group.n_input_cols = dsl_scope_n_columns(&s);
    s.group = &group;
    const struct expr **keys = BASE_ARENA_ARRAY(c->a, const struct expr *, sel->n_group + 1);
    struct items items;
    bool keys_ok = lower_keys(c, &s, sel, keys, &ag->n_keys);
    ok &= keys_ok;
    ag->keys = keys;
    lower_items(c, &s, sel, &items);
    if (sel->having) {
        ag->having = dsl_check_cond(c, &s, sel->having, "the condition of \"having\"");
        ok &= ag->having != NULL;
    }
    if (sel->window)
        ok &= lower_window(c, sel->window, ag);
    ok &= dsl_lower_emits(c, q, ag);
    ok &= dsl_lower_accumulation(c, q, ag);
    ag->first_only = sel->distinct && ag->window == PLAN_WINDOW_NONE && ag->changes == PLAN_CHANGES_NONE;
    ok &= dsl_lower_lateness(c, q, &in, ag);
    dsl_scope_close(c, &s, &in);
    ag->input = dsl_rows_ref(&in);
    struct rewrite r = { .c = c, .g = &group, .in = in.schema, .keys = keys, .n_keys = ag->n_keys };
    if (in.schema && keys_ok)
        ok &= rewrite_all(&r, ag, &items);
    sym->bad |= !ok || !items.ok || !in.schema;
    sym->open |= !items.ok || in.open;
    ag->aggs = group.aggs;
    ag->n_aggs = group.n_aggs;
    sym->bad |= !in_order_ok(c, q, ag) || !merges_ok(c, q, ag) || !apart_ok(c, q, ag);
    sym->bad |= !dsl_changes_read(c, q, &in, ag, sym->stmt->kind == DSL_STMT_TABLE);
    if (ag->changes != PLAN_CHANGES_NONE) {
        uint32_t mark = ag->n_keys + ag->n_aggs + PLAN_GROUP_MORE;
        sym->bad |= !dsl_upsert_keys(c, q, ag, items.exprs, items.n);
        items.exprs[items.n] = expr_col(c->a, mark, evt_type_of(EVT_STRING), q->accumulation_span);
        items.cols[items.n++] = (struct evt_column){ .name = BASE_STR(EVT_MARK_NAME),
            .type = evt_type_of(EVT_STRING) };
    }
    ag->items = items.exprs;
    struct evt_schema *out = BASE_ARENA_NEW(c->a, struct evt_schema);
    *out = (struct evt_schema){ items.n, items.n, items.cols };
    sym->schema = node->schema = out;
    if (!sym->bad) {
        ag->groups = group_columns(c, &group, keys, ag->n_keys, in.schema, ag->changes != PLAN_CHANGES_NONE);
        if (ag->window == PLAN_WINDOW_TUMBLING || ag->window == PLAN_WINDOW_SLIDING ||
            ag->window == PLAN_WINDOW_SESSION)
            node->late_schema = in.schema;
        warn_unbounded(c, sym, ag);
    }
}
