#pragma once
/*
 * hand -- small cases whose results were worked out by hand from the language's definition. The reference and the engine's
 * matcher are both held to all of them.
 *
 * Patterns and events are written as in ref_text.h; matches as "a0 b2|a1 b2": letter and number of each event, sorted.
 */
#include "plan/plan.h"

struct hand_case {
    const char *pattern, *events, *matches, *timeouts; /* timeouts NULL: not looked at */
    struct plan_pattern with;                          /* within, skip, limits */
};

struct hand_group {
    const char *name;
    const struct hand_case *cases;
    size_t n;
};

enum { HAND_GROUPS = 7 };
extern const struct hand_group hand_groups[HAND_GROUPS];
