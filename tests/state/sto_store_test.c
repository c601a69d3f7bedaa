/*
 * Checkpoints: published whole or not there, sharing files, the oldest forgotten, damage named and passed over.
 */
#include "state/sto_spool.h"
#include "state/sto_store.h"

#include "base/base_num.h"
#include "tests/state/sto_kit.h"

#include <fcntl.h>
#include <unistd.h>

static struct sto_store *open_store(struct kit *k, uint32_t retained) {
    struct sto_store *s = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (sto_store_open(kit_path(k, "cp"), retained, &s, &err) != CEP_OK)
        fail_msg("%s", err.message);
    return s;
}

static void write_file(struct kit *k, const char *name, const char *text) {
    assert_int_equal(sto_path_write(kit_path(k, name), base_str_of(text), NULL), CEP_OK);
}

/* A checkpoint of one own file and one shared one with these contents. Returns: bytes that travelled. */
static uint64_t take(struct kit *k, struct sto_store *s, const char *own, const char *shared) {
    struct sto_bundle *b = NULL;
    struct cep_err err = CEP_ERR_INIT;
    uint64_t added, id = sto_store_next_id(s);
    write_file(k, "table", shared);
    assert_int_equal(sto_store_begin(s, id, 1, &b, &err), CEP_OK);
    assert_int_equal(sto_bundle_put(b, BASE_STR("ops/meta"), base_str_of(own), &err), CEP_OK);
    assert_int_equal(sto_bundle_share(b, BASE_STR("000015.sst"), kit_path(k, "table"), &added, &err), CEP_OK);
    assert_int_equal(sto_store_publish(s, b, &err), CEP_OK);
    return added;
}

static size_t n_shared(struct kit *k) {
    struct base_buf names = BASE_BUF_INIT;
    size_t n;
    assert_int_equal(sto_path_list(kit_path(k, "cp/shared"), &names, &n, NULL), CEP_OK);
    base_buf_release(&names);
    return n;
}

static void expect_latest(struct sto_store *s, uint64_t id, const char *own, const char *shared) {
    struct sto_manifest m;
    struct base_buf b = BASE_BUF_INIT;
    struct cep_err err = CEP_ERR_INIT;
    if (sto_store_latest(s, &m, NULL, NULL, &err) != CEP_OK)
        fail_msg("%s", err.message);
    assert_int_equal(m.id, id);
    assert_int_equal(sto_file_read(&m, sto_manifest_find(&m, BASE_STR("ops/meta")), &b, &err), CEP_OK);
    assert_string_equal(base_buf_cstr(&b), own);
    assert_int_equal(sto_file_read(&m, sto_manifest_find(&m, BASE_STR("000015.sst")), &b, &err), CEP_OK);
    assert_string_equal(base_buf_cstr(&b), shared);
    base_buf_release(&b);
    sto_manifest_release(&m);
}

static void what_was_published_is_found_again(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 3);
    assert_false(sto_store_is_used(kit_path(k, "cp")));
    (void)take(k, s, "one", "AAAA");
    (void)take(k, s, "two", "BBBB");
    sto_store_close(s);
    assert_true(sto_store_is_used(kit_path(k, "cp")));
    s = open_store(k, 3);
    assert_int_equal(sto_store_n(s), 2);
    assert_int_equal(sto_store_next_id(s), 3);
    expect_latest(s, 2, "two", "BBBB");
    sto_store_close(s);
}

static void a_shared_file_travels_once_and_goes_with_the_last_who_needs_it(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 2);
    assert_int_equal(take(k, s, "1", "AAAA"), 4);
    assert_int_equal(take(k, s, "2", "AAAA"), 0);
    assert_int_equal(take(k, s, "3", "BBBB"), 4);
    assert_int_equal(n_shared(k), 2); /* 2 and 3 are kept */
    assert_int_equal(take(k, s, "4", "BBBB"), 0);
    assert_int_equal(n_shared(k), 1);
    assert_int_equal(sto_store_n(s), 2);
    assert_false(sto_path_exists(kit_path(k, "cp/chk-1")));
    expect_latest(s, 4, "4", "BBBB");
    sto_store_close(s);
}

