/*
 * base_str -- comparison, UTF-8 and the distance behind "did you mean".
 */
#include "base/base_str.h"

#include "base/base_mem.h"

int base_str_cmp(struct base_str a, struct base_str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    if (c != 0)
        return c;
    return (a.len > b.len) - (a.len < b.len);
}

/* ASCII only: tolower() would ask the locale. */
static unsigned char str_lower(char c) {
    unsigned char u = (unsigned char)c;
    return u >= 'A' && u <= 'Z' ? (unsigned char)(u + ('a' - 'A')) : u;
}

bool base_str_ieq(struct base_str a, struct base_str b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (str_lower(a.p[i]) != str_lower(b.p[i]))
            return false;
    return true;
}

/*
 * Bytes of the character that starts at p, 0 when it is not valid: continuation bytes missing, an overlong form,
 * a surrogate, or beyond U+10FFFF (Unicode, table 3-7).
 */
static size_t utf8_char(const unsigned char *p, size_t left) {
    unsigned char c = p[0];
    if (c < 0x80)
        return 1;
    size_t n = c >= 0xc2 && c <= 0xdf ? 2 : c >= 0xe0 && c <= 0xef ? 3 : c >= 0xf0 && c <= 0xf4 ? 4 : 0;
    if (n == 0 || left < n)
        return 0;
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool base_utf8_valid(struct base_str s, size_t *bad_off) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.len) {
        /* Most text is ASCII: eight bytes at a time while no high bit is set. */
        uint64_t word;
        if (s.len - i >= sizeof word) {
            memcpy(&word, p + i, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof word;
                continue;
            }
        }
        size_t n = utf8_char(p + i, s.len - i);
        if (n == 0) {
            if (bad_off)
                *bad_off = i;
            return false;
        }
        i += n;
    }
    return true;
}

size_t base_utf8_len(struct base_str s) {
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static unsigned min_of(unsigned a, unsigned b) {
    return a < b ? a : b;
}

static unsigned str_change_cost(char a, char b) {
    return a == b ? 0 : str_lower(a) == str_lower(b) ? 1 : 2;
}

/* Optimal string alignment on three rows of the table; 2 for an edit, 1 for a change of case. */
unsigned base_str_distance(struct base_str a, struct base_str b, unsigned limit) {
    size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;
    if (apart > limit / 2)
        return limit + 1;
    unsigned rows[3][65];
    unsigned *heap = NULL, *before = rows[0], *prev = rows[1], *cur = rows[2];
    if (b.len > 64) {
        heap = base_calloc(3 * (b.len + 1), sizeof *heap);
        before = heap;
        prev = heap + (b.len + 1);
        cur = prev + (b.len + 1);
    }
    for (size_t j = 0; j <= b.len; j++)
        prev[j] = (unsigned)j * 2;
    unsigned result = prev[b.len];
    for (size_t i = 1; i <= a.len; i++) {
        unsigned best = cur[0] = (unsigned)i * 2;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned d = prev[j - 1] + str_change_cost(a.p[i - 1], b.p[j - 1]);
            d = min_of(d, min_of(prev[j], cur[j - 1]) + 2);
            if (i > 1 && j > 1 && str_lower(a.p[i - 1]) == str_lower(b.p[j - 2]) &&
                str_lower(a.p[i - 2]) == str_lower(b.p[j - 1]))
                d = min_of(d, before[j - 2] + 2);
            cur[j] = d;
            best = min_of(best, d);
        }
        result = cur[b.len];
        if (best > limit) {
            result = limit + 1;
            break;
        }
        unsigned *spare = before;
        before = prev;
        prev = cur;
        cur = spare;
    }
    base_free(heap);
    return min_of(result, limit + 1);
}
