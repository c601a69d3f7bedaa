/*
 * cmd_test -- `cepd test FILE...`: the test statements of each file.
 */
#include "cepd/cmd_compile.h"
#include "runtime/rt_test.h"

struct tally {
    size_t passed, failed;
};

static void run_one(
    const struct plan *plan, const struct plan_test *test, struct tally *t, struct base_buf *out) {
    struct rt_test_result result;
    struct cep_err err = CEP_ERR_INIT;
    enum cep_rc rc = rt_test_run(plan, test, &result, &err);
    if (rc == CEP_OK && result.passed) {
        t->passed++;
        base_buf_printf(out, "ok      %.*s\n", BASE_STR_FMT(test->name));
    } else {
        t->failed++;
        base_buf_printf(out, "FAILED  %.*s (line %u)\n", BASE_STR_FMT(test->name), test->span.line);
        if (rc != CEP_OK)
            base_buf_printf(out, "  %s\n", err.message);
        else
            base_buf_str(out, base_buf_view(&result.report));
    }
    base_buf_release(&result.report);
}

static int test_file(const struct cmd_args *args, const char *file, struct cmd_log *log, struct tally *t) {
    struct cmd_compiled c;
    struct cmd_args one = *args;
    one.operands = &file;
    one.n_operands = 1;
    int status = cmd_compile(&c, &one, log);
    struct base_buf out = BASE_BUF_INIT;
    if (status == CMD_DONE) {
        if (args->n_operands > 1)
            base_buf_printf(&out, "%s\n", file);
        for (uint32_t i = 0; i < c.plan->n_tests; i++)
            run_one(c.plan, &c.plan->tests[i], t, &out);
        status = cmd_print(stdout, &out);
    }
    base_buf_release(&out);
    cmd_compiled_release(&c);
    return status;
}

int cmd_test(const struct cmd_args *args) {
    struct cmd_log log;
    struct tally t = { 0, 0 };
    int status = CMD_DONE;
    cmd_log_init(&log, args);
    for (size_t i = 0; i < args->n_operands; i++) {
        int s = test_file(args, args->operands[i], &log, &t);
        if (s > status)
            status = s;
    }
    struct base_buf line = BASE_BUF_INIT;
    base_buf_printf(&line, "%zu passed, %zu failed\n", t.passed, t.failed);
    int s = cmd_print(stdout, &line);
    base_buf_release(&line);
    if (s != CMD_DONE)
        return s;
    return status != CMD_DONE ? status : t.failed > 0 ? CMD_MISTAKE : CMD_DONE;
}
