/*
 * rt_join_save -- what survives of a join.
 *
 * META (key ""): zigzag watermark that has gone on; str signature: kind, bounds, keys and kept columns as text; and, for who reads it
 * without the .pattern: u8 kind, varint key columns, str schema of the rows of each side that wait (keys, then what is kept). State of
 * another signature means something else and is lost: counted by rows.
 * KEPT (key: u8 side, u64 number): str the key's canonical bytes; u8 1 = it equals nothing; u8 1 = it had a partner (of rows that are
 * close in time; windows ask anew); a row of what is kept. Of a table only the versions that are in force.
 * ROW (key: u64 number): u8 side; a row that waits for the watermark.
 *
 * All but META is put out in slices (rt_slices.h). A row that is kept says which save it is in; it is written before it is known to have
 * met one (where that is saved), goes, is replaced or done with. Rows that are moved together take that along.
 */
#include "runtime/rt_join.h"

#include "base/base_check.h"
#include "base/base_err.h"
#include "base/base_map.h"
#include "base/base_mem.h"
#include "event/evt_pack.h"

#include <stdlib.h>

static struct rt_join *join_of(const struct rt_op *op) {
    return CEP_CONTAINER_OF((struct rt_op *)(uintptr_t)op, struct rt_join, op);
}

static void write_signature(const struct rt_join *j, struct base_buf *b) {
    const struct plan_join *p = j->plan;
    base_buf_printf(b, "%d %lld %lld %lld %lld %d%d;", (int)p->kind, (long long)p->within_us,
        (long long)p->size_us, (long long)p->slide_us, (long long)p->offset_us, p->sides[0].outer,
        p->sides[1].outer);
    for (uint32_t s = 0; s < 2; s++) {
        const struct evt_schema *in = plan_schema_of(j->whole, p->sides[s].input);
        for (uint32_t i = 0; i < j->sides[s].prep.n_cols; i++) {
            evt_type_write(b, j->sides[s].prep.cols[i].type);
            base_buf_putc(b, ' ');
            expr_write(b, j->sides[s].prep_exprs[i], in, NULL);
            base_buf_putc(b, ';');
        }
    }
}

/* -- out -------------------------------------------------------------------------------------------------------------- */

static enum cep_rc save_meta(struct rt_join *j, const struct sto_out *out, struct cep_err *err) {
    struct base_buf value = BASE_BUF_INIT, part = BASE_BUF_INIT;
    base_pack_zigzag(&value, j->passed);
    write_signature(j, &part);
    base_pack_str(&value, base_buf_view(&part));
    base_pack_u8(&value, (uint8_t)j->plan->kind);
    base_pack_varint(&value, j->plan->n_keys);
    for (uint32_t s = 0; s < 2; s++) {
        base_buf_clear(&part);
        evt_pack_schema(&part, &j->sides[s].prep);
        base_pack_str(&value, base_buf_view(&part));
    }
    enum cep_rc rc = sto_put(out, STO_NS_META, STO_NO_GROUP, BASE_STR(""), base_buf_view(&value), err);
    base_buf_release(&value);
    base_buf_release(&part);
    return rc;
}

/* What is not kept is not in it: a row whose session is over, a version that was replaced. */
static bool is_kept(const struct rt_join *j, uint32_t side, uint64_t number, uint32_t key) {
    return key != RT_JOIN_NO_KEY &&
           (!j->kind->left_passes || rt_join_key_at(&j->keys, key)->newest[side] == number + 1);
}

void rt_join_write_row(struct rt_join *j, uint32_t side, uint64_t number) {
    struct rt_slices *s = &j->saving;
    struct sto_out out = rt_slices_out(s);
    const struct rt_join_rows *rows = &j->sides[side].rows;
    struct rt_join_meta *m = rt_join_meta(rows, number);
    m->saved = s->number;
    if (s->rc != CEP_OK || !is_kept(j, side, number, m->key))
        return;
    const struct rt_join_key *k = rt_join_key_at(&j->keys, m->key);
    base_buf_clear(&s->key);
    base_buf_clear(&s->value);
    base_pack_u8(&s->key, (uint8_t)side);
    base_pack_u64(&s->key, s->n_rows++);
    base_pack_str(&s->value, rt_join_key_bytes(k));
    base_pack_u8(&s->value, k->null);
    base_pack_u8(&s->value, j->plan->kind == PLAN_JOIN_INTERVAL && m->matched != 0);
    evt_pack_row(
        &s->value, rt_join_chunk_of(rows, number)->rows, (uint32_t)(number % RT_JOIN_CHUNK), &j->scratch);
    base_arena_clear(&j->scratch);
    s->rc = sto_put(&out, RT_JOIN_NS_KEPT, sto_group_of_hash(k->hash), base_buf_view(&s->key),
        base_buf_view(&s->value), &s->err);
}

