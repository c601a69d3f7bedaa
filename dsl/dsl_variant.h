#pragma once
/*
 * dsl_variant -- the program once more, with the parameters of one test. For the passes of this folder.
 */
#include "dsl/dsl_sem.h"

/*
 * Requires: c has no errors so far. Mistakes that only these values make are reported to c->diag.
 * Returns: a plan without tests, the caller's; NULL after a mistake.
 */
struct plan *dsl_compile_variant(struct dsl_sem *c, const struct dsl_test *test);
