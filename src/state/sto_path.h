#pragma once
/*
 * sto_path -- files and folders of state, written so that a crash leaves the old or the new, nothing between.
 *
 * Errors are CEP_EIO with the path and the system's reason; a full disk has the hint to free room. Paths are NUL-terminated.
 *
 * Threads: no shared state.
 */
#include "base/base_buf.h"
#include "base/base_err.h"

/* Makes a folder and its parents; fine when it is there. */
enum cep_rc sto_path_make(const char *dir, struct cep_err *err);
/* Removes a file, or a folder with all it holds (links are not followed); fine when it is not there. */
enum cep_rc sto_path_remove(const char *path, struct cep_err *err);
bool sto_path_exists(const char *path);
/* Names in a folder without "." and "..", sorted, each ended by a NUL; *n says how many. */
enum cep_rc sto_path_list(const char *dir, struct base_buf *names, size_t *n, struct cep_err *err);
/* How long a file is. */
enum cep_rc sto_path_len(const char *path, uint64_t *len, struct cep_err *err);
/* The whole file. Returns: CEP_NONE when it is not there. */
enum cep_rc sto_path_read(const char *path, struct base_buf *out, struct cep_err *err);
/*
 * Puts a file in its place at once: writes "PATH.tmp", syncs it, renames it over PATH, syncs the folder.
 * Ensures: after CEP_OK the bytes survive a power cut; after an error PATH is what it was.
 */
enum cep_rc sto_path_write(const char *path, struct base_str bytes, struct cep_err *err);
/* A second name for the file, or a synced copy where the file systems differ. Fine when `to` is there already. */
enum cep_rc sto_path_link(const char *from, const char *to, struct cep_err *err);
/* Syncs a folder's names. */
enum cep_rc sto_path_sync(const char *dir, struct cep_err *err);
/* Renames a file or folder and syncs the folder it is in. Both lie in the same one. */
enum cep_rc sto_path_publish(const char *from, const char *to, struct cep_err *err);
