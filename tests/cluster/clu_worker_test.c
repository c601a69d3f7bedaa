/*
 * clu_worker_test -- a worker and its parts, with a coordinator that says what the test says: from deploy to cancel, mistakes, regions and attempts
 * apart, and the end of the link.
 */
#include "tests/cluster/clu_msgs.h"

#include "cluster/clu_spec.h"
#include "cluster/clu_worker.h"
#include "connect/con.h"
#include "runtime/rt_exec.h"
#include "state/sto_path.h"

#include <stdlib.h>

#define KIND(name) CLU__MSG__BODY_##name

/* Two streams that have nothing to do with each other: a ends, b goes on and on. */
#define PROGRAM                                                                                      \
    "stream a (x int) from file (path = 'a.ndjson') format json processing time;\n"                  \
    "stream b (x int) from generate (rows = 1000000, rate = 100, x = 'sequence') processing time;\n" \
    "sink a to file (path = 'a.out') format json delivery exactly once;\n"                           \
    "sink b to file (path = 'b.out') format json;\n"

enum { A = 0, B = 1, TASKS_MAX = 16 };

struct fix {
    char dir[64], database[96];
    struct base_arena arena;
    struct clu_config config;
    struct clu_loop *loop;
    struct clu_link_server *server;
    _Atomic(struct clu_link *) link; /* to the worker */
    struct clu_worker *worker;
    struct clu_msgs came;
    atomic_uint n_reports;
    uint32_t n_tasks, region[TASKS_MAX];
};

static void on_up(void *arg, struct clu_link *link, const Clu__Hello *hello, const Clu__Welcome *welcome) {
    struct fix *f = arg;
    (void)welcome;
    assert_int_equal(hello->slots, 3);
    atomic_store(&f->link, link);
}

static void on_message(void *arg, struct clu_link *link, const Clu__Msg *msg) {
    struct fix *f = arg;
    (void)link;
    if (msg->body_case == KIND(REPORT))
        atomic_fetch_add(&f->n_reports, 1);
    clu_msgs_add(&f->came, msg);
}

static struct plan *compile_text(const char *text) {
    struct clu_spec spec;
    struct dsl_diag diag;
    struct plan *plan = NULL;
    clu_spec_init(&spec);
    dsl_diag_init(&diag);
    clu_spec_add_file(&spec, "p.pattern", base_str_of(text));
    spec.main = "p.pattern";
    spec.base_dir = "/";
    assert_int_equal(clu_spec_compile(&spec, con_catalog(), &diag, &plan), CEP_OK);
    dsl_diag_release(&diag);
    clu_spec_release(&spec);
    return plan;
}

static enum cep_rc compile(void *arg, const Clu__Deploy *d, struct plan **out, struct cep_err *err) {
    (void)arg;
    if (d->plan_hash == 1)
        return base_err_set(err, CEP_ESTATE, "another plan");
    char *text = base_strndup((const char *)d->files[0]->text.data, d->files[0]->text.len);
    *out = compile_text(text);
    base_free(text);
    return CEP_OK;
}

static void on_log(void *arg, enum con_level level, const char *text) {
    (void)arg, (void)level, (void)text;
}

