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

/*
 * Under a skip policy, where a start may have several partial matches that differ by their last event's time, wait for an absence, or
 * are counted: an event costs the automaton, and what it settles is settled once.
 */
static void what_survives_costs_the_automaton(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *open, *names;
        unsigned flags;
        uint64_t limit_open;
    } rows[] = {
        { "a ->> b ->[20] c", "a", "abncb", NFA_KIT_NO_TIMEOUTS, 0 },
        { "a ->> b ->[20] c -> d", "aab", "abncbc", NFA_KIT_NO_TIMEOUTS, 0 },
        { "(x -> a+ | a) ->> b ->[20] c -> d", "aab", "abncbc", NFA_KIT_NO_TIMEOUTS, 0 },
        { "a ->> b -> !c", "a", "abnb", NFA_KIT_NO_TIMEOUTS, 0 },
        { "a ->> b ->[20] !c", "a", "anan", NFA_KIT_NO_TIMEOUTS, 0 },
        { "a ->> b ->> c -> d", "aaaab", "abncb", NFA_KIT_NO_TIMEOUTS, 1000000 },
        { "a+ -> b -> c", "a", "anna", 0, 0 },
        { "a ->> b -> c", "aab", "anbb", 0, 0 },
    };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct nfa_kit k;
        struct plan_pattern with = past_last;
        with.skip = i % 2 ? PLAN_SKIP_TO_NEXT : PLAN_SKIP_PAST_LAST;
        with.limit_open = rows[i / 2].limit_open;
        assert_true(nfa_kit_init(&k, rows[i / 2].pattern, &with, rows[i / 2].flags | NFA_KIT_SETS));
        feed(&k, rows[i / 2].open, 100000);
        struct nfa_stats before = stats_of(k.matcher);
        assert_true(before.open >= 40000);
        uint64_t settled = 0, work = 0;
        for (int round = 0; round < 40; round++) {
            for (const char *name = rows[i / 2].names; *name; name++) {
                uint64_t done = stats_of(k.matcher).matches + stats_of(k.matcher).pruned,
                         cost = work_of(&k, (char[]){ *name, 0 });
                done = stats_of(k.matcher).matches + stats_of(k.matcher).pruned - done;
                settled += done;
                work += cost;
                if (!done && cost >= 120)
                    fail_msg("%s: %llu for %c", rows[i / 2].pattern, (unsigned long long)cost, *name);
            }
        }
        /* A start that is settled is passed once, and so is what it took. */
        if (work > 40 * 6 * 60 + 30 * (settled + 1) + (settled ? 30 * before.open : 0))
            fail_msg("%s: %llu, %llu settled", rows[i / 2].pattern, (unsigned long long)work,
                (unsigned long long)settled);
        nfa_matcher_check(k.matcher);
        nfa_kit_release(&k);
    }
}

/* What `->>` takes of the right age, and leaves where it is, is one list, however many events it was taken behind. */
static void what_stays_is_taken_as_one(void **state) {
    (void)state;
    static const char *const patterns[] = { "a ->> b ->>[30000] c -> d", "a ->> b ->>[5000,30000] c -> d",
        "a ->> b ->>[30000] (c ->>[20000] x)+ -> d" };
    static const enum plan_skip skips[] = { PLAN_SKIP_PAST_LAST, PLAN_SKIP_TO_NEXT, PLAN_SKIP_NONE };
    for (size_t i = 0; i < 3 * sizeof patterns / sizeof *patterns; i++) {
        struct nfa_kit k;
        struct plan_pattern with = past_last;
        with.skip = skips[i % 3];
        init(&k, patterns[i / 3], &with, 0);
        feed(&k, "ab", 60000);
        feed(&k, "abcnx", 10); /* the lists are made */
        struct nfa_stats before = stats_of(k.matcher);
        feed(&k, "abcnx", 20000);
        struct nfa_stats after = stats_of(k.matcher);
        assert_true(before.open >= 30000);
        if (after.work - before.work >= UINT64_C(60) * 20000)
            fail_msg("%s, skip %d: %llu", patterns[i / 3], (int)with.skip,
                (unsigned long long)(after.work - before.work));
        nfa_matcher_check(k.matcher);
        nfa_kit_release(&k);
    }
}

