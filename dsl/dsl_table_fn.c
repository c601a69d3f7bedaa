/*
 * dsl_table_fn -- SQL's table functions of windows become what the language says of windows.
 *
 *     select k, count(*) as n from tumble(table s, descriptor(at), 1 min) group by k, window_start
 *                                                                ─▶ from s ... group by k window tumbling 1 min
 *     ... from hop(table a, ...) as l join hop(table b, ...) as r
 *         on l.k = r.k and l.window_start = r.window_start       ─▶ from a as l join b as r on l.k = r.k window sliding ...
 *     anywhere else: rows with the bounds of their windows       ─▶ from (select * from s, each row in its windows) as s
 *
 * The tree of the parser stays as it is: what changes is copied. So the passes behind this one know of windows alone.
 */
#include "dsl/dsl_sem.h"

static const char *const fn_names[] = { "tumble", "hop", "session", "cumulate" };
enum fn { FN_TUMBLE = 0, FN_HOP, FN_SESSION, FN_CUMULATE, FN_MAX };

/* A call, taken apart. */
struct called {
    enum fn fn;
    const struct dsl_expr *data;
    struct dsl_name time;
    struct dsl_expr *size, *slide, *offset;
};

static bool fn_of(const struct dsl_from *f, enum fn *out) {
    if (f->kind != DSL_FROM_FUNCTION || f->call->kind != DSL_EXPR_CALL)
        return false;
    for (int i = 0; i < FN_MAX; i++)
        if (base_str_ieq(f->call->call.name.text, base_str_of(fn_names[i]))) {
            *out = (enum fn)i;
            return true;
        }
    return false;
}

/* -- arguments -------------------------------------------------------------------------------------------------------- */

static bool usage(struct dsl_sem *c, struct cep_span span, const struct called *f, const char *what) {
    static const char *const usages[FN_MAX] = { "tumble(table STREAM, descriptor(TIME), SIZE [, OFFSET])",
        "hop(table STREAM, descriptor(TIME), EVERY, SIZE [, OFFSET])",
        "session(table STREAM [partition by KEY, ...], descriptor(TIME), GAP)", "" };
    dsl_diag_error(c->diag, span, CEP_EINVAL, "%s \"%s\"", what, fn_names[f->fn]);
    dsl_diag_note(c->diag, "it is %s", usages[f->fn]);
    return false;
}

static bool is_descriptor(const struct dsl_expr *e) {
    return e->kind == DSL_EXPR_CALL && base_str_ieq(e->call.name.text, BASE_STR("descriptor"));
}

static bool take_descriptor(struct dsl_sem *c, const struct dsl_expr *e, struct called *out) {
    if (!is_descriptor(e) || e->call.n_args != 1 || e->call.args[0]->kind != DSL_EXPR_NAME)
        return usage(c, e->span, out, "descriptor(COLUMN) names the event time of");
    out->time = e->call.args[0]->name;
    return true;
}

static bool take_named(struct dsl_sem *c, struct dsl_expr *e, struct called *out) {
    struct base_str label = e->named.label.text;
    struct dsl_expr *value = e->named.value;
    if (base_str_ieq(label, BASE_STR("data"))) {
        out->data = value;
        return true;
    }
    if (base_str_ieq(label, BASE_STR("timecol")))
        return take_descriptor(c, value, out);
    struct dsl_expr **to = NULL;
    if (base_str_ieq(label, out->fn == FN_SESSION ? BASE_STR("gap") : BASE_STR("size")))
        to = &out->size;
    else if (out->fn == FN_HOP && base_str_ieq(label, BASE_STR("slide")))
        to = &out->slide;
    else if (out->fn != FN_SESSION && base_str_ieq(label, BASE_STR("offset")))
        to = &out->offset;
    if (!to)
        return usage(c, e->span, out, "there is no such argument of");
    *to = value;
    return true;
}

