/* cmd_args: options of every spelling, operands, and what is said about those that do not fit. */
#include "cepd/cmd.h"

#include "tests/cepd/cmd_test_util.h"

static const struct cmd_option options[] = {
    { .name = "set", .arg = "NAME=VALUE", .many = true, .help = "" },
    { .name = "write", .letter = 'w', .help = "" },
    { .name = "depth", .letter = 'd', .arg = "N", .help = "" },
    { .name = "format", .arg = "text|json", .help = "" },
    { .name = NULL },
};
static const struct cmd_spec spec = {
    .name = "probe", .operands = "FILE", .options = options, .min_operands = 1, .max_operands = 2
};

static void option_values_stand_behind_a_sign_or_as_the_next_argument(void **state) {
    (void)state;
    struct cmd_args a;
    char *argv[] = { "--depth=3", "one", "--format", "json", "-w", "--set", "a=1", "--set=b=2", "two", NULL };
    assert_int_equal(cmd_args_parse(&a, &spec, ARGC(argv), argv, NULL), CEP_OK);
    assert_string_equal(cmd_args_get(&a, "depth"), "3");
    assert_string_equal(cmd_args_get(&a, "format"), "json");
    assert_string_equal(cmd_args_get(&a, "set"), "b=2");
    assert_true(cmd_args_has(&a, "write"));
    assert_false(cmd_args_has(&a, "help"));
    assert_int_equal(a.n_operands, 2);
    assert_string_equal(a.operands[0], "one");
    assert_string_equal(a.operands[1], "two");
    cmd_args_release(&a);
}

static void letters_take_their_value_with_or_without_a_blank(void **state) {
    (void)state;
    struct cmd_args a;
    char *near[] = { "-d7", "x", NULL }, *far[] = { "x", "-d", "7", NULL };
    assert_int_equal(cmd_args_parse(&a, &spec, ARGC(near), near, NULL), CEP_OK);
    assert_string_equal(cmd_args_get(&a, "depth"), "7");
    cmd_args_release(&a);
    assert_int_equal(cmd_args_parse(&a, &spec, ARGC(far), far, NULL), CEP_OK);
    assert_string_equal(cmd_args_get(&a, "depth"), "7");
    cmd_args_release(&a);
}

static void after_two_dashes_all_is_an_operand_and_so_is_one_dash(void **state) {
    (void)state;
    struct cmd_args a;
    char *argv[] = { "-", "--", "--write", NULL };
    assert_int_equal(cmd_args_parse(&a, &spec, ARGC(argv), argv, NULL), CEP_OK);
    assert_int_equal(a.n_operands, 2);
    assert_string_equal(a.operands[0], "-");
    assert_string_equal(a.operands[1], "--write");
    assert_false(cmd_args_has(&a, "write"));
    cmd_args_release(&a);
}

static void help_needs_no_operands(void **state) {
    (void)state;
    struct cmd_args a;
    char *argv[] = { "-h", NULL };
    assert_int_equal(cmd_args_parse(&a, &spec, ARGC(argv), argv, NULL), CEP_OK);
    assert_true(cmd_args_has(&a, "help"));
    cmd_args_release(&a);
}

/* Parses, and expects to be refused with these words. */
static void refused(int argc, char **argv, enum cep_rc rc, const char *message, const char *hint) {
    struct cmd_args a;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(cmd_args_parse(&a, &spec, argc, argv, &err), rc);
    assert_string_equal(err.message, message);
    assert_string_equal(err.hint, hint);
    cmd_args_release(&a);
}

static void what_does_not_fit_is_named(void **state) {
    (void)state;
    refused(1, ARGV("--wirte"), CEP_EINVAL, "unknown option \"--wirte\"",
        "did you mean \"--write\"? See cepd help probe");
    refused(
        1, ARGV("--utterly-other"), CEP_EINVAL, "unknown option \"--utterly-other\"", "see cepd help probe");
    refused(1, ARGV("-x"), CEP_EINVAL, "unknown option \"-x\"", "see cepd help probe");
    refused(1, ARGV("--depth"), CEP_EINVAL, "option \"--depth\" wants a value: N", "");
    refused(2, ARGV("x", "--write=yes"), CEP_EINVAL, "option \"--write\" takes no value", "");
    refused(3, ARGV("--depth=1", "--depth", "2"), CEP_EINVAL, "option \"--depth\" is given twice", "");
    refused(2, ARGV("--format", "yaml"), CEP_EINVAL, "option \"--format\" takes text|json, not \"yaml\"", "");
    refused(2, ARGV("--format", ""), CEP_EINVAL, "option \"--format\" takes text|json, not \"\"", "");
    refused(0, ARGV(NULL), CEP_EINVAL, "\"cepd probe\" wants FILE", "");
    refused(3, ARGV("a", "b", "c"), CEP_EINVAL, "\"cepd probe\" does not know what to do with \"c\"", "");
}

static void every_command_has_its_texts(void **state) {
    (void)state;
    const struct cmd_spec *s;
    for (size_t i = 0; (s = cmd_at(i)) != NULL; i++) {
        assert_ptr_equal(cmd_find(s->name), s);
        assert_true(s->group[0] && s->summary[0] && s->details[0]);
        assert_true(s->min_operands <= s->max_operands);
        for (const struct cmd_option *o = s->options; o && o->name; o++)
            assert_true(o->help && o->help[0]);
    }
    assert_null(cmd_find("rum"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(option_values_stand_behind_a_sign_or_as_the_next_argument),
        cmocka_unit_test(letters_take_their_value_with_or_without_a_blank),
        cmocka_unit_test(after_two_dashes_all_is_an_operand_and_so_is_one_dash),
        cmocka_unit_test(help_needs_no_operands),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(every_command_has_its_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
