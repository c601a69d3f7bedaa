/*
 * dsl_lower_recognize -- `match_recognize` becomes a node: keys, variables with their conditions, the pattern, items, and what of a row is kept.
 */
#include "dsl/dsl_sem.h"

#include "base/base_num.h"

struct lower {
    struct dsl_sem *c;
    const struct dsl_from *from;
    const struct dsl_match_recognize *st;
    const struct dsl_rows *in;
    struct dsl_mr mr;
    struct dsl_scope scope; /* of the input's rows; mr as it is needed */
    struct plan_recognize *out;
    bool ok;
};

static void not_there(struct lower *l, const struct dsl_name *name) {
    dsl_diag_error(l->c->diag, name->span, CEP_ENAME, "variable \"%.*s\" does not stand in the pattern",
        BASE_STR_FMT(name->text));
    struct dsl_nearest near;
    dsl_near(l->c, &near, name->text);
    for (uint32_t i = 0; i + 1 < l->mr.n_vars; i++)
        dsl_nearest_try(&near, l->mr.vars[i].name);
    dsl_nearest_note(l->c->diag, &near);
    l->ok = false;
}

/* -- keys and order ---------------------------------------------------------------------------------------------------- */

static void lower_keys(struct lower *l) {
    struct dsl_sem *c = l->c;
    const struct dsl_match_recognize *st = l->st;
    size_t n = dsl_capped(c, l->from->span, st->n_partition, "parts of a key");
    const struct expr **keys = BASE_ARENA_ARRAY(c->a, const struct expr *, n + 1);
    for (size_t i = 0; i < n; i++) {
        keys[i] = dsl_check_expr(c, &l->scope, st->partition[i]);
        if (keys[i] && keys[i]->kind != EXPR_COL) {
            dsl_diag_error(c->diag, st->partition[i]->span, CEP_EINVAL,
                "\"partition by\" of \"match_recognize\" names columns, for they are columns of its result");
            dsl_diag_note(c->diag,
                "compute it in a select that this one reads: from (select ... as k, *) match_recognize");
            keys[i] = NULL;
        }
        l->ok &= keys[i] != NULL;
        for (size_t k = 0; keys[i] && k < i; k++)
            if (keys[k] && keys[k]->index == keys[i]->index) {
                dsl_diag_error(
                    c->diag, st->partition[i]->span, CEP_EINVAL, "this column is in \"partition by\" twice");
                l->ok = false;
            }
    }
    l->out->keys = keys;
    l->out->n_keys = (uint32_t)n;
}

static void lower_order(struct lower *l) {
    struct dsl_sem *c = l->c;
    const struct dsl_match_recognize *st = l->st;
    bool clock = l->in->sym && l->in->sym->clocks == 2;
    if (st->n_order == 0) {
        if (clock)
            return;
        dsl_diag_error(c->diag, l->from->span, CEP_EINVAL, "\"match_recognize\" needs an \"order by\"");
        dsl_diag_note(c->diag, "rows come in event-time order: order by the column of the event time");
        l->ok = false;
        return;
    }
    const struct expr *e = dsl_check_expr(c, &l->scope, st->order[0]);
    bool time = e && e->kind == EXPR_COL && e->type->kind == EVT_TIMESTAMP && !st->order[0]->desc &&
                (!l->in->sym || l->in->sym->bad || dsl_may_be_time(c, dsl_rows_ref(l->in), e->index));
    l->ok &= time;
    if (e && !time)
        dsl_diag_error(c->diag, st->order[0]->span, CEP_EINVAL,
            "rows are matched in event-time order: \"order by\" begins with the column of the event time, "
            "upwards");
    struct plan_sort *sorts = BASE_ARENA_ARRAY(c->a, struct plan_sort, st->n_order);
    for (size_t i = 1; i < st->n_order && i < DSL_MAX_COLUMNS; i++) {
        e = dsl_check_expr(c, &l->scope, st->order[i]);
        bool col = e && e->kind == EXPR_COL && evt_kind_is_ordered(e->type->kind);
        l->ok &= col;
        if (col)
            sorts[l->out->n_sorts++] = (struct plan_sort){ e->index, st->order[i]->desc };
        else if (e)
            dsl_diag_error(c->diag, st->order[i]->span, CEP_EINVAL,
                "rows of one time are put in order by columns whose values have one");
    }
    l->out->sorts = sorts;
}

/* -- variables ------------------------------------------------------------------------------------------------------------ */

