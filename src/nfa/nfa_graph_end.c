/*
 * nfa_graph_end -- what time does to the partial matches of the shared graph (nfa_graph.h).
 *
 * Where nobody reads what times out and nothing waits for time (not `tells_time`), starts whose time is over are cut off and bands at
 * their end go, unseen. Else each partial match that time ends is one of two things: a match that an absence completes, or a
 * time-out. Both are told, each at the cost of its own length:
 *
 *   - when the time since the first event is over, all of that start, found from it on (nfa_span.h): what comes to the span of a place
 *     is open there;
 *   - when a time since the last event is over, all in a band at the front of its place, from there back to their starts. An absence
 *     may leave states behind (nfa_det_woken): the band goes over to their place.
 *
 * Order of one instant, as in the store of runs: starts first; what an absence completes in it is one lot, for `limit matches` too.
 * Where time-outs are not read, spans that lead to no absence are passed by, each once in an instant.
 *
 * Under a skip policy (nfa_settle.h) what an absence completes settles starts: what is in bands all that are below them, the time since
 * the first event that one start, with the first of its partial matches that wait so (nfa_first.c). What it completes lets go of others that
 * waited, so instants are gone through one by one while any do, also where nothing is told.
 *
 * Starts that were loaded without spans are found from the places back; that costs all that is open, for each instant.
 */
#include "nfa/nfa_graph.h"

#include "base/base_mem.h"

/* On the way from a start: an event taken, the span it was put into, and how far that was looked at. */
struct nfa_way_on {
    const struct nfa_ev *ev;
    uint32_t var;
    uint32_t entry, at, onward;
    bool found; /* something was told behind it */
};

/* An instant. */
struct instant {
    struct nfa_matcher *m;
    struct nfa_key *k;
    int64_t at;
    uint64_t dead; /* mark of spans that lead to nothing that is told */
    bool timed_out;
};

static int64_t start_end(const struct nfa_matcher *m, uint32_t start) {
    return nfa_time_add(nfa_cell_at(m, start)->ev->time, m->pat->within_us);
}

static int64_t within_of(const struct nfa_matcher *m, const struct nfa_graph *g) {
    return m->pat->within_kind == PLAN_WITHIN_FIRST_LAST && g->first ? start_end(m, g->first) : EVT_TIME_MAX;
}

int64_t nfa_graph_deadline(const struct nfa_matcher *m, const struct nfa_graph *g) {
    int64_t at = within_of(m, g);
    for (uint32_t i = 0; i < g->n && m->p->has_times; i++) {
        int64_t due = nfa_bands_due(m, &g->places[i]);
        if (due < at)
            at = due;
    }
    return at;
}

/* -- of a start ------------------------------------------------------------------------------------------------------ */

static void enter(struct instant *x, size_t *n, const struct nfa_ev *ev, uint32_t var, uint32_t span) {
    struct nfa_walk *w = &x->m->walk;
    x->m->stats.work++;
    if (nfa_span_at(x->m, span)->mark == x->dead)
        return;
    w->ways = base_grow(w->ways, *n, &w->cap_ways, sizeof *w->ways);
    w->ways[(*n)++] = (struct nfa_way_on){ ev, var, span, span, nfa_span_at(x->m, span)->first, false };
}

/* The way of n events is a partial match in that det. Returns: is it told? */
static bool tell_open(struct instant *x, size_t n, uint32_t det) {
    struct nfa_walk *w = &x->m->walk;
    bool awaits = nfa_det_at(x->m, det)->awaits;
    x->timed_out = x->timed_out || !awaits;
    if (awaits ? x->m->p->settles : x->m->p->opts.no_timeouts)
        return false;
    for (uint32_t i = 0; i < n; i++)
        nfa_walk_set(w, i, w->ways[n - 1 - i].ev, w->ways[n - 1 - i].var);
    (awaits ? nfa_walk_match : nfa_walk_timeout)(x->m, x->k, (uint32_t)n, x->at);
    return true;
}

