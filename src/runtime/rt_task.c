/*
 * rt_task -- see rt_task.h: the loop that reads, waits and drains.
 */
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_combine.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_part.h"

#include "base/base_err.h"

#include <errno.h>
#include <event2/event.h>

enum {
    MAX_WAIT_US = 200 * 1000, /* so that progress is shown and a stop is seen */
    MIN_WAIT_US = 100,
    HELD_BACK_US = 1000, /* others are being read meanwhile */
    DRAIN_WAIT_US = 20 * 1000,
    SHOW_US = 100 * 1000
};

static int64_t mono(const struct rt_task *task) {
    return clk_mono(task->job->opts.clk);
}

/* -- sinks ------------------------------------------------------------------------------------------------------ */

/* Each of them, whatever happens to the others. Returns: the first error. */
static enum cep_rc flush_sinks(struct rt_task *task, bool final, bool *again, struct cep_err *err) {
    enum cep_rc first = CEP_OK;
    *again = false;
    if (task->n_sinks > 0 && task->job->part && !rt_part_may_write(task->job))
        return CEP_OK; /* the part is over */
    for (uint32_t i = 0; i < task->n_sinks; i++) {
        enum cep_rc rc = rt_sink_flush(task->sinks[i], final, first == CEP_OK ? err : NULL);
        if (rc == CEP_AGAIN)
            *again = true;
        else if (first == CEP_OK)
            first = rc;
    }
    task->flushed_us = mono(task);
    return first;
}

/* Once the job is ending, what is under way is taken whatever the sinks hold: it is bounded by the channels. */
static bool sinks_busy(const struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_sinks; i++)
        if (rt_sink_busy(task->sinks[i]))
            return !(task->n_ins > 0 && rt_job_ending(task->job));
    return false;
}

/* Every sink's reader is gone: nobody will see what comes. */
static bool sinks_gone(const struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_sinks; i++)
        if (!rt_sink_gone(task->sinks[i]))
            return false;
    return task->n_sinks > 0;
}

/* -- waiting ------------------------------------------------------------------------------------------------------ */

static bool all_done(const struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_sources; i++)
        if (!task->sources[i]->done)
            return false;
    return true;
}

/* Lets libevent work: at once, or until something happens, at most `us`. */
static enum cep_rc run_loop(struct rt_task *task, int64_t us, struct cep_err *err) {
    if (us > 0) {
        struct timeval tv = { us / 1000000, us % 1000000 };
        if (event_add(task->timer, &tv) != 0)
            return base_err_set(err, CEP_EIO, "could not set a timer");
    }
    if (event_base_loop(task->loop, us > 0 ? EVLOOP_ONCE : EVLOOP_NONBLOCK) < 0)
        return base_err_set(err, CEP_EIO, "the event loop failed: %s", strerror(errno));
    return CEP_OK;
}

/* Sleeps unless something came in the meantime. */
static enum cep_rc sleep_until_bell(struct rt_task *task, int64_t us, struct cep_err *err) {
    int64_t from = mono(task);
    atomic_store(&task->asleep, true);
    bool now = task->n_ins > 0 ? rt_task_has_input(task) : rt_job_ending(task->job);
    now = now || rt_checkpoint_waits(task) || rt_later_waits(&task->later);
    enum cep_rc rc = run_loop(task, now ? 0 : us, err);
    atomic_store(&task->asleep, false);
    task->idle_us += mono(task) - from;
    return rc;
}

/* How long there is nothing to do: until a source wants to be polled, an idle time-out, a flush. */
static int64_t wait_us(const struct rt_task *task, bool full, int64_t next_tick_us) {
    int64_t now = mono(task), at = rt_task_next_poll(task, full);
    if (task->held_back && at > now + HELD_BACK_US)
        at = now + HELD_BACK_US;
    if (next_tick_us < at)
        at = next_tick_us;
    int64_t due = rt_checkpoint_due(task);
    if (due < at)
        at = due;
    if (at <= now)
        return MIN_WAIT_US;
    int64_t wait = at - now;
    return wait < MIN_WAIT_US ? MIN_WAIT_US : wait > MAX_WAIT_US ? MAX_WAIT_US : wait;
}

