/*
 * nfa_cell -- cells of the shared graph: made, joined, given back. See nfa_graph.h.
 */
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_CHUNK = 512, NFA_JOIN_STEPS = 6 };

struct nfa_cells {
    struct nfa_cell **chunks; /* NFA_CHUNK cells each */
    size_t n_chunks, cap_chunks;
    uint32_t free; /* list by ring */
    uint32_t n_free;
    uint32_t n; /* handed out ever, with 0 */
};

struct nfa_cells *nfa_cells_new(struct nfa_matcher *m) {
    m->cells = base_calloc(1, sizeof *m->cells);
    m->cells->n = 1;
    return m->cells;
}

void nfa_cells_free(struct nfa_matcher *m) {
    if (!m->cells)
        return;
    for (size_t i = 0; i < m->cells->n_chunks; i++)
        nfa_mem_put(&m->mem, m->cells->chunks[i], NFA_CHUNK * sizeof(struct nfa_cell));
    base_free(m->cells->chunks);
    base_free(m->cells);
    m->cells = NULL;
}

struct nfa_cell *nfa_cell_at(const struct nfa_matcher *m, uint32_t cell) {
    return &m->cells->chunks[cell / NFA_CHUNK][cell % NFA_CHUNK];
}

size_t nfa_cells_spare(const struct nfa_matcher *m) {
    return m->cells ? m->cells->n_free * sizeof(struct nfa_cell) : 0;
}

static uint32_t cell_new(struct nfa_matcher *m) {
    struct nfa_cells *cs = m->cells;
    uint32_t i = cs->free;
    m->stats.work++;
    if (i) {
        cs->free = nfa_cell_at(m, i)->ring;
        cs->n_free--;
        return i;
    }
    CEP_REQUIRE(cs->n != UINT32_MAX);
    if (cs->n / NFA_CHUNK == cs->n_chunks) {
        cs->chunks = base_grow(cs->chunks, cs->n_chunks, &cs->cap_chunks, sizeof(struct nfa_cell *));
        cs->chunks[cs->n_chunks++] = nfa_mem_get(&m->mem, NFA_CHUNK * sizeof(struct nfa_cell));
    }
    return cs->n++;
}

/* Is it the only one of its start's? Those of one are neighbours. */
static bool is_sole(const struct nfa_matcher *m, const struct nfa_cell *c) {
    return !(c->earlier && nfa_cell_at(m, c->earlier)->max == c->max) &&
           !(c->later && nfa_cell_at(m, c->later)->max == c->max);
}

static void cell_free(struct nfa_matcher *m, struct nfa_graph *g, uint32_t at) {
    struct nfa_cell *c = nfa_cell_at(m, at);
    m->stats.work++;
    nfa_ev_unref(m, c->ev);
    if (c->kind == NFA_CELL_START) {
        g->n_starts -= is_sole(m, c);
        if (c->earlier)
            nfa_cell_at(m, c->earlier)->later = c->later;
        else
            g->first = c->later;
        if (c->later)
            nfa_cell_at(m, c->later)->earlier = c->earlier;
        else
            g->last = c->earlier;
        m->stats.open--;
        if (c->below)
            nfa_span_unref(m, c->below);
    } else if (c->kind == NFA_CELL_TAKE && c->later) {
        nfa_onward_unref(m, c->later);
    }
    c->ev = NULL;
    c->refs = 0;
    c->ring = m->cells->free;
    m->cells->free = at;
    m->cells->n_free++;
}

/* Joins the ring of a cell that has the same start. */
static void into_ring(struct nfa_matcher *m, uint32_t at, uint32_t of) {
    struct nfa_cell *c = nfa_cell_at(m, at), *o = nfa_cell_at(m, of);
    c->ring = o->ring;
    c->ring_prev = of;
    nfa_cell_at(m, o->ring)->ring_prev = at;
    o->ring = at;
}

uint32_t nfa_cell_start(struct nfa_matcher *m, struct nfa_graph *g, uint32_t var, struct nfa_ev *ev) {
    uint32_t at = cell_new(m);
    struct nfa_cell *c = nfa_cell_at(m, at);
    *c = (struct nfa_cell){ .var = var,
        .kind = NFA_CELL_START,
        .refs = 1,
        .max = g->number,
        .ev = ev,
        .ring = at,
        .ring_prev = at,
        .earlier = g->last };
    if (g->last)
        nfa_cell_at(m, g->last)->later = at;
    else
        g->first = at;
    g->last = at;
    g->n_starts += is_sole(m, c);
    m->stats.open++;
    return at;
}

/* The reference to below is counted here. */
uint32_t nfa_cell_over(struct nfa_matcher *m, enum nfa_cell_kind kind, uint32_t below) {
    uint32_t at = cell_new(m);
    struct nfa_cell *c = nfa_cell_at(m, at), *b = nfa_cell_at(m, below);
    *c = (struct nfa_cell){ .kind = kind, .refs = 1, .max = b->max, .below = below };
    b->refs++;
    into_ring(m, at, below);
    return at;
}

uint32_t nfa_cell_take(struct nfa_matcher *m, uint32_t var, struct nfa_ev *ev, uint32_t below) {
    uint32_t at = nfa_cell_over(m, NFA_CELL_TAKE, below);
    struct nfa_cell *c = nfa_cell_at(m, at);
    c->var = var;
    c->ev = ev;
    return at;
}

