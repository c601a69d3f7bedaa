/*
 * nfa_walk -- matches told from the shared graph: from the event that completed them back to their starts.
 *
 * Every list entered and every cell visited is live and leads to a start, so the way to the next match is as long as the
 * match, but for the LIST cells between. Matches of one event are gathered and put in order of start, then of their
 * events; when there are very many, a part at a time. Under a skip policy the first of each start settles it (nfa_settle.h).
 */
#include "nfa/nfa_graph.h"

#include "base/base_mem.h"

#include <stdlib.h>

enum { NFA_TOLD_MAX = 1 << 16 };

struct nfa_step_back { /* a list on the way, and how long the match was before it */
    uint32_t list;
    uint32_t len;
};

struct nfa_match {
    const struct nfa_told *events; /* first to last; NULL while they may still move */
    size_t at;
    uint32_t n;
};

static int by_order(const void *x, const void *y) {
    const struct nfa_match *a = x, *b = y;
    uint32_t both = a->n < b->n ? a->n : b->n;
    for (uint32_t i = 0; i < both; i++) {
        if (a->events[i].ev->order != b->events[i].ev->order)
            return a->events[i].ev->order < b->events[i].ev->order ? -1 : 1;
    }
    if (a->n != b->n)
        return a->n < b->n ? -1 : 1;
    for (uint32_t i = 0; i < both; i++) {
        if (a->events[i].var != b->events[i].var)
            return a->events[i].var < b->events[i].var ? -1 : 1;
    }
    return 0;
}

static void sort(struct nfa_walk *w) {
    for (size_t i = 0; i < w->n_matches; i++)
        w->matches[i].events = w->told + w->matches[i].at;
    if (w->n_matches > 1)
        qsort(w->matches, w->n_matches, sizeof *w->matches, by_order);
}

/* `limit matches`: of those gathered the first ones stay. */
static void keep_first(struct nfa_matcher *m) {
    struct nfa_walk *w = &m->walk;
    sort(w);
    if (w->n_matches <= m->pat->limit_matches)
        return;
    m->stats.limit_matches += w->n_matches - m->pat->limit_matches;
    w->n_matches = (size_t)m->pat->limit_matches;
    if (w->cap_kept < w->cap_told) {
        w->cap_kept = w->cap_told;
        w->kept = base_realloc(w->kept, w->cap_kept * sizeof *w->kept);
    }
    struct nfa_told *kept = w->kept;
    size_t cap = w->cap_kept;
    w->n_told = 0;
    for (size_t i = 0; i < w->n_matches; i++) {
        memcpy(kept + w->n_told, w->matches[i].events, w->matches[i].n * sizeof *kept);
        w->matches[i].at = w->n_told;
        w->n_told += w->matches[i].n;
    }
    w->kept = w->told;
    w->cap_kept = w->cap_told;
    w->told = kept;
    w->cap_told = cap;
}

void nfa_walk_flush(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    struct nfa_walk *w = &m->walk;
    uint32_t start = k->graph->first;
    if (m->pat->limit_matches && !m->p->settles)
        keep_first(m);
    sort(w);
    for (size_t i = 0; i < w->n_matches; i++) {
        const struct nfa_match *x = &w->matches[i];
        nfa_emit_room(m, x->n);
        for (uint32_t e = 0; e < x->n; e++) {
            m->evs[e] = x->events[e].ev;
            m->ev_vars[e] = x->events[e].var;
        }
        m->n_evs = x->n;
        if (!m->p->settles) {
            nfa_emit_listed(m, k, now);
            continue;
        }
        /* Of each start the first one counts. */
        while (nfa_cell_at(m, start)->ev->order < m->evs[0]->order)
            start = nfa_cell_at(m, start)->later;
        nfa_settle_listed(m, k, start);
    }
    w->n_matches = w->n_told = 0;
}

