/* The store of stacks: which patterns have it, what is told and in which order, what an event costs and keeps, what comes back. */
#include "nfa/nfa_look.h"
#include "nfa/nfa_run.h"
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned STACKS = NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, GRAPH = STACKS | NFA_KIT_GRAPH;

static const struct plan_pattern no_skip = { .skip = PLAN_SKIP_NONE };
static const struct plan_pattern within_100 = {
    .skip = PLAN_SKIP_NONE, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 100
};

static struct nfa_stats stats_of(const struct nfa_kit *k) {
    struct nfa_stats s;
    nfa_matcher_stats(k->matcher, &s);
    return s;
}

static enum nfa_store_kind store_of(const char *pattern, const struct plan_pattern *with, unsigned flags) {
    struct nfa_kit k;
    if (!nfa_kit_init(&k, pattern, with, flags))
        fail_msg("%s: %s", pattern, k.err.message);
    enum nfa_store_kind store = k.prog->store;
    nfa_kit_release(&k);
    return store;
}

static void init(struct nfa_kit *k, const char *pattern, const struct plan_pattern *with, unsigned flags) {
    if (!nfa_kit_init(k, pattern, with, flags))
        fail_msg("%s: %s", pattern, k->err.message);
    assert_int_equal(k->prog->store, flags & NFA_KIT_GRAPH ? NFA_STORE_GRAPH : NFA_STORE_STACKS);
}

static void patterns_in_which_only_time_ends_a_wait(void **state) {
    (void)state;
    static const char *const words[] = { "a", "a ->> b", "a ->> b ->> c ->> d", "a ->> b+ combinations ->> c",
        "a+ combinations ->> b", "a ->> b* combinations ->> c", "a ->> b? ->> c", "a ->> (b | c) ->> d",
        "(a ->> b)? ->> c", "a{2,3} combinations ->> b", "a ->> (b ->> c | d{2} combinations) ->> a",
        "A ->> Z ->> c" };
    static const char *const others[] = { "a -> b", "a b", "a ->> b -> c", "a ->> b+ ->> c",
        "a ->> b{2} ->> c", "a ->> b+ combinations until q ->> c", "a ->> b !n", "a ->> b -> !n ->> c",
        "all(a, b) ->> c", "a ->>[5] b", "a ->> b+ combinations gap 3 ->> c", "a ->> b+ consecutive ->> c" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (store_of(words[i], &within_100, STACKS) != NFA_STORE_STACKS ||
            store_of(words[i], &no_skip, NFA_KIT_SETS) != NFA_STORE_STACKS)
            fail_msg("%s is kept elsewhere", words[i]);
        assert_int_equal(store_of(words[i], &within_100, STACKS | NFA_KIT_GRAPH), NFA_STORE_GRAPH);
        /* Time-outs that are read are told one by one. */
        assert_int_equal(store_of(words[i], &within_100, NFA_KIT_SETS), NFA_STORE_GRAPH);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (store_of(others[i], &no_skip, STACKS) == NFA_STORE_STACKS)
            fail_msg("%s has the store of stacks", others[i]);
    }
    struct plan_pattern between = {
        .skip = PLAN_SKIP_NONE, .within_kind = PLAN_WITHIN_BETWEEN, .within_us = 5
    };
    assert_int_equal(store_of("a ->> b", &between, STACKS), NFA_STORE_GRAPH);
    struct plan_pattern past = { .skip = PLAN_SKIP_PAST_LAST };
    assert_int_equal(store_of("a ->> b", &past, STACKS), NFA_STORE_FATES);
}

