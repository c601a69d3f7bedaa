#pragma once
/*
 * clu_resources -- the workers that are there, their slots, and which jobs have them.
 *
 * Slots are shared: a job of parallelism P takes P slots, and slot i runs subtask i of every vertex (clu_placement()). A job's slots are taken
 * from the workers with the most free ones, one at a time, so that they are spread.
 *
 * Threads: any.
 */
#include "base/base_buf.h"
#include "cep/error.h"
#include "cluster/clu_wire.h"
#include "runtime/rt_exec.h"

struct clu_resources;

struct clu_worker_info {
    const char *id, *host, *address; /* owned; address: for rows, HOST:PORT */
    uint32_t pid, slots, used;
    bool leaving;          /* takes no more tasks */
    int64_t since_us;      /* wall clock */
    int64_t heard_us;      /* since it was heard of last */
    struct clu_link *link; /* a reference */
};

/* A slot of a job: on which worker. Borrowed strings would not outlive the worker: these are owned. */
struct clu_slots {
    struct clu_worker_info *workers; /* those that the job is on; owned */
    uint32_t n_workers;
    uint32_t *worker_of; /* by slot: index into workers; owned */
    uint32_t n;
};
void clu_slots_release(struct clu_slots *s);
/* Its place among the workers; copied. One that is there already may have another link by now. */
uint32_t clu_slots_add(struct clu_slots *s, const struct clu_worker_info *w);

struct clu_resources *clu_resources_new(void);
void clu_resources_free(struct clu_resources *r);

/* A worker comes; `link` is referenced while it is here. */
void clu_resources_add(struct clu_resources *r, const struct clu_worker_info *info);
/* It is gone, whatever it ran. */
void clu_resources_remove(struct clu_resources *r, const char *id);
/* What it has said of its data connections; copied. */
void clu_resources_heard_wire(struct clu_resources *r, const char *id, const struct clu_wire *wire);
/* Owns: the caller releases it. Returns: false when there is no such worker. */
bool clu_resources_wire(struct clu_resources *r, const char *id, struct clu_wire *out);
/* It takes no more tasks. */
void clu_resources_leave(struct clu_resources *r, const char *id);

/*
 * Takes n slots for a job, waiting up to `wait_us` for them. Returns: CEP_OK; CEP_AGAIN: there are not so many free; *free says how
 * many (may be NULL).
 */
enum cep_rc clu_resources_take(struct clu_resources *r, const char *job, uint32_t n, int64_t wait_us,
    struct clu_slots *out, uint32_t *free);
/* All that the job has. */
void clu_resources_give_back(struct clu_resources *r, const char *job);
/* Wakes those who wait in clu_resources_take(). */
void clu_resources_wake(struct clu_resources *r);

struct clu_slot_counts {
    uint32_t workers, total, free;
};
void clu_resources_count(struct clu_resources *r, struct clu_slot_counts *out);
/* A copy of all. Owns: the caller frees it (clu_slots_release()); worker_of is NULL. */
void clu_resources_list(struct clu_resources *r, struct clu_slots *out);

/*
 * Where each task runs: placement[task] = slot. Subtask i of a vertex of parallelism P is in slot i; vertices with fewer subtasks are
 * spread over the slots: of several regions (rt_exec.h) each has slots of its own for them, as far as there are so many, so that a worker that is
 * lost takes along few of them.
 */
void clu_placement(const struct rt_exec *x, uint32_t n_slots, uint32_t *placement);
