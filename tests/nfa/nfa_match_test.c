/* The matcher against results worked out by hand: operators, loops, negation, time, what follows a match. */
#include "tests/nfa/nfa_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
    const char *pattern, *events, *matches, *timeouts; /* timeouts NULL: not looked at */
    struct plan_pattern with;
};

#define NO_SKIP    .skip = PLAN_SKIP_NONE
#define WITHIN(d)  .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = (d)
#define BETWEEN(d) .within_kind = PLAN_WITHIN_BETWEEN, .within_us = (d)

static void check_all(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        for (int how = NFA_KIT_ONE_BY_ONE; how <= 2 * NFA_KIT_BACKWARDS + 1; how++) {
            struct nfa_kit k;
            bool sets = how > NFA_KIT_BACKWARDS;
            if (!nfa_kit_init(&k, rows[i].pattern, &rows[i].with, sets ? NFA_KIT_SETS : 0))
                fail_msg("%s: refused: %s", rows[i].pattern, k.err.message);
            nfa_kit_events(&k, rows[i].events, (enum nfa_kit_how)(how % (NFA_KIT_BACKWARDS + 1)), false);
            if (strcmp(nfa_kit_matches(&k), rows[i].matches) != 0)
                fail_msg("%s on %s: expected %s, got %s", rows[i].pattern, rows[i].events, rows[i].matches,
                    nfa_kit_matches(&k));
            if (rows[i].timeouts && strcmp(nfa_kit_timeouts(&k), rows[i].timeouts) != 0)
                fail_msg("%s on %s: expected time-outs %s, got %s", rows[i].pattern, rows[i].events,
                    rows[i].timeouts, nfa_kit_timeouts(&k));
            nfa_kit_release(&k);
        }
    }
}
#define CHECK(rows) check_all(rows, sizeof(rows) / sizeof *(rows))

static void contiguity(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a b", "a b a x b", "a0 b1", NULL, { NO_SKIP } },
        { "a -> b", "a x b b", "a0 b2", NULL, { NO_SKIP } },
        { "a ->> b", "a x b b", "a0 b2|a0 b3", NULL, { NO_SKIP } },
        { "a -> b -> c -> d", "a b c d", "a0 b1 c2 d3", NULL, { NO_SKIP } },
        { "a Z b", "a x b a b", "a0 Z1 b2", NULL, { NO_SKIP } },
        /* Equal in time: the order of arrival. */
        { "a -> b", "b@1 a@1 b@1", "a1 b2", NULL, { NO_SKIP } },
    };
    CHECK(rows);
}

static void loops(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a+ -> b", "a x a b", "a0 a2 b3|a0 b3|a2 b3", NULL, { NO_SKIP } },
        { "a+ consecutive -> b", "a x a b", "a0 b3|a2 b3", NULL, { NO_SKIP } },
        { "a+ combinations -> b", "a a a b", "a0 a1 a2 b3|a0 a1 b3|a0 a2 b3|a0 b3|a1 a2 b3|a1 b3|a2 b3", NULL,
            { NO_SKIP } },
        { "a{2} -> b", "a a a b", "a0 a1 b3|a1 a2 b3", NULL, { NO_SKIP } },
        { "a{2,3}", "a a a", "a0 a1|a0 a1 a2|a1 a2", NULL, { NO_SKIP } },
        { "c -> a* -> b", "c a b", "c0 a1 b2|c0 b2", NULL, { NO_SKIP } },
        { "c (a{2})? -> b", "c a b", "c0 b2", NULL, { NO_SKIP } },
        { "a* -> b", "a a b", "a0 a1 b2|a0 b2|a1 b2|b2", NULL, { NO_SKIP } },
        /* A pattern that may take nothing gives no match of nothing. */
        { "a?", "a x a", "a0|a2", NULL, { NO_SKIP } },
        { "c -> a+ greedy -> A", "c a x a b", "c0 a1 a3 A4", NULL, { NO_SKIP } },
        { "c -> a+ until q -> b", "c a q a b", "c0 a1 b4", NULL, { NO_SKIP } },
        { "(a* greedy)+ until q -> A", "a a q b", "a0 a1 A3", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        { "c (a+ greedy)+ until a -> A", "c a b", "", NULL, { NO_SKIP } },
        /* A gap says nothing of what is there once at most: the group is still a greedy loop that may be left out. */
        { "((a{2,3} greedy)? gap 2 | c) -> A", "a", "", NULL, { NO_SKIP } },
        /* What an until around a greedy loop ends is free for what follows. */
        { "(b* greedy)+ until b -> b -> c", "b c", "b0 c1", NULL, { NO_SKIP } },
        { "c -> a+ until a -> b", "c a b", "", NULL, { NO_SKIP } },
        { "(a b)+ c", "a b a b c", "a0 b1 a2 b3 c4|a2 b3 c4", NULL, { NO_SKIP } },
        { "(a -> b)+ -> c", "a b x c", "a0 b1 c3", NULL, { NO_SKIP } },
        { "(a+)+ -> b", "a a b", "a0 a1 b2|a0 b2|a1 b2", NULL, { NO_SKIP } },
        { "(a? b?)+ c", "b a b c", "a1 b2 c3|b0 a1 b2 c3|b2 c3|c3", NULL, { NO_SKIP } },
    };
    CHECK(rows);
}

