/*
 * nfa_heads -- which variables can begin a term, and how it can be left without taking anything (nfa_build.h).
 */
#include "nfa/nfa_build.h"

nfa_lit nfa_hold_of(struct nfa_builder *b, const struct nfa_term *t) {
    uint32_t fits = nfa_atom_of_var(b->p, t->var);
    for (size_t i = 0; i < t->untils.n; i++)
        fits = nfa_atom_both(b->p, nfa_lit_of(fits, false), nfa_lit_of(t->untils.v[i], true));
    return nfa_lit_of(fits, true);
}

static void way_out_if(
    struct nfa_builder *b, struct nfa_heads *h, uint32_t place, uint32_t mood, nfa_lit cond) {
    for (size_t i = 0; i < h->n_outs; i++) {
        if (h->outs[i].place == place && h->outs[i].mood == mood && h->outs[i].cond == cond)
            return;
    }
    *NFA_PUSH(b->p, h->outs, h->n_outs, h->cap_outs) = (struct nfa_way_out){ place, mood, cond };
}

void nfa_way_out(struct nfa_builder *b, struct nfa_heads *h, uint32_t place, uint32_t mood) {
    way_out_if(b, h, place, mood, NFA_NONE);
}

void nfa_ways_past(
    struct nfa_builder *b, struct nfa_heads *h, const struct nfa_term *t, uint32_t place, uint32_t mood) {
    if (!t->greedy || t->kind != PLAN_TERM_VAR || t->min == t->max) {
        nfa_way_out(b, h, place, mood);
        return;
    }
    uint32_t held = nfa_mood_with_hold(b, mood, nfa_hold_of(b, t));
    if (t->until == NFA_NONE) {
        nfa_way_out(b, h, place, held);
        return;
    }
    way_out_if(b, h, place, mood, nfa_lit_of(t->until, false));
    way_out_if(b, h, place, held, nfa_lit_of(t->until, true));
}

struct todo {
    uint32_t term;
    uint32_t place; /* after one repetition of it */
    uint32_t mood;
    uint32_t keep_out; /* members of all(): leaving one out is not a way out on its own; else NFA_NONE */
};

struct nfa_heads nfa_heads_of(
    struct nfa_builder *b, uint32_t term, uint32_t members, uint32_t place, uint32_t mood) {
    struct nfa_prog *p = b->p;
    struct nfa_heads h = { 0 };
    struct todo *todo = NULL;
    size_t n_todo = 0, cap_todo = 0;
    uint32_t all_outer = NFA_NONE;

    *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct todo){ term, place, mood, NFA_NONE };
    while (n_todo) {
        struct todo td = todo[--n_todo];
        const struct nfa_term *t = &p->terms[td.term];
        size_t mark = n_todo;
        switch (t->kind) {
        case PLAN_TERM_VAR: *NFA_PUSH(p, h.v, h.n, h.cap) = (struct nfa_head){ td.term, td.place }; continue;
        case PLAN_TERM_CHAIN:
            *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct todo){ p->steps[t->first].term,
                nfa_build_place_of(b, NFA_BUILD_STEP, td.term, 1, td.place), td.mood, NFA_NONE };
            break;
        case PLAN_TERM_ALT:
            for (uint32_t i = t->n; i-- > 0;)
                *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct todo){ p->steps[t->first + i].term, td.place,
                    td.mood, NFA_NONE };
            break;
        case PLAN_TERM_ALL: {
            uint32_t set = td.term == term && members ? members : (uint32_t)((UINT64_C(1) << t->n) - 1);
            bool nullable = true;
            for (uint32_t i = t->n; i-- > 0;) {
                if (!(set >> i & 1))
                    continue;
                uint32_t rest = nfa_build_place_of(b, NFA_BUILD_ALL, td.term, set & ~(1u << i), td.place);
                uint32_t c = p->steps[t->first + i].term;
                nullable = nullable && (p->terms[c].optional || p->terms[c].unit_nullable);
                *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct todo){ c, rest, td.mood, rest };
            }
            all_outer = td.place;
            if (nullable)
                nfa_way_out(b, &h, all_outer, td.mood);
            break;
        }
        case PLAN_TERM_MAX: continue;
        }
        /* The members' own quantifiers. */
        for (size_t i = mark; i < n_todo; i++) {
            struct todo *c = &todo[i];
            const struct nfa_term *ct = &p->terms[c->term];
            /* A term whose steps may all be left out is left step by step: greedy steps in it count. */
            if (ct->optional && c->place != c->keep_out)
                nfa_ways_past(b, &h, ct, c->place, c->mood);
            if (ct->max > 1) {
                uint32_t loop = nfa_build_place_of(b, NFA_BUILD_LOOP, c->term, 1, c->place);
                c->place = loop;
                if (ct->unit_nullable)
                    c->mood = nfa_mood_with_fresh(b, c->mood, loop, true);
            }
            c->keep_out = NFA_NONE;
        }
    }
    return h;
}

/* Ways that lead on inside the group still owe it its first event, in the time that is set for that. */
void nfa_bound_ways(struct nfa_builder *b, struct nfa_heads *h, struct nfa_follow f, uint32_t end) {
    for (size_t i = 0; i < h->n_outs; i++)
        h->outs[i].mood = nfa_mood_with_bound(b, h->outs[i].mood, f.lo_us, f.hi_us, end);
}
