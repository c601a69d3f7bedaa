/*
 * rt_save -- see rt_save.h.
 */
#include "runtime/rt_save.h"
#include "runtime/rt_flight.h"
#include "runtime/rt_job_internal.h"

#include "base/base_mem.h"

enum {
    STEP_BYTES = 64 << 10, /* between two looks at the clock: some 0.1 ms */
    LEAST_BYTES = 256,     /* a key or two */
    QUEUED_BYTES_MAX = 4 * RT_PART_CHUNK
};

/* An operator that has more to say. */
struct open {
    struct rt_op *op;
    struct rt_part *part; /* borrowed from the snapshot */
    struct sto_out out;
};

struct rt_saving {
    struct rt_task *task;   /* borrowed */
    struct rt_saved *saved; /* owned */
    struct open *open;      /* owned array; none moves while it is open */
    uint32_t n_open;
    bool alone;
    int64_t begun_us;                   /* monotonic */
    int64_t stopped_us, stopped_cpu_us; /* when the task was stopped last */
    struct channel {
        struct rt_part *part; /* borrowed from the snapshot; NULL: no rows yet */
        uint32_t n;           /* batches */
    } * channels;             /* owned; by exchange; NULL: it is aligned */
    bool logging;
    struct logged {
        uint32_t exchange;
        struct evt_batch *batch; /* owned */
    } * logged;                  /* owned; rows under way, packed up to n_packed */
    size_t n_logged, cap_logged, n_packed;
};

static int64_t mono(const struct rt_saving *s) {
    return clk_mono(s->task->job->opts.clk);
}

/* The task stands still from here on. */
static void stop(struct rt_saving *s) {
    s->stopped_us = mono(s);
    s->stopped_cpu_us = clk_cpu(s->task->job->opts.clk);
}

/* It goes on. */
static void go_on(struct rt_saving *s) {
    int64_t us = mono(s) - s->stopped_us, cpu_us = clk_cpu(s->task->job->opts.clk) - s->stopped_cpu_us;
    if (us > s->saved->pause_us)
        s->saved->pause_us = us;
    if (cpu_us > s->saved->pause_cpu_us)
        s->saved->pause_cpu_us = cpu_us;
}

/* -- the instant ------------------------------------------------------------------------------------------------ */

static struct rt_part *begin_part(struct rt_saving *s, const char *kind, struct base_str name) {
    const struct rt_task *task = s->task;
    struct sto_part_head head = { .kind = base_str_of(kind),
        .name = name,
        .subtask = task->job->exec.tasks[task->index].subtask,
        .n_subtasks = task->vertex->parallelism };
    return rt_snap_add(&s->saved->snap, &head);
}

static enum cep_rc save_positions(struct con_source *con, const struct sto_out *out, struct cep_err *err) {
    struct base_buf key = BASE_BUF_INIT, value = BASE_BUF_INIT;
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < con_source_n_partitions(con) && rc == CEP_OK; i++) {
        struct con_partition p;
        con_source_save(con, i, &p);
        base_buf_clear(&key);
        base_buf_clear(&value);
        base_pack_u32(&key, i);
        base_pack_str(&value, p.name);
        base_pack_varint(&value, p.position);
        base_pack_u8(&value, p.done);
        base_pack_str(&value, p.note);
        rc = sto_put(out, RT_NS_POSITION, STO_NO_GROUP, base_buf_view(&key), base_buf_view(&value), err);
    }
    base_buf_release(&key);
    base_buf_release(&value);
    return rc;
}

static struct con_source *source_of(const struct rt_task *task, const struct rt_op *op) {
    for (uint32_t i = 0; i < task->n_sources; i++)
        if (task->sources[i]->op == op)
            return task->sources[i]->con;
    return NULL;
}

static enum cep_rc save_op(struct rt_saving *s, struct rt_op *op, struct cep_err *err) {
    struct con_source *con = source_of(s->task, op);
    struct rt_part *part = begin_part(s, op->vt->kind, op->name);
    struct open *o = &s->open[s->n_open];
    *o = (struct open){ .op = op, .part = part, .out = sto_part_out(&part->bytes) };
    enum cep_rc rc = op->vt->save(op, &o->out, err);
    if (rc == CEP_AGAIN) {
        s->n_open++;
        return CEP_OK;
    }
    if (rc == CEP_OK && con)
        rc = save_positions(con, &o->out, err);
    sto_part_end(&part->bytes);
    return rc;
}

static enum cep_rc save_ops(struct rt_saving *s, struct cep_err *err) {
    const struct rt_task *task = s->task;
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < task->vertex->n_nodes && rc == CEP_OK; i++) {
        struct rt_op *op = task->graph.ops[task->vertex->nodes[i]];
        if (op->vt->save)
            rc = save_op(s, op, err);
    }
    return rc;
}

/* Each sink keeps its state until it is known whether to commit it. */
static enum cep_rc save_sinks(struct rt_saving *s, struct cep_err *err) {
    const struct rt_task *task = s->task;
    for (uint32_t i = 0; i < task->n_sinks; i++) {
        struct rt_op *op = task->sinks[i];
        struct base_str state;
        enum cep_rc rc = rt_sink_prepare(op, s->saved->id, &state, err);
        if (rc != CEP_OK && rc != CEP_NONE)
            return rc;
        struct base_buf *b = &begin_part(s, op->vt->kind, op->name)->bytes;
        struct sto_out out = sto_part_out(b);
        rc = rc == CEP_NONE || state.len == 0
                 ? CEP_OK
                 : sto_put(&out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), state, err);
        sto_part_end(b);
        if (rc != CEP_OK)
            return rc;
    }
    return CEP_OK;
}

