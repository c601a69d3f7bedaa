/*
 * nfa_build -- the normal form becomes an automaton with take, ignore and proceed edges.
 *
 * A *place* is what is still to come: "step 2 of this chain, then ...", "after 3 repetitions of this loop, then ...".
 * Places are linked from the inside outwards and made once. A node of the automaton is a place together with a *mood*:
 * which negations are alive, and which condition a greedy loop just left holds against the next event. Nodes are
 * made when first asked for and built from a list, so that nothing here recurses.
 *
 *     WAIT     takes one of its heads (variables that can come next); ignores what its operator lets it
 *     FORK     proceeds: to the WAIT of the term, and past it where the term may be left out or the loop may end
 *     NOT_NEXT looks at one event: on to what follows, or the end of everything
 *     PENDING  absence: waits for its time to be over
 *
 * The details follow Flink CEP 2.0, down to its quirks (doc/matching.md lists them): a greedy loop restricts the first
 * node after it only; an event ignored in a FORK leads to the WAIT alone, which no longer proceeds.
 */
#include "nfa/nfa_build.h"

#include "base/base_err.h"

/* -- nodes -------------------------------------------------------------------------------------------------- */

static uint32_t node_new(struct nfa_builder *b, enum nfa_node_kind kind) {
    uint32_t i = (uint32_t)b->p->n_nodes;
    *NFA_PUSH(b->p, b->p->nodes, b->p->n_nodes, b->p->cap_nodes) =
        (struct nfa_node){ .kind = kind, .bound_us = -1, .absent_us = -1, .term = NFA_NONE };
    *NFA_PUSH(b->p, b->wants, b->n_wants, b->cap_wants) = (struct nfa_want){ 0 };
    return i;
}

static uint32_t node_of(struct nfa_builder *b, const struct nfa_want *w) {
    struct {
        char tag[8];
        struct nfa_want w;
    } key = { "node", *w };
    bool is_new;
    uint32_t i = nfa_build_memo(b, &key, sizeof key, (uint32_t)b->p->n_nodes, &is_new);
    if (is_new) {
        (void)node_new(b, NFA_NODE_WAIT);
        b->wants[i] = *w;
    }
    return i;
}

static void arc(struct nfa_builder *b, uint32_t node, enum nfa_action action, uint32_t target, uint32_t var,
    const nfa_lit *lits, size_t n) {
    if (target == b->dead && (action == NFA_PROCEED || action == NFA_IGNORE))
        return;
    struct nfa_arc a = { .action = action, .target = target, .var = var };
    if (!nfa_guard(b->p, lits, n, &a.guard, &a.n_guard))
        return;
    struct nfa_node *nd = &b->p->nodes[node];
    struct nfa_arc *slot = NFA_PUSH(b->p, nd->arcs, nd->n_arcs, nd->cap_arcs);
    *slot = a;
}

/* No step that takes an event is left. */
static bool is_last(const struct nfa_builder *b, uint32_t place) {
    const struct nfa_prog *p = b->p;
    for (;;) {
        const struct nfa_build_place *pl = &b->places[place];
        const struct nfa_term *t = pl->kind == NFA_BUILD_END ? NULL : &p->terms[pl->term];
        switch (pl->kind) {
        case NFA_BUILD_END: return true;
        case NFA_BUILD_STEP:
            for (uint32_t i = pl->n; i < t->n; i++) {
                const struct nfa_step *s = &p->steps[t->first + i];
                if (!s->negated || s->op == PLAN_NEXT)
                    return false;
            }
            break;
        case NFA_BUILD_LOOP:
            if (pl->n < t->max)
                return false;
            break;
        case NFA_BUILD_ALL:
            if (pl->n)
                return false;
            break;
        }
        place = pl->outer;
    }
}

