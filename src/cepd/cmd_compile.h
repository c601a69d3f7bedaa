#pragma once
/*
 * cmd_compile -- what every command does first: files to a plan, diagnostics to standard error.
 */
#include "cepd/cmd_log.h"
#include "dsl/dsl_compile.h"

struct cmd_compiled {
    struct dsl_diag diag;
    struct plan *plan; /* owned; NULL when there were mistakes */
    char *base_dir;    /* owned; folder of the first file */
};

/*
 * Compiles the operands as one program with the --set options, and shows what is wrong.
 * Returns: CMD_DONE, or CMD_MISTAKE. cmd_compiled_release() either way.
 */
int cmd_compile(struct cmd_compiled *c, const struct cmd_args *args, struct cmd_log *log);
void cmd_compiled_release(struct cmd_compiled *c);
/* Shows diagnostics as text or as JSON lines. */
void cmd_show_diag(const struct dsl_diag *diag, struct cmd_log *log);
/* Splits the --set options; `sets` has room for args->n_values. Returns: CMD_DONE or CMD_MISTAKE (said). */
int cmd_sets_of(const struct cmd_args *args, struct dsl_set *sets, size_t *n, struct base_arena *a);
