/*
 * sto_db -- see sto_db.h.
 */
#include "state/sto_db.h"

#include "base/base_mem.h"
#include "state/sto_path.h"

#include <rocksdb/c.h>

enum {
    DEFAULT_MEMORY = 32 << 20,
    MIN_MEMORY = 1 << 20,
    BLOOM_BITS = 10,              /* a key that is not there costs no read but once in a hundred times */
    READ_AHEAD_BYTES = 128 << 10, /* of a merge: a block of 4 KiB a call costs more than the merge */
    TABLE_FILE_BYTES = 4 << 20,   /* small files: a checkpoint that follows few changes uploads few bytes */
    FLUSHED_FILES =
        8 /* of checkpoints that follow each other, before they are merged: each merge costs more than they do */
};

static const double MEMTABLE_BLOOM = 0.1; /* of its size */

static const char *const space_names[STO_SPACE_MAX] = { "default", "timers", "rows" };

struct sto_db {
    char *dir; /* owned */
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_column_family_handle_t *spaces[STO_SPACE_MAX];
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
};

struct sto_db_batch {
    rocksdb_writebatch_t *rows;
};

/* Takes RocksDB's text over into the error. Returns: CEP_OK when there is none. */
static enum cep_rc outcome(const char *dir, const char *doing, char *why, struct cep_err *err) {
    if (!why)
        return CEP_OK;
    enum cep_rc rc = base_err_set(err, CEP_EIO, "could not %s state in \"%s\": %s", doing, dir, why);
    rocksdb_free(why);
    return rc;
}

/* After a flush or compaction that failed RocksDB writes nothing any more, whatever becomes of the disk. */
static enum cep_rc written(const struct sto_db *db, const char *doing, char *why, struct cep_err *err) {
    uint64_t n = 0;
    enum cep_rc rc = outcome(db->dir, doing, why, err);
    if (rc != CEP_OK && err &&
        rocksdb_property_int_cf(db->db, db->spaces[0], "rocksdb.background-errors", &n) == 0 && n > 0) {
        err->retriable = false;
        base_err_hint(err, "the database takes nothing any more: go back to the last checkpoint");
    }
    return rc;
}

static rocksdb_options_t *options_of(const struct sto_db *db, size_t memory) {
    enum { LEVELS = 2 };
    const int per_level[LEVELS] = { rocksdb_no_compression, rocksdb_lz4_compression };
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    /* Two memtables a space, so that one fills while the other is flushed; all together have half. */
    rocksdb_options_set_write_buffer_size(o, memory / 4);
    rocksdb_options_set_db_write_buffer_size(o, memory / 2);
    rocksdb_options_set_max_write_buffer_number(o, 2);
    /* Of a key that is not there they need not be searched. */
    rocksdb_options_set_memtable_prefix_bloom_size_ratio(o, MEMTABLE_BLOOM);
    rocksdb_options_set_memtable_whole_key_filtering(o, 1);
    rocksdb_options_set_target_file_size_base(o, TABLE_FILE_BYTES);
    rocksdb_options_set_level0_file_num_compaction_trigger(o, FLUSHED_FILES);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_compaction_readahead_size(o, READ_AHEAD_BYTES);
    rocksdb_options_set_max_open_files(o, 256);
    /* What a checkpoint has flushed is small, and soon merged. */
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_compression_per_level(o, per_level, LEVELS);
    rocksdb_options_set_keep_log_file_num(o, 1);
    rocksdb_options_set_info_log_level(o, 3);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    /* One whole view over all spaces without a log. */
    rocksdb_options_set_atomic_flush(o, 1);
    /*
     * Rows of a batch ascend: each is looked for from the place of the one before it. RocksDB does that only where batches might be written at
     * the same time, as they never are here. Measured: a third of the time.
     */
    rocksdb_options_set_unordered_write(o, 1);
    rocksdb_block_based_options_set_block_cache(t, db->cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_data_block_index_type(
        t, rocksdb_block_based_table_data_block_index_type_binary_search_and_hash);
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(BLOOM_BITS));
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
    return o;
}

static enum cep_rc open_at(
    const char *dir, const struct sto_db_opts *opts, struct sto_db **out, struct cep_err *err) {
    size_t memory = opts && opts->memory ? opts->memory : DEFAULT_MEMORY;
    if (memory < MIN_MEMORY)
        memory = MIN_MEMORY;
    struct sto_db *db = base_calloc(1, sizeof *db);
    char *why = NULL;
    db->dir = base_strdup(dir);
    db->cache = rocksdb_cache_create_lru(memory / 2);
    db->options = options_of(db, memory);
    db->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(db->write, 1);
    rocksdb_writeoptions_set_memtable_insert_hint_per_batch(db->write, 1);
    db->read = rocksdb_readoptions_create();
    const rocksdb_options_t *each[STO_SPACE_MAX];
    for (int i = 0; i < STO_SPACE_MAX; i++)
        each[i] = db->options;
    db->db = rocksdb_open_column_families(
        db->options, dir, STO_SPACE_MAX, space_names, each, db->spaces, &why);
    enum cep_rc rc = outcome(dir, "open", why, err);
    if (rc != CEP_OK) {
        sto_db_close(db);
        return rc;
    }
    *out = db;
    return CEP_OK;
}

