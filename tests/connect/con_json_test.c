/* con_json_test -- NDJSON into columns: what is taken, what is bad and why, wherever the input is cut. */
#include "tests/connect/con_check.h"

#include "connect/con_internal.h"
#include "connect/con_json_shim.h"

#include <stdlib.h>

static void json(const char *columns, const char *opts, const char *in, const char *rows, const char *bad) {
    check_decode(columns, "json", opts, in, rows, bad);
}

static void scalars_of_every_type(void **state) {
    (void)state;
    json("b bool, i int, d double, s string, y bytes, t timestamp, u duration, n decimal(10,2)", NULL,
        "{\"b\":true,\"i\":-42,\"d\":1.5,\"s\":\"hi\",\"y\":\"AQID\",\"t\":\"2026-01-01T10:00:00.123Z\","
        "\"u\":\"5 s\","
        "\"n\":\"12.34\"}\n"
        "{\"n\":-0.5,\"u\":\"1 h 30 min\",\"t\":\"2026-01-01 "
        "10:00:00+02:00\",\"y\":\"\",\"s\":\"\",\"d\":7,\"i\":1e3,\"b\":"
        "false}\n",
        "{\"b\":true,\"i\":-42,\"d\":1.5,\"s\":\"hi\",\"y\":\"AQID\",\"t\":\"2026-01-01T10:00:00.123Z\","
        "\"u\":\"5 s\",\"n\":"
        "\"12.34\"}\n"
        "{\"b\":false,\"i\":1000,\"d\":7.0,\"s\":\"\",\"y\":\"\",\"t\":\"2026-01-01T08:00:00Z\",\"u\":\"1 h "
        "30 min\",\"n\":"
        "\"-0.50\"}\n",
        "");
}

static void missing_is_null_and_unknown_is_ignored(void **state) {
    (void)state;
    json("a int, b string", NULL,
        "{\"b\":\"x\",\"zzz\":{\"deep\":[1,{\"a\":2}]},\"more\":null}\n{}\n{\"a\":null}\n  \n\n{ \"a\" : 3 , "
        "\"b\" : \"y\" }\r\n",
        "{\"a\":null,\"b\":\"x\"}\n{\"a\":null,\"b\":null}\n{\"a\":null,\"b\":null}\n{\"a\":3,\"b\":\"y\"}\n",
        "");
}

static void last_line_may_lack_its_newline(void **state) {
    (void)state;
    json("a int", NULL, "{\"a\":1}\n{\"a\":2}", "{\"a\":1}\n{\"a\":2}\n", "");
    json("a int", NULL, "{\"a\":1}\n{\"a\":", "{\"a\":1}\n",
        "mem@8: not JSON at byte 6: expected a value, not the end [{\"a\":]\n");
    json("a int", NULL, "", "", "");
    json("a int", NULL, "{\"a\":1}   ", "{\"a\":1}\n", "");
    json("a int", NULL, "\xef\xbb\xbf{\"a\":1}\n", "{\"a\":1}\n", "");
}

static void strings_and_escapes(void **state) {
    (void)state;
    json("s string", NULL,
        "{\"s\":\"\\\"\\\\\\/"
        "\\b\\f\\n\\r\\t\"}\n{\"s\":\"\\u00e9\\ud83d\\ude00\\u0041\"}\n{\"s\":\"caf\xc3\xa9 sixteen bytes "
        "and more\"}\n"
        "{\"\\u0073\":\"key with an escape\"}\n",
        "{\"s\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}\n{\"s\":\"\xc3\xa9\xf0\x9f\x98\x80"
        "A\"}\n{\"s\":\"caf\xc3\xa9 sixteen bytes and more\"}\n"
        "{\"s\":\"key with an escape\"}\n",
        "");
    json("s string", NULL,
        "{\"s\":\"\\x\"}\n{\"s\":\"\\ud800\"}\n{\"s\":\"\\udc00\"}\n{\"s\":\"\\u12\"}\n{\"s\":\"a\tb\"}\n{"
        "\"s\":\"ok\"}\n",
        "{\"s\":\"ok\"}\n",
        "mem@0: not JSON at byte 8: invalid escape [{\"s\":\"\\x\"}]\n"
        "mem@11: not JSON at byte 8: half of a surrogate pair [{\"s\":\"\\ud800\"}]\n"
        "mem@26: not JSON at byte 8: half of a surrogate pair [{\"s\":\"\\udc00\"}]\n"
        "mem@41: not JSON at byte 8: invalid escape [{\"s\":\"\\u12\"}]\n"
        "mem@54: not JSON at byte 8: a control character in a string [{\"s\":\"a\tb\"}]\n");
}

