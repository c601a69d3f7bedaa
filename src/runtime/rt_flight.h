#pragma once
/*
 * rt_flight -- rows under way between two tasks, as part of a snapshot: what an unaligned checkpoint has besides states.
 *
 *     state of the writer │ rows between its barrier and the reader's state │ state of the reader
 *
 * A reader that saves itself before a barrier has come on a channel goes on to take rows from that channel; those that come before
 * the barrier are in the writer's state no more and in the reader's not yet. They are put into the snapshot (the state of a channel of
 * Chandy and Lamport), those that wait in the ring as soon as they are there, so that the barrier need not be taken to be known. Watermarks, idleness and ends need no place there: sources say where they are
 * when they go on, and never behind what they said before.
 *
 * Giving back: rows know the output they come from and who takes them, by name, so that any job graph will do. They are dealt out by the
 * keys of the exchange that leads there now, to the subtasks there are now, and go to their takers before anything else does,
 * those downstream first. Until a task runs they are saved again with whatever is saved of it.
 *
 * A part of kind "channel" is called as the operator whose output it is. META (key ""): varint port, varint n, n times who takes it:
 * u8 1 for a sink, str name, varint input; str the schema (evt_pack.h). ROWS (key u32 number): a batch.
 *
 * Internal to src/runtime. Threads: the task's; the opening thread's while no task runs.
 */
#include "runtime/rt_job.h"

struct rt_restore;
struct rt_saving;
struct rt_task;

/* Rows that a task has to take before anything else. */
struct rt_flight {
    uint64_t rank; /* the lowest first: what is downstream, then as they were taken */
    struct plan_ref of;
    struct plan_taker taker;
    struct evt_batch *batch; /* owned */
};

struct rt_flights {
    struct rt_flight *v; /* owned */
    size_t n, cap;
};

/* A new part of the task's snapshot. Requires: rows of `schema` are sent of `of` to the takers. Borrowed from `snap`. */
struct rt_part *rt_flight_begin(struct rt_snap *snap, const struct rt_task *task, struct plan_ref of,
    const struct evt_schema *schema, const struct plan_taker *takers, uint32_t n_takers);
void rt_flight_put(struct rt_part *part, uint32_t number, const struct evt_batch *b);
void rt_flight_end(struct rt_part *part);

/* Those that wait for the task to begin. */
void rt_flights_save(const struct rt_task *task, struct rt_snap *snap);
/* To their operators. Requires: the task has taken nothing yet. */
enum cep_rc rt_flights_take(struct rt_task *task, struct cep_err *err);
void rt_flights_release(struct rt_flights *f);

/*
 * Deals out what the snapshot has to the tasks of the job. What has no place any more is counted as lost.
 * Requires: tasks are connected. Returns: CEP_EDAMAGED, CEP_EVERSION.
 */
enum cep_rc rt_flights_restore(struct rt_job *job, struct sto_losses *losses, struct cep_err *err);
