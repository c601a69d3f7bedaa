/*
 * functions -- a scalar function and two aggregates in C, beside the operator in debounce.c.
 *
 *     distance_km(lat1, lon1, lat2, lon2)   the great circle between two places (haversine)
 *     geo_mean(x)                           exp(mean(log(x))): of factors, where avg() is of sums; it forgets, merges, and is saved as it is
 *     longest(s)                            the longest text; it owns memory, so it says how to save and to give it back
 */
#include <cep/operator.h>

#include <math.h>
#include <stdlib.h>

/* -- distance_km ---------------------------------------------------------------------------------------------------- */

static enum cep_rc distance_km(
    struct cep_call *call, const struct cep_value *args, struct cep_value *result) {
    const double radians = 3.14159265358979323846 / 180, earth_km = 6371.0088;
    double lat1 = args[0].d * radians, lat2 = args[2].d * radians, dlon = (args[3].d - args[1].d) * radians;
    if (fabs(args[0].d) > 90 || fabs(args[2].d) > 90)
        return cep_call_fail(call, "a latitude is beyond the poles");
    double a = sin((lat2 - lat1) / 2), b = sin(dlon / 2);
    double h = a * a + cos(lat1) * cos(lat2) * b * b;
    *result = cep_double(2 * earth_km * asin(sqrt(h < 1 ? h : 1)));
    return CEP_OK;
}

/* -- geo_mean -------------------------------------------------------------------------------------------------------- */

struct geo {
    double logs;
    uint64_t n;
};

static enum cep_rc geo_add(void *acc, const struct cep_value *v) {
    struct geo *g = acc;
    if (!(v->d > 0))
        return CEP_EVALUE;
    g->logs += log(v->d);
    g->n++;
    return CEP_OK;
}

static enum cep_rc geo_back(void *acc, const struct cep_value *v) {
    struct geo *g = acc;
    g->logs -= log(v->d);
    if (--g->n == 0)
        g->logs = 0; /* what rounding left */
    return CEP_OK;
}

static enum cep_rc geo_merge(void *acc, const void *from) {
    struct geo *g = acc;
    const struct geo *other = from;
    g->logs += other->logs;
    g->n += other->n;
    return CEP_OK;
}

static enum cep_rc geo_result(const void *acc, struct cep_call *call, struct cep_value *result) {
    const struct geo *g = acc;
    (void)call;
    *result = g->n ? cep_double(exp(g->logs / (double)g->n)) : cep_null();
    return CEP_OK;
}

/* -- longest ---------------------------------------------------------------------------------------------------------- */

struct longest {
    char *p;
    size_t len;
};

static enum cep_rc longest_take(struct longest *l, const char *p, size_t len) {
    char *copy = malloc(len + 1);
    if (!copy)
        return CEP_ELIMIT;
    memcpy(copy, p, len);
    free(l->p);
    *l = (struct longest){ copy, len };
    return CEP_OK;
}

/* Of equal length the first by its bytes: the same whatever the order. */
static bool longer(const struct longest *l, const char *p, size_t len) {
    return !l->p || len > l->len || (len == l->len && memcmp(p, l->p, len) < 0);
}

static enum cep_rc longest_add(void *acc, const struct cep_value *v) {
    struct longest *l = acc;
    return longer(l, v->s.p, v->s.len) ? longest_take(l, v->s.p, v->s.len) : CEP_OK;
}

static enum cep_rc longest_merge(void *acc, const void *from) {
    struct longest *l = acc;
    const struct longest *other = from;
    return other->p && longer(l, other->p, other->len) ? longest_take(l, other->p, other->len) : CEP_OK;
}

static enum cep_rc longest_result(const void *acc, struct cep_call *call, struct cep_value *result) {
    const struct longest *l = acc;
    char *copy = cep_alloc(call, l->len);
    if (l->p)
        memcpy(copy, l->p, l->len);
    *result = l->p ? cep_string_n(copy, l->len) : cep_null();
    return CEP_OK;
}

static void longest_clear(void *acc) {
    free(((struct longest *)acc)->p);
}

static void longest_save(const void *acc, struct cep_bytes *out) {
    const struct longest *l = acc;
    if (l->p)
        cep_bytes_add(out, l->p, l->len);
}

static enum cep_rc longest_load(void *acc, const void *bytes, size_t len) {
    return longest_take(acc, bytes, len);
}

/* -- what there is ----------------------------------------------------------------------------------------------------- */

static const struct cep_type *const places[] = { &cep_type_double, &cep_type_double, &cep_type_double,
    &cep_type_double };

static const struct cep_function functions[] = {
    { .name = "distance_km", .n_args = 4, .args = places, .result = &cep_type_double, .call = distance_km },
};

static const struct cep_aggregate aggregates[] = {
    { .name = "geo_mean",
        .arg = &cep_type_double,
        .result = &cep_type_double,
        .size = sizeof(struct geo),
        .add = geo_add,
        .back = geo_back,
        .merge = geo_merge,
        .result_of = geo_result },
    { .name = "longest",
        .arg = &cep_type_string,
        .result = &cep_type_string,
        .size = sizeof(struct longest),
        .add = longest_add,
        .merge = longest_merge,
        .result_of = longest_result,
        .clear = longest_clear,
        .save = longest_save,
        .load = longest_load },
};

static const struct cep_library library = { CEP_LIBRARY, .name = "functions", .n_functions = 1,
    .functions = functions, .n_aggregates = 2, .aggregates = aggregates };

CEP_EXPORT const struct cep_library *cep_library(void) {
    return &library;
}
