/*
 * Operators that save themselves in slices, with rows and watermarks between them: what they put out is what a save at once
 * puts out at the moment of the beginning, and they give what they give without a save.
 *
 * CEP_RANDOM_SEED and CEP_RANDOM_ROUNDS in the environment choose other rows and more of them.
 */
#include "tests/runtime/rt_kit.h"

#include "base/base_mem.h"
#include "base/base_pack.h"
#include "runtime/rt_join.h"
#include "state/sto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Operator w reads streams a and b; PROBE is the path of tests/runtime/lib/probe.c as a library. */
#define HEAD RT_KIT_STREAM("a") "delay 2 s;\n" RT_KIT_STREAM("b") "delay 2 s;\n"
static const char *const programs[] = {
    HEAD "stream w as select k, count(*) as n, sum(v) as s, count(distinct v) as d from a group by k window "
         "tumbling 3 s;",
    HEAD "stream w as select k, sum(v) as s, min(v) as m from a group by k window sliding 6 s every 2 s;",
    HEAD "stream w as select k, count(distinct v) as d from a group by k window sliding 6 s every 2 s "
         "allowed lateness 3 s;",
    HEAD "stream w as select k, sum(v) as s from a group by k window sliding 4 s every 2 s emit each event "
         "retracting;",
    HEAD "stream w as select k, sum(v) as s from a group by k window tumbling 4 s emit every 1 s;",
    HEAD
    "stream w as select k, sum(v) as s from a group by k window tumbling 4 s emit after 3 events discarding;",
    HEAD "stream w as select k, count(*) as n, max(v) as m from a group by k window session gap 2 s allowed "
         "lateness 1 s;",
    HEAD "stream w as select k, sum(v) as s, window_start as t from a group by k window session gap 1 s emit "
         "each event retracting;",
    HEAD "stream w as select k, sum(v) as s, max(v) as m from a group by k window count 4 every 2;",
    HEAD "stream w as select k, sum(v) as s, array_agg(v) as l from a group by k;",
    HEAD "stream w as select k, sum(v) as s from a group by k retracting;",
    HEAD "stream w as select k, sum(v) as s from a group by k window global;",
    HEAD "stream g as select k, v, count(*) as n from a group by k, v retracting;\n"
         "stream w as select n, count(*) as keys from g group by n retracting;",
    HEAD "stream w as select distinct k, v from a;",
    HEAD "stream w as select k, sum(v) as s from a group by k window sliding 4 s every 2 s emit after 2 "
         "events discarding;",
    HEAD "stream w as select k, sum(v) as s from a group by k window count 4 emit each event;",
    HEAD "stream w as select k, v, sum(v) over (partition by k order by at) as s, lag(v) over (partition by "
         "k order by at) as l from a;",
    HEAD "stream w as select k, v, sum(v) over (partition by k order by at range 3 s preceding) as s from a;",
    HEAD "stream w as select k, v, max(v) over (partition by k order by at rows 4 preceding) as s from a;",
    HEAD "stream w as select k, v, window_start as ws, sum(v) as s from a group by k, v window sliding 6 s "
         "every 2 s allowed "
         "lateness 3 s upsert;",
    HEAD "stream w as select x.k as k, x.v as v, y.v as yv from a as x join b as y on x.k = y.k within 3 s;",
    HEAD "stream w as select x.k as k, x.v as v, y.v as yv from a as x full join b as y on x.k = y.k within "
         "3 s;",
    HEAD "stream w as select x.k as k, x.v as v, y.v as yv from a as x full join b as y on x.k = y.k and "
         "x.v < y.v within 4 s;",
    HEAD "stream w as select x.k as k, x.v as v, y.v as yv from a as x full join b as y on x.k = y.k and "
         "x.v < y.v window tumbling 3 s;",
    HEAD "stream w as select x.k as k, x.v as v, y.v as yv from a as x full join b as y on x.k = y.k window "
         "sliding 6 s every 2 s;",
    HEAD "stream w as select x.k as k, x.v as v, y.v as yv from a as x full join b as y on x.k = y.k window "
         "session gap 2 s;",
    HEAD "table now as select k, last(v) as v from b group by k;\n"
         "stream w as select x.k as k, x.v as v, n.v as nv from a as x left join table now as n on n.k = x.k "
         "and n.v <> x.v;",
    HEAD "stream w (k string, what string, n int, sum int, kept string) as process 'PROBE' from a, b "
         "partition by k;",
    HEAD "stream w as select k, v, at from a window tumbling 3 s order by v desc, k;",
    HEAD "stream w as select k, v, at from a window sliding 6 s every 2 s order by v desc, k limit 7;",
    HEAD "alert w on a where v > 1 message '{k} {v}' by k suppress for 5 s;",
    HEAD "alert w on a message '{k} {v}' by k resolve after 2 s;",
    HEAD "alert w on a message '{k} {v}' by k suppress for 3 s resolve when b where v = 1;",
    HEAD "stream w as select * from a match_recognize (partition by k order by at measures sum(v) as s, "
         "match_number() as n "
         "pattern (l+ h*) within 6 s define l as v < 3, h as v > prev(v));",
};
/* What these keep is moved together now and then: versions behind many that were replaced, a session behind many that are over. */
static const char *const moving[] = {
    HEAD "table now as select k, last(v) as v from b group by k;\n"
         "stream w as select x.k as k, x.v as v, n.v as nv from a as x left join table now as n on n.k = "
         "x.k;",
    HEAD "stream w as select x.k as k, x.v as v, y.v as yv from a as x full join b as y on x.k = y.k window "
         "session gap 10 s;",
};
enum { PROGRAMS = sizeof programs / sizeof *programs, MOVING = sizeof moving / sizeof *moving, KEYS = 60 };

