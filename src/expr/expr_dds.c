/*
 * expr_dds -- see expr_dds.h.
 */
#include "expr/expr_dds.h"

#include "base/base_mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define GAMMA ((1 + EXPR_DDS_ACCURACY) / (1 - EXPR_DDS_ACCURACY))

enum { MAX_NUMBER = 40000 /* of a bin, either way: beyond those of all doubles */ };

struct bin {
    int32_t number;
    uint64_t count;
};

struct bins {
    struct bin *v; /* owned; ascending */
    size_t n, cap;
};

struct expr_dds {
    struct bins up, down; /* of positive numbers, of negative ones */
    uint64_t zeros;
    double least, most;
};

struct expr_dds *expr_dds_new(void) {
    struct expr_dds *s = base_calloc(1, sizeof *s);
    s->least = INFINITY;
    s->most = -INFINITY;
    return s;
}

void expr_dds_free(struct expr_dds *s) {
    if (!s)
        return;
    base_free(s->up.v);
    base_free(s->down.v);
    base_free(s);
}

static size_t place_of(const struct bins *b, int32_t number) {
    size_t lo = 0, hi = b->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->v[mid].number < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Bins too far below the greatest are one. */
static void fold(struct bins *b) {
    int32_t lowest = b->v[b->n - 1].number - EXPR_DDS_BINS + 1;
    size_t k = place_of(b, lowest);
    uint64_t count = 0;
    if (k == 0)
        return;
    for (size_t i = 0; i < k; i++)
        count += b->v[i].count;
    if (k < b->n && b->v[k].number == lowest) {
        b->v[k].count += count;
    } else {
        k--;
        b->v[k] = (struct bin){ lowest, count };
    }
    b->n -= k;
    memmove(b->v, b->v + k, b->n * sizeof *b->v);
}

static void put(struct bins *b, int32_t number, uint64_t count) {
    size_t at = place_of(b, number);
    if (at < b->n && b->v[at].number == number) {
        b->v[at].count += count;
        return;
    }
    b->v = base_grow(b->v, b->n, &b->cap, sizeof *b->v);
    memmove(b->v + at + 1, b->v + at, (b->n - at) * sizeof *b->v);
    b->v[at] = (struct bin){ number, count };
    b->n++;
    fold(b);
}

static int32_t number_of(double x) {
    return (int32_t)ceil(log(x) / log(GAMMA));
}

void expr_dds_add(struct expr_dds *s, double x) {
    s->least = x < s->least ? x : s->least;
    s->most = x > s->most ? x : s->most;
    if (fabs(x) < DBL_MIN)
        s->zeros++;
    else
        put(x > 0 ? &s->up : &s->down, number_of(fabs(x)), 1);
}

void expr_dds_merge(struct expr_dds *to, const struct expr_dds *from) {
    to->least = from->least < to->least ? from->least : to->least;
    to->most = from->most > to->most ? from->most : to->most;
    to->zeros += from->zeros;
    for (size_t i = 0; i < from->up.n; i++)
        put(&to->up, from->up.v[i].number, from->up.v[i].count);
    for (size_t i = 0; i < from->down.n; i++)
        put(&to->down, from->down.v[i].number, from->down.v[i].count);
}

static double total(const struct bins *b) {
    double n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += (double)b->v[i].count;
    return n;
}

static double middle(int32_t number) {
    return exp(number * log(GAMMA)) * 2 / (GAMMA + 1);
}

static double value_at(const struct expr_dds *s, double rank) {
    double seen = 0;
    for (size_t i = s->down.n; i-- > 0;)
        if ((seen += (double)s->down.v[i].count) > rank)
            return -middle(s->down.v[i].number);
    if ((seen += (double)s->zeros) > rank)
        return 0;
    for (size_t i = 0; i < s->up.n; i++)
        if ((seen += (double)s->up.v[i].count) > rank)
            return middle(s->up.v[i].number);
    return s->most;
}

double expr_dds_quantile(const struct expr_dds *s, double q) {
    double n = total(&s->up) + total(&s->down) + (double)s->zeros, rank = floor(q * (n - 1));
    if (rank <= 0)
        return s->least;
    if (rank >= n - 1)
        return s->most;
    double x = value_at(s, rank);
    return x < s->least ? s->least : x > s->most ? s->most : x;
}

size_t expr_dds_bytes(const struct expr_dds *s) {
    return sizeof *s + (s->up.cap + s->down.cap) * sizeof(struct bin);
}

static void pack_bins(struct base_buf *b, const struct bins *bins) {
    base_pack_varint(b, bins->n);
    for (size_t i = 0; i < bins->n; i++) {
        base_pack_zigzag(b, bins->v[i].number);
        base_pack_varint(b, bins->v[i].count);
    }
}

void expr_dds_pack(struct base_buf *b, const struct expr_dds *s) {
    uint64_t bits[2];
    memcpy(&bits[0], &s->least, sizeof bits[0]);
    memcpy(&bits[1], &s->most, sizeof bits[1]);
    base_pack_u64(b, bits[0]);
    base_pack_u64(b, bits[1]);
    base_pack_varint(b, s->zeros);
    pack_bins(b, &s->up);
    pack_bins(b, &s->down);
}

static void unpack_bins(struct base_unpack *u, struct bins *bins) {
    size_t n = base_unpack_count(u, 2);
    u->bad |= n > EXPR_DDS_BINS;
    for (size_t i = 0; i < n && !u->bad; i++) {
        int64_t number = base_unpack_zigzag(u);
        uint64_t count = base_unpack_varint(u);
        u->bad |= number < -MAX_NUMBER || number > MAX_NUMBER || count == 0 ||
                  (bins->n > 0 && number <= bins->v[bins->n - 1].number);
        if (!u->bad)
            put(bins, (int32_t)number, count);
    }
}

struct expr_dds *expr_dds_unpack(struct base_unpack *u) {
    struct expr_dds *s = expr_dds_new();
    uint64_t bits[2];
    bits[0] = base_unpack_u64(u);
    bits[1] = base_unpack_u64(u);
    memcpy(&s->least, &bits[0], sizeof bits[0]);
    memcpy(&s->most, &bits[1], sizeof bits[1]);
    s->zeros = base_unpack_varint(u);
    unpack_bins(u, &s->up);
    unpack_bins(u, &s->down);
    return s;
}
