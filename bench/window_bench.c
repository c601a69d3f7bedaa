/*
 * window_bench -- events a second of windows, one thread, from memory: a table each for how many keys there are, how long windows
 * are, how much they overlap, sessions, rows that come late, aggregates. A million events of time a second, unless the row says less.
 *
 *     window_bench [TABLE [ROW]]     one of keys, size, sliding, session, late, changes, aggregates; without: all. ROW: those whose name begins so
 *
 *     ratio      what an event costs, to the table's first row
 *     rows/ev    results an event
 */
#include "base/base_check.h"
#include "bench/bench_flow.h"

#include <stdio.h>
#include <string.h>

#define SUM(window) "stream j as select k, sum(v) as s from a group by k window " window ";"

enum { MAX_ROWS = 12 };

struct row {
    const char *name, *text; /* NULL: the table's end */
    int64_t keys;
    double gap_us;
    int late;
    uint64_t warm, events;
};

struct table {
    const char *name, *title;
    struct row rows[MAX_ROWS];
};

static const struct table tables[] = {
    { "keys", "Keys: tumbling 1 s, a sum",
        {
            { "1 key", SUM("tumbling 1 s"), 1, 1, 0, 2200000, 8000000 },
            { "100 keys", SUM("tumbling 1 s"), 100, 1, 0, 2200000, 8000000 },
            { "10,000 keys", SUM("tumbling 1 s"), 10000, 1, 0, 2200000, 8000000 },
            { "100,000 keys", SUM("tumbling 1 s"), 100000, 1, 0, 2200000, 8000000 },
            { "1,000,000 keys", SUM("tumbling 1 s"), 1000000, 1, 0, 2200000, 8000000 },
        } },
    { "size", "Length: tumbling, a sum, 10,000 keys, 1,000 events of time a second",
        {
            { "1 s", SUM("tumbling 1 s"), 10000, 1000, 0, 100000, 4000000 },
            { "10 s", SUM("tumbling 10 s"), 10000, 1000, 0, 100000, 4000000 },
            { "1 min", SUM("tumbling 1 min"), 10000, 1000, 0, 200000, 4000000 },
            { "10 min", SUM("tumbling 10 min"), 10000, 1000, 0, 1300000, 4000000 },
            { "1 h", SUM("tumbling 1 h"), 10000, 1000, 0, 3700000, 8000000 },
        } },
    { "sliding", "Overlap: a sum, 10,000 keys, 100 events of a key in a slide; the last three: 10 events",
        {
            { "tumbling 1 s", SUM("tumbling 1 s"), 10000, 1, 0, 2200000, 4000000 },
            { "sliding 10 s every 1 s", SUM("sliding 10 s every 1 s"), 10000, 1, 0, 12000000, 8000000 },
            { "sliding 60 s every 1 s", SUM("sliding 60 s every 1 s"), 10000, 1, 0, 62000000, 8000000 },
            { "tumbling 100 ms", SUM("tumbling 100 ms"), 10000, 1, 0, 2200000, 4000000 },
            { "sliding 6 s every 100 ms", SUM("sliding 6 s every 100 ms"), 10000, 1, 0, 8000000, 8000000 },
            { "the same, min(v), avg(v * 1.5)",
                "stream j as select k, min(v) as l, avg(v * 1.5e0) as s from a group by k "
                "window sliding 6 s every 100 ms;",
                10000, 1, 0, 8000000, 8000000 },
        } },
    { "session", "Sessions: gap 1 s, a sum, so many events of a key within a gap",
        {
            { "100 (10,000 keys)", SUM("session gap 1 s"), 10000, 1, 0, 4000000, 4000000 },
            { "10 (10,000 keys)", SUM("session gap 1 s"), 10000, 10, 0, 1000000, 4000000 },
            { "1 (10,000 keys)", SUM("session gap 1 s"), 10000, 100, 0, 1000000, 4000000 },
            { "1 (1,000,000 keys)", SUM("session gap 1 s"), 1000000, 1, 0, 4000000, 4000000 },
        } },
    { "late", "Late events: 3 s behind, allowed lateness 5 s, 10,000 keys",
        {
            { "tumbling 1 s, 0 %", SUM("tumbling 1 s allowed lateness 5 s"), 10000, 1, 0, 8000000, 8000000 },
            { "tumbling 1 s, 1 %", SUM("tumbling 1 s allowed lateness 5 s"), 10000, 1, 1, 8000000, 8000000 },
            { "tumbling 1 s, 10 %", SUM("tumbling 1 s allowed lateness 5 s"), 10000, 1, 10, 8000000,
                8000000 },
            { "sliding 10 s every 1 s, 0 %", SUM("sliding 10 s every 1 s allowed lateness 5 s"), 10000, 1, 0,
                16000000, 8000000 },
            { "sliding 10 s every 1 s, 1 %", SUM("sliding 10 s every 1 s allowed lateness 5 s"), 10000, 1, 1,
                16000000, 8000000 },
            { "sliding 10 s every 1 s, 10 %", SUM("sliding 10 s every 1 s allowed lateness 5 s"), 10000, 1,
                10, 16000000, 4000000 },
        } },
    { "changes", "Results that are taken back: tumbling 1 s, 10,000 keys, a sum",
        {
            { "at its end", SUM("tumbling 1 s"), 10000, 1, 0, 2200000, 4000000 },
            { "at its end, retracting", SUM("tumbling 1 s retracting"), 10000, 1, 0, 2200000, 4000000 },
            { "the same, 1 % late", SUM("tumbling 1 s allowed lateness 5 s retracting"), 10000, 1, 1, 8000000,
                2000000 },
            { "every 100 ms", SUM("tumbling 1 s emit every 100 ms"), 10000, 1, 0, 2200000, 2000000 },
            { "every 100 ms, retracting", SUM("tumbling 1 s emit every 100 ms retracting"), 10000, 1, 0,
                2200000, 2000000 },
            { "with each event", SUM("tumbling 1 s emit each event"), 10000, 1, 0, 1100000, 1000000 },
            { "with each event, retracting", SUM("tumbling 1 s emit each event retracting"), 10000, 1, 0,
                1100000, 1000000 },
            { "group by alone, upsert", "stream j as select k, sum(v) as s from a group by k upsert;", 10000,
                1, 0, 1100000, 1000000 },
        } },
    { "aggregates", "Aggregates: tumbling 1 s, 10,000 keys",
        {
            { "sum(v)", SUM("tumbling 1 s"), 10000, 1, 0, 2200000, 8000000 },
            { "count(*)", "stream j as select k, count(*) as s from a group by k window tumbling 1 s;", 10000,
                1, 0, 2200000, 8000000 },
            { "count(*), sum(v), min(v), max(v)",
                "stream j as select k, count(*) as n, sum(v) as s, min(v) as l, max(v) as h from a group by "
                "k "
                "window tumbling 1 s;",
                10000, 1, 0, 2200000, 4000000 },
            { "avg(v * 1.5)",
                "stream j as select k, avg(v * 1.5e0) as s from a group by k window tumbling 1 s;", 10000, 1,
                0, 2200000, 4000000 },
            { "stddev(v)", "stream j as select k, stddev(v) as s from a group by k window tumbling 1 s;",
                10000, 1, 0, 2200000, 4000000 },
            { "last(v)", "stream j as select k, last(v) as s from a group by k window tumbling 1 s;", 10000,
                1, 0, 2200000, 4000000 },
            { "by a string",
                "stream j as select s, sum(v) as n from "
                "(select cast(k as string) as s, v from a) group by s window tumbling 1 s;",
                10000, 1, 0, 2200000, 4000000 },
        } },
};

