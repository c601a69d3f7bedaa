/*
 * nfa_save, nfa_load: what a matcher's state is like on disk; edited patterns; sleeping starts; damaged bytes.
 *
 * That a matcher saved and loaded after every event gives what an undisturbed one gives is tested on random patterns by
 * nfa_random_test.
 */
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"
#include "base/base_pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct plan_pattern no_skip = { .skip = PLAN_SKIP_NONE };

static uint64_t seed = 88172645463325252;
static unsigned pick(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

/* -- keys ------------------------------------------------------------------------------------------------------ */

/* Several keys, matcher against matcher; the order of emission counts, but for keys among themselves at one instant. */
static void keys_come_back(void **state) {
    (void)state;
    static const char *const patterns[] = { "a+ -> b", "a -> b -> !n", "a ->> b{2} ->> c", "all(a, b) -> c" };
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        struct plan_pattern o = { .skip = p % 2 ? PLAN_SKIP_PAST_LAST : PLAN_SKIP_NONE,
            .within_kind = PLAN_WITHIN_FIRST_LAST,
            .within_us = 40 };
        struct nfa_kit plain, again;
        assert_true(nfa_kit_init(&plain, patterns[p], &o, NFA_KIT_KEYED | NFA_KIT_RICH));
        assert_true(nfa_kit_init(&again, patterns[p], &o, NFA_KIT_KEYED | NFA_KIT_RICH));
        for (int64_t t = 1; t < 400; t++) {
            char name = "aabbcn"[pick(6)];
            int64_t key = pick(9) - 4;
            nfa_kit_event(&plain, name, t, key);
            nfa_kit_event(&again, name, t, key);
            if (pick(3) == 0) {
                nfa_kit_advance(&plain, t - 5);
                nfa_kit_advance(&again, t - 5);
            }
            if (pick(7) == 0)
                nfa_kit_reload(&again);
        }
        nfa_kit_advance(&plain, EVT_TIME_MAX);
        nfa_kit_advance(&again, EVT_TIME_MAX);
        assert_true(plain.n_matches > 0);
        char *want = base_strdup(nfa_kit_matches(&plain));
        assert_string_equal(nfa_kit_matches(&again), want);
        base_free(want);
        want = base_strdup(nfa_kit_timeouts(&plain));
        assert_string_equal(nfa_kit_timeouts(&again), want);
        base_free(want);
        nfa_kit_release(&plain);
        nfa_kit_release(&again);
    }
}

/* -- sleeping starts -------------------------------------------------------------------------------------------- */

/* Streams long enough that starts sleep. */
static void sleeping_starts_come_back(void **state) {
    (void)state;
    static const char *const patterns[] = { "a -> b -> c", "a ->> b ->> c -> !n", "a -> b{2,} -> c",
        "a+ -> c" };
    uint64_t slept = 0;
    for (unsigned round = 0; round < 40; round++) {
        struct plan_pattern o = {
            .skip = PLAN_SKIP_PAST_LAST, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 100 + pick(300)
        };
        struct nfa_kit plain, again;
        unsigned flags = NFA_KIT_NO_TIMEOUTS | (round % 2 ? NFA_KIT_RICH : 0);
        assert_true(nfa_kit_init(&plain, patterns[round / 2 % 4], &o, flags));
        assert_true(nfa_kit_init(&again, patterns[round / 2 % 4], &o, flags));
        for (int64_t t = 1; t < 500; t++) {
            char name = "aaaaaabbbbxxcn"[pick(pick(20) == 0 ? 14 : 12)];
            nfa_kit_event(&plain, name, t, 0);
            nfa_kit_event(&again, name, t, 0);
            nfa_kit_advance(&plain, t - 2);
            nfa_kit_advance(&again, t - 2);
            struct nfa_stats stats;
            nfa_matcher_stats(again.matcher, &stats);
            slept += stats.asleep;
            if (pick(25) == 0)
                nfa_kit_reload(&again);
        }
        nfa_kit_advance(&plain, EVT_TIME_MAX);
        nfa_kit_advance(&again, EVT_TIME_MAX);
        char *want = base_strdup(nfa_kit_matches(&plain));
        assert_string_equal(nfa_kit_matches(&again), want);
        base_free(want);
        nfa_kit_release(&plain);
        nfa_kit_release(&again);
    }
    assert_true(slept > 0);
}

