#pragma once
/*
 * base_check -- our own bugs stop the process, with file, line and expression.
 *
 * CEP_REQUIRE is a precondition (the caller's bug), CEP_INSIST an invariant (ours). Both are always
 * on. CEP_CHECKED(stmt) runs only under --enable-checks. None is ever used on outside input.
 */
#include <stddef.h>

_Noreturn void base_check_failed(const char *file, int line, const char *kind, const char *expr);

#define CEP_REQUIRE(e) ((e) ? (void)0 : base_check_failed(__FILE__, __LINE__, "requirement", #e))
#define CEP_INSIST(e)  ((e) ? (void)0 : base_check_failed(__FILE__, __LINE__, "invariant", #e))
#ifdef CEP_ENABLE_CHECKS
#define CEP_CHECKED(stmt) \
    do {                  \
        stmt;             \
    } while (0)
#else
#define CEP_CHECKED(stmt) \
    do {                  \
    } while (0)
#endif

#define CEP_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define CEP_COUNT_OF(a)                     (sizeof(a) / sizeof((a)[0]))
