/*
 * expr_index_table -- comparisons with constants, and the two tables of a column: see expr_index_internal.h.
 */
#include "expr/expr_index_internal.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "expr/expr_build.h"

#include <stdlib.h>

/* -- tests ------------------------------------------------------------------------------------------------------ */

static bool const_key(const struct expr *e, int64_t *key) {
    switch ((int)e->type->kind) {
    case EVT_DOUBLE: return expr_key_of_double(e->val.d, key);
    case EVT_BOOL: *key = e->val.b; return true;
    default: *key = e->val.i; return true;
    }
}

static bool has_values(enum evt_kind kind) {
    return kind == EVT_STRING || kind == EVT_BYTES || kind == EVT_DECIMAL;
}

static bool is_const(const struct expr *e) {
    return e->kind == EXPR_CONST && !e->val.null;
}

/* Narrows *t to what `col OP c` says. Returns: false when no interval of keys does. */
static bool interval(struct expr_test *t, const char *op, int64_t key) {
    bool less = op[0] == '<', strict = op[1] == '\0';
    if (strcmp(op, "=") == 0) {
        t->lo = t->hi = key;
        return true;
    }
    if (strcmp(op, "<>") == 0 || (strict && key == (less ? INT64_MIN : INT64_MAX)))
        return false;
    if (less)
        t->hi = strict ? key - 1 : key;
    else
        t->lo = strict ? key + 1 : key;
    return true;
}

static bool test_of_call(struct base_arena *a, const struct expr *e, struct expr_test *t) {
    static const char *const ops[][2] = { { "=", "=" }, { "<>", "<>" }, { "<", ">" }, { "<=", ">=" },
        { ">", "<" }, { ">=", "<=" } };
    if (e->n_args != 2)
        return false;
    bool flipped = is_const(e->args[0]);
    const struct expr *col = e->args[flipped], *c = e->args[!flipped];
    if (col->kind != EXPR_COL || !is_const(c))
        return false;
    const char *op = NULL;
    for (size_t i = 0; i < CEP_COUNT_OF(ops); i++)
        if (strcmp(ops[i][0], e->func->name) == 0)
            op = ops[i][flipped];
    if (!op)
        return false;
    t->col = col->index;
    t->kind = col->type->kind;
    int64_t key;
    if (expr_kind_has_key(t->kind))
        return const_key(c, &key) && interval(t, op, key);
    if (!has_values(t->kind) || strcmp(op, "=") != 0)
        return false;
    struct evt_val *v = BASE_ARENA_NEW(a, struct evt_val);
    *v = c->val;
    t->vals = v;
    t->n_vals = 1;
    return true;
}

static bool test_of_in(struct base_arena *a, const struct expr *e, struct expr_test *t) {
    const struct expr *col = e->args[0];
    if (e->flag || col->kind != EXPR_COL || e->n_args < 2)
        return false;
    t->col = col->index;
    t->kind = col->type->kind;
    if (!expr_kind_has_key(t->kind) && !has_values(t->kind))
        return false;
    struct evt_val *vals = BASE_ARENA_ARRAY(a, struct evt_val, e->n_args);
    for (uint32_t i = 1; i < e->n_args; i++) {
        /* A null among them makes "not found" null instead of false: left to who evaluates that. */
        if (!is_const(e->args[i]) || (t->kind == EVT_DOUBLE && e->args[i]->val.d != e->args[i]->val.d))
            return false;
        bool there = false;
        for (uint32_t k = 0; k < t->n_vals && !there; k++)
            there = expr_op_eq(col->type, &vals[k], &e->args[i]->val);
        if (!there)
            vals[t->n_vals++] = e->args[i]->val;
    }
    t->vals = vals;
    return true;
}

/* Longer lists have kernels of their own, and looking for doubles in them takes the square of their length. */
enum { EXPR_TEST_VALS = 256 };

bool expr_test_of(struct base_arena *a, const struct expr *e, struct expr_test *t) {
    *t = (struct expr_test){ .lo = INT64_MIN, .hi = INT64_MAX };
    switch ((int)e->kind) {
    case EXPR_CALL: return test_of_call(a, e, t);
    case EXPR_IN: return e->n_args <= EXPR_TEST_VALS && test_of_in(a, e, t);
    case EXPR_COL: /* `where flag` */
        t->col = e->index;
        t->kind = EVT_BOOL;
        t->lo = t->hi = 1;
        return e->type->kind == EVT_BOOL;
    case EXPR_NOT:
        if (e->args[0]->kind != EXPR_COL)
            return false;
        t->col = e->args[0]->index;
        t->kind = EVT_BOOL;
        t->lo = t->hi = 0;
        return true;
    default: return false;
    }
}

bool expr_test_meet(struct expr_test *t, const struct expr_test *also) {
    if (t->col != also->col || t->n_vals || also->n_vals)
        return false;
    t->lo = also->lo > t->lo ? also->lo : t->lo;
    t->hi = also->hi < t->hi ? also->hi : t->hi;
    return true;
}

