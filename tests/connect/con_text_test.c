/* con_text_test -- the formats text and raw, and the timestamps that logs have. */
#include "tests/connect/con_check.h"

#include "connect/con_internal.h"
#include "connect/con_time.h"
#include "expr/expr.h"

static void groups_fill_columns(void **state) {
    (void)state;
    check_decode("host string, status int, took double", "text",
        "pattern = '^(?<host>\\S+) (?<status>\\d+)(?: (?<took>[0-9.]+))?$'",
        "a.example 200 0.5\nb 404\r\n\nnonsense\nc 7 1.5",
        "{\"host\":\"a.example\",\"status\":200,\"took\":0.5}\n{\"host\":\"b\",\"status\":404,\"took\":null}"
        "\n"
        "{\"host\":\"c\",\"status\":7,\"took\":1.5}\n",
        "mem@26: the line does not match the pattern [nonsense]\n");
}

static void unmatched_lines_may_be_ignored(void **state) {
    (void)state;
    struct con_kit k;
    struct con_source *src;
    struct con_source_stats stats;
    struct base_buf rows = BASE_BUF_INIT;
    con_kit_init(&k);
    con_kit_put(&k, "in", "x\n1\ny\n");
    src = con_kit_open(
        &k, "n int", "file", "path = 'in'", "text", "pattern = '^(?<n>\\d+)$', unmatched = 'ignore'");
    assert_true(con_kit_read(&k, src, &rows, 0));
    con_source_stats(src, &stats);
    assert_int_equal(stats.unmatched, 2);
    assert_int_equal(stats.bad, 0);
    assert_string_equal(rows.p, "{\"n\":1}\n");
    con_source_close(src);
    base_buf_release(&rows);
    con_kit_release(&k);
}

static void bad_values_and_invalid_utf8(void **state) {
    (void)state;
    check_decode("n int not null, s string", "text", "pattern = '^(?<n>\\w*)?:(?<s>.*)$'",
        "abc:x\n1:ok\n2:\xff\xfe\n", "{\"n\":1,\"s\":\"ok\"}\n",
        "mem@0: column \"n\": not a value of type int: \"abc\" [abc:x]\n"
        "mem@11: the line does not match the pattern [2:\xff\xfe]\n");
}

static void a_pattern_that_explodes_makes_a_bad_line(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT, in = BASE_BUF_INIT;
    con_kit_init(&k);
    for (int i = 0; i < 2000; i++)
        base_buf_putc(&in, 'a');
    base_buf_puts(&in, "!\nb\n");
    con_kit_decode(&k, "s string", "text", "pattern = '^(?<s>(a+)+|b)$'", in.p, in.len, 0, &rows);
    assert_string_equal(rows.p, "{\"s\":\"b\"}\n");
    assert_int_equal(k.n_bad, 1);
    base_buf_release(&rows);
    base_buf_release(&in);
    con_kit_release(&k);
}

