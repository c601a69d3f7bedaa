/*
 * rt_join_rows -- see rt_join_rows.h.
 */
#include "runtime/rt_join_rows.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <string.h>

enum { WIDE = 1 << EVT_INT | 1 << EVT_DOUBLE | 1 << EVT_TIMESTAMP | 1 << EVT_DURATION };

void rt_join_rows_init(struct rt_join_rows *s, const struct evt_schema *schema) {
    *s = (struct rt_join_rows){ .schema = schema };
}

static void free_chunk(struct rt_join_chunk *c) {
    if (!c)
        return;
    evt_batch_unref(c->rows);
    base_free(c);
}

void rt_join_rows_release(struct rt_join_rows *s) {
    for (size_t i = 0; i < s->n; i++)
        free_chunk(s->chunks[s->first + i]);
    free_chunk(s->spare);
    base_free(s->chunks);
    *s = (struct rt_join_rows){ .schema = s->schema };
}

static void add_chunk(struct rt_join_rows *s) {
    struct rt_join_chunk *c = s->spare;
    s->spare = NULL;
    if (!c) {
        c = base_alloc(sizeof *c);
        c->rows = evt_batch_new(s->schema, RT_JOIN_CHUNK);
    }
    if (s->first > s->n) { /* more than half is free in front */
        memmove(s->chunks, s->chunks + s->first, s->n * sizeof(struct rt_join_chunk *));
        s->first = 0;
    }
    s->chunks = base_grow(s->chunks, s->first + s->n, &s->cap, sizeof(struct rt_join_chunk *));
    s->chunks[s->first + s->n++] = c;
}

uint64_t rt_join_rows_add(
    struct rt_join_rows *s, const struct evt_batch *from, uint32_t row, uint32_t skip, uint32_t key) {
    if (s->tail == s->base + s->n * RT_JOIN_CHUNK)
        add_chunk(s);
    uint64_t number = s->tail++;
    struct rt_join_chunk *c = rt_join_chunk_of(s, number);
    struct evt_batch *to = c->rows;
    uint32_t at = to->n_rows;
    for (uint32_t i = 0; i < s->schema->n_cols; i++) {
        const struct evt_col *col = &from->cols[skip + i];
        if (1 << col->type->kind & WIDE && !col->valid && !to->cols[i].valid)
            to->cols[i].i[at] = col->i[row];
        else
            evt_col_copy(&to->cols[i], at, col, row);
    }
    to->time[at] = from->time[row];
    to->seq[at] = from->seq[row];
    to->origin[at] = from->origin[row];
    evt_batch_end_row(to);
    c->meta[at] = (struct rt_join_meta){ .key = key, .saved = s->saved };
    return number;
}

static void copy_cells(
    struct evt_col *to, uint32_t at, const struct rt_join_from *from, uint32_t n, uint32_t col) {
    bool wide = 1 << to->type->kind & WIDE;
    for (uint32_t i = 0; i < n; i++) {
        const struct evt_col *c = &from[i].batch->cols[col];
        if (wide && !c->valid && !to->valid)
            to->i[at + i] = c->i[from[i].row];
        else
            evt_col_copy(to, at + i, c, from[i].row);
    }
}

/* As many as there is room for in the chunk. */
static void add_to_chunk(const struct rt_join_rows *s, struct rt_join_chunk *c,
    const struct rt_join_from *from, uint32_t n, uint32_t skip) {
    struct evt_batch *to = c->rows;
    uint32_t at = to->n_rows;
    for (uint32_t k = 0; k < s->schema->n_cols; k++)
        copy_cells(&to->cols[k], at, from, n, skip + k);
    for (uint32_t i = 0; i < n; i++) {
        const struct evt_batch *b = from[i].batch;
        to->time[at + i] = b->time[from[i].row];
        to->seq[at + i] = b->seq[from[i].row];
        to->origin[at + i] = b->origin[from[i].row];
        c->meta[at + i] = (struct rt_join_meta){ .key = from[i].key, .saved = s->saved };
    }
    to->n_rows += n;
}

uint64_t rt_join_rows_add_many(
    struct rt_join_rows *s, const struct rt_join_from *from, uint32_t n, uint32_t skip) {
    uint64_t first = s->tail;
    for (uint32_t i = 0, some; i < n; i += some) {
        if (s->tail == s->base + s->n * RT_JOIN_CHUNK)
            add_chunk(s);
        struct rt_join_chunk *c = rt_join_chunk_of(s, s->tail);
        some = RT_JOIN_CHUNK - c->rows->n_rows;
        some = some < n - i ? some : n - i;
        add_to_chunk(s, c, from + i, some, skip);
        s->tail += some;
    }
    return first;
}

void rt_join_rows_pop(struct rt_join_rows *s) {
    CEP_REQUIRE(s->head < s->tail);
    if (++s->head % RT_JOIN_CHUNK != 0)
        return;
    struct rt_join_chunk *c = s->chunks[s->first];
    s->first++;
    s->n--;
    s->base += RT_JOIN_CHUNK;
    if (s->spare) {
        free_chunk(c);
        return;
    }
    evt_batch_clear(c->rows);
    s->spare = c;
}

size_t rt_join_rows_bytes(const struct rt_join_rows *s) {
    size_t bytes = s->cap * sizeof(struct rt_join_chunk *);
    for (size_t i = 0; i < s->n; i++)
        bytes += sizeof(struct rt_join_chunk) + evt_batch_bytes(s->chunks[s->first + i]->rows);
    return bytes;
}
