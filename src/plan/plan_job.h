#pragma once
/*
 * plan_job -- the job graph: a plan's operators chained into vertices, each run by as many subtasks as its parallelism says,
 * and the exchanges between vertices.
 *
 *     plan ── plan_job_new(parallelism) ──▶ plan_job ── the runtime: subtasks, channels, threads
 *
 *     level 0: a vertex a source      level 1: keyed operators, P subtasks        last: all sinks, one subtask
 *     ┌───────────────────────┐ hash  ┌──────────────────────────────────┐ gather ┌──────────┐
 *     │ payments ▶ select big │──────▶│ pattern card_testing ▶ alert ... │───────▶│ sink ... │
 *     └───────────────────────┘ card  └──────────────────────────────────┘        └──────────┘
 *
 * The rules, in this order:
 *   1. Parallelism 1: everything is one vertex. Nothing is exchanged, no thread is started.
 *   2. A source is a vertex of one subtask: a file with event time is one partition and is never cut.
 *   3. A select keeps no state and follows what it reads, in the same vertex; one that brings several vertices together
 *      has one subtask.
 *   4. A pattern with `partition by`, an aggregation with `group by`, a join of equal keys runs as P subtasks, its rows distributed
 *      by the key; one without has one; so does what puts the rows of a window in order.
 *   5. An alert follows its pattern when its identity is the pattern's key, or when it keeps no identities; else its rows
 *      are distributed by its `by` values (one subtask when there are none).
 *   6. Operators of one level (1 + the highest level they read from) and parallelism share a vertex, so that threads are
 *      bounded by the depth of the plan, not by the number of patterns. Exchanges lead to higher levels only, so there
 *      is no cycle in which subtasks could wait for each other.
 *   7. Sinks are one vertex of one subtask: one writer a file, one for stdout.
 *   8. Statements that have nothing to do with each other share no vertex: no stream leads from one to the other, and they do not
 *      write to one end (stdout; two connections to one address). Each such component has vertices, and a vertex of sinks, of
 *      its own, and so fails and begins again by itself (rt_master.h).
 *   9. Where a hash exchange leads to one aggregation alone whose rows may be gathered first (plan_combine.h) it has another beside
 *      it, by which what was gathered travels.
 *
 * Immutable once made; one arena owns all of it. The plan outlives it.
 */
#include "plan/plan_combine.h"

enum { PLAN_PARALLELISM_MAX = 128 }; /* subtasks of a vertex: not more than there are key groups */

struct plan_vertex {
    uint32_t level, parallelism;
    uint32_t component; /* rule 8: the lowest node of it; parallelism 1: 0 */
    uint32_t n_nodes, n_sinks;
    const uint32_t *nodes; /* indexes into plan.nodes, ascending */
    const uint32_t *sinks; /* indexes into plan.sinks */
};

/* How rows find their subtask. */
enum plan_ship {
    PLAN_SHIP_GATHER = 0, /* there is only one */
    PLAN_SHIP_HASH,       /* by the key group of `keys` */
    PLAN_SHIP_MAX
};

/* Who takes what an exchange brings: an input of a node, or a sink. */
struct plan_taker {
    bool is_sink;
    uint32_t to; /* node or sink */
    uint32_t input;
};

struct plan_exchange {
    uint32_t from, to;               /* vertices */
    struct plan_ref of;              /* the output that is sent */
    const struct evt_schema *schema; /* of what travels: that output's, or plan_combined_schema() */
    uint32_t
        combined; /* 1 + the exchange by which what is gathered of its rows travels; 0 = rows travel as they are */
    bool brings_combined; /* it is such an exchange: only batches travel by it */
    enum plan_ship ship;
    uint32_t n_keys;
    const struct expr *const *keys; /* HASH: event-only */
    const int32_t *col_map;         /* HASH: the keys' columns to those of the output; NULL = the same */
    uint32_t n_takers;
    const struct plan_taker *takers;
};

struct plan_job {
    struct base_arena arena;
    const struct plan *plan; /* borrowed */
    uint32_t parallelism;
    uint32_t n_vertices;
    const struct plan_vertex *vertices; /* by level */
    const uint32_t *vertex_of_node, *vertex_of_sink;
    uint32_t n_exchanges;
    const struct plan_exchange *exchanges;
    const struct evt_schema *const
        *combined; /* by node: plan_combined_schema(); NULL = its rows cannot be gathered */
};

/* Requires: 1 <= parallelism <= PLAN_PARALLELISM_MAX. Owns: the caller frees it. */
struct plan_job *plan_job_new(const struct plan *p, uint32_t parallelism);
void plan_job_free(struct plan_job *j); /* NULL is fine */
/* The vertex's name: that of its only operator, or "payments and 2 more"; "sinks", or "sinks of payments" where there are several such. */
void plan_job_write_name(struct base_buf *b, const struct plan_job *j, uint32_t vertex);

/* Dumps: stable, free of addresses. */
void plan_job_write(struct base_buf *b, const struct plan_job *j);
void plan_job_write_dot(struct base_buf *b, const struct plan_job *j);
void plan_job_write_json(struct base_buf *b, const struct plan_job *j);
