/*
 * clu_job_write -- a job's state as JSON, as Flink's REST API says it (doc/rest.md).
 */
#include "cluster/clu_job_internal.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "base/base_num.h"
#include "event/evt_type.h"
#include "runtime/rt_exec.h"

#include <unistd.h>

/* -- pieces of JSON --------------------------------------------------------------------------------------------- */

static const char *const state_words[RT_STATE_MAX] = {
    [RT_STATE_CREATED] = "CREATED",
    [RT_STATE_RUNNING] = "RUNNING",
    [RT_STATE_FAILING] = "FAILING",
    [RT_STATE_FAILED] = "FAILED",
    [RT_STATE_RESTARTING] = "RESTARTING",
    [RT_STATE_CANCELLING] = "CANCELLING",
    [RT_STATE_CANCELLED] = "CANCELED",
    [RT_STATE_SUSPENDED] = "SUSPENDED",
    [RT_STATE_FINISHED] = "FINISHED",
};

static long long ms(int64_t us) {
    return (long long)(us / 1000);
}

static void put_str(struct base_buf *b, const char *name, struct base_str value) {
    base_buf_printf(b, "\"%s\":", name);
    evt_json_write_str(b, value);
}

static void put_job(struct base_buf *b, const struct clu_job *j) {
    base_buf_printf(b, "\"jid\":\"%s\",", j->id);
    put_str(b, "name", base_str_of(j->opts.name));
}

static void put_note(struct base_buf *b, const struct clu_job *j) {
    if (!j->note)
        return;
    base_buf_putc(b, ',');
    put_str(b, "note", base_str_of(j->note));
}

static const char *task_word(const struct rt_task_info *t) {
    return t->ended ? "FINISHED" : t->started ? "RUNNING" : "CREATED";
}

/* {"created": n, "running": n, "finished": n, "total": n} of a vertex, or of all (UINT32_MAX). */
static void put_task_counts(struct base_buf *b, struct clu_job *j, uint32_t vertex, bool capitals) {
    uint32_t n[3] = { 0 };
    for (uint32_t t = 0; j->job && t < rt_job_n_tasks(j->job); t++) {
        struct rt_task_info info;
        rt_job_task_info(j->job, t, &info);
        if (vertex == UINT32_MAX || info.vertex == vertex)
            n[info.ended ? 2 : info.started ? 1 : 0]++;
    }
    base_buf_printf(b,
        capitals ? "{\"CREATED\":%u,\"RUNNING\":%u,\"FINISHED\":%u"
                 : "{\"created\":%u,\"running\":%u,\"finished\":%u",
        n[0], n[1], n[2]);
    if (!capitals)
        base_buf_printf(b, ",\"total\":%u", n[0] + n[1] + n[2]);
    base_buf_putc(b, '}');
}

static bool reads_outside(const struct plan_job *g, uint32_t vertex, uint32_t node) {
    const struct plan_node *n = g->plan->nodes[node];
    for (uint32_t k = 0; k < plan_node_n_inputs(n); k++)
        if (g->vertex_of_node[plan_node_input(n, k).node] != vertex)
            return true;
    return n->kind == PLAN_NODE_SOURCE;
}

static bool is_sent(const struct plan_job *g, uint32_t node) {
    for (uint32_t i = 0; i < g->n_exchanges; i++)
        if (g->exchanges[i].of.node == node && g->exchanges[i].of.port == PLAN_PORT_MAIN)
            return true;
    return false;
}

/*
 * What came in and went out over the borders of a vertex, of one subtask or of all (UINT32_MAX), and what its tasks did.
 * A row that two operators take counts twice, and so do its bytes.
 */
