/*
 * nfa_stack_plan -- is a match any choice of events in order, whose variables are a word of the pattern? Then the words, as a
 * deterministic automaton (nfa_stack.h).
 *
 * Law: let an event be ignored by a partial match in state q; those in what q becomes take the same variables as q does, come to the same, and
 * complete with the same. If that holds for each state, it holds for any number of events between two that are taken, so it does
 * not matter which they are. "The same" is compared by what may be come to by ignoring: states with all of which they may become
 * (their closure). Where the closures of what two sets take are equal for each variable, and they complete alike, so are the closures of
 * what those take, and so on: they accept the same words.
 *
 * And a variable must be taken whenever its condition holds: guards with anything else (an `until`, a negation, `not` what another step
 * takes) are no words.
 *
 * States are made as they are come to from the start, by the closure of what a variable takes; each stands for the states of the
 * program that were taken to it first. Without `within` from first to last, or with one; times of steps, absences and time-outs that are read
 * are not told by words.
 */
#include "nfa/nfa_stack.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

enum { NFA_STACK_STATES = 128, NFA_STACK_EDGES = 2048, NFA_STACK_PROGRAM = 512 };

struct making {
    struct nfa_prog *p;
    size_t words;      /* of a set of states */
    uint64_t *ignore;  /* n_states sets: what becomes of a state that ignores an event */
    uint64_t *closure; /* n_states sets: what may become of it, with it */
    uint64_t *sets;    /* by state of the plan: the closure that it is */
    struct nfa_stack_plan *plan;
    uint64_t *a, *b; /* scratch sets */
    size_t n_dets, cap_dets, cap_edges;
};

static uint64_t *set_of(const struct making *x, uint64_t *sets, size_t i) {
    return sets + i * x->words;
}

static bool is_empty(const struct making *x, const uint64_t *set) {
    bool any = false;
    for (size_t i = 0; i < x->words; i++)
        any = any || set[i];
    return !any;
}

static bool add_set(const struct making *x, uint64_t *to, const uint64_t *from) {
    bool grew = false;
    for (size_t i = 0; i < x->words; i++) {
        grew = grew || (from[i] & ~to[i]);
        to[i] |= from[i];
    }
    return grew;
}

/* Is it taken whenever the variable's condition holds? */
static bool takes_plainly(const struct nfa_prog *p, const struct nfa_edge *e) {
    uint32_t atom = p->var_atom[e->var];
    if (atom == NFA_NONE || e->n_beaten || (e->n_finals && !e->completes))
        return false;
    const struct nfa_atom *a = &p->atoms[atom];
    if (a->kind != NFA_ATOM_COND || a->rest)
        return false;
    bool asked = a->bit == NFA_NONE;
    for (uint32_t i = 0; i < e->n_guard; i++) {
        if (p->lits.v[e->guard + i] != nfa_lit_of(atom, false))
            return false;
        asked = true;
    }
    return asked;
}

static bool is_plain(const struct nfa_prog *p, const struct nfa_edge *e, bool of_start) {
    if (e->action == NFA_TAKE)
        return takes_plainly(p, e);
    /* The start is always there: nothing that happens to it ends it. */
    return of_start ||
           (e->action == NFA_IGNORE && !e->n_guard && !e->n_finals && !e->completes && !e->n_beaten);
}

static bool all_plain(const struct nfa_prog *p) {
    for (size_t q = 0; q < p->n_states; q++) {
        const struct nfa_state *s = &p->states[q];
        if (q != p->start && (s->pending || s->absent_us >= 0 || s->bound_us >= 0))
            return false;
        for (uint32_t i = 0; i < s->n_edges; i++) {
            const struct nfa_edge *e = &p->edges[s->edges + i];
            if (!is_plain(p, e, q == p->start) || (e->target == p->start && q != p->start))
                return false;
        }
    }
    return true;
}

/* Fills *out with what is taken as var from the states of a set. Returns: does it complete? */
static bool take(const struct making *x, const uint64_t *set, uint32_t var, uint64_t *out) {
    const struct nfa_prog *p = x->p;
    bool completes = false;
    memset(out, 0, x->words * sizeof *out);
    for (size_t q = base_bits_next(set, p->n_states, 0); q < p->n_states;
         q = base_bits_next(set, p->n_states, q + 1)) {
        for (uint32_t i = 0; i < p->states[q].n_edges; i++) {
            const struct nfa_edge *e = &p->edges[p->states[q].edges + i];
            if (e->action != NFA_TAKE || e->var != var)
                continue;
            completes = completes || e->completes;
            if (e->target != NFA_NONE)
                base_bits_set(out, e->target);
        }
    }
    return completes;
}

