/*
 * nfa_to_runs -- partial matches of a store of sets taken apart, while a key is loaded: the edited pattern keeps each by itself.
 *
 * Law: the key goes on as if it had kept runs from the beginning, but that what a set did not keep is not there to time out: of a
 * start's partial matches under a skip policy only those that could win.
 *
 * Cost: what is told apart: of the graph, the partial matches and their events; of fates, the starts and the events behind
 * each. Up to NFA_CONVERT_MOST in all; a key with more loses the rest, and that is counted.
 */
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_save.h"
#include "nfa/nfa_words.h"

#include "base/base_mem.h"

#include <stdlib.h>

static void add_run(struct nfa_matcher *m, struct nfa_run ***tail, uint32_t state, struct nfa_link *last) {
    struct nfa_run *r = nfa_run_new(m, state, nfa_link_ref(last), NULL);
    **tail = r;
    *tail = &r->next;
}

static struct nfa_link *link_new(
    struct nfa_matcher *m, uint32_t var, struct nfa_ev *ev, struct nfa_link *prev) {
    struct nfa_link *l = nfa_mem_get(&m->mem, sizeof *l);
    *l = (struct nfa_link){ .refs = 1, .var = var, .ev = ev, .prev = nfa_link_ref(prev) };
    ev->refs++;
    return l;
}

static struct nfa_group *group_new(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_ev *start) {
    m->cur.order = start->order;
    m->cur.time = start->time;
    return nfa_group_new(m, k);
}

/* A complete match that waits, the last so far. */
static void add_done(struct nfa_matcher *m, const struct nfa_ev *start, struct nfa_quota *quota,
    struct nfa_link *last /* moved */, struct nfa_done ***tail) {
    struct nfa_done *d = nfa_mem_get(&m->mem, sizeof *d);
    *d = (struct nfa_done){ .last = last,
        .quota = quota,
        .start_order = start->order,
        .start_time = start->time,
        .completed = m->next_step };
    if (d->quota)
        d->quota->refs++;
    **tail = d;
    *tail = &d->next;
    m->stats.waiting++;
}

/* Time has not taken the state yet, up to where the key was saved. */
static bool is_there(const struct nfa_loader *l, uint32_t state, const struct nfa_ev *last) {
    int64_t bound = l->m->p->states[state].bound_us;
    return bound < 0 || nfa_time_add(last->time, bound) > l->meta.watermark;
}

/* -- the graph ----------------------------------------------------------------------------------------------------- */

/* A partial match. */
struct path {
    struct nfa_link *last; /* counted */
    const struct nfa_ev *start;
};

/* What ends in a cell, without the rest of its list. */
struct ends {
    struct path *v; /* owned */
    size_t n, cap;
};

struct paths {
    struct nfa_matcher *m;
    const struct nfa_graph *g;
    struct nfa_numbers cells;
    struct ends *ends; /* by the cell's number */
    size_t cap_ends;
    uint32_t *todo;
    size_t cap_todo;
    uint32_t *lists; /* scratch: lists within the one that is gone through */
    size_t cap_lists;
    size_t n_done;
};

static uint32_t live_rest(const struct nfa_graph *g, const struct nfa_cell *c) {
    return c->rest && nfa_is_live(g, c->rest_max) ? c->rest : 0;
}

static void add_path(
    struct paths *x, struct ends *e, struct nfa_link *last /* moved */, const struct nfa_ev *start) {
    e->v = base_grow(e->v, e->n, &e->cap, sizeof *e->v);
    e->v[e->n++] = (struct path){ last, start };
    x->n_done++;
}

