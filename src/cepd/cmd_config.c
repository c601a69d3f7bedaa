/*
 * cmd_config -- see cmd_config.h.
 */
#include "cepd/cmd_config.h"

#include <string.h>

/* Options of a command with names of their own. */
static const struct {
    const char *command, *name, *option;
} short_names[] = {
    { "cluster", "worker-slots", "slots" },
    { "worker", "worker-slots", "slots" },
    { "worker", "coordinator-address", "coordinator" },
};

static const char *option(void *arg, const char *name) {
    const struct cmd_args *args = *(const struct cmd_args *const *)arg;
    for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
        if (strcmp(short_names[i].command, args->spec->name) == 0 && strcmp(short_names[i].name, name) == 0)
            return cmd_args_get(args, short_names[i].option);
    return cmd_args_get(args, name);
}

enum cep_rc cmd_config_load(
    struct clu_config *c, const struct cmd_args *args, struct base_arena *a, struct cep_err *err) {
    return clu_config_load(c, option, &args, a, err);
}
