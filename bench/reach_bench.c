/*
 * reach_bench -- what an event costs as windows, sequences, loops, keys and selectivity grow: a table each, with the ratio to
 * its first row, and both stores of partial matches where a pattern may have either.
 *
 *     reach_bench [TABLE]     one of window, length, loop, keys, selectivity; without: all
 */
#include "base/base_buf.h"
#include "base/base_check.h"
#include "bench/bench_cell.h"

#include <stdio.h>
#include <string.h>

#define STEPS "a as x < 9, b as x = 9, c as x = 1000000 "

enum { SECOND = 1000000 };

/* 1,000 starts a second in one key, and 111 events that are seconds; measured when the window is full. */
static bool table_window(void) {
    static const struct {
        const char *name, *within;
        uint64_t seconds;
    } windows[] = { { "10 s", "10 s", 10 }, { "1 min", "1 min", 60 }, { "10 min", "10 min", 600 },
        { "1 h", "1 h", 3600 }, { "6 h", "6 h", 21600 } };
    static const struct {
        const char *title, *match, *after;
        uint32_t end_in;
    } kinds[] = {
        { "The window grows: 1,000 starts/s in one key, a -> b -> c, no skip, an end that does not come",
            "a -> b -> c", "after match no skip", 0 },
        { "The same, a ->> b ->> c, limit 10 matches, an end each 1,000 events", "a ->> b ->> c",
            "after match no skip limit 10 matches", 1000 },
        { "The same, a ->> b ->> c, skip past last event, an end that does not come", "a ->> b ->> c",
            "after match skip past last event", 0 },
        { "The same, a ->> b ->[2 s] c, skip past last event, an end each 1,000 events", "a ->> b ->[2 s] c",
            "after match skip past last event", 1000 },
    };
    for (size_t k = 0; k < CEP_COUNT_OF(kinds); k++) {
        struct bench_table t;
        bench_table_begin(&t, kinds[k].title);
        for (size_t i = 0; i < CEP_COUNT_OF(windows); i++) {
            struct base_buf text = BASE_BUF_INIT;
            base_buf_printf(&text, "match %s define " STEPS "within %s %s", kinds[k].match, windows[i].within,
                kinds[k].after);
            struct bench_cell cell = { .name = windows[i].name,
                .clauses = base_buf_cstr(&text),
                .feed = { .keys = 1, .kinds = 10, .end_in = kinds[k].end_in, .gap_us = 900 },
                .warm = windows[i].seconds * SECOND / 900,
                .events = 1000000,
                .seconds = 12,
                .max_bytes = UINT64_C(6) << 30 };
            bool ok = bench_table_row(&t, &cell);
            base_buf_release(&text);
            if (!ok)
                return false;
        }
    }
    return true;
}

/* v0 OP v1 OP ... of n steps, the last of which takes ends. */
static void write_sequence(struct base_buf *b, uint32_t n, const char *op) {
    base_buf_puts(b, "match ");
    for (uint32_t i = 0; i < n; i++)
        base_buf_printf(b, "%s%sv%u", i ? op : "", i ? " " : "", i);
    base_buf_puts(b, " define ");
    for (uint32_t i = 0; i + 1 < n; i++)
        base_buf_printf(b, "v%u as x = %u, ", i, i);
    base_buf_printf(b, "v%u as x = %d ", n - 1, (int)BENCH_END);
}

/* Every event is of a kind that some step takes; the window holds 10,000 events. */
static bool table_length(void) {
    static const uint32_t lengths[] = { 3, 6, 9, 12, 24 };
    static const char *const ops[][2] = {
        { " ->", "Sequences grow: n steps joined by ->, limit 10 matches, an end each 10,000 events, 10,000 "
                 "in the window" },
        { " ->>", "The same, joined by ->> (skip till any)" },
    };
    for (size_t k = 0; k < CEP_COUNT_OF(ops); k++) {
        struct bench_table t;
        bench_table_begin(&t, ops[k][1]);
        for (size_t i = 0; i < CEP_COUNT_OF(lengths); i++) {
            struct base_buf text = BASE_BUF_INIT;
            char name[32];
            (void)snprintf(name, sizeof name, "%u steps", (unsigned)lengths[i]);
            write_sequence(&text, lengths[i], ops[k][0]);
            base_buf_puts(&text, "within 10 s after match no skip limit 10 matches");
            struct bench_cell cell = { .name = name,
                .clauses = base_buf_cstr(&text),
                .feed = { .keys = 1, .kinds = lengths[i] - 1, .end_in = 10000, .gap_us = 1000 },
                .warm = 20000,
                .events = 1000000,
                .seconds = 1.5,
                .max_bytes = UINT64_C(1) << 30 };
            bool ok = bench_table_row(&t, &cell);
            base_buf_release(&text);
            if (!ok)
                return false;
        }
    }
    return true;
}

