/* base_err and base_check: messages, cutting, places; a failed check ends the process. */
#include "base/base_err.h"

#include "base/base_check.h"
#include "base/base_str.h"
#include "tests/base/base_test.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_fills_everything(void **state) {
    (void)state;
    struct cep_err err = CEP_ERR_INIT;
    err.span.line = 7;
    base_err_hint(&err, "old hint");
    assert_int_equal(base_err_set(&err, CEP_EIO, "could not open file \"%s\"", "a"), CEP_EIO);
    assert_int_equal(err.rc, CEP_EIO);
    assert_true(err.retriable);
    assert_false(err.fatal);
    assert_int_equal(err.span.line, 0);
    assert_string_equal(err.hint, "");
    assert_string_equal(err.message, "could not open file \"a\"");
    base_err_set(&err, CEP_ETYPE, "x");
    assert_false(err.retriable);
}

static void place_hint_and_prefix_are_added(void **state) {
    (void)state;
    struct cep_err err = CEP_ERR_INIT;
    struct cep_span span = { .line = 3, .col = 4 };
    assert_int_equal(base_err_at(&err, span, CEP_ENAME, "unknown column \"%s\"", "amuont"), CEP_ENAME);
    base_err_hint(&err, "did you mean \"%s\"?", "amount");
    base_err_prefix(&err, "pattern \"%s\"", "p");
    assert_string_equal(err.message, "pattern \"p\": unknown column \"amuont\"");
    assert_string_equal(err.hint, "did you mean \"amount\"?");
    assert_int_equal(err.span.line, 3);
    assert_int_equal(err.span.col, 4);
}

static void a_long_message_is_cut_between_characters(void **state) {
    (void)state;
    char text[2001];
    for (size_t shift = 0; shift < 2; shift++) {
        struct cep_err err = CEP_ERR_INIT;
        memset(text, 'a', shift);
        for (size_t i = shift; i + 1 < sizeof text - shift; i += 2)
            memcpy(text + i, "\xc3\xa4", 2);
        text[sizeof text - 1 - shift] = '\0';
        base_err_set(&err, CEP_EINVAL, "%s", text);
        size_t len = strlen(err.message);
        assert_in_range(len, sizeof err.message - 6, sizeof err.message - 1);
        assert_string_equal(err.message + len - 3, "...");
        assert_true(base_utf8_valid(base_str_of(err.message), NULL));
        base_err_prefix(&err, "a prefix");
        assert_true(strlen(err.message) < sizeof err.message);
        assert_memory_equal(err.message, "a prefix: ", 10);
        assert_true(base_utf8_valid(base_str_of(err.message), NULL));
        base_err_hint(&err, "%s", text);
        assert_true(strlen(err.hint) < sizeof err.hint);
    }
}

static void no_error_object_is_fine(void **state) {
    (void)state;
    assert_int_equal(base_err_set(NULL, CEP_ELIMIT, "%d", 1), CEP_ELIMIT);
    assert_int_equal(base_err_at(NULL, (struct cep_span){ 0 }, CEP_EIO, "x"), CEP_EIO);
    base_err_hint(NULL, "x");
    base_err_prefix(NULL, "x");
}

static void the_old_message_may_be_an_argument(void **state) {
    (void)state;
    struct cep_err err = CEP_ERR_INIT;
    base_err_set(&err, CEP_EIO, "inner");
    base_err_set(&err, CEP_EIO, "outer: %s", err.message);
    assert_string_equal(err.message, "outer: inner");
}

static void every_code_has_its_text(void **state) {
    (void)state;
    for (int rc = 0; rc < CEP_RC_MAX; rc++)
        assert_true(strlen(cep_rc_text((enum cep_rc)rc)) > 0);
    assert_string_equal(cep_rc_text(CEP_OK), "success");
    assert_string_equal(cep_rc_text((enum cep_rc)9999), "unknown code");
}

static void a_failed_check_aborts(void **state) {
    (void)state;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)!freopen("/dev/null", "w", stderr);
        signal(SIGABRT, SIG_DFL);
        CEP_INSIST(1 + 1 == 3);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    CEP_REQUIRE(1 + 1 == 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_fills_everything),
        cmocka_unit_test(place_hint_and_prefix_are_added),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(no_error_object_is_fine),
        cmocka_unit_test(the_old_message_may_be_an_argument),
        cmocka_unit_test(every_code_has_its_text),
        cmocka_unit_test(a_failed_check_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