/* All that is open of a start. */
static void tell_start(struct instant *x, uint32_t start) {
    struct nfa_matcher *m = x->m;
    struct nfa_walk *w = &m->walk;
    struct nfa_cell *c = nfa_cell_at(m, start);
    size_t n = 0;
    enter(x, &n, c->ev, c->var, nfa_span_follow(m, &c->below, UINT64_MAX));
    while (n) {
        struct nfa_way_on *on = &w->ways[n - 1];
        struct nfa_span *s = nfa_span_at(m, on->at);
        if (on->onward) {
            struct nfa_onward *o = nfa_onward_at(m, on->onward);
            on->onward = o->later;
            enter(x, &n, o->ev, o->var, nfa_span_follow(m, &o->to, UINT64_MAX));
        } else if (s->next) {
            on->at = nfa_span_follow(m, &s->next, UINT64_MAX);
            on->onward = nfa_span_at(m, on->at)->first;
            m->stats.work++;
        } else {
            bool found = s->det != NFA_NONE && tell_open(x, n, s->det);
            on = &w->ways[--n];
            found = found || on->found;
            if (!found)
                nfa_span_at(m, on->entry)->mark = x->dead;
            else if (n)
                w->ways[n - 1].found = true;
        }
    }
}

static void tell_blind(struct nfa_matcher *m, struct nfa_key *k, uint32_t len, int64_t at) {
    struct nfa_walk *w = &m->walk;
    if (nfa_time_add(w->way[len - 1].ev->time, m->pat->within_us) > at)
        return;
    if (w->awaits)
        nfa_walk_match(m, k, len, at);
    else
        nfa_walk_timeout(m, k, len, at);
}

/* All that is open of the starts that are over, some of which have no spans. */
static void tell_blindly(struct instant *x) {
    struct nfa_matcher *m = x->m;
    struct nfa_graph *g = x->k->graph;
    for (uint32_t i = 0; i < g->n; i++) {
        const struct nfa_place *pl = &g->places[i];
        m->walk.awaits = nfa_det_at(m, pl->det)->awaits;
        if (pl->list)
            nfa_walk_list(m, x->k, pl->list, 0, x->at, tell_blind);
        for (uint32_t b = 0; pl->bands && b < pl->bands->n; b++) {
            const struct nfa_band *band = nfa_band_at(pl->bands, b);
            if (nfa_is_live(g, band->max))
                nfa_walk_list(m, x->k, band->list, 0, x->at, tell_blind);
        }
    }
}

/* Of a start whose time is over under a skip policy: what times out is told; the first match by an absence settles it. */
static void start_over(struct instant *x, uint32_t start) {
    struct nfa_matcher *m = x->m;
    if (!m->p->opts.no_timeouts)
        tell_start(x, start);
    bool settled = nfa_cell_at(m, start)->settled;
    if (!settled && nfa_first_awaiting(m, x->k, start)) {
        nfa_settle_listed(m, x->k, start);
        settled = true;
    }
    x->timed_out = x->timed_out || !settled;
}

/* The starts whose time is over are told. Returns: the last of them, or the cut there is. */
static uint32_t starts_over(struct instant *x) {
    struct nfa_matcher *m = x->m;
    struct nfa_graph *g = x->k->graph;
    uint32_t cut = g->cut;
    if (within_of(m, g) > x->at)
        return cut;
    bool blind = nfa_graph_is_blind(m, g);
    if (blind)
        tell_blindly(x);
    for (uint32_t s = g->first; s && start_end(m, s) <= x->at; s = nfa_cell_at(m, s)->later) {
        x->timed_out = blind;
        if (!blind && m->p->settles)
            start_over(x, s);
        else if (!blind)
            tell_start(x, s);
        m->stats.timed_out += x->timed_out;
        cut = nfa_cell_at(m, s)->max;
    }
    return cut;
}

/* -- of an event taken last -------------------------------------------------------------------------------------------- */

