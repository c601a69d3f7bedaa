#pragma once
/*
 * nfa_build.h -- what the passes' largest one, nfa_build.c, shares with its parts: places and moods (nfa_mood.c), what can
 * come first (nfa_heads.c). Private to these three; what these are is told at the
 * head of nfa_build.c. All of it lives in the program's arena while the automaton is built.
 */
#include "nfa/nfa_int.h"

enum nfa_build_place_kind { NFA_BUILD_END = 0, NFA_BUILD_STEP, NFA_BUILD_LOOP, NFA_BUILD_ALL };

struct nfa_build_place {
    enum nfa_build_place_kind kind;
    uint32_t term; /* STEP: the chain; LOOP, ALL: the term */
    uint32_t n;    /* STEP: index of the step; LOOP: repetitions done; ALL: bitmap of members still to come */
    uint32_t outer; /* place */
};

/* Sets of small numbers, sorted, made once; 0 is the empty one. */
struct nfa_mood {
    uint32_t *nots; /* variables whose events end the path */
    size_t n_nots, cap_nots;
    uint32_t *
        late; /* the same, but only once an event was ignored (what Flink's copies without negations amount to) */
    size_t n_late, cap_late;
    nfa_lit hold;    /* greedy: a literal that edges must satisfy; NFA_NONE = none */
    uint32_t *fresh; /* loops entered without taking anything: place * 2, + 1 for the first repetition */
    size_t n_fresh, cap_fresh;
    int64_t lo_us, hi_us; /* a bound that still waits for the first event of a group; hi -1 = none */
    uint32_t bound_end;   /* void past this place: the group was left out; NFA_NONE = no bound */
};

/* How the first event follows. */
struct nfa_follow {
    enum plan_contig op;
    int64_t lo_us, hi_us; /* hi -1 = none */
};

enum nfa_want_kind {
    NFA_WANT_TERM = 0,
    NFA_WANT_LOOP,
    NFA_WANT_WAIT_TERM,
    NFA_WANT_WAIT_LOOP,
    NFA_WANT_ALL,
    NFA_WANT_NOT_NEXT,
    NFA_WANT_PENDING
};

/* What a node was asked for as; doubles as the key of the memo. */
struct nfa_want {
    uint64_t kind;
    uint64_t term, n; /* TERM: term; LOOP: term and repetitions; others: place */
    uint64_t place;   /* what follows */
    uint64_t mood;
    uint64_t op;
    int64_t lo_us, hi_us;
};

struct nfa_builder {
    struct nfa_prog *p;
    struct nfa_build_place *places;
    size_t n_places, cap_places;
    struct nfa_mood *moods;
    size_t n_moods, cap_moods;
    struct nfa_want *wants; /* of node i */
    size_t n_wants, cap_wants;
    uint32_t final, dead;
    enum cep_rc rc;
    struct cep_err *err;
};

/* -- places and moods (nfa_mood.c) ----------------------------------------------------------------------------- */

/* Nothing is alive, nothing is held back. The first mood. */
extern const struct nfa_mood nfa_calm_mood;

/* What is made once: the number of an earlier one with that key, or `fresh`. */
uint32_t nfa_build_memo(struct nfa_builder *b, const void *key, size_t len, uint32_t fresh, bool *is_new);
uint32_t nfa_build_place_of(
    struct nfa_builder *b, enum nfa_build_place_kind kind, uint32_t term, uint32_t n, uint32_t outer);
uint32_t nfa_mood_of(struct nfa_builder *b, const struct nfa_mood *m);
/* A copy whose arrays can grow without touching the original's. */
struct nfa_mood nfa_mood_copy(const struct nfa_builder *b, uint32_t mood);
/* Is x in a set of a mood? */
bool nfa_mood_has(const uint32_t *v, size_t n, uint32_t x);
/* Inserts into a sorted set held by a mood copy. */
void nfa_mood_add(struct nfa_builder *b, uint32_t **v, size_t *n, size_t *cap, uint32_t x);
/* That mood with one thing changed: a negation alive, a loop entered without taking, a greedy loop's literal, a bound. */
uint32_t nfa_mood_with_not(struct nfa_builder *b, uint32_t mood, uint32_t var);
uint32_t nfa_mood_with_fresh(struct nfa_builder *b, uint32_t mood, uint32_t place, bool first);
uint32_t nfa_mood_with_hold(struct nfa_builder *b, uint32_t mood, nfa_lit hold);
uint32_t nfa_mood_with_bound(
    struct nfa_builder *b, uint32_t mood, int64_t lo_us, int64_t hi_us, uint32_t end);
uint32_t nfa_mood_without_bound(struct nfa_builder *b, uint32_t mood);
/* With the negations that stand directly at a place. */
uint32_t nfa_mood_with_nots_at(struct nfa_builder *b, uint32_t mood, uint32_t place);
/*
 * After an event was taken: nothing is held back, negations are over. Where a variable that may be left out took it, those
 * of its own chain come back late; `place`: behind that step, NFA_NONE for others.
 */
uint32_t nfa_mood_after(struct nfa_builder *b, uint32_t mood, uint32_t place);
/* The smaller bound; -1 = none. */
int64_t nfa_min_bound(int64_t a, int64_t x);
/* Does `-> !var` (any, `-> !n`) stand before the step that ends at `place`, with nothing between them but steps that may be left out? */
bool nfa_build_place_behind_not(const struct nfa_builder *b, uint32_t place, uint32_t var);
bool nfa_build_place_behind_any_not(const struct nfa_builder *b, uint32_t place);

/* -- what can come first (nfa_heads.c) -------------------------------------------------------------------------- */

struct nfa_head {
    uint32_t term;  /* VAR */
    uint32_t place; /* after it is taken */
};
struct nfa_way_out {
    uint32_t place, mood;
    nfa_lit cond; /* NFA_NONE = always */
};
struct nfa_heads {
    struct nfa_head *v;
    size_t n, cap;
    struct nfa_way_out *outs;
    size_t n_outs, cap_outs;
};

/* What a greedy loop left behind asks of the next event: the loop could not take it, for it does not fit or an until around
 * it ends it. */
nfa_lit nfa_hold_of(struct nfa_builder *b, const struct nfa_term *t);
/* One more way to leave without taking anything. */
void nfa_way_out(struct nfa_builder *b, struct nfa_heads *h, uint32_t place, uint32_t mood);
/*
 * Past a term. Greedy: what follows may not use an event that the loop could take, but for the event that ends the loop by
 * its until.
 */
void nfa_ways_past(
    struct nfa_builder *b, struct nfa_heads *h, const struct nfa_term *t, uint32_t place, uint32_t mood);
/*
 * The variables that can begin one repetition of `term` (members `members` of an all()), and the ways to leave it without
 * taking anything.
 */
struct nfa_heads nfa_heads_of(
    struct nfa_builder *b, uint32_t term, uint32_t members, uint32_t place, uint32_t mood);
/* The ways out carry the bound of how the first event follows, until the place `end`. */
void nfa_bound_ways(struct nfa_builder *b, struct nfa_heads *h, struct nfa_follow f, uint32_t end);
