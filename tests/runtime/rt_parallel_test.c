/*
 * Jobs of any parallelism give the same: the same rows, and for each key in the same order. Random patterns and a fixed
 * program with everything that exchanges rows (keys of two kinds, a pattern on a pattern, identities of an alert's own,
 * resolve when, union all, timeouts, late rows) over random events, with random batch sizes and channels of random
 * capacity. Run under the thread sanitizer too.
 *
 * A short run by default; CEP_RANDOM_ROUNDS=200 CEP_RANDOM_SEED=7 for more and others.
 */
#include "runtime/rt_job.h"

#include "base/base_mem.h"
#include "runtime/rt_exec.h"
#include "tests/runtime/rt_random.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void run(struct rt_random *f, uint32_t parallelism, struct rt_totals *totals) {
    struct dsl_diag diag;
    struct rt_opts opts;
    struct rt_job *job = NULL;
    struct cep_err err = CEP_ERR_INIT;
    struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&f->program));
    rt_opts_init(&opts);
    opts.base_dir = f->dir;
    opts.parallelism = parallelism;
    opts.batch_rows = 1 + rt_random_below(f, rt_random_below(f, 2) ? 1024 : 50);
    opts.channel_capacity = 2 + rt_random_below(f, 64);
    enum cep_rc rc = rt_job_new(plan, &opts, &job, &err);
    if (rc == CEP_OK)
        rc = rt_job_run(job, &err);
    if (rc != CEP_OK)
        print_error("%s\n%s\n", err.message, base_buf_cstr(&f->program));
    assert_int_equal(rc, CEP_OK);
    rt_job_totals(job, totals);
    rt_job_free(job);
    plan_free(plan);
    dsl_diag_release(&diag);
}

/* Returns: the matches there were. */
static uint64_t same_at_any_parallelism(struct rt_random *f, uint32_t n_outputs) {
    struct base_buf one[RT_RANDOM_OUTPUTS] = { BASE_BUF_INIT }, many = BASE_BUF_INIT;
    struct rt_totals want, got;
    char name[32];
    static const uint32_t parallelisms[] = { 1, 2, 3, 4, 8 };
    for (size_t p = 0; p < sizeof parallelisms / sizeof *parallelisms; p++) {
        run(f, parallelisms[p], p == 0 ? &want : &got);
        for (uint32_t i = 0; i < n_outputs; i++) {
            (void)snprintf(name, sizeof name, "out%u.csv", i);
            rt_random_output(f, name, p == 0 ? &one[i] : &many);
            if (p > 0 && strcmp(base_buf_cstr(&one[i]), base_buf_cstr(&many)) != 0) {
                print_error(
                    "%s\nparallelism %u, output %u\n", base_buf_cstr(&f->program), parallelisms[p], i);
                assert_string_equal(base_buf_cstr(&many), base_buf_cstr(&one[i]));
            }
        }
        if (p == 0)
            continue;
        assert_int_equal(got.events, want.events);
        assert_int_equal(got.matches, want.matches);
        assert_int_equal(got.alerts, want.alerts);
        assert_int_equal(got.late, want.late);
        assert_int_equal(got.errors, want.errors);
        assert_int_equal(got.suppressed, want.suppressed);
        assert_int_equal(got.timed_out, want.timed_out);
        assert_int_equal(got.watermark, EVT_TIME_MAX);
    }
    for (uint32_t i = 0; i < n_outputs; i++)
        base_buf_release(&one[i]);
    base_buf_release(&many);
    return want.matches;
}

#define OUT(what, n) "sink " what " to file (path = 'out" n ".csv', append = false) format csv;\n"

