/* ref_place -- see ref_place.h: unrolls the pattern tree, one place at a time. */
#include "tests/reference/ref_place.h"

#include "base/base_check.h"

#include <string.h>

/* What a match brings along when it comes to a new place. */
struct coming {
    struct ref_list nots, late;
    const struct ref_head *greedy; /* the loop it comes from narrows what follows; NULL = no */
    int64_t lo_us, hi_us;          /* a bound that still waits for the first event of a group; hi -1 = none */
    const struct ref_rest *bound_end;
    uint32_t n_empty;
    const struct ref_rest *empty[REF_MAX_LIST];
};

static const struct coming nothing = { .hi_us = -1 };

static struct ref_place *follow(struct ref *r, const struct ref_rest *k, struct coming c);

static struct ref_place *place_new(struct ref *r, enum ref_place_kind kind) {
    struct ref_place *p = BASE_ARENA_NEW(&r->arena, struct ref_place);
    p->kind = kind;
    p->hi_us = -1;
    return p;
}

static const struct ref_rest *rest_new(struct ref *r, struct ref_rest v) {
    struct ref_rest *k = BASE_ARENA_NEW(&r->arena, struct ref_rest);
    *k = v;
    return k;
}

static void list_add(struct ref_list *l, uint32_t var) {
    for (uint32_t i = 0; i < l->n; i++)
        if (l->var[i] == var)
            return;
    CEP_REQUIRE(l->n < REF_MAX_LIST);
    l->var[l->n++] = var;
}

/* A group of one step. */
static bool is_bracket(const struct plan_term *t) {
    return t->kind == PLAN_TERM_CHAIN && t->n_steps == 1 && !t->steps[0].negated;
}

static bool quantified(const struct plan_term *t) {
    return t->min != 1 || t->max != 1;
}

static bool nullable(struct ref *r, const struct plan_term *t);

/* May one round of it take nothing? */
static bool body_nullable(struct ref *r, const struct plan_term *t) {
    bool all = true, any = false;
    switch (t->kind) {
    case PLAN_TERM_VAR: return false;
    case PLAN_TERM_CHAIN:
        for (uint32_t i = 0; i < t->n_steps; i++)
            all &= t->steps[i].negated || nullable(r, t->steps[i].term);
        return all;
    case PLAN_TERM_ALT:
    case PLAN_TERM_ALL:
        for (uint32_t i = 0; i < t->n_alts; i++) {
            bool can = nullable(r, t->alts[i]);
            all &= can;
            any |= can;
        }
        return t->kind == PLAN_TERM_ALT ? any : all;
    case PLAN_TERM_MAX: break;
    }
    return false;
}

/*
 * (a{3})? is nothing or exactly three: the optional of a loop, not a group around one. (a){3} is a{3}. A group of one
 * step stays a group only where both have a quantifier of their own.
 */
static const struct ref_unit *unit_of(struct ref *r, const struct plan_term *t) {
    struct ref_unit *u = BASE_ARENA_NEW(&r->arena, struct ref_unit);
    const struct plan_term *q = NULL; /* whose quantifier counts */
    while (is_bracket(t) && !q) {
        const struct plan_term *in = t->steps[0].term;
        while (is_bracket(in) && !quantified(in))
            in = in->steps[0].term;
        if (t->min == 0 && t->max == 1) {
            u->optional = true;
        } else if (quantified(t)) {
            if (quantified(in) || t->until)
                break;
            q = t;
        }
        t = in;
    }
    u->body = t;
    if (!q)
        q = t;
    u->optional |= q->min == 0;
    u->min = q->min ? q->min : 1;
    u->max = q->max;
    u->inner = q->inner;
    u->greedy = q->greedy;
    u->until = q->until ? q : NULL;
    u->gap_us = q->gap_us;
    /* Where a round may take nothing, bounds from below are met by themselves. */
    if (!r->calls.flink_groups && body_nullable(r, u->body))
        u->min = 1;
    return u;
}

static bool nullable(struct ref *r, const struct plan_term *t) {
    const struct ref_unit *u = unit_of(r, t);
    return u->optional || body_nullable(r, u->body);
}

/* Is there nothing more to come? */
static bool at_end(const struct ref_rest *k) {
    for (; k->kind != REF_END; k = k->up)
        if (!(k->kind == REF_STEPS && k->i == k->term->n_steps) &&
            !(k->kind == REF_AGAIN && k->i == k->unit->max))
            return false;
    return true;
}

