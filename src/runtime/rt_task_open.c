/*
 * rt_task_open -- a task is made from its place in the execution graph, and taken apart; what can be seen of it.
 */
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_combine.h"
#include "runtime/rt_db.h"
#include "runtime/rt_exchange.h"
#include "runtime/rt_job_internal.h"
#include "runtime/rt_save.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_mem.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* -- what connectors and the event loop call ------------------------------------------------------------------------ */

static void on_sink_log(void *arg, enum con_level level, const char *text) {
    rt_job_log(((struct rt_task *)arg)->job, level, text);
}

static int64_t sink_wall_clock(void *arg) {
    return clk_now(((struct rt_task *)arg)->job->opts.clk);
}

static int64_t sink_mono_clock(void *arg) {
    return clk_mono(((struct rt_task *)arg)->job->opts.clk);
}

/* Nothing to do but to end the wait. */
static void on_timer(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    (void)arg;
}

static void on_bell(evutil_socket_t fd, short what, void *arg) {
    uint64_t n;
    (void)what;
    (void)arg;
    if (read(fd, &n, sizeof n) < 0)
        return; /* already drained: flags and rings are what counts */
}

/* -- making ------------------------------------------------------------------------------------------------------ */

static enum cep_rc open_loop(struct rt_task *task, struct cep_err *err) {
    task->loop = event_base_new();
    if (!task->loop)
        return base_err_set(err, CEP_EIO, "could not make an event loop");
    task->timer = event_new(task->loop, -1, 0, on_timer, task);
    task->bell_event = event_new(task->loop, task->bell_fd, EV_READ | EV_PERSIST, on_bell, task);
    if (!task->timer || !task->bell_event || event_add(task->bell_event, NULL) != 0)
        return base_err_set(err, CEP_EIO, "could not register with the event loop");
    return CEP_OK;
}

/*
 * A job with checkpoints tells its sinks so. Without, part files do not wait for a commit, which would not come; of one file a
 * savepoint holds the length.
 */
static enum cep_rc make_sink(struct rt_task *task, const struct plan_sink *sink, const struct con_env *env,
    struct rt_op **op, struct cep_err *err) {
    struct rt_job *job = task->job;
    struct base_str *states = NULL;
    enum cep_rc rc = CEP_OK;
    struct con_sink_how how = { .subtask = job->exec.tasks[task->index].subtask,
        .n_subtasks = task->vertex->parallelism,
        .exactly_once = plan_delivery_of(job->plan, sink) == PLAN_EXACTLY_ONCE &&
                        (rt_job_keeps(job) || !con_sink_parallel(sink)) };
    if (job->restore)
        rc = rt_restore_sink(job->restore, sink->name, &states, &how.n_states, err);
    how.states = states;
    if (rc == CEP_OK)
        *op = rt_sink_new(job->plan, sink, env, rt_job_is_saved(job) ? &how : NULL, job->opts.clk);
    base_free(states);
    return rc;
}

static enum cep_rc make_sinks(struct rt_task *task, struct cep_err *err) {
    const struct rt_opts *opts = &task->job->opts;
    const struct plan *plan = task->job->plan;
    task->sinks = base_calloc(task->vertex->n_sinks + 1, sizeof(struct rt_op *));
    for (uint32_t i = 0; i < task->vertex->n_sinks; i++) {
        const struct plan_sink *sink = &plan->sinks[task->vertex->sinks[i]];
        struct con_env env;
        con_env_init(&env);
        env.base_dir = opts->base_dir;
        env.writer = opts->writer;
        env.loop = task->loop;
        env.stdin_fd = opts->stdin_fd;
        env.stdout_fd = opts->stdout_fd;
        env.stderr_fd = opts->stderr_fd;
        env.now_us = sink_wall_clock;
        env.mono_us = sink_mono_clock;
        env.log = on_sink_log;
        env.arg = task;
        struct rt_op *op;
        enum cep_rc rc = make_sink(task, sink, &env, &op, err);
        if (rc != CEP_OK)
            return rc;
        task->sinks[task->n_sinks++] = op;
        if (task->graph.ops[sink->input.node])
            rt_graph_listen(&task->graph, sink->input, op, 0);
    }
    return CEP_OK;
}

