#pragma once
/*
 * nfa_fate -- the store of sets where one match of a start survives: starts with one fate. Private to src/nfa.
 *
 * What becomes of a start is decided by its rank (nfa_det.h) and the events to come. So starts of one rank share a *fate*,
 * and an event moves fates, of which there are as many as the automaton has ways to stand, not starts:
 *
 *     key ── starts, by time ──▶ a1 ─ a2 ─ a4 ─ a7 ─ ...
 *                                 │    │    │    └──▶ fate {wait b}
 *                                 └────┴────┴───────▶ fate {wait c}
 *
 * With times (nfa_det.h) it also matters when the event taken last was, for each entry of the rank whose det has times: the
 * fates of one rank lie in a *row*, by these times, the oldest first. All that is older than every time is one fate again. An event
 * looks at the row's ends and goes on from there while it moves fates, so it costs what it moves. What is over because of the time
 * is found when the event looks at it, or when the time comes of the first start, on which alone the others wait.
 *
 * Two fates that come to one rank, and one time, become one (union-find). For each event that moves it a fate keeps a *hop*, what it was
 * that moved it and how; the hops of fates that became one join. A start remembers the hop that came after it:
 *
 *     a1, a2 ──▶ (b3: taken) ──▶ ┬──▶ (c8: taken, completes)
 *                    a4 ──▶ (b6)─┘
 *
 * When a fate completes, so do all its starts, each with the match that its hops tell, read backwards from the end. The
 * earliest start decides what may be emitted: is its fate open all others wait, is it done its match is taken and prunes, is
 * it over it goes. A hop lives while something before it does.
 *
 * Cost: an event the rows of its key (a compare for each that it cannot move) and the fates that it moves; a start 40 bytes and its event; a match the
 * hops since its start.
 *
 * Time. Where an absence completes matches, or time-outs are read, what time ends is looked at when it does (`tells_time`): a start
 * whose time since the first event is over, and fates of which the time since the last one is. Then one start has one
 * partial match at a time (nfa_branch.c), so that it is known what completes first, and nothing is left beside a match. Where the
 * starts of a fate are told so they are in a ring (`has_peers`).
 *
 * Invariants (nfa_fates_check()):
 *   I1  starts ascend by order; n_starts counts them, n_over those whose fate is over
 *   I2  rows have different ranks; the fates of a row ascend by their times; a fate's n counts the starts that lead to it
 *   I3  the first start's fate is open, when the step is over; or the key was loaded without the starts before it and is due
 */
#include "nfa/nfa_det.h"

struct nfa_hop {
    struct nfa_hop *next; /* counted; NULL at the end */
    struct nfa_ev *ev;    /* counted; NULL when nothing was taken */
    struct nfa_rank_trans
        *how;      /* counted; NULL: the hops join another fate's here, or nothing happened yet */
    uint32_t refs; /* starts, the hop before, the fate */
};

enum nfa_fate_state { NFA_FATE_OPEN = 0, NFA_FATE_DONE, NFA_FATE_OVER };

struct nfa_fate {
    struct nfa_fate *into;          /* counted; the fate that it became one with */
    struct nfa_hop *tail;           /* counted; where the next hop goes; NULL when not open */
    struct nfa_quota *quota;        /* counted; DONE with `limit matches` */
    struct nfa_fate *older, *newer; /* of its row */
    int64_t *
        last; /* owned; OPEN, of a rank with times: when each entry took its last event; NFA_LAST_OLD where it does not matter */
    struct nfa_start *peers; /* of the ring of starts that lead here; with has_peers alone */
    uint64_t oldest, newest; /* orders of the first (or before it) and of the last start that leads here */
    uint64_t n;              /* starts that lead here; 0 when it has become another */
    uint64_t weight;         /* starts that ever did */
    uint32_t rank;
    uint32_t refs; /* starts, fates that became this one, the key's list */
    enum nfa_fate_state state;
};

/* The live fates of one rank; without times there is one. */
struct nfa_row {
    struct nfa_fate *first, *last; /* counted; the oldest, the newest */
    uint32_t rank;
};

struct nfa_start {
    struct nfa_start *next;
    struct nfa_ev *ev;          /* counted */
    struct nfa_fate *fate;      /* counted; see nfa_fate_find() */
    struct nfa_hop *hop;        /* counted; NULL when it completed at once */
    struct nfa_rank_trans *how; /* counted; how it started */
    struct nfa_start *peer[]; /* with has_peers: the next and the one before of those that lead to one fate */
};

struct nfa_fates {
    struct nfa_start *first, *last;
    uint64_t n_starts, n_over, n_open;
    uint64_t last_done; /* order of the last event that completed something */
    uint64_t interest;  /* of the live fates, folded; all ones = any event */
    uint32_t n, cap;
    struct nfa_row rows[];
};

