#pragma once
/*
 * con_generate -- the connector `generate`: what a column is made of.
 *
 *     amount = 'uniform 0 1000'       evenly spread numbers (also of decimals, durations in seconds)
 *     amount = 'normal 20 5'          mean and standard deviation
 *     card = 'key c 10000'            c0 ... c9999, evenly; 'zipf c 10000 1.1': few keys often
 *     country = 'pick DE:8|FR|BR'     one of these, with weights
 *     n = 'sequence 1 2'              1, 3, 5, ...
 *     kind = 'const login'            always the same
 *     at = 'clock'                    the event's time (timestamps; default)
 *     note = 'null'                   nothing
 */
#include "connect/con_internal.h"

enum gen_kind {
    GEN_UNIFORM = 0,
    GEN_NORMAL,
    GEN_KEY,
    GEN_ZIPF,
    GEN_PICK,
    GEN_SEQUENCE,
    GEN_CONST,
    GEN_CLOCK,
    GEN_NULL,
    GEN_MAX
};

struct gen_choice {
    struct evt_val val;
    uint64_t below; /* of a random number in [0, total) */
};

struct gen_spec {
    enum gen_kind kind;
    double a,
        b; /* uniform: from, width; normal: mean, deviation; sequence: start, step; zipf: exponent in a */
    int64_t i, width;       /* uniform and sequence of integers */
    struct base_str prefix; /* key */
    uint64_t n_keys;
    double *cdf; /* zipf: n_keys sums */
    uint32_t n_choices;
    struct gen_choice *choices;
    uint64_t total;
};

/* Reads a column's spec; opt NULL = what its type has by default. Everything is made in `a`. */
enum cep_rc con_generate_spec(struct base_arena *a, const struct evt_column *column,
    const struct plan_opt *opt, int64_t default_keys, struct gen_spec *out, struct cep_err *err);

/* The option that is a column's spec; NULL = none. A column with the name of an option (rate) cannot have one. */
const struct plan_opt *con_generate_opt(
    const struct evt_column *column, const struct plan_opt *opts, uint32_t n_opts);

extern const struct con_source_vt con_generate_source;
