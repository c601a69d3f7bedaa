/*
 * nfa_slice: a save in slices, with events in between, writes what a save at once would have written when it began.
 *
 * NFA_RANDOM_SEED and NFA_RANDOM_CASES in the environment choose other cases and more of them.
 */
#include "tests/nfa/nfa_entries.h"
#include "tests/nfa/nfa_gen.h"
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- random patterns ------------------------------------------------------------------------------------------------ */

struct run {
    struct nfa_kit plain, sliced; /* the same events; only one is saved */
    struct entries want, got;
    struct sto_out to_want, to_got;
    bool open;
    uint64_t n_entries, n_slices;
};

static void event(struct run *r, char name, int64_t time, int64_t key) {
    nfa_kit_event(&r->plain, name, time, key);
    nfa_kit_event(&r->sliced, name, time, key);
}

static void advance(struct run *r, int64_t watermark) {
    nfa_kit_advance(&r->plain, watermark);
    nfa_kit_advance(&r->sliced, watermark);
}

static void begin(struct run *r) {
    assert_int_equal(nfa_matcher_save(r->sliced.matcher, &r->to_want, NULL), CEP_OK);
    assert_int_equal(nfa_matcher_save_begin(r->sliced.matcher, &r->to_got, NULL), CEP_OK);
    r->open = true;
    r->n_entries += r->want.n;
}

static void some(struct run *r, size_t bytes, const char *what) {
    enum cep_rc rc = nfa_matcher_save_some(r->sliced.matcher, bytes, NULL);
    r->n_slices++;
    if (rc == CEP_AGAIN)
        return;
    assert_int_equal(rc, CEP_OK);
    nfa_entries_assert_same(&r->want, &r->got, false, what);
    nfa_entries_clear(&r->want);
    nfa_entries_clear(&r->got);
    r->open = false;
}

static void events(struct run *r, struct nfa_gen *g, const char *what) {
    /* A pattern may make exponentially many partial matches of the events of one key: they are kept few. */
    unsigned keys = 40 + nfa_gen_pick(g, 200), slice = 1 + nfa_gen_pick(g, 400);
    int64_t time = 1;
    for (unsigned i = 0; i < 400; i++) {
        event(r, "aaabbbccnxq"[nfa_gen_pick(g, 11)], time, (int64_t)nfa_gen_pick(g, keys));
        if (nfa_gen_pick(g, 16) == 0) {
            time++;
            advance(r, time - 1 - (int64_t)nfa_gen_pick(g, 2));
        }
        if (!r->open && nfa_gen_pick(g, 20) == 0)
            begin(r);
        else if (r->open && nfa_gen_pick(g, 3) == 0)
            some(r, slice, what);
        /* Some patterns grow exponentially. */
        struct nfa_stats st;
        nfa_matcher_stats(r->plain.matcher, &st);
        if (st.open + st.waiting > 1000 || st.matches > 5000)
            break;
    }
    if (!r->open)
        begin(r);
    advance(r, EVT_TIME_MAX);
    while (r->open)
        some(r, slice, what);
}

/* Returns: false when the pattern is not one. */
static bool one_case(struct nfa_gen *g, uint64_t *n_entries, uint64_t *n_slices) {
    static const unsigned flags[] = { 0, NFA_KIT_NO_TIMEOUTS, NFA_KIT_RICH, NFA_KIT_SETS,
        NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_NO_CALM | NFA_KIT_NO_DOMINATE | NFA_KIT_NO_COVER };
    struct base_buf pattern = BASE_BUF_INIT;
    struct run r = { .open = false };
    r.to_want = (struct sto_out){ nfa_entries_put, &r.want };
    r.to_got = (struct sto_out){ nfa_entries_put, &r.got };
    char what[64];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)g->seed);
    nfa_gen_pattern(g, &pattern);
    struct plan_pattern o = nfa_gen_options(g);
    unsigned with = flags[nfa_gen_pick(g, 6)] | NFA_KIT_KEYED;
    bool fine = nfa_kit_init(&r.plain, base_buf_cstr(&pattern), &o, with);
    fine = nfa_kit_init(&r.sliced, base_buf_cstr(&pattern), &o, with) && fine;
    if (fine) {
        events(&r, g, what);
        char *want = base_strdup(nfa_kit_matches(&r.plain));
        if (strcmp(nfa_kit_matches(&r.sliced), want) != 0)
            fail_msg("%s: other matches with a save under way", what);
        base_free(want);
    }
    *n_entries += r.n_entries;
    *n_slices += r.n_slices;
    nfa_entries_release(&r.want);
    nfa_entries_release(&r.got);
    nfa_kit_release(&r.plain);
    nfa_kit_release(&r.sliced);
    base_buf_release(&pattern);
    return fine;
}

