#pragma once
/*
 * con_json_scan -- JSON (RFC 8259) token by token, one document a line.
 *
 * Functions take the place of a token and return the place behind it, or NULL having noted what is wrong. They never
 * read past the line: a '\n' stands behind every record (a newline within a document ends it: NDJSON), and no token
 * contains one. Up to 15 bytes behind that newline are read but never looked at, hence CON_PAD.
 *
 * Everything is validated, what is skipped too: escapes, UTF-8 (by simdjson), numbers, nesting. Cost: strings go 16 bytes a
 * step; see bench/decode_bench.c.
 */
#include "base/base_buf.h"
#include "connect/con_json_shim.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { CON_JSON_DEPTH = 1024 };

struct con_json_scan {
    const char *what;        /* what is wrong; NULL = nothing */
    const char *at;          /* and where */
    struct base_buf scratch; /* the last string that had escapes; with CON_PAD bytes behind it */
};

static inline const char *con_json_fail(struct con_json_scan *js, const char *at, const char *what) {
    js->what = what;
    js->at = at;
    return NULL;
}

static inline const char *con_json_blanks(const char *p) {
    while (*p == ' ' || *p == '\t' || *p == '\r')
        p++;
    return p;
}

/* Goes from p to the first '"', '\\' or control character. *high: bytes that are not ASCII were passed. */
static inline const char *con_json_plain(const char *p, bool *high) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), ctl = _mm_set1_epi8(0x1f);
    unsigned seen = 0;
    for (;; p += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i stop = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)),
            _mm_cmpeq_epi8(_mm_min_epu8(v, ctl), v));
        unsigned m = (unsigned)_mm_movemask_epi8(stop), h = (unsigned)_mm_movemask_epi8(v);
        if (m) {
            unsigned n = (unsigned)__builtin_ctz(m);
            *high = (seen | (h & ((1u << n) - 1))) != 0;
            return p + n;
        }
        seen |= h;
    }
#else
    unsigned char seen = 0;
    for (; (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\'; p++)
        seen |= (unsigned char)*p;
    *high = seen >= 0x80;
    return p;
#endif
}

/* A string that has escapes or is broken: decoded into js->scratch. p is behind the opening quote. */
const char *con_json_string_slow(struct con_json_scan *js, const char *p, struct base_str *out);

/* A string; p is behind the opening quote. *out points into the record or js->scratch, CON_PAD bytes readable behind it. */
static inline const char *con_json_string(struct con_json_scan *js, const char *p, struct base_str *out) {
    bool high;
    const char *end = con_json_plain(p, &high);
    if (*end == '"' && (!high || con_utf8_valid(p, (size_t)(end - p)))) {
        *out = (struct base_str){ p, (size_t)(end - p) };
        return end + 1;
    }
    return con_json_string_slow(js, p, out);
}

/* A number's grammar: -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)? */
const char *con_json_number(struct con_json_scan *js, const char *p);
/* "true", "false", "null": the rest of the word. */
const char *con_json_word(struct con_json_scan *js, const char *p, const char *word);
/* Any value, not kept. */
const char *con_json_skip(struct con_json_scan *js, const char *p);