static void matches_come_by_start_then_by_events_then_by_variables(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *events, *matches;
        uint64_t limit, beyond;
    } rows[] = {
        { "a ->> b ->> c", "a a b a b c c",
            "a0 b2 c5|a0 b4 c5|a1 b2 c5|a1 b4 c5|a3 b4 c5|a0 b2 c6|a0 b4 c6|a1 b2 c6|a1 b4 c6|a3 b4 c6", 0,
            0 },
        { "a ->> b+ combinations ->> c", "a b b c", "a0 b1 b2 c3|a0 b1 c3|a0 b2 c3", 0, 0 },
        { "a ->> b* combinations ->> c", "a b c c", "a0 b1 c2|a0 c2|a0 b1 c3|a0 c3", 0, 0 },
        { "a{1,2} combinations", "a a a", "a0|a0 a1|a1|a0 a2|a1 a2|a2", 0, 0 },
        { "a ->> (a ->> b)? ->> c", "a a b c", "a0 a1 b2 c3|a0 c3|a1 c3", 0, 0 },
        { "a ->> b ->> c", "a a b b c", "a0 b2 c4|a0 b3 c4|a1 b2 c4", 3, 1 },
        { "a ->> b ->> c", "a b c", "a0 b1 c2", 3, 0 },
        { "a+ combinations ->> b", "a a a a a a b", "a0 a1 a2 a3 a4 a5 b6|a0 a1 a2 a3 a4 b6", 2, 2 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nfa_kit k;
        struct plan_pattern with = within_100;
        with.limit_matches = rows[i].limit;
        init(&k, rows[i].pattern, &with, STACKS);
        nfa_kit_events(&k, rows[i].events, NFA_KIT_ONE_BY_ONE, false);
        assert_string_equal(nfa_kit_matches_in_order(&k), rows[i].matches);
        assert_int_equal(stats_of(&k).limit_matches, rows[i].beyond);
        assert_int_equal(stats_of(&k).open, 0);
        assert_int_equal(stats_of(&k).keys, 0);
        nfa_kit_release(&k);
    }
}

/* One event as two variables: the same events in other variables are another match, told behind it. */
static void one_event_may_fit_several_variables(void **state) {
    (void)state;
    for (int graph = 0; graph < 2; graph++) {
        struct nfa_kit k;
        init(&k, "A ->> (A | a) ->> b", &within_100, graph ? GRAPH : STACKS);
        nfa_kit_events(&k, "a a b", NFA_KIT_ONE_BY_ONE, false);
        assert_string_equal(nfa_kit_matches_in_order(&k), "A0 A1 b2|A0 a1 b2");
        nfa_kit_release(&k);
    }
}

static void what_is_open_and_what_time_ends(void **state) {
    (void)state;
    struct nfa_kit k;
    init(&k, "a ->> b ->> c", &within_100, STACKS | NFA_KIT_KEYED);
    nfa_kit_event(&k, 'b', 1, 0); /* nothing is there that it could follow */
    assert_int_equal(stats_of(&k).keys, 0);
    nfa_kit_event(&k, 'a', 10, 0);
    nfa_kit_event(&k, 'a', 50, 0);
    nfa_kit_event(&k, 'b', 60, 0);
    nfa_kit_advance(&k, 60);
    nfa_matcher_check(k.matcher);
    assert_int_equal(stats_of(&k).open, 2);
    assert_int_equal(stats_of(&k).started, 2);
    nfa_kit_event(&k, 'c', 109, 0);
    nfa_kit_event(&k, 'c', 110, 0);
    nfa_kit_advance(&k, 110);
    assert_int_equal(stats_of(&k).open, 1);
    assert_int_equal(stats_of(&k).timed_out, 1);
    nfa_kit_advance(&k, 150);
    assert_int_equal(stats_of(&k).open, 0);
    assert_int_equal(stats_of(&k).keys, 0);
    assert_string_equal(nfa_kit_matches_in_order(&k), "a1 b3 c4|a2 b3 c4|a2 b3 c5");
    nfa_kit_release(&k);
}

static void limits_on_what_is_open(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = within_100;
    with.limit_open = 2;
    init(&k, "a ->> b", &with, STACKS);
    nfa_kit_events(&k, "a@1 a@2 a@3 b@4", NFA_KIT_ONE_BY_ONE, true);
    nfa_kit_advance(&k, 4);
    assert_string_equal(nfa_kit_matches_in_order(&k), "a1 b3|a2 b3");
    assert_int_equal(stats_of(&k).open, 2);
    assert_int_equal(stats_of(&k).limit_open, 1);
    nfa_matcher_check(k.matcher);
    nfa_kit_release(&k);
    with.limit_refuse_new = true;
    init(&k, "a ->> b", &with, STACKS);
    nfa_kit_events(&k, "a@1 a@2 a@3 b@4", NFA_KIT_ONE_BY_ONE, true);
    nfa_kit_advance(&k, 4);
    assert_string_equal(nfa_kit_matches_in_order(&k), "a0 b3|a1 b3");
    assert_int_equal(stats_of(&k).limit_open, 1);
    nfa_kit_release(&k);
}

