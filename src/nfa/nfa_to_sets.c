/*
 * nfa_to_sets -- partial matches that were kept one by one put into a store of sets, while a key is loaded (nfa_store.c chose
 * another store for the edited pattern).
 *
 * Law: the key goes on as if it had been in that store from the beginning. Runs are read as what they are (nfa_runs_load.c); then
 *
 *   - their chains are made one where they tell the same: *nodes*, an event taken by a variable behind another node. A partial match
 *     is a start and a node; the states of its runs, taken together, are its det. Starts that share a run (aliases) have its node.
 *   - into the graph: a node is a TAKE over the node before it, and a START where a start begins; so what runs share is shared.
 *   - into fates: of each start the dets, ranked by whose events come first; of two partial matches in one det the later one
 *     cannot win (nfa_det.h). Hops say how the start came there. A start with a completed match has that one, as the first.
 *
 * Cost: into the graph the nodes, times the groups of starts that runs of one node tell apart (mostly one); into fates, for each start
 * its events, up to NFA_CONVERT_MOST in all: a key with more loses the rest, and that is counted.
 */
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_save.h"

#include "base/base_mem.h"

#include <stdlib.h>

struct node {
    struct nfa_ev *ev; /* borrowed */
    uint32_t prev;     /* node + 1; 0 = the first of its group */
    uint32_t var;
    bool starts;   /* a start begins here */
    uint32_t cell; /* START; counted */
    /* scratch: its place among the entries of a rank */
    uint64_t stamp;
    uint32_t slot;
};

/* A run: stands for the group's starts up to `hi`. */
struct standing {
    uint32_t node, state;
    uint64_t hi;
};

struct group {
    size_t runs, n_runs;     /* into standing, by node, then by hi */
    size_t starts, n_starts; /* into orders, ascending */
};

struct work {
    struct nfa_loader *l;
    struct nfa_matcher *m;
    struct nfa_key *k;
    struct node *nodes;
    size_t n_nodes, cap_nodes;
    struct base_map by_what;  /* (prev, event, var): node */
    struct nfa_numbers links; /* of one group */
    uint32_t *node_of;        /* by the link's number */
    size_t cap_node_of;
    struct standing *runs;
    size_t n_runs, cap_runs;
    struct group *groups;
    size_t n_groups, cap_groups;
    uint64_t *orders;
    size_t n_orders, cap_orders;
    const struct nfa_link **walk; /* scratch */
    size_t cap_walk;
    uint32_t *set; /* scratch */
    size_t cap_set;
};

/* -- nodes -------------------------------------------------------------------------------------------------------- */

static uint32_t node_at(struct work *w, uint32_t prev, const struct nfa_link *l) {
    uint64_t what[3] = { prev, (uint64_t)(uintptr_t)l->ev, l->var }, at;
    struct base_str key = { (const char *)what, sizeof what };
    if (base_map_get(&w->by_what, key, &at))
        return (uint32_t)at;
    w->nodes = base_grow(w->nodes, w->n_nodes, &w->cap_nodes, sizeof *w->nodes);
    at = w->n_nodes++;
    w->nodes[at] = (struct node){ .ev = l->ev, .prev = prev, .var = l->var };
    (void)base_map_put(&w->by_what, key, at);
    return (uint32_t)at;
}

static uint32_t node_of_link(struct work *w, const struct nfa_link *last, uint64_t start_order) {
    size_t n = 0;
    uint32_t number, node = 0, prev = 0;
    const struct nfa_link *l = last;
    for (; l && !nfa_numbers_find(&w->links, l, &number); l = nfa_link_prev(l, start_order)) {
        w->walk = base_grow(w->walk, n, &w->cap_walk, sizeof *w->walk);
        w->walk[n++] = l;
    }
    if (l) {
        node = w->node_of[number];
        prev = node + 1;
    }
    while (n-- > 0) {
        node = node_at(w, prev, w->walk[n]);
        prev = node + 1;
        w->node_of = base_grow(w->node_of, w->links.n, &w->cap_node_of, sizeof *w->node_of);
        w->node_of[w->links.n] = node;
        (void)nfa_numbers_add(&w->links, w->walk[n], &number);
    }
    return node;
}

