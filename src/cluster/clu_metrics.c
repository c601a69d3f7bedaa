/*
 * clu_metrics -- GET /metrics of one job: Prometheus text. Names: doc/rest.md.
 */
#include "cluster/clu_job_internal.h"

#include "base/base_mem.h"

#include <stdio.h>

/* One subtask's part of one operator. */
struct row {
    struct rt_op_info info;
    uint32_t op, vertex;
    char subtask[12];
};

struct metric {
    const char *name, *type, *help;
    bool (*value)(const struct row *r, double *v); /* Returns: false when the operator does not have it */
};

#define IS(kind_name) (strcmp(r->info.kind, kind_name) == 0)

static bool records_in(const struct row *r, double *v) {
    *v = (double)r->info.metrics.rows_in;
    return true;
}

static bool records_out(const struct row *r, double *v) {
    *v = (double)(r->info.is_sink ? r->info.sink.rows : r->info.metrics.rows_out);
    return true;
}

static bool bytes_in(const struct row *r, double *v) {
    *v = (double)r->info.metrics.bytes_in;
    return true;
}

static bool bytes_out(const struct row *r, double *v) {
    *v = (double)r->info.metrics.bytes_out;
    return true;
}

static bool undelivered(const struct row *r, double *v) {
    *v = (double)r->info.sink.failed;
    return r->info.is_sink;
}

static bool pending(const struct row *r, double *v) {
    *v = (double)r->info.sink.pending;
    return r->info.is_sink;
}

static bool retries(const struct row *r, double *v) {
    *v = (double)r->info.sink.retries;
    return r->info.is_sink;
}

/* Operators that keep something of the rows they took. */
static bool keeps(const struct row *r) {
    static const char *const kinds[] = { "pattern", "aggregate", "over", "join", "top", "process" };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (IS(kinds[i]))
            return true;
    return false;
}

#define VALUE(fn, field, when)                       \
    static bool fn(const struct row *r, double *v) { \
        *v = (double)r->info.metrics.field;          \
        return when;                                 \
    }
VALUE(late, late, r->info.is_source || keeps(r))
VALUE(drift_wait, drift_wait_us / 1e6, r->info.is_source)
VALUE(undecodable, undecodable, r->info.is_source)
VALUE(no_time, no_time, r->info.is_source)
VALUE(failures, failed, !r->info.is_sink)
VALUE(matches, matches, IS("pattern"))
VALUE(timed_out, timed_out, IS("pattern"))
VALUE(pruned, pruned, IS("pattern"))
VALUE(limit_open, limit_open, IS("pattern"))
VALUE(limit_matches, limit_matches, IS("pattern"))
VALUE(open_matches, open, IS("pattern"))
VALUE(keys, keys, IS("alert") || (keeps(r) && !IS("top")))
VALUE(state_bytes, state_bytes, keeps(r))
VALUE(buffered, buffered, IS("alert") || keeps(r))
VALUE(unread, unread, IS("pattern"))
VALUE(spilled, spilled, IS("pattern"))
VALUE(alerts, alerts, IS("alert"))
VALUE(suppressed, suppressed, IS("alert"))
VALUE(resolved, resolved, IS("alert"))

/* What a key and an open partial match cost in memory, with all that is held for them; not told while there is none. */
#define PER(fn, field)                                                  \
    static bool fn(const struct row *r, double *v) {                    \
        uint64_t n = r->info.metrics.field;                             \
        *v = (double)r->info.metrics.state_bytes / (double)(n ? n : 1); \
        return IS("pattern") && n > 0;                                  \
    }
PER(bytes_per_key, keys)
PER(bytes_per_open, open)

