/*
 * expr_ints -- see expr_ints.h.
 */
#include "expr/expr_ints.h"

#include "base/base_mem.h"

enum { FIRST_SLOTS = 8 };

/* Fibonacci hashing (Knuth 6.4): the upper bits of a product with 2^64 / phi, those below mixed in first. */
static size_t home_of(const struct expr_ints *s, int64_t x) {
    uint64_t u = (uint64_t)x;
    u = (u ^ u >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(u >> 32 ^ u >> 7) & (s->n_slots - 1);
}

static void put(struct expr_ints *s, int64_t x) {
    size_t i = home_of(s, x);
    while (s->slots[i] != 0)
        i = (i + 1) & (s->n_slots - 1);
    s->slots[i] = x;
}

static void grow(struct expr_ints *s) {
    struct expr_ints old = *s;
    s->n_slots = old.n_slots ? base_mul(old.n_slots, 2) : FIRST_SLOTS;
    s->slots = base_calloc(s->n_slots, sizeof *s->slots);
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.slots[i] != 0)
            put(s, old.slots[i]);
    base_free(old.slots);
}

void expr_ints_release(struct expr_ints *s) {
    base_free(s->slots);
    *s = (struct expr_ints){ .slots = NULL };
}

void expr_ints_add(struct expr_ints *s, int64_t x) {
    if (x == 0) {
        s->zero = true;
        return;
    }
    if ((s->n + 1) * 4 > s->n_slots * 3)
        grow(s);
    size_t i = home_of(s, x);
    for (; s->slots[i] != 0; i = (i + 1) & (s->n_slots - 1))
        if (s->slots[i] == x)
            return;
    s->slots[i] = x;
    s->n++;
}

bool expr_ints_next(const struct expr_ints *s, size_t *it, int64_t *x) {
    *x = 0;
    while (*it < s->n_slots)
        if ((*x = s->slots[(*it)++]) != 0)
            return true;
    return *it == s->n_slots && (*it)++ == s->n_slots && s->zero;
}

void expr_ints_fetch(const struct expr_ints *s, int64_t x) {
    if (s->n_slots)
        __builtin_prefetch(&s->slots[home_of(s, x)]);
}
