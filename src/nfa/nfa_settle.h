#pragma once
/*
 * nfa_settle -- the shared graph (nfa_graph.h) where a skip policy lets one match of a start survive. Private to src/nfa.
 *
 * The graph is kept as under `no skip`. Of a start the match that completes first is the one; of those that complete together
 * the one whose events come earliest. So when something completes a list of partial matches, every start below the list that has
 * no match yet gets it: the start is *settled*. A settled start waits while one that started before it is open, which is what
 * the list of START cells says; then matches are let go in order of start, and each cuts the starts off that it prunes.
 *
 *     match a ->> b ->[10 s] c      at c5:   b4(·) ─ b2(·)           a1 is settled with a1 b2 c5, a3 with a3 b4 c5;
 *                                             └──▶ a3 ─ a1 ◀─┘       a1 is the first one: it is let go, and prunes a3
 *
 * All starts below a list that was completed are settled from then on, so no later completion need go into it. A cell is marked when it is
 * passed, with the rest of its list; whoever meets the mark turns round. Each cell is passed once, so an event costs the
 * automaton, spread over the events that made the cells, and besides the matches that it settles.
 *
 * The cells that are passed at once are all on ways to the end. On from each of them the earliest event is the one to go on with, so
 * the match of a start need not be searched for. Cells that took one event behind one list are a *group*: they differ by the variable,
 * or by what follows. They are compared by what follows, the latest events first, so each comparison is one of ranks.
 *
 * What follows a cell is the same for all starts that come to it: a match is a *trail* that others join.
 *
 * Cost: a cell once, times the logarithm of how many are passed at once; a settled start 24 bytes, and the logarithm of how many wait; what it
 * took that no other settled start took, 24 bytes an event.
 *
 * Invariants (nfa_settled_check()):
 *   I1  the settled starts are a heap by their order; none is earlier than the first START cell, when the step is over, or the key was
 *       loaded without the starts that it waited for and is due
 *   I2  every START cell that is settled has its entry there
 */
#include "nfa/nfa_run.h"

struct nfa_graph;
struct nfa_root;

/* An event of a match, and what it took after it. */
struct nfa_trail {
    struct nfa_trail *next; /* counted */
    struct nfa_ev *ev;      /* counted */
    uint32_t var;
    uint32_t refs;
};

/* A start whose match waits. */
struct nfa_settled {
    uint64_t order;          /* of the start */
    struct nfa_trail *match; /* counted */
    struct nfa_quota *quota; /* counted, or NULL */
};

/* A heap: the earliest start first. */
struct nfa_settled_heap {
    uint32_t n, cap;
    struct nfa_settled v[];
};

/* Owns: one reference, the caller's. ev and next are counted here. */
struct nfa_trail *nfa_trail_new(
    struct nfa_matcher *m, uint32_t var, struct nfa_ev *ev, struct nfa_trail *next /* or NULL */);
void nfa_trail_unref(struct nfa_matcher *m, struct nfa_trail *t); /* NULL is fine */

/* What this step completed. Roots as of nfa_walk(). */
void nfa_settle(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_root *roots, size_t n);
/* A start (a START cell) is settled, unless it was, with the match just listed (nfa_emit_room()). */
void nfa_settle_listed(struct nfa_matcher *m, struct nfa_key *k, uint32_t start);
/* The same with what is told elsewhere; the match is moved, the quota counted. */
void nfa_settled_add(
    struct nfa_matcher *m, struct nfa_key *k, struct nfa_trail *match, struct nfa_quota *quota /* or NULL */);
/* The settled starts in order. Owns: the caller (base_free), without references. g may be NULL. */
struct nfa_settled *nfa_settled_list(const struct nfa_graph *g, size_t *n);
/* START cells that have their entry among the settled ones are marked. Requires: none is. */
void nfa_settled_mark(struct nfa_matcher *m, struct nfa_key *k);
/* Does one wait for no start any more? */
bool nfa_settled_is_due(const struct nfa_matcher *m, const struct nfa_graph *g);
/* Lets go what waits no more. Requires: nothing else holds cells. */
void nfa_settle_let_go(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
void nfa_settled_free(struct nfa_matcher *m, struct nfa_graph *g);
void nfa_settled_check(const struct nfa_matcher *m, const struct nfa_key *k);
void nfa_settle_release(struct nfa_settle *s);
