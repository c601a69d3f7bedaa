/* clu_saved_test -- what a task saved comes to the coordinator as it was: in the message when it is small, as a bundle when it is not, and
 * its mistakes too. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_saved.h"
#include "state/sto_path.h"

#include <stdlib.h>
#include <unistd.h>

enum { LARGE = 3 << 20 };

struct fix {
    char dir[64];
    struct clu_loop *loop;
    struct clu_link_server *server;
    struct clu_link *link;
    _Atomic(struct rt_saved *) came; /* owned */
    char path[256];                  /* of its bundle */
    uint64_t new_bytes;              /* as it was told */
    struct clu_saver *saver;
};

static void on_message(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    struct fix *f = arg;
    (void)link;
    assert_int_equal(msg->body_case, CLU__MSG__BODY_SAVED);
    assert_string_equal(msg->part->job, "j");
    assert_int_equal(msg->part->attempt, 3);
    assert_int_equal(msg->part->region, 1);
    (void)snprintf(f->path, sizeof f->path, "%s", msg->saved->path);
    f->new_bytes = msg->saved->new_bytes;
    atomic_store(&f->came, clu_saved_read(msg->saved));
}

static int set_up(void **state) {
    struct fix *f = base_calloc(1, sizeof *f);
    const struct clu_link_opts server = { .fns = { .message = on_message }, .arg = f },
                               client = { .token = NULL };
    const struct clu_link_client me = {
        .worker = "a", .data_address = "127.0.0.1:1", .host = "h", .slots = 1
    };
    char address[32];
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/clu_saved_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->loop = kit_loop();
    assert_int_equal(clu_link_listen(f->loop, "127.0.0.1:0", &server, &f->server, NULL), CEP_OK);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", clu_link_server_port(f->server));
    assert_int_equal(clu_link_connect(f->loop, address, &me, &client, &f->link, NULL), CEP_OK);
    KIT_WAIT(clu_link_is_up(f->link));
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fix *f = *state;
    char cmd[96];
    clu_link_close(f->link);
    clu_link_server_close(f->server);
    clu_loop_stop(f->loop);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", f->dir);
    assert_int_equal(system(cmd), 0);
    base_free(f);
    return 0;
}

/* A part with one entry of so many bytes. */
static void add_part(struct rt_snap *snap, const char *name, size_t bytes) {
    const struct sto_part_head head = {
        .kind = BASE_STR("pattern"), .name = base_str_of(name), .subtask = 1, .n_subtasks = 2
    };
    char *value = base_alloc(bytes);
    memset(value, name[0], bytes);
    struct base_buf *b = &rt_snap_add(snap, &head)->bytes;
    struct sto_out out = sto_part_out(b);
    const struct sto_entry e = { .ns = 7, .key = base_str_of(name), .value = { value, bytes } };
    assert_int_equal(out.put(out.arg, &e, NULL), CEP_OK);
    sto_part_end(b);
    base_free(value);
}

static void check_part(const struct rt_part *part, const char *name, size_t bytes) {
    struct sto_part_head head;
    struct base_unpack entries;
    struct sto_entry e;
    assert_int_equal(sto_part_open(rt_part_view(part), &head, &entries, NULL), CEP_OK);
    assert_true(base_str_eq(head.name, base_str_of(name)));
    assert_int_equal(head.subtask, 1);
    assert_int_equal(sto_part_next(&entries, &e, NULL), CEP_OK);
    assert_int_equal(e.ns, 7);
    assert_int_equal(e.value.len, bytes);
    assert_int_equal(e.value.p[bytes - 1], name[0]);
}

static struct rt_saved *send_with(struct fix *f, struct rt_saved *s, struct clu_saver *saver) {
    s->unaligned = true;
    s->flight_bytes = 1;
    s->align_us = 2, s->pause_us = 3, s->save_us = 4;
    s->pause_cpu_us = 5, s->barrier_us = 6, s->barrier_cpu_us = 7;
    Clu__Part part = CLU__PART__INIT;
    part.job = "j";
    part.attempt = 3;
    part.region = 1;
    clu_saved_send(f->link, &part, saver, s);
    rt_saved_free(s);
    KIT_WAIT(atomic_load(&f->came));
    struct rt_saved *got = atomic_exchange(&f->came, NULL);
    assert_int_equal(got->task, 5);
    assert_true(got->unaligned);
    assert_int_equal(
        got->flight_bytes + (uint64_t)(got->align_us + got->pause_us + got->save_us), 1 + 2 + 3 + 4);
    assert_int_equal(got->pause_cpu_us, 5);
    assert_int_equal(got->barrier_us, 6);
    assert_int_equal(got->barrier_cpu_us, 7);
    return got;
}

