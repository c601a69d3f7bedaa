/*
 * rt_relay -- see rt_relay.h.
 */
#include "runtime/rt_relay.h"

#include "base/base_mem.h"
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_db.h"
#include "runtime/rt_job_internal.h"
#include "state/sto_work.h"

#include <unistd.h>

/* Of a part that a task still writes. */
struct piece {
    struct piece *next;     /* owned */
    struct rt_saved *saved; /* borrowed: it comes later */
    struct rt_part *part;   /* borrowed from it */
    struct base_buf bytes;
};

struct rt_relay {
    /* Set once. */
    struct rt_job *job; /* borrowed */
    struct rt_relay_to to;
    /* The owner's. */
    bool *alone;     /* owned; by task: does not run */
    bool *leaving;   /* owned; by task: has ended, and nobody was told yet */
    uint64_t *heard; /* owned; by task: the last checkpoint it saved */
    uint64_t *told; /* owned; by task: the last of which somebody was told that its sinks have committed it */
    /* Shared. */
    atomic_uint_fast64_t begun, complete, stops_at, aligned_to;
    pthread_mutex_t mutex;               /* of those below */
    struct rt_saved *saved, **saved_end; /* owned; not looked at yet, in order of arrival */
    struct piece *pieces, **pieces_end;  /* owned; before those of `saved` that came after them */
    bool *ended;                         /* owned; by task: not looked at yet */
};

struct rt_saved *rt_saved_new(uint64_t id, uint32_t task) {
    struct rt_saved *s = base_calloc(1, sizeof *s);
    s->id = id;
    s->task = task;
    rt_snap_init(&s->snap);
    return s;
}

void rt_saved_free(struct rt_saved *s) {
    while (s) {
        struct rt_saved *next = s->next;
        rt_snap_release(&s->snap);
        base_free(s);
        s = next;
    }
}

static uint32_t n_tasks(const struct rt_relay *r) {
    return r->job->exec.n_tasks;
}

static void wake(struct rt_relay *r) {
    uint64_t one = 1;
    if (write(r->to.wake_fd, &one, sizeof one) < 0)
        return; /* full: it will wake up anyway */
}

static void ring_tasks(struct rt_relay *r) {
    for (uint32_t t = 0; t < n_tasks(r); t++)
        rt_task_ring_bell(&r->job->tasks[t]);
}

/* -- what was decided ------------------------------------------------------------------------------------------------ */

void rt_relay_begin(struct rt_relay *r, uint64_t id, struct rt_barrier how) {
    if (how.aligned)
        atomic_store(&r->aligned_to, id);
    if (how.stop)
        atomic_store(&r->stops_at, id);
    atomic_store(&r->begun, id);
    ring_tasks(r);
    wake(r);
}

void rt_relay_complete(struct rt_relay *r, uint64_t id) {
    atomic_store(&r->complete, id);
    ring_tasks(r);
    wake(r);
}

void rt_relay_resume(struct rt_relay *r) {
    atomic_store(&r->stops_at, 0);
    ring_tasks(r);
}

/* -- for tasks ------------------------------------------------------------------------------------------------------- */

uint64_t rt_relay_begun(const struct rt_relay *r) {
    return atomic_load(&r->begun);
}

uint64_t rt_relay_completed(const struct rt_relay *r) {
    return atomic_load(&r->complete);
}

uint64_t rt_relay_stops_at(const struct rt_relay *r) {
    return atomic_load(&r->stops_at);
}

uint64_t rt_relay_aligned_to(const struct rt_relay *r) {
    return atomic_load(&r->aligned_to);
}

static void spool(struct rt_relay *r, struct rt_part *part, struct base_str bytes) {
    if (part->failed == CEP_OK)
        part->failed = rt_job_need_work(r->job, &part->failure);
    if (part->failed == CEP_OK)
        rt_part_spool(part, sto_work_path(r->job->work), bytes);
}

