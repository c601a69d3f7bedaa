/* clu_job_test -- the REST calls of a job before there is one to look at: states, failures, cancel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cluster/clu_job.h"
#include "time/clk.h"

#include <stdio.h>
#include <string.h>

static const struct plan no_plan;

static struct clu_job *job_of(void) {
    static const struct clu_job_key keys[] = { { "batch.size", "64" } };
    return clu_job_new(&(struct clu_job_opts){ .name = "a \"b\"",
        .plan = &no_plan,
        .clk = clk_system(),
        .parallelism = 3,
        .keys = keys,
        .n_keys = 1 });
}

static enum cep_rc call(struct clu_job *j, enum clu_rest_op op, const char *id, struct base_buf *out) {
    struct clu_rest_args args = { .id = base_str_of(id), .sub = BASE_STR("0") };
    struct cep_err err = CEP_ERR_INIT;
    base_buf_clear(out);
    enum cep_rc rc = clu_job_call(j, op, &args, out, &err);
    if (rc != CEP_OK)
        base_buf_printf(out, "%s%s", err.message, err.retriable ? " (retriable)" : "");
    return rc;
}

static void has(struct clu_job *j, enum clu_rest_op op, const char *text) {
    struct base_buf out = BASE_BUF_INIT;
    (void)call(j, op, clu_job_id(j), &out);
    if (!strstr(base_buf_cstr(&out), text))
        fail_msg("not there: %s\nin: %s", text, base_buf_cstr(&out));
    base_buf_release(&out);
}

static void ids_differ(void **state) {
    (void)state;
    struct clu_job *a = job_of(), *b = job_of();
    assert_int_equal(strlen(clu_job_id(a)), CLU_JOB_ID);
    assert_int_equal(strspn(clu_job_id(a), "0123456789abcdef"), CLU_JOB_ID);
    assert_string_not_equal(clu_job_id(a), clu_job_id(b));
    clu_job_free(a);
    clu_job_free(b);
    clu_job_free(NULL);
}

static void before_there_is_a_job(void **state) {
    (void)state;
    struct clu_job *j = job_of();
    struct base_buf out = BASE_BUF_INIT;
    has(j, CLU_REST_JOBS, "\"status\":\"CREATED\"");
    has(j, CLU_REST_JOBS_OVERVIEW, "\"name\":\"a \\\"b\\\"\"");
    has(j, CLU_REST_OVERVIEW, "\"jobs-running\":1");
    has(j, CLU_REST_CONFIG, "\"user-config\":{\"batch.size\":\"64\"}");
    has(j, CLU_REST_CONFIG, "\"job-parallelism\":3");
    has(j, CLU_REST_METRICS, "state=\"created\"} 1.0");
    has(j, CLU_REST_JOB, "\"state\":\"CREATED\"");
    has(j, CLU_REST_JOB, "\"vertices\":[]}");
    clu_job_note(j, "waits for 3 slots");
    has(j, CLU_REST_JOB, "\"note\":\"waits for 3 slots\"");
    clu_job_note(j, NULL);
    has(j, CLU_REST_PLAN, "try again (retriable)");
    has(j, CLU_REST_VERTEX, "try again (retriable)");
    assert_int_equal(call(j, CLU_REST_JOB, "x", &out), CEP_ENAME);
    assert_int_equal(call(j, CLU_REST_CANCEL, "x", &out), CEP_ENAME);
    assert_false(clu_job_is_cancelled(j));
    assert_int_equal(call(j, CLU_REST_SUBMIT, "", &out), CEP_EUNSUPPORTED);
    assert_int_equal(call(j, CLU_REST_RESCALE, clu_job_id(j), &out), CEP_EUNSUPPORTED);
    has(j, CLU_REST_SAVEPOINT, "is created, try again (retriable)");
    has(j, CLU_REST_STOP, "is created, try again (retriable)");
    assert_int_equal(call(j, CLU_REST_SAVEPOINT_STATUS, clu_job_id(j), &out), CEP_ENAME);
    base_buf_release(&out);
    clu_job_free(j);
}

static void cancel(void **state) {
    (void)state;
    struct clu_job *j = job_of();
    struct base_buf out = BASE_BUF_INIT;
    assert_int_equal(call(j, CLU_REST_CANCEL, clu_job_id(j), &out), CEP_OK);
    assert_true(clu_job_is_cancelled(j));
    clu_job_state(j, RT_STATE_RUNNING);
    assert_int_equal(call(j, CLU_REST_CANCEL, clu_job_id(j), &out), CEP_OK);
    has(j, CLU_REST_JOBS, "CANCELLING");
    clu_job_state(j, RT_STATE_RUNNING); /* cannot follow */
    has(j, CLU_REST_JOBS, "CANCELLING");
    clu_job_state(j, RT_STATE_CANCELLED);
    has(j, CLU_REST_JOBS, "CANCELED");
    has(j, CLU_REST_OVERVIEW, "\"jobs-running\":0,\"jobs-finished\":0,\"jobs-cancelled\":1");
    assert_int_equal(call(j, CLU_REST_CANCEL, clu_job_id(j), &out), CEP_ESTATE);
    base_buf_release(&out);
    clu_job_free(j);
}

static void failures(void **state) {
    (void)state;
    struct clu_job *j = job_of();
    struct cep_err err = CEP_ERR_INIT;
    has(j, CLU_REST_EXCEPTIONS, "{\"root-exception\":null,");
    for (int i = 0; i < 20; i++) {
        snprintf(err.message, sizeof err.message, "no \"%d\"", i);
        clu_job_failed(j, &err);
    }
    has(j, CLU_REST_EXCEPTIONS, "{\"root-exception\":\"no \\\"19\\\"\",");
    has(j, CLU_REST_EXCEPTIONS, "{\"exceptionName\":\"no \\\"4\\\"\",");
    has(j, CLU_REST_EXCEPTIONS, "],\"truncated\":true}");
    struct base_buf out = BASE_BUF_INIT;
    assert_int_equal(call(j, CLU_REST_EXCEPTIONS, clu_job_id(j), &out), CEP_OK);
    assert_null(strstr(base_buf_cstr(&out), "no \\\"3\\\""));
    base_buf_release(&out);
    has(j, CLU_REST_METRICS, "cepd_failures_total 20.0\n");
    clu_job_free(j);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_differ),
        cmocka_unit_test(before_there_is_a_job),
        cmocka_unit_test(cancel),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
