/*
 * expr_vec_logic -- nodes that are operations on bitmaps, and those that choose between their children.
 *
 * and/or narrow the selection from child to child: what is decided is not evaluated again, and failures of rows that
 * end up decided are taken back, as expr_eval does.
 */
#include "expr/expr_vec_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"

#define VEC_ALL (~UINT64_C(0))

void vec_eval_const(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    (void)sel, (void)fails;
    if (n->filled)
        return;
    /* For bools, and for whoever asks about nulls. */
    memset(n->vb, n->e->val.null ? 0 : 0xff, sizeof n->vb);
    memset(n->tb, vec_is_bool(n) && !n->e->val.null && n->e->val.b ? 0xff : 0, sizeof n->tb);
    n->t = n->tb;
    n->v = n->e->val.null ? n->vb : NULL;
    vec_as_col(n, run);
}

void vec_eval_col(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    (void)sel, (void)fails;
    if (n->batch_col < 0) {
        if (!n->filled) {
            struct evt_col *c = vec_out(n);
            for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++)
                evt_col_set_null(c, i);
            n->filled = true;
        }
        n->t = n->tb; /* zero from the start, as vb is */
        n->v = n->vb;
        n->col = &n->out;
        return;
    }
    const struct evt_col *c = &run->batch->cols[n->batch_col];
    n->col = c;
    if (!vec_is_bool(n))
        return;
    run->kern->pack(c->b, run->n_words, n->tb);
    n->t = n->tb;
    n->v = c->valid;
    for (uint32_t w = 0; c->valid && w < run->n_words; w++)
        n->tb[w] &= c->valid[w];
}

/*
 * Rows still open: not false yet for `and`, not true yet for `or`. A row that stays open to the end is true (or false)
 * unless some child was null there.
 */
void vec_eval_and_or(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    bool is_or = n->e->kind == EXPR_OR;
    uint64_t open[VEC_WORDS], unknown[VEC_WORDS] = { 0 }, left = 1, any_unknown = 0;
    struct expr_fails own = { .n = 0 };
    memcpy(open, sel, run->n_words * sizeof *open);
    for (uint32_t i = 0; i < n->n_kids && left; i++) {
        struct vec_node *k = n->kids[i];
        k->eval(k, run, open, &own);
        left = 0;
        for (uint32_t w = 0; w < run->n_words; w++) {
            uint64_t v = k->v ? k->v[w] : VEC_ALL, decided = is_or ? k->t[w] : v & ~k->t[w];
            open[w] &= ~decided;
            unknown[w] |= ~v;
            left |= open[w];
        }
    }
    for (uint32_t w = 0; w < run->n_words; w++) {
        uint64_t null = open[w] & unknown[w];
        any_unknown |= null;
        n->tb[w] = is_or ? sel[w] & ~open[w] : open[w] & ~null;
        n->vb[w] = ~null;
        own.rows[w] &= open[w];
    }
    n->t = n->tb;
    n->v = any_unknown ? n->vb : NULL;
    if (own.reason)
        vec_fail(fails, run, own.rows, own.reason);
}

void vec_eval_not(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *k = n->kids[0];
    k->eval(k, run, sel, fails);
    for (uint32_t w = 0; w < run->n_words; w++)
        n->tb[w] = ~k->t[w] & (k->v ? k->v[w] : VEC_ALL);
    n->t = n->tb;
    n->v = k->v;
}

void vec_eval_is_null(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *k = n->kids[0];
    k->eval(k, run, sel, fails);
    const uint64_t *valid = vec_valid(k);
    uint64_t flip = n->e->flag ? 0 : VEC_ALL;
    for (uint32_t w = 0; w < run->n_words; w++)
        n->tb[w] = (valid ? valid[w] : VEC_ALL) ^ flip;
    n->t = n->tb;
    n->v = NULL;
}

