/*
 * con_value -- text into cells.
 */
#include "connect/con_value.h"

#include "connect/con_internal.h"
#include "connect/con_json_shim.h"
#include "connect/con_num.h"

#include <stdio.h>

bool con_value_is_scalar(const struct evt_type *t) {
    return t->kind != EVT_ARRAY && t->kind != EVT_ROW;
}

bool con_value_bad(
    char reason[CON_REASON_MAX], struct base_str column, const char *what, struct base_str text) {
    enum { SHOWN = 40 };
    char shown[SHOWN + 4];
    size_t n = 0;
    for (; n < text.len && n < SHOWN; n++) {
        unsigned char ch = (unsigned char)text.p[n];
        shown[n] = ch < 0x20 || ch == 0x7f ? '?' : (char)ch;
    }
    /* Not in the middle of a character; what is not UTF-8 is shown as '?'. */
    while (n > 0 && n < text.len && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    size_t bad;
    while (!base_utf8_valid((struct base_str){ shown, n }, &bad))
        shown[bad] = '?';
    snprintf(reason, CON_REASON_MAX, "column \"%.*s\": %s: \"%.*s\"%s",
        column.len < 100 ? (int)column.len : 100, column.p, what, (int)n, shown, n < text.len ? "..." : "");
    return false;
}

static int base64_digit(unsigned char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool con_base64(struct base_str s, struct evt_col *c, uint32_t row) {
    size_t len = s.len;
    while (len > 0 && s.len - len < 2 && s.p[len - 1] == '=')
        len--;
    if (len % 4 == 1 || (len != s.len && s.len % 4 != 0))
        return false;
    char *to = evt_col_room(c, row, (uint32_t)(len / 4 * 3 + 3)), *start = to;
    uint32_t acc = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < len; i++) {
        int d = base64_digit((unsigned char)s.p[i]);
        if (d < 0)
            return false;
        acc = (acc << 6 | (uint32_t)d) & 0xffffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *to++ = (char)(acc >> bits & 0xff);
        }
    }
    con_cell_valid(c, row);
    evt_col_took_bytes(c, row, (uint32_t)(to - start));
    return true;
}

static bool text_bool(struct base_str s, bool *out) {
    static const char *const words[] = { "false", "true", "f", "t", "no", "yes", "n", "y", "0", "1", "off",
        "on" };
    for (size_t i = 0; i < CEP_COUNT_OF(words); i++)
        if (base_str_ieq(s, base_str_of(words[i]))) {
            *out = i & 1;
            return true;
        }
    return false;
}

/* The reason why a number was not taken: not one at all, or too large? */
static bool text_not_number(char reason[CON_REASON_MAX], const struct evt_column *column, struct base_str s) {
    double d;
    char what[64];
    bool number = base_parse_f64(s, &d);
    /* from_chars() refuses 1e999; its digits say that it is a number all the same. */
    if (!number && s.len > 0) {
        size_t i = 0;
        while (i < s.len && strchr("0123456789+-.eE", s.p[i]) && s.p[i])
            i++;
        number = i == s.len && s.len > 1;
    }
    struct base_buf name = BASE_BUF_INIT;
    evt_type_write(&name, column->type);
    snprintf(
        what, sizeof what, number ? "out of range of %s" : "not a value of type %s", base_buf_cstr(&name));
    base_buf_release(&name);
    return con_value_bad(reason, column->name, what, s);
}

bool con_value_text(struct con_time *time, const struct evt_column *column, struct evt_col *c, uint32_t row,
    struct base_str s, char reason[CON_REASON_MAX]) {
    switch (column->type->kind) {
    case EVT_BOOL: {
        bool v;
        if (!text_bool(s, &v))
            return con_value_bad(reason, column->name, "not a bool", s);
        con_cell_b(c, row, v);
        return true;
    }
    case EVT_INT: {
        int64_t v;
        const char *end;
        if ((!con_scan_i64(s.p, &end, &v) || end != s.p + s.len) && !base_parse_i64(s, &v))
            return text_not_number(reason, column, s);
        con_cell_i(c, row, v);
        return true;
    }
    case EVT_DOUBLE: {
        double v;
        if (!con_scan_f64(s.p, s.p + s.len, &v) && !base_parse_f64(s, &v))
            return text_not_number(reason, column, s);
        con_cell_d(c, row, v);
        return true;
    }
    case EVT_STRING:
        if (!con_is_ascii(s.p, s.len) && !con_utf8_valid(s.p, s.len))
            return con_value_bad(reason, column->name, "invalid UTF-8", s);
        con_cell_str(c, row, s.p, s.len);
        return true;
    case EVT_BYTES:
        if (!con_base64(s, c, row))
            return con_value_bad(reason, column->name, "not base64", s);
        return true;
    case EVT_TIMESTAMP: {
        int64_t v;
        if (!con_time_parse(time, s, &v))
            return con_value_bad(reason, column->name, "not a timestamp", s);
        con_cell_i(c, row, v);
        return true;
    }
    case EVT_DURATION: {
        int64_t v;
        if (!base_parse_duration(s, &v))
            return con_value_bad(reason, column->name, "not a duration", s);
        con_cell_i(c, row, v);
        return true;
    }
    case EVT_DECIMAL: {
        __int128 v;
        if (!base_parse_decimal(s, column->type->precision, column->type->scale, &v))
            return text_not_number(reason, column, s);
        con_cell_valid(c, row);
        c->dec[row] = v;
        return true;
    }
    case EVT_NULL:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    return con_value_bad(reason, column->name, "cannot be read from text", s);
}
