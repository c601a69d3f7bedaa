#pragma once
/*
 * rt_save -- a task's state as of one instant, taken while its rows go on.
 *
 *     barrier ──▶ begin: positions, small state; sinks prepare                  the pause
 *     row, slice, row, slice, slice, slice ...: keys; first those that a row would change
 *     all is out ──▶ the relay's
 *
 * An operator that leaves something for later says so (rt_op_vt.save returns CEP_AGAIN) and goes on in slices. A task with input
 * takes a slice between two elements of it, about rt_opts.save_slice_us each; one without takes one after the other. So a large
 * state costs the task as much time as ever, but never stops it for long.
 *
 * Memory: a part that grows large goes to a file while it is made, a piece (RT_PART_CHUNK) at a time and by the relay's
 * thread. When that is behind, slices wait; only a save that is finished at once does not, and holds its state twice.
 *
 * One save of a task is under way at a time: a barrier that comes before it has ended has it finished first.
 *
 * A source's part holds, besides what the operator saves, one entry a partition in namespace 2: key u32 number, value str name,
 * varint position, u8 1 when it is done, str note (con_source_save()). A sink's part holds one entry of META, its prepared
 * transaction, when there is something in it.
 *
 * Internal to src/runtime. Threads: the task's; the relay's for a task that does not run.
 */
#include "runtime/rt_relay.h"

enum { RT_NS_POSITION = 2 };

struct evt_batch;
struct rt_saving;
struct rt_task;

/*
 * All that the task has, as of now. Requires: between two elements of its input; no other save is under way. `alone`: the task does
 * not run, the relay's thread saves it. Never NULL.
 */
struct rt_saving *rt_saving_begin(struct rt_task *task, uint64_t id, bool alone);
/* How long it waited for its barriers. */
void rt_saving_aligned(struct rt_saving *s, int64_t us);
/* Rows under way are packed with the slices. It is unaligned: rows of some channels belong to it (rt_flight.h), until rt_saving_logged() says that was all. */
void rt_saving_log(struct rt_saving *s);
void rt_saving_log_rows(struct rt_saving *s, uint32_t exchange, struct evt_batch *b);
void rt_saving_logged(struct rt_saving *s);
/* True when there is no more to save, or it failed. */
bool rt_saving_is_over(const struct rt_saving *s);
/* True when rt_saving_some() would do something (not while too much waits to be written to files), or it is over. */
bool rt_saving_waits(const struct rt_saving *s);
/* Goes on for about `us`; INT64_MAX: to the end; 0: the least there is. Returns: true when it is over. */
bool rt_saving_some(struct rt_saving *s, int64_t us);
/* Requires: it is over. Owns: the caller frees what was saved, or the failure. */
struct rt_saved *rt_saving_end(struct rt_saving *s);
/* Gives it up: what is left of it is still the relay's, for some of it may wait there to be written. */
struct rt_saved *rt_saving_drop(struct rt_saving *s);
