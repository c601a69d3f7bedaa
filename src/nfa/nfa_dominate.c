/*
 * nfa_dominate -- partial matches that another one of the same start always beats.
 *
 * Under skip past last and skip to next only one match of a start survives: the one that completes first, of those that
 * one event completes the one whose events come earliest. When an event is both taken (to state t) and ignored (to state
 * q) by one partial match, the one that took it has the earlier events from there on. If t can answer whatever q does --
 * take what q takes or do better, ignore what q ignores, not stop unless q stops, last as long -- then the one that
 * ignored can never win and is not made: `a+ -> b` keeps one partial match a start, not one for each length.
 *
 * Law: "t answers q" is the greatest relation with
 *   - t lasts at least as long as q after the event taken last (t's is the later one),
 *   - for each TAKE of q a TAKE of t with a guard that is no narrower, which completes if q's does, and whose target answers,
 *   - for each IGNORE of q an IGNORE or TAKE of t with a guard that is no narrower and whose target answers,
 *   - for each STOP of t a STOP of q with a guard that is no narrower.
 * q's conditions, now and later, must not read the partial match; then those of t that answer do not either, for they
 * are among q's, and what else t may do does not matter. Not where a time from below is asked for, where absence
 * completes, and not when somebody reads the time-outs of partial matches.
 */
#include "nfa/nfa_int.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

enum { NFA_DOMINATE_STATES = 512, NFA_DOMINATE_EDGES = 8192 };

struct relation {
    const struct nfa_prog *p;
    uint64_t *bits; /* n * n */
    size_t n;
};

static bool answers(const struct relation *r, uint32_t t, uint32_t q) {
    return t != NFA_NONE && q != NFA_NONE && base_bits_get(r->bits, (size_t)t * r->n + q);
}

/* Whenever b's guard holds a's does: a's literals are among b's. */
static bool no_narrower(const struct nfa_prog *p, const struct nfa_edge *a, const struct nfa_edge *b) {
    const nfa_lit *x = p->lits.v + a->guard, *y = p->lits.v + b->guard;
    uint32_t k = 0;
    for (uint32_t i = 0; i < a->n_guard; i++) {
        while (k < b->n_guard && y[k] < x[i])
            k++;
        if (k == b->n_guard || y[k] != x[i])
            return false;
    }
    return true;
}

static bool has_answer(const struct relation *r, uint32_t t, const struct nfa_edge *e) {
    const struct nfa_prog *p = r->p;
    const struct nfa_state *s = &p->states[t];
    bool ends = e->completes || e->n_finals;
    for (uint32_t i = 0; i < s->n_edges; i++) {
        const struct nfa_edge *f = &p->edges[s->edges + i];
        if (f->action == NFA_STOP || (e->action == NFA_TAKE && f->action != NFA_TAKE))
            continue;
        if ((ends && !f->completes) || !no_narrower(p, f, e))
            continue;
        if (e->target == NFA_NONE || answers(r, f->target, e->target))
            return true;
    }
    return false;
}

static bool still_answers(const struct relation *r, uint32_t ti, uint32_t qi) {
    const struct nfa_prog *p = r->p;
    const struct nfa_state *t = &p->states[ti], *q = &p->states[qi];
    if (nfa_awaits_absence(t) || nfa_awaits_absence(q) || !q->run_free)
        return false;
    if (t->bound_us >= 0 && (q->bound_us < 0 || t->bound_us < q->bound_us))
        return false;
    for (uint32_t i = 0; i < q->n_edges; i++) {
        const struct nfa_edge *e = &p->edges[q->edges + i];
        if (e->action != NFA_STOP && !has_answer(r, ti, e))
            return false;
    }
    for (uint32_t i = 0; i < t->n_edges; i++) {
        const struct nfa_edge *e = &p->edges[t->edges + i];
        bool known = e->action != NFA_STOP;
        for (uint32_t k = 0; k < q->n_edges && !known; k++) {
            const struct nfa_edge *f = &p->edges[q->edges + k];
            known = f->action == NFA_STOP && no_narrower(p, f, e);
        }
        if (!known)
            return false;
    }
    return true;
}

static bool worth_it(const struct nfa_prog *p) {
    if (!p->one_a_start || p->n_states > NFA_DOMINATE_STATES || p->n_edges > NFA_DOMINATE_EDGES)
        return false;
    if (!p->opts.no_timeouts && (p->pat->within_kind != PLAN_WITHIN_NONE || p->has_bounds))
        return false;
    for (size_t i = 0; i < p->n_atoms; i++) {
        if (p->atoms[i].kind == NFA_ATOM_TIME_LO)
            return false;
    }
    return true;
}

static void mark_beaten(struct nfa_prog *p, const struct relation *r) {
    for (uint32_t i = 0; i < p->n_states; i++) {
        const struct nfa_state *s = &p->states[i];
        for (uint32_t k = 0; k < s->n_edges; k++) {
            struct nfa_edge *ig = &p->edges[s->edges + k];
            if (ig->action != NFA_IGNORE || ig->target == NFA_NONE)
                continue;
            ig->beaten = (uint32_t)p->n_beaten;
            for (uint32_t x = 0; x < s->n_edges; x++) {
                if (p->edges[s->edges + x].action == NFA_TAKE &&
                    answers(r, p->edges[s->edges + x].target, ig->target))
                    *NFA_PUSH(p, p->beaten, p->n_beaten, p->cap_beaten) = s->edges + x;
            }
            ig->n_beaten = (uint32_t)p->n_beaten - ig->beaten;
        }
    }
}

enum cep_rc nfa_dominate(struct nfa_prog *p, struct cep_err *err) {
    (void)err;
    if (!worth_it(p))
        return CEP_OK;
    struct relation r = { .p = p, .n = p->n_states };
    size_t pairs = r.n * r.n;
    r.bits = base_alloc(BASE_BITS_WORDS(pairs) * sizeof *r.bits);
    base_bits_fill(r.bits, pairs);
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t t = 0; t < r.n; t++) {
            for (uint32_t q = 0; q < r.n; q++) {
                if (answers(&r, t, q) && !still_answers(&r, t, q)) {
                    base_bits_unset(r.bits, (size_t)t * r.n + q);
                    changed = true;
                }
            }
        }
    }
    mark_beaten(p, &r);
    base_free(r.bits);
    return CEP_OK;
}
