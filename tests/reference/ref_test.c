/* The reference matcher against results worked out by hand from the language's definition. */
#include "tests/reference/hand.h"
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

static void check(const struct hand_case *row) {
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

static void worked_out_by_hand(void **state) {
    const struct hand_group *const *of = *state, *g = *of;
    for (size_t i = 0; i < g->n; i++)
        check(&g->cases[i]);
}

int main(void) {
    struct CMUnitTest tests[HAND_GROUPS];
    const struct hand_group *groups[HAND_GROUPS];
    for (size_t i = 0; i < HAND_GROUPS; i++) {
        groups[i] = &hand_groups[i];
        tests[i] = (struct CMUnitTest){
            .name = hand_groups[i].name, .test_func = worked_out_by_hand, .initial_state = &groups[i]
        };
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
