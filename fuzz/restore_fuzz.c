/*
 * restore_fuzz -- any bytes as the state of a whole job: looked at, restored, and gone on from.
 *
 * Input: files of operator state (sto_part.h), each behind its length as varint; what they are of is this program's: a source,
 * windows, joins of all kinds, rows in order, distinct and over, rows that are taken back, patterns in every store, alerts with lives, a file sink. fuzz/restore.in holds what jobs of it saved (fuzz/restore_seed.py).
 * Asserts what the program asserts; a job that takes the state runs to its end.
 */
#include "fuzz/fuzz_main.h"

#include "base/base_check.h"
#include "base/base_mem.h"
#include "connect/con.h"
#include "dsl/dsl_compile.h"
#include "runtime/rt_job.h"
#include "runtime/rt_look.h"
#include "state/sto_path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* restore_seed.py runs it with a rate instead of a number of rows. */
static const char program[] =
    "stream e (k string, v int, at timestamp)\n"
    "from generate (rows = 40, seed = 7, keys = 5, step = 100 ms, v = 'uniform 0 100')\n"
    "event time at watermark delay 1 s;\n"
    "stream busy as select k, v, at from e where v > 20;\n"
    "pattern runs from e partition by k match a+ -> b define a as v > 30, b as v > sum(a.v) within 10 s\n"
    "measures sum(a.v) as total, b.v as last;\n"
    "pattern fates from busy partition by k match a -> b+ -> c define a as v > 80, b as v < 60, c as v > 90 "
    "within 20 s;\n"
    "pattern graph from e partition by k match a -> b -> c define a as v > 50, b as v < 60, c as v = 70\n"
    "within 20 s after match no skip measures k as k, a.v as first;\n"
    "stream sliding as select k, sum(v) as s, min(v) as least from e group by k window sliding 2 s every 500 "
    "ms;\n"
    "stream session as select k, count(distinct v) as n, first(v) as f from e group by k window session gap "
    "1 s;\n"
    "stream counted as select k, array_agg(v) as all from e group by k window count 3 every 2;\n"
    "stream updates as select k, stddev(v) as d, avg(v) as m from e group by k;\n"
    "stream f as select k, v, at from e where v < 70;\n"
    "stream joined as select l.k, l.v, r.v as w from e as l left join f as r on l.k = r.k and l.v > r.v "
    "within 2 s;\n"
    "stream met as select l.k, l.v, r.v as w, window_end as u from e as l full join busy as r on l.k = r.k "
    "window sliding 2 s every 1 s;\n"
    "table newest as select k, last(v) as v from f group by k;\n"
    "stream looked as select e.k, e.v, newest.v as old from e left join table newest on newest.k = e.k;\n"
    "stream top as select k, v, window_start as s from e window tumbling 2 s order by v desc, k limit 3;\n"
    "stream seen as select distinct k, v / 10 as tens from e;\n"
    "stream over_it as select k, sum(v) over (partition by k order by at rows 3 preceding) as s,\n"
    "max(v) over (partition by k order by at range 1 s preceding) as m, zscore(v, warm_up => 3) over "
    "(partition by k order by at) as z,\n"
    "count(distinct v) over (partition by k order by at rows 5 preceding) as n, rarity(v) over (partition by "
    "k order by at) as r from e;\n"
    "stream taken as select k, count(*) as n, max(v) as m from e group by k having count(*) % 7 <> 0 "
    "retracting;\n"
    "stream of_taken as select n % 3 as r, min(m) as least, count(distinct k) as ks, sum(n) as s from taken "
    "group by n % 3 retracting;\n"
    "stream slid as select k, count(*) as n from e group by k window sliding 2 s every 1 s emit each event "
    "retracting;\n"
    "stream sat as select k, count(*) as n, window_end as u from e group by k window session gap 300 ms emit "
    "each event upsert;\n"
    "alert rising on runs severity high message '{total}' by k suppress for 5 s resolve after 10 s;\n"
    "alert found on fates severity low message 'found' by k resolve when graph;\n"
    "sink rising to file (path = 'out.ndjson', rotate_size = 1000) format json;\n"
    "sink sliding to stdout format json;\n"
    "sink session to stdout format json;\n"
    "sink counted to stdout format json;\n"
    "sink updates to stdout format json;\n"
    "sink found to stdout format json;\n"
    "sink graph to stdout format csv;\n"
    "sink joined to stdout format json;\n"
    "sink joined.late to stdout format json;\n"
    "sink met to stdout format json;\n"
    "sink looked to stdout format json;\n"
    "sink top to stdout format json;\n"
    "sink seen to stdout format json;\n"
    "sink over_it to stdout format json;\n"
    "sink of_taken to stdout format json;\n"
    "sink slid to stdout format csv;\n"
    "sink sat to stdout format json;\n";

static void read_parts(struct rt_snap *snap, struct base_unpack *u) {
    while (!u->bad && !base_unpack_at_end(u)) {
        struct base_str bytes = base_unpack_str(u);
        struct sto_part_head head;
        struct base_unpack entries;
        if (u->bad || sto_part_open(bytes, &head, &entries, NULL) != CEP_OK)
            return;
        struct rt_part *part = rt_snap_add(snap, &head);
        base_buf_clear(&part->bytes);
        base_buf_str(&part->bytes, bytes);
    }
}

static void look_at(const struct rt_snap *snap) {
    struct rt_look look;
    struct rt_look_what what = { .pattern = BASE_STR(""), .key = BASE_STR("k1") };
    struct cep_err err = CEP_ERR_INIT;
    (void)rt_look_snap(&look, snap, &what, &err);
    rt_look_release(&look);
}

static void restore(const struct rt_snap *snap, const char *dir, int null_fd) {
    struct dsl_diag diag;
    struct dsl_sources text = { .text_name = "fuzz.pattern", .text = BASE_STR(program) };
    struct plan *plan = NULL;
    struct rt_opts opts;
    struct rt_job *job = NULL;
    struct sto_losses losses;
    struct cep_err err = CEP_ERR_INIT;
    dsl_diag_init(&diag);
    CEP_REQUIRE(dsl_compile(&text, con_catalog(), NULL, &diag, &plan) == CEP_OK);
    sto_losses_init(&losses);
    rt_opts_init(&opts);
    opts.base_dir = dir;
    opts.stdout_fd = null_fd;
    opts.restore = snap;
    opts.losses = &losses;
    opts.state_bytes = 64 << 20;
    opts.held_patience_us = 0;
    if (rt_job_new(plan, &opts, &job, &err) == CEP_OK)
        (void)rt_job_run(job, &err);
    rt_job_free(job);
    sto_losses_release(&losses);
    plan_free(plan);
    dsl_diag_release(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char dir[] = "/tmp/cepd-restore-fuzz-XXXXXX";
    struct base_unpack u = base_unpack_of((struct base_str){ (const char *)data, size });
    struct rt_snap snap;
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    CEP_REQUIRE(null_fd >= 0 && mkdtemp(dir));
    rt_snap_init(&snap);
    read_parts(&snap, &u);
    look_at(&snap);
    restore(&snap, dir, null_fd);
    rt_snap_release(&snap);
    CEP_REQUIRE(sto_path_remove(dir, NULL) == CEP_OK);
    (void)close(null_fd);
    return 0;
}
