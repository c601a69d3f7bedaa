/*
 * nfa_graph_save -- the shared graph of a key (nfa_graph.h) written down and read back.
 *
 *     varint starts * (varint variable, varint event)       by event; two of one event are one start that two variables took
 *     varint cells  * (u8 kind, what it is, varint rest)    in an order in which a cell comes behind those that it refers to
 *                     0 START  varint start                 each start once
 *                     1 TAKE   varint variable, varint event, varint below
 *                     2 SAME   varint start                 behind its START
 *                     3 LIST   varint below
 *     varint places * (det, varint list)                    (nfa_det_save.c)
 *
 * With spans a store of its own: `u8 blind` and the spans (nfa_span_save.c) stand first; behind it, unless blind, a start's
 * and a place's row end with varint span, and what a TAKE is with varint onward (0 = none). A key is blind whose partial
 * matches were saved without spans: before the pattern had a limit, say.
 *
 * Of a pattern with times a store of its own, where a place is (det, varint bands * (time, varint list)); one band where the det
 * has none. A band of a det with times that comes from another store than that is lost, as if its states meant nothing. With spans
 * another one, where a band ends with varint span, a place with nothing, and what a TAKE is with varint onwards * varint onward.
 *
 * Under a skip policy a store of its own: `u8 flags` (1: with spans, 2: with times), then what the store with those has, without
 * its u8, and the settled starts (nfa_settled_save.c).
 *
 * rest, below and list are numbers of cells from 1 on; 0: no rest. What `within` has cut is not written, and starts are numbered
 * anew when they are read: only their order counts.
 *
 * Read into an edited program a det keeps the states that still mean something; a partial match without any left is lost, and so
 * is one that holds an event of a variable or a stream that is no more. Lists are put together by joining, so those that lost
 * something still descend. Counted is what the store of runs would count: a partial match at each state in which it is no more.
 *
 * Cost: the live cells of the key, both ways. What bytes can do: refer to what is there already, so there are no circles and
 * what is not needed is given back by its counts.
 */
#include "nfa/nfa_graph.h"
#include "nfa/nfa_save.h"

#include "base/base_mem.h"

/* Of a graph under a skip policy. */
enum { FLAG_SPANS = 1, FLAG_TIMES = 2 };

/* -- saving ------------------------------------------------------------------------------------------------------- */

static uint32_t live_rest(const struct nfa_graph *g, const struct nfa_cell *c) {
    return c->rest && nfa_is_live(g, c->rest_max) ? c->rest : 0;
}

/* Numbers what a list is made of, each cell behind what it refers to, and its events. */
static void number_list(struct nfa_saver *s, const struct nfa_graph *g, uint32_t list) {
    struct nfa_numbers *cells = &s->sets[NFA_NUMBERS_CELLS];
    size_t n = 0;
    uint32_t number;
    s->todo = base_grow(s->todo, n, &s->cap_todo, sizeof *s->todo);
    s->todo[n++] = list;
    while (n) {
        const struct nfa_cell *c = nfa_cell_at(s->m, s->todo[n - 1]);
        uint32_t refers[2] = { c->kind == NFA_CELL_START ? 0 : c->below, live_rest(g, c) };
        bool waits = false;
        if (nfa_numbers_find(cells, c, &number)) {
            n--;
            continue;
        }
        for (int i = 0; i < 2; i++) {
            if (!refers[i] || nfa_numbers_find(cells, nfa_cell_at(s->m, refers[i]), &number))
                continue;
            waits = true;
            s->todo = base_grow(s->todo, n, &s->cap_todo, sizeof *s->todo);
            s->todo[n++] = refers[i];
        }
        if (waits)
            continue;
        (void)nfa_numbers_add(cells, c, &number);
        if (c->ev)
            (void)nfa_save_ev(s, c->ev);
        n--;
    }
}

static void number_place(struct nfa_saver *s, const struct nfa_graph *g, const struct nfa_place *pl) {
    if (pl->list)
        number_list(s, g, pl->list);
    for (uint32_t i = 0; pl->bands && i < pl->bands->n; i++) {
        const struct nfa_band *b = nfa_band_at(pl->bands, i);
        if (nfa_is_live(g, b->max))
            number_list(s, g, b->list);
    }
}

/* Does the key's row hold spans? */
static bool has_spans(const struct nfa_saver *s, struct nfa_graph *g) {
    return s->m->spans && g && !nfa_graph_is_blind(s->m, g);
}

