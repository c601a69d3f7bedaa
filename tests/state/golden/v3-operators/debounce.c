/*
 * debounce -- tells a device's state when it has stayed the same for a while, and how often it flapped before.
 *
 *     stream steady (device string, state string, since timestamp, flaps int)
 *       as process './libdebounce.so' (stable = 10 s)
 *       from readings partition by device;
 *     sink steady.flaps to file (path = 'flaps.ndjson') format json;
 *
 * The stream that it reads has a column `state string`; the key is one string. Compile: make (see Makefile here).
 *
 * A row with another state than before begins a wait: a timer `stable` later. Another change cancels it, and the state that did not
 * last goes to the side output. Everything that has to be remembered is in `states`: the engine saves and restores it.
 */
#include <cep/operator.h>

#include <stdlib.h>

enum { CURRENT = 0, SINCE, FLAPS, N_STATES };
static const struct cep_state states[N_STATES] = {
    [CURRENT] = { "current", CEP_STATE_VALUE, &cep_type_string, NULL },
    [SINCE] = { "since", CEP_STATE_VALUE, &cep_type_timestamp, NULL },
    [FLAPS] = { "flaps", CEP_STATE_MAP, &cep_type_int, &cep_type_string }, /* by state that did not last */
};

static const struct cep_option options[] = {
    { "stable", CEP_DURATION, true, "how long a state has to last" },
    { NULL, CEP_NULL, false, NULL },
};

enum { MAIN = 0, SIDE_FLAPS = 1 };
static const struct cep_field flap_columns[] = {
    { "device", &cep_type_string, false },
    { "state", &cep_type_string, false },
    { "lasted", &cep_type_duration, false },
};
static const struct cep_side sides[] = { { "flaps", { 3, flap_columns } } };

struct debounce {
    int64_t stable_us;
    uint32_t state_col;
};

static enum cep_rc check(const struct cep_setup *s, struct cep_mistake *m) {
    static const struct cep_field wanted[] = {
        { "device", &cep_type_string, false },
        { "state", &cep_type_string, false },
        { "since", &cep_type_timestamp, false },
        { "flaps", &cep_type_int, false },
    };
    const uint32_t n = sizeof wanted / sizeof *wanted;
    if (cep_option_int(s, "stable", 0) <= 0)
        return cep_mistake(m, "stable", "a state has to last longer than nothing");
    if (s->n_inputs != 1 || cep_column(&s->inputs[0], "state", CEP_STRING) < 0)
        return cep_mistake(m, NULL, "it reads one stream, with a column \"state\" of type string");
    if (s->n_keys != 1 || s->keys[0]->kind != CEP_STRING)
        return cep_mistake(m, NULL, "it wants a key of one string: partition by device");
    for (uint32_t i = 0; i < n; i++)
        if (s->output.n_fields != n ||
            cep_column(&s->output, wanted[i].name, wanted[i].type->kind) != (int)i) {
            (void)snprintf(m->hint, sizeof m->hint,
                "stream %s (device string, state string, since timestamp, flaps int)", s->name);
            return cep_mistake(m, NULL, "it gives other columns than \"%s\" declares", s->name);
        }
    return CEP_OK;
}

static enum cep_rc open_debounce(const struct cep_setup *s, void **self, struct cep_mistake *m) {
    struct debounce *d = malloc(sizeof *d);
    if (!d)
        return cep_mistake(m, NULL, "there is no memory");
    d->stable_us = cep_option_int(s, "stable", 0);
    d->state_col = (uint32_t)cep_column(&s->inputs[0], "state", CEP_STRING);
    *self = d;
    return CEP_OK;
}

static bool same(const struct cep_value *a, const struct cep_value *b) {
    return a->s.len == b->s.len && memcmp(a->s.p, b->s.p, a->s.len) == 0;
}

/* The state before did not last. */
static enum cep_rc flapped(const struct debounce *d, struct cep_ctx *ctx, const struct cep_value *before,
    int64_t since, int64_t now) {
    struct cep_value n = cep_int(0), row[3];
    uint32_t n_keys;
    cep_timer_cancel(ctx, CEP_EVENT_TIME, since + d->stable_us, 0);
    (void)cep_map_get(ctx, FLAPS, before, &n);
    n = cep_int(n.i + 1);
    cep_map_put(ctx, FLAPS, before, &n);
    row[0] = cep_key(ctx, &n_keys)[0];
    row[1] = *before;
    row[2] = cep_duration(now - since);
    return cep_emit(ctx, SIDE_FLAPS, row, 3);
}

static enum cep_rc row(void *self, struct cep_ctx *ctx, const struct cep_row *r) {
    const struct debounce *d = self;
    const struct cep_value *state = &r->cells[d->state_col];
    struct cep_value before, since;
    enum cep_rc rc = CEP_OK;
    if (state->null)
        return cep_reject(ctx, "a reading without a state");
    bool known = cep_value_get(ctx, CURRENT, &before) && cep_value_get(ctx, SINCE, &since);
    if (known && same(&before, state))
        return CEP_OK;
    if (known && r->time - since.i < d->stable_us)
        rc = flapped(d, ctx, &before, since.i, r->time);
    if (rc != CEP_OK)
        return rc;
    since = cep_timestamp(r->time);
    cep_value_set(ctx, CURRENT, state);
    cep_value_set(ctx, SINCE, &since);
    cep_timer_set(ctx, CEP_EVENT_TIME, r->time + d->stable_us, 0);
    return CEP_OK;
}

/* It has lasted. */
static enum cep_rc timer(void *self, struct cep_ctx *ctx, const struct cep_timer *t) {
    struct cep_value row[4], k, n;
    int64_t flaps = 0;
    uint32_t n_keys;
    (void)self;
    (void)t;
    if (!cep_value_get(ctx, CURRENT, &row[1]) || !cep_value_get(ctx, SINCE, &row[2]))
        return CEP_OK;
    for (uint32_t it = 0; cep_map_next(ctx, FLAPS, &it, &k, &n);) {
        flaps += n.i;
        cep_map_remove(ctx, FLAPS, &k);
    }
    row[0] = cep_key(ctx, &n_keys)[0];
    row[3] = cep_int(flaps);
    return cep_emit(ctx, MAIN, row, 4);
}

static const struct cep_operator debounce = {
    .options = options,
    .states = states,
    .n_states = N_STATES,
    .sides = sides,
    .n_sides = 1,
    .check = check,
    .open = open_debounce,
    .row = row,
    .timer = timer,
    .close = free,
};

static const struct cep_library library = { CEP_LIBRARY, .name = "debounce", .op = &debounce };

CEP_EXPORT const struct cep_library *cep_library(void) {
    return &library;
}
