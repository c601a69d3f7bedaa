#pragma once
/*
 * rt_snapshot -- what a job and the storage of its checkpoints say to each other: entries out, entries back.
 *
 *     tasks ── save ──▶ coordinator (rt_checkpoint) ── begin, put, put, ..., complete ──▶ rt_checkpoint_store
 *     tasks ◀── load ── rt_job ◀──────────────────────── each, each, ... ─────────────── rt_snapshot
 *
 * An operator is named by what it is and its name in the .pattern: "source payments", "select big", "pattern card_testing",
 * "alert fraud", "sink fraud_sink_1". That name, not its place in the plan, is what its state comes back by.
 *
 * The entries of one subtask of an operator come together, in the order of their making: its META first. Namespaces of the runtime
 * itself, in every operator:
 *
 *     RT_NS_FLOW      no group, empty key; see rt_flow.c: watermark, idleness, end, of the operator and its inputs
 *     RT_NS_SINK      sinks; no group, empty key; value: what con_sink_prepare() gave
 *     RT_NS_PART      sources; no group; key: varint number of the partition; see rt_source.c
 *
 * Threads: a store's calls come one at a time, of whichever thread.
 */
#include "state/sto.h"

struct rt_snapshot;

enum { RT_NS_FLOW = 255, RT_NS_SINK = 1, RT_NS_PART = 1 };

/* Whose entry it is. */
struct rt_snapshot_op {
    struct base_str name; /* "pattern card_testing"; borrowed for the call */
    uint32_t subtask, n_subtasks;
};

/* Where checkpoints go. Every call may take its time: no task waits for it. */
struct rt_checkpoint_store {
    /* Checkpoint `id`, begun at `time_us` (wall clock). Ids ascend; the ones that were dropped before are missing. */
    enum cep_rc (*begin)(void *arg, uint64_t id, int64_t time_us, struct cep_err *err);
    /* Of the one that was begun. Copies what it keeps. */
    enum cep_rc (*put)(
        void *arg, const struct rt_snapshot_op *op, const struct sto_entry *e, struct cep_err *err);
    /* Returns: CEP_OK = it survives whatever comes, and is the latest. An error: it is not there, as if never begun. */
    enum cep_rc (*complete)(void *arg, uint64_t id, struct cep_err *err);
    /* Forget the one that was begun; also after a put() that failed. */
    void (*drop)(void *arg, uint64_t id);
    /*
     * What a failed job goes back to: the latest complete one, whole, open until release().
     * Returns: CEP_NONE when there is none.
     */
    enum cep_rc (*latest)(void *arg, const struct rt_snapshot **out, struct cep_err *err);
    void *arg;
    uint64_t first_id; /* of the first checkpoint: larger than any there was */
};

/* A checkpoint or savepoint being read. */
struct rt_snapshot {
    uint64_t id;
    /* Operators in it, each once: false when there is no i-th. */
    bool (*op)(void *arg, size_t i, struct base_str *name);
    /*
     * Every entry of the operator, subtask by subtask in the order they were put; none for one it does not have. Entries
     * of groups outside of `groups` may be left out. Stops at an error of take().
     */
    enum cep_rc (*each)(void *arg, struct base_str name, struct sto_range groups,
        enum cep_rc (*take)(
            void *to, const struct rt_snapshot_op *op, const struct sto_entry *e, struct cep_err *err),
        void *to, struct cep_err *err);
    void (*release)(void *arg); /* NULL = nothing to do */
    void *arg;
};
