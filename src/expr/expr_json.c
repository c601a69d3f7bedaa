/*
 * expr_json -- walking JSON text along a path.
 */
#include "expr/expr_json.h"

#include "base/base_num.h"
#include "expr/expr_func_util.h"

enum { JSON_DEPTH = 256 };

struct json_at {
    const char *p, *end;
};

static void json_blank(struct json_at *j) {
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\t' || *j->p == '\n' || *j->p == '\r'))
        j->p++;
}

static bool json_char(struct json_at *j, char c) {
    json_blank(j);
    if (j->p >= j->end || *j->p != c)
        return false;
    j->p++;
    return true;
}

static bool json_skip_string(struct json_at *j) {
    if (!json_char(j, '"'))
        return false;
    while (j->p < j->end && *j->p != '"')
        j->p += *j->p == '\\' ? 2 : 1;
    if (j->p >= j->end)
        return false;
    j->p++;
    return true;
}

static bool json_is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == 'E' || c == '+' || c == '-' || c == '.';
}

/* A number, true, false or null. */
static bool json_skip_word(struct json_at *j) {
    const char *start = j->p;
    while (j->p < j->end && json_is_word(*j->p))
        j->p++;
    struct base_str w = { start, (size_t)(j->p - start) };
    double d;
    return base_str_eq(w, BASE_STR("true")) || base_str_eq(w, BASE_STR("false")) ||
           base_str_eq(w, BASE_STR("null")) || base_parse_f64(w, &d);
}

static bool json_skip(struct json_at *j, unsigned depth) {
    json_blank(j);
    if (j->p >= j->end || depth > JSON_DEPTH)
        return false;
    if (*j->p == '"')
        return json_skip_string(j);
    if (*j->p != '{' && *j->p != '[')
        return json_skip_word(j);
    bool object = *j->p++ == '{';
    char close = object ? '}' : ']';
    if (json_char(j, close))
        return true;
    do {
        if (object && (!json_skip_string(j) || !json_char(j, ':')))
            return false;
        if (!json_skip(j, depth + 1))
            return false;
    } while (json_char(j, ','));
    return json_char(j, close);
}

/* -- paths ---------------------------------------------------------------------------------------------------------------- */

struct json_step {
    bool is_name;
    struct base_str name;
    uint64_t index;
};

/* Reads the step at *off. Returns: NULL, or what is wrong. */
static const char *json_step(struct base_str path, size_t *off, struct json_step *step) {
    static const char wrong[] = "the JSON path is not of the form $.name[0][\"other name\"]";
    size_t i = *off;
    if (path.p[i] == '.') {
        size_t start = ++i;
        while (i < path.len && path.p[i] != '.' && path.p[i] != '[')
            i++;
        *step = (struct json_step){ .is_name = true, .name = { path.p + start, i - start } };
        *off = i;
        return i > start ? NULL : wrong;
    }
    if (path.p[i] != '[' || i + 2 >= path.len)
        return wrong;
    char quote = path.p[++i];
    bool quoted = quote == '"' || quote == '\'';
    size_t start = i + quoted;
    const char *close = memchr(path.p + start, quoted ? quote : ']', path.len - start);
    if (!close)
        return wrong;
    struct base_str inside = { path.p + start, (size_t)(close - path.p) - start };
    i = (size_t)(close - path.p) + 1;
    if (quoted && (i >= path.len || path.p[i++] != ']'))
        return wrong;
    *step = (struct json_step){ .is_name = quoted, .name = inside };
    if (!quoted && !base_parse_u64(inside, &step->index))
        return wrong;
    *off = i;
    return NULL;
}

const char *expr_json_check_path(struct base_str path) {
    struct json_step step;
    if (path.len == 0 || path.p[0] != '$')
        return "the JSON path does not begin with $";
    for (size_t off = 1; off < path.len;) {
        const char *why = json_step(path, &off, &step);
        if (why)
            return why;
    }
    return NULL;
}

static enum expr_json_kind json_enter_object(
    struct base_arena *scratch, struct json_at *j, struct base_str name) {
    if (json_char(j, '}'))
        return EXPR_JSON_MISSING;
    do {
        json_blank(j);
        const char *start = j->p;
        bool ok;
        if (!json_skip_string(j))
            return EXPR_JSON_WRONG;
        struct base_str key = expr_json_text(
            scratch, (struct base_str){ start, (size_t)(j->p - start) }, &ok);
        if (!json_char(j, ':'))
            return EXPR_JSON_WRONG;
        if (ok && base_str_eq(key, name))
            return EXPR_JSON_NESTED;
        if (!json_skip(j, 0))
            return EXPR_JSON_WRONG;
    } while (json_char(j, ','));
    return json_char(j, '}') ? EXPR_JSON_MISSING : EXPR_JSON_WRONG;
}

