/*
 * nfa_look: what saved entries hold, told one partial match at a time; the same from every store; and never a crash.
 */
#include "nfa/nfa_look.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "tests/nfa/nfa_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct told {
    struct nfa_look *look;
    char **matches; /* "a0 b2 (wait c)" */
    size_t n, cap;
    uint64_t n_open, n_waiting, n_asleep, n_rows;
    int64_t deadline;
    struct base_buf out;
};

static void tell_match(
    struct told *t, const struct nfa_look_key *k, const struct nfa_look_match *m, bool states) {
    struct base_buf b = BASE_BUF_INIT;
    for (uint32_t i = 0; i < m->n_steps; i++)
        base_buf_printf(&b, "%s%.*s%lld", i ? " " : "", BASE_STR_FMT(t->look->vars[m->steps[i].var]),
            (long long)k->events[m->steps[i].event].time);
    for (uint32_t i = 0; states && i < m->n_states; i++)
        base_buf_printf(&b, "%s%.*s", i ? ", " : " (", BASE_STR_FMT(t->look->states[m->states[i]]));
    if (states)
        base_buf_puts(&b, m->complete ? " (complete)" : ")");
    t->matches = base_grow(t->matches, t->n, &t->cap, sizeof(char *));
    t->matches[t->n++] = base_strdup(base_buf_cstr(&b));
    base_buf_release(&b);
}

struct teller {
    struct told *t;
    bool states;
};

static enum cep_rc on_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct teller *x = arg;
    struct told *t = x->t;
    struct nfa_look_key k, counted;
    struct base_arena a;
    enum cep_rc rc = CEP_OK;
    if (e->ns == STO_NS_META)
        return nfa_look_new(e->value, &t->look, err);
    base_arena_init(&a, 0);
    if (nfa_look_is_key(e)) {
        rc = nfa_look_key(t->look, e, true, &a, &k, err);
        assert_int_equal(rc, CEP_OK);
        assert_int_equal(nfa_look_key(t->look, e, false, &a, &counted, err), CEP_OK);
        assert_int_equal(counted.n_open, k.n_open);
        assert_int_equal(counted.n_waiting, k.n_waiting);
        assert_int_equal(counted.n_matches, 0);
        if (k.n_open + k.n_waiting <= NFA_LOOK_MATCHES)
            assert_int_equal(k.n_matches, k.n_open + k.n_waiting);
        t->n_open += k.n_open;
        t->n_waiting += k.n_waiting;
        t->n_asleep += k.n_asleep;
        t->deadline = k.deadline < t->deadline ? k.deadline : t->deadline;
        for (uint32_t i = 0; i < k.n_matches; i++)
            tell_match(t, &k, &k.matches[i], x->states);
    } else {
        struct evt_batch *row = NULL;
        uint32_t input;
        assert_true(nfa_look_is_row(e));
        rc = nfa_look_row(t->look, e, &input, &row, err);
        assert_int_equal(input, 0);
        evt_batch_unref(row);
        t->n_rows++;
    }
    base_arena_release(&a);
    return rc;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *look_at(struct told *t, struct nfa_kit *k, bool states) {
    struct teller x = { t, states };
    struct sto_out out = { on_entry, &x };
    *t = (struct told){ .deadline = EVT_TIME_MAX };
    assert_int_equal(nfa_matcher_save(k->matcher, &out, NULL), CEP_OK);
    if (t->n > 1)
        qsort(t->matches, t->n, sizeof(char *), by_text);
    for (size_t i = 0; i < t->n; i++)
        base_buf_printf(&t->out, "%s%s", i ? "|" : "", t->matches[i]);
    return base_buf_cstr(&t->out);
}

static void told_release(struct told *t) {
    for (size_t i = 0; i < t->n; i++)
        base_free(t->matches[i]);
    base_free(t->matches);
    nfa_look_free(t->look);
    base_buf_release(&t->out);
}

/* -- what is told ---------------------------------------------------------------------------------------------------- */

