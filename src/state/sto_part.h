#pragma once
/*
 * sto_part -- what one subtask of one operator saved, as the bytes of one file in a checkpoint or savepoint.
 *
 *     8   "cepdst\0\1"      magic and version
 *     str kind              of the operator: "pattern", "source", ...
 *     str name              as the .pattern has it: state is addressed by it
 *     varint subtask, n     which of how many
 *     then entries, in the order in which they were saved, each:
 *       u8 1
 *       varint namespace
 *       varint 1 + group    0 = of no group
 *       str key, str value
 *     u8 0                  the end: without it the bytes were cut
 *
 * Small parts share a file, since each file costs the disk two syncs: a pack, read by sto_pack_next() as what it holds.
 *
 *     8   "cepdpk\0\1"      magic and version
 *     str part, to the end
 *
 * Numbers as in base_pack.h. The checksum is the manifest's (sto_bundle.h). What keys and values mean is the operator's.
 *
 * Threads: none.
 */
#include "base/base_pack.h"
#include "state/sto.h"

struct sto_part_head {
    struct base_str kind, name; /* borrowed from the bytes */
    uint32_t subtask, n_subtasks;
};

/* Appends the head to `b`. */
void sto_part_begin(struct base_buf *b, const struct sto_part_head *head);
/* Where the operator saves to. Requires: `b` stays where it is. */
struct sto_out sto_part_out(struct base_buf *b);
void sto_part_end(struct base_buf *b);

/* Returns: CEP_EDAMAGED, CEP_EVERSION. `entries` stands at the first entry. */
enum cep_rc sto_part_open(
    struct base_str bytes, struct sto_part_head *head, struct base_unpack *entries, struct cep_err *err);
/* The next entry, borrowed from the bytes. Returns: CEP_NONE after the last, CEP_EDAMAGED. */
enum cep_rc sto_part_next(struct base_unpack *entries, struct sto_entry *e, struct cep_err *err);

bool sto_is_pack(struct base_str file);
/* A pack is begun; a part goes into it. */
void sto_pack_begin(struct base_buf *b);
void sto_pack_add(struct base_buf *b, struct base_str part);
/*
 * The next part of a file, which is a part or a pack of them. `at` is 0 for the first. `part` is borrowed from the bytes.
 * Returns: CEP_NONE after the last, CEP_EDAMAGED, CEP_EVERSION.
 */
enum cep_rc sto_pack_next(struct base_str file, size_t *at, struct base_str *part, struct cep_err *err);
