#pragma once
/*
 * nfa_rows -- SQL's row pattern recognition (match_recognize) for one key: rows in, in order; matches out, in order of their first row.
 *
 *     pattern (A B+? (C | D))        0 take A    1 take B    2 split 4, 3    3 jump 1    4 split 5, 7    5 take C    6 jump 8
 *                                    7 take D    8 accept
 *
 * The preferred match of a start is the first that backtracking finds which tries alternatives from left to right, greedy loops longest first
 * and reluctant ones shortest first. It is found without backtracking: all tries go forward together, one row at a time, as a list of
 * threads in that order (R. Pike's virtual machine; R. Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009). A thread that
 * accepts cuts off those behind it; the match is known when none before it is left.
 *
 *     start ─▶ threads: (place in the program, what was taken) ... in order of preference      best: the one that accepted last
 *     rows  ─▶ | back | start ... at | not looked at yet |
 *
 * One start is open at a time: where the next one begins depends on its match. Rows behind it wait, and are gone through when it is decided.
 * So what a key is, is its rows and where its start is; threads follow from them (and are not saved).
 *
 * Two threads at one place, where no condition ahead reads what was taken, go the same ways: the one behind is dropped. Where conditions do read it,
 * they are the same when what is read is: the last and first rows of the variables that are asked for, the running aggregates; of what reads all rows of
 * a variable (count(distinct x)), a hash of which these are.
 *
 * A start that comes to nothing leaves marks: a thread that stood at that place before that row died, so later ones are not tried. So rows of
 * starts that fail are not gone through again and again.
 *
 * Cost: a row and a start: the threads, at most places in the program where conditions look at the row alone (and its neighbours). Memory: the rows of
 * the open start and those behind it, in the columns that are read; a node for each row of each thread, shared where threads have a past in common.
 *
 * Threads: one at a time.
 */
#include "base/base_err.h"
#include "event/evt_batch.h"
#include "plan/plan.h"

struct nfa_rows;
struct nfa_rows_kind;

/* A row that is kept. */
struct nfa_rows_row {
    int64_t time;
    uint64_t seq;
    uint64_t bits; /* by variable of the pattern: its condition on the row alone holds */
    /* By place in the program (the first 64): a thread of the open start looked at the row there; no such thread leads to a match, whatever follows. */
    uint64_t looked, dead;
    uint32_t origin;
    uint32_t bytes;        /* of memory */
    bool told;             /* a condition failed on it, and that was said */
    struct evt_val vals[]; /* of the kept columns; what they point to is behind them */
};

/* Where matches go. A failure that is returned ends the call that it came out of. */
struct nfa_rows_out {
    void *arg;
    /* A row of the result: a value a column, valid until it returns. */
    enum cep_rc (*row)(void *arg, const struct evt_val *vals, struct cep_err *err);
    /* An expression failed on the row. */
    enum cep_rc (*failed)(void *arg, const struct nfa_rows_row *row, const char *reason, struct cep_err *err);
    /* The skip would lead nowhere, or to where the match began: it goes on with the row behind that. */
    enum cep_rc (*lost)(void *arg, const struct nfa_rows_row *row, const char *reason, struct cep_err *err);
};

/* `in`: the input's columns. All borrowed. */
struct nfa_rows_kind *nfa_rows_kind_new(const struct plan_recognize *plan, const struct evt_schema *in,
    const struct evt_schema *out_schema, const struct nfa_rows_out *out);
void nfa_rows_kind_free(struct nfa_rows_kind *k);
/* The variables whose conditions look at the row alone: bits of nfa_rows_row.bits that have to be given. */
uint64_t nfa_rows_row_conds(const struct nfa_rows_kind *k);
/* Matches that all keys have given out. */
uint64_t nfa_rows_matches(const struct nfa_rows_kind *k);
/* Its program, a line a place. */
void nfa_rows_kind_write(struct base_buf *b, const struct nfa_rows_kind *k);

struct nfa_rows *nfa_rows_new(void);
void nfa_rows_free(struct nfa_rows_kind *k, struct nfa_rows *key); /* NULL is fine */

/*
 * The key's next row: values of the kept columns, copied. Rows come in order; their times do not go back.
 * Requires: nfa_rows_until(..., time - 1) was called.
 */
void nfa_rows_add(struct nfa_rows_kind *k, struct nfa_rows *key, int64_t time, uint32_t origin, uint64_t seq,
    uint64_t bits, bool told, const struct evt_val *vals);
/* Goes as far as the rows that are there allow. `ended`: there will be no other. now_us: what time functions say. */
enum cep_rc nfa_rows_go(
    struct nfa_rows_kind *k, struct nfa_rows *key, bool ended, int64_t now_us, struct cep_err *err);
/* When the open start's time is over if no row comes before; EVT_TIME_MAX: never. */
int64_t nfa_rows_deadline(const struct nfa_rows_kind *k, const struct nfa_rows *key);
/* It is over. Requires: now is nfa_rows_deadline(). */
enum cep_rc nfa_rows_expire(
    struct nfa_rows_kind *k, struct nfa_rows *key, int64_t now_us, struct cep_err *err);
/* Nothing is open, and nothing has to be remembered. */
bool nfa_rows_is_done(const struct nfa_rows_kind *k, const struct nfa_rows *key);
size_t nfa_rows_bytes(const struct nfa_rows *key);
/* Is a start open? Its first row's time then. */
bool nfa_rows_open(const struct nfa_rows *key, int64_t *since);
/* The last row's time; EVT_TIME_MIN without one. */
int64_t nfa_rows_last_time(const struct nfa_rows *key);

/* What has to be saved: the rows, and these. */
struct nfa_rows_place {
    uint64_t first;   /* number of the first row kept, from 0 in the partition */
    uint64_t start;   /* where the open start, or the next one, is */
    uint64_t matches; /* so far */
};
struct nfa_rows_place nfa_rows_place(const struct nfa_rows *key);
uint32_t nfa_rows_count(const struct nfa_rows *key);
const struct nfa_rows_row *nfa_rows_at(const struct nfa_rows *key, uint32_t i);
/* Before its rows are added again. Returns: false when there cannot be such a place. */
bool nfa_rows_restore(struct nfa_rows *key, const struct nfa_rows_place *place);
/* They are in. Returns: false when the place is none of them. */
bool nfa_rows_restored(const struct nfa_rows *key);
