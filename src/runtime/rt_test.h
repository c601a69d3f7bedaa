#pragma once
/*
 * rt_test -- a pattern's own tests: rows in, watermark to the end of time, outputs compared.
 *
 * The operators are those of a job; sources are pushed by hand, outputs are listened to by probes, the clock is a manual
 * one. Nothing outside is opened.
 */
#include "plan/plan.h"

struct rt_test_result {
    bool passed;
    struct base_buf report; /* of a failure: lines for a person, expected and actual side by side; owned */
};

/*
 * Runs one test. Returns: CEP_OK when it ran (passed or not); else why it could not (a pattern's `or error`, ...).
 * Owns: the caller releases result->report.
 */
enum cep_rc rt_test_run(const struct plan *plan, const struct plan_test *test, struct rt_test_result *result,
    struct cep_err *err);
