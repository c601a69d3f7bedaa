/*
 * dsl_lower_from -- what a select reads: a stream, a select in parentheses, a join of several.
 *
 * A join is a node for each step; the last one is the statement's own when nothing else (groups, a union) stands between. Names are
 * looked up in dsl_join_name.c. `on` and `where` are taken apart at their `and`s:
 *
 *     a.k = b.k          one side of it is of the left input, the other of the right one: a key; rows are distributed by it
 *     a.x > 3            of one input: its rows are chosen before they are joined, where that changes nothing
 *     a.x < b.y          the rest: asked of each pair
 */
#include "dsl/dsl_sem.h"

#include "base/base_mem.h"

struct base_str dsl_hidden_name(struct dsl_sem *c, struct dsl_sym *sym) {
    return base_str_of(base_arena_printf(c->a, sym->name.p && sym->name.p[0] == '$' ? "%.*s.%u" : "$%.*s.%u",
        BASE_STR_FMT(sym->name), ++sym->n_hidden));
}

struct plan_node *dsl_add_hidden_node(struct dsl_sem *c, struct dsl_sym *sym, enum plan_node_kind kind) {
    uint32_t own = sym->node;
    struct plan_node *n = dsl_add_node(c, sym, kind);
    n->name = dsl_hidden_name(c, sym);
    sym->node = own;
    return n;
}

/* -- one input -------------------------------------------------------------------------------------------------------- */

void dsl_lower_inner(
    struct dsl_sem *c, struct dsl_sym *sym, struct dsl_query *q, struct cep_span span, struct dsl_rows *out) {
    struct dsl_stmt *stmt = BASE_ARENA_NEW(&c->tmp, struct dsl_stmt);
    struct dsl_sym *inner = BASE_ARENA_NEW(&c->tmp, struct dsl_sym);
    *stmt = (struct dsl_stmt){ .kind = DSL_STMT_SELECT, .span = span, .select = q };
    *inner = (struct dsl_sym){ .kind = DSL_SYM_SELECT,
        .name = dsl_hidden_name(c, sym),
        .stmt = stmt,
        .read = true,
        .within = dsl_sym_statement(sym) };
    stmt->name = (struct dsl_name){ .text = inner->name, .span = span };
    dsl_lower_select(c, inner);
    sym->bad |= inner->bad;
    *out = (struct dsl_rows){ .sym = inner,
        .schema = inner->schema,
        .open = inner->open || !inner->schema,
        .name = BASE_STR("(select)") };
}

/* `(select ...) as t`: a statement without a name of its own. */
static bool find_query(
    struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_from *f, struct dsl_rows *out) {
    dsl_lower_inner(c, sym, f->query, f->span, out);
    if (f->alias.text.len)
        out->name = f->alias.text;
    return true;
}

/* What descriptor(...) of a table function said. */
static bool time_ok(struct dsl_sem *c, const struct dsl_from *f, const struct dsl_rows *in) {
    if (!dsl_name_given(&f->time) || in->open || !in->schema)
        return true;
    int col = evt_schema_find(in->schema, f->time.text);
    if (col < 0) {
        struct dsl_nearest near;
        dsl_near(c, &near, f->time.text);
        for (uint32_t k = 0; k < in->schema->n_visible; k++)
            dsl_nearest_try(&near, in->schema->cols[k].name);
        dsl_diag_error(c->diag, f->time.span, CEP_ENAME, "unknown column \"%.*s\" of stream \"%.*s\"",
            BASE_STR_FMT(f->time.text), BASE_STR_FMT(in->name));
        dsl_nearest_note(c->diag, &near);
        return false;
    }
    if (in->schema->cols[col].type->kind == EVT_TIMESTAMP &&
        dsl_may_be_time(c, dsl_rows_ref(in), (uint32_t)col))
        return true;
    dsl_diag_error(c->diag, f->time.span, CEP_EINVAL,
        "windows are of event time, and \"%.*s\" is not that of \"%.*s\"", BASE_STR_FMT(f->time.text),
        BASE_STR_FMT(in->name));
    return false;
}

