#pragma once
/*
 * clu_dispatcher -- the coordinator's REST calls: submissions, the list of jobs, workers; calls about a job go to its master.
 *
 *     POST /jobs ──▶ clu_spec_read ─▶ clu_spec_compile ─▶ registry ─▶ clu_master_start ─▶ {"jobid": ...}
 *                           └── mistakes: 400 with the text that `cepd check` prints
 *
 * Jobs that are over are kept, the last CLU_JOBS_OVER of them.
 *
 * Threads: any.
 */
#include "cluster/clu_http.h"
#include "cluster/clu_master.h"

enum { CLU_JOBS_OVER = 100 };

struct clu_dispatcher;

/* Takes the registry's jobs over: those that were not over go on. Returns: CEP_EIO, CEP_EDAMAGED. */
enum cep_rc clu_dispatcher_new(
    const struct clu_masters *all, struct clu_dispatcher **out, struct cep_err *err);
/* No call comes any more: jobs are stopped with a checkpoint, for the next coordinator to go on from. NULL is fine. */
void clu_dispatcher_stop(struct clu_dispatcher *d);
/* Stops them, if that is not done. NULL is fine. */
void clu_dispatcher_free(struct clu_dispatcher *d);
/* A clu_rest_fn; arg is the dispatcher. */
enum cep_rc clu_dispatcher_call(void *arg, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err);
/* fn for the job of that id, if there is one, which stays meanwhile. Returns: false when there is none. */
bool clu_dispatcher_with(
    struct clu_dispatcher *d, const char *id, void (*fn)(void *arg, struct clu_master *m), void *arg);
/* The same for all of them. */
void clu_dispatcher_each(struct clu_dispatcher *d, void (*fn)(void *arg, struct clu_master *m), void *arg);
