#pragma once
/*
 * expr_calendar -- fields and units of timestamps: proleptic Gregorian, UTC, weeks as ISO 8601 has them.
 */
#include "base/base_str.h"

/* UNIT(enumerator, name) -- from small to large. */
#define EXPR_UNIT_LIST(UNIT)         \
    UNIT(MICROSECOND, "microsecond") \
    UNIT(MILLISECOND, "millisecond") \
    UNIT(SECOND, "second")           \
    UNIT(MINUTE, "minute")           \
    UNIT(HOUR, "hour")               \
    UNIT(DAY, "day")                 \
    UNIT(WEEK, "week")               \
    UNIT(MONTH, "month")             \
    UNIT(QUARTER, "quarter")         \
    UNIT(YEAR, "year")               \
    UNIT(DECADE, "decade")           \
    UNIT(CENTURY, "century")         \
    /* only fields: */               \
    UNIT(DOW, "dow")                 \
    UNIT(ISODOW, "isodow")           \
    UNIT(DOY, "doy")                 \
    UNIT(ISOYEAR, "isoyear")         \
    UNIT(EPOCH, "epoch")

enum expr_unit {
#define EXPR_UNIT_ENUM(name, text) EXPR_UNIT_##name,
    EXPR_UNIT_LIST(EXPR_UNIT_ENUM)
#undef EXPR_UNIT_ENUM
        EXPR_UNIT_MAX
};

/* In any case, with or without an s at the end. Returns: EXPR_UNIT_MAX when it is none. */
enum expr_unit expr_unit_of(struct base_str name);
/* Microseconds of a unit of fixed length (up to WEEK), else 0. */
int64_t expr_unit_us(enum expr_unit unit);

/* Years 0001 to 9999. */
bool expr_timestamp_in_range(int64_t us);
/* SECOND and smaller are of the minute, second, second: 0-59, 0-999, 0-999999. DOW: Sunday is 1. */
int64_t expr_field(enum expr_unit field, int64_t us);
/* The start of the unit that us is in. Requires: up to CENTURY. */
int64_t expr_trunc_time(enum expr_unit unit, int64_t us);
/* Returns: false when the result is no timestamp. Months that are too short take their last day. */
bool expr_add_time(enum expr_unit unit, int64_t n, int64_t us, int64_t *out);
/* Whole units from a to b, negative when b is earlier. Requires: up to CENTURY. */
int64_t expr_diff_time(enum expr_unit unit, int64_t a, int64_t b);
/* 28 to 31; month from 1. */
int expr_days_of_month(int64_t year, int month);
/* Largest multiple of step that is not above us, counted from the epoch. Requires: step > 0. */
int64_t expr_floor_to(int64_t us, int64_t step);
