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
 */
#include "nfa/nfa_graph.h"

#include "base/base_mem.h"

/* Ways that took the same events and stand in one span. */
struct nfa_node_on {
    uint32_t span, at; /* as entered; how far it was looked at: 0 = to its end */
    uint32_t link;     /* the first one */
    bool good;         /* scratch of tell(): leads to what is told */
};

struct nfa_link_on { /* how a node is come to */
    uint32_t node;   /* of the level before, or NFA_NONE */
    uint32_t var;
    uint32_t next;
};

struct nfa_level {
    const struct nfa_ev *ev;
    uint32_t nodes, links; /* the first of it */
    uint32_t var, node;    /* scratch of tell(): chosen */
    bool found;            /* a match goes through here */
};

struct search {
    struct nfa_matcher *m;
    struct nfa_key *k;
    struct nfa_first *f;
    const struct nfa_root *roots;
    size_t n_roots;
    bool without; /* some root does not take the event */
    int64_t now;
    uint64_t told, limit;
    uint64_t root_mark, dead_mark;
};

static bool is_full(const struct search *s) {
    return s->told >= 2 * s->limit;
}

static bool is_root(const struct search *s, uint32_t span) {
    return nfa_span_at(s->m, span)->mark == s->root_mark;
}

static bool is_dead(const struct search *s, uint32_t span) {
    return nfa_span_at(s->m, span)->mark == s->dead_mark;
}

/* -- levels -------------------------------------------------------------------------------------------------------- */

static void level_begin(struct search *s, const struct nfa_ev *ev) {
    struct nfa_first *f = s->f;
    f->levels = base_grow(f->levels, f->n_levels, &f->cap_levels, sizeof *f->levels);
    f->levels[f->n_levels++] =
        (struct nfa_level){ .ev = ev, .nodes = (uint32_t)f->n_nodes, .links = (uint32_t)f->n_links };
}

static void level_end(struct search *s) {
    struct nfa_first *f = s->f;
    const struct nfa_level *lv = &f->levels[--f->n_levels];
    f->n_nodes = lv->nodes;
    f->n_links = lv->links;
}

static struct nfa_level *top(const struct search *s) {
    return &s->f->levels[s->f->n_levels - 1];
}

/* A way into the newest level. */
static void enter(struct search *s, uint32_t span, uint32_t from, uint32_t var) {
    struct nfa_first *f = s->f;
    uint32_t i = top(s)->nodes;
    while (i < f->n_nodes && f->nodes[i].span != span)
        i++;
    if (i == f->n_nodes) {
        f->nodes = base_grow(f->nodes, f->n_nodes, &f->cap_nodes, sizeof *f->nodes);
        f->nodes[f->n_nodes++] = (struct nfa_node_on){ .span = span, .at = span, .link = NFA_NONE };
    }
    f->links = base_grow(f->links, f->n_links, &f->cap_links, sizeof *f->links);
    f->links[f->n_links] = (struct nfa_link_on){ from, var, f->nodes[i].link };
    f->nodes[i].link = (uint32_t)f->n_links++;
}

/* -- telling ------------------------------------------------------------------------------------------------------- */

static void mark_good(struct search *s) {
    struct nfa_first *f = s->f;
    for (size_t l = f->n_levels - 1; l > 0; l--) {
        for (uint32_t i = f->levels[l - 1].nodes; i < f->levels[l].nodes; i++)
            f->nodes[i].good = false;
        uint32_t end = l + 1 < f->n_levels ? f->levels[l + 1].nodes : (uint32_t)f->n_nodes;
        for (uint32_t i = f->levels[l].nodes; i < end; i++) {
            for (uint32_t k = f->nodes[i].good ? f->nodes[i].link : NFA_NONE; k != NFA_NONE;
                 k = f->links[k].next)
                f->nodes[f->links[k].node].good = true;
        }
        s->m->stats.work++;
    }
}