/* `within D between events` is a bound on every step; so is, for its first event, that of a group around it. */
static struct nfa_follow follow_of(
    const struct nfa_builder *b, enum plan_contig op, int64_t lo, int64_t hi, uint32_t mood) {
    const struct plan_pattern *pat = b->p->pat;
    const struct nfa_mood *m = &b->moods[mood];
    hi = nfa_min_bound(hi, m->hi_us);
    if (lo < m->lo_us)
        lo = m->lo_us;
    if (pat->within_kind == PLAN_WITHIN_BETWEEN)
        hi = nfa_min_bound(hi, pat->within_us);
    return (struct nfa_follow){ op, lo, hi };
}

static uint32_t term_node(struct nfa_builder *b, enum nfa_want_kind kind, uint32_t term, struct nfa_follow f,
    uint32_t place, uint32_t mood) {
    return node_of(b, &(struct nfa_want){ .kind = kind,
                          .term = term,
                          .place = place,
                          .mood = mood,
                          .op = f.op,
                          .lo_us = f.lo_us,
                          .hi_us = f.hi_us });
}

/* The node in which what is to come at `place` begins. */
static uint32_t entry(struct nfa_builder *b, uint32_t place, uint32_t mood) {
    struct nfa_prog *p = b->p;
    for (;;) {
        const struct nfa_build_place pl = b->places[place];
        if (place == b->moods[mood].bound_end)
            mood = nfa_mood_without_bound(b, mood);
        switch (pl.kind) {
        case NFA_BUILD_END: return b->final;
        case NFA_BUILD_STEP: {
            const struct nfa_term *t = &p->terms[pl.term];
            if (pl.n == t->n) {
                place = pl.outer;
                continue;
            }
            const struct nfa_step *s = &p->steps[t->first + pl.n];
            uint32_t next = nfa_build_place_of(b, NFA_BUILD_STEP, pl.term, pl.n + 1, pl.outer);
            if (!s->negated)
                return term_node(
                    b, NFA_WANT_TERM, s->term, follow_of(b, s->op, s->lo_us, s->hi_us, mood), next, mood);
            if (s->op == PLAN_NEXT)
                return node_of(
                    b, &(struct nfa_want){ .kind = NFA_WANT_NOT_NEXT, .place = place, .mood = mood });
            if (is_last(b, next))
                return node_of(
                    b, &(struct nfa_want){ .kind = NFA_WANT_PENDING, .place = place, .mood = mood });
            mood = nfa_mood_with_not(b, mood, s->var);
            place = next;
            continue;
        }
        case NFA_BUILD_LOOP: {
            const struct nfa_term *t = &p->terms[pl.term];
            if (nfa_mood_has(b->moods[mood].fresh, b->moods[mood].n_fresh, place * 2))
                return b->dead; /* a repetition that took nothing; the loop's own way out is there */
            if (nfa_mood_has(b->moods[mood].fresh, b->moods[mood].n_fresh, place * 2 + 1)) {
                if (t->optional)
                    return b->dead;
                place = pl.outer;
                continue;
            }
            if (pl.n == t->max) {
                /* A greedy x{n,m} restricts what follows even after m. */
                if (t->greedy && t->min != t->max && t->kind == PLAN_TERM_VAR)
                    mood = nfa_mood_with_hold(b, mood, nfa_hold_of(b, t));
                place = pl.outer;
                continue;
            }
            return node_of(b, &(struct nfa_want){ .kind = NFA_WANT_LOOP, .place = place, .mood = mood });
        }
        case NFA_BUILD_ALL:
            if (pl.n == 0) {
                place = pl.outer;
                continue;
            }
            return node_of(b, &(struct nfa_want){ .kind = NFA_WANT_ALL, .place = place, .mood = mood });
        }
    }
}

/* -- building nodes ------------------------------------------------------------------------------------------- */

static size_t push_lit(nfa_lit *v, size_t n, nfa_lit l) {
    v[n] = l;
    return n + 1;
}

