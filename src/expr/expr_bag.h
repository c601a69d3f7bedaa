#pragma once
/*
 * expr_bag -- values and how often each is there: what min, max and count(distinct) are read from when rows can be taken back.
 *
 *     entries   value, count, place in the heap         a map from the canonical bytes of a value to its entry
 *     heap      entries in the order of a binary heap, the least (or the largest) one first (J. Williams, CACM 7(6), 1964)
 *
 * A count may be below zero for a while: a row can be taken back before it is told. Such a value is not there.
 *
 * Cost: add O(1), of a new or a vanishing value O(log n) comparisons; the extreme O(1). Memory: all values.
 * Threads: none.
 */
#include "base/base_pack.h"
#include "event/evt_type.h"

struct expr_bag;

enum expr_bag_order { EXPR_BAG_NONE = 0, EXPR_BAG_LEAST, EXPR_BAG_MOST };

struct expr_bag *expr_bag_new(const struct evt_type *t, enum expr_bag_order order);
void expr_bag_free(struct expr_bag *b); /* NULL is fine */
/* `by` more of them, or fewer. Requires: *v is not null; by is not 0. */
void expr_bag_add(struct expr_bag *b, const struct evt_val *v, int64_t by);
void expr_bag_merge(struct expr_bag *to, const struct expr_bag *from);
/* Returns: how many different values are there. */
uint64_t expr_bag_n(const struct expr_bag *b);
/* Returns: the least or largest value, until the bag changes; NULL when it is empty. Requires: an order. */
const struct evt_val *expr_bag_first(const struct expr_bag *b);
size_t expr_bag_bytes(const struct expr_bag *b);
/* varint n, n * (zigzag count, value). */
void expr_bag_pack(struct base_buf *out, const struct expr_bag *b);
/* Malformed bytes set u->bad. Returns: never NULL. */
struct expr_bag *expr_bag_unpack(
    struct base_unpack *u, const struct evt_type *t, enum expr_bag_order order, struct base_arena *scratch);
