/*
 * rt_report -- see rt_report.h.
 */
#include "runtime/rt_report.h"

#include "base/base_mem.h"
#include "base/base_pack.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_master.h"

enum { STARTED = 1, ENDED = 2 };
enum { OP_IDLE = 1, OP_ENDED = 2, OP_SOURCE = 4, OP_SINK = 8 };
enum { AT_IDLE = 1, AT_DONE = 2, AT_EMPTY = 4 };

struct rt_reports {
    pthread_mutex_t mutex;
    struct texts {
        char *kind, *undecodable, *failure; /* owned; what is shown lives as long as the job */
    } * texts;                              /* owned; by operator */
    struct base_buf *at;                    /* owned; by task, the lowest of its part: how far the part is */
};

#define SOURCE_COUNTS(COUNT) \
    COUNT(rows)              \
    COUNT(bytes)             \
    COUNT(bad)               \
    COUNT(duplicate_keys)    \
    COUNT(unmatched)         \
    COUNT(vanished) COUNT(unreadable) COUNT(rotations) COUNT(truncations) COUNT(connections) COUNT(refused)
#define SINK_COUNTS(COUNT) \
    COUNT(rows) COUNT(bytes) COUNT(retries) COUNT(failed) COUNT(rotations) COUNT(pending)

/* -- a part's -------------------------------------------------------------------------------------------------------- */

static void pack_op(struct base_buf *b, uint32_t number, const struct rt_op_info *o, bool over) {
    base_pack_varint(b, number);
    base_pack_u8(b, (uint8_t)((o->idle ? OP_IDLE : 0) | (o->ended ? OP_ENDED : 0) |
                              (o->is_source ? OP_SOURCE : 0) | (o->is_sink ? OP_SINK : 0)));
    base_pack_str(b, base_str_of(o->kind));
    base_pack_zigzag(b, o->watermark);
#define PACK_METRIC(field, name, help) base_pack_varint(b, o->metrics.field);
    RT_METRIC_LIST(PACK_METRIC)
#undef PACK_METRIC
#define PACK_SOURCE(field) base_pack_varint(b, o->source.field);
#define PACK_SINK(field)   base_pack_varint(b, o->sink.field);
    if (o->is_source) {
        base_pack_str(b, base_str_of(o->held_by));
        SOURCE_COUNTS(PACK_SOURCE)
    }
    if (o->is_sink) {
        SINK_COUNTS(PACK_SINK)
    }
#undef PACK_SOURCE
#undef PACK_SINK
    /* While the task runs they are its own. */
    base_pack_str(b, base_str_of(over ? o->first_undecodable : ""));
    base_pack_str(b, base_str_of(over ? o->first_failure : ""));
}

static void pack_task(struct base_buf *b, struct rt_job *job, uint32_t t) {
    struct rt_task *task = &job->tasks[t];
    uint32_t n = 0;
    (void)pthread_mutex_lock(&task->mutex);
    const struct rt_task_info *info = &task->shown_task;
    base_pack_varint(b, t);
    base_pack_u8(b, (uint8_t)((info->started ? STARTED : 0) | (info->ended ? ENDED : 0)));
    base_pack_zigzag(b, info->ran_us);
    base_pack_zigzag(b, info->idle_us);
    base_pack_zigzag(b, info->blocked_us);
    for (uint32_t i = 0; i < rt_job_n_ops(job); i++)
        n += task->shown[i].kind != NULL;
    base_pack_varint(b, n);
    for (uint32_t i = 0; i < rt_job_n_ops(job); i++)
        if (task->shown[i].kind)
            pack_op(b, i, &task->shown[i], info->ended);
    (void)pthread_mutex_unlock(&task->mutex);
}

static void pack_source(struct base_buf *b, struct rt_job *job, uint32_t i) {
    const struct rt_source_run *s = &job->sources[i];
    base_pack_varint(b, i);
    base_pack_zigzag(b, atomic_load(&s->shown_watermark));
    base_pack_u8(b,
        (uint8_t)((atomic_load(&s->shown_idle) ? AT_IDLE : 0) | (atomic_load(&s->shown_done) ? AT_DONE : 0) |
                  (atomic_load(&s->shown_empty) ? AT_EMPTY : 0)));
}

static void pack_at(struct base_buf *b, struct rt_job *job) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < job->n_sources; i++)
        n += job->sources[i].op != NULL;
    base_pack_varint(b, n);
    for (uint32_t i = 0; i < job->n_sources; i++)
        if (job->sources[i].op)
            pack_source(b, job, i);
    base_pack_varint(b, job->plan->n_nodes);
    for (uint32_t g = 0; g < job->plan->n_nodes; g++) {
        base_pack_varint(b, g);
        base_pack_zigzag(b, atomic_load(&job->buffered[g]));
    }
}

