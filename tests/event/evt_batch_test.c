/*
 * Batches: filling, nulls, nested columns, growth, recycling without allocation.
 */
#include "event/evt_batch.h"

#include "base/base_bits.h"
#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka needs the four above first */
#include <cmocka.h>

static struct base_arena arena;
static const struct evt_schema *schema;

static int make_schema(void **state) {
    (void)state;
    base_arena_init(&arena, 0);
    struct evt_column *f = BASE_ARENA_ARRAY(&arena, struct evt_column, 2);
    f[0] = (struct evt_column){ BASE_STR("x"), evt_type_of(EVT_INT), false };
    f[1] = (struct evt_column){ BASE_STR("y"), evt_type_of(EVT_STRING), false };
    const struct evt_type *types[] = { evt_type_of(EVT_INT), evt_type_of(EVT_STRING),
        evt_type_decimal(&arena, 20, 2), evt_type_array(&arena, evt_type_row(&arena, 2, f)),
        evt_type_of(EVT_BOOL), evt_type_of(EVT_DOUBLE) };
    struct evt_column *c = BASE_ARENA_ARRAY(&arena, struct evt_column, 6);
    for (int i = 0; i < 6; i++)
        c[i] = (struct evt_column){ base_str_of(base_arena_printf(&arena, "c%d", i)), types[i], false };
    struct evt_schema *s = BASE_ARENA_NEW(&arena, struct evt_schema);
    *s = (struct evt_schema){ 6, 6, c };
    schema = s;
    return 0;
}

static int free_schema(void **state) {
    (void)state;
    base_arena_release(&arena);
    return 0;
}

/* Row i of a made-up table; every third cell is null. */
static void fill_row(struct evt_batch *b, uint32_t i) {
    char text[32];
    int n = snprintf(text, sizeof text, "text %u", i);
    struct evt_val f[2] = { { .i = i }, { .s = { text, (uint32_t)n } } };
    struct evt_val rows[3] = { { .list = { f, 2 } }, EVT_VAL_NULL, { .list = { f, 2 } } };
    const struct evt_val vals[6] = { { .i = (int64_t)i * 7 }, { .s = { text, (uint32_t)n } },
        evt_val_of_dec(-((__int128)i << 70)), { .list = { rows, i % 4 } }, { .b = i & 1 }, { .d = i / 2.0 } };
    for (uint32_t c = 0; c < 6; c++)
        evt_col_set_val(&b->cols[c], b->n_rows, (i + c) % 3 == 0 ? &EVT_VAL_NULL : &vals[c]);
    b->time[b->n_rows] = i;
    b->seq[b->n_rows] = i;
    b->origin[b->n_rows] = 3;
    evt_batch_end_row(b);
}

static void assert_row(const struct evt_batch *b, uint32_t row, uint32_t i) {
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    struct base_buf buf = BASE_BUF_INIT, expect = BASE_BUF_INIT;
    struct evt_batch *one = evt_batch_new(schema, 1);
    fill_row(one, i);
    for (uint32_t c = 0; c < 6; c++) {
        struct evt_val v;
        evt_col_get(&b->cols[c], row, &scratch, &v);
        evt_val_write_json(&buf, schema->cols[c].type, &v);
        assert_int_equal(v.null, (i + c) % 3 == 0);
        evt_col_get(&one->cols[c], 0, &scratch, &v);
        evt_val_write_json(&expect, schema->cols[c].type, &v);
    }
    assert_string_equal(base_buf_cstr(&buf), base_buf_cstr(&expect));
    evt_batch_unref(one);
    base_buf_release(&buf);
    base_buf_release(&expect);
    base_arena_release(&scratch);
}

static void rows_read_back_as_they_were_set(void **state) {
    (void)state;
    struct evt_batch *b = evt_batch_new(schema, 0);
    assert_int_equal(b->cap_rows, EVT_BATCH_ROWS);
    for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++)
        fill_row(b, i);
    assert_true(evt_batch_is_full(b));
    for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++)
        assert_row(b, i, i);
    assert_true(evt_batch_bytes(b) > EVT_BATCH_ROWS * (8 + 4 + 16 + 4 + 1 + 8));
    evt_batch_unref(b);
}

/* A number its width, null or not; a text its bytes and two places; an array what is in it and two places. */
static void data_is_measured_as_columns_have_it(void **state) {
    (void)state;
    enum { ROW = 8 + (8 + 6) + 16 + (8 + 8 + 8 + 6) + 1 + 8 };
    struct evt_batch *b = evt_batch_new(schema, 0);
    assert_int_equal(evt_batch_data_bytes(b), 0);
    fill_row(b, 1);
    assert_int_equal(evt_batch_data_bytes(b), ROW);
    fill_row(b, 1);
    uint64_t both = evt_batch_data_bytes(b);
    assert_int_equal(both, 2 * ROW - 3 * 4); /* what has places has one more than rows */
    base_bits_unset(evt_batch_need_sel(b), 0);
    assert_int_equal(evt_batch_data_bytes(b), both / 2);
    evt_batch_unref(b);
}

