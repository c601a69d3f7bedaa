/* Cases whose results were worked out by hand from the language's definition: see hand.h. */
#include "tests/reference/hand.h"

#define NO_SKIP    .skip = PLAN_SKIP_NONE
#define WITHIN(d)  .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = (d)
#define BETWEEN(d) .within_kind = PLAN_WITHIN_BETWEEN, .within_us = (d)

static const struct hand_case contiguity[] = {
    { "a b", "a b a x b", "a0 b1", NULL, { NO_SKIP } },
    { "a -> b", "a x b b", "a0 b2", NULL, { NO_SKIP } },
    { "a ->> b", "a x b b", "a0 b2|a0 b3", NULL, { NO_SKIP } },
    { "a -> b -> c -> d", "a b c d", "a0 b1 c2 d3", NULL, { NO_SKIP } },
    { "a Z b", "a x b a b", "a0 Z1 b2", NULL, { NO_SKIP } },
    /* Equal in time: the order of arrival. */
    { "a -> b", "b@1 a@1 b@1", "a1 b2", NULL, { NO_SKIP } },
};

static const struct hand_case loops[] = {
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
    { "a+ -> b", "a a b", "a0 a1 b2|a0 b2|a1 b2", NULL, { NO_SKIP } },
    { "a+ greedy -> b", "a a x a b", "a0 a1 a3 b4|a1 a3 b4|a3 b4", NULL, { NO_SKIP } },
    { "a{2} consecutive -> b", "a x a a b", "a2 a3 b4", NULL, { NO_SKIP } },
    { "a{2} combinations", "a a a", "a0 a1|a0 a2|a1 a2", NULL, { NO_SKIP } },
    { "a? -> b", "a x b", "a0 b2|b2", NULL, { NO_SKIP } },
    { "x -> (a{2})? -> b", "x a b", "x0 b2", NULL, { NO_SKIP } },
    { "a* ", "x a", "a1", NULL, { NO_SKIP } },
    { "x -> a+ until q -> b", "x a q a b", "x0 a1 b4", NULL, { NO_SKIP } },
    { "(a b){2} c", "a b a b c", "a0 b1 a2 b3 c4", NULL, { NO_SKIP } },
};

static const struct hand_case either_and_all[] = {
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
    { "a (b | c)", "a c a b", "a0 c1|a2 b3", NULL, { NO_SKIP } },
    { "a ->> (b | c)", "a b c", "a0 b1|a0 c2", NULL, { NO_SKIP } },
    { "(a b | c)+ d", "a b c d", "a0 b1 c2 d3|c2 d3", NULL, { NO_SKIP } },
    { "all(a, b)", "b x a", "b0 a2", NULL, { NO_SKIP } },
    { "a -> (b | c)", "a", "", "a0", { NO_SKIP, WITHIN(5) } },
};

static const struct hand_case negation[] = {
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
    { "a -> !n", "a x a n", "", "", { NO_SKIP, WITHIN(5) } },
};

static const struct hand_case time_limits[] = {
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
    { "(a B?)+ consecutive -> !n ->[2] c", "a@1 n@3", "", "", { .skip = PLAN_SKIP_PAST_LAST, BETWEEN(5) } },
    /* A partial match that stands in several states is one. */
    { "a+ -> b", "a@1 x@2", "", "a0", { NO_SKIP, WITHIN(5) } },
    /* The negation behind a loop ends it also when the step behind that is out of time; so `a0` does not time out. */
    { "(a B?)+ consecutive -> !n ->[2] c", "a@1 n@3", "", "", { NO_SKIP, BETWEEN(5) } },
};

static const struct hand_case after_match[] = {
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
    /* The second start completes first and waits until the first one's time is over. */
    { "a ->> A -> c", "a b c", "a0 A1 c2", NULL, { .skip = PLAN_SKIP_PAST_LAST, WITHIN(9) } },
    { "Z -> n | x -> y", "a x y", "x1 y2", "Z0", { .skip = PLAN_SKIP_PAST_LAST, WITHIN(9) } },
    { "Z -> n | x -> y", "a x y", "", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
};

static const struct hand_case limits[] = {
    { "a -> b", "a a b", "a1 b2", NULL, { NO_SKIP, .limit_open = 1 } },
    { "a -> b", "a a b", "a0 b2", NULL, { NO_SKIP, .limit_open = 1, .limit_refuse_new = true } },
    { "a -> b", "a a b a b", "a0 b2|a3 b4", NULL, { NO_SKIP, .limit_matches = 1 } },
    { "a+ -> b", "a a a b", "a1 a2 b3|a1 b3|a2 b3", NULL, { NO_SKIP, .limit_open = 2 } },
};

#define GROUP(name) \
    { #name, name, sizeof(name) / sizeof *(name) }

const struct hand_group hand_groups[HAND_GROUPS] = {
    GROUP(contiguity),
    GROUP(loops),
    GROUP(either_and_all),
    GROUP(negation),
    GROUP(time_limits),
    GROUP(after_match),
    GROUP(limits),
};
