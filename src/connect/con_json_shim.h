#pragma once
/*
 * con_json_shim -- the two things taken from simdjson (C++), behind C calls.
 *
 * Our own scanner (con_json_scan.c) reads records straight into columns; simdjson validates UTF-8 at the speed of memory
 * and is the judge of what is JSON in tests and fuzzers.
 */
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

bool con_utf8_valid(const char *p, size_t len);

/* Returns: true when simdjson takes the bytes as one JSON document. Copies them: for tests only. */
bool con_simdjson_valid(const char *p, size_t len);
/*
 * The last member of that name of an object: numbers as simdjson read them ("%lld", "%llu", "%.17g"), strings as
 * hexadecimal digits in quotes, so that two writers cannot differ in escapes. For tests only.
 * Returns: an allocated string (free()), or NULL when it is no document, no object or has no such member.
 */
char *con_simdjson_member(const char *p, size_t len, const char *name);

#ifdef __cplusplus
}
#endif
