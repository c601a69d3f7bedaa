/*
 * nfa_cond -- conditions taken apart: what looks at the event alone, and what needs the partial match.
 *
 * Law: an atom is true exactly when its bit is set and its rest is true. A conjunction is split at its top: its
 * event-only members become the bit, the others the rest. An AND is true exactly when all its members are, so nothing
 * changes; a member of the rest whose bit is not set is never evaluated, which is what AND promises anyway.
 */
#include "nfa/nfa_int.h"

#include "base/base_check.h"

#include <stdlib.h>

static uint32_t bit_new(struct nfa_prog *p, const struct nfa_bit *b) {
    uint32_t i = (uint32_t)p->n_bits;
    *NFA_PUSH(p, p->bits, p->n_bits, p->cap_bits) = *b;
    return i;
}

/* Equal questions get one number. Chains of equal hashes are walked by probing hash + 1, + 2, ... */
static uint32_t bit_of_expr(struct nfa_prog *p, const struct expr *e, int32_t input) {
    struct {
        char tag[8];
        uint64_t hash;
        int64_t input;
    } key = { "bit", e ? expr_hash(e) : 0, input };
    for (;; key.hash++) {
        uint64_t found;
        struct base_str k = { (const char *)&key, sizeof key };
        if (!base_map_get(p->memo, k, &found)) {
            uint32_t bit = bit_new(p, &(struct nfa_bit){ .e = e, .input = input });
            (void)base_map_put(p->memo, k, bit);
            return bit;
        }
        const struct nfa_bit *b = &p->bits[found];
        if (b->input == input && !b->n_any && ((!e && !b->e) || (e && b->e && expr_eq(e, b->e))))
            return (uint32_t)found;
    }
}

static uint32_t atom_new(struct nfa_prog *p, const struct nfa_atom *a) {
    uint32_t i = (uint32_t)p->n_atoms;
    *NFA_PUSH(p, p->atoms, p->n_atoms, p->cap_atoms) = *a;
    return i;
}

/* A conjunction of some members of an AND; the member itself when there is one. */
static const struct expr *conjunction(
    struct nfa_prog *p, const struct expr *like, const struct expr **args, uint32_t n) {
    if (n == 0)
        return NULL;
    if (n == 1)
        return args[0];
    struct expr *e = BASE_ARENA_NEW(&p->arena, struct expr);
    *e = *like;
    const struct expr **copy = BASE_ARENA_ARRAY(&p->arena, const struct expr *, n);
    memcpy(copy, args, n * sizeof *copy);
    e->args = copy;
    e->n_args = n;
    return e;
}

static uint32_t cond_atom(
    struct nfa_prog *p, const struct expr *e, int32_t input, uint32_t var, uint32_t until) {
    struct nfa_atom a = { .kind = NFA_ATOM_COND, .bit = NFA_NONE, .var = var, .until = until };
    const struct expr *alone = NULL;
    if (e && expr_is_event_only(e)) {
        alone = e;
    } else if (e && e->kind == EXPR_AND) {
        const struct expr **ev = BASE_ARENA_ARRAY(&p->arena, const struct expr *, e->n_args);
        const struct expr **rest = BASE_ARENA_ARRAY(&p->arena, const struct expr *, e->n_args);
        uint32_t n_ev = 0, n_rest = 0;
        for (uint32_t i = 0; i < e->n_args; i++) {
            if (expr_is_event_only(e->args[i]))
                ev[n_ev++] = e->args[i];
            else
                rest[n_rest++] = e->args[i];
        }
        alone = conjunction(p, e, ev, n_ev);
        a.rest = conjunction(p, e, rest, n_rest);
    } else {
        a.rest = e;
    }
    if (alone || input >= 0)
        a.bit = bit_of_expr(p, alone, input);
    return atom_new(p, &a);
}

uint32_t nfa_atom_of_var(struct nfa_prog *p, uint32_t var) {
    if (p->var_atom[var] == NFA_NONE) {
        const struct plan_var *v = &p->pat->vars[var];
        /* A pattern over one stream has nothing to tell apart. */
        int32_t input = p->pat->n_inputs > 1 ? v->input : -1;
        p->var_atom[var] = cond_atom(p, v->cond, input, var, NFA_NONE);
    }
    return p->var_atom[var];
}