static bool cell_is(const struct evt_col *c, enum evt_kind kind, uint32_t row, const struct evt_val *v) {
    if (kind == EVT_DECIMAL)
        return c->dec[row] == evt_val_dec(v);
    if (kind == EVT_STRING || kind == EVT_BYTES)
        return base_str_eq(evt_col_str(c, row), evt_val_str(v));
    if (kind == EVT_DOUBLE)
        return c->d[row] == v->d;
    return kind == EVT_BOOL ? (c->b[row] != 0) == v->b : c->i[row] == v->i;
}

bool expr_test_holds(const struct expr_test *t, const struct evt_batch *b, uint32_t row) {
    const struct evt_col *c = &b->cols[t->col];
    int64_t key;
    if (!t->n_vals)
        return expr_key_of(c, t->kind, row, &key) && key >= t->lo && key <= t->hi;
    for (uint32_t i = 0; i < t->n_vals; i++)
        if (cell_is(c, t->kind, row, &t->vals[i]))
            return true;
    return false;
}

/* -- equality ----------------------------------------------------------------------------------------------------- */

void expr_eq_init(struct expr_eq *t, uint32_t col, enum evt_kind kind) {
    *t = (struct expr_eq){ .col = col, .kind = kind };
}

void expr_eq_release(struct expr_eq *t) {
    base_free(t->slots);
    base_free(t->items);
    base_free(t->pairs);
}

