/*
 * many_bench -- 1, 100 and 10,000 patterns on one stream, from memory: what an event costs that moves one of them.
 *
 *     many_bench [events [patterns]]     default 4,000,000 a case; with a number of patterns: only that case, for a profiler
 *
 * The patterns differ in their constants. An event is found to concern one pattern (by an equality, by a range, by both) and
 * moves it; there are as many pairs of pattern and card with open matches in each case. The last column is the time of an
 * event over that with 100 patterns.
 */
#include "base/base_mem.h"
#include "dsl/dsl_compile.h"
#include "dsl/dsl_diag.h"
#include "nfa/nfa_many.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct plan_opt_spec no_opts[] = { { .name = "path", .kind = EVT_STRING }, { 0 } };
static const struct plan_connector_spec file_connector = { .name = "file",
    .is_source = true,
    .is_sink = true,
    .bounded = true,
    .source_opts = no_opts,
    .sink_opts = no_opts };
static const struct plan_format_spec json_format = { .name = "json", .decodes = true, .encodes = true };
static const struct plan_connector_spec *const connectors[] = { &file_connector, NULL };
static const struct plan_format_spec *const formats[] = { &json_format, NULL };
static const struct plan_catalog catalog = { .connectors = connectors, .formats = formats };

static const char stream_text[] = "stream s (card int, sku string, level int, amount double, at timestamp) "
                                  "from file (path = 'x') format json event time at watermark ascending;\n";

enum { CARD, SKU, LEVEL, AMOUNT, AT, PAIRS = 100000, GAP_US = 1000 };

/* How a pattern's events are told: %u is its number. */
struct kind {
    const char *name, *mine;
};
static const struct kind kinds[] = {
    { "equality: sku = '...'", "sku = 'sku%u'" },
    { "range: level in [..., ...)", "level >= %u0 and level < %u9" },
    { "equality and range", "sku = 'sku%u' and level >= %u0" },
};

static uint64_t next_random(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s >> 11;
}

/* Processor time: other programs on the machine do not count. */
static double now_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void write_mine(struct base_buf *b, const struct kind *k, uint32_t i) {
    for (const char *p = k->mine; *p; p++) {
        if (p[0] == '%' && p[1] == 'u') {
            base_buf_printf(b, "%u", i);
            p++;
        } else {
            base_buf_putc(b, *p);
        }
    }
}

static struct plan *compile(const struct kind *k, uint32_t n) {
    struct base_buf text = BASE_BUF_INIT;
    base_buf_puts(&text, stream_text);
    for (uint32_t i = 0; i < n; i++) {
        base_buf_printf(&text, "pattern p%u from s partition by card match a -> b define a as ", i);
        write_mine(&text, k, i);
        base_buf_puts(&text, " and amount < 900.0, b as ");
        write_mine(&text, k, i);
        base_buf_printf(&text,
            " and amount >= 900.0 within 10 min measures a.amount as x;\nsink p%u to file (path = 'y%u') "
            "format "
            "json;\n",
            i, i);
    }
    struct dsl_diag diag;
    struct plan *plan = NULL;
    dsl_diag_init(&diag);
    if (dsl_compile(&(struct dsl_sources){ .text_name = "bench", .text = base_buf_view(&text) }, &catalog,
            NULL, &diag, &plan)) {
        struct base_buf why = BASE_BUF_INIT;
        dsl_diag_render(&diag, NULL, &why);
        fprintf(stderr, "%s", base_buf_cstr(&why));
        base_buf_release(&why);
    }
    dsl_diag_release(&diag);
    base_buf_release(&text);
    return plan;
}

enum { N_BATCHES = 512 };