static const struct plan_pattern every = { .skip = PLAN_SKIP_NONE };
static const struct plan_pattern within = {
    .skip = PLAN_SKIP_NONE, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 100
};
static const struct plan_pattern limited = { .skip = PLAN_SKIP_NONE, .limit_matches = 3 };
static const struct plan_pattern one = { .skip = PLAN_SKIP_PAST_LAST };

static void partial_matches_in_words(void **state) {
    static const struct {
        const char *pattern, *events;
        const struct plan_pattern *with;
        unsigned flags;
        const char *want;
    } cases[] = {
        { "a -> b -> c", "a b a e", &every, 0, "a1 b2 (wait c)|a3 (wait b)" },
        { "a -> b -> c", "a b a e", &every, NFA_KIT_SETS, "a1 b2 (wait c)|a3 (wait b)" },
        { "a -> b -> c", "a b a e", &one, NFA_KIT_SETS, "a1 b2 (wait c)|a3 (wait b)" },
        { "a b", "a c e", &every, NFA_KIT_SETS, "" },
        { "a ->[9] b ->[2,9] c", "a b a e", &one, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS,
            "a1 b2 (wait c)|a3 (wait b)" },
        { "a ->[9] b ->[2,9] c", "a b a e", &every, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS,
            "a1 b2 (wait c)|a3 (wait b)" },
        { "a ->> b -> c", "a b b e", &limited, NFA_KIT_SETS, "a1 (wait b)|a1 b2 (wait c)|a1 b3 (wait c)" },
        { "a ->> b -> c", "a b b e", &every, NFA_KIT_SETS, "a1 (wait b)|a1 b2 (wait c)|a1 b3 (wait c)" },
        { "a ->> b ->[2,9] c", "a b b e", &within, NFA_KIT_SETS,
            "a1 (wait b)|a1 b2 (wait c)|a1 b3 (wait c)" },
        { "a -> b -> !c", "a b a e", &within, NFA_KIT_SETS, "a1 b2 (absent c)|a3 (wait b)" },
        { "a ->[9] !c", "a b a e", &within, NFA_KIT_SETS, "a1 (absent c)|a3 (absent c)" },
        { "a ->[9] !c", "a b a e", &one, NFA_KIT_SETS, "a1 (absent c)|a3 (absent c)" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nfa_kit k;
        struct told t;
        assert_true(nfa_kit_init(&k, cases[i].pattern, cases[i].with, cases[i].flags));
        nfa_kit_events(&k, cases[i].events, NFA_KIT_ONE_BY_ONE, true);
        assert_string_equal(look_at(&t, &k, true), cases[i].want);
        told_release(&t);
        nfa_kit_release(&k);
    }
}

static void deadlines_and_waiting_rows(void **state) {
    struct nfa_kit k;
    struct told t;
    (void)state;
    assert_true(nfa_kit_init(&k, "a -> b", &within, NFA_KIT_SETS));
    nfa_kit_events(&k, "a a e", NFA_KIT_ONE_BY_ONE, true);
    nfa_kit_event(&k, 'b', 50, 0);
    (void)look_at(&t, &k, false);
    assert_int_equal(t.deadline, 101);
    assert_int_equal(t.n_rows, 1);
    assert_int_equal(t.n_open, 2);
    told_release(&t);
    nfa_kit_release(&k);
}

enum { EVENTS = 12 };

/* The graph and the runs hold the same partial matches. */
static void every_store_tells_the_same(void **state) {
    static const char *const patterns[] = { "a -> b -> c", "a ->> b ->> c", "a+ -> b", "a -> (b | c) -> d",
        "a b c", "a -> !b -> c -> d", "all(a, b) -> c", "a{2,4} -> b -> c", "a* b+ -> c", "a ->> b ->[3] c",
        "a+ ->[4] !b" };
    static const char letters[] = "abcde";
    uint64_t random = 7;
    (void)state;
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++)
        for (int round = 0; round < 20; round++) {
            struct nfa_kit runs, sets;
            struct told a, b;
            char events[2 * EVENTS];
            for (size_t i = 0; i < EVENTS; i++) {
                random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
                events[2 * i] = letters[(random >> 40) % 5];
                events[2 * i + 1] = i + 1 < EVENTS ? ' ' : '\0';
            }
            const struct plan_pattern *with = round % 2 ? &every : &within;
            assert_true(nfa_kit_init(&runs, patterns[p], with, 0));
            assert_true(nfa_kit_init(&sets, patterns[p], with, NFA_KIT_SETS));
            nfa_kit_events(&runs, events, NFA_KIT_ONE_BY_ONE, true);
            nfa_kit_events(&sets, events, NFA_KIT_ONE_BY_ONE, true);
            const char *want = look_at(&a, &runs, false), *got = look_at(&b, &sets, false);
            if (strcmp(want, got) != 0)
                print_error("%s on %s\n", patterns[p], events);
            assert_string_equal(got, want);
            told_release(&a);
            told_release(&b);
            nfa_kit_release(&runs);
            nfa_kit_release(&sets);
        }
}

