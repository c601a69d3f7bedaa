/*
 * nfa_bench -- the matcher from memory: batches of generated events, nothing else.
 *
 *     nfa_bench [events]     default 4,000,000 a case
 *
 * Each case prints events a second and nanoseconds an event (processor time of the thread), matches, and bytes of state a
 * key at its peak.
 */
#include "base/base_mem.h"
#include "dsl/dsl_compile.h"
#include "dsl/dsl_diag.h"
#include "nfa/nfa.h"

#include <stdio.h>
#include <stdlib.h>
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

static const char stream_text[] = "stream s (card int, amount double, country string, at timestamp) "
                                  "from file (path = 'x') format json event time at watermark ascending;\n";

struct shape {
    const char *name;
    const char *pattern;
    uint32_t keys;
    uint32_t small_in; /* one event in so many has a small amount */
    uint32_t large_in; /* one in so many a large one */
    int64_t gap_us;    /* between events */
    bool string_key;
    uint64_t divide; /* fewer events for what is slow by nature */
};

static const struct shape shapes[] = {
    { "three steps, 1 key",
        "partition by card match probe{3,} -> charge define probe as amount < 2.0, "
        "charge as amount > 500.0 and country <> last(probe.country) within 10 s measures count(probe) as n",
        1, 20, 50, 1000, false, 1 },
    { "three steps, 10,000 keys",
        "partition by card match probe{3,} -> charge define probe as amount < 2.0, "
        "charge as amount > 500.0 and country <> last(probe.country) within 10 min measures count(probe) as "
        "n",
        10000, 20, 50, 1000, false, 1 },
    { "three steps, 1,000,000 keys",
        "partition by card match probe{3,} -> charge define probe as amount < 2.0, "
        "charge as amount > 500.0 and country <> last(probe.country) within 1 h measures count(probe) as n",
        1000000, 20, 50, 1000, false, 1 },
    { "three steps, 10,000 keys, every event matters",
        "partition by card match a -> b -> c define a as amount < 300.0, b as amount < 600.0 and amount >= "
        "300.0, "
        "c as amount >= 600.0 within 10 min measures a.amount as x",
        10000, 1000000, 1000000, 1000, false, 1 },
    { "loop with a running aggregate, 10,000 keys",
        "partition by card match a+ -> b define a as amount < 100.0 and sum(a.amount) < 2000.0, b as amount "
        "> 900.0 "
        "within 1 min measures count(a) as n",
        10000, 1000000, 1000000, 100, false, 1 },
    { "one in a thousand, 10,000 keys",
        "partition by card match a -> b define a as amount < 2.0, b as amount > 998.0 within 1 min measures "
        "a.amount as x",
        10000, 1000, 1000, 100, false, 1 },
    { "a loop that takes every event, 1 key, within",
        "match a+ -> b define a as amount < 999999.0, b as amount > 9999999.0 within 100 s measures count(a) "
        "as n",
        1, 1000000, 1000000, 1000, false, 1 },
    { "5,000 open matches in one key",
        "match a -> b define a as amount < 2.0, b as amount > 9999999.0 within 5 s after match no skip "
        "measures a.amount as x",
        1, 1, 1000000, 1000, false, 1 },

    /* CORE's own kind (bench/core_compare.py), every event taken: windows of 1,000 events, an end in 10,000. */
    { "sequence of 3, ->>, no skip",
        "match a ->> b ->> c define a as amount < 500.0, b as amount between 500.0 and 990.0, c as amount > "
        "998.0 within 1 s after match no skip limit 10 matches measures match_start() as s",
        1, 1000000, 10000, 1000, false, 1 },
    { "sequence of 12, ->>, no skip",
        "match s0 ->> s1 ->> s2 ->> s3 ->> s4 ->> s5 ->> s6 ->> s7 ->> s8 ->> s9 ->> s10 ->> e define s0 as "
        "amount between 10.0 and 99.0, s1 as amount between 100.0 and 189.0, s2 as amount between 190.0 and "
        "279.0, s3 as amount between 280.0 and 369.0, s4 as amount between 370.0 and 459.0, s5 as amount "
        "between 460.0 and 549.0, s6 as amount between 550.0 and 639.0, s7 as amount between 640.0 and "
        "729.0, s8 as amount between 730.0 and 819.0, s9 as amount between 820.0 and 909.0, s10 as amount "
        "between 910.0 and 999.0, e as amount > 998.0 within 1 s after match no skip limit 10 matches "
        "measures match_start() as s",
        1, 1000000, 10000, 1000, false, 1 },
    { "dense Kleene, ->>, no skip",
        "match a ->> b+ combinations ->> c define a as amount < 60.0, b as amount between 60.0 and 990.0, c "
        "as amount > 998.0 within 1 s after match no skip limit 10 matches measures match_start() as s",
        1, 1000000, 10000, 1000, false, 1 },
    { "5,000 partitions, 100 s, ->>, no skip",
        "partition by card match a ->> b ->> c define a as amount < 500.0, b as amount between 500.0 and "
        "990.0, c as amount > 998.0 within 100 s after match no skip limit 10 matches measures match_start() "
        "as s",
        5000, 1000000, 100, 1000000, false, 1 },
    { "5,000 partitions, 1,000 s, ->>, no skip",
        "partition by card match a ->> b ->> c define a as amount < 500.0, b as amount between 500.0 and "
        "990.0, c as amount > 998.0 within 1000 s after match no skip limit 10 matches measures "
        "match_start() as s",
        5000, 1000000, 100, 1000000, false, 1 },
    { "5,000 partitions, 10,000 s, ->>, no skip",
        "partition by card match a ->> b ->> c define a as amount < 500.0, b as amount between 500.0 and "
        "990.0, c as amount > 998.0 within 10000 s after match no skip limit 10 matches measures "
        "match_start() as s",
        5000, 1000000, 100, 1000000, false, 1 },
};

