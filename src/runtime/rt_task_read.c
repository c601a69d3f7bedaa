/*
 * rt_task_read -- which source is read next, and one batch from it.
 */
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_job_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"

enum {
    DRIFT_WAIT_US = 1000, /* a source that is ahead is looked at again: the others are being read meanwhile */
    TOGETHER_ROWS = 64 * EVT_BATCH_ROWS /* beyond it a source waits for those of its group that are behind */
};

/* For those who wait for it. */
static void show_source(struct rt_source_run *s) {
    atomic_store_explicit(&s->shown_watermark, s->op->watermark, memory_order_relaxed);
    atomic_store_explicit(&s->shown_idle, s->op->idle, memory_order_relaxed);
    atomic_store_explicit(&s->shown_done, s->done, memory_order_relaxed);
}

static int64_t watermark_of(const struct rt_source_run *s) {
    return atomic_load_explicit(&s->shown_watermark, memory_order_relaxed);
}

static bool is_idle(const struct rt_source_run *s) {
    return atomic_load_explicit(&s->shown_idle, memory_order_relaxed);
}

static bool is_done(const struct rt_source_run *s) {
    return atomic_load_explicit(&s->shown_done, memory_order_relaxed);
}

/* Of a source, or a partition, that is read again and has come to its end: are others to go on without it? */
static bool may_fall_silent(const struct rt_source_run *s) {
    return !s->task->job->opts.replay || con_source_bounded(s->con) || s->op->node->source.time.idle_us > 0;
}

static enum cep_rc push_chunk(struct rt_source_run *s, const struct con_chunk *chunk, struct cep_err *err) {
    enum cep_rc rc = rt_source_push(s->op, chunk->partition, s->batch, err);
    if (rc == CEP_OK && chunk->partition_done && may_fall_silent(s))
        rc = rt_source_partition_end(s->op, chunk->partition, err);
    s->done |= rt_source_is_there(s->op);
    return rc;
}

/* It brings nothing more. What goes on in truth holds the others back as it did when it had nothing to say. */
static enum cep_rc finish_source(struct rt_source_run *s, struct cep_err *err) {
    s->done = true;
    if (!s->task->job->opts.replay)
        return rt_source_finish(s->op, err);
    return may_fall_silent(s) ? rt_emit_idle(s->op, true, err) : CEP_OK;
}

/* The batch to fill: one again that nobody keeps. */
static struct evt_batch *empty_batch(struct rt_source_run *s) {
    struct evt_batch *b = NULL;
    for (uint32_t i = 0; i < BATCH_POOL; i++) {
        uint32_t at = (s->next_in_pool + i) % BATCH_POOL;
        b = s->pool[at];
        s->next_in_pool = at;
        if (!b || atomic_load_explicit(&b->refs, memory_order_acquire) == 1)
            break;
    }
    if (b && atomic_load_explicit(&b->refs, memory_order_acquire) == 1) {
        evt_batch_clear(b);
    } else {
        evt_batch_unref(b);
        b = s->pool[s->next_in_pool] = evt_batch_new(s->op->node->schema, s->task->job->opts.batch_rows);
    }
    s->batch = b;
    return b;
}

/* Asks the partition that is behind first. `only_behind`: nobody else. */
static enum cep_rc poll_source(
    struct rt_source_run *s, bool only_behind, struct con_chunk *chunk, struct cep_err *err) {
    uint32_t behind = rt_source_behind(s->op);
    rt_source_unheard(s->op);
    enum cep_rc rc = con_source_poll(s->con, behind, chunk, err);
    if (rc == CEP_AGAIN)
        rt_source_silent(s->op, behind);
    if (rc != CEP_AGAIN || behind == CON_ANY || only_behind)
        return rc;
    rc = con_source_poll(s->con, CON_ANY, chunk, err);
    if (rc == CEP_AGAIN)
        rt_source_silent(s->op, CON_ANY);
    return rc;
}

/* Not at once: others have their turn. */
static int64_t poll_at(const struct rt_job *job, int64_t at_us) {
    int64_t soon = clk_mono(job->opts.clk) + 1;
    return at_us > soon ? at_us : soon;
}

/*
 * One batch from a source. `only_behind`: of the partition that holds the watermark, nothing else.
 * Returns: CEP_OK when something came, CEP_AGAIN when nothing did.
 */
static enum cep_rc poll_and_push(struct rt_source_run *s, bool only_behind, struct cep_err *err) {
    struct rt_task *task = s->task;
    struct con_chunk chunk = { .batch = empty_batch(s), .next_poll_us = INT64_MAX };
    task->turn[s->group] = ++task->n_reads;
    s->next_poll_us = INT64_MAX; /* a wake-up during the poll counts */
    enum cep_rc rc = poll_source(s, only_behind, &chunk, err);
    bool woken = s->next_poll_us == INT64_MIN;
    s->next_poll_us = INT64_MIN;
    if (task->failed != CEP_OK) {
        if (err)
            *err = task->failure;
        return task->failed;
    }
    atomic_store_explicit(&s->shown_empty, rc == CEP_AGAIN, memory_order_relaxed);
    switch ((int)rc) {
    case CEP_OK:
        rt_source_partitions(s->op, con_source_n_partitions(s->con));
        return push_chunk(s, &chunk, err);
    case CEP_AGAIN:
        if (!woken)
            s->next_poll_us = poll_at(task->job, chunk.next_poll_us);
        return CEP_AGAIN;
    case CEP_NONE: return finish_source(s, err);
    default: base_err_prefix(err, "stream \"%.*s\"", BASE_STR_FMT(s->op->name)); return rc;
    }
}

