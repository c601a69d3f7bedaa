/*
 * expr_like -- patterns of like, compared without backtracking over more than one %.
 */
#include "expr/expr_like.h"

#include "expr/expr_case.h"
#include "expr/expr_func_util.h"

/* Beyond the code points. */
enum { LIKE_ONE = 0x110000, LIKE_MANY = 0x110001 };

/* % at the ends, and nothing else of note: the bytes between them. Runs of % count as one. */
static void like_simplify(struct expr_like *l, struct base_arena *a) {
    uint32_t from = 0, to = l->n_units;
    bool open_start = to > 0 && l->units[0] == LIKE_MANY;
    from += open_start;
    bool open_end = to > from && l->units[to - 1] == LIKE_MANY;
    to -= open_end;
    char *text = base_arena_alloc(a, (size_t)(to - from) * 4 + 1);
    size_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        if (l->units[i] >= LIKE_ONE)
            return;
        n += expr_utf8_put(text + n, l->units[i]);
    }
    l->text = (struct base_str){ text, n };
    l->kind = open_start && (open_end || from == to) ? EXPR_LIKE_CONTAINS
              : open_start                           ? EXPR_LIKE_SUFFIX
              : open_end                             ? EXPR_LIKE_PREFIX
                                                     : EXPR_LIKE_EQUAL;
}

const char *expr_like_init(
    struct expr_like *l, struct base_arena *a, struct base_str pattern, struct base_str escape, bool icase) {
    size_t off = 0;
    uint32_t esc = UINT32_MAX;
    if (escape.len) {
        esc = expr_utf8_next(escape, &off);
        if (off != escape.len)
            return "the escape of like is not one character";
    }
    uint32_t *units = BASE_ARENA_ARRAY(a, uint32_t, pattern.len + 1);
    uint32_t n = 0;
    for (off = 0; off < pattern.len;) {
        uint32_t c = expr_utf8_next(pattern, &off);
        if (c == esc) {
            if (off >= pattern.len)
                return "the pattern of like ends with its escape";
            c = expr_utf8_next(pattern, &off);
        } else if (c == '_' || c == '%')
            c = c == '_' ? LIKE_ONE : LIKE_MANY;
        if (c == LIKE_MANY && n > 0 && units[n - 1] == LIKE_MANY)
            continue;
        units[n++] = icase && c < LIKE_ONE ? expr_lower_char(c) : c;
    }
    *l = (struct expr_like){ .icase = icase, .units = units, .n_units = n };
    if (!icase)
        like_simplify(l, a);
    return NULL;
}

/* On a mismatch only the last % takes one character more: an earlier one could not do better. */
static bool like_general(const struct expr_like *l, struct base_str s) {
    size_t off = 0, retry_off = 0;
    uint32_t u = 0, retry_u = UINT32_MAX;
    while (off < s.len) {
        uint32_t unit = u < l->n_units ? l->units[u] : UINT32_MAX;
        if (unit == LIKE_MANY) {
            retry_u = ++u;
            retry_off = off;
            continue;
        }
        size_t next = off;
        uint32_t c = expr_utf8_next(s, &next);
        if (unit == LIKE_ONE || unit == (l->icase ? expr_lower_char(c) : c)) {
            u++;
            off = next;
            continue;
        }
        if (retry_u == UINT32_MAX)
            return false;
        if (retry_u == l->n_units)
            return true;
        expr_utf8_next(s, &retry_off);
        off = retry_off;
        u = retry_u;
    }
    while (u < l->n_units && l->units[u] == LIKE_MANY)
        u++;
    return u == l->n_units;
}

bool expr_like_match(const struct expr_like *l, struct base_str s) {
    struct base_str t = l->text;
    switch (l->kind) {
    case EXPR_LIKE_GENERAL: return like_general(l, s);
    case EXPR_LIKE_EQUAL: return base_str_eq(s, t);
    case EXPR_LIKE_PREFIX: return s.len >= t.len && (t.len == 0 || memcmp(s.p, t.p, t.len) == 0);
    case EXPR_LIKE_SUFFIX:
        return s.len >= t.len && (t.len == 0 || memcmp(s.p + s.len - t.len, t.p, t.len) == 0);
    case EXPR_LIKE_CONTAINS: return expr_str_find(s, t, 0) >= 0;
    }
    return false;
}
