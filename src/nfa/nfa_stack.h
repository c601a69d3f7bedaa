#pragma once
/*
 * nfa_stack -- the store of sets where every match is emitted and nothing but time ends a wait: events kept as they came, by
 * variable. Private to src/nfa.
 *
 * Where every step is joined by `->>`, and a loop has `combinations`, an event never ends a wait, and conditions look at the event
 * alone: what may follow a partial match is any later event that fits. So a match is any choice of events in order, within the time,
 * whose variables are a *word* of the pattern, and of all partial matches nothing needs to be kept but the events that they may be
 * made of. For each variable a key has a stack of them (a ring: what is older than the earliest open start is cut off at its end),
 * and another for each variable that a match may start with:
 *
 *     match a ->> b ->> c on a1 a2 b3 a4 b5 c6       starts a:  a1 a2 a4        b:  b3 b5
 *
 *     plan:  0 ──a──▶ 1 ──b──▶ 2 ──c──▶ match        0: before the first event
 *
 * An event is pushed on the stacks of its variables, if some event is there that it may follow. At one that completes words it is found
 * out, from the end of the plan back, up to where the events of each state lie from which the match can be reached (nfa_stack_tell.c):
 * for a state these are the ones up to some event, for whatever may follow an event may also follow any before it. From the starts on
 * the search then takes only events that lead to a match.
 *
 * The plan (nfa_stack_plan.c) is deterministic: a word leads to one state of it, so no match is come to in two ways.
 *
 * A key whose partial matches another store left (a pattern that was edited, a savepoint) has their graph (nfa_graph.h) beside its stacks
 * until the last of its starts is over. The graph gets events and no starts, so its starts come before those of the stacks.
 *
 * Cost: an event 16 bytes for each of its variables, and the event; a push, and a look at the ends of the stacks when a start is over. An
 * event that completes words costs the plan and a search in each of its stacks, and each match its length.
 * (Active instance stacks: Wu, Diao, Rizvi: High-Performance Complex Event Processing over Streams, SIGMOD 2006. The bounds from
 * the end back, loops, and the order of what is told are ours.)
 *
 * Invariants (nfa_stacks_check()):
 *   I1  the items of a stack ascend by order
 *   I2  n_starts > 0; it is the number of events in the stacks of starts
 *   I3  held has the bits of the stacks that are not empty, and no others
 *   I4  no item of another stack is as early as the first start
 */
#include "nfa/nfa_run.h"

/* -- the plan (nfa_stack_plan.c) ------------------------------------------------------------------------------------ */

enum { NFA_STACKS_MAX = 64 };

struct nfa_stack_edge {
    uint32_t from, to; /* states; to: NFA_NONE when the word goes on no further */
    uint32_t var;
    uint32_t stack; /* of the events that it takes; NFA_NONE without `to` */
    bool completes;
};

struct nfa_stack_of {
    uint32_t var;
    bool starts;
    uint64_t fed; /* it takes what may lie behind something in one of these stacks */
};

struct nfa_stack_plan {
    uint32_t n_states, n_edges, n_stacks;
    struct nfa_stack_edge *edges; /* by `from`, then var */
    uint32_t *first;              /* n_states + 1: a state's edges */
    uint32_t *into, *first_into;  /* edges by `to` */
    uint32_t *dets, *first_det;   /* states of the program that a state stands for; none of state 0 */
    struct nfa_stack_of stacks[NFA_STACKS_MAX];
    uint64_t *leads; /* n_states: stacks of the events that may lead to a state */
    uint64_t starts; /* stacks of starts */
    uint32_t start;  /* the only one of these; NFA_NONE: there are several, or none */
    uint64_t
        *by_bit;    /* n_bits + 1: stacks whose variable has that bit; the last one: that asks for nothing */
    uint64_t *ends; /* n_words: bits with which an event may complete */
    bool ends_always; /* any event may */
    uint32_t *ending; /* edges that complete, by var */
    uint32_t n_ending;
};

/* Does the event under test fit the variable? */
static inline bool nfa_fits_var(const struct nfa_matcher *m, uint32_t var) {
    uint32_t bit = m->p->atoms[m->p->var_atom[var]].bit;
    return bit == NFA_NONE || (m->cur.bits[bit / 64] >> (bit & 63) & 1);
}

/* -- a key's --------------------------------------------------------------------------------------------------------- */

struct nfa_item {
    uint64_t order;    /* of ev */
    struct nfa_ev *ev; /* counted */
};

struct nfa_stack {
    struct nfa_item *v; /* owned; a ring of cap, which is 0 or a power of two */
    uint32_t head, n, cap;
};

struct nfa_stacks {
    uint32_t n_starts;
    uint64_t held;        /* stacks that are not empty */
    int64_t first_end;    /* when the first start's time is over; EVT_TIME_MAX = never */
    int64_t last_end;     /* the last one's */
    struct nfa_stack v[]; /* of the plan */
};

static inline struct nfa_item *nfa_item_at(const struct nfa_stack *s, uint32_t i) {
    return &s->v[(s->head + i) & (s->cap - 1)];
}
/* How many items there are up to that order, with it: looked for from the newest back, and from the oldest on. */
uint32_t nfa_stack_up_to(const struct nfa_stack *s, uint64_t order);
uint32_t nfa_stack_behind(const struct nfa_stack *s, uint64_t order);

void nfa_stacks_step(struct nfa_matcher *m, struct nfa_key *k);
void nfa_stacks_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* What is left of the key, which may be removed. */
void nfa_stacks_finish(struct nfa_matcher *m, struct nfa_key *k);
void nfa_stacks_free(struct nfa_matcher *m, struct nfa_key *k);
/* Returns: open starts. */
uint64_t nfa_stacks_check(const struct nfa_matcher *m, const struct nfa_key *k);
/* The key's stacks, which may be empty until something was pushed. */
struct nfa_stacks *nfa_stacks_of(struct nfa_matcher *m, struct nfa_key *k);
/* Requires: the event is later than all in the stack. One more reference is taken. */
void nfa_stacks_push(struct nfa_matcher *m, struct nfa_stacks *s, uint32_t stack, struct nfa_ev *ev);
/* An event was pushed on stacks of starts. */
void nfa_stacks_started(struct nfa_matcher *m, struct nfa_stacks *s, const struct nfa_ev *ev);

/* nfa_stack_tell.c: the matches that the event under test completes, in order; so many were told before. */
void nfa_stacks_tell(struct nfa_matcher *m, struct nfa_key *k, uint64_t told);
struct nfa_stack_search *nfa_stack_search_new(const struct nfa_stack_plan *p);
void nfa_stack_search_free(struct nfa_stack_search *s); /* NULL is fine */