static int by_node(const void *a, const void *b) {
    const struct standing *x = a, *y = b;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    if (x->hi != y->hi)
        return x->hi < y->hi ? -1 : 1;
    return x->state < y->state ? -1 : x->state > y->state;
}

static void add_order(struct work *w, uint64_t order) {
    w->orders = base_grow(w->orders, w->n_orders, &w->cap_orders, sizeof *w->orders);
    w->orders[w->n_orders++] = order;
}

static void read_group(struct work *w, const struct nfa_group *g) {
    w->groups = base_grow(w->groups, w->n_groups, &w->cap_groups, sizeof *w->groups);
    struct group *x = &w->groups[w->n_groups++];
    *x = (struct group){ .runs = w->n_runs, .starts = w->n_orders };
    add_order(w, g->start_order);
    for (const struct nfa_run *r = g->runs; r; r = r->next) {
        uint32_t node = node_of_link(w, r->last, g->start_order);
        uint64_t hi = r->alias_hi > g->start_order ? r->alias_hi : g->start_order;
        w->runs = base_grow(w->runs, w->n_runs, &w->cap_runs, sizeof *w->runs);
        w->runs[w->n_runs++] = (struct standing){ node, r->state, hi };
    }
    for (const struct nfa_alias *a = g->first_alias; a; a = a->next) {
        w->nodes[node_of_link(w, a->link, g->start_order)].starts = true;
        add_order(w, a->order);
    }
    x->n_runs = w->n_runs - x->runs;
    x->n_starts = w->n_orders - x->starts;
    qsort(w->runs + x->runs, x->n_runs, sizeof *w->runs, by_node);
    nfa_numbers_clear(&w->links);
}

static void work_init(struct work *w, struct nfa_loader *l, struct nfa_key *k) {
    *w = (struct work){ .l = l, .m = l->m, .k = k };
    base_map_init(&w->by_what);
    for (const struct nfa_group *g = k->first; g; g = g->next)
        read_group(w, g);
    for (size_t i = 0; i < w->n_nodes; i++)
        w->nodes[i].starts = w->nodes[i].starts || !w->nodes[i].prev;
}

static void work_release(struct work *w) {
    base_map_release(&w->by_what);
    nfa_numbers_release(&w->links);
    base_free(w->nodes);
    base_free(w->node_of);
    base_free(w->runs);
    base_free(w->groups);
    base_free(w->orders);
    base_free(w->walk);
    base_free(w->set);
}

/* The det of a node's runs from `at` on: those that stand for starts up to its hi. */
static uint32_t det_from(struct work *w, size_t at, size_t end) {
    size_t n = 0;
    for (; at < end; at++) {
        w->set = base_grow(w->set, n, &w->cap_set, sizeof *w->set);
        w->set[n++] = w->runs[at].state;
    }
    return nfa_det_of(w->m, w->set, n);
}

static size_t end_of_node(const struct work *w, const struct group *g, size_t at) {
    size_t end = at + 1;
    while (end < g->runs + g->n_runs && w->runs[end].node == w->runs[at].node)
        end++;
    return end;
}

/* -- into the graph ------------------------------------------------------------------------------------------------ */

struct lists {
    struct base_map by_what; /* (node, lo, hi): list */
    uint32_t *v;             /* counted */
    size_t n, cap;
    uint32_t *path; /* scratch: nodes */
    size_t cap_path;
};

static int by_order(const void *a, const void *b) {
    const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;
    if (x->ev->order != y->ev->order)
        return x->ev->order < y->ev->order ? -1 : 1;
    return x->var < y->var ? -1 : x->var > y->var;
}

static void make_starts(struct work *w) {
    struct node **v = base_calloc(w->n_nodes + 1, sizeof *v);
    struct nfa_graph *g = nfa_graph_of(w->m, w->k, 1);
    size_t n = 0;
    for (size_t i = 0; i < w->n_nodes; i++) {
        if (w->nodes[i].starts)
            v[n++] = &w->nodes[i];
    }
    if (n)
        qsort(v, n, sizeof *v, by_order);
    for (size_t i = 0; i < n; i++) {
        g->number += i && v[i]->ev->order != v[i - 1]->ev->order;
        v[i]->ev->refs++;
        v[i]->cell = nfa_cell_start(w->m, g, v[i]->var, v[i]->ev);
    }
    g->blind = w->m->spans ? g->number : 0;
    g->number++;
    base_free(v);
}

