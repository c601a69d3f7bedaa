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
#include "nfa/nfa_int.h"

#include "base/base_err.h"

enum place_kind { PLACE_END = 0, PLACE_STEP, PLACE_LOOP, PLACE_ALL };

struct place {
    enum place_kind kind;
    uint32_t term; /* STEP: the chain; LOOP, ALL: the term */
    uint32_t n;    /* STEP: index of the step; LOOP: repetitions done; ALL: bitmap of members still to come */
    uint32_t outer; /* place */
};

/* Sets of small numbers, sorted, made once; 0 is the empty one. */
struct mood {
    uint32_t *nots; /* variables whose events end the path */
    size_t n_nots, cap_nots;
    uint32_t *
        late; /* the same, but only once an event was ignored (what Flink's copies without negations amount to) */
    size_t n_late, cap_late;
    nfa_lit hold;    /* greedy: a literal that edges must satisfy; NFA_NONE = none */
    uint32_t *fresh; /* loops entered without taking anything: place * 2, + 1 for the first repetition */
    size_t n_fresh, cap_fresh;
    int64_t lo_us, hi_us; /* a bound that still waits for the first event of a group; hi -1 = none */
    uint32_t bound_end;   /* void past this place: the group was left out; NFA_NONE = no bound */
};

/* How the first event follows. */
struct follow {
    enum plan_contig op;
    int64_t lo_us, hi_us; /* hi -1 = none */
};

enum want_kind {
    WANT_TERM = 0,
    WANT_LOOP,
    WANT_WAIT_TERM,
    WANT_WAIT_LOOP,
    WANT_ALL,
    WANT_NOT_NEXT,
    WANT_PENDING
};

/* What a node was asked for as; doubles as the key of the memo. */
struct want {
    uint64_t kind;
    uint64_t term, n; /* TERM: term; LOOP: term and repetitions; others: place */
    uint64_t place;   /* what follows */
    uint64_t mood;
    uint64_t op;
    int64_t lo_us, hi_us;
};

struct builder {
    struct nfa_prog *p;
    struct place *places;
    size_t n_places, cap_places;
    struct mood *moods;
    size_t n_moods, cap_moods;
    struct want *wants; /* of node i */
    size_t n_wants, cap_wants;
    uint32_t final, dead;
    enum cep_rc rc;
    struct cep_err *err;
};

/* -- places and moods ------------------------------------------------------------------------------------- */

static uint32_t memo(struct builder *b, const void *key, size_t len, uint32_t fresh, bool *is_new) {
    struct base_str k = { key, len };
    uint64_t found;
    *is_new = !base_map_get(b->p->memo, k, &found);
    if (!*is_new)
        return (uint32_t)found;
    (void)base_map_put(b->p->memo, k, fresh);
    return fresh;
}

static uint32_t place_of(struct builder *b, enum place_kind kind, uint32_t term, uint32_t n, uint32_t outer) {
    struct {
        char tag[8];
        uint32_t kind, term, n, outer;
    } key = { "place", kind, term, n, outer };
    bool is_new;
    uint32_t i = memo(b, &key, sizeof key, (uint32_t)b->n_places, &is_new);
    if (is_new)
        *NFA_PUSH(b->p, b->places, b->n_places, b->cap_places) = (struct place){ kind, term, n, outer };
    return i;
}

static uint32_t mood_of(struct builder *b, const struct mood *m) {
    struct base_buf key = BASE_BUF_INIT;
    uint32_t head[5] = { (uint32_t)m->n_nots, (uint32_t)m->n_late, (uint32_t)m->n_fresh, m->hold,
        m->bound_end };
    int64_t bound[2] = { m->lo_us, m->hi_us };
    base_buf_puts(&key, "mood");
    base_buf_add(&key, head, sizeof head);
    base_buf_add(&key, bound, sizeof bound);
    base_buf_add(&key, m->nots, m->n_nots * sizeof *m->nots);
    base_buf_add(&key, m->late, m->n_late * sizeof *m->late);
    base_buf_add(&key, m->fresh, m->n_fresh * sizeof *m->fresh);
    bool is_new;
    uint32_t i = memo(b, key.p, key.len, (uint32_t)b->n_moods, &is_new);
    base_buf_release(&key);
    if (is_new)
        *NFA_PUSH(b->p, b->moods, b->n_moods, b->cap_moods) = *m;
    return i;
}

