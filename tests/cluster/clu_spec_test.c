/* clu_spec_test -- a submission: as JSON and back, from files, its mistakes, what it compiles to, what may be set. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_spec.h"
#include "connect/con.h"

#include <stdlib.h>
#include <sys/stat.h>

static void round_trip(void **state) {
    struct clu_spec s, again, copy;
    struct base_buf json = BASE_BUF_INIT, second = BASE_BUF_INIT;
    static const char text[] =
        "{\"files\":{\"a.pattern\":\"include "
        "'b';\\n\\u00e4\",\"b\":\"\"},\"main\":\"a.pattern\",\"name\":\"n\","
        "\"base_dir\":\"/"
        "srv\",\"set\":{\"large\":100,\"who\":\"x\\\"y\"},\"settings\":{\"batch.size\":\"64\"},"
        "\"missing\":{\"c\":\"could "
        "not\"},\"parallelism\":4,\"restore\":\"/s/p\",\"allow_dropped_state\":true}";
    (void)state;
    clu_spec_init(&s), clu_spec_init(&again), clu_spec_init(&copy);
    assert_int_equal(clu_spec_read(&s, base_str_of(text), NULL), CEP_OK);
    assert_int_equal(s.n_files, 2);
    assert_string_equal(s.set.v[0].value, "100");
    assert_int_equal(s.parallelism, 4);
    clu_spec_write(&s, &json);
    assert_int_equal(clu_spec_read(&again, base_buf_view(&json), NULL), CEP_OK);
    clu_spec_copy(&copy, &again);
    clu_spec_write(&copy, &second);
    assert_string_equal(base_buf_cstr(&json), base_buf_cstr(&second));
    clu_spec_release(&s), clu_spec_release(&again), clu_spec_release(&copy);
    base_buf_release(&json), base_buf_release(&second);
}

static void mistakes_name_the_member(void **state) {
    static const struct {
        const char *json, *says;
    } rows[] = {
        { "[]", "the submission is no JSON object" },
        { "{}", "the submission has no \"files\"" },
        { "{\"files\":[]}", "\"files.\" has to be an object" },
        { "{\"files\":{\"a\":1}}", "\"files.a\" has to be a text" },
        { "{\"files\":{\"a\":\"\",\"b\":\"\"}}", "the submission does not say which file is \"main\"" },
        { "{\"files\":{\"a\":\"\"},\"main\":7}", "\"main\" has to be a text" },
        { "{\"files\":{\"a\":\"\"},\"set\":{\"x\":[]}}", "\"set.x\" has to be a text" },
        { "{\"files\":{\"a\":\"\"},\"parallelism\":0}", "\"parallelism\" has to be a number from 1 to 128" },
        { "{\"files\":{\"a\":\"\"},\"parallelism\":\"4\"}",
            "\"parallelism\" has to be a number from 1 to 128" },
        { "{\"files\":{\"a\":\"\"},\"allow_dropped_state\":1}",
            "\"allow_dropped_state\" has to be true or false" },
        { "{\"files\":{\"a\":\"\"},\"colour\":\"red\"}", "a submission has no \"colour\"" },
        { "{\"files\":{\"a\\u0000b\":\"x\\u0000\"}}", "has to be a text" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct clu_spec s;
        struct cep_err err = CEP_ERR_INIT;
        clu_spec_init(&s);
        assert_int_equal(clu_spec_read(&s, base_str_of(rows[i].json), &err), CEP_EINVAL);
        if (!strstr(err.message, rows[i].says))
            fail_msg("%s: %s", rows[i].json, err.message);
        clu_spec_release(&s);
    }
}

static void a_lone_file_is_main_and_gives_the_name(void **state) {
    struct clu_spec s;
    (void)state;
    clu_spec_init(&s);
    assert_int_equal(
        clu_spec_read(&s, base_str_of("{\"files\":{\"dir/card-testing.pattern\":\"\"}}"), NULL), CEP_OK);
    assert_string_equal(s.main, "dir/card-testing.pattern");
    assert_string_equal(s.name, "card-testing");
    clu_spec_release(&s);
    static const char *const names[][2] = { { "a.pattern", "a" }, { "/x/b", "b" }, { ".pattern", ".pattern" },
        { "x/.pattern", ".pattern" }, { "a.pattern.pattern", "a.pattern" } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *name = clu_name_of(names[i][0]);
        assert_string_equal(name, names[i][1]);
        base_free(name);
    }
}

static void put(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

#define STREAM "stream a (x int) from file (path = 'a.ndjson') format json processing time;\n"

static void files_come_with_what_they_include(void **state) {
    char dir[] = "/tmp/clu_spec_XXXXXX", cwd[4096];
    struct clu_spec s;
    struct cep_err err = CEP_ERR_INIT;
    struct dsl_diag diag;
    struct plan *plan = NULL;
    (void)state;
    assert_non_null(getcwd(cwd, sizeof cwd));
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("sub", 0755), 0);
    put("sub/main.pattern",
        "include 'parts.pattern';\ninclude 'none.pattern';\nsink a to stdout format json;\n");
    put("sub/parts.pattern", STREAM);
    clu_spec_init(&s);
    assert_int_equal(clu_spec_read_files(&s, "sub/main.pattern", &err), CEP_OK);
    assert_int_equal(s.n_files, 2);
    assert_string_equal(s.files[1].name, "sub/parts.pattern");
    assert_int_equal(s.missing.n, 1);
    assert_string_equal(s.missing.v[0].name, "sub/none.pattern");
    assert_string_equal(s.base_dir + strlen(s.base_dir) - 4, "/sub");
    assert_int_equal(s.base_dir[0], '/');
    /* On another machine: the mistake is the one that was made here. */
    assert_int_equal(chdir("/"), 0);
    dsl_diag_init(&diag);
    assert_int_not_equal(clu_spec_compile(&s, con_catalog(), &diag, &plan), CEP_OK);
    (void)dsl_diag_first(&diag, &err);
    assert_string_equal(err.message, "could not open file \"sub/none.pattern\": No such file or directory");
    dsl_diag_release(&diag);
    clu_spec_release(&s);
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(clu_spec_read_files(&s, "nothing.pattern", &err), CEP_EIO);
    assert_int_equal(s.n_files, 0);
    clu_spec_release(&s);
    assert_int_equal(unlink("sub/main.pattern") | unlink("sub/parts.pattern") | rmdir("sub"), 0);
    assert_int_equal(chdir(cwd), 0);
    assert_int_equal(rmdir(dir), 0);
}

