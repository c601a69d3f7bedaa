/* dsl_parse: files and includes, words as names, places, limits. (What comes of the language: golden_test.) */
#include "tests/dsl/dsl_kit.h"

#include "dsl/dsl_token.h"

#include "base/base_buf.h"

#include <stdio.h>

static void keywords_are_found_in_any_case(void **state) {
    (void)state;
    int token, n = 0;
    bool reserved;
    const char *word, *before = "";
    for (size_t i = 0; (word = dsl_keyword_at(i, &token, &reserved)); i++, n++) {
        char upper[32];
        assert_true(strcmp(before, word) < 0);
        before = word;
        for (size_t k = 0; k <= strlen(word); k++)
            upper[k] = (char)(word[k] >= 'a' && word[k] <= 'z' ? word[k] - 'a' + 'A' : word[k]);
        assert_int_equal(dsl_keyword(base_str_of(word)), token);
        assert_int_equal(dsl_keyword(base_str_of(upper)), token);
        assert_string_equal(dsl_token_name(token), word);
    }
    assert_true(n > 100);
    assert_int_equal(dsl_keyword(BASE_STR("card")), 0);
    assert_int_equal(dsl_keyword(BASE_STR("a_word_longer_than_any_keyword")), 0);
}

/* The words that LANGUAGE.md keeps from being pattern variables. */
static bool no_variable(const char *word) {
    static const char *const words[] = { "define", "within", "after", "limit", "measures", "all",
        "consecutive", "combinations", "greedy", "until", "gap", "permute" };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], word) == 0)
            return true;
    return false;
}

static void free_words_are_names_everywhere(void **state) {
    (void)state;
    int token;
    bool reserved;
    const char *w;
    for (size_t i = 0; (w = dsl_keyword_at(i, &token, &reserved)); i++) {
        struct dsl_parsed p;
        struct base_buf b = BASE_BUF_INIT;
        if (reserved)
            continue;
        const char *var = no_variable(w) ? "v" : w;
        const char *column = strcmp(w, "array") == 0 ? "x" : w; /* array[...] is a literal */
        base_buf_printf(&b, "parameter %s int = 1;", w);
        base_buf_printf(&b,
            "stream %s (%s int, t timestamp) from %s (%s = 1) format %s event time %s watermark delay %s;", w,
            w, w, w, w, w, w);
        base_buf_printf(&b,
            "pattern %s from %s, x.%s partition by %s match %s -> c{2} d define %s as %s > 1 and c.%s = 2 ",
            w, w, w, column, var, var, column, w);
        base_buf_printf(&b, "within %s measures %s as %s, last(d.%s) as b;", w, column, w, w);
        base_buf_printf(
            &b, "alert %s on %s labels %s = %s by %s suppress for %s;", w, w, w, column, column, w);
        base_buf_printf(&b, "sink %s to %s format %s as %s;", w, w, w, w);
        base_buf_printf(&b, "stream s as select %s, %s as %s from %s as %s where %s > 1;", column, column, w,
            w, w, column);
        base_buf_printf(&b, "test 'x' given %s (1) expect %s (%s = 1);", w, w, w);
        dsl_test_parse(&p, base_buf_view(&b));
        assert_string_equal(dsl_test_said(&p), "");
        assert_int_equal(p.prog->n_stmts, 7);
        base_buf_release(&b);
        dsl_test_release(&p);
    }
}

static void reserved_words_are_names_in_quotes_and_behind_dots(void **state) {
    (void)state;
    struct dsl_parsed p;
    dsl_test_parse(&p, BASE_STR("pattern \"select\" from \"from\" match \"within\" -> \"all\""
                                " define \"within\" as x.select = \"case\" measures \"all\".where as a;"));
    assert_string_equal(dsl_test_said(&p), "");
    dsl_test_release(&p);
}

static void places_are_those_of_the_text(void **state) {
    (void)state;
    struct dsl_parsed p;
    dsl_test_parse(&p, BASE_STR("-- one\npattern p from s\n  match a -> b\n  define b as x\n    > 1;\n"));
    const struct dsl_stmt *s = p.prog->stmts[0];
    assert_int_equal(s->span.line, 2);
    assert_int_equal(s->span.col, 1);
    assert_int_equal(s->span.off, 7);
    assert_int_equal(s->span.end_line, 5);
    assert_int_equal(s->span.end_col, 9);
    assert_int_equal(s->name.span.col, 9);
    const struct dsl_expr *e = s->pattern.defines[0].expr;
    assert_int_equal(e->span.line, 4);
    assert_int_equal(e->span.col, 15);
    assert_int_equal(e->span.end_line, 5);
    assert_int_equal(e->span.end_col, 8);
    assert_int_equal(s->pattern.match->span.col, 9);
    assert_int_equal(s->pattern.match->chain.steps[1].join_span.col, 11);
    dsl_test_release(&p);
}