#define PLACED                                                                \
    "parallelism 3: 7 vertices, 13 tasks, a thread each\n"                    \
    "vertex 0, 1 subtask\n"                                                   \
    "  source a\n"                                                            \
    "  => a to vertex 2, gather: select both, pattern any\n"                  \
    "  => a to vertex 3, hash by k: pattern rising\n"                         \
    "  => a.late to vertex 6, gather: sink a_late_sink_1\n"                   \
    "vertex 1, 1 subtask\n"                                                   \
    "  source b\n"                                                            \
    "  => b to vertex 2, gather: select both\n"                               \
    "  => b to vertex 3, hash by k: pattern rising\n"                         \
    "vertex 2, 1 subtask\n"                                                   \
    "  select both\n"                                                         \
    "  pattern any\n"                                                         \
    "  => both to vertex 4, hash by k, g: pattern quiet, alert lost\n"        \
    "  => any to vertex 6, gather: sink any_sink_1\n"                         \
    "vertex 3, 3 subtasks\n"                                                  \
    "  pattern rising\n"                                                      \
    "  => rising to vertex 4, hash by g: pattern busy, alert hot\n"           \
    "  => rising.timeouts to vertex 6, gather: sink rising_timeouts_sink_1\n" \
    "vertex 4, 3 subtasks\n"                                                  \
    "  pattern busy\n"                                                        \
    "    -> select again\n"                                                   \
    "  pattern quiet\n"                                                       \
    "    -> alert lost\n"                                                     \
    "    -> select told\n"                                                    \
    "  select again\n"                                                        \
    "  alert hot\n"                                                           \
    "  alert lost\n"                                                          \
    "  select told\n"                                                         \
    "  => told to vertex 5, hash by g: alert repeated\n"                      \
    "  => again to vertex 6, gather: sink again_sink_1\n"                     \
    "  => hot to vertex 6, gather: sink hot_sink_1\n"                         \
    "  => lost to vertex 6, gather: sink lost_sink_1\n"                       \
    "vertex 5, 3 subtasks\n"                                                  \
    "  alert repeated\n"                                                      \
    "  => repeated to vertex 6, gather: sink repeated_sink_1\n"               \
    "vertex 6, 1 subtask\n"                                                   \
    "  sink again_sink_1 (file)\n"                                            \
    "  sink hot_sink_1 (file)\n"                                              \
    "  sink lost_sink_1 (file)\n"                                             \
    "  sink any_sink_1 (file)\n"                                              \
    "  sink a_late_sink_1 (file)\n"                                           \
    "  sink repeated_sink_1 (file)\n"                                         \
    "  sink rising_timeouts_sink_1 (file)\n"

static void everything(struct rt_random *f) {
    base_buf_puts(&f->program,
        RT_RANDOM_STREAM("a") RT_RANDOM_STREAM(
            "b") "stream both as select k, g, v, at from a where v < 90 union all select k, g, v, at from "
                 "b;\n"
                 "pattern rising from a, b partition by k match x -> y -> z\n"
                 "  define x as a where v < 30, y as b where v > last(x.v), z as v > last(y.v)\n"
                 "  within 4 s after match no skip\n"
                 "  measures k as k, x.g as g, last(z.v) as top, match_number() as n, match_id() as id;\n"
                 "pattern busy from rising partition by g match r{3,5} consecutive define r as top > 40\n"
                 "  within 5 s measures g as g, count(r) as n, first(r.k) as first, last(r.k) as then;\n"
                 "pattern quiet from both partition by k, g match x -> !y define x as v > 80, y as v < 60\n"
                 "  within 2 s measures k as k, g as g, x.v as v;\n"
                 "pattern any from a match p q define p as v = 7, q as v > 90 measures p.k as k, q.k as "
                 "then;\n"
                 "stream again as select g, first, n from busy where n >= 3;\n"
                 "alert hot on rising where top > 60 by g suppress for 3 s;\n"
                 "alert lost on quiet resolve when both where v = 50;\n"
                 "stream told as select k, v, g from quiet where v > 85;\n"
                 "alert repeated on told by g suppress for 1 s;\n" OUT("again", "0") OUT("hot", "1")
                     OUT("lost", "2") OUT("any", "3")
                         OUT("a.late", "4") "sink repeated to file (path = 'x.csv', append = false) "
                                            "format csv; sink rising.timeouts to file (path = "
                                            "'y.csv', append = false) format csv;\n");
}

