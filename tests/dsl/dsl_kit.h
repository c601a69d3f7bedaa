#pragma once
/* What the tests of dsl have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dsl/dsl_dump.h"
#include "dsl/dsl_parse.h"

/* Goes to a folder of the source tree. */
void dsl_test_enter(const char *folder);

/* A text, parsed. */
struct dsl_parsed {
    struct base_arena arena;
    struct dsl_diag diag;
    struct dsl_program *prog;
    struct base_buf out; /* of dsl_test_dump(), dsl_test_said() */
};
void dsl_test_parse(struct dsl_parsed *p, struct base_str text);
void dsl_test_release(struct dsl_parsed *p);
/* The dump; the messages. Valid until the next of them. */
const char *dsl_test_dump(struct dsl_parsed *p);
const char *dsl_test_said(struct dsl_parsed *p);