void rt_join_moved(struct rt_join *j, uint32_t side) {
    if (j->save_side == side)
        j->save_at = 0;
}

static void put_row(void *arg, uint32_t input, const struct evt_batch *prep, uint32_t row) {
    struct rt_join *j = arg;
    struct rt_slices *s = &j->saving;
    struct sto_out out = rt_slices_out(s);
    uint32_t side = j->kind->left_passes ? 1 - input : input;
    base_buf_clear(&s->key);
    base_buf_clear(&s->value);
    (void)rt_join_write_key(j, side, prep, row, &s->key);
    uint32_t group = sto_group_of(base_buf_view(&s->key));
    base_buf_clear(&s->key);
    base_pack_u64(&s->key, s->n_rows++);
    base_pack_u8(&s->value, (uint8_t)side);
    evt_pack_row(&s->value, prep, row, &j->scratch);
    base_arena_clear(&j->scratch);
    s->rc = sto_put(&out, RT_JOIN_NS_ROW, group, base_buf_view(&s->key), base_buf_view(&s->value), &s->err);
}

/* The next row that is kept, of the left side first. */
static bool next(void *arg) {
    struct rt_join *j = arg;
    if (j->save_side > 1)
        return false;
    const struct rt_join_rows *rows = &j->sides[j->save_side].rows;
    j->save_at = j->save_at < rows->head ? rows->head : j->save_at;
    if (j->save_at == rows->tail) {
        j->save_side++;
        j->save_at = 0;
        return true;
    }
    j->saving.done += RT_SLICES_LOOK;
    rt_join_opens(j, j->save_side, j->save_at++);
    return true;
}

/* Between two elements of the input no pair is under way. */
enum cep_rc rt_join_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_join *j = join_of(op);
    rt_slices_begin(&j->saving, &j->wait, out);
    j->sides[0].rows.saved = j->sides[1].rows.saved = j->saving.number;
    j->save_side = 0;
    j->save_at = 0;
    enum cep_rc rc = save_meta(j, out, err);
    if (rc != CEP_OK)
        (void)rt_slices_end(&j->saving);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

enum cep_rc rt_join_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_join *j = join_of(op);
    enum cep_rc rc = rt_slices_some(&j->saving, bytes, put_row, next, j, err);
    if (rc != CEP_AGAIN)
        (void)rt_slices_end(&j->saving);
    return rc;
}

void rt_join_save_cancel(struct rt_op *op) {
    (void)rt_slices_end(&join_of(op)->saving);
}

/* -- back ------------------------------------------------------------------------------------------------------------- */

static void load_meta(struct rt_join *j, const struct sto_entry *e, struct base_unpack *u) {
    struct base_buf now = BASE_BUF_INIT;
    int64_t passed = base_unpack_zigzag(u);
    struct base_str sig = base_unpack_str(u);
    write_signature(j, &now);
    j->same = base_str_eq(sig, base_buf_view(&now));
    base_buf_release(&now);
    (void)base_unpack_bytes(u, (size_t)(u->end - u->p)); /* the signature says as much */
    rt_op_was_at(&j->op, e, passed, &j->passed);
}

static bool lost(struct rt_join *j, struct base_unpack *u, struct sto_losses *losses) {
    if (j->same)
        return false;
    sto_lose(losses, j->op.name, BASE_STR("rows of a join of other keys, columns or bounds"), 1);
    u->p = u->end;
    return true;
}

static void load_kept(
    struct rt_join *j, struct base_str entry_key, struct base_unpack *u, struct sto_losses *losses) {
    if (lost(j, u, losses))
        return;
    struct base_unpack k = base_unpack_of(entry_key);
    uint32_t side = (uint32_t)base_unpack_max(&k, 1);
    struct base_str bytes = base_unpack_str(u);
    bool null = base_unpack_u8(u) != 0, matched = base_unpack_u8(u) != 0;
    struct rt_join_side *of = &j->sides[side];
    struct evt_batch *b = evt_batch_new(&of->kept, 1);
    if (!k.bad && !u->bad && evt_unpack_row(u, b, &j->scratch) && b->time[0] >= -RT_FAR &&
        b->time[0] <= RT_FAR) {
        uint32_t place = rt_join_keys_get(
            &j->keys, base_hash(bytes.len ? bytes.p : "", bytes.len), bytes, null);
        uint64_t number = rt_join_rows_add(&of->loaded, b, 0, 0, place);
        rt_join_meta(&of->loaded, number)->matched = matched && j->plan->kind == PLAN_JOIN_INTERVAL;
    } else {
        u->bad = true;
    }
    evt_batch_unref(b);
}

