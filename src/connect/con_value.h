#pragma once
/*
 * con_value -- one value of a record into one cell of a batch, from text. Shared by csv, text and raw; json uses the
 * setters. A cell may be set again (the last duplicate wins), so setters undo an earlier null.
 */
#include "base/base_bits.h"
#include "connect/con_time.h"
#include "event/evt_batch.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static inline void con_cell_valid(struct evt_col *c, uint32_t row) {
    if (c->valid)
        base_bits_set(c->valid, row);
}
static inline void con_cell_i(struct evt_col *c, uint32_t row, int64_t v) {
    con_cell_valid(c, row);
    c->i[row] = v;
}
static inline void con_cell_d(struct evt_col *c, uint32_t row, double v) {
    con_cell_valid(c, row);
    c->d[row] = v;
}
static inline void con_cell_b(struct evt_col *c, uint32_t row, bool v) {
    con_cell_valid(c, row);
    c->b[row] = v;
}
/* Requires: CON_PAD readable bytes behind p + len: short strings are copied a vector at a time. */
static inline void con_cell_str(struct evt_col *c, uint32_t row, const char *p, size_t len) {
    uint32_t off = c->off[row];
    if (len <= 32 && (uint64_t)off + 32 <= c->cap_bytes) {
        memcpy(c->bytes + off, p, 32);
        con_cell_valid(c, row);
        c->off[row + 1] = off + (uint32_t)len;
    } else {
        evt_col_set_bytes(c, row, p, (uint32_t)len);
    }
}

/* Requires: 15 readable bytes behind p + len. */
static inline bool con_is_ascii(const char *p, size_t len) {
    size_t i = 0;
#ifdef __SSE2__
    for (; i + 16 <= len; i += 16)
        if (_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i))))
            return false;
    unsigned rest = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + i)));
    return (rest & ((1u << (len - i)) - 1)) == 0;
#else
    for (; i < len; i++)
        if ((unsigned char)p[i] >= 0x80)
            return false;
    return true;
#endif
}

enum { CON_REASON_MAX = 256 };

/*
 * Sets a cell of a scalar column from text. Returns: false and a reason ("column \"x\": not an int: \"abc\"").
 * Requires: CON_PAD readable bytes behind the text; valid UTF-8 is checked for strings.
 */
bool con_value_text(struct con_time *time, const struct evt_column *column, struct evt_col *c, uint32_t row,
    struct base_str s, char reason[CON_REASON_MAX]);
/* Decodes base64, with or without padding, standard or URL alphabet. Returns: false when it is not. */
bool con_base64(struct base_str s, struct evt_col *c, uint32_t row);
/* Writes `column "NAME": WHAT: "TEXT"`; long or binary text is cut and made readable. Returns: false. */
bool con_value_bad(
    char reason[CON_REASON_MAX], struct base_str column, const char *what, struct base_str text);
/* True when the column can be filled from one piece of text. */
bool con_value_is_scalar(const struct evt_type *t);