static void slices_make_up_the_whole(void **state) {
    (void)state;
    const char *s = getenv("NFA_RANDOM_SEED"), *c = getenv("NFA_RANDOM_CASES");
    struct nfa_gen g = { s ? strtoull(s, NULL, 10) : 20260102 };
    uint64_t cases = c ? strtoull(c, NULL, 10) : 300, done = 0, n_entries = 0, n_slices = 0;
    for (uint64_t tries = 0; done < cases && tries < cases * 4; tries++)
        done += one_case(&g, &n_entries, &n_slices);
    assert_true(done > cases / 2);
    assert_true(n_entries > done * 20 && n_slices > done * 10);
}

/* -- the ends of a save ---------------------------------------------------------------------------------------------- */

static const struct plan_pattern open_for_ever = { .skip = PLAN_SKIP_NONE };

static void add_keys(struct nfa_kit *k, int64_t from, int64_t to) {
    for (int64_t i = from; i < to; i++)
        nfa_kit_event(k, 'a', 10 + i, i);
    nfa_kit_advance(k, 10 + to);
}

/* The table grows and shrinks many times while one save goes on. */
static void the_table_moves_under_a_save(void **state) {
    (void)state;
    struct nfa_kit k;
    struct entries want = { .n = 0 }, got = { .n = 0 };
    struct sto_out to_want = { nfa_entries_put, &want }, to_got = { nfa_entries_put, &got };
    assert_true(nfa_kit_init(&k, "a -> b", &open_for_ever, NFA_KIT_KEYED));
    add_keys(&k, 0, 1000);
    assert_int_equal(nfa_matcher_save(k.matcher, &to_want, NULL), CEP_OK);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &to_got, NULL), CEP_OK);
    enum cep_rc rc = CEP_AGAIN;
    for (int64_t i = 0; i < 1000; i++) {
        /* One that was there goes, several come. */
        nfa_kit_event(&k, 'b', 2000 + i, (i * 7) % 1000);
        for (int64_t n = 0; n < 5; n++)
            nfa_kit_event(&k, 'a', 2000 + i, 1000 + i * 5 + n);
        nfa_kit_advance(&k, 2000 + i);
        rc = rc == CEP_AGAIN ? nfa_matcher_save_some(k.matcher, 200, NULL) : rc;
    }
    while (rc == CEP_AGAIN)
        rc = nfa_matcher_save_some(k.matcher, 200, NULL);
    assert_int_equal(rc, CEP_OK);
    assert_int_equal(k.n_matches, 1000);
    nfa_entries_assert_same(&want, &got, false, "moving table");
    nfa_entries_release(&want);
    nfa_entries_release(&got);
    nfa_kit_release(&k);
}

/* Slices that a save of 4,000 keys takes while others come and go. */
static size_t slices_of(int64_t n_passing) {
    struct nfa_kit k;
    struct entries got = { .n = 0 };
    struct sto_out out = { nfa_entries_put, &got };
    assert_true(nfa_kit_init(&k, "a -> b", &open_for_ever, NFA_KIT_KEYED));
    add_keys(&k, 0, 4000);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, NULL), CEP_OK);
    size_t slices = 0;
    int64_t now = 10000, key = 10000;
    for (enum cep_rc rc = CEP_AGAIN; rc == CEP_AGAIN; slices++) {
        /* All come before the first goes, so that its going moves others in the table. */
        for (int64_t i = 0; i < n_passing; i++)
            nfa_kit_event(&k, 'a', now++, key + i);
        for (int64_t i = 0; i < n_passing; i++)
            nfa_kit_event(&k, 'b', now++, key + i);
        key += n_passing;
        nfa_kit_advance(&k, now);
        rc = nfa_matcher_save_some(k.matcher, 1000, NULL);
    }
    assert_int_equal(got.n, 4001);
    nfa_entries_release(&got);
    nfa_kit_release(&k);
    return slices;
}

static void keys_that_come_and_go_do_not_hold_a_save_up(void **state) {
    (void)state;
    size_t alone = slices_of(0);
    assert_true(slices_of(50) <= alone + alone / 4);
}

