/* dsl_kit -- see dsl_kit.h. */
#include "tests/dsl/dsl_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void dsl_test_enter(const char *folder) {
    const char *root = getenv("CEP_SRCDIR");
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", root ? root : ".", folder);
    assert_true(n > 0 && (size_t)n < sizeof path);
    assert_int_equal(chdir(path), 0);
}

void dsl_test_parse(struct dsl_parsed *p, struct base_str text) {
    dsl_diag_init(&p->diag);
    base_arena_init(&p->arena, 0);
    base_buf_init(&p->out);
    p->prog = dsl_parse_text("t.pattern", text, &p->arena, &p->diag);
    assert_non_null(p->prog);
}

void dsl_test_release(struct dsl_parsed *p) {
    base_buf_release(&p->out);
    base_arena_release(&p->arena);
    dsl_diag_release(&p->diag);
}

const char *dsl_test_dump(struct dsl_parsed *p) {
    base_buf_clear(&p->out);
    dsl_dump(p->prog, NULL, &p->out);
    return base_buf_cstr(&p->out);
}

const char *dsl_test_said(struct dsl_parsed *p) {
    base_buf_clear(&p->out);
    dsl_diag_render(&p->diag, NULL, &p->out);
    return base_buf_cstr(&p->out);
}
