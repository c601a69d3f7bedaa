/*
 * base_check -- where a broken invariant ends.
 */
#include "base/base_check.h"

#include <stdio.h>
#include <stdlib.h>

void base_check_failed(const char *file, int line, const char *kind, const char *expr) {
    fprintf(stderr, "cepd: internal error: %s failed at %s:%d: %s\n", kind, file, line, expr);
    fflush(NULL);
    abort();
}
