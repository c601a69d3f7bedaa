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
/* Of those whose matches are any choice of events along the variables: nothing ends a wait but time. And options that keep it so. */
void nfa_gen_words(struct nfa_gen *g, struct base_buf *b);
struct plan_pattern nfa_gen_words_options(struct nfa_gen *g);
/* A few, times ascending. */
void nfa_gen_events(struct nfa_gen *g, struct base_buf *b);
/* Skip policy, within, limits. */
struct plan_pattern nfa_gen_options(struct nfa_gen *g);
