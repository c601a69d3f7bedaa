/*
 * nfa_stack_tell -- the matches that an event completes, in order, found in the stacks of its key (nfa_stack.h).
 *
 * First, from the end of the plan back: for each state the order before which its last event must lie, so that the match can be come to. A
 * state that the event completes: the event's own. Another: of each edge to such a state, the latest event of the edge's variable before
 * that one's bound; the latest of these. States are settled by descending bounds, and a bound only comes from a later one, so each is
 * settled once.
 *
 * Then, from the starts on (nfa_levels.h): the earliest start before the bound of its state, then the earliest event before the bound
 * of the state that it leads to, and so on. Every event entered leads to a match, so the search costs the lengths of the matches told, and a
 * search by halves in a stack for each event on the way. Where a state is completed by the event, that is the last to be tried.
 */
#include "nfa/nfa_levels.h"
#include "nfa/nfa_stack.h"

#include "base/base_mem.h"

/* Events that an edge may still take behind one that is on the way. */
struct cursor {
    uint32_t edge;
    uint32_t at, end; /* in its stack */
};

struct nfa_stack_search {
    struct cursor *v; /* of the nodes on the way: a node's `at` is its first one */
    size_t n, cap;
    uint64_t *bound; /* of the plan's states; 0: the match cannot be come to */
    uint32_t *ends;  /* of the plan's edges: items in its stack that lead to the match */
    uint32_t *open;  /* states to be settled */
    bool *settled;
};

struct search {
    struct nfa_levels v;
    struct nfa_stack_search *x;
    const struct nfa_stack_plan *p;
    const struct nfa_stacks *s;
};

struct nfa_stack_search *nfa_stack_search_new(const struct nfa_stack_plan *p) {
    struct nfa_stack_search *x = base_calloc(1, sizeof *x);
    x->bound = base_calloc(p->n_states, sizeof *x->bound);
    x->ends = base_calloc(p->n_edges + 1, sizeof *x->ends);
    x->open = base_calloc(p->n_states, sizeof *x->open);
    x->settled = base_calloc(p->n_states, sizeof *x->settled);
    return x;
}

void nfa_stack_search_free(struct nfa_stack_search *x) {
    if (!x)
        return;
    base_free(x->v);
    base_free(x->bound);
    base_free(x->ends);
    base_free(x->open);
    base_free(x->settled);
    base_free(x);
}

/* -- bounds, from the end back ------------------------------------------------------------------------------------ */

/* The state with the latest bound of those to be settled. */
static uint32_t take_latest(struct search *s, uint32_t *n) {
    uint32_t *open = s->x->open, latest = 0;
    for (uint32_t i = 1; i < *n; i++) {
        if (s->x->bound[open[i]] > s->x->bound[open[latest]])
            latest = i;
    }
    uint32_t q = open[latest];
    open[latest] = open[--*n];
    return q;
}

/* The edges that lead to a state which is settled, and what lies before them. */
static void settle(struct search *s, uint32_t q, uint32_t *n) {
    const struct nfa_stack_plan *p = s->p;
    struct nfa_stack_search *x = s->x;
    x->settled[q] = true;
    for (uint32_t i = p->first_into[q]; i < p->first_into[q + 1]; i++) {
        const struct nfa_stack_edge *e = &p->edges[p->into[i]];
        const struct nfa_stack *st = &s->s->v[e->stack];
        uint32_t end = st->n ? nfa_stack_up_to(st, x->bound[q] - 1) : 0;
        x->ends[p->into[i]] = end;
        s->v.m->stats.work++;
        if (!end || e->from == 0 || x->settled[e->from])
            continue;
        uint64_t bound = nfa_item_at(st, end - 1)->order;
        if (!x->bound[e->from])
            x->open[(*n)++] = e->from;
        if (bound > x->bound[e->from])
            x->bound[e->from] = bound;
    }
}

static void find_bounds(struct search *s) {
    const struct nfa_stack_plan *p = s->p;
    struct nfa_stack_search *x = s->x;
    uint32_t n = 0;
    memset(x->bound, 0, p->n_states * sizeof *x->bound);
    memset(x->settled, 0, p->n_states * sizeof *x->settled);
    memset(x->ends, 0, p->n_edges * sizeof *x->ends);
    for (uint32_t i = 0; i < p->n_ending; i++) {
        const struct nfa_stack_edge *e = &p->edges[p->ending[i]];
        if (e->from != 0 && nfa_fits_var(s->v.m, e->var))
            x->bound[e->from] = s->v.m->cur.order;
    }
    /* None has a later bound than these. */
    for (uint32_t i = 0; i < p->n_ending; i++) {
        uint32_t q = p->edges[p->ending[i]].from;
        if (x->bound[q] == s->v.m->cur.order && !x->settled[q])
            settle(s, q, &n);
    }
    while (n)
        settle(s, take_latest(s, &n), &n);
}

/* -- from the starts on ------------------------------------------------------------------------------------------- */

static const struct nfa_item *item_at(const struct search *s, const struct cursor *c) {
    return nfa_item_at(&s->s->v[s->p->edges[c->edge].stack], c->at);
}

