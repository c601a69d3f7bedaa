/* con_file_test -- files in: one, many, compressed, broken, followed through rotation; and files out. */
#include "tests/connect/con_check.h"

#include "connect/con_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

struct fix {
    struct con_kit k;
    struct con_source *src;
    struct base_buf rows;
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

static void open_it(struct fix *f, const char *opts) {
    f->src = con_kit_open(&f->k, "a int", "file", opts, "json", NULL);
}

static void shell(struct fix *f, const char *fmt) {
    char *cmd = base_arena_printf(&f->k.arena, "cd %s && %s", f->k.dir, fmt);
    assert_int_equal(system(cmd), 0);
}

/* plain -> plain.zst; the zstd program may not be there. */
static void zstd(struct fix *f) {
    const char *text = con_kit_slurp(&f->k, "plain");
    size_t cap = ZSTD_compressBound(strlen(text));
    char *to = base_arena_alloc(&f->k.arena, cap);
    con_kit_write(&f->k, "plain.zst", to, ZSTD_compress(to, cap, text, strlen(text), 1), false);
}

/* The rows that have come since the last call; waits a little for them. */
static const char *more(struct fix *f, int idle_ms) {
    base_buf_clear(&f->rows);
    con_kit_read(&f->k, f->src, &f->rows, idle_ms);
    return base_buf_cstr(&f->rows);
}

static struct con_source_stats stats_of(struct fix *f) {
    struct con_source_stats s;
    con_source_stats(f->src, &s);
    return s;
}

static void one_file(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "in", "{\"a\":1}\n{\"a\":2}\n");
    open_it(f, "path = 'in'");
    assert_true(con_source_bounded(f->src));
    assert_true(con_kit_read(&f->k, f->src, &f->rows, 0));
    assert_string_equal(f->rows.p, "{\"a\":1}\n{\"a\":2}\n");
    struct con_partition part;
    con_source_partition(f->src, 0, &part);
    assert_true(part.done);
    assert_int_equal(part.position, 16);
    assert_string_equal(
        base_arena_strndup(&f->k.arena, part.name.p, part.name.len), con_kit_path(&f->k, "in"));
}

static void a_missing_file_is_an_error(void **state) {
    struct fix *f = *state;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(con_source_open(con_kit_stream(&f->k, "a int", "file", "path = 'no'", "json", NULL),
                         &f->k.env, &f->src, &err),
        CEP_EIO);
    assert_string_equal(err.message,
        base_arena_printf(&f->k.arena, "could not open file \"%s/no\": No such file or directory", f->k.dir));
    assert_int_equal(con_source_open(con_kit_stream(&f->k, "a int", "file", "path = '*.no'", "json", NULL),
                         &f->k.env, &f->src, &err),
        CEP_EIO);
    assert_string_equal(err.message, base_arena_printf(&f->k.arena, "no file matches \"%s/*.no\"", f->k.dir));
    assert_int_equal(con_source_open(con_kit_stream(&f->k, "a int", "file",
                                         "path = 'x', follow = true, compression = 'gzip'", "json", NULL),
                         &f->k.env, &f->src, &err),
        CEP_EINVAL);
}

static void partitions_of_a_glob_and_a_directory_come_sorted(void **state) {
    struct fix *f = *state;
    shell(f, "mkdir d && echo '{\"a\":2}' > d/b.x && echo '{\"a\":1}' > d/a.x && echo '{\"a\":3}' > "
             "d/.hidden && mkdir d/sub && echo '{\"a\":4}' > d/c.y");
    open_it(f, "path = 'd/*.x'");
    assert_int_equal(con_source_n_partitions(f->src), 2);
    assert_string_equal(more(f, 0), "{\"a\":1}\n{\"a\":2}\n");
    con_source_close(f->src);
    open_it(f, "path = 'd'");
    assert_int_equal(con_source_n_partitions(f->src), 3);
    assert_string_equal(more(f, 0), "{\"a\":1}\n{\"a\":2}\n{\"a\":4}\n");
    con_source_close(f->src);
    open_it(f, "path = 'd/{c.y,a.x}'");
    assert_string_equal(more(f, 0), "{\"a\":1}\n{\"a\":4}\n");
}