bool dsl_from_rename(struct dsl_sem *c, const struct dsl_from *f, struct dsl_rows *in) {
    if (f->n_columns == 0 || in->open || !in->schema)
        return true;
    if (f->n_columns != in->schema->n_visible) {
        dsl_diag_error(c->diag, f->columns[0].span, CEP_EINVAL, "\"%.*s\" has %u columns, not %zu",
            BASE_STR_FMT(in->name), in->schema->n_visible, f->n_columns);
        in->open = true;
        return false;
    }
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, in->schema->n_cols);
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    for (uint32_t i = 0; i < in->schema->n_cols; i++) {
        cols[i] = in->schema->cols[i];
        if (i < f->n_columns)
            cols[i].name = dsl_keep(c, f->columns[i].text);
    }
    *s = (struct evt_schema){ in->schema->n_cols, in->schema->n_visible, cols };
    in->schema = s;
    return true;
}

static bool is_table(const struct dsl_rows *in) {
    return in->sym && in->sym->stmt->kind == DSL_STMT_TABLE && in->port == PLAN_PORT_MAIN;
}

/* `joined`: as the right side of a join, where a table is looked up. */
static bool table_word_ok(
    struct dsl_sem *c, const struct dsl_from *f, const struct dsl_rows *in, bool joined) {
    if (f->table && !is_table(in)) {
        dsl_diag_error(c->diag, f->span, CEP_EINVAL, "\"%.*s\" is no table", BASE_STR_FMT(in->name));
        dsl_diag_note(c->diag, "a table is made by: table NAME as select ... group by KEY");
        return false;
    }
    if (f->table && !joined) {
        dsl_diag_error(c->diag, f->span, CEP_EINVAL,
            "a table is looked up by a join: from STREAM join table %.*s on ...", BASE_STR_FMT(in->name));
        dsl_diag_note(c->diag, "without the word \"table\" its updates are read as a stream");
        return false;
    }
    if (joined && !f->table && is_table(in)) {
        dsl_diag_error(c->diag, f->span, CEP_EINVAL, "\"%.*s\" is a table: write join table %.*s",
            BASE_STR_FMT(in->name), BASE_STR_FMT(in->name));
        return false;
    }
    return true;
}

static bool find_input(
    struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_from *f, bool joined, struct dsl_rows *in) {
    if (f->kind == DSL_FROM_MATCH_RECOGNIZE) {
        struct dsl_rows of;
        return find_input(c, sym, f->match.input, false, &of) && dsl_lower_recognize(c, sym, f, &of, in) &&
               dsl_from_rename(c, f, in);
    }
    bool found = f->kind == DSL_FROM_QUERY ? find_query(c, sym, f, in)
                                           : dsl_rows_find(c, &f->path, DSL_USE_READ, in);
    if (!found) {
        *in = (struct dsl_rows){ .open = true, .name = dsl_path_str(&f->path, &c->tmp) };
        return false;
    }
    if (in->sym == sym)
        return false; /* reported as a cycle */
    return table_word_ok(c, f, in, joined) && time_ok(c, f, in) && dsl_from_rename(c, f, in);
}

/* -- steps ------------------------------------------------------------------------------------------------------------ */

bool dsl_from_joins(const struct dsl_select *sel) {
    return sel->n_from > 1 || (sel->n_from == 1 && sel->from[0]->kind == DSL_FROM_JOIN);
}

static void mark_sides(const struct expr *e, void *arg) {
    uint32_t *seen = ((void **)arg)[0];
    const struct dsl_join_step *st = ((void **)arg)[1];
    if (e->kind == EXPR_COL)
        *seen |= 1u << st->cols[e->index].of;
}

/* Bits of the sides whose columns it reads. */
static uint32_t sides_of(const struct expr *e, const struct dsl_join_step *st) {
    uint32_t seen = 0;
    void *arg[2] = { &seen, (void *)(uintptr_t)st };
    expr_walk(e, mark_sides, arg);
    return seen;
}

