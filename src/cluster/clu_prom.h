#pragma once
/*
 * clu_prom -- the metrics of several jobs as one text: Prometheus wants all values of a metric together, below one heading.
 *
 *     # TYPE cepd_matches_total counter                      cepd_matches_total{job="f311...",subtask="0"} 4
 *     cepd_matches_total{subtask="0"} 4       of each job ─▶ cepd_matches_total{job="09ab...",subtask="0"} 7
 *
 * Threads: one at a time.
 */
#include "base/base_map.h"
#include "cluster/clu_http.h"

struct clu_prom_family {
    struct base_buf head, values;
};

struct clu_prom {
    struct base_map by_name; /* index into families */
    struct clu_prom_family *families;
    size_t n, cap;
};

void clu_prom_init(struct clu_prom *p);
void clu_prom_release(struct clu_prom *p);
/* The text of one job's metrics, as clu_prom_head() and clu_prom_value() write it; each value gets the label `job`. */
void clu_prom_add(struct clu_prom *p, struct base_str text, const char *job);
void clu_prom_write(const struct clu_prom *p, struct base_buf *b);
