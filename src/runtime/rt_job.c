/*
 * rt_job -- see rt_job.h: the loop that reads, waits and drains, and what can be seen of it.
 */
#include "runtime/rt_job_internal.h"

#include "base/base_err.h"

#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

enum {
    MAX_WAIT_US = 200 * 1000, /* so that progress is shown and a stop is seen */
    MIN_WAIT_US = 100,
    DRAIN_WAIT_US = 20 * 1000
};

void rt_job_stop(struct rt_job *job) {
    uint64_t one = 1;
    atomic_store(&job->stop, true);
    if (write(job->stop_fd, &one, sizeof one) < 0)
        return; /* full: it will wake up anyway */
}

/* -- the loop ------------------------------------------------------------------------------------------------------ */

/* Each of them, whatever happens to the others. Returns: the first error. */
static enum cep_rc flush_sinks(struct rt_job *job, bool final, bool *again, struct cep_err *err) {
    enum cep_rc first = CEP_OK;
    *again = false;
    for (uint32_t i = 0; i < job->n_sinks; i++) {
        enum cep_rc rc = rt_sink_flush(job->sinks[i], final, first == CEP_OK ? err : NULL);
        if (rc == CEP_AGAIN)
            *again = true;
        else if (first == CEP_OK)
            first = rc;
    }
    job->flushed_us = clk_mono(job->opts.clk);
    return first;
}

static bool sinks_busy(const struct rt_job *job) {
    for (uint32_t i = 0; i < job->n_sinks; i++)
        if (rt_sink_busy(job->sinks[i]))
            return true;
    return false;
}

/* Every sink's reader is gone: nobody will see what comes. */
static bool sinks_gone(const struct rt_job *job) {
    for (uint32_t i = 0; i < job->n_sinks; i++)
        if (!rt_sink_gone(job->sinks[i]))
            return false;
    return job->n_sinks > 0;
}

static enum cep_rc tick_sources(struct rt_job *job, int64_t *next_us, struct cep_err *err) {
    *next_us = INT64_MAX;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        int64_t next;
        if (job->sources[i].done)
            continue;
        enum cep_rc rc = rt_source_tick(job->sources[i].op, &next, err);
        if (rc != CEP_OK)
            return rc;
        if (next < *next_us)
            *next_us = next;
    }
    return CEP_OK;
}

static bool all_done(const struct rt_job *job) {
    for (uint32_t i = 0; i < job->n_sources; i++)
        if (!job->sources[i].done)
            return false;
    return true;
}

/* Lets libevent work: at once, or until something happens, at most `us`. */
static enum cep_rc run_loop(struct rt_job *job, int64_t us, struct cep_err *err) {
    if (us > 0) {
        struct timeval tv = { us / 1000000, us % 1000000 };
        if (event_add(job->timer, &tv) != 0)
            return base_err_set(err, CEP_EIO, "could not set a timer");
    }
    if (event_base_loop(job->loop, us > 0 ? EVLOOP_ONCE : EVLOOP_NONBLOCK) < 0)
        return base_err_set(err, CEP_EIO, "the event loop failed: %s", strerror(errno));
    return CEP_OK;
}

/* How long there is nothing to do: until a source wants to be polled, an idle time-out, a flush. */
static int64_t wait_us(const struct rt_job *job, bool full, int64_t next_tick_us) {
    int64_t mono = clk_mono(job->opts.clk), at = rt_job_next_poll(job, full);
    if (next_tick_us < at)
        at = next_tick_us;
    if (at <= mono)
        return MIN_WAIT_US;
    int64_t wait = at - mono;
    return wait < MIN_WAIT_US ? MIN_WAIT_US : wait > MAX_WAIT_US ? MAX_WAIT_US : wait;
}

static void show_progress(struct rt_job *job) {
    int64_t now = clk_mono(job->opts.clk);
    if (job->opts.progress && job->opts.progress_every_us > 0 &&
        now - job->progress_us >= job->opts.progress_every_us) {
        job->progress_us = now;
        job->opts.progress(job->opts.arg, job);
    }
}

static enum cep_rc undelivered(const struct rt_job *job, struct cep_err *err) {
    struct base_buf which = BASE_BUF_INIT;
    for (uint32_t i = 0; i < job->n_sinks; i++) {
        struct con_sink_stats st;
        rt_sink_stats(job->sinks[i], &st);
        if (st.pending > 0)
            base_buf_printf(&which, "%s\"%.*s\" still holds %llu row%s", which.len ? ", " : "",
                BASE_STR_FMT(job->sinks[i]->name), (unsigned long long)st.pending,
                st.pending == 1 ? "" : "s");
    }
    enum cep_rc rc = base_err_set(err, CEP_EIO,
        "sinks could not deliver everything within %.1f s of the end: %s", (double)job->opts.drain_us / 1e6,
        base_buf_cstr(&which));
    base_err_hint(err, "--sink-drain gives them more time");
    base_buf_release(&which);
    return rc;
}

/* Gets rid of what sinks hold. */
static enum cep_rc drain(struct rt_job *job, struct cep_err *err) {
    int64_t until;
    if (__builtin_add_overflow(clk_mono(job->opts.clk), job->opts.drain_us, &until))
        until = INT64_MAX;
    enum cep_rc rc = CEP_OK;
    for (bool again = true; rc == CEP_OK && again;) {
        rc = flush_sinks(job, true, &again, err);
        if (rc == CEP_OK && again)
            rc = clk_mono(job->opts.clk) >= until ? undelivered(job, err) : run_loop(job, DRAIN_WAIT_US, err);
    }
    return rc;
}

