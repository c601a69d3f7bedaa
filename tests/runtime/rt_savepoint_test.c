/*
 * Savepoints on demand: a job that is stopped with a savepoint again and again, and goes on from each with another number of
 * subtasks, writes what an undisturbed run writes; savepoints in between, and those that fail, change nothing. Random patterns,
 * batch sizes and channels, with checkpoints and without; run under the thread sanitizer too.
 *
 * A short run by default; CEP_RANDOM_ROUNDS=200 CEP_RANDOM_SEED=7 for more and others.
 */
#include "runtime/rt_job.h"

#include "base/base_err.h"
#include "tests/runtime/rt_random.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct context {
    struct rt_random *f;
    struct rt_snap latest; /* the last savepoint */
    struct rt_snap from;   /* what the job goes on from: gone when it runs */
    bool has_latest;
    uint32_t ask_after_us; /* when savepoints are asked for; 0 = never */
    struct rt_job *job;
    bool fails;       /* the next savepoint cannot be kept */
    bool stop;        /* the one that is asked for stops the job */
    uint64_t last_id; /* checkpoints */
    atomic_uint n_done, n_failed, n_stops;
    char why[512];
};

static enum cep_rc keep(void *arg, uint64_t id, const struct rt_snap *snap, struct cep_err *err) {
    struct context *c = arg;
    (void)snap;
    (void)err;
    assert_true(id > c->last_id);
    c->last_id = id;
    return CEP_OK;
}

static enum cep_rc keep_savepoint(
    void *arg, const char *dir, const struct rt_snap *snap, struct base_buf *path, struct cep_err *err) {
    struct context *c = arg;
    if (c->fails) {
        c->fails = false;
        return base_err_set(err, CEP_EIO, "\"%s\" is on fire", dir);
    }
    rt_random_copy(c->f, &c->latest, snap);
    c->has_latest = true;
    base_buf_printf(path, "%s/one", dir);
    return CEP_OK;
}

static void on_done(void *arg, enum cep_rc rc, const char *path, const struct cep_err *err) {
    struct context *c = arg;
    if (rc == CEP_OK) {
        assert_string_equal(path, "somewhere/one");
    } else {
        assert_null(path);
        (void)snprintf(c->why, sizeof c->why, "%s", err->message);
        atomic_fetch_add(&c->n_failed, 1);
    }
    atomic_fetch_add(&c->n_done, 1);
}

static void on_stopped(void *arg, enum cep_rc rc, const char *path, const struct cep_err *err) {
    struct context *c = arg;
    if (rc == CEP_OK)
        atomic_fetch_add(&c->n_stops, 1);
    on_done(arg, rc, path, err);
}

/* A thread beside the job: somebody asks, at any moment. */
static void *ask(void *arg) {
    struct context *c = arg;
    struct rt_savepoint s = { .dir = "somewhere", .done = on_done, .arg = c };
    struct timespec wait = { .tv_nsec = c->ask_after_us * 1000L };
    (void)nanosleep(&wait, NULL);
    if (rt_job_savepoint(c->job, &s, NULL) != CEP_OK || !c->stop)
        return NULL; /* the job was faster */
    s.stop = true;
    s.done = on_stopped;
    (void)rt_job_savepoint(c->job, &s, NULL);
    return NULL;
}

static void options(struct context *c, struct rt_opts *opts) {
    static const uint32_t parallelisms[] = { 1, 2, 4, 3 };
    struct rt_random *f = c->f;
    rt_opts_init(opts);
    opts->base_dir = f->dir;
    opts->parallelism = parallelisms[rt_random_below(f, 4)];
    opts->batch_rows = 1 + rt_random_below(f, 8);
    opts->channel_capacity = 2 + rt_random_below(f, 32);
    opts->save_slice_us = rt_random_below(f, 2)
                              ? 0
                              : opts->save_slice_us; /* 0: a key or two between two batches */
    opts->arg = c;
}

static enum cep_rc run(struct context *c, const struct rt_opts *opts, struct cep_err *err) {
    struct dsl_diag diag;
    struct rt_job *job = NULL;
    struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&c->f->program));
    enum cep_rc rc = rt_job_new(plan, opts, &job, err);
    pthread_t thread;
    rt_snap_release(&c->from);
    bool asked = rc == CEP_OK && opts->keep_savepoint && c->ask_after_us > 0;
    c->job = job;
    if (asked)
        assert_int_equal(pthread_create(&thread, NULL, ask, c), 0);
    if (rc == CEP_OK)
        rc = rt_job_run(job, err);
    if (asked)
        assert_int_equal(pthread_join(thread, NULL), 0);
    if (job && opts->keep_savepoint)
        assert_int_equal(
            rt_job_savepoint(job, &(struct rt_savepoint){ .dir = "x", .done = on_done, .arg = c }, NULL),
            CEP_ESTATE);
    rt_job_free(job);
    plan_free(plan);
    dsl_diag_release(&diag);
    return rc;
}

/* Stops and goes on until it comes to its end. */
static void stop_and_go_on(struct context *c) {
    for (uint32_t attempt = 0;; attempt++) {
        struct rt_opts opts;
        struct cep_err err = CEP_ERR_INIT;
        options(c, &opts);
        rt_random_copy(c->f, &c->from, &c->latest);
        opts.restore = c->has_latest ? &c->from : NULL;
        opts.keep_savepoint = keep_savepoint;
        opts.keep = rt_random_below(c->f, 2) ? keep : NULL;
        opts.checkpoint_every_us = 500;
        opts.checkpoints_in_flight = 1 + rt_random_below(c->f, 3);
        opts.next_checkpoint = c->last_id + 1;
        c->ask_after_us = 1 + rt_random_below(c->f, 4000);
        c->fails = rt_random_below(c->f, 3) == 0;
        c->stop = attempt < 8;
        enum cep_rc rc = run(c, &opts, &err);
        if (rc == CEP_OK)
            break;
        assert_int_equal(rc, CEP_EINTERRUPTED);
    }
}