/* The next variable of a level that goes on from the node chosen before it, in order. Returns: false when there is none. */
static bool choose(struct search *s, size_t l, int64_t after) {
    struct nfa_first *f = s->f;
    struct nfa_level *lv = &f->levels[l];
    uint32_t from = l ? f->levels[l - 1].node : NFA_NONE;
    uint32_t end = l + 1 < f->n_levels ? f->levels[l + 1].nodes : (uint32_t)f->n_nodes;
    bool any = false;
    s->m->stats.work++;
    for (uint32_t i = lv->nodes; i < end; i++) {
        for (uint32_t k = f->nodes[i].good ? f->nodes[i].link : NFA_NONE; k != NFA_NONE;
             k = f->links[k].next) {
            const struct nfa_link_on *x = &f->links[k];
            if (x->node != from || (int64_t)x->var <= after || (any && x->var >= lv->var))
                continue;
            lv->var = x->var;
            lv->node = i;
            any = true;
        }
    }
    return any;
}

static void tell_one(struct search *s) {
    struct nfa_matcher *m = s->m;
    const struct nfa_first *f = s->f;
    if (s->told++ >= s->limit) {
        m->stats.limit_matches++;
        return;
    }
    if (!m->out.matches && !m->p->uses_match_number) {
        m->stats.matches++;
        return;
    }
    nfa_emit_room(m, f->n_levels);
    for (size_t l = 0; l < f->n_levels; l++) {
        m->evs[l] = f->levels[l].ev;
        m->ev_vars[l] = f->levels[l].var;
    }
    m->n_evs = f->n_levels;
    nfa_emit_listed(m, s->k, s->now);
}

/* The events of the levels are those of matches: all of their variables that lead to a good node of the last one. */
static void tell(struct search *s) {
    struct nfa_first *f = s->f;
    size_t l = 0;
    int64_t after = -1;
    for (size_t i = 0; i < f->n_levels; i++)
        f->levels[i].found = true;
    mark_good(s);
    for (;;) {
        if (!choose(s, l, after)) {
            if (l == 0)
                return;
            after = f->levels[--l].var;
        } else if (l + 1 < f->n_levels) {
            l++;
            after = -1;
        } else {
            tell_one(s);
            if (is_full(s))
                return;
            after = f->levels[l].var;
        }
    }
}

/* Ways that are complete without the event. */
static void tell_without(struct search *s) {
    struct nfa_first *f = s->f;
    bool any = false;
    for (uint32_t i = top(s)->nodes; i < f->n_nodes; i++) {
        f->nodes[i].good = false;
        for (size_t r = 0; r < s->n_roots && is_root(s, f->nodes[i].at); r++)
            f->nodes[i].good |= s->roots[r].var == NFA_NONE && s->roots[r].span == f->nodes[i].at;
        any = any || f->nodes[i].good;
    }
    if (any)
        tell(s);
}

/* Ways that the event completes as their last one. */
static void tell_with(struct search *s) {
    struct nfa_first *f = s->f;
    uint32_t from = top(s)->nodes, end = (uint32_t)f->n_nodes;
    bool any = false;
    for (uint32_t i = from; i < end; i++) {
        uint32_t at = f->nodes[i].at;
        for (size_t r = 0; r < s->n_roots && at && is_root(s, at); r++) {
            if (s->roots[r].span != at || s->roots[r].var == NFA_NONE)
                continue;
            if (!any)
                level_begin(s, s->m->cur.ev);
            any = true;
            enter(s, 0, i, s->roots[r].var);
        }
    }
    if (!any)
        return;
    f->nodes[f->n_nodes - 1].good = true;
    tell(s);
    level_end(s);
}

/* -- searching ----------------------------------------------------------------------------------------------------- */

/* The earliest event that was taken behind one of the ways of a level. Returns: false when there is none (any more). */
static bool next_event(struct search *s, uint64_t *order) {
    struct nfa_first *f = s->f;
    bool any = false;
    for (uint32_t i = top(s)->nodes; i < f->n_nodes; i++) {
        struct nfa_node_on *n = &f->nodes[i];
        if (!n->at || is_root(s, n->at))
            continue;
        const struct nfa_span *sp = nfa_span_at(s->m, n->at);
        uint64_t o = sp->first ? nfa_onward_at(s->m, sp->first)->ev->order : s->m->cur.order;
        if (o == s->m->cur.order)
            n->at = 0; /* to the end of what was before this event */
        else if (!any || o < *order)
            *order = o;
        any = any || n->at;
    }
    return any;
}

