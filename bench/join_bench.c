/*
 * join_bench -- events a second of joins, one thread, from memory: interval, window and table joins, by keys and by how many events
 * have a partner. Event n of each stream has time n * 0.5 ms.
 *
 *     join_bench [JOIN]     those whose name begins so; without: all
 *
 *     ratio      what an event costs, to the table's first row
 *     pairs/ev   results an event
 */
#include "base/base_check.h"
#include "bench/bench_flow.h"

#include <stdio.h>
#include <string.h>

#define PAIR  "select a.v as x, b.v as y "
#define TABLE "table t as select k, last(v) as v from b group by k;"

struct row {
    const char *name, *text;
    int64_t keys;
    int hit;
};

int main(int argc, char **argv) {
    static const char interval[] = "stream j as " PAIR "from a join b on a.k = b.k within 5 s;";
    static const char outer[] = "stream j as " PAIR
                                "from a full join b on a.k = b.k and a.v < b.v within 5 s;";
    static const char window[] = "stream j as " PAIR "from a join b on a.k = b.k window tumbling 5 s;";
    static const char table[] = TABLE
        "stream j as select a.v as x, t.v as y from a left join table t on t.k = a.k;";
    static const struct row rows[] = {
        { "interval, within 5 s", interval, 10000, 1 },
        { "interval, within 5 s", interval, 10000, 10 },
        { "interval, within 5 s", interval, 10000, 50 },
        { "interval, within 5 s", interval, 10000, 100 },
        { "interval, within 5 s", interval, 1000000, 100 },
        { "interval full, a.v < b.v", outer, 10000, 100 },
        { "window tumbling 5 s", window, 10000, 1 },
        { "window tumbling 5 s", window, 10000, 10 },
        { "window tumbling 5 s", window, 10000, 100 },
        { "left join table", table, 10000, 1 },
        { "left join table", table, 10000, 100 },
        { "left join table", table, 1000000, 100 },
    };
    double first = 0;
    printf("%-26s %9s %6s %9s %9s %6s %9s %9s\n", "join", "keys", "hit", "M ev/s", "ns/event", "ratio",
        "pairs/ev", "state MB");
    for (size_t i = 0; i < CEP_COUNT_OF(rows); i++) {
        if (argc > 1 && strncmp(rows[i].name, argv[1], strlen(argv[1])) != 0)
            continue;
        struct bench_flow f = { .streams = BENCH_STREAM("a") BENCH_STREAM("b"),
            .text = rows[i].text,
            .n_streams = 2,
            .keys = rows[i].keys,
            .hit = rows[i].hit,
            .gap_us = 500,
            .warm = 200000,
            .events = 2000000 };
        struct bench_flow_result r;
        if (!bench_flow_run(&f, &r))
            return 1;
        first = first > 0 ? first : r.ns;
        printf("%-26s %9lld %4d %% %9.2f %9.0f %6.2f %9.2f %9.1f\n", rows[i].name, (long long)rows[i].keys,
            rows[i].hit, 1e3 / r.ns, r.ns, r.ns / first, r.rows_out, r.mb);
        (void)fflush(stdout);
    }
    return 0;
}