struct rt_saving *rt_saving_begin(struct rt_task *task, uint64_t id, bool alone) {
    struct rt_saving *s = base_calloc(1, sizeof *s);
    s->task = task;
    s->alone = alone;
    s->saved = rt_saved_new(id, task->index);
    s->open = base_calloc(task->vertex->n_nodes + 1, sizeof *s->open);
    stop(s);
    s->begun_us = s->stopped_us;
    s->saved->rc = save_ops(s, &s->saved->err);
    if (s->saved->rc == CEP_OK)
        s->saved->rc = save_sinks(s, &s->saved->err);
    rt_flights_save(task, &s->saved->snap);
    go_on(s);
    s->saved->barrier_us = s->saved->pause_us;
    s->saved->barrier_cpu_us = s->saved->pause_cpu_us;
    return s;
}

void rt_saving_aligned(struct rt_saving *s, int64_t us) {
    s->saved->align_us = us;
}

bool rt_saving_is_over(const struct rt_saving *s) {
    return (s->n_open == 0 && !s->logging && s->n_packed == s->n_logged) || s->saved->rc != CEP_OK;
}

static bool has_room(const struct rt_saving *s) {
    return atomic_load(&s->saved->queued) < QUEUED_BYTES_MAX;
}

bool rt_saving_waits(const struct rt_saving *s) {
    return ((s->n_open > 0 || s->n_packed < s->n_logged) && has_room(s)) || rt_saving_is_over(s);
}

/* -- rows under way ------------------------------------------------------------------------------------------------- */

void rt_saving_log(struct rt_saving *s) {
    s->logging = true;
    s->saved->unaligned = true;
    s->channels = base_calloc(s->task->job->graph->n_exchanges + (size_t)1, sizeof *s->channels);
}

void rt_saving_log_rows(struct rt_saving *s, uint32_t exchange, struct evt_batch *b) {
    s->logged = base_grow(s->logged, s->n_logged, &s->cap_logged, sizeof *s->logged);
    s->logged[s->n_logged++] = (struct logged){ exchange, evt_batch_ref(b) };
}

void rt_saving_logged(struct rt_saving *s) {
    s->logging = false;
}

/* The next batch. */
static void pack(struct rt_saving *s) {
    struct logged *l = &s->logged[s->n_packed++];
    const struct plan_exchange *x = &s->task->job->graph->exchanges[l->exchange];
    struct channel *c = &s->channels[l->exchange];
    if (!c->part)
        c->part = rt_flight_begin(&s->saved->snap, s->task, x->of, x->schema, x->takers, x->n_takers);
    rt_flight_put(c->part, c->n++, l->batch);
    evt_batch_unref(l->batch);
    l->batch = NULL;
}

static void end_channels(struct rt_saving *s) {
    for (uint32_t i = 0; s->channels && i < s->task->job->graph->n_exchanges; i++) {
        struct rt_part *part = s->channels[i].part;
        if (!part)
            continue;
        rt_flight_end(part);
        s->saved->flight_bytes += part->bytes.len;
    }
}

/* -- slices ------------------------------------------------------------------------------------------------------- */

static void let_go(struct rt_saving *s, const struct open *o) {
    struct rt_part *part = o->part;
    /* Of an operator with its keys in the database what is left is small, and a savepoint puts the keys back in (rt_db_dissolve()). */
    if (part->bytes.len < RT_PART_CHUNK || (s->task->db && o->op->vt->save_taken))
        return;
    if (s->alone)
        rt_relay_spool(s->task->job->relay, part);
    else
        rt_relay_queue(s->task->job->relay, s->saved, part);
}

/* One step of the last operator that is open. */
static void step(struct rt_saving *s, size_t bytes) {
    struct open *o = &s->open[s->n_open - 1];
    enum cep_rc rc = o->op->vt->save_some(o->op, bytes, &s->saved->err);
    /* What waits for several patterns is put out for all of them in one pass. */
    for (uint32_t i = 0; i < s->n_open; i++)
        let_go(s, &s->open[i]);
    if (rc == CEP_AGAIN)
        return;
    s->n_open--;
    sto_part_end(&o->part->bytes);
    s->saved->rc = rc;
}

bool rt_saving_some(struct rt_saving *s, int64_t us) {
    size_t bytes = us == 0 ? LEAST_BYTES : STEP_BYTES;
    stop(s);
    while ((s->n_open > 0 || s->n_packed < s->n_logged) && s->saved->rc == CEP_OK &&
           (us == INT64_MAX || has_room(s))) {
        if (s->n_open > 0)
            step(s, bytes);
        else
            pack(s);
        if (mono(s) - s->stopped_us >= us)
            break;
    }
    go_on(s);
    return rt_saving_is_over(s);
}

/* -- the end ------------------------------------------------------------------------------------------------------- */

static void release(struct rt_saving *s) {
    while (s->n_open > 0) {
        struct rt_op *op = s->open[--s->n_open].op;
        op->vt->save_cancel(op);
    }
    base_free(s->open);
    for (; s->n_packed < s->n_logged; s->n_packed++)
        evt_batch_unref(s->logged[s->n_packed].batch);
    base_free(s->logged);
    base_free(s->channels);
    base_free(s);
}

struct rt_saved *rt_saving_end(struct rt_saving *s) {
    struct rt_saved *saved = s->saved;
    saved->save_us = mono(s) - s->begun_us;
    end_channels(s);
    release(s);
    return saved;
}

struct rt_saved *rt_saving_drop(struct rt_saving *s) {
    struct rt_saved *saved = s->saved;
    saved->dropped = true;
    release(s);
    return saved;
}
