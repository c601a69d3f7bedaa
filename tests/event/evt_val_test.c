/*
 * Types and values: names, order, JSON, text and key bytes.
 */
#include "event/evt_type.h"

#include "base/base_num.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka needs the four above first */
#include <cmocka.h>

static struct evt_val str_val(const char *z) {
    return (struct evt_val){ .s = { z, (uint32_t)strlen(z) } };
}

static void assert_json(const struct evt_type *t, struct evt_val v, const char *expect) {
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_json(&b, t, &v);
    assert_string_equal(base_buf_cstr(&b), expect);
    base_buf_release(&b);
}

static void types_are_written_as_the_language_does(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    struct evt_column cols[2] = { { BASE_STR("a"), evt_type_of(EVT_INT), false },
        { BASE_STR("b c"), evt_type_array(&a, evt_type_decimal(&a, 10, 2)), false } };
    const struct evt_type *row = evt_type_row(&a, 2, cols);
    struct base_buf b = BASE_BUF_INIT;
    evt_type_write(&b, row);
    assert_string_equal(base_buf_cstr(&b), "row(a int, \"b c\" array(decimal(10,2)))");
    assert_true(evt_type_eq(row, evt_type_row(&a, 2, cols)));
    assert_false(evt_type_eq(row, evt_type_row(&a, 1, cols)));
    assert_false(evt_type_eq(evt_type_decimal(&a, 10, 2), evt_type_decimal(&a, 10, 3)));
    base_buf_release(&b);
    base_arena_release(&a);
}

static void schemas_find_visible_columns_only(void **state) {
    (void)state;
    const struct evt_column cols[2] = { { BASE_STR("a"), evt_type_of(EVT_INT), false },
        { BASE_STR("$id"), evt_type_of(EVT_STRING), false } };
    const struct evt_schema s = { .n_cols = 2, .n_visible = 1, .cols = cols };
    assert_int_equal(evt_schema_find(&s, BASE_STR("a")), 0);
    assert_int_equal(evt_schema_find(&s, BASE_STR("A")), -1);
    assert_int_equal(evt_schema_find(&s, BASE_STR("$id")), -1);
}

static void scalars_become_json(void **state) {
    (void)state;
    assert_json(evt_type_of(EVT_BOOL), (struct evt_val){ .b = true }, "true");
    assert_json(evt_type_of(EVT_INT), (struct evt_val){ .i = INT64_MIN }, "-9223372036854775808");
    assert_json(evt_type_of(EVT_INT), EVT_VAL_NULL, "null");
    assert_json(evt_type_of(EVT_DOUBLE), (struct evt_val){ .d = 900 }, "900.0");
    assert_json(evt_type_of(EVT_DOUBLE), (struct evt_val){ .d = NAN }, "null");
    assert_json(evt_type_of(EVT_DOUBLE), (struct evt_val){ .d = -INFINITY }, "null");
    assert_json(evt_type_of(EVT_TIMESTAMP), (struct evt_val){ .i = 0 }, "\"1970-01-01T00:00:00Z\"");
    assert_json(evt_type_of(EVT_DURATION), (struct evt_val){ .i = INT64_C(3600000000) }, "\"1 h\"");
    assert_json(evt_type_of(EVT_BYTES), str_val(""), "\"\"");
    assert_json(evt_type_of(EVT_BYTES), str_val("a"), "\"YQ==\"");
    assert_json(evt_type_of(EVT_BYTES), str_val("ab"), "\"YWI=\"");
    assert_json(evt_type_of(EVT_BYTES), str_val("abcd"), "\"YWJjZA==\"");
    struct base_arena a;
    base_arena_init(&a, 0);
    assert_json(evt_type_decimal(&a, 5, 2), evt_val_of_dec(-1205), "\"-12.05\"");
    base_arena_release(&a);
}

