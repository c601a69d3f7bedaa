/*
 * nfa_window -- the bands of a place that one event after the other takes together, and leaves where they are, as one list
 * (nfa_graph.h).
 *
 * Of the bands in their order, numbered as they come, such a stretch is a window: bands join it at one end, for they come or come of age,
 * and leave it at the other, for they are too old. It is kept as sums:
 *
 *     number     lo           mid           hi
 *     front      [lo, mid) ─ [lo + 1, mid) ─ ... ─ [mid - 1, mid)     a list each: what is left when those before it are gone
 *     back                    [mid, hi)                               one list, to which a band is added
 *
 * All of it is front and back together. When the front is used up the back becomes the front, from its end on. So a band costs two cells
 * while it is there, and an event three, however many bands it takes. (The queue of two stacks, with lists for sums.)
 *
 * The newest band, which may still get more, is in no window but added each time. When bands go or change elsewhere than at the ends
 * windows are dropped, and made anew.
 *
 * A list holds its starts. So what has left the place is let go of at once: a start is open while somebody holds it.
 */
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

/* A list of several bands. */
struct nfa_sum {
    uint32_t list; /* counted while max is live; 0 = nothing */
    uint32_t max;
};

struct nfa_window {
    struct nfa_window *next;     /* of the same bands */
    uint32_t over;               /* times of the det that are over for them */
    uint32_t cap;                /* of front */
    uint64_t first, lo, mid, hi; /* numbers; first: of front[0] */
    struct nfa_sum back;
    struct nfa_sum *front; /* owned; NULL when cap is 0 */
};

enum { NFA_WINDOW_SUMS = 8 };

/* Returns: a reference; 0 = nothing of it is left. */
static uint32_t take_ref(struct nfa_matcher *m, const struct nfa_graph *g, uint32_t list, uint32_t max) {
    if (!list || !nfa_is_live(g, max))
        return 0;
    nfa_cell_ref(m, list);
    return list;
}

static void release(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_sum *s) {
    if (s->list && nfa_is_live(g, s->max))
        nfa_cell_unref(m, g, s->list);
    s->list = 0;
}

static struct nfa_sum sum_of(const struct nfa_matcher *m, uint32_t list /* moved */) {
    return (struct nfa_sum){ list, list ? nfa_cell_at(m, list)->max : 0 };
}

static uint32_t band_list(
    struct nfa_matcher *m, const struct nfa_graph *g, struct nfa_bands *b, uint64_t number) {
    const struct nfa_band *x = nfa_band_at(b, (uint32_t)(number - b->gone));
    return take_ref(m, g, x->list, x->max);
}

static void clear(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_window *w, uint64_t at) {
    for (; w->lo < w->mid; w->lo++)
        release(m, g, &w->front[w->lo - w->first]);
    release(m, g, &w->back);
    w->first = w->lo = w->mid = w->hi = at;
}

/* The back becomes the front, from `lo` on. Requires: the front is used up. */
static void turn(
    struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, struct nfa_window *w, uint64_t lo) {
    uint64_t n = w->hi - lo;
    release(m, g, &w->back);
    if (n > w->cap) {
        nfa_mem_put(&m->mem, w->front, w->cap * sizeof *w->front);
        w->cap = w->cap ? w->cap : NFA_WINDOW_SUMS;
        while (w->cap < n)
            w->cap *= 2;
        w->front = nfa_mem_get(&m->mem, w->cap * sizeof *w->front);
    }
    struct nfa_sum sum = { .list = 0 };
    for (uint64_t i = w->hi; i-- > lo;) {
        uint32_t list = nfa_cell_pair(m, g, band_list(m, g, b, i), take_ref(m, g, sum.list, sum.max));
        sum = w->front[i - lo] = sum_of(m, list);
    }
    w->first = w->lo = lo;
    w->mid = w->hi;
}

/* What is before a number leaves. */
static void advance(
    struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, struct nfa_window *w, uint64_t lo) {
    if (lo >= w->hi) {
        clear(m, g, w, lo);
        return;
    }
    for (; w->lo < w->mid && w->lo < lo; w->lo++)
        release(m, g, &w->front[w->lo - w->first]);
    if (w->lo < lo)
        turn(m, g, b, w, lo);
}

void nfa_windows_leave(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, uint64_t number) {
    for (struct nfa_window *w = b->windows; w; w = w->next) {
        if (w->lo < number)
            advance(m, g, b, w, number);
    }
}

void nfa_windows_drop(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b) {
    while (b->windows) {
        struct nfa_window *w = b->windows;
        b->windows = w->next;
        clear(m, g, w, 0);
        nfa_mem_put(&m->mem, w->front, w->cap * sizeof *w->front);
        nfa_mem_put(&m->mem, w, sizeof *w);
    }
}

static struct nfa_window *window_of(struct nfa_matcher *m, struct nfa_bands *b, uint32_t over, uint64_t lo) {
    struct nfa_window *w = b->windows;
    while (w && w->over != over)
        w = w->next;
    if (w)
        return w;
    w = nfa_mem_get(&m->mem, sizeof *w);
    *w = (struct nfa_window){ .next = b->windows, .over = over, .first = lo, .lo = lo, .mid = lo, .hi = lo };
    b->windows = w;
    return w;
}

uint32_t nfa_window_list(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, uint32_t over,
    uint32_t from, uint32_t to) {
    bool newest = to == b->n;
    uint64_t lo = b->gone + from, hi = b->gone + to - newest;
    struct nfa_window *w = window_of(m, b, over, lo);
    if (w->hi > hi || w->lo > lo)
        clear(m, g, w, lo);
    if (w->lo < lo)
        advance(m, g, b, w, lo);
    for (; w->hi < hi; w->hi++) {
        uint32_t list = nfa_cell_pair(
            m, g, band_list(m, g, b, w->hi), take_ref(m, g, w->back.list, w->back.max));
        release(m, g, &w->back);
        w->back = sum_of(m, list);
        m->stats.work++;
    }
    uint32_t list = take_ref(m, g, w->back.list, w->back.max);
    if (w->lo < w->mid) {
        const struct nfa_sum *front = &w->front[w->lo - w->first];
        list = nfa_cell_pair(m, g, list, take_ref(m, g, front->list, front->max));
    }
    return newest ? nfa_cell_pair(m, g, list, band_list(m, g, b, hi)) : list;
}

void nfa_windows_check(const struct nfa_bands *b) {
    for (const struct nfa_window *w = b->windows; w; w = w->next) {
        CEP_INSIST(w->first <= w->lo && w->lo <= w->mid && w->mid <= w->hi && w->mid - w->first <= w->cap);
        CEP_INSIST(w->lo == w->hi || (w->lo >= b->gone && w->hi <= b->gone + b->n));
    }
}
