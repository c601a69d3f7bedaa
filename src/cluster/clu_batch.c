/*
 * clu_batch -- see clu_batch.h. Writing; reading is clu_batch_read.c.
 */
#include "cluster/clu_batch.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_mem.h"

/* Rows of a column: first .. first + n - 1, or those that idx lists. */
struct pick {
    const uint32_t *idx; /* borrowed; NULL = all from `first` on */
    uint32_t first, n;
};

static uint32_t pick_at(const struct pick *p, uint32_t i) {
    return p->idx ? p->idx[i] : p->first + i;
}

/* -- how much it will be -------------------------------------------------------------------------------------------- */

/* Bytes of n cells at most, without nulls' bits. */
static uint64_t col_most(const struct evt_col *c, const struct pick *p) {
    uint64_t sum = p->n / 8 + 16;
    switch (c->type->kind) {
    case EVT_NULL: return sum;
    case EVT_BOOL: return sum * 2;
    case EVT_INT:
    case EVT_DOUBLE:
    case EVT_TIMESTAMP:
    case EVT_DURATION: return sum + UINT64_C(8) * p->n;
    case EVT_DECIMAL: return sum + UINT64_C(16) * p->n;
    case EVT_STRING:
    case EVT_BYTES:
        sum += UINT64_C(4) * p->n;
        for (uint32_t i = 0; i < p->n; i++)
            sum += c->off[pick_at(p, i) + 1] - c->off[pick_at(p, i)];
        return sum;
    case EVT_ARRAY:
        sum += UINT64_C(4) * p->n;
        for (uint32_t i = 0; i < p->n; i++) {
            uint32_t at = c->off[pick_at(p, i)];
            const struct pick elems = { NULL, at, c->off[pick_at(p, i) + 1] - at };
            sum += col_most(&c->children[0], &elems);
        }
        return sum;
    case EVT_ROW:
        for (uint32_t i = 0; i < c->n_children; i++)
            sum += col_most(&c->children[i], p);
        return sum;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
    return 0;
}

static uint64_t batch_most(const struct evt_batch *b, const struct pick *p) {
    uint64_t sum = 64 + UINT64_C(20) * p->n;
    for (uint32_t i = 0; i < b->schema->n_cols; i++)
        sum += col_most(&b->cols[i], p);
    return sum;
}

/* -- ints ------------------------------------------------------------------------------------------------------------- */

static unsigned width_of(uint64_t range) {
    return range == 0 ? 0 : range <= UINT8_MAX ? 1 : range <= UINT16_MAX ? 2 : range <= UINT32_MAX ? 4 : 8;
}

#define PACK_LOOP(type)                                                  \
    for (uint32_t i = 0; i < n; i++) {                                   \
        type narrow = (type)((uint64_t)v[i] - (uint64_t)low);            \
        memcpy(out + (size_t)i * sizeof narrow, &narrow, sizeof narrow); \
    }

static void pack_ints(struct base_buf *b, const int64_t *v, uint32_t n, unsigned least) {
    int64_t low = n ? v[0] : 0, high = low;
    for (uint32_t i = 1; i < n; i++) {
        low = v[i] < low ? v[i] : low;
        high = v[i] > high ? v[i] : high;
    }
    unsigned width = width_of((uint64_t)high - (uint64_t)low);
    width = width < least ? least : width;
    low = width == 8 ? 0 : low;
    base_pack_u8(b, (uint8_t)width);
    base_pack_zigzag(b, low);
    char *out = base_buf_reserve(b, (size_t)width * n);
    switch (width) {
    case 0: break;
    case 1: PACK_LOOP(uint8_t) break;
    case 2: PACK_LOOP(uint16_t) break;
    case 4: PACK_LOOP(uint32_t) break;
    default: memcpy(out, v, (size_t)n * 8);
    }
    b->len += (size_t)width * n;
}

/* -- columns ------------------------------------------------------------------------------------------------------------ */

/* What is gathered before it is packed; grows to what arrays need. */
struct room {
    int64_t *v; /* owned */
    size_t cap;
};

static int64_t *room_for(struct room *r, uint32_t n) {
    if (r->cap < n) {
        base_free(r->v);
        r->cap = n;
        r->v = base_alloc(r->cap * sizeof *r->v);
    }
    return r->v;
}

static bool is_null(const struct evt_col *c, uint32_t row) {
    return !((c->valid[row >> 6] >> (row & 63)) & 1);
}

static void pack_bits(struct base_buf *b, uint32_t n, const uint8_t *bytes) {
    size_t len = (n + 7) / 8;
    char *out = base_buf_reserve(b, len);
    memset(out, 0, len);
    for (uint32_t i = 0; i < n; i++)
        out[i >> 3] = (char)(out[i >> 3] | (bytes[i] != 0) << (i & 7));
    b->len += len;
}

/* Returns: whether there are nulls. */
static bool pack_nulls(struct base_buf *b, const struct evt_col *c, const struct pick *p, struct room *r) {
    uint32_t n_null = 0;
    uint8_t *bytes = c->valid ? (uint8_t *)room_for(r, p->n / 8 + 1) : NULL;
    for (uint32_t i = 0; c->valid && i < p->n; i++) {
        bytes[i] = !is_null(c, pick_at(p, i));
        n_null += !bytes[i];
    }
    base_pack_u8(b, n_null > 0);
    if (n_null > 0)
        pack_bits(b, p->n, bytes);
    return n_null > 0;
}

/* Eight bytes wide. Nulls take the value of the row before: they must not widen the frame. */
static const int64_t *gather(const struct evt_col *c, const struct pick *p, bool nulls, struct room *r) {
    if (!p->idx && !nulls)
        return c->i + p->first;
    int64_t *v = room_for(r, p->n), last = 0;
    if (!nulls) {
        for (uint32_t i = 0; i < p->n; i++)
            v[i] = c->i[p->idx[i]];
        return v;
    }
    for (uint32_t i = 0; i < p->n; i++)
        if (!is_null(c, pick_at(p, i))) {
            last = c->i[pick_at(p, i)];
            break;
        }
    for (uint32_t i = 0; i < p->n; i++)
        v[i] = last = is_null(c, pick_at(p, i)) ? last : c->i[pick_at(p, i)];
    return v;
}

static void pack_doubles(struct base_buf *b, const int64_t *v, uint32_t n, unsigned least) {
    bool same = n > 0 && least == 0;
    for (uint32_t i = 1; same && i < n; i++)
        same = v[i] == v[0];
    base_pack_u8(b, same);
    base_pack_bytes(b, v, (size_t)(same ? 1 : n) * 8);
}

static void pack_decimals(struct base_buf *b, const struct evt_col *c, const struct pick *p, bool nulls,
    unsigned least, struct room *r) {
    int64_t *v = room_for(r, p->n);
    bool narrow = true;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t row = pick_at(p, i);
        __int128 d = nulls && is_null(c, row) ? 0 : c->dec[row];
        v[i] = (int64_t)d;
        narrow &= v[i] == d;
    }
    base_pack_u8(b, narrow);
    if (narrow) {
        pack_ints(b, v, p->n, least);
        return;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t row = pick_at(p, i);
        __int128 d = nulls && is_null(c, row) ? 0 : c->dec[row];
        base_pack_bytes(b, &d, sizeof d);
    }
}

