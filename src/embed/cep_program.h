#pragma once
/*
 * cep_program -- what is behind a struct cep_program.
 *
 * Internal to src/embed. Threads: read-only once made.
 */
#include "cep/cep.h"
#include "dsl/dsl_compile.h"

struct cep_program {
    struct plan *plan; /* owned; NULL: it has mistakes */
    struct dsl_diag diag;
    struct base_buf messages; /* NUL-terminated when it is not empty */
};