static void a_partition_can_be_read_alone(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "1.x", "{\"a\":1}\n");
    con_kit_put(&f->k, "2.x", "{\"a\":2}\n");
    open_it(f, "path = '*.x'");
    struct con_chunk c = { .batch = evt_batch_new(con_kit_schema(&f->k, "a int"), 0) };
    assert_int_equal(con_source_poll(f->src, 1, &c, NULL), CEP_OK);
    assert_int_equal(c.partition, 1);
    assert_int_equal(c.batch->n_rows, 1);
    assert_int_equal(c.batch->cols[0].i[0], 2);
    assert_int_equal(c.batch->origin[0], 1);
    assert_true(c.partition_done);
    assert_int_equal(con_source_poll(f->src, 1, &c, NULL), CEP_AGAIN);
    assert_int_equal(con_source_poll(f->src, CON_ANY, &c, NULL), CEP_OK);
    assert_int_equal(c.partition, 0);
    assert_int_equal(c.first_row, 1);
    assert_int_equal(con_source_poll(f->src, CON_ANY, &c, NULL), CEP_NONE);
    evt_batch_unref(c.batch);
}

/* Its first page is never mapped. */
static void what_the_system_does_not_give_out_is_an_error(void **state) {
    struct fix *f = *state;
    struct cep_err err = CEP_ERR_INIT;
    struct con_source *src = con_kit_open(
        &f->k, "a int", "file", "path = '/proc/self/mem', compression = 'none'", "json", NULL);
    struct con_chunk c = { .batch = evt_batch_new(src->node->schema, 0) };
    assert_int_equal(con_source_poll(src, CON_ANY, &c, &err), CEP_EIO);
    assert_string_equal(err.message, "could not read file \"/proc/self/mem\": Input/output error");
    assert_true(err.retriable);
    evt_batch_unref(c.batch);
    con_source_close(src);
}

static void trouble_with_one_file_leaves_the_others(void **state) {
    struct fix *f = *state;
    for (int i = 0; i < 4; i++)
        con_kit_put(&f->k, base_arena_printf(&f->k.arena, "%d.x", i), "{\"a\":7}\n");
    open_it(f, "path = '*.x'");
    shell(f, "rm 1.x && rm 2.x && mkdir 2.x");
    assert_string_equal(more(f, 0), "{\"a\":7}\n{\"a\":7}\n");
    assert_int_equal(stats_of(f).vanished, 1);
    assert_int_equal(stats_of(f).unreadable, 1);
    assert_string_equal(f->k.log.p, base_arena_printf(&f->k.arena,
                                        "warning: file \"%s/1.x\" is not there any more: left out\nwarning: "
                                        "could not open file \"%s/2.x\": Is a directory: left out\n",
                                        f->k.dir, f->k.dir));
}

static void gzip_and_zstd(void **state) {
    struct fix *f = *state;
    shell(f, "seq 1 3000 | sed 's/.*/{\"a\":&}/' > plain && gzip -k plain && cp plain.gz unnamed && cat "
             "plain.gz plain.gz > two.gz");
    zstd(f);
    static const char *const paths[] = { "path = 'plain'", "path = 'plain.gz'", "path = 'plain.zst'",
        "path = 'unnamed'", "path = 'plain.gz', compression = 'gzip'" };
    const char *want = NULL;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        open_it(f, paths[i]);
        const char *got = base_arena_strdup(&f->k.arena, more(f, 0));
        if (want)
            assert_string_equal(got, want);
        want = got;
        assert_int_equal(stats_of(f).rows, 3000);
        con_source_close(f->src);
    }
    open_it(f, "path = 'two.gz'");
    more(f, 0);
    assert_int_equal(stats_of(f).rows, 6000);
    assert_int_equal(stats_of(f).bad, 0);
}