void nfa_walk_match(struct nfa_matcher *m, struct nfa_key *k, uint32_t len, int64_t now) {
    struct nfa_walk *w = &m->walk;
    uint64_t limit = m->pat->limit_matches;
    if (!m->out.matches && !m->p->uses_match_number && !limit && !m->p->settles) {
        m->stats.matches++;
        return;
    }
    if (m->p->settles) {
        /* All are compared. */
    } else if (limit && w->n_told + len > NFA_TOLD_MAX && w->n_matches >= 2 * limit)
        keep_first(m);
    else if (!limit && w->n_told + len > NFA_TOLD_MAX && w->n_matches)
        nfa_walk_flush(m, k, now);
    w->matches = base_grow(w->matches, w->n_matches, &w->cap_matches, sizeof *w->matches);
    w->matches[w->n_matches++] = (struct nfa_match){ .at = w->n_told, .n = len };
    while (w->cap_told < w->n_told + len)
        w->told = base_grow(w->told, w->cap_told, &w->cap_told, sizeof *w->told);
    for (uint32_t i = len; i-- > 0;)
        w->told[w->n_told++] = w->way[i];
}

void nfa_walk_timeout(struct nfa_matcher *m, struct nfa_key *k, uint32_t len, int64_t at) {
    const struct nfa_walk *w = &m->walk;
    nfa_emit_room(m, len);
    for (uint32_t i = 0; i < len; i++) {
        m->evs[i] = w->way[len - 1 - i].ev;
        m->ev_vars[i] = w->way[len - 1 - i].var;
    }
    m->n_evs = len;
    nfa_emit_timeout_listed(m, k, at);
}

void nfa_walk_set(struct nfa_walk *w, uint32_t at, const struct nfa_ev *ev, uint32_t var) {
    w->way = base_grow(w->way, at, &w->cap_way, sizeof *w->way);
    w->way[at] = (struct nfa_told){ ev, var };
}

static void push(struct nfa_walk *w, size_t *n, uint32_t list, uint32_t len) {
    w->steps = base_grow(w->steps, *n, &w->cap_steps, sizeof *w->steps);
    w->steps[(*n)++] = (struct nfa_step_back){ list, len };
}

void nfa_walk_list(
    struct nfa_matcher *m, struct nfa_key *k, uint32_t list, uint32_t len, int64_t now, nfa_way_fn *tell) {
    struct nfa_walk *w = &m->walk;
    const struct nfa_graph *g = k->graph;
    size_t n = 0;
    push(w, &n, list, len);
    while (n) {
        struct nfa_step_back *s = &w->steps[n - 1];
        if (!s->list) {
            n--;
            continue;
        }
        const struct nfa_cell *c = nfa_cell_at(m, s->list);
        m->stats.work++;
        s->list = c->rest && nfa_is_live(g, c->rest_max) ? c->rest : 0;
        len = s->len;
        if (!s->list)
            n--; /* a long way does not keep what it is done with */
        if (c->kind == NFA_CELL_LIST) {
            push(w, &n, c->below, len);
            continue;
        }
        if (c->kind == NFA_CELL_SAME)
            c = nfa_cell_at(m, c->below);
        nfa_walk_set(w, len, c->ev, c->var);
        if (c->kind == NFA_CELL_START)
            tell(m, k, len + 1, now);
        else
            push(w, &n, c->below, len + 1);
    }
}

void nfa_walk(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_root *roots, size_t n, int64_t now) {
    for (size_t i = 0; i < n; i++) {
        uint32_t len = 0;
        if (roots[i].var != NFA_NONE)
            nfa_walk_set(&m->walk, len++, m->cur.ev, roots[i].var);
        if (roots[i].list)
            nfa_walk_list(m, k, roots[i].list, len, now, nfa_walk_match);
        else
            nfa_walk_match(m, k, len, now);
    }
    nfa_walk_flush(m, k, now);
}

void nfa_walk_release(struct nfa_walk *w) {
    base_free(w->told);
    base_free(w->kept);
    base_free(w->way);
    base_free(w->steps);
    base_free(w->ways);
    base_free(w->matches);
}
