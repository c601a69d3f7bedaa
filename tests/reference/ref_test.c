/* The reference matcher against results worked out by hand from the language's definition. */
#include "tests/reference/ref.h"
#include "tests/reference/ref_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_EVENTS = 64 };

struct given {
    struct ref_text text;
    struct ref_text_event events[MAX_EVENTS];
    size_t n;
};

static bool cond(void *arg, uint32_t var, uint32_t event, const struct ref_sofar *sofar) {
    const struct given *g = arg;
    (void)sofar;
    return ref_text_fits(g->text.letters[var], g->events[event].name);
}

static bool until(void *arg, const struct plan_term *term, uint32_t event, const struct ref_sofar *sofar) {
    const struct given *g = arg;
    (void)sofar;
    return ref_text_fits((char)term->until->index, g->events[event].name);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a0 b2|a1 b2": sorted. */
static void write_matches(struct base_buf *out, const struct given *g, const struct ref_matches *m) {
    char *lines[256];
    assert_true(m->n < 256);
    for (size_t i = 0; i < m->n; i++) {
        struct base_buf b = BASE_BUF_INIT;
        for (uint32_t k = 0; k < m->v[i].events.n; k++)
            base_buf_printf(&b, "%s%c%u", k ? " " : "", g->text.letters[m->v[i].events.binds[k].var],
                m->v[i].events.binds[k].event);
        lines[i] = strdup(base_buf_cstr(&b));
        base_buf_release(&b);
    }
    qsort(lines, m->n, sizeof *lines, by_text);
    for (size_t i = 0; i < m->n; i++) {
        base_buf_printf(out, "%s%s", i ? "|" : "", lines[i]);
        free(lines[i]);
    }
}

struct row {
    const char *pattern, *events, *matches, *timeouts; /* timeouts NULL: not looked at */
    struct plan_pattern with;                          /* within, skip, limits */
};

#define NO_SKIP   .skip = PLAN_SKIP_NONE
#define WITHIN(d) .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = (d)

static void check(const struct row *row) {
    struct given g;
    struct plan_pattern with = row->with;
    assert_true(ref_text_init(&g.text, row->pattern));
    g.n = ref_text_events(row->events, g.events, MAX_EVENTS);
    with.root = g.text.pat.root;
    with.n_vars = g.text.pat.n_vars;
    with.vars = g.text.pat.vars;
    struct ref_calls calls = { .arg = &g, .cond = cond, .until = until };
    struct ref *r = ref_new(&with, &calls);
    for (size_t i = 0; i < g.n; i++)
        ref_event(r, g.events[i].time, (uint32_t)i);
    ref_advance(r, INT64_MAX);
    struct base_buf got = BASE_BUF_INIT;
    write_matches(&got, &g, &r->matches);
    if (strcmp(base_buf_cstr(&got), row->matches) != 0)
        fail_msg(
            "%s on %s: expected %s, got %s", row->pattern, row->events, row->matches, base_buf_cstr(&got));
    base_buf_clear(&got);
    write_matches(&got, &g, &r->timeouts);
    if (row->timeouts && strcmp(base_buf_cstr(&got), row->timeouts) != 0)
        fail_msg("%s on %s: expected time-outs %s, got %s", row->pattern, row->events, row->timeouts,
            base_buf_cstr(&got));
    base_buf_release(&got);
    ref_free(r);
    ref_text_release(&g.text);
}

static void check_all(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++)
        check(&rows[i]);
}
#define CHECK(rows) check_all(rows, sizeof(rows) / sizeof *(rows))

static void operators(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a b", "a b a x b", "a0 b1", NULL, { NO_SKIP } },
        { "a -> b", "a x b b", "a0 b2", NULL, { NO_SKIP } },
        { "a ->> b", "a x b b", "a0 b2|a0 b3", NULL, { NO_SKIP } },
        { "a !n c", "a n a c", "a2 c3", NULL, { NO_SKIP } },
        { "a !n -> c", "a n c a x n c", "a3 c6", NULL, { NO_SKIP } },
        { "a -> !n -> c", "a x n c a x c", "a4 c6", NULL, { NO_SKIP } },
        { "a !n", "a n a x", "a2", NULL, { NO_SKIP } },
        { "a -> !n", "a x a n", "", "", { NO_SKIP, WITHIN(5) } },
        { "a -> !n", "a@1 x@2 a@3 n@6", "a0", "", { NO_SKIP, WITHIN(5) } },
        { "a ->[2] b", "a@1 b@3 a@4 b@5", "a2 b3", "a0", { NO_SKIP } },
        { "a ->[2,4] b", "a@1 b@2 b@4", "a0 b2", "", { NO_SKIP } },
        { "a ->[2] !n", "a@1 n@3 a@4 n@5", "a0", "", { NO_SKIP } },
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
        /* Only an event decides `!n`; when it comes the absence may be over already, and then it is not looked at. */
        { "a !n ->[3] !b", "a@1 x@9 a@20 n@30 a@40 b@50", "a0|a4", "", { NO_SKIP, WITHIN(15) } },
        { "a !n ->[3] !b", "a@1 b@3 a@11 x@12 b@13 a@21 x@22", "a5", "", { NO_SKIP, WITHIN(15) } },
        { "(a* greedy)+ until q -> A", "a a q b", "a0 a1 A3", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        { "c (a+ greedy)+ until a -> A", "c a b", "", NULL, { NO_SKIP } },
        /* What an until around a greedy loop ends is free for what follows. */
        { "(b* greedy)+ until b -> b -> c", "b c", "b0 c1", NULL, { NO_SKIP } },
    };
    CHECK(rows);
}

