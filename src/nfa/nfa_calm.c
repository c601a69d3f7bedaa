/*
 * nfa_calm -- which events may a state not care about?
 *
 * A state's *interest* is the set of bits that its conditions ask for. Law: for an event with none of them no TAKE and no
 * STOP edge can hold, and every IGNORE edge does. If what the IGNORE edges lead to can, all together, do exactly what
 * the state can do, then a partial match may stay where it is instead of being split up: the state is *calm*. Rows
 * outside every state's interest are dropped before they cost a key look-up.
 *
 * (Splitting up would also report the time-out of one partial match once for each state it stands in. It is one.)
 */
#include "nfa/nfa_int.h"

#include "base/base_bits.h"

static uint64_t *mask_new(struct nfa_prog *p, uint32_t *off) {
    *off = (uint32_t)p->n_masks;
    for (size_t i = 0; i < p->n_words; i++)
        *NFA_PUSH(p, p->masks, p->n_masks, p->cap_masks) = 0;
    return p->masks + *off;
}

/* Adds what a literal asks for. Returns: false when it may matter for any event at all. */
static bool add_interest(const struct nfa_prog *p, uint64_t *mask, const struct nfa_edge *e) {
    bool any = false;
    for (uint32_t i = 0; i < e->n_guard; i++) {
        nfa_lit l = p->lits.v[e->guard + i];
        const struct nfa_atom *a = &p->atoms[nfa_lit_atom(l)];
        bool matters = e->action == NFA_IGNORE ? nfa_lit_negated(l) : !nfa_lit_negated(l);
        if (!matters)
            continue;
        if (a->kind == NFA_ATOM_TIME_HI || a->kind == NFA_ATOM_TIME_LO)
            continue;
        if (a->bit == NFA_NONE)
            return false;
        base_bits_set(mask, a->bit);
        any = true;
    }
    return e->action == NFA_IGNORE || any;
}

static bool same_edge(const struct nfa_prog *p, const struct nfa_edge *a, const struct nfa_edge *b) {
    return a->action == b->action && a->target == b->target && a->var == b->var &&
           a->completes == b->completes && a->n_guard == b->n_guard &&
           memcmp(p->lits.v + a->guard, p->lits.v + b->guard, a->n_guard * sizeof(nfa_lit)) == 0;
}

static bool has_edge(const struct nfa_prog *p, const struct nfa_state *s, const struct nfa_edge *e) {
    for (uint32_t i = 0; i < s->n_edges; i++) {
        if (same_edge(p, &p->edges[s->edges + i], e))
            return true;
    }
    return false;
}

/* Comparing edges costs their number cubed: states with more ignores and edges than these are not looked at. */
enum { NFA_CALM_EDGES = 128, NFA_CALM_IGNORES = 4 };

static bool is_calm(const struct nfa_prog *p, uint32_t at) {
    const struct nfa_state *s = &p->states[at];
    bool pending = false, unbounded = false;
    int64_t bound = -1;
    uint32_t n_ignores = 0;
    for (uint32_t i = 0; i < s->n_edges; i++) {
        const struct nfa_edge *e = &p->edges[s->edges + i];
        if (e->action != NFA_IGNORE)
            continue;
        if (++n_ignores > NFA_CALM_IGNORES && s->n_edges > NFA_CALM_EDGES)
            return false;
        if (e->completes || e->target == NFA_NONE)
            return false;
        for (uint32_t k = 0; k < e->n_guard; k++) {
            nfa_lit l = p->lits.v[e->guard + k];
            if (!nfa_lit_negated(l) && p->atoms[nfa_lit_atom(l)].kind != NFA_ATOM_TIME_HI)
                return false;
        }
        if (e->target == at) {
            pending = pending || nfa_awaits_absence(s);
            if (s->bound_us < 0)
                unbounded = true;
            else if (s->bound_us > bound)
                bound = s->bound_us;
            continue;
        }
        const struct nfa_state *t = &p->states[e->target];
        pending = pending || nfa_awaits_absence(t);
        if (t->bound_us < 0)
            unbounded = true;
        else if (t->bound_us > bound)
            bound = t->bound_us;
        /* What the target can do the state can do. */
        for (uint32_t k = 0; k < t->n_edges; k++) {
            if (!has_edge(p, s, &p->edges[t->edges + k]))
                return false;
        }
    }
    if (!n_ignores || pending != nfa_awaits_absence(s) || (unbounded ? -1 : bound) != s->bound_us)
        return false;
    /* And what the state can do one of the targets can. */
    for (uint32_t i = 0; i < s->n_edges; i++) {
        const struct nfa_edge *e = &p->edges[s->edges + i];
        bool some = false, all = true;
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *ig = &p->edges[s->edges + k];
            if (ig->action != NFA_IGNORE)
                continue;
            bool there = ig->target == at || has_edge(p, &p->states[ig->target], e);
            some = some || there;
            all = all && there;
        }
        /* A negation ends a partial match as a whole: every one of those it is split into must know it. */
        if (!some || (e->action == NFA_STOP && !all))
            return false;
    }
    return true;
}

