/*
 * plan_schema -- the schemas that the language fixes: records that failed, alerts.
 */
#include "plan/plan.h"

const struct evt_schema *plan_errors_schema(void) {
    static const struct evt_type types[PLAN_ERRORS_MAX] = {
#define ERRORS_TYPE(name, text, k) [PLAN_ERRORS_##name] = { .kind = EVT_##k },
        PLAN_ERRORS_LIST(ERRORS_TYPE)
#undef ERRORS_TYPE
    };
    static const struct evt_column cols[PLAN_ERRORS_MAX] = {
#define ERRORS_COL(n, text, k) \
    [PLAN_ERRORS_##n] = { .name = { text, sizeof(text) - 1 }, .type = &types[PLAN_ERRORS_##n] },
        PLAN_ERRORS_LIST(ERRORS_COL)
#undef ERRORS_COL
    };
    static const struct evt_schema schema = { PLAN_ERRORS_MAX, PLAN_ERRORS_MAX, cols };
    return &schema;
}

static const struct evt_type *row_of_measures(
    struct base_arena *a, uint32_t n, const struct plan_measure *items) {
    struct evt_column *f = BASE_ARENA_ARRAY(a, struct evt_column, n);
    for (uint32_t i = 0; i < n; i++)
        f[i] = (struct evt_column){ .name = items[i].name, .type = items[i].expr->type };
    return evt_type_row(a, n, f);
}

static const struct evt_type *hidden_type(const struct evt_schema *s, const char *name) {
    for (uint32_t i = s->n_visible; i < s->n_cols; i++)
        if (base_str_eq(s->cols[i].name, base_str_of(name)))
            return s->cols[i].type;
    return NULL;
}

const struct evt_schema *plan_alert_schema(
    struct base_arena *a, const struct plan_alert *alert, const struct evt_schema *on) {
    static const char *const names[PLAN_ALERT_MAX] = {
#define ALERT_NAME(name, text) [PLAN_ALERT_##name] = text,
        PLAN_ALERT_LIST(ALERT_NAME)
#undef ALERT_NAME
    };
    const struct evt_type *events = alert->with_events ? hidden_type(on, "$events") : NULL;
    const struct evt_type *string = evt_type_of(EVT_STRING), *time = evt_type_of(EVT_TIMESTAMP);
    const struct evt_type *types[PLAN_ALERT_MAX] = {
        [PLAN_ALERT_ID] = string,
        [PLAN_ALERT_ALERT] = string,
        [PLAN_ALERT_STATUS] = string,
        [PLAN_ALERT_SEVERITY] = string,
        [PLAN_ALERT_KEY] = row_of_measures(a, alert->n_by, alert->by),
        [PLAN_ALERT_MESSAGE] = string,
        [PLAN_ALERT_LABELS] = row_of_measures(a, alert->n_labels, alert->labels),
        [PLAN_ALERT_STARTED_AT] = time,
        [PLAN_ALERT_AT] = time,
        [PLAN_ALERT_MEASURES] = evt_type_row(a, on->n_visible, on->cols),
        [PLAN_ALERT_EVENTS] = events,
    };
    uint32_t n = events ? PLAN_ALERT_MAX : PLAN_ALERT_EVENTS;
    struct evt_column *cols = BASE_ARENA_ARRAY(a, struct evt_column, n);
    for (uint32_t i = 0; i < n; i++)
        cols[i] = (struct evt_column){ .name = base_str_of(names[i]), .type = types[i] };
    struct evt_schema *s = BASE_ARENA_NEW(a, struct evt_schema);
    *s = (struct evt_schema){ n, n, cols };
    return s;
}