const struct expr *dsl_join_over_input(
    struct dsl_sem *c, const struct expr *e, const struct dsl_join_step *st) {
    if (e->kind == EXPR_COL)
        return expr_col(c->a, st->cols[e->index].col, e->type, e->span);
    if (e->n_args == 0)
        return e;
    struct expr *copy = BASE_ARENA_NEW(c->a, struct expr);
    const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, e->n_args);
    *copy = *e;
    for (uint32_t i = 0; i < e->n_args; i++)
        args[i] = dsl_join_over_input(c, e->args[i], st);
    copy->args = args;
    return copy;
}

static const struct expr *both_of(struct dsl_sem *c, const struct expr *a, const struct expr *b) {
    if (!a || !b)
        return a ? a : b;
    const struct expr *args[2] = { a, b };
    return dsl_node(c, EXPR_AND, false, args, 2, b->span);
}

static bool is_scalar(const struct evt_type *t) {
    return t->kind != EVT_ARRAY && t->kind != EVT_ROW && t->kind != EVT_NULL;
}

static bool is_equality(const struct expr *e) {
    return e->kind == EXPR_CALL && base_str_eq(base_str_of(e->func->name), BASE_STR("=")) && e->n_args == 2 &&
           evt_type_eq(e->args[0]->type, e->args[1]->type) && is_scalar(e->args[0]->type);
}

/* Of a table rows are found by its key and by nothing else. */
static bool is_table_key(const struct dsl_rows *table, const struct expr *e, const struct dsl_join_step *st) {
    for (uint32_t i = 0; e->kind == EXPR_COL && i < table->sym->n_keys; i++)
        if (table->sym->keys[i] == st->cols[e->index].col)
            return true;
    return false;
}

struct split {
    struct dsl_sem *c;
    struct dsl_scope *s;
    struct dsl_join_step *st;
    const struct dsl_rows *right;
    const struct expr **keys[2];
    size_t n_keys, cap_keys[2];
    bool where; /* else on */
    const struct expr *rest;
    bool ok;
};

static bool add_key(struct split *sp, const struct expr *e) {
    if (sp->where || !is_equality(e))
        return false;
    uint32_t a = sides_of(e->args[0], sp->st), b = sides_of(e->args[1], sp->st);
    bool straight = a == 1u << PLAN_PAIR_LEFT && b == 1u << PLAN_PAIR_RIGHT;
    if (!straight && !(a == 1u << PLAN_PAIR_RIGHT && b == 1u << PLAN_PAIR_LEFT))
        return false;
    const struct expr *left = e->args[straight ? 0 : 1], *right = e->args[straight ? 1 : 0];
    if (sp->st->node->join.kind == PLAN_JOIN_TABLE && !is_table_key(sp->right, right, sp->st))
        return false;
    for (uint32_t s = 0; s < 2; s++) {
        sp->keys[s] = base_arena_grow(
            sp->c->a, sp->keys[s], sp->n_keys, &sp->cap_keys[s], sizeof(struct expr *));
        sp->keys[s][sp->n_keys] = dsl_join_over_input(sp->c, s == 0 ? left : right, sp->st);
    }
    sp->n_keys++;
    return true;
}

/*
 * Rows of a side may be chosen beforehand when those left out could give nothing: by `on` when they do not come out alone, by
 * `where` when no row of the other side comes out alone for want of them. A table's version is not replaced by an older one.
 */
static bool add_side(struct split *sp, const struct expr *e) {
    struct plan_join *j = &sp->st->node->join;
    uint32_t seen = sides_of(e, sp->st);
    for (uint32_t s = 0; s < 2; s++) {
        if (seen != 1u << s || (s == 1 && j->kind == PLAN_JOIN_TABLE) ||
            j->sides[sp->where ? 1 - s : s].outer)
            continue;
        j->sides[s].where = both_of(sp->c, j->sides[s].where, dsl_join_over_input(sp->c, e, sp->st));
        return true;
    }
    return false;
}

