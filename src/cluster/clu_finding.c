/*
 * clu_finding -- see clu_finding.h.
 */
#include "cluster/clu_finding.h"

#include "base/base_err.h"
#include "base/base_mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct clu_finding {
    atomic_uint refs;      /* who asks; the thread, or the post that tells */
    struct clu_loop *loop; /* borrowed; not to be touched when nobody asks any more */
    char *address, *what;  /* owned */
    void (*found)(void *arg, enum cep_rc rc, const struct clu_address *at, const struct cep_err *err);
    void *arg;
    pthread_mutex_t mutex; /* of `dropped` against the post */
    bool dropped;
    enum cep_rc rc;
    struct clu_address at;
    struct cep_err err;
};

static void unref(struct clu_finding *f) {
    if (atomic_fetch_sub(&f->refs, 1) != 1)
        return;
    pthread_mutex_destroy(&f->mutex);
    base_free(f->address);
    base_free(f->what);
    base_free(f);
}

static void tell(void *arg) {
    struct clu_finding *f = arg;
    if (!f->dropped)
        f->found(f->arg, f->rc, &f->at, &f->err);
    unref(f);
}

static void *find(void *arg) {
    struct clu_finding *f = arg;
    f->rc = clu_address_find(f->address, f->what, &f->at, &f->err);
    pthread_mutex_lock(&f->mutex);
    bool dropped = f->dropped;
    if (!dropped)
        clu_loop_post(f->loop, tell, f);
    pthread_mutex_unlock(&f->mutex);
    if (dropped)
        unref(f);
    return NULL;
}

struct clu_finding *clu_finding_new(struct clu_loop *loop, const char *address, const char *what,
    void (*found)(void *arg, enum cep_rc rc, const struct clu_address *at, const struct cep_err *err),
    void *arg) {
    struct clu_finding *f = base_calloc(1, sizeof *f);
    pthread_t thread;
    atomic_init(&f->refs, 2);
    f->loop = loop;
    f->address = base_strdup(address);
    f->what = base_strdup(what);
    f->found = found;
    f->arg = arg;
    pthread_mutex_init(&f->mutex, NULL);
    if (clu_address_numeric(address, &f->at)) {
        clu_loop_post(loop, tell, f);
        return f;
    }
    int e = pthread_create(&thread, NULL, find, f);
    if (e == 0) {
        pthread_detach(thread);
    } else {
        f->rc = base_err_set(&f->err, CEP_EIO, "could not start a thread: %s", strerror(e));
        clu_loop_post(loop, tell, f);
    }
    return f;
}

void clu_finding_drop(struct clu_finding *f) {
    if (!f)
        return;
    pthread_mutex_lock(&f->mutex);
    f->dropped = true;
    pthread_mutex_unlock(&f->mutex);
    unref(f);
}