static uint64_t hash_key(int64_t key) {
    uint64_t h = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

static uint64_t hash_dec(__int128 v) {
    return hash_key((int64_t)(uint64_t)v) ^ hash_key((int64_t)(uint64_t)((unsigned __int128)v >> 64) + 1);
}

static uint64_t hash_val(enum evt_kind kind, const struct evt_val *v, int64_t *key) {
    *key = 0;
    switch ((int)kind) {
    case EVT_STRING:
    case EVT_BYTES: return base_hash(v->s.p, v->s.len);
    case EVT_DECIMAL: return hash_dec(evt_val_dec(v));
    case EVT_DOUBLE: (void)expr_key_of_double(v->d, key); return hash_key(*key);
    case EVT_BOOL: *key = v->b; return hash_key(*key);
    default: *key = v->i; return hash_key(*key);
    }
}

static void add_pair(struct expr_eq *t, const struct expr_eq_pair *pair) {
    t->pairs = base_grow(t->pairs, t->n_pairs, &t->cap_pairs, sizeof *t->pairs);
    t->pairs[t->n_pairs++] = *pair;
}

void expr_eq_add(struct expr_eq *t, const struct evt_val *val, uint32_t cond) {
    struct expr_eq_pair pair = { .val = *val, .cond = cond };
    pair.hash = hash_val(t->kind, val, &pair.key);
    add_pair(t, &pair);
}

void expr_eq_add_key(struct expr_eq *t, int64_t key, uint32_t cond) {
    add_pair(t, &(struct expr_eq_pair){ .key = key, .hash = hash_key(key), .cond = cond });
}

static bool same_val(enum evt_kind kind, const struct evt_val *a, const struct evt_val *b) {
    if (kind == EVT_DECIMAL)
        return evt_val_dec(a) == evt_val_dec(b);
    return base_str_eq(evt_val_str(a), evt_val_str(b));
}

static struct expr_eq_slot *slot_of(const struct expr_eq *t, const struct expr_eq_pair *p) {
    size_t at = p->hash & (t->n_slots - 1);
    for (; t->slots[at].n; at = (at + 1) & (t->n_slots - 1)) {
        struct expr_eq_slot *s = &t->slots[at];
        if (s->hash == p->hash && s->key == p->key &&
            (expr_kind_has_key(t->kind) || same_val(t->kind, &s->val, &p->val)))
            return s;
    }
    t->slots[at] = (struct expr_eq_slot){ .hash = p->hash, .key = p->key, .val = p->val };
    return &t->slots[at];
}

/* Twice over the pairs: how many a constant has, then where they go. */
void expr_eq_seal(struct expr_eq *t) {
    t->n_slots = 16;
    while (t->n_slots < t->n_pairs * 2)
        t->n_slots *= 2;
    t->slots = base_calloc(t->n_slots, sizeof *t->slots);
    t->items = base_calloc(t->n_pairs + 1, sizeof *t->items);
    for (size_t i = 0; i < t->n_pairs; i++)
        slot_of(t, &t->pairs[i])->n++;
    uint32_t off = 0;
    for (size_t i = 0; i < t->n_slots; i++) {
        t->slots[i].first = t->slots[i].last = off;
        off += t->slots[i].n;
    }
    for (size_t i = 0; i < t->n_pairs; i++)
        t->items[slot_of(t, &t->pairs[i])->last++] = t->pairs[i].cond;
    base_free(t->pairs);
    t->pairs = NULL;
    t->n_pairs = t->cap_pairs = 0;
}

const uint32_t *expr_eq_find(const struct expr_eq *t, const struct evt_col *c, uint32_t row, uint32_t *n) {
    int64_t key = 0;
    uint64_t hash;
    *n = 0;
    if (t->kind == EVT_STRING || t->kind == EVT_BYTES)
        hash = base_hash(c->bytes + c->off[row], c->off[row + 1] - c->off[row]);
    else if (t->kind == EVT_DECIMAL)
        hash = hash_dec(c->dec[row]);
    else if (expr_key_of(c, t->kind, row, &key))
        hash = hash_key(key);
    else
        return NULL;
    for (size_t at = hash & (t->n_slots - 1); t->slots[at].n; at = (at + 1) & (t->n_slots - 1)) {
        const struct expr_eq_slot *s = &t->slots[at];
        if (s->hash == hash && s->key == key &&
            (expr_kind_has_key(t->kind) || cell_is(c, t->kind, row, &s->val))) {
            *n = s->n;
            return t->items + s->first;
        }
    }
    return NULL;
}

/* -- ranges ------------------------------------------------------------------------------------------------------- */

void expr_ranges_init(struct expr_ranges *t, uint32_t col, enum evt_kind kind) {
    *t = (struct expr_ranges){ .col = col, .kind = kind };
}

void expr_ranges_release(struct expr_ranges *t) {
    base_free(t->bounds);
    base_free(t->off);
    base_free(t->up);
    base_free(t->items);
    base_free(t->all);
}

void expr_ranges_add(struct expr_ranges *t, int64_t lo, int64_t hi, uint32_t cond) {
    t->all = base_grow(t->all, t->n_all, &t->cap_all, sizeof *t->all);
    t->all[t->n_all++] = (struct expr_range){ lo, hi, cond };
}

static int by_i64(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void find_bounds(struct expr_ranges *t) {
    t->bounds = base_calloc(t->n_all * 2 + 1, sizeof *t->bounds);
    size_t n = 0;
    for (size_t i = 0; i < t->n_all; i++) {
        if (t->all[i].lo != INT64_MIN)
            t->bounds[n++] = t->all[i].lo;
        if (t->all[i].hi != INT64_MAX)
            t->bounds[n++] = t->all[i].hi;
    }
    qsort(t->bounds, n, sizeof *t->bounds, by_i64);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || t->bounds[t->n_bounds - 1] != t->bounds[i])
            t->bounds[t->n_bounds++] = t->bounds[i];
}

/* How many bounds are less than key. */
static size_t bounds_below(const struct expr_ranges *t, int64_t key) {
    const int64_t *at = t->bounds;
    size_t n = t->n_bounds;
    while (n > 1) { /* no branch on what is found */
        size_t half = n / 2;
        at += at[half - 1] < key ? half : 0;
        n -= half;
    }
    return (size_t)(at - t->bounds) + (n && *at < key);
}

static uint32_t place_of(const struct expr_ranges *t, int64_t key) {
    size_t i = bounds_below(t, key);
    return (uint32_t)(2 * i + (i < t->n_bounds && t->bounds[i] == key));
}

uint32_t expr_ranges_leaf(const struct expr_ranges *t, int64_t key) {
    return t->size + place_of(t, key);
}

/* Calls for each node at which [from, to] stands: `items` NULL = counts into off[node + 1]. */
static void stand(struct expr_ranges *t, uint32_t from, uint32_t to, uint32_t cond, uint32_t *fill) {
    uint32_t lo = from + t->size, hi = to + t->size + 1;
#define STAND_AT(node)                      \
    do {                                    \
        uint32_t node_ = (node);            \
        if (fill)                           \
            t->items[fill[node_]++] = cond; \
        else                                \
            t->off[node_ + 1]++;            \
    } while (0)
    for (; lo < hi; lo /= 2, hi /= 2) {
        if (lo & 1)
            STAND_AT(lo++);
        if (hi & 1)
            STAND_AT(--hi);
    }
#undef STAND_AT
}

void expr_ranges_seal(struct expr_ranges *t) {
    find_bounds(t);
    t->size = 1;
    while (t->size < 2 * t->n_bounds + 1)
        t->size *= 2;
    size_t nodes = 2 * (size_t)t->size;
    t->off = base_calloc(nodes + 1, sizeof *t->off);
    t->up = base_calloc(nodes, sizeof *t->up);
    uint32_t *fill = NULL;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < t->n_all; i++) {
            const struct expr_range *r = &t->all[i];
            uint32_t from = r->lo == INT64_MIN ? 0 : place_of(t, r->lo);
            uint32_t to = r->hi == INT64_MAX ? (uint32_t)(2 * t->n_bounds) : place_of(t, r->hi);
            if (r->lo <= r->hi)
                stand(t, from, to, r->cond, fill);
        }
        if (pass == 1)
            break;
        for (size_t i = 0; i < nodes; i++)
            t->off[i + 1] += t->off[i];
        t->items = base_calloc(t->off[nodes] + (size_t)1, sizeof *t->items);
        fill = base_calloc(nodes, sizeof *fill);
        memcpy(fill, t->off, nodes * sizeof *fill);
    }
    base_free(fill);
    for (uint32_t i = 2; i < nodes; i++)
        t->up[i] = t->off[i / 2 + 1] > t->off[i / 2] ? i / 2 : t->up[i / 2];
    base_free(t->all);
    t->all = NULL;
    t->n_all = t->cap_all = 0;
}