/* By a part that writes to `dir` and nothing before. */
static struct rt_saved *send_it(struct fix *f, struct rt_saved *s, const char *dir) {
    struct clu_saver *saver = clu_saver_new(dir, 3, 6);
    struct rt_saved *got = send_with(f, s, saver);
    assert_int_equal(got->id, 12);
    clu_saver_free(saver);
    return got;
}

static void small_ones_travel_in_the_message(void **state) {
    struct fix *f = *state;
    struct rt_saved *s = rt_saved_new(12, 5);
    add_part(&s->snap, "one", 10);
    add_part(&s->snap, "two", 100000);
    s = send_it(f, s, f->dir);
    assert_int_equal(s->rc, CEP_OK);
    assert_string_equal(f->path, "");
    assert_int_equal(s->snap.n, 2);
    check_part(s->snap.parts[0], "one", 10);
    check_part(s->snap.parts[1], "two", 100000);
    rt_saved_free(s);
    s = send_it(f, rt_saved_new(12, 5), f->dir); /* a task without state */
    assert_int_equal(s->rc, CEP_OK);
    assert_int_equal(s->snap.n, 0);
    rt_saved_free(s);
}

static void large_ones_are_bundles_until_they_are_removed(void **state) {
    struct fix *f = *state;
    struct rt_saved *s = rt_saved_new(12, 5);
    add_part(&s->snap, "large", LARGE);
    s = send_it(f, s, f->dir);
    assert_int_equal(s->rc, CEP_OK);
    assert_non_null(strstr(f->path, "/parts/a3-t5/chk-00000012"));
    assert_int_equal(s->snap.n, 1);
    check_part(s->snap.parts[0], "large", LARGE);
    rt_saved_free(s);
    static const bool others[] = { true, true, true, true, true, false },
                      its[] = { false, false, false, false, false, true };
    clu_saved_remove(f->dir, NULL, 0, 11); /* a later checkpoint's stay, and other tasks' */
    assert_true(sto_path_exists(f->path));
    clu_saved_remove(f->dir, others, 6, UINT64_MAX);
    assert_true(sto_path_exists(f->path));
    clu_saved_remove(f->dir, its, 5, UINT64_MAX);
    assert_true(sto_path_exists(f->path));
    clu_saved_remove(f->dir, its, 6, 12);
    assert_false(sto_path_exists(f->path));
    clu_saved_remove(f->dir, NULL, 0, 12);
    clu_saved_remove("/nowhere", NULL, 0, 12);
}

/* The folder of a database with these tables, each of LARGE bytes of the digit. */
static void add_db(struct fix *f, struct rt_snap *snap, uint64_t id, const char *tables) {
    const struct sto_part_head head = {
        .kind = BASE_STR("database"), .name = BASE_STR("d"), .subtask = 1, .n_subtasks = 2
    };
    struct base_buf dir = BASE_BUF_INIT, path = BASE_BUF_INIT;
    struct rt_snap_db *db;
    char *bytes = base_alloc(LARGE);
    base_buf_printf(&dir, "%s/db", f->dir);
    assert_int_equal(sto_path_make(base_buf_cstr(&dir), NULL), CEP_OK);
    base_buf_printf(&dir, "-at-%llu", (unsigned long long)id);
    assert_int_equal(sto_path_make(base_buf_cstr(&dir), NULL), CEP_OK);
    for (const char *t = tables; *t; t++) {
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/db/%c.sst", f->dir, *t);
        memset(bytes, *t, LARGE);
        if (!sto_path_exists(base_buf_cstr(&path)))
            assert_int_equal(sto_path_write(path.p, (struct base_str){ bytes, LARGE }, NULL), CEP_OK);
        char *from = base_strdup(path.p);
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%c.sst", dir.p, *t);
        assert_int_equal(link(from, base_buf_cstr(&path)), 0);
        base_free(from);
    }
    assert_int_equal(rt_snap_add_db(snap, dir.p, &head, &db, NULL), CEP_OK);
    sto_part_end(&db->about);
    base_free(bytes);
    base_buf_release(&dir);
    base_buf_release(&path);
}

