/*
 * plan_library -- see plan_library.h.
 */
#include "plan/plan_library.h"

#include "base/base_err.h"
#include "base/base_str.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

enum { TYPE_DEPTH = 32, NAMES_MAX = 4096 };

#define SAME_PLACE(ours, theirs) \
    _Static_assert(offsetof(struct evt_val, ours) == offsetof(struct cep_value, theirs), "laid out alike")
_Static_assert(sizeof(struct evt_val) == sizeof(struct cep_value), "laid out alike");
SAME_PLACE(null, null);
SAME_PLACE(b, b);
SAME_PLACE(i, i);
SAME_PLACE(d, d);
SAME_PLACE(s.p, s.p);
SAME_PLACE(s.len, s.len);
SAME_PLACE(dec.lo, dec.lo);
SAME_PLACE(dec.hi, dec.hi);
SAME_PLACE(list.v, list.v);
SAME_PLACE(list.n, list.n);
#define SAME_KIND(name, text) _Static_assert((int)EVT_##name == (int)CEP_##name, "kinds have one number");
EVT_KIND_LIST(SAME_KIND)

/* -- types ------------------------------------------------------------------------------------------------------------ */

static const struct evt_type *type_of(struct base_arena *a, const struct cep_type *t, unsigned depth);

static bool fields_of(struct base_arena *a, const struct cep_field *fields, uint32_t n, unsigned depth,
    struct evt_column **out) {
    if (n > NAMES_MAX || (n > 0 && !fields))
        return false;
    struct evt_column *cols = BASE_ARENA_ARRAY(a, struct evt_column, n ? n : 1);
    for (uint32_t i = 0; i < n; i++) {
        const struct evt_type *t = fields[i].type ? type_of(a, fields[i].type, depth) : NULL;
        if (!t || !fields[i].name)
            return false;
        cols[i] = (struct evt_column){
            .name = base_arena_str(a, base_str_of(fields[i].name)), .type = t, .not_null = fields[i].not_null
        };
    }
    *out = cols;
    return true;
}

static const struct evt_type *type_of(struct base_arena *a, const struct cep_type *t, unsigned depth) {
    struct evt_column *fields;
    if (depth == 0)
        return NULL;
    switch (t->kind) {
    case CEP_BOOL:
    case CEP_INT:
    case CEP_DOUBLE:
    case CEP_STRING:
    case CEP_BYTES:
    case CEP_TIMESTAMP:
    case CEP_DURATION: return evt_type_of((enum evt_kind)t->kind);
    case CEP_DECIMAL:
        return t->precision >= 1 && t->precision <= 38 && t->scale <= t->precision
                   ? evt_type_decimal(a, t->precision, t->scale)
                   : NULL;
    case CEP_ARRAY: {
        const struct evt_type *elem = t->elem ? type_of(a, t->elem, depth - 1) : NULL;
        return elem ? evt_type_array(a, elem) : NULL;
    }
    case CEP_ROW:
        return fields_of(a, t->fields, t->n_fields, depth - 1, &fields) ? evt_type_row(a, t->n_fields, fields)
                                                                        : NULL;
    case CEP_NULL: break;
    }
    return NULL;
}

const struct evt_type *plan_type_of_library(struct base_arena *a, const struct cep_type *t) {
    return type_of(a, t, TYPE_DEPTH);
}

bool plan_schema_of_library(struct base_arena *a, const struct cep_schema *s, struct evt_schema *out) {
    struct evt_column *cols;
    if (!fields_of(a, s->fields, s->n_fields, TYPE_DEPTH, &cols))
        return false;
    *out = (struct evt_schema){ s->n_fields, s->n_fields, cols };
    return true;
}

static const struct cep_field *fields_for(struct base_arena *a, const struct evt_column *cols, uint32_t n) {
    struct cep_field *out = BASE_ARENA_ARRAY(a, struct cep_field, n ? n : 1);
    for (uint32_t i = 0; i < n; i++)
        out[i] = (struct cep_field){ base_arena_strndup(a, cols[i].name.p, cols[i].name.len),
            plan_type_for_library(a, cols[i].type), cols[i].not_null };
    return out;
}

const struct cep_type *plan_type_for_library(struct base_arena *a, const struct evt_type *t) {
    struct cep_type *out = BASE_ARENA_NEW(a, struct cep_type);
    *out = (struct cep_type){ .kind = (enum cep_kind)t->kind, .precision = t->precision, .scale = t->scale };
    if (t->kind == EVT_ARRAY)
        out->elem = plan_type_for_library(a, t->elem);
    if (t->kind == EVT_ROW) {
        out->n_fields = t->n_fields;
        out->fields = fields_for(a, t->fields, t->n_fields);
    }
    return out;
}

