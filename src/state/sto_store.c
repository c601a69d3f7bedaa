/*
 * sto_store -- see sto_store.h.
 */
#include "state/sto_store.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "state/sto_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

struct kept {
    uint64_t id;
    bool readable; /* its manifest is; of another one's files nothing is known, so nothing of it is removed */
    struct sto_manifest m; /* owned when readable */
};

struct sto_store {
    char *dir, *shared; /* owned */
    int lock;           /* file descriptor; -1 = none */
    uint32_t retained;
    struct kept *kept; /* owned; ascending by id */
    size_t n, cap;
    struct sto_bundle **making; /* owned array; the bundles are their writers' */
    size_t n_making, cap_making;
    uint64_t next_id;
};

static char *path_of(const struct sto_store *s, uint64_t id) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s/chk-%llu", s->dir, (unsigned long long)id);
    return b.p;
}

/* "chk-42" -> 42. */
static bool id_of(const char *name, uint64_t *id) {
    return strncmp(name, "chk-", 4) == 0 && base_parse_u64(base_str_of(name + 4), id);
}

/* "chk-42.part": what the store did not name itself it does not remove. */
static bool is_leftover(const char *name) {
    static const char suffix[] = ".part";
    struct base_str s = base_str_of(name);
    uint64_t id;
    return s.len > sizeof "chk-" - 1 + sizeof suffix - 1 && strncmp(name, "chk-", sizeof "chk-" - 1) == 0 &&
           strcmp(name + s.len - (sizeof suffix - 1), suffix) == 0 &&
           base_parse_u64((struct base_str){ s.p + 4, s.len - 4 - (sizeof suffix - 1) }, &id);
}

/* A shared file's name, or that of one on its way there. */
static bool is_shared_name(const char *name, struct sto_hash *h, bool *tmp) {
    static const char suffix[] = ".tmp";
    size_t len = strlen(name);
    char hash[STO_HASH_TEXT + 1] = "";
    *tmp = len == STO_HASH_TEXT + sizeof suffix - 1 && strcmp(name + STO_HASH_TEXT, suffix) == 0;
    if (len != STO_HASH_TEXT && !*tmp)
        return false;
    memcpy(hash, name, STO_HASH_TEXT);
    return sto_hash_read(hash, h);
}

/* -- opening ------------------------------------------------------------------------------------------------------ */

static enum cep_rc lock(struct sto_store *s, struct cep_err *err) {
    struct base_buf path = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    base_buf_printf(&path, "%s/LOCK", s->dir);
    s->lock = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool locked = s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0;
    int why = errno;
    if (!locked && s->lock >= 0 && why == EWOULDBLOCK) {
        rc = base_err_set(err, CEP_ESTATE, "another process keeps its checkpoints in \"%s\"", s->dir);
        base_err_hint(err, "stop it first, or give this job another --state-dir");
    } else if (!locked)
        rc = base_err_set(err, CEP_EIO, "could not lock \"%s\": %s", path.p, strerror(why));
    base_buf_release(&path);
    return rc;
}