static const struct mood calm_mood = { .hold = NFA_NONE, .hi_us = -1, .bound_end = NFA_NONE };

/* A copy whose arrays can grow without touching the original's. */
static struct mood mood_copy(const struct builder *b, uint32_t mood) {
    struct mood m = b->moods[mood];
    m.cap_nots = m.n_nots;
    m.cap_late = m.n_late;
    m.cap_fresh = m.n_fresh;
    return m;
}

static bool has(const uint32_t *v, size_t n, uint32_t x) {
    for (size_t i = 0; i < n; i++) {
        if (v[i] == x)
            return true;
    }
    return false;
}

/* Inserts into a sorted set held by a mood copy. */
static void add(struct builder *b, uint32_t **v, size_t *n, size_t *cap, uint32_t x) {
    if (has(*v, *n, x))
        return;
    uint32_t *w = BASE_ARENA_ARRAY(&b->p->arena, uint32_t, *n + 1);
    size_t i = 0, k = 0;
    while (i < *n && (*v)[i] < x)
        w[k++] = (*v)[i++];
    w[k++] = x;
    while (i < *n)
        w[k++] = (*v)[i++];
    *v = w;
    *n = k;
    *cap = k;
}

static uint32_t mood_with_not(struct builder *b, uint32_t mood, uint32_t var) {
    struct mood m = mood_copy(b, mood);
    add(b, &m.nots, &m.n_nots, &m.cap_nots, var);
    return mood_of(b, &m);
}

static uint32_t mood_with_fresh(struct builder *b, uint32_t mood, uint32_t place, bool first) {
    struct mood m = mood_copy(b, mood);
    add(b, &m.fresh, &m.n_fresh, &m.cap_fresh, place * 2 + first);
    return mood_of(b, &m);
}

static uint32_t mood_with_hold(struct builder *b, uint32_t mood, nfa_lit hold) {
    struct mood m = mood_copy(b, mood);
    m.hold = hold;
    return mood_of(b, &m);
}

static int64_t min_bound(int64_t a, int64_t x) {
    if (a < 0)
        return x;
    return x < 0 || a < x ? a : x;
}

static uint32_t mood_with_bound(
    struct builder *b, uint32_t mood, int64_t lo_us, int64_t hi_us, uint32_t end) {
    if (lo_us <= 0 && hi_us < 0)
        return mood;
    struct mood m = mood_copy(b, mood);
    m.lo_us = lo_us > m.lo_us ? lo_us : m.lo_us;
    m.hi_us = min_bound(m.hi_us, hi_us);
    if (m.bound_end == NFA_NONE)
        m.bound_end = end;
    return mood_of(b, &m);
}

static uint32_t mood_without_bound(struct builder *b, uint32_t mood) {
    struct mood m = mood_copy(b, mood);
    m.lo_us = 0;
    m.hi_us = -1;
    m.bound_end = NFA_NONE;
    return mood_of(b, &m);
}

/* Does `-> !var` stand before the step that ends at `place`, with nothing between them but steps that may be left out? */
static bool not_before(const struct builder *b, uint32_t place, uint32_t var) {
    const struct place *pl = &b->places[place];
    if (pl->kind != PLACE_STEP)
        return false;
    const struct nfa_step *steps = b->p->steps + b->p->terms[pl->term].first;
    for (uint32_t i = pl->n - 1; i-- > 0;) {
        if (steps[i].negated && steps[i].op != PLAN_NEXT) {
            if (steps[i].var == var)
                return true;
        } else if (steps[i].negated || !b->p->terms[steps[i].term].optional) {
            return false;
        }
    }
    return false;
}

