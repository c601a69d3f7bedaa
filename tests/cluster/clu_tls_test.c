/* clu_tls_test -- what an address demands, tokens, and certificates that do not fit. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_tls.h"

static void an_open_address_wants_certificates_or_none_said(void **state) {
    static const struct {
        const char *address;
        bool open;
    } rows[] = {
        { "127.0.0.1:0", false },
        { "localhost:6123", false },
        { "[::1]:6123", false },
        { "127.9.9.9:1", false },
        { "0.0.0.0:6123", true },
        { "10.0.0.1:6123", true },
        { "[::]:6123", true },
    };
    const struct clu_security nothing = { .token = "t" }, none = { .none = true },
                              certs = { .cert = "c", .key = "k", .ca = "a" };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cep_err err = CEP_ERR_INIT;
        enum cep_rc rc = clu_security_check(&nothing, "coordinator.address", rows[i].address, &err);
        assert_int_equal(rc, rows[i].open ? CEP_EINVAL : CEP_OK);
        assert_true(!rows[i].open || (strstr(err.message, "coordinator.address") && err.hint[0]));
        assert_int_equal(clu_security_check(&none, "coordinator.address", rows[i].address, &err), CEP_OK);
        assert_int_equal(clu_security_check(&certs, "coordinator.address", rows[i].address, &err), CEP_OK);
    }
}

static void tokens(void **state) {
    (void)state;
    assert_true(clu_token_eq(NULL, ""));
    assert_true(clu_token_eq("", NULL));
    assert_true(clu_token_eq("abc", "abc"));
    assert_false(clu_token_eq("abc", "abd"));
    assert_false(clu_token_eq("abc", "ab"));
    assert_false(clu_token_eq("ab", "abc"));
    assert_false(clu_token_eq(NULL, "a"));
}

static void files_that_do_not_fit(void **state) {
    struct kit_certs c;
    struct clu_tls *tls = NULL;
    struct cep_err err = CEP_ERR_INIT;
    (void)state;
    kit_certs_make(&c);
    assert_int_equal(clu_tls_new(&(struct clu_security){ .token = "t" }, &tls, &err), CEP_OK);
    assert_null(tls); /* plain */
    assert_int_equal(clu_tls_new(&c.a, &tls, &err), CEP_OK);
    assert_non_null(tls);
    clu_tls_free(tls);
    struct clu_security s = c.a;
    s.key = NULL; /* all or none */
    assert_int_equal(clu_tls_new(&s, &tls, &err), CEP_EINVAL);
    s.key = c.b.key; /* of another certificate */
    assert_int_not_equal(clu_tls_new(&s, &tls, &err), CEP_OK);
    s = c.a;
    s.cert = "/nowhere/cert.pem";
    assert_int_not_equal(clu_tls_new(&s, &tls, &err), CEP_OK);
    assert_non_null(strstr(err.message, "/nowhere/cert.pem"));
    s = c.a;
    s.ca = c.a.key; /* no certificate at all */
    assert_int_not_equal(clu_tls_new(&s, &tls, &err), CEP_OK);
    clu_tls_free(NULL);
    kit_certs_remove(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_address_wants_certificates_or_none_said),
        cmocka_unit_test(tokens),
        cmocka_unit_test(files_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
