/* What a matcher keeps, for how long, and what it costs. */
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nfa_stats stats_of(const struct nfa_kit *k) {
    struct nfa_stats s;
    nfa_matcher_stats(k->matcher, &s);
    return s;
}

static const struct plan_pattern default_within = {
    .skip = PLAN_SKIP_PAST_LAST, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 1000000
};

static void a_key_without_state_is_gone(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a -> b", &default_within, NFA_KIT_KEYED));
    for (int64_t i = 0; i < 500; i++)
        nfa_kit_event(&k, 'a', 1 + i, i);
    nfa_kit_advance(&k, 1000);
    assert_int_equal(stats_of(&k).keys, 500);
    for (int64_t i = 0; i < 400; i++)
        nfa_kit_event(&k, 'b', 2000 + i, i);
    nfa_kit_advance(&k, 3000);
    assert_int_equal(stats_of(&k).keys, 100);
    assert_int_equal(stats_of(&k).matches, 400);
    assert_int_equal(nfa_matcher_next_timer(k.matcher), 1000401);
    nfa_kit_advance(&k, 2000000);
    struct nfa_stats s = stats_of(&k);
    assert_int_equal(s.keys, 0);
    assert_int_equal(s.open, 0);
    assert_int_equal(s.timed_out, 100);
    assert_int_equal(nfa_matcher_next_timer(k.matcher), EVT_TIME_MAX);
    nfa_kit_release(&k);
}

static void rows_that_change_nothing_cost_nothing(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a -> b", &default_within, NFA_KIT_KEYED));
    for (int64_t i = 0; i < 100; i++)
        nfa_kit_event(&k, 'x', 1 + i, i);
    struct nfa_stats s = stats_of(&k);
    assert_int_equal(s.events, 100);
    assert_int_equal(s.irrelevant, 100);
    assert_int_equal(s.buffered, 0);
    nfa_kit_release(&k);
    /* A strict step looks at every event, but none makes a key. */
    assert_true(nfa_kit_init(&k, "a b", &default_within, NFA_KIT_KEYED));
    nfa_kit_event(&k, 'x', 1, 1);
    nfa_kit_advance(&k, 10);
    assert_int_equal(stats_of(&k).irrelevant, 0);
    assert_int_equal(stats_of(&k).keys, 0);
    nfa_kit_release(&k);
}

static void nothing_happens_before_the_watermark(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a -> b", &default_within, 0));
    nfa_kit_event(&k, 'b', 20, 0);
    nfa_kit_event(&k, 'a', 10, 0);
    nfa_kit_advance(&k, 19);
    assert_int_equal(k.n_matches, 0);
    assert_int_equal(stats_of(&k).buffered, 1);
    nfa_kit_advance(&k, 20);
    assert_string_equal(nfa_kit_matches(&k), "b0 a1");
    nfa_kit_release(&k);
}

static struct evt_batch *many(struct nfa_kit *k, const char *names, uint32_t n, int64_t from) {
    struct evt_batch *b = evt_batch_new(&k->stream, 0);
    size_t len = strlen(names);
    for (uint32_t r = 0; r < n; r++) {
        evt_col_set_bytes(&b->cols[NFA_KIT_NAME], r, names + r % len, 1);
        evt_col_set_i(&b->cols[NFA_KIT_IDX], r, k->n_events);
        evt_col_set_i(&b->cols[NFA_KIT_PRICE], r, 1);
        evt_col_set_i(&b->cols[NFA_KIT_KEY], r, r % 16);
        evt_col_set_i(&b->cols[NFA_KIT_AT], r, from + r);
        b->time[r] = from + r;
        b->seq[r] = k->n_events++;
        b->origin[r] = 0;
        evt_batch_end_row(b);
    }
    return b;
}

static void feed(struct nfa_kit *k, const char *names, uint32_t batches) {
    for (uint32_t i = 0; i < batches; i++) {
        int64_t from = (int64_t)k->n_events + 1;
        struct evt_batch *b = many(k, names, EVT_BATCH_ROWS, from);
        assert_int_equal(nfa_matcher_batch(k->matcher, 0, b, 0, &k->err), CEP_OK);
        evt_batch_unref(b);
        assert_int_equal(nfa_matcher_advance(k->matcher, from + EVT_BATCH_ROWS - 1, &k->err), CEP_OK);
    }
}

/* Every event fits the loop: one partial match and an alias a start, not a partial match for each start and length. */
static void a_loop_that_takes_everything_stays_linear(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a+ -> b", &default_within, NFA_KIT_NO_TIMEOUTS));
    feed(&k, "a", 98);
    assert_int_equal(stats_of(&k).open, 1);
    assert_true(stats_of(&k).bytes < (uint64_t)98 * EVT_BATCH_ROWS * 200);
    nfa_kit_event(&k, 'b', (int64_t)k.n_events + 10, 0);
    nfa_kit_advance(&k, EVT_TIME_MAX);
    assert_int_equal(k.n_matches, 1);
    assert_int_equal(stats_of(&k).open, 0);
    nfa_kit_release(&k);
}

