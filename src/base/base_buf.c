/*
 * base_buf -- a growing byte buffer.
 */
#include "base/base_buf.h"

#include "base/base_check.h"
#include "base/base_mem.h"

#include <stdio.h>

void base_buf_init(struct base_buf *b) {
    *b = (struct base_buf)BASE_BUF_INIT;
}

void base_buf_release(struct base_buf *b) {
    base_free(b->p);
    base_buf_init(b);
}

char *base_buf_reserve(struct base_buf *b, size_t more) {
    size_t need = base_add(base_add(b->len, more), 1);
    if (need > b->cap) {
        size_t cap = b->cap ? base_mul(b->cap, 2) : 64;
        if (cap < need)
            cap = need;
        b->p = base_realloc(b->p, cap);
        b->cap = cap;
        b->p[b->len] = '\0';
    }
    return b->p + b->len;
}

void base_buf_add(struct base_buf *b, const void *p, size_t len) {
    char *to = base_buf_reserve(b, len);
    if (len)
        memcpy(to, p, len);
    b->len += len;
    b->p[b->len] = '\0';
}

void base_buf_str(struct base_buf *b, struct base_str s) {
    base_buf_add(b, s.p, s.len);
}

void base_buf_puts(struct base_buf *b, const char *z) {
    base_buf_add(b, z, strlen(z));
}

void base_buf_putc(struct base_buf *b, char c) {
    char *to = base_buf_reserve(b, 1);
    to[0] = c;
    to[1] = '\0';
    b->len++;
}

void base_buf_vprintf(struct base_buf *b, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    char *to = base_buf_reserve(b, 0);
    int n = vsnprintf(to, b->cap - b->len, fmt, ap);
    CEP_INSIST(n >= 0);
    if ((size_t)n >= b->cap - b->len) {
        to = base_buf_reserve(b, (size_t)n);
        n = vsnprintf(to, b->cap - b->len, fmt, again);
        CEP_INSIST(n >= 0);
    }
    va_end(again);
    b->len += (size_t)n;
}

void base_buf_printf(struct base_buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    base_buf_vprintf(b, fmt, ap);
    va_end(ap);
}

const char *base_buf_cstr(struct base_buf *b) {
    return b->p ? b->p : "";
}
