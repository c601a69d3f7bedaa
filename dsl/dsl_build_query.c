/*
 * dsl_build_query -- makers of queries.
 */
#include "dsl/dsl_build.h"

struct dsl_from *dsl_mk_from(struct dsl_parse *p, enum dsl_from_kind k, struct cep_span span) {
    struct dsl_from *f = BASE_ARENA_NEW(p->arena, struct dsl_from);
    f->kind = k;
    f->span = span;
    f->depth = 1;
    return f;
}

static struct dsl_from *sized(struct dsl_parse *p, struct dsl_from *f, uint32_t depth) {
    f->depth = depth;
    if (!dsl_depth_ok(p, f->span, depth)) {
        f->kind = DSL_FROM_NAME;
        f->path = (struct dsl_path){ 0 };
        f->depth = 1;
    }
    return f;
}

static uint32_t max_of(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

struct dsl_from *dsl_mk_from_call(
    struct dsl_parse *p, struct cep_span span, struct dsl_name name, const struct dsl_args *args) {
    struct dsl_from *f = dsl_mk_from(p, DSL_FROM_FUNCTION, span);
    f->call = dsl_mk_call(p, span, name, args, NULL, NULL);
    return sized(p, f, f->call->depth + 1);
}

struct dsl_from *dsl_mk_from_query(struct dsl_parse *p, struct cep_span span, struct dsl_query *q) {
    struct dsl_from *f = dsl_mk_from(p, DSL_FROM_QUERY, span);
    f->query = q;
    return sized(p, f, q->depth + 1);
}

struct dsl_from *dsl_mk_from_match(
    struct dsl_parse *p, struct cep_span span, struct dsl_from *input, struct dsl_match_recognize *mr) {
    struct dsl_from *f = dsl_mk_from(p, DSL_FROM_MATCH_RECOGNIZE, span);
    mr->span = span;
    f->match.mr = mr;
    f->match.input = input;
    return sized(p, f, input->depth + 1);
}

struct dsl_from *dsl_mk_join(struct dsl_parse *p, struct cep_span span, enum dsl_join_kind k,
    struct dsl_from *left, struct dsl_from *right) {
    struct dsl_from *f = dsl_mk_from(p, DSL_FROM_JOIN, span);
    f->join.kind = k;
    f->join.left = left;
    f->join.right = right;
    return sized(p, f, max_of(left->depth, right->depth) + 1);
}

void dsl_join_on(struct dsl_from *join, const struct dsl_from *tail) {
    if (join->kind != DSL_FROM_JOIN)
        return;
    join->join.on = tail->join.on;
    join->join.using_ = tail->join.using_;
    join->join.n_using = tail->join.n_using;
    join->join.within = tail->join.within;
    join->window = tail->window;
}

struct dsl_window *dsl_mk_window(struct dsl_parse *p, enum dsl_window_kind k, struct cep_span span,
    struct dsl_expr *size, struct dsl_expr *slide, struct dsl_expr *offset) {
    struct dsl_window *w = BASE_ARENA_NEW(p->arena, struct dsl_window);
    *w = (struct dsl_window){ k, size, slide, offset, span };
    return w;
}

static void set_window(struct dsl_parse *p, struct dsl_select *s, struct dsl_window *w) {
    if (!w)
        return;
    if (s->window) {
        dsl_diag_error(p->diag, w->span, CEP_ESYNTAX, "\"window\" is given twice");
        return;
    }
    s->window = w;
}

static uint32_t from_depth(const struct dsl_vec *from) {
    uint32_t depth = 0;
    for (size_t i = 0; i < from->n; i++)
        depth = max_of(depth, ((struct dsl_from **)from->items)[i]->depth);
    return depth;
}

/*
 * The window behind the last input is the select's, unless it is a join's: of two streams. Behind an array that is taken apart
 * (`unnest(xs) as t (x) window ...`) it is the select's.
 */
static void take_window(struct dsl_select *s) {
    struct dsl_from *last = s->from[s->n_from - 1];
    struct dsl_from *right = last->kind == DSL_FROM_JOIN ? last->join.right : last;
    if (right->kind != DSL_FROM_FUNCTION && (last->kind == DSL_FROM_JOIN || s->n_from > 1))
        return;
    struct dsl_from *of = right->window ? right : last;
    s->window = of->window;
    of->window = NULL;
}

struct dsl_select *dsl_mk_select(struct dsl_parse *p, struct cep_span span, bool distinct,
    struct cep_span distinct_span, const struct dsl_vec *items, const struct dsl_vec *from,
    struct cep_span from_span) {
    struct dsl_select *s = BASE_ARENA_NEW(p->arena, struct dsl_select);
    s->span = span;
    s->depth = 1;
    s->distinct = distinct;
    if (distinct)
        s->distinct_span = distinct_span;
    s->from_span = from_span;
    if (items) {
        s->items = items->items;
        s->n_items = items->n;
        for (size_t i = 0; i < s->n_items; i++)
            s->depth = max_of(s->depth, s->items[i].expr->depth + 1);
    }
    if (from) {
        s->from = from->items;
        s->n_from = from->n;
        s->depth = max_of(s->depth, from_depth(from) + 1);
        take_window(s);
    }
    return s;
}

struct dsl_select *dsl_select_where(struct dsl_parse *p, struct dsl_select *s, struct cep_span span,
    struct dsl_expr *e, struct dsl_window *w, struct cep_span first, struct cep_span last) {
    s->where = e;
    s->where_span = dsl_span_join(first, last);
    s->span = span;
    s->depth = max_of(s->depth, e->depth + 1);
    set_window(p, s, w);
    return s;
}

struct dsl_select *dsl_select_group(struct dsl_parse *p, struct dsl_select *s, struct cep_span span,
    const struct dsl_vec *group, struct dsl_window *w, struct cep_span first, struct cep_span last) {
    s->group = group->items;
    s->n_group = group->n;
    s->group_span = dsl_span_join(first, last);
    s->span = span;
    for (size_t i = 0; i < group->n; i++)
        s->depth = max_of(s->depth, s->group[i]->depth + 1);
    set_window(p, s, w);
    return s;
}

struct dsl_select *dsl_select_having(struct dsl_parse *p, struct dsl_select *s, struct cep_span span,
    struct dsl_expr *e, struct dsl_window *w, struct cep_span first, struct cep_span last) {
    s->having = e;
    s->having_span = dsl_span_join(first, last);
    s->span = span;
    s->depth = max_of(s->depth, e->depth + 1);
    set_window(p, s, w);
    return s;
}

struct dsl_query *dsl_mk_query(struct dsl_parse *p, struct dsl_select *first) {
    struct dsl_query *q = BASE_ARENA_NEW(p->arena, struct dsl_query);
    q->selects = dsl_more(p, NULL, 0, sizeof(struct dsl_select *));
    q->selects[q->n_selects++] = first;
    q->span = first->span;
    q->depth = first->depth + 1;
    return q;
}

void dsl_query_add(
    struct dsl_parse *p, struct dsl_query *q, struct dsl_select *s, struct cep_span op, bool union_all) {
    q->selects = dsl_more(p, q->selects, q->n_selects, sizeof(struct dsl_select *));
    q->selects[q->n_selects++] = s;
    q->depth = max_of(q->depth, s->depth + 1);
    if (!union_all && q->set_op_span.line == 0)
        q->set_op_span = op;
}

void dsl_query_emits(struct dsl_parse *p, struct dsl_query *q, const struct dsl_vec *emits) {
    for (size_t i = 0; i < emits->n; i++) {
        q->emits = dsl_more(p, q->emits, q->n_emits, sizeof *q->emits);
        q->emits[q->n_emits++] = ((struct dsl_emit *)emits->items)[i];
    }
}

struct dsl_match_recognize *dsl_mk_mr(struct dsl_parse *p) {
    return BASE_ARENA_NEW(p->arena, struct dsl_match_recognize);
}
