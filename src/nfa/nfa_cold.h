#pragma once
/*
 * nfa_cold -- keys that do not fit into memory lie in a tier (state/sto_tier.h). Private to src/nfa.
 *
 *     touched ──▶ in memory ── dirty: written, clean: just dropped ──▶ in the tier alone ("cold")
 *                    ▲                                                        │
 *                    └──────── looked up by an event, or its timer is due ◀───┘
 *
 * A key in memory may have a row in the tier too (`stored`): its bytes as they were written last, current while the key is not
 * `dirty`. Its row's deadline is remembered, for that is where the row among the timers lies. It may be earlier than the key's:
 * most deadlines move out before they are due, and the row is left where it is; when it comes too early it has no more use,
 * and the key is put again, with a new one, before it is in the tier alone.
 *
 * Ghosts. A key that died while it had a row stays in the table, empty, until the row is deleted with the next batch: whoever
 * looks it up meanwhile finds that there is nothing, and may start anew in its place.
 *
 * A save. From nfa_matcher_save_begin() until nfa_matcher_save_taken() the tier takes only what is of that moment (`held`): a key
 * that changed since it was written stays in memory, and so does a ghost; clean keys may go, for their rows are right.
 *
 * Many at a time. Keys that go down are collected and written together, in the order of their rows; keys of the rows of a batch that are
 * not in memory are asked for together before the first of these is taken (nfa_recall.c), those whose timers are due as well.
 *
 * Rows (nfa_spill.c). Where a batch comes in whose rows would need more than half the budget with those that wait already, its
 * rows lie in the database until the watermark is about to pass them (sto_rows.h); then they come in again, some at a time. During a
 * save they stay in memory, and nothing of those that came back is removed.
 *
 * Invariants (nfa_cold_check()):
 *   I1  a key is in the table, or in the tier alone, or it has no state
 *   I2  a key that is not stored is dirty; a ghost is stored
 *   I3  no timer of a cold key is earlier than m->cold_next
 *   I4  the row's deadline of a key is not later than the key's was when it was written, and has not come if the key is cold
 */
#include "nfa/nfa_save.h"
#include "state/sto_tier.h"

/* Gauges of keys in the tier alone; the matcher's own are of those in memory. */
struct nfa_cold_gauges {
    uint64_t keys, open, asleep, waiting;
    uint64_t rows; /* that wait in the tier */
};

enum { NFA_RECALL_ROWS = 256, NFA_RECALL_MARKS = 1 << 14 };

/* Rows whose keys were asked for together (nfa_recall.c). */
struct nfa_recall {
    size_t n_rows; /* of these */
    size_t turn;   /* the row that is taken; past the last one: none of them is */
    uint64_t absent[NFA_RECALL_ROWS / 64];
    uint64_t *went; /* owned; marks of keys that went down since; NULL before anything is asked for */
    uint64_t n_bytes, n_found; /* of keys that were there */
    struct base_buf bytes;     /* canonical, of those asked for */
};

struct nfa_cold {
    struct sto_tier *tier; /* borrowed */
    struct nfa_cold_gauges n;
    uint64_t evicted, returned;
    bool held;               /* a save began and was not taken */
    size_t trigger;          /* bytes of memory at which keys go down */
    size_t hand;             /* of the clock: the slot to look at next */
    size_t n_ghosts;         /* keys in the table that are empty */
    struct nfa_key **graves; /* those that became ghosts since the last burial */
    size_t n_graves, cap_graves;
    struct nfa_key **leaving; /* scratch of an eviction */
    size_t n_leaving, cap_leaving;
    struct nfa_saver saver;
    struct nfa_loader *loader; /* owned; of this program's own META; made when first needed */
    struct base_buf row;       /* scratch */
    struct base_buf due_keys;  /* scratch: canonical bytes of keys whose timers are due */
    struct nfa_cold_due *due;
    size_t cap_due;
    struct base_str *asked; /* scratch */
    size_t cap_asked;
    struct nfa_recall recall;
    struct sto_rows *rows;   /* borrowed: the tier's */
    uint64_t row_bytes;      /* of batches of which rows wait in memory */
    uint64_t row_number;     /* of the next row that goes down */
    bool returning;          /* rows come in that were there already */
    uint64_t n_back;         /* rows that came back and are not removed */
    struct evt_batch **back; /* owned; by input: rows on their way back */
};

