#pragma once
/*
 * expr_cast -- values of one type as another.
 *
 * Explicit casts: anything -> string; string -> bool, int, double, decimal, timestamp, duration, bytes (blanks around
 * are cut); bytes -> string (must be UTF-8); between numbers (a double or decimal becomes an int by cutting its fraction,
 * a decimal by rounding half away from zero); bool <-> int; array -> array by elements; null -> anything.
 * Implicit ones: null -> anything, int -> double, int -> decimal, decimal -> double, decimal -> decimal without loss.
 */
#include "event/evt_type.h"

/* Does the language have cast(from as to)? */
bool expr_cast_exists(const struct evt_type *from, const struct evt_type *to);
/* Is it one that is made without being written? */
bool expr_cast_is_implicit(const struct evt_type *from, const struct evt_type *to);
/*
 * Requires: expr_cast_exists(from, to); in is not null. *out may be in. Strings are made in `scratch` or borrowed from *in.
 * Returns: false when the value cannot be cast; *failure (static text) says why.
 */
bool expr_cast_val(struct base_arena *scratch, const struct evt_type *from, const struct evt_type *to,
    const struct evt_val *in, struct evt_val *out, const char **failure);
/* The text of a value as evt_val_write_text() has it, in `scratch`; scalars need no other memory. */
struct base_str expr_text_of(struct base_arena *scratch, const struct evt_type *t, const struct evt_val *v);
