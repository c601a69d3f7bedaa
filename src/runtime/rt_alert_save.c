/*
 * rt_alert_save -- what survives of an alert.
 *
 * META (key ""): varint rows taken in, varint records made; str the types of the identity; str the schemas of what it is on, of
 * what resolves it (when there is one), and of its record.
 * LIFE (key: the identity): zigzag last let through, zigzag deadline, u8 1 when it fires, and then its record, a row.
 * ROW (key: u64 number): varint input, a row.
 *
 * All but META is put out in slices (rt_slices.h); a life that a row or its deadline is about to change is written first.
 */
#include "runtime/rt_alert.h"

#include "base/base_err.h"
#include "event/evt_pack.h"
#include "runtime/rt_ops.h"

static void pack_by(struct base_buf *b, const struct plan_alert *p) {
    for (uint32_t i = 0; i < p->n_by; i++)
        evt_pack_type(b, p->by[i].expr->type);
}

static void pack_schemas(struct base_buf *b, const struct rt_alert *a) {
    evt_pack_schema(b, a->on);
    if (a->resolve)
        evt_pack_schema(b, a->resolve);
    evt_pack_schema(b, a->op.node->schema);
}

static enum cep_rc save_meta(struct rt_alert *a, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT, part = BASE_BUF_INIT;
    base_pack_varint(&value, a->n_arrived);
    base_pack_varint(&value, a->n_sent);
    pack_by(&part, a->alert);
    base_pack_str(&value, base_buf_view(&part));
    base_buf_clear(&part);
    pack_schemas(&part, a);
    base_pack_str(&value, base_buf_view(&part));
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    base_buf_release(&value);
    base_buf_release(&part);
    return rc;
}

void rt_alert_write_life(struct rt_alert *a, struct rt_life *life) {
    struct rt_slices *s = &a->saving;
    struct sto_out out = rt_slices_out(s);
    life->saved = s->number;
    if (s->rc != CEP_OK)
        return;
    base_buf_clear(&s->value);
    base_pack_zigzag(&s->value, life->last_let);
    base_pack_zigzag(&s->value, life->deadline);
    base_pack_u8(&s->value, life->firing);
    if (life->firing)
        evt_pack_row(&s->value, life->record, 0, &a->packing);
    base_arena_clear(&a->packing);
    s->rc = sto_put(
        &out, RT_NS_LIFE, sto_group_of(life->identity), life->identity, base_buf_view(&s->value), &s->err);
}

/* Into a->identity; an expression that fails is null in it, as when the row is judged. */
static void write_identity(struct rt_alert *a, const struct rt_alert_row *w) {
    const struct plan_alert *p = a->alert;
    rt_alert_look_at(a, w);
    for (uint32_t i = 0; i < p->n_by; i++) {
        struct evt_val v;
        if (w->input == RT_ALERT_ON)
            expr_eval(p->by[i].expr, &a->row.env, &v);
        else
            evt_col_get(&w->batch->cols[p->resolve_cols[i]], w->row, &a->scratch, &v);
        evt_val_write_key(&a->identity, p->by[i].expr->type, &v);
    }
}

static void put_row(void *arg, uint32_t input, const struct evt_batch *b, uint32_t row) {
    struct rt_alert *a = arg;
    struct rt_slices *s = &a->saving;
    struct sto_out out = rt_slices_out(s);
    write_identity(a, &(struct rt_alert_row){ b->time[row], b, row, input });
    uint32_t group = sto_group_of(rt_alert_identity(a));
    base_buf_clear(&s->key);
    base_buf_clear(&s->value);
    base_pack_u64(&s->key, s->n_rows++);
    base_pack_varint(&s->value, input);
    evt_pack_row(&s->value, b, row, &a->packing);
    base_arena_clear(&a->packing);
    s->rc = sto_put(&out, RT_NS_ROW, group, base_buf_view(&s->key), base_buf_view(&s->value), &s->err);
}

static bool next(void *arg) {
    struct rt_alert *a = arg;
    if (a->save_at == a->lives.n_lives)
        return false;
    struct rt_life *life = &a->lives.lives[a->save_at++];
    a->saving.done += RT_SLICES_LOOK;
    if (life->in_use)
        rt_alert_opens(a, life);
    return true;
}

