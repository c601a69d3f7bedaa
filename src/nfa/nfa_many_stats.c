/*
 * nfa_many_stats -- what can be seen of many patterns: their counts, what they share, their invariants.
 */
#include "nfa/nfa_many_internal.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"

int64_t nfa_many_next_timer(const struct nfa_many *g) {
    /* As in nfa_matcher_next_timer(): looking changes nothing that anybody can see. */
    bool any;
    struct nfa_many *own = (struct nfa_many *)(uintptr_t)g;
    int64_t at = clk_timers_next(&own->timers, &any);
    return any ? at : EVT_TIME_MAX;
}

void nfa_many_stats(const struct nfa_many *g, uint32_t pattern, struct nfa_stats *out) {
    const struct many_member *e = g->members[pattern];
    nfa_matcher_stats(e->m, out);
    uint64_t narrow = 0;
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        out->events += g->inputs[i].n_events;
        narrow += e->code->wide[i] ? 0 : g->inputs[i].n_events;
    }
    out->irrelevant = narrow - e->n_hits;
    /* Those that were loaded concern one pattern each. */
    out->buffered = e->code->any_wide ? g->reorder.n_rows - g->n_loaded + e->loaded : e->waiting;
}

void nfa_many_trace(struct nfa_many *g, uint32_t pattern, nfa_trace_fn line, void *arg) {
    nfa_matcher_trace(g->members[pattern]->m, line, arg);
}

void nfa_many_shared(const struct nfa_many *g, struct nfa_many_shared *out) {
    *out = (struct nfa_many_shared){ .rows = g->reorder.n_rows,
        .served = g->n_served,
        .key_sets = (uint32_t)g->n_sets,
        .programs = (uint32_t)g->code_memo.n_live,
        .bytes = clk_reorder_bytes(&g->reorder) + clk_timers_bytes(&g->timers) };
    for (size_t i = 0; i < g->n_held; i++) {
        out->bytes += g->held[i].cap_hits * sizeof(struct many_hit);
        for (size_t k = 0; k < g->n_sets; k++)
            out->bytes += g->held[i].keyed[k].cap_rows * 2 * sizeof(uint64_t);
    }
}

void nfa_many_check(const struct nfa_many *g) {
    size_t waiting = 0;
    uint64_t loaded = 0, of_members = 0;
    clk_reorder_check(&g->reorder);
    clk_timers_check(&g->timers);
    for (size_t i = 0; i < g->n_held; i++) {
        CEP_INSIST((g->held[i].batch != NULL) == (g->held[i].waiting > 0));
        waiting += g->held[i].waiting;
        loaded += g->held[i].loaded ? g->held[i].waiting : 0;
    }
    for (uint32_t i = 0; i < g->n; i++)
        of_members += g->members[i]->loaded;
    CEP_INSIST(waiting == g->reorder.n_rows);
    CEP_INSIST(loaded == g->n_loaded && loaded == of_members);
    for (uint32_t i = 0; g->sealed && i < g->n; i++) {
        const struct many_member *e = g->members[i];
        nfa_matcher_check(e->m);
        int64_t next = nfa_matcher_next_timer(e->m);
        if (next != EVT_TIME_MAX)
            CEP_INSIST(clk_timer_waits(&e->timer) && clk_timer_at(&g->timers, &e->timer) <= next);
        CEP_INSIST(
            base_bits_get(g->awake, i) == (e->code->any_wide && (e->code->greedy || nfa_has_keys(e->m))));
        CEP_INSIST(g->touched[i] == 0 && g->lists[i].first == 0);
    }
}

/* -- for explain ------------------------------------------------------------------------------------------------ */

static void count_cond(const struct many_input *in, uint32_t cond, struct nfa_many_found *out) {
    uint32_t col;
    switch (expr_index_how(in->index, cond, &col)) {
    case EXPR_INDEX_EQUAL: out->by_equal++; break;
    case EXPR_INDEX_RANGE: out->by_range++; break;
    case EXPR_INDEX_SCAN: out->by_scan++; break;
    case EXPR_INDEX_HOW_MAX: break;
    }
}

static bool others_use(const struct many_input *in, uint32_t cond, uint32_t pattern) {
    for (uint32_t u = in->user_off[cond]; u < in->user_off[cond + 1]; u++)
        if (in->user_list[u].member != pattern)
            return true;
    return false;
}

static void found_by_all(const struct nfa_many *g, struct nfa_many_found *out) {
    for (uint32_t i = 0; i < g->n_inputs; i++) {
        const struct many_input *in = &g->inputs[i];
        uint32_t n = expr_index_count(in->index);
        out->conditions += in->user_off[n];
        out->distinct += n;
        for (uint32_t c = 0; c < n; c++) {
            out->shared += in->user_off[c + 1] - in->user_off[c] > 1;
            count_cond(in, c, out);
        }
    }
}

void nfa_many_found(const struct nfa_many *g, uint32_t pattern, struct nfa_many_found *out) {
    CEP_REQUIRE(g->sealed);
    *out = (struct nfa_many_found){ 0 };
    if (pattern == UINT32_MAX) {
        found_by_all(g, out);
        return;
    }
    const struct many_conds *c = &g->conds[pattern];
    out->conditions = out->distinct = (uint32_t)c->n;
    for (size_t i = 0; i < c->n; i++) {
        const struct many_input *in = &g->inputs[c->v[i].input];
        out->shared += others_use(in, c->v[i].cond, pattern);
        count_cond(in, c->v[i].cond, out);
    }
}

void nfa_many_columns(const struct nfa_many *g, uint32_t input,
    void (*each)(void *arg, uint32_t col, bool range, uint32_t n_conditions), void *arg) {
    const struct expr_index *ix = g->inputs[input].index;
    uint32_t n_cols = 0, col;
    CEP_REQUIRE(g->sealed);
    for (uint32_t c = 0; c < expr_index_count(ix); c++)
        if (expr_index_how(ix, c, &col) != EXPR_INDEX_SCAN && col >= n_cols)
            n_cols = col + 1;
    uint32_t(*n)[2] = base_calloc(n_cols + (size_t)1, sizeof *n);
    for (uint32_t c = 0; c < expr_index_count(ix); c++) {
        enum expr_index_how how = expr_index_how(ix, c, &col);
        if (how != EXPR_INDEX_SCAN)
            n[col][how == EXPR_INDEX_RANGE]++;
    }
    for (col = 0; col < n_cols; col++)
        for (int range = 0; range < 2; range++)
            if (n[col][range])
                each(arg, col, range, n[col][range]);
    base_free(n);
}