/* The `-> !n` that stand right behind a loop, or behind the group that it ends. */
static void nots_behind(const struct ref_rest *k, struct ref_list *out) {
    while (k->kind == REF_STEPS || (k->kind == REF_AGAIN && k->i >= k->unit->min)) {
        for (uint32_t i = k->i; k->kind == REF_STEPS && i < k->term->n_steps; i++) {
            const struct plan_step *s = &k->term->steps[i];
            if (!s->negated || s->op == PLAN_NEXT)
                return;
            list_add(out, s->term->var);
        }
        k = k->up;
    }
}

static bool in_list(const struct ref_list *l, uint32_t var) {
    for (uint32_t i = 0; i < l->n; i++)
        if (l->var[i] == var)
            return true;
    return false;
}

/*
 * `-> !n` counts while the optional steps between it and this one have taken nothing. It comes back behind a variable that
 * took something, not behind a group.
 */
static void nots_before(struct ref *r, const struct plan_term *chain, uint32_t step, const struct coming *c,
    struct ref_list *out) {
    for (uint32_t i = step; i-- > 0;) {
        const struct plan_step *s = &chain->steps[i];
        if (!s->negated || s->op == PLAN_NEXT) {
            if (s->negated || !unit_of(r, s->term)->optional)
                return;
        } else if (r->calls.flink_groups || in_list(&c->nots, s->term->var) ||
                   in_list(&c->late, s->term->var)) {
            list_add(out, s->term->var);
        }
    }
}

/* -- heads ------------------------------------------------------------------------------------------------ */

static struct ref_head *add_head(
    struct ref *r, struct ref_place *p, const struct ref_unit *u, const struct ref_rest *up) {
    struct ref_head *h = BASE_ARENA_NEW(&r->arena, struct ref_head);
    CEP_REQUIRE(p->n_heads < REF_MAX_LIST);
    p->heads[p->n_heads++] = h;
    *h = (struct ref_head){ .unit = u, .rep = 1, .inner = u->inner, .rest = up, .leaves = u->optional };
    return h;
}

static void add_exit(struct ref_place *p, const struct ref_rest *k) {
    CEP_REQUIRE(p->n_exits < REF_MAX_LIST);
    p->exits[p->n_exits++] = k;
}

/* The variables that the `round`th repetition of u may begin with. */
static void collect(
    struct ref *r, struct ref_place *p, const struct ref_unit *u, uint32_t round, const struct ref_rest *up) {
    const struct plan_term *t = u->body;
    const struct ref_rest *in = up;
    if (t->kind != PLAN_TERM_VAR && u->max > 1) {
        in = rest_new(r, (struct ref_rest){ .kind = REF_AGAIN, .unit = u, .i = round, .up = up });
        CEP_REQUIRE(p->n_empty < REF_MAX_LIST);
        p->empty[p->n_empty++] = in;
    }
    switch (t->kind) {
    case PLAN_TERM_VAR: add_head(r, p, u, up); break;
    case PLAN_TERM_CHAIN: {
        const struct ref_unit *first = unit_of(r, t->steps[0].term);
        const struct ref_rest *behind = rest_new(
            r, (struct ref_rest){ .kind = REF_STEPS, .term = t, .i = 1, .up = in });
        uint32_t before = p->n_heads;
        collect(r, p, first, 1, behind);
        if (first->body->kind != PLAN_TERM_VAR && first->optional)
            add_exit(p, behind);
        if (r->calls.flink_groups && first->body->kind == PLAN_TERM_VAR)
            p->heads[before]->inner = u->inner;
        break;
    }
    case PLAN_TERM_ALT:
        for (uint32_t i = 0; i < t->n_alts; i++) {
            const struct ref_unit *side = unit_of(r, t->alts[i]);
            collect(r, p, side, 1, in);
            if (side->body->kind != PLAN_TERM_VAR && side->optional)
                add_exit(p, in);
        }
        break;
    case PLAN_TERM_ALL: {
        const struct ref_rest all = {
            .kind = REF_MEMBERS, .term = t, .left = ((uint64_t)1 << t->n_alts) - 1, .up = in
        };
        bool can = true;
        for (uint32_t i = 0; i < t->n_alts; i++) {
            struct ref_rest others = all;
            others.left &= ~((uint64_t)1 << i);
            uint32_t before = p->n_heads;
            collect(r, p, unit_of(r, t->alts[i]), 1, rest_new(r, others));
            if (unit_of(r, t->alts[i])->body->kind == PLAN_TERM_VAR)
                p->heads[before]->leaves = false;
            can &= nullable(r, t->alts[i]);
        }
        if (can)
            add_exit(p, in);
        break;
    }
    case PLAN_TERM_MAX: break;
    }
}