static enum expr_json_kind json_enter_array(struct json_at *j, uint64_t index) {
    if (json_char(j, ']'))
        return EXPR_JSON_MISSING;
    do {
        if (index-- == 0)
            return EXPR_JSON_NESTED;
        if (!json_skip(j, 0))
            return EXPR_JSON_WRONG;
    } while (json_char(j, ','));
    return json_char(j, ']') ? EXPR_JSON_MISSING : EXPR_JSON_WRONG;
}

/* Moves to the value that a step names. Returns: NESTED when it is there. */
static enum expr_json_kind json_enter(
    struct base_arena *scratch, struct json_at *j, const struct json_step *step) {
    json_blank(j);
    if (step->is_name ? json_char(j, '{') : json_char(j, '['))
        return step->is_name ? json_enter_object(scratch, j, step->name) : json_enter_array(j, step->index);
    return json_skip(j, 0) ? EXPR_JSON_MISSING : EXPR_JSON_WRONG;
}

static enum expr_json_kind json_kind(struct base_str raw) {
    if (raw.p[0] == '"')
        return EXPR_JSON_STRING;
    if (raw.p[0] == '{' || raw.p[0] == '[')
        return EXPR_JSON_NESTED;
    return base_str_eq(raw, BASE_STR("null")) ? EXPR_JSON_NULL : EXPR_JSON_SCALAR;
}

bool expr_json_each(struct base_arena *scratch, struct base_str json, expr_json_member_fn fn, void *arg) {
    struct json_at j = { json.len ? json.p : "", NULL };
    j.end = j.p + json.len;
    if (!json_char(&j, '{'))
        return false;
    if (json_char(&j, '}'))
        return true;
    do {
        json_blank(&j);
        const char *start = j.p;
        bool ok;
        if (!json_skip_string(&j))
            return false;
        struct base_str name = expr_json_text(
            scratch, (struct base_str){ start, (size_t)(j.p - start) }, &ok);
        if (!ok || !json_char(&j, ':'))
            return false;
        json_blank(&j);
        start = j.p;
        if (!json_skip(&j, 0))
            return false;
        struct base_str raw = { start, (size_t)(j.p - start) };
        if (!fn(arg, name, json_kind(raw), raw))
            return false;
    } while (json_char(&j, ','));
    return json_char(&j, '}');
}

enum expr_json_kind expr_json_find(
    struct base_arena *scratch, struct base_str json, struct base_str path, struct base_str *raw) {
    struct json_at j = { json.len ? json.p : "", NULL };
    j.end = j.p + json.len;
    struct json_step step;
    for (size_t off = 1; off < path.len;) {
        if (json_step(path, &off, &step))
            return EXPR_JSON_MISSING;
        enum expr_json_kind kind = json_enter(scratch, &j, &step);
        if (kind != EXPR_JSON_NESTED)
            return kind;
    }
    json_blank(&j);
    const char *start = j.p;
    if (!json_skip(&j, 0))
        return EXPR_JSON_WRONG;
    *raw = (struct base_str){ start, (size_t)(j.p - start) };
    return json_kind(*raw);
}

/* -- strings -------------------------------------------------------------------------------------------------------------- */

static bool json_hex4(const char *p, const char *end, uint32_t *out) {
    if (end - p < 4)
        return false;
    *out = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i], low = (char)(c | 0x20);
        int digit = c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        *out = *out << 4 | (uint32_t)digit;
    }
    return true;
}

/* \uXXXX, or two of them that make one character. Returns: bytes read after the u, 0 when it is wrong. */
static size_t json_unicode(const char *p, const char *end, uint32_t *c) {
    uint32_t low;
    if (!json_hex4(p, end, c))
        return 0;
    if (*c < 0xd800 || *c > 0xdfff)
        return 4;
    if (*c > 0xdbff || end - p < 10 || p[4] != '\\' || p[5] != 'u' || !json_hex4(p + 6, end, &low) ||
        low < 0xdc00 || low > 0xdfff)
        return 0;
    *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    return 10;
}

struct base_str expr_json_text(struct base_arena *scratch, struct base_str raw, bool *ok) {
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    struct base_str s = { raw.p + 1, raw.len - 2 };
    *ok = true;
    if (!memchr(s.p, '\\', s.len))
        return s;
    char *to = base_arena_alloc(scratch, s.len);
    size_t n = 0;
    for (const char *p = s.p, *end = s.p + s.len; p < end; p++) {
        if (*p != '\\') {
            to[n++] = *p;
            continue;
        }
        if (++p >= end) {
            *ok = false;
            break;
        }
        const char *name = *p ? strchr(names, *p) : NULL;
        uint32_t c = 0;
        size_t read = *p == 'u' ? json_unicode(p + 1, end, &c) : 0;
        if (name)
            to[n++] = means[name - names];
        else if (read)
            n += expr_utf8_put(to + n, c); /* \uXXXX is 6 bytes and becomes 3 at most */
        else
            *ok = false;
        p += read;
    }
    return (struct base_str){ to, n };
}
