/*
 * con_outbox -- see con_outbox.h.
 */
#include "connect/con_outbox.h"

enum { OUTBOX_BUFFER = 8 << 20, OUTBOX_DRAIN_US = 30000000, OUTBOX_SHIFT_MAX = 20 };

void con_outbox_init(struct con_outbox *ob, struct con_sink *sink, struct con_encoder *enc,
    const struct plan_sink *ps, int64_t retry_min_us, int64_t retry_max_us) {
    const struct plan_opt *opts = ps->opts;
    uint32_t n = ps->n_opts;
    *ob = (struct con_outbox){ .sink = sink, .enc = enc };
    ob->bound = (size_t)plan_opt_int(opts, n, "buffer", OUTBOX_BUFFER);
    ob->retry_min_us = plan_opt_int(opts, n, "retry_min", retry_min_us);
    ob->retry_max_us = plan_opt_int(opts, n, "retry_max", retry_max_us);
    ob->drain_us = plan_opt_int(opts, n, "drain", OUTBOX_DRAIN_US);
}

void con_outbox_release(struct con_outbox *ob) {
    base_buf_release(&ob->buf);
    base_free(ob->sizes);
}

/* What was appended to buf since it was `before` long is a record. */
static void outbox_added(struct con_outbox *ob, size_t before) {
    ob->sizes = base_grow(ob->sizes, ob->n_sizes, &ob->cap_sizes, sizeof *ob->sizes);
    ob->sizes[ob->n_sizes++] = ob->buf.len - before;
    ob->sink->stats.pending++;
}

void con_outbox_add(struct con_outbox *ob, const struct evt_batch *batch) {
    for (uint32_t row = con_next_row(batch, 0); row < batch->n_rows; row = con_next_row(batch, row + 1)) {
        size_t before = ob->buf.len;
        ob->enc->vt->row(ob->enc, batch, row, &ob->buf);
        outbox_added(ob, before);
        ob->sink->stats.rows++;
    }
}

static void outbox_clear(struct con_outbox *ob) {
    base_buf_clear(&ob->buf);
    ob->at = ob->n_sizes = ob->sizes_at = 0;
}

void con_outbox_take(struct con_outbox *ob) {
    CEP_REQUIRE(ob->sizes_at < ob->n_sizes);
    ob->at += ob->sizes[ob->sizes_at++];
    if (ob->sizes_at == ob->n_sizes) {
        outbox_clear(ob);
    } else if (ob->at > ob->bound / 2) { /* each byte moves at most a few times */
        memmove(ob->buf.p, ob->buf.p + ob->at, ob->buf.len - ob->at);
        ob->buf.len -= ob->at;
        ob->at = 0;
        ob->n_sizes -= ob->sizes_at;
        memmove(ob->sizes, ob->sizes + ob->sizes_at, ob->n_sizes * sizeof *ob->sizes);
        ob->sizes_at = 0;
    }
}

bool con_outbox_busy(const struct con_outbox *ob, size_t held) {
    return con_outbox_len(ob) + held > ob->bound;
}

void con_outbox_turn(struct con_outbox *ob, size_t held) {
    bool busy = con_outbox_busy(ob, held);
    if ((ob->was_busy && !busy) || con_outbox_len(ob) + held == 0)
        con_wake(&ob->sink->env);
    ob->was_busy = busy;
}

int64_t con_outbox_wait(const struct con_outbox *ob, uint64_t tries) {
    int64_t wait = ob->retry_min_us << (tries < OUTBOX_SHIFT_MAX ? tries : OUTBOX_SHIFT_MAX);
    return wait < ob->retry_max_us ? wait : ob->retry_max_us;
}

bool con_outbox_drained(struct con_outbox *ob) {
    int64_t now = con_mono(&ob->sink->env);
    if (ob->deadline_us == 0)
        ob->deadline_us = now + ob->drain_us;
    return now >= ob->deadline_us;
}

enum cep_rc con_outbox_give_up(struct con_outbox *ob, const char *to, struct cep_err *err) {
    uint64_t left = ob->sink->stats.pending;
    ob->sink->stats.failed += left;
    ob->sink->stats.pending = 0;
    outbox_clear(ob);
    return base_err_set(err, CEP_EIO, "%llu record%s could not be sent to %s before the end",
        (unsigned long long)left, left == 1 ? "" : "s", to);
}

void con_outbox_save(const struct con_outbox *ob, struct base_buf *to) {
    size_t at = ob->at;
    for (size_t i = ob->sizes_at; i < ob->n_sizes; at += ob->sizes[i++])
        base_pack_str(to, (struct base_str){ ob->buf.p + at, ob->sizes[i] });
}

bool con_outbox_tell(struct base_str state, struct base_buf *words) {
    struct base_unpack u = base_unpack_of(state);
    size_t n = 0, bytes = 0;
    for (; !u.bad && !base_unpack_at_end(&u); n++)
        bytes += base_unpack_str(&u).len;
    base_buf_printf(words, ": %zu record%s not delivered yet, %zu bytes", n, n == 1 ? "" : "s", bytes);
    return !u.bad;
}

enum cep_rc con_outbox_restore(struct con_outbox *ob, const struct con_sink_how *how, struct cep_err *err) {
    uint32_t n_subtasks = how->n_subtasks ? how->n_subtasks : 1;
    for (uint32_t i = how->subtask; i < how->n_states; i += n_subtasks) {
        struct base_unpack u = base_unpack_of(how->states[i]);
        while (!u.bad && !base_unpack_at_end(&u)) {
            struct base_str record = base_unpack_str(&u);
            size_t before = ob->buf.len;
            base_buf_str(&ob->buf, record);
            if (record.len > 0)
                outbox_added(ob, before);
        }
        if (u.bad)
            return base_err_set(err, CEP_EDAMAGED, "records that waited to be sent are damaged");
    }
    return CEP_OK;
}