static void invalid_utf8_is_bad_wherever_it_is(void **state) {
    (void)state;
    json("s string", NULL,
        "{\"s\":\"a\xff\"}\n{\"x\":\"\xc3\"}\n{\"\xe2\x82\":1}\n{\"s\":\"\xe2\x82\xac\"}\n",
        "{\"s\":\"\xe2\x82\xac\"}\n",
        "mem@0: not JSON at byte 8: invalid UTF-8 [{\"s\":\"a\xff\"}]\n"
        "mem@11: not JSON at byte 7: invalid UTF-8 [{\"x\":\"\xc3\"}]\n"
        "mem@21: not JSON at byte 3: invalid UTF-8 [{\"\xe2\x82\":1}]\n");
}

static void wrong_types_say_what_they_are(void **state) {
    (void)state;
    json("i int, d double, s string, b bool, t timestamp", NULL,
        "{\"i\":\"42\"}\n{\"i\":1.5}\n{\"d\":\"x\"}\n{\"s\":5}\n{\"b\":1}\n{\"t\":\"yesterday\"}\n{\"t\":17}"
        "\n{\"s\":{\"a\":1}}\n{\"i\":[1]}\n"
        "{\"i\":true}\n",
        "",
        "mem@0: column \"i\": not of type int but a string: \"42\" [{\"i\":\"42\"}]\n"
        "mem@11: column \"i\": not of type int but a number with a fraction: \"1.5\" [{\"i\":1.5}]\n"
        "mem@21: column \"d\": not of type double but a string: \"x\" [{\"d\":\"x\"}]\n"
        "mem@31: column \"s\": not of type string but a number: \"5\" [{\"s\":5}]\n"
        "mem@39: column \"b\": not of type bool but a number: \"1\" [{\"b\":1}]\n"
        "mem@47: column \"t\": not a timestamp: \"yesterday\" [{\"t\":\"yesterday\"}]\n"
        "mem@65: column \"t\": not of type timestamp but a number: \"17\" [{\"t\":17}]\n"
        "mem@74: column \"s\": not of type string but an object: \"{\"a\":1\" [{\"s\":{\"a\":1}}]\n"
        "mem@88: column \"i\": not of type int but an array: \"[1\" [{\"i\":[1]}]\n"
        "mem@98: column \"i\": not of type int but a bool: \"true\" [{\"i\":true}]\n");
}

static void numbers_out_of_range(void **state) {
    (void)state;
    json("i int, d double, n decimal(4,2)", NULL,
        "{\"i\":9223372036854775807}\n{\"i\":9223372036854775808}\n{\"i\":1e30}\n{\"d\":1e999}\n{\"d\":1e308}"
        "\n{\"n\":123.45}\n{\"i\":-"
        "9223372036854775808}\n{\"d\":0.1234567890123456789}\n{\"d\":-0.0}\n",
        "{\"i\":9223372036854775807,\"d\":null,\"n\":null}\n{\"i\":null,\"d\":1e+308,\"n\":null}\n"
        "{\"i\":-9223372036854775808,\"d\":null,\"n\":null}\n"
        "{\"i\":null,\"d\":0.12345678901234568,\"n\":null}\n{\"i\":null,\"d\":-0.0,\"n\":null}\n",
        "mem@26: column \"i\": out of range of int: \"9223372036854775808\" [{\"i\":9223372036854775808}]\n"
        "mem@52: column \"i\": out of range of int: \"1e30\" [{\"i\":1e30}]\n"
        "mem@63: column \"d\": out of range of double: \"1e999\" [{\"d\":1e999}]\n"
        "mem@87: column \"n\": out of range of decimal(4,2): \"123.45\" [{\"n\":123.45}]\n");
}

