#pragma once
/*
 * evt_view -- a batch made from another one without copying what stays the same.
 *
 * A derived batch has its own schema and selection, shares time, seq, origin and any columns with its parent, and holds
 * a reference on it. Projections use it: `select *, amount * 2 as twice` copies one column.
 */
#include "event/evt_batch.h"

/*
 * Returns: a batch of `schema` with the parent's rows and the parent's selection (shared); its columns are yet to be
 *          given, each once, by evt_view_share() or evt_view_copy(). Owns: the caller holds the one reference.
 */
struct evt_batch *evt_view_new(const struct evt_schema *schema, struct evt_batch *parent);
/* Column `col` is the parent's column `from`. */
void evt_view_share(struct evt_batch *v, uint32_t col, uint32_t from);
/* Column `col` is a copy of a column of as many rows (the result of an expr_vec). */
void evt_view_copy(struct evt_batch *v, uint32_t col, const struct evt_col *from);
/* Returns: a batch of the first columns of another one, of a schema with these; rows of `sel`. Owns: the caller. */
struct evt_batch *evt_view_part(
    const struct evt_schema *schema, struct evt_batch *parent, const uint64_t *sel);
/* Replaces the selection: bits of `sel` for n_rows rows, copied. */
void evt_view_select(struct evt_batch *v, const uint64_t *sel);
