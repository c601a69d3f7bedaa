/*
 * nfa_rank -- ranks (nfa_det.h): the dets in which one start has partial matches, by which comes first, and how an event moves them.
 */
#include "nfa/nfa_det_internal.h"

#include "base/base_mem.h"

static size_t rank_size(uint32_t n) {
    return sizeof(struct nfa_rank) + n * (sizeof(uint32_t) + sizeof(bool));
}

uint32_t nfa_rank_new(struct nfa_matcher *m, const struct nfa_rank_entry *e, uint32_t n, uint64_t hash) {
    struct nfa_dets *d = m->dets;
    struct nfa_rank *r = nfa_mem_get(&m->dets->mem, rank_size(n));
    *r = (struct nfa_rank){ .hash = hash, .n = n, .dets = (uint32_t *)(r + 1) };
    r->opens = (bool *)(r->dets + n);
    nfa_rel_clear(m);
    for (uint32_t i = 0; i < n; i++) {
        const struct nfa_det *x = d->dets[e[i].det];
        r->n_timed += x->n_times > 0;
        r->dets[i] = e[i].det;
        r->opens[i] = e[i].opens;
        r->fold |= x->fold;
        nfa_rel_add(m, &x->rel);
    }
    nfa_rel_init(m, &r->rel, r->fold);
    uint32_t at;
    if (d->n_free_ranks) {
        at = d->free_ranks[--d->n_free_ranks];
    } else {
        d->ranks = base_grow(d->ranks, d->n_ranks, &d->cap_ranks, sizeof *d->ranks);
        at = (uint32_t)d->n_ranks++;
    }
    d->ranks[at] = r;
    return at;
}

void nfa_rank_free(struct nfa_matcher *m, struct nfa_rank *r) {
    nfa_rel_free(m, &r->rel);
    nfa_mem_put(&m->dets->mem, r, rank_size(r->n));
}

static bool is_rank(const struct nfa_rank *r, const struct nfa_rank_entry *e, size_t n) {
    if (r->n != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (r->dets[i] != e[i].det || r->opens[i] != e[i].opens)
            return false;
    }
    return true;
}

uint32_t nfa_rank_of(struct nfa_matcher *m, const struct nfa_rank_entry *e, size_t n) {
    struct nfa_dets *d = m->dets;
    uint64_t hash = n;
    if (!n)
        return NFA_NONE;
    for (size_t i = 0; i < n; i++)
        hash = nfa_dets_mix(hash, (uint64_t)e[i].det * 2 + e[i].opens);
    for (size_t at = hash & (d->by_dets.n_slots - 1); d->by_dets.n_slots && d->by_dets.slots[at];
         at = (at + 1) & (d->by_dets.n_slots - 1)) {
        const struct nfa_rank *r = d->ranks[d->by_dets.slots[at] - 1];
        if (r->hash == hash && is_rank(r, e, n))
            return d->by_dets.slots[at] - 1;
    }
    uint32_t made = nfa_rank_new(m, e, (uint32_t)n, hash);
    nfa_dets_table_add(&d->by_dets, hash, made, nfa_rank_hash_of, d);
    return made;
}

/*
 * A det that an earlier entry stands in already cannot win. With times that is so when both took their last event at one
 * time, this one, or all times are over for both. (`old`: they are for src, so for what it stays in too.)
 */
static void add_entry(struct nfa_dets *d, uint32_t det, uint32_t src, uint32_t var, bool old, bool *opens) {
    if (det == NFA_NONE)
        return;
    struct nfa_det *x = d->dets[det];
    bool aged = x->n_times && var == NFA_NONE && old;
    uint64_t *stamp = aged ? &x->old : &x->stamp;
    if (!x->n_times || var != NFA_NONE || aged) {
        if (*stamp == d->stamp)
            return;
        *stamp = d->stamp;
    }
    d->entries = base_grow(d->entries, d->n_entries, &d->cap_entries, sizeof *d->entries);
    d->entries[d->n_entries++] = (struct nfa_rank_entry){ det, { src, var }, *opens, aged };
    *opens = false;
}

