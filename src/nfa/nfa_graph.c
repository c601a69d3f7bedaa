/*
 * nfa_graph -- see the header: events against the places of a key, and time.
 */
#include "nfa/nfa_graph.h"

#include "base/base_check.h"
#include "base/base_mem.h"

enum { NFA_PLACES_MIN = 2, NFA_PLACES_SCANNED = 48 };

static size_t graph_size(uint32_t cap) {
    return sizeof(struct nfa_graph) + cap * sizeof(struct nfa_place);
}

struct nfa_graph *nfa_graph_of(struct nfa_matcher *m, struct nfa_key *k, uint32_t n) {
    struct nfa_graph *g = k->graph;
    if (g && g->cap >= n)
        return g;
    uint32_t cap = NFA_PLACES_MIN;
    while (cap < n)
        cap *= 2;
    struct nfa_graph *grown = nfa_mem_get(&m->mem, graph_size(cap));
    if (g)
        memcpy(grown, g, graph_size(g->n));
    else
        *grown = (struct nfa_graph){ .number = 1 };
    grown->cap = cap;
    if (g)
        nfa_mem_put(&m->mem, g, graph_size(g->cap));
    k->graph = grown;
    return grown;
}

static void stamp(struct nfa_matcher *m, uint32_t det, uint32_t slot) {
    struct nfa_det *d = nfa_det_at(m, det);
    d->stamp = m->next_step;
    d->slot = slot;
}

/* Few places are looked through, for their dets lie all over memory; of many their dets know where they are. */
static uint32_t find_place(struct nfa_matcher *m, const struct nfa_graph *g, uint32_t det) {
    if (g->n <= NFA_PLACES_SCANNED) {
        uint32_t i = 0;
        while (i < g->n && g->places[i].det != det)
            i++;
        return i;
    }
    for (uint32_t i = 0; m->places_stamped != m->next_step && i < g->n; i++)
        stamp(m, g->places[i].det, i);
    m->places_stamped = m->next_step;
    const struct nfa_det *d = nfa_det_at(m, det);
    return d->stamp == m->next_step ? d->slot : g->n;
}

uint32_t *nfa_graph_add(struct nfa_matcher *m, struct nfa_key *k, uint32_t det, uint32_t list, int64_t last) {
    struct nfa_graph *g = k->graph;
    uint32_t at = find_place(m, g, det);
    if (at == g->n) {
        const struct nfa_det *d = nfa_det_at(m, det);
        g = nfa_graph_of(m, k, g->n + 1);
        g->places[g->n++] = (struct nfa_place){ .det = det, .is_timed = d->n_times > 0, .fold = d->fold };
        g->interest |= d->fold;
        if (g->n > NFA_PLACES_SCANNED)
            stamp(m, det, at);
    }
    struct nfa_place *pl = &g->places[at];
    if (pl->is_timed)
        return &nfa_bands_add(m, g, pl, last, list)->span;
    pl->list = nfa_cell_join(m, g, pl->list, list);
    return &pl->span;
}

uint32_t nfa_graph_span(struct nfa_matcher *m, uint32_t *at, uint32_t det) {
    if (!*at)
        *at = nfa_span_new(m, det);
    return *at;
}

void nfa_graph_end_span(struct nfa_matcher *m, uint32_t span, uint32_t *stay, uint32_t det) {
    if (!span)
        return;
    struct nfa_span *s = nfa_span_at(m, span);
    s->det = NFA_NONE;
    if (stay && !*stay && !s->first) {
        *stay = span; /* nobody goes on from it: it is the place's still */
        s->det = det;
        return;
    }
    if (stay) {
        uint32_t next = nfa_graph_span(m, stay, det);
        nfa_span_ref(m, next);
        nfa_span_at(m, span)->next = next;
    }
    nfa_span_unref(m, span);
}

bool nfa_graph_is_blind(const struct nfa_matcher *m, struct nfa_graph *g) {
    if (g->blind && g->first && (int32_t)(nfa_cell_at(m, g->first)->max - g->blind) > 0)
        g->blind = 0;
    return g->blind != 0;
}

/* What the event completed is told when all is moved. The list and the span are counted. */
static void completed(struct nfa_matcher *m, uint32_t list, uint32_t span, uint32_t var) {
    if (list)
        nfa_cell_ref(m, list);
    if (span)
        nfa_span_ref(m, span);
    if (var != NFA_NONE && !m->cur.ev)
        m->cur.ev = nfa_ev_new(m);
    m->roots = base_grow(m->roots, m->n_roots, &m->cap_roots, sizeof *m->roots);
    m->roots[m->n_roots++] = (struct nfa_root){ list, var, span };
}