void rt_relay_spool(struct rt_relay *r, struct rt_part *part) {
    spool(r, part, base_buf_view(&part->bytes));
    base_buf_clear(&part->bytes);
}

void rt_relay_queue(struct rt_relay *r, struct rt_saved *s, struct rt_part *part) {
    struct piece *p = base_calloc(1, sizeof *p);
    p->saved = s;
    p->part = part;
    p->bytes = part->bytes;
    part->bytes = (struct base_buf)BASE_BUF_INIT;
    (void)base_buf_reserve(
        &part->bytes, RT_PART_CHUNK + RT_PART_CHUNK / 4); /* the next one has the same length */
    atomic_fetch_add(&s->queued, p->bytes.len);
    (void)pthread_mutex_lock(&r->mutex);
    *r->pieces_end = p;
    r->pieces_end = &p->next;
    (void)pthread_mutex_unlock(&r->mutex);
    wake(r);
}

void rt_relay_acknowledge(struct rt_relay *r, struct rt_saved *s) {
    (void)pthread_mutex_lock(&r->mutex);
    *r->saved_end = s;
    r->saved_end = &s->next;
    (void)pthread_mutex_unlock(&r->mutex);
    wake(r);
}

void rt_relay_ended(struct rt_relay *r, const struct rt_task *task) {
    (void)pthread_mutex_lock(&r->mutex);
    r->ended[task->index] = true;
    (void)pthread_mutex_unlock(&r->mutex);
    wake(r);
}

/* -- handing on ------------------------------------------------------------------------------------------------------ */

static bool wanted(const struct rt_relay *r, uint64_t id) {
    return !r->to.wanted || r->to.wanted(r->to.arg, id);
}

/* A task writes nothing to its database between the end of its save and this: what is there now belongs to the save. */
static void take_db(struct rt_relay *r, struct rt_saved *s) {
    struct rt_task *task = &r->job->tasks[s->task];
    if (!task->db)
        return;
    if (s->rc == CEP_OK && wanted(r, s->id))
        s->rc = rt_db_save(task, s->id, &s->snap, &s->err);
    atomic_store(&task->taken, s->id);
    if (r->alone[s->task])
        rt_checkpoint_taken(task);
    else
        rt_task_ring_bell(task);
}

static void hand_on(struct rt_relay *r, struct rt_saved *s) {
    s->next = NULL;
    if (s->dropped) {
        rt_saved_free(s);
        return;
    }
    take_db(r, s);
    r->heard[s->task] = s->id;
    r->to.saved(r->to.arg, s);
}

/* The part's own bytes are the task's: what is written is the piece. */
static void write_piece(struct rt_relay *r, struct piece *p) {
    spool(r, p->part, base_buf_view(&p->bytes));
    atomic_fetch_sub(&p->saved->queued, p->bytes.len);
    rt_task_ring_bell(&r->job->tasks[p->saved->task]);
}

static void free_pieces(struct piece *p) {
    while (p) {
        struct piece *next = p->next;
        base_buf_release(&p->bytes);
        base_free(p);
        p = next;
    }
}

static void tell_ended(struct rt_relay *r) {
    for (uint32_t t = 0; t < n_tasks(r); t++) {
        if (r->leaving[t])
            r->to.ended(r->to.arg, t);
        r->leaving[t] = false;
    }
}

void rt_relay_listen(struct rt_relay *r) {
    (void)pthread_mutex_lock(&r->mutex);
    struct piece *pieces = r->pieces;
    r->pieces = NULL;
    r->pieces_end = &r->pieces;
    struct rt_saved *s = r->saved;
    r->saved = NULL;
    r->saved_end = &r->saved;
    for (uint32_t t = 0; t < n_tasks(r); t++) {
        r->leaving[t] = r->ended[t];
        r->alone[t] |= r->ended[t];
        r->ended[t] = false;
    }
    (void)pthread_mutex_unlock(&r->mutex);
    for (struct piece *p = pieces; p; p = p->next)
        write_piece(r, p);
    free_pieces(pieces);
    while (s) {
        struct rt_saved *next = s->next;
        hand_on(r, s);
        s = next;
    }
    tell_ended(r);
}

