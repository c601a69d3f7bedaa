/*
 * expr_kern_str -- comparisons of strings, and sets of constants.
 *
 * Equality with a constant first looks at the lengths of a block (offsets are consecutive: that vectorises), then at the
 * bytes of the rows whose length fits, short constants by two overlapping loads instead of a call.
 */
#include "expr/expr_kern.h"

#include "base/base_bits.h"
#include "base/base_check.h"
#include "base/base_map.h"

/* Offsets past the last row are padding: what comes of them is masked. */
static EXPR_KERN uint64_t str_lens_eq(const uint32_t *off, uint32_t len) {
    uint8_t m[EXPR_BLOCK];
    for (int i = 0; i < EXPR_BLOCK; i++)
        m[i] = off[i + 1] - off[i] == len;
    return expr_kern_pack(m);
}

static EXPR_KERN uint64_t str_lens_ge(const uint32_t *off, uint32_t len) {
    uint8_t m[EXPR_BLOCK];
    for (int i = 0; i < EXPR_BLOCK; i++)
        m[i] = off[i + 1] - off[i] >= len;
    return expr_kern_pack(m);
}

static inline uint64_t str_load(const char *p, size_t n) {
    uint64_t w = 0;
    memcpy(&w, p, n);
    return w;
}

/* Two loads of `width` bytes, at the start and at the end, see every byte of a string of width..2 * width bytes. */
#define STR_SHORT(name, width)                                                                         \
    static uint64_t name(uint64_t todo, const uint32_t *off, const char *bytes, struct base_str c) {   \
        uint64_t head = str_load(c.p, width), tail = str_load(c.p + c.len - (width), width), hits = 0; \
        for (; todo; todo &= todo - 1) {                                                               \
            unsigned i = (unsigned)__builtin_ctzll(todo);                                              \
            const char *p = bytes + off[i];                                                            \
            bool eq = !((str_load(p, width) ^ head) | (str_load(p + c.len - (width), width) ^ tail));  \
            hits |= (uint64_t)eq << i;                                                                 \
        }                                                                                              \
        return hits;                                                                                   \
    }
STR_SHORT(str_same_1, 1)
STR_SHORT(str_same_2, 2)
STR_SHORT(str_same_4, 4)
STR_SHORT(str_same_8, 8)

static uint64_t str_same_long(uint64_t todo, const uint32_t *off, const char *bytes, struct base_str c) {
    uint64_t hits = 0;
    for (; todo; todo &= todo - 1) {
        unsigned i = (unsigned)__builtin_ctzll(todo);
        hits |= (uint64_t)(memcmp(bytes + off[i], c.p, c.len) == 0) << i;
    }
    return hits;
}

typedef uint64_t (*str_same_fn)(uint64_t todo, const uint32_t *off, const char *bytes, struct base_str c);

static str_same_fn str_same_of(size_t len) {
    if (len > 16)
        return str_same_long;
    return len >= 8 ? str_same_8 : len >= 4 ? str_same_4 : len >= 2 ? str_same_2 : str_same_1;
}

static void str_same(
    const struct evt_col *a, struct base_str c, bool prefix, uint32_t n_rows, uint64_t *out) {
    str_same_fn same = str_same_of(c.len);
    for (uint32_t k = 0; k * EXPR_BLOCK < n_rows; k++) {
        const uint32_t *off = a->off + k * EXPR_BLOCK;
        uint32_t n = n_rows - k * EXPR_BLOCK;
        uint64_t todo = prefix ? str_lens_ge(off, (uint32_t)c.len) : str_lens_eq(off, (uint32_t)c.len);
        if (n < EXPR_BLOCK)
            todo &= (UINT64_C(1) << n) - 1;
        out[k] = c.len == 0 || todo == 0 ? todo : same(todo, off, a->bytes, c);
    }
}

static void str_none(uint32_t n_rows, uint64_t *out) {
    memset(out, 0, BASE_BITS_WORDS(n_rows) * sizeof *out);
}

void expr_kern_str_eq_const(const struct evt_col *a, struct base_str c, uint32_t n_rows, uint64_t *out) {
    if (c.len > UINT32_MAX)
        str_none(n_rows, out);
    else
        str_same(a, c, false, n_rows, out);
}

void expr_kern_str_prefix(const struct evt_col *a, struct base_str c, uint32_t n_rows, uint64_t *out) {
    if (c.len > UINT32_MAX)
        str_none(n_rows, out);
    else
        str_same(a, c, true, n_rows, out);
}

static bool str_holds(enum expr_cmp op, int c) {
    switch (op) {
    case EXPR_CMP_EQ: return c == 0;
    case EXPR_CMP_NE: return c != 0;
    case EXPR_CMP_LT: return c < 0;
    case EXPR_CMP_LE: return c <= 0;
    case EXPR_CMP_GT: return c > 0;
    case EXPR_CMP_GE: return c >= 0;
    case EXPR_CMP_MAX: break;
    }
    CEP_INSIST(!"a comparison");
    return false;
}

