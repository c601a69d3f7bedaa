/*
 * expr_vec_kern -- nodes that call a kernel: comparisons, sets, parts of strings, arithmetic.
 */
#include "expr/expr_vec_internal.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

const uint64_t *vec_and_valid(const struct vec_run *run, const uint64_t *x, const uint64_t *y, uint64_t *to) {
    if (!x || !y)
        return x ? x : y;
    for (uint32_t w = 0; w < run->n_words; w++)
        to[w] = x[w] & y[w];
    return to;
}

void vec_set_bool(struct vec_node *n, const struct vec_run *run, const uint64_t *valid) {
    n->t = n->tb;
    n->v = valid;
    if (valid)
        for (uint32_t w = 0; w < run->n_words; w++)
            n->tb[w] &= valid[w];
}

static bool vec_is_str(const struct vec_node *n) {
    return n->e->type->kind == EVT_STRING || n->e->type->kind == EVT_BYTES;
}

static void vec_eval_kids(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    for (uint32_t i = 0; i < n->n_kids; i++)
        n->kids[i]->eval(n->kids[i], run, sel, fails);
}

/* -- strings ----------------------------------------------------------------------------------------------- */

const int64_t *vec_str_keys(struct vec_node *n, struct vec_run *run, const uint64_t *sel) {
    struct vec_keys *k = &n->keys;
    if (n->e->kind == EXPR_COL && n->batch_col >= 0)
        k = &run->share->cols[n->batch_col];
    else
        k->done = 0;
    if (!k->keys)
        k->keys = base_aligned_alloc(64, EVT_BATCH_ROWS * sizeof *k->keys);
    expr_kern_keys(run->kern, n->col, sel, run->n_rows, &k->done, k->keys);
    return k->keys;
}

static struct expr_kern_strs vec_strs(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, bool keys) {
    struct expr_kern_strs s = {
        .kern = run->kern, .col = vec_as_col(n, run), .sel = sel, .n_rows = run->n_rows
    };
    if (keys)
        s.keys = vec_str_keys(n, run, sel);
    return s;
}

typedef void (*vec_part_fn)(const struct expr_kern_strs *a, struct base_str c, uint64_t *out);

static void vec_eval_part(struct vec_node *n, struct vec_run *run, const uint64_t *sel,
    struct expr_fails *fails, vec_part_fn fn, bool keys) {
    struct vec_node *x = n->kids[0];
    x->eval(x, run, sel, fails);
    struct expr_kern_strs s = vec_strs(x, run, sel, keys);
    fn(&s, n->text, n->tb);
    vec_set_bool(n, run, s.col->valid);
}

void vec_eval_prefix(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_part(n, run, sel, fails, expr_kern_str_prefix, true);
}

void vec_eval_suffix(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_part(n, run, sel, fails, expr_kern_str_suffix, false);
}

void vec_eval_contains(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_part(n, run, sel, fails, expr_kern_str_contains, false);
}

static void vec_str_equal(const struct expr_kern_strs *a, struct base_str c, uint64_t *out) {
    expr_kern_str_cmp_const(a, EXPR_CMP_EQ, c, out);
}

void vec_eval_str_equal(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_part(n, run, sel, fails, vec_str_equal, true);
}

/* -- comparisons ------------------------------------------------------------------------------------------- */

/* With a constant on the right. */
void vec_eval_cmp_const(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *x = n->kids[0];
    const struct evt_val *c = &n->kids[1]->e->val;
    x->eval(x, run, sel, fails);
    if (vec_is_str(x)) {
        struct expr_kern_strs s = vec_strs(x, run, sel, true);
        expr_kern_str_cmp_const(&s, n->cmp, evt_val_str(c), n->tb);
    } else if (x->e->type->kind == EVT_DOUBLE) {
        run->kern->cmp_dc[n->cmp](x->col->d, c->d, sel, run->n_words, n->tb);
    } else {
        run->kern->cmp_ic[n->cmp](x->col->i, c->i, sel, run->n_words, n->tb);
    }
    vec_set_bool(n, run, x->col->valid);
}

