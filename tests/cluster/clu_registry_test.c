/* clu_registry_test -- the jobs that a coordinator which comes back finds; records as bytes. */
#include "tests/cluster/clu_kit.h"

#include "base/base_pack.h"
#include "cluster/clu_registry.h"

#include <stdlib.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static struct clu_record record(const char *id) {
    struct clu_record r = {
        .state = RT_STATE_RUNNING, .created_us = 5, .since_us = -7, .attempt = 300, .parallelism = 4
    };
    (void)snprintf(r.id, sizeof r.id, "%s", id);
    r.failure = base_strdup("a \"b\"");
    clu_record_add_worker(&r, "w1", "10.0.0.1:1");
    clu_record_add_worker(&r, "w2", "10.0.0.2:2");
    return r;
}

static void check(const struct clu_record *r) {
    assert_int_equal(r->state, RT_STATE_RUNNING);
    assert_int_equal(r->created_us, 5);
    assert_int_equal(r->since_us, -7);
    assert_int_equal(r->attempt, 300);
    assert_int_equal(r->parallelism, 4);
    assert_string_equal(r->failure, "a \"b\"");
    assert_null(r->savepoint);
    assert_int_equal(r->n_workers, 2);
    assert_string_equal(r->workers[1].address, "10.0.0.2:2");
}

static void records_as_bytes(void **state) {
    struct clu_record r = record(""), got = { .attempt = 0 };
    struct base_buf b = BASE_BUF_INIT;
    (void)state;
    clu_record_pack(&r, &b);
    assert_int_equal(clu_record_unpack(&got, base_buf_view(&b), NULL), CEP_OK);
    check(&got);
    clu_record_release(&got);
    for (size_t n = 0; n < b.len; n++) { /* cut off anywhere */
        got = (struct clu_record){ .attempt = 0 };
        assert_int_not_equal(clu_record_unpack(&got, (struct base_str){ b.p, n }, NULL), CEP_OK);
        clu_record_release(&got);
    }
    b.p[0] = 99;
    got = (struct clu_record){ .attempt = 0 };
    assert_int_equal(clu_record_unpack(&got, base_buf_view(&b), NULL), CEP_EVERSION);
    clu_record_release(&got);
    clu_record_no_workers(&r);
    assert_int_equal(r.n_workers, 0);
    clu_record_release(&r);
    base_buf_release(&b);
}

/* What the version before wrote, byte by byte: running, created 5, since -7, attempt 300, parallelism 4, a failure, no savepoint. */
static void records_of_version_1_are_read(void **state) {
    static const unsigned char bytes[] = { 1, RT_STATE_RUNNING, 10, 13, 0xac, 0x02, 4, 2, 'n', 'o', 0 };
    struct clu_record got = { .attempt = 0 };
    (void)state;
    assert_int_equal(
        clu_record_unpack(&got, (struct base_str){ (const char *)bytes, sizeof bytes }, NULL), CEP_OK);
    assert_int_equal(got.since_us, -7);
    assert_int_equal(got.attempt, 300);
    assert_string_equal(got.failure, "no");
    assert_int_equal(got.n_workers, 0);
    clu_record_release(&got);
}

struct seen {
    char ids[2 * CLU_ID + 1];
    char spec[64];
    int n;
};

static enum cep_rc on_record(void *arg, struct clu_record *r, struct base_str spec, struct cep_err *err) {
    struct seen *s = arg;
    (void)err;
    s->n++;
    assert_true(s->n <= 2);
    memcpy(s->ids + strlen(s->ids), r->id, sizeof r->id);
    (void)snprintf(s->spec, sizeof s->spec, "%.*s", BASE_STR_FMT(spec));
    check(r);
    clu_record_release(r);
    return CEP_OK;
}

static void jobs_survive_the_coordinator(void **state) {
    char dir[] = "/tmp/clu_registry_XXXXXX", cmd[64];
    struct clu_registry *r, *second;
    struct cep_err err = CEP_ERR_INIT;
    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(clu_registry_open(dir, &r, &err), CEP_OK);
    assert_int_equal(clu_registry_open(dir, &second, &err), CEP_ESTATE);
    struct clu_record a = record(A), b = record(B);
    assert_int_equal(clu_registry_put_spec(r, B, BASE_STR("{}"), &err), CEP_OK);
    assert_int_equal(clu_registry_put(r, &b, &err), CEP_OK);
    assert_int_equal(clu_registry_put(r, &a, &err), CEP_OK);
    assert_int_equal(clu_registry_put(r, &a, &err), CEP_OK);
    clu_registry_close(r);
    assert_int_equal(clu_registry_open(dir, &r, &err), CEP_OK);
    struct seen seen = { .n = 0 };
    assert_int_equal(clu_registry_each(r, on_record, &seen, &err), CEP_OK);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.ids, A B);
    assert_string_equal(seen.spec, "{}");
    assert_int_equal(clu_registry_remove(r, B, &err), CEP_OK);
    assert_int_equal(clu_registry_remove(r, B, &err), CEP_OK);
    seen = (struct seen){ .n = 0 };
    assert_int_equal(clu_registry_each(r, on_record, &seen, &err), CEP_OK);
    assert_string_equal(seen.ids, A);
    assert_string_equal(seen.spec, ""); /* it never had one */
    clu_registry_close(r);
    clu_record_release(&a);
    clu_record_release(&b);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    assert_int_equal(system(cmd), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_as_bytes),
        cmocka_unit_test(records_of_version_1_are_read),
        cmocka_unit_test(jobs_survive_the_coordinator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
