/*
 * rt_flight -- see rt_flight.h.
 */
#include "runtime/rt_flight.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"
#include "runtime/rt_checkpoint.h"
#include "runtime/rt_exchange.h"
#include "runtime/rt_job_internal.h"

#include <stdlib.h>

#define KIND "channel"

enum { NS_ROWS = 1 };

/* -- saving ------------------------------------------------------------------------------------------------------ */

/* Putting into memory does not fail. */
static void put(struct rt_part *part, uint32_t ns, struct base_str key, const struct base_buf *value) {
    struct sto_out out = sto_part_out(&part->bytes);
    enum cep_rc rc = sto_put(&out, ns, STO_NO_GROUP, key, base_buf_view(value), NULL);
    (void)rc;
}

static struct base_str taker_name(const struct plan *plan, const struct plan_taker *t) {
    return t->is_sink ? plan->sinks[t->to].name : plan->nodes[t->to]->name;
}

static void pack_schema(struct base_buf *b, const struct evt_schema *s) {
    struct base_buf schema = BASE_BUF_INIT;
    evt_pack_schema(&schema, s);
    base_pack_str(b, base_buf_view(&schema));
    base_buf_release(&schema);
}

struct rt_part *rt_flight_begin(struct rt_snap *snap, const struct rt_task *task, struct plan_ref of,
    const struct evt_schema *schema, const struct plan_taker *takers, uint32_t n_takers) {
    const struct plan *plan = task->job->plan;
    struct base_buf meta = BASE_BUF_INIT;
    struct rt_part *part = rt_snap_add(snap, &(struct sto_part_head){ .kind = BASE_STR(KIND),
                                                 .name = plan->nodes[of.node]->name,
                                                 .subtask = task->job->exec.tasks[task->index].subtask,
                                                 .n_subtasks = task->vertex->parallelism });
    base_pack_varint(&meta, of.port);
    base_pack_varint(&meta, n_takers);
    for (uint32_t i = 0; i < n_takers; i++) {
        base_pack_u8(&meta, takers[i].is_sink);
        base_pack_str(&meta, taker_name(plan, &takers[i]));
        base_pack_varint(&meta, takers[i].input);
    }
    pack_schema(&meta, schema);
    put(part, STO_NS_META, BASE_STR(""), &meta);
    base_buf_release(&meta);
    return part;
}

void rt_flight_put(struct rt_part *part, uint32_t number, const struct evt_batch *b) {
    struct base_buf key = BASE_BUF_INIT, rows = BASE_BUF_INIT;
    base_pack_u32(&key, number);
    evt_pack_batch(&rows, b);
    put(part, NS_ROWS, base_buf_view(&key), &rows);
    base_buf_release(&key);
    base_buf_release(&rows);
}

void rt_flight_end(struct rt_part *part) {
    sto_part_end(&part->bytes);
}

static bool same_way(const struct rt_flight *a, const struct rt_flight *b) {
    return a->of.node == b->of.node && a->of.port == b->of.port && a->taker.is_sink == b->taker.is_sink &&
           a->taker.to == b->taker.to && a->taker.input == b->taker.input;
}

void rt_flights_save(const struct rt_task *task, struct rt_snap *snap) {
    const struct rt_flights *f = &task->flights;
    for (size_t i = 0; i < f->n;) {
        size_t first = i;
        struct rt_part *part = rt_flight_begin(
            snap, task, f->v[i].of, f->v[i].batch->schema, &f->v[i].taker, 1);
        for (; i < f->n && same_way(&f->v[first], &f->v[i]); i++)
            rt_flight_put(part, (uint32_t)(i - first), f->v[i].batch);
        rt_flight_end(part);
    }
}

/* -- taking ------------------------------------------------------------------------------------------------------ */

enum cep_rc rt_flights_take(struct rt_task *task, struct cep_err *err) {
    struct rt_flights *f = &task->flights;
    enum cep_rc rc = CEP_OK;
    for (size_t i = 0; i < f->n && rc == CEP_OK; i++) {
        const struct plan_taker *t = &f->v[i].taker;
        struct rt_op *op = t->is_sink ? rt_task_sink(task, t->to) : task->graph.ops[t->to];
        op->metrics.rows_in += evt_batch_count(f->v[i].batch);
        op->metrics.bytes_in += evt_batch_data_bytes(f->v[i].batch);
        rc = op->vt->batch(op, t->input, f->v[i].batch, err);
    }
    rt_flights_release(f);
    return rc;
}

void rt_flights_release(struct rt_flights *f) {
    for (size_t i = 0; i < f->n; i++)
        evt_batch_unref(f->v[i].batch);
    base_free(f->v);
    *f = (struct rt_flights){ .n = 0 };
}

/* -- giving back ------------------------------------------------------------------------------------------------- */

