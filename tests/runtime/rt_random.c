/*
 * rt_random -- see rt_random.h.
 */
#include "tests/runtime/rt_random.h"

#include "base/base_mem.h"
#include "state/sto.h"
#include "state/sto_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint32_t rt_random_below(struct rt_random *f, uint32_t n) {
    f->random = f->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(f->random >> 33) % n;
}

void rt_random_path(const struct rt_random *f, const char *name, char *out, size_t cap) {
    assert_true(snprintf(out, cap, "%s/%s", f->dir, name) < (int)cap);
}

void rt_random_events(struct rt_random *f, const char *name, uint32_t n) {
    char path[128];
    rt_random_path(f, name, path, sizeof path);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t ms = 1000 + i * 20 - rt_random_below(f, rt_random_below(f, 50) == 0 ? 900 : 400);
        ms -= ms % 10;
        if (rt_random_below(f, 40) == 0)
            assert_true(fputs("nonsense\n", out) >= 0);
        assert_true(
            fprintf(out, "{\"k\":\"k%u\",\"g\":%u,\"v\":%u,\"at\":\"2026-01-01T%02u:%02u:%02u.%03uZ\"}\n",
                rt_random_below(f, 23), rt_random_below(f, 3), rt_random_below(f, 100), 10 + ms / 3600000,
                ms / 60000 % 60, ms / 1000 % 60, ms % 1000) > 0);
    }
    assert_int_equal(fclose(out), 0);
}

struct line {
    char *text;
    size_t key_len, at;
};

static int by_key(const void *a, const void *b) {
    const struct line *x = a, *y = b;
    size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
    int c = memcmp(x->text, y->text, n);
    if (c != 0 || x->key_len != y->key_len)
        return c != 0 ? c : x->key_len < y->key_len ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

void rt_random_output(const struct rt_random *f, const char *name, struct base_buf *out) {
    char path[128], buf[4096];
    struct line *lines = NULL;
    size_t n = 0, cap = 0;
    rt_random_path(f, name, path, sizeof path);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(buf, sizeof buf, in)) {
        lines = base_grow(lines, n, &cap, sizeof *lines);
        lines[n] = (struct line){ base_strdup(buf), strcspn(buf, ",\n"), n };
        n++;
    }
    assert_int_equal(fclose(in), 0);
    if (n > 0)
        qsort(lines, n, sizeof *lines, by_key);
    base_buf_clear(out);
    for (size_t i = 0; i < n; i++) {
        base_buf_puts(out, lines[i].text);
        base_free(lines[i].text);
    }
    base_free(lines);
}

static const char *const conditions[] = { "v < 40", "v > 60", "v > last(a.v)", "g = 1", "v between 20 and 80",
    "sum(a.v) < 300", "v <> 50" };

/* `join` 3 is ->>, after which nothing is greedy. */
static void random_step(struct rt_random *f, char var, uint32_t join) {
    static const char *const quantifiers[] = { "", "", "+", "{2,3}", "?", "{1,2} combinations",
        "{0,3} greedy" };
    base_buf_printf(
        &f->program, "%c%s", var, var == 'a' ? "" : quantifiers[rt_random_below(f, join == 3 ? 6 : 7)]);
}

