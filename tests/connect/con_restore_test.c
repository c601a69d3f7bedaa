/*
 * con_restore_test -- a source that is saved at any batch and restored gives what an undisturbed one gives: the same rows,
 * the same bad records, each once, partitions under the same numbers.
 */
#include "tests/connect/con_check.h"

#include "connect/con_internal.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

struct fix {
    struct con_kit k;
    const struct plan_node *node;
    struct con_source *src;
    struct con_partition *saved; /* in the kit's arena */
    uint32_t n_saved;
    struct base_buf rows;
    bool over;
    struct cep_err err;
};

static int setup(void **state) {
    struct fix *f = calloc(1, sizeof *f);
    con_kit_init(&f->k);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fix *f = *state;
    con_source_close(f->src);
    base_buf_release(&f->rows);
    con_kit_release(&f->k);
    free(f);
    return 0;
}

static void stream(struct fix *f, const char *columns, const char *connector, const char *opts,
    const char *format, const char *fo) {
    f->node = con_kit_stream(&f->k, columns, connector, opts, format, fo);
    if (f->src)
        con_source_close(f->src);
    f->src = NULL;
    f->over = false;
    assert_int_equal(con_source_open(f->node, &f->k.env, &f->src, &f->err), CEP_OK);
}

/* At most n batches of `cap` rows, "partition:row" each; rests until there is nothing for 10 ms. */
static void polls(struct fix *f, int n, uint32_t cap) {
    struct evt_batch *batch = evt_batch_new(f->node->schema, 0);
    batch->cap_rows = cap ? cap : batch->cap_rows; /* new ones are no smaller than 64 */
    struct con_chunk chunk = { .batch = batch };
    for (int idle = 0; n > 0 && !f->over && idle < 10;) {
        enum cep_rc rc = con_source_poll(f->src, CON_ANY, &chunk, &f->err);
        if (rc == CEP_AGAIN) {
            event_base_loop(f->k.loop, EVLOOP_NONBLOCK);
            usleep(1000);
            idle++;
            continue;
        }
        f->over = rc != CEP_OK;
        if (rc == CEP_OK && batch->n_rows > 0)
            base_buf_printf(&f->rows, "%u@%llu ", chunk.partition, (unsigned long long)batch->seq[0]);
        con_kit_rows(&f->rows, batch);
        evt_batch_clear(batch);
        n--;
        idle = 0;
    }
    evt_batch_unref(batch);
}

static void save(struct fix *f) {
    f->n_saved = con_source_n_partitions(f->src);
    f->saved = BASE_ARENA_ARRAY(&f->k.arena, struct con_partition, f->n_saved);
    for (uint32_t i = 0; i < f->n_saved; i++) {
        con_source_save(f->src, i, &f->saved[i]);
        f->saved[i].name = base_arena_str(&f->k.arena, f->saved[i].name);
        f->saved[i].note = base_arena_str(&f->k.arena, f->saved[i].note);
    }
}

static enum cep_rc restore(struct fix *f) {
    con_source_close(f->src);
    f->src = NULL;
    f->over = false;
    f->err = (struct cep_err)CEP_ERR_INIT;
    return con_source_restore(f->node, &f->k.env, f->saved, f->n_saved, &f->src, &f->err);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The bad records in an order that does not depend on whose turn it is. */
static char *sorted(struct fix *f, const char *text) {
    char *lines[1000];
    size_t n = 0;
    struct base_buf out = BASE_BUF_INIT;
    for (char *s = base_arena_strndup(&f->k.arena, text, strlen(text)), *nl; (nl = strchr(s, '\n'));
         s = nl + 1) {
        *nl = '\0';
        assert_true(n < CEP_COUNT_OF(lines));
        lines[n++] = s;
    }
    if (n > 1)
        qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++)
        base_buf_printf(&out, "%s\n", lines[i]);
    char *s = base_arena_strndup(&f->k.arena, base_buf_cstr(&out), out.len);
    base_buf_release(&out);
    return s;
}