bool ref_place_leaves(const struct ref_place *p) {
    bool yes = p->n_exits > 0;
    for (uint32_t i = 0; i < p->n_heads; i++)
        yes |= p->heads[i]->leaves;
    return yes;
}

/* The place in which a match waits that could also have gone on: the same, but nothing can be left out. */
static void add_twin(struct ref *r, struct ref_place *p, const struct ref_list *nots) {
    struct ref_place *t = place_new(r, REF_WAIT);
    *t = *p;
    t->n_greedy = 0;
    t->nots = *nots;
    for (uint32_t i = 0; i < p->carry.n && !r->calls.flink_groups; i++)
        list_add(&t->nots, p->carry.var[i]);
    t->n_exits = 0;
    t->carry.n = 0;
    t->twin = NULL;
    for (uint32_t i = 0; i < p->n_heads; i++) {
        struct ref_head *h = BASE_ARENA_NEW(&r->arena, struct ref_head);
        *h = *p->heads[i];
        h->leaves = false;
        t->heads[i] = h;
    }
    p->twin = t;
}

static struct ref_place *wait_new(struct ref *r, struct coming c, enum plan_contig op) {
    struct ref_place *p = place_new(r, REF_WAIT);
    p->op = op;
    p->nots = p->carry = c.nots;
    p->late = c.late;
    if (c.greedy)
        p->greedy[p->n_greedy++] = c.greedy;
    p->lo_us = c.lo_us;
    p->hi_us = c.hi_us;
    p->bound_end = c.bound_end;
    p->n_empty = c.n_empty;
    memcpy(p->empty, c.empty, sizeof p->empty);
    return p;
}

static void bound(struct ref_place *p, int64_t lo_us, int64_t hi_us, const struct ref_rest *end) {
    if (lo_us <= 0 && hi_us < 0)
        return;
    if (lo_us > p->lo_us)
        p->lo_us = lo_us;
    if (hi_us >= 0 && (p->hi_us < 0 || hi_us < p->hi_us))
        p->hi_us = hi_us;
    if (!p->bound_end)
        p->bound_end = end;
}

/* -- the places of the tree ----------------------------------------------------------------------------------- */

/* Step `i` of a chain, which is no negation. */
static struct ref_place *enter_step(struct ref *r, const struct plan_term *chain, uint32_t i,
    const struct ref_rest *behind, struct coming c) {
    const struct plan_step *s = &chain->steps[i];
    const struct ref_unit *u = unit_of(r, s->term);
    struct ref_place *p = wait_new(r, c, s->op);
    bound(p, s->lo_us, s->hi_us, behind);
    collect(r, p, u, 1, behind);
    bool rounds = u->body->kind != PLAN_TERM_VAR && u->max > 1;
    p->untils = p->n_heads == 1 ? p->heads[0]->rest : rounds ? p->empty[c.n_empty] : behind;
    struct ref_list nots = { 0 };
    if (u->body->kind == PLAN_TERM_VAR || !r->calls.flink_groups)
        nots_before(r, chain, i, &c, &nots);
    if (u->body->kind == PLAN_TERM_VAR) {
        if (u->optional)
            p->heads[0]->late = nots;
        /* Leaving a loop out is narrowed as ending it is, but not where a negation stands before it. */
        p->heads[0]->free_leave = u->greedy && u->max == PLAN_UNBOUNDED && nots.n > 0;
    } else if (u->optional) {
        add_exit(p, behind);
    }
    if (ref_place_leaves(p))
        add_twin(r, p, &nots);
    return p;
}

/* Round `round` of a group, from the second on. */
static struct ref_place *enter_round(
    struct ref *r, const struct ref_unit *u, uint32_t round, const struct ref_rest *up, struct coming c) {
    bool may_end = round > u->min;
    if (may_end && u->max == PLAN_UNBOUNDED && c.greedy) {
        /* What a greedy last step of the group narrows is the way from round to round. */
        struct ref_place *j = place_new(r, REF_JOIN);
        j->greedy[j->n_greedy++] = c.greedy;
        c.greedy = NULL;
        j->next = enter_round(r, u, round, up, c);
        return j;
    }
    struct ref_place *p = wait_new(r, c, u->inner);
    if (u->gap_us > 0)
        bound(p, 0, u->gap_us, up);
    /* They count here whatever becomes of the way out, as behind a variable: its step may be out of time already. */
    nots_behind(up, &p->nots);
    collect(r, p, u, round, up);
    p->untils = p->n_heads == 1 ? p->heads[0]->rest : p->empty[c.n_empty];
    bool inside = ref_place_leaves(p);
    if (may_end)
        add_exit(p, up);
    struct ref_list nots = { 0 };
    nots_behind(up, &nots);
    p->behind = nots;
    if (inside || (may_end && !r->calls.flink_groups))
        add_twin(r, p, &nots);
    return p;
}