static void add_cursors(struct search *s, uint32_t state, uint64_t order) {
    struct nfa_stack_search *x = s->x;
    for (uint32_t i = s->p->first[state]; i < s->p->first[state + 1]; i++) {
        uint32_t end = x->ends[i];
        if (!end)
            continue;
        uint32_t at = order ? nfa_stack_behind(&s->s->v[s->p->edges[i].stack], order) : 0;
        if (at >= end)
            continue;
        x->v = base_grow(x->v, x->n, &x->cap, sizeof *x->v);
        x->v[x->n++] = (struct cursor){ i, at, end };
    }
}

static void enter(struct search *s, uint32_t state, uint32_t from, uint32_t var) {
    struct nfa_first *f = s->v.f;
    if (!nfa_level_enter(&s->v, state, from, var))
        return;
    f->nodes[f->n_nodes - 1].at = (uint32_t)s->x->n;
    add_cursors(s, state, nfa_levels_top(&s->v)->ev->order);
}

/* The earliest event of the cursors from `from` on; NULL when none is left. */
static const struct nfa_item *earliest(const struct search *s, size_t from) {
    const struct nfa_item *first = NULL;
    for (size_t i = from; i < s->x->n; i++) {
        const struct cursor *c = &s->x->v[i];
        const struct nfa_item *x = c->at < c->end ? item_at(s, c) : NULL;
        if (x && (!first || x->order < first->order))
            first = x;
    }
    return first;
}

/* The cursors of a node, or of the starts, that are at that event take it. */
static void take(struct search *s, size_t from, size_t end, uint32_t node, uint64_t order) {
    for (size_t i = from; i < end; i++) {
        struct cursor *c = &s->x->v[i];
        if (c->at == c->end || item_at(s, c)->order != order)
            continue;
        const struct nfa_stack_edge *e = &s->p->edges[c->edge];
        c->at++;
        s->v.m->stats.work++;
        enter(s, e->to, node, e->var);
    }
}

/* The ways of the newest level that the event under test completes. */
static void tell(struct search *s) {
    struct nfa_first *f = s->v.f;
    uint32_t from = nfa_levels_top(&s->v)->nodes, end = (uint32_t)f->n_nodes;
    bool any = false;
    for (uint32_t i = from; i < end; i++) {
        uint32_t q = f->nodes[i].id;
        if (s->x->bound[q] != s->v.m->cur.order)
            continue;
        for (uint32_t k = s->p->first[q]; k < s->p->first[q + 1]; k++) {
            const struct nfa_stack_edge *e = &s->p->edges[k];
            if (!e->completes || !nfa_fits_var(s->v.m, e->var))
                continue;
            if (!any)
                nfa_level_begin(&s->v, s->v.m->cur.ev);
            any = true;
            (void)nfa_level_enter(&s->v, 0, i, e->var);
        }
    }
    if (!any)
        return;
    f->nodes[f->n_nodes - 1].good = true;
    nfa_levels_tell(&s->v);
    nfa_level_end(&s->v);
}

static void go_on(struct search *s) {
    struct nfa_first *f = s->v.f;
    while (f->n_levels && !nfa_levels_are_full(&s->v)) {
        uint32_t node = nfa_levels_top(&s->v)->nodes, end = (uint32_t)f->n_nodes;
        const struct nfa_item *next = earliest(s, f->nodes[node].at);
        if (!next) {
            tell(s);
            s->x->n = f->nodes[node].at;
            nfa_level_end(&s->v);
            continue;
        }
        size_t n = s->x->n;
        nfa_level_begin(&s->v, next->ev);
        for (uint32_t i = node; i < end; i++)
            take(s, f->nodes[i].at, i + 1 < end ? f->nodes[i + 1].at : n, i, next->order);
    }
    f->n_levels = f->n_nodes = f->n_links = 0;
}

static void tell_behind(struct search *s) {
    s->x->n = 0;
    find_bounds(s);
    add_cursors(s, 0, 0);
    size_t n = s->x->n;
    for (const struct nfa_item *first; !nfa_levels_are_full(&s->v) && (first = earliest(s, 0));) {
        nfa_level_begin(&s->v, first->ev);
        take(s, 0, n, NFA_NONE, first->order);
        go_on(s);
        s->x->n = n;
    }
}

void nfa_stacks_tell(struct nfa_matcher *m, struct nfa_key *k, uint64_t told) {
    struct search s = {
        .v = nfa_levels_of(m, k, m->cur.time, told), .x = m->search, .p = m->p->stacks, .s = k->stacks
    };
    bool alone = false, behind = false;
    for (uint32_t i = 0; i < s.p->n_ending; i++) {
        const struct nfa_stack_edge *e = &s.p->edges[s.p->ending[i]];
        if (!nfa_fits_var(m, e->var))
            continue;
        alone = alone || e->from == 0;
        behind = behind || (e->from != 0 && k->stacks && (k->stacks->held & s.p->leads[e->from]));
    }
    if (!(alone || behind))
        return;
    /* Those that are told hold it. */
    if (!m->cur.ev)
        m->cur.ev = nfa_ev_new(m);
    if (behind)
        tell_behind(&s);
    for (uint32_t i = 0; i < s.p->n_ending && alone && !nfa_levels_are_full(&s.v); i++) {
        const struct nfa_stack_edge *e = &s.p->edges[s.p->ending[i]];
        if (e->from == 0 && nfa_fits_var(m, e->var))
            nfa_levels_tell_alone(&s.v, m->cur.ev, e->var);
    }
}
