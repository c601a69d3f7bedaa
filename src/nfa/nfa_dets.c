/*
 * nfa_dets -- the life of dets and ranks: found by what they are, shared by matchers that do the same, forgotten when there are too many.
 */
#include "nfa/nfa_det_internal.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_MEMO_MAX = 1 << 16, NFA_DETS_MAX = 1 << 15 };

/* -- tables ------------------------------------------------------------------------------------------------------ */

static void table_grow(struct nfa_dets_table *t, uint64_t (*hash_of)(const struct nfa_dets *, uint32_t),
    const struct nfa_dets *d) {
    size_t n = t->n_slots ? t->n_slots * 2 : 64;
    uint32_t *slots = base_calloc(n, sizeof *slots);
    for (size_t i = 0; i < t->n_slots; i++) {
        if (!t->slots[i])
            continue;
        size_t at = hash_of(d, t->slots[i] - 1) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = t->slots[i];
    }
    base_free(t->slots);
    t->slots = slots;
    t->n_slots = n;
}

uint64_t nfa_det_hash_of(const struct nfa_dets *d, uint32_t i) {
    return d->dets[i]->hash;
}
uint64_t nfa_rank_hash_of(const struct nfa_dets *d, uint32_t i) {
    return d->ranks[i]->hash;
}

void nfa_dets_table_add(struct nfa_dets_table *t, uint64_t hash, uint32_t number,
    uint64_t (*hash_of)(const struct nfa_dets *, uint32_t), const struct nfa_dets *d) {
    if ((t->n + 1) * 2 > t->n_slots)
        table_grow(t, hash_of, d);
    size_t at = hash & (t->n_slots - 1);
    while (t->slots[at])
        at = (at + 1) & (t->n_slots - 1);
    t->slots[at] = number + 1;
    t->n++;
}

/* -- life -------------------------------------------------------------------------------------------------------------- */

static void dets_new(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets = base_calloc(1, sizeof *d);
    nfa_mem_init(&d->mem, m->mem.pool);
    d->words = base_calloc(m->p->n_words, sizeof *d->words);
    d->interest = base_calloc(m->p->n_words, sizeof *d->interest);
    d->max_dets = NFA_DETS_MAX;
    d->stamp = UINT64_MAX;
    /* The start is a det and a rank of its own, found by number only. */
    (void)nfa_det_new(m, &m->p->start, 1, 0);
    (void)nfa_rank_new(m, &(struct nfa_rank_entry){ .det = NFA_DET_START, .opens = true }, 1, 0);
}

void nfa_dets_join(struct nfa_matcher *m, const struct nfa_matcher *like) {
    if (like)
        m->dets = like->dets;
    else
        dets_new(m);
    m->next_of_dets = m->dets->users;
    if (m->next_of_dets)
        m->next_of_dets->prev_of_dets = m;
    m->dets->users = m;
}

uint64_t nfa_dets_next_step(struct nfa_matcher *m) {
    /* State of the store of sets may be read into one of runs, which keeps none of it. */
    return m->dets ? ++m->dets->step : m->next_step + 1;
}

size_t nfa_dets_bytes(const struct nfa_matcher *m) {
    return m->dets && m->mem.shared && m->dets->users == m ? nfa_mem_held(&m->dets->mem) : 0;
}

static void forget(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets;
    for (size_t i = 0; i < d->n_memo_slots; i++) {
        if (d->memo[i])
            nfa_trans_free(m, d->memo[i]);
        d->memo[i] = NULL;
    }
    for (size_t i = 0; i < d->n_rank_memo_slots; i++) {
        nfa_rank_trans_unref(m, d->rank_memo[i]);
        d->rank_memo[i] = NULL;
    }
    d->n_memo = d->n_rank_memo = d->memo_weight = 0;
}