/* The only task shows progress itself; of many, the thread that waits for them does. */
static void show(struct rt_task *task) {
    struct rt_job *job = task->job;
    int64_t now = mono(task);
    bool alone = job->exec.n_tasks == 1 && !job->part;
    bool wanted = job->part || (job->opts.progress && job->opts.progress_every_us > 0);
    if (!wanted || now - task->shown_us < (alone ? job->opts.progress_every_us : SHOW_US))
        return;
    task->shown_us = now;
    rt_task_show(task);
    if (alone)
        job->opts.progress(job->opts.arg, job);
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

/* Between batches: sockets, sinks, the clock, readers. *busy: sinks want no more now. */
static enum cep_rc housekeeping(struct rt_task *task, bool *busy, struct cep_err *err) {
    bool again;
    int64_t next_tick;
    rt_task_announce(task);
    enum cep_rc rc = run_loop(task, 0, err);
    if (rc == CEP_OK)
        rc = rt_task_tick(task, &next_tick, err);
    if (rc == CEP_OK && (sinks_busy(task) || mono(task) - task->flushed_us >= task->job->opts.linger_us))
        rc = flush_sinks(task, false, &again, err);
    *busy = sinks_busy(task);
    if (*busy)
        rt_task_unheard(task);
    rt_task_count(task);
    show(task);
    return rc;
}

static enum cep_rc wait_for_input(struct rt_task *task, bool full, struct cep_err *err) {
    bool again;
    int64_t next_tick;
    enum cep_rc rc = flush_sinks(task, false, &again, err);
    if (rc == CEP_OK)
        rc = rt_task_tick(task, &next_tick, err);
    rt_task_count(task);
    rt_task_announce(task);
    if (rc == CEP_OK) {
        int64_t wait = wait_us(task, full, next_tick);
        rc = sleep_until_bell(task, again && wait > DRAIN_WAIT_US ? DRAIN_WAIT_US : wait, err);
    }
    show(task);
    return rc;
}

static enum cep_rc wait_for_sinks(struct rt_task *task, struct cep_err *err) {
    int64_t from = mono(task);
    enum cep_rc rc = run_loop(
        task, rt_checkpoint_waits(task) || rt_later_waits(&task->later) ? 0 : DRAIN_WAIT_US, err);
    task->blocked_us += mono(task) - from;
    return rc;
}

static bool is_over(struct rt_task *task) {
    if (rt_job_is_cut(task->job))
        return true;
    if (sinks_gone(task) && !task->job->part)
        rt_job_halt(task->job);
    if (task->n_ins > 0)
        return task->n_stopped == task->n_ins;
    return all_done(task) || rt_job_ending(task->job);
}

static bool buffers_full(const struct rt_task *task) {
    return task->n_sources > 0 && rt_job_buffered(task->job) >= task->job->opts.max_buffered;
}

static enum cep_rc turn_loop(struct rt_task *task, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    bool busy = false, full = false;
    for (uint32_t step = 1; rc == CEP_OK && !is_over(task); step++) {
        if (rt_checkpoint_waits(task) && (rc = rt_checkpoint_turn(task, err)) != CEP_OK)
            break;
        if (rt_later_waits(&task->later) &&
            (rc = rt_later_some(task, task->job->opts.save_slice_us, err)) != CEP_OK)
            break;
        if (step % HOUSEKEEPING_STEPS == 0 || busy) {
            rc = housekeeping(task, &busy, err);
            full = buffers_full(task);
            if (rc == CEP_OK && busy)
                rc = wait_for_sinks(task, err);
            if (rc != CEP_OK || busy)
                continue;
        }
        rc = task->n_ins > 0             ? rt_task_take(task, err)
             : rt_checkpoint_holds(task) ? CEP_AGAIN
                                         : rt_task_read(task, full, err);
        if (rc == CEP_AGAIN) {
            rc = wait_for_input(task, full, err);
            full = buffers_full(task);
        }
    }
    return rc;
}

/* -- the end ------------------------------------------------------------------------------------------------------ */

static enum cep_rc undelivered(const struct rt_task *task, struct cep_err *err) {
    struct base_buf which = BASE_BUF_INIT;
    for (uint32_t i = 0; i < task->n_sinks; i++) {
        struct con_sink_stats st;
        rt_sink_stats(task->sinks[i], &st);
        if (st.pending > 0)
            base_buf_printf(&which, "%s\"%.*s\" still holds %llu row%s", which.len ? ", " : "",
                BASE_STR_FMT(task->sinks[i]->name), (unsigned long long)st.pending,
                st.pending == 1 ? "" : "s");
    }
    enum cep_rc rc = base_err_set(err, CEP_EIO,
        "sinks could not deliver everything within %.1f s of the end: %s",
        (double)task->job->opts.drain_us / 1e6, base_buf_cstr(&which));
    base_err_hint(err, "--sink-drain gives them more time");
    base_buf_release(&which);
    return rc;
}

/* Gets rid of what sinks hold. */
static enum cep_rc drain(struct rt_task *task, struct cep_err *err) {
    int64_t until;
    if (__builtin_add_overflow(mono(task), task->job->opts.drain_us, &until))
        until = INT64_MAX;
    enum cep_rc rc = CEP_OK;
    for (bool again = true; rc == CEP_OK && again && !rt_job_is_cut(task->job);) {
        rc = flush_sinks(task, true, &again, err);
        if (rc == CEP_OK && again)
            rc = mono(task) >= until ? undelivered(task, err) : run_loop(task, DRAIN_WAIT_US, err);
    }
    return rc;
}

enum cep_rc rt_task_flush(struct rt_task *task, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < task->vertex->n_nodes && rc == CEP_OK; i++)
        rc = rt_op_errors_flush(task->graph.ops[task->vertex->nodes[i]], err);
    for (uint32_t i = 0; i < task->job->graph->n_exchanges && rc == CEP_OK; i++)
        if (task->sends[i].combine)
            rc = rt_combine_flush(task->sends[i].combine, err);
    return rc;
}

