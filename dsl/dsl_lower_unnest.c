/*
 * dsl_lower_unnest -- a join with an array of the left side's own row, `cross join unnest(xs) as t (x)`, or with the windows that the row is in
 * (dsl_table_fn.c).
 */
#include "dsl/dsl_sem.h"

#include "base/base_mem.h"

bool dsl_is_unnest(const struct dsl_from *f) {
    if (f->kind == DSL_FROM_FUNCTION && f->row_windows)
        return true;
    return f->kind == DSL_FROM_FUNCTION && f->call->kind == DSL_EXPR_CALL &&
           base_str_ieq(f->call->call.name.text, BASE_STR("unnest"));
}

/* What its elements are called: fields of rows by their own names, else as the alias says. */
static const struct evt_schema *element_columns(
    struct dsl_sem *c, const struct dsl_from *f, const struct evt_type *elem) {
    bool fields = elem->kind == EVT_ROW;
    uint32_t n = fields ? elem->n_fields : 1;
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, n);
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    for (uint32_t i = 0; i < n; i++)
        cols[i] = fields ? elem->fields[i]
                         : (struct evt_column){ .name = f->alias.text.len ? dsl_keep(c, f->alias.text)
                                                                          : BASE_STR("unnest"),
                               .type = elem };
    *s = (struct evt_schema){ n, n, cols };
    return s;
}

static bool always_true(const struct dsl_expr *e) {
    return e->kind == DSL_EXPR_LITERAL && e->lit.kind == DSL_LIT_BOOL && e->lit.b;
}

static bool unnest_shape_ok(struct dsl_sem *c, const struct dsl_from *join) {
    const struct dsl_from *f = join->join.right;
    enum dsl_join_kind kind = join->join.kind;
    if (f->call->call.n_args != 1 || f->call->call.star || f->call->call.distinct) {
        dsl_diag_error(c->diag, f->span, CEP_EINVAL, "\"unnest\" takes one array");
        return false;
    }
    if (kind == DSL_SQLJOIN_RIGHT || kind == DSL_SQLJOIN_FULL || join->join.within || join->window ||
        join->join.n_using || (join->join.on && !always_true(join->join.on))) {
        dsl_diag_error(c->diag, join->span, CEP_EINVAL,
            "an array is taken apart by \"cross join unnest(...)\" or \"left join unnest(...) on true\"");
        dsl_diag_note(c->diag, "what its elements must be like stands in \"where\"");
        return false;
    }
    return true;
}

/* Each row once for each of its windows, with the bounds as columns. */
static bool lower_row_windows(struct dsl_sem *c, struct dsl_join_step *st, struct dsl_rows *right) {
    enum { MAX_WINDOWS = 4096 }; /* of a row: as many places as there are below a row's own (rt_unnest.c) */
    const struct dsl_window *w = st->from->join.right->row_windows;
    struct plan_unnest *u = st->unnest;
    struct evt_column *cols = BASE_ARENA_ARRAY(c->a, struct evt_column, 2);
    struct evt_schema *s = BASE_ARENA_NEW(c->a, struct evt_schema);
    cols[0] = (struct evt_column){ .name = BASE_STR("window_start"), .type = evt_type_of(EVT_TIMESTAMP) };
    cols[1] = (struct evt_column){ .name = BASE_STR("window_end"), .type = evt_type_of(EVT_TIMESTAMP) };
    *s = (struct evt_schema){ 2, 2, cols };
    *right = (struct dsl_rows){ .schema = s, .name = BASE_STR("$windows") };
    if (!dsl_window_bounds(c, w, &u->size_us, &u->slide_us, &u->offset_us))
        return false;
    if (u->size_us / u->slide_us > MAX_WINDOWS) {
        dsl_diag_error(
            c->diag, w->span, CEP_ELIMIT, "each row would be in more than %d windows", (int)MAX_WINDOWS);
        return false;
    }
    return true;
}

bool dsl_lower_unnest(
    struct dsl_sem *c, struct dsl_scope *s, const struct dsl_from *join, struct dsl_rows *right) {
    struct dsl_join_step *st = &s->joins->steps[s->step];
    const struct dsl_from *f = join->join.right;
    if (f->row_windows)
        return lower_row_windows(c, st, right);
    *right = (struct dsl_rows){ .open = true,
        .name = f->alias.text.len ? f->alias.text : BASE_STR("unnest") };
    if (!unnest_shape_ok(c, join))
        return false;
    s->left_only = true;
    const struct expr *e = dsl_fold(c, dsl_check_expr(c, s, f->call->call.args[0]));
    s->left_only = false;
    if (!e)
        return false;
    if (e->type->kind != EVT_ARRAY) {
        dsl_diag_error(c->diag, f->call->call.args[0]->span, CEP_ETYPE, "\"unnest\" takes an array, not %s",
            dsl_type_name(c, e->type));
        return false;
    }
    st->unnest->array = dsl_join_over_input(c, e, st);
    st->unnest->outer = join->join.kind == DSL_SQLJOIN_LEFT;
    st->unnest->fields = e->type->elem->kind == EVT_ROW;
    st->n_cols = 0; /* rows need not have what only the array names */
    right->schema = element_columns(c, f, e->type->elem);
    right->open = false;
    return dsl_from_rename(c, f, right);
}
