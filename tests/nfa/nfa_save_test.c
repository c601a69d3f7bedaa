/*
 * nfa_save, nfa_load: what a matcher's state is like on disk; edited patterns; sleeping starts; damaged bytes.
 *
 * That a matcher saved and loaded after every event gives what an undisturbed one gives is tested on random patterns by
 * nfa_random_test.
 */
#include "tests/nfa/nfa_gen.h"
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

static const struct plan_pattern past_last = { .skip = PLAN_SKIP_PAST_LAST };

/* Starts of one fate: what is lost is counted by start. */
static void edits_keep_fates_that_mean_the_same(void **state) {
    (void)state;
    static const struct edit edits[] = {
        { "a -> b -> c", "a@1 b@2 x@3", "a -> b -> c", "b@5 c@6", "a0 b1 c4", "" },
        { "a -> b -> c", "a@1 b@2 x@3", "q a -> b -> c", "b@5 c@6", "a0 b1 c4", "" },
        { "a -> b", "a@1 x@2", "a -> b -> c", "b@5 c@6", "", "1 partial matches at \"wait b\"" },
        /* A variable is no more: whoever took an event by it is lost, whoever did not goes on. */
        { "a -> b -> c", "a@1 b@2 x@3", "q -> b -> c", "c@6", "", "1 partial matches at \"wait c\"" },
        { "(a | q) -> b", "a@1 q@2 x@3", "q -> b", "b@4", "q1 b3", "1 partial matches at \"wait b\"" },
        /* Of a step with a time of its own it matters when the event before it was. */
        { "a ->[2,9] b ->[9] c", "a@1 b@5 a@8 x@9", "(a | q) ->[2,9] b ->[9] c", "b@9 c@11", "a0 b1 c5", "" },
        { "a ->[2,9] b ->[9] c", "a@1 b@5 a@8 x@9", "(a | q) ->[2,9] b ->[9] c", "b@10 c@14", "a2 b4 c5",
            "" },
        { "a ->[2,9] b", "a@1 a@8 x@9", "a ->[3,9] b", "b@11", "", "2 partial matches at \"wait b\"" },
        { "a+ -> (b | c)", "a@1 a@2 x@3", "a -> (b | c)", "a@4 c@5", "a3 c4",
            "2 partial matches at \"wait a | b | c after 1+\"" },
    };
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct plan_pattern with = past_last;
        with.within_kind = PLAN_WITHIN_FIRST_LAST;
        with.within_us = 100;
        check_edit(
            &edits[i], &with, &with, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
    }
}

/* -- edits after which partial matches are kept in another way ------------------------------------------------------- */

static void time_outs_that_are_read_from_now_on_cost_nothing(void **state) {
    (void)state;
    struct plan_pattern with[] = { no_skip, past_last };
    for (size_t i = 0; i < 2; i++) {
        struct nfa_kit was, now;
        struct nfa_kit_saved s = { .n = 0 };
        struct sto_losses losses;
        sto_losses_init(&losses);
        with[i].within_kind = PLAN_WITHIN_FIRST_LAST;
        with[i].within_us = 20;
        assert_true(nfa_kit_init(&was, "a -> b -> c", &with[i], NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS));
        assert_true(nfa_kit_init(&now, "a -> b -> c", &with[i], 0));
        nfa_kit_events(&was, "a@1 b@2 a@5 x@6", NFA_KIT_ONE_BY_ONE, true);
        nfa_kit_save(&was, &s);
        nfa_kit_load(&now, &s, &losses);
        assert_int_equal(losses.n, 0);
        now.n_events = was.n_events;
        nfa_kit_events(&now, "c@7 x@8", NFA_KIT_ONE_BY_ONE, false);
        assert_string_equal(nfa_kit_matches(&now), "a0 b1 c4");
        /* A match in which the later start began drops it. */
        assert_string_equal(nfa_kit_timeouts(&now), i ? "" : "a2");
        nfa_kit_saved_release(&s);
        nfa_kit_release(&was);
        nfa_kit_release(&now);
        sto_losses_release(&losses);
    }
}

