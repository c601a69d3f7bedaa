/*
 * nfa_later: a matcher that was restored without reading its keys does what one does that read them all, whenever they are read; and
 * what it saves meanwhile is all of it. So it is with keys that go on into a tier.
 *
 * NFA_RANDOM_SEED and NFA_RANDOM_CASES in the environment choose other cases and more of them.
 */
#include "tests/nfa/nfa_entries.h"
#include "tests/nfa/nfa_gen.h"
#include "tests/nfa/nfa_kit.h"

#include "base/base_mem.h"
#include "state/sto_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nfa_kit_db db;

struct run {
    struct nfa_kit never, now, later; /* the same events; never: is not restored */
    struct nfa_kit norm;              /* scratch */
    struct nfa_kit_saved from;        /* what `later` reads: stays */
    bool reading, saving;
    struct entries want, got;
    struct sto_out to_got;
    uint64_t n_left_at_restore, n_left_at_save, n_saves, n_restores, n_read_into_tier;
};

static uint64_t left(const struct run *r) {
    struct nfa_stats st;
    nfa_matcher_stats(r->later.matcher, &st);
    return st.unread;
}

static void event(struct run *r, char name, int64_t time, int64_t key) {
    nfa_kit_event(&r->never, name, time, key);
    nfa_kit_event(&r->now, name, time, key);
    nfa_kit_event(&r->later, name, time, key);
}

static void advance(struct run *r, int64_t watermark) {
    nfa_kit_advance(&r->never, watermark);
    nfa_kit_advance(&r->now, watermark);
    nfa_kit_advance(&r->later, watermark);
}

static void read_some(struct run *r, size_t bytes) {
    enum cep_rc rc = nfa_matcher_load_some(r->later.matcher, bytes, NULL);
    r->n_read_into_tier += r->later.db != NULL;
    r->reading = rc == CEP_AGAIN;
    assert_true(rc == CEP_OK || rc == CEP_AGAIN);
    assert_true(r->reading == (left(r) > 0));
    nfa_matcher_check(r->later.matcher);
}

static void read_all(struct run *r) {
    while (r->reading)
        read_some(r, 1000);
}

static void save_begin(struct run *r) {
    struct sto_out to_want = { nfa_entries_put, &r->want };
    nfa_entries_clear(&r->want);
    nfa_entries_clear(&r->got);
    assert_int_equal(nfa_matcher_save(r->now.matcher, &to_want, NULL), CEP_OK);
    assert_int_equal(nfa_matcher_save_begin(r->later.matcher, &r->to_got, NULL), CEP_OK);
    r->n_left_at_save += left(r) > 0;
    r->n_saves++;
    r->saving = true;
}

/* As nfa_kit_load() takes them. */
static void write_entries(const struct entries *es, struct nfa_kit_saved *s) {
    /* META comes first. */
    for (int meta = 1; meta >= 0; meta--) {
        for (size_t i = 0; i < es->n; i++) {
            const struct entry *e = &es->v[i];
            struct sto_entry of = { .ns = e->ns,
                .group = e->group,
                .key = { e->key, e->key_len },
                .value = { e->value, e->value_len } };
            if ((e->ns == NFA_NS_META) == (meta == 1))
                nfa_kit_put_saved(s, &of);
        }
    }
}

/* As it would be saved by who has read it all: a key's bytes may come in more than one way. */
static void normal(struct run *r, struct entries *es) {
    struct nfa_kit_saved s = { .n = 0 };
    struct sto_out to = { nfa_entries_put, es };
    write_entries(es, &s);
    nfa_entries_clear(es);
    nfa_kit_load(&r->norm, &s, NULL);
    assert_int_equal(nfa_matcher_save(r->norm.matcher, &to, NULL), CEP_OK);
    nfa_kit_saved_release(&s);
}

/* The keys of a save whose slices are over are in the tier, if there is one. */
static void take(struct run *r) {
    struct sto_entry e;
    enum cep_rc rc;
    if (!r->later.db)
        return;
    struct sto_tier_scan *s = sto_tier_scan_new(r->later.tier);
    while ((rc = sto_tier_scan_next(s, &e, NULL)) == CEP_OK)
        assert_int_equal(nfa_entries_put(&r->got, &e, NULL), CEP_OK);
    assert_int_equal(rc, CEP_NONE);
    sto_tier_scan_free(s);
    nfa_matcher_save_taken(r->later.matcher);
    for (size_t i = 0; i < r->got.n; i++) {
        if (r->got.v[i].ns == NFA_NS_TIER)
            nfa_entries_remove(&r->got, i--);
    }
}