static void stops_with_savepoints_change_nothing(void **state) {
    struct context c = { .f = *state };
    const char *rounds = getenv("CEP_RANDOM_ROUNDS"), *seed = getenv("CEP_RANDOM_SEED");
    long n = rounds ? strtol(rounds, NULL, 10) : 6;
    struct base_buf want[RT_RANDOM_OUTPUTS], got[RT_RANDOM_OUTPUTS];
    struct rt_opts opts;
    size_t n_bytes = 0;
    c.f->random = seed ? strtoull(seed, NULL, 10) : 1;
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        base_buf_init(&want[i]);
        base_buf_init(&got[i]);
    }
    for (long round = 0; round < n; round++) {
        rt_random_events(c.f, "a.ndjson", 2000 + rt_random_below(c.f, 2000));
        rt_random_events(c.f, "b.ndjson", 2000 + rt_random_below(c.f, 2000));
        rt_random_program(c.f);
        options(&c, &opts);
        assert_int_equal(run(&c, &opts, NULL), CEP_OK);
        rt_random_outputs(c.f, want);
        c.has_latest = false;
        c.last_id = 0;
        stop_and_go_on(&c);
        rt_snap_release(&c.latest);
        rt_random_outputs(c.f, got);
        for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++)
            n_bytes += want[i].len;
        rt_random_same_outputs(c.f, want, got, "after stops");
    }
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        base_buf_release(&want[i]);
        base_buf_release(&got[i]);
    }
    print_message("%u stops, %u of %u savepoints failed\n", atomic_load(&c.n_stops), atomic_load(&c.n_failed),
        atomic_load(&c.n_done));
    assert_true(atomic_load(&c.n_stops) >= (uint32_t)n);
    assert_true(n_bytes > 1000 * (size_t)n);
}

static void a_savepoint_that_cannot_be_kept_leaves_the_job_running(void **state) {
    struct context c = { .f = *state, .fails = true, .ask_after_us = 1 };
    struct rt_opts opts;
    struct cep_err err = CEP_ERR_INIT;
    rt_random_events(c.f, "a.ndjson", 3000);
    rt_random_events(c.f, "b.ndjson", 3000);
    rt_random_program(c.f);
    options(&c, &opts);
    opts.batch_rows = 4;
    opts.keep_savepoint = keep_savepoint;
    assert_int_equal(run(&c, &opts, &err), CEP_OK);
    assert_int_equal(atomic_load(&c.n_done), 1);
    assert_int_equal(atomic_load(&c.n_failed), 1);
    assert_string_equal(c.why, "\"somewhere\" is on fire");
    rt_snap_release(&c.latest);
}

/* Asked for before it begins, and of a job that cannot. */
static void a_job_says_what_it_cannot(void **state) {
    struct context c = { .f = *state };
    struct rt_opts opts;
    struct dsl_diag diag;
    struct rt_job *job = NULL;
    struct cep_err err = CEP_ERR_INIT;
    struct rt_savepoint s = { .dir = "somewhere", .done = on_done, .arg = &c };
    /* So many that two savepoints are over before the input is. */
    rt_random_events(c.f, "a.ndjson", 40000);
    rt_random_events(c.f, "b.ndjson", 40000);
    rt_random_program(c.f);
    struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&c.f->program));
    options(&c, &opts);
    assert_int_equal(rt_job_new(plan, &opts, &job, &err), CEP_OK);
    assert_int_equal(rt_job_savepoint(job, &s, &err), CEP_ESTATE);
    assert_string_equal(err.message, "the job takes no savepoints");
    rt_job_free(job);
    opts.keep_savepoint = keep_savepoint;
    assert_int_equal(rt_job_new(plan, &opts, &job, &err), CEP_OK);
    assert_int_equal(rt_job_savepoint(job, &s, &err), CEP_OK);
    rt_job_free(job);
    assert_int_equal(atomic_load(&c.n_failed), 1);
    assert_non_null(strstr(c.why, "the job ended before it was begun"));
    assert_int_equal(rt_job_new(plan, &opts, &job, &err), CEP_OK);
    assert_int_equal(rt_job_savepoint(job, &s, &err), CEP_OK);
    s.stop = true;
    assert_int_equal(rt_job_savepoint(job, &s, &err), CEP_OK);
    assert_int_equal(rt_job_savepoint(job, &s, &err), CEP_ESTATE);
    assert_non_null(strstr(err.message, "is being stopped already"));
    assert_int_equal(rt_job_run(job, &err), CEP_EINTERRUPTED);
    rt_job_free(job);
    assert_int_equal(atomic_load(&c.n_done), 3);
    assert_int_equal(atomic_load(&c.n_failed), 1);
    rt_snap_release(&c.latest);
    plan_free(plan);
    dsl_diag_release(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            stops_with_savepoints_change_nothing, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(
            a_savepoint_that_cannot_be_kept_leaves_the_job_running, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(a_job_says_what_it_cannot, rt_random_set_up, rt_random_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
