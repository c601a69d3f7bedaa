#pragma once
/*
 * nfa_det -- states of the automaton taken together, for the store of sets. Private to src/nfa.
 *
 * A partial match -- events taken, each with its variable -- may stand in several states of the program at once. Taken
 * together they are one *det* (a deterministic state), and a partial match is in exactly one. What an event does to a det
 * depends on the bits that its states ask for alone; it is found out once and remembered:
 *
 *     {wait b, loop a} --event with bits {a}--> stay {wait b}; taken as a: {wait b, loop a}; completes: no
 *
 * Time. A state that has a time of its own (`->[5 s to 10 s]`, gap) does other things with an event when the event taken last lies
 * so far back. The *times* of a det are those at which its doings change, until it takes an event; how many of them are over --
 * its *class* -- is asked with the bits. A det without times does not care when its last event was.
 *
 * Where one match of a start survives (`skip past last`, `skip to next`, ...) the dets in which a start has partial matches
 * are *ranked*: a rank lists dets, each with the one partial match of the start that can still win there, the one whose
 * events come earliest first. Partial matches of the same events with different variables tie: they are one group.
 *
 * Cost: a transition known already is one look-up in a hash table; a new one costs the edges of its states.
 * Matchers of an nfa_many that do the same (nfa_code.c) share all this: what one has found out the others know.
 * Both tables are bounded: when they are full the transitions are forgotten, and dets and ranks that no key uses.
 */
#include "nfa/nfa_run.h"

/* Events taken as var lead here. */
struct nfa_move {
    uint32_t var;
    uint32_t to; /* det, NFA_NONE = they go no further */
    bool completes;
};

/* What an event does to the partial matches in a det. */
struct nfa_trans {
    uint64_t hash;
    uint32_t det;
    uint32_t times_over; /* its class */
    uint32_t stay;       /* det of those that do not take the event; NFA_NONE: there are none */
    bool stay_completes; /* they complete without taking it */
    bool stops;          /* a negation was hit */
    bool same;           /* nothing happens */
    uint32_t n_moves;
    uint32_t n_rel;
    struct nfa_move *moves; /* by var, each once */
    uint64_t rel[];         /* the relevant bits, a word each of the det's; the moves lie behind */
};

/* Words of an event's bits that matter, and how. */
struct nfa_rel {
    uint32_t n;
    uint32_t *word;
    uint64_t *mask;     /* bits that transitions depend on */
    uint64_t *interest; /* without one of these nothing happens; all ones: any event */
};

struct nfa_det {
    uint64_t hash;
    uint32_t n;
    uint32_t *states; /* ascending */
    uint64_t fold;    /* of interest; all ones = any event */
    struct nfa_rel rel;
    uint32_t n_times; /* 0: when the last event was taken does not matter */
    int64_t *
        times; /* ascending, microseconds after the event taken last; of all that is come to without taking one */
    int64_t ends_us;  /* so long after it nothing is left; -1 = that never happens */
    bool pending;     /* its time being over completes */
    bool awaits;      /* or that of an absence which a loop may end with does */
    int64_t wakes_us; /* so long after it an absence completes; -1 = that never happens */
    uint32_t woken;   /* where it stands behind that, once it was asked for; see nfa_det_woken() */
    bool is_woken;
    bool used;    /* scratch of a sweep */
    uint64_t old; /* scratch of a rank that is made: stamp of an entry that is older than its times */
    /* scratch of a step: its place among the key's */
    uint64_t stamp;
    uint32_t slot;
};

/* Where an entry of a rank came from. */
struct nfa_from {
    uint32_t src; /* entry of the rank before */
    uint32_t var; /* that took the event; NFA_NONE = stayed */
};

/* Of a rank that is made. */
struct nfa_rank_entry {
    uint32_t det;
    struct nfa_from from;
    bool opens;
    bool aged; /* stayed, and all times of its det are over */
};

struct nfa_rank_trans {
    uint64_t hash;
    uint32_t rank;
    uint32_t refs; /* the table, hops, starts */
    uint32_t next; /* rank; NFA_NONE = nothing is left */
    bool same, done;
    bool stops;
    uint32_t done_src, done_var; /* done: the match that comes first; var NFA_NONE: without the event */
    uint32_t n;                  /* of next */
    uint32_t n_rel;
    uint32_t n_times;      /* as many as entries of rank; 0 when the rank has no times */
    struct nfa_from *from; /* n */
    bool *aged;            /* n; NULL when the rank has no times */
    uint32_t *times_over;  /* n_times: classes */
    uint64_t rel[];
};

