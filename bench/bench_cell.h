#pragma once
/*
 * bench_cell -- one figure of a table: a pattern over made-up events of one stream, from memory.
 *
 *     stream s (k int, x int, at timestamp)
 *
 * k is the key. x is a kind 0 ... kinds - 1, BENCH_END for an end, BENCH_NOTHING for an event that no pattern here takes.
 * The matcher is driven through nfa.h alone. Time is the thread's processor time inside of the matcher; making events up
 * is not counted.
 *
 * A cell first feeds `warm` events (what fills the windows), then measures `events`. One that would take longer than its
 * budgets of time or memory is cut off: what it then reports is the speed over the last half of its time, how far it came
 * and why it stopped.
 */
#include "nfa/nfa.h"

enum { BENCH_END = 1000000, BENCH_NOTHING = -1 };

struct bench_feed {
    uint32_t keys;
    uint32_t kinds;
    uint32_t end_in;    /* one event in so many is an end; 0 = none */
    uint32_t matter_in; /* one event in so many has a kind; 0 = each */
    int64_t gap_us;     /* between events */
};

enum bench_store { BENCH_STORE_CHOSEN = 0, BENCH_STORE_RUNS };

struct bench_cell {
    const char *name;    /* of the row */
    const char *clauses; /* what follows `pattern p from s` */
    struct bench_feed feed;
    uint64_t warm, events;
    /* Budgets of processor time and state. Runs have their own, for what explodes there. */
    double seconds, runs_seconds;   /* 0 = 6, 0.7 */
    uint64_t max_bytes, runs_bytes; /* 0 = 4 GiB, 256 MiB */
};

struct bench_result {
    const char *store;      /* static text */
    double ns;              /* an event */
    uint64_t fed;           /* events in all */
    const char *cut;        /* why it was cut off; NULL = it was not */
    struct nfa_stats stats; /* before the end */
    uint64_t allocs;        /* allocations while measuring */
};

/* Returns: false after a message on stderr when the pattern does not compile. */
bool bench_cell_run(const struct bench_cell *cell, enum bench_store store, struct bench_result *out);

/* A row a store: the chosen one, and runs beside it with the ratio when another was chosen. */
struct bench_table {
    double first[2]; /* ns of the table's first row: chosen, runs; 0 = there is none yet */
};
void bench_table_begin(struct bench_table *t, const char *title);
bool bench_table_row(struct bench_table *t, const struct bench_cell *cell);