/* -- entries --------------------------------------------------------------------------------------------------------- */

struct saved {
    char **v; /* owned; by which they are compared */
    size_t n, cap;
    size_t key_bytes; /* of keys in namespace 1 that are none of a running number */
};

static enum cep_rc put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct saved *s = arg;
    struct base_buf b = BASE_BUF_INIT;
    (void)err;
    /* Rows that wait are numbered as they are written. */
    base_buf_printf(&b, "%u %u ", e->ns, e->group);
    for (size_t i = 0; i < e->key.len && e->ns != 2 && (e->ns != 1 || i < s->key_bytes); i++)
        base_buf_printf(&b, "%02x", (unsigned char)e->key.p[i]);
    for (size_t i = 0; i < e->value.len; i++)
        base_buf_printf(&b, i ? "%02x" : " %02x", (unsigned char)e->value.p[i]);
    s->v = base_grow(s->v, s->n, &s->cap, sizeof(char *));
    s->v[s->n++] = b.p;
    return CEP_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void clear(struct saved *s) {
    for (size_t i = 0; i < s->n; i++)
        base_free(s->v[i]);
    s->n = 0;
}

static void assert_same(struct saved *want, struct saved *got, const char *what) {
    if (want->n)
        qsort(want->v, want->n, sizeof(char *), by_text);
    if (got->n)
        qsort(got->v, got->n, sizeof(char *), by_text);
    for (size_t i = 0; i < want->n && i < got->n; i++)
        if (strcmp(want->v[i], got->v[i]) != 0)
            fail_msg("%s\nentry %zu of %zu: %s\ninstead of %s", what, i, want->n, got->v[i], want->v[i]);
    if (want->n != got->n)
        fail_msg("%s\n%zu entries instead of %zu", what, got->n, want->n);
}

/* -- a run ----------------------------------------------------------------------------------------------------------- */

struct run {
    const char *text;
    struct rt_kit plain, sliced; /* the same rows; only the second is saved while they come */
    struct base_buf *of_plain, *of_sliced;
    struct saved want, got;
    struct sto_out to_want, to_got;
    uint64_t random;
    int64_t time;
    bool open, holds; /* stream a has a key of its own in every fourth row: its session does not end */
    uint32_t keys;
    uint32_t cancels, slice; /* one in so many is given up; bytes of a slice, at most */
    uint64_t n_entries, n_slices, n_between, n_moves;
};

