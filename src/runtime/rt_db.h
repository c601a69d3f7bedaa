#pragma once
/*
 * rt_db -- a task's database (`state.backend: rocksdb`): opened empty or as a checkpoint has it, copied for a checkpoint, read.
 *
 *     WORK_DIR/task-3/          the task's: keys of its operators that do not fit into memory
 *     WORK_DIR/task-3.at-17/    as of checkpoint 17 (hard links), until that is kept
 *     WORK_DIR/read-2/          a database of a checkpoint that is read through
 *
 * Only patterns have keys there. An operator's number in the rows is made of its name, so it is the same in every run of the
 * job, and in one whose file was edited elsewhere.
 *
 * The budget (rt_opts.state_bytes) is of the whole job: databases have a quarter of it for what they hold in memory, the subtasks
 * of patterns share the rest.
 *
 * Internal to src/runtime. Threads: the task's, but for rt_db_save().
 */
#include "runtime/rt_snap.h"
#include "runtime/rt_task.h"
#include "state/sto_db.h"

struct rt_job;

/* True when the task has a database. */
bool rt_db_wanted(const struct rt_task *task);
/* Bytes of keys that a subtask of a pattern holds in memory: of `state.memory` the part that is its. 0 = no limit. */
uint64_t rt_db_share(const struct rt_job *job, const struct plan_vertex *v);
/* Gives its operators their numbers. Before all that follows. */
enum cep_rc rt_db_init(struct rt_task *task, struct cep_err *err);
/* `from`: what it begins with; NULL = nothing. Requires: rt_db_wanted(). */
enum cep_rc rt_db_open(struct rt_task *task, const struct rt_snap_db *from, struct cep_err *err);
void rt_db_close(struct rt_task *task); /* and forgets what it held; does no harm when there is none */
/* What it holds now becomes part of the snapshot. Threads: any, while the task does not write to it. */
enum cep_rc rt_db_save(const struct rt_task *task, uint64_t id, struct rt_snap *snap, struct cep_err *err);

/* True when it was the database of that subtask with those operators, none more, none less. */
bool rt_db_is_of(const struct rt_snap_db *db, const struct rt_task *task);
/* True when the operator's part has its keys there. */
bool rt_db_has(const struct rt_snap_db *db, const struct sto_part_head *part, uint16_t *number);

/* An entry that means something only together with the database that was saved with it. */
bool rt_db_is_bound(struct base_str kind, const struct sto_entry *e);

/* A saved database that is read: a copy of it in `dir`, which is removed at the end. */
struct rt_db_reader {
    char *dir; /* owned; NULL: not open */
    struct sto_db *db;
};

/* Safe to close in any case. */
enum cep_rc rt_db_reader_open(
    struct rt_db_reader *r, const struct rt_snap_db *db, const char *dir, struct cep_err *err);
void rt_db_reader_close(struct rt_db_reader *r); /* does no harm when it is not open */
/* The entries of an operator, group by group; load() returns CEP_OK to go on. */
typedef enum cep_rc (*rt_db_entry_fn)(void *arg, const struct sto_entry *e, struct cep_err *err);
enum cep_rc rt_db_reader_scan(
    struct rt_db_reader *r, uint16_t number, rt_db_entry_fn load, void *arg, struct cep_err *err);
/*
 * Puts the keys that are in databases among the entries of the parts, so that the snapshot needs none: what a savepoint is.
 * Side effects: the databases are gone from it.
 */
enum cep_rc rt_db_dissolve(struct rt_snap *snap, const char *work_dir, struct cep_err *err);
/* The same for the bytes of one part, in memory, for who looks at a snapshot. A folder below $TMPDIR is used meanwhile. */
enum cep_rc rt_db_complete(const struct rt_snap *snap, struct base_buf *bytes, struct cep_err *err);