/* Files are never written to; this one is, to show that nobody looks. */
static void a_shared_file_that_is_linked_there_is_not_read_again(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 3);
    struct sto_bundle *b = NULL;
    struct sto_manifest m;
    uint64_t added;
    assert_int_equal(take(k, s, "1", "AAAA"), 4);
    int fd = open(kit_path(k, "table"), O_WRONLY);
    assert_int_equal(write(fd, "BBBB", 4), 4);
    assert_int_equal(close(fd), 0);
    assert_int_equal(sto_store_begin(s, 2, 1, &b, NULL), CEP_OK);
    assert_int_equal(sto_bundle_share(b, BASE_STR("000015.sst"), kit_path(k, "table"), &added, NULL), CEP_OK);
    assert_int_equal(added, 0);
    assert_int_equal(sto_store_publish(s, b, NULL), CEP_OK);
    assert_int_equal(n_shared(k), 1);
    assert_int_equal(sto_manifest_read(kit_path(k, "cp/chk-2"), &m, NULL), CEP_OK);
    assert_int_equal(sto_manifest_verify(&m, NULL), CEP_EDAMAGED);
    sto_manifest_release(&m);
    /* One that is not linked there is read, whatever its name. */
    assert_int_equal(take(k, s, "3", "CCCC"), 4);
    sto_store_close(s);
}

static void a_file_written_before_the_bundle_becomes_part_of_it(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 3);
    struct sto_bundle *b = NULL;
    struct sto_spool *spool = NULL, *unused = NULL;
    struct sto_manifest m;
    struct base_str bytes;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(sto_spool_new(kit_path(k, "piece"), &spool, NULL), CEP_OK);
    assert_int_equal(sto_spool_new(kit_path(k, "unused"), &unused, NULL), CEP_OK);
    assert_int_equal(sto_spool_add(spool, BASE_STR("one, "), NULL), CEP_OK);
    assert_int_equal(sto_spool_add(spool, BASE_STR(""), NULL), CEP_OK);
    assert_int_equal(sto_spool_add(spool, BASE_STR("two"), NULL), CEP_OK);
    assert_int_equal(sto_spool_len(spool), 8);
    assert_int_equal(sto_store_begin(s, 1, 1, &b, NULL), CEP_OK);
    assert_int_equal(sto_bundle_adopt(b, BASE_STR("ops/piece"), spool, NULL), CEP_OK);
    sto_spool_free(spool);
    sto_spool_free(unused);
    assert_false(sto_path_exists(kit_path(k, "piece")));
    assert_false(sto_path_exists(kit_path(k, "unused")));
    assert_int_equal(sto_store_publish(s, b, NULL), CEP_OK);
    assert_int_equal(sto_store_latest(s, &m, NULL, NULL, NULL), CEP_OK);
    const struct sto_file *f = sto_manifest_find(&m, BASE_STR("ops/piece"));
    assert_int_equal(sto_file_map(&m, f, &bytes, &err), CEP_OK);
    assert_true(base_str_eq(bytes, BASE_STR("one, two")));
    sto_file_let_go(bytes, 0, bytes.len);
    assert_true(base_str_eq(bytes, BASE_STR("one, two")));
    sto_file_unmap(bytes);
    write_file(k, "cp/chk-1/ops/piece", "one, tvo");
    assert_int_equal(sto_file_map(&m, f, &bytes, &err), CEP_EDAMAGED);
    assert_non_null(strstr(err.message, "chk-1/ops/piece\" is damaged: its checksum differs"));
    assert_null(bytes.p);
    write_file(k, "cp/chk-1/ops/piece", "one");
    assert_int_equal(sto_file_map(&m, f, &bytes, &err), CEP_EDAMAGED);
    assert_int_equal(sto_path_remove(kit_path(k, "cp/chk-1/ops/piece"), NULL), CEP_OK);
    assert_int_equal(sto_file_map(&m, f, &bytes, &err), CEP_EDAMAGED);
    assert_non_null(strstr(err.message, "is missing"));
    sto_manifest_release(&m);
    sto_store_close(s);
    assert_int_equal(sto_spool_new(kit_path(k, "no/such/folder"), &spool, &err), CEP_EIO);
}

static void a_file_of_one_in_the_making_stays(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 1);
    struct sto_bundle *b = NULL;
    uint64_t added;
    (void)take(k, s, "1", "AAAA");
    write_file(k, "table", "AAAA");
    assert_int_equal(sto_store_begin(s, 2, 1, &b, NULL), CEP_OK);
    assert_int_equal(sto_bundle_put(b, BASE_STR("ops/meta"), BASE_STR("2"), NULL), CEP_OK);
    assert_int_equal(sto_bundle_share(b, BASE_STR("000015.sst"), kit_path(k, "table"), &added, NULL), CEP_OK);
    (void)take(k, s, "3", "BBBB"); /* forgets 1 */
    assert_int_equal(n_shared(k), 2);
    sto_store_drop(s, b);
    expect_latest(s, 3, "3", "BBBB");
    sto_store_close(s);
    s = open_store(k, 1);
    assert_int_equal(n_shared(k), 1);
    sto_store_close(s);
}

