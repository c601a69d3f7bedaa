/*
 * expr_vec -- compiling expressions to nodes, and the two ways in.
 */
#include "expr/expr_vec.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"
#include "expr/expr_func.h"
#include "expr/expr_like.h"
#include "expr/expr_vec_internal.h"

#include <math.h>

struct expr_vec {
    struct base_arena arena;   /* nodes, sets */
    struct base_arena scratch; /* of one row */
    struct base_arena reasons; /* of the last evaluation's failures */
    struct vec_node *root;
    struct expr_share *share; /* owned when `own_share` */
    bool own_share;
    const int32_t *col_map; /* while compiling */
};

/* Costs of a row, in units of a comparison of numbers. */
enum { VEC_COST_NUMBER = 1, VEC_COST_KEY = 4, VEC_COST_STRING = 8, VEC_COST_ROW = 200 };

/* -- what evaluators share --------------------------------------------------------------------------------- */

struct expr_share *expr_share_new_on(const struct expr_kern *kern) {
    struct expr_share *s = base_calloc(1, sizeof *s);
    s->kern = kern;
    return s;
}

struct expr_share *expr_share_new(void) {
    return expr_share_new_on(expr_kern_best());
}

void expr_share_free(struct expr_share *s) {
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_cols; i++)
        base_free(s->cols[i].keys);
    base_free(s->cols);
    base_free(s);
}

void expr_share_open(struct expr_share *s, const struct evt_batch *b) {
    uint32_t n = b->schema->n_cols;
    if (n > s->n_cols) {
        s->cols = base_realloc(s->cols, n * sizeof *s->cols);
        memset(s->cols + s->n_cols, 0, (n - s->n_cols) * sizeof *s->cols);
        s->n_cols = n;
    }
    for (uint32_t i = 0; i < s->n_cols; i++)
        s->cols[i].done = 0;
    s->batch = b;
}

void expr_share_close(struct expr_share *s) {
    s->batch = NULL;
}

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
        run->kern->unpack(n->t, run->n_words, c->b);
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
    n->cost += vec_is_str(kind) ? VEC_COST_KEY : VEC_COST_NUMBER;
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

/* Which kernel does what a pattern of like, or one of the functions, asks of a string. */
static bool vec_part(struct vec_node *n, enum expr_like_kind kind, struct base_str text) {
    static const struct {
        vec_eval_fn eval;
        unsigned cost;
    } rows[] = { [EXPR_LIKE_EQUAL] = { vec_eval_str_equal, VEC_COST_KEY },
        [EXPR_LIKE_PREFIX] = { vec_eval_prefix, VEC_COST_KEY },
        [EXPR_LIKE_SUFFIX] = { vec_eval_suffix, VEC_COST_KEY },
        [EXPR_LIKE_CONTAINS] = { vec_eval_contains, VEC_COST_STRING } };
    if (kind == EXPR_LIKE_GENERAL)
        return false;
    n->text = text;
    n->eval = rows[kind].eval;
    n->cost += rows[kind].cost;
    return true;
}

static bool vec_compile_part(struct vec_node *n) {
    static const struct {
        const char *name;
        enum expr_like_kind kind;
    } funcs[] = { { "starts_with", EXPR_LIKE_PREFIX }, { "ends_with", EXPR_LIKE_SUFFIX },
        { "contains", EXPR_LIKE_CONTAINS } };
    const struct expr *e = n->e;
    if (e->n_args < 2 || e->args[0]->type->kind != EVT_STRING || vec_is_const(n->kids[0]) ||
        !vec_is_const(n->kids[1]) || e->args[1]->val.null)
        return false;
    if (strcmp(e->func->name, "like") == 0 && e->func_state) {
        const struct expr_like *l = e->func_state;
        return vec_part(n, l->kind, l->text);
    }
    for (size_t i = 0; i < CEP_COUNT_OF(funcs); i++)
        if (strcmp(e->func->name, funcs[i].name) == 0)
            return vec_part(n, funcs[i].kind, evt_val_str(&e->args[1]->val));
    return false;
}

/*
 * x >= lo and x <= hi, and so on: one kernel for both. Bounds that do not belong to it become the next value within, one
 * beyond which there is none becomes a bound that nothing meets.
 */
static bool vec_bound_i(struct vec_node *n, enum expr_cmp cmp, int64_t c) {
    int64_t *lo = &n->between.i.lo, *hi = &n->between.i.hi;
    if (cmp >= EXPR_CMP_GT)
        *lo = cmp == EXPR_CMP_GE || c == INT64_MAX ? c : c + 1;
    else
        *hi = cmp == EXPR_CMP_LE || c == INT64_MIN ? c : c - 1;
    return !(cmp == EXPR_CMP_GT && c == INT64_MAX) && !(cmp == EXPR_CMP_LT && c == INT64_MIN);
}

