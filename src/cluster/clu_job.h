#pragma once
/*
 * clu_job -- the REST calls of one job that runs in this process: what it is, how it goes, savepoints, stop, cancel.
 *
 *     clu_http ── clu_job_call() ──▶ clu_job ── rt_job_task_op() ... ──▶ rt_job
 *
 * Members have the names of Flink's REST API where it has the thing; doc/rest.md lists what is ours.
 *
 * Threads: the server's thread calls clu_job_call(), the job's owner the rest; one lock keeps a job from being freed
 * while it is looked at.
 */
#include "cluster/clu_http.h"
#include "runtime/rt_job.h"
#include "runtime/rt_restart.h"

enum { CLU_JOB_ID = 32 }; /* hex digits */

struct clu_job;

/* A key of the configuration that has an effect. */
struct clu_job_key {
    const char *name, *value;
};

struct clu_job_opts {
    const char *id;     /* CLU_JOB_ID hex digits; copied; NULL: one is drawn */
    int64_t created_us; /* wall clock; 0 = now */
    const char *name;
    const struct plan *plan; /* NULL: it is over and will never run (clu_job_was()) */
    const struct clk *clk;
    uint32_t parallelism;
    const char *restart;        /* the strategy; NULL = "none" */
    const char *savepoint_dir;  /* where savepoints go that name no folder; NULL or "" = nowhere */
    const char *checkpoint_dir; /* NULL: none are kept */
    const struct clu_job_key *keys;
    size_t n_keys;
    /* Appends the workers that run a region's tasks, as JSON: {"id": ...}, ... NULL: this process does. May not call back. */
    void (*put_workers)(void *arg, uint32_t region, struct base_buf *out);
    void *arg;
};

/* Requires: what opts point to outlives it. */
struct clu_job *clu_job_new(const struct clu_job_opts *opts);
void clu_job_free(struct clu_job *j); /* NULL is fine */
const char *clu_job_id(const struct clu_job *j);
/* The job that is shown and cancelled; NULL before it is made and before it is freed. A cancel that came earlier stops it. */
void clu_job_set(struct clu_job *j, struct rt_job *job);
void clu_job_state(struct clu_job *j, enum rt_state state);
/* It is in that state since then: of a job that an earlier process knew. `failure`: NULL = none. */
void clu_job_was(struct clu_job *j, enum rt_state state, int64_t since_us, const char *failure);
/* Its run begins: attempts that there were before it. */
void clu_job_attempts(struct clu_job *j, uint32_t before);
/* Its next run has another parallelism. */
void clu_job_rescaled(struct clu_job *j, uint32_t parallelism);
/* What it waits for, shown with its state; copied. NULL or "" = nothing. */
void clu_job_note(struct clu_job *j, const char *text);
enum rt_state clu_job_state_now(struct clu_job *j);
/* Its entry in the list of that call: JOBS or JOBS_OVERVIEW. */
void clu_job_write_item(struct clu_job *j, enum clu_rest_op op, struct base_buf *b);
/* For /exceptions. */
void clu_job_failed(struct clu_job *j, const struct cep_err *err);
bool clu_job_is_cancelled(struct clu_job *j);
/* Was it ended by a stop? Appends the savepoint's path. */
bool clu_job_stopped_with(struct clu_job *j, struct base_buf *path);
/* The job has ended and lets go of what it held: a stop is complete now, or (err) failed. Requires: clu_job_set(NULL). */
void clu_job_is_over(struct clu_job *j, enum rt_state state, const struct cep_err *err);
/* Until those who asked for savepoints know what became of them; of each at most so long after it was known. */
void clu_job_wait_seen(struct clu_job *j, int64_t us);
/* A clu_rest_fn; arg is the clu_job. */
enum cep_rc clu_job_call(void *arg, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err);