static void cut_off_and_damaged_compression(void **state) {
    struct fix *f = *state;
    shell(f, "seq 1 30000 | sed 's/.*/{\"a\":&}/' > plain && gzip -k plain");
    zstd(f);
    shell(f, "half() { echo $(($(wc -c < $1) / 2)); }; head -c $(half plain.gz) plain.gz > 1.gz && head -c "
             "$(half plain.zst) plain.zst > 2.zst"
             " && (head -c $(half plain.gz) plain.gz; printf 'garbage garbage'; tail -c $(half plain.gz) "
             "plain.gz) > 3.gz"
             " && printf '\\037\\213' > 4.gz && : > 5.gz");
    open_it(f, "path = '?.*'");
    more(f, 0);
    assert_true(stats_of(f).rows > 10000);
    assert_int_equal(stats_of(f).unreadable, 4);
    assert_non_null(
        strstr(f->k.log.p, "1.gz\": gzip data cut off before their end: what came before was read"));
    assert_non_null(strstr(f->k.log.p, "2.zst\": zstd data cut off before their end"));
    assert_non_null(strstr(f->k.log.p, "3.gz\": "));
    assert_null(strstr(f->k.log.p, "5.gz"));
}

static void follow_sees_what_is_added(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "in", "{\"a\":1}\n{\"a\"");
    open_it(f, "path = 'in', follow = true, poll_every = 1 ms");
    assert_false(con_source_bounded(f->src));
    assert_string_equal(more(f, 5), "{\"a\":1}\n");
    con_kit_add(&f->k, "in", ":2}\n{\"a\":3}\n");
    assert_string_equal(more(f, 5), "{\"a\":2}\n{\"a\":3}\n");
    con_kit_add(&f->k, "in", "{\"a\":"); /* half a record when it is told to stop is no bad record */
    assert_string_equal(more(f, 5), "");
    con_source_stop(f->src);
    con_kit_add(&f->k, "in", "4}\n");
    assert_string_equal(more(f, 5), "");
    struct con_chunk c = { .batch = evt_batch_new(con_kit_schema(&f->k, "a int"), 0) };
    assert_int_equal(con_source_poll(f->src, CON_ANY, &c, NULL), CEP_NONE);
    assert_int_equal(f->k.n_bad, 0);
    struct con_partition part;
    con_source_partition(f->src, 0, &part);
    assert_int_equal(part.position, 24);
    evt_batch_unref(c.batch);
}

static void follow_survives_rotation_truncation_and_absence(void **state) {
    struct fix *f = *state;
    open_it(f, "path = 'log', follow = true, poll_every = 1 ms");
    assert_string_equal(more(f, 3), "");
    con_kit_put(&f->k, "log", "{\"a\":1}\n");
    assert_string_equal(more(f, 5), "{\"a\":1}\n");
    con_kit_add(&f->k, "log", "{\"a\":2}\n{\"a\":3}");
    shell(f, "mv log log.1 && echo '{\"a\":4}' > log");
    assert_string_equal(more(f, 5), "{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n");
    con_kit_add(&f->k, "log", "{\"a\":5}\n{\"a\":6}\n");
    assert_string_equal(more(f, 5), "{\"a\":5}\n{\"a\":6}\n");
    con_kit_put(&f->k, "log", "{\"a\":7}\n");
    assert_string_equal(more(f, 5), "{\"a\":7}\n");
    shell(f, "rm log");
    assert_string_equal(more(f, 5), "");
    con_kit_put(&f->k, "log", "{\"a\":8}\n");
    assert_string_equal(more(f, 5), "{\"a\":8}\n");
    assert_int_equal(stats_of(f).rotations, 2);
    assert_int_equal(stats_of(f).truncations, 1);
    assert_int_equal(stats_of(f).vanished, 2);
    assert_int_equal(con_source_n_partitions(f->src), 1);
    const char *p = con_kit_path(&f->k, "log");
    assert_string_equal(f->k.log.p, base_arena_printf(&f->k.arena,
                                        "warning: file \"%s\" is not there: waiting for it\ninfo: file "
                                        "\"%s\" was rotated: reading the new one\n"
                                        "warning: file \"%s\" was truncated: reading it from its "
                                        "start\nwarning: file \"%s\" has vanished: waiting for it\n"
                                        "info: file \"%s\" was rotated: reading the new one\n",
                                        p, p, p, p, p));
}

