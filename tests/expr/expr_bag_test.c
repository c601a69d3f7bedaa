/* Bags against a plain count of each value: order, extremes, values taken back before they came, bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above first */
#include <cmocka.h>

#include "expr/expr_bag.h"

#include <stdio.h>
#include <string.h>

enum { N_VALUES = 40, N_STEPS = 4000 };

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static struct evt_val value_of(uint32_t i, char text[static 24]) {
    struct evt_val v = { .null = false };
    (void)snprintf(text, 24, "value %02u", (unsigned)i);
    v.s.p = text;
    v.s.len = (uint32_t)strlen(text);
    return v;
}

/* Returns: the number of the least or largest value with a count above zero, -1 when there is none. */
static int extreme(const int64_t *counts, enum expr_bag_order order) {
    int found = -1;
    for (int i = 0; i < N_VALUES; i++)
        if (counts[i] > 0 && (found < 0 || order == EXPR_BAG_MOST))
            found = i;
    return found;
}

static void agree(const struct expr_bag *b, const int64_t *counts, enum expr_bag_order order) {
    uint64_t n = 0;
    char text[24];
    for (int i = 0; i < N_VALUES; i++)
        n += counts[i] > 0;
    assert_int_equal(expr_bag_n(b), n);
    if (order == EXPR_BAG_NONE)
        return;
    int i = extreme(counts, order);
    const struct evt_val *first = expr_bag_first(b);
    assert_true((first != NULL) == (i >= 0));
    if (i < 0)
        return;
    struct evt_val wanted = value_of((uint32_t)i, text);
    assert_true(evt_val_eq(evt_type_of(EVT_STRING), first, &wanted));
}

static struct expr_bag *reload(struct expr_bag *b, enum expr_bag_order order) {
    struct base_buf bytes = BASE_BUF_INIT;
    struct base_arena scratch;
    base_arena_init(&scratch, 0);
    expr_bag_pack(&bytes, b);
    struct base_unpack u = base_unpack_of(base_buf_view(&bytes));
    struct expr_bag *back = expr_bag_unpack(&u, evt_type_of(EVT_STRING), order, &scratch);
    assert_true(base_unpack_ok(&u));
    base_buf_release(&bytes);
    base_arena_release(&scratch);
    expr_bag_free(b);
    return back;
}

static void counts_and_extremes_agree(void **state) {
    static const enum expr_bag_order orders[] = { EXPR_BAG_NONE, EXPR_BAG_LEAST, EXPR_BAG_MOST };
    (void)state;
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        int64_t counts[N_VALUES] = { 0 };
        uint32_t seed = (uint32_t)o + 7;
        struct expr_bag *b = expr_bag_new(evt_type_of(EVT_STRING), orders[o]);
        for (int step = 0; step < N_STEPS; step++) {
            char text[24];
            uint32_t i = next(&seed) % N_VALUES;
            int64_t by = next(&seed) % 2 ? 1 : -1; /* below zero, too */
            struct evt_val v = value_of(i, text);
            expr_bag_add(b, &v, by);
            counts[i] += by;
            agree(b, counts, orders[o]);
            if (step % 501 == 0)
                b = reload(b, orders[o]);
        }
        expr_bag_free(b);
    }
}

static void a_merge_adds_counts(void **state) {
    int64_t counts[N_VALUES] = { 0 };
    uint32_t seed = 3;
    struct expr_bag *parts[3];
    (void)state;
    for (size_t p = 0; p < 3; p++)
        parts[p] = expr_bag_new(evt_type_of(EVT_STRING), EXPR_BAG_MOST);
    for (int step = 0; step < N_STEPS; step++) {
        char text[24];
        uint32_t i = next(&seed) % N_VALUES;
        int64_t by = next(&seed) % 3 ? 1 : -1;
        struct evt_val v = value_of(i, text);
        expr_bag_add(parts[next(&seed) % 3], &v, by);
        counts[i] += by;
    }
    expr_bag_merge(parts[0], parts[1]);
    expr_bag_merge(parts[0], parts[2]);
    agree(parts[0], counts, EXPR_BAG_MOST);
    assert_true(expr_bag_bytes(parts[0]) > 0);
    for (size_t p = 0; p < 3; p++)
        expr_bag_free(parts[p]);
}

static void hostile_bytes_do_no_harm(void **state) {
    struct base_buf bytes = BASE_BUF_INIT;
    struct base_arena scratch;
    uint32_t seed = 11;
    char text[24];
    (void)state;
    base_arena_init(&scratch, 0);
    struct expr_bag *b = expr_bag_new(evt_type_of(EVT_STRING), EXPR_BAG_LEAST);
    for (uint32_t i = 0; i < 20; i++) {
        struct evt_val v = value_of(i, text);
        expr_bag_add(b, &v, 1 + (int64_t)i);
    }
    expr_bag_pack(&bytes, b);
    expr_bag_free(b);
    for (int round = 0; round < 3000; round++) {
        size_t at = next(&seed) % bytes.len, len = next(&seed) % 3 ? bytes.len : at;
        char old = bytes.p[at];
        bytes.p[at] = (char)next(&seed);
        struct base_unpack u = base_unpack_of((struct base_str){ bytes.p, len });
        expr_bag_free(expr_bag_unpack(&u, evt_type_of(EVT_STRING), EXPR_BAG_LEAST, &scratch));
        bytes.p[at] = old;
        base_arena_clear(&scratch);
    }
    base_buf_release(&bytes);
    base_arena_release(&scratch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_extremes_agree),
        cmocka_unit_test(a_merge_adds_counts),
        cmocka_unit_test(hostile_bytes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
