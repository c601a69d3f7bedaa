#pragma once
/* What every test of cepd includes, in the order that cmocka wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* argv as main() gets it: writable texts. */
#define ARGV(...)  ((char *[]){ __VA_ARGS__, NULL })
#define ARGC(argv) ((int)(sizeof(argv) / sizeof *(argv)) - 1)
