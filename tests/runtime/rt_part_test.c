/*
 * A job in many processes, without any: a master and up to three parts a region, with a thread for the network between them, which packs and
 * unpacks every batch. At any parallelism and placement it writes what a job in one process writes; also when parts fail again and
 * again, of one region or of several, when it is stopped with savepoints and goes on elsewhere, with databases, and with barriers that overtake. Run under the
 * thread sanitizer too.
 *
 * A short run by default; CEP_RANDOM_ROUNDS=200 CEP_RANDOM_SEED=7 for more and others.
 */
#include "runtime/rt_master.h"
#include "runtime/rt_part.h"
#include "runtime/rt_report.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"
#include "state/sto_path.h"
#include "tests/runtime/rt_random.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PARTS = 3, TASKS_MAX = 128, REGIONS_MAX = 8 };

struct cluster;

struct part {
    struct cluster *cluster;
    struct rt_job *job; /* NULL: not deployed */
    uint32_t attempt, region;
    bool here[TASKS_MAX];
};

struct region {
    struct part parts[PARTS];
    uint32_t n_parts;
    bool up; /* the network's lock */
};

struct cluster {
    struct rt_random *f;
    struct rt_opts opts; /* of the whole job */
    struct plan *plan;
    struct rt_job *master;
    struct region regions[REGIONS_MAX];
    struct part *of[TASKS_MAX]; /* by task */
    /* What was kept. */
    struct rt_snap latest;
    bool has_latest;
    uint64_t latest_id;
    uint32_t n_with_db;
    uint32_t n_flights;
    /* The network. */
    pthread_t thread;
    pthread_mutex_t mutex; /* held while it moves anything */
    pthread_cond_t cond;
    bool woken, over;
    uint64_t n_moved;
    /* What is to go wrong. */
    uint64_t fail_after; /* elements; 0 = nothing */
    uint32_t n_failures; /* that are left */
    bool fail_deploy;
    uint32_t n_apart;    /* deployments of some regions only */
    uint64_t stop_after; /* elements; 0 = never */
    bool asked;
    uint32_t n_attempts, n_stopped;
    int64_t n_unaligned;
};

/* -- the network ----------------------------------------------------------------------------------------------------- */

static void wake(void *arg, uint32_t channel) {
    struct cluster *c = ((struct part *)arg)->cluster;
    (void)channel;
    (void)pthread_mutex_lock(&c->mutex);
    c->woken = true;
    (void)pthread_cond_signal(&c->cond);
    (void)pthread_mutex_unlock(&c->mutex);
}

static struct rt_job *reader_of(struct cluster *c, uint32_t channel) {
    return c->of[rt_job_exec(c->master)->channels[channel].to]->job;
}

/* What was announced while the parts are taken apart is nobody's. */
static void announce(void *arg, uint32_t channel, uint64_t id) {
    struct cluster *c = ((struct part *)arg)->cluster;
    (void)pthread_mutex_lock(&c->mutex);
    if (c->regions[((struct part *)arg)->region].up)
        rt_part_announced(reader_of(c, channel), channel, id);
    (void)pthread_mutex_unlock(&c->mutex);
}

static void move(struct rt_job *from, struct rt_job *to, uint32_t channel) {
    struct evt_elem e;
    rt_part_out_pop(from, channel, &e);
    if (e.kind == EVT_ELEM_BATCH) {
        struct base_buf b = BASE_BUF_INIT;
        const struct evt_schema *schema = rt_part_schema(to, channel, e.stream);
        assert_non_null(schema);
        evt_pack_batch(&b, e.batch);
        evt_batch_unref(e.batch);
        struct base_unpack u = base_unpack_of(base_buf_view(&b));
        e.batch = evt_unpack_batch(&u, schema);
        assert_non_null(e.batch);
        base_buf_release(&b);
    }
    rt_part_in_push(to, channel, &e);
}

