#pragma once
/*
 * A folder of its own for each test of state, below $TMPDIR, removed afterwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base_arena.h"
#include "state/sto_path.h"

struct kit {
    char dir[512];
    struct base_arena arena; /* of the paths given out */
};

static inline int kit_setup(void **arg) {
    struct kit *k = calloc(1, sizeof *k);
    const char *tmp = getenv("TMPDIR");
    if (!k)
        return 1;
    (void)snprintf(k->dir, sizeof k->dir, "%s/sto_test_XXXXXX", tmp && *tmp ? tmp : "/tmp");
    base_arena_init(&k->arena, 0);
    *arg = k;
    return mkdtemp(k->dir) ? 0 : 1;
}

static inline int kit_teardown(void **arg) {
    struct kit *k = *arg;
    enum cep_rc rc = sto_path_remove(k->dir, NULL);
    base_arena_release(&k->arena);
    free(k);
    return rc == CEP_OK ? 0 : 1;
}

/* A path in the test's folder; lives as long as the test. */
static inline const char *kit_path(struct kit *k, const char *name) {
    return base_arena_printf(&k->arena, "%s/%s", k->dir, name);
}

#define KIT_TEST(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)