enum cep_rc sto_db_open(
    const char *dir, const struct sto_db_opts *opts, struct sto_db **out, struct cep_err *err) {
    enum cep_rc rc = sto_path_remove(dir, err);
    if (rc == CEP_OK)
        rc = sto_path_make(dir, err);
    return rc == CEP_OK ? open_at(dir, opts, out, err) : rc;
}

enum cep_rc sto_db_open_checkpoint(
    const char *dir, const struct sto_db_opts *opts, struct sto_db **out, struct cep_err *err) {
    return open_at(dir, opts, out, err);
}

void sto_db_close(struct sto_db *db) {
    if (!db)
        return;
    for (int i = 0; i < STO_SPACE_MAX; i++)
        if (db->spaces[i])
            rocksdb_column_family_handle_destroy(db->spaces[i]);
    if (db->db)
        rocksdb_close(db->db);
    rocksdb_readoptions_destroy(db->read);
    rocksdb_writeoptions_destroy(db->write);
    rocksdb_options_destroy(db->options);
    rocksdb_cache_destroy(db->cache);
    base_free(db->dir);
    base_free(db);
}

/* -- writing ------------------------------------------------------------------------------------------------ */

struct sto_db_batch *sto_db_batch_new(void) {
    struct sto_db_batch *b = base_calloc(1, sizeof *b);
    b->rows = rocksdb_writebatch_create();
    return b;
}

void sto_db_batch_free(struct sto_db_batch *b) {
    if (!b)
        return;
    rocksdb_writebatch_destroy(b->rows);
    base_free(b);
}

void sto_db_batch_put(struct sto_db_batch *b, struct sto_db *db, enum sto_space space, struct base_str key,
    struct base_str value) {
    rocksdb_writebatch_put_cf(b->rows, db->spaces[space], key.p, key.len, value.p, value.len);
}

void sto_db_batch_delete(
    struct sto_db_batch *b, struct sto_db *db, enum sto_space space, struct base_str key) {
    rocksdb_writebatch_delete_cf(b->rows, db->spaces[space], key.p, key.len);
}

void sto_db_batch_clear(struct sto_db_batch *b) {
    rocksdb_writebatch_clear(b->rows);
}

size_t sto_db_batch_bytes(const struct sto_db_batch *b) {
    size_t len = 0;
    (void)rocksdb_writebatch_data(b->rows, &len);
    return len;
}

enum cep_rc sto_db_write(struct sto_db *db, struct sto_db_batch *b, struct cep_err *err) {
    char *why = NULL;
    /* Of the thread: it would count every comparison of two keys. */
    rocksdb_set_perf_level(rocksdb_disable);
    rocksdb_write(db->db, db->write, b->rows, &why);
    enum cep_rc rc = written(db, "write", why, err);
    if (rc == CEP_OK)
        rocksdb_writebatch_clear(b->rows);
    return rc;
}

/* -- reading ------------------------------------------------------------------------------------------------- */

enum cep_rc sto_db_get(struct sto_db *db, enum sto_space space, struct base_str key, struct base_buf *out,
    bool *found, struct cep_err *err) {
    char *why = NULL;
    base_buf_clear(out);
    *found = false;
    rocksdb_pinnableslice_t *row = rocksdb_get_pinned_cf(
        db->db, db->read, db->spaces[space], key.p, key.len, &why);
    if (row) {
        size_t len;
        const char *p = rocksdb_pinnableslice_value(row, &len);
        base_buf_add(out, p, len);
        rocksdb_pinnableslice_destroy(row);
        *found = true;
    }
    return outcome(db->dir, "read", why, err);
}

enum { MANY = 256 };

enum cep_rc sto_db_get_many(struct sto_db *db, enum sto_space space, const struct base_str *keys, size_t n,
    sto_db_found_fn found, void *arg, struct cep_err *err) {
    const char *key_p[MANY];
    size_t key_len[MANY];
    rocksdb_pinnableslice_t *rows[MANY];
    char *why[MANY];
    enum cep_rc rc = CEP_OK;
    for (size_t from = 0, m; from < n && rc == CEP_OK; from += m) {
        m = n - from < MANY ? n - from : MANY;
        for (size_t i = 0; i < m; i++) {
            key_p[i] = keys[from + i].p;
            key_len[i] = keys[from + i].len;
            rows[i] = NULL;
            why[i] = NULL;
        }
        rocksdb_batched_multi_get_cf(
            db->db, db->read, db->spaces[space], m, key_p, key_len, rows, why, false);
        for (size_t i = 0; i < m; i++) {
            struct base_str value = { NULL, 0 };
            enum cep_rc read_rc = outcome(db->dir, "read", why[i], rc == CEP_OK ? err : NULL);
            rc = rc == CEP_OK ? read_rc : rc;
            if (rows[i])
                value.p = rocksdb_pinnableslice_value(rows[i], &value.len);
            if (rows[i] && rc == CEP_OK)
                rc = found(arg, from + i, value, err);
            if (rows[i])
                rocksdb_pinnableslice_destroy(rows[i]);
        }
    }
    return rc;
}

