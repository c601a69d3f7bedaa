#pragma once
/*
 * rt_snap -- a job's whole state at one instant: a part (state/sto_part.h) for each subtask of each operator, source and sink
 * that has state. What a checkpoint is made of, before it is on disk and after it was read.
 *
 *     tasks ── rt_snap_add() ──▶ rt_snap ── rt_snap_write() ──▶ bundle      part-000000  part-000001 ...
 *     tasks ◀── by name ─────── rt_snap ◀── rt_snap_read() ─── bundle
 *
 * Threads: one at a time.
 */
#include "state/sto_bundle.h"
#include "state/sto_part.h"

struct rt_part {
    struct base_buf bytes;
};

struct rt_snap {
    struct rt_part **parts; /* owned; each stays where it is */
    size_t n, cap;
    uint64_t id; /* of the checkpoint or savepoint that was read; 0 = none */
    bool is_savepoint;
};

void rt_snap_init(struct rt_snap *s);
void rt_snap_release(struct rt_snap *s);
/* A new part, its head written. Borrowed; the caller ends it (sto_part_end()). */
struct rt_part *rt_snap_add(struct rt_snap *s, const struct sto_part_head *head);
/* All parts of `from` go behind those of `to`; `from` is empty then. */
void rt_snap_move(struct rt_snap *to, struct rt_snap *from);
/* Forgets the parts of that kind of operator. */
void rt_snap_drop(struct rt_snap *s, struct base_str kind);
/* Bytes of all parts. */
uint64_t rt_snap_bytes(const struct rt_snap *s);

/* A file a part. The caller publishes or drops the bundle. */
enum cep_rc rt_snap_write(const struct rt_snap *s, struct sto_bundle *b, struct cep_err *err);
/*
 * A savepoint of its own: a folder "savepoint-JOB-20261128T105211Z" in `dir`, which is made when it is not there; "-2" and so on
 * behind it when that name is taken. `job`: the first characters of the job's id or name. Appends the folder's path.
 */
enum cep_rc rt_snap_savepoint(const struct rt_snap *s, const char *dir, struct base_str job, int64_t time_us,
    struct base_buf *path, struct cep_err *err);
/* Appends the bundle's parts. Returns: CEP_EIO, CEP_EDAMAGED with the file's name. */
enum cep_rc rt_snap_read(struct rt_snap *s, const struct sto_manifest *m, struct cep_err *err);
