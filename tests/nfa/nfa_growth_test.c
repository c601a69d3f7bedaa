/*
 * What grows faster than its input is announced: the work of patterns over n and 2 n events of one key, counted, held against
 * what nfa_cost says before they run.
 */
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct shape {
    const char *pattern;
    unsigned flags;
    struct plan_pattern with;
    bool linear; /* on every input: then it must not be called anything else */
};

#define PAST       .skip = PLAN_SKIP_PAST_LAST
#define TO_NEXT    .skip = PLAN_SKIP_TO_NEXT
#define TO_LAST(v) .skip = PLAN_SKIP_TO_LAST, .skip_var = (v)
#define NO_SKIP    .skip = PLAN_SKIP_NONE
#define WITHIN(d)  .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = (d)
#define BETWEEN(d) .within_kind = PLAN_WITHIN_BETWEEN, .within_us = (d)
enum { LONG = 1000000, UNREAD = NFA_KIT_NO_TIMEOUTS };

/* Streams of which one may be the worst for a pattern. %: the second half only. */
static const char *const streams[] = { "a", "ab", "ax", "abx", "a%b", "ab%c", "abc" };

static uint64_t work_of(const struct shape *s, const char *names, unsigned n, uint64_t enough) {
    struct nfa_kit k;
    struct nfa_stats stats;
    const char *second = strchr(names, '%');
    size_t first_len = second ? (size_t)(second - names) : strlen(names);
    if (!nfa_kit_init(&k, s->pattern, &s->with, s->flags))
        fail_msg("%s: %s", s->pattern, k.err.message);
    for (unsigned i = 0; i < n; i++) {
        const char *from = second && i >= n / 2 ? second + 1 : names;
        size_t len = from == names ? first_len : strlen(from);
        nfa_kit_event(&k, from[i % len], i + 1, 0);
        nfa_kit_advance(&k, i + 1);
        nfa_matcher_stats(k.matcher, &stats);
        if (stats.work > enough)
            break;
    }
    if (stats.work <= enough)
        nfa_kit_advance(&k, INT64_MAX);
    nfa_matcher_stats(k.matcher, &stats);
    nfa_kit_release(&k);
    return stats.work;
}

static struct nfa_cost cost_of(const struct shape *s) {
    struct nfa_kit k;
    struct nfa_cost cost;
    if (!nfa_kit_init(&k, s->pattern, &s->with, s->flags))
        fail_msg("%s: %s", s->pattern, k.err.message);
    nfa_cost_of(k.prog, &cost);
    nfa_kit_release(&k);
    return cost;
}

static const struct shape shapes[] = {
    /* Linear: short lives, one wait that what concerns it ends, one loop. */
    { "a b", 0, { PAST }, true },
    { "a b c", 0, { NO_SKIP, WITHIN(LONG) }, true },
    { "a !n b", 0, { NO_SKIP }, true },
    { "a -> b", 0, { PAST }, true },
    { "a -> b", 0, { NO_SKIP, WITHIN(LONG) }, true },
    { "a -> b", 0, { TO_NEXT }, true },
    { "a -> b", 0, { TO_LAST(0) }, true },
    { "a+", 0, { PAST }, true },
    { "a+", 0, { PAST, WITHIN(LONG) }, true },
    { "a+", 0, { TO_NEXT }, true },
    { "a+ -> b", UNREAD, { PAST, WITHIN(LONG) }, true },
    { "a+ -> b", 0, { PAST }, true },
    /* Waits that others pass by. */
    { "a -> b -> c", 0, { PAST }, false },
    { "a -> b -> c", UNREAD, { NO_SKIP, WITHIN(LONG) }, false },
    { "a -> b -> c", 0, { TO_NEXT }, false },
    { "a ->> b", 0, { NO_SKIP }, false },
    { "a ->> b", 0, { TO_LAST(0) }, false },
    { "a -> b ->> c", 0, { PAST }, false },
    { "a -> b? -> c? -> d", 0, { PAST }, false },
    { "a -> all(b, c)", 0, { PAST }, false },
    { "a -> b", NFA_KIT_RICH, { PAST }, false },
    { "a ->[1000000] b", 0, { PAST }, false },
    { "a -> b", 0, { PAST, BETWEEN(LONG) }, false },
    /* Loops. */
    { "a+", 0, { NO_SKIP }, false },
    { "a+ -> b", 0, { NO_SKIP }, false },
    { "a+ -> b", 0, { TO_NEXT }, false },
    { "a+ -> b", 0, { TO_LAST(0) }, false },
    { "a+ -> b", 0, { PAST, WITHIN(LONG) }, false },
    { "a+ -> b -> c", 0, { PAST }, false },
    { "a+ -> b+ -> c", 0, { PAST }, false },
    { "a+ -> b+ -> c", UNREAD, { PAST, WITHIN(LONG) }, false },
    { "a -> b+ -> c", 0, { PAST }, false },
    { "a ->> b+ -> c", 0, { PAST }, false },
    { "a+ ->> b", 0, { NO_SKIP }, false },
    { "(a -> b)+ -> c", 0, { PAST }, false },
    { "a -> (b | c)+ -> d", 0, { NO_SKIP }, false },
    { "a{2,80} -> b", 0, { PAST }, false },
    { "a+ -> !n", 0, { PAST, WITHIN(LONG) }, false },
    { "a+ ->[1000000] !n", 0, { PAST }, false },
    { "a+ gap 1000000 -> b", 0, { PAST }, false },
    { "a+ consecutive -> b", 0, { PAST }, false },
    { "a+ -> b", NFA_KIT_RICH, { PAST }, false },
    { "a+ combinations -> b", 0, { PAST }, false },
};

enum { EVENTS = 150 };

/* What is linear doubles; what is quadratic doubles twice. */
#define LIMIT 2.6

/* `flags`: of every shape, beside its own. */
static void check_shapes(unsigned flags) {
    bool ok = true;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct shape shape = shapes[i];
        const struct shape *s = &shape;
        shape.flags |= flags;
        struct nfa_cost cost = cost_of(s);
        double worst = 0;
        const char *by = "";
        for (size_t k = 0; k < sizeof streams / sizeof *streams && worst <= LIMIT; k++) {
            uint64_t small = work_of(s, streams[k], EVENTS, UINT64_MAX / 2), enough = small * 4 + 1000;
            uint64_t large = work_of(s, streams[k], 2 * EVENTS, enough);
            double ratio = (double)(large + 500) / (double)(small + 250);
            if (ratio > worst) {
                worst = ratio;
                by = streams[k];
            }
        }
        bool grows = worst > LIMIT, told = cost.quadratic || cost.exponential;
        if ((grows && !told) || (told && s->linear) || (grows && s->linear)) {
            print_message("%s (skip %d, within %d, flags %u): x %.2f by %s, announced: %s\n", s->pattern,
                (int)s->with.skip, (int)s->with.within_kind, s->flags, worst, by,
                cost.growth_why ? cost.growth_why : "nothing");
            ok = false;
        }
    }
    assert_true(ok);
}

static void growth_is_announced(void **state) {
    (void)state;
    check_shapes(0);
}

/* A shape that the runs make linear is linear here too. */
static void growth_in_sets_is_announced(void **state) {
    (void)state;
    check_shapes(NFA_KIT_SETS);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(growth_is_announced),
        cmocka_unit_test(growth_in_sets_is_announced) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
