/*
 * nfa_cold: a matcher whose keys lie in a tier, for the most part, gives what one gives that has them all in memory; its saves
 * are the same state; its memory stays within its budget; and what is gone leaves nothing behind.
 *
 * NFA_RANDOM_SEED and NFA_RANDOM_CASES in the environment choose other cases and more of them.
 */
#include "tests/nfa/nfa_entries.h"
#include "tests/nfa/nfa_gen.h"
#include "tests/nfa/nfa_kit.h"

#include "base/base_err.h"
#include "base/base_mem.h"
#include "state/sto_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct nfa_kit_db db;

static struct nfa_stats stats_of(const struct nfa_kit *k) {
    struct nfa_stats st;
    nfa_matcher_stats(k->matcher, &st);
    return st;
}

/* -- random patterns ------------------------------------------------------------------------------------------------ */

struct run {
    struct nfa_kit plain, tiered; /* the same events */
    struct entries want, got;
    struct sto_out to_want, to_got;
    bool open; /* a save is under way */
    int64_t watermark;
    uint64_t n_returned, n_saves, n_restored, n_spilled;
    const char *what;
};

static void event(struct run *r, char name, int64_t time, int64_t key) {
    nfa_kit_event(&r->plain, name, time, key);
    nfa_kit_event(&r->tiered, name, time, key);
}

static void advance(struct run *r, int64_t watermark) {
    r->watermark = watermark > r->watermark ? watermark : r->watermark;
    nfa_kit_advance(&r->plain, watermark);
    nfa_kit_advance(&r->tiered, watermark);
    if (r->tiered.rc != CEP_OK)
        fail_msg("%s: %s", r->what, r->tiered.err.message);
}

/* Without TIER: the other one has none. */
static void drop_counts(struct entries *es) {
    for (size_t i = 0; i < es->n; i++) {
        if (es->v[i].ns == NFA_NS_TIER)
            nfa_entries_remove(es, i--);
    }
}

static void begin(struct run *r) {
    assert_int_equal(nfa_matcher_save(r->plain.matcher, &r->to_want, NULL), CEP_OK);
    assert_int_equal(nfa_matcher_save_begin(r->tiered.matcher, &r->to_got, NULL), CEP_OK);
    r->open = true;
}

/* The slices are over: the tier is what all keys were. */
static void compare_save(struct run *r) {
    struct sto_tier_scan *s = sto_tier_scan_new(r->tiered.tier);
    struct sto_entry e;
    enum cep_rc rc;
    if (r->n_saves++ % 2)
        nfa_matcher_save_taken(r->tiered.matcher); /* the view is fixed */
    while ((rc = sto_tier_scan_next(s, &e, NULL)) == CEP_OK)
        assert_int_equal(r->to_got.put(r->to_got.arg, &e, NULL), CEP_OK);
    assert_int_equal(rc, CEP_NONE);
    sto_tier_scan_free(s);
    nfa_matcher_save_taken(r->tiered.matcher);
    drop_counts(&r->got);
    nfa_entries_assert_same(&r->want, &r->got, true, r->what);
    nfa_entries_clear(&r->want);
    nfa_entries_clear(&r->got);
    r->open = false;
}

static void some(struct run *r, size_t bytes) {
    enum cep_rc rc = nfa_matcher_save_some(r->tiered.matcher, bytes, NULL);
    if (rc == CEP_AGAIN)
        return;
    assert_int_equal(rc, CEP_OK);
    compare_save(r);
}

static void give_up(struct run *r) {
    nfa_matcher_save_cancel(r->tiered.matcher);
    nfa_entries_clear(&r->want);
    nfa_entries_clear(&r->got);
    r->open = false;
}

static void assert_gauges(struct run *r) {
    struct nfa_stats a = stats_of(&r->plain), b = stats_of(&r->tiered);
    if (a.keys != b.keys || a.open != b.open || a.asleep != b.asleep || a.waiting != b.waiting ||
        a.buffered != b.buffered || b.spilled > b.buffered)
        fail_msg("%s: keys %llu open %llu asleep %llu waiting %llu instead of %llu %llu %llu %llu", r->what,
            (unsigned long long)b.keys, (unsigned long long)b.open, (unsigned long long)b.asleep,
            (unsigned long long)b.waiting, (unsigned long long)a.keys, (unsigned long long)a.open,
            (unsigned long long)a.asleep, (unsigned long long)a.waiting);
}

