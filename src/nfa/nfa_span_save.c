/*
 * nfa_span_save -- the spans of a key (nfa_span.h) written down and read back, as a part of its graph (nfa_graph_save.c).
 *
 *     varint spans   * (varint next)                                  a span comes behind all that it leads to
 *     varint onwards * (varint from, varint variable, varint event, varint to)
 *
 * Spans are numbered from 1 on, 0: none. As what a span leads to has a smaller number, bytes cannot lead in circles. An onward that
 * has lost its variable or its event is none, as the cells are lost that were taken so.
 */
#include "nfa/nfa_graph.h"
#include "nfa/nfa_save.h"

#include "base/base_mem.h"

static void todo_push(struct nfa_saver *s, size_t *n, uint32_t span) {
    uint32_t number;
    if (!span || nfa_numbers_find(&s->sets[NFA_NUMBERS_SPANS], nfa_span_at(s->m, span), &number))
        return;
    s->todo = base_grow(s->todo, *n, &s->cap_todo, sizeof *s->todo);
    s->todo[(*n)++] = span;
}

static void number_span(struct nfa_saver *s, uint32_t span) {
    size_t n = 0;
    uint32_t number;
    for (todo_push(s, &n, span); n;) {
        const struct nfa_span *sp = nfa_span_at(s->m, s->todo[n - 1]);
        size_t before = n;
        if (nfa_numbers_find(&s->sets[NFA_NUMBERS_SPANS], sp, &number)) {
            n--;
            continue;
        }
        todo_push(s, &n, sp->next);
        for (uint32_t o = sp->first; o; o = nfa_onward_at(s->m, o)->later)
            todo_push(s, &n, nfa_onward_at(s->m, o)->to);
        if (n > before)
            continue;
        (void)nfa_numbers_add(&s->sets[NFA_NUMBERS_SPANS], sp, &number);
        for (uint32_t o = sp->first; o; o = nfa_onward_at(s->m, o)->later)
            (void)nfa_numbers_add(&s->sets[NFA_NUMBERS_ONWARDS], nfa_onward_at(s->m, o), &number);
        n--;
    }
}

void nfa_spans_collect(struct nfa_saver *s, const struct nfa_graph *g) {
    for (uint32_t at = g->first; at; at = nfa_cell_at(s->m, at)->later)
        number_span(s, nfa_cell_at(s->m, at)->below);
    for (uint32_t i = 0; i < g->n; i++)
        number_span(s, g->places[i].span);
    for (uint32_t i = 0; i < g->n; i++) {
        const struct nfa_place *pl = &g->places[i];
        for (uint32_t b = 0; pl->bands && b < pl->bands->n; b++)
            number_span(s, nfa_band_at(pl->bands, b)->span);
    }
}

uint32_t nfa_span_number(const struct nfa_saver *s, uint32_t span) {
    return span ? nfa_number_of(&s->sets[NFA_NUMBERS_SPANS], nfa_span_at(s->m, span)) + 1 : 0;
}

/* An onward whose span is gone leads nowhere that is asked for. */
uint32_t nfa_onward_number(const struct nfa_saver *s, uint32_t onward) {
    uint32_t number;
    const struct nfa_numbers *t = &s->sets[NFA_NUMBERS_ONWARDS];
    return onward && nfa_numbers_find(t, nfa_onward_at(s->m, onward), &number) ? number + 1 : 0;
}

void nfa_spans_save(struct nfa_saver *s) {
    struct base_buf *b = &s->value;
    const struct nfa_numbers *spans = &s->sets[NFA_NUMBERS_SPANS], *onwards = &s->sets[NFA_NUMBERS_ONWARDS];
    base_pack_varint(b, spans->n);
    for (size_t i = 0; i < spans->n; i++)
        base_pack_varint(b, nfa_span_number(s, ((const struct nfa_span *)spans->v[i])->next));
    base_pack_varint(b, onwards->n);
    for (size_t i = 0; i < onwards->n; i++) {
        const struct nfa_onward *o = onwards->v[i];
        base_pack_varint(b, nfa_span_number(s, o->from));
        base_pack_varint(b, o->var);
        base_pack_varint(b, nfa_number_of(&s->evs, o->ev));
        base_pack_varint(b, nfa_span_number(s, o->to));
    }
}

/* -- loading ------------------------------------------------------------------------------------------------------ */

