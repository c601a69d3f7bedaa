/*
 * nfa_look_sets -- the stores of sets told as single partial matches. The format: nfa_graph_save.c, nfa_fate_save.c,
 * nfa_det_save.c.
 */
#include "nfa/nfa_look_internal.h"
#include "nfa/nfa_words.h"

/* -- dets ---------------------------------------------------------------------------------------------------------- */

struct det {
    uint32_t n;
    uint32_t *states;
};

static struct det read_det(struct nfa_looker *k) {
    size_t n = base_unpack_count(k->u, 1);
    k->u->bad = k->u->bad || n == 0 || n > k->meta->n_states;
    struct det d = { 0, BASE_ARENA_ARRAY(k->arena, uint32_t, k->u->bad ? 1 : n) };
    for (; d.n < n && !k->u->bad; d.n++)
        d.states[d.n] = nfa_look_index(k, k->meta->n_states);
    return d;
}

/* -- the shared graph -------------------------------------------------------------------------------------------------- */

enum { CELL_START = 0, CELL_TAKE, CELL_SAME, CELL_LIST, CELL_MAX };

struct graph {
    struct nfa_look_step *starts;
    struct cell *cells;
    size_t n_starts, n_cells;
    bool has_spans, has_times;
};

struct cell {
    uint64_t kind, n; /* n: partial matches of its list */
    struct nfa_look_step step;
    uint32_t below, rest; /* numbers + 1, 0 = none */
};

/* What follows a step, towards the end. */
struct tail {
    const struct tail *next;
    struct nfa_look_step step;
};

struct todo {
    uint32_t cell;
    const struct tail *tail;
    uint32_t n;
};

static struct nfa_look_step read_step(struct nfa_looker *k) {
    struct nfa_look_step s = { .var = nfa_look_index(k, k->meta->n_vars) };
    s.event = nfa_look_index(k, k->key->n_events);
    return s;
}

/* Passed over: the graph from its starts on. */
static void skip_spans(struct nfa_looker *k) {
    size_t n = base_unpack_count(k->u, 1);
    for (size_t i = 0; i < n && !k->u->bad; i++)
        (void)base_unpack_varint(k->u);
    n = base_unpack_count(k->u, 4);
    for (size_t i = 0; i < 4 * n && !k->u->bad; i++)
        (void)base_unpack_varint(k->u);
}

static void skip_span(struct nfa_looker *k, const struct graph *g) {
    if (g->has_spans)
        (void)base_unpack_varint(k->u);
}

static void skip_onwards(struct nfa_looker *k) {
    for (size_t n = base_unpack_count(k->u, 1); n > 0 && !k->u->bad; n--)
        (void)base_unpack_varint(k->u);
}

static void read_cell(struct nfa_looker *k, const struct graph *g, size_t i) {
    struct cell *cells = g->cells, *c = &cells[i];
    c->kind = base_unpack_max(k->u, CELL_MAX - 1);
    if (c->kind == CELL_TAKE)
        c->step = read_step(k);
    if (c->kind == CELL_START || c->kind == CELL_SAME) {
        uint32_t s = nfa_look_index(k, g->n_starts);
        c->step = k->u->bad ? (struct nfa_look_step){ 0, 0 } : g->starts[s];
    } else {
        c->below = (uint32_t)base_unpack_max(k->u, i);
        if (c->kind == CELL_TAKE && g->has_spans && g->has_times)
            skip_onwards(k);
        else if (c->kind == CELL_TAKE)
            skip_span(k, g);
    }
    c->rest = (uint32_t)base_unpack_max(k->u, i);
    if (k->u->bad)
        return;
    c->n = c->kind == CELL_START || c->kind == CELL_SAME ? 1 : c->below ? cells[c->below - 1].n : 0;
    c->n = nfa_look_sum(c->n, c->rest ? cells[c->rest - 1].n : 0);
}

static void tell_match(struct nfa_looker *k, struct nfa_look_step first, const struct tail *tail, uint32_t n,
    const struct det *d) {
    struct nfa_look_step *steps;
    struct nfa_look_match *m = nfa_look_add(k, n + 1, &steps);
    if (!m)
        return;
    *steps++ = first;
    for (; tail; tail = tail->next)
        *steps++ = tail->step;
    m->states = d->states;
    m->n_states = d->n;
    nfa_look_finish(k, m);
}