static void find_tasks(struct fix *f) {
    struct plan *plan = compile_text(PROGRAM);
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

static int set_up(void **state) {
    struct fix *f = base_calloc(1, sizeof *f);
    const struct clu_link_opts opts = { .fns = { .up = on_up, .message = on_message },
        .arg = f,
        .heartbeat_interval_us = 100 * 1000,
        .heartbeat_timeout_us = 2 * 1000 * 1000 };
    char address[32], path[96];
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/clu_worker_XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(path, sizeof path, "%s/a.ndjson", f->dir);
    assert_int_equal(sto_path_write(path, BASE_STR("{\"x\":1}\n{\"x\":2}\n"), NULL), CEP_OK);
    clu_msgs_init(&f->came);
    find_tasks(f);
    f->loop = kit_loop();
    assert_int_equal(clu_link_listen(f->loop, "127.0.0.1:0", &opts, &f->server, NULL), CEP_OK);
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", clu_link_server_port(f->server));
    (void)snprintf(f->database, sizeof f->database, "%s/db", f->dir);
    base_arena_init(&f->arena, 0);
    clu_config_init(&f->config, &f->arena);
    f->config.values[CLU_CFG_COORDINATOR] = base_arena_strdup(&f->arena, address);
    f->config.values[CLU_CFG_WORKER_SLOTS] = "3";
    f->config.values[CLU_CFG_STATE_DIR] = f->database;
    const struct clu_worker_opts worker = {
        .config = &f->config, .compile = compile, .log = on_log, .arg = f
    };
    assert_int_equal(clu_worker_start(&worker, &f->worker, NULL), CEP_OK);
    KIT_WAIT(atomic_load(&f->link));
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fix *f = *state;
    struct base_buf names = BASE_BUF_INIT;
    char cmd[96];
    size_t n = 0;
    clu_worker_stop(f->worker);
    clu_link_server_close(f->server);
    clu_loop_stop(f->loop);
    clu_msgs_release(&f->came);
    base_arena_release(&f->arena);
    assert_int_equal(sto_path_list(f->database, &names, &n, NULL), CEP_OK);
    assert_int_equal(n, 1); /* its lock; the worker's folder is gone */
    base_buf_release(&names);
    (void)snprintf(cmd, sizeof cmd, "rm -rf '%s'", f->dir);
    assert_int_equal(system(cmd), 0);
    base_free(f);
    return 0;
}

/* -- what the coordinator says -------------------------------------------------------------------------------------------- */

static void send_to(struct fix *f, uint32_t region, uint32_t attempt, Clu__Msg *msg) {
    Clu__Part part = CLU__PART__INIT;
    part.job = "0123456789abcdef0123456789abcdef";
    part.region = region;
    part.attempt = attempt;
    msg->part = &part;
    assert_true(clu_link_send(atomic_load(&f->link), msg));
}

struct deployment {
    const char *program; /* NULL: PROGRAM */
    uint32_t before, n_tasks, hash;
};

static void deploy(struct fix *f, uint32_t region, uint32_t attempt, struct deployment how) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Deploy d = CLU__DEPLOY__INIT;
    Clu__File file = CLU__FILE__INIT, *files[] = { &file };
    Clu__Peer peer = CLU__PEER__INIT, *peers[] = { &peer };
    uint32_t placement[TASKS_MAX] = { 0 };
    char checkpoints[96];
    const char *program = how.program ? how.program : PROGRAM;
    (void)snprintf(checkpoints, sizeof checkpoints, "%s/checkpoints", f->dir);
    file.name = "p.pattern";
    file.text = (ProtobufCBinaryData){ strlen(program), (uint8_t *)(uintptr_t)program };
    peer.worker = clu_worker_name(f->worker);
    peer.data_address = "127.0.0.1:1";
    d.files = files;
    d.n_files = 1;
    d.main = "p.pattern";
    d.base_dir = f->dir;
    d.parallelism = 2;
    d.peers = peers;
    d.n_peers = 1;
    d.placement = placement;
    d.n_placement = how.n_tasks ? how.n_tasks : f->n_tasks;
    d.next_checkpoint = 1;
    d.plan_hash = how.hash;
    d.checkpoint_dir = checkpoints;
    d.before = how.before;
    msg.body_case = KIND(DEPLOY);
    msg.deploy = &d;
    send_to(f, region, attempt, &msg);
}

static void start(struct fix *f, uint32_t region, uint32_t attempt) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Start s = CLU__START__INIT;
    msg.body_case = KIND(START);
    msg.start = &s;
    send_to(f, region, attempt, &msg);
}

static void cancel(struct fix *f, uint32_t region, uint32_t attempt, bool all) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Cancel c = CLU__CANCEL__INIT;
    c.all_regions = all;
    msg.body_case = KIND(CANCEL);
    msg.cancel = &c;
    send_to(f, region, attempt, &msg);
}

static void barrier(struct fix *f, uint32_t region, uint32_t attempt, uint64_t id) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Barrier b = CLU__BARRIER__INIT;
    b.id = id;
    msg.body_case = KIND(BARRIER);
    msg.barrier = &b;
    send_to(f, region, attempt, &msg);
}