static void graph_collect(struct nfa_saver *s, const struct nfa_key *k) {
    struct nfa_graph *g = k->graph;
    uint32_t number;
    for (uint32_t at = g ? g->first : 0; at; at = nfa_cell_at(s->m, at)->later) {
        (void)nfa_numbers_add(&s->sets[NFA_NUMBERS_STARTS], nfa_cell_at(s->m, at), &number);
        (void)nfa_save_ev(s, nfa_cell_at(s->m, at)->ev);
    }
    for (uint32_t i = 0; g && i < g->n; i++)
        number_place(s, g, &g->places[i]);
    if (has_spans(s, g))
        nfa_spans_collect(s, g);
    if (s->m->p->settles)
        nfa_settled_collect(s, g);
}

/* As it is written: 0 for none. */
static uint32_t number_of_list(const struct nfa_saver *s, uint32_t list) {
    return list ? nfa_number_of(&s->sets[NFA_NUMBERS_CELLS], nfa_cell_at(s->m, list)) + 1 : 0;
}

static void save_onwards(struct nfa_saver *s, uint32_t onward) {
    uint32_t n = 0;
    for (uint32_t at = onward; at; at = nfa_onward_at(s->m, at)->more)
        n += nfa_onward_number(s, at) != 0;
    base_pack_varint(&s->value, n);
    for (uint32_t at = onward; at; at = nfa_onward_at(s->m, at)->more) {
        uint32_t number = nfa_onward_number(s, at);
        if (number)
            base_pack_varint(&s->value, number);
    }
}

static void save_cell(struct nfa_saver *s, bool spans, const struct nfa_cell *c, const struct nfa_graph *g) {
    struct base_buf *b = &s->value;
    const struct nfa_numbers *starts = &s->sets[NFA_NUMBERS_STARTS];
    base_pack_u8(b, (uint8_t)c->kind);
    switch ((enum nfa_cell_kind)c->kind) {
    case NFA_CELL_START: base_pack_varint(b, nfa_number_of(starts, c)); break;
    case NFA_CELL_TAKE:
        base_pack_varint(b, c->var);
        base_pack_varint(b, nfa_number_of(&s->evs, c->ev));
        base_pack_varint(b, number_of_list(s, c->below));
        if (spans && s->m->p->has_times)
            save_onwards(s, c->later);
        else if (spans)
            base_pack_varint(b, nfa_onward_number(s, c->later));
        break;
    case NFA_CELL_SAME: base_pack_varint(b, nfa_number_of(starts, nfa_cell_at(s->m, c->below))); break;
    case NFA_CELL_LIST: base_pack_varint(b, number_of_list(s, c->below)); break;
    }
    base_pack_varint(b, number_of_list(s, live_rest(g, c)));
}

static void save_bands(
    struct nfa_saver *s, const struct nfa_graph *g, const struct nfa_place *pl, bool spans) {
    struct base_buf *b = &s->value;
    uint32_t n = 0;
    if (!pl->bands) {
        base_pack_varint(b, 1);
        nfa_save_last(b, NFA_LAST_OLD);
        base_pack_varint(b, number_of_list(s, pl->list));
        if (spans)
            base_pack_varint(b, nfa_span_number(s, pl->span));
        return;
    }
    for (uint32_t i = 0; i < pl->bands->n; i++)
        n += nfa_is_live(g, nfa_band_at(pl->bands, i)->max);
    base_pack_varint(b, n);
    for (uint32_t i = 0; i < pl->bands->n; i++) {
        const struct nfa_band *x = nfa_band_at(pl->bands, i);
        if (!nfa_is_live(g, x->max))
            continue;
        nfa_save_last(b, x->last);
        base_pack_varint(b, number_of_list(s, x->list));
        if (spans)
            base_pack_varint(b, nfa_span_number(s, x->span));
    }
}

