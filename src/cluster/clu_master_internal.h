#pragma once
/*
 * clu_master_internal -- a job of a cluster, for the files that see to it.
 */
#include "cluster/clu_keep.h"
#include "cluster/clu_master.h"
#include "runtime/rt_master.h"

#include <pthread.h>
#include <stdatomic.h>

/* A worker that an attempt is on. */
struct clu_member {
    bool cancelled;   /* it said that nothing of the attempt is left */
    bool gone;        /* its link is down */
    int64_t heard_us; /* monotonic; gone: the last that was heard of it */
};

/* What of a region is deployed, and where. */
struct clu_attempt {
    uint32_t number;            /* over all of the job's life; 0 = nothing is deployed */
    bool all_regions;           /* what the coordinator before this one had deployed, whatever that was */
    struct clu_slots on;        /* the workers that have tasks of it; without slots */
    struct clu_member *members; /* owned; by on.workers */
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
    struct clu_slots slots;       /* of the job; none while nothing is deployed */
    bool *lost;                   /* owned; by slot: its worker is gone */
    uint32_t *slot_of;            /* owned; by task */
    struct clu_attempt *attempts; /* owned; by region */
    uint32_t n_attempts;
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

/* -- clu_master_remote.c: what the job asks of the workers (rt_remote) ---------------------------------------------------------- */

void clu_master_remote_init(struct clu_master *m);

/* -- clu_master_attempt.c: slots, and what is deployed on them. `regions`: by region; NULL = all. The job's thread alone changes it ----- */

/* What the coordinator before this one had deployed: its workers are not here yet, and may still run it. */
void clu_attempts_remember(struct clu_master *m);
/* Requires: nothing of it is alive. */
void clu_attempts_forget(struct clu_master *m);
/* Slots for these regions' tasks: all that the job wants when it has none, else those whose workers are gone. CEP_EINTERRUPTED: it is not to run any more. */
enum cep_rc clu_attempts_take_slots(struct clu_master *m, const struct rt_exec *x, const bool *regions);
/* In the registry, then known: they may be sent to. Requires: they have slots, and nothing of them is alive. */
void clu_attempts_begin(struct clu_master *m, uint32_t number, const struct rt_exec *x, const bool *regions);
/* To all workers of these regions, with the part's name. One that does not get it is lost, and that is told by its link. */
void clu_attempts_send(struct clu_master *m, const bool *regions, Clu__Msg *msg);
/* Tells them to end, and waits until nothing of them can write any more. */
void clu_attempts_end(struct clu_master *m, const bool *regions);
/* For clu_job_opts. Any thread. */
void clu_attempts_put_workers(void *master, uint32_t region, struct base_buf *out);
/* Requires: the lock. The worker's place on it; UINT32_MAX: it is not. */
uint32_t clu_attempt_member(const struct clu_attempt *a, const char *worker);
/* Requires: the lock. NULL: nothing of that number is deployed there. */
struct clu_attempt *clu_attempt_of(struct clu_master *m, const Clu__Part *part);