static bool take_args(struct dsl_sem *c, const struct dsl_from *from, struct called *out) {
    const struct dsl_expr *call = from->call;
    struct dsl_expr **durations[3] = { &out->size, &out->offset, NULL };
    size_t n = 0, n_max = out->fn == FN_SESSION ? 1 : 2;
    if (out->fn == FN_HOP) {
        durations[0] = &out->slide;
        durations[1] = &out->size;
        durations[2] = &out->offset;
        n_max = 3;
    }
    for (size_t i = 0; i < call->call.n_args; i++) {
        struct dsl_expr *e = call->call.args[i];
        bool ok = true;
        if (e->kind == DSL_EXPR_NAMED_ARG)
            ok = take_named(c, e, out);
        else if (i == 0)
            out->data = e;
        else if (is_descriptor(e))
            ok = take_descriptor(c, e, out);
        else if (n == n_max)
            ok = usage(c, e->span, out, "there are too many arguments of");
        else
            *durations[n++] = e;
        if (!ok)
            return false;
    }
    if (!out->data || out->data->kind != DSL_EXPR_TABLE_ARG)
        return usage(
            c, out->data ? out->data->span : call->span, out, "\"table STREAM\" is the first argument of");
    if (!out->size || (out->fn == FN_HOP && !out->slide))
        return usage(c, call->span, out, "there are too few arguments of");
    if (out->data->table.n_by > 0 && out->fn != FN_SESSION)
        return usage(c, out->data->span, out, "\"partition by\" is no part of");
    return true;
}

static struct dsl_window *window_of(struct dsl_sem *c, const struct called *f, struct cep_span span) {
    static const enum dsl_window_kind kinds[FN_MAX] = { DSL_WINDOW_TUMBLING, DSL_WINDOW_SLIDING,
        DSL_WINDOW_SESSION, DSL_WINDOW_TUMBLING };
    struct dsl_window *w = BASE_ARENA_NEW(&c->tmp, struct dsl_window);
    *w = (struct dsl_window){ kinds[f->fn], f->size, f->slide, f->offset, span };
    return w;
}

/* -- from ------------------------------------------------------------------------------------------------------------- */

static struct dsl_from *copy_of(struct dsl_sem *c, const struct dsl_from *f) {
    struct dsl_from *out = BASE_ARENA_NEW(&c->tmp, struct dsl_from);
    *out = *f;
    return out;
}

/* A mistake was told: nobody looks into it any more. */
static struct dsl_from *told(struct dsl_sem *c, const struct dsl_from *f) {
    struct dsl_from *out = copy_of(c, f);
    out->told = true;
    return out;
}

/* Requires: f is a call of a window's function. Returns: false when a mistake was told. */
static bool take_apart(struct dsl_sem *c, const struct dsl_from *f, struct called *out) {
    *out = (struct called){ .fn = FN_MAX };
    (void)fn_of(f, &out->fn);
    if (out->fn == FN_CUMULATE) {
        dsl_unsupported(c, f->span, fn_names[FN_CUMULATE]);
        dsl_diag_note(
            c->diag, "tumbling windows give what there is so far: window tumbling SIZE emit every STEP");
        return false;
    }
    return take_args(c, f, out);
}

/* The stream that it reads, by the call's alias. */
static struct dsl_from *stream_of(struct dsl_sem *c, const struct dsl_from *f, const struct called *call) {
    struct dsl_from *out = copy_of(c, f);
    out->kind = DSL_FROM_NAME;
    out->path = call->data->table.path;
    out->time = call->time;
    out->window = NULL;
    return out;
}

