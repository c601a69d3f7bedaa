/*
 * tier_bench -- the matcher with more keys than fit into its memory: throughput against state size.
 *
 *     tier_bench [keys] [budget MiB] [database MiB]     default 1,000,000 keys, 48 + 16 MiB
 *
 * Every key opens a partial match; then keys drawn at random are touched, half of which complete; then time passes and all of
 * them expire. Printed for each phase: events (keys) a second of processor time of all threads, RocksDB's included, how much of it was
 * the matcher's thread, keys in the tier alone, how many went down and came back, bytes of the matcher and of the database, and the
 * resident memory of the process.
 */
#include "base/base_mem.h"
#include "dsl/dsl_compile.h"
#include "dsl/dsl_diag.h"
#include "nfa/nfa.h"
#include "state/sto_path.h"
#include "state/sto_tier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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

static const char text[] = "stream s (card int, kind int, amount double, at timestamp) from file (path = "
                           "'x') format json event time at "
                           "watermark ascending;\n"
                           "pattern p from s partition by card match a -> b define a as kind = 1, b as kind "
                           "= 2 and amount > a.amount "
                           "within 1 d measures a.amount as x;\n"
                           "sink p to file (path = 'y') format json;\n";

struct bench {
    struct nfa_matcher *m;
    struct sto_db *db;
    struct evt_batch *b;
    int64_t time;
    uint64_t seq, matches;
};

