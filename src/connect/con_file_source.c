/*
 * con_file_source -- files as partitions: read once, or followed.
 *
 * A followed file is known by its path. At its end it is compared with what the path names now: another file means that it
 * was rotated (the old one is read to its end first), a shorter one that it was truncated; positions count on in both cases.
 * Trouble with one file ends that partition or makes it wait, is said once and counted, and never stops the others. A disk that does not give
 * out what a file holds is none of a file's: it is an error, as a rest that is passed over would be lost for good.
 *
 * Another run goes on at the byte (con_source_restore()). Whether a file is the one that was read is told by the hash of its
 * first bytes, as many as were read but at most FILE_ID_BYTES, so a copy on another machine will do; a file that was
 * rotated in the meantime is found in its folder by device and inode besides. With the hash an inode that was given to
 * another file does not mislead.
 */
#include "base/base_map.h"
#include "connect/con_file.h"
#include "connect/con_inflate.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FILE_READ = 128 * 1024,
    FILE_READ_MANY = 16 * 1024,
    FILE_MANY = 64,
    FILE_ID_BYTES = 1024,
};

/* Which file it is, whatever its name is. */
struct file_id {
    uint64_t dev, ino;
    uint64_t n_hashed, hash; /* of its first bytes, before decompression */
};

/* A followed file that was read to its end and has, or may get, another name that is listed. */
struct file_seen {
    struct file_id id;
    uint32_t partition; /* that read it */
};

struct file_part {
    int fd; /* -1 = not open */
    struct file_id id;
    uint64_t offset; /* in this file, after decompression */
    uint64_t
        end; /* env.ends_now: of the file that the partition's name means; UINT64_MAX = wherever it ends */
    uint64_t skip;               /* of a compressed file: bytes that an earlier run has read */
    struct con_inflate *inflate; /* owned; NULL = plain */
    size_t n_next, cap_next;
    char **next;   /* owned: files to read after this one and before the one of the partition's name */
    bool resume;   /* to be opened as an earlier run left it: id and offset */
    bool rotated;  /* this file is not the one that the partition's name means */
    bool mended;   /* a newline was put behind the last record: the file is no longer written to */
    bool was_open; /* at least once: what is missing now has vanished or was never there */
    bool said;     /* that it is missing or in trouble */
};

struct file_source {
    struct con_source src;
    char *path; /* as given, made absolute to the base directory */
    bool follow, is_set;
    int64_t poll_every_us, next_scan_us;
    enum con_compression compression;
    bool detect;
    size_t folder;         /* bytes of a partition's name that are the folder of the .pattern file */
    struct base_map known; /* paths */
    size_t n_seen, cap_seen;
    struct file_seen *seen; /* owned */
    uint32_t n_open;
};

static struct file_source *file_of(struct con_source *src) {
    return (struct file_source *)src;
}

static void file_close(struct file_source *fs, struct file_part *fp) {
    if (fp->fd >= 0) {
        close(fp->fd);
        fs->n_open--;
    }
    fp->fd = -1;
    con_inflate_free(fp->inflate);
    fp->inflate = NULL;
}

/* -- which file is it --------------------------------------------------------------------------------------------- */

