/*
 * Checkpoints at any parallelism: a job that fails in its midst and goes on from its last checkpoint, with another number of
 * subtasks, writes what an undisturbed run writes, and nothing twice. Random patterns, batch sizes and channels; run under
 * the thread sanitizer too.
 *
 * A short run by default; CEP_RANDOM_ROUNDS=200 CEP_RANDOM_SEED=7 for more and others.
 */
#include "runtime/rt_job.h"

#include "base/base_err.h"
#include "state/sto_path.h"
#include "tests/runtime/rt_random.h"

#include <stdio.h>
#include <stdlib.h>

/* Keeps the last snapshot, and fails when it is told to. */
struct store {
    struct rt_snap latest;
    bool has_latest;
    uint64_t latest_id;
    uint32_t n_kept, fail_after;
    bool retriable, fatal;
};

struct context {
    struct rt_random *f;
    struct store store;
    uint32_t n_with_db;
    uint32_t n_restarts, n_restarting, n_running; /* told by the job */
    uint64_t n_unaligned, flight_bytes;           /* of complete checkpoints, over all runs */
    uint64_t n_restored_flights;                  /* parts that runs went on from */
};

static enum cep_rc keep(void *arg, uint64_t id, const struct rt_snap *snap, struct cep_err *err) {
    struct context *c = arg;
    struct store *s = &c->store;
    assert_true(id > s->latest_id);
    if (s->n_kept++ >= s->fail_after) {
        base_err_set(err, CEP_EIO, "the disk is on fire");
        err->retriable = s->retriable;
        err->fatal = s->fatal;
        return CEP_EIO;
    }
    rt_random_copy(c->f, &s->latest, snap);
    c->n_with_db += snap->n_dbs > 0;
    s->has_latest = true;
    s->latest_id = id;
    return CEP_OK;
}

/* The fire is out once it has been seen. */
static enum cep_rc latest(void *arg, struct rt_snap *out, struct cep_err *err) {
    struct context *c = arg;
    (void)err;
    rt_random_copy(c->f, out, &c->store.latest);
    c->n_restarts++;
    c->store.n_kept = 0;
    c->store.fail_after = c->n_restarts < 5 ? 1 + c->n_restarts % 3 : UINT32_MAX;
    return CEP_OK;
}

static void state(void *arg, enum rt_state state, const struct cep_err *why) {
    struct context *c = arg;
    assert_true(state == RT_STATE_RUNNING || state == RT_STATE_RESTARTING);
    if (state == RT_STATE_RUNNING) {
        assert_null(why);
        assert_int_equal(++c->n_running, c->n_restarting);
    } else {
        assert_non_null(strstr(why->message, "the disk is on fire"));
        c->n_restarting++;
    }
}

/* Of a database: nothing stays in memory, some does, all does. */
static void backend(struct context *c, bool rocksdb, struct rt_opts *opts) {
    static const uint64_t budgets[] = { 1, (4 << 20) * 4 + 20000, 64 << 20 };
    opts->rocksdb = rocksdb;
    opts->state_bytes = rocksdb ? budgets[rt_random_below(c->f, 3)] : 0;
}

static void options(struct context *c, uint32_t parallelism, struct rt_opts *opts) {
    struct rt_random *f = c->f;
    rt_opts_init(opts);
    opts->base_dir = f->dir;
    opts->parallelism = parallelism;
    opts->batch_rows = 1 + rt_random_below(f, 20);
    opts->channel_capacity = 2 + rt_random_below(f, 32);
    opts->arg = c;
    backend(c, rt_random_below(f, 3) == 0, opts);
}

static void checkpoints(struct context *c, struct rt_opts *opts) {
    opts->keep = keep;
    opts->checkpoint_every_us = 200 + rt_random_below(c->f, 1500);
    opts->checkpoints_in_flight = 1 + rt_random_below(c->f, 3);
    opts->alignment_timeout_us = (int64_t)rt_random_below(c->f, 3) * 100 - 100;
    opts->save_slice_us = rt_random_below(c->f, 4) == 0 ? 1000 : 0; /* 0: rows come between all keys */
    opts->next_checkpoint = c->store.latest_id + 1;
    opts->restore = c->store.has_latest ? &c->store.latest : NULL;
}

