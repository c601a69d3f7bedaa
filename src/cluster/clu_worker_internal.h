#pragma once
/*
 * clu_worker_internal -- one part of a job in a worker, for the worker that has it.
 *
 * Threads: marked.
 */
#include "cluster/clu_data.h"
#include "cluster/clu_worker.h"
#include "cluster/clu_worker_dir.h"

#include <pthread.h>

struct clu_worker_part;

struct clu_worker {
    struct clu_worker_opts opts;
    char name[17]; /* drawn anew by each process */
    struct clu_loop *loop;
    struct clu_data *data;
    struct clu_link *link;
    struct clu_timer *timer;    /* the loop's: looks at the lease */
    struct clu_timer *teller;   /* the loop's: tells of the wire */
    struct clu_worker_dir *dir; /* owned; of databases; NULL = temporary folders */
    /* The loop's. */
    char coordinator[17]; /* of the last welcome */
    /* Shared. */
    pthread_mutex_t mutex;
    pthread_cond_t gone;           /* a part went */
    struct clu_worker_part *parts; /* owned; a list */
};

/* A part and its thread; the message is copied. Requires: the worker's lock. Returns: NULL when there is no thread to be had. */
struct clu_worker_part *clu_worker_part_new(struct clu_worker *w, const Clu__Msg *deploy);
/* A message for it; copied. Requires: the worker's lock. Any thread. */
void clu_worker_part_tell(struct clu_worker_part *p, const Clu__Msg *msg);
/*
 * It is given up: ends where it stands, and goes. `answer`: what was asked to be gone (all attempts up to its; `all_regions`: of the job, else of
 * the region): the last part that goes tells the coordinator so; NULL = nobody asked. Requires: the worker's lock. Any thread.
 */
void clu_worker_part_cancel(struct clu_worker_part *p, const Clu__Part *answer, bool all_regions);
/* Of that job, region (or of any) and of an attempt up to that one? */
bool clu_worker_part_is(const struct clu_worker_part *p, const Clu__Part *up_to, bool all_regions);
bool clu_worker_part_is_of(const struct clu_worker_part *p, const Clu__Part *part);
/* What a part says to the coordinator; the body is filled in. Any thread. */
void clu_worker_send(struct clu_worker *w, const Clu__Part *part, Clu__Msg *msg);
void clu_worker_send_cancelled(struct clu_worker *w, const Clu__Part *part, bool all_regions);
void clu_worker_send_failed(struct clu_worker *w, const Clu__Part *part, const struct cep_err *err);
struct clu_worker_part *clu_worker_part_next(const struct clu_worker_part *p);
/* Until when anything may be written, as the link has it now. Any thread. */
int64_t clu_worker_lease(const struct clu_worker *w);