/* A place that the event moves. It is out of the key's, or it stays and this is what was in it before the event. */
static void move(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_moved *x) {
    const struct nfa_place *pl = &x->place;
    const struct nfa_trans *t = x->how;
    if (t->stops)
        m->stats.stopped++;
    if (t->stay_completes)
        completed(m, pl->list, pl->span, NFA_NONE);
    for (uint32_t i = 0; i < t->n_moves; i++) {
        const struct nfa_move *mv = &t->moves[i];
        if (mv->completes)
            completed(m, pl->list, pl->span, mv->var);
        if (mv->to == NFA_NONE)
            continue;
        uint32_t cell = nfa_cell_take(m, mv->var, nfa_ev_take(m), pl->list);
        uint32_t *to = nfa_graph_add(m, k, mv->to, cell, m->cur.time);
        if (pl->span)
            nfa_cell_at(m, cell)->later = nfa_onward_new(
                m, pl->span, mv->var, m->cur.ev, nfa_graph_span(m, to, mv->to));
    }
    uint32_t *stay = NULL;
    if (t->stay != NFA_NONE && t->stay != pl->det)
        stay = nfa_graph_add(m, k, t->stay, pl->list, NFA_LAST_OLD);
    else
        nfa_cell_unref(m, k->graph, pl->list);
    if (t->stay == pl->det)
        nfa_span_unref(m, pl->span);
    else
        nfa_graph_end_span(m, pl->span, stay, t->stay);
}

/* What a cell over several bands took goes on from each of them. */
static void take_onwards(
    struct nfa_matcher *m, const struct nfa_band *v, size_t n, uint32_t cell, uint32_t *to, uint32_t det) {
    struct nfa_cell *c = nfa_cell_at(m, cell);
    for (size_t i = 0; i < n; i++) {
        if (!v[i].span)
            continue;
        uint32_t o = nfa_onward_new(m, v[i].span, c->var, c->ev, nfa_graph_span(m, to, det));
        nfa_onward_at(m, o)->more = c->later;
        c->later = o;
    }
}

/* Bands that the event moves the same way. */
static void move_stretch(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_stretch *s) {
    const struct nfa_trans *t = s->how;
    const struct nfa_band *v = m->moved_bands + s->first;
    if (t->stops)
        m->stats.stopped++;
    for (size_t i = 0; i < s->n && t->stay_completes; i++)
        completed(m, v[i].list, v[i].span, NFA_NONE);
    uint32_t all = 0;
    for (uint32_t x = 0; x < t->n_moves && s->n; x++) {
        const struct nfa_move *mv = &t->moves[x];
        for (size_t i = 0; i < s->n && mv->completes; i++)
            completed(m, v[i].list, v[i].span, mv->var);
        if (mv->to == NFA_NONE)
            continue;
        if (!all)
            all = nfa_bands_union(m, k->graph, v, s->n);
        uint32_t cell = nfa_cell_take(m, mv->var, nfa_ev_take(m), all);
        uint32_t *to = nfa_graph_add(m, k, mv->to, cell, m->cur.time);
        take_onwards(m, v, s->n, cell, to, mv->to);
    }
    if (all)
        nfa_cell_unref(m, k->graph, all);
    for (size_t i = 0; i < s->n; i++) {
        uint32_t *stay = NULL;
        if (t->stay != NFA_NONE && t->stay != s->det)
            stay = nfa_graph_add(m, k, t->stay, v[i].list, v[i].last);
        else
            nfa_cell_unref(m, k->graph, v[i].list);
        if (t->stay == s->det)
            nfa_span_unref(m, v[i].span);
        else
            nfa_graph_end_span(m, v[i].span, stay, t->stay);
    }
}

void nfa_graph_keep(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place pl, uint32_t *n) {
    m->places_stamped = 0;
    if (pl.bands && !pl.bands->n) {
        nfa_bands_free(m, g, &pl);
        return;
    }
    g->interest |= pl.fold;
    g->places[(*n)++] = pl;
}

bool nfa_trans_takes(const struct nfa_trans *t) {
    for (uint32_t i = 0; i < t->n_moves; i++) {
        if (t->moves[i].to != NFA_NONE)
            return true;
    }
    return false;
}

