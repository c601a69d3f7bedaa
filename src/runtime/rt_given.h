#pragma once
/*
 * rt_given -- what a group was given out as last, so that it can be taken back: `retracting` and `upsert`.
 *
 *     first result        +I new
 *     another one         -U old, +U new        upsert: +U new
 *     the same one        nothing
 *     none any more       -D old                having is not true now, or all rows of the group were taken back
 *
 * The new result passes `having` before it is compared; the old one did when it was given. A -U and its +U, and what is given later,
 * have ascending places: whoever puts rows in order keeps them so.
 *
 * Internal to src/runtime. Threads: none.
 */
#include "runtime/rt_aggregate.h"
#include "runtime/rt_panes.h"

/* One block of memory: base_free(). */
struct rt_given {
    bool bounded;
    int64_t start, end; /* of the window, when bounded */
    uint32_t len, cap;
    char bytes[]; /* a value an aggregate, packed */
};

/* What rt_aggregate_give() does where changes are told. Requires: r->given. */
enum cep_rc rt_given_give(struct rt_aggregate *ag, const struct rt_agg_result *r, struct cep_err *err);
/* Takes back what was given (r->accs is not looked at); *r->given is NULL then. */
enum cep_rc rt_given_take_back(struct rt_aggregate *ag, const struct rt_agg_result *r, struct cep_err *err);

/*
 * Windows that share their groups keep what they gave by themselves: a table of groups without accumulators for each window.
 */
struct rt_given_windows {
    struct rt_group_kind bare;
    struct rt_panes windows;
};

void rt_given_windows_init(struct rt_given_windows *w, const struct rt_group_kind *kind);
/* The one of a key, made when it is not there, which is about to change. `key`: a group of it. */
struct rt_group *rt_given_group(
    struct rt_aggregate *ag, struct rt_given_windows *w, int64_t start, const struct rt_group *key);
/* Forgets windows that start at or before that. */
void rt_given_windows_drop(struct rt_aggregate *ag, struct rt_given_windows *w, int64_t start);
/* save_next of what they gave. Returns: CEP_AGAIN; CEP_NONE: all is out. */
enum cep_rc rt_given_windows_save_next(struct rt_aggregate *ag, struct rt_given_windows *w);
/* The rest of such an entry. Returns: its group; NULL and u->bad for malformed bytes. */
struct rt_group *rt_given_windows_load(struct rt_aggregate *ag, struct rt_given_windows *w, int64_t start,
    const struct rt_agg_row *key, struct base_unpack *u);

/* u8 0 = nothing was given, 1, 2 = with bounds: zigzag start, zigzag end; str: a value an aggregate. */
void rt_given_pack(struct base_buf *b, const struct rt_given *g);
/* Malformed bytes set u->bad. Returns: NULL when nothing was given. */
struct rt_given *rt_given_unpack(struct rt_aggregate *ag, struct base_unpack *u);
