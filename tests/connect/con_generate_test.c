/* con_generate_test -- made-up rows: the same for the same seed, by the specs, at the rate. */
#include "tests/connect/con_check.h"

#include "base/base_num.h"
#include "connect/con_internal.h"

#include <stdio.h>
#include <stdlib.h>

static char *rows_of(struct con_kit *k, const char *columns, const char *opts) {
    struct base_buf rows = BASE_BUF_INIT;
    struct con_source *src = con_kit_open(k, columns, "generate", opts, NULL, NULL);
    assert_true(con_kit_read(k, src, &rows, 0));
    con_source_close(src);
    char *text = base_arena_strdup(&k->arena, base_buf_cstr(&rows));
    base_buf_release(&rows);
    return text;
}

static void the_same_seed_gives_the_same_rows(void **state) {
    (void)state;
    struct con_kit k;
    con_kit_init(&k);
    const char *columns =
        "id int, card string, amount double, at timestamp, ok bool, d decimal(8,2), u duration";
    char *a = rows_of(&k, columns, "rows = 3000, seed = 7"),
         *b = rows_of(&k, columns, "rows = 3000, seed = 7"),
         *c = rows_of(&k, columns, "rows = 3000, seed = 8");
    assert_string_equal(a, b);
    assert_string_not_equal(a, c);
    /* A column is made of the same numbers whatever the others are. */
    char *d = rows_of(&k, "id int", "rows = 1, seed = 7");
    assert_memory_equal(a, d, strlen(d) - 2);
    con_kit_release(&k);
}

static void specs(void **state) {
    (void)state;
    struct con_kit k;
    con_kit_init(&k);
    assert_string_equal(rows_of(&k, "n int, s string, c string, at timestamp, x int, f double",
                            "rows = 3, n = 'sequence 10 -2', s = 'const a b', c = 'pick only', step = 1 min, "
                            "start = '2026-05-01 12:00:00', x = 'null', f = 'sequence 0.5 0.25'"),
        "{\"n\":10,\"s\":\"a b\",\"c\":\"only\",\"at\":\"2026-05-01T12:00:00Z\",\"x\":null,\"f\":0.5}\n"
        "{\"n\":8,\"s\":\"a b\",\"c\":\"only\",\"at\":\"2026-05-01T12:01:00Z\",\"x\":null,\"f\":0.75}\n"
        "{\"n\":6,\"s\":\"a b\",\"c\":\"only\",\"at\":\"2026-05-01T12:02:00Z\",\"x\":null,\"f\":1.0}\n");
    con_kit_release(&k);
}

static void distributions_are_what_they_say(void **state) {
    (void)state;
    struct con_kit k;
    con_kit_init(&k);
    enum { ROWS = 20000 };
    struct con_source *src = con_kit_open(&k,
        "u double, n double, p string, k string, z int, i int, at timestamp, w string", "generate",
        "rows = 20000, u = 'uniform 5 6', n = 'normal 20 3', p = 'pick A:3|B|C:0', k = 'key c 10', z = 'zipf "
        "100 1.2', i = 'uniform -1 1', "
        "disorder = 5 s, step = 1 s, null_share = 0.25",
        NULL, NULL);
    struct con_chunk c = { .batch = evt_batch_new(src->node->schema, 0) };
    uint64_t rows = 0, a = 0, b = 0, nulls = 0, first = 0, seen[3] = { 0 };
    double sum = 0, sum2 = 0, n_normal = 0;
    int64_t start, at = 0;
    assert_true(base_parse_timestamp(BASE_STR("2026-01-01"), &start));
    while (con_source_poll(src, CON_ANY, &c, NULL) == CEP_OK) {
        for (uint32_t r = 0; r < c.batch->n_rows; r++, rows++) {
            const struct evt_col *col = c.batch->cols;
            assert_int_equal(c.batch->seq[r], rows);
            if (evt_col_is_null(&col[0], r))
                nulls++;
            else
                assert_true(col[0].d[r] >= 5 && col[0].d[r] < 6);
            if (!evt_col_is_null(&col[1], r)) {
                sum += col[1].d[r];
                sum2 += (col[1].d[r] - 20) * (col[1].d[r] - 20);
                n_normal++;
            }
            if (!evt_col_is_null(&col[2], r)) {
                struct base_str s = evt_col_str(&col[2], r);
                a += s.p[0] == 'A';
                b += s.p[0] == 'B';
                assert_true(s.p[0] != 'C');
            }
            if (!evt_col_is_null(&col[3], r))
                assert_true(evt_col_str(&col[3], r).len == 2 && evt_col_str(&col[3], r).p[0] == 'c');
            first += !evt_col_is_null(&col[4], r) && col[4].i[r] == 0;
            if (!evt_col_is_null(&col[5], r))
                seen[col[5].i[r] + 1]++;
            assert_false(evt_col_is_null(&col[6], r));
            int64_t late = start + (int64_t)rows * 1000000 - col[6].i[r];
            assert_true(late >= 0 && late <= 5000000);
            at += late;
        }
        evt_batch_clear(c.batch);
    }
    assert_int_equal(rows, ROWS);
    assert_true(nulls > ROWS / 5 && nulls < ROWS * 3 / 10);
    assert_true(
        sum / n_normal > 19.8 && sum / n_normal < 20.2 && sum2 / n_normal > 8.5 && sum2 / n_normal < 9.5);
    assert_true(a > b * 5 / 2 && a < b * 7 / 2);
    assert_true(first > ROWS / 10); /* zipf: the first of a hundred keys has much more than a hundredth */
    assert_true(seen[0] > ROWS / 5 && seen[1] > ROWS / 5 && seen[2] > ROWS / 5);
    assert_true(at / ROWS > 2400000 && at / ROWS < 2600000);
    evt_batch_unref(c.batch);
    con_source_close(src);
    con_kit_release(&k);
}

