/*
 * nfa_cost -- what a pattern may cost, told before it runs.
 */
#include "nfa/nfa_fate.h"
#include "nfa/nfa_graph.h"
#include "nfa/nfa_stack.h"

#include "base/base_mem.h"

/* Repetitions without an upper bound that every event may or may not join. */
static bool has_endless_choice(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_terms; i++) {
        const struct nfa_term *t = &p->terms[i];
        if (t->max == PLAN_UNBOUNDED && t->inner == PLAN_FOLLOWED_ANY)
            return true;
    }
    return false;
}

static bool has_endless_loop(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_terms; i++) {
        if (p->terms[i].max == PLAN_UNBOUNDED)
            return true;
    }
    return false;
}

enum { LONG_LOOP = 64 };

/* Loops that may take many events, and whether one of them goes round a group. */
static size_t count_loops(const struct nfa_prog *p, bool *group) {
    size_t n = 0;
    for (size_t i = 0; i < p->n_terms; i++) {
        const struct nfa_term *t = &p->terms[i];
        if (t->max < LONG_LOOP)
            continue;
        n++;
        *group |= t->kind != PLAN_TERM_VAR;
    }
    return n;
}

/* `->>` keeps what waited: with a loop each start waits on beside the ones it led to. */
static bool has_any_choice(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_steps; i++) {
        if (p->steps[i].op == PLAN_FOLLOWED_ANY)
            return true;
    }
    return false;
}

static bool ends_with_absence(const struct plan_pattern *pat) {
    return pat->root->n_steps > 0 && pat->root->steps[pat->root->n_steps - 1].negated;
}

/* Steps that may be left out: each of them doubles the ways through the pattern. */
static size_t count_optional(const struct nfa_prog *p) {
    size_t n = 0;
    for (size_t i = 0; i < p->n_terms; i++)
        n += p->terms[i].optional;
    return n;
}

enum { MANY_OPTIONAL = 10 }; /* a thousand ways */

static bool every_state_bounded(const struct nfa_prog *p) {
    for (size_t i = 0; i < p->n_states; i++) {
        if (i != p->start && p->states[i].bound_us < 0)
            return false;
    }
    return true;
}

/* No partial match outlives a fixed number of its key's events: nothing waits, nothing goes round. */
static bool is_short_lived(const struct nfa_prog *p) {
    uint32_t *height = base_calloc(
        p->n_states, sizeof *height); /* events that a partial match in it may live to see */
    bool changed = true;
    for (size_t round = 0; changed && round <= p->n_states; round++) {
        changed = false;
        for (size_t i = 0; i < p->n_states; i++) {
            const struct nfa_state *s = &p->states[i];
            for (uint32_t k = 0; k < s->n_edges; k++) {
                const struct nfa_edge *e = &p->edges[s->edges + k];
                if ((i == p->start && e->action == NFA_IGNORE) || e->target == NFA_NONE ||
                    e->action == NFA_STOP || height[i] > height[e->target])
                    continue;
                height[i] = height[e->target] + 1;
                changed = true;
            }
        }
    }
    base_free(height);
    return !changed;
}

/*
 * There is one state to wait in, and what concerns a partial match there moves it on or ends it: each is looked at once.
 * `a -> b`, not `a ->> b`, nor a condition on the partial match, which may look at it in vain.
 */
static bool is_moved_once(const struct nfa_prog *p) {
    uint32_t waits = 0;
    for (size_t i = 0; i < p->n_states; i++) {
        const struct nfa_state *s = &p->states[i];
        if (i == p->start)
            continue;
        if (++waits > 1 || !s->calm || !s->run_free || s->bound_us >= 0 || s->absent_us >= 0)
            return false;
        for (uint32_t k = 0; k < s->n_edges; k++) {
            const struct nfa_edge *e = &p->edges[s->edges + k];
            bool excludes = e->action != NFA_IGNORE;
            for (uint32_t g = 0; g < e->n_guard; g++)
                excludes |= nfa_lit_negated(p->lits.v[e->guard + g]);
            if (!excludes || (e->action == NFA_TAKE && e->target != NFA_NONE))
                return false;
        }
    }
    return true;
}

