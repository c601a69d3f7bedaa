#pragma once
/*
 * rt_snap -- a job's whole state at one instant: a part (state/sto_part.h) for each subtask of each operator, source and sink
 * that has state. What a checkpoint is made of, before it is on disk and after it was read.
 *
 *     tasks ── rt_snap_add() ──▶ rt_snap ── rt_snap_write() ──▶ bundle      part-000000  part-000001 ...
 *     tasks ◀── by name ─────── rt_snap ◀── rt_snap_read() ─── bundle
 *
 * With `state.backend: rocksdb` the keys of a task's operators are in its database, and a copy of that (hard links) is in the
 * snapshot instead of their entries:
 *
 *     bundle:  db-000000/about     a part: kind "database", the task's subtask; an entry an operator in namespace 1:
 *                                  key u32 its number in the rows, value str kind, str name
 *              db-000000/000012.sst, CURRENT, MANIFEST-000005 ...      RocksDB's; .sst shared between checkpoints by content
 *
 * Threads: one at a time.
 */
#include "state/sto_bundle.h"
#include "state/sto_part.h"

#include <stdatomic.h>

struct sto_spool;

/* Large ones are in a file before they are complete; those that were read are mapped. */
struct rt_part {
    struct base_buf bytes;   /* all of it, or what follows what is in the file */
    struct sto_spool *spool; /* owned; the relay's; NULL: nothing is in a file */
    struct base_str mapped;  /* owned; of a part that was read; then there are no bytes */
    atomic_uint more_refs;   /* who reads it still when the snapshot is gone */
    enum cep_rc failed;      /* to get into the file */
    struct cep_err failure;
};

enum { RT_PART_CHUNK = 1 << 20 /* what is written to the file at a time */ };

struct rt_snap_file {
    char *name, *path; /* owned */
    uint64_t len;
};

/* A database as of the snapshot. */
struct rt_snap_db {
    struct base_buf about;
    char *dir; /* owned; where the copy is, removed with the snapshot; NULL: its files are a bundle's */
    struct rt_snap_file *files; /* owned */
    size_t n_files, cap_files;
};

struct rt_snap {
    struct rt_part **parts; /* owned; each stays where it is */
    size_t n, cap;
    uint64_t id; /* of the checkpoint or savepoint that was read; 0 = none */
    bool is_savepoint;
    struct rt_snap_db **dbs; /* owned */
    size_t n_dbs, cap_dbs;
};

enum { RT_NS_DB_OP = 1 };

void rt_snap_init(struct rt_snap *s);
void rt_snap_release(struct rt_snap *s);
/* A new part, its head written. Borrowed; the caller ends it (sto_part_end()). */
struct rt_part *rt_snap_add(struct rt_snap *s, const struct sto_part_head *head);
/* A part whose bytes came from elsewhere; copies. Returns: CEP_EDAMAGED, CEP_EVERSION for bytes that are none. */
enum cep_rc rt_snap_take(struct rt_snap *s, struct base_str part, struct cep_err *err);
/* It stays until the snapshot and all who took a reference have let it go. Any thread. */
struct rt_part *rt_part_ref(struct rt_part *p);
void rt_part_unref(struct rt_part *p);
/* What the part says. Requires: nothing of it is in a file. Borrowed from it. */
struct base_str rt_part_view(const struct rt_part *p);
/* Bytes [from, to) of what the part says were read, and may not be again: of one that is mapped they leave this process's memory. */
void rt_part_let_go(const struct rt_part *p, size_t from, size_t to);
/* Bytes of the part, in order, go to a file in `dir`. A failure is told when the snapshot is written. */
void rt_part_spool(struct rt_part *p, const char *dir, struct base_str bytes);

/* The database that was copied to `dir`: lists its files. `about` has its head only. Takes over the folder, also after an error. */
enum cep_rc rt_snap_add_db(struct rt_snap *s, const char *dir, const struct sto_part_head *about,
    struct rt_snap_db **out, struct cep_err *err);
void rt_snap_forget_dbs(struct rt_snap *s);
/* All parts of `from` go behind those of `to`; `from` is empty then. */
void rt_snap_move(struct rt_snap *to, struct rt_snap *from);
/* Forgets the parts of that kind of operator. */
void rt_snap_drop(struct rt_snap *s, struct base_str kind);
/* Bytes of all parts and databases. */
uint64_t rt_snap_bytes(const struct rt_snap *s);

/* A file for each part, small ones together; table files are shared. The caller publishes or drops the bundle. */
enum cep_rc rt_snap_write(const struct rt_snap *s, struct sto_bundle *b, struct cep_err *err);
/*
 * A savepoint of its own: a folder "savepoint-JOB-20261128T105211Z" in `dir`, which is made when it is not there; "-2" and so on
 * behind it when that name is taken. `job`: the first characters of the job's id or name. Appends the folder's path.
 */
enum cep_rc rt_snap_savepoint(const struct rt_snap *s, const char *dir, struct base_str job, int64_t time_us,
    struct base_buf *path, struct cep_err *err);
/* Appends the bundle's parts. Returns: CEP_EIO, CEP_EDAMAGED with the file's name. */
enum cep_rc rt_snap_read(struct rt_snap *s, const struct sto_manifest *m, struct cep_err *err);
