/*
 * rt_snap -- see rt_snap.h.
 */
#include "runtime/rt_snap.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "state/sto_path.h"
#include "state/sto_spool.h"

#include <stdio.h>

enum { NAMES_MAX = 1000 };
enum {
    SMALL_BYTES = 64 << 10, /* a part that shares its file with others */
    PACK_BYTES = 1 << 20    /* such a file, about */
};

void rt_snap_init(struct rt_snap *s) {
    *s = (struct rt_snap){ .n = 0 };
}

struct rt_part *rt_part_ref(struct rt_part *p) {
    (void)atomic_fetch_add(&p->more_refs, 1);
    return p;
}

void rt_part_unref(struct rt_part *p) {
    if (atomic_fetch_sub(&p->more_refs, 1) != 0)
        return;
    base_buf_release(&p->bytes);
    sto_spool_free(p->spool);
    sto_file_unmap(p->mapped);
    base_free(p);
}

static void free_db(struct rt_snap_db *db) {
    for (size_t i = 0; i < db->n_files; i++) {
        base_free(db->files[i].name);
        base_free(db->files[i].path);
    }
    base_free(db->files);
    base_buf_release(&db->about);
    if (db->dir)
        (void)sto_path_remove(db->dir, NULL); /* the next run removes what is left of the folder it is in */
    base_free(db->dir);
    base_free(db);
}

void rt_snap_forget_dbs(struct rt_snap *s) {
    for (size_t i = 0; i < s->n_dbs; i++)
        free_db(s->dbs[i]);
    base_free(s->dbs);
    s->dbs = NULL;
    s->n_dbs = s->cap_dbs = 0;
}

void rt_snap_release(struct rt_snap *s) {
    for (size_t i = 0; i < s->n; i++)
        rt_part_unref(s->parts[i]);
    base_free(s->parts);
    rt_snap_forget_dbs(s);
    rt_snap_init(s);
}

static struct rt_part **room(struct rt_snap *s) {
    s->parts = base_grow(s->parts, s->n, &s->cap, sizeof(struct rt_part *));
    return &s->parts[s->n++];
}

static struct rt_part *add(struct rt_snap *s) {
    return *room(s) = base_calloc(1, sizeof(struct rt_part));
}

struct rt_part *rt_snap_add(struct rt_snap *s, const struct sto_part_head *head) {
    struct rt_part *p = add(s);
    sto_part_begin(&p->bytes, head);
    return p;
}

enum cep_rc rt_snap_take(struct rt_snap *s, struct base_str part, struct cep_err *err) {
    struct sto_part_head head;
    struct base_unpack entries;
    enum cep_rc rc = sto_part_open(part, &head, &entries, err);
    if (rc == CEP_OK)
        base_buf_str(&add(s)->bytes, part);
    return rc;
}

struct base_str rt_part_view(const struct rt_part *p) {
    CEP_REQUIRE(!p->spool);
    return p->mapped.p ? p->mapped : base_buf_view(&p->bytes);
}

void rt_part_let_go(const struct rt_part *p, size_t from, size_t to) {
    if (p->mapped.p)
        sto_file_let_go(p->mapped, from, to);
}

void rt_part_spool(struct rt_part *p, const char *dir, struct base_str bytes) {
    if (!p->spool && p->failed == CEP_OK) {
        struct base_buf path = BASE_BUF_INIT;
        base_buf_printf(&path, "%s/part-%zx", dir, (size_t)(uintptr_t)p);
        p->failed = sto_spool_new(path.p, &p->spool, &p->failure);
        base_buf_release(&path);
    }
    if (p->failed == CEP_OK)
        p->failed = sto_spool_add(p->spool, bytes, &p->failure);
}