static void add_late(
    struct builder *b, struct mood *after, uint32_t place, const uint32_t *nots, size_t n_nots) {
    for (size_t i = 0; i < n_nots; i++)
        if (not_before(b, place, nots[i]))
            add(b, &after->late, &after->n_late, &after->cap_late, nots[i]);
}

/*
 * After an event was taken: nothing is held back, negations are over. Where a variable that may be left out took it, those
 * of its own chain come back late; `place`: behind that step, NFA_NONE for others.
 */
static uint32_t mood_after(struct builder *b, uint32_t mood, uint32_t place) {
    const struct mood *m = &b->moods[mood];
    struct mood after = calm_mood;
    if (place != NFA_NONE) {
        add_late(b, &after, place, m->nots, m->n_nots);
        add_late(b, &after, place, m->late, m->n_late);
    }
    return mood_of(b, &after);
}

/* -- nodes -------------------------------------------------------------------------------------------------- */

static uint32_t node_new(struct builder *b, enum nfa_node_kind kind) {
    uint32_t i = (uint32_t)b->p->n_nodes;
    *NFA_PUSH(b->p, b->p->nodes, b->p->n_nodes, b->p->cap_nodes) =
        (struct nfa_node){ .kind = kind, .bound_us = -1, .absent_us = -1, .term = NFA_NONE };
    *NFA_PUSH(b->p, b->wants, b->n_wants, b->cap_wants) = (struct want){ 0 };
    return i;
}

static uint32_t node_of(struct builder *b, const struct want *w) {
    struct {
        char tag[8];
        struct want w;
    } key = { "node", *w };
    bool is_new;
    uint32_t i = memo(b, &key, sizeof key, (uint32_t)b->p->n_nodes, &is_new);
    if (is_new) {
        (void)node_new(b, NFA_NODE_WAIT);
        b->wants[i] = *w;
    }
    return i;
}