static uint64_t hash_with(const char *set) {
    struct clu_spec s;
    struct dsl_diag diag;
    struct plan *plan = NULL;
    clu_spec_init(&s);
    dsl_diag_init(&diag);
    clu_spec_add_file(&s, "./a.pattern",
        BASE_STR("parameter n int = 3;\n" STREAM
                 "stream s as select x from a where x > n;\nsink s to stdout format json;\n"));
    s.main = "a.pattern";
    s.base_dir = "/";
    if (set)
        clu_pairs_add(&s.set, &s.arena, BASE_STR("n"), base_str_of(set));
    assert_int_equal(clu_spec_compile(&s, con_catalog(), &diag, &plan), CEP_OK);
    uint64_t h = clu_plan_hash(plan);
    plan_free(plan);
    dsl_diag_release(&diag);
    clu_spec_release(&s);
    return h;
}

static void plans_of_one_text_have_one_hash(void **state) {
    (void)state;
    assert_true(hash_with(NULL) == hash_with(NULL));
    assert_true(hash_with(NULL) == hash_with("3"));
    assert_true(hash_with(NULL) != hash_with("4"));
}

static void a_job_sets_what_is_a_jobs(void **state) {
    struct clu_spec s;
    struct clu_config base, config;
    struct base_arena a;
    struct cep_err err = CEP_ERR_INIT;
    (void)state;
    base_arena_init(&a, 0);
    clu_config_init(&base, &a);
    assert_int_equal(clu_config_set(&base, "batch.size", "128", "test", NULL), CEP_OK);
    clu_spec_init(&s);
    s.parallelism = 3;
    clu_pairs_add(&s.settings, &s.arena, BASE_STR("checkpoint.interval"), BASE_STR("1 s"));
    assert_int_equal(clu_spec_config(&s, &base, &a, &config, &err), CEP_OK);
    assert_string_equal(config.values[CLU_CFG_PARALLELISM], "3");
    assert_string_equal(config.values[CLU_CFG_CP_INTERVAL], "1 s");
    assert_string_equal(config.values[CLU_CFG_BATCH_SIZE], "128"); /* the coordinator's */
    static const char *const of_processes[] = { "http.address", "worker.slots", "security.token",
        "wire.compression", "heartbeat.timeout", "coordinator.address" };
    for (size_t i = 0; i < sizeof of_processes / sizeof *of_processes; i++) {
        s.settings.n = 0;
        clu_pairs_add(&s.settings, &s.arena, base_str_of(of_processes[i]), BASE_STR("x"));
        assert_int_equal(clu_spec_config(&s, &base, &a, &config, &err), CEP_EINVAL);
        assert_non_null(strstr(err.message, "is for a process of the cluster"));
    }
    s.settings.n = 0;
    clu_pairs_add(&s.settings, &s.arena, BASE_STR("batch.sise"), BASE_STR("1"));
    assert_int_equal(clu_spec_config(&s, &base, &a, &config, &err), CEP_EINVAL);
    assert_non_null(strstr(err.message, "unknown key \"batch.sise\""));
    clu_spec_release(&s);
    base_arena_release(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(mistakes_name_the_member),
        cmocka_unit_test(a_lone_file_is_main_and_gives_the_name),
        cmocka_unit_test(files_come_with_what_they_include),
        cmocka_unit_test(plans_of_one_text_have_one_hash),
        cmocka_unit_test(a_job_sets_what_is_a_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
