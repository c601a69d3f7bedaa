#pragma once
/*
 * evt_type -- the types of the language, schemas, and one value.
 *
 * Types and schemas are immutable and live in the arena of whoever made them (usually the plan's); they are
 * compared by structure. The scalar types have one shared instance each (evt_type_of()).
 */
#include "base/base_arena.h"
#include "base/base_buf.h"
#include "cep/error.h"

#include <stdbool.h>
#include <stdint.h>

/* KIND(enumerator, name in the language) */
#define EVT_KIND_LIST(KIND)                                                 \
    KIND(NULL, "null") /* the type of the literal null; no column has it */ \
    KIND(BOOL, "bool")                                                      \
    KIND(INT, "int")                                                        \
    KIND(DOUBLE, "double")                                                  \
    KIND(STRING, "string")                                                  \
    KIND(BYTES, "bytes")                                                    \
    KIND(TIMESTAMP, "timestamp") /* microseconds since the epoch, UTC */    \
    KIND(DURATION, "duration")   /* microseconds */                         \
    KIND(DECIMAL, "decimal")     /* 128-bit count of 10^-scale */           \
    KIND(ARRAY, "array")                                                    \
    KIND(ROW, "row")

enum evt_kind {
#define EVT_KIND_ENUM(name, text) EVT_##name,
    EVT_KIND_LIST(EVT_KIND_ENUM)
#undef EVT_KIND_ENUM
        EVT_KIND_MAX
};

struct evt_column;

struct evt_type {
    enum evt_kind kind;
    uint8_t precision, scale;        /* DECIMAL: 1..38, 0..precision */
    const struct evt_type *elem;     /* ARRAY */
    uint32_t n_fields;               /* ROW */
    const struct evt_column *fields; /* ROW */
};

struct evt_column {
    struct base_str name;
    const struct evt_type *type;
    bool not_null;
};

/*
 * Columns [0, n_visible) are the user's. The rest are hidden ones that operators hand to each other; their
 * names begin with '$' and no sink writes them.
 */
struct evt_schema {
    uint32_t n_cols, n_visible;
    const struct evt_column *cols;
};

/* The kind as the language names it: "int", "array". */
const char *evt_kind_name(enum evt_kind kind);
const struct evt_type *evt_type_of(enum evt_kind kind); /* scalar kinds only, and not DECIMAL */
const struct evt_type *evt_type_decimal(struct base_arena *a, unsigned precision, unsigned scale);
const struct evt_type *evt_type_array(struct base_arena *a, const struct evt_type *elem);
const struct evt_type *evt_type_row(struct base_arena *a, uint32_t n, const struct evt_column *fields);
bool evt_type_eq(const struct evt_type *a, const struct evt_type *b);
bool evt_kind_is_numeric(enum evt_kind kind); /* INT, DOUBLE, DECIMAL */
/* True for values that can be ordered with < (all but ARRAY and ROW; BOOL: false < true). */
bool evt_kind_is_ordered(enum evt_kind kind);
/* Appends the type as the language writes it: "decimal(10,2)", "array(int)", "row(a int, b string)". */
void evt_type_write(struct base_buf *b, const struct evt_type *t);
/* Appends a name, in double quotes where the language needs them. */
void evt_name_write(struct base_buf *b, struct base_str name);
/* Returns: index of a visible column by name, or -1. */
int evt_schema_find(const struct evt_schema *s, struct base_str name);

/*
 * A stream whose rows may be taken back says in its last visible column what a row is, as Flink's changelogs do. Nobody can name a
 * column so: what begins with '$' is reserved.
 */
#define EVT_MARK_NAME  "$op"
#define EVT_MARK_NEW   "+I" /* a row that is new */
#define EVT_MARK_BACK  "-U" /* an earlier row, taken back: the next one stands in its place */
#define EVT_MARK_AFTER "+U" /* the row in its place */
#define EVT_MARK_GONE  "-D" /* an earlier row, taken back: none stands in its place */
/* Returns: index of that column, or -1. */
int evt_schema_mark(const struct evt_schema *s);
/* Is the row of such a mark taken back? */
static inline bool evt_mark_is_back(struct base_str mark) {
    return mark.len > 0 && mark.p[0] == '-';
}

/*
 * One value. Strings, bytes and nested values are borrowed: the header that hands a value out says for how long.
 */
struct evt_val {
    bool null;
    union {
        bool b;
        int64_t i; /* INT, TIMESTAMP, DURATION */
        double d;
        struct {
            const char *p;
            uint32_t len;
        } s; /* STRING, BYTES */
        struct {
            uint64_t lo;
            int64_t hi;
        } dec;
        struct {
            const struct evt_val *v;
            uint32_t n;
        } list; /* ARRAY: elements; ROW: fields */
    };
};

#define EVT_VAL_NULL ((struct evt_val){ .null = true })
static inline __int128 evt_val_dec(const struct evt_val *v) {
    return (__int128)((unsigned __int128)(uint64_t)v->dec.hi << 64 | v->dec.lo);
}
static inline struct evt_val evt_val_of_dec(__int128 x) {
    return (struct evt_val){ .dec = { (uint64_t)x, (int64_t)(x >> 64) } };
}
static inline struct base_str evt_val_str(const struct evt_val *v) {
    return (struct base_str){ v->s.p, v->s.len };
}
/* Total order of two values of one type; null first, NaN last. For keys, sorting and tests. */
int evt_val_cmp(const struct evt_type *t, const struct evt_val *a, const struct evt_val *b);
bool evt_val_eq(const struct evt_type *t, const struct evt_val *a, const struct evt_val *b);
/* Deep copy into an arena. */
struct evt_val evt_val_copy(struct base_arena *a, const struct evt_type *t, const struct evt_val *v);
/* As JSON: timestamps as RFC 3339 strings, durations as strings ("1 h"), decimals as strings, bytes as base64,
 * NaN and infinities as null. */
void evt_val_write_json(struct base_buf *b, const struct evt_type *t, const struct evt_val *v);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD. For names of members, which do not change, write
 * them once and keep the bytes. */
void evt_json_write_str(struct base_buf *b, struct base_str s);
void evt_write_base64(struct base_buf *b, struct base_str s);
/* As plain text, for messages, csv and templates: strings bare, null as "null". */
void evt_val_write_text(struct base_buf *b, const struct evt_type *t, const struct evt_val *v);
/* A value as a literal of the language: 'it''s', 5 s, timestamp '2026-01-01T10:00:00Z', [1, 2], from_base64('...'). */
void evt_val_write_literal(struct base_buf *b, const struct evt_type *t, const struct evt_val *v);
void evt_write_quoted(struct base_buf *b, struct base_str s); /* 'it''s' */
/*
 * Canonical bytes of a value for hashing and comparing keys: equal values give equal bytes, different ones
 * different bytes (a null has its own), and several in a row stay unambiguous. Ints, doubles (-0.0 as 0.0) and
 * times 1 + 8 bytes; strings tag + length + bytes.
 */
void evt_val_write_key(struct base_buf *b, const struct evt_type *t, const struct evt_val *v);
