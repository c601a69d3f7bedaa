/*
 * skew_bench -- a tumbling sum at parallelism 2 where one key has a share of the events: what the task that writes and either subtask of
 * the sum spend, with rows gathered by key and pane before they travel and without (rt_combine.h). One thread does the work of all three in
 * turn, so there is no waiting in it: the slowest of them is what a job of three threads can reach.
 *
 *     travel     rows that go from the writer to the subtasks, an event
 *     limit      million events/s of the slowest
 */
#include "base/base_check.h"
#include "dsl/dsl_compile.h"
#include "plan/plan_job.h"
#include "runtime/rt_combine.h"
#include "runtime/rt_exchange.h"
#include "runtime/rt_graph.h"
#include "runtime/rt_ops.h"

#include <stdio.h>
#include <time.h>

enum {
    SUBTASKS = 2,
    WRITER = SUBTASKS,
    PLACES,
    EXCHANGES = 2,
    BATCHES = 64,
    ROUNDS = 60,
    WARM_ROUNDS = 20,
    KEYS = 10000
};

static const char text[] = "stream a (k int, v int, at timestamp) from file (path = 'a.ndjson') format json "
                           "event time at watermark delay 1 s;"
                           "stream w as select k, sum(v) as s from a group by k window tumbling 1 s;";

