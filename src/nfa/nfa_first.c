/*
 * nfa_first -- the first matches in order that one event completes, found from the starts on (nfa_span.h); for
 * `limit N matches`, which takes so many and pays for no more.
 *
 * Order: by start, then by the events compared one by one, a shorter one that is another's beginning first, then by the
 * variables. So the search takes the earliest start, on from there the earliest event that was taken behind it, and so
 * on; what was taken by the same event as different variables goes on together (a level), for the events behind
 * it decide first. A way that has come to the span of a place that the event completes is a match, with the event as its last; or
 * without it, and then before all that goes on from there. (A place that is completed by an event that it does not
 * take holds only partial matches that took the event before, as `!n` at the end has it: nothing goes on between.)
 *
 *     level   a1         b3            c6
 *     nodes   span s ──▶ span t ──▶    completed            a1 as u, b3 as v or as w: two links between two nodes
 *
 * A span from which nothing was found is not entered again in this search, nor counted when it is met. So a search costs the
 * lengths of the matches told and the spans passed that lead elsewhere; each at most once.
 *
 * Counting what is beyond the limit exactly would cost what the limit saves: their number is that of all ways through the
 * graph, of which the window cuts off a part with every start. The search counts on until as many again are found, so
 * that `limit_matches` is exact for an event up to twice the limit, and tells what there is at least beyond.
 *
 * The same search finds the first partial match of one start that waits for an absence, when the time since its first event is
 * over and the skip policy takes one match of it (nfa_settle.h). Then those in the span of such a place are complete, without an event.
 */
#include "nfa/nfa_graph.h"
#include "nfa/nfa_levels.h"

#include "base/base_mem.h"

struct search {
    struct nfa_levels v; /* nodes: a span as entered; at: how far it was looked at, 0 = to its end */
    const struct nfa_root *roots;
    size_t n_roots;
    bool without;   /* some root does not take the event */
    bool awaits;    /* there are no roots: complete is what waits for an absence */
    uint64_t until; /* order of the event under test: what it took is not looked at */
    uint64_t root_mark, dead_mark;
};

static bool is_root(const struct search *s, uint32_t span) {
    const struct nfa_span *at = nfa_span_at(s->v.m, span);
    if (!s->awaits)
        return at->mark == s->root_mark;
    return !at->first && !at->next && at->det != NFA_NONE && nfa_det_at(s->v.m, at->det)->awaits;
}

static bool is_dead(const struct search *s, uint32_t span) {
    return nfa_span_at(s->v.m, span)->mark == s->dead_mark;
}

/* A way into the newest level. */
static void enter(struct search *s, uint32_t span, uint32_t from, uint32_t var) {
    if (nfa_level_enter(&s->v, span, from, var))
        s->v.f->nodes[s->v.f->n_nodes - 1].at = span;
}

/* -- telling ------------------------------------------------------------------------------------------------------- */

/* Ways that are complete without the event. */
static void tell_without(struct search *s) {
    struct nfa_first *f = s->v.f;
    bool any = false;
    for (uint32_t i = nfa_levels_top(&s->v)->nodes; i < f->n_nodes; i++) {
        f->nodes[i].good = s->awaits && is_root(s, f->nodes[i].at);
        for (size_t r = 0; r < s->n_roots && is_root(s, f->nodes[i].at); r++)
            f->nodes[i].good |= s->roots[r].var == NFA_NONE && s->roots[r].span == f->nodes[i].at;
        any = any || f->nodes[i].good;
    }
    if (any)
        nfa_levels_tell(&s->v);
}

/* Ways that the event completes as their last one. */
static void tell_with(struct search *s) {
    struct nfa_first *f = s->v.f;
    uint32_t from = nfa_levels_top(&s->v)->nodes, end = (uint32_t)f->n_nodes;
    bool any = false;
    for (uint32_t i = from; i < end; i++) {
        uint32_t at = f->nodes[i].at;
        for (size_t r = 0; r < s->n_roots && at && is_root(s, at); r++) {
            if (s->roots[r].span != at || s->roots[r].var == NFA_NONE)
                continue;
            if (!any)
                nfa_level_begin(&s->v, s->v.m->cur.ev);
            any = true;
            enter(s, 0, i, s->roots[r].var);
        }
    }
    if (!any)
        return;
    f->nodes[f->n_nodes - 1].good = true;
    nfa_levels_tell(&s->v);
    nfa_level_end(&s->v);
}

/* -- searching ----------------------------------------------------------------------------------------------------- */

/* The earliest event that was taken behind one of the ways of a level. Returns: false when there is none (any more). */
static bool next_event(struct search *s, uint64_t *order) {
    struct nfa_first *f = s->v.f;
    bool any = false;
    for (uint32_t i = nfa_levels_top(&s->v)->nodes; i < f->n_nodes; i++) {
        struct nfa_node_on *n = &f->nodes[i];
        if (!n->at || is_root(s, n->at))
            continue;
        const struct nfa_span *sp = nfa_span_at(s->v.m, n->at);
        uint64_t o = sp->first ? nfa_onward_at(s->v.m, sp->first)->ev->order : s->until;
        if (o == s->until)
            n->at = 0; /* to the end of what was before this event */
        else if (!any || o < *order)
            *order = o;
        any = any || n->at;
    }
    return any;
}