static void places_in_a_message_point_into_its_literal(void **state) {
    (void)state;
    struct dsl_parsed p;
    dsl_test_parse(&p, BASE_STR("alert a on p message 'it''s {x} {upper(''q'') || y}';"));
    const struct dsl_alert *a = &p.prog->stmts[0]->alert;
    assert_int_equal(a->n_parts, 4);
    assert_int_equal(a->parts[1].expr->span.col, 30);
    const struct dsl_expr *e = a->parts[3].expr;
    assert_int_equal(e->span.col, 34);
    assert_int_equal(e->binary.right->span.col, 50);
    assert_true(base_str_eq(e->binary.left->call.args[0]->lit.s, BASE_STR("q")));
    dsl_test_release(&p);
}

static void long_chains_are_flat(void **state) {
    (void)state;
    enum { N = 10000 };
    struct dsl_parsed p;
    struct base_buf b = BASE_BUF_INIT;
    base_buf_puts(&b, "pattern p from s match v0");
    for (int i = 1; i < N; i++)
        base_buf_printf(&b, " | v%d", i);
    base_buf_puts(&b, "; pattern q from s match v0");
    for (int i = 1; i < N; i++)
        base_buf_printf(&b, "%s v%d", i % 3 ? " ->" : "", i);
    base_buf_puts(&b, " define v0 as x = 0");
    for (int i = 1; i < N; i++)
        base_buf_printf(&b, " or x = %d", i);
    base_buf_puts(&b, ";");
    dsl_test_parse(&p, base_buf_view(&b));
    assert_string_equal(dsl_test_said(&p), "");
    assert_int_equal(p.prog->stmts[0]->pattern.match->list.n_items, N);
    assert_int_equal(p.prog->stmts[1]->pattern.match->chain.n_steps, N);
    assert_int_equal(p.prog->stmts[1]->pattern.defines[0].expr->logic.n_args, N);
    assert_true(p.prog->stmts[1]->pattern.defines[0].expr->depth < 5);
    base_buf_release(&b);
    dsl_test_release(&p);
}

/* Whatever is nested, it is refused at the limit, once, and the rest of the file is read. */
static void depth_is_limited(void **state) {
    (void)state;
    static const struct {
        const char *before, *again, *middle, *back, *after;
    } nests[] = {
        { "pattern p from s match a define a as ", "(", "x", ")", ";" },
        { "pattern p from s match a define a as ", "not ", "x", "", ";" },
        { "pattern p from s match a define a as ", "- ", "x", "", ";" },
        { "pattern p from s match a define a as ", "f(", "x", ")", ";" },
        { "pattern p from s match a define a as ", "case when ", "x", " then 1 end", ";" },
        { "pattern p from s match a define a as ", "x + ", "x", "", ";" },
        { "pattern p from s match a define a as x", ".y", "", "", ";" },
        { "pattern p from s match a define a as x", "[1]", "", "", ";" },
        { "pattern p from s match a define a as x", "::int", "", "", ";" },
        { "pattern p from s match ", "(", "x", ")?", ";" },
        { "pattern p from s match ", "all(y, ", "x", ")", ";" },
        { "stream t as select a from s where a in ", "(select a from s where b in ", "(1)", ")", ";" },
        { "stream t as select a from ", "(select a from ", "s", ") as t", ";" },
        { "parameter p ", "array(", "int", ")", " = [];" },
        { "parameter p int", " array", "", "", " = [];" },
        { "stream t as select a from s", " join s on a = b", "", "", ";" },
    };
    for (size_t i = 0; i < sizeof nests / sizeof nests[0]; i++)
        for (int times = 100; times <= 100000; times *= 1000) {
            struct dsl_parsed p;
            struct base_buf b = BASE_BUF_INIT;
            base_buf_puts(&b, nests[i].before);
            for (int k = 0; k < times; k++)
                base_buf_puts(&b, nests[i].again);
            base_buf_puts(&b, nests[i].middle);
            for (int k = 0; k < times; k++)
                base_buf_puts(&b, nests[i].back);
            base_buf_puts(&b, nests[i].after);
            base_buf_puts(&b, " sink s to stdout; sink s too stdout;");
            dsl_test_parse(&p, base_buf_view(&b));
            assert_int_equal(p.diag.n_errors, times == 100 ? 1 : 2);
            if (times > 100)
                assert_non_null(strstr(dsl_test_said(&p), "nested deeper than 400 levels"));
            assert_non_null(strstr(dsl_test_said(&p), "unexpected \"too\""));
            base_buf_release(&b);
            dsl_test_release(&p);
        }
}

