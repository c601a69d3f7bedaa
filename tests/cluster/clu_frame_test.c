/* clu_frame_test -- frames in a run of bytes: whole, in pieces, too long, damaged. */
#include "tests/cluster/clu_kit.h"

#include "base/base_map.h"
#include "cluster/clu_frame.h"

static void add(struct base_buf *b, const char *text) {
    size_t begin = clu_frame_begin(b);
    base_buf_puts(b, text);
    clu_frame_end(b, begin);
}

static void frames_come_one_by_one(void **state) {
    static const char *const texts[] = { "", "one", "twenty two bytes of it" };
    struct base_buf b = BASE_BUF_INIT;
    struct base_str left, payload;
    size_t need;
    (void)state;
    for (int i = 0; i < 3; i++)
        add(&b, texts[i]);
    left = base_buf_view(&b);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(clu_frame_next(&left, 100, &payload, &need, NULL), CEP_OK);
        assert_true(base_str_eq(payload, base_str_of(texts[i])));
    }
    assert_int_equal(left.len, 0);
    assert_int_equal(clu_frame_next(&left, 100, &payload, &need, NULL), CEP_AGAIN);
    base_buf_release(&b);
}

static void pieces_say_how_much_is_wanted(void **state) {
    struct base_buf b = BASE_BUF_INIT;
    struct base_str payload;
    size_t need;
    (void)state;
    add(&b, "hello");
    for (size_t n = 0; n < b.len; n++) {
        struct base_str left = { b.p, n };
        assert_int_equal(clu_frame_next(&left, 100, &payload, &need, NULL), CEP_AGAIN);
        assert_int_equal(left.len, n); /* not moved */
        assert_int_equal(need, n < CLU_FRAME_HEAD ? CLU_FRAME_HEAD : b.len);
    }
    base_buf_release(&b);
}

/* On the wire: 3 bytes, the low half of their XXH3, the bytes. */
static void bytes_are_as_they_are_specified(void **state) {
    struct base_buf b = BASE_BUF_INIT;
    (void)state;
    add(&b, "abc");
    assert_int_equal(b.len, CLU_FRAME_HEAD + 3);
    static const unsigned char length[] = { 3, 0, 0, 0 };
    assert_memory_equal(b.p, length, 4);
    uint64_t hash = base_hash("abc", 3);
    for (int i = 0; i < 4; i++)
        assert_int_equal((unsigned char)b.p[4 + i], hash >> (8 * i) & 0xff);
    assert_memory_equal(b.p + CLU_FRAME_HEAD, "abc", 3);
    base_buf_release(&b);
}

static void damage_is_found(void **state) {
    struct base_buf b = BASE_BUF_INIT;
    struct base_str payload;
    struct cep_err err = CEP_ERR_INIT;
    size_t need;
    (void)state;
    add(&b, "some payload");
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
        struct base_str left = base_buf_view(&b);
        enum cep_rc rc = clu_frame_next(&left, 100, &payload, &need, &err);
        assert_true(
            rc == CEP_EDECODE || (rc == CEP_AGAIN && bit < 32)); /* a larger length: more is waited for */
        b.p[bit / 8] = (char)(b.p[bit / 8] ^ 1 << bit % 8);
    }
    struct base_str left = base_buf_view(&b);
    assert_int_equal(clu_frame_next(&left, 11, &payload, &need, &err), CEP_EDECODE);
    assert_non_null(strstr(err.message, "more than the limit of 11"));
    assert_int_equal(clu_frame_next(&left, 12, &payload, &need, &err), CEP_OK);
    base_buf_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_one_by_one),
        cmocka_unit_test(pieces_say_how_much_is_wanted),
        cmocka_unit_test(bytes_are_as_they_are_specified),
        cmocka_unit_test(damage_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
