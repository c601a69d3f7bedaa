/*
 * base_float -- see the header.
 */
#include "base/base_float.h"

#include <charconv>

bool base_float_read(const char *p, size_t len, double *out) {
    std::from_chars_result r = std::from_chars(p, p + len, *out);
    return r.ec == std::errc() && r.ptr == p + len;
}

size_t base_float_write(char *to, double v) {
    std::to_chars_result r = std::to_chars(to, to + BASE_FLOAT_MAX, v, std::chars_format::scientific);
    return r.ec == std::errc() ? static_cast<size_t>(r.ptr - to) : 0;
}

size_t base_float_write_plain(char *to, double v) {
    std::to_chars_result r = std::to_chars(to, to + BASE_FLOAT_MAX, v, std::chars_format::fixed);
    return r.ec == std::errc() ? static_cast<size_t>(r.ptr - to) : 0;
}