/* Returns: their sum. */
static uint64_t pack_lengths(struct base_buf *b, const struct evt_col *c, const struct pick *p, bool nulls,
    unsigned least, struct room *r) {
    int64_t *v = room_for(r, p->n);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t row = pick_at(p, i);
        v[i] = nulls && is_null(c, row) ? 0 : c->off[row + 1] - c->off[row];
        sum += (uint64_t)v[i];
    }
    pack_ints(b, v, p->n, least);
    return sum;
}

static void pack_strings(struct base_buf *b, const struct evt_col *c, const struct pick *p, bool nulls,
    unsigned least, struct room *r) {
    uint64_t sum = pack_lengths(b, c, p, nulls, least, r);
    if (!p->idx && !nulls) {
        base_pack_bytes(b, c->bytes + c->off[p->first], sum);
        return;
    }
    char *out = base_buf_reserve(b, sum);
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t len = (uint32_t)r->v[i];
        memcpy(out, c->bytes + c->off[pick_at(p, i)], len);
        out += len;
    }
    b->len += sum;
}

static void pack_col(
    struct base_buf *b, const struct evt_col *c, const struct pick *p, unsigned least, struct room *r);

static void pack_arrays(struct base_buf *b, const struct evt_col *c, const struct pick *p, bool nulls,
    unsigned least, struct room *r) {
    uint64_t sum = pack_lengths(b, c, p, nulls, least, r);
    if (!p->idx && !nulls) {
        const struct pick elems = { NULL, c->off[p->first], (uint32_t)sum };
        pack_col(b, &c->children[0], &elems, 1, r);
        return;
    }
    uint32_t *idx = base_alloc((sum ? sum : 1) * sizeof *idx), n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t k = 0; k < (uint32_t)r->v[i]; k++)
            idx[n++] = c->off[pick_at(p, i)] + k;
    const struct pick elems = { idx, 0, n };
    pack_col(b, &c->children[0], &elems, 1, r);
    base_free(idx);
}

