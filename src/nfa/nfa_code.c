/*
 * nfa_code -- programs that differ in names and in the constants of event-only conditions, and otherwise do the same.
 *
 * Law. Stepping a partial match asks the bits of an event, not the conditions behind them: what a matcher that is fed
 * (nfa_many.h) reads of its program are states, edges, guards, masks, what is kept of an event, and of its pattern the keys,
 * the time limit and the policies. Where these are the same, matchers of two programs may read the same one, and share what the
 * store of sets has found out about it (nfa_det.h). Names, measures and schemas are read of the matcher's own program.
 *
 * Of thousands of patterns that differ in their constants one program is then in the cache, and stays there.
 */
#include "base/base_bits.h"
#include "nfa/nfa_run.h"

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

static uint64_t mix_words(uint64_t h, const uint64_t *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        h = mix(h, v[i]);
    return h;
}

uint64_t nfa_code_hash(const struct nfa_prog *p) {
    uint64_t h = mix(mix(p->n_states, p->n_edges), mix(p->n_bits, p->n_atoms));
    for (size_t i = 0; i < p->n_states; i++)
        h = mix(mix(h, p->states[i].edges), p->states[i].interest);
    for (size_t i = 0; i < p->n_edges; i++) {
        const struct nfa_edge *e = &p->edges[i];
        h = mix(mix(h, (uint64_t)e->action << 32 | e->target), (uint64_t)e->var << 32 | e->n_lits);
        h = mix(mix(h, e->mask), e->want);
    }
    h = mix_words(h, p->masks, p->n_masks);
    for (uint32_t i = 0; i < p->n_kept; i++)
        h = mix(h, p->kept_cols[i]);
    return mix(h, (uint64_t)p->pat->within_us);
}

static bool same_u32(const uint32_t *a, const uint32_t *b, size_t n) {
    return n == 0 || memcmp(a, b, n * sizeof *a) == 0;
}

static bool same_exprs(const struct expr *const *a, const struct expr *const *b, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (!expr_eq(a[i], b[i]))
            return false;
    return true;
}

/* What stands for conditions: which bit, not what it asks. */
static bool same_bits(const struct nfa_prog *a, const struct nfa_prog *b) {
    if (a->n_bits != b->n_bits || a->n_words != b->n_words)
        return false;
    for (size_t i = 0; i < a->n_bits; i++) {
        const struct nfa_bit *x = &a->bits[i], *y = &b->bits[i];
        if (x->input != y->input || x->n_any != y->n_any || !x->e != !y->e ||
            !same_u32(x->any, y->any, x->n_any))
            return false;
    }
    return true;
}

static bool same_atoms(const struct nfa_prog *a, const struct nfa_prog *b) {
    if (a->n_atoms != b->n_atoms)
        return false;
    for (size_t i = 0; i < a->n_atoms; i++) {
        const struct nfa_atom *x = &a->atoms[i], *y = &b->atoms[i];
        if (x->kind != y->kind || x->bit != y->bit || x->var != y->var || x->until != y->until ||
            x->us != y->us || x->both[0] != y->both[0] || x->both[1] != y->both[1] || !x->rest != !y->rest)
            return false;
        if (x->rest && !expr_eq(x->rest, y->rest))
            return false;
    }
    return true;
}

static bool same_state(const struct nfa_state *a, const struct nfa_state *b) {
    return a->edges == b->edges && a->n_edges == b->n_edges && a->pending == b->pending &&
           a->calm == b->calm && a->run_free == b->run_free && a->interest == b->interest &&
           a->fold == b->fold && a->bound_us == b->bound_us && a->absent_us == b->absent_us &&
           a->rest == b->rest;
}

static bool same_edge(const struct nfa_edge *a, const struct nfa_edge *b) {
    return a->mask == b->mask && a->want == b->want && a->word == b->word && a->block == b->block &&
           a->any == b->any && a->action == b->action && a->target == b->target && a->var == b->var &&
           a->lits == b->lits && a->n_lits == b->n_lits && a->guard == b->guard && a->n_guard == b->n_guard &&
           a->finals == b->finals && a->n_finals == b->n_finals && a->completes == b->completes &&
           a->beaten == b->beaten && a->n_beaten == b->n_beaten;
}

