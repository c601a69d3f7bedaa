#pragma once
/*
 * rt_checkpoint -- a task's state taken between two batches, and given back before the first.
 *
 * Taking: rows on the errors port are sent on, the barrier goes on, operators save (rt_op_vt.save), sources add the positions
 * of their partitions, sinks prepare; large state follows in slices (rt_save.h). The whole is the relay's, which hands it to the coordinator. When that has made
 * it durable, the sinks commit.
 *
 * Giving back: by kind and name of the operator, whatever the parallelism was. What finds no place is counted as lost.
 *
 * Internal to src/runtime.
 */
#include "base/base_map.h"
#include "connect/con.h"
#include "runtime/rt_relay.h"
#include "runtime/rt_task.h"

/* All that the task has, as of now. Requires: it does not run. Owns: the caller frees it. Never NULL. */
struct rt_saved *rt_checkpoint_save(struct rt_task *task, uint64_t id);
/* What the task has under way of a save: to its end, or (the task failed) forgotten. */
void rt_checkpoint_finish(struct rt_task *task, bool forget);
/* Sinks commit what belongs to the last complete checkpoint, once. */
enum cep_rc rt_checkpoint_commit(struct rt_task *task, struct cep_err *err);

/* The relay has its copy of the task's database: keys may go there again. Threads: the task's, or it does not run. */
void rt_checkpoint_taken(struct rt_task *task);

/* True when there is a barrier to begin with, a save to go on with, or sinks have to commit. Ordered after what the thread wrote
 * before. */
bool rt_checkpoint_waits(const struct rt_task *task);
/* Its sources have passed the barrier of a savepoint that stops the job, and wait for what becomes of it. */
bool rt_checkpoint_holds(const struct rt_task *task);
/* Between two reads: commits; saves a little; a task with sources sends the barriers of what has begun. */
enum cep_rc rt_checkpoint_turn(struct rt_task *task, struct cep_err *err);
/* When (monotonic) a barrier stops waiting for the others; INT64_MAX: nothing waits. */
int64_t rt_checkpoint_due(const struct rt_task *task);
/* An element that came before its barrier, to a task that was saved already. Requires: in->logging. */
void rt_checkpoint_log(struct rt_task *task, struct rt_task_in *in, const struct evt_elem *e);
/* That barrier came on the channel, or its end. */
void rt_checkpoint_logged(struct rt_task *task, struct rt_task_in *in);
/* A barrier came on a channel; NULL: another channel stopped. Once it is on all that are left it goes on. */
enum cep_rc rt_checkpoint_align(
    struct rt_task *task, struct rt_task_in *in, uint64_t id, struct cep_err *err);

struct rt_db_reader;

/* A snapshot being given back: its parts by operator. */
struct rt_restore {
    const struct rt_snap *snap; /* borrowed */
    struct sto_part_head *heads;
    struct base_unpack *entries;
    size_t *next;                 /* the next part of the same operator; SIZE_MAX = none */
    bool *used;                   /* all four owned, by part */
    struct base_map first;        /* kind and name -> its first part */
    struct rt_db_reader *readers; /* owned; by database; opened when it is read */
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
/* The saved database of a task with the same operators and the same key groups; NULL = there is none. */
const struct rt_snap_db *rt_restore_db(struct rt_restore *r, const struct rt_task *task);
/* *fits: all of the task's operators can go on with what they saved there, as it is. */
enum cep_rc rt_restore_fits(
    struct rt_restore *r, const struct rt_task *task, bool *fits, struct cep_err *err);
/* An operator gets what it saved of the task's key groups, or leaves some of it for later (task->later). Keys in the database that the task
 * began with stay there. */
enum cep_rc rt_restore_op(struct rt_restore *r, struct rt_task *task, struct rt_op *op,
    struct sto_losses *losses, struct cep_err *err);
/* Every source and every sink of the plan was there. */
bool rt_restore_has_ends(struct rt_restore *r, const struct plan *plan);
/* What nobody asked for is lost. */
enum cep_rc rt_restore_rest(
    struct rt_restore *r, struct rt_job *job, struct sto_losses *losses, struct cep_err *err);
