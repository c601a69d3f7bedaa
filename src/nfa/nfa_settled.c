/*
 * nfa_settled -- starts that have their match, and wait for those that started before them (nfa_settle.h).
 */
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <stdlib.h>

enum { NFA_SETTLED_MIN = 4 };

/* -- trails -------------------------------------------------------------------------------------------------------------- */

struct nfa_trail *nfa_trail_new(
    struct nfa_matcher *m, uint32_t var, struct nfa_ev *ev, struct nfa_trail *next) {
    struct nfa_trail *t = nfa_mem_get(&m->mem, sizeof *t);
    *t = (struct nfa_trail){ .next = next, .ev = ev, .var = var, .refs = 1 };
    ev->refs++;
    if (next)
        next->refs++;
    m->stats.work++;
    return t;
}

void nfa_trail_unref(struct nfa_matcher *m, struct nfa_trail *t) {
    while (t && --t->refs == 0) {
        struct nfa_trail *next = t->next;
        nfa_ev_unref(m, t->ev);
        nfa_mem_put(&m->mem, t, sizeof *t);
        t = next;
    }
}

/* -- the heap ------------------------------------------------------------------------------------------------------------ */

static size_t heap_size(uint32_t cap) {
    return sizeof(struct nfa_settled_heap) + cap * sizeof(struct nfa_settled);
}

static struct nfa_settled_heap *room_for_one(struct nfa_matcher *m, struct nfa_graph *g) {
    struct nfa_settled_heap *h = g->settled;
    if (h && h->n < h->cap)
        return h;
    uint32_t cap = h ? h->cap * 2 : NFA_SETTLED_MIN;
    g->settled = nfa_mem_get(&m->mem, heap_size(cap));
    *g->settled = (struct nfa_settled_heap){ .n = h ? h->n : 0, .cap = cap };
    if (h) {
        memcpy(g->settled->v, h->v, h->n * sizeof *h->v);
        nfa_mem_put(&m->mem, h, heap_size(h->cap));
    }
    return g->settled;
}

void nfa_settled_add(
    struct nfa_matcher *m, struct nfa_key *k, struct nfa_trail *match, struct nfa_quota *quota) {
    struct nfa_settled_heap *h = room_for_one(m, k->graph);
    uint64_t order = match->ev->order;
    uint32_t at = h->n++;
    for (uint32_t up; at && h->v[up = (at - 1) / 2].order > order; at = up) {
        h->v[at] = h->v[up];
        m->stats.work++;
    }
    h->v[at] = (struct nfa_settled){ order, match, quota };
    if (quota)
        quota->refs++;
    m->stats.waiting++;
    m->stats.work++;
}

/* The earliest one; its references are the caller's. */
static struct nfa_settled pop(struct nfa_matcher *m, struct nfa_settled_heap *h) {
    struct nfa_settled first = h->v[0], last = h->v[--h->n];
    uint32_t at = 0;
    for (uint32_t down = 1; down < h->n; down = 2 * at + 1) {
        down += down + 1 < h->n && h->v[down + 1].order < h->v[down].order;
        if (h->v[down].order >= last.order)
            break;
        h->v[at] = h->v[down];
        at = down;
        m->stats.work++;
    }
    if (h->n)
        h->v[at] = last;
    m->stats.waiting--;
    return first;
}

static void drop(struct nfa_matcher *m, struct nfa_settled s) {
    nfa_trail_unref(m, s.match);
    nfa_quota_unref(m, s.quota);
}

void nfa_settled_free(struct nfa_matcher *m, struct nfa_graph *g) {
    if (!g->settled)
        return;
    m->stats.waiting -= g->settled->n;
    for (uint32_t i = 0; i < g->settled->n; i++)
        drop(m, g->settled->v[i]);
    nfa_mem_put(&m->mem, g->settled, heap_size(g->settled->cap));
    g->settled = NULL;
}

/* -- letting go ------------------------------------------------------------------------------------------------------------- */