void rt_part_report(struct rt_job *part, struct base_buf *out) {
    struct base_buf at = BASE_BUF_INIT;
    uint32_t n = 0, lowest = 0;
    for (uint32_t t = part->exec.n_tasks; t-- > 0;) {
        n += rt_job_has(part, t);
        lowest = rt_job_has(part, t) ? t : lowest;
    }
    base_pack_varint(out, n);
    for (uint32_t t = 0; t < part->exec.n_tasks; t++)
        if (rt_job_has(part, t))
            pack_task(out, part, t);
    pack_at(&at, part);
    base_pack_varint(out, lowest);
    base_pack_str(out, base_buf_view(&at));
    base_buf_release(&at);
}

static void read_source(struct rt_job *job, struct base_unpack *u) {
    uint64_t i = base_unpack_varint(u);
    int64_t watermark = base_unpack_zigzag(u);
    uint64_t flags = base_unpack_max(u, AT_IDLE | AT_DONE | AT_EMPTY);
    if (u->bad || i >= job->n_sources || job->sources[i].op)
        return;
    struct rt_source_run *s = &job->sources[i];
    atomic_store(&s->shown_watermark, watermark);
    atomic_store(&s->shown_idle, (flags & AT_IDLE) != 0);
    atomic_store(&s->shown_done, (flags & AT_DONE) != 0);
    atomic_store(&s->shown_empty, (flags & AT_EMPTY) != 0);
}

static bool read_at(struct rt_job *job, struct base_str at, int64_t *waiting) {
    struct base_unpack u = base_unpack_of(at);
    for (size_t n = base_unpack_count(&u, 3); n > 0 && !u.bad; n--)
        read_source(job, &u);
    for (size_t n = base_unpack_count(&u, 2); n > 0 && !u.bad; n--) {
        uint64_t g = base_unpack_varint(&u);
        int64_t rows = base_unpack_zigzag(&u);
        if (!u.bad && g < job->plan->n_nodes)
            waiting[g] += rows;
    }
    return base_unpack_ok(&u);
}

bool rt_part_others(struct rt_job *part, struct base_str bytes) {
    struct base_unpack u = base_unpack_of(bytes);
    int64_t *waiting = base_calloc(part->plan->n_nodes + (size_t)1, sizeof *waiting);
    bool ok = true;
    while (ok && !base_unpack_at_end(&u) && !u.bad) {
        uint64_t task = base_unpack_varint(&u);
        struct base_str at = base_unpack_str(&u);
        ok = !u.bad && task < part->exec.n_tasks;
        if (ok && !rt_job_has(part, (uint32_t)task))
            ok = read_at(part, at, waiting);
    }
    for (uint32_t g = 0; ok && g < part->plan->n_nodes; g++)
        atomic_store(&part->buffered_elsewhere[g], waiting[g]);
    base_free(waiting);
    return ok && base_unpack_ok(&u);
}

/* -- the master's ---------------------------------------------------------------------------------------------------- */

struct rt_reports *rt_reports_new(const struct rt_job *job) {
    struct rt_reports *r = base_calloc(1, sizeof *r);
    (void)pthread_mutex_init(&r->mutex, NULL);
    r->texts = base_calloc(rt_job_n_ops(job) + (size_t)1, sizeof *r->texts);
    r->at = base_calloc(job->exec.n_tasks + (size_t)1, sizeof *r->at);
    return r;
}

void rt_reports_begin(struct rt_reports *r, struct rt_job *job, const bool *regions) {
    (void)pthread_mutex_lock(&r->mutex);
    for (uint32_t t = 0; t < job->exec.n_tasks; t++) {
        struct rt_task *task = &job->tasks[t];
        if (!regions[job->exec.tasks[t].region])
            continue;
        base_buf_clear(&r->at[t]);
        (void)pthread_mutex_lock(&task->mutex);
        task->shown_task = (struct rt_task_info){ .started = false };
        (void)pthread_mutex_unlock(&task->mutex);
    }
    (void)pthread_mutex_unlock(&r->mutex);
}

void rt_reports_free(struct rt_reports *r, const struct rt_job *job) {
    if (!r)
        return;
    for (uint32_t i = 0; i < rt_job_n_ops(job); i++) {
        base_free(r->texts[i].kind);
        base_free(r->texts[i].undecodable);
        base_free(r->texts[i].failure);
    }
    for (uint32_t t = 0; t < job->exec.n_tasks; t++)
        base_buf_release(&r->at[t]);
    base_free(r->texts);
    base_free(r->at);
    (void)pthread_mutex_destroy(&r->mutex);
    base_free(r);
}