static void put_io(struct base_buf *b, struct clu_job *j, uint32_t vertex, uint32_t subtask) {
    uint64_t read = 0, written = 0, rows_in = 0, rows_out = 0;
    int64_t idle = 0, blocked = 0, busy = 0;
    const struct plan_job *g = rt_job_graph(j->job);
    const struct plan_vertex *v = &g->vertices[vertex];
    uint32_t n_nodes = j->opts.plan->n_nodes;
    for (uint32_t t = 0; t < rt_job_n_tasks(j->job); t++) {
        struct rt_task_info task;
        struct rt_op_info op;
        rt_job_task_info(j->job, t, &task);
        if (task.vertex != vertex || (subtask != UINT32_MAX && task.subtask != subtask))
            continue;
        idle += task.idle_us;
        blocked += task.blocked_us;
        int64_t left = task.ran_us - task.idle_us - task.blocked_us;
        busy += left > 0 ? left : 0;
        for (uint32_t i = 0; i < v->n_nodes; i++)
            if (rt_job_task_op(j->job, t, v->nodes[i], &op)) {
                bool reads = reads_outside(g, vertex, v->nodes[i]), sent = is_sent(g, v->nodes[i]);
                read += reads ? op.metrics.bytes_in : 0;
                written += sent ? op.metrics.bytes_out : 0;
                rows_in += reads ? op.metrics.rows_in : 0;
                rows_out += sent ? op.metrics.rows_out : 0;
            }
        for (uint32_t i = 0; i < v->n_sinks; i++)
            if (rt_job_task_op(j->job, t, n_nodes + v->sinks[i], &op)) {
                bool reads = g->vertex_of_node[g->plan->sinks[v->sinks[i]].input.node] != vertex;
                read += reads ? op.metrics.bytes_in : 0;
                written += op.metrics.bytes_out;
                rows_in += reads ? op.metrics.rows_in : 0;
                rows_out += op.sink.rows;
            }
    }
    base_buf_printf(b,
        "{\"read-bytes\":%llu,\"write-bytes\":%llu,\"read-records\":%llu,\"write-records\":%llu,"
        "\"accumulated-backpressured-time\":%lld,\"accumulated-idle-time\":%lld,"
        "\"accumulated-busy-time\":%lld}",
        (unsigned long long)read, (unsigned long long)written, (unsigned long long)rows_in,
        (unsigned long long)rows_out, ms(blocked), ms(idle), ms(busy));
}

static void put_watermark(struct base_buf *b, const struct clu_op *op, const struct clu_op *ops) {
    if (!op || !op->has_watermark) {
        base_buf_puts(b, "\"watermark\":null,\"watermark-lag\":null,\"held-by\":null");
        return;
    }
    base_buf_printf(
        b, "\"watermark\":%lld,\"watermark-lag\":%lld,\"held-by\":", ms(op->info.watermark), ms(op->lag_us));
    if (op->held_by == UINT32_MAX) {
        base_buf_puts(b, "null");
        return;
    }
    const struct rt_op_info *by = &ops[op->held_by].info;
    base_buf_putc(b, '{');
    put_str(b, "stream", by->name);
    base_buf_puts(b, ",\"partition\":");
    if (by->held_by[0])
        evt_json_write_str(b, base_str_of(by->held_by));
    else
        base_buf_puts(b, "null");
    base_buf_putc(b, '}');
}

static void put_counts(struct base_buf *b, const struct rt_op_info *info) {
#define PUT_METRIC(field, name, help) \
    base_buf_printf(b, ",\"%s\":%llu", name, (unsigned long long)info->metrics.field);
    RT_METRIC_LIST(PUT_METRIC)
#undef PUT_METRIC
    if (info->is_sink)
        base_buf_printf(b, ",\"pending\":%llu,\"retries\":%llu,\"undelivered\":%llu",
            (unsigned long long)info->sink.pending, (unsigned long long)info->sink.retries,
            (unsigned long long)info->sink.failed);
}

static void put_op(struct base_buf *b, const struct clu_op *op, const struct clu_op *ops) {
    base_buf_putc(b, '{');
    put_str(b, "name", op->info.name);
    base_buf_printf(b, ",\"kind\":\"%s\",\"vertex\":\"%u\",\"idle\":%s,\"ended\":%s,", op->info.kind,
        op->vertex, op->info.idle ? "true" : "false", op->info.ended ? "true" : "false");
    put_watermark(b, op, ops);
    put_counts(b, &op->info);
    base_buf_putc(b, '}');
}

static int64_t end_of(const struct clu_job *j) {
    return rt_state_is_final(j->state) ? j->since_us[j->state] : 0;
}