void plan_schema_for_library(struct base_arena *a, const struct evt_schema *s, struct cep_schema *out) {
    *out = (struct cep_schema){ s->n_visible, fields_for(a, s->cols, s->n_visible) };
}

/* -- values ---------------------------------------------------------------------------------------------------------- */

void plan_val_show(const struct evt_type *t, const struct evt_val *v) {
    /* What the engine made lies in memory of its own, whoever looks at it through a const. */
    struct cep_value *shown = (struct cep_value *)(uintptr_t)plan_vals_for_library(v);
    shown->kind = (uint8_t)t->kind;
    if (v->null)
        return;
    if (t->kind == EVT_ARRAY)
        for (uint32_t i = 0; i < v->list.n; i++)
            plan_val_show(t->elem, &v->list.v[i]);
    if (t->kind == EVT_ROW)
        for (uint32_t i = 0; i < v->list.n; i++)
            plan_val_show(t->fields[i].type, &v->list.v[i]);
}

bool plan_val_fits(const struct evt_type *t, const struct cep_value *v) {
    if (v->null)
        return true;
    if (v->kind != (uint8_t)t->kind)
        return false;
    if (t->kind == EVT_ROW && v->list.n != t->n_fields)
        return false;
    if (t->kind == EVT_ARRAY || t->kind == EVT_ROW)
        for (uint32_t i = 0; i < v->list.n; i++)
            if (!plan_val_fits(t->kind == EVT_ARRAY ? t->elem : t->fields[i].type, &v->list.v[i]))
                return false;
    return true;
}

const char *plan_val_kind(const struct cep_value *v) {
    return v->kind < EVT_KIND_MAX ? evt_kind_name((enum evt_kind)v->kind) : "nothing";
}

/* -- what it says of itself --------------------------------------------------------------------------------------------- */

static enum cep_rc wrong(struct cep_err *err, const char *what, uint32_t i, const char *why) {
    return base_err_set(err, CEP_EINVAL, "its %s %u %s", what, (unsigned)i, why);
}

static enum cep_rc check_options(const struct cep_operator *op, struct cep_err *err) {
    for (uint32_t i = 0; op->options && op->options[i].name; i++) {
        enum cep_kind k = op->options[i].kind;
        if (k != CEP_BOOL && k != CEP_INT && k != CEP_DOUBLE && k != CEP_STRING && k != CEP_DURATION)
            return wrong(err, "option", i, "is no bool, int, double, string or duration");
        if (i == NAMES_MAX)
            return wrong(err, "option", i, "is one too many");
    }
    return CEP_OK;
}

static enum cep_rc check_states(struct base_arena *a, const struct cep_operator *op, struct cep_err *err) {
    if (op->n_states > NAMES_MAX || (op->n_states > 0 && !op->states))
        return wrong(err, "state", 0, "cannot be found");
    for (uint32_t i = 0; i < op->n_states; i++) {
        const struct cep_state *s = &op->states[i];
        if (!s->name)
            return wrong(err, "state", i, "has no name");
        if ((unsigned)s->kind > CEP_STATE_MAP)
            return wrong(err, "state", i, "is no value, list or map");
        if (!s->type || !plan_type_of_library(a, s->type))
            return wrong(err, "state", i, "has no type");
        if (s->kind == CEP_STATE_MAP && (!s->map_type || !plan_type_of_library(a, s->map_type)))
            return wrong(err, "state", i, "is a map whose keys have no type");
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(op->states[k].name, s->name) == 0)
                return wrong(err, "state", i, "has the name of another one");
    }
    return CEP_OK;
}

static enum cep_rc check_sides(struct base_arena *a, const struct cep_operator *op, struct cep_err *err) {
    struct evt_schema schema;
    if (op->n_sides > CEP_SIDES_MAX || (op->n_sides > 0 && !op->sides))
        return wrong(err, "side output", op->n_sides, "is one too many");
    for (uint32_t i = 0; i < op->n_sides; i++) {
        const char *name = op->sides[i].name;
        if (!name || !*name)
            return wrong(err, "side output", i, "has no name");
        if (strcmp(name, "late") == 0 || strcmp(name, "errors") == 0 || strcmp(name, "timeouts") == 0)
            return wrong(err, "side output", i, "has a name that is taken");
        for (uint32_t k = 0; k < i; k++)
            if (strcmp(op->sides[k].name, name) == 0)
                return wrong(err, "side output", i, "has the name of another one");
        if (op->sides[i].schema.n_fields == 0 || !plan_schema_of_library(a, &op->sides[i].schema, &schema))
            return wrong(err, "side output", i, "has no columns, or one without a type");
    }
    return CEP_OK;
}

