/* Arrays, encodings, hashes, JSON in columns, addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "tests/expr/func_test_util.h"

static void arrays(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "split('a,b,,c', ',')", "[\"a\",\"b\",\"\",\"c\"]" },
        { "string_to_array('a--b--', '--')", "[\"a\",\"b\",\"\"]" },
        { "split('', ',')", "[]" },
        { "split(',', ',')", "[\"\",\"\"]" },
        { "split('aé', '')", "[\"a\",\"é\"]" },
        { "cardinality(split('a,b', ','))", "2" },
        { "array_length(split('', ','))", "0" },
        { "array_contains(split('a,b', ','), 'b')", "true" },
        { "array_contains(split('a,b', ','), 'c')", "false" },
        { "array_contains(split('a,b', ','), null)", "null" },
        { "array_contains(split('a,b', ','), 1)",
            "error: function \"array_contains\" cannot take (array(string), int)" },
        { "array_position(split('a,b,b', ','), 'b')", "2" },
        { "element_at(split('a,b,c', ','), 2)", "b" },
        { "element_at(split('a,b,c', ','), -1)", "c" },
        { "element_at(split('a,b,c', ','), 4)", "null" },
        { "element_at(split('a,b,c', ','), -9223372036854775808)", "null" },
        { "element_at(split('a', ','), 0)", "fails: elements count from 1" },
        { "array_distinct(split('b,a,b,c,a', ','))", "[\"b\",\"a\",\"c\"]" },
        { "array_min(split('b,a,c', ','))", "a" },
        { "array_max(split('b,a,c', ','))", "c" },
        { "array_max(split('', ','))", "null" },
        { "array_to_string(split('a,b', ','), ' + ')", "a + b" },
        { "array_join(split('', ','), ';')", "" },
        { "cardinality(null)", "null" },
    };
    FUNC_CASES(cases);
}

static void encodings(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "to_hex(255)", "ff" },
        { "to_hex(-1)", "ffffffffffffffff" },
        { "to_hex(bytes '00Ff10')", "00ff10" },
        { "encode('hello', 'hex')", "68656c6c6f" },
        { "encode('hello', 'base64')", "aGVsbG8=" },
        { "encode(bytes 'fffe', 'BASE64')", "//4=" },
        { "encode('', 'base64')", "" },
        { "encode('abc', 'base64')", "YWJj" },
        { "length(decode('aGVsbG8=', 'base64'))", "5" },
        { "to_hex(decode('__4', 'base64'))", "fffe" },
        { "to_hex(decode('aGVsbG8', 'base64'))", "68656c6c6f" },
        { "decode('a', 'base64')", "fails: text is not base64" },
        { "decode('a*==', 'base64')", "fails: text is not base64" },
        { "to_hex(decode('00fF', 'hex'))", "00ff" },
        { "decode('0', 'hex')", "fails: text is not hex" },
        { "decode('zz', 'hex')", "fails: text is not hex" },
        { "encode('a', 'rot13')", "error: the encoding is neither hex nor base64" },
        { "md5('')", "d41d8cd98f00b204e9800998ecf8427e" },
        { "md5('The quick brown fox jumps over the lazy dog')", "9e107d9d372bb6826bd81d3542a419d6" },
        { "md5(repeat('a', 64))", "014842d480b571495a4a0363793f7367" },
        { "sha256('')", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "sha256('abc')", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "sha256('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "sign(hash('a', 1, null))", "1" },
    };
    FUNC_CASES(cases);
}

static void hashes_depend_on_the_values_alone(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    const char *x = func_text(&a, "hash('a', 1, null)", false);
    assert_string_equal(x, func_text(&a, "hash('a', 1, null)", true));
    assert_string_not_equal(x, func_text(&a, "hash('a', 2, null)", false));
    assert_string_not_equal(func_text(&a, "hash('ab', 'c')", false), func_text(&a, "hash('a', 'bc')", false));
    base_arena_release(&a);
}

static void json(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "json_value('{\"a\": 1}', '$.a')", "1" },
        { "json_value('{\"a\": {\"b\": [1, 2.50]}}', '$.a.b[1]')", "2.50" },
        { "json_value('{\"a\": \"x\\u00e9\\n\\ud83d\\ude00\"}', '$.a')", "xé\n😀" },
        { "json_value('{\"a\": true}', '$.a')", "true" },
        { "json_value('{\"a\": null}', '$.a')", "null" },
        { "json_value('{\"a\": 1}', '$.b')", "null" },
        { "json_value('{\"a\": {}}', '$.a')", "null" },
        { "json_value('{\"a\": {}}', '$.a.b.c')", "null" },
        { "json_value('{\"a b.c\": 1}', '$[\"a b.c\"]')", "1" },
        { "json_value('{\"\\u0061z\": 7}', '$.az')", "7" },
        { "json_value('[[], [5]]', '$[1][0]')", "5" },
        { "json_value('[1]', '$[9]')", "null" },
        { "json_value('[1]', '$.a')", "null" },
        { "json_value('\"s\"', '$')", "s" },
        { "json_value('  12 ', '$')", "12" },
        { "json_value('{\"a\": 1', '$.b')", "fails: text is not JSON" },
        { "json_value('{\"a\": nope}', '$.a')", "fails: text is not JSON" },
        { "json_value('{\"a\": \"\\ud83d\"}', '$.a')", "fails: text is not JSON" },
        { "json_value('{\"a\": \"x', '$.a')", "fails: text is not JSON" },
        { "json_value('{\"a\\', '$.a')", "fails: text is not JSON" },
        { "json_value('', '$')", "fails: text is not JSON" },
        { "json_value(repeat('[', 100000), '$')", "fails: text is not JSON" },
        { "json_value('{}', 'a')", "error: the JSON path does not begin with $" },
        { "json_value('{}', '$.')", "error: the JSON path is not of the form $.name[0][\"other name\"]" },
        { "json_value('{}', '$[x]')", "error: the JSON path is not of the form $.name[0][\"other name\"]" },
        { "json_value('{}', '$[\"x]')", "error: the JSON path is not of the form $.name[0][\"other name\"]" },
        { "json_value('{}', '$[')", "error: the JSON path is not of the form $.name[0][\"other name\"]" },
        { "json_query('{\"a\": [1, {\"b\": 2}]}', '$.a')", "[1, {\"b\": 2}]" },
        { "json_query('{\"a\": \"s\"}', '$.a')", "\"s\"" },
        { "json_query('{}', '$.a')", "null" },
        { "json_exists('{\"a\": null}', '$.a')", "true" },
        { "json_exists('{\"a\": null}', '$.b')", "false" },
        { "json_value(null, '$.a')", "null" },
    };
    FUNC_CASES(cases);
}

static void addresses(void **state) {
    (void)state;
    static const struct func_case cases[] = {
        { "ip_in('10.1.2.3', '10.0.0.0/8')", "true" },
        { "ip_in('11.1.2.3', '10.0.0.0/8')", "false" },
        { "ip_in('192.168.5.130', '192.168.5.128/25')", "true" },
        { "ip_in('192.168.5.127', '192.168.5.128/25')", "false" },
        { "ip_in('1.2.3.4', '0.0.0.0/0')", "true" },
        { "ip_in('1.2.3.4', '1.2.3.4')", "true" },
        { "ip_in('2001:db8::1', '2001:db8::/32')", "true" },
        { "ip_in('2001:db9::1', '2001:db8::/32')", "false" },
        { "ip_in('1.2.3.4', '::/0')", "false" },
        { "ip_in('1.2.3', '10.0.0.0/8')", "fails: text is no IP address" },
        { "ip_in('1.2.3.4', '10.0.0.0/33')", "error: \"10.0.0.0/33\" is no network such as 10.0.0.0/8" },
        { "ip_in('1.2.3.4', '10.0.0.0/')", "error: \"10.0.0.0/\" is no network such as 10.0.0.0/8" },
        { "ip_is_private('172.16.0.1')", "true" },
        { "ip_is_private('172.32.0.1')", "false" },
        { "ip_is_private('::1')", "true" },
        { "ip_is_private('fe80::1')", "true" },
        { "ip_is_private('2001:db8::1')", "false" },
        { "ip_is_private('localhost')", "fails: text is no IP address" },
        { "is_ip('::ffff:1.2.3.4')", "true" },
        { "is_ip('1.2.3.4 ')", "false" },
        { "is_ip('')", "false" },
        { "ip_in(null, '10.0.0.0/8')", "null" },
    };
    FUNC_CASES(cases);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays),
        cmocka_unit_test(encodings),
        cmocka_unit_test(hashes_depend_on_the_values_alone),
        cmocka_unit_test(json),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