static void complete(struct fix *f, uint32_t region, uint32_t attempt, uint64_t id) {
    Clu__Msg msg = CLU__MSG__INIT;
    Clu__Complete c = CLU__COMPLETE__INIT;
    c.id = id;
    msg.body_case = KIND(COMPLETE);
    msg.complete = &c;
    send_to(f, region, attempt, &msg);
}

static uint32_t tasks_of(const struct fix *f, uint32_t region) {
    uint32_t n = 0;
    for (uint32_t t = 0; t < f->n_tasks; t++)
        n += f->region[t] == region;
    return n;
}

/* One from each of its tasks. */
static void wait_for_all(struct fix *f, int kind, uint32_t region, uint32_t attempt) {
    for (uint32_t n = tasks_of(f, region); n > 0; n--)
        clu_msgs_wait(&f->came, kind, region, attempt);
}

static void wait_for_failure(struct fix *f, uint32_t region, uint32_t attempt, const char *what) {
    Clu__Msg *msg = clu_msgs_take(&f->came, KIND(FAILED), region, attempt);
    if (!strstr(msg->failed->error->message, what))
        fail_msg("\"%s\" is not in \"%s\"", what, msg->failed->error->message);
    assert_false(msg->failed->error->retriable);
    clu__msg__free_unpacked(msg, NULL);
}

/* -- tests ---------------------------------------------------------------------------------------------------------------- */

static void a_part_from_deploy_to_cancel(void **state) {
    struct fix *f = *state;
    struct base_buf path = BASE_BUF_INIT, out = BASE_BUF_INIT;
    deploy(f, A, 5, (struct deployment){ .before = 4 });
    clu_msgs_wait(&f->came, KIND(READY), A, 5);
    assert_int_equal(clu_worker_n_parts(f->worker), 1);
    barrier(f, A, 5, 1); /* before it starts: saved all the same */
    wait_for_all(f, KIND(SAVED), A, 5);
    complete(f, A, 5, 1);
    start(f, A, 5);
    wait_for_all(f, KIND(ENDED), A, 5);
    barrier(f, A, 5, 2);
    wait_for_all(f, KIND(SAVED), A, 5);
    base_buf_printf(&path, "%s/a.out", f->dir);
    complete(f, A, 5, 2);
    for (uint64_t id = 0; id < 2;) {
        Clu__Msg *msg = clu_msgs_take(&f->came, KIND(COMMITTED), A, 5);
        id = msg->committed->id;
        clu__msg__free_unpacked(msg, NULL);
    }
    KIT_WAIT(sto_path_read(base_buf_cstr(&path), &out, NULL) == CEP_OK && out.len > 0);
    assert_string_equal(base_buf_cstr(&out), "{\"x\":1}\n{\"x\":2}\n");
    cancel(f, A, 5, false);
    clu_msgs_wait(&f->came, KIND(CANCELLED), A, 5);
    KIT_WAIT(clu_worker_n_parts(f->worker) == 0);
    base_buf_release(&path);
    base_buf_release(&out);
}

static void what_cannot_be_made_is_told(void **state) {
    struct fix *f = *state;
    deploy(f, A, 1,
        (struct deployment){
            .program = "stream a (x int) from file (path = 'a.ndjson') format json processing time;\n"
                       "stream b (x int) from file (path = 'a.ndjson') format json processing time;\n"
                       "sink a to file (path = 'nowhere/a.out') format json;\n"
                       "sink b to file (path = 'b.out') format json;\n" });
    wait_for_failure(f, A, 1, "nowhere/a.out");
    deploy(f, A, 2, (struct deployment){ .n_tasks = f->n_tasks + 1 });
    wait_for_failure(f, A, 2, "do not have the same tasks");
    deploy(f, 2, 3, (struct deployment){ .n_tasks = 0 });
    wait_for_failure(f, 2, 3, "do not have the same tasks");
    deploy(f, A, 4, (struct deployment){ .hash = 1 });
    wait_for_failure(f, A, 4, "another plan");
    KIT_WAIT(clu_worker_n_parts(f->worker) == 0);
    cancel(f, A, 4, false); /* nothing is left: answered at once */
    clu_msgs_wait(&f->came, KIND(CANCELLED), A, 4);
}