static enum cep_rc resume(struct rt_task *task, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < task->n_sources && rc == CEP_OK; i++)
        rc = rt_source_resume(task->sources[i]->op, err);
    return rc;
}

void rt_task_run(struct rt_task *task) {
    struct cep_err err = CEP_ERR_INIT;
    task->flushed_us = task->shown_us = task->started_us = mono(task);
    rt_task_show(task);
    enum cep_rc rc = rt_flights_take(task, &err);
    if (rc == CEP_OK)
        rc = resume(task, &err);
    if (rc == CEP_OK)
        rc = turn_loop(task, &err);
    bool cut = rt_job_is_cut(task->job);
    rt_checkpoint_finish(task, rc != CEP_OK || cut);
    if (rc == CEP_OK && !cut)
        rc = rt_task_flush(task, &err);
    if (rc != CEP_OK) {
        rt_job_fail(task->job, rc, &err);
        rt_task_discard(task);
    }
    if (!rt_job_is_cut(task->job))
        rt_task_push_stop(task);
    /* After a failure, what was let go before it still goes out, if it can; the failure is what is reported. */
    enum cep_rc drained = drain(task, rc == CEP_OK ? &err : NULL);
    if (rc == CEP_OK && drained != CEP_OK)
        rt_job_fail(task->job, drained, &err);
    task->ended = true;
    rt_task_count(task);
    rt_task_show(task);
    if (rc == CEP_OK && drained == CEP_OK && !rt_job_is_cut(task->job) && task->job->relay)
        rt_relay_ended(task->job->relay, task);
}
