/*
 * rt_over_save -- what survives of calls with `over`.
 *
 * META (key ""): zigzag watermark that has gone on; str signature: keys, calls and frames as text; and, for who reads it without the
 * .pattern: varint key columns, varint n, n * (u8 1 = it keeps rows, else u8 form of its accumulator (expr_acc_pack()); u8 1 = it has
 * an argument: its type). State of another signature means something else and is lost: counted by keys.
 * KEY (key: the key's canonical bytes): a value a key column; zigzag time of its last row; the frame of each call
 * (rt_frame_pack()).
 * ROW (key: u64 number): a row that waits: str schema, the row. What goes through may change with the program: then the row is lost.
 */
#include "runtime/rt_over.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_map.h"
#include "event/evt_pack.h"
#include "plan/plan_combine.h"

static struct rt_over *over_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_over, op);
}

static void write_signature(const struct rt_over *ov, struct base_buf *b) {
    const struct plan_over *p = ov->plan;
    for (uint32_t i = 0; i < p->n_keys; i++) {
        evt_type_write(b, p->keys[i]->type);
        base_buf_putc(b, ' ');
        expr_write(b, p->keys[i], ov->in, NULL);
        base_buf_putc(b, ';');
    }
    for (uint32_t i = 0; i < p->n_calls; i++) {
        const struct plan_frame *f = &p->calls[i].frame;
        plan_agg_write(b, &p->calls[i].agg, ov->in);
        base_buf_printf(b, " over %d %d %llu %lld;", (int)f->kind, (int)f->unbounded,
            (unsigned long long)f->n, (long long)f->us);
    }
}

static enum cep_rc save_meta(struct rt_over *ov, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT, sig = BASE_BUF_INIT;
    write_signature(ov, &sig);
    base_pack_zigzag(&value, ov->passed);
    base_pack_str(&value, base_buf_view(&sig));
    base_pack_varint(&value, ov->kind.n_keys);
    for (uint32_t i = 0; i < ov->kind.n_keys; i++)
        evt_pack_type(&value, ov->kind.key_types[i]);
    base_pack_varint(&value, ov->plan->n_calls);
    for (uint32_t i = 0; i < ov->plan->n_calls; i++) {
        const struct rt_frame_kind *k = &ov->calls[i];
        base_pack_u8(&value, k->way != RT_FRAME_ALL);
        if (k->way == RT_FRAME_ALL)
            base_pack_u8(&value, expr_acc_form(&k->fn));
        base_pack_u8(&value, k->fn.arg != NULL);
        if (k->fn.arg)
            evt_pack_type(&value, k->fn.arg);
    }
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    base_buf_release(&value);
    base_buf_release(&sig);
    return rc;
}

void rt_over_write_key(struct rt_over *ov, struct rt_group *g) {
    struct rt_slices *s = &ov->saving;
    struct sto_out out = rt_slices_out(s);
    struct rt_frame *const *frames = g->own;
    g->saved = s->number;
    if (s->rc != CEP_OK)
        return;
    base_buf_clear(&s->value);
    for (uint32_t k = 0; k < ov->kind.n_keys; k++)
        evt_pack_val(&s->value, ov->kind.key_types[k], &g->vals[k]);
    base_pack_zigzag(&s->value, g->last_time);
    for (uint32_t i = 0; i < ov->plan->n_calls; i++)
        rt_frame_pack(&ov->calls[i], &s->value, frames[i]);
    s->rc = sto_put(
        &out, RT_OVER_NS_KEY, sto_group_of_hash(g->hash), g->bytes, base_buf_view(&s->value), &s->err);
}

static void put_row(void *arg, uint32_t input, const struct evt_batch *prep, uint32_t row) {
    struct rt_over *ov = arg;
    (void)input;
    struct rt_slices *s = &ov->saving;
    struct sto_out out = rt_slices_out(s);
    uint32_t group = sto_group_of_hash(rt_over_hash(ov, prep, row));
    base_arena_clear(&ov->scratch);
    base_buf_clear(&s->key);
    base_buf_clear(&s->value);
    base_pack_u64(&s->key, s->n_rows++);
    base_pack_str(&s->value, base_buf_view(&ov->schema));
    evt_pack_row(&s->value, prep, row, &ov->scratch);
    base_arena_clear(&ov->scratch);
    s->rc = sto_put(&out, RT_OVER_NS_ROW, group, base_buf_view(&s->key), base_buf_view(&s->value), &s->err);
}

void rt_over_save_cancel(struct rt_op *op) {
    (void)rt_slices_end(&over_of(op)->saving);
}

