/*
 * dsl_check_recognize -- what expressions in a match_recognize read of the match: columns of its rows, first, last, prev, next, aggregates,
 * classifier(), match_number().
 *
 * A navigation holds for all columns in it, and goes to them; columns without a variable are of any row of the match:
 *
 *     prev(last(a.price, 1) * 2, 3)     is     (column price of: 3 rows before a's second but last) * 2
 */
#include "dsl/dsl_sem.h"

enum { MAX_STEPS = 100000 /* rows that a navigation goes */ };

int dsl_mr_var(const struct dsl_mr *mr, struct base_str name) {
    for (uint32_t i = 0; i + 1 < mr->n_vars; i++)
        if (base_str_eq(mr->vars[i].name, name))
            return (int)i;
    return -1;
}

/* All that one navigation or aggregate reads is of one variable. */
static bool same_var(struct dsl_sem *c, struct dsl_mr_at *at, uint32_t var, struct cep_span span) {
    if (at->var < 0)
        at->var = (int32_t)var;
    if (at->var == (int32_t)var)
        return true;
    const struct dsl_mrvar *first = &at->mr->vars[at->var], *other = &at->mr->vars[var];
    dsl_diag_error(c->diag, span, CEP_EINVAL,
        "%s speaks of the rows of one variable, here of %s%.*s%s and %s%.*s%s",
        at->agg ? "an aggregate" : "a navigation", first->name.len ? "\"" : "all rows",
        BASE_STR_FMT(first->name), first->name.len ? "\"" : "", other->name.len ? "\"" : "all rows",
        BASE_STR_FMT(other->name), other->name.len ? "\"" : "");
    return false;
}

const struct expr *dsl_mr_column(
    struct dsl_sem *c, struct dsl_scope *s, uint32_t var, uint32_t col, struct cep_span span) {
    struct dsl_mr_at *at = s->mr;
    const struct dsl_mr *mr = at->mr;
    bool name = col == s->schema->n_cols;
    const struct evt_type *t = name ? evt_type_of(EVT_STRING) : s->schema->cols[col].type;
    if ((at->logical || at->physical || at->agg) && !same_var(c, at, var, span))
        return NULL;
    if (at->agg)
        return expr_col(c->a, col, t, span);
    bool moved = at->logical || at->physical, from_last = at->logical ? at->from_last : true;
    /* The row under test is the last one of its own variable. */
    if (!moved && !name && at->own >= 0 && mr->vars[var].of >> at->own & 1)
        return expr_col(c->a, col, t, span);
    struct expr *x = dsl_new_expr(c, EXPR_NAV, t, span);
    x->var = var;
    x->index = col;
    x->from_last = from_last;
    x->n = at->logical ? at->n : 0;
    x->shift = at->shift;
    x->flag = at->final;
    if (at->own >= 0 && from_last && x->n == 0 && x->shift == 0 && !name && mr->vars[var].of >> at->own & 1)
        x->kind = EXPR_COL;
    return x;
}

/* -- navigation ----------------------------------------------------------------------------------------------------------- */

static bool is_name(const struct dsl_expr *e, const char *name) {
    return base_str_ieq(e->call.name.text, base_str_of(name));
}

static bool steps_of(
    struct dsl_sem *c, const struct dsl_expr *e, const char *name, int64_t usual, int64_t *out) {
    *out = usual;
    if (e->call.star || e->call.distinct || e->call.n_args < 1 || e->call.n_args > 2) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" takes a column and, if need be, a number", name);
        return false;
    }
    if (e->call.n_args == 1)
        return true;
    struct dsl_scope cs = { .kind = DSL_SCOPE_CONST, .own = -1, .input = -1, .agg_var = -1, .key_col = -1 };
    const struct expr *x = dsl_fold(c, dsl_check_expr(c, &cs, e->call.args[1]));
    if (!x)
        return false;
    if (x->kind != EXPR_CONST || x->type->kind != EVT_INT || x->val.null || x->val.i < 0 ||
        x->val.i > MAX_STEPS) {
        dsl_diag_error(c->diag, e->call.args[1]->span, CEP_EINVAL,
            "the second argument of \"%s\" is a whole number from 0 to %d", name, (int)MAX_STEPS);
        return false;
    }
    *out = x->val.i;
    return true;
}

