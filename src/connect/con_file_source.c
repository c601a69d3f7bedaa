/*
 * con_file_source -- files as partitions: read once, or followed.
 *
 * A followed file is known by its path. At its end it is compared with what the path names now: another file means that it
 * was rotated (the old one is read to its end first), a shorter one that it was truncated; positions count on in both cases.
 * Trouble with one file ends that partition or makes it wait, is said once and counted, and never stops the others.
 */
#include "base/base_map.h"
#include "connect/con_file.h"
#include "connect/con_inflate.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_READ = 128 * 1024, FILE_READ_MANY = 16 * 1024, FILE_MANY = 64 };

struct file_part {
    int fd; /* -1 = not open */
    dev_t dev;
    ino_t ino;
    uint64_t offset;             /* in this file */
    struct con_inflate *inflate; /* owned; NULL = plain */
    bool was_open;               /* at least once: what is missing now has vanished or was never there */
    bool said;                   /* that it is missing or in trouble */
};

struct file_source {
    struct con_source src;
    char *path; /* as given, made absolute to the base directory */
    bool follow, is_set;
    int64_t poll_every_us, next_scan_us;
    enum con_compression compression;
    bool detect;
    struct base_map known; /* paths */
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

/* Is this file open already, under another name? (A rotated one turns up in the listing.) */
static bool file_is_open(const struct file_source *fs, const char *path) {
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    for (size_t i = 0; i < fs->src.n_active; i++) {
        const struct file_part *fp = fs->src.parts[fs->src.active[i]]->own;
        if (fp && fp->fd >= 0 && fp->dev == st.st_dev && fp->ino == st.st_ino)
            return true;
    }
    return false;
}

static enum cep_rc file_add(struct file_source *fs, const char *path, struct cep_err *err) {
    if (!base_map_put(&fs->known, base_str_of(path), 1) || (fs->follow && file_is_open(fs, path)))
        return CEP_OK;
    struct file_part *fp = base_calloc(1, sizeof *fp);
    fp->fd = -1;
    if (!con_source_add(&fs->src, path, fp, err)) {
        base_free(fp);
        return CEP_EINVAL;
    }
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

/* Returns: CEP_OK; CEP_AGAIN = wait for it; CEP_NONE = give it up. */
static enum cep_rc file_open(struct file_source *fs, struct con_part *part, struct file_part *fp) {
    struct con_source *src = &fs->src;
    struct stat st;
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
    fs->n_open++;
    fp->fd = fd;
    fp->dev = st.st_dev;
    fp->ino = st.st_ino;
    fp->offset = 0;
    fp->said = false;
    file_detect(fs, fp, part->name);
    if (fp->was_open)
        con_reader_restart(&part->rd);
    fp->was_open = true;
    return CEP_OK;
}

/* A record without a newline at the end of a file that is followed by another one is a record all the same. */
static bool file_end_record(struct con_part *part) {
    if (part->rd.start == part->rd.end)
        return false;
    size_t room;
    *con_reader_room(&part->rd, 1, &room) = '\n';
    con_reader_added(&part->rd, 1);
    return true;
}

/* At the end of a followed file: has something happened to it? */
static enum cep_rc file_at_end(struct file_source *fs, struct con_part *part, struct file_part *fp) {
    struct con_source *src = &fs->src;
    struct stat st;
    bool there = stat(part->name, &st) == 0;
    if (there && st.st_dev == fp->dev && st.st_ino == fp->ino) {
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
        con_reader_restart(&part->rd);
        return CEP_OK;
    }
    if (!there) {
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
    con_log(&src->env, CON_LEVEL_INFO, "file \"%s\" was rotated: reading the new one", part->name);
    if (fs->is_set)
        (void)file_scan(
            fs, NULL); /* while the old file is open, so that its new name is not taken for a new file */
    file_close(fs, fp);
    return CEP_OK;
}

/* Bytes from the file. Returns as fill(); *got = 0 at the end. */
static enum cep_rc file_read(
    struct con_source *src, struct con_part *part, struct file_part *fp, size_t *got) {
    size_t room;
    char *to = con_reader_room(&part->rd, src->n_active > FILE_MANY ? FILE_READ_MANY : FILE_READ, &room);
    *got = 0;
    if (fp->inflate) {
        struct cep_err err = CEP_ERR_INIT;
        enum cep_rc rc = con_inflate_read(fp->inflate, fp->fd, to, room, got, &err);
        if (rc == CEP_OK || rc == CEP_NONE)
            return CEP_OK;
        src->stats.unreadable++;
        con_log(&src->env, CON_LEVEL_WARNING, "file \"%s\": %s: what came before was read", part->name,
            err.message);
        return CEP_NONE;
    }
    ssize_t n;
    do
        n = read(fp->fd, to, room);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        src->stats.unreadable++;
        con_log(&src->env, CON_LEVEL_WARNING, "could not read file \"%s\": %s: what came before was read",
            part->name, strerror(errno));
        return CEP_NONE;
    }
    *got = (size_t)n;
    return CEP_OK;
}

static enum cep_rc file_fill(struct con_source *src, struct con_part *part, struct cep_err *err) {
    (void)err;
    struct file_source *fs = file_of(src);
    struct file_part *fp = part->own;
    if (fp->fd < 0) {
        enum cep_rc rc = file_open(fs, part, fp);
        if (rc != CEP_OK)
            return rc;
    }
    size_t got;
    bool compressed = fp->inflate != NULL;
    enum cep_rc rc = file_read(src, part, fp, &got);
    if (rc != CEP_OK)
        return rc;
    if (got > 0) {
        fp->offset += got;
        con_reader_added(&part->rd, got);
        return CEP_OK;
    }
    if (!fs->follow || compressed) /* a compressed file among followed ones is whole when it turns up */
        return CEP_NONE;
    return file_at_end(fs, part, fp);
}

static enum cep_rc file_look(struct con_source *src, struct cep_err *err) {
    struct file_source *fs = file_of(src);
    if (!fs->follow || src->stopped)
        return CEP_NONE;
    if (!fs->is_set)
        return CEP_OK;
    int64_t now = con_now(&src->env);
    if (now < fs->next_scan_us)
        return CEP_OK;
    fs->next_scan_us = now + fs->poll_every_us;
    struct cep_err ignored;
    (void)err;
    (void)file_scan(fs, &ignored); /* a directory that is away may come back */
    return CEP_OK;
}

static int64_t file_next_poll(struct con_source *src) {
    return con_now(&src->env) + file_of(src)->poll_every_us;
}

static void file_part_done(struct con_source *src, struct con_part *part) {
    struct file_part *fp = part->own;
    if (fp)
        file_close(file_of(src), fp);
    base_free(fp);
}

static void file_source_close(struct con_source *src) {
    struct file_source *fs = file_of(src);
    base_map_release(&fs->known);
    base_free(fs->path);
    base_free(fs);
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
    struct cep_err scan_err = CEP_ERR_INIT;
    enum cep_rc rc = file_scan(fs, &scan_err);
    if (rc == CEP_EIO && fs->follow && fs->src.n_parts == 0 && !fs->is_set)
        rc = file_add(fs, fs->path, &scan_err); /* not there yet */
    if (rc == CEP_OK && fs->src.n_parts == 0 && !fs->follow) {
        struct stat st;
        if (stat(fs->path, &st) == 0)
            con_log(env, CON_LEVEL_WARNING, "directory \"%s\" has no files", fs->path);
        else
            rc = base_err_set(&scan_err, CEP_EIO, "no file matches \"%s\"", fs->path);
    }
    /* One file that cannot be read is a mistake to be told at once; one of many is left out later. */
    if (rc == CEP_OK && !fs->follow && !fs->is_set && access(fs->path, R_OK) != 0)
        rc = base_err_set(&scan_err, CEP_EIO, "could not open file \"%s\": %s", fs->path, strerror(errno));
    if (rc != CEP_OK) {
        if (err)
            *err = scan_err;
        con_source_close(&fs->src);
        return rc;
    }
    *out = &fs->src;
    return CEP_OK;
}

const struct con_source_vt con_file_source = { .open = file_source_open,
    .fill = file_fill,
    .look = file_look,
    .next_poll = file_next_poll,
    .part_done = file_part_done,
    .close = file_source_close };