static int by_id(const void *a, const void *b) {
    const struct kept *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static struct kept *add(struct sto_store *s, uint64_t id) {
    s->kept = base_grow(s->kept, s->n, &s->cap, sizeof *s->kept);
    struct kept *k = &s->kept[s->n++];
    *k = (struct kept){ .id = id };
    if (id >= s->next_id)
        s->next_id = id + 1;
    return k;
}

static enum cep_rc find_checkpoints(struct sto_store *s, struct cep_err *err) {
    struct base_buf list = BASE_BUF_INIT, path = BASE_BUF_INIT;
    size_t n;
    enum cep_rc rc = sto_path_list(s->dir, &list, &n, err);
    const char *name = list.p;
    for (size_t i = 0; rc == CEP_OK && i < n; i++, name += strlen(name) + 1) {
        uint64_t id;
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", s->dir, name);
        if (is_leftover(name))
            rc = sto_path_remove(path.p, err);
        else if (id_of(name, &id)) {
            struct kept *k = add(s, id);
            k->readable = sto_manifest_read(path.p, &k->m, NULL) == CEP_OK;
        }
    }
    if (s->n > 1)
        qsort(s->kept, s->n, sizeof *s->kept, by_id);
    base_buf_release(&path);
    base_buf_release(&list);
    return rc;
}

static bool is_needed(const struct sto_store *s, struct sto_hash h) {
    for (size_t i = 0; i < s->n; i++)
        if (s->kept[i].readable && sto_manifest_names(&s->kept[i].m, h))
            return true;
    for (size_t i = 0; i < s->n_making; i++)
        if (sto_bundle_names(s->making[i], h))
            return true;
    return false;
}

/* Nothing shared is removed while a manifest cannot be read: it may name it. */
static bool knows_all(const struct sto_store *s) {
    for (size_t i = 0; i < s->n; i++)
        if (!s->kept[i].readable)
            return false;
    return true;
}

/* Shared files of a checkpoint that was never published. */
static enum cep_rc sweep_shared(const struct sto_store *s, struct cep_err *err) {
    struct base_buf list = BASE_BUF_INIT, path = BASE_BUF_INIT;
    size_t n = 0;
    if (!knows_all(s))
        return CEP_OK;
    enum cep_rc rc = sto_path_list(s->shared, &list, &n, err);
    const char *name = list.p;
    for (size_t i = 0; rc == CEP_OK && i < n; i++, name += strlen(name) + 1) {
        struct sto_hash h;
        bool tmp;
        if (!is_shared_name(name, &h, &tmp) || (!tmp && is_needed(s, h)))
            continue;
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", s->shared, name);
        rc = sto_path_remove(path.p, err);
    }
    base_buf_release(&path);
    base_buf_release(&list);
    return rc;
}

enum cep_rc sto_store_open(const char *dir, uint32_t retained, struct sto_store **out, struct cep_err *err) {
    struct sto_store *s = base_calloc(1, sizeof *s);
    struct base_buf shared = BASE_BUF_INIT;
    base_buf_printf(&shared, "%s/shared", dir);
    s->dir = base_strdup(dir);
    s->shared = shared.p;
    s->retained = retained ? retained : 1;
    s->lock = -1;
    s->next_id = 1;
    enum cep_rc rc = sto_path_make(s->shared, err);
    if (rc == CEP_OK)
        rc = lock(s, err);
    if (rc == CEP_OK)
        rc = find_checkpoints(s, err);
    if (rc == CEP_OK)
        rc = sweep_shared(s, err);
    if (rc != CEP_OK) {
        sto_store_close(s);
        return rc;
    }
    *out = s;
    CEP_CHECKED(sto_store_check(s));
    return CEP_OK;
}

void sto_store_close(struct sto_store *s) {
    if (!s)
        return;
    CEP_REQUIRE(s->n_making == 0);
    for (size_t i = 0; i < s->n; i++)
        if (s->kept[i].readable)
            sto_manifest_release(&s->kept[i].m);
    if (s->lock >= 0)
        (void)close(s->lock); /* nothing was written to it */
    base_free(s->making);
    base_free(s->kept);
    base_free(s->shared);
    base_free(s->dir);
    base_free(s);
}

size_t sto_store_n(const struct sto_store *s) {
    return s->n;
}

uint64_t sto_store_id(const struct sto_store *s, size_t i) {
    return s->kept[i].id;
}

uint64_t sto_store_next_id(const struct sto_store *s) {
    return s->next_id;
}

/* -- writing -------------------------------------------------------------------------------------------------------- */

enum cep_rc sto_store_begin(
    struct sto_store *s, uint64_t id, int64_t time_us, struct sto_bundle **out, struct cep_err *err) {
    CEP_REQUIRE(id >= s->next_id);
    char *dir = path_of(s, id);
    enum cep_rc rc = sto_bundle_begin(dir, s->shared, "checkpoint", id, time_us, out, err);
    base_free(dir);
    if (rc != CEP_OK)
        return rc;
    s->making = base_grow(s->making, s->n_making, &s->cap_making, sizeof(struct sto_bundle *));
    s->making[s->n_making++] = *out;
    s->next_id = id + 1;
    return CEP_OK;
}

static void made(struct sto_store *s, const struct sto_bundle *b) {
    for (size_t i = 0; i < s->n_making; i++)
        if (s->making[i] == b) {
            s->making[i] = s->making[--s->n_making];
            return;
        }
    CEP_INSIST(!"a bundle of this store");
}

/* The manifest goes first: what is left is no checkpoint, whenever the process ends. */
static enum cep_rc forget_oldest(struct sto_store *s, struct cep_err *err) {
    struct kept old = s->kept[0];
    struct base_buf path = BASE_BUF_INIT;
    char *dir = path_of(s, old.id);
    base_buf_printf(&path, "%s/MANIFEST", dir);
    enum cep_rc rc = sto_path_remove(path.p, err);
    if (rc == CEP_OK)
        rc = sto_path_remove(dir, err);
    base_free(dir);
    if (rc == CEP_OK) {
        memmove(s->kept, s->kept + 1, (s->n - 1) * sizeof *s->kept);
        s->n--;
        bool sure = knows_all(s);
        for (size_t i = 0; sure && old.readable && i < old.m.n_files; i++) {
            const struct sto_file *f = &old.m.files[i];
            if (!f->shared || is_needed(s, f->hash))
                continue;
            base_buf_clear(&path);
            base_buf_printf(&path, "%s/", s->shared);
            sto_hash_write(&path, f->hash);
            (void)sto_path_remove(
                path.p, NULL); /* swept at the next open, like those of which we are not sure */
        }
        if (old.readable)
            sto_manifest_release(&old.m);
    }
    base_buf_release(&path);
    return rc;
}

enum cep_rc sto_store_publish(struct sto_store *s, struct sto_bundle *b, struct cep_err *err) {
    struct sto_manifest m;
    made(s, b);
    enum cep_rc rc = sto_bundle_publish(b, &m, err);
    if (rc != CEP_OK)
        return rc;
    struct kept *k = add(s, m.id);
    k->readable = true;
    k->m = m;
    /* Several may be in the making: they are published in any order. */
    qsort(s->kept, s->n, sizeof *s->kept, by_id);
    while (s->n > s->retained && forget_oldest(s, NULL) == CEP_OK)
        continue;
    CEP_CHECKED(sto_store_check(s));
    return CEP_OK;
}

enum cep_rc sto_store_clear(struct sto_store *s, struct cep_err *err) {
    CEP_REQUIRE(s->n_making == 0);
    enum cep_rc rc = CEP_OK;
    while (s->n > 0 && rc == CEP_OK)
        rc = forget_oldest(s, err);
    if (rc == CEP_OK)
        rc = sweep_shared(s, err);
    if (rc == CEP_OK)
        s->next_id = 1;
    return rc;
}

void sto_store_drop(struct sto_store *s, struct sto_bundle *b) {
    if (!b)
        return;
    made(s, b);
    sto_bundle_drop(b);
}

/* -- reading -------------------------------------------------------------------------------------------------------- */

enum cep_rc sto_store_latest(struct sto_store *s, struct sto_manifest *out,
    void (*damaged)(void *arg, uint64_t id, const struct cep_err *why), void *arg, struct cep_err *err) {
    for (size_t i = s->n; i-- > 0;) {
        struct cep_err why = CEP_ERR_INIT;
        char *dir = path_of(s, s->kept[i].id);
        enum cep_rc rc = sto_manifest_read(dir, out, &why);
        base_free(dir);
        if (rc == CEP_OK && (rc = sto_manifest_verify(out, &why)) != CEP_OK)
            sto_manifest_release(out);
        if (rc == CEP_OK)
            return CEP_OK;
        /* It may be as good as new: sinks have committed what it covers, which would come again from an older one. */
        if (rc == CEP_EIO) {
            base_err_prefix(&why, "checkpoint %llu", (unsigned long long)s->kept[i].id);
            if (err)
                *err = why;
            return rc;
        }
        if (damaged)
            damaged(arg, s->kept[i].id, &why);
    }
    return base_err_set(err, CEP_NONE, "there is no whole checkpoint in \"%s\"", s->dir);
}

bool sto_store_is_used(const char *dir) {
    struct base_buf list = BASE_BUF_INIT;
    size_t n = 0;
    bool used = false;
    if (sto_path_list(dir, &list, &n, NULL) == CEP_OK) {
        const char *name = list.p;
        uint64_t id;
        for (size_t i = 0; i < n && !used; i++, name += strlen(name) + 1)
            used = id_of(name, &id);
    }
    base_buf_release(&list);
    return used;
}

void sto_store_check(const struct sto_store *s) {
    for (size_t i = 0; i < s->n; i++) {
        CEP_INSIST(i == 0 || s->kept[i - 1].id < s->kept[i].id);
        CEP_INSIST(s->kept[i].id < s->next_id);
    }
}
