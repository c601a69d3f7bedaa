#pragma once
/*
 * nfa_graph -- the store of sets where every match is emitted (`no skip`), or where time asks more of a start than fates know
 * (nfa_store.c): partial matches in a shared graph. Private to src/nfa.
 *
 * The partial matches of a key that stand in one det (nfa_det.h) are one list of cells. A cell is a start, or an event
 * taken behind each of a list of partial matches; lists share their tails:
 *
 *     wait b:  a5 ─ a4                       match a -> b ->> c on a1 a2 b3 a4 a5 b6:  at b6 both wait b
 *     wait c:  b6(·) ─ b3(·)                 b6 behind a5, a4: two partial matches in one cell
 *               │       └──▶ a2 ─ a1
 *               └──▶ a5 ─ a4
 *
 * An event that moves a det takes its list as a whole: one cell for each variable that took it, however many partial
 * matches there are. Matches are told by walking from a completing event through the lists to the starts; each cell
 * visited leads to one at least, so a match costs its own length.
 *
 * Time. A list descends by the latest start in each of its cells (`max`), so what `within` has ended -- the starts up to
 * `cut` -- lies behind, and a walk stops where max <= cut. Cells of one max form a ring with their start: when the start's
 * time is over the ring is given back without a look at who refers to it, for nobody follows a reference to what is
 * cut. What is not needed before that is given back by counting references.
 *
 * Joining two lists takes over up to NFA_JOIN_STEPS heads and then puts one list into the other as a cell (LIST).
 *
 * With times (nfa_det.h) it also matters when the event taken last was: a place whose det has times has *bands*, lists by that time,
 * the oldest first. An event that a stretch of them takes stands over all of it; what a time ends goes from the front, and what is
 * older than every time is one list again. A stretch that an event takes and leaves where it is is kept as one list (nfa_window.c), but
 * with spans such an event costs a cell for each of its bands; else each band is moved once.
 *
 * Under a skip policy that takes one match of a start, starts are settled by what completes below them: nfa_settle.h.
 *
 * With `limit matches` the graph can also be walked from the starts on (nfa_span.h): a START or TAKE cell knows the span of
 * the place, with times of the band, that it was put into. So it is where time tells what it ends, too (nfa_graph_end.c).
 *
 * Cells are 48 bytes, addressed by 32-bit handles, 0 = none; starts are numbered by key, modulo 2^32.
 *
 * Cost: an event the places of its key, a compare for each that it cannot move; a start one cell and its event; a match
 * its length. (Bucchi, Grez, Quintana, Riveros, Vansummeren: CORE, a Complex Event Recognition Engine, PVLDB 15(9), 2022,
 * has the structure; rings, counting and the handling of lists that share no order are ours.)
 *
 * Invariants (nfa_graph_check()):
 *   I1  a list descends by max; max of a cell is that of what lies below it
 *   I2  places have different dets, none empty
 *   I3  starts of a key ascend by number, all > cut
 *   I4  a live cell is in the ring of a start that is there; what it refers to and is live is there too
 *   I5  bands ascend by time, the first one is live; of those that are not the list is given back already
 */
#include "nfa/nfa_det.h"
#include "nfa/nfa_settle.h"
#include "nfa/nfa_span.h"

enum nfa_cell_kind { NFA_CELL_START = 0, NFA_CELL_TAKE, NFA_CELL_SAME, NFA_CELL_LIST };

struct nfa_cell {
    uint32_t var : 29;     /* START, TAKE: that took ev */
    uint32_t settled : 1;  /* START: the start has its match; see nfa_settle.h */
    uint32_t passed : 1;   /* it and its rest: the starts below are settled */
    uint32_t labelled : 1; /* the same, but while something is being settled */
    uint32_t kind : 2, refs : 30;
    uint32_t max;      /* the latest start below */
    uint32_t rest_max; /* of rest */
    struct nfa_ev *ev; /* START, TAKE: counted */
    uint32_t
        below; /* TAKE: the list behind which ev was taken; SAME: the start; LIST: a list. Counted. START: its span */
    uint32_t rest;            /* of the list; counted */
    uint32_t ring, ring_prev; /* of cells with this max that have this start */
    uint32_t later,
        earlier; /* START: starts of the key. TAKE: later is its onward, earlier scratch of nfa_settle.c */
};

/* Partial matches in one det that took their last event at one time. */
struct nfa_band {
    int64_t last;
    uint32_t list; /* counted while max is live */
    uint32_t max;
    uint32_t span; /* counted; 0 when the graph has none */
};

struct nfa_bands {
    uint64_t gone;              /* so many were in front of the first one */
    struct nfa_window *windows; /* owned; nfa_window.c */
    uint32_t from, n, cap;
    struct nfa_band v[]; /* n of them, behind `from` that are no more */
};

/* Bands that the event under test moves, in m->moved_bands. */
struct nfa_stretch {
    const struct nfa_trans *how;
    size_t first, n;
    uint32_t det;
};

