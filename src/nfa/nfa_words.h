#pragma once
/*
 * nfa_words -- what the store of stacks (nfa_stack.h) saved of a key: an automaton over variables, and the events that each may take.
 * Read by whoever loads it into another program, or only looks at it. Private to src/nfa.
 *
 *     varint edges  * (varint from (0: before the first event), varint variable, varint to)     ascending by from, then variable
 *     varint stacks * (varint 2 * variable + (1: of the first event), varint n, n * varint event)
 *
 * States are numbered from 1 on. A partial match is a choice of events in order, each behind the one before, along edges.
 */
#include "base/base_arena.h"
#include "base/base_pack.h"

#include <stdbool.h>
#include <stdint.h>

struct nfa_word_item {
    uint32_t event; /* number in the entry */
    bool gone;      /* the reader's: no partial match with it is left */
    uint64_t order;
};

struct nfa_word_stack {
    uint32_t var;
    bool starts;
    struct nfa_word_item *v; /* ascending by order */
    size_t n;
};

struct nfa_word_edge {
    uint32_t from, to, var;
    const struct nfa_word_stack *stack; /* NULL: there are no such events */
};

struct nfa_words {
    struct base_arena *arena; /* borrowed; of all that it refers to */
    uint32_t n_states;        /* 1 .. n_states */
    struct nfa_word_edge *edges;
    size_t n_edges;
    size_t *first; /* n_states + 2: a state's edges */
    struct nfa_word_stack *stacks;
    size_t n_stacks;
};

struct nfa_word_step {
    uint32_t var, event;
};

/* Malformed bytes set u->bad. orders: of the entry's events. */
void nfa_words_read(struct nfa_words *w, struct base_arena *arena, struct base_unpack *u, uint32_t n_states,
    uint32_t n_vars, const uint64_t *orders, size_t n_events);
/* Partial matches in each state, from 1 on; of `all`, or of those without events that are gone. UINT64_MAX: so many or more. */
void nfa_words_count(const struct nfa_words *w, bool all, uint64_t *counts);
/* Returns: false when no more are wanted. Those of one start come one after the other, each behind the one that it goes on from. */
typedef bool nfa_word_fn(void *arg, uint32_t state, const struct nfa_word_step *way, size_t n);
/* Each partial match without events that are gone. */
void nfa_words_walk(const struct nfa_words *w, nfa_word_fn *tell, void *arg);
