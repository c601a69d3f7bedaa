/*
 * expr_kern_str -- comparisons of strings: of their keys by the loops, and of the rest of a string for the rows whose keys
 * leave it open. See expr_kern.h for keys and what follows from them (K1, K2).
 */
#include "expr/expr_kern.h"

#include "base/base_bits.h"
#include "base/base_check.h"

/* KEY_BYTES: of the string in its key. KEY_DATA: those bits of a key that are not its length. */
enum { KEY_BYTES = 7, KEY_LEN_MAX = 255 };
#define KEY_DATA (~(int64_t)0xff)

static uint32_t str_blocks(const struct expr_kern_strs *a) {
    return (uint32_t)BASE_BITS_WORDS(a->n_rows);
}

/* -- keys -------------------------------------------------------------------------------------------------- */

int64_t expr_kern_key(struct base_str s) {
    uint64_t x = 0, len = s.len < KEY_LEN_MAX ? s.len : KEY_LEN_MAX;
    for (size_t i = 0; i < KEY_BYTES && i < s.len; i++)
        x |= (uint64_t)(uint8_t)s.p[i] << (56 - 8 * i);
    return (int64_t)((x | len) ^ UINT64_C(1) << 63);
}

static bool key_is_long(int64_t key) {
    return (key & 0xff) > KEY_BYTES;
}

void expr_kern_keys(const struct expr_kern *kern, const struct evt_col *col, const uint64_t *sel,
    uint32_t n_rows, uint64_t *done, int64_t *keys) {
    for (uint32_t k = 0; k * EXPR_BLOCK < n_rows; k++) {
        if (!sel[k] || (*done >> k & 1))
            continue;
        *done |= UINT64_C(1) << k;
        uint32_t first = k * EXPR_BLOCK, n = n_rows - first, padded[EXPR_BLOCK + 1];
        const uint32_t *off = col->off + first;
        if (n < EXPR_BLOCK) { /* offsets past the last row are anything */
            for (uint32_t i = 0; i <= EXPR_BLOCK; i++)
                padded[i] = off[i < n ? i : n];
            off = padded;
        }
        if ((uint64_t)off[EXPR_BLOCK] + 8 <= col->cap_bytes) {
            kern->str_keys(col->bytes, off, keys + first);
            continue;
        }
        for (uint32_t i = 0; i < EXPR_BLOCK; i++)
            keys[first + i] = expr_kern_key((struct base_str){ col->bytes + off[i], off[i + 1] - off[i] });
    }
}

/* -- comparing with a constant -------------------------------------------------------------------------------- */

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

static uint64_t str_load(const char *p) {
    uint64_t w;
    memcpy(&w, p, 8);
    return w;
}

/* c.len bytes at p are those of c, of which there are 8 or more: up to 16 by two loads that overlap instead of a call. */
static bool str_same(const char *p, struct base_str c) {
    if (c.len > 16)
        return memcmp(p, c.p, c.len) == 0;
    return !((str_load(p) ^ str_load(c.p)) | (str_load(p + c.len - 8) ^ str_load(c.p + c.len - 8)));
}

static void str_invert(const struct expr_kern_strs *a, uint64_t *out) {
    for (uint32_t k = 0; k < str_blocks(a); k++)
        out[k] = ~out[k];
}

/* = and <>: rows with the constant's key, and of long strings those that are it. */
static void str_eq_const(const struct expr_kern_strs *a, struct base_str c, uint64_t *out) {
    a->kern->cmp_ic[EXPR_CMP_EQ](a->keys, expr_kern_key(c), a->sel, str_blocks(a), out);
    for (uint32_t k = 0; c.len > KEY_BYTES && k < str_blocks(a); k++) {
        uint64_t todo = out[k] & a->sel[k];
        for (out[k] = 0; todo; todo &= todo - 1) {
            struct base_str x = evt_col_str(a->col, k * EXPR_BLOCK + (uint32_t)__builtin_ctzll(todo));
            if (x.len == c.len && str_same(x.p, c))
                out[k] |= todo & -todo;
        }
    }
}

