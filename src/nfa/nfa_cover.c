/*
 * nfa_cover -- starts that an earlier start makes needless.
 *
 * Under skip past last the first start that completes drops the later ones. So while an earlier start is open that will
 * complete no later than they, later starts need no partial matches: they sleep (nfa_sleep.c) until that start is gone.
 *
 * Law: "t covers q", for states of two different starts, is the greatest relation in which for each answer that the
 * event's bits may give, t takes the event and completes; or
 *   - q does not complete,
 *   - for each TAKE or IGNORE of q that may hold, t has one that must hold and whose target covers,
 *   - t does not stop unless q must.
 * A literal that reads the partial match may hold and need not, for the two starts have taken different events.
 * Not where steps have times of their own, where absence completes, nor where somebody counts starts or reads time-outs.
 */
#include "nfa/nfa_int.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

enum { NFA_COVER_STATES = 64, NFA_COVER_BITS = 8, NFA_COVER_WORK = 20000000 };

struct cover {
    const struct nfa_prog *p;
    uint64_t *bits; /* n * n */
    size_t n;
    uint32_t vars[NFA_COVER_BITS]; /* bits that the two states ask for */
    uint32_t n_vars;
    uint32_t answer; /* of vars */
    uint64_t work;
};

static bool covers(const struct cover *c, uint32_t t, uint32_t q) {
    return t != NFA_NONE && q != NFA_NONE && base_bits_get(c->bits, (size_t)t * c->n + q);
}

/* Returns: false when there are too many. */
static bool add_bit(struct cover *c, uint32_t bit) {
    const struct nfa_bit *b = &c->p->bits[bit];
    for (uint32_t i = 0; i < b->n_any; i++) {
        if (!add_bit(c, b->any[i]))
            return false;
    }
    for (uint32_t i = 0; i < c->n_vars || b->n_any; i++) {
        if (b->n_any || c->vars[i] == bit)
            return true;
    }
    if (c->n_vars == NFA_COVER_BITS)
        return false;
    c->vars[c->n_vars++] = bit;
    return true;
}

static bool add_guard(struct cover *c, uint32_t guard, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        const struct nfa_atom *a = &c->p->atoms[nfa_lit_atom(c->p->lits.v[guard + i])];
        if (a->bit != NFA_NONE && !add_bit(c, a->bit))
            return false;
    }
    return true;
}

static bool add_state(struct cover *c, uint32_t at) {
    const struct nfa_state *s = &c->p->states[at];
    for (uint32_t i = 0; i < s->n_edges; i++) {
        const struct nfa_edge *e = &c->p->edges[s->edges + i];
        if (!add_guard(c, e->guard, e->n_guard))
            return false;
        for (uint32_t k = 0; k < e->n_finals; k++) {
            if (!add_guard(c, c->p->finals[e->finals + k].guard, c->p->finals[e->finals + k].n_guard))
                return false;
        }
    }
    return true;
}

static bool bit_is(const struct cover *c, uint32_t bit) {
    const struct nfa_bit *b = &c->p->bits[bit];
    for (uint32_t i = 0; i < b->n_any; i++) {
        if (bit_is(c, b->any[i]))
            return true;
    }
    for (uint32_t i = 0; i < c->n_vars && !b->n_any; i++) {
        if (c->vars[i] == bit)
            return c->answer >> i & 1;
    }
    return false;
}

/* must: it holds whatever the partial match; else: it holds for some. */
static bool holds(struct cover *c, uint32_t guard, uint32_t n, bool must) {
    for (uint32_t i = 0; i < n; i++) {
        nfa_lit l = c->p->lits.v[guard + i];
        const struct nfa_atom *a = &c->p->atoms[nfa_lit_atom(l)];
        bool bit = a->bit == NFA_NONE || bit_is(c, a->bit);
        c->work++;
        if (bit && a->rest) {
            if (must)
                return false;
            continue;
        }
        if (bit == nfa_lit_negated(l))
            return false;
    }
    return true;
}

static bool ends(struct cover *c, const struct nfa_edge *e, bool must) {
    if (e->completes)
        return true;
    for (uint32_t i = 0; i < e->n_finals; i++) {
        const struct nfa_final *f = &c->p->finals[e->finals + i];
        if (holds(c, f->guard, f->n_guard, must))
            return true;
    }
    return false;
}