static void pack_col(
    struct base_buf *b, const struct evt_col *c, const struct pick *p, unsigned least, struct room *r) {
    bool nulls = pack_nulls(b, c, p, r);
    switch (c->type->kind) {
    case EVT_NULL: return;
    case EVT_BOOL: {
        uint8_t *bytes = (uint8_t *)room_for(r, p->n / 8 + 1);
        for (uint32_t i = 0; i < p->n; i++)
            bytes[i] = c->b[pick_at(p, i)];
        pack_bits(b, p->n, bytes);
        return;
    }
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: pack_ints(b, gather(c, p, nulls, r), p->n, least); return;
    case EVT_DOUBLE: pack_doubles(b, gather(c, p, nulls, r), p->n, least); return;
    case EVT_DECIMAL: pack_decimals(b, c, p, nulls, least, r); return;
    case EVT_STRING:
    case EVT_BYTES: pack_strings(b, c, p, nulls, least, r); return;
    case EVT_ARRAY: pack_arrays(b, c, p, nulls, least, r); return;
    case EVT_ROW:
        for (uint32_t i = 0; i < c->n_children; i++)
            pack_col(b, &c->children[i], p, least, r);
        return;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

/* -- batches ------------------------------------------------------------------------------------------------------------ */

static void pack_times(
    struct base_buf *b, const struct evt_batch *batch, const struct pick *p, struct room *r) {
    int64_t *v;
    if (p->idx) {
        v = room_for(r, p->n);
        for (uint32_t i = 0; i < p->n; i++)
            v[i] = batch->time[p->idx[i]];
        pack_ints(b, v, p->n, 0);
    } else {
        pack_ints(b, batch->time + p->first, p->n, 0);
    }
    v = room_for(r, p->n);
    for (uint32_t i = 0; i < p->n; i++)
        v[i] = batch->origin[pick_at(p, i)];
    pack_ints(b, v, p->n, 0);
    for (uint32_t i = 0; i < p->n; i++)
        v[i] = (int64_t)batch->seq[pick_at(p, i)];
    pack_ints(b, v, p->n, 0);
}

uint32_t clu_batch_pack(struct base_buf *b, const struct evt_batch *batch, uint32_t *row, size_t max) {
    uint32_t idx[EVT_BATCH_ROWS];
    struct pick p = { NULL, *row, 0 };
    struct room r = { NULL, 0 };
    if (batch->sel) {
        p.idx = idx;
        for (uint32_t i = *row; i < batch->n_rows && p.n < EVT_BATCH_ROWS; i++)
            if (evt_batch_has(batch, i))
                idx[p.n++] = i;
        if (p.n > 0 && idx[p.n - 1] - idx[0] == p.n - 1) { /* no gaps: what is copied is whole */
            p.first = idx[0];
            p.idx = NULL;
        }
    } else {
        p.n = batch->n_rows - *row < EVT_BATCH_ROWS ? batch->n_rows - *row : EVT_BATCH_ROWS;
    }
    if (p.n == 0) {
        *row = batch->n_rows;
        return 0;
    }
    while (batch_most(batch, &p) > max) {
        if (p.n == 1)
            return 0;
        p.n /= 2;
    }
    base_pack_varint(b, p.n);
    pack_times(b, batch, &p, &r);
    for (uint32_t i = 0; i < batch->schema->n_cols; i++)
        pack_col(b, &batch->cols[i], &p, 0, &r);
    base_free(r.v);
    *row = pick_at(&p, p.n - 1) + 1;
    return p.n;
}