/* -- edited patterns --------------------------------------------------------------------------------------------- */

struct edit {
    const char *before, *events, *after, *more;
    const char *matches; /* of the edited pattern */
    const char *lost;    /* "N what, ..."; "" = nothing */
};

static void check_edit(const struct edit *e, const struct plan_pattern *was, const struct plan_pattern *now,
    unsigned flags_was, unsigned flags_now) {
    struct nfa_kit a, b;
    struct nfa_kit_saved s = { .n = 0 };
    struct sto_losses losses;
    sto_losses_init(&losses);
    assert_true(nfa_kit_init(&a, e->before, was, flags_was));
    assert_true(nfa_kit_init(&b, e->after, now, flags_now));
    nfa_kit_events(&a, e->events, NFA_KIT_ONE_BY_ONE, true);
    nfa_kit_save(&a, &s);
    nfa_kit_load(&b, &s, &losses);
    b.n_events = a.n_events;
    nfa_kit_events(&b, e->more, NFA_KIT_ONE_BY_ONE, false);
    struct base_buf lost = BASE_BUF_INIT;
    for (size_t i = 0; i < losses.n; i++) {
        assert_string_equal(losses.v[i].op, "p");
        base_buf_printf(
            &lost, "%s%llu %s", i ? ", " : "", (unsigned long long)losses.v[i].n, losses.v[i].what);
    }
    assert_string_equal(base_buf_cstr(&lost), e->lost);
    assert_string_equal(nfa_kit_matches(&b), e->matches);
    base_buf_release(&lost);
    sto_losses_release(&losses);
    nfa_kit_saved_release(&s);
    nfa_kit_release(&a);
    nfa_kit_release(&b);
}

static void edits_keep_what_means_the_same(void **state) {
    (void)state;
    static const struct edit edits[] = {
        /* The same. */
        { "a -> b -> c", "a@1 b@2 a@3 x@4", "a -> b -> c", "b@5 c@6", "a0 b1 c5|a2 b4 c5", "" },
        /* A step is added at the end: nothing that was open leads to the same end. */
        { "a -> b", "a@1 x@2", "a -> b -> c", "b@5 c@6", "", "1 partial matches at \"wait b\"" },
        /* A beginning is added: what stood behind it goes on. */
        { "a -> b -> c", "a@1 b@2 a@3 x@4", "q a -> b -> c", "b@5 c@6", "a0 b1 c5|a2 b4 c5", "" },
        /* A variable is no more. */
        { "a -> b -> c", "a@1 b@2 x@3", "q -> b -> c", "c@6", "", "1 partial matches at \"wait c\"" },
        /* Alternatives are added in front: states have other numbers and the same future. */
        { "a -> b", "a@1 x@2", "(q | a) -> b", "b@3", "a0 b2", "" },
        /* How the next event follows. */
        { "a -> b", "a@1 x@2", "a ->> b", "b@3 b@4", "", "1 partial matches at \"wait b\"" },
        /* Bounds. */
        { "a ->[9] b", "a@1 x@2", "a ->[8] b", "b@3", "", "1 partial matches at \"wait b\"" },
        { "a ->[9] b", "a@1 x@2", "a ->[9] b", "b@3", "a0 b2", "" },
        /* Repetitions done do not count where the rest is the same. */
        { "a{3} b", "a@1 a@2 x@3", "a{2} b", "a@4 b@5", "a0 a1 a3 b4",
            "1 partial matches at \"wait a after 1\"" },
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        check_edit(&edits[i], &no_skip, &no_skip, 0, 0);
        check_edit(&edits[i], &no_skip, &no_skip, NFA_KIT_SETS, NFA_KIT_SETS);
    }
    /* The last step is another one; the loop before it is another state. Starts share a partial match in one store only. */
    const struct edit runs = { "a+ -> b", "a@1 a@2 x@3", "a+ -> c", "b@5 c@6", "",
        "1 partial matches at \"wait a | b after 1+\", 1 partial matches at \"wait b\"" };
    const struct edit sets = { "a+ -> b", "a@1 a@2 x@3", "a+ -> c", "b@5 c@6", "",
        "2 partial matches at \"wait a | b after 1+\", 1 partial matches at \"wait b\"" };
    check_edit(&runs, &no_skip, &no_skip, 0, 0);
    check_edit(&sets, &no_skip, &no_skip, NFA_KIT_SETS, NFA_KIT_SETS);
}

