/*
 * nfa_store -- which store a pattern's partial matches are kept in.
 *
 * Runs (nfa_group.c, nfa_step.c): a record a partial match. Needed where what an event does depends on the partial match.
 * Fates (nfa_fate.c): where all conditions look at the event alone and the skip policy lets one match of a start survive,
 * starts that have one future are moved as one. Graph (nfa_graph.c): where they all do and every match is emitted, partial
 * matches that stand in the same states are moved as one.
 *
 * Law: both give the same matches. So a pattern is only taken from the runs where the argument at the head of the other
 * store holds for it; each thing it does not cover is a reason here, shown by `explain`.
 */
#include "nfa/nfa_int.h"

#include "base/base_mem.h"

/* A det may be any set of states: more of them than these are not remembered well. */
enum { NFA_SETS_STATES = 1024, NFA_SETS_EDGES = 65536, NFA_TIMED_EDGES = 256 };

/* May a match be complete without an event that a `var` took behind the first one? Walks edges as if all could hold. */
static bool may_miss_var(const struct nfa_prog *p, uint32_t var) {
    bool miss = false;
    uint32_t *todo = base_calloc(p->n_states + 1, sizeof *todo), n = 0;
    bool *seen = base_calloc(p->n_states + 1, sizeof *seen);
    todo[n++] = p->start;
    seen[p->start] = true;
    while (n && !miss) {
        uint32_t at = todo[--n];
        const struct nfa_state *s = &p->states[at];
        miss = nfa_awaits_absence(s);
        for (uint32_t i = 0; i < s->n_edges && !miss; i++) {
            const struct nfa_edge *e = &p->edges[s->edges + i];
            if (e->action == NFA_STOP || (at == p->start && e->action != NFA_TAKE) ||
                (e->action == NFA_TAKE && e->var == var && at != p->start))
                continue;
            /* A first event of VAR is the one to skip to, and prunes nothing. */
            if (at == p->start && e->var == var && p->pat->skip == PLAN_SKIP_TO_FIRST)
                miss = true;
            miss = miss || e->completes || e->n_finals > 0;
            if (e->target != NFA_NONE && !seen[e->target]) {
                seen[e->target] = true;
                todo[n++] = e->target;
            }
        }
    }
    base_free(todo);
    base_free(seen);
    return miss;
}

static bool reads_partial_match(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_atoms; i++) {
        if (p->atoms[i].rest)
            return true;
    }
    for (uint32_t i = 0; i < p->pat->n_inputs; i++) {
        if (p->prev_rows[i])
            return true;
    }
    return p->n_run_aggs > 0;
}

static bool completes_without_taking(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_states; i++) {
        const struct nfa_state *s = &p->states[i];
        if (nfa_awaits_absence(s))
            return true;
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *e = &p->edges[s->edges + k];
            if (e->action == NFA_IGNORE && e->completes)
                return true;
        }
    }
    return false;
}

static bool has_times(const struct nfa_prog *p) {
    bool any = p->has_bounds;
    for (size_t i = 0; i < p->n_states && !any; i++)
        any = p->states[i].absent_us >= 0;
    for (size_t i = 0; i < p->n_atoms && !any; i++)
        any = p->atoms[i].kind == NFA_ATOM_TIME_LO || p->atoms[i].kind == NFA_ATOM_TIME_HI;
    return any;
}

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
 * (Asked of pairs of edges: not of very many.)
 */
static bool piles_up(const struct nfa_prog *p) {
    bool *taken = base_calloc(p->n_states, sizeof *taken), *ignored = base_calloc(p->n_states, sizeof *ignored);
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

/* Why the store of fates is none for this pattern; NULL when it is. */
static const char *no_fates(const struct nfa_prog *p) {
    const struct plan_pattern *pat = p->pat;
    bool to_var = pat->skip == PLAN_SKIP_TO_FIRST || pat->skip == PLAN_SKIP_TO_LAST;
    if (completes_without_taking(p))
        return "a match may be complete without taking an event, and the skip policy compares it with others";
    if (p->has_times && piles_up(p))
        return "a step has a time of its own, behind one that a start may take again and again";
    if (pat->limit_open)
        return "the starts that `limit open` counts outlive their first match while it waits";
    if (to_var && may_miss_var(p, pat->skip_var))
        return "a match may lack the event to skip to, or begin with it, so a start may give several matches";
    return NULL;
}

/* The same for the shared graph. */
static const char *no_graph(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_states; i++) {
        if (nfa_awaits_absence(&p->states[i]))
            return "an absence completes at a time of its own for each start";
    }
    return NULL;
}

static const char *no_sets(const struct nfa_prog *p) {
    if (reads_partial_match(p))
        return "a condition reads the partial match";
    if (!p->opts.no_timeouts && (p->pat->within_kind != PLAN_WITHIN_NONE || p->has_bounds))
        return "the time-outs are read, so every partial match is a row";
    if (p->n_states > NFA_SETS_STATES || p->n_edges > NFA_SETS_EDGES)
        return "the automaton is too large to take its states together";
    return NULL;
}

enum cep_rc nfa_store(struct nfa_prog *p, struct cep_err *err) {
    (void)err;
    p->store = NFA_STORE_RUNS;
    p->has_times = has_times(p);
    p->store_why = no_sets(p);
    if (p->store_why)
        return CEP_OK;
    if (p->pat->skip == PLAN_SKIP_NONE) {
        p->store_why = no_graph(p);
        if (p->store_why)
            return CEP_OK;
        p->store = NFA_STORE_GRAPH;
        p->store_why =
            "conditions look at the event alone: partial matches in the same states are moved as one";
        return CEP_OK;
    }
    p->store_why = no_fates(p);
    if (p->store_why)
        return CEP_OK;
    p->store = NFA_STORE_FATES;
    p->store_why = "conditions look at the event alone and one match of a start survives: starts with one "
                   "future are moved as one";
    return CEP_OK;
}
