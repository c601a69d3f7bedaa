/*
 * dsl_check_rows -- the pattern of a match_recognize as written becomes the terms of the plan, and the rules of such patterns are checked.
 *
 * Recursion is bounded by DSL_LIMIT_DEPTH (dsl_ast.h).
 */
#include "dsl/dsl_sem.h"

enum { MAX_PERMUTE = 7 /* 5,040 orders */ };

struct rows {
    struct dsl_sem *c;
    const struct dsl_mr *mr;
    bool anchored, ok;
};

static struct plan_row_term *term_of(struct rows *l, const struct dsl_seq *s, bool excluded);

static struct plan_row_term *new_term(struct rows *l, enum plan_row_kind kind, size_t n_items) {
    struct plan_row_term *t = BASE_ARENA_NEW(l->c->a, struct plan_row_term);
    *t = (struct plan_row_term){ .kind = kind,
        .n_items = (uint32_t)n_items,
        .items = BASE_ARENA_ARRAY(l->c->a, const struct plan_row_term *, n_items + 1),
        .min = 1,
        .max = 1 };
    return t;
}

static void set_item(struct plan_row_term *t, size_t i, const struct plan_row_term *item) {
    ((const struct plan_row_term **)(uintptr_t)t->items)[i] = item;
}

/* The next order of n numbers, by the alphabet. Returns: false behind the last one. */
static bool next_order(uint32_t *order, size_t n) {
    size_t i = n - 1, k = n - 1;
    while (i > 0 && order[i - 1] > order[i])
        i--;
    if (i == 0)
        return false;
    while (order[k] < order[i - 1])
        k--;
    uint32_t t = order[i - 1];
    order[i - 1] = order[k];
    order[k] = t;
    for (k = n - 1; i < k; i++, k--) {
        t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    return true;
}

/* All orders, those that begin as it is written first. */
static struct plan_row_term *permute(struct rows *l, const struct dsl_seq *s, bool excluded) {
    size_t n = s->list.n_items, n_orders = 1;
    uint32_t order[MAX_PERMUTE];
    const struct plan_row_term *items[MAX_PERMUTE];
    if (n > MAX_PERMUTE) {
        dsl_diag_error(l->c->diag, s->span, CEP_ELIMIT, "\"permute\" takes at most %d members, not %zu",
            (int)MAX_PERMUTE, n);
        l->ok = false;
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        order[i] = (uint32_t)i;
        n_orders *= i + 1;
        items[i] = term_of(l, s->list.items[i], excluded);
        if (!items[i])
            return NULL;
    }
    struct plan_row_term *t = new_term(l, PLAN_ROW_ALT, n_orders);
    for (size_t k = 0; k < n_orders; k++) {
        struct plan_row_term *chain = new_term(l, PLAN_ROW_CHAIN, n);
        for (size_t i = 0; i < n; i++)
            set_item(chain, i, items[order[i]]);
        set_item(t, k, chain);
        (void)next_order(order, n);
    }
    return t;
}

static bool quant_ok(struct rows *l, const struct dsl_quant *q) {
    struct dsl_diag *d = l->c->diag;
    if (!dsl_quant_range(d, q))
        return false;
    if (q->greedy || q->inner_span.line != 0 || q->until || q->gap)
        dsl_diag_error(d, q->span, CEP_EINVAL,
            "in \"match_recognize\" a quantifier is greedy, or reluctant with a \"?\" behind it, and nothing "
            "else");
    else
        return true;
    l->ok = false;
    return false;
}

static struct plan_row_term *loop_of(struct rows *l, const struct dsl_seq *s, bool excluded) {
    const struct dsl_quant *q = &s->loop.quant;
    bool ok = quant_ok(l, q);
    struct plan_row_term *body = term_of(l, s->loop.body, excluded);
    if (!ok || !body)
        return NULL;
    if (body->min != 1 || body->max != 1) {
        struct plan_row_term *one = new_term(l, PLAN_ROW_CHAIN, 1);
        set_item(one, 0, body);
        body = one;
    }
    body->min = (uint32_t)q->min;
    body->max = q->max < 0 ? PLAN_UNBOUNDED : (uint32_t)q->max;
    body->reluctant = q->reluctant;
    return body;
}

static struct plan_row_term *list_of(struct rows *l, const struct dsl_seq *s, bool excluded) {
    bool chain = s->kind == DSL_SEQ_CHAIN, ok = true;
    size_t n = chain ? s->chain.n_steps : s->list.n_items;
    struct plan_row_term *t = new_term(l, chain ? PLAN_ROW_CHAIN : PLAN_ROW_ALT, n);
    for (size_t i = 0; i < n; i++) {
        const struct plan_row_term *item = term_of(
            l, chain ? s->chain.steps[i].item : s->list.items[i], excluded);
        ok &= item != NULL;
        set_item(t, i, item);
    }
    return ok ? t : NULL;
}

static struct plan_row_term *term_of(struct rows *l, const struct dsl_seq *s, bool excluded) {
    switch (s->kind) {
    case DSL_SEQ_VAR: {
        int v = dsl_mr_var(l->mr, s->var.text);
        struct plan_row_term *t = new_term(l, PLAN_ROW_VAR, 0);
        t->var = (uint32_t)v;
        t->excluded = excluded;
        return (uint32_t)v < l->mr->n_primary ? t : NULL;
    }
    case DSL_SEQ_CHAIN:
    case DSL_SEQ_ALT: return list_of(l, s, excluded);
    case DSL_SEQ_ALL: return permute(l, s, excluded);
    case DSL_SEQ_LOOP: return loop_of(l, s, excluded);
    case DSL_SEQ_EXCLUDE: return term_of(l, s->list.items[0], true);
    case DSL_SEQ_EMPTY: return new_term(l, PLAN_ROW_EMPTY, 0);
    case DSL_SEQ_START: l->anchored = true; return new_term(l, PLAN_ROW_START, 0);
    case DSL_SEQ_END: return new_term(l, PLAN_ROW_END, 0);
    case DSL_SEQ_NOT:
    case DSL_SEQ_MAX: break;
    }
    dsl_diag_error(l->c->diag, s->span, CEP_EINVAL, "this does not stand in \"match_recognize\"");
    l->ok = false;
    return NULL;
}

/* Places in the program, about; saturates. */
static double size_of(const struct plan_row_term *t) {
    double n = t->n_items == 0 ? 1 : 0;
    uint32_t times = t->max == PLAN_UNBOUNDED ? t->min + 1 : t->max;
    for (uint32_t i = 0; i < t->n_items; i++)
        n += size_of(t->items[i]) + (t->kind == PLAN_ROW_ALT ? 2 : 0);
    return n * (times > 1 ? times : 1) + (t->min != t->max ? times : 0);
}

const struct plan_row_term *dsl_check_rows(
    struct dsl_sem *c, const struct dsl_mr *mr, const struct dsl_seq *pattern, bool *anchored) {
    struct rows l = { .c = c, .mr = mr, .ok = true };
    const struct plan_row_term *root = term_of(&l, pattern, false);
    *anchored = l.anchored;
    if (root && size_of(root) > DSL_MAX_STEPS) {
        dsl_diag_error(c->diag, pattern->span, CEP_ELIMIT,
            "the pattern has more than %d steps, its loops counted out", (int)DSL_MAX_STEPS);
        return NULL;
    }
    return l.ok ? root : NULL;
}

/* -- what the pattern says of its variables ---------------------------------------------------------------------------------- */

/* Returns: the least rows that a term takes, counted on from `before`. */
static uint32_t measure(const struct plan_row_term *t, uint32_t before, struct dsl_row_depths *d) {
    uint64_t n = 0;
    switch (t->kind) {
    case PLAN_ROW_VAR:
        if (d->of[t->var] > before)
            d->of[t->var] = before;
        n = 1;
        break;
    case PLAN_ROW_CHAIN:
        for (uint32_t i = 0; i < t->n_items; i++)
            n = measure(t->items[i], before + (uint32_t)n, d) - (uint64_t)before;
        break;
    case PLAN_ROW_ALT:
        n = UINT32_MAX;
        for (uint32_t i = 0; i < t->n_items; i++) {
            uint64_t one = measure(t->items[i], before, d) - (uint64_t)before;
            n = one < n ? one : n;
        }
        break;
    case PLAN_ROW_EMPTY:
    case PLAN_ROW_START:
    case PLAN_ROW_END:
    case PLAN_ROW_MAX: break;
    }
    n = n * t->min + before;
    return n > INT32_MAX ? INT32_MAX : (uint32_t)n;
}

/* Which variables can be the first of a match. Returns: can the term take no row? */
static bool firsts(const struct plan_row_term *t, uint64_t *of) {
    bool none = t->kind != PLAN_ROW_VAR;
    if (t->kind == PLAN_ROW_VAR)
        *of |= UINT64_C(1) << t->var;
    if (t->kind == PLAN_ROW_ALT)
        none = false;
    for (uint32_t i = 0; i < t->n_items; i++) {
        bool one = firsts(t->items[i], of);
        if (t->kind == PLAN_ROW_ALT)
            none |= one;
        else if (!one) {
            none = false;
            break;
        }
    }
    return none || t->min == 0;
}

void dsl_row_depths_of(const struct plan_row_term *root, struct dsl_row_depths *out) {
    for (uint32_t i = 0; i < PLAN_ROW_VARS_MAX; i++)
        out->of[i] = INT32_MAX;
    (void)measure(root, 0, out);
}

uint64_t dsl_row_firsts(const struct plan_row_term *root) {
    uint64_t of = 0;
    (void)firsts(root, &of);
    return of;
}
