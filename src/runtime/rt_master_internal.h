#pragma once
/*
 * rt_master_internal -- what the files of rt_master share: rt_master.c, the attempts of a whole job; rt_master_region.c, of a region that
 * failed while the others run.
 */
#include "runtime/rt_coordinator.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_master.h"
#include "runtime/rt_report.h"

struct master_task {
    bool ready, ended;
    uint64_t committed;
};

struct master_region {
    uint32_t n_tasks; /* set once */
    uint32_t attempt; /* 0 = none was yet */
    bool open;        /* what comes of it is heard */
    uint32_t n_ready, n_ended;
    enum cep_rc failed; /* it alone: apart */
    struct cep_err failure;
};

struct rt_master {
    /* Set once. */
    const struct rt_remote *remote; /* borrowed */
    const struct rt_job *job;       /* borrowed */
    struct rt_reports *reports;     /* owned */
    struct rt_snap first;           /* where the job began: without parts */
    bool from_beginning;
    bool *all; /* owned; by region: every one */
    /* The thread's of rt_job_run(). */
    bool has_first; /* the first checkpoint is complete: there is something to go back to */
    bool was_ready; /* once */
    /* Shared. */
    pthread_mutex_t mutex;         /* of those below */
    uint32_t attempt;              /* the last one that was given */
    bool apart;                    /* the failure of a region is its own: the others go on */
    struct master_region *regions; /* owned */
    struct master_task *tasks;     /* owned */
    struct sto_losses losses;
};

static inline uint32_t master_n_tasks(const struct rt_job *job) {
    return job->exec.n_tasks;
}

static inline uint32_t master_n_regions(const struct rt_job *job) {
    return job->exec.n_regions;
}

/* -- rt_master.c ------------------------------------------------------------------------------------------------------ */

/* What ended the whole job's attempt; CEP_OK: nothing has. */
enum cep_rc master_failure_of(struct rt_job *job, struct cep_err *err);
/* The next attempt, of these regions. */
void master_open(struct rt_job *job, const bool *which);
/* Nothing of their attempts is heard any more. */
void master_close(struct rt_job *job, const bool *which);
bool master_all_ready(struct rt_job *job, const bool *which);

/* -- rt_master_region.c ----------------------------------------------------------------------------------------------- */

bool master_region_failed(struct rt_job *job);
/*
 * The regions that have failed go back to the last checkpoint, as often as the strategy says, while the others run. Returns: CEP_OK: all run;
 * CEP_EINTERRUPTED: the job was told to stop meanwhile; else what stands.
 */
enum cep_rc master_mend(struct rt_job *job, struct cep_err *err);