static void either_and_all(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a -> (b | c) -> d", "a x c b d", "a0 c2 d4", NULL, { NO_SKIP } },
        { "x (A | b)", "x b", "x0 A1|x0 b1", NULL, { NO_SKIP } },
        { "(a -> b | c) d", "a c d", "c1 d2", NULL, { NO_SKIP } },
        { "all(a, b, c)", "c x a b", "c0 a2 b3", NULL, { NO_SKIP } },
        { "x all(A, b)", "x b b", "x0 A1 b2|x0 b1 A2", NULL, { NO_SKIP } },
        { "x -> all(a, b?) -> c", "x a c", "x0 a1 c2", NULL, { NO_SKIP } },
        /* One match that is come to in several ways is one, and a limit counts it once. */
        { "x -> all((c? | y), b?)", "x b", "x0|x0 b1", NULL, { NO_SKIP } },
        { "x -> all((c? | y), b?) -> z", "x b z", "x0 b1 z2|x0 z2", NULL,
            { .skip = PLAN_SKIP_TO_FIRST, .skip_var = 1 } },
        { "x ->> all((c? | y), A?) ->> b", "x a b", "x0 A1 b2|x0 b2", NULL, { NO_SKIP, .limit_matches = 2 } },
        { "(a+ -> b*)+ -> c", "a a b c", "a0 a1 b2 c3|a0 a1 c3|a0 b2 c3|a0 c3|a1 b2 c3|a1 c3", NULL,
            { NO_SKIP } },
    };
    CHECK(rows);
}

