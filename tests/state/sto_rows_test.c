/*
 * Rows that wait in a database: they come back in order, once, those of one time together; what came back stays until it is
 * forgotten, and a copy taken before that has it.
 */
#include "state/sto_rows.h"

#include "event/evt_batch.h"
#include "tests/state/sto_kit.h"

static const struct sto_db_opts small = { .memory = 4 << 20 };

static struct sto_db *open_db(const char *dir, bool copy) {
    struct sto_db *db = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if ((copy ? sto_db_open_checkpoint(dir, &small, &db, &err) : sto_db_open(dir, &small, &db, &err)) !=
        CEP_OK)
        fail_msg("%s", err.message);
    return db;
}

static void put(
    struct sto_rows *r, int64_t time, uint32_t input, uint64_t seq, uint64_t number, const char *text) {
    struct sto_row row = {
        .time = time, .input = input, .origin = 7, .seq = seq, .number = number, .group = 5
    };
    sto_rows_put(r, &row, base_str_of(text));
}

static enum cep_rc note(void *arg, struct base_str value, struct cep_err *err) {
    (void)err;
    base_buf_str(arg, value);
    base_buf_putc(arg, ' ');
    return CEP_OK;
}

static int64_t expect_take(struct sto_rows *r, int64_t upto, size_t most, const char *want) {
    struct base_buf got = BASE_BUF_INIT;
    struct cep_err err = CEP_ERR_INIT;
    int64_t reached;
    if (sto_rows_take(r, upto, most, note, &got, &reached, &err) != CEP_OK)
        fail_msg("%s", err.message);
    assert_string_equal(base_buf_cstr(&got), want);
    base_buf_release(&got);
    return reached;
}

static void expect_all(struct sto_rows *r, const char *want) {
    struct base_buf got = BASE_BUF_INIT;
    struct sto_rows_scan *s = sto_rows_scan_new(r);
    struct sto_entry e;
    while (sto_rows_scan_next(s, &e, NULL) == CEP_OK) {
        assert_int_equal(e.ns, 2);
        assert_int_equal(e.group, 5);
        (void)note(&got, e.value, NULL);
    }
    sto_rows_scan_free(s);
    assert_string_equal(base_buf_cstr(&got), want);
    base_buf_release(&got);
}

static void rows_come_in_order(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(kit_path(k, "db"), false);
    struct sto_rows *r = sto_rows_new(db, 3, 2), *other = sto_rows_new(db, 4, 2),
                    *before = sto_rows_new(db, 2, 2);
    put(r, 20, 0, 1, 0, "d");
    put(r, -5, 1, 9, 1, "a");
    put(r, 10, 1, 0, 2, "c");
    put(r, 10, 0, 8, 3, "b");
    put(r, 20, 0, 1, 4, "e"); /* of the same event */
    put(other, 0, 0, 0, 0, "x");
    put(before, 0, 0, 0, 0, "y");
    assert_int_equal(sto_rows_write(r, NULL), CEP_OK);
    assert_int_equal(sto_rows_write(other, NULL), CEP_OK);
    assert_int_equal(sto_rows_write(before, NULL), CEP_OK);
    assert_true(sto_rows_first(r) <= -5);
    assert_int_equal(expect_take(r, -6, 10, ""), -6);
    assert_int_equal(sto_rows_first(r), -5);
    /* Those of one time together, so that all up to a time are there. */
    assert_int_equal(expect_take(r, 30, 2, "a b c "), 10);
    assert_int_equal(sto_rows_first(r), 20);
    assert_int_equal(expect_take(r, 19, 2, ""), 19);
    put(r, 15, 0, 2, 5, "late, but not too late");
    assert_int_equal(sto_rows_write(r, NULL), CEP_OK);
    assert_int_equal(sto_rows_first(r), 15);
    assert_int_equal(expect_take(r, EVT_TIME_MAX, 100, "late, but not too late d e "), EVT_TIME_MAX);
    assert_int_equal(sto_rows_first(r), EVT_TIME_MAX);
    assert_int_equal(sto_rows_write(r, NULL), CEP_OK);
    expect_all(other, "x ");
    sto_rows_free(r);
    sto_rows_free(other);
    sto_rows_free(before);
    sto_db_close(db);
}

static void what_came_back_is_there_until_it_is_forgotten(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(kit_path(k, "db"), false), *copy;
    struct sto_rows *r = sto_rows_new(db, UINT16_MAX, 2), *again;
    const char *dir = kit_path(k, "copy");
    put(r, 1, 0, 1, 0, "a");
    put(r, 2, 0, 2, 1, "b");
    put(r, 3, 0, 3, 2, "c");
    assert_int_equal(sto_rows_write(r, NULL), CEP_OK);
    (void)expect_take(r, 1, 10, "a ");
    assert_int_equal(sto_rows_forget(r, NULL), CEP_OK);
    (void)expect_take(r, 2, 10, "b ");
    expect_all(r, "b c ");
    assert_int_equal(sto_db_checkpoint(db, dir, NULL), CEP_OK);
    assert_int_equal(sto_rows_forget(r, NULL), CEP_OK);
    assert_int_equal(sto_rows_forget(r, NULL), CEP_OK);
    expect_all(r, "c ");
    (void)expect_take(r, 9, 10, "c ");
    sto_rows_free(r);
    sto_db_close(db);
    copy = open_db(dir, true);
    again = sto_rows_new(copy, UINT16_MAX, 2);
    assert_int_equal(expect_take(again, 2, 10, "b "), 2);
    assert_int_equal(expect_take(again, 3, 10, "c "), 3);
    sto_rows_free(again);
    sto_db_close(copy);
}

static enum cep_rc refuse(void *arg, struct base_str value, struct cep_err *err) {
    (void)arg;
    (void)value;
    return base_err_set(err, CEP_EDAMAGED, "no");
}

static void what_is_no_row_is_refused(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(kit_path(k, "db"), false);
    struct sto_rows *r = sto_rows_new(db, 1, 2);
    struct sto_db_batch *b = sto_db_batch_new();
    int64_t reached;
    put(r, 5, 0, 1, 0, "a");
    assert_int_equal(sto_rows_write(r, NULL), CEP_OK);
    assert_int_equal(sto_rows_take(r, 9, 1, refuse, NULL, &reached, NULL), CEP_EDAMAGED);
    sto_db_batch_put(b, db, STO_SPACE_ROWS, (struct base_str){ "\0\1\x80\0", 4 }, BASE_STR("?"));
    assert_int_equal(sto_db_write(db, b, NULL), CEP_OK);
    struct sto_rows *other = sto_rows_new(db, 1, 2);
    assert_int_equal(sto_rows_take(other, 9, 1, refuse, NULL, &reached, NULL), CEP_EDAMAGED);
    struct sto_rows_scan *s = sto_rows_scan_new(other);
    struct sto_entry e;
    assert_int_equal(sto_rows_scan_next(s, &e, NULL), CEP_EDAMAGED);
    sto_rows_scan_free(s);
    sto_db_batch_free(b);
    sto_rows_free(other);
    sto_rows_free(r);
    sto_db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TEST(rows_come_in_order),
        KIT_TEST(what_came_back_is_there_until_it_is_forgotten),
        KIT_TEST(what_is_no_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
