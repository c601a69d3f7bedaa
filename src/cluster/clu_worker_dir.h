#pragma once
/*
 * clu_worker_dir -- where the databases of a worker's tasks lie while they run (state.dir of a worker).
 *
 *     DIR/lock                    held by who looks at the folders
 *     DIR/worker-3fa2c1.../lock   held by that worker as long as it lives
 *                          JOB-r0-a3/   the work_dir (rt_job.h) of a part: region 0, attempt 3
 *
 * Nothing here outlives the worker: a job goes on from its checkpoints. What a worker that was killed has left there is removed by the
 * next one that starts.
 *
 * Threads: any; opened and closed by one.
 */
#include "base/base_buf.h"
#include "cep/error.h"

struct clu_worker_dir;

/* Returns: CEP_EIO. Owns: the caller closes it. */
enum cep_rc clu_worker_dir_open(
    const char *dir, const char *worker, struct clu_worker_dir **out, struct cep_err *err);
/* The folder of that worker, from the root. */
const char *clu_worker_dir_path(const struct clu_worker_dir *d);
/* Requires: nothing in it is used. NULL is fine. */
void clu_worker_dir_close(struct clu_worker_dir *d);
