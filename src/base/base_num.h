#pragma once
/*
 * base_num -- numbers and times as text, exact and independent of the locale.
 *
 * Parsers take the whole of `s` (no blanks, no rest) and return false when it is not one or out of range.
 * Writers append to a buffer. A double is written in its shortest form that reads back as the same value,
 * with ".0" when it is whole (1.0, 1e+300); JSON has no NaN or infinity: the JSON writer decides about those.
 */
#include "base/base_buf.h"

bool base_parse_i64(struct base_str s, int64_t *out);
bool base_parse_u64(struct base_str s, uint64_t *out);
bool base_parse_f64(struct base_str s, double *out);

/* decimal(p,s): a 128-bit integer counting units of 10^-scale; at most 38 digits. */
bool base_parse_decimal(struct base_str s, unsigned precision, unsigned scale, __int128 *out);
void base_write_decimal(struct base_buf *b, __int128 v, unsigned scale);

void base_write_i64(struct base_buf *b, int64_t v);
void base_write_f64(struct base_buf *b, double v);

/*
 * Timestamps are microseconds since 1970-01-01 00:00:00 UTC, proleptic Gregorian, years 0001 to 9999.
 * Accepted: "2026-01-01", "2026-01-01 10:00", "2026-01-01T10:00:00.123456Z", "... 10:00:00+02:00"; digits of a
 * second beyond the sixth are cut. Written: "2026-01-01T10:00:00.123Z" (fraction of 0, 3 or 6 digits).
 */
bool base_parse_timestamp(struct base_str s, int64_t *out_us);
void base_write_timestamp(struct base_buf *b, int64_t us);

/* "250 ms", "5s", "10 min", "1 h", "2 d", long forms, and sequences of them ("1 h 30 min"); microseconds. */
bool base_parse_duration(struct base_str s, int64_t *out_us);
/* Written in the largest units that are exact: "1 h 30 min", "250 ms", "0 s". */
void base_write_duration(struct base_buf *b, int64_t us);

struct base_civil {
    int64_t year;
    int month, day, hour, minute, second, us; /* month and day from 1 */
};
struct base_civil base_civil_of(int64_t us);
int64_t base_civil_to_us(const struct base_civil *c);
