#pragma once
/*
 * expr_row -- evaluating an expression on one row of a batch: for alerts, templates and tests, where rows are few.
 *
 *     struct expr_row row;
 *     expr_row_init(&row, &scratch, now_us);
 *     expr_row_at(&row, batch, i);
 *     expr_eval(e, &row.env, &val);     // val may point into the batch and into scratch
 */
#include "event/evt_batch.h"
#include "expr/expr_eval.h"

struct expr_row {
    struct expr_env env;
    const struct evt_batch *batch; /* borrowed */
    uint32_t row;
};

void expr_row_init(struct expr_row *r, struct base_arena *scratch, int64_t now_us);
/* Moves to another row and forgets failures. */
void expr_row_at(struct expr_row *r, const struct evt_batch *batch, uint32_t row);
