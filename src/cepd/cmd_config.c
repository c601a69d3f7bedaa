/*
 * cmd_config -- see cmd_config.h.
 */
#include "cepd/cmd_config.h"

static const char *option(void *arg, const char *name) {
    return cmd_args_get(*(const struct cmd_args *const *)arg, name);
}

enum cep_rc cmd_config_load(
    struct clu_config *c, const struct cmd_args *args, struct base_arena *a, struct cep_err *err) {
    return clu_config_load(c, option, &args, a, err);
}
