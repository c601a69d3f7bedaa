/*
 * sto_loss -- state that found no place, counted; see sto.h.
 */
#include "base/base_mem.h"
#include "state/sto.h"

void sto_losses_init(struct sto_losses *l) {
    *l = (struct sto_losses){ .n = 0 };
}

void sto_losses_release(struct sto_losses *l) {
    for (size_t i = 0; i < l->n; i++) {
        base_free(l->v[i].op);
        base_free(l->v[i].what);
    }
    base_free(l->v);
    sto_losses_init(l);
}

void sto_lose(struct sto_losses *l, struct base_str op, struct base_str what, uint64_t n) {
    if (!l || n == 0)
        return;
    for (size_t i = 0; i < l->n; i++) {
        if (base_str_eq(base_str_of(l->v[i].op), op) && base_str_eq(base_str_of(l->v[i].what), what)) {
            l->v[i].n += n;
            return;
        }
    }
    l->v = base_grow(l->v, l->n, &l->cap, sizeof *l->v);
    l->v[l->n++] = (struct sto_loss){ base_strndup(op.p ? op.p : "", op.len),
        base_strndup(what.p ? what.p : "", what.len), n };
}

uint64_t sto_losses_total(const struct sto_losses *l) {
    uint64_t n = 0;
    for (size_t i = 0; i < l->n; i++)
        n += l->v[i].n;
    return n;
}