static void save_some(struct run *r, size_t bytes, const char *what) {
    enum cep_rc rc = nfa_matcher_save_some(r->later.matcher, bytes, NULL);
    if (rc == CEP_AGAIN)
        return;
    assert_int_equal(rc, CEP_OK);
    take(r);
    if (r->want.n != r->got.n)
        fail_msg("%s: %zu entries, %zu with keys that were not read", what, r->want.n, r->got.n);
    normal(r, &r->want);
    normal(r, &r->got);
    nfa_entries_assert_same(&r->want, &r->got, true, what);
    r->saving = false;
}

/* Both go on from what the one saved that has not read everything. */
static void restore(struct run *r, const char *what) {
    struct sto_losses losses;
    sto_losses_init(&losses);
    save_begin(r);
    struct nfa_kit_saved was = r->from;
    r->from = (struct nfa_kit_saved){ .n = 0 };
    while (nfa_matcher_save_some(r->later.matcher, 500, NULL) == CEP_AGAIN)
        continue;
    take(r);
    write_entries(&r->got, &r->from);
    r->saving = false;
    nfa_kit_load(&r->now, &r->from, &losses);
    r->reading = nfa_kit_load_later(&r->later, &r->from, &losses);
    if (losses.n)
        fail_msg("%s: %llu %s lost", what, (unsigned long long)losses.v[0].n, losses.v[0].what);
    nfa_kit_saved_release(&was);
    sto_losses_release(&losses);
    r->n_left_at_restore += left(r);
    r->n_restores++;
}

static void events(struct run *r, struct nfa_gen *g, const char *what) {
    unsigned keys = 40 + nfa_gen_pick(g, 200), slice = 1 + nfa_gen_pick(g, 400);
    int64_t time = 1;
    for (unsigned i = 0; i < 500; i++) {
        event(r, "aaabbbccnxq"[nfa_gen_pick(g, 11)], time, (int64_t)nfa_gen_pick(g, keys));
        if (nfa_gen_pick(g, 16) == 0) {
            time++;
            advance(r, time - 1 - (int64_t)nfa_gen_pick(g, 2));
        }
        if (r->reading && nfa_gen_pick(g, 8) == 0)
            read_some(r, slice);
        if (!r->saving && nfa_gen_pick(g, 30) == 0)
            save_begin(r);
        else if (r->saving && nfa_gen_pick(g, 3) == 0)
            save_some(r, slice, what);
        if (!r->saving && nfa_gen_pick(g, 60) == 0)
            restore(r, what);
        /* Some patterns grow exponentially. */
        struct nfa_stats st;
        nfa_matcher_stats(r->never.matcher, &st);
        if (st.open + st.waiting > 1000 || st.matches > 5000)
            break;
    }
    while (r->saving)
        save_some(r, slice, what);
    restore(r, what);
    if (nfa_gen_pick(g, 2))
        read_all(r);
    advance(r, EVT_TIME_MAX);
    read_all(r);
}

static void same(struct nfa_kit *a, struct nfa_kit *b, const char *what) {
    char *matches = base_strdup(nfa_kit_matches(a)), *timeouts = base_strdup(nfa_kit_timeouts(a));
    if (strcmp(nfa_kit_matches(b), matches) != 0)
        fail_msg("%s: other matches", what);
    if (strcmp(nfa_kit_timeouts(b), timeouts) != 0)
        fail_msg("%s: other timeouts", what);
    base_free(matches);
    base_free(timeouts);
}

/* 0: no tier. */
static const uint64_t budgets[] = { 0, 1, 0, 8000, 0, 1 << 20 };

