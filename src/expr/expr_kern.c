/*
 * expr_kern -- which builds of the loops there are, and arithmetic over whole columns. A block is computed and looked at for
 * failures together; only blocks that have one leave marks.
 */
#include "expr/expr_kern.h"

#include "base/base_check.h"

#include <stddef.h>

extern const struct expr_kern expr_kern_plain;
#ifdef CEP_KERN_LEVELS
extern const struct expr_kern expr_kern_v2, expr_kern_v3;
#endif

const struct expr_kern *expr_kern_at(uint32_t i) {
    static const struct expr_kern *const builds[] = {
#ifdef CEP_KERN_LEVELS
        &expr_kern_v3,
        &expr_kern_v2,
#endif
        &expr_kern_plain,
    };
    for (size_t k = 0; k < CEP_COUNT_OF(builds); k++)
        if (builds[k]->runs_here() && i-- == 0)
            return builds[k];
    return NULL;
}

/* What a block returned, put where all blocks' failures are kept. Returns: has any block failed so far? */
static bool arith_note(uint64_t bits, bool any, uint32_t k, uint32_t n_blocks, uint64_t *failed) {
    if (!bits && !any)
        return false;
    if (!any)
        memset(failed, 0, n_blocks * sizeof *failed);
    failed[k] = bits;
    return true;
}

bool expr_kern_arith_i(const struct expr_kern *kern, enum expr_arith op, const int64_t *a, uint32_t a_step,
    const int64_t *b, uint32_t b_step, const uint64_t *sel, uint32_t n_blocks, int64_t *out,
    uint64_t *failed) {
    bool any = false;
    for (size_t k = 0; k < n_blocks; k++) {
        uint64_t bits = 0;
        if (sel[k])
            bits = kern->arith_i[op](
                a + k * a_step * EXPR_BLOCK, b + k * b_step * EXPR_BLOCK, out + k * EXPR_BLOCK);
        any = arith_note(bits, any, (uint32_t)k, n_blocks, failed);
    }
    return any;
}

bool expr_kern_arith_d(const struct expr_kern *kern, enum expr_arith op, const double *a, uint32_t a_step,
    const double *b, uint32_t b_step, const uint64_t *sel, uint32_t n_blocks, double *out, uint64_t *failed) {
    bool any = false;
    for (size_t k = 0; k < n_blocks; k++) {
        uint64_t bits = 0;
        if (sel[k])
            bits = kern->arith_d[op](
                a + k * a_step * EXPR_BLOCK, b + k * b_step * EXPR_BLOCK, out + k * EXPR_BLOCK);
        any = arith_note(bits, any, (uint32_t)k, n_blocks, failed);
    }
    return any;
}
