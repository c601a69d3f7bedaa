#pragma once
/*
 * clu_saved -- what a task saved, from its worker to the coordinator.
 *
 * A small snapshot travels in the message. A large one, or one with databases, becomes a bundle of its own in the job's folder of
 * checkpoints, and the message says where:
 *
 *     CHECKPOINTS/parts/a3-t7-chk-00000012/     attempt 3, task 7, checkpoint 12
 *                                          part/     the bundle
 *                                          shared/   its tables
 *
 * The coordinator makes one checkpoint of all of them, and removes the folder when that is there, or will not be.
 *
 * Threads: any.
 */
#include "cluster/clu_link.h"
#include "runtime/rt_relay.h"

/* `dir`: the job's folder of checkpoints; what cannot be written is told instead. */
void clu_saved_send(struct clu_link *link, const Clu__Part *part, struct rt_saved *s, const char *dir);
/* What came. One that cannot be read has rc and err of that. Owns: the caller frees it. */
struct rt_saved *clu_saved_read(const Clu__Saved *msg);
/*
 * The folders of checkpoints up to that one go, of these tasks (by number; NULL: of all), whatever their attempt. What cannot be removed does no
 * harm.
 */
void clu_saved_remove(const char *dir, const bool *tasks, uint32_t n_tasks, uint64_t up_to);