static void follow_takes_new_files_of_a_directory_but_no_rotated_ones(void **state) {
    struct fix *f = *state;
    shell(f, "mkdir d && echo '{\"a\":1}' > d/log");
    open_it(f, "path = 'd', follow = true, poll_every = 1 ms");
    assert_string_equal(more(f, 5), "{\"a\":1}\n");
    shell(f, "echo '{\"a\":2}' > d/other");
    assert_string_equal(more(f, 10), "{\"a\":2}\n");
    shell(f, "mv d/log d/log.1 && echo '{\"a\":3}' > d/log");
    assert_string_equal(more(f, 20), "{\"a\":3}\n");
    assert_int_equal(con_source_n_partitions(f->src), 2);
}

static void a_csv_header_comes_again_with_each_file(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "log", "x,a\n9,1\n");
    f->src = con_kit_open(
        &f->k, "a int", "file", "path = 'log', follow = true, poll_every = 1 ms", "csv", NULL);
    assert_string_equal(more(f, 5), "{\"a\":1}\n");
    shell(f, "mv log old && printf 'a,x\\n2,8\\n' > log");
    assert_string_equal(more(f, 5), "{\"a\":2}\n");
}

static void many_files_do_not_run_out_of_descriptors(void **state) {
    struct fix *f = *state;
    struct rlimit old, low;
    shell(f, "mkdir d && for i in $(seq 100 160); do echo \"{\\\"a\\\":$i}\" > d/$i; done");
    open_it(f, "path = 'd'");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 16;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    more(f, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(stats_of(f).rows, 61);
}

/* -- out ------------------------------------------------------------------------------------------------------------ */

static struct con_sink *sink_open(struct fix *f, const char *opts, const char *format) {
    struct con_sink *sink = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (con_sink_open(con_kit_sink(&f->k, "file", opts, format, NULL), con_kit_schema(&f->k, "a int"),
            &f->k.env, &sink, &err) != CEP_OK)
        print_error("%s\n", err.message);
    assert_non_null(sink);
    return sink;
}

static void put(struct fix *f, struct con_sink *sink, const char *ndjson) {
    struct evt_batch *b = con_kit_batch(&f->k, sink->schema, ndjson);
    assert_int_equal(con_sink_write(sink, b, NULL), CEP_OK);
    evt_batch_unref(b);
}

static void done(struct con_sink *sink) {
    assert_int_equal(con_sink_flush(sink, true, NULL), CEP_OK);
    con_sink_close(sink);
}

static void a_file_is_appended_to(void **state) {
    struct fix *f = *state;
    for (int i = 0; i < 2; i++) {
        struct con_sink *sink = sink_open(f, "path = 'out'", "csv");
        put(f, sink, "{\"a\":1}\n{\"a\":2}\n");
        done(sink);
    }
    assert_string_equal(con_kit_slurp(&f->k, "out"), "a\n1\n2\n1\n2\n");
    struct con_sink *sink = sink_open(f, "path = 'out', append = false", "csv");
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "out"), "a\n");
}

static void rows_that_are_not_selected_are_not_written(void **state) {
    struct fix *f = *state;
    struct con_sink *sink = sink_open(f, "path = 'out'", "json");
    struct evt_batch *b = con_kit_batch(&f->k, sink->schema, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
    evt_batch_need_sel(b)[0] = 5;
    assert_int_equal(con_sink_write(sink, b, NULL), CEP_OK);
    evt_batch_unref(b);
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "out"), "{\"a\":1}\n{\"a\":3}\n");
}

