#pragma once
/*
 * rt_graph -- operators made from a plan's nodes and connected along its references; no outside yet.
 *
 * Shared by a job (which opens connectors) and a test (which pushes rows and listens by probes).
 */
#include "runtime/rt_ops.h"

struct rt_graph {
    const struct plan *plan; /* borrowed */
    struct rt_op **ops;      /* owned; plan->n_nodes of them, by node index; NULL: not in this part */
    /* Patterns that read the same stand behind one operator each group, which is no node of the plan. */
    struct rt_op **groups; /* owned */
    uint32_t n_groups;
    bool *in_part; /* owned; by node index */
};

/* `state_bytes`: what the partial matches of one pattern may take; 0 = no limit. */
enum cep_rc rt_graph_init(struct rt_graph *g, const struct plan *plan, const struct clk *clk,
    uint64_t state_bytes, struct cep_err *err);
/* What patterns keep their state in. */
struct rt_memory {
    uint64_t bytes; /* as above; with a database what is held in memory */
    struct sto_db
        *db; /* borrowed; where keys go beyond `bytes`; NULL = nowhere. With one no patterns are grouped */
    const uint16_t *numbers; /* borrowed; by node: the operator's number there */
};

/* Only those nodes (ascending indexes), connected to each other where they are: one subtask's part of the plan. */
enum cep_rc rt_graph_init_part(struct rt_graph *g, const struct plan *plan, const uint32_t *nodes,
    uint32_t n_nodes, const struct rt_memory *memory, const struct clk *clk, struct cep_err *err);
/* Safe after a failed init. */
void rt_graph_release(struct rt_graph *g);
/* Connects an operator from outside (a sink, a probe) to an output of the plan. */
void rt_graph_listen(struct rt_graph *g, struct plan_ref ref, struct rt_op *op, uint32_t input);
/* Rows that wait for watermarks, over all operators. Brings gauges up to date. */
uint64_t rt_graph_buffered(struct rt_graph *g);