static size_t n_tables(const struct fix *f, const char *of) {
    struct base_buf path = BASE_BUF_INIT, names = BASE_BUF_INIT;
    size_t n = 0;
    base_buf_printf(&path, "%s/%s", f->dir, of);
    assert_int_equal(sto_path_list(base_buf_cstr(&path), &names, &n, NULL), CEP_OK);
    base_buf_release(&path);
    base_buf_release(&names);
    return n;
}

static void send_db(struct fix *f, struct clu_saver *saver, uint64_t id, const char *tables, uint64_t n_new) {
    struct rt_saved *s = rt_saved_new(id, 5);
    add_db(f, &s->snap, id, tables);
    s = send_with(f, s, saver);
    assert_int_equal(s->rc, CEP_OK);
    assert_int_equal(s->snap.n_dbs, 1);
    assert_int_equal(s->snap.dbs[0]->n_files, strlen(tables));
    assert_int_equal(s->new_bytes / LARGE, n_new);
    rt_saved_free(s);
}

static void tables_travel_once(void **state) {
    struct fix *f = *state;
    struct clu_saver *saver = clu_saver_new(f->dir, 3, 6);
    send_db(f, saver, 1, "12", 2);
    send_db(f, saver, 2, "123", 1);
    assert_int_equal(n_tables(f, "parts/a3-t5/shared"), 3);
    clu_saved_remove(f->dir, NULL, 0, 2); /* both are complete; the last one's tables stay for the next */
    send_db(f, saver, 3, "23", 0);
    assert_int_equal(n_tables(f, "parts/a3-t5/shared"), 2);
    clu_saver_free(saver);
    /* Another attempt, of a job whose checkpoints have them. */
    struct base_buf from = BASE_BUF_INIT, to = BASE_BUF_INIT;
    base_buf_printf(&from, "%s/parts/a3-t5/shared", f->dir);
    base_buf_printf(&to, "%s/shared", f->dir);
    assert_int_equal(rename(base_buf_cstr(&from), base_buf_cstr(&to)), 0);
    clu_saved_remove(f->dir, NULL, 0, UINT64_MAX);
    assert_int_equal(n_tables(f, "parts"), 0);
    saver = clu_saver_new(f->dir, 3, 6);
    send_db(f, saver, 4, "234", 1);
    assert_int_equal(n_tables(f, "parts/a3-t5/shared"), 3);
    clu_saver_free(saver);
    base_buf_release(&from);
    base_buf_release(&to);
}

static void what_could_not_be_saved_is_told(void **state) {
    struct fix *f = *state;
    char file[96];
    struct rt_saved *s = rt_saved_new(12, 5);
    s->rc = base_err_set(&s->err, CEP_EIO, "no room");
    s = send_it(f, s, f->dir);
    assert_int_equal(s->rc, CEP_EIO);
    assert_string_equal(s->err.message, "no room");
    rt_saved_free(s);
    (void)snprintf(file, sizeof file, "%s/file", f->dir); /* where a folder is wanted */
    FILE *out = fopen(file, "w");
    assert_non_null(out);
    assert_int_equal(fclose(out), 0);
    s = rt_saved_new(12, 5);
    add_part(&s->snap, "large", LARGE);
    s = send_it(f, s, file);
    assert_int_not_equal(s->rc, CEP_OK);
    assert_non_null(strstr(s->err.message, file));
    rt_saved_free(s);
}

static void bytes_that_are_no_part_are_damage(void **state) {
    Clu__Saved msg = CLU__SAVED__INIT;
    ProtobufCBinaryData part = { 4, (uint8_t *)(uintptr_t) "nope" };
    (void)state;
    msg.n_parts = 1;
    msg.parts = &part;
    struct rt_saved *s = clu_saved_read(&msg);
    assert_int_not_equal(s->rc, CEP_OK);
    rt_saved_free(s);
    msg.n_parts = 0;
    msg.path = "/nowhere/part";
    s = clu_saved_read(&msg);
    assert_int_not_equal(s->rc, CEP_OK);
    rt_saved_free(s);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(small_ones_travel_in_the_message),
        TEST(large_ones_are_bundles_until_they_are_removed),
        TEST(tables_travel_once),
        TEST(what_could_not_be_saved_is_told),
        cmocka_unit_test(bytes_that_are_no_part_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