/* To m->moved_places. One that stays what it is keeps its list, behind the event in a new span if that takes something. */
static void note(struct nfa_matcher *m, struct nfa_place *pl, const struct nfa_trans *t, size_t n) {
    struct nfa_place was = *pl;
    if (t->stay != pl->det) {
        pl->det = NFA_NONE;
    } else {
        nfa_cell_ref(m, pl->list);
    }
    if (t->stay == was.det && was.span && !nfa_trans_takes(t)) {
        nfa_span_ref(m, was.span);
    } else if (t->stay == was.det && was.span) {
        pl->span = 0;
        uint32_t next = nfa_graph_span(m, &pl->span, was.det);
        nfa_span_ref(m, next);
        nfa_span_at(m, was.span)->next = next;
    }
    m->moved_places = base_grow(m->moved_places, n, &m->cap_moved_places, sizeof *m->moved_places);
    m->moved_places[n] = (struct nfa_moved){ was, t };
}

static void drop_gone(struct nfa_matcher *m, struct nfa_graph *g) {
    uint32_t n = 0;
    g->interest = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        if (g->places[i].det != NFA_NONE)
            nfa_graph_keep(m, g, g->places[i], &n);
    }
    g->n = n;
}

static void step_places(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_graph *g = k->graph;
    uint32_t n_moved = 0;
    bool gone = false;
    m->n_stretches = m->n_moved_bands = 0;
    m->stats.work += g->n;
    for (uint32_t i = 0; i < g->n; i++) {
        struct nfa_place *pl = &g->places[i];
        if (!(pl->fold & m->cur.folded) && pl->fold != UINT64_MAX)
            continue;
        const struct nfa_det *d = nfa_det_at(m, pl->det);
        if (!nfa_rel_cares(m, d->fold, &d->rel))
            continue;
        if (pl->bands) {
            nfa_bands_step(m, g, pl);
            gone = gone || !pl->bands->n;
            continue;
        }
        const struct nfa_trans *t = nfa_det_step(m, pl->det, NFA_LAST_OLD);
        if (t->same)
            continue;
        note(m, pl, t, n_moved++);
        gone = gone || pl->det == NFA_NONE;
    }
    if (gone)
        drop_gone(m, g);
    for (uint32_t i = 0; i < n_moved; i++)
        move(m, k, &m->moved_places[i]);
    for (size_t i = 0; i < m->n_stretches; i++)
        move_stretch(m, k, &m->stretches[i]);
}

void nfa_graph_drop_places(struct nfa_matcher *m, struct nfa_graph *g, uint32_t cut) {
    m->places_stamped = 0;
    uint32_t n = 0;
    g->interest = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        /* With bands it is seen when they are trimmed, behind the cut. */
        if (!g->places[i].bands && (int32_t)(nfa_cell_at(m, g->places[i].list)->max - cut) <= 0) {
            nfa_graph_end_span(m, g->places[i].span, NULL, NFA_NONE);
            continue;
        }
        g->interest |= g->places[i].fold;
        g->places[n++] = g->places[i];
    }
    g->n = n;
}

void nfa_graph_trim(struct nfa_matcher *m, struct nfa_graph *g) {
    uint32_t n = 0;
    g->interest = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        if (g->places[i].bands)
            nfa_bands_trim(m, g, &g->places[i], false, EVT_TIME_MIN);
        nfa_graph_keep(m, g, g->places[i], &n);
    }
    g->n = n;
}

/* What the event completes alone. */
static void complete_start(struct nfa_matcher *m, struct nfa_key *k) {
    const struct nfa_trans *t = nfa_det_step(m, NFA_DET_START, NFA_LAST_OLD);
    if (t->n_moves)
        (void)nfa_graph_of(m, k, 1);
    for (uint32_t i = 0; i < t->n_moves; i++) {
        if (t->moves[i].completes)
            completed(m, 0, 0, t->moves[i].var);
    }
}

