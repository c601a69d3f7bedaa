#pragma once
/*
 * clu_loop -- the network thread of a process: one libevent loop, and how other threads get something done in it.
 *
 *     any thread ── clu_loop_post(fn, arg) ──▶ queue ── eventfd ──▶ the loop's thread: fn(arg), in the order of the posts
 *
 * All sockets of the cluster (control links, data connections) live in it; their callbacks run there and may not block. An object that
 * lives in the loop is closed in it, or by clu_loop_call().
 */
#include "cep/error.h"

#include <stdbool.h>
#include <stdint.h>

struct clu_loop;
struct event_base;

enum cep_rc clu_loop_start(struct clu_loop **out, struct cep_err *err);
/* What was posted before is done first. Requires: whatever lives in it is closed. NULL is fine. */
void clu_loop_stop(struct clu_loop *loop);

/* Any thread. */
void clu_loop_post(struct clu_loop *loop, void (*fn)(void *arg), void *arg);
/* The same, and waits until it is done; at once when the caller is the loop's thread. */
void clu_loop_call(struct clu_loop *loop, void (*fn)(void *arg), void *arg);
bool clu_loop_inside(const struct clu_loop *loop);
/* For those who add events of their own. In the loop's thread. */
struct event_base *clu_loop_base(struct clu_loop *loop);

/* What is on its way out when its owner has let go of it already: dropped when the loop stops, if it has not been forgotten before.
 * In the loop's thread. */
struct clu_leftover {
    void (*drop)(void *arg); /* called by forget, after it was taken out */
    void *arg;
    struct clu_leftover *before, *next;
};
void clu_loop_keep(struct clu_loop *loop, struct clu_leftover *l);
void clu_loop_forget(struct clu_loop *loop, struct clu_leftover *l);

/* Calls fn(arg) in the loop every so often until it is freed. Make and free it in the loop's thread. */
struct clu_timer;
struct clu_timer *clu_timer_new(struct clu_loop *loop, int64_t every_us, void (*fn)(void *arg), void *arg);
void clu_timer_free(struct clu_timer *t); /* NULL is fine */
