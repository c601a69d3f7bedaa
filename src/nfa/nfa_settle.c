/*
 * nfa_settle -- see the header: which starts a step settles, and with which match. How they wait: nfa_settled.c.
 */
#include "nfa/nfa_graph.h"

#include "base/base_mem.h"

#include <stdlib.h>

/* A cell on the way to the end that took an event, or a root: the event under test would be taken behind its list. */
struct nfa_taken {
    uint64_t order; /* of the event */
    uint32_t list;  /* behind which it was taken */
    uint32_t cell;  /* 0: a root */
    uint32_t var;
    uint32_t group; /* that goes on with it; NFA_NONE: the match ends here */
    uint32_t by_events,
        by_vars; /* ranks of what follows among those of one event; by_vars of those equal by_events */
    bool needed;
    struct nfa_trail *trail; /* counted; of those needed */
};

/* Those that took one event behind one list. */
struct nfa_taken_group {
    uint32_t first, n, best;
};

struct nfa_start_on { /* a start that is being settled */
    uint64_t order;
    uint32_t cell;
    uint32_t group; /* as of struct nfa_taken */
};

struct settling {
    struct nfa_matcher *m;
    const struct nfa_graph *g;
    struct nfa_settle *s;
};

static uint32_t live_rest(const struct nfa_graph *g, const struct nfa_cell *c) {
    return c->rest && nfa_is_live(g, c->rest_max) ? c->rest : 0;
}

static void push(struct nfa_settle *s, size_t *n, uint32_t list) {
    s->todo = base_grow(s->todo, *n, &s->cap_todo, sizeof *s->todo);
    s->todo[(*n)++] = list;
}

static void add_taken(struct nfa_settle *s, uint64_t order, uint32_t list, uint32_t cell, uint32_t var) {
    s->taken = base_grow(s->taken, s->n_taken, &s->cap_taken, sizeof *s->taken);
    s->taken[s->n_taken++] =
        (struct nfa_taken){ .order = order, .list = list, .cell = cell, .var = var, .group = NFA_NONE };
}

/* All that was taken on the way to a list, where nobody has passed yet. */
static void pass(struct settling *x, uint32_t list) {
    struct nfa_settle *s = x->s;
    size_t n = 0;
    for (push(s, &n, list); n;) {
        for (uint32_t at = s->todo[--n]; at;) {
            struct nfa_cell *c = nfa_cell_at(x->m, at);
            x->m->stats.work++;
            if (c->passed)
                break;
            c->passed = true;
            if (c->kind == NFA_CELL_TAKE)
                add_taken(s, c->ev->order, c->below, at, c->var);
            if (c->kind == NFA_CELL_TAKE || c->kind == NFA_CELL_LIST)
                push(s, &n, c->below);
            at = live_rest(x->g, c);
        }
    }
}

static void add_start(struct settling *x, uint32_t cell, uint32_t group) {
    struct nfa_settle *s = x->s;
    struct nfa_cell *c = nfa_cell_at(x->m, cell);
    if (c->settled)
        return;
    c->settled = true;
    s->starts = base_grow(s->starts, s->n_starts, &s->cap_starts, sizeof *s->starts);
    s->starts[s->n_starts++] = (struct nfa_start_on){ c->ev->order, cell, group };
}

/* What is in the list goes on with that group, unless it does with an earlier event. */
static void label(struct settling *x, uint32_t list, uint32_t group) {
    struct nfa_settle *s = x->s;
    size_t n = 0;
    for (push(s, &n, list); n;) {
        for (uint32_t at = s->todo[--n]; at;) {
            struct nfa_cell *c = nfa_cell_at(x->m, at);
            x->m->stats.work++;
            if (c->labelled)
                break;
            c->labelled = true;
            switch ((enum nfa_cell_kind)c->kind) {
            case NFA_CELL_START: add_start(x, at, group); break;
            case NFA_CELL_SAME: add_start(x, c->below, group); break;
            case NFA_CELL_TAKE: s->taken[c->earlier].group = group; break;
            case NFA_CELL_LIST: push(s, &n, c->below); break;
            }
            at = live_rest(x->g, c);
        }
    }
}

static int by_list(const void *x, const void *y) {
    const struct nfa_taken *a = x, *b = y;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    return a->list < b->list ? -1 : a->list > b->list;
}