/* So many repetitions are in the window; ends are ten windows apart. */
static bool table_loop(void) {
    static const uint32_t open[] = { 10, 100, 10000 };
    static const struct {
        const char *title, *match;
    } kinds[] = {
        { "Repetitions open: a+ -> b, skip past last event",
            "match a+ -> b define a as x < 9, b as x = 1000000 within %u ms" },
        { "The same, no skip, limit 10 matches", "match a+ -> b define a as x < 9, b as x = 1000000 within "
                                                 "%u ms after match no skip limit 10 matches" },
        { "Every subset: a+ combinations -> b, no skip, limit 10 matches",
            "match a+ combinations -> b define a as x < 9, b as x = 1000000 within %u ms after match no skip "
            "limit 10 matches" },
    };
    for (size_t k = 0; k < CEP_COUNT_OF(kinds); k++) {
        struct bench_table t;
        bench_table_begin(&t, kinds[k].title);
        for (size_t i = 0; i < CEP_COUNT_OF(open); i++) {
            char name[32], text[256];
            (void)snprintf(name, sizeof name, "%u repetitions", (unsigned)open[i]);
            (void)snprintf(text, sizeof text, kinds[k].match, (unsigned)open[i]);
            struct bench_cell cell = { .name = name,
                .clauses = text,
                .feed = { .keys = 1, .kinds = 9, .end_in = 10 * open[i], .gap_us = 1000 },
                .warm = 4 * (uint64_t)open[i],
                .events = 1000000,
                .seconds = 1.5,
                .max_bytes = UINT64_C(1) << 30 };
            if (!bench_table_row(&t, &cell))
                return false;
        }
    }
    return true;
}

/* The window holds four events of a key. */
static bool table_keys(void) {
    static const uint32_t keys[] = { 1, 100, 10000, 1000000 };
    static const char *const kinds[][2] = {
        { "Keys: partition by k match a -> b -> c, each event may start, a window holds four events of a key",
            "partition by k match a -> b -> c define a as x < 9, b as x = 9, c as x = 1000000 within %llu "
            "ms" },
        { "The same, a condition reads the partial match (c as x > a.x)",
            "partition by k match a -> b -> c define a as x < 5, b as x >= 5, c as x > a.x + 8 within %llu "
            "ms" },
    };
    for (size_t k = 0; k < CEP_COUNT_OF(kinds); k++) {
        struct bench_table t;
        bench_table_begin(&t, kinds[k][0]);
        for (size_t i = 0; i < CEP_COUNT_OF(keys); i++) {
            char name[32], text[256];
            (void)snprintf(name, sizeof name, "%u keys", (unsigned)keys[i]);
            (void)snprintf(text, sizeof text, kinds[k][1], 4ULL * keys[i]);
            struct bench_cell cell = { .name = name,
                .clauses = text,
                .feed = { .keys = keys[i], .kinds = 10, .end_in = 100, .gap_us = 1000 },
                .warm = 6 * (uint64_t)keys[i] + 100000,
                .events = 2000000,
                .seconds = 4,
                .runs_seconds = 4,
                .runs_bytes = UINT64_C(4) << 30 };
            if (!bench_table_row(&t, &cell))
                return false;
        }
    }
    return true;
}

/* One event in so many can be taken; the others cost the evaluation of their conditions. */
static bool table_selectivity(void) {
    static const uint32_t in[] = { 1, 10, 1000 };
    static const char *const names[] = { "1", "0.1", "0.001" };
    static const char *const kinds[][2] = {
        { "Selectivity: the share of events that matter, a -> b -> c, 10,000 keys",
            "partition by k match a -> b -> c define a as x >= 0 and x < 5, b as x >= 5 and x < 9, c as x = "
            "9 within 40 s" },
        { "The same, one key, no skip, limit 10 matches",
            "match a -> b -> c define a as x >= 0 and x < 5, b as x >= 5 and x < 9, c as x = 9 within 1 s "
            "after match no skip limit 10 matches" },
    };
    for (size_t k = 0; k < CEP_COUNT_OF(kinds); k++) {
        struct bench_table t;
        bench_table_begin(&t, kinds[k][0]);
        for (size_t i = 0; i < CEP_COUNT_OF(in); i++) {
            struct bench_cell cell = { .name = names[i],
                .clauses = kinds[k][1],
                .feed = { .keys = k ? 1 : 10000, .kinds = 10, .matter_in = in[i], .gap_us = 1000 },
                .warm = 100000,
                .events = in[i] < 1000 ? 2000000 : 50000000,
                .seconds = 2,
                .runs_seconds = 2 };
            if (!bench_table_row(&t, &cell))
                return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        bool (*run)(void);
    } tables[] = { { "window", table_window }, { "length", table_length }, { "loop", table_loop },
        { "keys", table_keys }, { "selectivity", table_selectivity } };
    bool known = argc < 2;
    for (size_t i = 0; i < CEP_COUNT_OF(tables); i++) {
        if (argc >= 2 && strcmp(argv[1], tables[i].name) != 0)
            continue;
        known = true;
        if (!tables[i].run())
            return 1;
    }
    if (!known)
        fprintf(stderr, "reach_bench: no table \"%s\"\n", argv[1]);
    return known ? 0 : 1;
}
