/*
 * con_file_sink -- rows into a file, or into part files of a folder.
 *
 * What a write could not place stays in the buffer and is tried again with the next write or flush; the caller is told each
 * time, and con_sink_busy() holds its sources back. A file only ever ends within a record when the process dies; the next
 * run cuts it back to what was committed or, without checkpoints, puts a newline behind such a torn record before it appends.
 *
 *     path = 'alerts.ndjson'   appended to; rotation renames it to alerts.ndjson.1, .2, ... (the highest is the newest)
 *     path = 'alerts/'         alerts/.part-0-000001.ndjson.open while written, then alerts/part-0-000001.ndjson; the first
 *                              number is the subtask's
 */
#include "connect/con_file_sink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { FILE_BUFFER = 65536, FILE_BUSY = 8 << 20 };

/* The highest number after `prefix` in the names of the folder, before `suffix`. */
static uint64_t highest_number(const char *folder, const char *prefix, const char *suffix) {
    uint64_t max = 0;
    DIR *dir = con_opendir(folder);
    struct dirent *e;
    size_t n = strlen(prefix);
    while (dir && (e = readdir(dir))) {
        const char *name = e->d_name;
        if (strncmp(name, prefix, n) != 0 || name[n] < '0' || name[n] > '9')
            continue;
        char *end;
        unsigned long long v = strtoull(name + n, &end, 10);
        if (strcmp(end, suffix) == 0 && v > max && v < UINT64_MAX)
            max = v;
    }
    if (dir)
        closedir(dir);
    return max;
}

static void file_find_number(struct con_file_sink *fs) {
    char prefix[4096], suffix[64] = "";
    uint64_t number;
    if (fs->parts) {
        snprintf(prefix, sizeof prefix, ".part-%u-", (unsigned)fs->subtask);
        snprintf(suffix, sizeof suffix, ".%s", fs->enc->vt->suffix);
        uint64_t done = highest_number(fs->path, prefix + 1, suffix);
        snprintf(suffix, sizeof suffix, ".%s.open", fs->enc->vt->suffix);
        uint64_t open = highest_number(fs->path, prefix, suffix);
        number = (done > open ? done : open) + 1;
    } else {
        char *folder = base_strdup(fs->path), *slash = strrchr(folder, '/');
        snprintf(prefix, sizeof prefix, "%s.", slash ? slash + 1 : folder);
        if (slash)
            slash[slash == folder] = '\0';
        number = highest_number(slash ? folder : ".", prefix, suffix) + 1;
        base_free(folder);
    }
    fs->number = fs->number > number ? fs->number : number;
}

char *con_file_part_path(const struct con_file_sink *fs, uint32_t subtask, uint64_t number, bool is_open) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s%spart-%u-%06llu.%s%s", fs->path, is_open ? "." : "", (unsigned)subtask,
        (unsigned long long)number, fs->enc->vt->suffix, is_open ? ".open" : "");
    return b.p;
}

char *con_file_rotated_path(const struct con_file_sink *fs, uint64_t number) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s.%llu", fs->path, (unsigned long long)number);
    return b.p;
}

enum cep_rc con_file_rename(const char *from, const char *to, struct cep_err *err) {
    int rc = renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (rc != 0 && (errno == EINVAL || errno == ENOSYS)) { /* not every file system can */
        rc = access(to, F_OK) == 0 ? (errno = EEXIST, -1) : rename(from, to);
    }
    if (rc == 0)
        return CEP_OK;
    return con_io_err(err, errno, "could not rename file \"%s\" to \"%s\"", from, to);
}

enum cep_rc con_file_sync(struct con_file_sink *fs, struct cep_err *err) {
    if (fs->broken) {
        base_err_set(err, CEP_EIO, "could not sync file \"%s\": it failed before", fs->open_path);
    } else if (fdatasync(fs->fd) == 0 || errno == EINVAL ||
               errno == EROFS) { /* pipes and devices have nothing to sync */
        return CEP_OK;
    } else {
        fs->broken =
            fs->exactly_once; /* the kernel may have dropped the bytes: a second try would seem to work */
        con_io_err(err, errno, "could not sync file \"%s\"", fs->open_path);
    }
    if (fs->exactly_once && err)
        err->retriable = false;
    if (fs->exactly_once)
        base_err_hint(err, "what was written may not be on disk: go back to the last checkpoint");
    return CEP_EIO;
}