void expr_kern_str_cmp_const(
    const struct expr_kern_strs *a, enum expr_cmp op, struct base_str c, uint64_t *out) {
    if (op <= EXPR_CMP_NE) {
        str_eq_const(a, c, out);
        if (op == EXPR_CMP_NE)
            str_invert(a, out);
        return;
    }
    int64_t key = expr_kern_key(c);
    uint64_t open[EVT_BATCH_ROWS / EXPR_BLOCK];
    a->kern->cmp_ic[op](a->keys, key, a->sel, str_blocks(a), out);
    if (c.len <= KEY_BYTES)
        return;
    a->kern->same_ic(a->keys, key, KEY_DATA, a->sel, str_blocks(a), open);
    for (uint32_t k = 0; k < str_blocks(a); k++)
        for (uint64_t todo = open[k] & a->sel[k]; todo; todo &= todo - 1) {
            unsigned i = (unsigned)__builtin_ctzll(todo);
            base_bits_put(
                &out[k], i, str_holds(op, base_str_cmp(evt_col_str(a->col, k * EXPR_BLOCK + i), c)));
        }
}

void expr_kern_str_cmp(
    const struct expr_kern_strs *a, enum expr_cmp op, const struct expr_kern_strs *b, uint64_t *out) {
    uint64_t open[EVT_BATCH_ROWS / EXPR_BLOCK];
    a->kern->cmp_ii[op](a->keys, b->keys, a->sel, str_blocks(a), out);
    a->kern->same_ii(a->keys, b->keys, KEY_DATA, a->sel, str_blocks(a), open);
    for (uint32_t k = 0; k < str_blocks(a); k++)
        for (uint64_t todo = open[k] & a->sel[k]; todo; todo &= todo - 1) {
            uint32_t i = k * EXPR_BLOCK + (uint32_t)__builtin_ctzll(todo);
            if (!key_is_long(a->keys[i]) || !key_is_long(b->keys[i]))
                continue;
            struct base_str x = evt_col_str(a->col, i), y = evt_col_str(b->col, i);
            int c = op <= EXPR_CMP_NE ? !base_str_eq(x, y) : base_str_cmp(x, y);
            base_bits_put(out, i, str_holds(op, c));
        }
}

/* -- parts of strings ----------------------------------------------------------------------------------------- */

/* The first bytes, as many as a key has. Zeros among them are also what shorter strings are padded with. */
void expr_kern_str_prefix(const struct expr_kern_strs *a, struct base_str c, uint64_t *out) {
    size_t n = c.len < KEY_BYTES ? c.len : KEY_BYTES;
    int64_t mask = n ? (int64_t)(~UINT64_C(0) << (64 - 8 * n)) : 0;
    a->kern->same_ic(a->keys, expr_kern_key(c), mask, a->sel, str_blocks(a), out);
    if (c.len <= KEY_BYTES && (n == 0 || !memchr(c.p, 0, n)))
        return;
    for (uint32_t k = 0; k < str_blocks(a); k++) {
        uint64_t todo = out[k] & a->sel[k];
        for (out[k] = 0; todo; todo &= todo - 1) {
            struct base_str x = evt_col_str(a->col, k * EXPR_BLOCK + (uint32_t)__builtin_ctzll(todo));
            if (x.len >= c.len && memcmp(x.p, c.p, c.len) == 0)
                out[k] |= todo & -todo;
        }
    }
}