/* So many are never in the short streams of random tests. */
static void what_is_taken_as_one_is_what_was_taken_one_by_one(void **state) {
    (void)state;
    static const char *const patterns[] = { "a ->> b ->>[15] c -> d", "a ->> b ->>[6,25] c ->>[9] d",
        "(a | x) ->> b ->>[20] c{2} -> d", "a ->> (b ->>[15] c | c ->>[3,12] b) ->> d",
        "a+ ->>[8,20] b -> d" };
    static const enum plan_skip skips[] = { PLAN_SKIP_PAST_LAST, PLAN_SKIP_TO_NEXT, PLAN_SKIP_TO_LAST };
    uint64_t random = 5;
    for (int round = 0; round < 150; round++) {
        struct nfa_kit runs, sets;
        struct plan_pattern with = past_last;
        struct base_buf events = BASE_BUF_INIT;
        with.skip = skips[round % 3];
        with.skip_var = 1;
        with.within_us = 30 + round % 40;
        for (int i = 0, time = 1; i < 90; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            time += (random >> 50) % 4 != 0;
            base_buf_printf(&events, "%s%c@%d", i ? " " : "",
                round % 2 ? "aabbbcnxd"[(random >> 40) % 9]
                          : "abbbbbcbnabbbbbcbnabbbbbcbnd"[(random >> 40) % 28],
                time);
        }
        const char *pattern = patterns[round % 5];
        assert_true(nfa_kit_init(&runs, pattern, &with, NFA_KIT_NO_TIMEOUTS));
        assert_true(nfa_kit_init(&sets, pattern, &with, NFA_KIT_NO_TIMEOUTS | NFA_KIT_SETS));
        nfa_kit_events(&runs, base_buf_cstr(&events), NFA_KIT_ONE_BY_ONE, false);
        nfa_kit_events(
            &sets, base_buf_cstr(&events), round % 4 ? NFA_KIT_ONE_BY_ONE : NFA_KIT_RELOADED, false);
        const char *want = nfa_kit_matches_in_order(&runs), *got = nfa_kit_matches_in_order(&sets);
        if (strcmp(got, want) != 0)
            fail_msg("%s on %s: expected %s, got %s", pattern, base_buf_cstr(&events), want, got);
        base_buf_release(&events);
        nfa_kit_release(&runs);
        nfa_kit_release(&sets);
    }
}

/* Steps with a time of their own: an event looks at what it moves, not at what has the wrong age. */
static void an_event_costs_what_has_the_right_age(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *names; /* that move nothing */
    } rows[] = { { "a ->[1000000] b -> c", "xnc" }, { "a ->[500000,900000] b -> c", "bxc" },
        { "a -> (b ->[500000,900000] c | n) -> q", "cx" }, { "a ->[900000] b{2} ->[9] c", "cx" } };
    for (size_t i = 0; i < N_POLICIES * sizeof rows / sizeof *rows; i++) {
        struct nfa_kit k;
        init(&k, rows[i / N_POLICIES].pattern, policies[i % N_POLICIES], 0);
        feed(&k, "a", 50000);
        for (int round = 0; round < 20; round++) {
            for (const char *name = rows[i / N_POLICIES].names; *name; name++) {
                uint64_t work = work_of(&k, (char[]){ *name, 0 });
                if (work >= 60)
                    fail_msg("%s: %llu", rows[i / N_POLICIES].pattern, (unsigned long long)work);
            }
        }
        nfa_matcher_check(k.matcher);
        nfa_kit_release(&k);
    }
}

/* What is older than every time of its step is one. */
static void old_starts_are_one_again(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = { .skip = PLAN_SKIP_PAST_LAST };
    init(&k, "a -> b ->[50,4000000] c -> q", &with, 0);
    feed(&k, "ab", 300);
    assert_true(stats_of(k.matcher).open > 30);
    nfa_kit_release(&k);
    init(&k, "a ->[50,4000000] b -> (c ->[5] c)* -> q", &with, 0);
    feed(&k, "a", 300);
    feed(&k, "b", 1);
    assert_true(stats_of(k.matcher).open < 60);
    feed(&k, "a", 30000);
    feed(&k, "b", 1);
    assert_true(stats_of(k.matcher).open < 120);
    nfa_kit_release(&k);
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
        "a -> !n -> b -> c", "a ->> b ->> c", "a ->[1000] b -> c", "a -> b ->[300,1000] c",
        "a ->[100] b{2} -> c" };
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

