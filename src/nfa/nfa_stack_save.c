/*
 * nfa_stack_save -- the stacks of a key (nfa_stack.h) written down and read back.
 *
 *     u8 beside: 0 = nothing; 1, 2 = a graph of earlier starts follows, as store 2 or 4 has it (nfa_graph_save.c)
 *     varint states * det                                    from 1 on (nfa_det_save.c)
 *     the edges between them, and the stacks                 (nfa_words.h)
 *
 * States and edges are those of the plan along which something may be there, so the entry tells its partial matches without the program that
 * saved it. The same program reads the stacks alone. Another one, or another store, takes the partial matches over one by one, by way of
 * runs; one with stacks too then has their graph beside its own. Up to NFA_CONVERT_MOST of a key; one with more loses them, and that is
 * counted.
 */
#include "nfa/nfa_graph.h"
#include "nfa/nfa_save.h"
#include "nfa/nfa_stack.h"
#include "nfa/nfa_words.h"

#include "base/base_mem.h"

enum beside { BESIDE_NOTHING = 0, BESIDE_GRAPH, BESIDE_FIRST };

/* -- saving ------------------------------------------------------------------------------------------------------- */

static void stacks_collect(struct nfa_saver *s, const struct nfa_key *k) {
    if (k->graph)
        nfa_store_graph.collect(s, k);
    for (uint32_t i = 0; k->stacks && i < s->m->p->stacks->n_stacks; i++) {
        for (uint32_t at = 0; at < k->stacks->v[i].n; at++)
            (void)nfa_save_ev(s, nfa_item_at(&k->stacks->v[i], at)->ev);
    }
}

static bool is_held(const struct nfa_stacks *s, const struct nfa_stack_edge *e) {
    return e->to != NFA_NONE && (s->held >> e->stack & 1);
}

/* Numbers the states along whose edges something may be there. Returns: how many; `order` lists them, from 1 on. */
static uint32_t number_states(
    const struct nfa_stack_plan *p, const struct nfa_stacks *s, uint32_t *number, uint32_t *order) {
    uint32_t n = 0;
    order[0] = 0;
    for (uint32_t at = 0; at <= n; at++) {
        for (uint32_t i = p->first[order[at]]; i < p->first[order[at] + 1]; i++) {
            const struct nfa_stack_edge *e = &p->edges[i];
            if (!is_held(s, e) || number[e->to])
                continue;
            number[e->to] = ++n;
            order[n] = e->to;
        }
    }
    return n;
}

static void save_plan(struct nfa_saver *s, const struct nfa_stacks *st) {
    const struct nfa_stack_plan *p = s->m->p->stacks;
    struct base_buf *b = &s->value;
    uint32_t *number = BASE_ARENA_ARRAY(&s->scratch, uint32_t, p->n_states + (size_t)1);
    uint32_t *order = BASE_ARENA_ARRAY(&s->scratch, uint32_t, p->n_states + (size_t)1);
    uint32_t n = number_states(p, st, number, order), n_edges = 0;
    base_pack_varint(b, n);
    for (uint32_t i = 1; i <= n; i++) {
        uint32_t q = order[i];
        base_pack_varint(b, p->first_det[q + 1] - p->first_det[q]);
        for (uint32_t d = p->first_det[q]; d < p->first_det[q + 1]; d++)
            base_pack_varint(b, p->dets[d]);
    }
    for (int put = 0; put < 2; put++) {
        if (put)
            base_pack_varint(b, n_edges);
        for (uint32_t at = 0; at <= n; at++) {
            for (uint32_t i = p->first[order[at]]; i < p->first[order[at] + 1]; i++) {
                const struct nfa_stack_edge *e = &p->edges[i];
                n_edges += !put && is_held(st, e);
                if (!put || !is_held(st, e))
                    continue;
                base_pack_varint(b, at);
                base_pack_varint(b, e->var);
                base_pack_varint(b, number[e->to]);
            }
        }
    }
    base_arena_clear(&s->scratch);
}

static void stacks_save(struct nfa_saver *s, const struct nfa_key *k) {
    static const struct nfa_stacks none = { .n_starts = 0 };
    const struct nfa_stack_plan *p = s->m->p->stacks;
    const struct nfa_stacks *st = k->stacks ? k->stacks : &none;
    struct base_buf *b = &s->value;
    base_pack_u8(b, !k->graph ? BESIDE_NOTHING : s->m->spans ? BESIDE_FIRST : BESIDE_GRAPH);
    if (k->graph)
        nfa_store_graph.save(s, k);
    save_plan(s, st);
    base_pack_varint(b, (uint64_t)__builtin_popcountll(st->held));
    for (uint64_t left = st->held; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(left);
        base_pack_varint(b, 2 * (uint64_t)p->stacks[i].var + p->stacks[i].starts);
        base_pack_varint(b, st->v[i].n);
        for (uint32_t at = 0; at < st->v[i].n; at++)
            base_pack_varint(b, nfa_number_of(&s->evs, nfa_item_at(&st->v[i], at)->ev));
    }
}

/* -- loading ------------------------------------------------------------------------------------------------------ */

static uint32_t stack_now(const struct nfa_stack_plan *p, uint32_t var, bool starts) {
    for (uint32_t i = 0; i < p->n_stacks; i++) {
        if (p->stacks[i].var == var && p->stacks[i].starts == starts)
            return i;
    }
    return NFA_NONE;
}

