/*
 * sto_book -- see sto_book.h.
 */
#include "state/sto_book.h"

#include "base/base_mem.h"
#include "state/sto_path.h"

#include <rocksdb/c.h>

enum { BOOK_MEMORY = 1 << 20, BOOK_FILES = 32 };

struct sto_book {
    char *dir; /* owned */
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
};

/* Takes RocksDB's text over into the error. Returns: CEP_OK when there is none. */
static enum cep_rc outcome(const struct sto_book *b, const char *doing, char *why, struct cep_err *err) {
    if (!why)
        return CEP_OK;
    enum cep_rc rc;
    if (strstr(why, "lock")) {
        rc = base_err_set(err, CEP_ESTATE, "another process has \"%s\" open: %s", b->dir, why);
        base_err_hint(err, "one folder belongs to one coordinator");
    } else {
        rc = base_err_set(err, CEP_EIO, "could not %s records in \"%s\": %s", doing, b->dir, why);
    }
    rocksdb_free(why);
    return rc;
}

enum cep_rc sto_book_open(const char *dir, struct sto_book **out, struct cep_err *err) {
    enum cep_rc rc = sto_path_make(dir, err);
    if (rc != CEP_OK)
        return rc;
    struct sto_book *b = base_calloc(1, sizeof *b);
    char *why = NULL;
    b->dir = base_strdup(dir);
    b->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(b->options, 1);
    rocksdb_options_set_write_buffer_size(b->options, BOOK_MEMORY);
    rocksdb_options_set_max_open_files(b->options, BOOK_FILES);
    rocksdb_options_set_keep_log_file_num(b->options, 1);
    rocksdb_options_set_info_log_level(b->options, 3);
    rocksdb_options_set_stats_dump_period_sec(b->options, 0);
    b->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(b->write, 1);
    b->read = rocksdb_readoptions_create();
    b->db = rocksdb_open(b->options, dir, &why);
    rc = outcome(b, "open", why, err);
    if (rc != CEP_OK)
        sto_book_close(b);
    else
        *out = b;
    return rc;
}

void sto_book_close(struct sto_book *b) {
    if (!b)
        return;
    if (b->db)
        rocksdb_close(b->db);
    rocksdb_readoptions_destroy(b->read);
    rocksdb_writeoptions_destroy(b->write);
    rocksdb_options_destroy(b->options);
    base_free(b->dir);
    base_free(b);
}

enum cep_rc sto_book_put(
    struct sto_book *b, struct base_str key, struct base_str value, struct cep_err *err) {
    char *why = NULL;
    rocksdb_put(b->db, b->write, key.p, key.len, value.p ? value.p : "", value.len, &why);
    return outcome(b, "write", why, err);
}

enum cep_rc sto_book_remove(struct sto_book *b, struct base_str key, struct cep_err *err) {
    char *why = NULL;
    rocksdb_delete(b->db, b->write, key.p, key.len, &why);
    return outcome(b, "remove", why, err);
}

enum cep_rc sto_book_scan(
    struct sto_book *b, struct base_str prefix, sto_book_row_fn row, void *arg, struct cep_err *err) {
    rocksdb_iterator_t *it = rocksdb_create_iterator(b->db, b->read);
    enum cep_rc rc = CEP_OK;
    for (rocksdb_iter_seek(it, prefix.p ? prefix.p : "", prefix.len); rc == CEP_OK && rocksdb_iter_valid(it);
         rocksdb_iter_next(it)) {
        struct base_str key, value;
        key.p = rocksdb_iter_key(it, &key.len);
        value.p = rocksdb_iter_value(it, &value.len);
        if (key.len < prefix.len || (prefix.len > 0 && memcmp(key.p, prefix.p, prefix.len) != 0))
            break;
        rc = row(arg, key, value, err);
    }
    char *why = NULL;
    if (rc == CEP_OK) {
        rocksdb_iter_get_error(it, &why);
        rc = outcome(b, "read", why, err);
    }
    rocksdb_iter_destroy(it);
    return rc;
}