static enum cep_rc write_part(
    const struct rt_part *p, struct base_str name, struct sto_bundle *b, struct cep_err *err) {
    enum cep_rc rc = p->failed;
    if (rc != CEP_OK && err)
        *err = p->failure;
    if (rc != CEP_OK || !p->spool)
        return rc == CEP_OK ? sto_bundle_put(b, name, rt_part_view(p), err) : rc;
    rc = sto_spool_add(p->spool, base_buf_view(&p->bytes), err);
    return rc == CEP_OK ? sto_bundle_adopt(b, name, p->spool, err) : rc;
}

/* -- databases --------------------------------------------------------------------------------------------------- */

static struct rt_snap_db *add_db(struct rt_snap *s) {
    s->dbs = base_grow(s->dbs, s->n_dbs, &s->cap_dbs, sizeof(struct rt_snap_db *));
    return s->dbs[s->n_dbs++] = base_calloc(1, sizeof(struct rt_snap_db));
}

static void add_file(struct rt_snap_db *db, struct base_str name, const char *path, uint64_t len) {
    db->files = base_grow(db->files, db->n_files, &db->cap_files, sizeof *db->files);
    db->files[db->n_files++] = (struct rt_snap_file){
        .name = base_strndup(name.p, name.len), .path = base_strdup(path), .len = len
    };
}

enum cep_rc rt_snap_add_db(struct rt_snap *s, const char *dir, const struct sto_part_head *about,
    struct rt_snap_db **out, struct cep_err *err) {
    struct rt_snap_db *db = *out = add_db(s);
    struct base_buf names = BASE_BUF_INIT, path = BASE_BUF_INIT;
    size_t n = 0;
    db->dir = base_strdup(dir);
    sto_part_begin(&db->about, about);
    enum cep_rc rc = sto_path_list(dir, &names, &n, err);
    const char *name = names.p;
    for (size_t i = 0; i < n && rc == CEP_OK; i++, name += strlen(name) + 1) {
        uint64_t len;
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", dir, name);
        rc = sto_path_len(path.p, &len, err);
        if (rc == CEP_OK)
            add_file(db, base_str_of(name), path.p, len);
    }
    base_buf_release(&path);
    base_buf_release(&names);
    return rc;
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static enum cep_rc write_db(
    const struct rt_snap_db *db, size_t number, struct sto_bundle *b, struct cep_err *err) {
    struct base_buf name = BASE_BUF_INIT, bytes = BASE_BUF_INIT;
    base_buf_printf(&name, "db-%06zu/about", number);
    enum cep_rc rc = sto_bundle_put(b, base_buf_view(&name), base_buf_view(&db->about), err);
    for (size_t i = 0; i < db->n_files && rc == CEP_OK; i++) {
        uint64_t added;
        base_buf_clear(&name);
        base_buf_printf(&name, "db-%06zu/%s", number, db->files[i].name);
        if (ends_with(db->files[i].name, ".sst")) {
            rc = sto_bundle_share(b, base_buf_view(&name), db->files[i].path, &added, err);
            continue;
        }
        rc = sto_path_read(db->files[i].path, &bytes, err);
        if (rc == CEP_OK)
            rc = sto_bundle_put(b, base_buf_view(&name), base_buf_view(&bytes), err);
    }
    base_buf_release(&name);
    base_buf_release(&bytes);
    return rc;
}

static enum cep_rc check_part(
    const struct sto_manifest *m, const struct sto_file *f, struct base_str bytes, struct cep_err *err) {
    struct sto_part_head head;
    struct base_unpack entries;
    enum cep_rc rc = sto_part_open(bytes, &head, &entries, err);
    if (rc != CEP_OK)
        base_err_prefix(err, "\"%.*s/%.*s\"", BASE_STR_FMT(m->dir), BASE_STR_FMT(f->name));
    return rc;
}

/* A file of database `last`, or of the next one: names are sorted. */
static enum cep_rc read_db_file(struct rt_snap *s, const struct sto_manifest *m, const struct sto_file *f,
    struct base_str *last, struct cep_err *err) {
    const char *slash = memchr(f->name.p, '/', f->name.len);
    struct base_str dir = { f->name.p, (size_t)(slash - f->name.p) };
    struct base_str name = { slash + 1, f->name.len - dir.len - 1 };
    struct rt_snap_db *db = base_str_eq(dir, *last) ? s->dbs[s->n_dbs - 1] : add_db(s);
    *last = dir;
    if (base_str_eq(name, BASE_STR("about"))) {
        enum cep_rc rc = sto_file_read(m, f, &db->about, err);
        return rc == CEP_OK ? check_part(m, f, base_buf_view(&db->about), err) : rc;
    }
    struct base_buf path = BASE_BUF_INIT;
    sto_file_path(m, f, &path);
    add_file(db, name, path.p, f->len);
    base_buf_release(&path);
    return CEP_OK;
}

/* -- the whole ----------------------------------------------------------------------------------------------------- */

void rt_snap_move(struct rt_snap *to, struct rt_snap *from) {
    for (size_t i = 0; i < from->n; i++)
        *room(to) = from->parts[i];
    for (size_t i = 0; i < from->n_dbs; i++) {
        to->dbs = base_grow(to->dbs, to->n_dbs, &to->cap_dbs, sizeof(struct rt_snap_db *));
        to->dbs[to->n_dbs++] = from->dbs[i];
    }
    from->n = from->n_dbs = 0;
    rt_snap_release(from);
}

void rt_snap_drop(struct rt_snap *s, struct base_str kind) {
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct sto_part_head head;
        struct base_unpack entries;
        if (sto_part_open(rt_part_view(s->parts[i]), &head, &entries, NULL) == CEP_OK &&
            base_str_eq(head.kind, kind)) {
            rt_part_unref(s->parts[i]);
        } else {
            s->parts[n++] = s->parts[i];
        }
    }
    s->n = n;
}