static void fill(struct evt_batch **batches, const struct evt_schema *schema, uint32_t n) {
    uint64_t seed = 88172645463325252u;
    for (int i = 0; i < N_BATCHES; i++) {
        struct evt_batch *b = evt_batch_new(schema, 0);
        while (!evt_batch_is_full(b)) {
            uint32_t r = b->n_rows, which = (uint32_t)next_random(&seed) % n;
            char sku[16];
            int len = snprintf(sku, sizeof sku, "sku%u", which);
            evt_col_set_i(&b->cols[CARD], r, (int64_t)(next_random(&seed) % (PAIRS / n)));
            evt_col_set_bytes(&b->cols[SKU], r, sku, (uint32_t)len);
            evt_col_set_i(&b->cols[LEVEL], r, which * 10 + (int64_t)(next_random(&seed) % 9));
            evt_col_set_d(&b->cols[AMOUNT], r, (double)(next_random(&seed) % 1000));
            evt_col_set_i(&b->cols[AT], r, 0);
            b->origin[r] = 0;
            evt_batch_end_row(b);
        }
        batches[i] = b;
    }
}

static void count_rows(void *arg, struct evt_batch *b) {
    *(uint64_t *)arg += b->n_rows;
    evt_batch_unref(b);
}

struct result {
    double ns;
    uint64_t matches, started, bytes;
};

static int run(const struct kind *k, uint32_t n, uint64_t events, struct result *out) {
    struct plan *plan = compile(k, n);
    struct nfa_many *g = nfa_many_new(1, NULL);
    struct nfa_prog **progs = base_calloc(n, sizeof(struct nfa_prog *));
    struct cep_err err = CEP_ERR_INIT;
    struct nfa_opts opts = { .no_timeouts = true };
    struct nfa_out sink = { .arg = &out->matches, .matches = count_rows };
    uint32_t at = 0, who;
    *out = (struct result){ 0 };
    if (!plan)
        return 1;
    for (uint32_t i = 0; i < plan->n_nodes; i++) {
        if (plan->nodes[i]->kind != PLAN_NODE_PATTERN)
            continue;
        if (nfa_compile(plan->nodes[i], plan, &opts, &progs[at], &err))
            return 1;
        (void)nfa_many_add(g, progs[at++], &sink, NULL);
    }
    struct evt_batch *batches[N_BATCHES];
    fill(batches, plan_find(plan, BASE_STR("s"))->schema, n);
    int64_t time = 0;
    uint64_t seq = 0, timed = 0;
    for (uint64_t done = 0; done < events; done += EVT_BATCH_ROWS) {
        struct evt_batch *b = batches[done / EVT_BATCH_ROWS % N_BATCHES];
        for (uint32_t r = 0; r < b->n_rows; r++) {
            time += GAP_US;
            b->time[r] = time;
            b->seq[r] = seq++;
        }
        double t = now_s();
        if (nfa_many_batch(g, 0, b, 0, &who, &err) || nfa_many_advance(g, time - 1, &who, &err)) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        if (done >= events / 4) { /* when state has grown to its size */
            out->ns += (now_s() - t) * 1e9;
            timed += b->n_rows;
        }
    }
    out->ns /= (double)timed;
    for (uint32_t i = 0; i < n; i++) {
        struct nfa_stats s;
        nfa_many_stats(g, i, &s);
        out->started += s.started;
        out->bytes += s.bytes;
    }
    nfa_many_free(g);
    for (int i = 0; i < N_BATCHES; i++)
        evt_batch_unref(batches[i]);
    for (uint32_t i = 0; i < n; i++)
        nfa_prog_free(progs[i]);
    base_free(progs);
    plan_free(plan);
    return 0;
}

int main(int argc, char **argv) {
    static const uint32_t counts[] = { 1, 100, 10000 };
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000000;
    uint32_t only = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct result r[3];
        if (only) {
            if (run(&kinds[k], only, events, &r[0]))
                return 1;
            printf("%-28s %6u patterns  %7.1f ns\n", kinds[k].name, only, r[0].ns);
            continue;
        }
        for (int i = 0; i < 3; i++)
            if (run(&kinds[k], counts[i], events, &r[i]))
                return 1;
        for (int i = 0; i < 3; i++)
            printf("%-28s %6u patterns  %7.2f M events/s  %7.1f ns  %8llu started  %7llu matches  %5llu MB  "
                   "%5.2f\n",
                kinds[k].name, counts[i], 1e3 / r[i].ns, r[i].ns, (unsigned long long)r[i].started,
                (unsigned long long)r[i].matches, (unsigned long long)(r[i].bytes >> 20), r[i].ns / r[1].ns);
        fflush(stdout);
    }
    return 0;
}