static void negation(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a !n c", "a n a c", "a2 c3", NULL, { NO_SKIP } },
        { "a !n -> c", "a n c a x n c", "a3 c6", NULL, { NO_SKIP } },
        { "a !n", "a n a x", "a2", NULL, { NO_SKIP } },
        { "a -> !n -> c", "a x n c a x c", "a4 c6", NULL, { NO_SKIP } },
        { "a+ -> !n -> c", "a x a n c", "", NULL, { NO_SKIP } },
        { "a -> !n -> b? -> c", "a b n c", "a0 b1 c3", NULL, { NO_SKIP } },
        { "a -> !n -> !m -> c", "a m c a c", "a3 c4", NULL, { NO_SKIP } },
        { "a -> !n", "a@1 x@2 a@3 n@6", "a0", "", { NO_SKIP, WITHIN(5) } },
        { "a -> !n", "a@1 n@5", "", "", { NO_SKIP, WITHIN(5) } },
        { "a ->[2] !n", "a@1 n@3 a@4 n@5", "a0", "", { NO_SKIP } },
        { "a -> !n -> !m", "a@1 m@2 a@3 n@4 a@5", "a4", "", { NO_SKIP, WITHIN(5) } },
        /* Behind an optional variable that took something it comes back late, within its own chain; not behind groups. */
        { "a -> !n -> b? -> d?", "a b x n d", "a0|a0 b1", NULL, { NO_SKIP } },
        { "a -> !n -> (b | c)? -> d?", "a b x n d", "a0|a0 b1|a0 b1 d4", NULL, { NO_SKIP } },
        { "a -> !n -> (b? -> c?) -> d?", "a c x n d", "a0|a0 c1|a0 c1 d4", NULL, { NO_SKIP } },
        /* An absence behind a loop: with a bound of its own time alone completes it, once, and the loop goes on. */
        { "a+ ->[2] !n", "a@1 a@2 a@6", "a0|a0 a1|a0 a1 a2|a1|a1 a2|a2", "", { NO_SKIP } },
        { "a+ ->[2] !n", "a@1 n@4 a@5 n@6 a@8", "a0|a4", "", { NO_SKIP } },
        { "a+ ->[2] !n", "a@1 a@2 x@3 a@9", "a0|a1|a3", "", { .skip = PLAN_SKIP_PAST_LAST } },
        { "a+ greedy ->[2] !n", "a@1 a@2 x@3 a@9", "a0 a1|a3", "", { .skip = PLAN_SKIP_PAST_LAST } },
        { "a -> b? ->[2] !n", "a@1 b@9", "a0|a0 b1", "", { NO_SKIP } },
        { "a+ ->[5] !n", "a@1 a@4", "a0|a0 a1|a1", "a1", { NO_SKIP, WITHIN(6) } },
        { "a+ -> !n", "a@1 x@2 a@4", "a0", "a0 a2|a2", { NO_SKIP, WITHIN(5) } },
        { "a+ combinations ->[2] !n", "a@1 x@2", "a0", "", { NO_SKIP, WITHIN(2) } },
        /* The first start's best match ends before the second start, which shares a run with a worse one. */
        { "a+ combinations -> !n", "a@1 a@1 x@4", "a0|a1", "", { .skip = PLAN_SKIP_PAST_LAST, BETWEEN(4) } },
        /* Only an event decides `!n`; when it comes the absence may be over already, and then it is not looked at. */
        { "a !n ->[3] !b", "a@1 x@9 a@20 n@30 a@40 b@50", "a0|a4", "", { NO_SKIP, WITHIN(15) } },
        { "a !n ->[3] !b", "a@1 b@3 a@11 x@12 b@13 a@21 x@22", "a5", "", { NO_SKIP, WITHIN(15) } },
    };
    CHECK(rows);
}

static void time_limits(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a -> b", "a@1 b@4", "", "a0", { NO_SKIP, WITHIN(3) } },
        { "a -> b", "a@1 b@3", "a0 b1", "", { NO_SKIP, WITHIN(3) } },
        { "a ->> b", "a@1 b@2", "a0 b1", "a0", { NO_SKIP, WITHIN(3) } },
        { "a -> b -> c", "a@1 b@3 c@5", "a0 b1 c2", "", { NO_SKIP, BETWEEN(3) } },
        { "a -> b -> c", "a@1 b@3 c@6", "", "a0 b1", { NO_SKIP, BETWEEN(3) } },
        { "a ->[2] b", "a@1 b@3 a@4 b@5", "a2 b3", "a0", { NO_SKIP } },
        { "a ->[2,4] b", "a@1 b@2 b@4", "a0 b2", "", { NO_SKIP } },
        { "a [2,9] b", "a@1 b@2 a@3 b@6", "a2 b3", NULL, { NO_SKIP } },
        { "a ->[3] b? -> c", "a@1 c@9", "a0 c1", "", { NO_SKIP } },
        { "a{2} gap 3", "a@1 a@4 a@5", "a1 a2", "a0|a2", { NO_SKIP } },
        { "a+ gap 3 -> b", "a@1 a@9 b@10", "a0 b2|a1 b2", NULL, { NO_SKIP } },
        /* The negation behind a loop ends it also when the step behind that is out of time; so `a0` does not time out. */
        { "(a B?)+ consecutive -> !n ->[2] c", "a@1 n@3", "", "",
            { .skip = PLAN_SKIP_PAST_LAST, BETWEEN(5) } },
        /* A partial match that stands in several states is one. */
        { "a+ -> b", "a@1 x@2", "", "a0", { NO_SKIP, WITHIN(5) } },
    };
    CHECK(rows);
}