static const struct nfa_trans *entry_step(
    struct nfa_matcher *m, uint32_t rank, uint32_t i, const int64_t *last) {
    return nfa_det_step(m, m->dets->ranks[rank]->dets[i], last ? last[i] : NFA_LAST_OLD);
}

/*
 * Partial matches of one group have taken the same events: those that take this one come before those that do not, and
 * so does every one of an earlier group before all of a later one, whether it takes the event or not: it has an earlier
 * event already. Complete without the event they are shorter, and before those of their group that take it.
 */
static void move_group(struct nfa_matcher *m, uint32_t rank, const int64_t *last, uint32_t from, uint32_t to,
    struct nfa_rank_trans *t) {
    struct nfa_dets *d = m->dets;
    bool opens = true;
    for (uint32_t i = from; i < to && !t->done; i++) {
        if (!entry_step(m, rank, i, last)->stay_completes)
            continue;
        t->done = true;
        t->done_src = i;
        t->done_var = NFA_NONE;
    }
    for (uint32_t i = from; i < to; i++) {
        const struct nfa_trans *x = entry_step(m, rank, i, last);
        t->stops = t->stops || x->stops;
        for (uint32_t k = 0; k < x->n_moves; k++) {
            if (x->moves[k].completes && !t->done) {
                t->done = true;
                t->done_src = i;
                t->done_var = x->moves[k].var;
            }
            add_entry(d, x->moves[k].to, i, x->moves[k].var, false, &opens);
        }
    }
    opens = true;
    for (uint32_t i = from; i < to; i++) {
        const struct nfa_trans *x = entry_step(m, rank, i, last);
        bool old = x->times_over == d->dets[x->det]->n_times;
        add_entry(d, x->stay, i, NFA_NONE, old, &opens);
    }
}

static bool is_same(const struct nfa_dets *d, uint32_t rank, const struct nfa_rank_trans *t) {
    if (t->next != rank || t->done || t->stops)
        return false;
    for (size_t i = 0; i < d->n_entries; i++) {
        if (d->entries[i].from.src != i || d->entries[i].from.var != NFA_NONE)
            return false;
    }
    return true;
}

static size_t rank_trans_size(uint32_t n_rel, uint32_t n, uint32_t n_times) {
    return sizeof(struct nfa_rank_trans) + n_rel * sizeof(uint64_t) + n * sizeof(struct nfa_from) +
           n_times * sizeof(uint32_t) + (n_times ? n * sizeof(bool) : 0);
}

static struct nfa_rank_trans *rank_trans_new(
    struct nfa_matcher *m, uint32_t rank, const int64_t *last, uint64_t hash) {
    struct nfa_dets *d = m->dets;
    struct nfa_rank_trans made = { .hash = hash, .rank = rank, .refs = 1 };
    d->n_entries = 0;
    d->stamp--; /* stamps of steps ascend, these descend */
    uint32_t n = d->ranks[rank]->n;
    for (uint32_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && !d->ranks[rank]->opens[to]; to++)
            ;
        move_group(m, rank, last, from, to, &made);
    }
    made.next = nfa_rank_of(m, d->entries, d->n_entries);
    made.n = (uint32_t)d->n_entries;
    made.same = is_same(d, rank, &made);
    const struct nfa_rel *rel = &d->ranks[rank]->rel;
    made.n_rel = rel->n;
    made.n_times = d->ranks[rank]->n_timed ? n : 0;
    struct nfa_rank_trans *t = nfa_mem_get(&m->dets->mem, rank_trans_size(rel->n, made.n, made.n_times));
    *t = made;
    t->from = (struct nfa_from *)(t->rel + rel->n);
    nfa_rel_copy(m, rel, t->rel);
    for (uint32_t i = 0; i < made.n; i++)
        t->from[i] = d->entries[i].from;
    if (!made.n_times)
        return t;
    t->times_over = (uint32_t *)(t->from + made.n);
    t->aged = (bool *)(t->times_over + made.n_times);
    memcpy(t->times_over, d->times_over, made.n_times * sizeof *t->times_over);
    for (uint32_t i = 0; i < made.n; i++)
        t->aged[i] = d->entries[i].aged;
    return t;
}

