#pragma once
/*
 * ref -- the reference matcher: slow, and written so that it can be seen to be right.
 *
 * It walks the pattern tree of plan/plan.h as it stands, keeps every partial match in a list with a copy of all its
 * events, and evaluates every condition anew through a callback. It has nothing in common with src/nfa, which it
 * judges. One object is one key: events come in their final order, lateness and keys are the caller's business.
 *
 *     struct ref *r = ref_new(pattern, &calls);
 *     ref_event(r, 1000, 0); ref_event(r, 2000, 1); ref_advance(r, INT64_MAX);
 *     r->matches, r->timeouts ...
 *
 * Cost: each event copies every open partial match; nothing is freed before ref_free(). Never for production.
 */
#include "base/base_arena.h"
#include "plan/plan.h"

/* Event `event` (as numbered by the caller) was taken by variable `var`. */
struct ref_bind {
    uint32_t var;
    uint32_t event;
};

/* The events of a partial match, in the order in which they were taken. */
struct ref_sofar {
    uint32_t n;
    const struct ref_bind *binds;
};

struct ref_calls {
    void *arg;
    /* Is `event` a `var`, given the events taken before it? Null counts as no. */
    bool (*cond)(void *arg, uint32_t var, uint32_t event, const struct ref_sofar *sofar);
    bool (*until)(void *arg, const struct plan_term *term, uint32_t event, const struct ref_sofar *sofar);
    /* As Flink, against the language: a loop that a group begins with is joined by the group's word, not its own, and a
     * loop over a group that waits gives the same match several times; a group's until also keeps what is within it from
     * being left out. */
    bool flink_groups;
};

struct ref_match {
    struct ref_sofar events;
    int64_t at_us; /* when it was let go; of a time-out: when the time was over */
};

struct ref_matches {
    struct ref_match *v;
    size_t n, cap;
};

struct ref_run;
struct ref_done;

struct ref {
    /* Set by ref_new(). */
    struct base_arena arena; /* owns everything here but the arrays */
    const struct plan_pattern *pat;
    struct ref_calls calls;

    /* Results so far, in the order of emission. */
    struct ref_matches matches, timeouts;
    bool failed; /* `or error` had no target: nothing more is taken */

    /* Open partial matches without the start, completed ones that wait. Owned arrays. */
    struct ref_run *runs;
    size_t n_runs, cap_runs;
    struct ref_done *done;
    size_t n_done, cap_done;
    struct ref_place *start;
    size_t step; /* counts events and instants of time: what completes in one of them completes together */
    uint64_t *given; /* owned: for each step, how many of those that completed in it were emitted */
    size_t cap_given;
    uint64_t n_seen; /* events so far */
    int64_t now_us;  /* of the latest event: nothing happens before it any more */
};

/* Requires: the pattern was accepted by the compiler; it and what calls refers to outlive the object. */
struct ref *ref_new(const struct plan_pattern *pat, const struct ref_calls *calls);
void ref_free(struct ref *r); /* NULL is fine */

/* The key's next event. Requires: time_us never goes back; event numbers grow. */
void ref_event(struct ref *r, int64_t time_us, uint32_t event);
/* No more events up to and including time_us: what times out by then does. */
void ref_advance(struct ref *r, int64_t time_us);
/* How many partial matches are open, the start not counted. */
size_t ref_open(const struct ref *r);
