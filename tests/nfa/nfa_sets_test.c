/* The store of sets: what an event costs whatever is open, what a start costs, what goes when. */
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct plan_pattern past_last = {
    .skip = PLAN_SKIP_PAST_LAST, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 1000000
};

static const struct plan_pattern no_skip = {
    .skip = PLAN_SKIP_NONE, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 1000000
};
static const struct plan_pattern *const policies[] = { &past_last, &no_skip };
enum { N_POLICIES = 2 };

static struct nfa_stats stats_of(const struct nfa_matcher *m) {
    struct nfa_stats s;
    nfa_matcher_stats(m, &s);
    return s;
}

static void init(struct nfa_kit *k, const char *pattern, const struct plan_pattern *with, unsigned flags) {
    struct nfa_cost c;
    if (!nfa_kit_init(k, pattern, with, flags | NFA_KIT_NO_TIMEOUTS | NFA_KIT_SETS))
        fail_msg("%s: %s", pattern, k->err.message);
    nfa_cost_of(k->prog, &c);
    assert_string_equal(c.store, "sets");
}

static struct evt_batch *batch(struct nfa_kit *k, const char *names, uint32_t n, int64_t from) {
    struct evt_batch *b = evt_batch_new(&k->stream, 0);
    size_t len = strlen(names);
    for (uint32_t r = 0; r < n; r++) {
        evt_col_set_bytes(&b->cols[NFA_KIT_NAME], r, names + r % len, 1);
        evt_col_set_i(&b->cols[NFA_KIT_IDX], r, k->n_events);
        evt_col_set_i(&b->cols[NFA_KIT_PRICE], r, 1);
        evt_col_set_i(&b->cols[NFA_KIT_KEY], r, r / len % 8);
        evt_col_set_i(&b->cols[NFA_KIT_AT], r, from + r);
        b->time[r] = from + r;
        b->seq[r] = k->n_events++;
        b->origin[r] = 0;
        evt_batch_end_row(b);
    }
    return b;
}

/* n events, times one apart. */
static void feed(struct nfa_kit *k, const char *names, uint32_t n) {
    while (n) {
        uint32_t part = n < EVT_BATCH_ROWS ? n : EVT_BATCH_ROWS;
        int64_t from = (int64_t)k->n_events + 1;
        struct evt_batch *b = batch(k, names, part, from);
        assert_int_equal(nfa_matcher_batch(k->matcher, 0, b, 0, &k->err), CEP_OK);
        evt_batch_unref(b);
        assert_int_equal(nfa_matcher_advance(k->matcher, from + part - 1, &k->err), CEP_OK);
        n -= part;
    }
}

/* What one more event of that name looks at. */
static uint64_t work_of(struct nfa_kit *k, const char *name) {
    uint64_t before = stats_of(k->matcher).work;
    feed(k, name, 1);
    return stats_of(k->matcher).work - before;
}

static void an_event_costs_the_automaton_not_what_is_open(void **state) {
    (void)state;
    static const char *const patterns[] = { "a -> b -> c -> d", "a+ -> b -> c -> d",
        "a -> (b | n)+ -> c -> d", "a ->> b ->> c -> d" };
    for (size_t i = 0; i < N_POLICIES * sizeof patterns / sizeof *patterns; i++) {
        struct nfa_kit k;
        init(&k, patterns[i / N_POLICIES], policies[i % N_POLICIES], 0);
        feed(&k, "aaaaaaaaab", 100000);
        assert_true(stats_of(k.matcher).open >= 90000);
        for (int round = 0; round < 20; round++) {
            for (const char *name = "abnb"; *name; name++)
                assert_true(work_of(&k, (char[]){ *name, 0 }) < 60);
        }
        nfa_matcher_check(k.matcher);
        nfa_kit_release(&k);
    }
}

static void a_start_costs_little_memory(void **state) {
    (void)state;
    for (int i = 0; i < N_POLICIES; i++) {
        struct nfa_kit k;
        init(&k, "a -> b -> c", policies[i], 0);
        feed(&k, "aaaaaaaaaaaaaaaaaaab", 300000); /* the events behind the starts are shared */
        struct nfa_stats s = stats_of(k.matcher);
        assert_true(s.open > 284000);
#ifndef __SANITIZE_ADDRESS__
        if (s.bytes / s.open > 125)
            fail_msg("%llu bytes a start", (unsigned long long)(s.bytes / s.open));
#endif
        nfa_kit_release(&k);
    }
}

