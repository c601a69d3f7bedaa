/* rt_keys: the bytes and hashes of a batch's keys are those of its rows, one by one. */
#include "runtime/rt_keys.h"

#include "base/base_map.h"
#include "tests/base/base_test.h"

enum { N_ROWS = 300 };

static void check(const struct evt_column *cols, uint32_t n_cols, bool nulls, bool some) {
    const struct evt_schema schema = { n_cols, n_cols, cols };
    struct evt_batch *b = evt_batch_new(&schema, 0);
    struct base_arena scratch;
    struct rt_keys keys;
    uint32_t seed = 7;
    base_arena_init(&scratch, 0);
    for (uint32_t i = 0; i < N_ROWS; i++) {
        for (uint32_t c = 0; c < n_cols; c++) {
            static const char text[] = "abcdefghijklmnopqrstuvwxyz";
            seed = seed * 1664525 + 1013904223;
            struct evt_val v = { .null = nulls && seed >> 28 == 0 };
            if (cols[c].type->kind == EVT_STRING && !v.null)
                v.s.p = text, v.s.len = (seed >> 8) % 26;
            else if (cols[c].type->kind == EVT_DOUBLE && !v.null)
                v.d = seed >> 30 ? (double)(seed >> 8) : -0.0;
            else if (!v.null)
                v.i = (int64_t)(seed >> 8) - 5000;
            evt_col_set_val(&b->cols[c], i, &v);
        }
        evt_batch_end_row(b);
    }
    for (uint32_t i = 0; some && i < N_ROWS; i += 3)
        evt_batch_need_sel(b)[i >> 6] &= ~(UINT64_C(1) << (i & 63));
    rt_keys_init(&keys);
    for (int round = 0; round < 2; round++)
        rt_keys_make(&keys, b, n_cols, &scratch);
    for (uint32_t i = 0; i < N_ROWS; i++) {
        struct base_buf want = BASE_BUF_INIT;
        if (!evt_batch_has(b, i))
            continue;
        for (uint32_t c = 0; c < n_cols; c++) {
            struct evt_val v;
            evt_col_get(&b->cols[c], i, &scratch, &v);
            evt_val_write_key(&want, cols[c].type, &v);
        }
        assert_true(base_str_eq(rt_keys_bytes(&keys, i), base_buf_view(&want)));
        assert_true(keys.hash[i] == base_hash(want.p ? want.p : "", want.len));
        base_buf_release(&want);
    }
    rt_keys_release(&keys);
    base_arena_release(&scratch);
    evt_batch_unref(b);
}

static void keys_are_those_of_rows(void **state) {
    const struct evt_column cols[] = { { .name = BASE_STR("a"), .type = evt_type_of(EVT_INT) },
        { .name = BASE_STR("b"), .type = evt_type_of(EVT_TIMESTAMP) },
        { .name = BASE_STR("c"), .type = evt_type_of(EVT_STRING) },
        { .name = BASE_STR("d"), .type = evt_type_of(EVT_DOUBLE) } };
    (void)state;
    for (uint32_t n = 0; n <= 4; n++)
        for (int how = 0; how < 4; how++)
            check(cols, n, how & 1, how & 2);
    check(cols + 2, 1, false, true);
    check(cols + 3, 1, true, false);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(keys_are_those_of_rows) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
