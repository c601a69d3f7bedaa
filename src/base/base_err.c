/*
 * base_err -- filling a `struct cep_err`; nothing here allocates.
 */
#include "base/base_err.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text;
    bool retriable;
} err_codes[CEP_RC_MAX] = {
#define ERR_ROW(name, text, retriable) [CEP_##name] = { text, retriable },
    CEP_RC_LIST(ERR_ROW)
#undef ERR_ROW
};

const char *cep_rc_text(enum cep_rc rc) {
    if ((unsigned)rc >= CEP_RC_MAX)
        return "unknown code";
    return err_codes[rc].text;
}

/* A cut message ends in "..." and never in half a UTF-8 character. */
static void err_format(char *to, size_t cap, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void err_format(char *to, size_t cap, const char *fmt, va_list ap) {
    int n = vsnprintf(to, cap, fmt, ap);
    if (n < 0) {
        to[0] = '\0';
        return;
    }
    if ((size_t)n < cap)
        return;
    size_t end = cap - 4;
    while (end > 0 && ((unsigned char)to[end] & 0xc0) == 0x80)
        end--;
    memcpy(to + end, "...", 4);
}

enum cep_rc base_err_vset(struct cep_err *err, enum cep_rc rc, const char *fmt, va_list ap) {
    if (!err)
        return rc;
    /* The arguments may point into the message that is being replaced. */
    char message[sizeof err->message];
    err_format(message, sizeof message, fmt, ap);
    memset(&err->span, 0, sizeof err->span);
    err->rc = rc;
    err->retriable = (unsigned)rc < CEP_RC_MAX && err_codes[rc].retriable;
    err->fatal = false;
    err->hint[0] = '\0';
    memcpy(err->message, message, strlen(message) + 1);
    return rc;
}

enum cep_rc base_err_set(struct cep_err *err, enum cep_rc rc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    base_err_vset(err, rc, fmt, ap);
    va_end(ap);
    return rc;
}

enum cep_rc base_err_at(struct cep_err *err, struct cep_span span, enum cep_rc rc, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    base_err_vset(err, rc, fmt, ap);
    va_end(ap);
    if (err)
        err->span = span;
    return rc;
}

void base_err_hint(struct cep_err *err, const char *fmt, ...) {
    if (!err)
        return;
    va_list ap;
    va_start(ap, fmt);
    err_format(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
}

void base_err_prefix(struct cep_err *err, const char *fmt, ...) {
    if (!err)
        return;
    char prefix[sizeof err->message];
    char whole[2 * sizeof err->message + 2];
    va_list ap;
    va_start(ap, fmt);
    err_format(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    int n = snprintf(whole, sizeof whole, "%s: %s", prefix, err->message);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len >= sizeof err->message) {
        size_t end = sizeof err->message - 4;
        while (end > 0 && ((unsigned char)whole[end] & 0xc0) == 0x80)
            end--;
        memcpy(whole + end, "...", 4);
        len = end + 3;
    }
    memcpy(err->message, whole, len);
    err->message[len] = '\0';
}
