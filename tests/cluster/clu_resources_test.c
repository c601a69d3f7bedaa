/* clu_resources_test -- workers and slots: who gets which, waiting, leaving, coming back; where tasks go. */
#include "tests/cluster/clu_kit.h"

#include "cluster/clu_resources.h"
#include "plan/plan_job.h"

#include <pthread.h>

static void add(struct clu_resources *r, const char *id, uint32_t slots) {
    clu_resources_add(
        r, &(struct clu_worker_info){ .id = id, .host = "h", .address = "127.0.0.1:1", .slots = slots });
}

/* "ab": slot 0 is of worker a, slot 1 of b; "" = there are not so many. */
static const char *take(struct clu_resources *r, const char *job, uint32_t n, char *out) {
    struct clu_slots s;
    uint32_t free = UINT32_MAX;
    enum cep_rc rc = clu_resources_take(r, job, n, 0, &s, &free);
    uint32_t i = 0;
    for (; i < s.n; i++)
        out[i] = s.workers[s.worker_of[i]].id[0];
    out[i] = '\0';
    assert_int_equal(rc, i > 0 ? CEP_OK : CEP_AGAIN);
    assert_true(rc == CEP_OK || free < n);
    clu_slots_release(&s);
    return out;
}

static uint32_t n_free(struct clu_resources *r) {
    struct clu_slot_counts c;
    clu_resources_count(r, &c);
    return c.free;
}

static void slots_are_spread(void **state) {
    struct clu_resources *r = clu_resources_new();
    char got[32];
    (void)state;
    add(r, "a", 2), add(r, "b", 3), add(r, "c", 1);
    assert_int_equal(n_free(r), 6);
    assert_string_equal(take(r, "one", 4, got), "baba"); /* the freest, of several the first */
    assert_string_equal(take(r, "two", 3, got), "");
    assert_int_equal(n_free(r), 2);
    assert_string_equal(take(r, "two", 2, got), "bc");
    clu_resources_give_back(r, "one");
    assert_int_equal(n_free(r), 4);
    clu_resources_give_back(r, "nobody");
    clu_resources_give_back(r, "two");
    assert_int_equal(n_free(r), 6);
    clu_resources_free(r);
}

static void one_that_leaves_takes_no_more(void **state) {
    struct clu_resources *r = clu_resources_new();
    char got[32];
    (void)state;
    add(r, "a", 2), add(r, "b", 1);
    assert_string_equal(take(r, "one", 1, got), "a");
    clu_resources_leave(r, "a");
    assert_int_equal(n_free(r), 1);
    assert_string_equal(take(r, "two", 1, got), "b");
    clu_resources_give_back(r, "one");
    assert_string_equal(take(r, "one", 1, got), "");
    clu_resources_remove(r, "a");
    clu_resources_remove(r, "a"); /* it is gone already */
    struct clu_slot_counts c;
    clu_resources_count(r, &c);
    assert_int_equal(c.workers, 1);
    assert_int_equal(c.total, 1);
    clu_resources_free(r);
}

static void *come_later(void *arg) {
    usleep(20000);
    add(arg, "a", 1);
    usleep(20000);
    clu_resources_wake(arg);
    return NULL;
}

static void who_waits_is_woken(void **state) {
    struct clu_resources *r = clu_resources_new();
    struct clu_slots s;
    pthread_t t;
    uint32_t free;
    (void)state;
    assert_int_equal(pthread_create(&t, NULL, come_later, r), 0);
    assert_int_equal(clu_resources_take(r, "one", 1, 20000000, &s, &free), CEP_OK); /* as soon as it comes */
    clu_slots_release(&s);
    assert_int_equal(
        clu_resources_take(r, "two", 1, 20000000, &s, &free), CEP_AGAIN); /* as soon as it is woken */
    assert_int_equal(free, 0);
    clu_slots_release(&s);
    pthread_join(t, NULL);
    clu_resources_free(r);
}

static void what_it_said_of_the_wire_goes_with_it(void **state) {
    struct clu_resources *r = clu_resources_new();
    struct clu_data_peer_stat peer = { .worker = "b", .connections = 2 };
    struct clu_wire wire = { .all = { .refused = 3 }, .peers = &peer, .n_peers = 1 }, got;
    (void)state;
    add(r, "a", 1);
    clu_resources_heard_wire(r, "nobody", &wire);
    assert_false(clu_resources_wire(r, "nobody", &got));
    assert_true(clu_resources_wire(r, "a", &got));
    assert_int_equal(got.n_peers, 0);
    clu_wire_release(&got);
    clu_resources_heard_wire(r, "a", &wire);
    clu_resources_heard_wire(r, "a", &wire);
    assert_true(clu_resources_wire(r, "a", &got));
    assert_int_equal(got.all.refused, 3);
    assert_int_equal(got.peers[0].connections, 2);
    clu_wire_release(&got);
    clu_resources_free(r);
}

/* A source, three keyed subtasks, a sink. */
static void subtask_i_is_in_slot_i(void **state) {
    struct plan_vertex vertices[] = { { .parallelism = 1 }, { .parallelism = 3 }, { .parallelism = 1 } };
    struct plan_job job = { .n_vertices = 3, .vertices = vertices };
    uint32_t first[] = { 0, 1, 4 }, placement[5];
    struct rt_exec_task tasks[5] = { { .region = 0 } };
    struct rt_exec x = { .job = &job, .n_tasks = 5, .tasks = tasks, .n_regions = 1, .first_task = first };
    (void)state;
    clu_placement(&x, 3, placement);
    static const uint32_t spread[] = { 0, 0, 1, 2, 1 };
    assert_memory_equal(placement, spread, sizeof spread);
    clu_placement(&x, 1, placement);
    for (int i = 0; i < 5; i++)
        assert_int_equal(placement[i], 0);
}

static void regions_have_slots_of_their_own_for_what_is_narrow(void **state) {
    struct plan_vertex vertices[] = { { .parallelism = 1 }, { .parallelism = 1 }, { .parallelism = 1 },
        { .parallelism = 4 }, { .parallelism = 1 } };
    struct plan_job job = { .n_vertices = 5, .vertices = vertices };
    uint32_t first[] = { 0, 1, 2, 3, 7 }, placement[8];
    struct rt_exec_task tasks[] = { { .region = 0 }, { .region = 1 }, { .region = 0 }, { .region = 1 },
        { .region = 1 }, { .region = 1 }, { .region = 1 }, { .region = 0 } };
    struct rt_exec x = { .job = &job, .n_tasks = 8, .tasks = tasks, .n_regions = 2, .first_task = first };
    (void)state;
    clu_placement(&x, 4, placement);
    static const uint32_t spread[] = { 0, 1, 2, 0, 1, 2, 3, 0 };
    assert_memory_equal(placement, spread, sizeof spread);
    tasks[7].region = 2; /* more regions than slots */
    x.n_regions = 3;
    clu_placement(&x, 2, placement);
    static const uint32_t few[] = { 0, 1, 0, 0, 1, 0, 1, 0 };
    assert_memory_equal(placement, few, sizeof few);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_spread),
        cmocka_unit_test(one_that_leaves_takes_no_more),
        cmocka_unit_test(who_waits_is_woken),
        cmocka_unit_test(what_it_said_of_the_wire_goes_with_it),
        cmocka_unit_test(subtask_i_is_in_slot_i),
        cmocka_unit_test(regions_have_slots_of_their_own_for_what_is_narrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