/* The starts' stacks side by side, so that an event in several of them is one start. Returns: the first one's order. */
static uint64_t push_starts(
    struct nfa_loader *l, struct nfa_stacks *s, const struct nfa_words *w, const uint32_t *now) {
    size_t passed[NFA_STACKS_MAX] = { 0 };
    uint64_t first = UINT64_MAX;
    for (;;) {
        uint64_t order = UINT64_MAX;
        for (size_t i = 0; i < w->n_stacks; i++) {
            if (w->stacks[i].starts && passed[i] < w->stacks[i].n && w->stacks[i].v[passed[i]].order < order)
                order = w->stacks[i].v[passed[i]].order;
        }
        if (order == UINT64_MAX)
            return first;
        struct nfa_ev *ev = NULL;
        for (size_t i = 0; i < w->n_stacks; i++) {
            const struct nfa_word_stack *st = &w->stacks[i];
            if (!st->starts || passed[i] == st->n || st->v[passed[i]].order != order)
                continue;
            ev = l->evs[st->v[passed[i]++].event];
            nfa_stacks_push(l->m, s, now[i], ev);
        }
        nfa_stacks_started(l->m, s, ev);
        first = first == UINT64_MAX ? order : first;
    }
}

/* By the same program: the stacks are its own. */
static void take_stacks(
    struct nfa_loader *l, struct nfa_key *k, const struct nfa_words *w, struct base_unpack *u) {
    uint32_t now[NFA_STACKS_MAX];
    bool any = false;
    for (size_t i = 0; i < w->n_stacks; i++) {
        now[i] = stack_now(l->m->p->stacks, l->var[w->stacks[i].var], w->stacks[i].starts);
        any = any || (w->stacks[i].starts && w->stacks[i].n);
        u->bad = u->bad || now[i] == NFA_NONE;
        for (size_t at = 0; at < w->stacks[i].n; at++)
            u->bad = u->bad || w->stacks[i].v[at].gone;
    }
    if (u->bad || !any)
        return;
    struct nfa_stacks *s = nfa_stacks_of(l->m, k);
    uint64_t first = push_starts(l, s, w, now);
    for (size_t i = 0; i < w->n_stacks; i++) {
        const struct nfa_word_stack *st = &w->stacks[i];
        for (size_t at = 0; at < st->n && !st->starts; at++) {
            if (st->v[at].order > first)
                nfa_stacks_push(l->m, s, now[i], l->evs[st->v[at].event]);
        }
    }
}

/* What is left of partial matches that the program cannot keep as they were, and what is lost. */
static void take_apart(
    struct nfa_loader *l, struct nfa_key *k, struct nfa_words *w, const struct nfa_det_read *dets) {
    uint64_t *all = BASE_ARENA_ARRAY(&l->scratch, uint64_t, w->n_states + (size_t)1),
             *left = BASE_ARENA_ARRAY(&l->scratch, uint64_t, w->n_states + (size_t)1), n = 0, starts = 0;
    nfa_words_count(w, true, all);
    for (size_t i = 0; i < w->n_stacks && !k; i++) {
        for (size_t at = 0; at < w->stacks[i].n; at++)
            w->stacks[i].v[at].gone = true;
    }
    nfa_words_count(w, false, left);
    for (uint32_t q = 1; q <= w->n_states; q++) {
        nfa_lose_det(l, &dets[q], all[q], all[q] == UINT64_MAX ? left[q] == 0 : all[q] - left[q]);
        n = nfa_count_more(n, left[q]);
    }
    if (!k || !n)
        return;
    for (size_t i = 0; i < w->n_stacks; i++)
        starts += w->stacks[i].starts ? w->stacks[i].n : 0;
    if (n > NFA_CONVERT_MOST)
        l->lost_store += starts;
    else
        nfa_words_to_runs(l, k, w, dets);
}

static void load_beside(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    uint8_t beside = base_unpack_u8(u);
    u->bad = u->bad || beside > BESIDE_FIRST;
    if (u->bad || beside == BESIDE_NOTHING)
        return;
    nfa_load_graphs(l->m);
    (beside == BESIDE_FIRST ? nfa_store_first : nfa_store_graph).load(l, k, u);
}

static void stacks_load(struct nfa_loader *l, struct nfa_key *k, struct base_unpack *u) {
    load_beside(l, k, u);
    size_t n = u->bad ? 0 : base_unpack_count(u, 2);
    struct nfa_det_read *dets = BASE_ARENA_ARRAY(&l->scratch, struct nfa_det_read, n + 1);
    for (size_t i = 1; i <= n && !u->bad; i++)
        nfa_load_det(l, u, false, &dets[i]);
    struct nfa_words w = { .n_states = 0 };
    if (!u->bad)
        nfa_words_read(&w, &l->scratch, u, (uint32_t)n, l->meta.n_vars, l->orders, l->n_evs);
    if (u->bad)
        return;
    for (size_t i = 0; i < w.n_stacks; i++) {
        for (size_t at = 0; at < w.stacks[i].n; at++)
            w.stacks[i].v[at].gone = !l->evs[w.stacks[i].v[at].event] || l->var[w.stacks[i].var] == NFA_NONE;
    }
    if (k && l->same && l->m->p->store == NFA_STORE_STACKS) {
        take_stacks(l, k, &w, u);
        return;
    }
    /* Earlier starts first. */
    if (k && k->graph)
        nfa_graph_to_runs(l, k);
    take_apart(l, k, &w, dets);
}

const struct nfa_store nfa_store_stacks = { .tag = 8,
    .kind = NFA_STORE_STACKS,
    .name = "stacks",
    .collect = stacks_collect,
    .save = stacks_save,
    .load = stacks_load };
