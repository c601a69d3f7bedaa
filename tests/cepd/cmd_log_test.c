/* cmd_log: levels, text and JSON, hints. Standard error is a file meanwhile. */
#include "cepd/cmd_log.h"

#include "base/base_err.h"
#include "tests/cepd/cmd_test_util.h"

#include <stdlib.h>
#include <unistd.h>

static char said[1024];

/* Runs fn with the log that these options ask for. Ensures: what it said is in `said`. */
static void say(int argc, char **argv, void (*fn)(struct cmd_log *log)) {
    struct cmd_args a;
    struct cmd_log log;
    FILE *f = tmpfile();
    assert_non_null(f);
    (void)fflush(stderr);
    int saved = dup(STDERR_FILENO);
    assert_true(saved >= 0 && dup2(fileno(f), STDERR_FILENO) >= 0);
    enum cep_rc rc = cmd_args_parse(&a, cmd_find("run"), argc, argv, NULL);
    cmd_log_init(&log, &a);
    fn(&log);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    assert_int_equal(close(saved), 0);
    assert_int_equal(rc, CEP_OK);
    rewind(f);
    said[fread(said, 1, sizeof said - 1, f)] = '\0';
    assert_int_equal(fclose(f), 0);
    cmd_args_release(&a);
}

static void each_level(struct cmd_log *log) {
    struct cep_err err = CEP_ERR_INIT;
    cmd_log_line(log, CON_LEVEL_INFO, "an info");
    cmd_log_printf(log, CON_LEVEL_WARNING, "a \"%s\"", "warning");
    (void)base_err_set(&err, CEP_EINVAL, "an error");
    base_err_hint(&err, "do that");
    cmd_log_err(log, &err);
    cmd_log_progress(log, "not on a file");
}

static void lines_for_a_person(void **state) {
    (void)state;
    say(1, ARGV("x"), each_level);
    assert_string_equal(
        said, "cepd: an info\ncepd: warning: a \"warning\"\ncepd: error: an error\ncepd: hint: do that\n");
    say(2, ARGV("x", "--log-level=error"), each_level);
    assert_string_equal(said, "cepd: error: an error\n");
    say(3, ARGV("x", "--log-level=error", "--color=always"), each_level);
    assert_string_equal(said, "cepd: \x1b[1;31merror:\x1b[0m an error\n");
}

static void lines_for_a_program(void **state) {
    (void)state;
    say(4, ARGV("x", "--log-level=warning", "--log-format=json", "--color=always"), each_level);
    assert_memory_equal(said, "{\"at\":\"", 7);
    assert_non_null(strstr(said, "\"level\":\"warning\",\"message\":\"a \\\"warning\\\"\"}\n"));
    assert_non_null(strstr(said, "\"level\":\"error\",\"message\":\"an error\"}\n"));
    assert_null(strchr(said, '\x1b'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_for_a_person),
        cmocka_unit_test(lines_for_a_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
