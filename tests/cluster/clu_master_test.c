/*
 * clu_master_test -- one job of a coordinator, with workers that say what the test says: deployed, checkpointed, a region that fails apart, fencing of
 * a worker that may still be there, and the next coordinator.
 */
#include "tests/cluster/clu_msgs.h"

#include "cluster/clu_master.h"
#include "connect/con.h"
#include "runtime/rt_exec.h"

#include <stdlib.h>

#define KIND(name) CLU__MSG__BODY_##name

/* Of two tasks each: one slot has the one, the other slot the other. */
#define PROGRAM                                                                     \
    "stream a (x int) from generate (rows = 10, x = 'sequence') processing time;\n" \
    "stream b (x int) from generate (rows = 10, x = 'sequence') processing time;\n" \
    "sink a to file (path = 'a.out') format json;\n"                                \
    "sink b to file (path = 'b.out') format json;\n"

enum { A = 0, B = 1, WORKERS = 3, TASKS_MAX = 16, TIMEOUT_US = 1500 * 1000 };

struct fix;

/* What a worker's process would be: an end of a link. */
struct worker {
    struct fix *fix;
    char name[2], address[32];
    struct clu_link *link; /* NULL: not there */
    struct clu_msgs came;
};

struct fix {
    char dir[64], address[32];
    struct base_arena arena;
    struct clu_config config;
    struct clu_masters all;
    struct clu_loop *loop;
    struct clu_link_server *server;
    struct worker workers[WORKERS];
    struct clu_record record;
    struct clu_spec spec;
    _Atomic(struct clu_master *) m;
    uint32_t n_tasks, region[TASKS_MAX];
};

/* -- the coordinator's end of links, as clu_coordinator.c has it -------------------------------------------------------------- */

static void on_up(void *arg, struct clu_link *link, const Clu__Hello *hello, const Clu__Welcome *welcome) {
    struct fix *f = arg;
    const struct clu_worker_info info = {
        .id = hello->worker, .host = "h", .address = hello->data_address, .slots = hello->slots, .link = link
    };
    (void)welcome;
    clu_link_set_user(link, base_strdup(hello->worker));
    clu_resources_add(f->all.resources, &info);
    if (atomic_load(&f->m))
        clu_master_came(atomic_load(&f->m), hello->worker, hello->data_address, link);
}

static void on_message(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    struct fix *f = arg;
    if (msg->part && atomic_load(&f->m))
        clu_master_heard(atomic_load(&f->m), clu_link_user(link), msg);
}

static void on_down(void *arg, struct clu_link *link, bool was_up, const struct cep_err *why) {
    struct fix *f = arg;
    char *name = clu_link_user(link);
    (void)was_up;
    if (!name)
        return;
    clu_link_set_user(link, NULL);
    clu_resources_remove(f->all.resources, name);
    if (atomic_load(&f->m))
        clu_master_lost(atomic_load(&f->m), name, clu_link_heard_us(link), clu_link_is_dead(link), why);
    base_free(name);
}

/* -- workers -------------------------------------------------------------------------------------------------------------------- */

static void on_told(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    (void)link;
    clu_msgs_add(&((struct worker *)arg)->came, msg);
}

/* Its rows would come to the coordinator's own port: somebody listens there, so it does not look dead. */
static struct worker *come(struct fix *f, int i) {
    struct worker *w = &f->workers[i];
    const struct clu_link_opts opts = { .fns = { .message = on_told }, .arg = w };
    struct clu_link_client me = { .worker = w->name, .data_address = w->address, .host = "h", .slots = 1 };
    struct clu_slot_counts before;
    clu_resources_count(f->all.resources, &before);
    w->fix = f;
    w->name[0] = (char)('a' + i);
    (void)snprintf(w->address, sizeof w->address, "127.0.0.%d:%u", i + 1, clu_link_server_port(f->server));
    assert_int_equal(clu_link_connect(f->loop, f->address, &me, &opts, &w->link, NULL), CEP_OK);
    KIT_WAIT(clu_link_is_up(w->link));
    struct clu_slot_counts now;
    KIT_WAIT((clu_resources_count(f->all.resources, &now), now.total == before.total + 1));
    return w;
}

static void say(struct worker *w, uint32_t region, uint32_t attempt, Clu__Msg *msg) {
    Clu__Part part = CLU__PART__INIT;
    part.job = w->fix->record.id;
    part.region = region;
    part.attempt = attempt;
    msg->part = &part;
    assert_true(clu_link_send(w->link, msg));
}