static void a_torn_last_line_is_ended_before_appending(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "out", "{\"a\":1}\n{\"a\":");
    struct con_sink *sink = sink_open(f, "path = 'out'", "json");
    put(f, sink, "{\"a\":2}\n");
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "out"), "{\"a\":1}\n{\"a\":\n{\"a\":2}\n");
}

static void rotation_by_size(void **state) {
    struct fix *f = *state;
    struct con_sink *sink = sink_open(f, "path = 'out', rotate_size = 20", "json");
    put(f, sink, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n{\"a\":5}\n");
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "out.1"), "{\"a\":1}\n{\"a\":2}\n");
    assert_string_equal(con_kit_slurp(&f->k, "out.2"), "{\"a\":3}\n{\"a\":4}\n");
    assert_string_equal(con_kit_slurp(&f->k, "out"), "{\"a\":5}\n");
    sink = sink_open(f, "path = 'out', rotate_size = 20", "json");
    put(f, sink, "{\"a\":6}\n{\"a\":7}\n");
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "out.3"), "{\"a\":5}\n{\"a\":6}\n");
}

static void a_record_larger_than_a_file_does_not_leave_bare_headers(void **state) {
    struct fix *f = *state;
    struct con_sink *sink = sink_open(f, "path = 'out', rotate_size = 3", "csv");
    put(f, sink, "{\"a\":1000}\n{\"a\":2000}\n");
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "out.1"), "a\n1000\n");
    assert_string_equal(con_kit_slurp(&f->k, "out"), "a\n2000\n");
}

static void rotation_by_time(void **state) {
    struct fix *f = *state;
    f->k.now_us = 1000000;
    struct con_sink *sink = sink_open(f, "path = 'out', rotate_every = 10 s", "csv");
    put(f, sink, "{\"a\":1}\n");
    f->k.now_us += 9000000;
    put(f, sink, "{\"a\":2}\n");
    f->k.now_us += 1000000;
    assert_int_equal(con_sink_flush(sink, false, NULL), CEP_OK);
    assert_string_equal(con_kit_slurp(&f->k, "out.1"), "a\n1\n2\n");
    put(f, sink, "{\"a\":3}\n");
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "out"), "a\n3\n");
}

static void a_clock_that_is_set_moves_no_rotation(void **state) {
    struct fix *f = *state;
    f->k.now_us = INT64_C(7200000000);
    struct con_sink *sink = sink_open(f, "path = 'out', rotate_every = 10 s", "csv");
    put(f, sink, "{\"a\":1}\n");
    f->k.set_by_us = INT64_C(3600000000);
    put(f, sink, "{\"a\":2}\n");
    assert_null(con_kit_slurp(&f->k, "out.1"));
    f->k.set_by_us = -INT64_C(3600000000);
    f->k.now_us += 10000000;
    assert_int_equal(con_sink_flush(sink, false, NULL), CEP_OK);
    assert_string_equal(con_kit_slurp(&f->k, "out.1"), "a\n1\n2\n");
    done(sink);
}

static void a_clock_that_is_set_back_hides_no_new_file(void **state) {
    struct fix *f = *state;
    struct base_buf rows = BASE_BUF_INIT;
    f->k.now_us = INT64_C(7200000000);
    con_kit_put(&f->k, "a.log", "{\"a\":1}\n");
    struct con_source *src = con_kit_open(
        &f->k, "a int", "file", "path = '*.log', follow = true, poll_every = 1 s", "json", NULL);
    (void)con_kit_read(&f->k, src, &rows, 0);
    con_kit_put(&f->k, "b.log", "{\"a\":2}\n");
    f->k.set_by_us = -INT64_C(3600000000);
    f->k.now_us += 1000000;
    (void)con_kit_read(&f->k, src, &rows, 0);
    assert_string_equal(base_buf_cstr(&rows), "{\"a\":1}\n{\"a\":2}\n");
    base_buf_release(&rows);
    con_source_close(src);
}

