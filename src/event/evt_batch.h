#pragma once
/*
 * evt_batch -- up to EVT_BATCH_ROWS events in columns: what flows between operators.
 *
 * The layout is Apache Arrow's in spirit: a validity bitmap (NULL pointer = all valid), fixed-width values, strings
 * as n+1 offsets and bytes. Bools are a byte a row (what compilers vectorise). Every buffer is 64-byte aligned
 * and padded to 64 bytes, so kernels may work on whole vectors past the last row.
 *
 *     batch ── cols[0]: type int     valid ─▶ 1 0 1 ...   i   ─▶ 7 ? 9 ...
 *           ── cols[1]: type string  valid = NULL         off ─▶ 0 2 2 5 ...   bytes ─▶ "deusa..."
 *           ── time[]   event time, µs     ── seq[] position in the partition     ── origin[] partition number
 *
 * A batch is built by one owner (the setters below), then sent: from then on it is immutable and reference
 * counted. `sel`, when not NULL, is a bitmap of the rows that are there; others are to be skipped.
 *
 * Threads: reference counts are atomic; a batch under construction belongs to one thread.
 */
#include "event/evt_type.h"

#include <stdatomic.h>

enum { EVT_BATCH_ROWS = 1024 };

/*
 * Rows that come from no source but are matches have this bit in `origin`, over a hash of their key; `seq` counts the matches
 * of one key and time in its upper 16 bits, over a hash that makes each one of a kind.
 */
#define EVT_ORIGIN_MATCH UINT32_C(0x80000000)
enum { EVT_MATCH_NTH_SHIFT = 48 };

struct evt_col {
    const struct evt_type *type;
    uint64_t *valid; /* bit set = not null; NULL = no nulls; bits past the last row are unspecified */
    union {
        uint8_t *b;
        int64_t *i; /* INT, TIMESTAMP, DURATION */
        double *d;
        __int128 *dec;
        uint32_t *off; /* STRING, BYTES, ARRAY: n + 1 offsets */
    };
    char *bytes;         /* STRING, BYTES */
    uint32_t cap_bytes;  /* of bytes */
    uint32_t cap_rows;   /* rows there is room for (children of arrays grow) */
    uint32_t n_children; /* ARRAY: 1; ROW: n_fields */
    struct evt_col *children;
    uint64_t *valid_buf; /* owned; what evt_col_need_valid() makes `valid` point at */
};

struct evt_batch {
    atomic_uint refs;
    uint32_t n_rows;
    uint32_t cap_rows;
    const struct evt_schema *schema; /* borrowed: outlives the batch */
    struct evt_col *cols;            /* schema->n_cols of them */
    int64_t *time;                   /* event time (or arrival time), µs */
    uint64_t *seq;                   /* position in the partition: with origin, the identity of an event */
    uint32_t *origin;                /* number of the source partition, in the order that breaks ties */
    uint64_t *sel;                   /* rows that are there; NULL = all */
    uint64_t *sel_buf;               /* owned; what evt_batch_need_sel() makes `sel` point at */
    struct evt_batch
        *parent; /* counted; a derived batch (evt_view.h) shares its parent's time, seq, origin, and
                                        the columns whose cap_rows is 0; NULL = it owns all of them */
};

/* Owns: the caller holds the one reference. Columns are all null-less and empty. cap_rows 0 = EVT_BATCH_ROWS; it is
 * rounded up to a multiple of 64. */
struct evt_batch *evt_batch_new(const struct evt_schema *schema, uint32_t cap_rows);
struct evt_batch *evt_batch_ref(struct evt_batch *b);
void evt_batch_unref(struct evt_batch *b); /* NULL is fine */
/* Empties a batch that nobody else holds, keeping its buffers. */
void evt_batch_clear(struct evt_batch *b);
/* Bytes of memory held. */
size_t evt_batch_bytes(const struct evt_batch *b);
/* Bytes of the values in its rows, as columns have them: of numbers their width, of texts and arrays what is in them and their
 * places. With a selection, the selected rows' share of that. */
uint64_t evt_batch_data_bytes(const struct evt_batch *b);

/*
 * Building: the cells of row n_rows are set in any order, every column exactly once (null or a value; setting one
 * again needs evt_col_set_val, _bytes or _null, which know of an earlier null), then evt_batch_end_row() adds the row.
 * The owner sets time, seq and origin. A column's bytes stay below 4 GiB: a source closes a batch long before.
 */
