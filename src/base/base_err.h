#pragma once
/*
 * base_err -- filling a `struct cep_err` (see cep/error.h for the contract).
 *
 *     return base_err_set(err, CEP_EIO, "could not open file \"%s\": %s", path, strerror(errno));
 */
#include "cep/error.h"

#include <stdarg.h>

/*
 * Formats the message (cut, never overrun), clears hint and span, sets retriable from the code.
 * `err` may be NULL. Returns: rc, so that a caller can return it at once.
 */
enum cep_rc base_err_set(struct cep_err *err, enum cep_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
enum cep_rc base_err_vset(struct cep_err *err, enum cep_rc rc, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* The same, with a place. */
enum cep_rc base_err_at(struct cep_err *err, struct cep_span span, enum cep_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds advice to an error that is already set. `err` may be NULL. */
void base_err_hint(struct cep_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the message that is there: what the caller was doing. */
void base_err_prefix(struct cep_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