static struct ref_place *follow_steps(struct ref *r, const struct ref_rest *k, struct coming c) {
    if (k->i == k->term->n_steps)
        return follow(r, k->up, c);
    const struct plan_step *s = &k->term->steps[k->i];
    const struct ref_rest *behind = rest_new(
        r, (struct ref_rest){ .kind = REF_STEPS, .term = k->term, .i = k->i + 1, .up = k->up });
    if (!s->negated)
        return enter_step(r, k->term, k->i, behind, c);
    if (s->op == PLAN_NEXT) {
        struct ref_place *p = wait_new(r, c, PLAN_NEXT);
        p->kind = REF_NOT_NEXT;
        p->nots.n = 0;
        list_add(&p->nots, s->term->var);
        p->rest = behind;
        return p;
    }
    list_add(&c.nots, s->term->var);
    if (!at_end(behind))
        return follow(r, behind, c);
    struct ref_place *p = wait_new(r, c, PLAN_FOLLOWED);
    p->kind = REF_ABSENT;
    bound(p, s->lo_us, s->hi_us, behind);
    return p;
}

static struct ref_place *follow_members(struct ref *r, const struct ref_rest *k, struct coming c) {
    if (k->left == 0)
        return follow(r, k->up, c);
    struct ref_place *p = wait_new(r, c, PLAN_FOLLOWED);
    bool can = true;
    for (uint32_t i = 0; i < k->term->n_alts; i++) {
        if (!(k->left & (uint64_t)1 << i))
            continue;
        struct ref_rest others = *k;
        others.left &= ~((uint64_t)1 << i);
        uint32_t before = p->n_heads;
        collect(r, p, unit_of(r, k->term->alts[i]), 1, rest_new(r, others));
        if (unit_of(r, k->term->alts[i])->body->kind == PLAN_TERM_VAR)
            p->heads[before]->leaves = false;
        can &= nullable(r, k->term->alts[i]);
    }
    p->untils = k->up;
    if (can)
        add_exit(p, k->up);
    struct ref_list none = { 0 };
    if (ref_place_leaves(p))
        add_twin(r, p, &none);
    return p;
}

static struct ref_place *follow(struct ref *r, const struct ref_rest *k, struct coming c) {
    if (k == c.bound_end) {
        c.bound_end = NULL;
        c.lo_us = 0;
        c.hi_us = -1;
    }
    switch (k->kind) {
    case REF_END: {
        return place_new(r, REF_FINAL);
    }
    case REF_STEPS: return follow_steps(r, k, c);
    case REF_AGAIN:
        /* A round that took nothing is no round: the first leaves the group out, others would go on for ever. */
        for (uint32_t i = 0; i < c.n_empty; i++) {
            if (c.empty[i] != k)
                continue;
            if (r->calls.flink_groups ? k->unit->max == PLAN_UNBOUNDED && k->i > k->unit->min : k->i > 1)
                return place_new(r, REF_DEAD);
            if (!r->calls.flink_groups)
                return follow(r, k->up, c);
        }
        return k->i == k->unit->max ? follow(r, k->up, c) : enter_round(r, k->unit, k->i + 1, k->up, c);
    case REF_MEMBERS: return follow_members(r, k, c);
    case REF_REST_MAX: break;
    }
    return place_new(r, REF_DEAD);
}

struct ref_place *ref_place_start(struct ref *r) {
    const struct ref_rest *end = rest_new(r, (struct ref_rest){ .kind = REF_END });
    /* The root as the only step of a chain, so that a quantifier of its own is as good as any. */
    struct plan_step *s = BASE_ARENA_NEW(&r->arena, struct plan_step);
    *s = (struct plan_step){ .op = PLAN_NEXT, .hi_us = -1, .term = r->pat->root };
    struct plan_term *t = BASE_ARENA_NEW(&r->arena, struct plan_term);
    *t = (struct plan_term){ .kind = PLAN_TERM_CHAIN, .n_steps = 1, .steps = s, .min = 1, .max = 1 };
    struct coming c = nothing;
    if (!quantified(r->pat->root) && r->pat->root->kind == PLAN_TERM_CHAIN) {
        struct ref_rest first = { .kind = REF_STEPS, .term = r->pat->root, .up = end };
        return follow_steps(r, rest_new(r, first), c);
    }
    return follow_steps(r, rest_new(r, (struct ref_rest){ .kind = REF_STEPS, .term = t, .up = end }), c);
}

