#pragma once
/*
 * con_fuzz -- what the fuzzers of formats share: bytes decoded whole and in pieces have to give the same rows and the
 * same bad records, byte for byte.
 */
#include "base/base_check.h"
#include "tests/connect/con_kit.h"

/* Decodes into rows and bad (both cleared first). */
static inline void con_fuzz_decode(const char *columns, const char *format, const char *opts, const char *p,
    size_t len, size_t piece, struct base_buf *rows, struct base_buf *bad) {
    struct con_kit k;
    con_kit_init_bare(&k);
    k.now_us = INT64_C(1767261600000000); /* dates without a year are read against it */
    base_buf_clear(rows);
    base_buf_clear(bad);
    con_kit_decode(&k, columns, format, opts, p, len, piece, rows);
    base_buf_str(bad, base_buf_view(&k.bad));
    con_kit_release(&k);
}

/* Ensures: rows and bad are what the bytes give. */
static inline void con_fuzz_pieces(const char *columns, const char *format, const char *opts, const char *p,
    size_t len, size_t piece, struct base_buf *rows, struct base_buf *bad) {
    struct base_buf rows2 = BASE_BUF_INIT, bad2 = BASE_BUF_INIT;
    con_fuzz_decode(columns, format, opts, p, len, 0, rows, bad);
    con_fuzz_decode(columns, format, opts, p, len, piece, &rows2, &bad2);
    CEP_INSIST(base_str_eq(base_buf_view(rows), base_buf_view(&rows2)));
    CEP_INSIST(base_str_eq(base_buf_view(bad), base_buf_view(&bad2)));
    base_buf_release(&rows2);
    base_buf_release(&bad2);
}