uint32_t nfa_atom_of_until(struct nfa_prog *p, const struct expr *e) {
    for (uint32_t i = 0; i < p->n_atoms; i++) {
        if (p->atoms[i].until != NFA_NONE && p->untils[p->atoms[i].until] == e)
            return i;
    }
    uint32_t number = (uint32_t)p->n_untils;
    *NFA_PUSH(p, p->untils, p->n_untils, p->cap_untils) = e;
    return cond_atom(p, e, -1, NFA_NONE, number);
}

uint32_t nfa_atom_of_time(struct nfa_prog *p, enum nfa_atom_kind kind, int64_t us) {
    struct {
        char tag[8];
        int64_t kind, us;
    } key = { "time", kind, us };
    struct base_str k = { (const char *)&key, sizeof key };
    uint64_t found;
    if (base_map_get(p->memo, k, &found))
        return (uint32_t)found;
    uint32_t a = atom_new(
        p, &(struct nfa_atom){ .kind = kind, .bit = NFA_NONE, .var = NFA_NONE, .until = NFA_NONE, .us = us });
    (void)base_map_put(p->memo, k, a);
    return a;
}

uint32_t nfa_atom_both(struct nfa_prog *p, nfa_lit a, nfa_lit b) {
    struct {
        char tag[8];
        uint64_t a, b;
    } key = { "both", a, b };
    struct base_str k = { (const char *)&key, sizeof key };
    uint64_t found;
    if (base_map_get(p->memo, k, &found))
        return (uint32_t)found;
    uint32_t bit = nfa_lit_negated(a) ? NFA_NONE : p->atoms[nfa_lit_atom(a)].bit;
    if (bit == NFA_NONE && !nfa_lit_negated(b))
        bit = p->atoms[nfa_lit_atom(b)].bit;
    uint32_t made = atom_new(
        p, &(struct nfa_atom){
               .kind = NFA_ATOM_BOTH, .bit = bit, .var = NFA_NONE, .until = NFA_NONE, .both = { a, b } });
    (void)base_map_put(p->memo, k, made);
    return made;
}

static int cmp_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

uint32_t nfa_atom_any(struct nfa_prog *p, const uint32_t *atoms, size_t n) {
    uint32_t *bits = BASE_ARENA_ARRAY(&p->arena, uint32_t, n);
    for (size_t i = 0; i < n; i++) {
        if (!nfa_atom_is_bit(&p->atoms[atoms[i]]))
            return NFA_NONE;
        bits[i] = p->atoms[atoms[i]].bit;
    }
    qsort(bits, n, sizeof *bits, cmp_u32);
    size_t distinct = 0;
    for (size_t i = 0; i < n; i++) {
        if (!distinct || bits[distinct - 1] != bits[i])
            bits[distinct++] = bits[i];
    }
    struct base_str k = { (const char *)bits, distinct * sizeof *bits };
    uint64_t found;
    if (base_map_get(p->memo, k, &found))
        return (uint32_t)found;
    uint32_t bit = bit_new(p, &(struct nfa_bit){ .input = -1, .n_any = (uint32_t)distinct, .any = bits });
    uint32_t a = atom_new(
        p, &(struct nfa_atom){ .kind = NFA_ATOM_COND, .bit = bit, .var = NFA_NONE, .until = NFA_NONE });
    (void)base_map_put(p->memo, k, a);
    return a;
}

bool nfa_guard(struct nfa_prog *p, const nfa_lit *lits, size_t n, uint32_t *off, uint32_t *n_out) {
    size_t start = p->lits.n, len = 0;
    for (size_t i = 0; i < n; i++)
        *NFA_PUSH(p, p->lits.v, p->lits.n, p->lits.cap) = lits[i];
    nfa_lit *g = n ? p->lits.v + start : NULL;
    if (n)
        qsort(g, n, sizeof *g, cmp_u32);
    for (size_t i = 0; i < n; i++) {
        if (len && g[len - 1] == g[i])
            continue;
        /* Sorted: an atom and its negation are neighbours. */
        if (len && nfa_lit_atom(g[len - 1]) == nfa_lit_atom(g[i])) {
            p->lits.n = start;
            return false;
        }
        g[len++] = g[i];
    }
    p->lits.n = start + len;
    *off = (uint32_t)start;
    *n_out = (uint32_t)len;
    return true;
}
