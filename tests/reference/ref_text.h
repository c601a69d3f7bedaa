#pragma once
/*
 * ref_text -- patterns and events in a few letters, for tests of matchers.
 *
 *     a -> (b{2,3} greedy | c) ->[2,5] !d        variables are single letters; [lo,hi] or [hi] is a bound
 *     all(a, b+ consecutive) x* until q gap 3    words after a quantifier as in the language; until one letter
 *     a b x a@7                                  events: one a unit of time, or at a time of their own
 *
 * The variable `a` takes events named a, and so on; capitals take more: A takes a and b, C takes c and d, Z every event.
 * A letter may stand several times: the variables are called a, a2, a3.
 */
#include "plan/plan.h"

struct ref_text {
    struct base_arena arena; /* owns everything here */
    struct plan_pattern pat; /* root and vars; the rest is the caller's to set */
    const char *letters;     /* of variable i: letters[i] */
};

/* Returns: false when the text is not a pattern. Owns: ref_text_release(), also then. */
bool ref_text_init(struct ref_text *t, const char *pattern);
void ref_text_release(struct ref_text *t);

struct ref_text_event {
    char name;
    int64_t time;
};

/* Returns: how many, at most `max`. */
size_t ref_text_events(const char *text, struct ref_text_event *out, size_t max);
/* Does a variable of this letter take an event of that name? */
bool ref_text_fits(char var, char name);
