/*
 * nfa_rows_hist -- what a thread has taken: see nfa_rows_int.h.
 */
#include "nfa/nfa_rows_int.h"

#include "base/base_mem.h"

#include <string.h>
#include <xxhash.h>

static const struct nfa_rows_reg none = { UINT64_MAX, UINT64_MAX };

void nfa_rows_hist_unref(struct nfa_rows_kind *k, struct nfa_rows *key, struct nfa_rows_hist *h) {
    while (h && --h->refs == 0) {
        struct nfa_rows_hist *prev = h->prev;
        key->hist_bytes -= k->hist_size;
        base_free(h);
        h = prev;
    }
}

static bool is_none(const struct nfa_rows_reg *r) {
    return r->row == none.row && r->var == none.var;
}

/* A row of the set was taken: its registers. */
static void take_in(const struct nfa_rows_set *s, struct nfa_rows_reg *regs, uint64_t row, uint32_t var) {
    struct nfa_rows_reg *last = regs + s->reg, *first = last + s->n_last, *all = first + s->n_first;
    const struct nfa_rows_reg r = { row, s->names ? var : 0 };
    if (s->n_last > 0) {
        memmove(last + 1, last, (s->n_last - 1) * sizeof *last);
        last[0] = r;
    }
    for (uint32_t i = 0; i < s->n_first; i++)
        if (is_none(&first[i])) {
            first[i] = r;
            break;
        }
    if (s->hashed) {
        const struct nfa_rows_reg both[2] = { *all, r };
        XXH128_hash_t h = XXH3_128bits(both, sizeof both);
        *all = (struct nfa_rows_reg){ h.low64, h.high64 };
    }
}

struct nfa_rows_hist *nfa_rows_hist_new(struct nfa_rows_env *env, bool excluded) {
    struct nfa_rows_kind *k = env->kind;
    struct nfa_rows_hist *h = base_alloc(k->hist_size), *prev = env->hist;
    const struct plan_recognize *plan = k->plan;
    *h = (struct nfa_rows_hist){
        .prev = nfa_rows_hist_ref(prev), .row = env->number, .refs = 1, .var = env->var, .excluded = excluded
    };
    for (uint32_t i = 0; i < k->n_regs; i++)
        h->regs[i] = prev ? prev->regs[i] : none;
    for (uint32_t i = 0; i < k->n_sets; i++)
        if (k->sets[i].of >> env->var & 1)
            take_in(&k->sets[i], h->regs, env->number, env->var);
    struct expr_agg_state *aggs = nfa_rows_hist_aggs(k, h);
    for (uint32_t i = 0; i < plan->n_aggs; i++) {
        if (prev) {
            memcpy(&aggs[i], &nfa_rows_hist_aggs(k, prev)[i], sizeof *aggs);
        } else {
            memset(&aggs[i], 0, sizeof *aggs); /* they are compared as bytes */
            expr_agg_start(&aggs[i]);
        }
        if (nfa_rows_agg_runs(plan->aggs[i]))
            nfa_rows_agg_add(env, plan->aggs[i], &aggs[i]);
    }
    env->key->hist_bytes += k->hist_size;
    return h;
}

bool nfa_rows_hist_same(
    const struct nfa_rows_kind *k, const struct nfa_rows_hist *a, const struct nfa_rows_hist *b) {
    if (a == b)
        return true;
    return a && b && memcmp(a->regs, b->regs, k->n_regs * sizeof *a->regs) == 0 &&
           memcmp(nfa_rows_hist_aggs(k, a), nfa_rows_hist_aggs(k, b),
               k->plan->n_aggs * sizeof(struct expr_agg_state)) == 0;
}

/* The n-th of the set's rows, as far as there are registers for it; else the way back is gone. */
static bool find_last(
    const struct nfa_rows_hist *h, const struct nfa_rows_set *s, uint32_t n, uint64_t *row) {
    if (h && n < s->n_last) {
        *row = h->regs[s->reg + n].row;
        return !is_none(&h->regs[s->reg + n]);
    }
    for (; h; h = h->prev)
        if (s->of >> h->var & 1 && n-- == 0) {
            *row = h->row;
            return true;
        }
    return false;
}

static bool find_first(
    const struct nfa_rows_hist *h, const struct nfa_rows_set *s, uint32_t n, uint64_t *row) {
    uint32_t count = 0;
    if (h && n < s->n_first) {
        *row = h->regs[s->reg + s->n_last + n].row;
        return !is_none(&h->regs[s->reg + s->n_last + n]);
    }
    for (const struct nfa_rows_hist *x = h; x; x = x->prev)
        count += s->of >> x->var & 1;
    for (; h && n < count; h = h->prev)
        if (s->of >> h->var & 1 && --count == n) {
            *row = h->row;
            return true;
        }
    return false;
}

bool nfa_rows_hist_find(
    const struct nfa_rows_hist *h, const struct nfa_rows_set *s, bool from_last, uint32_t n, uint64_t *row) {
    return from_last ? find_last(h, s, n, row) : find_first(h, s, n, row);
}
