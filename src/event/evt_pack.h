#pragma once
/*
 * evt_pack -- types, values, rows and batches as bytes, the same on every machine; for state on disk and for channels.
 *
 *     type     u8 kind; decimal: u8 precision, u8 scale; array: type; row: varint n, n * (str name, u8 not null, type)
 *     schema   varint columns, varint visible ones, columns as the fields of a row
 *     value    u8 0 = null, or u8 1 and: bool u8; int, timestamp, duration zigzag; double u64 (IEEE 754 bits);
 *              decimal 16 bytes (two's complement, little endian); string, bytes str; array varint n, n values; row its values
 *     row      zigzag time, varint origin, varint seq, a value a column
 *     batch    varint rows, rows * row    (rows that are not selected are left out)
 *
 * u8, varint, zigzag, str: base_pack.h. Values do not say their types: reader and writer agree by a schema, which may itself be
 * packed beside them. Kinds are numbered by EVT_KIND_LIST and never renumbered.
 *
 * Readers take any bytes: what is malformed sets u->bad and gives nulls; types nest EVT_PACK_DEPTH deep at most.
 *
 * Cost: O(bytes). Threads: none.
 */
#include "base/base_pack.h"
#include "event/evt_batch.h"

enum { EVT_PACK_DEPTH = 32 };

void evt_pack_type(struct base_buf *b, const struct evt_type *t);
/* Returns: the type, in the arena; NULL when bad. */
const struct evt_type *evt_unpack_type(struct base_unpack *u, struct base_arena *a);
void evt_pack_schema(struct base_buf *b, const struct evt_schema *s);
const struct evt_schema *evt_unpack_schema(struct base_unpack *u, struct base_arena *a);

void evt_pack_val(struct base_buf *b, const struct evt_type *t, const struct evt_val *v);
/* Ensures: strings in *out point into the reader's bytes, arrays and rows into the arena. */
void evt_unpack_val(
    struct base_unpack *u, const struct evt_type *t, struct base_arena *a, struct evt_val *out);

/* A value of canonical bytes (evt_val_write_key()), as above. */
void evt_unpack_key(
    struct base_unpack *u, const struct evt_type *t, struct base_arena *a, struct evt_val *out);

/* `scratch` is for nested values; the caller clears it. */
void evt_pack_row(
    struct base_buf *b, const struct evt_batch *batch, uint32_t row, struct base_arena *scratch);
/* Appends the row to the batch. Requires: it is not full. Returns: false when the bytes are bad; the batch is as before. */
bool evt_unpack_row(struct base_unpack *u, struct evt_batch *to, struct base_arena *scratch);

void evt_pack_batch(struct base_buf *b, const struct evt_batch *batch);
/* Owns: the caller. NULL when bad. */
struct evt_batch *evt_unpack_batch(struct base_unpack *u, const struct evt_schema *schema);