/* With batches of one row, saved and restored after every so many polls. */
static void check_cuts(struct fix *f, const char *columns, const char *connector, const char *opts,
    const char *format, const char *fo) {
    char *whole = NULL, *bad = NULL;
    for (int every = 0; every < 8; every++) {
        base_buf_clear(&f->rows);
        base_buf_clear(&f->k.bad);
        stream(f, columns, connector, opts, format, fo);
        if (every == 0)
            polls(f, 1 << 20, 1);
        for (int n = 0; every > 0 && !f->over; n++) {
            assert_true(n < 100000);
            polls(f, every, 1);
            if (f->over)
                break;
            save(f);
            assert_int_equal(restore(f), CEP_OK);
        }
        assert_true(f->over);
        if (every == 0) {
            whole = base_arena_strndup(&f->k.arena, base_buf_cstr(&f->rows), f->rows.len);
            bad = sorted(f, base_buf_cstr(&f->k.bad));
        }
        assert_string_equal(sorted(f, base_buf_cstr(&f->k.bad)), bad);
        /* Turns begin anew at a restore: each partition's rows are compared, not how they interleave. */
        for (uint32_t p = 0; p < con_source_n_partitions(f->src); p++) {
            struct base_buf one[2] = { BASE_BUF_INIT, BASE_BUF_INIT };
            for (int w = 0; w < 2; w++)
                for (const char *s = w ? base_buf_cstr(&f->rows) : whole; *s; s = strchr(s, '\n') + 1)
                    if (strtoul(s, NULL, 10) == p)
                        base_buf_add(&one[w], s, (size_t)(strchr(s, '\n') + 1 - s));
            assert_string_equal(base_buf_cstr(&one[0]), base_buf_cstr(&one[1]));
            base_buf_release(&one[0]);
            base_buf_release(&one[1]);
        }
        assert_int_equal(strlen(whole), f->rows.len);
        con_source_close(f->src);
        f->src = NULL;
    }
}

static const char json[] =
    "\xef\xbb\xbf{\"a\":1}\n{\"a\":2}\nnonsense\n\n{\"a\":3}\n{\"a\":\"x\"}\n{\"a\":4}";

static void json_lines(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "in", json);
    check_cuts(f, "a int", "file", "path = 'in'", "json", NULL);
    assert_non_null(strstr(f->rows.p, "0@3 {\"a\":1}\n"));
    assert_int_equal(f->n_saved, 1);
    assert_true(base_str_eq(f->saved[0].name, BASE_STR("in"))); /* without the folder */
}

static void csv_keeps_its_header(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "in",
        "x,\"b q\",a\n1,\"two\nlines\",3\n4,five,six\n\n7,,9\n10,\"eleven\",12\n13,14,15,16\n17,18,19");
    check_cuts(f, "a int, \"b q\" string, c int", "file", "path = 'in'", "csv", NULL);
    check_cuts(f, "a int, b string", "file", "path = 'in'", "csv", "header = false, ragged = 'allow'");
}

static void framed_records_that_are_too_long(void **state) {
    struct fix *f = *state;
    struct base_buf b = BASE_BUF_INIT;
    for (int i = 0; i < 5; i++) {
        base_buf_add(&b, "\0\0\0\3abc", 7);
        base_buf_add(&b, "\0\3\0\0", 4);
        for (int n = 0; n < 0x30000; n++)
            base_buf_putc(&b, (char)('0' + n % 10));
    }
    con_kit_write(&f->k, "in", b.p, b.len, false);
    check_cuts(f, "a bytes", "file", "path = 'in'", "raw", "framing = 'u32be', max_record = 100");
    base_buf_clear(&b);
    for (int i = 0; i < 4; i++) {
        base_buf_puts(&b, "short\n");
        for (int n = 0; n < 0x50000; n++)
            base_buf_putc(&b, 'x');
        base_buf_putc(&b, '\n');
    }
    con_kit_write(&f->k, "in", b.p, b.len, false);
    check_cuts(f, "a string", "file", "path = 'in'", "raw", "max_record = 100");
    base_buf_release(&b);
}

static void many_files_some_compressed(void **state) {
    struct fix *f = *state;
    assert_int_equal(mkdir(con_kit_path(&f->k, "d"), 0777), 0);
    con_kit_put(&f->k, "d/a", json);
    con_kit_put(&f->k, "d/b", "");
    struct base_buf b = BASE_BUF_INIT;
    for (int i = 0; i < 30; i++)
        base_buf_printf(&b, i % 7 == 3 ? "bad %d\n" : "{\"a\":%d}\n", 100 + i);
    gzFile gz = gzopen(con_kit_path(&f->k, "d/c.gz"), "w");
    assert_int_equal(gzwrite(gz, b.p, (unsigned)b.len), (int)b.len);
    gzclose(gz);
    char z[4096];
    con_kit_write(&f->k, "d/d.zst", z, ZSTD_compress(z, sizeof z, b.p, b.len, 1), false);
    base_buf_release(&b);
    check_cuts(f, "a int", "file", "path = 'd'", "json", NULL);
    check_cuts(f, "a int", "file", "path = 'd/*.{gz,zst}'", "json", NULL);
}