static void split_cond(struct split *sp, const struct dsl_expr *e) {
    if (e->kind == DSL_EXPR_AND) {
        for (size_t i = 0; i < e->logic.n_args; i++)
            split_cond(sp, e->logic.args[i]);
        return;
    }
    size_t n_cols = sp->st->n_cols;
    const struct expr *x = dsl_check_cond(
        sp->c, sp->s, e, sp->where ? "the condition of \"where\"" : "the condition of \"on\"");
    sp->ok &= x != NULL;
    if (!x)
        return;
    if (x->kind == EXPR_CONST && !x->val.null && x->val.b)
        return;
    if (add_key(sp, x) || add_side(sp, x))
        sp->st->n_cols = n_cols; /* pairs need not have what only that names */
    else
        sp->rest = both_of(sp->c, sp->rest, x);
}

/* `using (k)`: equal columns of both sides. */
static void split_using(struct split *sp, const struct dsl_name *name) {
    struct dsl_sem *c = sp->c;
    struct dsl_scope left = *sp->s;
    size_t n_cols = sp->st->n_cols;
    left.in_on = false;
    left.left_only = true;
    const struct expr *args[2] = { dsl_join_column(c, &left, name), NULL };
    if (!args[0] && !dsl_join_ambiguous(c, &left, name))
        dsl_join_unknown(c, &left, name);
    args[1] = dsl_join_field(c, sp->s, (int)sp->s->step + 1, name);
    const struct expr *x = dsl_compare(c, "=", args[0], args[1], name->span);
    sp->ok &= x != NULL;
    if (x && add_key(sp, x))
        sp->st->n_cols = n_cols;
    else if (x)
        sp->rest = both_of(c, sp->rest, x);
}

static bool bounds_of(struct dsl_sem *c, const struct dsl_from *f, struct plan_join *j) {
    const struct dsl_window *w = f->window;
    if (f->join.right->table) {
        j->kind = PLAN_JOIN_TABLE;
        if (!f->join.within && !w)
            return true;
        dsl_diag_error(c->diag, w ? w->span : f->join.within->span, CEP_EINVAL,
            "a table is looked up as it was at the event's time: there is nothing to bound");
        return false;
    }
    if (w) {
        j->kind = PLAN_JOIN_WINDOW;
        if (w->kind == DSL_WINDOW_SESSION) {
            j->kind = PLAN_JOIN_SESSION;
            return dsl_duration_of(c, w->size, "the gap of the session", false, &j->size_us);
        }
        if (w->kind != DSL_WINDOW_TUMBLING && w->kind != DSL_WINDOW_SLIDING) {
            dsl_diag_error(
                c->diag, w->span, CEP_EINVAL, "a join has a tumbling, a sliding or a session window");
            dsl_diag_note(c->diag, "\"within D\" joins rows that are at most D apart");
            return false;
        }
        return dsl_window_bounds(c, w, &j->size_us, &j->slide_us, &j->offset_us);
    }
    j->kind = PLAN_JOIN_INTERVAL;
    j->within_us = INT64_MAX;
    return !f->join.within || dsl_duration_of(c, f->join.within, "\"within\"", true, &j->within_us);
}

static void warn_for_ever(struct dsl_sem *c, const struct dsl_from *f, const struct plan_join *j) {
    if (j->kind != PLAN_JOIN_INTERVAL || j->within_us != INT64_MAX)
        return;
    dsl_diag_warning(c->diag, f->join.right->span,
        "the join has no bound in time: it keeps every row of both sides, for ever");
    if (j->sides[0].outer || j->sides[1].outer)
        dsl_diag_note(c->diag,
            "add \"within D\" or a window; rows without a partner come at the end of the input only");
    else
        dsl_diag_note(c->diag, "add \"within D\" behind the condition, or a window");
}

static bool sides_ok(struct dsl_sem *c, const struct dsl_from *f, const struct plan_join *j) {
    if (j->kind == PLAN_JOIN_TABLE && j->sides[1].outer) {
        dsl_diag_error(
            c->diag, f->span, CEP_EINVAL, "a table is looked up by events: they join it, or left join it");
        return false;
    }
    if (!f->join.on && f->join.n_using == 0 && f->join.kind != DSL_SQLJOIN_CROSS) {
        dsl_diag_error(c->diag, f->join.right->span, CEP_EINVAL, "a join needs \"on\" or \"using\"");
        dsl_diag_note(c->diag, "\"cross join\" needs none");
        return false;
    }
    return true;
}