static void a_half_written_one_is_never_taken_for_one(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 3);
    struct sto_manifest m;
    struct sto_bundle *b = NULL;
    (void)take(k, s, "1", "AAAA");
    assert_int_equal(sto_store_begin(s, 2, 1, &b, NULL), CEP_OK);
    assert_int_equal(sto_bundle_put(b, BASE_STR("ops/meta"), BASE_STR("2"), NULL), CEP_OK);
    /* The process is killed here: what it would have left is copied back after the clean end. */
    sto_store_drop(s, b);
    sto_store_close(s);
    assert_int_equal(sto_path_make(kit_path(k, "cp/chk-2.part"), NULL), CEP_OK);
    write_file(k, "cp/chk-2.part/x", "x");
    assert_int_equal(sto_path_make(kit_path(k, "cp/chk-3"), NULL), CEP_OK);
    write_file(k, "cp/chk-3/x", "x");
    s = open_store(k, 3);
    assert_false(sto_path_exists(kit_path(k, "cp/chk-2.part")));
    expect_latest(s, 1, "1", "AAAA");
    assert_int_equal(sto_store_latest(s, &m, NULL, NULL, NULL), CEP_OK);
    sto_manifest_release(&m);
    sto_store_close(s);
}

static void note_damage(void *arg, uint64_t id, const struct cep_err *why) {
    base_buf_printf(arg, "%llu: %s\n", (unsigned long long)id, why->message);
}

static void flip_byte(const char *path, off_t at) {
    char c;
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c ^= 1;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    assert_int_equal(close(fd), 0);
}

static void damage_is_named_and_the_one_before_is_used(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 5);
    struct sto_manifest m;
    struct base_buf said = BASE_BUF_INIT;
    (void)take(k, s, "1", "AAAA");
    (void)take(k, s, "2", "AAAA");
    (void)take(k, s, "3", "AAAA");
    (void)take(k, s, "4", "AAAA");
    sto_store_close(s);
    flip_byte(kit_path(k, "cp/chk-4/MANIFEST"), 12);
    flip_byte(kit_path(k, "cp/chk-3/ops/meta"), 0);
    assert_int_equal(truncate(kit_path(k, "cp/chk-2/ops/meta"), 0), 0);
    s = open_store(k, 5);
    assert_int_equal(sto_store_latest(s, &m, note_damage, &said, NULL), CEP_OK);
    assert_int_equal(m.id, 1);
    sto_manifest_release(&m);
    char *want = base_arena_printf(&k->arena,
        "4: \"%s/chk-4/MANIFEST\": the manifest is damaged: its checksum differs\n"
        "3: file \"%s/chk-3/ops/meta\" is damaged: its checksum differs\n"
        "2: file \"%s/chk-2/ops/meta\" is damaged: it has 0 bytes, not 1\n",
        kit_path(k, "cp"), kit_path(k, "cp"), kit_path(k, "cp"));
    assert_string_equal(base_buf_cstr(&said), want);
    base_buf_release(&said);
    sto_store_close(s);
}

/* A folder in a file's place: it opens, and cannot be read. */
static void one_that_cannot_be_read_is_not_passed_over(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 2);
    struct sto_manifest m;
    struct cep_err err = CEP_ERR_INIT;
    struct base_buf said = BASE_BUF_INIT;
    static const char *const names[] = { "cp/chk-2/MANIFEST", "cp/chk-2/ops/meta" };
    (void)take(k, s, "1", "AAAA");
    (void)take(k, s, "2", "BBBB");
    for (size_t i = 0; i < 2; i++) {
        const char *path = kit_path(k, names[i]), *aside = kit_path(k, "aside");
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(sto_path_make(path, NULL), CEP_OK);
        assert_int_equal(sto_store_latest(s, &m, note_damage, &said, &err), CEP_EIO);
        assert_non_null(strstr(err.message, "checkpoint 2: could not read"));
        assert_int_equal(said.len, 0);
        assert_int_equal(rmdir(path), 0);
        assert_int_equal(rename(aside, path), 0);
        expect_latest(s, 2, "2", "BBBB");
    }
    base_buf_release(&said);
    sto_store_close(s);
}