/* Partial matches in one det. */
struct nfa_place {
    struct nfa_bands *bands; /* owned; NULL: the det has no times */
    uint32_t det;
    uint32_t list; /* counted; 0 with bands */
    uint32_t span; /* counted; 0 when the graph has none, and with bands */
    bool is_timed; /* the det has times */
    uint64_t fold; /* of the det */
};

/* A place that the event under test moves, as it was before, and how. */
struct nfa_moved {
    struct nfa_place place;
    const struct nfa_trans *how;
};

struct nfa_graph {
    uint32_t first, last; /* starts */
    uint32_t cut;         /* starts up to here are over */
    uint32_t number;      /* of the next start */
    uint32_t n_starts;    /* that are open; one that several variables took is one */
    uint32_t
        blind; /* starts up to here were loaded without spans: found without them while one is there; 0 = none */
    uint64_t interest;                /* of the places, folded; all ones = any event */
    struct nfa_settled_heap *settled; /* owned; under a skip policy, NULL while nothing waited */
    uint32_t n, cap;
    struct nfa_place places[];
};

/* The key's graph with room for n places. */
struct nfa_graph *nfa_graph_of(struct nfa_matcher *m, struct nfa_key *k, uint32_t n);
/* Partial matches that stand in a det from this step on, and took their last event then. The list is moved. Returns: where the
 * span is that they are in, which may be none yet; valid until the next call. Requires: the key has a graph. */