/* The place behind the step that is this variable and may be left out; NFA_NONE when it is none. */
static uint32_t optional_step(const struct nfa_builder *b, uint32_t term, const struct nfa_head *h) {
    const struct nfa_term *t = &b->p->terms[term];
    if (h->term != term || t->kind != PLAN_TERM_VAR || !t->optional)
        return NFA_NONE;
    const struct nfa_build_place *pl = &b->places[h->place];
    return pl->kind == NFA_BUILD_LOOP ? pl->outer : h->place;
}

/*
 * A node that waits for one of the heads. inner: a repetition after the first, to which the loop's own until applies
 * whole. ignore_to: where ignored events lead, NFA_NONE = back to the node.
 */
static void build_wait(struct nfa_builder *b, uint32_t node, uint32_t term, struct nfa_follow f,
    const struct nfa_heads *h, uint32_t mood, bool inner, uint32_t ignore_to) {
    struct nfa_prog *p = b->p;
    const struct nfa_mood m = b->moods[mood];
    const struct nfa_term *t = &p->terms[term];
    size_t most = 8 + h->n + m.n_nots + t->untils.n;
    for (size_t i = 0; i < h->n; i++) {
        if (most < 16 + h->n + p->terms[h->v[i].term].untils.n)
            most = 16 + h->n + p->terms[h->v[i].term].untils.n;
    }
    nfa_lit *g = BASE_ARENA_ARRAY(&p->arena, nfa_lit, most);
    uint32_t *fit = BASE_ARENA_ARRAY(&p->arena, uint32_t, h->n + 1);
    uint32_t lo = f.lo_us > 0 ? nfa_atom_of_time(p, NFA_ATOM_TIME_LO, f.lo_us) : NFA_NONE;
    uint32_t hi = f.hi_us >= 0 ? nfa_atom_of_time(p, NFA_ATOM_TIME_HI, f.hi_us) : NFA_NONE;

    p->nodes[node].kind = NFA_NODE_WAIT;
    p->nodes[node].bound_us = f.hi_us;
    if (ignore_to == NFA_NONE)
        ignore_to = node;

    for (size_t i = 0; i < h->n; i++) {
        const struct nfa_term *v = &p->terms[h->v[i].term];
        uint32_t a = nfa_atom_of_var(p, v->var);
        fit[i] = lo == NFA_NONE ? a : nfa_atom_both(p, nfa_lit_of(a, false), nfa_lit_of(lo, false));
        size_t n = push_lit(g, 0, nfa_lit_of(a, false));
        if (lo != NFA_NONE)
            n = push_lit(g, n, nfa_lit_of(lo, false));
        if (hi != NFA_NONE)
            n = push_lit(g, n, nfa_lit_of(hi, false));
        if (v->kind == PLAN_TERM_VAR && v->until != NFA_NONE)
            n = push_lit(g, n, nfa_lit_of(v->until, true));
        for (size_t k = 0; k < v->untils.n; k++)
            n = push_lit(g, n, nfa_lit_of(v->untils.v[k], true));
        if (m.hold != NFA_NONE)
            n = push_lit(g, n, m.hold);
        uint32_t after = nfa_mood_after(b, mood, optional_step(b, term, &h->v[i]));
        arc(b, node, NFA_TAKE, entry(b, h->v[i].place, after), v->var, g, n);
    }

    if (f.op != PLAN_NEXT) {
        size_t n = 0;
        if (f.op == PLAN_FOLLOWED) {
            uint32_t any = h->n > 4 ? nfa_atom_any(p, fit, h->n) : NFA_NONE;
            if (any != NFA_NONE)
                n = push_lit(g, n, nfa_lit_of(any, true));
            for (size_t i = 0; any == NFA_NONE && i < h->n; i++)
                n = push_lit(g, n, nfa_lit_of(fit[i], true));
        }
        /* Waiting for one variable inside a group's loop ends with that loop; for several only with what is around all. */
        const struct nfa_lits *untils = h->n == 1 ? &p->terms[h->v[0].term].untils : &t->untils;
        for (size_t k = 0; k < untils->n; k++)
            n = push_lit(g, n, nfa_lit_of(untils->v[k], true));
        if (inner && t->kind == PLAN_TERM_VAR && t->until != NFA_NONE)
            n = push_lit(g, n, nfa_lit_of(t->until, true));
        if (hi != NFA_NONE)
            n = push_lit(g, n, nfa_lit_of(hi, false));
        if (m.hold != NFA_NONE)
            n = push_lit(g, n, m.hold);
        arc(b, node, NFA_IGNORE, ignore_to, NFA_NONE, g, n);
    }

    for (size_t i = 0; i < m.n_nots; i++) {
        size_t n = push_lit(g, 0, nfa_lit_of(nfa_atom_of_var(p, m.nots[i]), false));
        if (hi != NFA_NONE)
            n = push_lit(g, n, nfa_lit_of(hi, false));
        if (m.hold != NFA_NONE)
            n = push_lit(g, n, m.hold);
        arc(b, node, NFA_STOP, b->dead, m.nots[i], g, n);
    }
}

