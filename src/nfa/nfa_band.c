/*
 * nfa_band -- the lists of a place whose det has times, by when the last event was taken. See nfa_graph.h.
 */
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_BANDS_MIN = 4 };

static size_t bands_size(uint32_t cap) {
    return sizeof(struct nfa_bands) + cap * sizeof(struct nfa_band);
}

void nfa_bands_free(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl) {
    if (!pl->bands)
        return;
    for (uint32_t i = 0; i < pl->bands->n; i++) {
        const struct nfa_band *b = nfa_band_at(pl->bands, i);
        if (nfa_is_live(g, b->max))
            nfa_cell_unref(m, g, b->list);
    }
    nfa_mem_put(&m->mem, pl->bands, bands_size(pl->bands->cap));
    pl->bands = NULL;
}

/* Room for one more at the end. */
static void make_room(struct nfa_matcher *m, struct nfa_place *pl) {
    struct nfa_bands *b = pl->bands;
    if (b && b->from + b->n < b->cap)
        return;
    if (b && b->from >= b->cap / 2) {
        memmove(b->v, b->v + b->from, b->n * sizeof *b->v);
        b->from = 0;
        return;
    }
    uint32_t cap = b ? b->cap * 2 : NFA_BANDS_MIN;
    struct nfa_bands *grown = nfa_mem_get(&m->mem, bands_size(cap));
    *grown = (struct nfa_bands){ .n = b ? b->n : 0, .cap = cap };
    if (b) {
        memcpy(grown->v, b->v + b->from, b->n * sizeof *b->v);
        nfa_mem_put(&m->mem, b, bands_size(b->cap));
    }
    pl->bands = grown;
}

void nfa_bands_add(
    struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl, int64_t last, uint32_t list) {
    make_room(m, pl);
    struct nfa_bands *b = pl->bands;
    uint32_t at = b->n;
    while (at && nfa_band_at(b, at - 1)->last > last)
        at--;
    struct nfa_band *was = at ? nfa_band_at(b, at - 1) : NULL;
    if (was && was->last == last) {
        was->list = nfa_is_live(g, was->max) ? nfa_cell_join(m, g, was->list, list) : list;
        was->max = nfa_cell_at(m, was->list)->max;
        return;
    }
    struct nfa_band *v = b->v + b->from;
    memmove(v + at + 1, v + at, (b->n - at) * sizeof *v);
    v[at] = (struct nfa_band){ .last = last, .list = list, .max = nfa_cell_at(m, list)->max };
    b->n++;
}

/* Those from lo up to hi are out; their lists are the caller's. */
static void take_out(struct nfa_bands *b, uint32_t lo, uint32_t hi) {
    struct nfa_band *v = b->v + b->from;
    if (lo == 0)
        b->from += hi;
    else
        memmove(v + lo, v + hi, (b->n - hi) * sizeof *v);
    b->n -= hi - lo;
}

void nfa_bands_trim(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl, int64_t now) {
    struct nfa_bands *b = pl->bands;
    const struct nfa_det *x = nfa_det_at(m, pl->det);
    while (b->n) {
        const struct nfa_band *first = nfa_band_at(b, 0);
        bool live = nfa_is_live(g, first->max);
        if (live && nfa_det_end(x, first->last) > now)
            return;
        if (live)
            nfa_cell_unref(m, g, first->list);
        take_out(b, 0, 1);
        m->stats.work++;
    }
}

/* The first one, from lo on, that took its last event less than `us` ago. */
static uint32_t first_younger(const struct nfa_matcher *m, struct nfa_bands *b, uint32_t lo, int64_t us) {
    uint32_t hi = b->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (nfa_last_is_over(m, nfa_band_at(b, mid)->last, us))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* What is older than all times is one list. */
static void age(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, const struct nfa_det *x) {
    uint32_t n = first_younger(m, b, 0, x->times[x->n_times - 1]), list = 0;
    if (n == 0 || (n == 1 && nfa_band_at(b, 0)->last == NFA_LAST_OLD))
        return;
    for (uint32_t i = 0; i < n; i++) {
        const struct nfa_band *old = nfa_band_at(b, i);
        if (nfa_is_live(g, old->max))
            list = nfa_cell_join(m, g, old->list, list);
    }
    take_out(b, 0, n - (list != 0));
    if (list)
        *nfa_band_at(b, 0) = (struct nfa_band){ NFA_LAST_OLD, list, nfa_cell_at(m, list)->max };
}

/* To m->moved_bands; the list is the caller's to count. */
static void note(struct nfa_matcher *m, const struct nfa_band *b) {
    m->moved_bands = base_grow(m->moved_bands, m->n_moved_bands, &m->cap_moved_bands, sizeof *m->moved_bands);
    m->moved_bands[m->n_moved_bands++] = *b;
}

void nfa_bands_step(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl) {
    struct nfa_bands *b = pl->bands;
    const struct nfa_det *x = nfa_det_at(m, pl->det);
    nfa_bands_trim(m, g, pl, m->cur.time);
    age(m, g, b, x);
    for (uint32_t over = x->n_times + 1, lo = 0, hi; over-- > 0 && lo < b->n; lo = hi) {
        hi = over ? first_younger(m, b, lo, x->times[over - 1]) : b->n;
        if (hi == lo)
            continue;
        const struct nfa_trans *t = nfa_det_step(m, pl->det, nfa_band_at(b, lo)->last);
        if (t->same)
            continue;
        bool stays = t->stay == pl->det;
        struct nfa_stretch s = { .det = pl->det, .how = t, .first = m->n_moved_bands };
        for (uint32_t i = lo; i < hi; i++) {
            const struct nfa_band *at = nfa_band_at(b, i);
            if (!nfa_is_live(g, at->max))
                continue;
            if (stays)
                nfa_cell_ref(m, at->list);
            note(m, at);
        }
        s.n = m->n_moved_bands - s.first;
        m->stats.work += hi - lo;
        m->stretches = base_grow(m->stretches, m->n_stretches, &m->cap_stretches, sizeof *m->stretches);
        m->stretches[m->n_stretches++] = s;
        if (stays)
            continue;
        take_out(b, lo, hi);
        hi = lo;
    }
}

uint32_t nfa_bands_union(struct nfa_matcher *m, struct nfa_graph *g, const struct nfa_band *v, size_t n) {
    uint32_t list = 0;
    for (size_t i = 0; i < n; i++) {
        nfa_cell_ref(m, v[i].list);
        list = nfa_cell_join(m, g, v[i].list, list);
    }
    return list;
}

int64_t nfa_bands_end(const struct nfa_matcher *m, const struct nfa_place *pl) {
    return pl->bands && pl->bands->n ? nfa_det_end(nfa_det_at(m, pl->det), nfa_band_at(pl->bands, 0)->last)
                                     : EVT_TIME_MAX;
}
