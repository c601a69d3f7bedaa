/*
 * con_commit_test -- sinks in checkpoints: what is written, cut back, committed and restored; and what happens when the disk
 * fails at any of these steps.
 *
 * The random test plays a job: it writes numbered rows, takes checkpoints, dies anywhere, goes back to its last complete
 * checkpoint, with another number of writers where there may be several, while calls to the system fail now and then. At
 * the end each row is visible once. Calls fail through the linker (--wrap).
 */
#include "tests/connect/con_check.h"

#include "base/base_mem.h"
#include "connect/con_internal.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* -- calls that fail -------------------------------------------------------------------------------------------------- */

static struct fault {
    const char *call; /* NULL = none is wanted */
    int left;         /* so many calls more go well */
    int e;
    int n_fired;
} fault;

static bool fails(const char *call) {
    if (!fault.call || strcmp(fault.call, call) != 0 || fault.left-- > 0)
        return false;
    fault.n_fired++;
    fault.call = NULL;
    errno = fault.e;
    return true;
}

static void fail_next(const char *call, int e) {
    fault = (struct fault){ .call = call, .e = e, .n_fired = fault.n_fired };
}

#define WRAP(type, name, params, args) \
    type __real_##name params;         \
    type __wrap_##name params;         \
    type __wrap_##name params {        \
        if (fails(#name))              \
            return -1;                 \
        return __real_##name args;     \
    }
/* Syncs do not reach the disk here: nobody cuts the power, and many tests at once would wait for it. */
#define WRAP_SYNC(name)                                             \
    int __wrap_##name(int fd);                                      \
    int __wrap_##name(int fd) {                                     \
        return fails(#name) ? -1 : fcntl(fd, F_GETFD) < 0 ? -1 : 0; \
    }
WRAP_SYNC(fdatasync)
WRAP_SYNC(fsync)
WRAP(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
WRAP(int, rename, (const char *a, const char *b), (a, b))
WRAP(int, renameat2, (int x, const char *a, int y, const char *b, unsigned f), (x, a, y, b, f))
WRAP(int, unlink, (const char *p), (p))

/* -- a sink ------------------------------------------------------------------------------------------------------------ */

struct fix {
    struct con_kit k;
    const struct plan_sink *ps;
    const struct evt_schema *schema;
    struct con_sink *sink;
    struct base_buf state;
    struct cep_err err;
};

static int setup(void **state) {
    struct fix *f = calloc(1, sizeof *f);
    con_kit_init(&f->k);
    f->schema = con_kit_schema(&f->k, "a int");
    fault = (struct fault){ .call = NULL };
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fix *f = *state;
    fault.call = NULL;
    con_sink_close(f->sink);
    base_buf_release(&f->state);
    con_kit_release(&f->k);
    free(f);
    return 0;
}

static enum cep_rc open_as(struct fix *f, const struct base_str *states, uint32_t n) {
    struct con_sink_how how = { .exactly_once = true, .states = states, .n_states = n };
    con_sink_close(f->sink);
    f->sink = NULL;
    f->err = (struct cep_err)CEP_ERR_INIT;
    return con_sink_open_as(f->ps, f->schema, &f->k.env, &how, &f->sink, &f->err);
}

static void start(struct fix *f, const char *connector, const char *opts, const char *format) {
    f->ps = con_kit_sink(&f->k, connector, opts, format, NULL);
    assert_int_equal(open_as(f, NULL, 0), CEP_OK);
}

static enum cep_rc put(struct fix *f, const char *ndjson) {
    struct evt_batch *b = con_kit_batch(&f->k, f->schema, ndjson);
    enum cep_rc rc = con_sink_write(f->sink, b, &f->err);
    evt_batch_unref(b);
    return rc;
}

/* A checkpoint's state in the kit's arena. */
static struct base_str prepared(struct fix *f) {
    base_buf_clear(&f->state);
    assert_int_equal(con_sink_prepare(f->sink, 1, &f->state, &f->err), CEP_OK);
    return base_arena_str(&f->k.arena, base_buf_view(&f->state));
}

static enum cep_rc restore(struct fix *f, struct base_str state) {
    return open_as(f, &state, 1);
}

#define check_file(f, name, text) assert_string_equal(con_kit_slurp(&(f)->k, name), text)

static void check_gone(struct fix *f, const char *name) {
    assert_null(con_kit_slurp(&f->k, name));
}

static void check_err(struct fix *f, const char *message, bool retriable) {
    assert_string_equal(f->err.message, base_arena_printf(&f->k.arena, message, f->k.dir, f->k.dir));
    assert_int_equal(f->err.retriable, retriable);
}

/* -- one file ---------------------------------------------------------------------------------------------------------- */

static void a_file_is_cut_back(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "out", "{\"a\":0}\n");
    start(f, "file", "path = 'out'", "json");
    struct base_str first = prepared(f);
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str second = prepared(f);
    check_file(f, "out", "{\"a\":0}\n{\"a\":1}\n");
    assert_int_equal(put(f, "{\"a\":2}\n"), CEP_OK);
    assert_int_equal(con_sink_flush(f->sink, false, NULL), CEP_OK);
    check_file(f, "out", "{\"a\":0}\n{\"a\":1}\n{\"a\":2}\n");
    con_kit_add(&f->k, "out", "{\"a\":"); /* torn by the crash */
    assert_int_equal(con_sink_commit(f->sink, second, NULL), CEP_OK);
    assert_int_equal(restore(f, second), CEP_OK);
    check_file(f, "out", "{\"a\":0}\n{\"a\":1}\n");
    assert_string_equal(
        f->k.log.p, base_arena_printf(&f->k.arena,
                        "info: file \"%s/out\" was cut back to the last checkpoint: 13 bytes\n", f->k.dir));
    assert_int_equal(put(f, "{\"a\":3}\n"), CEP_OK);
    (void)prepared(f);
    check_file(f, "out", "{\"a\":0}\n{\"a\":1}\n{\"a\":3}\n");
    assert_int_equal(restore(f, first), CEP_OK);
    check_file(f, "out", "{\"a\":0}\n");
}

static void a_header_comes_again_for_an_empty_file(void **state) {
    struct fix *f = *state;
    start(f, "file", "path = 'out', append = false", "csv");
    struct base_str empty = prepared(f);
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    (void)prepared(f);
    assert_int_equal(restore(f, empty), CEP_OK);
    check_file(f, "out", "a\n");
    assert_int_equal(put(f, "{\"a\":2}\n"), CEP_OK);
    struct base_str one = prepared(f);
    assert_int_equal(restore(f, one), CEP_OK); /* append = false is for the first run */
    check_file(f, "out", "a\n2\n");
}

static void rotation_is_taken_back(void **state) {
    struct fix *f = *state;
    con_kit_put(&f->k, "out.1", "old\n");
    start(f, "file", "path = 'out', rotate_size = 16", "json");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str at = prepared(f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put(f, "{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n{\"a\":5}\n{\"a\":6}\n"), CEP_OK);
        (void)prepared(f);
        assert_non_null(con_kit_slurp(&f->k, "out.2"));
        assert_non_null(con_kit_slurp(&f->k, "out.3"));
        con_kit_put(&f->k, "out.20260101", "somebody else's\n");
        assert_int_equal(restore(f, at), CEP_OK);
        check_file(f, "out", "{\"a\":1}\n");
        check_file(f, "out.1", "old\n");
        check_gone(f, "out.2");
        check_gone(f, "out.3");
        check_file(f, "out.20260101", "somebody else's\n");
    }
}

