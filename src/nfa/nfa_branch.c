/*
 * nfa_branch -- how many partial matches one start may have: what the store of sets can keep apart.
 *
 * Law: both answers are about edges alone, as if every condition could hold that does not contradict another; so `true` may be
 * wrong where they say that something may become many, never where they say that it does not.
 */
#include "nfa/nfa_int.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

/* Asked of pairs of edges: not of very many. */
enum { NFA_TIMED_EDGES = 256, NFA_BRANCH_STATES = 256, NFA_BRANCH_WORK = 4000000 };

static bool asks_time(const struct nfa_prog *p, nfa_lit l) {
    const struct nfa_atom *a = &p->atoms[nfa_lit_atom(l)];
    if (a->kind == NFA_ATOM_BOTH)
        return asks_time(p, a->both[0]) || asks_time(p, a->both[1]);
    return a->kind == NFA_ATOM_TIME_LO || a->kind == NFA_ATOM_TIME_HI;
}

static bool is_timed(const struct nfa_prog *p, const struct nfa_state *s) {
    bool timed = s->bound_us >= 0;
    for (uint32_t i = 0; i < s->n_edges && !timed; i++) {
        const struct nfa_edge *e = &p->edges[s->edges + i];
        for (uint32_t g = 0; g < e->n_guard && !timed; g++)
            timed = asks_time(p, p->lits.v[e->guard + g]);
    }
    return timed;
}

static bool has_lit(const struct nfa_prog *p, const struct nfa_edge *e, nfa_lit l) {
    for (uint32_t i = 0; i < e->n_guard; i++) {
        if (p->lits.v[e->guard + i] == l)
            return true;
    }
    return false;
}

/* Does what the edge asks for make the atom true? */
static bool implies(const struct nfa_prog *p, const struct nfa_edge *e, uint32_t atom) {
    const struct nfa_atom *a = &p->atoms[atom];
    if (has_lit(p, e, nfa_lit_of(atom, false)))
        return true;
    if (a->kind == NFA_ATOM_BOTH)
        return implies(p, e, nfa_lit_atom(a->both[0])) && implies(p, e, nfa_lit_atom(a->both[1]));
    const struct nfa_bit *b = a->bit != NFA_NONE && !a->rest ? &p->bits[a->bit] : NULL;
    for (uint32_t i = 0; b && i < e->n_guard; i++) {
        nfa_lit l = p->lits.v[e->guard + i];
        for (uint32_t k = 0; k < b->n_any && !nfa_lit_negated(l); k++) {
            if (p->atoms[nfa_lit_atom(l)].bit == b->any[k])
                return true;
        }
    }
    return false;
}

/* May one event be taken and ignored, by these edges? */
static bool may_both(const struct nfa_prog *p, const struct nfa_edge *take, const struct nfa_edge *ignore) {
    for (uint32_t i = 0; i < ignore->n_guard; i++) {
        nfa_lit l = p->lits.v[ignore->guard + i];
        if (nfa_lit_negated(l) ? implies(p, take, nfa_lit_atom(l)) : has_lit(p, take, l ^ 1))
            return false;
    }
    for (uint32_t i = 0; i < ignore->n_beaten; i++) {
        if (&p->edges[p->beaten[ignore->beaten + i]] == take)
            return false;
    }
    return true;
}

/* Fills `seen` with the states that can be come to from q on, with it. */
static void reach(const struct nfa_prog *p, uint32_t q, bool *seen, uint32_t *todo) {
    uint32_t n = 0;
    memset(seen, 0, p->n_states * sizeof *seen);
    seen[q] = true;
    todo[n++] = q;
    while (n) {
        const struct nfa_state *s = &p->states[todo[--n]];
        for (uint32_t i = 0; i < s->n_edges; i++) {
            uint32_t t = p->edges[s->edges + i].target;
            if (t == NFA_NONE || seen[t])
                continue;
            seen[t] = true;
            todo[n++] = t;
        }
    }
}

static bool leads_to_times(const struct nfa_prog *p, const bool *seen) {
    for (uint32_t i = 0; i < p->n_states; i++) {
        if (seen[i] && is_timed(p, &p->states[i]))
            return true;
    }
    return false;
}

/*
 * May one start have ever more partial matches before a step with a time of its own? So it is where an event is taken and ignored,
 * and of the two that there are then one comes to that step, and the other here again. Each is an entry of the start's rank.
 */