/* What the event completed is told, or settles starts; it is no longer held. */
static void tell_roots(struct nfa_matcher *m, struct nfa_key *k) {
    if (!m->n_roots)
        return;
    if (m->p->settles)
        nfa_settle(m, k, m->roots, m->n_roots);
    else if (m->pat->limit_matches && !nfa_graph_is_blind(m, k->graph))
        nfa_first(m, k, m->roots, m->n_roots, m->cur.time);
    else
        nfa_walk(m, k, m->roots, m->n_roots, m->cur.time);
    for (size_t i = 0; i < m->n_roots; i++) {
        if (m->roots[i].list)
            nfa_cell_unref(m, k->graph, m->roots[i].list);
        nfa_span_unref(m, m->roots[i].span);
    }
}

/* `limit open`: may the event start something? Asked when what it ended is gone. */
static bool has_room(struct nfa_matcher *m, const struct nfa_graph *g) {
    if (!m->pat->limit_refuse_new || g->n_starts < m->pat->limit_open)
        return true;
    m->stats.limit_open++;
    return false;
}

void nfa_graph_cut(struct nfa_matcher *m, struct nfa_graph *g, uint32_t cut, uint64_t *counter) {
    nfa_graph_drop_places(m, g, cut);
    g->cut = cut;
    while (g->first && !nfa_is_live(g, nfa_cell_at(m, g->first)->max)) {
        ++*counter;
        nfa_cell_cut(m, g);
    }
}

static void start(struct nfa_matcher *m, struct nfa_key *k) {
    const struct nfa_trans *t = nfa_det_step(m, NFA_DET_START, NFA_LAST_OLD);
    bool any = false, settled = false;
    for (uint32_t i = 0; i < t->n_moves; i++) {
        any = any || t->moves[i].to != NFA_NONE;
        settled = settled || (m->p->settles && t->moves[i].completes);
    }
    if (!any || (m->pat->limit_open && !has_room(m, k->graph)))
        return;
    for (uint32_t i = 0; i < t->n_moves; i++) {
        const struct nfa_move *mv = &t->moves[i];
        if (mv->to == NFA_NONE)
            continue;
        uint32_t cell = nfa_cell_start(m, k->graph, mv->var, nfa_ev_take(m));
        if (settled)
            nfa_cell_at(m, cell)->settled = true;
        uint32_t *to = nfa_graph_add(m, k, mv->to, cell, m->cur.time);
        if (!m->spans)
            continue;
        nfa_cell_at(m, cell)->below = nfa_graph_span(m, to, mv->to);
        nfa_span_ref(m, *to);
    }
    m->stats.started++;
    k->graph->number++;
    struct nfa_graph *g = k->graph;
    while (m->pat->limit_open && g->n_starts > m->pat->limit_open) {
        nfa_graph_cut(m, g, nfa_cell_at(m, g->first)->max, &m->stats.limit_open);
        if (m->p->has_times)
            nfa_graph_trim(m, g);
    }
}

void nfa_graph_finish(struct nfa_matcher *m, struct nfa_key *k) {
    k->deadline = EVT_TIME_MAX;
    if (k->graph && !k->graph->n && !(k->graph->settled && k->graph->settled->n))
        nfa_graph_free(m, k);
    else if (k->graph)
        k->deadline = nfa_graph_deadline(m, k->graph);
    nfa_key_settle(m, k);
}

void nfa_graph_loaded(struct nfa_matcher *m, struct nfa_key *k) {
    bool due = k->graph && nfa_settled_is_due(m, k->graph);
    int64_t at = due ? k->graph->settled->v[0].match->ev->time : EVT_TIME_MAX;
    nfa_graph_finish(m, k);
    if (!due)
        return;
    k->deadline = at;
    nfa_key_settle(m, k);
}

/* What is open. */
static void step_open(struct nfa_matcher *m, struct nfa_key *k) {
    const struct nfa_graph *g = k->graph;
    m->env.key = k;
    m->next_step = nfa_dets_next_step(m);
    m->n_roots = 0;
    if (g && g->n && ((g->interest & m->cur.folded) || g->interest == UINT64_MAX) && nfa_may_concern(m))
        step_places(m, k);
}

void nfa_graph_go_on(struct nfa_matcher *m, struct nfa_key *k) {
    step_open(m, k);
    tell_roots(m, k);
}

void nfa_graph_step(struct nfa_matcher *m, struct nfa_key *k) {
    bool may_start = nfa_may_start(m);
    step_open(m, k);
    if (may_start)
        complete_start(m, k);
    tell_roots(m, k);
    if (may_start)
        start(m, k);
    if (m->p->settles)
        nfa_settle_let_go(m, k, m->cur.time);
    if (m->cur.ev) {
        nfa_ev_unref(m, m->cur.ev);
        m->cur.ev = NULL;
    }
    m->cur.batch = NULL;
    nfa_graph_finish(m, k);
}