static enum cep_rc run(
    struct context *c, const struct rt_opts *opts, struct rt_checkpoint_stats *stats, struct cep_err *err) {
    struct dsl_diag diag;
    struct rt_job *job = NULL;
    struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&c->f->program));
    enum cep_rc rc = rt_job_new(plan, opts, &job, err);
    if (rc == CEP_OK) {
        rc = rt_job_run(job, err);
        rt_job_checkpoints(job, stats);
        c->n_unaligned += stats->unaligned;
        c->flight_bytes += (uint64_t)stats->flight_bytes.sum;
    }
    rt_job_free(job);
    plan_free(plan);
    dsl_diag_release(&diag);
    return rc;
}

/* Fails again and again, each time at another parallelism, and then comes to its end. Returns: how often it failed. */
static uint32_t fail_and_go_on(struct context *c) {
    static const uint32_t parallelisms[] = { 1, 2, 4, 3 };
    struct rt_opts opts;
    struct rt_checkpoint_stats stats;
    uint32_t n_failed = 0;
    bool restored = false;
    c->store = (struct store){ .n_kept = 0 };
    for (uint32_t attempt = 0;; attempt++) {
        struct cep_err err = CEP_ERR_INIT;
        c->store.n_kept = 0;
        c->store.fail_after = attempt < 6 ? 1 + rt_random_below(c->f, 4) : UINT32_MAX;
        options(c, parallelisms[rt_random_below(c->f, 4)], &opts);
        checkpoints(c, &opts);
        restored = opts.restore != NULL;
        c->n_restored_flights += restored ? rt_random_flights(opts.restore) : 0;
        enum cep_rc rc = run(c, &opts, &stats, &err);
        if (rc == CEP_OK)
            break;
        if (!strstr(err.message, "the disk is on fire"))
            print_error("%s\n%s\n", err.message, base_buf_cstr(&c->f->program));
        assert_non_null(strstr(err.message, "the disk is on fire"));
        assert_int_equal(stats.failed, 1);
        n_failed++;
    }
    assert_int_equal(stats.last.id, c->store.latest_id);
    assert_int_equal(stats.in_flight, 0);
    assert_int_equal(stats.restored_us != 0, restored);
    rt_snap_release(&c->store.latest);
    return n_failed;
}

static void a_failed_job_goes_on_at_any_parallelism(void **state) {
    struct context c = { .f = *state };
    const char *rounds = getenv("CEP_RANDOM_ROUNDS"), *seed = getenv("CEP_RANDOM_SEED");
    long n = rounds ? strtol(rounds, NULL, 10) : 4;
    struct base_buf want[RT_RANDOM_OUTPUTS], got[RT_RANDOM_OUTPUTS];
    struct rt_opts opts;
    struct rt_checkpoint_stats stats;
    uint32_t n_failed = 0;
    size_t n_bytes = 0;
    c.f->random = seed ? strtoull(seed, NULL, 10) : 1;
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        base_buf_init(&want[i]);
        base_buf_init(&got[i]);
    }
    for (long round = 0; round < n; round++) {
        rt_random_events(c.f, "a.ndjson", 2000 + rt_random_below(c.f, 4000));
        rt_random_events(c.f, "b.ndjson", 2000 + rt_random_below(c.f, 4000));
        rt_random_program(c.f);
        options(&c, 1, &opts);
        assert_int_equal(run(&c, &opts, &stats, NULL), CEP_OK);
        assert_int_equal(stats.begun, 0);
        rt_random_outputs(c.f, want);
        n_failed += fail_and_go_on(&c);
        rt_random_outputs(c.f, got);
        for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++)
            n_bytes += want[i].len;
        rt_random_same_outputs(c.f, want, got, "after failures");
    }
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        base_buf_release(&want[i]);
        base_buf_release(&got[i]);
    }
    assert_true(n_failed >= (uint32_t)n);
    assert_true(c.n_unaligned > 0 && c.flight_bytes > 0 && c.n_restored_flights > 0);
    assert_true(c.n_with_db > 0);
    assert_true(n_bytes > 1000 * (size_t)n);
}

