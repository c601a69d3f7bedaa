/*
 * doc_test -- the examples of the documentation: what stands between ```pattern and ``` parses, and is laid out as cepd fmt does it.
 */
#include "tests/dsl/dsl_kit.h"

#include "dsl/dsl_fmt.h"

#include <stdio.h>
#include <stdlib.h>

static void check(const char *file, struct base_str example, unsigned line) {
    struct dsl_diag diag;
    struct base_buf out = BASE_BUF_INIT, said = BASE_BUF_INIT;
    dsl_diag_init(&diag);
    if (!dsl_fmt_text(file, example, &diag, &out)) {
        dsl_diag_render(&diag, NULL, &said);
        fail_msg("%s: example in line %u:\n%s", file, line, base_buf_cstr(&said));
    }
    if (!base_str_eq(example, base_buf_view(&out)))
        fail_msg("%s: example in line %u is laid out otherwise:\n%s", file, line, base_buf_cstr(&out));
    base_buf_release(&out);
    base_buf_release(&said);
    dsl_diag_release(&diag);
}

/* Returns: how many examples there are. */
static size_t check_file(const char *file) {
    static const char open[] = "\n```pattern\n", close[] = "```";
    struct base_buf b = BASE_BUF_INIT;
    size_t n = 0, got;
    FILE *f = fopen(file, "rb");
    assert_non_null(f);
    while ((got = fread(base_buf_reserve(&b, 65536), 1, 65536, f)) > 0)
        b.len += got;
    fclose(f);
    const char *all = base_buf_cstr(&b), *p = all;
    while ((p = strstr(p, open))) {
        p += sizeof open - 1;
        const char *end = strstr(p, close);
        assert_non_null(end);
        unsigned line = 1;
        for (const char *c = all; c < p; c++)
            line += *c == '\n';
        check(file, (struct base_str){ p, (size_t)(end - p) }, line);
        n++;
        p = end;
    }
    base_buf_release(&b);
    return n;
}

static void examples_parse_and_are_laid_out(void **state) {
    (void)state;
    dsl_test_enter(".");
    assert_true(check_file("doc/language.md") >= 10);
    assert_true(check_file("dsl/README.md") >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(examples_parse_and_are_laid_out) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