/* from (select * from STREAM, each row in its windows) as ALIAS */
static struct dsl_from *rows_in_windows(
    struct dsl_sem *c, const struct dsl_from *f, const struct called *call) {
    struct dsl_from *left = stream_of(c, f, call), *right = copy_of(c, f), *join = copy_of(c, f),
                    *out = copy_of(c, f);
    if (call->fn == FN_SESSION) {
        dsl_diag_error(c->diag, f->span, CEP_EINVAL,
            "the bounds of a session are known when it is over: its rows are grouped");
        dsl_diag_note(c->diag, "add \"group by\", or join streams by: window session gap D");
        return told(c, f);
    }
    struct dsl_select *s = BASE_ARENA_NEW(&c->tmp, struct dsl_select),
                      **one = BASE_ARENA_NEW(&c->tmp, struct dsl_select *);
    struct dsl_query *q = BASE_ARENA_NEW(&c->tmp, struct dsl_query);
    struct dsl_expr *star = BASE_ARENA_NEW(&c->tmp, struct dsl_expr);
    struct dsl_from **froms = BASE_ARENA_NEW(&c->tmp, struct dsl_from *);
    left->alias = (struct dsl_name){ 0 };
    left->n_columns = 0;
    right->alias = (struct dsl_name){ .text = BASE_STR("$windows"), .span = f->span };
    right->n_columns = 0;
    right->window = NULL;
    right->row_windows = window_of(c, call, f->span);
    join->kind = DSL_FROM_JOIN;
    join->alias = (struct dsl_name){ 0 };
    join->n_columns = 0;
    join->window = NULL;
    memset(&join->join, 0, sizeof join->join);
    join->join.kind = DSL_SQLJOIN_CROSS;
    join->join.left = left;
    join->join.right = right;
    froms[0] = join;
    *star = (struct dsl_expr){ .kind = DSL_EXPR_STAR, .depth = 1, .span = f->span };
    struct dsl_alias *items = BASE_ARENA_NEW(&c->tmp, struct dsl_alias);
    *items = (struct dsl_alias){ .expr = star, .span = f->span };
    *s = (struct dsl_select){ .span = f->span,
        .depth = 1,
        .items = items,
        .n_items = 1,
        .from = froms,
        .n_from = 1,
        .from_span = f->span };
    one[0] = s;
    *q = (struct dsl_query){ .span = f->span, .selects = one, .n_selects = 1, .depth = 2 };
    out->kind = DSL_FROM_QUERY;
    out->query = q;
    if (!dsl_name_given(&out->alias) && left->path.n_parts == 1)
        out->alias = left->path.parts[0];
    return out;
}

/* -- joins of windows ------------------------------------------------------------------------------------------------- */

static bool same_expr(const struct dsl_expr *a, const struct dsl_expr *b) {
    if (!a || !b)
        return a == b;
    if (a->kind == DSL_EXPR_NAME && b->kind == DSL_EXPR_NAME)
        return base_str_eq(a->name.text, b->name.text);
    return a->kind == DSL_EXPR_LITERAL && b->kind == DSL_EXPR_LITERAL && a->lit.kind == b->lit.kind &&
           a->lit.kind == DSL_LIT_DURATION && a->lit.i == b->lit.i;
}

static bool same_window(const struct called *a, const struct called *b) {
    return a->fn == b->fn && same_expr(a->size, b->size) && same_expr(a->slide, b->slide) &&
           same_expr(a->offset, b->offset);
}

static int bound_of(struct base_str name) {
    return base_str_eq(name, BASE_STR("window_start")) ? 1
           : base_str_eq(name, BASE_STR("window_end")) ? 2
                                                       : 0;
}

/* 1, 2: it says that both sides' window_start, window_end are equal. */
static int equates_bounds(const struct dsl_expr *e) {
    if (e->kind != DSL_EXPR_BINARY || e->binary.op != DSL_BINARY_EQ)
        return 0;
    const struct dsl_expr *l = e->binary.left, *r = e->binary.right;
    if (l->kind != DSL_EXPR_FIELD || r->kind != DSL_EXPR_FIELD || l->field.base->kind != DSL_EXPR_NAME ||
        r->field.base->kind != DSL_EXPR_NAME ||
        base_str_eq(l->field.base->name.text, r->field.base->name.text))
        return 0;
    int bound = bound_of(l->field.name.text);
    return bound && bound == bound_of(r->field.name.text) ? bound : 0;
}

