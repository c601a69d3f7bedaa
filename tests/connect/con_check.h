#pragma once
/*
 * con_check -- cmocka and the one assertion these tests make most: this input, decoded, gives these rows and bad records,
 * in one piece and cut at every byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/connect/con_kit.h"

/* rows and bad (NULL = whatever): as con_kit writes them. Long inputs (over 300 bytes) are cut at some places only. */
static inline void check_decode_n(const char *columns, const char *format, const char *opts, const char *in,
    size_t len, const char *rows, const char *bad) {
    size_t step = len > 300 ? len / 40 : 1;
    for (size_t piece = 0; piece <= len; piece += piece == 0 ? 1 : step) {
        struct con_kit k;
        struct base_buf out = BASE_BUF_INIT;
        con_kit_init(&k);
        con_kit_decode(&k, columns, format, opts, in, len, piece, &out);
        assert_string_equal(base_buf_cstr(&out), rows);
        if (bad)
            assert_string_equal(base_buf_cstr(&k.bad), bad);
        base_buf_release(&out);
        con_kit_release(&k);
    }
}

static inline void check_decode(const char *columns, const char *format, const char *opts, const char *in,
    const char *rows, const char *bad) {
    check_decode_n(columns, format, opts, in, strlen(in), rows, bad);
}
