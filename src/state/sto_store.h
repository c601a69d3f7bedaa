#pragma once
/*
 * sto_store -- the checkpoints of one job: which there are, which are good, what is kept.
 *
 *     DIR/ LOCK
 *          shared/ 5f3a...  c01d...      files that several checkpoints need, by content
 *          chk-41/ MANIFEST ...          each a bundle (sto_bundle.h)
 *          chk-42/ MANIFEST ...
 *
 * Incremental. A checkpoint names the shared files it needs; those that an earlier one brought do not travel again. When
 * the oldest checkpoint goes, files that no kept one names (nor one that is being written) go with it.
 *
 * Atomic. A checkpoint that was not published is a folder "chk-N.part" without a manifest, removed at the next open. One whose
 * files are damaged is named, left alone, and the one before it used. One that cannot be read (EIO, EACCES, EMFILE) may be as good as
 * new, and is never passed over in silence: an older one would bring again what sinks have committed since.
 *
 * Nothing is removed but what has a name that a store gives: the folder may hold what is somebody else's.
 *
 * Invariants (sto_store_check()):
 *   I1  ids of the kept ones ascend, and each is < next_id
 *
 * Threads: a store belongs to one thread at a time; a process locks the folder while it has the store open.
 */
#include "state/sto_bundle.h"

struct sto_store;

/*
 * Opens or makes the folder; removes leftovers. `retained`: how many checkpoints are kept, at least 1.
 * Returns: CEP_ESTATE when another process has it open; CEP_EIO.
 */
enum cep_rc sto_store_open(const char *dir, uint32_t retained, struct sto_store **out, struct cep_err *err);
void sto_store_close(struct sto_store *s); /* NULL is fine */

/* Checkpoints that are published, damaged or not. */
size_t sto_store_n(const struct sto_store *s);
uint64_t sto_store_id(const struct sto_store *s, size_t i); /* ascending */
uint64_t sto_store_next_id(const struct sto_store *s);      /* larger than any there was */

/* Begins checkpoint `id` (>= next_id): files are added with sto_bundle_put() and sto_store_share(). */
enum cep_rc sto_store_begin(
    struct sto_store *s, uint64_t id, int64_t time_us, struct sto_bundle **out, struct cep_err *err);
/*
 * Publishes it, then forgets the oldest ones beyond `retained`. What could not be removed (a file that the system holds on to) is
 * no error: it is tried again with the next one. Frees the bundle in any case.
 */
enum cep_rc sto_store_publish(struct sto_store *s, struct sto_bundle *b, struct cep_err *err);
void sto_store_drop(struct sto_store *s, struct sto_bundle *b);
/* Forgets all there are, and begins to count anew. Requires: none is in the making. */
enum cep_rc sto_store_clear(struct sto_store *s, struct cep_err *err);

/*
 * The newest checkpoint whose files are all as they were written. `damaged` (may be NULL) is told of each newer one that is not,
 * with the file's name. Returns: CEP_NONE when there is none; CEP_EIO when a newer one cannot be read, which may pass.
 */
enum cep_rc sto_store_latest(struct sto_store *s, struct sto_manifest *out,
    void (*damaged)(void *arg, uint64_t id, const struct cep_err *why), void *arg, struct cep_err *err);

/* True when the folder holds a published checkpoint; opens nothing. */
bool sto_store_is_used(const char *dir);

void sto_store_check(const struct sto_store *s);
