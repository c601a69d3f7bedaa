/*
 * rt_process_save -- what survives of a compiled operator: the library sees none of these bytes.
 *
 * META (key ""): zigzag watermark that has gone on; varint n, n types of the key; varint n, n states: str name, u8 kind
 * (cep_state_kind), type, of a map also the type of its keys; varint n, n * str the schema of an input.
 * KEY (key: the key's canonical bytes): a value a part of the key; zigzag time of its last row, varint how many there were of that
 * time; varint n, n timers in order of setting: u8 clock, zigzag time, zigzag tag; then by state: a value: u8 0, or 1 and the value;
 * a list: varint n, n values; a map: varint n, n * (key, value) in order of first putting.
 * ROW (key: u64 number): varint input, a row that waits.
 *
 * A state is found again by name, kind and types; what is not is lost, and counted by keys.
 *
 * All but META is put out in slices (rt_slices.h): a key that a row or a timer is about to be shown, or that is forgotten, is written first.
 */
#include "runtime/rt_process.h"

#include "base/base_err.h"
#include "event/evt_pack.h"
#include "runtime/rt_ops.h"

#include <stdio.h>

/* -- out -------------------------------------------------------------------------------------------------------------- */

static void pack_inputs(const struct rt_process *p, struct base_buf *b) {
    struct base_buf schema = BASE_BUF_INIT;
    base_pack_varint(b, p->plan->n_inputs);
    for (uint32_t i = 0; i < p->plan->n_inputs; i++) {
        base_buf_clear(&schema);
        evt_pack_schema(&schema, plan_schema_of(p->whole, p->plan->inputs[i]));
        base_pack_str(b, base_buf_view(&schema));
    }
    base_buf_release(&schema);
}

static enum cep_rc save_meta(struct rt_process *p, const struct sto_out *out, struct cep_err *err) {
    struct base_buf b = BASE_BUF_INIT;
    base_pack_zigzag(&b, p->passed);
    base_pack_varint(&b, p->plan->n_keys);
    for (uint32_t k = 0; k < p->plan->n_keys; k++)
        evt_pack_type(&b, p->key_types[k]);
    base_pack_varint(&b, p->plan->op->n_states);
    for (uint32_t i = 0; i < p->plan->op->n_states; i++) {
        const struct rt_proc_decl *d = &p->decls[i];
        base_pack_str(&b, d->name);
        base_pack_u8(&b, (uint8_t)d->kind);
        evt_pack_type(&b, d->type);
        if (d->kind == CEP_STATE_MAP)
            evt_pack_type(&b, d->map_type);
    }
    pack_inputs(p, &b);
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&b), err);
    base_buf_release(&b);
    return rc;
}

static void pack_cell(
    struct rt_process *p, struct base_buf *b, const struct evt_type *t, const struct rt_proc_cell *c) {
    struct evt_val v;
    rt_proc_cell_get(c, t, &p->scratch, &v);
    evt_pack_val(b, t, &v);
}

static void pack_state(
    struct rt_process *p, struct base_buf *b, const struct rt_proc_decl *d, const struct rt_proc_state *s) {
    if (d->kind == CEP_STATE_VALUE)
        base_pack_u8(b, s->n > 0);
    else
        base_pack_varint(b, d->kind == CEP_STATE_LIST ? s->n - s->head : s->map ? s->map->n_live : 0);
    for (size_t i = s->head; i < s->n; i++)
        pack_cell(p, b, d->type, &s->cells[i]);
    if (!s->map)
        return;
    const struct base_map_entry *e;
    for (size_t it = 0; (e = base_map_next(s->map, &it));) {
        struct evt_val key;
        struct base_unpack u = base_unpack_of(e->key);
        evt_unpack_key(&u, d->map_type, &p->scratch, &key);
        evt_pack_val(b, d->map_type, &key);
        pack_cell(p, b, d->type, (const struct rt_proc_cell *)(uintptr_t)e->value);
    }
}

void rt_process_write_key(struct rt_process *p, struct rt_proc_key *k) {
    struct rt_slices *s = &p->saving;
    struct sto_out out = rt_slices_out(s);
    struct base_buf *b = &s->value;
    uint64_t n_timers = 0;
    k->saved = s->number;
    if (s->rc != CEP_OK)
        return;
    base_buf_clear(b);
    for (uint32_t i = 0; i < p->plan->n_keys; i++)
        evt_pack_val(b, p->key_types[i], &k->vals[i]);
    base_pack_zigzag(b, k->given_at);
    base_pack_varint(b, k->n_given);
    for (const struct rt_proc_timer *t = k->timers; t; t = t->next)
        n_timers++;
    base_pack_varint(b, n_timers);
    for (const struct rt_proc_timer *t = k->timers; t; t = t->next) {
        base_pack_u8(b, (uint8_t)t->what.clock);
        base_pack_zigzag(b, t->what.at);
        base_pack_zigzag(b, t->what.tag);
    }
    for (uint32_t i = 0; i < p->plan->op->n_states; i++)
        pack_state(p, b, &p->decls[i], &k->states[i]);
    base_arena_clear(&p->scratch);
    s->rc = sto_put(&out, RT_PROC_NS_KEY, sto_group_of_hash(k->hash), k->bytes, base_buf_view(b), &s->err);
}

