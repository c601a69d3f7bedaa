/*
 * clu_worker_dir -- see clu_worker_dir.h.
 */
#include "cluster/clu_worker_dir.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "state/sto_path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char prefix[] = "worker-";

struct clu_worker_dir {
    char *path; /* owned */
    int lock;
};

static char *join(const char *dir, const char *a, const char *b) {
    struct base_buf path = BASE_BUF_INIT;
    base_buf_printf(&path, "%s/%s%s", dir, a, b);
    return path.p;
}

/* `how`: of flock(2). Returns: a descriptor that holds it; -1 with errno. */
static int take(const char *dir, int how) {
    char *path = join(dir, "lock", "");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    base_free(path);
    if (fd < 0 || flock(fd, how) == 0)
        return fd;
    int e = errno;
    (void)close(fd); /* nothing was written to it */
    errno = e;
    return -1;
}

/* Of workers that are dead. One that cannot be removed is left to the next. */
static enum cep_rc sweep(const char *dir, struct cep_err *err) {
    struct base_buf names = BASE_BUF_INIT;
    size_t n = 0;
    enum cep_rc rc = sto_path_list(dir, &names, &n, err);
    const char *name = names.p;
    for (size_t i = 0; rc == CEP_OK && i < n; i++, name += strlen(name) + 1) {
        if (strncmp(name, prefix, sizeof prefix - 1) != 0)
            continue;
        char *path = join(dir, name, "");
        int fd = take(path, LOCK_EX | LOCK_NB);
        if (fd >= 0) {
            (void)sto_path_remove(path, NULL);
            (void)close(fd); /* nothing was written to it */
        }
        base_free(path);
    }
    base_buf_release(&names);
    return rc;
}

static enum cep_rc cannot(const char *dir, struct cep_err *err) {
    return base_err_set(err, CEP_EIO, "could not lock folder \"%s\" for databases: %s", dir, strerror(errno));
}

static enum cep_rc make(struct clu_worker_dir *d, const char *dir, const char *worker, struct cep_err *err) {
    d->path = join(dir, prefix, worker);
    enum cep_rc rc = sto_path_make(d->path, err);
    if (rc != CEP_OK)
        return rc;
    d->lock = take(d->path, LOCK_EX | LOCK_NB);
    return d->lock >= 0 ? CEP_OK : cannot(d->path, err);
}

enum cep_rc clu_worker_dir_open(
    const char *dir, const char *worker, struct clu_worker_dir **out, struct cep_err *err) {
    struct clu_worker_dir *d = base_calloc(1, sizeof *d);
    d->lock = -1;
    enum cep_rc rc = sto_path_make(dir, err);
    char *real = rc == CEP_OK ? realpath(dir, NULL) : NULL;
    if (rc == CEP_OK && !real)
        rc = base_err_set(err, CEP_EIO, "could not tell where \"%s\" is: %s", dir, strerror(errno));
    int all = rc == CEP_OK ? take(real, LOCK_EX) : -1;
    if (rc == CEP_OK && all < 0)
        rc = cannot(real, err);
    if (rc == CEP_OK)
        rc = sweep(real, err);
    if (rc == CEP_OK)
        rc = make(d, real, worker, err);
    if (all >= 0)
        (void)close(all); /* nothing was written to it */
    free(real);
    if (rc != CEP_OK) {
        clu_worker_dir_close(d);
        return rc;
    }
    *out = d;
    return CEP_OK;
}

const char *clu_worker_dir_path(const struct clu_worker_dir *d) {
    return d->path;
}

void clu_worker_dir_close(struct clu_worker_dir *d) {
    if (!d)
        return;
    if (d->path && d->lock >= 0)
        (void)sto_path_remove(d->path, NULL); /* what stays is swept */
    if (d->lock >= 0)
        (void)close(d->lock); /* nothing was written to it */
    base_free(d->path);
    base_free(d);
}