static const struct metric metrics[] = {
    { "cepd_records_in_total", "counter", "rows taken in", records_in },
    { "cepd_records_out_total", "counter", "rows sent on by the main output, or delivered by a sink",
        records_out },
    { "cepd_bytes_in_total", "counter", "bytes of rows taken in; of a source, bytes read", bytes_in },
    { "cepd_bytes_out_total", "counter",
        "bytes of rows sent on by the main output; of a sink, bytes delivered", bytes_out },
    { "cepd_late_total", "counter", "events behind the watermark of their partition or operator", late },
    { "cepd_drift_wait_seconds_total", "counter", "time a source waited for those behind it (drift at most)",
        drift_wait },
    { "cepd_undecodable_total", "counter", "records that could not be decoded", undecodable },
    { "cepd_no_time_total", "counter", "events without an event time", no_time },
    { "cepd_expression_failures_total", "counter", "events on which an expression failed", failures },
    { "cepd_matches_total", "counter", "matches emitted", matches },
    { "cepd_timed_out_total", "counter", "partial matches whose time was over", timed_out },
    { "cepd_pruned_total", "counter", "matches and partial matches dropped by the skip policy", pruned },
    { "cepd_limit_open_total", "counter", "partial matches dropped by limit ... open", limit_open },
    { "cepd_limit_matches_total", "counter", "matches dropped by limit ... matches", limit_matches },
    { "cepd_open_partial_matches", "gauge", "partial matches open now", open_matches },
    { "cepd_keys", "gauge", "keys with state now", keys },
    { "cepd_state_bytes", "gauge", "bytes of state now", state_bytes },
    { "cepd_state_bytes_per_key", "gauge", "bytes of state now for each key with state", bytes_per_key },
    { "cepd_state_bytes_per_open_partial_match", "gauge", "bytes of state now for each open partial match",
        bytes_per_open },
    { "cepd_buffered_events", "gauge", "events waiting for the watermark now", buffered },
    { "cepd_unread_keys", "gauge", "of the keys with state, those that a restore has not read yet", unread },
    { "cepd_spilled_events", "gauge", "of these, events in the database (state.backend rocksdb)", spilled },
    { "cepd_alerts_total", "counter", "alerts let through", alerts },
    { "cepd_suppressed_total", "counter", "alerts suppressed or already firing", suppressed },
    { "cepd_resolved_total", "counter", "alerts resolved", resolved },
    { "cepd_sink_pending", "gauge", "rows a sink holds that are not delivered yet", pending },
    { "cepd_sink_retries_total", "counter", "requests or connections tried again", retries },
    { "cepd_undelivered_total", "counter", "rows a sink gave up", undelivered },
};

static struct row *rows_of(struct clu_job *j, const struct clu_op *ops, size_t *n) {
    uint32_t n_tasks = rt_job_n_tasks(j->job), n_ops = clu_job_n_ops(j);
    struct row *rows = NULL;
    size_t cap = 0;
    *n = 0;
    for (uint32_t i = 0; i < n_ops; i++) {
        for (uint32_t t = 0; t < n_tasks; t++) {
            struct rt_task_info task;
            rt_job_task_info(j->job, t, &task);
            if (task.vertex != ops[i].vertex)
                continue;
            if (*n == cap) {
                cap = cap ? 2 * cap : 64;
                rows = base_realloc(rows, cap * sizeof *rows);
            }
            struct row *r = &rows[*n];
            if (!rt_job_task_op(j->job, t, i, &r->info))
                continue;
            r->op = i;
            r->vertex = task.vertex;
            (void)snprintf(r->subtask, sizeof r->subtask, "%u", task.subtask);
            (*n)++;
        }
    }
    return rows;
}

static void write_rows(struct clu_job *j, struct base_buf *b, const struct clu_op *ops) {
    size_t n;
    struct row *rows = rows_of(j, ops, &n);
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        bool head = false;
        for (size_t i = 0; i < n; i++) {
            double v = 0;
            if (!metrics[m].value(&rows[i], &v))
                continue;
            if (!head)
                clu_prom_head(b, metrics[m].name, metrics[m].type, metrics[m].help);
            head = true;
            const struct base_str labels[] = { BASE_STR("kind"), base_str_of(rows[i].info.kind),
                BASE_STR("operator"), rows[i].info.name, BASE_STR("subtask"), base_str_of(rows[i].subtask) };
            clu_prom_value(b, metrics[m].name, labels, 3, v);
        }
    }
    base_free(rows);
}

static double seconds(int64_t us) {
    return (double)us / 1e6;
}

