#pragma once
/*
 * rt_exec -- the execution graph: the job graph's vertices as subtasks, and the channels between them.
 *
 *     plan_job ── rt_exec_init() ──▶ tasks 0..n-1: (vertex, subtask, key groups)     channels: (from task, to task)
 *
 * Regions: tasks that are connected by channels, whichever way, are one (Flink's pipelined regions). Nothing goes from one region
 * to another, so that one can go back to a checkpoint while the others go on.
 *
 * All exchanges from one subtask to another travel in one channel, so that a barrier is one element of it. Tasks are in the
 * order of the vertices: who writes a channel has a lower number than who reads it.
 *
 * Immutable once made.
 */
#include "plan/plan_job.h"
#include "state/sto.h"

struct rt_exec_task {
    uint32_t vertex, subtask;
    struct sto_range groups; /* of keys: all of them where there is one subtask */
    uint32_t region;
};

struct rt_exec_channel {
    uint32_t from, to; /* tasks */
};

struct rt_exec {
    const struct plan_job *job; /* borrowed */
    uint32_t n_tasks;
    struct rt_exec_task *tasks; /* owned */
    uint32_t *first_task;       /* owned; by vertex */
    uint32_t n_regions;         /* in the order of their lowest tasks */
    uint32_t n_channels;
    struct rt_exec_channel *channels; /* owned; by reader, then by writer */
};

/* Requires: the job graph outlives it. */
void rt_exec_init(struct rt_exec *x, const struct plan_job *job);
void rt_exec_release(struct rt_exec *x);
