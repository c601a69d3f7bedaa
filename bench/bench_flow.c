/*
 * bench_flow -- see bench_flow.h.
 */
#include "bench/bench_flow.h"

#include "base/base_mem.h"
#include "dsl/dsl_compile.h"
#include "runtime/rt_graph.h"
#include "runtime/rt_ops.h"

#include <stdio.h>
#include <time.h>

enum { MADE = 64, MAX_STREAMS = 2 };

static uint64_t next(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static struct evt_batch *make_batch(const struct evt_schema *schema, const struct bench_flow *f,
    uint32_t stream, uint64_t first, uint64_t *seed) {
    struct evt_batch *b = evt_batch_new(schema, 0);
    for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++) {
        int64_t key = (int64_t)(next(seed) % (uint64_t)f->keys);
        bool alone = f->n_streams > 1 && (int)(next(seed) % 100) >= f->hit;
        bool late = f->late > 0 && (int)(next(seed) % 100) < f->late;
        int64_t time = (int64_t)((double)(first + i) * f->gap_us);
        evt_col_set_i(&b->cols[0], i, alone ? key + f->keys * (1 + (int64_t)stream) : key);
        evt_col_set_i(&b->cols[1], i, (int64_t)(next(seed) % 1000));
        evt_col_set_i(&b->cols[2], i, late && time > f->late_us ? time - f->late_us : time);
        b->seq[i] = first + i;
        evt_batch_end_row(b);
    }
    return b;
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Feeds n_of events of all streams, from *fed on. */
static enum cep_rc feed(const struct bench_flow *f, struct rt_op *const *sources, uint64_t *fed, uint64_t n,
    uint64_t *seed, double *spent, struct cep_err *err) {
    enum cep_rc rc = CEP_OK;
    for (uint64_t until = *fed + n; *fed < until && rc == CEP_OK;) {
        struct evt_batch *made[MAX_STREAMS][MADE];
        uint64_t left = (until - *fed) / (f->n_streams * (uint64_t)EVT_BATCH_ROWS) + 1;
        uint32_t n_made = left < MADE ? (uint32_t)left : MADE;
        for (uint32_t i = 0; i < n_made; i++)
            for (uint32_t s = 0; s < f->n_streams; s++)
                made[s][i] = make_batch(
                    sources[s]->node->schema, f, s, *fed / f->n_streams + (uint64_t)i * EVT_BATCH_ROWS, seed);
        double begun = now_s();
        for (uint32_t i = 0; i < n_made && rc == CEP_OK; i++)
            for (uint32_t s = 0; s < f->n_streams && rc == CEP_OK; s++)
                rc = rt_source_push(sources[s], 0, made[s][i], err);
        *spent += now_s() - begun;
        *fed += (uint64_t)f->n_streams * n_made * EVT_BATCH_ROWS;
        for (uint32_t i = 0; i < n_made; i++)
            for (uint32_t s = 0; s < f->n_streams; s++)
                evt_batch_unref(made[s][i]);
    }
    return rc;
}

static enum cep_rc measure(const struct bench_flow *f, const struct plan *plan, struct rt_graph *g,
    struct bench_flow_result *out, struct cep_err *err) {
    static const char *const names[MAX_STREAMS] = { "a", "b" };
    struct rt_op *sources[MAX_STREAMS], *op = g->ops[plan_find(plan, BASE_STR("j"))->index];
    double spent = 0, warming = 0;
    uint64_t seed = 1, fed = 0;
    for (uint32_t s = 0; s < f->n_streams; s++)
        sources[s] = g->ops[plan_find(plan, base_str_of(names[s]))->index];
    enum cep_rc rc = f->warm ? feed(f, sources, &fed, f->warm, &seed, &warming, err) : CEP_OK;
    uint64_t before = fed, rows = op->metrics.rows_out, parts = 16;
    for (uint64_t i = 0; i < parts && rc == CEP_OK; i++) {
        rc = feed(f, sources, &fed, f->events / parts, &seed, &spent, err);
        op->vt->gauges(op);
        double mb = (double)op->metrics.state_bytes / 1e6;
        out->mb = mb > out->mb ? mb : out->mb;
    }
    out->ns = spent * 1e9 / (double)(fed - before);
    out->rows_out = (double)(op->metrics.rows_out - rows) / (double)(fed - before);
    return rc;
}

bool bench_flow_run(const struct bench_flow *f, struct bench_flow_result *out) {
    struct base_buf text = BASE_BUF_INIT;
    struct cep_err err = CEP_ERR_INIT;
    struct plan *plan = NULL;
    struct dsl_diag diag;
    struct rt_graph g;
    struct clk clk;
    *out = (struct bench_flow_result){ .ns = 0 };
    base_buf_printf(&text, "%s%s", f->streams, f->text);
    struct dsl_sources sources = { .text_name = "bench", .text = base_buf_view(&text) };
    dsl_diag_init(&diag);
    clk_manual_init(&clk, 0);
    enum cep_rc rc = dsl_compile(&sources, con_catalog(), NULL, &diag, &plan);
    if (rc == CEP_OK) {
        rc = rt_graph_init(&g, plan, &clk, 0, &err);
        if (rc == CEP_OK)
            rc = measure(f, plan, &g, out, &err);
        rt_graph_release(&g);
        plan_free(plan);
    }
    if (rc != CEP_OK)
        fprintf(stderr, "%s: %s\n", f->text, err.message[0] ? err.message : "it does not compile");
    dsl_diag_release(&diag);
    base_buf_release(&text);
    return rc == CEP_OK;
}