static void say_ready(struct worker *w, uint32_t region, uint32_t attempt) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Ready r = CLU__READY__INIT;
    msg.body_case = KIND(READY);
    msg.ready = &r;
    say(w, region, attempt, &msg);
}

static void say_cancelled(struct worker *w, uint32_t region, uint32_t attempt, bool all) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Cancelled c = CLU__CANCELLED__INIT;
    c.all_regions = all;
    msg.body_case = KIND(CANCELLED);
    msg.cancelled = &c;
    say(w, region, attempt, &msg);
}

static void say_failed(struct worker *w, uint32_t region, uint32_t attempt) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Failed failed = CLU__FAILED__INIT;
    Clu__Error error = CLU__ERROR__INIT;
    error.rc = CEP_EIO;
    error.message = "the disk is full";
    error.hint = "";
    error.retriable = true;
    failed.error = &error;
    msg.body_case = KIND(FAILED);
    msg.failed = &failed;
    say(w, region, attempt, &msg);
}

/* Of all tasks of the region. */
static void say_saved(struct worker *w, uint32_t region, uint32_t attempt, uint64_t id) {
    for (uint32_t t = 0; t < w->fix->n_tasks; t++) {
        Clu__Msg msg = CLU__MSG__INIT;
        Clu__Saved s = CLU__SAVED__INIT;
        s.task = t;
        s.id = id;
        msg.body_case = KIND(SAVED);
        msg.saved = &s;
        if (w->fix->region[t] == region)
            say(w, region, attempt, &msg);
    }
}

/* Deployed there: the region's tasks, all of them, and nowhere else. */
static void expect_deploy(struct worker *w, uint32_t region, uint32_t attempt) {
    Clu__Msg *msg = clu_msgs_take(&w->came, KIND(DEPLOY), region, attempt);
    assert_int_equal(msg->deploy->n_placement, w->fix->n_tasks);
    assert_int_equal(msg->deploy->n_peers, 1);
    assert_string_equal(msg->deploy->peers[0]->worker, w->name);
    assert_string_equal(msg->part->job, w->fix->record.id);
    clu__msg__free_unpacked(msg, NULL);
}

/* -- the job ---------------------------------------------------------------------------------------------------------------------- */

static void on_log(void *arg, enum con_level level, const char *text) {
    (void)arg, (void)level, (void)text;
}

static struct plan *compile(struct fix *f) {
    struct dsl_diag diag;
    struct plan *plan = NULL;
    dsl_diag_init(&diag);
    assert_int_equal(clu_spec_compile(&f->spec, con_catalog(), &diag, &plan), CEP_OK);
    dsl_diag_release(&diag);
    return plan;
}

static void find_tasks(struct fix *f) {
    struct plan *plan = compile(f);
    struct plan_job *graph = plan_job_new(plan, 2);
    struct rt_exec x;
    rt_exec_init(&x, graph);
    assert_int_equal(x.n_regions, 2);
    assert_true(x.n_tasks <= TASKS_MAX);
    f->n_tasks = x.n_tasks;
    for (uint32_t t = 0; t < x.n_tasks; t++)
        f->region[t] = x.tasks[t].region;
    rt_exec_release(&x);
    plan_job_free(graph);
    plan_free(plan);
}

static void set(struct fix *f, const char *key, const char *value) {
    clu_pairs_add(&f->spec.settings, &f->spec.arena, base_str_of(key), base_str_of(value));
}

static void begin(struct fix *f) {
    struct clu_master *m;
    assert_int_equal(clu_master_new(&f->all, &f->spec, compile(f), &f->record, &m, NULL), CEP_OK);
    atomic_store(&f->m, m);
    assert_int_equal(clu_master_start(m, NULL), CEP_OK);
}

static void forget(void *arg) {
    atomic_store(&((struct fix *)arg)->m, NULL);
}

/* As the process ends: workers know nothing of it. */
static void end(struct fix *f) {
    struct clu_master *m = atomic_load(&f->m);
    if (!m)
        return;
    clu_master_stop(m);
    clu_loop_call(f->loop, forget, f); /* nobody is in it any more */
    clu_master_free(m);
}

