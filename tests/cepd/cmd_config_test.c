/* cmd_config: file, environment and options, which of them wins, and what is said about mistakes. */
#include "cepd/cmd_config.h"

#include "base/base_arena.h"

#include "tests/cepd/cmd_test_util.h"

#include <stdlib.h>
#include <unistd.h>

struct fixture {
    struct base_arena arena;
    char dir[64], path[96];
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    base_arena_init(&f->arena, 0);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/cmd-config-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    (void)snprintf(f->path, sizeof f->path, "%s/c.yaml", f->dir);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    (void)unlink(f->path);
    int rc = rmdir(f->dir);
    base_arena_release(&f->arena);
    free(f);
    return rc;
}

/* Loads with `text` as the file and one more option (may be NULL). */
static enum cep_rc load(
    struct fixture *f, struct clu_config *c, const char *text, char *option, struct cep_err *err) {
    FILE *out = fopen(f->path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    struct cmd_args a;
    char *argv[] = { "x.pattern", "--config", f->path, option, NULL };
    assert_int_equal(cmd_args_parse(&a, cmd_find("run"), option ? 4 : 3, argv, NULL), CEP_OK);
    enum cep_rc rc = cmd_config_load(c, &a, &f->arena, err);
    cmd_args_release(&a);
    return rc;
}

static void defaults_then_file_then_environment_then_option(void **state) {
    struct fixture *f = *state;
    struct clu_config c;
    int64_t n, us;
    assert_int_equal(load(f, &c, "", NULL, NULL), CEP_OK);
    assert_int_equal(clu_config_int(&c, CLU_CFG_BATCH_SIZE, 1, 1024, &n, NULL), CEP_OK);
    assert_int_equal(n, 1024);
    assert_int_equal(clu_config_duration(&c, CLU_CFG_BATCH_LINGER, &us, NULL), CEP_OK);
    assert_int_equal(us, 5000);

    assert_int_equal(load(f, &c, "batch:\n  size: 7\n  linger: 2 s\n", NULL, NULL), CEP_OK);
    assert_int_equal(clu_config_int(&c, CLU_CFG_BATCH_SIZE, 1, 1024, &n, NULL), CEP_OK);
    assert_int_equal(n, 7);
    assert_int_equal(clu_config_duration(&c, CLU_CFG_BATCH_LINGER, &us, NULL), CEP_OK);
    assert_int_equal(us, 2000000);

    assert_int_equal(setenv("CEPD_BATCH_SIZE", "8", 1), 0);
    assert_int_equal(load(f, &c, "batch.size: 7\n", NULL, NULL), CEP_OK);
    assert_int_equal(clu_config_int(&c, CLU_CFG_BATCH_SIZE, 1, 1024, &n, NULL), CEP_OK);
    assert_int_equal(n, 8);
    assert_int_equal(load(f, &c, "batch.size: 7\n", "--batch-size=9", NULL), CEP_OK);
    assert_int_equal(clu_config_int(&c, CLU_CFG_BATCH_SIZE, 1, 1024, &n, NULL), CEP_OK);
    assert_int_equal(n, 9);
    assert_int_equal(unsetenv("CEPD_BATCH_SIZE"), 0);
}

static void refused(struct fixture *f, const char *text, enum cep_rc rc, const char *message) {
    struct clu_config c;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(load(f, &c, text, NULL, &err), rc);
    size_t folder = strlen(f->dir) + 1;
    assert_memory_equal(err.message, f->path, folder);
    assert_string_equal(err.message + folder, message);
}

static void mistakes_have_file_and_line(void **state) {
    struct fixture *f = *state;
    refused(f, "batch:\n  sise: 7\n", CEP_EINVAL, "c.yaml:2: unknown key \"batch.sise\"");
    refused(f, "just text\n", CEP_EINVAL, "c.yaml:1: expected keys and values");
    refused(f, "batch: [1, 2]\n", CEP_EINVAL, "c.yaml:1: lists and aliases mean nothing here");
    refused(f, "a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}\n", CEP_ELIMIT,
        "c.yaml:1: mappings nested more than 8 deep");
}

static void values_that_do_not_fit_are_named_with_where_they_come_from(void **state) {
    struct fixture *f = *state;
    struct clu_config c;
    struct cep_err err = CEP_ERR_INIT;
    int64_t n;
    assert_int_equal(load(f, &c, "", "--batch-size=4096", NULL), CEP_OK);
    assert_int_equal(clu_config_int(&c, CLU_CFG_BATCH_SIZE, 1, 1024, &n, &err), CEP_EINVAL);
    assert_string_equal(err.message,
        "--batch-size: \"batch.size\" takes a number from 1 to 1024 (rows, 1 to 1024), not \"4096\"");
    assert_int_equal(load(f, &c, "", "--batch-linger=soon", NULL), CEP_OK);
    assert_int_equal(clu_config_duration(&c, CLU_CFG_BATCH_LINGER, &n, &err), CEP_EINVAL);
    assert_string_equal(
        err.message, "--batch-linger: \"batch.linger\" takes a duration such as \"5 ms\", not \"soon\"");
}

static void a_named_file_must_be_there(void **state) {
    struct fixture *f = *state;
    struct clu_config c;
    struct cmd_args a;
    struct cep_err err = CEP_ERR_INIT;
    char *argv[] = { "x.pattern", "--config", f->path, NULL };
    assert_int_equal(cmd_args_parse(&a, cmd_find("run"), 3, argv, NULL), CEP_OK);
    assert_int_equal(cmd_config_load(&c, &a, &f->arena, &err), CEP_EIO);
    assert_non_null(strstr(err.message, "could not read configuration file"));
    cmd_args_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_then_file_then_environment_then_option, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_have_file_and_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            values_that_do_not_fit_are_named_with_where_they_come_from, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_named_file_must_be_there, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
