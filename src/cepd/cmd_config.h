#pragma once
/*
 * cmd_config -- the configuration of a command: clu_config with the options of its command line.
 */
#include "cepd/cmd.h"
#include "cluster/clu_config.h"

/* See clu_config_load(). */
enum cep_rc cmd_config_load(
    struct clu_config *c, const struct cmd_args *args, struct base_arena *a, struct cep_err *err);
