/*
 * Random patterns over random events: the matcher against the reference, in every way events can be fed, with passes on
 * and off, and against itself.
 *
 * NFA_RANDOM_SEED and NFA_RANDOM_CASES in the environment choose other cases and more of them. A difference prints the
 * pattern, the events and the seed.
 */
#include "tests/nfa/nfa_gen.h"
#include "tests/nfa/nfa_kit.h"
#include "tests/reference/ref.h"

#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nfa_gen gen;
static struct nfa_kit_db db;
static uint64_t n_returned, n_stacks;

/* Whatever can leave memory does after every event. */
static const unsigned TIERED = 1u << 16;

/* -- the reference's answers -------------------------------------------------------------------------------------- */

struct given {
    const struct nfa_kit *kit;
    struct ref_text_event events[32];
    size_t n;
    bool rich;
};

static bool cond(void *arg, uint32_t var, uint32_t event, const struct ref_sofar *sofar) {
    const struct given *g = arg;
    if (!ref_text_fits(g->kit->text.letters[var], g->events[event].name))
        return false;
    if (!g->rich)
        return true;
    int64_t sum = nfa_kit_price(event), last = -1;
    for (uint32_t i = 0; i < sofar->n; i++) {
        if (sofar->binds[i].var == var)
            sum += nfa_kit_price(sofar->binds[i].event);
        if (sofar->binds[i].var == 0)
            last = nfa_kit_price(sofar->binds[i].event);
    }
    switch (nfa_kit_rich(&g->kit->node.pattern, var)) {
    case NFA_KIT_PLAIN: return true;
    case NFA_KIT_AT_LEAST_LAST_OF_FIRST: return last >= 0 && nfa_kit_price(event) >= last;
    case NFA_KIT_SUM_BELOW: return sum < NFA_KIT_SUM_LIMIT;
    }
    return false;
}