static void close_set(const struct making *x, const uint64_t *set, uint64_t *out) {
    memset(out, 0, x->words * sizeof *out);
    for (size_t q = base_bits_next(set, x->p->n_states, 0); q < x->p->n_states;
         q = base_bits_next(set, x->p->n_states, q + 1))
        (void)add_set(x, out, set_of(x, x->closure, q));
}

static void find_closures(struct making *x) {
    const struct nfa_prog *p = x->p;
    for (size_t q = 0; q < p->n_states; q++) {
        base_bits_set(set_of(x, x->closure, q), q);
        for (uint32_t i = 0; i < p->states[q].n_edges; i++) {
            const struct nfa_edge *e = &p->edges[p->states[q].edges + i];
            if (e->action == NFA_IGNORE && e->target != NFA_NONE)
                base_bits_set(set_of(x, x->ignore, q), e->target);
        }
    }
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t q = 0; q < p->n_states; q++) {
            const uint64_t *to = set_of(x, x->ignore, q);
            for (size_t t = base_bits_next(to, p->n_states, 0); t < p->n_states;
                 t = base_bits_next(to, p->n_states, t + 1))
                grew = add_set(x, set_of(x, x->closure, q), set_of(x, x->closure, t)) || grew;
        }
    }
}

/* Do q, and what it becomes by ignoring an event, take alike? */
static bool ignores_freely(struct making *x, size_t q) {
    const struct nfa_prog *p = x->p;
    uint64_t *self = base_calloc(4 * x->words, sizeof *self), *taken = self + x->words,
             *one = taken + x->words, *other = one + x->words;
    bool same = true;
    base_bits_set(self, q);
    for (uint32_t var = 0; var < p->pat->n_vars && same; var++) {
        bool completes = take(x, self, var, taken);
        close_set(x, taken, one);
        same = take(x, set_of(x, x->ignore, q), var, taken) == completes;
        close_set(x, taken, other);
        same = same && memcmp(one, other, x->words * sizeof *one) == 0;
    }
    base_free(self);
    return same;
}

static bool all_ignore_freely(struct making *x) {
    for (size_t q = 0; q < x->p->n_states; q++) {
        if (q != x->p->start && !ignores_freely(x, q))
            return false;
    }
    return true;
}

/* -- the automaton ---------------------------------------------------------------------------------------------------- */

/* The state that is the closure of a set, which is not empty. Returns: NFA_NONE when there are too many. */
static uint32_t state_of(struct making *x, const uint64_t *taken) {
    struct nfa_stack_plan *s = x->plan;
    close_set(x, taken, x->b);
    for (uint32_t i = 1; i < s->n_states; i++) {
        if (memcmp(set_of(x, x->sets, i), x->b, x->words * sizeof *x->b) == 0)
            return i;
    }
    if (s->n_states == NFA_STACK_STATES)
        return NFA_NONE;
    uint32_t made = s->n_states++;
    memcpy(set_of(x, x->sets, made), x->b, x->words * sizeof *x->b);
    for (size_t q = base_bits_next(taken, x->p->n_states, 0); q < x->p->n_states;
         q = base_bits_next(taken, x->p->n_states, q + 1)) {
        s->dets = base_arena_grow(&x->p->arena, s->dets, x->n_dets, &x->cap_dets, sizeof *s->dets);
        s->dets[x->n_dets++] = (uint32_t)q;
    }
    s->first_det[made + 1] = (uint32_t)x->n_dets;
    return made;
}

/* Returns: NFA_NONE when there are too many. */
static uint32_t stack_of(struct nfa_stack_plan *s, uint32_t var, bool starts) {
    uint32_t i = 0;
    while (i < s->n_stacks && (s->stacks[i].var != var || s->stacks[i].starts != starts))
        i++;
    if (i == s->n_stacks && i < NFA_STACKS_MAX)
        s->stacks[s->n_stacks++] = (struct nfa_stack_of){ .var = var, .starts = starts };
    return i < NFA_STACKS_MAX ? i : NFA_NONE;
}

/* Returns: false when it becomes too large. */
static bool make_edges(struct making *x, uint32_t from) {
    struct nfa_stack_plan *s = x->plan;
    s->first[from] = s->n_edges;
    for (uint32_t var = 0; var < x->p->pat->n_vars; var++) {
        struct nfa_stack_edge e = { .from = from, .to = NFA_NONE, .var = var, .stack = NFA_NONE };
        e.completes = take(x, set_of(x, x->sets, from), var, x->a);
        if (!is_empty(x, x->a)) {
            e.to = state_of(x, x->a);
            e.stack = stack_of(s, var, from == 0);
            if (e.to == NFA_NONE || e.stack == NFA_NONE)
                return false;
        }
        if (e.to == NFA_NONE && !e.completes)
            continue;
        if (s->n_edges == NFA_STACK_EDGES)
            return false;
        s->edges = base_arena_grow(&x->p->arena, s->edges, s->n_edges, &x->cap_edges, sizeof *s->edges);
        s->edges[s->n_edges++] = e;
    }
    s->first[from + 1] = s->n_edges;
    return true;
}

