/*
 * One operator's keys in a database: values and deadlines come back, timers in order and never one of a key that is gone,
 * operators apart.
 */
#include "state/sto_tier.h"

#include "base/base_mem.h"
#include "event/evt_batch.h"
#include "tests/state/sto_kit.h"

enum { NS = 1, N_KEYS = 300 };

static const struct sto_db_opts small = { .memory = 4 << 20 };

static struct sto_db *open_db(struct kit *k, const char *name) {
    struct sto_db *db = NULL;
    struct cep_err err = CEP_ERR_INIT;
    if (sto_db_open(kit_path(k, name), &small, &db, &err) != CEP_OK)
        fail_msg("%s", err.message);
    return db;
}

static void put(struct sto_tier *t, const char *key, const char *value, int64_t was, int64_t deadline) {
    sto_tier_put(t, base_str_of(key), base_str_of(value), was, deadline);
}

static void write_all(struct sto_tier *t) {
    struct cep_err err = CEP_ERR_INIT;
    if (sto_tier_write(t, &err) != CEP_OK)
        fail_msg("%s", err.message);
    assert_int_equal(sto_tier_pending(t), 0);
}

/* "value deadline", "-" when it is not there. */
static const char *get(struct sto_tier *t, const char *key) {
    static _Thread_local char text[128];
    struct base_buf v = BASE_BUF_INIT;
    int64_t deadline = 0;
    bool found;
    assert_int_equal(sto_tier_get(t, base_str_of(key), &v, &deadline, &found, NULL), CEP_OK);
    if (found)
        snprintf(text, sizeof text, "%.*s %lld", (int)v.len, v.p ? v.p : "", (long long)deadline);
    base_buf_release(&v);
    return found ? text : "-";
}

/* "deadline:key ..." of what is due. */
static void assert_due(struct sto_tier *t, int64_t upto, const char *want) {
    struct base_buf got = BASE_BUF_INIT;
    struct base_str key;
    int64_t deadline;
    enum cep_rc rc;
    while ((rc = sto_tier_due(t, upto, &key, &deadline, NULL)) == CEP_OK)
        base_buf_printf(&got, "%s%lld:%.*s", got.len ? " " : "", (long long)deadline, BASE_STR_FMT(key));
    assert_int_equal(rc, CEP_NONE);
    assert_string_equal(base_buf_cstr(&got), want);
    base_buf_release(&got);
}

static void keys_come_back_with_their_deadlines(void **arg) {
    struct sto_db *db = open_db(*arg, "db");
    struct sto_tier *t = sto_tier_new(db, 3, NS);
    assert_string_equal(get(t, "a"), "-");
    put(t, "a", "one", EVT_TIME_MAX, 50);
    put(t, "b", "", EVT_TIME_MAX, EVT_TIME_MAX);
    put(t, "", "of no key", EVT_TIME_MAX, -7);
    assert_true(sto_tier_pending(t) > 0);
    write_all(t);
    assert_string_equal(get(t, "a"), "one 50");
    assert_string_equal(get(t, "b"), " 9223372036854775807");
    assert_string_equal(get(t, ""), "of no key -7");
    put(t, "a", "two", 50, 60);
    sto_tier_delete(t, BASE_STR("b"), EVT_TIME_MAX);
    write_all(t);
    assert_string_equal(get(t, "a"), "two 60");
    assert_string_equal(get(t, "b"), "-");
    sto_tier_free(t);
    sto_db_close(db);
}