static void put_row(void *arg, uint32_t input, const struct evt_batch *b, uint32_t row) {
    struct rt_process *p = arg;
    struct rt_slices *s = &p->saving;
    struct sto_out out = rt_slices_out(s);
    uint32_t group = sto_group_of(rt_process_key_of(p, input, b, row));
    base_arena_clear(&p->scratch);
    base_buf_clear(&s->key);
    base_buf_clear(&s->value);
    base_pack_u64(&s->key, s->n_rows++);
    base_pack_varint(&s->value, input);
    evt_pack_row(&s->value, b, row, &p->scratch);
    base_arena_clear(&p->scratch);
    s->rc = sto_put(&out, RT_PROC_NS_ROW, group, base_buf_view(&s->key), base_buf_view(&s->value), &s->err);
}

/* Where keys are that went, the others move up: they are looked at from the first on again. */
static bool next(void *arg) {
    struct rt_process *p = arg;
    if (p->save_rebuilds != p->keys.n_rebuilds)
        p->save_at = 0;
    p->save_rebuilds = p->keys.n_rebuilds;
    const struct base_map_entry *e = base_map_next(&p->keys, &p->save_at);
    if (!e)
        return false;
    p->saving.done += RT_SLICES_LOOK;
    rt_process_opens(p, (struct rt_proc_key *)(uintptr_t)e->value);
    return true;
}

enum cep_rc rt_process_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_process *p = rt_process_of(op);
    rt_slices_begin(&p->saving, &p->wait, out);
    p->save_at = 0;
    p->save_rebuilds = p->keys.n_rebuilds;
    enum cep_rc rc = save_meta(p, out, err);
    if (rc != CEP_OK)
        (void)rt_slices_end(&p->saving);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

enum cep_rc rt_process_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_process *p = rt_process_of(op);
    enum cep_rc rc = rt_slices_some(&p->saving, bytes, put_row, next, p, err);
    if (rc != CEP_AGAIN)
        (void)rt_slices_end(&p->saving);
    return rc;
}

void rt_process_save_cancel(struct rt_op *op) {
    (void)rt_slices_end(&rt_process_of(op)->saving);
}

/* -- back ------------------------------------------------------------------------------------------------------------- */

static int32_t place_today(const struct rt_process *p, const struct rt_proc_decl *d) {
    for (uint32_t i = 0; i < p->plan->op->n_states; i++) {
        const struct rt_proc_decl *now = &p->decls[i];
        if (base_str_eq(now->name, d->name) && now->kind == d->kind && evt_type_eq(now->type, d->type) &&
            (d->kind != CEP_STATE_MAP || evt_type_eq(now->map_type, d->map_type)))
            return (int32_t)i;
    }
    return -1;
}

static void load_decl(struct rt_process *p, struct base_unpack *u, struct rt_proc_decl *d) {
    *d = (struct rt_proc_decl){ .name = base_arena_str(&p->types, base_unpack_str(u)) };
    d->kind = (enum cep_state_kind)base_unpack_max(u, CEP_STATE_MAP);
    d->type = evt_unpack_type(u, &p->types);
    if (d->kind == CEP_STATE_MAP)
        d->map_type = evt_unpack_type(u, &p->types);
    u->bad |= !d->type || (d->kind == CEP_STATE_MAP && !d->map_type);
    d->now = u->bad ? -1 : place_today(p, d);
}

static void load_meta(struct rt_process *p, const struct sto_entry *e, struct base_unpack *u) {
    int64_t passed = base_unpack_zigzag(u);
    size_t n = base_unpack_count(u, 1);
    p->same_keys = n == p->plan->n_keys;
    p->old_keys = BASE_ARENA_ARRAY(&p->types, const struct evt_type *, n + 1);
    for (size_t k = 0; k < n && !u->bad; k++) {
        p->old_keys[k] = evt_unpack_type(u, &p->types);
        p->same_keys = p->same_keys && p->old_keys[k] && evt_type_eq(p->old_keys[k], p->key_types[k]);
    }
    p->n_old = (uint32_t)base_unpack_count(u, 3);
    p->old = BASE_ARENA_ARRAY(&p->types, struct rt_proc_decl, p->n_old + (size_t)1);
    for (uint32_t i = 0; i < p->n_old && !u->bad; i++)
        load_decl(p, u, &p->old[i]);
    struct base_buf now = BASE_BUF_INIT;
    pack_inputs(p, &now);
    p->same_rows = base_str_eq(
        (struct base_str){ (const char *)u->p, (size_t)(u->end - u->p) }, base_buf_view(&now));
    base_buf_release(&now);
    u->p = u->end;
    rt_op_was_at(&p->op, e, passed, &p->passed);
}