/* `on` without what it says of bounds, NULL when nothing is left; *seen: which it speaks of. */
static struct dsl_expr *without_bounds(struct dsl_sem *c, struct dsl_expr *on, int *seen) {
    *seen |= equates_bounds(on);
    if (equates_bounds(on))
        return NULL;
    if (on->kind != DSL_EXPR_AND)
        return on;
    struct dsl_expr *out = BASE_ARENA_NEW(&c->tmp, struct dsl_expr);
    *out = *on;
    out->logic.args = BASE_ARENA_ARRAY(&c->tmp, struct dsl_expr *, on->logic.n_args);
    out->logic.n_args = 0;
    for (size_t i = 0; i < on->logic.n_args; i++) {
        int bound = equates_bounds(on->logic.args[i]);
        *seen |= bound;
        if (!bound)
            out->logic.args[out->logic.n_args++] = on->logic.args[i];
    }
    return out->logic.n_args == 0 ? NULL : out->logic.n_args == 1 ? out->logic.args[0] : out;
}

static void using_without_bounds(struct dsl_sem *c, struct dsl_from *join, int *seen) {
    struct dsl_name *names = BASE_ARENA_ARRAY(&c->tmp, struct dsl_name, join->join.n_using + 1);
    size_t n = 0;
    for (size_t i = 0; i < join->join.n_using; i++) {
        *seen |= bound_of(join->join.using_[i].text);
        if (!bound_of(join->join.using_[i].text))
            names[n++] = join->join.using_[i];
    }
    join->join.using_ = names;
    join->join.n_using = n;
}

/* Both sides are the same windows, and `on` says that a pair is of one of them. Returns: NULL when it is not so. */
static struct dsl_from *join_of_windows(struct dsl_sem *c, const struct dsl_from *f, bool *bad) {
    struct called l, r;
    enum fn fn;
    const struct dsl_from *left = f->join.left, *right = f->join.right;
    if (f->kind != DSL_FROM_JOIN || !fn_of(left, &fn) || !fn_of(right, &fn) || f->join.within || f->window)
        return NULL;
    *bad = !take_apart(c, left, &l) | !take_apart(c, right, &r);
    if (*bad || l.fn == FN_SESSION || !same_window(&l, &r))
        return NULL;
    struct dsl_from *out = copy_of(c, f);
    int seen = 0;
    if (f->join.on)
        out->join.on = without_bounds(c, f->join.on, &seen);
    using_without_bounds(c, out, &seen);
    if (!(seen & 1))
        return NULL;
    if (!out->join.on && out->join.n_using == 0 && f->join.kind != DSL_SQLJOIN_CROSS) {
        struct dsl_expr *yes = BASE_ARENA_NEW(&c->tmp, struct dsl_expr);
        *yes = (struct dsl_expr){ .kind = DSL_EXPR_LITERAL, .depth = 1, .span = f->span };
        yes->lit.kind = DSL_LIT_BOOL;
        yes->lit.text = BASE_STR("true");
        yes->lit.b = true;
        out->join.on = yes;
    }
    out->join.left = stream_of(c, left, &l);
    out->join.right = stream_of(c, right, &r);
    out->window = window_of(c, &r, right->span);
    return out;
}

/* -- a select --------------------------------------------------------------------------------------------------------- */

