#pragma once
/*
 * plan_library -- shared libraries with compiled operators (cep/operator.h): loaded, looked over, and their types as ours.
 *
 * A library stays loaded as long as the arena that it was loaded into. What it says of itself is checked here once, so that
 * nobody else has to: names, types, how many there are of each thing.
 *
 * Threads: none; loading runs the library's constructors.
 */
#include "base/base_arena.h"
#include "cep/operator.h"
#include "event/evt_type.h"

/*
 * Ensures: *out is in the arena, whole: what an older library does not say is zero.
 * Returns: CEP_EIO (cannot be loaded), CEP_EVERSION (made for another ABI), CEP_EINVAL (what it says of itself is wrong).
 */
enum cep_rc plan_library_load(
    struct base_arena *a, const char *path, const struct cep_library **out, struct cep_err *err);

/* Returns: NULL when it is none: an unknown kind, too deep, a part missing. */
const struct evt_type *plan_type_of_library(struct base_arena *a, const struct cep_type *t);
const struct cep_type *plan_type_for_library(struct base_arena *a, const struct evt_type *t);
/* Returns: false as above. Visible columns only. */
bool plan_schema_of_library(struct base_arena *a, const struct cep_schema *s, struct evt_schema *out);
void plan_schema_for_library(struct base_arena *a, const struct evt_schema *s, struct cep_schema *out);

/* Says of what kind each value is, the parts of it too, for who is outside to see. Requires: the engine made it. */
void plan_val_show(const struct evt_type *t, const struct evt_val *v);
/* May it stand where that type is asked for? Null may. */
bool plan_val_fits(const struct evt_type *t, const struct cep_value *v);
/* "int", "nothing" when it does not say. */
const char *plan_val_kind(const struct cep_value *v);

/* Values are laid out alike on both sides. */
static inline const struct cep_value *plan_vals_for_library(const struct evt_val *v) {
    return (const struct cep_value *)(const void *)v;
}
static inline const struct evt_val *plan_vals_of_library(const struct cep_value *v) {
    return (const struct evt_val *)(const void *)v;
}