static enum cep_rc read_source(struct rt_source_run *s, bool only_behind, struct cep_err *err) {
    enum cep_rc rc = poll_and_push(s, only_behind, err);
    show_source(s);
    return rc;
}

/* The source to read next: of the group that has waited longest, the one furthest behind that may have something. */
static struct rt_source_run *next_source(struct rt_task *task, int64_t mono_us) {
    struct rt_source_run *best = NULL;
    for (uint32_t i = 0; i < task->n_sources; i++) {
        struct rt_source_run *s = task->sources[i];
        if (s->done || s->next_poll_us > mono_us)
            continue;
        if (!best || (s->group == best->group ? s->op->watermark < best->op->watermark
                                              : task->turn[s->group] < task->turn[best->group]))
            best = s;
    }
    return best;
}

/* `drift at most D`: a source that is more than D ahead of the slowest other one waits. */
static bool drifted(const struct rt_job *job, const struct rt_source_run *s) {
    int64_t drift = s->op->node->source.time.drift_us, ahead;
    if (drift == 0 || s->op->watermark == EVT_TIME_MIN)
        return false;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        const struct rt_source_run *o = &job->sources[i];
        if (o == s || is_done(o) || is_idle(o))
            continue;
        int64_t other = watermark_of(o);
        if (__builtin_sub_overflow(s->op->watermark, other, &ahead) ? s->op->watermark > other
                                                                    : ahead > drift)
            return true;
    }
    return false;
}

/* `drift at most D`, asked at `mono_us`; the time since it was asked last is counted as waited if the answer was yes then. */
static bool waits_for_others(struct rt_source_run *s, int64_t mono_us) {
    bool waits = drifted(s->task->job, s);
    if (s->drifted_since_us != INT64_MIN)
        s->op->metrics.drift_wait_us += (uint64_t)(mono_us - s->drifted_since_us);
    s->drifted_since_us = waits ? mono_us : INT64_MIN;
    return waits;
}

/*
 * Sources read by different tasks run freely as long as little waits for watermarks. Beyond that one that is ahead of
 * another of its group, which has something to bring, waits, as if one task read them all.
 */
static bool runs_ahead(const struct rt_job *job, const struct rt_source_run *s) {
    if (job->exec.n_tasks == 1 || rt_job_group_buffered(job, s->group) < TOGETHER_ROWS)
        return false;
    for (uint32_t i = 0; i < job->n_sources; i++) {
        const struct rt_source_run *o = &job->sources[i];
        if (o->task != s->task && o->group == s->group && !is_done(o) && !is_idle(o) &&
            !atomic_load_explicit(&o->shown_empty, memory_order_relaxed) &&
            watermark_of(o) < s->op->watermark)
            return true;
    }
    return false;
}

/* -- full buffers ------------------------------------------------------------------------------------------------ */

/* The group in which most rows wait. */
static uint32_t fullest_group(const struct rt_job *job) {
    uint32_t fullest = 0;
    int64_t most = 0;
    for (uint32_t g = 0; g < job->plan->n_nodes; g++) {
        int64_t n = rt_job_group_buffered(job, g);
        if (n > most) {
            most = n;
            fullest = g;
        }
    }
    return fullest;
}

/* Who holds the watermark of the fullest group; when all of its sources are idle, the one behind the others. It may be
 * another task's. */
static struct rt_source_run *holder(const struct rt_job *job) {
    struct rt_source_run *best = NULL;
    uint32_t group = fullest_group(job);
    for (uint32_t i = 0; i < job->n_sources; i++) {
        struct rt_source_run *s = &job->sources[i];
        if (is_done(s) || s->group != group)
            continue;
        if (!best || (is_idle(s) != is_idle(best) ? is_idle(best) : watermark_of(s) < watermark_of(best)))
            best = s;
    }
    return best;
}

static void write_holder(struct base_buf *b, const struct rt_source_run *s) {
    uint32_t behind = rt_source_behind(s->op);
    struct con_partition part;
    if (con_source_n_partitions(s->con) == 0) {
        base_buf_puts(b, "nobody has sent anything yet");
        return;
    }
    con_source_partition(s->con, behind == CON_ANY ? 0 : behind, &part);
    base_buf_printf(b, "partition \"%.*s\" is silent", BASE_STR_FMT(part.name));
}

