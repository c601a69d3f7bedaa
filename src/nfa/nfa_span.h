#pragma once
/*
 * nfa_span -- the shared graph the other way round: from the starts on. Kept for patterns with `limit matches`, whose first
 * matches in order are found without a look at the others, and where the time since the first event tells or completes the
 * partial matches of a start (nfa_graph_end.c). Private to src/nfa.
 *
 * A *span* is a place of a key (nfa_graph.h) from one event that moves it to the next. What is put into the place in
 * between has one future: the event that ends the span takes it as a variable, or several (its *onwards*, each into the
 * span of another place, or of the same), and it stays where it is or goes over to another place (`next`).
 *
 *     match a ->> b ->> c on a1 a2 b3 a4 b5 c6
 *     wait b:  (a1 a2) ── b3 ──▶ (a4) ── b5 ──▶ ()         spans with who starts there, in order of time
 *                          │              │
 *     wait c:              └─▶ () ◀───────┘                the first b opens the place, the second finds it open
 *
 * So the way of a start is found by reading on: a1 b3, or a1 and later b5, and both are in `wait c` when c6 completes it.
 * Every onward that is there has partial matches that are open; one whose cells are gone is taken off, and a span without
 * onwards is skipped by whoever follows it (and made a short cut of).
 *
 * With times a span is that of a band: an event that takes several of them has an onward from each, which its cell counts together.
 *
 * Cost: a span (24 bytes) and an onward (40) for an event that is taken behind a place, whatever is in the place; with times behind a
 * band.
 *
 * Handles are of 32 bits, 0 = none. A span is counted by its START cells, the onwards and spans that lead to it, and its
 * place; an onward by its TAKE cells.
 */
#include "nfa/nfa_run.h"

struct nfa_span {
    uint32_t refs;
    uint32_t next;  /* counted; 0: the place has not moved since, or nothing stayed */
    uint32_t first; /* of its onwards; all are of one event */
    uint32_t det;   /* of the place it is the span of now; NFA_NONE: of none any more */
    uint64_t mark;  /* of nfa_first.c */
};

struct nfa_onward {
    const struct nfa_ev *ev; /* borrowed of its cells */
    uint32_t var;
    uint32_t refs;
    uint32_t from;        /* borrowed; 0 when that span is gone */
    uint32_t to;          /* counted */
    uint32_t later, prev; /* of the same span */
    uint32_t
        more; /* of the same cell: it stands over several bands; counted with the first of them. 0 = no more */
};

struct nfa_spans *nfa_spans_new(void);
void nfa_spans_free(struct nfa_matcher *m);

struct nfa_span *nfa_span_at(const struct nfa_matcher *m, uint32_t span);
struct nfa_onward *nfa_onward_at(const struct nfa_matcher *m, uint32_t onward);
/* Nothing has moved its place yet. */
static inline bool nfa_span_is_open(const struct nfa_matcher *m, uint32_t span) {
    return !nfa_span_at(m, span)->first && !nfa_span_at(m, span)->next;
}
/* Owns: one reference, the caller's. */
uint32_t nfa_span_new(struct nfa_matcher *m, uint32_t det);
void nfa_span_ref(struct nfa_matcher *m, uint32_t span);
void nfa_span_unref(struct nfa_matcher *m, uint32_t span);
/* What the event takes from `from` as var goes on in `to`. Owns: one reference, the caller's. */
uint32_t nfa_onward_new(
    struct nfa_matcher *m, uint32_t from, uint32_t var, const struct nfa_ev *ev, uint32_t to);
void nfa_onward_ref(struct nfa_matcher *m, uint32_t onward);
void nfa_onward_unref(struct nfa_matcher *m, uint32_t onward);
/*
 * Goes on over spans without onwards, as far as `stop` (the mark of spans not to be passed). *span, a counted reference, is
 * moved there. Returns: the span.
 */
uint32_t nfa_span_follow(struct nfa_matcher *m, uint32_t *span, uint64_t stop);
