/*
 * rt_task_channel -- a task's channels: what it reads, what it writes, who is woken when; see rt_task.h.
 */
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_exchange.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_part.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    BURST = 8,                 /* elements taken from one channel before the next has its turn */
    LONG_WAIT_US = 100 * 1000, /* somebody who looks wants to see that the task is stuck */
    BELL_WAIT_MS = 5,
    ROOM_WAIT_MS = 200 /* a bell could only be missed by a mistake of ours; then it costs time, not a hang */
};

/* -- bells ------------------------------------------------------------------------------------------------------ */

static void ring(int fd) {
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* the counter is at its limit: it rings anyway */
}

void rt_task_ring_bell(struct rt_task *task) {
    if (atomic_exchange(&task->asleep, false))
        ring(task->bell_fd);
}

void rt_task_wait_for_bell(struct rt_task *task) {
    struct pollfd p = { .fd = task->bell_fd, .events = POLLIN };
    uint64_t n;
    atomic_store(&task->asleep, true);
    if (poll(&p, 1, BELL_WAIT_MS) > 0 && read(task->bell_fd, &n, sizeof n) < 0)
        n = 0; /* somebody was faster */
    atomic_store(&task->asleep, false);
}

static void announce(struct rt_task_out *out) {
    if (out->unannounced == 0)
        return;
    out->unannounced = 0;
    (void)rt_ring_sync_writer(out->channel->ring);
    if (out->channel->out)
        rt_part_wake(out->channel->from->job, out->channel->index);
    else
        rt_task_ring_bell(out->channel->to);
}

void rt_task_announce(struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_outs; i++)
        announce(&task->outs[i]);
}

/* -- writing ------------------------------------------------------------------------------------------------------ */

/* Until the reader has made room, or nearly so: the bell may have been for something else. */
static void wait_for_room(struct rt_task *task, struct rt_task_out *out) {
    struct rt_channel *c = out->channel;
    out->unannounced = 1;
    rt_task_announce(task);
    atomic_store(&c->writer_waits, true);
    atomic_store(&task->asleep, true);
    if (rt_ring_sync_writer(c->ring) == c->ring->cap) {
        struct pollfd p = { .fd = task->bell_fd, .events = POLLIN };
        uint64_t n;
        if (poll(&p, 1, ROOM_WAIT_MS) > 0 && read(task->bell_fd, &n, sizeof n) < 0)
            n = 0; /* somebody was faster: the ring is what counts */
    }
    atomic_store(&task->asleep, false);
    atomic_store(&c->writer_waits, false);
}

void rt_task_push(struct rt_task *task, uint32_t out_index, const struct evt_elem *e) {
    struct rt_task_out *out = &task->outs[out_index];
    struct rt_ring *r = out->channel->ring;
    if (!rt_ring_push(r, e)) {
        int64_t from = clk_mono(task->job->opts.clk);
        do {
            if (rt_job_is_cut(task->job)) {
                if (e->kind == EVT_ELEM_BATCH)
                    evt_batch_unref(e->batch);
                return;
            }
            wait_for_room(task, out);
            int64_t now = clk_mono(task->job->opts.clk);
            task->blocked_us += now - from;
            if (now - from >= LONG_WAIT_US)
                rt_task_show_self(task);
            from = now;
        } while (!rt_ring_push(r, e));
    }
    if (++out->unannounced >= r->cap / 4)
        announce(out);
}

void rt_task_announced(struct rt_task *task, uint64_t id) {
    uint64_t known = atomic_load(&task->announced);
    while (known < id && !atomic_compare_exchange_weak(&task->announced, &known, id))
        continue;
    rt_task_ring_bell(task);
}

void rt_task_announce_barrier(struct rt_task *task, uint64_t id) {
    for (uint32_t i = 0; i < task->n_outs; i++) {
        const struct rt_channel *c = task->outs[i].channel;
        if (c->out)
            rt_part_announce(task->job, c->index, id);
        else
            rt_task_announced(c->to, id);
    }
}

