/* clu_dispatcher_test -- the REST calls of a coordinator without workers: submissions, their mistakes, jobs that wait, are cancelled, and are
 * known to the next coordinator. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_dispatcher.h"
#include "event/evt_type.h"

#include <stdlib.h>

struct fix {
    char dir[64];
    struct base_arena arena;
    struct clu_config config;
    struct clu_masters all;
    struct clu_dispatcher *d;
    struct base_buf out;
    struct cep_err err;
};

static void on_log(void *arg, enum con_level level, const char *text) {
    (void)arg, (void)level, (void)text;
}

static void begin(struct fix *f) {
    f->all = (struct clu_masters){
        .resources = clu_resources_new(), .config = &f->config, .state_dir = f->dir, .log = on_log
    };
    assert_int_equal(clu_registry_open(f->dir, &f->all.registry, NULL), CEP_OK);
    assert_int_equal(clu_dispatcher_new(&f->all, &f->d, NULL), CEP_OK);
}

static void end(struct fix *f) {
    clu_dispatcher_stop(f->d);
    clu_dispatcher_free(f->d);
    clu_resources_free(f->all.resources);
    clu_registry_close(f->all.registry);
}

static int set_up(void **state) {
    struct fix *f = base_calloc(1, sizeof *f);
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/clu_dispatcher_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    base_arena_init(&f->arena, 0);
    clu_config_init(&f->config, &f->arena);
    begin(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fix *f = *state;
    char cmd[96];
    end(f);
    base_buf_release(&f->out);
    base_arena_release(&f->arena);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", f->dir);
    assert_int_equal(system(cmd), 0);
    base_free(f);
    return 0;
}

static enum cep_rc call(struct fix *f, enum clu_rest_op op, const char *id, const char *body) {
    struct clu_rest_args args = {
        .id = base_str_of(id), .sub = BASE_STR(""), .body = base_str_of(body), .query = BASE_STR("")
    };
    f->err = (struct cep_err)CEP_ERR_INIT;
    base_buf_clear(&f->out);
    return clu_dispatcher_call(f->d, op, &args, &f->out, &f->err);
}

static void has(struct fix *f, const char *text) {
    if (!strstr(base_buf_cstr(&f->out), text))
        fail_msg("not there: %s\nin: %s", text, base_buf_cstr(&f->out));
}

/* A submission of one file. */
static enum cep_rc submit(struct fix *f, const char *text, const char *more) {
    struct base_buf body = BASE_BUF_INIT;
    base_buf_puts(&body, "{\"files\":{\"a.pattern\":");
    evt_json_write_str(&body, base_str_of(text));
    base_buf_printf(&body, "},\"base_dir\":\"/\"%s}", more);
    enum cep_rc rc = call(f, CLU_REST_SUBMIT, "", base_buf_cstr(&body));
    base_buf_release(&body);
    return rc;
}

#define STREAM "stream a (x int) from file (path = 'a.ndjson') format json processing time;\n"
#define GOOD   STREAM "sink a to stdout format json;\n"

static const char *job_of(struct fix *f, char id[CLU_ID + 1]) {
    const char *at = strstr(base_buf_cstr(&f->out), "\"jobid\":\"");
    assert_non_null(at);
    (void)snprintf(id, CLU_ID + 1, "%s", at + strlen("\"jobid\":\""));
    return id;
}

static bool job_is(struct fix *f, const char *id, const char *state) {
    char text[64];
    (void)snprintf(text, sizeof text, "\"state\":\"%s\"", state);
    return call(f, CLU_REST_JOB, id, "") == CEP_OK && strstr(base_buf_cstr(&f->out), text);
}