static void a_file_that_is_not_what_it_was(void **state) {
    struct fix *f = *state;
    start(f, "file", "path = 'out'", "json");
    assert_int_equal(put(f, "{\"a\":1}\n{\"a\":2}\n"), CEP_OK);
    struct base_str at = prepared(f);
    con_sink_close(f->sink);
    f->sink = NULL;
    con_kit_put(&f->k, "out", "{\"a\":1}\n");
    assert_int_equal(restore(f, at), CEP_ESTATE);
    check_err(f, "file \"%s/out\" has 8 bytes, fewer than the 16 that were committed", false);
    con_kit_put(&f->k, "out", "{\"b\":1}\n{\"b\":2}\n{\"b\":3}\n");
    assert_int_equal(restore(f, at), CEP_ESTATE);
    check_err(f, "file \"%s/out\" is not the one that was written: its first 16 bytes are others", false);
    check_file(f, "out", "{\"b\":1}\n{\"b\":2}\n{\"b\":3}\n");
    unlink(con_kit_path(&f->k, "out"));
    assert_int_equal(restore(f, at), CEP_EIO);
    check_err(f,
        "could not open file \"%s/out\", of which 16 bytes were committed: No such file or directory", false);
    assert_int_equal(restore(f, (struct base_str){ at.p, at.len - 1 }), CEP_EDAMAGED);
    char other[64];
    memcpy(other, at.p, at.len);
    other[0] = 9;
    assert_int_equal(restore(f, (struct base_str){ other, at.len }), CEP_EVERSION);
}