static void regions_are_cancelled_apart(void **state) {
    struct fix *f = *state;
    deploy(f, A, 1, (struct deployment){ .before = 0 });
    deploy(f, B, 1, (struct deployment){ .before = 0 });
    clu_msgs_wait(&f->came, KIND(READY), A, 1);
    clu_msgs_wait(&f->came, KIND(READY), B, 1);
    start(f, A, 1);
    start(f, B, 1);
    wait_for_all(f, KIND(ENDED), A, 1);
    cancel(f, A, 1, false);
    clu_msgs_wait(&f->came, KIND(CANCELLED), A, 1);
    KIT_WAIT(clu_worker_n_parts(f->worker) == 1);
    barrier(f, B, 1, 1); /* it goes on */
    wait_for_all(f, KIND(SAVED), B, 1);
    deploy(f, A, 2, (struct deployment){ .before = 0 });
    clu_msgs_wait(&f->came, KIND(READY), A, 2);
    assert_int_equal(clu_worker_n_parts(f->worker), 2);
    cancel(f, A, 2, true);
    KIT_WAIT(
        clu_msgs_count(&f->came, KIND(CANCELLED)) == 1); /* by the last one that went, whichever that is */
    uint32_t last = clu_msgs_has(&f->came, KIND(CANCELLED), A, 2) ? A : B;
    Clu__Msg *msg = clu_msgs_take(&f->came, KIND(CANCELLED), last, 2);
    assert_true(msg->cancelled->all_regions);
    clu__msg__free_unpacked(msg, NULL);
    KIT_WAIT(clu_worker_n_parts(f->worker) == 0);
}

static void a_newer_attempt_takes_the_place_of_an_older_one(void **state) {
    struct fix *f = *state;
    deploy(f, B, 1, (struct deployment){ .before = 0 });
    clu_msgs_wait(&f->came, KIND(READY), B, 1);
    start(f, B, 1);
    deploy(f, B, 2, (struct deployment){ .before = 0 });
    clu_msgs_wait(&f->came, KIND(READY), B, 2);
    assert_int_equal(clu_worker_n_parts(f->worker), 1);
    barrier(f, B, 1, 1); /* nobody hears it */
    deploy(f, A, 3,
        (struct deployment){
            .before = 2 }); /* of another run of the job: no region of the one before is left */
    clu_msgs_wait(&f->came, KIND(READY), A, 3);
    assert_int_equal(clu_worker_n_parts(f->worker), 1);
    assert_int_equal(clu_msgs_count(&f->came, KIND(SAVED)), 0);
}

/* Barriers come faster than reports are due: those are not put off by them. */
static void reports_come_however_much_is_told(void **state) {
    struct fix *f = *state;
    deploy(f, B, 1, (struct deployment){ .before = 0 });
    clu_msgs_wait(&f->came, KIND(READY), B, 1);
    start(f, B, 1);
    uint32_t before = atomic_load(&f->n_reports);
    for (uint64_t id = 1; id <= 20; id++) {
        barrier(f, B, 1, id);
        usleep(50 * 1000);
    }
    assert_true(atomic_load(&f->n_reports) >= before + 2);
}

static void parts_end_with_the_coordinator(void **state) {
    struct fix *f = *state;
    deploy(f, B, 1, (struct deployment){ .before = 0 });
    clu_msgs_wait(&f->came, KIND(READY), B, 1);
    start(f, B, 1);
    clu_link_drop(atomic_load(&f->link), "the coordinator has had enough");
    KIT_WAIT(clu_worker_n_parts(f->worker) == 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_part_from_deploy_to_cancel),
        TEST(what_cannot_be_made_is_told),
        TEST(regions_are_cancelled_apart),
        TEST(a_newer_attempt_takes_the_place_of_an_older_one),
        TEST(reports_come_however_much_is_told),
        TEST(parts_end_with_the_coordinator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