uint32_t *nfa_graph_add(struct nfa_matcher *m, struct nfa_key *k, uint32_t det, uint32_t list, int64_t last);
/* The span that is or shall be there. */
uint32_t nfa_graph_span(struct nfa_matcher *m, uint32_t *at, uint32_t det);
/* A span ends: what stays goes on in *stay, in that det, or nothing stays (NULL). The reference to it is moved; 0 is fine. */
void nfa_graph_end_span(struct nfa_matcher *m, uint32_t span, uint32_t *stay, uint32_t det);
/* Places all of whose starts are cut by then go; what is in them is given back with the starts. */
void nfa_graph_drop_places(struct nfa_matcher *m, struct nfa_graph *g, uint32_t cut);
/* Does the event go on behind something as a variable? */
bool nfa_trans_takes(const struct nfa_trans *t);
/* What stays of a place in the key's, as the n-th. */
void nfa_graph_keep(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place pl, uint32_t *n);
/* Are there starts without spans? */
bool nfa_graph_is_blind(const struct nfa_matcher *m, struct nfa_graph *g);
/* Bands that are cut go, and places without any. */
void nfa_graph_trim(struct nfa_matcher *m, struct nfa_graph *g);
/* The key came back: what is due is seen to. It may be removed. */
void nfa_graph_loaded(struct nfa_matcher *m, struct nfa_key *k);
/* The step is over: what is left of the key, which may be removed. */
void nfa_graph_finish(struct nfa_matcher *m, struct nfa_key *k);
void nfa_graph_step(struct nfa_matcher *m, struct nfa_key *k);
/* The event under test, which starts nothing in it. m->cur.ev stays. */
void nfa_graph_go_on(struct nfa_matcher *m, struct nfa_key *k);
/* nfa_graph_end.c: what time ends. */
void nfa_graph_expire(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* Starts whose time is over go without a word. Requires: nothing is told of time; the key is seen to by the caller. */
void nfa_graph_expire_unseen(struct nfa_matcher *m, struct nfa_graph *g, int64_t now);
/* When something happens without an event; EVT_TIME_MAX = never. */
int64_t nfa_graph_deadline(const struct nfa_matcher *m, const struct nfa_graph *g);
/* Starts up to there are over, for a reason that has a counter. */
void nfa_graph_cut(struct nfa_matcher *m, struct nfa_graph *g, uint32_t cut, uint64_t *counter);
void nfa_graph_free(struct nfa_matcher *m, struct nfa_key *k);
void nfa_graph_mark(const struct nfa_matcher *m, const struct nfa_key *k);
/* Returns: open starts. */
uint64_t nfa_graph_check(const struct nfa_matcher *m, const struct nfa_key *k);

/* nfa_band.c; those of one place */
static inline struct nfa_band *nfa_band_at(struct nfa_bands *b, uint32_t i) {
    return &b->v[b->from + i];
}
/* The list is moved. Returns: the band, valid until the next call. */
struct nfa_band *nfa_bands_add(
    struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl, int64_t last, uint32_t list);
void nfa_bands_free(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl);
/* What is cut goes from the front, and, with `ends`, what ends by now; there may be nothing left. */
void nfa_bands_trim(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl, bool ends, int64_t now);
/* The first one, with its references to the list (when it is live) and the span, is the caller's. */
struct nfa_band nfa_bands_pop(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl);
/* Those that the event moves to m->moved_bands, with a reference each, by stretches; out of the place unless they stay in it. */
void nfa_bands_step(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_place *pl);
/* All in one list; one reference, the caller's. */
uint32_t nfa_bands_union(struct nfa_matcher *m, struct nfa_graph *g, const struct nfa_band *v, size_t n);
/* When time does something to the first one. */
int64_t nfa_bands_due(const struct nfa_matcher *m, const struct nfa_place *pl);

/* nfa_window.c: stretches of bands that are taken again and again. A band has a number: b->gone for the first one, then ascending. */
/* The bands from `from` up to `to`, for which so many times of the det are over, in one list; one reference, the caller's. 0: none is live. */
uint32_t nfa_window_list(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, uint32_t over,
    uint32_t from, uint32_t to);
/* Bands before that number are in no window any more. */
void nfa_windows_leave(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b, uint64_t number);
/* Bands change elsewhere than at the ends. */
void nfa_windows_drop(struct nfa_matcher *m, struct nfa_graph *g, struct nfa_bands *b);
void nfa_windows_check(const struct nfa_bands *b);

/* nfa_cell.c */
struct nfa_cells *nfa_cells_new(struct nfa_matcher *m);
void nfa_cells_free(struct nfa_matcher *m);
/* Bytes of cells that were given back. */
size_t nfa_cells_spare(const struct nfa_matcher *m);
struct nfa_cell *nfa_cell_at(const struct nfa_matcher *m, uint32_t cell);
static inline bool nfa_is_live(const struct nfa_graph *g, uint32_t max) {
    return (int32_t)(max - g->cut) > 0;
}
uint32_t nfa_cell_start(
    struct nfa_matcher *m, struct nfa_graph *g, uint32_t var, struct nfa_ev *ev /* moved */);
/* A cell over something of one max: SAME over a start, LIST over a list. */
uint32_t nfa_cell_over(struct nfa_matcher *m, enum nfa_cell_kind kind, uint32_t below);
/* An event taken behind each of a list. */
uint32_t nfa_cell_take(struct nfa_matcher *m, uint32_t var, struct nfa_ev *ev /* moved */, uint32_t below);
void nfa_cell_ref(struct nfa_matcher *m, uint32_t cell);
void nfa_cell_unref(struct nfa_matcher *m, struct nfa_graph *g, uint32_t cell);
/* Both lists are moved, either may be 0: one in the other, always a cell. */
uint32_t nfa_cell_pair(struct nfa_matcher *m, struct nfa_graph *g, uint32_t a, uint32_t b);
/* Both lists are moved. */
uint32_t nfa_cell_join(struct nfa_matcher *m, struct nfa_graph *g, uint32_t a, uint32_t b);
/* Gives back the first start with all that leads to it alone or later ones do not need. Requires: cut is its number. */
void nfa_cell_cut(struct nfa_matcher *m, struct nfa_graph *g);

/* An event of a match. */
struct nfa_told {
    const struct nfa_ev *ev;
    uint32_t var;
};

/* nfa_walk.c: matches told. roots: what the event under test completed. */
struct nfa_root {
    uint32_t list; /* counted; 0: the event alone is the match */
    uint32_t var;  /* that took the event; NFA_NONE: it was not taken */
    uint32_t span; /* of the place; counted; 0 without a list or a limit */
};
void nfa_walk(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_root *roots, size_t n, int64_t now);
void nfa_walk_release(struct nfa_walk *w);
/* The same by parts. A way is turned: the last event first, from 0 on. */
void nfa_walk_set(struct nfa_walk *w, uint32_t at, const struct nfa_ev *ev, uint32_t var);
/* What is done with each. */
typedef void nfa_way_fn(struct nfa_matcher *m, struct nfa_key *k, uint32_t len, int64_t now);
/* All ways of a list, behind the first len of the way. */
void nfa_walk_list(
    struct nfa_matcher *m, struct nfa_key *k, uint32_t list, uint32_t len, int64_t now, nfa_way_fn *tell);
/* It is a match: told by the next flush, until which its events must live. */
void nfa_walk_match(struct nfa_matcher *m, struct nfa_key *k, uint32_t len, int64_t now);
/* It timed out. */
void nfa_walk_timeout(struct nfa_matcher *m, struct nfa_key *k, uint32_t len, int64_t at);
void nfa_walk_flush(struct nfa_matcher *m, struct nfa_key *k, int64_t now);
/* nfa_first.c: the first matches in order, as many as `limit matches` says; what is beyond is counted. */
void nfa_first(struct nfa_matcher *m, struct nfa_key *k, const struct nfa_root *roots, size_t n, int64_t now);
/* The first partial match of a start (with later cells of it) that waits for an absence, listed (nfa_emit_room()). Returns: false when
 * there is none. In one instant m->first.stamp is the same. */
bool nfa_first_awaiting(struct nfa_matcher *m, struct nfa_key *k, uint32_t start);
void nfa_first_release(struct nfa_first *f);