static uint64_t next_random(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

struct spent {
    double all, own; /* seconds of the process, of this thread */
};

static double seconds(clockid_t of) {
    struct timespec t;
    (void)clock_gettime(of, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static struct spent now(void) {
    return (struct spent){ seconds(CLOCK_PROCESS_CPUTIME_ID), seconds(CLOCK_THREAD_CPUTIME_ID) };
}

static void count_rows(void *arg, struct evt_batch *b) {
    *(uint64_t *)arg += b->n_rows;
    evt_batch_unref(b);
}

static uint64_t resident(void) {
    unsigned long long pages = 0, all = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        return 0;
    if (fscanf(f, "%llu %llu", &all, &pages) != 2)
        pages = 0;
    (void)fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void tell(struct bench *e, const char *phase, uint64_t n, struct spent since) {
    struct nfa_stats s;
    struct spent t = now();
    t.all -= since.all;
    t.own -= since.own;
    nfa_matcher_stats(e->m, &s);
    printf("%-10s %9llu in %5.2f s (own %5.2f)  %9.0f /s  %9llu keys  %9llu cold  %9llu down  %9llu back  "
           "matcher %4llu "
           "MiB  "
           "database %4zu MiB  process %4llu MiB\n",
        phase, (unsigned long long)n, t.all, t.own, (double)n / t.all, (unsigned long long)s.keys,
        (unsigned long long)s.cold, (unsigned long long)s.evicted, (unsigned long long)s.returned,
        (unsigned long long)s.bytes >> 20, sto_db_memory(e->db) >> 20, (unsigned long long)resident() >> 20);
    fflush(stdout);
}

static bool send(struct bench *e, uint32_t n, const int64_t *keys, const int64_t *kinds) {
    struct cep_err err = CEP_ERR_INIT;
    for (uint32_t r = 0; r < n; r++) {
        e->time += 10;
        e->b->time[r] = e->time;
        e->b->seq[r] = e->seq++;
        e->b->cols[0].i[r] = keys[r];
        e->b->cols[1].i[r] = kinds[r];
        e->b->cols[2].d[r] = (double)kinds[r];
    }
    if (nfa_matcher_batch(e->m, 0, e->b, 0, &err) == CEP_OK &&
        nfa_matcher_advance(e->m, e->time, &err) == CEP_OK)
        return true;
    fprintf(stderr, "%s\n", err.message);
    return false;
}

static bool run(struct bench *e, uint64_t n_keys) {
    uint64_t seed = 88172645463325252u, touches = n_keys < 2000000 ? n_keys : 2000000;
    int64_t keys[EVT_BATCH_ROWS], kinds[EVT_BATCH_ROWS];
    struct spent t = now();
    for (uint64_t i = 0; i < n_keys; i += EVT_BATCH_ROWS) {
        for (uint32_t r = 0; r < EVT_BATCH_ROWS; r++) {
            keys[r] = (int64_t)(((i + r) * 2654435761u) % n_keys);
            kinds[r] = 1;
        }
        if (!send(e, EVT_BATCH_ROWS, keys, kinds))
            return false;
    }
    tell(e, "open", n_keys, t);
    t = now();
    for (uint64_t i = 0; i < touches; i += EVT_BATCH_ROWS) {
        for (uint32_t r = 0; r < EVT_BATCH_ROWS; r++) {
            keys[r] = (int64_t)(next_random(&seed) % n_keys);
            kinds[r] = 1 + (int64_t)(next_random(&seed) >> 20 & 1);
        }
        if (!send(e, EVT_BATCH_ROWS, keys, kinds))
            return false;
    }
    tell(e, "touch", touches, t);
    struct nfa_stats s;
    nfa_matcher_stats(e->m, &s);
    t = now();
    if (nfa_matcher_advance(e->m, EVT_TIME_MAX, NULL) != CEP_OK)
        return false;
    tell(e, "expire", s.keys, t);
    return true;
}

int main(int argc, char **argv) {
    uint64_t n_keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    uint64_t budget = (argc > 2 ? strtoull(argv[2], NULL, 10) : 48) << 20;
    struct sto_db_opts with = { .memory = (argc > 3 ? strtoull(argv[3], NULL, 10) : 16) << 20 };
    struct bench e = { .time = 0 };
    struct cep_err err = CEP_ERR_INIT;
    struct dsl_diag diag;
    struct plan *plan = NULL;
    struct nfa_prog *p = NULL;
    const char *tmp = getenv("TMPDIR");
    char dir[256];
    dsl_diag_init(&diag);
    (void)snprintf(dir, sizeof dir, "%s/tier_bench_%ld", tmp && *tmp ? tmp : "/tmp", (long)getpid());
    if (dsl_compile(&(struct dsl_sources){ .text_name = "bench", .text = base_str_of(text) }, &catalog, NULL,
            &diag, &plan)) {
        struct base_buf why = BASE_BUF_INIT;
        dsl_diag_render(&diag, NULL, &why);
        fprintf(stderr, "%s", base_buf_cstr(&why));
        return 1;
    }
    struct nfa_opts opts = { .no_timeouts = true };
    struct nfa_out out = { .arg = &e.matches, .matches = count_rows };
    if (nfa_compile(plan_find(plan, BASE_STR("p")), plan, &opts, &p, &err) ||
        sto_db_open(dir, &with, &e.db, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    struct sto_tier *tier = sto_tier_new(e.db, 0, NFA_NS_KEY);
    e.m = nfa_matcher_new(p, &out, &(struct nfa_matcher_opts){ .tier = tier, .budget = budget });
    e.b = evt_batch_new(plan_find(plan, BASE_STR("s"))->schema, 0);
    while (!evt_batch_is_full(e.b)) {
        for (uint32_t c = 0; c < 4; c++)
            evt_col_set_i(&e.b->cols[c], e.b->n_rows, 0);
        e.b->origin[e.b->n_rows] = 0;
        evt_batch_end_row(e.b);
    }
    bool fine = run(&e, n_keys);
    nfa_matcher_free(e.m);
    sto_tier_free(tier);
    sto_db_close(e.db);
    evt_batch_unref(e.b);
    nfa_prog_free(p);
    plan_free(plan);
    dsl_diag_release(&diag);
    return sto_path_remove(dir, NULL) == CEP_OK && fine ? 0 : 1;
}
