/*
 * rt_aggregate_save -- what survives of an aggregation.
 *
 * META (key ""): zigzag watermark that has gone on; str signature: the window, keys and aggregates as text; and, for who reads it
 * without the .pattern: u8 kind of window, str schema of the rows that wait, varint key columns, of which they have the first ones,
 * varint n, n * (u8 form of the accumulator (expr_acc_pack()), u8 1 = it has an argument: its type); where changes are told or rows can be taken
 * back u8 enum plan_changes, u8 1 = rows can be taken back. State of another signature
 * means something else and is lost: counted by groups and rows.
 * GROUP (key: zigzag part -- the start of the pane or session, else 0 --, the key's canonical bytes): a value a key column; zigzag
 * time of its last result, varint how many there were of that time; the window's own (rt_window_*.c).
 * GIVEN (key as GROUP's): the same, with what a window that shares its groups gave of that key (rt_given.h).
 * ROW (key: u64 number): a row that waits, of the columns that windows take (keys, arguments, filters).
 */
#include "runtime/rt_aggregate.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"
#include "plan/plan_combine.h"

static struct rt_aggregate *aggregate_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_aggregate, op);
}

static void write_signature(const struct rt_aggregate *ag, struct base_buf *b) {
    const struct plan_aggregate *p = ag->plan;
    base_buf_printf(b, "%d %lld %lld %lld %u %u %d;", (int)p->window, (long long)p->size_us,
        (long long)p->slide_us, (long long)p->offset_us, p->size_n, p->slide_n, (int)ag->ordered);
    if (plan_windows_apart(p))
        base_buf_puts(b, "apart;");
    if (p->window == PLAN_WINDOW_COUNT && p->emit != PLAN_EMIT_WATERMARK)
        base_buf_puts(b, "early;");
    if (p->changes || ag->mark_col >= 0)
        base_buf_printf(b, "changes %d %d;", (int)p->changes, ag->mark_col >= 0);
    for (uint32_t i = 0; i < p->n_keys; i++) {
        evt_type_write(b, p->keys[i]->type);
        base_buf_putc(b, ' ');
        expr_write(b, p->keys[i], ag->in, NULL);
        base_buf_putc(b, ';');
    }
    for (uint32_t i = 0; i < p->n_aggs; i++) {
        plan_agg_write(b, &p->aggs[i], ag->in);
        base_buf_putc(b, ';');
    }
}

static enum cep_rc put(struct rt_aggregate *ag, uint32_t ns, const struct rt_group *g, int64_t part,
    struct base_str value, const struct sto_out *out, struct cep_err *err) {
    struct base_buf *key = &ag->saving.key, *all = &ag->all;
    base_buf_clear(key);
    base_buf_clear(all);
    base_pack_zigzag(key, part);
    base_buf_str(key, g->bytes);
    for (uint32_t k = 0; k < ag->kind.n_keys; k++)
        evt_pack_val(all, ag->kind.key_types[k], &g->vals[k]);
    base_pack_zigzag(all, g->given_at);
    base_pack_varint(all, g->n_given);
    base_buf_str(all, value);
    return sto_put(out, ns, sto_group_of_hash(g->hash), base_buf_view(key), base_buf_view(all), err);
}

enum cep_rc rt_aggregate_put_group(struct rt_aggregate *ag, const struct rt_group *g, int64_t part,
    struct base_str value, const struct sto_out *out, struct cep_err *err) {
    return put(ag, RT_AGG_NS_GROUP, g, part, value, out, err);
}

enum cep_rc rt_aggregate_put_given(struct rt_aggregate *ag, const struct rt_group *g, int64_t start,
    struct base_str value, const struct sto_out *out, struct cep_err *err) {
    return put(ag, RT_AGG_NS_GIVEN, g, start, value, out, err);
}