static void operators_are_placed_by_what_they_need(void **state) {
    struct rt_random *f = *state;
    struct dsl_diag diag;
    struct base_buf text = BASE_BUF_INIT;
    everything(f);
    struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&f->program));
    struct plan_job *one = plan_job_new(plan, 1), *three = plan_job_new(plan, 3);
    plan_job_write(&text, three);
    assert_string_equal(base_buf_cstr(&text), PLACED);
    assert_int_equal(one->n_vertices, 1);
    assert_int_equal(one->n_exchanges, 0);

    struct rt_exec x;
    rt_exec_init(&x, three);
    assert_int_equal(x.n_tasks, x.first_task[three->n_vertices - 1] + 1);
    for (uint32_t i = 0; i < x.n_channels; i++)
        assert_true(x.channels[i].from < x.channels[i].to);
    for (uint32_t v = 0; v < three->n_vertices; v++) {
        uint32_t groups = 0;
        for (uint32_t s = 0; s < three->vertices[v].parallelism; s++) {
            assert_int_equal(x.tasks[x.first_task[v] + s].groups.first, groups);
            groups += x.tasks[x.first_task[v] + s].groups.n;
        }
        assert_int_equal(groups, STO_KEY_GROUPS);
    }
    rt_exec_release(&x);
    plan_job_free(one);
    plan_job_free(three);
    plan_free(plan);
    dsl_diag_release(&diag);
    base_buf_release(&text);
}

/* Until one end, or one stream, makes them one. */
static void statements_that_have_nothing_to_do_with_each_other_are_regions(void **state) {
    static const struct {
        const char *sinks;
        uint32_t n_regions;
    } cases[] = {
        { "sink p to file (path = 'out0.csv') format csv; sink q to file (path = 'out1.csv') format csv;\n",
            2 },
        { "sink p to stdout format csv; sink q to file (path = 'out1.csv') format csv;\n", 2 },
        { "sink p to stdout format csv; sink q to stdout format json;\n", 1 },
        { "stream m as select v from p union all select v from q; sink m to stdout format csv;\n", 1 },
    };
    struct rt_random *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dsl_diag diag;
        struct rt_exec one, three;
        base_buf_clear(&f->program);
        base_buf_puts(&f->program,
            RT_RANDOM_STREAM("a") RT_RANDOM_STREAM("b") "pattern p from a partition by k match x "
                                                        "define x as v > 5 measures x.v as v;\n"
                                                        "pattern q from b partition by k match x "
                                                        "define x as v > 5 measures x.v as v;\n");
        base_buf_puts(&f->program, cases[i].sinks);
        struct plan *plan = rt_kit_compile(&diag, base_buf_cstr(&f->program));
        struct plan_job *j1 = plan_job_new(plan, 1), *j3 = plan_job_new(plan, 3);
        rt_exec_init(&one, j1);
        rt_exec_init(&three, j3);
        assert_int_equal(one.n_regions, 1);
        assert_int_equal(three.n_regions, cases[i].n_regions);
        for (uint32_t c = 0; c < three.n_channels; c++)
            assert_int_equal(
                three.tasks[three.channels[c].from].region, three.tasks[three.channels[c].to].region);
        for (uint32_t t = 0; t < three.n_tasks; t++) /* named by their lowest vertex */
            assert_int_equal(three.tasks[t].region != 0, j3->vertices[three.tasks[t].vertex].component != 0);
        rt_exec_release(&one);
        rt_exec_release(&three);
        plan_job_free(j1);
        plan_job_free(j3);
        plan_free(plan);
        dsl_diag_release(&diag);
    }
}

static void exchanges_change_nothing(void **state) {
    struct rt_random *f = *state;
    everything(f);
    rt_random_events(f, "a.ndjson", 3000);
    rt_random_events(f, "b.ndjson", 2000);
    assert_true(same_at_any_parallelism(f, 5) > 500);
}