static struct dsl_from *expand_from(struct dsl_sem *c, struct dsl_from *f) {
    enum fn fn;
    struct called call;
    bool bad = false;
    switch (f->kind) {
    case DSL_FROM_NAME:
    case DSL_FROM_MATCH_RECOGNIZE: return f;
    case DSL_FROM_FUNCTION:
        if (f->told || f->row_windows || !fn_of(f, &fn))
            return f;
        return take_apart(c, f, &call) ? rows_in_windows(c, f, &call) : told(c, f);
    case DSL_FROM_QUERY: {
        struct dsl_query *q = dsl_expand_windows(c, f->query);
        if (q == f->query)
            return f;
        f = copy_of(c, f);
        f->query = q;
        return f;
    }
    case DSL_FROM_JOIN: {
        struct dsl_from *join = join_of_windows(c, f, &bad);
        if (join)
            return join;
        struct dsl_from *left = bad ? told(c, f->join.left) : expand_from(c, f->join.left);
        struct dsl_from *right = bad ? told(c, f->join.right) : expand_from(c, f->join.right);
        if (left == f->join.left && right == f->join.right)
            return f;
        f = copy_of(c, f);
        f->join.left = left;
        f->join.right = right;
        return f;
    }
    }
    return f;
}

static bool same_keys(const struct dsl_select *s, const struct dsl_expr *data) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_group; i++) {
        const struct dsl_expr *e = s->group[i];
        if (e->kind != DSL_EXPR_NAME)
            return false;
        if (bound_of(e->name.text))
            continue;
        bool found = false;
        for (size_t k = 0; k < data->table.n_by; k++)
            found |= base_str_eq(data->table.by[k].text, e->name.text);
        if (!found)
            return false;
        n++;
    }
    return n == data->table.n_by;
}

/* Its one input is dealt out to windows, and it makes groups of them. Returns: false when that is not so. */
static bool window_of_groups(struct dsl_sem *c, struct dsl_select *s, const struct dsl_query *q) {
    struct called call;
    enum fn fn;
    struct dsl_from *f = s->from[0];
    if (s->n_from != 1 || !fn_of(f, &fn) || f->told || f->row_windows ||
        !(s->distinct || s->window || q->n_order > 0 || q->limit || dsl_select_aggregates_rows(c, s)))
        return false;
    s->from = BASE_ARENA_NEW(&c->tmp, struct dsl_from *);
    if (!take_apart(c, f, &call)) {
        s->from[0] = told(c, f);
        return true;
    }
    s->from[0] = stream_of(c, f, &call);
    if (s->window) {
        dsl_diag_error(c->diag, s->window->span, CEP_EINVAL, "\"window\" is given twice");
        dsl_diag_note_at(c->diag, f->span, "the first is here");
        s->from[0] = told(c, f);
        return true;
    }
    s->window = window_of(c, &call, f->span);
    if (call.data->table.n_by > 0 && !same_keys(s, call.data)) {
        dsl_diag_error(c->diag, call.data->span, CEP_EINVAL,
            "the sessions of a group are those of its own key: \"partition by\" names what \"group by\" has");
        s->from[0] = told(c, f);
    }
    return true;
}

static struct dsl_select *expand_select(struct dsl_sem *c, struct dsl_select *s, const struct dsl_query *q) {
    if (s->n_from == 0)
        return s;
    struct dsl_select *out = BASE_ARENA_NEW(&c->tmp, struct dsl_select);
    *out = *s;
    if (window_of_groups(c, out, q))
        return out;
    bool changed = false;
    out->from = BASE_ARENA_ARRAY(&c->tmp, struct dsl_from *, s->n_from);
    for (size_t i = 0; i < s->n_from; i++) {
        out->from[i] = expand_from(c, s->from[i]);
        changed |= out->from[i] != s->from[i];
    }
    return changed ? out : s;
}

/* Depth is that of the text, which is bounded. */
struct dsl_query *dsl_expand_windows(struct dsl_sem *c, struct dsl_query *q) {
    struct dsl_select **selects = BASE_ARENA_ARRAY(&c->tmp, struct dsl_select *, q->n_selects + 1);
    bool changed = false;
    for (size_t i = 0; i < q->n_selects; i++) {
        selects[i] = expand_select(c, q->selects[i], q);
        changed |= selects[i] != q->selects[i];
    }
    if (!changed)
        return q;
    struct dsl_query *out = BASE_ARENA_NEW(&c->tmp, struct dsl_query);
    *out = *q;
    out->selects = selects;
    return out;
}
