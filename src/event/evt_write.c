/*
 * evt_write -- values as JSON and as plain text. Sinks spend most of their time here: strings are copied in runs
 * up to the next byte that needs care, eight bytes looked at together.
 */
#include "event/evt_batch.h"

#include "base/base_check.h"
#include "base/base_num.h"

#include <math.h>

/* High bit of each byte that is below 0x20, a quote, a backslash, or not ASCII. */
static uint64_t write_special(uint64_t w) {
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones * 0x80;
    uint64_t low =
        w - ones * 0x20; /* exact where the byte is ASCII and no lower byte borrowed; else a false alarm */
    uint64_t q = w ^ (ones * '"'), bs = w ^ (ones * '\\');
    return (low | (q - ones) | (bs - ones) | w) & high;
}

/* Length of the valid UTF-8 sequence at p, 0 when there is none. */
static size_t write_utf8_len(const unsigned char *p, size_t left) {
    unsigned char c = p[0];
    if (c < 0xc2)
        return 0;
    if (c < 0xe0)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (c < 0xf0) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] >= 0xa0))
            return 0;
        return 3;
    }
    if (c > 0xf4 || left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
        return 0;
    return (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] >= 0x90) ? 0 : 4;
}

/* Writes one character that is not plain; *left > 0. Returns: the bytes it took. */
static size_t write_escape(char **to, const unsigned char *p, size_t left) {
    static const char hex[] = "0123456789abcdef";
    char *o = *to;
    size_t took = 1;
    switch (p[0]) {
    case '"': memcpy(o, "\\\"", 2), o += 2; break;
    case '\\': memcpy(o, "\\\\", 2), o += 2; break;
    case '\n': memcpy(o, "\\n", 2), o += 2; break;
    case '\r': memcpy(o, "\\r", 2), o += 2; break;
    case '\t': memcpy(o, "\\t", 2), o += 2; break;
    case '\b': memcpy(o, "\\b", 2), o += 2; break;
    case '\f': memcpy(o, "\\f", 2), o += 2; break;
    default:
        if (p[0] < 0x20) {
            memcpy(o, "\\u00", 4), o += 4;
            *o++ = hex[p[0] >> 4];
            *o++ = hex[p[0] & 15];
        } else if (p[0] < 0x80) {
            *o++ = (char)p[0];
        } else {
            took = write_utf8_len(p, left);
            if (took == 0) { /* JSON must be UTF-8: what is not becomes the replacement character */
                memcpy(o, "\xef\xbf\xbd", 3), o += 3;
                took = 1;
            } else {
                memcpy(o, p, took), o += took;
            }
        }
        break;
    }
    *to = o;
    return took;
}

void evt_json_write_str(struct base_buf *b, struct base_str s) {
    /* Room for the worst case at once: six bytes for one. Long strings go in pieces to keep that small. */
    enum { PIECE = 4096 };
    const unsigned char *p = (const unsigned char *)s.p, *end = p + s.len;
    base_buf_putc(b, '"');
    while (p < end) {
        const unsigned char *stop = end - p > PIECE ? p + PIECE : end;
        char *to = base_buf_reserve(b, (size_t)(stop - p + 8) * 6), *from = to;
        while (p < stop) {
            while (stop - p >= 8) {
                uint64_t w;
                memcpy(&w, p, 8);
                if (write_special(w))
                    break;
                memcpy(to, &w, 8);
                to += 8;
                p += 8;
            }
            if (p == stop)
                break;
            /* A byte at a time through the word that stopped the run, or the tail. */
            const unsigned char *word = stop - p >= 8 ? p + 8 : stop;
            while (p < word)
                p += write_escape(&to, p, (size_t)(end - p));
        }
        b->len += (size_t)(to - from);
        b->p[b->len] = '\0';
    }
    base_buf_putc(b, '"');
}

void evt_write_base64(struct base_buf *b, struct base_str s) {
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0, out_len = (s.len + 2) / 3 * 4;
    char *o = base_buf_reserve(b, out_len);
    for (; i + 3 <= s.len; i += 3, o += 4) {
        uint32_t v = (uint32_t)p[i] << 16 | (uint32_t)p[i + 1] << 8 | p[i + 2];
        o[0] = digit[v >> 18], o[1] = digit[v >> 12 & 63], o[2] = digit[v >> 6 & 63], o[3] = digit[v & 63];
    }
    if (i < s.len) {
        bool two = s.len - i == 2;
        uint32_t v = (uint32_t)p[i] << 16 | (two ? (uint32_t)p[i + 1] << 8 : 0);
        o[0] = digit[v >> 18], o[1] = digit[v >> 12 & 63], o[2] = two ? digit[v >> 6 & 63] : '=', o[3] = '=';
    }
    b->len += out_len;
    b->p[b->len] = '\0';
}

