#include "bench/bench_cell.h"

#include "base/base_buf.h"
#include "base/base_mem.h"
#include "dsl/dsl_compile.h"
#include "dsl/dsl_diag.h"

#include <stdio.h>
#include <time.h>

static const struct plan_opt_spec opt_specs[] = { { .name = "path", .kind = EVT_STRING }, { 0 } };
static const struct plan_connector_spec file_connector = { .name = "file",
    .is_source = true,
    .is_sink = true,
    .bounded = true,
    .source_opts = opt_specs,
    .sink_opts = opt_specs };
static const struct plan_format_spec json_format = { .name = "json", .decodes = true, .encodes = true };
static const struct plan_connector_spec *const connectors[] = { &file_connector, NULL };
static const struct plan_format_spec *const formats[] = { &json_format, NULL };
static const struct plan_catalog catalog = { .connectors = connectors, .formats = formats };

enum { COL_K = 0, COL_X };

static double thread_seconds(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t next_random(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

/* -- a pattern under measurement ------------------------------------------------------------------------------- */

struct bench {
    struct dsl_diag diag;
    struct plan *plan;
    struct nfa_prog *prog;
    struct nfa_matcher *matcher;
    struct evt_batch *batch; /* the one that is fed again and again */
    uint64_t seed, seq, n_matches;
    int64_t time;
    const char *store; /* static text */
    double seconds;    /* budget */
    uint32_t
        piece; /* rows between two watermarks: fewer when a row costs much, so that a cut comes in time */
};

static void on_matches(void *arg, struct evt_batch *b) {
    ((struct bench *)arg)->n_matches += b->n_rows;
    evt_batch_unref(b);
}

/* The bits of nfa_opts.off that leave nothing but the store of runs. */
static uint32_t runs_only(void) {
    uint32_t off = 0;
    const char *name;
    for (uint32_t i = 0; (name = nfa_pass_name(i)); i++) {
        if (strcmp(name, "store") == 0)
            off |= UINT32_C(1) << i;
    }
    return off;
}

static bool bench_init(struct bench *b, const struct bench_cell *cell, enum bench_store store) {
    struct base_buf text = BASE_BUF_INIT;
    struct cep_err err = CEP_ERR_INIT;
    *b = (struct bench){ .seed = 88172645463325252u };
    base_buf_printf(&text,
        "stream s (k int, x int, at timestamp) from file (path = 'x') format json event time at watermark "
        "ascending;\npattern p from s %s;\nsink p to file (path = 'y') format json;\n",
        cell->clauses);
    dsl_diag_init(&b->diag);
    bool ok = dsl_compile(&(struct dsl_sources){ .text_name = "bench", .text = base_buf_view(&text) },
                  &catalog, NULL, &b->diag, &b->plan) == CEP_OK;
    base_buf_release(&text);
    if (!ok) {
        struct base_buf why = BASE_BUF_INIT;
        dsl_diag_render(&b->diag, NULL, &why);
        fprintf(stderr, "%s", base_buf_cstr(&why));
        base_buf_release(&why);
        return false;
    }
    struct nfa_opts opts = { .no_timeouts = true, .off = store == BENCH_STORE_RUNS ? runs_only() : 0 };
    if (nfa_compile(plan_find(b->plan, BASE_STR("p")), b->plan, &opts, &b->prog, &err) != CEP_OK) {
        fprintf(stderr, "%s\n", err.message);
        return false;
    }
    struct nfa_out out = { .arg = b, .matches = on_matches };
    struct nfa_cost cost;
    nfa_cost_of(b->prog, &cost);
    bool runs = strcmp(cost.store, "runs") == 0;
    uint64_t max_bytes = cell->max_bytes ? cell->max_bytes : UINT64_C(4) << 30;
    uint64_t runs_bytes = cell->runs_bytes ? cell->runs_bytes : UINT64_C(256) << 20;
    struct nfa_matcher_opts mopts = { .max_bytes = runs ? runs_bytes : max_bytes };
    b->store = runs ? "runs" : "sets";
    b->seconds = cell->seconds > 0 ? cell->seconds : 6;
    if (runs)
        b->seconds = cell->runs_seconds > 0 ? cell->runs_seconds : 0.7;
    b->piece = runs ? 16 : EVT_BATCH_ROWS;
    b->matcher = nfa_matcher_new(b->prog, &out, &mopts);
    b->batch = evt_batch_new(plan_find(b->plan, BASE_STR("s"))->schema, 0);
    return true;
}

static void bench_release(struct bench *b) {
    nfa_matcher_free(b->matcher);
    nfa_prog_free(b->prog);
    plan_free(b->plan);
    dsl_diag_release(&b->diag);
    if (b->batch)
        evt_batch_unref(b->batch);
}

static void fill(struct bench *b, const struct bench_feed *feed) {
    struct evt_batch *batch = b->batch;
    evt_batch_clear(batch);
    while (!evt_batch_is_full(batch)) {
        uint32_t r = batch->n_rows;
        uint64_t rnd = next_random(&b->seed);
        int64_t x = (int64_t)((rnd >> 32) % feed->kinds);
        if (feed->matter_in > 1 && next_random(&b->seed) % feed->matter_in)
            x = BENCH_NOTHING;
        if (feed->end_in && next_random(&b->seed) % feed->end_in == 0)
            x = BENCH_END;
        b->time += feed->gap_us;
        evt_col_set_i(&batch->cols[COL_K], r, (int64_t)((rnd & UINT32_MAX) % feed->keys));
        evt_col_set_i(&batch->cols[COL_X], r, x);
        evt_col_set_i(&batch->cols[2], r, b->time);
        batch->time[r] = b->time;
        batch->seq[r] = b->seq++;
        batch->origin[r] = 0;
        evt_batch_end_row(batch);
    }
}

enum { SLOW_PIECE_MS = 20 };

/* A batch of events. Returns: processor time in the matcher; *rows: how many of them it took before it was stopped. */
static double feed_batch(
    struct bench *b, const struct bench_feed *feed, double budget, uint32_t *rows, const char **cut) {
    struct cep_err err = CEP_ERR_INIT;
    fill(b, feed);
    double begun = thread_seconds(), from = begun, now;
    enum cep_rc rc = nfa_matcher_batch(b->matcher, 0, b->batch, 0, &err);
    *rows = 0;
    while (rc == CEP_OK && *rows < b->batch->n_rows) {
        uint32_t to = *rows + b->piece < b->batch->n_rows ? *rows + b->piece : b->batch->n_rows;
        rc = nfa_matcher_advance(b->matcher, b->batch->time[to - 1], &err);
        *rows = to;
        if (b->piece == EVT_BATCH_ROWS && to == b->batch->n_rows)
            break; /* the usual case: the clock is asked twice a batch */
        now = thread_seconds();
        if (now - begun > budget)
            break;
        b->piece = (now - from) * 1000 > SLOW_PIECE_MS ? (b->piece + 1) / 2 : b->piece * 2;
        b->piece = b->piece < EVT_BATCH_ROWS ? b->piece : EVT_BATCH_ROWS;
        from = now;
    }
    now = thread_seconds();
    if (b->piece == EVT_BATCH_ROWS && (now - begun) * 1000 > SLOW_PIECE_MS)
        b->piece = EVT_BATCH_ROWS / 4;
    if (rc != CEP_OK)
        *cut = rc == CEP_ELIMIT ? "memory" : "an error";
    return now - begun;
}

bool bench_cell_run(const struct bench_cell *cell, enum bench_store store, struct bench_result *out) {
    struct bench b;
    *out = (struct bench_result){ .store = NULL };
    if (!bench_init(&b, cell, store)) {
        bench_release(&b);
        return false;
    }
    out->store = b.store;
    double budget = b.seconds, spent = 0;
    struct {
        double spent;
        uint64_t fed;
    } warm = { 0, 0 }, half = { 0, 0 }, mark = { 0, 0 };
    while (out->fed < cell->warm + cell->events && !out->cut) {
        uint64_t allocs = base_mem_n_allocs();
        uint32_t rows;
        bool is_warm = out->fed >= cell->warm;
        spent += feed_batch(&b, &cell->feed, budget - spent, &rows, &out->cut);
        out->fed += rows;
        if (is_warm)
            out->allocs += base_mem_n_allocs() - allocs;
        else {
            warm.spent = spent;
            warm.fed = out->fed;
        }
        if (spent > 2 * mark.spent) {
            half = mark;
            mark.spent = spent;
            mark.fed = out->fed;
        }
        if (!out->cut && spent > budget && out->fed < cell->warm + cell->events)
            out->cut = "time";
    }
    /* Enough of the measured part is as good as all of it. */
    bool measured = out->fed >= cell->warm + cell->events / 4 && spent > warm.spent;
    if (measured && out->cut && strcmp(out->cut, "time") == 0)
        out->cut = NULL;
    if (!out->cut)
        half.spent = warm.spent, half.fed = warm.fed;
    out->ns = (spent - half.spent) / (double)(out->fed - half.fed) * 1e9;
    nfa_matcher_stats(b.matcher, &out->stats);
    bench_release(&b);
    return true;
}

/* -- tables ------------------------------------------------------------------------------------------------------ */

void bench_table_begin(struct bench_table *t, const char *title) {
    *t = (struct bench_table){ .first = { 0, 0 } };
    printf("\n%s\n%-26s %-5s %9s %9s %8s %10s %9s %8s %11s %6s\n", title, "", "store", "M ev/s", "ns/event",
        "to first", "open", "B/open", "B/key", "matches", "allocs");
}

static void print_row(
    const struct bench_cell *cell, const struct bench_result *r, double first, double chosen) {
    const struct nfa_stats *s = &r->stats;
    uint64_t open = s->open + s->waiting;
    printf("%-26s %-5s %9.3f %9.1f %7.2fx %10llu %9.0f %8.0f %11llu %6llu", cell->name, r->store, 1e3 / r->ns,
        r->ns, r->ns / first, (unsigned long long)open, open ? (double)s->bytes / (double)open : 0.0,
        (double)s->bytes / (double)(s->keys ? s->keys : 1), (unsigned long long)s->matches,
        (unsigned long long)r->allocs);
    if (chosen > 0)
        printf("  %.1f times the chosen store's", r->ns / chosen);
    if (r->cut)
        printf("  CUT OFF by %s after %llu events (%.1f %%)", r->cut, (unsigned long long)r->fed,
            100.0 * (double)r->fed / (double)(cell->warm + cell->events));
    printf("\n");
    fflush(stdout);
}

bool bench_table_row(struct bench_table *t, const struct bench_cell *cell) {
    struct bench_result r[2];
    if (!bench_cell_run(cell, BENCH_STORE_CHOSEN, &r[0]))
        return false;
    if (t->first[0] <= 0)
        t->first[0] = r[0].ns;
    print_row(cell, &r[0], t->first[0], 0);
    if (strcmp(r[0].store, "runs") == 0)
        return true;
    if (!bench_cell_run(cell, BENCH_STORE_RUNS, &r[1]))
        return false;
    if (t->first[1] <= 0)
        t->first[1] = r[1].ns;
    print_row(cell, &r[1], t->first[1], r[0].ns);
    return true;
}
