#pragma once
/*
 * con_file_sink -- what the two halves of the file sink share: con_file_sink.c writes and rotates, con_file_commit.c makes
 * transactions of it.
 *
 * A part file's life, exactly once:
 *
 *     .part-0-000007.ndjson.open ──finish──▶ pending ──prepare──▶ in the checkpoint ──commit──▶ part-0-000007.ndjson
 *              │                                                          └ restore: committed again (no harm), or
 *              └ kept over checkpoints when files end by size or time:      renamed where the commit was missed
 *                its length is in the checkpoint, and it is cut back to it
 *
 * Without checkpoints finish renames.
 */
#include "connect/con_file.h"

#include <sys/stat.h>

enum { CON_FILE_HEAD = 1024 };

/* A part file that is whole and on disk, but has its hidden name. */
struct con_file_part {
    uint64_t number, length;
};

struct con_file_sink {
    struct con_sink sink;
    struct con_encoder *enc; /* borrowed */
    char *path;              /* owned: the file, or the folder with its '/' */
    char *open_path;         /* owned: of the file being written; NULL = none is open */
    int fd;
    bool parts, sync, append;
    bool rotates; /* by size or time */
    bool
        exactly_once; /* part files get their names by commit() only; what is written is synced by prepare() */
    bool broken;      /* a sync failed: nobody knows what is on disk, only a restore helps */
    bool folder_dirty; /* names in it changed since it was synced */
    uint32_t subtask;
    uint64_t bare;   /* size of a file without records: its header's */
    uint64_t size;   /* bytes in the file and the buffer */
    uint64_t number; /* of the next rotated or part file */
    int64_t opened_us;
    int64_t rotate_size, rotate_every_us;
    size_t buffer;
    struct base_buf out;
    size_t out_done;   /* of out: written */
    uint64_t out_rows; /* rows in out */
    size_t n_pending, cap_pending;
    struct con_file_part *pending; /* owned */
    uint64_t n_head, head;         /* one file: hash of its first bytes, how many */
};

static inline struct con_file_sink *con_file_sink_of(struct con_sink *sink) {
    return (struct con_file_sink *)sink;
}

/* The path of a part file, finished or not. Returns: an owned string. */
char *con_file_part_path(const struct con_file_sink *fs, uint32_t subtask, uint64_t number, bool is_open);
/* A rotated file's path. Returns: an owned string. */
char *con_file_rotated_path(const struct con_file_sink *fs, uint64_t number);
/* Opens the file to write to, or makes it. Requires: none is open. */
enum cep_rc con_file_begin(struct con_file_sink *fs, struct cep_err *err);
/* Takes a descriptor as the open file, of `size` bytes, with no bytes before its records but `bare`. Owns: path, fd. */
void con_file_take(struct con_file_sink *fs, int fd, char *path, uint64_t size, uint64_t bare);
/* Writes what is in the buffer. */
enum cep_rc con_file_push(struct con_file_sink *fs, struct cep_err *err);
/* The open file is whole: its name becomes that of a finished one, or it waits for its commit. */
enum cep_rc con_file_finish(struct con_file_sink *fs, bool rotate, struct cep_err *err);
/* Syncs the open file; one that fails is never taken for done later. */
enum cep_rc con_file_sync(struct con_file_sink *fs, struct cep_err *err);
/* Renames, but never over a file that is there. */
enum cep_rc con_file_rename(const char *from, const char *to, struct cep_err *err);

/* con_file_commit.c: see con.h. */
enum cep_rc con_file_prepare(
    struct con_sink *sink, uint64_t checkpoint, struct base_buf *out, struct cep_err *err);
enum cep_rc con_file_commit(struct con_sink *sink, struct base_str state, struct cep_err *err);
/* See con_sink_tell(). */
bool con_file_tell(struct base_str state, struct base_buf *words);
/* Before anything is opened: files become what they were at the checkpoint. Returns: CEP_OK with a file open, or none. */
enum cep_rc con_file_restore(struct con_file_sink *fs, const struct con_sink_how *how, struct cep_err *err);
/*
 * con_file_own.c. Exactly once: the open file, of whose bytes fs->size count, is nobody else's. One that a writer of the same name has is
 * taken from it: fs->fd is another one then. Returns: CEP_ESTATE, CEP_EIO.
 */
enum cep_rc con_file_lock(struct con_file_sink *fs, struct cep_err *err);
/* Nobody has taken it. */
bool con_file_is_there(const struct con_file_sink *fs);