static void load_row(struct rt_join *j, struct base_unpack *u, struct sto_losses *losses) {
    if (lost(j, u, losses))
        return;
    uint32_t side = (uint32_t)base_unpack_max(u, 1);
    struct evt_batch *b = evt_batch_new(&j->sides[side].prep, 1);
    if (!u->bad && evt_unpack_row(u, b, &j->scratch) && b->time[0] >= -RT_FAR && b->time[0] <= RT_FAR)
        rt_wait_add(&j->wait, j->kind->left_passes ? 1 - side : side, b);
    else
        u->bad = true;
    evt_batch_unref(b);
}

/*
 * Rows of windows, of sessions and of outer sides are kept in one order of time, up to one watermark. Subtasks of an unaligned checkpoint
 * that are put together may have seen different ones, and what some have given out others have yet to.
 */
static bool is_torn(const struct rt_join *j, const struct sto_entry *e) {
    struct base_unpack u = base_unpack_of(e->value);
    const struct plan_join *p = j->plan;
    bool ordered = p->kind == PLAN_JOIN_WINDOW || p->kind == PLAN_JOIN_SESSION || p->sides[0].outer ||
                   p->sides[1].outer;
    return ordered && j->op.was_saved && !e->elsewhere && base_unpack_zigzag(&u) != j->passed;
}

enum cep_rc rt_join_load(
    struct rt_op *op, const struct sto_entry *e, struct sto_losses *losses, struct cep_err *err) {
    struct rt_join *j = join_of(op);
    struct base_unpack u = base_unpack_of(e->value);
    if (e->ns == STO_NS_META && is_torn(j, e))
        return base_err_set(err, CEP_ESTATE,
            "stream \"%.*s\": the checkpoint is an unaligned one, whose subtasks had not seen the same "
            "watermarks: a join over windows or "
            "with an outer side goes on from it only at the parallelism that it had; from a savepoint or an "
            "aligned checkpoint, at any",
            BASE_STR_FMT(op->name));
    if (e->ns == STO_NS_META)
        load_meta(j, e, &u);
    else if (e->ns == RT_JOIN_NS_KEPT)
        load_kept(j, e->key, &u, losses);
    else if (e->ns == RT_JOIN_NS_ROW)
        load_row(j, &u, losses);
    else
        u.bad = true;
    base_arena_clear(&j->scratch);
    return base_unpack_ok(&u) ? CEP_OK
                              : base_err_set(err, CEP_EDAMAGED, "stream \"%.*s\": its saved state is damaged",
                                    BASE_STR_FMT(op->name));
}

/* Rows of several subtasks come one subtask after the other: they are put in the order of their times again. */
struct placed {
    int64_t time;
    uint64_t seq, number;
    uint32_t origin;
};

static int by_time(const void *x, const void *y) {
    const struct placed *a = x, *b = y;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->origin != b->origin)
        return a->origin < b->origin ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void put_in_order(struct rt_join *j, uint32_t side) {
    struct rt_join_rows *from = &j->sides[side].loaded, *to = &j->sides[side].rows;
    size_t n = (size_t)(from->tail - from->head);
    struct placed *placed = base_calloc(n + 1, sizeof *placed);
    for (size_t i = 0; i < n; i++) {
        const struct evt_batch *b = rt_join_chunk_of(from, i)->rows;
        uint32_t row = (uint32_t)(i % RT_JOIN_CHUNK);
        placed[i] = (struct placed){ b->time[row], b->seq[row], i, b->origin[row] };
    }
    qsort(placed, n, sizeof *placed, by_time);
    for (size_t i = 0; i < n; i++) {
        const struct rt_join_chunk *c = rt_join_chunk_of(from, placed[i].number);
        uint32_t row = (uint32_t)(placed[i].number % RT_JOIN_CHUNK), key = c->meta[row].key;
        uint64_t number = rt_join_rows_add(to, c->rows, row, 0, key);
        rt_join_meta(to, number)->matched = c->meta[row].matched;
        if (j->kind->left_passes)
            j->n_current += rt_join_key_at(&j->keys, key)->newest[side] == 0;
        rt_join_hang(j, side, number, key);
    }
    base_free(placed);
    rt_join_rows_release(from);
}

enum cep_rc rt_join_loaded(struct rt_op *op, struct sto_losses *losses, struct cep_err *err) {
    struct rt_join *j = join_of(op);
    const struct plan_join *p = j->plan;
    (void)losses;
    (void)err;
    put_in_order(j, 0);
    put_in_order(j, 1);
    if (p->kind == PLAN_JOIN_WINDOW && j->passed > -RT_FAR && j->passed < RT_FAR) {
        /* The last window that had ended. */
        int64_t x = j->passed + 1 - p->size_us - p->offset_us, rest = x % p->slide_us;
        j->fired = x - (rest < 0 ? rest + p->slide_us : rest) + p->offset_us;
    }
    return CEP_OK;
}
