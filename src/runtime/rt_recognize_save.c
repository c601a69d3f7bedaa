/*
 * rt_recognize_save -- what survives of `match_recognize`: rows, and how far each key is. What threads there are follows from them.
 *
 * META (key ""): zigzag watermark that has gone on; str signature: keys, pattern, conditions and kept columns as text; and, for who reads it
 * without the .pattern: varint key columns, their types; schema of the kept columns. State of another signature means something else and is
 * lost: counted by keys.
 * KEY (key: the key's canonical bytes): a value a key column; varint number of the first row, varint start, varint matches; varint rows, rows *
 * (zigzag time, varint origin, varint seq, u64 conditions that hold, u8 1 = a failure on it was told, a value a kept column).
 * ROW (key: u64 number): a row that waits: str schema, the row. What is kept may change with the program: then the row is lost.
 */
#include "runtime/rt_recognize.h"

#include "base/base_check.h"
#include "base/base_map.h"
#include "event/evt_pack.h"

static void write_signature(const struct rt_recognize *rec, struct base_buf *b) {
    const struct plan_recognize *p = rec->plan;
    struct base_arena tmp;
    base_arena_init(&tmp, 0);
    const struct base_str *names = plan_row_var_names(&tmp, p);
    for (uint32_t i = 0; i < p->n_keys; i++) {
        evt_type_write(b, p->keys[i]->type);
        base_buf_putc(b, ' ');
        expr_write(b, p->keys[i], rec->in, NULL);
        base_buf_putc(b, ';');
    }
    plan_write_row_term(b, p, p->root);
    base_buf_printf(b, " %lld %u %u;", (long long)p->within_us, p->back, p->ahead);
    for (uint32_t i = 0; i < p->n_vars; i++) {
        base_buf_str(b, names[i]);
        base_buf_printf(b, " %llx ", (unsigned long long)p->vars[i].of);
        if (p->vars[i].cond)
            expr_write(b, p->vars[i].cond, rec->in, names);
        base_buf_putc(b, ';');
    }
    plan_write_columns(b, &rec->kept);
    base_arena_release(&tmp);
}

static enum cep_rc save_meta(struct rt_recognize *rec, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT, sig = BASE_BUF_INIT;
    write_signature(rec, &sig);
    base_pack_zigzag(&value, rec->passed);
    base_pack_str(&value, base_buf_view(&sig));
    base_pack_varint(&value, rec->kind.n_keys);
    for (uint32_t i = 0; i < rec->kind.n_keys; i++)
        evt_pack_type(&value, rec->kind.key_types[i]);
    evt_pack_schema(&value, &rec->kept);
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    base_buf_release(&value);
    base_buf_release(&sig);
    return rc;
}

void rt_recognize_write_key(struct rt_recognize *rec, struct rt_group *g) {
    struct rt_slices *s = &rec->saving;
    struct sto_out out = rt_slices_out(s);
    const struct nfa_rows *rows = ((const struct rt_recognize_key *)g->own)->rows;
    struct nfa_rows_place place = nfa_rows_place(rows);
    g->saved = s->number;
    if (s->rc != CEP_OK)
        return;
    base_buf_clear(&s->value);
    for (uint32_t k = 0; k < rec->kind.n_keys; k++)
        evt_pack_val(&s->value, rec->kind.key_types[k], &g->vals[k]);
    base_pack_varint(&s->value, place.first);
    base_pack_varint(&s->value, place.start);
    base_pack_varint(&s->value, place.matches);
    base_pack_varint(&s->value, nfa_rows_count(rows));
    for (uint32_t i = 0; i < nfa_rows_count(rows); i++) {
        const struct nfa_rows_row *row = nfa_rows_at(rows, i);
        base_pack_zigzag(&s->value, row->time);
        base_pack_varint(&s->value, row->origin);
        base_pack_varint(&s->value, row->seq);
        base_pack_u64(&s->value, row->bits);
        base_pack_u8(&s->value, row->told);
        for (uint32_t c = 0; c < rec->kept.n_cols; c++)
            evt_pack_val(&s->value, rec->kept.cols[c].type, &row->vals[c]);
    }
    s->rc = sto_put(
        &out, RT_RECOGNIZE_NS_KEY, sto_group_of_hash(g->hash), g->bytes, base_buf_view(&s->value), &s->err);
}

static void put_row(void *arg, uint32_t input, const struct evt_batch *prep, uint32_t row) {
    struct rt_recognize *rec = arg;
    (void)input;
    struct rt_slices *s = &rec->saving;
    struct sto_out out = rt_slices_out(s);
    uint32_t group = sto_group_of_hash(rt_recognize_hash(rec, prep, row));
    base_arena_clear(&rec->scratch);
    base_buf_clear(&s->key);
    base_buf_clear(&s->value);
    base_pack_u64(&s->key, s->n_rows++);
    base_pack_str(&s->value, base_buf_view(&rec->schema));
    evt_pack_row(&s->value, prep, row, &rec->scratch);
    base_arena_clear(&rec->scratch);
    s->rc = sto_put(
        &out, RT_RECOGNIZE_NS_ROW, group, base_buf_view(&s->key), base_buf_view(&s->value), &s->err);
}

void rt_recognize_save_cancel(struct rt_op *op) {
    (void)rt_slices_end(&rt_recognize_of(op)->saving);
}

void rt_recognize_saving_release(struct rt_recognize *rec) {
    rt_slices_release(&rec->saving);
    base_buf_release(&rec->schema);
}

