/*
 * con_file_own -- exactly once, a file has one writer at a time: its lock, and how it is taken from a writer that was given up.
 *
 * The writer of a job that has a name (con_env.writer: jobs of a cluster) writes that name beside the lock, as an attribute of the file. Who
 * finds the file locked by a writer of the same name knows that this is one that the job has given up: a process that was stopped, or
 * is cut off, and that nobody waits for. It may come back at any time, in the midst of a write too, so it keeps its file, and
 * the job goes on with another one of the same name:
 *
 *     alerts.ndjson ─▶ inode 7, locked, writer = job       the old writer's descriptor: what it writes from now on is in inode 7,
 *     alerts.ndjson.taken ─▶ inode 8: the committed bytes of 7, locked          which nobody finds any more
 *     rename: alerts.ndjson ─▶ inode 8
 *
 * Cost: the committed bytes are copied once (copy_file_range: by reference where the file system can). A file system without attributes
 * leaves no name, and the lock is waited for.
 */
#include "connect/con_file_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WRITER "user.cepd.writer"

enum { NAME_MAX_BYTES = 256, COPY_BYTES = 1 << 20 };

static void write_name(const struct con_file_sink *fs) {
    const char *name = fs->sink.env.writer;
    if (name)
        (void)fsetxattr(fs->fd, WRITER, name, strlen(name), 0);
    else
        (void)fremovexattr(fs->fd, WRITER); /* it is another writer's now */
}

/* Does a writer of our name have it? */
static bool is_of_ours(const struct con_file_sink *fs) {
    char name[NAME_MAX_BYTES];
    if (!fs->sink.env.writer)
        return false;
    ssize_t n = fgetxattr(fs->fd, WRITER, name, sizeof name);
    return n > 0 && base_str_eq((struct base_str){ name, (size_t)n }, base_str_of(fs->sink.env.writer));
}

static bool lock(int fd, bool *held) {
    int rc = flock(fd, LOCK_EX | LOCK_NB);
    *held = rc != 0 && errno == EWOULDBLOCK; /* some file systems have no locks */
    return !*held;
}

/* The first `n` bytes, or what there is of them. Returns: errno. */
static int copy(int from, int to, uint64_t n) {
    off_t at = 0;
    bool by_range = true;
    char *buffer = base_alloc(COPY_BYTES);
    int e = 0;
    while (e == 0 && (uint64_t)at < n) {
        size_t want = n - (uint64_t)at < COPY_BYTES ? (size_t)(n - (uint64_t)at) : COPY_BYTES;
        ssize_t got = by_range ? copy_file_range(from, &at, to, NULL, want, 0)
                               : pread(from, buffer, want, at);
        if (by_range && got < 0 && errno != EINTR && errno != ENOSPC && errno != EDQUOT && errno != EIO) {
            by_range = false;
            continue;
        }
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            e = got < 0 ? errno : 0;
            break;
        }
        for (ssize_t done = 0; !by_range && done < got && e == 0;) {
            ssize_t put = write(to, buffer + done, (size_t)(got - done));
            if (put > 0)
                done += put;
            else if (put == 0 || errno != EINTR)
                e = put == 0 ? ENOSPC : errno;
        }
        at += by_range ? 0 : got;
    }
    base_free(buffer);
    return e;
}

/* A file of the same name, with the committed bytes alone. */
static enum cep_rc take(struct con_file_sink *fs, struct cep_err *err) {
    struct base_buf temporary = BASE_BUF_INIT;
    struct stat st;
    bool held = false;
    char *real = realpath(fs->open_path, NULL);
    base_buf_printf(&temporary, "%s.taken", real ? real : fs->open_path);
    int from = open(fs->open_path, O_RDONLY | O_CLOEXEC | O_NOCTTY), e = 0, to = -1;
    if (!real || from < 0 || fstat(from, &st) != 0)
        e = errno;
    if (e == 0) {
        (void)unlink(temporary.p); /* of one that was stopped in the midst of this */
        to = open(temporary.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, st.st_mode & 07777);
        e = to < 0 ? errno : copy(from, to, fs->size);
    }
    if (e == 0 && fchown(to, st.st_uid, st.st_gid) != 0)
        e = errno == EPERM ? 0 : errno;
    if (e == 0 && (fsync(to) != 0 || fcntl(to, F_SETFL, O_APPEND) != 0))
        e = errno;
    if (e == 0 && lock(to, &held) && rename(temporary.p, real) != 0)
        e = errno;
    if (e == 0 && held)
        e = EWOULDBLOCK;
    if (e == 0) {
        close(fs->fd);
        fs->fd = to;
        fs->folder_dirty = true;
        to = -1;
        con_log(&fs->sink.env, CON_LEVEL_WARNING,
            "file \"%s\" is still held by a writer that was given up: %llu bytes went to a new file, what it "
            "writes goes nowhere",
            fs->open_path, (unsigned long long)fs->size);
    }
    enum cep_rc rc = e == 0 ? CEP_OK
                            : con_io_err(err, e, "could not take file \"%s\" from a writer that was given up",
                                  fs->open_path);
    if (from >= 0)
        close(from);
    if (to >= 0) {
        close(to);
        (void)unlink(temporary.p);
    }
    free(real);
    base_buf_release(&temporary);
    return rc;
}

enum cep_rc con_file_lock(struct con_file_sink *fs, struct cep_err *err) {
    bool held;
    if (!fs->exactly_once)
        return CEP_OK;
    if (!lock(fs->fd, &held) && is_of_ours(fs)) {
        enum cep_rc rc = take(fs, err);
        if (rc != CEP_OK)
            return rc;
    } else if (held) {
        base_err_set(err, CEP_ESTATE, "file \"%s\" is being written by another job", fs->open_path);
        base_err_hint(err, "with delivery exactly once a file has one writer");
        return CEP_ESTATE;
    }
    write_name(fs);
    return CEP_OK;
}

bool con_file_is_there(const struct con_file_sink *fs) {
    struct stat ours, there;
    return fstat(fs->fd, &ours) == 0 && stat(fs->open_path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}
