#pragma once
/*
 * base_str -- a borrowed run of bytes, not NUL-terminated, that may contain NUL.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct base_str {
    const char *p; /* borrowed; may be NULL when len is 0 */
    size_t len;    /* bytes */
};

#define BASE_STR(lit) ((struct base_str){ (lit), sizeof(lit) - 1 })
/* For printf("%.*s", BASE_STR_FMT(s)). */
#define BASE_STR_FMT(s) (int)(s).len, (s).p

static inline struct base_str base_str_of(const char *z) {
    return (struct base_str){ z, z ? strlen(z) : 0 };
}
static inline bool base_str_eq(struct base_str a, struct base_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}
/* Bytewise order; a prefix comes first. Returns: < 0, 0, > 0. */
int base_str_cmp(struct base_str a, struct base_str b);
/* ASCII case-insensitive equality. */
bool base_str_ieq(struct base_str a, struct base_str b);
/* Returns: true when the bytes are valid UTF-8; else false and *bad_off is the first bad byte (may be NULL). */
bool base_utf8_valid(struct base_str s, size_t *bad_off);
/* Code points in a valid UTF-8 string. */
size_t base_utf8_len(struct base_str s);
/*
 * Damerau-Levenshtein distance, stopping at `limit` + 1; for "did you mean". Case differences count half
 * (distances are therefore doubled: an edit is 2, a change of case 1).
 */
unsigned base_str_distance(struct base_str a, struct base_str b, unsigned limit);