struct sto_db_iter {
    struct sto_db *db;
    struct base_buf to; /* RocksDB reads it at every step */
    rocksdb_readoptions_t *read;
    rocksdb_iterator_t *it;
};

struct sto_db_iter *sto_db_iter_new(
    struct sto_db *db, enum sto_space space, struct base_str from, struct base_str to) {
    struct sto_db_iter *it = base_calloc(1, sizeof *it);
    it->db = db;
    it->read = rocksdb_readoptions_create();
    if (to.p) {
        base_buf_str(&it->to, to);
        rocksdb_readoptions_set_iterate_upper_bound(it->read, it->to.p, it->to.len);
    }
    it->it = rocksdb_create_iterator_cf(db->db, it->read, db->spaces[space]);
    sto_db_iter_seek(it, from);
    return it;
}

bool sto_db_iter_row(const struct sto_db_iter *it, struct base_str *key, struct base_str *value) {
    if (!rocksdb_iter_valid(it->it))
        return false;
    key->p = rocksdb_iter_key(it->it, &key->len);
    value->p = rocksdb_iter_value(it->it, &value->len);
    return true;
}

void sto_db_iter_next(struct sto_db_iter *it) {
    rocksdb_iter_next(it->it);
}

void sto_db_iter_seek(struct sto_db_iter *it, struct base_str key) {
    if (key.p)
        rocksdb_iter_seek(it->it, key.p, key.len);
    else
        rocksdb_iter_seek_to_first(it->it);
}

enum cep_rc sto_db_iter_end(struct sto_db_iter *it, struct cep_err *err) {
    if (!it)
        return CEP_OK;
    char *why = NULL;
    rocksdb_iter_get_error(it->it, &why);
    enum cep_rc rc = outcome(it->db->dir, "read", why, err);
    rocksdb_iter_destroy(it->it);
    rocksdb_readoptions_destroy(it->read);
    base_buf_release(&it->to);
    base_free(it);
    return rc;
}

enum cep_rc sto_db_scan(struct sto_db *db, enum sto_space space, struct base_str from, struct base_str to,
    sto_db_row_fn row, void *arg, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    struct sto_db_iter *it = sto_db_iter_new(db, space, from, to);
    struct base_str key, value;
    for (; rc == CEP_OK && sto_db_iter_row(it, &key, &value); sto_db_iter_next(it))
        rc = row(arg, key, value, err);
    enum cep_rc read_rc = sto_db_iter_end(it, rc == CEP_OK ? err : NULL);
    if (rc == CEP_NONE)
        rc = CEP_OK;
    return rc == CEP_OK ? read_rc : rc;
}

enum cep_rc sto_db_delete_range(
    struct sto_db *db, enum sto_space space, struct base_str from, struct base_str to, struct cep_err *err) {
    char *why = NULL;
    rocksdb_delete_range_cf(db->db, db->write, db->spaces[space], from.p, from.len, to.p, to.len, &why);
    return written(db, "write", why, err);
}

/* -- checkpoints ------------------------------------------------------------------------------------------------ */

enum cep_rc sto_db_checkpoint(struct sto_db *db, const char *dir, struct cep_err *err) {
    char *why = NULL;
    rocksdb_checkpoint_t *cp = rocksdb_checkpoint_object_create(db->db, &why);
    /* 0: the memtables are flushed first; without a log they would be missing from the copy. */
    if (cp)
        rocksdb_checkpoint_create(cp, dir, 0, &why);
    enum cep_rc rc = written(db, "take a checkpoint of", why, err);
    if (cp)
        rocksdb_checkpoint_object_destroy(cp);
    return rc;
}

size_t sto_db_memory(const struct sto_db *db) {
    static const char *const what[] = { "rocksdb.cur-size-all-mem-tables",
        "rocksdb.estimate-table-readers-mem" };
    size_t sum = rocksdb_cache_get_usage(db->cache);
    for (int i = 0; i < STO_SPACE_MAX; i++)
        for (size_t k = 0; k < sizeof what / sizeof *what; k++) {
            uint64_t n = 0;
            if (rocksdb_property_int_cf(db->db, db->spaces[i], what[k], &n) == 0)
                sum += n;
        }
    return sum;
}
