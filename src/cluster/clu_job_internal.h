#pragma once
/*
 * clu_job_internal -- what the REST calls and the metrics of a job share.
 */
#include "cluster/clu_job.h"

#include <pthread.h>

enum { CLU_FAILURES = 16 }; /* kept for /exceptions */

struct clu_failure {
    int64_t at_us;
    char message[sizeof(((struct cep_err *)0)->message)];
};

enum { CLU_SAVEPOINTS = 32 }; /* requests that are over and still known */

/* A savepoint that was asked for. */
struct clu_savepoint {
    struct clu_savepoint *next;
    struct clu_job *job; /* borrowed */
    char id[CLU_JOB_ID + 1];
    bool stop;
    bool seen;       /* somebody was told what became of it */
    int64_t done_us; /* monotonic; when that was known */
    enum { CLU_SAVEPOINT_IN_PROGRESS = 0, CLU_SAVEPOINT_COMPLETED, CLU_SAVEPOINT_FAILED } state;
    char *path; /* owned; NULL: it is not there */
    struct cep_err err;
};

struct clu_job {
    struct clu_job_opts opts;
    char id[CLU_JOB_ID + 1];
    pthread_mutex_t mutex; /* of what follows */
    struct rt_job *job;    /* borrowed; NULL: none now */
    uint32_t before;       /* attempts of its runs before this one */
    enum rt_state state;
    int64_t since_us[RT_STATE_MAX]; /* wall clock, of the last time it came to that state; 0 = never */
    int64_t created_us;
    bool cancelled;
    char *note;                       /* owned; NULL = none */
    bool over;                        /* clu_job_is_over() */
    struct clu_savepoint *savepoints; /* owned; newest first */
    uint64_t n_failures;
    struct clu_failure failures[CLU_FAILURES]; /* a ring */
};

/* An operator and how far it is: nodes, then sinks. */
struct clu_op {
    struct rt_op_info info;
    bool known;
    bool has_watermark; /* it has one that is not the end of time */
    uint32_t held_by;   /* the source that its watermark waits for; UINT32_MAX = none */
    int64_t lag_us;     /* has_watermark */
    uint32_t vertex;
};

/* Owns: the caller frees it (base_free). Requires: j->job, the lock. */
struct clu_op *clu_job_ops(struct clu_job *j);
uint32_t clu_job_n_ops(const struct clu_job *j);
/* Watermark, lag and source of the job: of the operator's that is furthest behind. NULL: there is none yet. */
const struct clu_op *clu_job_furthest_behind(const struct clu_job *j, const struct clu_op *ops);
uint64_t clu_op_errors(const struct clu_op *op);
/* The calls of savepoints. Requires: the lock. */
enum cep_rc clu_savepoint_ask(
    struct clu_job *j, struct base_str body, bool stop, struct base_buf *out, struct cep_err *err);
enum cep_rc clu_savepoint_status(
    struct clu_job *j, struct base_str id, struct base_buf *out, struct cep_err *err);
void clu_savepoints_free(struct clu_job *j);
/* -- clu_job_write.c: answers as JSON. Requires: the lock; of what is about vertices: j->job ------------------------------- */

void clu_job_write_overview(struct clu_job *j, struct base_buf *b);
/* As GET /jobs and /jobs/overview list it. */
void clu_job_put_item(struct clu_job *j, enum clu_rest_op op, struct base_buf *b);
void clu_job_write_items(struct clu_job *j, enum clu_rest_op op, struct base_buf *b);
void clu_job_write_job(struct clu_job *j, struct base_buf *b);
void clu_job_put_plan(struct base_buf *b, const struct clu_job *j, const struct plan_job *g);
enum cep_rc clu_job_write_vertex(
    struct clu_job *j, struct base_str id, struct base_buf *b, struct cep_err *err);
void clu_job_write_exceptions(struct clu_job *j, struct base_buf *b);
void clu_job_write_config(struct clu_job *j, struct base_buf *b);
void clu_job_write_taskmanagers(struct clu_job *j, struct base_buf *b);

/* GET /jobs/:id/checkpoints. Requires: the lock. */
void clu_job_write_checkpoints(struct clu_job *j, struct base_buf *b);
/* Requires: j->job, the lock. */
void clu_job_write_checkpoint_metrics(struct clu_job *j, struct base_buf *b);
/* GET /metrics. Requires: the lock. */
void clu_job_write_metrics(struct clu_job *j, struct base_buf *b);
