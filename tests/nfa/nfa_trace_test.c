/* What the matcher says of its work, in each store; and that saying it changes nothing. */
#include "tests/nfa/nfa_kit.h"

#include "base/base_str.h"

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

static void line(void *arg, const char *text) {
    base_buf_printf(arg, "%s\n", text);
}

static bool says(const struct base_buf *b, const char *text) {
    return b->p && strstr(b->p, text) != NULL;
}

static void trace(struct nfa_kit *k, const char *pattern, const struct plan_pattern *with, unsigned flags,
    const char *events, struct base_buf *b) {
    if (!nfa_kit_init(k, pattern, with, flags))
        fail_msg("%s: %s", pattern, k->err.message);
    nfa_matcher_trace(k->matcher, line, b);
    nfa_kit_events(k, events, NFA_KIT_ONE_BY_ONE, false);
    (void)base_buf_cstr(b);
}

static void runs_are_told_one_by_one(void **state) {
    (void)state;
    struct nfa_kit k;
    struct base_buf b = BASE_BUF_INIT;
    trace(&k, "a -> !c -> b", &past_last, 0, "a a b a c", &b);
    assert_string_equal(nfa_kit_matches(&k), "a0 b2");
    assert_true(says(&b, ": event "));
    assert_true(says(&b, ":   start: take a -> wait b\n"));
    assert_true(says(&b, "] in wait b: ignore -> wait b\n"));
    assert_true(says(&b, "] in wait b: take b -> match\n"));
    assert_true(says(&b, "] in wait b: stop, by a negation\n"));
    assert_true(says(&b, ": match [a "));
    assert_true(says(&b, " pruned by the skip policy\n"));
    assert_false(says(&b, "{wait"));
    nfa_kit_release(&k);
    base_buf_release(&b);
}

static void time_outs_are_told(void **state) {
    (void)state;
    struct nfa_kit k;
    struct base_buf b = BASE_BUF_INIT;
    trace(&k, "a -> b", &past_last, 0, "a", &b);
    assert_true(says(&b, ": timed out at "));
    assert_true(says(&b, "] in wait b\n"));
    nfa_kit_release(&k);
    base_buf_release(&b);
}

static void sets_are_told_by_states(void **state) {
    (void)state;
    static const struct plan_pattern *const policies[] = { &past_last, &no_skip };
    for (int i = 0; i < 2; i++) {
        struct nfa_kit k;
        struct base_buf b = BASE_BUF_INIT;
        trace(&k, "a -> b", policies[i], NFA_KIT_NO_TIMEOUTS | NFA_KIT_SETS, "a a b a", &b);
        assert_string_equal(nfa_kit_matches(&k), i ? "a0 b2|a1 b2" : "a0 b2");
        assert_true(says(&b, ":   {wait b}: ignore -> {wait b}\n"));
        assert_true(says(&b, ":   {wait b}: take b -> match\n"));
        assert_true(says(&b, ": match [a "));
        assert_true(says(&b, ": 1 timed out by "));
        assert_int_equal(says(&b, " pruned by the skip policy\n"), i == 0);
        nfa_kit_release(&k);
        base_buf_release(&b);
    }
}

/* The same events, with and without. */
static void telling_changes_nothing(void **state) {
    (void)state;
    static const char *const patterns[] = { "a+ -> b", "a -> (b | c)* -> d", "a{2,3} -> !c -> b",
        "all(a, b, c)" };
    static const char events[] = "a b a a c b d a a b c a d b b a c a b d";
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        for (unsigned how = 0; how < 4; how++) {
            unsigned flags = (how & 1 ? NFA_KIT_RICH : NFA_KIT_NO_TIMEOUTS | NFA_KIT_SETS);
            const struct plan_pattern *with = how & 2 ? &no_skip : &past_last;
            struct nfa_kit plain, told;
            struct base_buf b = BASE_BUF_INIT;
            assert_true(nfa_kit_init(&plain, patterns[p], with, flags));
            nfa_kit_events(&plain, events, NFA_KIT_ONE_BY_ONE, false);
            trace(&told, patterns[p], with, flags, events, &b);
            assert_string_equal(nfa_kit_matches(&plain), nfa_kit_matches(&told));
            assert_true(b.len > 0);
            nfa_kit_release(&plain);
            nfa_kit_release(&told);
            base_buf_release(&b);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_are_told_one_by_one),
        cmocka_unit_test(time_outs_are_told),
        cmocka_unit_test(sets_are_told_by_states),
        cmocka_unit_test(telling_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