/* `a+ -> b`: starts that wait in the loop share one partial match, or sleep. */
static bool is_one_loop(const struct nfa_prog *p) {
    const struct nfa_term *root = &p->terms[p->root];
    if (p->pat->skip != PLAN_SKIP_PAST_LAST || p->has_bounds || root->kind != PLAN_TERM_CHAIN ||
        root->max != 1 || root->n != 2)
        return false;
    const struct nfa_step *first = &p->steps[root->first], *next = first + 1;
    const struct nfa_term *loop = &p->terms[first->term];
    return loop->kind == PLAN_TERM_VAR && loop->max == PLAN_UNBOUNDED && loop->inner == PLAN_FOLLOWED &&
           !loop->optional && !next->negated && p->terms[next->term].kind == PLAN_TERM_VAR &&
           p->terms[next->term].max == 1;
}

/* The first event is a match already, and the policy drops what else it started. */
static bool completes_at_once(const struct nfa_prog *p) {
    const struct nfa_state *s = &p->states[p->start];
    bool all = p->one_a_start;
    for (uint32_t i = 0; i < s->n_edges; i++)
        all = all && (p->edges[s->edges + i].action != NFA_TAKE || p->edges[s->edges + i].completes);
    return all;
}

static void find_growth(const struct nfa_prog *p, struct nfa_cost *out) {
    const struct plan_pattern *pat = p->pat;
    bool loops = has_endless_loop(p) && !pat->limit_open;
    if (has_endless_choice(p)) {
        out->exponential = true;
        out->growth_why =
            "combinations without an upper bound: every subset of the events that fit is a partial match";
    } else if (!p->one_a_start && count_optional(p) >= MANY_OPTIONAL) {
        out->exponential = true;
        out->growth_why =
            "many steps may be left out, and the skip policy keeps every way through: each doubles them";
    } else if (loops && !p->one_a_start) {
        out->quadratic = true;
        out->growth_why = pat->skip == PLAN_SKIP_NONE
                              ? "no skip with a loop: every length from every start is a match of its own"
                              : "a loop under a skip policy that keeps several matches of one start";
    }
    if (loops && !out->growth_why && !p->opts.no_timeouts &&
        (pat->within_kind != PLAN_WITHIN_NONE || p->has_bounds)) {
        out->quadratic = true;
        out->growth_why = "time-outs are read, so every length of a loop is kept to be told";
    }
    bool group_loop = false;
    size_t n_loops = pat->limit_open ? 0 : count_loops(p, &group_loop);
    if (!out->growth_why && (n_loops > 1 || group_loop)) {
        out->quadratic = true;
        out->growth_why = group_loop
                              ? "a loop over a group: each way of sharing events among its steps is kept"
                              : "several loops: each way of sharing events between them is kept";
    } else if (!out->growth_why && n_loops && has_any_choice(p)) {
        out->quadratic = true;
        out->growth_why = "->> beside a loop: each start waits on beside the partial matches it led to";
    } else if (!out->growth_why && n_loops && ends_with_absence(pat)) {
        out->quadratic = true;
        out->growth_why = "a loop before an absence: each length of it waits for its time to be over";
    } else if (!out->growth_why && n_loops && !loops) {
        out->quadratic = true;
        out->growth_why = "a loop with a high upper bound: each number of repetitions is a partial match";
    }
    if (loops && p->n_run_aggs == 0 && !out->exponential) {
        for (size_t i = 0; i < p->n_states; i++) {
            if (!p->states[i].run_free && i != p->start && !out->growth_why) {
                out->quadratic = true;
                out->growth_why = "a condition reads the partial match, so each start keeps its own";
            }
        }
    } else if (loops && p->n_run_aggs && !out->growth_why) {
        out->quadratic = true;
        out->growth_why = "an aggregate runs along with each start";
    }
    if (!out->growth_why && !pat->limit_open && !is_short_lived(p) && !is_moved_once(p) && !is_one_loop(p)) {
        out->quadratic = true;
        out->growth_why = "an event is tried on each open partial match of its key, of which there may be as "
                          "many as events";
    }
}