static bool same_automaton(const struct nfa_prog *a, const struct nfa_prog *b) {
    if (a->n_states != b->n_states || a->n_edges != b->n_edges || a->n_finals != b->n_finals ||
        a->n_beaten != b->n_beaten || a->lits.n != b->lits.n || a->n_masks != b->n_masks)
        return false;
    for (size_t i = 0; i < a->n_states; i++)
        if (!same_state(&a->states[i], &b->states[i]))
            return false;
    for (size_t i = 0; i < a->n_edges; i++)
        if (!same_edge(&a->edges[i], &b->edges[i]))
            return false;
    for (size_t i = 0; i < a->n_finals; i++)
        if (a->finals[i].guard != b->finals[i].guard || a->finals[i].n_guard != b->finals[i].n_guard)
            return false;
    if (!same_u32(a->beaten, b->beaten, a->n_beaten) || !same_u32(a->lits.v, b->lits.v, a->lits.n))
        return false;
    if (a->n_masks && memcmp(a->masks, b->masks, a->n_masks * sizeof *a->masks) != 0)
        return false;
    if (!a->covers != !b->covers ||
        (a->covers && memcmp(a->covers, b->covers,
                          BASE_BITS_WORDS(a->n_states * a->n_states) * sizeof *a->covers) != 0))
        return false;
    return a->start == b->start && a->start_interest == b->start_interest &&
           a->run_interest == b->run_interest && a->all_calm == b->all_calm &&
           a->any_interest == b->any_interest && a->start_always == b->start_always &&
           a->needs_all_rows == b->needs_all_rows && a->has_bounds == b->has_bounds && a->store == b->store &&
           a->one_a_start == b->one_a_start;
}

static bool same_kept(const struct nfa_prog *a, const struct nfa_prog *b) {
    const struct plan_pattern *p = a->pat, *q = b->pat;
    if (p->cols.n_cols != q->cols.n_cols || p->n_inputs != q->n_inputs || p->n_aggs != q->n_aggs)
        return false;
    for (uint32_t i = 0; i < p->cols.n_cols; i++)
        if (!evt_type_eq(p->cols.cols[i].type, q->cols.cols[i].type) || a->kept_slot[i] != b->kept_slot[i])
            return false;
    for (uint32_t i = 0; i < p->n_inputs; i++)
        if (memcmp(p->col_map[i], q->col_map[i], p->cols.n_cols * sizeof *p->col_map[i]) != 0)
            return false;
    /* From the slots follow the columns, and from their types where they lie. */
    return a->n_kept == b->n_kept && a->n_run_aggs == b->n_run_aggs &&
           same_exprs(p->aggs, q->aggs, p->n_aggs) && a->uses_match_number == b->uses_match_number &&
           same_u32(a->prev_rows, b->prev_rows, p->n_inputs) && a->prev_within == b->prev_within;
}

static bool same_pattern(const struct plan_pattern *p, const struct plan_pattern *q) {
    return p->n_keys == q->n_keys && same_exprs(p->keys, q->keys, p->n_keys) && p->n_vars == q->n_vars &&
           p->within_kind == q->within_kind && p->within_us == q->within_us && p->skip == q->skip &&
           p->skip_var == q->skip_var && p->skip_or_error == q->skip_or_error &&
           p->limit_open == q->limit_open && p->limit_refuse_new == q->limit_refuse_new &&
           p->limit_matches == q->limit_matches;
}

bool nfa_code_same(const struct nfa_prog *a, const struct nfa_prog *b) {
    return same_bits(a, b) && same_automaton(a, b) && same_atoms(a, b) && same_kept(a, b) &&
           same_pattern(a->pat, b->pat) && a->opts.no_timeouts == b->opts.no_timeouts &&
           a->opts.off == b->opts.off;
}