static void starts_slide_out_of_the_window(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = default_within;
    with.within_us = 1000;
    assert_true(nfa_kit_init(&k, "a+ -> b", &with, NFA_KIT_NO_TIMEOUTS));
    feed(&k, "a", 20);
    uint64_t bytes = stats_of(&k).bytes;
    feed(&k, "a", 60);
    assert_int_equal(stats_of(&k).bytes, bytes);
    nfa_matcher_check(k.matcher);
    nfa_kit_event(&k, 'b', (int64_t)k.n_events + 1, 0);
    nfa_kit_advance(&k, EVT_TIME_MAX);
    assert_int_equal(k.n_matches, 1);
    nfa_kit_release(&k);
}

static void thousands_open_in_one_key(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = default_within;
    with.skip = PLAN_SKIP_NONE;
    with.within_us = 5000;
    assert_true(nfa_kit_init(&k, "a -> b", &with, 0));
    feed(&k, "a", 40);
    assert_int_equal(stats_of(&k).open, 5000);
    nfa_kit_release(&k);
}

static void no_allocation_once_warm(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = default_within;
    with.within_us = 300;
    assert_true(nfa_kit_init(&k, "a -> c+ -> n -> q", &with, NFA_KIT_KEYED | NFA_KIT_RICH));
    struct evt_batch *batches[12];
    for (int i = 0; i < 12; i++)
        batches[i] = many(&k, "acxxacnx", EVT_BATCH_ROWS, 1 + i * EVT_BATCH_ROWS);
    uint64_t before = 0;
    struct nfa_matcher *m = nfa_matcher_new(k.prog, NULL, NULL);
    for (int i = 0; i < 12; i++) {
        if (i == 6)
            before = base_mem_n_allocs();
        assert_int_equal(nfa_matcher_batch(m, 0, batches[i], 0, &k.err), CEP_OK);
        assert_int_equal(nfa_matcher_advance(m, (i + 1) * EVT_BATCH_ROWS, &k.err), CEP_OK);
    }
    struct nfa_stats s;
    nfa_matcher_stats(m, &s);
    assert_true(s.timed_out > 1000);
#ifndef __SANITIZE_ADDRESS__ /* there every object is an allocation */
    assert_int_equal(base_mem_n_allocs(), before);
#else
    (void)before;
#endif
    nfa_matcher_free(m);
    for (int i = 0; i < 12; i++)
        evt_batch_unref(batches[i]);
    nfa_kit_release(&k);
}

static void processing_time_takes_events_as_they_come(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a -> b", &default_within, 0));
    struct nfa_matcher *m = nfa_matcher_new(
        k.prog, NULL, &(struct nfa_matcher_opts){ .processing_time = true });
    struct evt_batch *b = many(&k, "ab", 2, 10);
    assert_int_equal(nfa_matcher_batch(m, 0, b, 11, &k.err), CEP_OK);
    evt_batch_unref(b);
    struct nfa_stats s;
    nfa_matcher_stats(m, &s);
    assert_int_equal(s.matches, 1);
    nfa_matcher_free(m);
    nfa_kit_release(&k);
}

static void a_budget_that_runs_out_is_an_error(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = default_within;
    with.skip = PLAN_SKIP_NONE;
    assert_true(nfa_kit_init(&k, "a -> b", &with, 0));
    struct nfa_matcher *m = nfa_matcher_new(k.prog, NULL, &(struct nfa_matcher_opts){ .max_bytes = 20000 });
    struct evt_batch *b = many(&k, "a", EVT_BATCH_ROWS, 10);
    assert_int_equal(nfa_matcher_batch(m, 0, b, 0, &k.err), CEP_OK);
    evt_batch_unref(b);
    assert_int_equal(nfa_matcher_advance(m, 100000, &k.err), CEP_ELIMIT);
    nfa_matcher_free(m);
    nfa_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_without_state_is_gone),
        cmocka_unit_test(rows_that_change_nothing_cost_nothing),
        cmocka_unit_test(nothing_happens_before_the_watermark),
        cmocka_unit_test(a_loop_that_takes_everything_stays_linear),
        cmocka_unit_test(starts_slide_out_of_the_window),
        cmocka_unit_test(thousands_open_in_one_key),
        cmocka_unit_test(no_allocation_once_warm),
        cmocka_unit_test(processing_time_takes_events_as_they_come),
        cmocka_unit_test(a_budget_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