uint64_t rt_snap_bytes(const struct rt_snap *s) {
    uint64_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += s->parts[i]->bytes.len + s->parts[i]->mapped.len +
             (s->parts[i]->spool ? sto_spool_len(s->parts[i]->spool) : 0);
    for (size_t i = 0; i < s->n_dbs; i++)
        for (size_t k = 0; k < s->dbs[i]->n_files; k++)
            n += s->dbs[i]->files[k].len;
    return n;
}

static void file_name(char *name, size_t cap, size_t *number) {
    (void)snprintf(name, cap, "part-%06zu", (*number)++);
}

static enum cep_rc put_pack(
    struct base_buf *pack, size_t *number, struct sto_bundle *b, struct cep_err *err) {
    char name[32];
    file_name(name, sizeof name, number);
    enum cep_rc rc = sto_bundle_put(b, base_str_of(name), base_buf_view(pack), err);
    base_buf_clear(pack);
    return rc;
}

enum cep_rc rt_snap_write(const struct rt_snap *s, struct sto_bundle *b, struct cep_err *err) {
    struct base_buf pack = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    size_t number = 0;
    char name[32];
    for (size_t i = 0; i < s->n && rc == CEP_OK; i++) {
        const struct rt_part *p = s->parts[i];
        if (p->failed != CEP_OK || p->spool || rt_part_view(p).len > SMALL_BYTES) {
            file_name(name, sizeof name, &number);
            rc = write_part(p, base_str_of(name), b, err);
            continue;
        }
        if (pack.len == 0)
            sto_pack_begin(&pack);
        sto_pack_add(&pack, rt_part_view(p));
        if (pack.len < PACK_BYTES)
            continue;
        rc = put_pack(&pack, &number, b, err);
    }
    if (rc == CEP_OK && pack.len > 0)
        rc = put_pack(&pack, &number, b, err);
    base_buf_release(&pack);
    for (size_t i = 0; i < s->n_dbs && rc == CEP_OK; i++)
        rc = write_db(s->dbs[i], i, b, err);
    return rc;
}

