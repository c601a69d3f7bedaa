#pragma once
/*
 * clu_batch -- the selected rows of a batch in columns, as bytes for the wire.
 *
 *     batch     varint rows (1 .. EVT_BATCH_ROWS); time, origin, seq as ints; then each column of the schema
 *     column    u8 1 = has nulls, then a bit a row (1 = not null), low bits first; u8 0 = none is null; then its values:
 *     int, timestamp, duration   ints
 *     double    u8 1 and one u64 = all are that; u8 0 and a u64 each (IEEE 754 bits)
 *     bool      a bit a row
 *     decimal   u8 1 and ints = all fit into 64 bits; u8 0 and 16 bytes each
 *     string, bytes   their lengths as ints; all bytes
 *     array     their lengths as ints; the elements as one column
 *     row       its fields, a column each
 *     ints      u8 width (0, 1, 2, 4, 8), zigzag lowest, width bytes for each: what it is above the lowest
 *
 * Values stand in frames of reference because most columns of a batch are close together: times a few seconds apart, positions that
 * count up, a handful of codes. It costs a look for the lowest and the highest and takes 8 bytes a cell to 1 or 2; what
 * repeats in longer ways is for lz4 and zstd (clu_data_wire.h). Below an array widths are 1 at least, so a count of elements cannot be
 * much larger than the bytes that are there. Where a null stands the reader writes zero.
 *
 * Reader and writer agree by the schema of the channel. Readers take any bytes.
 *
 * Cost: O(rows * columns). Threads: none.
 */
#include "base/base_pack.h"
#include "event/evt_batch.h"

/*
 * Appends selected rows from *row (0 at first) on, as many as `max` bytes hold; *row is then behind them, n_rows when those were the last.
 * Returns: how many rows; 0 = none is left and nothing was appended. When a single row is larger than `max`: 0 and *row is
 * not moved.
 */
uint32_t clu_batch_pack(struct base_buf *b, const struct evt_batch *batch, uint32_t *row, size_t max);
/* Returns: a batch, the caller's; NULL when bad, also when something is left. */
struct evt_batch *clu_batch_unpack(struct base_str bytes, const struct evt_schema *schema);