/* What is put while pieces are written comes behind them, whether its row was written already or not. */
static void a_write_in_pieces_is_a_write(void **arg) {
    struct sto_db *db = open_db(*arg, "db");
    struct sto_tier *t = sto_tier_new(db, 3, NS);
    char key[16];
    int pieces = 0;
    for (int i = 0; i < 40; i++) {
        snprintf(key, sizeof key, "k%02d", i);
        put(t, key, "one", EVT_TIME_MAX, 100 + i);
    }
    assert_int_equal(sto_tier_write_some(t, 1, NULL), CEP_AGAIN);
    assert_true(sto_tier_writes(t));
    assert_int_equal(sto_tier_pending(t), 0);
    assert_string_equal(get(t, "k00"), "-"); /* put in order, not written */
    for (enum cep_rc rc = CEP_AGAIN; rc == CEP_AGAIN; pieces++) {
        if (pieces == 7) {
            put(t, "k39", "two", 139, 50); /* not written yet, and one that is */
            put(t, "k00", "two", 100, 160);
        }
        rc = sto_tier_write_some(t, 1, NULL);
        assert_true(rc == CEP_OK || rc == CEP_AGAIN);
    }
    assert_int_equal(pieces, 80); /* a row and a timer each */
    assert_false(sto_tier_writes(t));
    assert_string_equal(get(t, "k00"), "one 100");
    assert_true(sto_tier_pending(t) > 0);
    write_all(t);
    assert_string_equal(get(t, "k00"), "two 160");
    assert_string_equal(get(t, "k39"), "two 50");
    assert_string_equal(get(t, "k20"), "one 120");
    assert_due(t, 102, "50:k39 101:k01 102:k02");
    put(t, "k01", "three", 101, 200);
    assert_int_equal(sto_tier_write_some(t, 1, NULL), CEP_AGAIN);
    put(t, "k02", "three", 102, 201);
    write_all(t); /* also what a write in pieces has begun */
    assert_string_equal(get(t, "k01"), "three 200");
    assert_string_equal(get(t, "k02"), "three 201");
    assert_int_equal(sto_tier_write_some(t, 1, NULL), CEP_OK);
    sto_tier_free(t);
    sto_db_close(db);
}

static void timers_come_once_in_order(void **arg) {
    struct sto_db *db = open_db(*arg, "db");
    struct sto_tier *t = sto_tier_new(db, 3, NS), *other = sto_tier_new(db, 4, NS);
    assert_due(t, EVT_TIME_MAX - 1, "");
    assert_true(sto_tier_next(t) == EVT_TIME_MAX);
    put(other, "z", "", EVT_TIME_MAX, 5);
    write_all(other);
    put(t, "a", "", EVT_TIME_MAX, 50);
    put(t, "b", "", EVT_TIME_MAX, -50);
    put(t, "c", "", EVT_TIME_MAX, 20);
    put(t, "d", "", EVT_TIME_MAX, EVT_TIME_MAX);
    write_all(t);
    assert_true(sto_tier_next(t) <= -50);
    assert_due(t, 20, "-50:b 20:c");
    assert_due(t, 49, "");
    assert_true(sto_tier_next(t) == 50);
    /* Pushed out: the old row is gone, but the timer was read ahead. */
    put(t, "a", "", 50, 70);
    put(t, "b", "", -50, 60);
    write_all(t);
    assert_due(t, 65, "50:a 60:b");
    /* Earlier than what was read. */
    put(t, "c", "", 20, 10);
    write_all(t);
    assert_true(sto_tier_next(t) <= 10);
    assert_due(t, 10, "10:c");
    /* A key that is gone has no timer, but for one that was read ahead. */
    sto_tier_delete(t, BASE_STR("a"), 70);
    sto_tier_delete(t, BASE_STR("c"), 10);
    write_all(t);
    assert_true(sto_tier_next(t) == 60);
    assert_due(t, 100, "60:b 70:a");
    assert_string_equal(get(t, "a"), "-");
    assert_true(sto_tier_next(t) == EVT_TIME_MAX);
    assert_due(other, 100, "5:z");
    sto_tier_free(t);
    sto_tier_free(other);
    sto_db_close(db);
}

/* -- against a model --------------------------------------------------------------------------------------------- */

struct model {
    bool there;
    int64_t deadline;
    unsigned value;
    bool due; /* has come since it was put */
};

