/*
 * rt_groups -- see rt_groups.h.
 */
#include "runtime/rt_groups.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_agg.h"
#include "expr/expr_run.h"
#include "runtime/rt_keys.h"

enum { FIRST_SLOTS = 16, TEXT_HEAD = 1 + 4 /* before the bytes of a string in a key */ };

struct expr_acc_fn rt_group_acc_fn(const struct plan_agg *a) {
    struct expr_acc_fn f = { .agg = a->agg,
        .arg = a->arg ? a->arg->type : NULL,
        .type = a->type,
        .whole = a->whole,
        .back = a->back,
        .user = a->user };
    memcpy(f.opts, a->opts, sizeof f.opts);
    return f;
}

void rt_group_kind_init(struct rt_group_kind *k, const struct plan_aggregate *plan) {
    *k = (struct rt_group_kind){ .plan = plan,
        .n_keys = plan->n_keys,
        .n_accs = plan->n_aggs,
        .key_types = base_calloc(plan->n_keys + (size_t)1, sizeof *k->key_types),
        .fns = base_calloc(plan->n_aggs + (size_t)1, sizeof *k->fns) };
    for (uint32_t i = 0; i < k->n_keys; i++)
        k->key_types[i] = plan->keys[i]->type;
    for (uint32_t i = 0; i < k->n_keys; i++)
        k->nested |= k->key_types[i]->kind == EVT_ARRAY || k->key_types[i]->kind == EVT_ROW;
    for (uint32_t i = 0; i < k->n_accs; i++)
        k->fns[i] = rt_group_acc_fn(&plan->aggs[i]);
    k->flat = !plan->changes;
    for (uint32_t i = 0; i < k->n_accs; i++)
        k->flat &= expr_acc_is_flat(&k->fns[i]);
}

void rt_group_kind_release(struct rt_group_kind *k) {
    base_free(k->key_types);
    base_free(k->fns);
}

/* -- accumulators ------------------------------------------------------------------------------------------------- */

void rt_accs_start(const struct rt_group_kind *k, struct expr_acc *accs) {
    for (uint32_t i = 0; i < k->n_accs; i++)
        expr_acc_start(&accs[i]);
}

void rt_accs_merge(const struct rt_group_kind *k, struct expr_acc *to, const struct expr_acc *from) {
    for (uint32_t i = 0; i < k->n_accs; i++)
        expr_acc_merge(&k->fns[i], &to[i], &from[i]);
}

void rt_accs_clear(const struct rt_group_kind *k, struct expr_acc *accs) {
    for (uint32_t i = 0; i < k->n_accs; i++)
        expr_acc_clear(&k->fns[i], &accs[i]);
}

void rt_accs_pack(const struct rt_group_kind *k, struct base_buf *b, const struct expr_acc *accs) {
    for (uint32_t i = 0; i < k->n_accs; i++)
        expr_acc_pack(b, &k->fns[i], &accs[i]);
}

void rt_accs_unpack(
    const struct rt_group_kind *k, struct base_unpack *u, struct base_arena *scratch, struct expr_acc *accs) {
    for (uint32_t i = 0; i < k->n_accs && !u->bad; i++)
        expr_acc_unpack(u, &k->fns[i], scratch, &accs[i]);
}

/* -- the table ---------------------------------------------------------------------------------------------------- */

void rt_groups_init(struct rt_groups *t, const struct rt_group_kind *kind, bool whole) {
    *t = (struct rt_groups){ .kind = kind, .whole = whole };
    base_arena_init(&t->arena, 0);
}

/* In front of a group that is removed alone. */
struct front {
    struct base_arena *arena; /* owned; of what its key's arrays and rows are; NULL = there are none */
    size_t bytes;             /* of the block that begins here */
};

static struct front *front_of(struct rt_group *g) {
    return (struct front *)(void *)((char *)g - sizeof(struct front));
}

static void free_group(struct rt_groups *t, struct rt_group *g) {
    rt_accs_clear(t->kind, g->accs);
    base_free(g->given);
    if (t->whole)
        return;
    struct front *f = front_of(g);
    t->bytes -= f->bytes + (f->arena ? f->arena->used : 0);
    if (f->arena)
        base_arena_release(f->arena);
    base_free(f->arena);
    base_free(f);
}

