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
void clu_saved_send(
    struct clu_link *link, const char *job, uint32_t attempt, struct rt_saved *s, const char *dir);
/* What came. One that cannot be read has rc and err of that. Owns: the caller frees it. */
struct rt_saved *clu_saved_read(const Clu__Saved *msg);
/* The folders of an attempt and of those before it go; NULL and what cannot be removed do no harm. `up_to`: checkpoints. */
void clu_saved_remove(const char *dir, uint32_t attempt, uint64_t up_to);
