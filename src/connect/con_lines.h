#pragma once
/*
 * con_lines -- cutting bytes into lines, for decoders whose records are lines.
 */
#include "connect/con_internal.h"

/*
 * The line at *p: without its '\n' and a '\r' before it. Returns: false when its end is not there (and it is not the last).
 * Ensures: *p is behind the line.
 */
static inline bool con_line(const char **p, const char *end, bool last, struct base_str *line) {
    const char *nl = memchr(*p, '\n', (size_t)(end - *p));
    if (!nl && (!last || *p == end))
        return false;
    const char *stop = nl ? nl : end;
    *line = (struct base_str){ *p, (size_t)(stop - *p) };
    if (line->len && stop[-1] == '\r')
        line->len--;
    *p = nl ? nl + 1 : end;
    return true;
}
