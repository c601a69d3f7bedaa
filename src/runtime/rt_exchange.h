#pragma once
/*
 * rt_exchange -- the two ends of an exchange between tasks, as operators of the chains at either side.
 *
 *     chain ─▶ send ══ channel to subtask 0 ══▶ gate ─▶ chain of subtask 0
 *                 ╚═══ channel to subtask 1 ══▶ gate ─▶ chain of subtask 1
 *
 * A send is what the operators before it are connected to. A batch goes to its one target whole; with a hash it is shared by
 * the targets, each of which gets a view that selects the rows of its key groups. Watermarks, idleness and the end go to
 * all of them.
 *
 * A gate has an input for each subtask that sends and merges their watermarks by minimum (rt_op does); what passes it
 * goes to the takers in this subtask.
 *
 * Threads: a send belongs to the writing task, a gate to the reading one.
 */
#include "plan/plan_job.h"
#include "runtime/rt_op.h"

/* Where a send puts its elements: `target` is the subtask. Takes over the element's batch reference. */
struct rt_send_to {
    enum cep_rc (*push)(void *arg, uint32_t target, const struct evt_elem *e, struct cep_err *err);
    void *arg;
    uint32_t n_targets;
    uint32_t stream; /* the number of the exchange: what elements carry */
};

struct rt_op *rt_send_new(const struct plan_exchange *x, const struct rt_send_to *to, const struct clk *clk);
struct rt_op *rt_gate_new(uint32_t n_writers, const struct clk *clk);
/* An element of the gate's stream from subtask `writer`; takes over the batch reference. Not for barriers and stops. */
enum cep_rc rt_gate_take(struct rt_op *gate, uint32_t writer, const struct evt_elem *e, struct cep_err *err);
