#pragma once
/*
 * clu_coordinator -- the coordinator of a cluster: REST, jobs, workers, put together.
 *
 *     REST (http.address) ──▶ clu_dispatcher ──▶ clu_master, one a job ──▶ clu_link ──▶ workers (coordinator.address)
 *                                 │                  │ slots
 *                             clu_registry       clu_resources ◀── workers come and go
 *
 * Under state.dir: coordinator/ the registry; checkpoints/JOB/, savepoints/ unless the configuration says otherwise. Workers have to reach
 * these by the same paths.
 *
 * Threads: the HTTP server's, the loop's, one a job. The caller's only starts and stops.
 */
#include "cluster/clu_config.h"
#include "connect/con.h"

struct clu_coordinator;

struct clu_coordinator_opts {
    const struct clu_config *config;                                /* borrowed, outlives it */
    void (*log)(void *arg, enum con_level level, const char *text); /* any thread, several at a time */
    void *arg;
};

/* Jobs of the registry go on. Returns: CEP_EINVAL, CEP_EIO, CEP_ESTATE when another coordinator has the folder. */
enum cep_rc clu_coordinator_start(
    const struct clu_coordinator_opts *opts, struct clu_coordinator **out, struct cep_err *err);
uint16_t clu_coordinator_http_port(const struct clu_coordinator *c);
uint16_t clu_coordinator_port(const struct clu_coordinator *c);
/* Jobs are left to the next one. NULL is fine. */
void clu_coordinator_stop(struct clu_coordinator *c);