/* Requires: m->opts.tier. */
struct nfa_cold *nfa_cold_new(struct nfa_matcher *m);
void nfa_cold_free(struct nfa_matcher *m);

/* Where the deadline of the key's row in the tier is kept. Requires: m->cold. */
static inline int64_t *nfa_cold_row_deadline(struct nfa_key *k) {
    return (int64_t *)(k + 1);
}

/* Returns: is it CEP_OK? Else it is m->rc now, if that was. */
bool nfa_cold_fine(struct nfa_matcher *m, enum cep_rc rc, const struct cep_err *err);
/* A key of the tier, read: into memory, unless it is there already; m->rc after an error. */
void nfa_cold_bring_back(struct nfa_matcher *m, struct base_str value, int64_t deadline);
/* May more come back before others have gone down? */
bool nfa_cold_has_room(const struct nfa_matcher *m);
/* Rows collected are written. Returns: false and m->rc after an error. */
bool nfa_cold_write(struct nfa_matcher *m);
/* The same a piece at a time, of a save that goes on: when there are enough of them, or for the rest. Returns: as before. */
bool nfa_cold_write_some(struct nfa_matcher *m, bool rest);
/* There is a piece to be written. */
bool nfa_cold_writes(const struct nfa_matcher *m, bool rest);
/* The key's row, collected; the key is clean. */
enum cep_rc nfa_cold_put(struct nfa_matcher *m, struct nfa_key *k, struct cep_err *err);
/* The rows of ghosts are deleted. Requires: not held. */
bool nfa_cold_bury(struct nfa_matcher *m);
/* Entry TIER: how much lies in the tier. */
enum cep_rc nfa_cold_save_counts(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err);
/* Another one, at the end of the save: of keys that were left for later when it began. */
enum cep_rc nfa_cold_save_more(
    const struct nfa_cold_gauges *more, const struct sto_out *out, struct cep_err *err);
/* fits: the tier's keys are this program's. CEP_ESTATE when they are not. */
enum cep_rc nfa_cold_load_counts(
    struct nfa_matcher *m, const struct sto_entry *e, bool fits, struct cep_err *err);
/* All keys of the tier, to `out`. Requires: no key in memory is dirty. */
enum cep_rc nfa_cold_save_all(struct nfa_matcher *m, const struct sto_out *out, struct cep_err *err);
/* Is there a row of this key? */
bool nfa_cold_has(struct nfa_matcher *m, const struct nfa_key *k);
void nfa_cold_check(const struct nfa_matcher *m);

/* nfa_recall.c */
void nfa_recall_release(struct nfa_recall *r);
/* It leaves memory. */
void nfa_recall_went(struct nfa_cold *c, const struct nfa_key *k);
/* Is the key of the row that is taken known not to be in the tier? */
bool nfa_recall_is_absent(const struct nfa_cold *c, uint64_t hash);

/* nfa_spill.c */
void nfa_spill_release(struct nfa_matcher *m);
/* Rows of a batch that just came, hashed in h, go down. Returns: false: they stay. */
bool nfa_spill(struct nfa_matcher *m, const struct nfa_held *h, const uint64_t *rows);
/* Rows with a time up to the watermark come back, some at a time. Returns: up to when all that wait are in memory. */
int64_t nfa_spill_back(struct nfa_matcher *m, int64_t watermark);
/* Rows that came back are removed. Requires: not held. Returns: false and m->rc. */
bool nfa_spill_forget(struct nfa_matcher *m);
/* Of what counts against the budget; never more than half of it. */
size_t nfa_spill_bytes(const struct nfa_matcher *m);