/* The last start up to `order`; 0 = none. */
static uint64_t start_up_to(const struct work *w, const struct group *g, uint64_t order) {
    size_t lo = g->starts, hi = g->starts + g->n_starts;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->orders[mid] <= order)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo > g->starts ? w->orders[lo - 1] : 0;
}

static struct base_str list_key(
    const struct work *w, const struct group *g, uint32_t node, uint64_t lo, uint64_t hi, uint64_t what[3]) {
    uint64_t order = w->nodes[node].ev->order;
    what[0] = node;
    what[1] = lo;
    what[2] = start_up_to(w, g, hi < order ? hi : order); /* no later start has taken it */
    return (struct base_str){ (const char *)what, 3 * sizeof *what };
}

/* What the starts in (lo, hi] took up to a node. Returns: borrowed; 0 = none of them has. */
static uint32_t list_of(
    struct work *w, struct lists *x, const struct group *g, uint32_t node, uint64_t lo, uint64_t hi) {
    struct nfa_matcher *m = w->m;
    uint64_t what[3], found;
    uint32_t list = 0;
    size_t n = 0;
    for (uint32_t at = node + 1; at; at = w->nodes[at - 1].prev) {
        if (base_map_get(&x->by_what, list_key(w, g, at - 1, lo, hi, what), &found)) {
            list = (uint32_t)found;
            break;
        }
        x->path = base_grow(x->path, n, &x->cap_path, sizeof *x->path);
        x->path[n++] = at - 1;
    }
    while (n-- > 0) {
        const struct node *d = &w->nodes[x->path[n]];
        uint32_t take = 0, start = 0;
        if (list) {
            d->ev->refs++;
            take = nfa_cell_take(m, d->var, d->ev, list);
        }
        if (d->starts && d->ev->order > lo && d->ev->order <= hi) {
            start = d->cell;
            nfa_cell_ref(m, start);
        }
        list = nfa_cell_join(m, w->k->graph, start, take);
        (void)base_map_put(&x->by_what, list_key(w, g, x->path[n], lo, hi, what), list);
        x->v = base_grow(x->v, x->n, &x->cap, sizeof *x->v);
        x->v[x->n++] = list;
    }
    return list;
}

static void place_group(struct work *w, struct lists *x, const struct group *g) {
    for (size_t at = g->runs, end; at < g->runs + g->n_runs; at = end) {
        uint64_t lo = 0;
        end = end_of_node(w, g, at);
        /* Starts that more of the node's runs stand for come first. */
        for (size_t i = at; i < end; i++) {
            uint64_t hi = w->runs[i].hi;
            uint32_t list = hi > lo ? list_of(w, x, g, w->runs[i].node, lo, hi) : 0;
            if (!list)
                continue;
            nfa_cell_ref(w->m, list);
            nfa_graph_add(w->m, w->k, det_from(w, i, end), list, w->nodes[w->runs[i].node].ev->time);
            lo = hi;
        }
    }
}

/* Of each start the match that completed first, which is the first in the list. */
static void settle_done(struct nfa_matcher *m, struct nfa_key *k) {
    uint64_t before = 0;
    for (const struct nfa_done *d = k->done; d; d = d->next) {
        struct nfa_trail *t = NULL;
        if (d->start_order == before)
            continue;
        before = d->start_order;
        for (const struct nfa_link *l = d->last; l; l = nfa_link_prev(l, d->start_order)) {
            struct nfa_trail *next = t;
            t = nfa_trail_new(m, l->var, l->ev, next);
            nfa_trail_unref(m, next);
        }
        nfa_settled_add(m, k, t, d->quota);
    }
    nfa_settled_mark(m, k);
}