static uint64_t next_random(uint64_t *s) {
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static double now_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { N_BATCHES = 256 };

/* The same batches go round; their times and keys move on. */
static void fill(
    struct evt_batch **batches, const struct evt_schema *schema, const struct shape *sh, uint64_t *seed) {
    static const char *const countries[] = { "DE", "FR", "BR", "US" };
    for (int i = 0; i < N_BATCHES; i++) {
        struct evt_batch *b = evt_batch_new(schema, 0);
        while (!evt_batch_is_full(b)) {
            uint32_t r = b->n_rows;
            uint64_t x = next_random(seed);
            double amount = 10.0 + (double)(x % 980);
            if (next_random(seed) % sh->small_in == 0)
                amount = 1.0;
            else if (next_random(seed) % sh->large_in == 0)
                amount = 999.0;
            evt_col_set_i(&b->cols[0], r, (int64_t)(next_random(seed) % sh->keys));
            evt_col_set_d(&b->cols[1], r, amount);
            evt_col_set_bytes(&b->cols[2], r, countries[x >> 40 & 3], 2);
            evt_col_set_i(&b->cols[3], r, 0);
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

static int run(const struct shape *sh, uint64_t events) {
    struct base_buf text = BASE_BUF_INIT;
    base_buf_puts(&text, stream_text);
    base_buf_printf(&text, "pattern p from s %s; sink p to file (path = 'y') format json;\n", sh->pattern);
    struct dsl_diag diag;
    struct plan *plan = NULL;
    dsl_diag_init(&diag);
    if (dsl_compile(&(struct dsl_sources){ .text_name = "bench", .text = base_buf_view(&text) }, &catalog,
            NULL, &diag, &plan)) {
        struct base_buf why = BASE_BUF_INIT;
        dsl_diag_render(&diag, NULL, &why);
        fprintf(stderr, "%s", base_buf_cstr(&why));
        return 1;
    }
    struct nfa_prog *p;
    struct cep_err err = CEP_ERR_INIT;
    struct nfa_opts opts = { .no_timeouts = true };
    const struct plan_node *node = plan_find(plan, BASE_STR("p"));
    if (nfa_compile(node, plan, &opts, &p, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    uint64_t matches = 0, seed = 88172645463325252u, done = 0, peak = 0, keys = 1;
    struct nfa_out out = { .arg = &matches, .matches = count_rows };
    struct nfa_matcher *m = nfa_matcher_new(p, &out, NULL);
    struct evt_batch *batches[N_BATCHES];
    fill(batches, plan_find(plan, BASE_STR("s"))->schema, sh, &seed);
    int64_t time = 0;
    uint64_t seq = 0, allocs = 0, limit = events / (sh->divide ? sh->divide : 1);
    double spent = 0;
    while (done < limit) {
        struct evt_batch *b = batches[done / EVT_BATCH_ROWS % N_BATCHES];
        for (uint32_t r = 0; r < b->n_rows; r++) {
            time += sh->gap_us;
            b->time[r] = time;
            b->seq[r] = seq++;
            b->cols[0].i[r] = (b->cols[0].i[r] + 7919) % sh->keys;
        }
        uint64_t before = base_mem_n_allocs();
        double t = now_s();
        if (nfa_matcher_batch(m, 0, b, 0, &err) || nfa_matcher_advance(m, time - 1, &err)) {
            fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        spent += now_s() - t;
        if (done > limit / 2)
            allocs += base_mem_n_allocs() - before;
        done += b->n_rows;
        if (done / EVT_BATCH_ROWS % 16 == 0) {
            struct nfa_stats s;
            nfa_matcher_stats(m, &s);
            if (s.bytes > peak) {
                peak = s.bytes;
                keys = s.keys ? s.keys : 1;
            }
        }
    }
    struct nfa_stats s;
    nfa_matcher_stats(m, &s);
    printf("%-46s %7.2f M events/s  %7.1f ns  %9llu matches  %8llu open  %7llu bytes/key  %llu allocations\n",
        sh->name, (double)done / spent / 1e6, spent / (double)done * 1e9, (unsigned long long)s.matches,
        (unsigned long long)s.open, (unsigned long long)(peak / keys), (unsigned long long)allocs);
    fflush(stdout);
    nfa_matcher_free(m);
    for (int i = 0; i < N_BATCHES; i++)
        evt_batch_unref(batches[i]);
    nfa_prog_free(p);
    plan_free(plan);
    dsl_diag_release(&diag);
    base_buf_release(&text);
    return 0;
}

int main(int argc, char **argv) {
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 4000000;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (argc > 2 && (size_t)atoi(argv[2]) != i)
            continue;
        if (run(&shapes[i], events))
            return 1;
    }
    return 0;
}