/* A node that proceeds to `wait` and by every way out. */
static void build_fork(
    struct nfa_builder *b, uint32_t node, uint32_t wait, const struct nfa_heads *h, nfa_lit hold) {
    nfa_lit g[2] = { hold, NFA_NONE };
    size_t n = hold != NFA_NONE;
    b->p->nodes[node].kind = NFA_NODE_FORK;
    arc(b, node, NFA_PROCEED, wait, NFA_NONE, g, n);
    for (size_t i = 0; i < h->n_outs; i++) {
        g[n] = h->outs[i].cond;
        arc(b, node, NFA_PROCEED, entry(b, h->outs[i].place, h->outs[i].mood), NFA_NONE, g,
            h->outs[i].cond == NFA_NONE ? n : n + 1);
    }
}

static void build_term(struct nfa_builder *b, uint32_t node, const struct nfa_want *w) {
    struct nfa_prog *p = b->p;
    uint32_t term = (uint32_t)w->term, place = (uint32_t)w->place, mood = (uint32_t)w->mood;
    struct nfa_follow f = { (enum plan_contig)w->op, w->lo_us, w->hi_us };
    const struct nfa_term *t = &p->terms[term];
    uint32_t once = t->max > 1 ? nfa_build_place_of(b, NFA_BUILD_LOOP, term, 1, place) : place;
    uint32_t in_mood = mood;
    if (t->max > 1 && t->unit_nullable)
        in_mood = nfa_mood_with_fresh(b, mood, once, true);
    struct nfa_heads h = nfa_heads_of(b, term, 0, once, in_mood);
    nfa_bound_ways(b, &h, f, place);
    /* Flink restricts a copy of what follows when a negation stands before an optional loop: leaving it out is free. */
    if (t->optional && t->max == PLAN_UNBOUNDED && nfa_build_place_behind_any_not(b, place))
        nfa_way_out(b, &h, place, mood);
    else if (t->optional)
        nfa_ways_past(b, &h, t, place, mood);

    bool is_fork = h.n_outs > 0;
    if (w->kind == NFA_WANT_WAIT_TERM || !is_fork) {
        /* What comes late comes with the first ignored event, and only where a fork's twin is entered. */
        uint32_t twin = NFA_NONE;
        uint32_t my_mood = mood;
        if (w->kind == NFA_WANT_WAIT_TERM && b->moods[mood].n_late) {
            struct nfa_mood m = nfa_mood_copy(b, mood);
            for (size_t i = 0; i < m.n_late; i++)
                if (nfa_build_place_behind_not(b, place, m.late[i]))
                    nfa_mood_add(b, &m.nots, &m.n_nots, &m.cap_nots, m.late[i]);
            m.n_late = 0;
            m.late = NULL;
            twin = term_node(b, NFA_WANT_WAIT_TERM, term, f, place, nfa_mood_of(b, &m));
        }
        build_wait(b, node, term, f, &h, my_mood, false, twin);
        return;
    }
    /* The twin and what lies behind it are free of a greedy loop's restriction; the fork itself is not. */
    nfa_lit hold = b->moods[mood].hold;
    for (size_t i = 0; i < h.n_outs; i++) {
        if (b->moods[h.outs[i].mood].hold == hold)
            h.outs[i].mood = nfa_mood_with_hold(b, h.outs[i].mood, NFA_NONE);
    }
    uint32_t wait = term_node(b, NFA_WANT_WAIT_TERM, term, f, place, nfa_mood_with_hold(b, mood, NFA_NONE));
    build_fork(b, node, wait, &h, hold);
}

