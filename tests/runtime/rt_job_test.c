/* rt_job: files in, files out; a stop; buffers that are full because a partition is silent. */
#include "runtime/rt_job.h"

#include "tests/runtime/rt_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char dir[64];
    struct dsl_diag diag;
    struct plan *plan;
    struct rt_job *job;
};

static void path_of(const struct fixture *f, const char *name, char *out, size_t cap) {
    assert_true(snprintf(out, cap, "%s/%s", f->dir, name) < (int)cap);
}

static void write_file(const struct fixture *f, const char *name, const char *text) {
    char path[128];
    path_of(f, name, path, sizeof path);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void file_is(const struct fixture *f, const char *name, const char *text) {
    char path[128], got[1024];
    path_of(f, name, path, sizeof path);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    got[fread(got, 1, sizeof got - 1, in)] = '\0';
    assert_int_equal(fclose(in), 0);
    assert_string_equal(got, text);
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/rt-job-XXXXXX");
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

static int tear_down(void **state) {
    static const char *const names[] = { "a.ndjson", "b.ndjson", "out.csv" };
    struct fixture *f = *state;
    rt_job_free(f->job);
    plan_free(f->plan);
    dsl_diag_release(&f->diag);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        path_of(f, names[i], path, sizeof path);
        (void)unlink(path);
    }
    int rc = rmdir(f->dir);
    free(f);
    return rc;
}

static enum cep_rc open_job(struct fixture *f, const char *text, struct rt_opts *opts, struct cep_err *err) {
    f->plan = rt_kit_compile(&f->diag, text);
    opts->base_dir = f->dir;
    return rt_job_new(f->plan, opts, &f->job, err);
}

#define STREAM(name, more)                                                              \
    "stream " name " (k string, at timestamp) from file (path = '" name ".ndjson'" more \
    ") format json event time at watermark ascending;"

static void sources_are_read_to_their_ends(void **state) {
    struct fixture *f = *state;
    struct rt_opts opts;
    struct rt_totals t;
    rt_opts_init(&opts);
    write_file(f, "a.ndjson",
        "{\"k\":\"x\",\"at\":\"2026-01-01T10:00:00Z\"}\nnonsense\n{\"k\":\"y\",\"at\":\"2026-01-01T10:00:"
        "02Z\"}\n");
    write_file(f, "b.ndjson", "{\"k\":\"z\",\"at\":\"2026-01-01T10:00:01Z\"}\n");
    assert_int_equal(open_job(f,
                         STREAM("a", "") STREAM("b", "") "pattern p from a, b match m -> n define m as a, n "
                                                         "as b measures m.k as first, n.k as then;"
                                                         "sink p to file (path = 'out.csv') format csv;",
                         &opts, NULL),
        CEP_OK);
    assert_int_equal(rt_job_run(f->job, NULL), CEP_OK);
    rt_job_totals(f->job, &t);
    assert_int_equal(t.events, 3);
    assert_int_equal(t.matches, 1);
    assert_int_equal(t.errors, 1);
    assert_int_equal(t.watermark, EVT_TIME_MAX);
    file_is(f, "out.csv", "first,then\nx,z\n");
}

static void a_source_that_is_not_there_is_named(void **state) {
    struct fixture *f = *state;
    struct rt_opts opts;
    struct cep_err err = CEP_ERR_INIT;
    rt_opts_init(&opts);
    assert_int_not_equal(open_job(f, STREAM("a", "") "sink a to stdout format json;", &opts, &err), CEP_OK);
    assert_non_null(strstr(err.message, "stream \"a\""));
}

static void stop_soon(void *arg, struct rt_job *job) {
    (void)arg;
    rt_job_stop(job);
}

static void a_stop_ends_it_with_sinks_drained(void **state) {
    struct fixture *f = *state;
    struct rt_opts opts;
    rt_opts_init(&opts);
    opts.progress = stop_soon;
    opts.progress_every_us = 50 * 1000;
    write_file(f, "a.ndjson", "{\"k\":\"x\",\"at\":\"2026-01-01T10:00:00Z\"}\n");
    assert_int_equal(
        open_job(
            f, STREAM("a", ", follow = true") "sink a to file (path = 'out.csv') format csv;", &opts, NULL),
        CEP_OK);
    assert_int_equal(rt_job_run(f->job, NULL), CEP_EINTERRUPTED);
    file_is(f, "out.csv", "k,at\nx,2026-01-01T10:00:00Z\n");
}

static void a_silent_source_with_a_full_buffer_fails_the_job_by_name(void **state) {
    struct fixture *f = *state;
    struct rt_opts opts;
    struct cep_err err = CEP_ERR_INIT;
    rt_opts_init(&opts);
    opts.max_buffered = 1;
    opts.held_patience_us = 50 * 1000;
    write_file(f, "a.ndjson",
        "{\"k\":\"x\",\"at\":\"2026-01-01T10:00:00Z\"}\n{\"k\":\"y\",\"at\":\"2026-01-01T10:00:02Z\"}\n");
    write_file(f, "b.ndjson", "");
    assert_int_equal(
        open_job(f,
            STREAM("a", "") STREAM("b", ", follow = true") "pattern p from a, b match m n define m as a, n "
                                                           "as b within 1 h measures m.k as first;"
                                                           "sink p to file (path = 'out.csv') format csv;",
            &opts, NULL),
        CEP_OK);
    assert_int_equal(rt_job_run(f->job, &err), CEP_ELIMIT);
    assert_non_null(strstr(err.message, "stream \"b\""));
    assert_non_null(strstr(err.message, "b.ndjson"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sources_are_read_to_their_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_source_that_is_not_there_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stop_ends_it_with_sinks_drained, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_silent_source_with_a_full_buffer_fails_the_job_by_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