static enum cep_rc check_operator(struct base_arena *a, const struct cep_operator *op, struct cep_err *err) {
    if (!op->row)
        return base_err_set(err, CEP_EINVAL, "its operator has no row()");
    enum cep_rc rc = check_options(op, err);
    if (rc == CEP_OK)
        rc = check_states(a, op, err);
    return rc == CEP_OK ? check_sides(a, op, err) : rc;
}

enum { ACC_MAX = 1 << 20 };

static enum cep_rc check_functions(struct base_arena *a, const struct cep_library *lib, struct cep_err *err) {
    if (lib->n_functions > NAMES_MAX || (lib->n_functions > 0 && !lib->functions))
        return wrong(err, "function", 0, "cannot be found");
    for (uint32_t i = 0; i < lib->n_functions; i++) {
        const struct cep_function *f = &lib->functions[i];
        if (!f->name || !f->call)
            return wrong(err, "function", i, "has no name, or no call()");
        if (f->n_args > CEP_ARGS_MAX || (f->n_args > 0 && !f->args))
            return wrong(err, "function", i, "has too many arguments");
        for (uint32_t k = 0; k < f->n_args; k++)
            if (!f->args[k] || !plan_type_of_library(a, f->args[k]))
                return wrong(err, "function", i, "has an argument without a type");
        if (!f->result || !plan_type_of_library(a, f->result))
            return wrong(err, "function", i, "has no type of its result");
    }
    return CEP_OK;
}

static enum cep_rc check_aggregates(
    struct base_arena *a, const struct cep_library *lib, struct cep_err *err) {
    if (lib->n_aggregates > NAMES_MAX || (lib->n_aggregates > 0 && !lib->aggregates))
        return wrong(err, "aggregate", 0, "cannot be found");
    for (uint32_t i = 0; i < lib->n_aggregates; i++) {
        const struct cep_aggregate *g = &lib->aggregates[i];
        if (!g->name || !g->add || !g->result_of)
            return wrong(err, "aggregate", i, "has no name, add() or result_of()");
        if (g->size == 0 || g->size > ACC_MAX)
            return wrong(err, "aggregate", i, "has an accumulator of no bytes, or of more than a MiB");
        if (!g->save != !g->load)
            return wrong(err, "aggregate", i, "has one of save() and load() without the other");
        if (!g->arg || !plan_type_of_library(a, g->arg) || !g->result || !plan_type_of_library(a, g->result))
            return wrong(err, "aggregate", i, "has no type of its argument, or of its result");
    }
    return CEP_OK;
}

/* -- loading ---------------------------------------------------------------------------------------------------------- */

static void unload(void *handle) {
    (void)dlclose(handle);
}

static enum cep_rc look_over(
    struct base_arena *a, void *handle, const struct cep_library **out, struct cep_err *err) {
    void *symbol = dlsym(handle, "cep_library");
    if (!symbol) {
        base_err_set(err, CEP_EINVAL, "it does not export cep_library()");
        base_err_hint(err, "cep/operator.h shows what a library has to export");
        return CEP_EINVAL;
    }
    cep_library_fn fn;
    memcpy(&fn, &symbol, sizeof fn);
    const struct cep_library *said = fn();
    if (!said)
        return base_err_set(err, CEP_EINVAL, "its cep_library() gives nothing");
    if (said->abi != CEP_ABI_VERSION) {
        base_err_set(err, CEP_EVERSION,
            "it was made for version %u of the interface, this program has version %u", (unsigned)said->abi,
            (unsigned)CEP_ABI_VERSION);
        base_err_hint(err, "compile it again with this program's cep/operator.h");
        return CEP_EVERSION;
    }
    struct cep_library *lib = BASE_ARENA_ARRAY(a, struct cep_library, 1);
    memcpy(lib, said, said->size < sizeof *lib ? said->size : sizeof *lib);
    *out = lib;
    enum cep_rc rc = lib->op ? check_operator(a, lib->op, err) : CEP_OK;
    if (rc == CEP_OK)
        rc = check_functions(a, lib, err);
    return rc == CEP_OK ? check_aggregates(a, lib, err) : rc;
}

enum cep_rc plan_library_load(
    struct base_arena *a, const char *path, const struct cep_library **out, struct cep_err *err) {
    (void)dlerror();
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        return base_err_set(err, CEP_EIO, "%s", why ? why : "it could not be loaded");
    }
    base_arena_on_release(a, unload, handle);
    return look_over(a, handle, out, err);
}
