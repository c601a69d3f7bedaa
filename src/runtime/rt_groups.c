/*
 * rt_groups -- see rt_groups.h.
 */
#include "runtime/rt_groups.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_agg.h"
#include "expr/expr_run.h"

enum { FIRST_SLOTS = 16 };

struct expr_acc_fn rt_group_acc_fn(const struct plan_agg *a) {
    struct expr_acc_fn f = {
        .agg = a->agg, .arg = a->arg ? a->arg->type : NULL, .type = a->type, .whole = a->whole, .back = a->back
    };
    memcpy(f.opts, a->opts, sizeof f.opts);
    return f;
}

void rt_group_write_agg(struct base_buf *b, const struct plan_agg *a, const struct evt_schema *in) {
    uint32_t n_opts;
    base_buf_printf(b, "%d ", (int)a->agg);
    if (a->arg) {
        evt_type_write(b, a->arg->type);
        base_buf_putc(b, ' ');
        expr_write(b, a->arg, in, NULL);
    }
    if (a->filter) {
        base_buf_puts(b, " filter ");
        expr_write(b, a->filter, in, NULL);
    }
    if (a->whole && expr_run_is(a->agg))
        base_buf_puts(b, " whole");
    if (a->back)
        base_buf_puts(b, " back");
    (void)expr_agg_opts(a->agg, &n_opts);
    for (uint32_t i = 0; i < n_opts; i++)
        base_buf_printf(b, " %.17g", a->opts[i]);
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

static void free_group(struct rt_groups *t, struct rt_group *g) {
    rt_accs_clear(t->kind, g->accs);
    base_free(g->given);
    if (!g->mem)
        return;
    struct base_arena *mem = g->mem;
    t->bytes -= mem->used;
    base_arena_release(mem);
    base_free(mem);
}

void rt_groups_release(struct rt_groups *t) {
    for (uint32_t i = 0; i < t->n; i++)
        free_group(t, t->groups[i]);
    base_free(t->groups);
    base_free(t->slots);
    base_arena_release(&t->arena);
    *t = (struct rt_groups){ .kind = t->kind, .whole = t->whole };
}

static uint32_t slot_of(const struct rt_groups *t, uint64_t hash, struct base_str bytes) {
    uint32_t mask = t->n_slots - 1, i = (uint32_t)(hash >> 7) & mask;
    while (t->slots[i]) {
        const struct rt_group *g = t->groups[t->slots[i] - 1];
        if (g->hash == hash && base_str_eq(g->bytes, bytes))
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static void grow(struct rt_groups *t) {
    uint32_t n = t->n_slots ? t->n_slots * 2 : FIRST_SLOTS;
    base_free(t->slots);
    t->slots = base_calloc(n, sizeof *t->slots);
    t->n_slots = n;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t at = (uint32_t)(t->groups[i]->hash >> 7) & (n - 1);
        while (t->slots[at])
            at = (at + 1) & (n - 1);
        t->slots[at] = i + 1;
    }
}

struct rt_group *rt_groups_find(const struct rt_groups *t, uint64_t hash, struct base_str bytes) {
    if (t->n == 0)
        return NULL;
    uint32_t i = slot_of(t, hash, bytes);
    return t->slots[i] ? t->groups[t->slots[i] - 1] : NULL;
}

static struct rt_group *make(
    struct rt_groups *t, uint64_t hash, struct base_str bytes, const struct evt_val *vals) {
    const struct rt_group_kind *k = t->kind;
    struct base_arena *mem = NULL, *a = &t->arena;
    size_t size = sizeof(struct rt_group) + k->n_accs * sizeof(struct expr_acc);
    if (!t->whole) {
        a = mem = base_alloc(sizeof *mem);
        base_arena_init(mem, size + bytes.len + k->n_keys * sizeof *vals + 64);
    }
    struct rt_group *g = base_arena_alloc(a, size);
    g->hash = hash;
    g->mem = mem;
    g->bytes = base_arena_str(a, bytes);
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
    if ((t->n + 1) * 4 > (uint64_t)t->n_slots * 3)
        grow(t);
    uint32_t i = slot_of(t, hash, bytes);
    if (made)
        *made = t->slots[i] == 0;
    if (t->slots[i])
        return t->groups[t->slots[i] - 1];
    size_t cap = t->cap;
    t->groups = base_grow(t->groups, t->n, &cap, sizeof *t->groups);
    t->cap = (uint32_t)cap;
    struct rt_group *g = make(t, hash, bytes, vals);
    g->at = t->n;
    t->groups[t->n++] = g;
    t->slots[i] = t->n;
    return g;
}

/* Backward shift (Knuth 6.4, algorithm R), then the last group takes the place. */
void rt_groups_remove(struct rt_groups *t, struct rt_group *g) {
    CEP_INSIST(!t->whole);
    uint32_t mask = t->n_slots - 1, hole = slot_of(t, g->hash, g->bytes);
    for (uint32_t i = (hole + 1) & mask; t->slots[i]; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)(t->groups[t->slots[i] - 1]->hash >> 7) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->slots[hole] = t->slots[i];
            hole = i;
        }
    }
    t->slots[hole] = 0;
    struct rt_group *last = t->groups[t->n - 1];
    if (last != g) {
        t->slots[slot_of(t, last->hash, last->bytes)] = g->at + 1;
        t->groups[g->at] = last;
        last->at = g->at;
    }
    t->n--;
    free_group(t, g);
}

size_t rt_groups_bytes(const struct rt_groups *t) {
    return t->arena.used + t->bytes + t->cap * sizeof *t->groups + t->n_slots * sizeof *t->slots;
}
