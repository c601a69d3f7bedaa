/*
 * Random patterns over random events: the matcher against the reference, in every way events can be fed, with passes on
 * and off, and against itself.
 *
 * NFA_RANDOM_SEED and NFA_RANDOM_CASES in the environment choose other cases and more of them. A difference prints the
 * pattern, the events and the seed.
 */
#include "tests/nfa/nfa_kit.h"
#include "tests/reference/ref.h"

#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed;

static unsigned pick(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}
static bool one_in(unsigned n) {
    return pick(n) == 0;
}

/* -- patterns ----------------------------------------------------------------------------------------------- */

static void write_term(struct base_buf *b, int depth);

static void write_quantifier(struct base_buf *b, bool group) {
    static const char *const quants[] = { "+", "*", "?", "{2}", "{2,}", "{1,2}", "{2,3}" };
    unsigned q = pick(7);
    base_buf_puts(b, quants[q]);
    if (q == 2)
        return;
    bool endless = q == 0 || q == 1 || q == 4;
    unsigned word = pick(5);
    if (word == 0)
        base_buf_puts(b, " consecutive");
    else if (word == 1)
        base_buf_puts(b, " combinations");
    if (word != 1 && !group && one_in(4))
        base_buf_puts(b, " greedy");
    if (endless && one_in(5))
        base_buf_printf(b, " until %c", "abcq"[pick(4)]);
    if (one_in(8))
        base_buf_printf(b, " gap %u", pick(4) + 1);
}

static void write_var(struct base_buf *b) {
    base_buf_putc(b, "aabbcAZ"[one_in(3) ? 3 + pick(4) : pick(4)]);
}

static void write_chain(struct base_buf *b, int depth) {
    unsigned n = 1 + pick(depth ? 2 : 3);
    for (unsigned i = 0; i < n; i++) {
        static const char *const ops[] = { " ", " -> ", " -> ", " ->> " };
        if (i) {
            unsigned op = pick(4);
            base_buf_puts(b, ops[op]);
            if (one_in(7))
                base_buf_puts(b, op == 0 ? "[4] " : one_in(2) ? "[3] " : "[2,5] ");
        }
        write_term(b, depth);
    }
}

static void write_term(struct base_buf *b, int depth) {
    unsigned what = depth >= 2 ? 9 : pick(10);
    if (what == 0) {
        base_buf_putc(b, '(');
        write_chain(b, depth + 1);
        base_buf_puts(b, " | ");
        write_chain(b, depth + 1);
        base_buf_putc(b, ')');
    } else if (what == 1) {
        base_buf_puts(b, "all(");
        write_term(b, 2);
        base_buf_puts(b, ", ");
        write_term(b, 2);
        base_buf_putc(b, ')');
        return;
    } else if (what == 2) {
        base_buf_putc(b, '(');
        write_chain(b, depth + 1);
        base_buf_putc(b, ')');
        if (one_in(2))
            write_quantifier(b, true);
        return;
    } else {
        write_var(b);
    }
    if (what > 2 && one_in(2))
        write_quantifier(b, false);
}

/* A sequence with a negation here and there: never first, not behind what may be left out. */
static void write_pattern(struct base_buf *b) {
    base_buf_clear(b);
    write_chain(b, 0);
    if (one_in(3)) {
        struct base_buf tail = BASE_BUF_INIT;
        base_buf_printf(&tail, " -> %c", "abc"[pick(3)]);
        base_buf_puts(b, one_in(2) ? base_buf_cstr(&tail) : " x");
        unsigned kind = pick(4);
        if (kind == 0)
            base_buf_puts(b, " !n");
        else if (kind == 1)
            base_buf_puts(b, " -> !n");
        if (kind == 0 || (kind == 1 && one_in(2))) {
            base_buf_puts(b, one_in(2) ? " -> " : " ");
            write_chain(b, 2);
        }
        base_buf_release(&tail);
    }
}

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