static void text_and_generate(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "in", "1 a\n2 b\nno\n3 c\n");
    check_cuts(f, "a int, b string", "file", "path = 'in'", "text", "pattern = '(?<a>\\d+) (?<b>\\w)'");
    const char *columns = "a int, b string, c double, d timestamp, e string, f decimal(10,2), g int, h bool";
    check_cuts(f, columns, "generate",
        "rows = 57, seed = 7, a = 'sequence 5 3', b = 'zipf k 100 1.1', c = 'normal 5 2', d = 'clock', "
        "e = 'pick DE:8|FR|BR', disorder = 3 s, null_share = 0.3, step = 1 s",
        NULL, NULL);
    check_cuts(f, columns, "generate", "rows = 20, seed = 8, e = 'const x', g = 'key 5'", NULL, NULL);
}

static void generate_goes_on_from_where_now_was(void **state) {
    struct fix *f = *state;
    f->k.now_us = 1000000000;
    stream(f, "at timestamp", "generate", "rows = 6, rate = 1, start = 'now'", NULL, NULL);
    polls(f, 1, 0);
    f->k.now_us += 2000000;
    polls(f, 1, 0);
    save(f);
    f->k.now_us += 90000000;
    assert_int_equal(restore(f), CEP_OK);
    polls(f, 1, 0); /* one is due at once, as at any start */
    f->k.now_us += 2000000;
    polls(f, 9, 0);
    assert_string_equal(f->rows.p,
        "0@0 {\"at\":\"1970-01-01T00:16:40Z\"}\n0@1 {\"at\":\"1970-01-01T00:16:41Z\"}\n"
        "{\"at\":\"1970-01-01T00:16:42Z\"}\n0@3 {\"at\":\"1970-01-01T00:16:43Z\"}\n"
        "0@4 {\"at\":\"1970-01-01T00:16:44Z\"}\n{\"at\":\"1970-01-01T00:16:45Z\"}\n");
}

static void done_files_stay_done_and_new_ones_come_last(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "m.x", "{\"a\":1}\n");
    con_kit_put(&f->k, "n.x", "{\"a\":2}\n{\"a\":3}\n");
    stream(f, "a int", "file", "path = '*.x'", "json", NULL);
    polls(f, 4, 1);
    assert_string_equal(f->rows.p, "0@0 {\"a\":1}\n1@0 {\"a\":2}\n1@8 {\"a\":3}\n");
    save(f);
    assert_true(f->saved[0].done);
    assert_false(f->saved[1].done);
    unlink(con_kit_path(&f->k, "m.x")); /* it is done: nobody misses it */
    con_kit_put(&f->k, "a.x", "{\"a\":4}\n");
    assert_int_equal(restore(f), CEP_OK);
    base_buf_clear(&f->rows);
    polls(f, 9, 1);
    assert_string_equal(f->rows.p, "2@0 {\"a\":4}\n");
    assert_string_equal(base_buf_cstr(&f->k.log), "info: stream \"s\": 1 file more than before\n");
}

static void a_stopped_source_is_not_done(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "in", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    stream(f, "a int", "file", "path = 'in'", "json", NULL);
    polls(f, 1, 1);
    con_source_stop(f->src);
    save(f);
    polls(f, 1, 1);
    struct con_partition part;
    base_buf_clear(&f->rows);
    polls(f, 9, 1);
    con_source_partition(f->src, 0, &part);
    assert_true(part.done);
    save(f);
    assert_false(f->saved[0].done);
    assert_int_equal(f->saved[0].position, 24);
    con_kit_add(&f->k, "in", "{\"a\":4}\n");
    assert_int_equal(restore(f), CEP_OK);
    base_buf_clear(&f->rows);
    polls(f, 9, 1);
    assert_string_equal(f->rows.p, "0@24 {\"a\":4}\n");
}

/* -- files that are not what they were ------------------------------------------------------------------------------ */