static void a_file_has_one_writer(void **state) {
    struct fix *f = *state;
    start(f, "file", "path = 'out'", "json");
    struct con_sink *first = f->sink;
    f->sink = NULL;
    assert_int_equal(open_as(f, NULL, 0), CEP_ESTATE);
    check_err(f, "file \"%s/out\" is being written by another job", false);
    con_sink_close(first);
    assert_int_equal(open_as(f, NULL, 0), CEP_OK);
}

/* The file system of the tests' folder can say whose a file is. */
static bool has_names(struct fix *f) {
    con_kit_put(&f->k, "probe", "");
    return setxattr(con_kit_path(&f->k, "probe"), "user.cepd.writer", "j", 1, 0) == 0;
}

static void a_writer_that_was_given_up_keeps_nothing(void **state) {
    struct fix *f = *state;
    f->k.env.writer = "job 1";
    start(f, "file", "path = 'out'", "json");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str at = prepared(f);
    assert_int_equal(put(f, "{\"a\":2}\n"), CEP_OK);
    assert_int_equal(con_sink_flush(f->sink, false, NULL), CEP_OK);
    struct con_sink *zombie = f->sink, *next;
    f->sink = NULL;
    f->k.env.writer = "job 2"; /* another job has to wait, and one without a name too */
    assert_int_equal(restore(f, at), CEP_ESTATE);
    f->k.env.writer = NULL;
    assert_int_equal(restore(f, at), CEP_ESTATE);
    check_err(f, "file \"%s/out\" is being written by another job", false);
    f->k.env.writer = "job 1";
    if (!has_names(f)) {
        assert_int_equal(restore(f, at), CEP_ESTATE);
        con_sink_close(zombie);
        return;
    }
    assert_int_equal(restore(f, at), CEP_OK);
    check_file(f, "out", "{\"a\":1}\n");
    assert_non_null(
        strstr(f->k.log.p, "is still held by a writer that was given up: 8 bytes went to a new file"));
    assert_int_equal(put(f, "{\"a\":3}\n"), CEP_OK);
    (void)prepared(f);
    next = f->sink;
    f->sink = zombie;
    assert_int_equal(put(f, "{\"a\":4}\n"), CEP_OK); /* it comes back, and writes */
    (void)prepared(f);
    check_file(f, "out", "{\"a\":1}\n{\"a\":3}\n");
    f->sink = next;
    con_sink_close(zombie); /* its end takes nobody's lock away */
    next = f->sink;
    f->sink = NULL;
    f->k.env.writer = NULL;
    assert_int_equal(restore(f, at), CEP_ESTATE);
    con_sink_close(next);
    assert_int_equal(restore(f, at), CEP_OK);
    con_sink_close(f->sink);
    f->k.env.writer = "job 1";
    f->sink = NULL;
    assert_int_equal(restore(f, at), CEP_OK);
    check_gone(f, "out.taken");
}

/* Its file has become another's: it may not be given other names. */
static void a_writer_that_was_given_up_renames_nothing(void **state) {
    struct fix *f = *state;
    if (!has_names(f))
        return;
    f->k.env.writer = "job 1";
    start(f, "file", "path = 'out', rotate_size = 16", "json");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str at = prepared(f);
    struct con_sink *zombie = f->sink, *next;
    f->sink = NULL;
    assert_int_equal(restore(f, at), CEP_OK);
    next = f->sink;
    f->sink = zombie;
    assert_int_equal(put(f, "{\"a\":2}\n{\"a\":3}\n"), CEP_ESTATE);
    check_err(f, "file \"%s/out\" is not the one that is being written any more", false);
    con_sink_close(zombie);
    f->sink = next;
    check_file(f, "out", "{\"a\":1}\n");
    check_gone(f, "out.1");
}

static void a_part_file_that_goes_on_is_taken_too(void **state) {
    struct fix *f = *state;
    if (!has_names(f))
        return;
    f->k.env.writer = "job 1";
    assert_int_equal(mkdir(con_kit_path(&f->k, "out"), 0777), 0);
    start(f, "file", "path = 'out/', rotate_size = 1000", "json");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str at = prepared(f);
    struct con_sink *zombie = f->sink, *next;
    f->sink = NULL;
    assert_int_equal(restore(f, at), CEP_OK);
    assert_int_equal(put(f, "{\"a\":2}\n"), CEP_OK);
    (void)prepared(f);
    next = f->sink;
    f->sink = zombie;
    assert_int_equal(put(f, "{\"a\":3}\n"), CEP_OK);
    (void)prepared(f);
    con_sink_close(zombie);
    f->sink = next;
    check_file(f, "out/.part-0-000001.ndjson.open", "{\"a\":1}\n{\"a\":2}\n");
}

