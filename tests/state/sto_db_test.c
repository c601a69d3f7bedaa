/*
 * The tier under memory: rows in order, batches whole or not at all, a checkpoint that later writes do not touch.
 */
#include "state/sto_db.h"

#include "tests/state/sto_kit.h"

#include <sys/stat.h>
#include <unistd.h>

static const struct sto_db_opts small = { .memory = 4 << 20 };

static struct sto_db *open_db(struct kit *k, const char *name) {
    struct sto_db *db = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (sto_db_open(kit_path(k, name), &small, &db, &err) != CEP_OK)
        fail_msg("%s", err.message);
    return db;
}

static void put(struct sto_db *db, enum sto_space space, const char *key, const char *value) {
    struct sto_db_batch *b = sto_db_batch_new();
    sto_db_batch_put(b, db, space, base_str_of(key), base_str_of(value));
    assert_int_equal(sto_db_write(db, b, NULL), CEP_OK);
    sto_db_batch_free(b);
}

static bool has(struct sto_db *db, enum sto_space space, const char *key, const char *value) {
    struct base_buf out = BASE_BUF_INIT;
    bool found;
    assert_int_equal(sto_db_get(db, space, base_str_of(key), &out, &found, NULL), CEP_OK);
    bool same = found && base_str_eq(base_buf_view(&out), base_str_of(value));
    base_buf_release(&out);
    return same;
}

static enum cep_rc add_key(void *arg, struct base_str key, struct base_str value, struct cep_err *err) {
    (void)value;
    (void)err;
    base_buf_str(arg, key);
    return base_str_eq(key, BASE_STR("stop")) ? CEP_NONE : CEP_OK;
}

static void rows_of_a_range_come_in_order_and_spaces_are_apart(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(k, "db");
    struct base_buf keys = BASE_BUF_INIT;
    put(db, STO_SPACE_KEYS, "c", "3");
    put(db, STO_SPACE_KEYS, "a", "1");
    put(db, STO_SPACE_KEYS, "b", "2");
    put(db, STO_SPACE_TIMERS, "b", "");
    assert_int_equal(
        sto_db_scan(db, STO_SPACE_KEYS, BASE_STR("a"), BASE_STR("c"), add_key, &keys, NULL), CEP_OK);
    assert_string_equal(base_buf_cstr(&keys), "ab");
    base_buf_clear(&keys);
    assert_int_equal(sto_db_scan(db, STO_SPACE_TIMERS, (struct base_str){ 0 }, (struct base_str){ 0 },
                         add_key, &keys, NULL),
        CEP_OK);
    assert_string_equal(base_buf_cstr(&keys), "b");
    base_buf_release(&keys);
    sto_db_close(db);
}

static void a_callback_ends_a_scan(void **arg) {
    struct sto_db *db = open_db(*arg, "db");
    struct base_buf keys = BASE_BUF_INIT;
    put(db, STO_SPACE_KEYS, "a", "");
    put(db, STO_SPACE_KEYS, "stop", "");
    put(db, STO_SPACE_KEYS, "z", "");
    assert_int_equal(
        sto_db_scan(db, STO_SPACE_KEYS, (struct base_str){ 0 }, (struct base_str){ 0 }, add_key, &keys, NULL),
        CEP_OK);
    assert_string_equal(base_buf_cstr(&keys), "astop");
    base_buf_release(&keys);
    sto_db_close(db);
}

static void a_range_is_removed(void **arg) {
    struct sto_db *db = open_db(*arg, "db");
    put(db, STO_SPACE_KEYS, "a1", "1");
    put(db, STO_SPACE_KEYS, "a2", "2");
    put(db, STO_SPACE_KEYS, "b1", "3");
    assert_int_equal(sto_db_delete_range(db, STO_SPACE_KEYS, BASE_STR("a"), BASE_STR("b"), NULL), CEP_OK);
    assert_false(has(db, STO_SPACE_KEYS, "a1", "1"));
    assert_true(has(db, STO_SPACE_KEYS, "b1", "3"));
    sto_db_close(db);
}

static void a_checkpoint_holds_what_was_written_before_it(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(k, "db"), *copy = NULL;
    struct cep_err err = CEP_ERR_INIT;
    put(db, STO_SPACE_KEYS, "a", "old");
    put(db, STO_SPACE_TIMERS, "t", "");
    assert_int_equal(sto_db_checkpoint(db, kit_path(k, "cp"), &err), CEP_OK);
    put(db, STO_SPACE_KEYS, "a", "new");
    put(db, STO_SPACE_KEYS, "b", "new");
    sto_db_close(db);
    assert_int_equal(sto_db_open_checkpoint(kit_path(k, "cp"), &small, &copy, &err), CEP_OK);
    assert_true(has(copy, STO_SPACE_KEYS, "a", "old"));
    assert_false(has(copy, STO_SPACE_KEYS, "b", "new"));
    assert_true(has(copy, STO_SPACE_TIMERS, "t", ""));
    sto_db_close(copy);
}

static void what_a_killed_process_left_is_thrown_away(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(k, "db");
    put(db, STO_SPACE_KEYS, "a", "1");
    sto_db_close(db);
    db = open_db(k, "db");
    assert_false(has(db, STO_SPACE_KEYS, "a", "1"));
    sto_db_close(db);
}

static void a_path_that_cannot_be_opened_is_named(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = NULL;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(sto_path_write(kit_path(k, "f"), BASE_STR("x"), &err), CEP_OK);
    assert_int_equal(sto_db_open(kit_path(k, "f/db"), &small, &db, &err), CEP_EIO);
    assert_non_null(strstr(err.message, kit_path(k, "f")));
    assert_int_equal(sto_path_make(kit_path(k, "bad"), &err), CEP_OK);
    assert_int_equal(sto_path_write(kit_path(k, "bad/CURRENT"), BASE_STR("nonsense"), &err), CEP_OK);
    assert_int_equal(sto_db_open_checkpoint(kit_path(k, "bad"), &small, &db, &err), CEP_EIO);
    assert_non_null(strstr(err.message, kit_path(k, "bad")));
}

static void memory_stays_near_its_budget(void **arg) {
    struct sto_db *db = open_db(*arg, "db");
    struct sto_db_batch *b = sto_db_batch_new();
    char key[32], value[200];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 200000; i++) {
        (void)snprintf(key, sizeof key, "%08x", (unsigned)i * 2654435761u);
        sto_db_batch_put(b, db, STO_SPACE_KEYS, base_str_of(key), (struct base_str){ value, sizeof value });
        if (sto_db_batch_bytes(b) > 256 << 10)
            assert_int_equal(sto_db_write(db, b, NULL), CEP_OK);
    }
    assert_int_equal(sto_db_write(db, b, NULL), CEP_OK);
    sto_db_batch_free(b);
    assert_in_range(sto_db_memory(db), 1, 4 * small.memory);
    sto_db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TEST(rows_of_a_range_come_in_order_and_spaces_are_apart),
        KIT_TEST(a_callback_ends_a_scan),
        KIT_TEST(a_range_is_removed),
        KIT_TEST(a_checkpoint_holds_what_was_written_before_it),
        KIT_TEST(what_a_killed_process_left_is_thrown_away),
        KIT_TEST(a_path_that_cannot_be_opened_is_named),
        KIT_TEST(memory_stays_near_its_budget),
    };
    return cmocka_run_group_tests_name("sto_db", tests, NULL, NULL);
}
