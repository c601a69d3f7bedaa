/*
 * Files of state: made with their parents, replaced at once, removed whole; what fails names the path and why.
 */
#include "state/sto_path.h"

#include "tests/state/sto_kit.h"

#include <sys/stat.h>
#include <unistd.h>

static void a_folder_is_made_with_its_parents_and_removed_whole(void **arg) {
    struct kit *k = *arg;
    struct cep_err err = CEP_ERR_INIT;
    const char *deep = kit_path(k, "a/b/c");
    assert_int_equal(sto_path_make(deep, &err), CEP_OK);
    assert_int_equal(sto_path_make(deep, &err), CEP_OK);
    assert_int_equal(sto_path_write(kit_path(k, "a/b/c/f"), BASE_STR("x"), &err), CEP_OK);
    assert_int_equal(symlink(k->dir, kit_path(k, "a/back")), 0);
    assert_int_equal(sto_path_remove(kit_path(k, "a"), &err), CEP_OK);
    assert_false(sto_path_exists(kit_path(k, "a")));
    assert_true(sto_path_exists(k->dir)); /* the link was removed, not what it led to */
    assert_int_equal(sto_path_remove(kit_path(k, "a"), &err), CEP_OK);
}

static void a_file_in_the_way_of_a_folder_is_named(void **arg) {
    struct kit *k = *arg;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(sto_path_write(kit_path(k, "f"), BASE_STR("x"), &err), CEP_OK);
    assert_int_equal(sto_path_make(kit_path(k, "f"), &err), CEP_EIO);
    assert_non_null(strstr(err.message, "a file of that name is in the way"));
    assert_int_equal(sto_path_make(kit_path(k, "f/g"), &err), CEP_EIO);
    assert_non_null(strstr(err.message, kit_path(k, "f/g")));
}

static void a_file_is_replaced_whole(void **arg) {
    struct kit *k = *arg;
    struct cep_err err = CEP_ERR_INIT;
    struct base_buf b = BASE_BUF_INIT;
    const char *path = kit_path(k, "f");
    assert_int_equal(sto_path_read(path, &b, &err), CEP_NONE);
    assert_int_equal(sto_path_write(path, BASE_STR("first\0part"), &err), CEP_OK);
    assert_int_equal(sto_path_write(path, BASE_STR("second"), &err), CEP_OK);
    assert_int_equal(sto_path_read(path, &b, &err), CEP_OK);
    assert_true(base_str_eq(base_buf_view(&b), BASE_STR("second")));
    assert_false(sto_path_exists(kit_path(k, "f.tmp")));
    base_buf_release(&b);
}

static void names_come_sorted(void **arg) {
    struct kit *k = *arg;
    struct cep_err err = CEP_ERR_INIT;
    struct base_buf names = BASE_BUF_INIT;
    size_t n;
    assert_int_equal(sto_path_write(kit_path(k, "b"), BASE_STR(""), &err), CEP_OK);
    assert_int_equal(sto_path_write(kit_path(k, "a"), BASE_STR(""), &err), CEP_OK);
    assert_int_equal(sto_path_list(k->dir, &names, &n, &err), CEP_OK);
    assert_int_equal(n, 2);
    assert_memory_equal(names.p, "a\0b\0", 4);
    assert_int_equal(sto_path_list(kit_path(k, "none"), &names, &n, &err), CEP_EIO);
    base_buf_release(&names);
}

static void a_link_shares_the_bytes_and_may_be_there_already(void **arg) {
    struct kit *k = *arg;
    struct cep_err err = CEP_ERR_INIT;
    struct stat st;
    assert_int_equal(sto_path_write(kit_path(k, "f"), BASE_STR("x"), &err), CEP_OK);
    assert_int_equal(sto_path_link(kit_path(k, "f"), kit_path(k, "g"), &err), CEP_OK);
    assert_int_equal(sto_path_link(kit_path(k, "f"), kit_path(k, "g"), &err), CEP_OK);
    assert_int_equal(stat(kit_path(k, "g"), &st), 0);
    assert_int_equal(st.st_nlink, 2);
    assert_int_equal(sto_path_link(kit_path(k, "none"), kit_path(k, "h"), &err), CEP_EIO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TEST(a_folder_is_made_with_its_parents_and_removed_whole),
        KIT_TEST(a_file_in_the_way_of_a_folder_is_named),
        KIT_TEST(a_file_is_replaced_whole),
        KIT_TEST(names_come_sorted),
        KIT_TEST(a_link_shares_the_bytes_and_may_be_there_already),
    };
    return cmocka_run_group_tests_name("sto_path", tests, NULL, NULL);
}