/* Those ways of a level that took the event are a new one; all go on behind it. Returns: false when none leads on. */
static bool go_on(struct search *s, uint64_t order) {
    struct nfa_first *f = s->v.f;
    uint32_t from = nfa_levels_top(&s->v)->nodes, end = (uint32_t)f->n_nodes;
    bool any = false;
    for (uint32_t i = from; i < end; i++) {
        uint32_t at = f->nodes[i].at;
        if (!at || is_root(s, at))
            continue;
        struct nfa_span *sp = nfa_span_at(s->v.m, at);
        if (nfa_onward_at(s->v.m, sp->first)->ev->order != order)
            continue;
        for (uint32_t o = sp->first; o; o = nfa_onward_at(s->v.m, o)->later) {
            struct nfa_onward *on = nfa_onward_at(s->v.m, o);
            uint32_t to = nfa_span_follow(s->v.m, &on->to, s->root_mark);
            s->v.m->stats.work++;
            if (is_dead(s, to))
                continue;
            if (!any)
                nfa_level_begin(&s->v, on->ev);
            any = true;
            enter(s, to, i, on->var);
        }
        f->nodes[i].at = sp->next ? nfa_span_follow(s->v.m, &sp->next, s->root_mark) : 0;
    }
    return any;
}

/* From the starts in the first level on. */
static void search(struct search *s) {
    struct nfa_first *f = s->v.f;
    if (s->without)
        tell_without(s);
    while (f->n_levels && !nfa_levels_are_full(&s->v)) {
        uint64_t order = 0;
        if (next_event(s, &order)) {
            if (go_on(s, order) && s->without)
                tell_without(s);
            continue;
        }
        tell_with(s);
        for (uint32_t i = nfa_levels_top(&s->v)->nodes; i < f->n_nodes && !nfa_levels_top(&s->v)->found; i++)
            nfa_span_at(s->v.m, f->nodes[i].id)->mark = s->dead_mark;
        nfa_level_end(&s->v);
    }
    f->n_levels = f->n_nodes = f->n_links = 0;
}

/* A start, as the first level. Returns: the next one. */
static uint32_t begin_start(struct search *s, uint32_t at) {
    struct nfa_matcher *m = s->v.m;
    uint32_t max = nfa_cell_at(m, at)->max;
    nfa_level_begin(&s->v, nfa_cell_at(m, at)->ev);
    for (; at && nfa_cell_at(m, at)->max == max; at = nfa_cell_at(m, at)->later) {
        struct nfa_cell *start = nfa_cell_at(m, at);
        uint32_t span = nfa_span_follow(m, &start->below, s->root_mark);
        m->stats.work++;
        if (!is_dead(s, span))
            enter(s, span, NFA_NONE, start->var);
    }
    return at;
}

bool nfa_first_awaiting(struct nfa_matcher *m, struct nfa_key *k, uint32_t start) {
    struct search s = { .v = nfa_levels_of(m, k, 0, 0),
        .awaits = true,
        .without = true,
        .until = UINT64_MAX,
        .root_mark = UINT64_MAX,
        .dead_mark = 2 * m->first.stamp };
    s.v.lists = true;
    s.v.limit = s.v.most = 1;
    (void)begin_start(&s, start);
    search(&s);
    return s.v.told > 0;
}

void nfa_first(
    struct nfa_matcher *m, struct nfa_key *k, const struct nfa_root *roots, size_t n, int64_t now) {
    struct search s = { .v = nfa_levels_of(m, k, now, 0),
        .roots = roots,
        .n_roots = n,
        .until = m->cur.order,
        .root_mark = 2 * ++m->first.stamp,
        .dead_mark = 2 * m->first.stamp + 1 };
    bool behind = false;
    for (size_t i = 0; i < n; i++) {
        s.without = s.without || roots[i].var == NFA_NONE;
        behind = behind || roots[i].list;
        if (roots[i].span)
            nfa_span_at(m, roots[i].span)->mark = s.root_mark;
    }
    for (uint32_t at = behind ? k->graph->first : 0; at && !nfa_levels_are_full(&s.v);) {
        if (nfa_cell_at(m, at)->ev->order == m->cur.order)
            break;
        at = begin_start(&s, at);
        search(&s);
    }
    /* The event alone, by its variables. */
    for (int64_t after = -1; !nfa_levels_are_full(&s.v);) {
        uint32_t var = NFA_NONE;
        for (size_t i = 0; i < n; i++) {
            if (!roots[i].list && (int64_t)roots[i].var > after && roots[i].var < var)
                var = roots[i].var;
        }
        if (var == NFA_NONE)
            break;
        nfa_levels_tell_alone(&s.v, m->cur.ev, var);
        after = var;
    }
}

void nfa_first_release(struct nfa_first *f) {
    base_free(f->levels);
    base_free(f->nodes);
    base_free(f->links);
}