/* held_by says which source's rows the operator waits for; the source itself, which of its partitions. */
static void write_watermarks(struct clu_job *j, struct base_buf *b, const struct clu_op *ops, bool lag) {
    const char *name = lag ? "cepd_watermark_lag_seconds" : "cepd_watermark_seconds";
    if (lag)
        clu_prom_head(b, name, "gauge",
            "how far the watermark is behind the clock; held_by is the source it waits for, partition which "
            "of "
            "that source's");
    else
        clu_prom_head(b, name, "gauge", "event time up to which all is known, in seconds since 1970");
    for (uint32_t i = 0; i < clu_job_n_ops(j); i++) {
        const struct clu_op *op = &ops[i], *by = op->held_by == UINT32_MAX ? NULL : &ops[op->held_by];
        if (!op->known || !op->has_watermark)
            continue;
        const struct base_str labels[] = { BASE_STR("kind"), base_str_of(op->info.kind), BASE_STR("operator"),
            op->info.name, BASE_STR("held_by"), by ? by->info.name : BASE_STR(""), BASE_STR("partition"),
            base_str_of(by ? by->info.held_by : "") };
        clu_prom_value(b, name, labels, lag ? 4 : 2, lag ? seconds(op->lag_us) : seconds(op->info.watermark));
    }
}

/* -- tasks ---------------------------------------------------------------------------------------------------- */

static int64_t busy_of(const struct rt_task_info *t) {
    int64_t busy = t->ran_us - t->idle_us - t->blocked_us;
    return busy > 0 ? busy : 0;
}

static void write_tasks(struct clu_job *j, struct base_buf *b) {
    static const struct {
        const char *name, *help;
    } times[] = {
        { "cepd_task_busy_seconds_total", "time a task has worked" },
        { "cepd_task_backpressured_seconds_total", "time a task has waited for room downstream" },
        { "cepd_task_idle_seconds_total", "time a task has waited for input" },
    };
    for (size_t m = 0; m < sizeof times / sizeof *times; m++) {
        clu_prom_head(b, times[m].name, "counter", times[m].help);
        for (uint32_t i = 0; i < rt_job_n_tasks(j->job); i++) {
            struct rt_task_info t;
            struct base_buf name = BASE_BUF_INIT;
            char subtask[12], vertex[12];
            rt_job_task_info(j->job, i, &t);
            plan_job_write_name(&name, rt_job_graph(j->job), t.vertex);
            (void)snprintf(subtask, sizeof subtask, "%u", t.subtask);
            (void)snprintf(vertex, sizeof vertex, "%u", t.vertex);
            const struct base_str labels[] = { BASE_STR("vertex"), base_str_of(vertex), BASE_STR("name"),
                base_buf_view(&name), BASE_STR("subtask"), base_str_of(subtask) };
            clu_prom_value(b, times[m].name, labels, 3,
                seconds(m == 0   ? busy_of(&t)
                        : m == 1 ? t.blocked_us
                                 : t.idle_us));
            base_buf_release(&name);
        }
    }
}

void clu_job_write_metrics(struct clu_job *j, struct base_buf *b) {
    const struct base_str labels[] = { BASE_STR("job"), base_str_of(j->id), BASE_STR("name"),
        base_str_of(j->opts.name), BASE_STR("state"), base_str_of(rt_state_name(j->state)) };
    clu_prom_head(b, "cepd_job_info", "gauge", "1; its labels say which job this is");
    clu_prom_value(b, "cepd_job_info", labels, 3, 1);
    clu_prom_head(b, "cepd_uptime_seconds", "gauge", "time since the job was made");
    clu_prom_value(b, "cepd_uptime_seconds", NULL, 0, seconds(clk_now(j->opts.clk) - j->created_us));
    clu_prom_head(b, "cepd_failures_total", "counter", "failures of the job");
    clu_prom_value(b, "cepd_failures_total", NULL, 0, (double)j->n_failures);
    if (!j->job)
        return;
    struct clu_op *ops = clu_job_ops(j);
    write_rows(j, b, ops);
    write_watermarks(j, b, ops, false);
    write_watermarks(j, b, ops, true);
    write_tasks(j, b);
    clu_job_write_checkpoint_metrics(j, b);
    base_free(ops);
}