static void what_cannot_be_cut_back(void **state) {
    struct fix *f = *state;
    start(f, "file", "path = '/dev/null'", "json");
    assert_string_equal(f->k.log.p,
        "warning: sink \"out\": delivery at least once: \"/dev/null\" is no regular "
        "file, which could be cut back\n");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    assert_int_equal(restore(f, prepared(f)), CEP_OK);
    ((struct plan_sink *)(uintptr_t)f->ps)->delivery = PLAN_EXACTLY_ONCE;
    assert_int_equal(open_as(f, NULL, 0), CEP_ESTATE);
    check_err(f,
        "cannot deliver exactly once to \"/dev/null\": it is no regular file, which could be cut back",
        false);
}

/* -- part files -------------------------------------------------------------------------------------------------------- */

static void part_files_appear_at_commit(void **state) {
    struct fix *f = *state;
    assert_int_equal(mkdir(con_kit_path(&f->k, "d"), 0777), 0);
    start(f, "file", "path = 'd/'", "csv");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str one = prepared(f);
    check_file(f, "d/.part-0-000001.csv.open", "a\n1\n");
    assert_int_equal(put(f, "{\"a\":2}\n"), CEP_OK);
    struct base_str two = prepared(f); /* the first is in it as well */
    check_gone(f, "d/part-0-000001.csv");
    assert_int_equal(con_sink_commit(f->sink, one, NULL), CEP_OK);
    check_file(f, "d/part-0-000001.csv", "a\n1\n");
    check_gone(f, "d/part-0-000002.csv");
    assert_int_equal(con_sink_commit(f->sink, one, NULL), CEP_OK); /* again: no harm */
    assert_int_equal(put(f, "{\"a\":3}\n"), CEP_OK);
    assert_int_equal(con_sink_flush(f->sink, false, NULL), CEP_OK);
    check_file(f, "d/.part-0-000003.csv.open", "a\n3\n");
    assert_int_equal(restore(f, two), CEP_OK); /* its commit was missed */
    check_file(f, "d/part-0-000002.csv", "a\n2\n");
    check_gone(f, "d/.part-0-000002.csv.open");
    assert_int_equal(put(f, "{\"a\":4}\n"), CEP_OK);
    assert_int_equal(con_sink_flush(f->sink, true, NULL), CEP_OK);
    check_gone(f, "d/part-0-000003.csv");
    struct base_str three = prepared(f);
    assert_int_equal(con_sink_commit(f->sink, three, NULL), CEP_OK);
    check_file(f, "d/part-0-000003.csv", "a\n4\n");
    con_sink_close(f->sink);
    f->sink = NULL;
    unlink(con_kit_path(&f->k, "d/part-0-000003.csv"));
    assert_int_equal(restore(f, three), CEP_EIO);
    check_err(f, "could not commit file \"%s/d/part-0-000003.csv\": No such file or directory", false);
}

static void part_files_with_rotation_go_on_over_checkpoints(void **state) {
    struct fix *f = *state;
    assert_int_equal(mkdir(con_kit_path(&f->k, "d"), 0777), 0);
    start(f, "file", "path = 'd/', rotate_size = 24", "json");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str one = prepared(f);
    assert_int_equal(con_sink_commit(f->sink, one, NULL), CEP_OK);
    check_gone(f, "d/part-0-000001.json");
    assert_int_equal(put(f, "{\"a\":2}\n{\"a\":3}\n{\"a\":4}\n"), CEP_OK);
    assert_int_equal(con_sink_flush(f->sink, false, NULL), CEP_OK);
    assert_int_equal(restore(f, one), CEP_OK);
    assert_int_equal(put(f, "{\"a\":5}\n{\"a\":6}\n{\"a\":7}\n"), CEP_OK);
    struct base_str two = prepared(f);
    assert_int_equal(con_sink_commit(f->sink, two, NULL), CEP_OK);
    const char *text = con_kit_slurp(&f->k, "d/part-0-000001.ndjson");
    assert_string_equal(text, "{\"a\":1}\n{\"a\":5}\n{\"a\":6}\n");
    check_file(f, "d/.part-0-000002.ndjson.open", "{\"a\":7}\n");
    /* Going back before a commit: told, and the rows come again. */
    base_buf_clear(&f->k.log);
    assert_int_equal(restore(f, one), CEP_OK);
    assert_non_null(strstr(f->k.log.p, "was committed after the checkpoint that is restored"));
    check_file(f, "d/part-0-000001.ndjson", text);
}

