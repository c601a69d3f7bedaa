#pragma once
/*
 * sto_bundle -- a folder of files that is there whole or not at all: what a checkpoint and a savepoint are made of.
 *
 *     DIR.part/  a b c  ── publish: MANIFEST, sync, rename ──▶  DIR/  MANIFEST a b c
 *
 * The manifest names every file with its length and the XXH3 (128 bits) of its bytes, and ends with its own checksum; so
 * a folder without a good MANIFEST is no bundle, and a damaged file is found and named. A file may lie elsewhere and be shared
 * by several bundles (table files of incremental checkpoints): it is then named by its content, in a folder beside the bundle.
 *
 * MANIFEST, all numbers as in base_pack.h:
 *
 *     8   "cepdmf\0\1"     magic and version
 *     str kind             "checkpoint", "savepoint"
 *     varint id            of a checkpoint; 0
 *     zigzag time          µs since the epoch, when it was begun
 *     varint n             files, then for each, ascending by name:
 *       str name           relative to the bundle, or, shared, what it is called there; no ".." and no leading "/"
 *       u8 shared          1: lies in ../shared/ under the 32 hex digits of its hash
 *       varint length
 *       u64 u64            hash: low, high
 *     u64                  XXH3 (64 bits) of all bytes before it
 *
 * Threads: a bundle being written belongs to one thread; a manifest that was read is immutable.
 */
#include "base/base_arena.h"
#include "base/base_buf.h"
#include "base/base_err.h"

struct sto_hash {
    uint64_t low, high;
};

static inline bool sto_hash_eq(struct sto_hash a, struct sto_hash b) {
    return a.low == b.low && a.high == b.high;
}
/* 32 hex digits: what a shared file is called. */
void sto_hash_write(struct base_buf *b, struct sto_hash h);
bool sto_hash_read(const char *name, struct sto_hash *h); /* false: it is no such name */
enum { STO_HASH_TEXT = 32 };                              /* how long one is */

struct sto_file {
    struct base_str name;
    bool shared;
    uint64_t len; /* bytes */
    struct sto_hash hash;
};

/* Everything in `arena`. */
struct sto_manifest {
    struct base_arena arena; /* owned */
    struct base_str dir;     /* of the bundle, as given */
    struct base_str kind;
    uint64_t id;
    int64_t time_us;
    size_t n_files;
    struct sto_file *files; /* ascending by name */
};

/* -- writing ----------------------------------------------------------------------------------------------- */

struct sto_bundle;

/*
 * Contents of files that were shared once, by inode, length and time: files of a database are never written to again, and one that
 * takes the inode of another has another time. As many as were seen last stay in it.
 */
struct sto_seen;
struct sto_seen *sto_seen_new(void);
void sto_seen_free(struct sto_seen *s); /* NULL is fine */

/*
 * Begins DIR as DIR.part (what an earlier attempt left there is removed). `shared_dir` is where shared files lie, a folder
 * named "shared" beside DIR; NULL = this bundle shares nothing.
 */
enum cep_rc sto_bundle_begin(const char *dir, const char *shared_dir, const char *kind, uint64_t id,
    int64_t time_us, struct sto_bundle **out, struct cep_err *err);
/* A file of its own. Requires: the name is new in this bundle, relative, without "..". */
enum cep_rc sto_bundle_put(
    struct sto_bundle *b, struct base_str name, struct base_str bytes, struct cep_err *err);
/*
 * A file at `path`, never written to again, that other bundles may share: only one that is not there yet travels. One that is a hard
 * link to what is there is not even read. *added: its bytes, or 0.
 */
enum cep_rc sto_bundle_share(
    struct sto_bundle *b, struct base_str name, const char *path, uint64_t *added, struct cep_err *err);
/*
 * What is shared from now on: files that lie in `from`, by content, on the same volume, need not travel; those that `seen` has seen are not read
 * to know their content. Both may be NULL; borrowed until the bundle is published or dropped.
 */
void sto_bundle_reuse(struct sto_bundle *b, const char *from, struct sto_seen *seen);
/* Bytes that were written for it so far: its own files, and those of the shared ones that were not there. */
uint64_t sto_bundle_added(const struct sto_bundle *b);
/*
 * Ensures: DIR is a whole bundle that survives a power cut, or (an error) is not there. Frees the bundle either way.
 * `out` (may be NULL) receives its manifest, the caller's to release.
 */
enum cep_rc sto_bundle_publish(struct sto_bundle *b, struct sto_manifest *out, struct cep_err *err);
/* Gives up: removes what was written. NULL is fine. */
void sto_bundle_drop(struct sto_bundle *b);
/* True when a shared file of that content is in it. */
bool sto_bundle_names(const struct sto_bundle *b, struct sto_hash hash);

/* -- reading ------------------------------------------------------------------------------------------------ */

/*
 * Returns: CEP_NONE when DIR holds no manifest (it is no bundle), CEP_EDAMAGED when the manifest's bytes are not what was
 *          written, CEP_EVERSION for a manifest of a later version, CEP_EIO. The message names the file.
 */
enum cep_rc sto_manifest_read(const char *dir, struct sto_manifest *out, struct cep_err *err);
void sto_manifest_release(struct sto_manifest *m);
/* The manifest's bytes to their meaning; for sto_manifest_read() and the fuzzer. */
enum cep_rc sto_manifest_decode(struct base_str bytes, struct sto_manifest *out, struct cep_err *err);
void sto_manifest_encode(struct base_buf *b, const struct sto_manifest *m);
/* True when it names a shared file of that content. */
bool sto_manifest_names(const struct sto_manifest *m, struct sto_hash hash);
/* NULL when there is none. */
const struct sto_file *sto_manifest_find(const struct sto_manifest *m, struct base_str name);
/* Where a file lies, appended to `path`. */
void sto_file_path(const struct sto_manifest *m, const struct sto_file *f, struct base_buf *path);
/* The file's bytes, checked. Returns: CEP_EDAMAGED with the file's path when length or hash differ. */
enum cep_rc sto_file_read(
    const struct sto_manifest *m, const struct sto_file *f, struct base_buf *out, struct cep_err *err);
/* The same without the bytes, in constant memory. */
enum cep_rc sto_file_verify(const struct sto_manifest *m, const struct sto_file *f, struct cep_err *err);
/* The same without a copy: *out is borrowed until sto_file_unmap(). */
enum cep_rc sto_file_map(
    const struct sto_manifest *m, const struct sto_file *f, struct base_str *out, struct cep_err *err);
void sto_file_unmap(struct base_str mapped);
/*
 * What has been read of it need not lie in this process's memory: bytes [from, to), but for parts of pages, are asked of the system again
 * when they are read again. Who goes through a large file does so every STO_FILE_AHEAD bytes.
 */
enum { STO_FILE_AHEAD = 16 << 20 };
void sto_file_let_go(struct base_str mapped, size_t from, size_t to);
/* Every file of it, in constant memory. Returns: CEP_OK, or what is wrong with the first that is not right. */
enum cep_rc sto_manifest_verify(const struct sto_manifest *m, struct cep_err *err);
