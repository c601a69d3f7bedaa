/*
 * con_file_commit -- exactly once into files: what a checkpoint keeps of the file sink, and files made again what they were.
 *
 * One file: a checkpoint holds its length. A restore cuts it back to that; when it was rotated after the checkpoint, the
 * rotated files behind that point are removed (their rows come again), and it gets its name back.
 *
 * Part files: a checkpoint lists the whole ones that await their commit, and the length of the one being written when that
 * goes on over checkpoints. A restore commits the first and cuts back the second; hidden files of later numbers are of
 * transactions that never ended, and are removed. Every subtask gets the states of all: subtask s takes care of those of
 * subtasks s, s + n, s + 2n, ..., so another parallelism will do.
 *
 * State: varint kind; str path; one file: varint length, varint next number, varint n_head, u64 hash of that many first bytes;
 * part files: varint subtask, varint next number, varint n {varint number, varint length}, then 0, or 1 and one more of
 * these for the file being written.
 */
#include "connect/con_file_sink.h"

#include "base/base_map.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { STATE_ONE = 0, STATE_PARTS, STATE_MAX };

/* Syncs the names in the folder that the files are in. */
static enum cep_rc sync_folder(struct con_file_sink *fs, struct cep_err *err) {
    if (!fs->folder_dirty)
        return CEP_OK;
    char *folder = base_strdup(fs->path), *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    const char *name = slash ? folder : ".";
    enum cep_rc rc = CEP_OK;
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        rc = con_io_err(err, errno, "could not sync folder \"%s\"", name);
    if (fd >= 0)
        close(fd);
    base_free(folder);
    fs->folder_dirty = rc != CEP_OK;
    return rc;
}

/* As written, so that the .pattern file may move with its files. */
static struct base_str path_option(const struct con_file_sink *fs) {
    return plan_opt_str(fs->sink.sink->opts, fs->sink.sink->n_opts, "path", "");
}

/* -- prepare --------------------------------------------------------------------------------------------------------- */

static bool hash_head(int fd, uint64_t n, uint64_t *hash) {
    char head[CON_FILE_HEAD];
    ssize_t got = pread(fd, head, (size_t)n, 0);
    if (got < 0 || (uint64_t)got != n)
        return false;
    *hash = base_hash(head, (size_t)n);
    return true;
}