/* A newline behind a torn last record. */
static void file_mend(struct con_file_sink *fs) {
    char last;
    int fd = open(fs->open_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && pread(fd, &last, 1, (off_t)fs->size - 1) == 1 && last != '\n') {
        base_buf_putc(&fs->out, '\n');
        fs->size++;
    }
    if (fd >= 0)
        close(fd);
}

void con_file_take(struct con_file_sink *fs, int fd, char *path, uint64_t size, uint64_t bare) {
    fs->append = true; /* the next one is another file */
    fs->fd = fd;
    fs->open_path = path;
    fs->size = size;
    fs->bare = bare;
    fs->n_head = 0;
    fs->opened_us = con_mono(&fs->sink.env);
}

/* Rows that an error left in the buffer, with no file open, go behind the header. */
static void file_header(struct con_file_sink *fs) {
    struct base_buf head = BASE_BUF_INIT;
    if (fs->enc->vt->begin)
        fs->enc->vt->begin(fs->enc, &head);
    fs->bare = head.len;
    fs->size = head.len + fs->out.len;
    base_buf_str(&head, base_buf_view(&fs->out));
    base_buf_release(&fs->out);
    fs->out = head;
}

enum cep_rc con_file_begin(struct con_file_sink *fs, struct cep_err *err) {
    struct stat st;
    char *path = fs->parts ? con_file_part_path(fs, fs->subtask, fs->number, true) : base_strdup(fs->path);
    int fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | (fs->append ? 0 : O_TRUNC), 0666);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int e = errno;
        con_io_err(err, e, "could not open file \"%s\"", path);
        if (e == ENOENT)
            base_err_hint(err, "the folder has to be there: cepd does not make folders");
        if (fd >= 0)
            close(fd);
        base_free(path);
        return CEP_EIO;
    }
    con_file_take(fs, fd, path, (uint64_t)st.st_size, 0);
    fs->folder_dirty = true;
    enum cep_rc rc = con_file_lock(fs, err);
    if (rc != CEP_OK) {
        close(fs->fd);
        fs->fd = -1;
        base_free(fs->open_path);
        fs->open_path = NULL;
        return rc;
    }
    size_t waiting = fs->out.len;
    if (st.st_size > 0)
        file_mend(fs);
    else
        file_header(fs);
    fs->size += st.st_size > 0 ? waiting : 0;
    return CEP_OK;
}

enum cep_rc con_file_push(struct con_file_sink *fs, struct cep_err *err) {
    while (fs->out_done < fs->out.len) {
        ssize_t n = write(fs->fd, fs->out.p + fs->out_done, fs->out.len - fs->out_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int e = n < 0 ? errno : ENOSPC;
            con_io_err(err, e, "could not write file \"%s\"", fs->open_path);
            if (e == ENOSPC || e == EDQUOT)
                base_err_hint(err, "make room there: %zu bytes of results were not written",
                    fs->out.len - fs->out_done);
            return CEP_EIO;
        }
        fs->out_done += (size_t)n;
        fs->sink.stats.bytes += (uint64_t)n;
    }
    base_buf_clear(&fs->out);
    fs->out_done = 0;
    fs->out_rows = 0;
    fs->sink.stats.pending = 0;
    return CEP_OK;
}

static void file_shut(struct con_file_sink *fs) {
    if (fs->fd >= 0)
        close(fs->fd);
    fs->fd = -1;
    base_free(fs->open_path);
    fs->open_path = NULL;
}