/* Returns: false when the pattern is not one. */
static bool one_case(struct nfa_gen *g, struct run *sum, size_t at) {
    static const unsigned flags[] = { 0, NFA_KIT_NO_TIMEOUTS, NFA_KIT_RICH, NFA_KIT_SETS,
        NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS, NFA_KIT_NO_CALM | NFA_KIT_NO_DOMINATE | NFA_KIT_NO_COVER };
    struct base_buf pattern = BASE_BUF_INIT;
    struct run r = { .reading = false };
    r.to_got = (struct sto_out){ nfa_entries_put, &r.got };
    char what[64];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)g->seed);
    nfa_gen_pattern(g, &pattern);
    struct plan_pattern o = nfa_gen_options(g);
    unsigned with = flags[nfa_gen_pick(g, 6)] | NFA_KIT_KEYED;
    bool fine = nfa_kit_init(&r.never, base_buf_cstr(&pattern), &o, with);
    fine = nfa_kit_init(&r.now, base_buf_cstr(&pattern), &o, with) && fine;
    fine = nfa_kit_init(&r.later, base_buf_cstr(&pattern), &o, with) && fine;
    fine = nfa_kit_init(&r.norm, base_buf_cstr(&pattern), &o, with) && fine;
    if (fine) {
        if (budgets[at])
            nfa_kit_tiered(&r.later, &db, budgets[at]);
        events(&r, g, what);
        same(&r.never, &r.now, what);
        same(&r.never, &r.later, what);
    }
    sum->n_left_at_restore += r.n_left_at_restore;
    sum->n_left_at_save += r.n_left_at_save;
    sum->n_saves += r.n_saves;
    sum->n_restores += r.n_restores;
    sum->n_read_into_tier += r.n_read_into_tier;
    nfa_kit_release(&r.never);
    nfa_kit_release(&r.now);
    nfa_kit_release(&r.later);
    nfa_kit_release(&r.norm);
    nfa_kit_saved_release(&r.from);
    nfa_entries_release(&r.want);
    nfa_entries_release(&r.got);
    base_buf_release(&pattern);
    return fine;
}

static void what_is_read_later_is_as_if_it_had_been_read(void **state) {
    (void)state;
    const char *s = getenv("NFA_RANDOM_SEED"), *c = getenv("NFA_RANDOM_CASES");
    struct nfa_gen g = { s ? strtoull(s, NULL, 10) : 20261129 };
    uint64_t cases = c ? strtoull(c, NULL, 10) : 300, done = 0;
    struct run sum = { .n_saves = 0 };
    nfa_kit_db_open(&db);
    for (uint64_t tries = 0; done < cases && tries < cases * 4; tries++) {
        nfa_kit_db_renew(&db);
        done += one_case(&g, &sum, done % (sizeof budgets / sizeof *budgets));
    }
    nfa_kit_db_close(&db);
    assert_true(done > cases / 2 && sum.n_read_into_tier > done);
    assert_true(sum.n_restores > done * 2 && sum.n_left_at_restore > done * 20 && sum.n_left_at_save > done);
}

/* -- examples ---------------------------------------------------------------------------------------------------------- */

static const struct plan_pattern one_second = {
    .skip = PLAN_SKIP_NONE, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 1000
};

static void saved_by(const char *pattern, int64_t keys, struct nfa_kit_saved *s) {
    struct nfa_kit k;
    assert_true(nfa_kit_init(&k, pattern, &one_second, NFA_KIT_KEYED));
    for (int64_t i = 0; i < keys; i++)
        nfa_kit_event(&k, 'a', 10 + i, i);
    nfa_kit_advance(&k, 10 + keys);
    nfa_kit_save(&k, s);
    nfa_kit_release(&k);
}

/* Only what an event or the time asks for is read. */
static void keys_are_read_when_they_are_touched_or_due(void **state) {
    (void)state;
    struct nfa_kit_saved s = { .n = 0 };
    struct nfa_kit k;
    struct nfa_stats st;
    saved_by("a -> b", 100, &s);
    assert_true(nfa_kit_init(&k, "a -> b", &one_second, NFA_KIT_KEYED));
    assert_true(nfa_kit_load_later(&k, &s, NULL));
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.unread, 100);
    assert_int_equal(st.keys, 100);
    assert_int_equal(nfa_matcher_next_timer(k.matcher), 1010);
    nfa_kit_event(&k, 'b', 200, 7);
    nfa_kit_event(&k, 'b', 201, 1000); /* nobody knows it */
    nfa_kit_advance(&k, 300);
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.matches, 1);
    assert_int_equal(st.unread, 99);
    /* Those of the first 50 milliseconds, but for key 7. */
    nfa_kit_advance(&k, 1059);
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.timed_out, 49);
    assert_int_equal(st.keys, 50);
    nfa_kit_advance(&k, EVT_TIME_MAX);
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.timed_out, 99);
    assert_int_equal(st.unread, 0);
    assert_int_equal(st.keys, 0);
    assert_int_equal(nfa_matcher_load_some(k.matcher, 1, NULL), CEP_OK);
    nfa_kit_release(&k);
    nfa_kit_saved_release(&s);
}

/* State of another program has to be translated, which is done at once. */
static void another_program_reads_at_once(void **state) {
    (void)state;
    struct nfa_kit_saved s = { .n = 0 };
    struct nfa_kit k;
    struct nfa_stats st;
    saved_by("a -> b", 20, &s);
    assert_true(nfa_kit_init(&k, "a -> b -> c", &one_second, NFA_KIT_KEYED));
    struct sto_losses losses;
    sto_losses_init(&losses);
    assert_false(nfa_kit_load_later(&k, &s, &losses));
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.unread, 0);
    assert_int_equal(st.open + sto_losses_total(&losses), 20);
    sto_losses_release(&losses);
    nfa_kit_release(&k);
    nfa_kit_saved_release(&s);
}

