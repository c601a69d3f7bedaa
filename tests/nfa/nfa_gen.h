#pragma once
/*
 * nfa_gen -- random patterns, options and events in the letters of tests/reference/ref_text.h. The same seed gives the same.
 */
#include "plan/plan.h"

struct nfa_gen {
    uint64_t seed; /* not 0 */
};

unsigned nfa_gen_pick(struct nfa_gen *g, unsigned n); /* < n */
/* Some are refused by the compiler. */
void nfa_gen_pattern(struct nfa_gen *g, struct base_buf *b);
/* A few, times ascending. */
void nfa_gen_events(struct nfa_gen *g, struct base_buf *b);
/* Skip policy, within, limits. */
struct plan_pattern nfa_gen_options(struct nfa_gen *g);
