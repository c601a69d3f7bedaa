/*
 * sto_bundle -- see sto_bundle.h: the files of a bundle on disk.
 */
#include "state/sto_bundle.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"
#include "state/sto_path.h"
#include "state/sto_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

enum { BLOCK_BYTES = 1 << 18 };

/* A file in shared_dir. */
struct known {
    ino_t ino;
    struct sto_hash hash;
};

struct sto_bundle {
    struct base_arena arena;
    const char *dir, *part;
    const char *shared_dir; /* NULL = none */
    const char *kind;
    uint64_t id;
    int64_t time_us;
    struct sto_file *files;
    size_t n, cap;
    struct known *known; /* owned; ascending by inode; read when the first file is shared */
    size_t n_known, cap_known;
    bool knows;
    dev_t dev;             /* of shared_dir */
    const char *from;      /* borrowed; NULL = nowhere */
    struct sto_seen *seen; /* borrowed; NULL = nobody remembers */
    uint64_t added;
};

/* -- hashes ------------------------------------------------------------------------------------------------------ */

static struct sto_hash hash_of(XXH128_hash_t h) {
    return (struct sto_hash){ h.low64, h.high64 };
}

void sto_hash_write(struct base_buf *b, struct sto_hash h) {
    base_buf_printf(b, "%016llx%016llx", (unsigned long long)h.high, (unsigned long long)h.low);
}

bool sto_hash_read(const char *name, struct sto_hash *h) {
    char *end;
    char half[17] = "";
    if (strlen(name) != STO_HASH_TEXT || strspn(name, "0123456789abcdef") != STO_HASH_TEXT)
        return false;
    memcpy(half, name, 16);
    h->high = strtoull(half, &end, 16);
    memcpy(half, name + 16, 16);
    h->low = strtoull(half, &end, 16);
    return true;
}

static enum cep_rc read_failed(const char *path, struct cep_err *err) {
    return base_err_set(err, CEP_EIO, "could not read \"%s\": %s", path, strerror(errno));
}