/* Bytes that make no sense are told when they are read, and the matcher is released in order. */
static void damage_is_told_when_it_is_read(void **state) {
    (void)state;
    struct nfa_kit_saved s = { .n = 0 };
    struct nfa_kit k;
    struct cep_err err = CEP_ERR_INIT;
    saved_by("a -> b", 20, &s);
    s.bytes.p[s.bytes.len - 1] ^= 0x7f; /* of the last key's value */
    assert_true(nfa_kit_init(&k, "a -> b", &one_second, NFA_KIT_KEYED));
    assert_true(nfa_kit_load_later(&k, &s, NULL));
    assert_int_equal(nfa_matcher_load_some(k.matcher, SIZE_MAX, &err), CEP_EDAMAGED);
    assert_string_equal(err.message, "a key of pattern \"p\" is damaged");
    nfa_kit_release(&k);
    nfa_kit_saved_release(&s);
}

/* A save before the keys are read has them all; a copy of its database goes on with them, and knows how many there are. */
static void a_save_reads_what_is_left_into_the_tier(void **state) {
    (void)state;
    enum { KEYS = 500, READ = 20 };
    struct nfa_kit_saved s = { .n = 0 };
    struct nfa_kit k;
    struct nfa_stats st;
    struct cep_err err = CEP_ERR_INIT;
    struct entries saved = { .n = 0 };
    struct sto_out out = { nfa_entries_put, &saved };
    char copy[300];
    nfa_kit_db_open(&db);
    snprintf(copy, sizeof copy, "%s_copy", db.dir);
    saved_by("a -> b", KEYS, &s);
    assert_true(nfa_kit_init(&k, "a -> b", &one_second, NFA_KIT_KEYED));
    nfa_kit_tiered(&k, &db, 8000);
    assert_true(nfa_kit_load_later(&k, &s, NULL));
    for (int64_t i = 0; i < READ; i++)
        nfa_kit_event(&k, 'a', 520 + i, 10 * i);
    nfa_kit_advance(&k, 600);
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.unread, KEYS - READ);
    assert_int_equal(st.keys, KEYS);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, NULL), CEP_OK);
    nfa_kit_event(&k, 'b', 700, 1); /* completes, but the save has it open */
    nfa_kit_advance(&k, 700);
    while (nfa_matcher_save_some(k.matcher, 200, NULL) == CEP_AGAIN)
        nfa_matcher_check(k.matcher);
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.unread, 0);
    assert_int_equal(st.keys, KEYS - 1);
    assert_int_equal(nfa_kit_rows(&k, STO_SPACE_KEYS), KEYS);
    assert_int_equal(sto_db_checkpoint(db.db, copy, &err), CEP_OK);
    nfa_kit_resume(&k, copy);
    for (size_t i = 0; i < saved.n; i++) {
        const struct entry *v = &saved.v[i];
        struct sto_entry e = {
            .ns = v->ns, .group = v->group, .key = { v->key, v->key_len }, .value = { v->value, v->value_len }
        };
        assert_int_equal(nfa_matcher_load(k.matcher, &e, NULL, &err), CEP_OK);
    }
    assert_int_equal(nfa_matcher_loaded(k.matcher, NULL, &err), CEP_OK);
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.keys, KEYS);
    assert_int_equal(st.open, KEYS + READ);
    nfa_kit_event(&k, 'b', 700, 1);
    nfa_kit_advance(&k, EVT_TIME_MAX);
    nfa_matcher_stats(k.matcher, &st);
    assert_int_equal(st.matches, 1);
    assert_int_equal(st.timed_out, KEYS + READ - 1);
    assert_int_equal(st.open, 0);
    nfa_entries_release(&saved);
    nfa_kit_release(&k);
    nfa_kit_saved_release(&s);
    assert_int_equal(sto_path_remove(copy, NULL), CEP_OK);
    nfa_kit_db_close(&db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_save_reads_what_is_left_into_the_tier),
        cmocka_unit_test(what_is_read_later_is_as_if_it_had_been_read),
        cmocka_unit_test(keys_are_read_when_they_are_touched_or_due),
        cmocka_unit_test(another_program_reads_at_once),
        cmocka_unit_test(damage_is_told_when_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
