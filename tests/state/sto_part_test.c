/* sto_part: what an operator saved comes back, and any other bytes are refused. */
#include "state/sto_part.h"

#include "base/base_mem.h"
#include "tests/base/base_test.h"

static void fill(struct base_buf *b) {
    struct sto_out out = sto_part_out(b);
    sto_part_begin(b, &(struct sto_part_head){ BASE_STR("pattern"), BASE_STR("big"), 1, 3 });
    assert_int_equal(sto_put(&out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), BASE_STR("meta"), NULL), CEP_OK);
    assert_int_equal(sto_put(&out, 7, 127, BASE_STR("k\0y"), BASE_STR("value"), NULL), CEP_OK);
    assert_int_equal(sto_put(&out, 7, 0, BASE_STR("z"), BASE_STR(""), NULL), CEP_OK);
    sto_part_end(b);
}

/* Returns: how it ends. */
static enum cep_rc read_all(struct base_str bytes, unsigned *n) {
    struct sto_part_head head;
    struct base_unpack u;
    struct sto_entry e;
    struct cep_err err = CEP_ERR_INIT;
    *n = 0;
    enum cep_rc rc = sto_part_open(bytes, &head, &u, &err);
    while (rc == CEP_OK && (rc = sto_part_next(&u, &e, &err)) == CEP_OK)
        (*n)++;
    return rc;
}

static void what_was_saved_comes_back(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    struct sto_part_head head;
    struct base_unpack u;
    struct sto_entry e;
    fill(&b);
    assert_int_equal(sto_part_open(base_buf_view(&b), &head, &u, NULL), CEP_OK);
    assert_true(base_str_eq(head.kind, BASE_STR("pattern")) && base_str_eq(head.name, BASE_STR("big")));
    assert_int_equal(head.subtask, 1);
    assert_int_equal(head.n_subtasks, 3);
    assert_int_equal(sto_part_next(&u, &e, NULL), CEP_OK);
    assert_true(e.ns == STO_NS_META && e.group == STO_NO_GROUP && base_str_eq(e.value, BASE_STR("meta")));
    assert_int_equal(sto_part_next(&u, &e, NULL), CEP_OK);
    assert_true(e.ns == 7 && e.group == 127 && base_str_eq(e.key, BASE_STR("k\0y")));
    assert_int_equal(sto_part_next(&u, &e, NULL), CEP_OK);
    assert_true(e.group == 0 && e.value.len == 0);
    assert_int_equal(sto_part_next(&u, &e, NULL), CEP_NONE);
    base_buf_release(&b);
}

/* The bytes are part of the format: they never change for this version. */
static void bytes_of_a_known_part_stay(void **state) {
    (void)state;
    static const char golden[] = "cepdst\0\1\7pattern\3big\1\3"
                                 "\1\0\0\0\4meta"
                                 "\1\7\200\1\3k\0y\5value"
                                 "\1\7\1\1z\0"
                                 "\0";
    struct base_buf b = BASE_BUF_INIT;
    fill(&b);
    assert_int_equal(b.len, sizeof golden - 1);
    assert_memory_equal(b.p, golden, sizeof golden - 1);
    base_buf_release(&b);
}

static void cut_bytes_are_damaged_wherever_they_are_cut(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    unsigned n;
    fill(&b);
    for (size_t len = 0; len < b.len; len++) {
        /* A copy of its own, so that a sanitizer sees a read behind the end. */
        char *copy = base_strndup(b.p, len);
        assert_int_equal(read_all((struct base_str){ copy, len }, &n), CEP_EDAMAGED);
        base_free(copy);
    }
    base_buf_putc(&b, 'x');
    assert_int_equal(read_all(base_buf_view(&b), &n), CEP_EDAMAGED);
    base_buf_release(&b);
}

static void a_later_version_is_named(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    unsigned n;
    fill(&b);
    b.p[7] = 9;
    assert_int_equal(read_all(base_buf_view(&b), &n), CEP_EVERSION);
    b.p[0] = 'x';
    assert_int_equal(read_all(base_buf_view(&b), &n), CEP_EDAMAGED);
    base_buf_release(&b);
}

static void a_pack_is_read_as_its_parts(void **state) {
    (void)state;
    struct base_buf part = BASE_BUF_INIT, pack = BASE_BUF_INIT;
    struct base_str got;
    struct cep_err err = CEP_ERR_INIT;
    unsigned n;
    size_t at = 0;
    fill(&part);
    /* A part alone. */
    assert_int_equal(sto_pack_next(base_buf_view(&part), &at, &got, NULL), CEP_OK);
    assert_true(base_str_eq(got, base_buf_view(&part)));
    assert_int_equal(sto_pack_next(base_buf_view(&part), &at, &got, NULL), CEP_NONE);
    sto_pack_begin(&pack);
    assert_true(sto_is_pack(base_buf_view(&pack)) && !sto_is_pack(base_buf_view(&part)));
    at = 0;
    assert_int_equal(sto_pack_next(base_buf_view(&pack), &at, &got, NULL), CEP_NONE);
    for (int i = 0; i < 3; i++)
        sto_pack_add(&pack, base_buf_view(&part));
    at = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sto_pack_next(base_buf_view(&pack), &at, &got, NULL), CEP_OK);
        assert_int_equal(read_all(got, &n), CEP_NONE);
        assert_int_equal(n, 3);
    }
    assert_int_equal(sto_pack_next(base_buf_view(&pack), &at, &got, NULL), CEP_NONE);
    /* Cut anywhere but between two parts it is damaged. */
    unsigned n_whole = 0;
    for (size_t len = 8; len < pack.len; len++) {
        enum cep_rc rc = CEP_OK;
        for (at = 0; rc == CEP_OK;)
            rc = sto_pack_next((struct base_str){ pack.p, len }, &at, &got, NULL);
        assert_true(rc == CEP_NONE || rc == CEP_EDAMAGED);
        n_whole += rc == CEP_NONE;
    }
    assert_int_equal(n_whole, 3);
    pack.p[7]++;
    at = 0;
    assert_int_equal(sto_pack_next(base_buf_view(&pack), &at, &got, &err), CEP_EVERSION);
    assert_non_null(strstr(err.message, "version 2"));
    base_buf_release(&part);
    base_buf_release(&pack);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_comes_back),
        cmocka_unit_test(bytes_of_a_known_part_stay),
        cmocka_unit_test(cut_bytes_are_damaged_wherever_they_are_cut),
        cmocka_unit_test(a_later_version_is_named),
        cmocka_unit_test(a_pack_is_read_as_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