void expr_kern_str_cmp_const(
    enum expr_cmp op, const struct evt_col *a, struct base_str c, uint32_t n_rows, uint64_t *out) {
    str_none(n_rows, out);
    for (uint32_t i = 0; i < n_rows; i++)
        out[i >> 6] |= (uint64_t)str_holds(op, base_str_cmp(evt_col_str(a, i), c)) << (i & 63);
}

void expr_kern_str_cmp(
    enum expr_cmp op, const struct evt_col *a, const struct evt_col *b, uint32_t n_rows, uint64_t *out) {
    str_none(n_rows, out);
    bool eq_only = op <= EXPR_CMP_NE;
    for (uint32_t i = 0; i < n_rows; i++) {
        struct base_str x = evt_col_str(a, i), y = evt_col_str(b, i);
        int c = eq_only ? !base_str_eq(x, y) : base_str_cmp(x, y);
        out[i >> 6] |= (uint64_t)str_holds(op, c) << (i & 63);
    }
}

/* -- sets -------------------------------------------------------------------------------------------------- */

/* Few values are compared one after the other, more are looked up in a table that is at most half full. */
enum { SET_FEW_INTS = 12, SET_FEW_STRS = 4 };

struct expr_kern_set {
    bool strings;
    uint32_t n;
    const struct evt_val *vals; /* borrowed strings */
    uint32_t mask;              /* slots - 1; 0 = no table */
    uint32_t *slots;            /* index + 1 into vals, 0 = empty */
};

static uint64_t set_hash_i(int64_t i) {
    return (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static uint64_t set_hash(const struct expr_kern_set *s, const struct evt_val *v) {
    return s->strings ? base_hash(v->s.p, v->s.len) : set_hash_i(v->i);
}

const struct expr_kern_set *expr_kern_set_new(
    struct base_arena *a, const struct evt_type *t, const struct evt_val *vals, uint32_t n) {
    struct expr_kern_set *s = BASE_ARENA_NEW(a, struct expr_kern_set);
    struct evt_val *copy = BASE_ARENA_ARRAY(a, struct evt_val, n ? n : 1);
    if (n)
        memcpy(copy, vals, n * sizeof *copy);
    *s = (struct expr_kern_set){
        .strings = t->kind == EVT_STRING || t->kind == EVT_BYTES, .n = n, .vals = copy
    };
    if (n <= (s->strings ? SET_FEW_STRS : SET_FEW_INTS))
        return s;
    uint32_t slots = 16;
    while (slots < n * 2)
        slots *= 2;
    s->mask = slots - 1;
    s->slots = BASE_ARENA_ARRAY(a, uint32_t, slots);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = (uint32_t)set_hash(s, &copy[i]) & s->mask;
        while (s->slots[at])
            at = (at + 1) & s->mask;
        s->slots[at] = i + 1;
    }
    return s;
}

static bool set_has_i(const struct expr_kern_set *s, int64_t x) {
    for (uint32_t at = (uint32_t)set_hash_i(x) & s->mask; s->slots[at]; at = (at + 1) & s->mask)
        if (s->vals[s->slots[at] - 1].i == x)
            return true;
    return false;
}

static bool set_has_str(const struct expr_kern_set *s, struct base_str x) {
    for (uint32_t at = (uint32_t)base_hash(x.p, x.len) & s->mask; s->slots[at]; at = (at + 1) & s->mask)
        if (base_str_eq(evt_val_str(&s->vals[s->slots[at] - 1]), x))
            return true;
    return false;
}

void expr_kern_set_has(
    const struct expr_kern_set *s, const struct evt_col *a, uint32_t n_rows, uint64_t *out) {
    uint32_t n_blocks = (uint32_t)BASE_BITS_WORDS(n_rows);
    str_none(n_rows, out);
    if (s->mask) {
        for (uint32_t i = 0; i < n_rows; i++)
            out[i >> 6] |= (uint64_t)(s->strings ? set_has_str(s, evt_col_str(a, i)) : set_has_i(s, a->i[i]))
                           << (i & 63);
        return;
    }
    uint64_t one[EVT_BATCH_ROWS / 64];
    CEP_REQUIRE(n_rows <= EVT_BATCH_ROWS);
    for (uint32_t k = 0; k < s->n; k++) {
        if (s->strings)
            expr_kern_str_eq_const(a, evt_val_str(&s->vals[k]), n_rows, one);
        else
            expr_kern_cmp_i_const(EXPR_CMP_EQ, a->i, s->vals[k].i, n_blocks, one);
        for (uint32_t w = 0; w < n_blocks; w++)
            out[w] |= one[w];
    }
}
