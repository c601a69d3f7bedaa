#pragma once
/*
 * sto_tier -- the keys of one operator in a sto_db: where keys go that do not fit into memory.
 *
 *     STO_SPACE_KEYS    group | operator | namespace | key   ->   deadline (8, little endian) | value
 *     STO_SPACE_TIMERS  operator | deadline | key             ->   ""             of every key with a deadline
 *
 * (sto_db.h says how the parts are written.) The key is its canonical bytes, the group theirs, the value the owner's: of the
 * pattern operator the bytes of a KEY entry (nfa_save.c). The deadline is when something happens to the key without an event, or
 * earlier: then its owner looks at the key and puts it again. EVT_TIME_MAX (no such thing) has no row among the timers.
 *
 * Changes are collected and written by sto_tier_write(); nobody reads a row between put and write. The owner says which
 * deadline the key's row had before, so that no timer outlives its key: a key has one timer row or none.
 *
 * Threads: one tier is one thread's. Several tiers, of other operators, may share a database.
 */
#include "state/sto.h"
#include "state/sto_db.h"
#include "state/sto_rows.h"

struct sto_tier;

/* The database outlives it; what it holds of this operator is there. Entries are of namespace `ns`. */
struct sto_tier *sto_tier_new(struct sto_db *db, uint16_t op, uint8_t ns);
void sto_tier_free(struct sto_tier *t); /* NULL is fine; what was not written is gone */

/* `was`: the deadline of the key's row before, EVT_TIME_MAX when it had none or there was no row. */
void sto_tier_put(
    struct sto_tier *t, struct base_str key, struct base_str value, int64_t was, int64_t deadline);
void sto_tier_delete(struct sto_tier *t, struct base_str key, int64_t was);
/* Bytes collected, without those that are being written. */
size_t sto_tier_pending(const struct sto_tier *t);
/* Ensures: all of it is there; after an error what is not there is still collected. Nothing collected is fine. */
enum cep_rc sto_tier_write(struct sto_tier *t, struct cep_err *err);
/*
 * The same a piece at a time, of about so many bytes: what was collected when the first piece is asked for is put in order then, and nothing is
 * written yet; what is collected meanwhile comes behind it. Returns: CEP_AGAIN: there is more of it; CEP_OK: that is written.
 */
enum cep_rc sto_tier_write_some(struct sto_tier *t, size_t bytes, struct cep_err *err);
/* It has begun, and has not ended yet. */
bool sto_tier_writes(const struct sto_tier *t);

/* *found says whether it is there; `value` is cleared, then filled. CEP_EDAMAGED for a row that is none of a tier. */
enum cep_rc sto_tier_get(struct sto_tier *t, struct base_str key, struct base_buf *value, int64_t *deadline,
    bool *found, struct cep_err *err);
/* Many at a time: found(arg, i, ...) for those that are there. Requires: n > 0. */
typedef enum cep_rc (*sto_tier_found_fn)(
    void *arg, size_t i, struct base_str value, int64_t deadline, struct cep_err *err);
enum cep_rc sto_tier_get_many(struct sto_tier *t, const struct base_str *keys, size_t n,
    sto_tier_found_fn found, void *arg, struct cep_err *err);

/*
 * Timers come in the order of their deadlines; their rows stay until the key is put again or deleted. A timer comes at least
 * once: one that is put before those that came already comes next, and those behind it once more; and one that was read ahead may
 * come although its key has another deadline by now, or is gone. So the owner asks for the key and compares.
 */
/* No timer comes before this time; EVT_TIME_MAX = none. May be too early, until sto_tier_due() has looked. */
int64_t sto_tier_next(const struct sto_tier *t);
/* A timer that lies behind this time has not come, or will come again. */
int64_t sto_tier_given(const struct sto_tier *t);
/* The next timer with a deadline <= upto; *key is borrowed until the next call. CEP_NONE when there is none. */
enum cep_rc sto_tier_due(
    struct sto_tier *t, int64_t upto, struct base_str *key, int64_t *deadline, struct cep_err *err);

/* Rows of the operator that wait, of namespace `ns` (sto_rows.h); the tier's. The same `ns` each time. */
struct sto_rows *sto_tier_rows(struct sto_tier *t, uint8_t ns);

/* All keys, group by group, then the rows that wait, as of sto_tier_scan_new(), whatever is written later: as entries. */
struct sto_tier_scan;
struct sto_tier_scan *sto_tier_scan_new(struct sto_tier *t);
/* *e is borrowed until the next call. Returns: CEP_NONE at the end. */
enum cep_rc sto_tier_scan_next(struct sto_tier_scan *s, struct sto_entry *e, struct cep_err *err);
void sto_tier_scan_free(struct sto_tier_scan *s); /* NULL is fine */
