/*
 * base_pack -- see base_pack.h.
 */
#include "base/base_pack.h"

#include "base/base_check.h"

enum { VARINT_MAX = 10 };

void base_pack_u8(struct base_buf *b, uint8_t v) {
    base_buf_putc(b, (char)v);
}

static void put(unsigned char *to, uint64_t v, size_t n) {
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)(v >> (8 * i));
}

void base_pack_u32(struct base_buf *b, uint32_t v) {
    unsigned char x[4];
    put(x, v, sizeof x);
    base_buf_add(b, x, sizeof x);
}

void base_pack_u64(struct base_buf *b, uint64_t v) {
    unsigned char x[8];
    put(x, v, sizeof x);
    base_buf_add(b, x, sizeof x);
}

void base_pack_varint(struct base_buf *b, uint64_t v) {
    unsigned char x[VARINT_MAX];
    size_t n = 0;
    for (; v > 127; v >>= 7)
        x[n++] = (unsigned char)(v | 128);
    x[n++] = (unsigned char)v;
    base_buf_add(b, x, n);
}

void base_pack_zigzag(struct base_buf *b, int64_t v) {
    base_pack_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

void base_pack_bytes(struct base_buf *b, const void *p, size_t len) {
    base_buf_add(b, p, len);
}

void base_pack_str(struct base_buf *b, struct base_str s) {
    base_pack_varint(b, s.len);
    base_buf_add(b, s.p, s.len);
}

void base_pack_u32_at(struct base_buf *b, size_t at, uint32_t v) {
    CEP_REQUIRE(b->len >= 4 && at <= b->len - 4);
    put((unsigned char *)b->p + at, v, 4);
}

void base_pack_u64_at(struct base_buf *b, size_t at, uint64_t v) {
    CEP_REQUIRE(b->len >= 8 && at <= b->len - 8);
    put((unsigned char *)b->p + at, v, 8);
}

/* Returns: true when there are n more bytes; else what is left is skipped. */
static bool has(struct base_unpack *u, size_t n) {
    if ((size_t)(u->end - u->p) >= n)
        return true;
    u->bad = true;
    u->p = u->end;
    return false;
}

static uint64_t get(struct base_unpack *u, size_t n) {
    uint64_t v = 0;
    if (!has(u, n))
        return 0;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)u->p[i] << (8 * i);
    u->p += n;
    return v;
}

uint8_t base_unpack_u8(struct base_unpack *u) {
    return (uint8_t)get(u, 1);
}

uint32_t base_unpack_u32(struct base_unpack *u) {
    return (uint32_t)get(u, 4);
}

uint64_t base_unpack_u64(struct base_unpack *u) {
    return get(u, 8);
}

static uint64_t wrong(struct base_unpack *u) {
    u->bad = true;
    u->p = u->end;
    return 0;
}

uint64_t base_unpack_varint(struct base_unpack *u) {
    uint64_t v = 0;
    for (size_t i = 0; i < VARINT_MAX; i++) {
        if (u->p == u->end)
            return wrong(u);
        unsigned char c = *u->p++;
        if (i == VARINT_MAX - 1 && c > 1)
            return wrong(u);
        v |= (uint64_t)(c & 127) << (7 * i);
        if (c < 128)
            return c == 0 && i > 0 ? wrong(u) : v;
    }
    return wrong(u);
}

int64_t base_unpack_zigzag(struct base_unpack *u) {
    uint64_t v = base_unpack_varint(u);
    return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

uint64_t base_unpack_max(struct base_unpack *u, uint64_t max) {
    uint64_t v = base_unpack_varint(u);
    return v > max ? wrong(u) : v;
}

size_t base_unpack_count(struct base_unpack *u, size_t least) {
    uint64_t n = base_unpack_varint(u);
    return n > (uint64_t)(u->end - u->p) / least ? (size_t)wrong(u) : (size_t)n;
}

struct base_str base_unpack_bytes(struct base_unpack *u, size_t len) {
    if (!has(u, len))
        return (struct base_str){ "", 0 };
    struct base_str s = { (const char *)u->p, len };
    u->p += len;
    return s;
}

struct base_str base_unpack_str(struct base_unpack *u) {
    uint64_t len = base_unpack_varint(u);
    return base_unpack_bytes(u, len > SIZE_MAX ? SIZE_MAX : (size_t)len);
}
