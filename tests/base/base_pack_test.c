/* base_pack: golden bytes, both ways, and readers that are given too little. */
#include "base/base_pack.h"

#include "tests/base/base_test.h"

static void bytes_are_as_documented(void **state) {
    (void)state;
    static const unsigned char want[] = { 0x07, 0x04, 0x03, 0x02, 0x01, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
        0x22, 0x11, 0x00, 0x7f, 0x80, 0x01, 0xac, 0x02, 0x00, 0x01, 0x02, 0x03, 0x02, 'h', 'i', 'x' };
    struct base_buf b = BASE_BUF_INIT;
    base_pack_u8(&b, 7);
    base_pack_u32(&b, 0x01020304);
    base_pack_u64(&b, UINT64_C(0x1122334455667788));
    base_pack_varint(&b, 0);
    base_pack_varint(&b, 127);
    base_pack_varint(&b, 128);
    base_pack_varint(&b, 300);
    base_pack_zigzag(&b, 0);
    base_pack_zigzag(&b, -1);
    base_pack_zigzag(&b, 1);
    base_pack_zigzag(&b, -2);
    base_pack_str(&b, BASE_STR("hi"));
    base_pack_bytes(&b, "x", 1);
    assert_int_equal(b.len, sizeof want);
    assert_memory_equal(b.p, want, sizeof want);
    base_buf_release(&b);
}

static void numbers_come_back(void **state) {
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int near = -1; near <= 1; near++) {
            uint64_t v = (UINT64_C(1) << bit) + (uint64_t)(int64_t)near;
            struct base_buf b = BASE_BUF_INIT;
            base_pack_varint(&b, v);
            base_pack_zigzag(&b, (int64_t)v);
            base_pack_zigzag(&b, (int64_t)~v);
            base_pack_u64(&b, v);
            base_pack_u32(&b, (uint32_t)v);
            struct base_unpack u = base_unpack_of(base_buf_view(&b));
            assert_true(base_unpack_varint(&u) == v);
            assert_true(base_unpack_zigzag(&u) == (int64_t)v);
            assert_true(base_unpack_zigzag(&u) == (int64_t)~v);
            assert_true(base_unpack_u64(&u) == v);
            assert_true(base_unpack_u32(&u) == (uint32_t)v);
            assert_true(base_unpack_ok(&u));
            base_buf_release(&b);
        }
    }
}

static void a_reader_stops_at_its_end_and_stays_bad(void **state) {
    (void)state;
    struct base_unpack u = base_unpack_of(BASE_STR("abc"));
    assert_int_equal(base_unpack_u32(&u), 0);
    assert_true(u.bad);
    assert_int_equal(base_unpack_u8(&u), 0);
    assert_false(base_unpack_ok(&u));

    u = base_unpack_of(BASE_STR("\x05"
                                "abc"));
    assert_int_equal(base_unpack_str(&u).len, 0);
    assert_true(u.bad);

    u = base_unpack_of(BASE_STR("\x80\x80"));
    assert_int_equal(base_unpack_varint(&u), 0);
    assert_true(u.bad);

    u = base_unpack_of((struct base_str){ NULL, 0 });
    assert_true(base_unpack_ok(&u));
    assert_int_equal(base_unpack_u8(&u), 0);
    assert_true(u.bad);

    u = base_unpack_of(BASE_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                                "x"));
    assert_int_equal(base_unpack_str(&u).len, 0);
    assert_true(u.bad);
}

static void a_number_has_one_form(void **state) {
    (void)state;
    struct base_unpack u = base_unpack_of(BASE_STR("\x80\x00"));
    assert_int_equal(base_unpack_varint(&u), 0);
    assert_true(u.bad);
    u = base_unpack_of(BASE_STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
    assert_int_equal(base_unpack_varint(&u), 0);
    assert_true(u.bad);
}

static void counts_are_held_against_what_is_there(void **state) {
    (void)state;
    struct base_unpack u = base_unpack_of(BASE_STR("\x03"
                                                   "abcdef"));
    assert_int_equal(base_unpack_count(&u, 2), 3);
    u = base_unpack_of(BASE_STR("\x04"
                                "abcdef"));
    assert_int_equal(base_unpack_count(&u, 2), 0);
    assert_true(u.bad);
    u = base_unpack_of(BASE_STR("\x05"));
    assert_int_equal(base_unpack_max(&u, 4), 0);
    assert_true(u.bad);
    u = base_unpack_of(BASE_STR("\x05"));
    assert_int_equal(base_unpack_max(&u, 5), 5);
    assert_true(base_unpack_ok(&u));
}

static void lengths_are_filled_in_later(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    base_pack_u32(&b, 0);
    base_pack_u64(&b, 0);
    base_pack_u32_at(&b, 0, 9);
    base_pack_u64_at(&b, 4, 10);
    struct base_unpack u = base_unpack_of(base_buf_view(&b));
    assert_int_equal(base_unpack_u32(&u), 9);
    assert_int_equal(base_unpack_u64(&u), 10);
    base_buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_as_documented),
        cmocka_unit_test(numbers_come_back),
        cmocka_unit_test(a_reader_stops_at_its_end_and_stays_bad),
        cmocka_unit_test(a_number_has_one_form),
        cmocka_unit_test(counts_are_held_against_what_is_there),
        cmocka_unit_test(lengths_are_filled_in_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