struct flow {
    struct rt_graph graphs[PLACES];
    struct rt_op *gates[EXCHANGES][SUBTASKS];
    double spent[PLACES]; /* seconds */
    double since;
    int at; /* who works now */
    uint64_t n_travelled;
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void works(struct flow *f, int who) {
    double now = now_s();
    f->spent[f->at] += now - f->since;
    f->since = now;
    f->at = who;
}

static enum cep_rc push(void *arg, uint32_t target, const struct evt_elem *e, struct cep_err *err) {
    struct flow *f = arg;
    f->n_travelled += e->kind == EVT_ELEM_BATCH ? evt_batch_count(e->batch) : 0;
    works(f, (int)target);
    enum cep_rc rc = rt_gate_take(f->gates[e->stream][target], 0, e, err);
    works(f, WRITER);
    return rc;
}

static uint64_t next(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static struct evt_batch *make_batch(
    const struct evt_schema *schema, uint64_t share, uint64_t *n, uint64_t *seed) {
    struct evt_batch *b = evt_batch_new(schema, 0);
    for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++) {
        evt_col_set_i(&b->cols[0], i, next(seed) % 100 < share ? 0 : (int64_t)(next(seed) % KEYS));
        evt_col_set_i(&b->cols[1], i, (int64_t)(next(seed) % 1000));
        evt_col_set_i(&b->cols[2], i, (int64_t)*n);
        b->seq[i] = (*n)++;
        evt_batch_end_row(b);
    }
    return b;
}

static enum cep_rc feed(struct flow *f, struct rt_op *source, uint64_t share, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    uint64_t seed = 1, n = 0;
    for (int round = 0; round < WARM_ROUNDS + ROUNDS && rc == CEP_OK; round++) {
        struct evt_batch *made[BATCHES];
        for (int i = 0; i < BATCHES; i++)
            made[i] = make_batch(source->node->schema, share, &n, &seed);
        if (round == WARM_ROUNDS) {
            f->n_travelled = 0;
            for (int p = 0; p < PLACES; p++)
                f->spent[p] = 0;
        }
        f->at = WRITER;
        f->since = now_s();
        for (int i = 0; i < BATCHES && rc == CEP_OK; i++)
            rc = rt_source_push(source, 0, made[i], err);
        works(f, WRITER);
        for (int i = 0; i < BATCHES; i++)
            evt_batch_unref(made[i]);
    }
    return rc;
}

/* The writer's chain, two subtasks and what is between them. */
static enum cep_rc run(const struct plan *plan, const struct plan_job *job, const struct clk *clk,
    uint64_t share, bool gather, struct cep_err *err) {
    struct flow f = { .at = WRITER };
    const struct rt_memory memory = { .bytes = 0 };
    struct rt_op *sends[EXCHANGES] = { NULL }, *combine = NULL;
    enum cep_rc rc = CEP_OK;
    for (int p = 0; p < PLACES && rc == CEP_OK; p++) {
        const struct plan_vertex *v = &job->vertices[p == WRITER ? 0 : 1];
        rc = rt_graph_init_part(&f.graphs[p], plan, v->nodes, v->n_nodes, &memory, clk, err);
    }
    for (uint32_t x = 0; x < EXCHANGES && rc == CEP_OK; x++) {
        const struct plan_taker *t = job->exchanges[x].takers;
        for (uint32_t s = 0; s < SUBTASKS; s++) {
            f.gates[x][s] = rt_gate_new(1, clk);
            rt_op_connect(f.gates[x][s], PLAN_PORT_MAIN, f.graphs[s].ops[t->to], t->input);
        }
        struct rt_send_to to = { .push = push, .arg = &f, .n_targets = SUBTASKS, .stream = x };
        sends[x] = rt_send_new(&job->exchanges[x], &to, clk);
    }
    if (rc == CEP_OK && gather) {
        const struct plan_exchange *x = &job->exchanges[0];
        combine = rt_combine_new(
            plan, plan->nodes[x->takers->to], job->exchanges[1].schema, sends[1], true, clk);
        rt_op_connect(combine, PLAN_PORT_MAIN, sends[0], 0);
    }
    if (rc == CEP_OK) {
        rt_graph_listen(&f.graphs[WRITER], job->exchanges[0].of, gather ? combine : sends[0], 0);
        rc = feed(&f, f.graphs[WRITER].ops[job->exchanges[0].of.node], share, err);
    }
    double n = (double)ROUNDS * BATCHES * EVT_BATCH_ROWS, most = 0;
    for (int p = 0; p < PLACES; p++)
        most = f.spent[p] > most ? f.spent[p] : most;
    printf("%5llu %% %-10s %9.1f %10.1f %10.1f %9.3f %9.2f\n", (unsigned long long)share,
        gather ? "gathered" : "rows", f.spent[WRITER] * 1e9 / n, f.spent[0] * 1e9 / n, f.spent[1] * 1e9 / n,
        (double)f.n_travelled / n, n / most / 1e6);
    if (combine)
        combine->vt->free(combine);
    for (uint32_t x = 0; x < EXCHANGES; x++) {
        for (uint32_t s = 0; s < SUBTASKS && f.gates[x][s]; s++)
            f.gates[x][s]->vt->free(f.gates[x][s]);
        if (sends[x])
            sends[x]->vt->free(sends[x]);
    }
    for (int p = 0; p < PLACES; p++)
        if (f.graphs[p].ops)
            rt_graph_release(&f.graphs[p]);
    return rc;
}

int main(void) {
    static const uint64_t shares[] = { 0, 50, 90, 100 };
    struct cep_err err = CEP_ERR_INIT;
    struct plan *plan = NULL;
    struct dsl_diag diag;
    struct clk clk;
    struct dsl_sources sources = { .text_name = "bench", .text = base_str_of(text) };
    dsl_diag_init(&diag);
    clk_manual_init(&clk, 0);
    enum cep_rc rc = dsl_compile(&sources, con_catalog(), NULL, &diag, &plan);
    struct plan_job *job = rc == CEP_OK ? plan_job_new(plan, SUBTASKS) : NULL;
    printf("One key's share of the events, the others of 10,000 keys; parallelism 2, ns/event\n");
    printf("%7s %-10s %9s %10s %10s %9s %9s\n", "share", "", "writer", "subtask 0", "subtask 1", "travel",
        "limit");
    for (size_t i = 0; i < CEP_COUNT_OF(shares) && rc == CEP_OK; i++)
        for (int gather = 0; gather < 2 && rc == CEP_OK; gather++)
            rc = run(plan, job, &clk, shares[i], gather, &err);
    if (rc != CEP_OK)
        fprintf(stderr, "skew_bench: %s\n", err.message[0] ? err.message : "it does not compile");
    plan_job_free(job);
    if (plan)
        plan_free(plan);
    dsl_diag_release(&diag);
    return rc == CEP_OK ? 0 : 1;
}
