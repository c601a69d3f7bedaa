#pragma once
/*
 * clu_master -- one job of a cluster, as the coordinator has it: what was submitted, its state, the thread that sees to it.
 *
 *     submitted ─▶ waits for slots ─▶ deployed, runs ─▶ finished | failed | cancelled
 *                        ▲                  │
 *                        └── restarting ◀───┘  a worker is lost, a task failed: restart.strategy; from the last checkpoint
 *
 * Every change of state is in the registry before it is shown as done. A coordinator that ends leaves its jobs there as they are: the
 * next one goes on with them.
 *
 * Threads: any, but for new, start and free.
 */
#include "cluster/clu_job.h"
#include "cluster/clu_link.h"
#include "cluster/clu_registry.h"
#include "cluster/clu_resources.h"
#include "cluster/clu_spec.h"

/* What all jobs share; borrowed, outlives them. */
struct clu_masters {
    struct clu_registry *registry;
    struct clu_resources *resources;
    const struct clu_config *config; /* of the coordinator: what a job does not set is as here */
    const char *state_dir;           /* from the root */
    void (*log)(void *arg, enum con_level level, const char *text); /* any thread */
    void *log_arg;
};

struct clu_master;

/*
 * A job. `plan` is taken over, also after an error; NULL: the job is over. `record`: its id, and what is known of it.
 * Returns: CEP_EINVAL for settings that do not fit together.
 */
enum cep_rc clu_master_new(const struct clu_masters *all, const struct clu_spec *spec, struct plan *plan,
    const struct clu_record *record, struct clu_master **out, struct cep_err *err);
/* Sees to it from now on; a job that is over needs nothing. */
enum cep_rc clu_master_start(struct clu_master *m, struct cep_err *err);
/* The coordinator ends; waits for the thread. The job is not over by that. */
void clu_master_stop(struct clu_master *m);
void clu_master_free(struct clu_master *m); /* Requires: stopped, or never started. NULL is fine */

const char *clu_master_id(const struct clu_master *m);
struct clu_job *clu_master_shown(struct clu_master *m);
/* What a worker said of the job. In the loop's thread. */
void clu_master_heard(struct clu_master *m, const char *worker, const Clu__Msg *msg);
/* That worker has come: what it may still run of the job is to end, and whoever had its address before is not there any more. */
void clu_master_came(struct clu_master *m, const char *worker, const char *address, struct clu_link *link);
/* That worker's link is down; `heard_us`: monotonic, the last that was heard of it; `dead`: its process is gone. */
void clu_master_lost(
    struct clu_master *m, const char *worker, int64_t heard_us, bool dead, const struct cep_err *why);
/* That worker wants to go: what it has of the job goes to others, from a checkpoint taken on the spot. */
void clu_master_move(struct clu_master *m, const char *worker);
/* A call about the job. */
enum cep_rc clu_master_call(struct clu_master *m, enum clu_rest_op op, const struct clu_rest_args *args,
    struct base_buf *out, struct cep_err *err);