static void add_var(struct lower *l, const struct dsl_name *name, size_t *cap) {
    struct dsl_mr *mr = &l->mr;
    if (dsl_mr_var(mr, name->text) >= 0)
        return;
    mr->vars = base_arena_grow(&l->c->tmp, mr->vars, mr->n_vars, cap, sizeof *mr->vars);
    /* The last one is always all of them: dsl_mr_var() leaves it out. */
    mr->vars[mr->n_vars - 1] = (struct dsl_mrvar){ .name = name->text, .span = name->span };
    mr->vars[mr->n_vars++] = (struct dsl_mrvar){ .name = BASE_STR("") };
}

static void walk_vars(struct lower *l, const struct dsl_seq *s, size_t *cap) {
    switch (s->kind) {
    case DSL_SEQ_VAR: add_var(l, &s->var, cap); break;
    case DSL_SEQ_CHAIN:
        for (size_t i = 0; i < s->chain.n_steps; i++)
            walk_vars(l, s->chain.steps[i].item, cap);
        break;
    case DSL_SEQ_ALT:
    case DSL_SEQ_ALL:
    case DSL_SEQ_EXCLUDE:
        for (size_t i = 0; i < s->list.n_items; i++)
            walk_vars(l, s->list.items[i], cap);
        break;
    case DSL_SEQ_LOOP: walk_vars(l, s->loop.body, cap); break;
    case DSL_SEQ_NOT:
    case DSL_SEQ_EMPTY:
    case DSL_SEQ_START:
    case DSL_SEQ_END:
    case DSL_SEQ_MAX: break;
    }
}

static void lower_subset(struct lower *l, const struct dsl_subset *u, size_t *cap) {
    uint64_t of = 0;
    if (dsl_mr_var(&l->mr, u->name.text) >= 0) {
        dsl_diag_error(l->c->diag, u->name.span, CEP_ENAME, "there is a variable \"%.*s\" already",
            BASE_STR_FMT(u->name.text));
        l->ok = false;
        return;
    }
    for (size_t i = 0; i < u->n_vars; i++) {
        int v = dsl_mr_var(&l->mr, u->vars[i].text);
        if (v >= 0 && (uint32_t)v < l->mr.n_primary)
            of |= UINT64_C(1) << v;
        else
            not_there(l, &u->vars[i]);
    }
    add_var(l, &u->name, cap);
    l->mr.vars[l->mr.n_vars - 2].of = of;
}

static void lower_vars(struct lower *l) {
    size_t cap = 1;
    struct dsl_mr *mr = &l->mr;
    mr->vars = BASE_ARENA_ARRAY(&l->c->tmp, struct dsl_mrvar, 1);
    mr->vars[0] = (struct dsl_mrvar){ .name = BASE_STR("") };
    mr->n_vars = 1;
    walk_vars(l, l->st->pattern, &cap);
    mr->n_primary = mr->n_vars - 1;
    if (mr->n_primary > PLAN_ROW_VARS_MAX) {
        dsl_diag_error(l->c->diag, l->st->pattern->span, CEP_ELIMIT,
            "a pattern has at most %d variables, not %u", (int)PLAN_ROW_VARS_MAX, mr->n_primary);
        l->ok = false;
        mr->n_primary = PLAN_ROW_VARS_MAX;
    }
    for (uint32_t i = 0; i < mr->n_primary; i++)
        mr->vars[i].of = UINT64_C(1) << i;
    for (size_t i = 0; i < l->st->n_subsets; i++)
        lower_subset(l, &l->st->subsets[i], &cap);
    mr->vars[mr->n_vars - 1].of = mr->n_primary == 64 ? UINT64_MAX : (UINT64_C(1) << mr->n_primary) - 1;
}

static void lower_define(struct lower *l, const struct dsl_define *d) {
    struct dsl_sem *c = l->c;
    int v = dsl_mr_var(&l->mr, d->var.text);
    if (v < 0) {
        not_there(l, &d->var);
        return;
    }
    if ((uint32_t)v >= l->mr.n_primary) {
        dsl_diag_error(c->diag, d->var.span, CEP_EINVAL,
            "\"%.*s\" is a subset: its variables have conditions", BASE_STR_FMT(d->var.text));
        l->ok = false;
        return;
    }
    struct dsl_mrvar *var = &l->mr.vars[v];
    if (var->define) {
        dsl_diag_error(
            c->diag, d->var.span, CEP_ENAME, "variable \"%.*s\" is defined twice", BASE_STR_FMT(d->var.text));
        dsl_diag_note_at(c->diag, var->define->var.span, "first here");
        l->ok = false;
        return;
    }
    var->define = d;
    if (d->where) {
        dsl_diag_error(c->diag, d->span, CEP_EINVAL,
            "a variable of \"match_recognize\" is defined by a condition alone");
        l->ok = false;
        return;
    }
    struct dsl_mr_at at = { .mr = &l->mr, .own = v, .var = -1 };
    struct dsl_scope s = l->scope;
    s.mr = &at;
    const char *what = base_arena_printf(
        &c->tmp, "the condition of variable \"%.*s\"", BASE_STR_FMT(var->name));
    var->cond = dsl_check_cond(c, &s, d->expr, what);
    l->ok &= var->cond != NULL;
    (void)dsl_warn_cond(c, var->cond, l->in->schema, what);
    if (var->cond && var->cond->kind == EXPR_CONST && !var->cond->val.null && var->cond->val.b)
        var->cond = NULL;
}

