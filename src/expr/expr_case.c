/*
 * expr_case -- simple case mappings as ranges (from Unicode's UnicodeData, fields 12 and 13).
 */
#include "expr/expr_case.h"

#include <stddef.h>

/* Upper case letters first, first + step, ... up to last; each one's lower case is `by` further. */
struct case_range {
    uint32_t first, last;
    uint8_t step;
    int32_t by;
};

static const struct case_range case_ranges[] = {
    { 'A', 'Z', 1, 32 },
    { 0xc0, 0xd6, 1, 32 },
    { 0xd8, 0xde, 1, 32 },
    { 0x100, 0x12e, 2, 1 },
    { 0x132, 0x136, 2, 1 },
    { 0x139, 0x147, 2, 1 },
    { 0x14a, 0x176, 2, 1 },
    { 0x178, 0x178, 1, 0xff - 0x178 },
    { 0x179, 0x17d, 2, 1 },
    { 0x1cd, 0x1db, 2, 1 },
    { 0x1de, 0x1ee, 2, 1 },
    { 0x1f8, 0x21e, 2, 1 },
    { 0x222, 0x232, 2, 1 },
    { 0x386, 0x386, 1, 38 },
    { 0x388, 0x38a, 1, 37 },
    { 0x38c, 0x38c, 1, 64 },
    { 0x38e, 0x38f, 1, 63 },
    { 0x391, 0x3a1, 1, 32 },
    { 0x3a3, 0x3ab, 1, 32 },
    { 0x400, 0x40f, 1, 80 },
    { 0x410, 0x42f, 1, 32 },
    { 0x460, 0x480, 2, 1 },
    { 0x48a, 0x4be, 2, 1 },
    { 0x4c0, 0x4c0, 1, 15 },
    { 0x4c1, 0x4cd, 2, 1 },
    { 0x4d0, 0x52e, 2, 1 },
    { 0x531, 0x556, 1, 48 },
    { 0x1e00, 0x1e94, 2, 1 },
    { 0x1ea0, 0x1efe, 2, 1 },
    { 0xff21, 0xff3a, 1, 32 },
};

static bool case_in(const struct case_range *r, uint32_t upper) {
    return upper >= r->first && upper <= r->last && (upper - r->first) % r->step == 0;
}

uint32_t expr_lower_char(uint32_t c) {
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (c == 0x1e9e) /* capital sharp s; upper case of the small one would be two letters */
        return 0xdf;
    for (size_t i = 1; i < sizeof case_ranges / sizeof *case_ranges; i++)
        if (case_in(&case_ranges[i], c))
            return (uint32_t)((int32_t)c + case_ranges[i].by);
    return c;
}

uint32_t expr_upper_char(uint32_t c) {
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    if (c == 0x3c2) /* sigma at the end of a word */
        return 0x3a3;
    for (size_t i = 1; i < sizeof case_ranges / sizeof *case_ranges; i++) {
        uint32_t upper = (uint32_t)((int32_t)c - case_ranges[i].by);
        if (case_in(&case_ranges[i], upper))
            return upper;
    }
    return c;
}

bool expr_is_word_char(uint32_t c) {
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return c >= 0xc0 && c != 0xd7 && c != 0xf7 && !(c >= 0x2000 && c <= 0x206f);
}
