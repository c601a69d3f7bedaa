#pragma once
/*
 * nfa_levels -- matches told in order by a search from the starts on (nfa_first.c, nfa_stack_tell.c). Private to src/nfa.
 *
 * Order: by start, then by the events compared one by one, a shorter one that is another's beginning first, then by the
 * variables. So the events of the way that is looked at are a stack of *levels*; what was taken by the same events as different
 * variables goes on together, as *nodes* of a level, and comes to them over *links*:
 *
 *     level   a1         b3            c6
 *     nodes   s     ──▶  t      ──▶    completed            a1 as u, b3 as v or as w: two links between two nodes
 *
 * Told are, of the events on the stack, all choices of variables that lead to a good node of the last level; up to `limit` of them, and
 * those beyond are counted, up to `most` in all.
 *
 * Cost: a match its length; one that nobody reads, among those whose events fit one variable each, the levels that no match before it had.
 */
#include "nfa/nfa_run.h"

/* Ways that took the same events and stand in one place. */
struct nfa_node_on {
    uint32_t id;   /* of the place, the search's own */
    uint32_t at;   /* the search's own */
    uint32_t link; /* the first one */
    bool good;     /* leads to what is told: of the last level the search says so */
};

struct nfa_link_on { /* how a node is come to */
    uint32_t node;   /* of the level before, or NFA_NONE */
    uint32_t var;
    uint32_t next;
};

struct nfa_level {
    const struct nfa_ev *ev;
    uint32_t nodes, links; /* the first of it */
    uint32_t var, node;    /* scratch: chosen */
    bool found;            /* a match goes through here; then one does through those before it */
};

struct nfa_levels {
    struct nfa_matcher *m;
    struct nfa_key *k;
    struct nfa_first *f;
    int64_t now;
    uint64_t told, limit, most;
    bool lists; /* a match is listed (nfa_emit_room()), not told */
};

/* told: so many there were already. */
struct nfa_levels nfa_levels_of(struct nfa_matcher *m, struct nfa_key *k, int64_t now, uint64_t told);
static inline bool nfa_levels_are_full(const struct nfa_levels *s) {
    return s->told >= s->most;
}
static inline struct nfa_level *nfa_levels_top(const struct nfa_levels *s) {
    return &s->f->levels[s->f->n_levels - 1];
}
void nfa_level_begin(struct nfa_levels *s, const struct nfa_ev *ev);
void nfa_level_end(struct nfa_levels *s);
/* A way into the newest level. Returns: true when it is the first one to that node, which is the last one then. */
bool nfa_level_enter(struct nfa_levels *s, uint32_t id, uint32_t from, uint32_t var);
/* The events of the levels are those of matches. Requires: each node of the last level says whether it is good, one is. */
void nfa_levels_tell(struct nfa_levels *s);
/* The event alone is a match. Requires: no levels. */
void nfa_levels_tell_alone(struct nfa_levels *s, const struct nfa_ev *ev, uint32_t var);