/* Another matcher over a copy of the database goes on. */
static void restore(struct run *r, const char *copy) {
    struct cep_err err = CEP_ERR_INIT;
    struct nfa_kit_db *d = r->tiered.db;
    struct entries saved = { .n = 0 };
    struct sto_out out = { nfa_entries_put, &saved };
    assert_int_equal(nfa_matcher_save_begin(r->tiered.matcher, &out, &err), CEP_OK);
    assert_int_equal(nfa_matcher_save_some(r->tiered.matcher, SIZE_MAX, &err), CEP_OK);
    assert_int_equal(sto_path_remove(copy, NULL), CEP_OK);
    assert_int_equal(sto_db_checkpoint(d->db, copy, &err), CEP_OK);
    nfa_kit_resume(&r->tiered, copy);
    for (size_t i = 0; i < saved.n; i++) {
        const struct entry *s = &saved.v[i];
        struct sto_entry e = {
            .ns = s->ns, .group = s->group, .key = { s->key, s->key_len }, .value = { s->value, s->value_len }
        };
        bool fits;
        if (e.ns == NFA_NS_META) {
            assert_int_equal(nfa_matcher_fits(r->tiered.matcher, &e, &fits, &err), CEP_OK);
            assert_true(fits);
        }
        assert_int_equal(nfa_matcher_load(r->tiered.matcher, &e, NULL, &err), CEP_OK);
    }
    assert_int_equal(nfa_matcher_loaded(r->tiered.matcher, NULL, &err), CEP_OK);
    /* As sources say it again after a restore. */
    nfa_kit_advance(&r->tiered, r->watermark);
    assert_gauges(r);
    nfa_entries_release(&saved);
    r->n_restored++;
}

static void events(struct run *r, struct nfa_gen *g, const char *copy) {
    unsigned keys = 8 + nfa_gen_pick(g, 60), slice = 1 + nfa_gen_pick(g, 400);
    bool restores = nfa_gen_pick(g, 8) == 0;
    int64_t time = 1;
    for (unsigned i = 0; i < 400; i++) {
        event(r, "aaabbbccnxq"[nfa_gen_pick(g, 11)], time, (int64_t)nfa_gen_pick(g, keys));
        if (nfa_gen_pick(g, 16) == 0) {
            time++;
            advance(r, time - 1 - (int64_t)nfa_gen_pick(g, 2));
        }
        unsigned what = nfa_gen_pick(g, 60);
        if (!r->open && what < 3)
            begin(r);
        else if (r->open && what < 20)
            some(r, slice);
        else if (r->open && what == 20)
            give_up(r);
        if (restores && !r->open && what == 59 && !r->n_restored)
            restore(r, copy);
        assert_gauges(r);
        r->n_spilled += stats_of(&r->tiered).spilled;
        /* Some patterns grow exponentially. */
        struct nfa_stats st = stats_of(&r->plain);
        if (st.open + st.waiting > 1000 || st.matches > 5000)
            break;
    }
    if (!r->open)
        begin(r);
    advance(r, EVT_TIME_MAX);
    while (r->open)
        some(r, slice);
    assert_gauges(r);
}

static void assert_same_results(struct run *r) {
    char *want = base_strdup(nfa_kit_matches(&r->plain));
    if (strcmp(nfa_kit_matches(&r->tiered), want) != 0)
        fail_msg("%s: other matches with a tier", r->what);
    base_free(want);
    want = base_strdup(nfa_kit_timeouts(&r->plain));
    if (strcmp(nfa_kit_timeouts(&r->tiered), want) != 0)
        fail_msg("%s: other time-outs with a tier", r->what);
    base_free(want);
}

static void assert_same_counters(struct run *r, bool sets) {
    struct nfa_stats a = stats_of(&r->plain), b = stats_of(&r->tiered);
    /* Starts that are over are not written, so they are not there to be pruned. */
    if (sets)
        a.pruned = b.pruned;
#define SAME(name, text)                                                                    \
    if (a.name != b.name)                                                                   \
        fail_msg("%s: %s: %llu instead of %llu", r->what, text, (unsigned long long)b.name, \
            (unsigned long long)a.name);
    NFA_COUNTER_LIST(SAME)
#undef SAME
}