/* -- in place of tasks that do not run ------------------------------------------------------------------------------- */

void rt_relay_start(struct rt_relay *r) {
    memset(r->alone, 0, n_tasks(r) * sizeof *r->alone);
    memset(r->ended, 0, n_tasks(r) * sizeof *r->ended);
    for (uint32_t t = 0; t < n_tasks(r); t++) {
        r->heard[t] = r->job->tasks[t].barrier = atomic_load(&r->begun);
        r->job->tasks[t].committed = atomic_load(&r->complete);
    }
}

void rt_relay_stand_in(struct rt_relay *r) {
    for (uint32_t t = 0; t < n_tasks(r); t++)
        r->alone[t] = true;
}

/* All ids in their order: nothing is missing that a running task will not bring. */
void rt_relay_save(struct rt_relay *r) {
    uint64_t begun = atomic_load(&r->begun);
    for (uint32_t t = 0; t < n_tasks(r); t++) {
        if (!r->alone[t] || !rt_job_has(r->job, t))
            continue;
        while (r->heard[t] < begun) {
            uint64_t id = ++r->heard[t];
            if (wanted(r, id))
                hand_on(r, rt_checkpoint_save(&r->job->tasks[t], id));
        }
    }
}

enum cep_rc rt_relay_commit(struct rt_relay *r, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t t = 0; t < n_tasks(r) && rc == CEP_OK; t++) {
        struct rt_task *task = &r->job->tasks[t];
        if (!r->alone[t] || !rt_job_has(r->job, t))
            continue;
        rc = rt_checkpoint_commit(task, err);
        if (rc != CEP_OK || r->told[t] == task->committed)
            continue;
        r->told[t] = task->committed;
        if (r->to.committed)
            r->to.committed(r->to.arg, t, task->committed);
    }
    return rc;
}

/* -- making ---------------------------------------------------------------------------------------------------------- */

struct rt_relay *rt_relay_new(struct rt_job *job, uint64_t last, const struct rt_relay_to *to) {
    struct rt_relay *r = base_calloc(1, sizeof *r);
    r->job = job;
    r->to = *to;
    r->alone = base_calloc(n_tasks(r) + (size_t)1, sizeof *r->alone);
    r->leaving = base_calloc(n_tasks(r) + (size_t)1, sizeof *r->leaving);
    r->ended = base_calloc(n_tasks(r) + (size_t)1, sizeof *r->ended);
    r->heard = base_calloc(n_tasks(r) + (size_t)1, sizeof *r->heard);
    r->told = base_calloc(n_tasks(r) + (size_t)1, sizeof *r->told);
    r->pieces_end = &r->pieces;
    r->saved_end = &r->saved;
    atomic_init(&r->begun, last);
    atomic_init(&r->complete, last);
    atomic_init(&r->stops_at, 0);
    atomic_init(&r->aligned_to, 0);
    (void)pthread_mutex_init(&r->mutex, NULL);
    for (uint32_t t = 0; t < n_tasks(r); t++)
        r->heard[t] = r->told[t] = last;
    return r;
}

void rt_relay_forget(struct rt_relay *r) {
    free_pieces(r->pieces);
    r->pieces = NULL;
    r->pieces_end = &r->pieces;
    rt_saved_free(r->saved);
    r->saved = NULL;
    r->saved_end = &r->saved;
}

void rt_relay_free(struct rt_relay *r) {
    if (!r)
        return;
    rt_relay_forget(r);
    (void)pthread_mutex_destroy(&r->mutex);
    base_free(r->alone);
    base_free(r->leaving);
    base_free(r->ended);
    base_free(r->heard);
    base_free(r->told);
    base_free(r);
}
