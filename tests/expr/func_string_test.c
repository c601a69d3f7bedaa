/* Functions of text: by characters, at the edges, with nulls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "tests/expr/func_test_util.h"

static void letters(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "lower('ÄÖÜ ABC ẞ')", "äöü abc ß" },
        { "upper('straße ÿ')", "STRAßE Ÿ" },
        { "upper('Ελληνικός')", "ΕΛΛΗΝΙΚΌΣ" },
        { "lower('ЁЖИК Њ')", "ёжик њ" },
        { "upper('łódź ěščř')", "ŁÓDŹ ĚŠČŘ" },
        { "lower('日本')", "日本" },
        { "lower('')", "" },
        { "lower(null)", "null" },
        { "initcap('hELLO wORLD-wide élan 2nd')", "Hello World-Wide Élan 2nd" },
        { "char_length('naïve €')", "7" },
        { "length('')", "0" },
        { "length(bytes '00ff10')", "3" },
        { "octet_length('€')", "3" },
        { "ascii('€')", "8364" },
        { "ascii('')", "0" },
        { "chr(8364)", "€" },
        { "chr(128512)", "😀" },
        { "chr(55296)", "fails: not the number of a character" },
        { "chr(0)", "fails: not the number of a character" },
        { "reverse('añ€😀')", "😀€ña" },
    };
    FUNC_CASES(cases);
}

static void parts(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "substring('hällo', 2, 3)", "äll" },
        { "substring('hello', 2)", "ello" },
        { "substring('hello', 0, 3)", "he" },
        { "substring('hello', -5, 7)", "h" },
        { "substring('hello', -5, 3)", "" },
        { "substring('hello', 6)", "" },
        { "substring('hello', 99, 5)", "" },
        { "substring('hello', 2, 0)", "" },
        { "substr('hello', 2, 9223372036854775807)", "ello" },
        { "substring('hello', 9223372036854775807, 9223372036854775807)", "" },
        { "substring('hello', 2, -1)", "fails: length of a substring is negative" },
        { "substring('hello', null)", "null" },
        { "left('hello', 2)", "he" },
        { "left('hello', -2)", "hel" },
        { "left('hello', -9)", "" },
        { "left('€uro', 1)", "€" },
        { "right('hello', 2)", "lo" },
        { "right('hello', -2)", "llo" },
        { "right('hello', 99)", "hello" },
        { "right('hello', -99)", "" },
        { "right('hello', -9223372036854775808)", "" },
        { "left('hello', -9223372036854775808)", "" },
        { "trim('  a b ')", "a b" },
        { "trim('xyaxy', 'yx')", "a" },
        { "btrim('ééaé', 'é')", "a" },
        { "ltrim('  a ')", "a " },
        { "rtrim(' a  ')", " a" },
        { "trim('   ')", "" },
        { "trim('a', '')", "a" },
        { "split_part('a,b,c', ',', 2)", "b" },
        { "split_part('a,b,c', ',', -1)", "c" },
        { "split_part('a,b,c', ',', -3)", "a" },
        { "split_part('a,b,c', ',', -4)", "" },
        { "split_part('a,b,c', ',', 4)", "" },
        { "split_part('abc', '', 1)", "abc" },
        { "split_part('a', ',', 0)", "fails: parts count from 1" },
    };
    FUNC_CASES(cases);
}

static void searching(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "position('l', 'häll')", "3" },
        { "position('x', 'hall')", "0" },
        { "position('', 'hall')", "1" },
        { "strpos('häll', 'l')", "3" },
        { "instr('abc', 'c')", "3" },
        { "locate('a', 'banana', 3)", "4" },
        { "locate('a', 'banana', 7)", "0" },
        { "locate('', 'ab', 3)", "3" },
        { "locate('a', 'banana', 0)", "0" },
        { "starts_with('hello', 'he')", "true" },
        { "starts_with('h', 'he')", "false" },
        { "ends_with('hello', 'lo')", "true" },
        { "ends_with('', '')", "true" },
        { "contains('hello', 'ell')", "true" },
        { "contains('hello', null)", "null" },
    };
    FUNC_CASES(cases);
}

static void making(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "lpad('7', 3, '0')", "007" },
        { "lpad('hello', 2)", "he" },
        { "lpad('x', 6, 'äb')", "äbäbäx" },
        { "rpad('x', 4, '€')", "x€€€" },
        { "rpad('x', 3, '')", "x" },
        { "rpad('x', -1)", "" },
        { "lpad('x', 99999999)", "fails: result is longer than 16 MiB" },
        { "replace('banana', 'an', 'AN')", "bANANa" },
        { "replace('aaa', 'aa', 'b')", "ba" },
        { "replace('abc', '', 'x')", "abc" },
        { "replace('', 'a', 'x')", "" },
        { "overlay('abcdef', 'XX', 3)", "abXXef" },
        { "overlay('abcdef', 'X', 3, 3)", "abXf" },
        { "overlay('abc', 'X', 9)", "abcX" },
        { "overlay('abc', 'X', 0)", "fails: position or length of an overlay is out of range" },
        { "translate('2-4-6', '-2', '_')", "_4_6" },
        { "translate('añb', 'ñb', '€ü')", "a€ü" },
        { "repeat('ab', 3)", "ababab" },
        { "repeat('ab', -1)", "" },
        { "repeat('ab', 9223372036854775807)", "fails: result is longer than 16 MiB" },
        { "repeat('', 9223372036854775807)", "" },
        { "concat('a', null, 1, 2.5, true)", "a12.5true" },
        { "concat(null, null)", "" },
        { "concat(timestamp '2026-01-01', '/', 5 s)", "2026-01-01T00:00:00Z/5 s" },
        { "concat_ws(', ', 'a', null, 'b')", "a, b" },
        { "concat_ws(null, 'a', 'b')", "null" },
        { "concat_ws('-', 'a')", "a" },
    };
    FUNC_CASES(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters),
        cmocka_unit_test(parts),
        cmocka_unit_test(searching),
        cmocka_unit_test(making),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
