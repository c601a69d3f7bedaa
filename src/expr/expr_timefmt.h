#pragma once
/*
 * expr_timefmt -- timestamps by a pattern of letters, as Java's DateTimeFormatter has them; names are English, times UTC.
 *
 *     y yyyy yy  year            H HH  hour 0-23       S...  fraction of a second, as many digits
 *     M MM       month           h hh  hour 1-12       E EEEE  Mon, Monday
 *     MMM MMMM   Jan, January    a     AM, PM          X XX XXX  offset: Z, +0100, +01:00
 *     d dd       day of month    m mm  minute          'text' ''  as it stands, one quote
 *     D DDD      day of year     s ss  second          anything that is no letter stands for itself
 *
 * Read: one letter takes as many digits as there are, several take exactly so many; a blank takes one or more; without
 * an offset the time is UTC; what the pattern lacks is 1970-01-01 00:00:00.
 */
#include "base/base_buf.h"

/* Returns: NULL, or what is wrong with a pattern (static text). */
const char *expr_timefmt_check(struct base_str pattern);
/* Requires: a pattern that is right. Appends at most pattern.len * 9 + 32 bytes to `to`. Returns: bytes. */
size_t expr_timefmt_write(char *to, struct base_str pattern, int64_t us);
/* Requires: a pattern that is right. Returns: false when s is not of that form or no time. */
bool expr_timefmt_read(struct base_str pattern, struct base_str s, int64_t *us);
/* "monday" from 0; "january" from 0. */
const char *expr_day_name(int day);
const char *expr_month_name(int month);
