/*
 * rt_aggregate_slice -- an aggregation saved in slices, while rows come in.
 *
 * rt_aggregate_save() fixes the moment: META, what windows that share groups gave out (rt_given.h), and which rows wait. What follows in
 * rt_aggregate_save_some() is as it was then:
 *
 *     rows that wait   do not change; the copy holds their batches (rt_wait.h)
 *     groups           `saved` says which save they are in, or came after; one that is about to change or to go, and is not in
 *                      this one yet, is written first: rt_aggregate_opens()
 *     panes            one that goes before it was written stays until then (rt_window_time.c)
 *
 * Law: what is put out is, as a set of entries, what a save at once would have put out at the moment of the beginning.
 */
#include "runtime/rt_aggregate.h"

#include "base/base_mem.h"

enum { LOOK_COST = 8 /* of a group that is written already, in bytes: a line that has to be fetched */ };

static enum cep_rc on_put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct rt_agg_saving *s = arg;
    s->done += e->key.len + e->value.len;
    return s->out.put(s->out.arg, e, err);
}

void rt_aggregate_write_group(struct rt_aggregate *ag, struct rt_group *g, int64_t part) {
    struct rt_agg_saving *s = &ag->saving;
    struct sto_out out = { on_put, s };
    g->saved = s->number;
    if (s->rc == CEP_OK)
        s->rc = ag->window->put(ag, g, part, &out, &s->err);
}

void rt_aggregate_remove(struct rt_aggregate *ag, struct rt_groups *t, struct rt_group *g) {
    rt_aggregate_opens(ag, g, 0);
    /* The last one takes its place, which may be behind the save. */
    rt_aggregate_opens(ag, t->groups[t->n - 1], 0);
    rt_groups_remove(t, g);
}

enum cep_rc rt_aggregate_save_table(struct rt_aggregate *ag, const struct rt_groups *t, int64_t part) {
    struct rt_agg_saving *s = &ag->saving;
    if (s->at >= t->n)
        return CEP_NONE;
    struct rt_group *g = t->groups[s->at++];
    s->done += LOOK_COST;
    rt_aggregate_opens(ag, g, part);
    return CEP_AGAIN;
}

static void end(struct rt_aggregate *ag) {
    struct rt_agg_saving *s = &ag->saving;
    if (!s->open)
        return;
    s->open = false;
    rt_wait_copy_release(&s->rows);
    if (ag->window->save_end)
        ag->window->save_end(ag);
}

void rt_aggregate_save_cancel(struct rt_op *op) {
    end(rt_aggregate_of(op));
}

void rt_aggregate_saving_release(struct rt_aggregate *ag) {
    end(ag);
    base_buf_release(&ag->saving.key);
    base_buf_release(&ag->saving.value);
    base_buf_release(&ag->saving.all);
}

enum cep_rc rt_aggregate_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_aggregate *ag = rt_aggregate_of(op);
    struct rt_agg_saving *s = &ag->saving;
    s->out = *out;
    s->number = s->number == UINT16_MAX ? 1 : s->number + 1;
    s->at = 0;
    s->n_rows = 0;
    s->rc = CEP_OK;
    s->err = (struct cep_err)CEP_ERR_INIT;
    rt_wait_copy_init(&s->rows, &ag->wait);
    s->open = true;
    enum cep_rc rc = rt_aggregate_put_meta(ag, out, err);
    if (rc == CEP_OK && ag->window->save_begin)
        rc = ag->window->save_begin(ag, out, err);
    if (rc != CEP_OK)
        end(ag);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

/* Returns: false when there is no more. */
static bool next(struct rt_aggregate *ag) {
    struct rt_agg_saving *s = &ag->saving;
    struct sto_out out = { on_put, s };
    struct clk_row row;
    const struct evt_batch *prep;
    if (!rt_wait_copy_next(&s->rows, &row, &prep))
        return ag->window->save_next(ag) != CEP_NONE;
    s->rc = rt_aggregate_put_row(ag, prep, row.row, s->n_rows++, &out, &s->err);
    return true;
}

enum cep_rc rt_aggregate_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_aggregate *ag = rt_aggregate_of(op);
    struct rt_agg_saving *s = &ag->saving;
    bool more = true;
    s->done = 0;
    while (s->rc == CEP_OK && s->done < bytes && more)
        more = next(ag);
    if (s->rc == CEP_OK && more)
        return CEP_AGAIN;
    end(ag);
    if (s->rc != CEP_OK && err)
        *err = s->err;
    return s->rc;
}