static void a_slice_is_about_as_large_as_asked(void **state) {
    (void)state;
    struct nfa_kit k;
    struct entries got = { .n = 0 };
    struct sto_out out = { nfa_entries_put, &got };
    assert_true(nfa_kit_init(&k, "a -> b", &open_for_ever, NFA_KIT_KEYED));
    add_keys(&k, 0, 1000);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, NULL), CEP_OK);
    size_t slices = 0, before = got.n;
    for (enum cep_rc rc = CEP_AGAIN; rc == CEP_AGAIN; slices++, before = got.n) {
        rc = nfa_matcher_save_some(k.matcher, 1000, NULL);
        assert_true(rc == CEP_AGAIN || rc == CEP_OK);
        assert_true(got.n - before <= 50);
    }
    assert_int_equal(got.n, 1001);
    assert_true(slices >= 20);
    nfa_entries_release(&got);
    nfa_kit_release(&k);
}

static size_t count(const struct entries *es, uint32_t ns) {
    size_t n = 0;
    for (size_t i = 0; i < es->n; i++)
        n += es->v[i].ns == ns;
    return n;
}

/* However many wait, the moment itself costs META; rows that leave before their turn are written then, others when it comes. */
static void waiting_rows_are_written_in_slices(void **state) {
    (void)state;
    enum { WAIT = 20000, LEAVE = 500 };
    struct nfa_kit k;
    struct entries want = { .n = 0 }, got = { .n = 0 };
    struct sto_out to_want = { nfa_entries_put, &want }, to_got = { nfa_entries_put, &got };
    assert_true(nfa_kit_init(&k, "a -> b", &open_for_ever, NFA_KIT_KEYED));
    for (int64_t i = 0; i < WAIT; i++)
        nfa_kit_event(&k, i % 3 ? 'a' : 'b', 10 + i, i % 100);
    assert_int_equal(nfa_matcher_save(k.matcher, &to_want, NULL), CEP_OK);
    assert_int_equal(count(&want, NFA_NS_ROW), WAIT);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &to_got, NULL), CEP_OK);
    assert_int_equal(got.n, 1);
    nfa_kit_advance(&k, 10 + LEAVE - 1);
    assert_int_equal(count(&got, NFA_NS_ROW), LEAVE);
    assert_int_equal(nfa_matcher_save_some(k.matcher, 1000, NULL), CEP_AGAIN);
    assert_true(got.n < LEAVE + 110);
    enum cep_rc rc = CEP_AGAIN;
    for (int64_t i = 0; rc == CEP_AGAIN; i++) {
        nfa_kit_event(&k, 'a', 10 + WAIT + i, i);
        nfa_kit_advance(&k, 10 + LEAVE + 30 * i);
        rc = nfa_matcher_save_some(k.matcher, 1000, NULL);
    }
    assert_int_equal(rc, CEP_OK);
    nfa_entries_assert_same(&want, &got, false, "waiting rows");
    nfa_entries_release(&want);
    nfa_entries_release(&got);
    nfa_kit_release(&k);
}

/* A put that fails when an event asked for it does not disturb the event; the next slice tells. */
static void a_failure_is_told_by_the_next_slice(void **state) {
    (void)state;
    struct nfa_kit k;
    struct entries got = { .n = 0, .fail_at = 2 };
    struct sto_out out = { nfa_entries_put, &got };
    struct cep_err err = CEP_ERR_INIT;
    assert_true(nfa_kit_init(&k, "a -> b", &open_for_ever, NFA_KIT_KEYED));
    add_keys(&k, 0, 10);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, NULL), CEP_OK);
    nfa_kit_event(&k, 'b', 100, 3);
    nfa_kit_advance(&k, 100);
    assert_int_equal(k.rc, CEP_OK);
    assert_int_equal(k.n_matches, 1);
    assert_int_equal(nfa_matcher_save_some(k.matcher, 100, &err), CEP_EIO);
    assert_string_equal(err.message, "no room");
    /* It has ended: another may begin. */
    got.fail_at = 0;
    nfa_entries_clear(&got);
    assert_int_equal(nfa_matcher_save(k.matcher, &out, NULL), CEP_OK);
    assert_int_equal(got.n, 1 + 9);
    /* One that cannot even begin. */
    got.fail_at = got.n + 1;
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, &err), CEP_EIO);
    nfa_matcher_save_cancel(k.matcher);
    /* One that is given up, and one that is when the matcher goes. */
    got.fail_at = 0;
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, NULL), CEP_OK);
    nfa_matcher_save_cancel(k.matcher);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, NULL), CEP_OK);
    nfa_entries_release(&got);
    nfa_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_make_up_the_whole),
        cmocka_unit_test(the_table_moves_under_a_save),
        cmocka_unit_test(keys_that_come_and_go_do_not_hold_a_save_up),
        cmocka_unit_test(a_slice_is_about_as_large_as_asked),
        cmocka_unit_test(waiting_rows_are_written_in_slices),
        cmocka_unit_test(a_failure_is_told_by_the_next_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