struct nfa_rank_trans *nfa_rank_trans_bare(struct nfa_matcher *m, uint32_t n) {
    struct nfa_rank_trans *t = nfa_mem_get(&m->dets->mem, rank_trans_size(0, n, 0));
    *t = (struct nfa_rank_trans){ .refs = 1, .n = n };
    t->from = (struct nfa_from *)t->rel;
    return t;
}

void nfa_rank_trans_unref(struct nfa_matcher *m, struct nfa_rank_trans *t) {
    if (t && --t->refs == 0)
        nfa_mem_put(&m->dets->mem, t, rank_trans_size(t->n_rel, t->n, t->n_times));
}

static void rank_memo_grow(struct nfa_dets *d) {
    size_t n = d->n_rank_memo_slots ? d->n_rank_memo_slots * 2 : 128;
    struct nfa_rank_trans **v = base_calloc(n, sizeof *v);
    for (size_t i = 0; i < d->n_rank_memo_slots; i++) {
        if (!d->rank_memo[i])
            continue;
        size_t at = d->rank_memo[i]->hash & (n - 1);
        while (v[at])
            at = (at + 1) & (n - 1);
        v[at] = d->rank_memo[i];
    }
    base_free(d->rank_memo);
    d->rank_memo = v;
    d->n_rank_memo_slots = n;
}

/* The classes of the entries of a rank with times, into d->times_over. */
static uint64_t ask_times(struct nfa_matcher *m, const struct nfa_rank *r, const int64_t *last, uint64_t h) {
    struct nfa_dets *d = m->dets;
    if (d->cap_times_over < r->n) {
        d->cap_times_over = r->n * 2;
        d->times_over = base_realloc(d->times_over, d->cap_times_over * sizeof *d->times_over);
    }
    for (uint32_t i = 0; i < r->n; i++) {
        d->times_over[i] = nfa_det_times_over(m, d->dets[r->dets[i]], last[i]);
        h = nfa_dets_mix(h, d->times_over[i]);
    }
    return h;
}

static bool times_are(const struct nfa_dets *d, const struct nfa_rank_trans *t) {
    return !t->n_times || memcmp(t->times_over, d->times_over, t->n_times * sizeof *t->times_over) == 0;
}

struct nfa_rank_trans *nfa_rank_step(struct nfa_matcher *m, uint32_t rank, const int64_t *last) {
    struct nfa_dets *d = m->dets;
    uint64_t hash = nfa_rel_hash(m, &d->ranks[rank]->rel, nfa_dets_mix(2, rank));
    if (last)
        hash = ask_times(m, d->ranks[rank], last, hash);
    if (d->n_rank_memo_slots) {
        for (size_t at = hash & (d->n_rank_memo_slots - 1); d->rank_memo[at];
             at = (at + 1) & (d->n_rank_memo_slots - 1)) {
            struct nfa_rank_trans *t = d->rank_memo[at];
            if (t->hash == hash && t->rank == rank && nfa_rel_is(m, &d->ranks[rank]->rel, t->rel) &&
                times_are(d, t))
                return t;
        }
    }
    struct nfa_rank_trans *t = rank_trans_new(m, rank, last, hash);
    if ((d->n_rank_memo + 1) * 2 > d->n_rank_memo_slots)
        rank_memo_grow(d);
    size_t at = hash & (d->n_rank_memo_slots - 1);
    while (d->rank_memo[at])
        at = (at + 1) & (d->n_rank_memo_slots - 1);
    d->rank_memo[at] = t;
    d->n_rank_memo++;
    d->memo_weight += 1 + t->n / NFA_MEMO_ENTRIES;
    return t;
}