/* What is counted adds up; the history is in order. */
static void check_stats(const struct rt_checkpoint_stats *st) {
    assert_int_equal(st->begun, st->complete + st->failed + st->timed_out + st->abandoned + st->in_flight);
    assert_true(st->n_history > 0 && st->n_history <= RT_CHECKPOINT_HISTORY);
    for (uint32_t i = 0; i < st->n_history; i++) {
        const struct rt_checkpoint_stat *h = &st->history[i];
        assert_true(i == 0 || h->id < st->history[i - 1].id);
        assert_true(h->status == RT_CHECKPOINT_FAILED || h->n_acknowledged == h->n_tasks);
        assert_int_equal(h->status == RT_CHECKPOINT_FAILED, h->failure[0] != '\0');
        assert_true(h->n_acknowledged <= h->n_tasks && h->n_tasks > 0);
    }
    assert_int_equal(st->history[0].id, st->last.id);
    assert_true(st->bytes.min <= (int64_t)st->last.bytes && (int64_t)st->last.bytes <= st->bytes.max);
    assert_true(st->duration_us.min <= st->last.duration_us && st->last.duration_us <= st->duration_us.max);
    assert_true(st->bytes.sum >= st->bytes.max);
}

static enum cep_rc run_with_restarts(struct context *c, uint32_t parallelism, bool rocksdb, uint32_t attempts,
    struct rt_checkpoint_stats *stats, struct cep_err *err) {
    struct rt_opts opts;
    /* Checkpoints of a database take longer: the last one may be the second. */
    c->store = (struct store){ .fail_after = rocksdb ? 1 : 2, .fatal = c->store.fatal };
    c->n_restarts = c->n_restarting = c->n_running = 0;
    options(c, parallelism, &opts);
    checkpoints(c, &opts);
    opts.batch_rows = 4;
    opts.checkpoint_every_us = 500;
    backend(c, rocksdb, &opts);
    opts.latest = latest;
    opts.state = state;
    rt_restart_defaults(&opts.restart, RT_RESTART_FIXED_DELAY);
    opts.restart.attempts = attempts;
    opts.restart.delay_us = 1000;
    enum cep_rc rc = run(c, &opts, stats, err);
    rt_snap_release(&c->store.latest);
    return rc;
}

static void a_job_goes_back_by_itself(void **state) {
    static const uint32_t parallelisms[] = { 1, 2, 4 };
    struct context c = { .f = *state };
    struct base_buf want[RT_RANDOM_OUTPUTS], got[RT_RANDOM_OUTPUTS];
    struct rt_opts opts;
    struct rt_checkpoint_stats stats;
    struct cep_err err = CEP_ERR_INIT;
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        base_buf_init(&want[i]);
        base_buf_init(&got[i]);
    }
    rt_random_events(c.f, "a.ndjson", 8000);
    rt_random_events(c.f, "b.ndjson", 8000);
    rt_random_program(c.f);
    options(&c, 1, &opts);
    assert_int_equal(run(&c, &opts, &stats, NULL), CEP_OK);
    rt_random_outputs(c.f, want);
    for (size_t p = 0; p < sizeof parallelisms / sizeof *parallelisms; p++) {
        for (int rocksdb = 0; rocksdb < (parallelisms[p] == 2 ? 2 : 1); rocksdb++) {
            assert_int_equal(run_with_restarts(&c, parallelisms[p], rocksdb, 10, &stats, &err), CEP_OK);
            assert_int_equal(stats.restarts, c.n_restarts);
            assert_int_equal(stats.n_restored, c.n_restarts);
            check_stats(&stats);
            assert_true(c.n_restarts >= (rocksdb ? 1 : 2));
            assert_int_equal(c.n_running, c.n_restarts);
            rt_random_outputs(c.f, got);
            rt_random_same_outputs(c.f, want, got, "after restarts");
        }
        /* The strategy's last word. */
        assert_int_equal(run_with_restarts(&c, parallelisms[p], false, 1, &stats, &err), CEP_EIO);
        assert_non_null(strstr(err.message, "the disk is on fire"));
        assert_int_equal(stats.restarts, 1);
        /* What would happen again is not tried again. */
        c.store.fatal = true;
        assert_int_equal(run_with_restarts(&c, parallelisms[p], false, 10, &stats, &err), CEP_EIO);
        assert_int_equal(stats.restarts, 0);
        assert_int_equal(c.n_restarting, 0);
        c.store.fatal = false;
    }
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        base_buf_release(&want[i]);
        base_buf_release(&got[i]);
    }
}