static void free_groups(struct rt_groups *t) {
    for (uint32_t i = 0; i < t->n && !(t->whole && t->kind->flat); i++)
        free_group(t, t->groups[i]);
    t->n = 0;
}

void rt_groups_clear(struct rt_groups *t) {
    CEP_INSIST(t->whole);
    free_groups(t);
    if (t->n_slots)
        memset(t->slots, 0, t->n_slots * sizeof *t->slots);
    base_arena_clear(&t->arena);
}

void rt_groups_release(struct rt_groups *t) {
    free_groups(t);
    base_free(t->groups);
    base_free(t->slots);
    base_arena_release(&t->arena);
    *t = (struct rt_groups){ .kind = t->kind, .whole = t->whole };
}

static uint32_t half_of(uint64_t hash) {
    return (uint32_t)(hash >> 32);
}

static uint32_t slot_of(const struct rt_groups *t, uint64_t hash, struct base_str bytes) {
    uint32_t mask = t->n_slots - 1, half = half_of(hash), i = half & mask;
    for (; t->slots[i].place; i = (i + 1) & mask) {
        if (t->slots[i].half != half)
            continue;
        const struct rt_group *g = t->groups[t->slots[i].place - 1];
        if (rt_keys_same(g->bytes, bytes))
            break;
    }
    return i;
}

static void grow_to(struct rt_groups *t, uint32_t n) {
    struct rt_group_slot *old = t->slots;
    uint32_t n_old = t->n_slots;
    t->slots = base_calloc(n, sizeof *t->slots);
    t->n_slots = n;
    for (uint32_t i = 0; i < n_old; i++) {
        if (!old[i].place)
            continue;
        uint32_t at = old[i].half & (n - 1);
        while (t->slots[at].place)
            at = (at + 1) & (n - 1);
        t->slots[at] = old[i];
    }
    base_free(old);
}

static bool is_tight(uint64_t n, uint32_t n_slots) {
    return n * 4 > (uint64_t)n_slots * 3;
}

void rt_groups_expect(struct rt_groups *t, uint32_t n) {
    uint32_t slots = t->n_slots ? t->n_slots : FIRST_SLOTS;
    while (is_tight(n, slots))
        slots *= 2;
    if (slots > t->n_slots)
        grow_to(t, slots);
}

struct rt_group *rt_groups_find(const struct rt_groups *t, uint64_t hash, struct base_str bytes) {
    if (t->n == 0)
        return NULL;
    uint32_t i = slot_of(t, hash, bytes);
    return t->slots[i].place ? t->groups[t->slots[i].place - 1] : NULL;
}

/* A row's slot is on its way while others' groups are, and those while it is told whether they are the rows'. */
void rt_groups_find_rows(const struct rt_groups *t, const struct rt_keys *keys, const uint16_t *rows,
    uint32_t n, struct rt_group **out) {
    uint32_t mask = t->n_slots - 1, places[RT_GROUPS_AT_ONCE];
    if (t->n == 0) {
        memset(out, 0, n * sizeof(struct rt_group *));
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        __builtin_prefetch(&t->slots[half_of(keys->hash[rows[i]]) & mask]);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t half = half_of(keys->hash[rows[i]]);
        uint32_t at = half & mask;
        while (t->slots[at].place && t->slots[at].half != half)
            at = (at + 1) & mask;
        places[i] = t->slots[at].place;
        if (places[i])
            __builtin_prefetch(&t->groups[places[i] - 1]);
    }
    for (uint32_t i = 0; i < n; i++) {
        out[i] = places[i] ? t->groups[places[i] - 1] : NULL;
        if (out[i])
            __builtin_prefetch(&out[i]->bytes, 1);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct base_str bytes = rt_keys_bytes(keys, rows[i]);
        if (!out[i] || !rt_keys_same(out[i]->bytes, bytes))
            out[i] = rt_groups_find(t, keys->hash[rows[i]], bytes);
    }
}