void rt_task_push_stop(struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_outs; i++)
        rt_task_push(task, i, &(struct evt_elem){ .kind = EVT_ELEM_STOP });
    rt_task_announce(task);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

bool rt_task_has_input(const struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_ins; i++)
        if (!task->ins[i].stopped && !task->ins[i].blocked &&
            rt_ring_sync_reader(task->ins[i].channel->ring) > 0)
            return true;
    return false;
}

/*
 * After a burst: a writer that waits goes on when half of the ring is free; at once when its barrier is waited for. One elsewhere has
 * credits left as long as less than a quarter is new.
 */
static void let_writer_go_on(struct rt_task_in *in, uint32_t n_taken) {
    struct rt_channel *c = in->channel;
    if (c->in) {
        in->taken += n_taken;
        if (in->taken < c->ring->cap / 4)
            return;
        in->taken = 0;
        rt_part_wake(c->to->job, c->index);
        return;
    }
    uint32_t n = rt_ring_sync_reader(c->ring);
    if ((n <= c->ring->cap / 2 || in->logging) && atomic_load(&c->writer_waits))
        rt_task_ring_bell(c->from);
}

static void next_channel(struct rt_task *task) {
    if (task->in_burst > 0)
        let_writer_go_on(&task->ins[task->in_turn], task->in_burst);
    task->in_burst = 0;
    task->in_turn = (task->in_turn + 1) % task->n_ins;
}

/* Returns: the channel that `out` came from, or NULL when all that may be read are empty. */
static struct rt_task_in *pop(struct rt_task *task, struct evt_elem *out) {
    for (uint32_t tries = 0; tries <= task->n_ins; tries++) {
        struct rt_task_in *in = &task->ins[task->in_turn];
        if (task->in_burst < BURST && !in->stopped && !in->blocked && rt_ring_pop(in->channel->ring, out)) {
            task->in_burst++;
            return in;
        }
        next_channel(task);
    }
    return NULL;
}

static void stopped(struct rt_task *task, struct rt_task_in *in) {
    in->stopped = true;
    task->n_stopped++;
}

enum cep_rc rt_task_take(struct rt_task *task, struct cep_err *err) {
    struct evt_elem e;
    struct rt_task_in *in = pop(task, &e);
    if (!in)
        return CEP_AGAIN;
    if (e.kind == EVT_ELEM_BARRIER)
        return rt_checkpoint_align(task, in, e.barrier, err);
    if (e.kind == EVT_ELEM_STOP) {
        stopped(task, in);
        rt_checkpoint_logged(task, in);
        return rt_checkpoint_align(task, NULL, 0, err);
    }
    if (in->logging)
        rt_checkpoint_log(task, in, &e);
    return rt_gate_take(task->gates[e.stream], in->writer, &e, err);
}

void rt_task_unblock(struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_ins; i++)
        task->ins[i].blocked = false;
    task->n_blocked = 0;
}

void rt_task_discard(struct rt_task *task) {
    struct evt_elem e;
    struct rt_task_in *in;
    rt_task_unblock(task);
    while (task->n_stopped < task->n_ins && !rt_job_is_cut(task->job)) {
        while (task->n_stopped < task->n_ins && (in = pop(task, &e)) != NULL) {
            if (e.kind == EVT_ELEM_BATCH)
                evt_batch_unref(e.batch);
            if (e.kind == EVT_ELEM_STOP)
                stopped(task, in);
        }
        atomic_store(&task->asleep, true);
        if (task->n_stopped < task->n_ins && !rt_task_has_input(task) && !rt_job_is_cut(task->job)) {
            struct pollfd p = { .fd = task->bell_fd, .events = POLLIN };
            uint64_t n;
            if (poll(&p, 1, ROOM_WAIT_MS) > 0 && read(task->bell_fd, &n, sizeof n) < 0)
                n = 0;
        }
        atomic_store(&task->asleep, false);
    }
}
