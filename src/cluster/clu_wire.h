#pragma once
/*
 * clu_wire -- what went over a worker's data connections: looked at there, sent to the coordinator, shown by it.
 *
 *     clu_data ─▶ clu_wire_look ─▶ clu_wire_send ═ Wire, every second ═▶ clu_wire_read ─▶ /taskmanagers, /metrics
 *
 * Threads: a struct is one thread's; clu_wire_look() and clu_wire_send() are for any.
 */
#include "base/base_buf.h"
#include "cluster/clu_data.h"
#include "cluster/clu_link.h"

struct clu_wire {
    struct clu_data_stats all;
    struct clu_data_peer_stat *peers; /* owned; by other worker */
    uint32_t n_peers;
};

/* Owns: the caller releases it. */
void clu_wire_look(struct clu_data *data, struct clu_wire *out);
void clu_wire_release(struct clu_wire *w);
void clu_wire_copy(struct clu_wire *to, const struct clu_wire *from);

void clu_wire_send(struct clu_link *link, const struct clu_wire *w);
/* Any message is taken: what is not in it is 0. Owns: as above. */
void clu_wire_read(const Clu__Wire *msg, struct clu_wire *out);

/* The value of "wire" in a worker's row of GET /taskmanagers. */
void clu_wire_write_json(const struct clu_wire *w, struct base_buf *out);
/* Of n workers, for GET /metrics. */
void clu_wire_write_metrics(
    const char *const *workers, const struct clu_wire *wires, uint32_t n, struct base_buf *out);
void clu_wire_write_control(const struct clu_link_stats *s, struct base_buf *out);
