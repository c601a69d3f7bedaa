/*
 * evt_val -- order, copies and canonical key bytes of values. As text and JSON: evt_write.c.
 */
#include "event/evt_type.h"

#include "base/base_check.h"
#include "base/base_str.h"

#include <math.h>

static int val_cmp_i64(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int val_cmp_f64(double a, double b) {
    if (isnan(a) || isnan(b))
        return !!isnan(a) - !!isnan(b);
    return (a > b) - (a < b);
}

/* Element by element; a prefix comes first. */
static int val_cmp_list(const struct evt_type *t, const struct evt_val *a, const struct evt_val *b) {
    uint32_t n = a->list.n < b->list.n ? a->list.n : b->list.n;
    for (uint32_t i = 0; i < n; i++) {
        const struct evt_type *et = t->kind == EVT_ARRAY ? t->elem : t->fields[i].type;
        int c = evt_val_cmp(et, &a->list.v[i], &b->list.v[i]);
        if (c != 0)
            return c;
    }
    return val_cmp_i64(a->list.n, b->list.n);
}

int evt_val_cmp(const struct evt_type *t, const struct evt_val *a, const struct evt_val *b) {
    if (a->null || b->null)
        return (int)b->null - (int)a->null;
    switch (t->kind) {
    case EVT_NULL: return 0;
    case EVT_BOOL: return (int)a->b - (int)b->b;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: return val_cmp_i64(a->i, b->i);
    case EVT_DOUBLE: return val_cmp_f64(a->d, b->d);
    case EVT_STRING:
    case EVT_BYTES: return base_str_cmp(evt_val_str(a), evt_val_str(b));
    case EVT_DECIMAL: {
        __int128 x = evt_val_dec(a), y = evt_val_dec(b);
        return (x > y) - (x < y);
    }
    case EVT_ARRAY:
    case EVT_ROW: return val_cmp_list(t, a, b);
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
    return 0;
}

bool evt_val_eq(const struct evt_type *t, const struct evt_val *a, const struct evt_val *b) {
    return evt_val_cmp(t, a, b) == 0;
}

struct evt_val evt_val_copy(struct base_arena *a, const struct evt_type *t, const struct evt_val *v) {
    struct evt_val out = *v;
    if (v->null)
        return out;
    if (t->kind == EVT_STRING || t->kind == EVT_BYTES)
        out.s.p = base_arena_str(a, evt_val_str(v)).p;
    if (t->kind == EVT_ARRAY || t->kind == EVT_ROW) {
        struct evt_val *items = BASE_ARENA_ARRAY(a, struct evt_val, v->list.n ? v->list.n : 1);
        for (uint32_t i = 0; i < v->list.n; i++)
            items[i] = evt_val_copy(a, t->kind == EVT_ARRAY ? t->elem : t->fields[i].type, &v->list.v[i]);
        out.list.v = items;
    }
    return out;
}

/*
 * Key bytes: 0 for null; else 1, then
 *     bool             1 byte
 *     int, times       8 bytes, little endian
 *     double           8 bytes, its bits; -0.0 as 0.0, every NaN as one
 *     decimal          16 bytes, little endian
 *     string, bytes    4 bytes length, the bytes
 *     array            4 bytes count, the elements' key bytes
 *     row              the fields' key bytes
 * The engine runs on little endian machines only (configure checks), so a copy is the encoding.
 */
void evt_val_write_key(struct base_buf *b, const struct evt_type *t, const struct evt_val *v) {
    if (v->null || t->kind == EVT_NULL) {
        base_buf_putc(b, 0);
        return;
    }
    base_buf_putc(b, 1);
    switch (t->kind) {
    case EVT_BOOL: base_buf_putc(b, v->b ? 1 : 0); return;
    case EVT_INT:
    case EVT_TIMESTAMP:
    case EVT_DURATION: base_buf_add(b, &v->i, 8); return;
    case EVT_DOUBLE: {
        double d = isnan(v->d) ? (double)NAN : v->d + 0.0; /* -0.0 + 0.0 is 0.0 */
        base_buf_add(b, &d, 8);
        return;
    }
    case EVT_DECIMAL:
        base_buf_add(b, &v->dec.lo, 8);
        base_buf_add(b, &v->dec.hi, 8);
        return;
    case EVT_STRING:
    case EVT_BYTES:
        base_buf_add(b, &v->s.len, 4);
        base_buf_add(b, v->s.p, v->s.len);
        return;
    case EVT_ARRAY: base_buf_add(b, &v->list.n, 4); break;
    case EVT_ROW: break;
    case EVT_NULL:
    case EVT_KIND_MAX: CEP_INSIST(!"a kind of type");
    }
    for (uint32_t i = 0; i < v->list.n; i++)
        evt_val_write_key(b, t->kind == EVT_ARRAY ? t->elem : t->fields[i].type, &v->list.v[i]);
}
