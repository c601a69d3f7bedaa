/*
 * expr_vec -- compiling expressions to nodes, the nodes that call kernels, and the two ways in.
 */
#include "expr/expr_vec.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"
#include "expr/expr_func.h"
#include "expr/expr_vec_internal.h"

struct expr_vec {
    struct base_arena arena;   /* nodes, sets */
    struct base_arena scratch; /* of one row */
    struct vec_node *root;
    const int32_t *col_map; /* while compiling */
};

/* Costs of a row, in units of a comparison of numbers. */
enum { VEC_COST_NUMBER = 1, VEC_COST_STRING = 8, VEC_COST_ROW = 50 };

/* -- results ----------------------------------------------------------------------------------------------- */

struct evt_col *vec_out(struct vec_node *n) {
    if (!n->out.type)
        evt_col_init(&n->out, n->e->type, EVT_BATCH_ROWS);
    evt_col_clear(&n->out);
    return &n->out;
}

const struct evt_col *vec_as_col(struct vec_node *n, const struct vec_run *run) {
    if (vec_is_const(n)) {
        if (!n->filled) {
            struct evt_col *c = vec_out(n);
            for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++)
                evt_col_set_val(c, i, &n->e->val);
            n->filled = true;
        }
        n->col = &n->out;
    } else if (vec_is_bool(n)) {
        struct evt_col *c = vec_out(n);
        expr_kern_unpack_bools(n->t, run->n_words, c->b);
        if (n->v) {
            evt_col_need_valid(c);
            memcpy(c->valid, n->v, run->n_words * sizeof *c->valid);
        }
        n->col = c;
    }
    return n->col;
}

const uint64_t *vec_valid(const struct vec_node *n) {
    return vec_is_bool(n) || vec_is_const(n) ? n->v : n->col->valid;
}

void vec_fail(struct expr_fails *fails, const struct vec_run *run, const uint64_t *rows, const char *reason) {
    uint64_t any = 0;
    for (uint32_t w = 0; w < run->n_words; w++) {
        any |= rows[w];
        fails->rows[w] |= rows[w];
    }
    if (any && !fails->reason)
        fails->reason = reason;
}

/* Not null where both are: into `to`, or one of them when the other has no nulls. */
static const uint64_t *vec_and_valid(
    const struct vec_run *run, const uint64_t *x, const uint64_t *y, uint64_t *to) {
    if (!x || !y)
        return x ? x : y;
    for (uint32_t w = 0; w < run->n_words; w++)
        to[w] = x[w] & y[w];
    return to;
}

/* Settles t and v of a bool that was computed for every row: not null where the operands were not. */
static void vec_set_bool(struct vec_node *n, const struct vec_run *run, const uint64_t *valid) {
    n->t = n->tb;
    n->v = valid;
    if (valid)
        for (uint32_t w = 0; w < run->n_words; w++)
            n->tb[w] &= valid[w];
}

/* -- nodes with kernels ------------------------------------------------------------------------------------ */

static void vec_eval_kids(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    for (uint32_t i = 0; i < n->n_kids; i++)
        n->kids[i]->eval(n->kids[i], run, sel, fails);
}

/* Comparison with a constant on the right. */
static void vec_eval_cmp_const(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *x = n->kids[0];
    const struct evt_val *c = &n->kids[1]->e->val;
    x->eval(x, run, sel, fails);
    const struct evt_col *a = x->col;
    enum evt_kind kind = x->e->type->kind;
    if (kind == EVT_DOUBLE) {
        expr_kern_cmp_d_const(n->cmp, a->d, c->d, run->n_words, n->tb);
    } else if (kind == EVT_STRING || kind == EVT_BYTES) {
        if (n->cmp <= EXPR_CMP_NE)
            expr_kern_str_eq_const(a, evt_val_str(c), run->n_rows, n->tb);
        else
            expr_kern_str_cmp_const(n->cmp, a, evt_val_str(c), run->n_rows, n->tb);
        for (uint32_t w = 0; n->cmp == EXPR_CMP_NE && w < run->n_words; w++)
            n->tb[w] = ~n->tb[w];
    } else {
        expr_kern_cmp_i_const(n->cmp, a->i, c->i, run->n_words, n->tb);
    }
    vec_set_bool(n, run, a->valid);
}

