/*
 * clu_loop -- see clu_loop.h.
 */
#include "cluster/clu_loop.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct post {
    void (*fn)(void *arg);
    void *arg;
};

struct clu_loop {
    struct event_base *base; /* owned; the thread's */
    struct event *bell;      /* owned */
    int bell_fd;             /* eventfd */
    pthread_t thread;
    bool running;
    struct clu_leftover *leftovers; /* the thread's */
    /* Shared, under the mutex. */
    pthread_mutex_t mutex;
    struct post *posts; /* owned */
    size_t n_posts, cap_posts;
    bool stop;
};

struct clu_timer {
    struct event *event; /* owned */
    void (*fn)(void *arg);
    void *arg;
};

/* In the order of the posts; those that come meanwhile have their turn in the next round. */
static void on_bell(evutil_socket_t fd, short what, void *arg) {
    struct clu_loop *loop = arg;
    uint64_t n;
    (void)what;
    if (read(fd, &n, sizeof n) < 0 && errno != EAGAIN)
        return; /* an eventfd that cannot be read is level triggered: it comes again */
    pthread_mutex_lock(&loop->mutex);
    struct post *posts = loop->posts;
    size_t n_posts = loop->n_posts;
    bool stop = loop->stop;
    loop->posts = NULL;
    loop->n_posts = loop->cap_posts = 0;
    pthread_mutex_unlock(&loop->mutex);
    for (size_t i = 0; i < n_posts; i++)
        posts[i].fn(posts[i].arg);
    base_free(posts);
    if (stop)
        event_base_loopbreak(loop->base);
}

/* Signals are the main thread's; one for a socket that the other end has closed comes to whoever writes, and stays blocked. */
static void *run(void *arg) {
    struct clu_loop *loop = arg;
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    while (loop->leftovers)
        clu_loop_forget(loop, loop->leftovers);
    return NULL;
}

static void ring(struct clu_loop *loop) {
    uint64_t one = 1;
    if (write(loop->bell_fd, &one, sizeof one) < 0)
        return; /* the counter is at its limit: it rings anyway */
}

enum cep_rc clu_loop_start(struct clu_loop **out, struct cep_err *err) {
    struct clu_loop *loop = base_calloc(1, sizeof *loop);
    pthread_mutex_init(&loop->mutex, NULL);
    loop->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->base = event_base_new();
    loop->bell = loop->base && loop->bell_fd >= 0
                     ? event_new(loop->base, loop->bell_fd, EV_READ | EV_PERSIST, on_bell, loop)
                     : NULL;
    enum cep_rc rc = CEP_OK;
    if (!loop->bell || event_add(loop->bell, NULL) != 0)
        rc = base_err_set(err, CEP_EIO, "could not make a network loop: %s", strerror(errno));
    if (rc == CEP_OK) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int e = pthread_create(&loop->thread, NULL, run, loop);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        loop->running = e == 0;
        if (e != 0)
            rc = base_err_set(err, CEP_EIO, "could not start a thread: %s", strerror(e));
    }
    if (rc != CEP_OK) {
        clu_loop_stop(loop);
        return rc;
    }
    *out = loop;
    return CEP_OK;
}

void clu_loop_stop(struct clu_loop *loop) {
    if (!loop)
        return;
    if (loop->running) {
        pthread_mutex_lock(&loop->mutex);
        loop->stop = true;
        pthread_mutex_unlock(&loop->mutex);
        ring(loop);
        pthread_join(loop->thread, NULL);
    }
    CEP_INSIST(loop->n_posts == 0);
    if (loop->bell)
        event_free(loop->bell);
    if (loop->base)
        event_base_free(loop->base);
    if (loop->bell_fd >= 0)
        close(loop->bell_fd);
    base_free(loop->posts);
    pthread_mutex_destroy(&loop->mutex);
    base_free(loop);
}

void clu_loop_post(struct clu_loop *loop, void (*fn)(void *arg), void *arg) {
    pthread_mutex_lock(&loop->mutex);
    loop->posts = base_grow(loop->posts, loop->n_posts, &loop->cap_posts, sizeof *loop->posts);
    bool first = loop->n_posts == 0;
    loop->posts[loop->n_posts++] = (struct post){ fn, arg };
    pthread_mutex_unlock(&loop->mutex);
    if (first)
        ring(loop);
}

struct waited {
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    bool is_done;
};

static void do_waited(void *arg) {
    struct waited *w = arg;
    w->fn(w->arg);
    pthread_mutex_lock(&w->mutex);
    w->is_done = true;
    pthread_cond_signal(&w->done);
    pthread_mutex_unlock(&w->mutex);
}

void clu_loop_call(struct clu_loop *loop, void (*fn)(void *arg), void *arg) {
    if (clu_loop_inside(loop)) {
        fn(arg);
        return;
    }
    struct waited w = { .fn = fn, .arg = arg };
    pthread_mutex_init(&w.mutex, NULL);
    pthread_cond_init(&w.done, NULL);
    clu_loop_post(loop, do_waited, &w);
    pthread_mutex_lock(&w.mutex);
    while (!w.is_done)
        pthread_cond_wait(&w.done, &w.mutex);
    pthread_mutex_unlock(&w.mutex);
    pthread_cond_destroy(&w.done);
    pthread_mutex_destroy(&w.mutex);
}

bool clu_loop_inside(const struct clu_loop *loop) {
    return pthread_equal(pthread_self(), loop->thread);
}

struct event_base *clu_loop_base(struct clu_loop *loop) {
    return loop->base;
}

void clu_loop_keep(struct clu_loop *loop, struct clu_leftover *l) {
    l->before = NULL;
    l->next = loop->leftovers;
    if (l->next)
        l->next->before = l;
    loop->leftovers = l;
}

void clu_loop_forget(struct clu_loop *loop, struct clu_leftover *l) {
    if (l->before)
        l->before->next = l->next;
    else
        loop->leftovers = l->next;
    if (l->next)
        l->next->before = l->before;
    l->drop(l->arg);
}

/* -- timers -------------------------------------------------------------------------------------------------------- */

static void on_timer(evutil_socket_t fd, short what, void *arg) {
    struct clu_timer *t = arg;
    (void)fd;
    (void)what;
    t->fn(t->arg);
}

struct clu_timer *clu_timer_new(struct clu_loop *loop, int64_t every_us, void (*fn)(void *arg), void *arg) {
    struct clu_timer *t = base_calloc(1, sizeof *t);
    *t = (struct clu_timer){ .fn = fn, .arg = arg };
    struct timeval every = { .tv_sec = every_us / 1000000, .tv_usec = every_us % 1000000 };
    t->event = event_new(loop->base, -1, EV_PERSIST, on_timer, t);
    CEP_INSIST(t->event && event_add(t->event, &every) == 0);
    return t;
}

void clu_timer_free(struct clu_timer *t) {
    if (!t)
        return;
    event_free(t->event);
    base_free(t);
}