/* "2026-11-28T10:52:11Z" in a name without colons. */
static void write_name(
    struct base_buf *b, const char *dir, struct base_str job, int64_t time_us, unsigned n) {
    struct base_buf at = BASE_BUF_INIT;
    base_buf_clear(b);
    base_buf_printf(b, "%s/savepoint-%.*s-", dir, BASE_STR_FMT(job));
    base_write_timestamp(&at, time_us - time_us % 1000000);
    for (size_t i = 0; i < at.len; i++)
        if (at.p[i] != '-' && at.p[i] != ':')
            base_buf_putc(b, at.p[i]);
    if (n > 1)
        base_buf_printf(b, "-%u", n);
    base_buf_release(&at);
}

enum cep_rc rt_snap_savepoint(const struct rt_snap *s, const char *dir, struct base_str job, int64_t time_us,
    struct base_buf *path, struct cep_err *err) {
    struct base_buf name = BASE_BUF_INIT;
    struct sto_bundle *b = NULL;
    enum cep_rc rc = sto_path_make(dir, err);
    unsigned n = 1;
    do
        write_name(&name, dir, job, time_us, n);
    while (n++ < NAMES_MAX && sto_path_exists(base_buf_cstr(&name)));
    if (rc == CEP_OK)
        rc = sto_bundle_begin(base_buf_cstr(&name), NULL, "savepoint", 0, time_us, &b, err);
    if (rc == CEP_OK && (rc = rt_snap_write(s, b, err)) != CEP_OK)
        sto_bundle_drop(b);
    else if (rc == CEP_OK)
        rc = sto_bundle_publish(b, NULL, err);
    if (rc == CEP_OK)
        base_buf_str(path, base_buf_view(&name));
    base_buf_release(&name);
    return rc;
}

static bool begins_with(struct base_str s, const char *with) {
    size_t n = strlen(with);
    return s.len >= n && memcmp(s.p, with, n) == 0;
}

/* A part that has its file for itself stays there. */
static enum cep_rc read_pack(struct rt_snap *s, const struct sto_manifest *m, const struct sto_file *f,
    struct base_str pack, struct cep_err *err) {
    struct base_str part;
    size_t at = 0;
    enum cep_rc rc;
    while ((rc = sto_pack_next(pack, &at, &part, err)) == CEP_OK) {
        if ((rc = check_part(m, f, part, err)) != CEP_OK)
            return rc;
        base_buf_str(&add(s)->bytes, part);
    }
    if (rc != CEP_NONE)
        base_err_prefix(err, "\"%.*s/%.*s\"", BASE_STR_FMT(m->dir), BASE_STR_FMT(f->name));
    return rc == CEP_NONE ? CEP_OK : rc;
}

static enum cep_rc read_part(
    struct rt_snap *s, const struct sto_manifest *m, const struct sto_file *f, struct cep_err *err) {
    struct base_str file;
    enum cep_rc rc = sto_file_map(m, f, &file, err);
    if (rc != CEP_OK)
        return rc;
    if (!sto_is_pack(file)) {
        add(s)->mapped = file;
        return check_part(m, f, file, err);
    }
    rc = read_pack(s, m, f, file, err);
    sto_file_unmap(file);
    return rc;
}

enum cep_rc rt_snap_read(struct rt_snap *s, const struct sto_manifest *m, struct cep_err *err) {
    struct base_str last = { NULL, 0 };
    enum cep_rc rc = CEP_OK;
    s->id = m->id;
    s->is_savepoint = base_str_eq(m->kind, BASE_STR("savepoint"));
    for (size_t i = 0; i < m->n_files && rc == CEP_OK; i++) {
        const struct sto_file *f = &m->files[i];
        if (begins_with(f->name, "part-"))
            rc = read_part(s, m, f, err);
        else if (begins_with(f->name, "db-") && memchr(f->name.p, '/', f->name.len))
            rc = read_db_file(s, m, f, &last, err);
    }
    return rc;
}