static bool table_keys_ok(struct dsl_sem *c, const struct dsl_from *f, const struct split *sp) {
    const struct dsl_rows *t = sp->right;
    for (uint32_t i = 0; i < t->sym->n_keys; i++) {
        bool found = false;
        for (size_t k = 0; k < sp->n_keys; k++)
            found |= sp->keys[1][k]->index == t->sym->keys[i];
        if (found)
            continue;
        struct base_str key = t->schema->cols[t->sym->keys[i]].name,
                        of = sp->s->joins->inputs[sp->s->step + 1].alias;
        of = of.len ? of : t->name;
        dsl_diag_error(c->diag, f->join.on ? f->join.on->span : f->span, CEP_EINVAL,
            "the table \"%.*s\" is looked up by its key, and this does not say what \"%.*s\" is equal to",
            BASE_STR_FMT(t->name), BASE_STR_FMT(key));
        dsl_diag_note(c->diag, "add: %.*s.%.*s = ...", BASE_STR_FMT(of), BASE_STR_FMT(key));
        return false;
    }
    return true;
}

static bool lower_step(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_from *f, bool known) {
    struct dsl_join_step *st = &s->joins->steps[s->step];
    struct plan_join *j = &st->node->join;
    enum dsl_join_kind kind = f->join.kind;
    j->sides[0].outer = kind == DSL_SQLJOIN_LEFT || kind == DSL_SQLJOIN_FULL;
    j->sides[1].outer = kind == DSL_SQLJOIN_RIGHT || kind == DSL_SQLJOIN_FULL;
    bool ok = bounds_of(c, f, j) && sides_ok(c, f, j);
    st->windowed = j->kind == PLAN_JOIN_WINDOW || j->kind == PLAN_JOIN_SESSION;
    struct split sp = { .c = c, .s = s, .st = st, .right = &s->joins->inputs[s->step + 1].rows, .ok = true };
    s->in_on = true;
    if (f->join.on && (j->kind != PLAN_JOIN_TABLE || sp.right->sym))
        split_cond(&sp, f->join.on);
    for (size_t i = 0; i < f->join.n_using; i++)
        split_using(&sp, &f->join.using_[i]);
    s->in_on = false;
    j->n_keys = (uint32_t)sp.n_keys;
    j->sides[0].keys = sp.keys[0];
    j->sides[1].keys = sp.keys[1];
    j->on = sp.rest;
    if (ok && sp.ok && known && j->kind == PLAN_JOIN_TABLE)
        ok = table_keys_ok(c, f, &sp);
    if (ok && sp.ok && known)
        warn_for_ever(c, f, j);
    return ok && sp.ok;
}

/* -- the scope of a select ----------------------------------------------------------------------------------------------- */

static bool name_twice(struct dsl_sem *c, const struct dsl_joins *j, size_t i, const struct dsl_from *f) {
    struct base_str name = j->inputs[i].alias.len ? j->inputs[i].alias : j->inputs[i].rows.name;
    for (size_t k = 0; k < i; k++) {
        struct base_str other = j->inputs[k].alias.len ? j->inputs[k].alias : j->inputs[k].rows.name;
        if (!base_str_eq(name, other))
            continue;
        dsl_diag_error(
            c->diag, f->span, CEP_ENAME, "two inputs of the join are called \"%.*s\"", BASE_STR_FMT(name));
        dsl_diag_note(c->diag, "give one another name: %.*s as other", BASE_STR_FMT(name));
        return true;
    }
    return false;
}