static void build_loop(struct nfa_builder *b, uint32_t node, const struct nfa_want *w) {
    struct nfa_prog *p = b->p;
    uint32_t here = (uint32_t)w->place, mood = (uint32_t)w->mood;
    struct nfa_build_place pl = b->places[here];
    const struct nfa_term *t = &p->terms[pl.term];
    bool unbounded = t->max == PLAN_UNBOUNDED;
    bool may_end = pl.n >= t->min || t->unit_nullable;
    uint32_t done = unbounded && pl.n >= t->min ? t->min : pl.n + 1;
    uint32_t next = nfa_build_place_of(b, NFA_BUILD_LOOP, pl.term, done, pl.outer);
    struct nfa_follow f = follow_of(b, t->inner, 0, t->gap_us > 0 ? t->gap_us : -1, mood);
    uint32_t in_mood = mood;
    if (t->unit_nullable)
        in_mood = nfa_mood_with_fresh(b, mood, next, false);
    struct nfa_heads h = nfa_heads_of(b, pl.term, 0, next, in_mood);
    nfa_bound_ways(b, &h, f, next);

    if (w->kind == NFA_WANT_WAIT_LOOP || (!may_end && !h.n_outs)) {
        uint32_t wait_mood = mood;
        if (!may_end || unbounded || t->kind != PLAN_TERM_VAR)
            wait_mood = nfa_mood_with_nots_at(b, wait_mood, pl.outer);
        build_wait(b, node, pl.term, f, &h, wait_mood, true, NFA_NONE);
        return;
    }
    /* A greedy last step of a group restricts the way from round to round, not what lies behind it. */
    nfa_lit hold = b->moods[mood].hold;
    uint32_t free_mood = nfa_mood_with_hold(b, mood, NFA_NONE);
    if (hold != NFA_NONE) {
        h = nfa_heads_of(b, pl.term, 0, next, nfa_mood_with_hold(b, in_mood, NFA_NONE));
        nfa_bound_ways(b, &h, f, next);
    }
    if (may_end)
        nfa_ways_past(b, &h, t, pl.outer, free_mood);
    uint32_t wait = node_of(
        b, &(struct nfa_want){ .kind = NFA_WANT_WAIT_LOOP, .place = here, .mood = free_mood });
    build_fork(b, node, wait, &h, hold);
    /* The negation behind a loop that may end counts here whatever becomes of the way out. */
    uint32_t behind = nfa_mood_with_nots_at(b, 0, pl.outer); /* may move b->moods */
    const struct nfa_mood nots = b->moods[behind];
    for (size_t i = 0; may_end && t->kind == PLAN_TERM_VAR && i < nots.n_nots; i++) {
        nfa_lit n = nfa_lit_of(nfa_atom_of_var(p, nots.nots[i]), false);
        arc(b, node, NFA_STOP, b->dead, nots.nots[i], &n, 1);
    }
}