static void table_fill(struct nfa_dets *d) {
    d->by_states.n = d->by_dets.n = 0;
    if (d->by_states.n_slots)
        memset(d->by_states.slots, 0, d->by_states.n_slots * sizeof(uint32_t));
    if (d->by_dets.n_slots)
        memset(d->by_dets.slots, 0, d->by_dets.n_slots * sizeof(uint32_t));
    for (uint32_t i = 1; i < d->n_dets; i++) {
        if (d->dets[i])
            nfa_dets_table_add(&d->by_states, d->dets[i]->hash, i, nfa_det_hash_of, d);
    }
    for (uint32_t i = 1; i < d->n_ranks; i++) {
        if (d->ranks[i])
            nfa_dets_table_add(&d->by_dets, d->ranks[i]->hash, i, nfa_rank_hash_of, d);
    }
}

/* Keys mark what they use. */
static void sweep(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets;
    for (size_t i = 0; i < d->n_dets; i++) {
        if (!d->dets[i])
            continue;
        d->dets[i]->used = i == NFA_DET_START;
        d->dets[i]->is_woken = false; /* that det may go */
    }
    for (size_t i = 0; i < d->n_ranks; i++) {
        if (d->ranks[i])
            d->ranks[i]->used = i == NFA_RANK_START;
    }
    for (const struct nfa_matcher *user = d->users; user; user = user->next_of_dets)
        nfa_sets_mark(user);
    for (uint32_t i = 0; i < d->n_ranks; i++) {
        struct nfa_rank *r = d->ranks[i];
        if (!r)
            continue;
        for (uint32_t k = 0; k < r->n && r->used; k++)
            d->dets[r->dets[k]]->used = true;
        if (r->used)
            continue;
        nfa_rank_free(m, r);
        d->ranks[i] = NULL;
        d->free_ranks = base_grow(d->free_ranks, d->n_free_ranks, &d->cap_free_ranks, sizeof *d->free_ranks);
        d->free_ranks[d->n_free_ranks++] = i;
    }
    for (uint32_t i = 0; i < d->n_dets; i++) {
        if (!d->dets[i] || d->dets[i]->used)
            continue;
        nfa_det_free(m, d->dets[i]);
        d->dets[i] = NULL;
        d->free_dets = base_grow(d->free_dets, d->n_free_dets, &d->cap_free_dets, sizeof *d->free_dets);
        d->free_dets[d->n_free_dets++] = i;
    }
    table_fill(d);
}

void nfa_dets_tidy(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets;
    size_t live = d->n_dets - d->n_free_dets + d->n_ranks - d->n_free_ranks;
    if (d->n_memo + d->memo_weight < NFA_MEMO_MAX && live < d->max_dets)
        return;
    forget(m);
    if (live < d->max_dets)
        return;
    sweep(m);
    live = d->n_dets - d->n_free_dets + d->n_ranks - d->n_free_ranks;
    d->max_dets = live * 2 > NFA_DETS_MAX ? live * 2 : NFA_DETS_MAX;
}

static void dets_free(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets;
    forget(m);
    for (size_t i = 0; i < d->n_dets; i++) {
        if (d->dets[i])
            nfa_det_free(m, d->dets[i]);
    }
    for (size_t i = 0; i < d->n_ranks; i++) {
        if (d->ranks[i])
            nfa_rank_free(m, d->ranks[i]);
    }
    base_free(d->dets);
    base_free(d->ranks);
    base_free(d->free_dets);
    base_free(d->free_ranks);
    base_free(d->by_states.slots);
    base_free(d->by_dets.slots);
    base_free(d->memo);
    base_free(d->rank_memo);
    base_free(d->stay);
    base_free(d->raw);
    base_free(d->moves);
    base_free(d->set);
    base_free(d->entries);
    base_free(d->words);
    base_free(d->interest);
    base_free(d->closure);
    base_free(d->times);
    base_free(d->times_over);
    CEP_INSIST(d->mem.n_live == 0);
    nfa_mem_release(&d->mem);
    base_free(d);
}

void nfa_dets_leave(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets;
    if (!d)
        return;
    if (m->next_of_dets)
        m->next_of_dets->prev_of_dets = m->prev_of_dets;
    if (m->prev_of_dets)
        m->prev_of_dets->next_of_dets = m->next_of_dets;
    else
        d->users = m->next_of_dets;
    if (!d->users)
        dets_free(m);
    m->dets = NULL;
}