static void find_groups(struct settling *x) {
    struct nfa_settle *s = x->s;
    if (s->n_taken > 1)
        qsort(s->taken, s->n_taken, sizeof *s->taken, by_list);
    for (uint32_t i = 0; i < s->n_taken; i++) {
        const struct nfa_taken *t = &s->taken[i];
        if (t->cell)
            nfa_cell_at(x->m, t->cell)->earlier = i;
        if (!i || by_list(t - 1, t) != 0) {
            s->groups = base_grow(s->groups, s->n_groups, &s->cap_groups, sizeof *s->groups);
            s->groups[s->n_groups++] = (struct nfa_taken_group){ .first = i, .best = i };
        }
        s->groups[s->n_groups - 1].n++;
    }
}

/* -- what comes first -------------------------------------------------------------------------------------------------- */

static const struct nfa_taken *best_of(const struct nfa_settle *s, uint32_t group) {
    return &s->taken[s->groups[group].best];
}

/* By the events that follow: an end comes first, then the earlier event. */
static int compare_events(const struct nfa_settle *s, uint32_t a, uint32_t b) {
    if (a == b)
        return 0;
    if (a == NFA_NONE || b == NFA_NONE)
        return a == NFA_NONE ? -1 : 1;
    const struct nfa_taken *x = best_of(s, a), *y = best_of(s, b);
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x->by_events < y->by_events ? -1 : x->by_events > y->by_events;
}

/* Their events are the same. */
static int compare_vars(const struct nfa_settle *s, uint32_t a, uint32_t b) {
    if (a == b)
        return 0;
    const struct nfa_taken *x = best_of(s, a), *y = best_of(s, b);
    if (x->var != y->var)
        return x->var < y->var ? -1 : 1;
    return x->by_vars < y->by_vars ? -1 : x->by_vars > y->by_vars;
}

static int by_what_follows(const void *x, const void *y, void *arg) {
    const struct nfa_settle *s = arg;
    const struct nfa_taken *a = &s->taken[*(const uint32_t *)x], *b = &s->taken[*(const uint32_t *)y];
    int c = compare_events(s, a->group, b->group);
    return c ? c : compare_vars(s, a->group, b->group);
}

/* Ranks of those from lo up to hi, which took one event. */
static void rank(struct nfa_settle *s, uint32_t lo, uint32_t hi) {
    size_t n = 0;
    for (uint32_t i = lo; i < hi; i++) {
        s->todo = base_grow(s->todo, n, &s->cap_todo, sizeof *s->todo);
        s->todo[n++] = i;
    }
    qsort_r(s->todo, n, sizeof *s->todo, by_what_follows, s);
    for (size_t i = 1; i < n; i++) {
        const struct nfa_taken *before = &s->taken[s->todo[i - 1]];
        struct nfa_taken *t = &s->taken[s->todo[i]];
        bool later = compare_events(s, before->group, t->group) != 0;
        t->by_events = before->by_events + later;
        t->by_vars = later ? 0 : before->by_vars + (compare_vars(s, before->group, t->group) != 0);
    }
}

static int compare_taken(const struct nfa_taken *a, const struct nfa_taken *b) {
    if (a->by_events != b->by_events)
        return a->by_events < b->by_events ? -1 : 1;
    if (a->var != b->var)
        return a->var < b->var ? -1 : 1;
    return a->by_vars < b->by_vars ? -1 : a->by_vars > b->by_vars;
}

/* The best of each group: the latest event first, so that what follows is ranked already. */
static void choose(struct nfa_settle *s) {
    uint32_t g = (uint32_t)s->n_groups;
    for (uint32_t hi = (uint32_t)s->n_taken, lo; hi; hi = lo) {
        for (lo = hi - 1; lo && s->taken[lo - 1].order == s->taken[hi - 1].order;)
            lo--;
        if (hi - lo > 1)
            rank(s, lo, hi);
        for (; g && s->groups[g - 1].first >= lo; g--) {
            struct nfa_taken_group *of = &s->groups[g - 1];
            for (uint32_t i = of->first + 1; i < of->first + of->n; i++) {
                if (compare_taken(&s->taken[i], &s->taken[of->best]) < 0)
                    of->best = i;
            }
        }
    }
}

static int by_start(const void *x, const void *y, void *arg) {
    const struct settling *w = arg;
    const struct nfa_start_on *a = x, *b = y;
    if (a->order != b->order)
        return a->order < b->order ? -1 : 1;
    int c = compare_events(w->s, a->group, b->group);
    uint32_t va = nfa_cell_at(w->m, a->cell)->var, vb = nfa_cell_at(w->m, b->cell)->var;
    if (c || va != vb)
        return c ? c : va < vb ? -1 : 1;
    return compare_vars(w->s, a->group, b->group);
}