/* All that end in a list, behind e's, each with the event of a TAKE behind it; with `take` NULL as they are. */
static void add_list(struct paths *x, struct ends *e, uint32_t list, const struct nfa_cell *take) {
    size_t n = 0;
    x->lists = base_grow(x->lists, n, &x->cap_lists, sizeof *x->lists);
    x->lists[n++] = list;
    while (n && x->n_done <= NFA_CONVERT_MOST) {
        const struct nfa_cell *c = nfa_cell_at(x->m, x->lists[--n]);
        uint32_t go_on[2] = { live_rest(x->g, c), c->kind == NFA_CELL_LIST ? c->below : 0 };
        for (int i = 0; i < 2; i++) {
            if (!go_on[i])
                continue;
            x->lists = base_grow(x->lists, n, &x->cap_lists, sizeof *x->lists);
            x->lists[n++] = go_on[i];
        }
        x->n_done++;
        if (c->kind == NFA_CELL_LIST)
            continue;
        const struct ends *of = &x->ends[nfa_number_of(&x->cells, c)];
        for (size_t i = 0; i < of->n && x->n_done <= NFA_CONVERT_MOST; i++) {
            struct nfa_link *last = take ? link_new(x->m, take->var, take->ev, of->v[i].last)
                                         : nfa_link_ref(of->v[i].last);
            add_path(x, e, last, of->v[i].start);
        }
    }
}

static void end_in(struct paths *x, const struct nfa_cell *c, uint32_t number) {
    struct ends e = { .n = 0 };
    x->ends = base_grow(x->ends, number, &x->cap_ends, sizeof *x->ends);
    switch ((enum nfa_cell_kind)c->kind) {
    case NFA_CELL_START: add_path(x, &e, link_new(x->m, c->var, c->ev, NULL), c->ev); break;
    case NFA_CELL_SAME: {
        const struct ends *of = &x->ends[nfa_number_of(&x->cells, nfa_cell_at(x->m, c->below))];
        if (of->n)
            add_path(x, &e, nfa_link_ref(of->v[0].last), of->v[0].start);
        break;
    }
    case NFA_CELL_TAKE: add_list(x, &e, c->below, c); break;
    case NFA_CELL_LIST: break;
    }
    x->ends[number] = e;
}

/* Every cell of a list behind those that it refers to. */
static void end_list(struct paths *x, uint32_t list) {
    size_t n = 0;
    uint32_t number;
    x->todo = base_grow(x->todo, n, &x->cap_todo, sizeof *x->todo);
    x->todo[n++] = list;
    while (n) {
        const struct nfa_cell *c = nfa_cell_at(x->m, x->todo[n - 1]);
        uint32_t refers[2] = { c->kind == NFA_CELL_START ? 0 : c->below, live_rest(x->g, c) };
        bool waits = false;
        if (nfa_numbers_find(&x->cells, c, &number)) {
            n--;
            continue;
        }
        for (int i = 0; i < 2; i++) {
            if (!refers[i] || nfa_numbers_find(&x->cells, nfa_cell_at(x->m, refers[i]), &number))
                continue;
            waits = true;
            x->todo = base_grow(x->todo, n, &x->cap_todo, sizeof *x->todo);
            x->todo[n++] = refers[i];
        }
        if (waits)
            continue;
        (void)nfa_numbers_add(&x->cells, c, &number);
        end_in(x, c, number);
        n--;
    }
}

/* One that stands in a place. */
struct placed {
    struct path path; /* its link is counted */
    uint32_t place;
};