/* `from s, unnest(xs) as t (x)` is a cross join. */
static const struct dsl_from *one_from(struct dsl_sem *c, const struct dsl_select *sel) {
    struct dsl_from *left = sel->from[0];
    for (size_t i = 1; i < sel->n_from; i++) {
        struct dsl_from *f = BASE_ARENA_NEW(&c->tmp, struct dsl_from);
        *f = (struct dsl_from){ .kind = DSL_FROM_JOIN, .depth = left->depth + 1, .span = sel->from[i]->span };
        f->join.kind = DSL_SQLJOIN_CROSS;
        f->join.left = left;
        f->join.right = sel->from[i];
        left = f;
    }
    return left;
}

static void add_step_node(struct dsl_sem *c, struct dsl_sym *sym, struct dsl_join_step *st, bool own) {
    bool unnest = dsl_is_unnest(st->from->join.right);
    enum plan_node_kind kind = unnest ? PLAN_NODE_SELECT : PLAN_NODE_JOIN;
    st->node = own ? dsl_add_node(c, sym, kind) : dsl_add_hidden_node(c, sym, kind);
    if (unnest)
        st->unnest = BASE_ARENA_NEW(c->a, struct plan_unnest);
}

static bool lower_input(
    struct dsl_sem *c, struct dsl_sym *sym, struct dsl_scope *s, const struct dsl_from *in, size_t i) {
    struct dsl_joins *j = s->joins;
    j->inputs[i].alias = in->alias.text;
    bool known = find_input(c, sym, in, i > 0, &j->inputs[i].rows) && !name_twice(c, j, i, in);
    known = known && dsl_changes_refused(c, &j->inputs[i].rows, in->span, "a join");
    if (known && in->window) {
        dsl_diag_error(c->diag, in->window->span, CEP_EINVAL, "a join's window stands behind its condition");
        known = false;
    }
    return known;
}

/* Inputs from left to right; each join's `on` sees those up to its own. */
static bool lower_joins(
    struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_from *top, bool fused, struct dsl_scope *s) {
    size_t n = 0;
    for (const struct dsl_from *f = top; f->kind == DSL_FROM_JOIN; f = f->join.left)
        n++;
    struct dsl_joins *j = s->joins = BASE_ARENA_NEW(&c->tmp, struct dsl_joins);
    *j = (struct dsl_joins){ .inputs = BASE_ARENA_ARRAY(&c->tmp, struct dsl_input, n + 1),
        .steps = BASE_ARENA_ARRAY(&c->tmp, struct dsl_join_step, n),
        .n_steps = n };
    const struct dsl_from *f = top;
    for (size_t k = n; k-- > 0; f = f->join.left)
        j->steps[k].from = f;
    struct base_buf name = BASE_BUF_INIT;
    bool ok = true;
    for (size_t i = 0; i <= n; i++) {
        struct dsl_join_step *st = i > 0 ? &j->steps[i - 1] : NULL;
        bool unnest = st && dsl_is_unnest(st->from->join.right);
        s->step = i > 0 ? (uint32_t)i - 1 : 0;
        if (!unnest)
            ok &= lower_input(c, sym, s, i == 0 ? f : st->from->join.right, i);
        if (st)
            add_step_node(c, sym, st, fused && i == n);
        if (unnest) {
            ok &= dsl_lower_unnest(c, s, st->from, &j->inputs[i].rows);
            j->inputs[i].alias = st->from->join.right->alias.text;
        } else if (st) {
            ok &= lower_step(c, s, st->from, ok);
        }
        s->open |= j->inputs[i].rows.open;
        base_buf_puts(&name, i ? ", " : "");
        base_buf_str(&name, j->inputs[i].rows.name);
        s->name = base_str_of(base_arena_printf(&c->tmp, "%s", base_buf_cstr(&name)));
    }
    base_buf_release(&name);
    return ok;
}