static void a_condition_that_changed_is_another_future(void **state) {
    (void)state;
    const struct edit e = { "a -> b -> c", "a@1 x@2", "a -> b -> c", "b@5 c@6", "",
        "1 partial matches at \"wait b\"" };
    check_edit(&e, &no_skip, &no_skip, 0, NFA_KIT_RICH);
}

static void another_key_loses_all(void **state) {
    (void)state;
    const struct edit e = { "a -> b", "a@1 x@2 a@3", "a -> b", "b@5", "",
        "1 partial matches at \"wait b\", 1 events that wait for the watermark" };
    check_edit(&e, &no_skip, &no_skip, 0, NFA_KIT_KEYED);
}

static void a_longer_time_limit_holds_for_open_matches(void **state) {
    (void)state;
    struct plan_pattern was = { .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 5 }, now = was;
    now.within_us = 50;
    const struct edit longer = { "a -> b", "a@1 x@2", "a -> b", "b@20", "a0 b2", "" };
    const struct edit shorter = { "a -> b", "a@1 x@12", "a -> b", "b@14", "", "" };
    check_edit(&longer, &was, &now, 0, 0);
    check_edit(&shorter, &now, &was, 0, 0);
}

/* Passes save work, they do not change what state means. */
static void passes_do_not_matter(void **state) {
    (void)state;
    struct plan_pattern o = {
        .skip = PLAN_SKIP_PAST_LAST, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 90
    };
    const struct edit e = { "a+ -> b -> c", "a@1 a@2 x@3 a@4 b@5 a@6 b@7 x@8", "a+ -> b -> c",
        "c@9 a@10 b@11 c@12", "a0 a1 a3 b4 c8|a9 b10 c11", "" };
    const unsigned off = NFA_KIT_NO_CALM | NFA_KIT_NO_DOMINATE | NFA_KIT_NO_COVER;
    check_edit(&e, &o, &o, NFA_KIT_NO_TIMEOUTS, NFA_KIT_NO_TIMEOUTS | off);
    check_edit(&e, &o, &o, NFA_KIT_NO_TIMEOUTS | off, NFA_KIT_NO_TIMEOUTS);
}

/* A matcher in which starts sleep, loaded into one that has no such thing, and the other way round. */
static void sleepers_wake_where_nothing_sleeps(void **state) {
    (void)state;
    struct plan_pattern o = {
        .skip = PLAN_SKIP_PAST_LAST, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 400
    };
    static const char *const patterns[] = { "a -> b{2,} -> c", "a -> b{3,} -> c", "a -> b -> c" };
    uint64_t slept = 0;
    for (unsigned round = 0; round < 9; round++) {
        struct nfa_kit plain, from, to;
        struct nfa_kit_saved s = { .n = 0 };
        struct sto_losses losses;
        struct nfa_stats stats;
        sto_losses_init(&losses);
        unsigned flags = NFA_KIT_NO_TIMEOUTS | (round % 4 == 3 ? NFA_KIT_RICH : 0);
        assert_true(nfa_kit_init(&plain, patterns[round % 3], &o, flags));
        /* Where every event is tried on every partial match, starts soon sleep. */
        assert_true(nfa_kit_init(&from, patterns[round % 3], &o, flags | NFA_KIT_NO_CALM));
        assert_true(nfa_kit_init(&to, patterns[round % 3], &o, flags | NFA_KIT_NO_COVER));
        bool moved = false;
        for (int64_t t = 1; t < 500; t++) {
            char name = "aaaaaabbbbxxcn"[pick(pick(30) == 0 ? 14 : 12)];
            nfa_kit_event(&plain, name, t, 0);
            nfa_kit_event(moved ? &to : &from, name, t, 0);
            nfa_kit_advance(&plain, t - 1);
            nfa_kit_advance(moved ? &to : &from, t - 1);
            nfa_matcher_stats(from.matcher, &stats);
            if (!moved && (stats.asleep > 1 || t == 400)) {
                moved = true;
                slept += stats.asleep;
                nfa_kit_save(&from, &s);
                nfa_kit_load(&to, &s, &losses);
                to.n_events = from.n_events;
            }
        }
        nfa_kit_advance(&plain, EVT_TIME_MAX);
        nfa_kit_advance(&to, EVT_TIME_MAX);
        assert_int_equal(losses.n, 0);
        /* Matches of the first half were emitted there. */
        assert_int_equal(plain.n_matches, from.n_matches + to.n_matches);
        for (size_t i = 0; i < to.n_matches; i++)
            assert_string_equal(to.matches[i], plain.matches[from.n_matches + i]);
        sto_losses_release(&losses);
        nfa_kit_saved_release(&s);
        nfa_kit_release(&plain);
        nfa_kit_release(&from);
        nfa_kit_release(&to);
    }
    assert_true(slept > 0);
}