static bool until(void *arg, const struct plan_term *term, uint32_t event, const struct ref_sofar *sofar) {
    const struct given *g = arg;
    (void)sofar;
    return ref_text_fits((char)term->until->index, g->events[event].name);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void join(struct base_buf *out, const struct given *g, const struct ref_matches *m, bool once) {
    char **lines = base_calloc(m->n + 1, sizeof *lines);
    for (size_t i = 0; i < m->n; i++) {
        struct base_buf b = BASE_BUF_INIT;
        for (uint32_t k = 0; k < m->v[i].events.n; k++)
            base_buf_printf(&b, "%s%c%u", k ? " " : "", g->kit->text.letters[m->v[i].events.binds[k].var],
                m->v[i].events.binds[k].event);
        lines[i] = base_strdup(base_buf_cstr(&b));
        base_buf_release(&b);
    }
    qsort(lines, m->n, sizeof *lines, by_text);
    base_buf_clear(out);
    for (size_t i = 0; i < m->n; i++) {
        if (!once || !i || strcmp(lines[i], lines[i - 1]) != 0)
            base_buf_printf(out, "%s%s", i ? "|" : "", lines[i]);
    }
    for (size_t i = 0; i < m->n; i++)
        base_free(lines[i]);
    base_free(lines);
}

/* -- one case --------------------------------------------------------------------------------------------------- */

static void differ(const char *what, const char *pattern, const char *events, const struct plan_pattern *o,
    uint64_t at, size_t way, const char *want, const char *got) {
    fail_msg("seed %llu, way %zu: %s of %s on %s (skip %d, within %d %lld, limits %u %llu)\n  expected %s\n  "
             "got      %s",
        (unsigned long long)at, way, what, pattern, events, (int)o->skip, (int)o->within_kind,
        (long long)o->within_us, (unsigned)o->limit_open, (unsigned long long)o->limit_matches, want, got);
}

/* The first matches in order, which the store of sets finds without the others. */
static void limit_them(struct plan_pattern *o) {
    o->skip = PLAN_SKIP_NONE;
    o->limit_open = 0;
    o->limit_matches = 1 + nfa_gen_pick(&gen, 5);
    if (o->within_kind == PLAN_WITHIN_BETWEEN)
        o->within_kind = PLAN_WITHIN_NONE;
}

/* One match of a start survives; mostly what happens to it is asked of time, too. */
static void settle_them(struct plan_pattern *o) {
    static const enum plan_skip skips[] = { PLAN_SKIP_PAST_LAST, PLAN_SKIP_TO_NEXT, PLAN_SKIP_TO_FIRST,
        PLAN_SKIP_TO_LAST };
    o->skip = skips[nfa_gen_pick(&gen, 4)];
    if (o->within_kind == PLAN_WITHIN_NONE || nfa_gen_pick(&gen, 3) == 0) {
        o->within_kind = PLAN_WITHIN_FIRST_LAST;
        o->within_us = 3 + nfa_gen_pick(&gen, 12);
    }
    if (nfa_gen_pick(&gen, 6) == 0)
        o->limit_open = 1 + nfa_gen_pick(&gen, 3);
}

enum drawn { ANY = 0, LIMITED, WORDS, SETTLED };

/* Is a match told where it is in any store: in order of start, then of events? */
static void check_order(const char *pattern, const char *events, const struct plan_pattern *o, uint64_t at) {
    struct nfa_kit stacks, graph;
    assert_true(nfa_kit_init(&stacks, pattern, o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS));
    assert_true(nfa_kit_init(&graph, pattern, o, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_GRAPH));
    struct nfa_cost c;
    nfa_cost_of(stacks.prog, &c);
    n_stacks += strstr(c.store_why, "events are kept as they come") != NULL;
    nfa_kit_events(&stacks, events, NFA_KIT_ONE_BY_ONE, false);
    nfa_kit_events(&graph, events, NFA_KIT_ONE_BY_ONE, false);
    const char *want = nfa_kit_matches_in_order(&graph), *got = nfa_kit_matches_in_order(&stacks);
    if (strcmp(want, got) != 0)
        differ("matches in order", pattern, events, o, at, 0, want, got);
    struct nfa_stats a, b;
    nfa_matcher_stats(stacks.matcher, &a);
    nfa_matcher_stats(graph.matcher, &b);
    if (a.matches != b.matches || a.limit_matches != b.limit_matches)
        fail_msg("seed %llu: %s on %s: %llu and %llu beyond the limit, %llu and %llu by the graph",
            (unsigned long long)at, pattern, events, (unsigned long long)a.matches,
            (unsigned long long)a.limit_matches, (unsigned long long)b.matches,
            (unsigned long long)b.limit_matches);
    nfa_kit_release(&stacks);
    nfa_kit_release(&graph);
}

/* Returns: false when the pattern is not one (and another is to be tried). */
static bool one_case(enum drawn drawn) {
    static const struct {
        unsigned flags;
        enum nfa_kit_how how;
    } ways[] = { { 0, NFA_KIT_ONE_BY_ONE }, { 0, NFA_KIT_AT_ONCE }, { 0, NFA_KIT_BACKWARDS },
        { NFA_KIT_NO_TIMEOUTS, NFA_KIT_AT_ONCE }, { NFA_KIT_SETS, NFA_KIT_AT_ONCE },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_ONE_BY_ONE },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_NO_CALM, NFA_KIT_BACKWARDS },
        { NFA_KIT_NO_CALM, NFA_KIT_ONE_BY_ONE }, { 0, NFA_KIT_RELOADED },
        { NFA_KIT_NO_TIMEOUTS, NFA_KIT_RELOADED },
        { NFA_KIT_NO_CALM | NFA_KIT_NO_DOMINATE | NFA_KIT_NO_COVER, NFA_KIT_RELOADED },
        { 0, NFA_KIT_RELOADED_ROWS }, { NFA_KIT_SETS, NFA_KIT_RELOADED },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_RELOADED },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_NO_CALM, NFA_KIT_RELOADED_ROWS },
        { TIERED, NFA_KIT_ONE_BY_ONE }, { TIERED | NFA_KIT_NO_TIMEOUTS, NFA_KIT_ONE_BY_ONE },
        { TIERED, NFA_KIT_AT_ONCE },
        { TIERED | NFA_KIT_NO_CALM | NFA_KIT_NO_DOMINATE | NFA_KIT_NO_COVER, NFA_KIT_BACKWARDS },
        { TIERED, NFA_KIT_RELOADED_ROWS }, { TIERED | NFA_KIT_SETS, NFA_KIT_ONE_BY_ONE },
        { TIERED | NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_ONE_BY_ONE },
        { TIERED | NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_NO_CALM, NFA_KIT_BACKWARDS },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_SWITCH, NFA_KIT_RELOADED },
        { NFA_KIT_SWITCH | NFA_KIT_NO_TIMEOUTS, NFA_KIT_RELOADED_ROWS },
        { NFA_KIT_SETS | NFA_KIT_NO_CALM, NFA_KIT_BACKWARDS },
        { NFA_KIT_SETS | NFA_KIT_SWITCH, NFA_KIT_RELOADED }, { NFA_KIT_SWITCH, NFA_KIT_RELOADED_ROWS },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_GRAPH, NFA_KIT_AT_ONCE },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_GRAPH, NFA_KIT_RELOADED },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_GRAPH | NFA_KIT_SWITCH, NFA_KIT_RELOADED },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_GRAPH | NFA_KIT_SWITCH, NFA_KIT_RELOADED_ROWS } };
    uint64_t at = gen.seed;
    struct base_buf pattern = BASE_BUF_INIT, events = BASE_BUF_INIT, want = BASE_BUF_INIT,
                    want_out = BASE_BUF_INIT;
    bool limited = drawn == LIMITED;
    (drawn == WORDS ? nfa_gen_words : nfa_gen_pattern)(&gen, &pattern);
    nfa_gen_events(&gen, &events);
    struct plan_pattern o = drawn == WORDS ? nfa_gen_words_options(&gen) : nfa_gen_options(&gen);
    unsigned rich = drawn == ANY && nfa_gen_pick(&gen, 3) == 0 ? NFA_KIT_RICH : 0;
    if (limited)
        limit_them(&o);
    if (drawn == SETTLED)
        settle_them(&o);
    bool fine = true;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0] && fine; i++) {
        struct nfa_kit k;
        struct given g = { .kit = &k, .rich = rich != 0 };
        bool sets = (ways[i].flags & (NFA_KIT_SETS | NFA_KIT_SWITCH)) != 0;
        if ((limited || drawn == SETTLED) && i && !sets)
            continue;
        fine = nfa_kit_init(&k, base_buf_cstr(&pattern), &o, (ways[i].flags & ~TIERED) | rich);
        if (fine && i == 0) {
            struct ref_calls calls = { .arg = &g, .cond = cond, .until = until };
            g.n = ref_text_events(base_buf_cstr(&events), g.events, 32);
            struct ref *r = ref_new(&k.node.pattern, &calls);
            for (size_t e = 0; e < g.n; e++)
                ref_event(r, g.events[e].time, (uint32_t)e);
            ref_advance(r, INT64_MAX);
            join(&want, &g, &r->matches, false);
            join(&want_out, &g, &r->timeouts, true);
            ref_free(r);
        }
        if (fine) {
            if (ways[i].flags & TIERED)
                nfa_kit_tiered(&k, &db, 1);
            nfa_kit_events(&k, base_buf_cstr(&events), ways[i].how, false);
            const char *got = nfa_kit_matches(&k);
            if (strcmp(got, base_buf_cstr(&want)) != 0)
                differ("matches", base_buf_cstr(&pattern), base_buf_cstr(&events), &o, at, i,
                    base_buf_cstr(&want), got);
            if (!(ways[i].flags & NFA_KIT_NO_TIMEOUTS) &&
                strcmp(nfa_kit_timeouts(&k), base_buf_cstr(&want_out)) != 0)
                differ("time-outs", base_buf_cstr(&pattern), base_buf_cstr(&events), &o, at, i,
                    base_buf_cstr(&want_out), nfa_kit_timeouts(&k));
        }
        if (fine) {
            struct nfa_stats stats;
            nfa_matcher_stats(k.matcher, &stats);
            n_returned += stats.returned;
        }
        nfa_kit_release(&k);
    }
    if (fine && drawn == WORDS)
        check_order(base_buf_cstr(&pattern), base_buf_cstr(&events), &o, at);
    base_buf_release(&pattern);
    base_buf_release(&events);
    base_buf_release(&want);
    base_buf_release(&want_out);
    return fine;
}