static enum cep_rc buffer_held(struct rt_job *job, struct rt_source_run *s, struct cep_err *err) {
    struct base_buf who = BASE_BUF_INIT;
    write_holder(&who, s);
    enum cep_rc rc = base_err_set(err, CEP_ELIMIT,
        "stream \"%.*s\": %s and has held the watermark back for %lld s while %llu events wait for it "
        "(limit %llu)",
        BASE_STR_FMT(s->op->name), base_buf_cstr(&who), (long long)(job->opts.held_patience_us / 1000000),
        (unsigned long long)rt_job_buffered(job), (unsigned long long)job->opts.max_buffered);
    base_err_hint(
        err, "let silent partitions fall idle (watermark ... idle after 30 s), or raise --buffer-rows");
    base_buf_release(&who);
    return rc;
}

/* The holder brings row after row, and none of them lets the watermark free anything: a delay longer than the buffer. */
static enum cep_rc buffer_overrun(struct rt_job *job, const struct rt_source_run *s, struct cep_err *err) {
    enum cep_rc rc = base_err_set(err, CEP_ELIMIT,
        "stream \"%.*s\": %llu events wait for its watermark (limit %llu), and more keep coming",
        BASE_STR_FMT(s->op->name), (unsigned long long)rt_job_buffered(job),
        (unsigned long long)job->opts.max_buffered);
    base_err_hint(err, "a shorter watermark delay lets fewer events wait, or raise --buffer-rows");
    return rc;
}

/* The buffers are full: only what holds the watermark is read. Returns: as read_source(). */
static enum cep_rc read_held(struct rt_task *task, struct cep_err *err) {
    struct rt_job *job = task->job;
    struct rt_source_run *s = holder(job);
    for (uint32_t i = 0; i < task->n_sources; i++)
        if (task->sources[i] != s)
            rt_source_unheard(task->sources[i]->op);
    task->held_back = !s || s->task != task;
    if (task->held_back)
        return CEP_AGAIN;
    bool idle = s->op->idle;
    enum cep_rc rc = read_source(s, !idle, err);
    rt_task_count(task);
    if (rc == CEP_OK && rt_job_buffered(job) / 2 >= job->opts.max_buffered + HOUSEKEEPING_ROWS)
        return buffer_overrun(job, s, err);
    if (rc != CEP_AGAIN || idle) {
        s->silent_since_us = INT64_MIN;
        return rc;
    }
    int64_t now = clk_mono(job->opts.clk);
    if (s->silent_since_us == INT64_MIN)
        s->silent_since_us = now;
    return now - s->silent_since_us < job->opts.held_patience_us ? CEP_AGAIN : buffer_held(job, s, err);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

enum cep_rc rt_task_read(struct rt_task *task, bool full, struct cep_err *err) {
    if (full)
        return read_held(task, err);
    int64_t mono = clk_mono(task->job->opts.clk);
    task->held_back = false;
    for (uint32_t tries = 0; tries < task->n_sources; tries++) {
        struct rt_source_run *s = next_source(task, mono);
        if (!s)
            return CEP_AGAIN;
        s->silent_since_us = INT64_MIN;
        if (waits_for_others(s, mono) || runs_ahead(task->job, s)) {
            rt_source_unheard(s->op);
            s->next_poll_us = mono + DRIFT_WAIT_US;
            continue;
        }
        enum cep_rc rc = read_source(s, false, err);
        if (rc != CEP_AGAIN)
            return rc;
        if (s->next_poll_us <= mono)
            s->next_poll_us = mono + 1;
    }
    return CEP_AGAIN;
}

void rt_task_unheard(struct rt_task *task) {
    for (uint32_t i = 0; i < task->n_sources; i++)
        rt_source_unheard(task->sources[i]->op);
}

int64_t rt_task_next_poll(const struct rt_task *task, bool full) {
    const struct rt_source_run *only = full && task->n_sources > 0 ? holder(task->job) : NULL;
    int64_t next = INT64_MAX;
    if (rt_checkpoint_holds(task))
        return next;
    for (uint32_t i = 0; i < task->n_sources; i++) {
        const struct rt_source_run *s = task->sources[i];
        if (!s->done && (!only || s == only) && s->next_poll_us < next)
            next = s->next_poll_us;
    }
    return next;
}

/* Operators with something to do at some time of day. */
static enum cep_rc tick_ops(struct rt_task *task, int64_t *next_us, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < task->vertex->n_nodes && rc == CEP_OK; i++) {
        struct rt_op *op = task->graph.ops[task->vertex->nodes[i]];
        int64_t next = INT64_MAX;
        if (!op->vt->tick)
            continue;
        rc = op->vt->tick(op, &next, err);
        *next_us = next < *next_us ? next : *next_us;
    }
    return rc;
}

enum cep_rc rt_task_tick(struct rt_task *task, int64_t *next_us, struct cep_err *err) {
    *next_us = INT64_MAX;
    if (rt_checkpoint_holds(task))
        return CEP_OK;
    enum cep_rc ticked = tick_ops(task, next_us, err);
    if (ticked != CEP_OK)
        return ticked;
    for (uint32_t i = 0; i < task->n_sources; i++) {
        struct rt_source_run *s = task->sources[i];
        int64_t next;
        if (s->done)
            continue;
        enum cep_rc rc = rt_source_tick(s->op, &next, err);
        show_source(s);
        if (rc != CEP_OK)
            return rc;
        if (next < *next_us)
            *next_us = next;
    }
    return CEP_OK;
}
