#pragma once
/*
 * nfa_look_internal -- what the readers of the stores' bytes share (nfa_look.c, nfa_look_sets.c). Private to src/nfa.
 */
#include "nfa/nfa_look.h"
#include "nfa/nfa_save.h"

struct nfa_look_internal {
    struct nfa_meta meta;
};

/* A KEY entry being read. */
struct nfa_looker {
    const struct nfa_look *l;
    const struct nfa_meta *meta;
    struct base_arena *arena;
    struct base_unpack *u;
    struct nfa_look_key *key;
    bool tell;
    const uint64_t *orders; /* by event */
    struct nfa_look_match *matches;
    size_t cap;
};

/* A number below n; else bad and 0. */
uint32_t nfa_look_index(struct nfa_looker *k, size_t n);
/* One more match; NULL when it is not to be told. Steps: n of them, zeroed. */
struct nfa_look_match *nfa_look_add(struct nfa_looker *k, uint32_t n_steps, struct nfa_look_step **steps);
/* When the steps and states of an open one are set. */
void nfa_look_finish(struct nfa_looker *k, struct nfa_look_match *m);
uint64_t nfa_look_sum(uint64_t a, uint64_t b); /* UINT64_MAX stays */

void nfa_look_graph(struct nfa_looker *k, bool has_spans, bool has_times);
void nfa_look_settling(struct nfa_looker *k);
void nfa_look_fates(struct nfa_looker *k, bool has_times);
void nfa_look_stacks(struct nfa_looker *k);