void nfa_runs_to_graph(struct nfa_loader *l, struct nfa_key *k) {
    struct nfa_matcher *m = l->m;
    struct work w;
    struct lists x = { .n = 0 };
    work_init(&w, l, k);
    base_map_init(&x.by_what);
    m->next_step = nfa_dets_next_step(m);
    make_starts(&w);
    for (size_t i = 0; i < w.n_groups; i++)
        place_group(&w, &x, &w.groups[i]);
    for (size_t i = 0; i < x.n; i++) {
        if (x.v[i])
            nfa_cell_unref(m, k->graph, x.v[i]);
    }
    for (size_t i = 0; i < w.n_nodes; i++) {
        if (w.nodes[i].cell)
            nfa_cell_unref(m, k->graph, w.nodes[i].cell);
    }
    if (m->p->settles)
        settle_done(m, k);
    if (!k->graph->n && !k->graph->settled)
        nfa_graph_free(m, k);
    base_map_release(&x.by_what);
    base_free(x.v);
    base_free(x.path);
    work_release(&w);
    for (const struct nfa_done *d = m->p->settles ? NULL : k->done; d; d = d->next)
        l->lost_waiting++; /* of another skip policy: nothing waits here */
}

/* -- into fates ------------------------------------------------------------------------------------------------------ */

/* A partial match of one start. */
struct candidate {
    size_t path, n; /* into paths: nodes from the start on */
    size_t at;      /* how far the events have come */
    uint32_t slot;  /* its place among the entries of the rank there */
    uint32_t det;
};

struct ranks {
    struct candidate *v;
    size_t n, cap;
    uint32_t *paths;
    size_t n_paths, cap_paths;
    uint64_t *events; /* orders after the start */
    size_t n_events, cap_events;
    struct nfa_rank_entry *entries;
    size_t cap_entries;
    int64_t *last; /* of the entries */
    size_t cap_last;
    struct nfa_from *from;
    size_t cap_from;
    uint64_t stamp; /* of nodes that are entries at an event */
    size_t n_done;  /* what was done for the key so far */
    const struct work *w;
};

struct start_of {
    uint64_t order;
    uint32_t group;
    const struct nfa_done *done;
};

