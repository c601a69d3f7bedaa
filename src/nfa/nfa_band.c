/*
 * nfa_band -- the lists of a place whose det has times, by when the last event was taken. See nfa_graph.h.
 */
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_BANDS_MIN = 4, NFA_BANDS_AS_ONE = 8 };

static size_t bands_size(uint32_t cap) {
    return sizeof(struct nfa_bands) + cap * sizeof(struct nfa_band);
}

void nfa_bands_free(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl) {
    if (!pl->bands)
        return;
    nfa_windows_drop(m, g, pl->bands);
    for (uint32_t i = 0; i < pl->bands->n; i++) {
        const struct nfa_band *b = nfa_band_at(pl->bands, i);
        if (nfa_is_live(g, b->max))
            nfa_cell_unref(m, g, b->list);
        nfa_graph_end_span(m, b->span, NULL, NFA_NONE);
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
    *grown = (struct nfa_bands){ .cap = cap };
    if (b) {
        grown->gone = b->gone;
        grown->windows = b->windows;
        grown->n = b->n;
        memcpy(grown->v, b->v + b->from, b->n * sizeof *b->v);
        nfa_mem_put(&m->mem, b, bands_size(b->cap));
    }
    pl->bands = grown;
}

struct nfa_band *nfa_bands_add(
    struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl, int64_t last, uint32_t list) {
    make_room(m, pl);
    struct nfa_bands *b = pl->bands;
    uint32_t at = b->n;
    while (at && nfa_band_at(b, at - 1)->last > last)
        at--;
    struct nfa_band *was = at ? nfa_band_at(b, at - 1) : NULL;
    if (at < b->n)
        nfa_windows_drop(m, g, b); /* the newest one is in none */
    if (was && was->last == last) {
        was->list = nfa_is_live(g, was->max) ? nfa_cell_join(m, g, was->list, list) : list;
        was->max = nfa_cell_at(m, was->list)->max;
        return was;
    }
    struct nfa_band *v = b->v + b->from;
    memmove(v + at + 1, v + at, (b->n - at) * sizeof *v);
    v[at] = (struct nfa_band){ .last = last, .list = list, .max = nfa_cell_at(m, list)->max };
    b->n++;
    return &v[at];
}

/* Those from lo up to hi are out; their lists are the caller's. */
static void take_out(
    struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, uint32_t lo, uint32_t hi) {
    struct nfa_band *v = b->v + b->from;
    if (lo > 0) {
        nfa_windows_drop(m, g, b);
        memmove(v + lo, v + hi, (b->n - hi) * sizeof *v);
        b->n -= hi - lo;
        return;
    }
    if (b->windows)
        nfa_windows_leave(m, g, b, b->gone + hi);
    b->from += hi;
    b->gone += hi;
    b->n -= hi;
}

struct nfa_band nfa_bands_pop(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl) {
    struct nfa_band first = *nfa_band_at(pl->bands, 0);
    take_out(m, g, pl->bands, 0, 1);
    return first;
}

void nfa_bands_trim(
    struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl, bool ends, int64_t now) {
    struct nfa_bands *b = pl->bands;
    const struct nfa_det *x = nfa_det_at(m, pl->det);
    while (b->n) {
        const struct nfa_band *at = nfa_band_at(b, 0);
        bool live = nfa_is_live(g, at->max);
        if (live && !(ends && nfa_det_end(x, at->last) <= now))
            return;
        struct nfa_band first = nfa_bands_pop(m, g, pl);
        if (live)
            nfa_cell_unref(m, g, first.list);
        nfa_graph_end_span(m, first.span, NULL, NFA_NONE);
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
static void age(
    struct nfa_matcher *m, struct nfa_graph *g, const struct nfa_place *pl, const struct nfa_det *x) {
    struct nfa_bands *b = pl->bands;
    uint32_t n = first_younger(m, b, 0, x->times[x->n_times - 1]), list = 0, span = 0;
    if (n == 0 || (n == 1 && nfa_band_at(b, 0)->last == NFA_LAST_OLD))
        return;
    nfa_windows_leave(m, g, b, b->gone + n);
    for (uint32_t i = 0; i < n; i++) {
        const struct nfa_band *old = nfa_band_at(b, i);
        if (nfa_is_live(g, old->max))
            list = nfa_cell_join(m, g, old->list, list);
        nfa_graph_end_span(m, old->span, nfa_is_live(g, old->max) ? &span : NULL, pl->det);
    }
    take_out(m, g, b, 0, n - (list != 0));
    if (list)
        *nfa_band_at(b, 0) = (struct nfa_band){ NFA_LAST_OLD, list, nfa_cell_at(m, list)->max, span };
}

/* To m->moved_bands, with a reference to what is in it. One that stays is behind the event in a new span, if that takes something. */
static void note(struct nfa_matcher *m, struct nfa_band *b, uint32_t det, const struct nfa_trans *t) {
    struct nfa_band moved = *b;
    if (t->stay == det)
        nfa_cell_ref(m, b->list);
    if (t->stay == det && b->span && !nfa_trans_takes(t)) {
        nfa_span_ref(m, b->span);
    } else if (t->stay == det && b->span) {
        b->span = 0;
        uint32_t next = nfa_graph_span(m, &b->span, det);
        nfa_span_ref(m, next);
        nfa_span_at(m, moved.span)->next = next;
    }
    m->moved_bands = base_grow(m->moved_bands, m->n_moved_bands, &m->cap_moved_bands, sizeof *m->moved_bands);
    m->moved_bands[m->n_moved_bands++] = moved;
}

/* Those from lo up to hi as if they were one: they stay, and have no spans. */
static void note_all(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, uint32_t over,
    uint32_t lo, uint32_t hi) {
    uint32_t list = nfa_window_list(m, g, b, over, lo, hi);
    if (!list)
        return;
    m->moved_bands = base_grow(m->moved_bands, m->n_moved_bands, &m->cap_moved_bands, sizeof *m->moved_bands);
    m->moved_bands[m->n_moved_bands++] = (struct nfa_band){ .list = list, .max = nfa_cell_at(m, list)->max };
}

void nfa_bands_step(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl) {
    struct nfa_bands *b = pl->bands;
    const struct nfa_det *x = nfa_det_at(m, pl->det);
    nfa_bands_trim(m, g, pl, !m->p->tells_time, m->cur.time);
    age(m, g, pl, x);
    for (uint32_t over = x->n_times + 1, lo = 0, hi; over-- > 0 && lo < b->n; lo = hi) {
        hi = over ? first_younger(m, b, lo, x->times[over - 1]) : b->n;
        if (hi == lo)
            continue;
        const struct nfa_trans *t = nfa_det_step(m, pl->det, nfa_band_at(b, lo)->last);
        if (t->same)
            continue;
        bool stays = t->stay == pl->det;
        struct nfa_stretch s = { .det = pl->det, .how = t, .first = m->n_moved_bands };
        bool as_one = stays && !m->spans && hi - lo >= NFA_BANDS_AS_ONE;
        if (as_one)
            note_all(m, g, b, over, lo, hi);
        for (uint32_t i = lo; i < hi && !as_one; i++) {
            struct nfa_band *at = nfa_band_at(b, i);
            if (nfa_is_live(g, at->max))
                note(m, at, pl->det, t);
            else if (!stays)
                nfa_graph_end_span(m, at->span, NULL, NFA_NONE);
        }
        s.n = m->n_moved_bands - s.first;
        m->stats.work += as_one ? 1 : hi - lo;
        m->stretches = base_grow(m->stretches, m->n_stretches, &m->cap_stretches, sizeof *m->stretches);
        m->stretches[m->n_stretches++] = s;
        if (stays)
            continue;
        take_out(m, g, b, lo, hi);
        hi = lo;
    }
    /* Behind those that left there may be some that are cut. */
    nfa_bands_trim(m, g, pl, false, EVT_TIME_MIN);
}

uint32_t nfa_bands_union(struct nfa_matcher *m, struct nfa_graph *g, const struct nfa_band *v, size_t n) {
    uint32_t list = 0;
    for (size_t i = 0; i < n; i++) {
        nfa_cell_ref(m, v[i].list);
        list = nfa_cell_join(m, g, v[i].list, list);
    }
    return list;
}

int64_t nfa_bands_due(const struct nfa_matcher *m, const struct nfa_place *pl) {
    if (!pl->bands || !pl->bands->n)
        return EVT_TIME_MAX;
    const struct nfa_det *x = nfa_det_at(m, pl->det);
    int64_t last = nfa_band_at(pl->bands, 0)->last, end = nfa_det_end(x, last),
            wakes = nfa_det_wakes(x, last);
    return wakes < end ? wakes : end;
}
