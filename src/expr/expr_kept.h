#pragma once
/*
 * expr_kept -- a value that an aggregate keeps, with the place of its row and memory of its own.
 *
 * Internal to src/expr. Threads: none.
 */
#include "expr/expr_acc.h"

struct expr_kept {
    struct expr_place at;
    struct evt_val val;        /* what it points to is in `bytes` or `nested` */
    struct base_arena *nested; /* owned; of arrays and rows; NULL = none */
    char *bytes;               /* owned; of strings; NULL = none */
};

/* Gives back what it owns; it is null then. */
void expr_kept_release(struct expr_kept *k);
/* Replaces what it was. Returns: bytes it owns. */
size_t expr_kept_set(
    struct expr_kept *k, const struct evt_type *t, const struct evt_val *v, const struct expr_place *at);
/* Bytes it owns. */
size_t expr_kept_bytes(const struct expr_kept *k, const struct evt_type *t);
bool expr_place_before(const struct expr_place *a, const struct expr_place *b);

/* A place -- zigzag time, varint origin, varint seq -- and the value. */
void expr_kept_pack(struct base_buf *b, const struct evt_type *t, const struct expr_kept *k);
/* Ensures: *v points into the reader's bytes or scratch. */
void expr_kept_unpack(struct base_unpack *u, const struct evt_type *t, struct base_arena *scratch,
    struct expr_place *at, struct evt_val *v);
