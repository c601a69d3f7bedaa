/*
 * sto_work -- see sto_work.h.
 */
#include "state/sto_work.h"

#include "base/base_mem.h"
#include "state/sto_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char lock_name[] = "LOCK";

struct sto_work {
    char *dir; /* owned */
    int lock;  /* file descriptor; -1 = none */
};

static char *in(const struct sto_work *w, const char *name) {
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%s/%s", w->dir, name);
    return b.p;
}

static enum cep_rc check_ours(const struct sto_work *w, struct cep_err *err) {
    struct base_buf names = BASE_BUF_INIT;
    size_t n = 0;
    char *path = in(w, lock_name);
    enum cep_rc rc = sto_path_list(w->dir, &names, &n, err);
    if (rc == CEP_OK && n > 0 && !sto_path_exists(path)) {
        rc = base_err_set(
            err, CEP_ESTATE, "folder \"%s\" is not one that cepd made: it holds \"%s\"", w->dir, names.p);
        base_err_hint(err, "give the job a --state-dir of its own");
    }
    base_free(path);
    base_buf_release(&names);
    return rc;
}

static enum cep_rc lock(struct sto_work *w, struct cep_err *err) {
    char *path = in(w, lock_name);
    enum cep_rc rc = CEP_OK;
    w->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (w->lock < 0 || flock(w->lock, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;
        bool other = w->lock >= 0 && why == EWOULDBLOCK;
        rc = other ? base_err_set(err, CEP_ESTATE, "another process works in \"%s\"", w->dir)
                   : base_err_set(err, CEP_EIO, "could not lock \"%s\": %s", path, strerror(why));
        if (other)
            base_err_hint(err, "stop it first, or give this job another --state-dir");
        if (w->lock >= 0)
            (void)close(w->lock); /* nothing was written to it */
        w->lock = -1;
    }
    base_free(path);
    return rc;
}

/* All but the lock: who comes meanwhile finds it held. */
static enum cep_rc empty(const struct sto_work *w, struct cep_err *err) {
    struct base_buf names = BASE_BUF_INIT;
    size_t n = 0;
    enum cep_rc rc = sto_path_list(w->dir, &names, &n, err);
    const char *name = names.p;
    for (size_t i = 0; i < n && rc == CEP_OK; i++, name += strlen(name) + 1) {
        if (strcmp(name, lock_name) == 0)
            continue;
        char *path = in(w, name);
        rc = sto_path_remove(path, err);
        base_free(path);
    }
    base_buf_release(&names);
    return rc;
}

static void release(struct sto_work *w) {
    if (w->lock >= 0)
        (void)close(w->lock); /* nothing was written to it */
    base_free(w->dir);
    base_free(w);
}

enum cep_rc sto_work_open(const char *dir, struct sto_work **out, struct cep_err *err) {
    struct sto_work *w = base_calloc(1, sizeof *w);
    w->dir = base_strdup(dir);
    w->lock = -1;
    enum cep_rc rc = sto_path_make(dir, err);
    if (rc == CEP_OK)
        rc = check_ours(w, err);
    if (rc == CEP_OK)
        rc = lock(w, err);
    if (rc == CEP_OK)
        rc = empty(w, err);
    if (rc != CEP_OK) {
        release(w);
        return rc;
    }
    *out = w;
    return CEP_OK;
}

const char *sto_work_path(const struct sto_work *w) {
    return w->dir;
}

void sto_work_close(struct sto_work *w) {
    if (!w)
        return;
    if (empty(w, NULL) == CEP_OK)
        (void)sto_path_remove(w->dir, NULL);
    release(w);
}
