#pragma once
/*
 * nfa_later -- keys that a restore left where they lie, read when they are touched, when they are due, or by and by. Private to
 * src/nfa.
 *
 *     bytes of a part   [ KEY | KEY | KEY | KEY | ... ]          entries that stay (sto_entry.stays), none of them decoded
 *                          ▲     ▲     ▲
 *     entries           [ hash, where, next ][ ... ][ ... ]      32 bytes a key; `key` NULL: it is in the table now
 *                          ▲ chain             ▲
 *     buckets           [ ... by hash ... ]   heap [ by deadline ... ]
 *
 * A key is in the table or here, never in both. An event that finds no key in the table asks here (nfa_later_find()), what is due
 * is asked for before its time passes (nfa_later_due()), and nfa_matcher_load_some() reads the others in the order in which they lie.
 * When the last one is in the table all of this is gone.
 *
 * Only what this very program wrote waits here: META says the same, byte for byte, and so an entry is as good as the one that
 * would be written now. A save copies it.
 *
 * A save (nfa_slice.c) goes through the entries in their order; one that is read before its turn is copied first. A key that comes to
 * be during a save counts as written, which it then is. With a tier nothing is copied: the save reads all that is left, some at a time, and
 * writes each key to the tier.
 *
 * Cost: some 50 ns a key until the first event, and 50 bytes until it is read. Reading one costs what loading it would have. With a tier
 * the bytes are bounded by its budget: keys beyond are loaded at once.
 *
 * Invariants:
 *   I1  n_left entries have a key
 *   I2  no entry's deadline is earlier than m->cold_next; an entry with a deadline is in the heap
 */
#include "nfa/nfa_save.h"

/* Is META's value, but for what changes with each event, what this matcher would write now? Fills in where its numbers stand. */
bool nfa_meta_is_own(struct nfa_matcher *m, struct base_str value, uint64_t *next_order, uint64_t *last_step);

/* The entry KEY may wait. Returns: false: it is to be loaded now. Requires: m->loader->waits. */
bool nfa_later_take(struct nfa_matcher *m, const struct sto_entry *e);
/* When the earliest of them is due; EVT_TIME_MAX = none. NULL is fine. */
int64_t nfa_later_next(const struct nfa_matcher *m);
/* Sets m->cold_next: of keys here, and of those in the tier. */
void nfa_look_at_hidden(struct nfa_matcher *m);
/* All entries are there. Returns: CEP_AGAIN: some of them wait; CEP_OK: none. */
enum cep_rc nfa_later_ready(struct nfa_matcher *m, struct cep_err *err);
void nfa_later_free(struct nfa_matcher *m); /* NULL is fine */

/* Reads the keys with that hash. Returns: true when there were any; m->rc after an error. Requires: m->later. */
bool nfa_later_find(struct nfa_matcher *m, uint64_t hash);
/* Reads some of those that are due by then, the earliest first. Requires: m->later. */
void nfa_later_due(struct nfa_matcher *m, int64_t now);
size_t nfa_later_left(const struct nfa_matcher *m);

/* A save begins. NULL is fine. */
void nfa_later_save_begin(struct nfa_matcher *m);
/* The next entry of the save. Returns: CEP_OK; CEP_AGAIN: that one is in the table; CEP_NONE: that was all. Requires: m->later. */
enum cep_rc nfa_later_save_next(struct nfa_matcher *m, struct sto_entry *e);