struct nfa_hop *nfa_hop_new(struct nfa_matcher *m, uint32_t refs);
void nfa_hop_unref(struct nfa_matcher *m, struct nfa_hop *h);
/* An open one has a tail, and no times; no references yet. */
struct nfa_fate *nfa_fate_new(struct nfa_matcher *m, enum nfa_fate_state state, uint32_t rank);
void nfa_fate_unref(struct nfa_matcher *m, struct nfa_fate *f);
/* The fate that a start leads to now. */
struct nfa_fate *nfa_fate_find(struct nfa_matcher *m, struct nfa_start *s);
/* The key's fates with room for n rows. */
struct nfa_fates *nfa_fates_of(struct nfa_matcher *m, struct nfa_key *k, uint32_t n);
/* The key's live fate of this rank and these times (ignored for a rank without), made when there is none. Returns: borrowed.
 * Requires: the key has fates. */
struct nfa_fate *nfa_fates_live(struct nfa_matcher *m, struct nfa_key *k, uint32_t rank, const int64_t *last);
/* Live fates without starts go. */
void nfa_fates_tidy(struct nfa_matcher *m, struct nfa_key *k);

/* nfa_row.c */
void nfa_fate_forget_times(struct nfa_matcher *m, struct nfa_fate *f);
/* When nothing is left of it; EVT_TIME_MAX = that never happens by itself. Requires: it is open. */
int64_t nfa_fate_end(const struct nfa_matcher *m, const struct nfa_fate *f);
/* To t->next and its times. */
void nfa_fate_move(struct nfa_matcher *m, struct nfa_fate *f, const struct nfa_rank_trans *t);
/* Both require times. Is it older than all of them at the event under test? Then that is what it is from now on. */
bool nfa_fate_ages(struct nfa_matcher *m, struct nfa_fate *f);
bool nfa_fate_is_old(const struct nfa_matcher *m, const struct nfa_fate *f);
/* The fate of these times; *behind: the last one that is no newer, NULL = none. */
struct nfa_fate *nfa_row_find(
    const struct nfa_matcher *m, const struct nfa_row *row, const int64_t *last, struct nfa_fate **behind);
void nfa_row_add(struct nfa_row *row, struct nfa_fate *f, struct nfa_fate *behind /* or NULL */);
void nfa_row_remove(struct nfa_row *row, struct nfa_fate *f);
/* Valid until rows come or go. NULL when there is none. */
struct nfa_row *nfa_row_of(struct nfa_fates *fs, uint32_t rank);
struct nfa_row *nfa_row_new(struct nfa_matcher *m, struct nfa_key *k, uint32_t rank);
/* Returns: open starts. */
uint64_t nfa_row_check(const struct nfa_matcher *m, const struct nfa_row *row);

/* A start behind those that are there: its event is counted here, hop and how are moved. Requires: f is the key's. */
void nfa_fates_add(struct nfa_matcher *m, struct nfa_key *k, struct nfa_ev *ev, struct nfa_fate *f,
    struct nfa_hop *hop, struct nfa_rank_trans *how);
/* The start at *place, behind `before` (NULL = the first), goes. */
void nfa_start_remove(
    struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_start **place, struct nfa_start *before);
void nfa_start_pop(struct nfa_matcher *m, struct nfa_fates *fs);
void nfa_starts_sweep(struct nfa_matcher *m, struct nfa_fates *fs);
/* An open fate, out of its row, comes to its end; the row's reference goes. `t` completes it. */
void nfa_fate_done(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_fate *f, struct nfa_rank_trans *t);
void nfa_fate_over(struct nfa_matcher *m, struct nfa_fates *fs, struct nfa_fate *f);

/* nfa_fate_end.c: what completed is let go, and what time does. */
/* due: time has been seen to up to there. */
void nfa_fates_settle(struct nfa_matcher *m, struct nfa_key *k, int64_t now, int64_t due);
/* The step is over: what is left of the key, which may be removed. */
void nfa_fates_finish(struct nfa_matcher *m, struct nfa_key *k);

void nfa_fates_step(struct nfa_matcher *m, struct nfa_key *k);
void nfa_fates_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* The key came back: what is due is seen to. It may be removed. */
void nfa_fates_loaded(struct nfa_matcher *m, struct nfa_key *k);
void nfa_fates_free(struct nfa_matcher *m, struct nfa_key *k);
/* Marks the ranks that the key uses. */
void nfa_fates_mark(const struct nfa_matcher *m, const struct nfa_key *k);
/* Returns: open starts. */
uint64_t nfa_fates_check(const struct nfa_matcher *m, const struct nfa_key *k);