/* A list is held until what is told of it has been written. */
static void hold(struct nfa_matcher *m, uint32_t list, bool timed_out) {
    m->roots = base_grow(m->roots, m->n_roots, &m->cap_roots, sizeof *m->roots);
    m->roots[m->n_roots++] = (struct nfa_root){ list, timed_out ? 0 : NFA_NONE, 0 };
}

/* What time does to the first bands of a place. Those that go on elsewhere are gathered in m->moved_bands. */
static void bands_over(struct instant *x, struct nfa_place *pl) {
    struct nfa_matcher *m = x->m;
    struct nfa_graph *g = x->k->graph;
    const struct nfa_det *d = nfa_det_at(m, pl->det);
    while (pl->bands->n) {
        const struct nfa_band *first = nfa_band_at(pl->bands, 0);
        bool live = nfa_is_live(g, first->max);
        if (live && nfa_bands_due(m, pl) > x->at)
            return;
        struct nfa_band b = nfa_bands_pop(m, g, pl);
        m->stats.work++;
        if (live && nfa_det_wakes(d, b.last) <= x->at) {
            if (!m->p->settles)
                nfa_walk_list(m, x->k, b.list, 0, x->at, nfa_walk_match);
            m->moved_bands = base_grow(
                m->moved_bands, m->n_moved_bands, &m->cap_moved_bands, sizeof *m->moved_bands);
            m->moved_bands[m->n_moved_bands++] = b;
            continue;
        }
        if (live && !m->p->opts.no_timeouts)
            nfa_walk_list(m, x->k, b.list, 0, x->at, nfa_walk_timeout);
        if (live)
            hold(m, b.list, true);
        nfa_graph_end_span(m, b.span, NULL, NFA_NONE);
    }
}

/* Behind an absence that completed it a band goes on with what is left. */
static void go_on(struct instant *x, uint32_t det, const struct nfa_band *b) {
    uint32_t to = nfa_det_woken(x->m, det);
    if (to == NFA_NONE) {
        hold(x->m, b->list, false);
        nfa_graph_end_span(x->m, b->span, NULL, NFA_NONE);
        return;
    }
    uint32_t *stay = nfa_graph_add(x->m, x->k, to, b->list, b->last);
    nfa_graph_end_span(x->m, b->span, stay, to);
}

/* Under a skip policy: what an absence completed is one lot. Their lists are as they were. */
static void settle_bands(struct instant *x) {
    struct nfa_matcher *m = x->m;
    struct nfa_settle *s = &m->settle;
    s->n_roots = 0;
    for (size_t i = 0; i < m->n_moved_bands; i++) {
        s->roots = base_grow(s->roots, s->n_roots, &s->cap_roots, sizeof *s->roots);
        s->roots[s->n_roots++] = (struct nfa_root){ m->moved_bands[i].list, NFA_NONE, 0 };
    }
    nfa_settle(m, x->k, s->roots, s->n_roots);
}

static void all_bands_over(struct instant *x) {
    struct nfa_matcher *m = x->m;
    struct nfa_graph *g = x->k->graph;
    uint32_t n = 0;
    m->n_stretches = m->n_moved_bands = 0;
    g->interest = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        struct nfa_stretch s = { .det = g->places[i].det, .first = m->n_moved_bands };
        if (g->places[i].bands)
            bands_over(x, &g->places[i]);
        s.n = m->n_moved_bands - s.first;
        nfa_graph_keep(m, g, g->places[i], &n);
        if (!s.n)
            continue;
        m->stretches = base_grow(m->stretches, m->n_stretches, &m->cap_stretches, sizeof *m->stretches);
        m->stretches[m->n_stretches++] = s;
    }
    g->n = n;
    if (m->p->settles && m->n_moved_bands)
        settle_bands(x);
    for (size_t i = 0; i < m->n_stretches; i++) {
        for (size_t b = 0; b < m->stretches[i].n; b++)
            go_on(x, m->stretches[i].det, &m->moved_bands[m->stretches[i].first + b]);
    }
}

