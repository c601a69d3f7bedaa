#pragma once
/*
 * rt_ring -- a bounded queue between two threads: one writes, one reads, nobody locks.
 *
 *              tail (reader's)        head (writer's)
 *               │                      │
 *     slots: [ ][e][e][e][e][e][e][e][ ][ ]      n = head - tail elements wait; cap - n are the writer's credits
 *
 * Each side keeps its own counter and a copy of the other's, which it brings up to date only when the copy says full (or
 * empty): in a steady flow a push or a pop touches no cache line of the other side most of the time. A full ring is what
 * holds a fast writer back.
 *
 * I1: 0 <= head - tail <= cap;  I2: head is written by the writer alone, tail by the reader alone.
 *
 * Sleeping and waking is the owners' business (rt_task): a ring only moves elements. The batch of an element is owned by
 * whoever has the element: a push hands its reference over.
 *
 * Cost: O(1), no allocation, no system call. Source: the single-producer single-consumer ring of Lamport (1983), with the
 * cached counters of "B-Queue" and folly's ProducerConsumerQueue.
 */
#include "event/evt_batch.h"

#include <stdalign.h>

struct rt_ring {
    struct evt_elem *slots; /* owned */
    uint32_t cap;           /* a power of two */
    alignas(64) struct {    /* the writer's */
        atomic_uint_fast64_t head;
        uint64_t seen_tail;
    } w;
    alignas(64) struct { /* the reader's */
        atomic_uint_fast64_t tail;
        uint64_t seen_head;
    } r;
};

/* `cap` is rounded up to a power of two, 2 at least. Owns: the caller frees it. */
struct rt_ring *rt_ring_new(uint32_t cap);
/* Lets go of the batches that are left. NULL is fine. Requires: no thread uses it any more. */
void rt_ring_free(struct rt_ring *r);

/* The writer's. Returns: false when it is full; else it has the element and its batch. */
bool rt_ring_push(struct rt_ring *r, const struct evt_elem *e);
/* The reader's. Returns: false when it is empty; else the element and its batch are the caller's. */
bool rt_ring_pop(struct rt_ring *r, struct evt_elem *out);
/* The reader's: the next element, left where it is; NULL when there is none. */
const struct evt_elem *rt_ring_peek(struct rt_ring *r);
/* The reader's: the i-th element that waits, left where it is. Requires: i < rt_ring_n(). */
const struct evt_elem *rt_ring_at(const struct rt_ring *r, uint32_t i);
/*
 * For a side that goes to sleep, or wakes the other one: what it did is ordered before what it looks at next, on both sides,
 * so that one of the two sees the other (Dekker's argument). Returns: elements that wait.
 */
uint32_t rt_ring_sync_writer(struct rt_ring *r);
uint32_t rt_ring_sync_reader(struct rt_ring *r);
/* Either side's, and exact for the one that asks: what the other does may change it at once. */
uint32_t rt_ring_n(const struct rt_ring *r);