static void after_match(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a+ -> b", "a a b", "a0 a1 b2", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        { "a -> b -> c", "a a b b c", "a0 b2 c4", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        { "a+", "a a a", "a0|a1|a2", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        { "a -> b", "a a b b", "a0 b2|a1 b2", NULL, { .skip = PLAN_SKIP_TO_NEXT } },
        { "a+ b", "a a b", "a0 a1 b2|a1 b2", NULL, { .skip = PLAN_SKIP_TO_LAST, .skip_var = 0 } },
        { "a -> b -> c", "a a b b c", "a0 b2 c4", NULL, { .skip = PLAN_SKIP_TO_FIRST, .skip_var = 1 } },
        { "a -> b? -> c", "a a c", "a0 c2|a1 c2", NULL,
            { .skip = PLAN_SKIP_TO_FIRST, .skip_var = 1, WITHIN(9) } },
        /* The first start still waits for a b, for ever: what started later waits with it. */
        { "a -> b? -> c", "a a c", "a0 c2", NULL, { .skip = PLAN_SKIP_TO_FIRST, .skip_var = 1 } },
        /* The second start completes first and waits until the time of the first one is over. */
        { "(Z -> n | x -> y)", "a x y", "x1 y2", "Z0", { .skip = PLAN_SKIP_PAST_LAST, WITHIN(9) } },
        { "(Z -> n | x -> y)", "a x y", "", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        /* `d3` waits for `c0`, then drops `d3 b4 d5`, but not `b4 d5`, which shares its run. */
        { "d? ->> c* combinations -> b? d", "c@1 b@2 x@3 d@4 b@5 d@6", "b4 d5|d3", NULL,
            { .skip = PLAN_SKIP_PAST_LAST, WITHIN(10) } },
        /* The first start's time is over; the second has taken the same events since. */
        { "a+ -> b", "a@1 a@3 a@4 b@7", "a1 a2 b3", NULL, { .skip = PLAN_SKIP_PAST_LAST, WITHIN(5) } },
    };
    CHECK(rows);
}

static void limits(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a -> b", "a a b", "a1 b2", NULL, { NO_SKIP, .limit_open = 1 } },
        { "a -> b", "a a b", "a0 b2", NULL, { NO_SKIP, .limit_open = 1, .limit_refuse_new = true } },
        { "a -> b", "a a b a b", "a0 b2|a3 b4", NULL, { NO_SKIP, .limit_matches = 1 } },
        { "a+ -> b", "a a a b", "a1 a2 b3|a1 b3|a2 b3", NULL, { NO_SKIP, .limit_open = 2 } },
    };
    CHECK(rows);
}

static void or_error_stops_the_job(void **state) {
    (void)state;
    struct nfa_kit k;
    struct plan_pattern with = { .skip = PLAN_SKIP_TO_FIRST, .skip_var = 1, .skip_or_error = true };
    assert_true(nfa_kit_init(&k, "a -> b? -> c", &with, 0));
    nfa_kit_events(&k, "a x c", NFA_KIT_AT_ONCE, false);
    assert_int_equal(k.rc, CEP_ESTATE);
    assert_true(k.err.fatal);
    assert_non_null(strstr(k.err.message, "\"b\""));
    nfa_kit_release(&k);
}

/* Emission: by start, then by completion, then by events. */
static void order_of_emission(void **state) {
    (void)state;
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, "a+ -> b", &(struct plan_pattern){ NO_SKIP }, 0));
    nfa_kit_events(&k, "a a b", NFA_KIT_AT_ONCE, false);
    assert_string_equal(nfa_kit_matches_in_order(&k), "a0 a1 b2|a0 b2|a1 b2");
    nfa_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contiguity),
        cmocka_unit_test(loops),
        cmocka_unit_test(either_and_all),
        cmocka_unit_test(negation),
        cmocka_unit_test(time_limits),
        cmocka_unit_test(after_match),
        cmocka_unit_test(limits),
        cmocka_unit_test(or_error_stops_the_job),
        cmocka_unit_test(order_of_emission),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