bool nfa_settled_is_due(const struct nfa_matcher *m, const struct nfa_graph *g) {
    return g->settled && g->settled->n &&
           !(g->first && nfa_cell_at(m, g->first)->ev->order < g->settled->v[0].order);
}

static void list(struct nfa_matcher *m, const struct nfa_trail *first) {
    size_t n = 0;
    for (const struct nfa_trail *t = first; t; t = t->next)
        n++;
    nfa_emit_room(m, n);
    m->n_evs = 0;
    for (const struct nfa_trail *t = first; t; t = t->next) {
        m->evs[m->n_evs] = t->ev;
        m->ev_vars[m->n_evs++] = t->var;
    }
    m->stats.work += n;
}

/* What started up to the order is gone. */
static void prune(struct nfa_matcher *m, struct nfa_graph *g, uint64_t order) {
    while (g->settled->n && g->settled->v[0].order <= order) {
        m->stats.pruned++;
        drop(m, pop(m, g->settled));
    }
    uint32_t cut = g->cut;
    for (uint32_t at = g->first; at && nfa_cell_at(m, at)->ev->order <= order; at = nfa_cell_at(m, at)->later)
        cut = nfa_cell_at(m, at)->max;
    if (cut == g->cut)
        return;
    nfa_graph_cut(m, g, cut, &m->stats.pruned);
    if (m->p->has_times)
        nfa_graph_trim(m, g);
}

void nfa_settle_let_go(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    struct nfa_graph *g = k->graph;
    while (g && nfa_settled_is_due(m, g) && m->rc == CEP_OK) {
        struct nfa_settled s = pop(m, g->settled);
        list(m, s.match);
        uint64_t to = nfa_listed_prunes(m);
        if (s.quota && s.quota->left == 0) {
            m->stats.limit_matches++;
        } else {
            if (s.quota)
                s.quota->left--;
            nfa_emit_listed(m, k, now);
        }
        drop(m, s);
        prune(m, g, to);
    }
    nfa_end_step_quota(m);
}

/* -- checks and marks ---------------------------------------------------------------------------------------------------------- */

static int by_start(const void *x, const void *y) {
    const struct nfa_settled *a = x, *b = y;
    return a->order < b->order ? -1 : a->order > b->order;
}

struct nfa_settled *nfa_settled_list(const struct nfa_graph *g, size_t *n) {
    *n = g && g->settled ? g->settled->n : 0;
    struct nfa_settled *v = base_calloc(*n + 1, sizeof *v);
    if (*n)
        memcpy(v, g->settled->v, *n * sizeof *v);
    if (*n > 1)
        qsort(v, *n, sizeof *v, by_start);
    return v;
}

void nfa_settled_mark(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_graph *g = k->graph;
    size_t n, i = 0;
    struct nfa_settled *v = nfa_settled_list(g, &n);
    for (uint32_t at = g->first; at; at = nfa_cell_at(m, at)->later) {
        uint64_t order = nfa_cell_at(m, at)->ev->order;
        while (i < n && v[i].order < order)
            i++;
        nfa_cell_at(m, at)->settled = i < n && v[i].order == order;
    }
    base_free(v);
}

void nfa_settled_check(const struct nfa_matcher *m, const struct nfa_key *k) {
    const struct nfa_graph *g = k->graph;
    size_t n, i = 0;
    struct nfa_settled *v = nfa_settled_list(g, &n);
    CEP_INSIST(!nfa_settled_is_due(m, g) || m->rc != CEP_OK || k->deadline <= v[0].match->ev->time);
    for (uint32_t at = 1; at < n; at++) {
        CEP_INSIST(g->settled->v[(at - 1) / 2].order < g->settled->v[at].order);
        CEP_INSIST(v[at - 1].order < v[at].order);
    }
    for (uint32_t at = g->first; at; at = nfa_cell_at(m, at)->later) {
        const struct nfa_cell *c = nfa_cell_at(m, at);
        while (i < n && v[i].order < c->ev->order)
            i++;
        CEP_INSIST(c->settled == (i < n && v[i].order == c->ev->order));
    }
    base_free(v);
}