static bool frame_ok(struct dsl_sem *c, const struct dsl_scope *s, const struct dsl_expr *e) {
    if (!e->call.final || s->mr->own < 0)
        return true;
    dsl_diag_error(
        c->diag, e->span, CEP_EINVAL, "\"final\" cannot stand in \"define\": the match is not known there");
    return false;
}

static const struct expr *navigate(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e,
    const char *name, struct dsl_mr_at *at) {
    struct dsl_scope in = *s;
    in.mr = at;
    const struct expr *x = dsl_check_expr(c, &in, e->call.args[0]);
    if (x && at->var < 0) {
        dsl_diag_error(c->diag, e->call.args[0]->span, CEP_EINVAL, "\"%s\" takes a column", name);
        return NULL;
    }
    if (s->mr->physical && x)
        s->mr->var = at->var;
    return x;
}

static const struct expr *first_last(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, bool last) {
    const char *name = last ? "last" : "first";
    struct dsl_mr_at at = *s->mr;
    int64_t n;
    if (at.agg || at.logical) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" cannot stand in %s", name,
            at.agg ? "an aggregate" : "\"first\" or \"last\"");
        return NULL;
    }
    if (!steps_of(c, e, name, 0, &n) || !frame_ok(c, s, e))
        return NULL;
    at.logical = true;
    at.from_last = last;
    at.n = (uint32_t)n;
    at.final = e->call.final;
    return navigate(c, s, e, name, &at);
}

static const struct expr *prev_next(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, bool next) {
    const char *name = next ? "next" : "prev";
    struct dsl_mr_at at = *s->mr;
    int64_t n;
    if (at.agg || at.logical || at.physical) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" cannot stand in %s", name,
            at.agg        ? "an aggregate"
            : at.physical ? "\"prev\" or \"next\""
                          : "\"first\" or \"last\"");
        if (at.logical)
            dsl_diag_note(c->diag, "the other way round: %s(first(...), n)", name);
        return NULL;
    }
    if (e->call.final || e->call.running) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%s\" stands before first, last or an aggregate",
            e->call.final ? "final" : "running");
        return NULL;
    }
    if (!steps_of(c, e, name, 1, &n))
        return NULL;
    at.physical = true;
    at.shift = (int32_t)(next ? n : -n);
    return navigate(c, s, e, name, &at);
}

/* -- aggregates ----------------------------------------------------------------------------------------------------------- */

static void note_agg(struct dsl_sem *c, struct dsl_scope *s, struct expr *x) {
    struct dsl_mraggs *to = s->mr->own >= 0 ? &s->mr->mr->aggs : &s->mr->mr->item_aggs;
    size_t i = 0;
    while (i < to->n && !expr_eq(to->list[i], x))
        i++;
    if (i == DSL_MAX_COLUMNS) {
        dsl_diag_error(c->diag, x->span, CEP_ELIMIT,
            "more than %d different aggregates in one match_recognize", (int)DSL_MAX_COLUMNS);
        return;
    }
    if (i == to->n) {
        to->list = base_arena_grow(c->a, to->list, to->n, &to->cap, sizeof(struct expr *));
        to->list[to->n++] = x;
    }
    x->agg_slot = (uint32_t)i;
}

static const struct expr *new_agg(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e,
    enum expr_agg agg, uint32_t var, const struct expr *arg) {
    const struct evt_type *t = expr_agg_type(c->a, agg, arg ? arg->type : NULL);
    if (!t) {
        dsl_diag_error(c->diag, e->span, CEP_ETYPE, "aggregate \"%.*s\" does not take %s",
            BASE_STR_FMT(e->call.name.text), dsl_type_name(c, arg->type));
        return NULL;
    }
    struct expr *x = dsl_new_expr(c, EXPR_AGG, t, e->span);
    x->agg = agg;
    x->var = var;
    x->flag = e->call.final;
    if (arg) {
        const struct expr **args = BASE_ARENA_ARRAY(c->a, const struct expr *, 1);
        args[0] = arg;
        x->args = args;
        x->n_args = 1;
    }
    note_agg(c, s, x);
    return x;
}

