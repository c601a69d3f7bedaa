/*
 * nfa_rows_hist -- what a thread has taken: see nfa_rows_int.h.
 */
#include "nfa/nfa_rows_int.h"

#include "base/base_mem.h"

#include <string.h>

void nfa_rows_hist_unref(struct nfa_rows_kind *k, struct nfa_rows *key, struct nfa_rows_hist *h) {
    while (h && --h->refs == 0) {
        struct nfa_rows_hist *prev = h->prev;
        key->hist_bytes -= k->hist_size;
        base_free(h);
        h = prev;
    }
}

struct nfa_rows_hist *nfa_rows_hist_new(struct nfa_rows_env *env, bool excluded) {
    struct nfa_rows_kind *k = env->kind;
    struct nfa_rows_hist *h = base_alloc(k->hist_size), *prev = env->hist;
    const struct plan_recognize *plan = k->plan;
    *h = (struct nfa_rows_hist){
        .prev = nfa_rows_hist_ref(prev), .row = env->number, .refs = 1, .var = env->var, .excluded = excluded
    };
    for (uint32_t i = 0; i < k->n_sets; i++) {
        bool in = k->sets[i] >> env->var & 1;
        h->ends[2 * i] = in ? h : prev ? prev->ends[2 * i] : NULL;
        h->ends[2 * i + 1] = prev && prev->ends[2 * i + 1] ? prev->ends[2 * i + 1] : in ? h : NULL;
    }
    struct expr_agg_state *aggs = nfa_rows_hist_aggs(k, h);
    for (uint32_t i = 0; i < plan->n_aggs; i++) {
        if (prev)
            memcpy(&aggs[i], &nfa_rows_hist_aggs(k, prev)[i], sizeof *aggs);
        else {
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
    if (!a || !b || k->deep)
        return false;
    for (uint32_t i = 0; i < 2 * k->n_sets; i++)
        if (a->ends[i] != b->ends[i])
            return false;
    return memcmp(nfa_rows_hist_aggs(k, a), nfa_rows_hist_aggs(k, b),
               k->plan->n_aggs * sizeof(struct expr_agg_state)) == 0;
}

const struct nfa_rows_hist *nfa_rows_hist_find(
    const struct nfa_rows_hist *h, uint32_t set, bool from_last, uint32_t n) {
    const struct nfa_rows_hist *last = h ? h->ends[2 * set] : NULL;
    if (!from_last && n == 0)
        return h ? h->ends[2 * set + 1] : NULL;
    if (!from_last) {
        uint32_t count = 0;
        for (const struct nfa_rows_hist *x = last; x; x = x->prev ? x->prev->ends[2 * set] : NULL)
            count++;
        if (n >= count)
            return NULL;
        n = count - 1 - n;
    }
    for (; last && n > 0; n--)
        last = last->prev ? last->prev->ends[2 * set] : NULL;
    return last;
}