static void put_times(struct base_buf *b, const struct clu_job *j) {
    int64_t end = end_of(j), now = clk_now(j->opts.clk);
    base_buf_printf(b, "\"start-time\":%lld,\"end-time\":%lld,\"duration\":%lld", ms(j->created_us),
        end ? ms(end) : -1LL, ms((end ? end : now) - j->created_us));
}

/* -- the plan --------------------------------------------------------------------------------------------------- */

static void put_vertex_name(struct base_buf *b, const struct plan_job *g, uint32_t vertex) {
    struct base_buf name = BASE_BUF_INIT;
    plan_job_write_name(&name, g, vertex);
    put_str(b, "name", base_buf_view(&name));
    base_buf_release(&name);
}

static void put_description(struct base_buf *b, const struct plan_job *g, uint32_t vertex) {
    const struct plan_vertex *v = &g->vertices[vertex];
    static const char *const kinds[PLAN_NODE_MAX] = { "source", "select", "aggregate", "over", "join", "top",
        "pattern", "recognize", "alert", "process" };
    struct base_buf text = BASE_BUF_INIT;
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        const struct plan_node *n = g->plan->nodes[v->nodes[i]];
        base_buf_printf(&text, "%s%s %.*s", text.len ? ", " : "", kinds[n->kind], BASE_STR_FMT(n->name));
    }
    for (uint32_t i = 0; i < v->n_sinks; i++)
        base_buf_printf(
            &text, "%ssink %.*s", text.len ? ", " : "", BASE_STR_FMT(g->plan->sinks[v->sinks[i]].name));
    put_str(b, "description", base_buf_view(&text));
    base_buf_release(&text);
}

void clu_job_put_plan(struct base_buf *b, const struct clu_job *j, const struct plan_job *g) {
    base_buf_puts(b, "{");
    put_job(b, j);
    base_buf_puts(b, ",\"type\":\"STREAMING\",\"nodes\":[");
    for (uint32_t v = 0; v < g->n_vertices; v++) {
        uint32_t n = 0;
        base_buf_printf(b,
            "%s{\"id\":\"%u\",\"parallelism\":%u,\"operator\":\"\",\"operator_strategy\":\"\",", v ? "," : "",
            v, g->vertices[v].parallelism);
        put_description(b, g, v);
        for (uint32_t i = 0; i < g->n_exchanges; i++) {
            const struct plan_exchange *x = &g->exchanges[i];
            if (x->to != v || x->brings_combined)
                continue;
            base_buf_printf(b,
                "%s{\"num\":%u,\"id\":\"%u\",\"ship_strategy\":\"%s\",\"exchange\":\"pipelined_bounded\"}",
                n ? "," : ",\"inputs\":[", n, x->from, x->ship == PLAN_SHIP_HASH ? "HASH" : "GATHER");
            n++;
        }
        base_buf_puts(b, n ? "]," : ",");
        base_buf_puts(b, "\"optimizer_properties\":{}}");
    }
    base_buf_puts(b, "]}");
}

/* -- calls ------------------------------------------------------------------------------------------------------ */

void clu_job_write_overview(struct clu_job *j, struct base_buf *b) {
    bool over = rt_state_is_final(j->state);
    base_buf_printf(b,
        "{\"taskmanagers\":1,\"slots-total\":%u,\"slots-available\":0,\"jobs-running\":%d,\"jobs-finished\":%"
        "d,"
        "\"jobs-cancelled\":%d,\"jobs-failed\":%d,\"cepd-version\":\"" PACKAGE_VERSION "\"}\n",
        j->opts.parallelism, !over, j->state == RT_STATE_FINISHED, j->state == RT_STATE_CANCELLED,
        j->state == RT_STATE_FAILED);
}

void clu_job_put_item(struct clu_job *j, enum clu_rest_op op, struct base_buf *b) {
    if (op == CLU_REST_JOBS) {
        base_buf_printf(b, "{\"id\":\"%s\",\"status\":\"%s\"}", j->id, state_words[j->state]);
        return;
    }
    base_buf_putc(b, '{');
    put_job(b, j);
    base_buf_putc(b, ',');
    put_times(b, j);
    base_buf_printf(b,
        ",\"state\":\"%s\",\"last-modification\":%lld,\"parallelism\":%u,\"failures\":%llu,\"tasks\":",
        state_words[j->state], ms(j->since_us[j->state]), j->opts.parallelism,
        (unsigned long long)j->n_failures);
    put_task_counts(b, j, UINT32_MAX, false);
    put_note(b, j);
    base_buf_putc(b, '}');
}