void nfa_cell_ref(struct nfa_matcher *m, uint32_t cell) {
    nfa_cell_at(m, cell)->refs++;
}

/* What is given back waits in a list by `later`; a START is out of its list by then. */
void nfa_cell_unref(struct nfa_matcher *m, struct nfa_graph *g, uint32_t cell) {
    uint32_t todo = 0;
    struct nfa_cell *c = nfa_cell_at(m, cell);
    if (--c->refs)
        return;
    uint32_t at = cell;
    for (;;) {
        c = nfa_cell_at(m, at);
        uint32_t refers[2] = { c->kind == NFA_CELL_START ? 0 : c->below,
            c->rest && nfa_is_live(g, c->rest_max) ? c->rest : 0 };
        nfa_cell_at(m, c->ring)->ring_prev = c->ring_prev;
        nfa_cell_at(m, c->ring_prev)->ring = c->ring;
        cell_free(m, g, at);
        for (int i = 0; i < 2; i++) {
            struct nfa_cell *r = refers[i] ? nfa_cell_at(m, refers[i]) : NULL;
            if (!r || --r->refs)
                continue;
            /* In a ring it stays until its turn; its own references tell where to go on. */
            m->dead = base_grow(m->dead, todo, &m->cap_dead, sizeof *m->dead);
            m->dead[todo++] = refers[i];
        }
        if (!todo)
            return;
        at = m->dead[--todo];
    }
}

void nfa_cell_cut(struct nfa_matcher *m, struct nfa_graph *g) {
    uint32_t start = g->first, at = nfa_cell_at(m, start)->ring;
    while (at != start) {
        uint32_t next = nfa_cell_at(m, at)->ring;
        cell_free(m, g, at);
        at = next;
    }
    cell_free(m, g, start);
}

/* -- lists ------------------------------------------------------------------------------------------------------- */

static uint32_t live_rest(const struct nfa_graph *g, const struct nfa_cell *c) {
    return c->rest && nfa_is_live(g, c->rest_max) ? c->rest : 0;
}

static void set_rest(struct nfa_matcher *m, uint32_t at, uint32_t rest) {
    struct nfa_cell *c = nfa_cell_at(m, at);
    c->passed = c->labelled = false;
    c->rest = rest;
    c->rest_max = rest ? nfa_cell_at(m, rest)->max : 0;
}

/* A cell of its own for the head of a list that others have too. */
static uint32_t copy_head(struct nfa_matcher *m, uint32_t list) {
    const struct nfa_cell *h = nfa_cell_at(m, list);
    uint32_t at;
    switch ((enum nfa_cell_kind)h->kind) {
    case NFA_CELL_START: return nfa_cell_over(m, NFA_CELL_SAME, list);
    case NFA_CELL_SAME:
    case NFA_CELL_LIST: return nfa_cell_over(m, (enum nfa_cell_kind)h->kind, h->below);
    case NFA_CELL_TAKE: break;
    }
    at = nfa_cell_over(m, NFA_CELL_TAKE, h->below);
    h = nfa_cell_at(m, list);
    nfa_cell_at(m, at)->var = h->var;
    nfa_cell_at(m, at)->ev = h->ev;
    h->ev->refs++;
    nfa_cell_at(m, at)->later = h->later;
    if (h->later)
        nfa_onward_ref(m, h->later);
    return at;
}

static uint32_t max_of(const struct nfa_matcher *m, uint32_t list) {
    return nfa_cell_at(m, list)->max;
}

uint32_t nfa_cell_pair(struct nfa_matcher *m, struct nfa_graph *g, uint32_t a, uint32_t b) {
    if (!a || !b)
        return a ? a : b;
    bool a_first = (int32_t)(max_of(m, a) - max_of(m, b)) >= 0;
    uint32_t first = a_first ? a : b, pair = nfa_cell_over(m, NFA_CELL_LIST, first);
    nfa_cell_unref(m, g, first);
    set_rest(m, pair, a_first ? b : a);
    return pair;
}

uint32_t nfa_cell_join(struct nfa_matcher *m, struct nfa_graph *g, uint32_t a, uint32_t b) {
    uint32_t head = 0, tail = 0;
    if (!a || !b)
        return a ? a : b;
    for (int i = 0; a && b; i++) {
        if ((int32_t)(max_of(m, a) - max_of(m, b)) < 0) {
            uint32_t t = a;
            a = b;
            b = t;
        }
        struct nfa_cell *c = nfa_cell_at(m, a);
        uint32_t rest = live_rest(g, c), mine = a;
        if (rest && i >= NFA_JOIN_STEPS) {
            /* One list into the other: the later one first. */
            mine = nfa_cell_over(m, NFA_CELL_LIST, a);
            nfa_cell_unref(m, g, a);
            rest = 0;
        } else if (c->refs > 1) {
            mine = copy_head(m, a);
            if (rest)
                nfa_cell_ref(m, rest);
            nfa_cell_unref(m, g, a);
        }
        if (tail)
            set_rest(m, tail, mine);
        else
            head = mine;
        tail = mine;
        a = rest;
    }
    set_rest(m, tail, a ? a : b);
    return head;
}
