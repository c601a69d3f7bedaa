/*
 * rt_ring -- see rt_ring.h.
 */
#include "runtime/rt_ring.h"

#include "base/base_mem.h"

struct rt_ring *rt_ring_new(uint32_t cap) {
    struct rt_ring *r = base_aligned_alloc(alignof(struct rt_ring), sizeof *r);
    *r = (struct rt_ring){ .cap = 2 };
    while (r->cap < cap)
        r->cap *= 2;
    r->slots = base_calloc(r->cap, sizeof *r->slots);
    atomic_init(&r->w.head, 0);
    atomic_init(&r->r.tail, 0);
    return r;
}

void rt_ring_free(struct rt_ring *r) {
    struct evt_elem e;
    if (!r)
        return;
    while (rt_ring_pop(r, &e))
        if (e.kind == EVT_ELEM_BATCH)
            evt_batch_unref(e.batch);
    base_free(r->slots);
    base_free(r);
}

bool rt_ring_push(struct rt_ring *r, const struct evt_elem *e) {
    uint64_t head = atomic_load_explicit(&r->w.head, memory_order_relaxed);
    if (head - r->w.seen_tail == r->cap) {
        r->w.seen_tail = atomic_load_explicit(&r->r.tail, memory_order_acquire);
        if (head - r->w.seen_tail == r->cap)
            return false;
    }
    r->slots[head & (r->cap - 1)] = *e;
    atomic_store_explicit(&r->w.head, head + 1, memory_order_release);
    return true;
}

const struct evt_elem *rt_ring_peek(struct rt_ring *r) {
    uint64_t tail = atomic_load_explicit(&r->r.tail, memory_order_relaxed);
    if (r->r.seen_head == tail) {
        r->r.seen_head = atomic_load_explicit(&r->w.head, memory_order_acquire);
        if (r->r.seen_head == tail)
            return NULL;
    }
    return &r->slots[tail & (r->cap - 1)];
}

bool rt_ring_pop(struct rt_ring *r, struct evt_elem *out) {
    const struct evt_elem *e = rt_ring_peek(r);
    if (!e)
        return false;
    *out = *e;
    uint64_t tail = atomic_load_explicit(&r->r.tail, memory_order_relaxed);
    atomic_store_explicit(&r->r.tail, tail + 1, memory_order_release);
    return true;
}

const struct evt_elem *rt_ring_at(const struct rt_ring *r, uint32_t i) {
    uint64_t tail = atomic_load_explicit(&r->r.tail, memory_order_relaxed);
    return &r->slots[(tail + i) & (r->cap - 1)];
}

uint32_t rt_ring_n(const struct rt_ring *r) {
    uint64_t tail = atomic_load_explicit(&r->r.tail, memory_order_acquire);
    return (uint32_t)(atomic_load_explicit(&r->w.head, memory_order_acquire) - tail);
}

/* Sequentially consistent read-modify-writes of one's own counter; a fence would do, but the thread sanitizer knows none. */
uint32_t rt_ring_sync_writer(struct rt_ring *r) {
    uint64_t head = atomic_fetch_add(&r->w.head, 0);
    return (uint32_t)(head - atomic_load(&r->r.tail));
}

uint32_t rt_ring_sync_reader(struct rt_ring *r) {
    uint64_t tail = atomic_fetch_add(&r->r.tail, 0);
    return (uint32_t)(atomic_load(&r->w.head) - tail);
}