/* Every descent ends in matches (c->n > 0), so the work is that of what is told. */
static void tell_list(struct nfa_looker *k, const struct cell *cells, uint32_t list, const struct det *d) {
    struct todo *todo = NULL;
    size_t n_todo = 0, cap = 0;
    todo = base_arena_grow(k->arena, todo, n_todo, &cap, sizeof *todo);
    todo[n_todo++] = (struct todo){ list, NULL, 0 };
    while (n_todo > 0 && k->key->n_matches < NFA_LOOK_MATCHES) {
        struct todo t = todo[--n_todo];
        while (t.cell && cells[t.cell - 1].n > 0) {
            const struct cell *c = &cells[t.cell - 1];
            if (c->rest) {
                todo = base_arena_grow(k->arena, todo, n_todo, &cap, sizeof *todo);
                todo[n_todo++] = (struct todo){ c->rest, t.tail, t.n };
            }
            if (c->kind == CELL_START || c->kind == CELL_SAME) {
                tell_match(k, c->step, t.tail, t.n, d);
                break;
            }
            if (c->kind == CELL_TAKE) {
                struct tail *tail = BASE_ARENA_NEW(k->arena, struct tail);
                *tail = (struct tail){ t.tail, c->step };
                t.tail = tail;
                t.n++;
            }
            t.cell = c->below;
        }
    }
}

/* A list of a place. */
static void read_list(struct nfa_looker *k, const struct graph *g, const struct det *d) {
    uint32_t list = (uint32_t)base_unpack_max(k->u, g->n_cells);
    if (k->u->bad || !list)
        return;
    k->key->n_open = nfa_look_sum(k->key->n_open, g->cells[list - 1].n);
    if (k->tell)
        tell_list(k, g->cells, list, d);
}

static void skip_time(struct nfa_looker *k) {
    if (base_unpack_max(k->u, 1))
        (void)base_unpack_zigzag(k->u);
}

void nfa_look_graph(struct nfa_looker *k, bool has_spans, bool has_times) {
    struct graph g = { .has_spans = has_spans, .has_times = has_times };
    if (has_spans)
        skip_spans(k);
    g.n_starts = base_unpack_count(k->u, 2);
    g.starts = BASE_ARENA_ARRAY(k->arena, struct nfa_look_step, g.n_starts + 1);
    for (size_t i = 0; i < g.n_starts && !k->u->bad; i++) {
        g.starts[i] = read_step(k);
        skip_span(k, &g);
    }
    g.n_cells = base_unpack_count(k->u, 3);
    g.cells = BASE_ARENA_ARRAY(k->arena, struct cell, g.n_cells + 1);
    for (size_t i = 0; i < g.n_cells && !k->u->bad; i++)
        read_cell(k, &g, i);
    size_t n = base_unpack_count(k->u, 3);
    for (size_t i = 0; i < n && !k->u->bad; i++) {
        struct det d = read_det(k);
        size_t n_bands = has_times ? base_unpack_count(k->u, 2) : 1;
        for (size_t b = 0; b < n_bands && !k->u->bad; b++) {
            if (has_times)
                skip_time(k);
            read_list(k, &g, &d);
            skip_span(k, &g);
        }
    }
}

/* -- the same under a skip policy ------------------------------------------------------------------------------------------ */

struct trail {
    struct nfa_look_step step;
    uint32_t next, n; /* next: number, 0 = it ends */
};

/* A match that waits for an earlier start. */
static void tell_settled(struct nfa_looker *k, const struct trail *trails, uint32_t at) {
    struct nfa_look_step *steps;
    k->key->n_waiting++;
    struct nfa_look_match *m = nfa_look_add(k, trails[at].n, &steps);
    if (!m)
        return;
    m->complete = true;
    for (; at; at = trails[at].next)
        *steps++ = trails[at].step;
}

void nfa_look_settling(struct nfa_looker *k) {
    uint64_t flags = base_unpack_max(k->u, 3);
    nfa_look_graph(k, (flags & 1) != 0, (flags & 2) != 0);
    size_t n_quotas = base_unpack_count(k->u, 1);
    for (size_t i = 0; i < n_quotas && !k->u->bad; i++)
        (void)base_unpack_varint(k->u);
    size_t n_trails = base_unpack_count(k->u, 3);
    struct trail *trails = base_arena_calloc(k->arena, n_trails + 1, sizeof *trails);
    for (size_t i = 1; i <= n_trails && !k->u->bad; i++) {
        trails[i].step = read_step(k);
        trails[i].next = (uint32_t)base_unpack_max(k->u, i - 1);
        trails[i].n = k->u->bad ? 0 : trails[trails[i].next].n + 1;
    }
    size_t n = base_unpack_count(k->u, 2);
    for (size_t i = 0; i < n && !k->u->bad; i++) {
        uint32_t at = (uint32_t)base_unpack_max(k->u, n_trails);
        (void)base_unpack_varint(k->u);
        k->u->bad = k->u->bad || !at;
        if (!k->u->bad)
            tell_settled(k, trails, at);
    }
}

/* -- starts and their fates ------------------------------------------------------------------------------------------------ */