static const struct plan_row_var *final_vars(struct lower *l) {
    struct plan_row_var *vars = BASE_ARENA_ARRAY(l->c->a, struct plan_row_var, l->mr.n_vars);
    for (uint32_t i = 0; i < l->mr.n_vars; i++)
        vars[i] = (struct plan_row_var){ dsl_keep(l->c, l->mr.vars[i].name), l->mr.vars[i].of,
            l->mr.vars[i].cond, l->mr.vars[i].span };
    return vars;
}

static void lower_pattern(struct lower *l) {
    l->out->root = dsl_check_rows(l->c, &l->mr, l->st->pattern, &l->out->anchored);
    l->ok &= l->out->root != NULL;
}

/* -- the skip, and what is likely wrong -------------------------------------------------------------------------------------- */

static void lower_skip(struct lower *l) {
    const struct dsl_after *af = &l->st->after;
    l->out->skip = dsl_skip_of(af);
    l->out->skip_or_error = af->or_error;
    if (af->skip == DSL_SKIP_NONE) {
        dsl_diag_error(l->c->diag, af->span, CEP_EINVAL,
            "\"no skip\" does not stand in \"match_recognize\": each row begins one match at most");
        dsl_diag_note(l->c->diag, "\"skip to next row\" gives a match for every row that begins one");
        l->ok = false;
    }
    if (af->skip != DSL_SKIP_TO_FIRST && af->skip != DSL_SKIP_TO_LAST)
        return;
    int v = dsl_mr_var(&l->mr, af->var.text);
    if (v < 0) {
        not_there(l, &af->var);
        return;
    }
    l->out->skip_var = (uint32_t)v;
    if (!l->out->root || af->skip != DSL_SKIP_TO_FIRST)
        return;
    if ((dsl_row_firsts(l->out->root) & ~l->mr.vars[v].of) == 0) {
        dsl_diag_error(l->c->diag, af->var.span, CEP_EINVAL,
            "the first \"%.*s\" is where the match began: it would be found again and again",
            BASE_STR_FMT(af->var.text));
        dsl_diag_note(l->c->diag, "write \"skip to next row\"");
        l->ok = false;
    }
}

/* A loop over a variable that takes every row never ends by itself. */
static const struct plan_row_term *endless(const struct lower *l, const struct plan_row_term *t) {
    const struct plan_row_term *found = NULL;
    if (t->max == PLAN_UNBOUNDED && !t->reluctant && t->kind == PLAN_ROW_VAR && !l->mr.vars[t->var].cond)
        return t;
    for (uint32_t i = 0; i < t->n_items && !found; i++)
        found = endless(l, t->items[i]);
    return found;
}

static void warn(struct lower *l) {
    struct dsl_diag *d = l->c->diag;
    const struct plan_recognize *r = l->out;
    const struct plan_row_term *loop = r->within_us == 0 ? endless(l, r->root) : NULL;
    if (loop) {
        dsl_diag_warning(d, l->mr.vars[loop->var].span,
            "a loop over \"%.*s\", which takes every row, without \"within\": a match that begins is open "
            "for ever",
            BASE_STR_FMT(l->mr.vars[loop->var].name));
        dsl_diag_note(
            d, "define it, make it reluctant (with a \"?\" behind the quantifier), or add \"within D\"");
    }
    if (r->n_keys > 0 && (r->back > 0 || r->numbered || r->anchored))
        dsl_diag_warning(d, l->from->span, "\"match_recognize\" keeps %s for every key, for ever",
            r->back > 0   ? "its last rows"
            : r->numbered ? "the number of its matches"
                          : "that it had a first row");
}

/* -- items ---------------------------------------------------------------------------------------------------------------- */

struct items {
    const struct expr **exprs;
    struct evt_column *cols;
    uint32_t n;
};