static int by_start(const void *a, const void *b) {
    const struct start_of *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return (x->done == NULL) - (y->done == NULL); /* a completed match first */
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* By events: the earlier one first where they differ, and whoever took one before whoever did not. */
static int compare_events(const struct ranks *r, const struct candidate *a, const struct candidate *b) {
    const struct node *nodes = r->w->nodes;
    for (size_t i = 0; i < a->n || i < b->n; i++) {
        uint64_t x = i < a->n ? nodes[r->paths[a->path + i]].ev->order : UINT64_MAX;
        uint64_t y = i < b->n ? nodes[r->paths[b->path + i]].ev->order : UINT64_MAX;
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static int compare_all(const void *x, const void *y, void *arg) {
    const struct ranks *r = arg;
    const struct candidate *a = x, *b = y;
    const struct node *nodes = r->w->nodes;
    int c = compare_events(r, a, b);
    for (size_t i = 0; !c && i < a->n; i++) {
        uint32_t va = nodes[r->paths[a->path + i]].var, vb = nodes[r->paths[b->path + i]].var;
        c = va < vb ? -1 : va > vb;
    }
    return c;
}

static void add_path(struct work *w, struct ranks *r, struct candidate *c, uint32_t node, uint64_t start) {
    c->path = r->n_paths;
    for (uint32_t at = node + 1; at && w->nodes[at - 1].ev->order >= start; at = w->nodes[at - 1].prev) {
        r->paths = base_grow(r->paths, r->n_paths, &r->cap_paths, sizeof *r->paths);
        r->paths[r->n_paths++] = at - 1;
        r->n_done++;
    }
    c->n = r->n_paths - c->path;
    for (size_t i = 0; i < c->n / 2; i++) {
        uint32_t t = r->paths[c->path + i];
        r->paths[c->path + i] = r->paths[c->path + c->n - 1 - i];
        r->paths[c->path + c->n - 1 - i] = t;
    }
}

static int64_t last_of(const struct ranks *r, const struct candidate *c) {
    return r->w->nodes[r->paths[c->path + c->n - 1]].ev->time;
}

/* The partial matches of a start that may win, in order, into r->v; where they stand into r->entries. */
static void rank_start(struct work *w, struct ranks *r, const struct group *g, uint64_t start) {
    r->n = r->n_paths = 0;
    for (size_t at = g->runs, end; at < g->runs + g->n_runs; at = end) {
        end = end_of_node(w, g, at);
        size_t from = at;
        while (from < end && w->runs[from].hi < start)
            from++;
        if (from == end)
            continue;
        r->v = base_grow(r->v, r->n, &r->cap, sizeof *r->v);
        struct candidate *c = &r->v[r->n++];
        *c = (struct candidate){ .det = det_from(w, from, end) };
        add_path(w, r, c, w->runs[at].node, start);
    }
    if (r->n > 1)
        qsort_r(r->v, r->n, sizeof *r->v, compare_all, r);
    size_t n = 0;
    w->m->next_step = nfa_dets_next_step(w->m);
    for (size_t i = 0; i < r->n; i++) {
        struct nfa_det *d = nfa_det_at(w->m, r->v[i].det);
        if (d->stamp == w->m->next_step && !d->n_times)
            continue;
        d->stamp = w->m->next_step;
        r->last = base_grow(r->last, n, &r->cap_last, sizeof *r->last);
        r->last[n] = d->n_times ? last_of(r, &r->v[i]) : NFA_LAST_OLD;
        r->entries = base_grow(r->entries, n, &r->cap_entries, sizeof *r->entries);
        bool opens = n == 0 || compare_events(r, &r->v[n - 1], &r->v[i]) != 0;
        r->entries[n] = (struct nfa_rank_entry){ .det = r->v[i].det, .opens = opens };
        r->v[n++] = r->v[i];
    }
    r->n = n;
}

static void list_events(struct work *w, struct ranks *r) {
    size_t n = 0, all = 0;
    for (size_t i = 0; i < r->n; i++) {
        for (size_t e = 1; e < r->v[i].n; e++) {
            r->events = base_grow(r->events, all, &r->cap_events, sizeof *r->events);
            r->events[all++] = w->nodes[r->paths[r->v[i].path + e]].ev->order;
        }
    }
    if (all)
        qsort(r->events, all, sizeof *r->events, by_number);
    for (size_t i = 0; i < all; i++) {
        if (n == 0 || r->events[n - 1] != r->events[i])
            r->events[n++] = r->events[i];
    }
    r->n_events = n;
}

/* The candidates have come to where they stand: how, from where they stood. Returns: one reference, the caller's. */
static struct nfa_rank_trans *how_of(struct work *w, struct ranks *r, const bool *takes) {
    size_t n = 0;
    r->stamp++;
    for (size_t i = 0; i < r->n; i++) {
        struct candidate *c = &r->v[i];
        struct node *d = &w->nodes[r->paths[c->path + c->at]];
        if (d->stamp != r->stamp) {
            d->stamp = r->stamp;
            d->slot = (uint32_t)n;
            r->from = base_grow(r->from, n, &r->cap_from, sizeof *r->from);
            r->from[n++] = (struct nfa_from){ c->slot, !takes || takes[i] ? d->var : NFA_NONE };
        }
        c->slot = d->slot;
    }
    r->n_done += r->n;
    struct nfa_rank_trans *t = nfa_rank_trans_bare(w->m, (uint32_t)n);
    memcpy(t->from, r->from, n * sizeof *r->from);
    return t;
}

/* The candidates that take the event of that order do. Returns: the hop, one reference, the caller's. */
static struct nfa_hop *hop_at(struct work *w, struct ranks *r, uint64_t order) {
    struct nfa_hop *h = nfa_hop_new(w->m, 1);
    bool *takes = BASE_ARENA_ARRAY(&w->l->scratch, bool, r->n);
    for (size_t i = 0; i < r->n; i++) {
        struct candidate *c = &r->v[i];
        struct nfa_ev *next = c->at + 1 < c->n ? w->nodes[r->paths[c->path + c->at + 1]].ev : NULL;
        takes[i] = next && next->order == order;
        c->at += takes[i];
        if (takes[i])
            h->ev = next;
    }
    h->ev->refs++;
    h->how = how_of(w, r, takes);
    return h;
}

static void make_open(struct work *w, struct ranks *r, const struct start_of *s) {
    rank_start(w, r, &w->groups[s->group], s->order);
    if (!r->n)
        return;
    list_events(w, r);
    struct nfa_fate *f = nfa_fates_live(w->m, w->k, nfa_rank_of(w->m, r->entries, r->n), r->last);
    struct nfa_ev *ev = w->nodes[r->paths[r->v[0].path]].ev;
    struct nfa_rank_trans *how = how_of(w, r, NULL);
    struct nfa_hop *first = NULL, **at = &first;
    for (size_t i = 0; i < r->n_events; i++) {
        *at = hop_at(w, r, r->events[i]);
        at = &(*at)->next;
    }
    *at = f->tail;
    f->tail->refs++;
    nfa_fates_add(w->m, w->k, ev, f, first, how);
}

static void make_done(struct work *w, struct ranks *r, const struct start_of *s) {
    struct nfa_matcher *m = w->m;
    const struct nfa_done *d = s->done;
    struct nfa_fate *f = nfa_fate_new(m, NFA_FATE_DONE, NFA_NONE);
    struct nfa_hop *first = NULL;
    bool completes = true;
    f->quota = d->quota;
    if (f->quota)
        f->quota->refs++;
    for (const struct nfa_link *l = d->last, *prev; l; l = prev) {
        struct nfa_rank_trans *how = nfa_rank_trans_bare(m, !completes);
        r->n_done++;
        prev = nfa_link_prev(l, d->start_order);
        how->done = completes;
        how->done_var = l->var;
        if (!completes)
            how->from[0] = (struct nfa_from){ 0, l->var };
        completes = false;
        if (!prev) {
            nfa_fates_add(m, w->k, l->ev, f, first, how);
            break;
        }
        struct nfa_hop *h = nfa_hop_new(m, 1);
        *h = (struct nfa_hop){ .next = first, .ev = l->ev, .how = how, .refs = 1 };
        l->ev->refs++;
        first = h;
    }
    if (w->k->fates->last_done < d->last->ev->order)
        w->k->fates->last_done = d->last->ev->order;
}

/* Starts with what is known of them, in order. Owns: the caller (base_free). */
static struct start_of *list_starts(const struct work *w, size_t *n) {
    size_t n_all = w->n_orders;
    for (const struct nfa_done *d = w->k->done; d; d = d->next)
        n_all++;
    struct start_of *v = base_calloc(n_all + 1, sizeof *v);
    *n = 0;
    for (size_t g = 0; g < w->n_groups; g++) {
        for (size_t i = 0; i < w->groups[g].n_starts; i++)
            v[(*n)++] = (struct start_of){ .order = w->orders[w->groups[g].starts + i],
                .group = (uint32_t)g };
    }
    for (const struct nfa_done *d = w->k->done; d; d = d->next)
        v[(*n)++] = (struct start_of){ .order = d->start_order, .done = d };
    if (*n)
        qsort(v, *n, sizeof *v, by_start);
    return v;
}

static void ranks_release(struct ranks *r) {
    base_free(r->v);
    base_free(r->paths);
    base_free(r->events);
    base_free(r->entries);
    base_free(r->last);
    base_free(r->from);
}

void nfa_runs_to_fates(struct nfa_loader *l, struct nfa_key *k) {
    struct work w;
    size_t n;
    work_init(&w, l, k);
    struct ranks r = { .w = &w };
    struct start_of *v = list_starts(&w, &n);
    (void)nfa_fates_of(l->m, k, 1);
    for (size_t i = 0; i < n; i++) {
        /* Of one start the match that completed first is the one; the list has it first. */
        if (i && v[i].order == v[i - 1].order)
            continue;
        if (r.n_done > NFA_CONVERT_MOST)
            l->lost_store++;
        else if (v[i].done)
            make_done(&w, &r, &v[i]);
        else
            make_open(&w, &r, &v[i]);
    }
    if (!k->fates->first)
        nfa_fates_free(l->m, k);
    base_free(v);
    ranks_release(&r);
    work_release(&w);
}
