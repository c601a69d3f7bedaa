/*
 * expr_bag -- see expr_bag.h.
 */
#include "expr/expr_bag.h"

#include "base/base_map.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"
#include "expr/expr_kept.h"

enum { NOWHERE = UINT32_MAX };

struct entry {
    struct expr_kept kept;
    int64_t count; /* 0: free */
    uint32_t at;   /* in the heap; NOWHERE: not in it */
};

struct expr_bag {
    const struct evt_type *type;
    enum expr_bag_order order;
    struct base_map by_value; /* canonical bytes -> entry */
    struct entry *entries;    /* owned */
    size_t n, cap;
    uint32_t *heap; /* owned; those with a count above zero */
    size_t n_heap, cap_heap;
    uint32_t *free; /* owned; entries to be used again */
    size_t n_free, cap_free;
    size_t bytes; /* that values own */
};

struct expr_bag *expr_bag_new(const struct evt_type *t, enum expr_bag_order order) {
    struct expr_bag *b = base_calloc(1, sizeof *b);
    b->type = t;
    b->order = order;
    base_map_init(&b->by_value);
    return b;
}

void expr_bag_free(struct expr_bag *b) {
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++)
        expr_kept_release(&b->entries[i].kept);
    base_map_release(&b->by_value);
    base_free(b->entries);
    base_free(b->heap);
    base_free(b->free);
    base_free(b);
}

/* -- the heap: without an order a mere set --------------------------------------------------------------------------- */

static void put(struct expr_bag *b, size_t at, uint32_t entry) {
    b->heap[at] = entry;
    b->entries[entry].at = (uint32_t)at;
}

static bool before(const struct expr_bag *b, uint32_t x, uint32_t y) {
    if (b->order == EXPR_BAG_NONE)
        return false;
    int cmp = evt_val_cmp(b->type, &b->entries[x].kept.val, &b->entries[y].kept.val);
    return b->order == EXPR_BAG_LEAST ? cmp < 0 : cmp > 0;
}

static void sift_up(struct expr_bag *b, size_t at) {
    uint32_t entry = b->heap[at];
    for (; at > 0 && before(b, entry, b->heap[(at - 1) / 2]); at = (at - 1) / 2)
        put(b, at, b->heap[(at - 1) / 2]);
    put(b, at, entry);
}

static void sift_down(struct expr_bag *b, size_t at) {
    uint32_t entry = b->heap[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child + 1 < b->n_heap && before(b, b->heap[child + 1], b->heap[child]))
            child++;
        if (child >= b->n_heap || !before(b, b->heap[child], entry))
            break;
        put(b, at, b->heap[child]);
        at = child;
    }
    put(b, at, entry);
}

static void heap_add(struct expr_bag *b, uint32_t entry) {
    b->heap = base_grow(b->heap, b->n_heap, &b->cap_heap, sizeof *b->heap);
    put(b, b->n_heap, entry);
    sift_up(b, b->n_heap++);
}

static void heap_remove(struct expr_bag *b, uint32_t entry) {
    size_t at = b->entries[entry].at;
    b->entries[entry].at = NOWHERE;
    if (at == --b->n_heap)
        return;
    put(b, at, b->heap[b->n_heap]);
    sift_up(b, at);
    sift_down(b, b->entries[b->heap[at]].at);
}

/* -- entries ----------------------------------------------------------------------------------------------------------- */

static uint32_t entry_new(struct expr_bag *b, const struct evt_val *v) {
    uint32_t i;
    if (b->n_free > 0) {
        i = b->free[--b->n_free];
    } else {
        b->entries = base_grow(b->entries, b->n, &b->cap, sizeof *b->entries);
        i = (uint32_t)b->n++;
    }
    b->entries[i] = (struct entry){ .kept = { .val = EVT_VAL_NULL }, .at = NOWHERE };
    b->bytes += expr_kept_set(&b->entries[i].kept, b->type, v, &(struct expr_place){ 0, 0, 0 });
    return i;
}

static void entry_free(struct expr_bag *b, uint32_t i, struct base_str canonical) {
    b->bytes -= expr_kept_bytes(&b->entries[i].kept, b->type);
    expr_kept_release(&b->entries[i].kept);
    base_map_del(&b->by_value, canonical);
    b->free = base_grow(b->free, b->n_free, &b->cap_free, sizeof *b->free);
    b->free[b->n_free++] = i;
}

void expr_bag_add(struct expr_bag *b, const struct evt_val *v, int64_t by) {
    struct base_buf key = BASE_BUF_INIT;
    uint64_t found;
    evt_val_write_key(&key, b->type, v);
    struct base_str canonical = base_buf_view(&key);
    if (!base_map_get(&b->by_value, canonical, &found)) {
        found = entry_new(b, v);
        base_map_put(&b->by_value, canonical, found);
    }
    uint32_t i = (uint32_t)found;
    struct entry *e = &b->entries[i];
    bool was = e->count > 0;
    e->count += by;
    if (was && e->count <= 0)
        heap_remove(b, i);
    else if (!was && e->count > 0)
        heap_add(b, i);
    if (e->count == 0)
        entry_free(b, i, canonical);
    base_buf_release(&key);
}

void expr_bag_merge(struct expr_bag *to, const struct expr_bag *from) {
    for (size_t i = 0; i < from->n; i++)
        if (from->entries[i].count != 0)
            expr_bag_add(to, &from->entries[i].kept.val, from->entries[i].count);
}

uint64_t expr_bag_n(const struct expr_bag *b) {
    return b->n_heap;
}

const struct evt_val *expr_bag_first(const struct expr_bag *b) {
    return b->n_heap ? &b->entries[b->heap[0]].kept.val : NULL;
}

size_t expr_bag_bytes(const struct expr_bag *b) {
    return sizeof *b + b->bytes + b->cap * (sizeof *b->entries + sizeof(struct base_map_entry)) +
           (b->cap_heap + b->cap_free) * sizeof(uint32_t);
}

/* -- as bytes ------------------------------------------------------------------------------------------------------------ */

void expr_bag_pack(struct base_buf *out, const struct expr_bag *b) {
    base_pack_varint(out, b->n - b->n_free);
    for (size_t i = 0; i < b->n; i++) {
        if (b->entries[i].count == 0)
            continue;
        base_pack_zigzag(out, b->entries[i].count);
        evt_pack_val(out, b->type, &b->entries[i].kept.val);
    }
}

struct expr_bag *expr_bag_unpack(
    struct base_unpack *u, const struct evt_type *t, enum expr_bag_order order, struct base_arena *scratch) {
    struct expr_bag *b = expr_bag_new(t, order);
    size_t n = base_unpack_count(u, 2);
    for (size_t i = 0; i < n && !u->bad; i++) {
        struct evt_val v;
        int64_t count = base_unpack_zigzag(u);
        evt_unpack_val(u, t, scratch, &v);
        u->bad |= count == 0 || v.null || count > INT64_MAX / 2 || count < -(INT64_MAX / 2);
        size_t before_n = b->n;
        if (!u->bad)
            expr_bag_add(b, &v, count);
        u->bad |= b->n == before_n; /* the same value twice */
    }
    return b;
}