/* The operator that is saved. */
static const char *saver(const struct run *r) {
    return strstr(r->text, "match_recognize") ? "$w.1" : "w";
}

static uint32_t below(struct run *r, uint32_t n) {
    r->random = r->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((r->random >> 33) % n);
}

static void rows(struct run *r) {
    struct rt_kit_row row[8];
    char names[8][16];
    size_t n = 1 + below(r, 8);
    const char *stream = below(r, 2) ? "a" : "b";
    for (size_t i = 0; i < n; i++) {
        r->time += below(r, 200000);
        (void)snprintf(names[i], sizeof names[i], "k%u", below(r, r->keys));
        if (r->holds && stream[0] == 'a' && below(r, 4) == 0)
            (void)snprintf(names[i], sizeof names[i], "held");
        int64_t at = r->time - below(r, 2500000);
        row[i] = (struct rt_kit_row){ names[i], below(r, 5), at > 0 ? at : 0 };
    }
    assert_int_equal(rt_kit_push(&r->plain, stream, 0, row, n, NULL), CEP_OK);
    assert_int_equal(rt_kit_push(&r->sliced, stream, 0, row, n, NULL), CEP_OK);
}

static void begin(struct run *r) {
    struct rt_op *op = rt_kit_op(&r->sliced, saver(r));
    rt_kit_save(rt_kit_op(&r->plain, saver(r)), &r->to_want);
    r->open = op->vt->save(op, &r->to_got, NULL) == CEP_AGAIN;
    assert_true(r->open);
    r->n_entries += r->want.n;
}

static void some(struct run *r, size_t bytes) {
    struct rt_op *op = rt_kit_op(&r->sliced, saver(r));
    enum cep_rc rc = op->vt->save_some(op, bytes, NULL);
    r->n_slices++;
    if (rc == CEP_AGAIN)
        return;
    assert_int_equal(rc, CEP_OK);
    assert_same(&r->want, &r->got, r->text);
    clear(&r->want);
    clear(&r->got);
    r->open = false;
}

static void cancel(struct run *r) {
    struct rt_op *op = rt_kit_op(&r->sliced, saver(r));
    op->vt->save_cancel(op);
    clear(&r->want);
    clear(&r->got);
    r->open = false;
}

/* A join's rows have changed places: those of a table go on at the end, those of open sessions begin anew. */
static bool has_moved(struct run *r, uint64_t *head) {
    struct rt_op *op = rt_kit_op(&r->sliced, "w");
    const struct rt_join *j = (const struct rt_join *)(const void *)op;
    uint64_t was = *head;
    if (strcmp(op->vt->kind, "join") != 0)
        return false;
    *head = j->sides[j->kind->left_passes].rows.head;
    return j->kind->left_passes ? *head > was : *head < was;
}

static void init(struct run *r, const char *text) {
    const char *path = strstr(text, "PROBE");
    struct base_buf b = BASE_BUF_INIT;
    base_buf_printf(&b, "%.*s", path ? (int)(path - text) : (int)strlen(text), text);
    if (path)
        base_buf_printf(
            &b, "%s/tests/runtime/.libs/probe.so%s", getenv("CEP_BUILDDIR"), path + strlen("PROBE"));
    r->text = text;
    r->time = 1000000;
    rt_kit_init(&r->plain, base_buf_cstr(&b));
    rt_kit_init(&r->sliced, base_buf_cstr(&b));
    base_buf_release(&b);
    const char *kind = rt_kit_op(&r->plain, saver(r))->vt->kind;
    r->want.key_bytes = strcmp(kind, "join") == 0 ? 1 : strcmp(kind, "top") == 0 ? 0 : SIZE_MAX;
    r->got.key_bytes = r->want.key_bytes;
}