/* Its manifest may name what no other one does. */
static void what_one_that_cannot_be_read_may_need_stays(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 3);
    (void)take(k, s, "1", "AAAA");
    (void)take(k, s, "2", "AAAA");
    sto_store_close(s);
    const char *path = kit_path(k, "cp/chk-2/MANIFEST"), *aside = kit_path(k, "aside");
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(sto_path_make(path, NULL), CEP_OK);
    s = open_store(k, 3);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    (void)take(k, s, "3", "CCCC");
    (void)take(k, s, "4", "CCCC"); /* forgets 1 */
    assert_int_equal(sto_store_n(s), 3);
    assert_int_equal(n_shared(k), 2);
    (void)take(k, s, "5", "CCCC"); /* forgets 2 */
    sto_store_close(s);
    s = open_store(k, 3);
    assert_int_equal(n_shared(k), 1);
    expect_latest(s, 5, "5", "CCCC");
    sto_store_close(s);
}

static void a_missing_shared_file_is_named(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 2);
    struct sto_manifest m;
    struct cep_err err = CEP_ERR_INIT;
    (void)take(k, s, "1", "AAAA");
    assert_int_equal(sto_path_remove(kit_path(k, "cp/shared"), NULL), CEP_OK);
    assert_int_equal(sto_store_latest(s, &m, NULL, NULL, &err), CEP_NONE);
    assert_non_null(strstr(err.message, kit_path(k, "cp")));
    sto_store_close(s);
}

static void two_processes_do_not_share_a_folder(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 2), *other = NULL;
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(sto_store_open(kit_path(k, "cp"), 2, &other, &err), CEP_ESTATE);
    assert_non_null(strstr(err.message, "another process keeps its checkpoints"));
    sto_store_close(s);
    s = open_store(k, 2);
    sto_store_close(s);
}

static void what_is_somebody_elses_stays(void **arg) {
    struct kit *k = *arg;
    static const char *const theirs[] = { "cp/chk-notes.part", "cp/chk-old", "cp/shared/data.csv",
        "cp/shared/0123456789abcdef", "cp/notes" };
    struct cep_err err = CEP_ERR_INIT;
    assert_int_equal(sto_path_make(kit_path(k, "cp/shared"), &err), CEP_OK);
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        write_file(k, theirs[i], "theirs");
    write_file(k, "cp/shared/0123456789abcdef0123456789abcdef", "nobody names it");
    write_file(k, "cp/shared/0123456789abcdef0123456789abcdef.tmp", "half of it");
    write_file(k, "cp/chk-3.part", "never published");
    struct sto_store *s = open_store(k, 2);
    assert_false(sto_path_exists(kit_path(k, "cp/chk-3.part")));
    (void)take(k, s, "1", "AAAA");
    assert_int_equal(sto_store_clear(s, &err), CEP_OK);
    sto_store_close(s);
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs; i++)
        assert_true(sto_path_exists(kit_path(k, theirs[i])));
    assert_int_equal(n_shared(k), 2);
}

static void one_that_is_cleared_begins_anew(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 3);
    struct sto_manifest m;
    struct cep_err err = CEP_ERR_INIT;
    (void)take(k, s, "1", "AAAA");
    (void)take(k, s, "2", "BBBB");
    write_file(k, "cp/chk-2/MANIFEST", "nothing");
    sto_store_close(s);
    s = open_store(k, 3);
    assert_int_equal(sto_store_clear(s, &err), CEP_OK);
    assert_int_equal(sto_store_n(s), 0);
    assert_int_equal(n_shared(k), 0);
    assert_int_equal(sto_store_latest(s, &m, NULL, NULL, &err), CEP_NONE);
    (void)take(k, s, "3", "CCCC");
    expect_latest(s, 1, "3", "CCCC");
    sto_store_close(s);
}

static void every_cut_and_every_flipped_bit_of_a_manifest_is_refused(void **arg) {
    struct kit *k = *arg;
    struct sto_store *s = open_store(k, 2);
    struct base_buf bytes = BASE_BUF_INIT;
    struct sto_manifest m;
    (void)take(k, s, "1", "AAAA");
    assert_int_equal(sto_path_read(kit_path(k, "cp/chk-1/MANIFEST"), &bytes, NULL), CEP_OK);
    for (size_t n = 0; n < bytes.len; n++)
        assert_true(sto_manifest_decode((struct base_str){ bytes.p, n }, &m, NULL) != CEP_OK);
    for (size_t i = 0; i < bytes.len * 8; i++) {
        bytes.p[i / 8] = (char)(bytes.p[i / 8] ^ 1 << i % 8);
        assert_true(sto_manifest_decode(base_buf_view(&bytes), &m, NULL) != CEP_OK);
        bytes.p[i / 8] = (char)(bytes.p[i / 8] ^ 1 << i % 8);
    }
    assert_int_equal(sto_manifest_decode(base_buf_view(&bytes), &m, NULL), CEP_OK);
    sto_manifest_release(&m);
    base_buf_release(&bytes);
    sto_store_close(s);
}