static bool reads_run(const struct nfa_prog *p, uint32_t atom) {
    const struct nfa_atom *a = &p->atoms[atom];
    while (a->kind == NFA_ATOM_BOTH) {
        const struct nfa_atom *second = &p->atoms[nfa_lit_atom(a->both[1])];
        if (second->rest)
            return true;
        a = &p->atoms[nfa_lit_atom(a->both[0])];
    }
    return a->rest != NULL;
}

/* Which states can reach a condition that reads the partial match (time since the event taken last does not count). */
static void find_run_free(struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_states; i++) {
        struct nfa_state *s = &p->states[i];
        s->run_free = true;
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *e = &p->edges[s->edges + k];
            for (uint32_t g = 0; g < e->n_guard; g++) {
                if (reads_run(p, nfa_lit_atom(p->lits.v[e->guard + g])))
                    s->run_free = false;
            }
        }
    }
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = p->n_states; i-- > 0;) {
            struct nfa_state *s = &p->states[i];
            for (uint32_t k = 0; k < s->n_edges && s->run_free; k++) {
                uint32_t t = p->edges[s->edges + k].target;
                if (t != NFA_NONE && !p->states[t].run_free) {
                    s->run_free = false;
                    changed = true;
                }
            }
        }
    }
}

enum cep_rc nfa_calm(struct nfa_prog *p, struct cep_err *err) {
    (void)err;
    bool all_calm = true;
    p->n_words = p->n_bits ? BASE_BITS_WORDS(p->n_bits) : 1;
    (void)mask_new(p, &p->start_interest);
    (void)mask_new(p, &p->any_interest);
    (void)mask_new(p, &p->run_interest);
    for (uint32_t i = 0; i < p->n_states; i++) {
        uint32_t off;
        (void)mask_new(p, &off);
        struct nfa_state *s = &p->states[i];
        s->interest = off;
        uint64_t *mask = p->masks + off;
        bool bounded = true;
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *e = &p->edges[s->edges + k];
            if (i == p->start && e->action != NFA_TAKE)
                continue;
            bounded = add_interest(p, mask, e) && bounded;
        }
        if (i == p->start) {
            p->start_always = !bounded;
            memcpy(p->masks + p->start_interest, mask, p->n_words * sizeof *mask);
        }
        s->calm = bounded && !(p->opts.off & NFA_PASS_CALM) && is_calm(p, i);
        s->fold = s->calm ? 0 : UINT64_MAX;
        for (size_t w = 0; w < p->n_words; w++)
            s->fold |= mask[w];
        if (i != p->start && !s->calm)
            all_calm = false;
        for (size_t w = 0; w < p->n_words; w++) {
            p->masks[p->any_interest + w] |= p->masks[off + w];
            p->masks[p->run_interest + w] |= i == p->start ? 0 : p->masks[off + w];
        }
    }
    find_run_free(p);
    p->all_calm = all_calm;
    p->needs_all_rows = !all_calm || p->start_always;
    for (uint32_t i = 0; i < p->pat->n_inputs; i++) {
        if (p->prev_rows[i])
            p->needs_all_rows = true;
    }
    return CEP_OK;
}
