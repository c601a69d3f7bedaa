#pragma once
/*
 * sto_rows -- rows of one operator that wait for their time, in a sto_db: where a reorder buffer goes that does not fit into memory.
 *
 *     STO_SPACE_ROWS    operator | time | input | origin | seq | number   ->   namespace (1) | group (4) | value
 *
 * (sto_db.h says how the parts are written.) The value is the owner's: of the pattern operator that of an entry ROW (nfa_save.c).
 * number tells rows apart that are of one event; it runs on over restarts, the owner keeps it.
 *
 * Rows are given out in order, once. What was given out is removed by sto_rows_forget() only, in one step: until then a copy of the
 * database (sto_db_checkpoint()) has it still.
 *
 * Cost: a put and a row given out are about a microsecond each; the first of a call some ten more.
 *
 * Threads: as sto_tier.h.
 */
#include "state/sto.h"
#include "state/sto_db.h"

struct sto_rows;

struct sto_row {
    int64_t time; /* us */
    uint32_t input, origin;
    uint64_t seq, number;
    uint32_t group;
};

/* The database outlives it; what it holds of this operator is there. */
struct sto_rows *sto_rows_new(struct sto_db *db, uint16_t op, uint8_t ns);
void sto_rows_free(struct sto_rows *r); /* NULL is fine; what was not written is gone */

/* Requires: its time is after that of all rows given out. Nobody reads it between this and sto_rows_write(). */
void sto_rows_put(struct sto_rows *r, const struct sto_row *row, struct base_str value);
/* Ensures: all of it is there, or (an error) none, and it is still collected. */
enum cep_rc sto_rows_write(struct sto_rows *r, struct cep_err *err);

/* No row waits before this time; EVT_TIME_MAX = none does. May be too early, until sto_rows_take() has looked. */
int64_t sto_rows_first(const struct sto_rows *r);
/*
 * Gives out about `most` of the rows with time <= upto, in order; those of one time all or not at all. *reached: everything up to
 * there was given out. The callback's strings are borrowed.
 */
typedef enum cep_rc (*sto_rows_fn)(void *arg, struct base_str value, struct cep_err *err);
enum cep_rc sto_rows_take(struct sto_rows *r, int64_t upto, size_t most, sto_rows_fn row, void *arg,
    int64_t *reached, struct cep_err *err);
/* Rows given out are removed. */
enum cep_rc sto_rows_forget(struct sto_rows *r, struct cep_err *err);

/* All that are there, given out or not but not forgotten, as of this call, as entries; their keys are numbers from 2^63 on. */
struct sto_rows_scan *sto_rows_scan_new(struct sto_rows *r);
/* CEP_NONE after the last one. *e is borrowed until the next call. */
enum cep_rc sto_rows_scan_next(struct sto_rows_scan *s, struct sto_entry *e, struct cep_err *err);
void sto_rows_scan_free(struct sto_rows_scan *s); /* NULL is fine */