static bool run(const struct table *t, const char *only) {
    double first = 0;
    printf("\n%s\n%-36s %9s %9s %6s %8s %9s\n", t->title, "", "M ev/s", "ns/event", "ratio", "rows/ev",
        "state MB");
    for (const struct row *r = t->rows; r < t->rows + MAX_ROWS && r->name; r++) {
        if (strncmp(r->name, only, strlen(only)) != 0)
            continue;
        struct bench_flow f = { .streams = BENCH_STREAM("a"),
            .text = r->text,
            .n_streams = 1,
            .keys = r->keys,
            .gap_us = r->gap_us,
            .late = r->late,
            .late_us = 3000000,
            .warm = r->warm,
            .events = r->events };
        struct bench_flow_result out;
        if (!bench_flow_run(&f, &out))
            return false;
        first = first > 0 ? first : out.ns;
        printf("%-36s %9.2f %9.1f %6.2f %8.3f %9.1f\n", r->name, 1e3 / out.ns, out.ns, out.ns / first,
            out.rows_out, out.mb);
        (void)fflush(stdout);
    }
    return true;
}

int main(int argc, char **argv) {
    bool known = argc < 2;
    for (size_t i = 0; i < CEP_COUNT_OF(tables); i++) {
        if (argc > 1 && strcmp(argv[1], tables[i].name) != 0)
            continue;
        known = true;
        if (!run(&tables[i], argc > 2 ? argv[2] : ""))
            return 1;
    }
    if (!known)
        fprintf(stderr, "window_bench: no table \"%s\"\n", argv[1]);
    return known ? 0 : 2;
}