static uint64_t seed = 88172645463325252;
static unsigned pick(unsigned n) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 20) % n;
}

static unsigned number_in(struct base_str s) {
    unsigned n = 0;
    for (size_t i = 0; i < s.len; i++)
        n = s.p[i] >= '0' && s.p[i] <= '9' ? n * 10 + (unsigned)(s.p[i] - '0') : n;
    return n;
}

static const char *name_of(struct kit *k, unsigned i) {
    return base_arena_printf(&k->arena, "key %u", i);
}

static enum cep_rc on_found(
    void *arg, size_t i, struct base_str value, int64_t deadline, struct cep_err *err) {
    struct model *got = arg;
    (void)err;
    got[i].there = true;
    got[i].deadline = deadline;
    got[i].value = number_in(value);
    return CEP_OK;
}

static void assert_holds(struct sto_tier *t, struct kit *k, const struct model *want) {
    struct model got[N_KEYS] = { 0 };
    struct base_str keys[N_KEYS];
    for (unsigned i = 0; i < N_KEYS; i++)
        keys[i] = base_str_of(name_of(k, i));
    assert_int_equal(sto_tier_get_many(t, keys, N_KEYS, on_found, got, NULL), CEP_OK);
    unsigned n = 0, seen = 0;
    for (unsigned i = 0; i < N_KEYS; i++) {
        assert_int_equal(got[i].there, want[i].there);
        if (!got[i].there)
            continue;
        n++;
        assert_int_equal(got[i].value, want[i].value);
        assert_true(got[i].deadline == want[i].deadline);
    }
    struct sto_tier_scan *s = sto_tier_scan_new(t);
    struct sto_entry e;
    uint32_t group = 0;
    enum cep_rc rc;
    while ((rc = sto_tier_scan_next(s, &e, NULL)) == CEP_OK) {
        assert_int_equal(e.ns, NS);
        assert_int_equal(e.group, sto_group_of(e.key));
        assert_true(e.group >= group);
        group = e.group;
        unsigned i = number_in(e.key);
        assert_true(want[i].there && want[i].value == number_in(e.value));
        seen++;
    }
    assert_int_equal(rc, CEP_NONE);
    assert_int_equal(seen, n);
    sto_tier_scan_free(s);
}

/* Everything due by then comes, in order; what comes is as the key's row says, or came before. */
static void take_due(struct sto_tier *t, struct model *m, int64_t upto) {
    struct base_str key;
    int64_t deadline, before = EVT_TIME_MIN;
    while (sto_tier_due(t, upto, &key, &deadline, NULL) == CEP_OK) {
        assert_true(deadline <= upto && deadline >= before);
        before = deadline;
        struct model *of = &m[number_in(key)];
        /* One read ahead may be of a row that is no more: then the key's own row says so. */
        if (of->there && of->deadline == deadline)
            of->due = true;
    }
    for (unsigned i = 0; i < N_KEYS; i++)
        assert_true(!m[i].there || m[i].due || m[i].deadline > upto);
}

