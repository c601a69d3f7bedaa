/*
 * con_file_sink -- rows into a file, or into part files of a folder.
 *
 * What a write could not place stays in the buffer and is tried again with the next write or flush; the caller is told each
 * time, and con_sink_busy() holds its sources back. A file only ever ends within a record when the process dies; the next
 * run puts a newline behind such a torn record before it appends.
 *
 *     path = 'alerts.ndjson'   appended to; rotation renames it to alerts.ndjson.1, .2, ... (the highest is the newest)
 *     path = 'alerts/'         alerts/.part-0-000001.ndjson.open while written, then alerts/part-0-000001.ndjson
 */
#include "connect/con_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BUFFER = 65536, FILE_BUSY = 8 << 20 };

struct file_sink {
    struct con_sink sink;
    struct con_encoder *enc; /* borrowed */
    char *path;              /* owned: the file, or the folder with its '/' */
    char *open_path;         /* owned: of the file being written; NULL = none is open */
    int fd;
    bool parts, sync, append, said;
    uint64_t bare;   /* size of a file without records: its header's */
    uint64_t size;   /* bytes in the file and the buffer */
    uint64_t number; /* of the next rotated or part file */
    int64_t opened_us;
    int64_t rotate_size, rotate_every_us;
    size_t buffer;
    struct base_buf out;
    size_t out_done;   /* of out: written */
    uint64_t out_rows; /* rows in out */
};

static struct file_sink *file_of(struct con_sink *sink) {
    return (struct file_sink *)sink;
}

/* The highest number after `prefix` in the names of the folder, before `suffix`. */
static uint64_t highest_number(const char *folder, const char *prefix, const char *suffix) {
    uint64_t max = 0;
    DIR *dir = opendir(folder);
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

static void file_find_number(struct file_sink *fs) {
    char suffix[64] = "";
    if (fs->parts) {
        snprintf(suffix, sizeof suffix, ".%s", fs->enc->vt->suffix);
        uint64_t done = highest_number(fs->path, "part-0-", suffix);
        snprintf(suffix, sizeof suffix, ".%s.open", fs->enc->vt->suffix);
        uint64_t open = highest_number(fs->path, ".part-0-", suffix);
        fs->number = (done > open ? done : open) + 1;
        return;
    }
    char *folder = base_strdup(fs->path), *slash = strrchr(folder, '/');
    char prefix[4096];
    snprintf(prefix, sizeof prefix, "%s.", slash ? slash + 1 : folder);
    if (slash)
        slash[slash == folder] = '\0';
    fs->number = highest_number(slash ? folder : ".", prefix, suffix) + 1;
    base_free(folder);
}

/* Part file `number`, finished or not. Returns: an owned string. */
static char *part_path(const struct file_sink *fs, bool open) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s%spart-0-%06llu.%s%s", fs->path, open ? "." : "", (unsigned long long)fs->number,
        fs->enc->vt->suffix, open ? ".open" : "");
    return b.p;
}

/* A newline behind a torn last record. */
static void file_mend(struct file_sink *fs, const struct stat *st) {
    char last;
    int fd = open(fs->open_path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && st->st_size > 0 && pread(fd, &last, 1, st->st_size - 1) == 1 && last != '\n') {
        base_buf_putc(&fs->out, '\n');
        fs->size++;
    }
    if (fd >= 0)
        close(fd);
}

static enum cep_rc file_begin(struct file_sink *fs, struct cep_err *err) {
    struct stat st;
    char *path = fs->parts ? part_path(fs, true) : base_strdup(fs->path);
    int fd = open(
        path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | (fs->append ? 0 : O_TRUNC), 0666);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int e = errno;
        base_err_set(err, CEP_EIO, "could not open file \"%s\": %s", path, strerror(e));
        if (e == ENOENT)
            base_err_hint(err, "the folder has to be there: cepd does not make folders");
        if (fd >= 0)
            close(fd);
        base_free(path);
        return CEP_EIO;
    }
    fs->append = true; /* the next one is another file */
    fs->fd = fd;
    fs->open_path = path;
    fs->size = (uint64_t)st.st_size;
    fs->opened_us = con_now(&fs->sink.env);
    if (st.st_size > 0)
        file_mend(fs, &st);
    if (st.st_size == 0 && fs->enc->vt->begin) {
        size_t before = fs->out.len;
        fs->enc->vt->begin(fs->enc, &fs->out);
        fs->size += fs->out.len - before;
    }
    fs->bare = st.st_size == 0 ? fs->size : 0;
    return CEP_OK;
}