static void keys_of_cells_are_those_of_their_values(void **state) {
    (void)state;
    struct base_buf of_cell = BASE_BUF_INIT, of_value = BASE_BUF_INIT;
    struct base_arena scratch;
    struct evt_batch *b = evt_batch_new(schema, 0);
    base_arena_init(&scratch, 0);
    for (uint32_t i = 0; i < 20; i++)
        fill_row(b, i);
    for (uint32_t i = 0; i < 20; i++)
        for (uint32_t c = 0; c < 6; c++) { /* one behind the other, as the values of a key are */
            struct evt_val v;
            evt_col_get(&b->cols[c], i, &scratch, &v);
            evt_val_write_key(&of_value, schema->cols[c].type, &v);
            evt_col_write_key(&of_cell, &b->cols[c], i, &scratch);
        }
    assert_int_equal(of_cell.len, of_value.len);
    assert_memory_equal(of_cell.p, of_value.p, of_value.len);
    evt_batch_unref(b);
    base_arena_release(&scratch);
    base_buf_release(&of_cell);
    base_buf_release(&of_value);
}

static void buffers_are_aligned(void **state) {
    (void)state;
    struct evt_batch *b = evt_batch_new(schema, 100);
    assert_int_equal(b->cap_rows, 128);
    for (uint32_t c = 0; c < 6; c++) {
        evt_col_need_valid(&b->cols[c]);
        assert_int_equal((uintptr_t)b->cols[c].b % 64, 0);
        assert_int_equal((uintptr_t)b->cols[c].valid % 64, 0);
    }
    evt_batch_unref(b);
}

static void appending_copies_rows(void **state) {
    (void)state;
    struct evt_batch *from = evt_batch_new(schema, 0), *to = evt_batch_new(schema, 0);
    for (uint32_t i = 0; i < 300; i++)
        fill_row(from, i);
    for (uint32_t i = 0; i < 300; i += 7)
        evt_batch_append(to, from, i);
    evt_batch_unref(from);
    for (uint32_t i = 0; i < to->n_rows; i++) {
        assert_row(to, i, i * 7);
        assert_int_equal(to->time[i], i * 7);
        assert_int_equal(to->seq[i], i * 7);
        assert_int_equal(to->origin[i], 3);
    }
    evt_batch_unref(to);
}

static void a_dropped_row_leaves_no_trace(void **state) {
    (void)state;
    struct evt_batch *b = evt_batch_new(schema, 0);
    fill_row(b, 1);
    for (uint32_t c = 0; c < 6; c++)
        evt_col_set_null(&b->cols[c], 1);
    evt_batch_drop_row(b);
    evt_col_set_i(&b->cols[0], 1, 14);
    assert_false(evt_col_is_null(&b->cols[0], 1));
    evt_col_set_bytes(&b->cols[1], 1, "longer than before", 18); /* set twice: the second counts */
    fill_row(b, 2);
    assert_row(b, 0, 1);
    assert_row(b, 1, 2);
    evt_batch_unref(b);
}

static void recycling_allocates_nothing(void **state) {
    (void)state;
    struct evt_batch *b = evt_batch_new(schema, 0);
    for (int round = 0; round < 3; round++) {
        uint64_t before = base_mem_n_allocs();
        for (uint32_t i = 0; i < EVT_BATCH_ROWS; i++)
            fill_row(b, i + (uint32_t)round);
        evt_batch_need_sel(b);
        if (round == 2) /* round 1 may need a little more than round 0: other texts */
            assert_int_equal(base_mem_n_allocs(), before);
        assert_row(b, 77, 77 + (uint32_t)round);
        evt_batch_clear(b);
        for (uint32_t c = 0; c < 6; c++)
            assert_null(b->cols[c].valid);
    }
    evt_batch_unref(b);
}

static void selections_count_rows(void **state) {
    (void)state;
    struct evt_batch *b = evt_batch_new(schema, 0);
    for (uint32_t i = 0; i < 70; i++)
        fill_row(b, i);
    assert_int_equal(evt_batch_count(b), 70);
    uint64_t *sel = evt_batch_need_sel(b);
    assert_int_equal(evt_batch_count(b), 70);
    base_bits_unset(sel, 69);
    base_bits_unset(sel, 0);
    assert_int_equal(evt_batch_count(b), 68);
    assert_false(evt_batch_has(b, 69));
    assert_true(evt_batch_has(b, 1));
    struct evt_batch *again = evt_batch_ref(b);
    evt_batch_unref(b);
    assert_int_equal(evt_batch_count(again), 68);
    evt_batch_unref(again);
    evt_batch_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_read_back_as_they_were_set),
        cmocka_unit_test(data_is_measured_as_columns_have_it),
        cmocka_unit_test(keys_of_cells_are_those_of_their_values),
        cmocka_unit_test(buffers_are_aligned),
        cmocka_unit_test(appending_copies_rows),
        cmocka_unit_test(a_dropped_row_leaves_no_trace),
        cmocka_unit_test(recycling_allocates_nothing),
        cmocka_unit_test(selections_count_rows),
    };
    return cmocka_run_group_tests(tests, make_schema, free_schema);
}