/* Where the rows of a part go to one taker, in the job as it is now. */
struct way {
    struct rt_job *job;
    struct plan_ref of;
    struct plan_taker taker;
    uint32_t first_task, n_tasks; /* of the taker's vertex */
    const struct evt_schema
        *combined;               /* of what was gathered before it travelled; NULL: rows of the output */
    struct plan_exchange beside; /* by which that would travel, where rows are not gathered now */
    struct rt_op *send;          /* owned; deals rows out; NULL: there is one task */
    uint64_t *number;            /* of the batches so far */
};

/* What is downstream comes first: who takes it has not what comes from those before it yet. */
static uint64_t rank_of(const struct way *w) {
    const struct plan *plan = w->job->plan;
    uint64_t place = w->taker.is_sink ? 0 : 1 + (uint64_t)(plan->n_nodes - w->taker.to);
    return place << 40 | ++*w->number;
}

/* What a send calls; takes over the batch. */
static enum cep_rc add(void *arg, uint32_t target, const struct evt_elem *e, struct cep_err *err) {
    struct way *w = arg;
    uint32_t task = w->first_task + target;
    struct rt_flights *f = &w->job->tasks[task].flights;
    (void)err;
    if (!rt_job_has(w->job, task)) {
        evt_batch_unref(e->batch);
        return CEP_OK;
    }
    f->v = base_grow(f->v, f->n, &f->cap, sizeof *f->v);
    f->v[f->n++] = (struct rt_flight){ rank_of(w), w->of, w->taker, e->batch };
    return CEP_OK;
}

static bool leads_to(const struct plan_exchange *x, const struct way *w) {
    if (x->of.node != w->of.node || x->of.port != w->of.port)
        return false;
    for (uint32_t i = 0; i < x->n_takers; i++)
        if (x->takers[i].is_sink == w->taker.is_sink && x->takers[i].to == w->taker.to &&
            x->takers[i].input == w->taker.input)
            return true;
    return false;
}

static bool find_taker(const struct plan *plan, struct base_str name, struct way *w) {
    if (w->taker.is_sink) {
        while (w->taker.to < plan->n_sinks && !base_str_eq(plan->sinks[w->taker.to].name, name))
            w->taker.to++;
        const struct plan_sink *s = &plan->sinks[w->taker.to];
        return w->taker.to < plan->n_sinks && s->input.node == w->of.node && s->input.port == w->of.port;
    }
    const struct plan_node *n = plan_find(plan, name);
    if (!n)
        return false;
    w->combined = w->taker.input == plan_combined_input(n) ? w->job->graph->combined[n->index] : NULL;
    if (!w->combined && w->taker.input >= plan_node_n_inputs(n))
        return false;
    struct plan_ref in = w->combined ? n->aggregate.input : plan_node_input(n, w->taker.input);
    w->taker.to = n->index;
    return in.node == w->of.node && in.port == w->of.port;
}

/* What was gathered before it travelled is taken in any job graph. */
static bool open_beside(struct way *w) {
    const struct plan_aggregate *a = &w->job->plan->nodes[w->taker.to]->aggregate;
    struct rt_send_to to = { .push = add, .arg = w, .n_targets = w->n_tasks };
    w->beside = (struct plan_exchange){ .of = w->of,
        .schema = w->combined,
        .brings_combined = true,
        .ship = PLAN_SHIP_HASH,
        .n_keys = a->n_keys,
        .keys = plan_combined_keys(&w->job->graph->arena, w->combined, a->n_keys) };
    w->send = rt_send_new(&w->beside, &to, w->job->opts.clk);
    return true;
}

/* Returns: false when there is no such way any more. */
static bool open_way(struct way *w, struct base_str name) {
    struct rt_job *job = w->job;
    const struct plan_job *g = job->graph;
    if (!find_taker(job->plan, name, w))
        return false;
    uint32_t vertex = w->taker.is_sink ? g->vertex_of_sink[w->taker.to] : g->vertex_of_node[w->taker.to];
    w->first_task = job->exec.first_task[vertex];
    w->n_tasks = g->vertices[vertex].parallelism;
    if (w->n_tasks == 1)
        return true;
    for (uint32_t i = 0; i < g->n_exchanges; i++) {
        struct rt_send_to to = { .push = add, .arg = w, .n_targets = w->n_tasks };
        if (!leads_to(&g->exchanges[i], w))
            continue;
        w->send = rt_send_new(&g->exchanges[i], &to, job->opts.clk);
        return true;
    }
    return w->combined && open_beside(w);
}

static enum cep_rc deal_out(struct way *w, struct evt_batch *b, struct cep_err *err) {
    if (w->send)
        return w->send->vt->batch(w->send, 0, b, err);
    return add(w, 0, &(struct evt_elem){ .kind = EVT_ELEM_BATCH, .batch = evt_batch_ref(b) }, err);
}

struct ways {
    struct way *v; /* owned */
    uint32_t n;
    uint32_t n_lost;                 /* takers that are gone */
    const struct evt_schema *schema; /* NULL: the output is gone, or has other columns */
};

static void close_ways(struct ways *ws) {
    for (uint32_t i = 0; i < ws->n; i++)
        if (ws->v[i].send)
            ws->v[i].send->vt->free(ws->v[i].send);
    base_free(ws->v);
}