struct nfa_rank {
    uint64_t hash;
    uint32_t n;
    uint32_t *dets;
    bool *opens;      /* the entry begins a group */
    uint32_t n_timed; /* entries whose det has times; there may be several of one such det */
    uint64_t fold;
    struct nfa_rel rel;
    bool used;
    uint64_t stamp;
    uint32_t slot; /* scratch of a step: its row among the key's */
};

enum { NFA_DET_START = 0, NFA_RANK_START = 0 };

/* When the event taken last was: longer ago than all times, or it does not matter. */
#define NFA_LAST_OLD EVT_TIME_MIN

/* Sets m->dets: those of `like`, which does the same, or new ones. Ranks and dets are then theirs together. */
void nfa_dets_join(struct nfa_matcher *m, const struct nfa_matcher *like /* or NULL */);
/* Requires: no key of m is left. */
void nfa_dets_leave(struct nfa_matcher *m);
/* The number of a step: no other step of those that share the dets has it. */
uint64_t nfa_dets_next_step(struct nfa_matcher *m);
/* Bytes of what is remembered, where nfa_mem_held() does not tell them; of shared dets one of their matchers does. */
size_t nfa_dets_bytes(const struct nfa_matcher *m);
/* Between steps: makes room when tables are full. */
void nfa_dets_tidy(struct nfa_matcher *m);

struct nfa_det *nfa_det_at(const struct nfa_matcher *m, uint32_t det);
struct nfa_rank *nfa_rank_at(const struct nfa_matcher *m, uint32_t rank);
/* What the event under test does, the last one having been taken at `last`. Valid until the next step. */
const struct nfa_trans *nfa_det_step(struct nfa_matcher *m, uint32_t det, int64_t last);
/* last: of each entry; NULL when the rank has no times. */
struct nfa_rank_trans *nfa_rank_step(struct nfa_matcher *m, uint32_t rank, const int64_t *last);
/* At the event under test: is it so long ago? */
static inline bool nfa_last_is_over(const struct nfa_matcher *m, int64_t last, int64_t us) {
    return last == NFA_LAST_OLD || nfa_time_add(last, us) <= m->cur.time;
}
/* Are all times of the det over? */
bool nfa_det_is_old(const struct nfa_matcher *m, const struct nfa_det *x, int64_t last);
/* When nothing is left of what took its last event at `last`; EVT_TIME_MAX = never. */
int64_t nfa_det_end(const struct nfa_det *x, int64_t last);
/* When an absence completes it; EVT_TIME_MAX = never. */
int64_t nfa_det_wakes(const struct nfa_det *x, int64_t last);
/* The det behind that; NFA_NONE: nothing is left. Requires: it comes to that. */
uint32_t nfa_det_woken(struct nfa_matcher *m, uint32_t det);
void nfa_rank_trans_unref(struct nfa_matcher *m, struct nfa_rank_trans *t);
/* The det of these states, which are sorted in place; NFA_NONE of none. */
uint32_t nfa_det_of(struct nfa_matcher *m, uint32_t *states, size_t n);
/* The rank of these entries; NFA_NONE of none. Requires: their dets differ, but for those with
 * times; the first one opens. */
uint32_t nfa_rank_of(struct nfa_matcher *m, const struct nfa_rank_entry *e, size_t n);
/* How an event moved a rank, as it was told elsewhere: nobody finds it again. Its n entries of `from` are the caller's to
 * fill; one reference, the caller's. */
struct nfa_rank_trans *nfa_rank_trans_bare(struct nfa_matcher *m, uint32_t n);

/* May the event under test do anything here? */
static inline bool nfa_rel_cares(const struct nfa_matcher *m, uint64_t fold, const struct nfa_rel *r) {
    if (!(fold & m->cur.folded) && fold != UINT64_MAX)
        return false;
    if (m->p->n_words == 1 || fold == UINT64_MAX)
        return true;
    for (uint32_t i = 0; i < r->n; i++) {
        if (m->cur.bits[r->word[i]] & r->interest[i])
            return true;
    }
    return false;
}
