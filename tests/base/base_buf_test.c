/* base_buf and base_bits. */
#include "base/base_buf.h"

#include "base/base_bits.h"
#include "tests/base/base_test.h"

static void text_grows_and_stays_terminated(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    assert_string_equal(base_buf_cstr(&b), "");
    base_buf_clear(&b);
    for (int i = 0; i < 1000; i++) {
        base_buf_putc(&b, 'a');
        base_buf_puts(&b, "bc");
        base_buf_str(&b, BASE_STR("d"));
        assert_int_equal(b.p[b.len], 0);
    }
    assert_int_equal(b.len, 4000);
    assert_memory_equal(b.p + 3996, "abcd", 5);
    base_buf_clear(&b);
    assert_string_equal(base_buf_cstr(&b), "");
    assert_int_equal(base_buf_view(&b).len, 0);
    base_buf_release(&b);
    assert_null(b.p);
}

static void printf_fits_whatever_the_length(void **state) {
    (void)state;
    for (int width = 0; width < 300; width++) {
        struct base_buf b = BASE_BUF_INIT;
        base_buf_puts(&b, "x");
        base_buf_printf(&b, "%*s|", width, "");
        assert_int_equal(b.len, (size_t)width + 2);
        assert_int_equal(b.p[b.len - 1], '|');
        assert_int_equal(b.p[b.len], 0);
        base_buf_release(&b);
    }
}

static void reserve_does_not_change_the_length(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    char *to = base_buf_reserve(&b, 500);
    memset(to, 'z', 500);
    assert_int_equal(b.len, 0);
    b.len = 500;
    base_buf_putc(&b, '!');
    assert_int_equal(b.len, 501);
    assert_int_equal(b.p[499], 'z');
    base_buf_add(&b, NULL, 0);
    assert_int_equal(b.len, 501);
    base_buf_release(&b);
}

static void bits_agree_with_an_array_of_bools(void **state) {
    (void)state;
    for (size_t n = 1; n < 200; n += 13) {
        uint64_t w[4] = { 0 };
        bool plain[200] = { false };
        for (size_t i = 0; i < n; i++) {
            plain[i] = (i * 7 + n) % 3 == 0;
            base_bits_put(w, i, plain[i]);
        }
        size_t cnt = 0, at = 0;
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(base_bits_get(w, i), plain[i]);
            if (!plain[i])
                continue;
            cnt++;
            at = base_bits_next(w, n, at);
            assert_int_equal(at, i);
            at++;
        }
        assert_int_equal(base_bits_next(w, n, at), n);
        assert_int_equal(base_bits_count(w, n), cnt);
    }
}

static void fill_leaves_the_rest_of_the_word_clear(void **state) {
    (void)state;
    for (size_t n = 0; n <= 192; n++) {
        uint64_t w[3] = { 0 };
        base_bits_fill(w, n);
        assert_int_equal(base_bits_count(w, 192), n);
        if (n > 0) {
            base_bits_unset(w, n - 1);
            assert_int_equal(base_bits_count(w, n), n - 1);
            base_bits_set(w, n - 1);
            assert_true(base_bits_get(w, n - 1));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_stays_terminated),
        cmocka_unit_test(printf_fits_whatever_the_length),
        cmocka_unit_test(reserve_does_not_change_the_length),
        cmocka_unit_test(bits_agree_with_an_array_of_bools),
        cmocka_unit_test(fill_leaves_the_rest_of_the_word_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
