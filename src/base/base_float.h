#pragma once
/*
 * base_float -- doubles as text through the C++ library's <charconv>, which is exact, fast and knows no locale.
 * Others use base_num.h.
 */
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Reads all of [p, p + len): digits, optional fraction and exponent, optional '-'. Returns: false on anything else. */
bool base_float_read(const char *p, size_t len, double *out);

enum { BASE_FLOAT_MAX = 40 };
/* The shortest digits that read back as v, in scientific form ("-1.5e+300"). Returns: bytes written, at most
 * BASE_FLOAT_MAX. Requires: v is finite. */
size_t base_float_write(char *to, double v);
/* The same digits without an exponent ("0.00015", "900"). Requires: 1e-4 <= |v| < 1e16, or v is 0. */
size_t base_float_write_plain(char *to, double v);

#ifdef __cplusplus
}
#endif
