/*
 * expr_kern_set -- is a value one of these? Ints, and keys of strings, are compared one after the other when there are few
 * constants; of more each value looks into one bucket of a table with room for four.
 *
 *     bucket of x: (x * mul) >> shift      | v v v v | v . v v | ...      "." is filled with a value of another bucket
 *
 * No loop and no branch, whatever is looked up. The multiplier and the number of buckets are chosen so that no bucket needs a
 * fifth place. Strings longer than their keys are looked up again by all their bytes.
 */
#include "expr/expr_kern.h"

#include "base/base_bits.h"
#include "base/base_map.h"

#include <stdlib.h>

/* A comparison with AVX2 costs a row 0.05 ns, a bucket 0.7 (bench/expr_bench). */
enum { SET_FEW = 10, SET_BUCKET = 4, SET_TRIES = 16, SET_MAX_SPREAD = 64 };

struct expr_kern_set {
    uint32_t n;
    const int64_t *ints;          /* values or keys, each once */
    struct expr_kern_table table; /* slots NULL = none: they are few */

    /* Strings, when one is longer than its key tells: open addressing, half full. */
    const struct evt_val *vals; /* borrowed bytes */
    uint32_t mask;              /* slots - 1 */
    uint32_t *slots;            /* index + 1 into vals, 0 = empty; NULL = no need */
};

static uint32_t set_bucket(const struct expr_kern_table *t, int64_t x) {
    return (uint32_t)((uint64_t)x * t->mul >> t->shift);
}

/* Empty places of a bucket hold what cannot be asked of it: a value that belongs to another. */
static void set_fill(struct expr_kern_table *t, int64_t *slots, const uint8_t *used, uint32_t n_buckets,
    const int64_t *ints, uint32_t n) {
    int64_t x = ints[0], y = x;
    for (uint32_t i = 1; i < n && set_bucket(t, y) == set_bucket(t, x); i++)
        y = ints[i];
    for (uint32_t b = 0; b < n_buckets; b++)
        for (uint32_t k = used[b]; k < SET_BUCKET; k++)
            slots[b * SET_BUCKET + k] = set_bucket(t, x) == b ? y : x;
}

/* Returns: true when every value found a place. */
static bool set_place(
    struct expr_kern_table *t, int64_t *slots, uint8_t *used, const int64_t *ints, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        uint32_t b = set_bucket(t, ints[i]);
        if (used[b] == SET_BUCKET)
            return false;
        slots[b * SET_BUCKET + used[b]++] = ints[i];
    }
    return true;
}

/* Values made to fall together under every multiplier tried stay without a table: slow, but right. */
static void set_build(struct expr_kern_set *s, struct base_arena *a) {
    uint32_t log2 = 2;
    while ((UINT32_C(1) << log2) < s->n / 2)
        log2++;
    for (uint32_t spread = 1; spread <= SET_MAX_SPREAD; spread *= 2, log2++) {
        uint32_t n_buckets = UINT32_C(1) << log2;
        int64_t *slots = BASE_ARENA_ARRAY(a, int64_t, (size_t)n_buckets * SET_BUCKET);
        uint8_t *used = BASE_ARENA_ARRAY(a, uint8_t, n_buckets);
        struct expr_kern_table t = {
            .mul = UINT64_C(0x9e3779b97f4a7c15), .shift = 64 - log2, .slots = slots
        };
        for (int k = 0; k < SET_TRIES; k++, t.mul = t.mul * UINT64_C(0xd1342543de82ef95) + 2) {
            memset(used, 0, n_buckets);
            if (!set_place(&t, slots, used, s->ints, s->n))
                continue;
            set_fill(&t, slots, used, n_buckets, s->ints, s->n);
            s->table = t;
            return;
        }
    }
}

static void set_hash(struct expr_kern_set *s, struct base_arena *a, uint32_t n) {
    uint32_t slots = 16;
    while (slots < n * 2)
        slots *= 2;
    s->mask = slots - 1;
    s->slots = BASE_ARENA_ARRAY(a, uint32_t, slots);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)base_hash(s->vals[i].s.p, s->vals[i].s.len) & s->mask;
        while (s->slots[at])
            at = (at + 1) & s->mask;
        s->slots[at] = i + 1;
    }
}

static int set_cmp(const void *x, const void *y) {
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

const struct expr_kern_set *expr_kern_set_new(
    struct base_arena *a, const struct evt_type *t, const struct evt_val *vals, uint32_t n) {
    struct expr_kern_set *s = BASE_ARENA_NEW(a, struct expr_kern_set);
    bool strings = t->kind == EVT_STRING || t->kind == EVT_BYTES, is_long = false;
    int64_t *ints = BASE_ARENA_ARRAY(a, int64_t, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        ints[i] = strings ? expr_kern_key(evt_val_str(&vals[i])) : vals[i].i;
        is_long |= strings && vals[i].s.len > 7;
    }
    if (n)
        qsort(ints, n, sizeof *ints, set_cmp);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || ints[i] != ints[i - 1])
            ints[s->n++] = ints[i];
    s->ints = ints;
    if (s->n > SET_FEW)
        set_build(s, a);
    if (is_long) {
        struct evt_val *copy = BASE_ARENA_ARRAY(a, struct evt_val, n);
        memcpy(copy, vals, n * sizeof *copy);
        s->vals = copy;
        set_hash(s, a, n);
    }
    return s;
}

void expr_kern_set_has_i(const struct expr_kern_set *s, const struct expr_kern *kern, const int64_t *a,
    const uint64_t *sel, uint32_t n_blocks, uint64_t *out) {
    if (s->table.slots)
        kern->in_table(a, &s->table, sel, n_blocks, out);
    else
        kern->in_few(a, s->ints, s->n, sel, n_blocks, out);
}

static bool set_has_long(const struct expr_kern_set *s, struct base_str x) {
    for (uint32_t at = (uint32_t)base_hash(x.p, x.len) & s->mask; s->slots[at]; at = (at + 1) & s->mask)
        if (base_str_eq(evt_val_str(&s->vals[s->slots[at] - 1]), x))
            return true;
    return false;
}

void expr_kern_set_has_str(const struct expr_kern_set *s, const struct expr_kern_strs *a, uint64_t *out) {
    uint32_t n_blocks = (uint32_t)BASE_BITS_WORDS(a->n_rows);
    expr_kern_set_has_i(s, a->kern, a->keys, a->sel, n_blocks, out);
    for (uint32_t k = 0; s->slots && k < n_blocks; k++)
        for (uint64_t todo = out[k] & a->sel[k]; todo; todo &= todo - 1) {
            uint32_t i = k * EXPR_BLOCK + (uint32_t)__builtin_ctzll(todo);
            if ((a->keys[i] & 0xff) > 7 && !set_has_long(s, evt_col_str(a->col, i)))
                out[k] &= ~(todo & -todo);
        }
}
