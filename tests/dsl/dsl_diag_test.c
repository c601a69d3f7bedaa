/* dsl_diag: places, order, repetition, notes, colour, the nearest name. */
#include "tests/dsl/dsl_kit.h"

static const char *shown(struct dsl_diag *d, const struct dsl_diag_show *opts, struct base_buf *out) {
    base_buf_clear(out);
    dsl_diag_render(d, opts, out);
    return base_buf_cstr(out);
}

static void items_are_sorted_and_said_once(void **state) {
    (void)state;
    struct dsl_diag d;
    struct base_buf b = BASE_BUF_INIT;
    dsl_diag_init(&d);
    assert_string_equal(shown(&d, NULL, &b), "");
    uint32_t f = dsl_diag_add_file(&d, "a.pattern", BASE_STR("one two\nthree"));
    dsl_diag_warning(&d, dsl_diag_span(&d, f, 8, 13), "third");
    dsl_diag_note_at(&d, dsl_diag_span(&d, f, 0, 3), "here");
    dsl_diag_error(&d, dsl_diag_span(&d, f, 4, 7), CEP_ENAME, "second");
    dsl_diag_note(&d, "its note");
    dsl_diag_error(&d, (struct cep_span){ 0 }, CEP_EIO, "nowhere");
    dsl_diag_error(&d, dsl_diag_span(&d, f, 4, 7), CEP_ENAME, "second");
    dsl_diag_error(&d, dsl_diag_span(&d, f, 0, 3), CEP_ENAME, "first");
    assert_string_equal(shown(&d, NULL, &b), "a.pattern:1:1: error: first\n"
                                             "    1 | one two\n"
                                             "      | ^~~\n"
                                             "a.pattern:1:5: error: second\n"
                                             "    1 | one two\n"
                                             "      |     ^~~\n"
                                             "note: its note\n"
                                             "a.pattern:2:1: warning: third\n"
                                             "    2 | three\n"
                                             "      | ^~~~~\n"
                                             "a.pattern:1:1: note: here\n"
                                             "    1 | one two\n"
                                             "      | ^~~\n"
                                             "error: nowhere\n");
    const struct dsl_diag_show few = { .max_errors = 1, .no_warnings = true };
    assert_string_equal(shown(&d, &few, &b), "a.pattern:1:1: error: first\n"
                                             "    1 | one two\n"
                                             "      | ^~~\n"
                                             "and 2 more errors\n");
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(dsl_diag_first(&d, &err), CEP_EIO); /* what has no place comes before every place */
    base_buf_release(&b);
    dsl_diag_release(&d);
}

static void underlines_stand_below_what_they_mean(void **state) {
    (void)state;
    struct dsl_diag d;
    struct base_buf b = BASE_BUF_INIT;
    dsl_diag_init(&d);
    uint32_t f = dsl_diag_add_file(&d, "a", BASE_STR("\ta\tbc = '\xc3\xa4\xe2\x82\xac' \xff x\r\n"));
    dsl_diag_error(&d, dsl_diag_span(&d, f, 3, 5), CEP_ENAME, "tabs");
    dsl_diag_error(&d, dsl_diag_span(&d, f, 8, 15), CEP_ENAME, "letters of several bytes");
    dsl_diag_error(&d, dsl_diag_span(&d, f, 18, 19), CEP_ENAME, "behind them \xff \x01");
    dsl_diag_error(&d, dsl_diag_span(&d, f, 21, 21), CEP_ENAME, "the end");
    assert_string_equal(shown(&d, NULL, &b), "a:1:4: error: tabs\n"
                                             "    1 |     a   bc = '\xc3\xa4\xe2\x82\xac' ? x\n"
                                             "      |         ^~\n"
                                             "a:1:9: error: letters of several bytes\n"
                                             "    1 |     a   bc = '\xc3\xa4\xe2\x82\xac' ? x\n"
                                             "      |              ^~~~\n"
                                             "a:1:19: error: behind them ? ?\n"
                                             "    1 |     a   bc = '\xc3\xa4\xe2\x82\xac' ? x\n"
                                             "      |                     ^\n"
                                             "a:2:1: error: the end\n"
                                             "    2 |\n"
                                             "      | ^\n");
    base_buf_release(&b);
    dsl_diag_release(&d);
}

static void colours_are_only_colours(void **state) {
    (void)state;
    struct dsl_diag d;
    struct base_buf b = BASE_BUF_INIT;
    dsl_diag_init(&d);
    uint32_t f = dsl_diag_add_file(&d, "a", BASE_STR("x"));
    dsl_diag_error(&d, dsl_diag_span(&d, f, 0, 1), CEP_ENAME, "no");
    const struct dsl_diag_show colour = { .colour = true };
    assert_string_equal(shown(&d, &colour, &b), "\033[1ma:1:1:\033[0m \033[1;31merror:\033[0m no\n"
                                                "    1 | x\n"
                                                "      | \033[1;32m^\033[0m\n");
    base_buf_release(&b);
    dsl_diag_release(&d);
}

static struct base_str nearest(const char *name, const char *const *candidates) {
    struct dsl_nearest n;
    dsl_nearest_init(&n, base_str_of(name));
    for (; *candidates; candidates++)
        dsl_nearest_try(&n, base_str_of(*candidates));
    return n.best;
}

static void the_nearest_name_is_near(void **state) {
    (void)state;
    const char *const columns[] = { "card", "amount", "country", "at", "id", NULL };
    assert_true(base_str_eq(nearest("amuont", columns), BASE_STR("amount")));
    assert_true(base_str_eq(nearest("Amount", columns), BASE_STR("amount")));
    assert_true(base_str_eq(nearest("cards", columns), BASE_STR("card")));
    assert_true(base_str_eq(nearest("ID", columns), BASE_STR("id")));
    assert_true(base_str_eq(nearest("ad", columns), BASE_STR("at")));
    assert_int_equal(nearest("xy", columns).len, 0);
    assert_int_equal(nearest("price", columns).len, 0);
    assert_int_equal(nearest("", columns).len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_sorted_and_said_once),
        cmocka_unit_test(underlines_stand_below_what_they_mean),
        cmocka_unit_test(colours_are_only_colours),
        cmocka_unit_test(the_nearest_name_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
