/*
 * nfa_det -- see the header. Found out state by state as nfa_step.c does for a run: a STOP ends what stands in that state,
 * though a TAKE beside it may still complete; an IGNORE that a TAKE beats is not followed; a calm state that the event
 * does not interest stays.
 */
#include "nfa/nfa_det.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"

#include <stdlib.h>

enum { NFA_MEMO_MAX = 1 << 16, NFA_MEMO_ENTRIES = 16, NFA_DETS_MAX = 1 << 15 };

/* A set of numbered things found by hash: linear probing, number + 1, 0 = free. */
struct table {
    uint32_t *slots;
    size_t n_slots, n;
};

struct raw_move {
    uint32_t var, to;
    bool completes;
};

struct nfa_dets {
    struct nfa_matcher *users; /* by next_of_dets */
    struct nfa_mem mem;        /* of everything here that is not a table or scratch; the pool of its first user */
    uint64_t step;             /* of any of them */
    struct nfa_det **dets;
    size_t n_dets, cap_dets;
    struct nfa_rank **ranks;
    size_t n_ranks, cap_ranks;
    uint32_t *free_dets, *free_ranks;
    size_t n_free_dets, cap_free_dets, n_free_ranks, cap_free_ranks;
    struct table by_states, by_dets;
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
    struct raw_move *raw;
    size_t n_raw, cap_raw;
    struct nfa_move *moves;
    size_t n_moves, cap_moves;
    uint32_t *set;
    size_t cap_set;
    struct nfa_rank_entry *entries;
    size_t n_entries, cap_entries;
    uint64_t *words, *interest; /* n_words */
    uint32_t *closure; /* states come to without taking an event */
    size_t cap_closure;
    int64_t *times;
    size_t n_times, cap_times;
    uint32_t *times_over; /* of the rank under test */
    size_t cap_times_over;
};