static void random_patterns_change_nothing(void **state) {
    struct rt_random *f = *state;
    const char *rounds = getenv("CEP_RANDOM_ROUNDS"), *seed = getenv("CEP_RANDOM_SEED");
    long n = rounds ? strtol(rounds, NULL, 10) : 3;
    f->random = seed ? strtoull(seed, NULL, 10) : 1;
    uint64_t matches = 0;
    for (long round = 0; round < n; round++) {
        rt_random_events(f, "a.ndjson", 200 + rt_random_below(f, 600));
        rt_random_events(f, "b.ndjson", 200 + rt_random_below(f, 600));
        base_buf_clear(&f->program);
        base_buf_puts(&f->program, RT_RANDOM_STREAM("a") RT_RANDOM_STREAM("b"));
        for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
            rt_random_pattern(f, i);
            base_buf_printf(
                &f->program, "sink p%u to file (path = 'out%u.csv', append = false) format csv;\n", i, i);
        }
        matches += same_at_any_parallelism(f, RT_RANDOM_OUTPUTS);
    }
    assert_true(matches > 100 * (uint64_t)n);
}

static void failures_are_told_by_name(void **state) {
    struct rt_random *f = *state;
    struct dsl_diag diag;
    struct rt_opts opts;
    struct rt_job *job = NULL;
    struct cep_err err = CEP_ERR_INIT;
    rt_random_events(f, "a.ndjson", 3000);
    struct plan *plan = rt_kit_compile(&diag,
        RT_RANDOM_STREAM(
            "a") "pattern p from a partition by k match x y* z define x as v < 50, y as v < 10, z as v > "
                 "50 within 1 s after match skip to first y or error measures k as k;\n" OUT("p", "0"));
    rt_opts_init(&opts);
    opts.base_dir = f->dir;
    opts.parallelism = 4;
    opts.batch_rows = 16;
    opts.channel_capacity = 2;
    assert_int_equal(rt_job_new(plan, &opts, &job, &err), CEP_OK);
    assert_int_equal(rt_job_run(job, &err), CEP_ESTATE);
    assert_non_null(strstr(err.message, "pattern \"p\""));
    rt_job_free(job);
    plan_free(plan);
    dsl_diag_release(&diag);
}

static void stop_soon(void *arg, struct rt_job *job) {
    (void)arg;
    rt_job_stop(job);
}

static void a_stop_ends_all_tasks(void **state) {
    struct rt_random *f = *state;
    struct dsl_diag diag;
    struct rt_opts opts;
    struct rt_job *job = NULL;
    rt_random_events(f, "a.ndjson", 500);
    struct plan *plan = rt_kit_compile(&diag,
        "stream a (k string, g int, v int, at timestamp) from file (path = 'a.ndjson', follow = true) format "
        "json event time at watermark delay 500 ms;"
        "pattern p from a partition by k match x -> y define x as v < 50, y as v > 50 within 1 s measures k "
        "as k;\n" OUT("p", "0"));
    rt_opts_init(&opts);
    opts.base_dir = f->dir;
    opts.parallelism = 4;
    opts.progress = stop_soon;
    opts.progress_every_us = 200 * 1000;
    assert_int_equal(rt_job_new(plan, &opts, &job, NULL), CEP_OK);
    assert_int_equal(rt_job_run(job, NULL), CEP_EINTERRUPTED);
    struct rt_totals t;
    rt_job_totals(job, &t);
    assert_int_equal(t.events, 500);
    assert_true(t.matches > 0);
    rt_job_free(job);
    plan_free(plan);
    dsl_diag_release(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            operators_are_placed_by_what_they_need, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(statements_that_have_nothing_to_do_with_each_other_are_regions,
            rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(exchanges_change_nothing, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(
            random_patterns_change_nothing, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(failures_are_told_by_name, rt_random_set_up, rt_random_tear_down),
        cmocka_unit_test_setup_teardown(a_stop_ends_all_tasks, rt_random_set_up, rt_random_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
