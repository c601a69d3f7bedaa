#pragma once
/*
 * clu_worker -- a worker: parts of jobs (rt_part), as the coordinator says.
 *
 *     link's messages ──▶ a queue for each part ──▶ its thread: Deploy ─ compile, open, restore, attach ─▶ Ready
 *                                                              Start, Barrier, Complete, Resume, Stop, Others
 *                                                              Cancel ─ detach, end, free ─▶ Cancelled
 *
 * What a part says goes straight to the link. A worker that wants to go says so and is given other places for its tasks by the
 * coordinator, which then cancels what is here.
 *
 * Fencing. A part of an attempt is made when those before it are gone. When the link is down, or its lease has run out (clu_link.h),
 * the coordinator may have given the worker up and begun elsewhere: all parts are cancelled at once, and none writes to a sink or
 * commits any more from the moment its lease ends.
 *
 * Threads: one a part, the loop's, those of the runtime.
 */
#include "cluster/clu_config.h"
#include "cluster/clu_link.h"
#include "connect/con.h"
#include "plan/plan.h"

struct clu_worker;

struct clu_worker_opts {
    const struct clu_config *config; /* borrowed, outlives it */
    struct clu_tls *tls;             /* borrowed; NULL = plain */
    const char *token;               /* NULL = none */
    /* The plan that the coordinator has made of the same text. Owns: the caller frees it. Any thread. */
    enum cep_rc (*compile)(void *arg, const Clu__Deploy *d, struct plan **out, struct cep_err *err);
    void (*log)(void *arg, enum con_level level, const char *text); /* any thread, several at a time */
    void (*refused)(
        void *arg, const struct cep_err *why); /* by the coordinator, for good; NULL = nobody asks */
    void *arg;
};

/* Connects and goes on trying. Returns: CEP_EINVAL, CEP_EIO. */
enum cep_rc clu_worker_start(
    const struct clu_worker_opts *opts, struct clu_worker **out, struct cep_err *err);
const char *clu_worker_name(const struct clu_worker *w);
uint16_t clu_worker_port(const struct clu_worker *w); /* where rows come */
/* Tells the coordinator that it wants to go. */
void clu_worker_leave(struct clu_worker *w, const char *reason);
/* Parts that are here. */
uint32_t clu_worker_n_parts(struct clu_worker *w);
/* Whatever runs ends where it stands. NULL is fine. */
void clu_worker_stop(struct clu_worker *w);
