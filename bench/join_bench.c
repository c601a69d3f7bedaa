/*
 * join_bench -- events a second of joins, one thread, from memory: made-up events of two streams, in batches, through the operators of
 * a compiled program; nothing reads what comes out. Making events up is not counted, getting them their time and watermark is.
 *
 *     join_bench        all rows: interval, window and table joins, by keys and by how many events have a partner
 */
#include "base/base_check.h"
#include "base/base_mem.h"
#include "dsl/dsl_compile.h"
#include "runtime/rt_graph.h"
#include "runtime/rt_ops.h"

#include <stdio.h>
#include <time.h>

#define SOURCE(name)                                                                                 \
    "stream " name " (k int, v int, at timestamp) from file (path = '" name ".ndjson') format json " \
    "event time at watermark delay 1 s;"

enum { EVENTS = 2000000, MADE = 64 };

struct row {
    const char *name, *text;
    int64_t keys;
    int hit; /* per cent of events whose key the other side has */
};

static uint64_t next(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* Event n of both streams has time n ms / 2. */
static struct evt_batch *make_batch(
    const struct evt_schema *schema, const struct row *row, uint32_t stream, uint64_t first, uint64_t *seed) {
    struct evt_batch *b = evt_batch_new(schema, 0);
    for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++) {
        int64_t key = (int64_t)(next(seed) % (uint64_t)row->keys);
        bool alone = (int)(next(seed) % 100) >= row->hit;
        evt_col_set_i(&b->cols[0], i, alone ? key + row->keys * (1 + (int64_t)stream) : key);
        evt_col_set_i(&b->cols[1], i, (int64_t)(next(seed) % 1000));
        evt_col_set_i(&b->cols[2], i, (int64_t)(first + i) * 500);
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

static const struct plan_node *node_of(const struct plan *p, const char *name) {
    return plan_find(p, base_str_of(name));
}

static bool measure(const struct row *row, struct cep_err *err) {
    struct base_buf text = BASE_BUF_INIT;
    struct dsl_diag diag;
    struct plan *plan;
    struct rt_graph g;
    struct clk clk;
    base_buf_printf(&text, "%s%s", SOURCE("a") SOURCE("b"), row->text);
    dsl_diag_init(&diag);
    struct dsl_sources sources = { .text_name = "join_bench", .text = base_buf_view(&text) };
    clk_manual_init(&clk, 0);
    if (dsl_compile(&sources, con_catalog(), NULL, &diag, &plan) != CEP_OK ||
        rt_graph_init(&g, plan, &clk, 0, err) != CEP_OK)
        return false;
    const char *names[2] = { "a", "b" };
    struct rt_op *ops[2], *join = g.ops[node_of(plan, "j")->index];
    for (uint32_t s = 0; s < 2; s++)
        ops[s] = g.ops[node_of(plan, names[s])->index];
    double spent = 0;
    uint64_t seed = 1, n = 0, bytes = 0;
    enum cep_rc rc = CEP_OK;
    while (n < EVENTS && rc == CEP_OK) {
        struct evt_batch *made[2][MADE];
        for (uint32_t i = 0; i < MADE; i++)
            for (uint32_t s = 0; s < 2; s++)
                made[s][i] = make_batch(
                    ops[s]->node->schema, row, s, n / 2 + (uint64_t)i * EVT_BATCH_ROWS, &seed);
        double begun = now_s();
        for (uint32_t i = 0; i < MADE && rc == CEP_OK; i++)
            for (uint32_t s = 0; s < 2 && rc == CEP_OK; s++)
                rc = rt_source_push(ops[s], 0, made[s][i], err);
        spent += now_s() - begun;
        n += UINT64_C(2) * MADE * EVT_BATCH_ROWS;
        join->vt->gauges(join);
        bytes = join->metrics.state_bytes > bytes ? join->metrics.state_bytes : bytes;
        for (uint32_t i = 0; i < MADE; i++)
            for (uint32_t s = 0; s < 2; s++)
                evt_batch_unref(made[s][i]);
    }
    printf("%-34s %9lld %4d %% %9.2f %10.2f %9.1f\n", row->name, (long long)row->keys, row->hit,
        (double)n / spent / 1e6, (double)join->metrics.rows_out / (double)n, (double)bytes / 1e6);
    rt_graph_release(&g);
    plan_free(plan);
    dsl_diag_release(&diag);
    base_buf_release(&text);
    return rc == CEP_OK;
}

#define PAIR "select a.v as x, b.v as y "

int main(void) {
    static const char interval[] = "stream j as " PAIR "from a join b on a.k = b.k within 5 s;";
    static const char outer[] = "stream j as " PAIR
                                "from a full join b on a.k = b.k and a.v < b.v within 5 s;";
    static const char window[] = "stream j as " PAIR "from a join b on a.k = b.k window tumbling 5 s;";
    static const char table[] =
        "table t as select k, last(v) as v from b group by k;"
        "stream j as select a.v as x, t.v as y from a left join table t on t.k = a.k;";
    static const struct row rows[] = {
        { "interval, within 5 s", interval, 10000, 1 },
        { "interval, within 5 s", interval, 10000, 10 },
        { "interval, within 5 s", interval, 10000, 100 },
        { "interval, within 5 s", interval, 1000000, 100 },
        { "interval full, a.v < b.v", outer, 10000, 100 },
        { "window tumbling 5 s", window, 10000, 10 },
        { "window tumbling 5 s", window, 10000, 100 },
        { "left join table", table, 10000, 100 },
        { "left join table", table, 1000000, 100 },
    };
    printf("%-34s %9s %6s %9s %10s %9s\n", "join", "keys", "hit", "M ev/s", "pairs/ev", "state MB");
    struct cep_err err = CEP_ERR_INIT;
    for (size_t i = 0; i < CEP_COUNT_OF(rows); i++)
        if (!measure(&rows[i], &err)) {
            fprintf(stderr, "join_bench: %s\n", err.message);
            return 1;
        }
    return 0;
}