static void what_is_not_json(void **state) {
    (void)state;
    json("a int, d double", NULL,
        "[1]\n17\nhello\n{\"a\":01}\n{\"a\":1,}\n{\"a\" "
        "1}\n{a:1}\n{\"a\":1}}\n{\"a\":tru}\n{\"a\":-}\n{\"d\":1.}\n{\"x\":[1,]}\n{\"x\":1.e5}\n"
        "{\"d\":00.5}\n{\"x\":nul}\n{\"a\":1} x\n{\"a\":+1}\n{\"a\":1\n",
        "",
        "mem@0: not JSON at byte 1: expected an object, not \"[\" [[1]]\n"
        "mem@4: not JSON at byte 1: expected an object, not \"1\" [17]\n"
        "mem@7: not JSON at byte 1: expected a value, not \"h\" [hello]\n"
        "mem@13: not JSON at byte 6: a number with a leading zero [{\"a\":01}]\n"
        "mem@22: not JSON at byte 8: expected a key in double quotes, not \"}\" [{\"a\":1,}]\n"
        "mem@31: not JSON at byte 6: expected \":\" behind a key, not \"1\" [{\"a\" 1}]\n"
        "mem@39: not JSON at byte 2: expected a key in double quotes, not \"a\" [{a:1}]\n"
        "mem@45: not JSON at byte 8: text behind the object [{\"a\":1}}]\n"
        "mem@54: column \"a\": not of type int but a bool: \"tru\" [{\"a\":tru}]\n"
        "mem@64: not JSON at byte 6: expected a value, not \"-\" [{\"a\":-}]\n"
        "mem@72: not JSON at byte 6: a number that ends with a point [{\"d\":1.}]\n"
        "mem@81: not JSON at byte 9: expected a value, not \"]\" [{\"x\":[1,]}]\n"
        "mem@92: not JSON at byte 6: a number that ends with a point [{\"x\":1.e5}]\n"
        "mem@103: not JSON at byte 6: a number with a leading zero [{\"d\":00.5}]\n"
        "mem@114: not JSON at byte 6: expected a value, not \"n\" [{\"x\":nul}]\n"
        "mem@124: not JSON at byte 9: text behind the object [{\"a\":1} x]\n"
        "mem@134: not JSON at byte 6: expected a value, not \"+\" [{\"a\":+1}]\n"
        "mem@143: not JSON at byte 7: expected \",\" or \"}\", not the end [{\"a\":1]\n");
}

static void duplicate_keys_the_last_wins_and_is_counted(void **state) {
    (void)state;
    struct con_kit k;
    con_kit_init(&k);
    con_kit_put(&k, "in", "{\"a\":1,\"a\":null,\"a\":3,\"s\":\"long\",\"s\":\"x\"}\n{\"a\":1,\"a\":null}\n");
    struct con_source *src = con_kit_open(&k, "a int, s string", "file", "path = 'in'", "json", NULL);
    struct base_buf rows = BASE_BUF_INIT;
    struct con_source_stats stats;
    assert_true(con_kit_read(&k, src, &rows, 0));
    assert_string_equal(rows.p, "{\"a\":3,\"s\":\"x\"}\n{\"a\":null,\"s\":null}\n");
    con_source_stats(src, &stats);
    assert_int_equal(stats.duplicate_keys, 4);
    assert_int_equal(stats.rows, 2);
    base_buf_release(&rows);
    con_source_close(src);
    con_kit_release(&k);
}

static void nested_fields_by_path(void **state) {
    (void)state;
    json("\"user.id\" int, first string, card string, \"a.b.c\" int",
        "path_first = '$.items[1].name', path_card = 'payment.card'",
        "{\"user\":{\"x\":[1,2],\"id\":7},\"items\":[{\"name\":\"p\"},{\"q\":1,\"name\":\"r\"},3],"
        "\"payment\":{\"card\":\"c1\"}}\n"
        "{\"user.id\":8,\"items\":[],\"payment\":5,\"a\":{\"b\":{\"c\":1,\"d\":2}}}\n{\"user\":null,\"a\":{"
        "\"b\":[1]}}\n",
        "{\"user.id\":7,\"first\":\"r\",\"card\":\"c1\",\"a.b.c\":null}\n{\"user.id\":8,\"first\":null,"
        "\"card\":null,\"a.b.c\":1}\n"
        "{\"user.id\":null,\"first\":null,\"card\":null,\"a.b.c\":null}\n",
        "");
}

