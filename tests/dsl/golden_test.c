/*
 * golden_test -- what the front end writes, word for word.
 *
 * X.pattern in one of the folders below tests/dsl, and beside it what comes of it:
 *     mistakes/syntax  X.err  what the parser says about the mistakes in it
 *     trees            X.ast  its AST
 *     layouts          X.fmt  it, formatted; also: formatting that again changes nothing, and the AST stays the same
 * A new pair of files is a new test; a new row in `kinds` a new kind of test. CEP_UPDATE=1 writes the second files anew: read the
 * difference before committing it.
 */
#include "tests/dsl/dsl_kit.h"

#include "dsl/dsl_fmt.h"

#include "base/base_mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void slurp(const char *path, struct base_buf *out) {
    FILE *f = fopen(path, "rb");
    size_t n;
    assert_non_null(f);
    while ((n = fread(base_buf_reserve(out, 4096), 1, 4096, f)) > 0)
        out->len += n;
    fclose(f);
    (void)base_buf_cstr(out);
}

static void spit(const char *path, const struct base_buf *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text->p ? text->p : "", 1, text->len, f), text->len);
    assert_int_equal(fclose(f), 0);
}

static void mistakes(const char *path, struct base_buf *out) {
    struct base_arena arena;
    struct dsl_diag diag;
    dsl_diag_init(&diag);
    base_arena_init(&arena, 0);
    (void)dsl_parse_file(path, NULL, &arena, &diag);
    dsl_diag_render(&diag, NULL, out);
    base_arena_release(&arena);
    dsl_diag_release(&diag);
}

static void tree_of(struct base_str text, struct base_buf *out) {
    struct dsl_parsed p;
    dsl_test_parse(&p, text);
    assert_string_equal(dsl_test_said(&p), "");
    base_buf_puts(out, dsl_test_dump(&p));
    dsl_test_release(&p);
}

static void tree(const char *path, struct base_buf *out) {
    struct base_buf text = BASE_BUF_INIT;
    slurp(path, &text);
    tree_of(base_buf_view(&text), out);
    base_buf_release(&text);
}

static void layout(const char *path, struct base_buf *out) {
    struct base_buf text = BASE_BUF_INIT, twice = BASE_BUF_INIT, before = BASE_BUF_INIT,
                    after = BASE_BUF_INIT;
    struct dsl_diag diag;
    dsl_diag_init(&diag);
    slurp(path, &text);
    assert_true(dsl_fmt_text(path, base_buf_view(&text), &diag, out));
    assert_true(dsl_fmt_text(path, base_buf_view(out), &diag, &twice));
    assert_string_equal(base_buf_cstr(&twice), base_buf_cstr(out));
    tree_of(base_buf_view(&text), &before);
    tree_of(base_buf_view(out), &after);
    assert_string_equal(base_buf_cstr(&after), base_buf_cstr(&before));
    base_buf_release(&text);
    base_buf_release(&twice);
    base_buf_release(&before);
    base_buf_release(&after);
    dsl_diag_release(&diag);
}

/* How one kind of pair is made; path is X.pattern, in the current folder. */
static const struct kind {
    const char *folder, *extension;
    void (*run)(const char *path, struct base_buf *out);
} kinds[] = {
    { "mistakes/syntax", "err", mistakes },
    { "trees", "ast", tree },
    { "layouts", "fmt", layout },
};

struct pair {
    const struct kind *kind;
    char name[256]; /* X.pattern */
};

static void is_as_written_down(void **state) {
    const struct pair *p = *state;
    struct base_buf got = BASE_BUF_INIT, want = BASE_BUF_INIT;
    char other[300];
    dsl_test_enter("tests/dsl");
    assert_int_equal(chdir(p->kind->folder), 0); /* so that messages name the file alone */
    p->kind->run(p->name, &got);
    snprintf(other, sizeof other, "%.*s.%s", (int)(strlen(p->name) - strlen(".pattern")), p->name,
        p->kind->extension);
    if (getenv("CEP_UPDATE"))
        spit(other, &got);
    slurp(other, &want);
    assert_string_equal(base_buf_cstr(&got), base_buf_cstr(&want));
    base_buf_release(&got);
    base_buf_release(&want);
}

static int is_pattern(const struct dirent *d) {
    size_t len = strlen(d->d_name);
    return len > 8 && strcmp(d->d_name + len - 8, ".pattern") == 0;
}

int main(void) {
    struct pair *pairs = NULL;
    size_t n = 0, cap = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct dirent **entries;
        dsl_test_enter("tests/dsl");
        int n_entries = scandir(kinds[k].folder, &entries, is_pattern, alphasort);
        for (int i = 0; i < n_entries; i++) {
            pairs = base_grow(pairs, n, &cap, sizeof *pairs);
            pairs[n].kind = &kinds[k];
            snprintf(pairs[n++].name, sizeof pairs->name, "%s", entries[i]->d_name);
            free(entries[i]);
        }
        if (n_entries >= 0)
            free(entries);
    }
    struct CMUnitTest *tests = base_calloc(n + 1, sizeof *tests);
    for (size_t i = 0; i < n; i++)
        tests[i] = (struct CMUnitTest){
            .name = pairs[i].name, .test_func = is_as_written_down, .initial_state = &pairs[i]
        };
    int failed = n == 0 ? 1 : _cmocka_run_group_tests("golden", tests, n, NULL, NULL);
    base_free(tests);
    base_free(pairs);
    return failed;
}
