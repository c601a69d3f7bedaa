#pragma once
/*
 * clu_saved -- what a task saved, from its worker to the coordinator.
 *
 * A small snapshot travels in the message. A large one, or one with databases, becomes a bundle of its own in the job's folder of
 * checkpoints, and the message says where:
 *
 *     CHECKPOINTS/parts/a3-t7/           attempt 3, task 7
 *                        chk-00000012/   the bundle, of checkpoint 12
 *                        shared/         tables of its bundles, by content
 *     CHECKPOINTS/shared/                those of the job's checkpoints
 *
 * Only tables that are in neither of the two folders travel from the worker to that storage: one that a checkpoint of the job has gets a second name,
 * and one that was there before is not even read. A table goes from parts/ when no bundle that the coordinator may still want names it, nor the
 * last one, which the next is like.
 *
 * The coordinator makes one checkpoint of all bundles, and removes them when that is there, or will not be.
 *
 * Threads: one at a time.
 */
#include "cluster/clu_link.h"
#include "runtime/rt_relay.h"

/* What a part has written so far. */
struct clu_saver;

/* `dir`: the job's folder of checkpoints; copied. */
struct clu_saver *clu_saver_new(const char *dir, uint32_t attempt, uint32_t n_tasks);
void clu_saver_free(struct clu_saver *v); /* NULL is fine */
/* What cannot be written is told instead. */
void clu_saved_send(struct clu_link *link, const Clu__Part *part, struct clu_saver *v, struct rt_saved *s);

/* What came. One that cannot be read has rc and err of that. Owns: the caller frees it. */
struct rt_saved *clu_saved_read(const Clu__Saved *msg);
/*
 * The bundles of checkpoints up to that one go, of these tasks (by number; NULL: of all), whatever their attempt; UINT64_MAX: and all that
 * they have. What cannot be removed does no harm.
 */
void clu_saved_remove(const char *dir, const bool *tasks, uint32_t n_tasks, uint64_t up_to);