static void a_file_that_is_too_long_is_refused(void **state) {
    (void)state;
    struct dsl_parsed p;
    struct base_buf b = BASE_BUF_INIT;
    memset(base_buf_reserve(&b, DSL_LIMIT_FILE_BYTES + 1), ' ', DSL_LIMIT_FILE_BYTES + 1);
    b.len = DSL_LIMIT_FILE_BYTES + 1;
    dsl_test_parse(&p, base_buf_view(&b));
    assert_string_equal(
        dsl_test_said(&p), "error: file \"t.pattern\" has 4194305 bytes, more than 4194304\n");
    base_buf_release(&b);
    dsl_test_release(&p);
}

static void broken_statements_keep_their_names(void **state) {
    (void)state;
    struct dsl_parsed p;
    dsl_test_parse(
        &p, BASE_STR("stream s (a int from file processing time;"
                     "pattern p from s match ->; alert a on p severity; parameter x int = ; table t as;"
                     "sink a too stdout; stream u as select from s; parameter ok int = 1;"));
    static const char *const names[] = { "s", "p", "a", "x", "t", "", "u", "ok" };
    assert_int_equal(p.prog->n_stmts, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_true(base_str_eq(p.prog->stmts[i]->name.text, base_str_of(names[i])));
        assert_int_equal(p.prog->stmts[i]->broken, i != 7);
    }
    dsl_test_release(&p);
}

static struct dsl_program *parse_texts(
    struct dsl_parsed *p, const struct dsl_text_file *files, size_t n, const char *main_file) {
    struct dsl_text_files texts = { files, n };
    struct dsl_reader reader = { dsl_read_texts, &texts };
    dsl_diag_init(&p->diag);
    base_arena_init(&p->arena, 0);
    base_buf_init(&p->out);
    p->prog = dsl_parse_file(main_file, &reader, &p->arena, &p->diag);
    return p->prog;
}

static void includes_are_relative_and_read_once(void **state) {
    (void)state;
    const struct dsl_text_file files[] = {
        { "main.pattern",
            BASE_STR("include 'lib/a.pattern'; parameter main int = 1; include 'lib/a.pattern';") },
        { "lib/a.pattern", BASE_STR("parameter a int = 1; include 'b.pattern';") },
        { "lib/b.pattern", BASE_STR("include 'a.pattern'; parameter b int = 1;") },
    };
    struct dsl_parsed p;
    parse_texts(&p, files, 3, "main.pattern");
    assert_string_equal(dsl_test_said(&p), "");
    const char *const names[] = { "", "a", "", "", "b", "main", "" };
    assert_int_equal(p.prog->n_stmts, 7);
    for (size_t i = 0; i < 7; i++)
        assert_true(base_str_eq(p.prog->stmts[i]->name.text, base_str_of(names[i])));
    assert_true(p.prog->stmts[0]->include.read);
    assert_false(p.prog->stmts[3]->include.read);
    assert_false(p.prog->stmts[6]->include.read);
    assert_int_equal(p.prog->stmts[4]->span.file, 2);
    dsl_test_release(&p);
}

static void a_missing_file_is_a_mistake_at_its_include(void **state) {
    (void)state;
    const struct dsl_text_file files[] = { { "main.pattern",
        BASE_STR("\ninclude 'nowhere.pattern';\nsink s too x;") } };
    struct dsl_parsed p;
    parse_texts(&p, files, 1, "main.pattern");
    assert_non_null(
        strstr(dsl_test_said(&p), "main.pattern:2:9: error: there is no file \"nowhere.pattern\""));
    assert_non_null(strstr(dsl_test_said(&p), "main.pattern:3:8: error: "));
    dsl_test_release(&p);
    parse_texts(&p, files, 1, "other.pattern");
    assert_string_equal(dsl_test_said(&p), "error: there is no file \"other.pattern\"\n");
    assert_int_equal(p.prog->n_stmts, 0);
    dsl_test_release(&p);
}

static void empty_files_are_programs(void **state) {
    (void)state;
    const struct base_str texts[] = { BASE_STR(""), BASE_STR("\n"), BASE_STR(";;"), BASE_STR("-- x"),
        BASE_STR("\xef\xbb\xbf/* x */"), { NULL, 0 } };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct dsl_parsed p;
        dsl_test_parse(&p, texts[i]);
        assert_string_equal(dsl_test_said(&p), "");
        assert_int_equal(p.prog->n_stmts, 0);
        dsl_test_release(&p);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords_are_found_in_any_case),
        cmocka_unit_test(free_words_are_names_everywhere),
        cmocka_unit_test(reserved_words_are_names_in_quotes_and_behind_dots),
        cmocka_unit_test(places_are_those_of_the_text),
        cmocka_unit_test(places_in_a_message_point_into_its_literal),
        cmocka_unit_test(long_chains_are_flat),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(a_file_that_is_too_long_is_refused),
        cmocka_unit_test(broken_statements_keep_their_names),
        cmocka_unit_test(includes_are_relative_and_read_once),
        cmocka_unit_test(a_missing_file_is_a_mistake_at_its_include),
        cmocka_unit_test(empty_files_are_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