/* The first one stays. */
static const char *keep(char **text, struct base_str s) {
    if (!*text && s.len > 0)
        *text = base_strndup(s.p, s.len);
    return *text ? *text : "";
}

static void read_op(
    struct rt_job *job, struct rt_reports *r, struct base_unpack *u, struct rt_op_info *shown) {
    const struct plan *plan = job->plan;
    struct rt_op_info o = { .kind = NULL };
    uint64_t i = base_unpack_varint(u), flags = base_unpack_u8(u);
    struct base_str kind = base_unpack_str(u);
    o.watermark = base_unpack_zigzag(u);
#define READ_METRIC(field, name, help) o.metrics.field = base_unpack_varint(u);
    RT_METRIC_LIST(READ_METRIC)
#undef READ_METRIC
#define READ_SOURCE(field) o.source.field = base_unpack_varint(u);
#define READ_SINK(field)   o.sink.field = base_unpack_varint(u);
    if (flags & OP_SOURCE) {
        struct base_str held = base_unpack_str(u);
        memcpy(o.held_by, held.p, held.len < RT_HELD_BY_MAX ? held.len : RT_HELD_BY_MAX - 1);
        SOURCE_COUNTS(READ_SOURCE)
    }
    if (flags & OP_SINK) {
        SINK_COUNTS(READ_SINK)
    }
#undef READ_SOURCE
#undef READ_SINK
    struct base_str undecodable = base_unpack_str(u), failure = base_unpack_str(u);
    if (u->bad || i >= rt_job_n_ops(job)) {
        u->bad = true;
        return;
    }
    o.name = i < plan->n_nodes ? plan->nodes[i]->name : plan->sinks[i - plan->n_nodes].name;
    o.kind = keep(&r->texts[i].kind, kind);
    o.first_undecodable = keep(&r->texts[i].undecodable, undecodable);
    o.first_failure = keep(&r->texts[i].failure, failure);
    o.idle = (flags & OP_IDLE) != 0;
    o.ended = (flags & OP_ENDED) != 0;
    o.is_source = (flags & OP_SOURCE) != 0;
    o.is_sink = (flags & OP_SINK) != 0;
    shown[i] = o;
}

static void read_task(struct rt_job *job, struct rt_reports *r, struct base_unpack *u) {
    uint64_t t = base_unpack_varint(u), flags = base_unpack_u8(u);
    struct rt_task_info info = { .started = (flags & STARTED) != 0, .ended = (flags & ENDED) != 0 };
    info.ran_us = base_unpack_zigzag(u);
    info.idle_us = base_unpack_zigzag(u);
    info.blocked_us = base_unpack_zigzag(u);
    if (u->bad || t >= job->exec.n_tasks) {
        u->bad = true;
        return;
    }
    struct rt_task *task = &job->tasks[t];
    (void)pthread_mutex_lock(&task->mutex);
    task->shown_task = info;
    for (size_t n = base_unpack_count(u, 8); n > 0 && !u->bad; n--)
        read_op(job, r, u, task->shown);
    (void)pthread_mutex_unlock(&task->mutex);
}

bool rt_master_report(struct rt_job *job, uint32_t attempt, uint32_t region, struct base_str bytes) {
    struct rt_reports *r = rt_master_reports(job);
    struct base_unpack u = base_unpack_of(bytes);
    if (!rt_master_hears(job, attempt, region))
        return true;
    (void)pthread_mutex_lock(&r->mutex);
    for (size_t n = base_unpack_count(&u, 6); n > 0 && !u.bad; n--)
        read_task(job, r, &u);
    uint64_t lowest = base_unpack_varint(&u);
    struct base_str at = base_unpack_str(&u);
    bool ok = base_unpack_ok(&u) && lowest < job->exec.n_tasks;
    if (ok) {
        base_buf_clear(&r->at[lowest]);
        base_buf_str(&r->at[lowest], at);
    }
    (void)pthread_mutex_unlock(&r->mutex);
    return ok;
}

void rt_master_others(struct rt_job *job, uint32_t region, struct base_buf *out) {
    struct rt_reports *r = rt_master_reports(job);
    (void)pthread_mutex_lock(&r->mutex);
    for (uint32_t t = 0; t < job->exec.n_tasks; t++) {
        if (r->at[t].len == 0 || job->exec.tasks[t].region != region)
            continue;
        base_pack_varint(out, t);
        base_pack_str(out, base_buf_view(&r->at[t]));
    }
    (void)pthread_mutex_unlock(&r->mutex);
}