/* -- sinks that deliver at least once ------------------------------------------------------------------------------------ */

static void what_waits_is_in_the_checkpoint(void **state) {
    struct fix *f = *state;
    static const char *const kinds[] = { "tcp", "http" };
    static const char *const opts[] = {
        "port = 1, drain = 0 s",
        "url = 'http://127.0.0.1:1/', batch = 2, linger = 0 s, drain = 0 s, retry_min = 1 h, retry_max = 1 h"
    };
    for (int i = 0; i < 2; i++) {
        struct con_sink_stats st;
        start(f, kinds[i], opts[i], "csv");
        assert_true(con_sink_parallel(f->ps));
        assert_int_equal(put(f, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n"), CEP_OK);
        struct base_str at = prepared(f);
        assert_int_equal(restore(f, at), CEP_OK);
        con_sink_stats(f->sink, &st);
        assert_int_equal(st.pending, 3);
        assert_int_equal(st.rows, 0);
        assert_true(base_str_eq(prepared(f), at)); /* and in the next one */
        struct base_str both[] = { at, at };
        assert_int_equal(open_as(f, both, 2), CEP_OK);
        con_sink_stats(f->sink, &st);
        assert_int_equal(st.pending, 6);
        assert_int_equal(con_sink_flush(f->sink, true, &f->err), CEP_EIO);
        assert_non_null(strstr(f->err.message, "6 records could not be sent to"));
        /* Another connector does not know what to do with it, and says so. */
        base_buf_clear(&f->k.log);
        f->ps = con_kit_sink(&f->k, "stderr", NULL, "json", NULL);
        assert_int_equal(restore(f, at), CEP_OK);
        assert_non_null(strstr(f->k.log.p, "what that had not sent or committed yet"));
        assert_false(con_sink_parallel(f->ps));
    }
}

/* -- the disk fails ------------------------------------------------------------------------------------------------------ */

static void a_write_that_fails_is_tried_again(void **state) {
    struct fix *f = *state;
    static const int codes[] = { ENOSPC, EIO, EDQUOT };
    start(f, "file", "path = 'out'", "json");
    for (size_t i = 0; i < CEP_COUNT_OF(codes); i++) {
        assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
        fail_next("write", codes[i]);
        base_buf_clear(&f->state);
        assert_int_equal(con_sink_prepare(f->sink, 1, &f->state, &f->err), CEP_EIO);
        assert_string_equal(
            f->err.message, base_arena_printf(&f->k.arena, "could not write file \"%s/out\": %s", f->k.dir,
                                strerror(codes[i])));
        assert_true(f->err.retriable);
        (void)prepared(f);
    }
    check_file(f, "out", "{\"a\":1}\n{\"a\":1}\n{\"a\":1}\n");
}

static void a_sync_that_fails_is_never_taken_back(void **state) {
    struct fix *f = *state;
    start(f, "file", "path = 'out'", "json");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    struct base_str at = prepared(f);
    assert_int_equal(put(f, "{\"a\":2}\n"), CEP_OK);
    fail_next("fdatasync", EIO);
    for (int i = 0; i < 3; i++) { /* the kernel would say that the second try went well */
        base_buf_clear(&f->state);
        assert_int_equal(con_sink_prepare(f->sink, 1, &f->state, &f->err), CEP_EIO);
        check_err(f,
            i ? "could not sync file \"%s/out\": it failed before"
              : "could not sync file \"%s/out\": Input/output error",
            false);
        assert_string_equal(
            f->err.hint, "what was written may not be on disk: go back to the last checkpoint");
    }
    assert_int_equal(restore(f, at), CEP_OK);
    assert_int_equal(put(f, "{\"a\":2}\n"), CEP_OK);
    (void)prepared(f);
    check_file(f, "out", "{\"a\":1}\n{\"a\":2}\n");
}

static void names_that_cannot_be_synced_or_changed(void **state) {
    struct fix *f = *state;
    assert_int_equal(mkdir(con_kit_path(&f->k, "d"), 0777), 0);
    start(f, "file", "path = 'd/'", "json");
    assert_int_equal(put(f, "{\"a\":1}\n"), CEP_OK);
    fail_next("fsync", EIO);
    base_buf_clear(&f->state);
    assert_int_equal(con_sink_prepare(f->sink, 1, &f->state, &f->err), CEP_EIO);
    check_err(f, "could not sync folder \"%s/d\": Input/output error", true);
    struct base_str at = prepared(f);
    fail_next("renameat2", ENOSPC);
    assert_int_equal(con_sink_commit(f->sink, at, &f->err), CEP_EIO);
    check_err(f,
        "could not rename file \"%s/d/.part-0-000001.ndjson.open\" to \"%s/d/part-0-000001.ndjson\": No "
        "space "
        "left on device",
        true);
    con_kit_put(&f->k, "d/part-0-000001.ndjson", "somebody else's\n");
    assert_int_equal(con_sink_commit(f->sink, at, &f->err), CEP_EIO);
    check_err(f,
        "could not rename file \"%s/d/.part-0-000001.ndjson.open\" to \"%s/d/part-0-000001.ndjson\": File "
        "exists",
        false);
    check_file(f, "d/part-0-000001.ndjson", "somebody else's\n");
    unlink(con_kit_path(&f->k, "d/part-0-000001.ndjson"));
    assert_int_equal(con_sink_commit(f->sink, at, &f->err), CEP_OK);
    check_file(f, "d/part-0-000001.ndjson", "{\"a\":1}\n");
}

/* A disk that is really full: a small tmpfs; where that may not be mounted, a limit on the size of files. */
static void a_full_disk(void **state) {
    struct fix *f = *state;
    assert_int_equal(mkdir(con_kit_path(&f->k, "m"), 0777), 0);
    char *m = con_kit_path(&f->k, "m");
    bool mounted = mount("none", m, "tmpfs", 0, "size=64k") == 0;
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_IGN);
    if (mounted) {
        static const char filler[40000];
        con_kit_write(&f->k, "m/filler", filler, sizeof filler, false);
    } else {
        low = old;
        low.rlim_cur = 20000;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    }
    start(f, "file", "path = 'm/out', buffer = 4096", "json");
    struct base_buf rows = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    for (int i = 0; i < 5000 && rc == CEP_OK; i += 100) {
        size_t from = rows.len;
        for (int n = 0; n < 100; n++)
            base_buf_printf(&rows, "{\"a\":%d}\n", 1000 + i + n);
        rc = put(f, rows.p + from);
    }
    assert_int_equal(rc, CEP_EIO);
    assert_string_equal(f->err.message, base_arena_printf(&f->k.arena, "could not write file \"%s/out\": %s",
                                            m, mounted ? "No space left on device" : "File too large"));
    assert_true(f->err.retriable);
    base_buf_clear(&f->state);
    assert_int_equal(con_sink_prepare(f->sink, 1, &f->state, &f->err), CEP_EIO);
    if (mounted)
        unlink(con_kit_path(&f->k, "m/filler"));
    else
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    struct base_str at = prepared(f);
    assert_string_equal(con_kit_slurp(&f->k, "m/out"), rows.p);
    assert_int_equal(restore(f, at), CEP_OK);
    assert_string_equal(con_kit_slurp(&f->k, "m/out"), rows.p);
    base_buf_release(&rows);
    con_sink_close(f->sink);
    f->sink = NULL;
    if (mounted)
        assert_int_equal(umount(m), 0);
    signal(SIGXFSZ, SIG_DFL);
}

/* -- a job with crashes --------------------------------------------------------------------------------------------------- */

enum { WRITERS = 3 };

struct job {
    struct fix *f;
    uint64_t random;
    bool parallel;
    struct con_sink *sinks[WRITERS];
    uint32_t n;
    int next[WRITERS];       /* row to write next, per lane: lane l has rows l * 100000 + 0, 1, 2, ... */
    int saved_next[WRITERS]; /* at the last complete checkpoint */
    struct base_str saved[WRITERS];
    uint32_t n_saved;
    bool uncommitted;
    int n_errors, n_restores;
};

static uint32_t below(struct job *j, uint32_t n) {
    j->random = j->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((j->random >> 33) % n);
}

static void maybe_fault(struct job *j) {
    static const char *const calls[] = { "write", "fdatasync", "fsync", "ftruncate", "rename", "renameat2",
        "unlink" };
    static const int codes[] = { EIO, ENOSPC };
    if (below(j, 4) == 0)
        fault = (struct fault){ .call = calls[below(j, CEP_COUNT_OF(calls))],
            .left = (int)below(j, 3),
            .e = codes[below(j, 2)],
            .n_fired = fault.n_fired };
}

static void job_open(struct job *j, uint32_t n) {
    struct fix *f = j->f;
    for (uint32_t i = 0; i < WRITERS; i++) {
        con_sink_close(j->sinks[i]);
        j->sinks[i] = NULL;
    }
    memcpy(j->next, j->saved_next, sizeof j->next);
    j->n = n;
    j->n_restores++;
    for (uint32_t i = 0; i < n;) {
        struct con_sink_how how = {
            .subtask = i, .n_subtasks = n, .exactly_once = true, .states = j->saved, .n_states = j->n_saved
        };
        enum cep_rc rc = con_sink_open_as(f->ps, f->schema, &f->k.env, &how, &j->sinks[i], &f->err);
        if (rc != CEP_OK) {
            assert_int_equal(rc, CEP_EIO); /* a fault; tried again */
            j->n_errors++;
        }
        i += rc == CEP_OK;
    }
    j->uncommitted = false;
}

static void job_write(struct job *j, uint32_t w) {
    struct base_buf text = BASE_BUF_INIT;
    /* Lanes are spread over the writers there are. */
    for (uint32_t lane = w; lane < WRITERS; lane += j->n)
        for (uint32_t n = below(j, 5); n > 0; n--)
            base_buf_printf(&text, "{\"a\":%d}\n", (int)lane * 100000 + j->next[lane]++);
    if (text.len > 0) {
        struct evt_batch *b = con_kit_batch(&j->f->k, j->f->schema, text.p);
        enum cep_rc rc = con_sink_write(j->sinks[w], b, &j->f->err); /* kept, whatever it says */
        j->n_errors += rc != CEP_OK;
        evt_batch_unref(b);
    }
    base_buf_release(&text);
}

/* Returns: false when only a restore helps. */
static bool job_checkpoint(struct job *j) {
    struct base_str states[WRITERS];
    for (uint32_t i = 0; i < j->n; i++) {
        base_buf_clear(&j->f->state);
        if (con_sink_prepare(j->sinks[i], 1, &j->f->state, &j->f->err) != CEP_OK) {
            j->n_errors++;
            return j->f->err.retriable;
        }
        states[i] = base_arena_str(&j->f->k.arena, base_buf_view(&j->f->state));
    }
    if (below(j, 5) == 0) /* some other part of the checkpoint failed */
        return true;
    memcpy(j->saved, states, sizeof states);
    memcpy(j->saved_next, j->next, sizeof j->next);
    j->n_saved = j->n;
    j->uncommitted = true;
    return true;
}

static void job_commit(struct job *j) {
    if (!j->uncommitted)
        return;
    for (uint32_t i = 0; i < j->n_saved; i++)
        if (con_sink_commit(j->sinks[i], j->saved[i], &j->f->err) != CEP_OK) {
            j->n_errors++;
            return; /* and again with the next */
        }
    j->uncommitted = false;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All that readers see, in the order it was written. */
static char *visible(struct fix *f, bool parts) {
    char *names[10000];
    size_t n = 0;
    struct base_buf all = BASE_BUF_INIT;
    DIR *dir = opendir(con_kit_path(&f->k, parts ? "d" : "."));
    struct dirent *e;
    while ((e = readdir(dir)))
        if (e->d_name[0] != '.' && (parts || strncmp(e->d_name, "out.", 4) == 0)) {
            assert_true(n < CEP_COUNT_OF(names));
            /* out.7 -> out.0000007, to sort by number */
            names[n++] = parts ? base_arena_printf(&f->k.arena, "d/%s", e->d_name)
                               : base_arena_printf(&f->k.arena, "%08ld", strtol(e->d_name + 4, NULL, 10));
        } else if (parts && e->d_name[0] == '.' && strlen(e->d_name) > 2) {
            print_error("left behind: %s\n", e->d_name);
            fail();
        }
    closedir(dir);
    if (n > 1)
        qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++)
        base_buf_puts(&all,
            con_kit_slurp(&f->k,
                parts ? names[i] : base_arena_printf(&f->k.arena, "out.%ld", strtol(names[i], NULL, 10))));
    if (!parts)
        base_buf_puts(&all, con_kit_slurp(&f->k, "out"));
    char *text = base_arena_strndup(&f->k.arena, base_buf_cstr(&all), all.len);
    base_buf_release(&all);
    return text;
}

static void play(struct fix *f, uint64_t seed, const char *opts, bool parallel, const char *format) {
    struct job j = { .f = f, .random = seed, .parallel = parallel };
    f->ps = con_kit_sink(&f->k, "file", opts, format, NULL);
    if (parallel)
        assert_int_equal(mkdir(con_kit_path(&f->k, "d"), 0777), 0);
    int fired = fault.n_fired;
    job_open(&j, 1);
    bool alive = job_checkpoint(&j) && j.n_saved > 0; /* something to go back to */
    while (!alive)
        alive = job_checkpoint(&j) && j.n_saved > 0;
    for (int step = 0; step < 120; step++) {
        maybe_fault(&j);
        uint32_t what = below(&j, 20);
        if (what < 10) {
            job_write(&j, below(&j, j.n));
        } else if (what < 13) {
            j.n_errors += con_sink_flush(j.sinks[below(&j, j.n)], false, &f->err) != CEP_OK;
        } else if (what < 17) {
            alive = job_checkpoint(&j);
        } else if (what < 19) {
            job_commit(&j);
        } else {
            alive = false;
        }
        if (!alive)
            job_open(&j, parallel ? 1 + below(&j, WRITERS) : 1);
        alive = true;
    }
    fault.call = NULL;
    for (bool over = false; !over;) {
        bool ok = true;
        j.uncommitted = false; /* the last checkpoint covers what earlier ones did not commit */
        for (uint32_t i = 0; i < j.n; i++)
            ok &= con_sink_flush(j.sinks[i], true, &f->err) == CEP_OK;
        j.n_errors += !ok;
        if (!ok || !job_checkpoint(&j)) { /* a sync failed before */
            job_open(&j, j.n);
            continue;
        }
        over = j.uncommitted;
        job_commit(&j);
        assert_false(j.uncommitted);
    }
    for (uint32_t i = 0; i < WRITERS; i++)
        con_sink_close(j.sinks[i]);
    /* Each lane's rows once, in order. */
    int seen[WRITERS] = { 0 };
    for (char *s = visible(f, parallel), *nl; (nl = strchr(s, '\n')); s = nl + 1) {
        char *digits = s + strcspn(s, "0123456789\n");
        if (digits == nl) /* a csv header */
            continue;
        int row = (int)strtol(digits, NULL, 10), lane = row / 100000;
        if (!parallel)
            assert_int_equal(row % 100000, seen[lane]);
        seen[lane]++;
    }
    for (int lane = 0; lane < WRITERS; lane++)
        assert_int_equal(seen[lane], j.next[lane]);
    assert_true(j.n_errors >= (fault.n_fired - fired > 0)); /* some fault, some error: never silent */
}

static void each_row_once_whatever_fails(void **state) {
    struct fix *f = *state;
    const char *seed_text = getenv("CEP_TEST_SEED");
    uint64_t first = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    static const struct {
        const char *opts;
        bool parallel;
        const char *format;
    } kinds[] = {
        { "path = 'out', buffer = 20", false, "json" },
        { "path = 'out', rotate_size = 60", false, "csv" },
        { "path = 'd/'", true, "csv" },
        { "path = 'd/', rotate_size = 60, buffer = 10", true, "json" },
    };
    for (uint64_t seed = first; seed < first + 40; seed++)
        for (size_t i = 0; i < CEP_COUNT_OF(kinds); i++) {
            char *cmd = base_arena_printf(&f->k.arena, "cd %s && rm -rf ./*", f->k.dir);
            assert_int_equal(system(cmd), 0);
            play(f, seed * 7919 + i, kinds[i].opts, kinds[i].parallel, kinds[i].format);
        }
    assert_true(fault.n_fired > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_file_is_cut_back),
        T(a_header_comes_again_for_an_empty_file),
        T(rotation_is_taken_back),
        T(a_file_that_is_not_what_it_was),
        T(a_file_has_one_writer),
        T(a_writer_that_was_given_up_keeps_nothing),
        T(a_writer_that_was_given_up_renames_nothing),
        T(a_part_file_that_goes_on_is_taken_too),
        T(what_cannot_be_cut_back),
        T(part_files_appear_at_commit),
        T(part_files_with_rotation_go_on_over_checkpoints),
        T(what_waits_is_in_the_checkpoint),
        T(a_write_that_fails_is_tried_again),
        T(a_sync_that_fails_is_never_taken_back),
        T(names_that_cannot_be_synced_or_changed),
        T(a_full_disk),
        T(each_row_once_whatever_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