/* Of keys that have state there is a row each, of others none. */
static void assert_nothing_is_left(struct run *r) {
    struct entries all = { .n = 0 };
    struct sto_out out = { nfa_entries_put, &all };
    assert_int_equal(nfa_matcher_save(r->tiered.matcher, &out, NULL), CEP_OK);
    size_t rows = nfa_kit_rows(&r->tiered, STO_SPACE_KEYS);
    assert_int_equal(rows, stats_of(&r->plain).keys);
    assert_true(nfa_kit_rows(&r->tiered, STO_SPACE_TIMERS) <= rows);
    assert_int_equal(nfa_kit_rows(&r->tiered, STO_SPACE_ROWS), 0);
    nfa_entries_release(&all);
}

static const uint64_t budgets[] = { 1, 8000, 16000, 1 << 20 };

/* Returns: false when the pattern is not one. */
static bool one_case(struct nfa_gen *g, struct run *total, const char *copy) {
    static const unsigned flags[] = { 0, NFA_KIT_NO_TIMEOUTS, NFA_KIT_RICH,
        NFA_KIT_RICH | NFA_KIT_NO_TIMEOUTS, NFA_KIT_NO_CALM | NFA_KIT_NO_DOMINATE | NFA_KIT_NO_COVER,
        NFA_KIT_SETS, NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS,
        NFA_KIT_SETS | NFA_KIT_NO_TIMEOUTS | NFA_KIT_NO_CALM };
    struct base_buf pattern = BASE_BUF_INIT;
    struct run r = { .watermark = EVT_TIME_MIN };
    r.to_want = (struct sto_out){ nfa_entries_put, &r.want };
    r.to_got = (struct sto_out){ nfa_entries_put, &r.got };
    char what[128];
    snprintf(what, sizeof what, "seed %llu", (unsigned long long)g->seed);
    r.what = what;
    nfa_gen_pattern(g, &pattern);
    struct plan_pattern o = nfa_gen_options(g);
    unsigned with = flags[nfa_gen_pick(g, 8)] | NFA_KIT_KEYED;
    bool fine = nfa_kit_init(&r.plain, base_buf_cstr(&pattern), &o, with);
    fine = nfa_kit_init(&r.tiered, base_buf_cstr(&pattern), &o, with) && fine;
    if (fine) {
        nfa_kit_tiered(&r.tiered, &db, budgets[nfa_gen_pick(g, 4)]);
        events(&r, g, copy);
        assert_same_results(&r);
        /* One that went on from a copy counts from there. */
        if (!r.n_restored)
            assert_same_counters(&r, with & NFA_KIT_SETS);
        if (!r.n_restored)
            assert_nothing_is_left(&r);
        total->n_returned += stats_of(&r.tiered).returned;
        total->n_saves += r.n_saves;
        total->n_spilled += r.n_spilled;
        total->n_restored += r.n_restored;
    }
    nfa_entries_release(&r.want);
    nfa_entries_release(&r.got);
    nfa_kit_release(&r.plain);
    nfa_kit_release(&r.tiered);
    base_buf_release(&pattern);
    return fine;
}

static void gives_what_memory_gives(void **state) {
    (void)state;
    const char *s = getenv("NFA_RANDOM_SEED"), *c = getenv("NFA_RANDOM_CASES");
    struct nfa_gen g = { s ? strtoull(s, NULL, 10) : 20260103 };
    uint64_t cases = c ? strtoull(c, NULL, 10) : 200, done = 0;
    struct run total = { .n_saves = 0 };
    char copy[300];
    nfa_kit_db_open(&db);
    snprintf(copy, sizeof copy, "%s_copy", db.dir);
    for (uint64_t tries = 0; done < cases && tries < cases * 4; tries++) {
        nfa_kit_db_renew(&db);
        done += one_case(&g, &total, copy);
    }
    assert_int_equal(sto_path_remove(copy, NULL), CEP_OK);
    nfa_kit_db_close(&db);
    assert_true(done > cases / 2);
    assert_true(total.n_returned > done * 20 && total.n_saves > done * 2 && total.n_restored > done / 40);
    assert_true(total.n_spilled > done * 200);
}

/* -- memory --------------------------------------------------------------------------------------------------------- */