static void mistakes_make_no_job(void **state) {
    struct fix *f = *state;
    assert_int_equal(call(f, CLU_REST_SUBMIT, "", "{}"), CEP_EINVAL);
    assert_string_equal(f->err.message, "the submission has no \"files\"");
    assert_int_equal(submit(f, STREAM "sink b to stdout format json;\n", ""), CEP_EINVAL);
    has(f, "{\"errors\":[\"unknown stream, pattern or alert "
           "\\\"b\\\"\"],\"diagnostics\":\"a.pattern:2:6: error: unknown stream,");
    assert_int_equal(submit(f, STREAM, ""), CEP_EINVAL);
    has(f, "{\"errors\":[\"there is nothing to run: no sink and no alert in "
           "\\\"a.pattern\\\"\"],\"warnings\":\"a.pattern:1:8: warning: ");
    assert_int_equal(submit(f, GOOD, ",\"settings\":{\"http.address\":\"x\"}"), CEP_EINVAL);
    assert_non_null(strstr(f->err.message, "is for a process of the cluster"));
    assert_int_equal(submit(f, GOOD, ",\"settings\":{\"checkpoint.interval\":\"soon\"}"), CEP_EINVAL);
    assert_int_equal(submit(f, GOOD, ",\"restore\":\"/nowhere\""), CEP_EINVAL);
    assert_string_equal(f->err.message, "there is no checkpoint or savepoint in \"/nowhere\"");
    assert_int_equal(call(f, CLU_REST_JOBS, "", ""), CEP_OK);
    assert_string_equal(base_buf_cstr(&f->out), "{\"jobs\":[]}\n");
}

static void a_job_without_workers_waits_and_says_so(void **state) {
    struct fix *f = *state;
    char id[CLU_ID + 1];
    assert_int_equal(submit(f, GOOD, ",\"parallelism\":2,\"name\":\"n\""), CEP_OK);
    job_of(f, id);
    KIT_WAIT(job_is(f, id, "CREATED") &&
             strstr(base_buf_cstr(&f->out), "\"note\":\"waits for 2 slots, 0 are free\""));
    assert_int_equal(call(f, CLU_REST_JOBS_OVERVIEW, "", ""), CEP_OK);
    has(f, "\"name\":\"n\"");
    has(f, "\"failures\":0");
    has(f, "\"note\":\"waits for 2 slots, 0 are free\"");
    assert_int_equal(call(f, CLU_REST_OVERVIEW, "", ""), CEP_OK);
    has(f, "\"taskmanagers\":0,\"slots-total\":0,\"slots-available\":0,\"jobs-running\":1");
    assert_int_equal(call(f, CLU_REST_METRICS, "", ""), CEP_OK);
    has(f, "cepd_cluster_jobs 1.0\n");
    assert_int_equal(call(f, CLU_REST_CANCEL, id, ""), CEP_OK);
    KIT_WAIT(job_is(f, id, "CANCELED"));
    assert_int_not_equal(call(f, CLU_REST_CANCEL, id, ""), CEP_OK);
    assert_int_equal(call(f, CLU_REST_RESCALE, id, ""), CEP_EINVAL);
    assert_string_equal(f->err.message, "\"parallelism\" is missing");
}

static void a_job_that_is_not_there(void **state) {
    struct fix *f = *state;
    static const enum clu_rest_op ops[] = { CLU_REST_JOB, CLU_REST_CANCEL, CLU_REST_PLAN, CLU_REST_VERTEX,
        CLU_REST_CHECKPOINTS, CLU_REST_EXCEPTIONS, CLU_REST_CONFIG, CLU_REST_SAVEPOINT,
        CLU_REST_SAVEPOINT_STATUS, CLU_REST_STOP, CLU_REST_RESCALE };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        assert_int_equal(call(f, ops[i], "7", ""), CEP_ENAME);
        assert_string_equal(f->err.message, "there is no job \"7\"");
    }
}

static void the_next_coordinator_knows_them(void **state) {
    struct fix *f = *state;
    char waits[CLU_ID + 1], over[CLU_ID + 1];
    assert_int_equal(submit(f, GOOD, ",\"name\":\"waits\""), CEP_OK);
    job_of(f, waits);
    assert_int_equal(submit(f, GOOD, ",\"name\":\"over\""), CEP_OK);
    job_of(f, over);
    assert_int_equal(call(f, CLU_REST_CANCEL, over, ""), CEP_OK);
    KIT_WAIT(job_is(f, over, "CANCELED"));
    end(f);
    begin(f);
    assert_true(job_is(f, over, "CANCELED"));
    KIT_WAIT(job_is(f, waits, "CREATED") && strstr(base_buf_cstr(&f->out), "waits for 1 slot"));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(mistakes_make_no_job),
        TEST(a_job_without_workers_waits_and_says_so),
        TEST(a_job_that_is_not_there),
        TEST(the_next_coordinator_knows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