void vec_eval_cmp(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    struct vec_node *x = n->kids[0], *y = n->kids[1];
    const struct evt_col *a = vec_as_col(x, run), *b = vec_as_col(y, run);
    if (vec_is_str(x)) {
        struct expr_kern_strs s = vec_strs(x, run, sel, true), t = vec_strs(y, run, sel, true);
        expr_kern_str_cmp(&s, n->cmp, &t, n->tb);
    } else if (x->e->type->kind == EVT_DOUBLE) {
        run->kern->cmp_dd[n->cmp](a->d, b->d, sel, run->n_words, n->tb);
    } else {
        run->kern->cmp_ii[n->cmp](a->i, b->i, sel, run->n_words, n->tb);
    }
    vec_set_bool(n, run, vec_and_valid(run, a->valid, b->valid, n->vb));
}

/* = and <> of bools. */
void vec_eval_cmp_bool(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    const struct vec_node *x = n->kids[0], *y = n->kids[1];
    uint64_t flip = n->cmp == EXPR_CMP_EQ ? ~UINT64_C(0) : 0;
    for (uint32_t w = 0; w < run->n_words; w++)
        n->tb[w] = x->t[w] ^ y->t[w] ^ flip;
    vec_set_bool(n, run, vec_and_valid(run, x->v, y->v, n->vb));
}

/* Two comparisons of one operand, found by vec_compile_between(). */
void vec_eval_between(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *x = n->kids[0];
    x->eval(x, run, sel, fails);
    if (x->e->type->kind == EVT_DOUBLE)
        run->kern->between_d(x->col->d, n->between.d.lo, n->between.d.hi, sel, run->n_words, n->tb);
    else
        run->kern->between_i(x->col->i, n->between.i.lo, n->between.i.hi, sel, run->n_words, n->tb);
    vec_set_bool(n, run, x->col->valid);
}

void vec_eval_in_set(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *x = n->kids[0];
    x->eval(x, run, sel, fails);
    if (vec_is_str(x)) {
        struct expr_kern_strs s = vec_strs(x, run, sel, true);
        expr_kern_set_has_str(n->set, &s, n->tb);
    } else {
        expr_kern_set_has_i(n->set, run->kern, x->col->i, sel, run->n_words, n->tb);
    }
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

/* -- arithmetic -------------------------------------------------------------------------------------------- */

static const char *vec_arith_reason(const struct vec_node *n) {
    if (n->arith >= EXPR_ARITH_DIV)
        return "division by zero";
    enum evt_kind kind = n->e->type->kind;
    return kind == EVT_DOUBLE ? "double overflow" : kind == EVT_INT ? "int overflow" : "duration overflow";
}

void vec_eval_arith(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    const struct evt_col *a = vec_as_col(n->kids[0], run), *b = vec_as_col(n->kids[1], run);
    uint32_t a_step = !vec_is_const(n->kids[0]), b_step = !vec_is_const(n->kids[1]);
    struct evt_col *c = vec_out(n);
    uint64_t failed[VEC_WORDS];
    bool any;
    if (n->e->type->kind == EVT_DOUBLE)
        any = expr_kern_arith_d(
            run->kern, n->arith, a->d, a_step, b->d, b_step, sel, run->n_words, c->d, failed);
    else
        any = expr_kern_arith_i(
            run->kern, n->arith, a->i, a_step, b->i, b_step, sel, run->n_words, c->i, failed);
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

void vec_eval_int_to_double(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    vec_eval_kids(n, run, sel, fails);
    const struct evt_col *a = vec_as_col(n->kids[0], run);
    struct evt_col *c = vec_out(n);
    run->kern->i_to_d(a->i, run->n_words, c->d);
    n->shared = *c;
    n->shared.valid = a->valid;
    n->col = &n->shared;
}