static uint64_t number_below(struct base_unpack *u, uint64_t most) {
    uint64_t n = base_unpack_varint(u);
    u->bad = u->bad || n > most;
    return u->bad ? 0 : n;
}

static void read_onward(
    struct nfa_spans_read *r, struct nfa_loader *l, struct base_unpack *u, uint64_t *order) {
    struct nfa_ev_read e;
    uint64_t from = number_below(u, r->n_spans);
    uint32_t var = nfa_load_var(l, u);
    nfa_load_ev_of(l, u, &e);
    uint64_t to = number_below(u, from ? from - 1 : 0);
    u->bad = u->bad || !from || !to || (order[from] && order[from] != e.order + 1);
    if (u->bad)
        return;
    order[from] = e.order + 1; /* all of a span are of one event */
    uint32_t at = 0;
    if (r->make && e.ev && var != NFA_NONE)
        at = nfa_onward_new(l->m, r->spans[from], var, e.ev, r->spans[to]);
    r->onwards[++r->n_onwards] = at;
}

void nfa_spans_load(struct nfa_spans_read *r, struct nfa_loader *l, struct base_unpack *u, bool make) {
    struct nfa_matcher *m = l->m;
    size_t n = base_unpack_count(u, 1);
    *r = (struct nfa_spans_read){ .make = make };
    r->spans = BASE_ARENA_ARRAY(&l->scratch, uint32_t, n + 1);
    uint64_t *order = BASE_ARENA_ARRAY(&l->scratch, uint64_t, n + 1);
    memset(order, 0, (n + 1) * sizeof *order);
    for (size_t i = 1; i <= n && !u->bad; i++) {
        uint64_t next = number_below(u, i - 1);
        r->spans[i] = make ? nfa_span_new(m, NFA_NONE) : 0;
        r->n_spans = i;
        if (!next || !make)
            continue;
        nfa_span_at(m, r->spans[i])->next = r->spans[next];
        nfa_span_ref(m, r->spans[next]);
    }
    n = u->bad ? 0 : base_unpack_count(u, 4);
    r->onwards = BASE_ARENA_ARRAY(&l->scratch, uint32_t, n + 1);
    r->part = BASE_ARENA_ARRAY(&l->scratch, enum nfa_onward_part, n + 1);
    memset(r->part, 0, (n + 1) * sizeof *r->part);
    for (size_t i = 0; i < n && !u->bad; i++)
        read_onward(r, l, u, order);
}

uint32_t nfa_load_span(const struct nfa_spans_read *r, struct base_unpack *u) {
    uint64_t n = number_below(u, r->n_spans);
    u->bad = u->bad || n == 0;
    return u->bad ? 0 : r->spans[n];
}

uint32_t nfa_load_onward(const struct nfa_spans_read *r, struct base_unpack *u) {
    uint64_t n = number_below(u, r->n_onwards);
    return n ? r->onwards[n] : 0;
}

uint32_t nfa_load_onwards(struct nfa_spans_read *r, struct nfa_matcher *m, struct base_unpack *u) {
    size_t n = base_unpack_count(u, 1);
    uint32_t head = 0, tail = 0;
    bool again = false; /* a copy of a cell that was read: they are put together already */
    for (size_t i = 0; i < n && !u->bad; i++) {
        uint64_t at = number_below(u, r->n_onwards);
        enum nfa_onward_part want = !tail ? NFA_ONWARD_HEAD : NFA_ONWARD_MORE;
        u->bad = u->bad || !at;
        if (u->bad || !r->onwards[at])
            continue;
        again = again || (!tail && r->part[at] == NFA_ONWARD_HEAD);
        u->bad = r->part[at] != (again ? want : NFA_ONWARD_FREE);
        if (u->bad)
            return 0;
        r->part[at] = want;
        if (tail && !again)
            nfa_onward_at(m, tail)->more = r->onwards[at];
        tail = r->onwards[at];
        head = head ? head : tail;
    }
    return u->bad ? 0 : head;
}

void nfa_spans_read_release(struct nfa_spans_read *r, struct nfa_matcher *m) {
    for (size_t i = 1; i <= r->n_onwards; i++) {
        if (r->onwards[i] && r->part[i] != NFA_ONWARD_MORE)
            nfa_onward_unref(m, r->onwards[i]);
    }
    for (size_t i = 1; i <= r->n_spans; i++)
        nfa_span_unref(m, r->spans[i]);
}
