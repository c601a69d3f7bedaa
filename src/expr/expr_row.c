/*
 * expr_row -- see expr_row.h.
 */
#include "expr/expr_row.h"

#include "base/base_check.h"

static void row_col(struct expr_env *env, uint32_t index, struct evt_val *out) {
    const struct expr_row *r = CEP_CONTAINER_OF(env, struct expr_row, env);
    evt_col_get(&r->batch->cols[index], r->row, env->scratch, out);
}

static const struct expr_env_ops row_ops = { .col = row_col };

void expr_row_init(struct expr_row *r, struct base_arena *scratch, int64_t now_us) {
    *r = (struct expr_row){ .env = { .ops = &row_ops, .scratch = scratch, .now_us = now_us } };
}

void expr_row_at(struct expr_row *r, const struct evt_batch *batch, uint32_t row) {
    r->batch = batch;
    r->row = row;
    r->env.failure = NULL;
}