static void agrees_with_a_model(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(k, "db");
    for (uint16_t op = 0; op < 2; op++) {
        struct sto_tier *t[2] = { sto_tier_new(db, op, NS), sto_tier_new(db, UINT16_MAX - op, NS) };
        struct model m[2][N_KEYS] = { 0 };
        int64_t now = 0;
        for (unsigned step = 0; step < 400; step++) {
            unsigned which = pick(2);
            for (unsigned n = pick(40); n > 0; n--) {
                unsigned i = pick(N_KEYS);
                struct model *of = &m[which][i];
                int64_t was = of->there ? of->deadline : EVT_TIME_MAX;
                /* Collected rows are not seen: one change a key and write. */
                if (of->value == step + 1)
                    continue;
                if (pick(4) == 0 && of->there) {
                    sto_tier_delete(t[which], base_str_of(name_of(k, i)), was);
                    *of = (struct model){ .value = step + 1 };
                    continue;
                }
                *of = (struct model){ true, now - 5 + (int64_t)pick(60), step + 1, false };
                if (pick(5) == 0)
                    of->deadline = EVT_TIME_MAX;
                char value[16];
                snprintf(value, sizeof value, "%u", of->value);
                put(t[which], name_of(k, i), value, was, of->deadline);
            }
            write_all(t[which]);
            now += pick(5);
            take_due(t[which], m[which], now);
            if (step % 50 == 49)
                assert_holds(t[which], k, m[which]);
        }
        /* What is there survives, and begins again with its first timer. */
        write_all(t[0]);
        assert_int_equal(sto_db_checkpoint(db, kit_path(k, op ? "copy 1" : "copy 0"), NULL), CEP_OK);
        struct sto_db *copy = NULL;
        assert_int_equal(
            sto_db_open_checkpoint(kit_path(k, op ? "copy 1" : "copy 0"), &small, &copy, NULL), CEP_OK);
        struct sto_tier *again = sto_tier_new(copy, op, NS);
        assert_holds(again, k, m[0]);
        for (unsigned i = 0; i < N_KEYS; i++)
            m[0][i].due = false;
        take_due(again, m[0], now + 1000);
        sto_tier_free(again);
        sto_db_close(copy);
        sto_tier_free(t[0]);
        sto_tier_free(t[1]);
    }
    sto_db_close(db);
}

/* More timers than are read ahead at once. */
static void many_timers_come_in_order(void **arg) {
    struct kit *k = *arg;
    struct sto_db *db = open_db(k, "db");
    struct sto_tier *t = sto_tier_new(db, 0, NS);
    for (unsigned i = 0; i < 3000; i++)
        put(t, name_of(k, i * 7919 % 3000), "", EVT_TIME_MAX, 1 + i / 3);
    write_all(t);
    struct base_str key;
    int64_t deadline, before = 0;
    unsigned n = 0;
    for (; sto_tier_due(t, 500, &key, &deadline, NULL) == CEP_OK; n++, before = deadline)
        assert_true(deadline >= before);
    assert_int_equal(n, 1500);
    for (; sto_tier_due(t, 5000, &key, &deadline, NULL) == CEP_OK; n++, before = deadline)
        assert_true(deadline >= before);
    assert_int_equal(n, 3000);
    sto_tier_free(t);
    sto_db_close(db);
}

static void a_row_that_is_none_is_damage(void **arg) {
    struct sto_db *db = open_db(*arg, "db");
    struct sto_tier *t = sto_tier_new(db, 0, NS);
    put(t, "a", "value", EVT_TIME_MAX, 1);
    write_all(t);
    struct sto_tier_scan *s = sto_tier_scan_new(t);
    struct sto_entry e;
    assert_int_equal(sto_tier_scan_next(s, &e, NULL), CEP_OK);
    char row[16] = { (char)(e.group >> 8), (char)e.group, 0, 0, NS, 'a' };
    sto_tier_scan_free(s);
    struct sto_db_batch *b = sto_db_batch_new();
    sto_db_batch_put(b, db, STO_SPACE_KEYS, (struct base_str){ row, 6 }, BASE_STR("short"));
    assert_int_equal(sto_db_write(db, b, NULL), CEP_OK);
    sto_db_batch_free(b);
    struct base_buf v = BASE_BUF_INIT;
    int64_t deadline;
    bool found;
    assert_int_equal(sto_tier_get(t, BASE_STR("a"), &v, &deadline, &found, NULL), CEP_EDAMAGED);
    base_buf_release(&v);
    sto_tier_free(t);
    sto_db_close(db);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        KIT_TEST(keys_come_back_with_their_deadlines),
        KIT_TEST(a_write_in_pieces_is_a_write),
        KIT_TEST(timers_come_once_in_order),
        KIT_TEST(agrees_with_a_model),
        KIT_TEST(many_timers_come_in_order),
        KIT_TEST(a_row_that_is_none_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