static void part_files_appear_whole(void **state) {
    struct fix *f = *state;
    shell(f, "mkdir d");
    struct con_sink *sink = sink_open(f, "path = 'd/', rotate_size = 8", "json");
    put(f, sink, "{\"a\":1}\n{\"a\":2}\n");
    assert_string_equal(con_kit_slurp(&f->k, "d/part-0-000001.ndjson"), "{\"a\":1}\n");
    assert_null(con_kit_slurp(&f->k, "d/part-0-000002.ndjson"));
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "d/part-0-000002.ndjson"), "{\"a\":2}\n");
    sink = sink_open(f, "path = 'd/'", "json");
    put(f, sink, "{\"a\":3}\n");
    done(sink);
    assert_string_equal(con_kit_slurp(&f->k, "d/part-0-000003.ndjson"), "{\"a\":3}\n");
    sink = sink_open(f, "path = 'd/'", "json");
    done(sink);
    shell(f, "test $(ls -A d | wc -l) = 3");
}

static void a_missing_folder_is_an_error(void **state) {
    struct fix *f = *state;
    struct con_sink *sink;
    static const char *const opts[] = { "path = 'no/out'", "path = 'no/'" };
    static const char *const messages[] = { "could not open file \"%s/no/out\": No such file or directory",
        "could not open folder \"%s/no/\": No such file or directory" };
    for (int i = 0; i < 2; i++) {
        struct cep_err err = CEP_ERR_INIT;
        char want[256];
        snprintf(want, sizeof want, i ? messages[1] : messages[0], f->k.dir);
        assert_int_equal(con_sink_open(con_kit_sink(&f->k, "file", opts[i], "json", NULL),
                             con_kit_schema(&f->k, "a int"), &f->k.env, &sink, &err),
            CEP_EIO);
        assert_string_equal(err.message, want);
        assert_string_equal(err.hint, "the folder has to be there: cepd does not make folders");
        assert_true(err.retriable);
    }
}

