/*
 * expr_kept -- see expr_kept.h.
 */
#include "expr/expr_kept.h"

#include "base/base_mem.h"
#include "event/evt_pack.h"

void expr_kept_release(struct expr_kept *k) {
    if (k->nested) {
        base_arena_release(k->nested);
        base_free(k->nested);
    }
    base_free(k->bytes);
    *k = (struct expr_kept){ .val = EVT_VAL_NULL };
}

size_t expr_kept_bytes(const struct expr_kept *k, const struct evt_type *t) {
    if (k->val.null)
        return 0;
    if (t->kind == EVT_STRING || t->kind == EVT_BYTES)
        return k->val.s.len + (size_t)1;
    return k->nested ? sizeof *k->nested + k->nested->used : 0;
}

size_t expr_kept_set(
    struct expr_kept *k, const struct evt_type *t, const struct evt_val *v, const struct expr_place *at) {
    expr_kept_release(k);
    k->at = *at;
    k->val = *v;
    if (v->null)
        return 0;
    if (t->kind == EVT_STRING || t->kind == EVT_BYTES) {
        k->bytes = base_alloc(v->s.len + (size_t)1);
        memcpy(k->bytes, v->s.p ? v->s.p : "", v->s.len);
        k->val.s.p = k->bytes;
    } else if (t->kind == EVT_ARRAY || t->kind == EVT_ROW) {
        k->nested = base_alloc(sizeof *k->nested);
        base_arena_init(k->nested, 64);
        k->val = evt_val_copy(k->nested, t, v);
    }
    return expr_kept_bytes(k, t);
}

bool expr_place_before(const struct expr_place *a, const struct expr_place *b) {
    if (a->time != b->time)
        return a->time < b->time;
    if (a->origin != b->origin)
        return a->origin < b->origin;
    return a->seq < b->seq;
}

void expr_kept_pack(struct base_buf *b, const struct evt_type *t, const struct expr_kept *k) {
    base_pack_zigzag(b, k->at.time);
    base_pack_varint(b, k->at.origin);
    base_pack_varint(b, k->at.seq);
    evt_pack_val(b, t, &k->val);
}

void expr_kept_unpack(struct base_unpack *u, const struct evt_type *t, struct base_arena *scratch,
    struct expr_place *at, struct evt_val *v) {
    at->time = base_unpack_zigzag(u);
    at->origin = (uint32_t)base_unpack_max(u, UINT32_MAX);
    at->seq = base_unpack_varint(u);
    evt_unpack_val(u, t, scratch, v);
}
