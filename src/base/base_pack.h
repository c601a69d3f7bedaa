#pragma once
/*
 * base_pack -- numbers and bytes packed for disk and wire, the same on every machine; and taken out again, safely.
 *
 *     u8  u32  u64       fixed width, little endian
 *     varint             7 bits a byte, low ones first, the top bit set on all but the last: 1 byte up to 127, 10 at most
 *     zigzag             a signed number as varint: 0 -1 1 -2 2 ... become 0 1 2 3 4 ...
 *     str                varint length, bytes
 *
 * Writing appends to a base_buf. A reader (struct base_unpack) never reads past its end: what is not there reads as 0 or
 * as an empty string and sets `bad`, which stays set; so a decoder reads a whole record and asks once. Varints have one form:
 * a longer one than needed is bad, so bytes that were accepted are the bytes that would be written.
 *
 * Cost: O(bytes). Threads: none. Not done: alignment, schemas, text.
 */
#include "base/base_buf.h"

/* -- writing ----------------------------------------------------------------------------------------------- */

void base_pack_u8(struct base_buf *b, uint8_t v);
void base_pack_u32(struct base_buf *b, uint32_t v);
void base_pack_u64(struct base_buf *b, uint64_t v);
void base_pack_varint(struct base_buf *b, uint64_t v);
void base_pack_zigzag(struct base_buf *b, int64_t v);
void base_pack_bytes(struct base_buf *b, const void *p, size_t len); /* bare, without their length */
void base_pack_str(struct base_buf *b, struct base_str s);
/* Over four bytes that are there already: lengths and checksums known later. Requires: at + 4 <= b->len. */
void base_pack_u32_at(struct base_buf *b, size_t at, uint32_t v);
void base_pack_u64_at(struct base_buf *b, size_t at, uint64_t v);

/* -- reading ----------------------------------------------------------------------------------------------- */

struct base_unpack {
    const unsigned char *p, *end; /* borrowed: what is left */
    bool bad;                     /* something was missing or malformed */
};

static inline struct base_unpack base_unpack_of(struct base_str s) {
    const unsigned char *p = (const unsigned char *)(s.p ? s.p : "");
    return (struct base_unpack){ p, p + s.len, false };
}
uint8_t base_unpack_u8(struct base_unpack *u);
uint32_t base_unpack_u32(struct base_unpack *u);
uint64_t base_unpack_u64(struct base_unpack *u);
uint64_t base_unpack_varint(struct base_unpack *u);
int64_t base_unpack_zigzag(struct base_unpack *u);
/* A varint that is at most max; else bad and 0. For counts, indexes, enumerators. */
uint64_t base_unpack_max(struct base_unpack *u, uint64_t max);
/* How many elements follow, each of which takes at least `least` bytes (1 or more): a number that cannot be true is bad, so
 * nobody allocates for it. */
size_t base_unpack_count(struct base_unpack *u, size_t least);
/* Borrowed from the reader's bytes. */
struct base_str base_unpack_bytes(struct base_unpack *u, size_t len);
struct base_str base_unpack_str(struct base_unpack *u);
static inline bool base_unpack_at_end(const struct base_unpack *u) {
    return u->p == u->end;
}
/* Returns: true when nothing was bad and nothing is left. */
static inline bool base_unpack_ok(const struct base_unpack *u) {
    return !u->bad && u->p == u->end;
}
