/* con_csv_test -- CSV into columns and back: RFC 4180, headers, nulls, and records that are none. */
#include "tests/connect/con_check.h"

#include "connect/con_internal.h"

static void csv(const char *columns, const char *opts, const char *in, const char *rows, const char *bad) {
    check_decode(columns, "csv", opts, in, rows, bad);
}

static void header_maps_columns_by_name(void **state) {
    (void)state;
    csv("a int, b string", NULL, "b,zzz,a\nx,1,2\ny,,3\n", "{\"a\":2,\"b\":\"x\"}\n{\"a\":3,\"b\":\"y\"}\n",
        "");
    csv("a int, b string", NULL, "\xef\xbb\xbf\"b\", a \r\nx,2\r\n", "{\"a\":2,\"b\":\"x\"}\n", "");
    csv("a int, b string", "header = false", "1,x\n2,y", "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}\n",
        "");
}

static void a_header_without_a_column_warns(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT;
    con_kit_init(&k);
    con_kit_decode(&k, "a int, b string, c int not null", "csv", NULL, "a\n1\n", 4, 0, &rows);
    assert_string_equal(k.log.p, "warning: stream \"s\": the csv header has no \"b\", \"c\": always null\n");
    assert_string_equal(k.bad.p, "mem@2: column \"c\" is missing, and not null [1]\n");
    base_buf_release(&rows);
    con_kit_release(&k);
}

static void quotes_delimiters_and_newlines_inside(void **state) {
    (void)state;
    csv("a string, b string", NULL, "a,b\n\"x,y\",\"two\nlines\"\n\"say \"\"hi\"\"\",\"\"\n\"\",\n",
        "{\"a\":\"x,y\",\"b\":\"two\\nlines\"}\n"
        "{\"a\":\"say \\\"hi\\\"\",\"b\":\"\"}\n{\"a\":\"\",\"b\":null}\n",
        "");
    csv("a string, b string", "escape = '\\'", "a,b\n\"q\\\"q\\\\\",\"x\"\n",
        "{\"a\":\"q\\\"q\\\\\",\"b\":\"x\"}\n", "");
    csv("a string, b int", "delimiter = ';', quote = '|', null = 'NA'", "a;b\n|x;y|;3\nNA;NA\n|NA|;4\n",
        "{\"a\":\"x;y\",\"b\":3}\n{\"a\":null,\"b\":null}\n{\"a\":\"NA\",\"b\":4}\n", "");
    csv("a string, b int", "delimiter = 'tab', quote = ''", "a\tb\n\"x\"\t3\n",
        "{\"a\":\"\\\"x\\\"\",\"b\":3}\n", "");
}

static void ragged_records(void **state) {
    (void)state;
    csv("a int, b int", NULL, "a,b\n1\n1,2,3\n1,2\n", "{\"a\":1,\"b\":2}\n",
        "mem@4: 1 fields, not 2 [1]\nmem@6: 3 fields, not 2 [1,2,3]\n");
    csv("a int, b int", "ragged = 'allow'", "a,b\n1\n1,2,3\n", "{\"a\":1,\"b\":null}\n{\"a\":1,\"b\":2}\n",
        "");
}

static void bad_values(void **state) {
    (void)state;
    csv("i int, d double, b bool, t timestamp, n decimal(4,1), u duration, y bytes, s string",
        "header = false",
        "1,2.5,yes,2026-01-01,1.5,5 s,AQ==,ok\n"
        "x,,,,,,,\n,1e999,,,,,,\n,,maybe,,,,,\n,,,soon,,,,\n,,,,12345,,,\n,,,,,a "
        "while,,\n,,,,,,A,\n,,,,,,,\xff\n99999999999999999999,,,,,,,\n",
        "{\"i\":1,\"d\":2.5,\"b\":true,\"t\":\"2026-01-01T00:00:00Z\",\"n\":\"1.5\",\"u\":\"5 "
        "s\",\"y\":\"AQ==\",\"s\":\"ok\"}\n",
        "mem@37: column \"i\": not a value of type int: \"x\" [x,,,,,,,]\n"
        "mem@46: column \"d\": out of range of double: \"1e999\" [,1e999,,,,,,]\n"
        "mem@59: column \"b\": not a bool: \"maybe\" [,,maybe,,,,,]\n"
        "mem@72: column \"t\": not a timestamp: \"soon\" [,,,soon,,,,]\n"
        "mem@84: column \"n\": out of range of decimal(4,1): \"12345\" [,,,,12345,,,]\n"
        "mem@97: column \"u\": not a duration: \"a while\" [,,,,,a while,,]\n"
        "mem@112: column \"y\": not base64: \"A\" [,,,,,,A,]\n"
        "mem@121: column \"s\": invalid UTF-8: \"?\" [,,,,,,,\xff]\n"
        "mem@130: column \"i\": out of range of int: \"99999999999999999999\" "
        "[99999999999999999999,,,,,,,]\n");
}