bool dsl_select_scope(struct dsl_sem *c, struct dsl_sym *sym, const struct dsl_select *sel, bool fused,
    struct dsl_rows *in, struct dsl_scope *out) {
    *out = (struct dsl_scope){
        .kind = DSL_SCOPE_ROW, .word = "stream", .own = -1, .input = -1, .agg_var = -1, .key_col = -1
    };
    if (!dsl_from_joins(sel)) {
        bool found = find_input(c, sym, sel->from[0], false, in);
        out->schema = in->schema;
        out->open = in->open;
        out->name = in->name;
        out->alias = sel->from[0]->alias.text;
        return found;
    }
    out->word = "streams";
    bool ok = lower_joins(c, sym, one_from(c, sel), fused, out);
    const struct dsl_joins *j = out->joins;
    *in = (struct dsl_rows){ .open = out->open, .name = out->name, .node = j->steps[j->n_steps - 1].node };
    in->schema = dsl_scope_schema(c, out);
    return ok;
}

const struct evt_schema *dsl_scope_schema(struct dsl_sem *c, const struct dsl_scope *s) {
    if (!s->joins)
        return s->schema;
    const struct dsl_join_step *st = &s->joins->steps[s->step];
    struct evt_schema *out = BASE_ARENA_NEW(c->a, struct evt_schema);
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, st->n_cols + 1);
    for (size_t i = 0; i < st->n_cols; i++)
        cols[i] = st->shown[i];
    *out = (struct evt_schema){ (uint32_t)st->n_cols, (uint32_t)st->n_cols, cols };
    return out;
}

static struct plan_ref left_of(const struct dsl_joins *j, uint32_t step) {
    return step == 0 ? dsl_rows_ref(&j->inputs[0].rows)
                     : (struct plan_ref){ j->steps[step - 1].node->index, PLAN_PORT_MAIN };
}

/* Between two steps its rows are the pairs as they are. */
static void close_unnest(
    struct dsl_sem *c, const struct dsl_joins *j, uint32_t step, const struct evt_schema *pairs) {
    const struct dsl_join_step *st = &j->steps[step];
    struct plan_select_branch *b = BASE_ARENA_NEW(c->a, struct plan_select_branch);
    const struct expr **items = BASE_ARENA_ARRAY(c->a, const struct expr *, pairs->n_cols + (size_t)1);
    for (uint32_t i = 0; i < pairs->n_cols; i++)
        items[i] = expr_col(c->a, i, pairs->cols[i].type, st->node->span);
    st->unnest->n_cols = pairs->n_cols;
    st->unnest->cols = st->cols;
    st->unnest->pairs = pairs;
    *b = (struct plan_select_branch){ .input = left_of(j, step), .unnest = st->unnest, .items = items };
    st->node->select.n_branches = 1;
    st->node->select.branches = b;
}

void dsl_scope_close(struct dsl_sem *c, const struct dsl_scope *s, struct dsl_rows *in) {
    for (uint32_t k = 0; s->joins && k < s->joins->n_steps; k++) {
        struct dsl_join_step *st = &s->joins->steps[k];
        struct dsl_scope at = *s;
        at.step = k;
        if (st->unnest) {
            close_unnest(c, s->joins, k, in->schema = st->node->schema = dsl_scope_schema(c, &at));
            continue;
        }
        struct plan_join *j = &st->node->join;
        j->sides[0].input = left_of(s->joins, k);
        j->sides[1].input = dsl_rows_ref(&s->joins->inputs[k + 1].rows);
        j->n_cols = (uint32_t)st->n_cols;
        j->cols = st->cols;
        in->schema = j->pairs = st->node->schema = dsl_scope_schema(c, &at);
    }
}

const struct expr *dsl_select_where_of(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_select *sel, bool *ok) {
    if (!sel->where)
        return NULL;
    const struct expr *e;
    if (s->joins && !s->joins->steps[s->step].unnest) {
        struct dsl_join_step *st = &s->joins->steps[s->step];
        struct split sp = { .c = c, .s = s, .st = st, .where = true, .ok = true };
        split_cond(&sp, sel->where);
        *ok &= sp.ok;
        e = sp.rest;
    } else {
        e = dsl_check_cond(c, s, sel->where, "the condition of \"where\"");
        *ok &= e != NULL;
    }
    dsl_warn_cond(c, e, dsl_scope_schema(c, s), "the condition of \"where\"");
    return e;
}
