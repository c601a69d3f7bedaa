#pragma once
/*
 * expr_zone -- offsets of time zones: `+02:00`, `UTC`, or a name of the tz database (read from TZDIR's files, RFC 8536).
 *
 * A zone is read once, when the expression is built, and does not change after. Times after the last transition of the
 * file follow its closing rule; a rule of another form than Mm.w.d keeps the last offset.
 */
#include "base/base_arena.h"
#include "cep/error.h"

struct expr_zone;

/* Returns: CEP_EINVAL when there is no such zone, CEP_EDAMAGED when its file is not right. Owns: the arena. */
enum cep_rc expr_zone_load(
    struct base_arena *a, struct base_str name, struct expr_zone **out, struct cep_err *err);
/* What the zone's clock is ahead of UTC at a time (of UTC). */
int64_t expr_zone_offset_us(const struct expr_zone *z, int64_t utc_us);
/* The time (of UTC) at which the zone's clock shows `local`: of two the earlier; of none, the time as if the clock had not been put
 * forward. */
int64_t expr_zone_to_utc(const struct expr_zone *z, int64_t local_us);