static void write_json_list(struct base_buf *b, const struct evt_type *t, const struct evt_val *v) {
    bool row = t->kind == EVT_ROW;
    base_buf_putc(b, row ? '{' : '[');
    for (uint32_t i = 0; i < v->list.n; i++) {
        if (i > 0)
            base_buf_putc(b, ',');
        if (row) {
            evt_json_write_str(b, t->fields[i].name);
            base_buf_putc(b, ':');
        }
        evt_val_write_json(b, row ? t->fields[i].type : t->elem, &v->list.v[i]);
    }
    base_buf_putc(b, row ? '}' : ']');
}

void evt_val_write_json(struct base_buf *b, const struct evt_type *t, const struct evt_val *v) {
    if (v->null) {
        base_buf_add(b, "null", 4);
        return;
    }
    switch (t->kind) {
    case EVT_NULL: base_buf_add(b, "null", 4); return;
    case EVT_BOOL:
        if (v->b)
            base_buf_add(b, "true", 4);
        else
            base_buf_add(b, "false", 5);
        return;
    case EVT_INT: base_write_i64(b, v->i); return;
    case EVT_DOUBLE:
        if (isfinite(v->d))
            base_write_f64(b, v->d);
        else
            base_buf_add(b, "null", 4);
        return;
    case EVT_STRING: evt_json_write_str(b, evt_val_str(v)); return;
    case EVT_ARRAY:
    case EVT_ROW: write_json_list(b, t, v); return;
    case EVT_BYTES:
    case EVT_TIMESTAMP:
    case EVT_DURATION:
    case EVT_DECIMAL:
        base_buf_putc(b, '"');
        evt_val_write_text(b, t, v); /* none of these needs an escape */
        base_buf_putc(b, '"');
        return;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

void evt_val_write_text(struct base_buf *b, const struct evt_type *t, const struct evt_val *v) {
    if (v->null) {
        base_buf_add(b, "null", 4);
        return;
    }
    switch (t->kind) {
    case EVT_NULL: base_buf_add(b, "null", 4); return;
    case EVT_BOOL: base_buf_puts(b, v->b ? "true" : "false"); return;
    case EVT_INT: base_write_i64(b, v->i); return;
    case EVT_DOUBLE:
        if (isfinite(v->d))
            base_write_f64(b, v->d);
        else
            base_buf_puts(b, isnan(v->d) ? "nan" : v->d > 0 ? "inf" : "-inf");
        return;
    case EVT_STRING: base_buf_add(b, v->s.p, v->s.len); return;
    case EVT_BYTES: evt_write_base64(b, evt_val_str(v)); return;
    case EVT_TIMESTAMP: base_write_timestamp(b, v->i); return;
    case EVT_DURATION: base_write_duration(b, v->i); return;
    case EVT_DECIMAL: base_write_decimal(b, evt_val_dec(v), t->scale); return;
    case EVT_ARRAY:
    case EVT_ROW: write_json_list(b, t, v); return; /* nested values have one text form */
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

void evt_write_quoted(struct base_buf *b, struct base_str s) {
    base_buf_putc(b, '\'');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\'')
            base_buf_putc(b, '\'');
        base_buf_putc(b, s.p[i]);
    }
    base_buf_putc(b, '\'');
}

void evt_val_write_literal(struct base_buf *b, const struct evt_type *t, const struct evt_val *v) {
    if (v->null) {
        base_buf_puts(b, "null");
        return;
    }
    switch (t->kind) {
    case EVT_STRING: evt_write_quoted(b, evt_val_str(v)); return;
    case EVT_TIMESTAMP:
        base_buf_puts(b, "timestamp '");
        base_write_timestamp(b, v->i);
        base_buf_putc(b, '\'');
        return;
    case EVT_BYTES:
        base_buf_puts(b, "from_base64('");
        evt_write_base64(b, evt_val_str(v));
        base_buf_puts(b, "')");
        return;
    case EVT_ARRAY:
    case EVT_ROW:
        base_buf_puts(b, t->kind == EVT_ARRAY ? "[" : "row(");
        for (uint32_t i = 0; i < v->list.n; i++) {
            if (i > 0)
                base_buf_puts(b, ", ");
            evt_val_write_literal(b, t->kind == EVT_ARRAY ? t->elem : t->fields[i].type, &v->list.v[i]);
        }
        base_buf_putc(b, t->kind == EVT_ARRAY ? ']' : ')');
        return;
    case EVT_NULL:
    case EVT_BOOL:
    case EVT_INT:
    case EVT_DOUBLE:
    case EVT_DURATION:
    case EVT_DECIMAL: evt_val_write_text(b, t, v); return;
    case EVT_KIND_MAX: break;
    }
    CEP_INSIST(!"a kind of type");
}

void evt_batch_write_json(
    struct base_buf *out, const struct evt_batch *b, uint32_t row, struct base_arena *scratch) {
    base_buf_putc(out, '{');
    for (uint32_t c = 0; c < b->schema->n_visible; c++) {
        struct evt_val v;
        if (c)
            base_buf_putc(out, ',');
        evt_json_write_str(out, b->schema->cols[c].name);
        base_buf_putc(out, ':');
        evt_col_get(&b->cols[c], row, scratch, &v);
        evt_val_write_json(out, b->schema->cols[c].type, &v);
    }
    base_buf_putc(out, '}');
}
