#pragma once
/*
 * clu_settings -- the configuration as a job's options: the same keys for `cepd run`, the coordinator and the workers.
 */
#include "cluster/clu_config.h"
#include "runtime/rt_job.h"

/* What the configuration says of how a job runs; checkpoints are clu_keep's. Returns: CEP_EINVAL. */
enum cep_rc clu_settings_opts(const struct clu_config *c, struct rt_opts *opts, struct cep_err *err);