/* -- life ---------------------------------------------------------------------------------------------------------- */

void nfa_graph_free(struct nfa_matcher *m, struct nfa_key *k) {
    struct nfa_graph *g = k->graph;
    if (!g)
        return;
    for (uint32_t i = 0; i < g->n; i++) {
        nfa_bands_free(m, g, &g->places[i]);
        if (g->places[i].list)
            nfa_cell_unref(m, g, g->places[i].list);
        nfa_graph_end_span(m, g->places[i].span, NULL, NFA_NONE);
    }
    CEP_INSIST(!g->first);
    nfa_settled_free(m, g);
    nfa_mem_put(&m->mem, g, graph_size(g->cap));
    k->graph = NULL;
}

void nfa_graph_mark(const struct nfa_matcher *m, const struct nfa_key *k) {
    for (uint32_t i = 0; k->graph && i < k->graph->n; i++)
        nfa_det_at(m, k->graph->places[i].det)->used = true;
}

static void check_list(const struct nfa_matcher *m, const struct nfa_graph *g, uint32_t list) {
    const struct nfa_cell *c = nfa_cell_at(m, list);
    CEP_INSIST(nfa_is_live(g, c->max) && c->refs > 0);
    for (;;) {
        CEP_INSIST(c->kind == NFA_CELL_START || nfa_cell_at(m, c->below)->max == c->max);
        CEP_INSIST(c->kind != NFA_CELL_SAME || nfa_cell_at(m, c->below)->kind == NFA_CELL_START);
        if (!c->rest || !nfa_is_live(g, c->rest_max))
            return;
        const struct nfa_cell *r = nfa_cell_at(m, c->rest);
        CEP_INSIST(r->max == c->rest_max && (int32_t)(c->max - r->max) >= 0 && r->refs > 0);
        c = r;
    }
}

static void check_bands(const struct nfa_matcher *m, const struct nfa_graph *g, const struct nfa_place *pl) {
    struct nfa_bands *b = pl->bands;
    CEP_INSIST(b->n && b->from + b->n <= b->cap && nfa_det_at(m, pl->det)->n_times && !pl->list);
    CEP_INSIST(nfa_is_live(g, nfa_band_at(b, 0)->max));
    nfa_windows_check(b);
    for (uint32_t i = 0; i < b->n; i++) {
        const struct nfa_band *x = nfa_band_at(b, i);
        CEP_INSIST(!i || nfa_band_at(b, i - 1)->last < x->last);
        if (!nfa_is_live(g, x->max))
            continue;
        CEP_INSIST(nfa_cell_at(m, x->list)->max == x->max);
        check_list(m, g, x->list);
    }
}

uint64_t nfa_graph_check(const struct nfa_matcher *m, const struct nfa_key *k) {
    const struct nfa_graph *g = k->graph;
    uint64_t open = 0;
    uint32_t before = g->cut;
    uint32_t starts = 0;
    CEP_INSIST((g->n > 0 && g->first) || (g->settled && g->settled->n));
    nfa_settled_check(m, k);
    for (uint32_t s = g->first; s; s = nfa_cell_at(m, s)->later, open++) {
        const struct nfa_cell *c = nfa_cell_at(m, s);
        CEP_INSIST(c->kind == NFA_CELL_START && c->refs > 0 && c->ev && nfa_is_live(g, c->max));
        CEP_INSIST((int32_t)(c->max - before) >= 0 && (c->later || g->last == s));
        starts += c->max != before;
        before = c->max;
        for (uint32_t r = c->ring; r != s; r = nfa_cell_at(m, r)->ring) {
            CEP_INSIST(nfa_cell_at(m, r)->max == c->max && nfa_cell_at(m, r)->refs > 0);
            CEP_INSIST(nfa_cell_at(m, nfa_cell_at(m, r)->ring)->ring_prev == r);
        }
    }
    CEP_INSIST(starts == g->n_starts);
    for (uint32_t i = 0; i < g->n; i++) {
        for (uint32_t j = 0; j < i; j++)
            CEP_INSIST(g->places[i].det != g->places[j].det);
        if (g->places[i].bands)
            check_bands(m, g, &g->places[i]);
        else
            check_list(m, g, g->places[i].list);
    }
    return open;
}