bool nfa_piles_up(const struct nfa_prog *p) {
    bool *taken = base_calloc(p->n_states, sizeof *taken),
         *ignored = base_calloc(p->n_states, sizeof *ignored);
    bool any = p->n_edges > NFA_TIMED_EDGES;
    uint32_t *todo = base_calloc(p->n_states, sizeof *todo);
    for (uint32_t q = 0; q < p->n_states && !any; q++) {
        const struct nfa_edge *from = p->edges + p->states[q].edges, *end = from + p->states[q].n_edges;
        for (const struct nfa_edge *t = from; t < end && !any && q != p->start; t++) {
            if (t->action != NFA_TAKE || t->target == NFA_NONE)
                continue;
            reach(p, t->target, taken, todo);
            bool times = leads_to_times(p, taken);
            for (const struct nfa_edge *i = from; i < end && !any; i++) {
                if (i->action != NFA_IGNORE || i->target == NFA_NONE || !may_both(p, t, i))
                    continue;
                reach(p, i->target, ignored, todo);
                any = (times && ignored[q]) || (taken[q] && leads_to_times(p, ignored));
            }
        }
    }
    base_free(taken);
    base_free(ignored);
    base_free(todo);
    return any;
}

/* -- one partial match at a time ------------------------------------------------------------------------------------- */

/* Pairs of states in which one partial match may stand at once; each with itself. */
struct pairs {
    const struct nfa_prog *p;
    uint64_t *seen; /* n_states * n_states */
    uint32_t *todo; /* q * n_states + t */
    size_t n, cap;
    size_t work;
    bool branches;
};

static void add_pair(struct pairs *x, uint32_t a, uint32_t b) {
    size_t lo = a < b ? a : b, hi = a < b ? b : a, at = lo * x->p->n_states + hi;
    if (base_bits_get(x->seen, at))
        return;
    base_bits_set(x->seen, at);
    x->todo = base_grow(x->todo, x->n, &x->cap, sizeof *x->todo);
    x->todo[x->n++] = (uint32_t)at;
}

static bool ends(const struct nfa_edge *e) {
    return e->completes || e->n_finals > 0;
}

/* Two edges for one event, of one partial match; they may be the same. */
static void add_edges(struct pairs *x, const struct nfa_edge *a, const struct nfa_edge *b) {
    if (a->action == NFA_STOP || b->action == NFA_STOP)
        return;
    x->work++;
    if (a != b && !(may_both(x->p, a, b) && may_both(x->p, b, a)))
        return;
    bool goes_on = a->target != NFA_NONE || b->target != NFA_NONE;
    if (a->action != b->action || (a->action == NFA_TAKE && a->var != b->var) ||
        ((ends(a) || ends(b)) && goes_on))
        x->branches = true;
    else if (a->target != NFA_NONE && b->target != NFA_NONE)
        add_pair(x, a->target, b->target);
}

static void add_all(struct pairs *x, uint32_t q, uint32_t t, bool is_start) {
    const struct nfa_edge *a = x->p->edges + x->p->states[q].edges, *b = x->p->edges + x->p->states[t].edges;
    for (uint32_t i = 0; i < x->p->states[q].n_edges && !x->branches; i++) {
        for (uint32_t k = q == t ? i : 0; k < x->p->states[t].n_edges && !x->branches; k++) {
            if (!is_start || (a[i].action == NFA_TAKE && b[k].action == NFA_TAKE))
                add_edges(x, a + i, b + k);
        }
    }
}

/* Does time treat them alike, and end what it completes? */
static bool end_alike(const struct nfa_state *a, const struct nfa_state *b) {
    if (a->absent_us >= 0 || b->absent_us >= 0)
        return false;
    return a->pending == b->pending && (!a->pending || a->bound_us == b->bound_us);
}

bool nfa_is_single(const struct nfa_prog *p) {
    size_t n = p->n_states;
    if (n > NFA_BRANCH_STATES)
        return false;
    struct pairs x = { .p = p, .seen = base_calloc(BASE_BITS_WORDS(n * n), sizeof *x.seen) };
    add_all(&x, p->start, p->start, true);
    while (x.n && !x.branches && x.work <= NFA_BRANCH_WORK) {
        uint32_t at = x.todo[--x.n], q = at / (uint32_t)n, t = at % (uint32_t)n;
        x.branches = !end_alike(&p->states[q], &p->states[t]);
        if (!x.branches)
            add_all(&x, q, t, false);
    }
    base_free(x.seen);
    base_free(x.todo);
    return !x.branches && x.work <= NFA_BRANCH_WORK;
}