static int set_up(void **state) {
    struct fix *f = base_calloc(1, sizeof *f);
    const struct clu_link_opts opts = { .fns = { .up = on_up, .message = on_message, .down = on_down },
        .arg = f,
        .heartbeat_interval_us = 100 * 1000,
        .heartbeat_timeout_us = TIMEOUT_US };
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/clu_master_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    base_arena_init(&f->arena, 0);
    clu_config_init(&f->config, &f->arena);
    f->config.values[CLU_CFG_HB_TIMEOUT] = "1500 ms";
    f->all = (struct clu_masters){
        .resources = clu_resources_new(), .config = &f->config, .state_dir = f->dir, .log = on_log
    };
    assert_int_equal(clu_registry_open(f->dir, &f->all.registry, NULL), CEP_OK);
    for (int i = 0; i < WORKERS; i++)
        clu_msgs_init(&f->workers[i].came);
    f->loop = kit_loop();
    assert_int_equal(clu_link_listen(f->loop, "0.0.0.0:0", &opts, &f->server, NULL), CEP_OK);
    (void)snprintf(f->address, sizeof f->address, "127.0.0.1:%u", clu_link_server_port(f->server));
    clu_spec_init(&f->spec);
    clu_spec_add_file(&f->spec, "p.pattern", BASE_STR(PROGRAM));
    f->spec.main = f->spec.name = "p.pattern";
    f->spec.base_dir = f->dir;
    f->spec.parallelism = 2;
    set(f, "checkpoint.interval", "0 s");
    set(f, "restart.strategy", "fixed-delay");
    set(f, "restart.delay", "10 ms");
    set(f, "restart.attempts", "100");
    (void)snprintf(f->record.id, sizeof f->record.id, "0123456789abcdef0123456789abcdef");
    find_tasks(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fix *f = *state;
    char cmd[96];
    for (int i = 0; i < WORKERS; i++)
        clu_link_close(
            f->workers[i].link); /* nobody says what became of the last attempt: its lease runs out */
    end(f);
    for (int i = 0; i < WORKERS; i++)
        clu_msgs_release(&f->workers[i].came);
    clu_link_server_close(f->server);
    clu_loop_stop(f->loop);
    clu_resources_free(f->all.resources);
    clu_registry_close(f->all.registry);
    clu_record_release(&f->record);
    clu_spec_release(&f->spec);
    base_arena_release(&f->arena);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", f->dir);
    assert_int_equal(system(cmd), 0);
    base_free(f);
    return 0;
}

static bool is(struct fix *f, enum rt_state state) {
    return clu_job_state_now(clu_master_shown(atomic_load(&f->m))) == state;
}

/* Region A on worker 0, B on worker 1, both in attempt 1; the first checkpoint is complete. */
static void run(struct fix *f) {
    struct worker *a = come(f, 0), *b = come(f, 1);
    begin(f);
    expect_deploy(a, A, 1);
    expect_deploy(b, B, 1);
    say_ready(a, A, 1);
    assert_false(clu_msgs_has(&a->came, KIND(BARRIER), A, 1)); /* not before all are ready */
    say_ready(b, B, 1);
    clu_msgs_wait(&a->came, KIND(BARRIER), A, 1);
    clu_msgs_wait(&b->came, KIND(BARRIER), B, 1);
    say_saved(a, A, 1, 1);
    assert_false(clu_msgs_has(&a->came, KIND(COMPLETE), A, 1));
    say_saved(b, B, 1, 1);
    clu_msgs_wait(&a->came, KIND(COMPLETE), A, 1);
    clu_msgs_wait(&b->came, KIND(COMPLETE), B, 1);
    clu_msgs_wait(&a->came, KIND(START), A, 1);
    clu_msgs_wait(&b->came, KIND(START), B, 1);
    KIT_WAIT(is(f, RT_STATE_RUNNING));
}

/* -- tests -------------------------------------------------------------------------------------------------------------------------- */

static void a_region_that_fails_is_deployed_again_alone(void **state) {
    struct fix *f = *state;
    run(f);
    struct worker *a = &f->workers[0], *b = &f->workers[1];
    say_failed(b, B, 1);
    clu_msgs_wait(&b->came, KIND(CANCEL), B, 1);
    KIT_WAIT(is(f, RT_STATE_RESTARTING));
    assert_false(clu_msgs_has(&b->came, KIND(DEPLOY), B, 2)); /* the one before may still write */
    say_cancelled(b, B, 1, false);
    expect_deploy(b, B, 2);
    say_ready(b, B, 2);
    clu_msgs_wait(&b->came, KIND(START), B, 2);
    KIT_WAIT(is(f, RT_STATE_RUNNING));
    say_failed(b, B, 1); /* long over */
    say_failed(a, B, 2); /* not where it is, but its attempt: it counts */
    clu_msgs_wait(&b->came, KIND(CANCEL), B, 2);
    assert_int_equal(a->came.n, 0);
}

static void a_failure_of_both_regions_is_one_of_each(void **state) {
    struct fix *f = *state;
    run(f);
    struct worker *a = &f->workers[0], *b = &f->workers[1];
    say_failed(a, A, 1);
    clu_msgs_wait(&a->came, KIND(CANCEL), A, 1);
    say_failed(b, B, 1); /* meanwhile */
    say_cancelled(a, A, 1, false);
    expect_deploy(a, A, 2);
    say_ready(a, A, 2);
    clu_msgs_wait(&a->came, KIND(START), A, 2);
    clu_msgs_wait(&b->came, KIND(CANCEL), B, 1);
    say_cancelled(b, B, 1, false);
    expect_deploy(b, B, 3);
    say_ready(b, B, 3);
    clu_msgs_wait(&b->came, KIND(START), B, 3);
    KIT_WAIT(is(f, RT_STATE_RUNNING));
}

static void who_may_still_write_is_waited_for(void **state) {
    struct fix *f = *state;
    run(f);
    struct worker *b = &f->workers[1], *c = come(f, 2);
    int64_t at = clk_mono(clk_system());
    clu_link_close(b->link); /* its process may be there: somebody listens at its address */
    b->link = NULL;
    expect_deploy(c, B, 2);
    assert_true(clk_mono(clk_system()) - at >=
                TIMEOUT_US - 200 * 1000); /* it was heard of up to an interval before */
    say_ready(c, B, 2);
    clu_msgs_wait(&c->came, KIND(START), B, 2);
    KIT_WAIT(is(f, RT_STATE_RUNNING));
    assert_int_equal(f->workers[0].came.n, 0);
}

/* The number of the attempt and its workers are in the registry: what they run is ended first. */
static void the_next_coordinator_ends_what_there_is(void **state) {
    struct fix *f = *state;
    run(f);
    struct worker *a = &f->workers[0], *b = &f->workers[1];
    clu_link_close(a->link);
    clu_link_close(b->link);
    end(f);
    f->config.values[CLU_CFG_HB_TIMEOUT] =
        "8 s"; /* the leases of before, as far as the next one knows: longer than this test */
    f->record.attempt = 1;
    clu_record_add_worker(&f->record, "a", a->address);
    clu_record_add_worker(&f->record, "b", b->address);
    begin(f);
    a = come(f, 0), b = come(f, 1);
    Clu__Msg *msg = clu_msgs_take(&a->came, KIND(CANCEL), 0, 1);
    assert_true(msg->cancel->all_regions);
    clu__msg__free_unpacked(msg, NULL);
    clu_msgs_wait(&b->came, KIND(CANCEL), 0, 1);
    say_cancelled(a, 0, 1, true);
    usleep(200 * 1000);
    assert_int_equal(clu_msgs_count(&a->came, KIND(DEPLOY)), 0);
    say_cancelled(b, 0, 1, true);
    KIT_WAIT(clu_msgs_count(&a->came, KIND(DEPLOY)) + clu_msgs_count(&b->came, KIND(DEPLOY)) == 2);
    assert_true(clu_msgs_has(&a->came, KIND(DEPLOY), A, 2) || clu_msgs_has(&b->came, KIND(DEPLOY), A, 2));
}

static void a_cancel_ends_all_regions(void **state) {
    struct fix *f = *state;
    run(f);
    const struct clu_rest_args args = { .id = base_str_of(f->record.id) };
    struct base_buf out = BASE_BUF_INIT;
    assert_int_equal(clu_master_call(atomic_load(&f->m), CLU_REST_CANCEL, &args, &out, NULL), CEP_OK);
    clu_msgs_wait(&f->workers[0].came, KIND(STOP), A, 1);
    clu_msgs_wait(&f->workers[1].came, KIND(STOP), B, 1);
    say_failed(&f->workers[1], B, 1); /* what fails on the way is no failure of the job */
    clu_msgs_wait(&f->workers[0].came, KIND(CANCEL), A, 1);
    clu_msgs_wait(&f->workers[1].came, KIND(CANCEL), B, 1);
    say_cancelled(&f->workers[0], A, 1, false);
    say_cancelled(&f->workers[1], B, 1, false);
    KIT_WAIT(is(f, RT_STATE_CANCELLED));
    base_buf_release(&out);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_region_that_fails_is_deployed_again_alone),
        TEST(a_failure_of_both_regions_is_one_of_each),
        TEST(who_may_still_write_is_waited_for),
        TEST(the_next_coordinator_ends_what_there_is),
        TEST(a_cancel_ends_all_regions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