enum cep_rc rt_task_open_sinks(struct rt_task *task, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < task->n_sinks && rc == CEP_OK; i++)
        rc = rt_sink_open(task->sinks[i], err);
    return rc;
}

enum cep_rc rt_task_init(struct rt_task *task, struct rt_job *job, uint32_t index, struct cep_err *err) {
    const struct plan *plan = job->plan;
    task->job = job;
    task->index = index;
    task->vertex = &job->graph->vertices[job->exec.tasks[index].vertex];
    (void)pthread_mutex_init(&task->mutex, NULL);
    atomic_init(&task->asleep, false);
    atomic_init(&task->announced, 0);
    atomic_init(&task->taken, 0);
    task->shown = base_calloc(plan->n_nodes + plan->n_sinks + 1, sizeof *task->shown);
    task->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return task->bell_fd >= 0
               ? CEP_OK
               : base_err_set(err, CEP_EIO, "could not make an event descriptor: %s", strerror(errno));
}

static enum cep_rc make_graph(struct rt_task *task, const struct rt_snap_db *from, struct cep_err *err) {
    struct rt_job *job = task->job;
    enum cep_rc rc = rt_db_wanted(task) ? rt_db_open(task, from, err) : CEP_OK;
    if (rc != CEP_OK)
        return rc;
    struct rt_memory memory = {
        .bytes = rt_db_share(job, task->vertex), .db = task->db, .numbers = task->numbers
    };
    return rt_graph_init_part(
        &task->graph, job->plan, task->vertex->nodes, task->vertex->n_nodes, &memory, job->opts.clk, err);
}

/* With the database that the same task saved, when its operators can go on with it; else with an empty one. */
static enum cep_rc open_graph(struct rt_task *task, struct cep_err *err) {
    struct rt_restore *restore = task->job->restore;
    bool wanted = rt_db_wanted(task);
    enum cep_rc rc = wanted ? rt_db_init(task, err) : CEP_OK;
    const struct rt_snap_db *from = wanted && restore && rc == CEP_OK ? rt_restore_db(restore, task) : NULL;
    if (rc == CEP_OK)
        rc = make_graph(task, from, err);
    bool fits = from != NULL;
    if (rc == CEP_OK && from)
        rc = rt_restore_fits(restore, task, &fits, err);
    if (rc == CEP_OK && from && !fits) {
        rt_graph_release(&task->graph);
        rt_db_close(task);
        from = NULL;
        rc = make_graph(task, NULL, err);
    }
    task->served = from;
    return rc;
}

enum cep_rc rt_task_open(struct rt_task *task, struct cep_err *err) {
    struct rt_job *job = task->job;
    uint32_t n_nodes = job->plan->n_nodes ? job->plan->n_nodes : 1;
    task->sources = base_calloc(n_nodes, sizeof(struct rt_source_run *));
    task->turn = base_calloc(n_nodes, sizeof *task->turn);
    task->counted = base_calloc(n_nodes, sizeof *task->counted);
    enum cep_rc rc = open_loop(task, err);
    if (rc == CEP_OK)
        rc = open_graph(task, err);
    if (rc == CEP_OK)
        rc = make_sinks(task, err);
    for (uint32_t i = 0; rc == CEP_OK && job->opts.trace && i < task->vertex->n_nodes; i++)
        rt_op_trace(task->graph.ops[task->vertex->nodes[i]], &job->trace);
    return rc;
}

/* -- connecting --------------------------------------------------------------------------------------------------- */

static void find_channels(struct rt_task *task) {
    struct rt_job *job = task->job;
    task->ins = base_calloc(job->exec.n_channels + 1, sizeof *task->ins);
    task->outs = base_calloc(job->exec.n_channels + 1, sizeof *task->outs);
    for (uint32_t i = 0; i < job->exec.n_channels; i++) {
        struct rt_channel *c = &job->channels[i];
        if (c->to == task)
            task->ins[task->n_ins++] = (struct rt_task_in){ .channel = c,
                .writer = job->exec.tasks[c->from->index].subtask };
        if (c->from == task)
            task->outs[task->n_outs++] = (struct rt_task_out){ .channel = c };
    }
}

