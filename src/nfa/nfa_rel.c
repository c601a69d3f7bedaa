/*
 * nfa_rel -- relevant bits: which words of an event's bits a det or a rank looks at.
 */
#include "nfa/nfa_det_internal.h"

#include "base/base_bits.h"

static size_t rel_size(uint32_t n) {
    return n * (2 * sizeof(uint64_t) + sizeof(uint32_t));
}

void nfa_rel_free(struct nfa_matcher *m, struct nfa_rel *r) {
    nfa_mem_put(&m->dets->mem, r->n ? r->mask : NULL, rel_size(r->n));
}

/* From d->words and d->interest. */
void nfa_rel_init(struct nfa_matcher *m, struct nfa_rel *r, uint64_t fold) {
    struct nfa_dets *d = m->dets;
    *r = (struct nfa_rel){ 0 };
    for (size_t w = 0; w < m->p->n_words; w++)
        r->n += d->words[w] != 0;
    if (!r->n)
        return;
    r->mask = nfa_mem_get(&m->dets->mem, rel_size(r->n));
    r->interest = r->mask + r->n;
    r->word = (uint32_t *)(r->interest + r->n);
    uint32_t k = 0;
    for (size_t w = 0; w < m->p->n_words; w++) {
        if (!d->words[w])
            continue;
        r->word[k] = (uint32_t)w;
        r->mask[k] = d->words[w];
        r->interest[k++] = fold == UINT64_MAX ? UINT64_MAX : d->interest[w];
    }
}

static void add_lit(struct nfa_matcher *m, nfa_lit l) {
    const struct nfa_atom *a = &m->p->atoms[nfa_lit_atom(l)];
    if (a->bit != NFA_NONE)
        base_bits_set(m->dets->words, a->bit);
    /* Literals within are of atoms made before. */
    for (int i = 0; i < 2 && a->kind == NFA_ATOM_BOTH; i++)
        add_lit(m, a->both[i]);
}

static void add_guard(struct nfa_matcher *m, uint32_t guard, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        add_lit(m, m->p->lits.v[guard + i]);
}

void nfa_rel_add_state(struct nfa_matcher *m, uint32_t q, uint64_t *fold) {
    const struct nfa_prog *p = m->p;
    const struct nfa_state *s = &p->states[q];
    for (uint32_t i = 0; i < s->n_edges; i++) {
        const struct nfa_edge *e = &p->edges[s->edges + i];
        add_guard(m, e->guard, e->n_guard);
        for (uint32_t k = 0; k < e->n_finals; k++)
            add_guard(m, p->finals[e->finals + k].guard, p->finals[e->finals + k].n_guard);
    }
    *fold |= s->calm ? s->fold : UINT64_MAX;
    for (size_t w = 0; w < p->n_words; w++) {
        m->dets->interest[w] |= p->masks[s->interest + w];
        m->dets->words[w] |= p->masks[s->interest + w];
    }
}

void nfa_rel_add(struct nfa_matcher *m, const struct nfa_rel *r) {
    for (uint32_t i = 0; i < r->n; i++) {
        m->dets->words[r->word[i]] |= r->mask[i];
        m->dets->interest[r->word[i]] |= r->interest[i];
    }
}

void nfa_rel_clear(struct nfa_matcher *m) {
    memset(m->dets->words, 0, m->p->n_words * sizeof(uint64_t));
    memset(m->dets->interest, 0, m->p->n_words * sizeof(uint64_t));
}