static void start(struct fix *f, const char *opts) {
    con_kit_put(&f->k, "in", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    stream(f, "a int", "file", opts, "json", NULL);
    polls(f, 2, 1);
    save(f);
    base_buf_clear(&f->rows);
}

static void check_refused(struct fix *f, enum cep_rc rc, const char *message) {
    assert_int_equal(restore(f), rc);
    assert_string_equal(f->err.message, base_arena_printf(&f->k.arena, message, f->k.dir));
    assert_string_equal(f->err.hint, "put the file back as it was, or start without the saved state");
    assert_null(f->src);
}

static void a_file_that_was_read_once_has_to_be_there(void **state) {
    struct fix *f = *state;
    start(f, "path = 'in'");
    con_kit_put(&f->k, "in", "{\"a\":1}\n");
    check_refused(f, CEP_ESTATE, "file \"%s/in\" has 8 bytes, but was read to byte 16");
    con_kit_put(&f->k, "in", "{\"a\":9}\n{\"a\":2}\n{\"a\":3}\n");
    check_refused(f, CEP_ESTATE,
        "file \"%s/in\" is not the one that was read to byte 16: its first 16 bytes are others");
    unlink(con_kit_path(&f->k, "in"));
    check_refused(
        f, CEP_EIO, "could not open file \"%s/in\", which was read to byte 16: No such file or directory");
    con_kit_put(&f->k, "in", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n"); /* a copy, and longer: fine */
    assert_int_equal(restore(f), CEP_OK);
    polls(f, 9, 0);
    assert_string_equal(f->rows.p, "0@16 {\"a\":3}\n{\"a\":4}\n");
    f->saved[0].note.len -= 1;
    assert_int_equal(restore(f), CEP_EDAMAGED);
}

static void a_path_that_was_changed(void **state) {
    struct fix *f = *state;
    start(f, "path = 'in'");
    con_kit_put(&f->k, "other", "{\"a\":7}\n");
    f->node = con_kit_stream(&f->k, "a int", "file", "path = 'other'", "json", NULL);
    assert_int_equal(restore(f), CEP_OK);
    polls(f, 9, 0);
    assert_string_equal(f->rows.p, "1@0 {\"a\":7}\n");
    assert_non_null(strstr(f->k.log.p, "is not among the files of path"));
}

static void a_followed_file_that_was_truncated(void **state) {
    struct fix *f = *state;
    start(f, "path = 'in', follow = true, poll_every = 1 ms");
    con_kit_put(&f->k, "in", "{\"a\":4}\n");
    assert_int_equal(restore(f), CEP_OK);
    polls(f, 9, 0);
    assert_string_equal(f->rows.p, "0@16 {\"a\":4}\n"); /* positions go on */
    assert_non_null(strstr(
        f->k.log.p, "was truncated: reading it from its start; what was written behind byte 16 is lost"));
    save(f);
    con_kit_put(&f->k, "in", "");
    assert_int_equal(restore(f), CEP_OK);
    con_kit_add(&f->k, "in", "{\"a\":5}\n");
    polls(f, 9, 0);
    assert_string_equal(f->rows.p, "0@16 {\"a\":4}\n0@24 {\"a\":5}\n");
}

static void a_followed_file_that_is_away(void **state) {
    struct fix *f = *state;
    start(f, "path = 'in', follow = true, poll_every = 1 ms");
    unlink(con_kit_path(&f->k, "in"));
    assert_int_equal(restore(f), CEP_OK);
    polls(f, 9, 0);
    assert_string_equal(base_buf_cstr(&f->rows), "");
    assert_non_null(strstr(f->k.log.p, "is not there any more: what was written to it since is lost"));
    save(f); /* still waiting for it */
    assert_int_equal(restore(f), CEP_OK);
    con_kit_put(&f->k, "in", "{\"a\":6}\n");
    polls(f, 9, 0);
    assert_string_equal(f->rows.p, "0@16 {\"a\":6}\n");
}

/* Rotated twice while nobody read: the rest of the old one, the one between, the new one. */
static void check_rotated(struct fix *f, const char *opts, bool torn) {
    start(f, opts);
    base_buf_clear(&f->k.log);
    con_kit_add(&f->k, "in", torn ? "{\"a\":4}" : "{\"a\":4}\n");
    assert_int_equal(rename(con_kit_path(&f->k, "in"), con_kit_path(&f->k, "in.2")), 0);
    usleep(20000);
    con_kit_put(&f->k, "in.1", "{\"a\":5}\n{\"a\":6}\n");
    con_kit_put(&f->k, "in", "{\"a\":7}\n");
    struct base_buf all = BASE_BUF_INIT;
    for (int n = 0; n < 40; n++) { /* and restored again after every row */
        assert_int_equal(restore(f), CEP_OK);
        base_buf_clear(&f->rows);
        polls(f, 1, 1);
        const char *brace = strchr(base_buf_cstr(&f->rows), '{');
        base_buf_puts(&all, brace ? brace : "");
        save(f);
    }
    assert_string_equal(base_buf_cstr(&all), "{\"a\":3}\n{\"a\":4}\n{\"a\":5}\n{\"a\":6}\n{\"a\":7}\n");
    assert_non_null(strstr(f->k.log.p, "was rotated: reading the rest of the old one"));
    assert_null(strstr(f->k.log.p, "warning"));
    assert_int_equal(con_source_n_partitions(f->src), 1);
    con_kit_add(&f->k, "in", "{\"a\":8}\n");
    base_buf_clear(&f->rows);
    polls(f, 9, 1);
    assert_non_null(strstr(f->rows.p, "{\"a\":8}\n"));
    base_buf_release(&all);
    unlink(con_kit_path(&f->k, "in.1"));
    unlink(con_kit_path(&f->k, "in.2"));
}

static void a_followed_file_that_was_rotated(void **state) {
    struct fix *f = *state;
    check_rotated(f, "path = 'in', follow = true, poll_every = 1 ms", false);
    check_rotated(f, "path = 'in', follow = true, poll_every = 1 ms", true);
    check_rotated(f, "path = 'in*', follow = true, poll_every = 1 ms", false);
}

static void a_rotated_file_is_not_read_twice(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "in", "{\"a\":1}\n");
    stream(f, "a int", "file", "path = 'in*', follow = true, poll_every = 1 ms", "json", NULL);
    polls(f, 9, 0);
    for (int i = 2; i < 6; i++) { /* in -> in.1 -> in.2 ..., as logrotate has it */
        for (int n = i; n > 0; n--) {
            char from[16], to[16];
            snprintf(from, sizeof from, n == 1 ? "in" : "in.%d", n - 1);
            snprintf(to, sizeof to, "in.%d", n);
            (void)rename(con_kit_path(&f->k, from), con_kit_path(&f->k, to));
        }
        con_kit_put(&f->k, "in", base_arena_printf(&f->k.arena, "{\"a\":%d}\n", i));
        polls(f, 9, 0);
        if (i % 2) {
            save(f);
            assert_int_equal(restore(f), CEP_OK);
        }
        polls(f, 9, 0);
    }
    assert_int_equal(con_source_n_partitions(f->src), 1);
    assert_string_equal(
        f->rows.p, "0@0 {\"a\":1}\n0@8 {\"a\":2}\n0@16 {\"a\":3}\n0@24 {\"a\":4}\n0@32 {\"a\":5}\n");
}

/* -- sources that cannot be read again ------------------------------------------------------------------------------- */

static void stdin_goes_on_with_what_comes(void **state) {
    struct fix *f = *state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    f->k.env.stdin_fd = fds[0];
    assert_int_equal(write(fds[1], "{\"a\":1}\n{\"a\"", 12), 12);
    stream(f, "a int", "stdin", NULL, "json", NULL);
    polls(f, 1, 1);
    save(f);
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(pipe(fds), 0);
    f->k.env.stdin_fd = fds[0];
    assert_int_equal(write(fds[1], "{\"a\":2}\n", 8), 8);
    close(fds[1]);
    assert_int_equal(restore(f), CEP_OK);
    polls(f, 9, 1);
    assert_true(f->over);
    assert_string_equal(f->rows.p, "0@0 {\"a\":1}\n0@8 {\"a\":2}\n");
    assert_int_equal(f->k.n_bad, 0);
    assert_string_equal(f->k.log.p,
        "warning: stream \"s\": connector \"stdin\" cannot be read again: what came "
        "behind the checkpoint is lost\n");
    close(fds[0]);
}

static void connections_are_over(void **state) {
    struct fix *f = *state;
    struct con_partition two[] = { { .name = BASE_STR("127.0.0.1:1"), .position = 8, .done = true },
        { .name = BASE_STR("127.0.0.1:2"), .position = 8 } };
    f->node = con_kit_stream(&f->k, "a int", "tcp", "port = 0, connections = 2", "json", NULL);
    f->saved = two;
    f->n_saved = 2;
    assert_int_equal(restore(f), CEP_OK);
    assert_int_equal(con_source_n_partitions(f->src), 2);
    polls(f, 9, 1);
    assert_false(f->over); /* the one that was cut may come again */
    two[1].done = true;
    assert_int_equal(restore(f), CEP_OK);
    polls(f, 9, 1);
    assert_true(f->over);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(json_lines),
        T(csv_keeps_its_header),
        T(framed_records_that_are_too_long),
        T(many_files_some_compressed),
        T(text_and_generate),
        T(generate_goes_on_from_where_now_was),
        T(done_files_stay_done_and_new_ones_come_last),
        T(a_stopped_source_is_not_done),
        T(a_file_that_was_read_once_has_to_be_there),
        T(a_path_that_was_changed),
        T(a_followed_file_that_was_truncated),
        T(a_followed_file_that_is_away),
        T(a_followed_file_that_was_rotated),
        T(a_rotated_file_is_not_read_twice),
        T(stdin_goes_on_with_what_comes),
        T(connections_are_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