/* -- bytes that make no sense ------------------------------------------------------------------------------------------- */

struct hostile {
    struct nfa_look *look;
    uint64_t random;
    uint32_t n_tried;
};

static enum cep_rc break_entry(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct hostile *h = arg;
    if (e->ns == STO_NS_META)
        return nfa_look_new(e->value, &h->look, err);
    for (int i = 0; i < 400; i++) {
        char *bytes = base_strndup(e->value.p, e->value.len);
        size_t len = e->value.len;
        h->random = h->random * UINT64_C(6364136223846793005) + 1442695040888963407;
        if (i % 4 == 0)
            len = (h->random >> 33) % len;
        else
            bytes[(h->random >> 33) % len] = (char)(h->random >> 56);
        struct sto_entry broken = { .ns = e->ns, .group = e->group, .key = e->key, .value = { bytes, len } };
        struct base_arena a;
        struct nfa_look_key k;
        struct evt_batch *row = NULL;
        uint32_t input;
        base_arena_init(&a, 0);
        if (nfa_look_is_key(e))
            (void)nfa_look_key(h->look, &broken, true, &a, &k, NULL);
        else if (nfa_look_row(h->look, &broken, &input, &row, NULL) == CEP_OK)
            evt_batch_unref(row);
        base_arena_release(&a);
        base_free(bytes);
        h->n_tried++;
    }
    return CEP_OK;
}

static void hostile_bytes_are_refused(void **state) {
    static const struct {
        const char *pattern;
        const struct plan_pattern *with;
        unsigned flags;
    } cases[] = { { "a+ -> b -> c", &every, 0 }, { "a+ -> b -> c", &every, NFA_KIT_SETS },
        { "a+ -> b -> c", &limited, NFA_KIT_SETS }, { "a+ -> b -> c", &one, NFA_KIT_SETS },
        { "a ->[9] b ->[9] c", &one, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS },
        { "a ->[9] b ->[9] c", &every, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS },
        { "a -> b -> c", &one, NFA_KIT_RICH } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nfa_kit k;
        struct hostile h = { .random = 11 + i };
        struct sto_out out = { break_entry, &h };
        assert_true(nfa_kit_init(&k, cases[i].pattern, cases[i].with, cases[i].flags));
        nfa_kit_events(&k, "a a b a b a a", NFA_KIT_ONE_BY_ONE, true);
        nfa_kit_event(&k, 'b', 50, 0);
        assert_int_equal(nfa_matcher_save(k.matcher, &out, NULL), CEP_OK);
        assert_true(h.n_tried >= 800);
        nfa_look_free(h.look);
        nfa_kit_release(&k);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partial_matches_in_words),
        cmocka_unit_test(deadlines_and_waiting_rows),
        cmocka_unit_test(every_store_tells_the_same),
        cmocka_unit_test(hostile_bytes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