void clu_job_write_items(struct clu_job *j, enum clu_rest_op op, struct base_buf *b) {
    base_buf_puts(b, "{\"jobs\":[");
    clu_job_put_item(j, op, b);
    base_buf_puts(b, "]}\n");
}

static void put_vertices(struct clu_job *j, struct base_buf *b) {
    const struct plan_job *g = rt_job_graph(j->job);
    for (uint32_t v = 0; v < g->n_vertices; v++) {
        base_buf_printf(b, "%s{\"id\":\"%u\",", v ? "," : "", v);
        put_vertex_name(b, g, v);
        base_buf_printf(b, ",\"parallelism\":%u,\"maxParallelism\":%u,\"tasks\":", g->vertices[v].parallelism,
            (unsigned)PLAN_PARALLELISM_MAX);
        put_task_counts(b, j, v, true);
        base_buf_puts(b, ",\"metrics\":");
        put_io(b, j, v, UINT32_MAX);
        base_buf_putc(b, '}');
    }
}

/* Its sources, as a name: "payments, orders". */
static void put_region_name(struct base_buf *b, struct clu_job *j, uint32_t region) {
    const struct plan_job *g = rt_job_graph(j->job);
    const struct rt_exec *x = rt_job_exec(j->job);
    struct base_buf name = BASE_BUF_INIT;
    for (uint32_t i = 0; i < g->plan->n_nodes; i++)
        if (g->plan->nodes[i]->kind == PLAN_NODE_SOURCE &&
            x->tasks[x->first_task[g->vertex_of_node[i]]].region == region)
            base_buf_printf(&name, "%s%.*s", name.len ? ", " : "", BASE_STR_FMT(g->plan->nodes[i]->name));
    put_str(b, "name", base_buf_view(&name));
    base_buf_release(&name);
}

/* What fails and begins again together. */
static void put_regions(struct clu_job *j, struct base_buf *b) {
    for (uint32_t r = 0; r < rt_job_exec(j->job)->n_regions; r++) {
        uint32_t n = 0, running = 0, ended = 0, attempt = 0;
        for (uint32_t t = 0; t < rt_job_n_tasks(j->job); t++) {
            struct rt_task_info info;
            rt_job_task_info(j->job, t, &info);
            if (info.region != r)
                continue;
            n++;
            ended += info.ended;
            running += info.started && !info.ended;
            attempt = info.attempt;
        }
        base_buf_printf(b, "%s{\"id\":%u,", r ? "," : "", r);
        put_region_name(b, j, r);
        base_buf_printf(b,
            ",\"attempt\":%u,\"tasks\":{\"created\":%u,\"running\":%u,\"finished\":%u,\"total\":%u},"
            "\"workers\":[",
            j->before + attempt, n - running - ended, running, ended, n);
        if (j->opts.put_workers)
            j->opts.put_workers(j->opts.arg, r, b);
        base_buf_puts(b, "]}");
    }
}

static void put_totals(struct clu_job *j, struct base_buf *b, const struct clu_op *ops) {
    struct rt_totals t;
    uint64_t open = 0, bytes = 0, buffered = 0, undelivered = 0;
    for (uint32_t i = 0; i < clu_job_n_ops(j); i++) {
        open += ops[i].info.metrics.open;
        bytes += ops[i].info.metrics.state_bytes;
        buffered += ops[i].info.metrics.buffered;
        undelivered += ops[i].info.sink.failed;
    }
    rt_job_totals(j->job, &t);
    base_buf_printf(b,
        "{\"events\":%llu,\"matches\":%llu,\"alerts\":%llu,\"late\":%llu,\"errors\":%llu,\"suppressed\":%llu,"
        "\"timed_out\":%llu,\"open\":%llu,\"state_bytes\":%llu,\"buffered\":%llu,\"undelivered\":%llu,",
        (unsigned long long)t.events, (unsigned long long)t.matches, (unsigned long long)t.alerts,
        (unsigned long long)t.late, (unsigned long long)t.errors, (unsigned long long)t.suppressed,
        (unsigned long long)t.timed_out, (unsigned long long)open, (unsigned long long)bytes,
        (unsigned long long)buffered, (unsigned long long)undelivered);
    put_watermark(b, clu_job_furthest_behind(j, ops), ops);
    base_buf_putc(b, '}');
}