static void find_into(struct nfa_prog *p, struct nfa_stack_plan *s) {
    uint32_t n = 0;
    s->into = BASE_ARENA_ARRAY(&p->arena, uint32_t, s->n_edges + 1);
    s->first_into = BASE_ARENA_ARRAY(&p->arena, uint32_t, s->n_states + 1);
    for (uint32_t q = 0; q < s->n_states; q++) {
        s->first_into[q] = n;
        for (uint32_t i = 0; i < s->n_edges; i++) {
            if (s->edges[i].to == q)
                s->into[n++] = i;
        }
    }
    s->first_into[s->n_states] = n;
}

/* What an event's bits say of it. */
static void find_bits(struct nfa_prog *p, struct nfa_stack_plan *s) {
    s->by_bit = base_arena_calloc(&p->arena, p->n_bits + 1, sizeof *s->by_bit);
    s->ends = base_arena_calloc(&p->arena, p->n_words, sizeof *s->ends);
    s->ending = BASE_ARENA_ARRAY(&p->arena, uint32_t, s->n_edges + 1);
    for (uint32_t i = 0; i < s->n_stacks; i++) {
        uint32_t bit = p->atoms[p->var_atom[s->stacks[i].var]].bit;
        s->by_bit[bit == NFA_NONE ? p->n_bits : bit] |= UINT64_C(1) << i;
        s->starts |= (uint64_t)s->stacks[i].starts << i;
    }
    bool one = s->starts && !(s->starts & (s->starts - 1));
    s->start = one ? (uint32_t)__builtin_ctzll(s->starts) : NFA_NONE;
    for (uint32_t var = 0; var < p->pat->n_vars; var++) {
        for (uint32_t i = 0; i < s->n_edges; i++) {
            if (s->edges[i].var != var || !s->edges[i].completes)
                continue;
            uint32_t bit = p->atoms[p->var_atom[var]].bit;
            s->ending[s->n_ending++] = i;
            if (bit == NFA_NONE)
                s->ends_always = true;
            else
                base_bits_set(s->ends, bit);
        }
    }
}

static void find_fed(struct nfa_prog *p, struct nfa_stack_plan *s) {
    s->leads = base_arena_calloc(&p->arena, s->n_states, sizeof *s->leads);
    for (uint32_t i = 0; i < s->n_edges; i++) {
        if (s->edges[i].to != NFA_NONE)
            s->leads[s->edges[i].to] |= UINT64_C(1) << s->edges[i].stack;
    }
    for (uint32_t i = 0; i < s->n_edges; i++) {
        if (s->edges[i].to != NFA_NONE)
            s->stacks[s->edges[i].stack].fed |= s->leads[s->edges[i].from];
    }
}

static bool make(struct making *x) {
    struct nfa_prog *p = x->p;
    struct nfa_stack_plan *s = x->plan;
    s->first = BASE_ARENA_ARRAY(&p->arena, uint32_t, NFA_STACK_STATES + 1);
    s->first_det = base_arena_calloc(&p->arena, NFA_STACK_STATES + 1, sizeof *s->first_det);
    base_bits_set(set_of(x, x->sets, 0), p->start);
    s->n_states = 1;
    for (uint32_t q = 0; q < s->n_states; q++) {
        if (!make_edges(x, q))
            return false;
    }
    find_into(p, s);
    find_bits(p, s);
    find_fed(p, s);
    return true;
}

enum cep_rc nfa_stacks(struct nfa_prog *p, struct cep_err *err) {
    (void)err;
    if (p->store != NFA_STORE_GRAPH || p->settles || p->tells_time || p->has_times ||
        p->n_states > NFA_STACK_PROGRAM || !all_plain(p))
        return CEP_OK;
    struct making x = { .p = p, .words = BASE_BITS_WORDS(p->n_states) };
    size_t n = x.words * p->n_states;
    x.ignore = base_calloc(2 * n + (NFA_STACK_STATES + 2) * x.words, sizeof *x.ignore);
    x.closure = x.ignore + n;
    x.sets = x.closure + n;
    x.a = x.sets + NFA_STACK_STATES * x.words;
    x.b = x.a + x.words;
    x.plan = BASE_ARENA_NEW(&p->arena, struct nfa_stack_plan);
    *x.plan = (struct nfa_stack_plan){ .n_states = 0 };
    find_closures(&x);
    if (all_ignore_freely(&x) && make(&x)) {
        p->store = NFA_STORE_STACKS;
        p->stacks = x.plan;
        p->has_spans = false;
        p->store_why =
            "conditions look at the event alone and only time ends a wait: events are kept as they come, "
            "and matches are looked for in them";
    }
    base_free(x.ignore);
    return CEP_OK;
}