static void one_that_cannot_be_kept_is_dropped_and_counted(void **state) {
    struct context c = { .f = *state };
    struct rt_opts opts;
    struct rt_checkpoint_stats stats;
    struct cep_err err = CEP_ERR_INIT;
    rt_random_events(c.f, "a.ndjson", 3000);
    rt_random_events(c.f, "b.ndjson", 3000);
    rt_random_program(c.f);
    for (uint32_t parallelism = 1; parallelism <= 2; parallelism++) {
        c.store = (struct store){ .fail_after = 1, .retriable = true };
        options(&c, parallelism, &opts);
        backend(&c, false, &opts);
        checkpoints(&c, &opts);
        opts.batch_rows = 4;
        opts.checkpoint_every_us = 500;
        /* The last one has to be kept: nothing makes up for it. */
        assert_int_equal(run(&c, &opts, &stats, &err), CEP_EIO);
        assert_non_null(strstr(err.message, "the disk is on fire"));
        assert_int_equal(stats.complete, 1);
        assert_true(stats.failed >= 1);
        assert_non_null(strstr(stats.last_failed.failure, "the disk is on fire"));
        rt_snap_release(&c.store.latest);
    }
}

static void one_that_takes_too_long_is_dropped_and_counted(void **state) {
    struct context c = { .f = *state };
    struct rt_opts opts;
    struct rt_checkpoint_stats stats;
    rt_random_events(c.f, "a.ndjson", 3000);
    rt_random_events(c.f, "b.ndjson", 3000);
    rt_random_program(c.f);
    c.store = (struct store){ .fail_after = UINT32_MAX };
    options(&c, 4, &opts);
    checkpoints(&c, &opts);
    opts.batch_rows = 4;
    opts.checkpoint_every_us = 500;
    opts.checkpoint_timeout_us = 0;
    assert_int_equal(run(&c, &opts, &stats, NULL), CEP_OK);
    assert_true(stats.timed_out > 0);
    check_stats(&stats);
    assert_non_null(strstr(stats.last_failed.failure, "was not complete"));
    assert_int_equal(stats.last.id, c.store.latest_id);
    rt_snap_release(&c.store.latest);
}

/* After the first one there is a pause of an hour: only the one at the end is left. */
static void a_pause_keeps_them_apart(void **state) {
    struct context c = { .f = *state };
    struct rt_opts opts;
    struct rt_checkpoint_stats stats;
    rt_random_events(c.f, "a.ndjson", 3000);
    rt_random_events(c.f, "b.ndjson", 3000);
    rt_random_program(c.f);
    c.store = (struct store){ .fail_after = UINT32_MAX };
    options(&c, 2, &opts);
    checkpoints(&c, &opts);
    opts.batch_rows = 4;
    opts.checkpoint_every_us = 1;
    opts.checkpoint_pause_us = INT64_C(3600) * 1000 * 1000;
    opts.checkpoints_in_flight = 3;
    assert_int_equal(run(&c, &opts, &stats, NULL), CEP_OK);
    assert_int_equal(stats.complete, 2);
    rt_snap_release(&c.store.latest);
}

/* The first snapshot with rows under way is the last one that is kept. */
static enum cep_rc keep_flights(void *arg, uint64_t id, const struct rt_snap *snap, struct cep_err *err) {
    struct context *c = arg;
    struct store *s = &c->store;
    if (s->has_latest) {
        base_err_set(err, CEP_EIO, "the disk is on fire");
        err->retriable = false;
        return CEP_EIO;
    }
    if (rt_random_flights(snap) > 0) {
        rt_random_copy(c->f, &s->latest, snap);
        s->has_latest = true;
        s->latest_id = id;
    }
    return CEP_OK;
}