static int by_start(const void *a, const void *b) {
    const struct placed *x = a, *y = b;
    if (x->path.start->order != y->path.start->order)
        return x->path.start->order < y->path.start->order ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static void make_groups(struct nfa_loader *l, struct nfa_key *k, const struct placed *v, size_t n) {
    struct nfa_matcher *m = l->m;
    struct nfa_run **tail = NULL;
    for (size_t i = 0; i < n; i++) {
        if (!i || v[i].path.start->order != v[i - 1].path.start->order)
            tail = NULL;
        const struct nfa_det *d = nfa_det_at(m, k->graph->places[v[i].place].det);
        for (uint32_t s = 0; s < d->n; s++) {
            if (!is_there(l, d->states[s], v[i].path.last->ev))
                continue;
            if (!tail)
                tail = &group_new(m, k, v[i].path.start)->runs;
            add_run(m, &tail, d->states[s], v[i].path.last);
        }
    }
}

/* All that stand in a list, behind those in *v. */
static void place_list(
    struct paths *x, uint32_t place, uint32_t list, struct placed **v, size_t *n, size_t *cap) {
    struct ends e = { .n = 0 };
    end_list(x, list);
    add_list(x, &e, list, NULL);
    for (size_t p = 0; p < e.n; p++) {
        *v = base_grow(*v, *n, cap, sizeof **v);
        (*v)[(*n)++] = (struct placed){ e.v[p], place };
    }
    base_free(e.v);
}

/* Settled starts' matches, which wait. */
static void make_waiting(struct nfa_loader *l, struct nfa_key *k, struct paths *x) {
    struct nfa_matcher *m = l->m;
    struct nfa_done **tail = &k->done;
    size_t n;
    struct nfa_settled *v = nfa_settled_list(k->graph, &n);
    for (size_t i = 0; i < n; i++) {
        struct nfa_link *last = NULL;
        if (x->n_done > NFA_CONVERT_MOST) {
            l->lost_store++;
            continue;
        }
        for (const struct nfa_trail *t = v[i].match; t; t = t->next, x->n_done++) {
            struct nfa_link *prev = last;
            last = link_new(m, t->var, t->ev, prev);
            nfa_link_unref(m, prev);
        }
        add_done(m, v[i].match->ev, v[i].quota, last, &tail);
    }
    base_free(v);
}

void nfa_graph_to_runs(struct nfa_loader *l, struct nfa_key *k) {
    struct nfa_matcher *m = l->m;
    struct paths x = { .m = m, .g = k->graph };
    struct placed *v = NULL;
    size_t n = 0, cap = 0;
    for (uint32_t i = 0; i < k->graph->n; i++) {
        const struct nfa_place *pl = &k->graph->places[i];
        if (pl->list)
            place_list(&x, i, pl->list, &v, &n, &cap);
        for (uint32_t b = 0; pl->bands && b < pl->bands->n; b++)
            place_list(&x, i, nfa_band_at(pl->bands, b)->list, &v, &n, &cap);
    }
    /* All or nothing: some of a start's partial matches would be as wrong as none. */
    if (x.n_done > NFA_CONVERT_MOST) {
        for (uint32_t at = k->graph->first; at; at = nfa_cell_at(m, at)->later)
            l->lost_store++;
    } else if (n) {
        qsort(v, n, sizeof *v, by_start);
        make_groups(l, k, v, n);
    }
    for (size_t i = 0; i < n; i++)
        nfa_link_unref(m, v[i].path.last);
    for (size_t i = 0; i < x.cells.n; i++) {
        for (size_t p = 0; p < x.ends[i].n; p++)
            nfa_link_unref(m, x.ends[i].v[p].last);
        base_free(x.ends[i].v);
    }
    base_free(v);
    base_free(x.ends);
    base_free(x.todo);
    base_free(x.lists);
    nfa_numbers_release(&x.cells);
    make_waiting(l, k, &x);
    nfa_graph_free(m, k);
}

/* -- fates ---------------------------------------------------------------------------------------------------------- */

struct ways {
    struct nfa_link **at, **next; /* of the entries of a rank; counted */
    size_t n, cap, cap_next;
    size_t n_done;
};

static void drop_at(struct nfa_matcher *m, struct ways *x) {
    for (size_t i = 0; i < x->n; i++)
        nfa_link_unref(m, x->at[i]);
    x->n = 0;
}

/* The entries as an event leaves them. */
static void go(struct nfa_matcher *m, struct ways *x, const struct nfa_rank_trans *t, struct nfa_ev *ev) {
    size_t n = 0;
    for (uint32_t i = 0; i < t->n; i++) {
        struct nfa_link *was = x->n ? x->at[t->from[i].src] : NULL; /* none: it starts */
        x->next = base_grow(x->next, n, &x->cap_next, sizeof *x->next);
        x->next[n++] = t->from[i].var == NFA_NONE ? nfa_link_ref(was) : link_new(m, t->from[i].var, ev, was);
        x->n_done++;
    }
    drop_at(m, x);
    struct nfa_link **at = x->at;
    size_t cap = x->cap;
    x->at = x->next;
    x->cap = x->cap_next;
    x->n = n;
    x->next = at;
    x->cap_next = cap;
}

/* The entries as runs of a group; a start of which time has left nothing has none. */
static void add_entries(struct nfa_loader *l, struct nfa_key *k, const struct nfa_start *s,
    const struct nfa_rank *r, struct ways *x) {
    struct nfa_matcher *m = l->m;
    struct nfa_run **runs = NULL;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct nfa_det *d = nfa_det_at(m, r->dets[i]);
        for (uint32_t q = 0; q < d->n; q++) {
            if (!is_there(l, d->states[q], x->at[i]->ev))
                continue;
            if (!runs)
                runs = &group_new(m, k, s->ev)->runs;
            add_run(m, &runs, d->states[q], x->at[i]);
        }
    }
}

