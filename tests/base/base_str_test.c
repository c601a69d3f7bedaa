/* base_str: order, UTF-8, distance. */
#include "base/base_str.h"

#include "tests/base/base_test.h"

static void order_is_bytewise_and_prefixes_come_first(void **state) {
    (void)state;
    assert_true(base_str_cmp(BASE_STR("a"), BASE_STR("b")) < 0);
    assert_true(base_str_cmp(BASE_STR("a"), BASE_STR("aa")) < 0);
    assert_true(base_str_cmp(BASE_STR("\xff"), BASE_STR("a")) > 0);
    assert_int_equal(base_str_cmp(BASE_STR("ab"), BASE_STR("ab")), 0);
    assert_int_equal(base_str_cmp((struct base_str){ NULL, 0 }, BASE_STR("")), 0);
    assert_true(base_str_eq((struct base_str){ NULL, 0 }, BASE_STR("")));
    assert_false(base_str_eq(BASE_STR("a"), BASE_STR("b")));
    assert_true(base_str_ieq(BASE_STR("SeLeCt"), BASE_STR("sElEcT")));
    assert_false(base_str_ieq(BASE_STR("a"), BASE_STR("ab")));
    assert_false(base_str_ieq(BASE_STR("@"), BASE_STR("`")));
    assert_int_equal(base_str_of(NULL).len, 0);
}

static void check_utf8(const char *p, size_t len, bool ok, size_t bad_off) {
    size_t off = 9999;
    assert_int_equal(base_utf8_valid((struct base_str){ p, len }, &off), ok);
    if (!ok)
        assert_int_equal(off, bad_off);
}

static void utf8_accepts_what_unicode_does(void **state) {
    (void)state;
    check_utf8(NULL, 0, true, 0);
    check_utf8("plain ascii, long enough for words", 34, true, 0);
    check_utf8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, true, 0);
    check_utf8("a\0b", 3, true, 0);
    check_utf8("\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf", 10, true, 0);
    check_utf8("abcdefghij\x80", 11, false, 10);
    check_utf8("\xc0\x80", 2, false, 0);
    check_utf8("\xc1\xbf", 2, false, 0);
    check_utf8("a\xe0\x9f\xbf", 4, false, 1);
    check_utf8("\xed\xa0\x80", 3, false, 0);
    check_utf8("\xf0\x8f\xbf\xbf", 4, false, 0);
    check_utf8("\xf4\x90\x80\x80", 4, false, 0);
    check_utf8("\xf5\x80\x80\x80", 4, false, 0);
    check_utf8("ab\xe2\x82", 4, false, 2);
    check_utf8("ab\xe2\x82z", 5, false, 2);
    check_utf8("\xf0\x9f\x98", 3, false, 0);
    assert_int_equal(base_utf8_len(BASE_STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
    assert_int_equal(base_utf8_len(BASE_STR("")), 0);
}

static void every_code_point_passes_and_every_surrogate_fails(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char p[4];
        size_t n = 0;
        if (c < 0x80) {
            p[n++] = (char)c;
        } else if (c < 0x800) {
            p[n++] = (char)(0xc0 | c >> 6);
            p[n++] = (char)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
            p[n++] = (char)(0xe0 | c >> 12);
            p[n++] = (char)(0x80 | (c >> 6 & 0x3f));
            p[n++] = (char)(0x80 | (c & 0x3f));
        } else {
            p[n++] = (char)(0xf0 | c >> 18);
            p[n++] = (char)(0x80 | (c >> 12 & 0x3f));
            p[n++] = (char)(0x80 | (c >> 6 & 0x3f));
            p[n++] = (char)(0x80 | (c & 0x3f));
        }
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        assert_int_equal(base_utf8_valid((struct base_str){ p, n }, NULL), !surrogate);
    }
}

static unsigned distance(const char *a, const char *b, unsigned limit) {
    unsigned d = base_str_distance(base_str_of(a), base_str_of(b), limit);
    assert_int_equal(d, base_str_distance(base_str_of(b), base_str_of(a), limit));
    return d;
}

static void distance_counts_edits(void **state) {
    (void)state;
    assert_int_equal(distance("amount", "amount", 10), 0);
    assert_int_equal(distance("amount", "amuont", 10), 2);
    assert_int_equal(distance("amount", "amoun", 10), 2);
    assert_int_equal(distance("amount", "amounts", 10), 2);
    assert_int_equal(distance("amount", "bmount", 10), 2);
    assert_int_equal(distance("amount", "Amount", 10), 1);
    assert_int_equal(distance("amount", "AMOUNT", 10), 6);
    assert_int_equal(distance("kitten", "sitting", 10), 6);
    assert_int_equal(distance("", "abc", 10), 6);
    assert_int_equal(distance("", "", 0), 0);
    assert_int_equal(distance("a", "b", 1), 2);
    assert_int_equal(distance("card", "country", 4), 5);
    assert_int_equal(distance("abc", "abcdefghijkl", 4), 5);
}

static void distance_of_long_names(void **state) {
    (void)state;
    char a[200], b[200];
    memset(a, 'x', sizeof a);
    memset(b, 'x', sizeof b);
    a[199] = b[199] = '\0';
    b[100] = 'y';
    assert_int_equal(distance(a, b, 6), 2);
    b[198] = '\0';
    assert_int_equal(distance(a, b, 6), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_bytewise_and_prefixes_come_first),
        cmocka_unit_test(utf8_accepts_what_unicode_does),
        cmocka_unit_test(every_code_point_passes_and_every_surrogate_fails),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(distance_of_long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