static void add_item(
    struct lower *l, struct items *it, struct base_str name, const struct expr *e, struct cep_span span) {
    for (uint32_t i = 0; i < it->n; i++)
        if (base_str_eq(it->cols[i].name, name)) {
            dsl_diag_error(
                l->c->diag, span, CEP_ENAME, "two columns are called \"%.*s\"", BASE_STR_FMT(name));
            l->ok = false;
            return;
        }
    it->exprs[it->n] = e;
    it->cols[it->n++] = (struct evt_column){ .name = name, .type = e->type };
}

static void add_column(struct lower *l, struct items *it, uint32_t col) {
    const struct evt_column *of = &l->in->schema->cols[col];
    add_item(l, it, of->name, expr_col(l->c->a, col, of->type, l->from->span), l->from->span);
}

static void lower_measures(struct lower *l, struct items *it) {
    struct dsl_sem *c = l->c;
    struct dsl_mr_at at = { .mr = &l->mr, .own = -1, .var = -1 };
    struct dsl_scope s = l->scope;
    s.mr = &at;
    size_t n = dsl_capped(c, l->from->span, l->st->n_measures, "measures");
    for (size_t i = 0; i < n; i++) {
        const struct dsl_alias *al = &l->st->measures[i];
        struct dsl_name name = { 0 };
        bool named = dsl_alias_name(c, al, &name);
        const struct expr *e = dsl_fold(c, dsl_check_expr(c, &s, al->expr));
        if (e && e->type->kind == EVT_NULL) {
            dsl_diag_error(c->diag, al->expr->span, CEP_ETYPE, "the type of this measure is not known");
            dsl_diag_note(c->diag, "write cast(null as TYPE)");
            e = NULL;
        }
        if (e && named)
            add_item(l, it, dsl_keep(c, name.text), e, name.span);
        else
            l->ok = false;
    }
}

/* Columns of the key, then, of all rows: the time; measures; of all rows: the other columns. */
static const struct evt_schema *lower_items(struct lower *l) {
    const struct evt_schema *in = l->in->schema;
    struct plan_recognize *r = l->out;
    size_t room = (size_t)in->n_visible + l->st->n_measures + 1;
    struct items it = { BASE_ARENA_ARRAY(l->c->a, const struct expr *, room),
        BASE_ARENA_ARRAY(l->c->a, struct evt_column, room), 0 };
    bool *there = BASE_ARENA_ARRAY(&l->c->tmp, bool, in->n_cols + (size_t)1);
    for (uint32_t i = 0; i < in->n_cols; i++)
        there[i] = false;
    for (uint32_t i = 0; i < r->n_keys; i++)
        if (r->keys[i]) {
            there[r->keys[i]->index] = true;
            add_column(l, &it, r->keys[i]->index);
        }
    if (r->all_rows && l->st->n_order > 0) {
        const struct expr *time = dsl_check_expr(l->c, &l->scope, l->st->order[0]);
        if (time && time->kind == EXPR_COL && !there[time->index]) {
            there[time->index] = true;
            add_column(l, &it, time->index);
        }
    }
    lower_measures(l, &it);
    for (uint32_t i = 0; r->all_rows && i < in->n_visible; i++)
        if (!there[i])
            add_column(l, &it, i);
    if (it.n == 0 && l->ok) {
        dsl_diag_error(l->c->diag, l->from->span, CEP_EINVAL, "this \"match_recognize\" gives no columns");
        dsl_diag_note(l->c->diag, "add \"measures\"");
        l->ok = false;
    }
    struct evt_schema *s = BASE_ARENA_NEW(l->c->a, struct evt_schema);
    *s = (struct evt_schema){ it.n, it.n, it.cols };
    r->items = it.exprs;
    return s;
}

/* -- what is kept ----------------------------------------------------------------------------------------------------------- */

struct uses {
    struct lower *l;
    const struct dsl_row_depths *depths;
    int32_t own; /* whose condition; -1: an item */
    bool *kept;
};

static void note_use(const struct expr *e, void *arg) {
    struct uses *u = arg;
    struct plan_recognize *r = u->l->out;
    if ((e->kind != EXPR_COL && e->kind != EXPR_NAV) || e->index >= u->l->in->schema->n_cols)
        return;
    u->kept[e->index] = true;
    if (e->kind == EXPR_COL)
        return;
    uint64_t of = u->l->mr.vars[e->var].of;
    if (u->own >= 0 && of >> u->own & 1 && e->from_last && e->n == 0)
        of = UINT64_C(1) << u->own; /* of the row under test */
    int64_t depth = INT32_MAX;
    for (uint32_t v = 0; v < u->l->mr.n_primary; v++)
        if (of >> v & 1 && u->depths->of[v] < depth)
            depth = u->depths->of[v];
    if (-(int64_t)e->shift - depth > r->back)
        r->back = (uint32_t)(-(int64_t)e->shift - depth);
    if (e->shift > 0 && (uint32_t)e->shift > r->ahead)
        r->ahead = (uint32_t)e->shift;
}

