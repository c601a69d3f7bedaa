/*
 * con_json_scan -- the parts off the beaten track: escapes, whole values that nobody wants, numbers as text.
 */
#include "connect/con_json_scan.h"

#include "base/base_bits.h"
#include "connect/con_internal.h"

static bool json_hex4(const char *p, unsigned *out) {
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)p[i], l = c | 32;
        unsigned d;
        if (c >= '0' && c <= '9')
            d = c - '0';
        else if (l >= 'a' && l <= 'f')
            d = l - 'a' + 10u;
        else
            return false;
        v = v << 4 | d;
    }
    *out = v;
    return true;
}

static char *json_put_utf8(char *to, unsigned c) {
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 63));
        *to++ = (char)(0x80 | (c >> 6 & 63));
        *to++ = (char)(0x80 | (c & 63));
    }
    return to;
}

/* p is behind the backslash; *to gets at most 4 bytes. */
static const char *json_escape(struct con_json_scan *js, const char *p, char **to) {
    static const char from[] = "\"\\/bfnrt", plain[] = "\"\\/\b\f\n\r\t";
    const char *at = *p && *p != '\n' ? strchr(from, *p) : NULL;
    if (at) {
        *(*to)++ = plain[at - from];
        return p + 1;
    }
    unsigned c, low;
    if (*p != 'u' || !json_hex4(p + 1, &c))
        return con_json_fail(js, p, "invalid escape");
    p += 5;
    if (c >= 0xdc00 && c <= 0xdfff)
        return con_json_fail(js, p - 5, "half of a surrogate pair");
    if (c >= 0xd800 && c <= 0xdbff) {
        if (p[0] != '\\' || p[1] != 'u' || !json_hex4(p + 2, &low) || low < 0xdc00 || low > 0xdfff)
            return con_json_fail(js, p - 5, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        p += 6;
    }
    *to = json_put_utf8(*to, c);
    return p;
}

const char *con_json_string_slow(struct con_json_scan *js, const char *p, struct base_str *out) {
    const char *start = p;
    base_buf_clear(&js->scratch);
    for (;;) {
        bool high;
        const char *end = con_json_plain(p, &high);
        if (high && !con_utf8_valid(p, (size_t)(end - p))) {
            size_t bad = 0;
            (void)base_utf8_valid((struct base_str){ p, (size_t)(end - p) }, &bad); /* for the place alone */
            return con_json_fail(js, p + bad, "invalid UTF-8");
        }
        base_buf_add(&js->scratch, p, (size_t)(end - p));
        if (*end == '"') {
            base_buf_reserve(&js->scratch, CON_PAD);
            *out = base_buf_view(&js->scratch);
            return end + 1;
        }
        if (*end == '\n')
            return con_json_fail(js, start - 1, "a string does not end");
        if (*end != '\\')
            return con_json_fail(js, end, "a control character in a string");
        char *to = base_buf_reserve(&js->scratch, 8), *from = to;
        p = json_escape(js, end + 1, &to);
        if (!p)
            return NULL;
        js->scratch.len += (size_t)(to - from);
    }
}

static bool json_digit(char c) {
    return c >= '0' && c <= '9';
}

const char *con_json_number(struct con_json_scan *js, const char *p) {
    const char *start = p;
    if (*p == '-')
        p++;
    if (!json_digit(*p))
        return con_json_fail(js, start, "expected a value");
    if (*p == '0') {
        p++;
        if (json_digit(*p))
            return con_json_fail(js, start, "a number with a leading zero");
    }
    while (json_digit(*p))
        p++;
    if (*p == '.') {
        if (!json_digit(*++p))
            return con_json_fail(js, start, "a number that ends with a point");
        while (json_digit(*p))
            p++;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (*p == '+' || *p == '-')
            p++;
        if (!json_digit(*p))
            return con_json_fail(js, start, "a number without the digits of its exponent");
        while (json_digit(*p))
            p++;
    }
    return p;
}

const char *con_json_word(struct con_json_scan *js, const char *p, const char *word) {
    size_t n = 0;
    while (word[n] && p[n] == word[n])
        n++;
    return word[n] ? con_json_fail(js, p, "expected a value") : p + n;
}

static const char *json_scalar(struct con_json_scan *js, const char *p) {
    struct base_str ignored;
    switch (*p) {
    case '"': return con_json_string(js, p + 1, &ignored);
    case 't': return con_json_word(js, p, "true");
    case 'f': return con_json_word(js, p, "false");
    case 'n': return con_json_word(js, p, "null");
    default: return con_json_number(js, p);
    }
}

static const char *json_key(struct con_json_scan *js, const char *p) {
    struct base_str ignored;
    if (*p != '"')
        return con_json_fail(js, p, "expected a key in double quotes");
    p = con_json_string(js, p + 1, &ignored);
    if (!p)
        return NULL;
    p = con_json_blanks(p);
    if (*p != ':')
        return con_json_fail(js, p, "expected \":\" behind a key");
    return con_json_blanks(p + 1);
}

/* A loop with a bit a level (set = object): what comes from outside does not get our stack. */
const char *con_json_skip(struct con_json_scan *js, const char *p) {
    uint64_t objects[CON_JSON_DEPTH / 64];
    size_t depth = 0;
    p = con_json_blanks(p);
    for (;;) {
        /* A value starts at p. */
        if (*p == '{' || *p == '[') {
            bool object = *p == '{';
            if (depth == CON_JSON_DEPTH)
                return con_json_fail(js, p, "nested deeper than 1024 levels");
            base_bits_put(objects, depth++, object);
            p = con_json_blanks(p + 1);
            if (*p == (object ? '}' : ']')) {
                p++;
                depth--;
            } else {
                if (object && !(p = json_key(js, p)))
                    return NULL;
                continue;
            }
        } else {
            p = json_scalar(js, p);
            if (!p)
                return NULL;
        }
        /* A value ended at p. */
        for (;;) {
            if (depth == 0)
                return p;
            bool object = base_bits_get(objects, depth - 1);
            p = con_json_blanks(p);
            if (*p == ',') {
                p = con_json_blanks(p + 1);
                if (object && !(p = json_key(js, p)))
                    return NULL;
                break;
            }
            if (*p != (object ? '}' : ']'))
                return con_json_fail(js, p, object ? "expected \",\" or \"}\"" : "expected \",\" or \"]\"");
            p++;
            depth--;
        }
    }
}