static void graph_save(struct nfa_saver *s, const struct nfa_key *k) {
    struct base_buf *b = &s->value;
    struct nfa_graph *g = k->graph;
    const struct nfa_numbers *cells = &s->sets[NFA_NUMBERS_CELLS], *starts = &s->sets[NFA_NUMBERS_STARTS];
    bool spans = has_spans(s, g);
    if (s->m->p->settles)
        base_pack_u8(b, (uint8_t)((spans ? FLAG_SPANS : 0) | (s->m->p->has_times ? FLAG_TIMES : 0)));
    else if (s->m->spans)
        base_pack_u8(b, !spans);
    if (spans)
        nfa_spans_save(s);
    base_pack_varint(b, starts->n);
    for (size_t i = 0; i < starts->n; i++) {
        const struct nfa_cell *c = starts->v[i];
        base_pack_varint(b, c->var);
        base_pack_varint(b, nfa_number_of(&s->evs, c->ev));
        if (spans)
            base_pack_varint(b, nfa_span_number(s, c->below));
    }
    base_pack_varint(b, cells->n);
    for (size_t i = 0; i < cells->n; i++)
        save_cell(s, spans, cells->v[i], g);
    base_pack_varint(b, g ? g->n : 0);
    for (uint32_t i = 0; g && i < g->n; i++) {
        nfa_save_det(b, nfa_det_at(s->m, g->places[i].det));
        if (s->m->p->has_times) {
            save_bands(s, g, &g->places[i], spans);
            continue;
        }
        base_pack_varint(b, number_of_list(s, g->places[i].list));
        if (spans)
            base_pack_varint(b, nfa_span_number(s, g->places[i].span));
    }
    if (s->m->p->settles)
        nfa_settled_save(s, g);
}

/* -- loading ------------------------------------------------------------------------------------------------------ */

struct start_read {
    uint32_t cell; /* 0 = lost; one reference is the reader's while it is not listed */
    uint32_t max;  /* the start's number among those saved */
    uint64_t order;
    bool listed; /* its row has come */
};

/* A list that was read, by its first cell's row. */
struct list_read {
    uint32_t list;        /* what is left of it; counted; 0 = nothing */
    uint32_t max;         /* the latest start in it, as saved */
    uint64_t last;        /* order of its latest event */
    uint64_t saved, kept; /* partial matches */
};

struct reader {
    struct nfa_loader *l;
    struct nfa_key *k; /* NULL: everything is lost */
    struct start_read *starts;
    struct list_read *lists; /* from 1 on */
    size_t n_starts, n_lists;
    bool has_spans, has_times;
    struct nfa_spans_read spans;
    uint64_t last_made; /* order of the last start that is left */
};

static void read_starts(struct reader *r, struct base_unpack *u) {
    struct nfa_loader *l = r->l;
    size_t n = base_unpack_count(u, 2);
    r->starts = BASE_ARENA_ARRAY(&l->scratch, struct start_read, n + 1);
    for (size_t i = 0; i < n && !u->bad; i++) {
        struct start_read *s = &r->starts[i];
        struct nfa_ev_read e;
        uint32_t var = nfa_load_var(l, u);
        nfa_load_ev_of(l, u, &e);
        uint32_t span = r->has_spans ? nfa_load_span(&r->spans, u) : 0;
        u->bad = u->bad || (i && e.order < s[-1].order);
        if (u->bad)
            return;
        s->order = e.order;
        s->max = i ? s[-1].max + (e.order > s[-1].order) : 1;
        r->n_starts++;
        if (!r->k || !e.ev || var == NFA_NONE)
            continue;
        struct nfa_graph *g = r->k->graph;
        g->number += r->last_made && r->last_made < e.order; /* two of one event have one number */
        r->last_made = e.order;
        e.ev->refs++;
        s->cell = nfa_cell_start(l->m, g, var, e.ev);
        if (span) {
            nfa_cell_at(l->m, s->cell)->below = span;
            nfa_span_ref(l->m, span);
        }
    }
}