void rt_random_pattern(struct rt_random *f, uint32_t number) {
    static const char *const joins[] = { " ", " -> ", " -> ", " ->> " };
    static const char *const skips[] = { "", "after match no skip ", "after match skip to next event ",
        "after match skip to last a " };
    static const char *const keys[] = { "partition by k ", "partition by k ", "partition by k, g ",
        "partition by g, k ", "" };
    uint32_t n = 2 + rt_random_below(f, 2), key = rt_random_below(f, 5);
    base_buf_printf(
        &f->program, "pattern p%u from %s %smatch ", number, rt_random_below(f, 2) ? "a, b" : "b", keys[key]);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t join = rt_random_below(f, 4);
        base_buf_puts(&f->program, i ? joins[join] : "");
        random_step(f, (char)('a' + i), join);
    }
    bool absent = rt_random_below(f, 4) == 0;
    base_buf_puts(&f->program, absent ? " -> !z define z as v > 90" : " define z0 as v < 0");
    if (!absent)
        f->program.len -= strlen(" z0 as v < 0");
    for (uint32_t i = 0; i < n; i++)
        base_buf_printf(&f->program, "%s %c as %s", i || absent ? "," : "", 'a' + (int)i,
            i == 0 ? rt_random_below(f, 2) ? "v < 40" : "g = 2" : conditions[rt_random_below(f, 7)]);
    base_buf_printf(&f->program,
        " within %u s %slimit 5 open per key measures %s a.v as v, count(b) as n, "
        "match_start() as s, match_end() as e;\n",
        1 + rt_random_below(f, 4), skips[rt_random_below(f, 4)],
        key < 2   ? "k as k,"
        : key < 4 ? "k || cast(g as string) as k,"
                  : "1 as k,");
}

/* Results of a key come in the order of their windows, so that they can be compared like matches. */
static void random_windows(struct rt_random *f, uint32_t number) {
    static const char *const windows[] = { "window tumbling 1 s", "window sliding 2 s every 500 ms",
        "window session gap 150 ms", "window count 5" };
    uint32_t w = rt_random_below(f, 5);
    if (w == 4) {
        base_buf_printf(&f->program,
            "stream p%u as select k, v, sum(v) over (partition by k order by at rows 3 preceding) as s from "
            "b;\n",
            number);
        return;
    }
    base_buf_printf(&f->program,
        "stream p%u as select k, count(*) as n, sum(v) as s, array_agg(v) as vs%s from b group by k %s;\n",
        number, w < 3 ? ", window_start as w" : "", windows[w]);
}

/* The others with state: joins that can be put together from any subtasks, rows in order, alerts, a compiled operator (lib/probe.c). */
static void random_other(struct rt_random *f, uint32_t number) {
    struct base_buf *b = &f->program;
    switch (rt_random_below(f, 5)) {
    case 0:
        base_buf_printf(b,
            "stream p%u as select x.k as k, x.v as xv, y.v as yv, y.at as at from a as x join b as y "
            "on x.k = y.k and x.v < y.v within 700 ms;\n",
            number);
        break;
    case 1:
        base_buf_printf(b,
            "table now%u as select k, last(v) as v from a group by k;\n"
            "stream p%u as select x.k as k, x.v as v, n.v as nv from b as x join table now%u as n on n.k = "
            "x.k;\n",
            number, number, number);
        break;
    case 2:
        base_buf_printf(b,
            "stream p%u as select k, v, at, window_end as e from b window sliding 2 s every 1 s order by v "
            "desc, k%s;\n",
            number, rt_random_below(f, 2) ? " limit 20" : "");
        break;
    case 3:
        base_buf_printf(b,
            "alert al%u on b where v > 40 message '{k}' by k suppress for 300 ms resolve after 200 ms;\n"
            "stream p%u as select message as k, status, at from al%u;\n",
            number, number, number);
        break;
    default:
        /* Whether a timer is told that the input has ended depends on where the last watermarks fall: `sum` of timers, and what 50 does. */
        base_buf_printf(b,
            "stream narrow%u as select k, v, at from b where v <> 50;\n"
            "stream all%u (k string, what string, n int, sum int, kept string) as process "
            "'%s/tests/runtime/.libs/probe.so' from narrow%u partition by k;\n"
            "stream p%u as select k, what, n, kept from all%u;\n",
            number, number, getenv("CEP_BUILDDIR"), number, number, number);
        break;
    }
}

void rt_random_program(struct rt_random *f) {
    base_buf_clear(&f->program);
    base_buf_puts(&f->program, RT_RANDOM_STREAM("a") RT_RANDOM_STREAM("b"));
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        if (i + 2 < RT_RANDOM_OUTPUTS)
            rt_random_pattern(f, i);
        else if (i + 1 < RT_RANDOM_OUTPUTS)
            random_other(f, i);
        else
            random_windows(f, i);
        base_buf_printf(
            &f->program, "sink p%u to file (path = 'out%u.csv', append = false) format csv;\n", i, i);
    }
}

