#pragma once
/*
 * rt_checkpoint -- a task's state taken between two batches, and given back before the first.
 *
 * Taking: rows on the errors port are sent on, operators save (rt_op_vt.save), sources add the positions of their
 * partitions, sinks prepare; the whole goes to rt_opts.keep(), and when that has made it durable the sinks commit. A
 * checkpoint that could not be kept is told and forgotten: the next one covers its rows.
 *
 * Giving back: by kind and name of the operator, whatever the parallelism was. What finds no place is counted as lost.
 *
 * Internal to src/runtime.
 */
#include "base/base_map.h"
#include "connect/con.h"
#include "runtime/rt_snap.h"
#include "runtime/rt_task.h"

/* True when a checkpoint is due now. */
bool rt_checkpoint_due(const struct rt_task *task);
/*
 * Side effects: writes to disk. `final`: at the end of the task, nothing comes after it, so every failure is one.
 * Returns: an error when the job cannot go on.
 */
enum cep_rc rt_checkpoint_take(struct rt_task *task, bool final, struct cep_err *err);

/* A snapshot being given back: its parts by operator. */
struct rt_restore {
    const struct rt_snap *snap; /* borrowed */
    struct sto_part_head *heads;
    struct base_unpack *entries;
    size_t *next;          /* the next part of the same operator; SIZE_MAX = none */
    bool *used;            /* all four owned, by part */
    struct base_map first; /* kind and name -> its first part */
};

/* Returns: CEP_EDAMAGED, CEP_EVERSION. Safe to release in any case. */
enum cep_rc rt_restore_init(struct rt_restore *r, const struct rt_snap *snap, struct cep_err *err);
void rt_restore_release(struct rt_restore *r);

/* The states of all that wrote the sink. Owns: the caller frees *states; they are borrowed from the snapshot. */
enum cep_rc rt_restore_sink(
    struct rt_restore *r, struct base_str name, struct base_str **states, uint32_t *n, struct cep_err *err);
/* The saved partitions of a source in the order of their numbers. Owns: as above. */
enum cep_rc rt_restore_source(struct rt_restore *r, struct base_str name, struct con_partition **saved,
    uint32_t *n, struct cep_err *err);
/* An operator gets what it saved of those key groups. */
enum cep_rc rt_restore_op(struct rt_restore *r, struct rt_op *op, struct sto_range groups,
    struct sto_losses *losses, struct cep_err *err);
/* What nobody asked for is lost. */
enum cep_rc rt_restore_rest(struct rt_restore *r, struct sto_losses *losses, struct cep_err *err);