/* The row's cell alone, a reference to it; 0 when it is lost. Fills x but for what comes from the rest. */
static uint32_t read_cell(struct reader *r, struct base_unpack *u, struct list_read *x) {
    struct nfa_loader *l = r->l;
    uint8_t kind = base_unpack_u8(u);
    u->bad = u->bad || kind > NFA_CELL_LIST;
    if (u->bad)
        return 0;
    if (kind == NFA_CELL_START || kind == NFA_CELL_SAME) {
        uint64_t at = base_unpack_varint(u);
        u->bad = u->bad || at >= r->n_starts || r->starts[at].listed != (kind == NFA_CELL_SAME);
        if (u->bad)
            return 0;
        struct start_read *s = &r->starts[at];
        *x = (struct list_read){ .max = s->max, .last = s->order, .saved = 1, .kept = s->cell != 0 };
        s->listed = true;
        return kind == NFA_CELL_START || !s->cell ? s->cell : nfa_cell_over(l->m, NFA_CELL_SAME, s->cell);
    }
    struct nfa_ev_read e = { .order = 0 };
    uint32_t var = NFA_NONE;
    if (kind == NFA_CELL_TAKE) {
        var = nfa_load_var(l, u);
        nfa_load_ev_of(l, u, &e);
    }
    uint64_t at = base_unpack_varint(u);
    uint32_t onward = 0;
    if (r->has_spans && kind == NFA_CELL_TAKE)
        onward = r->has_times ? nfa_load_onwards(&r->spans, l->m, u) : nfa_load_onward(&r->spans, u);
    u->bad = u->bad || at == 0 || at > r->n_lists;
    const struct list_read *below = u->bad ? NULL : &r->lists[at];
    u->bad = u->bad || (kind == NFA_CELL_TAKE && e.order <= below->last);
    if (u->bad)
        return 0;
    *x = (struct list_read){ .max = below->max, .last = below->last, .saved = below->saved };
    if (kind == NFA_CELL_TAKE)
        x->last = e.order;
    if (!below->list || (kind == NFA_CELL_TAKE && (!e.ev || var == NFA_NONE)))
        return 0;
    x->kept = below->kept;
    if (kind == NFA_CELL_LIST)
        return nfa_cell_over(l->m, NFA_CELL_LIST, below->list);
    /* The cell keeps its onwards' event. */
    for (uint32_t o = onward; o; o = nfa_onward_at(l->m, o)->more)
        u->bad = u->bad || nfa_onward_at(l->m, o)->ev != e.ev;
    if (u->bad)
        return 0;
    e.ev->refs++;
    uint32_t cell = nfa_cell_take(l->m, var, e.ev, below->list);
    if (onward) {
        nfa_cell_at(l->m, cell)->later = onward;
        nfa_onward_ref(l->m, onward);
    }
    return cell;
}

static void read_lists(struct reader *r, struct base_unpack *u) {
    struct nfa_matcher *m = r->l->m;
    size_t n = base_unpack_count(u, 3);
    r->lists = BASE_ARENA_ARRAY(&r->l->scratch, struct list_read, n + 1);
    for (size_t i = 0; i < n && !u->bad; i++) {
        struct list_read *x = &r->lists[i + 1];
        x->list = read_cell(r, u, x);
        r->n_lists++;
        const struct list_read *rest = &r->lists[base_unpack_max(u, i)];
        u->bad = u->bad || rest->max > x->max;
        if (u->bad)
            return;
        x->saved = nfa_count_more(x->saved, rest->saved);
        x->kept = nfa_count_more(x->kept, rest->kept);
        x->last = rest->last > x->last ? rest->last : x->last;
        if (rest->list) {
            nfa_cell_ref(m, rest->list);
            x->list = nfa_cell_join(m, r->k->graph, x->list, rest->list);
        }
    }
}

/* The span of a list that was read into a place, where *at is its span. */
static void read_span(struct reader *r, struct base_unpack *u, const struct nfa_det_read *d, uint32_t *at) {
    struct nfa_matcher *m = r->l->m;
    uint32_t span = nfa_load_span(&r->spans, u);
    u->bad = u->bad || (span && !nfa_span_is_open(m, span));
    if (u->bad || !at || !span)
        return;
    nfa_span_ref(m, span);
    if (!*at) {
        *at = span;
        nfa_span_at(m, span)->det = d->det;
    } else if (*at != span) {
        /* Two places of the program that saved are one now. */
        nfa_span_ref(m, *at);
        nfa_span_at(m, span)->next = *at;
        nfa_span_unref(m, span);
    } else {
        u->bad = true;
        nfa_span_unref(m, span);
    }
}

/* A list of a place. Returns: where its span is; NULL when it is lost. */
static uint32_t *read_list(
    struct reader *r, struct base_unpack *u, const struct nfa_det_read *d, int64_t last) {
    struct nfa_matcher *m = r->l->m;
    uint64_t at = base_unpack_varint(u);
    u->bad = u->bad || at == 0 || at > r->n_lists;
    if (u->bad)
        return NULL;
    const struct list_read *x = &r->lists[at];
    bool fits = d->det != NFA_NONE && (r->has_times || !nfa_det_at(m, d->det)->n_times);
    nfa_lose_det(r->l, d, x->saved, fits ? x->saved - x->kept : x->saved);
    if (!x->list || !fits)
        return NULL;
    nfa_cell_ref(m, x->list);
    return nfa_graph_add(m, r->k, d->det, x->list, last);
}