static void pack_names(const struct rt_aggregate *ag, struct base_buf *b) {
    struct base_buf schema = BASE_BUF_INIT;
    base_pack_u8(b, (uint8_t)ag->plan->window);
    evt_pack_schema(&schema, &ag->prep);
    base_pack_str(b, base_buf_view(&schema));
    base_pack_varint(b, ag->kind.n_keys);
    base_pack_varint(b, ag->kind.n_accs);
    for (uint32_t i = 0; i < ag->kind.n_accs; i++) {
        const struct expr_acc_fn *f = &ag->kind.fns[i];
        base_pack_u8(b, expr_acc_form(f));
        base_pack_u8(b, f->arg != NULL);
        if (f->arg)
            evt_pack_type(b, f->arg);
    }
    if (ag->plan->changes || ag->mark_col >= 0) {
        base_pack_u8(b, (uint8_t)ag->plan->changes);
        base_pack_u8(b, ag->mark_col >= 0);
    }
    base_buf_release(&schema);
}

enum cep_rc rt_aggregate_put_meta(struct rt_aggregate *ag, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT, sig = BASE_BUF_INIT;
    write_signature(ag, &sig);
    base_pack_zigzag(&value, ag->passed);
    base_pack_str(&value, base_buf_view(&sig));
    pack_names(ag, &value);
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    for (uint32_t g = 0; g < STO_KEY_GROUPS && ag->ahead && rc == CEP_OK; g++) {
        if (ag->ahead[g] <= ag->passed)
            continue;
        base_buf_clear(&sig);
        base_buf_clear(&value);
        base_pack_u32(&sig, g);
        base_pack_zigzag(&value, ag->ahead[g]);
        rc = sto_put(out, RT_AGG_NS_AHEAD, g, base_buf_view(&sig), base_buf_view(&value), err);
    }
    base_buf_release(&value);
    base_buf_release(&sig);
    return rc;
}

static uint64_t hash_of_row(struct rt_aggregate *ag, const struct evt_batch *prep, uint32_t row) {
    base_buf_clear(&ag->key);
    for (uint32_t k = 0; k < ag->kind.n_keys; k++) {
        struct evt_val v;
        evt_col_get(&prep->cols[k], row, &ag->scratch, &v);
        evt_val_write_key(&ag->key, ag->kind.key_types[k], &v);
    }
    uint64_t hash = base_hash(ag->key.p ? ag->key.p : "", ag->key.len);
    base_arena_clear(&ag->scratch);
    return hash;
}

enum cep_rc rt_aggregate_put_row(struct rt_aggregate *ag, const struct evt_batch *prep, uint32_t row,
    uint64_t number, const struct sto_out *out, struct cep_err *err) {
    struct base_buf *key = &ag->saving.key, *value = &ag->saving.value;
    uint32_t group = sto_group_of_hash(hash_of_row(ag, prep, row));
    base_buf_clear(key);
    base_buf_clear(value);
    base_pack_u64(key, number);
    evt_pack_row(value, prep, row, &ag->scratch);
    base_arena_clear(&ag->scratch);
    return sto_put(out, RT_AGG_NS_ROW, group, base_buf_view(key), base_buf_view(value), err);
}

/* -- back ------------------------------------------------------------------------------------------------------------- */

static void is_ahead(struct rt_aggregate *ag, uint32_t group, int64_t passed) {
    if (!ag->ahead) {
        ag->ahead = base_calloc(STO_KEY_GROUPS, sizeof *ag->ahead);
        ag->furthest = EVT_TIME_MIN;
        for (uint32_t g = 0; g < STO_KEY_GROUPS; g++)
            ag->ahead[g] = EVT_TIME_MIN;
    }
    ag->ahead[group] = passed > ag->ahead[group] ? passed : ag->ahead[group];
    ag->furthest = passed > ag->furthest ? passed : ag->furthest;
}