/* The hash of the file's first n bytes. Returns: false when it has fewer. */
static bool file_hash(int fd, uint64_t n, uint64_t *hash) {
    char head[FILE_ID_BYTES];
    size_t have = 0;
    while (have < n) {
        ssize_t got = pread(fd, head + have, (size_t)n - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    *hash = base_hash(head, (size_t)n);
    return true;
}

/* Hashes what was used of the file's head, its first n bytes, since it was done last. */
static void file_know(struct file_part *fp, uint64_t n) {
    if (fp->id.n_hashed == FILE_ID_BYTES || fp->fd < 0)
        return;
    if (fp->inflate) { /* its head is whole */
        struct stat st;
        n = fstat(fp->fd, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
    }
    n = n < FILE_ID_BYTES ? n : FILE_ID_BYTES;
    if (n > fp->id.n_hashed && file_hash(fp->fd, n, &fp->id.hash))
        fp->id.n_hashed = n;
}

static bool same_inode(const struct file_id *id, const struct stat *st) {
    return id->dev == (uint64_t)st->st_dev && id->ino == (uint64_t)st->st_ino;
}

static bool same_head(const struct file_id *id, int fd) {
    uint64_t hash;
    return file_hash(fd, id->n_hashed, &hash) && (id->n_hashed == 0 || hash == id->hash);
}

/* Is this file open already, under another name, or was it read? (A rotated one turns up in the listing.) */
static bool file_is_old(const struct file_source *fs, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    for (size_t i = 0; i < fs->src.n_active; i++) {
        const struct file_part *fp = fs->src.parts[fs->src.active[i]]->own;
        if (fp && fp->fd >= 0 && same_inode(&fp->id, &st))
            return true;
    }
    bool old = false;
    for (size_t i = 0; i < fs->n_seen && !old; i++) {
        if (!same_inode(&fs->seen[i].id, &st))
            continue;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        old = fd >= 0 && same_head(&fs->seen[i].id, fd);
        if (fd >= 0)
            close(fd);
    }
    return old;
}

/* Keeps in mind that the open file was read. Those that are listed no more are forgotten. */
static void file_remember(struct file_source *fs, struct con_part *part, struct file_part *fp) {
    struct con_file_list list;
    if (!fs->follow || !fs->is_set || fp->fd < 0)
        return;
    bool listed = con_file_list(fs->path, &list, NULL) == CEP_OK;
    struct base_map inodes;
    base_map_init(&inodes);
    for (size_t i = 0; listed && i < list.n; i++) {
        struct stat st;
        uint64_t key[2];
        if (stat(list.paths[i], &st) != 0)
            continue;
        key[0] = (uint64_t)st.st_dev;
        key[1] = (uint64_t)st.st_ino;
        base_map_put(&inodes, (struct base_str){ (const char *)key, sizeof key }, 1);
    }
    con_file_list_release(&list);
    size_t n = 0;
    for (size_t i = 0; i < fs->n_seen; i++) {
        uint64_t key[2] = { fs->seen[i].id.dev, fs->seen[i].id.ino };
        if (!listed || base_map_get(&inodes, (struct base_str){ (const char *)key, sizeof key }, NULL))
            fs->seen[n++] = fs->seen[i];
    }
    fs->n_seen = n;
    base_map_release(&inodes);
    file_know(fp, fp->offset);
    fs->seen = base_grow(fs->seen, fs->n_seen, &fs->cap_seen, sizeof *fs->seen);
    fs->seen[fs->n_seen++] = (struct file_seen){ .id = fp->id, .partition = part->rd.partition };
}

static enum cep_rc file_add(struct file_source *fs, const char *path, struct cep_err *err) {
    if (!base_map_put(&fs->known, base_str_of(path), 1) || (fs->follow && file_is_old(fs, path)))
        return CEP_OK;
    struct file_part *fp = base_calloc(1, sizeof *fp);
    fp->fd = -1;
    fp->end = UINT64_MAX;
    struct con_part *part = con_source_add(&fs->src, path, fp, err);
    if (!part) {
        base_free(fp);
        return CEP_EINVAL;
    }
    part->path = part->name + fs->folder;
    return CEP_OK;
}

static enum cep_rc file_scan(struct file_source *fs, struct cep_err *err) {
    struct con_file_list list;
    enum cep_rc rc = con_file_list(fs->path, &list, err);
    for (size_t i = 0; rc == CEP_OK && i < list.n; i++)
        rc = file_add(fs, list.paths[i], err);
    fs->is_set |= list.is_set;
    con_file_list_release(&list);
    return rc;
}

/* The compression of a file just opened; the descriptor is back at its start. */
static void file_detect(struct file_source *fs, struct file_part *fp, const char *path) {
    enum con_compression kind = fs->compression;
    if (fs->detect) {
        char head[4];
        ssize_t n = pread(fp->fd, head, sizeof head, 0);
        kind = con_compression_of(head, n > 0 ? (size_t)n : 0, path);
        if (n < 0) /* a pipe has no other place to read from */
            kind = CON_PLAIN;
    }
    if (kind != CON_PLAIN)
        fp->inflate = con_inflate_new(kind);
}

/* A descriptor becomes the partition's open file. */
static void file_took(
    struct file_source *fs, struct file_part *fp, int fd, const struct stat *st, const char *path) {
    fs->n_open++;
    fp->fd = fd;
    fp->id.dev = (uint64_t)st->st_dev;
    fp->id.ino = (uint64_t)st->st_ino;
    fp->said = false;
    fp->mended = false;
    file_detect(fs, fp, path);
}

/* Returns: CEP_OK; CEP_AGAIN = wait for it; CEP_NONE = give it up. */
static enum cep_rc file_open(struct file_source *fs, struct con_part *part, struct file_part *fp) {
    struct con_source *src = &fs->src;
    struct stat st;
    while (fp->n_next > 0) { /* between a rotated file and the present one */
        char *path = fp->next[0];
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && fs->n_open > 0)
            return CEP_AGAIN;
        memmove(fp->next, fp->next + 1, --fp->n_next * sizeof *fp->next);
        if (fd >= 0 && fstat(fd, &st) == 0) {
            fp->id = (struct file_id){ .n_hashed = 0 };
            fp->offset = 0;
            file_took(fs, fp, fd, &st, path);
            fp->rotated = true;
            con_reader_restart(&part->rd);
            fp->was_open = true;
            base_free(path);
            return CEP_OK;
        }
        src->stats.vanished++;
        con_log(
            &src->env, CON_LEVEL_WARNING, "could not open file \"%s\": %s: left out", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        base_free(path);
    }
    int fd = open(part->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && fs->n_open > 0)
        return CEP_AGAIN; /* when one of the others is done */
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        if (!fp->said) {
            src->stats.vanished += missing;
            src->stats.unreadable += !missing;
            if (missing)
                con_log(&src->env, CON_LEVEL_WARNING, "file \"%s\" is not there%s", part->name,
                    fs->follow ? ": waiting for it" : " any more: left out");
            else
                con_log(&src->env, CON_LEVEL_WARNING, "could not open file \"%s\": %s%s", part->name,
                    strerror(errno), fs->follow ? ": trying again" : ": left out");
        }
        fp->said = true;
        return fs->follow ? CEP_AGAIN : CEP_NONE;
    }
    fp->id = (struct file_id){ .n_hashed = 0 };
    fp->offset = 0;
    file_took(fs, fp, fd, &st, part->name);
    fp->rotated = false;
    if (fp->was_open)
        con_reader_restart(&part->rd);
    fp->was_open = true;
    return CEP_OK;
}

/* -- going on where an earlier run was ------------------------------------------------------------------------------ */

static int by_time(const struct stat *a, const struct stat *b) {
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec < b->st_mtim.tv_sec ? -1 : 1;
    return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec ? -1 : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

struct file_rotated {
    char *path; /* owned */
    struct stat st;
};

static int by_age(const void *a, const void *b) {
    const struct file_rotated *x = a, *y = b;
    int order = by_time(&x->st, &y->st);
    return order ? order : strcmp(y->path, x->path); /* app.log.2 is older than app.log.1 */
}

/*
 * Looks in the file's folder for what was rotated away from its name: NAME.1, NAME-20260101.gz. Returns: the descriptor
 * of the file that was being read, or -1; *old is its path (owned). Those written after it go to fp->next, oldest first.
 */
static int file_find_rotated(
    struct file_source *fs, struct con_part *part, struct file_part *fp, struct stat *st, char **old) {
    char *folder = base_strdup(part->name), *slash = strrchr(folder, '/');
    const char *base = slash ? part->name + (slash - folder) + 1 : part->name;
    size_t n_base = strlen(base), n = 0, cap = 0;
    struct file_rotated *all = NULL;
    if (slash)
        slash[slash == folder] = '\0';
    int fd = -1;
    DIR *dir = con_opendir(slash ? folder : ".");
    struct dirent *e;
    while (dir && (e = readdir(dir))) {
        struct base_buf path = BASE_BUF_INIT;
        struct stat s;
        if (strncmp(e->d_name, base, n_base) != 0 || (e->d_name[n_base] != '.' && e->d_name[n_base] != '-'))
            continue;
        base_buf_printf(&path, "%.*s%s", (int)(base - part->name), part->name, e->d_name);
        if (stat(path.p, &s) != 0 || !S_ISREG(s.st_mode)) {
            base_buf_release(&path);
            continue;
        }
        int at = -1;
        if (fd < 0 && same_inode(&fp->id, &s) && (at = open(path.p, O_RDONLY | O_CLOEXEC | O_NOCTTY)) >= 0 &&
            same_head(&fp->id, at)) {
            fd = at;
            *st = s;
            *old = path.p;
            continue;
        }
        if (at >= 0)
            close(at);
        all = base_grow(all, n, &cap, sizeof *all);
        all[n++] = (struct file_rotated){ path.p, s };
    }
    if (dir)
        closedir(dir);
    if (n > 1)
        qsort(all, n, sizeof *all, by_age);
    struct file_rotated was = { *old, *st };
    for (size_t i = 0; i < n; i++) {
        /* Some of them may be partitions themselves, or were read under other names. */
        if (fd >= 0 && by_age(&all[i], &was) > 0 &&
            !base_map_get(&fs->known, base_str_of(all[i].path), NULL) && !file_is_old(fs, all[i].path)) {
            base_map_put(&fs->known, base_str_of(all[i].path), 1);
            fp->next = base_grow(fp->next, fp->n_next, &fp->cap_next, sizeof *fp->next);
            fp->next[fp->n_next++] = all[i].path;
        } else {
            base_free(all[i].path);
        }
    }
    base_free(all);
    base_free(folder);
    return fd;
}

/* A followed file is not the one it was: what is there is read from its start. */
static void file_resume_anew(struct con_part *part, struct file_part *fp) {
    con_reader_restart(&part->rd);
    fp->resume = false;
    fp->was_open = false;
    fp->id = (struct file_id){ .n_hashed = 0 };
    fp->offset = 0;
}

/* Returns: as file_open(), or an error that ends the source. */
static enum cep_rc file_resume(
    struct file_source *fs, struct con_part *part, struct file_part *fp, struct cep_err *err) {
    struct con_source *src = &fs->src;
    unsigned long long at = fp->offset;
    struct stat st = { .st_size = 0 };
    char *old = NULL;
    int fd = open(part->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int e = errno;
    if (fd < 0 && (e == EMFILE || e == ENFILE) && fs->n_open > 0)
        return CEP_AGAIN;
    if (fd >= 0 && fstat(fd, &st) != 0) {
        e = errno;
        close(fd);
        fd = -1;
    }
    bool same = fd >= 0 && same_head(&fp->id, fd);
    if (fs->follow && !(same && same_inode(&fp->id, &st))) {
        struct stat old_st;
        int old_fd = file_find_rotated(fs, part, fp, &old_st, &old);
        if (old_fd >= 0) {
            if (fd >= 0)
                close(fd);
            fd = old_fd;
            st = old_st;
            same = true;
            con_log(&src->env, CON_LEVEL_INFO,
                "file \"%s\" was rotated: reading the rest of the old one, \"%s\"%s", part->name, old,
                fp->n_next ? ", and what was rotated after it" : "");
        }
    }
    bool shrank = fd >= 0 && fs->compression == CON_PLAIN && S_ISREG(st.st_mode) && (uint64_t)st.st_size < at;
    if (fs->detect && shrank) { /* a compressed file is shorter than what is in it */
        char head[4];
        ssize_t n = pread(fd, head, sizeof head, 0);
        shrank = con_compression_of(head, n > 0 ? (size_t)n : 0, part->name) == CON_PLAIN;
    }
    enum cep_rc rc = CEP_OK;
    if (fd < 0 && !fs->follow) {
        rc = base_err_set(err, CEP_EIO, "could not open file \"%s\", which was read to byte %llu: %s",
            part->name, at, strerror(e));
    } else if (shrank && !fs->follow) {
        rc = base_err_set(err, CEP_ESTATE, "file \"%s\" has %lld bytes, but was read to byte %llu",
            part->name, (long long)st.st_size, at);
    } else if (fd >= 0 && !same && !fs->follow) {
        rc = base_err_set(err, CEP_ESTATE,
            "file \"%s\" is not the one that was read to byte %llu: its first %llu bytes are others",
            part->name, at, (unsigned long long)fp->id.n_hashed);
    } else if (fd < 0 || (!same && !same_inode(&fp->id, &st))) {
        src->stats.vanished++;
        con_log(&src->env, CON_LEVEL_WARNING,
            "file \"%s\", read to byte %llu, is %s: what was written to it since is lost", part->name, at,
            fd < 0 ? "not there any more" : "another one now, and the old one is not beside it");
        file_resume_anew(part, fp);
        fp->said = fd < 0;
    } else if (shrank || !same) {
        src->stats.truncations++;
        con_log(&src->env, CON_LEVEL_WARNING,
            "file \"%s\" was truncated: reading it from its start; what was written behind byte %llu is lost",
            part->name, at);
        file_resume_anew(part, fp);
    } else {
        file_took(fs, fp, fd, &st, old ? old : part->name);
        fp->rotated = old != NULL;
        fp->resume = false;
        fp->was_open = true;
        fp->skip = fp->inflate ? at : 0;
        if (!fp->inflate && at > 0 && lseek(fd, (off_t)at, SEEK_SET) < 0)
            rc = base_err_set(err, CEP_ESTATE, "could not go to byte %llu of file \"%s\": %s", at, part->name,
                strerror(errno));
        base_free(old);
        return rc;
    }
    if (rc != CEP_OK && err)
        base_err_hint(err, "put the file back as it was, or start without the saved state");
    if (fd >= 0)
        close(fd);
    base_free(old);
    return rc == CEP_OK ? file_open(fs, part, fp) : rc;
}

static enum cep_rc not_given_out(
    const struct con_part *part, const struct cep_err *why, struct cep_err *err) {
    if (err)
        *err = *why;
    base_err_prefix(err, "file \"%s\"", part->name);
    return CEP_EIO;
}

/* Drops what an earlier run has read of a compressed file. Returns: as fill(). */
static enum cep_rc file_skip(
    struct file_source *fs, struct con_part *part, struct file_part *fp, struct cep_err *err) {
    char *scratch = base_alloc(FILE_READ);
    struct cep_err why = CEP_ERR_INIT;
    enum cep_rc rc = CEP_OK;
    while (rc == CEP_OK && fp->skip > 0) {
        size_t got = 0, want = fp->skip < FILE_READ ? (size_t)fp->skip : FILE_READ;
        rc = con_inflate_read(fp->inflate, fp->fd, scratch, want, &got, &why);
        fp->skip -= rc == CEP_OK ? got : 0;
    }
    base_free(scratch);
    if (rc == CEP_OK)
        return CEP_OK;
    if (rc == CEP_EIO)
        return not_given_out(part, &why, err);
    if (rc == CEP_NONE)
        base_err_set(&why, CEP_ESTATE, "it has only %llu", (unsigned long long)(fp->offset - fp->skip));
    if (!fs->follow)
        return base_err_set(err, CEP_ESTATE, "could not go to byte %llu of what is in file \"%s\": %s",
            (unsigned long long)fp->offset, part->name, why.message);
    fs->src.stats.unreadable++;
    con_log(&fs->src.env, CON_LEVEL_WARNING,
        "could not go to byte %llu of what is in file \"%s\": %s: left out", (unsigned long long)fp->offset,
        part->name, why.message);
    return CEP_NONE;
}

/* A record without a newline at the end of a file that is followed by another one is a record all the same. */
static bool file_end_record(struct con_part *part) {
    if (part->rd.start == part->rd.end)
        return false;
    size_t room;
    *con_reader_room(&part->rd, 1, &room) = '\n';
    con_reader_added(&part->rd, 1);
    ((struct file_part *)part->own)->mended = true;
    return true;
}

/* At the end of a followed file: has something happened to it? */
static enum cep_rc file_at_end(struct file_source *fs, struct con_part *part, struct file_part *fp) {
    struct con_source *src = &fs->src;
    struct stat st;
    bool there = stat(part->name, &st) == 0;
    if (there && same_inode(&fp->id, &st)) {
        if ((uint64_t)st.st_size >= fp->offset)
            return CEP_AGAIN;
        if (file_end_record(part))
            return CEP_OK;
        src->stats.truncations++;
        con_log(
            &src->env, CON_LEVEL_WARNING, "file \"%s\" was truncated: reading it from its start", part->name);
        if (lseek(fp->fd, 0, SEEK_SET) < 0)
            return CEP_AGAIN;
        fp->offset = 0;
        fp->id.n_hashed = 0;
        fp->mended = false;
        con_reader_restart(&part->rd);
        return CEP_OK;
    }
    if (!there && fp->n_next == 0) {
        if (!fp->said) {
            src->stats.vanished++;
            con_log(&src->env, CON_LEVEL_WARNING, "file \"%s\" has vanished: waiting for it", part->name);
        }
        fp->said = true;
        return CEP_AGAIN;
    }
    if (file_end_record(part))
        return CEP_OK;
    src->stats.rotations++;
    con_log(&src->env, CON_LEVEL_INFO, "file \"%s\" was rotated: reading %s", part->name,
        fp->n_next ? fp->next[0] : "the new one");
    file_remember(fs, part, fp);
    if (fs->is_set)
        (void)file_scan(
            fs, NULL); /* while the old file is open, so that its new name is not taken for a new file */
    file_close(fs, fp);
    return CEP_OK;
}

/* Bytes from the file. Returns as fill(); *got = 0 at the end. */
static enum cep_rc file_read(
    struct con_source *src, struct con_part *part, struct file_part *fp, size_t *got, struct cep_err *err) {
    size_t room;
    char *to = con_reader_room(&part->rd, src->n_active > FILE_MANY ? FILE_READ_MANY : FILE_READ, &room);
    *got = 0;
    if (fp->inflate) {
        struct cep_err why = CEP_ERR_INIT;
        enum cep_rc rc = con_inflate_read(fp->inflate, fp->fd, to, room, got, &why);
        if (rc == CEP_OK || rc == CEP_NONE)
            return CEP_OK;
        if (rc == CEP_EIO)
            return not_given_out(part, &why, err);
        src->stats.unreadable++;
        con_log(&src->env, CON_LEVEL_WARNING, "file \"%s\": %s: what came before was read", part->name,
            why.message);
        return CEP_NONE;
    }
    if (!fp->rotated && fp->end != UINT64_MAX)
        room = fp->offset >= fp->end         ? 0
               : room < fp->end - fp->offset ? room
                                             : (size_t)(fp->end - fp->offset);
    ssize_t n;
    do
        n = room > 0 ? read(fp->fd, to, room) : 0;
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return con_io_err(err, errno, "could not read file \"%s\"", part->name);
    *got = (size_t)n;
    return CEP_OK;
}

static enum cep_rc file_step(struct con_source *src, struct con_part *part, struct cep_err *err) {
    struct file_source *fs = file_of(src);
    struct file_part *fp = part->own;
    if (fp->fd < 0) {
        enum cep_rc rc = fp->resume ? file_resume(fs, part, fp, err) : file_open(fs, part, fp);
        if (rc != CEP_OK)
            return rc;
    }
    if (fp->skip > 0) {
        enum cep_rc rc = file_skip(fs, part, fp, err);
        if (rc != CEP_OK)
            return rc;
    }
    size_t got;
    bool compressed = fp->inflate != NULL;
    enum cep_rc rc = file_read(src, part, fp, &got, err);
    if (rc != CEP_OK)
        return rc;
    if (got > 0) {
        fp->offset += got;
        con_reader_added(&part->rd, got);
        return CEP_OK;
    }
    /* A compressed file among followed ones is whole when it turns up; but there may be a plain one after it. */
    if (!fs->follow || (compressed && fp->n_next == 0 && !fp->rotated)) {
        file_remember(fs, part, fp);
        return CEP_NONE;
    }
    return file_at_end(fs, part, fp);
}

/* What is not there now is not waited for. */
static enum cep_rc file_fill(struct con_source *src, struct con_part *part, struct cep_err *err) {
    enum cep_rc rc = file_step(src, part, err);
    if (rc != CEP_AGAIN || !src->env.ends_now)
        return rc;
    part->rd.start = part->rd.end;
    return CEP_NONE;
}

/* Where the files end now. */
static void file_know_ends(struct file_source *fs) {
    struct stat st;
    for (size_t i = 0; i < fs->src.n_parts; i++) {
        struct file_part *fp = fs->src.parts[i]->own;
        if (fp)
            fp->end = stat(fs->src.parts[i]->name, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size
                                                                                    : UINT64_MAX;
    }
}

/* -- saved and restored ----------------------------------------------------------------------------------------------- */

static void save_id(struct base_buf *to, const struct file_id *id) {
    base_pack_varint(to, id->dev);
    base_pack_varint(to, id->ino);
    base_pack_varint(to, id->n_hashed);
    base_pack_u64(to, id->hash);
}

static struct file_id load_id(struct base_unpack *u) {
    struct file_id id;
    id.dev = base_unpack_varint(u);
    id.ino = base_unpack_varint(u);
    id.n_hashed = base_unpack_max(u, FILE_ID_BYTES);
    id.hash = base_unpack_u64(u);
    return id;
}

/* 1 and the file being read, or 0; files that were read. Those to read after a rotated one are found again, by whatever
 * names they have then. */
static void file_save(struct con_source *src, struct con_part *part, struct base_buf *note) {
    struct file_source *fs = file_of(src);
    struct file_part *fp = part->own;
    bool is_open = fp && (fp->fd >= 0 || fp->resume || fp->n_next > 0);
    base_pack_u8(note, is_open);
    if (is_open) {
        size_t waiting = con_reader_waiting(&part->rd);
        if (fp->mended && waiting > 0) /* the newline is not the file's */
            waiting--;
        file_know(fp, fp->offset - waiting);
        save_id(note, &fp->id);
        base_pack_varint(note, fp->offset - waiting);
    }
    size_t n = 0;
    for (size_t i = 0; i < fs->n_seen; i++)
        n += fs->seen[i].partition == part->rd.partition;
    base_pack_varint(note, n);
    for (size_t i = 0; i < fs->n_seen; i++)
        if (fs->seen[i].partition == part->rd.partition)
            save_id(note, &fs->seen[i].id);
}

static enum cep_rc file_restore(struct con_source *src, struct con_part *part,
    const struct con_partition *saved, struct base_unpack *note, struct cep_err *err) {
    struct file_source *fs = file_of(src);
    base_map_put(&fs->known, base_str_of(part->name), 1);
    struct file_part *fp = part->own = base_calloc(1, sizeof *fp);
    fp->fd = -1;
    fp->end = UINT64_MAX;
    fp->offset = saved->position;
    fp->resume = saved->position > 0;
    if (saved->note.len > 0) {
        fp->resume = base_unpack_max(note, 1);
        if (fp->resume) {
            fp->id = load_id(note);
            fp->offset = base_unpack_varint(note);
        }
        for (size_t n = base_unpack_count(note, 4); n > 0; n--) {
            fs->seen = base_grow(fs->seen, fs->n_seen, &fs->cap_seen, sizeof *fs->seen);
            fs->seen[fs->n_seen++] = (struct file_seen){ load_id(note), part->rd.partition };
        }
    }
    if (saved->done)
        return CEP_NONE;
    fp->was_open = saved->position > 0; /* what comes next is another file */
    (void)err;
    return CEP_OK;
}

static enum cep_rc file_look(struct con_source *src, struct cep_err *err) {
    struct file_source *fs = file_of(src);
    if (!fs->follow || src->stopped || src->env.ends_now)
        return CEP_NONE;
    if (!fs->is_set)
        return CEP_OK;
    int64_t now = con_mono(&src->env);
    if (now < fs->next_scan_us)
        return CEP_OK;
    fs->next_scan_us = now + fs->poll_every_us;
    struct cep_err ignored;
    (void)err;
    (void)file_scan(fs, &ignored); /* a directory that is away may come back */
    return CEP_OK;
}

static int64_t file_next_poll(struct con_source *src) {
    return con_mono(&src->env) + file_of(src)->poll_every_us;
}

static void file_part_done(struct con_source *src, struct con_part *part) {
    struct file_part *fp = part->own;
    if (!fp)
        return;
    file_close(file_of(src), fp);
    for (size_t i = 0; i < fp->n_next; i++)
        base_free(fp->next[i]);
    base_free(fp->next);
    base_free(fp);
}

static void file_source_close(struct con_source *src) {
    struct file_source *fs = file_of(src);
    base_map_release(&fs->known);
    base_free(fs->seen);
    base_free(fs->path);
    base_free(fs);
}

/* Files of an earlier run that the path does not mean any more. One that is away may come back, or file_open() tells of it. */
static void file_drop_unlisted(struct file_source *fs, const struct con_file_list *list) {
    struct base_map listed;
    base_map_init(&listed);
    for (size_t i = 0; i < list->n; i++)
        base_map_put(&listed, base_str_of(list->paths[i]), 1);
    for (size_t i = 0; i < fs->src.n_parts; i++) {
        struct con_part *part = fs->src.parts[i];
        if (part->done || base_map_get(&listed, base_str_of(part->name), NULL) ||
            (list->is_set && access(part->name, F_OK) != 0))
            continue;
        con_log(&fs->src.env, CON_LEVEL_WARNING,
            "file \"%s\", read to byte %llu, is not among the files of path \"%s\" any more: left out",
            part->name, (unsigned long long)part->rd.position, fs->path);
        con_source_drop(&fs->src, part);
    }
    base_map_release(&listed);
}

/* Those that are there and were read are opened where they were, before new ones are looked for. */
static enum cep_rc file_resume_all(struct file_source *fs, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < fs->src.n_parts && rc == CEP_OK; i++) {
        struct file_part *fp = fs->src.parts[i]->own;
        if (fp && fp->resume && (rc = file_resume(fs, fs->src.parts[i], fp, err)) == CEP_AGAIN)
            rc = CEP_OK; /* out of descriptors, or waiting for it */
        if (rc == CEP_NONE) {
            con_source_drop(&fs->src, fs->src.parts[i]);
            rc = CEP_OK;
        }
    }
    return rc;
}

static enum cep_rc file_begin(struct con_source *src, struct cep_err *err) {
    struct file_source *fs = file_of(src);
    struct cep_err why = CEP_ERR_INIT;
    size_t restored = src->n_parts;
    bool was_read = base_map_get(&fs->known, base_str_of(fs->path), NULL);
    struct con_file_list list;
    enum cep_rc rc = con_file_list(fs->path, &list, &why);
    fs->is_set = list.is_set;
    if (rc == CEP_OK)
        file_drop_unlisted(fs, &list);
    else if (rc == CEP_EIO && !list.is_set && was_read)
        rc = CEP_OK;
    if (rc == CEP_OK || fs->follow) {
        enum cep_rc resumed = file_resume_all(fs, &why);
        rc = resumed == CEP_OK ? rc : resumed;
    }
    for (size_t i = 0; rc == CEP_OK && i < list.n; i++)
        rc = file_add(fs, list.paths[i], &why);
    if (rc == CEP_EIO && fs->follow && !fs->is_set && list.n == 0)
        rc = file_add(fs, fs->path, &why); /* not there yet */
    con_file_list_release(&list);
    if (rc == CEP_OK && src->n_parts == 0 && !fs->follow) {
        struct stat st;
        if (stat(fs->path, &st) == 0)
            con_log(&src->env, CON_LEVEL_WARNING, "directory \"%s\" has no files", fs->path);
        else
            rc = base_err_set(&why, CEP_EIO, "no file matches \"%s\"", fs->path);
    }
    /* One file that cannot be read is a mistake to be told at once; one of many is left out later. */
    if (rc == CEP_OK && !fs->follow && !fs->is_set && !was_read && access(fs->path, R_OK) != 0)
        rc = base_err_set(&why, CEP_EIO, "could not open file \"%s\": %s", fs->path, strerror(errno));
    if (rc == CEP_OK && src->env.ends_now)
        file_know_ends(fs);
    if (rc == CEP_OK && restored > 0 && src->n_parts > restored)
        con_log(&src->env, CON_LEVEL_INFO, "stream \"%.*s\": %zu file%s more than before",
            BASE_STR_FMT(src->node->name), src->n_parts - restored, src->n_parts - restored == 1 ? "" : "s");
    if (rc != CEP_OK && err)
        *err = why;
    return rc;
}

static enum cep_rc file_source_open(const struct plan_node *node, const struct con_env *env,
    const struct con_format *format, struct con_source **out, struct cep_err *err) {
    const struct plan_opt *opts = node->source.opts;
    uint32_t n = node->source.n_opts;
    struct file_source *fs = base_calloc(1, sizeof *fs);
    con_source_init(&fs->src, &con_file_source, node, env, format);
    base_map_init(&fs->known);
    fs->path = con_path(env, plan_opt_str(opts, n, "path", ""));
    fs->follow = plan_opt_bool(opts, n, "follow", false);
    fs->poll_every_us = plan_opt_int(opts, n, "poll_every", 100000);
    struct base_str compression = plan_opt_str(opts, n, "compression", "auto");
    fs->detect = base_str_eq(compression, BASE_STR("auto"));
    fs->compression = base_str_eq(compression, BASE_STR("gzip"))   ? CON_GZIP
                      : base_str_eq(compression, BASE_STR("zstd")) ? CON_ZSTD
                                                                   : CON_PLAIN;
    fs->src.bounded = !fs->follow;
    fs->folder = strlen(fs->path) - plan_opt_str(opts, n, "path", "").len;
    *out = &fs->src;
    (void)err;
    return CEP_OK;
}

const struct con_source_vt con_file_source = { .open = file_source_open,
    .begin = file_begin,
    .save = file_save,
    .restore = file_restore,
    .fill = file_fill,
    .look = file_look,
    .next_poll = file_next_poll,
    .part_done = file_part_done,
    .close = file_source_close,
    .ends_now = true,
    .paths = true };