static void quotes_gone_wrong_cost_one_line(void **state) {
    (void)state;
    csv("a string, b int", "header = false", "\"x\"y,1\nok,2\n\"open,3\nok,4\n",
        "{\"a\":\"ok\",\"b\":2}\n{\"a\":\"ok\",\"b\":4}\n",
        "mem@0: text behind a closing quote [\"x\"y,1]\nmem@12: a quote that is not closed [\"open,3]\n");
}

/* An open quote in a long file: given up after max_record bytes, not at the end of the input. */
static void an_open_quote_does_not_swallow_the_file(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf in = BASE_BUF_INIT, rows = BASE_BUF_INIT;
    con_kit_init(&k);
    base_buf_puts(&in, "\"open,0\n");
    for (int i = 0; i < 20000; i++)
        base_buf_printf(&in, "row,%d\n", i);
    con_kit_decode(
        &k, "a string, b int", "csv", "header = false, max_record = 1000", in.p, in.len, 4096, &rows);
    assert_int_equal(k.n_bad, 1);
    assert_string_equal(k.bad.p, "mem@0: a quote that is not closed [\"open,0]\n");
    assert_non_null(strstr(rows.p, "{\"a\":\"row\",\"b\":0}\n"));
    assert_non_null(strstr(rows.p, "{\"a\":\"row\",\"b\":19999}\n"));
    base_buf_release(&in);
    base_buf_release(&rows);
    con_kit_release(&k);
}

static void comments_blanks_and_empty_lines(void **state) {
    (void)state;
    csv("a int, b string", "comment = '#', trim = true",
        "# made by hand\na , b\n\n 1 , x \n#2,y\n 3 , \" y \" \n",
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":3,\"b\":\" y \"}\n", "");
}

static void dialects_that_are_mistakes(void **state) {
    (void)state;
    static const struct {
        const char *columns, *opts, *message;
    } cases[] = {
        { "a int", "delimiter = ''", "option \"delimiter\" wants one ASCII character, not \"\"" },
        { "a int", "delimiter = '||'", "option \"delimiter\" wants one ASCII character, not \"||\"" },
        { "a int", "quote = ','", "delimiter and quote are the same character" },
        { "a array(int)", NULL, "format \"csv\" cannot read column \"a\": arrays and rows have no text" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct con_kit k;
        struct con_source *src;
        struct cep_err err = CEP_ERR_INIT;
        con_kit_init(&k);
        assert_int_not_equal(
            con_source_open(con_kit_stream(&k, cases[i].columns, "stdin", NULL, "csv", cases[i].opts), &k.env,
                &src, &err),
            CEP_OK);
        assert_string_equal(err.message, cases[i].message);
        con_kit_release(&k);
    }
}

static void written(const char *opts, const char *want) {
    struct con_kit k;
    struct con_encoder *enc;
    struct base_buf out = BASE_BUF_INIT;
    con_kit_init(&k);
    const struct evt_schema *schema = con_kit_schema(
        &k, "a string, i int, d double, t timestamp, l array(string)");
    struct evt_batch *b = con_kit_batch(&k, schema,
        "{\"a\":\"x\",\"i\":-1,\"d\":0.1,\"t\":\"2026-01-01T10:00:00.5Z\",\"l\":[\"p\",\"q\"]}\n"
        "{\"a\":\"\",\"i\":null}\n{\"a\":\"a,b \\\"c\\\"\\nd\",\"d\":1e300}\n");
    assert_int_equal(
        con_csv.encoder->open(con_kit_sink(&k, "stdout", NULL, "csv", opts), schema, &enc, NULL), CEP_OK);
    enc->vt->begin(enc, &out);
    for (uint32_t i = 0; i < b->n_rows; i++)
        enc->vt->row(enc, b, i, &out);
    assert_string_equal(out.p, want);
    enc->vt->close(enc);
    evt_batch_unref(b);
    base_buf_release(&out);
    con_kit_release(&k);
}

static void writing(void **state) {
    (void)state;
    written(NULL, "a,i,d,t,l\nx,-1,0.1,2026-01-01T10:00:00.500Z,\"[\"\"p\"\",\"\"q\"\"]\"\n\"\",,,,\n\"a,b "
                  "\"\"c\"\"\nd\",,1e+300,,\n");
    written("header = false, delimiter = ';', null = 'NULL', quote_all = true",
        "\"x\";\"-1\";\"0.1\";\"2026-01-01T10:00:00.500Z\";\"[\"\"p\"\",\"\"q\"\"]\"\n\"\";NULL;NULL;NULL;"
        "NULL\n\"a,b \"\"c\"\"\nd\";NULL;\"1e+300\";NULL;NULL\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_maps_columns_by_name),
        cmocka_unit_test(a_header_without_a_column_warns),
        cmocka_unit_test(quotes_delimiters_and_newlines_inside),
        cmocka_unit_test(ragged_records),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(quotes_gone_wrong_cost_one_line),
        cmocka_unit_test(an_open_quote_does_not_swallow_the_file),
        cmocka_unit_test(comments_blanks_and_empty_lines),
        cmocka_unit_test(dialects_that_are_mistakes),
        cmocka_unit_test(writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
