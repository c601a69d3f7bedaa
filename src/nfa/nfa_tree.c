/*
 * nfa_tree -- the pattern's normal form: every quantifier becomes "may be left out" and min..max with min >= 1.
 *
 * Laws: x{0,n} is (x{1,n})?; a group of nothing but x with a quantifier of its own is x with both where that means the
 * same: (x)+ is x+, (x{2,})? is an optional x{2,}. A group each of whose steps may be left out may take nothing (unit_nullable); a
 * repetition that takes nothing is never counted, so its bounds from below are met by themselves.
 *
 * Parents come before their children in nfa_prog.terms. The depth of nesting is bounded by nfa_limits.max_depth.
 */
#include "nfa/nfa_int.h"

#include "base/base_err.h"

/* The term that `t` comes down to when redundant groups are taken off, and whether one of them was optional. */
static const struct plan_term *unwrap(const struct plan_term *t, bool *optional) {
    while (t->kind == PLAN_TERM_CHAIN && t->n_steps == 1 && !t->steps[0].negated && !t->until &&
           (!t->gap_us || t->max == 1)) {
        const struct plan_term *in = t->steps[0].term;
        bool plain = in->min == 1 && in->max == 1;
        if (t->min == 1 && t->max == 1) {
            t = in;
        } else if (t->min == 0 && t->max == 1) {
            *optional = true;
            t = in;
        } else if (plain && in->kind != PLAN_TERM_CHAIN) {
            break; /* (x)+: the quantifier is taken from the group by the caller */
        } else {
            break;
        }
    }
    return t;
}

static uint32_t term_new(struct nfa_prog *p, const struct plan_term *t, uint32_t parent, bool optional) {
    uint32_t i = (uint32_t)p->n_terms;
    struct nfa_term *n = NFA_PUSH(p, p->terms, p->n_terms, p->cap_terms);
    const struct plan_term *unit = t;
    /* (x)+ with a plain x is x+. */
    while (unit->kind == PLAN_TERM_CHAIN && unit->n_steps == 1 && !unit->steps[0].negated &&
           unit->steps[0].term->min == 1 && unit->steps[0].term->max == 1 && !unit->until)
        unit = unit->steps[0].term;
    *n = (struct nfa_term){
        .kind = unit->kind,
        .var = unit->var,
        .optional = optional || t->min == 0,
        .min = t->min ? t->min : 1,
        .max = t->max,
        .greedy = t->greedy,
        .inner = t->inner,
        .gap_us = t->gap_us,
        .until = NFA_NONE,
        .parent = parent,
        .depth = parent == NFA_NONE ? 0 : p->terms[parent].depth + 1,
        .plan = unit,
    };
    if (t->until)
        n->until = nfa_atom_of_until(p, t->until);
    return i;
}