static void arc(struct builder *b, uint32_t node, enum nfa_action action, uint32_t target, uint32_t var,
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
static bool is_last(const struct builder *b, uint32_t place) {
    const struct nfa_prog *p = b->p;
    for (;;) {
        const struct place *pl = &b->places[place];
        const struct nfa_term *t = pl->kind == PLACE_END ? NULL : &p->terms[pl->term];
        switch (pl->kind) {
        case PLACE_END: return true;
        case PLACE_STEP:
            for (uint32_t i = pl->n; i < t->n; i++) {
                const struct nfa_step *s = &p->steps[t->first + i];
                if (!s->negated || s->op == PLAN_NEXT)
                    return false;
            }
            break;
        case PLACE_LOOP:
            if (pl->n < t->max)
                return false;
            break;
        case PLACE_ALL:
            if (pl->n)
                return false;
            break;
        }
        place = pl->outer;
    }
}

/* The negations that stand directly at a place. */
static uint32_t mood_with_nots_at(struct builder *b, uint32_t mood, uint32_t place) {
    const struct nfa_prog *p = b->p;
    for (;;) {
        const struct place *pl = &b->places[place];
        const struct nfa_term *t = pl->kind == PLACE_END ? NULL : &p->terms[pl->term];
        switch (pl->kind) {
        case PLACE_END:
        case PLACE_ALL: return mood;
        case PLACE_STEP: {
            uint32_t i = pl->n;
            for (; i < t->n; i++) {
                const struct nfa_step *s = &p->steps[t->first + i];
                if (!s->negated || s->op == PLAN_NEXT)
                    return mood;
                mood = mood_with_not(b, mood, s->var);
            }
            break;
        }
        case PLACE_LOOP:
            if (pl->n < t->min && !t->unit_nullable)
                return mood;
            break;
        }
        place = b->places[place].outer;
    }
}

/* `within D between events` is a bound on every step; so is, for its first event, that of a group around it. */
static struct follow follow_of(
    const struct builder *b, enum plan_contig op, int64_t lo, int64_t hi, uint32_t mood) {
    const struct plan_pattern *pat = b->p->pat;
    const struct mood *m = &b->moods[mood];
    hi = min_bound(hi, m->hi_us);
    if (lo < m->lo_us)
        lo = m->lo_us;
    if (pat->within_kind == PLAN_WITHIN_BETWEEN)
        hi = min_bound(hi, pat->within_us);
    return (struct follow){ op, lo, hi };
}

static uint32_t term_node(
    struct builder *b, enum want_kind kind, uint32_t term, struct follow f, uint32_t place, uint32_t mood) {
    return node_of(b, &(struct want){ .kind = kind,
                          .term = term,
                          .place = place,
                          .mood = mood,
                          .op = f.op,
                          .lo_us = f.lo_us,
                          .hi_us = f.hi_us });
}

/* What a greedy loop left behind asks of the next event: the loop could not take it, for it does not fit or an until around
 * it ends it. */
static nfa_lit hold_of(struct builder *b, const struct nfa_term *t) {
    uint32_t fits = nfa_atom_of_var(b->p, t->var);
    for (size_t i = 0; i < t->untils.n; i++)
        fits = nfa_atom_both(b->p, nfa_lit_of(fits, false), nfa_lit_of(t->untils.v[i], true));
    return nfa_lit_of(fits, true);
}

/* The node in which what is to come at `place` begins. */
static uint32_t entry(struct builder *b, uint32_t place, uint32_t mood) {
    struct nfa_prog *p = b->p;
    for (;;) {
        const struct place pl = b->places[place];
        if (place == b->moods[mood].bound_end)
            mood = mood_without_bound(b, mood);
        switch (pl.kind) {
        case PLACE_END: return b->final;
        case PLACE_STEP: {
            const struct nfa_term *t = &p->terms[pl.term];
            if (pl.n == t->n) {
                place = pl.outer;
                continue;
            }
            const struct nfa_step *s = &p->steps[t->first + pl.n];
            uint32_t next = place_of(b, PLACE_STEP, pl.term, pl.n + 1, pl.outer);
            if (!s->negated)
                return term_node(
                    b, WANT_TERM, s->term, follow_of(b, s->op, s->lo_us, s->hi_us, mood), next, mood);
            if (s->op == PLAN_NEXT)
                return node_of(b, &(struct want){ .kind = WANT_NOT_NEXT, .place = place, .mood = mood });
            if (is_last(b, next))
                return node_of(b, &(struct want){ .kind = WANT_PENDING, .place = place, .mood = mood });
            mood = mood_with_not(b, mood, s->var);
            place = next;
            continue;
        }
        case PLACE_LOOP: {
            const struct nfa_term *t = &p->terms[pl.term];
            if (has(b->moods[mood].fresh, b->moods[mood].n_fresh, place * 2))
                return b->dead; /* a repetition that took nothing; the loop's own way out is there */
            if (has(b->moods[mood].fresh, b->moods[mood].n_fresh, place * 2 + 1)) {
                if (t->optional)
                    return b->dead;
                place = pl.outer;
                continue;
            }
            if (pl.n == t->max) {
                /* A greedy x{n,m} restricts what follows even after m. */
                if (t->greedy && t->min != t->max && t->kind == PLAN_TERM_VAR)
                    mood = mood_with_hold(b, mood, hold_of(b, t));
                place = pl.outer;
                continue;
            }
            return node_of(b, &(struct want){ .kind = WANT_LOOP, .place = place, .mood = mood });
        }
        case PLACE_ALL:
            if (pl.n == 0) {
                place = pl.outer;
                continue;
            }
            return node_of(b, &(struct want){ .kind = WANT_ALL, .place = place, .mood = mood });
        }
    }
}

/* -- what can come first ------------------------------------------------------------------------------------- */

struct head {
    uint32_t term;  /* VAR */
    uint32_t place; /* after it is taken */
};
struct way_out {
    uint32_t place, mood;
    nfa_lit cond; /* NFA_NONE = always */
};
struct heads {
    struct head *v;
    size_t n, cap;
    struct way_out *outs;
    size_t n_outs, cap_outs;
};

static void way_out_if(struct builder *b, struct heads *h, uint32_t place, uint32_t mood, nfa_lit cond) {
    for (size_t i = 0; i < h->n_outs; i++) {
        if (h->outs[i].place == place && h->outs[i].mood == mood && h->outs[i].cond == cond)
            return;
    }
    *NFA_PUSH(b->p, h->outs, h->n_outs, h->cap_outs) = (struct way_out){ place, mood, cond };
}

static void way_out(struct builder *b, struct heads *h, uint32_t place, uint32_t mood) {
    way_out_if(b, h, place, mood, NFA_NONE);
}

/*
 * Past a term. Greedy: what follows may not use an event that the loop could take, but for the event that ends the loop by
 * its until.
 */
static void ways_past(
    struct builder *b, struct heads *h, const struct nfa_term *t, uint32_t place, uint32_t mood) {
    if (!t->greedy || t->kind != PLAN_TERM_VAR || t->min == t->max) {
        way_out(b, h, place, mood);
        return;
    }
    uint32_t held = mood_with_hold(b, mood, hold_of(b, t));
    if (t->until == NFA_NONE) {
        way_out(b, h, place, held);
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

/*
 * The variables that can begin one repetition of `term` (members `members` of an all()), and the ways to leave it without
 * taking anything.
 */
static struct heads heads_of(
    struct builder *b, uint32_t term, uint32_t members, uint32_t place, uint32_t mood) {
    struct nfa_prog *p = b->p;
    struct heads h = { 0 };
    struct todo *todo = NULL;
    size_t n_todo = 0, cap_todo = 0;
    uint32_t all_outer = NFA_NONE;

    *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct todo){ term, place, mood, NFA_NONE };
    while (n_todo) {
        struct todo td = todo[--n_todo];
        const struct nfa_term *t = &p->terms[td.term];
        size_t mark = n_todo;
        switch (t->kind) {
        case PLAN_TERM_VAR: *NFA_PUSH(p, h.v, h.n, h.cap) = (struct head){ td.term, td.place }; continue;
        case PLAN_TERM_CHAIN:
            *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct todo){ p->steps[t->first].term,
                place_of(b, PLACE_STEP, td.term, 1, td.place), td.mood, NFA_NONE };
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
                uint32_t rest = place_of(b, PLACE_ALL, td.term, set & ~(1u << i), td.place);
                uint32_t c = p->steps[t->first + i].term;
                nullable = nullable && (p->terms[c].optional || p->terms[c].unit_nullable);
                *NFA_PUSH(p, todo, n_todo, cap_todo) = (struct todo){ c, rest, td.mood, rest };
            }
            all_outer = td.place;
            if (nullable)
                way_out(b, &h, all_outer, td.mood);
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
                ways_past(b, &h, ct, c->place, c->mood);
            if (ct->max > 1) {
                uint32_t loop = place_of(b, PLACE_LOOP, c->term, 1, c->place);
                c->place = loop;
                if (ct->unit_nullable)
                    c->mood = mood_with_fresh(b, c->mood, loop, true);
            }
            c->keep_out = NFA_NONE;
        }
    }
    return h;
}

