#pragma once
/*
 * ref_place -- where a partial match stands in a pattern. Private to the reference matcher.
 *
 * A *place* says what may happen with the next event; a *rest* says what is still to come behind a term, as a list
 * from the inside out. Places are made when a partial match gets there and never shared, so that a loop without an
 * upper bound is unrolled as far as the events go and no further.
 *
 *     a (b -> c){2} d     after b of the first round:   wait c, then [chain (b -> c) done, then
 *                                                        [1 round of the group done, then [chain at d, then [end]]]]
 *
 * Edges of a place:
 *   take     the event goes to the variable of a head; the match is behind that head then
 *   ignore   the event is skipped; the match stays, or goes to the place's *twin*, where nothing can be left out
 *   proceed  what the match waits for is left out or over: the same event is shown to what comes after
 *   stop     the event is one that a `!` forbids: the partial match ends, with all that became of it
 */
#include "tests/reference/ref.h"

enum { REF_MAX_LIST = 32 };

/* A term with its quantifier taken apart: optional, or `min` to `max` repetitions with min >= 1. */
struct ref_unit {
    const struct plan_term *body; /* VAR, CHAIN, ALT or ALL; its own quantifier is what is said here */
    bool optional;
    uint32_t min, max;
    enum plan_contig inner;
    bool greedy;
    const struct plan_term *until; /* the term whose until ends the loop; NULL = none */
    int64_t gap_us;                /* 0 = none */
};

enum ref_rest_kind {
    REF_END = 0, /* of the pattern */
    REF_STEPS,   /* step i of a chain and on */
    REF_AGAIN,   /* i rounds of a group are done */
    REF_MEMBERS, /* of an all(): those in `left` */
    REF_REST_MAX
};

struct ref_rest {
    enum ref_rest_kind kind;
    const struct plan_term *term; /* STEPS, MEMBERS */
    const struct ref_unit *unit;  /* AGAIN */
    uint32_t i;                   /* STEPS: next step; AGAIN: rounds done */
    uint64_t left;                /* MEMBERS: bit set */
    const struct ref_rest *up;    /* what comes behind all that; NULL at the END */
};

/* A list of negated variables, or of loops. */
struct ref_list {
    uint32_t n;
    uint32_t var[REF_MAX_LIST];
};

/* A variable that waits, in its `rep`th repetition. */
struct ref_head {
    const struct ref_unit *unit; /* body is the VAR */
    uint32_t rep;                /* from 1 */
    enum plan_contig inner;
    const struct ref_rest *rest; /* behind the loop */
    bool leaves;                 /* proceed: the variable can be left out, or its loop can end here */
    bool free_leave;             /* the way out is not narrowed by greedy */
    struct ref_list late; /* nots of its chain that come back behind it, with the first ignored event */
};

enum ref_place_kind {
    REF_DEAD = 0, /* nothing ever matches from here */
    REF_FINAL,    /* the match is complete */
    REF_WAIT,     /* for one of the heads */
    REF_JOIN,     /* proceeds to `next`, nothing else */
    REF_NOT_NEXT, /* looks at one event, then `rest` */
    REF_ABSENT,   /* complete when the time is over */
    REF_PLACE_MAX
};

struct ref_place {
    enum ref_place_kind kind;
    /* The event must not be one of these greedy loops', or no edge of this place holds (not those of its twin). */
    uint32_t n_greedy;
    const struct ref_head *greedy[REF_MAX_LIST];
    struct ref_list nots;  /* stop; ABSENT: what must be absent; NOT_NEXT: the one variable */
    struct ref_list carry; /* nots that go on when the match proceeds from here */
    struct ref_list
        late; /* the same, but of a place where something can be left out they stop its twin only */

    struct ref_list
        behind; /* of a further round: the nots behind the group, that stop it once their absence was had */

    /* WAIT */
    uint32_t n_heads;
    struct ref_head *heads[REF_MAX_LIST];
    enum plan_contig op;
    uint32_t n_exits; /* groups that can be left out or end here: what comes behind them */
    const struct ref_rest *exits[REF_MAX_LIST];
    const struct ref_rest *untils;    /* the groups around it may say until */
    struct ref_place *twin;           /* where ignoring leads; NULL: here */
    const struct ref_rest *bound_end; /* bound: void once the match is here */
    uint32_t n_empty;                 /* rounds that began here and took nothing so far */
    const struct ref_rest *empty[REF_MAX_LIST];
    /* WAIT, ABSENT */
    int64_t lo_us, hi_us; /* since the event taken last; hi -1 = none */

    const struct ref_rest *rest; /* NOT_NEXT */
    struct ref_place *next;      /* JOIN */
};

/* Where a match stands that has all of the pattern before it. */
struct ref_place *ref_place_start(struct ref *r);
/* Where a match stands whose event was taken by this head. */
struct ref_place *ref_place_taken(struct ref *r, const struct ref_head *h);
/* Behind a head that leaves its loop: narrowed = the event must not be one of its greedy loop's. */
struct ref_place *ref_place_leave(
    struct ref *r, const struct ref_place *p, const struct ref_head *h, bool narrowed);
/* Behind a group that is left. */
struct ref_place *ref_place_exit(struct ref *r, const struct ref_place *p, const struct ref_rest *exit);
/* Behind a NOT_NEXT. */
struct ref_place *ref_place_after_not(struct ref *r, const struct ref_place *p);
bool ref_place_leaves(const struct ref_place *p);
/* Does the same follow from both? */
bool ref_place_same(const struct ref_place *a, const struct ref_place *b);
