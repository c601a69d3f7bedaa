/*
 * probe -- an operator for tests, that does what `v` says; of a stream (k string, v int, at timestamp), partition by k.
 *
 *     null      rejects the row                     -1   fails                 -2  emits text as a number
 *     -3        a timer of processing time, 5 s on  -4   cancels the timer that a row with v = 1 set at that time
 *     -5        forgets everything                  -6   puts text into a state of whole numbers
 *     others    remembers v in a value (how many, their sum), the last three in a list, how often in a map, all texts seen as an
 *               array; emits; sets a timer 10 s on with the tag v; 100 and more also go to `big`
 */
#include <cep/operator.h>

#include <stdlib.h>

#ifndef PROBE_ABI
#define PROBE_ABI CEP_ABI_VERSION
#endif

enum { S = 1000000 };
enum { SUM = 0, LAST, COUNTS, TEXTS, N_STATES };

static const struct cep_field sum_fields[] = { { "n", &cep_type_int, false },
    { "sum", &cep_type_int, false } };
static const struct cep_type sum_type = { CEP_ROW, 0, 0, NULL, 2, sum_fields };
static const struct cep_type texts_type = { CEP_ARRAY, 0, 0, &cep_type_string, 0, NULL };

static const struct cep_state states[N_STATES] = {
    [SUM] = { "sum", CEP_STATE_VALUE, &sum_type, NULL },
    [LAST] = { "last", CEP_STATE_LIST, &cep_type_int, NULL },
    [COUNTS] = { "counts", CEP_STATE_MAP, &cep_type_int, &cep_type_int },
    [TEXTS] = { "texts", CEP_STATE_VALUE, &texts_type, NULL },
};
static const struct cep_option options[] = {
    { "factor", CEP_INT, false, "what v is multiplied by" },
    { "label", CEP_STRING, false, "what rows are called" },
    { NULL, CEP_NULL, false, NULL },
};
static const struct cep_field big_columns[] = { { "k", &cep_type_string, false },
    { "v", &cep_type_int, false } };
static const struct cep_side sides[] = { { "big", { 2, big_columns } } };

struct probe {
    int64_t factor;
    char label[16];
};

static enum cep_rc check(const struct cep_setup *s, struct cep_mistake *m) {
    if (cep_option_int(s, "factor", 1) == 0)
        return cep_mistake(m, "factor", "a factor of %d makes nothing of everything", 0);
    return s->output.n_fields == 5 ? CEP_OK
                                   : cep_mistake(m, NULL, "five columns, not %u", s->output.n_fields);
}

static enum cep_rc open_probe(const struct cep_setup *s, void **self, struct cep_mistake *m) {
    struct probe *p = calloc(1, sizeof *p);
    const struct cep_value *label = cep_option(s, "label");
    if (!p)
        return cep_mistake(m, NULL, "no memory");
    p->factor = cep_option_int(s, "factor", 1);
    (void)snprintf(
        p->label, sizeof p->label, "%.*s", label ? (int)label->s.len : 3, label ? label->s.p : "row");
    *self = p;
    return CEP_OK;
}

static enum cep_rc tell(struct cep_ctx *ctx, const char *what, int64_t n, int64_t sum) {
    char text[256];
    int len = 0;
    struct cep_value v, k, cells[5];
    uint32_t n_keys;
    for (uint32_t i = 0; i < cep_list_len(ctx, LAST); i++) {
        cep_list_get(ctx, LAST, i, &v);
        len += snprintf(text + len, sizeof text - (size_t)len, "%s%d", i ? " " : "", (int)v.i);
    }
    for (uint32_t it = 0; cep_map_next(ctx, COUNTS, &it, &k, &v) && len < 200;)
        len += snprintf(text + len, sizeof text - (size_t)len, " %d:%d", (int)k.i, (int)v.i);
    if (cep_value_get(ctx, TEXTS, &v) && v.list.n > 0)
        len += snprintf(text + len, sizeof text - (size_t)len, " %u %.*s", v.list.n,
            (int)v.list.v[v.list.n - 1].s.len, v.list.v[v.list.n - 1].s.p);
    cells[0] = cep_key(ctx, &n_keys)[0];
    cells[1] = cep_string(what);
    cells[2] = cep_int(n);
    cells[3] = cep_int(sum);
    cells[4] = cep_string_n(text, (size_t)len);
    return cep_emit(ctx, 0, cells, 5);
}