static uint64_t mix(uint64_t h, uint64_t v) {
    h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

/* -- tables ------------------------------------------------------------------------------------------------------ */

static void table_grow(
    struct table *t, uint64_t (*hash_of)(const struct nfa_dets *, uint32_t), const struct nfa_dets *d) {
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

static uint64_t det_hash(const struct nfa_dets *d, uint32_t i) {
    return d->dets[i]->hash;
}
static uint64_t rank_hash(const struct nfa_dets *d, uint32_t i) {
    return d->ranks[i]->hash;
}

static void table_add(struct table *t, uint64_t hash, uint32_t number,
    uint64_t (*hash_of)(const struct nfa_dets *, uint32_t), const struct nfa_dets *d) {
    if ((t->n + 1) * 2 > t->n_slots)
        table_grow(t, hash_of, d);
    size_t at = hash & (t->n_slots - 1);
    while (t->slots[at])
        at = (at + 1) & (t->n_slots - 1);
    t->slots[at] = number + 1;
    t->n++;
}

/* -- relevant bits ------------------------------------------------------------------------------------------------ */

static size_t rel_size(uint32_t n) {
    return n * (2 * sizeof(uint64_t) + sizeof(uint32_t));
}

static void rel_free(struct nfa_matcher *m, struct nfa_rel *r) {
    nfa_mem_put(&m->dets->mem, r->n ? r->mask : NULL, rel_size(r->n));
}

/* From d->words and d->interest. */
static void rel_init(struct nfa_matcher *m, struct nfa_rel *r, uint64_t fold) {
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

static void add_state(struct nfa_matcher *m, uint32_t q, uint64_t *fold) {
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

static void add_rel(struct nfa_matcher *m, const struct nfa_rel *r) {
    for (uint32_t i = 0; i < r->n; i++) {
        m->dets->words[r->word[i]] |= r->mask[i];
        m->dets->interest[r->word[i]] |= r->interest[i];
    }
}

static void clear_words(struct nfa_matcher *m) {
    memset(m->dets->words, 0, m->p->n_words * sizeof(uint64_t));
    memset(m->dets->interest, 0, m->p->n_words * sizeof(uint64_t));
}

static uint64_t rel_hash(const struct nfa_matcher *m, const struct nfa_rel *r, uint64_t h) {
    for (uint32_t i = 0; i < r->n; i++)
        h = mix(h, m->cur.bits[r->word[i]] & r->mask[i]);
    return h;
}

static bool rel_is(const struct nfa_matcher *m, const struct nfa_rel *r, const uint64_t *words) {
    for (uint32_t i = 0; i < r->n; i++) {
        if ((m->cur.bits[r->word[i]] & r->mask[i]) != words[i])
            return false;
    }
    return true;
}

static void rel_copy(const struct nfa_matcher *m, const struct nfa_rel *r, uint64_t *words) {
    for (uint32_t i = 0; i < r->n; i++)
        words[i] = m->cur.bits[r->word[i]] & r->mask[i];
}

/* -- times ------------------------------------------------------------------------------------------------------- */

static uint32_t times_over(const struct nfa_matcher *m, const struct nfa_det *x, int64_t last) {
    uint32_t n = 0;
    while (n < x->n_times && nfa_last_is_over(m, last, x->times[n]))
        n++;
    return n;
}

bool nfa_det_is_old(const struct nfa_matcher *m, const struct nfa_det *x, int64_t last) {
    return times_over(m, x, last) == x->n_times;
}

int64_t nfa_det_end(const struct nfa_det *x, int64_t last) {
    if (x->ends_us < 0)
        return EVT_TIME_MAX;
    return last == NFA_LAST_OLD ? EVT_TIME_MIN : nfa_time_add(last, x->ends_us);
}

static void add_time(struct nfa_dets *d, int64_t us) {
    size_t at = 0;
    while (at < d->n_times && d->times[at] < us)
        at++;
    if (at < d->n_times && d->times[at] == us)
        return;
    d->times = base_grow(d->times, d->n_times, &d->cap_times, sizeof *d->times);
    memmove(d->times + at + 1, d->times + at, (d->n_times - at) * sizeof *d->times);
    d->times[at] = us;
    d->n_times++;
}

static void add_lit_times(struct nfa_matcher *m, nfa_lit l) {
    const struct nfa_atom *a = &m->p->atoms[nfa_lit_atom(l)];
    if (a->kind == NFA_ATOM_TIME_LO || a->kind == NFA_ATOM_TIME_HI)
        add_time(m->dets, a->us);
    for (int i = 0; i < 2 && a->kind == NFA_ATOM_BOTH; i++)
        add_lit_times(m, a->both[i]);
}

static void add_closure(struct nfa_dets *d, size_t *n, uint32_t q) {
    for (size_t i = 0; i < *n; i++) {
        if (d->closure[i] == q)
            return;
    }
    d->closure = base_grow(d->closure, *n, &d->cap_closure, sizeof *d->closure);
    d->closure[(*n)++] = q;
}

/* The times of a det and of all that it comes to by ignoring events, into d->times. */
static void find_times(struct nfa_matcher *m, const struct nfa_det *x) {
    struct nfa_dets *d = m->dets;
    const struct nfa_prog *p = m->p;
    size_t n = 0;
    d->n_times = 0;
    for (uint32_t i = 0; i < x->n; i++)
        add_closure(d, &n, x->states[i]);
    for (size_t i = 0; i < n; i++) {
        const struct nfa_state *s = &p->states[d->closure[i]];
        if (s->bound_us >= 0)
            add_time(d, s->bound_us);
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *e = &p->edges[s->edges + k];
            for (uint32_t g = 0; g < e->n_guard; g++)
                add_lit_times(m, p->lits.v[e->guard + g]);
            if (e->action == NFA_IGNORE && e->target != NFA_NONE)
                add_closure(d, &n, e->target);
        }
    }
}

static void times_init(struct nfa_matcher *m, struct nfa_det *x) {
    struct nfa_dets *d = m->dets;
    x->ends_us = -1;
    find_times(m, x);
    x->n_times = (uint32_t)d->n_times;
    if (!x->n_times)
        return;
    x->times = nfa_mem_get(&d->mem, x->n_times * sizeof *x->times);
    memcpy(x->times, d->times, x->n_times * sizeof *x->times);
    for (uint32_t i = 0; i < x->n; i++) {
        int64_t bound = m->p->states[x->states[i]].bound_us;
        if (bound < 0) {
            x->ends_us = -1;
            return;
        }
        if (bound > x->ends_us)
            x->ends_us = bound;
    }
}

/* -- dets --------------------------------------------------------------------------------------------------------- */

static size_t det_size(uint32_t n) {
    return sizeof(struct nfa_det) + n * sizeof(uint32_t);
}

static uint32_t det_new(struct nfa_matcher *m, const uint32_t *states, uint32_t n, uint64_t hash) {
    struct nfa_dets *d = m->dets;
    struct nfa_det *x = nfa_mem_get(&m->dets->mem, det_size(n));
    *x = (struct nfa_det){ .hash = hash, .n = n, .states = (uint32_t *)(x + 1), .ends_us = -1 };
    memcpy(x->states, states, n * sizeof *states);
    if (m->p->has_times && states != &m->p->start)
        times_init(m, x);
    clear_words(m);
    for (uint32_t i = 0; i < n; i++) {
        add_state(m, states[i], &x->fold);
        x->pending = x->pending || m->p->states[states[i]].pending;
    }
    rel_init(m, &x->rel, x->fold);
    uint32_t at;
    if (d->n_free_dets) {
        at = d->free_dets[--d->n_free_dets];
    } else {
        d->dets = base_grow(d->dets, d->n_dets, &d->cap_dets, sizeof *d->dets);
        at = (uint32_t)d->n_dets++;
    }
    d->dets[at] = x;
    return at;
}

static void det_free(struct nfa_matcher *m, struct nfa_det *x) {
    rel_free(m, &x->rel);
    nfa_mem_put(&m->dets->mem, x->times, x->n_times * sizeof *x->times);
    nfa_mem_put(&m->dets->mem, x, det_size(x->n));
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

uint32_t nfa_det_of(struct nfa_matcher *m, uint32_t *states, size_t n) {
    struct nfa_dets *d = m->dets;
    uint32_t k = 0;
    uint64_t hash = n;
    if (!n)
        return NFA_NONE;
    if (n > 1)
        qsort(states, n, sizeof *states, by_number);
    for (size_t i = 0; i < n; i++) {
        if (k && states[k - 1] == states[i])
            continue;
        states[k++] = states[i];
        hash = mix(hash, states[i]);
    }
    for (size_t at = hash & (d->by_states.n_slots - 1); d->by_states.n_slots && d->by_states.slots[at];
         at = (at + 1) & (d->by_states.n_slots - 1)) {
        const struct nfa_det *x = d->dets[d->by_states.slots[at] - 1];
        if (x->hash == hash && x->n == k && memcmp(x->states, states, k * sizeof *states) == 0)
            return d->by_states.slots[at] - 1;
    }
    uint32_t made = det_new(m, states, k, hash);
    table_add(&d->by_states, hash, made, det_hash, d);
    return made;
}

struct nfa_det *nfa_det_at(const struct nfa_matcher *m, uint32_t det) {
    return m->dets->dets[det];
}
struct nfa_rank *nfa_rank_at(const struct nfa_matcher *m, uint32_t rank) {
    return m->dets->ranks[rank];
}

/* -- what an event does to a det ------------------------------------------------------------------------------------ */

static bool lit_holds(const struct nfa_matcher *m, nfa_lit l) {
    const struct nfa_atom *a = &m->p->atoms[nfa_lit_atom(l)];
    const struct nfa_dets *d = m->dets;
    bool is;
    if (a->kind == NFA_ATOM_BOTH)
        is = lit_holds(m, a->both[0]) && lit_holds(m, a->both[1]);
    else if (a->kind == NFA_ATOM_TIME_LO)
        is = d->is_start || nfa_last_is_over(m, d->last, a->us);
    else if (a->kind == NFA_ATOM_TIME_HI)
        is = d->is_start || !nfa_last_is_over(m, d->last, a->us);
    else
        is = a->bit == NFA_NONE || (m->cur.bits[a->bit / 64] >> (a->bit & 63) & 1);
    return is != nfa_lit_negated(l);
}

static bool holds(const struct nfa_matcher *m, uint32_t guard, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        if (!lit_holds(m, m->p->lits.v[guard + i]))
            return false;
    }
    return true;
}

static bool completes(const struct nfa_matcher *m, const struct nfa_edge *e) {
    bool yes = e->completes;
    for (uint32_t i = 0; i < e->n_finals && !yes; i++)
        yes = holds(m, m->p->finals[e->finals + i].guard, m->p->finals[e->finals + i].n_guard);
    return yes;
}

static bool interests(const struct nfa_matcher *m, const struct nfa_state *s) {
    const uint64_t *mask = m->p->masks + s->interest;
    for (size_t i = 0; i < m->p->n_words; i++) {
        if (mask[i] & m->cur.bits[i])
            return true;
    }
    return false;
}

static void stay_in(struct nfa_dets *d, uint32_t q) {
    d->stay = base_grow(d->stay, d->n_stay, &d->cap_stay, sizeof *d->stay);
    d->stay[d->n_stay++] = q;
}

/* Returns: true when a negation was hit. */
static bool try_state(struct nfa_matcher *m, uint32_t q, bool is_start, bool *stay_completes) {
    struct nfa_dets *d = m->dets;
    const struct nfa_prog *p = m->p;
    const struct nfa_state *s = &p->states[q];
    bool stop = false;
    size_t n = 0;
    if (!is_start && s->bound_us >= 0 && nfa_last_is_over(m, d->last, s->bound_us))
        return false;
    if (!is_start && s->calm && !interests(m, s)) {
        stay_in(d, q);
        return false;
    }
    const struct nfa_edge *e = p->edges + s->edges, *end = e + s->n_edges;
    for (; e < end; e++) {
        if (e->block && !(m->cur.bits[e->word] & e->any)) {
            e += e->block - 1;
            continue;
        }
        if ((m->cur.bits[e->word] & e->mask) != e->want || !holds(m, e->lits, e->n_lits))
            continue;
        if (e->action == NFA_STOP)
            stop = true;
        else if (!is_start || e->action == NFA_TAKE)
            m->fired[n++] = e;
    }
    stop = stop && !is_start;
    for (size_t i = 0; i < n; i++) {
        e = m->fired[i];
        if (e->n_beaten && nfa_is_beaten(m, e, n))
            continue;
        bool ends = completes(m, e);
        if (e->action == NFA_IGNORE) {
            *stay_completes = *stay_completes || ends;
            if (!stop && e->target != NFA_NONE)
                stay_in(d, e->target);
            continue;
        }
        d->raw = base_grow(d->raw, d->n_raw, &d->cap_raw, sizeof *d->raw);
        d->raw[d->n_raw++] = (struct raw_move){ e->var, stop ? NFA_NONE : e->target, ends };
    }
    return stop;
}

static int by_var(const void *a, const void *b) {
    const struct raw_move *x = a, *y = b;
    return x->var != y->var ? (x->var < y->var ? -1 : 1) : x->to < y->to ? -1 : x->to > y->to;
}

static void gather_moves(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets;
    d->n_moves = 0;
    if (d->n_raw > 1)
        qsort(d->raw, d->n_raw, sizeof *d->raw, by_var);
    for (size_t from = 0, to; from < d->n_raw; from = to) {
        struct nfa_move mv = { .var = d->raw[from].var };
        size_t n = 0;
        for (to = from; to < d->n_raw && d->raw[to].var == mv.var; to++) {
            mv.completes = mv.completes || d->raw[to].completes;
            if (d->raw[to].to == NFA_NONE)
                continue;
            d->set = base_grow(d->set, n, &d->cap_set, sizeof *d->set);
            d->set[n++] = d->raw[to].to;
        }
        mv.to = nfa_det_of(m, d->set, n);
        if (mv.to == NFA_NONE && !mv.completes)
            continue;
        d->moves = base_grow(d->moves, d->n_moves, &d->cap_moves, sizeof *d->moves);
        d->moves[d->n_moves++] = mv;
    }
}

static size_t trans_size(uint32_t n_rel, uint32_t n_moves) {
    return sizeof(struct nfa_trans) + n_rel * sizeof(uint64_t) + n_moves * sizeof(struct nfa_move);
}

static struct nfa_trans *trans_new(struct nfa_matcher *m, uint32_t det, int64_t last, uint32_t over, uint64_t hash) {
    struct nfa_dets *d = m->dets;
    bool is_start = det == NFA_DET_START, stops = false, stay_completes = false;
    d->n_stay = d->n_raw = 0;
    d->last = last;
    d->is_start = is_start;
    for (uint32_t i = 0; i < d->dets[det]->n; i++)
        stops = try_state(m, d->dets[det]->states[i], is_start, &stay_completes) || stops;
    gather_moves(m);
    uint32_t stay = is_start ? NFA_NONE : nfa_det_of(m, d->stay, d->n_stay);
    const struct nfa_det *x = d->dets[det];
    struct nfa_trans *t = nfa_mem_get(&m->dets->mem, trans_size(x->rel.n, (uint32_t)d->n_moves));
    *t = (struct nfa_trans){ .hash = hash,
        .det = det,
        .times_over = over,
        .stay = stay,
        .stay_completes = stay_completes,
        .stops = stops,
        .same = stay == det && !stay_completes && !d->n_moves && !stops,
        .n_moves = (uint32_t)d->n_moves,
        .n_rel = x->rel.n };
    t->moves = (struct nfa_move *)(t->rel + t->n_rel);
    rel_copy(m, &x->rel, t->rel);
    if (d->n_moves)
        memcpy(t->moves, d->moves, d->n_moves * sizeof *d->moves);
    return t;
}

static void trans_free(struct nfa_matcher *m, struct nfa_trans *t) {
    nfa_mem_put(&m->dets->mem, t, trans_size(t->n_rel, t->n_moves));
}

static void memo_grow(struct nfa_dets *d) {
    size_t n = d->n_memo_slots ? d->n_memo_slots * 2 : 128;
    struct nfa_trans **v = base_calloc(n, sizeof *v);
    for (size_t i = 0; i < d->n_memo_slots; i++) {
        if (!d->memo[i])
            continue;
        size_t at = d->memo[i]->hash & (n - 1);
        while (v[at])
            at = (at + 1) & (n - 1);
        v[at] = d->memo[i];
    }
    base_free(d->memo);
    d->memo = v;
    d->n_memo_slots = n;
}

const struct nfa_trans *nfa_det_step(struct nfa_matcher *m, uint32_t det, int64_t last) {
    struct nfa_dets *d = m->dets;
    uint64_t hash = rel_hash(m, &d->dets[det]->rel, mix(1, det));
    uint32_t over = times_over(m, d->dets[det], last);
    if (over)
        hash = mix(hash, over);
    if (d->n_memo_slots) {
        for (size_t at = hash & (d->n_memo_slots - 1); d->memo[at]; at = (at + 1) & (d->n_memo_slots - 1)) {
            const struct nfa_trans *t = d->memo[at];
            if (t->hash == hash && t->det == det && t->times_over == over &&
                rel_is(m, &d->dets[det]->rel, t->rel))
                return t;
        }
    }
    struct nfa_trans *t = trans_new(m, det, last, over, hash);
    if ((d->n_memo + 1) * 2 > d->n_memo_slots)
        memo_grow(d);
    size_t at = hash & (d->n_memo_slots - 1);
    while (d->memo[at])
        at = (at + 1) & (d->n_memo_slots - 1);
    d->memo[at] = t;
    d->n_memo++;
    return t;
}

/* -- ranks ------------------------------------------------------------------------------------------------------------ */

static size_t rank_size(uint32_t n) {
    return sizeof(struct nfa_rank) + n * (sizeof(uint32_t) + sizeof(bool));
}

static uint32_t rank_new(struct nfa_matcher *m, const struct nfa_rank_entry *e, uint32_t n, uint64_t hash) {
    struct nfa_dets *d = m->dets;
    struct nfa_rank *r = nfa_mem_get(&m->dets->mem, rank_size(n));
    *r = (struct nfa_rank){ .hash = hash, .n = n, .dets = (uint32_t *)(r + 1) };
    r->opens = (bool *)(r->dets + n);
    clear_words(m);
    for (uint32_t i = 0; i < n; i++) {
        const struct nfa_det *x = d->dets[e[i].det];
        r->n_timed += x->n_times > 0;
        r->dets[i] = e[i].det;
        r->opens[i] = e[i].opens;
        r->fold |= x->fold;
        add_rel(m, &x->rel);
    }
    rel_init(m, &r->rel, r->fold);
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

static void rank_free(struct nfa_matcher *m, struct nfa_rank *r) {
    rel_free(m, &r->rel);
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
        hash = mix(hash, (uint64_t)e[i].det * 2 + e[i].opens);
    for (size_t at = hash & (d->by_dets.n_slots - 1); d->by_dets.n_slots && d->by_dets.slots[at];
         at = (at + 1) & (d->by_dets.n_slots - 1)) {
        const struct nfa_rank *r = d->ranks[d->by_dets.slots[at] - 1];
        if (r->hash == hash && is_rank(r, e, n))
            return d->by_dets.slots[at] - 1;
    }
    uint32_t made = rank_new(m, e, (uint32_t)n, hash);
    table_add(&d->by_dets, hash, made, rank_hash, d);
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

static const struct nfa_trans *entry_step(struct nfa_matcher *m, uint32_t rank, uint32_t i, const int64_t *last) {
    return nfa_det_step(m, m->dets->ranks[rank]->dets[i], last ? last[i] : NFA_LAST_OLD);
}

/*
 * Partial matches of one group have taken the same events: those that take this one come before those that do not, and
 * so does every one of an earlier group before all of a later one, whether it takes the event or not: it has an earlier
 * event already.
 */
static void move_group(struct nfa_matcher *m, uint32_t rank, const int64_t *last, uint32_t from, uint32_t to,
    struct nfa_rank_trans *t) {
    struct nfa_dets *d = m->dets;
    bool opens = true;
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
        if (x->stay_completes && !t->done) {
            t->done = true;
            t->done_src = i;
            t->done_var = NFA_NONE;
        }
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
    rel_copy(m, rel, t->rel);
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
        d->times_over[i] = times_over(m, d->dets[r->dets[i]], last[i]);
        h = mix(h, d->times_over[i]);
    }
    return h;
}

static bool times_are(const struct nfa_dets *d, const struct nfa_rank_trans *t) {
    return !t->n_times || memcmp(t->times_over, d->times_over, t->n_times * sizeof *t->times_over) == 0;
}

struct nfa_rank_trans *nfa_rank_step(struct nfa_matcher *m, uint32_t rank, const int64_t *last) {
    struct nfa_dets *d = m->dets;
    uint64_t hash = rel_hash(m, &d->ranks[rank]->rel, mix(2, rank));
    if (last)
        hash = ask_times(m, d->ranks[rank], last, hash);
    if (d->n_rank_memo_slots) {
        for (size_t at = hash & (d->n_rank_memo_slots - 1); d->rank_memo[at];
             at = (at + 1) & (d->n_rank_memo_slots - 1)) {
            struct nfa_rank_trans *t = d->rank_memo[at];
            if (t->hash == hash && t->rank == rank && rel_is(m, &d->ranks[rank]->rel, t->rel) && times_are(d, t))
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

/* -- life -------------------------------------------------------------------------------------------------------------- */

static void dets_new(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets = base_calloc(1, sizeof *d);
    nfa_mem_init(&d->mem, m->mem.pool);
    d->words = base_calloc(m->p->n_words, sizeof *d->words);
    d->interest = base_calloc(m->p->n_words, sizeof *d->interest);
    d->max_dets = NFA_DETS_MAX;
    d->stamp = UINT64_MAX;
    /* The start is a det and a rank of its own, found by number only. */
    (void)det_new(m, &m->p->start, 1, 0);
    (void)rank_new(m, &(struct nfa_rank_entry){ .det = NFA_DET_START, .opens = true }, 1, 0);
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
            trans_free(m, d->memo[i]);
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
            table_add(&d->by_states, d->dets[i]->hash, i, det_hash, d);
    }
    for (uint32_t i = 1; i < d->n_ranks; i++) {
        if (d->ranks[i])
            table_add(&d->by_dets, d->ranks[i]->hash, i, rank_hash, d);
    }
}

/* Keys mark what they use. */
static void sweep(struct nfa_matcher *m) {
    struct nfa_dets *d = m->dets;
    for (size_t i = 0; i < d->n_dets; i++) {
        if (d->dets[i])
            d->dets[i]->used = i == NFA_DET_START;
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
        rank_free(m, r);
        d->ranks[i] = NULL;
        d->free_ranks = base_grow(d->free_ranks, d->n_free_ranks, &d->cap_free_ranks, sizeof *d->free_ranks);
        d->free_ranks[d->n_free_ranks++] = i;
    }
    for (uint32_t i = 0; i < d->n_dets; i++) {
        if (!d->dets[i] || d->dets[i]->used)
            continue;
        det_free(m, d->dets[i]);
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
            det_free(m, d->dets[i]);
    }
    for (size_t i = 0; i < d->n_ranks; i++) {
        if (d->ranks[i])
            rank_free(m, d->ranks[i]);
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