/* One cell into place; NULL: it has none. */
static void load_cell(struct rt_process *p, struct base_unpack *u, const struct evt_type *t,
    struct rt_proc_state *s, struct rt_proc_cell *to) {
    struct evt_val v;
    evt_unpack_val(u, t, &p->scratch, &v);
    if (to && !u->bad)
        rt_proc_cell_set(s, to, t, &v);
}

static void load_map_entry(
    struct rt_process *p, struct base_unpack *u, const struct rt_proc_decl *d, struct rt_proc_state *s) {
    struct evt_val key;
    evt_unpack_val(u, d->map_type, &p->scratch, &key);
    if (u->bad)
        return;
    base_buf_clear(&p->bytes);
    evt_val_write_key(&p->bytes, d->map_type, &key);
    load_cell(p, u, d->type, s, s ? rt_proc_map_need(s, base_buf_view(&p->bytes)) : NULL);
}

/* Returns: how many values found no place. */
static size_t load_state(
    struct rt_process *p, struct base_unpack *u, const struct rt_proc_decl *d, struct rt_proc_key *k) {
    struct rt_proc_state *s = k && d->now >= 0 ? &k->states[d->now] : NULL;
    size_t n = d->kind == CEP_STATE_VALUE ? (size_t)base_unpack_max(u, 1) : base_unpack_count(u, 1);
    for (size_t i = 0; i < n && !u->bad; i++) {
        if (d->kind == CEP_STATE_MAP)
            load_map_entry(p, u, d, s);
        else
            load_cell(p, u, d->type, s, s ? rt_proc_list_add(s) : NULL);
    }
    return s ? 0 : n;
}

static void load_timers(
    struct rt_process *p, struct base_unpack *u, struct rt_proc_key *k, struct sto_losses *losses) {
    uint64_t lost = 0;
    for (size_t n = base_unpack_count(u, 3); n > 0 && !u->bad; n--) {
        struct cep_timer t = { .clock = (enum cep_clock)base_unpack_max(u, CEP_PROCESSING_TIME) };
        t.at = base_unpack_zigzag(u);
        t.tag = base_unpack_zigzag(u);
        if (u->bad)
            return;
        if (p->plan->op->timer)
            rt_process_timer_set(p, k, &t);
        else
            lost++;
    }
    if (lost > 0)
        sto_lose(losses, p->op.name, BASE_STR("timers, of which the operator has none any more"), lost);
}

static void load_key(
    struct rt_process *p, struct base_str bytes, struct base_unpack *u, struct sto_losses *losses) {
    if (!p->same_keys) {
        sto_lose(losses, p->op.name, BASE_STR("keys of other types"), 1);
        u->p = u->end;
        return;
    }
    for (uint32_t i = 0; i < p->plan->n_keys; i++)
        evt_unpack_val(u, p->key_types[i], &p->scratch, &p->key_vals[i]);
    /* The values must be those of the bytes that they are looked up by. */
    base_buf_clear(&p->bytes);
    for (uint32_t i = 0; i < p->plan->n_keys && !u->bad; i++)
        evt_val_write_key(&p->bytes, p->key_types[i], &p->key_vals[i]);
    if (u->bad || !base_str_eq(bytes, base_buf_view(&p->bytes)) || base_map_get(&p->keys, bytes, NULL)) {
        u->bad = true;
        return;
    }
    struct rt_proc_key *k = rt_process_key(p, bytes, p->key_vals);
    k->given_at = base_unpack_zigzag(u);
    k->n_given = (uint32_t)base_unpack_max(u, UINT32_MAX);
    load_timers(p, u, k, losses);
    for (uint32_t i = 0; i < p->n_old && !u->bad; i++)
        if (load_state(p, u, &p->old[i], k) > 0 && !u->bad) {
            char what[RT_REASON_MAX];
            (void)snprintf(what, sizeof what, "keys' state \"%.*s\"", BASE_STR_FMT(p->old[i].name));
            sto_lose(losses, p->op.name, base_str_of(what), 1);
        }
    rt_process_look_after(p, k);
}

static void load_row(struct rt_process *p, struct base_unpack *u, struct sto_losses *losses) {
    if (!p->same_rows) {
        sto_lose(losses, p->op.name, BASE_STR("rows that waited for the watermark"), 1);
        u->p = u->end;
        return;
    }
    uint32_t input = (uint32_t)base_unpack_max(u, p->plan->n_inputs - 1);
    if (u->bad)
        return;
    struct evt_batch *b = evt_batch_new(plan_schema_of(p->whole, p->plan->inputs[input]), 1);
    if (evt_unpack_row(u, b, &p->scratch))
        rt_wait_add(&p->wait, input, b);
    else
        u->bad = true;
    evt_batch_unref(b);
}

enum cep_rc rt_process_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_process *p = rt_process_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(p, e, &u);
    else if (e->ns == RT_PROC_NS_KEY && p->old)
        load_key(p, e->key, &u, losses);
    else if (e->ns == RT_PROC_NS_ROW && p->old)
        load_row(p, &u, losses);
    else
        u.bad = true;
    base_arena_clear(&p->scratch);
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}