static void load_meta(struct rt_aggregate *ag, const struct sto_entry *e, struct base_unpack *u) {
    struct base_buf now = BASE_BUF_INIT;
    int64_t passed = base_unpack_zigzag(u);
    struct base_str sig = base_unpack_str(u);
    write_signature(ag, &now);
    ag->same = base_str_eq(sig, base_buf_view(&now));
    base_buf_release(&now);
    (void)base_unpack_bytes(u, (size_t)(u->end - u->p)); /* the signature says as much */
    rt_op_was_at(&ag->op, e, passed, &ag->passed);
    if (ag->window->was_at)
        ag->window->was_at(ag);
    for (uint32_t g = e->groups.first; g < e->groups.first + e->groups.n && !e->elsewhere; g++)
        is_ahead(ag, g, passed);
}

static void load_ahead(struct rt_aggregate *ag, const struct sto_entry *e, struct base_unpack *u) {
    int64_t passed = base_unpack_zigzag(u);
    if (e->group < STO_KEY_GROUPS)
        is_ahead(ag, e->group, passed);
    else
        u->bad = true;
}

static void load_group(struct rt_aggregate *ag, uint32_t ns, struct base_str key, struct base_unpack *u,
    struct sto_losses *losses) {
    if (!ag->same) {
        sto_lose(losses, ag->op.name, BASE_STR("groups of other keys, aggregates or windows"), 1);
        u->p = u->end;
        return;
    }
    struct base_unpack k = base_unpack_of(key);
    int64_t part = base_unpack_zigzag(&k);
    struct rt_agg_row row = { .bytes = { (const char *)k.p, (size_t)(k.end - k.p) }, .vals = ag->key_vals };
    row.hash = base_hash(row.bytes.p, row.bytes.len);
    for (uint32_t i = 0; i < ag->kind.n_keys; i++)
        evt_unpack_val(u, ag->kind.key_types[i], &ag->scratch, &ag->key_vals[i]);
    /* The values must be those of the bytes that they are looked up by. */
    base_buf_clear(&ag->key);
    for (uint32_t i = 0; i < ag->kind.n_keys && !u->bad; i++)
        evt_val_write_key(&ag->key, ag->kind.key_types[i], &ag->key_vals[i]);
    u->bad |= k.bad || !base_str_eq(row.bytes, base_buf_view(&ag->key));
    int64_t given_at = base_unpack_zigzag(u);
    uint64_t n_given = base_unpack_max(u, UINT32_MAX);
    u->bad |= ns == RT_AGG_NS_GIVEN && (!ag->window->load_given || !ag->plan->changes);
    struct rt_group *g = u->bad                  ? NULL
                         : ns == RT_AGG_NS_GIVEN ? ag->window->load_given(ag, part, &row, u)
                                                 : ag->window->load(ag, &row, u);
    if (g) {
        g->given_at = given_at;
        g->n_given = (uint32_t)n_given;
    }
}

static void load_row(struct rt_aggregate *ag, struct base_unpack *u, struct sto_losses *losses) {
    if (!ag->same) {
        sto_lose(losses, ag->op.name, BASE_STR("rows that waited for the watermark"), 1);
        u->p = u->end;
        return;
    }
    struct evt_batch *b = evt_batch_new(&ag->prep, 1);
    if (evt_unpack_row(u, b, &ag->scratch))
        rt_wait_add(&ag->wait, 0, b);
    else
        u->bad = true;
    evt_batch_unref(b);
}

enum cep_rc rt_aggregate_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_aggregate *ag = aggregate_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(ag, e, &u);
    else if (e->ns == RT_AGG_NS_AHEAD)
        load_ahead(ag, e, &u);
    else if (e->ns == RT_AGG_NS_GROUP || e->ns == RT_AGG_NS_GIVEN)
        load_group(ag, e->ns, e->key, &u, losses);
    else if (e->ns == RT_AGG_NS_ROW)
        load_row(ag, &u, losses);
    else
        u.bad = true;
    base_arena_clear(&ag->scratch);
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}