/* Somewhere, or in two places at once. */
static void go_wrong(struct cluster *c) {
    struct cep_err err = CEP_ERR_INIT;
    if (c->fail_after == 0 || c->n_moved < c->fail_after || c->n_failures == 0)
        return;
    c->n_failures--;
    c->fail_after = c->n_moved + 1 + rt_random_below(c->f, 400);
    (void)base_err_set(&err, CEP_EIO, "the cable was cut");
    err.retriable = true;
    for (uint32_t n = 1 + (rt_random_below(c->f, 4) == 0); n > 0; n--) {
        struct region *r = &c->regions[rt_random_below(c->f, rt_job_exec(c->master)->n_regions)];
        if (!r->up)
            continue;
        r->up = false;
        rt_part_fail(r->parts[rt_random_below(c->f, r->n_parts)].job, &err);
    }
}

static enum cep_rc keep_savepoint(
    void *arg, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err);

static void savepoint_done(void *arg, enum cep_rc rc, const char *path, const struct cep_err *err) {
    struct cluster *c = arg;
    (void)path;
    (void)err;
    c->n_stopped += rc == CEP_OK;
}

static bool move_some(struct cluster *c, uint32_t channel) {
    const struct rt_exec_channel *x = &rt_job_exec(c->master)->channels[channel];
    if (!c->regions[rt_job_exec(c->master)->tasks[x->from].region].up)
        return false;
    struct rt_job *from = c->of[x->from]->job, *to = c->of[x->to]->job;
    if (from == to || !rt_part_out_peek(from, channel) || rt_part_in_room(to, channel) == 0)
        return false;
    move(from, to, channel);
    c->n_moved++;
    go_wrong(c);
    return true;
}

static void move_all(struct cluster *c) {
    for (bool any = true; any;) {
        any = false;
        for (uint32_t i = 0; i < rt_job_exec(c->master)->n_channels; i++)
            any |= move_some(c, i);
    }
}

static void tell_others(struct cluster *c) {
    struct base_buf b = BASE_BUF_INIT;
    for (uint32_t i = 0; i < rt_job_exec(c->master)->n_regions; i++) {
        struct region *r = &c->regions[i];
        for (uint32_t p = 0; r->up && p < r->n_parts; p++) {
            base_buf_clear(&b);
            rt_part_report(r->parts[p].job, &b);
            assert_true(rt_master_report(c->master, r->parts[p].attempt, i, base_buf_view(&b)));
            base_buf_clear(&b);
            rt_master_others(c->master, i, &b);
            assert_true(rt_part_others(r->parts[p].job, base_buf_view(&b)));
        }
    }
    base_buf_release(&b);
}

static void *network(void *arg) {
    struct cluster *c = arg;
    (void)pthread_mutex_lock(&c->mutex);
    while (!c->over) {
        move_all(c);
        tell_others(c);
        if (c->stop_after > 0 && c->n_moved >= c->stop_after && !c->asked) {
            struct rt_savepoint s = { .dir = ".", .stop = true, .done = savepoint_done, .arg = c };
            c->asked = true;
            (void)rt_job_savepoint(c->master, &s, NULL);
        }
        while (!c->over && !c->woken)
            (void)pthread_cond_wait(&c->cond, &c->mutex);
        c->woken = false;
    }
    (void)pthread_mutex_unlock(&c->mutex);
    return NULL;
}

/* -- parts ----------------------------------------------------------------------------------------------------------- */

static void saved(void *arg, struct rt_saved *s) {
    struct part *p = arg;
    rt_master_saved(p->cluster->master, p->attempt, s);
}

static void committed(void *arg, uint32_t task, uint64_t id) {
    struct part *p = arg;
    rt_master_committed(p->cluster->master, p->attempt, task, id);
}

static void ended(void *arg, uint32_t task) {
    struct part *p = arg;
    struct base_buf b = BASE_BUF_INIT;
    rt_part_report(p->job, &b);
    assert_true(rt_master_report(p->cluster->master, p->attempt, p->region, base_buf_view(&b)));
    base_buf_release(&b);
    rt_master_ended(p->cluster->master, p->attempt, task);
}

static void failed(void *arg, const struct cep_err *err) {
    struct part *p = arg;
    rt_master_failed(p->cluster->master, p->attempt, p->region, err);
}

static enum cep_rc make_part(
    struct cluster *c, struct part *p, uint32_t attempt, bool restore, uint64_t next, struct cep_err *err) {
    struct rt_part_opts how = { .here = p->here,
        .checkpoints = c->opts.keep != NULL,
        .savepoints = c->opts.keep_savepoint != NULL,
        .fns = { wake, announce, saved, committed, ended, failed },
        .arg = p };
    struct rt_opts opts = c->opts;
    opts.remote = NULL;
    opts.keep = NULL;
    opts.latest = NULL;
    opts.keep_savepoint = NULL;
    opts.part = &how;
    opts.restore = restore ? &c->latest : NULL;
    opts.next_checkpoint = next;
    p->attempt = attempt;
    return rt_job_new(c->plan, &opts, &p->job, err);
}