/* What an event did to the entries of a rank. */
struct how {
    bool completes;
    uint32_t n; /* completes: 1 */
    struct {
        uint32_t src, var; /* var: + 1, 0 = took nothing */
    } * from;
};

struct fate {
    bool completed;
    uint32_t n;
    struct det *dets; /* by entry */
};

struct hop {
    uint32_t how;         /* + 1; 0: the end */
    uint32_t event, next; /* + 1 */
    uint32_t fate;        /* that it leads to */
};

struct fates {
    bool has_times;
    size_t n_dets, n_hows, n_fates, n_hops;
    struct det *dets;
    struct how *hows;
    struct fate *fates;
    struct hop *hops;
};

static void read_how(struct nfa_looker *k, struct how *h) {
    uint64_t completes = base_unpack_max(k->u, 2); /* 2: without taking an event */
    h->completes = completes != 0;
    size_t n = h->completes ? 1 : base_unpack_count(k->u, 2);
    h->from = base_arena_calloc(k->arena, n + 1, sizeof *h->from);
    for (; h->n < n && !k->u->bad; h->n++) {
        h->from[h->n].src = (uint32_t)base_unpack_max(k->u, UINT32_MAX);
        if (completes != 2)
            h->from[h->n].var = h->completes ? nfa_look_index(k, k->meta->n_vars) + 1
                                             : (uint32_t)base_unpack_max(k->u, k->meta->n_vars);
    }
}

static void read_fate(struct nfa_looker *k, struct fates *f, struct fate *fate) {
    fate->completed = base_unpack_max(k->u, 1) != 0;
    if (fate->completed) {
        (void)base_unpack_varint(k->u); /* quota */
        return;
    }
    size_t n = base_unpack_count(k->u, 1);
    fate->dets = BASE_ARENA_ARRAY(k->arena, struct det, n + 1);
    for (; fate->n < n && !k->u->bad; fate->n++) {
        uint64_t det = base_unpack_varint(k->u) / 2;
        k->u->bad = k->u->bad || det >= f->n_dets;
        if (!k->u->bad)
            fate->dets[fate->n] = f->dets[det];
        if (f->has_times)
            skip_time(k);
    }
}

static void read_hop(struct nfa_looker *k, struct fates *f, size_t i) {
    struct hop *h = &f->hops[i];
    h->how = (uint32_t)base_unpack_max(k->u, f->n_hows);
    if (h->how) {
        h->event = (uint32_t)base_unpack_max(k->u, k->key->n_events);
        h->next = (uint32_t)base_unpack_max(k->u, i);
    }
    h->fate = h->how && h->next ? f->hops[h->next - 1].fate : nfa_look_index(k, f->n_fates);
}

/* Back from entry `at` of the last hop's rank to the start: what was taken. `path`: the hops from the start on. */
static uint32_t walk_back(struct nfa_looker *k, const struct fates *f, const struct how *first,
    uint32_t start, const uint32_t *path, uint32_t n_path, uint32_t at, struct nfa_look_step *steps) {
    uint32_t n = 0;
    for (uint32_t i = n_path; i-- > 0 && !k->u->bad;) {
        const struct hop *h = &f->hops[path[i]];
        const struct how *how = h->how ? &f->hows[h->how - 1] : NULL;
        if (!how)
            continue;
        k->u->bad = at >= how->n || (how->from[at].var && !h->event);
        if (k->u->bad)
            break;
        if (how->from[at].var)
            steps[n++] = (struct nfa_look_step){ how->from[at].var - 1, h->event - 1 };
        at = how->from[at].src;
    }
    k->u->bad = k->u->bad || at >= first->n || !first->from[at].var;
    if (!k->u->bad)
        steps[n++] = (struct nfa_look_step){ first->from[at].var - 1, start };
    return n;
}

/* One partial match for each entry of the rank that the start has come to. */
static void tell_start(struct nfa_looker *k, const struct fates *f, uint32_t event, const struct how *first,
    uint32_t hop, uint32_t end) {
    uint32_t *path = NULL;
    size_t n_path = 0, cap = 0;
    const struct fate *fate = &f->fates[hop ? f->hops[hop - 1].fate : end];
    if (!k->tell || k->key->n_matches >= NFA_LOOK_MATCHES) {
        *(fate->completed ? &k->key->n_waiting : &k->key->n_open) += fate->completed ? 1 : fate->n;
        return;
    }
    for (uint32_t h = hop; h; h = f->hops[h - 1].next) {
        path = base_arena_grow(k->arena, path, n_path, &cap, sizeof *path);
        path[n_path++] = h - 1;
    }
    struct nfa_look_step *back = BASE_ARENA_ARRAY(k->arena, struct nfa_look_step, n_path + 2);
    for (uint32_t e = 0; e < (fate->completed ? 1 : fate->n) && !k->u->bad; e++) {
        struct nfa_look_step *steps;
        uint32_t n = walk_back(k, f, first, event, path, (uint32_t)n_path, e, back);
        *(fate->completed ? &k->key->n_waiting : &k->key->n_open) += 1;
        struct nfa_look_match *m = k->u->bad ? NULL : nfa_look_add(k, n, &steps);
        for (uint32_t i = 0; m && i < n; i++)
            steps[i] = back[n - 1 - i];
        if (m && fate->completed) {
            m->complete = true;
        } else if (m) {
            m->states = fate->dets[e].states;
            m->n_states = fate->dets[e].n;
            nfa_look_finish(k, m);
        }
    }
}