static void the_rate_is_kept_by_the_clock(void **state) {
    (void)state;
    struct con_kit k;
    con_kit_init(&k);
    k.now_us = 5000000;
    struct con_source *src = con_kit_open(
        &k, "at timestamp", "generate", "rate = 100, start = 'now'", NULL, NULL);
    assert_false(con_source_bounded(src));
    struct con_chunk c = { .batch = evt_batch_new(src->node->schema, 0) };
    assert_int_equal(con_source_poll(src, CON_ANY, &c, NULL), CEP_OK);
    assert_int_equal(c.batch->n_rows, 1);
    assert_int_equal(c.batch->cols[0].i[0], 5000000);
    assert_int_equal(con_source_poll(src, CON_ANY, &c, NULL), CEP_AGAIN);
    assert_int_equal(c.next_poll_us, 5010001);
    k.now_us = 5100000;
    assert_int_equal(con_source_poll(src, CON_ANY, &c, NULL), CEP_OK);
    assert_int_equal(c.batch->n_rows, 11);
    assert_int_equal(c.batch->cols[0].i[10], 5100000);
    k.now_us = 5200000;
    k.set_by_us = -INT64_C(3600000000); /* a clock that is set back holds up nothing */
    assert_int_equal(con_source_poll(src, CON_ANY, &c, NULL), CEP_OK);
    assert_int_equal(c.batch->n_rows, 21);
    con_source_stop(src);
    assert_int_equal(con_source_poll(src, CON_ANY, &c, NULL), CEP_OK);
    assert_true(c.partition_done);
    assert_int_equal(con_source_poll(src, CON_ANY, &c, NULL), CEP_NONE);
    evt_batch_unref(c.batch);
    con_source_close(src);
    con_kit_release(&k);
}

static void mistakes(void **state) {
    (void)state;
    static const struct {
        const char *columns, *opts, *message;
    } cases[] = {
        { "a int", "b = 'uniform 0 1'",
            "connector \"generate\" has no option and the stream no column \"b\"" },
        { "a string", "a = 'uniform 0 1'",
            "column \"a\" of type string cannot be made by 'uniform 0 1': not a number" },
        { "a int", "a = 'uniform 5'",
            "column \"a\" of type int cannot be made by 'uniform 5': two numbers are needed" },
        { "a int", "a = 'uniform 5 1'",
            "column \"a\" of type int cannot be made by 'uniform 5 1': the first number is above the "
            "second" },
        { "a int", "a = 'gauss 5 1'",
            "column \"a\" of type int cannot be made by 'gauss 5 1': not a known word" },
        { "a int", "a = ''", "column \"a\" of type int cannot be made by '': not a known word" },
        { "a int", "a = 'pick 1|x'",
            "column \"a\" of type int cannot be made by 'pick 1|x': a choice is not a value of that type" },
        { "a double", "a = 'key 10'",
            "column \"a\" of type double cannot be made by 'key 10': keys are strings or ints" },
        { "a int", "a = 'clock'", "column \"a\" of type int cannot be made by 'clock': not a timestamp" },
        { "a int not null", "a = 'null'", "column \"a\" of type int cannot be made by 'null': not null" },
        { "a array(int) not null", NULL, "column \"a\": nothing to make it of, and not null" },
        { "a int", "a = 5", "option \"a\" wants a string such as 'uniform 0 100'" },
        { "a int", "start = 'soon'", "not a timestamp: \"soon\"" },
        { "a int", "null_share = 1.5", "null_share is 1.5, not between 0 and 1" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct con_kit k;
        struct con_source *src = NULL;
        struct cep_err err = CEP_ERR_INIT;
        con_kit_init(&k);
        assert_int_not_equal(
            con_source_open(con_kit_stream(&k, cases[i].columns, "generate", cases[i].opts, NULL, NULL),
                &k.env, &src, &err),
            CEP_OK);
        assert_string_equal(err.message, cases[i].message);
        con_kit_release(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_rows),
        cmocka_unit_test(specs),
        cmocka_unit_test(distributions_are_what_they_say),
        cmocka_unit_test(the_rate_is_kept_by_the_clock),
        cmocka_unit_test(mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
