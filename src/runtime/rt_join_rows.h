#pragma once
/*
 * rt_join_rows -- the rows of one side of a join, in the order in which they were taken: that of their times.
 *
 *     number   0 ........ head ................................ tail
 *              let go     [ chunk ][ chunk ][ chunk ][ chunk  ]
 *                                     row ── older ──▶ the row of its key before it
 *
 * A chunk is a batch of the columns that are kept, and what is known of each of its rows. Rows are let go from the head on, a
 * chunk's memory with its last row.
 *
 * Internal to src/runtime. Threads: the task's.
 */
#include "event/evt_batch.h"

enum { RT_JOIN_CHUNK = EVT_BATCH_ROWS };

struct rt_join_meta {
    uint64_t older; /* 1 + number; 0 = none; may be let go already */
    uint32_t key;
    uint32_t
        matched; /* the number of the last window in which it had a partner; without windows 1 = it had one */
    bool pending;   /* a pair with it is not judged yet */
    uint16_t saved; /* number of the last save that it is in, or that it came after (rt_join_save.c) */
};

struct rt_join_chunk {
    struct evt_batch *rows; /* owned */
    struct rt_join_meta meta[RT_JOIN_CHUNK];
};

struct rt_join_rows {
    const struct evt_schema *schema; /* of what is kept */
    struct rt_join_chunk **chunks;   /* owned; [first, first + n) are there */
    size_t first, n, cap;
    uint64_t base; /* number of the first chunk's first row */
    uint64_t head, tail;
    uint16_t saved;              /* of rows that come */
    struct rt_join_chunk *spare; /* owned */
};

void rt_join_rows_init(struct rt_join_rows *s, const struct evt_schema *schema);
void rt_join_rows_release(struct rt_join_rows *s);
/* Copies columns [skip, ...) of a row, its time, origin and position. Returns: its number. */
uint64_t rt_join_rows_add(
    struct rt_join_rows *s, const struct evt_batch *from, uint32_t row, uint32_t skip, uint32_t key);
/* A row of a batch, and its key. */
struct rt_join_from {
    const struct evt_batch *batch;
    uint32_t row, key;
};
/* The same of n rows, a column at a time. Returns: the number of the first; the others follow. */
uint64_t rt_join_rows_add_many(
    struct rt_join_rows *s, const struct rt_join_from *from, uint32_t n, uint32_t skip);
/* True when letting go of the first row gives a chunk's memory back: who points into it is to be done first. */
static inline bool rt_join_rows_last_of_chunk(const struct rt_join_rows *s) {
    return (s->head + 1) % RT_JOIN_CHUNK == 0;
}
/* Lets go of the first row. Requires: there is one. */
void rt_join_rows_pop(struct rt_join_rows *s);
size_t rt_join_rows_bytes(const struct rt_join_rows *s);

static inline struct rt_join_chunk *rt_join_chunk_of(const struct rt_join_rows *s, uint64_t number) {
    return s->chunks[s->first + (size_t)((number - s->base) / RT_JOIN_CHUNK)];
}
static inline struct rt_join_meta *rt_join_meta(const struct rt_join_rows *s, uint64_t number) {
    return &rt_join_chunk_of(s, number)->meta[number % RT_JOIN_CHUNK];
}
static inline int64_t rt_join_time(const struct rt_join_rows *s, uint64_t number) {
    return rt_join_chunk_of(s, number)->rows->time[number % RT_JOIN_CHUNK];
}