static void vec_eval_cmp(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    const struct evt_col *a = vec_as_col(n->kids[0], run), *b = vec_as_col(n->kids[1], run);
    enum evt_kind kind = n->kids[0]->e->type->kind;
    if (kind == EVT_DOUBLE)
        expr_kern_cmp_d(n->cmp, a->d, b->d, run->n_words, n->tb);
    else if (kind == EVT_STRING || kind == EVT_BYTES)
        expr_kern_str_cmp(n->cmp, a, b, run->n_rows, n->tb);
    else
        expr_kern_cmp_i(n->cmp, a->i, b->i, run->n_words, n->tb);
    vec_set_bool(n, run, vec_and_valid(run, a->valid, b->valid, n->vb));
}

/* = and <> of bools. */
static void vec_eval_cmp_bool(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    const struct vec_node *x = n->kids[0], *y = n->kids[1];
    uint64_t flip = n->cmp == EXPR_CMP_EQ ? ~UINT64_C(0) : 0;
    for (uint32_t w = 0; w < run->n_words; w++)
        n->tb[w] = x->t[w] ^ y->t[w] ^ flip;
    vec_set_bool(n, run, vec_and_valid(run, x->v, y->v, n->vb));
}

static const char *vec_arith_reason(const struct vec_node *n) {
    if (n->arith >= EXPR_ARITH_DIV)
        return "division by zero";
    enum evt_kind kind = n->e->type->kind;
    return kind == EVT_DOUBLE ? "double overflow" : kind == EVT_INT ? "int overflow" : "duration overflow";
}

static void vec_eval_arith(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    const struct evt_col *a = vec_as_col(n->kids[0], run), *b = vec_as_col(n->kids[1], run);
    struct evt_col *c = vec_out(n);
    uint64_t failed[VEC_WORDS];
    bool any;
    if (n->e->type->kind == EVT_DOUBLE)
        any = expr_kern_arith_d(n->arith, a->d, b->d, run->n_words, c->d, failed);
    else
        any = expr_kern_arith_i(n->arith, a->i, b->i, run->n_words, c->i, failed);
    const uint64_t *valid = vec_and_valid(run, a->valid, b->valid, n->vb);
    if (any) {
        for (uint32_t w = 0; w < run->n_words; w++) {
            uint64_t ok = valid ? valid[w] : ~UINT64_C(0);
            n->vb[w] = ok & ~failed[w];
            failed[w] &= ok & sel[w];
        }
        valid = n->vb;
        vec_fail(fails, run, failed, vec_arith_reason(n));
    }
    n->shared = *c;
    n->shared.valid = (uint64_t *)(uintptr_t)valid; /* read only from here on */
    n->col = &n->shared;
}

static void vec_eval_int_to_double(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    const struct evt_col *a = vec_as_col(n->kids[0], run);
    struct evt_col *c = vec_out(n);
    expr_kern_i_to_d(a->i, run->n_words, c->d);
    n->shared = *c;
    n->shared.valid = a->valid;
    n->col = &n->shared;
}

static void vec_eval_in_set(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *x = n->kids[0];
    x->eval(x, run, sel, fails);
    expr_kern_set_has(n->set, x->col, run->n_rows, n->tb);
    const uint64_t *valid = x->col->valid;
    if (n->set_has_null) { /* not found among what is known: null */
        for (uint32_t w = 0; w < run->n_words; w++)
            n->vb[w] = n->tb[w] & (valid ? valid[w] : ~UINT64_C(0));
        valid = n->vb;
    }
    for (uint32_t w = 0; n->e->flag && w < run->n_words; w++)
        n->tb[w] = ~n->tb[w];
    vec_set_bool(n, run, valid);
}