/* Those ways of a level that took the event are a new one; all go on behind it. Returns: false when none leads on. */
static bool go_on(struct search *s, uint64_t order) {
    struct nfa_first *f = s->f;
    uint32_t from = top(s)->nodes, end = (uint32_t)f->n_nodes;
    bool any = false;
    for (uint32_t i = from; i < end; i++) {
        uint32_t at = f->nodes[i].at;
        if (!at || is_root(s, at))
            continue;
        struct nfa_span *sp = nfa_span_at(s->m, at);
        if (nfa_onward_at(s->m, sp->first)->ev->order != order)
            continue;
        for (uint32_t o = sp->first; o; o = nfa_onward_at(s->m, o)->later) {
            struct nfa_onward *on = nfa_onward_at(s->m, o);
            uint32_t to = nfa_span_follow(s->m, &on->to, s->root_mark);
            s->m->stats.work++;
            if (is_dead(s, to))
                continue;
            if (!any)
                level_begin(s, on->ev);
            any = true;
            enter(s, to, i, on->var);
        }
        f->nodes[i].at = sp->next ? nfa_span_follow(s->m, &sp->next, s->root_mark) : 0;
    }
    return any;
}

/* From the starts in the first level on. */
static void search(struct search *s) {
    struct nfa_first *f = s->f;
    if (s->without)
        tell_without(s);
    while (f->n_levels && !is_full(s)) {
        uint64_t order = 0;
        if (next_event(s, &order)) {
            if (go_on(s, order) && s->without)
                tell_without(s);
            continue;
        }
        tell_with(s);
        for (uint32_t i = top(s)->nodes; i < f->n_nodes && !top(s)->found; i++)
            nfa_span_at(s->m, f->nodes[i].span)->mark = s->dead_mark;
        level_end(s);
    }
    f->n_levels = f->n_nodes = f->n_links = 0;
}

void nfa_first(
    struct nfa_matcher *m, struct nfa_key *k, const struct nfa_root *roots, size_t n, int64_t now) {
    struct search s = { .m = m,
        .k = k,
        .f = &m->first,
        .roots = roots,
        .n_roots = n,
        .now = now,
        .limit = m->pat->limit_matches < UINT32_MAX ? m->pat->limit_matches : UINT32_MAX,
        .root_mark = 2 * ++m->first.stamp,
        .dead_mark = 2 * m->first.stamp + 1 };
    bool behind = false;
    for (size_t i = 0; i < n; i++) {
        s.without = s.without || roots[i].var == NFA_NONE;
        behind = behind || roots[i].list;
        if (roots[i].span)
            nfa_span_at(m, roots[i].span)->mark = s.root_mark;
    }
    for (uint32_t at = behind ? k->graph->first : 0; at && !is_full(&s);) {
        const struct nfa_cell *c = nfa_cell_at(m, at);
        uint32_t max = c->max;
        if (c->ev->order == m->cur.order)
            break;
        level_begin(&s, c->ev);
        for (; at && nfa_cell_at(m, at)->max == max; at = nfa_cell_at(m, at)->later) {
            struct nfa_cell *start = nfa_cell_at(m, at);
            uint32_t span = nfa_span_follow(m, &start->below, s.root_mark);
            m->stats.work++;
            if (!is_dead(&s, span))
                enter(&s, span, NFA_NONE, start->var);
        }
        search(&s);
    }
    /* The event alone, by its variables. */
    for (int64_t after = -1; !is_full(&s);) {
        uint32_t var = NFA_NONE;
        for (size_t i = 0; i < n; i++) {
            if (!roots[i].list && (int64_t)roots[i].var > after && roots[i].var < var)
                var = roots[i].var;
        }
        if (var == NFA_NONE)
            break;
        level_begin(&s, m->cur.ev);
        enter(&s, 0, NFA_NONE, var);
        top(&s)->var = var;
        tell_one(&s);
        level_end(&s);
        after = var;
    }
}

void nfa_first_release(struct nfa_first *f) {
    base_free(f->levels);
    base_free(f->nodes);
    base_free(f->links);
}