/* A start as it stands, or as it completed. */
static void take_apart(
    struct nfa_loader *l, struct nfa_key *k, struct nfa_start *s, struct ways *x, struct nfa_done ***tail) {
    struct nfa_matcher *m = l->m;
    struct nfa_fate *f = nfa_fate_find(m, s);
    const struct nfa_rank_trans *t = s->how;
    const struct nfa_hop *h = s->hop;
    struct nfa_ev *ev = s->ev;
    while (!t->done) {
        go(m, x, t, ev);
        while (!h->how && h->next)
            h = h->next;
        if (!h->how)
            break;
        t = h->how;
        ev = h->ev;
        h = h->next;
    }
    if (t->done) {
        struct nfa_link *was = x->n ? x->at[t->done_src] : NULL;
        struct nfa_link *last = t->done_var == NFA_NONE ? nfa_link_ref(was)
                                                        : link_new(m, t->done_var, ev, was);
        add_done(m, s->ev, f->quota, last, tail);
    } else {
        add_entries(l, k, s, nfa_rank_at(m, f->rank), x);
    }
    drop_at(m, x);
}

void nfa_fates_to_runs(struct nfa_loader *l, struct nfa_key *k) {
    struct ways x = { .n = 0 };
    struct nfa_done **tail = &k->done;
    for (struct nfa_start *s = k->fates->first; s; s = s->next) {
        if (x.n_done > NFA_CONVERT_MOST)
            l->lost_store++;
        else
            take_apart(l, k, s, &x, &tail);
    }
    base_free(x.at);
    base_free(x.next);
    nfa_fates_free(l->m, k);
}

/* -- words ---------------------------------------------------------------------------------------------------------- */

struct spelling {
    struct nfa_loader *l;
    struct nfa_key *k;
    const struct nfa_det_read *dets;
    struct nfa_link **links; /* of the way; counted */
    size_t n, cap;
    struct nfa_run **tail; /* of the start's group; NULL: it has none yet */
    uint32_t start;        /* its event */
};

static void keep_links(struct spelling *x, size_t n) {
    while (x->n > n)
        nfa_link_unref(x->l->m, x->links[--x->n]);
}

/* A partial match as runs, one for each state that still means something. */
static bool spell(void *arg, uint32_t state, const struct nfa_word_step *way, size_t n) {
    struct spelling *x = arg;
    struct nfa_loader *l = x->l;
    struct nfa_ev *last = l->evs[way[n - 1].event];
    keep_links(x, n - 1);
    x->links = base_grow(x->links, x->n, &x->cap, sizeof *x->links);
    x->links[n - 1] = link_new(l->m, l->var[way[n - 1].var], last, n > 1 ? x->links[n - 2] : NULL);
    x->n = n;
    if (x->start != way[0].event)
        x->tail = NULL;
    x->start = way[0].event;
    for (uint32_t i = 0; i < x->dets[state].n; i++) {
        uint32_t now = l->state[x->dets[state].states[i]];
        if (now == NFA_NONE || !is_there(l, now, last))
            continue;
        if (!x->tail)
            x->tail = &group_new(l->m, x->k, l->evs[way[0].event])->runs;
        add_run(l->m, &x->tail, now, x->links[n - 1]);
    }
    return true;
}

void nfa_words_to_runs(
    struct nfa_loader *l, struct nfa_key *k, const struct nfa_words *w, const struct nfa_det_read *dets) {
    struct spelling x = { .l = l, .k = k, .dets = dets, .start = UINT32_MAX };
    nfa_words_walk(w, spell, &x);
    keep_links(&x, 0);
    base_free(x.links);
}