static void arrays_and_rows(void **state) {
    (void)state;
    json("l array(int), r row(a int, b array(string), c row(d double)), n array(array(bool))", NULL,
        "{\"l\":[1,null,-3],\"r\":{\"b\":[\"x\",\"\\u0079\"],\"a\":1,\"zz\":{}},\"n\":[[true],[],[false,null]"
        "]}\n"
        "{\"l\":[],\"r\":{\"c\":{\"d\":0.5}}}\n{\"l\":null,\"r\":null}\n{\"l\":[1,\"x\"]}\n{\"l\":5}\n{\"l\":"
        "[1,]}\n{\"r\":{\"a\":1,}}\n",
        "{\"l\":[1,null,-3],\"r\":{\"a\":1,\"b\":[\"x\",\"y\"],\"c\":null},\"n\":[[true],[],[false,null]]}\n"
        "{\"l\":[],\"r\":{\"a\":null,\"b\":null,\"c\":{\"d\":0.5}},\"n\":null}\n{\"l\":null,\"r\":null,\"n\":"
        "null}\n",
        "mem@135: column \"l\": not of type int but a string: \"x\" [{\"l\":[1,\"x\"]}]\n"
        "mem@149: column \"l\": not of type array(int) but a number: \"5\" [{\"l\":5}]\n"
        "mem@157: not JSON at byte 9: expected a value, not \"]\" [{\"l\":[1,]}]\n"
        "mem@168: not JSON at byte 13: expected a key in double quotes, not \"}\" [{\"r\":{\"a\":1,}}]\n");
}

static void not_null_columns(void **state) {
    (void)state;
    json("a int not null, b string", NULL, "{\"b\":\"x\"}\n{\"a\":null}\n{\"a\":1}\n",
        "{\"a\":1,\"b\":null}\n",
        "mem@0: column \"a\" is missing, and not null [{\"b\":\"x\"}]\n"
        "mem@10: column \"a\": null in a column that is not null: \"null\" [{\"a\":null}]\n");
}

static void timestamps_in_other_formats(void **state) {
    (void)state;
    json("t timestamp", "timestamp_format = 'epoch_ms'",
        "{\"t\":1767261600123}\n{\"t\":\"1767261600123.5\"}\n{\"t\":\"x\"}\n{\"t\":1e12}\n",
        "{\"t\":\"2026-01-01T10:00:00.123Z\"}\n{\"t\":\"2026-01-01T10:00:00.123500Z\"}\n{\"t\":\"2001-09-"
        "09T01:46:40Z\"}\n",
        "mem@44: column \"t\": not a timestamp: \"x\" [{\"t\":\"x\"}]\n");
    json("t timestamp", "timestamp_format = 'epoch_s'", "{\"t\":1767261600.25}\n",
        "{\"t\":\"2026-01-01T10:00:00.250Z\"}\n", "");
    json("t timestamp", "timestamp_format = 'epoch_us'", "{\"t\":1767261600000001}\n",
        "{\"t\":\"2026-01-01T10:00:00.000001Z\"}\n", "");
    json("t timestamp", "timestamp_format = '%d/%m/%Y %H:%M'", "{\"t\":\"31/12/2025 23:59\"}\n",
        "{\"t\":\"2025-12-31T23:59:00Z\"}\n", "");
}

static void deep_nesting_is_refused_without_recursion(void **state) {
    (void)state;
    enum { DEEP = 1000000 };
    char *in = malloc(DEEP + 64);
    memcpy(in, "{\"x\":", 5);
    memset(in + 5, '[', DEEP);
    memcpy(in + 5 + DEEP, "\n{\"a\":1}\n", 10);
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT;
    con_kit_init(&k);
    con_kit_decode(&k, "a int", "json", NULL, in, strlen(in), 65536, &rows);
    assert_string_equal(rows.p, "{\"a\":1}\n");
    assert_int_equal(k.n_bad, 1);
    assert_non_null(strstr(k.bad.p, "nested deeper than 1024 levels"));
    base_buf_release(&rows);
    con_kit_release(&k);
    free(in);
}

static void a_record_too_long_is_skipped_and_told_once(void **state) {
    (void)state;
    enum { LONG = 40 << 20 };
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT;
    char *in = malloc(LONG + 64);
    con_kit_init(&k);
    memcpy(in, "{\"a\":1}\n{\"s\":\"", 14);
    memset(in + 14, 'x', LONG);
    memcpy(in + 14 + LONG, "\"}\n{\"a\":2}\n", 12);
    con_kit_decode(&k, "a int", "json", NULL, in, strlen(in), 100000, &rows);
    assert_string_equal(rows.p, "{\"a\":1}\n{\"a\":2}\n");
    assert_int_equal(k.n_bad, 1);
    assert_int_equal(strncmp(k.bad.p, "mem@8: record longer than max_record (16777216 bytes) [", 54), 0);
    base_buf_release(&rows);
    con_kit_release(&k);
    free(in);
    json("a int", "max_record = 20", "{\"a\":1}\n{\"a\":1, \"b\":  \"xxxxxxxxxxx\"}\n{\"a\":2}\n",
        "{\"a\":1}\n{\"a\":2}\n",
        "mem@8: record longer than max_record (20 bytes) [{\"a\":1, \"b\":  \"xxxxxxxxxxx\"}]\n");
}