/* From every store into every other one by the skip policy and by who reads the time-outs. */
static void another_skip_policy_goes_on_with_what_is_there(void **state) {
    (void)state;
    struct plan_pattern all = no_skip, one = past_last;
    all.within_kind = one.within_kind = PLAN_WITHIN_FIRST_LAST;
    all.within_us = one.within_us = 100;
    const struct edit to_one = { "a -> b -> c", "a@1 a@2 b@3 a@4 x@5", "a -> b -> c", "b@6 c@7", "a0 b2 c6",
        "" };
    const struct edit to_all = { "a -> b -> c", "a@1 a@2 b@3 a@4 x@5", "a -> b -> c", "b@6 c@7",
        "a0 b2 c6|a1 b2 c6|a3 b5 c6", "" };
    static const unsigned ways[] = { 0, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS };
    for (int i = 0; i < 4; i++) {
        check_edit(&to_one, &all, &one, ways[i & 1], ways[i >> 1]);
        check_edit(&to_all, &one, &all, ways[i & 1], ways[i >> 1]);
    }
}

/* A condition reads the partial match no more: what stood behind it goes on in sets. */
static void a_condition_on_the_event_alone_brings_sets(void **state) {
    (void)state;
    struct plan_pattern with = no_skip;
    with.within_kind = PLAN_WITHIN_FIRST_LAST;
    with.within_us = 100;
    /* Under RICH the second variable asks for a price, the fourth for nothing. */
    const struct edit e = { "a -> b -> c -> d", "a@1 b@2 b@3 c@4 x@5", "a -> b -> c -> d", "d@6",
        "a0 b1 c3 d5", "" };
    struct nfa_kit k;
    struct nfa_cost cost;
    assert_true(nfa_kit_init(&k, e.after, &with, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS));
    nfa_cost_of(k.prog, &cost);
    assert_string_equal(cost.store, "sets");
    nfa_kit_release(&k);
    check_edit(&e, &with, &with, NFA_KIT_RICH | NFA_KIT_NO_TIMEOUTS, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
}

/* There is an end to what is taken apart, and it is told. */
static void too_many_to_take_apart_are_counted(void **state) {
    (void)state;
    struct plan_pattern with = no_skip;
    with.within_kind = PLAN_WITHIN_FIRST_LAST;
    with.within_us = 100;
    const struct edit e = {
        "a+ combinations -> b",
        "a@1 a@2 a@3 a@4 a@5 a@6 a@7 a@8 a@9 a@10 a@11 a@12 a@13 a@14 a@15 a@16 a@17 a@18 a@19 a@20 a@21 "
        "x@22",
        "a+ combinations -> b", "b@30", "",
        "21 partial matches that the pattern, as it is now, keeps in another way (\"store\" in cepd explain)"
    };
    check_edit(&e, &with, &with, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_NO_TIMEOUTS);
}

/* -- random edits ---------------------------------------------------------------------------------------------------- */

/* One letter, operator or quantifier is another one; or a step more or less. */
static void edit_text(struct nfa_gen *g, const char *text, struct base_buf *out) {
    size_t len = strlen(text), at = nfa_gen_pick(g, (unsigned)len);
    base_buf_clear(out);
    switch (nfa_gen_pick(g, 4)) {
    case 0: base_buf_printf(out, "%s -> %c", text, "abc"[nfa_gen_pick(g, 3)]); break;
    case 1: base_buf_printf(out, "%c -> %s", "abc"[nfa_gen_pick(g, 3)], text); break;
    default:
        base_buf_puts(out, text);
        while (at < len && !strchr("abcAZ+*?", text[at]))
            at++;
        if (at < len)
            out->p[at] = strchr("+*?", text[at]) ? "+*?"[nfa_gen_pick(g, 3)] : "abc"[nfa_gen_pick(g, 3)];
        break;
    }
}

struct edited {
    char *matches;
    uint64_t n_lost;
    bool sets; /* the edited pattern has that store */
};

static bool run_edited(const char *before, const char *after, const struct plan_pattern *o,
    unsigned flags_was, unsigned flags_now, const char *events, const char *more, struct edited *out) {
    struct nfa_kit was, now;
    struct nfa_kit_saved s = { .n = 0 };
    struct sto_losses losses;
    sto_losses_init(&losses);
    bool fine = nfa_kit_init(&was, before, o, flags_was);
    fine = nfa_kit_init(&now, after, o, flags_now) && fine;
    *out = (struct edited){ .matches = NULL };
    if (fine) {
        struct nfa_cost cost;
        nfa_cost_of(now.prog, &cost);
        out->sets = strcmp(cost.store, "sets") == 0;
        nfa_kit_events(&was, events, NFA_KIT_ONE_BY_ONE, true);
        nfa_kit_save(&was, &s);
        nfa_kit_load(&now, &s, &losses);
        now.n_events = was.n_events;
        nfa_kit_events(&now, more, NFA_KIT_ONE_BY_ONE, false);
        out->matches = base_strdup(nfa_kit_matches(&now));
        out->n_lost = sto_losses_total(&losses);
    }
    nfa_kit_saved_release(&s);
    nfa_kit_release(&was);
    nfa_kit_release(&now);
    sto_losses_release(&losses);
    return fine;
}

/* Whatever an edit does to partial matches, it does to them in every store, and on the way from one into another. */
static void stores_agree_on_what_an_edit_keeps(void **state) {
    (void)state;
    struct nfa_gen g = { .seed = 20261128 };
    struct base_buf before = BASE_BUF_INIT, after = BASE_BUF_INIT, events = BASE_BUF_INIT,
                    more = BASE_BUF_INIT;
    const unsigned runs = NFA_KIT_NO_TIMEOUTS, sets = NFA_KIT_NO_TIMEOUTS | NFA_KIT_SETS;
    const unsigned ways[][2] = { { runs, runs }, { sets, sets }, { runs, sets }, { sets, runs } };
    unsigned done = 0, kept = 0, lost = 0, n_sets = 0;
    for (unsigned round = 0; round < 6000 && done < 2500; round++) {
        struct edited e[4];
        uint64_t at = g.seed;
        nfa_gen_pattern(&g, &before);
        edit_text(&g, base_buf_cstr(&before), &after);
        nfa_gen_events(&g, &events);
        nfa_gen_events(&g, &more);
        struct plan_pattern o = nfa_gen_options(&g);
        o.limit_matches = 0; /* which ways there are to a match counts then */
        o.limit_open = 0;
        struct base_buf late = BASE_BUF_INIT; /* `more` goes on where `events` ends */
        struct ref_text_event ev[64];
        size_t n = ref_text_events(base_buf_cstr(&events), ev, 64);
        int64_t end = n ? ev[n - 1].time : 0;
        n = ref_text_events(base_buf_cstr(&more), ev, 64);
        for (size_t i = 0; i < n; i++)
            base_buf_printf(&late, "%s%c@%lld", i ? " " : "", ev[i].name, (long long)(ev[i].time + end));
        bool fine = true;
        for (int w = 0; w < 4; w++)
            fine = run_edited(base_buf_cstr(&before), base_buf_cstr(&after), &o, ways[w][0], ways[w][1],
                       base_buf_cstr(&events), base_buf_cstr(&late), &e[w]) &&
                   fine;
        for (int w = 1; w < 4 && fine; w++) {
            /* Of a start that lost something under a skip policy a set has not what could not win. */
            bool exact = o.skip == PLAN_SKIP_NONE || (e[0].n_lost == 0 && e[w].n_lost == 0);
            if (exact && strcmp(e[w].matches, e[0].matches) != 0)
                fail_msg("seed %llu: %s, then %s on %s, then %s (skip %d, within %d %lld), way %d\n  runs "
                         "%s\n  got  %s",
                    (unsigned long long)at, base_buf_cstr(&before), base_buf_cstr(&after),
                    base_buf_cstr(&events), base_buf_cstr(&late), (int)o.skip, (int)o.within_kind,
                    (long long)o.within_us, w, e[0].matches, e[w].matches);
        }
        done += fine;
        kept += fine && e[0].n_lost == 0;
        lost += fine && e[0].n_lost > 0;
        n_sets += fine && e[1].sets;
        for (int w = 0; w < 4; w++)
            base_free(e[w].matches);
        base_buf_release(&late);
    }
    assert_true(done > 1000 && kept > 200 && lost > 200 && n_sets > 500);
    base_buf_release(&before);
    base_buf_release(&after);
    base_buf_release(&events);
    base_buf_release(&more);
}

/* -- size ------------------------------------------------------------------------------------------------------------ */

/* Were a key saved or loaded in more than the time of its size, this would take hours. */
static void a_large_key_comes_back(void **state) {
    (void)state;
    static const char *const patterns[] = { "a -> b -> c", "a+ -> b -> c", "a ->> b ->> c",
        "(a | A) -> b -> c" };
    struct plan_pattern with[] = { no_skip, past_last };
    for (size_t i = 0; i < 8; i++) {
        struct nfa_kit k;
        struct nfa_stats was, is;
        struct nfa_kit_saved s[2] = { { .n = 0 } };
        with[i & 1].within_kind = PLAN_WITHIN_FIRST_LAST;
        with[i & 1].within_us = 1000000;
        assert_true(nfa_kit_init(&k, patterns[i / 2], &with[i & 1], NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS));
        for (int64_t n = 0; n < 40000; n++) {
            nfa_kit_event(&k, n % 10 == 9 ? 'b' : 'a', n + 1, 0);
            if (n % 1000 == 999)
                assert_int_equal(nfa_matcher_advance(k.matcher, n + 1, NULL), CEP_OK);
        }
        nfa_matcher_stats(k.matcher, &was);
        nfa_kit_save(&k, &s[0]);
        nfa_kit_load(&k, &s[0], NULL);
        nfa_matcher_stats(k.matcher, &is);
        assert_int_equal(nfa_matcher_advance(k.matcher, 40000, NULL), CEP_OK); /* META has the watermark */
        assert_true(was.open >= 36000);
        assert_int_equal(is.open, was.open);
        nfa_kit_save(&k, &s[1]);
        assert_int_equal(s[0].bytes.len, s[1].bytes.len);
        nfa_kit_saved_release(&s[0]);
        nfa_kit_saved_release(&s[1]);
        nfa_kit_release(&k);
    }
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

/* Any byte changed, any length: refused or loaded, never a crash; what was loaded is in order, and goes on. */
static void damage(const char *pattern, const struct plan_pattern *o, unsigned flags) {
    struct nfa_kit k;
    struct nfa_kit_saved s = { .n = 0 };
    assert_true(nfa_kit_init(&k, pattern, o, NFA_KIT_KEYED | flags));
    nfa_kit_events(&k, "a@1 a@2 b@3 a@4 x@5 b@6 a@7 b@7", NFA_KIT_ONE_BY_ONE, true);
    nfa_kit_save(&k, &s);
    assert_true(s.n >= 2);
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
            struct evt_batch *b = nfa_kit_batch(&k, 'c', 8, 0);
            assert_int_equal(nfa_matcher_batch(m, 0, b, 0, NULL), CEP_OK);
            evt_batch_unref(b);
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

static void damaged_entries_do_no_harm(void **state) {
    (void)state;
    struct plan_pattern o = { .skip = PLAN_SKIP_TO_LAST,
        .skip_var = 0,
        .within_kind = PLAN_WITHIN_FIRST_LAST,
        .within_us = 90,
        .limit_matches = 5 };
    damage("a+ -> b -> c", &o, 0);
    damage("a+ -> b -> c", &o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
    o.skip = PLAN_SKIP_PAST_LAST;
    damage("a+ -> b -> c", &o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
    damage("a ->[1,9] b ->[9] c", &o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
    /* a2 has its match, and waits for a1. */
    damage("(a Z -> q | A b ->> x)", &o, NFA_KIT_SETS);
    damage("(a Z -> q | A b ->>[9] x)", &o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
    o.skip = PLAN_SKIP_NONE;
    o.limit_matches = 0;
    damage("a+ -> b -> c", &o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
    damage("a+ ->[1,9] b ->[9] c", &o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
    damage("a ->> b ->[9] c", &o, NFA_KIT_SETS);
    damage("a+ ->[9] !c", &o, NFA_KIT_SETS);
    damage("a ->> b -> !c", &o, NFA_KIT_SETS);
    o.limit_matches = 5;
    damage("a ->> A+ combinations ->> c", &o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS);
}

/* Partial matches that were saved without the way from the starts on are searched the other way round. */
static void a_limit_may_come_and_go(void **state) {
    (void)state;
    const unsigned flags = NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS;
    struct plan_pattern limited = no_skip;
    limited.limit_matches = 2;
    const struct edit comes = { "a ->> b ->> c", "a@1 a@2 b@3 b@4 n@5", "a ->> b ->> c", "c@6",
        "a0 b2 c5|a0 b3 c5", "" };
    const struct edit goes = { "a ->> b ->> c", "a@1 a@2 b@3 b@4 n@5", "a ->> b ->> c", "c@6",
        "a0 b2 c5|a0 b3 c5|a1 b2 c5|a1 b3 c5", "" };
    check_edit(&comes, &no_skip, &limited, flags, flags);
    check_edit(&goes, &limited, &no_skip, flags, flags);
    /* Some of what led on is no more. */
    const struct edit less = { "a ->> (b | x) ->> c", "a@1 b@2 x@3 b@4 n@5", "a ->> b ->> c", "c@6",
        "a0 b1 c5|a0 b3 c5", "1 partial matches at \"wait b | x\", 1 partial matches at \"wait c\"" };
    check_edit(&less, &limited, &limited, flags, flags);
}

/* Partial matches of one start in one state differ by when their last event was: so they do when runs read what fates saved. */
static void runs_read_fates_with_their_times(void **state) {
    (void)state;
    for (unsigned flags = NFA_KIT_NO_TIMEOUTS; flags <= (NFA_KIT_NO_TIMEOUTS | NFA_KIT_SETS);
         flags += NFA_KIT_SETS) {
        struct plan_pattern with = {
            .skip = PLAN_SKIP_TO_NEXT, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 3
        };
        struct nfa_kit k;
        assert_true(nfa_kit_init(&k, "Z{1,2} -> [2,5] a", &with, flags | NFA_KIT_SWITCH));
        nfa_kit_events(&k, "b@4 x@5 a@6", NFA_KIT_RELOADED, false);
        assert_string_equal(nfa_kit_matches(&k), "Z0 a2");
        nfa_kit_release(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_come_back),
        cmocka_unit_test(sleeping_starts_come_back),
        cmocka_unit_test(edits_keep_what_means_the_same),
        cmocka_unit_test(edits_keep_fates_that_mean_the_same),
        cmocka_unit_test(time_outs_that_are_read_from_now_on_cost_nothing),
        cmocka_unit_test(another_skip_policy_goes_on_with_what_is_there),
        cmocka_unit_test(a_condition_on_the_event_alone_brings_sets),
        cmocka_unit_test(too_many_to_take_apart_are_counted),
        cmocka_unit_test(stores_agree_on_what_an_edit_keeps),
        cmocka_unit_test(a_large_key_comes_back),
        cmocka_unit_test(a_condition_that_changed_is_another_future),
        cmocka_unit_test(another_key_loses_all),
        cmocka_unit_test(a_longer_time_limit_holds_for_open_matches),
        cmocka_unit_test(passes_do_not_matter),
        cmocka_unit_test(sleepers_wake_where_nothing_sleeps),
        cmocka_unit_test(damaged_entries_do_no_harm),
        cmocka_unit_test(a_limit_may_come_and_go),
        cmocka_unit_test(runs_read_fates_with_their_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
