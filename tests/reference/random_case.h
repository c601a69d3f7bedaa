#pragma once
/*
 * random_case -- a random pattern with random events, as a plan and as something that can be evaluated without it.
 *
 * The same conditions exist twice: as `struct expr` in the plan, which the engine evaluates, and as `struct
 * random_cond`, which random_cond_true() evaluates in a few lines. Equal seeds give equal cases.
 */
#include "event/evt_batch.h"
#include "tests/reference/ref.h"

enum { RANDOM_MAX_VARS = 12, RANDOM_MAX_EVENTS = 30, RANDOM_MAX_UNTILS = 8, RANDOM_KINDS = 4 };
/* Columns of the stream. */
enum { RANDOM_COL_IDX = 0, RANDOM_COL_KIND, RANDOM_COL_PRICE, RANDOM_COL_KEY, RANDOM_N_COLS };

enum random_more {
    RANDOM_NO_MORE = 0,
    RANDOM_ABOVE_LAST, /* price > last(other.price) */
    RANDOM_SUM_BELOW,  /* sum(other.price) < n; null over no events */
    RANDOM_OWN_COUNT,  /* count(own) <= n, the event under test included */
    RANDOM_OWN_SUM,    /* sum(own.price) < n, likewise */
    RANDOM_COUNT_FROM, /* count(other) >= n */
    RANDOM_MORE_MAX
};

/* kind is one of `kinds` and price >= min_price and ... */
struct random_cond {
    uint32_t kinds; /* bit set */
    int64_t min_price;
    enum random_more more;
    uint32_t other;
    int64_t n;
    int32_t input; /* -1 = of any stream */
};

struct random_event {
    int64_t time, kind, price, key;
    uint32_t input;
};

struct random_case {
    uint64_t seed;
    struct plan *plan;
    const struct plan_node *node; /* the pattern */
    struct random_cond conds[RANDOM_MAX_VARS];
    const struct expr *until_exprs[RANDOM_MAX_UNTILS];
    struct random_cond untils[RANDOM_MAX_UNTILS];
    uint32_t n_untils;
    struct random_event events[RANDOM_MAX_EVENTS];
    uint32_t n_events;
    uint32_t n_keys;   /* different keys; 1: no partition by */
    uint32_t n_inputs; /* streams that the pattern reads */
};

/* splitmix64 */
uint64_t random_next(uint64_t *state);
static inline uint32_t random_below(uint64_t *state, uint32_t n) {
    return (uint32_t)(random_next(state) % n);
}
static inline bool random_chance(uint64_t *state, uint32_t percent) {
    return random_below(state, 100) < percent;
}

void random_case_init(struct random_case *c, uint64_t seed);
void random_case_release(struct random_case *c);
/* own: the variable under test; UINT32_MAX for an until. */
bool random_cond_true(const struct random_case *c, const struct random_cond *cond, uint32_t own,
    uint32_t event, const struct ref_sofar *sofar);
/* The callbacks of ref_calls; arg is the case. */
bool random_is_var(void *arg, uint32_t var, uint32_t event, const struct ref_sofar *sofar);
bool random_is_until(void *arg, const struct plan_term *term, uint32_t event, const struct ref_sofar *sofar);
/* Pattern, conditions and events as text. keep: events to show, bit set. */
void random_case_write(struct base_buf *b, const struct random_case *c, uint32_t keep);