enum cep_rc rt_alert_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_alert *a = rt_alert_of(op);
    rt_slices_begin(&a->saving, &a->wait, out);
    a->lives.saved = a->saving.number;
    a->save_at = 0;
    enum cep_rc rc = save_meta(a, out, err);
    if (rc != CEP_OK)
        (void)rt_slices_end(&a->saving);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

enum cep_rc rt_alert_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_alert *a = rt_alert_of(op);
    enum cep_rc rc = rt_slices_some(&a->saving, bytes, put_row, next, a, err);
    if (rc != CEP_AGAIN)
        (void)rt_slices_end(&a->saving);
    return rc;
}

void rt_alert_save_cancel(struct rt_op *op) {
    (void)rt_slices_end(&rt_alert_of(op)->saving);
}

/* -- back ------------------------------------------------------------------------------------------------------------- */

static void load_meta(struct rt_alert *a, struct base_unpack *u) {
    struct base_buf now = BASE_BUF_INIT;
    uint64_t arrived = base_unpack_varint(u), sent = base_unpack_varint(u);
    struct base_str by = base_unpack_str(u), rows = base_unpack_str(u);
    pack_by(&now, a->alert);
    a->same_by = base_str_eq(by, base_buf_view(&now));
    base_buf_clear(&now);
    pack_schemas(&now, a);
    a->same_rows = base_str_eq(rows, base_buf_view(&now));
    base_buf_release(&now);
    if (arrived > a->n_arrived)
        a->n_arrived = arrived;
    if (sent > a->n_sent)
        a->n_sent = sent;
}

static void lose(struct rt_alert *a, struct sto_losses *losses, const char *what) {
    sto_lose(losses, a->op.name, base_str_of(what), 1);
}

/* What it fires or suppresses by today's rules; what the rules of then kept and those of today do not is nobody's loss. */
static void load_life(
    struct rt_alert *a, struct base_str identity, struct base_unpack *u, struct sto_losses *losses) {
    int64_t last_let = base_unpack_zigzag(u), deadline = base_unpack_zigzag(u);
    bool firing = base_unpack_max(u, 1) != 0;
    if (u->bad)
        return;
    if (!a->same_by || (firing && (!a->same_rows || !rt_alert_has_life(a->alert)))) {
        lose(a, losses, firing ? "alerts that fire" : "suppressed identities");
        u->p = u->end;
        return;
    }
    struct evt_batch *record = firing ? evt_batch_new(a->op.node->schema, 1) : NULL;
    base_arena_clear(&a->scratch);
    if (firing && !evt_unpack_row(u, record, &a->scratch)) {
        evt_batch_unref(record);
        u->bad = true;
        return;
    }
    struct rt_life *life = rt_lives_find(&a->lives, identity);
    if (!life)
        life = rt_lives_make(&a->lives, identity);
    evt_batch_unref(life->record);
    life->last_let = last_let;
    life->firing = firing;
    life->record = record;
    rt_lives_set_deadline(&a->lives, life, deadline);
}

static void load_row(struct rt_alert *a, struct base_unpack *u, struct sto_losses *losses) {
    uint32_t input = (uint32_t)base_unpack_max(u, RT_ALERT_RESOLVE);
    if (u->bad)
        return;
    if (!a->same_rows) {
        lose(a, losses, "rows that waited for the watermark");
        u->p = u->end;
        return;
    }
    if (input == RT_ALERT_RESOLVE && !a->resolve) {
        u->bad = true;
        return;
    }
    struct evt_batch *b = evt_batch_new(input == RT_ALERT_ON ? a->on : a->resolve, 1);
    base_arena_clear(&a->scratch);
    if (evt_unpack_row(u, b, &a->scratch))
        rt_wait_add(&a->wait, input, b);
    else
        u->bad = true;
    evt_batch_unref(b);
}

enum cep_rc rt_alert_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_alert *a = rt_alert_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(a, &u);
    else if (e->ns == RT_NS_LIFE)
        load_life(a, e->key, &u, losses);
    else if (e->ns == RT_NS_ROW)
        load_row(a, &u, losses);
    else
        u.bad = true;
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "alert \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}