static void remember(struct cep_ctx *ctx, int64_t v, struct cep_value sum[2]) {
    struct cep_value old, one = cep_int(v), n = cep_int(0), key = cep_int(v % 3), texts[4], list;
    uint32_t n_texts = 0;
    char text[32];
    if (cep_value_get(ctx, SUM, &old)) {
        sum[0] = old.list.v[0];
        sum[1] = old.list.v[1];
    }
    sum[0] = cep_int(sum[0].i + 1);
    sum[1] = cep_int(sum[1].i + v);
    old = cep_list(CEP_ROW, sum, 2);
    cep_value_set(ctx, SUM, &old);
    cep_list_add(ctx, LAST, &one);
    if (cep_list_len(ctx, LAST) > 3)
        cep_list_drop(ctx, LAST, 1);
    (void)cep_map_get(ctx, COUNTS, &key, &n);
    n = cep_int(n.i + 1);
    cep_map_put(ctx, COUNTS, &key, &n);
    if (cep_value_get(ctx, TEXTS, &list))
        for (; n_texts < list.list.n && n_texts < 3; n_texts++)
            texts[n_texts] = list.list.v[n_texts];
    (void)snprintf(text, sizeof text, "v%d", (int)v);
    texts[n_texts++] = cep_string(text);
    list = cep_list(CEP_ARRAY, texts, n_texts);
    cep_value_set(ctx, TEXTS, &list);
}

static void forget(struct cep_ctx *ctx) {
    struct cep_value k, v;
    cep_value_set(ctx, SUM, NULL);
    cep_value_set(ctx, TEXTS, NULL);
    cep_list_drop(ctx, LAST, cep_list_len(ctx, LAST));
    for (uint32_t it = 0; cep_map_next(ctx, COUNTS, &it, &k, &v);)
        cep_map_remove(ctx, COUNTS, &k);
}

static enum cep_rc row(void *self, struct cep_ctx *ctx, const struct cep_row *r) {
    const struct probe *p = self;
    struct cep_value sum[2] = { cep_int(0), cep_int(0) }, cells[5];
    int64_t v = cep_row_int(r, 1);
    if (cep_row_is_null(r, 1))
        return cep_reject(ctx, "v is null");
    switch (v) {
    case -1: return cep_fail(ctx, "told to");
    case -2:
        for (int i = 0; i < 5; i++)
            cells[i] = cep_string("x");
        return cep_emit(ctx, 0, cells, 5);
    case -3:
        cep_timer_set(ctx, CEP_PROCESSING_TIME, cep_time(ctx, CEP_PROCESSING_TIME) + 5 * S, -3);
        return CEP_OK;
    case -4: cep_timer_cancel(ctx, CEP_EVENT_TIME, r->time + 10 * S, 1); return CEP_OK;
    case -5: forget(ctx); return CEP_OK;
    case -6:
        cells[0] = cep_string("x");
        cep_list_add(ctx, LAST, &cells[0]);
        return CEP_OK;
    default: break;
    }
    v *= p->factor;
    remember(ctx, v, sum);
    cep_timer_set(ctx, CEP_EVENT_TIME, r->time + 10 * S, v);
    if (v >= 100) {
        cells[0] = r->cells[0];
        cells[1] = cep_int(v);
        enum cep_rc rc = cep_emit(ctx, 1, cells, 2);
        if (rc != CEP_OK)
            return rc;
    }
    return tell(ctx, p->label, sum[0].i, sum[1].i);
}

/* One with the tag 50 is set again and again; one with 13 is none it likes. */
static enum cep_rc timer(void *self, struct cep_ctx *ctx, const struct cep_timer *t) {
    (void)self;
    if (t->tag == 13)
        return cep_reject(ctx, "13");
    if (t->tag == 50)
        cep_timer_set(ctx, t->clock, t->at + 10 * S, 50);
    return tell(ctx, t->clock == CEP_EVENT_TIME ? "timer" : "clock", t->tag, cep_ending(ctx));
}

static const struct cep_operator probe = { .options = options,
    .states = states,
    .n_states = N_STATES,
    .sides = sides,
    .n_sides = 1,
    .check = check,
    .open = open_probe,
    .row = row,
    .timer = timer,
    .close = free };

static const struct cep_library library = { PROBE_ABI, sizeof library, .name = "probe", .op = &probe };

CEP_EXPORT const struct cep_library *cep_library(void) {
    return &library;
}