/* What the budget does not count: a block that is not full, the buffers of 16 batches in flight, what keys due bring in. */
enum { BUDGET = 2 << 20, SLACK = 1 << 20, MANY = 200000 };

/* Far more keys than fit in: memory stays, every key is there, and what expired leaves nothing. */
static void memory_stays_within_the_budget(void **state) {
    (void)state;
    struct plan_pattern o = {
        .skip = PLAN_SKIP_NONE, .within_kind = PLAN_WITHIN_FIRST_LAST, .within_us = 10 * MANY
    };
    struct nfa_kit k;
    nfa_kit_db_open(&db);
    assert_true(nfa_kit_init(&k, "a -> b", &o, NFA_KIT_KEYED));
    nfa_kit_tiered(&k, &db, BUDGET);
    uint64_t most = 0;
    for (int64_t i = 0; i < MANY; i++) {
        nfa_kit_event(&k, 'a', 1 + i, i);
        if (i % 16 == 15) {
            assert_int_equal(nfa_matcher_advance(k.matcher, 1 + i, &k.err), CEP_OK);
            struct nfa_stats st = stats_of(&k);
            most = st.bytes > most ? st.bytes : most;
        }
    }
    nfa_kit_advance(&k, MANY);
    struct nfa_stats st = stats_of(&k);
    assert_int_equal(st.keys, MANY);
    assert_int_equal(st.open, MANY);
    assert_true(st.cold > MANY * 9 / 10);
    /* A save that is not taken holds what changed since in memory; afterwards it goes down. */
    struct entries out = { .n = 0 };
    struct sto_out to = { nfa_entries_put, &out };
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &to, NULL), CEP_OK);
    assert_int_equal(nfa_matcher_save_some(k.matcher, SIZE_MAX, NULL), CEP_OK);
    assert_int_equal(out.n, 2);
    nfa_matcher_save_taken(k.matcher);
    nfa_entries_release(&out);
    /* One in a hundred completes, the others' time is over. */
    for (int64_t i = 0; i < MANY; i += 100) {
        nfa_kit_event(&k, 'b', MANY + 1 + i, i);
        if (i % 1600 == 0)
            assert_int_equal(nfa_matcher_advance(k.matcher, MANY + 1 + i, &k.err), CEP_OK);
    }
    nfa_kit_advance(&k, 2 * MANY);
    assert_int_equal(k.n_matches, MANY / 100);
    st = stats_of(&k);
    assert_int_equal(st.keys, MANY - MANY / 100);
    most = st.bytes > most ? st.bytes : most;
    nfa_kit_advance(&k, 20 * MANY);
    st = stats_of(&k);
    most = st.bytes > most ? st.bytes : most;
    assert_int_equal(st.timed_out, MANY - MANY / 100);
    assert_int_equal(st.keys, 0);
    assert_int_equal(st.cold, 0);
    assert_int_equal(st.open, 0);
    if (most > BUDGET + SLACK)
        fail_msg("%llu bytes with a budget of %d", (unsigned long long)most, BUDGET);
    struct entries none = { .n = 0 };
    struct sto_out all = { nfa_entries_put, &none };
    assert_int_equal(nfa_matcher_save(k.matcher, &all, NULL), CEP_OK);
    assert_int_equal(none.n, 1);
    nfa_entries_release(&none);
    assert_int_equal(nfa_kit_rows(&k, STO_SPACE_KEYS), 0);
    assert_int_equal(nfa_kit_rows(&k, STO_SPACE_TIMERS), 0);
    nfa_kit_release(&k);
    nfa_kit_db_close(&db);
}