static void names_that_leave_the_folder_are_refused(void **arg) {
    (void)arg;
    const char *const bad[] = { "../x", "a/../../x", "/etc/passwd", "", "a//b", "." };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sto_file f = { .name = base_str_of(bad[i]) };
        struct sto_manifest m = { .n_files = 1, .files = &f }, out;
        struct base_buf b = BASE_BUF_INIT;
        sto_manifest_encode(&b, &m);
        assert_int_equal(sto_manifest_decode(base_buf_view(&b), &out, NULL), CEP_EDAMAGED);
        base_buf_release(&b);
    }
}

static size_t pages_here(struct base_str mapped) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 0;
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512], at[32];
    bool here = false;
    assert_non_null(f);
    (void)snprintf(at, sizeof at, "%zx-", (size_t)(uintptr_t)mapped.p);
    while (fgets(line, sizeof line, f)) {
        size_t kib;
        here = here ? !strstr(line, "VmFlags") : strncmp(line, at, strlen(at)) == 0;
        if (here && sscanf(line, "Rss: %zu kB", &kib) == 1)
            n = kib * 1024 / page;
    }
    (void)fclose(f);
    return n;
}

/* A large file is checked and read without all of it being in memory. */
static void a_mapped_file_is_in_memory_a_stretch_at_a_time(void **arg) {
    struct kit *k = *arg;
    enum { BYTES = 3 * STO_FILE_AHEAD + 5000 };
    struct sto_store *s = open_store(k, 3);
    struct sto_bundle *b = NULL;
    struct sto_manifest m;
    struct base_str bytes;
    struct base_buf all = BASE_BUF_INIT;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < BYTES; i++)
        base_buf_putc(&all, (char)(i * 7 / 5));
    assert_int_equal(sto_store_begin(s, 1, 1, &b, NULL), CEP_OK);
    assert_int_equal(sto_bundle_put(b, BASE_STR("large"), base_buf_view(&all), NULL), CEP_OK);
    assert_int_equal(sto_store_publish(s, b, NULL), CEP_OK);
    assert_int_equal(sto_store_latest(s, &m, NULL, NULL, NULL), CEP_OK);
    assert_int_equal(sto_file_map(&m, sto_manifest_find(&m, BASE_STR("large")), &bytes, NULL), CEP_OK);
    assert_true(pages_here(bytes) < STO_FILE_AHEAD / page);
    assert_true(base_str_eq(bytes, base_buf_view(&all)));
    assert_true(pages_here(bytes) > BYTES / page - 2);
    sto_file_let_go(bytes, 1, BYTES - 1);
    assert_true(pages_here(bytes) < 40);
    assert_true(base_str_eq(bytes, base_buf_view(&all)));
    sto_file_unmap(bytes);
    base_buf_release(&all);
    sto_manifest_release(&m);
    sto_store_close(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TEST(what_was_published_is_found_again),
        KIT_TEST(a_shared_file_travels_once_and_goes_with_the_last_who_needs_it),
        KIT_TEST(a_shared_file_that_is_linked_there_is_not_read_again),
        KIT_TEST(a_file_written_before_the_bundle_becomes_part_of_it),
        KIT_TEST(a_mapped_file_is_in_memory_a_stretch_at_a_time),
        KIT_TEST(a_file_of_one_in_the_making_stays),
        KIT_TEST(a_half_written_one_is_never_taken_for_one),
        KIT_TEST(damage_is_named_and_the_one_before_is_used),
        KIT_TEST(one_that_cannot_be_read_is_not_passed_over),
        KIT_TEST(what_one_that_cannot_be_read_may_need_stays),
        KIT_TEST(a_missing_shared_file_is_named),
        KIT_TEST(two_processes_do_not_share_a_folder),
        KIT_TEST(what_is_somebody_elses_stays),
        KIT_TEST(one_that_is_cleared_begins_anew),
        KIT_TEST(every_cut_and_every_flipped_bit_of_a_manifest_is_refused),
        KIT_TEST(names_that_leave_the_folder_are_refused),
    };
    return cmocka_run_group_tests_name("sto_store", tests, NULL, NULL);
}