/* Length and hash of a file, a block at a time. */
static enum cep_rc measure(const char *path, uint64_t *len, struct sto_hash *hash, struct cep_err *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? base_err_set(err, CEP_EDAMAGED, "file \"%s\" is missing", path)
                               : read_failed(path, err);
    XXH3_state_t *state = XXH3_createState();
    CEP_REQUIRE(state && XXH3_128bits_reset(state) == XXH_OK);
    char *block = base_alloc(BLOCK_BYTES);
    enum cep_rc rc = CEP_OK;
    *len = 0;
    for (;;) {
        ssize_t got = read(fd, block, BLOCK_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = read_failed(path, err);
        if (got <= 0)
            break;
        CEP_INSIST(XXH3_128bits_update(state, block, (size_t)got) == XXH_OK);
        *len += (uint64_t)got;
    }
    *hash = hash_of(XXH3_128bits_digest(state));
    base_free(block);
    (void)XXH3_freeState(state); /* always XXH_OK */
    if (close(fd) != 0 && rc == CEP_OK)
        rc = read_failed(path, err);
    return rc;
}

static void release(struct sto_bundle *b) {
    base_arena_release(&b->arena);
    base_free(b->known);
    base_free(b);
}

/* -- writing ----------------------------------------------------------------------------------------------------- */

enum cep_rc sto_bundle_begin(const char *dir, const char *shared_dir, const char *kind, uint64_t id,
    int64_t time_us, struct sto_bundle **out, struct cep_err *err) {
    struct sto_bundle *b = base_calloc(1, sizeof *b);
    base_arena_init(&b->arena, 0);
    b->dir = base_arena_strdup(&b->arena, dir);
    b->part = base_arena_printf(&b->arena, "%s.part", dir);
    b->shared_dir = shared_dir ? base_arena_strdup(&b->arena, shared_dir) : NULL;
    b->kind = base_arena_strdup(&b->arena, kind);
    b->id = id;
    b->time_us = time_us;
    enum cep_rc rc = CEP_OK;
    if (sto_path_exists(dir))
        rc = base_err_set(err, CEP_EIO, "\"%s\" is there already", dir);
    if (rc == CEP_OK)
        rc = sto_path_remove(b->part, err);
    if (rc == CEP_OK)
        rc = sto_path_make(b->part, err);
    if (rc == CEP_OK && b->shared_dir)
        rc = sto_path_make(b->shared_dir, err);
    if (rc != CEP_OK) {
        release(b);
        return rc;
    }
    *out = b;
    return CEP_OK;
}

static struct sto_file *add(struct sto_bundle *b, struct base_str name) {
    b->files = base_arena_grow(&b->arena, b->files, b->n, &b->cap, sizeof *b->files);
    struct sto_file *f = &b->files[b->n++];
    *f = (struct sto_file){ .name = base_str_of(base_arena_strndup(&b->arena, name.p, name.len)) };
    return f;
}

/* "a/b/c" has folders to be made in the bundle. */
static enum cep_rc make_parents(struct sto_bundle *b, struct base_str name, struct cep_err *err) {
    const char *slash = memrchr(name.p, '/', name.len);
    if (!slash)
        return CEP_OK;
    return sto_path_make(
        base_arena_printf(&b->arena, "%s/%.*s", b->part, (int)(slash - name.p), name.p), err);
}

enum cep_rc sto_bundle_put(
    struct sto_bundle *b, struct base_str name, struct base_str bytes, struct cep_err *err) {
    enum cep_rc rc = make_parents(b, name, err);
    if (rc == CEP_OK)
        rc = sto_path_write(base_arena_printf(&b->arena, "%s/%.*s", b->part, BASE_STR_FMT(name)), bytes, err);
    if (rc != CEP_OK)
        return rc;
    struct sto_file *f = add(b, name);
    b->added += f->len = bytes.len;
    f->hash = hash_of(XXH3_128bits(bytes.p ? bytes.p : "", bytes.len));
    return CEP_OK;
}

enum cep_rc sto_bundle_adopt(
    struct sto_bundle *b, struct base_str name, struct sto_spool *s, struct cep_err *err) {
    const char *path;
    struct sto_file f = { .shared = false };
    enum cep_rc rc = sto_spool_end(s, &path, &f.len, &f.hash, err);
    const char *to = base_arena_printf(&b->arena, "%s/%.*s", b->part, BASE_STR_FMT(name));
    if (rc == CEP_OK)
        rc = make_parents(b, name, err);
    /* The other name goes with the spool. */
    if (rc == CEP_OK)
        rc = sto_path_link(path, to, err);
    if (rc == CEP_OK)
        rc = sto_path_sync(b->part, err);
    if (rc != CEP_OK)
        return rc;
    struct sto_file *kept = add(b, name);
    f.name = kept->name;
    *kept = f;
    b->added += f.len;
    return CEP_OK;
}

static int by_inode(const void *a, const void *b) {
    const struct known *x = a, *y = b;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* What lies in shared_dir by inode: a file of the database that is linked there need not be read to know its hash. */
static enum cep_rc read_known(struct sto_bundle *b, struct cep_err *err) {
    struct stat st;
    DIR *d = opendir(b->shared_dir);
    if (!d || fstat(dirfd(d), &st) != 0) {
        enum cep_rc rc = read_failed(b->shared_dir, err);
        if (d)
            (void)closedir(d);
        return rc;
    }
    b->dev = st.st_dev;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct known k = { .ino = e->d_ino };
        if (!sto_hash_read(e->d_name, &k.hash))
            continue;
        b->known = base_grow(b->known, b->n_known, &b->cap_known, sizeof *b->known);
        b->known[b->n_known++] = k;
    }
    (void)closedir(d); /* nothing was written to it */
    if (b->n_known > 1)
        qsort(b->known, b->n_known, sizeof *b->known, by_inode);
    b->knows = true;
    return CEP_OK;
}

/* Files there are never written to, so the same inode is the same content. */
static bool is_known(const struct sto_bundle *b, const char *path, uint64_t *len, struct sto_hash *hash) {
    struct stat st;
    if (stat(path, &st) != 0 || st.st_dev != b->dev || st.st_nlink < 2)
        return false;
    struct known key = { .ino = st.st_ino };
    const struct known *k = b->n_known ? bsearch(&key, b->known, b->n_known, sizeof *b->known, by_inode)
                                       : NULL;
    if (!k)
        return false;
    struct base_buf there = BASE_BUF_INIT;
    base_buf_printf(&there, "%s/", b->shared_dir);
    sto_hash_write(&there, k->hash);
    bool is_there = sto_path_exists(there.p); /* not removed meanwhile */
    base_buf_release(&there);
    *hash = k->hash;
    *len = (uint64_t)st.st_size;
    return is_there;
}

/* -- what was seen before ----------------------------------------------------------------------------------------------- */

struct seen_file {
    dev_t dev;
    ino_t ino;
    off_t len;
    struct timespec time;
    struct sto_hash hash;
};

struct sto_seen {
    struct seen_file files[4096]; /* a ring */
    size_t n;                     /* ever */
};

enum { SEEN_MAX = sizeof(((struct sto_seen *)0)->files) / sizeof(struct seen_file) };

struct sto_seen *sto_seen_new(void) {
    return base_calloc(1, sizeof(struct sto_seen));
}

void sto_seen_free(struct sto_seen *s) {
    base_free(s);
}

static bool is_seen(const struct seen_file *f, const struct stat *st) {
    return f->ino == st->st_ino && f->dev == st->st_dev && f->len == st->st_size &&
           f->time.tv_sec == st->st_mtim.tv_sec && f->time.tv_nsec == st->st_mtim.tv_nsec;
}

void sto_bundle_reuse(struct sto_bundle *b, const char *from, struct sto_seen *seen) {
    b->from = from;
    b->seen = seen;
}

uint64_t sto_bundle_added(const struct sto_bundle *b) {
    return b->added;
}

/* Length and hash, from memory or from its bytes. */
static enum cep_rc content_of(
    struct sto_bundle *b, const char *path, struct sto_file *f, struct cep_err *err) {
    struct stat st;
    struct sto_seen *s = stat(path, &st) == 0 ? b->seen : NULL;
    for (size_t i = s && s->n > SEEN_MAX ? s->n - SEEN_MAX : 0; s && i < s->n; i++)
        if (is_seen(&s->files[i % SEEN_MAX], &st)) {
            f->len = (uint64_t)st.st_size;
            f->hash = s->files[i % SEEN_MAX].hash;
            return CEP_OK;
        }
    enum cep_rc rc = measure(path, &f->len, &f->hash, err);
    if (rc == CEP_OK && s)
        s->files[s->n++ % SEEN_MAX] = (struct seen_file){ st.st_dev, st.st_ino, st.st_size, st.st_mtim,
            f->hash };
    return rc;
}

/* The same content lies beside: a second name for it is all that is needed. One that is being removed there has to travel. */
static bool is_elsewhere(const struct sto_bundle *b, struct sto_hash hash, const char *to) {
    struct base_buf path = BASE_BUF_INIT;
    if (!b->from)
        return false;
    base_buf_printf(&path, "%s/", b->from);
    sto_hash_write(&path, hash);
    bool linked = link(path.p, to) == 0;
    base_buf_release(&path);
    return linked;
}

enum cep_rc sto_bundle_share(
    struct sto_bundle *b, struct base_str name, const char *path, uint64_t *added, struct cep_err *err) {
    CEP_REQUIRE(b->shared_dir != NULL);
    struct base_buf to = BASE_BUF_INIT;
    struct sto_file f = { .shared = true };
    *added = 0;
    enum cep_rc rc = b->knows ? CEP_OK : read_known(b, err);
    bool known = rc == CEP_OK && is_known(b, path, &f.len, &f.hash);
    if (rc == CEP_OK && !known)
        rc = content_of(b, path, &f, err);
    if (rc == CEP_OK && !known) {
        base_buf_printf(&to, "%s/", b->shared_dir);
        sto_hash_write(&to, f.hash);
        if (!sto_path_exists(to.p) && !is_elsewhere(b, f.hash, to.p)) {
            rc = sto_path_link(path, to.p, err);
            *added = f.len;
        }
    }
    if (rc == CEP_OK) {
        b->added += *added;
        struct sto_file *kept = add(b, name);
        f.name = kept->name;
        *kept = f;
    }
    base_buf_release(&to);
    return rc;
}

static int by_name(const void *a, const void *b) {
    const struct sto_file *x = a, *y = b;
    return base_str_cmp(x->name, y->name);
}

enum cep_rc sto_bundle_publish(struct sto_bundle *b, struct sto_manifest *out, struct cep_err *err) {
    struct base_buf bytes = BASE_BUF_INIT;
    if (b->n > 1)
        qsort(b->files, b->n, sizeof *b->files, by_name);
    struct sto_manifest m = {
        .kind = base_str_of(b->kind), .id = b->id, .time_us = b->time_us, .n_files = b->n, .files = b->files
    };
    sto_manifest_encode(&bytes, &m);
    enum cep_rc rc = b->shared_dir ? sto_path_sync(b->shared_dir, err) : CEP_OK;
    if (rc == CEP_OK)
        rc = sto_path_write(base_arena_printf(&b->arena, "%s/MANIFEST", b->part), base_buf_view(&bytes), err);
    if (rc == CEP_OK) {
        rc = sto_path_publish(b->part, b->dir, err);
        /*
         * It may be in place though its name could not be synced. Whoever is told that it failed commits nothing of it, so nobody may
         * go on from it later: it is taken back. Where that fails too, its name is as good as the disk lets it be.
         */
        if (rc != CEP_OK && rename(b->dir, b->part) != 0 && errno != ENOENT)
            base_err_hint(err, "it could not be taken back either: remove \"%s\"", b->dir);
    }
    if (rc == CEP_OK && out) {
        rc = sto_manifest_decode(base_buf_view(&bytes), out, err);
        CEP_INSIST(rc == CEP_OK);
        out->dir = base_str_of(base_arena_strdup(&out->arena, b->dir));
    }
    base_buf_release(&bytes);
    if (rc != CEP_OK) {
        sto_bundle_drop(b);
        return rc;
    }
    release(b);
    return CEP_OK;
}

void sto_bundle_drop(struct sto_bundle *b) {
    if (!b)
        return;
    (void)sto_path_remove(b->part, NULL); /* what stays is no bundle, and the next attempt removes it */
    release(b);
}

bool sto_bundle_names(const struct sto_bundle *b, struct sto_hash hash) {
    for (size_t i = 0; i < b->n; i++)
        if (b->files[i].shared && sto_hash_eq(b->files[i].hash, hash))
            return true;
    return false;
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

enum cep_rc sto_manifest_read(const char *dir, struct sto_manifest *out, struct cep_err *err) {
    struct base_buf path = BASE_BUF_INIT, bytes = BASE_BUF_INIT;
    base_buf_printf(&path, "%s/MANIFEST", dir);
    enum cep_rc rc = sto_path_read(path.p, &bytes, err);
    if (rc == CEP_NONE)
        (void)base_err_set(
            err, CEP_NONE, "\"%s\" holds no checkpoint or savepoint: there is no MANIFEST in it", dir);
    if (rc == CEP_OK && (rc = sto_manifest_decode(base_buf_view(&bytes), out, err)) != CEP_OK)
        base_err_prefix(err, "\"%s\"", path.p);
    if (rc == CEP_OK)
        out->dir = base_str_of(base_arena_strdup(&out->arena, dir));
    base_buf_release(&bytes);
    base_buf_release(&path);
    return rc;
}

void sto_file_path(const struct sto_manifest *m, const struct sto_file *f, struct base_buf *path) {
    if (!f->shared) {
        base_buf_printf(path, "%.*s/%.*s", BASE_STR_FMT(m->dir), BASE_STR_FMT(f->name));
        return;
    }
    base_buf_printf(path, "%.*s/../shared/", BASE_STR_FMT(m->dir));
    sto_hash_write(path, f->hash);
}

static enum cep_rc differs(const char *path, const struct sto_file *f, uint64_t len, struct cep_err *err) {
    if (len != f->len)
        return base_err_set(err, CEP_EDAMAGED, "file \"%s\" is damaged: it has %llu bytes, not %llu", path,
            (unsigned long long)len, (unsigned long long)f->len);
    return base_err_set(err, CEP_EDAMAGED, "file \"%s\" is damaged: its checksum differs", path);
}

enum cep_rc sto_file_read(
    const struct sto_manifest *m, const struct sto_file *f, struct base_buf *out, struct cep_err *err) {
    struct base_buf path = BASE_BUF_INIT;
    sto_file_path(m, f, &path);
    enum cep_rc rc = sto_path_read(path.p, out, err);
    if (rc == CEP_NONE)
        rc = base_err_set(err, CEP_EDAMAGED, "file \"%s\" is missing", path.p);
    if (rc == CEP_OK &&
        (out->len != f->len || !sto_hash_eq(hash_of(XXH3_128bits(out->p ? out->p : "", out->len)), f->hash)))
        rc = differs(path.p, f, out->len, err);
    base_buf_release(&path);
    return rc;
}

/* Of a file that is mapped; no more of it is in memory at a time than a step. */
static struct sto_hash hash_of_mapped(struct base_str mapped) {
    XXH3_state_t *state = XXH3_createState();
    CEP_REQUIRE(state && XXH3_128bits_reset(state) == XXH_OK);
    for (size_t at = 0, n; at < mapped.len; at += n) {
        n = mapped.len - at < STO_FILE_AHEAD ? mapped.len - at : STO_FILE_AHEAD;
        CEP_INSIST(XXH3_128bits_update(state, mapped.p + at, n) == XXH_OK);
        if (mapped.len > STO_FILE_AHEAD)
            sto_file_let_go(mapped, at, at + n);
    }
    struct sto_hash hash = hash_of(XXH3_128bits_digest(state));
    (void)XXH3_freeState(state); /* always XXH_OK */
    return hash;
}

enum cep_rc sto_file_map(
    const struct sto_manifest *m, const struct sto_file *f, struct base_str *out, struct cep_err *err) {
    struct base_buf path = BASE_BUF_INIT;
    struct stat st;
    enum cep_rc rc = CEP_OK;
    *out = (struct base_str){ NULL, 0 };
    sto_file_path(m, f, &path);
    int fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0)
        rc = errno == ENOENT ? base_err_set(err, CEP_EDAMAGED, "file \"%s\" is missing", path.p)
                             : read_failed(path.p, err);
    else if ((uint64_t)st.st_size != f->len)
        rc = differs(path.p, f, (uint64_t)st.st_size, err);
    if (rc == CEP_OK && f->len > 0) {
        void *p = mmap(NULL, f->len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            rc = read_failed(path.p, err);
        else
            *out = (struct base_str){ p, f->len };
    }
    if (fd >= 0)
        (void)close(fd); /* nothing was written to it */
    if (rc == CEP_OK && !sto_hash_eq(hash_of_mapped(*out), f->hash)) {
        rc = differs(path.p, f, f->len, err);
        sto_file_unmap(*out);
        *out = (struct base_str){ NULL, 0 };
    }
    base_buf_release(&path);
    return rc;
}

void sto_file_unmap(struct base_str mapped) {
    if (mapped.len > 0)
        CEP_INSIST(munmap((void *)(uintptr_t)mapped.p, mapped.len) == 0);
}

void sto_file_let_go(struct base_str mapped, size_t from, size_t to) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    from = (from + page - 1) / page * page;
    to = to == mapped.len ? to : to / page * page;
    /* Advice: where it is not taken more memory is used. */
    if (from < to)
        (void)madvise((void *)(uintptr_t)(mapped.p + from), to - from, MADV_DONTNEED);
}

enum cep_rc sto_file_verify(const struct sto_manifest *m, const struct sto_file *f, struct cep_err *err) {
    struct base_buf path = BASE_BUF_INIT;
    struct sto_hash hash;
    uint64_t len;
    sto_file_path(m, f, &path);
    enum cep_rc rc = measure(path.p, &len, &hash, err);
    if (rc == CEP_OK && (len != f->len || !sto_hash_eq(hash, f->hash)))
        rc = differs(path.p, f, len, err);
    base_buf_release(&path);
    return rc;
}

enum cep_rc sto_manifest_verify(const struct sto_manifest *m, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < m->n_files && rc == CEP_OK; i++)
        rc = sto_file_verify(m, &m->files[i], err);
    return rc;
}