/* A file system that is full: said each time, kept, and written when there is room. */
static void a_full_disk_loses_nothing(void **state) {
    struct fix *f = *state;
    struct rlimit old, low;
    struct cep_err err = CEP_ERR_INIT;
    struct con_sink *sink = sink_open(f, "path = 'out', buffer = 0", "json");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 20;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    struct evt_batch *b = con_kit_batch(&f->k, sink->schema, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n");
    assert_int_equal(con_sink_write(sink, b, &err), CEP_EIO);
    assert_string_equal(err.message,
        base_arena_printf(&f->k.arena, "could not write file \"%s/out\": File too large", f->k.dir));
    assert_true(err.retriable);
    assert_int_equal(con_sink_flush(sink, false, &err), CEP_EIO);
    struct con_sink_stats stats;
    con_sink_stats(sink, &stats);
    assert_int_equal(stats.pending, 4);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    done(sink);
    evt_batch_unref(b);
    assert_string_equal(con_kit_slurp(&f->k, "out"), "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n");
}

/* One job of a source and one or two sinks: what the names alone say, and what the disk says. */
static void ends_meet(void **state) {
    struct fix *f = *state;
    static const struct {
        const char *from, *to, *other; /* options; other: of a second sink, or NULL */
        bool by_name, on_disk;
    } rows[] = {
        { "path = 'in/a.ndjson'", "path = './in//a.ndjson'", NULL, true, true },
        { "path = 'in/a.ndjson'", "path = 'in/b.ndjson'", NULL, false, false },
        { "path = 'in/*.ndjson'", "path = 'in/b.ndjson'", NULL, true, true },
        { "path = 'in/{a,{x,b}}.ndjson'", "path = 'in/b.ndjson'", NULL, true, true },
        { "path = 'in/{a,c}.ndjson'", "path = 'in/b.ndjson'", NULL, false, false },
        { "path = '*.ndjson'", "path = 'in/b.ndjson'", NULL, false, false },
        { "path = 'in/*.1'", "path = 'in/b', rotate_size = 9", NULL, true, true },
        { "path = 'in/*.1'", "path = 'in/b'", NULL, false, false },
        { "path = 'in/'", "path = 'in/b.txt'", NULL, true, true },
        { "path = 'in/'", "path = 'in/.b.txt'", NULL, false, false },
        { "path = 'in'", "path = 'in/b.txt'", NULL, false, true },
        { "path = 'in'", "path = 'inn/b.txt'", NULL, false, true },
        { "path = 'in/'", "path = 'in/'", NULL, true, true },
        { "path = 'in/p*.ndjson'", "path = 'in/'", NULL, false, true },
        { "path = 'in/p*.csv'", "path = 'in/'", NULL, false, false },
        { "path = 'link'", "path = 'in/a.ndjson', append = false", NULL, false, true },
        { "path = 'in/../in/a.ndjson'", "path = 'in/a.ndjson'", NULL, false, true },
        { "path = 'in/a.ndjson'", "path = 'x'", "path = 'x'", true, true },
        { "path = 'in/a.ndjson'", "path = 'x'", "path = 'in/../x'", false, true },
        { "path = 'in/a.ndjson'", "path = 'in/'", "path = 'in/x'", false, false },
        { "path = 'in/a.ndjson'", "path = '/dev/null'", "path = '/dev/null'", false, false },
    };
    shell(f, "mkdir in && echo '{}' > in/a.ndjson && ln -s in inn && ln -s in/a.ndjson link");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct plan_node *node = con_kit_stream(&f->k, "a int", "file", rows[i].from, "json", NULL);
        struct plan_sink sinks[2] = { *con_kit_sink(&f->k, "file", rows[i].to, "json", NULL) };
        uint32_t n = rows[i].other ? 2 : 1;
        if (rows[i].other)
            sinks[1] = *con_kit_sink(&f->k, "file", rows[i].other, "json", NULL);
        const struct plan plan = { .nodes = &node, .n_nodes = 1, .sinks = sinks, .n_sinks = n };
        struct plan_end a = { true, node->source.opts, node->source.n_opts };
        struct plan_end b = { false, sinks[0].opts, sinks[0].n_opts };
        struct plan_end c = { false, sinks[n - 1].opts, sinks[n - 1].n_opts };
        const struct plan_opt *of_a;
        bool by_name = con_file.spec.meet(&a, &b, &of_a) || (n > 1 && con_file.spec.meet(&b, &c, &of_a));
        struct cep_err err = CEP_ERR_INIT;
        enum cep_rc rc = con_check_ends(&plan, &f->k.env, &err);
        if (by_name != rows[i].by_name || rc != (rows[i].on_disk ? CEP_EINVAL : CEP_OK))
            fail_msg("%s and %s: %d by name, %s", rows[i].from, rows[i].to, by_name,
                rc == CEP_OK ? "nothing on the disk" : err.message);
    }
    assert_string_equal(con_kit_slurp(&f->k, "in/a.ndjson"), "{}\n");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(ends_meet),
        T(one_file),
        T(a_missing_file_is_an_error),
        T(partitions_of_a_glob_and_a_directory_come_sorted),
        T(a_partition_can_be_read_alone),
        T(what_the_system_does_not_give_out_is_an_error),
        T(trouble_with_one_file_leaves_the_others),
        T(gzip_and_zstd),
        T(cut_off_and_damaged_compression),
        T(follow_sees_what_is_added),
        T(follow_survives_rotation_truncation_and_absence),
        T(follow_takes_new_files_of_a_directory_but_no_rotated_ones),
        T(a_csv_header_comes_again_with_each_file),
        T(many_files_do_not_run_out_of_descriptors),
        T(a_file_is_appended_to),
        T(rows_that_are_not_selected_are_not_written),
        T(a_torn_last_line_is_ended_before_appending),
        T(rotation_by_size),
        T(a_record_larger_than_a_file_does_not_leave_bare_headers),
        T(rotation_by_time),
        T(a_clock_that_is_set_moves_no_rotation),
        T(a_clock_that_is_set_back_hides_no_new_file),
        T(part_files_appear_whole),
        T(a_missing_folder_is_an_error),
        T(a_full_disk_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