/* What a send calls. */
static enum cep_rc push(void *arg, uint32_t target, const struct evt_elem *e, struct cep_err *err) {
    struct rt_task_send *s = arg;
    (void)err;
    rt_task_push(s->task, s->first_out + target, e);
    return CEP_OK;
}

static void add_send(struct rt_task *task, uint32_t exchange) {
    const struct rt_job *job = task->job;
    const struct plan_exchange *x = &job->graph->exchanges[exchange];
    struct rt_task_send *s = &task->sends[exchange];
    s->task = task;
    while (task->outs[s->first_out].channel->to->index != job->exec.first_task[x->to])
        s->first_out++;
    struct rt_send_to to = {
        .push = push, .arg = s, .n_targets = job->graph->vertices[x->to].parallelism, .stream = exchange
    };
    s->op = rt_send_new(x, &to, job->opts.clk);
    if (x->brings_combined)
        return;
    if (!x->combined) {
        rt_graph_listen(&task->graph, x->of, s->op, 0);
        return;
    }
    add_send(task, x->combined - 1);
    s->combine = rt_combine_new(job->plan, job->plan->nodes[x->takers[0].to],
        job->graph->exchanges[x->combined - 1].schema, task->sends[x->combined - 1].op,
        job->graph->vertices[x->from].parallelism == 1, job->opts.clk);
    rt_op_connect(s->combine, PLAN_PORT_MAIN, s->op, 0);
    rt_graph_listen(&task->graph, x->of, s->combine, 0);
}

struct rt_op *rt_task_sink(const struct rt_task *task, uint32_t sink) {
    uint32_t i = 0;
    while (task->vertex->sinks[i] != sink)
        i++;
    return task->sinks[i];
}

static void add_gate(struct rt_task *task, uint32_t exchange) {
    const struct rt_job *job = task->job;
    const struct plan_exchange *x = &job->graph->exchanges[exchange];
    struct rt_op *gate = rt_gate_new(job->graph->vertices[x->from].parallelism, job->opts.clk);
    for (uint32_t i = 0; i < x->n_takers; i++) {
        const struct plan_taker *t = &x->takers[i];
        rt_op_connect(
            gate, PLAN_PORT_MAIN, t->is_sink ? rt_task_sink(task, t->to) : task->graph.ops[t->to], t->input);
    }
    task->gates[exchange] = gate;
}

void rt_task_connect(struct rt_task *task) {
    const struct rt_job *job = task->job;
    uint32_t vertex = job->exec.tasks[task->index].vertex, n = job->graph->n_exchanges;
    find_channels(task);
    task->sends = base_calloc(n + 1, sizeof *task->sends);
    task->gates = base_calloc(n + 1, sizeof(struct rt_op *));
    for (uint32_t i = 0; i < n; i++) {
        if (job->graph->exchanges[i].from == vertex && !job->graph->exchanges[i].brings_combined)
            add_send(task, i);
        if (job->graph->exchanges[i].to == vertex)
            add_gate(task, i);
    }
}

/* -- taking apart ------------------------------------------------------------------------------------------------- */

/* What is shown outlives the operators it was taken from. */
static void let_go_of_reasons(struct rt_task *task) {
    const struct plan *plan = task->job->plan;
    (void)pthread_mutex_lock(&task->mutex);
    for (uint32_t i = 0; i < plan->n_nodes + plan->n_sinks; i++)
        task->shown[i].first_undecodable = task->shown[i].first_failure = "";
    (void)pthread_mutex_unlock(&task->mutex);
}

void rt_task_close(struct rt_task *task) {
    let_go_of_reasons(task);
    if (task->saving)
        rt_saved_free(rt_saving_drop(task->saving));
    task->saving = NULL;
    rt_flights_release(&task->flights);
    for (uint32_t i = 0; i < task->n_sinks; i++)
        task->sinks[i]->vt->free(task->sinks[i]);
    for (uint32_t i = 0; i < task->job->graph->n_exchanges; i++) {
        if (task->sends && task->sends[i].combine)
            task->sends[i].combine->vt->free(task->sends[i].combine);
        if (task->sends && task->sends[i].op)
            task->sends[i].op->vt->free(task->sends[i].op);
        if (task->gates && task->gates[i])
            task->gates[i]->vt->free(task->gates[i]);
    }
    if (task->graph.ops)
        rt_graph_release(&task->graph);
    rt_later_release(&task->later);
    if (task->timer)
        event_free(task->timer);
    if (task->bell_event)
        event_free(task->bell_event);
    if (task->loop)
        event_base_free(task->loop);
    base_free(task->sources);
    base_free(task->sinks);
    base_free(task->sends);
    base_free(task->gates);
    base_free(task->ins);
    base_free(task->outs);
    base_free(task->turn);
    base_free(task->counted);
    rt_db_close(task);
    base_free(task->numbers);
    size_t from = offsetof(struct rt_task, db), to = offsetof(struct rt_task, asleep);
    memset((char *)task + from, 0, to - from);
}