/* Repetition h->rep + 1 of a variable. */
static struct ref_place *enter_rep(struct ref *r, const struct ref_head *h) {
    const struct ref_unit *u = h->unit;
    struct ref_place *p = wait_new(r, nothing, h->inner);
    if (u->gap_us > 0)
        bound(p, 0, u->gap_us, h->rest);
    struct ref_head *again = add_head(r, p, u, h->rest);
    again->inner = h->inner;
    again->rep = h->rep + 1;
    again->leaves = h->rep >= u->min;
    again->late = p->late = h->late;
    p->untils = h->rest;
    nots_behind(h->rest, &p->nots);
    struct ref_list twin_nots = { 0 };
    if (u->max == PLAN_UNBOUNDED)
        nots_behind(h->rest, &twin_nots);
    if (again->leaves)
        add_twin(r, p, &twin_nots);
    return p;
}

struct ref_place *ref_place_taken(struct ref *r, const struct ref_head *h) {
    if (h->rep < h->unit->max)
        return enter_rep(r, h);
    struct coming c = nothing;
    c.late = h->late;
    if (h->unit->greedy && h->unit->min != h->unit->max)
        c.greedy = h;
    return follow(r, h->rest, c);
}

static struct coming coming_from(const struct ref_place *p) {
    struct coming c = nothing;
    c.nots = p->carry;
    c.late = p->late;
    c.n_empty = p->n_empty;
    memcpy(c.empty, p->empty, sizeof c.empty);
    if (p->bound_end) {
        c.lo_us = p->lo_us;
        c.hi_us = p->hi_us;
        c.bound_end = p->bound_end;
    }
    return c;
}

struct ref_place *ref_place_leave(
    struct ref *r, const struct ref_place *p, const struct ref_head *h, bool narrowed) {
    struct coming c = coming_from(p);
    if (narrowed)
        c.greedy = h;
    return follow(r, h->rest, c);
}

struct ref_place *ref_place_exit(struct ref *r, const struct ref_place *p, const struct ref_rest *exit) {
    return follow(r, exit, coming_from(p));
}

struct ref_place *ref_place_after_not(struct ref *r, const struct ref_place *p) {
    return follow(r, p->rest, coming_from(p));
}

static bool same_rest(const struct ref_rest *a, const struct ref_rest *b) {
    for (; a && b && a != b; a = a->up, b = b->up)
        if (a->kind != b->kind || a->term != b->term || a->i != b->i || a->left != b->left ||
            (a->unit ? a->unit->body : NULL) != (b->unit ? b->unit->body : NULL))
            return false;
    return a == b;
}

static bool same_list(const struct ref_list *a, const struct ref_list *b) {
    return a->n == b->n && memcmp(a->var, b->var, a->n * sizeof *a->var) == 0;
}

static bool same_head(const struct ref_head *a, const struct ref_head *b) {
    return a->unit->body == b->unit->body && a->rep == b->rep && a->leaves == b->leaves &&
           same_rest(a->rest, b->rest);
}

bool ref_place_same(const struct ref_place *a, const struct ref_place *b) {
    if (a->kind != b->kind || a->n_greedy != b->n_greedy || !same_list(&a->nots, &b->nots) ||
        !same_list(&a->late, &b->late) || a->op != b->op || a->n_heads != b->n_heads ||
        a->n_exits != b->n_exits || a->lo_us != b->lo_us || a->hi_us != b->hi_us ||
        !same_rest(a->rest, b->rest) || a->next != b->next || !a->twin != !b->twin)
        return false;
    for (uint32_t i = 0; i < a->n_greedy; i++)
        if (a->greedy[i]->unit->body != b->greedy[i]->unit->body)
            return false;
    for (uint32_t i = 0; i < a->n_heads; i++)
        if (!same_head(a->heads[i], b->heads[i]))
            return false;
    for (uint32_t i = 0; i < a->n_exits; i++)
        if (!same_rest(a->exits[i], b->exits[i]))
            return false;
    return !a->twin || same_list(&a->twin->nots, &b->twin->nots);
}
