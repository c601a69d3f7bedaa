/*
 * clu_settings -- see clu_settings.h.
 */
#include "cluster/clu_settings.h"

enum cep_rc clu_settings_opts(const struct clu_config *c, struct rt_opts *opts, struct cep_err *err) {
    int64_t parallelism = 1, capacity = 0, batch = 0, rows = 0;
    enum cep_rc rc = clu_config_int(c, CLU_CFG_BATCH_SIZE, 1, EVT_BATCH_ROWS, &batch, err);
    if (rc == CEP_OK)
        rc = clu_config_int(c, CLU_CFG_BUFFER_ROWS, EVT_BATCH_ROWS, INT64_MAX, &rows, err);
    if (rc == CEP_OK)
        rc = clu_config_bytes(c, CLU_CFG_STATE_MEMORY, &opts->state_bytes, err);
    if (rc == CEP_OK)
        rc = clu_config_choice(c, CLU_CFG_STATE_BACKEND, "memory", "rocksdb", &opts->rocksdb, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_BATCH_LINGER, &opts->linger_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_BUFFER_PATIENCE, &opts->held_patience_us, err);
    if (rc == CEP_OK)
        rc = clu_config_duration(c, CLU_CFG_SINK_DRAIN, &opts->drain_us, err);
    if (rc == CEP_OK)
        rc = clu_config_int(c, CLU_CFG_PARALLELISM, 1, PLAN_PARALLELISM_MAX, &parallelism, err);
    if (rc == CEP_OK)
        rc = clu_config_int(c, CLU_CFG_CHANNEL, 2, 1 << 16, &capacity, err);
    opts->parallelism = (uint32_t)parallelism;
    opts->channel_capacity = (uint32_t)capacity;
    opts->batch_rows = (uint32_t)batch;
    opts->max_buffered = (uint64_t)rows;
    return rc;
}
