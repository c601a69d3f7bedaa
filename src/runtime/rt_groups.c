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

enum { FIRST_SLOTS = 16, LINE = 64 };

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

/* In front of a group that is removed alone, a line: its memory, in which it lies itself. */
static struct base_arena **memory_of(struct rt_group *g) {
    return (struct base_arena **)(void *)((char *)g - LINE);
}

static void free_group(struct rt_groups *t, struct rt_group *g) {
    rt_accs_clear(t->kind, g->accs);
    base_free(g->given);
    if (t->whole)
        return;
    struct base_arena *mem = *memory_of(g);
    t->bytes -= mem->used;
    base_arena_release(mem);
    base_free(mem);
}

void rt_groups_release(struct rt_groups *t) {
    for (uint32_t i = 0; i < t->n && !(t->whole && t->kind->flat); i++)
        free_group(t, t->groups[i]);
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

static struct rt_group *make(
    struct rt_groups *t, uint64_t hash, struct base_str bytes, const struct evt_val *vals) {
    const struct rt_group_kind *k = t->kind;
    struct base_arena *mem = NULL, *a = &t->arena;
    size_t size = sizeof(struct rt_group) + k->n_accs * sizeof(struct expr_acc);
    if (!t->whole) {
        a = mem = base_alloc(sizeof *mem);
        base_arena_init(mem, size + bytes.len + k->n_keys * sizeof *vals + 2 * (size_t)LINE);
    }
    size_t front = mem ? LINE : 0;
    struct rt_group *g =
        (struct rt_group *)(void *)((char *)base_arena_alloc_lines(a, front + size + bytes.len) + front);
    char *behind = (char *)&g->accs[k->n_accs];
    memcpy(behind, bytes.p, bytes.len);
    g->hash = hash;
    if (mem)
        *memory_of(g) = mem;
    g->bytes = (struct base_str){ behind, bytes.len };
    struct evt_val *copy = BASE_ARENA_ARRAY(a, struct evt_val, k->n_keys + (size_t)1);
    for (uint32_t i = 0; i < k->n_keys; i++)
        copy[i] = evt_val_copy(a, k->key_types[i], &vals[i]);
    g->vals = copy;
    if (mem)
        t->bytes += mem->used;
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
