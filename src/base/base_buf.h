#pragma once
/*
 * base_buf -- a growing byte buffer, for text and for encoding.
 */
#include "base/base_str.h"

#include <stdarg.h>

struct base_buf {
    char *p;    /* owned; NUL-terminated whenever p != NULL */
    size_t len; /* without the NUL */
    size_t cap;
};

#define BASE_BUF_INIT \
    { .p = NULL }

void base_buf_init(struct base_buf *b);
void base_buf_release(struct base_buf *b);
static inline void base_buf_clear(struct base_buf *b) {
    b->len = 0;
    if (b->p)
        b->p[0] = '\0';
}
/* Room for `more` bytes behind len. Returns: where they go. */
char *base_buf_reserve(struct base_buf *b, size_t more);
void base_buf_add(struct base_buf *b, const void *p, size_t len);
void base_buf_str(struct base_buf *b, struct base_str s);
void base_buf_puts(struct base_buf *b, const char *z);
void base_buf_putc(struct base_buf *b, char c);
void base_buf_printf(struct base_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void base_buf_vprintf(struct base_buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Returns: the text, never NULL; valid until the next call. */
const char *base_buf_cstr(struct base_buf *b);
static inline struct base_str base_buf_view(const struct base_buf *b) {
    return (struct base_str){ b->p, b->len };
}