/* -- what the master asks for ---------------------------------------------------------------------------------------- */

/* Deals the region's tasks out. */
static void place(struct cluster *c, uint32_t region) {
    const struct rt_exec *x = rt_job_exec(c->master);
    struct region *r = &c->regions[region];
    r->n_parts = 1 + rt_random_below(c->f, PARTS);
    for (uint32_t p = 0; p < PARTS; p++)
        r->parts[p] = (struct part){ .cluster = c, .region = region };
    for (uint32_t t = 0; t < x->n_tasks; t++) {
        if (x->tasks[t].region != region)
            continue;
        c->of[t] = &r->parts[rt_random_below(c->f, r->n_parts)];
        c->of[t]->here[t] = true;
    }
}

static enum cep_rc deploy(void *arg, uint32_t attempt, const bool *regions, const struct rt_snap *from,
    uint64_t next, struct cep_err *err) {
    struct cluster *c = arg;
    const struct rt_exec *x = rt_job_exec(c->master);
    uint32_t n_regions = 0;
    enum cep_rc rc = CEP_OK;
    assert_int_equal(attempt, ++c->n_attempts);
    assert_true(x->n_tasks <= TASKS_MAX && x->n_regions <= REGIONS_MAX);
    for (uint32_t i = 0; i < x->n_regions && rc == CEP_OK; i++) {
        if (!regions[i])
            continue;
        n_regions++;
        place(c, i);
        for (uint32_t p = 0; p < c->regions[i].n_parts && rc == CEP_OK; p++)
            rc = make_part(c, &c->regions[i].parts[p], attempt, from != NULL, next, err);
    }
    c->n_apart += n_regions < x->n_regions;
    if (rc == CEP_OK && c->fail_deploy) {
        c->fail_deploy = false;
        rc = base_err_set(err, CEP_EIO, "no worker is left");
        err->retriable = true;
    }
    if (rc != CEP_OK)
        return rc;
    (void)pthread_mutex_lock(&c->mutex);
    for (uint32_t i = 0; i < x->n_regions; i++)
        c->regions[i].up |= regions[i];
    c->woken = true;
    (void)pthread_cond_signal(&c->cond);
    (void)pthread_mutex_unlock(&c->mutex);
    if (!c->thread)
        assert_int_equal(pthread_create(&c->thread, NULL, network, c), 0);
    for (uint32_t t = 0; t < x->n_tasks; t++)
        if (regions[x->tasks[t].region])
            rt_master_ready(c->master, attempt, t, NULL);
    return CEP_OK;
}

/* The next part that is there, of these regions (NULL: of all); *at begins with 0. */
static struct part *next_part(struct cluster *c, const bool *regions, uint32_t *at) {
    for (; *at < rt_job_exec(c->master)->n_regions * PARTS; (*at)++) {
        struct part *p = &c->regions[*at / PARTS].parts[*at % PARTS];
        if (p->job && (!regions || regions[*at / PARTS])) {
            (*at)++;
            return p;
        }
    }
    return NULL;
}

static void start(void *arg, const bool *regions) {
    struct cluster *c = arg;
    struct part *p;
    for (uint32_t at = 0; (p = next_part(c, regions, &at));)
        assert_int_equal(rt_part_start(p->job, NULL), CEP_OK);
}

static void stop(void *arg) {
    struct cluster *c = arg;
    struct part *p;
    for (uint32_t at = 0; (p = next_part(c, NULL, &at));)
        rt_job_stop(p->job);
}

static void cancel(void *arg, const bool *regions) {
    struct cluster *c = arg;
    (void)pthread_mutex_lock(&c->mutex);
    for (uint32_t i = 0; i < rt_job_exec(c->master)->n_regions; i++)
        c->regions[i].up &= !regions[i];
    (void)pthread_mutex_unlock(&c->mutex);
    struct part *p;
    for (uint32_t at = 0; (p = next_part(c, regions, &at));) {
        rt_job_free(p->job);
        p->job = NULL;
    }
}

