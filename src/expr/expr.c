/*
 * expr -- equality, hash, walks and the questions asked of whole trees.
 */
#include "expr/expr.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "expr/expr_func.h"

static bool expr_args_eq(const struct expr *a, const struct expr *b) {
    if (a->n_args != b->n_args)
        return false;
    for (uint32_t i = 0; i < a->n_args; i++)
        if (!expr_eq(a->args[i], b->args[i]))
            return false;
    return true;
}

/* Which fields mean something is said by EXPR_KIND_LIST. A slot is a place, not a meaning: it does not count. */
bool expr_eq(const struct expr *a, const struct expr *b) {
    if (a == b)
        return true;
    if (a->kind != b->kind || a->flag != b->flag || !evt_type_eq(a->type, b->type))
        return false;
    switch (a->kind) {
    case EXPR_CONST:
        /* -0.0 and 0.0 are equal values but not the same constant: 1/x tells them apart. */
        if (a->type->kind == EVT_DOUBLE && !a->val.null && !b->val.null)
            return memcmp(&a->val.d, &b->val.d, sizeof a->val.d) == 0;
        return evt_val_eq(a->type, &a->val, &b->val);
    case EXPR_COL:
    case EXPR_KEY: return a->index == b->index;
    case EXPR_CALL: return a->func == b->func && !a->func->is_volatile && expr_args_eq(a, b);
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_IN:
    case EXPR_CASE:
    case EXPR_COALESCE:
    case EXPR_CAST:
    case EXPR_ELEM:
    case EXPR_ARRAY: return expr_args_eq(a, b);
    case EXPR_FIELD: return a->index == b->index && expr_args_eq(a, b);
    case EXPR_VAR_COL:
        return a->from_last == b->from_last && a->index == b->index && a->var == b->var && a->n == b->n;
    case EXPR_NAV:
        return a->flag == b->flag && a->from_last == b->from_last && a->index == b->index &&
               a->var == b->var && a->n == b->n && a->shift == b->shift;
    case EXPR_AGG: return a->flag == b->flag && a->agg == b->agg && a->var == b->var && expr_args_eq(a, b);
    case EXPR_EVENTS: return a->var == b->var;
    case EXPR_PREV: return a->index == b->index && a->n == b->n && a->within_us == b->within_us;
    case EXPR_MATCH: return a->match == b->match;
    case EXPR_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of expression");
    return false;
}

static void hash_write(struct base_buf *b, const struct expr *e) {
    const uint32_t head[4] = { e->kind | (uint32_t)e->flag << 8 | (uint32_t)e->from_last << 9 |
                                   (uint32_t)e->agg << 16 | (uint32_t)e->match << 24,
        e->kind == EXPR_CONST ? 0 : e->index, e->var, e->n };
    base_buf_add(b, head, sizeof head);
    base_buf_add(b, &e->within_us, sizeof e->within_us);
    base_buf_add(b, &e->shift, sizeof e->shift);
    evt_type_write(b, e->type);
    if (e->kind == EXPR_CONST)
        evt_val_write_key(b, e->type, &e->val);
    if (e->kind == EXPR_CALL)
        base_buf_puts(b, e->func->name);
    base_buf_add(b, &e->n_args, sizeof e->n_args);
    for (uint32_t i = 0; i < e->n_args; i++)
        hash_write(b, e->args[i]);
}

uint64_t expr_hash(const struct expr *e) {
    struct base_buf b = BASE_BUF_INIT;
    hash_write(&b, e);
    uint64_t h = base_hash(b.p, b.len);
    base_buf_release(&b);
    return h;
}

bool expr_is_event_only(const struct expr *e) {
    if (e->kind >= EXPR_VAR_COL)
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!expr_is_event_only(e->args[i]))
            return false;
    return true;
}

bool expr_is_const(const struct expr *e) {
    if (e->kind == EXPR_COL || e->kind >= EXPR_VAR_COL || (e->kind == EXPR_CALL && e->func->is_volatile))
        return false;
    for (uint32_t i = 0; i < e->n_args; i++)
        if (!expr_is_const(e->args[i]))
            return false;
    return true;
}

void expr_walk(const struct expr *e, void (*fn)(const struct expr *e, void *arg), void *arg) {
    fn(e, arg);
    for (uint32_t i = 0; i < e->n_args; i++)
        expr_walk(e->args[i], fn, arg);
}
