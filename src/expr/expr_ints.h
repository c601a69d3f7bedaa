#pragma once
/*
 * expr_ints -- a set of 64-bit values: what count(distinct) of ints, timestamps and durations keeps.
 *
 *     slots (open addressing, a power of two, at most three quarters full)   | 7 | - | -3 | - |     0 is kept beside them
 *
 * Cost: adding one slot or few; a walk all slots. 11 to 21 bytes a value. For other values see base/base_map.h.
 *
 * Internal to src/expr. Threads: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expr_ints {
    int64_t *slots;    /* owned; 0 = empty */
    size_t n_slots, n; /* n: values that are not 0 */
    bool zero;         /* 0 is in it */
};

void expr_ints_release(struct expr_ints *s); /* it is empty then */
void expr_ints_add(struct expr_ints *s, int64_t x);
static inline size_t expr_ints_n(const struct expr_ints *s) {
    return s->n + s->zero;
}
static inline size_t expr_ints_bytes(const struct expr_ints *s) {
    return s->n_slots * sizeof *s->slots;
}
/* for (size_t it = 0; expr_ints_next(s, &it, &x);) */
bool expr_ints_next(const struct expr_ints *s, size_t *it, int64_t *x);
/* What adding x will read. */
void expr_ints_fetch(const struct expr_ints *s, int64_t x);
