#pragma once
/*
 * nfa_many -- many patterns that read the same streams: what they have in common is done once, and only those that an event
 * or the time can move are woken.
 *
 *     batch ── expr_index: each distinct condition once, those on constants by look-up ──▶ (condition, rows)
 *           ── conditions' users ──▶ hits: (row, pattern, its bits)       rows without hits are dropped
 *           ── one hash a row and set of equal keys; one reorder buffer
 *     watermark ── rows in order, their hits dealt out by pattern ──▶ matcher after matcher, lowest number first
 *               ── a heap of next deadlines ──▶ those that are due
 *
 * Each pattern keeps a matcher of its own (nfa.h): its results, order and counts are those it gives alone. Between
 * patterns only this is promised: in one call of advance they are served by ascending number, unless more than
 * EVT_BATCH_ROWS rows are let go at once, which are then served in portions of that size.
 *
 * Cost. A batch: what the index costs, and work for each (row, pattern) where a condition of the pattern that somebody
 * cares for holds. A watermark: the same for the rows it lets go, O(log patterns) for each deadline, and patterns / 64.
 * A pattern that looks at every row of a key (a strict step, an undefined variable) is passed by while it has no key with
 * state, unless every row may start a match.
 *
 * Not for processing time as the order of events (nfa_matcher_opts.processing_time).
 *
 * Invariants (nfa_many_check()):
 *   I1  a batch is held while rows of it wait; as many rows wait in the reorder buffer as held batches say
 *   I2  a matcher's next deadline is not before its timer in the heap
 *   I3  as many rows wait that were loaded as their patterns say
 *   I4  exactly the matchers with keys among those that look at every row are marked as awake
 *
 * Threads: none; a program may be shared.
 */
#include "nfa/nfa.h"

struct nfa_many;

struct nfa_many_opts {
    /* Called when a pattern was served in an advance, after its results. Returns: the next watermark at which it
     * wants to be called even if its matcher has nothing to do; EVT_TIME_MAX = never. NULL = never. */
    int64_t (*served)(void *arg, uint32_t pattern, int64_t watermark);
    void *arg;
    uint32_t fewest; /* see expr_index_new() */
};

/* Requires: what opts->arg refers to outlives it. opts may be NULL. */
struct nfa_many *nfa_many_new(uint32_t n_inputs, const struct nfa_many_opts *opts);
void nfa_many_free(struct nfa_many *g); /* NULL is fine */
/*
 * Adds a pattern. Requires: no batch came yet; p->n_inputs is as of all; its inputs have the same schemas in the same order;
 * the program and what `out` refers to outlive g. Returns: its number, from 0.
 */
uint32_t nfa_many_add(struct nfa_many *g, const struct nfa_prog *p, const struct nfa_out *out,
    const struct nfa_matcher_opts *opts);
uint32_t nfa_many_count(const struct nfa_many *g);

/* As nfa_matcher_batch() and nfa_matcher_advance(), for all. On an error *who is the pattern it comes from. */
enum cep_rc nfa_many_batch(struct nfa_many *g, uint32_t input, struct evt_batch *b, int64_t now_us,
    uint32_t *who, struct cep_err *err);
enum cep_rc nfa_many_advance(struct nfa_many *g, int64_t watermark, uint32_t *who, struct cep_err *err);
/* A batch that concerns one pattern alone. Not for every day: its rows wait apart from those of all. */
void nfa_many_batch_of(
    struct nfa_many *g, uint32_t pattern, uint32_t input, struct evt_batch *b, int64_t now_us);
/* The pattern is served in the next advance, whatever it has to do. */
void nfa_many_wake(struct nfa_many *g, uint32_t pattern);
/* In that and every later one. */
void nfa_many_wake_always(struct nfa_many *g, uint32_t pattern);

/*
 * As nfa_matcher_save(), load and loaded(), of one pattern: entries are those of a matcher that is alone, so that state saved
 * in a group is loaded outside of one and the other way round. A row that waits for several patterns is written for each.
 * Requires of load: as there, and no batch came yet. Cost of load: for the rows that waited, what a batch of them costs.
 */
enum cep_rc nfa_many_save(
    struct nfa_many *g, uint32_t pattern, const struct sto_out *out, struct cep_err *err);
/*
 * As nfa_matcher_save_begin(), some() and cancel(): several patterns may be saved at a time. Rows that wait are written for all whose
 * saves began at one moment (no batch, no advance, no slice in between) when one of them is asked to go on.
 */
enum cep_rc nfa_many_save_begin(
    struct nfa_many *g, uint32_t pattern, const struct sto_out *out, struct cep_err *err);
enum cep_rc nfa_many_save_some(struct nfa_many *g, uint32_t pattern, size_t bytes, struct cep_err *err);
void nfa_many_save_cancel(struct nfa_many *g, uint32_t pattern);
enum cep_rc nfa_many_load(struct nfa_many *g, uint32_t pattern, const struct sto_entry *e,
    struct sto_losses *losses, struct cep_err *err);
enum cep_rc nfa_many_loaded(
    struct nfa_many *g, uint32_t pattern, struct sto_losses *losses, struct cep_err *err);

enum cep_rc nfa_many_load_some(struct nfa_many *g, uint32_t pattern, size_t bytes, struct cep_err *err);

int64_t nfa_many_next_timer(const struct nfa_many *g);
/* Of one pattern, as alone. */
void nfa_many_stats(const struct nfa_many *g, uint32_t pattern, struct nfa_stats *out);
/* As nfa_matcher_trace(). */
void nfa_many_trace(struct nfa_many *g, uint32_t pattern, nfa_trace_fn line, void *arg);
/* What is shared. */
struct nfa_many_shared {
    uint64_t rows;  /* that wait for the watermark */
    uint64_t bytes; /* of what is held for all of them together */
    uint32_t
        programs; /* different ones: patterns that differ in names and constants alone do the same, and have one */
    uint64_t served;   /* patterns served so far */
    uint32_t key_sets; /* different partition by */
};
void nfa_many_shared(const struct nfa_many *g, struct nfa_many_shared *out);
void nfa_many_check(const struct nfa_many *g);

/* How the conditions of patterns that read the same are found, for `explain`. Fills in by_* of one pattern or of all. */
struct nfa_many_found {
    uint32_t conditions; /* event-only, as written: bits of all inputs */
    uint32_t distinct;   /* of all patterns together */
    uint32_t shared;     /* of these conditions also another pattern's */
    uint32_t by_equal, by_range, by_scan;
};
/* pattern UINT32_MAX: of all. Requires: sealed, see nfa_many_seal(). */
void nfa_many_found(const struct nfa_many *g, uint32_t pattern, struct nfa_many_found *out);
/* No more are added; the first batch does it. */
void nfa_many_seal(struct nfa_many *g);
/* The columns by which conditions of an input are looked up: calls for each with the number of conditions. */
void nfa_many_columns(const struct nfa_many *g, uint32_t input,
    void (*each)(void *arg, uint32_t col, bool range, uint32_t n_conditions), void *arg);