static void read_bands(struct reader *r, struct base_unpack *u, const struct nfa_det_read *d) {
    size_t n = base_unpack_count(u, 2);
    for (size_t i = 0; i < n && !u->bad; i++) {
        int64_t last = nfa_load_last(u);
        uint32_t *at = read_list(r, u, d, last);
        if (r->has_spans)
            read_span(r, u, d, at);
    }
}

static void read_place(struct reader *r, struct base_unpack *u) {
    struct nfa_det_read d;
    nfa_load_det(r->l, u, r->k != NULL, &d);
    if (r->has_times) {
        read_bands(r, u, &d);
        return;
    }
    uint32_t *at = read_list(r, u, &d, NFA_LAST_OLD);
    if (r->has_spans)
        read_span(r, u, &d, at);
}

static void read_graph(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u, bool has_spans,
    bool has_times, bool settles) {
    struct nfa_matcher *m = l->m;
    struct reader r = { .l = l, .k = k, .has_spans = has_spans, .has_times = has_times };
    m->next_step = nfa_dets_next_step(m); /* dets that the key has are stamped with it */
    if (k)
        (void)nfa_graph_of(m, k, 1);
    if (has_spans)
        nfa_spans_load(&r.spans, l, u, k && m->spans);
    read_starts(&r, u);
    if (k && m->spans && !has_spans)
        k->graph->blind = k->graph->number;
    if (k)
        k->graph->number++;
    if (!u->bad)
        read_lists(&r, u);
    size_t n = u->bad ? 0 : base_unpack_count(u, 3);
    for (size_t i = 0; i < n && !u->bad; i++)
        read_place(&r, u);
    for (size_t i = 1; i <= r.n_lists; i++) {
        if (r.lists[i].list)
            nfa_cell_unref(m, k->graph, r.lists[i].list);
    }
    for (size_t i = 0; i < r.n_starts; i++) {
        if (r.starts[i].cell && !r.starts[i].listed)
            nfa_cell_unref(m, k->graph, r.starts[i].cell);
    }
    nfa_spans_read_release(&r.spans, m);
    /* Under `no skip` nothing waits. */
    if (settles && !u->bad)
        nfa_settled_load(l, k, u, m->pat->skip == PLAN_SKIP_NONE && m->p->store != NFA_STORE_RUNS);
    if (k && (u->bad || !(k->graph->n || k->graph->settled)))
        nfa_graph_free(m, k);
}

static void graph_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    read_graph(l, k, u, false, false, false);
}

static void first_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    uint8_t blind = base_unpack_u8(u);
    u->bad = u->bad || blind > 1;
    read_graph(l, k, u, !blind, false, false);
}

static void timed_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    read_graph(l, k, u, false, true, false);
}

static void timed_first_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    uint8_t blind = base_unpack_u8(u);
    u->bad = u->bad || blind > 1;
    read_graph(l, k, u, !blind, true, false);
}

static void settled_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    uint8_t flags = base_unpack_u8(u);
    u->bad = u->bad || flags > (FLAG_SPANS | FLAG_TIMES);
    read_graph(l, k, u, (flags & FLAG_SPANS) != 0, (flags & FLAG_TIMES) != 0, true);
}

const struct nfa_store nfa_store_graph = { .tag = 2,
    .kind = NFA_STORE_GRAPH,
    .name = "graph",
    .collect = graph_collect,
    .save = graph_save,
    .load = graph_load };

const struct nfa_store nfa_store_first = { .tag = 4,
    .kind = NFA_STORE_GRAPH,
    .name = "graph with spans",
    .collect = graph_collect,
    .save = graph_save,
    .load = first_load };

const struct nfa_store nfa_store_timed_graph = { .tag = 6,
    .kind = NFA_STORE_GRAPH,
    .name = "graph with times",
    .collect = graph_collect,
    .save = graph_save,
    .load = timed_load };

const struct nfa_store nfa_store_timed_first = { .tag = 7,
    .kind = NFA_STORE_GRAPH,
    .name = "graph with times and spans",
    .collect = graph_collect,
    .save = graph_save,
    .load = timed_first_load };

const struct nfa_store nfa_store_settled = { .tag = 12,
    .kind = NFA_STORE_GRAPH,
    .name = "graph under a skip policy",
    .collect = graph_collect,
    .save = graph_save,
    .load = settled_load };
