/* doc/functions.md names every function and operator, and every example in it is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "tests/expr/func_test_util.h"

#include <stdlib.h>

static char *read_doc(void) {
    const char *root = getenv("CEP_SRCDIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/doc/functions.md", root ? root : ".");
    FILE *f = fopen(path, "rb");
    if (!f)
        skip();
    char *text = calloc(1, 1 << 20);
    CEP_INSIST(text);
    size_t n = fread(text, 1, (1 << 20) - 1, f);
    fclose(f);
    CEP_INSIST(n > 0);
    return text;
}

/* As `name(` or, for operators, ` name ` within backquotes. */
static bool is_named(const char *doc, const struct expr_func *row) {
    size_t len = strlen(row->name);
    for (const char *p = doc; (p = strstr(p, row->name)); p++) {
        bool before = p == doc || !strchr("abcdefghijklmnopqrstuvwxyz_", p[-1]);
        bool after = p[len] == '(' || p[len] == '`' || p[len] == ' ';
        if (before && after)
            return true;
    }
    return false;
}

static void every_function_is_described(void **state) {
    (void)state;
    char *doc = read_doc();
    size_t missing = 0;
    const struct expr_func *row;
    for (uint32_t i = 0; (row = expr_func_at(i)); i++)
        if (!is_named(doc, row)) {
            missing++;
            printf("not in doc/functions.md: %s\n", row->name);
        }
    free(doc);
    assert_int_equal(missing, 0);
}

/* Examples stand in the last column of a table: `call` = `result`. */
static void every_example_is_right(void **state) {
    (void)state;
    char *doc = read_doc();
    size_t n = 0, bad = 0;
    for (char *line = strtok(doc, "\n"); line; line = strtok(NULL, "\n")) {
        char *mid = strstr(line, "` = `");
        if (line[0] != '|' || !mid)
            continue;
        *mid = '\0';
        char *call = strrchr(line, '`'), *want = mid + 5, *end = strchr(want, '`');
        CEP_INSIST(call && end);
        *end = '\0';
        struct base_arena a;
        base_arena_init(&a, 0);
        const char *got = func_text(&a, call + 1, false);
        n++;
        if (strcmp(got, want) != 0) {
            bad++;
            printf("%s\n  doc says %s\n  it is    %s\n", call + 1, want, got);
        }
        base_arena_release(&a);
    }
    free(doc);
    assert_true(n > 80);
    assert_int_equal(bad, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_function_is_described),
        cmocka_unit_test(every_example_is_right),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