/* The values of a key, in `to`: strings are where they stand in its canonical bytes (evt_val_write_key()). */
static void copy_vals(const struct rt_groups *t, const struct rt_group *g, const struct evt_val *vals,
    struct evt_val *to, struct base_arena *nested) {
    const char *p = g->bytes.p;
    for (uint32_t i = 0; i < t->kind->n_keys; i++) {
        const struct evt_type *type = t->kind->key_types[i];
        to[i] = vals[i];
        if (nested) {
            to[i] = evt_val_copy(nested, type, &vals[i]);
            continue;
        }
        if (vals[i].null) {
            p++;
            continue;
        }
        bool text = type->kind == EVT_STRING || type->kind == EVT_BYTES;
        if (text)
            to[i].s.p = p + TEXT_HEAD;
        p += text                        ? TEXT_HEAD + vals[i].s.len
             : type->kind == EVT_BOOL    ? 1 + 1
             : type->kind == EVT_DECIMAL ? 1 + 2 * sizeof(uint64_t)
                                         : 1 + sizeof(uint64_t);
    }
}

static size_t round_up(size_t n) {
    return (n + _Alignof(struct evt_val) - 1) & ~(_Alignof(struct evt_val) - 1);
}

/* A group, its accumulators, its key's bytes and values in one block. */
static struct rt_group *make(
    struct rt_groups *t, uint64_t hash, struct base_str bytes, const struct evt_val *vals) {
    const struct rt_group_kind *k = t->kind;
    size_t size = sizeof(struct rt_group) + k->n_accs * sizeof(struct expr_acc);
    size_t off = round_up(size + bytes.len), all = off + (k->n_keys + (size_t)1) * sizeof *vals;
    struct base_arena *nested = NULL;
    struct rt_group *g;
    if (t->whole) {
        nested = k->nested ? &t->arena : NULL;
        g = base_arena_alloc_lines(&t->arena, all);
    } else {
        struct front *f = base_calloc(1, sizeof *f + all);
        f->bytes = sizeof *f + all;
        g = (struct rt_group *)(void *)(f + 1);
        if (k->nested) {
            nested = f->arena = base_alloc(sizeof *nested);
            base_arena_init(nested, 0);
        }
    }
    char *behind = (char *)&g->accs[k->n_accs];
    struct evt_val *copy = (struct evt_val *)(void *)((char *)g + off);
    memcpy(behind, bytes.p, bytes.len);
    g->hash = hash;
    g->bytes = (struct base_str){ behind, bytes.len };
    copy_vals(t, g, vals, copy, nested);
    g->vals = copy;
    if (!t->whole)
        t->bytes += front_of(g)->bytes + (nested ? nested->used : 0);
    return g;
}

struct rt_group *rt_groups_get(
    struct rt_groups *t, uint64_t hash, struct base_str bytes, const struct evt_val *vals, bool *made) {
    rt_groups_expect(t, t->n + 1);
    uint32_t i = slot_of(t, hash, bytes);
    if (made)
        *made = t->slots[i].place == 0;
    if (t->slots[i].place)
        return t->groups[t->slots[i].place - 1];
    size_t cap = t->cap;
    t->groups = base_grow(t->groups, t->n, &cap, sizeof *t->groups);
    t->cap = (uint32_t)cap;
    struct rt_group *g = make(t, hash, bytes, vals);
    t->groups[t->n++] = g;
    t->slots[i] = (struct rt_group_slot){ half_of(hash), t->n };
    return g;
}

/* Backward shift (Knuth 6.4, algorithm R), then the last group takes the place. */
void rt_groups_remove(struct rt_groups *t, struct rt_group *g) {
    CEP_INSIST(!t->whole);
    uint32_t mask = t->n_slots - 1, hole = slot_of(t, g->hash, g->bytes), place = t->slots[hole].place - 1;
    for (uint32_t i = (hole + 1) & mask; t->slots[i].place; i = (i + 1) & mask) {
        uint32_t home = t->slots[i].half & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = (struct rt_group_slot){ 0, 0 };
    struct rt_group *last = t->groups[t->n - 1];
    if (last != g) {
        t->slots[slot_of(t, last->hash, last->bytes)].place = place + 1;
        t->groups[place] = last;
    }
    t->n--;
    free_group(t, g);
}

size_t rt_groups_bytes(const struct rt_groups *t) {
    return t->arena.used + t->bytes + t->cap * sizeof *t->groups + t->n_slots * sizeof *t->slots;
}