static bool same_schema(const struct evt_schema *s, struct base_str packed) {
    struct base_buf now = BASE_BUF_INIT;
    evt_pack_schema(&now, s);
    bool same = base_str_eq(base_buf_view(&now), packed);
    base_buf_release(&now);
    return same;
}

/* Ways stay where they are: sends point to them. */
static void open_ways(
    struct rt_job *job, struct base_str of, struct base_unpack *u, uint64_t *number, struct ways *ws) {
    const struct plan_node *node = plan_find(job->plan, of);
    uint64_t port = base_unpack_max(u, PLAN_PORT_MAX - 1);
    uint32_t n = (uint32_t)base_unpack_count(u, 3);
    struct plan_ref ref = { node ? node->index : 0, (enum plan_port)port };
    ws->v = base_calloc(n + (size_t)1, sizeof *ws->v);
    for (uint32_t i = 0; i < n && !u->bad; i++) {
        struct way *w = &ws->v[ws->n];
        *w = (struct way){
            .job = job, .of = ref, .number = number, .taker = { .is_sink = base_unpack_max(u, 1) }
        };
        struct base_str name = base_unpack_str(u);
        w->taker.input = (uint32_t)base_unpack_max(u, UINT32_MAX);
        bool found = !u->bad && node && open_way(w, name);
        ws->n_lost += !found;
        ws->n += found;
    }
    struct base_str schema = base_unpack_str(u);
    const struct evt_schema *now = node && !u->bad ? plan_schema_of(job->plan, ref) : NULL;
    if (ws->n > 0 && ws->v[0].combined)
        now = ws->v[0].combined;
    ws->schema = now && same_schema(now, schema) ? now : NULL;
}

/* Returns: rows that found no place at one taker or more. */
static enum cep_rc restore_rows(
    struct ways *ws, struct base_str packed, uint64_t *n_lost, struct cep_err *err) {
    struct base_unpack u = base_unpack_of(packed), count = u;
    uint64_t n = base_unpack_max(&count, EVT_BATCH_ROWS);
    *n_lost += ws->schema ? n * ws->n_lost : n;
    if (!ws->schema)
        return CEP_OK;
    struct evt_batch *b = evt_unpack_batch(&u, ws->schema);
    if (!b || !base_unpack_ok(&u)) {
        evt_batch_unref(b);
        return base_err_set(err, CEP_EDAMAGED, "rows under way are damaged");
    }
    enum cep_rc rc = CEP_OK;
    for (uint32_t i = 0; i < ws->n && rc == CEP_OK; i++)
        rc = deal_out(&ws->v[i], b, err);
    evt_batch_unref(b);
    return rc;
}

static enum cep_rc restore_part(
    struct rt_job *job, size_t i, uint64_t *number, struct sto_losses *losses, struct cep_err *err) {
    struct rt_restore *r = job->restore;
    struct base_unpack entries = r->entries[i];
    struct ways ws = { .n = 0 };
    struct sto_entry e;
    uint64_t n_lost = 0;
    enum cep_rc rc;
    while ((rc = sto_part_next(&entries, &e, err)) == CEP_OK) {
        struct base_unpack u = base_unpack_of(e.value);
        if (e.ns == STO_NS_META && !ws.v)
            open_ways(job, r->heads[i].name, &u, number, &ws);
        else if (e.ns == NS_ROWS && ws.v)
            rc = restore_rows(&ws, e.value, &n_lost, err);
        else
            u.bad = true;
        if (u.bad)
            rc = base_err_set(err, CEP_EDAMAGED, "rows under way are damaged");
        if (rc != CEP_OK)
            break;
    }
    if (n_lost > 0 && rt_job_has(job, 0))
        sto_lose(losses, r->heads[i].name, BASE_STR("rows that were under way from it"), n_lost);
    close_ways(&ws);
    r->used[i] = true;
    if (rc == CEP_NONE)
        return CEP_OK;
    base_err_prefix(err, "\"%.*s\"", BASE_STR_FMT(r->heads[i].name));
    return rc;
}

static int by_rank(const void *a, const void *b) {
    uint64_t x = ((const struct rt_flight *)a)->rank, y = ((const struct rt_flight *)b)->rank;
    return (x > y) - (x < y);
}

enum cep_rc rt_flights_restore(struct rt_job *job, struct sto_losses *losses, struct cep_err *err) {
    struct rt_restore *r = job->restore;
    enum cep_rc rc = CEP_OK;
    uint64_t number = 0;
    for (size_t i = 0; i < r->snap->n && rc == CEP_OK; i++)
        if (base_str_eq(r->heads[i].kind, BASE_STR(KIND)))
            rc = restore_part(job, i, &number, losses, err);
    for (uint32_t t = 0; t < job->exec.n_tasks; t++) {
        struct rt_flights *f = &job->tasks[t].flights;
        if (f->n > 1)
            qsort(f->v, f->n, sizeof *f->v, by_rank);
    }
    return rc;
}
