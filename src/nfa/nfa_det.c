/*
 * nfa_det -- see the header. Found out state by state as nfa_step.c does for a run: a STOP ends what stands in that state,
 * though a TAKE beside it may still complete; an IGNORE that a TAKE beats is not followed; a calm state that the event
 * does not interest stays.
 */
#include "nfa/nfa_det_internal.h"

#include "base/base_mem.h"

#include <stdlib.h>

/* -- times ------------------------------------------------------------------------------------------------------- */

bool nfa_det_is_old(const struct nfa_matcher *m, const struct nfa_det *x, int64_t last) {
    return nfa_det_times_over(m, x, last) == x->n_times;
}

int64_t nfa_det_end(const struct nfa_det *x, int64_t last) {
    if (x->ends_us < 0)
        return EVT_TIME_MAX;
    return last == NFA_LAST_OLD ? EVT_TIME_MIN : nfa_time_add(last, x->ends_us);
}

int64_t nfa_det_wakes(const struct nfa_det *x, int64_t last) {
    if (x->wakes_us < 0)
        return EVT_TIME_MAX;
    return last == NFA_LAST_OLD ? EVT_TIME_MIN : nfa_time_add(last, x->wakes_us);
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
        if (s->absent_us >= 0) {
            add_time(d, s->absent_us);
            if (s->rest != NFA_NONE)
                add_closure(d, &n, s->rest);
        }
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
    bool ends = true;
    for (uint32_t i = 0; i < x->n; i++) {
        const struct nfa_state *s = &m->p->states[x->states[i]];
        int64_t wakes = s->pending ? s->bound_us : -1;
        if (s->absent_us >= 0 && (wakes < 0 || s->absent_us < wakes))
            wakes = s->absent_us;
        if (wakes >= 0 && (x->wakes_us < 0 || wakes < x->wakes_us))
            x->wakes_us = wakes;
        ends = ends && s->bound_us >= 0;
        if (s->bound_us > x->ends_us)
            x->ends_us = s->bound_us;
    }
    if (!ends)
        x->ends_us = -1;
}

/* -- dets --------------------------------------------------------------------------------------------------------- */

static size_t det_size(uint32_t n) {
    return sizeof(struct nfa_det) + n * sizeof(uint32_t);
}

uint32_t nfa_det_new(struct nfa_matcher *m, const uint32_t *states, uint32_t n, uint64_t hash) {
    struct nfa_dets *d = m->dets;
    struct nfa_det *x = nfa_mem_get(&m->dets->mem, det_size(n));
    *x = (struct nfa_det){
        .hash = hash, .n = n, .states = (uint32_t *)(x + 1), .ends_us = -1, .wakes_us = -1
    };
    memcpy(x->states, states, n * sizeof *states);
    if (m->p->has_times && states != &m->p->start)
        times_init(m, x);
    nfa_rel_clear(m);
    for (uint32_t i = 0; i < n; i++) {
        nfa_rel_add_state(m, states[i], &x->fold);
        x->pending = x->pending || m->p->states[states[i]].pending;
        x->awaits = x->awaits || nfa_awaits_absence(&m->p->states[states[i]]);
    }
    nfa_rel_init(m, &x->rel, x->fold);
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

void nfa_det_free(struct nfa_matcher *m, struct nfa_det *x) {
    nfa_rel_free(m, &x->rel);
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
        hash = nfa_dets_mix(hash, states[i]);
    }
    for (size_t at = hash & (d->by_states.n_slots - 1); d->by_states.n_slots && d->by_states.slots[at];
         at = (at + 1) & (d->by_states.n_slots - 1)) {
        const struct nfa_det *x = d->dets[d->by_states.slots[at] - 1];
        if (x->hash == hash && x->n == k && memcmp(x->states, states, k * sizeof *states) == 0)
            return d->by_states.slots[at] - 1;
    }
    uint32_t made = nfa_det_new(m, states, k, hash);
    nfa_dets_table_add(&d->by_states, hash, made, nfa_det_hash_of, d);
    return made;
}

/* States whose time is over are no more; an absence that a loop may end with leaves what goes on. */
uint32_t nfa_det_woken(struct nfa_matcher *m, uint32_t det) {
    struct nfa_dets *d = m->dets;
    struct nfa_det *x = d->dets[det];
    if (x->is_woken)
        return x->woken;
    size_t n = 0;
    for (uint32_t i = 0; i < x->n; i++) {
        const struct nfa_state *s = &m->p->states[x->states[i]];
        uint32_t q = x->states[i];
        if (s->bound_us >= 0 && s->bound_us <= x->wakes_us)
            continue;
        if (s->absent_us >= 0 && s->absent_us <= x->wakes_us)
            q = s->rest;
        if (q == NFA_NONE)
            continue;
        d->set = base_grow(d->set, n, &d->cap_set, sizeof *d->set);
        d->set[n++] = q;
    }
    x->woken = nfa_det_of(m, d->set, n);
    x->is_woken = true;
    return x->woken;
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
        d->raw[d->n_raw++] = (struct nfa_raw_move){ e->var, stop ? NFA_NONE : e->target, ends };
    }
    return stop;
}

static int by_var(const void *a, const void *b) {
    const struct nfa_raw_move *x = a, *y = b;
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

static struct nfa_trans *trans_new(
    struct nfa_matcher *m, uint32_t det, int64_t last, uint32_t over, uint64_t hash) {
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
    nfa_rel_copy(m, &x->rel, t->rel);
    if (d->n_moves)
        memcpy(t->moves, d->moves, d->n_moves * sizeof *d->moves);
    return t;
}

void nfa_trans_free(struct nfa_matcher *m, struct nfa_trans *t) {
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
    uint64_t hash = nfa_rel_hash(m, &d->dets[det]->rel, nfa_dets_mix(1, det));
    uint32_t over = nfa_det_times_over(m, d->dets[det], last);
    if (over)
        hash = nfa_dets_mix(hash, over);
    if (d->n_memo_slots) {
        for (size_t at = hash & (d->n_memo_slots - 1); d->memo[at]; at = (at + 1) & (d->n_memo_slots - 1)) {
            const struct nfa_trans *t = d->memo[at];
            if (t->hash == hash && t->det == det && t->times_over == over &&
                nfa_rel_is(m, &d->dets[det]->rel, t->rel))
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
