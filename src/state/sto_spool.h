#pragma once
/*
 * sto_spool -- a file that is written piece by piece before the bundle is begun that it becomes part of: state that is too large
 * to be held in memory until then.
 *
 *     sto_spool_new ── add, add, ... ──▶ PATH ── sto_bundle_adopt() ──▶ DIR.part/NAME
 *
 * Threads: one at a time.
 */
#include "state/sto_bundle.h"

struct sto_spool;

/* Makes the file; what was there goes. */
enum cep_rc sto_spool_new(const char *path, struct sto_spool **out, struct cep_err *err);
enum cep_rc sto_spool_add(struct sto_spool *s, struct base_str bytes, struct cep_err *err);
uint64_t sto_spool_len(const struct sto_spool *s);
/* Removes the file, when no bundle has it. NULL is fine. */
void sto_spool_free(struct sto_spool *s);

/* As sto_bundle_put(), of what is in the file: moved where it can be, and copied where the file systems differ. Once. */
enum cep_rc sto_bundle_adopt(
    struct sto_bundle *b, struct base_str name, struct sto_spool *s, struct cep_err *err);
/* For that: what is in the file survives a power cut. */
enum cep_rc sto_spool_end(
    struct sto_spool *s, const char **path, uint64_t *len, struct sto_hash *hash, struct cep_err *err);
