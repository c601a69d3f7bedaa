/*
 * sto_spool -- see sto_spool.h.
 */
#include "state/sto_spool.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "state/sto_path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#define XXH_STATIC_LINKING_ONLY
#include <xxhash.h>

struct sto_spool {
    char *path; /* owned */
    int fd;     /* -1: ended */
    uint64_t len;
    XXH3_state_t *hash; /* owned */
};

static enum cep_rc failed(const struct sto_spool *s, const char *doing, struct cep_err *err) {
    int why = errno;
    enum cep_rc rc = base_err_set(err, CEP_EIO, "could not %s \"%s\": %s", doing, s->path, strerror(why));
    if (why == ENOSPC || why == EDQUOT)
        base_err_hint(err, "free some room there, or point state.dir elsewhere");
    return rc;
}

enum cep_rc sto_spool_new(const char *path, struct sto_spool **out, struct cep_err *err) {
    struct sto_spool *s = base_calloc(1, sizeof *s);
    s->path = base_strdup(path);
    s->hash = XXH3_createState();
    CEP_REQUIRE(s->hash && XXH3_128bits_reset(s->hash) == XXH_OK);
    s->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (s->fd < 0) {
        enum cep_rc rc = failed(s, "write", err);
        sto_spool_free(s);
        return rc;
    }
    *out = s;
    return CEP_OK;
}

enum cep_rc sto_spool_add(struct sto_spool *s, struct base_str bytes, struct cep_err *err) {
    CEP_REQUIRE(s->fd >= 0);
    CEP_INSIST(XXH3_128bits_update(s->hash, bytes.p ? bytes.p : "", bytes.len) == XXH_OK);
    s->len += bytes.len;
    while (bytes.len > 0) {
        ssize_t put = write(s->fd, bytes.p, bytes.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed(s, "write", err);
        bytes.p += put;
        bytes.len -= (size_t)put;
    }
    return CEP_OK;
}

uint64_t sto_spool_len(const struct sto_spool *s) {
    return s->len;
}

enum cep_rc sto_spool_end(
    struct sto_spool *s, const char **path, uint64_t *len, struct sto_hash *hash, struct cep_err *err) {
    CEP_REQUIRE(s->fd >= 0);
    XXH128_hash_t h = XXH3_128bits_digest(s->hash);
    enum cep_rc rc = fsync(s->fd) == 0 ? CEP_OK : failed(s, "sync", err);
    if (close(s->fd) != 0 && rc == CEP_OK)
        rc = failed(s, "write", err);
    s->fd = -1;
    *path = s->path;
    *len = s->len;
    *hash = (struct sto_hash){ h.low64, h.high64 };
    return rc;
}

void sto_spool_free(struct sto_spool *s) {
    if (!s)
        return;
    if (s->fd >= 0)
        (void)close(s->fd);               /* nobody wants what is in it */
    (void)sto_path_remove(s->path, NULL); /* with the folder it is in, at the latest by the next run */
    (void)XXH3_freeState(s->hash);        /* always XXH_OK */
    base_free(s->path);
    base_free(s);
}
