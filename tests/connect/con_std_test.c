/* con_std_test -- stdin, stdout and stderr through pipes. */
#include "tests/connect/con_check.h"

#include "connect/con_internal.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static void stdin_to_its_end(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT;
    int fds[2];
    con_kit_init(&k);
    assert_int_equal(pipe(fds), 0);
    k.env.stdin_fd = fds[0];
    struct con_source *src = con_kit_open(&k, "a int", "stdin", NULL, "json", NULL);
    assert_false(con_kit_read(&k, src, &rows, 2));
    assert_int_equal(write(fds[1], "{\"a\":1}\n{\"a\"", 12), 12);
    assert_int_equal(k.n_wakes, 0);
    event_base_loop(k.loop, EVLOOP_NONBLOCK);
    assert_int_equal(k.n_wakes, 1);
    assert_false(con_kit_read(&k, src, &rows, 5));
    assert_string_equal(base_buf_cstr(&rows), "{\"a\":1}\n");
    assert_int_equal(write(fds[1], ":2}\n{\"a\":", 9), 9);
    close(fds[1]);
    assert_true(con_kit_read(&k, src, &rows, 5));
    assert_string_equal(rows.p, "{\"a\":1}\n{\"a\":2}\n");
    assert_string_equal(k.bad.p, "stdin@16: not JSON at byte 6: expected a value, not the end [{\"a\":]\n");
    con_source_close(src);
    close(fds[0]);
    base_buf_release(&rows);
    con_kit_release(&k);
}

static void stdin_without_a_loop_or_closed(void **state) {
    (void)state;
    struct con_kit k;
    struct base_buf rows = BASE_BUF_INIT;
    con_kit_init(&k);
    k.env.loop = NULL;
    k.env.stdin_fd = 997;
    struct con_source *src = con_kit_open(&k, "a int", "stdin", NULL, "json", NULL);
    assert_true(con_kit_read(&k, src, &rows, 5));
    assert_string_equal(base_buf_cstr(&rows), "");
    con_source_close(src);
    base_buf_release(&rows);
    con_kit_release(&k);
}

static void stdout_and_a_reader_that_goes(void **state) {
    (void)state;
    struct con_kit k;
    struct con_sink *sink;
    char got[64];
    int fds[2];
    con_kit_init(&k);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(fds), 0);
    k.env.stdout_fd = fds[1];
    const struct evt_schema *schema = con_kit_schema(&k, "a int");
    assert_int_equal(
        con_sink_open(con_kit_sink(&k, "stdout", NULL, "csv", NULL), schema, &k.env, &sink, NULL), CEP_OK);
    struct evt_batch *b = con_kit_batch(&k, schema, "{\"a\":1}\n{\"a\":2}\n");
    assert_int_equal(con_sink_write(sink, b, NULL), CEP_OK);
    assert_int_equal(read(fds[0], got, sizeof got), 6);
    assert_memory_equal(got, "a\n1\n2\n", 6);
    close(fds[0]);
    assert_int_equal(con_sink_write(sink, b, NULL), CEP_NONE);
    assert_int_equal(con_sink_flush(sink, true, NULL), CEP_NONE);
    con_sink_close(sink);
    evt_batch_unref(b);
    close(fds[1]);
    con_kit_release(&k);
}

static void stderr_that_cannot_be_written(void **state) {
    (void)state;
    struct con_kit k;
    struct con_sink *sink;
    struct cep_err err = CEP_ERR_INIT;
    con_kit_init(&k);
    k.env.stderr_fd = 998;
    const struct evt_schema *schema = con_kit_schema(&k, "a int");
    assert_int_equal(
        con_sink_open(con_kit_sink(&k, "stderr", NULL, "json", NULL), schema, &k.env, &sink, NULL), CEP_OK);
    struct evt_batch *b = con_kit_batch(&k, schema, "{\"a\":1}\n");
    assert_int_equal(con_sink_write(sink, b, &err), CEP_EIO);
    assert_string_equal(err.message, "could not write stderr: Bad file descriptor");
    con_sink_close(sink);
    evt_batch_unref(b);
    con_kit_release(&k);
}

/* What the compiler is told: every row of the table names itself once and its options are well formed. */
static void the_catalog_is_sound(void **state) {
    (void)state;
    const struct plan_catalog *c = con_catalog();
    for (size_t i = 0; c->connectors[i]; i++) {
        const struct plan_connector_spec *s = c->connectors[i];
        const struct con_connector *row = con_find_connector(s->name);
        assert_non_null(row);
        assert_ptr_equal(&row->spec, s);
        assert_non_null(s->help);
        assert_int_equal(s->is_source, row->source != NULL);
        assert_int_equal(s->is_sink, row->sink != NULL);
        const struct plan_opt_spec *lists[] = { s->source_opts, s->sink_opts };
        for (size_t l = 0; l < 2; l++)
            for (const struct plan_opt_spec *o = lists[l]; o && o->name; o++) {
                assert_non_null(o->help);
                assert_true(o->min <= o->max);
                assert_false(o->choices && o->kind != EVT_STRING);
            }
    }
    for (size_t i = 0; c->formats[i]; i++) {
        const struct plan_format_spec *s = c->formats[i];
        const struct con_format *row = con_find_format(s->name);
        assert_non_null(row);
        assert_ptr_equal(&row->spec, s);
        assert_int_equal(s->decodes, row->decoder != NULL);
        assert_int_equal(s->encodes, row->encoder != NULL);
    }
    assert_null(con_find_connector("kafka"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stdin_to_its_end),
        cmocka_unit_test(stdin_without_a_loop_or_closed),
        cmocka_unit_test(stdout_and_a_reader_that_goes),
        cmocka_unit_test(stderr_that_cannot_be_written),
        cmocka_unit_test(the_catalog_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
