/*
 * nfa_words -- see the header. Cost: counting takes the events times the edges, walking the partial matches it tells.
 */
#include "nfa/nfa_words.h"

#include "nfa/nfa_stack.h"

#include <string.h>

static void read_edges(struct nfa_words *w, struct base_unpack *u, uint32_t n_vars) {
    size_t n = base_unpack_count(u, 3);
    w->edges = BASE_ARENA_ARRAY(w->arena, struct nfa_word_edge, n + 1);
    w->first = BASE_ARENA_ARRAY(w->arena, size_t, w->n_states + (size_t)2);
    uint32_t from = 0;
    for (; w->n_edges < n && !u->bad; w->n_edges++) {
        struct nfa_word_edge *e = &w->edges[w->n_edges];
        e->from = (uint32_t)base_unpack_max(u, w->n_states);
        e->var = (uint32_t)base_unpack_max(u, n_vars ? n_vars - 1 : 0);
        e->to = (uint32_t)base_unpack_max(u, w->n_states);
        u->bad = u->bad || !n_vars || e->to == 0;
        if (w->n_edges && !u->bad)
            u->bad = e->from < e[-1].from || (e->from == e[-1].from && e->var <= e[-1].var);
        if (u->bad)
            return;
        while (from < e->from)
            w->first[++from] = w->n_edges;
    }
    while (from <= w->n_states)
        w->first[++from] = w->n_edges;
}

static void read_stack(
    struct nfa_words *w, struct base_unpack *u, uint32_t n_vars, const uint64_t *orders, size_t n_events) {
    struct nfa_word_stack *s = &w->stacks[w->n_stacks];
    uint64_t what = base_unpack_varint(u);
    size_t n = base_unpack_count(u, 1);
    u->bad = u->bad || what / 2 >= n_vars;
    *s = (struct nfa_word_stack){ .var = (uint32_t)(what / 2), .starts = what & 1 };
    for (size_t i = 0; i < w->n_stacks; i++)
        u->bad = u->bad || (w->stacks[i].var == s->var && w->stacks[i].starts == s->starts);
    if (u->bad)
        return;
    s->v = BASE_ARENA_ARRAY(w->arena, struct nfa_word_item, n + 1);
    for (; s->n < n && !u->bad; s->n++) {
        uint64_t event = base_unpack_varint(u);
        u->bad = u->bad || event >= n_events;
        if (u->bad)
            return;
        s->v[s->n] = (struct nfa_word_item){ .event = (uint32_t)event, .order = orders[event] };
        u->bad = s->n && s->v[s->n - 1].order >= s->v[s->n].order;
    }
}

void nfa_words_read(struct nfa_words *w, struct base_arena *arena, struct base_unpack *u, uint32_t n_states,
    uint32_t n_vars, const uint64_t *orders, size_t n_events) {
    *w = (struct nfa_words){ .arena = arena, .n_states = n_states };
    read_edges(w, u, n_vars);
    size_t n = u->bad ? 0 : base_unpack_count(u, 2);
    u->bad = u->bad || n > NFA_STACKS_MAX;
    w->stacks = BASE_ARENA_ARRAY(arena, struct nfa_word_stack, NFA_STACKS_MAX);
    for (; w->n_stacks < n && !u->bad; w->n_stacks++)
        read_stack(w, u, n_vars, orders, n_events);
    for (size_t i = 0; i < w->n_edges && !u->bad; i++) {
        struct nfa_word_edge *e = &w->edges[i];
        for (size_t k = 0; k < w->n_stacks; k++) {
            if (w->stacks[k].var == e->var && w->stacks[k].starts == (e->from == 0))
                e->stack = &w->stacks[k];
        }
    }
}