static enum cep_rc add_children(struct nfa_prog *p, uint32_t at, struct cep_err *err) {
    const struct plan_term *t = p->terms[at].plan;
    uint32_t limit = p->opts.limits.max_depth;
    if (p->terms[at].depth > limit)
        return base_err_at(err, t->span, CEP_ELIMIT, "groups are nested more than %u deep", (unsigned)limit);
    switch (t->kind) {
    case PLAN_TERM_VAR:
    case PLAN_TERM_MAX: return CEP_OK;
    case PLAN_TERM_CHAIN:
        p->terms[at].first = (uint32_t)p->n_steps;
        p->terms[at].n = t->n_steps;
        for (uint32_t i = 0; i < t->n_steps; i++) {
            const struct plan_step *s = &t->steps[i];
            if (i == 0 && s->negated)
                return base_err_at(err, t->span, CEP_EINVAL, "a sequence cannot begin with \"!\"");
            struct nfa_step *n = NFA_PUSH(p, p->steps, p->n_steps, p->cap_steps);
            *n =
                (struct nfa_step){ .op = s->op, .negated = s->negated, .lo_us = s->lo_us, .hi_us = s->hi_us };
            if (s->negated) {
                n->var = s->term->var;
                n->term = NFA_NONE;
            }
        }
        for (uint32_t i = 0; i < t->n_steps; i++) {
            if (t->steps[i].negated)
                continue;
            bool optional = false;
            const struct plan_term *c = unwrap(t->steps[i].term, &optional);
            uint32_t child = term_new(p, c, at, optional);
            p->steps[p->terms[at].first + i].term = child;
        }
        return CEP_OK;
    case PLAN_TERM_ALT:
    case PLAN_TERM_ALL:
        if (t->kind == PLAN_TERM_ALL && t->n_alts > p->opts.limits.max_all)
            return base_err_at(err, t->span, CEP_ELIMIT,
                "all() of %u members; it takes at most %u, for its states double with each",
                (unsigned)t->n_alts, (unsigned)p->opts.limits.max_all);
        p->terms[at].first = (uint32_t)p->n_steps;
        p->terms[at].n = t->n_alts;
        for (uint32_t i = 0; i < t->n_alts; i++)
            *NFA_PUSH(p, p->steps, p->n_steps, p->cap_steps) = (struct nfa_step){ .hi_us = -1 };
        for (uint32_t i = 0; i < t->n_alts; i++) {
            bool optional = false;
            const struct plan_term *c = unwrap(t->alts[i], &optional);
            uint32_t child = term_new(p, c, at, optional);
            p->steps[p->terms[at].first + i].term = child;
        }
        return CEP_OK;
    }
    return CEP_OK;
}

/* Children come after their parents, so going backwards sees them first. */
static void find_nullable(struct nfa_prog *p) {
    for (size_t i = p->n_terms; i-- > 0;) {
        struct nfa_term *t = &p->terms[i];
        bool all = true, any = false;
        for (uint32_t c = 0; c < t->n; c++) {
            const struct nfa_step *s = &p->steps[t->first + c];
            bool n = s->negated || p->terms[s->term].optional || p->terms[s->term].unit_nullable;
            all = all && n;
            any = any || n;
        }
        switch (t->kind) {
        case PLAN_TERM_VAR:
        case PLAN_TERM_MAX: t->unit_nullable = false; break;
        case PLAN_TERM_CHAIN:
        case PLAN_TERM_ALL: t->unit_nullable = all; break;
        case PLAN_TERM_ALT: t->unit_nullable = any; break;
        }
        if (t->unit_nullable)
            t->min = 1;
    }
}

/* The untils of the groups around each term; of a group also its own. A variable's own until is not among them. */
static void find_untils(struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_terms; i++) {
        struct nfa_term *t = &p->terms[i];
        if (t->parent != NFA_NONE) {
            const struct nfa_term *up = &p->terms[t->parent];
            for (size_t k = 0; k < up->untils.n; k++)
                *NFA_PUSH(p, t->untils.v, t->untils.n, t->untils.cap) = up->untils.v[k];
        }
        if (t->kind != PLAN_TERM_VAR && t->until != NFA_NONE)
            *NFA_PUSH(p, t->untils.v, t->untils.n, t->untils.cap) = t->until;
    }
}

/* Rounds of a loop over a group may share the same events in several ways, so may members of all(), and a group may be left
 * out as a whole or step by step. */
static bool has_many_ways(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_terms; i++) {
        const struct nfa_term *t = &p->terms[i];
        if (t->kind == PLAN_TERM_ALL || (t->kind != PLAN_TERM_VAR && (t->max > 1 || i != p->root)))
            return true;
    }
    return false;
}

enum cep_rc nfa_tree(struct nfa_prog *p, struct cep_err *err) {
    p->root = term_new(p, p->pat->root, NFA_NONE, false);
    for (uint32_t i = 0; i < p->n_terms; i++) {
        enum cep_rc rc = add_children(p, i, err);
        if (rc != CEP_OK)
            return rc;
    }
    find_nullable(p);
    find_untils(p);
    p->many_ways = has_many_ways(p);
    return CEP_OK;
}