/* -- the matches ---------------------------------------------------------------------------------------------------------- */

static void need(struct nfa_settle *s, uint32_t group) {
    if (group != NFA_NONE)
        s->taken[s->groups[group].best].needed = true;
}

static struct nfa_trail *trail_of(const struct nfa_settle *s, uint32_t group) {
    return group == NFA_NONE ? NULL : best_of(s, group)->trail;
}

static void make_trails(struct settling *x) {
    struct nfa_settle *s = x->s;
    for (size_t i = 0; i < s->n_starts; i++)
        need(s, s->starts[i].group);
    for (size_t i = 0; i < s->n_taken; i++) {
        if (s->taken[i].needed)
            need(s, s->taken[i].group);
    }
    for (size_t i = s->n_taken; i-- > 0;) {
        struct nfa_taken *t = &s->taken[i];
        struct nfa_ev *ev = t->cell ? nfa_cell_at(x->m, t->cell)->ev : x->m->cur.ev;
        if (t->needed)
            t->trail = nfa_trail_new(x->m, t->var, ev, trail_of(s, t->group));
    }
}

/* A start that several variables took is settled for all of them. */
static void mark_start(struct nfa_matcher *m, uint32_t cell) {
    struct nfa_cell *c = nfa_cell_at(m, cell), *o;
    c->settled = true;
    for (uint32_t at = c->later; at && (o = nfa_cell_at(m, at))->max == c->max; at = o->later)
        o->settled = true;
    for (uint32_t at = c->earlier; at && (o = nfa_cell_at(m, at))->max == c->max; at = o->earlier)
        o->settled = true;
}

static void settle_starts(struct settling *x, struct nfa_key *k) {
    struct nfa_settle *s = x->s;
    /* In order of start: so most of them go to the end of the heap. */
    if (s->n_starts > 1)
        qsort_r(s->starts, s->n_starts, sizeof *s->starts, by_start, x);
    make_trails(x);
    for (size_t i = 0; i < s->n_starts; i++) {
        const struct nfa_start_on *on = &s->starts[i];
        if (i && on[-1].order == on->order)
            continue;
        const struct nfa_cell *c = nfa_cell_at(x->m, on->cell);
        mark_start(x->m, on->cell);
        nfa_settled_add(
            x->m, k, nfa_trail_new(x->m, c->var, c->ev, trail_of(s, on->group)), nfa_step_quota(x->m));
    }
    for (size_t i = 0; i < s->n_taken; i++)
        nfa_trail_unref(x->m, s->taken[i].trail);
}

void nfa_settle(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_root *roots, size_t n) {
    struct nfa_settle *s = &m->settle;
    struct settling x = { .m = m, .g = k->graph, .s = s };
    uint32_t alone = NFA_NONE;
    s->n_taken = s->n_groups = s->n_starts = 0;
    for (size_t i = 0; i < n; i++) {
        if (!roots[i].list) {
            alone = roots[i].var < alone ? roots[i].var : alone;
            continue;
        }
        pass(&x, roots[i].list);
        if (roots[i].var != NFA_NONE)
            add_taken(s, m->cur.order, roots[i].list, 0, roots[i].var);
    }
    find_groups(&x);
    for (size_t i = 0; i < n; i++) {
        if (roots[i].list && roots[i].var == NFA_NONE)
            label(&x, roots[i].list, NFA_NONE);
    }
    for (uint32_t i = 0; i < s->n_groups; i++)
        label(&x, s->taken[s->groups[i].first].list, i);
    choose(s);
    settle_starts(&x, k);
    if (alone != NFA_NONE)
        nfa_settled_add(m, k, nfa_trail_new(m, alone, m->cur.ev, NULL), nfa_step_quota(m));
}

void nfa_settle_listed(struct nfa_matcher *m, struct nfa_key *k, uint32_t start) {
    struct nfa_trail *t = NULL;
    if (nfa_cell_at(m, start)->settled)
        return;
    for (size_t i = m->n_evs; i-- > 0;) {
        struct nfa_trail *next = t;
        /* Listed are events of cells, which may be counted. */
        t = nfa_trail_new(m, m->ev_vars[i], (struct nfa_ev *)(uintptr_t)m->evs[i], next);
        nfa_trail_unref(m, next);
    }
    mark_start(m, start);
    nfa_settled_add(m, k, t, nfa_step_quota(m));
}

void nfa_settle_release(struct nfa_settle *s) {
    base_free(s->todo);
    base_free(s->taken);
    base_free(s->groups);
    base_free(s->starts);
    base_free(s->roots);
}
