/* like, similar to and regular expressions; patterns that are wrong, and patterns that would never end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "tests/expr/func_test_util.h"

#include <time.h>

static void like_has_two_wildcards(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "'hello' like 'hello'", "true" },
        { "'hello' like 'Hello'", "false" },
        { "'hello' like 'he%'", "true" },
        { "'hello' like '%lo'", "true" },
        { "'lo' like '%hello'", "false" },
        { "'hello' like '%ell%'", "true" },
        { "'hello' like '%'", "true" },
        { "'' like '%'", "true" },
        { "'' like ''", "true" },
        { "'' like '_'", "false" },
        { "'€' like '_'", "true" },
        { "'h€llo' like 'h_llo'", "true" },
        { "'hello' like 'h%l_'", "true" },
        { "'hello' like '%%l%%o%%'", "true" },
        { "'aXbXc' like '%X%X%'", "true" },
        { "'aXbc' like '%X%X%'", "false" },
        { "'mississippi' like '%iss%ip%'", "true" },
        { "'mississippi' like 'm%iss_ppi'", "true" },
        { "'100%' like '100\\%'", "true" },
        { "'1000' like '100\\%'", "false" },
        { "'100%' like '100!%' escape '!'", "true" },
        { "'a\\b' like 'a\\b' escape ''", "true" },
        { "'a_b' like 'a!_b' escape '!'", "true" },
        { "'axb' like 'a!_b' escape '!'", "false" },
        { "'a\nb' like 'a%b'", "true" },
        { "null like '%'", "null" },
        { "'a' like null", "null" },
        { "'a' like 'a\\'", "error: the pattern of like ends with its escape" },
        { "'a' like 'a' escape 'xy'", "error: the escape of like is not one character" },
        { "'HÄLLO' ilike 'hä%'", "true" },
        { "'straße' ilike 'STRA_E'", "true" },
        { "'HELLO' ilike '%ELL_'", "true" },
        { "'hello' ilike 'help'", "false" },
        { "1 like 'a'", "error: operator \"like\" cannot take (int, string)" },
    };
    FUNC_CASES(cases);
}

static void similar_to_matches_the_whole(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "'abc' similar to 'abc'", "true" },
        { "'abc' similar to 'b'", "false" },
        { "'abc' similar to '%(b|d)%'", "true" },
        { "'abc' similar to '(b|c)%'", "false" },
        { "'aaa' similar to 'a{3}'", "true" },
        { "'a.c' similar to 'a.c'", "true" },
        { "'abc' similar to 'a.c'", "false" },
        { "'$5' similar to '$5'", "true" },
        { "'12ab' similar to '[0-9]+[[:alpha:]]+'", "true" },
        { "'x' similar to '[^a-c]'", "true" },
        { "'b' similar to '[^a-c]'", "false" },
        { "'a|b' similar to 'a\\|b'", "true" },
        { "'a%' similar to 'a!%' escape '!'", "true" },
        { "'ab' similar to 'a!%' escape '!'", "false" },
        { "'a|ab' similar to 'a|a'", "false" },
        { "'é' similar to '_'", "true" },
        { "'a' similar to '(a'",
            "error: pattern \"(a\" of similar to is wrong: missing closing parenthesis" },
        { "'a' similar to '(?i)a'", "error: the pattern of similar to has a quantifier after \"(\"" },
        { "null similar to 'a'", "null" },
    };
    FUNC_CASES(cases);
}

static void searching(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "regexp_like('user 42 failed', '[0-9]+ failed$')", "true" },
        { "regexp_like('abc', '^b')", "false" },
        { "regexp_like('ABC', 'b')", "false" },
        { "regexp_like('ABC', 'b', 'i')", "true" },
        { "regexp_like('a\nb', '^b', 'm')", "true" },
        { "regexp_like('a\nb', 'a.b')", "false" },
        { "regexp_like('a\nb', 'a.b', 's')", "true" },
        { "regexp_like('ab', 'a b', 'x')", "true" },
        { "regexp_like('ÄÖ', '^..$')", "true" },
        { "regexp_like('', '')", "true" },
        { "regexp_like('a', null)", "null" },
        { "regexp_like('a', '(')",
            "error: regular expression \"(\" is wrong at offset 1: missing closing parenthesis" },
        { "regexp_like('a', 'a', 'q')",
            "error: flags \"q\" of a regular expression have another letter than c, i, m, s, x" },
        { "regexp_like('a', '\\C')", "error: regular expression \"\\C\" is wrong at offset 2: using \\C is "
                                     "disabled by the application" },
        { "regexp_count('banana', 'an')", "2" },
        { "regexp_count('aaa', '')", "4" },
        { "regexp_count('€€', '')", "3" },
        { "regexp_instr('häx', 'x')", "3" },
        { "regexp_instr('h', 'x')", "0" },
        { "regexp_extract('port 8080 open', '[0-9]+')", "8080" },
        { "regexp_extract('k=v', '(\\w)=(\\w)', 2)", "v" },
        { "regexp_extract('b', '(a)?b', 1)", "null" },
        { "regexp_extract('none', '[0-9]+')", "null" },
        { "regexp_substr('k=v', 'v')", "v" },
        { "regexp_extract('k=v', '(k)', 2)", "error: the regular expression has 1 groups, not 2" },
        { "regexp_replace('2026-01-02', '(\\d+)-(\\d+)-(\\d+)', '\\3.\\2.$1')", "02.01.2026" },
        { "regexp_replace('aaa', 'a', 'b')", "bbb" },
        { "regexp_replace('abc', 'x*', '-')", "-a-b-c-" },
        { "regexp_replace('abc', 'B', '<\\&>', 'i')", "a<b>c" },
        { "regexp_replace('a', 'a', '\\\\1$')", "\\1$" },
        { "regexp_replace('', 'a', 'b')", "" },
        { "regexp_replace('', '', 'b')", "b" },
        { "regexp_replace('abc', 'b', '')", "ac" },
        { "regexp_split('a, b;c', '[,;] *')", "[\"a\",\"b\",\"c\"]" },
        { "regexp_split('abc', '')", "[\"a\",\"b\",\"c\"]" },
        { "regexp_split('', ',')", "[\"\"]" },
    };
    FUNC_CASES(cases);
}

static void columns_with_bad_patterns_fail_on_the_event(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "regexp_like('a', '(')", "fails: regular expression is wrong" },
        { "regexp_like('a', 'a', 'q')", "fails: flags of a regular expression are not of c, i, m, s, x" },
        { "regexp_extract('a', '(a)', 2)", "fails: the regular expression has no group of that number" },
        { "'a' like 'a\\'", "fails: the pattern of like ends with its escape" },
        { "'a' similar to '('", "fails: regular expression is wrong" },
    };
    for (size_t i = 0; i < CEP_COUNT_OF(cases); i++) {
        struct base_arena a;
        base_arena_init(&a, 0);
        assert_string_equal(func_text(&a, cases[i].text, true), cases[i].want);
        base_arena_release(&a);
    }
}

/* Each of them takes longer than the age of the Earth without a limit. */
static void bombs_give_up(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "regexp_like(concat(repeat('a', 60), '!'), '(a+)+$')",
            "fails: regular expression gave up: too many steps" },
        { "regexp_like(repeat('a', 60), '(a|aa)+b|(a*)*c')",
            "fails: regular expression gave up: too many steps" },
        { "regexp_replace(concat(repeat('x', 60), '!y'), '(x+x+)+y', '')",
            "fails: regular expression gave up: too many steps" },
        { "concat(repeat('a', 60), '!') similar to '((a+)+)+'",
            "fails: regular expression gave up: too many steps" },
        { "repeat('ab', 3000) like '%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%a%c'", "false" },
    };
    clock_t start = clock();
    FUNC_CASES(cases);
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20); /* generous: sanitizers, slow machines */
}

