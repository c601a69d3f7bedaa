/*
 * clu_probe -- see clu_probe.h.
 */
#include "cluster/clu_probe.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "cluster/clu_address.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/time.h>
#include <unistd.h>

struct clu_probe {
    int fd;               /* owned; -1 = there was nothing to try */
    struct event *answer; /* owned */
    bool refused;         /* known already */
    void (*told)(void *arg, bool refused);
    void *arg;
};

static void on_answer(evutil_socket_t fd, short what, void *arg) {
    struct clu_probe *p = arg;
    int e = 0;
    socklen_t len = sizeof e;
    if (!p->refused && fd >= 0 && (what & EV_WRITE))
        p->refused = getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 && e == ECONNREFUSED;
    p->told(p->arg, p->refused);
}

bool clu_probe_refuses(const char *address, int64_t patience_us) {
    struct clu_address at;
    struct timeval patience = { .tv_sec = patience_us / 1000000, .tv_usec = patience_us % 1000000 };
    if (!clu_address_numeric(address, &at))
        return false;
    int fd = socket(at.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool refused = setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
                   connect(fd, (const struct sockaddr *)&at.at, at.len) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return refused;
}

struct clu_probe *clu_probe_new(struct clu_loop *loop, const char *address, int64_t patience_us,
    void (*told)(void *arg, bool refused), void *arg) {
    struct clu_probe *p = base_calloc(1, sizeof *p);
    struct clu_address at;
    struct timeval patience = { .tv_sec = patience_us / 1000000, .tv_usec = patience_us % 1000000 };
    *p = (struct clu_probe){ .fd = -1, .told = told, .arg = arg };
    if (clu_address_numeric(address, &at))
        p->fd = socket(at.at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool waits = false;
    if (p->fd >= 0 && connect(p->fd, (const struct sockaddr *)&at.at, at.len) != 0) {
        p->refused = errno == ECONNREFUSED;
        waits = errno == EINPROGRESS;
    }
    p->answer = event_new(clu_loop_base(loop), waits ? p->fd : -1, waits ? EV_WRITE : 0, on_answer, p);
    CEP_INSIST(p->answer && event_add(p->answer, &patience) == 0);
    if (!waits)
        event_active(p->answer, EV_TIMEOUT, 1);
    return p;
}

void clu_probe_drop(struct clu_probe *p) {
    if (!p)
        return;
    event_free(p->answer);
    if (p->fd >= 0)
        (void)close(p->fd);
    base_free(p);
}