/* -- damage ------------------------------------------------------------------------------------------------------- */

/* Any byte changed, any length: refused or loaded, never a crash; what was loaded is in order. */
static void damaged_entries_do_no_harm(void **state) {
    (void)state;
    struct plan_pattern o = { .skip = PLAN_SKIP_TO_LAST,
        .skip_var = 0,
        .within_kind = PLAN_WITHIN_FIRST_LAST,
        .within_us = 90,
        .limit_matches = 5 };
    struct nfa_kit k;
    struct nfa_kit_saved s = { .n = 0 };
    assert_true(nfa_kit_init(&k, "a+ -> b -> c", &o, NFA_KIT_KEYED));
    nfa_kit_events(&k, "a@1 a@2 b@3 a@4 x@5 b@6 a@7 b@7", NFA_KIT_ONE_BY_ONE, true);
    nfa_kit_save(&k, &s);
    assert_true(s.n >= 3);
    size_t refused = 0;
    for (unsigned round = 0; round < 20000; round++) {
        struct base_unpack u = base_unpack_of(base_buf_view(&s.bytes));
        struct nfa_out out = { .arg = NULL };
        struct nfa_matcher *m = nfa_matcher_new(k.prog, &out, NULL);
        unsigned victim = pick((unsigned)s.n);
        enum cep_rc rc = CEP_OK;
        char *copies[16] = { NULL };
        for (unsigned i = 0; i < s.n && rc == CEP_OK; i++) {
            struct sto_entry e;
            e.ns = (uint32_t)base_unpack_varint(&u);
            e.group = base_unpack_u32(&u);
            e.key = base_unpack_str(&u);
            e.value = base_unpack_str(&u);
            if (i == victim) {
                /* In memory of its own, so that a read past the end is seen. */
                size_t len = pick(4) ? e.value.len : pick((unsigned)e.value.len + 1);
                char *copy = base_alloc(len + 1);
                memcpy(copy, e.value.p, len);
                for (unsigned n = pick(3) + (len == e.value.len); n > 0 && len; n--)
                    copy[pick((unsigned)len)] = (char)pick(pick(2) ? 256 : 6);
                copies[i] = base_realloc(copy, len ? len : 1);
                e.value = (struct base_str){ copies[i], len };
            }
            rc = nfa_matcher_load(m, &e, NULL, NULL);
        }
        refused += rc != CEP_OK;
        if (rc == CEP_OK && nfa_matcher_loaded(m, NULL, NULL) == CEP_OK) {
            nfa_matcher_check(m);
            (void)nfa_matcher_advance(m, EVT_TIME_MAX, NULL);
        }
        nfa_matcher_free(m);
        for (size_t i = 0; i < sizeof copies / sizeof copies[0]; i++)
            base_free(copies[i]);
    }
    assert_true(refused > 1000);
    nfa_kit_saved_release(&s);
    nfa_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_back),
        cmocka_unit_test(sleeping_starts_come_back),
        cmocka_unit_test(edits_keep_what_means_the_same),
        cmocka_unit_test(a_condition_that_changed_is_another_future),
        cmocka_unit_test(another_key_loses_all),
        cmocka_unit_test(a_longer_time_limit_holds_for_open_matches),
        cmocka_unit_test(passes_do_not_matter),
        cmocka_unit_test(sleepers_wake_where_nothing_sleeps),
        cmocka_unit_test(damaged_entries_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