static void strings_are_escaped(void **state) {
    (void)state;
    const struct evt_type *t = evt_type_of(EVT_STRING);
    assert_json(t, str_val(""), "\"\"");
    assert_json(t, str_val("plain text, longer than a word"), "\"plain text, longer than a word\"");
    assert_json(t, str_val("say \"hi\" \\ \n\r\t\b\f\x01\x1f end"),
        "\"say \\\"hi\\\" \\\\ \\n\\r\\t\\b\\f\\u0001\\u001f end\"");
    assert_json(t, str_val("12345678\"abcdefgh\\"), "\"12345678\\\"abcdefgh\\\\\"");
    assert_json(t, str_val("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"),
        "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
    assert_json(t, str_val("\x7f"), "\"\x7f\"");
    /* what is not UTF-8 is replaced byte by byte: lone continuation, overlong, surrogate, cut off */
    assert_json(t,
        str_val("a\x80"
                "b"),
        "\"a\xef\xbf\xbd"
        "b\"");
    assert_json(t, str_val("\xc0\xaf"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json(t, str_val("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json(t, str_val("x\xe2\x82"), "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
}

/* Every length and place: runs of eight and their tails agree with one byte at a time; pieces of long strings too. */
static void strings_are_escaped_at_every_offset(void **state) {
    (void)state;
    for (size_t len = 1; len < 40; len++)
        for (size_t at = 0; at < len; at++) {
            char in[40], expect[64];
            memset(in, 'x', len);
            in[at] = '\n';
            int n = snprintf(
                expect, sizeof expect, "\"%.*s\\n%.*s\"", (int)at, in, (int)(len - at - 1), in + at + 1);
            struct base_buf b = BASE_BUF_INIT;
            evt_json_write_str(&b, (struct base_str){ in, len });
            assert_int_equal(b.len, n);
            assert_memory_equal(b.p, expect, b.len);
            base_buf_release(&b);
        }
    char *big = malloc(10000);
    for (size_t i = 0; i < 5000; i++)
        memcpy(big + 2 * i, "\xc3\xbc", 2);
    struct base_buf b = BASE_BUF_INIT;
    evt_json_write_str(&b, (struct base_str){ big + 1, 9999 });
    assert_int_equal(b.len, 9998 + 3 + 2);
    assert_memory_equal(b.p + 4, big + 2, 9998);
    base_buf_release(&b);
    free(big);
}

static void nested_values_become_json(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    struct evt_column cols[2] = { { BASE_STR("n\"1"), evt_type_of(EVT_INT), false },
        { BASE_STR("s"), evt_type_of(EVT_STRING), false } };
    const struct evt_type *t = evt_type_array(&a, evt_type_row(&a, 2, cols));
    struct evt_val f1[2] = { { .i = 1 }, str_val("x") }, f2[2] = { EVT_VAL_NULL, EVT_VAL_NULL };
    struct evt_val rows[2] = { { .list = { f1, 2 } }, { .list = { f2, 2 } } };
    struct evt_val v = { .list = { rows, 2 } };
    assert_json(t, v, "[{\"n\\\"1\":1,\"s\":\"x\"},{\"n\\\"1\":null,\"s\":null}]");
    assert_json(t, (struct evt_val){ .list = { NULL, 0 } }, "[]");
    struct evt_val c = evt_val_copy(&a, t, &v);
    assert_true(evt_val_eq(t, &v, &c));
    assert_ptr_not_equal(c.list.v[0].list.v[1].s.p, f1[1].s.p);
    base_arena_release(&a);
}

static void literals_are_those_of_the_language(void **state) {
    (void)state;
    struct base_arena a;
    base_arena_init(&a, 0);
    struct evt_column cols[3] = { { BASE_STR("s"), evt_type_of(EVT_STRING), false },
        { BASE_STR("t"), evt_type_of(EVT_TIMESTAMP), false },
        { BASE_STR("b"), evt_type_of(EVT_BYTES), false } };
    const struct evt_type *t = evt_type_array(&a, evt_type_row(&a, 3, cols));
    struct evt_val fields[3] = { str_val("it's"), { .i = 0 }, str_val("hi") },
                   row = { .list = { fields, 3 } };
    struct base_buf b = BASE_BUF_INIT;
    evt_val_write_literal(&b, t, &(struct evt_val){ .list = { &row, 1 } });
    base_buf_putc(&b, ' ');
    evt_val_write_literal(&b, t, &(struct evt_val)EVT_VAL_NULL);
    base_buf_putc(&b, ' ');
    evt_val_write_literal(&b, evt_type_of(EVT_DURATION), &(struct evt_val){ .i = 5000000 });
    assert_string_equal(
        base_buf_cstr(&b), "[row('it''s', timestamp '1970-01-01T00:00:00Z', from_base64('aGk='))] null 5 s");
    base_buf_release(&b);
    base_arena_release(&a);
}

static void order_is_total(void **state) {
    (void)state;
    const struct evt_type *d = evt_type_of(EVT_DOUBLE), *s = evt_type_of(EVT_STRING);
    struct evt_val null = EVT_VAL_NULL, nan = { .d = NAN }, inf = { .d = INFINITY }, zero = { .d = 0.0 },
                   neg = { .d = -0.0 };
    assert_true(evt_val_cmp(d, &null, &neg) < 0);
    assert_true(evt_val_cmp(d, &inf, &nan) < 0);
    assert_int_equal(evt_val_cmp(d, &nan, &nan), 0);
    assert_int_equal(evt_val_cmp(d, &zero, &neg), 0);
    assert_int_equal(evt_val_cmp(d, &null, &null), 0);
    struct evt_val ab = str_val("ab"), abc = str_val("abc"), b = str_val("b");
    assert_true(evt_val_cmp(s, &ab, &abc) < 0);
    assert_true(evt_val_cmp(s, &abc, &b) < 0);
}

static void keys_are_canonical(void **state) {
    (void)state;
    const struct evt_type *d = evt_type_of(EVT_DOUBLE), *s = evt_type_of(EVT_STRING);
    struct base_buf x = BASE_BUF_INIT, y = BASE_BUF_INIT;
    evt_val_write_key(&x, d, &(struct evt_val){ .d = -0.0 });
    evt_val_write_key(&y, d, &(struct evt_val){ .d = 0.0 });
    assert_int_equal(x.len, 9);
    assert_memory_equal(x.p, y.p, 9);
    base_buf_clear(&x);
    base_buf_clear(&y);
    /* "a" "bc" and "ab" "c"; null and "" */
    struct evt_val a = str_val("a"), bc = str_val("bc"), ab = str_val("ab"), c = str_val("c");
    evt_val_write_key(&x, s, &a), evt_val_write_key(&x, s, &bc);
    evt_val_write_key(&y, s, &ab), evt_val_write_key(&y, s, &c);
    assert_int_equal(x.len, y.len);
    assert_memory_not_equal(x.p, y.p, x.len);
    base_buf_clear(&x);
    base_buf_clear(&y);
    struct evt_val null = EVT_VAL_NULL, empty = str_val("");
    evt_val_write_key(&x, s, &null);
    evt_val_write_key(&y, s, &empty);
    assert_int_equal(x.len, 1);
    assert_int_equal(y.len, 5);
    base_buf_release(&x);
    base_buf_release(&y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_written_as_the_language_does),
        cmocka_unit_test(schemas_find_visible_columns_only),
        cmocka_unit_test(scalars_become_json),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(strings_are_escaped_at_every_offset),
        cmocka_unit_test(nested_values_become_json),
        cmocka_unit_test(literals_are_those_of_the_language),
        cmocka_unit_test(order_is_total),
        cmocka_unit_test(keys_are_canonical),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