static void what_left_the_window_is_given_back(void **state) {
    (void)state;

    static const char *const patterns[] = { "a -> b -> c", "a+ -> b -> c", "a{2} -> b+ -> c",
        "a -> !n -> b -> c", "a ->> b ->> c" };
    for (size_t i = 0; i < N_POLICIES * sizeof patterns / sizeof *patterns; i++) {
        struct nfa_kit k;
        struct plan_pattern with = *policies[i % N_POLICIES];
        with.within_us = 2000;
        init(&k, patterns[i / N_POLICIES], &with, 0);
        feed(&k, "aabn", 20000);
        uint64_t bytes = stats_of(k.matcher).bytes;
        feed(&k, "aabn", 100000);
        assert_true(stats_of(k.matcher).bytes <= bytes + 4096);
        nfa_matcher_check(k.matcher);
        nfa_kit_advance(&k, EVT_TIME_MAX);
        struct nfa_stats s = stats_of(k.matcher);
        assert_int_equal(s.keys, 0);
        assert_int_equal(s.open + s.waiting, 0);
        nfa_kit_release(&k);
    }
}

/* Without a time limit only the first of the starts that have one future can win. */
static void needless_starts_are_not_kept(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = { .skip = PLAN_SKIP_PAST_LAST };
    init(&k, "a -> b -> c", &with, 0);
    feed(&k, "aab", 30000);
    assert_true(stats_of(k.matcher).open <= 2);
    feed(&k, "c", 1);
    nfa_kit_advance(&k, EVT_TIME_MAX);
    assert_string_equal(nfa_kit_matches(&k), "a0 b2 c30000");
    nfa_kit_release(&k);
}

static void no_allocation_once_warm(void **state) {
    (void)state;
    static const char *const patterns[] = { "a -> c+ -> n -> q", "a+ -> c -> n", "(a -> c)+ -> n" };
    for (size_t p = 0; p < N_POLICIES * sizeof patterns / sizeof *patterns; p++) {
        struct nfa_kit k;
        struct plan_pattern with = *policies[p % N_POLICIES];
        with.within_us = 300;
        init(&k, patterns[p / N_POLICIES], &with, NFA_KIT_KEYED);
        struct nfa_matcher *m = nfa_matcher_new(k.prog, NULL, NULL);
        struct evt_batch *batches[16];
        uint64_t before = 0;
        for (int i = 0; i < 16; i++)
            batches[i] = batch(&k, "acxxacanx", EVT_BATCH_ROWS, 1 + i * EVT_BATCH_ROWS);
        for (int i = 0; i < 16; i++) {
            if (i == 8)
                before = base_mem_n_allocs();
            assert_int_equal(nfa_matcher_batch(m, 0, batches[i], 0, &k.err), CEP_OK);
            assert_int_equal(nfa_matcher_advance(m, (i + 1) * EVT_BATCH_ROWS, &k.err), CEP_OK);
            evt_batch_unref(batches[i]);
        }
        assert_true(stats_of(m).started > 1000);
#ifndef __SANITIZE_ADDRESS__ /* there every object is an allocation */
        assert_int_equal(base_mem_n_allocs(), before);
#else
        (void)before;
#endif
        nfa_matcher_free(m);
        nfa_kit_release(&k);
    }
}

/* A match costs its own length to tell, whatever else is open. */
static void a_match_costs_its_length(void **state) {
    (void)state;
    struct nfa_kit k;
    init(&k, "a -> b -> c", &no_skip, 0);
    feed(&k, "ab", 2);
    feed(&k, "a", 100000);
    assert_true(stats_of(k.matcher).open > 100000);
    assert_true(work_of(&k, "c") < 30);
    assert_string_equal(nfa_kit_matches(&k), "a0 b1 c100002");
    nfa_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_costs_the_automaton_not_what_is_open),
        cmocka_unit_test(a_start_costs_little_memory),
        cmocka_unit_test(what_left_the_window_is_given_back),
        cmocka_unit_test(needless_starts_are_not_kept),
        cmocka_unit_test(a_match_costs_its_length),
        cmocka_unit_test(no_allocation_once_warm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
