/*
 * sto_path -- see sto_path.h.
 */
#include "state/sto_path.h"

#include "base/base_mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

static enum cep_rc failed(struct cep_err *err, const char *doing, const char *path) {
    int why = errno;
    enum cep_rc rc = base_err_set(err, CEP_EIO, "could not %s \"%s\": %s", doing, path, strerror(why));
    if (why == ENOSPC || why == EDQUOT)
        base_err_hint(err, "free some room there, or point state.dir or checkpoint.dir elsewhere");
    return rc;
}

bool sto_path_exists(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0;
}

enum cep_rc sto_path_make(const char *dir, struct cep_err *err) {
    char *path = base_strdup(dir);
    enum cep_rc rc = CEP_OK;
    for (char *p = path + 1; rc == CEP_OK && p[-1]; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char was = *p;
        *p = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            rc = failed(err, "make folder", path);
        *p = was;
    }
    struct stat st;
    if (rc == CEP_OK && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
        rc = base_err_set(
            err, CEP_EIO, "could not make folder \"%s\": a file of that name is in the way", dir);
    base_free(path);
    return rc;
}

static char *join(const char *dir, const char *name) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s/%s", dir, name);
    return b.p;
}

enum cep_rc sto_path_list(const char *dir, struct base_buf *names, size_t *n, struct cep_err *err) {
    struct dirent **found;
    int count = scandir(dir, &found, NULL, alphasort);
    base_buf_clear(names);
    *n = 0;
    if (count < 0)
        return failed(err, "read folder", dir);
    for (int i = 0; i < count; i++) {
        if (strcmp(found[i]->d_name, ".") != 0 && strcmp(found[i]->d_name, "..") != 0) {
            base_buf_add(names, found[i]->d_name, strlen(found[i]->d_name) + 1);
            ++*n;
        }
        free(found[i]);
    }
    free(found);
    return CEP_OK;
}

/* Depth is bounded by the length of a path the system takes. */
enum cep_rc sto_path_remove(const char *path, struct cep_err *err) {
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? CEP_OK : failed(err, "look at", path);
    if (!S_ISDIR(st.st_mode))
        return unlink(path) == 0 || errno == ENOENT ? CEP_OK : failed(err, "remove", path);
    struct base_buf names = BASE_BUF_INIT;
    size_t n;
    enum cep_rc rc = sto_path_list(path, &names, &n, err);
    const char *name = names.p;
    for (size_t i = 0; i < n && rc == CEP_OK; i++, name += strlen(name) + 1) {
        char *child = join(path, name);
        rc = sto_path_remove(child, err);
        base_free(child);
    }
    base_buf_release(&names);
    if (rc == CEP_OK && rmdir(path) != 0 && errno != ENOENT)
        rc = failed(err, "remove folder", path);
    return rc;
}

enum cep_rc sto_path_len(const char *path, uint64_t *len, struct cep_err *err) {
    struct stat st;
    if (stat(path, &st) != 0)
        return failed(err, "look at", path);
    *len = (uint64_t)st.st_size;
    return CEP_OK;
}

enum cep_rc sto_path_read(const char *path, struct base_buf *out, struct cep_err *err) {
    base_buf_clear(out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? base_err_set(err, CEP_NONE, "there is no file \"%s\"", path)
                               : failed(err, "read", path);
    enum cep_rc rc = CEP_OK;
    for (;;) {
        char *room = base_buf_reserve(out, COPY_BYTES);
        ssize_t got = read(fd, room, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = failed(err, "read", path);
        if (got <= 0)
            break;
        out->len += (size_t)got;
    }
    if (out->p)
        out->p[out->len] = '\0';
    if (close(fd) != 0 && rc == CEP_OK)
        rc = failed(err, "read", path);
    return rc;
}

static enum cep_rc write_all(int fd, const char *path, const char *p, size_t len, struct cep_err *err) {
    while (len > 0) {
        ssize_t put = write(fd, p, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(err, "write", path);
        p += put;
        len -= (size_t)put;
    }
    return CEP_OK;
}

/* Syncs and closes; what was written is removed when any of it fails. */
static enum cep_rc finish(int fd, const char *path, enum cep_rc rc, struct cep_err *err) {
    if (rc == CEP_OK && fsync(fd) != 0)
        rc = failed(err, "sync", path);
    if (close(fd) != 0 && rc == CEP_OK)
        rc = failed(err, "write", path);
    if (rc != CEP_OK)
        (void)unlink(path); /* the error that is reported says what matters */
    return rc;
}

enum cep_rc sto_path_sync(const char *dir, struct cep_err *err) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(err, "sync folder", dir);
    enum cep_rc rc = fsync(fd) == 0 ? CEP_OK : failed(err, "sync folder", dir);
    if (close(fd) != 0 && rc == CEP_OK)
        rc = failed(err, "sync folder", dir);
    return rc;
}

enum cep_rc sto_path_publish(const char *from, const char *to, struct cep_err *err) {
    if (rename(from, to) != 0)
        return failed(err, "put in place", to);
    const char *slash = strrchr(to, '/');
    char *dir = slash ? base_strndup(to, slash == to ? 1 : (size_t)(slash - to)) : base_strdup(".");
    enum cep_rc rc = sto_path_sync(dir, err);
    base_free(dir);
    return rc;
}

enum cep_rc sto_path_write(const char *path, struct base_str bytes, struct cep_err *err) {
    struct base_buf tmp = BASE_BUF_INIT;
    base_buf_printf(&tmp, "%s.tmp", path);
    enum cep_rc rc;
    int fd = open(tmp.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        rc = failed(err, "write", tmp.p);
    else
        rc = finish(fd, tmp.p, write_all(fd, tmp.p, bytes.p, bytes.len, err), err);
    if (rc == CEP_OK)
        rc = sto_path_publish(tmp.p, path, err);
    base_buf_release(&tmp);
    return rc;
}

static enum cep_rc copy(const char *from, const char *to, struct cep_err *err) {
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return failed(err, "read", from);
    enum cep_rc rc = CEP_OK;
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out < 0)
        rc = failed(err, "write", to);
    char *block = base_alloc(COPY_BYTES);
    while (rc == CEP_OK) {
        ssize_t got = read(in, block, COPY_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            rc = failed(err, "read", from);
        else if (got == 0)
            break;
        else
            rc = write_all(out, to, block, (size_t)got, err);
    }
    base_free(block);
    if (out >= 0)
        rc = finish(out, to, rc, err);
    if (close(in) != 0 && rc == CEP_OK)
        rc = failed(err, "read", from);
    return rc;
}

enum cep_rc sto_path_link(const char *from, const char *to, struct cep_err *err) {
    if (link(from, to) == 0 || errno == EEXIST)
        return CEP_OK;
    if (errno != EXDEV && errno != EPERM && errno != EMLINK)
        return failed(err, "link", to);
    struct base_buf tmp = BASE_BUF_INIT;
    base_buf_printf(&tmp, "%s.tmp", to);
    enum cep_rc rc = copy(from, tmp.p, err);
    if (rc == CEP_OK)
        rc = sto_path_publish(tmp.p, to, err);
    base_buf_release(&tmp);
    return rc;
}
