/*
 * con_json_write -- rows as JSON, one object a line: LANGUAGE's rules (timestamps RFC 3339, decimals and durations as
 * strings, bytes base64). Keys are written once, when the sink opens.
 */
#include "connect/con_json.h"

#include "base/base_arena.h"
#include "connect/con_num.h"

#include <math.h>

struct json_enc {
    struct con_encoder enc;
    struct base_arena scratch; /* nested values of one row */
    struct base_str *keys;     /* owned: `{"a":`, `,"b":` */
};

static void json_write_cell(
    struct json_enc *je, const struct evt_col *c, uint32_t row, struct base_buf *out) {
    if (evt_col_is_null(c, row)) {
        base_buf_add(out, "null", 4);
        return;
    }
    switch (c->type->kind) {
    case EVT_INT: con_write_i64(out, c->i[row]); return;
    case EVT_DOUBLE:
        if (isfinite(c->d[row]))
            base_write_f64(out, c->d[row]);
        else
            base_buf_add(out, "null", 4);
        return;
    case EVT_STRING: evt_json_write_str(out, evt_col_str(c, row)); return;
    case EVT_TIMESTAMP:
        base_buf_putc(out, '"');
        con_write_timestamp(out, c->i[row]);
        base_buf_putc(out, '"');
        return;
    case EVT_NULL:
    case EVT_BOOL:
    case EVT_BYTES:
    case EVT_DURATION:
    case EVT_DECIMAL:
    case EVT_ARRAY:
    case EVT_ROW:
    case EVT_KIND_MAX: break;
    }
    struct evt_val v;
    evt_col_get(c, row, &je->scratch, &v);
    evt_val_write_json(out, c->type, &v);
}

static void json_write_row(
    struct con_encoder *enc, const struct evt_batch *batch, uint32_t row, struct base_buf *out) {
    struct json_enc *je = (struct json_enc *)enc;
    for (uint32_t i = 0; i < enc->schema->n_visible; i++) {
        base_buf_str(out, je->keys[i]);
        json_write_cell(je, &batch->cols[i], row, out);
    }
    if (enc->schema->n_visible == 0)
        base_buf_putc(out, '{');
    base_buf_add(out, "}\n", 2);
    if (je->scratch.used)
        base_arena_clear(&je->scratch);
}

static void json_write_close(struct con_encoder *enc) {
    struct json_enc *je = (struct json_enc *)enc;
    for (uint32_t i = 0; i < enc->schema->n_visible; i++)
        base_free((void *)(uintptr_t)je->keys[i].p);
    base_free(je->keys);
    base_arena_release(&je->scratch);
    base_free(je);
}

static enum cep_rc json_write_open(const struct plan_sink *sink, const struct evt_schema *schema,
    struct con_encoder **out, struct cep_err *err) {
    (void)sink;
    (void)err;
    struct json_enc *je = base_calloc(1, sizeof *je);
    je->enc = (struct con_encoder){ .vt = &con_json_encoder, .schema = schema };
    base_arena_init(&je->scratch, 0);
    je->keys = base_calloc(schema->n_visible ? schema->n_visible : 1, sizeof *je->keys);
    for (uint32_t i = 0; i < schema->n_visible; i++) {
        struct base_buf key = BASE_BUF_INIT;
        base_buf_putc(&key, i ? ',' : '{');
        evt_json_write_str(&key, schema->cols[i].name);
        base_buf_putc(&key, ':');
        je->keys[i] = base_buf_view(&key); /* the buffer is kept */
    }
    *out = &je->enc;
    return CEP_OK;
}

const struct con_encoder_vt con_json_encoder = { .content_type = "application/json",
    .suffix = "ndjson",
    .open = json_write_open,
    .row = json_write_row,
    .close = json_write_close };