static void build_all(struct nfa_builder *b, uint32_t node, const struct nfa_want *w) {
    struct nfa_build_place pl = b->places[w->place];
    struct nfa_follow f = follow_of(b, PLAN_FOLLOWED, 0, -1, (uint32_t)w->mood);
    uint32_t mood = (uint32_t)w->mood;
    struct nfa_heads h = nfa_heads_of(b, pl.term, pl.n, pl.outer, mood);
    if (!h.n_outs) {
        build_wait(b, node, pl.term, f, &h, mood, false, NFA_NONE);
        return;
    }
    /* Members that may be left out: wait in a node of its own, or go on. A greedy loop before restricts the fork. */
    nfa_lit hold = b->moods[mood].hold;
    uint32_t free_mood = nfa_mood_with_hold(b, mood, NFA_NONE);
    h = nfa_heads_of(b, pl.term, pl.n, pl.outer, free_mood);
    uint32_t wait = node_new(b, NFA_NODE_WAIT);
    b->wants[wait].kind = UINT64_MAX;
    build_wait(b, wait, pl.term, f, &h, free_mood, false, NFA_NONE);
    build_fork(b, node, wait, &h, hold);
}

static void build_not_next(struct nfa_builder *b, uint32_t node, const struct nfa_want *w) {
    struct nfa_prog *p = b->p;
    struct nfa_build_place pl = b->places[w->place];
    const struct nfa_mood m = b->moods[w->mood];
    const struct nfa_step *s = &p->steps[p->terms[pl.term].first + pl.n];
    uint32_t next = nfa_build_place_of(b, NFA_BUILD_STEP, pl.term, pl.n + 1, pl.outer);
    nfa_lit g[2] = { nfa_lit_of(nfa_atom_of_var(p, s->var), true), m.hold };
    size_t n = m.hold != NFA_NONE ? 2 : 1;
    uint32_t target = entry(b, next, nfa_mood_with_hold(b, (uint32_t)w->mood, NFA_NONE));
    struct nfa_follow f = follow_of(b, PLAN_NEXT, 0, s->hi_us, (uint32_t)w->mood);
    p->nodes[node].kind = NFA_NODE_NOT_NEXT;
    p->nodes[node].bound_us = f.hi_us;
    /* As the last step the event that is no b completes the match; it does so only when it comes. */
    arc(b, node, target == b->final ? NFA_IGNORE : NFA_PROCEED, target, NFA_NONE, g, n);
    g[0] = nfa_lit_of(nfa_atom_of_var(p, s->var), false);
    arc(b, node, NFA_STOP, b->dead, s->var, g, n);
    for (size_t i = 0; i < m.n_nots; i++) {
        g[0] = nfa_lit_of(nfa_atom_of_var(p, m.nots[i]), false);
        arc(b, node, NFA_STOP, b->dead, m.nots[i], g, n);
    }
}

static void build_pending(struct nfa_builder *b, uint32_t node, const struct nfa_want *w) {
    struct nfa_prog *p = b->p;
    struct nfa_build_place pl = b->places[w->place];
    uint32_t with_nots = nfa_mood_with_nots_at(
        b, (uint32_t)w->mood, (uint32_t)w->place); /* may move b->moods */
    const struct nfa_mood m = b->moods[with_nots];
    const struct nfa_term *t = &p->terms[pl.term];
    int64_t own = -1;
    for (uint32_t i = pl.n; i < t->n; i++)
        own = nfa_min_bound(own, p->steps[t->first + i].hi_us);
    int64_t hi = nfa_min_bound(own, follow_of(b, PLAN_FOLLOWED, 0, -1, (uint32_t)w->mood).hi_us);
    if (hi < 0 && p->pat->within_kind == PLAN_WITHIN_NONE) {
        b->rc = base_err_at(b->err, t->plan->span, CEP_EINVAL,
            "a pattern that ends with \"-> !%.*s\" needs a time limit",
            BASE_STR_FMT(p->pat->vars[m.nots[0]].name));
        base_err_hint(b->err, "add \"within\" or a bound such as ->[10 min]");
        return;
    }
    p->nodes[node].kind = NFA_NODE_PENDING;
    p->nodes[node].bound_us = hi;
    p->nodes[node].absent_us = own == hi ? own : -1;
    nfa_lit *g = BASE_ARENA_ARRAY(&p->arena, nfa_lit, m.n_nots + 1);
    size_t n = 0;
    for (size_t i = 0; i < m.n_nots; i++) {
        uint32_t a = nfa_atom_of_var(p, m.nots[i]);
        nfa_lit hit[2] = { nfa_lit_of(a, false), m.hold };
        arc(b, node, NFA_STOP, b->dead, m.nots[i], hit, m.hold != NFA_NONE ? 2 : 1);
        n = push_lit(g, n, nfa_lit_of(a, true));
    }
    if (m.hold != NFA_NONE)
        n = push_lit(g, n, m.hold);
    arc(b, node, NFA_IGNORE, node, NFA_NONE, g, n);
}

