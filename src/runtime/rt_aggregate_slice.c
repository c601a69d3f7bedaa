/*
 * rt_aggregate_slice -- an aggregation saved in slices, while rows come in.
 *
 * rt_aggregate_save() fixes the moment: META, and which rows wait. What follows in rt_aggregate_save_some() is as it was then:
 *
 *     rows that wait   do not change; the copy holds their batches (rt_slices.h)
 *     groups           one that is about to change or to go is written first: rt_aggregate_opens()
 *     panes            one that goes before it was written stays until then (rt_panes.h); what overlapping windows gave is kept in such, too
 *
 * Law: what is put out is, as a set of entries, what a save at once would have put out at the moment of the beginning.
 */
#include "runtime/rt_aggregate.h"

#include "base/base_mem.h"

void rt_aggregate_write_group(struct rt_aggregate *ag, struct rt_group *g, int64_t part) {
    struct rt_slices *s = &ag->saving;
    struct sto_out out = rt_slices_out(s);
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

enum cep_rc rt_aggregate_save_table(struct rt_aggregate *ag, const struct rt_groups *t) {
    struct rt_slices *s = &ag->saving;
    if (s->at >= t->n)
        return CEP_NONE;
    struct rt_group *g = t->groups[s->at++];
    s->done += RT_SLICES_LOOK;
    rt_aggregate_opens(ag, g, 0);
    return CEP_AGAIN;
}

static void end(struct rt_aggregate *ag) {
    if (rt_slices_end(&ag->saving) && ag->window->save_end)
        ag->window->save_end(ag);
}

void rt_aggregate_save_cancel(struct rt_op *op) {
    end(rt_aggregate_of(op));
}

void rt_aggregate_saving_release(struct rt_aggregate *ag) {
    end(ag);
    rt_slices_release(&ag->saving);
    base_buf_release(&ag->all);
}

enum cep_rc rt_aggregate_save(struct rt_op *op, const struct sto_out *out, struct cep_err *err) {
    struct rt_aggregate *ag = rt_aggregate_of(op);
    rt_slices_begin(&ag->saving, &ag->wait, out);
    if (ag->window->save_begin)
        ag->window->save_begin(ag);
    enum cep_rc rc = rt_aggregate_put_meta(ag, out, err);
    if (rc != CEP_OK)
        end(ag);
    return rc == CEP_OK ? CEP_AGAIN : rc;
}

static void put_row(void *arg, uint32_t input, const struct evt_batch *prep, uint32_t row) {
    struct rt_aggregate *ag = arg;
    (void)input;
    struct rt_slices *s = &ag->saving;
    struct sto_out out = rt_slices_out(s);
    s->rc = rt_aggregate_put_row(ag, prep, row, s->n_rows++, &out, &s->err);
}

static bool next(void *arg) {
    struct rt_aggregate *ag = arg;
    return ag->window->save_next(ag) != CEP_NONE;
}

enum cep_rc rt_aggregate_save_some(struct rt_op *op, size_t bytes, struct cep_err *err) {
    struct rt_aggregate *ag = rt_aggregate_of(op);
    enum cep_rc rc = rt_slices_some(&ag->saving, bytes, put_row, next, ag, err);
    if (rc != CEP_AGAIN)
        end(ag);
    return rc;
}
