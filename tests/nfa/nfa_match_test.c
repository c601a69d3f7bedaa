/* The matcher against results worked out by hand: operators, loops, negation, time, what follows a match. */
#include "tests/nfa/nfa_kit.h"
#include "tests/reference/hand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void worked_out_by_hand(void **state) {
    const struct hand_group *const *of = *state, *g = *of;
    const struct hand_case *rows = g->cases;
    for (size_t i = 0; i < g->n; i++) {
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
    assert_true(nfa_kit_init(&k, "a+ -> b", &(struct plan_pattern){ .skip = PLAN_SKIP_NONE }, 0));
    nfa_kit_events(&k, "a a b", NFA_KIT_AT_ONCE, false);
    assert_string_equal(nfa_kit_matches_in_order(&k), "a0 a1 b2|a0 b2|a1 b2");
    nfa_kit_release(&k);
}

int main(void) {
    struct CMUnitTest tests[HAND_GROUPS + 2] = {
        [HAND_GROUPS] = cmocka_unit_test(or_error_stops_the_job),
        [HAND_GROUPS + 1] = cmocka_unit_test(order_of_emission),
    };
    const struct hand_group *groups[HAND_GROUPS];
    for (size_t i = 0; i < HAND_GROUPS; i++) {
        groups[i] = &hand_groups[i];
        tests[i] = (struct CMUnitTest){
            .name = hand_groups[i].name, .test_func = worked_out_by_hand, .initial_state = &groups[i]
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
