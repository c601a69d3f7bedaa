/*
 * A folder to work in: emptied when it is ours, left alone when it is not, and one process's at a time.
 */
#include "state/sto_work.h"

#include "tests/state/sto_kit.h"

static struct sto_work *open_work(struct kit *k) {
    struct sto_work *w = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (sto_work_open(kit_path(k, "state/db"), &w, &err) != CEP_OK)
        fail_msg("%s", err.message);
    return w;
}

static void write_file(struct kit *k, const char *name) {
    assert_int_equal(sto_path_write(kit_path(k, name), BASE_STR("x"), NULL), CEP_OK);
}

static void it_is_made_and_removed_with_what_it_holds(void **arg) {
    struct kit *k = *arg;
    struct sto_work *w = open_work(k);
    assert_string_equal(sto_work_path(w), kit_path(k, "state/db"));
    assert_int_equal(sto_path_make(kit_path(k, "state/db/task-0"), NULL), CEP_OK);
    write_file(k, "state/db/task-0/000001.sst");
    sto_work_close(w);
    assert_false(sto_path_exists(kit_path(k, "state/db")));
    assert_true(sto_path_exists(kit_path(k, "state")));
    sto_work_close(NULL);
}

static void what_a_killed_process_left_is_thrown_away(void **arg) {
    struct kit *k = *arg;
    assert_int_equal(sto_path_make(kit_path(k, "state/db/task-0"), NULL), CEP_OK);
    write_file(k, "state/db/LOCK");
    write_file(k, "state/db/task-0/000001.sst");
    struct sto_work *w = open_work(k);
    assert_false(sto_path_exists(kit_path(k, "state/db/task-0")));
    sto_work_close(w);
}

static void what_is_not_ours_is_left_alone(void **arg) {
    struct kit *k = *arg;
    struct sto_work *w = NULL;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(sto_path_make(kit_path(k, "state/db"), NULL), CEP_OK);
    write_file(k, "state/db/orders.sqlite");
    assert_int_equal(sto_work_open(kit_path(k, "state/db"), &w, &err), CEP_ESTATE);
    assert_non_null(strstr(err.message, "it holds \"orders.sqlite\""));
    assert_true(sto_path_exists(kit_path(k, "state/db/orders.sqlite")));
    assert_false(sto_path_exists(kit_path(k, "state/db/LOCK")));
}

static void one_process_works_in_it(void **arg) {
    struct kit *k = *arg;
    struct sto_work *w = open_work(k), *other = NULL;
    struct cep_err err = CEP_ERR_INIT;
    write_file(k, "state/db/spool");
    assert_int_equal(sto_work_open(kit_path(k, "state/db"), &other, &err), CEP_ESTATE);
    assert_non_null(strstr(err.message, "another process works in"));
    assert_true(sto_path_exists(kit_path(k, "state/db/spool")));
    sto_work_close(w);
    sto_work_close(open_work(k));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TEST(it_is_made_and_removed_with_what_it_holds),
        KIT_TEST(what_a_killed_process_left_is_thrown_away),
        KIT_TEST(what_is_not_ours_is_left_alone),
        KIT_TEST(one_process_works_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