/* A block's rows that are long enough, by their last bytes, at most eight. */
static uint64_t str_suffix_block(
    const struct expr_kern_strs *a, struct base_str c, uint32_t k, uint64_t last, uint64_t mask) {
    const uint32_t *off = a->col->off + k * EXPR_BLOCK;
    uint64_t todo = a->kern->str_lens(off, (uint32_t)c.len) & a->sel[k], hits = 0;
    bool whole = (k + 1) * EXPR_BLOCK <= a->n_rows && off[1] >= 8;
    if (todo && whole) {
        todo &= a->kern->str_tails(a->col->bytes, off, last, mask);
        if (c.len <= 8)
            return todo;
    }
    for (; todo; todo &= todo - 1) {
        struct base_str x = evt_col_str(a->col, k * EXPR_BLOCK + (uint32_t)__builtin_ctzll(todo));
        if (memcmp(x.p + x.len - c.len, c.p, c.len) == 0)
            hits |= todo & -todo;
    }
    return hits;
}

static void str_all(const struct expr_kern_strs *a, uint64_t *out, bool what) {
    memset(out, what ? 0xff : 0, str_blocks(a) * sizeof *out);
}

void expr_kern_str_suffix(const struct expr_kern_strs *a, struct base_str c, uint64_t *out) {
    if (c.len == 0 || c.len > UINT32_MAX) {
        str_all(a, out, c.len == 0);
        return;
    }
    size_t n = c.len < 8 ? c.len : 8;
    uint64_t last = 0, mask = ~UINT64_C(0) << (64 - 8 * n);
    memcpy((char *)&last + 8 - n, c.p + c.len - n, n);
    for (uint32_t k = 0; k < str_blocks(a); k++)
        out[k] = a->sel[k] ? str_suffix_block(a, c, k, last, mask) : 0;
}

/* Is c, not empty, at p? Its first and last bytes are. */
static bool str_middle(const char *p, struct base_str c) {
    return c.len <= 2 || memcmp(p + 1, c.p + 1, c.len - 2) == 0;
}

static void str_contains_rows(const struct expr_kern_strs *a, struct base_str c, uint64_t *out) {
    for (uint32_t k = 0; k < str_blocks(a); k++) {
        out[k] = 0;
        for (uint64_t todo = a->sel[k]; todo; todo &= todo - 1) {
            struct base_str x = evt_col_str(a->col, k * EXPR_BLOCK + (uint32_t)__builtin_ctzll(todo));
            if (memmem(x.p, x.len, c.p, c.len))
                out[k] |= todo & -todo;
        }
    }
}

/*
 * All strings of the column as one text, 64 places at a time: where the first and the last byte of c stand that far apart the
 * rest is compared, and what was found belongs to the row it lies in, if it does not reach into the next.
 */
static void str_contains_all(const struct expr_kern_strs *a, struct base_str c, uint64_t *out) {
    const uint32_t *off = a->col->off;
    const char *bytes = a->col->bytes;
    uint64_t end = off[a->n_rows], row = 0;
    str_all(a, out, false);
    for (uint64_t at = off[0]; at + c.len <= end; at += EXPR_BLOCK) {
        uint64_t places = end - c.len + 1 - at, todo = 0;
        const char *p = bytes + at, *q = p + c.len - 1;
        if (places >= EXPR_BLOCK) {
            todo = a->kern->str_pairs(p, c.p[0], q, c.p[c.len - 1]);
        } else {
            for (uint64_t i = 0; i < places; i++)
                todo |= (uint64_t)(p[i] == c.p[0] && q[i] == c.p[c.len - 1]) << i;
        }
        for (; todo; todo &= todo - 1) {
            uint64_t found = at + (uint64_t)__builtin_ctzll(todo);
            while (off[row + 1] <= found)
                row++;
            if (found + c.len <= off[row + 1] && str_middle(bytes + found, c))
                base_bits_set(out, row);
        }
    }
}

void expr_kern_str_contains(const struct expr_kern_strs *a, struct base_str c, uint64_t *out) {
    if (c.len == 0)
        str_all(a, out, true);
    else if (base_bits_count(a->sel, a->n_rows) * 8 < a->n_rows)
        str_contains_rows(a, c, out);
    else
        str_contains_all(a, c, out);
}