static void vec_eval_prefix(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *x = n->kids[0];
    x->eval(x, run, sel, fails);
    expr_kern_str_prefix(x->col, n->prefix, run->n_rows, n->tb);
    vec_set_bool(n, run, x->col->valid);
}

/* -- compiling --------------------------------------------------------------------------------------------- */

static bool vec_is_i64(enum evt_kind kind) {
    return kind == EVT_INT || kind == EVT_TIMESTAMP || kind == EVT_DURATION;
}

static bool vec_is_str(enum evt_kind kind) {
    return kind == EVT_STRING || kind == EVT_BYTES;
}

static int vec_find(const char *const *names, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* c < x is x > c: constants go to the right. */
static void vec_const_right(struct vec_node *n) {
    static const enum expr_cmp flipped[EXPR_CMP_MAX] = { EXPR_CMP_EQ, EXPR_CMP_NE, EXPR_CMP_GT, EXPR_CMP_GE,
        EXPR_CMP_LT, EXPR_CMP_LE };
    if (!vec_is_const(n->kids[0]))
        return;
    struct vec_node *c = n->kids[0];
    n->kids[0] = n->kids[1];
    n->kids[1] = c;
    n->cmp = flipped[n->cmp];
}

static bool vec_compile_cmp(struct vec_node *n) {
    static const char *const names[EXPR_CMP_MAX] = { "=", "<>", "<", "<=", ">", ">=" };
    int op = vec_find(names, EXPR_CMP_MAX, n->e->func->name);
    enum evt_kind kind = n->e->args[0]->type->kind;
    if (op < 0)
        return false;
    n->cmp = (enum expr_cmp)op;
    if (kind == EVT_BOOL && n->cmp <= EXPR_CMP_NE) {
        n->eval = vec_eval_cmp_bool;
        n->cost += VEC_COST_NUMBER;
        return true;
    }
    if (!vec_is_i64(kind) && !vec_is_str(kind) && kind != EVT_DOUBLE)
        return false;
    vec_const_right(n);
    if (vec_is_const(n->kids[1]) && n->kids[1]->e->val.null)
        return false;
    n->eval = vec_is_const(n->kids[1]) ? vec_eval_cmp_const : vec_eval_cmp;
    n->cost += vec_is_str(kind) ? VEC_COST_STRING : VEC_COST_NUMBER;
    return true;
}

/* Operands and result are all int64 or all double; sums of timestamps have limits of their own and no kernel. */
static bool vec_compile_arith(struct vec_node *n) {
    static const char *const names[EXPR_ARITH_MAX] = { "+", "-", "*", "/", "%" };
    int op = n->e->n_args == 2 ? vec_find(names, EXPR_ARITH_MAX, n->e->func->name) : -1;
    if (op < 0)
        return false;
    enum evt_kind x = n->e->args[0]->type->kind, y = n->e->args[1]->type->kind, r = n->e->type->kind;
    bool doubles = x == EVT_DOUBLE && y == EVT_DOUBLE && r == EVT_DOUBLE;
    bool ints = vec_is_i64(x) && vec_is_i64(y) && (r == EVT_INT || r == EVT_DURATION);
    if (!doubles && !ints)
        return false;
    n->arith = (enum expr_arith)op;
    n->eval = vec_eval_arith;
    n->cost += VEC_COST_NUMBER;
    return true;
}

/* like 'abc%': a prefix when there is no other wildcard and no escape. */
static bool vec_compile_prefix(struct vec_node *n) {
    const struct expr *e = n->e;
    bool like = strcmp(e->func->name, "like") == 0, starts = strcmp(e->func->name, "starts_with") == 0;
    if ((!like && !starts) || e->n_args != 2 || e->args[0]->type->kind != EVT_STRING ||
        vec_is_const(n->kids[0]) || !vec_is_const(n->kids[1]))
        return false;
    struct base_str p = evt_val_str(&e->args[1]->val);
    if (like) {
        if (p.len == 0 || p.p[p.len - 1] != '%')
            return false;
        p.len--;
        for (size_t i = 0; i < p.len; i++)
            if (p.p[i] == '%' || p.p[i] == '_' || p.p[i] == '\\')
                return false;
    }
    n->prefix = p;
    n->eval = vec_eval_prefix;
    n->cost += VEC_COST_STRING;
    return true;
}

static bool vec_compile_in(struct expr_vec *v, struct vec_node *n) {
    const struct evt_type *t = n->e->args[0]->type;
    if ((!vec_is_i64(t->kind) && !vec_is_str(t->kind)) || vec_is_const(n->kids[0]))
        return false;
    struct evt_val *vals = BASE_ARENA_ARRAY(&v->arena, struct evt_val, n->n_kids);
    uint32_t n_vals = 0;
    for (uint32_t i = 1; i < n->n_kids; i++) {
        if (!vec_is_const(n->kids[i]))
            return false;
        if (n->kids[i]->e->val.null)
            n->set_has_null = true;
        else
            vals[n_vals++] = n->kids[i]->e->val;
    }
    n->set = expr_kern_set_new(&v->arena, t, vals, n_vals);
    n->eval = vec_eval_in_set;
    n->cost += vec_is_str(t->kind) ? VEC_COST_STRING : VEC_COST_NUMBER;
    return true;
}

static void vec_compile_rows(struct expr_vec *v, struct vec_node *n) {
    n->eval = vec_eval_rows;
    n->cost += VEC_COST_ROW;
    n->args = BASE_ARENA_ARRAY(&v->arena, struct evt_val, n->n_kids ? n->n_kids : 1);
    for (uint32_t i = 0; i < n->n_kids; i++)
        if (vec_is_const(n->kids[i]))
            n->args[i] = n->kids[i]->e->val;
}

/* Cheap operands first: they may leave nothing to do for the others. Insertion sort: stable. */
static void vec_sort_kids(struct vec_node *n) {
    for (uint32_t i = 1; i < n->n_kids; i++) {
        struct vec_node *k = n->kids[i];
        uint32_t at = i;
        for (; at > 0 && n->kids[at - 1]->cost > k->cost; at--)
            n->kids[at] = n->kids[at - 1];
        n->kids[at] = k;
    }
}

static void vec_compile_kind(struct expr_vec *v, struct vec_node *n) {
    switch (n->e->kind) {
    case EXPR_CONST: n->eval = vec_eval_const; return;
    case EXPR_COL:
        n->batch_col = v->col_map ? v->col_map[n->e->index] : (int32_t)n->e->index;
        n->eval = vec_eval_col;
        return;
    case EXPR_CALL:
        /* Calls without arguments that were not folded: random(), current_timestamp. */
        if (n->n_kids == 0 || (!vec_compile_cmp(n) && !vec_compile_arith(n) && !vec_compile_prefix(n)))
            vec_compile_rows(v, n);
        return;
    case EXPR_AND:
    case EXPR_OR:
        n->eval = vec_eval_and_or;
        vec_sort_kids(n);
        return;
    case EXPR_NOT: n->eval = vec_eval_not; return;
    case EXPR_IS_NULL: n->eval = vec_eval_is_null; return;
    case EXPR_IN:
        if (!vec_compile_in(v, n))
            vec_compile_rows(v, n);
        return;
    case EXPR_CASE:
    case EXPR_COALESCE:
        n->choice = BASE_ARENA_ARRAY(&v->arena, uint32_t, EVT_BATCH_ROWS);
        n->eval = n->e->kind == EXPR_CASE ? vec_eval_case : vec_eval_coalesce;
        n->cost += VEC_COST_STRING;
        return;
    case EXPR_CAST:
        if (n->e->type->kind == EVT_DOUBLE && n->e->args[0]->type->kind == EVT_INT)
            n->eval = vec_eval_int_to_double;
        else
            vec_compile_rows(v, n);
        return;
    case EXPR_FIELD: n->eval = vec_eval_field; return;
    case EXPR_ELEM:
    case EXPR_ARRAY: vec_compile_rows(v, n); return;
    case EXPR_VAR_COL:
    case EXPR_AGG:
    case EXPR_EVENTS:
    case EXPR_PREV:
    case EXPR_KEY:
    case EXPR_MATCH:
    case EXPR_KIND_MAX: break;
    }
    CEP_REQUIRE(!"an expression of events only");
}

static struct vec_node *vec_compile(struct expr_vec *v, const struct expr *e) {
    struct vec_node *n = BASE_ARENA_NEW(&v->arena, struct vec_node);
    n->e = e;
    n->n_kids = e->n_args;
    if (e->n_args)
        n->kids = BASE_ARENA_ARRAY(&v->arena, struct vec_node *, e->n_args);
    for (uint32_t i = 0; i < e->n_args; i++) {
        n->kids[i] = vec_compile(v, e->args[i]);
        n->cost += n->kids[i]->cost;
    }
    vec_compile_kind(v, n);
    return n;
}

struct expr_vec *expr_vec_new(const struct expr *e, const int32_t *col_map) {
    struct expr_vec *v = base_calloc(1, sizeof *v);
    base_arena_init(&v->arena, 0);
    base_arena_init(&v->scratch, 0);
    v->col_map = col_map;
    const struct expr *failed = NULL;
    v->root = vec_compile(v, expr_fold(&v->arena, e, &failed));
    v->col_map = NULL;
    return v;
}

static void vec_release(struct vec_node *n) {
    for (uint32_t i = 0; i < n->n_kids; i++)
        vec_release(n->kids[i]);
    if (n->out.type)
        evt_col_release(&n->out);
}

void expr_vec_free(struct expr_vec *v) {
    if (!v)
        return;
    vec_release(v->root);
    base_arena_release(&v->scratch);
    base_arena_release(&v->arena);
    base_free(v);
}

/* -- evaluating -------------------------------------------------------------------------------------------- */

static void vec_eval_root(struct expr_vec *v, struct vec_run *run, const struct evt_batch *b,
    const uint64_t *sel, int64_t now_us, uint64_t *all, struct expr_fails *fails) {
    CEP_REQUIRE(b->n_rows <= EVT_BATCH_ROWS);
    *run = (struct vec_run){ .batch = b,
        .n_rows = b->n_rows,
        .n_words = (uint32_t)BASE_BITS_WORDS(b->n_rows),
        .scratch = &v->scratch,
        .now_us = now_us };
    sel = sel ? sel : b->sel;
    base_bits_fill(all, b->n_rows);
    for (uint32_t w = 0; sel && w < run->n_words; w++)
        all[w] &= sel[w];
    struct expr_fails local = { .n = 0 };
    v->root->eval(v->root, run, all, fails ? fails : &local);
    base_arena_clear(&v->scratch);
    if (fails && fails->reason)
        fails->n = (uint32_t)base_bits_count(fails->rows, b->n_rows);
}

const struct evt_col *expr_vec_eval(struct expr_vec *v, const struct evt_batch *b, const uint64_t *sel,
    int64_t now_us, struct expr_fails *fails) {
    struct vec_run run;
    uint64_t all[VEC_WORDS];
    vec_eval_root(v, &run, b, sel, now_us, all, fails);
    return vec_as_col(v->root, &run);
}

void expr_vec_filter(struct expr_vec *v, const struct evt_batch *b, const uint64_t *sel, int64_t now_us,
    uint64_t *out, struct expr_fails *fails) {
    CEP_REQUIRE(vec_is_bool(v->root));
    struct vec_run run;
    uint64_t all[VEC_WORDS];
    vec_eval_root(v, &run, b, sel, now_us, all, fails);
    for (uint32_t w = 0; w < run.n_words; w++)
        out[w] = all[w] & v->root->t[w];
}
