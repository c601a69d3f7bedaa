/* evt_view: columns shared and copied, selections, and who keeps whom. */
#include "event/evt_view.h"

#include "base/base_bits.h"
#include "tests/base/base_test.h"

static const struct evt_schema *schema_of(
    struct base_arena *a, uint32_t n, const struct evt_type *const *types) {
    struct evt_column *c = BASE_ARENA_ARRAY(a, struct evt_column, n);
    for (uint32_t i = 0; i < n; i++)
        c[i] = (struct evt_column){ BASE_STR("c"), types[i], false };
    struct evt_schema *s = BASE_ARENA_NEW(a, struct evt_schema);
    *s = (struct evt_schema){ n, n, c };
    return s;
}

struct fixture {
    struct base_arena arena;
    struct evt_batch *parent; /* (int, string) x 100; every fifth cell is null */
};

static int set_up(void **state) {
    static struct fixture f;
    base_arena_init(&f.arena, 0);
    const struct evt_type *types[] = { evt_type_of(EVT_INT), evt_type_of(EVT_STRING) };
    f.parent = evt_batch_new(schema_of(&f.arena, 2, types), 100);
    for (uint32_t i = 0; i < 100; i++) {
        struct evt_val n = { .i = i }, s = { .s = { "0123456789" + i % 10, 10 - i % 10 } };
        evt_col_set_val(&f.parent->cols[0], i, i % 5 == 4 ? &EVT_VAL_NULL : &n);
        evt_col_set_val(&f.parent->cols[1], i, i % 5 == 3 ? &EVT_VAL_NULL : &s);
        f.parent->time[i] = i * 10;
        f.parent->seq[i] = i;
        evt_batch_end_row(f.parent);
    }
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    base_arena_release(&f->arena);
    return 0;
}

static void shared_columns_live_as_long_as_the_view(void **state) {
    struct fixture *f = *state;
    const struct evt_type *types[] = { evt_type_of(EVT_STRING), evt_type_of(EVT_INT) };
    struct evt_batch *v = evt_view_new(schema_of(&f->arena, 2, types), f->parent);
    evt_view_share(v, 0, 1);
    evt_view_share(v, 1, 0);
    assert_int_equal(atomic_load(&f->parent->refs), 2);
    evt_batch_unref(f->parent); /* the view keeps it */
    assert_int_equal(v->n_rows, 100);
    assert_int_equal(v->cols[1].i[7], 7);
    assert_true(evt_col_is_null(&v->cols[1], 4));
    assert_true(base_str_eq(evt_col_str(&v->cols[0], 8), BASE_STR("89")) || evt_col_is_null(&v->cols[0], 8));
    assert_int_equal(v->time[99], 990);
    evt_batch_unref(v);
}

static void copies_hold_the_selected_rows(void **state) {
    struct fixture *f = *state;
    const struct evt_type *types[] = { evt_type_of(EVT_INT), evt_type_of(EVT_STRING) };
    uint64_t sel[2] = { 0, 0 };
    for (uint32_t i = 0; i < 100; i += 3)
        base_bits_set(sel, i);
    struct evt_batch *v = evt_view_new(schema_of(&f->arena, 2, types), f->parent);
    evt_view_select(v, sel);
    evt_view_copy(v, 0, &f->parent->cols[0]);
    evt_view_copy(v, 1, &f->parent->cols[1]);
    memset(sel, 0, sizeof sel); /* the view has its own */
    assert_int_equal(evt_batch_count(v), 34);
    for (uint32_t i = 0; i < 100; i += 3) {
        assert_true(evt_batch_has(v, i));
        assert_int_equal(evt_col_is_null(&v->cols[0], i), i % 5 == 4);
        assert_int_equal(evt_col_is_null(&v->cols[1], i), i % 5 == 3);
        if (i % 5 != 4)
            assert_int_equal(v->cols[0].i[i], i);
        if (i % 5 != 3)
            assert_true(base_str_eq(evt_col_str(&v->cols[1], i), evt_col_str(&f->parent->cols[1], i)));
    }
    evt_batch_unref(f->parent);
    evt_batch_unref(v);
}

static void a_view_of_a_view_narrows_and_leaves_its_parent_alone(void **state) {
    struct fixture *f = *state;
    const struct evt_type *types[] = { evt_type_of(EVT_INT) };
    const struct evt_schema *s = schema_of(&f->arena, 1, types);
    uint64_t even[2] = { UINT64_C(0x5555555555555555), UINT64_C(0x5555555555555555) }, few[2] = { 0x15, 0 };
    struct evt_batch *v = evt_view_new(s, f->parent);
    evt_view_share(v, 0, 0);
    evt_view_select(v, even);
    struct evt_batch *same = evt_view_new(s, v), *less = evt_view_new(s, v);
    evt_view_share(same, 0, 0);
    evt_view_share(less, 0, 0);
    evt_view_select(less, few);
    assert_int_equal(evt_batch_count(f->parent), 100);
    assert_int_equal(evt_batch_count(v), 50);
    assert_int_equal(evt_batch_count(same), 50);
    assert_int_equal(evt_batch_count(less), 3);
    evt_batch_unref(f->parent);
    evt_batch_unref(v);
    assert_int_equal(same->cols[0].i[98], 98);
    evt_batch_unref(same);
    assert_int_equal(less->cols[0].i[2], 2);
    evt_batch_unref(less);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(shared_columns_live_as_long_as_the_view, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_hold_the_selected_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_view_of_a_view_narrows_and_leaves_its_parent_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