static uint64_t sum(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The earliest event behind those that were passed; UINT64_MAX when there is none. */
static uint64_t next_order(const struct nfa_words *w, const size_t *passed) {
    uint64_t order = UINT64_MAX;
    for (size_t i = 0; i < w->n_stacks; i++) {
        if (passed[i] < w->stacks[i].n && w->stacks[i].v[passed[i]].order < order)
            order = w->stacks[i].v[passed[i]].order;
    }
    return order;
}

void nfa_words_count(const struct nfa_words *w, bool all, uint64_t *counts) {
    size_t passed[NFA_STACKS_MAX] = { 0 };
    uint64_t *more = BASE_ARENA_ARRAY(w->arena, uint64_t, w->n_states + (size_t)1);
    memset(counts, 0, (w->n_states + (size_t)1) * sizeof *counts);
    for (uint64_t order; (order = next_order(w, passed)) != UINT64_MAX;) {
        memset(more, 0, (w->n_states + (size_t)1) * sizeof *more);
        for (size_t i = 0; i < w->n_edges; i++) {
            const struct nfa_word_edge *e = &w->edges[i];
            size_t at = e->stack ? passed[e->stack - w->stacks] : 0;
            if (!e->stack || at == e->stack->n || e->stack->v[at].order != order ||
                (e->stack->v[at].gone && !all))
                continue;
            more[e->to] = sum(more[e->to], e->from ? counts[e->from] : 1);
        }
        for (uint32_t q = 1; q <= w->n_states; q++)
            counts[q] = sum(counts[q], more[q]);
        for (size_t i = 0; i < w->n_stacks; i++)
            passed[i] += passed[i] < w->stacks[i].n && w->stacks[i].v[passed[i]].order == order;
    }
}

/* A partial match on the way, and what goes on behind it. */
struct on_way {
    size_t edge, end, item; /* item: of the edge's stack */
    uint64_t order;
};

struct walk {
    const struct nfa_words *w;
    struct on_way *on;
    struct nfa_word_step *way;
    size_t n, cap_on, cap_way;
};

static size_t behind(const struct nfa_word_edge *e, uint64_t order) {
    size_t lo = 0, hi = e->stack ? e->stack->n : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (e->stack->v[mid].order <= order)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* In that state, behind an event of that order; of state 0 there is none. */
static void stand(struct walk *x, uint32_t state, uint64_t order) {
    const struct nfa_words *w = x->w;
    struct on_way on = { .edge = w->first[state], .end = w->first[state + 1], .order = order };
    if (on.edge < on.end)
        on.item = behind(&w->edges[on.edge], order);
    x->on = base_arena_grow(w->arena, x->on, x->n, &x->cap_on, sizeof *x->on);
    x->on[x->n++] = on;
}

/* The next event that something takes behind the last one of the way. Returns: NULL when there is none. */
static const struct nfa_word_edge *next_step(struct walk *x, struct nfa_word_item *item) {
    struct on_way *on = &x->on[x->n - 1];
    while (on->edge < on->end) {
        const struct nfa_word_edge *e = &x->w->edges[on->edge];
        while (e->stack && on->item < e->stack->n && e->stack->v[on->item].gone)
            on->item++;
        if (e->stack && on->item < e->stack->n) {
            *item = e->stack->v[on->item++];
            return e;
        }
        if (++on->edge < on->end)
            on->item = behind(&x->w->edges[on->edge], on->order);
    }
    return NULL;
}

/* All that go on from one start along one edge. Returns: false when no more are wanted. */
static bool walk_from(struct walk *x, const struct nfa_word_edge *start, const struct nfa_word_item *first,
    nfa_word_fn *tell, void *arg) {
    const struct nfa_word_edge *e = start;
    struct nfa_word_item item = *first;
    x->n = 0;
    for (;;) {
        x->way = base_arena_grow(x->w->arena, x->way, x->n, &x->cap_way, sizeof *x->way);
        x->way[x->n] = (struct nfa_word_step){ e->var, item.event };
        if (!tell(arg, e->to, x->way, x->n + 1))
            return false;
        stand(x, e->to, item.order);
        while (x->n && !(e = next_step(x, &item)))
            x->n--;
        if (!x->n)
            return true;
    }
}

void nfa_words_walk(const struct nfa_words *w, nfa_word_fn *tell, void *arg) {
    struct walk x = { .w = w };
    size_t passed[NFA_STACKS_MAX] = { 0 };
    for (uint64_t order; (order = next_order(w, passed)) != UINT64_MAX;) {
        for (size_t i = w->first[0]; i < w->first[1]; i++) {
            const struct nfa_word_edge *e = &w->edges[i];
            size_t at = e->stack ? passed[e->stack - w->stacks] : 0;
            if (!e->stack || at == e->stack->n || e->stack->v[at].order != order || e->stack->v[at].gone)
                continue;
            if (!walk_from(&x, e, &e->stack->v[at], tell, arg))
                return;
        }
        for (size_t i = 0; i < w->n_stacks; i++)
            passed[i] += passed[i] < w->stacks[i].n && w->stacks[i].v[passed[i]].order == order;
    }
}