static void join(
    struct base_buf *out, const struct given *g, const struct ref_matches *m, bool sorted, bool once) {
    char **lines = base_calloc(m->n + 1, sizeof *lines);
    for (size_t i = 0; i < m->n; i++) {
        struct base_buf b = BASE_BUF_INIT;
        for (uint32_t k = 0; k < m->v[i].events.n; k++)
            base_buf_printf(&b, "%s%c%u", k ? " " : "", g->kit->text.letters[m->v[i].events.binds[k].var],
                m->v[i].events.binds[k].event);
        lines[i] = base_strdup(base_buf_cstr(&b));
        base_buf_release(&b);
    }
    if (sorted)
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

static void write_events(struct base_buf *b) {
    base_buf_clear(b);
    unsigned n = 3 + pick(9);
    unsigned time = 0;
    for (unsigned i = 0; i < n; i++) {
        time += pick(5) ? 1 + pick(3) / 2 : 0;
        base_buf_printf(b, "%s%c@%u", i ? " " : "", "aaabbbccnxq"[pick(11)], time + 1);
    }
}

static struct plan_pattern options(void) {
    static const enum plan_skip skips[] = { PLAN_SKIP_NONE, PLAN_SKIP_NONE, PLAN_SKIP_PAST_LAST,
        PLAN_SKIP_PAST_LAST, PLAN_SKIP_TO_NEXT, PLAN_SKIP_TO_FIRST, PLAN_SKIP_TO_LAST };
    struct plan_pattern p = { .skip = skips[pick(7)] };
    unsigned within = pick(5);
    if (within < 3) {
        p.within_kind = PLAN_WITHIN_FIRST_LAST;
        p.within_us = 3 + pick(10);
    } else if (within == 3) {
        p.within_kind = PLAN_WITHIN_BETWEEN;
        p.within_us = 2 + pick(4);
    }
    if (one_in(10)) {
        p.limit_open = 1 + pick(2);
        p.limit_refuse_new = one_in(2);
    }
    if (one_in(10))
        p.limit_matches = 1 + pick(2);
    return p;
}

static void differ(const char *what, const char *pattern, const char *events, const struct plan_pattern *o,
    uint64_t at, const char *want, const char *got) {
    fail_msg(
        "seed %llu: %s of %s on %s (skip %d, within %d %lld, limits %u %llu)\n  expected %s\n  got      %s",
        (unsigned long long)at, what, pattern, events, (int)o->skip, (int)o->within_kind,
        (long long)o->within_us, (unsigned)o->limit_open, (unsigned long long)o->limit_matches, want, got);
}

/* Returns: false when the pattern is not one (and another is to be tried). */
static bool one_case(void) {
    static const struct {
        unsigned flags;
        enum nfa_kit_how how;
    } ways[] = { { 0, NFA_KIT_ONE_BY_ONE }, { 0, NFA_KIT_AT_ONCE }, { 0, NFA_KIT_BACKWARDS },
        { NFA_KIT_NO_TIMEOUTS, NFA_KIT_AT_ONCE }, { NFA_KIT_SETS, NFA_KIT_AT_ONCE },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_ONE_BY_ONE },
        { NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_NO_CALM, NFA_KIT_BACKWARDS }, { NFA_KIT_NO_CALM, NFA_KIT_ONE_BY_ONE },
        { 0, NFA_KIT_RELOADED }, { NFA_KIT_NO_TIMEOUTS, NFA_KIT_RELOADED },
        { NFA_KIT_NO_CALM | NFA_KIT_NO_DOMINATE | NFA_KIT_NO_COVER, NFA_KIT_RELOADED },
        { 0, NFA_KIT_RELOADED_ROWS } };
    uint64_t at = seed;
    struct base_buf pattern = BASE_BUF_INIT, events = BASE_BUF_INIT, want = BASE_BUF_INIT,
                    want_out = BASE_BUF_INIT;
    write_pattern(&pattern);
    write_events(&events);
    struct plan_pattern o = options();
    /* A loop over a group may come to the same match in several ways: it is one match, and limits count it once. The
     * reference counts the ways. */
    bool ways_differ = strpbrk(base_buf_cstr(&pattern), ")") != NULL;
    if (ways_differ)
        o.limit_matches = 0;
    unsigned rich = one_in(3) ? NFA_KIT_RICH : 0;
    bool fine = true;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0] && fine; i++) {
        struct nfa_kit k;
        struct given g = { .kit = &k, .rich = rich != 0 };
        fine = nfa_kit_init(&k, base_buf_cstr(&pattern), &o, ways[i].flags | rich);
        if (fine && i == 0) {
            struct ref_calls calls = { .arg = &g, .cond = cond, .until = until };
            g.n = ref_text_events(base_buf_cstr(&events), g.events, 32);
            struct ref *r = ref_new(&k.node.pattern, &calls);
            for (size_t e = 0; e < g.n; e++)
                ref_event(r, g.events[e].time, (uint32_t)e);
            ref_advance(r, INT64_MAX);
            join(&want, &g, &r->matches, true, ways_differ);
            join(&want_out, &g, &r->timeouts, true, true);
            ref_free(r);
        }
        if (fine) {
            nfa_kit_events(&k, base_buf_cstr(&events), ways[i].how, false);
            const char *got = ways_differ ? nfa_kit_distinct(&k) : nfa_kit_matches(&k);
            if (strcmp(got, base_buf_cstr(&want)) != 0)
                differ("matches", base_buf_cstr(&pattern), base_buf_cstr(&events), &o, at,
                    base_buf_cstr(&want), got);
            if (!(ways[i].flags & NFA_KIT_NO_TIMEOUTS) &&
                strcmp(nfa_kit_timeouts(&k), base_buf_cstr(&want_out)) != 0)
                differ("time-outs", base_buf_cstr(&pattern), base_buf_cstr(&events), &o, at,
                    base_buf_cstr(&want_out), nfa_kit_timeouts(&k));
        }
        nfa_kit_release(&k);
    }
    base_buf_release(&pattern);
    base_buf_release(&events);
    base_buf_release(&want);
    base_buf_release(&want_out);
    return fine;
}

static void agrees_with_the_reference(void **state) {
    (void)state;
    const char *s = getenv("NFA_RANDOM_SEED"), *c = getenv("NFA_RANDOM_CASES");
    uint64_t cases = c ? strtoull(c, NULL, 10) : 1500, done = 0;
    seed = s ? strtoull(s, NULL, 10) : 20260101;
    for (uint64_t tries = 0; done < cases && tries < cases * 4; tries++)
        done += one_case();
    assert_true(done > cases / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(agrees_with_the_reference) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
