/*
 * dsl_fold -- constants are computed once; what can be known of conditions before any event is said.
 */
#include "dsl/dsl_sem.h"

const struct expr *dsl_fold(struct dsl_sem *c, const struct expr *e) {
    if (!e)
        return NULL;
    const struct expr *failed = NULL;
    const struct expr *out = expr_fold(c->a, e, &failed);
    if (failed)
        dsl_diag_warning(c->diag, failed->span, "this fails on every event and is null");
    return out ? out : e;
}

/* -- ranges of one column in a conjunction ------------------------------------------------------------------------- */

struct range {
    const struct expr *col;
    struct evt_val lo, hi; /* null: none */
    bool lo_open, hi_open;
    bool empty;
    struct cep_span span;
};

struct ranges {
    struct range *items;
    size_t n, cap;
    struct base_arena *a;
};

static struct range *range_of(struct ranges *r, const struct expr *col) {
    for (size_t i = 0; i < r->n; i++)
        if (expr_eq(r->items[i].col, col))
            return &r->items[i];
    r->items = base_arena_grow(r->a, r->items, r->n, &r->cap, sizeof *r->items);
    r->items[r->n] = (struct range){ .col = col, .lo = EVT_VAL_NULL, .hi = EVT_VAL_NULL };
    return &r->items[r->n++];
}

static void narrow_lo(struct range *g, const struct evt_type *t, const struct evt_val *v, bool open) {
    int cmp = g->lo.null ? 1 : evt_val_cmp(t, v, &g->lo);
    if (cmp > 0) {
        g->lo = *v;
        g->lo_open = open;
    } else if (cmp == 0) {
        g->lo_open |= open;
    }
}

static void narrow_hi(struct range *g, const struct evt_type *t, const struct evt_val *v, bool open) {
    int cmp = g->hi.null ? -1 : evt_val_cmp(t, v, &g->hi);
    if (cmp < 0) {
        g->hi = *v;
        g->hi_open = open;
    } else if (cmp == 0) {
        g->hi_open |= open;
    }
}

static const char *op_of(const struct expr *e) {
    return e->kind == EXPR_CALL && e->func && e->func->is_operator && e->n_args == 2 ? e->func->name : "";
}

/* `col op const`, or the other way round with the operator turned. A cast of the column (int beside double) counts. */
static bool simple_comparison(
    const struct expr *e, const struct expr **col, const struct expr **val, const char **op) {
    static const char *const ops[][2] = { { "=", "=" }, { "<", ">" }, { "<=", ">=" }, { ">", "<" },
        { ">=", "<=" } };
    const char *name = op_of(e);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(name, ops[i][0]) != 0)
            continue;
        bool turned = e->args[0]->kind == EXPR_CONST;
        *col = e->args[turned];
        *val = e->args[!turned];
        *op = ops[i][turned];
        const struct expr *root = (*col)->kind == EXPR_CAST ? (*col)->args[0] : *col;
        return root->kind == EXPR_COL && (*val)->kind == EXPR_CONST && !(*val)->val.null &&
               evt_type_eq((*col)->type, (*val)->type) && evt_kind_is_ordered((*col)->type->kind);
    }
    return false;
}

static bool range_is_empty(const struct range *g) {
    if (g->lo.null || g->hi.null)
        return false;
    int cmp = evt_val_cmp(g->col->type, &g->lo, &g->hi);
    return cmp > 0 || (cmp == 0 && (g->lo_open || g->hi_open));
}

/* Returns: false when the conjuncts contradict each other; *bad is the column. */
static bool ranges_possible(const struct expr *e, struct base_arena *tmp, const struct expr **bad) {
    struct ranges r = { .a = tmp };
    const struct expr *const *parts = e->kind == EXPR_AND ? e->args : &e;
    uint32_t n = e->kind == EXPR_AND ? e->n_args : 1;
    for (uint32_t i = 0; i < n; i++) {
        const struct expr *col, *val;
        const char *op;
        const struct expr *const *sub = parts[i]->kind == EXPR_AND ? parts[i]->args : &parts[i];
        uint32_t n_sub = parts[i]->kind == EXPR_AND ? parts[i]->n_args : 1;
        for (uint32_t k = 0; k < n_sub && r.n < 100; k++) {
            if (!simple_comparison(sub[k], &col, &val, &op))
                continue;
            struct range *g = range_of(&r, col);
            if (op[0] == '>' || op[0] == '=')
                narrow_lo(g, col->type, &val->val, op[0] == '>' && op[1] == '\0');
            if (op[0] == '<' || op[0] == '=')
                narrow_hi(g, col->type, &val->val, op[0] == '<' && op[1] == '\0');
            if (range_is_empty(g)) {
                *bad = col->kind == EXPR_CAST ? col->args[0] : col;
                return false;
            }
        }
    }
    return true;
}

/* -- a column beside itself --------------------------------------------------------------------------------------------- */

static bool is_event_value(const struct expr *e) {
    return e->kind == EXPR_COL || e->kind == EXPR_VAR_COL || e->kind == EXPR_AGG || e->kind == EXPR_PREV ||
           e->kind == EXPR_NAV;
}

static void warn_self(const struct expr *e, void *arg) {
    static const char *const ops[] = { "=", "<>", "<", "<=", ">", ">=", "is distinct from",
        "is not distinct from" };
    struct dsl_sem *c = arg;
    const char *name = op_of(e);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(name, ops[i]) == 0 && is_event_value(e->args[0]) && expr_eq(e->args[0], e->args[1])) {
            dsl_diag_warning(c->diag, e->span, "this compares a column with itself");
            if (e->args[0]->kind == EXPR_COL)
                dsl_diag_note(c->diag, "in a variable's own condition the variable is the event under test; "
                                       "last(VAR.column, 1) is the event before it");
        }
}

bool dsl_warn_cond(struct dsl_sem *c, const struct expr *e, const struct evt_schema *cols, const char *what) {
    if (!e)
        return true;
    expr_walk(e, warn_self, c);
    if (e->kind == EXPR_CONST) {
        if (!e->val.null && e->val.b)
            return true;
        dsl_diag_warning(c->diag, e->span, "%s is never true", what);
        return false;
    }
    const struct expr *bad = NULL;
    if (ranges_possible(e, &c->tmp, &bad))
        return true;
    struct base_buf b = BASE_BUF_INIT;
    expr_write(&b, bad, cols, NULL);
    dsl_diag_warning(c->diag, e->span, "%s is never true: its limits on \"%s\" exclude each other", what,
        base_buf_cstr(&b));
    base_buf_release(&b);
    return false;
}