static bool vec_bound_d(struct vec_node *n, enum expr_cmp cmp, double c) {
    if (cmp >= EXPR_CMP_GT)
        n->between.d.lo = cmp == EXPR_CMP_GE ? c : nextafter(c, INFINITY);
    else
        n->between.d.hi = cmp == EXPR_CMP_LE ? c : nextafter(c, -INFINITY);
    return !(cmp == EXPR_CMP_GT && c == INFINITY) && !(cmp == EXPR_CMP_LT && c == -INFINITY);
}

static bool vec_is_bound(const struct vec_node *n) {
    return n->eval == vec_eval_cmp_const && n->cmp >= EXPR_CMP_LT && n->kids[0]->e->kind == EXPR_COL &&
           !vec_is_str(n->kids[0]->e->type->kind);
}

static bool vec_bound(struct vec_node *n, const struct vec_node *cmp) {
    const struct evt_val *c = &cmp->kids[1]->e->val;
    return n->kids[0]->e->type->kind == EVT_DOUBLE ? vec_bound_d(n, cmp->cmp, c->d)
                                                   : vec_bound_i(n, cmp->cmp, c->i);
}

/* Makes the first of two comparisons in an `and` both of them. */
static bool vec_join_bounds(struct vec_node *x, const struct vec_node *y) {
    if (!vec_is_bound(x) || !vec_is_bound(y) || !expr_eq(x->kids[0]->e, y->kids[0]->e) ||
        (x->cmp >= EXPR_CMP_GT) == (y->cmp >= EXPR_CMP_GT))
        return false;
    if (!vec_bound(x, x) || !vec_bound(x, y))
        return false;
    x->eval = vec_eval_between;
    return true;
}

static void vec_compile_between(struct vec_node *n) {
    for (uint32_t i = 0; i < n->n_kids; i++)
        for (uint32_t k = i + 1; k < n->n_kids; k++)
            if (vec_join_bounds(n->kids[i], n->kids[k])) {
                n->kids[k] = n->kids[--n->n_kids];
                break;
            }
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
    n->cost += vec_is_str(t->kind) ? VEC_COST_STRING : VEC_COST_KEY;
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
        if (n->n_kids == 0 || (!vec_compile_cmp(n) && !vec_compile_arith(n) && !vec_compile_part(n)))
            vec_compile_rows(v, n);
        return;
    case EXPR_AND:
    case EXPR_OR:
        n->eval = vec_eval_and_or;
        if (n->e->kind == EXPR_AND)
            vec_compile_between(n);
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
    case EXPR_NAV:
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

static struct expr_vec *vec_new(
    struct expr_share *share, bool own_share, const struct expr *e, const int32_t *col_map) {
    struct expr_vec *v = base_calloc(1, sizeof *v);
    base_arena_init(&v->arena, 0);
    base_arena_init(&v->scratch, 0);
    base_arena_init(&v->reasons, 0);
    v->share = share;
    v->own_share = own_share;
    v->col_map = col_map;
    const struct expr *failed = NULL;
    v->root = vec_compile(v, expr_fold(&v->arena, e, &failed));
    v->col_map = NULL;
    return v;
}

struct expr_vec *expr_vec_new(const struct expr *e, const int32_t *col_map) {
    return vec_new(expr_share_new(), true, e, col_map);
}

struct expr_vec *expr_vec_new_in(struct expr_share *s, const struct expr *e, const int32_t *col_map) {
    return vec_new(s, false, e, col_map);
}

static void vec_release(struct vec_node *n) {
    for (uint32_t i = 0; i < n->n_kids; i++)
        vec_release(n->kids[i]);
    if (n->out.type)
        evt_col_release(&n->out);
    base_free(n->keys.keys);
}

void expr_vec_free(struct expr_vec *v) {
    if (!v)
        return;
    vec_release(v->root);
    if (v->own_share)
        expr_share_free(v->share);
    base_arena_release(&v->reasons);
    base_arena_release(&v->scratch);
    base_arena_release(&v->arena);
    base_free(v);
}

/* -- evaluating -------------------------------------------------------------------------------------------- */

static void vec_eval_root(struct expr_vec *v, struct vec_run *run, const struct evt_batch *b,
    const uint64_t *sel, int64_t now_us, uint64_t *all, struct expr_fails *fails) {
    CEP_REQUIRE(b->n_rows <= EVT_BATCH_ROWS);
    bool open = v->share->batch != NULL;
    CEP_REQUIRE(!open || v->share->batch == b);
    if (!open)
        expr_share_open(v->share, b);
    *run = (struct vec_run){ .kern = v->share->kern,
        .share = v->share,
        .batch = b,
        .n_rows = b->n_rows,
        .n_words = (uint32_t)BASE_BITS_WORDS(b->n_rows),
        .scratch = &v->scratch,
        .reasons = &v->reasons,
        .now_us = now_us };
    base_arena_clear(&v->reasons);
    sel = sel ? sel : b->sel;
    base_bits_fill(all, b->n_rows);
    for (uint32_t w = 0; sel && w < run->n_words; w++)
        all[w] &= sel[w];
    struct expr_fails local = { .n = 0 };
    v->root->eval(v->root, run, all, fails ? fails : &local);
    base_arena_clear(&v->scratch);
    if (!open)
        expr_share_close(v->share);
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