static void lower_kept(struct lower *l, const struct evt_schema *schema) {
    struct plan_recognize *r = l->out;
    uint32_t n_in = l->in->schema->n_cols, n = 0;
    struct dsl_row_depths d;
    dsl_row_depths_of(r->root, &d);
    struct uses u = { l, &d, -1, BASE_ARENA_ARRAY(&l->c->tmp, bool, n_in + (size_t)1) };
    for (uint32_t i = 0; i < n_in; i++)
        u.kept[i] = false;
    for (uint32_t i = 0; i < schema->n_cols; i++)
        expr_walk(r->items[i], note_use, &u);
    for (uint32_t v = 0; v < r->n_primary; v++) {
        u.own = (int32_t)v;
        if (r->vars[v].cond && !expr_is_event_only(r->vars[v].cond))
            expr_walk(r->vars[v].cond, note_use, &u);
    }
    uint32_t *cols = BASE_ARENA_ARRAY(l->c->a, uint32_t, n_in + (size_t)1);
    for (uint32_t i = 0; i < n_in; i++)
        if (u.kept[i])
            cols[n++] = i;
    r->cols = cols;
    r->n_cols = n;
}

static const struct expr *const *keep_aggs(struct lower *l, const struct dsl_mraggs *a) {
    const struct expr **list = BASE_ARENA_ARRAY(l->c->a, const struct expr *, a->n + 1);
    for (size_t i = 0; i < a->n; i++)
        list[i] = a->list[i];
    return list;
}

/* -- the whole ---------------------------------------------------------------------------------------------------------------- */

static void lower_all(struct lower *l, struct dsl_rows *out, struct dsl_sym *sym) {
    struct dsl_sem *c = l->c;
    struct plan_recognize *r = l->out;
    lower_keys(l);
    lower_order(l);
    lower_vars(l);
    lower_pattern(l);
    for (size_t i = 0; i < l->st->n_defines; i++)
        lower_define(l, &l->st->defines[i]);
    lower_skip(l);
    if (l->st->within)
        l->ok &= dsl_duration_of(c, l->st->within, "\"within\"", false, &r->within_us);
    const struct evt_schema *schema = lower_items(l);
    r->vars = final_vars(l);
    r->n_vars = l->mr.n_vars;
    r->n_primary = l->mr.n_primary;
    r->numbered = l->mr.numbered;
    r->aggs = keep_aggs(l, &l->mr.aggs);
    r->n_aggs = (uint32_t)l->mr.aggs.n;
    r->item_aggs = keep_aggs(l, &l->mr.item_aggs);
    r->n_item_aggs = (uint32_t)l->mr.item_aggs.n;
    out->schema = schema;
    if (!l->ok)
        return;
    lower_kept(l, schema);
    warn(l);
    struct plan_node *node = dsl_add_hidden_node(c, sym, PLAN_NODE_RECOGNIZE);
    node->schema = schema;
    node->recognize = *r;
    out->node = node;
}

bool dsl_lower_recognize(struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_from *f,
    const struct dsl_rows *in, struct dsl_rows *out) {
    struct plan_recognize r = { .input = dsl_rows_ref(in), .all_rows = f->match.mr->all_rows };
    struct lower l = { .c = c, .from = f, .st = f->match.mr, .in = in, .out = &r, .ok = true };
    *out = (struct dsl_rows){ .name = f->alias.text.len ? f->alias.text : BASE_STR("(match_recognize)"),
        .open = true };
    if (in->open || !in->schema)
        return false; /* what is missing was told */
    if (!dsl_changes_refused(c, in, f->match.input->span, "\"match_recognize\""))
        return false;
    if (!l.st->pattern) {
        dsl_diag_error(c->diag, f->span, CEP_EINVAL, "\"match_recognize\" needs a \"pattern\"");
        return false;
    }
    l.scope = (struct dsl_scope){ .kind = DSL_SCOPE_ROW,
        .word = "stream",
        .own = -1,
        .input = -1,
        .agg_var = -1,
        .key_col = -1,
        .schema = in->schema,
        .name = in->name,
        .alias = f->match.input->alias.text };
    l.mr.in = in;
    lower_all(&l, out, sym);
    out->open = !l.ok;
    return l.ok;
}
