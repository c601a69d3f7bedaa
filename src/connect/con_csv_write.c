/*
 * con_csv_write -- rows as CSV: quotes only where they are needed, and around text that would read as null.
 */
#include "base/base_arena.h"
#include "connect/con_csv.h"
#include "connect/con_num.h"

#include <math.h>

struct csv_enc {
    struct con_encoder enc;
    struct con_csv_dialect d;
    struct base_arena scratch;
    struct base_buf text; /* of one field */
    bool quote_all;
    bool plain_numbers; /* numbers and times never need quotes */
};

static void csv_write_text(struct csv_enc *ce, struct base_str s, struct base_buf *out) {
    bool quote = ce->quote_all || (s.len == ce->d.null_len && memcmp(s.p, ce->d.null, s.len) == 0) ||
                 (s.len && (s.p[0] == ' ' || s.p[s.len - 1] == ' '));
    for (size_t i = 0; i < s.len && !quote; i++)
        quote = s.p[i] == ce->d.delimiter || s.p[i] == '\n' || s.p[i] == '\r' ||
                (s.p[i] == ce->d.quote && ce->d.quote);
    if (!quote || !ce->d.quote) {
        base_buf_str(out, s);
        return;
    }
    base_buf_putc(out, ce->d.quote);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == ce->d.quote)
            base_buf_putc(out, ce->d.quote);
        base_buf_putc(out, s.p[i]);
    }
    base_buf_putc(out, ce->d.quote);
}

/* Numbers and times straight to the output. Returns: false for what may need quotes. */
static bool csv_write_number(
    const struct csv_enc *ce, const struct evt_col *c, uint32_t row, struct base_buf *out) {
    if (!ce->plain_numbers)
        return false;
    if (c->type->kind == EVT_INT)
        con_write_i64(out, c->i[row]);
    else if (c->type->kind == EVT_DOUBLE && isfinite(c->d[row]))
        base_write_f64(out, c->d[row]);
    else if (c->type->kind == EVT_TIMESTAMP)
        con_write_timestamp(out, c->i[row]);
    else
        return false;
    return true;
}

static void csv_write_begin(struct con_encoder *enc, struct base_buf *out) {
    struct csv_enc *ce = (struct csv_enc *)enc;
    if (!ce->d.header)
        return;
    for (uint32_t i = 0; i < enc->schema->n_visible; i++) {
        if (i > 0)
            base_buf_putc(out, ce->d.delimiter);
        csv_write_text(ce, enc->schema->cols[i].name, out);
    }
    base_buf_putc(out, '\n');
}

static void csv_write_row(
    struct con_encoder *enc, const struct evt_batch *batch, uint32_t row, struct base_buf *out) {
    struct csv_enc *ce = (struct csv_enc *)enc;
    for (uint32_t i = 0; i < enc->schema->n_visible; i++) {
        const struct evt_col *c = &batch->cols[i];
        if (i > 0)
            base_buf_putc(out, ce->d.delimiter);
        if (evt_col_is_null(c, row)) {
            base_buf_add(out, ce->d.null, ce->d.null_len);
            continue;
        }
        if (csv_write_number(ce, c, row, out))
            continue;
        if (c->type->kind == EVT_STRING) {
            csv_write_text(ce, evt_col_str(c, row), out);
            continue;
        }
        struct evt_val v;
        evt_col_get(c, row, &ce->scratch, &v);
        base_buf_clear(&ce->text);
        if (c->type->kind == EVT_TIMESTAMP)
            con_write_timestamp(&ce->text, v.i);
        else
            evt_val_write_text(&ce->text, c->type, &v);
        csv_write_text(ce, base_buf_view(&ce->text), out);
    }
    base_buf_putc(out, '\n');
    if (ce->scratch.used)
        base_arena_clear(&ce->scratch);
}

static void csv_write_close(struct con_encoder *enc) {
    struct csv_enc *ce = (struct csv_enc *)enc;
    base_arena_release(&ce->scratch);
    base_buf_release(&ce->text);
    base_free(ce);
}

static enum cep_rc csv_write_open(const struct plan_sink *sink, const struct evt_schema *schema,
    struct con_encoder **out, struct cep_err *err) {
    struct csv_enc *ce = base_calloc(1, sizeof *ce);
    ce->enc = (struct con_encoder){ .vt = &con_csv_encoder, .schema = schema };
    base_arena_init(&ce->scratch, 0);
    ce->quote_all = plan_opt_bool(sink->format_opts, sink->n_format_opts, "quote_all", false);
    enum cep_rc rc = con_csv_dialect(&ce->d, sink->format_opts, sink->n_format_opts, err);
    ce->plain_numbers = !ce->quote_all && ce->d.null_len == 0 &&
                        !strchr("0123456789+-.:eTZ", ce->d.delimiter) &&
                        !(ce->d.quote && strchr("0123456789+-.:eTZ", ce->d.quote));
    if (rc != CEP_OK) {
        csv_write_close(&ce->enc);
        return rc;
    }
    *out = &ce->enc;
    return CEP_OK;
}

const struct con_encoder_vt con_csv_encoder = { .content_type = "text/csv",
    .suffix = "csv",
    .open = csv_write_open,
    .begin = csv_write_begin,
    .row = csv_write_row,
    .close = csv_write_close };