/* The most that was held after any of `n` times 7,000 events. */
static uint64_t most_bytes(struct nfa_kit *k, int n) {
    uint64_t most = 0;
    for (int i = 0; i < n; i++) {
        feed(k, "aaaaaaaaab", 7000);
        uint64_t bytes = stats_of(k->matcher).bytes;
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Bounds alone let go of what they end, though an earlier start stays. */
static void what_is_out_of_bounds_is_given_back(void **state) {
    (void)state;
    static const char *const patterns[] = { "a ->[1000] b ->[1000] c", "(x -> q | a ->[1000] b ->[1000] c)",
        "a ->[500,1000] b ->[1000] c" };
    for (size_t i = 0; i < N_POLICIES * sizeof patterns / sizeof *patterns; i++) {
        struct nfa_kit k;
        struct plan_pattern with = { .skip = i % N_POLICIES ? PLAN_SKIP_NONE : PLAN_SKIP_PAST_LAST };
        init(&k, patterns[i / N_POLICIES], &with, 0);
        feed(&k, "x", 1);
        /* It goes up and down with the rows that wait to be moved together: its peaks do not grow. */
        uint64_t bytes = most_bytes(&k, 8), later = most_bytes(&k, 16);
        if (later > bytes + 8192)
            fail_msg("%s: %llu, then %llu", patterns[i / N_POLICIES], (unsigned long long)bytes,
                (unsigned long long)later);
        nfa_matcher_check(k.matcher);
        nfa_kit_advance(&k, EVT_TIME_MAX);
        /* Behind a start that stays what is over is found when the next event comes. */
        assert_true(stats_of(k.matcher).open + stats_of(k.matcher).waiting < (i / N_POLICIES == 1 ? 200 : 1));
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

/* k's pattern, over and over the same events. */
static void check_no_allocation(struct nfa_kit *k, const char *name) {
    struct nfa_matcher *m = nfa_matcher_new(k->prog, NULL, NULL);
    struct evt_batch *batches[16];
    uint64_t before = 0;
    for (int i = 0; i < 16; i++)
        batches[i] = batch(k, "acxxacanx", EVT_BATCH_ROWS, 1 + i * EVT_BATCH_ROWS);
    for (int i = 0; i < 16; i++) {
        if (i == 8)
            before = base_mem_n_allocs();
        assert_int_equal(nfa_matcher_batch(m, 0, batches[i], 0, &k->err), CEP_OK);
        assert_int_equal(nfa_matcher_advance(m, (i + 1) * EVT_BATCH_ROWS, &k->err), CEP_OK);
        evt_batch_unref(batches[i]);
    }
    assert_true(stats_of(m).started > 1000);
#ifndef __SANITIZE_ADDRESS__ /* there every object is an allocation */
    if (base_mem_n_allocs() != before)
        fail_msg("%s: %llu", name, (unsigned long long)(base_mem_n_allocs() - before));
#else
    (void)before;
    (void)name;
#endif
    nfa_matcher_free(m);
}

static void no_allocation_once_warm(void **state) {
    (void)state;
    static const char *const patterns[] = { "a -> c+ -> n -> q", "a+ -> c -> n", "(a -> c)+ -> n",
        "a ->[5] c ->[2,9] n" };
    /* What time ends is told. */
    static const char *const told[] = { "a -> c -> !q", "a ->[20] c ->[50] q", "a ->> c ->[20] q",
        "a ->[9] !c", "a+ -> c -> n", "a ->> c ->> n -> !q" };
    for (size_t p = 0; p < N_POLICIES * sizeof patterns / sizeof *patterns; p++) {
        struct nfa_kit k;
        struct plan_pattern with = *policies[p % N_POLICIES];
        with.within_us = 300;
        init(&k, patterns[p / N_POLICIES], &with, NFA_KIT_KEYED);
        check_no_allocation(&k, patterns[p / N_POLICIES]);
        nfa_kit_release(&k);
    }
    for (size_t p = 0; p < 3 * sizeof told / sizeof *told; p++) {
        struct nfa_kit k;
        struct plan_pattern with = p % 3 == 2 ? past_last : no_skip;
        with.within_us = 300;
        with.limit_matches = p % 3 ? 3 : 0;
        assert_true(nfa_kit_init(&k, told[p / 3], &with, NFA_KIT_KEYED | NFA_KIT_SETS));
        check_no_allocation(&k, told[p / 3]);
        nfa_kit_release(&k);
    }
}

/* As many places as all() has subsets: they are found by their dets then, not by looking through them. */
static void many_places_tell_the_same(void **state) {
    (void)state;
    static const char *const patterns[] = { "all(a, b, c, d, e, f, g) -> x",
        "all(a, b, c, d, e, f, g) ->[40] x" };
    char events[2 * 60 + 1];
    uint64_t random = 11;
    for (int round = 0; round < 20; round++) {
        struct nfa_kit runs, sets;
        struct plan_pattern with = no_skip;
        with.within_us = 45;
        for (int i = 0; i < 60; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            events[2 * i] = "abcdefgabcdefgx"[(random >> 40) % 15];
            events[2 * i + 1] = i == 59 ? '\0' : ' ';
        }
        assert_true(nfa_kit_init(&runs, patterns[round % 2], &with, 0));
        assert_true(nfa_kit_init(&sets, patterns[round % 2], &with, NFA_KIT_SETS));
        nfa_kit_events(&runs, events, NFA_KIT_ONE_BY_ONE, false);
        nfa_kit_events(&sets, events, NFA_KIT_ONE_BY_ONE, false);
        assert_string_equal(nfa_kit_matches(&sets), nfa_kit_matches(&runs));
        assert_string_equal(nfa_kit_timeouts(&sets), nfa_kit_timeouts(&runs));
        nfa_kit_release(&runs);
        nfa_kit_release(&sets);
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

/* Ten of a number of matches that grows with the square of the events, or doubles with each: what they cost does not. */
static void a_limit_pays_for_what_it_takes(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *events, *first, *end;
    } cases[] = { { "a ->> b ->> c", "ab", "a0 b1 c", "c" }, { "a+ combinations -> c", "a", "a0 a1", "c" },
        { "a ->> (b | x)+ combinations ->> c", "abx", "a0 b1 x2", "c" },
        { "a ->> b ->[100000] c", "ab", "a0 b1 c", "c" } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t work[2];
        for (int more = 0; more < 2; more++) {
            struct plan_pattern with = no_skip;
            struct nfa_kit k;
            with.limit_matches = 10;
            init(&k, cases[i].pattern, &with, 0);
            uint32_t n = more ? 3000 : 300;
            feed(&k, cases[i].events, n);
            struct nfa_stats before = stats_of(k.matcher);
            feed(&k, cases[i].end, 1);
            struct nfa_stats after = stats_of(k.matcher);
            assert_int_equal(after.matches - before.matches, 10);
            assert_true(after.limit_matches - before.limit_matches >= 10);
            work[more] = after.work - before.work;
            /* In the order of the language, earliest events first. */
            assert_int_equal(strncmp(k.matches[0], cases[i].first, strlen(cases[i].first)), 0);
            nfa_kit_release(&k);
        }
        /* Matches of loops are as long as the stream, and an event looks at each list of the right age; sequences cost neither. */
        bool is_long = strpbrk(cases[i].pattern, "+[") != NULL;
        if (work[1] > (is_long ? 15 : 2) * work[0])
            fail_msg("%s: %llu, with ten times the events %llu", cases[i].pattern,
                (unsigned long long)work[0], (unsigned long long)work[1]);
    }
}

/* What is open elsewhere is passed by, what has timed out is not there, and a place may be left and entered again. */
static void a_limit_takes_the_first_in_order(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *events, *matches;
        uint64_t limit;
        int64_t within;
    } rows[] = {
        { "a ->> b ->> c", "a a b b c c", "a0 b2 c4|a0 b3 c4|a0 b2 c5|a0 b3 c5", 2, 100 },
        { "a ->> b ->> c", "a@1 a@2 b@3 b@4 c@11", "a1 b2 c4", 1, 10 },
        { "a -> b ->> c", "a a b a b c", "a0 b2 c5|a1 b2 c5", 2, 100 },
        { "(x ->> b | y ->> d) ->> c", "x y b d c", "x0 b2 c4", 1, 100 },
        { "(x ->> b | y ->> d) ->> c", "x x x y d c", "y3 d4 c5", 2, 100 },
        { "a+ -> b", "a a b", "a0 a1 b2|a0 b2", 2, 100 },
        { "a A? ->> b", "a b b", "a0 b1|a0 A1 b2|a0 b2", 3, 100 },
        { "x (A | b)+ -> c", "x b b c", "x0 A1 A2 c3|x0 A1 b2 c3|x0 b1 A2 c3", 3, 100 },
        { "a+ !n", "a a x", "a0|a0 a1|a1", 3, 100 },
        { "a+ !n", "a a x", "a0|a0 a1", 1, 100 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan_pattern with = no_skip;
        struct nfa_kit k;
        with.limit_matches = rows[i].limit;
        with.within_us = rows[i].within;
        init(&k, rows[i].pattern, &with, 0);
        nfa_kit_events(&k, rows[i].events, NFA_KIT_ONE_BY_ONE, false);
        if (strcmp(nfa_kit_matches_in_order(&k), rows[i].matches) != 0)
            fail_msg("%s on %s: expected %s, got %s", rows[i].pattern, rows[i].events, rows[i].matches,
                nfa_kit_matches_in_order(&k));
        nfa_kit_release(&k);
    }
}

struct told {
    const char *pattern, *events, *matches, *timeouts;
    struct plan_pattern with;
};

static void check_told(const struct told *t, enum nfa_kit_how how) {
    struct nfa_cost c;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, t->pattern, &t->with, NFA_KIT_SETS));
    nfa_cost_of(k.prog, &c);
    if (strcmp(c.store, "sets") != 0)
        fail_msg("%s: %s, because %s", t->pattern, c.store, c.store_why);
    nfa_kit_events(&k, t->events, how, false);
    if (strcmp(nfa_kit_matches(&k), t->matches) != 0)
        fail_msg("%s on %s: got %s", t->pattern, t->events, nfa_kit_matches(&k));
    if (strcmp(nfa_kit_timeouts(&k), t->timeouts) != 0)
        fail_msg("%s on %s: got time-outs %s", t->pattern, t->events, nfa_kit_timeouts(&k));
    nfa_kit_release(&k);
}

/* What time ends is told, and completes: under a skip policy where a start has one partial match at a time, under no skip each. */
static void time_is_told(void **state) {
    (void)state;
#define PAST   .skip = PLAN_SKIP_PAST_LAST
#define NONE   .skip = PLAN_SKIP_NONE
#define WITHIN .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us
    static const struct told rows[] = {
        { "a -> b -> c", "a@1 a@2 b@3 a@9 b@10 c@11", "a1 b2 c5", "a0 b2", { PAST, WITHIN = 10 } },
        { "a -> b -> c", "a@1 a@2 b@3 c@4 a@5 x@99", "a0 b2 c3", "a4", { PAST, WITHIN = 10 } },
        { "a -> b -> c", "a@1 a@1 b@3 a@4", "", "a0 b2|a1 b2|a3", { PAST, WITHIN = 10 } },
        { "a ->[5] b ->[5] c", "a@1 a@2 b@3 a@4 a@4 b@8 c@10", "a3 b5 c6", "a0 b2|a1 b2", { PAST } },
        { "a ->[5] b ->[5] c", "a@1 a@2 b@3 c@4 a@5 b@6 b@30", "a0 b2 c3|a1 b2 c3", "a4 b5",
            { .skip = PLAN_SKIP_TO_NEXT } },
        { "a -> b{2} -> c", "a@1 b@2 b@3 a@4 b@5", "", "a0 b1 b2|a3 b4", { PAST, WITHIN = 10 } },
        /* Absence: by `within`, by a bound of its own, and a last `!b` that an event decides. */
        { "a -> !b", "a@1 x@2 a@3 b@12 a@20", "a0|a4", "", { PAST, WITHIN = 10 } },
        { "a -> b -> !c", "a@1 a@2 b@3 a@4 b@5 x@30", "a0 b2|a3 b4", "", { PAST, WITHIN = 10 } },
        { "a -> b -> !c", "a@1 b@3 a@4 c@5 b@6 a@7", "a2 b4", "a5", { PAST, WITHIN = 10 } },
        { "a ->[2] !b", "a@1 b@2 a@5 a@6 x@7 b@8", "a2|a3", "", { PAST } },
        { "a -> c ->[2] !b", "a@1 a@2 c@3 b@5 a@6 c@7 b@8 a@10 c@11", "a0 c2|a7 c8", "", { PAST } },
        { "a !b", "a a b a x a", "a0|a3", "", { PAST } },
        /* The event that decides `!n` comes when the absence is over. */
        { "x -> a !n ->[1] !q", "x@1 a@2 b@9 x@9 a@10 n@11", "x0 a1", "", { PAST } },
        { "x -> a !n ->[1] b", "x@1 a@2 x@9 x@9", "", "x2|x3", { PAST, WITHIN = 50 } },
        { "x -> a !n ->[1] !q", "x@1 a@2 b@9 x@9 a@10 n@11", "x0 a1", "", { NONE } },
        { "a -> !b", "a@1 a@1 a@1 x@40", "a0|a1", "", { PAST, WITHIN = 10, .limit_matches = 2 } },
        { "a -> b -> !b", "a@1 b@2 a@3 b@4 x@99", "a2 b3", "",
            { .skip = PLAN_SKIP_TO_LAST, .skip_var = 1, WITHIN = 10 } },
        /* A start has several partial matches, and one match: each that times out is told, also of a start that has its match
         * and waits (a1 here, for x0). */
        { "a ->> b -> c", "a@1 b@2 b@3 a@5 b@6 x@40", "", "a0|a0 b1|a0 b2|a0 b4|a3|a3 b4",
            { PAST, WITHIN = 10 } },
        { "(x -> q | a ->> b ->[3] c)", "x@1 a@2 b@3 c@4 b@5 x@9 x@40", "a1 b2 c3", "a1 b4|x0|x5|x6",
            { PAST, WITHIN = 10 } },
        { "a ->> b ->[5] c", "a@1 a@1 b@2 b@4 c@8 a@9", "a0 b3 c4", "a0 b2|a1 b2|a5", { PAST, WITHIN = 20 } },
        { "a ->> b ->[5] c", "a@1 a@1 b@2 b@4 c@8 a@9", "a0 b3 c4|a1 b3 c4", "a0 b2|a1 b2|a5",
            { .skip = PLAN_SKIP_TO_NEXT, WITHIN = 20 } },
        { "a+ ->[5] b", "a@1 a@2 b@3 x@30", "a0 a1 b2", "", { PAST, WITHIN = 20 } },
        /* Of what time completes at once the shortest, of what an event does the one whose events come earliest. */
        { "a+ -> !b", "a@1 a@2 x@3 x@40", "a0 a1|a1", "", { .skip = PLAN_SKIP_TO_NEXT, WITHIN = 10 } },
        { "a+ ->[5] !b", "a@1 a@2 x@40", "a0|a1", "", { PAST } },
        { "a ->> b -> !c", "a@1 b@2 b@3 x@40", "a0 b1", "a0", { PAST, WITHIN = 10 } },
        { "a ->> b -> !c", "a@1 b@2 c@3 b@4 a@5 x@40", "a0 b3", "a0|a4", { PAST, WITHIN = 10 } },
        { "a ->> b ->[3] !c", "a@1 b@2 b@3 c@4 b@5 b@6 x@40", "a0 b4", "", { PAST, WITHIN = 20 } },
        { "a ->> (b ->> c -> !n | d -> !n)", "a@1 d@2 b@3 c@4 x@40", "a0 d1", "a0|a0 b2",
            { PAST, WITHIN = 10 } },
        /* Behind what the last event took lies what the window has cut off. */
        { "(b ->> c | a) -> [2,5] a x", "b@10 a@25 c@27 a@28 a@30 x@31", "a3 a4 x5", "a4|b0|b0 c2",
            { .skip = PLAN_SKIP_TO_NEXT, WITHIN = 18 } },
        /* Every match is emitted: so is every partial match that times out. */
        { "a ->> b -> c", "a@1 b@2 b@3 c@4 a@5 b@6", "a0 b1 c3|a0 b2 c3", "a0|a0 b5|a4|a4 b5",
            { NONE, WITHIN = 10 } },
        { "a ->> b ->[5] c", "a@1 a@1 b@2 b@4 c@8", "a0 b3 c4|a1 b3 c4", "a0|a0 b2|a1|a1 b2",
            { NONE, WITHIN = 20 } },
        { "a+ ->[5] b", "a@1 a@2 b@3 x@30", "a0 a1 b2|a0 b2|a1 b2", "a0 a1|a1", { NONE, WITHIN = 20 } },
        { "a -> b -> !c", "a@1 a@2 b@3 a@4 b@5 x@30", "a0 b2|a1 b2|a3 b4", "", { NONE, WITHIN = 10 } },
        { "a ->> b -> !c", "a@1 b@2 b@3 a@4 c@5 b@6", "a0 b5|a3 b5", "a0|a3", { NONE, WITHIN = 10 } },
        { "a+ ->[5] !b", "a@1 a@2 a@4 b@8 x@30", "a0|a0 a1|a1", "", { NONE } },
        { "a ->[3] !b", "a@1 a@3 a@5 b@6 x@7", "a0|a1", "", { NONE } },
        { "a -> c ->[3] !b", "a@1 a@2 c@3 a@4 c@5 b@7", "a0 c2|a1 c2", "", { NONE, WITHIN = 30 } },
        { "a -> !b", "a@1 a@1 a@1 x@40", "a0|a1", "", { NONE, WITHIN = 10, .limit_matches = 2 } },
        /* Starts are counted while they are open. */
        { "a -> b", "a a a b a b", "a1 b3|a4 b5", "", { PAST, .limit_open = 2 } },
        { "a -> b", "a a a b a b", "a0 b3|a4 b5", "", { PAST, .limit_open = 2, .limit_refuse_new = true } },
        { "a -> b", "a a a b", "a1 b3|a2 b3", "", { .skip = PLAN_SKIP_TO_NEXT, .limit_open = 2 } },
        { "a ->> b ->> c", "a a a b b c", "a1 b3 c5|a2 b3 c5", "",
            { .skip = PLAN_SKIP_TO_NEXT, .limit_open = 2 } },
        /* a1 has its match and waits for x0; it is open still, and so there is no room for a4. */
        { "(x -> q | a ->> b)", "x a b a a b q", "x0 q6", "",
            { .skip = PLAN_SKIP_PAST_LAST, .limit_open = 2, .limit_refuse_new = true } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int how = NFA_KIT_ONE_BY_ONE; how <= NFA_KIT_BACKWARDS; how++)
            check_told(&rows[i], (enum nfa_kit_how)how);
        check_told(&rows[i], NFA_KIT_RELOADED);
    }
}

/* A last `!b` is decided by the next event: which of a start's partial matches comes first then is known. */
static void a_last_negation_may_have_company(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *events, *matches;
        enum plan_skip skip;
    } rows[] = { { "a ->> b !c", "a b c b x", "a0 b3", PLAN_SKIP_PAST_LAST },
        { "a+ !n", "a a x a n", "a0|a1", PLAN_SKIP_PAST_LAST },
        { "a{2,} !n", "a a n a a a", "a1 a3|a3 a4", PLAN_SKIP_TO_NEXT },
        { "a b? !n", "a b x a x", "a0|a3", PLAN_SKIP_PAST_LAST },
        { "a ->> b+ !n", "a b b x", "a0 b1", PLAN_SKIP_TO_NEXT },
        { "(a | x ->> a) !n", "x a a n a", "a1|x0 a1", PLAN_SKIP_TO_NEXT } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct plan_pattern with = { .skip = rows[i].skip };
        struct nfa_kit k;
        init(&k, rows[i].pattern, &with, 0);
        nfa_kit_events(&k, rows[i].events, NFA_KIT_ONE_BY_ONE, false);
        if (strcmp(nfa_kit_matches(&k), rows[i].matches) != 0)
            fail_msg("%s on %s: expected %s, got %s", rows[i].pattern, rows[i].events, rows[i].matches,
                nfa_kit_matches(&k));
        nfa_kit_release(&k);
    }
}

/* Time that ends something costs what it ends, whatever is open besides. */
static void what_time_ends_costs_itself(void **state) {
    (void)state;
    static const struct told rows[] = {
        { "a -> b -> c", "", "", "", { PAST, WITHIN = 60000 } },
        { "a ->[60000] b -> c", "", "", "", { PAST } },
        { "a -> b -> !c", "", "", "", { PAST, WITHIN = 60000 } },
        { "a -> b ->[60000] !c", "", "", "", { PAST } },
        { "a ->[60000] b -> c", "", "", "", { PAST, .limit_open = 50000 } },
        { "a -> b -> c", "", "", "", { NONE, WITHIN = 60000 } },
        { "a ->[60000] b -> c", "", "", "", { NONE } },
        { "a ->[60000] b -> c", "", "", "", { NONE, WITHIN = 60000 } },
        { "a -> b -> !c", "", "", "", { NONE, WITHIN = 60000 } },
        { "a ->[60000] !c", "", "", "", { NONE } },
        { "a ->> b ->> c -> !n", "", "", "", { NONE, WITHIN = 60000 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nfa_kit k;
        assert_true(nfa_kit_init(&k, rows[i].pattern, &rows[i].with, NFA_KIT_SETS));
        feed(&k, "a", 70000);
        struct nfa_stats before = stats_of(k.matcher);
        feed(&k, "axxa", 8000);
        struct nfa_stats after = stats_of(k.matcher);
        assert_true(after.open >= 40000 && after.work - before.work < UINT64_C(60) * 8000);
        nfa_matcher_check(k.matcher);
        nfa_kit_release(&k);
    }
#undef PAST
#undef NONE
#undef WITHIN
}

/* Starts are counted, by events: the oldest make room, or there is no room. */
static void limit_open_counts_starts(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *events, *dropped, *refused;
    } rows[] = { { "a -> b", "a a a b a b", "a1 b3|a2 b3|a4 b5", "a0 b3|a1 b3|a4 b5" },
        { "(a -> b | A -> c)", "a a a b c", "A2 c4|A3 c4|a1 b3|a2 b3", "A0 c4|A1 c4|a0 b3|a1 b3" },
        { "a ->[5] b", "a@1 a@2 a@3 b@4 a@5 a@11 b@12", "a1 b3|a2 b3|a5 b6", "a0 b3|a1 b3|a5 b6" } };
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct plan_pattern with = { .skip = PLAN_SKIP_NONE, .limit_open = 2, .limit_refuse_new = i & 1 };
        const char *want = i & 1 ? rows[i / 2].refused : rows[i / 2].dropped;
        struct nfa_kit k;
        init(&k, rows[i / 2].pattern, &with, 0);
        nfa_kit_events(&k, rows[i / 2].events, NFA_KIT_ONE_BY_ONE, false);
        if (strcmp(nfa_kit_matches(&k), want) != 0)
            fail_msg("%s on %s: expected %s, got %s", rows[i / 2].pattern, rows[i / 2].events, want,
                nfa_kit_matches(&k));
        nfa_kit_release(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_costs_the_automaton_not_what_is_open),
        cmocka_unit_test(what_survives_costs_the_automaton),
        cmocka_unit_test(what_stays_is_taken_as_one),
        cmocka_unit_test(what_is_taken_as_one_is_what_was_taken_one_by_one),
        cmocka_unit_test(an_event_costs_what_has_the_right_age),
        cmocka_unit_test(old_starts_are_one_again),
        cmocka_unit_test(a_start_costs_little_memory),
        cmocka_unit_test(what_left_the_window_is_given_back),
        cmocka_unit_test(what_is_out_of_bounds_is_given_back),
        cmocka_unit_test(needless_starts_are_not_kept),
        cmocka_unit_test(a_match_costs_its_length),
        cmocka_unit_test(many_places_tell_the_same),
        cmocka_unit_test(no_allocation_once_warm),
        cmocka_unit_test(a_limit_pays_for_what_it_takes),
        cmocka_unit_test(a_limit_takes_the_first_in_order),
        cmocka_unit_test(limit_open_counts_starts),
        cmocka_unit_test(time_is_told),
        cmocka_unit_test(a_last_negation_may_have_company),
        cmocka_unit_test(what_time_ends_costs_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