static void put_root_cause(struct base_buf *b, const struct clu_job *j) {
    if (j->n_failures == 0)
        return;
    const struct clu_failure *f = &j->failures[(j->n_failures - 1) % CLU_FAILURES];
    base_buf_puts(b, ",\"last-failure\":{");
    put_str(b, "message", base_str_of(f->message));
    base_buf_printf(
        b, ",\"timestamp\":%lld,\"failures\":%llu}", ms(f->at_us), (unsigned long long)j->n_failures);
}

void clu_job_write_job(struct clu_job *j, struct base_buf *b) {
    bool first = true;
    base_buf_putc(b, '{');
    put_job(b, j);
    base_buf_printf(b, ",\"isStoppable\":true,\"state\":\"%s\",", state_words[j->state]);
    put_times(b, j);
    base_buf_printf(b, ",\"maxParallelism\":%u,\"parallelism\":%u,\"now\":%lld,\"timestamps\":{",
        (unsigned)PLAN_PARALLELISM_MAX, j->opts.parallelism, ms(clk_now(j->opts.clk)));
    for (int s = 0; s < RT_STATE_MAX; s++)
        base_buf_printf(b, "%s\"%s\":%lld", s ? "," : "", state_words[s], ms(j->since_us[s]));
    base_buf_putc(b, '}');
    put_note(b, j);
    put_root_cause(b, j);
    if (!j->job) {
        base_buf_puts(b, ",\"vertices\":[]}\n");
        return;
    }
    struct clu_op *ops = clu_job_ops(j);
    base_buf_puts(b, ",\"vertices\":[");
    put_vertices(j, b);
    base_buf_puts(b, "],\"regions\":[");
    put_regions(j, b);
    base_buf_puts(b, "],\"status-counts\":");
    put_task_counts(b, j, UINT32_MAX, true);
    base_buf_puts(b, ",\"plan\":");
    clu_job_put_plan(b, j, rt_job_graph(j->job));
    base_buf_puts(b, ",\"totals\":");
    put_totals(j, b, ops);
    base_buf_puts(b, ",\"operators\":[");
    for (uint32_t i = 0; i < clu_job_n_ops(j); i++) {
        if (!ops[i].known)
            continue;
        base_buf_puts(b, first ? "" : ",");
        put_op(b, &ops[i], ops);
        first = false;
    }
    base_buf_puts(b, "]}\n");
    base_free(ops);
}

static void put_subtask(struct clu_job *j, struct base_buf *b, uint32_t task, const struct rt_task_info *t) {
    bool first = true;
    base_buf_printf(b,
        "{\"subtask\":%u,\"status\":\"%s\",\"attempt\":%llu,\"duration\":%lld,\"metrics\":", t->subtask,
        task_word(t), (unsigned long long)j->before + t->attempt, ms(t->ran_us));
    put_io(b, j, t->vertex, t->subtask);
    base_buf_puts(b, ",\"operators\":[");
    for (uint32_t i = 0; i < clu_job_n_ops(j); i++) {
        struct clu_op op = { .vertex = t->vertex };
        if (!rt_job_task_op(j->job, task, i, &op.info))
            continue;
        base_buf_puts(b, first ? "{" : ",{");
        first = false;
        put_str(b, "name", op.info.name);
        base_buf_printf(b, ",\"kind\":\"%s\"", op.info.kind);
        if (op.info.watermark == EVT_TIME_MIN || op.info.watermark == EVT_TIME_MAX)
            base_buf_puts(b, ",\"watermark\":null");
        else
            base_buf_printf(b, ",\"watermark\":%lld", ms(op.info.watermark));
        put_counts(b, &op.info);
        base_buf_putc(b, '}');
    }
    base_buf_puts(b, "]}");
}