/* The file's first bytes; a file that may be written but not read goes without. */
static void know_head(struct con_file_sink *fs) {
    uint64_t n = fs->size < CON_FILE_HEAD ? fs->size : CON_FILE_HEAD;
    if (n == fs->n_head)
        return;
    int fd = open(fs->open_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    fs->n_head = fd >= 0 && hash_head(fd, n, &fs->head) ? n : 0;
    if (fd >= 0)
        close(fd);
}

static void pack_part(struct base_buf *out, struct con_file_part part) {
    base_pack_varint(out, part.number);
    base_pack_varint(out, part.length);
}

static void pack_state(struct con_file_sink *fs, struct base_buf *out) {
    base_pack_varint(out, fs->parts ? STATE_PARTS : STATE_ONE);
    base_pack_str(out, path_option(fs));
    if (!fs->parts) {
        know_head(fs);
        base_pack_varint(out, fs->size);
        base_pack_varint(out, fs->number);
        base_pack_varint(out, fs->n_head);
        base_pack_u64(out, fs->head);
        return;
    }
    bool goes_on = fs->fd >= 0 && fs->size > fs->bare;
    base_pack_varint(out, fs->subtask);
    base_pack_varint(out, fs->number + goes_on);
    base_pack_varint(out, fs->n_pending);
    for (size_t i = 0; i < fs->n_pending; i++)
        pack_part(out, fs->pending[i]);
    base_pack_varint(out, goes_on);
    if (goes_on)
        pack_part(out, (struct con_file_part){ fs->number, fs->size });
}

enum cep_rc con_file_prepare(
    struct con_sink *sink, uint64_t checkpoint, struct base_buf *out, struct cep_err *err) {
    struct con_file_sink *fs = con_file_sink_of(sink);
    enum cep_rc rc = CEP_OK;
    (void)checkpoint;
    if (fs->fd < 0 && (fs->out.len > 0 || !fs->parts))
        rc = con_file_begin(fs, err);
    if (rc == CEP_OK && fs->fd >= 0)
        rc = con_file_push(fs, err);
    if (!fs->exactly_once)
        return rc;
    if (rc == CEP_OK && fs->fd >= 0)
        rc = fs->parts && !fs->rotates ? con_file_finish(fs, false, err) : con_file_sync(fs, err);
    if (rc == CEP_OK)
        rc = sync_folder(fs, err);
    if (rc == CEP_OK)
        pack_state(fs, out);
    return rc;
}

/* -- states read back -------------------------------------------------------------------------------------------------- */

struct state {
    uint64_t kind;
    struct base_str path;
    uint64_t length, number, n_head, head; /* one file */
    uint32_t subtask;
    size_t n_parts;
    struct con_file_part *parts; /* owned; to be committed */
    bool goes_on;
    struct con_file_part open; /* goes_on */
};

static struct con_file_part unpack_part(struct base_unpack *u) {
    struct con_file_part part;
    part.number = base_unpack_varint(u);
    part.length = base_unpack_varint(u);
    return part;
}

static enum cep_rc state_read(struct state *st, struct base_str bytes, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(bytes);
    *st = (struct state){ .kind = base_unpack_max(&u, STATE_MAX - 1) };
    st->path = base_unpack_str(&u);
    if (st->kind == STATE_ONE) {
        st->length = base_unpack_varint(&u);
        st->number = base_unpack_varint(&u);
        st->n_head = base_unpack_max(&u, CON_FILE_HEAD);
        st->head = base_unpack_u64(&u);
    } else {
        st->subtask = (uint32_t)base_unpack_max(&u, UINT32_MAX);
        st->number = base_unpack_varint(&u);
        size_t n = base_unpack_count(&u, 2);
        st->parts = base_calloc(n + 1, sizeof *st->parts);
        for (; st->n_parts < n; st->n_parts++)
            st->parts[st->n_parts] = unpack_part(&u);
        st->goes_on = base_unpack_max(&u, 1);
        if (st->goes_on)
            st->open = unpack_part(&u);
    }
    if (base_unpack_ok(&u))
        return CEP_OK;
    base_free(st->parts);
    st->parts = NULL;
    return base_err_set(err, CEP_EDAMAGED, "what was kept of the file sink is damaged");
}

bool con_file_tell(struct base_str bytes, struct base_buf *words) {
    struct state st;
    if (state_read(&st, bytes, NULL) != CEP_OK)
        return false;
    base_buf_printf(words, " \"%.*s\": ", BASE_STR_FMT(st.path));
    if (st.kind == STATE_ONE) {
        base_buf_printf(words, "%llu byte%s", (unsigned long long)st.length, st.length == 1 ? "" : "s");
    } else {
        base_buf_printf(words, "%zu part file%s to commit", st.n_parts, st.n_parts == 1 ? "" : "s");
        if (st.goes_on)
            base_buf_printf(words, ", %llu bytes of the next one", (unsigned long long)st.open.length);
    }
    base_free(st.parts);
    return true;
}

/* Is the state of the files that we write? */
static bool state_is_ours(const struct con_file_sink *fs, const struct state *st) {
    return st->kind == (fs->parts ? STATE_PARTS : STATE_ONE) && base_str_eq(st->path, path_option(fs));
}

/* -- commit ---------------------------------------------------------------------------------------------------------- */

static enum cep_rc too_short(const char *path, long long have, uint64_t want, struct cep_err *err) {
    base_err_set(err, CEP_ESTATE, "file \"%s\" has %lld bytes, fewer than the %llu that were committed", path,
        have, (unsigned long long)want);
    base_err_hint(err, "somebody cut or replaced it: put it back, or start without the saved state");
    return CEP_ESTATE;
}

/* A whole part file gets its name. Done already is fine. */
static enum cep_rc commit_part(
    struct con_file_sink *fs, uint32_t subtask, struct con_file_part part, struct cep_err *err) {
    char *from = con_file_part_path(fs, subtask, part.number, true);
    char *to = con_file_part_path(fs, subtask, part.number, false);
    struct stat st;
    enum cep_rc rc = CEP_OK;
    if (stat(from, &st) == 0) {
        if ((uint64_t)st.st_size < part.length)
            rc = too_short(from, (long long)st.st_size, part.length, err);
        else if ((uint64_t)st.st_size > part.length && truncate(from, (off_t)part.length) != 0)
            rc = con_io_err(err, errno, "could not cut file \"%s\"", from);
        if (rc == CEP_OK && (rc = con_file_rename(from, to, err)) == CEP_OK)
            fs->folder_dirty = true;
    } else if (errno != ENOENT || access(to, F_OK) != 0) {
        int e = errno;
        /* A reader that takes files away must wait for the commit; the hidden name is nobody's but ours. */
        con_io_err(err, e, "could not commit file \"%s\"", to);
        if (e == ENOENT && err) {
            err->retriable = false;
            base_err_hint(err, "neither it nor its hidden name is there: it was removed");
        }
        rc = CEP_EIO;
    }
    base_free(from);
    base_free(to);
    return rc;
}

enum cep_rc con_file_commit(struct con_sink *sink, struct base_str bytes, struct cep_err *err) {
    struct con_file_sink *fs = con_file_sink_of(sink);
    struct state st;
    if (!fs->exactly_once || bytes.len == 0)
        return CEP_OK;
    enum cep_rc rc = state_read(&st, bytes, err);
    if (rc != CEP_OK)
        return rc;
    for (size_t i = 0; rc == CEP_OK && state_is_ours(fs, &st) && i < st.n_parts; i++) {
        size_t at = 0;
        while (at < fs->n_pending && fs->pending[at].number != st.parts[i].number)
            at++;
        if (at == fs->n_pending || st.subtask != fs->subtask)
            continue; /* by an earlier commit */
        rc = commit_part(fs, st.subtask, st.parts[i], err);
        if (rc == CEP_OK) {
            memmove(&fs->pending[at], &fs->pending[at + 1], (fs->n_pending - at - 1) * sizeof *fs->pending);
            fs->n_pending--;
        }
    }
    if (rc == CEP_OK)
        rc = sync_folder(fs, err);
    base_free(st.parts);
    return rc;
}

/* -- restore ----------------------------------------------------------------------------------------------------------- */

static enum cep_rc cut(int fd, const char *path, uint64_t length, long long *gone, struct cep_err *err) {
    struct stat st;
    if (fstat(fd, &st) != 0)
        return con_io_err(err, errno, "could not look at file \"%s\"", path);
    if ((uint64_t)st.st_size < length)
        return too_short(path, (long long)st.st_size, length, err);
    *gone += (long long)st.st_size - (long long)length;
    if ((uint64_t)st.st_size > length && (ftruncate(fd, (off_t)length) != 0 || fsync(fd) != 0))
        return con_io_err(
            err, errno, "could not cut file \"%s\" back to %llu bytes", path, (unsigned long long)length);
    return CEP_OK;
}

/* Takes back rotations after the checkpoint. The oldest of them goes last: it tells that there is something to do. */
static enum cep_rc unrotate(struct con_file_sink *fs, uint64_t number, long long *gone, struct cep_err *err) {
    char *first = con_file_rotated_path(fs, number);
    enum cep_rc rc = CEP_OK;
    struct stat st;
    if (access(first, F_OK) == 0) {
        uint64_t last = number;
        for (bool more = true; more; last += more) {
            char *path = con_file_rotated_path(fs, last + 1);
            more = access(path, F_OK) == 0;
            base_free(path);
        }
        for (; rc == CEP_OK && last > number; last--) {
            char *path = con_file_rotated_path(fs, last);
            *gone += stat(path, &st) == 0 ? (long long)st.st_size : 0;
            if (unlink(path) != 0)
                rc = con_io_err(err, errno, "could not remove file \"%s\"", path);
            base_free(path);
        }
        *gone += stat(fs->path, &st) == 0 ? (long long)st.st_size : 0;
        if (rc == CEP_OK && rename(first, fs->path) != 0)
            rc = con_io_err(err, errno, "could not rename file \"%s\" to \"%s\"", first, fs->path);
        fs->folder_dirty = true;
    }
    base_free(first);
    return rc;
}

static enum cep_rc restore_one(struct con_file_sink *fs, const struct state *st, struct cep_err *err) {
    long long gone = 0;
    enum cep_rc rc = unrotate(fs, st->number, &gone, err);
    if (rc != CEP_OK)
        return rc;
    int fd = open(
        fs->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | (st->length == 0 ? O_CREAT : 0), 0666);
    if (fd < 0) {
        int e = errno;
        con_io_err(err, e, "could not open file \"%s\", of which %llu bytes were committed", fs->path,
            (unsigned long long)st->length);
        if (e == ENOENT && err) {
            err->retriable = false;
            base_err_hint(err, "put it back, or start without the saved state");
        }
        return CEP_EIO;
    }
    fs->number = st->number;
    con_file_take(fs, fd, base_strdup(fs->path), st->length, 0);
    rc = con_file_lock(fs, err);
    if (rc == CEP_OK && st->n_head > 0) {
        struct stat s;
        uint64_t hash = st->head;
        int rd = open(fs->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (rd >= 0 && fstat(rd, &s) == 0 && (uint64_t)s.st_size >= st->length)
            (void)hash_head(rd, st->n_head, &hash);
        if (rd >= 0)
            close(rd);
        if (hash != st->head) {
            rc = base_err_set(err, CEP_ESTATE,
                "file \"%s\" is not the one that was written: its first %llu bytes are others", fs->path,
                (unsigned long long)st->n_head);
            base_err_hint(
                err, "put it back, or start without the saved state; rotate_size and rotate_every rotate it");
        }
    }
    if (rc == CEP_OK)
        rc = cut(fs->fd, fs->path, st->length, &gone, err);
    if (rc == CEP_OK)
        rc = sync_folder(fs, err);
    if (rc == CEP_OK && st->length == 0) { /* its header comes again */
        close(fs->fd);
        fs->fd = -1;
        base_free(fs->open_path);
        fs->open_path = NULL;
    }
    if (rc == CEP_OK && gone > 0)
        con_log(&fs->sink.env, CON_LEVEL_INFO, "file \"%s\" was cut back to the last checkpoint: %lld bytes",
            fs->path, gone);
    return rc;
}

/* The file being written at the checkpoint, cut back: ours goes on, that of a subtask that is no more is whole now. */
static enum cep_rc restore_open(struct con_file_sink *fs, const struct state *st, struct cep_err *err) {
    long long gone = 0;
    char *path = con_file_part_path(fs, st->subtask, st->open.number, true);
    char *done = con_file_part_path(fs, st->subtask, st->open.number, false);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    enum cep_rc rc = CEP_OK;
    if (fd < 0 && errno == ENOENT && access(done, F_OK) == 0) { /* by a later checkpoint */
        con_log(&fs->sink.env, CON_LEVEL_WARNING,
            "file \"%s\" was committed after the checkpoint that is restored: rows of it come again", done);
        goto out;
    }
    if (rc == CEP_OK && fd < 0)
        rc = con_io_err(err, errno, "could not open file \"%s\", of which %llu bytes were committed", path,
            (unsigned long long)st->open.length);
    if (rc == CEP_OK)
        rc = cut(fd, path, st->open.length, &gone, err);
    if (rc == CEP_OK && st->subtask == fs->subtask && fs->rotates && fs->fd < 0) {
        fs->number = st->open.number;
        con_file_take(fs, fd, path, st->open.length, 0);
        path = NULL;
        fd = -1;
        rc = con_file_lock(fs, err);
    } else if (rc == CEP_OK) {
        rc = commit_part(fs, st->subtask, st->open, err);
    }
out:
    if (fd >= 0)
        close(fd);
    base_free(path);
    base_free(done);
    return rc;
}

static enum cep_rc restore_parts(struct con_file_sink *fs, const struct state *st, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; rc == CEP_OK && i < st->n_parts; i++)
        rc = commit_part(fs, st->subtask, st->parts[i], err);
    if (rc == CEP_OK && st->goes_on)
        rc = restore_open(fs, st, err);
    return rc;
}

/*
 * Part files that the checkpoint does not know: hidden ones go, others are told of. `next`: by subtask the first number that it
 * does not know; no entry: none.
 */
static enum cep_rc discard_unknown(struct con_file_sink *fs, const struct con_sink_how *how,
    const struct base_map *next, struct cep_err *err) {
    uint32_t n_subtasks = how->n_subtasks ? how->n_subtasks : 1;
    DIR *dir = con_opendir(fs->path);
    struct dirent *e;
    int n_gone = 0, n_kept = 0;
    enum cep_rc rc = dir ? CEP_OK : con_io_err(err, errno, "could not list folder \"%s\"", fs->path);
    while (rc == CEP_OK && (e = readdir(dir))) {
        bool hidden = e->d_name[0] == '.';
        unsigned subtask;
        unsigned long long number;
        uint64_t known = 0;
        if (sscanf(e->d_name + hidden, "part-%u-%llu.", &subtask, &number) != 2 ||
            subtask % n_subtasks != how->subtask)
            continue;
        uint32_t key = subtask;
        bool has = base_map_get(next, (struct base_str){ (const char *)&key, sizeof key }, &known);
        char *path = con_file_part_path(fs, subtask, number, hidden);
        if (number < known || strcmp(path + strlen(fs->path), e->d_name) != 0) {
            /* it knows it, or the name is nobody's */
        } else if (!hidden) {
            n_kept += has;
        } else if (unlink(path) == 0) {
            n_gone++;
        } else if (errno != ENOENT) {
            rc = con_io_err(err, errno, "could not remove file \"%s\"", path);
        }
        base_free(path);
    }
    if (dir)
        closedir(dir);
    fs->folder_dirty |= n_gone > 0;
    if (n_gone > 0)
        con_log(&fs->sink.env, CON_LEVEL_INFO,
            "folder \"%s\": %d unfinished part file%s removed, whose rows come again", fs->path, n_gone,
            n_gone == 1 ? " was" : "s were");
    if (n_kept > 0)
        con_log(&fs->sink.env, CON_LEVEL_WARNING,
            "folder \"%s\": %d part file%s committed after the checkpoint that is restored: the same rows "
            "come again",
            fs->path, n_kept, n_kept == 1 ? " was" : "s were");
    return rc;
}

enum cep_rc con_file_restore(struct con_file_sink *fs, const struct con_sink_how *how, struct cep_err *err) {
    uint32_t n_subtasks = how->n_subtasks ? how->n_subtasks : 1;
    enum cep_rc rc = CEP_OK;
    struct base_map next;
    base_map_init(&next);
    for (uint32_t i = 0; rc == CEP_OK && i < how->n_states; i++) {
        struct state st;
        if (how->states[i].len == 0)
            continue;
        rc = state_read(&st, how->states[i], err);
        if (rc == CEP_OK && fs->parts && state_is_ours(fs, &st))
            base_map_put(&next, (struct base_str){ (const char *)&st.subtask, sizeof st.subtask }, st.number);
        if (rc == CEP_OK && !state_is_ours(fs, &st) && how->subtask == 0)
            con_log(&fs->sink.env, CON_LEVEL_WARNING,
                "sink \"%.*s\" wrote to \"%.*s\" before: what is there is left as it is",
                BASE_STR_FMT(fs->sink.sink->name), BASE_STR_FMT(st.path));
        else if (rc == CEP_OK && state_is_ours(fs, &st) && !fs->parts)
            rc = restore_one(fs, &st, err);
        else if (rc == CEP_OK && state_is_ours(fs, &st) && st.subtask % n_subtasks == how->subtask)
            rc = restore_parts(fs, &st, err);
        base_free(st.parts);
    }
    if (rc == CEP_OK && next.n_live > 0)
        rc = discard_unknown(fs, how, &next, err);
    base_map_release(&next);
    return rc == CEP_OK ? sync_folder(fs, err) : rc;
}
