#pragma once
/*
 * clu_master_internal -- a job of a cluster, for the files that see to it.
 */
#include "cluster/clu_keep.h"
#include "cluster/clu_master.h"
#include "runtime/rt_master.h"

#include <pthread.h>
#include <stdatomic.h>

/* A worker that the attempt is on. */
struct clu_member {
    bool cancelled;   /* it said that nothing of the attempt is left */
    bool gone;        /* its link is down */
    int64_t heard_us; /* monotonic; gone: the last that was heard of it */
};

/* The attempt that is deployed, and where. */
struct clu_attempt {
    uint32_t number; /* over all of the job's life; 0 = none is deployed */
    struct clu_slots slots;
    struct clu_member *members; /* owned; by slots.workers */
    uint32_t *member_of;        /* owned; by task */
    uint32_t n_tasks;
};

struct clu_master {
    /* Set once. */
    const struct clu_masters *all; /* borrowed */
    struct base_arena arena;       /* of config */
    struct clu_spec spec;
    struct clu_config config;
    int64_t heartbeat_timeout_us;
    struct plan *plan;     /* owned; NULL: it is over */
    struct clu_job *shown; /* owned */
    pthread_t thread;
    bool started;
    /* The thread's. */
    struct rt_opts opts;
    struct rt_remote remote;
    struct clu_keep keep;
    struct clu_record record; /* the id is set once */
    uint32_t before;          /* attempts there were before this run of the job */
    /* Shared. */
    atomic_bool stopping;          /* the coordinator ends */
    atomic_bool again;             /* the run that was stopped is followed by another one: other slots */
    atomic_uint parallelism;       /* of the next run */
    pthread_mutex_t mutex;         /* of `job`: events come while it lives */
    struct rt_job *job;            /* owned by the thread; NULL: none now */
    pthread_mutex_t attempt_mutex; /* of what follows; nothing else is locked under it */
    pthread_cond_t changed;
    struct clu_attempt attempt;
};

void clu_master_say(struct clu_master *m, enum con_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* True when it is not to run any more: cancelled, or the coordinator ends. */
bool clu_master_is_to_end(struct clu_master *m);
/* Until there are so many. Returns: CEP_OK; CEP_EINTERRUPTED: it is not to run any more. */
enum cep_rc clu_master_take_slots(struct clu_master *m, uint32_t n, struct clu_slots *out);
/* In the registry, then shown. */
void clu_master_go_to(struct clu_master *m, enum rt_state state);
void clu_master_keep_record(struct clu_master *m);
/* Of a job that was stopped: who looks at it sees with what. */
void clu_master_note_savepoint(struct clu_master *m);

/* -- clu_master_run.c: the thread ----------------------------------------------------------------------------------------- */

void *clu_master_run(void *arg);

/* -- clu_master_remote.c: what the job asks of the workers -------------------------------------------------------------------- */

void clu_master_remote_init(struct clu_master *m);
/* The attempt that the coordinator before this one had deployed: its workers are not here yet, and may still run it. */
void clu_master_remember_attempt(struct clu_master *m);
/* Requires: nobody else has it. */
void clu_master_forget_attempt(struct clu_master *m);