static void one(struct run *r, const char *text, unsigned n) {
    uint64_t head = 0;
    init(r, text);
    r->of_plain = rt_kit_listen(&r->plain, "w", PLAN_PORT_MAIN);
    r->of_sliced = rt_kit_listen(&r->sliced, "w", PLAN_PORT_MAIN);
    for (unsigned i = 0; i < n; i++) {
        rows(r);
        r->n_between += r->open;
        r->n_moves += has_moved(r, &head) && r->open;
        if (!r->open && below(r, 12) == 0)
            begin(r);
        else if (r->open && below(r, r->cancels) == 0)
            cancel(r);
        else if (r->open && below(r, 3) == 0)
            some(r, 1 + below(r, r->slice));
    }
    if (!r->open)
        begin(r);
    rt_kit_finish(&r->plain);
    rt_kit_finish(&r->sliced);
    while (r->open)
        some(r, 1 + below(r, 600));
    assert_true(r->of_plain->len > 100);
    rt_kit_sort_lines(r->of_plain);
    rt_kit_sort_lines(r->of_sliced);
    assert_string_equal(base_buf_cstr(r->of_sliced), base_buf_cstr(r->of_plain));
    rt_kit_release(&r->plain);
    rt_kit_release(&r->sliced);
}

static void slices_make_up_the_whole(void **state) {
    (void)state;
    const char *s = getenv("CEP_RANDOM_SEED"), *c = getenv("CEP_RANDOM_ROUNDS");
    long rounds = c ? strtol(c, NULL, 10) : 3;
    struct run r = { .random = s ? strtoull(s, NULL, 10) : 7, .keys = KEYS, .cancels = 40, .slice = 600 };
    r.to_want = (struct sto_out){ put, &r.want };
    r.to_got = (struct sto_out){ put, &r.got };
    for (long round = 0; round < rounds; round++)
        for (size_t i = 0; i < PROGRAMS; i++) {
            uint64_t entries = r.n_entries, between = r.n_between;
            one(&r, programs[i], 400);
            if (r.n_entries < entries + 40 || r.n_between < between + 40)
                fail_msg("%s\n%llu entries were saved, %llu times rows came between", programs[i],
                    (unsigned long long)(r.n_entries - entries), (unsigned long long)(r.n_between - between));
        }
    base_free(r.want.v);
    base_free(r.got.v);
}

static void rows_that_are_moved_together_are_saved_once(void **state) {
    (void)state;
    struct run r = { .random = 11, .holds = true, .cancels = 100000, .slice = 2000 };
    r.to_want = (struct sto_out){ put, &r.want };
    r.to_got = (struct sto_out){ put, &r.got };
    for (size_t i = 0; i < MOVING; i++) {
        uint64_t moves = r.n_moves;
        r.keys = i == 0 ? 3000 : KEYS; /* versions that stay in force while rows are moved */
        one(&r, moving[i], 12000);
        if (r.n_moves == moves)
            fail_msg("%s\nnothing was moved while a save was under way", moving[i]);
    }
    base_free(r.want.v);
    base_free(r.got.v);
}

/* A save that is under way when the operator goes. */
static void an_open_save_is_let_go(void **state) {
    (void)state;
    for (size_t i = 0; i < PROGRAMS; i++) {
        struct run r = { .random = 3, .keys = KEYS };
        r.to_want = (struct sto_out){ put, &r.want };
        r.to_got = (struct sto_out){ put, &r.got };
        init(&r, programs[i]);
        for (unsigned k = 0; k < 30; k++)
            rows(&r);
        begin(&r);
        for (unsigned k = 0; k < 60; k++)
            rows(&r);
        rt_kit_release(&r.plain);
        rt_kit_release(&r.sliced);
        clear(&r.want);
        clear(&r.got);
        base_free(r.want.v);
        base_free(r.got.v);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_make_up_the_whole),
        cmocka_unit_test(rows_that_are_moved_together_are_saved_once),
        cmocka_unit_test(an_open_save_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
