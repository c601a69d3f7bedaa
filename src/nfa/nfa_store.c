/*
 * nfa_store -- which store a pattern's partial matches are kept in.
 *
 * Runs (nfa_group.c, nfa_step.c): a record a partial match. Needed where what an event does depends on the partial match.
 * Fates (nfa_fate.c): where all conditions look at the event alone and the skip policy lets one match of a start survive,
 * starts that have one future are moved as one. Graph (nfa_graph.c): where they all do and every match is emitted, or fates do not
 * know enough of a start, partial matches that stand in the same states are moved as one.
 *
 * Law: both give the same matches. So a pattern is only taken from the runs where the argument at the head of the other
 * store holds for it; each thing it does not cover is a reason here, shown by `explain`.
 */
#include "nfa/nfa_int.h"

#include "base/base_mem.h"

/* A det may be any set of states: more of them than these are not remembered well. */
enum { NFA_SETS_STATES = 1024, NFA_SETS_EDGES = 65536 };

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

static bool has_absence(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_states; i++) {
        if (nfa_awaits_absence(&p->states[i]))
            return true;
    }
    return false;
}

static bool completes_without_taking(const struct nfa_prog *p) {
    if (has_absence(p))
        return true;
    for (size_t i = 0; i < p->n_states; i++) {
        const struct nfa_state *s = &p->states[i];
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *e = &p->edges[s->edges + k];
            if (e->action == NFA_IGNORE && e->completes)
                return true;
        }
    }
    return false;
}

/*
 * May an event complete a partial match without being taken, some time after it took its last one? Not where that is the very next
 * event (`!b` at the end): what it completes so has taken the event before, so no other partial match of the start begins with it.
 */
static bool completes_later(const struct nfa_prog *p) {
    bool later = has_absence(p);
    for (size_t i = 0; i < p->n_edges && !later; i++) {
        const struct nfa_edge *to = &p->edges[i];
        if (to->action != NFA_IGNORE || to->target == NFA_NONE)
            continue;
        const struct nfa_state *s = &p->states[to->target];
        for (uint32_t k = 0; k < s->n_edges && !later; k++)
            later = p->edges[s->edges + k].action == NFA_IGNORE && p->edges[s->edges + k].completes;
    }
    return later;
}

static bool reads_timeouts(const struct nfa_prog *p) {
    return !p->opts.no_timeouts && (p->pat->within_kind != PLAN_WITHIN_NONE || p->has_bounds);
}

static bool has_times(const struct nfa_prog *p) {
    bool any = p->has_bounds;
    for (size_t i = 0; i < p->n_states && !any; i++)
        any = p->states[i].absent_us >= 0;
    for (size_t i = 0; i < p->n_atoms && !any; i++)
        any = p->atoms[i].kind == NFA_ATOM_TIME_LO || p->atoms[i].kind == NFA_ATOM_TIME_HI;
    return any;
}

/* Why one match of a start may not be all that survives, so that neither store of sets is one; NULL when it is. */
static const char *no_policy(const struct nfa_prog *p) {
    const struct plan_pattern *pat = p->pat;
    bool to_var = pat->skip == PLAN_SKIP_TO_FIRST || pat->skip == PLAN_SKIP_TO_LAST;
    if (to_var && may_miss_var(p, pat->skip_var))
        return "a match may lack the event to skip to, or begin with it, so a start may give several matches";
    return NULL;
}

/* Why fates do not know enough of a start, but the graph does; NULL when they do. */
static const char *no_fates(const struct nfa_prog *p) {
    bool single = nfa_is_single(p);
    if (!single && reads_timeouts(p))
        return "conditions look at the event alone: partial matches in the same states are moved as one; "
               "each that times out is told";
    if (!single && completes_later(p))
        return "conditions look at the event alone: partial matches in the same states are moved as one; "
               "those that an absence completes are compared with others of their start";
    if (p->has_times && nfa_piles_up(p))
        return "conditions look at the event alone: partial matches in the same states are moved as one, by "
               "the time of their last event";
    if (!single && p->pat->limit_open)
        return "conditions look at the event alone: partial matches in the same states are moved as one; a "
               "start counts as open while any of its is";
    return NULL;
}

static const char *no_sets(const struct nfa_prog *p) {
    if (reads_partial_match(p))
        return "a condition reads the partial match";
    if (p->n_states > NFA_SETS_STATES || p->n_edges > NFA_SETS_EDGES)
        return "the automaton is too large to take its states together";
    return NULL;
}

/* The graph; with `settles` the skip policy takes one match of a start. */
static void choose_graph(struct nfa_prog *p, bool settles) {
    p->store = NFA_STORE_GRAPH;
    p->settles = settles;
    p->tells_time = reads_timeouts(p) || has_absence(p);
    p->has_spans = (!settles && p->pat->limit_matches) ||
                   (p->tells_time && p->pat->within_kind == PLAN_WITHIN_FIRST_LAST);
}

enum cep_rc nfa_store(struct nfa_prog *p, struct cep_err *err) {
    (void)err;
    p->store = NFA_STORE_RUNS;
    p->has_times = has_times(p); /* asked of what other stores saved, too */
    if (p->opts.off & NFA_PASS_STORE)
        return CEP_OK;
    p->store_why = no_sets(p);
    if (p->store_why)
        return CEP_OK;
    if (p->pat->skip == PLAN_SKIP_NONE) {
        choose_graph(p, false);
        p->store_why =
            "conditions look at the event alone: partial matches in the same states are moved as one";
        return CEP_OK;
    }
    p->store_why = no_policy(p);
    if (p->store_why)
        return CEP_OK;
    p->store_why = no_fates(p);
    if (p->store_why) {
        choose_graph(p, true);
        return CEP_OK;
    }
    p->store = NFA_STORE_FATES;
    p->tells_time = reads_timeouts(p) || has_absence(p);
    p->has_peers = reads_timeouts(p) && p->has_times;
    p->every_start = p->tells_time || completes_without_taking(p) || p->pat->limit_open;
    p->store_why = "conditions look at the event alone and one match of a start survives: starts with one "
                   "future are moved as one";
    return CEP_OK;
}