/* n events, times one apart. */
static void feed(struct nfa_kit *k, const char *names, uint32_t n) {
    size_t len = strlen(names);
    for (uint32_t i = 0; i < n; i++) {
        int64_t at = (int64_t)k->n_events + 1;
        struct evt_batch *b = nfa_kit_batch(k, names[i % len], at, 0);
        assert_int_equal(nfa_matcher_batch(k->matcher, 0, b, 0, &k->err), CEP_OK);
        evt_batch_unref(b);
        assert_int_equal(nfa_matcher_advance(k->matcher, at, &k->err), CEP_OK);
    }
}

static uint64_t work_of(struct nfa_kit *k, const char *names, uint32_t n) {
    uint64_t before = stats_of(k).work;
    feed(k, names, n);
    return stats_of(k).work - before;
}

static void ten_of_a_billion_cost_ten(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = no_skip;
    with.limit_matches = 10;
    init(&k, "a ->> b ->> c ->> d", &with, STACKS);
    feed(&k, "abc", 30000);
    assert_true(work_of(&k, "x", 1) <= 1);
    assert_true(work_of(&k, "d", 1) < 200);
    assert_int_equal(k.n_matches, 10);
    assert_int_equal(stats_of(&k).limit_matches, 10);
    nfa_matcher_check(k.matcher);
    nfa_kit_release(&k);
    /* The way of each match is as long as the match, however many subsets there are. */
    init(&k, "a ->> b+ combinations ->> c", &with, STACKS);
    feed(&k, "a", 1);
    feed(&k, "b", 1000);
    assert_true(work_of(&k, "c", 1) < 2000);
    assert_int_equal(k.n_matches, 10);
    nfa_kit_release(&k);
}

/* Once it has reached its size a key takes no memory for an event, and gives back what the window leaves behind. */
static void memory_follows_the_window(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = within_100;
    init(&k, "a ->> b ->> c ->> d", &with, STACKS);
    feed(&k, "abcx", 400);
    uint64_t bytes = stats_of(&k).bytes, open = stats_of(&k).open;
    size_t live = k.matcher->mem.live, n_live = k.matcher->mem.n_live;
    for (int round = 0; round < 50; round++)
        feed(&k, "abcx", 400);
    assert_int_equal(stats_of(&k).bytes, bytes);
    assert_int_equal(stats_of(&k).open, open);
    assert_int_equal(k.matcher->mem.live, live);
    assert_int_equal(k.matcher->mem.n_live, n_live);
    nfa_matcher_check(k.matcher);
    /* An event of a step that nothing has come to is not kept. */
    feed(&k, "x", 200);
    assert_int_equal(stats_of(&k).keys, 0);
    feed(&k, "a", 1);
    n_live = k.matcher->mem.n_live;
    feed(&k, "c", 40);
    assert_int_equal(k.matcher->mem.n_live, n_live);
    /* A burst is given back. */
    feed(&k, "x", 200);
    with.within_us = 1000000;
    nfa_kit_release(&k);
    init(&k, "a ->> b", &with, STACKS);
    feed(&k, "a", 1);
    live = k.matcher->mem.live;
    feed(&k, "b", 1);
    feed(&k, "a", 20000);
    nfa_kit_advance(&k, 1000000 + 20000);
    nfa_kit_event(&k, 'b', 1000000 + 20001, 0);
    nfa_kit_advance(&k, 1000000 + 20001);
    nfa_matcher_check(k.matcher);
    assert_int_equal(stats_of(&k).open, 1);
    assert_true(k.matcher->mem.live < live + 4096);
    nfa_kit_release(&k);
}

/* -- saved ------------------------------------------------------------------------------------------------------------ */

/* With the watermark behind the last one. */
static void feed_text(struct nfa_kit *k, const char *events) {
    nfa_kit_events(k, events, NFA_KIT_ONE_BY_ONE, true);
    nfa_kit_advance(k, strtoll(strrchr(events, '@') + 1, NULL, 10));
}

