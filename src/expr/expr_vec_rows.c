/*
 * expr_vec_rows -- a row at a time: functions, casts and whatever else has no kernel. Arguments are gathered from the
 * children's columns into values, the scalar function is called, its result is put into the column.
 */
#include "expr/expr_vec_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "expr/expr_build.h"
#include "expr/expr_cast.h"

/* Scratch memory is given back when so much was used: rarely, and before it is much. */
enum { VEC_SCRATCH = 256 * 1024 };

static bool rows_bool_kid(const struct vec_node *k, uint32_t row, struct evt_val *out) {
    out->null = k->v && !base_bits_get(k->v, row);
    out->b = base_bits_get(k->t, row);
    return out->null;
}

static void rows_gather(struct vec_node *n, struct vec_run *run, uint32_t row) {
    for (uint32_t i = 0; i < n->n_kids; i++) {
        const struct vec_node *k = n->kids[i];
        if (vec_is_const(k))
            continue;
        if (vec_is_bool(k))
            rows_bool_kid(k, row, &n->args[i]);
        else
            evt_col_get(k->col, row, run->scratch, &n->args[i]);
    }
}

static const char *rows_call(struct vec_node *n, struct expr_call *call, struct evt_val *out) {
    for (uint32_t i = 0; i < n->n_kids && !n->e->func->null_ok; i++)
        if (n->args[i].null) {
            *out = EVT_VAL_NULL;
            return NULL;
        }
    call->failure = NULL;
    *out = (struct evt_val){ .null = false };
    n->e->func->fn(call, n->args, out);
    return call->failure;
}

static const char *rows_cast(struct vec_node *n, struct vec_run *run, struct evt_val *out) {
    const char *failure = NULL;
    *out = EVT_VAL_NULL;
    if (n->args[0].null ||
        expr_cast_val(run->scratch, n->e->args[0]->type, n->e->type, &n->args[0], out, &failure))
        return NULL;
    *out = EVT_VAL_NULL;
    return n->e->flag ? NULL : failure;
}

static void rows_in(const struct vec_node *n, struct evt_val *out) {
    bool null = n->args[0].null;
    for (uint32_t i = 1; i < n->n_kids && !n->args[0].null; i++) {
        if (n->args[i].null) {
            null = true;
        } else if (expr_op_eq(n->e->args[0]->type, &n->args[0], &n->args[i])) {
            *out = (struct evt_val){ .b = !n->e->flag };
            return;
        }
    }
    *out = null ? EVT_VAL_NULL : (struct evt_val){ .b = n->e->flag };
}

static void rows_element(const struct vec_node *n, struct evt_val *out) {
    const struct evt_val *array = &n->args[0], *index = &n->args[1];
    *out = EVT_VAL_NULL;
    if (!array->null && !index->null && index->i >= 0 && index->i < array->list.n)
        *out = array->list.v[index->i];
}

/* Returns: why it failed, or NULL. */
static const char *rows_one(
    struct vec_node *n, struct vec_run *run, struct expr_call *call, struct evt_val *out) {
    switch (n->e->kind) {
    case EXPR_CALL: return rows_call(n, call, out);
    case EXPR_CAST: return rows_cast(n, run, out);
    case EXPR_IN: rows_in(n, out); return NULL;
    case EXPR_ELEM: rows_element(n, out); return NULL;
    case EXPR_ARRAY: *out = (struct evt_val){ .list = { n->args, n->n_kids } }; return NULL;
    case EXPR_CONST:
    case EXPR_COL:
    case EXPR_AND:
    case EXPR_OR:
    case EXPR_NOT:
    case EXPR_IS_NULL:
    case EXPR_CASE:
    case EXPR_COALESCE:
    case EXPR_FIELD:
    case EXPR_VAR_COL:
    case EXPR_AGG:
    case EXPR_EVENTS:
    case EXPR_PREV:
    case EXPR_KEY:
    case EXPR_MATCH:
    case EXPR_NAV:
    case EXPR_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind that is evaluated by rows");
    return NULL;
}

/* Rows [from, to) of a result whose rows are set in order, for they have offsets: nothing is in them. */
static void rows_skip(struct evt_col *c, uint32_t from, uint32_t to) {
    enum evt_kind kind = c->type->kind;
    if (kind == EVT_ROW) {
        for (; from < to; from++)
            evt_col_set_null(c, from);
    } else if (kind == EVT_STRING || kind == EVT_BYTES || kind == EVT_ARRAY) {
        for (; from < to; from++)
            c->off[from + 1] = c->off[from];
    }
}

void vec_eval_rows(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    /* `in` takes back the failures of its list where the value was found. */
    struct expr_fails list = { .n = 0 };
    bool is_in = n->e->kind == EXPR_IN;
    for (uint32_t i = 0; i < n->n_kids; i++)
        if (!vec_is_const(n->kids[i]))
            n->kids[i]->eval(n->kids[i], run, sel, is_in && i > 0 ? &list : fails);
    bool is_bool = vec_is_bool(n);
    struct evt_col *c = is_bool ? NULL : vec_out(n);
    struct expr_call call = { .func = n->e->func,
        .state = n->e->func_state,
        .scratch = run->scratch,
        .type = n->e->type,
        .arg_types = n->e->arg_types,
        .n_args = n->n_kids,
        .now_us = run->now_us };
    uint64_t failed[VEC_WORDS] = { 0 };
    const char *reason = NULL;
    memset(n->tb, 0, sizeof n->tb);
    memset(n->vb, 0, sizeof n->vb);
    uint32_t next = 0;
    for (uint32_t row = 0; (row = (uint32_t)base_bits_next(sel, run->n_rows, row)) < run->n_rows; row++) {
        struct evt_val v;
        rows_gather(n, run, row);
        const char *failure = rows_one(n, run, &call, &v);
        if (failure) {
            v = EVT_VAL_NULL;
            base_bits_set(failed, row);
            reason = reason ? reason : base_arena_printf(run->reasons, "%s", failure);
        }
        if (!is_bool) {
            rows_skip(c, next, row);
            evt_col_set_val(c, row, &v);
            next = row + 1;
        } else if (!v.null) {
            base_bits_set(n->vb, row);
            base_bits_put(n->tb, row, v.b);
        }
        if (run->scratch->used > VEC_SCRATCH)
            base_arena_clear(run->scratch);
    }
    if (!is_bool)
        rows_skip(c, next, run->n_rows);
    n->t = n->tb;
    n->v = n->vb;
    n->col = c;
    if (reason)
        vec_fail(fails, run, failed, reason);
    if (list.reason) {
        for (uint32_t w = 0; w < run->n_words; w++)
            list.rows[w] &= ~(n->vb[w] & (n->e->flag ? ~n->tb[w] : n->tb[w]));
        vec_fail(fails, run, list.rows, list.reason);
    }
}