static void long_subjects_are_no_bombs(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "regexp_like(concat(repeat('abc ', 100000), 'end'), 'c end$')", "true" },
        { "regexp_count(repeat('abc ', 10000), 'b')", "10000" },
        { "length(regexp_replace(repeat('a', 10000), 'a', 'bb'))", "20000" },
        { "length(regexp_replace(repeat('a', 100000), 'a', repeat('b', 1000)))",
            "fails: result is longer than 16 MiB" },
    };
    FUNC_CASES(cases);
}

static void bytes_that_are_not_utf8_do_no_harm(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "regexp_like('a\xff\xfe b', 'b$')", "true" },
        { "regexp_like('\xc3', '.')", "false" },
        { "'\xff\xc3' like '_%'", "true" },
        { "char_length('\xe2\x82')", "1" },
        { "reverse('a\xe2\x82')", "\x82\xe2"
                                  "a" },
        { "upper('\xc3')", "\xc3" },
        { "left('\xf0\x9f', 5)", "\xf0\x9f" },
        { "trim('\xe2\x82  ')", "\xe2\x82" },
        { "substring('\xe2\x82', 2)", "" },
    };
    FUNC_CASES(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_has_two_wildcards),
        cmocka_unit_test(similar_to_matches_the_whole),
        cmocka_unit_test(searching),
        cmocka_unit_test(columns_with_bad_patterns_fail_on_the_event),
        cmocka_unit_test(bombs_give_up),
        cmocka_unit_test(long_subjects_are_no_bombs),
        cmocka_unit_test(bytes_that_are_not_utf8_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