static bool has_move(struct cover *c, const struct nfa_state *t, uint32_t to) {
    for (uint32_t i = 0; i < t->n_edges; i++) {
        const struct nfa_edge *e = &c->p->edges[t->edges + i];
        if (e->action != NFA_STOP && covers(c, e->target, to) && holds(c, e->guard, e->n_guard, true))
            return true;
    }
    return false;
}

static bool answers(struct cover *c, const struct nfa_state *t, const struct nfa_state *q) {
    bool may_stop = false, must_stop = false;
    for (uint32_t i = 0; i < t->n_edges; i++) {
        const struct nfa_edge *e = &c->p->edges[t->edges + i];
        if (e->action == NFA_TAKE && holds(c, e->guard, e->n_guard, true) && ends(c, e, true))
            return true;
        may_stop = may_stop || (e->action == NFA_STOP && holds(c, e->guard, e->n_guard, false));
    }
    for (uint32_t i = 0; i < q->n_edges; i++) {
        const struct nfa_edge *e = &c->p->edges[q->edges + i];
        must_stop = must_stop || (e->action == NFA_STOP && holds(c, e->guard, e->n_guard, true));
        if (e->action != NFA_STOP && holds(c, e->guard, e->n_guard, false) && ends(c, e, false))
            return false;
    }
    if (must_stop)
        return true;
    if (may_stop)
        return false;
    for (uint32_t i = 0; i < q->n_edges; i++) {
        const struct nfa_edge *e = &c->p->edges[q->edges + i];
        if (e->action != NFA_STOP && e->target != NFA_NONE && holds(c, e->guard, e->n_guard, false) &&
            !has_move(c, t, e->target))
            return false;
    }
    return true;
}

/* A state covers itself when nothing in it reads the partial match and what it leads to covers itself. */
static bool covers_itself(const struct cover *c, const struct nfa_state *s) {
    if (!s->run_free)
        return false;
    for (uint32_t i = 0; i < s->n_edges; i++) {
        const struct nfa_edge *e = &c->p->edges[s->edges + i];
        if (e->action == NFA_IGNORE && e->completes)
            return false;
        if (e->target != NFA_NONE && !covers(c, e->target, e->target))
            return false;
    }
    return true;
}

static bool still_covers(struct cover *c, uint32_t t, uint32_t q) {
    if (t == q && covers_itself(c, &c->p->states[t]))
        return true;
    c->n_vars = 0;
    if (!add_state(c, t) || !add_state(c, q))
        return false;
    for (c->answer = 0; c->answer < 1u << c->n_vars; c->answer++) {
        if (!answers(c, &c->p->states[t], &c->p->states[q]))
            return false;
    }
    return true;
}

static bool worth_it(const struct nfa_prog *p) {
    if (!nfa_may_sleep(p) || p->has_bounds || p->n_states > NFA_COVER_STATES)
        return false;
    for (size_t i = 0; i < p->n_atoms; i++) {
        if (p->atoms[i].kind != NFA_ATOM_COND)
            return false;
    }
    for (size_t i = 0; i < p->n_states; i++) {
        if (nfa_awaits_absence(&p->states[i]))
            return false;
    }
    const struct nfa_state *s = &p->states[p->start];
    for (uint32_t i = 0; i < s->n_edges; i++) {
        if (p->edges[s->edges + i].completes || p->edges[s->edges + i].n_finals)
            return false;
    }
    return true;
}

bool nfa_may_sleep(const struct nfa_prog *p) {
    if (p->pat->skip != PLAN_SKIP_PAST_LAST || p->pat->limit_open || p->pat->limit_matches ||
        p->pat->n_prevs || (p->opts.off & NFA_PASS_COVER))
        return false;
    return p->opts.no_timeouts || p->pat->within_kind == PLAN_WITHIN_NONE;
}

enum cep_rc nfa_cover(struct nfa_prog *p, struct cep_err *err) {
    (void)err;
    if (!worth_it(p))
        return CEP_OK;
    struct cover c = { .p = p, .n = p->n_states };
    size_t pairs = c.n * c.n;
    c.bits = BASE_ARENA_ARRAY(&p->arena, uint64_t, BASE_BITS_WORDS(pairs));
    base_bits_fill(c.bits, pairs);
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t t = 0; t < c.n; t++) {
            for (uint32_t q = 0; q < c.n; q++) {
                if (covers(&c, t, q) && !still_covers(&c, t, q)) {
                    base_bits_unset(c.bits, (size_t)t * c.n + q);
                    changed = true;
                }
                if (c.work > NFA_COVER_WORK)
                    return CEP_OK;
            }
        }
    }
    p->covers = c.bits;
    return CEP_OK;
}