/* Writes what is in the buffer. */
static enum cep_rc file_push(struct file_sink *fs, struct cep_err *err) {
    while (fs->out_done < fs->out.len) {
        ssize_t n = write(fs->fd, fs->out.p + fs->out_done, fs->out.len - fs->out_done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            base_err_set(err, CEP_EIO, "could not write file \"%s\": %s", fs->open_path,
                n < 0 ? strerror(errno) : "no space left");
            if (n < 0 && errno == ENOSPC)
                base_err_hint(
                    err, "%zu bytes wait in memory and are tried again", fs->out.len - fs->out_done);
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

/* Finishes the file: its name becomes that of a finished one. */
static enum cep_rc file_finish(struct file_sink *fs, bool rotate, struct cep_err *err) {
    enum cep_rc rc = file_push(fs, err);
    if (rc != CEP_OK)
        return rc;
    if (fs->parts && fs->size == fs->bare) { /* nothing came: no empty part files */
        unlink(fs->open_path);
    } else if (fs->parts || rotate) {
        struct base_buf b = BASE_BUF_INIT;
        char *to = fs->parts ? part_path(fs, false) : NULL;
        if (!to) {
            base_buf_printf(&b, "%s.%llu", fs->path, (unsigned long long)fs->number);
            to = b.p;
        }
        if (fs->sync)
            (void)fdatasync(
                fs->fd); /* an error shows when the data are read, at the latest; the rename is what counts */
        if (rename(fs->open_path, to) != 0) {
            base_err_set(err, CEP_EIO, "could not rename file \"%s\" to \"%s\": %s", fs->open_path, to,
                strerror(errno));
            base_free(to);
            return CEP_EIO;
        }
        base_free(to);
        fs->number++;
        fs->sink.stats.rotations++;
    }
    close(fs->fd);
    fs->fd = -1;
    base_free(fs->open_path);
    fs->open_path = NULL;
    return CEP_OK;
}

static bool file_is_due(const struct file_sink *fs, uint64_t more) {
    if (fs->size == fs->bare)
        return false;
    if (fs->rotate_size > 0 && fs->size + more > (uint64_t)fs->rotate_size)
        return true;
    return fs->rotate_every_us > 0 && con_now(&fs->sink.env) - fs->opened_us >= fs->rotate_every_us;
}

/* Makes sure that a file is open which may take a record of `len` bytes. */
static enum cep_rc file_ready(struct file_sink *fs, size_t len, struct cep_err *err) {
    if (fs->fd >= 0 && file_is_due(fs, len)) {
        enum cep_rc rc = file_finish(fs, true, err);
        if (rc != CEP_OK)
            return rc;
    }
    return fs->fd >= 0 ? CEP_OK : file_begin(fs, err);
}

static enum cep_rc file_write(struct con_sink *sink, const struct evt_batch *batch, struct cep_err *err) {
    struct file_sink *fs = file_of(sink);
    struct base_buf record = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    bool rotates = fs->rotate_size > 0 || fs->rotate_every_us > 0;
    for (uint32_t row = con_next_row(batch, 0); row < batch->n_rows; row = con_next_row(batch, row + 1)) {
        size_t before = fs->out.len;
        if (rotates && rc == CEP_OK) { /* after an error the rest goes behind what waits: nothing is lost */
            base_buf_clear(&record);
            fs->enc->vt->row(fs->enc, batch, row, &record);
            rc = file_ready(fs, record.len, err);
            before = fs->out.len;
            base_buf_str(&fs->out, base_buf_view(&record));
        } else {
            if (rc == CEP_OK && fs->fd < 0)
                rc = file_begin(fs, err);
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
        rc = file_push(fs, err);
    return rc;
}

static bool file_busy(const struct con_sink *sink) {
    const struct file_sink *fs = (const struct file_sink *)sink;
    return fs->out.len - fs->out_done > FILE_BUSY;
}

static enum cep_rc file_flush(struct con_sink *sink, bool final, struct cep_err *err) {
    struct file_sink *fs = file_of(sink);
    enum cep_rc rc = CEP_OK;
    if (fs->fd < 0 && fs->out.len == 0)
        return CEP_OK;
    if (fs->fd < 0)
        rc = file_begin(fs, err);
    if (rc == CEP_OK)
        rc = file_push(fs, err);
    if (rc == CEP_OK && fs->sync && fdatasync(fs->fd) != 0 && errno != EINVAL && errno != EROFS)
        rc = base_err_set(err, CEP_EIO, "could not sync file \"%s\": %s", fs->open_path, strerror(errno));
    if (rc != CEP_OK)
        return rc;
    if (final && fs->parts)
        return file_finish(fs, false, err);
    if (!final && fs->rotate_every_us > 0 && file_is_due(fs, 0))
        return file_finish(fs, true, err);
    return CEP_OK;
}

static void file_sink_close(struct con_sink *sink) {
    struct file_sink *fs = file_of(sink);
    if (fs->fd >= 0)
        close(fs->fd);
    base_buf_release(&fs->out);
    base_free(fs->open_path);
    base_free(fs->path);
}

static enum cep_rc file_sink_open(const struct plan_sink *ps, const struct con_env *env,
    struct con_encoder *enc, struct con_sink **out, struct cep_err *err) {
    const struct plan_opt *opts = ps->opts;
    uint32_t n = ps->n_opts;
    struct file_sink *fs = base_calloc(1, sizeof *fs);
    fs->sink.env = *env;
    fs->enc = enc;
    fs->fd = -1;
    fs->path = con_path(env, plan_opt_str(opts, n, "path", ""));
    fs->parts = fs->path[0] && fs->path[strlen(fs->path) - 1] == '/';
    fs->sync = plan_opt_bool(opts, n, "sync", false);
    fs->append = plan_opt_bool(opts, n, "append", true);
    fs->rotate_size = plan_opt_int(opts, n, "rotate_size", 0);
    fs->rotate_every_us = plan_opt_int(opts, n, "rotate_every", 0);
    fs->buffer = (size_t)plan_opt_int(opts, n, "buffer", FILE_BUFFER);
    struct stat st;
    enum cep_rc rc = CEP_OK;
    if (fs->parts && (stat(fs->path, &st) != 0 || !S_ISDIR(st.st_mode))) {
        rc = base_err_set(err, CEP_EIO, "could not open folder \"%s\": %s", fs->path,
            errno == 0 ? "not a folder" : strerror(errno));
        base_err_hint(err, "the folder has to be there: cepd does not make folders");
    }
    if (rc == CEP_OK)
        file_find_number(fs);
    if (rc == CEP_OK)
        rc = file_begin(fs, err);
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
    .close = file_sink_close };