void rt_task_release(struct rt_task *task) {
    if (!task->job)
        return;
    rt_task_close(task);
    if (task->bell_fd >= 0)
        (void)close(task->bell_fd);
    (void)pthread_mutex_destroy(&task->mutex);
    base_free(task->shown);
}

/* -- looking at it ------------------------------------------------------------------------------------------------- */

static void show_op(struct rt_op *op, struct rt_op_info *out) {
    if (op->vt->gauges)
        op->vt->gauges(op);
    *out = (struct rt_op_info){ .name = op->name,
        .kind = op->vt->kind,
        .watermark = op->watermark,
        .idle = op->idle,
        .ended = op->ended,
        .metrics = op->metrics,
        .first_undecodable = op->first_undecodable,
        .first_failure = op->first_failure };
}

static void show_source(struct rt_source_run *s, struct rt_op_info *info) {
    uint32_t behind = rt_source_behind(s->op);
    info->is_source = true;
    con_source_stats(s->con, &info->source);
    info->metrics.bytes_in = info->source.bytes;
    if (behind == CON_ANY || behind >= con_source_n_partitions(s->con))
        return;
    struct con_partition part;
    con_source_partition(s->con, behind, &part);
    size_t n = part.name.len < RT_HELD_BY_MAX ? part.name.len : RT_HELD_BY_MAX - 1;
    memcpy(info->held_by, part.name.p, n);
}

static void show_self(const struct rt_task *task, struct rt_task_info *info) {
    *info = (struct rt_task_info){ .started = task->started_us != 0,
        .ended = task->ended,
        .idle_us = task->idle_us,
        .blocked_us = task->blocked_us };
    if (info->started)
        info->ran_us = clk_mono(task->job->opts.clk) - task->started_us;
}

void rt_task_show_self(struct rt_task *task) {
    (void)pthread_mutex_lock(&task->mutex);
    show_self(task, &task->shown_task);
    (void)pthread_mutex_unlock(&task->mutex);
}

void rt_task_show(struct rt_task *task) {
    const struct plan *plan = task->job->plan;
    (void)pthread_mutex_lock(&task->mutex);
    for (uint32_t i = 0; i < task->vertex->n_nodes; i++)
        show_op(task->graph.ops[task->vertex->nodes[i]], &task->shown[task->vertex->nodes[i]]);
    for (uint32_t i = 0; i < task->n_sources; i++)
        show_source(task->sources[i], &task->shown[task->sources[i]->op->node->index]);
    for (uint32_t i = 0; i < task->n_sinks; i++) {
        struct rt_op_info *info = &task->shown[plan->n_nodes + task->vertex->sinks[i]];
        show_op(task->sinks[i], info);
        info->is_sink = true;
        rt_sink_stats(task->sinks[i], &info->sink);
        info->metrics.bytes_out = info->sink.bytes;
    }
    show_self(task, &task->shown_task);
    (void)pthread_mutex_unlock(&task->mutex);
}

void rt_task_count(struct rt_task *task) {
    struct rt_job *job = task->job;
    if (task->vertex->n_nodes == 0)
        return;
    for (uint32_t i = 0; i < task->vertex->n_nodes; i++) {
        uint32_t node = task->vertex->nodes[i];
        struct rt_op *op = task->graph.ops[node];
        if (!op->vt->gauges)
            continue;
        op->vt->gauges(op);
        int64_t now = (int64_t)(op->metrics.buffered - op->metrics.spilled),
                change = now - task->counted[node];
        if (change != 0)
            atomic_fetch_add_explicit(&job->buffered[job->group[node]], change, memory_order_relaxed);
        task->counted[node] = now;
    }
}