static void name_node(struct nfa_builder *b, uint32_t node, const struct nfa_want *w) {
    struct nfa_node *n = &b->p->nodes[node];
    if (w->kind == UINT64_MAX)
        return;
    enum nfa_want_kind k = (enum nfa_want_kind)w->kind;
    switch (k) {
    case NFA_WANT_TERM:
    case NFA_WANT_WAIT_TERM: n->term = (uint32_t)w->term; break;
    case NFA_WANT_LOOP:
    case NFA_WANT_WAIT_LOOP:
    case NFA_WANT_ALL:
    case NFA_WANT_NOT_NEXT:
    case NFA_WANT_PENDING:
        n->term = b->places[w->place].term;
        n->rep = b->places[w->place].n;
        break;
    }
}

/* Nodes of one name are told apart by a number. */
static void number_twins(struct nfa_builder *b) {
    struct nfa_prog *p = b->p;
    for (uint32_t i = 0; i < p->n_nodes; i++) {
        struct base_buf name = BASE_BUF_INIT;
        base_buf_puts(&name, "name ");
        nfa_write_node_name(&name, p, i);
        struct base_str key = base_buf_view(&name);
        uint64_t seen = 0;
        (void)base_map_get(p->memo, key, &seen);
        (void)base_map_put(p->memo, key, seen + 1);
        p->nodes[i].twin = (uint32_t)seen;
        base_buf_release(&name);
    }
}

enum cep_rc nfa_build(struct nfa_prog *p, struct cep_err *err) {
    struct nfa_builder b = { .p = p, .err = err, .rc = CEP_OK };
    b.final = node_new(&b, NFA_NODE_FINAL);
    b.dead = node_new(&b, NFA_NODE_DEAD);
    (void)nfa_mood_of(&b, &nfa_calm_mood);
    uint32_t end = nfa_build_place_of(&b, NFA_BUILD_END, NFA_NONE, 0, NFA_NONE);
    /* Nothing comes before the first event: the start only takes. */
    struct nfa_follow first = { PLAN_NEXT, 0, -1 };
    p->start_node = term_node(&b, NFA_WANT_TERM, p->root, first, end, 0);
    for (uint32_t i = 2; i < p->n_nodes && b.rc == CEP_OK; i++) {
        if (p->n_nodes > p->opts.limits.max_states)
            return base_err_at(err, p->node->span, CEP_ELIMIT, "the pattern needs more than %u states",
                (unsigned)p->opts.limits.max_states);
        struct nfa_want w = b.wants[i];
        name_node(&b, i, &w);
        if (w.kind == UINT64_MAX)
            continue;
        enum nfa_want_kind k = (enum nfa_want_kind)w.kind;
        switch (k) {
        case NFA_WANT_TERM:
        case NFA_WANT_WAIT_TERM: build_term(&b, i, &w); break;
        case NFA_WANT_LOOP:
        case NFA_WANT_WAIT_LOOP: build_loop(&b, i, &w); break;
        case NFA_WANT_ALL: build_all(&b, i, &w); break;
        case NFA_WANT_NOT_NEXT: build_not_next(&b, i, &w); break;
        case NFA_WANT_PENDING: build_pending(&b, i, &w); break;
        }
    }
    if (b.rc == CEP_OK)
        number_twins(&b);
    return b.rc;
}