enum cep_rc con_file_finish(struct con_file_sink *fs, bool rotate, struct cep_err *err) {
    enum cep_rc rc = con_file_push(fs, err);
    bool empty = fs->size == fs->bare;
    bool named = !empty && (fs->parts || rotate);
    if (rc == CEP_OK && named && (fs->sync || fs->exactly_once))
        rc = con_file_sync(fs, err);
    if (rc != CEP_OK)
        return rc;
    if (fs->exactly_once && (fs->parts || named) && !con_file_is_there(fs)) {
        base_err_set(
            err, CEP_ESTATE, "file \"%s\" is not the one that is being written any more", fs->open_path);
        base_err_hint(err, "somebody removed or replaced it");
        return CEP_ESTATE;
    }
    if (fs->parts && empty) { /* nothing came: no empty part files */
        if (unlink(fs->open_path) != 0 && errno != ENOENT)
            return con_io_err(err, errno, "could not remove file \"%s\"", fs->open_path);
    } else if (fs->parts && fs->exactly_once) {
        fs->pending = base_grow(fs->pending, fs->n_pending, &fs->cap_pending, sizeof *fs->pending);
        fs->pending[fs->n_pending++] = (struct con_file_part){ fs->number++, fs->size };
        fs->sink.stats.rotations++;
    } else if (named) {
        char *to = fs->parts ? con_file_part_path(fs, fs->subtask, fs->number, false)
                             : con_file_rotated_path(fs, fs->number);
        rc = con_file_rename(fs->open_path, to, err);
        base_free(to);
        if (rc != CEP_OK)
            return rc;
        fs->number++;
        fs->sink.stats.rotations++;
        fs->folder_dirty = true;
    }
    file_shut(fs);
    return CEP_OK;
}

static bool file_is_due(const struct con_file_sink *fs, uint64_t more) {
    if (fs->size == fs->bare)
        return false;
    if (fs->rotate_size > 0 && fs->size + more > (uint64_t)fs->rotate_size)
        return true;
    return fs->rotate_every_us > 0 && con_mono(&fs->sink.env) - fs->opened_us >= fs->rotate_every_us;
}

/* Makes sure that a file is open which may take a record of `len` bytes. */
static enum cep_rc file_ready(struct con_file_sink *fs, size_t len, struct cep_err *err) {
    if (fs->fd >= 0 && file_is_due(fs, len)) {
        enum cep_rc rc = con_file_finish(fs, true, err);
        if (rc != CEP_OK)
            return rc;
    }
    return fs->fd >= 0 ? CEP_OK : con_file_begin(fs, err);
}

static enum cep_rc file_write(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err) {
    struct con_file_sink *fs = con_file_sink_of(sink);
    struct base_buf record = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    for (uint32_t row = con_next_row(batch, 0); row < batch->n_rows; row = con_next_row(batch, row + 1)) {
        size_t before = fs->out.len;
        if (fs->rotates &&
            rc == CEP_OK) { /* after an error the rest goes behind what waits: nothing is lost */
            base_buf_clear(&record);
            fs->enc->vt->row(fs->enc, batch, row, &record);
            rc = file_ready(fs, record.len, err);
            before = fs->out.len;
            base_buf_str(&fs->out, base_buf_view(&record));
        } else {
            if (rc == CEP_OK && fs->fd < 0)
                rc = con_file_begin(fs, err);
            before = fs->out.len;
            fs->enc->vt->row(fs->enc, batch, row, &fs->out);
        }
        fs->size += fs->out.len - before;
        fs->out_rows++;
        sink->stats.rows++;
    }
    sink->stats.pending = fs->out_rows;
    base_buf_release(&record);
    if (rc == CEP_OK && fs->fd >= 0 && fs->out.len >= fs->buffer)
        rc = con_file_push(fs, err);
    return rc;
}

static bool file_busy(const struct con_sink *sink) {
    const struct con_file_sink *fs = (const struct con_file_sink *)sink;
    return fs->out.len - fs->out_done > FILE_BUSY;
}

static enum cep_rc file_flush(struct con_sink *sink, bool final, struct cep_err *err) {
    struct con_file_sink *fs = con_file_sink_of(sink);
    enum cep_rc rc = CEP_OK;
    if (fs->fd < 0 && fs->out.len == 0)
        return CEP_OK;
    if (fs->fd < 0)
        rc = con_file_begin(fs, err);
    if (rc == CEP_OK)
        rc = con_file_push(fs, err);
    if (rc == CEP_OK && fs->sync)
        rc = con_file_sync(fs, err);
    if (rc != CEP_OK)
        return rc;
    if (final && fs->parts)
        return con_file_finish(fs, false, err);
    if (!final && fs->rotate_every_us > 0 && file_is_due(fs, 0))
        return con_file_finish(fs, true, err);
    return CEP_OK;
}