enum cep_rc clu_job_write_vertex(
    struct clu_job *j, struct base_str id, struct base_buf *b, struct cep_err *err) {
    const struct plan_job *g = rt_job_graph(j->job);
    int64_t v;
    bool first = true;
    if (!base_parse_i64(id, &v) || v < 0 || v >= (int64_t)g->n_vertices)
        return base_err_set(err, CEP_ENAME, "there is no vertex \"%.*s\": they are 0 to %u", BASE_STR_FMT(id),
            g->n_vertices - 1);
    base_buf_printf(b, "{\"id\":\"%lld\",", (long long)v);
    put_vertex_name(b, g, (uint32_t)v);
    base_buf_printf(b, ",\"parallelism\":%u,\"maxParallelism\":%u,\"now\":%lld,\"subtasks\":[",
        g->vertices[v].parallelism, (unsigned)PLAN_PARALLELISM_MAX, ms(clk_now(j->opts.clk)));
    for (uint32_t t = 0; t < rt_job_n_tasks(j->job); t++) {
        struct rt_task_info info;
        rt_job_task_info(j->job, t, &info);
        if (info.vertex != (uint32_t)v)
            continue;
        base_buf_puts(b, first ? "" : ",");
        put_subtask(j, b, t, &info);
        first = false;
    }
    base_buf_puts(b, "]}\n");
    return CEP_OK;
}

/* Newest first. */
void clu_job_write_exceptions(struct clu_job *j, struct base_buf *b) {
    uint64_t n = j->n_failures < CLU_FAILURES ? j->n_failures : CLU_FAILURES;
    const char *more = n < j->n_failures ? "true" : "false";
    base_buf_puts(b, "{\"root-exception\":");
    if (n == 0) {
        base_buf_puts(b, "null,\"timestamp\":null");
    } else {
        const struct clu_failure *f = &j->failures[(j->n_failures - 1) % CLU_FAILURES];
        evt_json_write_str(b, base_str_of(f->message));
        base_buf_printf(b, ",\"timestamp\":%lld", ms(f->at_us));
    }
    base_buf_printf(b, ",\"all-exceptions\":[],\"truncated\":%s,\"exceptionHistory\":{\"entries\":[", more);
    for (uint64_t i = 0; i < n; i++) {
        const struct clu_failure *f = &j->failures[(j->n_failures - 1 - i) % CLU_FAILURES];
        base_buf_puts(b, i ? ",{" : "{");
        put_str(b, "exceptionName", base_str_of(f->message));
        base_buf_printf(b, ",\"timestamp\":%lld}", ms(f->at_us));
    }
    base_buf_printf(b, "],\"truncated\":%s}}\n", more);
}

void clu_job_write_config(struct clu_job *j, struct base_buf *b) {
    base_buf_putc(b, '{');
    put_job(b, j);
    base_buf_printf(b,
        ",\"execution-config\":{\"execution-mode\":\"PIPELINED\",\"restart-strategy\":\"%s\","
        "\"job-parallelism\":%u,\"object-reuse-mode\":true,\"user-config\":{",
        j->opts.restart ? j->opts.restart : "none", j->opts.parallelism);
    for (size_t i = 0; i < j->opts.n_keys; i++) {
        base_buf_puts(b, i ? "," : "");
        put_str(b, j->opts.keys[i].name, base_str_of(j->opts.keys[i].value));
    }
    base_buf_puts(b, "}}}\n");
}

void clu_job_write_taskmanagers(struct clu_job *j, struct base_buf *b) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    base_buf_printf(b,
        "{\"taskmanagers\":[{\"id\":\"local\",\"path\":\"local\",\"pid\":%ld,\"dataPort\":-1,"
        "\"timeSinceLastHeartbeat\":%lld,\"slotsNumber\":%u,\"freeSlots\":0,"
        "\"hardware\":{\"cpuCores\":%ld,\"physicalMemory\":%lld}}]}\n",
        (long)getpid(), ms(clk_now(j->opts.clk)), j->opts.parallelism, cores, (long long)pages * size);
}
