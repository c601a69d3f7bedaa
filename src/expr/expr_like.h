#pragma once
/*
 * expr_like -- SQL's like: % stands for any characters, _ for one.
 *
 * A pattern becomes a list of characters and wildcards, or, when it only has % at its ends, a run of bytes to compare. A match
 * costs at most length of the text times length of the pattern, whatever they are; it needs no memory.
 */
#include "base/base_arena.h"

struct expr_like {
    enum expr_like_kind {
        EXPR_LIKE_GENERAL = 0,
        EXPR_LIKE_EQUAL,    /* no wildcard */
        EXPR_LIKE_PREFIX,   /* text% */
        EXPR_LIKE_SUFFIX,   /* %text */
        EXPR_LIKE_CONTAINS, /* %text% */
    } kind;
    bool icase;
    struct base_str text;  /* all but GENERAL; in the arena */
    const uint32_t *units; /* GENERAL; in the arena */
    uint32_t n_units;
};

/*
 * escape: one character, or nothing for none; after it %, _ and itself stand for themselves.
 * Returns: NULL, or what is wrong (static text).
 */
const char *expr_like_init(
    struct expr_like *l, struct base_arena *a, struct base_str pattern, struct base_str escape, bool icase);
bool expr_like_match(const struct expr_like *l, struct base_str s);