static uint64_t lost_of(const struct sto_losses *losses) {
    uint64_t n = 0;
    for (size_t i = 0; i < losses->n; i++)
        n += losses->v[i].n;
    return n;
}

/* Saved by the one after `before`, read by the other, and on. */
static void carry(const char *was, unsigned flags_was, const char *now, unsigned flags_now, uint64_t limit,
    const char *before, const char *after, const char *matches, uint64_t n_lost) {
    struct nfa_kit a, b;
    struct nfa_kit_saved s = { .n = 0 };
    struct sto_losses losses;
    struct plan_pattern with = within_100;
    with.limit_matches = limit;
    sto_losses_init(&losses);
    assert_true(nfa_kit_init(&a, was, &with, flags_was));
    assert_true(nfa_kit_init(&b, now, &with, flags_now));
    feed_text(&a, before);
    nfa_kit_save(&a, &s);
    nfa_kit_load(&b, &s, &losses);
    b.seq = a.seq;
    b.n_events = a.n_events;
    feed_text(&b, after);
    nfa_matcher_check(b.matcher);
    if (strcmp(nfa_kit_matches_in_order(&b), matches) != 0)
        fail_msg("%s to %s: %s instead of %s", was, now, nfa_kit_matches_in_order(&b), matches);
    assert_int_equal(lost_of(&losses), n_lost);
    nfa_kit_advance(&b, 10000);
    assert_int_equal(stats_of(&b).open, 0);
    assert_int_equal(stats_of(&b).keys, 0);
    nfa_kit_saved_release(&s);
    sto_losses_release(&losses);
    nfa_kit_release(&a);
    nfa_kit_release(&b);
}

static void what_was_open_goes_on_in_every_store(void **state) {
    (void)state;
    static const unsigned ways[] = { NFA_KIT_NO_TIMEOUTS, GRAPH, STACKS };
    for (size_t i = 0; i < 9; i++)
        carry("a ->> b ->> c", ways[i % 3], "a ->> b ->> c", ways[i / 3], 0, "a@1 b@2 a@3", "b@4 a@5 c@6",
            "a0 b1 c5|a0 b3 c5|a2 b3 c5", 0);
}

/* Starts that came from another store are the earlier ones: their matches come first, and one limit counts both. */
static void a_graph_goes_on_beside_the_stacks(void **state) {
    (void)state;
    for (int runs = 0; runs < 2; runs++) {
        carry("a ->> b ->> c", runs ? NFA_KIT_NO_TIMEOUTS : GRAPH, "a ->> b ->> c", STACKS, 0, "a@1 b@2",
            "a@3 b@4 c@5", "a0 b1 c4|a0 b3 c4|a2 b3 c4", 0);
        carry("a ->> b ->> c", runs ? NFA_KIT_NO_TIMEOUTS : GRAPH, "a ->> b ->> c", STACKS, 2, "a@1 b@2",
            "a@3 b@4 c@5 c@150", "a0 b1 c4|a0 b3 c4", 0);
        carry("a ->> b ->> c", runs ? NFA_KIT_NO_TIMEOUTS : GRAPH, "a ->> b ->> c", STACKS, 3, "a@1 b@2",
            "a@3 b@4 b@102 c@102", "a2 b3 c5|a2 b4 c5", 0);
    }
}

/* What an edit leaves nothing of is lost; a partial match that stays does not win what only lost ones could have. */
static void an_edit_keeps_what_means_the_same(void **state) {
    (void)state;
    carry("a ->> b ->> c", STACKS, "a ->> b ->> d", STACKS, 0, "a@1 b@2", "b@3 d@4", "", 2);
    carry("a ->> b ->> c", STACKS, "a ->> n ->> c", STACKS, 0, "a@1 b@2 a@3", "n@4 c@5", "", 3);
    carry("a ->> b ->> c ->> d", STACKS, "b ->> c ->> d", STACKS, 0, "a@1 b@2 c@3", "d@4", "", 3);
    /* The wait for d is what it was; c means something else now. */
    carry("a ->> b ->> d", STACKS, "a ->> (b | c) ->> d", STACKS, 0, "a@1 b@2", "c@3 d@4", "a0 b1 d3", 1);
    carry("a ->> b ->> d", STACKS, "a ->> (b | c) ->> d", GRAPH, 0, "a@1 b@2", "c@3 d@4", "a0 b1 d3", 1);
    carry("a ->> b ->> d", STACKS, "a ->> (b | c) ->> d", NFA_KIT_NO_TIMEOUTS, 0, "a@1 b@2", "c@3 d@4",
        "a0 b1 d3", 1);
}

