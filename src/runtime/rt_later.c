/*
 * rt_later -- see rt_later.h.
 */
#include "runtime/rt_later.h"
#include "runtime/rt_job_internal.h"

#include "base/base_mem.h"

enum {
    STEP_BYTES = 16 << 10, /* between two looks at the clock: some 0.1 ms */
    LEAST_BYTES = 256      /* a key or two */
};

void rt_later_add(struct rt_later *l, struct rt_op *op) {
    l->ops = base_grow(l->ops, l->n_ops, &l->cap_ops, sizeof(struct rt_op *));
    l->ops[l->n_ops++] = op;
}

void rt_later_keep(struct rt_later *l, struct rt_part *part) {
    l->parts = base_grow(l->parts, l->n_parts, &l->cap_parts, sizeof(struct rt_part *));
    l->parts[l->n_parts++] = rt_part_ref(part);
}

/* Operators read on in the order of the parts, and touch others here and there: all of it goes now and then, and what is needed comes again. */
static void let_go(struct rt_later *l, size_t n_read) {
    l->n_read += n_read;
    if (l->n_read < STO_FILE_AHEAD)
        return;
    l->n_read = 0;
    for (size_t i = 0; i < l->n_parts; i++)
        rt_part_let_go(l->parts[i], 0, rt_part_view(l->parts[i]).len);
}

enum cep_rc rt_later_some(struct rt_task *task, int64_t us, struct cep_err *err) {
    struct rt_later *l = &task->later;
    const struct clk *clk = task->job->opts.clk;
    int64_t from = clk_mono(clk);
    size_t bytes = us == 0 ? LEAST_BYTES : STEP_BYTES;
    do {
        struct rt_op *op = l->ops[l->n_ops - 1];
        enum cep_rc rc = op->vt->load_some(op, bytes, err);
        let_go(l, bytes);
        if (rc == CEP_AGAIN)
            continue;
        if (rc != CEP_OK)
            return rc;
        if (--l->n_ops == 0)
            rt_later_release(l);
    } while (l->n_ops > 0 && clk_mono(clk) - from < us);
    return CEP_OK;
}

void rt_later_release(struct rt_later *l) {
    for (size_t i = 0; i < l->n_parts; i++)
        rt_part_unref(l->parts[i]);
    base_free(l->parts);
    base_free(l->ops);
    *l = (struct rt_later){ .n_ops = 0 };
}