static void read_starts(struct nfa_looker *k, const struct fates *f) {
    size_t n = base_unpack_count(k->u, 3);
    for (size_t i = 0; i < n && !k->u->bad; i++) {
        uint32_t event = nfa_look_index(k, k->key->n_events);
        uint32_t how = nfa_look_index(k, f->n_hows);
        uint32_t hop = (uint32_t)base_unpack_max(k->u, f->n_hops), fate = 0;
        if (!hop)
            fate = nfa_look_index(k, f->n_fates);
        if (!k->u->bad)
            tell_start(k, f, event, &f->hows[how], hop, fate);
    }
}

void nfa_look_fates(struct nfa_looker *k, bool has_times) {
    struct fates f = { .has_times = has_times };
    (void)base_unpack_varint(k->u); /* order of the last event that completed something */
    f.n_dets = base_unpack_count(k->u, 1);
    f.dets = BASE_ARENA_ARRAY(k->arena, struct det, f.n_dets + 1);
    for (size_t i = 0; i < f.n_dets && !k->u->bad; i++)
        f.dets[i] = read_det(k);
    f.n_hows = base_unpack_count(k->u, 2);
    f.hows = BASE_ARENA_ARRAY(k->arena, struct how, f.n_hows + 1);
    for (size_t i = 0; i < f.n_hows && !k->u->bad; i++)
        read_how(k, &f.hows[i]);
    size_t n_quotas = base_unpack_count(k->u, 1);
    for (size_t i = 0; i < n_quotas && !k->u->bad; i++)
        (void)base_unpack_varint(k->u);
    f.n_fates = base_unpack_count(k->u, 2);
    f.fates = BASE_ARENA_ARRAY(k->arena, struct fate, f.n_fates + 1);
    for (size_t i = 0; i < f.n_fates && !k->u->bad; i++)
        read_fate(k, &f, &f.fates[i]);
    f.n_hops = base_unpack_count(k->u, 2);
    f.hops = BASE_ARENA_ARRAY(k->arena, struct hop, f.n_hops + 1);
    for (size_t i = 0; i < f.n_hops && !k->u->bad; i++)
        read_hop(k, &f, i);
    read_starts(k, &f);
}

/* -- stacks ------------------------------------------------------------------------------------------------------------ */

struct teller {
    struct nfa_looker *k;
    const struct det *dets; /* from 1 on */
};

static bool tell_word(void *arg, uint32_t state, const struct nfa_word_step *way, size_t n) {
    const struct teller *t = arg;
    struct nfa_look_step *steps;
    struct nfa_look_match *m = nfa_look_add(t->k, (uint32_t)n, &steps);
    if (!m)
        return false;
    for (size_t i = 0; i < n; i++)
        steps[i] = (struct nfa_look_step){ way[i].var, way[i].event };
    m->states = t->dets[state].states;
    m->n_states = t->dets[state].n;
    nfa_look_finish(t->k, m);
    return true;
}

void nfa_look_stacks(struct nfa_looker *k) {
    struct nfa_words w = { .n_states = 0 };
    uint64_t beside = base_unpack_max(k->u, 2); /* 1, 2: a graph of earlier starts */
    if (beside)
        nfa_look_graph(k, beside == 2 && base_unpack_max(k->u, 1) == 0, false);
    size_t n = k->u->bad ? 0 : base_unpack_count(k->u, 2);
    struct det *dets = BASE_ARENA_ARRAY(k->arena, struct det, n + 1);
    for (size_t i = 1; i <= n && !k->u->bad; i++)
        dets[i] = read_det(k);
    if (!k->u->bad)
        nfa_words_read(&w, k->arena, k->u, (uint32_t)n, k->meta->n_vars, k->orders, k->key->n_events);
    if (k->u->bad)
        return;
    uint64_t *counts = BASE_ARENA_ARRAY(k->arena, uint64_t, n + 1);
    nfa_words_count(&w, true, counts);
    for (size_t i = 1; i <= n; i++)
        k->key->n_open = nfa_look_sum(k->key->n_open, counts[i]);
    struct teller t = { k, dets };
    if (k->tell)
        nfa_words_walk(&w, tell_word, &t);
}