/* count(*), count(a), count(a.*): rows. Returns: false when it counts something else. */
static bool rows_of(const struct dsl_mr *mr, const struct dsl_expr *e, uint32_t *var) {
    *var = mr->n_vars - 1;
    if (e->call.star)
        return true;
    const struct dsl_expr *arg = e->call.args[0];
    int v = arg->kind == DSL_EXPR_NAME                                    ? dsl_mr_var(mr, arg->name.text)
            : arg->kind == DSL_EXPR_STAR && dsl_name_given(&arg->star.of) ? dsl_mr_var(mr, arg->star.of.text)
                                                                          : -1;
    if (v < 0)
        return false;
    *var = (uint32_t)v;
    return true;
}

static const struct expr *aggregate(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, enum expr_agg agg) {
    struct dsl_mr_at at = *s->mr;
    uint32_t var;
    if (at.agg || at.logical || at.physical) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "an aggregate cannot stand in %s",
            at.agg ? "an aggregate" : "first, last, prev or next");
        return NULL;
    }
    if ((e->call.star && agg != EXPR_AGG_COUNT) || (!e->call.star && e->call.n_args != 1)) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"%.*s\" takes one argument%s",
            BASE_STR_FMT(e->call.name.text), e->call.star ? ", and no *" : "");
        return NULL;
    }
    if (!frame_ok(c, s, e))
        return NULL;
    if (agg == EXPR_AGG_COUNT && !e->call.distinct && rows_of(at.mr, e, &var))
        return new_agg(c, s, e, agg, var, NULL);
    if (e->call.distinct && agg != EXPR_AGG_COUNT) {
        dsl_unsupported(c, e->span, "distinct in an aggregate other than count");
        return NULL;
    }
    struct dsl_scope in = *s;
    in.mr = &at;
    at.agg = true;
    at.var = -1;
    const struct expr *arg = dsl_fold(c, dsl_check_expr(c, &in, e->call.args[0]));
    if (!arg)
        return NULL;
    return new_agg(c, s, e, e->call.distinct ? EXPR_AGG_COUNT_DISTINCT : agg,
        at.var >= 0 ? (uint32_t)at.var : at.mr->n_vars - 1, arg);
}

/* -- of the match --------------------------------------------------------------------------------------------------------- */

static const struct expr *classifier(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e) {
    const struct dsl_mr *mr = s->mr->mr;
    int var = (int)mr->n_vars - 1;
    if (e->call.n_args == 1 && e->call.args[0]->kind == DSL_EXPR_NAME)
        var = dsl_mr_var(mr, e->call.args[0]->name.text);
    else if (e->call.n_args > 0 || e->call.star)
        var = -1;
    if (var < 0) {
        dsl_diag_error(c->diag, e->span, CEP_EINVAL, "\"classifier\" takes a variable or nothing");
        return NULL;
    }
    return s->schema ? dsl_mr_column(c, s, (uint32_t)var, s->schema->n_cols, e->span) : NULL;
}

bool dsl_mr_call(struct dsl_sem *c, struct dsl_scope *s, const struct dsl_expr *e, const struct expr **out) {
    enum expr_agg agg;
    if (dsl_match_property(c, s, e, out)) {
        s->mr->mr->numbered |= *out && (*out)->match == EXPR_MATCH_NUMBER;
        return true;
    }
    bool agg_name = dsl_agg_of_name(e->call.name.text, &agg) && !is_name(e, "array");
    if (is_name(e, "classifier"))
        *out = classifier(c, s, e);
    else if (is_name(e, "first") || is_name(e, "last"))
        *out = first_last(c, s, e, is_name(e, "last"));
    else if (is_name(e, "prev") || is_name(e, "next"))
        *out = prev_next(c, s, e, is_name(e, "next"));
    else if (agg_name)
        *out = aggregate(c, s, e, agg);
    else
        return false;
    return true;
}