static void barrier(void *arg, uint64_t id, struct rt_barrier how) {
    struct cluster *c = arg;
    struct part *p;
    for (uint32_t at = 0; (p = next_part(c, NULL, &at));)
        rt_part_barrier(p->job, id, how);
}

static void complete(void *arg, uint64_t id) {
    struct cluster *c = arg;
    struct part *p;
    for (uint32_t at = 0; (p = next_part(c, NULL, &at));)
        rt_part_complete(p->job, id);
}

static void resume(void *arg) {
    struct cluster *c = arg;
    struct part *p;
    for (uint32_t at = 0; (p = next_part(c, NULL, &at));)
        rt_part_resume(p->job);
}

/* The network ends. */
static void take_down(struct cluster *c) {
    (void)pthread_mutex_lock(&c->mutex);
    c->over = true;
    (void)pthread_cond_signal(&c->cond);
    (void)pthread_mutex_unlock(&c->mutex);
    if (c->thread)
        (void)pthread_join(c->thread, NULL);
    c->thread = 0;
    c->over = false;
}

/* -- what is kept ---------------------------------------------------------------------------------------------------- */

static enum cep_rc keep(void *arg, uint64_t id, const struct rt_snap *snap, struct cep_err *err) {
    struct cluster *c = arg;
    (void)err;
    assert_true(id > c->latest_id);
    rt_random_copy(c->f, &c->latest, snap);
    c->n_flights += (uint32_t)rt_random_flights(snap);
    c->n_with_db += snap->n_dbs > 0;
    c->has_latest = true;
    c->latest_id = c->latest.id = id;
    return CEP_OK;
}

/* Parts read it themselves. */
static enum cep_rc latest(void *arg, struct rt_snap *out, struct cep_err *err) {
    struct cluster *c = arg;
    (void)err;
    out->id = c->latest_id;
    return CEP_OK;
}

static enum cep_rc keep_savepoint(
    void *arg, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err) {
    struct cluster *c = arg;
    (void)dir;
    (void)err;
    rt_random_copy(c->f, &c->latest, snap);
    c->n_flights += (uint32_t)rt_random_flights(snap);
    c->has_latest = true;
    c->latest.is_savepoint = true;
    base_buf_puts(path, "here");
    return CEP_OK;
}

/* -- runs ------------------------------------------------------------------------------------------------------------ */

static void options(struct rt_random *f, struct rt_opts *opts) {
    static const uint32_t parallelisms[] = { 1, 2, 3, 4 };
    static const uint64_t budgets[] = { 1, (4 << 20) * 4 + 20000, 64 << 20 };
    rt_opts_init(opts);
    opts->base_dir = f->dir;
    opts->parallelism = parallelisms[rt_random_below(f, 4)];
    opts->batch_rows = 1 + rt_random_below(f, 20);
    opts->channel_capacity = 2 + rt_random_below(f, 32);
    opts->rocksdb = rt_random_below(f, 3) == 0;
    opts->state_bytes = opts->rocksdb ? budgets[rt_random_below(f, 3)] : 0;
}

static void init(struct cluster *c, struct rt_random *f) {
    *c = (struct cluster){ .f = f };
    (void)pthread_mutex_init(&c->mutex, NULL);
    (void)pthread_cond_init(&c->cond, NULL);
}

static void release(struct cluster *c) {
    rt_snap_release(&c->latest);
    (void)pthread_mutex_destroy(&c->mutex);
    (void)pthread_cond_destroy(&c->cond);
}

/* With c->opts. */
static enum cep_rc run(
    struct cluster *c, struct rt_totals *totals, struct rt_checkpoint_stats *stats, struct cep_err *err) {
    struct dsl_diag diag;
    struct rt_remote remote = { deploy, NULL, start, stop, cancel, barrier, complete, resume, c };
    struct rt_opts opts = c->opts;
    opts.remote = &remote;
    opts.arg = c;
    opts.restore = c->has_latest ? &c->latest : NULL;
    opts.next_checkpoint = c->latest_id + 1;
    c->plan = rt_kit_compile(&diag, base_buf_cstr(&c->f->program));
    c->n_attempts = 0;
    assert_int_equal(rt_job_new(c->plan, &opts, &c->master, err), CEP_OK);
    enum cep_rc rc = rt_job_run(c->master, err);
    take_down(c);
    rt_job_totals(c->master, totals);
    rt_job_checkpoints(c->master, stats);
    c->n_unaligned += (int64_t)stats->unaligned;
    rt_job_free(c->master);
    plan_free(c->plan);
    dsl_diag_release(&diag);
    return rc;
}

