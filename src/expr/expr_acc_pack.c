/*
 * expr_acc_pack -- accumulators as bytes, and back (expr_acc.h says how they are laid out).
 */
#include "expr/expr_acc_internal.h"

static uint64_t bits_of(double d) {
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

static double real_of(uint64_t u) {
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}

uint8_t expr_acc_form(const struct expr_acc_fn *f) {
    static const uint8_t forms[] = { [SHAPE_COUNT] = 0,
        [SHAPE_SUM] = 1,
        [SHAPE_REAL] = 2,
        [SHAPE_MOMENTS] = 3,
        [SHAPE_ONE] = 4,
        [SHAPE_LEAST] = 4,
        [SHAPE_SET] = 5,
        [SHAPE_INTS] = 5,
        [SHAPE_LIST] = 6,
        [SHAPE_RUN] = 7,
        [SHAPE_HLL] = 8,
        [SHAPE_DDS] = 9,
        [SHAPE_BAG] = 10,
        [SHAPE_USER] = 11 };
    return forms[expr_acc_shape_of(f)];
}

/* As those of a set of canonical bytes. */
static void pack_ints(struct base_buf *b, const struct expr_acc_fn *f, const struct expr_ints *s) {
    struct base_buf canonical = BASE_BUF_INIT;
    struct evt_val v = { .null = false };
    base_pack_varint(b, expr_ints_n(s));
    for (size_t it = 0; expr_ints_next(s, &it, &v.i);) {
        base_buf_clear(&canonical);
        evt_val_write_key(&canonical, f->arg, &v);
        base_pack_str(b, base_buf_view(&canonical));
    }
    base_buf_release(&canonical);
}

static void unpack_ints(struct base_unpack *u, struct expr_acc *a) {
    struct base_str s = base_unpack_str(u);
    struct evt_val v;
    if (u->bad || s.len != 1 + sizeof v.i || s.p[0] != 1) {
        u->bad = true;
        return;
    }
    memcpy(&v.i, s.p + 1, sizeof v.i);
    expr_acc_step_ints(a, v.i);
}

void expr_acc_pack(struct base_buf *b, const struct expr_acc_fn *f, const struct expr_acc *a) {
    base_pack_varint(b, a->n);
    base_pack_u8(b, a->failed);
    if (a->n == 0)
        return;
    switch (expr_acc_shape_of(f)) {
    case SHAPE_COUNT: return;
    case SHAPE_SUM:
        base_pack_u64(b, a->sum.lo);
        base_pack_u64(b, (uint64_t)a->sum.hi);
        return;
    case SHAPE_REAL:
        base_pack_u64(b, bits_of(a->real.sum));
        base_pack_u64(b, bits_of(a->real.lost));
        return;
    case SHAPE_MOMENTS:
        base_pack_u64(b, bits_of(a->moments.mean));
        base_pack_u64(b, bits_of(a->moments.m2));
        return;
    case SHAPE_ONE: expr_kept_pack(b, f->arg, &a->more->one); return;
    case SHAPE_LEAST: {
        struct expr_kept k = { .val = { .i = a->least } };
        expr_kept_pack(b, f->arg, &k);
        return;
    }
    case SHAPE_SET: {
        const struct base_map_entry *e;
        base_pack_varint(b, a->more->set.n_live);
        for (size_t it = 0; (e = base_map_next(&a->more->set, &it));)
            base_pack_str(b, e->key);
        return;
    }
    case SHAPE_INTS: pack_ints(b, f, &a->more->ints); return;
    case SHAPE_LIST:
        base_pack_varint(b, a->more->n);
        for (size_t i = 0; i < a->more->n; i++)
            expr_kept_pack(b, f->arg, &a->more->list[i]);
        return;
    case SHAPE_RUN: expr_run_pack(b, f, a->run); return;
    case SHAPE_HLL: expr_hll_pack(b, a->hll); return;
    case SHAPE_DDS: expr_dds_pack(b, a->dds); return;
    case SHAPE_BAG: expr_bag_pack(b, a->bag); return;
    case SHAPE_USER: {
        struct base_buf bytes = BASE_BUF_INIT;
        f->user->pack(f->user, a->user, &bytes);
        base_pack_str(b, base_buf_view(&bytes));
        base_buf_release(&bytes);
        return;
    }
    }
}

static void unpack_more(
    struct base_unpack *u, const struct expr_acc_fn *f, struct base_arena *scratch, struct expr_acc *a) {
    struct expr_place at;
    struct evt_val v;
    enum expr_acc_shape shape = expr_acc_shape_of(f);
    size_t n = shape == SHAPE_ONE ? 1
                                  : base_unpack_count(u, shape == SHAPE_SET || shape == SHAPE_INTS ? 1 : 4);
    for (size_t i = 0; i < n && !u->bad; i++) {
        if (shape == SHAPE_SET) {
            expr_acc_step_set(a, base_unpack_str(u));
            continue;
        }
        if (shape == SHAPE_INTS) {
            unpack_ints(u, a);
            continue;
        }
        expr_kept_unpack(u, f->arg, scratch, &at, &v);
        if (!u->bad)
            (shape == SHAPE_ONE ? expr_acc_step_one : expr_acc_step_list)(f, a, &v, &at);
    }
    /* Nothing that says it has values may be without. */
    u->bad |= a->n == 0;
}

void expr_acc_unpack(
    struct base_unpack *u, const struct expr_acc_fn *f, struct base_arena *scratch, struct expr_acc *a) {
    expr_acc_start(a);
    uint64_t n = base_unpack_max(u, UINT64_MAX >> 1);
    bool failed = base_unpack_max(u, 1) != 0;
    if (n == 0 || u->bad) {
        a->failed = failed;
        return;
    }
    switch (expr_acc_shape_of(f)) {
    case SHAPE_COUNT: break;
    case SHAPE_SUM:
        a->sum.lo = base_unpack_u64(u);
        a->sum.hi = (int64_t)base_unpack_u64(u);
        break;
    case SHAPE_REAL:
        a->real.sum = real_of(base_unpack_u64(u));
        a->real.lost = real_of(base_unpack_u64(u));
        break;
    case SHAPE_MOMENTS:
        a->moments.mean = real_of(base_unpack_u64(u));
        a->moments.m2 = real_of(base_unpack_u64(u));
        break;
    case SHAPE_LEAST: {
        struct expr_place at;
        struct evt_val v = { .null = true };
        expr_kept_unpack(u, f->arg, scratch, &at, &v);
        u->bad |= v.null;
        a->least = v.null ? 0 : v.i;
        break;
    }
    case SHAPE_ONE:
    case SHAPE_SET:
    case SHAPE_INTS:
    case SHAPE_LIST: unpack_more(u, f, scratch, a); break;
    case SHAPE_RUN: a->run = expr_run_unpack(u, f, scratch); break;
    case SHAPE_HLL: a->hll = expr_hll_unpack(u); break;
    case SHAPE_DDS: a->dds = expr_dds_unpack(u); break;
    case SHAPE_BAG: a->bag = expr_bag_unpack(u, f->arg, expr_acc_bag_order(f), scratch); break;
    case SHAPE_USER:
        a->user = base_calloc(1, f->user->size);
        u->bad |= !f->user->unpack(f->user, a->user, base_unpack_str(u));
        break;
    }
    if (!u->bad) {
        a->n = n & (UINT64_MAX >> 1); /* tells the compiler what base_unpack_max() promised */
        a->failed = failed;
    }
}
