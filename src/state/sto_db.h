#pragma once
/*
 * sto_db -- the tier under memory: one embedded RocksDB, the state of one subtask that does not fit its budget.
 *
 * RocksDB stands behind this door; nobody else includes its header. Three spaces (column families) of ordered bytes:
 *
 *     STO_SPACE_KEYS    key group (2 bytes, big endian) | operator (2, big endian) | namespace (1) | key   ->  value
 *     STO_SPACE_TIMERS  operator (2, big endian) | deadline (8, big endian, sign flipped) | key             ->  ""
 *     STO_SPACE_ROWS    operator (2, big endian) | time (8, big endian, sign flipped) | input (4) | origin (4) | seq (8) | number (8),
 *                       all big endian                                                                      ->  value
 *
 * The key group comes first, so that the share of a subtask is one range. An operator's timers ascend by deadline: what is due
 * next is its first row. Who writes these rows: sto_tier.h, sto_rows.h.
 *
 * There is no write-ahead log: what is here is a cache of state whose truth is the last checkpoint. A directory that a
 * killed process left behind is thrown away by sto_db_open(); sto_db_checkpoint() makes the durable copy (hard links).
 *
 * Cost (measured, 100-byte values, one core): a batch of puts 0.4 M/s at random keys, 1.5 M/s ascending; a get 0.4 M/s;
 * a get of a key that is not there 2 M/s (Bloom filter); a scan 8 M/s.
 *
 * Threads: reads and writes may come from several; a batch belongs to one. RocksDB runs its own threads for flushes and
 * compactions.
 */
#include "base/base_buf.h"
#include "base/base_err.h"

enum sto_space { STO_SPACE_KEYS = 0, STO_SPACE_TIMERS, STO_SPACE_ROWS, STO_SPACE_MAX };

struct sto_db;
struct sto_db_batch;

struct sto_db_opts {
    size_t memory; /* bytes for memtables and block cache together; 0 = 32 MiB. At least 1 MiB is used */
};

/*
 * Opens an empty database in `dir` (made, with its parents; what it held is removed).
 * Returns: CEP_EIO with the path and RocksDB's reason.
 */
enum cep_rc sto_db_open(
    const char *dir, const struct sto_db_opts *opts, struct sto_db **out, struct cep_err *err);
/* Opens what sto_db_checkpoint() made (a copy of it: the files are changed). */
enum cep_rc sto_db_open_checkpoint(
    const char *dir, const struct sto_db_opts *opts, struct sto_db **out, struct cep_err *err);
void sto_db_close(struct sto_db *db); /* NULL is fine; the directory stays */

/* -- writing: everything goes in batches ------------------------------------------------------------------- */

struct sto_db_batch *sto_db_batch_new(void);
void sto_db_batch_free(struct sto_db_batch *b); /* NULL is fine */
void sto_db_batch_put(struct sto_db_batch *b, struct sto_db *db, enum sto_space space, struct base_str key,
    struct base_str value);
void sto_db_batch_delete(
    struct sto_db_batch *b, struct sto_db *db, enum sto_space space, struct base_str key);
void sto_db_batch_clear(struct sto_db_batch *b);
size_t sto_db_batch_bytes(const struct sto_db_batch *b);
/*
 * Ensures: all of the batch is there, or (an error) none of it; the batch is empty in the first case, as it was in the second.
 * err->retriable: see sto_db_checkpoint().
 */
enum cep_rc sto_db_write(struct sto_db *db, struct sto_db_batch *b, struct cep_err *err);

/* -- reading -------------------------------------------------------------------------------------------------- */

/* *found says whether it is there; `out` is cleared, then filled. */
enum cep_rc sto_db_get(struct sto_db *db, enum sto_space space, struct base_str key, struct base_buf *out,
    bool *found, struct cep_err *err);
/*
 * Rows with from <= key < to (to.p == NULL: to the end), ascending, as of the call. The callback's strings are borrowed; it
 * returns CEP_OK to go on, CEP_NONE to end the scan without an error, or an error that the scan returns.
 */
typedef enum cep_rc (*sto_db_row_fn)(
    void *arg, struct base_str key, struct base_str value, struct cep_err *err);
enum cep_rc sto_db_scan(struct sto_db *db, enum sto_space space, struct base_str from, struct base_str to,
    sto_db_row_fn row, void *arg, struct cep_err *err);
/* Many at a time, cheaper than one by one: `row` is called for those that are there, `i` says which. Requires: n > 0. */
typedef enum cep_rc (*sto_db_found_fn)(void *arg, size_t i, struct base_str value, struct cep_err *err);
enum cep_rc sto_db_get_many(struct sto_db *db, enum sto_space space, const struct base_str *keys, size_t n,
    sto_db_found_fn found, void *arg, struct cep_err *err);

/* A walk over a space, ascending, as of sto_db_iter_new(), whatever is written later. */
struct sto_db_iter;
/* Stands on the first row with key >= from; ends before `to` (to.p == NULL: at the end). */
struct sto_db_iter *sto_db_iter_new(
    struct sto_db *db, enum sto_space space, struct base_str from, struct base_str to);
/* The row it stands on; borrowed until it moves. Returns: false at the end, or when it cannot be read. */
bool sto_db_iter_row(const struct sto_db_iter *it, struct base_str *key, struct base_str *value);
void sto_db_iter_next(struct sto_db_iter *it); /* Requires: it stands on a row */
void sto_db_iter_seek(struct sto_db_iter *it, struct base_str key);
/* Frees it (NULL is fine). Returns: what went wrong on the way. */
enum cep_rc sto_db_iter_end(struct sto_db_iter *it, struct cep_err *err);
/* Removes from <= key < to, whatever its size, in one step. */
enum cep_rc sto_db_delete_range(
    struct sto_db *db, enum sto_space space, struct base_str from, struct base_str to, struct cep_err *err);

/* -- checkpoints ------------------------------------------------------------------------------------------------- */

/*
 * Everything written so far, as a directory of its own: table files are hard links, so it costs a flush and a few small files.
 * Requires: `dir` does not exist, its parent does, both on the database's file system.
 * Returns: CEP_EIO; err->retriable is false when the database is of no use any more, as a file of it could not be written.
 */
enum cep_rc sto_db_checkpoint(struct sto_db *db, const char *dir, struct cep_err *err);

/* Bytes of memory RocksDB holds for this database: memtables, block cache, table readers. */
size_t sto_db_memory(const struct sto_db *db);