enum cep_rc rt_recognize_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_recognize *rec = rt_recognize_of(op);
    base_buf_clear(&rec->schema);
    evt_pack_schema(&rec->schema, &rec->prep);
    rt_slices_begin(&rec->saving, &rec->wait, out);
    enum cep_rc rc = save_meta(rec, out, err);
    if (rc != CEP_OK)
        (void)rt_slices_end(&rec->saving);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

static bool next(void *arg) {
    struct rt_recognize *rec = arg;
    struct rt_slices *s = &rec->saving;
    if (s->at >= rec->keys.n)
        return false;
    rt_recognize_opens(rec, rec->keys.groups[s->at++]);
    s->done += RT_SLICES_LOOK;
    return true;
}

enum cep_rc rt_recognize_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_recognize *rec = rt_recognize_of(op);
    enum cep_rc rc = rt_slices_some(&rec->saving, bytes, put_row, next, rec, err);
    if (rc != CEP_AGAIN)
        (void)rt_slices_end(&rec->saving);
    return rc;
}

/* -- back ------------------------------------------------------------------------------------------------------------- */

static void load_meta(struct rt_recognize *rec, const struct sto_entry *e, struct base_unpack *u) {
    struct base_buf now = BASE_BUF_INIT;
    int64_t passed = base_unpack_zigzag(u);
    struct base_str sig = base_unpack_str(u);
    write_signature(rec, &now);
    rec->same_meaning = base_str_eq(sig, base_buf_view(&now));
    base_buf_release(&now);
    (void)base_unpack_bytes(u, (size_t)(u->end - u->p)); /* the signature says as much */
    rt_op_was_at(&rec->op, e, passed, &rec->passed);
}

static void load_rows(struct rt_recognize *rec, struct base_unpack *u, struct nfa_rows *rows) {
    struct nfa_rows_place place;
    place.first = base_unpack_varint(u);
    place.start = base_unpack_varint(u);
    place.matches = base_unpack_varint(u);
    size_t n = base_unpack_count(u, 11);
    u->bad |= !nfa_rows_restore(rows, &place);
    for (size_t i = 0; i < n && !u->bad; i++) {
        int64_t time = base_unpack_zigzag(u), last = nfa_rows_last_time(rows);
        uint64_t origin = base_unpack_varint(u), seq = base_unpack_varint(u), bits = base_unpack_u64(u);
        uint8_t told = base_unpack_u8(u);
        for (uint32_t c = 0; c < rec->kept.n_cols; c++)
            evt_unpack_val(u, rec->kept.cols[c].type, &rec->scratch, &rec->row_vals[c]);
        u->bad |= time < last || origin > UINT32_MAX || told > 1;
        if (!u->bad)
            nfa_rows_add(rec->kind_rows, rows, time, (uint32_t)origin, seq, bits, told, rec->row_vals);
        base_arena_clear(&rec->scratch);
    }
    u->bad |= !nfa_rows_restored(rows);
}

static void load_key(
    struct rt_recognize *rec, struct base_str bytes, struct base_unpack *u, struct sto_losses *losses) {
    if (!rec->same_meaning) {
        sto_lose(losses, rec->op.name, BASE_STR("keys of another match_recognize"), 1);
        u->p = u->end;
        return;
    }
    bool made = false;
    base_buf_clear(&rec->key);
    for (uint32_t i = 0; i < rec->kind.n_keys; i++) {
        evt_unpack_val(u, rec->kind.key_types[i], &rec->scratch, &rec->key_vals[i]);
        if (!u->bad)
            evt_val_write_key(&rec->key, rec->kind.key_types[i], &rec->key_vals[i]);
    }
    /* The values must be those of the bytes that they are looked up by. */
    u->bad |= !base_str_eq(bytes, base_buf_view(&rec->key));
    if (u->bad)
        return;
    struct rt_recognize_key *key = rt_recognize_get(
        rec, base_hash(bytes.p ? bytes.p : "", bytes.len), bytes, rec->key_vals, &made);
    u->bad |= !made;
    if (made)
        load_rows(rec, u, key->rows);
    key->group->last_time = nfa_rows_last_time(key->rows);
    rec->restored = true;
}

static void load_row(struct rt_recognize *rec, struct base_unpack *u, struct sto_losses *losses) {
    struct base_buf schema = BASE_BUF_INIT;
    struct base_str was = base_unpack_str(u);
    evt_pack_schema(&schema, &rec->prep);
    bool same = rec->same_meaning && base_str_eq(was, base_buf_view(&schema));
    base_buf_release(&schema);
    if (!same) {
        sto_lose(losses, rec->op.name, BASE_STR("rows that waited for the watermark"), 1);
        u->p = u->end;
        return;
    }
    struct evt_batch *b = evt_batch_new(&rec->prep, 1);
    if (evt_unpack_row(u, b, &rec->scratch))
        rt_wait_add(&rec->wait, 0, b);
    else
        u->bad = true;
    evt_batch_unref(b);
}

enum cep_rc rt_recognize_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_recognize *rec = rt_recognize_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META)
        load_meta(rec, e, &u);
    else if (e->ns == RT_RECOGNIZE_NS_KEY)
        load_key(rec, e->key, &u, losses);
    else if (e->ns == RT_RECOGNIZE_NS_ROW)
        load_row(rec, &u, losses);
    else
        u.bad = true;
    base_arena_clear(&rec->scratch);
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}