static void options_that_are_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *opts, *message;
        unsigned line;
    } cases[] = {
        { "path_b = '$.x'", "option \"path_b\" names no column", 1 },
        { "max_record = 100, shape = 'x'", "format \"json\" has no option \"shape\"", 2 },
        { "path_a = '$.x['", "path of column \"a\" is not of the form $.key[0]['another key']: \"$.x[\"", 1 },
        { "path_a = '$'", "path of column \"a\" is the whole record: \"$\"", 1 },
        { "path_a = 5", "option \"path_a\" wants a string", 1 },
        { "timestamp_format = '%Q'", "timestamp format has an unknown conversion \"%Q\"", 1 },
        { "timestamp_format = 'unix'", "unknown timestamp format \"unix\"", 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct con_kit k;
        struct con_source *src;
        struct cep_err err = CEP_ERR_INIT;
        con_kit_init(&k);
        assert_int_equal(con_source_open(con_kit_stream(&k, "a int", "stdin", NULL, "json", cases[i].opts),
                             &k.env, &src, &err),
            CEP_EINVAL);
        assert_string_equal(err.message, cases[i].message);
        assert_int_equal(err.span.line, cases[i].line);
        con_kit_release(&k);
    }
}

/* Many rows of changing key order, more than a batch, over a buffer's end. */
static void many_rows_keep_their_positions(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf in = BASE_BUF_INIT, want = BASE_BUF_INIT, rows = BASE_BUF_INIT;
    con_kit_init(&k);
    for (int i = 0; i < 5000; i++) {
        if (i % 3 == 0)
            base_buf_printf(&in, "{\"a\":%d,\"s\":\"row %d\"}\n", i, i);
        else if (i % 3 == 1)
            base_buf_printf(&in, "{\"s\":\"row %d\",\"new%d\":[],\"a\":%d}\n", i, i, i);
        else
            base_buf_printf(&in, "{\"a\":%d}\n", i);
        if (i % 3 == 2)
            base_buf_printf(&want, "{\"a\":%d,\"s\":null}\n", i);
        else
            base_buf_printf(&want, "{\"a\":%d,\"s\":\"row %d\"}\n", i, i);
    }
    con_kit_decode(&k, "a int, s string", "json", NULL, in.p, in.len, 1000, &rows);
    assert_string_equal(rows.p, want.p);
    con_kit_write(&k, "in", in.p, in.len, false);
    struct con_source *src = con_kit_open(&k, "a int, s string", "file", "path = 'in'", "json", NULL);
    struct con_chunk chunk = { .batch = evt_batch_new(con_kit_schema(&k, "a int, s string"), 0) };
    uint64_t n = 0;
    while (con_source_poll(src, CON_ANY, &chunk, NULL) == CEP_OK) {
        for (uint32_t i = 0; i < chunk.batch->n_rows; i++, n++) {
            assert_int_equal(chunk.batch->cols[0].i[i], n);
            assert_int_equal(chunk.batch->origin[i], 0);
            const char *at = in.p + chunk.batch->seq[i];
            assert_true(*at == '{' && (at == in.p || at[-1] == '\n'));
        }
        evt_batch_clear(chunk.batch);
    }
    assert_int_equal(n, 5000);
    evt_batch_unref(chunk.batch);
    con_source_close(src);
    base_buf_release(&in);
    base_buf_release(&want);
    base_buf_release(&rows);
    con_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_of_every_type),
        cmocka_unit_test(missing_is_null_and_unknown_is_ignored),
        cmocka_unit_test(last_line_may_lack_its_newline),
        cmocka_unit_test(strings_and_escapes),
        cmocka_unit_test(invalid_utf8_is_bad_wherever_it_is),
        cmocka_unit_test(wrong_types_say_what_they_are),
        cmocka_unit_test(numbers_out_of_range),
        cmocka_unit_test(what_is_not_json),
        cmocka_unit_test(duplicate_keys_the_last_wins_and_is_counted),
        cmocka_unit_test(nested_fields_by_path),
        cmocka_unit_test(arrays_and_rows),
        cmocka_unit_test(not_null_columns),
        cmocka_unit_test(timestamps_in_other_formats),
        cmocka_unit_test(deep_nesting_is_refused_without_recursion),
        cmocka_unit_test(a_record_too_long_is_skipped_and_told_once),
        cmocka_unit_test(options_that_are_mistakes),
        cmocka_unit_test(many_rows_keep_their_positions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