static void file_sink_close(struct con_sink *sink) {
    struct con_file_sink *fs = con_file_sink_of(sink);
    file_shut(fs);
    base_buf_release(&fs->out);
    base_free(fs->pending);
    base_free(fs->path);
}

static bool file_parallel(const struct plan_sink *ps) {
    struct base_str path = plan_opt_str(ps->opts, ps->n_opts, "path", "");
    return path.len > 0 && path.p[path.len - 1] == '/';
}

/* Pipes and devices cannot be cut back. */
static enum cep_rc file_can_commit(
    struct con_file_sink *fs, const struct plan_sink *ps, struct cep_err *err) {
    struct stat st;
    if (!fs->exactly_once || fs->parts || stat(fs->path, &st) != 0 || S_ISREG(st.st_mode))
        return CEP_OK;
    if (ps->delivery == PLAN_EXACTLY_ONCE)
        return base_err_set(err, CEP_ESTATE,
            "cannot deliver exactly once to \"%s\": it is no regular file, which could be cut back",
            fs->path);
    con_log(&fs->sink.env, CON_LEVEL_WARNING,
        "sink \"%.*s\": delivery at least once: \"%s\" is no regular file, which could be cut back",
        BASE_STR_FMT(ps->name), fs->path);
    fs->exactly_once = false;
    return CEP_OK;
}

static enum cep_rc file_sink_open(const struct plan_sink *ps, const struct con_env *env,
    const struct con_sink_how *how, struct con_encoder *enc, struct con_sink **out, struct cep_err *err) {
    const struct plan_opt *opts = ps->opts;
    uint32_t n = ps->n_opts;
    struct con_file_sink *fs = base_calloc(1, sizeof *fs);
    fs->sink.env = *env;
    fs->sink.sink = ps;
    fs->enc = enc;
    fs->fd = -1;
    fs->path = con_path(env, plan_opt_str(opts, n, "path", ""));
    fs->parts = file_parallel(ps);
    fs->subtask = how->subtask;
    fs->exactly_once = how->exactly_once;
    fs->sync = plan_opt_bool(opts, n, "sync", false);
    fs->append = plan_opt_bool(opts, n, "append", true);
    fs->rotate_size = plan_opt_int(opts, n, "rotate_size", 0);
    fs->rotate_every_us = plan_opt_int(opts, n, "rotate_every", 0);
    fs->rotates = fs->rotate_size > 0 || fs->rotate_every_us > 0;
    fs->buffer = (size_t)plan_opt_int(opts, n, "buffer", FILE_BUFFER);
    CEP_REQUIRE(fs->parts || how->n_subtasks <= 1);
    struct stat st;
    enum cep_rc rc = CEP_OK;
    if (fs->parts && (stat(fs->path, &st) != 0 || !S_ISDIR(st.st_mode))) {
        rc = base_err_set(err, CEP_EIO, "could not open folder \"%s\": %s", fs->path,
            errno == 0 ? "not a folder" : strerror(errno));
        base_err_hint(err, "the folder has to be there: cepd does not make folders");
    }
    if (rc == CEP_OK)
        rc = file_can_commit(fs, ps, err);
    if (rc == CEP_OK && how->n_states > 0)
        rc = con_file_restore(fs, how, err);
    if (rc == CEP_OK && fs->fd < 0)
        file_find_number(fs);
    if (rc == CEP_OK && fs->fd < 0)
        rc = con_file_begin(fs, err);
    if (rc != CEP_OK) {
        file_sink_close(&fs->sink);
        base_free(fs);
        return rc;
    }
    *out = &fs->sink;
    return CEP_OK;
}

const struct con_sink_vt con_file_sink = { .open = file_sink_open,
    .write = file_write,
    .busy = file_busy,
    .flush = file_flush,
    .prepare = con_file_prepare,
    .commit = con_file_commit,
    .tell = con_file_tell,
    .parallel = file_parallel,
    .close = file_sink_close };
