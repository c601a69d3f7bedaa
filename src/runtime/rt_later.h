#pragma once
/*
 * rt_later -- what a restore left where it lies, read while rows go on.
 *
 *     load: entries that stay, kept as places in the snapshot's bytes    before the first row
 *     row, slice, row, slice, slice, slice ...: they are read            rows that touch one of them read it first
 *     all are in: the snapshot's bytes are let go
 *
 * An operator that leaves something for later says so (rt_op_vt.loaded returns CEP_AGAIN) and goes on in slices, as with a save
 * (rt_save.h): a task with input takes one between two elements of it, one without takes one after the other.
 *
 * Internal to src/runtime. Threads: the one that opens the task, then the task's.
 */
#include "cep/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_op;
struct rt_part;
struct rt_task;

struct rt_later {
    struct rt_op **ops; /* owned array; that have something to read */
    size_t n_ops, cap_ops;
    struct rt_part **parts; /* owned array; a reference each */
    size_t n_parts, cap_parts;
    size_t n_read; /* bytes, since what was read of the parts left memory */
};

void rt_later_add(struct rt_later *l, struct rt_op *op);
/* What its operators read stays until all have read. */
void rt_later_keep(struct rt_later *l, struct rt_part *part);
/* Goes on for about `us`. Requires: there is something. */
enum cep_rc rt_later_some(struct rt_task *task, int64_t us, struct cep_err *err);
/* Requires: its operators are gone, or have read. */
void rt_later_release(struct rt_later *l);
static inline bool rt_later_waits(const struct rt_later *l) {
    return l->n_ops > 0;
}