void vec_eval_field(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    struct vec_node *k = n->kids[0];
    k->eval(k, run, sel, fails);
    const struct evt_col *row = vec_as_col(k, run), *field = &row->children[n->e->index];
    const uint64_t *valid = row->valid ? row->valid : field->valid;
    if (row->valid && field->valid) {
        for (uint32_t w = 0; w < run->n_words; w++)
            n->vb[w] = row->valid[w] & field->valid[w];
        valid = n->vb;
    }
    n->shared = *field;
    n->shared.valid = (uint64_t *)(uintptr_t)valid; /* read only from here on */
    n->col = &n->shared;
    if (!vec_is_bool(n))
        return;
    run->kern->pack(field->b, run->n_words, n->tb);
    for (uint32_t w = 0; valid && w < run->n_words; w++)
        n->tb[w] &= valid[w];
    n->t = n->tb;
    n->v = valid;
}

/* -- case and coalesce: each row takes the value of one child, or null --------------------------------------------- */

#define VEC_NO_CHOICE UINT32_MAX

static void vec_choose(struct vec_node *n, const struct vec_run *run, const uint64_t *rows, uint32_t kid) {
    for (uint32_t w = 0; w < run->n_words; w++)
        for (uint64_t todo = rows[w]; todo; todo &= todo - 1)
            n->choice[w * 64 + (uint32_t)__builtin_ctzll(todo)] = kid;
}

/* Bits of the chosen children together. */
static void vec_gather_bool(struct vec_node *n, struct vec_run *run) {
    memset(n->tb, 0, sizeof n->tb);
    memset(n->vb, 0, sizeof n->vb);
    for (uint32_t i = 0; i < run->n_rows; i++) {
        if (n->choice[i] == VEC_NO_CHOICE)
            continue;
        const struct vec_node *k = n->kids[n->choice[i]];
        if (k->v && !base_bits_get(k->v, i))
            continue;
        base_bits_set(n->vb, i);
        base_bits_put(n->tb, i, base_bits_get(k->t, i));
    }
    n->t = n->tb;
    n->v = n->vb;
}

static void vec_gather(struct vec_node *n, struct vec_run *run) {
    if (vec_is_bool(n)) {
        vec_gather_bool(n, run);
        return;
    }
    struct evt_col *c = vec_out(n);
    for (uint32_t i = 0; i < run->n_rows; i++) {
        if (n->choice[i] == VEC_NO_CHOICE)
            evt_col_set_null(c, i);
        else
            evt_col_copy(c, i, n->kids[n->choice[i]]->col, i);
    }
    n->col = c;
}

void vec_eval_case(struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    uint64_t open[VEC_WORDS], hit[VEC_WORDS];
    memcpy(open, sel, run->n_words * sizeof *open);
    memset(n->choice, 0xff, run->n_rows * sizeof *n->choice);
    uint32_t i = 0;
    for (; i + 1 < n->n_kids; i += 2) {
        struct vec_node *cond = n->kids[i], *val = n->kids[i + 1];
        cond->eval(cond, run, open, fails);
        for (uint32_t w = 0; w < run->n_words; w++) {
            hit[w] = open[w] & cond->t[w];
            open[w] &= ~hit[w];
        }
        val->eval(val, run, hit, fails);
        vec_choose(n, run, hit, i + 1);
    }
    if (i < n->n_kids) {
        n->kids[i]->eval(n->kids[i], run, open, fails);
        vec_choose(n, run, open, i);
    }
    vec_gather(n, run);
}

void vec_eval_coalesce(
    struct vec_node *n, struct vec_run *run, const uint64_t *sel, struct expr_fails *fails) {
    uint64_t open[VEC_WORDS], hit[VEC_WORDS];
    memcpy(open, sel, run->n_words * sizeof *open);
    memset(n->choice, 0xff, run->n_rows * sizeof *n->choice);
    for (uint32_t i = 0; i < n->n_kids; i++) {
        struct vec_node *k = n->kids[i];
        k->eval(k, run, open, fails);
        const uint64_t *valid = vec_valid(k);
        for (uint32_t w = 0; w < run->n_words; w++) {
            hit[w] = open[w] & (valid ? valid[w] : VEC_ALL);
            open[w] &= ~hit[w];
        }
        vec_choose(n, run, hit, i);
    }
    vec_gather(n, run);
}
