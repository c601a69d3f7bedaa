/*
 * nfa_slice: a save in slices, with events in between, writes what a save at once would have written when it began.
 *
 * NFA_RANDOM_SEED and NFA_RANDOM_CASES in the environment choose other cases and more of them.
 */
#include "tests/nfa/nfa_gen.h"
#include "tests/nfa/nfa_kit.h"

#include "base/base_err.h"
#include "base/base_mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- entries as a set --------------------------------------------------------------------------------------------- */

struct entry {
    uint32_t ns, group;
    char *key, *value; /* owned */
    size_t key_len, value_len;
};

struct entries {
    struct entry *v;
    size_t n, cap;
    size_t fail_at; /* this put fails; 0 = none */
};

static char *copy(struct base_str s) {
    char *p = base_alloc(s.len + 1);
    memcpy(p, s.p ? s.p : "", s.len);
    return p;
}

static enum cep_rc on_put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct entries *es = arg;
    if (es->fail_at && es->n + 1 == es->fail_at)
        return base_err_set(err, CEP_EIO, "no room");
    es->v = base_grow(es->v, es->n, &es->cap, sizeof *es->v);
    es->v[es->n++] =
        (struct entry){ e->ns, e->group, copy(e->key), copy(e->value), e->key.len, e->value.len };
    return CEP_OK;
}

static void clear(struct entries *es) {
    for (size_t i = 0; i < es->n; i++) {
        base_free(es->v[i].key);
        base_free(es->v[i].value);
    }
    es->n = 0;
}

static void release(struct entries *es) {
    clear(es);
    base_free(es->v);
}

static int by_bytes(const char *a, size_t an, const char *b, size_t bn) {
    int c = memcmp(a, b, an < bn ? an : bn);
    return c ? c : an < bn ? -1 : an > bn;
}

static int by_entry(const void *x, const void *y) {
    const struct entry *a = x, *b = y;
    if (a->ns != b->ns)
        return a->ns < b->ns ? -1 : 1;
    int c = by_bytes(a->key, a->key_len, b->key, b->key_len);
    return c ? c : by_bytes(a->value, a->value_len, b->value, b->value_len);
}

static void assert_same(struct entries *want, struct entries *got, const char *what) {
    if (want->n != got->n)
        fail_msg("%s: %zu entries instead of %zu", what, got->n, want->n);
    qsort(want->v, want->n, sizeof *want->v, by_entry);
    qsort(got->v, got->n, sizeof *got->v, by_entry);
    for (size_t i = 0; i < want->n; i++) {
        if (by_entry(&want->v[i], &got->v[i]) != 0 || want->v[i].group != got->v[i].group)
            fail_msg("%s: entry %zu of %zu differs", what, i, want->n);
    }
}

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
    assert_same(&r->want, &r->got, what);
    clear(&r->want);
    clear(&r->got);
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
    r.to_want = (struct sto_out){ on_put, &r.want };
    r.to_got = (struct sto_out){ on_put, &r.got };
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
    release(&r.want);
    release(&r.got);
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
    struct sto_out to_want = { on_put, &want }, to_got = { on_put, &got };
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
    assert_same(&want, &got, "moving table");
    release(&want);
    release(&got);
    nfa_kit_release(&k);
}

static void a_slice_is_about_as_large_as_asked(void **state) {
    (void)state;
    struct nfa_kit k;
    struct entries got = { .n = 0 };
    struct sto_out out = { on_put, &got };
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
    release(&got);
    nfa_kit_release(&k);
}

/* A put that fails when an event asked for it does not disturb the event; the next slice tells. */
static void a_failure_is_told_by_the_next_slice(void **state) {
    (void)state;
    struct nfa_kit k;
    struct entries got = { .n = 0, .fail_at = 2 };
    struct sto_out out = { on_put, &got };
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
    clear(&got);
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
    release(&got);
    nfa_kit_release(&k);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_make_up_the_whole),
        cmocka_unit_test(the_table_moves_under_a_save),
        cmocka_unit_test(a_slice_is_about_as_large_as_asked),
        cmocka_unit_test(a_failure_is_told_by_the_next_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