static void run_whole(struct rt_random *f, struct rt_totals *totals) {
    struct dsl_diag diag;
    struct rt_opts opts;
    struct rt_job *job;
    struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&f->program));
    rt_opts_init(&opts);
    opts.base_dir = f->dir;
    assert_int_equal(rt_job_new(plan, &opts, &job, NULL), CEP_OK);
    assert_int_equal(rt_job_run(job, NULL), CEP_OK);
    rt_job_totals(job, totals);
    rt_job_free(job);
    plan_free(plan);
    dsl_diag_release(&diag);
}

/* The pattern at `at` reads that stream alone. */
static void read_only(struct rt_random *f, size_t at, char stream) {
    base_buf_cstr(&f->program);
    char *from = strstr(f->program.p + at, " from ") + strlen(" from ");
    if (from[1] == ',') /* "a, b" */
        memset(from, ' ', strlen("a, b"));
    *from = stream;
}

/* Patterns of two streams that have nothing to do with each other. */
static void write_apart(struct rt_random *f) {
    base_buf_clear(&f->program);
    base_buf_puts(&f->program, RT_RANDOM_STREAM("a") RT_RANDOM_STREAM("b"));
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        size_t at = f->program.len;
        rt_random_pattern(f, i);
        read_only(f, at, i % 2 ? 'a' : 'b');
        base_buf_printf(
            &f->program, "sink p%u to file (path = 'out%u.csv', append = false) format csv;\n", i, i);
    }
}

static void check_outputs(struct rt_random *f, struct base_buf *want, const char *what) {
    struct base_buf got[RT_RANDOM_OUTPUTS];
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++)
        base_buf_init(&got[i]);
    rt_random_outputs(f, got);
    rt_random_same_outputs(f, want, got, what);
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++)
        base_buf_release(&got[i]);
}

static void checkpoints(struct cluster *c) {
    struct rt_opts *opts = &c->opts;
    opts->keep = keep;
    opts->latest = latest;
    opts->checkpoint_every_us = 200 + rt_random_below(c->f, 3000);
    opts->checkpoints_in_flight = 1 + rt_random_below(c->f, 3);
    opts->alignment_timeout_us = (int64_t)rt_random_below(c->f, 3) * 100 - 100;
    opts->save_slice_us = rt_random_below(c->f, 4) == 0 ? 1000 : 0;
    rt_restart_defaults(&opts->restart, RT_RESTART_FIXED_DELAY);
    opts->restart.attempts = 100;
    opts->restart.delay_us = 1000;
}

/* `apart`: so that there are regions, and one fails while there is much to come. */
static void run_and_fail(struct cluster *c, bool apart, const struct rt_totals *want) {
    struct rt_totals totals;
    struct rt_checkpoint_stats stats;
    struct cep_err err = CEP_ERR_INIT;
    options(c->f, &c->opts);
    checkpoints(c);
    c->n_failures = 1 + rt_random_below(c->f, 4);
    c->fail_after = 1 + rt_random_below(c->f, 1000);
    if (apart) {
        c->opts.parallelism = 2 + rt_random_below(c->f, 3);
        c->fail_after = 1 + rt_random_below(c->f, 100);
    }
    c->fail_deploy = rt_random_below(c->f, 3) == 0;
    enum cep_rc rc = run(c, &totals, &stats, &err);
    if (rc != CEP_OK)
        print_error("%s\n", err.message);
    assert_int_equal(rc, CEP_OK);
    assert_int_equal(totals.watermark, want->watermark);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(stats.last.id, c->latest_id);
}