/* More rows than fit in wait for the watermark: they lie in the database, and come back as it passes them, a save or none. */
static void waiting_rows_stay_within_the_budget(void **state) {
    (void)state;
    enum { WAIT = 40000, PAIRS = WAIT / 2 };
    struct plan_pattern o = { .skip = PLAN_SKIP_NONE };
    struct nfa_kit k;
    struct entries out = { .n = 0 };
    struct sto_out to = { nfa_entries_put, &out };
    nfa_kit_db_open(&db);
    assert_true(nfa_kit_init(&k, "a -> b", &o, NFA_KIT_KEYED));
    nfa_kit_tiered(&k, &db, BUDGET);
    uint64_t most = 0;
    for (int64_t i = 0; i < PAIRS; i++) {
        /* Out of order. */
        nfa_kit_event(&k, 'b', 2 * PAIRS - i, i);
        nfa_kit_event(&k, 'a', 1 + i / 2, i);
        struct nfa_stats st = stats_of(&k);
        most = st.bytes > most ? st.bytes : most;
    }
    struct nfa_stats st = stats_of(&k);
    assert_int_equal(st.buffered, WAIT);
    assert_true(st.spilled > WAIT * 9 / 10);
    assert_int_equal(nfa_kit_rows(&k, STO_SPACE_ROWS), st.spilled);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &to, NULL), CEP_OK);
    nfa_kit_advance(&k, PAIRS / 2);
    /* What came back is in the database of the save. */
    assert_int_equal(nfa_kit_rows(&k, STO_SPACE_ROWS), st.spilled);
    assert_int_equal(nfa_matcher_save_some(k.matcher, SIZE_MAX, NULL), CEP_OK);
    assert_true(out.n < WAIT / 10);
    nfa_matcher_save_taken(k.matcher);
    nfa_kit_advance(&k, EVT_TIME_MAX);
    assert_int_equal(k.n_matches, PAIRS);
    st = stats_of(&k);
    assert_int_equal(st.buffered, 0);
    assert_int_equal(st.spilled, 0);
    assert_int_equal(st.events, WAIT);
    if (most > BUDGET + SLACK)
        fail_msg("%llu bytes with a budget of %d", (unsigned long long)most, BUDGET);
    nfa_entries_clear(&out);
    assert_int_equal(nfa_matcher_save(k.matcher, &to, NULL), CEP_OK);
    assert_int_equal(nfa_kit_rows(&k, STO_SPACE_ROWS), 0);
    nfa_entries_release(&out);
    nfa_kit_release(&k);
    nfa_kit_db_close(&db);
}

/* Another program's keys are refused; so are counts that make no sense. */
static void a_tier_is_only_its_own_programs(void **state) {
    (void)state;
    struct plan_pattern o = { .skip = PLAN_SKIP_NONE };
    struct nfa_kit k, other;
    struct entries saved = { .n = 0 };
    struct sto_out out = { nfa_entries_put, &saved };
    struct cep_err err = CEP_ERR_INIT;
    nfa_kit_db_open(&db);
    assert_true(nfa_kit_init(&k, "a -> b", &o, NFA_KIT_KEYED));
    assert_true(nfa_kit_init(&other, "a -> b -> c", &o, NFA_KIT_KEYED));
    nfa_kit_tiered(&k, &db, 1);
    nfa_kit_events(&k, "a a a", NFA_KIT_ONE_BY_ONE, false);
    assert_int_equal(nfa_matcher_save_begin(k.matcher, &out, NULL), CEP_OK);
    assert_int_equal(nfa_matcher_save_some(k.matcher, SIZE_MAX, NULL), CEP_OK);
    nfa_matcher_save_taken(k.matcher);
    db.next_op--; /* the same rows */
    nfa_kit_tiered(&other, &db, 1);
    for (size_t i = 0; i < saved.n; i++) {
        const struct entry *s = &saved.v[i];
        struct sto_entry e = {
            .ns = s->ns, .group = s->group, .key = { s->key, s->key_len }, .value = { s->value, s->value_len }
        };
        bool fits = true;
        if (e.ns == NFA_NS_META) {
            assert_int_equal(nfa_matcher_fits(other.matcher, &e, &fits, &err), CEP_OK);
            assert_false(fits);
            assert_int_equal(nfa_matcher_load(other.matcher, &e, NULL, &err), CEP_OK);
        } else if (e.ns == NFA_NS_TIER) {
            assert_int_equal(nfa_matcher_load(other.matcher, &e, NULL, &err), CEP_ESTATE);
            e.value.len--;
            assert_int_equal(nfa_matcher_load(other.matcher, &e, NULL, &err), CEP_EDAMAGED);
        }
    }
    nfa_entries_release(&saved);
    nfa_kit_release(&k);
    nfa_kit_release(&other);
    nfa_kit_db_close(&db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_what_memory_gives),
        cmocka_unit_test(memory_stays_within_the_budget),
        cmocka_unit_test(waiting_rows_stay_within_the_budget),
        cmocka_unit_test(a_tier_is_only_its_own_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
