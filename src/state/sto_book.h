#pragma once
/*
 * sto_book -- a few records that outlive the process: keys and values in an embedded RocksDB, each change on disk before the
 * call returns.
 *
 * Unlike sto_db it is the truth, not a cache: it has a log, which is synced with every write, and what is in the folder is
 * kept. For what changes seldom (the registry of a cluster's jobs); a put costs a sync, some milliseconds.
 *
 * Threads: any, one open book a folder and process.
 */
#include "base/base_buf.h"
#include "base/base_err.h"

struct sto_book;

/* Opens or makes it. Returns: CEP_ESTATE when another process has it open; CEP_EIO. */
enum cep_rc sto_book_open(const char *dir, struct sto_book **out, struct cep_err *err);
void sto_book_close(struct sto_book *b); /* NULL is fine */

enum cep_rc sto_book_put(struct sto_book *b, struct base_str key, struct base_str value, struct cep_err *err);
/* Fine when it is not there. */
enum cep_rc sto_book_remove(struct sto_book *b, struct base_str key, struct cep_err *err);
/* All records whose key begins with `prefix`, ascending. row() returns CEP_OK to go on, or an error that the scan returns. */
typedef enum cep_rc (*sto_book_row_fn)(
    void *arg, struct base_str key, struct base_str value, struct cep_err *err);
enum cep_rc sto_book_scan(
    struct sto_book *b, struct base_str prefix, sto_book_row_fn row, void *arg, struct cep_err *err);
