/*
 * expr_func_util -- shared by the families of functions.
 */
#include "expr/expr_func_util.h"

char *expr_result_alloc(struct expr_call *call, struct evt_val *out, size_t len) {
    if (len > EXPR_RESULT_MAX) {
        expr_fail(call, out, "result is longer than 16 MiB");
        return NULL;
    }
    return base_arena_alloc(call->scratch, len ? len : 1);
}

int expr_name_index(const char *const *names, size_t n, struct base_str s) {
    for (size_t i = 0; i < n; i++)
        if (base_str_ieq(base_str_of(names[i]), s))
            return (int)i;
    return -1;
}

size_t expr_utf8_off(struct base_str s, int64_t n) {
    size_t off = 0;
    for (; n > 0 && off < s.len; n--)
        off += expr_utf8_width(s.p[off]);
    return off < s.len ? off : s.len;
}

uint32_t expr_utf8_next(struct base_str s, size_t *off) {
    const unsigned char *p = (const unsigned char *)s.p + *off;
    size_t n = expr_utf8_width((char)p[0]);
    if (n == 1 || n > s.len - *off) {
        *off += 1;
        return p[0] < 0x80 ? p[0] : 0xfffd;
    }
    *off += n;
    uint32_t c = p[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

size_t expr_utf8_put(char *to, uint32_t c) {
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        to[i] = (char)(0x80 | (c & 0x3f));
    to[0] = (char)(0xff00u >> n | c);
    return n;
}

int64_t expr_str_find(struct base_str s, struct base_str what, size_t from) {
    if (from > s.len || what.len > s.len - from)
        return -1;
    if (what.len == 0)
        return (int64_t)from;
    const char *at = memmem(s.p + from, s.len - from, what.p, what.len);
    return at ? at - s.p : -1;
}