void rt_over_saving_release(struct rt_over *ov) {
    rt_slices_release(&ov->saving);
    base_buf_release(&ov->schema);
}

enum cep_rc rt_over_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_over *ov = over_of(op);
    base_buf_clear(&ov->schema);
    evt_pack_schema(&ov->schema, &ov->prep);
    rt_slices_begin(&ov->saving, &ov->wait, out);
    enum cep_rc rc = save_meta(ov, out, err);
    if (rc != CEP_OK)
        (void)rt_slices_end(&ov->saving);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

static bool next(void *arg) {
    struct rt_over *ov = arg;
    struct rt_slices *s = &ov->saving;
    if (s->at >= ov->keys.n)
        return false;
    rt_over_opens(ov, ov->keys.groups[s->at++]);
    s->done += RT_SLICES_LOOK;
    return true;
}

enum cep_rc rt_over_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_over *ov = over_of(op);
    enum cep_rc rc = rt_slices_some(&ov->saving, bytes, put_row, next, ov, err);
    if (rc != CEP_AGAIN)
        (void)rt_slices_end(&ov->saving);
    return rc;
}

/* -- back ------------------------------------------------------------------------------------------------------------- */

static void load_meta(struct rt_over *ov, const struct sto_entry *e, struct base_unpack *u) {
    struct base_buf now = BASE_BUF_INIT;
    int64_t passed = base_unpack_zigzag(u);
    struct base_str sig = base_unpack_str(u);
    write_signature(ov, &now);
    ov->same_meaning = base_str_eq(sig, base_buf_view(&now));
    base_buf_release(&now);
    (void)base_unpack_bytes(u, (size_t)(u->end - u->p)); /* the signature says as much */
    rt_op_was_at(&ov->op, e, passed, &ov->passed);
}

static void load_key(
    struct rt_over *ov, struct base_str bytes, struct base_unpack *u, struct sto_losses *losses) {
    if (!ov->same_meaning) {
        sto_lose(losses, ov->op.name, BASE_STR("keys of other calls with \"over\""), 1);
        u->p = u->end;
        return;
    }
    bool made = false;
    base_buf_clear(&ov->key);
    for (uint32_t i = 0; i < ov->kind.n_keys; i++) {
        evt_unpack_val(u, ov->kind.key_types[i], &ov->scratch, &ov->key_vals[i]);
        if (!u->bad)
            evt_val_write_key(&ov->key, ov->kind.key_types[i], &ov->key_vals[i]);
    }
    int64_t last_time = base_unpack_zigzag(u);
    /* The values must be those of the bytes that they are looked up by. */
    u->bad |= !base_str_eq(bytes, base_buf_view(&ov->key));
    if (u->bad)
        return;
    struct rt_group *g = rt_over_get(
        ov, base_hash(bytes.p ? bytes.p : "", bytes.len), bytes, ov->key_vals, &made);
    u->bad |= !made;
    g->last_time = last_time;
    for (uint32_t i = 0; i < ov->plan->n_calls && !u->bad; i++) {
        struct rt_frame *f = ((struct rt_frame **)g->own)[i];
        ov->frame_bytes -= rt_frame_bytes(&ov->calls[i], f);
        rt_frame_unpack(&ov->calls[i], u, &ov->scratch, f);
        ov->frame_bytes += rt_frame_bytes(&ov->calls[i], f);
    }
}

static void load_row(struct rt_over *ov, struct base_unpack *u, struct sto_losses *losses) {
    struct base_buf schema = BASE_BUF_INIT;
    struct base_str was = base_unpack_str(u);
    evt_pack_schema(&schema, &ov->prep);
    bool same = ov->same_meaning && base_str_eq(was, base_buf_view(&schema));
    base_buf_release(&schema);
    if (!same) {
        sto_lose(losses, ov->op.name, BASE_STR("rows that waited for the watermark"), 1);
        u->p = u->end;
        return;
    }
    struct evt_batch *b = evt_batch_new(&ov->prep, 1);
    if (evt_unpack_row(u, b, &ov->scratch))
        rt_wait_add(&ov->wait, 0, b);
    else
        u->bad = true;
    evt_batch_unref(b);
}

enum cep_rc rt_over_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_over *ov = over_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(ov, e, &u);
    else if (e->ns == RT_OVER_NS_KEY)
        load_key(ov, e->key, &u, losses);
    else if (e->ns == RT_OVER_NS_ROW)
        load_row(ov, &u, losses);
    else
        u.bad = true;
    base_arena_clear(&ov->scratch);
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}
