#pragma once
/*
 * nfa_det_internal -- what nfa_det.c, nfa_rel.c, nfa_rank.c and nfa_dets.c share: all dets and ranks of matchers that do the same,
 * and what has been found out about them. Nobody else includes this.
 */
#include "nfa/nfa_det.h"

enum { NFA_MEMO_ENTRIES = 16 };

/* A set of numbered things found by hash: linear probing, number + 1, 0 = free. */
struct nfa_dets_table {
    uint32_t *slots;
    size_t n_slots, n;
};

struct nfa_raw_move {
    uint32_t var, to;
    bool completes;
};

struct nfa_dets {
    struct nfa_matcher *users; /* by next_of_dets */
    struct nfa_mem mem; /* of everything here that is not a table or scratch; the pool of its first user */
    uint64_t step;      /* of any of them */
    struct nfa_det **dets;
    size_t n_dets, cap_dets;
    struct nfa_rank **ranks;
    size_t n_ranks, cap_ranks;
    uint32_t *free_dets, *free_ranks;
    size_t n_free_dets, cap_free_dets, n_free_ranks, cap_free_ranks;
    struct nfa_dets_table by_states, by_dets;
    struct nfa_trans **memo; /* open addressing */
    size_t n_memo_slots, n_memo;
    struct nfa_rank_trans **rank_memo;
    size_t n_rank_memo_slots, n_rank_memo;
    uint64_t memo_weight; /* of ranks' transitions: many entries take room */
    size_t max_dets;
    uint64_t stamp; /* of dets seen while a rank is made */
    int64_t last;   /* of the det that an event is tried on: when it took its last one */
    bool is_start;

    /* scratch */
    uint32_t *stay;
    size_t n_stay, cap_stay;
    struct nfa_raw_move *raw;
    size_t n_raw, cap_raw;
    struct nfa_move *moves;
    size_t n_moves, cap_moves;
    uint32_t *set;
    size_t cap_set;
    struct nfa_rank_entry *entries;
    size_t n_entries, cap_entries;
    uint64_t *words, *interest; /* n_words */
    uint32_t *closure;          /* states come to without taking an event */
    size_t cap_closure;
    int64_t *times;
    size_t n_times, cap_times;
    uint32_t *times_over; /* of the rank under test */
    size_t cap_times_over;
};

static inline uint64_t nfa_dets_mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* nfa_dets.c */
uint64_t nfa_det_hash_of(const struct nfa_dets *d, uint32_t i);
uint64_t nfa_rank_hash_of(const struct nfa_dets *d, uint32_t i);
/* Grown when it is half full. */
void nfa_dets_table_add(struct nfa_dets_table *t, uint64_t hash, uint32_t number,
    uint64_t (*hash_of)(const struct nfa_dets *, uint32_t), const struct nfa_dets *d);

/* nfa_rel.c: gathered in d->words and d->interest, then kept. */
void nfa_rel_clear(struct nfa_matcher *m);
void nfa_rel_add_state(struct nfa_matcher *m, uint32_t q, uint64_t *fold);
void nfa_rel_add(struct nfa_matcher *m, const struct nfa_rel *r);
void nfa_rel_init(struct nfa_matcher *m, struct nfa_rel *r, uint64_t fold);
void nfa_rel_free(struct nfa_matcher *m, struct nfa_rel *r);

/* nfa_det.c */
uint32_t nfa_det_new(struct nfa_matcher *m, const uint32_t *states, uint32_t n, uint64_t hash);
void nfa_det_free(struct nfa_matcher *m, struct nfa_det *x);
void nfa_trans_free(struct nfa_matcher *m, struct nfa_trans *t);

/* nfa_rank.c */
uint32_t nfa_rank_new(struct nfa_matcher *m, const struct nfa_rank_entry *e, uint32_t n, uint64_t hash);
void nfa_rank_free(struct nfa_matcher *m, struct nfa_rank *r);

static inline uint64_t nfa_rel_hash(const struct nfa_matcher *m, const struct nfa_rel *r, uint64_t h) {
    for (uint32_t i = 0; i < r->n; i++)
        h = nfa_dets_mix(h, m->cur.bits[r->word[i]] & r->mask[i]);
    return h;
}

static inline bool nfa_rel_is(const struct nfa_matcher *m, const struct nfa_rel *r, const uint64_t *words) {
    for (uint32_t i = 0; i < r->n; i++) {
        if ((m->cur.bits[r->word[i]] & r->mask[i]) != words[i])
            return false;
    }
    return true;
}

static inline void nfa_rel_copy(const struct nfa_matcher *m, const struct nfa_rel *r, uint64_t *words) {
    for (uint32_t i = 0; i < r->n; i++)
        words[i] = m->cur.bits[r->word[i]] & r->mask[i];
}

/* The class of what took its last event at `last`. */
static inline uint32_t nfa_det_times_over(
    const struct nfa_matcher *m, const struct nfa_det *x, int64_t last) {
    uint32_t n = 0;
    while (n < x->n_times && nfa_last_is_over(m, last, x->times[n]))
        n++;
    return n;
}
