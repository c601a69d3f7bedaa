/*
 * plan_user -- see plan_user.h.
 */
#include "plan/plan_user.h"

#include "base/base_check.h"
#include "base/base_mem.h"

/* -- what a call may ask for ------------------------------------------------------------------------------------------ */

struct call {
    struct cep_call call;
    struct base_arena *scratch;
    const char *failure;
};

static struct call *call_of(struct cep_call *c) {
    return CEP_CONTAINER_OF(c, struct call, call);
}

static void *host_alloc(struct cep_call *c, size_t n) {
    return base_arena_alloc(call_of(c)->scratch, n ? n : 1);
}

static enum cep_rc host_fail(struct cep_call *c, const char *reason) {
    call_of(c)->failure = base_arena_printf(call_of(c)->scratch, "%s", reason ? reason : "it failed");
    return CEP_EVALUE;
}

static const struct cep_call_host host = { sizeof host, host_alloc, host_fail };

static struct call call_new(struct base_arena *scratch) {
    return (struct call){ .call = { &host }, .scratch = scratch };
}

/* *out: the result, or null with the reason. */
static void take_result(struct call *c, enum cep_rc rc, const char *name, const struct evt_type *t,
    const struct cep_value *v, struct evt_val *out, const char **failure) {
    *out = EVT_VAL_NULL;
    if (rc != CEP_OK)
        *failure = c->failure ? c->failure
                              : base_arena_printf(c->scratch, "\"%s\" failed: %s", name, cep_rc_text(rc));
    else if (!plan_val_fits(t, v))
        *failure = base_arena_printf(
            c->scratch, "\"%s\" gave %s, not %s", name, plan_val_kind(v), evt_kind_name(t->kind));
    else
        *out = *plan_vals_of_library(v);
}

/* -- functions -------------------------------------------------------------------------------------------------------- */

struct user_function {
    const struct cep_function *f;
    const struct evt_type *result;
};

static void call_function(struct expr_call *call, const struct evt_val *args, struct evt_val *out) {
    const struct user_function *u = call->state;
    struct evt_val shown[CEP_ARGS_MAX];
    struct cep_value result = cep_null();
    struct call c = call_new(call->scratch);
    for (uint32_t i = 0; i < call->n_args; i++) {
        shown[i] = args[i];
        plan_val_show(call->arg_types[i], &shown[i]);
    }
    enum cep_rc rc = u->f->call(&c.call, plan_vals_for_library(shown), &result);
    take_result(&c, rc, u->f->name, u->result, &result, out, &call->failure);
}

const struct expr_func *plan_user_function(struct base_arena *a, const struct cep_function *f, void **state) {
    struct expr_func *row = BASE_ARENA_NEW(a, struct expr_func);
    struct user_function *u = BASE_ARENA_NEW(a, struct user_function);
    *u = (struct user_function){ f, plan_type_of_library(a, f->result) };
    *row = (struct expr_func){ .name = f->name,
        .min_args = (uint8_t)f->n_args,
        .max_args = (uint8_t)f->n_args,
        .null_ok = f->takes_null,
        .is_volatile = f->is_volatile,
        .fn = call_function,
        .help = "" };
    *state = u;
    return row;
}

/* -- aggregates ------------------------------------------------------------------------------------------------------- */

struct user_aggregate {
    struct expr_acc_user user;
    const struct cep_aggregate *g;
    const struct evt_type *arg, *result;
};

static const struct user_aggregate *aggregate_of(const struct expr_acc_user *u) {
    return CEP_CONTAINER_OF((struct expr_acc_user *)(uintptr_t)u, struct user_aggregate, user);
}

static bool user_step(const struct expr_acc_user *u, void *acc, const struct evt_val *v, bool back) {
    const struct user_aggregate *ag = aggregate_of(u);
    struct evt_val shown = *v;
    plan_val_show(ag->arg, &shown);
    return (back ? ag->g->back : ag->g->add)(acc, plan_vals_for_library(&shown)) == CEP_OK;
}

static bool user_merge(const struct expr_acc_user *u, void *acc, const void *from) {
    return aggregate_of(u)->g->merge(acc, from) == CEP_OK;
}

static void user_result(const struct expr_acc_user *u, const void *acc, struct base_arena *scratch,
    struct evt_val *out, const char **failure) {
    const struct user_aggregate *ag = aggregate_of(u);
    struct cep_value result = cep_null();
    struct call c = call_new(scratch);
    enum cep_rc rc = ag->g->result_of(acc, &c.call, &result);
    take_result(&c, rc, u->name, ag->result, &result, out, failure);
}

static void user_clear(const struct expr_acc_user *u, void *acc) {
    const struct cep_aggregate *g = aggregate_of(u)->g;
    if (g->clear)
        g->clear(acc);
}

struct saved {
    struct cep_bytes bytes;
    struct base_buf *out;
};

static void saved_add(struct cep_bytes *b, const void *p, size_t n) {
    base_buf_add(CEP_CONTAINER_OF(b, struct saved, bytes)->out, p, n);
}

static void user_pack(const struct expr_acc_user *u, const void *acc, struct base_buf *b) {
    const struct cep_aggregate *g = aggregate_of(u)->g;
    struct saved s = { { saved_add }, b };
    if (g->save)
        g->save(acc, &s.bytes);
    else
        base_buf_add(b, acc, g->size);
}

static bool user_unpack(const struct expr_acc_user *u, void *acc, struct base_str bytes) {
    const struct cep_aggregate *g = aggregate_of(u)->g;
    if (g->load)
        return g->load(acc, bytes.p, bytes.len) == CEP_OK;
    if (bytes.len != g->size)
        return false;
    memcpy(acc, bytes.p, bytes.len);
    return true;
}

const struct expr_acc_user *plan_user_aggregate(struct base_arena *a, const struct cep_aggregate *g) {
    struct user_aggregate *ag = BASE_ARENA_NEW(a, struct user_aggregate);
    *ag = (struct user_aggregate){ .user = { .name = g->name,
                                       .failure = base_arena_printf(a, "\"%s\" failed on a value", g->name),
                                       .size = g->size,
                                       .merges = g->merge != NULL,
                                       .takes_back = g->back != NULL,
                                       .step = user_step,
                                       .merge = user_merge,
                                       .result = user_result,
                                       .clear = user_clear,
                                       .pack = user_pack,
                                       .unpack = user_unpack },
        .g = g,
        .arg = plan_type_of_library(a, g->arg),
        .result = plan_type_of_library(a, g->result) };
    return &ag->user;
}