/* Ways that lead on inside the group still owe it its first event, in the time that is set for that. */
static void bound_ways(struct builder *b, struct heads *h, struct follow f, uint32_t end) {
    for (size_t i = 0; i < h->n_outs; i++)
        h->outs[i].mood = mood_with_bound(b, h->outs[i].mood, f.lo_us, f.hi_us, end);
}

/* -- building nodes ------------------------------------------------------------------------------------------- */

static size_t push_lit(nfa_lit *v, size_t n, nfa_lit l) {
    v[n] = l;
    return n + 1;
}

/* The place behind the step that is this variable and may be left out; NFA_NONE when it is none. */
static uint32_t optional_step(const struct builder *b, uint32_t term, const struct head *h) {
    const struct nfa_term *t = &b->p->terms[term];
    if (h->term != term || t->kind != PLAN_TERM_VAR || !t->optional)
        return NFA_NONE;
    const struct place *pl = &b->places[h->place];
    return pl->kind == PLACE_LOOP ? pl->outer : h->place;
}

/*
 * A node that waits for one of the heads. inner: a repetition after the first, to which the loop's own until applies
 * whole. ignore_to: where ignored events lead, NFA_NONE = back to the node.
 */
static void build_wait(struct builder *b, uint32_t node, uint32_t term, struct follow f,
    const struct heads *h, uint32_t mood, bool inner, uint32_t ignore_to) {
    struct nfa_prog *p = b->p;
    const struct mood m = b->moods[mood];
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
        uint32_t after = mood_after(b, mood, optional_step(b, term, &h->v[i]));
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
static void build_fork(struct builder *b, uint32_t node, uint32_t wait, const struct heads *h, nfa_lit hold) {
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

/* Does a `-> !n` stand before the step that ends at `place`, with nothing between them but steps that may be left out? */
static bool has_not_before(const struct builder *b, uint32_t place) {
    const struct place *pl = &b->places[place];
    if (pl->kind != PLACE_STEP)
        return false;
    const struct nfa_step *steps = b->p->steps + b->p->terms[pl->term].first;
    for (uint32_t i = pl->n - 1; i-- > 0;) {
        if (steps[i].negated)
            return steps[i].op != PLAN_NEXT;
        if (!b->p->terms[steps[i].term].optional)
            return false;
    }
    return false;
}

static void build_term(struct builder *b, uint32_t node, const struct want *w) {
    struct nfa_prog *p = b->p;
    uint32_t term = (uint32_t)w->term, place = (uint32_t)w->place, mood = (uint32_t)w->mood;
    struct follow f = { (enum plan_contig)w->op, w->lo_us, w->hi_us };
    const struct nfa_term *t = &p->terms[term];
    uint32_t once = t->max > 1 ? place_of(b, PLACE_LOOP, term, 1, place) : place;
    uint32_t in_mood = mood;
    if (t->max > 1 && t->unit_nullable)
        in_mood = mood_with_fresh(b, mood, once, true);
    struct heads h = heads_of(b, term, 0, once, in_mood);
    bound_ways(b, &h, f, place);
    /* Flink restricts a copy of what follows when a negation stands before an optional loop: leaving it out is free. */
    if (t->optional && t->max == PLAN_UNBOUNDED && has_not_before(b, place))
        way_out(b, &h, place, mood);
    else if (t->optional)
        ways_past(b, &h, t, place, mood);

    bool is_fork = h.n_outs > 0;
    if (w->kind == WANT_WAIT_TERM || !is_fork) {
        /* What comes late comes with the first ignored event, and only where a fork's twin is entered. */
        uint32_t twin = NFA_NONE;
        uint32_t my_mood = mood;
        if (w->kind == WANT_WAIT_TERM && b->moods[mood].n_late) {
            struct mood m = mood_copy(b, mood);
            for (size_t i = 0; i < m.n_late; i++)
                if (not_before(b, place, m.late[i]))
                    add(b, &m.nots, &m.n_nots, &m.cap_nots, m.late[i]);
            m.n_late = 0;
            m.late = NULL;
            twin = term_node(b, WANT_WAIT_TERM, term, f, place, mood_of(b, &m));
        }
        build_wait(b, node, term, f, &h, my_mood, false, twin);
        return;
    }
    /* The twin and what lies behind it are free of a greedy loop's restriction; the fork itself is not. */
    nfa_lit hold = b->moods[mood].hold;
    for (size_t i = 0; i < h.n_outs; i++) {
        if (b->moods[h.outs[i].mood].hold == hold)
            h.outs[i].mood = mood_with_hold(b, h.outs[i].mood, NFA_NONE);
    }
    uint32_t wait = term_node(b, WANT_WAIT_TERM, term, f, place, mood_with_hold(b, mood, NFA_NONE));
    build_fork(b, node, wait, &h, hold);
}

static void build_loop(struct builder *b, uint32_t node, const struct want *w) {
    struct nfa_prog *p = b->p;
    uint32_t here = (uint32_t)w->place, mood = (uint32_t)w->mood;
    struct place pl = b->places[here];
    const struct nfa_term *t = &p->terms[pl.term];
    bool unbounded = t->max == PLAN_UNBOUNDED;
    bool may_end = pl.n >= t->min || t->unit_nullable;
    uint32_t done = unbounded && pl.n >= t->min ? t->min : pl.n + 1;
    uint32_t next = place_of(b, PLACE_LOOP, pl.term, done, pl.outer);
    struct follow f = follow_of(b, t->inner, 0, t->gap_us > 0 ? t->gap_us : -1, mood);
    uint32_t in_mood = mood;
    if (t->unit_nullable)
        in_mood = mood_with_fresh(b, mood, next, false);
    struct heads h = heads_of(b, pl.term, 0, next, in_mood);
    bound_ways(b, &h, f, next);

    if (w->kind == WANT_WAIT_LOOP || (!may_end && !h.n_outs)) {
        uint32_t wait_mood = mood;
        if (!may_end || unbounded || t->kind != PLAN_TERM_VAR)
            wait_mood = mood_with_nots_at(b, wait_mood, pl.outer);
        build_wait(b, node, pl.term, f, &h, wait_mood, true, NFA_NONE);
        return;
    }
    /* A greedy last step of a group restricts the way from round to round, not what lies behind it. */
    nfa_lit hold = b->moods[mood].hold;
    uint32_t free_mood = mood_with_hold(b, mood, NFA_NONE);
    if (hold != NFA_NONE) {
        h = heads_of(b, pl.term, 0, next, mood_with_hold(b, in_mood, NFA_NONE));
        bound_ways(b, &h, f, next);
    }
    if (may_end)
        ways_past(b, &h, t, pl.outer, free_mood);
    uint32_t wait = node_of(b, &(struct want){ .kind = WANT_WAIT_LOOP, .place = here, .mood = free_mood });
    build_fork(b, node, wait, &h, hold);
    /* The negation behind a loop that may end counts here whatever becomes of the way out. */
    uint32_t behind = mood_with_nots_at(b, 0, pl.outer); /* may move b->moods */
    const struct mood nots = b->moods[behind];
    for (size_t i = 0; may_end && t->kind == PLAN_TERM_VAR && i < nots.n_nots; i++) {
        nfa_lit n = nfa_lit_of(nfa_atom_of_var(p, nots.nots[i]), false);
        arc(b, node, NFA_STOP, b->dead, nots.nots[i], &n, 1);
    }
}

static void build_all(struct builder *b, uint32_t node, const struct want *w) {
    struct place pl = b->places[w->place];
    struct follow f = follow_of(b, PLAN_FOLLOWED, 0, -1, (uint32_t)w->mood);
    uint32_t mood = (uint32_t)w->mood;
    struct heads h = heads_of(b, pl.term, pl.n, pl.outer, mood);
    if (!h.n_outs) {
        build_wait(b, node, pl.term, f, &h, mood, false, NFA_NONE);
        return;
    }
    /* Members that may be left out: wait in a node of its own, or go on. A greedy loop before restricts the fork. */
    nfa_lit hold = b->moods[mood].hold;
    uint32_t free_mood = mood_with_hold(b, mood, NFA_NONE);
    h = heads_of(b, pl.term, pl.n, pl.outer, free_mood);
    uint32_t wait = node_new(b, NFA_NODE_WAIT);
    b->wants[wait].kind = UINT64_MAX;
    build_wait(b, wait, pl.term, f, &h, free_mood, false, NFA_NONE);
    build_fork(b, node, wait, &h, hold);
}

static void build_not_next(struct builder *b, uint32_t node, const struct want *w) {
    struct nfa_prog *p = b->p;
    struct place pl = b->places[w->place];
    const struct mood m = b->moods[w->mood];
    const struct nfa_step *s = &p->steps[p->terms[pl.term].first + pl.n];
    uint32_t next = place_of(b, PLACE_STEP, pl.term, pl.n + 1, pl.outer);
    nfa_lit g[2] = { nfa_lit_of(nfa_atom_of_var(p, s->var), true), m.hold };
    size_t n = m.hold != NFA_NONE ? 2 : 1;
    uint32_t target = entry(b, next, mood_with_hold(b, (uint32_t)w->mood, NFA_NONE));
    struct follow f = follow_of(b, PLAN_NEXT, 0, s->hi_us, (uint32_t)w->mood);
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

static void build_pending(struct builder *b, uint32_t node, const struct want *w) {
    struct nfa_prog *p = b->p;
    struct place pl = b->places[w->place];
    uint32_t with_nots = mood_with_nots_at(b, (uint32_t)w->mood, (uint32_t)w->place); /* may move b->moods */
    const struct mood m = b->moods[with_nots];
    const struct nfa_term *t = &p->terms[pl.term];
    int64_t own = -1;
    for (uint32_t i = pl.n; i < t->n; i++)
        own = min_bound(own, p->steps[t->first + i].hi_us);
    int64_t hi = min_bound(own, follow_of(b, PLAN_FOLLOWED, 0, -1, (uint32_t)w->mood).hi_us);
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

static void name_node(struct builder *b, uint32_t node, const struct want *w) {
    struct nfa_node *n = &b->p->nodes[node];
    if (w->kind == UINT64_MAX)
        return;
    enum want_kind k = (enum want_kind)w->kind;
    switch (k) {
    case WANT_TERM:
    case WANT_WAIT_TERM: n->term = (uint32_t)w->term; break;
    case WANT_LOOP:
    case WANT_WAIT_LOOP:
    case WANT_ALL:
    case WANT_NOT_NEXT:
    case WANT_PENDING:
        n->term = b->places[w->place].term;
        n->rep = b->places[w->place].n;
        break;
    }
}

/* Nodes of one name are told apart by a number. */
static void number_twins(struct builder *b) {
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
    struct builder b = { .p = p, .err = err, .rc = CEP_OK };
    b.final = node_new(&b, NFA_NODE_FINAL);
    b.dead = node_new(&b, NFA_NODE_DEAD);
    (void)mood_of(&b, &calm_mood);
    uint32_t end = place_of(&b, PLACE_END, NFA_NONE, 0, NFA_NONE);
    /* Nothing comes before the first event: the start only takes. */
    struct follow first = { PLAN_NEXT, 0, -1 };
    p->start_node = term_node(&b, WANT_TERM, p->root, first, end, 0);
    for (uint32_t i = 2; i < p->n_nodes && b.rc == CEP_OK; i++) {
        if (p->n_nodes > p->opts.limits.max_states)
            return base_err_at(err, p->node->span, CEP_ELIMIT, "the pattern needs more than %u states",
                (unsigned)p->opts.limits.max_states);
        struct want w = b.wants[i];
        name_node(&b, i, &w);
        if (w.kind == UINT64_MAX)
            continue;
        enum want_kind k = (enum want_kind)w.kind;
        switch (k) {
        case WANT_TERM:
        case WANT_WAIT_TERM: build_term(&b, i, &w); break;
        case WANT_LOOP:
        case WANT_WAIT_LOOP: build_loop(&b, i, &w); break;
        case WANT_ALL: build_all(&b, i, &w); break;
        case WANT_NOT_NEXT: build_not_next(&b, i, &w); break;
        case WANT_PENDING: build_pending(&b, i, &w); break;
        }
    }
    if (b.rc == CEP_OK)
        number_twins(&b);
    return b.rc;
}
