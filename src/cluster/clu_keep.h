#pragma once
/*
 * clu_keep -- what a job keeps: the folder of a job's checkpoints, and the one that a run goes on from.
 *
 *     clu_keep_config()   configuration, before the file is compiled; then restore, fresh, allow_dropped and clu_keep_check()
 *     clu_keep_open()     the folder is locked, what it holds is found and read
 *     ... rt_opts.keep, .restore, .losses are set; the job runs ...
 *     clu_keep_release()
 *
 * A folder that holds a job is only used by a run that says what is to become of it: --restore or --fresh.
 */
#include "cluster/clu_config.h"
#include "runtime/rt_job.h"
#include "state/sto_store.h"

struct clu_keep {
    /* Set by clu_keep_config(). */
    char *dir;           /* owned; of checkpoints; NULL: nothing is kept */
    char *state_dir;     /* owned; as given; NULL: none */
    char *work_dir;      /* owned; where databases lie while it runs; NULL: a temporary folder */
    const char *restore; /* borrowed from argv; "latest", a path; NULL = from the beginning */
    bool fresh, allow_dropped;
    int64_t every_us;
    uint32_t retained, concurrent;
    int64_t timeout_us, pause_us, alignment_us;
    struct rt_restart_spec restart;
    /* Set by clu_keep_open(). */
    void (*log)(void *arg, enum con_level level, const char *text); /* NULL: nobody listens */
    void *log_arg;
    struct sto_store *store; /* owned; NULL: nothing is kept */
    struct rt_snap snap;     /* owned; what is restored */
    struct sto_losses losses;
    char *from; /* owned; the folder of the snapshot that was read last; NULL: none was */
    /* The job's task's. */
    uint64_t last_id; /* of the checkpoint published last; 0 = none by this run */
};

/* Returns: CEP_EINVAL for values that do not fit together. Safe to release in any case. */
enum cep_rc clu_keep_config(struct clu_keep *k, const struct clu_config *c, struct cep_err *err);
/* Does what is to be restored fit the rest? In the words of `cepd run`'s options. Returns: CEP_EINVAL. */
enum cep_rc clu_keep_check(const struct clu_keep *k, const struct clu_config *c, struct cep_err *err);
/*
 * Ensures: opts has what the job needs of it (but for keep() and latest(), which pass on to clu_keep_put() and clu_keep_latest()).
 * Returns: CEP_EINVAL: the folder holds a job and the run does not say what is to become of it, or there is nothing to go on
 *          from; CEP_EDAMAGED: no checkpoint is whole; CEP_ESTATE: another process has it; CEP_EIO.
 */
enum cep_rc clu_keep_open(struct clu_keep *k, struct rt_opts *opts, struct cep_err *err);
/* Appends the newest snapshot that is whole. Requires: something is kept. */
/* Is there a checkpoint or savepoint to go on from? Returns: CEP_EINVAL, CEP_EDAMAGED, CEP_EIO. */
enum cep_rc clu_keep_look(const char *path, struct cep_err *err);
enum cep_rc clu_keep_latest(struct clu_keep *k, struct rt_snap *out, struct cep_err *err);
/* Makes a snapshot durable. */
enum cep_rc clu_keep_put(struct clu_keep *k, uint64_t id, const struct rt_snap *snap, struct cep_err *err);
/* A savepoint of job `id` in folder `dir`; appends its path. */
enum cep_rc clu_keep_savepoint(
    const char *id, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err);
/* All of the state was read: tells what was lost of it. Returns: CEP_ESTATE when that was not allowed. */
enum cep_rc clu_keep_judge(struct clu_keep *k, struct cep_err *err);
/* The job is made: what it goes on from is not needed any more. */
void clu_keep_begun(struct clu_keep *k);
/* Lets go of the folder: the job has ended, and another one may begin. */
void clu_keep_close(struct clu_keep *k);
void clu_keep_release(struct clu_keep *k);