/* The stores of sets: an event costs the automaton, so what grows is what is given out. */
static void find_match_growth(const struct nfa_prog *p, struct nfa_cost *out) {
    const struct plan_pattern *pat = p->pat;
    bool loops = has_endless_loop(p), group = false;
    bool all = pat->skip == PLAN_SKIP_NONE;
    bool told = p->tells_time && !p->opts.no_timeouts && !completes_at_once(p);
    if (all && has_endless_choice(p)) {
        out->exponential = true;
        out->growth_why =
            "combinations without an upper bound: every subset of the events that fit is a match";
    } else if (all && count_optional(p) >= MANY_OPTIONAL) {
        out->exponential = true;
        out->growth_why = "many steps may be left out, and every way through is a match: each doubles them";
    } else if (all && count_loops(p, &group) > 0) {
        out->quadratic = true;
        out->growth_why = "no skip with a loop: every length from every start is a match of its own";
    } else if (all && has_any_choice(p)) {
        out->quadratic = true;
        out->growth_why = "->> with no skip: every choice is a match of its own";
    } else if (p->settles && told && (has_endless_choice(p) || count_optional(p) >= MANY_OPTIONAL)) {
        out->exponential = true;
        out->growth_why = "time-outs are read, and every choice that was open times out by itself";
    } else if (p->settles && told && (count_loops(p, &group) > 0 || has_any_choice(p))) {
        out->quadratic = true;
        out->growth_why = "time-outs are read, and every length or choice that was open times out by itself";
    } else if (!all && pat->skip != PLAN_SKIP_PAST_LAST && loops && !completes_at_once(p)) {
        out->quadratic = true;
        out->growth_why = "a loop under a skip policy that lets matches overlap: each tells its events again";
    } else if (!all && loops && told) {
        out->quadratic = true;
        out->growth_why =
            "time-outs are read, and each start that times out tells the events of its loop again";
    } else if (p->store == NFA_STORE_FATES && !loops && count_loops(p, &group) > 0) {
        out->quadratic = true;
        out->growth_why = "a loop with a high upper bound: starts differ by how many repetitions they have";
    }
}

static void set_bytes(const struct nfa_prog *p, struct nfa_cost *out) {
    size_t event = sizeof(struct nfa_ev) + p->kept_words * sizeof(uint64_t), partial = 0;
    switch (p->store) {
    case NFA_STORE_FATES: partial = sizeof(struct nfa_start); break;
    case NFA_STORE_GRAPH: partial = sizeof(struct nfa_cell); break;
    case NFA_STORE_STACKS: partial = sizeof(struct nfa_item); break;
    case NFA_STORE_RUNS:
    case NFA_STORE_MAX:
        partial = nfa_run_size(p) + sizeof(struct nfa_group);
        event += sizeof(struct nfa_link);
        break;
    }
    out->bytes_per_partial = (uint32_t)partial;
    out->bytes_per_event = (uint32_t)event;
}

void nfa_cost_of(const struct nfa_prog *p, struct nfa_cost *out) {
    const struct plan_pattern *pat = p->pat;
    *out = (struct nfa_cost){ .states = (uint32_t)p->n_states, .edges = (uint32_t)p->n_edges };
    for (size_t i = 0; i < p->n_bits; i++)
        out->batch_conditions += p->bits[i].e != NULL;
    for (size_t i = 0; i < p->n_atoms; i++)
        out->run_conditions += p->atoms[i].kind == NFA_ATOM_COND && p->atoms[i].rest != NULL;
    out->kept_columns = p->n_kept;
    set_bytes(p, out);
    out->needs_all_rows = p->needs_all_rows;

    out->bounded_time = pat->within_kind == PLAN_WITHIN_FIRST_LAST;
    if (pat->within_kind == PLAN_WITHIN_NONE && !every_state_bounded(p))
        out->unbounded_why = "no within: a partial match stays open until its next event comes";
    else if (pat->within_kind == PLAN_WITHIN_BETWEEN && has_endless_loop(p))
        out->unbounded_why = "within ... between events does not end a loop whose events keep coming";
    else
        out->bounded_time = true;
    out->waits_for_ever = pat->skip != PLAN_SKIP_NONE && out->unbounded_why != NULL;

    if (p->store != NFA_STORE_RUNS)
        find_match_growth(p, out);
    else if (!completes_at_once(p))
        find_growth(p, out);
    out->store = p->store == NFA_STORE_RUNS ? "runs" : "sets";
    out->store_why = p->store_why;
}
