/* sto: key groups, the ranges subtasks own, counted losses. */
#include "state/sto.h"

#include "base/base_map.h"
#include "event/evt_type.h"
#include "tests/base/base_test.h"

/* The group of a key is part of the format: these three never change. */
static void groups_of_known_keys_stay(void **state) {
    (void)state;
    struct base_buf b = BASE_BUF_INIT;
    struct evt_val v = { .s = { "alice", 5 } };
    evt_val_write_key(&b, evt_type_of(EVT_STRING), &v);
    assert_int_equal(sto_group_of(base_buf_view(&b)), 58);
    base_buf_clear(&b);
    v = (struct evt_val){ .i = 42 };
    evt_val_write_key(&b, evt_type_of(EVT_INT), &v);
    assert_int_equal(sto_group_of(base_buf_view(&b)), 108);
    assert_int_equal(sto_group_of((struct base_str){ NULL, 0 }), 66);
    base_buf_release(&b);
}

static void ranges_make_up_all_groups(void **state) {
    (void)state;
    for (uint32_t p = 1; p <= STO_KEY_GROUPS; p++) {
        uint32_t next = 0;
        for (uint32_t s = 0; s < p; s++) {
            struct sto_range r = sto_range_of(s, p);
            assert_int_equal(r.first, next);
            assert_true(r.n >= STO_KEY_GROUPS / p && r.n <= STO_KEY_GROUPS / p + 1);
            for (uint32_t g = r.first; g < r.first + r.n; g++) {
                assert_int_equal(sto_subtask_of(g, p), s);
                assert_true(sto_range_has(r, g));
            }
            assert_false(sto_range_has(r, r.first + r.n));
            assert_false(sto_range_has(r, STO_NO_GROUP));
            next = r.first + r.n;
        }
        assert_int_equal(next, STO_KEY_GROUPS);
    }
}

static void losses_add_up_by_operator_and_kind(void **state) {
    (void)state;
    struct sto_losses l;
    sto_losses_init(&l);
    sto_lose(NULL, BASE_STR("p"), BASE_STR("x"), 3);
    sto_lose(&l, BASE_STR("p"), BASE_STR("x"), 0);
    assert_int_equal(l.n, 0);
    sto_lose(&l, BASE_STR("p"), BASE_STR("x"), 1);
    sto_lose(&l, BASE_STR("p"), BASE_STR("y"), 2);
    sto_lose(&l, BASE_STR("q"), BASE_STR("x"), 4);
    sto_lose(&l, BASE_STR("p"), BASE_STR("x"), 8);
    assert_int_equal(l.n, 3);
    assert_int_equal(l.v[0].n, 9);
    assert_string_equal(l.v[1].what, "y");
    assert_string_equal(l.v[2].op, "q");
    assert_int_equal(sto_losses_total(&l), 15);
    sto_losses_release(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_known_keys_stay),
        cmocka_unit_test(ranges_make_up_all_groups),
        cmocka_unit_test(losses_add_up_by_operator_and_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