static void mistakes(void **state) {
    (void)state;
    static const struct {
        const char *columns, *format, *opts, *message;
    } cases[] = {
        { "n int", "text", NULL, "format \"text\" needs the option \"pattern\" to read" },
        { "n int", "text", "pattern = '(?<n>'",
            "regular expression is wrong at byte 5: missing closing parenthesis" },
        { "n int, m int", "text", "pattern = '(?<n>.)'", "regular expression has no group for column \"m\"" },
        { "n int", "raw", NULL, "format \"raw\" needs a stream of one column of type string or bytes" },
        { "a string, b string", "raw", NULL,
            "format \"raw\" needs a stream of one column of type string or bytes" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct con_kit k;
        struct con_source *src;
        struct cep_err err = CEP_ERR_INIT;
        con_kit_init(&k);
        assert_int_not_equal(con_source_open(con_kit_stream(&k, cases[i].columns, "stdin", NULL,
                                                 cases[i].format, cases[i].opts),
                                 &k.env, &src, &err),
            CEP_OK);
        assert_string_equal(err.message, cases[i].message);
        con_kit_release(&k);
    }
}

static void raw_lines(void **state) {
    (void)state;
    check_decode("line string", "raw", NULL, "one\ntwo \r\n\nthree \xff\nfour",
        "{\"line\":\"one\"}\n{\"line\":\"two \"}\n{\"line\":\"\"}\n{\"line\":\"four\"}\n",
        "mem@11: invalid UTF-8 [three \xff]\n");
    check_decode("b bytes", "raw", NULL, "\xff\xfe\n", "{\"b\":\"//4=\"}\n", "");
    check_decode_n("s string", "raw", "framing = 'nul'", "one\0two\n\0last", 13,
        "{\"s\":\"one\"}\n{\"s\":\"two\\n\"}\n{\"s\":\"last\"}\n", "");
    check_decode_n("s string", "raw", "framing = 'u32be', max_record = 16",
        "\0\0\0\3one\0\0\0\0\0\0\0\40................................\0\0\0\2ok\0\0\0\5cut",
        7 + 4 + 36 + 6 + 7, "{\"s\":\"one\"}\n{\"s\":\"\"}\n{\"s\":\"ok\"}\n", NULL);
}

static void time_is(const char *opts, const char *text, const char *want) {
    struct con_kit k;
    struct con_time t;
    uint32_t n;
    int64_t us;
    struct base_buf out = BASE_BUF_INIT;
    con_kit_init(&k);
    const struct plan_opt *o = con_kit_opts(&k, opts, &n);
    int64_t now;
    assert_true(base_parse_timestamp(BASE_STR("2026-03-01 12:00:00"), &now));
    assert_int_equal(con_time_init(&t, o, n, now, NULL), CEP_OK);
    char *padded = base_arena_alloc(&k.arena, strlen(text) + 64);
    memcpy(padded, text, strlen(text));
    if (con_time_parse(&t, (struct base_str){ padded, strlen(text) }, &us))
        base_write_timestamp(&out, us);
    assert_string_equal(base_buf_cstr(&out), want);
    base_buf_release(&out);
    con_kit_release(&k);
}

static void timestamps_of_logs(void **state) {
    (void)state;
    time_is(NULL, "2026-02-28T23:59:59.999999Z", "2026-02-28T23:59:59.999999Z");
    time_is(NULL, "2026-02-31T00:00:00Z", "");
    time_is(NULL, "2026-01-31 10:00:00.5", "2026-01-31T10:00:00.500Z");
    time_is(NULL, "2026-01-01T10:00:00+05:30", "2026-01-01T04:30:00Z");
    time_is(
        "timestamp_format = '%d/%b/%Y:%H:%M:%S %z'", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z");
    time_is("timestamp_format = '%b %d %H:%M:%S'", "Feb 28 10:00:00", "2026-02-28T10:00:00Z");
    time_is("timestamp_format = '%b %d %H:%M:%S'", "Dec  1 10:00:00", "2025-12-01T10:00:00Z");
    time_is("timestamp_format = '%b %d %H:%M:%S', timestamp_year = 2019", "Dec  1 10:00:00",
        "2019-12-01T10:00:00Z");
    time_is("timestamp_format = '%A, %e %B %y %I:%M %p'", "Friday, 2 January 26 12:05 am",
        "2026-01-02T00:05:00Z");
    time_is("timestamp_format = '%FT%T.%f'", "2026-01-01T10:00:00.25", "2026-01-01T10:00:00.250Z");
    time_is("timestamp_format = '%Y-%j'", "2024-366", "2024-12-31T00:00:00Z");
    time_is("timestamp_format = '%s.%f'", "1767261600.5", "2026-01-01T10:00:00.500Z");
    time_is("timestamp_format = '%Y-%m-%d'", "2026-02-30", "");
    time_is("timestamp_format = '%Y-%m-%d'", "2026-02-03 ", "");
    time_is("timestamp_format = '%Y-%m-%d'", "2026-13-03", "");
    time_is("timestamp_format = 'epoch_s'", "-1.5", "1969-12-31T23:59:58.500Z");
    time_is("timestamp_format = 'epoch_s'", "99999999999999", "");
    time_is("timestamp_format = 'epoch_ms'", "17.", "");
}

static struct expr column_expr(uint32_t col, enum evt_kind kind) {
    return (struct expr){ .kind = EXPR_COL, .type = evt_type_of(kind), .index = col, .agg_slot = UINT32_MAX };
}

static void templates(void **state) {
    (void)state;
    struct con_kit k;
    struct con_encoder *enc;
    struct base_buf out = BASE_BUF_INIT;
    con_kit_init(&k);
    const struct evt_schema *schema = con_kit_schema(&k, "s string, i int");
    struct evt_batch *b = con_kit_batch(&k, schema, "{\"s\":\"two\\nlines\",\"i\":5}\n{\"i\":6}\n");
    struct expr s = column_expr(0, EVT_STRING), i = column_expr(1, EVT_INT);
    const struct expr *holes[] = { &s, &i };
    const struct base_str texts[] = { BASE_STR("<"), BASE_STR("|"), BASE_STR(">") };
    struct plan_template tmpl = { .n_holes = 2, .texts = texts, .holes = holes };
    struct plan_sink sink = *con_kit_sink(&k, "stdout", NULL, "text", NULL);
    assert_int_equal(con_text.encoder->open(&sink, schema, &enc, NULL), CEP_EINVAL);
    sink.text_template = &tmpl;
    assert_int_equal(con_text.encoder->open(&sink, schema, &enc, NULL), CEP_OK);
    for (uint32_t row = 0; row < b->n_rows; row++)
        enc->vt->row(enc, b, row, &out);
    assert_string_equal(out.p, "<two lines|5>\n<null|6>\n");
    enc->vt->close(enc);
    evt_batch_unref(b);
    base_buf_release(&out);
    con_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_fill_columns),
        cmocka_unit_test(unmatched_lines_may_be_ignored),
        cmocka_unit_test(bad_values_and_invalid_utf8),
        cmocka_unit_test(a_pattern_that_explodes_makes_a_bad_line),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(raw_lines),
        cmocka_unit_test(timestamps_of_logs),
        cmocka_unit_test(templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