void rt_random_outputs(const struct rt_random *f, struct base_buf *out) {
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "out%u.csv", i);
        rt_random_output(f, name, &out[i]);
    }
}

void rt_random_same_outputs(
    struct rt_random *f, struct base_buf *want, struct base_buf *got, const char *what) {
    for (uint32_t i = 0; i < RT_RANDOM_OUTPUTS; i++) {
        if (strcmp(base_buf_cstr(&want[i]), base_buf_cstr(&got[i])) == 0)
            continue;
        print_error("%s\n%s, output %u\n", base_buf_cstr(&f->program), what, i);
        assert_string_equal(base_buf_cstr(&got[i]), base_buf_cstr(&want[i]));
    }
}

static void copy_db(struct rt_random *f, struct rt_snap *to, const struct rt_snap_db *from) {
    struct base_buf path = BASE_BUF_INIT;
    struct rt_snap_db *db;
    struct sto_part_head head;
    struct base_unpack entries;
    char name[32], dir[128];
    (void)snprintf(name, sizeof name, "db-%u", f->n_copies++);
    rt_random_path(f, name, dir, sizeof dir);
    assert_int_equal(sto_path_make(dir, NULL), CEP_OK);
    for (size_t i = 0; i < from->n_files; i++) {
        base_buf_clear(&path);
        base_buf_printf(&path, "%s/%s", dir, from->files[i].name);
        assert_int_equal(sto_path_link(from->files[i].path, path.p, NULL), CEP_OK);
    }
    assert_int_equal(sto_part_open(base_buf_view(&from->about), &head, &entries, NULL), CEP_OK);
    assert_int_equal(rt_snap_add_db(to, dir, &head, &db, NULL), CEP_OK);
    base_buf_clear(&db->about);
    base_buf_str(&db->about, base_buf_view(&from->about));
    base_buf_release(&path);
}

void rt_random_copy(struct rt_random *f, struct rt_snap *to, const struct rt_snap *from) {
    rt_snap_release(to);
    for (size_t i = 0; i < from->n; i++) {
        struct sto_part_head head;
        struct base_unpack entries;
        struct sto_entry e;
        assert_int_equal(sto_part_open(rt_part_view(from->parts[i]), &head, &entries, NULL), CEP_OK);
        struct base_buf *b = &rt_snap_add(to, &head)->bytes;
        struct sto_out out = sto_part_out(b);
        while (sto_part_next(&entries, &e, NULL) == CEP_OK)
            assert_int_equal(out.put(out.arg, &e, NULL), CEP_OK);
        sto_part_end(b);
    }
    for (size_t i = 0; i < from->n_dbs; i++)
        copy_db(f, to, from->dbs[i]);
}

uint64_t rt_random_flights(const struct rt_snap *snap) {
    uint64_t n = 0;
    for (size_t i = 0; i < snap->n; i++) {
        struct sto_part_head head;
        struct base_unpack entries;
        assert_int_equal(sto_part_open(rt_part_view(snap->parts[i]), &head, &entries, NULL), CEP_OK);
        n += base_str_eq(head.kind, BASE_STR("channel"));
    }
    return n;
}

int rt_random_set_up(void **state) {
    struct rt_random *f = calloc(1, sizeof *f);
    if (!f)
        return -1;
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/rt-parallel-XXXXXX");
    base_buf_init(&f->program);
    *state = f;
    return mkdtemp(f->dir) ? 0 : -1;
}

int rt_random_tear_down(void **state) {
    static const char *const names[] = { "a.ndjson", "b.ndjson", "out0.csv", "out1.csv", "out2.csv",
        "out3.csv", "out4.csv", "out5.csv", "x.csv", "y.csv" };
    struct rt_random *f = *state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        rt_random_path(f, names[i], path, sizeof path);
        (void)unlink(path);
    }
    base_buf_release(&f->program);
    int rc = rmdir(f->dir);
    free(f);
    return rc;
}