/* Between batches: sockets, sinks, the clock. *busy: sinks want no more now. */
static enum cep_rc housekeeping(struct rt_job *job, bool *busy, struct cep_err *err) {
    bool again;
    int64_t next_tick;
    enum cep_rc rc = run_loop(job, 0, err);
    if (rc == CEP_OK)
        rc = tick_sources(job, &next_tick, err);
    if (rc == CEP_OK && (sinks_busy(job) || clk_mono(job->opts.clk) - job->flushed_us >= job->opts.linger_us))
        rc = flush_sinks(job, false, &again, err);
    *busy = sinks_busy(job);
    if (*busy)
        rt_job_unheard(job);
    show_progress(job);
    return rc;
}

static enum cep_rc wait_for_input(struct rt_job *job, bool full, struct cep_err *err) {
    bool again;
    int64_t next_tick;
    enum cep_rc rc = flush_sinks(job, false, &again, err);
    if (rc == CEP_OK)
        rc = tick_sources(job, &next_tick, err);
    if (rc == CEP_OK) {
        int64_t wait = wait_us(job, full, next_tick);
        rc = run_loop(job, again && wait > DRAIN_WAIT_US ? DRAIN_WAIT_US : wait, err);
    }
    show_progress(job);
    return rc;
}

static enum cep_rc turn_loop(struct rt_job *job, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    bool busy = false, full = false;
    for (uint32_t step = 1; rc == CEP_OK && !all_done(job) && !atomic_load(&job->stop) && !sinks_gone(job);
         step++) {
        if (step % HOUSEKEEPING_STEPS == 0 || busy) {
            rc = housekeeping(job, &busy, err);
            full = rt_graph_buffered(&job->graph) >= job->opts.max_buffered;
            if (rc == CEP_OK && busy)
                rc = run_loop(job, DRAIN_WAIT_US, err);
            if (rc != CEP_OK || busy)
                continue;
        }
        rc = rt_job_read(job, full, err);
        if (rc == CEP_AGAIN) {
            rc = wait_for_input(job, full, err);
            full = rt_graph_buffered(&job->graph) >= job->opts.max_buffered;
        }
    }
    return rc;
}

enum cep_rc rt_job_run(struct rt_job *job, struct cep_err *err) {
    job->started_us = job->flushed_us = job->progress_us = clk_mono(job->opts.clk);
    enum cep_rc rc = turn_loop(job, err);
    if (rc != CEP_OK) {
        /* What was let go before the failure still goes out, if it can; the failure is what is reported. */
        (void)drain(job, NULL);
        return rc;
    }
    bool stopped = atomic_load(&job->stop) && !all_done(job);
    for (uint32_t i = 0; i < job->plan->n_nodes && rc == CEP_OK; i++)
        rc = rt_op_errors_flush(job->graph.ops[i], err);
    if (rc == CEP_OK)
        rc = drain(job, err);
    if (rc == CEP_OK && stopped)
        rc = base_err_set(err, CEP_EINTERRUPTED, "interrupted");
    return rc;
}

/* -- looking at it ------------------------------------------------------------------------------------------------- */

uint32_t rt_job_n_ops(const struct rt_job *job) {
    return job->plan->n_nodes + job->n_sinks;
}

void rt_job_op_info(struct rt_job *job, uint32_t i, struct rt_op_info *out) {
    bool is_sink = i >= job->plan->n_nodes;
    struct rt_op *op = is_sink ? job->sinks[i - job->plan->n_nodes] : job->graph.ops[i];
    if (op->vt->gauges)
        op->vt->gauges(op);
    *out = (struct rt_op_info){ .name = op->name,
        .kind = op->vt->kind,
        .watermark = op->watermark,
        .metrics = op->metrics,
        .first_undecodable = op->first_undecodable,
        .first_failure = op->first_failure };
    out->is_sink = is_sink;
    if (is_sink)
        rt_sink_stats(op, &out->sink);
    for (uint32_t s = 0; s < job->n_sources; s++)
        if (job->sources[s].op == op) {
            out->is_source = true;
            con_source_stats(job->sources[s].con, &out->source);
        }
}

void rt_job_totals(struct rt_job *job, struct rt_totals *out) {
    *out = (struct rt_totals){
        .watermark = EVT_TIME_MAX, .started_us = job->started_us, .now_us = clk_mono(job->opts.clk)
    };
    for (uint32_t i = 0; i < job->plan->n_nodes; i++) {
        struct rt_op *op = job->graph.ops[i];
        const struct rt_metrics *m = &op->metrics;
        if (op->vt->gauges)
            op->vt->gauges(op);
        if (op->node->kind == PLAN_NODE_SOURCE) {
            out->events += m->rows_in;
            if (op->watermark < out->watermark)
                out->watermark = op->watermark;
        }
        out->matches += m->matches;
        out->alerts += m->alerts;
        out->late += m->late;
        out->errors += m->undecodable + m->failed + m->no_time;
        out->suppressed += m->suppressed;
        out->timed_out += m->timed_out;
    }
}