static void let_go(struct instant *x) {
    struct nfa_matcher *m = x->m;
    struct nfa_graph *g = x->k->graph;
    for (int timed_out = 0; timed_out < 2; timed_out++) {
        uint64_t open = m->stats.open;
        for (size_t i = 0; i < m->n_roots; i++) {
            if ((m->roots[i].var != NFA_NONE) == timed_out)
                nfa_cell_unref(m, g, m->roots[i].list);
        }
        if (timed_out)
            m->stats.timed_out += open - m->stats.open;
    }
    while (g->first && !nfa_is_live(g, nfa_cell_at(m, g->first)->max))
        nfa_cell_cut(m, g);
}

/* -- the key ------------------------------------------------------------------------------------------------------------ */

/* Instants one after the other: each is told with its own time. */
static void expire_told(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    while (k->graph && m->rc == CEP_OK) {
        struct nfa_graph *g = k->graph;
        int64_t at = nfa_graph_deadline(m, g);
        if (at > now || at == EVT_TIME_MAX)
            return;
        /* What an event left behind its time is over at that event. */
        if (at < m->event_time)
            at = m->event_time;
        struct instant x = { .m = m, .k = k, .at = at, .dead = 2 * ++m->first.stamp + 1 };
        m->next_step = nfa_dets_next_step(m);
        m->n_roots = 0;
        uint32_t cut = starts_over(&x);
        if (cut != g->cut) {
            nfa_graph_drop_places(m, g, cut);
            g->cut = cut; /* so that lists end there; the starts themselves are held until all is told */
        }
        all_bands_over(&x);
        nfa_walk_flush(m, k, at);
        let_go(&x);
        if (m->p->settles)
            nfa_settle_let_go(m, k, at);
    }
}

/* Bands at their end go, and places without any. */
static void trim_places(struct nfa_matcher *m, struct nfa_graph *g, int64_t now) {
    uint64_t open = m->stats.open;
    uint32_t n = 0;
    g->interest = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        if (g->places[i].bands)
            nfa_bands_trim(m, g, &g->places[i], true, now);
        nfa_graph_keep(m, g, g->places[i], &n);
    }
    g->n = n;
    m->stats.timed_out += open - m->stats.open;
}

void nfa_graph_expire_unseen(struct nfa_matcher *m, struct nfa_graph *g, int64_t now) {
    uint32_t cut = g->cut;
    for (uint32_t s = within_of(m, g) <= now ? g->first : 0; s && start_end(m, s) <= now;
         s = nfa_cell_at(m, s)->later)
        cut = nfa_cell_at(m, s)->max;
    if (cut != g->cut)
        nfa_graph_cut(m, g, cut, &m->stats.timed_out);
    if (m->p->has_times)
        trim_places(m, g, now);
}

/* While matches wait, instants one after the other: each may let one go, which prunes. */
static void expire_waiting(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    struct nfa_graph *g = k->graph;
    while (g->settled && g->settled->n && m->rc == CEP_OK) {
        int64_t at = nfa_graph_deadline(m, g);
        if (at > now || at == EVT_TIME_MAX)
            return;
        if (at < m->event_time)
            at = m->event_time;
        nfa_graph_expire_unseen(m, g, at);
        nfa_settle_let_go(m, k, at);
    }
}

void nfa_graph_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now) {
    m->env.key = k;
    if (k->graph && nfa_settled_is_due(m, k->graph))
        nfa_settle_let_go(m, k, now); /* its state came back without the starts that it waited for */
    if (k->graph && m->p->settles && !m->p->tells_time)
        expire_waiting(m, k, now);
    if (k->graph && m->p->tells_time)
        expire_told(m, k, now);
    else if (k->graph)
        nfa_graph_expire_unseen(m, k->graph, now);
    nfa_graph_finish(m, k);
}