/* More partial matches than are worth taking apart are lost, and counted by start. */
static void too_many_are_lost_in_another_store(void **state) {
    (void)state;
    struct nfa_kit a, b;
    struct nfa_kit_saved s = { .n = 0 };
    struct sto_losses losses;
    sto_losses_init(&losses);
    init(&a, "a ->> b+ combinations ->> c", &no_skip, STACKS);
    init(&b, "a ->> b+ combinations ->> c", &no_skip, GRAPH);
    feed(&a, "a", 3);
    feed(&a, "b", 40);
    nfa_kit_save(&a, &s);
    nfa_kit_load(&b, &s, &losses);
    assert_int_equal(stats_of(&b).open, 0);
    assert_int_equal(lost_of(&losses), 3);
    sto_losses_release(&losses);
    /* Its own takes them as they are. */
    nfa_kit_load(&a, &s, NULL);
    assert_int_equal(stats_of(&a).open, 3);
    nfa_kit_saved_release(&s);
    nfa_kit_release(&a);
    nfa_kit_release(&b);
}

struct looked {
    struct nfa_look *look;
    uint64_t n_open, n_matches;
    int64_t deadline;
};

static enum cep_rc on_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct looked *x = arg;
    struct nfa_look_key key;
    struct base_arena a;
    if (e->ns == STO_NS_META)
        return nfa_look_new(e->value, &x->look, err);
    base_arena_init(&a, 0);
    enum cep_rc rc = nfa_look_key(x->look, e, true, &a, &key, err);
    assert_string_equal(key.store, "stacks");
    x->n_open = key.n_open;
    x->n_matches = key.n_matches;
    x->deadline = key.deadline;
    base_arena_release(&a);
    return rc;
}

static void saved_stacks_are_told_as_partial_matches(void **state) {
    (void)state;
    struct nfa_kit k;
    init(&k, "a ->> b+ combinations ->> c", &within_100, STACKS);
    feed_text(&k, "a@1 b@2 a@3 b@4");
    struct looked x = { .look = NULL };
    struct sto_out out = { on_entry, &x };
    assert_int_equal(nfa_matcher_save(k.matcher, &out, NULL), CEP_OK);
    /* a0; a0 b1; a0 b3; a0 b1 b3; a2; a2 b3 */
    assert_int_equal(x.n_open, 6);
    assert_int_equal(x.n_matches, 6);
    assert_int_equal(x.deadline, 101);
    nfa_look_free(x.look);
    feed(&k, "b", 70);
    x = (struct looked){ .look = NULL };
    assert_int_equal(nfa_matcher_save(k.matcher, &out, NULL), CEP_OK);
    assert_true(x.n_open == UINT64_MAX);
    assert_true(x.n_matches < 10000);
    nfa_look_free(x.look);
    nfa_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_in_which_only_time_ends_a_wait),
        cmocka_unit_test(matches_come_by_start_then_by_events_then_by_variables),
        cmocka_unit_test(one_event_may_fit_several_variables),
        cmocka_unit_test(what_is_open_and_what_time_ends),
        cmocka_unit_test(limits_on_what_is_open),
        cmocka_unit_test(ten_of_a_billion_cost_ten),
        cmocka_unit_test(memory_follows_the_window),
        cmocka_unit_test(what_was_open_goes_on_in_every_store),
        cmocka_unit_test(a_graph_goes_on_beside_the_stacks),
        cmocka_unit_test(an_edit_keeps_what_means_the_same),
        cmocka_unit_test(too_many_are_lost_in_another_store),
        cmocka_unit_test(saved_stacks_are_told_as_partial_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