/* Is stopped again and again, and goes on with another parallelism. */
static void run_and_stop(struct cluster *c, bool with_checkpoints) {
    struct rt_totals totals;
    struct rt_checkpoint_stats stats;
    for (uint32_t round = 0;; round++) {
        struct cep_err err = CEP_ERR_INIT;
        options(c->f, &c->opts);
        c->opts.keep_savepoint = keep_savepoint;
        if (with_checkpoints)
            checkpoints(c);
        c->asked = false;
        c->n_moved = 0;
        c->stop_after = round < 4 ? 1 + rt_random_below(c->f, 500) : 0;
        enum cep_rc rc = run(c, &totals, &stats, &err);
        if (rc == CEP_OK)
            break;
        if (rc != CEP_EINTERRUPTED)
            print_error("%s\n", err.message);
        assert_int_equal(rc, CEP_EINTERRUPTED);
    }
}

static void what_parts_write_is_what_one_process_writes(void **state) {
    struct rt_random *f = *state;
    struct cluster c;
    struct rt_totals want, got;
    struct rt_checkpoint_stats stats;
    struct base_buf rows[RT_RANDOM_OUTPUTS];
    const char *rounds = getenv("CEP_RANDOM_ROUNDS"), *seed = getenv("CEP_RANDOM_SEED");
    long n = rounds ? strtol(rounds, NULL, 10) : 4;
    uint32_t n_attempts = 0, n_apart = 0, n_stopped = 0, n_flights = 0, n_with_db = 0;
    size_t n_bytes = 0;
    f->random = seed ? strtoull(seed, NULL, 10) : 1;
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++)
        base_buf_init(&rows[i]);
    /* What is drawn by threads is not always the same: as many rounds as it takes to have seen everything, within reason. */
    bool all = false;
    for (long round = 0; round < n || (!all && round < 10 * n); round++) {
        rt_random_events(f, "a.ndjson", 1000 + rt_random_below(f, 4000));
        rt_random_events(f, "b.ndjson", 1000 + rt_random_below(f, 4000));
        if (round % 2 == 1)
            write_apart(f);
        else
            rt_random_program(f);
        run_whole(f, &want);
        rt_random_outputs(f, rows);
        for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++)
            n_bytes += rows[i].len;

        init(&c, f);
        options(f, &c.opts);
        assert_int_equal(run(&c, &got, &stats, NULL), CEP_OK);
        assert_int_equal(got.events, want.events);
        assert_int_equal(got.matches, want.matches);
        assert_int_equal(got.late, want.late);
        check_outputs(f, rows, "undisturbed");
        release(&c);

        init(&c, f);
        run_and_fail(&c, round % 2 == 1, &want);
        n_attempts += c.n_attempts;
        n_apart += c.n_apart;
        n_flights += c.n_flights;
        n_with_db += c.n_with_db;
        check_outputs(f, rows, "with failures");
        release(&c);

        init(&c, f);
        run_and_stop(&c, round % 2 == 0);
        n_stopped += c.n_stopped;
        all = n_attempts > (uint32_t)n && n_apart > 0 && n_stopped > 1 && n_flights > 0 && n_with_db > 0;
        check_outputs(f, rows, "with stops");
        release(&c);
    }
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++)
        base_buf_release(&rows[i]);
    print_message(
        "%u attempts, %u of them of some regions; %u stops, %u with rows under way, %u with a database\n",
        n_attempts, n_apart, n_stopped, n_flights, n_with_db);
    assert_true(all);
    assert_true(n_bytes > 1000 * (size_t)n);
}

/* A sink that cannot be opened is no reason to try again, and nothing was read. */
static void a_part_that_cannot_be_made_fails_the_job(void **state) {
    struct rt_random *f = *state;
    struct cluster c;
    struct rt_totals totals;
    struct rt_checkpoint_stats stats;
    struct cep_err err = CEP_ERR_INIT;
    rt_random_events(f, "a.ndjson", 10);
    base_buf_clear(&f->program);
    base_buf_puts(
        &f->program, RT_RANDOM_STREAM("a") "sink a to file (path = 'nowhere/out.csv') format csv;\n");
    init(&c, f);
    options(f, &c.opts);
    checkpoints(&c);
    assert_int_equal(run(&c, &totals, &stats, &err), CEP_EIO);
    assert_non_null(strstr(err.message, "nowhere"));
    assert_int_equal(c.n_attempts, 1);
    assert_int_equal(stats.begun, 0);
    release(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_parts_write_is_what_one_process_writes, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(
            a_part_that_cannot_be_made_fails_the_job, rt_random_set_up, rt_random_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