/* A snapshot of the job with rows under way. */
static void take_flights(struct context *c) {
    struct rt_opts opts;
    struct rt_checkpoint_stats stats;
    struct cep_err err = CEP_ERR_INIT;
    c->store = (struct store){ .n_kept = 0 };
    for (uint32_t attempt = 0; attempt < 50 && !c->store.has_latest; attempt++) {
        options(c, 4, &opts);
        checkpoints(c, &opts);
        opts.keep = keep_flights;
        opts.batch_rows = 2;
        opts.channel_capacity = 2;
        opts.checkpoint_every_us = 300;
        opts.alignment_timeout_us = 0;
        (void)run(c, &opts, &stats, &err);
    }
    assert_true(c->store.has_latest);
}

static enum cep_rc open_and_close(struct context *c, uint32_t parallelism, struct sto_losses *losses) {
    struct dsl_diag diag;
    struct rt_opts opts;
    struct rt_job *job = NULL;
    struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&c->f->program));
    options(c, parallelism, &opts);
    opts.restore = &c->store.latest;
    opts.losses = losses;
    enum cep_rc rc = rt_job_new(plan, &opts, &job, NULL);
    rt_job_free(job);
    plan_free(plan);
    dsl_diag_release(&diag);
    return rc;
}

static uint64_t lost_under_way(const struct sto_losses *losses) {
    uint64_t n = 0;
    for (size_t i = 0; i < losses->n; i++)
        n += strstr(losses->v[i].what, "under way") ? losses->v[i].n : 0;
    return n;
}

static void rows_under_way_find_their_places_or_are_counted(void **state) {
    struct context c = { .f = *state };
    struct sto_losses losses;
    rt_random_events(c.f, "a.ndjson", 3000);
    rt_random_events(c.f, "b.ndjson", 3000);
    rt_random_program(c.f);
    take_flights(&c);
    for (uint32_t parallelism = 1; parallelism <= 4; parallelism++) {
        sto_losses_init(&losses);
        assert_int_equal(open_and_close(&c, parallelism, &losses), CEP_OK);
        assert_int_equal(sto_losses_total(&losses), 0);
        sto_losses_release(&losses);
    }
    /* Nobody reads any of it any more. */
    base_buf_clear(&c.f->program);
    base_buf_puts(&c.f->program, RT_RANDOM_STREAM("a") RT_RANDOM_STREAM("b"));
    base_buf_puts(&c.f->program, "stream none as select k from a where v > 5;\nsink none to file (path = "
                                 "'out0.csv', append = false) format csv;\n");
    sto_losses_init(&losses);
    assert_int_equal(open_and_close(&c, 2, &losses), CEP_OK);
    assert_true(lost_under_way(&losses) > 0);
    sto_losses_release(&losses);
    rt_snap_release(&c.store.latest);
}

/* Whatever the bytes are: an error, or a job. */
static void damaged_rows_under_way_are_refused(void **state) {
    struct context c = { .f = *state };
    uint32_t n_refused = 0, left = 150; /* a job is opened for each */
    rt_random_events(c.f, "a.ndjson", 3000);
    rt_random_events(c.f, "b.ndjson", 3000);
    rt_random_program(c.f);
    take_flights(&c);
    for (size_t i = 0; i < c.store.latest.n; i++) {
        struct base_buf *b = &c.store.latest.parts[i]->bytes;
        struct sto_part_head head;
        struct base_unpack entries;
        assert_int_equal(sto_part_open(base_buf_view(b), &head, &entries, NULL), CEP_OK);
        if (!base_str_eq(head.kind, BASE_STR("channel")))
            continue;
        for (uint32_t k = 0; k < 30 && left > 0; k++, left--) {
            size_t at = rt_random_below(c.f, (uint32_t)b->len);
            char was = b->p[at];
            b->p[at] = (char)rt_random_below(c.f, 256);
            n_refused += open_and_close(&c, 1 + k % 4, NULL) != CEP_OK;
            b->p[at] = was;
        }
    }
    assert_true(n_refused > 0);
    rt_snap_release(&c.store.latest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_failed_job_goes_on_at_any_parallelism, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(a_job_goes_back_by_itself, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(
            one_that_cannot_be_kept_is_dropped_and_counted, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(
            one_that_takes_too_long_is_dropped_and_counted, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(a_pause_keeps_them_apart, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(
            rows_under_way_find_their_places_or_are_counted, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(
            damaged_rows_under_way_are_refused, rt_random_set_up, rt_random_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