static uint64_t many_cases(enum drawn drawn) {
    const char *s = getenv("NFA_RANDOM_SEED"), *c = getenv("NFA_RANDOM_CASES");
    uint64_t cases = c ? strtoull(c, NULL, 10) : 1500, done = 0;
    gen.seed = s ? strtoull(s, NULL, 10) : 20260101;
    nfa_kit_db_open(&db);
    for (uint64_t tries = 0; done < cases && tries < cases * 4; tries++) {
        nfa_kit_db_renew(&db);
        done += one_case(drawn);
    }
    nfa_kit_db_close(&db);
    assert_true(done > cases / 2);
    assert_true(n_returned > done);
    return done;
}

static void agrees_with_the_reference(void **state) {
    (void)state;
    (void)many_cases(ANY);
}

static void limits_agree_with_the_reference(void **state) {
    (void)state;
    (void)many_cases(LIMITED);
}

/* Of these nearly all have the store of stacks. */
static void words_agree_with_the_reference(void **state) {
    (void)state;
    n_stacks = 0;
    uint64_t done = many_cases(WORDS);
    assert_true(n_stacks > done / 2);
}

static void what_survives_agrees_with_the_reference(void **state) {
    (void)state;
    (void)many_cases(SETTLED);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(agrees_with_the_reference),
        cmocka_unit_test(limits_agree_with_the_reference), cmocka_unit_test(words_agree_with_the_reference),
        cmocka_unit_test(what_survives_agrees_with_the_reference) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
