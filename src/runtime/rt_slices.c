/*
 * rt_slices -- see rt_slices.h.
 */
#include "runtime/rt_slices.h"

static enum cep_rc on_put(void *arg, const struct sto_entry *e, struct cep_err *err) {
    struct rt_slices *s = arg;
    s->done += e->key.len + e->value.len;
    return s->out.put(s->out.arg, e, err);
}

struct sto_out rt_slices_out(struct rt_slices *s) {
    return (struct sto_out){ on_put, s };
}

void rt_slices_begin(struct rt_slices *s, const struct rt_wait *wait, const struct sto_out *out) {
    s->out = *out;
    s->number = s->number == UINT16_MAX ? 1 : s->number + 1;
    s->at = 0;
    s->n_rows = 0;
    s->rc = CEP_OK;
    s->err = (struct cep_err)CEP_ERR_INIT;
    if (wait)
        rt_wait_copy_init(&s->rows, wait);
    s->open = true;
}

enum cep_rc rt_slices_some(struct rt_slices *s, size_t bytes,
    void (*row)(void *arg, uint32_t input, const struct evt_batch *b, uint32_t row), bool (*next)(void *arg),
    void *arg, struct cep_err *err) {
    const struct evt_batch *b;
    uint32_t input, at;
    bool more = true;
    s->done = 0;
    while (s->rc == CEP_OK && s->done < bytes && more) {
        if ((b = rt_wait_copy_next(&s->rows, &input, &at)))
            row(arg, input, b, at);
        else
            more = next(arg);
    }
    if (s->rc == CEP_OK && more)
        return CEP_AGAIN;
    if (s->rc != CEP_OK && err)
        *err = s->err;
    return s->rc;
}

bool rt_slices_end(struct rt_slices *s) {
    bool was = s->open;
    s->open = false;
    rt_wait_copy_release(&s->rows);
    return was;
}

void rt_slices_release(struct rt_slices *s) {
    (void)rt_slices_end(s);
    base_buf_release(&s->key);
    base_buf_release(&s->value);
}
