/* rt_ring: order, bounds, wrapping around; one thread writes while another reads. */
#include "runtime/rt_ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct evt_elem number(int64_t n) {
    return (struct evt_elem){ .kind = EVT_ELEM_WATERMARK, .watermark = n };
}

static void elements_come_out_in_order(void **state) {
    struct rt_ring *r = rt_ring_new(3);
    struct evt_elem e;
    (void)state;
    assert_int_equal(r->cap, 4);
    assert_false(rt_ring_pop(r, &e));
    assert_null(rt_ring_peek(r));
    for (int64_t round = 0; round < 5; round++) { /* wraps around */
        for (int64_t i = 0; i < 4; i++) {
            e = number(round * 10 + i);
            assert_true(rt_ring_push(r, &e));
            assert_int_equal(rt_ring_n(r), i + 1);
        }
        assert_false(rt_ring_push(r, &e));
        assert_int_equal(rt_ring_sync_writer(r), 4);
        for (uint32_t i = 0; i < 4; i++)
            assert_int_equal(rt_ring_at(r, i)->watermark, round * 10 + i);
        for (int64_t i = 0; i < 4; i++) {
            assert_int_equal(rt_ring_peek(r)->watermark, round * 10 + i);
            assert_true(rt_ring_pop(r, &e));
            assert_int_equal(e.watermark, round * 10 + i);
        }
        assert_int_equal(rt_ring_sync_reader(r), 0);
    }
    rt_ring_free(r);
}

static void what_is_left_is_let_go(void **state) {
    static const struct evt_schema schema = { 0, 0, NULL };
    struct rt_ring *r = rt_ring_new(8);
    struct evt_batch *b = evt_batch_new(&schema, 64);
    (void)state;
    struct evt_elem e = { .kind = EVT_ELEM_BATCH, .batch = evt_batch_ref(b) };
    assert_true(rt_ring_push(r, &e));
    rt_ring_free(r);
    assert_int_equal(atomic_load(&b->refs), 1);
    evt_batch_unref(b);
}

enum { N = 200000 };

static void *write_numbers(void *arg) {
    struct rt_ring *r = arg;
    for (int64_t i = 0; i < N; i++) {
        struct evt_elem e = number(i);
        while (!rt_ring_push(r, &e))
            (void)sched_yield();
    }
    return NULL;
}

static void two_threads_agree(void **state) {
    struct rt_ring *r = rt_ring_new(16);
    pthread_t writer;
    (void)state;
    assert_int_equal(pthread_create(&writer, NULL, write_numbers, r), 0);
    for (int64_t i = 0; i < N; i++) {
        struct evt_elem e;
        while (!rt_ring_pop(r, &e))
            (void)sched_yield();
        assert_int_equal(e.watermark, i);
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    rt_ring_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_come_out_in_order),
        cmocka_unit_test(what_is_left_is_let_go),
        cmocka_unit_test(two_threads_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
