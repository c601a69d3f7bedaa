#pragma once
/*
 * clu_restart -- what a job does after a failure, out of the configuration: `restart.strategy` and its numbers.
 *
 * As in Flink a job that keeps checkpoints restarts by exponential-delay unless told otherwise, one that keeps none does not. A number
 * that the strategy does not look at is a mistake, since it says that another one was meant.
 */
#include "cluster/clu_config.h"
#include "runtime/rt_restart.h"

/* `kept`: the job keeps checkpoints. Returns: CEP_EINVAL. */
enum cep_rc clu_restart_config(
    const struct clu_config *c, bool kept, struct rt_restart_spec *out, struct cep_err *err);