static inline void evt_batch_end_row(struct evt_batch *b) {
    b->n_rows++;
}
/* Forgets what was set in row n_rows: a record turned out to be broken half way. */
void evt_batch_drop_row(struct evt_batch *b);
static inline bool evt_batch_is_full(const struct evt_batch *b) {
    return b->n_rows == b->cap_rows;
}
/* Returns: b->sel, made with all rows in it when it was NULL. */
uint64_t *evt_batch_need_sel(struct evt_batch *b);
/* Returns: rows that are there. */
uint32_t evt_batch_count(const struct evt_batch *b);
static inline bool evt_batch_has(const struct evt_batch *b, uint32_t row) {
    return !b->sel || ((b->sel[row >> 6] >> (row & 63)) & 1);
}
void evt_col_set_null(struct evt_col *c, uint32_t row);
void evt_col_set_val(struct evt_col *c, uint32_t row, const struct evt_val *v); /* any type, copies bytes */
void evt_col_set_bytes(struct evt_col *c, uint32_t row, const char *p, uint32_t len);
/* Room for `len` bytes of the string of row `row`. Returns: where to write them; then evt_col_took_bytes() with the length. */
char *evt_col_room(struct evt_col *c, uint32_t row, uint32_t len);
static inline void evt_col_took_bytes(struct evt_col *c, uint32_t row, uint32_t len) {
    c->off[row + 1] = c->off[row] + len;
}
/* Copies a cell; both columns have one type. */
void evt_col_copy(struct evt_col *to, uint32_t row, const struct evt_col *from, uint32_t from_row);
static inline void evt_col_set_i(struct evt_col *c, uint32_t row, int64_t v) {
    c->i[row] = v;
}
static inline void evt_col_set_d(struct evt_col *c, uint32_t row, double v) {
    c->d[row] = v;
}
static inline void evt_col_set_b(struct evt_col *c, uint32_t row, bool v) {
    c->b[row] = v;
}
/* Appends row `row` of `from` (same types, column by column) at the end of `to`, with time, seq and origin. */
void evt_batch_append(struct evt_batch *to, const struct evt_batch *from, uint32_t row);

/* Reading. Strings in *out point into the batch; arrays and rows are made in `scratch`. */
static inline bool evt_col_is_null(const struct evt_col *c, uint32_t row) {
    return c->valid && !((c->valid[row >> 6] >> (row & 63)) & 1);
}
static inline struct base_str evt_col_str(const struct evt_col *c, uint32_t row) {
    return (struct base_str){ c->bytes + c->off[row], c->off[row + 1] - c->off[row] };
}
/* The row's place in its partition, as users see it: a source's position, or the number of a match. */
static inline uint64_t evt_batch_position(const struct evt_batch *b, uint32_t row) {
    return b->origin[row] & EVT_ORIGIN_MATCH ? b->seq[row] >> EVT_MATCH_NTH_SHIFT : b->seq[row];
}
void evt_col_get(const struct evt_col *c, uint32_t row, struct base_arena *scratch, struct evt_val *out);
/* Appends what evt_val_write_key() does for the cell; the usual types without making a value. */
void evt_col_write_key(struct base_buf *b, const struct evt_col *c, uint32_t row, struct base_arena *scratch);

/* Appends a row's visible columns as one JSON object. */
void evt_batch_write_json(
    struct base_buf *out, const struct evt_batch *b, uint32_t row, struct base_arena *scratch);

/*
 * A column outside a batch (results of expressions): `cap_rows` rows of `type`, buffers owned.
 */
void evt_col_init(struct evt_col *c, const struct evt_type *type, uint32_t cap_rows);
void evt_col_release(struct evt_col *c);
void evt_col_clear(struct evt_col *c);
/* A validity bitmap for a column that had none, all rows valid. Only for columns that own their buffers. */
void evt_col_need_valid(struct evt_col *c);

/*
 * What flows in a channel: a batch or a control element between batches.
 */
enum evt_elem_kind {
    EVT_ELEM_BATCH = 0,
    EVT_ELEM_WATERMARK,
    EVT_ELEM_IDLE,
    EVT_ELEM_BARRIER,
    EVT_ELEM_END,  /* of one stream of the channel: all of its input has been seen */
    EVT_ELEM_STOP, /* of the channel: whoever filled it has finished or was stopped; always the last */
    EVT_ELEM_MAX
};

struct evt_elem {
    enum evt_elem_kind kind;
    uint32_t stream; /* BATCH, WATERMARK, IDLE, END: a channel carries several streams */
    union {
        struct evt_batch *batch; /* BATCH */
        int64_t watermark;       /* WATERMARK, µs; no more events with time <= it */
        bool idle;               /* IDLE: it is, or is not any more */
        uint64_t barrier;        /* BARRIER: checkpoint id */
    };
};

#define EVT_TIME_MIN INT64_MIN /* before the first event */
#define EVT_TIME_MAX INT64_MAX /* the end of time */