static void quantifiers(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a+ -> b", "a a b", "a0 a1 b2|a0 b2|a1 b2", NULL, { NO_SKIP } },
        { "a+ -> b", "a a b", "a0 a1 b2", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        { "a+ greedy -> b", "a a x a b", "a0 a1 a3 b4|a1 a3 b4|a3 b4", NULL, { NO_SKIP } },
        { "a{2} consecutive -> b", "a x a a b", "a2 a3 b4", NULL, { NO_SKIP } },
        { "a{2} combinations", "a a a", "a0 a1|a0 a2|a1 a2", NULL, { NO_SKIP } },
        { "a? -> b", "a x b", "a0 b2|b2", NULL, { NO_SKIP } },
        { "x -> (a{2})? -> b", "x a b", "x0 b2", NULL, { NO_SKIP } },
        { "a* ", "x a", "a1", NULL, { NO_SKIP } },
        { "x -> a+ until q -> b", "x a q a b", "x0 a1 b4", NULL, { NO_SKIP } },
        { "a{2} gap 3", "a@1 a@4 a@5", "a1 a2", "a0|a2", { NO_SKIP } },
        { "(a -> b)+ -> c", "a b x c", "a0 b1 c3", NULL, { NO_SKIP } },
        { "(a b){2} c", "a b a b c", "a0 b1 a2 b3 c4", NULL, { NO_SKIP } },
    };
    CHECK(rows);
}

static void beyond_sequences(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a (b | c)", "a c a b", "a0 c1|a2 b3", NULL, { NO_SKIP } },
        { "a -> (b | c) -> d", "a x c b d", "a0 c2 d4", NULL, { NO_SKIP } },
        { "a ->> (b | c)", "a b c", "a0 b1|a0 c2", NULL, { NO_SKIP } },
        { "x (A | b)", "x b", "x0 A1|x0 b1", NULL, { NO_SKIP } },
        { "(a b | c)+ d", "a b c d", "a0 b1 c2 d3|c2 d3", NULL, { NO_SKIP } },
        { "all(a, b)", "b x a", "b0 a2", NULL, { NO_SKIP } },
        { "x all(A, b)", "x b b", "x0 A1 b2|x0 b1 A2", NULL, { NO_SKIP } },
        { "x -> all(a, b?) -> c", "x a c", "x0 a1 c2", NULL, { NO_SKIP } },
        { "a -> (b | c)", "a", "", "a0", { NO_SKIP, WITHIN(5) } },
        /* One match that is come to in several ways is one, and a limit counts it once. */
        { "x -> all((c? | y), b?)", "x b", "x0|x0 b1", NULL, { NO_SKIP } },
        { "x ->> all((c? | y), A?) ->> b", "x a b", "x0 A1 b2|x0 b2", NULL, { NO_SKIP, .limit_matches = 2 } },
        { "(a+ -> b*)+ -> c", "a a b c", "a0 a1 b2 c3|a0 a1 c3|a0 b2 c3|a0 c3|a1 b2 c3|a1 c3", NULL,
            { NO_SKIP } },
    };
    CHECK(rows);
}

static void time_limits(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a -> b", "a@1 b@4", "", "a0", { NO_SKIP, WITHIN(3) } },
        { "a -> b", "a@1 b@3", "a0 b1", "", { NO_SKIP, WITHIN(3) } },
        { "a -> b -> c", "a@1 b@3 c@5", "a0 b1 c2", "",
            { NO_SKIP, .within_kind = PLAN_WITHIN_BETWEEN, .within_us = 3 } },
        { "a -> b -> c", "a@1 b@3 c@6", "", "a0 b1",
            { NO_SKIP, .within_kind = PLAN_WITHIN_BETWEEN, .within_us = 3 } },
        { "a ->[3] b? -> c", "a@1 c@9", "a0 c1", "", { NO_SKIP } },
        /* The negation behind a loop ends it also when the step behind that is out of time; so `a0` does not time out. */
        { "(a B?)+ consecutive -> !n ->[2] c", "a@1 n@3", "", "",
            { NO_SKIP, .within_kind = PLAN_WITHIN_BETWEEN, .within_us = 5 } },
    };
    CHECK(rows);
}

static void policies(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a -> b -> c", "a a b b c", "a0 b2 c4", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
        { "a -> b", "a a b b", "a0 b2|a1 b2", NULL, { .skip = PLAN_SKIP_TO_NEXT } },
        { "a+ b", "a a b", "a0 a1 b2|a1 b2", NULL, { .skip = PLAN_SKIP_TO_LAST, .skip_var = 0 } },
        /* The second start completes first and waits until the first one's time is over. */
        { "a ->> A -> c", "a b c", "a0 A1 c2", NULL, { .skip = PLAN_SKIP_PAST_LAST, WITHIN(9) } },
        { "Z -> n | x -> y", "a x y", "x1 y2", "Z0", { .skip = PLAN_SKIP_PAST_LAST, WITHIN(9) } },
        { "Z -> n | x -> y", "a x y", "", NULL, { .skip = PLAN_SKIP_PAST_LAST } },
    };
    CHECK(rows);
}

static void limits(void **state) {
    (void)state;
    static const struct row rows[] = {
        { "a -> b", "a a b", "a1 b2", NULL, { NO_SKIP, .limit_open = 1 } },
        { "a -> b", "a a b", "a0 b2", NULL, { NO_SKIP, .limit_open = 1, .limit_refuse_new = true } },
        { "a -> b", "a a b a b", "a0 b2|a3 b4", NULL, { NO_SKIP, .limit_matches = 1 } },
    };
    CHECK(rows);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators),
        cmocka_unit_test(quantifiers),
        cmocka_unit_test(beyond_sequences),
        cmocka_unit_test(time_limits),
        cmocka_unit_test(policies),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
